"""Which account went into which: what leads from a number that is closed to the one that stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, column, select

from ledger import tables
from ledger.book.beside import RowKind, plain
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.rows import RowLetter
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Need, Receipt, WiderLocks
from ledger.posting.merges import came_into
from ledger.posting.needs import Asked, own_books


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


def persons_of(connection: Connection, person_id: int) -> list[int]:
    """Every number that a person was written down as, this one first."""
    found, asked = [person_id], [person_id]
    while asked:
        asked = list(connection.scalars(select(_M.person_id).where(_M.into_person_id.in_(asked))))
        found += asked
    return found


# -- the other way: what an account has of others -----------------------------------------------------------


class MergedIn:
    """What was read: by account those that went into it. `stale` are accounts of which that changed since."""

    __slots__ = ("by_book", "stale")

    def __init__(self, by_book: dict[int, tuple[int, ...]]) -> None:
        self.by_book = by_book
        self.stale: set[int] = set()


def _read(connection: Connection, asked: Asked, desk: Desk) -> MergedIn:
    return MergedIn(came_into(connection, own_books(asked, desk)))


def _follow(found: MergedIn, _desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    if receipt.kind is Kind.MERGE:
        found.stale.update(row.into_id for row in MERGE_ROW.among(beside))


# what the accounts of those who asked have of others; what else is read is read of these too
MERGED_IN: Need[MergedIn] = Need("accounts that went into it", _read, follow=_follow, first=True)


def merged_in(desk: Desk, book_id: int) -> tuple[int, ...]:
    """The accounts that went into one, whose books go on to say what became of its holder.

    The command needs MERGED_IN. Raises WiderLocks where this very batch let another one go into it.
    """
    found = desk.of(MERGED_IN)
    if book_id in found.stale:
        raise WiderLocks(())
    return found.by_book.get(book_id, ())


def with_merged(asked: Asked, desk: Desk) -> list[tuple[int, Any]]:
    """Who asked, and once more for each account that went into theirs, where MERGED_IN was asked for."""
    found: MergedIn | None = desk.found.get(MERGED_IN)
    if found is None:
        return list(asked)
    return [
        (one, command) for book_id, command in asked for one in (book_id, *found.by_book.get(book_id, ()))
    ]


def books_of_one(desk: Desk, book: Book) -> list[Book]:
    """An account and those that went into it, as working copies: they are locked."""
    merged = [desk.other(book_id) for book_id in merged_in(desk, book.book_id)]
    return [book, *(one for one in merged if one is not None)]


def _read_named(connection: Connection, asked: Asked, desk: Desk) -> dict[int, tuple[int, ...]]:
    named = {account for book_id, command in asked for account in command.looks_at(desk, book_id)}
    return came_into(connection, named)


# Of the accounts that commands look at, those that went into them: what the younger one had is in its book.
# Read after the list that says which they are.
MERGED_NAMED: Need[dict[int, tuple[int, ...]]] = Need(
    "those that went into accounts", _read_named, first=True
)


def with_merged_named(desk: Desk, accounts: set[int]) -> set[int]:
    """Some accounts and, once that is known, those that went into them."""
    merged: dict[int, tuple[int, ...]] = desk.found.get(MERGED_NAMED, {})
    return accounts.union(*(merged.get(account, ()) for account in accounts))
