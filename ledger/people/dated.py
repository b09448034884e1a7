"""What is true of a person from a day on: the names on record, and which of them is in force when (R4).

The first name, with which a person was written down, is in force from the beginning; each later one from its
day to the next. Of two with one day the one that was recorded later counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.book.beside import RowKind
from ledger.chart.person_facts import PersonFact
from ledger.chart.rows import RowLetter
from ledger.database.lookups import Lookup
from ledger.posting import Command, Desk, Need, PersonStake, Receipt, WiderLocks
from ledger.posting.needs import Asked


class PersonFactRow(NamedTuple):
    """A dated fact of a person, as an entry writes it beside itself."""

    person_id: int
    what: int
    valid_from: date
    digest: bytes
    sealed: bytes


def _told(row: PersonFactRow) -> str:
    # the seal is another one each time: what it holds is told by its keyed digest
    return f"{row.person_id}|{row.what}|{row.valid_from}|{row.digest.hex()}"


PERSON_FACT = RowKind("person_fact", RowLetter.PERSON_FACT, PersonFactRow, told=_told)


class Sealed(NamedTuple):
    """Something of a person as it is written down: what it is compared by, and the thing itself, sealed."""

    digest: bytes
    sealed: bytes


class DatedDigest(NamedTuple):
    """One that holds from a day on, and the entry that recorded it."""

    since: date
    digest: bytes
    book_id: int
    seq: int


@dataclass(frozen=True, slots=True)
class NamesOnRecord:
    """The digests of all names of a person, in the order in which they came into force."""

    first: bytes
    since: tuple[DatedDigest, ...] = ()

    def in_force(self, on: date) -> bytes:
        """The name of a day."""
        return next((one.digest for one in reversed(self.since) if one.since <= on), self.first)

    def is_called(self, name_digest: bytes, on: date) -> bool:
        """Whether that is the name of a day."""
        return self.in_force(on) == name_digest

    def is_called_within(self, name_digest: bytes, first: date, last: date) -> bool:
        """Whether that is the name of one of some days: of a month, of a stay."""
        begins = {one.since for one in self.since if first < one.since <= last}
        return any(self.is_called(name_digest, day) for day in (first, *begins))

    def was_ever_called(self, name_digest: bytes) -> bool:
        """Whether that is on record as a name of the person, of whatever time."""
        return name_digest == self.first or any(one.digest == name_digest for one in self.since)

    @property
    def all(self) -> frozenset[bytes]:
        """Every name on record."""
        return frozenset((self.first, *(one.digest for one in self.since)))


def in_order(known: Iterable[DatedDigest]) -> tuple[DatedDigest, ...]:
    """By day; of one day as they were recorded."""
    return tuple(sorted(known, key=lambda one: (one.since, one.book_id, one.seq)))


# by person and what it is
Dated = dict[tuple[int, int], tuple[DatedDigest, ...]]
_P = tables.person_fact.c
_FACTS = Lookup(
    "SELECT n.person_id, n.what, n.valid_from, n.digest, n.book_id, n.seq FROM {given}"
    " JOIN person_fact n ON n.person_id = given.person_id AND n.what IN (1, 2)",
    [_P.person_id, _P.what, _P.valid_from, _P.digest, _P.book_id, _P.seq],
    person_id="big",
)


def read_dated(connection: Connection, persons: Iterable[int]) -> Dated:
    """The names and ID numbers that were recorded of people after their first; of each there is a key."""
    asked = sorted(set(persons))
    found: dict[tuple[int, int], list[DatedDigest]] = {
        (person, int(what)): [] for person in asked for what in (PersonFact.NAME, PersonFact.NUMBER)
    }
    for person_id, what, since, digest, book_id, seq in _FACTS.run(connection, [(one,) for one in asked]):
        found[person_id, what].append(DatedDigest(since, bytes(digest), book_id, seq))
    return {key: in_order(some) for key, some in found.items()}


def holders_of(asked: Asked, desk: Desk) -> set[int]:
    """The persons whose books those who asked are about: their own, and the others that they lock."""
    books: set[int] = set()
    for book_id, command in asked:
        books.add(book_id)
        books |= {desk.ids.get(ref, 0) if isinstance(ref, bytes) else ref for ref in command.others}
    there = [book for book in map(desk.books.get, books) if book is not None]
    return {book.person_id for book in there if book.person_id is not None}


def _read(connection: Connection, asked: Asked, desk: Desk) -> Dated:
    named = [desk.persons.get(one.digest) for _book_id, command in asked for one in command.persons]
    persons = {person.person_id for person in named if person is not None}
    return read_dated(connection, persons | holders_of(asked, desk))


def _follow(found: Dated, _desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    for row in PERSON_FACT.among(beside):
        place = (row.person_id, row.what)
        if place in found:
            new = DatedDigest(row.valid_from, row.digest, receipt.book_id, receipt.seq)
            found[place] = in_order((*found[place], new))


# of the persons that a command names, and of the holder of its book
DATED: Need[Dated] = Need("names and numbers of people", _read, follow=_follow)


def names_of(desk: Desk, command: Command, digest: bytes) -> NamesOnRecord:
    """The names of somebody that a command names; it is decided again with DATED where it has not asked."""
    person = desk.persons[digest]
    dated: Dated | None = desk.found.get(DATED)
    key = (person.person_id, int(PersonFact.NAME))
    if dated is None or key not in dated:
        if DATED in command.needs:
            # written down by this very batch: nothing is on record but the first name
            return NamesOnRecord(person.name_digest)
        command.also_need(DATED)
        raise WiderLocks(())
    return NamesOnRecord(person.name_digest, dated[key])


def is_on_record(desk: Desk, command: Command, stake: PersonStake) -> bool:
    """Whether a name that a command gives was ever that of the person behind the number."""
    if desk.persons[stake.digest].name_digest == stake.name_digest:
        return True
    return names_of(desk, command, stake.digest).was_ever_called(stake.name_digest)


def read_names(connection: Connection, person_id: int, first: bytes) -> NamesOnRecord:
    """The names of one person; `first` is the digest that stands with the number."""
    return NamesOnRecord(first, read_dated(connection, [person_id])[person_id, int(PersonFact.NAME)])
