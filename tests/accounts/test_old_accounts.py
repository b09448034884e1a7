"""What interest and a debit dated back read does not grow with an account's years, and comes to the same."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, Date, Engine, Integer, column, select, update

from ledger import tables
from ledger.accounts import owed_interest
from ledger.accounts.contributing import Contribute
from ledger.accounts.interest_corrections import interest_difference
from ledger.accounts.interest_history import judged, read_history, read_history_since
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.book.interest import DayChange
from ledger.chart.kinds import Kind
from ledger.database.lookups import Lookup
from ledger.posting.book_reads import read_books, read_days
from ledger.verify import verify
from tests.support.chance import seeds
from tests.support.people import AREA, World, busy_life, noon
from tests.support.stories import fen
from tests.verify.tampering import tampering

_E = tables.entry.c
# what is read, by the whole life: every entry of the account
_WHOLE = Lookup(
    "SELECT c.book_id, CASE WHEN c.effective_on < c.since THEN NULL ELSE c.effective_on END AS day,"
    f" SUM(CASE WHEN c.kind = {int(Kind.CARRY_OVER)} THEN 0 ELSE c.cy END), SUM(c.cy + c.co),"
    f" MAX(CASE WHEN c.kind IN {owed_interest._OF_A_PART} AND c.effective_on >= c.since THEN 1 END)"
    " FROM (SELECT e.book_id, e.effective_on, e.kind, given.since AS since,"
    " e.current_year_after - LAG(e.current_year_after, 1, 0) OVER w AS cy,"
    " e.carried_over_after - LAG(e.carried_over_after, 1, 0) OVER w AS co"
    " FROM {given} JOIN entry e ON e.book_id = given.book_id"
    " WINDOW w AS (PARTITION BY e.book_id ORDER BY e.seq)) c GROUP BY 1, 2",
    [
        _E.book_id, column("day", Date), _E.current_year_after, _E.carried_over_after,
        column("in_part", Integer),
    ],
    book_id="big",
    since="date",
    recorded_from="date",
)  # fmt: skip


def owed(connection: Connection, book: int) -> Any:
    """What the interest that is owed is worked out from: the opening, the changes by day, and the parts."""
    desk: Any = SimpleNamespace(books=read_books(connection, [book]))
    found = owed_interest._read(connection, [(book, None)], desk)
    since, before, changes = found.by_book[book]
    moved = [one for one in changes if one != DayChange(one.day, 0, 0)]
    return since, before, sorted(moved, key=lambda one: one.day), found.posted


def days_since(connection: Connection, book: int, year: int) -> Any:
    there = read_books(connection, [book])
    read_days(connection, there.values(), {book: year})
    return there[book].days


def days_by_hand(connection: Connection, book: int, year: int) -> dict[date, tuple[int, int]]:
    """The same from every entry of the account, one by one."""
    query = select(_E.kind, _E.effective_on, _E.current_year_after, _E.carried_over_after)
    days: dict[date, tuple[int, int]] = {}
    before = (0, 0)
    for kind, day, current, carried in connection.execute(query.where(_E.book_id == book).order_by(_E.seq)):
        change, total = current - before[0], current + carried - sum(before)
        before = current, carried
        if kind != Kind.CARRY_OVER and day.year >= year and (change or total):
            there = days.get(day, (0, 0))
            days[day] = there[0] + change, there[1] + total
    return days


@pytest.mark.random
@pytest.mark.parametrize("seed", seeds(3))
def test_it_comes_to_the_same_as_by_the_whole_life(fresh_engine: Engine, seed: int) -> None:
    world = World(fresh_engine, now=noon(date(2024, 3, 1)))
    policy = world.policies[AREA]
    books = set()
    for step, (book, _now, today) in enumerate(busy_life(world, seed, 160)):
        books.add(book)
        if step % 4:
            continue
        with fresh_engine.connect() as connection:
            told = owed(connection, book)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(owed_interest, "_CHANGES", _WHOLE)
                assert told == owed(connection, book), today
            opened_on = read_books(connection, [book])[book].opened_on
            whole = judged(read_history(connection, [book])[book]).history
            for year in range(2024, today.year + 1):
                some = judged(read_history_since(connection, {book: year})[book]).history
                for later in range(year, today.year + 1):
                    differences = [
                        interest_difference(known, later, opened_on=opened_on, paid_out=None, policy=policy)
                        for known in (some, whole)
                    ]
                    assert differences[0] == differences[1], (today, year, later)
                moved = days_since(connection, book, year)
                assert {day: one for day, one in moved.items() if any(one)} == {
                    day: one for day, one in days_by_hand(connection, book, year).items() if any(one)
                }
    assert verify(fresh_engine).findings == []


@pytest.fixture
def old(fresh_engine: Engine) -> tuple[World, int]:
    """An account of twelve years, whose last year is not ended yet."""
    world = World(fresh_engine, now=noon(date(2014, 1, 2)))
    book = world.open(opened_on=date(2014, 1, 2), opening=(fen("10.00"), fen("500.00")))
    for year in range(2014, 2026):
        for month in (2, 5, 9):
            world.now = noon(date(year, month, 12))
            world.one(Contribute(book, fen("100.00"), year * 100 + month - 1, world.today, world.ref()))
            world.one(Spend(book, fen("30.00"), world.today, "H0001", world.ref()))
            if month == 2 and year > 2014:
                world.one(PostInterest(book, year - 1))
    return world, book


def test_what_was_before_the_year_is_not_read(old: tuple[World, int]) -> None:
    """It is told by the balances of the last entry before: whatever stood earlier is not looked at."""
    world, book = old
    with tampering(world.engine) as connection:
        told, history = owed(connection, book), read_history_since(connection, {book: 2025})
        days = days_since(connection, book, 2025)
        seq = select(_E.seq).where(_E.book_id == book, _E.recorded_at < noon(date(2024, 12, 1)))
        last = max(connection.scalars(seq))
        earlier = update(tables.entry).where(_E.book_id == book, _E.seq < last)
        connection.execute(earlier.values(carried_over_after=0, current_year_after=7))
        assert (told, history, days) == (
            owed(connection, book),
            read_history_since(connection, {book: 2025}),
            days_since(connection, book, 2025),
        )
        assert len(history[book]) < 15


def test_what_is_dated_back_into_the_year_counts_in_it(old: tuple[World, int]) -> None:
    world, book = old
    world.now = noon(date(2026, 1, 8))
    world.one(Spend(book, fen("20.00"), date(2025, 3, 1), "H0001", world.ref()))
    before = world.one(PostInterest(book, 2025)).amount_fen
    with world.engine.connect() as connection:
        history = read_history(connection, [book])[book]
    known = [one for one in history if not (one.kind == Kind.INTEREST and one.period == 2025)]
    policy = world.policies[AREA]
    difference = interest_difference(known, 2025, opened_on=date(2014, 1, 2), paid_out=None, policy=policy)
    assert difference.right == before > 0
    assert verify(world.engine).findings == []
