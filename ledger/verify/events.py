"""What must be true of the feed: no event was lost, made up or taken away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection, Select, and_, case, exists, func, or_, select

from ledger import tables
from ledger.chart.events import EVENT_OF, TOLD_OF
from ledger.database.lookups import read_first
from ledger.verify.finding import Finding, line_name
from ledger.verify.streams import streamed

_E, _V, _O = tables.entry.c, tables.event.c, tables.outbox.c
# by how far clocks of machines that posted when the feed began may have been apart
_APART = timedelta(days=1)
_MEANS = case({int(kind): int(event) for kind, event in EVENT_OF.items()}, value=_E.kind, else_=0)


def events_are_those_of_the_books(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Positions have no gap and follow the entries of a book, events say what these do, and none is left out.

    What was written before there was a feed is not told: a book's entries from its first told one on, and all
    that were recorded later than the first event.
    """
    there, newest = connection.execute(select(func.count(), func.max(_V.position))).one()
    if there != (newest or 0):
        yield Finding("event_missing", "feed", f"of {newest} events {there} are there")
    wrong = (
        select(_V.position, _V.book_id, _V.seq)
        .outerjoin_from(tables.event, tables.entry, and_(_E.book_id == _V.book_id, _E.seq == _V.seq))
        .where(
            _V.seq.is_not(None),
            _V.book_id.between(first, last),
            or_(_E.seq.is_(None), _V.kind != _MEANS, _V.at != _E.recorded_at),
        )
        .order_by(_V.position)
    )
    for position, book_id, seq in streamed(connection, wrong):
        yield Finding("event_wrong", f"event {position}", f"{line_name(book_id, seq)} says something else")
    for (position,) in streamed(connection, _turned_round(first, last)):
        yield Finding("event_wrong", f"event {position}", "it stands before an earlier entry of its book")
    waiting: set[tuple[int, int]] | None = None
    for book_id, seq in _untold(connection, first, last):
        if waiting is None:
            waiting = _in_the_outbox(connection)
        if (book_id, seq) not in waiting:
            yield Finding("event_missing", line_name(book_id, seq), "nobody was told of it")


def _turned_round(first: int, last: int) -> Select[tuple[int]]:
    """The positions of events behind which an earlier entry of their book stands."""
    # along the index of books and numbers
    following = func.lead(_V.position).over(partition_by=_V.book_id, order_by=_V.seq)
    told = (
        select(_V.position, following.label("following"))
        .where(_V.seq.is_not(None), _V.book_id.between(first, last))
        .subquery()
    )
    return select(told.c.position).where(told.c.following < told.c.position).order_by(told.c.position)


def _untold(connection: Connection, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Entries that should be told and are not in the feed."""
    began: datetime | None = connection.scalar(
        select(_V.at).where(_V.seq.is_not(None)).order_by(_V.position).limit(1)
    )
    if began is None:
        return
    its_own = _V.seq.is_not(None) & _V.book_id.between(first, last)
    events = read_first(select(_V.book_id, _V.seq).where(its_own), "events").c
    firsts = read_first(
        select(_V.book_id, func.min(_V.seq).label("seq")).where(its_own).group_by(_V.book_id), "firsts"
    ).c
    its_first = select(firsts.seq).where(firsts.book_id == _E.book_id).scalar_subquery()
    told = exists().where(events.book_id == _E.book_id, events.seq == _E.seq)
    query = (
        select(_E.book_id, _E.seq)
        .where(
            _E.book_id.between(first, last),
            or_(*(_E.book_id.between(party.first, party.last) for party in TOLD_OF)),
            _E.kind.in_([int(kind) for kind in EVENT_OF]),
            ~told,
            or_(_E.recorded_at > began + _APART, _E.seq > its_first),
        )
        .order_by(_E.book_id, _E.seq)
    )
    yield from streamed(connection, query)


def _in_the_outbox(connection: Connection) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for books, seqs in streamed(connection, select(_O.books, _O.seqs)):
        try:
            numbers = [list(map(int, said.strip("{}").split(","))) for said in (books, seqs)]
            found.update(list(zip(*numbers, strict=True)))
        except ValueError:
            # it tells of nothing: what it should have told of is missing
            continue
    return found
