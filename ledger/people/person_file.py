"""The person's file: every name and number with its day, where to be reached; opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.chart.person_facts import PersonFact
from ledger.database.lookups import read_first
from ledger.people.person_keys import beside
from ledger.people.persons import ROLE_CURRENT, known, open_fact, open_name, open_number
from ledger.vault import Keyring, carrying, is_erased

_I, _F, _K = tables.identity.c, tables.person_fact.c, tables.person_key.c


class OnRecord(NamedTuple):
    """Something of a person, opened, and the day from which it counts; None: from the beginning."""

    text: str
    since: date | None


@dataclass(frozen=True, slots=True)
class PersonFile:
    """What is on record of one person, oldest first. `number` is the one in force."""

    names: tuple[OnRecord, ...]
    numbers: tuple[OnRecord, ...]
    number: str | None
    phones: tuple[OnRecord, ...]
    addresses: tuple[OnRecord, ...]

    @property
    def name(self) -> str:
        """The name in force."""
        return self.names[-1].text


_OF_THE_ACCOUNT = (int(PersonFact.NAME), int(PersonFact.NUMBER))
_ALL = tuple(int(what) for what in PersonFact)


def file_of(
    connection: Connection, keyring: Keyring, person_id: int, *, whole: bool = True
) -> PersonFile | None:
    """The file of a person, in one statement; None for one who is not known, whose key was erased, or whose
    account went into another. Without `whole` names and numbers alone.
    """
    numbered = read_first(
        select(tables.identity, _K.wrapped)
        .join_from(tables.identity, tables.person_key, beside(_I.name_sealed), isouter=True)
        .where(_I.person_id == person_id),
        "numbered",
    )
    told = _F.what.in_(_ALL if whole else _OF_THE_ACCOUNT)
    facts = read_first(
        select(tables.person_fact, _K.wrapped)
        .join_from(tables.person_fact, tables.person_key, beside(_F.sealed), isouter=True)
        .where(_F.person_id == person_id, told),
        "facts",
    )
    one, fact = numbered.c, facts.c
    rows = connection.execute(
        select(
            one.digest, one.role, one.number_sealed, one.name_sealed, one.name_digest,
            one.wrapped.label("key"), fact.what, fact.valid_from, fact.digest.label("fact"), fact.sealed,
            fact.wrapped.label("fact_key"),
        )
        .join_from(numbered, facts, fact.person_id == one.person_id, isouter=True)
        .order_by(one.recorded_at, one.role, one.digest, fact.valid_from, fact.book_id, fact.seq, fact.line)
    ).all()  # fmt: skip
    # what is erased is not known any more; of two keys of one person both are
    rows = [row for row in rows if not is_erased(carrying(row.key, row.name_sealed))]
    if not rows:
        return None
    # each number stands beside all facts
    first = rows[0]
    of: dict[int, list[OnRecord]] = {what: [] for what in _ALL}
    dated: dict[bytes, date] = {}
    for row in rows:
        if row.digest != first.digest or row.what is None:
            continue
        if row.what == PersonFact.NUMBER:
            dated[bytes(row.fact)] = row.valid_from
        elif not is_erased(sealed := carrying(row.fact_key, row.sealed)):
            text = open_fact(PersonFact(row.what), sealed, bytes(row.fact), keyring)
            of[row.what].append(OnRecord(text, row.valid_from))
    numbers: dict[bytes, OnRecord] = {}
    number = None
    for row in rows:
        digest = bytes(row.digest)
        if row.number_sealed is None or digest in numbers:
            continue
        sealed = carrying(row.key, row.number_sealed)
        numbers[digest] = OnRecord(open_number(sealed, digest, keyring), dated.get(digest))
        number = numbers[digest].text if row.role == ROLE_CURRENT else number
    # of two accounts that became one the first names may differ: the one that stands with the number in force
    # is the last of them
    in_force = [row for row in rows if row.role == ROLE_CURRENT]
    named = {row.name_digest: row for row in rows}
    for row in in_force:
        named.pop(row.name_digest, None)
        named[row.name_digest] = row
    first_names = [
        OnRecord(open_name(carrying(row.key, row.name_sealed), bytes(row.digest), keyring), None)
        for row in named.values()
    ]
    return PersonFile(
        names=(*first_names, *of[PersonFact.NAME]),
        # those without a day first, as they were recorded
        numbers=tuple(sorted(numbers.values(), key=lambda one: one.since or date.min)),
        number=number,
        phones=tuple(of[PersonFact.PHONE]),
        addresses=tuple(of[PersonFact.ADDRESS]),
    )


def first_name(connection: Connection, keyring: Keyring, person_id: int) -> str | None:
    """The name that a person was written down by; of one whose account went into another, the other's."""
    found = file_of(connection, keyring, person_id, whole=False)
    if found is not None:
        return found.names[0].text
    person = known(connection, keyring, [person_id]).get(person_id)
    return None if person is None else person.name


def merged_into(connection: Connection, book_id: int) -> int | None:
    """The account that an account went into, at the end of the way; None where it went into none."""
    table = tables.account_merge.c
    found = None
    into: int | None = book_id
    while into is not None:
        into = connection.scalar(select(table.into_id).where(table.book_id == into))
        found = found if into is None else into
    return found
