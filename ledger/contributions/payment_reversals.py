"""A whole payment of an employer is taken back: it bounced, and its months are owed again (R16, R31).

What it paid for each person leaves the account, as far as it is there; what was spent since is a receivable
from the person, month by month. The late fees that it paid, and what waits of it in suspense, go back. Its
lines are written again with the sign turned, on the day on which it was received, so that the late fees of
its months run as if it had never come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

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
from ledger.contributions.cleared import DEMANDED, PaidFor, waits_of_month
from ledger.contributions.levies import (
    NO_PERIOD,
    NOTHING_ASSESSED,
    AssessmentLine,
    Levy,
    LevyLine,
    debts_of,
)
from ledger.contributions.month import employer_book, next_entry
from ledger.contributions.payment_effects import BROUGHT, MONEY, Changed, CreditedBy, PaidBy, has_gone
from ledger.contributions.reads import DEBTS
from ledger.contributions.sent_back import bring_again
from ledger.posting import TARGET, BookRef, Command, Desk, Receipt, WiderLocks
from ledger.refusals import RefusalCode, Refused


@dataclass(eq=False)
class ReversePayment(Command):
    """Take the payment `target_seq` of an employer back, all of it.

    Refused with not_last where what it brought has gone on since: an adjustment or a refund has given it
    back to the payer, a later payment or list has spread it together with other money. The answer names
    these entries. What the report of a death has sent back keeps nothing up, nor does a closed account:
    what is not there any more is a receivable.
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
    needs = frozenset({TARGET, DEBTS, BROUGHT, ESTATE, DEMANDED})

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
        brought = desk.of(BROUGHT).get((book.book_id, payment.seq))
        if brought is None or brought.last_seq != book.last_seq:
            # this very batch has gone on since: what it did is read once it is written
            raise WiderLocks(())
        made = _Back(desk, book, payment, brought)
        made.find()
        made.find_released()
        made.bring_again()
        made.find_fees()
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
    # the entries of the reports of deaths whose money counts as brought again, and which of `paid` that is
    brought_again: set[int] = field(default_factory=set)
    of_the_dead: set[int] = field(default_factory=set)
    # by month and account, what the account no longer had
    owed: dict[int, dict[int, int]] = field(default_factory=dict)

    def find(self) -> None:
        """What the payment changed, and what lists have spread since of what waited of it."""
        own = [one for one in self.brought.changes if one.seq == self.payment.seq]
        self.paid = [line for line in self.brought.paid if line.seq == self.payment.seq]
        for one in own:
            change = {name: -getattr(one, name) for name in MONEY}
            spread = self._spread(one)
            if spread:
                # it waits no more: it was paid for these persons
                change["waiting"] = 0
                change["employee_paid"] -= sum(line.employee for line in spread)
                change["employer_paid"] -= sum(line.employer for line in spread)
                change["forward"] -= sum(line.waits for line in spread)
                self.paid += spread
            self.months[one.period] = LevyLine(one.period, self.payment.effective_on, **change)

    def _spread(self, own: Changed) -> list[PaidFor]:
        """What a list has spread since of the payment's money that waited for it; nothing when it still
        waits, or when other money of the day waited beside it."""
        if own.waiting <= 0 or debts_of(self.book).levy(own.period).waiting >= own.waiting:
            return []
        later = [
            line
            for line in self.brought.paid
            if line.seq > self.payment.seq and line.period == own.period and (line.employee or line.employer)
        ]
        alone = not any(
            one.waiting > 0 and one.on_day == own.on_day and one.seq != own.seq and one.period == own.period
            for one in self.brought.changes
        )
        spread = sum(line.employee + line.employer for line in later)
        return later if alone and spread == own.waiting else []

    def find_released(self) -> None:
        """What of the payment's money waited for somebody, and reached the account later: it is taken from
        there, by what released it.
        """
        releases = [line for line in self.brought.paid if line.suspended < 0]
        for place, line in enumerate(self.paid if releases else ()):
            for one in releases:
                known = self.paid[place]
                is_its = (one.account_id, one.period) == (line.account_id, line.period) and one.seq > line.seq
                fen = min(-one.suspended, known.waits) if is_its else 0
                if fen:
                    self.paid[place] = known._replace(
                        employee=known.employee - fen, suspended=known.suspended - fen
                    )
                    self.paid.append(one._replace(employee=fen, suspended=0))
                    self._change(line.period, forward=fen)

    def _change(self, period: int, **amounts: int) -> None:
        line = self.months[period]
        changed = {name: getattr(line, name) + fen for name, fen in amounts.items()}
        self.months[period] = line._replace(**changed)

    def bring_again(self) -> None:
        """What the report of a death has sent back of it was not the payer's: it counts as brought again."""
        debts = debts_of(self.book)
        for place, line in enumerate(self.paid):
            sent = self.brought.sent.get((line.account_id, line.period))
            if sent is None or not sent.has(line.employee, line.employer):
                continue
            who, parts = (line.account_id, line.period), (line.employee, line.employer)
            fee = max(-debts.levy(line.period).fee_paid - self.months[line.period].fee_paid, 0)
            # what of a late fee was paid out of what went back stays paid
            fee = min(fee, max(sent.excess_fee, 0))
            over = self.months.get(NO_PERIOD)
            waits = debts.levy(NO_PERIOD).surplus + (0 if over is None else over.surplus)
            of_surplus = min(fee, sent.surplus - sent.again_surplus, max(waits, 0))
            bring_again(self.desk, self.book, who, sent, parts, fee, of_surplus)
            self.brought.sent[who] = sent.brought(self.desk.today, *parts, of_surplus)
            self.brought_again.add(sent.seq)
            self.of_the_dead.add(place)
            # it waits, and none of it is in the account
            self._change(line.period, forward=line.waits - line.employee)
            self.paid[place] = line._replace(suspended=line.employee, cleared=0)

    def find_fees(self) -> None:
        """A late fee that was too high since, because somebody was taken off the month, waits for its payer:
        it is taken from there.
        """
        debts, over = debts_of(self.book), self.months.get(NO_PERIOD)
        waits = debts.levy(NO_PERIOD).surplus + (0 if over is None else over.surplus)
        for period, line in list(self.months.items()):
            fen = min(-line.fee_paid - debts.levy(period).fee_paid, waits)
            if fen > 0:
                waits -= fen
                self._change(period, fee_paid=fen)
                self.months.setdefault(NO_PERIOD, LevyLine(NO_PERIOD, self.payment.effective_on))
                self._change(NO_PERIOD, surplus=-fen)

    def check(self) -> None:
        """Raise Refused(not_last) when something that it brought is there no more, naming what came after."""
        debts = debts_of(self.book)
        wrong = {period for period, line in self.months.items() if _below_zero(debts.levy(period).add(line))}
        rows = debts.assessments.rows
        wrong |= {
            line.period
            for place, line in enumerate(self.paid)
            if place not in self.of_the_dead
            and has_gone(
                row := rows.get((line.period, line.account_id), NOTHING_ASSESSED),
                line,
                waits_of_month(self.desk, self.book.book_id, line.period, line.account_id, row.suspended),
            )
        }
        acted = [
            entry_name(line.account_id, credit.acted_on_by)
            for line in self.paid
            if (credit := self._credit(line)) is not None
            and credit.acted_on_by is not None
            and credit.is_taken_back
        ]
        if wrong or acted:
            after = {
                one.seq
                for one in self.brought.changes
                if one.seq > self.payment.seq
                and one.seq not in self.brought_again
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
                    # of an account that was closed and is not any more, the credit went on once
                    target_seq=credit.seq if credit.acted_on_by is None else None,
                ),
                fen,
                Side.COLLECTION_CLEARING,
                self.book.book_id,
                # after a year end the credit is in carried_over, as for a reversal
                current_year_first=credit.effective_on.year == self.desk.today.year,
            )
        return fen

    def _credit(self, line: PaidFor) -> CreditedBy | None:
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


def _money_of(line: Any) -> tuple[int, ...]:
    return tuple(getattr(line, name) for name in MONEY)


def _below_zero(levy: Levy) -> bool:
    return min(_money_of(levy)) < 0
