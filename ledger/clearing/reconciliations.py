"""Comparing a day with an institution (R34): the totals, and line by line where lines are given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.bounds.care import COMPARED_DAY
from ledger.chart.care import ClearingState
from ledger.chart.kinds import Kind
from ledger.clearing.comparing import Difference, adds_up, agrees, compare
from ledger.clearing.days import DAY_LINES, DayLine, DayTotals
from ledger.institutions.agreed import AGREED, AGREED_DAYS, CLEARINGS, ReconciledDay
from ledger.institutions.books import institution_book
from ledger.months import period_of
from ledger.posting import Command, Desk
from ledger.refusals import RefusalCode, Refused

# as many differences as the entry keeps; the rest shows when the day is compared again after their repair
DIFFERENCES_MAX = 1000
# what an institution calls its totals, in the order of DayTotals
_TOTALS = ("count", "total", "fund", "account")


@dataclass(eq=False)
class Reconcile(Command):
    """Compare what the agency has of an institution's day with what the institution says.

    `book` is the institution's, opened now where nothing was written there yet. Without `lines` the totals
    decide, a bill that was taken back whole counting or not; with them the lines do, and the totals must be
    theirs. The day may be compared as often as anybody likes, today too; what holds is the last result. No
    money moves, and no patient is named.

    The entry keeps the result with its differences, so the same request is answered by it again.
    """

    verb = "reconcile"
    refused_with = (
        # a day to come
        RefusalCode.PERIOD_INVALID,
        # a day of a month that is cleared
        RefusalCode.ALREADY_CLEARED,
        # `theirs` is None: an amount could not be read
        RefusalCode.AMOUNT_INVALID,
        # the lines do not add up to the totals
        RefusalCode.AMOUNT_MISMATCH,
    )
    needs = frozenset({AGREED, DAY_LINES})
    opens = True

    book: int
    institution: str
    area: int
    day: date
    theirs: DayTotals | None
    lines: tuple[DayLine, ...] | None = None
    caller: str = ""
    actor: str = ""
    key: str | None = None
    days: tuple[date, date] | None = None
    # where `theirs` is None: the amount that could not be read
    unread: str = ""

    def __post_init__(self) -> None:
        self.days = (self.day, self.day)

    def content(self) -> str:
        lines = ""
        if self.lines is not None:
            lines = sha256("\n".join("|".join(map(str, line)) for line in self.lines).encode()).hexdigest()
        return f"{self.day}|{self.theirs}|{lines}"

    def decide(self, desk: Desk) -> None:
        book = institution_book(desk, self.book, self.institution, self.area)
        COMPARED_DAY.admit(self.day, desk.today, "day")
        clearing = book.of(CLEARINGS).get(period_of(self.day))
        if clearing is not None and clearing.state is not ClearingState.ENDED:
            raise Refused(RefusalCode.ALREADY_CLEARED, at="day")
        theirs = self._checked()
        # the totals are those of these very lines: bills of today go on being settled meanwhile
        ours = desk.of(DAY_LINES).get((book.book_id, self.day), [])
        totals = adds_up(ours)
        differences = None if self.lines is None else compare(ours, self.lines)
        balanced = agrees(ours, theirs) if differences is None else not differences
        facts: dict[str, object] = {}
        if differences is not None:
            facts["found"] = len(differences)
            facts["differences"] = [_told(one) for one in differences[:DIFFERENCES_MAX]]
        entry = book.add(
            Draft(
                Kind.RECONCILIATION,
                desk.today,
                detail=pack(day=self.day.isoformat(), balanced=balanced, ours=totals, theirs=theirs, **facts),
                keyed=True,
            )
        )
        book.of(AGREED_DAYS).set(self.day, ReconciledDay(balanced, *totals, entry.seq))

    def _checked(self) -> DayTotals:
        """What the institution says, when it can be."""
        if self.theirs is None:
            raise Refused(RefusalCode.AMOUNT_INVALID, at=self.unread)
        if self.lines is not None:
            told = zip(_TOTALS, adds_up(self.lines), self.theirs, strict=True)
            wrong = next((name for name, lines, total in told if lines != total), None)
            if wrong is not None:
                raise Refused(RefusalCode.AMOUNT_MISMATCH, at=wrong)
        return self.theirs


def _told(one: Difference) -> tuple[object, ...]:
    """A difference as the entry keeps it."""
    return (one.kind.value, one.message_id, _amounts(one.ours), _amounts(one.theirs))


def _amounts(line: DayLine | None) -> tuple[int, int, int] | None:
    return None if line is None else (line.total, line.fund, line.account)
