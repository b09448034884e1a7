"""Reads of contributions: arrears on a day, payment lists of employers and persons, a supervisor's lists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert

from ledger import tables
from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.contributions import arrears_reports
from ledger.contributions import reports as contribution_reports
from ledger.contributions.declarations import list_view
from ledger.contributions.estimates import Estimate
from ledger.contributions.reports import MonthPaid
from ledger.contributions.retirees import CreditRetiree
from ledger.people.enrolments import EndEnrolment, Enrol
from ledger.posting import batches
from ledger.refusals import Refused
from ledger.reports import look
from tests.reports.test_reports import counted
from tests.support.people import AREA, World
from tests.support.units import Unit

JUNE = 202606
EVERY = 1_000


@pytest.fixture(scope="module")
def world(engine: Engine) -> World:
    return World(engine)


def read(world: World, report: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    with look(world.engine) as connection:
        return report(connection, *arguments, **named)


def overdue(unit: Unit, on: date) -> list[tuple[int, int, int]]:
    """The months in arrears on a day: period, principal, late fee; fen."""
    found = read(unit.world, arrears_reports.arrears, unit.book, on, unit.world.policies)
    return [(one.period, one.principal_fen, one.late_fee_fen) for one in found]


def months(unit: Unit, **named: Any) -> list[MonthPaid]:
    return read(unit.world, contribution_reports.months, unit.book, **({"limit": EVERY} | named))


def owing(world: World, fen: int, period: int) -> Unit:
    """An employer that owes so much for a month, as the agency fixed it."""
    unit = Unit(world)
    world.one(Estimate(unit.book, period, fen))
    return unit


# -- arrears on a day --------------------------------------------------------------------------------------


def test_e11_a_day_late(world: World) -> None:
    """760.00 due on 15 July 2026: in time on that day, a fee of 0.38 the day after."""
    unit = Unit(world)
    unit.declare(JUNE, {unit.hire(): 800_000})
    assert overdue(unit, date(2026, 7, 15)) == []
    assert overdue(unit, date(2026, 7, 16)) == [(JUNE, 76_000, 38)]
    unit.pay(76_000, date(2026, 7, 16), JUNE)
    # the principal is paid, the fee is not; and it does not grow any more
    assert overdue(unit, date(2026, 7, 16)) == [(JUNE, 0, 38)]
    assert overdue(unit, date(2026, 10, 1)) == [(JUNE, 0, 38)]
    unit.pay(38, date(2026, 7, 20), JUNE)
    # a payment is known from its day on, whenever it is asked for
    assert overdue(unit, date(2026, 7, 19)) == [(JUNE, 0, 38)]
    assert overdue(unit, date(2026, 7, 20)) == []
    assert overdue(unit, date(2026, 7, 15)) == []


def test_e11_in_time(world: World) -> None:
    unit = Unit(world)
    unit.declare(JUNE, {unit.hire(): 800_000})
    unit.pay(76_000, date(2026, 7, 15), JUNE)
    assert overdue(unit, date(2026, 7, 16)) == []
    assert overdue(unit, date(2036, 7, 16)) == []


@pytest.mark.parametrize(
    ("fen", "on", "days", "fee"),
    [
        pytest.param(760_000, date(2026, 9, 30), 77, 29_260, id="E12"),
        pytest.param(46_284, date(2026, 8, 17), 33, 764, id="E13"),
    ],
)
def test_e12_and_e13(world: World, fen: int, on: date, days: int, fee: int) -> None:
    unit = owing(world, fen, JUNE)
    (found,) = read(world, arrears_reports.arrears, unit.book, on, world.policies)
    assert (found.due_on, (on - found.due_on).days) == (date(2026, 7, 15), days)
    assert (found.principal_fen, found.late_fee_fen, found.uncapped_fee_fen) == (fen, fee, fee)


def test_e14_two_part_payments(world: World) -> None:
    """10,000.00 due on 15 March 2026; 4,000.00 on 14 April, the rest on 29 May: 150.00 + 135.00."""
    unit = owing(world, 1_000_000, 202602)
    unit.pay(400_000, date(2026, 4, 14), 202602)
    unit.pay(600_000, date(2026, 5, 29), 202602)
    table = {
        date(2026, 3, 15): [],
        date(2026, 3, 16): [(202602, 1_000_000, 500)],
        date(2026, 4, 13): [(202602, 1_000_000, 14_500)],
        date(2026, 4, 14): [(202602, 600_000, 15_000)],
        date(2026, 5, 28): [(202602, 600_000, 28_200)],
        date(2026, 5, 29): [(202602, 0, 28_500)],
        date(2030, 1, 1): [(202602, 0, 28_500)],
    }
    assert {day: overdue(unit, day) for day in table} == table


def test_a_day_to_come(world: World) -> None:
    """What is declared now and not due yet is in arrears on a day far enough ahead."""
    unit = Unit(world)
    person = unit.hire()
    unit.declare(202610, {person: 800_000})
    unit.declare(202611, {person: 800_000})
    # 15 November was a Sunday, and a Sunday counts
    assert overdue(unit, world.today) == [(202610, 76_000, 228)]
    assert overdue(unit, date(2026, 12, 16)) == [(202610, 76_000, 1_178), (202611, 76_000, 38)]


def test_the_oldest_stands_first_and_each_month_is_one(world: World) -> None:
    unit = Unit(world)
    person = unit.hire()
    for period in (202608, 202606, 202607):
        unit.declare(period, {person: 800_000})
    unit.pay(10_000, date(2026, 8, 1), 202606)
    unit.pay(20_000, date(2026, 8, 2), 202606)
    assert [(period, principal) for period, principal, _ in overdue(unit, date(2026, 9, 16))] == [
        (202606, 46_000),
        (202607, 76_000),
        (202608, 76_000),
    ]


def test_a_correction_counts_as_it_stands_now(world: World) -> None:
    """Too much was assessed and paid late: the fee of every day is that of the right amount."""
    unit = Unit(world)
    person = unit.hire()
    unit.declare(JUNE, {person: 800_000})
    unit.pay(76_000, date(2026, 7, 25), JUNE)
    # of what was too much, the fee is squared first
    assert unit.adjust(JUNE, {person: 600_000})["returned"] == 19_000 - 285
    assert overdue(unit, date(2026, 7, 24)) == [(JUNE, 57_000, 257)]
    assert overdue(unit, world.today) == []


def test_an_area_that_has_not_decided_is_refused(world: World) -> None:
    unit = owing(world, 1_000, JUNE)
    with look(world.engine) as connection, pytest.raises(Refused, match="area_unknown"):
        arrears_reports.arrears(connection, unit.book, world.today, {})
    with look(world.engine) as connection, pytest.raises(Refused, match="employer_not_found"):
        arrears_reports.arrears(connection, world.open(), world.today, world.policies)


def test_arrears_are_as_many_statements_for_ten_months_as_for_one(world: World) -> None:
    small, large = Unit(world), Unit(world)
    person = small.hire()
    small.declare(202601, {person: 800_000})
    wages: dict[int, int | None] = {large.hire(): 800_000 for _ in range(3)}
    for period in range(202601, 202611):
        large.declare(period, wages)
        large.pay(5_000, date(2026, 11, 1), period)
    asked = {}
    for unit, one in ((small, person), (large, min(wages))):
        with counted(world.engine) as statements:
            overdue(unit, world.today)
            months(unit)
            read(world, contribution_reports.staff, unit.book, 202601, limit=EVERY)
            read(world, contribution_reports.person_months, one)
        asked[unit.book] = len(statements)
    assert asked[small.book] == asked[large.book] <= 9


# -- an employer's months ----------------------------------------------------------------------------------


def test_the_months_of_an_employer(world: World) -> None:
    unit = Unit(world)
    wages: dict[int, int | None] = {unit.hire(): 800_000, unit.hire(): 350_000}
    unit.declare(202603, wages)
    unit.pay(50_000, date(2026, 4, 10), 202603)
    assert months(unit) == [
        MonthPaid(202603, 800_000 + 487_200, 122_284, 50_000, date(2026, 4, 10), 0, False)
    ]
    assert months(unit)[0].owed_fen == 72_284
    unit.pay(72_284, date(2026, 4, 15), 202603)
    (month,) = months(unit)
    assert (month.paid_fen, month.owed_fen, month.paid_on) == (122_284, 0, date(2026, 4, 15))


def test_an_estimate_and_then_its_list(world: World) -> None:
    """E09: last month 12,345.67, charged 13,580.24 and paid; declared 13,000.00."""
    unit = owing(world, 1_234_567, 202603)
    world.one(Estimate(unit.book, 202604))
    assert months(unit, period=202604) == [MonthPaid(202604, None, 1_358_024, 0, None, 0, True)]
    unit.pay(1_358_024, date(2026, 5, 14), 202604)
    assert months(unit, period=202604) == [
        MonthPaid(202604, None, 1_358_024, 1_358_024, date(2026, 5, 14), 0, True)
    ]
    assert read(world, contribution_reports.standing, unit.book).waiting_fen == 1_358_024
    # 9.5 % of it: 13,000.00
    wages: dict[int, int | None] = {unit.hire(): 1_368_421 for _ in range(10)}
    unit.declare(202604, wages)
    assert months(unit, period=202604) == [
        MonthPaid(202604, 13_684_210, 1_300_000, 1_300_000, date(2026, 5, 14), 0, False)
    ]
    assert read(world, contribution_reports.standing, unit.book) == (0, 0, 0)
    assert [period for period, *_ in overdue(unit, world.today)] == [202603]


def test_money_before_its_list(world: World) -> None:
    unit = Unit(world)
    unit.pay(30_000, date(2026, 4, 1), 202603)
    assert months(unit) == [MonthPaid(202603, None, 0, 30_000, date(2026, 4, 1), 0, False)]
    assert months(unit)[0].owed_fen == 0
    assert overdue(unit, world.today) == []
    assert read(world, contribution_reports.standing, unit.book) == (0, 30_000, 0)


def test_a_late_fee_and_what_is_over(world: World) -> None:
    unit = Unit(world)
    unit.declare(JUNE, {unit.hire(): 800_000})
    unit.pay(80_000, date(2026, 7, 16), JUNE)
    assert months(unit) == [MonthPaid(JUNE, 800_000, 76_000, 76_000, date(2026, 7, 16), 38, False)]
    assert read(world, contribution_reports.standing, unit.book) == (80_000 - 76_038, 0, 0)


def test_an_annulled_month_is_left_out(world: World) -> None:
    unit = Unit(world)
    person = unit.hire()
    unit.declare(202603, {person: 800_000})
    unit.pay(76_000, date(2026, 4, 10), 202603)
    unit.adjust(202603, {person: 0})
    assert months(unit) == []
    assert read(world, contribution_reports.staff, unit.book, 202603, limit=EVERY) == []
    assert read(world, contribution_reports.person_months, person) == []


def test_months_come_in_pages(world: World) -> None:
    unit = Unit(world)
    person = unit.hire()
    for period in (202601, 202512, 202603):
        unit.declare(period, {person: 800_000})
    assert [one.period for one in months(unit, limit=2)] == [202512, 202601]
    assert [one.period for one in months(unit, limit=2, after=202601)] == [202603]
    assert months(unit, after=202603) == []
    assert months(unit, period=202602) == []


# -- the staff of a month ----------------------------------------------------------------------------------


def test_a_part_payment_person_by_person(world: World) -> None:
    """What the persons of a month show adds up to the month, part by part."""
    unit, other = Unit(world), Unit(world)
    wages: dict[int, int | None] = {unit.hire(): wage for wage in (800_000, 350_000, 4_000_000)}
    elsewhere = other.hire()
    unit.declare(202603, wages)
    other.declare(202603, {elsewhere: 800_000})
    unit.pay(123_457, date(2026, 4, 9), 202603)
    found = read(world, contribution_reports.staff, unit.book, 202603, limit=EVERY)
    assert [one.account_id for one in found] == sorted(wages)
    by_account = {one.account_id: one for one in found}
    rich = by_account[list(wages)[2]]
    assert (rich.base_fen, rich.employee_fen, rich.employer_fen) == (2_436_000, 48_720, 182_700)
    (month,) = months(unit)
    assert sum(one.assessed_fen for one in found) == month.assessed_fen
    assert sum(one.paid_fen for one in found) == month.paid_fen == 123_457
    assert sum(one.owed_fen for one in found) == month.owed_fen
    assert {one.paid_on for one in found} == {date(2026, 4, 9)}


def test_staff_come_in_pages(world: World) -> None:
    unit = Unit(world)
    wages: dict[int, int | None] = {unit.hire(): 800_000 for _ in range(5)}
    unit.declare(202603, wages)
    everyone = sorted(wages)
    for after, expected in ((0, everyone[:2]), (everyone[1], everyone[2:4]), (everyone[3], everyone[4:])):
        page = read(world, contribution_reports.staff, unit.book, 202603, after=after, limit=2)
        assert [one.account_id for one in page] == expected


# -- a person ----------------------------------------------------------------------------------------------


def test_e07_two_employers_and_retired(engine: Engine) -> None:
    """160.00 for January to August, from June at another employer, retired from September: 110.00 × 4."""
    world = World(engine, now=datetime(2027, 1, 10, 4, 0, tzinfo=UTC))
    first, second = Unit(world, name="甲公司"), Unit(world, name="乙公司")
    person = first.hire()
    second._digests |= first._digests
    first.enrol(person, MemberClass.ACTIVE, date(2026, 1, 1), date(2026, 5, 31))
    second.enrol(person, MemberClass.ACTIVE, date(2026, 6, 1))
    second.enrol(person, MemberClass.RETIRED, date(2026, 9, 1), here=False)
    for period in range(202601, 202609):
        unit = first if period <= 202605 else second
        unit.declare(period, {person: 800_000})
        unit.pay(76_000, date(2026, period % 100 + 1, 5), period)
    for period in range(202609, 202613):
        world.one(CreditRetiree(person, period))
    world.one(Spend(person, 5_000, world.today, "H0001", world.ref()))
    found = read(world, contribution_reports.person_months, person)
    assert sum(one.to_account_fen for one in found) == 172_000
    assert [(one.period, one.employer_name, one.kind) for one in found] == [
        *((period, "甲公司", Kind.CONTRIBUTION) for period in range(202601, 202606)),
        *((period, "乙公司", Kind.CONTRIBUTION) for period in range(202606, 202609)),
        *((period, None, Kind.RETIREE_CREDIT) for period in range(202609, 202613)),
    ]
    march = found[2]
    assert (march.employer, march.base_fen, march.employee_fen, march.employer_fen) == (
        first.credit_code, 800_000, 16_000, 60_000,
    )  # fmt: skip
    assert (march.assessed_fen, march.paid_fen, march.owed_fen) == (76_000, 76_000, 0)
    assert (march.paid_on, march.to_account_fen) == (date(2026, 4, 5), 16_000)
    october = found[9]
    assert (october.base_fen, october.employee_fen, october.employer_fen) == (None, None, None)
    assert (october.assessed_fen, october.paid_fen, october.owed_fen) == (11_000, 11_000, 0)
    assert (october.paid_on, october.to_account_fen) == (date(2026, 10, 1), 11_000)
    some = read(world, contribution_reports.person_months, person, first=202605, last=202606)
    assert [one.period for one in some] == [202605, 202606]


def test_a_month_at_two_employers_is_two_rows(world: World) -> None:
    first, second = Unit(world), Unit(world)
    person = first.hire()
    second._digests |= first._digests
    for unit, wage in ((first, 800_000), (second, 500_000)):
        unit.declare(202603, {person: wage})
    second.pay(23_750, date(2026, 4, 1), 202603)
    found = {one.employer: one for one in read(world, contribution_reports.person_months, person)}
    assert (found[first.credit_code].paid_fen, found[first.credit_code].paid_on) == (0, None)
    assert found[first.credit_code].owed_fen == 76_000
    here = found[second.credit_code]
    assert (here.paid_fen, here.owed_fen, here.to_account_fen) == (23_750, 23_750, 5_000)


def test_what_was_credited_without_an_employer(world: World) -> None:
    person = world.open()
    seqs = [
        world.one(Contribute(person, fen, 202603, date(2026, 4, day), world.ref())).seq
        for fen, day in ((10_000, 9), (5_000, 2))
    ]
    world.one(Contribute(person, 700, 202602, date(2026, 4, 1), world.ref()))
    spent = world.one(Spend(person, 300, date(2026, 4, 12), "H0001", world.ref()))
    world.one(Reverse(person, spent.seq, "wrong patient"))
    found = read(world, contribution_reports.person_months, person)
    assert [(one.period, one.paid_fen, one.paid_on) for one in found] == [
        (202602, 700, date(2026, 4, 1)),
        (202603, 15_000, date(2026, 4, 9)),
    ]
    world.one(Reverse(person, seqs[0], "wrong person"))
    assert [one.paid_fen for one in read(world, contribution_reports.person_months, person)] == [700, 5_000]
    world.one(Reverse(person, seqs[1], "wrong person"))
    assert [one.period for one in read(world, contribution_reports.person_months, person)] == [202602]


def test_what_went_back_to_the_payer_reached_nobody(world: World) -> None:
    unit = Unit(world)
    person = unit.hire()
    unit.declare(202603, {person: 800_000})
    unit.pay(76_000, date(2026, 4, 10), 202603)
    unit.adjust(202603, {person: 600_000})
    (month,) = read(world, contribution_reports.person_months, person)
    assert (month.base_fen, month.paid_fen, month.owed_fen, month.to_account_fen) == (
        600_000, 57_000, 0, 12_000,
    )  # fmt: skip
    assert unit.balance(person) == 12_000


def test_what_was_paid_back_was_not_paid(world: World) -> None:
    """Taken off the list after it was paid, and put on again: nothing is paid, and on no day."""
    unit = Unit(world)
    person = unit.hire()
    unit.declare(202603, {person: 800_000})
    unit.pay(76_000, date(2026, 4, 10), 202603)
    unit.adjust(202603, {person: 0})
    unit.adjust(202603, {person: 600_000})
    (month,) = read(world, contribution_reports.person_months, person)
    (one,) = read(world, contribution_reports.staff, unit.book, 202603, limit=EVERY)
    (whole,) = months(unit)
    for found in (month, one, whole):
        assert (found.assessed_fen, found.paid_fen, found.paid_on, found.owed_fen) == (
            57_000,
            0,
            None,
            57_000,
        )
    assert month.to_account_fen == 0


def test_who_had_died_has_no_base(world: World) -> None:
    """A month after the end of life is annulled when its money comes."""
    unit = Unit(world)
    living, dead = unit.hire(), unit.hire()
    unit.declare(202603, {living: 800_000, dead: 500_000})
    world.one(ReportDeath(dead, date(2026, 2, 20), "certificate"))
    unit.pay(76_000, date(2026, 4, 10), 202603)
    assert months(unit) == [MonthPaid(202603, 800_000, 76_000, 76_000, date(2026, 4, 10), 0, False)]
    assert [
        one.account_id for one in read(world, contribution_reports.staff, unit.book, 202603, limit=EVERY)
    ] == [living]
    assert read(world, contribution_reports.person_months, dead) == []


# -- enrolments and lists ----------------------------------------------------------------------------------


def test_enrolments_in_order(world: World) -> None:
    unit = Unit(world)
    person = unit.hire()
    first = unit.enrol(person, MemberClass.ACTIVE, date(2024, 1, 1)).seq
    second = unit.enrol(person, MemberClass.FLEXIBLE, date(2026, 2, 1), date(2026, 11, 20), here=False).seq
    third = unit.enrol(person, MemberClass.ACTIVE, date(2026, 11, 21), date(2026, 11, 21)).seq
    end = world.one(EndEnrolment(person, first, date(2026, 1, 31))).seq
    found = read(world, contribution_reports.enrolments, person)
    assert [(one.seq, one.status(world.today), one.replaced_by) for one in found] == [
        (first, "replaced", end),
        (second, "ended", None),
        (third, "in_force", None),
        (end, "ended", None),
    ]
    assert [(one.employer, one.first, one.last) for one in found] == [
        (unit.credit_code, date(2024, 1, 1), None),
        (None, date(2026, 2, 1), date(2026, 11, 20)),
        (unit.credit_code, date(2026, 11, 21), date(2026, 11, 21)),
        (unit.credit_code, date(2024, 1, 1), date(2026, 1, 31)),
    ]
    assert {one.recorded_on for one in found} == {world.today}


def test_a_list_before_and_after_its_confirmation(world: World) -> None:
    unit = Unit(world)
    good, wrong, late = unit.hire(), unit.hire(), unit.hire()
    handed_in = unit.preview(202603, {good: 800_000, wrong: -1, late: 500_000})
    found = read(world, contribution_reports.declaration, unit.book, handed_in.seq)
    assert (found.employer, found.period, found.confirmed) == (unit.credit_code, 202603, False)
    assert [(line.line, line.account_id, line.base, line.code) for line in found.lines] == [
        (1, good, 800_000, None),
        (2, wrong, None, "wage_invalid"),
        (3, late, 500_000, None),
    ]
    # another list was first
    unit.declare(202603, {late: 800_000})
    unit.confirm(handed_in)
    found = read(world, contribution_reports.declaration, unit.book, handed_in.seq)
    shown = list_view(found.period, found.lines, found.confirmation)
    assert (found.confirmed, shown.confirmed, shown.employee_total) == (True, True, 16_000)
    assert [line.code for line in shown.lines] == [None, "wage_invalid", "duplicate_period"]


def test_another_entry_is_no_list(world: World) -> None:
    unit = Unit(world)
    person = unit.hire()
    handed_in = unit.preview(202603, {person: 800_000})
    confirmation = unit.confirm(handed_in).receipt
    for book, seq in (
        (unit.book, 1),
        (unit.book, confirmation.seq),
        (person, 1),
        (unit.book, 10**12),
        (7, 1),
    ):
        with look(world.engine) as connection, pytest.raises(Refused, match="declaration_not_found"):
            contribution_reports.declaration(connection, book, seq)


# -- over all employers ------------------------------------------------------------------------------------


@pytest.fixture
def alone(fresh_engine: Engine) -> World:
    """A world with nobody else in it."""
    return World(fresh_engine)


def test_employers_in_arrears(alone: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.contributions.arrears_reports.CHUNK", 2)
    units = [Unit(alone) for _ in range(6)]
    codes = [unit.credit_code for unit in units]
    assert codes == sorted(codes)
    for unit in (units[1], units[3], units[4]):
        alone.one(Estimate(unit.book, JUNE, 10_000))
        alone.one(Estimate(unit.book, 202607, 20_000))
    # paid in time, and paid late but not yet its fee
    units[3].pay(30_000, date(2026, 7, 1), JUNE)
    units[4].pay(10_000, date(2026, 8, 15), JUNE)
    units[4].pay(20_000, date(2026, 8, 15), 202607)

    def ask(on: date, **named: Any) -> list[tuple[str, list[int], int, int]]:
        found = read(
            alone, arrears_reports.employers_in_arrears, on, alone.policies, **({"limit": EVERY} | named)
        )
        return [
            (one.credit_code, [month.period for month in one.months], one.principal_fen, one.late_fee_fen)
            for one in found
        ]

    assert ask(date(2026, 7, 15)) == []
    assert ask(date(2026, 7, 16)) == [(codes[1], [JUNE], 10_000, 5), (codes[4], [JUNE], 10_000, 5)]
    everyone = ask(date(2026, 9, 14))
    assert everyone == [
        (codes[1], [JUNE, 202607], 30_000, 61 * 5 + 30 * 10),
        (codes[4], [JUNE], 0, 31 * 5),
    ]
    assert ask(date(2026, 9, 14), limit=1) == everyone[:1]
    assert ask(date(2026, 9, 14), after=codes[1]) == everyone[1:]
    assert ask(date(2026, 9, 14), after=codes[4]) == []
    assert ask(date(2026, 9, 14), area=AREA) == everyone
    assert ask(date(2026, 9, 14), area=110000) == []


def test_overdue_registrations(alone: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example area gives 30 days."""
    monkeypatch.setattr("ledger.contributions.arrears_reports.CHUNK", 2)
    unit = Unit(alone)
    began = date(2026, 3, 1)
    active, retired = MemberClass.ACTIVE, MemberClass.RETIRED
    table = [(30, active), (31, active), (45, active), (-5, active), (90, retired), (60, active)]
    late = {}
    for days, member_class in table:
        person = unit.hire()
        seq = unit.enrol(person, member_class, began, today=began + timedelta(days=days)).seq
        if days > 30 and member_class is active:
            late[person] = (seq, days - 30)
    alone.one(Enrol(unit.hire(), MemberClass.FLEXIBLE, None, began, None))
    alone.one(EndEnrolment(min(late), late[min(late)][0], date(2026, 4, 30)))

    def ask(on: date, **named: Any) -> list[Any]:
        return list(
            read(
                alone, arrears_reports.overdue_registrations, on, alone.policies, **({"limit": EVERY} | named)
            )
        )

    found = ask(alone.today)
    assert {one.account_id: (one.seq, one.days_late) for one in found} == late
    assert [one.account_id for one in found] == sorted(late)
    one = found[0]
    assert (one.employer, one.first, one.due_on) == (unit.credit_code, began, date(2026, 3, 31))
    assert one.recorded_on == one.due_on + timedelta(days=one.days_late)
    # on the day before the last of them was recorded
    assert {one.days_late for one in ask(began + timedelta(days=59))} == {1, 15}
    assert ask(alone.today, limit=1) == found[:1]
    assert ask(alone.today, after=(found[0].account_id, found[0].seq)) == found[1:]
    assert ask(alone.today, area=110000) == []


