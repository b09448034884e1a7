"""What a command is to posting: where it belongs, what it needs to read, and its own pure decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from ledger.book.beside.rows import Rows
from ledger.book.chain import TransferLine
from ledger.book.numbers import account_no, entry_name
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.chart.sides import Side
from ledger.refusals import Refused

if TYPE_CHECKING:
    from ledger.posting.desk import Desk

# a book by its number, or the keyed digest of the ID number of the person it belongs to
BookRef = int | bytes


class Needs(Enum):
    """What a command may want to have read, beside the books and keys that are always read."""

    # the entry it acts on, with transfers, and what already acted on it
    TARGET = "target"
    # the net changes by value date of every year whose interest is not posted
    CHANGES = "changes"
    # how a closed account was divided, for money that comes back to it
    ESTATE = "estate"
    # of an employer's book: what it owes by month, and for the persons it names
    DEBTS = "debts"
    # every person's month that is not paid in full, and the sealed ID numbers of the accounts that are locked
    OPEN_MONTHS = "open_months"
    # the same for the one month that it is about
    OPEN_MONTH = "open_month"
    # the list that the target entry handed in
    DECLARED = "declared"
    # the enrolments of this book and of those it names
    ENROLMENTS = "enrolments"
    # of a patient's book: the counters of its years of care
    ACCUMULATORS = "accumulators"
    # the quotas given to this person, and those of every book that is locked
    QUOTAS = "quotas"
    # the settled bills from an entry on (`target_seq`), or those of a year of care (`care_year`)
    SETTLEMENTS = "settlements"
    FILINGS = "filings"
    CASES = "cases"
    # of an institution's book: what both sides agreed on for the days of `days`, and its cleared months
    AGREED = "agreed"
    # and what we have of these days
    DAYS = "days"
    # and the bills of the one day
    DAY_LINES = "day_lines"


class PersonClaim(NamedTuple):
    """A person who must be known after the command: found by the digest, or written down sealed."""

    digest: bytes
    number_sealed: bytes | None
    name_sealed: bytes
    name_digest: bytes


class Person(NamedTuple):
    """A person as the claim found or made it."""

    person_id: int
    name_digest: bytes


class Institution(NamedTuple):
    """A designated institution with its contracts as (first day, last day or None, services)."""

    code: str
    party_id: int
    kind: str
    level: int
    area: int
    contracts: tuple[tuple[date, date | None, frozenset[str]], ...]
    suspensions: tuple[tuple[date, date | None], ...] = ()

    def serves(self, day: date, service: str | None) -> bool:
        """Whether a contract holds on the day, for that service where one is asked for."""
        return any(
            first <= day and (last is None or day <= last) and (service is None or service in services)
            for first, last, services in self.contracts
        )

    def suspended(self, day: date) -> bool:
        return any(first <= day and (last is None or day <= last) for first, last in self.suspensions)


class Receipt(NamedTuple):
    """What a verb returns: one entry as it stands in the book. Amounts in fen."""

    book_id: int
    seq: int
    kind: Kind
    period: int | None
    effective_on: date
    fact_on: date | None
    recorded_at: datetime
    current_year_after: int
    carried_over_after: int
    held_change: int | None
    reserved_change: int | None
    expires_at: datetime | None
    target_seq: int | None
    source_ref: str | None
    detail: str | None
    policy_version: int
    caller: int
    actor: int
    transfers: tuple[TransferLine, ...]

    @property
    def name(self) -> str:
        return entry_name(self.book_id, self.seq)

    @property
    def account_no(self) -> str:
        return account_no(self.book_id)

    @property
    def amount_fen(self) -> int:
        """What the entry moved; for one that moves nothing, what it held or set free.

        Of a payment it is what came in: its other moves say where that went.
        """
        if self.kind is Kind.PAYMENT:
            return sum(move[2] for move in self.transfers if move[0] == Side.BANK)
        if self.transfers:
            return sum(move[2] for move in self.transfers)
        return abs(self.held_change or 0)

    @property
    def balance_fen(self) -> int:
        return self.current_year_after + self.carried_over_after


@dataclass(slots=True)
class Posted:
    """The outcome of a command that was taken: its receipt, and every other entry it wrote."""

    receipt: Receipt
    others: tuple[Receipt, ...] = ()
    # the same request was answered before, and this is that answer again
    replayed: bool = False
    # False: what was asked for stood in the book already, nothing was written (a second opening)
    created: bool = True
    person_id: int | None = None
    # what the entry wrote beside itself; not read again for a replay
    rows: Rows | None = None


class Unknown(Exception):
    """The connection broke while COMMIT was under way: the same key will tell what became of it."""


class Unavailable(Unknown):
    """The database could not be reached: nothing was written, and the same request may be sent again."""


class Failed(Exception):
    """A fault of the database that only this command met. The cause is chained."""


Outcome = Posted | Refused | Unknown | Failed


class WiderLocks(Exception):
    """The decision found that it needs more books: it goes into the next batch with them."""

    def __init__(self, books: Sequence[BookRef]) -> None:
        super().__init__("more books are needed")
        self.books = tuple(books)


class AlreadyThere(Exception):
    """The decision found that what was asked for stands in the book: this entry is the answer."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__("already there")
        self.receipt = receipt


