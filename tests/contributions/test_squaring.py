"""Money that is over squares late fees before any of it goes back (R11, R16, K4)."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.book.detail import unpack
from ledger.chart.sides import Side
from ledger.contributions import arrears_reports
from ledger.contributions.declarations import Confirm
from ledger.posting import Posted
from ledger.refusals import RefusalCode, Refused
from tests.contributions.test_contributions import with_parameter
from tests.support.chance import seeds
from tests.support.people import AREA, World
from tests.support.units import Unit

FEBRUARY, MARCH, APRIL = 202602, 202603, 202604
# of 10,000.00: 200.00 and 750.00
WAGE = 1_000_000
PREMIUM = 95_000


@pytest.fixture
def unit(sound_engine: Engine) -> Unit:
    return Unit(World(sound_engine))


def owed(unit: Unit, on: date | None = None) -> dict[int, tuple[int, int]]:
    """The months in arrears: principal and late fee, in fen."""
    world = unit.world
    with world.engine.connect() as connection, connection.begin():
        found = arrears_reports.arrears(connection, unit.book, on or world.today, world.policies)
        return {one.period: (one.principal_fen, one.late_fee_fen) for one in found}


def confirmed(unit: Unit, period: int, *wages: int, **when: Any) -> dict[str, Any]:
    return unpack(unit.declare(period, {unit.hire(): wage for wage in wages}, **when).receipt.detail)


# received, of it too much; the fee that is squared, what goes back, what of the fee stays
LATE = [
    (96_000, 475, 525, 0),
    (95_475, 475, 0, 0),
    (95_474, 474, 0, 1),
    (95_100, 100, 0, 375),
    (95_476, 475, 1, 0),
    (95_000, 0, 0, 475),
]


@pytest.mark.parametrize(("received", "fee", "returned", "left"), LATE)
def test_late_money_that_waited_for_its_list(
    unit: Unit, received: int, fee: int, returned: int, left: int
) -> None:
    unit.pay(received, date(2026, 3, 25), FEBRUARY)
    told = confirmed(unit, FEBRUARY, WAGE)
    assert (told.get("late_fee", 0), told["returned"]) == (fee, returned)
    assert owed(unit) == ({FEBRUARY: (0, left)} if left else {})
    assert unit.funds() == {
        side: fen
        for side, fen in {
            Side.BANK: returned - received,
            Side.COLLECTION_CLEARING: 20_000,
            Side.POOLED_FUND: 75_000 + fee,
        }.items()
        if fen
    }


def test_money_in_time_squares_nothing(unit: Unit) -> None:
    unit.pay(96_000, date(2026, 3, 15), FEBRUARY)
    told = confirmed(unit, FEBRUARY, WAGE)
    assert ("late_fee" in told, told["returned"]) == (False, 1_000)


def test_what_is_left_of_a_list_squares_the_fee_of_another_month(unit: Unit) -> None:
    early = date(2026, 3, 20)
    unit.pay(96_000, early, MARCH, today=early)
    confirmed(unit, FEBRUARY, WAGE)
    unit.pay(PREMIUM, date(2026, 3, 25), FEBRUARY)
    assert owed(unit) == {FEBRUARY: (0, 475)}
    told = confirmed(unit, MARCH, WAGE)
    assert (told["late_fee"], told["returned"], owed(unit)) == (475, 525, {})


def test_what_a_correction_frees_squares_fees_first(unit: Unit) -> None:
    one, other = unit.hire(), unit.hire()
    unit.declare(FEBRUARY, {one: WAGE})
    unit.declare(MARCH, {other: WAGE})
    unit.pay(PREMIUM, date(2026, 3, 15), FEBRUARY)
    unit.pay(PREMIUM, date(2026, 4, 25), MARCH)
    assert owed(unit) == {MARCH: (0, 475)}
    told = unit.adjust(FEBRUARY, {one: 900_000})
    assert (told["late_fee"], told["returned"]) == (475, 9_500 - 475)
    assert owed(unit) == {}
    told = unit.adjust(FEBRUARY, {one: 800_000})
    assert ("late_fee" in told, told["returned"]) == (False, 9_500)


def test_a_fee_that_still_grows_waits_for_its_principal(unit: Unit) -> None:
    """E09 with a debt behind it: what is over is not money for a month whose principal is open."""
    confirmed(unit, FEBRUARY, WAGE)
    with_estimate = unit.estimate(MARCH, PREMIUM + 5_000, today=date(2026, 4, 1))
    unit.pay(with_estimate, date(2026, 4, 2), MARCH, today=date(2026, 4, 2))
    told = confirmed(unit, MARCH, WAGE, today=date(2026, 4, 3))
    assert told["returned"] == 5_000
    assert owed(unit, date(2026, 4, 3))[FEBRUARY][0] == PREMIUM


def test_a_surplus_goes_back_without_what_is_owed_of_fees(unit: Unit) -> None:
    confirmed(unit, FEBRUARY, WAGE)
    unit.pay(PREMIUM + 1_000, date(2026, 3, 10))
    assert unit.surplus() == 1_000
    confirmed(unit, MARCH, WAGE)
    unit.pay(PREMIUM, date(2026, 4, 25), MARCH)
    assert owed(unit) == {MARCH: (0, 475)}
    world = unit.world
    [refused] = world.post(unit.refund(526))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.facts) == (RefusalCode.SUSPENSE_EXCEEDED, {"surplus_fen": 525})
    assert owed(unit) == {MARCH: (0, 475)}
    told = unpack(world.one(unit.refund(500)).detail)
    assert (told["late_fee"], unit.surplus(), owed(unit)) == (475, 25, {})
    assert "late_fee" not in unpack(world.one(unit.refund(25)).detail)
    assert unit.left_on(Side.SUSPENSE) == 0


def test_money_freed_by_a_death_squares_fees_too(unit: Unit) -> None:
    """It waited for the whole of a month on which somebody had stood who had died before."""
    world = unit.world
    world.policies = {AREA: with_parameter("contributions.part_payment", "full_month")}
    one, dead = unit.hire(), unit.hire()
    unit.declare(FEBRUARY, {one: WAGE})
    unit.pay(PREMIUM, date(2026, 3, 25), FEBRUARY)
    unit.declare(MARCH, {one: WAGE, dead: WAGE})
    assert unit.pay(PREMIUM + 5_000, date(2026, 4, 10), MARCH)["to_suspense"] == PREMIUM + 5_000
    assert owed(unit)[FEBRUARY] == (0, 475)
    world.one(ReportDeath(dead, date(2026, 2, 10), "certificate"))
    told = unit.pay(1, date(2026, 4, 12), MARCH)
    # a fen of the fee by the payment, the rest of it by what was freed
    assert (told["late_fee"], unit.surplus(), owed(unit)) == (1, 5_000 - 474, {})


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(8))
def test_nothing_goes_back_while_a_fee_is_owed(sound_engine: Engine, seed: int) -> None:
    """Whatever an employer does: after money went back to it, no paid month owes a fee."""
    chance = Random(seed)
    world = World(sound_engine)
    unit = Unit(world)
    staff = [unit.hire() for _ in range(3)]
    today = date(2026, 3, 1)
    for _step in range(40):
        today += timedelta(days=chance.choice((1, 4, 9, 17)))
        if today > world.today:
            break
        period = chance.choice((FEBRUARY, MARCH, APRIL, 202605, 202606))
        if period >= today.year * 100 + today.month:
            period = FEBRUARY
        wages = {person: chance.choice((500_000, WAGE, 777_777)) for person in staff if chance.random() < 0.7}
        fen = chance.choice((95_000, 96_000, 200_000, 317, chance.randrange(1, 400_000)))
        act = chance.randrange(6)
        before = unit.left_on(Side.BANK)
        paid = 0
        if act == 0 and wages:
            outcome = world.post(unit.adjustment(period, wages), today=today)[0]
        elif act in {1, 2}:
            paid = fen
            on = today - timedelta(days=chance.choice((0, 0, 5)))
            outcome = world.post(unit.payment(fen, on, chance.choice((None, period))), today=today)[0]
        elif act == 3:
            outcome = world.post(unit.refund(chance.randrange(1, 2_000)), today=today)[0]
        elif wages:
            handed_in = unit.preview(period, wages, today=today)
            [outcome] = world.post(_confirmation(unit, handed_in.seq), today=today)
        else:
            continue
        if not isinstance(outcome, Posted):
            continue
        if unit.left_on(Side.BANK) > before - paid:
            fees = {month: fee for month, (principal, fee) in owed(unit, today).items() if not principal}
            assert not any(fees.values()), (seed, today, outcome.receipt.kind)


def _confirmation(unit: Unit, seq: int) -> Any:
    return Confirm(unit.book, seq, unit.reveal)
