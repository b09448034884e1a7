"""Promises 3 and 4 against SIGKILL: what was acknowledged is there, once; what was not can be asked again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.check import migrate
from tests.support.people import SomeoneFactory
from tests.support.postgres import Server
from tests.support.service import Gone, Service

ACCOUNTS = 12
CALLERS = 12
ENOUGH = 150
DEPOSIT = "100000.00"


AGAIN_MAX = 10


def ask(service: Service, *request: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
    """A request as a good caller makes it: a 503 says to send the same again."""
    for _ in range(AGAIN_MAX):
        answer = service.call(*request)
        if answer[0] != 503:
            return answer
    raise AssertionError(f"unavailable {AGAIN_MAX} times, though the service said that it is ready")


class Load:
    """Callers that spend until the service is gone, and remember what they sent and what they were told."""

    def __init__(self, service: Service, accounts: list[str], run: str) -> None:
        self.service = service
        self.accounts = accounts
        self.run = run
        self.sent: dict[str, tuple[str, dict[str, Any]]] = {}
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.odd: list[tuple[int, dict[str, Any]]] = []
        self.enough = threading.Event()
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._spend, args=(caller,)) for caller in range(CALLERS)]

    def _spend(self, caller: int) -> None:
        number = 0
        while not self.stopping.is_set():
            number += 1
            key = f"{self.run}-{caller}-{number}"
            account = self.accounts[(caller + number) % len(self.accounts)]
            body = {
                "amount": "1.25",
                "effective_on": "2026-03-01",
                "institution": "H0001",
                "source_ref": key,
            }
            with self._lock:
                self.sent[key] = (account, body)
            try:
                status, answer, _ = self.service.call("POST", f"/v1/accounts/{account}/spendings", body, key)
            except Gone:
                return
            with self._lock:
                if status == 201:
                    self.acknowledged[key] = answer
                elif status == 503:
                    return
                else:
                    self.odd.append((status, answer))
                if len(self.acknowledged) >= ENOUGH:
                    self.enough.set()

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()
        assert self.enough.wait(99), f"only {len(self.acknowledged)} spends were acknowledged: {self.odd[:3]}"

    def end(self) -> None:
        self.stopping.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def check(self) -> None:
        """Every acknowledged receipt is in the book as it was told, and every request can be sent again."""
        assert self.odd == []
        for receipt in self.acknowledged.values():
            status, entry, _ = ask(self.service, "GET", f"/v1/entries/{receipt['entry']}")
            assert status == 200
            assert {name: entry[name] for name in ("seq", "amount", "balance", "recorded_at")} == {
                name: receipt[name] for name in ("seq", "amount", "balance", "recorded_at")
            }
        for key, (account, body) in self.sent.items():
            status, answer, headers = ask(
                self.service, "POST", f"/v1/accounts/{account}/spendings", body, key
            )
            assert status == 201
            if key in self.acknowledged:
                assert {name.lower(): value for name, value in headers.items()}[
                    "idempotent-replayed"
                ] == "true"
                assert answer["entry"] == self.acknowledged[key]["entry"]


def open_accounts(service: Service) -> list[str]:
    accounts = []
    for number in range(ACCOUNTS):
        someone = SomeoneFactory()
        status, answer, _ = service.call(
            "POST",
            "/v1/accounts",
            {
                "id_number": someone.id_number,
                "name": someone.name,
                "area": "990100",
                "opened_on": "2026-01-01",
                "opening": {"current_year": "0.00", "carried_over": DEPOSIT, "source_ref": "takeover"},
            },
            f"open-{number}",
        )
        assert status == 201, answer
        accounts.append(answer["account_no"])
    return accounts


def check_whole(service: Service, accounts: list[str], spends: int) -> None:
    """Verify is clean, and the money that left is that of the spends, each once."""
    verified = service.command("verify")
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["findings"] == []
    fen = 0
    for account in accounts:
        status, balance, _ = ask(service, "GET", f"/v1/accounts/{account}/balance")
        assert status == 200
        fen += int(balance["balance"].replace(".", ""))
    assert fen == ACCOUNTS * int(DEPOSIT.replace(".", "")) - 125 * spends


@pytest.fixture
def on_postgres(tmp_path: Path, postgres_to_kill: Server) -> Iterator[tuple[Service, Server]]:
    postgres_to_kill.create_database("crash")
    url = postgres_to_kill.url("crash")
    migrate(url)
    service = Service(tmp_path / "data", url)
    service.start()
    yield service, postgres_to_kill
    service.stop()


@pytest.mark.postgres
def test_service_then_database_are_killed_under_load(on_postgres: tuple[Service, Server]) -> None:
    service, server = on_postgres
    accounts = open_accounts(service)

    first = Load(service, accounts, "a")
    first.begin()
    service.kill()
    first.end()
    service.start()
    first.check()

    second = Load(service, accounts, "b")
    second.begin()
    server.kill()
    second.end()
    server.start()
    # the same process finds its database again
    service.wait_ready()
    second.check()

    check_whole(service, accounts, len(first.sent) + len(second.sent))


@pytest.mark.slow
@pytest.mark.sqlite
def test_service_on_sqlite_is_killed_under_load(tmp_path: Path) -> None:
    service = Service(tmp_path / "data")
    service.start()
    try:
        accounts = open_accounts(service)
        load = Load(service, accounts, "a")
        load.begin()
        service.kill()
        load.end()
        service.start()
        load.check()
        check_whole(service, accounts, len(load.sent))
    finally:
        service.stop()
