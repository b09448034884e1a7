"""SIGKILL under a load of reads: of every answer that somebody got the log has its row."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from ledger import tables
from ledger.book.numbers import account_no
from ledger.database.engines import connect
from tests.check import migrate
from tests.support.postgres import Server
from tests.support.service import Gone, Service
from tests.whole.test_crash import open_accounts

ENOUGH = 200


class Readers:
    """Callers that read until the service is gone, each an account of its own, and count what they got."""

    def __init__(self, service: Service, accounts: list[str]) -> None:
        self.service = service
        self.got: Counter[str] = Counter()
        self.odd: list[tuple[int, dict[str, Any]]] = []
        self.enough = threading.Event()
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._read, args=(account,)) for account in accounts]

    def _read(self, account: str) -> None:
        while not self.stopping.is_set():
            try:
                status, answer, _ = self.service.call("GET", f"/v1/accounts/{account}/balance")
            except Gone:
                return
            with self._lock:
                if status == 200:
                    self.got[account] += 1
                elif status == 503:
                    return
                else:
                    self.odd.append((status, answer))
                if self.got.total() >= ENOUGH:
                    self.enough.set()

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()
        assert self.enough.wait(99), f"only {self.got.total()} reads were answered: {self.odd[:3]}"

    def end(self) -> None:
        self.stopping.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
        assert self.odd == []


@pytest.fixture
def on_postgres(tmp_path: Path, postgres_to_kill: Server) -> Iterator[tuple[Service, Server]]:
    postgres_to_kill.create_database("crash")
    url = postgres_to_kill.url("crash")
    migrate(url)
    service = Service(tmp_path / "data", url)
    service.start()
    yield service, postgres_to_kill
    service.stop()


def recorded(url: str) -> Counter[str]:
    engine = connect(url)
    log = tables.read_log.c
    with engine.connect() as connection:
        rows = connection.execute(select(log.book_id, func.count()).group_by(log.book_id)).all()
    engine.dispose()
    return Counter({account_no(book): count for book, count in rows if book is not None})


@pytest.mark.postgres
def test_service_then_database_are_killed_while_people_read(on_postgres: tuple[Service, Server]) -> None:
    service, server = on_postgres
    accounts = open_accounts(service)

    first = Readers(service, accounts)
    first.begin()
    service.kill()
    first.end()
    service.start()

    second = Readers(service, accounts)
    second.begin()
    server.kill()
    second.end()
    server.start()
    # the same process finds its database again
    service.wait_ready()
    third = Readers(service, accounts)
    third.begin()
    third.end()

    got = first.got + second.got + third.got
    there = recorded(server.url("crash"))
    missing = {account: count - there[account] for account, count in got.items() if there[account] < count}
    assert missing == {}
    # a row without an answer is one that was cut off: at most one for each caller and kill
    assert there.total() - got.total() <= 2 * len(accounts)

    verified = service.command("verify")
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["findings"] == []
