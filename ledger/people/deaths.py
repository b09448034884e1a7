"""The death of a person, as it counts for every book of that person: the account is what says it (R53)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from ledger.posting import BookRef, Desk


def died_on(desk: Desk, refs: Iterable[BookRef]) -> date | None:
    """The day on which the person of some books died, by whichever of them says so; None while none does.

    The command has the books among its `others` or `named`. A resident's book never says it, and an account
    says it for ever, closed or not.
    """
    for ref in refs:
        book_id = desk.ids.get(ref) if isinstance(ref, bytes) else ref
        book = None if book_id is None else desk.look_at(book_id)
        if book is not None and book.died_on is not None:
            return book.died_on
    return None
