"""What lies on the table when a command is decided: the books, and everything that was read beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from ledger.book.beside import Row
from ledger.book.detail import unpack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.chart.kinds import BOOKED_AGAIN, CREDIT, Kind
from ledger.chart.matrix import MATRIX, Rule, Stage, Status, Verb
from ledger.months import period_of
from ledger.policy import Policy
from ledger.posting.needs import FoundT, Need
from ledger.posting.outcomes import (
    Answered,
    BookRef,
    IdentityState,
    Institution,
    Intent,
    NumberMoved,
    Person,
    Receipt,
    Sourced,
)
from ledger.refusals import PRECEDENCE, RefusalCode, Refused

# opens a sealed ID number, given the digest that it is found by
Reveal = Callable[[bytes, bytes], str]
# seals bytes under a context
Seal = Callable[[bytes, bytes], bytes]


# every desk of a day asks the same
@lru_cache(maxsize=64)
def _asking_on(
    day: date, *policies: tuple[int, Policy]
) -> tuple[Mapping[int, Mapping[str, int]], frozenset[str]]:
    """By area from how many fen each verb asks for a second person, and the verbs of all areas."""
    asking = {area: verbs for area, policy in policies if (verbs := policy.approvals.asking_on(day))}
    return asking, frozenset().union(*asking.values())


@dataclass(slots=True)
class Desk:
    """What lies on the table when a command is decided. Everything was read after the locks were had."""

    now: datetime
    today: date
    policies: Mapping[int, Policy]
    # None where whoever posts cannot open ID numbers
    reveal: Reveal | None = None
    books: dict[int, Book] = field(default_factory=dict)
    ids: dict[bytes, int] = field(default_factory=dict)
    persons: dict[bytes, Person] = field(default_factory=dict)
    institutions: dict[str, Institution] = field(default_factory=dict)
    sources: set[tuple[int, int, str]] = field(default_factory=set)
    # documents whose entry was reversed, with the number of the reversal: they may be booked again
    taken_back: dict[tuple[int, int, str], int] = field(default_factory=dict)
    # of those that a command is not to book again: the entry by its kind, document and fingerprint
    reversed_once: dict[tuple[int, int | None, str | None, bytes | None], Receipt] = field(
        default_factory=dict
    )
    keys: dict[tuple[int, str, str], Answered] = field(default_factory=dict)
    targets: dict[tuple[int, int], Receipt] = field(default_factory=dict)
    acted: dict[tuple[int, int], Kind] = field(default_factory=dict)
    # what the commands asked for, by need
    found: dict[Need[Any], Any] = field(default_factory=dict)
    # accounts that were read without a lock
    named: dict[int, Book] = field(default_factory=dict)
    # who holds what is unique beyond one book; and of that what nobody held before this batch
    stakes: dict[bytes, int] = field(default_factory=dict)
    fresh_stakes: set[bytes] = field(default_factory=set)
    # people whom nobody knew before this batch, and no command that was accepted has named
    fresh_persons: set[bytes] = field(default_factory=set)
    # digests that lead to another person from now on, or as another number of the same
    moved: dict[bytes, NumberMoved] = field(default_factory=dict)
    # of those what an entry of the batch has said; and of numbers whose they are, as far as it was read
    moves_told: dict[bytes, NumberMoved] = field(default_factory=dict)
    identities: dict[bytes, IdentityState] = field(default_factory=dict)
    # numbers that an older version wrote down, and of which no entry has said whose they are
    unsaid: set[bytes] = field(default_factory=set)
    # digests that are numbers of somebody, and not the one in force
    aliases: set[bytes] = field(default_factory=set)
    # of those the ones that two people shared: alone they name nobody
    shared: set[bytes] = field(default_factory=set)
    # how many books a person has held, by scheme and person
    held: dict[tuple[bytes, int], int] = field(default_factory=dict)
    # of accounts that are closed because they went into another one: the one that they went into
    went_into: dict[int, int] = field(default_factory=dict)
    # of accounts that are named by a number of their holder that is not in force: those that went into them
    came_from: dict[int, list[int]] = field(default_factory=dict)
    # stakes that the batch lets go
    freed: set[bytes] = field(default_factory=set)
    # the entries that source documents made, with the fingerprint of their request
    sourced: dict[tuple[int, int, str], Sourced] = field(default_factory=dict)
    # the entry that acted on an entry
    acting: dict[tuple[int, int], Receipt] = field(default_factory=dict)
    # the copies that the command under decision works on
    working: dict[int, Book] = field(default_factory=dict)
    book: Any = None
    # by area, from how many fen each verb asks for a second person; and what waits or was decided, as far as
    # somebody asked, by book and number
    asking: Mapping[int, Mapping[str, int]] = field(init=False)
    # the verbs of all areas: what is none of them is asked nothing more
    asked_verbs: frozenset[str] = field(init=False)
    intents: dict[int, dict[int, Intent]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.asking, self.asked_verbs = _asking_on(self.today, *self.policies.items())

    def of(self, need: Need[FoundT]) -> FoundT:
        """What was read for the commands of this batch that asked for it."""
        found: FoundT | None = self.found.get(need)
        if found is None:
            raise AssertionError(f"nobody asked for {need.name}")
        return found

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
            raise Refused(RefusalCode.AREA_UNKNOWN, at="area")
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
            raise Refused(refusal, at="period" if refusal is RefusalCode.PERIOD_AFTER_END else "")

    def designated(self, code: str, day: date, service: str | None = None) -> Institution:
        """The institution as it is on the day, on which it must have a contract, for the service if one is
        named (R18).
        """
        institution = self.institutions.get(code)
        if institution is None:
            raise Refused(RefusalCode.INSTITUTION_UNKNOWN, at="institution")
        institution = institution.as_of(day)
        if institution.ended and institution.successor is not None:
            raise Refused(RefusalCode.NOT_DESIGNATED, at="institution", successor=institution.successor)
        if institution.ended or not institution.serves(day, service):
            raise Refused(RefusalCode.NOT_DESIGNATED, at="institution")
        if institution.suspended(day):
            raise Refused(RefusalCode.CONTRACT_SUSPENDED, at="institution")
        return institution

    def require_new_source(self, kind: Kind, source_ref: str) -> int | None:
        """A source document makes one entry of a kind in a book; once that was reversed, it makes another.

        Returns the number of the reversal that the new entry then acts on, None for a new document.
        """
        place = (self.book.book_id, int(kind), source_ref)
        if place in self.sources:
            raise Refused(RefusalCode.DUPLICATE_SOURCE_REF, at="source_ref")
        return self.taken_back.get(place)

    def remember(self, receipt: Receipt, beside: Sequence[Row]) -> None:
        """Let the next command of the batch see an entry of this one."""
        book_id = receipt.book_id
        self.targets[book_id, receipt.seq] = receipt
        if receipt.source_ref is not None:
            self.sources.add((book_id, int(receipt.kind), receipt.source_ref))
        if receipt.kind is Kind.REVERSAL and receipt.target_seq is not None:
            named = unpack(receipt.detail).get(CREDIT, receipt.target_seq)
            self._free_document(self.targets.get((book_id, named)), receipt.seq)
        if receipt.target_seq is not None:
            self.acted[book_id, receipt.target_seq] = Kind(receipt.kind)
            self.acting[book_id, receipt.target_seq] = receipt
        for need, found in self.found.items():
            if need.follow is not None:
                need.follow(found, self, receipt, beside)

    def _free_document(self, original: Receipt | None, reversal_seq: int) -> None:
        if original is not None and original.source_ref is not None and original.kind in BOOKED_AGAIN:
            place = (original.book_id, int(original.kind), original.source_ref)
            self.sources.discard(place)
            self.taken_back[place] = reversal_seq

    def is_free(self, digest: bytes) -> bool:
        """Whether nobody holds what a command stakes, and the batch took it for the command's own book.

        What it took for a neighbour's is not free: once that neighbour is refused, this one is asked again.
        """
        return digest in self.fresh_stakes and self.stakes[digest] == self.book.book_id

    def target(self, seq: int) -> Receipt | None:
        """The entry of this book with that number, whether written before or in this batch."""
        return self.targets.get((self.book.book_id, seq))

    def acted_on(self, seq: int) -> Kind | None:
        """The kind of the entry that already acted on that one (reversed, captured, ended it)."""
        return self.acted.get((self.book.book_id, seq))

    def acted_in_turn(self, book_id: int, seq: int) -> list[Receipt]:
        """What acted on an entry, and each on the one before it: the report of a death takes a credit back,
        its withdrawal gives it again. The entry is in force while their number is even, by the last of them.

        Of what was read (`read_given_again`).
        """
        found: list[Receipt] = []
        while (acting := self.acting.get((book_id, seq))) is not None:
            found.append(acting)
            if len(found) % 2 and acting.kind is not Kind.CREDIT_BACK:
                break
            seq = acting.seq
        return found


def _after_death(died_on: date, day: date | None, period: int | None) -> RefusalCode | None:
    if period is not None and period > period_of(died_on):
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
        draft.recorded_at or desk.now,
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
