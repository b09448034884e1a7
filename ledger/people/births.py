"""The birth of a person, which the ID number says: asked for only where a day lies before the account.

A person's account is never older than the person, so most days need no look: only for a day before the
opening the sealed ID number is read.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection

from ledger.book.state import Book
from ledger.people.id_numbers import birth_date_in
from ledger.people.sealed_numbers import read_numbers, sealed_numbers_of_books
from ledger.posting import Command, Desk, Need, WiderLocks
from ledger.posting.needs import Asked

# per account: the earliest birth that one of the person's ID numbers says, None where none is known
Births = dict[int, date | None]

# with the numbers that a person had before or has got since (R4): the doubt is the person's
_SEALED = sealed_numbers_of_books()


def _read(connection: Connection, asked: Asked, desk: Desk) -> Births:
    wanted: set[int] = set()
    for book_id, command in asked:
        for account in (book_id, *command.looks_at(desk, book_id)):
            book = desk.look_at(account)
            if book is not None and _is_asked_for(command, book):
                wanted.add(account)
    found: Births = dict.fromkeys(wanted)
    if not wanted:
        return found
    if desk.reveal is None:
        raise AssertionError("whoever posts says how ID numbers are opened")
    for book_id, digest, sealed in read_numbers(_SEALED, connection, wanted):
        born = birth_date_in(desk.reveal(digest, sealed))
        known = found[book_id]
        found[book_id] = born if known is None else min(born, known)
    return found


def _is_asked_for(command: Command, book: Book) -> bool:
    """Whether a command may be about a day before the holder was born; one that does not say the day is."""
    day = command.alive_on
    return book.person_id is not None and (day is None or day < book.opened_on)


def _glimpse(command: Command, book: Book) -> Births | None:
    return None if _is_asked_for(command, book) else {}


# of the command's own account, and of those that it looks at
BIRTHS: Need[Births] = Need("births", _read, glimpse=_glimpse)


def remember_birth(desk: Desk, book_id: int, born_on: date | None) -> None:
    """Let the rest of the batch know the birth of somebody whose book this very batch opens."""
    births: Births | None = desk.found.get(BIRTHS)
    if births is not None:
        births[book_id] = born_on


def birth_before(desk: Desk, command: Command, account: Book, day: date) -> date | None:
    """The holder's birth, where it may lie behind a day that somebody sent; None where it cannot.

    A command that has not asked for BIRTHS is decided again with them: raises WiderLocks.
    """
    if day >= account.opened_on or account.person_id is None:
        return None
    births: Births | None = desk.found.get(BIRTHS)
    if births is None or account.book_id not in births:
        command.also_need(BIRTHS)
        raise WiderLocks([desk.book.book_id])
    return births[account.book_id]
