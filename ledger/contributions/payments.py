"""Money in: what the collector hands over for an employer, against what was assessed (R8, R11, R16, K4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from ledger.accounts.inheritance import ESTATE
from ledger.book.beside import rows_digest
from ledger.book.chain import TransferLine
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.bound import before_its_month
from ledger.bounds.table import RECEIVED_ON
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.contributions.cleared import DEMANDED
from ledger.contributions.late_fees import fee_owed
from ledger.contributions.levies import NO_PERIOD, AssessmentLine, LevyLine, debts_of
from ledger.contributions.month import Month, Reveal, employer_book, lock_all, owed_month
from ledger.contributions.reads import DEBTS, OPEN_MONTHS, payees
from ledger.contributions.squaring import NOTHING_SQUARED, Squared, square_fees
from ledger.money import FEN_MAX
from ledger.months import first_day, period_of
from ledger.policy import PartPayment, figures_since
from ledger.posting import BookRef, Command, Desk
from ledger.refusals import RefusalCode, Refused


@dataclass(eq=False)
class ReceivePayment(Command):
    """Take `amount_fen` from an employer for the month `period` (YYYYMM, None: the oldest debt first).

    It pays the month's principal, then its late fee, then further debts in the same way, oldest first. What
    is left waits in suspense: for the month's list when there is none yet, else to go back to the payer.
    The persons of a month are credited in the same entry, valued on the day the money was received.

    `reveal` opens sealed ID numbers, which decide who gets a fen that nobody is nearer to. What pays its
    months in full leaves none, and does not read them: they are as many as the persons.
    """

    verb = "payment"
    source_kind = Kind.PAYMENT
    refused_with = (
        RefusalCode.EMPLOYER_NOT_FOUND,
        # a month to come, money received tomorrow, or more than a year before every month that it could pay
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.DUPLICATE_SOURCE_REF,
        RefusalCode.AMOUNT_INVALID,
    )
    needs = frozenset({DEBTS, OPEN_MONTHS, ESTATE, DEMANDED})
    foresees = payees

    book: BookRef
    amount_fen: int | None
    period: int | None
    received_on: date
    source_ref: str
    reveal: Reveal
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.amount_fen}|{self.period or ''}|{self.received_on}|{self.source_ref}"

    def decide(self, desk: Desk) -> None:
        book = employer_book(desk)
        month = None if self.period is None else first_day(owed_month(desk, book, self.period))
        RECEIVED_ON.admit(self.received_on, desk.today, "received_on", month=month)
        reversal_seq = desk.require_new_source(Kind.PAYMENT, self.source_ref)
        if self.amount_fen is None or not 0 < self.amount_fen <= FEN_MAX:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen")
        made = _Made(desk, book, self, self.amount_fen, reversal_seq)
        made.find_months()
        made.lock()
        made.pay()
        made.write()


@dataclass(slots=True)
class _Made:
    """One payment under decision. Amounts in fen."""

    desk: Desk
    book: Book
    command: ReceivePayment
    rest: int
    # what took the document back before, if it is booked again
    reversal_seq: int | None = None
    late_fee: int = 0
    waiting: int = 0
    released: int = 0
    # waited for persons who owe nothing any more
    freed: int = 0
    excess: int = 0
    # of these two, what squares late fees of other months
    squared: Squared = NOTHING_SQUARED
    months: list[Month] = field(default_factory=list)
    # what it may pay, in order; and what is owed for months that nothing can be worked out for
    order: list[int] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)

    def find_months(self) -> None:
        """The months it may pay, in order: its own first, then all others, the oldest first.

        Money is never valued more than a year before its month, so it pays none of those. Of a month before
        the area's first figures nobody can say what is owed: it is named, and holds up no other.
        """
        own, received_on = self.command.period, self.command.received_on
        first = period_of(figures_since(self.desk.policy(self.book.area)))
        owed = debts_of(self.book).open_periods()
        self.left_out = [period for period in owed if period < first]
        others = [period for period in owed if period >= first and period != own]
        self.order = [period for period in others if not before_its_month(received_on, period)]
        if own is not None:
            self.order.insert(0, own)
        elif others and not self.order:
            RECEIVED_ON.admit(received_on, self.desk.today, "received_on", month=first_day(others[0]))

    def lock(self) -> None:
        """Have every account locked that the money may reach."""
        debts, rest = debts_of(self.book), self.rest
        policy = self.desk.policy(self.book.area)
        accounts: set[int] = set()
        for period in self.order:
            levy = debts.levy(period)
            fee = max(fee_owed(policy, period, levy, self.command.received_on), 0) if levy.principal else 0
            if not rest:
                break
            if levy.unpaid or fee:
                accounts |= {account for account, _row in debts.of_period(period)}
            rest -= min(rest, levy.unpaid + fee)
        lock_all(self.desk, sorted(accounts))

    def pay(self) -> None:
        for period in self.order:
            if not self.rest:
                break
            self._pay_month(period)
        over = self.freed + self.excess
        self.squared = square_fees(self.desk, self.book, self.months, over, self.desk.today)

    def _pay_month(self, period: int) -> None:
        command = self.command
        month = Month(self.desk, self.book, period, command.received_on, command.reveal, command)
        if any(due.account_id not in self.desk.books for due in month.open_rows()):
            # Somebody who had died freed money for a month that was not expected to be reached. It may reach
            # others too, and a command may not come back for each of them.
            lock_all(
                self.desk, sorted({account for _period, account in debts_of(self.book).assessments.rows})
            )
        month.annul_ended()
        if month.levy.listed and not month.levy.unpaid:
            # nobody is left to wait for
            released, left = month.spread_waiting()
            self.released += released - left
            self.freed += left
        if not month.levy.principal and month.levy_line is None:
            return
        fee = max(fee_owed(month.policy, period, month.levy, command.received_on), 0)
        principal = min(self.rest, month.levy.unpaid)
        if principal:
            self._pay_principal(month, principal)
        fee = min(self.rest - principal, fee)
        if fee:
            month.change(fee_paid=fee)
        self.rest -= principal + fee
        excess = month.square_excess_fee(self.desk.today)
        self.excess += excess
        self.late_fee += fee - excess
        self.months.append(month)

    def _pay_principal(self, month: Month, principal: int) -> None:
        levy = month.levy
        how = month.policy.part_payment.on(first_day(month.period))
        if not levy.listed or (how is PartPayment.FULL_MONTH and principal < levy.unpaid):
            month.change(waiting=principal)
            self.waiting += principal
            return
        released = levy.waiting
        month.pay(principal + released, self.command.received_on, from_waiting=released)
        self.released += released

    def write(self) -> None:
        """Add the entry: where the money went, and what is still owed."""
        command, book = self.command, self.book
        levies = {line.period: line for month in self.months if (line := month.levy_line) is not None}
        own = self.command.period
        month = None if own is None else self._month_of(own)
        if self.rest and own is not None and month is not None and not _is_owed(month):
            # paid before its list came
            month.change(waiting=self.rest)
            self.waiting += self.rest
            self.rest = 0
            if (line := month.levy_line) is not None:
                levies[own] = line
        levies |= {line.period: line for line in self.squared.lines}
        surplus = self.rest + self.freed + self.excess - self.squared.fen
        if surplus:
            levies[NO_PERIOD] = LevyLine(NO_PERIOD, command.received_on, surplus=surplus)
        lines: list[AssessmentLine] = [line for month in self.months for line in month.lines]
        beside = (*(levies[period] for period in sorted(levies)), *lines)
        amount = command.amount_fen or 0
        to_accounts = sum(month.to_accounts for month in self.months)
        to_pooled_fund = sum(month.to_pooled_fund for month in self.months)
        forward = sum(month.forward for month in self.months)
        receivable = sum(month.receivable for month in self.months)
        moves = (
            (Side.BANK, Side.COLLECTION_CLEARING, amount),
            (Side.SUSPENSE, Side.COLLECTION_CLEARING, self.released + self.squared.fen),
            (Side.COLLECTION_CLEARING, Side.POOLED_FUND, to_pooled_fund),
            (Side.COLLECTION_CLEARING, Side.POOLED_FUND, self.late_fee + self.excess + self.squared.fen),
            (Side.COLLECTION_CLEARING, Side.SUSPENSE, self.waiting + self.rest + forward),
            (Side.POOLED_FUND, Side.SUSPENSE, self.excess),
        )
        transfers: tuple[TransferLine, ...] = tuple(
            (int(source), int(target), fen, None) for source, target, fen in moves if fen
        )
        draft = book.add(
            Draft(
                Kind.PAYMENT,
                command.received_on,
                transfers,
                period=command.period,
                target_seq=self.reversal_seq,
                source_ref=command.source_ref,
                keyed=True,
                beside=beside,
                detail=pack(
                    amount=amount,
                    to_accounts=to_accounts,
                    to_pooled_fund=to_pooled_fund,
                    late_fee=self.late_fee,
                    to_suspense=amount - to_accounts - to_pooled_fund - self.late_fee - receivable,
                    still_owed=self._still_owed(),
                    **({"receivable": receivable} if receivable else {}),
                    **({"left_out": self.left_out} if self.left_out else {}),
                    rows=rows_digest(beside),
                ),
            )
        )
        for month in self.months:
            month.write_cleared(draft.seq)

    def _month_of(self, period: int) -> Month:
        for month in self.months:
            if month.period == period:
                return month
        command = self.command
        month = Month(self.desk, self.book, period, command.received_on, command.reveal, command)
        self.months.append(month)
        return month

    def _still_owed(self) -> int:
        """What is owed on the day of receipt: for the month it names, else for all."""
        debts, own = debts_of(self.book), self.command.period
        policy = self.desk.policy(self.book.area)
        paid = {line.period: debts.levy(line.period).add(line) for line in self.squared.lines}
        paid |= {month.period: month.levy for month in self.months}
        owed = 0
        for period in debts.open_periods() if own is None else [own]:
            if period in self.left_out:
                continue
            levy = paid.get(period) or debts.levy(period)
            if levy.principal:
                fee = fee_owed(policy, period, levy, self.command.received_on)
                owed += levy.unpaid + max(fee, 0)
        return owed


def _is_owed(month: Month) -> bool:
    """Whether anything is owed for the month, or was until a correction."""
    return month.levy.principal > 0 or month.levy.listed
