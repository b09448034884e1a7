"""Demands as they stand, what was done about them, and how commands ask for it. Amounts in fen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.book.beside import StateKind
from ledger.book.detail import unpack
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.owed import DebtKind
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Need, Receipt
from ledger.posting.needs import Asked, own_books

_D, _E = tables.demand.c, tables.entry.c


class DebtKey(NamedTuple):
    """By what a debt is known: the month at an employer, a year of care, or an entry of the person's book.

    `account` is the one that had the month, where that is one which went into the debtor's.
    """

    kind: DebtKind
    book: int
    number: int
    account: int | None = None


class Demand(NamedTuple):
    """What a person is to pay back: the whole, and what of it is done."""

    amount: int
    demanded_on: date
    set_off: int = 0
    paid: int = 0
    # what of it the estate took over, which owes it since
    to_estate: int = 0
    withdrawn: int = 0
    # what the person owed before, which is the demand's from then on
    debt_kind: int | None = None
    debt_book: int | None = None
    debt_number: int | None = None
    debt_account: int | None = None

    @property
    def debt(self) -> DebtKey | None:
        """What it took over."""
        if self.debt_kind is None or self.debt_book is None or self.debt_number is None:
            return None
        return DebtKey(DebtKind(self.debt_kind), self.debt_book, self.debt_number, self.debt_account)

    @property
    def status(self) -> str:
        """As callers see it."""
        if self.withdrawn:
            return "withdrawn"
        return "open" if self.still_owed else "settled"

    @property
    def still_owed(self) -> int:
        return self.amount - self.set_off - self.paid - self.to_estate - self.withdrawn


def taken_over(demands: Iterable[Demand], key: DebtKey) -> int:
    """What of a debt demands took over that were not withdrawn, in fen."""
    return sum(one.amount - one.withdrawn for one in demands if one.debt == key)


def demanded_before(demands: Mapping[int, Mapping[int, Demand]], books: Iterable[int], key: DebtKey) -> int:
    """What of a debt was taken over in the books of accounts that went into the debtor's since, in fen."""
    return sum(
        # in the account's own book the month is its own
        taken_over(demands[one].values(), key._replace(account=None) if key.account == one else key)
        for one in books
    )


def demanded_of_year(book: Book, year: int, others: Iterable[Book] = ()) -> int:
    """What demands took over of what annual settlements of a year claimed back, in fen; also those of
    `others`, the accounts that this one went into.
    """
    key = DebtKey(DebtKind.ANNUAL_SETTLEMENT, book.book_id, year)
    return sum(taken_over(one.of(DEMAND_STATE).rows.values(), key) for one in (book, *others))


# by the entry that demanded it
DEMAND_STATE: StateKind[int, Demand] = StateKind("demand", ("seq",), Demand)

_FIELDS = Demand._fields
_DEMANDS = Lookup(
    f"SELECT d.book_id, d.seq, {', '.join(f'd.{name}' for name in _FIELDS)} FROM {{given}}"
    " JOIN demand d ON d.book_id = given.book_id ORDER BY d.book_id, d.seq",
    [_D.book_id, _D.seq, *(_D[name] for name in _FIELDS)],
    book_id="big",
)


def _read(connection: Connection, asked: Asked, desk: Desk) -> bool:
    own = own_books(asked, desk)
    if any(desk.books[book_id].stage == Stage.CLOSED for book_id in own):
        # and those of the accounts that closed ones went into, once they are locked
        own = [*own, *(one for one, book in desk.books.items() if book.person_id is not None)]
    put_demands(connection, desk, own)
    return True


def put_demands(connection: Connection, desk: Desk, books: Iterable[int]) -> None:
    """Put the demands of some books beside them, as far as nobody else has."""
    unread = sorted(book_id for book_id in set(books) if DEMAND_STATE not in desk.books[book_id].states)
    for book_id, demands in read_demands(connection, unread).items():
        desk.books[book_id].put(DEMAND_STATE).rows.update(demands)


def read_demands(connection: Connection, books: Iterable[int]) -> dict[int, dict[int, Demand]]:
    """The demands of some books, by the entries that made them, in their order."""
    found: dict[int, dict[int, Demand]] = {book_id: {} for book_id in books}
    for book_id, seq, *values in _DEMANDS.run(connection, [(book_id,) for book_id in found]):
        found[book_id][seq] = Demand._make(values)
    return found


# what the persons of some books are to pay back
DEMANDS: Need[bool] = Need("demands", _read)

_OF_DEMANDS = (Kind.SET_OFF, Kind.INSTALMENT)
_DONE = Lookup(
    "SELECT e.book_id, e.seq, e.kind, e.detail FROM {given} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.seq > given.seq AND e.kind IN ({', '.join(str(int(kind)) for kind in _OF_DEMANDS)})"
    " WHERE NOT EXISTS (SELECT 1 FROM entry x WHERE x.book_id = e.book_id AND x.target_seq = e.seq)",
    [_E.book_id, _E.seq, _E.kind, _E.detail],
    book_id="big",
    seq="int",
)

# by book and entry, the demand that each was done about
DoneOfDemands = dict[int, dict[int, int]]


def is_done_of_one(kind: int, detail: str | None) -> bool:
    """Whether an entry was set off against a demand, or paid of one, by an act of its own."""
    if kind == Kind.SET_OFF:
        told = unpack(detail)
        # what an estate set off, or took over of an account that went into its own, is a line of its division
        return "demand" in told and not told.keys() & {"line", "estate"}
    return kind == Kind.INSTALMENT


def _read_done(connection: Connection, asked: Asked, _desk: Desk) -> DoneOfDemands:
    found: DoneOfDemands = {}
    places = sorted({(book_id, command.target_seq) for book_id, command in asked})
    for book_id, seq, kind, detail in _DONE.run(connection, places):
        if is_done_of_one(kind, detail):
            found.setdefault(book_id, {})[seq] = unpack(detail)["demand"]
    return found


def _follow_done(found: DoneOfDemands, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    of_book = found.setdefault(receipt.book_id, {})
    if is_done_of_one(receipt.kind, receipt.detail):
        of_book[receipt.seq] = unpack(receipt.detail)["demand"]
    elif receipt.target_seq is not None:
        of_book.pop(receipt.target_seq, None)


# what was set off against the demands of a book, or paid of them, after the entry that is named
DONE_OF_DEMANDS: Need[DoneOfDemands] = Need("what was done about demands", _read_done, follow=_follow_done)
