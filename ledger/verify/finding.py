"""What the check of the whole finds, and how it names the place."""

from __future__ import annotations

from typing import Final, NamedTuple

from ledger.book.numbers import account_no, entry_name
from ledger.chart.kinds import Kind

# what comes of a detail that says something else than its kind does
UNREADABLE: Final = (AttributeError, KeyError, OverflowError, TypeError, ValueError)


class Finding(NamedTuple):
    """One thing that is wrong: a stable code, where (the name of an entry, an account, …), and what."""

    code: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} ({self.code})"


def book_name(book_id: int) -> str:
    """The account number; a number that is none, in a damaged book, as it stands there."""
    try:
        return account_no(book_id)
    except ValueError:
        return f"book {book_id}"


def line_name(book_id: int, seq: int) -> str:
    """The name of an entry, in the same manner."""
    try:
        return entry_name(book_id, seq)
    except ValueError:
        return f"book {book_id}-{seq}"


def month_name(book_id: int, period: int | None) -> str:
    """A month of an employer: the number of its book and the month."""
    return f"{book_name(book_id)} {period}"


def kind_name(kind: int) -> str:
    """The word of a kind; of one that there is not its number."""
    try:
        return Kind(kind).word
    except ValueError:
        return f"kind {kind}"
