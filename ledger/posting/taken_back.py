"""What was recorded wrongly and taken back again, in one book."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import AGAIN, ENDS, REOPENS, Kind

_E = tables.entry.c
# of those that open again
_WORDS = frozenset({AGAIN, REOPENS})
_ACTING = frozenset({*ENDS, Kind.CREDIT_BACK, Kind.REVERSAL})


def taken_back(connection: Connection, book_id: int) -> dict[int, int]:
    """By the number of an entry, that of what took it back and stands: its reversal, or of a credit what the
    report of a death took.

    The reversal of something that was ended acts on the end, and takes back the beginning too. What opens
    something again takes the end back alone, and is taken back with the beginning. So with a credit that a
    withdrawn death gave again: until then it was taken back, and from then on it stands.
    """
    rows = connection.execute(
        select(_E.seq, _E.kind, _E.target_seq, _E.detail)
        .where(
            _E.book_id == book_id,
            _E.target_seq.is_not(None),
            _E.kind.in_([int(kind) for kind in _ACTING]),
        )
        .order_by(_E.seq)
    )
    ends: dict[int, int] = {}
    found: dict[int, int] = {}
    for seq, kind, target, detail in rows:
        if kind == Kind.REVERSAL and not _WORDS.isdisjoint(unpack(detail)):
            for named in _behind(ends, target):
                if found.get(named) == target:
                    del found[named]
            found[target] = seq
            ends[seq] = target
        elif kind in {Kind.REVERSAL, Kind.CREDIT_BACK}:
            for named in _behind(ends, target):
                found.setdefault(named, seq)
            ends[seq] = target
        else:
            ends[seq] = target
    return found


def _behind(ends: Mapping[int, int], seq: int) -> Iterator[int]:
    """An entry, what it ended or opened again, what that had, and so on to the beginning."""
    named: int | None = seq
    while named is not None:
        yield named
        named = ends.get(named)