def test_undeclared(alone: World) -> None:
    listed, guessed, paid, new, gone, annulled = (Unit(alone) for _ in range(6))
    people = {unit: unit.hire() for unit in (listed, guessed, paid, new, gone, annulled)}
    for unit in (listed, guessed, paid):
        unit.declare(202603, {people[unit]: 800_000})
    annulled.declare(202603, {people[annulled]: 800_000})
    annulled.adjust(202603, {people[annulled]: 0})
    gone.declare(202602, {people[gone]: 800_000})
    new.declare(202604, {people[new]: 800_000})
    # money alone is no list
    paid.pay(1_000, date(2026, 5, 1), 202604)

    def ask(period: int, **named: Any) -> list[tuple[str, int, int]]:
        found = read(alone, arrears_reports.undeclared, period, alone.policies, **({"limit": EVERY} | named))
        return [(one.credit_code, one.last_month_fen, one.estimate_fen) for one in found]

    due = [(unit.credit_code, 76_000, 83_600) for unit in (listed, guessed, paid)]
    assert ask(202604) == due
    assert ask(202604, limit=1) == due[:1]
    assert ask(202604, after=due[0][0]) == due[1:]
    listed.preview(202604, {people[listed]: 800_000})
    assert ask(202604) == due, "a preview is no list"
    listed.declare(202604, {people[listed]: 800_000})
    alone.one(Estimate(guessed.book, 202604))
    assert ask(202604) == due[2:]
    # who was estimated goes on being asked for a list
    assert guessed.credit_code in [code for code, *_ in ask(202605)]
    assert ask(202603) == [(gone.credit_code, 76_000, 83_600)]
    assert ask(202604, area=110000) == []


