"""Money that has arrived for a month, spread over the persons it was paid for and credited to them (R8, R15).

Shared by what brings money to a month: a payment, and a list that comes after its money. Each works on one
entry of the employer's book that is about to be added; the persons' own entries name it as their source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date

from ledger.accounts.called_back import that_stays
from ledger.accounts.inheritance import hand_on, heirs_to_lock, was_transferred
from ledger.book.draft import Draft
from ledger.book.numbers import entry_name
from ledger.book.state import Book
from ledger.bounds.table import OWED_MONTH
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.members import LineKind
from ledger.chart.sides import Side
from ledger.contributions.cleared import cleared_ref, owed_of_month, waits_of_month
from ledger.contributions.late_fees import fee_owed
from ledger.contributions.levies import NOTHING_ASSESSED, Assessment, AssessmentLine, LevyLine, debts_of
from ledger.contributions.spreading import Due, spread
from ledger.months import first_day, period_of
from ledger.people.sealed import sealed_numbers
from ledger.policy import PartPayment, Policy, figures_since
from ledger.posting import Command, Desk, WiderLocks
from ledger.refusals import RefusalCode, Refused

# opens the sealed ID number of a person, for the order among those who tie for a fen
Reveal = Callable[[bytes, bytes], str]


def owed_month(desk: Desk, book: Book, period: int | None) -> int:
    """The month (YYYYMM) of an employer. Raises Refused(period_invalid) for one that is none, or is to come,
    and for one that the area has no figures for: what is owed for it could never be worked out.
    """
    return OWED_MONTH.admit_month(period, desk.today, "period", figures=figures_since(desk.policy(book.area)))


def employer_book(desk: Desk) -> Book:
    """The employer's book of a command. An account is none: Refused(employer_not_found)."""
    book: Book = desk.book
    if book.person_id is not None:
        raise Refused(RefusalCode.EMPLOYER_NOT_FOUND, at="book")
    return book


def next_entry(book: Book) -> str:
    """The name of the entry that will be added to a book next."""
    return entry_name(book.book_id, book.last_seq + 1)


def has_ended(account: Book, period: int) -> bool:
    """Whether a month lies after the holder's death, so that nothing was owed for it (R15)."""
    died = account.died_on
    return died is not None and period > period_of(died)


def lock_all(desk: Desk, accounts: Iterable[int]) -> None:
    """Have the accounts locked, and those of the heirs of closed ones: raises WiderLocks with the rest."""
    wanted = list(accounts)
    missing = [account for account in wanted if account not in desk.books]
    missing += heirs_to_lock(desk, [desk.books[account] for account in wanted if account in desk.books])
    if missing:
        raise WiderLocks(missing)


def waits_of(desk: Desk, month: Month, account_id: int) -> int:
    """What waits in suspense for one person of a month, in fen."""
    suspended = month.rows[account_id].suspended
    return waits_of_month(desk, month.employer_id, month.period, account_id, suspended)


