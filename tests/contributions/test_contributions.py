"""The worked examples of contributions, to the fen, as tables that a clerk could read.

Everything is posted by the verbs and read back from the books; what depends on the rules alone is worked out
by the pure functions as well. Amounts are yuan.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.contributions.late_fees import due_on, late_fee
from ledger.contributions.premiums import premium
from ledger.contributions.retirees import CreditRetiree
from ledger.policy import PACKAGED_POLICIES, Policy, load_policy
from ledger.verify import verify
from tests.support.people import AREA, World
from tests.support.stories import entries, fen, yuan
from tests.support.units import Unit


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


def month(text: str) -> int:
    """ "2026-03" as the ledger counts months."""
    year, _, number = text.partition("-")
    return int(year) * 100 + int(number)


def rows(table: str) -> Iterator[Any]:
    """The rows of a table below, each with its first cell as its name."""
    for line in table.strip().splitlines()[1:]:
        name, *cells = line.split()
        yield pytest.param(*cells, id=name)


def with_parameter(name: str, value: str) -> Policy:
    """The example area with one parameter, which has one line, set otherwise."""
    text = (PACKAGED_POLICIES / f"{AREA}.toml").read_text(encoding="utf-8")
    blocks = text.split("[[parameter]]")
    places = [place for place, block in enumerate(blocks) if f'name = "{name}"' in block]
    assert len(places) == 1
    before, _, after = blocks[places[0]].partition('value = "')
    blocks[places[0]] = f'{before}value = "{value}"{after[after.index(chr(34)) + 1 :]}'
    return load_policy("[[parameter]]".join(blocks), f"{name}.toml")


# -- what a month costs --------------------------------------------------------------------------------------

PREMIUMS = """
example  class       month    wage       base       account  fund
E01      active      2026-03  8,000.00   8,000.00   160.00   600.00
E02      active      2026-03  3,500.00   4,872.00   97.44    365.40
E03      active      2026-03  40,000.00  24,360.00  487.20   1,827.00
E04      active      2026-03  6,543.21   6,543.21   130.86   490.74
E05      active      2026-03  5,012.25   5,012.25   100.25   375.92
E06-06   active      2026-06  4,000.00   4,872.00   97.44    365.40
E06-07   active      2026-07  4,000.00   5,073.60   101.47   380.52
E08      flexible    2026-07  3,000.00   5,073.60   101.47   380.52
E08-top  flexible    2026-07  5,073.60   5,073.60   101.47   380.52
"""


@pytest.mark.parametrize(("member_class", "period", "wage", "base", "account", "fund"), [*rows(PREMIUMS)])
def test_what_a_month_costs_and_where_it_goes(
    unit: Unit, member_class: str, period: str, wage: str, base: str, account: str, fund: str
) -> None:
    of = MemberClass[member_class.upper()]
    due = premium(unit.world.policies[AREA], month(period), fen(wage), of)
    assert (yuan(due.base_fen), yuan(due.employee_fen), yuan(due.employer_fen)) == (base, account, fund)

    person = unit.hire()
    if of is not MemberClass.ACTIVE:
        unit.enrol(person, of, date(2026, 1, 1), here=False)
    unit.declare(month(period), {person: fen(wage)})
    line = unit.of(person, month(period))
    assert (yuan(line.base), yuan(line.employee), yuan(line.employer)) == (base, account, fund)
    assert unit.balance(person) == 0, "a list is no money"
    told = unit.pay(due.total_fen, date(2026, 7, 1), month(period))
    assert yuan(told["to_accounts"]) == account
    assert yuan(unit.balance(person)) == account
    assert yuan(unit.left_on(Side.POOLED_FUND) - told["late_fee"]) == fund


def test_e08_the_flexible_worker_pays_both(world: World) -> None:
    due = premium(world.policies[AREA], 202607, 300_000, MemberClass.FLEXIBLE)
    assert yuan(due.total_fen) == "481.99"


def test_e07_a_year_in_which_somebody_retires(world: World, unit: Unit) -> None:
    """160.00 from January to August as an employee, 110.00 from September on as a retiree."""
    person = unit.hire()
    unit.enrol(person, MemberClass.ACTIVE, date(2020, 1, 1), today=date(2026, 1, 5))
    unit.enrol(person, MemberClass.RETIRED, date(2026, 9, 1), today=date(2026, 8, 20))
    for number in range(1, 13):
        period, today = 202600 + number, date(2026, number, 28)
        if number < 9:
            unit.declare(period, {person: 800_000}, today=today)
            unit.pay(76_000, today, period, today=today)
        else:
            preview = unit.preview(period, {person: 800_000}, today=today)
            assert unpack(preview.detail)["refused"] == 1
            world.one(CreditRetiree(person, period), today=today)
    kinds = [entry.kind for entry in entries(world.engine, person)]
    assert kinds.count(Kind.CONTRIBUTION) == 8
    assert kinds.count(Kind.RETIREE_CREDIT) == 4
    assert yuan(unit.balance(person)) == "1,720.00"


# -- not declared --------------------------------------------------------------------------------------------


def test_e09_a_month_that_was_not_declared(unit: Unit) -> None:
    """Last month 12,345.67; charged 13,580.24; the list says 13,000.00; 580.24 goes back."""
    today = date(2026, 4, 10)
    assert unit.estimate(202602, fen("12,345.67"), today=date(2026, 3, 20)) == fen("12,345.67")
    assert yuan(unit.estimate(202603, today=today)) == "13,580.24"
    told = unit.pay(fen("13,580.24"), today, 202603, today=today)
    assert (yuan(told["to_suspense"]), told["still_owed"]) == ("13,580.24", 0)

    staff = {unit.hire(): 800_000 for _ in range(16)} | {unit.hire(): fen("8,842.11")}
    confirmed = unpack(unit.declare(202603, staff, today=date(2026, 4, 12)).receipt.detail)
    assert yuan(confirmed["employee"] + confirmed["employer"]) == "13,000.00"
    assert yuan(confirmed["returned"]) == "580.24"
    assert yuan(confirmed["to_accounts"] + confirmed["to_pooled_fund"]) == "13,000.00"
    # of the payment, and of what is in suspense since
    assert yuan(-unit.left_on(Side.BANK)) == "13,000.00"
    assert unit.left_on(Side.SUSPENSE) == 0
    assert [yuan(unit.balance(person)) for person in staff] == ["160.00"] * 16 + ["176.84"]
    # the money came on the 10th, and that is the day of the credit
    credit = entries(unit.world.engine, next(iter(staff)), Kind.CONTRIBUTION)[0]
    assert credit.effective_on == today


def test_e10_a_base_corrected_for_a_year(unit: Unit) -> None:
    """8,000.00 to 8,500.00 for twelve months: account + 120.00, pooled fund + 450.00."""
    person = unit.hire()
    months = [202512, *range(202601, 202612)]
    for period in months:
        unit.declare(period, {person: 800_000})
        unit.pay(
            76_000, due_on(unit.world.policies[AREA], period).replace(day=1), period, today=date(2026, 12, 1)
        )
    before = unit.balance(person), unit.left_on(Side.POOLED_FUND)
    today = date(2026, 12, 1)
    for period in months:
        told = unit.adjust(period, {person: 850_000}, today=today)
        assert (told["employee"], told["employer"]) == (1_000, 3_750)
    assert unit.balance(person) == before[0], "only what has arrived reaches the account"
    fees = 0
    for period in months:
        owed = unit.pay(4_750, today, period, today=today)
        fees += owed["late_fee"]
        assert (owed["to_accounts"], owed["to_pooled_fund"]) == (1_000, 3_750)
    assert yuan(unit.balance(person) - before[0]) == "120.00"
    assert yuan(unit.left_on(Side.POOLED_FUND) - before[1] - fees) == "450.00"


# -- late ----------------------------------------------------------------------------------------------------

# a month charged as a whole, and what is paid of it when; each payment is the principal and the late fee
LATE = """
example  month    due         charged    cap        payments                                  late_fees
E11-due  2026-06  2026-07-15  760.00     none       2026-07-15=760.00                         0.00
E11      2026-06  2026-07-15  760.00     none       2026-07-16=760.38                         0.38
E12      2026-06  2026-07-15  7,600.00   none       2026-09-30=7,892.60                       292.60
E13      2026-06  2026-07-15  462.84     none       2026-08-17=470.48                         7.64
E14      2026-02  2026-03-15  10,000.00  none       2026-04-14=4,000.00;2026-05-29=6,285.00   0.00;285.00
E15      2019-12  2020-01-15  1,000.00   none       2026-01-15=2,096.00                       1,096.00
E15-cap  2019-12  2020-01-15  1,000.00   principal  2026-01-15=2,096.00                       1,000.00
E16      2011-05  2011-06-15  1,000.00   none       2011-07-10=1,035.00                       35.00
"""


@pytest.mark.parametrize(("period", "due", "charged", "cap", "payments", "late_fees"), [*rows(LATE)])
def test_what_being_late_costs(
    world: World, period: str, due: str, charged: str, cap: str, payments: str, late_fees: str
) -> None:
    if cap != "none":
        world.policies = {AREA: with_parameter("late_fee.cap", cap)}
    policy, unit = world.policies[AREA], Unit(world)
    assert due_on(policy, month(period)) == date.fromisoformat(due)
    unit.estimate(month(period), fen(charged), today=date.fromisoformat(due))
    received = [
        (date.fromisoformat(day), fen(amount))
        for day, _, amount in (payment.partition("=") for payment in payments.split(";"))
    ]
    told = [unit.pay(amount, day, month(period), today=day) for day, amount in received]
    assert ";".join(yuan(one["late_fee"]) for one in told) == late_fees
    assert told[-1]["still_owed"] == 0
    assert unit.left_on(Side.POOLED_FUND) == sum(one["late_fee"] for one in told)
    surplus = sum(amount for _, amount in received) - fen(charged) - unit.left_on(Side.POOLED_FUND)
    assert unit.surplus() == surplus == (fen("96.00") if cap != "none" else 0)

    principal = [(day, min(amount, fen(charged))) for day, amount in received]
    if len(principal) > 1:
        principal[-1] = (principal[-1][0], fen(charged) - principal[0][1])
    owed = late_fee(policy, date.fromisoformat(due), fen(charged), principal, received[-1][0])
    assert owed.fee_fen == unit.left_on(Side.POOLED_FUND)


def test_e14_in_two_steps(unit: Unit) -> None:
    """150.00 are owed when 4,000.00 are paid, and 135.00 more when the rest is."""
    unit.estimate(202602, fen("10,000.00"), today=date(2026, 3, 10))
    first, second = date(2026, 4, 14), date(2026, 5, 29)
    told = unit.pay(fen("4,000.00"), first, 202602, today=first)
    assert yuan(told["still_owed"]) == "6,150.00"
    told = unit.pay(fen("6,150.00"), second, 202602, today=second)
    assert (yuan(told["late_fee"]), yuan(told["still_owed"])) == ("150.00", "135.00")
    told = unit.pay(fen("135.00"), second, 202602, today=second)
    assert (yuan(told["late_fee"]), told["still_owed"]) == ("135.00", 0)


def test_e17_what_reaches_the_account_of_a_late_payment(unit: Unit) -> None:
    person, paid = unit.hire(), date(2026, 7, 16)
    unit.declare(202606, {person: 800_000}, today=date(2026, 7, 2))
    told = unit.pay(76_038, paid, 202606, today=paid)
    assert told == {
        "to_accounts": 16_000, "to_pooled_fund": 60_000, "late_fee": 38, "to_suspense": 0, "still_owed": 0,
    }  # fmt: skip
    got = entries(unit.world.engine, person, Kind.CONTRIBUTION)
    assert [(entry.effective_on, entry.current_year_after) for entry in got] == [(paid, 16_000)]
    assert unit.funds() == {
        Side.BANK: -76_038, Side.POOLED_FUND: 60_038, Side.COLLECTION_CLEARING: 16_000,
    }  # fmt: skip


# -- part payment --------------------------------------------------------------------------------------------

# two persons of 8,000.00 and 3,500.00 in March 2026: 760.00 and 462.84 are owed
PARTLY = """
paid                      way             first    second  fund    suspense
500.00-pro_rata           pro_rata        65.42    39.84   394.74  0.00
500.00-employee_first     employee_first  160.00   97.44   242.56  0.00
500.00-full_month         full_month      0.00     0.00    0.00    500.00
0.01-pro_rata             pro_rata        0.00     0.00    0.01    0.00
0.01-employee_first       employee_first  0.01     0.00    0.00    0.00
100.00-employee_first     employee_first  62.15    37.85   0.00    0.00
1,222.83-full_month       full_month      0.00     0.00    0.00    1,222.83
1,222.84-pro_rata         pro_rata        160.00   97.44   965.40  0.00
1,222.84-employee_first   employee_first  160.00   97.44   965.40  0.00
1,222.84-full_month       full_month      160.00   97.44   965.40  0.00
"""


@pytest.mark.parametrize(
    ("paid", "way", "first", "second", "fund", "suspense"),
    [pytest.param(one.id.split("-")[0], *one.values, id=one.id) for one in rows(PARTLY)],
)
def test_a_part_payment_is_spread_as_the_area_says(
    world: World, paid: str, way: str, first: str, second: str, fund: str, suspense: str
) -> None:
    world.policies = {AREA: with_parameter("contributions.part_payment", way)}
    unit, today = Unit(world), date(2026, 4, 10)
    one, other = unit.hire(), unit.hire()
    unit.declare(202603, {one: 800_000, other: 350_000}, today=today)
    told = unit.pay(fen(paid), today, 202603, today=today)
    assert [yuan(unit.balance(person)) for person in (one, other)] == [first, second]
    assert yuan(unit.left_on(Side.POOLED_FUND)) == fund
    assert yuan(told["to_suspense"]) == suspense
    rest = fen("1,222.84") - fen(paid)
    assert told["still_owed"] == rest
    if rest:
        unit.pay(rest, date(2026, 4, 12), 202603, today=date(2026, 4, 12))
    assert [yuan(unit.balance(person)) for person in (one, other)] == ["160.00", "97.44"]
    assert yuan(unit.left_on(Side.POOLED_FUND)) == "965.40"
