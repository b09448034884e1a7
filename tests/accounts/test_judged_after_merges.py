"""A death that is reported after two accounts became one: what is called back for the younger one counts
as of the day on which it came, whether or not that year's interest is posted (R2, R15, R32, K5).
"""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.interest_corrections import CorrectInterest
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.chart.kinds import Kind
from ledger.estates.merging import MergeAccounts
from ledger.refusals import RefusalCode
from tests.support.approvals import asks_nobody
from tests.support.people import SomeoneFactory, World
from tests.support.stories import Heir, confirming, entries, pockets
from tests.support.units import Unit

OPENED = date(2026, 1, 5)
DIED = date(2026, 3, 15)
WAGE, WHOLE = 2_400_000, 228_000


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return asks_nobody(World(sound_engine))


@pytest.fixture(params=["straight", "employer"])
def life(request: pytest.FixtureRequest, world: World) -> MergedLife:
    return MergedLife(world, request.param)


class MergedLife:
    """Somebody with two accounts: the money of the younger one came straight, or from an employer."""

    def __init__(self, world: World, of: str) -> None:
        self.world = world
        self.unit = Unit(world) if of == "employer" else None

    def begin(self, merged_on: date) -> tuple[int, int]:
        """1,000.00 in either account, and on a day the younger one goes into the older one."""
        someone = SomeoneFactory(name="张三")
        older = self.world.open(SomeoneFactory(name="张三"), opened_on=OPENED, today=OPENED)
        younger = self.world.open(someone, opened_on=OPENED, today=OPENED)
        self.world.one(self.contribution(older, 202602, date(2026, 2, 20)), today=date(2026, 2, 20))
        day = date(2026, 6, 10)
        if self.unit is None:
            self.world.one(self.contribution(younger, 202605, day), today=day)
        else:
            self.unit.know(younger, someone)
            self.unit.declare(202605, {younger: WAGE}, today=day)
            self.unit.pay(WHOLE, day, 202605, today=day)
        for year in range(2026, merged_on.year):
            self.ends(year, older, younger)
        self.world.one(MergeAccounts(younger, older, "finding 118"), today=merged_on)
        return older, younger

    def contribution(self, book: int, period: int, day: date) -> Contribute:
        return Contribute(book, 100_000, period, day, self.world.ref())

    def ends(self, year: int, *books: int) -> None:
        for book in books:
            self.world.one(PostInterest(book, year), today=date(year + 1, 1, 2))


def report(world: World, book: int, today: date, on: date = DIED) -> None:
    world.one(ReportDeath(book, on, "certificate"), today=today)


def withdraw(world: World, book: int, today: date) -> None:
    world.one(WithdrawDeath(book, "a namesake", "registry 7"), today=today)


MERGED = [date(2026, 11, 25), date(2027, 2, 1)]


@pytest.mark.parametrize("merged_on", MERGED)
@pytest.mark.parametrize("ends", [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2)])
def test_withdrawn_it_gives_all_of_it_back(
    world: World, life: MergedLife, merged_on: date, ends: tuple[int, int]
) -> None:
    """With so many year ends between the merger and the report, and between this and its withdrawal."""
    (book, _), (twin, _) = life.begin(merged_on), life.begin(merged_on)
    year = merged_on.year
    for _ in range(ends[0]):
        life.ends(year, book, twin)
        year += 1
    report(world, book, date(year, 12, 1))
    for _ in range(ends[1]):
        life.ends(year, book, twin)
        year += 1
    withdrawn = date(year, 12, 5)
    withdraw(world, book, withdrawn)
    assert pockets(world.engine, book, withdrawn) == pockets(world.engine, twin, withdrawn)
    life.ends(year, book, twin)
    after = date(year + 1, 1, 5)
    assert pockets(world.engine, book, after) == pockets(world.engine, twin, after)
    # and rates that are looked at again find nothing
    for one in (book, twin):
        again = CorrectInterest(one, 2026, year, "looked at")
        assert world.refusal(again, today=after) is RefusalCode.NOTHING_TO_CORRECT


@pytest.mark.parametrize("merged_on", MERGED)
@pytest.mark.parametrize("spent", [0, 30_000])
def test_the_estate_is_the_same_whenever_the_death_is_reported(
    world: World, life: MergedLife, merged_on: date, spent: int
) -> None:
    (late, _), (prompt, _) = life.begin(merged_on), life.begin(merged_on)
    for one in (late, prompt) if spent else ():
        day = date(merged_on.year, 12, 5)
        world.one(Spend(one, spent, day, "H0001", world.ref()), today=day)
    report(world, prompt, date(merged_on.year, 12, 10))
    for year in range(merged_on.year, 2029):
        life.ends(year, late, prompt)
    today = date(2029, 2, 1)
    report(world, late, today)
    assert pockets(world.engine, late, today) == pockets(world.engine, prompt, today)
    if spent:
        # after the death: that keeps the estate open
        return
    heir = Heir("child", "王五")
    found = [world.one(confirming(world, book, [heir], today), today=today) for book in (late, prompt)]
    assert found[0].amount_fen == found[1].amount_fen > 0


def test_redated_and_reported_again(world: World, life: MergedLife) -> None:
    """A later day gives it again, an earlier one takes it once more, and a withdrawal ends it (R53)."""
    (book, _), (twin, _) = life.begin(MERGED[1]), life.begin(MERGED[1])
    life.ends(2027, book, twin)
    today = date(2028, 5, 5)
    report(world, book, today)
    there = pockets(world.engine, book, today)
    world.one(CorrectDeath(book, date(2026, 8, 1), "judgment 8"), today=today)
    assert pockets(world.engine, book, today) == pockets(world.engine, twin, today) != there
    world.one(CorrectDeath(book, DIED, "judgment 9"), today=today)
    assert pockets(world.engine, book, today) == there
    withdraw(world, book, today)
    report(world, book, today)
    assert pockets(world.engine, book, today) == there
    withdraw(world, book, today)
    life.ends(2028, book, twin)
    after = date(2029, 1, 5)
    assert pockets(world.engine, book, after) == pockets(world.engine, twin, after)


def test_another_way_back_is_no_fact_of_a_death(world: World) -> None:
    """A contribution that was an error goes back without interest, before a death and after it (R32)."""
    (book, younger) = MergedLife(world, "straight").begin(MERGED[1])
    MergedLife(world, "straight").ends(2027, book)
    today = date(2028, 2, 1)
    [came] = entries(world.engine, younger, Kind.CONTRIBUTION)
    world.one(Reverse(younger, came.seq, "not theirs"), today=today)
    there = sum(pockets(world.engine, book, today))
    report(world, book, today)
    assert sum(pockets(world.engine, book, today)) == there
    withdraw(world, book, today)
    assert sum(pockets(world.engine, book, today)) == there
    assert entries(world.engine, book, Kind.INTEREST_CORRECTION) == []
