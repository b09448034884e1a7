"""Which account went into which: what leads from a number that is closed to the one that stays."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.beside import RowKind, plain
from ledger.chart.rows import RowLetter


class MergeRow(NamedTuple):
    """The account that another one went into, and the persons that both were written down as."""

    into_id: int
    person_id: int
    into_person_id: int


MERGE_ROW = RowKind("account_merge", RowLetter.MERGE, MergeRow, told=plain)

_M = tables.account_merge.c


def survivor(connection: Connection, person_id: int) -> int:
    """The person as which somebody is found now: another number where the account went into another one."""
    while (into := connection.scalar(select(_M.into_person_id).where(_M.person_id == person_id))) is not None:
        person_id = into
    return person_id


def persons_of(connection: Connection, person_id: int) -> list[int]:
    """Every number that a person was written down as, this one first."""
    found, asked = [person_id], [person_id]
    while asked:
        asked = list(connection.scalars(select(_M.person_id).where(_M.into_person_id.in_(asked))))
        found += asked
    return found
