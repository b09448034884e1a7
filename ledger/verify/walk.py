"""One book gone through from its first entry to its last: what the entries make of it, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from ledger.book.chain import TransferLine, canonical, digest, genesis, microseconds
from ledger.book.detail import unpack
from ledger.book.interest import DayChange
from ledger.book.numbers import has_account
from ledger.chart.kinds import BOOKED_AGAIN, LATER, Kind
from ledger.chart.matrix import Stage
from ledger.chart.sides import Side
from ledger.chart.transfers import Direction
from ledger.clock import day_of
from ledger.policy import Policy

# the year up to which interest is posted in a book that never earns any
NO_INTEREST = 9999


class WalkedEntry(NamedTuple):
    """One entry as it stands in the table, with its transfers. Amounts in fen."""

    book_id: int
    seq: int
    kind: int
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
    policy_version: int
    caller: int
    actor: int
    idempotency_key: str | None
    request_digest: bytes | None
    source_ref: str | None
    detail: str | None
    digest: bytes
    transfers: tuple[TransferLine, ...]

    @property
    def amount_fen(self) -> int:
        return sum(fen for _, _, fen, _ in self.transfers)

    def digest_behind(self, head: bytes) -> bytes:
        """The digest that the chain makes of it behind a head."""
        expires = self.expires_at
        content = canonical(
            self.book_id, self.seq, self.kind, self.period, self.effective_on, self.fact_on,
            microseconds(self.recorded_at), self.current_year_after, self.carried_over_after,
            self.held_change, self.reserved_change, self.target_seq, self.policy_version, self.caller,
            self.actor, None if expires is None else microseconds(expires), self.idempotency_key,
            self.request_digest, self.source_ref, self.detail, self.transfers,
        )  # fmt: skip
        return digest(head, content)

    def change(self, side: int) -> int:
        """What the transfers do to one side."""
        change = 0
        for source, target, fen, _ in self.transfers:
            if target == side:
                change += fen
            elif source == side:
                change -= fen
        return change


@dataclass(frozen=True, slots=True)
class Reference:
    """The reference rows that entries name. A policy whose stored text is not what it was is None."""

    policies: Mapping[int, Policy | None]
    areas: Mapping[int, int]
    agents: frozenset[int]
    institutions: frozenset[int]


@dataclass(slots=True)
class Walk:
    """A book as its entries so far make it. Its fields are named as the columns of the book's row."""

    book_id: int
    reference: Reference
    head: bytes
    last_seq: int = 0
    current_year: int = 0
    carried_over: int = 0
    held: int = 0
    reserved: int = 0
    area: int = 0
    opened_on: date = date.max
    died_on: date | None = None
    open_year: int = 0
    # in which something was last recorded, and when
    last_year: int = 0
    recorded_at: datetime | None = None
    interest_year: int = 0
    open_freezes: int = 0
    stage: int = Stage.ACTIVE
    # whether it went into another one
    is_merged: bool = False
    # before the report of a death, and the last fact of one that stands
    former_stage: int = Stage.ACTIVE
    death_fact: int | None = None
    lines: dict[int, WalkedEntry] = field(default_factory=dict)
    acted_on: set[int] = field(default_factory=set)
    # the documents of reversible entries that stand: (kind, source_ref)
    documents: set[tuple[int, str | None]] = field(default_factory=set)
    # by the entry of a donation, what annual settlements gave back of it
    returned: dict[int, int] = field(default_factory=dict)
    # by the number of a debit to come, what was moved between the pockets for it: (day, fen)
    moved_for: dict[int, list[tuple[date, int]]] = field(default_factory=dict)
    # by year of the value date, for the interest of a year
    changes: dict[int, list[DayChange]] = field(default_factory=dict)
    totals: dict[int, int] = field(default_factory=dict)
    # the interest entries of years, and what corrected them: (year, what it changed)
    interest: dict[int, list[WalkedEntry]] = field(default_factory=dict)
    corrections: list[tuple[int, DayChange]] = field(default_factory=list)
    # by year, the numerators of what was posted of it: of carried_over and of current_year
    interest_posted: dict[int, tuple[int, int]] = field(default_factory=dict)
    # of each transfer out that was not rejected, when its money was sent; None: not yet
    sent: dict[int, date | None] = field(default_factory=dict)

    @property
    def has_pockets(self) -> bool:
        """Whether it is the account of a person: the books of all others have no money in them."""
        return has_account(self.book_id)

    @classmethod
    def begin(cls, book_id: int, reference: Reference) -> Walk:
        return cls(book_id, reference, genesis(book_id))

    def step(self, line: WalkedEntry) -> None:
        """Let an entry count, once nothing was found wrong with it."""
        self._note_change(line)
        self.head = line.digest
        self.last_seq = line.seq
        self.current_year = line.current_year_after
        self.carried_over = line.carried_over_after
        self.held += line.held_change or 0
        self.reserved += line.reserved_change or 0
        self.open_year = max(self.open_year, line.effective_on.year)
        self.last_year = max(self.last_year, day_of(line.recorded_at).year)
        self.recorded_at = line.recorded_at
        self.lines[line.seq] = line
        if line.target_seq is not None:
            self.acted_on.add(line.target_seq)
        self._note_document(line)
        kind = line.kind
        if kind == Kind.OPENING:
            self.opened_on = line.effective_on
            self.area = unpack(line.detail)["area"]
            self.interest_year = line.effective_on.year - 1 if self.has_pockets else NO_INTEREST
        elif kind in {Kind.INTEREST, Kind.FURTHER_INTEREST}:
            self._note_interest(line)
        elif kind == Kind.FREEZE:
            self.open_freezes += 1
        elif kind == Kind.FREEZE_END or (kind == Kind.REVERSAL and self._takes_back(line, Kind.FREEZE)):
            self.open_freezes -= 1
        elif kind in {Kind.DEATH, Kind.DEATH_CORRECTION}:
            if kind == Kind.DEATH:
                self.former_stage = self.stage
            self.stage = Stage.DECEASED
            self.died_on = date.fromisoformat(unpack(line.detail)["died_on"])
            self.death_fact = line.seq
        elif kind == Kind.DEATH_WITHDRAWAL:
            self.stage, self.died_on, self.death_fact = self.former_stage, None, None
        elif kind == Kind.MERGE and line.source_ref is None:
            self.stage, self.is_merged = Stage.CLOSED, True
        elif kind == Kind.ESTATE_UNDO:
            if LATER not in unpack(line.detail):
                self.stage = Stage.DECEASED
        elif kind == Kind.INTEREST_BACK:
            self._note_interest_back(line)
        elif kind in {Kind.ESTATE, Kind.EXIT, Kind.TRANSFER_ACKNOWLEDGEMENT}:
            self.stage = Stage.CLOSED
        elif kind in {Kind.TRANSFER_REQUEST, Kind.TRANSFER_OUT, Kind.TRANSFER_REJECTION}:
            self._note_transfer(line)
        elif kind == Kind.AID_BACK:
            # what names none is another finding
            donation = unpack(line.detail).get("donation", 0)
            change = line.change(Side.CURRENT_YEAR) + line.change(Side.CARRIED_OVER)
            self.returned[donation] = self.returned.get(donation, 0) + change

    def _takes_back(self, line: WalkedEntry, kind: Kind) -> bool:
        target = self.lines.get(line.target_seq or 0)
        return target is not None and target.kind == kind

    def _note_interest(self, line: WalkedEntry) -> None:
        self.interest_year = line.period or 0
        self.interest.setdefault(self.interest_year, []).append(line)
        told = unpack(line.detail)
        carried, current = self.interest_posted.get(self.interest_year, (0, 0))
        self.interest_posted[self.interest_year] = (
            carried + int(told["carried_over_numerator"]),
            current + int(told["current_year_numerator"]),
        )

    def _note_interest_back(self, line: WalkedEntry) -> None:
        """Let it be as if what it takes back had not been posted: the year goes on."""
        year = line.period or 0
        if line.target_seq is None:
            self.corrections.append((year, self.changes[line.effective_on.year][-1]))
            return
        self.interest_year = year - 1
        self.interest[year].remove(self.lines[line.target_seq])
        told = unpack(line.detail)
        carried, current = self.interest_posted[year]
        self.interest_posted[year] = (
            carried + int(told["carried_over_numerator"]),
            current + int(told["current_year_numerator"]),
        )

    def _note_transfer(self, line: WalkedEntry) -> None:
        told = unpack(line.detail)
        if line.kind == Kind.TRANSFER_REQUEST:
            if told["direction"] == Direction.OUT.word:
                self.stage = Stage.TRANSFERRING
                self.sent[line.seq] = None
        elif line.kind == Kind.TRANSFER_OUT:
            if "waits" not in told:
                self.sent[told["transfer"]] = line.effective_on
        elif told["transfer"] in self.sent:
            sent_on = self.sent.pop(told["transfer"])
            if self.stage == Stage.TRANSFERRING:
                self.stage = Stage.ACTIVE
            if sent_on is not None and sent_on.year == self.interest_year:
                # the year that was cut short goes on
                self.interest_year -= 1

    def _note_document(self, line: WalkedEntry) -> None:
        if line.kind in BOOKED_AGAIN and line.source_ref is not None:
            self.documents.add((line.kind, line.source_ref))
        elif line.kind == Kind.REVERSAL:
            target = self.in_force_by(self.lines[line.target_seq or 0])
            self.documents.discard((target.kind, target.source_ref))

    def in_force_by(self, line: WalkedEntry) -> WalkedEntry:
        """The credit that an entry gave again after a mistaken death; any other entry is its own."""
        while line.kind == Kind.REVERSAL:
            back = self.lines.get(line.target_seq or 0)
            if back is None or back.kind != Kind.CREDIT_BACK:
                break
            line = self.lines[back.target_seq or 0]
        return line

    def _note_change(self, line: WalkedEntry) -> None:
        if not line.transfers or line.kind == Kind.CARRY_OVER:
            return
        current_year = line.current_year_after - self.current_year
        total = current_year + line.carried_over_after - self.carried_over
        year = line.effective_on.year
        self.changes.setdefault(year, []).append(DayChange(line.effective_on, current_year, total))
        self.totals[year] = self.totals.get(year, 0) + total
        if line.kind == Kind.INTEREST_CORRECTION:
            self.corrections.append((line.period or 0, self.changes[year][-1]))
