"""The case of an estate: heirs see the account of the dead by the entry of the death (R65)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.numbers import parse_entry_name
from ledger.chart.kinds import Kind

ESTATE: Final = "estate"
"""The purpose of looks that are taken for heirs and administrators."""

_B, _E = tables.book.c, tables.entry.c


def has_the_case(connection: Connection, ref: str | None, books: Collection[int]) -> bool:
    """Whether a reference, by its first word, names the death of all of these books that are of the dead.

    A look at somebody alive, such as an heir, is for an estate too, and needs no entry of theirs.
    """
    dead = set(connection.scalars(select(_B.book_id).where(_B.book_id.in_(books), _B.died_on.is_not(None))))
    if not dead:
        return True
    place = None if ref is None else parse_entry_name(ref.partition(" ")[0])
    if place is None or dead != {place[0]}:
        return False
    book_id, seq = place
    kind = connection.scalar(select(_E.kind).where(_E.book_id == book_id, _E.seq == seq))
    return kind == Kind.DEATH
