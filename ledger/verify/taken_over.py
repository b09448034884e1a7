"""What estates took over that was owed of accounts which had gone into theirs: it stands in both books."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import Connection, or_, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.posting import Receipt
from ledger.posting.reads import RECEIPT_COLUMNS, receipts
from ledger.verify.finding import UNREADABLE, Finding, line_name
from ledger.verify.named import Place, acted_on, entries_named, place_of

_E = tables.entry.c


class _TakenOver(NamedTuple):
    """What a line of an estate says: of which demand or case, and how much was owed of it, in fen."""

    estate: int
    line: int
    what: object
    owed: int


def what_estates_took_over_stands_in_both_books(
    connection: Connection, first: int, last: int
) -> Iterator[Finding]:
    """What an estate says it took over of another account stands there, as long as the estate does; and
    nothing else does.
    """
    here = receipts(
        connection,
        connection.execute(
            select(*(_E[name] for name in RECEIPT_COLUMNS))
            .where(
                _E.book_id.between(first, last),
                or_(
                    (_E.kind == int(Kind.SET_OFF)) & _E.detail.like('%"estate":%'),
                    (_E.kind == int(Kind.ESTATE)) & _E.target_seq.is_(None) & _E.detail.like('%"by":%'),
                ),
            )
            .order_by(_E.book_id, _E.seq)
        ).all(),
    )
    set_off = [one for one in here if one.kind is Kind.SET_OFF]
    estates = [one for one in here if one.kind is Kind.ESTATE] + _estates_of(connection, set_off)
    said = {place: (told, estate) for estate in estates for place, told in _lines(estate)}
    there = entries_named(connection, said.keys())
    undone = acted_on(connection, [(estate.book_id, estate.seq) for estate in estates])
    reversed_ = acted_on(connection, {*said, *((one.book_id, one.seq) for one in set_off)})
    places = {(one.book_id, one.seq) for one in set_off}
    for place in sorted(places | said.keys()):
        told, estate = said.get(place, (None, None))
        entry = there.get(place)
        if told is None or estate is None or entry is None or _told(entry) != told:
            what = "what an estate took over of another account does not stand in both books"
            yield Finding("set_off_wrong", line_name(*place), what)
        elif ((estate.book_id, estate.seq) in undone) != (place in reversed_):
            what = "what an estate took over of another account does not stand as long as it"
            yield Finding("set_off_wrong", line_name(*place), what)


def _estates_of(connection: Connection, set_off: Iterable[Receipt]) -> list[Receipt]:
    """Every division of the estates that entries name."""
    books = {told.estate for one in set_off if (told := _told(one)) is not None}
    rows = connection.execute(
        select(*(_E[name] for name in RECEIPT_COLUMNS)).where(
            _E.book_id.in_(sorted(books)), _E.kind == int(Kind.ESTATE), _E.target_seq.is_(None)
        )
    ).all()
    return receipts(connection, rows)


def _told(entry: Receipt) -> _TakenOver | None:
    try:
        told = unpack(entry.detail)
        estate, line = told["estate"]
        place_of(estate, line + 1)
        return _TakenOver(estate, line, _what(told), int(told["owed"]))
    except UNREADABLE:
        return None


def _what(told: dict[str, object]) -> object:
    return ("case", told["case"]) if "case" in told else ("demand", told["demand"])


def _lines(estate: Receipt) -> Iterator[tuple[Place, _TakenOver]]:
    try:
        for number, line in enumerate(unpack(estate.detail).get("set_off", ())):
            if "by" in line:
                told = _TakenOver(estate.book_id, number, _what(line), int(line["owed"]))
                yield place_of(line["account"], line["by"]), told
    except UNREADABLE:
        # told by the entry itself
        return
