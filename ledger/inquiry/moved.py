"""Entries as patterns look at them, and what is found in them: an entry, its evidence, a finding. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from ledger.book.numbers import entry_name
from ledger.chart.kinds import Kind
from ledger.clock import day_of
from ledger.texts import actor_as_compared

# entries that one finding shows; it says how many there were
ENTRIES_MAX: Final = 200


class PatternKind(StrEnum):
    """What was found."""

    AFTER_DEATH = "after_death"
    MANY_ACCOUNTS = "many_accounts"
    SPLIT = "split"
    REVERSED_AND_PAID = "reversed_and_paid"
    ONE_HAND = "one_hand"


class Hand(NamedTuple):
    """Who acted, and through which system."""

    actor: str
    caller: str

    @property
    def is_nobody(self) -> bool:
        """Whether a system did it by itself."""
        return actor_as_compared(self.actor) == actor_as_compared(self.caller)


class Evidence(NamedTuple):
    """One entry of a finding. What it moved is in fen."""

    at: datetime
    book_id: int
    seq: int
    kind: Kind
    fen: int
    actor: str
    institution: str | None = None

    @property
    def entry(self) -> str:
        return entry_name(self.book_id, self.seq)


class ActedOn(NamedTuple):
    """The entry that an entry acts on."""

    at: datetime
    seq: int
    kind: Kind
    by: Hand


class MovedEntry(NamedTuple):
    """One entry, as far as it is judged or shown. Amounts are in fen."""

    at: datetime
    area: int
    # the account, or the one that it went into
    account: int
    book_id: int
    seq: int
    kind: Kind
    # the day that counts: of the care, of the fact, else the value date
    on_day: date
    # of the holder, as it is known now
    died_on: date | None
    by: Hand
    # taken back since, or sent back by the bank
    is_undone: bool
    # where a card was shown: the code, and whether it was a pharmacy that day
    institution: str | None
    is_pharmacy: bool
    # what left the pockets, what came into them, and what was paid out of what had left them
    out_fen: int
    in_fen: int
    paid_fen: int
    acts_on: ActedOn | None = None

    @property
    def recorded_on(self) -> date:
        """The area's day."""
        return day_of(self.at)

    @property
    def evidence(self) -> Evidence:
        fen = self.out_fen or self.in_fen or self.paid_fen
        return Evidence(self.at, self.book_id, self.seq, self.kind, fen, self.by.actor, self.institution)


class Approved(NamedTuple):
    """What two people did: one asked, another said yes, and it was posted."""

    asked_at: datetime
    at: datetime
    area: int
    book_id: int
    seq: int
    kind: Kind
    fen: int
    asked_by: Hand
    approved_by: Hand


@dataclass(slots=True)
class BookFinding:
    """One thing to explain, and its evidence: the first entries, how many there are, of whose accounts."""

    kind: PatternKind
    institution: str | None = None
    # of what two people did
    asked_at: datetime | None = None
    approved_by: str | None = None
    entries: list[Evidence] = field(default_factory=list)
    entries_total: int = 0
    accounts: set[int] = field(default_factory=set)
    # whoever acted: told where it was one alone
    actors: set[str] = field(default_factory=set)
    last: Evidence | None = None

    def add(self, one: Evidence, account: int) -> None:
        self.entries_total += 1
        self.accounts.add(account)
        self.actors.add(one.actor)
        self.last = one
        if len(self.entries) < ENTRIES_MAX:
            self.entries.append(one)

    @property
    def actor(self) -> str | None:
        return next(iter(self.actors)) if len(self.actors) == 1 else None

    @property
    def first_at(self) -> datetime:
        return self.entries[0].at

    @property
    def last_at(self) -> datetime:
        return self.first_at if self.last is None else self.last.at

    @property
    def place(self) -> tuple[str, str, int, int, int, int]:
        """Where it stands in the list: by when it began."""
        first, last = self.entries[0], self.last or self.entries[0]
        return (
            self.first_at.isoformat(),
            self.kind.value,
            *(first.book_id, first.seq),
            *(last.book_id, last.seq),
        )
