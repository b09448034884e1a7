"""Interest of posted years is judged anew by a death that was reported late, re-dated or withdrawn (R15)."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.interest_corrections import CorrectInterest
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.contributions.retirees import CreditRetiree
from ledger.people.enrolments import Enrol
from ledger.refusals import RefusalCode
from tests.support.approvals import asks_nobody
from tests.support.people import World
from tests.support.stories import Heir, confirming, entries, pockets, row
from tests.support.units import Unit

OPENED = date(2024, 1, 1)
DIED = date(2025, 3, 20)
WAGE, WHOLE = 2_400_000, 228_000


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return asks_nobody(World(sound_engine))


@pytest.fixture(params=["retiree", "worker"])
def life(request: pytest.FixtureRequest, world: World) -> Lives:
    return Lives(world, request.param)


class Lives:
    """Lives that get a credit each month: of a retiree, or by an employer."""

    def __init__(self, world: World, of: str) -> None:
        self.world = world
        self.unit = Unit(world) if of == "worker" else None

    def begin(self) -> int:
        opening = (0, 5_000_000)
        if self.unit is not None:
            return self.unit.hire(opened_on=OPENED, today=OPENED, opening=opening)
        book = self.world.open(opened_on=OPENED, today=OPENED, opening=opening)
        self.world.one(Enrol(book, MemberClass.RETIRED, None, OPENED, None), today=OPENED)
        return book

    def month(self, period: int, *books: int) -> None:
        year, month = divmod(period, 100)
        day = date(year + month // 12, month % 12 + 1, 10)
        if self.unit is not None:
            self.unit.declare(period, dict.fromkeys(books, WAGE), today=day)
            self.unit.pay(WHOLE * len(books), day, period, today=day)
            return
        for book in books:
            self.world.one(CreditRetiree(book, period), today=day)

    def ends(self, year: int, *books: int) -> None:
        for book in books:
            self.world.one(PostInterest(book, year), today=date(year + 1, 1, 2))

    def through(self, first: int, last: int, *books: int) -> None:
        """The months from one to another, with the ends of the years between them."""
        period = first
        while period <= last:
            if period % 100 == 1 and period > first:
                # in time: a month of December is paid in January
                self.ends(period // 100 - 1, *books)
            self.month(period, *books)
            period += 1 if period % 100 < 12 else 89


def report(world: World, book: int, today: date, on: date = DIED) -> int:
    return world.one(ReportDeath(book, on, "certificate"), today=today).seq


def withdraw(world: World, book: int, today: date) -> None:
    world.one(WithdrawDeath(book, "a namesake", "registry 7"), today=today)


def standing(world: World, book: int) -> tuple[int, ...]:
    found = row(world.engine, book)
    return found.current_year, found.carried_over, found.reserved, found.stage, found.interest_year


@pytest.mark.parametrize("today", [date(2025, 12, 1), date(2026, 2, 20), date(2026, 9, 9), date(2027, 2, 20)])
def test_nobody_has_had_what_went_back_nor_its_interest(world: World, life: Lives, today: date) -> None:
    """However late the death is reported, the estate is what it would be had it been reported at once."""
    late, prompt = life.begin(), life.begin()
    life.through(202402, 202503, late, prompt)
    report(world, prompt, date(2025, 4, 20))
    last = today.year * 100 + today.month - 2 if today.month > 2 else (today.year - 1) * 100 + 11
    period = 202504
    while period <= last:
        life.month(period, late)
        period += 1 if period % 100 < 12 else 89
        if period % 100 == 1:
            life.ends(period // 100 - 1, late, prompt)
    report(world, late, today)
    assert pockets(world.engine, late, today) == pockets(world.engine, prompt, today)
    heir = Heir("child", "王五")
    found = [world.one(confirming(world, book, [heir], today), today=today) for book in (late, prompt)]
    assert found[0].amount_fen == found[1].amount_fen > 5_000_000


@pytest.mark.parametrize(
    ("reported", "withdrawn"),
    [
        (date(2025, 11, 20), date(2025, 12, 5)),
        (date(2025, 11, 20), date(2026, 3, 5)),
        (date(2025, 11, 20), date(2027, 3, 5)),
        (date(2026, 3, 5), date(2026, 3, 6)),
        (date(2026, 11, 20), date(2027, 3, 5)),
        (date(2027, 3, 5), date(2028, 3, 5)),
    ],
)
def test_withdrawn_it_gives_all_of_it_back(
    world: World, life: Lives, reported: date, withdrawn: date
) -> None:
    book, twin = life.begin(), life.begin()
    life.through(202402, 202509, book, twin)
    for one in (book, twin):
        world.one(Spend(one, 1_500_001, date(2025, 11, 2), "H0001", world.ref()), today=date(2025, 11, 2))
    for year in range(2025, reported.year):
        life.ends(year, book, twin)
    before = standing(world, book)
    report(world, book, reported)
    for year in range(reported.year, withdrawn.year):
        life.ends(year, book, twin)
    withdraw(world, book, withdrawn)
    if reported.year == withdrawn.year:
        assert standing(world, book)[1:] == before[1:]
        assert standing(world, book) == before
    assert pockets(world.engine, book, withdrawn) == pockets(world.engine, twin, withdrawn)
    life.ends(withdrawn.year, book, twin)
    after = date(withdrawn.year + 1, 1, 5)
    assert pockets(world.engine, book, after) == pockets(world.engine, twin, after)
    # and rates that are looked at again find nothing
    for one in (book, twin):
        again = CorrectInterest(one, 2024, withdrawn.year, "looked at")
        assert world.refusal(again, today=after) is RefusalCode.NOTHING_TO_CORRECT


def test_redated_it_is_as_if_the_right_day_had_been_said(world: World, life: Lives) -> None:
    """What was valued between the days is judged anew, earlier and later, and twice over (R53)."""
    today = date(2026, 5, 5)
    book, right, later = life.begin(), life.begin(), life.begin()
    life.through(202402, 202509, book, right, later)
    life.ends(2025, book, right, later)
    for one, day in ((book, date(2025, 8, 9)), (right, DIED), (later, date(2025, 6, 1))):
        report(world, one, today, day)
    for to, as_one in ((DIED, right), (date(2025, 6, 1), later), (DIED, right)):
        world.one(CorrectDeath(book, to, "judgment 8"), today=today)
        assert pockets(world.engine, book, today) == pockets(world.engine, as_one, today)
    assert len(entries(world.engine, book, Kind.INTEREST_CORRECTION)) == 4


def test_what_was_spent_of_the_interest_is_not_taken(world: World) -> None:
    """Never below zero: what is not there is left, and a withdrawal gives back what was taken (R16, R20)."""
    life = Lives(world, "retiree")
    book, twin = life.begin(), life.begin()
    life.through(202402, 202509, book, twin)
    life.ends(2025, book, twin)
    day = date(2026, 4, 1)
    # six months are credits for after the death, and 0.07 more is there
    left = 6 * 11_000 + 7
    for one in (book, twin):
        spent = sum(pockets(world.engine, one, day)) - left
        world.one(Spend(one, spent, day, "H0001", world.ref()), today=day)
    report(world, book, day)
    assert pockets(world.engine, book, day) == (0, 0)
    [judged] = [unpack(one.detail) for one in entries(world.engine, book, Kind.INTEREST_CORRECTION)]
    assert judged["due"] - judged["left"] == -7
    withdraw(world, book, date(2026, 4, 2))
    assert pockets(world.engine, book, day) == pockets(world.engine, twin, day) == (0, left)
    life.ends(2026, book, twin)
    after = date(2027, 1, 5)
    assert pockets(world.engine, book, after) == pockets(world.engine, twin, after)


def test_died_again_after_a_death_that_was_none(world: World, life: Lives) -> None:
    """What was given again goes back on the day on which it first came."""
    book, twin = life.begin(), life.begin()
    life.through(202402, 202509, book, twin)
    life.ends(2025, book, twin)
    report(world, book, date(2026, 2, 1), date(2025, 6, 1))
    withdraw(world, book, date(2026, 2, 2))
    today = date(2026, 5, 1)
    for one in (book, twin):
        report(world, one, today)
    assert sum(pockets(world.engine, book, today)) == sum(pockets(world.engine, twin, today))
    withdraw(world, book, date(2026, 6, 1))
    withdraw(world, twin, date(2026, 6, 1))
    life.ends(2026, book, twin)
    after = date(2027, 1, 5)
    assert pockets(world.engine, book, after) == pockets(world.engine, twin, after)
