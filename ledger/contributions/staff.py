"""Who was registered with an employer in some days: its own registration facts, and nothing else (R62)."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, or_, select

from ledger import tables
from ledger.chart.matrix import Stage
from ledger.chart.members import MemberClass
from ledger.people.enrolled import read_enrolments, stands
from ledger.people.membership import Stint, stints_with

_B, _N = tables.book.c, tables.enrolment.c


class StaffMember(NamedTuple):
    """A person as registered with an employer; days inclusive, wage in fen where one was said."""

    account_id: int
    person_id: int | None
    member_class: MemberClass
    first: date
    last: date | None
    wage_fen: int | None


def registered(
    connection: Connection,
    book_id: int,
    first: date,
    last: date,
    *,
    after: int = 0,
    limit: int,
    closed: bool = True,
) -> list[StaffMember]:
    """Those registered with an employer on some day from `first` to `last`, each once, by account.

    At most `limit` after the account `after`. Of somebody with several words the one counts that was in force
    last in these days. It ends where another word takes its place, as that the person is a retiree or without
    an employer, or by the death; why is not told. What other employers say counts for nothing here. `closed`:
    also those whose account is closed.
    """
    found: list[StaffMember] = []
    while len(found) < limit:
        people = _enrolled(connection, book_id, first, last, after, limit, closed=closed)
        enrolments = read_enrolments(connection, people)
        stints = {
            account: stint
            for account, (_person, died_on) in people.items()
            if (stint := _last_in(stints_with(enrolments.get(account, ()), book_id), died_on, first, last))
        }
        wages = _wages(connection, {(account, stint.word.seq) for account, stint in stints.items()})
        found += [
            StaffMember(
                account,
                people[account][0],
                stint.word.member_class,
                stint.first,
                stint.last,
                wages.get(account),
            )
            for account, stint in stints.items()
        ]
        if len(people) < limit:
            break
        after = max(people)
    return found[:limit]


def going_on_from(connection: Connection, book_id: int, day: date, *, limit: int) -> list[int]:
    """The accounts, not closed, of those who are with an employer on a day or begin there later."""
    staff = registered(connection, book_id, day, date.max, limit=limit, closed=False)
    return [one.account_id for one in staff]


def _last_in(stints: list[Stint], died_on: date | None, first: date, last: date) -> Stint | None:
    """The last of some stints with a day from `first` to `last`; a death ends it."""
    for stint in reversed(stints):
        ends = stint.last
        if died_on is not None and (ends is None or ends > died_on):
            ends = died_on
        if stint.first <= min(last, ends or last) and (ends is None or ends >= first):
            return stint._replace(last=ends)
    return None


def _enrolled(
    connection: Connection, book_id: int, first: date, last: date, after: int, limit: int, *, closed: bool
) -> dict[int, tuple[int | None, date | None]]:
    """The next accounts with an enrolment with the employer in these days: whose they are, and who died when.

    Which word counts is said by `stints_with`; here only what it never is costs nothing more.
    """
    query = (
        select(_N.book_id, _B.person_id, _B.died_on)
        .select_from(tables.enrolment.join(tables.book, _B.book_id == _N.book_id))
        .where(
            _N.employer_id == book_id,
            _N.book_id > after,
            stands(_N),
            _N.valid_from <= last,
            or_(_N.valid_to.is_(None), _N.valid_to >= first),
            or_(_B.died_on.is_(None), _B.died_on >= first),
        )
        .group_by(_N.book_id, _B.person_id, _B.died_on)
        .order_by(_N.book_id)
        .limit(limit)
    )
    rows = connection.execute(query if closed else query.where(_B.stage != int(Stage.CLOSED)))
    return {account: (person, died_on) for account, person, died_on in rows}


def _wages(connection: Connection, words: set[tuple[int, int]]) -> dict[int, int | None]:
    """The wages that enrolments say, by account."""
    if not words:
        return {}
    accounts = {account for account, _seq in words}
    rows = connection.execute(select(_N.book_id, _N.seq, _N.wage).where(_N.book_id.in_(accounts)))
    return {account: wage for account, seq, wage in rows if (account, seq) in words}
