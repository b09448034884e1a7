"""A whole payment of an employer bounced (R16, R31): as if it had never come, but for what was spent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, select

from ledger import reports, tables
from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import Freeze
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.contributions.arrears_reports import arrears
from ledger.contributions.payment_reversals import ReversePayment
from ledger.posting import Posted, Receipt
from ledger.refusals import RefusalCode, Refused
from ledger.verify import verify
from tests.support.people import World
from tests.support.units import Unit

R = RefusalCode
FEBRUARY, MARCH, APRIL = 202602, 202603, 202604
WAGE, OWED, OWN = 800_000, 76_000, 16_000
DUE, LATE = date(2026, 4, 15), date(2026, 5, 15)


@pytest.fixture(scope="module", autouse=True)
def consistent(engine: Engine) -> Iterator[None]:
    yield
    assert [str(one) for one in verify(engine).findings] == []


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


@pytest.fixture
def unit(world: World) -> Unit:
    return Unit(world)


def entries(world: World, book: int, kind: Kind) -> list[Receipt]:
    with world.engine.connect() as connection:
        return reports.entries(connection, book, kind=kind, limit=100)


def paid(unit: Unit, fen: int, day: date, period: int | None = None, **when: Any) -> Receipt:
    return unit.world.one(unit.payment(fen, day, period), **when)


def back(unit: Unit, payment: Receipt, key: str | None = None) -> ReversePayment:
    return ReversePayment(unit.book, payment.seq, "bounced", key=key)


def bounce(unit: Unit, payment: Receipt, **when: Any) -> tuple[Posted, dict[str, Any]]:
    posted = unit.world.posted(back(unit, payment), **when)
    return posted, unpack(posted.receipt.detail)


def no(unit: Unit, payment: Receipt) -> Refused:
    outcome = unit.world.post(back(unit, payment))[0]
    assert isinstance(outcome, Refused)
    return outcome


def owes(unit: Unit, day: date) -> Any:
    with unit.world.engine.connect() as connection:
        return arrears(connection, unit.book, day, unit.world.policies)


def pockets(world: World, account: int) -> tuple[int, int]:
    book = tables.book.c
    with world.engine.connect() as connection:
        row = connection.execute(select(book.current_year, book.carried_over).where(book.book_id == account))
        return tuple(row.one())  # type: ignore[return-value]  # two columns


def state(unit: Unit, people: list[int], periods: tuple[int, ...] = (MARCH, APRIL, 0)) -> Any:
    return (
        {period: unit.month(period) for period in periods},
        {
            (one, period): unit.of(one, period)[2:-1]
            for one in people
            for period in periods
            if period and _has(unit, one, period)
        },
        {one: unit.balance(one) for one in people},
        unit.funds(),
        owes(unit, date(2026, 11, 1)),
    )


def _has(unit: Unit, account: int, period: int) -> bool:
    table = tables.assessment.c
    with unit.world.engine.connect() as connection:
        found = connection.execute(
            select(table.period).where(
                table.book_id == unit.book, table.account_id == account, table.period == period
            )
        )
        return found.first() is not None


def test_a_month_is_owed_again_as_if_it_had_never_been_paid(unit: Unit) -> None:
    people = [unit.hire(), unit.hire()]
    unit.declare(MARCH, dict.fromkeys(people, WAGE))
    before = state(unit, people)
    payment = paid(unit, 2 * OWED + 5_000, LATE)
    assert unpack(payment.detail)["late_fee"] > 0
    assert unit.surplus() > 0
    posted, told = bounce(unit, payment)
    assert (told["amount"], told["from_accounts"], told["receivable"]) == (2 * OWED + 5_000, 2 * OWN, 0)
    assert told["late_fee_back"] == unpack(payment.detail)["late_fee"]
    assert state(unit, people) == before
    reversal = posted.receipt
    assert (reversal.kind, reversal.target_seq) == (Kind.REVERSAL, payment.seq)
    for person in people:
        (credit,) = entries(unit.world, person, Kind.CONTRIBUTION)
        (taken,) = entries(unit.world, person, Kind.REFUND_TO_PAYER)
        assert (taken.target_seq, taken.amount_fen, taken.period) == (credit.seq, OWN, MARCH)
        with unit.world.engine.connect() as connection:
            assert reports.entry(connection, person, credit.seq).reversed_by == taken.name
    with unit.world.engine.connect() as connection:
        assert reports.entry(connection, unit.book, payment.seq).reversed_by == reversal.name


def test_it_is_taken_back_once_and_its_document_may_be_booked_again(unit: Unit) -> None:
    person = unit.hire()
    unit.declare(MARCH, {person: WAGE})
    payment = paid(unit, OWED, DUE, MARCH)
    first = unit.world.posted(back(unit, payment, key="k"))
    again = unit.world.posted(back(unit, payment, key="k"))
    assert (again.replayed, again.receipt) == (True, first.receipt)
    assert no(unit, payment).code is R.ALREADY_REVERSED
    ref = payment.source_ref
    once_more = unit.world.one(unit.payment(OWED, date(2026, 5, 15), MARCH, ref=ref))
    assert once_more.target_seq == first.receipt.seq
    assert unit.world.refusal(unit.payment(OWED, DUE, MARCH, ref=ref)) is R.DUPLICATE_SOURCE_REF
    assert unit.balance(person) == OWN
    # 30 days late, as if never paid: 760.00 at 0.05 % a day
    assert unpack(once_more.detail)["still_owed"] == 1_140
    assert no(unit, first.receipt).code is R.ENTRY_NOT_FOUND


def test_what_was_spent_since_is_a_receivable_of_the_month(unit: Unit) -> None:
    world = unit.world
    spent, untouched = unit.hire(), unit.hire()
    unit.declare(MARCH, dict.fromkeys((spent, untouched), WAGE))
    payment = paid(unit, 2 * OWED, DUE, MARCH)
    world.one(Spend(spent, 10_000, date(2026, 5, 4), "H0001", world.ref()))
    _, told = bounce(unit, payment)
    assert (told["from_accounts"], told["receivable"]) == (2 * OWN - 10_000, 10_000)
    assert (unit.balance(spent), unit.balance(untouched)) == (0, 0)
    assert (unit.of(spent, MARCH).employee_paid, unit.of(spent, MARCH).suspended) == (0, -10_000)
    assert unit.left_on(Side.RECEIVABLE) == -10_000
    (short,) = entries(world, unit.book, Kind.CREDIT_SHORTFALL)
    assert (short.period, short.amount_fen) == (MARCH, 10_000)
    assert unit.month(MARCH)["employee_paid"] == 0
    # the month is paid again: what is owed of it is cleared, and each account has had its part once
    assert unit.pay(2 * OWED, DUE, MARCH)["to_accounts"] == 2 * OWN - 10_000
    assert (unit.balance(spent), unit.balance(untouched)) == (OWN - 10_000, OWN)
    assert (unit.of(spent, MARCH).employee_paid, unit.of(spent, MARCH).suspended) == (OWN, 0)
    assert unit.left_on(Side.RECEIVABLE) == 0


def test_a_hold_and_a_quota_are_not_taken(unit: Unit) -> None:
    """What is set aside is not available; a freeze keeps nobody from what was never there."""
    world = unit.world
    person = unit.hire()
    unit.declare(MARCH, {person: WAGE})
    payment = paid(unit, OWED, DUE, MARCH)
    world.one(Freeze(person, "court", "7", world.today, None))
    _, told = bounce(unit, payment)
    assert (told["receivable"], unit.balance(person)) == (0, 0)


def test_after_a_year_end_it_leaves_carried_over(unit: Unit) -> None:
    world = unit.world
    person = unit.hire(opened_on=date(2025, 1, 1))
    unit.declare(202511, {person: WAGE}, today=date(2025, 12, 1))
    payment = paid(
        unit,
        unit.of(person, 202511).employee + unit.of(person, 202511).employer,
        date(2025, 12, 10),
        202511,
        today=date(2025, 12, 10),
    )
    own = unit.of(person, 202511).employee
    world.one(Contribute(person, 500, MARCH, date(2026, 4, 1), world.ref()))
    assert pockets(world, person) == (500, own)
    _, told = bounce(unit, payment)
    assert (told["from_accounts"], pockets(world, person)) == (own, (500, 0))


def test_money_that_waited_for_its_list_bounces_after_the_list(unit: Unit) -> None:
    people = [unit.hire(), unit.hire()]
    payment = paid(unit, 2 * OWED, DUE, MARCH)
    assert unit.month(MARCH)["waiting"] == 2 * OWED
    unit.declare(MARCH, dict.fromkeys(people, WAGE))
    assert [unit.balance(one) for one in people] == [OWN, OWN]
    _, told = bounce(unit, payment)
    assert (told["amount"], told["from_accounts"]) == (2 * OWED, 2 * OWN)
    assert {name: fen for name, fen in unit.month(MARCH).items() if fen} == {
        "employee": 2 * OWN,
        "employer": 2 * (OWED - OWN),
    }
    assert unit.funds() == {}
    assert unit.pay(2 * OWED, DUE, MARCH)["to_accounts"] == 2 * OWN


def test_money_that_still_waits_bounces(unit: Unit) -> None:
    payment = paid(unit, OWED, DUE, MARCH)
    bounce(unit, payment)
    assert not any(unit.month(MARCH).values())
    assert unit.funds() == {}


def test_one_of_two_part_payments_bounces(unit: Unit) -> None:
    people = [unit.hire(), unit.hire()]
    unit.declare(MARCH, dict.fromkeys(people, WAGE))
    first = paid(unit, OWED, DUE, MARCH)
    second = paid(unit, OWED, DUE, MARCH)
    bounce(unit, first)
    assert unit.month(MARCH)["employee_paid"] + unit.month(MARCH)["employer_paid"] == OWED
    assert sum(unit.balance(one) for one in people) == OWN
    bounce(unit, second)
    assert unit.funds() == {}


def test_what_an_adjustment_gave_back_is_named(unit: Unit) -> None:
    person = unit.hire()
    unit.declare(MARCH, {person: WAGE})
    payment = paid(unit, OWED, DUE, MARCH)
    unit.adjust(MARCH, {person: 600_000})
    (adjustment,) = entries(unit.world, unit.book, Kind.ADJUSTMENT)
    refused = no(unit, payment)
    assert (refused.code, refused.facts) == (R.NOT_LAST, {"entries": [adjustment.name]})
    assert unit.balance(person) == 12_000


def test_an_adjustment_upwards_is_no_hindrance(unit: Unit) -> None:
    person = unit.hire()
    unit.declare(MARCH, {person: WAGE})
    payment = paid(unit, OWED, DUE, MARCH)
    unit.adjust(MARCH, {person: 900_000})
    bounce(unit, payment)
    assert unit.of(person, MARCH).employee == 18_000
    assert unit.funds() == {}


def test_surplus_that_was_refunded_is_named(unit: Unit) -> None:
    payment = paid(unit, 5_000, DUE)
    refund = unit.world.one(unit.refund(2_000))
    refused = no(unit, payment)
    assert (refused.code, refused.facts) == (R.NOT_LAST, {"entries": [refund.name]})


def test_of_a_dead_person_it_leaves_the_estate(unit: Unit) -> None:
    person = unit.hire()
    unit.declare(MARCH, {person: WAGE})
    payment = paid(unit, OWED, DUE, MARCH)
    unit.world.one(ReportDeath(person, date(2026, 6, 1), "certificate"))
    _, told = bounce(unit, payment)
    assert (told["receivable"], unit.balance(person)) == (0, 0)


def test_another_employers_entry_is_not_found(unit: Unit) -> None:
    person = unit.hire()
    assert unit.world.refusal(ReversePayment(person, 1, "no")) is R.EMPLOYER_NOT_FOUND
    assert unit.world.refusal(ReversePayment(unit.book, 1, "no")) is R.ENTRY_NOT_FOUND
    assert unit.world.refusal(ReversePayment(unit.book, 99, "no")) is R.ENTRY_NOT_FOUND


@pytest.mark.parametrize("seed", range(6))
def test_do_and_undo_restores_everything(world: World, seed: int) -> None:
    """Payments of random amounts and days, all taken back in any order: nothing is left of them."""
    random = Random(seed)
    unit = Unit(world)
    people = [unit.hire() for _ in range(3)]
    for period in (MARCH, APRIL):
        unit.declare(period, {one: random.randrange(500_000, 2_000_000) for one in people})
    before = state(unit, people)
    payments = [
        paid(
            unit,
            random.randrange(1, 300_000),
            date(2026, 4, 1 + random.randrange(28)),
            random.choice((None, MARCH, APRIL)),
        )
        for _ in range(4)
    ]
    random.shuffle(payments)
    for payment in payments:
        _, told = bounce(unit, payment)
        assert told["amount"] == payment.amount_fen
    assert state(unit, people) == before, f"seed {seed}"
