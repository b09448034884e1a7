"""The log as processes write it: a chain of its own for each and each day, all clean however they meet."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from ledger import tables
from ledger.access.read_log import ReadLog, ReadLogUnavailable
from ledger.access.reads import Asker, Read
from ledger.chart.channels import FieldGroup
from ledger.database.engines import connect, connect_for, for_posting
from ledger.database.purposes import READ_LOG
from ledger.database.writers import ChainWriter
from ledger.verify import verify
from tests.support.people import KEYRING

NOW, TODAY = datetime(2026, 11, 21, 4, 0, tzinfo=UTC), date(2026, 11, 21)
BOOK = 16_000_000_000_001


def read(actor: str = "clerk-7", book: int = BOOK) -> Read:
    return Read(Asker("tests", actor, "accounts:read"), book, None, FieldGroup.BALANCE)


def chains(engine: Engine) -> list[Any]:
    table = tables.read_log_chain.c
    with engine.connect() as connection:
        query = select(table.chain_id, table.day, table.last_seq).order_by(table.chain_id)
        return [tuple(row) for row in connection.execute(query)]


def test_at_midnight_a_new_chain_begins(fresh_engine: Engine) -> None:
    now = [NOW, TODAY]
    log = ReadLog(fresh_engine, KEYRING, lambda: (now[0], now[1]))
    log.start()

    async def ask() -> None:
        await log.record([read()])
        await log.record([read(), read("clerk-8")])
        now[:] = [NOW + timedelta(days=1), TODAY + timedelta(days=1)]
        await log.record([read()])
        # a clock that is set back does not write into a chain that is over
        now[:] = [NOW, TODAY]
        await log.record([read()])

    asyncio.run(ask())
    log.stop()
    assert chains(fresh_engine) == [(1, TODAY, 3), (2, TODAY + timedelta(days=1), 1), (3, TODAY, 1)]
    assert verify(fresh_engine, keyring=KEYRING).clean


def test_no_read_is_no_chain(fresh_engine: Engine) -> None:
    log = ReadLog(fresh_engine, KEYRING, lambda: (NOW, TODAY))
    log.start()
    asyncio.run(log.record([]))
    log.stop()
    assert chains(fresh_engine) == []
    assert verify(fresh_engine, keyring=KEYRING).clean


def test_processes_write_at_once(fresh_engine: Engine) -> None:
    """As processes do: each with connections of its own, all beginning with the same number of a chain."""
    count, each = 3, 40
    engines = [connect(fresh_engine.url.render_as_string(hide_password=False)) for _ in range(count)]
    logs = [ReadLog(engine, KEYRING, lambda: (NOW, TODAY)) for engine in engines]
    for log in logs:
        log.start()

    async def ask() -> None:
        for number in range(each):
            await asyncio.gather(*(log.record([read(f"clerk-{number % 7}")]) for log in logs))

    asyncio.run(ask())
    for log in logs:
        log.stop()
    for engine in engines:
        engine.dispose()
    assert chains(fresh_engine) == [(number, TODAY, each) for number in range(1, count + 1)]
    agent = tables.agent.c
    with fresh_engine.connect() as connection:
        names = connection.scalars(select(agent.name).where(agent.name.like("clerk-%"))).all()
    assert Counter(names) == Counter(f"clerk-{number}" for number in range(7))
    assert verify(fresh_engine, keyring=KEYRING).clean


def test_those_who_read_at_one_moment_share_a_commit(fresh_engine: Engine) -> None:
    log = ReadLog(fresh_engine, KEYRING, lambda: (NOW, TODAY))
    log.start()

    async def ask() -> None:
        await log.record([read()])
        await asyncio.gather(*(log.record([read(book=BOOK + number)]) for number in range(50)))

    asyncio.run(ask())
    log.stop()
    assert sum(log.commit_seconds.counts) == 2
    assert log.waiting == 0
    assert chains(fresh_engine) == [(1, TODAY, 51)]


def test_many_that_wait_where_they_read_share_a_commit(fresh_engine: Engine) -> None:
    """Of those who wait for the turn one writes for all; each is told once it is committed, and only then."""
    log = ReadLog(fresh_engine, KEYRING, lambda: (NOW, TODAY))
    log.start()
    count = 12
    ready, told = threading.Barrier(count + 1), []

    def ask(number: int) -> None:
        ready.wait()
        log.record_here([read(f"clerk-{number}")])
        with fresh_engine.connect() as connection:
            seen = connection.scalar(select(func.count()).select_from(tables.read_log))
        told.append(seen)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
    with log._turn:
        for thread in threads:
            thread.start()
        ready.wait()
        # all of them stand in line before the first one may write
        while len(log._here) < count:
            time.sleep(0)
    for thread in threads:
        thread.join()
    log.stop()
    assert told == [count] * count
    assert sum(log.commit_seconds.counts) == 1
    assert chains(fresh_engine) == [(1, TODAY, count)]
    assert verify(fresh_engine, keyring=KEYRING).clean


def test_what_meets_nobody_knows_what_takes_nothing_more(
    fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    died: list[bool] = []
    log = ReadLog(fresh_engine, KEYRING, lambda: (NOW, TODAY), on_death=lambda: died.append(True))
    log.start()
    monkeypatch.setattr(log, "_write", lambda *_given: {}["a bug"])
    for _ in range(2):
        with pytest.raises(ReadLogUnavailable):
            log.record_here([read()])
    assert log.is_dead
    assert died == [True]
    assert "the read log has died" in caplog.text
    log.stop()


def test_who_was_taken_along_and_cut_off_is_not_told_that_it_stands(
    fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one who writes for all is ended by something that no fault is."""
    log = ReadLog(fresh_engine, KEYRING, lambda: (NOW, TODAY))
    log.start()
    ends: list[BaseException | None] = []

    class Ended(BaseException):
        pass

    def end(*_given: object) -> None:
        raise Ended

    monkeypatch.setattr(log, "_write_on", end)

    def ask() -> None:
        try:
            log.record_here([read()])
        except (Ended, ReadLogUnavailable) as fault:
            ends.append(fault)
        else:
            ends.append(None)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    with log._turn:
        for thread in threads:
            thread.start()
        while len(log._here) < len(threads):
            time.sleep(0)
    for thread in threads:
        thread.join()
    log.stop()
    assert sorted(type(fault).__name__ for fault in ends) == ["Ended", *["ReadLogUnavailable"] * 3]
    assert chains(fresh_engine) == []


