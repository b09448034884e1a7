"""What an employer owes and pays, case by case: where each fen goes, and what comes back if it was wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import Engine, select

from ledger import tables
from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import EndFreeze, Freeze
from ledger.accounts.holds import Hold
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.contributions.adjustments import Adjust
from ledger.contributions.assessing import Declared
from ledger.contributions.declarations import Confirm, Declare, list_view
from ledger.contributions.employers import RegisterEmployer, enter
from ledger.contributions.estimates import Estimate
from ledger.contributions.levies import DeclaredLine
from ledger.contributions.refunds import RefundSurplus
from ledger.contributions.retirees import RETIREE_CREDITS, CreditRetiree
from ledger.contributions.supervision import RecordStep, Step
from ledger.posting import Failed, Posted
from ledger.refusals import RefusalCode, Refused
from ledger.verify import verify
from tests.contributions.test_contributions import with_parameter
from tests.support.people import AREA, NOW, Someone, SomeoneFactory, World
from tests.support.stories import Heir, entries, estate, moves, pockets, yuan
from tests.support.units import Unit, credit_code

MARCH, APRIL, MAY = 202603, 202604, 202605
# in time for March
IN_TIME = date(2026, 4, 10)
WAGE = 800_000
OWED, ACCOUNT, FUND = 76_000, 16_000, 60_000


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


def spend(unit: Unit, account: int, fen: int) -> None:
    unit.world.one(Spend(account, fen, unit.world.today, "H0001", unit.world.ref("s")))


def dies(unit: Unit, account: int, day: date) -> None:
    unit.world.one(ReportDeath(account, day, "certificate"))


def close(unit: Unit, account: int, died_on: date, *heirs: Someone | str) -> None:
    dies(unit, account, died_on)
    unit.world.one(
        estate(unit.world, account, [Heir("child", heir) for heir in heirs or ("王五",)], unit.world.today)
    )


# -- in which order ----------------------------------------------------------------------------------------


def test_a_payment_without_a_month_pays_the_oldest_first(unit: Unit) -> None:
    person = unit.hire()
    for period in (MAY, MARCH, APRIL):
        unit.declare(period, {person: WAGE}, today=date(2026, 6, 1))
    day = date(2026, 6, 20)
    # March was due on 15 April, 66 days ago; April 36; May 5
    told = unit.pay(OWED + 2_508 + 10_000, day, today=day)
    assert (told["late_fee"], told["to_suspense"]) == (2_508, 0)
    assert [unit.of(person, period).employee_paid for period in (MARCH, APRIL, MAY)] == [16_000, 2_105, 0]
    assert told["still_owed"] == (66_000 + 1_368) + (76_000 + 190)


def test_a_payment_for_a_month_pays_it_first_and_then_the_oldest(unit: Unit) -> None:
    person = unit.hire()
    for period in (MARCH, APRIL, MAY):
        unit.declare(period, {person: WAGE}, today=date(2026, 6, 1))
    day = date(2026, 6, 20)
    told = unit.pay(OWED + 190 + 100, day, MAY, today=day)
    assert (told["late_fee"], told["still_owed"]) == (190, 0)
    assert [unit.of(person, period).employee_paid for period in (MARCH, APRIL, MAY)] == [21, 0, 16_000]


def test_the_principal_comes_before_the_late_fee(unit: Unit) -> None:
    unit.declare(MARCH, {unit.hire(): WAGE}, today=IN_TIME)
    day = date(2026, 4, 25)
    told = unit.pay(OWED, day, MARCH, today=day)
    assert (told["late_fee"], told["still_owed"]) == (0, 380)
    later = date(2026, 8, 1)
    told = unit.pay(400, later, MARCH, today=later)
    assert (told["late_fee"], told["to_suspense"], told["still_owed"]) == (380, 20, 0), "no fee on a fee"


def test_what_is_over_goes_back_on_request(world: World, unit: Unit) -> None:
    unit.declare(MARCH, {unit.hire(): WAGE})
    told = unit.pay(OWED + 500, IN_TIME, MARCH)
    assert (told["to_suspense"], unit.surplus()) == (500, 500)
    assert world.refusal(unit.refund(501)) is RefusalCode.SUSPENSE_EXCEEDED
    assert world.refusal(unit.refund(0)) is RefusalCode.AMOUNT_INVALID
    world.one(unit.refund(200, "first"))
    assert world.refusal(unit.refund(200, "first")) is RefusalCode.DUPLICATE_SOURCE_REF
    assert world.refusal(unit.refund(301)) is RefusalCode.SUSPENSE_EXCEEDED
    world.one(unit.refund(300))
    assert (unit.surplus(), unit.left_on(Side.SUSPENSE), unit.left_on(Side.BANK)) == (0, 0, -OWED)


def test_what_cannot_be_paid(world: World, unit: Unit) -> None:
    unit.declare(MARCH, {unit.hire(): WAGE})
    good = unit.payment(100, IN_TIME, MARCH, "used")
    world.one(replace(good))
    assert world.refusal(replace(good, amount_fen=200)) is RefusalCode.DUPLICATE_SOURCE_REF
    wrong = [
        ({"amount_fen": 0}, "amount_invalid"),
        ({"amount_fen": None}, "amount_invalid"),
        ({"amount_fen": 10**12 + 1}, "amount_invalid"),
        ({"period": 202612}, "period_invalid"),
        ({"period": 202613}, "period_invalid"),
        ({"received_on": date(2026, 11, 22)}, "period_invalid"),
        ({"received_on": date(1989, 12, 31)}, "period_invalid"),
        ({"book": 5_000_000_000_000}, "account_not_found"),
        ({"book": unit.hire()}, "employer_not_found"),
    ]
    for change, code in wrong:
        assert world.refusal(replace(good, source_ref="new", **change)) == code, change
    # the document of another employer is another one
    other = Unit(world)
    world.one(replace(good, book=other.book))


# -- the same request again --------------------------------------------------------------------------------


def test_each_command_is_answered_once(world: World, unit: Unit) -> None:
    person = unit.hire()
    lines = unit.lines({person: WAGE})
    less = unit.lines({person: 700_000})
    commands = [
        (Declare(unit.book, MARCH, lines, key="declare"), {"lines": less}),
        (Confirm(unit.book, 2, unit.reveal, key="confirm"), {"target_seq": 3}),
        (unit.payment(90_000, IN_TIME, MARCH, "bank", "pay"), {"amount_fen": 1}),
        (Adjust(unit.book, MARCH, less, "why", unit.reveal, key="adjust"), {"reason": "because"}),
        (replace(unit.refund(100, "back"), key="refund"), {"amount_fen": 99}),
        (RecordStep(unit.book, Step.FINE, IN_TIME, "doc", key="step"), {"note": "again"}),
    ]
    for command, change in commands:
        first = world.posted(replace(command))
        again = world.posted(replace(command))
        assert (again.replayed, again.receipt) == (True, first.receipt)
        other = replace(command, **change)
        assert world.refusal(other) is RefusalCode.IDEMPOTENCY_KEY_REUSED
    assert unit.balance(person) == 14_000


# -- those who are gone ------------------------------------------------------------------------------------


def test_who_died_before_the_month_owes_nothing_for_it(unit: Unit) -> None:
    """Reported between list and payment: the debt is void, and the money that came for it is over."""
    living, dead = unit.hire(), unit.hire()
    unit.declare(MARCH, {living: WAGE, dead: WAGE})
    dies(unit, dead, date(2026, 2, 27))
    told = unit.pay(2 * OWED, IN_TIME, MARCH)
    assert (told["to_accounts"], told["to_pooled_fund"], told["to_suspense"]) == (ACCOUNT, FUND, OWED)
    assert (unit.balance(dead), unit.surplus(), unit.month(MARCH)["employee"]) == (0, OWED, ACCOUNT)
    assert unit.of(dead, MARCH).employee == 0


def test_a_month_of_the_dead_alone_leaves_its_money_over(unit: Unit) -> None:
    """Not waiting for a list that has come already: nothing would ever set it free."""
    dead = unit.hire()
    unit.declare(MARCH, {dead: WAGE})
    dies(unit, dead, date(2026, 2, 27))
    unit.pay(OWED, IN_TIME, MARCH)
    assert (unit.month(MARCH)["waiting"], unit.surplus()) == (0, OWED)
    unit.pay(100, IN_TIME, MARCH)
    assert unit.surplus() == OWED + 100


def test_who_died_within_the_month_is_owed_it(unit: Unit) -> None:
    dead = unit.hire()
    dies(unit, dead, date(2026, 3, 1))
    unit.declare(MARCH, {dead: WAGE})
    unit.pay(OWED, IN_TIME, MARCH)
    assert unit.balance(dead) == ACCOUNT


def test_freed_money_reaches_month_after_month(unit: Unit) -> None:
    """Each void debt frees money for a month, with other people, that nobody had expected to reach."""
    dead = unit.hire()
    periods = [202601 + number for number in range(8)]
    others = {period: [unit.hire() for _ in range(2)] for period in periods}
    for period in periods:
        unit.declare(period, {dead: 2_400_000, **dict.fromkeys(others[period], 500_000)})
    dies(unit, dead, date(2025, 12, 1))
    first = unit.month(202601)
    told = unit.pay(first["employee"] + first["employer"], date(2026, 1, 31))
    assert told["to_suspense"] == 0
    assert [unit.balance(others[period][0]) > 0 for period in periods[:3]] == [True] * 3


def test_the_part_of_a_closed_account_goes_to_the_heirs(unit: Unit) -> None:
    """A month of life that is paid late has a door: the shares of the estate (R33)."""
    living, gone, someone = unit.hire(), unit.hire(), SomeoneFactory()
    child = unit.world.open(someone)
    unit.declare(MARCH, {living: WAGE, gone: WAGE})
    close(unit, gone, date(2026, 5, 1), someone, "王五", "赵六")
    told = unit.pay(2 * OWED, IN_TIME, MARCH)
    assert (told["to_accounts"], told["to_pooled_fund"], told["to_suspense"]) == (2 * ACCOUNT, 2 * FUND, 0)
    assert (unit.month(MARCH)["forward"], unit.surplus()) == (0, 0)
    assert unit.of(gone, MARCH).suspended == 0
    # 160.00 for three
    assert (unit.balance(gone), unit.balance(child)) == (0, 5_334)
    assert verify(unit.world.engine).findings == []


def test_what_the_heirs_have_is_asked_back_from_nobody(unit: Unit) -> None:
    gone = unit.hire()
    unit.declare(MARCH, {gone: WAGE})
    unit.pay(38_000, IN_TIME, MARCH)
    assert unit.balance(gone) == 8_000
    close(unit, gone, date(2026, 5, 1))
    with pytest.raises(Refused) as refused:
        unit.adjust(MARCH, {gone: 0})
    assert refused.value.code is RefusalCode.NO_GOOD_LINE
    # what was not paid yet may still be taken off
    assert unit.adjust(MARCH, {gone: 400_000})["receivable"] == 0
    assert unit.left_on(Side.RECEIVABLE) == 0


# -- corrections -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "taken"),
    [("has it", 2_000), ("has half", 1_000), ("has none", 0), ("is frozen", 0), ("is held", 500)],
)
def test_what_was_paid_too_much_goes_back_as_far_as_it_is_there(unit: Unit, before: str, taken: int) -> None:
    """8,000.00 were 7,000.00: 20.00 of the account's and 75.00 of the fund's go back in any case."""
    person = unit.hire()
    unit.declare(MARCH, {person: WAGE})
    unit.pay(OWED, IN_TIME, MARCH)
    if before in {"has half", "has none"}:
        spend(unit, person, ACCOUNT - (1_000 if before == "has half" else 0))
    elif before == "is frozen":
        unit.world.one(Freeze(person, "court", "paper", unit.world.today))
    elif before == "is held":
        until = NOW.replace(month=12)
        unit.world.one(Hold(person, ACCOUNT - 500, until, "H0001", unit.world.ref("h")))
    stood = unit.balance(person)
    told = unit.adjust(MARCH, {person: 700_000})
    assert (told["returned"], told["receivable"]) == (9_500, 2_000 - taken)
    assert unit.balance(person) == stood - taken
    assert unit.left_on(Side.BANK) == -OWED + 9_500
    assert unit.left_on(Side.RECEIVABLE) == taken - 2_000
    row = unit.of(person, MARCH)
    assert (row.employee_paid, row.employer_paid, row.suspended) == (14_000, 52_500, taken - 2_000)
    refunds = entries(unit.world.engine, person, Kind.REFUND_TO_PAYER)
    assert len(refunds) == (1 if taken else 0)


@pytest.mark.parametrize(
    ("period", "paid_on", "left"),
    [(202512, date(2025, 12, 20), (ACCOUNT, 0)), (202601, date(2026, 1, 20), (0, ACCOUNT))],
    ids=["of last year", "of this year"],
)
def test_what_goes_back_leaves_the_pocket_it_came_into(
    unit: Unit, period: int, paid_on: date, left: tuple[int, int]
) -> None:
    """After a year end that is carried_over, as for a reversal."""
    person = unit.hire(opening=(0, ACCOUNT) if period > 202600 else None)
    unit.declare(period, {person: WAGE}, today=paid_on)
    unit.pay(OWED, paid_on, period, today=paid_on)
    if period < 202600:
        unit.world.one(Contribute(person, ACCOUNT, 202602, date(2026, 2, 2), unit.world.ref("own")))
    unit.adjust(period, {person: 0})
    assert pockets(unit.world.engine, person, unit.world.today) == left


def test_a_freeze_that_is_over_is_none(unit: Unit) -> None:
    person = unit.hire()
    unit.declare(MARCH, {person: WAGE})
    unit.pay(OWED, IN_TIME, MARCH)
    freeze = unit.world.one(Freeze(person, "court", "paper", unit.world.today))
    unit.world.one(EndFreeze(person, freeze.seq, "over"))
    assert unit.adjust(MARCH, {person: 700_000})["receivable"] == 0


def test_a_correction_up_is_late_from_the_first_due_date(unit: Unit) -> None:
    person = unit.hire()
    unit.declare(MARCH, {person: WAGE}, today=IN_TIME)
    unit.pay(OWED, IN_TIME, MARCH, today=IN_TIME)
    # a year later: 95.00 more, due on 15 April 2026
    day = date(2026, 11, 21)
    told = unit.adjust(MARCH, {person: 900_000}, today=day)
    assert (told["employee"], told["employer"], told["returned"]) == (2_000, 7_500, 0)
    told = unit.pay(9_500 + 1_045, day, MARCH, today=day)
    assert (told["late_fee"], told["still_owed"]) == (1_045, 0), "220 days of 0.05 % of 95.00"
    assert unit.balance(person) == 18_000


def test_a_correction_down_gives_late_fee_back(unit: Unit) -> None:
    person = unit.hire()
    unit.declare(MARCH, {person: WAGE}, today=IN_TIME)
    day = date(2026, 4, 25)
    assert unit.pay(OWED + 380, day, MARCH, today=day)["late_fee"] == 380
    told = unit.adjust(MARCH, {person: 487_200})
    # of 462.84, ten days
    assert told["late_fee_back"] == 380 - 231
    assert (unit.surplus(), unit.month(MARCH)["fee_paid"]) == (149, 231)
    unit.world.one(unit.refund(149))


def test_what_cannot_be_corrected(world: World, unit: Unit) -> None:
    person, other = unit.hire(), unit.hire()
    unit.declare(MARCH, {person: WAGE})
    digest = unit.lines({person: WAGE})[0].person
    lines = (
        *unit.lines({person: 900_000, other: WAGE}),
        Declared(3, digest, 1),
        Declared(4, unit.digest(SomeoneFactory()), WAGE),
        Declared(5, None, None, RefusalCode.ID_CHECKSUM),
    )
    told = unpack(world.one(Adjust(unit.book, MARCH, lines, "why", unit.reveal)).detail)
    assert told["refused"] == {
        "2": "nothing_assessed", "3": "duplicate_line", "4": "account_not_found", "5": "id_checksum",
    }  # fmt: skip
    nothing = Adjust(unit.book, APRIL, lines[:1], "why", unit.reveal)
    assert world.refusal(nothing) is RefusalCode.NO_GOOD_LINE
    assert world.refusal(replace(nothing, period=202612)) is RefusalCode.PERIOD_INVALID


def test_off_the_list_and_on_it_again(unit: Unit) -> None:
    person = unit.hire()
    unit.declare(MARCH, {person: WAGE})
    unit.pay(OWED, IN_TIME, MARCH)
    assert unit.adjust(MARCH, {person: 0})["returned"] == OWED
    assert (unit.balance(person), unit.of(person, MARCH).base) == (0, 0)
    told = unit.adjust(MARCH, {person: WAGE})
    assert (told["employee"], told["returned"]) == (ACCOUNT, 0)
    told = unit.pay(10**6, IN_TIME, MARCH)
    assert (unit.balance(person), told["to_accounts"]) == (ACCOUNT, ACCOUNT)


def test_a_credit_of_an_employer_is_not_reversed_alone(world: World, unit: Unit) -> None:
    """Then the employer's book would say that it was paid, and the account not."""
    person = unit.hire()
    unit.declare(MARCH, {person: WAGE})
    unit.pay(OWED, IN_TIME, MARCH)
    credit = entries(world.engine, person, Kind.CONTRIBUTION)[0]
    assert world.refusal(Reverse(person, credit.seq, "wrong")) is RefusalCode.NOT_REVERSIBLE
    own = world.one(Contribute(person, 500, MARCH, IN_TIME, "own"))
    world.one(Reverse(person, own.seq, "wrong"))


