"""What an annual settlement gave back to relatives comes back to them only once (R31, R36, K6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from random import Random

import pytest
from sqlalchemy import Engine, select

from ledger import tables
from ledger.accounts.contributing import Contribute
from ledger.accounts.mutual_aid import EndQuota
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.book.numbers import entry_name
from ledger.care.counters import NOTHING_USED
from ledger.care.recomputation import Year, divide, divide_for_heirs
from ledger.chart.care import Filing
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.posting import Receipt
from ledger.refusals import RefusalCode, Refused
from tests.care.test_annual_settlements import FIRST, IN_TIME, SETTLING, YEAR, Story, story_of
from tests.support.chance import seeds
from tests.support.clinic import Settled
from tests.support.people import SomeoneFactory, noon
from tests.support.stories import fen, moves

R = RefusalCode


@pytest.fixture
def story(sound_engine: Engine) -> Story:
    return story_of(sound_engine)


@dataclass
class Family:
    """A patient with nothing, and relatives who gave quotas, the first one first."""

    story: Story
    book: int
    donors: list[int] = field(default_factory=list)
    quotas: list[Receipt] = field(default_factory=list)

    def holds(self) -> list[str]:
        return [f"{self.story.clinic.balance(donor) / 100:.2f}" for donor in self.donors]

    def reserved(self) -> list[int]:
        return [int(self.story.clinic.book(donor).reserved) for donor in self.donors]

    def bill(self, amount: str, month: int, at: int = 2, *, care_type: str = "inpatient") -> Settled:
        return self.story.bill(
            self.book, amount, month, at=at, posted=SETTLING, care_type=care_type, use_account=True
        )

    def reverse(self, bill: Settled) -> None:
        self.story.clinic.reverse(bill, today=SETTLING)

    def settle(self) -> dict[str, int]:
        """What the person owes and what relatives got, in fen; what is nothing is not there."""
        told = unpack(self.story.settle(self.book).receipt.detail)
        return {name: told[name] for name in ("to_relatives", "to_bank", "still_owed") if told[name]}


def family(story: Story, *gifts: tuple[str, str], on: date = SETTLING) -> Family:
    someone = SomeoneFactory()
    book = story.world.open(someone, opened_on=FIRST, today=FIRST)
    found = Family(story, book)
    story.world.now = noon(on)
    for rank, (balance, quota) in enumerate(gifts, 1):
        donor = story.patient(balance)
        found.donors.append(donor)
        found.quotas.append(story.clinic.give(donor, someone, quota, rank=rank))
    return found


def two_bills(story: Story) -> tuple[Family, Settled, Settled]:
    """A bill of December and, settled after it, one of January: 120.00 of the first are the fund's."""
    them = family(story, ("4000.00", "3000.00"))
    later, earlier = them.bill("1000.00", 12), them.bill("1700.00", 1, at=1)
    return them, later, earlier


def test_both_bills_taken_back_leave_nothing_behind(story: Story) -> None:
    them, later, earlier = two_bills(story)
    paid = fen("4000.00") - story.clinic.balance(them.donors[0])
    back = them.settle()["to_relatives"]
    assert 0 < back < paid
    for bill in (earlier, later):
        them.reverse(bill)
    assert (them.holds(), them.reserved()) == (["4000.00"], [fen("3000.00")])
    # no fund has paid anything of the year: nothing is left to be settled but counters
    assert not {"inpatient_pooled", "large", "top_up"} & story.used(them.book).keys()
    again = story.settle(them.book).receipt
    assert (again.transfers, unpack(again.detail)["still_owed"]) == ((), 0)
    assert (story.used(them.book), them.holds()) == ({}, ["4000.00"])


def test_what_had_come_back_goes_to_the_fund_that_paid_it(story: Story) -> None:
    them, later, earlier = two_bills(story)
    back = them.settle()["to_relatives"]
    them.reverse(earlier)
    story.clinic.reverse(later, today=SETTLING)
    with story.world.engine.connect() as connection:
        e = tables.entry.c
        kinds = connection.execute(
            select(e.seq, e.kind, e.detail).where(e.book_id == them.book).order_by(e.seq)
        ).all()
    reversal, difference = kinds[-2:]
    assert (reversal.kind, difference.kind) == (Kind.REVERSAL, Kind.ANNUAL_SETTLEMENT)
    assert unpack(difference.detail)["reversal"] == entry_name(them.book, reversal.seq)
    aid, pooled = int(Side.MUTUAL_AID_CLEARING), int(Side.POOLED_FUND)
    assert moves(story.world.engine, them.book, difference.seq) == [(aid, pooled, back)]


def test_one_bill_taken_back_is_claimed_from_the_relative_and_not_from_the_patient(story: Story) -> None:
    them, later, earlier = two_bills(story)
    alone = fen("4000.00") - later.row.mutual_pay
    assert them.settle()["to_relatives"]
    them.reverse(earlier)
    assert them.settle() == {}
    assert story.clinic.balance(them.donors[0]) == alone
    assert them.reserved() == [fen("3000.00") - later.row.mutual_pay]
    # and settled anew, what is the fund's comes back again
    them.bill("1700.00", 1, at=1)
    assert them.settle()["to_relatives"]


def test_what_the_relative_no_longer_has_is_owed_by_the_patient(story: Story) -> None:
    them, _later, earlier = two_bills(story)
    [donor], [quota] = them.donors, them.quotas
    back = them.settle()["to_relatives"]
    them.reverse(earlier)
    story.world.one(EndQuota(donor, quota.seq))
    left = story.clinic.balance(donor) - 50_00
    story.world.one(Spend(donor, left, SETTLING, "H0001", story.world.ref()))
    assert them.settle() == {"still_owed": back - 50_00}
    assert story.clinic.balance(donor) == 0
    # once it is there it is taken, and the patient owes nothing
    story.world.one(_contribution(story, donor, back))
    assert them.settle() == {}
    assert story.clinic.balance(donor) == 50_00


