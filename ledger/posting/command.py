"""What a command is to posting: where it belongs, what it needs to read, and its own pure decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from hashlib import sha256
from typing import Any, ClassVar, NamedTuple

from ledger.book import Book, Draft
from ledger.chain import TransferLine
from ledger.chart import MATRIX, POCKETS, Kind, Rule, Side, Stage, Status, Verb
from ledger.debts import DeclaredLine, Rows
from ledger.identity import account_no, entry_name
from ledger.interest import DayChange
from ledger.membership import Enrolment
from ledger.policy import Policy
from ledger.refusals import PRECEDENCE, RefusalCode, Refused

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


@dataclass(slots=True)
class Desk:
    """What lies on the table when a command is decided. Everything was read after the locks were had."""

    now: datetime
    today: date
    policies: Mapping[int, Policy]
    books: dict[int, Book] = field(default_factory=dict)
    ids: dict[bytes, int] = field(default_factory=dict)
    persons: dict[bytes, Person] = field(default_factory=dict)
    institutions: dict[str, Institution] = field(default_factory=dict)
    sources: set[tuple[int, int, str]] = field(default_factory=set)
    keys: dict[tuple[int, str, str], tuple[bytes, Posted]] = field(default_factory=dict)
    targets: dict[tuple[int, int], Receipt] = field(default_factory=dict)
    acted: dict[tuple[int, int], Kind] = field(default_factory=dict)
    # per book: the first day asked for, the sum of all before it, the net changes from it on
    changes: dict[int, tuple[date, int, list[DayChange]]] = field(default_factory=dict)
    estates: dict[int, Receipt] = field(default_factory=dict)
    # per book: the last value date on which money moved
    latest: dict[int, date] = field(default_factory=dict)
    # accounts that were read without a lock
    named: dict[int, Book] = field(default_factory=dict)
    enrolments: dict[int, list[Enrolment]] = field(default_factory=dict)
    # the lines of a declaration, by its entry
    declared: dict[tuple[int, int], list[DeclaredLine]] = field(default_factory=dict)
    # per account: the digest and the sealed form of the ID number it is known by
    sealed: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    # the copies that the command under decision works on
    working: dict[int, Book] = field(default_factory=dict)
    book: Any = None

    def other(self, ref: BookRef) -> Book | None:
        """Another book of this command, as a working copy; None when nobody has it."""
        book_id = self.ids.get(ref) if isinstance(ref, bytes) else ref
        if book_id is None:
            return None
        copy = self.working.get(book_id)
        if copy is None:
            stored = self.books.get(book_id)
            if stored is None:
                return None
            copy = self.working[book_id] = stored.copy()
            copy.expire_holds(self.now, self.today)
        return copy

    def look_at(self, book_id: int) -> Book | None:
        """A book as it stands, to judge by and not to change."""
        return self.books.get(book_id) or self.named.get(book_id)

    def policy(self, area: int) -> Policy:
        policy = self.policies.get(area)
        if policy is None:
            raise Refused(RefusalCode.AREA_UNKNOWN)
        return policy

    def allow(self, verb: Verb, *, day: date | None = None, period: int | None = None) -> None:
        """Raise the refusal that the matrix gives for this verb on this book today, if any.

        `day` or `period` (YYYYMM) is what decides where the matrix says "until death".
        """
        book: Book = self.book
        if book.stage == Stage.ACTIVE and not book.open_freezes and MATRIX[verb][Status.ACTIVE] is Rule.YES:
            return
        refusal: RefusalCode | None = None
        for status in book.statuses(self.today):
            rule = MATRIX[verb][status]
            if isinstance(rule, RefusalCode):
                found: RefusalCode | None = rule
            elif rule is Rule.UNTIL_DEATH and book.died_on is not None:
                found = _after_death(book.died_on, day, period)
            else:
                found = None
            if found is not None and (refusal is None or PRECEDENCE[found] < PRECEDENCE[refusal]):
                refusal = found
        if refusal is not None:
            raise Refused(refusal)

    def designated(self, code: str, day: date) -> Institution:
        """The institution, which must have a contract on the day (R18)."""
        institution = self.institutions.get(code)
        if institution is None:
            raise Refused(RefusalCode.INSTITUTION_UNKNOWN)
        for first, last, _services in institution.contracts:
            if first <= day and (last is None or day <= last):
                return institution
        raise Refused(RefusalCode.NOT_DESIGNATED)

    def require_new_source(self, kind: Kind, source_ref: str) -> None:
        """A source document makes one entry of a kind in a book."""
        if (self.book.book_id, int(kind), source_ref) in self.sources:
            raise Refused(RefusalCode.DUPLICATE_SOURCE_REF)

    def remember_change(self, receipt: Receipt) -> None:
        """Let the changes of a book include an entry of this very batch."""
        since, before, days = self.changes[receipt.book_id]
        current_year = total = 0
        for source, target, fen, _party in receipt.transfers:
            total += (fen if target in POCKETS else 0) - (fen if source in POCKETS else 0)
            current_year += (fen if target == Side.CURRENT_YEAR else 0) - (
                fen if source == Side.CURRENT_YEAR else 0
            )
        if receipt.effective_on < since:
            self.changes[receipt.book_id] = (since, before + total, days)
        else:
            inside = 0 if receipt.kind is Kind.CARRY_OVER else current_year
            days.append(DayChange(receipt.effective_on, inside, total))
        if receipt.transfers:
            latest = self.latest.get(receipt.book_id, receipt.effective_on)
            self.latest[receipt.book_id] = max(latest, receipt.effective_on)

    def target(self, seq: int) -> Receipt | None:
        """The entry of this book with that number, whether written before or in this batch."""
        return self.targets.get((self.book.book_id, seq))

    def acted_on(self, seq: int) -> Kind | None:
        """The kind of the entry that already acted on that one (reversed, captured, ended it)."""
        return self.acted.get((self.book.book_id, seq))


def _after_death(died_on: date, day: date | None, period: int | None) -> RefusalCode | None:
    if period is not None and period > died_on.year * 100 + died_on.month:
        return RefusalCode.PERIOD_AFTER_END
    if day is not None and day > died_on:
        return RefusalCode.ACCOUNT_DECEASED
    return None


def receipt_of(draft: Draft, book: Book, desk: Desk, policy_version: int, caller: int, actor: int) -> Receipt:
    """The receipt of an entry that was just decided."""
    return Receipt(
        book.book_id,
        draft.seq,
        draft.kind,
        draft.period,
        draft.effective_on,
        draft.fact_on,
        desk.now,
        draft.current_year_after,
        draft.carried_over_after,
        draft.held_change,
        draft.reserved_change,
        draft.expires_at,
        draft.target_seq,
        draft.source_ref,
        draft.detail,
        policy_version,
        caller,
        actor,
        draft.transfers,
    )
