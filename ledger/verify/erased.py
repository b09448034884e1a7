"""Whose key was erased: by an entry that says so, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from ledger import tables
from ledger.chart.kinds import Kind
from ledger.people.person_keys import beside
from ledger.posting.merges import survivor
from ledger.vault import key_named
from ledger.vault.sealing import FORMS_FOR_PERSONS
from ledger.verify.finding import Finding, book_name, line_name

_K, _E, _B = tables.person_key.c, tables.entry.c, tables.book.c
_I, _F, _M = tables.identity.c, tables.person_fact.c, tables.account_merge.c
_SEALED = (
    (tables.identity, _I.name_sealed),
    (tables.identity, _I.number_sealed),
    (tables.person_fact, _F.sealed),
)


def went_with(connection: Connection, sealed: bytes, person_id: int | None) -> bool:
    """Whether the key that a value names was erased by an entry, in a book of a person where one is named."""
    erased_in = connection.scalar(select(_K.erased_in).where(_K.ref == key_named(sealed)))
    if erased_in is None:
        return False
    holder = connection.scalar(select(_B.person_id).where(_B.book_id == erased_in))
    if holder is None:
        return False
    return person_id is None or survivor(connection, holder) == survivor(connection, person_id)


def keys_are_erased_by_entries(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Every erased key names the entry that erased it, and every such entry erased one.

    Or the keys went with another account of the same human before.
    """
    # one that is there again was not erased, whatever it still names
    gone = _K.wrapped.is_(None)
    of_key = select(_K.erased_in, _K.erased_by).where(gone, _K.erased_in.between(first, last)).distinct()
    of_entry = select(_E.book_id, _E.seq).where(_E.book_id.between(first, last), _E.kind == int(Kind.ERASURE))
    erased = {tuple(row) for row in connection.execute(of_key)}
    said = {tuple(row) for row in connection.execute(of_entry)}
    for book_id, seq in sorted(erased - said):
        yield Finding("key_erased", line_name(book_id, seq), "erased a key, and is no entry that does")
    without = sorted(said - erased)
    people = _erased_people(connection) if without else frozenset()
    for book_id, seq in without:
        holder = connection.scalar(select(_B.person_id).where(_B.book_id == book_id))
        if holder is None or survivor(connection, holder) not in people:
            what = "says that it erased a key, and none was"
            yield Finding("key_not_erased", line_name(book_id, seq), what)


def keys_are_erased_in_the_book_of_their_holder(
    connection: Connection, first: int, last: int
) -> Iterator[Finding]:
    """An erased key was that of the person in whose book the entry stands. One pass over all people."""
    # by itself: books and numbers lie apart in a cluster
    holder_of = (
        select(_B.book_id, _B.person_id).join(tables.person_key, _K.erased_in == _B.book_id).distinct()
    )
    holder_of = holder_of.where(_K.erased_in.between(first, last))
    for table, sealed in _SEALED:
        whose = select(_K.erased_in, _K.erased_by, table.c.person_id).distinct()
        sealed_with = whose.join_from(tables.person_key, table, beside(sealed))
        erased = connection.execute(sealed_with.where(_K.erased_in.between(first, last))).all()
        holders: dict[int, int | None] = {}
        if erased:
            holders = {book.book_id: book.person_id for book in connection.execute(holder_of)}
        for book_id, seq, person_id in erased:
            if survivor(connection, person_id) != survivor(connection, holders.get(book_id) or 0):
                what = f"erased the key of person {person_id}, who is not the holder"
                yield Finding("key_erased", line_name(book_id, seq), what)


def keys_of_people_are_there(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Whatever is sealed for a person names a key that is there, or was erased by an entry; and so is any."""
    unsaid = _K.wrapped.is_(None) & _K.erased_in.is_(None)
    for ref in connection.scalars(select(_K.ref).where(unsaid).order_by(_K.ref)).all():
        yield Finding("key_erased", f"key {bytes(ref).hex()}", "is gone, and names no entry that erased it")
    for table, sealed in _SEALED:
        person = table.c.person_id
        lost = (
            select(person)
            .join_from(table, tables.person_key, beside(sealed), isouter=True)
            .where(_K.ref.is_(None), func.substr(sealed, 1, 1).in_(sorted(FORMS_FOR_PERSONS)))
            .distinct()
            .order_by(person)
        )
        for person_id in connection.scalars(lost).all():
            books = connection.scalars(
                select(_B.book_id).where(_B.person_id == person_id).order_by(_B.book_id)
            ).all()
            if not books or any(first <= book_id <= last for book_id in books):
                where = book_name(books[0]) if books else f"person {person_id}"
                yield Finding("key_missing", where, "is sealed with a key that is not there")


def count_erased(connection: Connection) -> int:
    """How many people were erased: of accounts that became one, each of which was asked for, one."""
    return len(_erased_people(connection))


def _erased_people(connection: Connection) -> frozenset[int]:
    """The people whose keys were erased, as who they are found now."""
    erased = select(_B.person_id).join(tables.person_key, _K.erased_in == _B.book_id)
    holders = set(connection.scalars(erased.where(_K.wrapped.is_(None)).distinct()).all())
    # hardly any, and a question for each person would be too many
    merged = set(connection.scalars(select(_M.person_id)).all()) if holders else set()
    return frozenset(survivor(connection, one) if one in merged else one for one in holders)