@pytest.mark.parametrize("count", [1, 2])
def test_nothing_is_written_behind_a_chain_that_stands_elsewhere(fresh_engine: Engine, count: int) -> None:
    log = ReadLog(fresh_engine, KEYRING, lambda: (NOW, TODAY))
    log.start()
    log.record_here([read()])
    log.stop()
    table = tables.read_log.c
    with fresh_engine.connect() as connection:
        [row] = connection.execute(select(tables.read_log)).all()
    # as another one would who believes that nothing stands there yet
    rows = [(row.chain_id, 2 + place, *row[2:]) for place in range(count)]
    end = (1 + count, bytes(32), bytes(32))
    writer = ChainWriter(tables.read_log, tables.read_log_chain)
    engine = for_posting(fresh_engine, READ_LOG)
    with connect_for(engine, READ_LOG) as connection:
        assert not writer.write(connection, rows, (row.chain_id, 0), end)
    with fresh_engine.connect() as connection:
        assert connection.scalars(select(table.seq)).all() == [1]
    assert chains(fresh_engine) == [(1, TODAY, 1)]
    with connect_for(engine, READ_LOG) as connection:
        assert writer.write(connection, rows, (row.chain_id, 1), end)
    if engine is not fresh_engine:
        engine.dispose()
    assert chains(fresh_engine) == [(1, TODAY, 1 + count)]
