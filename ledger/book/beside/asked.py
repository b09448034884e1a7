"""What a command has asked to be read beside a book."""

from __future__ import annotations

from ledger.book.beside.care_state import Care
from ledger.book.beside.levies import Debts
from ledger.book.state import Book


def debts_of(book: Book) -> Debts:
    """What an employer owes, which the command has asked for."""
    if book.debts is None:
        raise AssertionError("a command about debts asks for them")
    return book.debts


def care_of(book: Book) -> Care:
    if book.care is None:
        raise AssertionError("the command asked for the care of its book")
    return book.care