# -- dates -------------------------------------------------------------------------------------------------


def test_money_from_before_the_opening_is_valued_on_it(unit: Unit) -> None:
    opened = date(2026, 6, 1)
    person = unit.hire(opened_on=opened)
    unit.declare(MARCH, {person: WAGE})
    unit.pay(OWED, IN_TIME, MARCH)
    credit = entries(unit.world.engine, person, Kind.CONTRIBUTION)[0]
    assert (credit.effective_on, credit.fact_on) == (opened, IN_TIME)


def test_a_payment_found_late_for_a_month_that_is_paid_is_over(unit: Unit) -> None:
    """Paid in time, but entered after another payment, which was late and stands."""
    unit.declare(MARCH, {unit.hire(): WAGE}, today=IN_TIME)
    late = date(2026, 4, 25)
    assert unit.pay(OWED + 380, late, MARCH, today=late)["late_fee"] == 380
    told = unit.pay(OWED, IN_TIME, MARCH, today=date(2026, 4, 26))
    assert told["to_suspense"] == OWED
    assert unit.surplus() == OWED


def test_a_payment_found_late_counts_from_the_day_it_was_received(unit: Unit) -> None:
    unit.declare(MARCH, {unit.hire(): WAGE}, today=IN_TIME)
    late = date(2026, 4, 25)
    unit.pay(OWED - 1_000, late, MARCH, today=late)
    told = unit.pay(1_380, late, MARCH, today=late)
    assert told["late_fee"] == 380
    unit.adjust(MARCH, {next(iter(unit._digests)): 900_000}, today=late)
    told = unit.pay(9_500, IN_TIME, MARCH, today=date(2026, 4, 26))
    # 95.00 of 855.00 came in time after all: ten days of 760.00 are what they were
    assert (told["late_fee"], told["still_owed"]) == (0, 0)
    assert unit.month(MARCH)["fee_paid"] == 380


