"""A year of an account on one page (R50): what there was, what came, what went, what is left.

By value dates, like the balance on a day: what was learned later about a year stands in that year. A turn of
the year and a reclassification move money between the pockets only, and are no income and no spending.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, Date, bindparam, case, func, select

from ledger import tables
from ledger.bounds.looks import STATED_YEAR
from ledger.chart.kinds import Kind
from ledger.refusals import RefusalCode, Refused
from ledger.reports.history import CHANGES

_B = tables.book.c
_FIRST = bindparam("first", type_=Date)
_FEN = CHANGES.current_year + CHANGES.carried_over
_IN_YEAR = CHANGES.effective_on >= _FIRST
_CAME, _WENT = _IN_YEAR & (_FEN > 0), _IN_YEAR & (_FEN < 0)
_MOVED = (
    select(
        CHANGES.kind,
        func.sum(case((CHANGES.effective_on < _FIRST, _FEN), else_=0)),
        func.sum(case((_CAME, 1), else_=0)),
        func.sum(case((_CAME, _FEN), else_=0)),
        func.sum(case((_WENT, 1), else_=0)),
        func.sum(case((_WENT, -_FEN), else_=0)),
    )
    .where(CHANGES.effective_on <= bindparam("last", type_=Date))
    .group_by(CHANGES.kind)
    .order_by(CHANGES.kind)
)


class KindMoved(NamedTuple):
    """What the entries of one kind did to an account, in fen: before a year, and in it both ways."""

    kind: Kind
    before_fen: int
    credits: int
    credit_fen: int
    debits: int
    debit_fen: int


class KindSum(NamedTuple):
    """How many entries of a kind there were, and how much they moved, in fen."""

    kind: Kind
    entries: int
    fen: int


@dataclass(frozen=True, slots=True)
class AccountYear:
    """The year of an account from `first` to `last`, in fen.

    A kind may stand on both sides: a reversal gives back what was spent, and takes back what had come. The
    interest is among the credits.
    """

    first: date
    last: date
    opening_fen: int
    credits: tuple[KindSum, ...]
    debits: tuple[KindSum, ...]

    @property
    def income_fen(self) -> int:
        return sum(one.fen for one in self.credits)

    @property
    def spending_fen(self) -> int:
        return sum(one.fen for one in self.debits)

    @property
    def interest_fen(self) -> int:
        return sum(one.fen for one in self.credits if one.kind is Kind.INTEREST)

    @property
    def closing_fen(self) -> int:
        return self.opening_fen + self.income_fen - self.spending_fen


def stated(first: date, last: date, moved: Iterable[KindMoved]) -> AccountYear:
    """The statement of some days, by what the entries of each kind did. Pure."""
    moved = tuple(moved)
    return AccountYear(
        first,
        last,
        sum(one.before_fen for one in moved),
        tuple(KindSum(one.kind, one.credits, one.credit_fen) for one in moved if one.credits),
        tuple(KindSum(one.kind, one.debits, one.debit_fen) for one in moved if one.debits),
    )


def moved_in(connection: Connection, book_id: int, first: date, last: date) -> list[KindMoved]:
    """What the entries of each kind did from `first` to `last`, and before."""
    rows = connection.execute(_MOVED, {"book_id": book_id, "first": first, "last": last})
    return [KindMoved(Kind(kind), *map(int, sums)) for kind, *sums in rows]


def year_statement(connection: Connection, book_id: int, year: int, today: date) -> AccountYear:
    """The statement of a year: of one that is over the whole, of this one what has been.

    Raises Refused(account_not_found), and Refused(period_invalid) for a year before the account or to come.
    """
    opened_on = connection.scalar(select(_B.opened_on).where(_B.book_id == book_id))
    if opened_on is None:
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="book")
    STATED_YEAR.admit_year(year, today, "year", opening=opened_on)
    first, last = date(year, 1, 1), min(date(year, 12, 31), today)
    return stated(max(first, opened_on), last, moved_in(connection, book_id, first, last))
