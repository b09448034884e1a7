"""One account as it stands: where it is in life, what holds and freezes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, bindparam, select

from ledger import tables
from ledger.book.chain import EPOCH
from ledger.book.detail import unpack
from ledger.book.numbers import account_no, entry_name
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Status
from ledger.posting import BookRef, Desk
from ledger.posting.book_reads import read_books, read_open
from ledger.posting.stakes import resolve
from ledger.posting.taken_back import taken_back
from ledger.refusals import RefusalCode, Refused

_E = tables.entry.c
_EXISTS = select(tables.book.c.book_id).where(tables.book.c.book_id == bindparam("book_id"))
_FREEZES = (
    select(_E.seq, _E.kind, _E.target_seq, _E.effective_on, _E.detail)
    .where(_E.book_id == bindparam("book_id"), _E.kind.in_((int(Kind.FREEZE), int(Kind.FREEZE_END))))
    .order_by(_E.seq)
)


@dataclass(frozen=True, slots=True)
class FreezeView:
    """A freeze by the entry that made it, in force from `first` to `last` (None: until it is ended).

    `reversed_by` is the entry that took it back, as if it had never been.
    """

    name: str
    scope: str
    authority: str
    document: str
    first: date
    last: date | None
    ended_by: str | None
    ended_on: date | None
    reversed_by: str | None = None


@dataclass(frozen=True, slots=True)
class HoldView:
    """An open hold by the entry that made it; fen."""

    name: str
    amount_fen: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account. `freezes` are those not ended, `holds` those that are open and not expired."""

    account_no: str
    book_id: int
    person_id: int | None
    status: Status
    stage: Stage
    area: int
    opened_on: date
    died_on: date | None
    open_year: int
    interest_year: int
    last_seq: int
    freezes: tuple[FreezeView, ...]
    holds: tuple[HoldView, ...]


def find_book(connection: Connection, ref: BookRef) -> int:
    """The book that a caller means: by number, or by the digest of an ID number of the person it belongs to.

    Of several accounts of one person it is the one that is not closed, else the latest. Raises Refused:
    account_not_found; id_number_shared for a number that alone names neither of two people. Who has a number
    and wants a balance may go straight to `balance`.
    """
    if isinstance(ref, bytes):
        desk = Desk(EPOCH, EPOCH.date(), {})
        resolve(connection, [ref], desk)
        if desk.shared:
            raise Refused(RefusalCode.ID_NUMBER_SHARED, at="book")
        found = desk.ids.get(ref)
    else:
        found = connection.scalar(_EXISTS, {"book_id": ref})
    if found is None:
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="book")
    return found


def account(connection: Connection, book_id: int, *, now: datetime, today: date) -> AccountView:
    """The account of that number. Raises Refused(account_not_found)."""
    book: Book | None = read_books(connection, [book_id]).get(book_id)
    if book is None:
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="book")
    read_open(connection, [book])
    open_freezes = (
        tuple(
            freeze
            for freeze in freezes(connection, book_id)
            if freeze.ended_by is None and freeze.reversed_by is None
        )
        if book.open_freezes
        else ()
    )
    return AccountView(
        account_no=account_no(book_id),
        book_id=book_id,
        person_id=book.person_id,
        status=book.status(today),
        stage=Stage(book.stage),
        area=book.area,
        opened_on=book.opened_on,
        died_on=book.died_on,
        open_year=book.open_year,
        interest_year=book.interest_year,
        last_seq=book.last_seq,
        freezes=open_freezes,
        holds=tuple(
            HoldView(entry_name(book_id, hold.seq), hold.amount_fen, hold.expires_at)
            for hold in book.holds.values()
            if hold.expires_at > now
        ),
    )


def freezes(connection: Connection, book_id: int) -> list[FreezeView]:
    """Every freeze of a book, oldest first, with what ended it."""
    rows = connection.execute(_FREEZES, {"book_id": book_id}).all()
    back = taken_back(connection, book_id) if rows else {}
    ends = {row.target_seq: row for row in rows if row.kind == Kind.FREEZE_END}
    views: list[FreezeView] = []
    for row in rows:
        if row.kind != Kind.FREEZE:
            continue
        facts, end = unpack(row.detail), ends.get(row.seq)
        views.append(
            FreezeView(
                name=entry_name(book_id, row.seq),
                scope=facts["scope"],
                authority=facts["authority"],
                document=facts["document"],
                first=date.fromisoformat(facts["from"]),
                last=None if facts["to"] is None else date.fromisoformat(facts["to"]),
                ended_by=None if end is None else entry_name(book_id, end.seq),
                ended_on=None if end is None else end.effective_on,
                reversed_by=entry_name(book_id, back[row.seq]) if row.seq in back else None,
            )
        )
    return views
