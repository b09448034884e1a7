"""What is said of institutions and employers from a day on, and that bills go by it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, and_, or_, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.parties import Party
from ledger.contributions.closed_days import closings_of
from ledger.verify.finding import UNREADABLE, Finding, book_name, line_name
from ledger.verify.streams import streamed

_E, _S, _I = tables.entry.c, tables.settlement.c, tables.institution.c
_TABLES = (
    (Party.INSTITUTION, tables.institution_change, ("name", "kind", "level", "area", "ended", "successor")),
    (Party.EMPLOYER, tables.employer_change, ("name", "area", "successor")),
)
# for so long a bill that was being decided may go by what was replaced meanwhile: it locks no institution
_MEANWHILE = timedelta(minutes=10)


def registers_say_what_their_entries_say(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """What is said of an institution or an employer from a day on is what its entry tells, word for word."""
    for party, table, names in _TABLES:
        low, high = party.within(first, last)
        query = (
            select(table.c.book_id, table.c.seq, table.c.valid_from, *(table.c[name] for name in names))
            .add_columns(_E.detail)
            .join_from(table, tables.entry, and_(_E.book_id == table.c.book_id, _E.seq == table.c.seq))
            .where(table.c.book_id.between(low, high))
            .order_by(table.c.book_id, table.c.seq)
        )
        for book_id, seq, day, *said, detail in streamed(connection, query):
            try:
                told = unpack(detail)
                facts = (told["from"], *(told.get(name) for name in names))
            except UNREADABLE:
                facts = ()
            if facts != (day.isoformat(), *said):
                yield Finding(
                    "change_wrong", line_name(book_id, seq), "what it says is not what stands there"
                )


# by book, in the order of its words: from which day on which other one is in its place, None for nobody
_Places = dict[int, list[tuple[date, int | None]]]


def mergers_make_no_circle(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Who follows from one to the other that took its place comes to one that is there, on every day."""
    for places in (_places_of_employers(connection), _places_of_institutions(connection)):
        for book_id, said in sorted(places.items()):
            if not first <= book_id <= last:
                continue
            for day in sorted({day for day, _into in said}):
                if _leads_back(places, book_id, day):
                    what = f"on {day} those that took its place lead back to itself"
                    yield Finding("merger_circle", book_name(book_id), what)
                    break


def _leads_back(places: _Places, start: int, day: date) -> bool:
    passed: set[int] = set()
    at: int | None = start
    while at is not None and at not in passed:
        passed.add(at)
        at = next((into for since, into in reversed(places.get(at, [])) if since <= day), None)
    return at == start


def _places_of_employers(connection: Connection) -> _Places:
    found: _Places = {}
    change = tables.employer_change.c
    merged = select(change.book_id).where(change.successor.is_not(None)).distinct()
    for book_id in connection.scalars(merged).all():
        try:
            said = closings_of(connection, [book_id]).get(book_id, [])
        except UNREADABLE:
            # that is found where rows are held against their entries
            continue
        found[book_id] = [(one.first, one.into) for one in said]
    return found


def _places_of_institutions(connection: Connection) -> _Places:
    change, into = tables.institution_change.c, tables.institution.alias().c
    rows = connection.execute(
        select(change.book_id, change.valid_from, into.party_id)
        .outerjoin_from(tables.institution_change, into.code.table, into.code == change.successor)
        .where(change.ended.is_not(None))
        # of these the latest day counts, and of one day what was recorded last
        .order_by(change.book_id, change.valid_from, change.seq)
    )
    found: _Places = {}
    for book_id, day, successor in rows:
        found.setdefault(book_id, []).append((day, successor))
    return found


def bills_go_by_the_day_of_care(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """A bill was settled by the level that its institution had on the day of care, as was known then (K9)."""
    said = _levels_said(connection)
    query = (
        select(_S.book_id, _S.seq, _S.institution_id, _S.care_date, _S.level, _I.level, _E.recorded_at)
        .join_from(tables.settlement, tables.institution, _I.party_id == _S.institution_id)
        .join(tables.entry, and_(_E.book_id == _S.book_id, _E.seq == _S.seq))
        .where(
            _S.book_id.between(first, last),
            # what is taken back is the row that it takes back, turned
            _S.reverses_seq.is_(None),
            or_(_S.level != _I.level, _S.institution_id.in_(sorted(said))),
        )
        .order_by(_S.book_id, _S.seq)
    )
    for book_id, seq, institution, day, level, registered, at in streamed(connection, query):
        if level not in _levels(registered, said.get(institution, []), day, at):
            what = f"it goes by level {level}, which its institution was not known to have on {day}"
            yield Finding("level_wrong", line_name(book_id, seq), what)


# (recorded at, first day, level), in the order in which they were recorded
_Levels = list[tuple[datetime, date, int]]


def _levels_said(connection: Connection) -> dict[int, _Levels]:
    change = tables.institution_change
    rows = connection.execute(
        select(change.c.book_id, _E.recorded_at, change.c.valid_from, change.c.level)
        .join_from(change, tables.entry, and_(_E.book_id == change.c.book_id, _E.seq == change.c.seq))
        .where(change.c.level.is_not(None))
        .order_by(change.c.book_id, change.c.seq)
    )
    found: dict[int, _Levels] = {}
    for book_id, *said in rows:
        at, day, level = said
        found.setdefault(book_id, []).append((at, day, level))
    return found


def _levels(registered: int, said: _Levels, care: date, at: datetime) -> set[int]:
    """The levels by which a bill of a day of care may have gone that was settled at that instant."""
    best: tuple[date, int] = (date.min, registered)
    known = {registered}
    for recorded_at, day, level in said:
        if day > care or recorded_at > at + _MEANWHILE:
            continue
        if day >= best[0]:
            best = (day, level)
        # what it was until then may still have counted for whoever was deciding
        known = {best[1]} if recorded_at < at - _MEANWHILE else known | {best[1]}
    return known
