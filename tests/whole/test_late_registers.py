"""What is heard late of hospitals, filings and classes ends, in whatever order, in the book of the right one
(K9, R40, R42), and bills that were settled before go by it at the annual settlement alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import permutations
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.care.entry_reversals import ReverseEntry
from ledger.care.filings import RecordFiling
from ledger.care.rows import SettlementRow
from ledger.chart.care import Filing
from ledger.chart.members import MemberClass
from ledger.clearing.comparing import DayTotals
from ledger.clearing.reconciliations import Reconcile
from ledger.institutions.changes import ChangeInstitution
from ledger.people.enrolments import EndEnrolment, Enrol
from ledger.posting import Command
from ledger.refusals import Refused
from ledger.verify import verify
from tests.care.test_annual_settlements import (
    AWAY,
    FIRST,
    IN_TIME,
    SETTLING,
    YEAR,
    Story,
    story_of,
)
from tests.support.chance import seeds
from tests.support.people import AREA
from tests.support.stories import fen

LATE = date(YEAR + 1, 1, 15)
ACTIVE, RETIRED = MemberClass.ACTIVE, MemberClass.RETIRED


@pytest.fixture
def story(sound_engine: Engine) -> Story:
    return story_of(sound_engine)


def paid(story: Story, book: int) -> tuple[dict[str, int], dict[str, int]]:
    """What funds paid in all for the year, and its counters; an admission that was counted stays one."""
    rows = story.rows(book).values()
    sums = {name: sum(getattr(row, name) for row in rows) for name in ("pooled_pay", "large_pay")}
    return sums, {name: fen for name, fen in story.used(book).items() if name != "admissions"}


def rise(story: Story, code: str, month: int, level: int) -> Command:
    """From the first of a month on a hospital is of another level."""
    first = date(YEAR, month, 1)
    return ChangeInstitution(story.clinic.parties[code], code, AREA, first, f"doc {month}", level=level)


def a_year(story: Story, seed: int, *, late: bool, order: Random) -> tuple[Any, ...]:
    """A year of care of one person, with all that is said of its places: before the bills, or after them all.

    What is said, and the bills, are the same for a seed; `order` says in which order it is recorded.
    """
    dice = Random(seed)
    home = story.clinic.institution(dice.choice((1, 2, 3)))
    away = story.clinic.institution(3, area=AWAY)
    book = story.patient()
    levels = [(month, dice.choice((1, 2, 3))) for month in dice.sample(range(1, 13), 3)]
    said: list[Callable[[], Command]] = [partial(rise, story, home, month, level) for month, level in levels]
    filed = Filing.REFERRED if dice.random() < 0.5 else Filing.EMERGENCY
    spans = ((date(YEAR, 1, 1), date(YEAR, 6, 30)), (date(YEAR, 7, 1), date(YEAR, 12, 31)))
    said += [
        partial(RecordFiling, book, filed, first, last, AWAY) for first, last in spans if dice.random() < 0.7
    ]
    since = date(YEAR, dice.randrange(1, 13), 1)
    said.append(partial(Enrol, book, RETIRED, None, since, None))
    order.shuffle(said)
    bills = [
        (month, dice.randrange(20_000, 900_000), dice.random() < 0.4)
        for month in sorted(dice.sample(range(1, 13), 4))
    ]

    def record() -> None:
        for make in said:
            story.world.one(make(), today=LATE if late else FIRST)

    if not late:
        record()
    for month, amount, is_away in bills:
        kind = "inpatient" if is_away else "outpatient"
        at = away if is_away else home
        story.bill(book, f"{amount // 100}.{amount % 100:02d}", month, at=at, care_type=kind)
    if late:
        record()
    story.settle(book)
    return paid(story, book)


@pytest.mark.random
@pytest.mark.parametrize("seed", seeds(4))
def test_what_is_heard_late_in_any_order_ends_in_the_same_book(story: Story, seed: int) -> None:
    at_once = a_year(story, seed, late=False, order=Random(seed))
    for turn in range(3):
        assert a_year(story, seed, late=True, order=Random(seed + turn)) == at_once, turn


# -- days that both sides agreed on --------------------------------------------------------------------------

AGREED_ON = date(YEAR, 3, 10)
FACTS = ("agreed", "level from February", "level from April", "name from February")


def agree(story: Story, code: str, rows: Sequence[SettlementRow]) -> Command:
    there = [row for row in rows if row.settled_on == AGREED_ON]
    totals = DayTotals(
        len(there),
        sum(row.total for row in there),
        sum(row.pooled_pay + row.large_pay for row in there),
        sum(row.account_pay for row in there),
    )
    return Reconcile(story.clinic.parties[code], code, AREA, AGREED_ON, totals)


@pytest.mark.parametrize("order", list(permutations(FACTS)))
def test_a_level_is_not_changed_into_agreed_days_and_a_name_is(story: Story, order: tuple[str, ...]) -> None:
    code = story.clinic.institution(3)
    book, party = story.patient(), story.clinic.parties[code]
    bill = story.bill(book, "1000.00", AGREED_ON.month, at=code)
    assert bill.row.pooled_pay == fen("240.00")
    refused = []
    for what in order:
        if what == "agreed":
            command = agree(story, code, list(story.rows(book).values()))
        elif what.startswith("name"):
            command = ChangeInstitution(party, code, AREA, date(YEAR, 2, 1), "doc", name="新名")
        else:
            month, level = (2, 1) if what.endswith("February") else (4, 2)
            command = rise(story, code, month, level)
        [outcome] = story.world.post(command, today=LATE)
        if isinstance(outcome, Refused):
            refused.append((what, outcome.code.value))
    # the bill of March goes by the level of February, unless the days were agreed on before it was heard
    closed = order.index("agreed") < order.index("level from February")
    assert refused == ([("level from February", "period_closed")] if closed else [])
    told = story.settled(book)
    # at level 1 80 % of what is beyond 600.00 (E27) are 320.00
    assert told == ({} if closed else {"to_bank": "80.00"})


# -- the class of a bill that was settled --------------------------------------------------------------------


def test_a_class_that_is_corrected_changes_no_bill_until_the_year_is_settled(story: Story) -> None:
    book = story.patient()
    bill = story.bill(book, "1000.00", 3)
    # active, at level 3: 60 % of what is beyond 600.00 (E26)
    assert bill.row.pooled_pay == fen("240.00")
    before = story.rows(book), story.clinic.balance(book), story.used(book)
    story.enrol(book, date(YEAR, 1, 2), member_class=RETIRED, today=LATE)
    assert (story.rows(book), story.clinic.balance(book), story.used(book)) == before
    done = story.settle(book)
    # retired: 65 % of what is beyond 400.00 (E28, E29) are 390.00
    assert done.receipt.amount_fen == fen("150.00")
    assert story.rows(book)[bill.receipt.seq] == bill.row
    assert paid(story, book)[0]["pooled_pay"] == fen("390.00")


@pytest.mark.parametrize("way", ["reversed", "ended before", "another word"])
def test_who_was_no_retiree_owes_what_was_too_much(story: Story, way: str) -> None:
    book = story.patient()
    wrong = story.enrol(book, date(YEAR, 1, 2), member_class=RETIRED, today=FIRST)
    bill = story.bill(book, "123.45", 2)
    more = story.bill(book, "1000.00", 3)
    # 65 % of 1,123.45 less 400.00: the first one is all deductible
    assert (bill.row.pooled_pay, more.row.pooled_pay) == (0, fen("470.24"))
    before = story.rows(book)
    if way == "reversed":
        story.world.one(ReverseEntry(book, wrong.seq, "no retiree"), today=LATE)
    elif way == "ended before":
        story.world.one(EndEnrolment(book, wrong.seq, date(YEAR, 1, 31)), today=LATE)
    else:
        story.enrol(book, date(YEAR, 1, 2), member_class=ACTIVE, today=LATE)
    assert story.rows(book) == before
    # active: 60 % of 1,123.45 less 600.00 are 314.07; insured no more: nothing
    back, stays = ("470.24", "0.00") if way == "ended before" else ("156.17", "314.07")
    assert story.settled(book) == {"claimed_back": back, "still_owed": back}
    assert paid(story, book)[0]["pooled_pay"] == fen(stays)
    # and right again, by the way back of the correction: the statement after it pays it out
    if way == "another word":
        story.enrol(book, date(YEAR, 1, 2), member_class=RETIRED, today=SETTLING)
        again = story.settled(book, on=SETTLING + timedelta(days=1))
        assert sum(fen(amount) for name, amount in again.items() if name != "still_owed") == fen("156.17")
        assert paid(story, book)[0]["pooled_pay"] == fen("470.24")


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_level_filing_and_class_are_corrected_in_any_order(story: Story, order: tuple[int, ...]) -> None:
    home = story.clinic.institution(3)
    book = story.patient()
    story.bill(book, "1000.00", 3, at=home)
    story.bill(book, "20000.00", 6, at=story.elsewhere, care_type="inpatient")
    acts: list[Callable[[], Any]] = [
        lambda: story.world.one(rise(story, home, 2, 2), today=LATE),
        lambda: story.file(book, on=IN_TIME),
        lambda: story.enrol(book, date(YEAR, 1, 2), member_class=RETIRED, today=LATE),
    ]
    for place in order:
        acts[place]()
    story.settle(book)
    sums, used = paid(story, book)
    # and as it would have been in the right order
    other, there = story.patient(), story.clinic.institution(3)
    story.world.one(rise(story, there, 2, 2), today=FIRST)
    story.file(other, on=FIRST)
    story.enrol(other, date(YEAR, 1, 2), member_class=RETIRED, today=FIRST)
    story.bill(other, "1000.00", 3, at=there)
    story.bill(other, "20000.00", 6, at=story.elsewhere, care_type="inpatient")
    story.settle(other)
    assert paid(story, other) == (sums, used)
    assert verify(story.world.engine).findings == []
