"""Who is known still: of whom a name or a number opens, because the person's key was not erased."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, func, or_, select

from ledger import tables
from ledger.people.person_keys import beside
from ledger.vault import FORMS_FOR_PERSONS

_B, _I, _K, _M = tables.book.c, tables.identity.c, tables.person_key.c, tables.account_merge.c

_PEOPLE: Final = 500


def known_accounts(connection: Connection, accounts: Iterable[int]) -> Iterator[int]:
    """Of some accounts those whose holder is known, some at a time."""
    ordered = sorted(accounts)
    for start in range(0, len(ordered), _PEOPLE):
        some = ordered[start : start + _PEOPLE]
        holders = connection.execute(select(_B.book_id, _B.person_id).where(_B.book_id.in_(some))).all()
        known = known_people(connection, {one.person_id for one in holders if one.person_id is not None})
        yield from (one.book_id for one in holders if one.person_id in known)


def known_people(connection: Connection, persons: Collection[int]) -> set[int]:
    """Of some person numbers those whose names or numbers somebody can open still."""
    now = _survivors(connection, persons)
    readable = (
        select(_I.person_id)
        .join_from(tables.identity, tables.person_key, beside(_I.name_sealed), isouter=True)
        .where(
            _I.person_id.in_(set(now.values())),
            or_(
                _K.wrapped.is_not(None),
                func.substr(_I.name_sealed, 1, 1).not_in(sorted(FORMS_FOR_PERSONS)),
            ),
        )
    )
    known = set(connection.scalars(readable.distinct()))
    return {one for one, into in now.items() if into in known}


def _survivors(connection: Connection, persons: Collection[int]) -> dict[int, int]:
    """The numbers as which people are found now, by those that they had."""
    now = {one: one for one in persons}
    while True:
        went = select(_M.person_id, _M.into_person_id).where(_M.person_id.in_(set(now.values())))
        into = {row.person_id: row.into_person_id for row in connection.execute(went)}
        if not into:
            return now
        now = {one: into.get(last, last) for one, last in now.items()}
