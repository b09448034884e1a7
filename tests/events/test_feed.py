"""The feed: nothing in flight is passed, each event once, each book's in order (both databases)."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, func, select, text

from ledger import tables
from ledger.accounts.contributing import Contribute
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.chart.events import EVENT_OF, TOLD_OF, EventKind
from ledger.chart.kinds import Kind
from ledger.chart.parties import Party
from ledger.database.engines import for_posting
from ledger.events import feed
from ledger.events.feed import Event, News, events_after, in_order, last_position, take_in, tell_once
from ledger.events.outbox import tell
from ledger.posting import Posted
from ledger.posting.way_in import post
from tests.support.feed import everything, taken_in
from tests.support.people import World

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


@pytest.fixture
def world(fresh_engine: Engine) -> World:
    return World(fresh_engine)


def spend(world: World, account: int, fen: int = 1) -> Spend:
    return Spend(account, fen, world.today, "H0001", world.ref("s"), key=world.ref("k"))


def waiting(engine: Engine) -> int:
    with engine.connect() as connection, connection.begin():
        rows = connection.scalars(select(tables.outbox.c.seqs)).all()
    return sum(len(row.split(",")) for row in rows)


# -- what is an event --------------------------------------------------------------------------------------


def test_entries_are_told_as_what_they_are(world: World) -> None:
    account = world.open(opening=(0, 5_000))
    world.one(Contribute(account, 16_000, 202603, world.today, world.ref()))
    spent = world.one(spend(world, account, 700))
    world.one(Reverse(account, spent.seq, "wrong"))
    taken_in(world.engine)
    mine = [one for one in everything(world.engine) if one.book_id == account]
    assert [(one.kind, one.seq) for one in mine] == [
        (EventKind.ACCOUNT_OPENED, 1),
        (EventKind.CONTRIBUTION_ARRIVED, 2),
        (EventKind.SPENDING, 3),
        (EventKind.REVERSAL, 4),
    ]
    assert {one.at for one in mine} == {world.now}
    assert waiting(world.engine) == 0


def test_one_transaction_leaves_one_row(world: World) -> None:
    accounts = [world.open(opening=(0, 5_000)) for _ in range(5)]
    taken_in(world.engine)
    world.post(*(spend(world, account) for account in accounts))
    with world.engine.connect() as connection, connection.begin():
        [row] = connection.execute(select(tables.outbox)).all()
    assert row.recorded_at == world.now
    numbers = [[int(one) for one in said.strip("{}").split(",")] for said in (row.books, row.seqs)]
    assert sorted(zip(*numbers, strict=True)) == sorted((account, 2) for account in accounts)


def test_what_is_refused_or_rolled_back_leaves_none(world: World) -> None:
    account = world.open(opening=(0, 10))
    taken_in(world.engine)
    assert world.refusal(spend(world, account, 10_000)) == "insufficient_balance"
    assert waiting(world.engine) == 0


def test_books_of_units_have_no_events_of_entries() -> None:
    assert set(TOLD_OF) == {Party.PERSON, Party.RESIDENT}
    assert Kind.HOLD not in EVENT_OF
    assert Kind.CARRY_OVER not in EVENT_OF


def test_the_numbers_of_kinds_stay() -> None:
    assert {kind.word: int(kind) for kind in EventKind} == {
        "contribution_arrived": 1,
        "spending": 2,
        "mutual_aid_used": 3,
        "reversal": 4,
        "statement_ready": 5,
        "document_issued": 6,
        "unit_did_not_pay": 7,
        "access_withheld_no_longer": 8,
        "account_opened": 9,
        "account_closed": 10,
        "premium_paid": 11,
        "claim_decided": 12,
        "inheritance_arrived": 13,
    }


# -- what is no entry --------------------------------------------------------------------------------------


def test_what_is_told_stands_or_falls_with_its_transaction(world: World) -> None:
    account = world.open()
    with world.engine.connect() as connection:
        with connection.begin() as unfinished:
            tell(connection, EventKind.DOCUMENT_ISSUED, account, "D-1", NOW)
            unfinished.rollback()
        with connection.begin():
            tell(connection, EventKind.DOCUMENT_ISSUED, account, "D-2", NOW)
            tell(connection, EventKind.DOCUMENT_ISSUED, account, "D-2", NOW)
            tell(connection, EventKind.DOCUMENT_ISSUED, account, "D-3", NOW)
    taken_in(world.engine)
    with world.engine.connect() as connection, connection.begin():
        tell(connection, EventKind.DOCUMENT_ISSUED, account, "D-3", NOW + timedelta(1))
    taken_in(world.engine)
    told = [one for one in everything(world.engine) if one.kind is EventKind.DOCUMENT_ISSUED]
    assert [(one.book_id, one.seq, one.at) for one in told] == [(account, None, NOW)] * 2


def test_what_a_day_brings_is_told_once(world: World) -> None:
    account, other = world.open(), world.open()
    news = [News(EventKind.UNIT_DID_NOT_PAY, "202603", book, NOW) for book in (account, other, account)]
    with world.engine.connect() as connection:
        assert tell_once(connection, news) == 2
        assert tell_once(connection, [*news, news[0]._replace(ref="202604")]) == 1
        assert tell_once(connection, []) == 0
    told = [one for one in everything(world.engine) if one.kind is EventKind.UNIT_DID_NOT_PAY]
    assert [one.book_id for one in told] == [account, other, account]


# -- positions ---------------------------------------------------------------------------------------------


def test_positions_have_no_gaps_and_pages_of_any_size_say_the_same(world: World) -> None:
    accounts = [world.open(opening=(0, 5_000)) for _ in range(4)]
    for _ in range(5):
        world.post(*(spend(world, account) for account in accounts))
        taken_in(world.engine)
    found = everything(world.engine)
    assert [one.position for one in found] == list(range(1, len(found) + 1))
    assert len(found) == 4 + 20
    for limit in (1, 3, 24, 25):
        assert everything(world.engine, limit) == found
    with world.engine.connect() as connection, connection.begin():
        assert last_position(connection) == 24
        assert events_after(connection, 24, 10) == []


def test_each_book_is_put_in_order_on_its_own_places() -> None:
    assert list(in_order([(1, 3), (2, 1), (1, 2), (2, 2), (1, 4)])) == [
        (1, 2), (2, 1), (1, 3), (2, 2), (1, 4),
    ]  # fmt: skip
    assert list(in_order([])) == []


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_small_passes_keep_each_book_in_order(
    world: World, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Rows stand in the outbox by their instants, then by the book of their first entry: not as committed."""
    monkeypatch.setattr(feed, "PASS_ROWS", rows)
    accounts = sorted(world.open(opening=(0, 5_000)) for _ in range(3))
    for turn in range(12):
        # the first of a row is now the lowest book and now the highest one; three turns are of one instant
        some = [accounts[2]] if turn % 2 else [accounts[0], accounts[2]]
        now = world.now + timedelta(microseconds=turn // 3)
        assert len(world.post(*(spend(world, account) for account in some), now=now)) == len(some)
    taken_in(world.engine)
    assert in_order_of_books(everything(world.engine)) == {
        accounts[0]: list(range(1, 8)), accounts[1]: [1], accounts[2]: list(range(1, 14)),
    }  # fmt: skip


def in_order_of_books(events: list[Event]) -> dict[int, list[int]]:
    """The numbers of entries of each book, as told."""
    found: dict[int, list[int]] = defaultdict(list)
    for one in events:
        if one.seq is not None:
            found[one.book_id].append(one.seq)
    return dict(found)


def test_a_pass_takes_no_more_than_it_should(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = [world.open(opening=(0, 5_000)) for _ in range(3)]
    taken_in(world.engine)
    for turn in range(6):
        world.post(*(spend(world, one) for one in accounts), now=world.now + timedelta(seconds=turn + 1))
    monkeypatch.setattr(feed, "PASS_ENTRIES", 4)
    with world.engine.connect() as connection:
        assert take_in(connection)
    # two instants: after the first there were not enough
    assert waiting(world.engine) == 12
    monkeypatch.setattr(feed, "PASS_ROWS", 1)
    with world.engine.connect() as connection:
        assert take_in(connection)
    assert waiting(world.engine) == 9


# -- in flight ---------------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_a_late_commit_is_delivered_later(world: World) -> None:
    """A holds its commit while B, written after it, commits and is read; then A is read behind the cursor."""
    first, second = world.open(opening=(0, 5_000)), world.open(opening=(0, 5_000))
    taken_in(world.engine)
    cursor = everything(world.engine)[-1].position
    with held_before_its_commit(world, first) as late:
        world.one(spend(world, second), now=world.now + timedelta(seconds=9))
        taken_in(world.engine)
        with world.engine.connect() as connection, connection.begin():
            [seen] = events_after(connection, cursor, 10)
        assert (seen.book_id, seen.seq) == (second, 2)
        taken_in(world.engine)
        assert everything(world.engine)[-1] == seen
        late.set()
    taken_in(world.engine)
    with world.engine.connect() as connection, connection.begin():
        [after] = events_after(connection, seen.position, 10)
    assert (after.book_id, after.seq) == (first, 2)
    # recorded before what was delivered before it
    assert after.at < seen.at


@pytest.mark.postgres
def test_what_is_committed_during_a_pass_is_taken_in_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it was recorded before all that the pass takes."""
    first, second = world.open(opening=(0, 5_000)), world.open(opening=(0, 5_000))
    taken_in(world.engine)
    world.one(spend(world, second), now=world.now + timedelta(seconds=9))
    append, tried = feed._append, list[Any]()

    def meanwhile(connection: Connection, found: Any) -> None:
        append(connection, found)
        if not tried:
            tried.append(world.one(spend(world, first)))

    monkeypatch.setattr(feed, "_append", meanwhile)
    taken_in(world.engine)
    assert tried
    assert [(one.book_id, one.seq) for one in everything(world.engine)[-2:]] == [(second, 2), (first, 2)]


@contextmanager
def held_before_its_commit(world: World, account: int) -> Iterator[threading.Event]:
    """A spend that has written all its rows and waits with its commit until the event is set."""
    engine = for_posting(world.engine)
    written, goes_on = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        count = text("SELECT count(*) FROM entry WHERE book_id = :book AND seq = 2")
        if connection.scalar(count, {"book": account}) and not written.is_set():
            written.set()
            assert goes_on.wait(60)

    event.listen(engine, "commit", hold)
    command = spend(world, account)
    command.caller = command.actor = "late"

    def post_it() -> Any:
        with engine.connect() as connection:
            return post(connection, [command], world.now, world.today, world.policies)

    with ThreadPoolExecutor(1) as thread:
        posting = thread.submit(post_it)
        assert written.wait(60)
        yield goes_on
        goes_on.set()
        [outcome] = posting.result(60)
    assert isinstance(outcome, Posted)
    engine.dispose()


# -- races -------------------------------------------------------------------------------------------------


def test_the_entries_of_a_long_history_are_told_once(world: World) -> None:
    """Random batches over the same books while somebody reads on: nothing twice, nothing left out."""
    chance = random.Random(7)
    accounts = [world.open(opening=(0, 90_000)) for _ in range(5)]
    seen: list[Event] = []

    def read_on() -> None:
        with world.engine.connect() as connection:
            take_in(connection)
            with connection.begin():
                seen.extend(events_after(connection, seen[-1].position if seen else 0, chance.randint(1, 7)))

    for _ in range(60):
        some = [chance.choice(accounts) for _ in range(chance.randint(1, 6))]
        # clocks go back, too
        now = world.now + timedelta(microseconds=chance.randint(0, 20))
        world.post(*(spend(world, account) for account in some), now=now)
        if chance.random() < 0.5:
            read_on()
    taken_in(world.engine)
    while len(seen) < len(everything(world.engine)):
        read_on()
    with world.engine.connect() as connection, connection.begin():
        # what registers say is no event
        of_parties = ~tables.entry.c.book_id.between(Party.REGISTER.first, Party.REGISTER.last)
        entries = connection.scalar(select(func.count()).select_from(tables.entry).where(of_parties))
    assert len(seen) == entries
    assert in_order_of_books(seen) == {
        account: list(range(1, len([one for one in seen if one.book_id == account]) + 1))
        for account in accounts
    }


@pytest.mark.postgres
def test_two_who_post_and_one_who_reads(world: World) -> None:
    """The same books from two sessions at random, while a third one pages: once each, in order."""
    accounts = [world.open(opening=(0, 90_000)) for _ in range(4)]
    policies, done = world.policies, threading.Event()

    def write(seed: int) -> int:
        chance, engine, posted = random.Random(seed), for_posting(world.engine), 0
        with engine.connect() as connection:
            for turn in range(60):
                # whose clock is behind
                now = world.now + timedelta(microseconds=turn * 3 - seed * 40)
                commands = [
                    Spend(
                        chance.choice(accounts), 1, world.today, "H0001", f"{seed}-{turn}-{place}",
                        caller="c", actor=f"a-{seed}", key=f"{seed}-{turn}-{place}",
                    )
                    for place in range(chance.randint(1, 5))
                ]  # fmt: skip
                outcomes = post(connection, commands, now, world.today, policies)
                posted += sum(isinstance(outcome, Posted) for outcome in outcomes)
        engine.dispose()
        return posted

    def read() -> list[Event]:
        seen: list[Event] = []
        with world.engine.connect() as connection:
            while True:
                last = done.is_set()
                more = take_in(connection)
                with connection.begin():
                    page = events_after(connection, seen[-1].position if seen else 0, 13)
                seen += page
                if last and not more and not page:
                    return seen

    with ThreadPoolExecutor(4) as threads:
        readers = [threads.submit(read) for _ in range(2)]
        posted = sum(threads.map(write, (1, 2)))
        done.set()
        seen, other = (reader.result(120) for reader in readers)
    assert posted > 120
    assert len(seen) == len(accounts) + posted
    assert seen == other == everything(world.engine)
    assert in_order_of_books(seen) == {
        account: list(range(1, len([one for one in seen if one.book_id == account]) + 1))
        for account in accounts
    }


def test_what_was_written_by_force_holds_nothing_up(world: World) -> None:
    account = world.open(opening=(0, 500))
    with world.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO outbox VALUES (:at, :book, 77, :books, '{77}')"),
            {"at": "2026-01-01 00:00:00.000000", "book": account, "books": f"{{{account}}}"},
        )
    taken_in(world.engine)
    assert [one.seq for one in everything(world.engine)] == [1]
