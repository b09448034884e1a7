"""What an employer owes more because the agency's own figure was wrong: nobody was late with it (R11)."""

from __future__ import annotations

from typing import Final

from ledger.book.beside import rows_digest
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.contributions.levies import LevyLine
from ledger.contributions.month import Month
from ledger.months import first_day

# what the detail of such an entry says, and no other's
EXCUSED: Final = "excused"


def excuse(book: Book, month: Month, reason: str) -> None:
    """Let what a month's lines have just made more count as paid from its first day on until today.

    An entry before the one that makes it owed says so, and moves nothing; that one takes it off again. So the
    late fee of every later day is worked out as ever, and what else was unpaid goes on costing what it costs.
    """
    more = sum(line.employee + line.employer for line in month.lines)
    if more <= 0:
        return
    line = LevyLine(month.period, first_day(month.period), employee_paid=more)
    nothing = dict.fromkeys(("lines", "employee", "employer", "returned", "receivable", "late_fee_back"), 0)
    detail = pack(reason=reason, refused={}, **{EXCUSED: more}, **nothing, rows=rows_digest((line,)))
    book.add(Draft(Kind.ADJUSTMENT, month.day, (), period=month.period, beside=(line,), detail=detail))
    month.levy = month.levy.add(line)
    month.change(employee_paid=-more)
