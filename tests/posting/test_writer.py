"""The writer thread apart from races: no database at the start, stopping, a caller who hangs up."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, insert

from ledger import tables
from ledger.accounts.contributing import Contribute
from ledger.database.engines import connect, reading
from ledger.posting import Posted, Unavailable, Unknown, agents
from ledger.posting.writer import Overloaded, Stopped, Writer
from ledger.refusals import Refused
from tests.check import migrate
from tests.support.people import NOW, World


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


def dying(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the writer meet, with commands in hand, what it does not know."""

    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Writer, "_post", no_memory)


def test_a_writer_that_dies_answers_whoever_waits_and_says_so(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(engine)
    book = world.open()
    died = threading.Event()
    writer = Writer(engine, world.policies, lambda: (world.now, world.today), on_death=died.set)
    dying(monkeypatch)

    async def ask() -> list[object]:
        # one is in hand when it dies, the chunk is not begun
        waiting = [
            asyncio.ensure_future(writer.post(contribution(world, book, 1))),
            asyncio.ensure_future(writer.post_chunk([contribution(world, book, 2)])),
        ]
        await asyncio.sleep(0)
        writer.start()
        return await asyncio.wait_for(asyncio.gather(*waiting), 60)

    single, chunk = asyncio.run(ask())
    assert type(single) is Unknown
    assert isinstance(chunk, list)
    assert [type(outcome) for outcome in chunk] == [Unavailable]
    assert died.wait(60)
    assert writer.is_dead
    assert "the writer has died" in caplog.text
    with pytest.raises(Stopped):
        asyncio.run(writer.post(contribution(world, book, 3)))
    writer.stop()
    # nothing of it was posted
    monkeypatch.undo()
    assert not world.posted(contribution(world, book, 1)).replayed


def test_a_clock_that_fails_is_the_fault_of_each_command_and_kills_nobody(engine: Engine) -> None:
    world = World(engine)
    book = world.open()
    broken = [True]

    def clock() -> tuple[datetime, date]:
        if broken:
            raise OSError
        return world.now, world.today

    writer = Writer(engine, world.policies, clock)
    writer.start()
    with pytest.raises(OSError):  # noqa: PT011  the clock's own
        asyncio.run(asyncio.wait_for(writer.post(contribution(world, book, 1)), 60))
    broken.clear()
    assert isinstance(asyncio.run(writer.post(contribution(world, book, 1))), Posted)
    writer.stop()


def test_one_caller_does_not_turn_away_the_others(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.posting.writer.WAITING_MAX", 20)
    monkeypatch.setattr("ledger.posting.writer.SHARE_MAX", 12)
    monkeypatch.setattr("ledger.posting.writer.FEW", 3)
    world = World(engine)
    book = world.open()
    writer = Writer(engine, world.policies, lambda: (world.now, world.today))

    def of(caller: str, number: int) -> Contribute:
        return Contribute(
            *(book, 100, 202603, date(2026, 3, 5), f"{caller}-{number}"),
            caller=caller,
            actor="tester",
            key=f"{caller}-{number}",
        )

    async def hand_over() -> list[object]:
        waiting = [asyncio.ensure_future(writer.post(of("greedy", n))) for n in range(12)]
        await asyncio.sleep(0)
        # its share is full: one more is refused, and a chunk as well
        for count in (1, 5):
            with pytest.raises(Overloaded):
                await writer.post_chunk([of("greedy", 100 + n) for n in range(count)])
        waiting += [asyncio.ensure_future(writer.post(of("other", n))) for n in range(8)]
        await asyncio.sleep(0)
        assert writer.waiting == 20
        # all is full: who has many waiting is refused, who has few is not
        with pytest.raises(Overloaded):
            await writer.post(of("other", 100))
        waiting += [asyncio.ensure_future(writer.post(of("third", n))) for n in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await writer.post(of("third", 100))
        writer.start()
        outcomes = await asyncio.wait_for(asyncio.gather(*waiting), 60)
        # what was answered no longer counts
        return [*outcomes, await writer.post(of("greedy", 200))]

    outcomes = asyncio.run(hand_over())
    writer.stop()
    assert [type(outcome) for outcome in outcomes] == [Posted] * 24
    assert writer.waiting == 0


def test_the_writer_measures_what_it_posts(engine: Engine) -> None:
    world = World(engine)
    book = world.open()
    writer = Writer(engine, world.policies, lambda: (world.now, world.today))
    writer.start()

    async def some() -> None:
        await asyncio.gather(*(writer.post(contribution(world, book, n)) for n in range(3)))
        # refused: the same document again, under another key
        again = contribution(world, book, 0)
        outcome = await writer.post(replace(again, key="another", amount_fen=7))
        assert isinstance(outcome, Refused)
        await writer.post_chunk([contribution(world, book, n) for n in range(10, 14)])

    asyncio.run(some())
    writer.stop()
    assert writer.posted_together.total == 8
    assert sum(writer.posted_together.counts) == sum(writer.posting_seconds.counts) == 3
    # what is refused whole is not committed
    assert sum(writer.commit_seconds.counts) == 2
    assert 0 < writer.commit_seconds.total < writer.posting_seconds.total
    assert writer.refusals == {"duplicate_source_ref": 1}


def test_what_comes_in_turns_of_the_loop_one_after_another_is_posted_together(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.posting.writer.GATHERING_SECONDS_MAX", 600)
    world = World(engine)
    book = world.open()
    writer = Writer(engine, world.policies, lambda: (world.now, world.today))
    writer.start()

    async def in_turn(number: int) -> object:
        for _turn in range(number):
            await asyncio.sleep(0)
        return await writer.post(contribution(world, book, number))

    async def all_of_them() -> list[object]:
        return await asyncio.gather(*(in_turn(number) for number in range(20)))

    outcomes = asyncio.run(asyncio.wait_for(all_of_them(), 60))
    # and the thread is asleep again: what comes later wakes it
    assert isinstance(asyncio.run(writer.post(contribution(world, book, 99))), Posted)
    writer.stop()
    assert all(isinstance(outcome, Posted) for outcome in outcomes)
    assert (sum(writer.posted_together.counts), writer.posted_together.total) == (2, 21)


def test_a_loop_that_always_brings_more_is_not_waited_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.posting.writer.GATHERING_SECONDS_MAX", 0)
    world = World(engine)
    book = world.open()
    writer = Writer(engine, world.policies, lambda: (world.now, world.today))
    writer.start()

    async def one_more_each_turn() -> list[object]:
        waiting = [asyncio.ensure_future(writer.post(contribution(world, book, 0)))]
        while not waiting[0].done():
            if len(waiting) < 200:
                waiting.append(asyncio.ensure_future(writer.post(contribution(world, book, len(waiting)))))
            await asyncio.sleep(0)
        return await asyncio.gather(*waiting)

    outcomes = asyncio.run(asyncio.wait_for(one_more_each_turn(), 60))
    writer.stop()
    assert all(isinstance(outcome, Posted) for outcome in outcomes)


def test_more_than_one_batch_waits_for_nobody_to_come_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.posting.writer.SINGLES_MAX", 4)
    world = World(engine)
    book = world.open()
    writer = Writer(engine, world.policies, lambda: (world.now, world.today))
    writer.start()

    async def some() -> list[object]:
        singles = [writer.post(contribution(world, book, n)) for n in range(10)]
        chunks = [writer.post_chunk([contribution(world, book, n)]) for n in (10, 11)]
        return await asyncio.gather(*singles, *chunks)

    outcomes = asyncio.run(asyncio.wait_for(some(), 60))
    writer.stop()
    assert len(outcomes) == 12
    # ten in fours, and two chunks
    assert sum(writer.posted_together.counts) == 5


def test_a_new_name_reads_no_other_names(fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with fresh_engine.begin() as connection:
        connection.execute(insert(tables.agent), [{"agent_id": n, "name": f"clerk-{n}"} for n in range(1, 9)])
    with fresh_engine.connect() as connection:
        known = agents.agent_ids(connection, ["clerk-3", "new-one"], NOW)
        assert dict(known) == {"clerk-3": 3, "new-one": 9}
        # known by now: no look at all
        asked: list[str] = []
        event.listen(fresh_engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
        assert agents.agent_ids(connection, ["new-one"], NOW)["new-one"] == 9
        assert asked == []
        assert dict(agents.agent_ids(connection, ["nobody", "clerk-5"], NOW, create=False)) == {
            "clerk-3": 3,
            "new-one": 9,
            "clerk-5": 5,
            "nobody": 0,
        }
        # many at once are looked for some at a time
        monkeypatch.setattr(agents, "NAMES_MAX", 3)
        many = agents.agent_ids(connection, [f"clerk-{n}" for n in range(1, 9)], NOW)
        assert {many[f"clerk-{n}"] for n in range(1, 9)} == set(range(1, 9))
        # what is remembered is bounded, and who is asked for is always there
        monkeypatch.setattr(agents, "REMEMBERED_MAX", 9)
        some = agents.agent_ids(connection, ["another", "clerk-1"], NOW)
        assert dict(some) == {"another": 10, "clerk-1": 1}
