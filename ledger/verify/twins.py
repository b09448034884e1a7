"""Who is there twice: persons whose sealed ID numbers are the same though they are found by other digests.

That is what comes of working with an index key that is not the database's: somebody who is there is not
found, and is opened again. On the way the sealed names are held against what they are compared by.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, select

from ledger import tables
from ledger.chart.matrix import Stage
from ledger.database.lookups import Lookup
from ledger.people.person_keys import beside
from ledger.people.persons import digest_of_number, name_digest, open_name, open_number
from ledger.vault import Keyring, KeyringError, carrying, is_erased
from ledger.verify.finding import Finding, book_name

_I, _B = tables.identity.c, tables.book.c
_ROWS_AT_ONCE = 10_000
_BY_DIGEST = Lookup(
    "SELECT i.digest, i.person_id FROM {given} JOIN identity i ON i.digest = given.digest",
    [_I.digest, _I.person_id],
    digest="bytes",
)
_BOOKS = Lookup(
    "SELECT b.book_id, b.person_id FROM {given} JOIN book b ON b.person_id = given.person_id"
    " WHERE b.stage <> :closed ORDER BY b.book_id",
    [_B.book_id, _B.person_id],
    person_id="big",
)
_HELD = Lookup(
    "SELECT b.book_id, b.person_id FROM {given} JOIN book b ON b.person_id = given.person_id"
    " ORDER BY b.book_id",
    [_B.book_id, _B.person_id],
    person_id="big",
)


def people_are_there_once(
    connection: Connection, keyring: Keyring, first: int, last: int
) -> Iterator[Finding]:
    """Every stored ID number opens, is found by its own digest, and is that of one person; every name opens,
    and is the one that is compared. Who has a book has a number: heirs alone are known by a name.

    `first` and `last` are the books asked for. As much memory as there are rows that are wrong, and heirs who
    are known by name alone.
    """
    # each by the key that it names itself: they are exchanged one by one, too
    of_number, of_name = tables.person_key.alias("of_number"), tables.person_key.alias("of_name")
    query = (
        select(
            _I.digest, _I.person_id, _I.number_sealed, _I.name_sealed, _I.name_digest,
            of_number.c.wrapped.label("of_number"), of_name.c.wrapped.label("of_name"),
        )
        .join_from(tables.identity, of_number, beside(_I.number_sealed, of_number), isouter=True)
        .join(of_name, beside(_I.name_sealed, of_name), isouter=True)
    )  # fmt: skip
    rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query)
    closed: list[int] = []
    # persons by the digest that the number of theirs has under the index key
    astray: defaultdict[bytes, set[int]] = defaultdict(set)
    misnamed: list[tuple[int, str, str]] = []
    numberless: list[int] = []
    for found_by, person_id, number, sealed, compared, key, key_of_name in rows:
        digest, name = bytes(found_by), carrying(key_of_name, sealed)
        if is_erased(name):
            # nobody can say any more whose it was
            continue
        if number is None:
            numberless.append(person_id)
        else:
            try:
                right = digest_of_number(open_number(carrying(key, number), digest, keyring), keyring)
            except KeyringError:
                closed.append(person_id)
                continue
            if right != digest:
                # written with another index key, and so is the digest of the name
                astray[right].add(person_id)
                continue
        fault = _fault_of_name(name, digest, bytes(compared), keyring)
        if fault is not None:
            misnamed.append((person_id, *fault))
    known = _known(connection, list(astray))
    for right, person_id in known.items():
        astray[right].add(person_id)
    faulty = {*closed, *(person for person, *_fault in misnamed)}
    books = _open_books(connection, faulty.union(*astray.values()))

    def asked(persons: Iterable[int]) -> bool:
        numbers = [book_id for person in persons for book_id in books.get(person, ())]
        return not numbers or any(first <= book_id <= last for book_id in numbers)

    def named(person: int) -> str:
        return ", ".join(map(book_name, books.get(person, ()))) or f"person {person}"

    for book_id in _held(connection, numberless):
        if first <= book_id <= last:
            yield Finding("number_missing", book_name(book_id), "the sealed ID number is not there")
    for person in closed:
        if asked([person]):
            yield Finding("number_does_not_open", named(person), "the sealed ID number does not open")
    for person, code, what in misnamed:
        if asked([person]):
            yield Finding(code, named(person), what)
    for right, persons in astray.items():
        if not asked(persons):
            continue
        lost = sorted(persons - {known.get(right)})
        for person in lost:
            yield Finding("person_not_found", named(person), "the ID number is not found by the index key")
        twins = sorted((person for person in persons if person in books), key=lambda person: books[person])
        if len(twins) > 1:
            others = ", ".join(map(named, twins[1:]))
            yield Finding("twin_accounts", named(twins[0]), f"is of the same person as {others}")


def _fault_of_name(sealed: bytes, digest: bytes, compared: bytes, keyring: Keyring) -> tuple[str, str] | None:
    try:
        name = open_name(sealed, digest, keyring)
    except KeyringError:
        return "name_does_not_open", "the sealed name does not open"
    if name_digest(name, keyring) != compared:
        return "name_wrong", "the sealed name is another one than it is compared by"
    return None


def _known(connection: Connection, digests: Sequence[bytes]) -> dict[bytes, int]:
    """Who is found by digests."""
    found: dict[bytes, int] = {}
    for start in range(0, len(digests), _ROWS_AT_ONCE):
        some = [(digest,) for digest in digests[start : start + _ROWS_AT_ONCE]]
        found.update((bytes(digest), person_id) for digest, person_id in _BY_DIGEST.run(connection, some))
    return found


def _held(connection: Connection, persons: Sequence[int]) -> Iterator[int]:
    """The books that persons have, be they closed."""
    for start in range(0, len(persons), _ROWS_AT_ONCE):
        some = sorted(set(persons[start : start + _ROWS_AT_ONCE]))
        yield from (book_id for book_id, _person in _HELD.run(connection, [(person,) for person in some]))


def _open_books(connection: Connection, persons: set[int]) -> dict[int, list[int]]:
    """The books of persons that are not closed, by person."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    wanted = sorted(persons)
    for start in range(0, len(wanted), _ROWS_AT_ONCE):
        some = [(person,) for person in wanted[start : start + _ROWS_AT_ONCE]]
        for book_id, person_id in _BOOKS.run(connection, some, closed=int(Stage.CLOSED)):
            found[person_id].append(book_id)
    return dict(found)
