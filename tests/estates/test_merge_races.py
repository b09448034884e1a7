"""Two accounts that become one while money moves, on PostgreSQL: an allowed order, and no money lost."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.care.entry_reversals import ReverseEntry
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.members import MemberClass
from ledger.contributions.payment_reversals import ReversePayment
from ledger.contributions.retirees import CreditRetiree
from ledger.estates.merging import MergeAccounts
from ledger.estates.undoing import UndoEstate
from ledger.owed.demands import DemandBack, PayInstalment, SetOffDemand
from ledger.owed.reports import demand as demand_of
from ledger.people.enrolments import Enrol
from ledger.posting import Posted, Receipt
from tests.estates.test_estate_races import code, each
from tests.support.approvals import asks_nobody
from tests.support.clinic import Clinic
from tests.support.people import SomeoneFactory, World
from tests.support.stories import Heir, confirming, entries, estate
from tests.support.units import Unit

pytestmark = pytest.mark.postgres

ROUNDS = range(6)
# of a month with a wage of 8,000.00: the account's part, and both
WAGE, PART, WHOLE = 800_000, 16_000, 76_000
CREDIT = 11_000


@pytest.fixture
def clinic(sound_engine: Engine) -> Clinic:
    return Clinic(asks_nobody(World(sound_engine)))


def pair(clinic: Clinic, fen: int = 30_000) -> tuple[int, int]:
    """The older account and the younger one of one person, each opened today with so much."""
    today = clinic.world.today
    older = clinic.world.open(SomeoneFactory(name="张三"), opened_on=today, opening=(0, fen))
    return older, clinic.world.open(SomeoneFactory(name="张三"), opened_on=today, opening=(0, fen))


def opened(clinic: Clinic, since: date = date(2026, 1, 1)) -> int:
    return clinic.world.open(SomeoneFactory(name="张三"), opened_on=since)


def credited(clinic: Clinic, book: int, *periods: int) -> list[Receipt]:
    """Credits of a retiree for some months of this year."""
    clinic.world.one(Enrol(book, MemberClass.RETIRED, None, date(2026, 1, 1), None))
    return [clinic.world.one(CreditRetiree(book, period)) for period in periods]


def both(clinic: Clinic, *books: int) -> int:
    return sum(map(clinic.balance, books))


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_merger_and_the_undoing_of_an_estate_that_its_account_had_a_share_of(
    clinic: Clinic, _round: int
) -> None:
    world = clinic.world
    people = [SomeoneFactory(name="张三") for _ in range(2)]
    older, younger = (world.open(one, opened_on=world.today, opening=(0, 700)) for one in people)
    dead = world.open(opening=(50_000, 0))
    died = world.one(ReportDeath(dead, world.today - timedelta(days=1), "certificate"))
    done = world.one(confirming(world, dead, [Heir("child", people[1])], world.today))
    divided = sum(line["amount"] for line in unpack(done.detail)["heirs"])
    found = each(
        clinic,
        MergeAccounts(younger, older, "finding"),
        UndoEstate(dead, died.seq, "in error", "paper"),
        Spend(younger, 900, world.today, "H0001", world.ref("s")),
    )
    told = [code(one) for one in found[:2]]
    assert told[1] == "posted"
    # whichever came first, the share is back; a spending that was before it left less than all
    spent = 900 if code(found[2]) == "posted" else 0
    undo = found[1]
    assert isinstance(undo, Posted)
    [share] = unpack(undo.receipt.detail)["back"]
    # without what the division had posted of its year, which is earned anew
    earned = sum(one.amount_fen for one in undo.others if one.kind is Kind.INTEREST_BACK)
    assert clinic.balance(dead) == divided - earned < divided
    assert both(clinic, older, younger) == 1_400 - spent + share["receivable"]
    # what was spent before the undoing is owed by the younger account, which a debt keeps from being merged
    assert told[0] == "posted" or (told[0] == "open_items" and share["receivable"] > 0)
    merged = told[0] == "posted"
    assert clinic.book(younger).stage == (Stage.CLOSED if merged else Stage.ACTIVE)


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_merger_a_spending_a_late_month_a_reversal_and_a_death(clinic: Clinic, _round: int) -> None:
    world, today = clinic.world, clinic.world.today
    older, younger = pair(clinic)
    credit = world.one(Contribute(younger, 1_000, 202611, today, world.ref("c")))
    found = each(
        clinic,
        MergeAccounts(younger, older, "finding"),
        Spend(younger, 300, today, "H0001", world.ref("s")),
        Contribute(younger, 50, 202611, today, world.ref("d")),
        Reverse(younger, credit.seq, "wrong"),
        ReportDeath(younger, today, "certificate"),
    )
    told = [code(one) for one in found]
    # whoever has died is merged no more; the rest is taken in any order, by the one account or the other
    assert told[0] in {"posted", "account_deceased"}
    assert told[1:] == ["posted"] * 4
    assert both(clinic, older, younger) == 60_000 - 300 + 50
    is_merged = told[0] == "posted"
    stages = (clinic.book(older).stage, clinic.book(younger).stage)
    assert stages == ((Stage.DECEASED, Stage.CLOSED) if is_merged else (Stage.ACTIVE, Stage.DECEASED))
    if is_merged:
        assert clinic.balance(younger) == 0


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_death_with_a_day_before_its_credits_and_a_merger(clinic: Clinic, _round: int) -> None:
    """What was credited after the day goes back once, on whichever side the report finds it."""
    world = clinic.world
    first, second, third = (opened(clinic) for _ in range(3))
    credited(clinic, third, 202609, 202610)
    credited(clinic, second, 202610)
    found = each(
        clinic,
        MergeAccounts(third, second, "finding"),
        MergeAccounts(second, first, "finding"),
        ReportDeath(third, date(2026, 9, 2), "certificate"),
    )
    told = [code(one) for one in found]
    assert told[2] == "posted"
    assert set(told[:2]) <= {"posted", "account_deceased"}
    back = [len(entries(world.engine, book, Kind.CREDIT_BACK)) for book in (second, third)]
    assert back[1] == 1
    merged = [code(one) == "posted" for one in found[:2]]
    # what the second account had goes back where it is an account of the dead person by then
    assert back[0] == (1 if merged[0] else 0)


@pytest.mark.parametrize("_round", ROUNDS)
def test_money_called_back_and_spent_at_once_is_there_once(clinic: Clinic, _round: int) -> None:
    world, today = clinic.world, clinic.world.today
    older, younger = pair(clinic, fen=500)
    credit = world.one(Contribute(younger, 1_000, 202611, today, world.ref("c")))
    world.one(MergeAccounts(younger, older, "finding"))
    found = each(
        clinic,
        Reverse(younger, credit.seq, "wrong"),
        Spend(older, 1_500, today, "H0001", world.ref("s")),
        Reverse(younger, credit.seq, "wrong too"),
    )
    told = sorted(code(one) for one in found)
    assert told in (
        ["already_reversed", "insufficient_balance", "posted"],
        ["insufficient_balance", "insufficient_balance", "posted"],
    )
    # the credit went back and the spending was too much for what was left, or it was spent before
    gone = 1_000 if "already_reversed" in told else 1_500
    assert both(clinic, older, younger) == 2_000 - gone


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_bounced_payment_a_spending_and_a_death_of_the_one_that_stays(clinic: Clinic, _round: int) -> None:
    world, today = clinic.world, clinic.world.today
    unit = Unit(world)
    older, younger = opened(clinic), unit.hire(SomeoneFactory(name="张三"), opened_on=date(2026, 2, 1))
    unit.declare(202610, {younger: WAGE})
    payment = world.one(unit.payment(WHOLE, today, 202610))
    world.one(MergeAccounts(younger, older, "finding"))
    found = each(
        clinic,
        ReversePayment(unit.book, payment.seq, "bounced"),
        Spend(older, 10_000, today, "H0001", world.ref("s")),
        ReportDeath(older, date(2026, 9, 2), "certificate"),
    )
    told = [code(one) for one in found]
    assert told[2] == "posted"
    # of what the report sent back nothing is left to bounce; the spending was after the death, or is refused
    assert told[0] in {"posted", "not_last"}
    assert told[1] in {"posted", "account_deceased", "insufficient_balance"}
    spent = 10_000 if told[1] == "posted" else 0
    # what is not there is owed, and what went back went once
    assert both(clinic, older, younger) - unit_owed(unit, younger) == -spent


def unit_owed(unit: Unit, account: int) -> int:
    return -int(unit.of(account, 202610).suspended)


@pytest.mark.parametrize("_round", ROUNDS)
def test_an_estate_and_what_is_taken_back_of_a_merged_account(clinic: Clinic, _round: int) -> None:
    world, today = clinic.world, clinic.world.today
    older, younger = pair(clinic, fen=500)
    spent = world.one(Spend(younger, 100, today, "H0001", world.ref("s")))
    credit = world.one(Contribute(younger, 1_000, 202611, today, world.ref("c")))
    world.one(MergeAccounts(younger, older, "finding"))
    world.one(ReportDeath(older, today, "certificate"))
    found = each(
        clinic,
        estate(world, older, [Heir("child", "王五")], today),
        Reverse(younger, credit.seq, "wrong"),
        Reverse(younger, spent.seq, "never was"),
    )
    told = [code(one) for one in found]
    assert told == ["posted", "posted", "posted"]
    assert isinstance(found[1], Posted)
    # of heirs nobody takes it back: what they have is owed
    owed = unpack(found[1].receipt.detail).get("receivable", 0)
    paid = sum(
        line["amount"]
        for one in entries(world.engine, older, Kind.ESTATE)
        for line in unpack(one.detail)["heirs"]
    )
    assert owed in {0, 1_000}
    assert paid == 2_000 - (1_000 - owed)
    assert both(clinic, older, younger) == 0


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_death_withdrawn_and_corrected_while_a_merged_account_moves(clinic: Clinic, _round: int) -> None:
    world, today = clinic.world, clinic.world.today
    older, younger = opened(clinic), opened(clinic, date(2026, 2, 1))
    credited(clinic, younger, 202608, 202609, 202610)
    bought = world.one(Spend(younger, 2_000, today, "H0001", world.ref("s")))
    world.one(MergeAccounts(younger, older, "finding"))
    there = both(clinic, older, younger)
    world.one(ReportDeath(older, date(2026, 8, 2), "certificate"))
    found = each(
        clinic,
        WithdrawDeath(older, "a namesake", "registry"),
        CorrectDeath(older, date(2026, 9, 2), "judgment"),
        Reverse(younger, bought.seq, "never was"),
    )
    told = [code(one) for one in found]
    assert (told[0], told[2]) == ("posted", "posted")
    assert told[1] in {"posted", "account_not_deceased"}
    assert both(clinic, older, younger) == there + 2_000
    assert clinic.book(older).stage == Stage.ACTIVE


@pytest.mark.parametrize("_round", ROUNDS)
def test_what_is_owed_again_of_a_merged_account_and_its_estate(clinic: Clinic, _round: int) -> None:
    """An instalment bounces and is set off, or paid again, while the estate is divided: it is owed once."""
    world, today = clinic.world, clinic.world.today
    older, younger = pair(clinic)
    demand = world.one(DemandBack(younger, 1_000, "too much", "paper"))
    paid = world.one(PayInstalment(younger, demand.seq, 1_000, today, world.ref("i")))
    world.one(MergeAccounts(younger, older, "finding"))
    world.one(ReportDeath(older, today, "certificate"))
    found = each(
        clinic,
        ReverseEntry(younger, paid.seq, "bounced"),
        SetOffDemand(younger, demand.seq),
        PayInstalment(younger, demand.seq, 400, today, world.ref("i")),
        estate(world, older, [Heir("child", "王五")], today),
    )
    told = [code(one) for one in found]
    assert told[0] in {"posted", "account_closed"}
    assert told[1] in {"posted", "demand_paid", "account_closed"}
    assert told[2] in {"posted", "demand_paid", "account_closed"}
    assert told[3] == "posted"
    with world.engine.connect() as connection:
        of = demand_of(connection, younger, demand.seq).demand
    bounced = told[0] == "posted"
    assert of.set_off + of.paid + of.to_estate == of.amount
    assert (of.paid, of.still_owed) == ((400 if told[2] == "posted" else 0) if bounced else 1_000, 0)
    divided = found[3]
    assert isinstance(divided, Posted)
    [heir] = unpack(divided.receipt.detail)["heirs"]
    interest = unpack(divided.receipt.detail)["interest"]
    assert heir["amount"] == 60_000 + interest - of.set_off - of.to_estate
    assert both(clinic, older, younger) == 0
