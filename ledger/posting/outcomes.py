"""What becomes of a command: receipts, outcomes, and what a decision may raise instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from ledger.book.beside import Row, RowKind, RowT
from ledger.book.chain import TransferLine
from ledger.book.numbers import account_no, approval_name, entry_name
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.refusals import Refused

# whose money from the bank goes on in the same entry
_CAME_IN = (Kind.PAYMENT, Kind.TRANSFER_IN)

# a book by its number, or the keyed digest of the ID number of the person it belongs to
BookRef = int | bytes


class PersonStake(NamedTuple):
    """A person who must be known after the command: found by the digest, or written down sealed."""

    digest: bytes
    number_sealed: bytes | None
    name_sealed: bytes
    name_digest: bytes
    # as the ID number says; None of somebody known by name alone
    born_on: date | None = None


class Person(NamedTuple):
    """A person as the stake found or made it."""

    person_id: int
    name_digest: bytes


class IdentityState(NamedTuple):
    """Whose a number is, in which role, and by which name of the person it was written down.

    `nth` counts what entries have said of it; None: an older version wrote it down, and no entry has.
    """

    person_id: int
    role: int
    name_digest: bytes
    nth: int | None


class NumberMoved(NamedTuple):
    """Where the digest of an ID number leads from now on: whose number it is, and in which role.

    `named` is the person as written down, where it is another one than whom it was written down with.
    """

    person_id: int
    role: int
    named: PersonStake | None = None


class Change(NamedTuple):
    """What an entry says of an institution from a day on; None is what it says nothing of."""

    valid_from: date
    seq: int
    name: str | None = None
    kind: str | None = None
    level: int | None = None
    area: int | None = None
    ended: bool | None = None
    successor: str | None = None


class Institution(NamedTuple):
    """A designated institution with its contracts as (first day, last day or None, services).

    It is as first registered; `as_of` a day it is what the changes up to that day say: the latest day
    counts, and of one day what was recorded last.
    """

    code: str
    party_id: int
    kind: str
    level: int
    area: int
    contracts: tuple[tuple[date, date | None, frozenset[str]], ...]
    suspensions: tuple[tuple[date, date | None], ...] = ()
    # in the order of their days
    changes: tuple[Change, ...] = ()
    # there is none any more, and which one took its place
    ended: bool = False
    successor: str | None = None

    def as_of(self, day: date) -> Institution:
        """The institution as it is on a day: a bill goes by that of its care (K9)."""
        said: dict[str, Any] = {}
        for change in self.changes:
            if change.valid_from > day:
                break
            for name in ("kind", "level", "area"):
                value = getattr(change, name)
                if value is not None:
                    said[name] = value
            if change.ended is not None:
                said["ended"], said["successor"] = change.ended, change.successor
        return self._replace(**said) if said else self

    def serves(self, day: date, service: str | None) -> bool:
        """Whether a contract holds on the day, for that service where one is asked for."""
        return any(
            first <= day and (last is None or day <= last) and (service is None or service in services)
            for first, last, services in self.contracts
        )

    def suspended(self, day: date) -> bool:
        return any(first <= day and (last is None or day <= last) for first, last in self.suspensions)


class Approval(NamedTuple):
    """A second person's yes to what waits in a book under a number: who said it, through which system."""

    book_id: int
    number: int
    by: str
    through: str


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

        Of a payment, and of a transfer in, it is what came in: the other moves say where that went.
        """
        transfers = self.transfers
        if self.kind in _CAME_IN:
            return sum(fen for source, _target, fen, _party in transfers if source == Side.BANK)
        if len(transfers) == 1:
            return transfers[0][2]
        if transfers:
            return sum([fen for _source, _target, fen, _party in transfers])
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
    # the rows that the entry wrote beside itself, of what was there those that it would have written; None
    # for a replay: they are not read again
    beside: tuple[Row, ...] | None = None
    # of a rehearsal: posted, it would wait for a second person
    asks: bool = False

    def rows(self, kind: RowKind[RowT]) -> tuple[RowT, ...] | None:
        """Of what the entry wrote beside itself the rows of one kind; None for a replay."""
        return None if self.beside is None else kind.among(self.beside)

    def row(self, kind: RowKind[RowT]) -> RowT | None:
        """The one row of a kind, if the entry wrote it and this is no replay."""
        return next(iter(kind.among(self.beside or ())), None)


class Answered(NamedTuple):
    """What a request was answered with first, and the fingerprint that tells whether it is the same again."""

    fingerprint: bytes
    posted: Posted


class Sourced(NamedTuple):
    """The entry that a source document made, and the fingerprint of the request that brought it."""

    fingerprint: bytes | None
    receipt: Receipt


class Intent(NamedTuple):
    """What waits, or waited, for a second person; caller and actor by their numbers."""

    book_id: int
    number: int
    caller: int
    key: str
    fingerprint: bytes
    actor: int
    state: int
    expires_at: datetime
    decided_by: int | None


class Unknown(Exception):
    """The connection broke while COMMIT was under way: the same key will tell what became of it."""


class Unavailable(Unknown):
    """The database could not be reached: nothing was written, and the same request may be sent again."""


class PolicyOutdated(Unavailable):
    """A newer policy of the area is in force than the one decided by: nothing was written.

    Another process may take the same request, and so may this one with the newer policy.
    """

    def __init__(self, area: int) -> None:
        super().__init__(f"a newer policy of area {area:06d} is in force")
        self.area = area


class Failed(Exception):
    """A fault of the database that only this command met. The cause is chained."""


class Waiting(Exception):
    """Nothing is posted yet: what was asked for waits, under a number in its book, for a second person."""

    def __init__(self, book_id: int, number: int) -> None:
        super().__init__("a second person is asked for")
        self.book_id = book_id
        self.number = number

    @property
    def name(self) -> str:
        """The approval, as callers name it."""
        return approval_name(self.book_id, self.number)


Outcome = Posted | Waiting | Refused | Unknown | Failed


class WiderLocks(Exception):
    """The decision found that it needs more books: it goes into the next batch with them.

    With `leads_on` it is about another book from then on, an older one, which comes to an end by itself.
    """

    def __init__(self, books: Sequence[BookRef], *, leads_on: bool = False) -> None:
        super().__init__("more books are needed")
        self.books = tuple(books)
        self.leads_on = leads_on


class AlreadyThere(Exception):
    """The decision found that what was asked for stands in the book: this entry is the answer.

    `beside` are the rows that it would have written: what was asked for, as it was judged.
    """

    def __init__(self, receipt: Receipt, beside: tuple[Row, ...] | None = None) -> None:
        super().__init__("already there")
        self.receipt = receipt
        self.beside = beside
