"""An employer that is closed, and one that is opened again.

It owes and pays as before: what closing does is that no run estimates it and no report expects a list of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple

from ledger import tables
from ledger.book.beside import StateKind
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.table import CLOSED_ON, REOPENED_ON
from ledger.chart.kinds import Kind
from ledger.contributions.month import employer_book
from ledger.posting import BookRef, Command, Desk, Look, Need
from ledger.refusals import RefusalCode, Refused


class Closure(NamedTuple):
    """The last day of an employer, None once it was opened again; and the entry that said so last."""

    closed_on: date | None
    seq: int


# there is one for a book
_ONE: Final = ()
CLOSURE: StateKind[tuple[()], Closure] = StateKind("employer_closure", (), Closure)


def _keep(_found: dict[None, None], desk: Desk, book_id: int, values: Sequence[Any]) -> None:
    desk.books[book_id].of(CLOSURE).rows[_ONE] = Closure._make(values)


_LOOK: Look[dict[None, None]] = Look(
    "employer_closure c",
    {f"c.{name}": tables.employer_closure.c[name] for name in Closure._fields},
    "c.book_id = {book}",
    begin=dict,
    keep=_keep,
    states=(CLOSURE,),
)
# of an employer's book: whether it is closed
CLOSURES: Need[dict[None, None]] = Need("whether it is closed", look=_LOOK)


def closed_on(book: Book) -> date | None:
    """The last day of an employer that is closed; None for one that goes on."""
    known = book.of(CLOSURE).get(_ONE)
    return None if known is None else known.closed_on


@dataclass(eq=False)
class CloseEmployer(Command):
    """Close an employer: `on` is its last day, `document` what proves it. Not to come."""

    verb = "close_employer"
    refused_with = (
        RefusalCode.EMPLOYER_NOT_FOUND,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.EMPLOYER_CLOSED,
    )
    needs = frozenset({CLOSURES})

    book: BookRef
    on: date
    document: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.on}|{self.document}"

    def decide(self, desk: Desk) -> None:
        book = employer_book(desk)
        CLOSED_ON.admit(self.on, desk.today, "on")
        if closed_on(book) is not None:
            raise Refused(RefusalCode.EMPLOYER_CLOSED)
        facts = {"on": self.on.isoformat(), "document": self.document}
        draft = book.add(Draft(Kind.EMPLOYER_CLOSURE, desk.today, keyed=True, detail=pack(**facts)))
        book.of(CLOSURE).set(_ONE, Closure(self.on, draft.seq))


@dataclass(eq=False)
class ReopenEmployer(Command):
    """Open an employer again that was closed; from `on` on, a day not before its last one, it goes on."""

    verb = "reopen_employer"
    refused_with = (
        RefusalCode.EMPLOYER_NOT_FOUND,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.EMPLOYER_NOT_CLOSED,
    )
    needs = frozenset({CLOSURES})

    book: BookRef
    on: date
    document: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.on}|{self.document}"

    def decide(self, desk: Desk) -> None:
        book = employer_book(desk)
        last = closed_on(book)
        REOPENED_ON.admit(self.on, desk.today, "on", closure=last)
        if last is None:
            raise Refused(RefusalCode.EMPLOYER_NOT_CLOSED)
        facts = {"on": self.on.isoformat(), "document": self.document}
        draft = book.add(Draft(Kind.EMPLOYER_REOPENING, desk.today, keyed=True, detail=pack(**facts)))
        book.of(CLOSURE).set(_ONE, Closure(None, draft.seq))