def test_a_payment_across_the_years(world: World, unit: Unit) -> None:
    """Received in December and entered in January it still counts; once the interest is posted, today."""
    one, other = unit.hire(), unit.hire()
    december, received = 202512, date(2025, 12, 30)
    unit.declare(december, {one: WAGE, other: WAGE}, today=received)
    world.one(PostInterest(other, 2025), today=date(2026, 1, 3))
    today = date(2026, 1, 5)
    unit.pay(2 * OWED, received, december, today=today)
    early, late = (entries(world.engine, person, Kind.CONTRIBUTION)[0] for person in (one, other))
    assert (early.effective_on, early.fact_on) == (received, None)
    assert (late.effective_on, late.fact_on) == (today, received)
    assert unit.balance(one) == unit.balance(other) == ACCOUNT


# -- several at once ---------------------------------------------------------------------------------------


def test_two_payments_in_one_batch_pay_two_parts(world: World, unit: Unit) -> None:
    person = unit.hire()
    unit.declare(MARCH, {person: WAGE})
    outcomes = world.post(*(unit.payment(fen, IN_TIME, MARCH) for fen in (30_000, 30_000, 30_000)))
    told = [unpack(outcome.receipt.detail) for outcome in outcomes if isinstance(outcome, Posted)]
    assert [one["still_owed"] for one in told] == [46_000, 16_000, 0]
    assert (unit.balance(person), unit.surplus()) == (ACCOUNT, 14_000)