class Month:
    """One month of an employer while one entry is made: what the entry will say about it.

    `day` is the value date of that entry. `may_ask` is a command that asks for the persons' ID numbers only
    when two of them tie for a fen. Amounts in fen.
    """

    def __init__(
        self,
        desk: Desk,
        book: Book,
        period: int,
        day: date,
        reveal: Reveal,
        may_ask: Command | None = None,
    ) -> None:
        debts = debts_of(book)
        self._desk = desk
        self._book = book
        self._reveal = reveal
        self._may_ask = may_ask
        self.period = period
        self.day = day
        self.levy = debts.levy(period)
        self.rows: dict[int, Assessment] = dict(debts.of_period(period))
        self.lines: list[AssessmentLine] = []
        # how much more, or less, of each amount of the month
        self._changes: Counter[str] = Counter()
        # what came of the money
        self.to_accounts = 0
        # by the day it was received, of what the holders of which accounts owed since money went back
        self.cleared: dict[date, dict[int, int]] = {}
        self.to_pooled_fund = 0
        self.forward = 0

    @property
    def employer_id(self) -> int:
        return self._book.book_id

    @property
    def policy(self) -> Policy:
        return self._desk.policy(self._book.area)

    @property
    def levy_line(self) -> LevyLine | None:
        """All that changed about the month, as the one line that its entry writes."""
        return LevyLine(self.period, self.day, **self._changes) if any(self._changes.values()) else None

    def change(self, **amounts: int) -> None:
        """Note a change of the month itself."""
        self.levy = self.levy.add(LevyLine(self.period, self.day, **amounts))
        self._changes.update(amounts)

    def assess(self, line: AssessmentLine) -> None:
        """Note what was assessed or adjusted for one person."""
        self._apply(line)
        self.change(employee=line.employee, employer=line.employer)

    def refund(self, account_id: int, employee: int, employer: int, *, forward: int, owed: int) -> None:
        """Note that money paid for one person goes back to the payer.

        Of the employee's part `forward` waits in suspense, and `owed` is no longer in the account.
        """
        self._apply(
            AssessmentLine(
                account_id,
                self.period,
                LineKind.REFUNDED,
                None,
                employee_paid=-employee,
                employer_paid=-employer,
                suspended=-forward - owed,
            )
        )
        self.change(employee_paid=-employee, employer_paid=-employer, forward=-forward)

    def _apply(self, line: AssessmentLine) -> None:
        self.rows[line.account_id] = self.rows.get(line.account_id, NOTHING_ASSESSED).add(line)
        self.lines.append(line)

    def annul_ended(self) -> None:
        """Take away what is still open for persons who had died before the month (R15)."""
        for due in self.open_rows():
            account = self._desk.look_at(due.account_id)
            if account is not None and has_ended(that_stays(self._desk, account), self.period):
                base = self.rows[due.account_id].base
                self.assess(
                    AssessmentLine(
                        due.account_id,
                        self.period,
                        LineKind.ADJUSTED,
                        base,
                        -due.employee_fen,
                        -due.employer_fen,
                    )
                )

    def open_rows(self) -> list[Due]:
        """What is unpaid, person by person."""
        return [
            Due(account_id, row.employee - row.employee_paid, row.employer - row.employer_paid)
            for account_id, row in sorted(self.rows.items())
            if row.employee_paid < row.employee or row.employer_paid < row.employer
        ]

    def spread_waiting(self) -> tuple[int, int]:
        """Spread what waits for the list over its persons, the oldest money first.

        The fen set free, and how many of them nobody is owed. Where a month is paid in full or not at all,
        what does not reach goes on waiting.
        """
        waiting = self.levy.waiting
        owed = sum(due.employee_fen + due.employer_fen for due in self.open_rows())
        how = self.policy.part_payment.on(first_day(self.period))
        if not waiting or (how is PartPayment.FULL_MONTH and waiting < owed):
            return 0, 0
        lock_all(self._desk, [due.account_id for due in self.open_rows()])
        waits = _by_day(self.levy.waits)
        if how is PartPayment.FULL_MONTH:
            waits = [(max(day for day, _ in waits), waiting)]
        for day, fen in waits:
            part = min(fen, owed)
            if part:
                self.pay(part, day, from_waiting=part)
                owed -= part
        left = self.levy.waiting
        if left:
            self.change(waiting=-left)
        return waiting, left

    def pay(self, fen: int, received_on: date, *, from_waiting: int = 0) -> None:
        """Spread money over the persons of the month and credit them, valued on the day it was received.

        `fen` is at most what the persons owe; `from_waiting` of it has waited in suspense until now.
        """
        dues = self.open_rows()
        how = self.policy.part_payment.on(first_day(self.period))
        employee_paid = employer_paid = forward = to_accounts = 0
        for due, (employee, employer) in zip(dues, spread(fen, dues, how, self._rank), strict=True):
            if not employee and not employer:
                continue
            cleared = self._clear(due.account_id, employee, received_on)
            rest = employee - cleared
            credited = not rest or self._credit(due.account_id, rest, received_on)
            self._apply(
                AssessmentLine(
                    due.account_id,
                    self.period,
                    LineKind.PAID,
                    None,
                    employee_paid=employee,
                    employer_paid=employer,
                    suspended=cleared + (0 if credited else rest),
                    paid_on=received_on,
                )
            )
            employee_paid += employee
            employer_paid += employer
            forward += 0 if credited else rest
            to_accounts += rest if credited else 0
        self.to_accounts += to_accounts
        self.to_pooled_fund += employer_paid
        self.forward += forward
        self.change(
            employee_paid=employee_paid, employer_paid=employer_paid, waiting=-from_waiting, forward=forward
        )

    @property
    def receivable(self) -> int:
        """What of the money cleared what persons owed of the month, in fen."""
        return sum(fen for accounts in self.cleared.values() for fen in accounts.values())

    def _clear(self, account_id: int, fen: int, received_on: date) -> int:
        """Clear what the person owes of this month first; the fen."""
        owed = -self.rows[account_id].suspended
        if owed <= 0:
            return 0
        account = self._desk.other(account_id)
        if account is None:
            raise AssertionError("an account is locked before it is paid into")
        cleared = min(fen, owed_of_month(self._desk, account, self._book.book_id, self.period, owed))
        if cleared:
            self.cleared.setdefault(received_on, {})[account_id] = cleared
        return cleared

    def write_cleared(self, source: int) -> None:
        """Add what was cleared, as entries of their own: behind the entry `source` that brought the money."""
        name = entry_name(self._book.book_id, source)
        for received_on, accounts in sorted(self.cleared.items()):
            transfers = tuple(
                (int(Side.COLLECTION_CLEARING), int(Side.RECEIVABLE), fen, account)
                for account, fen in sorted(accounts.items())
            )
            self._book.add(
                Draft(
                    Kind.CREDIT_SHORTFALL,
                    self._desk.today,
                    transfers,
                    period=self.period,
                    source_ref=cleared_ref(name, self.period, received_on),
                )
            )

    def _credit(self, account_id: int, fen: int, received_on: date) -> bool:
        """Credit one account; False when it takes nothing any more, and the money waits to be forwarded.

        What comes for the month of a life that is over goes to the heirs of the closed account (R33).
        """
        account = self._desk.other(account_id)
        if account is None:
            raise AssertionError("an account is locked before it is paid into")
        if account.stage == Stage.TRANSFERRING or (
            account.stage == Stage.CLOSED and was_transferred(self._desk, account)
        ):
            return False
        self._enter(account, fen, received_on)
        return True

    def release(self, account_id: int, fen: int) -> None:
        """Let what waits in suspense for one person reach the account after all.

        It is valued on the day it was received. Of a closed account it goes on from there (R33).
        """
        account = self._desk.other(account_id)
        received_on = self.rows[account_id].paid_on
        if account is None or received_on is None:
            raise AssertionError("what waits for an account was paid, and the account is locked")
        self._enter(account, fen, received_on)
        self._apply(
            AssessmentLine(account_id, self.period, LineKind.PAID, None, suspended=-fen, paid_on=received_on)
        )
        self.change(forward=-fen)

    def _enter(self, account: Book, fen: int, received_on: date) -> None:
        effective_on, fact_on = account.value_date(max(received_on, account.opened_on), self._desk.today)
        if effective_on != received_on:
            fact_on = received_on
        source_ref = f"{next_entry(self._book)}/{self.period}"
        if received_on != self.day:
            # a list may find money of several days that waited for it
            source_ref += f"/{received_on}"
        draft = account.credit(
            Draft(
                Kind.CONTRIBUTION, effective_on, period=self.period, fact_on=fact_on, source_ref=source_ref
            ),
            fen,
            Side.COLLECTION_CLEARING,
            self._book.book_id,
        )
        if account.stage == Stage.CLOSED:
            hand_on(self._desk, account, draft)

    def _rank(self, account_id: int) -> str:
        sealed = sealed_numbers(self._desk, self._may_ask).get(account_id)
        return "" if sealed is None else self._reveal(*sealed)

    def square_excess_fee(self, on: date) -> int:
        """Take back what was paid as late fee beyond what is owed by now, as after a correction; the fen."""
        excess = max(-fee_owed(self.policy, self.period, self.levy, on), 0)
        if excess:
            self.change(fee_paid=-excess)
        return excess


def _by_day(waits: Iterable[tuple[date, int]]) -> list[tuple[date, int]]:
    days: dict[date, int] = {}
    for day, fen in waits:
        days[day] = days.get(day, 0) + fen
    return sorted(days.items())