# -- files -------------------------------------------------------------------------------------------------


def test_rejected_lines(world: World) -> None:
    with world.engine.connect() as connection:
        batches.take(connection, "import-x", "import", world.now)
        batches.take(connection, "import-none", "import", world.now)
        rows = [
            {"batch_id": "import-x", "line": line, "code": "wage_invalid", "field": field}
            for line, field in ((9, "wage"), (2, None), (40, None))
        ]
        with connection.begin():
            connection.execute(insert(tables.batch_line), rows)
    try:
        asked = ("import-x",)
        assert read(world, arrears_reports.rejected_lines, *asked, limit=2) == [
            (2, "wage_invalid", None),
            (9, "wage_invalid", "wage"),
        ]
        assert read(world, arrears_reports.rejected_lines, *asked, after=9, limit=2) == [
            (40, "wage_invalid", None)
        ]
        assert read(world, arrears_reports.rejected_lines, *asked, after=40, limit=2) == []
        assert read(world, arrears_reports.rejected_lines, "import-none", limit=2) == []
        with look(world.engine) as connection, pytest.raises(Refused, match="batch_not_found"):
            arrears_reports.rejected_lines(connection, "import-y", limit=2)
    finally:
        with world.engine.connect() as connection, connection.begin():
            connection.execute(delete(tables.batch_line))