def test_each_payment_of_a_batch_may_reach_further_than_the_one_before(world: World, unit: Unit) -> None:
    """The second finds March paid by the first, in April only somebody who is dead, and so pays May."""
    first, dead, last = unit.hire(), unit.hire(), unit.hire()
    for period, person in ((MARCH, first), (APRIL, dead), (MAY, last)):
        unit.declare(period, {person: WAGE}, today=date(2026, 6, 10))
    dies(unit, dead, date(2026, 1, 1))
    outcomes = world.post(unit.payment(OWED, IN_TIME), unit.payment(OWED, IN_TIME))
    assert [type(one) for one in outcomes] == [Posted] * 2
    assert [unit.balance(person) for person in (first, dead, last)] == [ACCOUNT, 0, ACCOUNT]


def test_many_employers_in_one_batch_share_their_people(world: World) -> None:
    units = [Unit(world) for _ in range(6)]
    people = [SomeoneFactory() for _ in range(5)]
    accounts = [world.open(person) for person in people]
    for unit in units:
        for account, person in zip(accounts, people, strict=True):
            unit.know(account, person)
    declared = world.post(
        *(Declare(unit.book, MARCH, unit.lines(dict.fromkeys(accounts, WAGE))) for unit in units)
    )
    confirmed = world.post(*(Confirm(unit.book, 2, unit.reveal) for unit in units))
    paid = world.post(*(unit.payment(5 * OWED, IN_TIME, MARCH) for unit in units))
    assert {type(one) for one in [*declared, *confirmed, *paid]} == {Posted}
    assert [units[0].balance(account) for account in accounts] == [6 * ACCOUNT] * 5


