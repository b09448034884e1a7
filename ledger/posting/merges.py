"""Which accounts went into which, as the table of merges has it: onward one step, and back all the way."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from ledger import tables
from ledger.database.lookups import Lookup

_M = tables.account_merge.c
WENT_INTO = Lookup(
    "SELECT m.book_id, m.into_id FROM {given} JOIN account_merge m ON m.book_id = given.book_id",
    [_M.book_id, _M.into_id],
    book_id="big",
)
# all the way back
CAME_FROM = Lookup(
    "WITH RECURSIVE came (at_last, book_id) AS (SELECT m.into_id, m.book_id FROM {given}"
    " JOIN account_merge m ON m.into_id = given.book_id UNION SELECT c.at_last, m.book_id FROM came c"
    " JOIN account_merge m ON m.into_id = c.book_id) SELECT at_last, book_id FROM came ORDER BY 1, 2",
    [_M.into_id, _M.book_id],
    book_id="big",
)


def came_into(connection: Connection, accounts: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """All the way back, the accounts that went into each of some; nothing of those that none went into."""
    found: dict[int, tuple[int, ...]] = {}
    for book_id, before in CAME_FROM.run(connection, [(one,) for one in sorted(set(accounts))]):
        found[book_id] = (*found.get(book_id, ()), before)
    return found


def survivor(connection: Connection, person_id: int) -> int:
    """The person as which somebody is found now: another number where the account went into another one."""
    while (into := connection.scalar(select(_M.into_person_id).where(_M.person_id == person_id))) is not None:
        person_id = into
    return person_id
