"""A mistaken death, put anywhere into any life and withdrawn, leaves it as it would have been (R53, K5, K6).

The life of a twin is the same but for the death. Somewhere in it a second account that the person has goes
into the first one. After the next year end both have the same money in the same
pockets, the same quotas, months and years, and each year earned the same.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

import pytest
from sqlalchemy import Engine, select

from ledger import tables
from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.mutual_aid import GiveQuota
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.estates.merging import MergeAccounts
from ledger.estates.undoing import UndoEstate
from ledger.people.residents import resident_ref
from ledger.posting import Posted
from ledger.refusals import Refused
from ledger.reports import look
from ledger.verify import verify
from tests.support.approvals import asks_nobody
from tests.support.chance import seeds
from tests.support.people import SomeoneFactory, World
from tests.support.stories import Heir, confirming, entries, row
from tests.support.units import Unit

BEGAN = date(2024, 1, 1)
# for later months the area has no average wage
LAST_WAGE = 202706
COMPARED = (
    "current_year",
    "carried_over",
    "held",
    "reserved",
    "stage",
    "died_on",
    "interest_year",
    "open_year",
)


class Twins:
    """Two accounts to which the same happens, but for the death of the first."""

    def __init__(self, world: World, random: Random) -> None:
        self.world, self.random = world, random
        self.today = BEGAN
        self.unit = Unit(world)
        self.books = [self._open() for _ in range(2)]
        # the second accounts of both, until they go into the first ones
        self.younger = [self._open() for _ in range(2)]
        self.relatives = [SomeoneFactory() for _ in range(2)]
        for someone in self.relatives:
            world.open(someone, opened_on=BEGAN, today=BEGAN)
        self.paid_to = BEGAN
        self.ended = BEGAN.year - 1

    def _open(self) -> int:
        # two numbers, and one name
        someone = SomeoneFactory(name="张三")
        return self.unit.hire(someone, opened_on=BEGAN, today=BEGAN, opening=(0, 3_000_000))

    def passes(self, days: int) -> None:
        """Time passes, with the months that are paid, and with the year ends that fall into it."""
        until = self.today + timedelta(days=days)
        while self.today < until:
            self.today += timedelta(days=1)
            if (self.today.month, self.today.day) == (1, 3):
                self.end_year(self.today.year - 1)

    def end_year(self, year: int) -> None:
        for book in (*self.books, *self.younger):
            outcome = self.world.post(PostInterest(book, year), today=self.today)[0]
            assert isinstance(outcome, Posted | Refused)
        self.ended = year

    def lives(self, steps: int) -> None:
        for _ in range(steps):
            self.passes(self.random.choice((1, 4, 15, 30, 45)))
            self.random.choice(
                (self.pays, self.pays, self.spends, self.spends, self.takes_back, self.gives)
            )()

    def merges(self) -> None:
        """What the second account has goes into the first one."""
        for younger, book in zip(self.younger, self.books, strict=True):
            self.world.one(MergeAccounts(younger, book, "finding 118"), today=self.today)
        self.younger = []

    def pays(self) -> None:
        """A month that an employer pays, and now and then one that came straight."""
        period = (self.today.replace(day=1) - timedelta(days=1)).strftime("%Y%m")
        books = self.random.choice((self.books, self.younger)) if self.younger else self.books
        if self.random.random() < 0.5 and int(period) <= LAST_WAGE:
            wage = self.random.randrange(500_000, 2_000_000)
            known = {one.period for one in self.rows(books[1])}
            if int(period) in known:
                return
            self.unit.declare(int(period), dict.fromkeys(books, wage), today=self.today)
            self.unit.pay(2 * wage, self.today, int(period), today=self.today)
            return
        fen = self.random.randrange(1, 40_000)
        for book in books:
            self.world.one(Contribute(book, fen, int(period), self.today, self.world.ref()), today=self.today)

    def spends(self) -> None:
        fen = self.random.randrange(1, 200_000)
        day = self.today - timedelta(days=self.random.choice((0, 0, 10, 80, 200)))
        for book in self.books:
            spend = Spend(book, fen, max(day, BEGAN), "H0001", self.world.ref(), take_available=True)
            self.world.one(spend, today=self.today)

    def takes_back(self) -> None:
        found = [entries(self.world.engine, book, Kind.SPENDING) for book in self.books]
        place = self.random.randrange(max(len(found[1]), 1))
        for spent in found:
            if spent:
                reversal = Reverse(spent[place].book_id, spent[place].seq, "never was")
                outcome = self.world.post(reversal, today=self.today)[0]
                assert isinstance(outcome, Posted | Refused)

    def gives(self) -> None:
        fen = self.random.randrange(100, 90_000)
        for book, someone in zip(self.books, self.relatives, strict=True):
            digest = self.unit.digest(someone)
            quota = GiveQuota(book, digest, (digest, resident_ref(digest)), "child", fen, 1)
            outcome = self.world.post(quota, today=self.today)[0]
            assert isinstance(outcome, Posted | Refused)

    def rows(self, book: int) -> list[tuple[object, ...]]:
        table = tables.assessment
        columns = ("period", "base", "employee", "employer", "employee_paid", "employer_paid", "suspended")
        with look(self.world.engine) as connection:
            query = select(*(table.c[name] for name in columns)).where(table.c.account_id == book)
            return list(connection.execute(query.order_by(table.c.period)))

    def stands(self, book: int) -> tuple[object, ...]:
        found = row(self.world.engine, book)
        return tuple(getattr(found, name) for name in COMPARED)


def dies(twins: Twins) -> None:
    """The first of them is reported dead by mistake, some days or years late; then it is withdrawn."""
    world, random, book = twins.world, twins.random, twins.books[0]

    def wait() -> None:
        twins.passes(random.choice((0, 1, 20, 100, 300, 500)))

    def when() -> date:
        return twins.today - timedelta(days=random.choice((0, 3, 40, 250, 500)))

    death = world.one(ReportDeath(book, max(when(), BEGAN), "certificate"), today=twins.today)
    wait()
    for _ in range(random.randrange(3)):
        day = max(when(), BEGAN)
        if day != row(world.engine, book).died_on:
            world.one(CorrectDeath(book, day, "judgment"), today=twins.today)
            wait()
    for _ in range(random.randrange(3)):
        heirs = [Heir("child", "王五"), Heir("spouse", "王六")]
        outcome = world.post(confirming(world, book, heirs, twins.today), today=twins.today)[0]
        if not isinstance(outcome, Posted):
            # what was spent after the day that was said keeps the estate open
            break
        wait()
        world.one(UndoEstate(book, death.seq, "in error", "paper"), today=twins.today)
        wait()
    world.one(WithdrawDeath(book, "a namesake", "registry 7"), today=twins.today)
    # the next run over a year posts what a closed account was passed over for
    if row(world.engine, book).interest_year < twins.ended:
        world.one(PostInterest(book, twins.ended), today=twins.today)


@pytest.mark.parametrize("seed", seeds(12))
def test_a_mistaken_death_leaves_no_trace_in_the_money(engine: Engine, seed: int) -> None:
    random = Random(seed)
    world = asks_nobody(World(engine))
    twins = Twins(world, random)
    younger = twins.younger[:]
    twins.lives(random.randrange(2, 14))
    deaths = random.choice((1, 1, 2))
    merged = random.randrange(deaths + 1)
    for number in range(deaths):
        if number == merged:
            twins.merges()
            twins.passes(random.choice((0, 30, 300)))
        dies(twins)
        twins.lives(random.randrange(8))
    twins.passes((date(twins.today.year + 1, 1, 5) - twins.today).days)
    assert row(world.engine, twins.books[0]).stage == Stage.ACTIVE
    assert twins.stands(twins.books[0]) == twins.stands(twins.books[1])
    assert twins.rows(twins.books[0]) == twins.rows(twins.books[1])
    assert twins.rows(younger[0]) == twins.rows(younger[1])
    assert [str(one) for one in verify(engine).findings] == []
