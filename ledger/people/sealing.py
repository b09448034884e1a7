"""Whose keys a database has: the fingerprints of those that its personal data was sealed and is found with.

With other keys a person who is there is not found and would be opened again, so every door asks here first.
The fingerprints are written once, when the keys have shown on stored rows that they open them; a sealing key
that comes by rotation is added, and none is ever taken away. One that seals nothing any more is marked as
retired: its file may be gone then, and if it is there it is still the one that it was.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Connection, func, inspect, select

from ledger import tables
from ledger.database.lookups import insert_or_leave
from ledger.people.person_keys import beside
from ledger.people.persons import digest_of_number, open_name, open_number, open_sent
from ledger.vault import (
    FORMS_FOR_PERSONS,
    HEADER_BYTES,
    INDEX_FILE,
    Keyring,
    KeyringError,
    carrying,
    is_seal_file,
    sealed_with,
)

# before the name of a key that seals nothing any more
_RETIRED = "retired "
_F, _I, _D = tables.key_fingerprint.c, tables.identity.c, tables.declared_line.c
_K = tables.person_key.c


class KeysDiffer(Exception):
    """The keys are not those of the database. The message names the file and says what to do."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"{problem}: the keys are not those that this database was sealed with;"
            " put back the key directory that belongs to it (a backup of the two goes together)"
        )


def check_keys(connection: Connection, keyring: Keyring) -> None:
    """See that the keys are the database's; inside the transaction that is given. Raises KeysDiffer.

    One without fingerprints, of an older version or of a first start, is asked for rows that the keys open.
    """
    recorded = _recorded(connection)
    if recorded:
        _compare(recorded, keyring)
    else:
        _prove(connection, keyring)


def record_keys(connection: Connection, keyring: Keyring, now: datetime) -> None:
    """Check the keys, and write down those that are not yet: at the first start and after a rotation.

    Outside a transaction. Of two processes that do it at once with different keys one raises KeysDiffer.
    """
    with connection.begin():
        recorded = _recorded(connection)
        if recorded:
            _compare(recorded, keyring)
            wanted = _used(keyring)
        else:
            wanted = {INDEX_FILE} | _used(keyring) | _prove(connection, keyring)
        # in one order for all, so that who is later waits at the first row for who was earlier
        new = [
            {"name": name, "fingerprint": keyring.fingerprints[name], "recorded_at": now}
            for name in sorted(wanted - recorded.keys())
        ]
        if new:
            connection.execute(insert_or_leave(connection, tables.key_fingerprint), new)
            _compare(_recorded(connection), keyring)


def retire_keys(connection: Connection, keyring: Keyring, now: datetime) -> tuple[str, ...]:
    """Write down that no key but the newest seals anything any more, which the caller has seen; their files.

    Within the transaction that is given.
    """
    recorded = _recorded(connection)
    older = [name for name in sorted(recorded) if is_seal_file(name) and name != keyring.sealing]
    new = [
        {"name": _RETIRED + name, "fingerprint": recorded[name], "recorded_at": now}
        for name in older
        if _RETIRED + name not in recorded
    ]
    if new:
        connection.execute(insert_or_leave(connection, tables.key_fingerprint), new)
    return tuple(older)


def are_recorded(connection: Connection, keyring: Keyring) -> bool:
    """Check the keys as `check_keys` does; whether nothing is left to write down of them."""
    recorded = _recorded(connection)
    _compare(recorded, keyring)
    return _used(keyring) <= recorded.keys()


def _used(keyring: Keyring) -> set[str]:
    """The files of the keys that are worked with from now on: that which seals, and that which signs."""
    signing = keyring.signing_file
    return {keyring.sealing} if signing is None else {keyring.sealing, signing}


def are_other_keys(connection: Connection, keyring: Keyring) -> bool:
    """Whether the fingerprints say that the keys are not the database's: one small read, for a probe."""
    try:
        _compare(_recorded(connection), keyring)
    except KeysDiffer:
        return True
    return False


def is_sealed(connection: Connection) -> bool:
    """Whether the database has fingerprints, or people: it then cannot be worked on without its keys."""
    there = inspect(connection)
    return any(
        there.has_table(column.table.name)
        and connection.scalar(select(column).where(column.is_not(None)).limit(1)) is not None
        for column in (_F.name, _I.name_sealed, _D.number_sealed)
    )


def recorded_names(connection: Connection) -> tuple[str, ...]:
    """The names of the keys that have a fingerprint, in order."""
    return tuple(sorted(name for name in _recorded(connection) if not name.startswith(_RETIRED)))


