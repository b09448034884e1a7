"""A database that is there and says nothing: callers are told in time, nothing is lost or doubled."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from tests.check import migrate
from tests.support.cable import Cable
from tests.support.postgres import Server
from tests.support.service import Gone, Service
from tests.whole.test_crash import ask, check_whole, open_accounts

pytestmark = pytest.mark.postgres

DEADLINE_SECONDS = 4
FROZEN_SECONDS = 20
READY_SECONDS_MAX = 2.0
# an answer to a deadline comes within this; else the caller hangs up and the test fails
ANSWER_SECONDS_MAX = 3 * DEADLINE_SECONDS
SPENDERS = 6


class Callers:
    """Callers that spend all the time, and remember what they sent and what they were told."""

    def __init__(self, service: Service, accounts: list[str]) -> None:
        self._service = service
        self._accounts = accounts
        self.sent: dict[str, tuple[str, dict[str, Any]]] = {}
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.told: list[tuple[int, str, dict[str, str]]] = []
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._spend, args=(n,)) for n in range(SPENDERS)]
        self._lock = threading.Lock()

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def wait_for(self, acknowledged: int) -> None:
        until = time.monotonic() + 60
        while len(self.acknowledged) < acknowledged:
            assert time.monotonic() < until, self.told[-3:]
            time.sleep(0.01)

    def _spend(self, caller: int) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            key = f"frozen-{caller}-{number}"
            account = self._accounts[(caller + number) % len(self._accounts)]
            body = {
                "amount": "1.25",
                "effective_on": "2026-03-01",
                "institution": "H0001",
                "source_ref": key,
            }
            with self._lock:
                self.sent[key] = (account, body)
            path = f"/v1/accounts/{account}/spendings"
            try:
                status, answer, headers = self._service.call(
                    "POST", path, body, key, seconds=ANSWER_SECONDS_MAX
                )
            except Gone:
                status, answer, headers = 0, {"code": "nothing"}, {}
            with self._lock:
                if status == 201:
                    self.acknowledged[key] = answer
                else:
                    self.told.append((status, str(answer.get("code")), headers))

    def check(self) -> None:
        """What was told was told in time and honestly, and every key tells what became of its command."""
        assert {status for status, _code, _headers in self.told} <= {503}, self.told[:5]
        for _status, code, headers in self.told:
            assert code in {"deadline", "outcome_unknown", "database_unavailable"}, code
            assert int(headers["retry-after"]) >= 1
        for key, (account, body) in self.sent.items():
            path = f"/v1/accounts/{account}/spendings"
            status, answer, _ = ask(self._service, "POST", path, body, key)
            assert status == 201
            if key in self.acknowledged:
                assert answer["entry"] == self.acknowledged[key]["entry"]


def started(folder: Path, url: str) -> Service:
    service = Service(folder / "data", url)
    service.environment["LEDGER_DEADLINE_SECONDS"] = str(DEADLINE_SECONDS)
    service.start()
    return service


@pytest.fixture
def database_url(postgres_to_kill: Server) -> str:
    url = postgres_to_kill.create_database("frozen")
    migrate(url)
    return url


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[Service]:
    service = started(tmp_path, database_url)
    yield service
    service.stop()


def told(service: Service, path: str, seconds: float = ANSWER_SECONDS_MAX) -> tuple[int, str, str]:
    """Status, code and Retry-After of an answer; Gone when there is none in time."""
    status, answer, headers = service.call("GET", path, seconds=seconds)
    return status, str(answer.get("code")), headers.get("retry-after", "")


def test_postgresql_is_frozen_for_twenty_seconds(service: Service, postgres_to_kill: Server) -> None:
    accounts = open_accounts(service)
    balance = f"/v1/accounts/{accounts[0]}/balance"
    readings: list[tuple[int, str, str]] = []

    def read() -> None:
        readings.append(told(service, balance))

    with Callers(service, accounts) as callers:
        callers.wait_for(50)
        with postgres_to_kill.frozen():
            frozen_at = time.monotonic()
            # more than there are threads that read
            readers = [threading.Thread(target=read) for _ in range(8)]
            for reader in readers:
                reader.start()
            while time.monotonic() < frozen_at + FROZEN_SECONDS:
                assert told(service, "/readyz", READY_SECONDS_MAX) == (503, "database_unavailable", "1")
                # what needs no database is answered
                assert service.call("GET", "/livez", seconds=READY_SECONDS_MAX)[0] == 200
            for reader in readers:
                reader.join(60)
        before = len(callers.acknowledged)
        callers.wait_for(before + 50)
        service.wait_ready()
    assert len(readings) == 8
    assert {(status, bool(after)) for status, _code, after in readings} == {(503, True)}
    assert {code for _status, code, _after in readings} <= {"deadline", "database_unavailable"}
    assert any(code == "deadline" for _status, code, _headers in callers.told)
    callers.check()
    check_whole(service, accounts, len(callers.sent))


def test_the_cable_to_the_database_is_cut_without_a_word(
    tmp_path: Path, postgres_to_kill: Server, database_url: str
) -> None:
    with Cable(postgres_to_kill.socket) as cable:
        plain = make_url(database_url).difference_update_query(["host", "port"])
        url = plain.set(host="127.0.0.1", port=cable.port).render_as_string(hide_password=False)
        service = started(tmp_path, url)
        try:
            accounts = open_accounts(service)
            balance = f"/v1/accounts/{accounts[0]}/balance"
            assert told(service, balance)[0] == 200
            with Callers(service, accounts) as callers:
                callers.wait_for(50)
                cable.cut()
                assert told(service, "/readyz", READY_SECONDS_MAX) == (503, "database_unavailable", "1")
                status, _code, after = told(service, balance)
                assert (status, bool(after)) == (503, True)
                cable.mend()
                # the process finds out by itself that its connections lead nowhere
                before = len(callers.acknowledged)
                callers.wait_for(before + 50)
                service.wait_ready()
            assert any(code == "deadline" for _status, code, _headers in callers.told)
            assert ask(service, "GET", balance)[0] == 200
            callers.check()
            check_whole(service, accounts, len(callers.sent))
        finally:
            service.stop()
