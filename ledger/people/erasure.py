"""Erasing whose a closed account was, once nobody has a claim any more.

The key of the person is destroyed, in the transaction that writes the entry which says so. What was sealed
with it is opened by nobody from then on; the entries, their amounts and the chains stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from ledger import tables
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.numbers import has_account
from ledger.bounds.bound import Edge
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.clock import day_of
from ledger.posting import TARGET, AlreadyThere, BookRef, Command, Desk, Need, Receipt, WiderLocks
from ledger.posting.merges import survivor
from ledger.posting.needs import Asked
from ledger.refusals import RefusalCode, Refused

_B, _E, _M = tables.book.c, tables.entry.c, tables.account_merge.c
# what is only said of a book, and not done in it
_SAID_LATER = (int(Kind.IDENTITY), int(Kind.ERASURE))


class LastOf(NamedTuple):
    """How it stands with the books of one person."""

    # the last day on which something was done in one of them; None while one is not closed
    day: date | None
    # the entry of the book that was asked for, by which the person was erased
    erased_by: int | None


def numbers_of_one(connection: Connection, person_id: int) -> frozenset[int]:
    """All the person numbers of one human: of accounts that went into each other, too."""
    found = {survivor(connection, person_id)}
    while True:
        before = connection.scalars(select(_M.person_id).where(_M.into_person_id.in_(found)))
        more = found.union(before)
        if more == found:
            return frozenset(found)
        found = more


def is_closed(connection: Connection, book_id: int) -> bool:
    """Whether the holder of a book has no account any more that is not closed."""
    person_id = connection.scalar(select(_B.person_id).where(_B.book_id == book_id))
    return person_id is not None and _last_of(connection, book_id, person_id).day is not None


def _last_of(connection: Connection, book_id: int, person_id: int) -> LastOf:
    books = connection.execute(
        select(_B.book_id, _B.stage).where(_B.person_id.in_(numbers_of_one(connection, person_id)))
    ).all()
    day = None
    # the book of a resident is never closed: what was done in it last counts
    if all(stage == Stage.CLOSED for one, stage in books if has_account(one)):
        day = max(_last_days(connection, [one for one, _stage in books]), default=None)
    # not by the keys: those may have gone with another account of the same human
    said = select(func.max(_E.seq)).where(_E.book_id == book_id, _E.kind == int(Kind.ERASURE))
    erased_by = connection.scalar(said)
    return LastOf(day, erased_by)


def _last_days(connection: Connection, books: Collection[int]) -> Iterator[date]:
    """Of each book the last day of which an entry is, and the last on which one was recorded."""
    query = select(func.max(_E.effective_on), func.max(_E.recorded_at)).group_by(_E.book_id)
    done = query.where(_E.book_id.in_(books), _E.kind.not_in(_SAID_LATER))
    for effective_on, recorded_at in connection.execute(done):
        yield max(effective_on, day_of(recorded_at))


def _read(connection: Connection, asked: Asked, desk: Desk) -> dict[int, LastOf]:
    holders = {book_id: desk.books[book_id].person_id for book_id, _command in asked if book_id in desk.books}
    return {
        book_id: _last_of(connection, book_id, person_id)
        for book_id, person_id in holders.items()
        if person_id is not None
    }


def _follow(found: dict[int, LastOf], _desk: Desk, receipt: Receipt, _beside: Sequence[object]) -> None:
    if receipt.kind is Kind.ERASURE:
        found[receipt.book_id] = found[receipt.book_id]._replace(erased_by=receipt.seq)


LAST_OF_HOLDER: Need[dict[int, LastOf]] = Need("last of the holder", _read, follow=_follow)


@dataclass(eq=False)
class EraseHolder(Command):
    """Let nobody know any more whose a closed account was. Asked for again it is answered with the first.

    Raises Refused: retention_not_over before the area's `access.retention_years` after the last thing that
    was done in an account of the person, and for ever where the area says nothing of it.
    """

    verb = "erasure"
    refused_with = (RefusalCode.RETENTION_NOT_OVER, RefusalCode.RATES_MISSING)
    needs = frozenset({LAST_OF_HOLDER, TARGET})

    book: BookRef
    document: str
    caller: str
    actor: str
    # the entry that did it, once it was found
    target_seq: int | None = None

    def content(self) -> str:
        return self.document

    def decide(self, desk: Desk) -> None:
        book = desk.book
        last = desk.of(LAST_OF_HOLDER).get(book.book_id)
        if last is None:
            raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="book")
        if last.erased_by is not None:
            entry = desk.target(last.erased_by)
            if entry is None:
                self.target_seq = last.erased_by
                raise WiderLocks(())
            raise AlreadyThere(entry)
        years = desk.policy(book.area).access.retention_on(desk.today)
        if last.day is None or years is None:
            raise Refused(RefusalCode.RETENTION_NOT_OVER)
        over_on = Edge("closed", years=years).day({"closed": last.day})
        if over_on is None or desk.today < over_on:
            raise Refused(RefusalCode.RETENTION_NOT_OVER, over_on=over_on)
        # in the year that the book stands in: what it says moves no money into another one
        said_on = min(desk.today, date(book.open_year, 12, 31))
        detail = pack(erased_on=desk.today.isoformat(), document=self.document)
        book.add(Draft(Kind.ERASURE, said_on, detail=detail, keyed=True))
