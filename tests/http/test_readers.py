"""The threads that read: as many as are wanted, and what they do for somebody who goes, or when they stop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import Connection, Engine, text

from api.http.readers import AFTER_LOOK, Readers
from ledger import Overloaded, RefusalCode, Refused
from ledger.access.read_log import ReadLogUnavailable

PATIENCE = 30.0


class Gate:
    """Some work that begins, and goes on until it is let through."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self._through = threading.Event()

    def work(self) -> str:
        self.begun.set()
        assert self._through.wait(PATIENCE)
        return threading.current_thread().name

    def open(self) -> None:
        self._through.set()

    async def is_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, PATIENCE)


def with_readers(
    count: int,
    do: Callable[[Readers], Awaitable[None]],
    *,
    asked_max: int | None = None,
    engine: Engine | None = None,
) -> None:
    async def all_of_it() -> None:
        readers = Readers(engine, count, "tried", asked_max)
        try:
            await do(readers)
        finally:
            await asyncio.to_thread(readers.stop)

    asyncio.run(all_of_it())


def test_what_is_asked_is_answered_or_fails_for_whoever_asked() -> None:
    async def do(readers: Readers) -> None:
        assert await readers.run(lambda: threading.current_thread().name) == "ledger-tried_0"
        with pytest.raises(ZeroDivisionError):
            await readers.run(lambda: 1 // 0)
        # and the thread goes on, without another one
        assert await readers.run(lambda: threading.current_thread().name) == "ledger-tried_0"
        assert (readers.active, readers.waiting) == (0, 0)

    with_readers(2, do)


def test_there_are_as_many_threads_as_are_asked_at_once_and_no_more_than_there_may_be() -> None:
    async def do(readers: Readers) -> None:
        gates = [Gate() for _ in range(3)]
        asked = [asyncio.create_task(readers.run(gate.work)) for gate in gates]
        await gates[0].is_begun()
        await gates[1].is_begun()
        assert (readers.active, readers.waiting) == (2, 1)
        assert not gates[2].begun.is_set()
        for gate in gates:
            gate.open()
        assert set(await asyncio.gather(*asked)) == {"ledger-tried_0", "ledger-tried_1"}

    with_readers(2, do)


def test_what_was_not_begun_is_not_done_for_who_has_gone() -> None:
    async def do(readers: Readers) -> None:
        first, second = Gate(), Gate()
        at_work = asyncio.create_task(readers.run(first.work))
        await first.is_begun()
        gone = asyncio.create_task(readers.run(second.work))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert (readers.active, readers.waiting) == (1, 0)
        first.open()
        await at_work
        await readers.run(lambda: None)
        assert not second.begun.is_set()

    with_readers(1, do)


def test_more_than_may_wait_is_not_taken() -> None:
    async def do(readers: Readers) -> None:
        gate = Gate()
        at_work = asyncio.create_task(readers.run(gate.work))
        await gate.is_begun()
        with pytest.raises(Overloaded):
            await readers.run(lambda: None)
        gate.open()
        await at_work

    with_readers(1, do, asked_max=1)


def test_who_stops_lets_work_end_and_turns_away_who_waits() -> None:
    async def do(readers: Readers) -> None:
        first, second = Gate(), Gate()
        at_work = asyncio.create_task(readers.run(first.work))
        await first.is_begun()
        waits = asyncio.create_task(readers.run(second.work))
        await asyncio.sleep(0)
        stopping = asyncio.create_task(asyncio.to_thread(readers.stop))
        with pytest.raises(asyncio.CancelledError):
            await waits
        first.open()
        assert await at_work == "ledger-tried_0"
        await stopping
        assert not second.begun.is_set()

    with_readers(1, do)


def test_what_a_request_wants_done_after_the_look_is_done_in_the_same_thread() -> None:
    done: list[str] = []

    async def do(readers: Readers) -> None:
        AFTER_LOOK.set(lambda: done.append(threading.current_thread().name))
        done.append(await readers.run(lambda: threading.current_thread().name))

    with_readers(1, do)
    assert done == ["ledger-tried_0", "ledger-tried_0"]


def one(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT 1")) or 0)


def test_an_answer_is_made_while_its_look_is_recorded_and_waits_for_that(engine: Engine) -> None:
    made, recorded = threading.Event(), threading.Event()

    def record() -> None:
        # in vain, if it were recorded before anything is made
        assert made.wait(PATIENCE)
        recorded.set()

    def make(seen: int) -> tuple[int, str]:
        made.set()
        return seen, threading.current_thread().name

    async def do(readers: Readers) -> None:
        AFTER_LOOK.set(record)
        assert await readers.glance_and(one, make) == (1, threading.current_thread().name)
        assert recorded.is_set()
        assert (readers.active, readers.waiting) == (0, 0)

    with_readers(1, do, engine=engine)


def test_nothing_is_given_that_could_not_be_recorded(engine: Engine) -> None:
    def record() -> None:
        raise ReadLogUnavailable("it takes nothing")

    async def do(readers: Readers) -> None:
        AFTER_LOOK.set(record)
        with pytest.raises(ReadLogUnavailable):
            await readers.glance_and(one, str)
        assert (readers.active, readers.waiting) == (0, 0)

    with_readers(1, do, engine=engine)


def test_of_a_look_that_failed_nothing_is_made(engine: Engine) -> None:
    made: list[object] = []

    def look(_connection: Connection) -> int:
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND)

    async def do(readers: Readers) -> None:
        with pytest.raises(Refused):
            await readers.glance_and(look, made.append)
        # and one of which nothing could be made is over too
        with pytest.raises(ZeroDivisionError):
            await readers.glance_and(one, lambda seen: seen // 0)
        assert await readers.glance_and(one, str) == "1"

    with_readers(1, do, engine=engine)
    assert not made
