"""What was recorded wrongly and taken back again, in one book."""

from __future__ import annotations

from sqlalchemy import Connection, select

from ledger import tables
from ledger.chart.kinds import ENDS, Kind

_E = tables.entry.c


def taken_back(connection: Connection, book_id: int) -> dict[int, int]:
    """By the number of an entry, that of its reversal.

    The reversal of something that was ended acts on the end, and takes back the beginning too.
    """
    rows = connection.execute(
        select(_E.seq, _E.kind, _E.target_seq)
        .where(
            _E.book_id == book_id,
            _E.target_seq.is_not(None),
            _E.kind.in_([int(kind) for kind in (*ENDS, Kind.REVERSAL)]),
        )
        .order_by(_E.seq)
    ).all()
    ends = {seq: target for seq, kind, target in rows if kind != Kind.REVERSAL}
    found: dict[int, int] = {}
    for seq, kind, target in rows:
        named = target if kind == Kind.REVERSAL else None
        while named is not None:
            found[named] = seq
            named = ends.get(named)
    return found