def test_registered_and_used_in_one_batch(world: World) -> None:
    """A new employer owes nothing: the next command of the same batch need not have read that."""
    code = credit_code()
    with world.engine.connect() as connection:
        employer = enter(connection, code, "示例", AREA, world.now)
    unit = Unit(world)
    person = unit.hire()
    outcomes = world.post(
        RegisterEmployer(employer.book_id, code, AREA),
        RegisterEmployer(employer.book_id, code, AREA),
        Declare(employer.book_id, MARCH, unit.lines({person: WAGE})),
        Confirm(employer.book_id, 2, unit.reveal),
        replace(unit.payment(OWED, IN_TIME, MARCH), book=employer.book_id),
    )
    assert [type(one) for one in outcomes] == [Posted] * 5
    assert unit.balance(person) == ACCOUNT


def test_no_money_of_a_person_comes_into_the_book_of_an_employer(world: World, unit: Unit) -> None:
    outcome = world.post(Contribute(unit.book, 100, MARCH, IN_TIME, "c"))[0]
    assert isinstance(outcome, Failed)


# -- a month is paid in full or not at all -----------------------------------------------------------------


@pytest.fixture
def whole(world: World) -> Unit:
    """A unit of an area that credits nothing until the month is paid in full."""
    world.policies = {AREA: with_parameter("contributions.part_payment", "full_month")}
    return Unit(world)


