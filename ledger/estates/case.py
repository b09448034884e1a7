"""An estate as its entries tell it: who claims, whether it is disputed, what the heirs agreed on (R55, R56).

An estate is known by the entry of the death. What claimants sent stands in one entry for each time that they
were named, people by their numbers and names by the digests that they are found by.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.book.detail import unpack
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.database.lookups import Lookup
from ledger.estates.shares import Claimant
from ledger.posting import Desk, Need, Receipt
from ledger.posting.needs import Asked, own_books
from ledger.refusals import RefusalCode, Refused

OPEN: Final = "open"
HELD: Final = "held"
DISPUTED: Final = "disputed"
CONFIRMED: Final = "confirmed"

_E, _I = tables.entry.c, tables.identity.c
TOLD_BY: Final = (Kind.DEATH, Kind.ESTATE_CLAIMANTS, Kind.ESTATE_DISPUTE, Kind.ESTATE_AGREEMENT, Kind.ESTATE,
    Kind.ESTATE_UNDO, Kind.DEATH_WITHDRAWAL)  # fmt: skip
_TOLD = Lookup(
    "SELECT e.book_id, e.seq, e.kind, e.target_seq, e.detail FROM {given} JOIN entry e"
    f" ON e.book_id = given.book_id AND e.kind IN ({', '.join(str(int(kind)) for kind in TOLD_BY)})"
    " ORDER BY e.book_id, e.seq",
    [_E.book_id, _E.seq, _E.kind, _E.target_seq, _E.detail],
    book_id="big",
)
_NAMES = Lookup(
    "SELECT given.book_id, i.name_digest FROM {given} JOIN identity i ON i.person_id = given.person_id",
    [_E.book_id, _I.name_digest],
    book_id="big",
    person_id="big",
)


class Agreement(NamedTuple):
    """What the heirs agreed on: the part of each by name, in their order, and who claimed when they did."""

    shares: tuple[tuple[str, Fraction], ...]
    among: tuple[str, ...]


class EstateCase:
    """What the entries of one book so far say of its estate."""

    __slots__ = (
        "agreement", "claimants", "death_seq", "estate_seq", "is_disputed", "named_seq", "names", "told",
        "undo_seq",
    )  # fmt: skip

    def __init__(self) -> None:
        self.death_seq: int | None = None
        # the entry that divided it, while that stands
        self.estate_seq: int | None = None
        # the entry that took a division back last
        self.undo_seq = 0
        self.is_disputed = False
        self.agreement: Agreement | None = None
        # None until somebody, or nobody, was named
        self.claimants: tuple[Claimant, ...] | None = None
        # the entry that named them, and its detail
        self.named_seq = 0
        self.told: dict[str, Any] = {}
        # by which names the dead person is found
        self.names: set[str] = set()

    def note(self, kind: int, seq: int, target_seq: int | None, detail: str | None) -> None:
        """Let an entry count."""
        if kind in {Kind.DEATH, Kind.DEATH_WITHDRAWAL}:
            # another death is another estate, and of one that was withdrawn there is none
            self.death_seq = seq if kind == Kind.DEATH else None
            self.estate_seq = self.agreement = self.claimants = None
            self.is_disputed = False
            self.undo_seq = self.named_seq = 0
            self.told = {}
        elif kind == Kind.ESTATE:
            if target_seq is None:
                self.estate_seq = seq
        elif kind == Kind.ESTATE_UNDO:
            self.estate_seq = None
            self.undo_seq = seq
            self.is_disputed = False
        elif kind == Kind.ESTATE_DISPUTE:
            self.is_disputed = True
        elif kind == Kind.ESTATE_AGREEMENT:
            self.is_disputed = False
            self.agreement = agreement_of(unpack(detail))
        elif kind == Kind.ESTATE_CLAIMANTS:
            self.named_seq = seq
            self.told = unpack(detail)
            self.claimants = claimants_of(self.told)

    def stands_for(self, claimants: tuple[Claimant, ...]) -> Agreement | None:
        """The agreement, if it is one of just these people: it stands again once they are named again."""
        agreement = self.agreement
        return agreement if agreement is not None and agreement.among == among(claimants) else None

    @property
    def held_since(self) -> date | None:
        """The day on which it was found that nobody inherits, while that holds (Q10)."""
        if self.claimants is None or self.pays:
            return None
        # an entry of an earlier version says only as of which day nobody was named
        return date.fromisoformat(self.told.get("held_since") or self.told["paid_on"])

    @property
    def pays(self) -> bool:
        """Whether somebody who was named takes something, or nobody was asked for yet."""
        return self.stands_for(self.claimants or ()) is not None or bool(self.told.get("pays", True))

    def state(self, *, pays: bool) -> str:
        """What callers see; `pays` says whether there is anybody to pay."""
        if self.estate_seq is not None:
            return CONFIRMED
        if self.is_disputed:
            return DISPUTED
        return OPEN if pays else HELD


def among(claimants: tuple[Claimant, ...]) -> tuple[str, ...]:
    """The names of those who claim, each person's once."""
    return tuple(sorted({claimant.person: claimant.name for claimant in claimants}.values()))


