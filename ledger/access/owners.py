"""Whose a settlement, a visit or a clearing is: the institution that a token has to be bound to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind

Place = tuple[int, int]
"""The book and the number of an entry."""

_E, _I, _S = tables.entry.c, tables.institution.c, tables.settlement.c


def settled_by(connection: Connection, place: Place) -> str | None:
    """The code of the institution that sent a settled bill; None when there is none."""
    book_id, seq = place
    party = connection.scalar(select(_S.institution_id).where(_S.book_id == book_id, _S.seq == seq))
    return _code(connection, party)


def visited(connection: Connection, place: Place) -> str | None:
    """The code of the institution that registered a visit; None when there is no such visit."""
    book_id, seq = place
    at = select(_E.detail).where(_E.book_id == book_id, _E.seq == seq, _E.kind == int(Kind.VISIT))
    return _code(connection, unpack(connection.scalar(at)).get("party"))


def cleared_for(connection: Connection, place: Place) -> str | None:
    """The code of the institution in whose book a clearing stands; None when the book is none's."""
    book_id, _seq = place
    return _code(connection, book_id)


def document_of(connection: Connection, name: str) -> int | None:
    """The book that a document is of, a person's or an employer's; None when there is no such document."""
    table = tables.document.c
    book: int | None = connection.scalar(select(table.book_id).where(table.name == name))
    return book


def _code(connection: Connection, party: int | None) -> str | None:
    code: str | None = connection.scalar(select(_I.code).where(_I.party_id == party))
    return code


INSTITUTION_OF: Final[dict[str, Callable[[Connection, Place], str | None]]] = {
    "settlement": settled_by,
    "visit": visited,
    "clearing": cleared_for,
}
"""How the institution is found that something in a path belongs to, by the name of the path parameter."""
