"""ID numbers that two people shared until they were told apart (R4): whose one is, by the name beside it.

Each of the two has a number of their own in force since. The shared one finds the person for whom it is in
force; where it is in force for neither it names nobody without a name. Never is one shown for the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, SmallInteger, column, select

from ledger import tables
from ledger.book.beside import RowKind
from ledger.chart.person_facts import PersonFact
from ledger.chart.rows import RowLetter
from ledger.database.lookups import Lookup
from ledger.people.dated import DATED, PERSON_FACT, holders_of, is_on_record
from ledger.people.id_numbers import IdNumber
from ledger.people.person_keys import beside
from ledger.people.persons import name_digest, number_digest, open_number
from ledger.posting import Command, Desk, Need, PersonStake, WiderLocks
from ledger.posting.merges import survivor
from ledger.posting.needs import Asked
from ledger.posting.stakes import IN_FORCE, shared_among
from ledger.refusals import RefusalCode, Refused
from ledger.vault import Keyring, carrying


class SharedNumberRow(NamedTuple):
    """A number by its digest, the person of the book, and the other person who had it."""

    digest: bytes
    person_id: int
    other_person_id: int


def _told(row: SharedNumberRow) -> str:
    return f"{row.digest.hex()}|{row.person_id}|{row.other_person_id}"


SHARED_NUMBER = RowKind("shared_number", RowLetter.SHARED_NUMBER, SharedNumberRow, told=_told)

_S, _I, _F = tables.shared_number.c, tables.identity.c, tables.person_fact.c
_K = tables.person_key.c
_OF_NUMBERS = Lookup(
    "SELECT s.digest, s.person_id, s.other_person_id, s.book_id, s.seq FROM {given}"
    " JOIN shared_number s ON s.digest = given.digest ORDER BY s.book_id, s.seq",
    [_S.digest, _S.person_id, _S.other_person_id, _S.book_id, column("seq", Integer)],
    digest="bytes",
)
_NUMBERS = Lookup(
    "SELECT i.person_id, i.digest, i.role, i.name_digest FROM {given}"
    " JOIN identity i ON i.person_id = given.person_id",
    [_I.person_id, _I.digest, column("role", SmallInteger), _I.name_digest],
    person_id="big",
)
_NAMES = Lookup(
    "SELECT n.person_id, n.digest FROM {given} JOIN person_fact n ON n.person_id = given.person_id"
    f" AND n.what = {int(PersonFact.NAME)}",
    [_F.person_id, _F.digest],
    person_id="big",
)


class Shared(NamedTuple):
    """One person whose number another had too, and the entry that told them apart."""

    person_id: int
    other_person_id: int
    book_id: int
    seq: int


@dataclass(slots=True)
class Sharing:
    """Who shared numbers: by digest; and of people their names, and the digest of the number in force."""

    of: dict[bytes, list[Shared]] = field(default_factory=dict)
    names: dict[int, set[bytes]] = field(default_factory=dict)
    in_force: dict[int, bytes] = field(default_factory=dict)

    def persons(self, digest: bytes) -> set[int]:
        """Those who shared a number."""
        return {person for one in self.of.get(digest, ()) for person in (one.person_id, one.other_person_id)}

    def called(self, digest: bytes, name_digest: bytes) -> int | None:
        """Who of those who shared a number has a name on record; None where nobody has, or both have."""
        found = [one for one in self.persons(digest) if name_digest in self.names.get(one, ())]
        return found[0] if len(found) == 1 else None


def read_sharing(connection: Connection, digests: Iterable[bytes], people: Iterable[int] = ()) -> Sharing:
    """Who shared some numbers, or the numbers of some people; with the names of all of them.

    Whose account went into another one is the person who has that.
    """
    found = Sharing()
    asked = set(people)
    _read_people(connection, found, asked)
    own = {bytes(digest) for _person, digest, *_rest in _NUMBERS.run(connection, [(one,) for one in asked])}
    now: dict[int, int] = {}
    for number in _OF_NUMBERS.run(connection, [(one,) for one in sorted(own.union(digests))]):
        digest, person_id, other_person_id, book_id, seq = number
        for one in (person_id, other_person_id):
            now[one] = survivor(connection, one)
        shared = Shared(now[person_id], now[other_person_id], book_id, seq)
        if shared.person_id == shared.other_person_id:
            # told apart in error: their accounts became one since
            continue
        found.of.setdefault(bytes(digest), []).append(shared)
    _read_people(connection, found, set(now.values()) - asked)
    return found


def _read_people(connection: Connection, found: Sharing, people: set[int]) -> None:
    asked = [(one,) for one in sorted(people)]
    for person_id, digest, role, name in _NUMBERS.run(connection, asked):
        found.names.setdefault(person_id, set()).add(bytes(name))
        if role == IN_FORCE:
            found.in_force[person_id] = bytes(digest)
    for person_id, name in _NAMES.run(connection, asked):
        found.names.setdefault(person_id, set()).add(bytes(name))


def _read(connection: Connection, asked: Asked, desk: Desk) -> Sharing:
    digests = {person.digest for _book_id, command in asked for person in command.persons}
    people = {desk.persons[one].person_id for one in digests if one in desk.persons}
    return read_sharing(connection, digests, people | holders_of(asked, desk))


def _follow(found: Sharing, _desk: Desk, _entry: object, beside: Sequence[Any]) -> None:
    for row in PERSON_FACT.among(beside):
        if row.what == PersonFact.NAME:
            found.names.setdefault(row.person_id, set()).add(row.digest)


# of the numbers that a command names, and of those of the holders of its books
SHARING: Need[Sharing] = Need("numbers that two people shared", _read, follow=_follow)


def _read_named(connection: Connection, asked: Asked, _desk: Desk) -> set[bytes]:
    digests = {ref for _book_id, command in asked for ref in command.named if isinstance(ref, bytes)}
    return shared_among(connection, digests)


# of the people whom commands name by number alone, those whose number another had too
SHARED_NUMBERS: Need[set[bytes]] = Need("numbers that were shared", _read_named)


def check_whose(desk: Desk, command: Command, stake: PersonStake) -> None:
    """See that the one person whom a command names is called so, and else whether the number was shared.

    A command about the other one of the two is addressed to that one, and decided again: raises WiderLocks.
    Raises Refused(account_exists_other_person) where the name is that of neither.
    """
    if desk.persons[stake.digest].name_digest == stake.name_digest:
        return
    if SHARING not in command.needs:
        # both at once: a command is decided anew a few times and no more
        command.needs |= {DATED, SHARING}
        raise WiderLocks(())
    if is_on_record(desk, command, stake):
        return
    sharing = desk.of(SHARING)
    person_id = sharing.called(stake.digest, stake.name_digest)
    own = None if person_id is None else sharing.in_force.get(person_id)
    if own is None:
        raise Refused(RefusalCode.ACCOUNT_EXISTS_OTHER_PERSON, at="name")
    command.persons = tuple(one._replace(digest=own) if one == stake else one for one in command.persons)
    command.book, *others = (
        ref.removesuffix(stake.digest) + own if isinstance(ref, bytes) and ref.endswith(stake.digest) else ref
        for ref in (command.book, *command.others)
    )
    if others:
        command.others = tuple(others)
    raise WiderLocks(())


def whose(connection: Connection, digest: bytes, name_digest: bytes | None) -> bytes:
    """The digest by which somebody is found who is named by a number, and by a name where there is one.

    Another one than is given only where two people shared the number, and it is the other one's. Raises
    Refused: id_number_shared for a number without a name that is in force for neither, id_mismatch for a name
    of neither of the two.
    """
    if not shared_among(connection, [digest]):
        return digest
    sharing = read_sharing(connection, [digest])
    if name_digest is None:
        if digest not in sharing.in_force.values():
            raise Refused(RefusalCode.ID_NUMBER_SHARED)
        return digest
    person_id = sharing.called(digest, name_digest)
    if person_id is None:
        raise Refused(RefusalCode.ID_MISMATCH, at="name")
    return sharing.in_force.get(person_id, digest)


def own_number(connection: Connection, keyring: Keyring, number: IdNumber, name: str | None) -> str:
    """The number under which somebody is known who is named by one, and by a name where there is one.

    It is the one that was given, but for the other one of two who shared it. Raises Refused as `whose` does.
    """
    given = number_digest(number, keyring)
    digest = whose(connection, given, None if name is None else name_digest(name, keyring))
    if digest == given:
        return number.number
    sealed, key = connection.execute(
        select(_I.number_sealed, _K.wrapped)
        .join_from(tables.identity, tables.person_key, beside(_I.number_sealed), isouter=True)
        .where(_I.digest == digest)
    ).one()
    return open_number(carrying(key, sealed), digest, keyring)


def names_nobody(connection: Connection, digest: bytes) -> bool:
    """Whether a number was shared and is in force for neither of the two."""
    if not shared_among(connection, [digest]):
        return False
    return digest not in read_sharing(connection, [digest]).in_force.values()
