"""How the sealed ID numbers of the holders of accounts are found, by account."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from ledger import tables
from ledger.database.lookups import Apart, Lookup
from ledger.people.person_keys import beside_sql
from ledger.vault import carrying, is_erased

_B, _I, _K = tables.book.c, tables.identity.c, tables.person_key.c


def sealed_numbers_of_books(which: str = "") -> Apart:
    """What reads (account, digest, sealed number, its key) by account.

    `which` numbers `i` of a person, or all.
    """
    beside = beside_sql("i.number_sealed")
    return Apart(
        Lookup(
            "SELECT b.book_id, i.digest, i.number_sealed, k.wrapped FROM {given}"
            " JOIN book b ON b.book_id = given.book_id"
            f" JOIN identity i ON i.person_id = b.person_id {which} {beside}"
            " WHERE i.number_sealed IS NOT NULL",
            [_B.book_id, _I.digest, _I.number_sealed, _K.wrapped],
            book_id="big",
        ),
        Lookup(
            "SELECT book_id, person_id FROM book WHERE book_id {in_given}",
            [_B.book_id, _B.person_id],
            book_id="big",
        ),
        Lookup(
            "SELECT i.person_id, i.digest, i.number_sealed, k.wrapped FROM {given}"
            f" JOIN identity i ON i.person_id = given.person_id {which} {beside}"
            " WHERE i.number_sealed IS NOT NULL",
            [_I.person_id, _I.digest, _I.number_sealed, _K.wrapped],
            person_id="big",
        ),
        on=1,
        shown=False,
    )


def read_numbers(
    numbers: Apart, connection: Connection, book_ids: Iterable[int], **parameters: Any
) -> list[tuple[int, bytes, bytes]]:
    """By such a look (account, digest, sealed number with its key); without those whose key was erased."""
    rows = numbers.run(connection, [(book_id,) for book_id in sorted(set(book_ids))], **parameters)
    return [
        (book_id, bytes(digest), number)
        for book_id, digest, sealed, key in rows
        if not is_erased(number := carrying(key, sealed))
    ]
