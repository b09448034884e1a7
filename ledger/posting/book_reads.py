"""How books are locked and read: as they stand, and what of their entries belongs to their state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Integer, column

from ledger import tables
from ledger.book.detail import unpack
from ledger.book.state import Book, OpenFreeze, OpenHold
from ledger.chart.kinds import Kind
from ledger.chart.sides import POCKETS, Side
from ledger.database.cluster import in_lock_order
from ledger.database.lookups import Ask, Lookup

# what tells, read along with something else, whether a policy was put in force since the last look
NEWEST: Final = "(SELECT max(number) FROM policy_in_force)"
BOOK_COLUMNS = (
    "book_id",
    "current_year",
    "carried_over",
    "held",
    "reserved",
    "person_id",
    "last_seq",
    "area",
    "opened_on",
    "died_on",
    "open_year",
    "interest_year",
    "open_freezes",
    "stage",
    "head",
    "recorded_at",
)
_E = tables.entry.c
_B = tables.book.c

# with each book what tells whether another policy was put in force: it costs no statement of its own
_STANDING = f"SELECT {', '.join(BOOK_COLUMNS)}, {NEWEST} AS newest FROM book WHERE book_id {{in_given}}"
_STANDING_RETURNS = [*(_B[name] for name in BOOK_COLUMNS), column("newest", Integer)]
_LOCK = Lookup(f"{_STANDING} ORDER BY book_id{{lock}}", _STANDING_RETURNS, book_id="big")
_LOOK = Lookup(_STANDING, _STANDING_RETURNS, book_id="big")
_READ = Lookup(
    f"SELECT {', '.join(BOOK_COLUMNS)} FROM book WHERE book_id {{in_given}}",
    [_B[name] for name in BOOK_COLUMNS],
    book_id="big",
)
_RECORDED = Lookup(
    "SELECT e.book_id, e.recorded_at FROM {given} JOIN entry e"
    " ON e.book_id = given.book_id AND e.seq = given.seq",
    [_E.book_id, _E.recorded_at],
    book_id="big",
    seq="int",
)
_OPEN = Lookup(
    "SELECT e.book_id, e.seq, e.kind, e.held_change, e.expires_at, e.detail FROM {given} JOIN entry e"
    " ON e.book_id = given.book_id AND e.kind = given.kind"
    " WHERE NOT EXISTS (SELECT 1 FROM entry x WHERE x.book_id = e.book_id AND x.target_seq = e.seq)"
    " ORDER BY e.book_id, e.seq",
    [_E[name] for name in ("book_id", "seq", "kind", "held_change", "expires_at", "detail")],
    book_id="big",
    kind="small",
)
# The last entry of a book that was recorded before a day. Nothing is valued later than on the day on which it
# is recorded, and no book runs backwards: so whatever is valued on a day or later comes after it. Read from
# the end, it costs what was recorded since, however long the life before.
LAST_BEFORE = (
    "COALESCE((SELECT x.seq FROM entry x WHERE x.book_id = given.book_id"
    " AND x.recorded_at < given.recorded_from ORDER BY x.seq DESC LIMIT 1), 0)"
)
# A cluster looks at no book's end from within a statement about many: there the whole life is read.
FROM_THE_START: Final = {LAST_BEFORE: "0"}
# days begin in the area before they begin in UTC; the rest is for clocks that ran behind
_APART = timedelta(days=2)


def recorded_from(day: date) -> str:
    """The `recorded_from` of LAST_BEFORE for what is valued on a day or later."""
    return (day - _APART).isoformat() if day.year > 1 else date.min.isoformat()


_POCKETS = ", ".join(str(int(side)) for side in sorted(POCKETS))
_DAYS = Lookup(
    "SELECT e.book_id, e.effective_on,"
    f" SUM(CASE {int(Side.CURRENT_YEAR)} WHEN t.to_side THEN t.amount_fen"
    " WHEN t.from_side THEN -t.amount_fen ELSE 0 END),"
    f" SUM(CASE WHEN t.to_side IN ({_POCKETS}) THEN t.amount_fen ELSE 0 END"
    f" - CASE WHEN t.from_side IN ({_POCKETS}) THEN t.amount_fen ELSE 0 END)"
    " FROM {given} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.seq > {LAST_BEFORE}"
    f" JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq WHERE e.kind <> {int(Kind.CARRY_OVER)}"
    " AND e.effective_on >= given.since GROUP BY e.book_id, e.effective_on",
    [_E.book_id, _E.effective_on, column("change", BigInteger), column("total", BigInteger)],
    FROM_THE_START,
    book_id="big",
    since="date",
    recorded_from="date",
)


Standing = tuple[dict[int, Book], int | None]
"""Books by number, and what NEWEST was when they were read; None when none was."""


def lock_books(connection: Connection, ids: Iterable[int]) -> Standing:
    """Lock the books in one order for all and read them. How books are locked is this function and no other.

    The order is that of their numbers; where they lie spread over machines, of their shards first.
    """
    found: list[Any] = []
    for lock, rows in locks_of(connection, ids):
        found += lock.run(connection, rows)
    return _standing(connection, found)


def locks_of(connection: Connection, ids: Iterable[int]) -> list[Ask]:
    """What `lock_books` asks."""
    return [(_LOCK, [(book_id,) for book_id in some]) for some in in_lock_order(connection, ids)]


def look_at_books(connection: Connection, ids: Iterable[int]) -> Standing:
    """The same without locks, for a dry run."""
    return _standing(connection, _LOOK.run(connection, [(book_id,) for book_id in sorted(ids)]))


def _standing(connection: Connection, rows: Sequence[Any]) -> Standing:
    books: dict[int, Book] = {}
    newest: int | None = None
    for book_id, *facts, in_force in rows:
        books[book_id] = Book(book_id, *facts)
        newest = in_force
    _read_recorded(connection, books)
    return books, newest


def read_books(connection: Connection, ids: Iterable[int]) -> dict[int, Book]:
    """Books as they stand, without locks, for reads."""
    rows = _READ.run(connection, [(book_id,) for book_id in sorted(ids)])
    books = {book_id: Book(book_id, *facts) for book_id, *facts in rows}
    _read_recorded(connection, books)
    return books


def _read_recorded(connection: Connection, books: Mapping[int, Book]) -> None:
    """When the last entry was recorded, for books that a version without that column wrote to last."""
    asked = [(book.book_id, book.last_seq) for book in books.values() if book.recorded_at is None]
    for book_id, recorded_at in _RECORDED.run(connection, asked):
        books[book_id].recorded_at = recorded_at


def read_open(connection: Connection, books: Iterable[Book]) -> None:
    """Put the open holds and the freezes that were not ended on the books that have any."""
    by_id = {book.book_id: book for book in books}
    asked = [(book.book_id, int(Kind.HOLD)) for book in by_id.values() if book.held]
    asked += [(book.book_id, int(Kind.FREEZE)) for book in by_id.values() if book.open_freezes]
    for book_id, seq, kind, held_change, expires_at, detail in _OPEN.run(connection, asked):
        if kind == Kind.HOLD:
            by_id[book_id].holds[seq] = OpenHold(seq, held_change, expires_at, detail)
        else:
            facts = unpack(detail)
            last = facts.get("to")
            by_id[book_id].freezes[seq] = OpenFreeze(
                seq,
                date.fromisoformat(facts["from"]),
                None if last is None else date.fromisoformat(last),
                detail,
            )


def read_days(connection: Connection, books: Iterable[Book], years: Mapping[int, int]) -> None:
    """What each value date changed, for books that a debit dated back is coming to; from which year on."""
    by_id = {book.book_id: book for book in books}
    for book in by_id.values():
        book.days = {}
    begins = {book_id: date(years[book_id], 1, 1) for book_id in by_id}
    asked = [(book_id, day.isoformat(), recorded_from(day)) for book_id, day in begins.items()]
    for book_id, day, current_year, total in _DAYS.run(connection, asked):
        days = by_id[book_id].days
        if days is not None:
            days[day] = int(current_year), int(total)
