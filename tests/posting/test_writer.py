"""The writer thread apart from races: no database at the start, stopping, a caller who hangs up."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ledger.accounts.contributing import Contribute
from ledger.database.engines import connect, reading
from ledger.posting import Posted, Unavailable
from ledger.posting.writer import Stopped, Writer
from tests.check import migrate
from tests.support.people import World


def contribution(world: World, book: int, number: int) -> Contribute:
    return Contribute(
        book, 100, 202603, date(2026, 3, 5), f"c-{number}", caller="test", actor="tester", key=f"k-{number}"
    )


def test_a_writer_without_a_database_answers_and_finds_it_later(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    book = world.open()
    nowhere = connect("postgresql+psycopg://nobody@/nothing?host=/nonexistent")
    writer = Writer(nowhere, world.policies, lambda: (world.now, world.today))
    writer.start()

    async def twice() -> list[object]:
        return [await asyncio.wait_for(writer.post(contribution(world, book, n)), 120) for n in range(2)]

    try:
        outcomes = asyncio.run(twice())
    finally:
        writer.stop()
        nowhere.dispose()
    # the thread outlives it: a second call is answered as well
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]


def test_what_waits_is_posted_before_the_writer_stops(engine: Engine) -> None:
    world = World(engine)
    book = world.open()
    writer = Writer(engine, world.policies, lambda: (world.now, world.today))

    async def hand_over_then_start() -> list[object]:
        waiting = [asyncio.ensure_future(writer.post(contribution(world, book, n))) for n in range(20)]
        await asyncio.sleep(0)
        assert writer.waiting == 20
        writer.start()
        await asyncio.to_thread(writer.stop)
        return await asyncio.gather(*waiting)

    outcomes = asyncio.run(hand_over_then_start())
    assert all(isinstance(outcome, Posted) for outcome in outcomes)
    assert writer.waiting == 0
    with pytest.raises(Stopped):
        asyncio.run(writer.post(contribution(world, book, 99)))


def test_a_caller_who_hangs_up_does_not_undo_the_command(engine: Engine) -> None:
    world = World(engine)
    book = world.open()
    writer = Writer(engine, world.policies, lambda: (world.now, world.today))

    async def hang_up() -> None:
        call = asyncio.ensure_future(writer.post(contribution(world, book, 1)))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        writer.start()
        await asyncio.to_thread(writer.stop)

    asyncio.run(hang_up())
    again = world.posted(contribution(world, book, 1))
    assert again.replayed
    assert again.receipt.seq == 2


def test_the_writer_never_waits_for_a_reader_of_sqlite(tmp_path: Path) -> None:
    # readers of the embedded database begin deferred; were they to lock, this would end in "locked"
    url = f"sqlite:///{tmp_path / 'l.db'}"
    migrate(url)
    engine = connect(url)
    world = World(engine)
    book = world.open()
    with reading(engine) as connection, connection.begin():
        connection.exec_driver_sql("SELECT count(*) FROM entry").scalar_one()
        assert isinstance(world.posted(contribution(world, book, 1)), Posted)
    engine.dispose()


def test_loops_may_share_a_writer_and_one_may_go_away(engine: Engine) -> None:
    world = World(engine)
    book = world.open()
    writer = Writer(engine, world.policies, lambda: (world.now, world.today))
    gone = asyncio.new_event_loop()

    async def hand_over() -> None:
        call = asyncio.ensure_future(writer.post(contribution(world, book, 1)))
        await asyncio.sleep(0)
        assert not call.done()

    gone.run_until_complete(hand_over())
    for task in asyncio.all_tasks(gone):
        task.cancel()
    gone.run_until_complete(asyncio.sleep(0))
    gone.close()

    async def ask() -> object:
        call = asyncio.ensure_future(writer.post(contribution(world, book, 2)))
        await asyncio.sleep(0)
        writer.start()
        return await asyncio.wait_for(call, 120)

    try:
        assert isinstance(asyncio.run(ask()), Posted)
    finally:
        writer.stop()
    assert world.posted(contribution(world, book, 1)).replayed
