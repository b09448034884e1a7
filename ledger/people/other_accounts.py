"""Which accounts the holder of an account has beside it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, column

from ledger import tables
from ledger.chart.matrix import Stage
from ledger.database.lookups import Apart, Lookup

_B = tables.book.c
_OPEN = f"o.stage <> {int(Stage.CLOSED)}"

# by account all of its holder's that are not closed, the account itself too
OPEN_OF_HOLDER: Final = Apart(
    Lookup(
        "SELECT b.book_id, o.book_id AS other FROM {given} JOIN book b ON b.book_id = given.book_id"
        f" JOIN book o ON o.person_id = b.person_id WHERE {_OPEN}",
        [_B.book_id, column("other", BigInteger)],
        book_id="big",
    ),
    Lookup(
        "SELECT book_id, person_id FROM book WHERE book_id {in_given}",
        [_B.book_id, _B.person_id],
        book_id="big",
    ),
    Lookup(
        "SELECT o.person_id, o.book_id FROM {given}"
        f" JOIN book o ON o.person_id = given.person_id WHERE {_OPEN}",
        [_B.person_id, _B.book_id],
        person_id="big",
    ),
    on=1,
    shown=False,
)
