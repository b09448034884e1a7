"""What an employer's payment reads does not grow with the employer's years, and comes to the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, update

from ledger import tables
from ledger.contributions import reads
from ledger.contributions.declarations import Confirm, Declare
from ledger.contributions.estimates import Estimate
from ledger.contributions.payment_reversals import ReversePayment
from ledger.database.lookups import Lookup
from ledger.months import first_day, next_period, previous_period
from ledger.policy import PartPayment
from ledger.posting import Command, Outcome, Posted, Receipt
from ledger.posting.rehearsal import rehearse
from ledger.refusals import Refused
from ledger.verify import verify
from tests.contributions.test_contributions import with_parameter
from tests.support.chance import seeds
from tests.support.people import AREA, World, noon
from tests.support.units import Unit

WAGE = 800_000


class Counted:
    """A lookup that counts the rows that it gave."""

    def __init__(self, lookup: Lookup) -> None:
        self.lookup = lookup
        self.rows = 0

    def run(self, connection: Connection, rows: Sequence[Any]) -> Sequence[Any]:
        found = self.lookup.run(connection, rows)
        self.rows += len(found)
        return found


def every_month() -> Lookup:
    """The slow reference: every month that the employer ever had."""
    columns = ", ".join(f"m.{name}" for name in reads._MONTH_FIELDS)
    return Lookup(
        f"SELECT {columns} FROM {{given}} JOIN levy m ON m.book_id = given.book_id",
        [tables.levy.c[name] for name in reads._MONTH_FIELDS],
        book_id="big",
        due_day="int",
        first_month="int",
    )


def rehearsed(world: World, command: Command) -> Any:
    """What a command would come to: the receipts with all that they say, or why not."""
    command.caller, command.actor = "test", "tester"
    with world.engine.connect() as connection:
        outcome: Outcome = rehearse(connection, [command], world.now, world.today, world.policies)[0]
    if isinstance(outcome, Posted):
        return [outcome.receipt, *outcome.others]
    assert isinstance(outcome, Refused), outcome
    return outcome.code, outcome.facts


def test_months_that_were_paid_in_time_are_not_read_again(
    fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(fresh_engine, now=noon(date(2022, 1, 20)))
    unit = Unit(world)
    person, period = unit.hire(), 202201
    counted = Counted(reads._LEVY_LINES)
    monkeypatch.setattr(reads, "_LEVY_LINES", counted)
    read = []
    for _month in range(30):
        day = first_day(next_period(period)) + timedelta(days=9)
        world.now = noon(day)
        unit.declare(period, {person: WAGE})
        counted.rows = 0
        unit.pay(76_000, day, period)
        read.append(counted.rows)
        period = next_period(period)
    # the month itself, the one before it, and the oldest
    assert read[3:] == read[3:4] * len(read[3:])
    assert verify(fresh_engine).findings == []


def test_a_month_that_was_paid_late_is_looked_at_for_its_fee(fresh_engine: Engine) -> None:
    world = World(fresh_engine, now=noon(date(2022, 3, 1)))
    unit = Unit(world)
    person = unit.hire()
    for period in (202201, 202202, 202203):
        world.now = noon(first_day(next_period(period)) + timedelta(days=9))
        unit.declare(period, {person: WAGE})
        unit.pay(76_000, world.today, period)
    world.now = noon(date(2022, 6, 2))
    unit.declare(202204, {person: WAGE})
    unit.pay(76_000, date(2022, 6, 1), 202204)
    fee = unit.pay(1, date(2022, 6, 2))["still_owed"] + 1
    assert fee > 1
    assert unit.pay(fee - 1, date(2022, 6, 2)) == {
        "to_accounts": 0, "to_pooled_fund": 0, "late_fee": fee - 1, "to_suspense": 0, "still_owed": 0,
    }  # fmt: skip


def test_money_that_comes_too_early_for_what_is_open_is_still_taken(fresh_engine: Engine) -> None:
    """Of a month of long ago, paid long since, it does not come too early."""
    world = World(fresh_engine, now=noon(date(2022, 2, 10)))
    unit = Unit(world)
    person = unit.hire()
    unit.declare(202201, {person: WAGE})
    unit.pay(76_000, world.today, 202201)
    world.now = noon(date(2024, 4, 10))
    unit.declare(202403, {person: WAGE})
    assert unit.pay(500, date(2022, 2, 20))["to_suspense"] == 500
    assert unit.surplus() == 500


def test_months_of_an_older_version_are_read_as_before(fresh_engine: Engine) -> None:
    """They say nothing of when they were paid: their fees are worked out from their lines, as ever."""
    world = World(fresh_engine, now=noon(date(2022, 6, 1)))
    unit = Unit(world)
    person = unit.hire()
    unit.declare(202203, {person: WAGE})
    unit.pay(76_000, world.today, 202203)
    with fresh_engine.begin() as connection:
        connection.execute(update(tables.levy).values(paid_day=None))
    assert verify(fresh_engine).findings == []
    assert unit.pay(1, world.today)["late_fee"] == 1
    assert verify(fresh_engine).findings == []


class Years:
    """An employer over several years: lists, estimates, payments, corrections, money back, in any order."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = World(engine, now=noon(date(2021, 1, 10)))
        way = self.random.choice(list(PartPayment))
        self.world.policies = {AREA: with_parameter("contributions.part_payment", way)}
        self.unit = Unit(self.world)
        self.staff = [self.unit.hire() for _ in range(3)]
        self.payments: list[int] = []

    def month(self) -> int:
        """The month before this one, or one of long ago."""
        period = previous_period(self.world.today.year * 100 + self.world.today.month)
        for _step in range(self.random.choice((0, 0, 0, 1, 2, 14, 30))):
            period = previous_period(period)
        return period

    def command(self) -> Command:
        dice, unit, world = self.random, self.unit, self.world
        staff = dice.sample(self.staff, dice.randint(1, 3))
        wages = {person: dice.choice((0, WAGE, WAGE, dice.randrange(2_000_000))) for person in staff}
        received = world.today - timedelta(days=dice.choice((0, 0, 3, 40, 500)))
        amount = dice.choice((1, 76_000, 152_000, 228_000, dice.randrange(1, 400_000)))
        if dice.random() < 0.4:
            return unit.payment(amount, received, dice.choice((None, self.month(), self.month())))
        acts: list[Command] = [
            unit.adjustment(self.month(), wages),
            unit.adjustment(self.month(), wages),
            unit.refund(amount),
        ]
        if self.payments:
            acts.append(ReversePayment(unit.book, dice.choice(self.payments[-12:]), "it bounced"))
        return dice.choice(acts)

    def go_on(self) -> Receipt | None:
        """One step: lists as they come, and a command that is told alike however much is read for it."""
        self.world.now += timedelta(days=self.random.choice((4, 9, 20)))
        dice, unit, period = self.random, self.unit, self.month()
        if dice.random() < 0.5:
            wages = dict.fromkeys(self.staff, WAGE)
            estimated = dice.random() < 0.2
            handed_in = Declare(unit.book, period, unit.lines(wages))
            listed = self.world.post(Estimate(unit.book, period) if estimated else handed_in)[0]
            if isinstance(listed, Posted) and not estimated:
                self.world.post(Confirm(unit.book, listed.receipt.seq, unit.reveal))
        command = self.command()
        told = rehearsed(self.world, command)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reads, "_MONTHS", every_month())
            assert told == rehearsed(self.world, command)
        outcome = self.world.post(command)[0]
        if not isinstance(outcome, Posted):
            assert isinstance(outcome, Refused), repr(outcome)
            return None
        if outcome.receipt.kind.word == "payment":
            self.payments.append(outcome.receipt.seq)
        return outcome.receipt


@pytest.mark.random
@pytest.mark.parametrize("seed", seeds(3))
def test_it_comes_to_the_same_as_with_every_month(fresh_engine: Engine, seed: int) -> None:
    years, kinds = Years(fresh_engine, seed), set()
    while years.world.today < date(2024, 6, 1):
        receipt = years.go_on()
        if receipt is not None:
            kinds.add(receipt.kind.word)
    assert {"payment", "adjustment"} <= kinds
    assert verify(fresh_engine).findings == []
