"""A relative's premium: at most what is still owed for the year, and its way back, and a retiree's."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from ledger.accounts.mutual_aid import PayPremium
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.chart.members import MemberClass
from ledger.contributions.retirees import RETIREE_CREDITS, CreditRetiree
from ledger.people.enrolments import Enrol
from ledger.people.residents import resident_ref
from ledger.posting import Posted
from ledger.refusals import Refused
from ledger.verify import verify
from tests.support.clinic import Clinic
from tests.support.people import AREA, Someone, SomeoneFactory, World, id_number
from tests.support.stories import fen, moves, row

CY, CO, CLEARING = 1, 2, 10


@pytest.fixture
def clinic(fresh_engine: Engine) -> Clinic:
    return Clinic(World(fresh_engine))


_children = itertools.count(1)


def resident(clinic: Clinic, **how: object) -> Someone:
    """A resident; of the group of the young who is young enough for it."""
    someone = SomeoneFactory()
    if how.get("group") == "minor":
        someone = Someone(id_number(next(_children), born=date(2015, 6, 1)), someone.name)
    enrolling = clinic.enrolling(someone)
    vars(enrolling).update(how)
    clinic.world.one(enrolling)
    return someone


def paying(
    clinic: Clinic, account: int, someone: Someone, amount: str, year: int = 2026, ref: str | None = None
) -> PayPremium:
    digest = clinic.digest(someone)
    named = (digest, resident_ref(digest))
    return PayPremium(account, digest, named, "child", fen(amount), year, ref or clinic.world.ref("premium"))


def test_at_most_what_is_owed_whoever_pays(clinic: Clinic) -> None:
    world, someone = clinic.world, resident(clinic)
    one, other = world.open(opening=(0, fen("1,000.00"))), world.open(opening=(0, fen("1,000.00")))
    assert world.refusal(paying(clinic, one, someone, "900.00")) == "premium_not_owed"
    world.one(paying(clinic, one, someone, "150.00"))
    refused = world.post(paying(clinic, other, someone, "250.01"))[0]
    assert isinstance(refused, Refused)
    assert (refused.code, refused.facts) == ("premium_not_owed", {"owed_fen": fen("250.00")})
    world.one(paying(clinic, other, someone, "250.00"))
    assert world.refusal(paying(clinic, one, someone, "0.01")) == "premium_not_owed"
    # the next year is another premium, and another child another debt
    world.one(paying(clinic, one, someone, "400.00", 2027))
    world.one(paying(clinic, one, resident(clinic), "400.00"))
    assert verify(world.engine).findings == []


@pytest.mark.parametrize(
    ("group", "owed"), [(None, "400.00"), ("minor", "200.00"), ("minimum_living", "0.00")]
)
def test_the_own_part_of_a_group(clinic: Clinic, group: str | None, owed: str) -> None:
    world = clinic.world
    account, someone = world.open(opening=(0, fen("1,000.00"))), resident(clinic, group=group)
    above = f"{fen(owed) / 100 + 0.01:.2f}"
    assert world.refusal(paying(clinic, account, someone, above)) == "premium_not_owed"
    if fen(owed):
        world.one(paying(clinic, account, someone, owed))


def test_the_latest_word_says_the_group(clinic: Clinic) -> None:
    world, someone = clinic.world, resident(clinic, group="minor")
    enrolling = clinic.enrolling(someone)
    world.one(enrolling)
    account = world.open(opening=(0, fen("1,000.00")))
    world.one(paying(clinic, account, someone, "400.00"))
    assert clinic.balance(account) == fen("600.00")
    assert world.refusal(paying(clinic, account, someone, "0.01")) == "premium_not_owed"


def test_who_owes_nothing(clinic: Clinic) -> None:
    world = clinic.world
    account = world.open(opening=(0, fen("1,000.00")))
    employee = SomeoneFactory()
    world.open(employee)
    assert world.refusal(paying(clinic, account, employee, "400.00")) == "premium_not_owed"
    last_year = resident(clinic, valid_from=date(2025, 1, 1), valid_to=date(2025, 12, 31))
    assert world.refusal(paying(clinic, account, last_year, "400.00")) == "recipient_not_insured"
    world.one(paying(clinic, account, last_year, "400.00", 2025))
    assert world.refusal(paying(clinic, account, resident(clinic), "400.00", 2025)) == "premium_not_owed"


def test_a_year_is_bounded(clinic: Clinic) -> None:
    world, someone = clinic.world, resident(clinic)
    account = world.open(opening=(0, fen("1,000.00")))
    for year in (1989, 2028, 2999, 0):
        assert world.refusal(paying(clinic, account, someone, "1.00", year)) == "period_invalid"


def test_two_payers_of_one_batch(clinic: Clinic) -> None:
    world, someone = clinic.world, resident(clinic)
    one, other = world.open(opening=(0, fen("1,000.00"))), world.open(opening=(0, fen("1,000.00")))
    first, second, back, third = world.post(
        paying(clinic, one, someone, "300.00"),
        paying(clinic, other, someone, "101.00"),
        Reverse(one, 2, "wrong child"),
        paying(clinic, other, someone, "400.00"),
    )
    assert isinstance(first, Posted)
    assert isinstance(second, Refused)
    assert isinstance(back, Posted)
    assert isinstance(third, Posted)


def test_a_premium_comes_back_to_the_pockets_that_paid_it(clinic: Clinic) -> None:
    world, someone = clinic.world, resident(clinic)
    account = world.open(opened_on=date(2026, 1, 1), opening=(fen("100.00"), fen("900.00")))
    paid = world.one(paying(clinic, account, someone, "400.00", ref="p-1"))
    back = world.one(Reverse(account, paid.seq, "wrong child"))
    assert moves(world.engine, account, back.seq) == [
        (CLEARING, CY, fen("100.00")),
        (CLEARING, CO, fen("300.00")),
    ]
    assert (row(world.engine, account).current_year, row(world.engine, account).carried_over) == (
        fen("100.00"),
        fen("900.00"),
    )
    assert world.refusal(Reverse(account, paid.seq, "again")) == "already_reversed"
    # it is owed again, and may be paid by the same paper
    world.one(paying(clinic, account, someone, "400.00", ref="p-1"))
    assert verify(world.engine).findings == []


def retired(world: World) -> int:
    account = world.open(opened_on=date(2026, 1, 1))
    world.one(Enrol(account, MemberClass.RETIRED, None, date(2026, 1, 1), None))
    return account


def test_a_retirees_credit_goes_back_to_the_fund(clinic: Clinic) -> None:
    world = clinic.world
    account = retired(world)
    paid = world.one(CreditRetiree(account, 202610))
    back = world.one(Reverse(account, paid.seq, "died in September"))
    assert moves(world.engine, account, back.seq) == [(CY, 11, paid.amount_fen)]
    assert back.period == 202610
    assert row(world.engine, account).current_year == 0
    assert world.refusal(Reverse(account, paid.seq, "again")) == "already_reversed"
    # asked for by name it is paid again; the run leaves out whom somebody took it back from
    with world.engine.connect() as connection:
        done = RETIREE_CREDITS.run(connection, 202610, AREA, lambda: (world.now, world.today), world.policies)
    assert done is not None
    assert row(world.engine, account).current_year == 0
    world.one(CreditRetiree(account, 202610))
    assert row(world.engine, account).current_year == paid.amount_fen
    assert verify(world.engine).findings == []


def test_a_retirees_credit_that_was_spent_stays(clinic: Clinic) -> None:
    world = clinic.world
    account = retired(world)
    paid = world.one(CreditRetiree(account, 202610))
    world.one(Spend(account, paid.amount_fen - 1, world.today, "H0001", "s-1"))
    assert world.refusal(Reverse(account, paid.seq, "not a retiree")) == "insufficient_balance"


def test_a_retirees_credit_taken_back_after_the_turn_of_the_year(clinic: Clinic) -> None:
    world = clinic.world
    account = retired(world)
    paid = world.one(CreditRetiree(account, 202610))
    world.now += timedelta(days=90)
    back = world.one(Reverse(account, paid.seq, "not a retiree"))
    assert moves(world.engine, account, back.seq) == [(CO, 11, paid.amount_fen)]
    assert verify(world.engine).findings == []


def test_the_first_day_of_the_year_as_a_resident_says_the_group(clinic: Clinic) -> None:
    world = clinic.world
    someone = resident(clinic, group="minor", valid_from=date(2026, 2, 1), valid_to=date(2026, 6, 30))
    later = clinic.enrolling(someone)
    later.valid_from = date(2026, 7, 1)
    world.one(later)
    account = world.open(opening=(0, fen("1,000.00")))
    assert world.refusal(paying(clinic, account, someone, "200.01")) == "premium_not_owed"
    world.one(paying(clinic, account, someone, "200.00"))
