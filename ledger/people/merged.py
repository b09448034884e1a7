"""Which account went into which: what leads from a number that is closed to the one that stays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, Integer, column, select

from ledger import tables
from ledger.book.beside import RowKind, plain
from ledger.chart.rows import RowLetter
from ledger.database.lookups import Lookup


class MergeRow(NamedTuple):
    """The account that another one went into, and the persons that both were written down as."""

    into_id: int
    person_id: int
    into_person_id: int


MERGE_ROW = RowKind("account_merge", RowLetter.MERGE, MergeRow, told=plain)

_M = tables.account_merge.c
# all the way: an account that another went into may have gone into one itself
_ONWARD = Lookup(
    "WITH RECURSIVE goes (book_id, into_id, step) AS (SELECT m.book_id, m.into_id, 1 FROM {given}"
    " JOIN account_merge m ON m.book_id = given.book_id UNION SELECT g.book_id, m.into_id, g.step + 1"
    " FROM goes g JOIN account_merge m ON m.book_id = g.into_id)"
    " SELECT book_id, into_id, step FROM goes ORDER BY book_id, step",
    [_M.book_id, _M.into_id, column("step", Integer)],
    book_id="big",
)


def onward_of(connection: Connection, accounts: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """The accounts that each of some went into, one after the other; nothing of those that did not."""
    found: dict[int, tuple[int, ...]] = {}
    for book_id, into, _step in _ONWARD.run(connection, [(one,) for one in sorted(set(accounts))]):
        found[book_id] = (*found.get(book_id, ()), into)
    return found


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
