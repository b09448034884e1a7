"""Which account went into which: what leads from a number that is closed to the one that stays."""

from __future__ import annotations

from typing import NamedTuple

from ledger.book.beside import RowKind, plain
from ledger.chart.rows import RowLetter


class MergeRow(NamedTuple):
    """The account that another one went into, and the persons that both were written down as."""

    into_id: int
    person_id: int
    into_person_id: int


MERGE_ROW = RowKind("account_merge", RowLetter.MERGE, MergeRow, told=plain)
