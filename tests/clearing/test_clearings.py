"""Clearing a month: refused until its days balance, then fixed, taken back or paid; and its statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, select

from ledger import tables
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.care.rows import Cause
from ledger.care.third_party import OpenCase, PayAdvance
from ledger.chart.care import CauseKind, ClearingState
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.clearing.clearings import Clear, EndClearing, PayInstitution
from ledger.clearing.days import DayTotals
from ledger.clearing.reconciliations import Reconcile
from ledger.clearing.reports import aided, clearing_of, clearings, day_lines
from ledger.clearing.statements import Statement, statement
from ledger.policy import RATE_SCALE
from ledger.posting import Command, Posted, Receipt
from ledger.refusals import RefusalCode, Refused
from ledger.reports import look
from tests.support.clinic import Clinic, Settled
from tests.support.people import AREA, SomeoneFactory, World

MARCH, APRIL = 202603, 202604
DAY, NEXT, LAST = date(2026, 3, 10), date(2026, 3, 11), date(2026, 3, 31)
AFTER, MAY = date(2026, 4, 2), date(2026, 5, 4)
ALL = 1_000_000


@pytest.fixture
def clinic(engine: Engine) -> Clinic:
    return Clinic(World(engine))


@dataclass
class Partner:
    """An institution whose months are cleared."""

    clinic: Clinic
    code: str

    @property
    def book(self) -> int:
        return self.clinic.parties[self.code]

    @property
    def world(self) -> World:
        return self.clinic.world

    def bill(self, yuan: str = "100.00", day: date = DAY, balance: str = "0.00", **more: Any) -> Settled:
        """A bill of class A, of which the account pays what it has."""
        patient = self.clinic.patient(balance)
        return self.clinic.settle(self.code, patient, [("A", yuan)], day=day, today=day, **more)

    def agree(self, day: date = DAY, today: date = AFTER) -> Receipt:
        """Reconcile a day with just what is there."""
        with look(self.world.engine) as connection:
            lines = [line for _place, line in day_lines(connection, self.book, day, limit=ALL)]
        theirs = DayTotals(
            len(lines),
            sum(line.total for line in lines),
            sum(line.fund for line in lines),
            sum(line.account for line in lines),
        )
        return self.compare(theirs, day, today)

    def compare(self, theirs: DayTotals, day: date = DAY, today: date = AFTER) -> Receipt:
        return self.world.one(Reconcile(self.book, self.code, AREA, day, theirs), today=today)

    def clearing(self, period: int = MARCH, **more: Any) -> Clear:
        with look(self.world.engine) as connection:
            return Clear(self.book, self.code, AREA, period, aided(connection, self.book, period), **more)

    def clear(self, period: int = MARCH, today: date = AFTER) -> Receipt:
        return self.world.one(self.clearing(period), today=today)

    def refused(self, period: int = MARCH, today: date = AFTER) -> tuple[str, Any]:
        """Why a month is not cleared, and the days that are told."""
        with pytest.raises(Refused) as caught:
            self.clear(period, today)
        return caught.value.code, caught.value.facts.get("days")

    def refusal(self, command: Command, today: date = AFTER) -> str:
        return self.world.refusal(command, today=today)

    def end(self, clearing: Receipt, today: date = AFTER) -> Receipt:
        return self.world.one(EndClearing(clearing.book_id, clearing.seq), today=today)

    def paying(self, clearing: Receipt, source_ref: str | None = None) -> PayInstitution:
        return PayInstitution(clearing.book_id, clearing.seq, source_ref or self.world.ref("order"))

    def pay(self, clearing: Receipt, today: date = AFTER) -> Receipt:
        return self.world.one(self.paying(clearing), today=today)

    def told(self, period: int = MARCH, **more: Any) -> Statement:
        with look(self.world.engine) as connection:
            return statement(connection, self.book, period, **more)

    def row(self, period: int = MARCH) -> tuple[Any, ...]:
        """The month as the database has it."""
        table = tables.clearing.c
        columns = (table.state, table.bills, table.total, table.fund, table.account, table.seq)
        with self.world.engine.connect() as connection:
            return tuple(
                connection.execute(
                    select(*columns).where(table.book_id == self.book, table.period == period)
                ).one()
            )


@pytest.fixture
def hospital(clinic: Clinic) -> Partner:
    return Partner(clinic, clinic.institution())


# -- refused until all days balance ----------------------------------------------------------------------


def test_every_day_with_a_line_must_balance(hospital: Partner) -> None:
    for day in (DAY, NEXT, LAST):
        hospital.bill(day=day)
    assert hospital.refused() == ("not_reconciled", [DAY.isoformat(), NEXT.isoformat(), LAST.isoformat()])
    hospital.agree(DAY)
    hospital.agree(LAST)
    assert hospital.refused() == ("not_reconciled", [NEXT.isoformat()])
    hospital.compare(DayTotals(2, 20_000, 0, 0), NEXT)
    assert hospital.refused() == ("not_reconciled", [NEXT.isoformat()])
    hospital.agree(NEXT)
    # days without a line need no reconciliation, and April's are another month's
    hospital.bill(day=date(2026, 4, 1))
    cleared = hospital.clear()
    assert hospital.row() == (ClearingState.CLEARED, 3, 30_000, 0, 0, cleared.seq)
    assert (cleared.kind, cleared.period, cleared.transfers) == (Kind.CLEARING, MARCH, ())


def test_a_different_day_without_a_line_blocks_too(hospital: Partner) -> None:
    hospital.compare(DayTotals(1, 10_000, 0, 0))
    assert hospital.refused() == ("not_reconciled", [DAY.isoformat()])
    hospital.compare(DayTotals(0, 0, 0, 0))
    hospital.clear()


def test_what_comes_after_a_balanced_day_is_caught(hospital: Partner) -> None:
    """Reconciled in the afternoon; one more bill in the evening."""
    hospital.bill()
    hospital.agree(DAY, today=DAY)
    hospital.bill("50.00")
    assert [day.state for day in hospital.told().days] == ["changed"]
    assert hospital.refused() == ("not_reconciled", [DAY.isoformat()])
    hospital.agree()
    hospital.clear()


def test_a_late_repair_after_the_balance_is_caught(hospital: Partner, clinic: Clinic) -> None:
    """A bill and its reversal that cancel each other change the lines, if not what they add up to."""
    hospital.bill(message_id="m-1")
    hospital.agree(DAY, today=DAY)
    other = hospital.bill(message_id="m-2")
    clinic.reverse(other, today=DAY)
    assert hospital.refused() == ("not_reconciled", [DAY.isoformat()])
    hospital.agree()
    hospital.clear()


def test_a_refusal_names_the_first_days_only(hospital: Partner) -> None:
    for number in range(1, 8):
        hospital.bill(day=date(2026, 3, number))
    with pytest.raises(Refused) as caught:
        hospital.clear()
    assert caught.value.facts["days"] == [f"2026-03-0{number}" for number in range(1, 6)]
    assert caught.value.facts["days_in_all"] == 7


def test_the_month_must_be_over(hospital: Partner) -> None:
    assert hospital.refused(today=LAST) == ("period_invalid", None)
    assert hospital.refused(APRIL) == ("period_invalid", None)
    with look(hospital.world.engine) as connection:
        none_read = Clear(hospital.book, hospital.code, AREA, None, aided(connection, hospital.book, MARCH))
    with pytest.raises(Refused) as caught:
        hospital.world.one(none_read, today=date(2026, 1, 5))
    assert (caught.value.code, caught.value.facts) == (
        "period_invalid",
        {"earliest": "1990-01", "latest": "2025-12"},
    )
    assert hospital.clear(today=date(2026, 4, 1)).period == MARCH


def test_a_line_that_came_meanwhile_is_not_passed_over(hospital: Partner) -> None:
    """What relatives paid was read before: with one line more since, the month is looked at again."""
    hospital.bill()
    command = hospital.clearing()
    hospital.bill()
    hospital.agree()
    assert hospital.refusal(command) == "not_reconciled"
    hospital.clear()


# -- what is fixed ---------------------------------------------------------------------------------------


def test_what_is_owed_is_fund_account_and_relatives(hospital: Partner, clinic: Clinic) -> None:
    """Of 1,000.00 in a hospital of level 3 the fund pays 240.00, the account 80.00, a relative 100.00."""
    someone = SomeoneFactory()
    patient = clinic.patient("80.00", someone=someone)
    clinic.give(clinic.patient("500.00"), someone, "100.00")
    settled = clinic.settle(hospital.code, patient, [("A", "1000.00")], today=DAY)
    row = settled.row
    assert (row.fund_sum, row.account_pay, row.mutual_pay) == (24_000, 8_000, 10_000)
    hospital.bill("30.00")
    hospital.agree()
    receipt = hospital.clear()
    cleared = clearing_of(receipt)
    assert (cleared.bills, cleared.total, cleared.fund, cleared.account) == (2, 103_000, 24_000, 8_000)
    assert (cleared.mutual, cleared.owed) == (10_000, 42_000)
    payment = hospital.pay(receipt)
    assert payment.transfers == ((Side.INSTITUTION_PAYABLE, Side.BANK, 42_000, hospital.book),)
    # what the bills brought into the payable has left it
    assert payable(hospital) == 0
    told = hospital.told()
    assert (told.owed, told.mutual, told.paid, told.owes) == (42_000, 10_000, 42_000, 0)


def payable(hospital: Partner) -> int:
    """What the agency's books say it owes the institution, over all transfers."""
    table = tables.transfer.c
    with hospital.world.engine.connect() as connection:
        moves = connection.execute(
            select(table.from_side, table.to_side, table.amount_fen).where(table.party_id == hospital.book)
        )
        return sum(
            fen * ((to == Side.INSTITUTION_PAYABLE) - (source == Side.INSTITUTION_PAYABLE))
            for source, to, fen in moves
        )