def _contribution(story: Story, donor: int, amount: int) -> Contribute:
    return Contribute(donor, amount, 202603, SETTLING, story.world.ref())


def test_each_relative_gives_back_what_came_to_that_one(story: Story) -> None:
    them = family(story, ("1000.00", "912.00"), ("4000.00", "3000.00"))
    later = them.bill("1000.00", 12)
    earlier = them.bill("1700.00", 1, at=1)
    alone = [100_000 - later.row.mutual_pay, 400_000]
    assert them.settle()["to_relatives"]
    them.reverse(earlier)
    assert them.settle() == {}
    assert [story.clinic.balance(donor) for donor in them.donors] == alone
    them.reverse(later)
    assert (them.settle(), them.holds()) == ({}, ["1000.00", "4000.00"])


def test_within_the_year_it_comes_back_to_the_pockets_that_gave_it(story: Story) -> None:
    on = date(YEAR, 12, 20)
    them = family(story, ("4000.00", "3000.00"), on=on)
    bills = [
        story.bill(them.book, amount, month, at=at, posted=on, care_type="inpatient", use_account=True)
        for amount, month, at in (("1000.00", 12, 2), ("1700.00", 1, 1))
    ]
    assert unpack(story.settle(them.book, on).receipt.detail)["to_relatives"]
    for bill in reversed(bills):
        story.clinic.reverse(bill, today=on)
    stood = story.clinic.book(them.donors[0])
    assert (stood.current_year, stood.carried_over) == (400_000, 0)


def test_one_relative_gives_back_what_another_one_is_due() -> None:
    year = Year((), NOTHING_USED, NOTHING_USED, -30, ((5, 120),), ((4, 150),), from_relatives=150)
    assert year.differs
    division = divide(year, 0)
    assert (division.to_relatives, division.to_account, division.to_bank) == (120, 0, 30)
    # what the person owes comes first
    assert divide(year, 20)[:3] == (0, 20, 10)
    assert divide_for_heirs(year)[-2:] == (120, 30)


@pytest.mark.random
@pytest.mark.parametrize("seed", seeds(6))
def test_nobody_ever_holds_more_than_what_is_theirs(story: Story, seed: int) -> None:
    chance = Random(seed)
    purses = [(chance.randrange(50_000, 900_000), chance.randrange(20, 100)) for _ in range(3)]
    gifts = [(f"{purse / 100:.2f}", f"{purse * share // 100 / 100:.2f}") for purse, share in purses]
    them = family(story, *gifts)
    before = [story.clinic.balance(donor) for donor in them.donors]
    quotas = them.reserved()
    bills: list[Settled] = []
    for _ in range(12):
        act = chance.random()
        if act < 0.5 or not bills:
            bills.append(_some_bill(them, chance))
        elif act < 0.6:
            story.file(them.book, chance.choice([Filing.REFERRED, Filing.LONG_TERM]), on=IN_TIME)
        elif act < 0.8:
            _take_back(them, bills, chance.randrange(len(bills)))
        else:
            _is_theirs(them, before)
    _is_theirs(them, before)
    while bills:
        # the last inpatient bill first
        for place in reversed(range(len(bills))):
            if _take_back(them, bills, place):
                break
        if chance.random() < 0.3:
            _is_theirs(them, before)
    them.settle()
    assert [story.clinic.balance(donor) for donor in them.donors] == before
    assert them.reserved() == quotas
    assert story.clinic.balance(them.book) == 0
    _cash_is_even(them)


def _some_bill(them: Family, chance: Random) -> Settled:
    return them.bill(
        f"{chance.randrange(10_000, 1_500_000) / 100:.2f}",
        chance.randint(1, 12),
        at=chance.choice([1, 2, 3]),
        care_type=chance.choice(["inpatient", "inpatient", "outpatient", "chronic"]),
    )


def _take_back(them: Family, bills: list[Settled], place: int) -> bool:
    try:
        them.reverse(bills[place])
    except Refused as refused:
        assert refused.code is R.NOT_LAST  # noqa: PT017  else a bug of the test
        return False
    del bills[place]
    return True


def _is_theirs(them: Family, before: list[int]) -> None:
    """After an annual settlement nobody holds more than before, and settled again nothing is left to do."""
    them.settle()
    for donor, had in zip(them.donors, before, strict=True):
        assert them.story.clinic.balance(donor) <= had
    assert not them.story.settle(them.book).created
    rows = them.story.rows(them.book)
    paid = sum(row.mutual_pay for row in rows.values())
    gave = sum(before) - sum(them.story.clinic.balance(donor) for donor in them.donors)
    assert paid == gave


def _cash_is_even(them: Family) -> None:
    """What the bank paid of a year of nothing is what is owed again."""
    e, t = tables.entry.c, tables.transfer.c
    of_the_book = (e.book_id == them.book, e.kind == int(Kind.ANNUAL_SETTLEMENT))
    with them.story.world.engine.connect() as connection:
        to_bank = connection.scalars(
            select(t.amount_fen)
            .join_from(tables.entry, tables.transfer, (e.book_id == t.book_id) & (e.seq == t.seq))
            .where(*of_the_book, t.to_side == int(Side.BANK))
        ).all()
        details = connection.scalars(select(e.detail).where(*of_the_book).order_by(e.seq)).all()
    owed = [told["still_owed"] for one in details if "still_owed" in (told := unpack(one))]
    assert sum(to_bank) == owed[-1]
