"""Entries that others name in their details, as far as they can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from ledger.chart.kinds import Kind
from ledger.posting import Receipt
from ledger.posting.reads import read_acted, read_entries

Place = tuple[int, int]
FoundT = TypeVar("FoundT")


def place_of(book_id: object, seq: object) -> Place:
    """The entry that a detail names by two numbers. Raises TypeError or ValueError for what can be none."""
    if not isinstance(book_id, int) or not isinstance(seq, int):
        raise TypeError
    if not (0 < book_id < 2**63 and 0 < seq < 2**31):
        raise ValueError
    return book_id, seq


def entries_named(connection: Connection, places: Iterable[Place]) -> dict[Place, Receipt]:
    """Those that there are. One of a kind that there is not is missing: that it is one is another finding."""
    found = _each(read_entries, connection, sorted(set(places)))
    return {(one.book_id, one.seq): one for some in found for one in some}


def acted_on(connection: Connection, places: Iterable[Place]) -> dict[Place, Kind]:
    """What acted on them, in the same manner."""
    found: dict[Place, Kind] = {}
    for some in _each(read_acted, connection, sorted(set(places))):
        found |= some
    return found


def _each(
    read: Callable[[Connection, Sequence[Place]], FoundT], connection: Connection, places: Sequence[Place]
) -> list[FoundT]:
    """What is read of all of them at once; where one cannot be, of each that can."""
    try:
        return [read(connection, places)]
    except ValueError:
        if len(places) <= 1:
            return []
    half = len(places) // 2
    return [*_each(read, connection, places[:half]), *_each(read, connection, places[half:])]
