"""How the sealed ID numbers of the holders of accounts are found, by account."""

from __future__ import annotations

from ledger import tables
from ledger.database.lookups import Apart, Lookup

_B, _I = tables.book.c, tables.identity.c


def sealed_numbers_of_books(which: str = "") -> Apart:
    """What reads (account, digest, sealed number) by account; `which` numbers `i` of a person, or all."""
    return Apart(
        Lookup(
            "SELECT b.book_id, i.digest, i.number_sealed FROM {given}"
            " JOIN book b ON b.book_id = given.book_id"
            f" JOIN identity i ON i.person_id = b.person_id {which} WHERE i.number_sealed IS NOT NULL",
            [_B.book_id, _I.digest, _I.number_sealed],
            book_id="big",
        ),
        Lookup(
            "SELECT book_id, person_id FROM book WHERE book_id {in_given}",
            [_B.book_id, _B.person_id],
            book_id="big",
        ),
        Lookup(
            "SELECT i.person_id, i.digest, i.number_sealed FROM {given}"
            f" JOIN identity i ON i.person_id = given.person_id {which} WHERE i.number_sealed IS NOT NULL",
            [_I.person_id, _I.digest, _I.number_sealed],
            person_id="big",
        ),
        on=1,
        shown=False,
    )
