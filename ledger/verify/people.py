"""What is on record of people: sealed facts open and are what they are compared by, and numbers are in force
as their days say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import Connection, select

from ledger import tables
from ledger.chart.person_facts import PersonFact
from ledger.people.dated import read_dated
from ledger.people.person_keys import beside
from ledger.people.persons import digest_of_number, name_digest, open_fact
from ledger.people.renumbering import roles_of
from ledger.people.shared_numbers import read_sharing
from ledger.posting.merges import survivor
from ledger.posting.stakes import shared_among
from ledger.vault import Keyring, KeyringError, carrying, is_erased
from ledger.verify.finding import Finding, book_name, line_name

_F, _I, _S = tables.person_fact.c, tables.identity.c, tables.shared_number.c
_K = tables.person_key.c
_ROWS_AT_ONCE = 10_000
_PERSONS_AT_ONCE = 500


def numbers_are_in_force_by_their_days(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Every ID number that was recorded of a person finds the person, and the newest is the one in force."""
    recorded = (
        select(_F.person_id, _F.book_id)
        .where(_F.book_id.between(first, last), _F.what == int(PersonFact.NUMBER))
        .distinct()
        .order_by(_F.book_id)
    )
    books: dict[int, int] = {row.person_id: row.book_id for row in connection.execute(recorded)}
    persons = list(books)
    for start in range(0, len(persons), _PERSONS_AT_ONCE):
        some = persons[start : start + _PERSONS_AT_ONCE]
        dated = read_dated(connection, some)
        numbers: defaultdict[int, dict[bytes, int]] = defaultdict(dict)
        query = select(_I.person_id, _I.digest, _I.role).where(_I.person_id.in_(some))
        for person_id, digest, role in connection.execute(query):
            numbers[person_id][bytes(digest)] = role
        for person_id in some:
            there = numbers[person_id]
            if not there:
                # the account went into another, and the numbers with it
                continue
            facts = dated[person_id, int(PersonFact.NUMBER)]
            lost = {one.digest for one in facts} - there.keys()
            # a number that two people shared may be the other one's since
            if lost - shared_among(connection, lost):
                what = "an ID number that it recorded does not find its person"
                yield Finding("number_wrong", book_name(books[person_id]), what)
            elif roles_of(there, facts) != there:
                what = "the ID number in force is not the newest"
                yield Finding("number_wrong", book_name(books[person_id]), what)


def shared_numbers_find_who_shared_them(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """A number that people shared finds one of them, and each of them is known."""
    query = (
        select(_S.book_id, _S.seq, _S.digest, _S.person_id, _S.other_person_id)
        .where(_S.book_id.between(first, last))
        .order_by(_S.book_id, _S.seq)
    )
    for book_id, seq, digest, *two in connection.execute(query).all():
        known = {survivor(connection, person_id) for person_id in two}
        there = set(connection.scalars(select(_I.person_id).where(_I.person_id.in_(known))))
        finds = connection.scalar(select(_I.person_id).where(_I.digest == bytes(digest)))
        if there != known:
            yield Finding("number_wrong", line_name(book_id, seq), "who shared a number is not known")
        # a third one may have it since
        elif finds not in known | read_sharing(connection, [bytes(digest)]).persons(bytes(digest)):
            what = "a shared number finds nobody who shared it"
            yield Finding("number_wrong", line_name(book_id, seq), what)


def facts_are_what_they_are_compared_by(
    connection: Connection, keyring: Keyring, first: int, last: int
) -> Iterator[Finding]:
    """Every sealed fact opens, and its digest is that of what it holds."""
    query = (
        select(_F.book_id, _F.seq, _F.what, _F.digest, _F.sealed, _K.wrapped)
        .join_from(tables.person_fact, tables.person_key, beside(_F.sealed), isouter=True)
        .where(_F.book_id.between(first, last))
        .order_by(_F.book_id, _F.seq, _F.line)
    )
    rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query)
    for book_id, seq, number, digest, kept, key in rows:
        what, sealed = PersonFact(number), carrying(key, kept)
        if is_erased(sealed):
            continue
        try:
            text = open_fact(what, sealed, bytes(digest), keyring)
        except KeyringError:
            yield Finding("fact_does_not_open", line_name(book_id, seq), f"a sealed {what.name.lower()}")
            continue
        if _digest(what, text, keyring) != bytes(digest):
            yield Finding("fact_wrong", line_name(book_id, seq), f"a {what.name.lower()} that is another one")


def _digest(what: PersonFact, text: str, keyring: Keyring) -> bytes:
    if what is PersonFact.NAME:
        return name_digest(text, keyring)
    if what is PersonFact.NUMBER:
        return digest_of_number(text, keyring)
    return keyring.digest(what.name.lower(), text)
