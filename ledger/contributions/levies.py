"""What an employer owes and has paid, in memory: months, and the persons of a month. Pure.

The state is what the lines of the employer's entries add up to, exactly as the tables `levy` and `assessment`
hold it. Amounts are integer fen; lines are signed changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from hashlib import sha256
from typing import NamedTuple

from ledger.book.beside import RowKind, State, StateKind, plain
from ledger.book.state import Book
from ledger.chart.members import LineKind
from ledger.chart.rows import RowLetter
from ledger.months import first_day, next_period

# money that belongs to no month
NO_PERIOD = 0


class LevyLine(NamedTuple):
    """What one entry changes about one month: what is owed, what was paid, what waits in suspense."""

    period: int
    on_day: date
    estimated: int = 0
    employee: int = 0
    employer: int = 0
    employee_paid: int = 0
    employer_paid: int = 0
    waiting: int = 0
    surplus: int = 0
    forward: int = 0
    fee_paid: int = 0


class AssessmentLine(NamedTuple):
    """What one entry changes about one person's month. `base` is the base from here on."""

    account_id: int
    period: int
    kind: LineKind
    base: int | None
    employee: int = 0
    employer: int = 0
    employee_paid: int = 0
    employer_paid: int = 0
    suspended: int = 0
    # of what was paid: the day on which its money was received
    paid_on: date | None = None


class DeclaredLine(NamedTuple):
    """One line of a list as it was handed in: assessed, or refused with a code."""

    line: int
    account_id: int | None
    wage: int | None
    base: int | None
    employee: int | None
    employer: int | None
    code: str | None
    number_sealed: bytes | None


class Levy(NamedTuple):
    """A month of an employer. `payments` are what counts as paid by day, `waits` what waits by day."""

    estimated: int = 0
    employee: int = 0
    employer: int = 0
    employee_paid: int = 0
    employer_paid: int = 0
    waiting: int = 0
    surplus: int = 0
    forward: int = 0
    fee_paid: int = 0
    payments: tuple[tuple[date, int], ...] = ()
    waits: tuple[tuple[date, int], ...] = ()
    # whether a list of the month was ever confirmed, though everybody may have been taken off it since
    listed: bool = False
    # when the last money came that counts as paid, as `days_after` has it
    paid_day: int | None = None

    @property
    def principal(self) -> int:
        """What the unit owes for the month, late fee apart."""
        return self.estimated + self.employee + self.employer

    @property
    def unpaid(self) -> int:
        """What is still open of it; money that waits for the list counts as paid."""
        return max(self.principal - self.employee_paid - self.employer_paid - self.waiting, 0)

    def add(self, line: LevyLine) -> Levy:
        paid = line.employee_paid + line.employer_paid + line.waiting
        waits = self.waits
        if line.waiting > 0:
            waits = (*waits, (line.on_day, line.waiting))
        elif line.waiting < 0:
            waits = _taken(waits, -line.waiting)
        paid_day = self.paid_day
        if paid > 0 and line.period != NO_PERIOD:
            day = days_after(line.period, line.on_day)
            paid_day = day if paid_day is None else max(paid_day, day)
        return Levy(
            self.estimated + line.estimated,
            self.employee + line.employee,
            self.employer + line.employer,
            self.employee_paid + line.employee_paid,
            self.employer_paid + line.employer_paid,
            self.waiting + line.waiting,
            self.surplus + line.surplus,
            self.forward + line.forward,
            self.fee_paid + line.fee_paid,
            (*self.payments, (line.on_day, paid)) if paid else self.payments,
            waits,
            self.listed or line.employee != 0 or line.employer != 0,
            paid_day,
        )


def days_after(period: int, day: date) -> int:
    """A day by days from the first of the month after `period`, which is 1; so it stands beside a due day."""
    return (day - first_day(next_period(period))).days + 1


def _taken(waits: tuple[tuple[date, int], ...], fen: int) -> tuple[tuple[date, int], ...]:
    """What still waits after `fen` was taken, the oldest first."""
    left = []
    for day, waiting in waits:
        gone = min(waiting, fen)
        fen -= gone
        if waiting > gone:
            left.append((day, waiting - gone))
    return tuple(left)