# -- one entry acts on a clearing ------------------------------------------------------------------------


def test_cleared_once(hospital: Partner) -> None:
    hospital.bill()
    hospital.agree()
    first = hospital.clear()
    assert hospital.refused() == ("already_cleared", None)
    again = Reconcile(hospital.book, hospital.code, AREA, DAY, DayTotals(1, 10_000, 0, 0))
    assert hospital.refusal(again) == "already_cleared"
    hospital.end(first)
    assert hospital.row()[0] == ClearingState.ENDED
    hospital.agree()
    second = hospital.clear()
    assert hospital.row()[-1] == second.seq
    hospital.pay(second)
    assert hospital.row()[0] == ClearingState.PAID
    assert hospital.refused() == ("already_cleared", None)
    assert hospital.refusal(again) == "already_cleared"
    with look(hospital.world.engine) as connection:
        listed = clearings(connection, hospital.book, limit=ALL)
        assert clearings(connection, hospital.book, after_seq=first.seq, limit=1) == listed[1:]
        assert clearings(connection, hospital.book, limit=1) == listed[:1]
    assert [(one.seq, one.state) for one in listed] == [
        (first.seq, ClearingState.ENDED),
        (second.seq, ClearingState.PAID),
    ]


def test_ended_or_paid_and_never_both(hospital: Partner, clinic: Clinic) -> None:
    ended, paid = hospital, Partner(clinic, clinic.institution())
    ended_clearing, paid_clearing = ended.clear(), paid.clear()
    ended.end(ended_clearing)
    paid.pay(paid_clearing)
    for clearing, code in ((ended_clearing, "clearing_ended"), (paid_clearing, "clearing_paid")):
        assert hospital.refusal(EndClearing(clearing.book_id, clearing.seq)) == code
        assert hospital.refusal(hospital.paying(clearing)) == code
    # in one batch the first is taken
    second = ended.clear()
    both: list[Command] = [EndClearing(second.book_id, second.seq), ended.paying(second)]
    taken, left = hospital.world.post(*both, today=AFTER)
    assert isinstance(taken, Posted)
    assert isinstance(left, Refused)
    assert left.code is RefusalCode.CLEARING_ENDED


