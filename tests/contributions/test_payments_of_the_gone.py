"""A payment bounces after somebody it was for has died, moved, or left for good (R15, R16, R31, R33).

Whatever became of one person, the whole payment goes back: what the account has is taken, what it no longer
has is a receivable, and for the unit it is as if nothing had come. In the other order, first bounced and then
gone, it ends in the same months.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.contributions.payment_reversals import ReversePayment
from ledger.estates.undoing import UndoEstate
from ledger.posting import Posted, Receipt
from ledger.refusals import RefusalCode, Refused
from ledger.transfers.exits import PayExit
from ledger.transfers.going_out import AcknowledgeTransfer, RejectTransfer, RequestTransfer, SendTransfer
from ledger.transfers.supplements import ReleaseSuspended
from tests.contributions.test_payments_taken_back import state
from tests.support.approvals import asks_nobody
from tests.support.people import World, noon
from tests.support.stories import Heir, entries, estate, row
from tests.support.units import Unit

R = RefusalCode
MARCH, APRIL = 202603, 202604
WAGE, OWED, OWN = 800_000, 76_000, 16_000
OPENED, DUE, LATE = date(2026, 1, 1), date(2026, 4, 15), date(2026, 5, 15)
BEFORE, AFTER = date(2026, 2, 20), date(2026, 6, 20)


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return asks_nobody(World(sound_engine, now=noon(date(2026, 11, 21))))


@pytest.fixture
def unit(world: World) -> Unit:
    return Unit(world)


def listed(unit: Unit, months: tuple[int, ...] = (MARCH,)) -> list[int]:
    people = [unit.hire(opened_on=OPENED) for _ in range(2)]
    for period in months:
        unit.declare(period, dict.fromkeys(people, WAGE))
    return people


def paid(unit: Unit, fen: int, day: date = DUE, period: int | None = MARCH, **when: Any) -> Receipt:
    return unit.world.one(unit.payment(fen, day, period), **when)


def bounce(unit: Unit, payment: Receipt, **when: Any) -> dict[str, Any]:
    return unpack(unit.world.one(ReversePayment(unit.book, payment.seq, "bounced"), **when).detail)


def months(unit: Unit, people: list[int]) -> Any:
    """What the unit owes, and each person's month, whatever became of the accounts."""
    levies, persons, _balances, funds, owed = state(unit, people)
    return levies, persons, funds, owed


# -- how somebody goes ---------------------------------------------------------------------------------------


def died(world: World, book: int, on: date = AFTER) -> None:
    world.one(ReportDeath(book, on, "certificate"))


def lives(world: World, book: int) -> None:
    world.one(WithdrawDeath(book, "a namesake", "registry", key=world.ref("alive")))


def died_before(world: World, book: int) -> None:
    died(world, book, BEFORE)


def divided(world: World, book: int) -> None:
    died(world, book)
    world.one(estate(world, book, [Heir("child", "王五")], world.today))


def died_before_and_divided(world: World, book: int) -> None:
    died_before(world, book)
    world.one(estate(world, book, [Heir("child", "王五")], world.today))


def divided_and_undone(world: World, book: int) -> None:
    divided(world, book)
    death = entries(world.engine, book, Kind.DEATH)[-1].seq
    world.one(UndoEstate(book, death, "in error", "paper", key=world.ref("undo")))


def requested(world: World, book: int) -> int:
    return world.one(RequestTransfer(book, "330100", world.today, "paper")).seq


def sent(world: World, book: int) -> int:
    asked = requested(world, book)
    world.one(SendTransfer(book, asked, world.today, world.ref("sent")))
    return asked


def transferred(world: World, book: int) -> None:
    world.one(AcknowledgeTransfer(book, sent(world, book)))


def came_back(world: World, book: int) -> None:
    world.one(RejectTransfer(book, sent(world, book), "returned"))


def left(world: World, book: int) -> None:
    world.one(PayExit(book, "settled_abroad", "paper", world.today))


GOES: dict[str, tuple[Callable[[World, int], Any], int]] = {
    # how; what of the credit is there no more
    "died": (died, 0),
    "died before the month": (died_before, 0),
    "died before the month, divided": (died_before_and_divided, 0),
    "estate divided": (divided, OWN),
    "estate divided and undone": (divided_and_undone, 0),
    "transfer asked for": (requested, 0),
    "money under way": (sent, OWN),
    "transferred": (transferred, OWN),
    "money came back": (came_back, 0),
    "left for good": (left, OWN),
}


