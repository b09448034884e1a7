"""One person, by everything that a row may name them by: what is theirs alone is found by it, and erased.

A row about several people stays for as long as somebody is known on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, or_, select

from ledger import tables
from ledger.chart.documents import DocumentKind
from ledger.documents.rests_on import read_rests_on
from ledger.people.erasure import numbers_of_one
from ledger.people.still_known import known_accounts, known_people
from ledger.vault import FORMS

_B, _I, _S = tables.book.c, tables.identity.c, tables.shared_number.c
_N, _D = tables.enrolment.c, tables.document.c

_LISTS: Final = 20
"""How many staff lists are looked at together: each names up to twenty thousand accounts."""


class OnePerson(NamedTuple):
    """A human as the ledger has them; of accounts that went into each other all of it."""

    people: frozenset[int]
    books: frozenset[int]
    # by what the ID numbers are found that are nobody else's
    numbers: frozenset[bytes]
    # staff lists that were printed, by name, on which nobody else is known any more
    staff_lists: frozenset[str]


def one_person(connection: Connection, person_id: int) -> OnePerson:
    """The human behind a person number. Within the transaction that is given."""
    people = numbers_of_one(connection, person_id)
    books = frozenset(connection.scalars(select(_B.book_id).where(_B.person_id.in_(people))))
    enrolled = select(_N.employer_id).where(_N.book_id.in_(books), _N.employer_id.is_not(None))
    employers = frozenset(connection.scalars(enrolled.distinct()))
    staff_lists = frozenset(_staff_lists(connection, books, employers))
    return OnePerson(people, books, _numbers(connection, people), staff_lists)


def _numbers(connection: Connection, people: Collection[int]) -> frozenset[bytes]:
    """The numbers of a person; one that was shared only where nobody else who had it is known any more."""
    found = {bytes(one) for one in connection.scalars(select(_I.digest).where(_I.person_id.in_(people)))}
    with_others = select(_S.digest, _S.person_id, _S.other_person_id).where(
        or_(_S.digest.in_(found), _S.person_id.in_(people), _S.other_person_id.in_(people))
    )
    had: dict[bytes, set[int]] = {}
    for digest, *both in connection.execute(with_others):
        had.setdefault(bytes(digest), set()).update(both)
    for digest, person in connection.execute(select(_I.digest, _I.person_id).where(_I.digest.in_(had))):
        had[bytes(digest)].add(person)
    for digest, persons in had.items():
        if known_people(connection, persons.difference(people)):
            found.discard(digest)
        else:
            found.add(digest)
    return frozenset(found)


def _staff_lists(connection: Connection, books: Collection[int], employers: Collection[int]) -> Iterator[str]:
    """The staff lists with a line about a person on which nobody else is known."""
    lists = (
        select(_D.name, _D.rests_on)
        .where(
            _D.kind == int(DocumentKind.STAFF_LIST),
            _D.book_id.in_(employers),
            func.substr(_D.facts_sealed, 1, 1).in_(sorted(FORMS)),
        )
        .order_by(_D.name)
        .limit(_LISTS)
    )
    known: set[int] = set()
    rows = connection.execute(lists).all()
    while rows:
        for name, rests_on in rows:
            shown = frozenset(read_rests_on(rests_on).people)
            if shown.isdisjoint(books) or not known.isdisjoint(shown):
                continue
            still = next(known_accounts(connection, shown.difference(books)), None)
            if still is None:
                yield name
            else:
                # who is on one is on others too
                known.add(still)
        rows = connection.execute(lists.where(_D.name > rows[-1].name)).all()
