"""A whole payment of an employer is taken back: it bounced, and its months are owed again (R16, R31).

What it paid for each person leaves the account, as far as it is there; what was spent since is a receivable
from the person, month by month. The late fees that it paid, and what waits of it in suspense, go back. Its
lines are written again with the sign turned, on the day on which it was received, so that the late fees of
its months run as if it had never come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.accounts.called_back import fen_there, take_out, ways_to_lock
from ledger.accounts.inheritance import ESTATE
from ledger.book.beside import rows_digest
from ledger.book.chain import TransferLine
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.numbers import entry_name
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.members import LineKind
from ledger.chart.sides import Side
from ledger.contributions.cleared import PaidFor, with_cleared
from ledger.contributions.levies import NOTHING_ASSESSED, Assessment, AssessmentLine, Levy, LevyLine, debts_of
from ledger.contributions.month import employer_book, next_entry
from ledger.contributions.reads import DEBTS, keep_rows
from ledger.database.lookups import Lookup
from ledger.posting import TARGET, BookRef, Command, Desk, Need, Receipt, WiderLocks
from ledger.posting.needs import Asked
from ledger.refusals import RefusalCode, Refused

_L, _A, _E = tables.levy_line.c, tables.assessment_line.c, tables.entry.c
# what an entry of an employer changed about money: what is owed stays as it is
_MONEY = ("employee_paid", "employer_paid", "waiting", "surplus", "forward", "fee_paid")
_LEVY_LINES = Lookup(
    "SELECT l.book_id, l.seq, e.kind, l.on_day, l.period, "
    + ", ".join(f"l.{name}" for name in _MONEY)
    + " FROM {given} JOIN levy_line l ON l.book_id = given.book_id AND l.seq >= given.seq"
    " JOIN entry e ON e.book_id = l.book_id AND e.seq = l.seq ORDER BY l.book_id, l.seq, l.period",
    [_L.book_id, _L.seq, _E.kind, _L.on_day, _L.period, *(_L[name] for name in _MONEY)],
    book_id="big",
    seq="int",
)
# what it paid for persons, and what later entries spread of the money of its day that waited for a list
_PAID_LINES = Lookup(
    "SELECT a.book_id, a.seq, a.account_id, a.period, a.employee_paid, a.employer_paid, a.suspended,"
    " a.paid_on FROM {given} JOIN assessment_line a ON a.book_id = given.book_id AND a.seq >= given.seq"
    f" AND a.kind = {int(LineKind.PAID)} AND a.paid_on = given.day ORDER BY a.book_id, a.seq, a.line",
    [
        *(_A.book_id, _A.seq, _A.account_id, _A.period),
        *(_A.employee_paid, _A.employer_paid, _A.suspended, _A.paid_on),
    ],
    book_id="big",
    seq="int",
    day="date",
)
_CREDITS = Lookup(
    "SELECT e.book_id, e.source_ref, e.seq, e.effective_on, x.seq FROM {given}"
    f" JOIN entry e ON e.book_id = given.book_id AND e.kind = {int(Kind.CONTRIBUTION)}"
    " AND e.source_ref = given.ref LEFT JOIN entry x ON x.book_id = e.book_id AND x.target_seq = e.seq",
    [_E.book_id, _E.source_ref, _E.seq, _E.effective_on, _E.target_seq],
    book_id="big",
    ref="text",
)


class _Changed(NamedTuple):
    """What one entry changed about a month, in fen."""

    seq: int
    kind: int
    on_day: date
    period: int
    employee_paid: int
    employer_paid: int
    waiting: int
    surplus: int
    forward: int
    fee_paid: int


class _Credited(NamedTuple):
    seq: int
    effective_on: date
    acted_on_by: int | None


class PaidBy:
    """What a payment, and every later entry, changed; who was credited by what source, in which account."""

    __slots__ = ("changes", "credits", "paid")

    def __init__(self) -> None:
        self.changes: list[_Changed] = []
        self.paid: list[PaidFor] = []
        self.credits: dict[tuple[int, str], _Credited] = {}


def _read(connection: Connection, asked: Asked, desk: Desk) -> dict[tuple[int, int], PaidBy]:
    found: dict[tuple[int, int], PaidBy] = {}
    days: dict[tuple[int, int], date] = {}
    for book_id, command in asked:
        target = desk.targets.get((book_id, command.target_seq))
        if target is not None and target.kind is Kind.PAYMENT:
            found[book_id, target.seq] = PaidBy()
            days[book_id, target.seq] = target.effective_on
    for (book_id, seq), day in days.items():
        one = found[book_id, seq]
        changed = _LEVY_LINES.run(connection, [(book_id, seq)])
        one.changes = [_Changed._make(values) for _book, *values in changed]
        lines = _PAID_LINES.run(connection, [(book_id, seq, day.isoformat())])
        one.paid = with_cleared(connection, book_id, [PaidFor(*values) for _book, *values in lines])
        keep_rows(connection, desk, {(book_id, line.period, line.account_id) for line in one.paid})
        sources = [(line.account_id, ref) for line in one.paid for ref in line.refs(book_id)]
        for account_id, ref, *credit in _CREDITS.run(connection, sources):
            one.credits[account_id, ref] = _Credited._make(credit)
    return found


# of a payment that is taken back
BROUGHT: Need[dict[tuple[int, int], PaidBy]] = Need("what a payment brought", _read)


@dataclass(eq=False)
class ReversePayment(Command):
    """Take the payment `target_seq` of an employer back, all of it.

    Refused with not_last where what it brought has gone on since: an adjustment or a refund has given it
    back to the payer, a later payment or list has spread it together with other money. The answer names
    these entries.
    """

    verb = "payment_reversal"
    refused_with = (
        RefusalCode.EMPLOYER_NOT_FOUND,
        RefusalCode.ENTRY_NOT_FOUND,
        # an account that was opened after today, by a clock that is behind
        RefusalCode.PERIOD_INVALID,
        RefusalCode.ALREADY_REVERSED,
        RefusalCode.NOT_LAST,
        RefusalCode.RATES_MISSING,
    )
    needs = frozenset({TARGET, DEBTS, BROUGHT, ESTATE})

    book: BookRef
    target_seq: int
    reason: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.target_seq}|{self.reason}"

    def decide(self, desk: Desk) -> None:
        book = employer_book(desk)
        payment = desk.target(self.target_seq)
        if payment is None or payment.kind is not Kind.PAYMENT:
            raise Refused(RefusalCode.ENTRY_NOT_FOUND, at="target_seq")
        if desk.acted_on(self.target_seq) is not None:
            raise Refused(RefusalCode.ALREADY_REVERSED)
        made = _Back(desk, book, payment, desk.of(BROUGHT)[book.book_id, payment.seq])
        made.find()
        made.check()
        made.lock()
        made.take()
        made.write(self.reason)


@dataclass(slots=True)
class _Back:
    """One payment that is taken back, under decision. Amounts in fen."""

    desk: Desk
    book: Book
    payment: Receipt
    brought: PaidBy
    # what is turned, person by person
    paid: list[PaidFor] = field(default_factory=list)
    months: dict[int, LevyLine] = field(default_factory=dict)
    lines: list[AssessmentLine] = field(default_factory=list)
    from_accounts: int = 0
    # by month and account, what the account no longer had
    owed: dict[int, dict[int, int]] = field(default_factory=dict)

    def find(self) -> None:
        """What the payment changed, and what lists have spread since of what waited of it."""
        own = [one for one in self.brought.changes if one.seq == self.payment.seq]
        self.paid = [line for line in self.brought.paid if line.seq == self.payment.seq]
        for one in own:
            change = {name: -getattr(one, name) for name in _MONEY}
            spread = self._spread(one)
            if spread:
                # it waits no more: it was paid for these persons
                change["waiting"] = 0
                change["employee_paid"] -= sum(line.employee for line in spread)
                change["employer_paid"] -= sum(line.employer for line in spread)
                change["forward"] -= sum(line.waits for line in spread)
                self.paid += spread
            self.months[one.period] = LevyLine(one.period, self.payment.effective_on, **change)

    def _spread(self, own: _Changed) -> list[PaidFor]:
        """What a list has spread since of the payment's money that waited for it; nothing when it still
        waits, or when other money of the day waited beside it."""
        if own.waiting <= 0 or debts_of(self.book).levy(own.period).waiting >= own.waiting:
            return []
        later = [
            line for line in self.brought.paid if line.seq > self.payment.seq and line.period == own.period
        ]
        alone = not any(
            one.waiting > 0 and one.on_day == own.on_day and one.seq != own.seq and one.period == own.period
            for one in self.brought.changes
        )
        spread = sum(line.employee + line.employer for line in later)
        return later if alone and spread == own.waiting else []

    def check(self) -> None:
        """Raise Refused(not_last) when something that it brought is there no more, naming what came after."""
        debts = debts_of(self.book)
        wrong = {period for period, line in self.months.items() if _below_zero(debts.levy(period).add(line))}
        rows = debts.assessments.rows
        wrong |= {
            line.period
            for line in self.paid
            if _has_gone(rows.get((line.period, line.account_id), NOTHING_ASSESSED), line)
        }
        acted = [
            entry_name(line.account_id, credit.acted_on_by)
            for line in self.paid
            if (credit := self._credit(line)) is not None and credit.acted_on_by is not None
        ]
        if wrong or acted:
            after = {
                one.seq
                for one in self.brought.changes
                if one.seq > self.payment.seq
                and one.period in wrong
                and min(one.employee_paid, one.employer_paid, one.waiting, one.surplus, one.forward) < 0
            }
            names = [entry_name(self.book.book_id, seq) for seq in sorted(after)]
            raise Refused(RefusalCode.NOT_LAST, entries=[*names, *acted])

    def lock(self) -> None:
        """Have every account locked that it was credited to, and where the money of merged ones is now."""
        wanted = {line.account_id for line in self._credited()}
        missing = wanted - self.desk.books.keys() or ways_to_lock(self.desk, wanted)
        if missing:
            raise WiderLocks(sorted(missing))

    def take(self) -> None:
        """Take what the payment brought out of the accounts, as far as it is there."""
        name = next_entry(self.book)
        for line in self.paid:
            credited = line.employee - line.suspended
            taken = self._take_out(line, credited, name) if credited else 0
            owed = credited - taken
            self.from_accounts += taken
            # what it had cleared is owed again
            if owed + line.cleared:
                of_month = self.owed.setdefault(line.period, {})
                of_month[line.account_id] = of_month.get(line.account_id, 0) + owed + line.cleared
            self.lines.append(
                AssessmentLine(
                    line.account_id,
                    line.period,
                    LineKind.REFUNDED,
                    None,
                    employee_paid=-line.employee,
                    employer_paid=-line.employer,
                    suspended=-line.suspended - owed,
                )
            )

    def _take_out(self, line: PaidFor, credited: int, name: str) -> int:
        """Take a credit out of the account that got it; the fen. Of a closed one the heirs have it."""
        account = self.desk.other(line.account_id)
        credit = self._credit(line)
        if account is None or credit is None:
            raise AssertionError("what was paid for a person stands in an account that is locked")
        fen = min(credited, fen_there(self.desk, account))
        if fen:
            take_out(
                self.desk,
                account,
                Draft(
                    Kind.REFUND_TO_PAYER,
                    self.desk.today,
                    period=line.period,
                    source_ref=f"{name}/{line.period}",
                    target_seq=credit.seq,
                ),
                fen,
                Side.COLLECTION_CLEARING,
                self.book.book_id,
                # after a year end the credit is in carried_over, as for a reversal
                current_year_first=credit.effective_on.year == self.desk.today.year,
            )
        return fen

    def _credit(self, line: PaidFor) -> _Credited | None:
        for ref in line.refs(self.book.book_id):
            credit = self.brought.credits.get((line.account_id, ref))
            if credit is not None:
                return credit
        return None

    def _credited(self) -> Iterable[PaidFor]:
        return (line for line in self.paid if line.employee > line.suspended)

    def write(self, reason: str) -> None:
        """Add the reversal, and the receivables month by month."""
        today = self.desk.today
        levies = [line for line in self.months.values() if any(_money_of(line))]
        beside = (*sorted(levies), *self.lines)
        late_fee = -sum(line.fee_paid for line in levies)
        pooled = late_fee - sum(line.employer_paid for line in levies)
        suspense = -sum(line.waiting + line.surplus + line.forward for line in levies)
        owed = sum(fen for month in self.owed.values() for fen in month.values())
        amount = self.from_accounts + owed + pooled + suspense
        moves = (*_back(Side.POOLED_FUND, pooled), *_back(Side.SUSPENSE, suspense))
        to_bank: TransferLine = (int(Side.COLLECTION_CLEARING), int(Side.BANK), amount, None)
        self.book.add(
            Draft(
                Kind.REVERSAL,
                today,
                (*moves, to_bank),
                period=self.payment.period,
                target_seq=self.payment.seq,
                keyed=True,
                beside=beside,
                detail=pack(
                    reason=reason,
                    amount=amount,
                    from_accounts=self.from_accounts,
                    from_pooled_fund=pooled - late_fee,
                    late_fee_back=late_fee,
                    from_suspense=suspense,
                    receivable=owed,
                    rows=rows_digest(beside),
                ),
            )
        )
        for period, accounts in sorted(self.owed.items()):
            transfers = tuple(
                (int(Side.RECEIVABLE), int(Side.COLLECTION_CLEARING), fen, account)
                for account, fen in sorted(accounts.items())
            )
            self.book.add(Draft(Kind.CREDIT_SHORTFALL, today, transfers, period=period))


def _back(side: Side, fen: int) -> Sequence[TransferLine]:
    """What one side gives back; less than nothing is what it gets."""
    if fen < 0:
        return ((int(Side.COLLECTION_CLEARING), int(side), -fen, None),)
    return ((int(side), int(Side.COLLECTION_CLEARING), fen, None),) if fen else ()


def _has_gone(row: Assessment, line: PaidFor) -> bool:
    """Whether less of a person's month is paid than was paid by a line, or less of it waits in suspense."""
    return (
        row.employee_paid < line.employee
        or row.employer_paid < line.employer
        or (line.waits > 0 and row.suspended < line.waits)
    )


def _money_of(line: Any) -> tuple[int, ...]:
    return tuple(getattr(line, name) for name in _MONEY)


def _below_zero(levy: Levy) -> bool:
    return min(_money_of(levy)) < 0