@pytest.mark.parametrize("how", GOES)
@pytest.mark.parametrize("late", [False, True])
def test_the_whole_payment_goes_back(unit: Unit, how: str, late: bool) -> None:
    world = unit.world
    go, lacks = GOES[how]
    people = listed(unit)
    payment = paid(unit, 2 * OWED + 5_000, LATE if late else DUE)
    fee = unpack(payment.detail)["late_fee"]
    assert (fee > 0) is late
    go(world, people[0])
    before = row(world.engine, people[0])
    told = bounce(unit, payment)
    assert (told["amount"], told["receivable"]) == (2 * OWED + 5_000, lacks)
    assert unit.balance(people[1]) == 0
    after = row(world.engine, people[0])
    # nobody has more or less of it, but for the interest that it earned
    if lacks or how.startswith("died before"):
        assert (after.current_year, after.carried_over) == (before.current_year, before.carried_over)
    else:
        assert (before.current_year + before.carried_over) - (after.current_year + after.carried_over) == OWN
    assert {name: fen for name, fen in unit.month(MARCH).items() if fen} == (
        {"employee": OWN, "employer": OWED - OWN}
        if how.startswith("died before")
        else {"employee": 2 * OWN, "employer": 2 * (OWED - OWN)}
    )
    assert unit.funds() == ({Side.RECEIVABLE: -lacks, Side.COLLECTION_CLEARING: lacks} if lacks else {})
    assert unit.of(people[0], MARCH).suspended == -lacks
    assert world.refusal(ReversePayment(unit.book, payment.seq, "again")) == R.ALREADY_REVERSED


@pytest.mark.parametrize("late", [False, True])
def test_first_gone_or_first_bounced_is_one_for_the_unit(world: World, late: bool) -> None:
    """The report of a death before the month, and a bounce, in either order; also withdrawn afterwards."""
    found = []
    for first in ("death", "bounce"):
        unit = Unit(world)
        people = listed(unit, (MARCH, APRIL))
        payment = paid(unit, 4 * OWED + 20_000, date(2026, 7, 1) if late else DUE, None)
        if first == "death":
            died_before(world, people[0])
        bounce(unit, payment)
        if first == "bounce":
            died_before(world, people[0])
            # what is not paid for the dead is annulled with the next list or payment
            lives(world, people[0])
        else:
            lives(world, people[0])
        found.append((months(unit, people), [unit.balance(one) for one in people]))
        assert found[-1][1] == [0, 0]
    (levies, persons, funds, owed), (others, their_persons, their_funds, their_owed) = (
        one[0] for one in found
    )
    assert (levies, funds) == (others, their_funds)
    assert list(persons.values()) == list(their_persons.values())
    assert owed == their_owed


def test_what_was_spent_of_it_stays_owed(unit: Unit) -> None:
    world = unit.world
    people = listed(unit)
    payment = paid(unit, 2 * OWED)
    world.one(Spend(people[0], 9_000, date(2026, 5, 1), "H0001", "s"))
    died_before(world, people[0])
    assert unit.of(people[0], MARCH).suspended == -9_000
    # the report of the death has booked it already
    assert bounce(unit, payment)["receivable"] == 0
    assert unit.of(people[0], MARCH).suspended == -9_000
    lives(world, people[0])
    # of the living it is owed of a month that was not paid
    assert (unit.of(people[0], MARCH).suspended, unit.of(people[0], MARCH).employee_paid) == (-9_000, 0)
    # and cleared once the month is paid
    assert unit.pay(2 * OWED, DUE, MARCH)["to_accounts"] == 2 * OWN - 9_000
    assert [unit.balance(one) for one in people] == [OWN - 9_000, OWN]
    assert unit.of(people[0], MARCH).suspended == 0


def test_part_payments_bounce_one_by_one_in_any_order(world: World) -> None:
    for order in ((0, 1), (1, 0)):
        unit = Unit(world)
        people = listed(unit)
        payments = [paid(unit, OWED, day) for day in (DUE, LATE)]
        died_before(world, people[0])
        for place in order:
            bounce(unit, payments[place])
        assert {name: fen for name, fen in unit.month(MARCH).items() if fen} == {
            "employee": OWN, "employer": OWED - OWN,
        }  # fmt: skip
        assert unit.funds() == {}
        lives(world, people[0])
        assert [unit.balance(one) for one in people] == [0, 0]
        assert unit.month(MARCH)["employee_paid"] == unit.month(MARCH)["employer_paid"] == 0
        assert unit.funds() == {}


def test_one_of_two_part_payments_stands_when_the_death_is_withdrawn(unit: Unit) -> None:
    world = unit.world
    people = listed(unit)
    first, second = (paid(unit, OWED, day) for day in (DUE, date(2026, 4, 10)))
    part = unit.balance(people[0])
    died_before(world, people[0])
    bounce(unit, first)
    assert unit.balance(people[0]) == 0
    lives(world, people[0])
    assert unit.balance(people[0]) == part - OWN // 2
    assert unit.of(people[0], MARCH).employee_paid == OWN // 2
    bounce(unit, second)
    assert (unit.balance(people[0]), unit.funds()) == (0, {})


def test_another_day_and_a_second_death_after_it(unit: Unit) -> None:
    world = unit.world
    people = listed(unit)
    payment = paid(unit, 2 * OWED)
    died_before(world, people[0])
    bounce(unit, payment)
    world.one(CorrectDeath(people[0], AFTER, "judgment"))
    assert (unit.balance(people[0]), unit.of(people[0], MARCH).employee) == (0, OWN)
    world.one(CorrectDeath(people[0], BEFORE, "judgment 2"))
    lives(world, people[0])
    again = paid(unit, 2 * OWED)
    assert [unit.balance(one) for one in people] == [OWN, OWN]
    died_before(world, people[0])
    assert unit.balance(people[0]) == 0
    bounce(unit, again)
    lives(world, people[0])
    assert ([unit.balance(one) for one in people], unit.funds()) == ([0, 0], {})


