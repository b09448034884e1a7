"""The accounts of the dead: heirs see them by the entry of the death, and the dead ask for nothing (R65)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.numbers import parse_entry_name
from ledger.chart.kinds import Kind

ESTATE: Final = "estate"
"""The purpose of looks that are taken for heirs and administrators."""

OF_THE_LIVING: Final = frozenset({"own_request", "proxy_request"})
"""The purposes of looks that somebody asks for, or has asked for: a mandate ends with a death."""

_B, _E = tables.book.c, tables.entry.c


def has_the_case(connection: Connection, ref: str | None, books: Collection[int]) -> bool:
    """Whether a reference, by its first word, names the death of all of these books that are of the dead.

    A look at somebody alive, such as an heir, is for an estate too, and needs no entry of theirs.
    """
    dead = _of_the_dead(connection, books)
    if not dead:
        return True
    place = None if ref is None else parse_entry_name(ref.partition(" ")[0])
    if place is None or dead != {place[0]}:
        return False
    book_id, seq = place
    kind = connection.scalar(select(_E.kind).where(_E.book_id == book_id, _E.seq == seq))
    if kind != Kind.DEATH:
        return False
    # one that was withdrawn is nobody's death
    later = _E.kind == int(Kind.DEATH_WITHDRAWAL), _E.seq > seq
    withdrawn = select(_E.seq).where(_E.book_id == book_id, *later).limit(1)
    return connection.scalar(withdrawn) is None


def are_of_the_living(connection: Connection, books: Collection[int]) -> bool:
    """Whether nobody whose books these are has died."""
    return not _of_the_dead(connection, books)


def _of_the_dead(connection: Connection, books: Collection[int]) -> set[int]:
    return set(connection.scalars(select(_B.book_id).where(_B.book_id.in_(books), _B.died_on.is_not(None))))