def test_a_correction_down_may_complete_a_month(whole: Unit) -> None:
    """What waits for the whole month is enough once the month is smaller."""
    one, other = whole.hire(), whole.hire()
    whole.declare(MARCH, {one: WAGE, other: WAGE})
    whole.pay(OWED + 500, IN_TIME, MARCH)
    assert whole.balance(one) == 0
    told = whole.adjust(MARCH, {other: 0})
    assert (whole.balance(one), told["returned"]) == (ACCOUNT, 500)
    assert (whole.month(MARCH)["waiting"], whole.left_on(Side.SUSPENSE)) == (0, 0)
    credit = entries(whole.world.engine, one, Kind.CONTRIBUTION)[0]
    assert credit.effective_on == IN_TIME


def test_a_death_may_complete_a_month(whole: Unit) -> None:
    one, dead = whole.hire(), whole.hire()
    whole.declare(MARCH, {one: WAGE, dead: WAGE})
    whole.pay(OWED + 500, IN_TIME, MARCH)
    dies(whole, dead, date(2026, 2, 1))
    later = date(2026, 4, 12)
    told = whole.pay(100, later, MARCH)
    assert (whole.balance(one), whole.balance(dead)) == (ACCOUNT, 0)
    assert (told["still_owed"], whole.surplus()) == (0, 600)
    assert whole.left_on(Side.SUSPENSE) == 600