def test_in_one_batch_with_the_report_and_its_withdrawal(unit: Unit) -> None:
    world = unit.world
    people = listed(unit)
    payment = paid(unit, 2 * OWED)
    outcomes = world.post(
        ReportDeath(people[0], BEFORE, "certificate"),
        ReversePayment(unit.book, payment.seq, "bounced"),
        WithdrawDeath(people[0], "a namesake", "registry", key="alive"),
    )
    assert [type(one) for one in outcomes] == [Posted] * 3, outcomes
    assert ([unit.balance(one) for one in people], unit.funds()) == ([0, 0], {})


def test_what_an_adjustment_sent_back_before_the_death_is_named_alone(unit: Unit) -> None:
    people = listed(unit)
    payment = paid(unit, 2 * OWED)
    unit.adjust(MARCH, {people[0]: 600_000})
    [lowered] = entries(unit.world.engine, unit.book, Kind.ADJUSTMENT)
    died_before(unit.world, people[0])
    [no] = unit.world.post(ReversePayment(unit.book, payment.seq, "bounced"))
    assert isinstance(no, Refused)
    assert no.code is R.NOT_LAST
    assert f"{payment.name.rpartition('-')[0]}-{lowered.seq}" in no.facts["entries"]


@pytest.mark.parametrize("then", [None, AcknowledgeTransfer])
def test_what_waited_for_somebody_and_was_released_is_owed(unit: Unit, then: Any) -> None:
    """Released after the transfer, it has gone after the money: nothing of it is here any more."""
    world = unit.world
    people = listed(unit)
    asked = sent(world, people[0])
    payment = paid(unit, 2 * OWED, LATE)
    assert unit.of(people[0], MARCH).suspended == OWN
    if then is not None:
        world.one(then(people[0], asked))
    world.one(ReleaseSuspended(unit.book, people[0], MARCH, 6_000, world.ref("r")))
    told = bounce(unit, payment)
    assert (told["receivable"], told["amount"]) == (6_000, 2 * OWED)
    assert unit.of(people[0], MARCH).suspended == -6_000
    assert unit.month(MARCH)["forward"] == 0


def test_late_money_of_a_divided_estate_is_owed_by_it(unit: Unit) -> None:
    """It went on to the heirs at once (R33), and the heirs have it."""
    world = unit.world
    people = listed(unit)
    divided(world, people[0])
    payment = paid(unit, 2 * OWED)
    assert bounce(unit, payment)["receivable"] == OWN
    assert unit.of(people[0], MARCH).suspended == -OWN
    # paid again, the account gets it no second time
    again = unit.pay(2 * OWED, DUE, MARCH)
    assert again["to_accounts"] == OWN
    assert unit.funds().get(Side.RECEIVABLE, 0) == 0


@pytest.mark.parametrize("seed", range(8))
def test_whoever_dies_and_lives_while_payments_bounce(world: World, seed: int) -> None:
    """At random: what is left in the end is what nobody has paid for."""
    random, unit = Random(seed), Unit(world)
    people = [unit.hire(opened_on=OPENED) for _ in range(3)]
    waits = random.random() < 0.5
    lists = [lambda one=one: unit.declare(one, dict.fromkeys(people, WAGE)) for one in (MARCH, APRIL)]
    if not waits:
        for hand_in in lists:
            hand_in()
    payments = [
        paid(
            unit,
            random.randrange(1, 400_000),
            date(2026, 4 + random.randrange(4), 20),
            random.choice((MARCH, APRIL)) if waits else random.choice((None, MARCH, APRIL)),
        )
        for _ in range(4)
    ]
    if waits:
        for hand_in in lists:
            hand_in()
    dead: set[int] = set()
    asked = [(payment, place) for place, payment in enumerate(payments)]
    while asked or dead:
        book = random.choice(people)
        if random.random() < 0.5:
            if book in dead:
                lives(world, book)
                dead.discard(book)
            elif asked:
                died(world, book, random.choice((BEFORE, date(2026, 3, 5), AFTER)))
                dead.add(book)
        elif asked:
            payment, _place = asked.pop(random.randrange(len(asked)))
            [outcome] = world.post(ReversePayment(unit.book, payment.seq, "bounced"))
            if isinstance(outcome, Refused):
                # money of several payments that a list has spread together
                assert (outcome.code, bool(outcome.facts["entries"])) == (R.NOT_LAST, True)
                assert waits
    if not waits:
        assert [unit.balance(one) for one in people] == [0, 0, 0]
        assert not any(unit.month(period)["employee_paid"] for period in (MARCH, APRIL))
        assert not any(unit.month(period)["employer_paid"] for period in (MARCH, APRIL))
        # but for late fees that were squared with what a death had sent back
        assert set(unit.funds()) <= {Side.BANK, Side.POOLED_FUND, Side.SUSPENSE}
