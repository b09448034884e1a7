"""A death, its withdrawal and correction at once with what they touch, on PostgreSQL."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.spending import Spend
from ledger.posting import Command, Outcome, Posted
from ledger.posting.outcomes import Unavailable
from ledger.refusals import Refused
from tests.support.approvals import asks_nobody
from tests.support.clinic import Clinic
from tests.support.people import SomeoneFactory, World, noon
from tests.support.stories import Heir, estate, row
from tests.support.units import Unit
from tests.whole.test_races import at_once

pytestmark = pytest.mark.postgres

ROUNDS = range(4)
DIED, TODAY = date(2026, 6, 20), date(2026, 11, 21)
PART, WHOLE = 16_000, 76_000


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return asks_nobody(World(sound_engine, now=noon(TODAY)))


def each(world: World, *commands: Command) -> list[str]:
    """What becomes of each command, on a connection of its own, all let go at the same moment."""
    found: list[Outcome] = [answers[0] for answers in at_once(world, [[one] for one in commands])]
    found = [
        world.post(command)[0] if isinstance(one, Unavailable) else one
        for one, command in zip(found, commands, strict=True)
    ]
    assert all(isinstance(one, Posted | Refused) for one in found), found
    return [one.code.value if isinstance(one, Refused) else "posted" for one in found]


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_death_and_a_payment_for_a_month_after_it(world: World, _round: int) -> None:
    """Whoever comes first, nothing of the month is in the account, and no money is lost."""
    units = [Unit(world) for _ in range(2)]
    person = units[0].hire(opened_on=date(2026, 1, 1), today=date(2026, 1, 1))
    units[1]._digests = units[0]._digests
    for unit in units:
        unit.declare(202607, {person: 800_000})
    payments = [unit.payment(WHOLE, TODAY, 202607) for unit in units]
    found = each(world, ReportDeath(person, DIED, "certificate"), *payments)
    assert found == ["posted"] * 3
    assert row(world.engine, person).current_year == 0
    assert [unit.of(person, 202607).employee_paid for unit in units] == [0, 0]


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_withdrawal_a_correction_and_an_estate(world: World, _round: int) -> None:
    unit = Unit(world)
    person = unit.hire(opened_on=date(2026, 1, 1), today=date(2026, 1, 1))
    unit.declare(202607, {person: 800_000})
    unit.pay(WHOLE, TODAY, 202607)
    world.one(ReportDeath(person, DIED, "certificate"))
    found = each(
        world,
        WithdrawDeath(person, "a namesake", "registry"),
        CorrectDeath(person, date(2026, 8, 1), "judgment"),
        estate(world, person, [Heir("child", "王五")], TODAY),
    )
    # divided first: nothing else; withdrawn first: nothing is left to correct or divide
    assert found in (
        ["posted", "posted", "account_not_deceased"],
        ["posted", "account_not_deceased", "account_not_deceased"],
        ["account_closed", "posted", "posted"],
        ["account_closed", "account_closed", "posted"],
    )
    closed = found[2] == "posted"
    assert unit.of(person, 202607).employee_paid == (0 if found[1:] == ["account_closed", "posted"] else PART)
    assert row(world.engine, person).current_year == (0 if closed else PART)


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_death_its_withdrawal_and_money_that_is_spent(world: World, _round: int) -> None:
    person = world.open(opened_on=date(2026, 1, 1), opening=(10_000, 0), today=date(2026, 1, 1))
    spends = [Spend(person, 3_000, TODAY, "H0001", world.ref("s")) for _ in range(3)]
    found = each(
        world, ReportDeath(person, DIED, "certificate"), *spends, WithdrawDeath(person, "x", "registry")
    )
    assert set(found) <= {"posted", "account_deceased", "account_not_deceased"}
    assert row(world.engine, person).current_year == 10_000 - 3_000 * found[1:4].count("posted")


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_withdrawal_and_the_death_of_whom_a_quota_was_for(world: World, _round: int) -> None:
    clinic, others = Clinic(world), [SomeoneFactory() for _ in range(2)]
    dead, relative = (
        world.open(one, opened_on=date(2026, 1, 1), opening=(10_000, 0), today=date(2026, 1, 1))
        for one in others
    )
    clinic.give(dead, others[1], "50.00")
    clinic.give(relative, others[0], "40.00")
    world.one(ReportDeath(dead, DIED, "certificate"))
    found = each(
        world,
        WithdrawDeath(dead, "a namesake", "registry"),
        ReportDeath(relative, TODAY - timedelta(days=1), "certificate"),
    )
    assert found == ["posted", "posted"]
    assert [row(world.engine, book).reserved for book in (dead, relative)] == [0, 0]
