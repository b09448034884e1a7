"""Who was registered with an employer in a month: its own registration facts, and nothing else (R62)."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, or_, select

from ledger import tables
from ledger.chart.members import MemberClass
from ledger.months import month_bounds
from ledger.people.enrolled import read_enrolments
from ledger.people.membership import registered_with

_B, _N = tables.book.c, tables.enrolment.c


class StaffMember(NamedTuple):
    """A person as enrolled with an employer in a month; days inclusive, wage in fen where one was said."""

    account_id: int
    person_id: int | None
    member_class: MemberClass
    first: date
    last: date | None
    wage_fen: int | None


def registered(
    connection: Connection, book_id: int, period: int, *, after: int = 0, limit: int
) -> list[StaffMember]:
    """Those enrolled with an employer in a month, by account, at most `limit` after the account `after`.

    By the word that counts for the month: who by a later one was a retiree, or without an employer, is not
    among them, and nobody who died before it. What other employers say of a person counts for nothing here.
    """
    found: list[StaffMember] = []
    while len(found) < limit:
        people = _enrolled(connection, book_id, period, after, limit)
        enrolments = read_enrolments(connection, people)
        words = {
            account: word
            for account in people
            if (word := registered_with(enrolments.get(account, ()), book_id, period)) is not None
        }
        wages = _wages(connection, {(account, word.seq) for account, word in words.items()})
        found += [
            StaffMember(
                account, people[account], word.member_class, word.first, word.last, wages.get(account)
            )
            for account, word in words.items()
        ]
        if len(people) < limit:
            break
        after = max(people)
    return found[:limit]


def _enrolled(
    connection: Connection, book_id: int, period: int, after: int, limit: int
) -> dict[int, int | None]:
    """The next accounts that an enrolment with the employer covers the month for, and whose they are.

    Which word counts is said by `registered_with`; here only what it never is costs nothing more.
    """
    first, last = month_bounds(period)
    newer = tables.enrolment.alias("newer").c
    stands = ~select(newer.seq).where(newer.book_id == _N.book_id, newer.replaces_seq == _N.seq).exists()
    rows = connection.execute(
        select(_N.book_id, _B.person_id)
        .select_from(tables.enrolment.join(tables.book, _B.book_id == _N.book_id))
        .where(
            _N.employer_id == book_id,
            _N.book_id > after,
            stands,
            _N.valid_from <= last,
            or_(_N.valid_to.is_(None), _N.valid_to >= first),
            or_(_B.died_on.is_(None), _B.died_on >= first),
        )
        .group_by(_N.book_id, _B.person_id)
        .order_by(_N.book_id)
        .limit(limit)
    )
    return dict(tuple(row) for row in rows)


def _wages(connection: Connection, words: set[tuple[int, int]]) -> dict[int, int | None]:
    """The wages that enrolments say, by account."""
    if not words:
        return {}
    accounts = {account for account, _seq in words}
    rows = connection.execute(select(_N.book_id, _N.seq, _N.wage).where(_N.book_id.in_(accounts)))
    return {account: wage for account, seq, wage in rows if (account, seq) in words}
