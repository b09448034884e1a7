"""What has to be settled before an estate is divided, because what comes later has no door (R54)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.accounts.debits_after import read_debits_of
from ledger.book.detail import unpack
from ledger.book.numbers import account_no, entry_name
from ledger.book.state import Book
from ledger.care.decisions import decided_by
from ledger.care.visits import IS_OPEN
from ledger.chart.care import CareType
from ledger.chart.kinds import Kind
from ledger.chart.transfers import Direction, TransferStatus
from ledger.database.lookups import Lookup
from ledger.estates.owed import OWED
from ledger.months import format_period, period_of
from ledger.posting import Desk, Need, Receipt
from ledger.posting.merges import came_into
from ledger.posting.needs import Asked, own_books
from ledger.refusals import RefusalCode, Refused

_E, _I, _A = tables.entry.c, tables.institution.c, tables.assessment.c

# a claim is open until a decision stands
_UNDECIDED = Lookup(
    "SELECT m.book_id, m.seq, i.code FROM {given} JOIN manual_claim m ON m.book_id = given.book_id"
    f" JOIN institution i ON i.party_id = m.institution_id WHERE {decided_by('m')} IS NULL"
    " ORDER BY m.book_id, m.seq",
    [_E.book_id, _E.seq, _I.code],
    book_id="big",
)
# registered visits that were not taken back and have no bill that stands
_VISITS = Lookup(
    "SELECT e.book_id, e.seq, e.detail FROM {given} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.kind = {int(Kind.VISIT)}"
    f" WHERE {IS_OPEN} ORDER BY e.book_id, e.seq",
    [_E.book_id, _E.seq, _E.detail],
    book_id="big",
)
# months after death that an employer has paid for, and that reached the account
_MONTHS = Lookup(
    "SELECT a.account_id, a.book_id, a.period FROM {given} JOIN assessment a"
    " ON a.account_id = given.book_id AND a.period > given.period"
    " WHERE a.employee_paid > CASE WHEN a.suspended > 0 THEN a.suspended ELSE 0 END"
    " ORDER BY a.account_id, a.period, a.book_id",
    [_A.account_id, _A.book_id, _A.period],
    book_id="big",
    period="int",
)


# money that another agency may send back, and money that one has announced
_TRANSFERS = Lookup(
    "SELECT c.book_id, c.seq, e.detail FROM {given} JOIN transfer_case c ON c.book_id = given.book_id"
    f" AND c.status IN ({int(TransferStatus.SENT)}, {int(TransferStatus.ANNOUNCED)})"
    " JOIN entry e ON e.book_id = c.book_id AND e.seq = c.seq ORDER BY c.book_id, c.seq",
    [_E.book_id, _E.seq, _E.detail],
    book_id="big",
)
_END_TRANSFERS = frozenset({Kind.TRANSFER_IN, Kind.TRANSFER_REJECTION, Kind.TRANSFER_ACKNOWLEDGEMENT})


class OpenItem(NamedTuple):
    """Something that is still open: what it is, the entry or month that it is known by, and where it lies."""

    what: str
    name: str
    where: str


# by book
Items = dict[int, list[OpenItem]]


def _read(connection: Connection, asked: Asked, desk: Desk) -> Items:
    books = {book_id: desk.books[book_id] for book_id in own_books(asked, desk)}
    merged = came_into(connection, books)
    # what is open of an account that went into another one is open of that one
    whose = {one: book_id for book_id in books for one in (book_id, *merged.get(book_id, ()))}
    ids = [(one,) for one in whose]
    found: Items = {book_id: [] for book_id in books}
    for book_id, seq, code in _UNDECIDED.run(connection, ids):
        found[whose[book_id]].append(OpenItem("claim", entry_name(book_id, seq), code))
    for book_id, seq, detail in _VISITS.run(connection, ids):
        told = unpack(detail)
        if told["care_type"] == CareType.INPATIENT.word:
            found[whose[book_id]].append(OpenItem("stay", entry_name(book_id, seq), told["institution"]))
    for book_id, seq, detail in _TRANSFERS.run(connection, ids):
        found[whose[book_id]].append(_transfer(book_id, seq, unpack(detail)))
    deaths = {book.book_id: book.died_on for book in books.values() if book.died_on is not None}
    died = [(one, period_of(deaths[book_id])) for one, book_id in whose.items() if book_id in deaths]
    for book_id, employer_id, period in _MONTHS.run(connection, died):
        found[whose[book_id]].append(OpenItem("contribution", format_period(period), account_no(employer_id)))
    for book_id, debits in read_debits_of(connection, deaths).items():
        found[book_id] += [OpenItem("debit_after_death", one.entry, one.institution) for one in debits]
    return found


def _transfer(book_id: int, seq: int, told: dict[str, Any]) -> OpenItem:
    return OpenItem("transfer", entry_name(book_id, seq), told["other_agency"])


def _follow(found: Items, _desk: Desk, receipt: Receipt, _beside: Sequence[Any]) -> None:
    """Let a transfer that this very batch has announced be open, and one that it has ended not any more."""
    items = found.get(receipt.book_id)
    if items is None:
        return
    if receipt.kind is Kind.TRANSFER_REQUEST:
        told = unpack(receipt.detail)
        if told["direction"] == Direction.IN.word:
            items.append(_transfer(receipt.book_id, receipt.seq, told))
    elif receipt.kind in _END_TRANSFERS:
        told = unpack(receipt.detail)
        name = entry_name(receipt.book_id, told["transfer"])
        items[:] = [one for one in items if (one.what, one.name) != ("transfer", name)]


# read after the locks; whoever changes one of them has the lock of the book
OPEN_ITEMS: Need[Items] = Need("what is open of an estate", _read, follow=_follow)


def open_debts(desk: Desk, book: Book, *, but: str = "") -> list[OpenItem]:
    """What the holder owes for certain, by what it is owed of; own debts that are `but` are left out."""
    return [
        OpenItem("debt", debt.what, account_no(book.book_id))
        for debt in desk.of(OWED).debts_of(desk, book)
        if debt.what != but or "account" in debt.known_by
    ]


def check_nothing_open(desk: Desk, book: Book, also: Sequence[OpenItem] = ()) -> None:
    """Raise Refused(open_items) with all that is open, by kind and then in the order of the book.

    `also` are items beside those that keep an estate open.
    """
    items = list(desk.of(OPEN_ITEMS).get(book.book_id, ()))
    items += [
        OpenItem("advance", entry_name(account, case.seq), case.institution)
        for account, case in desk.of(OWED).cases_of(desk, book.book_id)
        if case.is_open(desk.policy(book.area))
    ]
    items += [
        OpenItem("hold", entry_name(book.book_id, seq), unpack(hold.detail).get("institution", ""))
        for seq, hold in sorted(book.holds.items())
    ]
    items += also
    if items or book.held or book.reserved:
        told: list[dict[str, Any]] = [item._asdict() for item in items]
        raise Refused(RefusalCode.OPEN_ITEMS, items=told)
