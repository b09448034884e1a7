"""Employers and institutions that are merged into each other at the same moment, on PostgreSQL (R5, R18)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random

import pytest
from sqlalchemy import Engine

from ledger.chart.members import MemberClass
from ledger.contributions.closures import CloseEmployer
from ledger.contributions.staff_moves import MergeEmployer, MoveStaff
from ledger.institutions.closing import EndInstitution, MergeInstitution
from ledger.people.enrolled import read_enrolments
from ledger.people.membership import Enrolment, stints_with
from ledger.posting import Command, Outcome, Posted
from ledger.posting.outcomes import Unavailable
from ledger.refusals import Refused
from tests.support.chance import SEED
from tests.support.clinic import Clinic
from tests.support.people import AREA, World
from tests.support.units import Unit
from tests.whole.test_races import at_once

pytestmark = pytest.mark.postgres

ROUNDS = range(12)


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return World(sound_engine)


def each(world: World, commands: Sequence[Command], round_: int) -> list[str]:
    """Each command on a connection of its own, all let go at once: what became of them, in their order."""
    order = list(range(len(commands)))
    Random(SEED + round_).shuffle(order)
    found: dict[int, Outcome] = dict(
        zip(order, (one for [one] in at_once(world, [[commands[place]] for place in order])), strict=True)
    )
    told = []
    for place, command in enumerate(commands):
        one = found[place]
        # whom others kept overtaking sends the same again, as a caller does who is answered 503
        one = world.post(command)[0] if isinstance(one, Unavailable) else one
        assert isinstance(one, Posted | Refused), one
        told.append(one.code.value if isinstance(one, Refused) else "posted")
    return told


def enrolments(world: World, person: int) -> list[Enrolment]:
    with world.engine.connect() as connection:
        return read_enrolments(connection, [person])[person]


def circle(world: World, units: list[Unit]) -> list[Command]:
    day = world.today
    return [
        MergeEmployer(one.book, other.book, day, (), "paper")
        for one, other in zip(units, [*units[1:], units[0]], strict=True)
    ]


@pytest.mark.parametrize("round_", ROUNDS)
def test_of_two_employers_merged_into_each_other_one_stays(world: World, round_: int) -> None:
    units = [Unit(world) for _ in range(2)]
    staff = [unit.hire() for unit in units]
    for unit, person in zip(units, staff, strict=True):
        unit.enrol(person, MemberClass.ACTIVE, world.today - timedelta(days=60))
    told = each(world, circle(world, units), round_)
    assert sorted(told) == ["employer_closed", "posted"], told
    # all are with the one that stays
    stays = units[told.index("employer_closed")]
    ends = [stints_with(enrolments(world, person), stays.book)[-1].last for person in staff]
    assert ends == [None, None]


@pytest.mark.parametrize("round_", ROUNDS)
def test_of_a_circle_of_employers_one_stays(world: World, round_: int) -> None:
    units = [Unit(world) for _ in range(3)]
    told = each(world, circle(world, units), round_)
    # who comes first closes its own: nobody is merged into that one any more
    assert set(told) == {"employer_closed", "posted"}, told
    assert told.count("employer_closed") in {1, 2}, told


@pytest.mark.parametrize("round_", ROUNDS)
def test_nobody_is_moved_to_an_employer_that_goes_meanwhile(world: World, round_: int) -> None:
    one, other, third = (Unit(world) for _ in range(3))
    person, day = one.hire(), world.today
    one.enrol(person, MemberClass.ACTIVE, day - timedelta(days=60))
    gone: Command = (
        CloseEmployer(other.book, day - timedelta(days=1), "paper")
        if round_ % 2
        else MergeEmployer(other.book, third.book, day, (), "paper")
    )
    first, second = each(world, [MoveStaff(one.book, other.book, day, (person,), "paper"), gone], round_)
    assert second == "posted"
    assert first in {"posted", "employer_closed"}
    # whoever came first: a merger takes along who has come
    left = stints_with(enrolments(world, person), other.book)
    assert round_ % 2 or all(one.last is not None and one.last < day for one in left)


def institutions(clinic: Clinic, how_many: int, round_: int) -> list[tuple[int, str]]:
    """Some with books, and some in whose books nothing stands yet."""
    contract = None if round_ % 2 else (date(2000, 1, 1), None)
    codes = [clinic.institution(contract=contract) for _ in range(how_many)]
    return [(clinic.parties[code], code) for code in codes]


def into(world: World, one: tuple[int, str], other: tuple[int, str]) -> Command:
    return MergeInstitution(*one, AREA, other[1], world.today, "paper")


@pytest.mark.parametrize("how_many", [2, 3])
@pytest.mark.parametrize("round_", ROUNDS)
def test_of_institutions_merged_into_each_other_one_stays(world: World, how_many: int, round_: int) -> None:
    there = institutions(Clinic(world), how_many, round_)
    told = each(
        world,
        [into(world, one, other) for one, other in zip(there, [*there[1:], there[0]], strict=True)],
        round_,
    )
    assert set(told) == {"institution_ended", "posted"}, told
    assert how_many == 3 or told.count("posted") == 1, told


@pytest.mark.parametrize("round_", ROUNDS)
def test_no_institution_is_merged_into_one_that_ends_meanwhile(world: World, round_: int) -> None:
    one, other = institutions(Clinic(world), 2, round_)
    ends = EndInstitution(*other, AREA, world.today - timedelta(days=1), "paper")
    told = each(world, [into(world, one, other), ends], round_)
    # either may come first: one that took another's place may end afterwards
    assert told in (["posted", "posted"], ["institution_ended", "posted"])
