"""Clearing a month with an institution (R34): what the agency owes is fixed, taken back, or paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.numbers import is_institution
from ledger.bounds.care import CLEARED_MONTH
from ledger.chart.care import ClearingState
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.clearing.days import DAYS, DayTotals
from ledger.clearing.reports import Aided, unbalanced
from ledger.institutions.agreed import AGREED, AGREED_DAYS, CLEARINGS, Clearing
from ledger.institutions.books import institution_book
from ledger.months import month_bounds
from ledger.posting import TARGET, Command, Desk, Receipt
from ledger.refusals import RefusalCode, Refused

# as many days as a refusal names
DAYS_TOLD = 5


@dataclass(eq=False)
class Clear(Command):
    """Fix what the agency owes an institution for a month: what fund, accounts and relatives pay of it.

    `book` is the institution's, opened now where nothing was written there yet. Every day on which there is
    a line, or that was ever compared, must be balanced with just what is there now. `aided` is what relatives
    paid, as read before. No money moves.
    """

    verb = "clear"
    refused_with = (
        # a month that is not over
        RefusalCode.PERIOD_INVALID,
        # with the first days that are in the way; with none when a line came after `aided` was read
        RefusalCode.NOT_RECONCILED,
        RefusalCode.ALREADY_CLEARED,
    )
    needs = frozenset({DAYS})
    opens = True

    book: int
    institution: str
    area: int
    # YYYYMM; None: none that could be read
    cleared: int | None
    aided: Aided
    caller: str = ""
    actor: str = ""
    key: str | None = None
    days: tuple[date, date] | None = None

    def __post_init__(self) -> None:
        self.days = None if self.cleared is None else month_bounds(self.cleared)

    def content(self) -> str:
        return f"{self.cleared}"

    def decide(self, desk: Desk) -> None:
        book = institution_book(desk, self.book, self.institution, self.area)
        cleared = CLEARED_MONTH.admit_month(self.cleared, desk.today, "cleared")
        clearings = book.of(CLEARINGS)
        first, last = month_bounds(cleared)
        totals = desk.of(DAYS).get(book.book_id, {})
        found = unbalanced(first, last, book.of(AGREED_DAYS).rows, totals)
        lines = [one for day, one in totals.items() if first <= day <= last]
        sums = DayTotals(*(sum(one[place] for one in lines) for place in range(4)))
        if found or sums.bills != self.aided.bills:
            told = [day.isoformat() for day in found[:DAYS_TOLD]]
            raise Refused(RefusalCode.NOT_RECONCILED, at="cleared", days=told, days_in_all=len(found))
        standing = clearings.get(cleared)
        if standing is not None and standing.state is not ClearingState.ENDED:
            raise Refused(RefusalCode.ALREADY_CLEARED, at="cleared")
        mutual = self.aided.fen
        entry = book.add(
            Draft(
                Kind.CLEARING,
                desk.today,
                period=cleared,
                detail=pack(**sums._asdict(), mutual=mutual, owed=sums.fund + sums.account + mutual),
                keyed=True,
            )
        )
        clearings.set(cleared, Clearing(ClearingState.CLEARED, *sums, entry.seq))


@dataclass(eq=False)
class EndClearing(Command):
    """Take a month's clearing back, before it is paid: its days may be compared and repaired again."""

    verb = "end_clearing"
    refused_with = (
        RefusalCode.CLEARING_NOT_FOUND,
        RefusalCode.CLEARING_ENDED,
        RefusalCode.CLEARING_PAID,
    )
    needs = frozenset({TARGET, AGREED})

    book: int
    target_seq: int
    caller: str = ""
    actor: str = ""
    key: str | None = None
    days: tuple[date, date] | None = None

    def content(self) -> str:
        return f"{self.target_seq}"

    def decide(self, desk: Desk) -> None:
        target = _target(desk, self.target_seq)
        _check_stands(desk, self.target_seq)
        desk.book.add(
            Draft(
                Kind.CLEARING_END,
                desk.today,
                period=target.period,
                target_seq=self.target_seq,
                keyed=True,
            )
        )
        _set_state(desk, target, ClearingState.ENDED)


@dataclass(eq=False)
class PayInstitution(Command):
    """Pay what the agency owes for a cleared month; `source_ref` is the order to the bank.

    Where nothing is owed, or less than nothing because reversals outweigh, no money moves: what is below
    zero stands in the statements of the months to come.
    """

    verb = "pay_institution"
    source_kind = Kind.INSTITUTION_PAYMENT
    refused_with = (
        RefusalCode.CLEARING_NOT_FOUND,
        RefusalCode.DUPLICATE_SOURCE_REF,
        RefusalCode.CLEARING_ENDED,
        RefusalCode.CLEARING_PAID,
    )
    needs = frozenset({TARGET, AGREED})

    book: int
    target_seq: int
    source_ref: str
    caller: str = ""
    actor: str = ""
    key: str | None = None
    days: tuple[date, date] | None = None

    def content(self) -> str:
        return f"{self.target_seq}|{self.source_ref}"

    def decide(self, desk: Desk) -> None:
        target = _target(desk, self.target_seq)
        desk.require_new_source(Kind.INSTITUTION_PAYMENT, self.source_ref)
        _check_stands(desk, self.target_seq)
        owed: int = unpack(target.detail)["owed"]
        move = (int(Side.INSTITUTION_PAYABLE), int(Side.BANK), owed, target.book_id)
        desk.book.add(
            Draft(
                Kind.INSTITUTION_PAYMENT,
                desk.today,
                (move,) if owed > 0 else (),
                period=target.period,
                target_seq=self.target_seq,
                source_ref=self.source_ref,
                keyed=True,
            )
        )
        _set_state(desk, target, ClearingState.PAID)


def _target(desk: Desk, seq: int) -> Receipt:
    target = desk.target(seq)
    if target is None or target.kind is not Kind.CLEARING or not is_institution(target.book_id):
        raise Refused(RefusalCode.CLEARING_NOT_FOUND, at="target_seq")
    return target


def _check_stands(desk: Desk, seq: int) -> None:
    """One entry acts on a clearing: it is ended or paid, once."""
    acted = desk.acted_on(seq)
    if acted is Kind.CLEARING_END:
        raise Refused(RefusalCode.CLEARING_ENDED)
    if acted is not None:
        raise Refused(RefusalCode.CLEARING_PAID)


def _set_state(desk: Desk, target: Receipt, state: ClearingState) -> None:
    # a clearing that nothing acted on is the month's only one that stands, and its row is the one kept
    told = unpack(target.detail)
    sums = DayTotals(*(told[name] for name in DayTotals._fields))
    desk.book.of(CLEARINGS).set(target.period or 0, Clearing(state, *sums, target.seq))
