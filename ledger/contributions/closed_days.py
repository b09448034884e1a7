"""On which days an employer was closed, and which one took its place: by the entries of its book (R5).

`employer_closure` keeps whether it is closed now; one that was opened again has days on which it was not
there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Connection, and_, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.contributions.employers import codes_of

_A_DAY: Final = timedelta(days=1)
_E, _C = tables.entry.c, tables.employer_closure.c
CLOSING: Final = (Kind.EMPLOYER_MERGER, Kind.EMPLOYER_CLOSURE, Kind.EMPLOYER_REOPENING)


class ClosingSaid(NamedTuple):
    """What an entry says of an employer from a day on: closed, and for which other one, or open again."""

    seq: int
    first: date
    is_closed: bool
    # the book of the employer that it was merged into
    into: int | None = None


# by book, in the order in which they were recorded
Closings = dict[int, list[ClosingSaid]]


class Closed(NamedTuple):
    """That an employer is closed on a day: its last day, and the book of the one it was merged into."""

    last: date
    into: int | None


def take_in(found: Closings, book_id: int, seq: int, kind: int, detail: str | None) -> None:
    """Add what an entry says; a merger has its closure right behind it."""
    there = found.setdefault(book_id, [])
    told = unpack(detail)
    if kind == Kind.EMPLOYER_MERGER:
        there.append(ClosingSaid(seq, date.fromisoformat(told["from"]), True, told["successor"]))
    elif kind == Kind.EMPLOYER_REOPENING:
        there.append(ClosingSaid(seq, date.fromisoformat(told["on"]), False))
    elif not there or there[-1].into is None or there[-1].seq != seq - 1:
        there.append(ClosingSaid(seq, date.fromisoformat(told["on"]) + _A_DAY, True))


def closings_of(connection: Connection, book_ids: Collection[int]) -> Closings:
    """What was said of the end of employers. Who was never closed has nothing, and costs nothing more."""
    found: Closings = {}
    rows = connection.execute(
        select(_E.book_id, _E.seq, _E.kind, _E.detail)
        .join_from(tables.employer_closure, tables.entry, _E.book_id == _C.book_id)
        .where(and_(_C.book_id.in_(sorted(book_ids)), _E.kind.in_([int(kind) for kind in CLOSING])))
        .order_by(_E.book_id, _E.seq)
    )
    for row in rows:
        take_in(found, *row)
    return found


def closed_as_of(said: Sequence[ClosingSaid], day: date) -> Closed | None:
    """That an employer is closed on a day, by the word about that day that was recorded last; None: it is
    open.
    """
    word = next((one for one in reversed(said) if one.first <= day), None)
    return None if word is None or not word.is_closed else Closed(word.first - _A_DAY, word.into)


class EmployerEnd(NamedTuple):
    """That an employer is closed on a day: its last day, and the credit code of what it was merged into."""

    closed_on: date
    into: str | None


def ends_on(connection: Connection, book_ids: Collection[int], day: date) -> dict[int, EmployerEnd]:
    """Those of some employers that are closed on a day, by the number of their book."""
    closed = {
        book_id: end
        for book_id, said in closings_of(connection, book_ids).items()
        if (end := closed_as_of(said, day)) is not None
    }
    codes = codes_of(connection, {end.into for end in closed.values() if end.into is not None})
    return {
        book_id: EmployerEnd(end.last, None if end.into is None else codes[end.into])
        for book_id, end in closed.items()
    }


def is_open_from(said: Sequence[ClosingSaid], day: date) -> bool:
    """Whether an employer is open on a day and on all days after it, as far as is known."""
    turns = {day, *(one.first for one in said if one.first > day)}
    return all(closed_as_of(said, turn) is None for turn in turns)
