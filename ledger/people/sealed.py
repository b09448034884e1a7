"""The sealed ID numbers of persons whose accounts are locked: what is credited to them says whose it is."""

from __future__ import annotations

from sqlalchemy import Connection

from ledger.people.sealed_numbers import read_numbers, sealed_numbers_of_books
from ledger.posting import Command, Desk, Need, WiderLocks
from ledger.posting.needs import Asked

# per account: the digest and the sealed form of the ID number it is known by
SealedNumbers = dict[int, tuple[bytes, bytes]]

_SEALED = sealed_numbers_of_books("AND i.role = 1")


def _read(connection: Connection, _asked: Asked, desk: Desk) -> SealedNumbers:
    books = [book_id for book_id, book in desk.books.items() if book.person_id is not None]
    rows = read_numbers(_SEALED, connection, books)
    return {book_id: (digest, sealed) for book_id, digest, sealed in rows}


# those of all accounts that are locked
SEALED_NUMBERS: Need[SealedNumbers] = Need("sealed ID numbers", _read)


def sealed_numbers(desk: Desk, command: Command | None) -> SealedNumbers:
    """Those numbers. A command that has not asked for them is decided again with them: raises WiderLocks."""
    found: SealedNumbers | None = desk.found.get(SEALED_NUMBERS)
    if found is None and command is not None:
        command.also_need(SEALED_NUMBERS)
        raise WiderLocks(())
    return desk.of(SEALED_NUMBERS)
