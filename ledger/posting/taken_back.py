"""What was recorded wrongly and taken back again, in one book."""

from __future__ import annotations

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import AGAIN, ENDS, REOPENS, Kind

_E = tables.entry.c
# of those that open again
_WORDS = frozenset({AGAIN, REOPENS})


def taken_back(connection: Connection, book_id: int) -> dict[int, int]:
    """By the number of an entry, that of its reversal.

    The reversal of something that was ended acts on the end, and takes back the beginning too. What opens
    something again takes the end back alone, and is taken back with the beginning.
    """
    rows = connection.execute(
        select(_E.seq, _E.kind, _E.target_seq, _E.detail)
        .where(
            _E.book_id == book_id,
            _E.target_seq.is_not(None),
            _E.kind.in_([int(kind) for kind in (*ENDS, Kind.CREDIT_BACK, Kind.REVERSAL)]),
        )
        .order_by(_E.seq)
    ).all()
    opens = {
        seq
        for seq, kind, _, detail in rows
        if kind == Kind.REVERSAL and not _WORDS.isdisjoint(unpack(detail))
    }
    ends = {seq: target for seq, kind, target, _ in rows if kind != Kind.REVERSAL or seq in opens}
    found: dict[int, int] = {}
    for seq, kind, target, _ in rows:
        named = target if kind == Kind.REVERSAL else None
        while named is not None:
            found.setdefault(named, seq)
            named = None if seq in opens else ends.get(named)
    return found
