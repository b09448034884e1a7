"""A list without a line: of a month in which nobody is employed."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.contributions.arrears_reports import undeclared
from ledger.contributions.closures import CloseEmployer, ReopenEmployer
from ledger.contributions.declarations import Confirm, Declare
from ledger.contributions.estimates import ESTIMATES, Estimate
from ledger.people.enrolments import EndEnrolment
from ledger.refusals import RefusalCode
from tests.support.people import AREA, World
from tests.support.units import Unit

MARCH = 202603
TODAY = date(2026, 11, 20)
WAGE = 800_000


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return World(sound_engine)


@pytest.fixture
def unit(world: World) -> Unit:
    return Unit(world)


def test_a_nil_list_ends_an_estimate_and_gives_back_what_waited(unit: Unit) -> None:
    unit.estimate(MARCH, 100_000, today=TODAY)
    paid = unit.pay(150_000, TODAY, MARCH, today=TODAY)
    done = unit.declare(MARCH, {}, today=TODAY)
    assert unpack(done.receipt.detail)["returned"] == 100_000
    assert not any(unit.month(MARCH).values())
    assert unit.surplus() == 150_000 - 100_000
    assert unit.left_on(Side.SUSPENSE) == 50_000 >= paid["late_fee"] > 0


def test_a_nil_list_is_confirmed_once(unit: Unit) -> None:
    preview = unit.preview(MARCH, {})
    unit.confirm(preview)
    assert unit.world.refusal(Confirm(unit.book, preview.seq, unit.reveal)) is RefusalCode.ALREADY_CONFIRMED
    # another list may say later that somebody was there after all
    assert unit.declare(MARCH, {unit.hire(): WAGE}).receipt.seq


def test_a_nil_list_does_not_take_back_another(unit: Unit) -> None:
    unit.declare(MARCH, {unit.hire(): WAGE})
    preview = unit.preview(MARCH, {})
    assert unit.world.refusal(Confirm(unit.book, preview.seq, unit.reveal)) is RefusalCode.ALREADY_DECLARED


def test_a_list_without_a_good_line_is_no_nil_list(unit: Unit) -> None:
    preview = unit.preview(MARCH, {unit.hire(): None})
    assert unit.world.refusal(Confirm(unit.book, preview.seq, unit.reveal)) is RefusalCode.NO_GOOD_LINE


def test_a_month_that_was_declared_as_nil_is_not_estimated(unit: Unit) -> None:
    unit.declare(202602, {unit.hire(): WAGE}, today=TODAY)
    unit.declare(MARCH, {}, today=TODAY)
    assert unit.world.refusal(Estimate(unit.book, MARCH)) is RefusalCode.ALREADY_DECLARED
    assert estimated_by_a_run(unit) is False
    assert expected(unit) is False


def estimated_by_a_run(unit: Unit, period: int = MARCH) -> bool:
    """Whether the run over the area comes to the unit; what it asks for is posted."""
    with unit.world.engine.connect() as connection:
        command = ESTIMATES.chunks(connection, period, AREA).after(unit.book - 1).get(unit.book)
    if command is None:
        return False
    unit.world.one(command, today=TODAY)
    return unit.month(period)["estimated"] > 0


def expected(unit: Unit, period: int = MARCH) -> bool:
    """Whether the report of undeclared months names the unit."""
    with unit.world.engine.connect() as connection:
        found = undeclared(connection, period, unit.world.policies, limit=10_000)
    return unit.credit_code in {one.credit_code for one in found}


# -- nobody is left ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "staffed"), [(None, True), (date(2026, 3, 1), True), (date(2026, 2, 28), False)]
)
def test_an_employer_whose_staff_has_left_is_not_estimated(
    unit: Unit, last: date | None, staffed: bool
) -> None:
    person = unit.hire()
    enrolment = unit.enrol(person, MemberClass.ACTIVE, date(2026, 1, 1))
    unit.declare(202602, {person: WAGE}, today=TODAY)
    if last is not None:
        unit.world.one(EndEnrolment(person, enrolment.seq, last))
    assert expected(unit) is staffed
    assert estimated_by_a_run(unit) is staffed
    if not staffed:
        assert unit.world.refusal(Estimate(unit.book, MARCH, 100)) is RefusalCode.NOBODY_ENROLLED
        assert unit.estimate(202601, 100, today=TODAY) == 100


def test_who_stood_on_the_last_list_and_was_never_enrolled_is_staff(unit: Unit) -> None:
    enrolled, never = unit.hire(), unit.hire()
    unit.enrol(enrolled, MemberClass.ACTIVE, date(2026, 1, 1), date(2026, 2, 28))
    unit.declare(202602, {enrolled: WAGE, never: WAGE}, today=TODAY)
    assert estimated_by_a_run(unit) is True


def test_the_dead_are_no_staff(unit: Unit) -> None:
    person = unit.hire()
    unit.enrol(person, MemberClass.ACTIVE, date(2026, 1, 1))
    unit.declare(202602, {person: WAGE}, today=TODAY)
    unit.world.one(ReportDeath(person, date(2026, 2, 20), "certificate"))
    assert estimated_by_a_run(unit) is False


# -- closed ------------------------------------------------------------------------------------------------


def test_a_closed_employer_is_left_out_until_it_is_opened_again(unit: Unit) -> None:
    world = unit.world
    unit.declare(202602, {unit.hire(): WAGE}, today=TODAY)
    close = CloseEmployer(unit.book, date(2026, 2, 28), "paper", key="close")
    first = world.posted(close)
    assert (world.posted(close).replayed, first.receipt.kind) == (True, Kind.EMPLOYER_CLOSURE)
    assert world.refusal(CloseEmployer(unit.book, date(2026, 3, 1), "x")) is RefusalCode.EMPLOYER_CLOSED
    assert (expected(unit), estimated_by_a_run(unit)) == (False, False)
    assert world.refusal(Estimate(unit.book, MARCH)) is RefusalCode.EMPLOYER_CLOSED
    # it owes and pays as before
    assert unit.pay(76_000, date(2026, 3, 10), 202602)["to_accounts"] == 16_000
    early = ReopenEmployer(unit.book, date(2026, 2, 27), "x")
    assert world.refusal(early) is RefusalCode.PERIOD_INVALID
    world.one(ReopenEmployer(unit.book, date(2026, 4, 1), "paper"))
    assert world.refusal(ReopenEmployer(unit.book, TODAY, "x")) is RefusalCode.EMPLOYER_NOT_CLOSED
    assert (expected(unit), estimated_by_a_run(unit)) == (True, True)
    world.one(CloseEmployer(unit.book, date(2026, 4, 30), "again"))


@pytest.mark.parametrize("day", [date(1989, 12, 31), date(2026, 12, 31), date(2999, 1, 1)])
def test_a_last_day_that_cannot_be(unit: Unit, day: date) -> None:
    assert unit.world.refusal(CloseEmployer(unit.book, day, "x")) is RefusalCode.PERIOD_INVALID


def test_a_nil_list_is_of_a_month_that_is_not_to_come(unit: Unit) -> None:
    assert unit.world.refusal(Declare(unit.book, 202701, ())) is RefusalCode.PERIOD_INVALID
