"""Lists of an employer: which lines are taken, which get a code, and what a confirmation makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, select

from ledger import tables
from ledger.accounts.closure import ReportDeath
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.contributions.assessing import Declared
from ledger.contributions.brought import MONTH_LISTS
from ledger.contributions.declarations import Confirm, Declare, list_view
from ledger.contributions.estimates import Estimate
from ledger.contributions.levies import DECLARED_LINE
from ledger.contributions.reads import read_declared
from ledger.people.enrolments import EndEnrolment, Enrol
from ledger.posting import Posted, Receipt
from ledger.posting.rehearsal import rehearse
from ledger.refusals import RefusalCode
from ledger.verify import verify
from tests.contributions.test_contributions import with_parameter
from tests.support.people import SomeoneFactory, World
from tests.support.second_numbers import add_alias
from tests.support.stories import Heir, entries, estate, rows_of
from tests.support.units import Unit

MARCH = 202603
TODAY = date(2026, 4, 10)
WAGE = 800_000


@pytest.fixture(scope="module", autouse=True)
def consistent(engine: Engine) -> Iterator[None]:
    """Whatever the tests of this module do, the book is right after it."""
    yield
    assert [str(one) for one in verify(engine).findings] == []


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


@pytest.fixture
def unit(world: World) -> Unit:
    return Unit(world)


def codes(unit: Unit, declaration: Receipt) -> list[str]:
    """The code of each line of a list, or "taken"; after its confirmation with what that left out."""
    with unit.world.engine.connect() as connection:
        lines = read_declared(connection, [(unit.book, declaration.seq)])[unit.book, declaration.seq]
    confirmed = [
        entry for entry in entries(unit.world.engine, unit.book) if entry.target_seq == declaration.seq
    ]
    view = list_view(MARCH, lines, confirmed[0].detail if confirmed else None)
    return [line.code or "taken" for line in view.lines]


def close(world: World, account: int, died_on: date = TODAY) -> None:
    """Let the holder die and divide the account."""
    world.one(ReportDeath(account, died_on, "certificate"))
    world.one(estate(world, account, [Heir("child", "王五")], world.today))


# -- who is on it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member_class", "parts"),
    [
        (MemberClass.ACTIVE, (16_000, 60_000)),
        # 9.5 % in all, of which 2 % reach the account
        (MemberClass.FLEXIBLE, (16_000, 60_000)),
        # on the area's base, whatever the wage
        (MemberClass.UNEMPLOYED, (9_744, 36_540)),
    ],
)
def test_each_class_is_assessed_by_its_own_rules(
    unit: Unit, member_class: MemberClass, parts: tuple[int, int]
) -> None:
    person = unit.hire()
    unit.enrol(person, member_class, date(2026, 1, 1))
    unit.declare(MARCH, {person: WAGE})
    line = unit.of(person, MARCH)
    assert (line.employee, line.employer) == parts
    unit.pay(sum(parts), TODAY, MARCH)
    assert unit.balance(person) == parts[0]


def test_an_area_may_credit_the_unemployed_nothing(world: World) -> None:
    world.policies = {990100: with_parameter("unemployment.account_credit", "no")}
    unit = Unit(world)
    person = unit.hire()
    unit.enrol(person, MemberClass.UNEMPLOYED, date(2026, 1, 1))
    unit.declare(MARCH, {person: WAGE})
    told = unit.pay(46_284, TODAY, MARCH)
    assert (told["to_accounts"], told["to_pooled_fund"]) == (0, 46_284)
    assert entries(world.engine, person, Kind.CONTRIBUTION) == []


@pytest.mark.parametrize(
    ("first", "last", "here", "code"),
    [
        (date(2026, 4, 1), None, True, "period_before_enrolment"),
        (date(2026, 3, 31), None, True, "taken"),
        (date(2026, 1, 1), date(2026, 2, 28), True, "not_enrolled"),
        (date(2026, 1, 1), date(2026, 3, 1), True, "taken"),
        (date(2026, 1, 1), None, False, "not_enrolled"),
    ],
    ids=[
        "begins after it",
        "begins on its last day",
        "ended before it",
        "ended on its first day",
        "elsewhere",
    ],
)
def test_an_enrolment_covers_the_month_or_not(
    world: World, unit: Unit, first: date, last: date | None, here: bool, code: str
) -> None:
    person = unit.hire()
    employer = unit if here else Unit(world)
    employer.enrol(person, MemberClass.ACTIVE, first, last)
    assert codes(unit, unit.preview(MARCH, {person: WAGE})) == [code]


def test_an_enrolment_that_was_ended_is_over(world: World, unit: Unit) -> None:
    person = unit.hire()
    enrolled = unit.enrol(person, MemberClass.ACTIVE, date(2026, 1, 1))
    ended = world.one(EndEnrolment(person, enrolled.seq, date(2026, 2, 28)))
    assert codes(unit, unit.preview(MARCH, {person: WAGE})) == ["not_enrolled"]
    assert world.refusal(EndEnrolment(person, enrolled.seq, TODAY)) is RefusalCode.ENROLMENT_ENDED
    # the end itself was wrong, and is ended anew
    world.one(EndEnrolment(person, ended.seq, date(2026, 3, 1)))
    assert codes(unit, unit.preview(MARCH, {person: WAGE})) == ["taken"]


def test_a_change_within_a_month_counts_from_the_next(unit: Unit) -> None:
    person = unit.hire()
    unit.enrol(person, MemberClass.ACTIVE, date(2020, 1, 1))
    unit.enrol(person, MemberClass.RETIRED, date(2026, 3, 2))
    assert codes(unit, unit.preview(MARCH, {person: WAGE})) == ["taken"]
    assert codes(unit, unit.preview(202604, {person: WAGE})) == ["retiree_pays_no_premium"]


def test_who_cannot_be_on_it(world: World, unit: Unit) -> None:
    """Each line for itself: unknown, dead before the month, closed, no wage; the good one is not lost."""
    good, dead, closed, poor = (unit.hire() for _ in range(4))
    world.one(ReportDeath(dead, date(2026, 2, 28), "certificate"))
    close(world, closed)
    nobody = unit.digest(SomeoneFactory())
    lines = (*unit.lines({good: WAGE, dead: WAGE, closed: WAGE, poor: None}), Declared(5, nobody, WAGE))
    declaration = world.one(Declare(unit.book, MARCH, lines))
    expected = ["taken", "period_after_end", "account_closed", "wage_invalid", "account_not_found"]
    assert codes(unit, declaration) == expected
    unit.confirm(declaration)
    assert unit.month(MARCH)["employee"] == 16_000


@pytest.mark.parametrize("wage", [0, -1, 10**12 + 1])
def test_a_wage_is_more_than_nothing(unit: Unit, wage: int) -> None:
    person = unit.hire()
    assert codes(unit, unit.preview(MARCH, {person: wage})) == ["wage_invalid"]


def test_a_list_without_a_good_line_is_not_confirmed(world: World, unit: Unit) -> None:
    declaration = unit.preview(MARCH, {unit.hire(): 0})
    assert world.refusal(Confirm(unit.book, declaration.seq, unit.reveal)) is RefusalCode.NO_GOOD_LINE
    assert world.refusal(Confirm(unit.book, 1, unit.reveal)) is RefusalCode.DECLARATION_NOT_FOUND
    assert world.refusal(Confirm(unit.book, 99, unit.reveal)) is RefusalCode.DECLARATION_NOT_FOUND


@pytest.mark.parametrize("period", [None, 202612, 202613, 202600, 198912, 20263])
def test_a_month_there_is_not_or_that_is_to_come(world: World, unit: Unit, period: int | None) -> None:
    person = unit.hire()
    lines = unit.lines({person: WAGE})
    assert world.refusal(Declare(unit.book, period, lines)) is RefusalCode.PERIOD_INVALID


def test_an_account_is_no_employer(world: World, unit: Unit) -> None:
    person = unit.hire()
    refusal = world.refusal(Declare(person, MARCH, unit.lines({person: WAGE})))
    assert refusal is RefusalCode.EMPLOYER_NOT_FOUND


# -- twice -------------------------------------------------------------------------------------------------


def test_a_person_twice_in_a_list_counts_once(world: World, unit: Unit) -> None:
    person = unit.hire()
    digest = unit.lines({person: WAGE})[0].person
    lines = (Declared(1, digest, WAGE), Declared(2, digest, 900_000), Declared(3, digest, 0))
    declaration = world.one(Declare(unit.book, MARCH, lines))
    assert codes(unit, declaration) == ["taken", "duplicate_line", "duplicate_line"]
    unit.confirm(declaration)
    assert unit.of(person, MARCH).base == WAGE


def test_the_first_line_of_a_person_counts_even_when_it_is_wrong(world: World, unit: Unit) -> None:
    digest = unit.lines({unit.hire(): WAGE})[0].person
    declaration = world.one(Declare(unit.book, MARCH, (Declared(1, digest, 0), Declared(2, digest, WAGE))))
    assert codes(unit, declaration) == ["wage_invalid", "duplicate_line"]


def test_two_numbers_of_a_person_are_one_person(world: World, unit: Unit) -> None:
    """A re-issued number in the same list: the person would be assessed twice."""
    someone, also = SomeoneFactory(), SomeoneFactory()
    account = unit.hire(someone)
    with world.engine.connect() as connection:
        add_alias(
            connection, world.keyring, known_as=someone.id_number, also=also.id_number,
            now=world.now, today=world.today,
        )  # fmt: skip
    lines = (Declared(1, unit.digest(also), WAGE), Declared(2, unit.digest(someone), 900_000))
    declaration = world.one(Declare(unit.book, MARCH, lines))
    assert codes(unit, declaration) == ["taken", "duplicate_line"]
    unit.confirm(declaration)
    assert unit.of(account, MARCH).base == WAGE
    told = unit.world.one(
        type(unit.adjustment(MARCH, {}))(unit.book, MARCH, lines, "both numbers", unit.reveal)
    )
    assert unpack(told.detail)["refused"] == {"2": "duplicate_line"}


def test_a_month_is_assessed_once_across_lists(unit: Unit) -> None:
    one, other = unit.hire(), unit.hire()
    first = unit.preview(MARCH, {one: WAGE})
    second = unit.preview(MARCH, {one: 900_000, other: WAGE})
    assert codes(unit, second) == ["taken", "taken"]
    unit.confirm(first)
    unit.confirm(second)
    assert codes(unit, second) == ["duplicate_period", "taken"]
    assert unit.of(one, MARCH).base == WAGE
    third = unit.preview(MARCH, {one: 800_001})
    assert codes(unit, third) == ["duplicate_period"]
    assert unit.preview(MARCH, {one: WAGE}) == first, "it says nothing that the first has not said"


def test_two_employers_may_both_assess_a_month(world: World, unit: Unit) -> None:
    someone, other = SomeoneFactory(), Unit(world)
    person = other.know(unit.hire(someone), someone)
    for employer, wage in ((unit, WAGE), (other, 500_000)):
        employer.declare(MARCH, {person: wage})
        employer.pay(10**6, TODAY, MARCH)
    assert unit.balance(person) == 16_000 + 10_000
    assert (unit.of(person, MARCH).employee, other.of(person, MARCH).employee) == (16_000, 10_000)


def test_a_list_is_confirmed_once(world: World, unit: Unit) -> None:
    declaration = unit.preview(MARCH, {unit.hire(): WAGE})
    unit.confirm(declaration)
    again = Confirm(unit.book, declaration.seq, unit.reveal)
    assert world.refusal(again) is RefusalCode.ALREADY_CONFIRMED


def test_a_list_handed_in_and_confirmed_in_one_batch(world: World, unit: Unit) -> None:
    """The confirmation sees the list, its people and an enrolment that stand in the same batch."""
    person, retired = unit.hire(), unit.hire()
    outcomes = world.post(
        Enrol(retired, MemberClass.RETIRED, None, date(2026, 1, 1), None),
        Declare(unit.book, MARCH, unit.lines({person: WAGE, retired: WAGE})),
        Confirm(unit.book, 2, unit.reveal),
        unit.payment(76_000, TODAY, MARCH),
        unit.payment(10, TODAY, MARCH),
    )
    assert [type(outcome) for outcome in outcomes] == [Posted] * 5
    declared = outcomes[1]
    assert isinstance(declared, Posted)
    assert codes(unit, declared.receipt) == ["taken", "retiree_pays_no_premium"]
    assert (unit.balance(person), unit.surplus()) == (16_000, 10)


def test_in_one_batch_a_list_knows_who_was_on_an_earlier_one(world: World) -> None:
    """Nothing is credited until all of the month is paid, those of the first list as well."""
    world.policies = {990100: with_parameter("contributions.part_payment", "full_month")}
    unit = Unit(world)
    one, other = unit.hire(), unit.hire()
    unit.declare(MARCH, {one: WAGE})
    unit.pay(70_000, TODAY, MARCH)
    world.post(Declare(unit.book, MARCH, unit.lines({other: 487_200})), Confirm(unit.book, 5, unit.reveal))
    assert unit.month(MARCH)["employee"] == 25_744
    assert (unit.balance(one), unit.balance(other), unit.month(MARCH)["waiting"]) == (0, 0, 70_000)
    unit.pay(52_284, TODAY, MARCH)
    assert (unit.balance(one), unit.balance(other)) == (16_000, 9_744)


def test_in_one_batch_a_list_finds_the_one_that_it_repeats(world: World) -> None:
    """Also when what was there was read before the batch was decided."""
    unit = Unit(world)
    one, other = unit.hire(), unit.hire()
    lines = unit.lines({one: WAGE, other: 900_000})
    for read_before in (False, True):
        period = 202604 if read_before else MARCH
        again = Declare(unit.book, period, tuple(line._replace(line=9 - line.line) for line in lines))
        nil, nothing = Declare(unit.book, period - 100, ()), Declare(unit.book, period - 100, ())
        if read_before:
            for command in (again, nothing):
                command.also_need(MONTH_LISTS)
        seq = 6 if read_before else 2
        outcomes = world.post(
            Declare(unit.book, period, lines),
            Confirm(unit.book, seq, unit.reveal),
            again,
            nil,
            Confirm(unit.book, seq + 2, unit.reveal),
            nothing,
        )
        taken = [outcome for outcome in outcomes if isinstance(outcome, Posted)]
        assert [one.created for one in taken] == [True, True, False, True, True, False]
        assert (taken[2].receipt, taken[5].receipt) == (taken[0].receipt, taken[3].receipt)
        told = taken[2].rows(DECLARED_LINE) or ()
        assert [(line.line, line.wage) for line in told] == [(7, 900_000), (8, WAGE)]


def test_between_list_and_confirmation_somebody_died(world: World, unit: Unit) -> None:
    one, other = unit.hire(), unit.hire()
    declaration = unit.preview(MARCH, {one: WAGE, other: WAGE})
    world.one(ReportDeath(other, date(2026, 2, 1), "certificate"))
    unit.confirm(declaration)
    assert codes(unit, declaration) == ["taken", "period_after_end"]
    assert unit.month(MARCH)["employee"] == 16_000


# -- estimates ---------------------------------------------------------------------------------------------


def test_an_estimate_is_for_a_month_that_is_over_and_was_not_declared(world: World, unit: Unit) -> None:
    person = unit.hire()
    assert world.refusal(Estimate(unit.book, MARCH)) is RefusalCode.NO_LAST_MONTH
    assert world.refusal(Estimate(unit.book, 202611, 100)) is RefusalCode.PERIOD_INVALID
    assert world.refusal(Estimate(unit.book, MARCH, 0)) is RefusalCode.AMOUNT_INVALID
    unit.declare(MARCH, {person: WAGE})
    assert world.refusal(Estimate(unit.book, MARCH)) is RefusalCode.ALREADY_DECLARED
    assert unit.estimate(202604) == 83_600
    assert world.refusal(Estimate(unit.book, 202604)) is RefusalCode.ALREADY_DECLARED
    # an estimate is last month's amount for the next one
    assert unit.estimate(202605) == 91_960


def test_a_month_that_everybody_was_taken_off_was_declared(world: World, unit: Unit) -> None:
    """An estimate beside its list would stand against the people who come back onto it."""
    person = unit.hire()
    unit.declare(MARCH, {person: WAGE})
    unit.adjust(MARCH, {person: 0})
    assert unit.month(MARCH)["employee"] == 0
    assert world.refusal(Estimate(unit.book, MARCH, 5_000)) is RefusalCode.ALREADY_DECLARED
    unit.adjust(MARCH, {person: WAGE})
    assert unit.month(MARCH)["employee"] == 16_000


@pytest.mark.parametrize(
    ("paid", "wages", "returned", "still_owed"),
    [
        (83_600, [WAGE], 7_600, 0),
        (83_600, [WAGE, WAGE], 0, 68_400),
        (10_000, [WAGE], 0, 66_000),
        (0, [WAGE], 0, 76_000),
    ],
    ids=["more than the list", "less than the list", "a part of it", "not at all"],
)
def test_an_estimate_is_settled_by_its_list(
    unit: Unit, paid: int, wages: list[int], returned: int, still_owed: int
) -> None:
    staff = {unit.hire(): wage for wage in wages}
    unit.declare(MARCH, {unit.hire(): WAGE}, today=TODAY)
    unit.estimate(202604, today=date(2026, 5, 10))
    if paid:
        told = unit.pay(paid, date(2026, 5, 11), 202604, today=date(2026, 5, 11))
        assert told["to_suspense"] == paid
        assert unit.left_on(Side.SUSPENSE) == paid
    confirmed = unpack(unit.declare(202604, staff, today=date(2026, 5, 12)).receipt.detail)
    month = unit.month(202604)
    assert confirmed["returned"] == returned
    assert (month["estimated"], month["waiting"]) == (0, 0)
    open_ones = month["employee"] + month["employer"] - month["employee_paid"] - month["employer_paid"]
    assert open_ones == still_owed
    assert unit.left_on(Side.SUSPENSE) == 0


def test_money_of_several_days_finds_its_list(unit: Unit) -> None:
    """Each part is credited on the day on which it was received."""
    person = unit.hire()
    days = [date(2026, 3, 20), date(2026, 4, 1), date(2026, 4, 1), date(2026, 4, 10)]
    for day in days:
        assert unit.pay(19_000, day, MARCH, today=day)["to_suspense"] == 19_000
    unit.declare(MARCH, {person: WAGE}, today=TODAY)
    credits_ = entries(unit.world.engine, person, Kind.CONTRIBUTION)
    assert [one.effective_on for one in credits_] == [days[0], days[1], days[3]]
    assert [one.current_year_after for one in credits_] == [4_000, 12_000, 16_000]


def test_early_money_beyond_the_list_goes_back(unit: Unit) -> None:
    person = unit.hire()
    unit.pay(80_000, date(2026, 3, 30), MARCH)
    confirmed = unpack(unit.declare(MARCH, {person: WAGE}).receipt.detail)
    assert (confirmed["returned"], unit.balance(person)) == (4_000, 16_000)
    assert unit.left_on(Side.BANK) == -76_000


# -- registrations and dry runs ------------------------------------------------------------------------------


def test_a_dry_run_says_the_same_and_writes_nothing(world: World, unit: Unit) -> None:
    people = [unit.hire() for _ in range(3)]
    early = unit.payment(30_000, TODAY, MARCH)
    world.one(early)
    commands: list[Any] = [
        Declare(unit.book, MARCH, unit.lines(dict.fromkeys(people, WAGE))),
        Confirm(unit.book, 3, unit.reveal),
        unit.payment(100_000, TODAY, MARCH),
        unit.adjustment(MARCH, {people[0]: 700_000}),
        unit.payment(10**6, TODAY),
        unit.refund(10),
        Estimate(unit.book, 202604),
        unit.refund(10**9),
    ]
    said: list[Any] = []
    for command in commands:
        command.caller, command.actor = "test", "tester"
        before = rows_of(world.engine)
        with world.engine.connect() as connection:
            told = rehearse(connection, [command], world.now, world.today, world.policies)
        assert rows_of(world.engine) == before
        done = world.post(command)
        for one, other in zip(told, done, strict=True):
            assert _heard(one) == _heard(other)
        said += told
    assert _heard(said[-1]) is RefusalCode.SUSPENSE_EXCEEDED
    assert [type(one) for one in said[:-1]] == [Posted] * (len(commands) - 1)


def _heard(outcome: Any) -> Any:
    return (outcome.receipt, outcome.others) if isinstance(outcome, Posted) else outcome.code


def test_the_sealed_number_of_a_line_is_not_part_of_what_the_entry_says(world: World, unit: Unit) -> None:
    person = unit.hire()
    digest = unit.lines({person: WAGE})[0].person
    seen = set()
    for sealed in (None, b"one", b"another"):
        line = Declared(1, digest, WAGE, None, sealed)
        seen.add(unpack(world.one(Declare(unit.book, MARCH, (line,))).detail)["rows"])
    assert len(seen) == 1
    with world.engine.connect() as connection:
        sealed_ones = connection.scalars(
            select(tables.declared_line.c.number_sealed).where(tables.declared_line.c.book_id == unit.book)
        ).all()
    assert {None if one is None else bytes(one) for one in sealed_ones} == {None, b"one", b"another"}