def _recorded(connection: Connection) -> dict[str, bytes]:
    # a database of an older version has no such table yet
    if not inspect(connection).has_table(tables.key_fingerprint.name):
        return {}
    return {name: bytes(told) for name, told in connection.execute(select(_F.name, _F.fingerprint))}


def _compare(recorded: dict[str, bytes], keyring: Keyring) -> None:
    for name, told in sorted(recorded.items()):
        if name.startswith(_RETIRED):
            continue
        ours = keyring.fingerprints.get(name)
        if ours is None and _RETIRED + name in recorded:
            continue
        if ours is None:
            raise KeysDiffer(f"{name} is missing")
        if ours != told:
            raise KeysDiffer(f"{name} is another key")


def _prove(connection: Connection, keyring: Keyring) -> set[str]:
    """Open a stored row of every key that seals some; the names of those keys. Raises KeysDiffer.

    Of each the oldest row: what was written under wrong keys came later.
    """
    there = inspect(connection)
    proven: set[str] = set()
    if there.has_table(tables.identity.name):
        proven |= _prove_people(connection, keyring)
    if there.has_table(tables.person_key.name):
        proven |= _prove_keys_of_people(connection, keyring)
    if there.has_table(tables.declared_line.name):
        proven |= _prove_lines(connection, keyring)
    return proven


def _headers(connection: Connection, column: Column[bytes]) -> list[bytes]:
    """How the values of a column begin that are sealed under keys of the installation: each names one."""
    header = func.substr(column, 1, HEADER_BYTES)
    # what is sealed for a person names that one's key
    ours = func.substr(column, 1, 1).not_in(sorted(FORMS_FOR_PERSONS))
    query = select(header).where(column.is_not(None), ours).distinct()
    return sorted(bytes(one) for one in connection.scalars(query))


def _prove_people(connection: Connection, keyring: Keyring) -> set[str]:
    proven: set[str] = set()
    row = select(_I.digest, _I.number_sealed, _I.name_sealed)
    for column in (_I.name_sealed, _I.number_sealed):
        for header in _headers(connection, column):
            begins = func.substr(column, 1, HEADER_BYTES) == header
            digest, number, name = connection.execute(
                row.where(column.is_not(None), begins).order_by(_I.recorded_at, _I.digest).limit(1)
            ).one()
            _prove_person(keyring, digest, name, number)
            proven.add(sealed_with(header))
    return proven


def _prove_person(keyring: Keyring, found_by: bytes, name: bytes, number: bytes | None) -> None:
    digest = bytes(found_by)
    try:
        open_name(bytes(name), digest, keyring)
        opened = None if number is None else open_number(bytes(number), digest, keyring)
    except KeyringError:
        raise KeysDiffer("a stored name or ID number does not open") from None
    # not the digest of the name: how names are folded may have changed with the version
    if opened is not None and digest_of_number(opened, keyring) != digest:
        raise KeysDiffer(f"{INDEX_FILE} does not find a person who is there")


def _prove_keys_of_people(connection: Connection, keyring: Keyring) -> set[str]:
    """By somebody whose key each of the installation's keys seals."""
    proven: set[str] = set()
    for header in _headers(connection, _K.wrapped):
        found = connection.execute(
            select(_I.digest, _I.name_sealed, _I.number_sealed, _K.wrapped)
            .join_from(tables.person_key, tables.identity, beside(_I.name_sealed))
            .where(_K.wrapped.is_not(None), func.substr(_K.wrapped, 1, HEADER_BYTES) == header)
            .order_by(_K.recorded_at, _K.ref)
            .limit(1)
        ).one_or_none()
        if found is not None:
            number = None if found.number_sealed is None else carrying(found.wrapped, found.number_sealed)
            _prove_person(keyring, found.digest, carrying(found.wrapped, found.name_sealed), number)
            proven.add(sealed_with(header))
    return proven


def _prove_lines(connection: Connection, keyring: Keyring) -> set[str]:
    """Lines of lists keep a number that nobody could be found by: they tell of sealing keys alone."""
    proven: set[str] = set()
    for header in _headers(connection, _D.number_sealed):
        book_id, line, sealed = connection.execute(
            select(_D.book_id, _D.line, _D.number_sealed)
            .where(_D.number_sealed.is_not(None), func.substr(_D.number_sealed, 1, HEADER_BYTES) == header)
            .order_by(_D.book_id, _D.seq, _D.line)
            .limit(1)
        ).one()
        try:
            proven.add(sealed_with(header))
            open_sent(bytes(sealed), book_id, line, keyring)
        except KeyringError:
            raise KeysDiffer("a stored line of a list does not open") from None
    return proven