def test_a_second_list_voids_the_debt_of_who_died_since(whole: Unit) -> None:
    one, dead = whole.hire(), whole.hire()
    whole.declare(MARCH, {dead: WAGE})
    whole.pay(OWED - 1, IN_TIME, MARCH)
    dies(whole, dead, date(2026, 2, 1))
    told = unpack(whole.declare(MARCH, {one: 500_000}).receipt.detail)
    assert (whole.balance(dead), whole.balance(one)) == (0, 10_000)
    assert told["returned"] == OWED - 1 - 47_500


# -- retirees ----------------------------------------------------------------------------------------------


def test_a_retiree_is_credited_once_a_month(world: World, unit: Unit) -> None:
    person, active, dead = (unit.hire(opened_on=date(2026, 3, 15)) for _ in range(3))
    for account in (person, dead):
        unit.enrol(account, MemberClass.RETIRED, date(2026, 3, 1), here=False)
    dies(unit, dead, date(2026, 4, 30))
    world.one(CreditRetiree(person, MARCH))
    world.one(CreditRetiree(dead, APRIL))
    assert world.refusal(CreditRetiree(person, MARCH)) is RefusalCode.DUPLICATE_SOURCE_REF
    assert world.refusal(CreditRetiree(person, 202602)) is RefusalCode.PERIOD_INVALID, "before the opening"
    assert world.refusal(CreditRetiree(person, 202612)) is RefusalCode.PERIOD_INVALID
    assert world.refusal(CreditRetiree(active, MARCH)) is RefusalCode.NOT_ENROLLED
    assert world.refusal(CreditRetiree(dead, MAY)) is RefusalCode.PERIOD_AFTER_END
    first = entries(world.engine, person, Kind.RETIREE_CREDIT)[0]
    assert first.effective_on == date(2026, 3, 15), "the account was not open on the first"
    assert moves(world.engine, person, first.seq) == [(Side.POOLED_FUND, Side.CURRENT_YEAR, 11_000)]


