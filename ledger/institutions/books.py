"""The book of an institution: opened by whatever is first written in it."""

from __future__ import annotations

from ledger.book.chain import genesis
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.posting import Desk

# An institution's book has no pockets and earns no interest: no year of it is ever owed any.
_NO_INTEREST = 9999


def institution_book(desk: Desk, book_id: int, code: str, area: int, *, keyed: bool = False) -> Book:
    """The institution's book under decision; opened now when nothing was written in it yet.

    `keyed`: the opening is what the command is about.
    """
    if desk.book is None:
        today = desk.today
        desk.book = desk.working[book_id] = Book(
            book_id, 0, 0, 0, 0, None, 0, area, today, None,
            today.year, _NO_INTEREST, 0, Stage.ACTIVE, genesis(book_id),
        )  # fmt: skip
        desk.book.add(Draft(Kind.OPENING, today, detail=pack(area=area, institution=code), keyed=keyed))
    book: Book = desk.book
    return book
