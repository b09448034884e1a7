"""Who is there twice: persons whose sealed ID numbers are the same though they are found by other digests.

That is what comes of working with an index key that is not the database's: somebody who is there is not
found, and is opened again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, select

from ledger import tables
from ledger.chart.matrix import Stage
from ledger.database.lookups import Lookup
from ledger.people.persons import digest_of_number, open_number
from ledger.vault import Keyring, KeyringError
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


def people_are_there_once(
    connection: Connection, keyring: Keyring, first: int, last: int
) -> Iterator[Finding]:
    """Every stored ID number opens, is found by its own digest, and is that of one person.

    `first` and `last` are the books asked for. As much memory as there are rows that are wrong.
    """
    query = select(_I.digest, _I.person_id, _I.number_sealed).where(_I.number_sealed.is_not(None))
    rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query)
    closed: list[int] = []
    # persons by the digest that the number of theirs has under the index key
    astray: defaultdict[bytes, set[int]] = defaultdict(set)
    for digest, person_id, sealed in rows:
        try:
            right = digest_of_number(open_number(bytes(sealed), bytes(digest), keyring), keyring)
        except KeyringError:
            closed.append(person_id)
            continue
        if right != bytes(digest):
            astray[right].add(person_id)
    known = _known(connection, list(astray))
    for right, person_id in known.items():
        astray[right].add(person_id)
    books = _open_books(connection, {*closed, *(person for them in astray.values() for person in them)})

    def asked(persons: Iterable[int]) -> bool:
        numbers = [book_id for person in persons for book_id in books.get(person, ())]
        return not numbers or any(first <= book_id <= last for book_id in numbers)

    def named(person: int) -> str:
        return ", ".join(map(book_name, books.get(person, ()))) or f"person {person}"

    for person in closed:
        if asked([person]):
            yield Finding("number_does_not_open", named(person), "the sealed ID number does not open")
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


def _known(connection: Connection, digests: Sequence[bytes]) -> dict[bytes, int]:
    """Who is found by digests."""
    found: dict[bytes, int] = {}
    for start in range(0, len(digests), _ROWS_AT_ONCE):
        some = [(digest,) for digest in digests[start : start + _ROWS_AT_ONCE]]
        found.update((bytes(digest), person_id) for digest, person_id in _BY_DIGEST.run(connection, some))
    return found


def _open_books(connection: Connection, persons: set[int]) -> dict[int, list[int]]:
    """The books of persons that are not closed, by person."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    wanted = sorted(persons)
    for start in range(0, len(wanted), _ROWS_AT_ONCE):
        some = [(person,) for person in wanted[start : start + _ROWS_AT_ONCE]]
        for book_id, person_id in _BOOKS.run(connection, some, closed=int(Stage.CLOSED)):
            found[person_id].append(book_id)
    return dict(found)