def test_an_area_may_credit_its_retirees_nothing(world: World, unit: Unit) -> None:
    person = unit.hire()
    unit.enrol(person, MemberClass.RETIRED, date(2026, 3, 1), here=False)
    world.policies = {AREA: with_parameter("retirees.monthly_credit", "0.00")}
    assert world.refusal(CreditRetiree(person, MARCH)) is RefusalCode.VERB_NOT_OFFERED


def test_a_run_over_all_retirees_credits_each_once(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    unit = Unit(world)
    people = [unit.hire() for _ in range(5)]
    for number, person in enumerate(people):
        unit.enrol(person, MemberClass.RETIRED, date(2026, 3, 1), here=bool(number % 2))
    unit.enrol(people[4], MemberClass.ACTIVE, date(2026, 3, 1))
    dies(unit, people[3], date(2026, 2, 1))
    world.one(CreditRetiree(people[0], MARCH))
    for done in (2, 2):
        with fresh_engine.connect() as connection:
            batch = RETIREE_CREDITS.run(
                connection, MARCH, AREA, lambda: (world.now, world.today), world.policies
            )
        assert batch.done == done
    assert [yuan(unit.balance(person)) for person in people] == ["110.00"] * 3 + ["0.00"] * 2
    assert verify(fresh_engine).findings == []


def test_money_for_a_list_that_never_came_goes_back(world: World) -> None:
    unit = Unit(world)
    unit.pay(5_000, date(2026, 4, 10), MARCH)
    back = RefundSurplus(unit.book, 5_001, "back-1", "no list", MARCH)
    assert world.refusal(back) is RefusalCode.SUSPENSE_EXCEEDED
    world.one(RefundSurplus(unit.book, 5_000, "back-2", "no list", MARCH))
    assert (unit.month(MARCH)["waiting"], unit.left_on(Side.SUSPENSE)) == (0, 0)
    assert verify(world.engine).clean


def test_money_that_waits_for_an_estimated_month_stays(world: World) -> None:
    unit = Unit(world)
    world.one(Estimate(unit.book, MARCH, 100_000))
    unit.pay(5_000, date(2026, 4, 10), MARCH)
    back = RefundSurplus(unit.book, 5_000, "back-1", "no list", MARCH)
    assert world.refusal(back) is RefusalCode.SUSPENSE_EXCEEDED


def test_a_month_is_paid_on_the_day_its_money_came(world: World) -> None:
    unit = Unit(world)
    person = unit.hire()
    unit.pay(OWED, date(2026, 4, 10), MARCH)
    unit.declare(MARCH, {person: 800_000})
    row = tables.assessment.c
    with world.engine.connect() as connection, connection.begin():
        paid_on = connection.scalar(select(row.paid_on).where(row.account_id == person))
    assert paid_on == date(2026, 4, 10), "and not the day on which its list was confirmed"


def test_a_confirmation_tells_what_it_assessed(world: World) -> None:
    """The class may have changed since the preview."""
    unit = Unit(world)
    person = unit.hire()
    declaration = unit.preview(MARCH, {person: 800_000})
    unit.enrol(person, MemberClass.UNEMPLOYED, date(2026, 1, 1))
    confirmed = unit.confirm(declaration).receipt
    line = DeclaredLine(1, person, 800_000, 800_000, 16_000, 60_000, None, None)
    shown = list_view(MARCH, [line], confirmed.detail)
    assert (shown.lines[0].base, shown.employee_total) == (487_200, 9_744)
    assert unpack(confirmed.detail)["employee"] == 9_744