def agreement_of(told: Mapping[str, Any]) -> Agreement:
    """An agreement as its entry has it."""
    return Agreement(
        tuple((line["name"], Fraction(line["share"])) for line in told["agreed"]), tuple(told["among"])
    )


def claimants_of(told: Mapping[str, Any]) -> tuple[Claimant, ...]:
    """The claimants as their entry has them."""
    return tuple(
        Claimant(
            line["person"],
            line["name"],
            line["relation"],
            line["title"],
            line.get("share"),
            line.get("stem"),
            _day(line.get("accepted_on")),
            # entries of an earlier version say from which day they counted, where that was the death
            _day(line.get("days_from") or line.get("notified_on")),
            _day(line.get("waived_on")),
            "disqualified_by" in line,
            line.get("unborn", False),
        )
        for line in told["claimants"]
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


# by book
Cases = dict[int, EstateCase]


def _read(connection: Connection, asked: Asked, desk: Desk) -> Cases:
    books = [desk.books[book_id] for book_id in own_books(asked, desk)]
    found = {book.book_id: EstateCase() for book in books}
    for book_id, digest in _NAMES.run(connection, [(b.book_id, b.person_id) for b in books if b.person_id]):
        found[book_id].names.add(name_of(bytes(digest)))
    read_cases(connection, found)
    return found


def read_cases(connection: Connection, found: Cases, *, before: int | None = None) -> None:
    """Let the entries of these books count, oldest first; only those `before` a number, if one is given."""
    for book_id, seq, kind, target, detail in _TOLD.run(connection, [(book_id,) for book_id in found]):
        if before is None or seq < before:
            found[book_id].note(kind, seq, target, detail)


def name_of(digest: bytes) -> str:
    """A name as the entries know it: enough of its digest to tell names apart."""
    return digest[:8].hex()


def _follow(found: Cases, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    if receipt.kind in TOLD_BY and receipt.book_id in found:
        found[receipt.book_id].note(receipt.kind, receipt.seq, receipt.target_seq, receipt.detail)


# what the entries of a book say of its estate; whoever adds one has the lock of the book
ESTATE_CASE: Need[Cases] = Need("the case of the estate", _read, follow=_follow)


def case_of(desk: Desk, book: Book) -> EstateCase:
    """The case of a dead person's book; an empty one of somebody alive."""
    return desk.of(ESTATE_CASE).get(book.book_id) or EstateCase()


def case_named(desk: Desk, book: Book, death_seq: int) -> EstateCase:
    """The same, by the entry of the death. Raises Refused(estate_not_found) for another one."""
    case = case_of(desk, book)
    if case.death_seq != death_seq:
        raise Refused(RefusalCode.ESTATE_NOT_FOUND, at="estate")
    return case


def noted_on(desk: Desk, book: Book) -> date:
    """The value date of an entry that only says something: today, and no day of a year not yet carried.

    To carry a year over is to move money, and then the estate could not be paid as of a day before it.
    """
    return min(desk.today, date(book.open_year, 12, 31))