def test_no_such_clearing(hospital: Partner, clinic: Clinic) -> None:
    patient = clinic.patient("10.00")
    reconciled = hospital.agree()
    for book, seq in ((hospital.book, 1), (hospital.book, reconciled.seq), (hospital.book, 99), (patient, 1)):
        assert hospital.refusal(EndClearing(book, seq)) == "clearing_not_found"
        assert hospital.refusal(PayInstitution(book, seq, "o-1")) == "clearing_not_found"


def test_an_order_pays_one_clearing(hospital: Partner) -> None:
    first, second = hospital.clear(), hospital.clear(202602)
    hospital.world.one(hospital.paying(first, "order-7"), today=AFTER)
    assert hospital.refusal(hospital.paying(second, "order-7")) == "duplicate_source_ref"
    hospital.world.one(hospital.paying(second, "order-8"), today=AFTER)


def test_the_same_request_again(hospital: Partner) -> None:
    hospital.bill(balance="40.00")
    hospital.agree()
    command = hospital.clearing(key="k-1")
    first = hospital.world.posted(command, today=AFTER)
    assert hospital.world.posted(hospital.clearing(key="k-1"), today=AFTER).receipt == first.receipt
    assert hospital.refusal(hospital.clearing(202602, key="k-1")) == "idempotency_key_reused"


