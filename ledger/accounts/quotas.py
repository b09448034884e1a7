"""Quotas: money of a donor that is reserved for a relative; how they are read and how they end (R35, R36)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.book.beside import StateKind
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.chart.kinds import REOPENS, Kind
from ledger.database.lookups import Ask, Lookup
from ledger.posting import Desk, Look, Need, Receipt, WiderLocks
from ledger.posting.needs import Asked
from ledger.posting.stakes import number_in


class Quota(NamedTuple):
    """Money of a donor that is reserved for a relative (R35, R36). `remaining` is what of it is not used."""

    recipient_id: int
    amount: int
    remaining: int
    rank: int
    relation: str
    ended: bool = False


GIVEN: StateKind[int, Quota] = StateKind("quota", ("seq",), Quota)

# per person: the quotas given to them, as (rank, donor's book, seq)
Aid = dict[int, list[tuple[int, int, int]]]

_COLUMNS = ("book_id", "seq", *Quota._fields)


def _keep(found: Aid, desk: Desk, _asking: int, values: Sequence[Any]) -> None:
    book_id, seq, *rest = values
    quota = Quota._make(rest)
    donor = desk.books.get(book_id)
    if donor is not None:
        donor.put(GIVEN).rows[seq] = quota
    if not quota.ended:
        found.setdefault(quota.recipient_id, []).append((quota.rank, book_id, seq))


# The entry that gave it says when. Not joined: a plan that begins with the entries reads whole books.
_GIVEN_WHEN = "(SELECT g.recorded_at FROM entry g WHERE g.book_id = q.book_id AND g.seq = q.seq)"
_LOOK: Look[Aid] = Look(
    "quota q",
    {f"q.{name}": tables.quota.c[name] for name in _COLUMNS},
    "q.recipient_id = {person}",
    begin=dict,
    keep=_keep,
    where="NOT q.ended",
    # of one rank who gave first
    order=f"q.rank, {_GIVEN_WHEN}, q.book_id, q.seq",
)
# those that stand, of the donors who are locked, and those that were given to the patients
_QUOTAS = Lookup(
    f"SELECT {_LOOK.columns}, {_GIVEN_WHEN} FROM {{given}}"
    " JOIN quota q ON q.book_id = given.book_id AND NOT q.ended"
    f" UNION SELECT {_LOOK.columns}, {_GIVEN_WHEN} FROM {{given}}"
    " JOIN quota q ON q.recipient_id = given.person_id AND NOT q.ended"
    # by rank, by when it was given, and then by book and number
    f" ORDER BY {_COLUMNS.index('rank') + 1}, {len(_COLUMNS) + 1}, 1, 2",
    [*_LOOK.types, tables.entry.c.recorded_at],
    book_id="big",
    person_id="big",
)
_ENDED = Lookup(
    f"SELECT {_LOOK.columns} FROM {{given}} JOIN quota q ON q.book_id = given.book_id AND q.ended",
    _LOOK.types,
    book_id="big",
)
_LATEST = Lookup(
    f"SELECT given.person_id, MAX({_GIVEN_WHEN}) FROM {{given}}"
    " JOIN quota q ON q.recipient_id = given.person_id AND NOT q.ended"
    " GROUP BY given.person_id",
    [tables.quota.c.recipient_id, tables.entry.c.recorded_at],
    person_id="big",
)


def _ahead(asked: Asked, desk: Desk) -> list[Ask]:
    """Of whoever is named by an ID number it is known who that is before the book is."""
    persons: dict[int, int] = {}
    for book_id, command in asked:
        person = desk.persons.get(number_in(command.book)) if isinstance(command.book, bytes) else None
        if person is None:
            return []
        persons[book_id] = person.person_id
    return [(_QUOTAS, sorted(persons.items()))]


def _read(connection: Connection, _asked: Asked, desk: Desk) -> Aid:
    found: Aid = {}
    for book in desk.books.values():
        book.put(GIVEN)
    asked = [(book_id, book.person_id or 0) for book_id, book in desk.books.items()]
    for *values, _given_at in _QUOTAS.run(connection, asked):
        _keep(found, desk, 0, values)
    return found


def _follow(found: Aid, desk: Desk, receipt: Receipt, _beside: object) -> None:
    """Let the aid of a person include a quota that this very batch gave."""
    if receipt.kind is Kind.QUOTA:
        quota = desk.books[receipt.book_id].of(GIVEN).rows[receipt.seq]
        given = found.setdefault(quota.recipient_id, [])
        given.append((quota.rank, receipt.book_id, receipt.seq))
        # nobody of its rank gave later
        given.sort(key=itemgetter(0))


# the quotas that stand: those given to this person, and those of every book that is locked
QUOTAS: Need[Aid] = Need("quotas", _read, look=_LOOK, ahead=_ahead, follow=_follow)


def _read_ended(connection: Connection, _asked: Asked, desk: Desk) -> bool:
    for book in desk.books.values():
        book.put(GIVEN)
    for values in _ENDED.run(connection, [(book_id,) for book_id in desk.books]):
        _keep({}, desk, 0, values)
    return True


# and those of every book that is locked which have ended, for what comes back to them or names one
ENDED_QUOTAS: Need[bool] = Need("quotas that have ended", _read_ended)


# by person, when the last of the quotas that stand was given to them
LatestGifts = dict[int, datetime]


def _read_latest(connection: Connection, asked: Asked, desk: Desk) -> LatestGifts:
    people = {desk.persons[one.recipient].person_id for _, one in asked if one.recipient in desk.persons}
    return dict(tuple(row) for row in _LATEST.run(connection, [(person,) for person in sorted(people)]))


def _follow_latest(found: LatestGifts, desk: Desk, receipt: Receipt, _beside: object) -> None:
    if receipt.kind is Kind.QUOTA:
        quota = desk.books[receipt.book_id].of(GIVEN).rows[receipt.seq]
        found[quota.recipient_id] = receipt.recorded_at


# who gave first is told by the instants of the entries: no two quotas of a person are of one instant
LATEST_GIFTS: Need[LatestGifts] = Need("the last quotas given", _read_latest, follow=_follow_latest)


_REOPENED = Lookup(
    "SELECT e.book_id, e.seq, e.detail FROM {given} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.kind = {int(Kind.REVERSAL)} AND e.detail LIKE '%\"{REOPENS}\":%'"
    " WHERE NOT EXISTS (SELECT 1 FROM entry x WHERE x.book_id = e.book_id AND x.target_seq = e.seq)",
    [tables.entry.c.book_id, tables.entry.c.seq, tables.entry.c.detail],
    book_id="big",
)

# by book and quota, the entry that opened it again
Reopened = dict[tuple[int, int], int]


def _read_reopened(connection: Connection, _asked: Asked, desk: Desk) -> Reopened:
    found: Reopened = {}
    giving = [(book.book_id,) for book in desk.books.values() if book.person_id is not None]
    for book_id, seq, detail in _REOPENED.run(connection, giving):
        found[book_id, unpack(detail)["quota"]] = seq
    return found


def _follow_reopened(found: Reopened, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    if receipt.kind is Kind.REVERSAL and REOPENS in (told := unpack(receipt.detail)):
        found[receipt.book_id, told["quota"]] = receipt.seq


# the quotas of every book that is locked which had ended with a death and were opened again
REOPENED: Need[Reopened] = Need("quotas opened again", _read_reopened, follow=_follow_reopened)


def reopen_quota(book: Book, quota_seq: int, ended_by: int, fen: int, day: date) -> Draft:
    """Add the entry that opens a quota again, with what was left of it when it ended."""
    given = book.of(GIVEN)
    given.set(quota_seq, given.rows[quota_seq]._replace(remaining=fen, ended=False))
    return book.add(
        Draft(
            Kind.REVERSAL,
            day,
            reserved_change=fen or None,
            target_seq=ended_by,
            detail=pack(quota=quota_seq, **{REOPENS: True}),
        )
    )


def end_quota(
    desk: Desk, book: Book, quota_seq: int, day: date, reason: str, *, keyed: bool = False
) -> Draft:
    """Add the entry that ends a quota of this book. The command needs REOPENED."""
    # one that was opened again ends by what opened it: an entry is acted on once
    opened_by = desk.of(REOPENED).get((book.book_id, quota_seq))
    facts: dict[str, Any] = {"reason": reason} if reason else {}
    if opened_by is not None:
        facts["quota"] = quota_seq
    given = book.of(GIVEN)
    quota = given.rows[quota_seq]
    given.set(quota_seq, quota._replace(remaining=0, ended=True))
    return book.add(
        Draft(
            Kind.QUOTA_END,
            day,
            reserved_change=-quota.remaining if quota.remaining else None,
            target_seq=quota_seq if opened_by is None else opened_by,
            detail=pack(**facts) if facts else None,
            keyed=keyed,
        )
    )


def end_quotas(desk: Desk, book: Book, day: date, reason: str) -> None:
    """End every quota that this account gave and that still stands (R36)."""
    for seq, quota in sorted(book.of(GIVEN).rows.items()):
        if not quota.ended:
            end_quota(desk, book, seq, day, reason)


def donors_of(desk: Desk, book: Book) -> list[tuple[Book, int]]:
    """The relatives who have reserved money for the holder of an account, each with the quota.

    Their books are locked: raises WiderLocks for those that are not.
    """
    given = desk.of(QUOTAS).get(book.person_id or 0, [])
    unlocked = sorted({donor_id for _rank, donor_id, _seq in given} - desk.books.keys())
    if unlocked:
        raise WiderLocks(unlocked)
    donors = [(desk.other(donor_id), seq) for _rank, donor_id, seq in given]
    return [(donor, seq) for donor, seq in donors if donor is not None]


def end_given_to(desk: Desk, donors: Sequence[tuple[Book, int]], reason: str) -> list[tuple[int, int]]:
    """End what relatives had reserved for somebody: nothing more is paid out of it (R36). The entries that do
    so, by book and number. The command needs REOPENED.
    """
    ended: list[tuple[int, int]] = []
    for donor, seq in donors:
        if not donor.of(GIVEN).rows[seq].ended:
            day = max(desk.today, donor.opened_on)
            donor.roll_to(day.year)
            end = end_quota(desk, donor, seq, day, reason)
            ended.append((donor.book_id, end.seq))
    return ended
