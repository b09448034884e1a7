"""People: found by the keyed digest of an ID number, kept sealed, shown masked (R1, R4).

This is the one place that holds personal data. The book knows a person by a number that says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.numbers import book_id_of, has_account
from ledger.chart.person_facts import PersonFact
from ledger.database.lookups import Lookup, read_first
from ledger.people.dated import Sealed
from ledger.people.id_numbers import (
    IdNumber,
    check_declared,
    looks_like_id_number,
    mask_id_number,
    mask_name,
    parse_id_number,
)
from ledger.people.person_keys import beside
from ledger.people.sealed_numbers import read_numbers, sealed_numbers_of_books
from ledger.posting import BookRef, PersonStake
from ledger.refusals import RefusalCode, Refused
from ledger.texts import normalise_name
from ledger.vault import Keyring, PersonKey, carrying, is_erased

ROLE_CURRENT = 1
ROLE_ALIAS = 2
_I, _F, _M = tables.identity.c, tables.person_fact.c, tables.account_merge.c
_K = tables.person_key.c
_MERGED = select(_M.person_id, _M.into_person_id)
_NUMBER = b"identity.number|"
_NAME = b"identity.name|"
_SENT = b"declared_line.number|"
_ALIASES = Lookup(
    "SELECT i.digest FROM {given} JOIN identity i ON i.digest = given.digest AND i.role = :role",
    [tables.identity.c.digest],
    digest="bytes",
)
_NUMBERS = sealed_numbers_of_books("AND i.role = :role")


@dataclass(frozen=True, slots=True)
class Known:
    """A person as written down. `number` is None for a heir who is known by name alone."""

    person_id: int
    number: str | None
    # None where the key of the person was erased
    name: str | None

    @property
    def masked_number(self) -> str | None:
        """The number as it may be shown."""
        return None if self.number is None else mask_id_number(self.number)

    @property
    def masked_name(self) -> str | None:
        """The name as it may be shown."""
        return None if self.name is None else mask_name(self.name)


def number_digest(id_number: IdNumber, keyring: Keyring) -> bytes:
    """What an ID number is found by. An old 15-digit number has the digest of its 18-digit form."""
    return digest_of_number(id_number.number, keyring)


def digest_of_number(number: str, keyring: Keyring) -> bytes:
    """The same of a number as it is stored: 18 digits, and good when it was."""
    return keyring.digest("id_number", number)


def name_digest(name: str, keyring: Keyring) -> bytes:
    """What tells whether two names are the same: NFKC, without spaces and middle dots."""
    return keyring.digest("name", normalise_name(name))


def open_number(sealed: bytes, digest: bytes, keyring: Keyring) -> str:
    """A stored ID number, opened, with the key in front that lies beside it. Raises KeyringError."""
    return keyring.open(sealed, _NUMBER + digest)


def open_name(sealed: bytes, digest: bytes, keyring: Keyring) -> str:
    """A stored name, opened, with the key in front that lies beside it. Raises KeyringError."""
    return keyring.open(sealed, _NAME + digest)


def account_ref(text: str, keyring: Keyring, today: date) -> BookRef:
    """The account that a caller names, by account number or ID number.

    Raises the id_* refusals for what looks like an ID number and is none, account_not_found for the rest.
    """
    book_id = book_id_of(text)
    if book_id is not None and has_account(book_id):
        return book_id
    if looks_like_id_number(text):
        try:
            return number_digest(parse_id_number(text, today), keyring)
        except Refused as refused:
            refused.at = "book"
            raise
    raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="book")


def stake_by_number(
    id_number: str,
    name: str,
    keyring: Keyring,
    today: date,
    *,
    sex: int | None = None,
    birth_date: date | None = None,
    key: PersonKey | None = None,
) -> tuple[PersonStake, IdNumber]:
    """A person named by ID number, sealed for writing. Raises the id_* refusals.

    Sealed with a key of the person's own, which is carried along: `key` of somebody who has one, else a new
    one.
    """
    parsed = parse_id_number(id_number, today)
    check_declared(parsed, sex, birth_date)
    digest = number_digest(parsed, keyring)
    own = keyring.person_key() if key is None else key
    stake = PersonStake(
        digest,
        own.carry(parsed.number, _NUMBER + digest),
        own.carry(name, _NAME + digest),
        name_digest(name, keyring),
        parsed.birth_date,
    )
    return stake, parsed


def stake_by_name(name: str, place: str, keyring: Keyring) -> PersonStake:
    """A person known by name alone, and only at one place: the n-th heir of that name of one account."""
    digest = keyring.digest("payee", f"{place}|{normalise_name(name)}")
    sealed = keyring.person_key().carry(name, _NAME + digest)
    return PersonStake(digest, None, sealed, name_digest(name, keyring))


def known(
    connection: Connection, keyring: Keyring, person_ids: Iterable[int], *, on: date | None = None
) -> dict[int, Known]:
    """The people behind person numbers, opened: with the number in force, and the name of the day `on`
    (default: today's). Whoever shows them decides about masks.

    A person whose account went into another is known as the one who has that; of one whose key was erased
    neither is known.
    """
    wanted = sorted(set(person_ids))
    if not wanted:
        return {}
    found: dict[int, Known] = {}
    # in the order of the days, so that the last one of a person stands
    for row in connection.execute(_named_on(wanted, on)):
        number = None if row.number_sealed is None else carrying(row.key, row.number_sealed)
        name = carrying(row.key, row.name_sealed) if row.fact is None else carrying(row.fact_key, row.sealed)
        found[row.person_id] = Known(
            row.person_id,
            None if number is None or is_erased(number) else open_number(number, bytes(row.digest), keyring),
            None
            if is_erased(name)
            else open_name(name, bytes(row.digest), keyring)
            if row.fact is None
            else open_fact(PersonFact.NAME, name, bytes(row.fact), keyring),
        )
    lost = [person for person in wanted if person not in found]
    if lost:
        merged = {
            row.person_id: row.into_person_id
            for row in connection.execute(_MERGED.where(_M.person_id.in_(lost)))
        }
        others = known(connection, keyring, merged.values(), on=on)
        found |= {
            person: replace(others[into], person_id=person)
            for person, into in merged.items()
            if into in others
        }
    return found


def _named_on(persons: list[int], on: date | None) -> Any:
    """Of each person the number in force, beside each name that was recorded since, up to a day."""
    numbers = read_first(
        select(_I.person_id, _I.digest, _I.number_sealed, _I.name_sealed, _K.wrapped)
        .join_from(tables.identity, tables.person_key, beside(_I.name_sealed), isouter=True)
        .where(_I.person_id.in_(persons), _I.role == ROLE_CURRENT),
        "numbers",
    ).c
    named = (
        select(_F.person_id, _F.digest, _F.sealed, _F.valid_from, _F.book_id, _F.seq, _K.wrapped)
        .join_from(tables.person_fact, tables.person_key, beside(_F.sealed), isouter=True)
        .where(_F.person_id.in_(persons), _F.what == int(PersonFact.NAME))
    )
    if on is not None:
        named = named.where(_F.valid_from <= on)
    names = read_first(named, "names").c
    return (
        select(
            numbers.person_id, numbers.digest, numbers.number_sealed, numbers.name_sealed,
            numbers.wrapped.label("key"), names.digest.label("fact"), names.sealed,
            names.wrapped.label("fact_key"),
        )
        .join_from(
            numbers.person_id.table, names.person_id.table, names.person_id == numbers.person_id, isouter=True
        )
        .order_by(names.valid_from, names.book_id, names.seq)
    )  # fmt: skip


def seal_fact(
    what: PersonFact, text: str, digest: bytes, keyring: Keyring, key: PersonKey | None = None
) -> Sealed:
    """A dated fact of a person, sealed for writing; `digest` is what it is compared by.

    With the key of the person, who has none where an older version wrote them down.
    """
    context = _fact(what) + digest
    return Sealed(digest, keyring.seal(text, context) if key is None else key.seal(text, context))


def open_fact(what: PersonFact, sealed: bytes, digest: bytes, keyring: Keyring) -> str:
    """What `seal_fact` made, opened, with the key in front that lies beside it. Raises KeyringError."""
    return keyring.open(sealed, _fact(what) + digest)


def _fact(what: PersonFact) -> bytes:
    return f"person_fact.{what.name.lower()}|".encode()


def new_name(name: str, keyring: Keyring, key: PersonKey | None = None) -> Sealed:
    """A name as a dated fact, sealed with the key of the person."""
    return seal_fact(PersonFact.NAME, name, name_digest(name, keyring), keyring, key)


def new_contact(what: PersonFact, text: str, keyring: Keyring, key: PersonKey | None = None) -> Sealed:
    """A telephone number or an address as a dated fact, sealed with the key of the person."""
    return seal_fact(what, text, keyring.digest(what.name.lower(), text), keyring, key)


def other_numbers(connection: Connection, keyring: Keyring, person_id: int) -> list[str]:
    """The numbers that a person is found by beside the one that they are known by, opened."""
    table = tables.identity.c
    query = (
        select(table.digest, table.number_sealed, _K.wrapped)
        .join_from(tables.identity, tables.person_key, beside(table.number_sealed), isouter=True)
        .where(table.person_id == person_id, table.role == ROLE_ALIAS, table.number_sealed.is_not(None))
        .order_by(table.recorded_at, table.digest)
    )
    carried = [
        (bytes(one.digest), carrying(one.wrapped, one.number_sealed)) for one in connection.execute(query)
    ]
    return [open_number(number, digest, keyring) for digest, number in carried if not is_erased(number)]


def number_of(connection: Connection, digest: bytes) -> int | None:
    """The person number behind the digest of an ID number."""
    return connection.scalar(select(tables.identity.c.person_id).where(tables.identity.c.digest == digest))


def number_opener(keyring: Keyring) -> Callable[[bytes, bytes], str]:
    """What opens a sealed ID number, given the digest it is found by."""

    def reveal(digest: bytes, sealed: bytes) -> str:
        return keyring.open(sealed, _NUMBER + digest)

    return reveal


def aliases(connection: Connection, digests: Iterable[bytes]) -> set[bytes]:
    """Those of the digests that belong to a second number of somebody (R4)."""
    rows = _ALIASES.run(connection, [(digest,) for digest in sorted(set(digests))], role=ROLE_ALIAS)
    return {bytes(digest) for (digest,) in rows}


def numbers_of(connection: Connection, keyring: Keyring, book_ids: Iterable[int]) -> dict[int, str]:
    """The ID number that the holder of each account is known by, opened."""
    rows = read_numbers(_NUMBERS, connection, book_ids, role=ROLE_CURRENT)
    return {book_id: keyring.open(number, _NUMBER + digest) for book_id, digest, number in rows}


def seal_sent(number: str, book_id: int, line: int, keyring: Keyring) -> bytes:
    """An ID number as a line of an employer's list has it, sealed for that line."""
    return keyring.seal(number, _SENT + f"{book_id}|{line}".encode())


def open_sent(sealed: bytes, book_id: int, line: int, keyring: Keyring) -> str:
    """What `seal_sent` made, opened."""
    return keyring.open(sealed, _SENT + f"{book_id}|{line}".encode())


def context_of_number(digest: bytes) -> bytes:
    """Under what an ID number is sealed that is found by a digest."""
    return _NUMBER + digest


def context_of_name(digest: bytes) -> bytes:
    """Under what the name of somebody is sealed who is found by a digest."""
    return _NAME + digest


def context_of_fact(what: PersonFact, digest: bytes) -> bytes:
    """Under what a dated fact of a person is sealed."""
    return _fact(what) + digest


def context_of_sent(book_id: int, line: int) -> bytes:
    """Under what the ID number of a line of an employer's list is sealed."""
    return _SENT + f"{book_id}|{line}".encode()
