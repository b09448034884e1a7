"""Versions of the statement of a year: what was known when the year was ended, and each later fact of it.

The examples run as stories; a version that was read once never reads otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from hashlib import sha256

import pytest
from sqlalchemy import Connection, Engine

from ledger.accounts.contributing import Contribute
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.care.reports import stored_policy
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.inquiry.interest_working import InterestWorking, interest_working
from ledger.inquiry.statements import AccountStatement, booked, statement, year_statement
from ledger.inquiry.year_versions import (
    AccountYear,
    KindSum,
    StatedInterest,
    StatedMonth,
    YearPockets,
    canonical_statement,
)
from ledger.money import round_half_up
from ledger.policy import RATE_SCALE
from ledger.refusals import Refused
from ledger.reports import balance, look
from tests.support.people import World, busy_life
from tests.support.stories import entries, fen, yuan
from tests.whole.test_worked_examples import EXAMPLES, Story, area_that_says, close_year, on

LATER = date(2030, 6, 1)
AREA = 990100
DOCUMENTED = "43f063fa8a0b2cbfa52ed828e74ffd058d6d1a127e31d7c75736014ad1007e88"


def told(name: str, engine: Engine, steps: int | None = None) -> Story:
    """A worked example, to its end or to one of its steps."""
    [example] = [one for one in EXAMPLES if one.name == name]
    story = Story(World(engine))
    if example.otherwise is not None:
        story.world.policies = {AREA: area_that_says(*example.otherwise)}
    for step in example.steps[:steps]:
        step(story)
    return story


def read(engine: Engine, book: int, year: int, version: int | None = None) -> AccountStatement:
    with look(engine) as connection:
        return statement(connection, book, year, LATER, version)


def versions(connection: Connection, book: int, year: int, today: date) -> dict[int, AccountStatement]:
    newest = statement(connection, book, year, today)
    count = newest.told.version or 0
    return {number: statement(connection, book, year, today, number) for number in range(1, count + 1)}


def kinds(sums: tuple[KindSum, ...]) -> dict[str, str]:
    return {one.kind.word: yuan(one.fen) for one in sums}


def worked(engine: Engine, story: Story, year: int, today: date = LATER) -> InterestWorking:
    with look(engine) as connection:
        return interest_working(
            connection,
            story.book,
            year,
            today,
            story.world.policies,
            lambda version: stored_policy(connection, version),
        )


# -- the examples --------------------------------------------------------------------------------------------


def test_e61_what_comes_back_stays_out_of_the_year_that_is_over(fresh_engine: Engine) -> None:
    story = told("E61", fresh_engine)
    old, new = read(fresh_engine, story.book, 2025), read(fresh_engine, story.book, 2026)
    assert (old.told.version, old.told.replaces) == (1, None)
    # the account was opened on the first day with what was carried over
    assert kinds(old.told.credits) == {
        "opening": "1,000.00",
        "contribution": "1,920.00",
        "interest": "14.47",
    }
    assert kinds(old.told.debits) == {"spending": "300.00"}
    assert old.interest == StatedInterest(fen("11.15"), fen("3.32"), 365)
    assert yuan(old.told.closing_fen) == "2,634.47"
    assert (yuan(new.told.opening_fen), yuan(new.told.closing_fen)) == ("2,634.47", "2,960.08")
    assert kinds(new.told.credits) == {"reversal": "300.00", "interest": "25.61"}
    with pytest.raises(Refused, match="statement_not_found"):
        read(fresh_engine, story.book, 2025, 2)


def test_a_late_fact_makes_the_next_version_of_its_year(fresh_engine: Engine) -> None:
    story = told("E61, before the new year's interest", fresh_engine)
    first = read(fresh_engine, story.book, 2025)
    late = date(2026, 2, 10)
    on(
        "2026-02-10",
        lambda one: one.do(Contribute(one.book, fen("160.00"), 202512, date(2025, 12, 28), "late")),
        lambda one: one.do(Reverse(one.book, one.spent[-1].seq, "wrong", date(2025, 12, 29))),
    )(story)
    second, third = (read(fresh_engine, story.book, 2025, number) for number in (2, 3))
    assert read(fresh_engine, story.book, 2025) == third
    assert read(fresh_engine, story.book, 2025, 1) == first
    assert [one.told.replaces for one in (first, second, third)] == [None, 1, 2]
    assert len({one.digest for one in (first, second, third)}) == 3
    assert kinds(second.told.credits)["contribution"] == "2,080.00"
    assert "reversal" not in kinds(second.told.credits)
    assert kinds(third.told.credits)["reversal"] == "300.00"
    assert [yuan(one.told.closing_fen) for one in (first, second, third)] == [
        "2,634.47",
        "2,794.47",
        "3,094.47",
    ]
    # on the last day of 2025 the pockets had none of it
    assert third.told.pockets.late_fen == fen("460.00")
    assert yuan(third.told.pockets.current_year_fen + third.told.pockets.carried_over_fen) == "2,634.47"
    # the month that was paid late stands in the version that knows it
    assert [one.period for one in second.months].count(202512) == 1
    assert sum(one.fen for one in second.months) - sum(one.fen for one in first.months) == fen("160.00")
    with look(fresh_engine) as connection:
        this = year_statement(connection, story.book, 2026, late)
        assert (yuan(this.opening_fen), this.credits, this.debits) == ("3,094.47", (), ())
        assert this.version is None
        now = balance(connection, story.book, now=story.world.now + timedelta(days=999), today=late)
        assert this.closing_fen == now.balance


def test_e57_and_e59_an_account_that_is_closed_has_its_last_statement(fresh_engine: Engine) -> None:
    story = told("E59", fresh_engine, -1)
    closed = read(fresh_engine, story.book, 2026)
    assert (closed.told.version, closed.told.closing_fen) == (1, 0)
    assert closed.told.last == date(2026, 10, 20)
    # to the day before the payout
    assert closed.interest == StatedInterest(fen("60.28"), fen("1.23"), 292)
    assert kinds(closed.told.debits) == {"spending": "200.00", "estate": "9,341.51"}
    [example] = [one for one in EXAMPLES if one.name == "E59"]
    example.steps[-1](story)
    second = read(fresh_engine, story.book, 2026)
    # what the hospital gave back, and what the heirs got of it, is one version
    assert (second.told.version, second.told.replaces, second.told.closing_fen) == (2, 1, 0)
    assert kinds(second.told.credits)["reversal"] == "200.00"
    assert kinds(second.told.debits)["estate"] == "9,541.51"
    assert read(fresh_engine, story.book, 2026, 1) == closed


def test_a_year_that_earned_nothing_is_ended_with_the_next(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    opened = date(2024, 5, 1)
    book = world.open(opened_on=opened, opening=(0, 0), today=opened)
    world.posted(Contribute(book, 100_00, 202601, date(2026, 1, 20), "c"), today=date(2026, 1, 20))
    close_year(world, 2025, date(2026, 2, 1))
    for year in (2024, 2025):
        shown = read(fresh_engine, book, year)
        assert (shown.told.version, shown.told.closing_fen) == (1, 0)
        assert shown.interest == StatedInterest(0, 0, 365 if year == 2025 else 245)


def test_nothing_ends_a_year_before_its_interest(fresh_engine: Engine) -> None:
    story = told("E61", fresh_engine, 3)
    shown = read(fresh_engine, story.book, 2025)
    assert (shown.told.version, shown.told.replaces, shown.digest) == (None, None, None)
    assert (shown.told.last, shown.interest) == (date(2025, 12, 31), StatedInterest())
    with pytest.raises(Refused, match="statement_not_found"):
        read(fresh_engine, story.book, 2025, 1)


# -- the working of interest ---------------------------------------------------------------------------------

WORKED: list[tuple[str, int, str, str]] = [
    ("E18", 2025, "111.53", "0.00"),
    ("E18, basis 365", 2025, "110.00", "0.00"),
    ("E19", 2026, "88.53", "0.00"),
    ("E20", 2026, "0.00", "1.60"),
    ("E21", 2025, "55.76", "2.75"),
    ("E21", 2026, "54.41", "1.01"),
    ("E22", 2026, "32.17", "0.00"),
    ("E23, current year first", 2026, "17.71", "0.58"),
    ("E23, carried over first", 2026, "15.26", "1.14"),
    ("E24, one yuan", 2025, "0.01", "0.00"),
    ("E24, leap year", 2028, "66.08", "0.00"),
    ("E57", 2026, "60.28", "1.23"),
    ("E61", 2025, "11.15", "3.32"),
    ("E61", 2026, "25.61", "0.00"),
]


def recomputed(shown: InterestWorking, pocket: Side) -> int:
    """What a clerk makes of the rows of a pocket."""
    exact = sum(
        (Fraction(one.fen * one.rate * one.days, RATE_SCALE * one.basis))
        for one in shown.rows
        if one.pocket is pocket
    )
    return max(round_half_up(exact.numerator, exact.denominator) if exact > 0 else 0, 0)


def cover(shown: InterestWorking) -> None:
    """The rows of each pocket follow each other from the first day to the last."""
    for pocket in (Side.CARRIED_OVER, Side.CURRENT_YEAR):
        day = shown.first
        for one in shown.rows:
            if one.pocket is pocket:
                assert one.first == day <= one.last
                day = one.last + timedelta(days=1)
        assert day == shown.last + timedelta(days=1)


@pytest.mark.parametrize(("name", "year", "carried_over", "current_year"), WORKED)
def test_the_working_of_an_example(
    name: str, year: int, carried_over: str, current_year: str, fresh_engine: Engine
) -> None:
    story = told(name, fresh_engine)
    shown = worked(fresh_engine, story, year)
    assert (yuan(shown.carried_over_fen), yuan(shown.current_year_fen)) == (carried_over, current_year)
    assert recomputed(shown, Side.CARRIED_OVER) == shown.carried_over_fen
    assert recomputed(shown, Side.CURRENT_YEAR) == shown.current_year_fen
    cover(shown)
    posted = entries(fresh_engine, story.book, Kind.INTEREST)
    assert shown.posted in {one.seq for one in posted if one.period == year}


def test_the_rows_of_e19_and_of_a_payout(fresh_engine: Engine) -> None:
    shown = worked(fresh_engine, told("E19", fresh_engine), 2026)
    rows = [(one.pocket, one.first, one.last, one.fen, one.rate, one.days) for one in shown.rows]
    half, end = date(2026, 6, 30), date(2026, 12, 31)
    assert rows == [
        (Side.CARRIED_OVER, date(2026, 1, 1), half, 10_000_00, 1_100_000, 181),
        (Side.CARRIED_OVER, date(2026, 7, 1), end, 10_000_00, 650_000, 184),
        (Side.CURRENT_YEAR, date(2026, 1, 1), half, 0, 350_000, 181),
        (Side.CURRENT_YEAR, date(2026, 7, 1), end, 0, 100_000, 184),
    ]


def test_a_year_under_way_is_worked_to_yesterday(fresh_engine: Engine) -> None:
    story = told("E61, before the new year's interest", fresh_engine)
    shown = worked(fresh_engine, story, 2026, date(2026, 2, 1))
    assert (shown.posted, shown.last) == (None, date(2026, 1, 31))
    # 2,634.47 for 31 days at 1.10 %
    assert yuan(shown.total_fen) == "2.50"
    cover(shown)
    first_day = worked(fresh_engine, story, 2026, date(2026, 1, 1))
    assert (first_day.rows, first_day.total_fen) == ((), 0)


def test_the_working_stays_as_it_was_posted(fresh_engine: Engine) -> None:
    """Neither a later fact nor another policy changes it."""
    story = told("E18, basis 365", fresh_engine)
    before = worked(fresh_engine, story, 2025)
    story.world.policies = World(fresh_engine).policies
    today = date(2026, 3, 1)
    story.world.posted(Spend(story.book, 100, date(2025, 6, 1), "H0001", "late"), today=today)
    assert worked(fresh_engine, story, 2025) == before
    assert before.basis == 365


# -- properties ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 6, 7, 11])
def test_versions_add_up_and_never_change(fresh_engine: Engine, seed: int) -> None:
    seen: dict[tuple[int, int], AccountStatement] = {}
    most: dict[int, int] = defaultdict(int)
    book = 0
    for step, (book, now, today) in enumerate(busy_life(World(fresh_engine), seed, 120)):
        if step % 6:
            continue
        with look(fresh_engine) as connection:
            moved = {one.seq: one for one in booked(connection, book)}
            for year in range(2024, today.year + 1):
                shown = statement(connection, book, year, today)
                told_ = shown.told
                assert told_.closing_fen == sum(told_.pockets)
                if told_.version is None and year == today.year:
                    assert told_.closing_fen == balance(connection, book, now=now, today=today).balance
                for number, one in versions(connection, book, year, today).items():
                    assert seen.setdefault((year, number), one) == one
                    fens = [moved[seq].fen for seq in one.told.seqs]
                    assert one.told.income_fen - one.told.spending_fen == sum(fens)
                    assert all(seq <= one.told.last_seq for seq in one.told.seqs)
                    most[year] = max(most[year], number)
    # each version has one fact more than the one before
    for (year, number), one in seen.items():
        if number > 1:
            assert len(one.told.seqs) == len(seen[year, number - 1].told.seqs) + 1
    digests = [one.digest for one in seen.values()]
    assert len(digests) == len(set(digests))
    assert None not in digests


def test_some_life_has_a_second_version(fresh_engine: Engine) -> None:
    """Else the property above says nothing."""
    book, _now, today = list(busy_life(World(fresh_engine), 7, 120))[-1]
    with look(fresh_engine) as connection:
        newest = [
            year_statement(connection, book, year, today).version or 0 for year in range(2024, today.year)
        ]
    assert max(newest) > 1


# -- the digest ----------------------------------------------------------------------------------------------


def test_the_digest_of_the_documentation() -> None:
    """The worked example that docs/inquiry.md prints."""
    shown = AccountYear(
        date(2025, 1, 1),
        date(2025, 12, 31),
        1_000_00,
        (KindSum(Kind.CONTRIBUTION, 2, 320_00), KindSum(Kind.INTEREST, 1, 11_22)),
        (KindSum(Kind.SPENDING, 1, 300_00),),
        YearPockets(),
        version=2,
        last_seq=9,
    )
    months = [
        StatedMonth(
            202501, Kind.CONTRIBUTION, 5_000_000_000_001, "911101087999990007", "单位", 800_000, 160_00
        ),
        StatedMonth(202502, Kind.CONTRIBUTION, None, None, None, None, 160_00),
    ]
    canonical = canonical_statement(
        16_000_000_000_001, shown, bytes(range(32)), StatedInterest(11_15, 7, 365), months
    )
    assert canonical == (
        "1|16000000000001|2025-01-01|2025-12-31|2|9"
        "|000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        "|100000|2,2,32000;11,1,1122|3,1,30000|1115,7,365|103122"
        "|202501,2,5000000000001,16000;202502,2,,16000"
    )
    assert sha256(canonical.encode()).hexdigest() == DOCUMENTED
