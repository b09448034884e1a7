"""The statement of a year, to the fen: the worked examples of the field, and what the book itself says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from sqlalchemy import Connection, Engine

from ledger.chart.kinds import Kind
from ledger.inquiry.statements import KindSum, year_statement
from ledger.inquiry.year_versions import BookedEntry, account_year
from ledger.reports import balance, look
from tests.support.people import World, busy_life, noon
from tests.support.stories import fen, yuan
from tests.whole.test_worked_examples import EXAMPLES, Story

LATER = date(2027, 6, 1)


@contextmanager
def told(name: str, engine: Engine, steps: int | None = None) -> Iterator[tuple[Connection, int]]:
    """A worked example at its end, or at one of its steps."""
    [example] = [one for one in EXAMPLES if one.name == name]
    story = Story(World(engine))
    for step in example.steps[:steps]:
        step(story)
    with look(engine) as connection:
        yield connection, story.book


def told_of(connection: Connection, book: int, year: int, today: date = LATER) -> tuple[str, ...]:
    shown = year_statement(connection, book, year, today)
    return tuple(
        yuan(one)
        for one in (
            shown.opening_fen,
            shown.income_fen,
            shown.spending_fen,
            shown.interest_fen,
            shown.closing_fen,
        )
    )


def test_e21(fresh_engine: Engine) -> None:
    with told("E21", fresh_engine) as (connection, book):
        # what was taken over came on the first day; 12 x 160.00, 300.00 spent, interest 55.76 + 2.75
        assert told_of(connection, book, 2025) == ("0.00", "6,978.51", "300.00", "58.51", "6,678.51")
        assert told_of(connection, book, 2026) == ("6,678.51", "1,975.42", "1,000.00", "55.42", "7,653.93")
        shown = year_statement(connection, book, 2026, LATER)
        assert shown.credits == (
            KindSum(Kind.CONTRIBUTION, 12, fen("1,920.00")),
            KindSum(Kind.INTEREST, 1, fen("55.42")),
        )
        assert shown.debits == (KindSum(Kind.SPENDING, 1, fen("1,000.00")),)
        assert told_of(connection, book, 2027) == ("7,653.93", "0.00", "0.00", "0.00", "7,653.93")


def test_e21_half_way_up_to_the_day(fresh_engine: Engine) -> None:
    with told("E21", fresh_engine, -11) as (connection, book):
        assert told_of(connection, book, 2026, date(2026, 3, 5)) == (
            ("6,678.51", "320.00", "1,000.00", "0.00", "5,998.51")
        )


def test_e20(fresh_engine: Engine) -> None:
    with told("E20", fresh_engine) as (connection, book):
        assert told_of(connection, book, 2026) == ("0.00", "1,921.60", "0.00", "1.60", "1,921.60")


def test_e61_what_comes_back_is_of_the_year_in_which_it_does(fresh_engine: Engine) -> None:
    with told("E61", fresh_engine) as (connection, book):
        assert told_of(connection, book, 2025) == ("0.00", "2,934.47", "300.00", "14.47", "2,634.47")
        assert told_of(connection, book, 2026) == ("2,634.47", "325.61", "0.00", "25.61", "2,960.08")
        assert (
            KindSum(Kind.REVERSAL, 1, fen("300.00")) in year_statement(connection, book, 2026, LATER).credits
        )


def test_e57_a_year_that_ends_with_the_estate(fresh_engine: Engine) -> None:
    with told("E57", fresh_engine) as (connection, book):
        opening, income, spending, interest, closing = told_of(connection, book, 2026)
        assert (opening, interest, closing) == ("0.00", "61.51", "0.00")
        # 8,200.00 taken over, 8 x 160.00 and the interest; 200.00 and the estate
        assert (income, spending) == ("9,541.51", "9,541.51")
        debits = year_statement(connection, book, 2026, LATER).debits
        assert KindSum(Kind.ESTATE, 1, fen("9,341.51")) in debits


def test_a_late_bill_stands_in_the_year_it_is_valued_in(fresh_engine: Engine) -> None:
    with told("late bill", fresh_engine) as (connection, book):
        opening, _income, _spending, interest, closing = told_of(connection, book, 2025)
        then = balance(connection, book, as_of=date(2025, 12, 31), now=noon(LATER), today=LATER)
        assert (opening, interest, closing) == ("0.00", "0.95", yuan(then.balance))


def booked(*moved: tuple[Kind, str, int]) -> list[BookedEntry]:
    """Entries that each moved something of current_year on a day."""
    days = [date.fromisoformat(day) for _kind, day, _fen in moved]
    return [
        BookedEntry(seq, kind, day, None, None, noon(day), fen_, 0, False)
        for seq, ((kind, _day, fen_), day) in enumerate(zip(moved, days, strict=True), 1)
    ]


def test_the_sums_of_kinds() -> None:
    moved = booked(
        (Kind.OPENING, "2025-03-01", 759),
        (Kind.CONTRIBUTION, "2026-01-05", 200),
        (Kind.CONTRIBUTION, "2026-02-05", 300),
        (Kind.SPENDING, "2026-02-06", -200),
        (Kind.REVERSAL, "2026-02-07", 200),
        (Kind.REVERSAL, "2026-02-08", -7),
        (Kind.CARRY_OVER, "2026-02-08", 0),
        (Kind.INTEREST, "2026-12-31", 11),
    )
    shown = account_year(moved, 2026, date(2025, 3, 1), date(2026, 12, 31))
    assert shown is not None
    assert (shown.opening_fen, shown.income_fen, shown.spending_fen) == (759, 711, 207)
    assert (shown.interest_fen, shown.closing_fen) == (11, 1_263)
    assert shown.credits == (
        KindSum(Kind.CONTRIBUTION, 2, 500),
        KindSum(Kind.REVERSAL, 1, 200),
        KindSum(Kind.INTEREST, 1, 11),
    )
    assert shown.debits == (KindSum(Kind.SPENDING, 1, 200), KindSum(Kind.REVERSAL, 1, 7))


@pytest.mark.parametrize("seed", range(4))
def test_years_join_and_end_with_what_the_book_shows(fresh_engine: Engine, seed: int) -> None:
    """The year under way begins with what the year before it closed with, as corrected."""
    book, now, today = list(busy_life(World(fresh_engine), seed, 60))[-1]
    with look(fresh_engine) as connection:
        before = year_statement(connection, book, today.year - 1, today).closing_fen
        shown = year_statement(connection, book, today.year, today)
        assert shown.opening_fen == before
        assert shown.closing_fen == balance(connection, book, now=now, today=today).balance
    assert today.year > 2024