class Assessment(NamedTuple):
    """One person's month at one employer: base and both parts, and what of them was paid."""

    base: int
    employee: int
    employer: int
    employee_paid: int = 0
    employer_paid: int = 0
    # what of `employee_paid` is not in the account; below zero what the person owes
    suspended: int = 0
    paid_on: date | None = None

    def add(self, line: AssessmentLine) -> Assessment:
        paid_on = self.paid_on
        if line.paid_on is not None:
            paid_on = line.paid_on if paid_on is None else max(paid_on, line.paid_on)
        return Assessment(
            self.base if line.base is None else line.base,
            self.employee + line.employee,
            self.employer + line.employer,
            self.employee_paid + line.employee_paid,
            self.employer_paid + line.employer_paid,
            self.suspended + line.suspended,
            paid_on,
        )


NOTHING_ASSESSED = Assessment(0, 0, 0)


# by month; and by month and account
LEVIES: StateKind[int, Levy] = StateKind("levy", ("period",), Levy)
ASSESSMENTS: StateKind[tuple[int, int], Assessment] = StateKind(
    "assessment", ("period", "account_id"), Assessment
)


class Debts(NamedTuple):
    """Those months of one employer, and those persons' months, that posting has read.

    They are the months that may owe something or have something over, and those that were asked for; one
    that was paid whole and in time, with no fee, is neither until somebody asks for it.
    """

    levies: State[int, Levy]
    # a key is the month and the account
    assessments: State[tuple[int, int], Assessment]
    # opened by the batch that is under way: there are no other months
    fresh: bool = False

    def levy(self, period: int) -> Levy:
        return _levy(self.levies, period, self.fresh)

    def is_estimated(self, period: int) -> bool:
        """Whether a month stands estimated: one that does may owe something, so all of them were read."""
        levy = self.levies.get(period)
        return levy is not None and levy.estimated > 0

    def of_period(self, period: int) -> list[tuple[int, Assessment]]:
        """The persons of a month, by account."""
        rows = self.assessments.rows
        return sorted((account, row) for (month, account), row in rows.items() if month == period)

    def open_periods(self) -> list[int]:
        """The months in which something may be owed, of those that were read, oldest first."""
        return sorted(
            period for period, levy in self.levies.rows.items() if period != NO_PERIOD and levy.principal
        )


def debts_of(book: Book) -> Debts:
    """What an employer owes, which the command has asked for."""
    return Debts(book.of(LEVIES), book.of(ASSESSMENTS), book.fresh)


def _levy(levies: State[int, Levy], period: int, fresh: bool) -> Levy:
    levy = levies.get(period)
    if levy is None:
        if not fresh:
            # to take it for nothing would forget what stands there
            raise AssertionError("nobody asked for this month of the employer")
        return Levy()
    return levy


def _add_levy(book: Book, line: LevyLine) -> None:
    levies = book.of(LEVIES)
    levies.set(line.period, _levy(levies, line.period, book.fresh).add(line))


def _add_assessment(book: Book, line: AssessmentLine) -> None:
    assessments, place = book.of(ASSESSMENTS), (line.period, line.account_id)
    assessments.set(place, assessments.rows.get(place, NOTHING_ASSESSED).add(line))


LEVY_LINE = RowKind("levy_line", RowLetter.LEVY, LevyLine, told=plain, apply=_add_levy)
ASSESSMENT_LINE = RowKind(
    "assessment_line", RowLetter.ASSESSMENT, AssessmentLine, told=plain, apply=_add_assessment
)


def _told_of_declared(line: DeclaredLine) -> str:
    # The sealed number is left out: what is sealed twice is never the same.
    return plain((line.line, line.account_id, line.wage, line.base, line.employee, line.employer, line.code))


DECLARED_LINE = RowKind("declared_line", RowLetter.DECLARED, DeclaredLine, told=_told_of_declared)


def sent_digest(numbers: Iterable[tuple[int, bytes]]) -> str:
    """Sixteen hex digits over the ID numbers that stand sealed on a list: by line, the keyed digest of each.

    Not over the seals: those are made anew when the key is.
    """
    told = sha256("".join(f"{line}|{digest.hex()}\n" for line, digest in numbers).encode())
    return told.hexdigest()[:16]
