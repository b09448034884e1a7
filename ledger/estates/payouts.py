"""Shares that go to a bank: ordered with the bank details, reviewed by somebody else, paid (R57, R68).

The bank details stand sealed beside the order, and nowhere else. The newest order of an heir is the one that
counts, so that wrong details are put right by another one. What was paid is gone: its estate is not undone,
unless the bank sends it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.accounts.inheritance import TO_PAYOUT
from ledger.book.beside import RowKind, rows_digest
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.chart.payouts import PayoutWord
from ledger.chart.rows import RowLetter
from ledger.chart.sides import Side
from ledger.database.lookups import Lookup
from ledger.estates.case import ESTATE_CASE, case_named, noted_on
from ledger.people.dated import Sealed
from ledger.posting import BookRef, Command, Desk, Need, Receipt
from ledger.posting.needs import Asked, own_books
from ledger.posting.reads import ENTRY_FIELDS, ENTRY_RETURNS, receipts
from ledger.refusals import RefusalCode, Refused
from ledger.texts import actor_as_compared


class PayoutRow(NamedTuple):
    """An order, as its entry writes it beside itself: whose share, how much, and the bank details sealed."""

    person_id: int
    amount: int
    digest: bytes
    sealed: bytes


def _told(row: PayoutRow) -> str:
    # the seal is another one each time: what it holds is told by its keyed digest
    return f"{row.person_id}|{row.amount}|{row.digest.hex()}"


PAYOUT_ROW = RowKind("estate_payout", RowLetter.PAYOUT, PayoutRow, told=_told)

PAYOUT_KINDS: Final = (Kind.ESTATE, Kind.ESTATE_UNDO, Kind.PAYOUT_ORDER, Kind.PAYOUT_REVIEW, Kind.PAYOUT,
    Kind.PAYOUT_RETURN)  # fmt: skip
_ENTRIES = Lookup(
    f"SELECT {ENTRY_FIELDS} FROM {{given}} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.kind IN ({', '.join(str(int(kind)) for kind in PAYOUT_KINDS)}) ORDER BY e.book_id, e.seq",
    ENTRY_RETURNS,
    book_id="big",
)
_ASKED_BY = Lookup(
    "SELECT p.book_id, p.seq, a.name FROM {given} JOIN estate_payout p ON p.book_id = given.book_id"
    " JOIN entry e ON e.book_id = p.book_id AND e.seq = p.seq JOIN agent a ON a.agent_id = e.actor",
    [tables.entry.c.book_id, tables.entry.c.seq, tables.agent.c.name],
    book_id="big",
)


class Payouts:
    """What of one estate goes to banks, as its entries so far say. Amounts in fen, by person."""

    __slots__ = ("asked_by", "done", "latest", "orders", "paid", "payable", "returned", "reviewed")

    def __init__(self) -> None:
        self.asked_by: dict[int, str] = {}
        # orders of which the bank sent back what was paid, whatever became of their estate since
        self.returned: set[int] = set()
        self.forget()

    def forget(self) -> None:
        """Begin anew: a division was taken back, and the orders with it."""
        self.payable: dict[int, int] = {}
        self.paid: dict[int, int] = {}
        # by the order: whose and how much; and the entry that reviewed it
        self.orders: dict[int, tuple[int, int]] = {}
        self.reviewed: dict[int, int] = {}
        # and the entry that paid it, also when that came back
        self.done: dict[int, int] = {}
        # by person, the order that counts
        self.latest: dict[int, int] = {}

    def note(self, kind: int, seq: int, target_seq: int | None, detail: str | None) -> None:
        """Let an entry count."""
        told = unpack(detail)
        if kind == Kind.ESTATE:
            for line in told["heirs"]:
                if line["paid_to"] == TO_PAYOUT:
                    self.payable[line["person"]] = self.payable.get(line["person"], 0) + line["amount"]
        elif kind == Kind.ESTATE_UNDO:
            self.forget()
        elif kind == Kind.PAYOUT_ORDER:
            self.orders[seq] = told["person"], told["amount"]
            self.latest[told["person"]] = seq
        elif kind == Kind.PAYOUT_REVIEW and target_seq is not None:
            self.reviewed[target_seq] = seq
        elif kind == Kind.PAYOUT:
            person, fen = self.orders.get(told["order"], (0, 0))
            self.paid[person] = self.paid.get(person, 0) + fen
            self.done[told["order"]] = seq
        elif kind == Kind.PAYOUT_RETURN:
            person, fen = self.orders.get(told["order"], (0, 0))
            self.paid[person] = self.paid.get(person, 0) - fen
            self.returned.add(told["order"])

    def left(self, person: int) -> int:
        """What is still to be paid to somebody."""
        return self.payable.get(person, 0) - self.paid.get(person, 0)

    def counts(self, seq: int) -> bool:
        """Whether an order is the last one of its heir, and was not paid."""
        person, _fen = self.orders.get(seq, (0, 0))
        return self.latest.get(person) == seq and seq not in self.done

    def word(self, seq: int) -> PayoutWord:
        """How far an order is."""
        if seq in self.returned:
            return PayoutWord.RETURNED
        if seq in self.done:
            return PayoutWord.PAID
        if not self.counts(seq):
            return PayoutWord.REPLACED
        return PayoutWord.REVIEWED if seq in self.reviewed else PayoutWord.WAITING


# by book
PayoutsOf = dict[int, Payouts]


def _read(connection: Connection, asked: Asked, desk: Desk) -> PayoutsOf:
    books = [(book_id,) for book_id in own_books(asked, desk)]
    found = {book_id: Payouts() for (book_id,) in books}
    for one in receipts(connection, _ENTRIES.run(connection, books)):
        found[one.book_id].note(one.kind, one.seq, one.target_seq, one.detail)
    for book_id, seq, name in _ASKED_BY.run(connection, books):
        found[book_id].asked_by[seq] = name
    return found


def _follow(found: PayoutsOf, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    if receipt.kind in PAYOUT_KINDS and receipt.book_id in found:
        found[receipt.book_id].note(receipt.kind, receipt.seq, receipt.target_seq, receipt.detail)


# of the estates of those who asked; whoever adds an entry has the lock of the book
PAYOUTS: Need[PayoutsOf] = Need("what goes to banks", _read, follow=_follow)


@dataclass(eq=False)
class OrderPayout(Command):
    """Order a share to be paid to a bank: all that is still to be paid to the heir. It waits for a review.

    Another order of the same heir takes the place of one that was not paid.
    """

    verb: ClassVar[Verb | str] = "payout_order"
    refused_with = (
        RefusalCode.ESTATE_NOT_FOUND,
        RefusalCode.ACCOUNT_NOT_DECEASED,
        RefusalCode.ESTATE_NOT_CONFIRMED,
        # nobody of that name, or nothing that is paid out
        RefusalCode.NOTHING_PAYABLE,
    )
    needs = frozenset({ESTATE_CASE, PAYOUTS})

    book: BookRef
    death_seq: int
    # None: nobody of that name, or several
    person: int | None
    bank: Sealed
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.death_seq}|{self.person}|{self.bank.digest.hex()}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        case = case_named(desk, book, self.death_seq)
        # only of a divided estate, as it is undone
        desk.allow(Verb.ESTATE_UNDO)
        if case.estate_seq is None:
            raise Refused(RefusalCode.ESTATE_NOT_CONFIRMED)
        person = self.person
        fen = 0 if person is None else desk.of(PAYOUTS)[book.book_id].left(person)
        if person is None or fen <= 0:
            raise Refused(RefusalCode.NOTHING_PAYABLE, at="name")
        rows = (PayoutRow(person, fen, *self.bank),)
        facts = {"death": case.death_seq, "person": person, "amount": fen, "rows": rows_digest(rows)}
        book.add(
            Draft(Kind.PAYOUT_ORDER, noted_on(desk, book), detail=pack(**facts), keyed=True, beside=rows)
        )


@dataclass(eq=False)
class ReviewPayout(Command):
    """Say that the bank details of an order are right: by somebody else than who wrote them down (R68)."""

    verb: ClassVar[Verb | str] = "payout_review"
    refused_with = (
        RefusalCode.PAYOUT_NOT_FOUND,
        RefusalCode.SAME_PERSON,
        # reviewed or paid before, replaced by another order, or the estate was undone
        RefusalCode.PAYOUT_STATE,
    )
    needs = frozenset({PAYOUTS})

    book: BookRef
    order_seq: int
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return str(self.order_seq)

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        payouts = desk.of(PAYOUTS)[book.book_id]
        asked_by = payouts.asked_by.get(self.order_seq)
        if asked_by is None:
            raise Refused(RefusalCode.PAYOUT_NOT_FOUND)
        if actor_as_compared(asked_by) == actor_as_compared(self.actor):
            raise Refused(RefusalCode.SAME_PERSON)
        if not payouts.counts(self.order_seq) or self.order_seq in payouts.reviewed:
            raise Refused(RefusalCode.PAYOUT_STATE, state=payouts.word(self.order_seq))
        facts = {"order": self.order_seq}
        book.add(
            Draft(
                Kind.PAYOUT_REVIEW,
                noted_on(desk, book),
                target_seq=self.order_seq,
                detail=pack(**facts),
                keyed=True,
            )
        )


@dataclass(eq=False)
class RecordPayout(Command):
    """Record that the bank was paid what a reviewed order says."""

    verb: ClassVar[Verb | str] = "payout"
    source_kind = Kind.PAYOUT
    refused_with = (
        RefusalCode.PAYOUT_NOT_FOUND,
        RefusalCode.DUPLICATE_SOURCE_REF,
        # not reviewed, paid before, replaced by another order, or the estate was undone
        RefusalCode.PAYOUT_STATE,
        # an account that was opened after today, by a clock that is behind
        RefusalCode.PERIOD_INVALID,
    )
    needs = frozenset({PAYOUTS})

    book: BookRef
    order_seq: int
    source_ref: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.order_seq}|{self.source_ref!a}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        payouts = desk.of(PAYOUTS)[book.book_id]
        if self.order_seq not in payouts.asked_by:
            raise Refused(RefusalCode.PAYOUT_NOT_FOUND)
        review = payouts.reviewed.get(self.order_seq)
        if review is None or not payouts.counts(self.order_seq):
            raise Refused(RefusalCode.PAYOUT_STATE, state=payouts.word(self.order_seq))
        desk.require_new_source(Kind.PAYOUT, self.source_ref)
        person, fen = payouts.orders[self.order_seq]
        effective_on, fact_on = book.value_date(desk.today, desk.today)
        book.roll_to(effective_on.year)
        book.add(
            Draft(
                Kind.PAYOUT,
                effective_on,
                ((int(Side.ESTATE_PAYABLE), int(Side.BANK), fen, person),),
                fact_on=fact_on,
                source_ref=self.source_ref,
                target_seq=review,
                detail=pack(order=self.order_seq),
                keyed=True,
            )
        )


@dataclass(eq=False)
class ReturnPayout(Command):
    """Record that the bank sent back what was paid by an order: it is to be paid to the heir again.

    By another order, with the details put right, which somebody else reviews as they did this one.
    """

    verb: ClassVar[Verb | str] = "payout_return"
    source_kind = Kind.PAYOUT_RETURN
    refused_with = (
        RefusalCode.PAYOUT_NOT_FOUND,
        RefusalCode.DUPLICATE_SOURCE_REF,
        # it was not paid, or came back before
        RefusalCode.PAYOUT_STATE,
        # an account that was opened after today, by a clock that is behind
        RefusalCode.PERIOD_INVALID,
    )
    needs = frozenset({PAYOUTS})

    book: BookRef
    order_seq: int
    reason: str
    source_ref: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.order_seq}|{self.reason!a}|{self.source_ref!a}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        payouts = desk.of(PAYOUTS)[book.book_id]
        if self.order_seq not in payouts.asked_by:
            raise Refused(RefusalCode.PAYOUT_NOT_FOUND)
        payout = payouts.done.get(self.order_seq)
        if payout is None or self.order_seq in payouts.returned:
            raise Refused(RefusalCode.PAYOUT_STATE, state=payouts.word(self.order_seq))
        desk.require_new_source(Kind.PAYOUT_RETURN, self.source_ref)
        person, fen = payouts.orders[self.order_seq]
        effective_on, fact_on = book.value_date(desk.today, desk.today)
        book.roll_to(effective_on.year)
        book.add(
            Draft(
                Kind.PAYOUT_RETURN,
                effective_on,
                ((int(Side.BANK), int(Side.ESTATE_PAYABLE), fen, person),),
                fact_on=fact_on,
                source_ref=self.source_ref,
                target_seq=payout,
                detail=pack(order=self.order_seq, reason=self.reason),
                keyed=True,
            )
        )
