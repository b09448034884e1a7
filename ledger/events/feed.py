"""The feed: every event once, by a position that is given when what it tells of is seen committed.

A posting that is still in flight has no position yet, so nobody who reads on from a position ever passes it:
when it is committed late, it gets one that lies ahead of all readers. Positions are given by one pass at a
time. No clock and no number that was drawn before the commit decides.

Within a book events stand in the order of its entries. Whoever writes to a book has locked it until the
commit, so who sees an entry sees all that are before it in its book; and the instants of recording of a book
never go back. A pass takes what was recorded first, and all of one instant together, so it takes no entry
before an earlier one of its book that is still in the outbox. Among those of a pass each book's are put in
order by their numbers. In a cluster, where machines are not seen at one moment, that holds because a row of
the outbox lies in the shard of all the books that it names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, bindparam, delete, func, select

from ledger import tables
from ledger.book.numbers import party_of
from ledger.chart.events import EVENT_OF, TOLD_OF, EventKind
from ledger.database.locks import wait_for_turn
from ledger.database.lookups import Lookup
from ledger.database.writers import RowWriter

PASS_ROWS: Final = 500
PASS_ENTRIES: Final = 5_000
"""How many rows of the outbox a pass takes, and about how many entries, but for those of one instant."""

_TURN: Final = "events feed"
_O, _N, _E, _V = tables.outbox.c, tables.notice.c, tables.entry.c, tables.event.c
_ENTRIES = Lookup(
    "SELECT e.book_id, e.seq, e.kind, e.recorded_at FROM {given}"
    " JOIN entry e ON e.book_id = given.book_id AND e.seq = given.seq",
    [_E.book_id, _E.seq, _E.kind, _E.recorded_at],
    book_id="big",
    seq="int",
)
_KNOWN = Lookup(
    "SELECT v.kind, v.ref, v.book_id FROM {given} JOIN event v ON v.kind = given.kind AND v.ref = given.ref"
    " AND v.book_id = given.book_id WHERE v.ref IS NOT NULL",
    [_V.kind, _V.ref, _V.book_id],
    kind="small",
    ref="text",
    book_id="big",
)
_WRITER = RowWriter(tables.event)
_TAKEN = delete(tables.outbox).where(
    _O.recorded_at == bindparam("at"), _O.book_id == bindparam("book"), _O.seq == bindparam("number")
)
_HEARD = delete(tables.notice).where(
    _N.kind == bindparam("what"), _N.ref == bindparam("which"), _N.book_id == bindparam("book")
)
Place = tuple[int, int]


class Event(NamedTuple):
    """One event. `seq` is the number of the entry in its book, None for what is no entry."""

    position: int
    kind: EventKind
    book_id: int
    seq: int | None
    at: datetime


class News(NamedTuple):
    """Something that happened, and is no entry. `ref` tells it from others of its kind about that book."""

    kind: EventKind
    ref: str
    book_id: int
    at: datetime


def events_after(
    connection: Connection,
    position: int,
    limit: int,
    *,
    until: int | None = None,
    kinds: Collection[EventKind] | None = None,
) -> list[Event]:
    """At most `limit` events behind a position, in order; up to another one, and of some kinds, where said.

    What the outbox has is not among them yet.
    """
    query = (
        select(_V.position, _V.kind, _V.book_id, _V.seq, _V.at)
        .where(_V.position > position)
        .order_by(_V.position)
        .limit(limit)
    )
    if until is not None:
        query = query.where(_V.position <= until)
    if kinds is not None and len(kinds) < len(EventKind):
        query = query.where(_V.kind.in_([int(kind) for kind in kinds]))
    rows = connection.execute(query)
    return [Event(row.position, EventKind(row.kind), row.book_id, row.seq, row.at) for row in rows]


def last_position(connection: Connection) -> int:
    """The position of the newest event; 0 before the first."""
    return connection.scalar(select(func.max(_V.position))) or 0


def something_waits(connection: Connection) -> bool:
    """Whether something was committed that has no position yet."""
    written = select(_O.seq).limit(1).scalar_subquery()
    told = select(_N.ref).limit(1).scalar_subquery()
    return any(one is not None for one in connection.execute(select(written, told)).one())


def take_in(connection: Connection) -> bool:
    """One pass: give the next positions to what was committed first; whether there was anything.

    In a transaction of its own, so outside one. Two passes at once come one after the other.
    """
    with connection.begin():
        wait_for_turn(connection, _TURN)
        rows, notices = _committed_first(connection), _told_first(connection)
        if not rows and not notices:
            return False
        _append(connection, [*_of_entries(connection, rows), *_of_news(connection, notices)])
        # these very rows: others, also older ones, may have been committed meanwhile
        if rows:
            taken = [{"at": row.recorded_at, "book": row.book_id, "number": row.seq} for row in rows]
            connection.execute(_TAKEN, taken)
        if notices:
            heard = [{"what": int(one.kind), "which": one.ref, "book": one.book_id} for one in notices]
            connection.execute(_HEARD, heard)
    return True


def take_in_until(connection: Connection, at: datetime) -> None:
    """Give positions to all that is committed and was recorded up to an instant, and maybe to some more.

    Outside a transaction. What is recorded later does not keep it going.
    """
    written = select(_O.seq).where(_O.recorded_at <= at).limit(1).scalar_subquery()
    told = select(_N.ref).where(_N.at <= at).limit(1).scalar_subquery()
    while take_in(connection):
        with connection.begin():
            if all(one is None for one in connection.execute(select(written, told)).one()):
                return


def tell_once(connection: Connection, news: Sequence[News]) -> int:
    """Put what is not in the feed yet into it, in a transaction of its own; how many those were."""
    with connection.begin():
        wait_for_turn(connection, _TURN)
        found = _of_news(connection, news)
        _append(connection, found)
        return len(found)


# position, kind, book, number, reference, instant: the last five, as the table has them
_Found = tuple[int, int, int | None, str | None, datetime]


def _append(connection: Connection, found: Sequence[_Found]) -> None:
    before = last_position(connection)
    _WRITER.write(connection, [(before + place, *one) for place, one in enumerate(found, start=1)])


def _committed_first(connection: Connection) -> list[Row[Any]]:
    """The rows of the outbox that a pass takes: those of the earliest instants, each instant as a whole."""
    query = select(tables.outbox).order_by(_O.recorded_at, _O.book_id, _O.seq)
    rows = connection.execute(query.limit(PASS_ROWS + 1)).all()
    if len(rows) > PASS_ROWS:
        last = rows[-1].recorded_at
        # what is looked at again is looked at from the beginning: earlier ones may be there by now
        earlier = [row for row in rows if row.recorded_at < last]
        rows = earlier or connection.execute(query.where(_O.recorded_at <= last)).all()
    taken: list[Row[Any]] = []
    entries = 0
    for _instant, together in groupby(rows, key=attrgetter("recorded_at")):
        if entries >= PASS_ENTRIES:
            break
        some = list(together)
        entries += sum(row.seqs.count(",") + 1 for row in some)
        taken += some
    return taken


def _told_first(connection: Connection) -> list[News]:
    query = select(tables.notice).order_by(_N.at, _N.kind, _N.ref, _N.book_id).limit(PASS_ROWS)
    return [News(EventKind(row.kind), row.ref, row.book_id, row.at) for row in connection.execute(query)]


def _of_entries(connection: Connection, rows: Sequence[Row[Any]]) -> Iterator[_Found]:
    places = [place for row in rows for place in _named(row) if party_of(place[0]) in TOLD_OF]
    entries = {
        (book_id, seq): (kind, recorded_at)
        for book_id, seq, kind, recorded_at in _ENTRIES.run(connection, places)
    }
    for place in in_order(places):
        # an entry that is named and is not there was taken out of the book by force, which `verify` finds
        kind, recorded_at = entries.get(place, (0, None))
        event = EVENT_OF.get(kind)
        if event is not None and recorded_at is not None:
            yield int(event), *place, None, recorded_at


def _named(row: Row[Any]) -> Iterator[Place]:
    """The entries that a row of the outbox names."""
    return zip(_numbers(row.books), _numbers(row.seqs), strict=True)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.strip("{}").split(",")]


def in_order(places: Sequence[Place]) -> Iterator[Place]:
    """The same entries, those of each book by their numbers, on the places that the book has among them."""
    numbers: dict[int, list[int]] = defaultdict(list)
    for book_id, seq in places:
        numbers[book_id].append(seq)
    following = {book_id: iter(sorted(seqs)) for book_id, seqs in numbers.items()}
    return ((book_id, next(following[book_id])) for book_id, _seq in places)


def _of_news(connection: Connection, news: Sequence[News]) -> list[_Found]:
    """What of it is not in the feed yet."""
    wanted = {(int(one.kind), one.ref, one.book_id): one.at for one in news}
    known = {tuple(row) for row in _KNOWN.run(connection, list(wanted))}
    return [
        (kind, book_id, None, ref, at)
        for (kind, ref, book_id), at in wanted.items()
        if (kind, ref, book_id) not in known
    ]
