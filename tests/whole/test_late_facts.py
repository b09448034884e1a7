"""Facts that come late, in any order: the book is the one that the right order would have made.

In the right order each fact is recorded on its own day, and what may not be then is refused. Late, all of
them are recorded on one day of the same year, in an order of chance. Compared are the pockets of every month,
the interest of the year, and the row of the book.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine

from ledger import reports
from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.mutual_aid import GiveQuota
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.chart.members import MemberClass
from ledger.contributions.retirees import CreditRetiree
from ledger.people.dated import read_names
from ledger.people.enrolments import Enrol
from ledger.people.persons import new_name
from ledger.people.renaming import ChangeName
from ledger.people.residents import resident_ref
from ledger.posting import Command, Posted
from ledger.refusals import Refused
from tests.support.chance import SEED, seeds
from tests.support.clinic import Clinic
from tests.support.people import SomeoneFactory, World, noon
from tests.support.stories import row
from tests.support.units import Unit

pytestmark = [pytest.mark.slow, pytest.mark.random]

OPENED, LATE, NEW_YEAR = date(2026, 1, 1), date(2026, 12, 20), date(2027, 1, 5)
DIED = date(2026, 6, 20)


class Fact(NamedTuple):
    """What is recorded about an account, and the day on which it should have been."""

    on: date
    makes: Callable[[int], Command]


def post(world: World, command: Command, on: date) -> str:
    """Record it on a day; `posted`, or the code of why not."""
    [outcome] = world.post(command, today=on)
    if isinstance(outcome, Refused):
        return outcome.code.value
    assert isinstance(outcome, Posted), outcome
    return "posted"


def book_of(world: World, facts: Sequence[Fact], *, late: bool) -> dict[str, Any]:
    """An account with these facts, in the order in which they are given, and how it stands then."""
    book = world.open(opened_on=OPENED, opening=(0, 300_000), today=OPENED)
    for fact in facts:
        post(world, fact.makes(book), LATE if late else fact.on)
    world.one(PostInterest(book, 2026), today=NEW_YEAR)
    return stands(world, book)


def stands(world: World, book: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    now = noon(NEW_YEAR)
    with world.engine.connect() as connection, connection.begin():
        for month in range(1, 13):
            day = date(2026, month, 28)
            there = reports.balance(connection, book, as_of=day, now=now, today=NEW_YEAR)
            found[f"{day}"] = (there.current_year, there.carried_over)
    stood = row(world.engine, book)
    for name in ("current_year", "carried_over", "reserved", "held", "died_on", "stage", "interest_year"):
        found[name] = getattr(stood, name)
    return found


def credit(world: World, month: int, fen: int) -> Fact:
    day = date(2026, month, 15)
    return Fact(day, lambda book: Contribute(book, fen, 2026_00 + month, day, world.ref("c")))


def spend(world: World, day: date, fen: int) -> Fact:
    return Fact(day, lambda book: Spend(book, fen, day, "H0001", world.ref("s")))


def death(day: date = DIED, reported: date | None = None) -> Fact:
    return Fact(reported or day, lambda book: ReportDeath(book, day, "certificate"))


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return World(sound_engine, now=noon(NEW_YEAR))


@pytest.mark.parametrize("seed", seeds(12))
def test_credits_and_a_death_in_any_order(world: World, seed: int) -> None:
    """What is paid for months after the death is refused, or goes back with the report (R15)."""
    dice = Random(f"{SEED} {seed}")
    facts = [credit(world, month, dice.randrange(1, 30_000)) for month in range(1, 12)]
    facts.append(death())
    right = book_of(world, sorted(facts, key=lambda one: one.on), late=False)
    for _ in range(3):
        dice.shuffle(facts)
        assert book_of(world, facts, late=True) == right, [str(one.on) for one in facts]


@pytest.mark.parametrize("seed", seeds(8))
def test_a_retiree_who_died_is_credited_to_the_month_of_death(world: World, seed: int) -> None:
    dice = Random(f"{SEED} {seed} retiree")
    retired = Fact(
        date(2026, 2, 1), lambda book: Enrol(book, MemberClass.RETIRED, None, date(2026, 2, 1), None)
    )
    credits_ = [
        Fact(date(2026, month, 5), lambda book, month=month: CreditRetiree(book, 2026_00 + month))
        for month in range(3, 10)
    ]
    expected = book_of(world, [retired, *credits_[:4], death()], late=True)
    assert expected["2026-12-28"] == (4 * 11_000, 300_000)
    for _ in range(3):
        facts = [*credits_, death()]
        dice.shuffle(facts)
        # valued on the day of posting, which is one for all of them
        assert book_of(world, [retired, *facts], late=True) == expected


@pytest.mark.parametrize("seed", seeds(12))
def test_debits_that_come_late_after_all_credits(world: World, seed: int) -> None:
    """Each debit takes the pockets of its day, in the order of the days (K6; the third reading)."""
    dice = Random(f"{SEED} {seed} debits")
    credits_ = [credit(world, month, dice.randrange(1, 30_000)) for month in range(1, 12)]
    days = sorted(date(2026, 1, 20) + timedelta(days=dice.randrange(300)) for _ in range(4))
    debits = [spend(world, day, dice.randrange(1, 60_000)) for day in days]
    right = book_of(world, sorted([*credits_, *debits], key=lambda one: one.on), late=False)
    dice.shuffle(credits_)
    late = book_of(world, [*credits_, *debits], late=True)
    assert late == right
    # in whatever order, the two pockets together are the same on every day
    mixed = [*credits_, *debits]
    dice.shuffle(mixed)
    other = book_of(world, mixed, late=True)
    for month in range(1, 13):
        day = f"{date(2026, month, 28)}"
        assert sum(other[day]) == sum(right[day]), day


@pytest.mark.parametrize("seed", seeds(8))
def test_a_death_corrected_as_often_as_you_like_is_the_death_of_the_last_day(world: World, seed: int) -> None:
    """With what an employer paid for months before and after it, by whatever order of days."""
    dice = Random(f"{SEED} {seed} days")
    days = [date(2026, month, 11) for month in range(3, 11)]
    dice.shuffle(days)
    days = days[: dice.randrange(2, 6)]
    told = []
    for of_these in (days, days[-1:]):
        unit = Unit(world)
        book = unit.hire(opened_on=OPENED, opening=(0, 5_000), today=OPENED)
        for period in range(202602, 202612):
            unit.declare(period, {book: 800_000}, today=LATE)
        unit.pay(10 * 76_000, LATE, today=LATE)
        world.one(ReportDeath(book, of_these[0], "certificate"), today=LATE)
        for day in of_these[1:]:
            world.one(CorrectDeath(book, day, "judgment"), today=LATE)
        months = {period: unit.of(book, period)[2:-1] for period in range(202602, 202612)}
        told.append((stands(world, book), months, unit.funds(), unit.surplus()))
    assert told[0] == told[1], days


def test_a_quota_and_a_death_in_either_order(world: World) -> None:
    """What is given to somebody who is dead already is refused, and ended by a report that comes later."""
    clinic = Clinic(world)
    told = []
    for first in (True, False):
        relative = SomeoneFactory()
        hers = world.open(relative, opened_on=OPENED, today=OPENED)
        donor = world.open(opened_on=OPENED, opening=(10_000, 0), today=OPENED)
        digest = clinic.digest(relative)
        commands: list[Command] = [
            GiveQuota(donor, digest, (digest, resident_ref(digest)), "child", 4_000, 1),
            ReportDeath(hers, DIED, "certificate"),
        ]
        for command in commands if first else reversed(commands):
            post(world, command, LATE)
        stood = stands(world, donor)
        told.append(stood)
        assert stood["reserved"] == 0
    assert told[0] == told[1]


@pytest.mark.parametrize("seed", seeds(6))
def test_names_recorded_in_any_order_are_the_names_of_their_days(world: World, seed: int) -> None:
    dice = Random(f"{SEED} {seed} names")
    days = [date(2026, month, 3) for month in range(1, 9)]
    told = []
    said = [(day, f"李{'一二三四五六七八'[place]}") for place, day in enumerate(days)]
    for order in (said, dice.sample(said, len(said))):
        book = world.open(SomeoneFactory(name="李零"), opened_on=OPENED, today=OPENED)
        for day, name in order:
            world.one(ChangeName(book, new_name(name, world.keyring), day, "register"), today=LATE)
        person = row(world.engine, book).person_id
        with world.engine.connect() as connection, connection.begin():
            names = read_names(connection, person, b"first")
        told.append([names.in_force(day + timedelta(days=shift)) for day in days for shift in (-1, 0, 9)])
    assert told[0] == told[1]
