"""An estimate is taken back: what it charged is not owed, and what was paid of it is there again."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine

from ledger.accounts.contributing import Contribute
from ledger.chart.sides import Side
from ledger.contributions.arrears_reports import arrears
from ledger.contributions.declarations import Confirm
from ledger.contributions.estimates import ESTIMATES, Estimate, ReverseEstimate
from ledger.posting import Receipt
from ledger.refusals import RefusalCode
from tests.support.people import AREA, NOW, World
from tests.support.units import Unit

SEPTEMBER_2016, MARCH, APRIL = 201609, 202603, 202604
WAGE, OWED = 800_000, 76_000
TODAY = date(2026, 11, 20)


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return World(sound_engine)


@pytest.fixture
def unit(world: World) -> Unit:
    return Unit(world)


def estimated(unit: Unit, period: int, fen: int | None = None) -> Receipt:
    return unit.world.one(Estimate(unit.book, period, fen), today=TODAY)


def back(unit: Unit, estimate: Receipt) -> Receipt:
    return unit.world.one(ReverseEstimate(unit.book, estimate.seq, "wrong month"), today=TODAY)


def test_an_estimate_of_a_wrong_month_gives_back_what_it_ate(unit: Unit) -> None:
    estimate = estimated(unit, SEPTEMBER_2016, 100_000)
    paid = unit.pay(150_000, TODAY, today=TODAY)
    fee = paid["late_fee"]
    assert fee == 50_000
    with unit.world.engine.connect() as connection:
        assert arrears(connection, unit.book, TODAY, unit.world.policies)
    reversal = back(unit, estimate)
    assert reversal.transfers == ((Side.POOLED_FUND, Side.SUSPENSE, fee, None),)
    month = unit.month(SEPTEMBER_2016)
    assert {name: fen for name, fen in month.items() if fen} == {"waiting": 100_000}
    assert unit.surplus() == fee
    with unit.world.engine.connect() as connection:
        assert arrears(connection, unit.book, TODAY, unit.world.policies) == []
    # both go back to the payer
    unit.world.one(unit.refund(fee))
    refund = unit.refund(100_000)
    refund.period = SEPTEMBER_2016
    unit.world.one(refund)
    assert unit.funds() == {}


def test_the_next_payment_pays_what_is_owed(unit: Unit) -> None:
    back(unit, estimated(unit, SEPTEMBER_2016, 100_000))
    unit.declare(MARCH, {unit.hire(): WAGE})
    assert unit.pay(OWED, date(2026, 4, 10), today=TODAY)["to_accounts"] == 16_000


def test_an_estimate_is_taken_back_once(unit: Unit) -> None:
    estimate = estimated(unit, MARCH, 100)
    command = ReverseEstimate(unit.book, estimate.seq, "wrong", key="k")
    first = unit.world.posted(command, today=TODAY)
    again = unit.world.posted(command, today=TODAY)
    assert (again.replayed, again.receipt) == (True, first.receipt)
    once_more = ReverseEstimate(unit.book, estimate.seq, "wrong")
    assert unit.world.refusal(once_more) is RefusalCode.ALREADY_REVERSED
    # asked for anew, the month is charged again, and that may be taken back as well
    back(unit, estimated(unit, MARCH, 200))
    assert unit.month(MARCH)["estimated"] == 0


def test_what_is_no_estimate_that_stands(unit: Unit) -> None:
    person = unit.hire()
    estimate = estimated(unit, MARCH, 100)
    unit.declare(MARCH, {person: WAGE}, today=TODAY)
    for seq, code in (
        (estimate.seq, RefusalCode.ALREADY_DECLARED),
        (1, RefusalCode.NOT_REVERSIBLE),
        (estimate.seq + 1, RefusalCode.NOT_REVERSIBLE),
        (999, RefusalCode.ENTRY_NOT_FOUND),
    ):
        assert unit.world.refusal(ReverseEstimate(unit.book, seq, "wrong")) is code
    early = ReverseEstimate(unit.book, estimate.seq, "x", date(2020, 1, 1))
    assert unit.world.refusal(early) is RefusalCode.PERIOD_INVALID
    contribution = unit.world.one(Contribute(person, 100, MARCH, unit.world.today, "c"))
    wrong = ReverseEstimate(person, contribution.seq, "x")
    assert unit.world.refusal(wrong) is RefusalCode.EMPLOYER_NOT_FOUND


def test_the_list_finds_what_waited(unit: Unit) -> None:
    person = unit.hire()
    estimate = estimated(unit, MARCH, OWED)
    unit.pay(OWED, date(2026, 4, 10), MARCH, today=TODAY)
    preview = unit.preview(MARCH, {person: WAGE}, today=TODAY)
    back(unit, estimate)
    unit.world.one(Confirm(unit.book, preview.seq, unit.reveal), today=TODAY)
    assert unit.balance(person) == 16_000
    assert unit.surplus() == 0


def test_a_run_charges_the_month_only_by_the_month_before(unit: Unit) -> None:
    """As any month that is not declared; whoever took it back and wants none hands in a nil list."""
    person = unit.hire()
    unit.declare(MARCH, {person: WAGE}, today=TODAY)
    back(unit, estimated(unit, APRIL))
    assert unit.month(APRIL)["estimated"] == 0
    with unit.world.engine.connect() as connection:
        run = ESTIMATES.run(connection, APRIL, AREA, lambda: (NOW, TODAY), unit.world.policies)
    assert run.done >= 1
    assert unit.month(APRIL)["estimated"] == 83_600
