"""Which books a person holds, under each scheme: found by what the n-th of them stakes."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from sqlalchemy import Connection

from ledger import tables
from ledger.chart.matrix import Stage
from ledger.database.lookups import Apart, Lookup

# what was staked, with the book that holds it and its stage
HOLDINGS = Apart(
    Lookup(
        "SELECT c.digest, c.book_id, b.stage FROM {given} JOIN claim c ON c.digest = given.digest"
        " LEFT JOIN book b ON b.book_id = c.book_id",
        [tables.claim.c.digest, tables.claim.c.book_id, tables.book.c.stage],
        digest="bytes",
    ),
    Lookup(
        "SELECT c.digest, c.book_id FROM {given} JOIN claim c ON c.digest = given.digest",
        [tables.claim.c.digest, tables.claim.c.book_id],
        digest="bytes",
    ),
    Lookup(
        "SELECT book_id, stage FROM book WHERE book_id {in_given}",
        [tables.book.c.book_id, tables.book.c.stage],
        book_id="big",
    ),
    on=1,
    outer=True,
)
# what a person may hold one book of; another scheme than this stands in front of the person's digest
ACCOUNT = b"account"


def holding_digest(person_id: int, ordinal: int, scheme: bytes = ACCOUNT) -> bytes:
    """What the n-th book of a person stakes. A next one is only opened when the one before is closed.

    Books of another scheme than accounts are staked apart.
    """
    return sha256(b"%b|%d|%d" % (scheme, person_id, ordinal)).digest()


def scheme_ref(digest: bytes, scheme: bytes) -> bytes:
    """How a command names the book that a person holds under a scheme."""
    return digest if scheme == ACCOUNT else scheme + digest


# books by scheme and person, the first one first
Held = dict[tuple[bytes, int], list[int]]


def books_held(connection: Connection, holders: Iterable[tuple[bytes, int]]) -> Held:
    """The books of persons, by scheme and person, the first one first; who has none is missing."""
    books: Held = {}
    look_for_more(connection, set(holders), 1, books)
    return books


def look_for_more(connection: Connection, looking: set[tuple[bytes, int]], ordinal: int, books: Held) -> None:
    """Add the books of these from the n-th on: who has closed one may have opened another."""
    while looking:
        by_digest = {
            holding_digest(person_id, ordinal, scheme): (scheme, person_id) for scheme, person_id in looking
        }
        looking = set()
        for digest, book_id, stage in HOLDINGS.run(connection, [(digest,) for digest in by_digest]):
            holder = by_digest[bytes(digest)]
            books.setdefault(holder, []).append(book_id)
            if stage == Stage.CLOSED:
                looking.add(holder)
        ordinal += 1
