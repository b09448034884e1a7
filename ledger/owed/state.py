"""Demands as they stand, and how commands ask for them. Amounts in fen."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.book.beside import StateKind
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Need
from ledger.posting.needs import Asked, own_books

_D = tables.demand.c


class Demand(NamedTuple):
    """What a person is to pay back: the whole, and what of it is done."""

    amount: int
    demanded_on: date
    set_off: int = 0
    paid: int = 0
    # what of it the estate took over, which owes it since
    to_estate: int = 0
    withdrawn: int = 0

    @property
    def still_owed(self) -> int:
        return self.amount - self.set_off - self.paid - self.to_estate - self.withdrawn


# by the entry that demanded it
DEMAND_STATE: StateKind[int, Demand] = StateKind("demand", ("seq",), Demand)

_FIELDS = Demand._fields
_DEMANDS = Lookup(
    f"SELECT d.book_id, d.seq, {', '.join(f'd.{name}' for name in _FIELDS)} FROM {{given}}"
    " JOIN demand d ON d.book_id = given.book_id ORDER BY d.book_id, d.seq",
    [_D.book_id, _D.seq, *(_D[name] for name in _FIELDS)],
    book_id="big",
)


def _read(connection: Connection, asked: Asked, desk: Desk) -> bool:
    books = own_books(asked, desk)
    for book_id in books:
        desk.books[book_id].put(DEMAND_STATE)
    for book_id, seq, *values in _DEMANDS.run(connection, [(book_id,) for book_id in sorted(books)]):
        desk.books[book_id].of(DEMAND_STATE).rows[seq] = Demand._make(values)
    return True


# what the persons of some books are to pay back
DEMANDS: Need[bool] = Need("demands", _read)