# -- less than nothing -----------------------------------------------------------------------------------


def test_reversals_that_outweigh_are_carried(hospital: Partner, clinic: Clinic) -> None:
    """March's bill is paid for and taken back in April, which then owes less than nothing."""
    bill = hospital.bill(balance="60.00")
    hospital.agree()
    hospital.pay(hospital.clear())
    clinic.reverse(bill, today=AFTER)
    hospital.agree(AFTER, today=MAY)
    april = hospital.clear(APRIL, today=MAY)
    assert clearing_of(april).owed == -6_000
    paid = hospital.pay(april, today=MAY)
    assert (paid.kind, paid.transfers) == (Kind.INSTITUTION_PAYMENT, ())
    assert hospital.row(APRIL)[0] == ClearingState.PAID
    assert (hospital.told(APRIL).owes, hospital.told(202605).carried, payable(hospital)) == (-6_000,) * 3
    assert hospital.told(202605).owes == -6_000


# -- the statement ---------------------------------------------------------------------------------------


def test_a_statement_day_by_day(hospital: Partner) -> None:
    hospital.bill("100.00", DAY, "30.00")
    hospital.bill("50.00", DAY)
    hospital.bill("70.00", NEXT, "20.00")
    hospital.bill("10.00", LAST)
    hospital.agree(DAY)
    hospital.compare(DayTotals(9, 0, 0, 0), NEXT)
    hospital.compare(DayTotals(0, 0, 0, 0), date(2026, 3, 20))
    told = hospital.told()
    assert [(day.day.day, *day.totals, day.mutual, day.state) for day in told.days] == [
        (10, 2, 15_000, 0, 3_000, 0, "balanced"),
        (11, 1, 7_000, 0, 2_000, 0, "different"),
        (20, 0, 0, 0, 0, 0, "balanced"),
        (31, 1, 1_000, 0, 0, 0, "open"),
    ]
    assert (told.totals, told.owed, told.owes) == (DayTotals(4, 23_000, 0, 5_000), 5_000, 5_000)
    assert (told.clearing, told.paid, told.carried, told.advances, told.single) == (None, 0, 0, 0, None)


def test_a_month_that_is_not_paid_is_carried(hospital: Partner) -> None:
    hospital.bill(balance="30.00")
    hospital.agree()
    cleared = hospital.clear()
    assert (hospital.told(APRIL).carried, hospital.told(APRIL).owes) == (3_000, 3_000)
    # a month is no debt of an earlier one
    assert hospital.told(202602).owes == 0
    hospital.pay(cleared)
    assert hospital.told(APRIL).carried == 0
    told = hospital.told().clearing
    assert told is not None
    assert (told.state, told.paid_fen, told.left_open) == (ClearingState.PAID, 3_000, 0)


def test_what_else_makes_the_agency_owe(hospital: Partner, clinic: Clinic) -> None:
    """An advance to the hospital is in the statement; single spendings when they are asked for."""
    cause = Cause(CauseKind.THIRD_PARTY, RATE_SCALE // 2)
    patient = clinic.patient()
    bill = clinic.settle(hospital.code, patient, [("A", "4000.00")], day=DAY, today=DAY, cause=cause)
    case = hospital.world.one(OpenCase(patient, bill.receipt.seq, "police report"), today=NEXT)
    advance = hospital.world.one(PayAdvance(patient, case.seq, "institution", "application 1"), today=NEXT)
    advanced = sum(move[2] for move in advance.transfers)
    assert advanced > 0
    account = clinic.patient("50.00")
    spent = hospital.world.one(Spend(account, 2_000, DAY, hospital.code, "s-1"), today=DAY)
    hospital.world.one(Spend(account, 500, date(2026, 4, 1), hospital.code, "s-2"), today=AFTER)
    plain, asked = hospital.told(), hospital.told(single=True)
    assert (plain.advances, plain.single, asked.single) == (advanced, None, 2_000)
    assert plain.owes == asked.owes == bill.row.fund_sum + advanced
    assert hospital.told(APRIL).advances == 0
    assert hospital.told(APRIL, single=True).single == 500
    hospital.world.one(Reverse(account, spent.seq, "not theirs"), today=NEXT)
    clinic.reverse(hospital.bill(balance="10.00"), today=DAY)
    assert hospital.told(single=True).single == 0
    other = Partner(clinic, clinic.institution())
    assert (other.told(single=True).advances, other.told(single=True).single) == (0, 0)
