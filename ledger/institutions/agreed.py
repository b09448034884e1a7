"""What was agreed on with an institution for a day, and what may still change it (R34)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.book.beside import StateKind
from ledger.book.numbers import is_institution
from ledger.book.state import Book
from ledger.chart.care import ClearingState
from ledger.database.lookups import Lookup
from ledger.months import period_of
from ledger.posting import Desk, Need
from ledger.posting.needs import Asked
from ledger.refusals import RefusalCode, Refused


class ReconciledDay(NamedTuple):
    """A day of an institution as both sides have agreed on it, or not (R34). The sums are ours."""

    balanced: bool
    bills: int
    total: int
    fund: int
    account: int
    seq: int


class Clearing(NamedTuple):
    """A month of an institution that was cleared: what the agency owes it."""

    state: ClearingState
    bills: int
    total: int
    fund: int
    account: int
    seq: int


AGREED_DAYS: StateKind[date, ReconciledDay] = StateKind("reconciled_day", ("day",), ReconciledDay)
CLEARINGS: StateKind[int, Clearing] = StateKind("clearing", ("period",), Clearing)

_DAY = ("book_id", "day", *ReconciledDay._fields)
_DAYS = Lookup(
    f"SELECT {', '.join(f'd.{name}' for name in _DAY)} FROM {{given}} JOIN reconciled_day d"
    " ON d.book_id = given.book_id AND d.day >= given.first AND d.day <= given.last",
    [tables.reconciled_day.c[name] for name in _DAY],
    book_id="big",
    first="date",
    last="date",
)
_CLEARING = ("book_id", "period", *Clearing._fields)
_MONTHS = Lookup(
    f"SELECT {', '.join(f'c.{name}' for name in _CLEARING)} FROM {{given}}"
    " JOIN clearing c ON c.book_id = given.book_id",
    [tables.clearing.c[name] for name in _CLEARING],
    book_id="big",
)


def read_agreed(connection: Connection, asked: Sequence[tuple[int, str, str]], desk: Desk) -> None:
    """Put beside the books what was agreed on for the days of (book, first, last), and the cleared months.

    A book that nothing was written in yet has neither.
    """
    there = [(book_id, first, last) for book_id, first, last in dict.fromkeys(asked) if book_id in desk.books]
    books = [(book_id,) for book_id, _first, _last in there]
    for (book_id,) in books:
        desk.books[book_id].put(AGREED_DAYS)
        desk.books[book_id].put(CLEARINGS)
    for book_id, day, balanced, *rest in _DAYS.run(connection, there):
        desk.books[book_id].of(AGREED_DAYS).rows[day] = ReconciledDay(bool(balanced), *rest)
    for book_id, period, state, *rest in _MONTHS.run(connection, books):
        desk.books[book_id].of(CLEARINGS).rows[period] = Clearing(ClearingState(state), *rest)


# no day at all, for commands that are about a month alone
_NO_DAYS = (date.max, date.min)


def _read(connection: Connection, asked: Asked, desk: Desk) -> bool:
    days: list[tuple[int, str, str]] = []
    for book_id, command in asked:
        if command.days is None and not is_institution(book_id):
            continue
        first, last = command.days or _NO_DAYS
        # its own, or that of the institution which the command names beside a patient's
        about = [book_id] if is_institution(book_id) else filter(is_institution, desk.books)
        days += [(one, first.isoformat(), last.isoformat()) for one in about]
    read_agreed(connection, days, desk)
    return True


# of an institution's book: what both sides agreed on for the `days` of the command, if it has any, and its
# cleared months
AGREED: Need[bool] = Need("what was agreed on", _read)


def repaired_day(desk: Desk, institution_id: int, day: date) -> date:
    """The unbalanced day that a posting puts right: it counts there, and not on the day of posting (R34).

    Raises Refused(period_invalid) for a day that no reconciliation found different, or of a cleared month.
    """
    book = desk.other(institution_id)
    known = None if book is None else book.of(AGREED_DAYS).get(day)
    if book is None or known is None or known.balanced or _is_cleared(book, day):
        raise Refused(RefusalCode.PERIOD_INVALID, at="repairs", latest=desk.today)
    return day


def _is_cleared(book: Book, day: date) -> bool:
    clearing = book.of(CLEARINGS).get(period_of(day))
    return clearing is not None and clearing.state is not ClearingState.ENDED