_NOTHING: dict[str, object] = {
    "others": (),
    "persons": (),
    "candidates": (),
    "key": None,
    "source_ref": None,
    "institution": None,
    "target_seq": None,
    "effective_on": None,
    "named": (),
    "period": None,
    "claims": (),
    "else_book": None,
    "days": None,
    "care_year": None,
}


class Command:
    """One request to change one book (and, for a few, other books with it).

    Subclasses say in `decide` what becomes of it: they add drafts to `desk.book`, or raise Refused. `decide`
    is pure: no clock, no I/O, no settings.
    """

    verb: ClassVar[Verb | str] = ""
    # the kind under which its source_ref must be new in the book
    source_kind: ClassVar[Kind | None] = None
    needs: ClassVar[frozenset[Needs]] = frozenset()
    opens: ClassVar[bool] = False
    # takes money out of the pockets: a debit valued in an old year must know what that year's pocket stood at
    debits: ClassVar[bool] = False
    # its source document is its key, whoever sends it: the same again gets the first answer
    keyed_by_source: ClassVar[bool] = False
    # it is about the book that holds its first claim, and there about an entry of this kind
    follows_claim: ClassVar[Kind | None] = None

    book: BookRef
    others: tuple[BookRef, ...]
    persons: tuple[PersonClaim, ...]
    caller: str
    actor: str
    key: str | None
    source_ref: str | None
    institution: str | None
    target_seq: int | None
    effective_on: date | None
    # accounts that are looked at and neither locked nor written
    named: tuple[BookRef, ...]
    # the month (YYYYMM) that it is about
    period: int | None
    # numbers that a new book may take, when the command opens one
    candidates: tuple[int, ...]
    # digests of what is unique beyond one book: an institution's message, its bill number
    claims: tuple[bytes, ...]
    # the book when the first is not there: a resident has no account
    else_book: BookRef | None
    # the first and the last day of an institution that it is about
    days: tuple[date, date] | None
    # the year of care that it settles
    care_year: int | None

    def __init_subclass__(cls) -> None:
        # What a command does not have, it has as nothing. Set here and not on this class, where a dataclass
        # would take it for the default of a field that its commands require.
        for name, nothing in _NOTHING.items():
            if name not in cls.__annotations__ and not hasattr(cls, name):
                setattr(cls, name, nothing)

    def content(self) -> str:
        """The canonical content: what makes two requests with one key the same request."""
        raise NotImplementedError

    def decide(self, desk: Desk) -> None:
        raise NotImplementedError

    def fingerprint(self, book_id: int) -> bytes:
        """Eight bytes over verb, resolved book and canonical content: they are stored with every entry."""
        verb = self.verb.value if isinstance(self.verb, Verb) else self.verb
        return sha256(f"{verb}|{book_id}|{self.content()}".encode()).digest()[:8]
