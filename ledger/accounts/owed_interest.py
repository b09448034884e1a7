"""Posting the interest that an account is owed (K5, R48): once per account and year, oldest year first."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, Date, Integer, column

from ledger import tables
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.interest import DayChange, Interest, rest_of, year_interest
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.sides import POCKETS, Side
from ledger.database.lookups import Lookup
from ledger.policy import MissingParameter, Policy
from ledger.posting import Desk, Need, Receipt
from ledger.posting.book_reads import FROM_THE_START, LAST_BEFORE, recorded_from
from ledger.posting.needs import Asked, own_books
from ledger.refusals import RefusalCode, Refused

_E = tables.entry.c
_OF_A_YEAR = frozenset({Kind.INTEREST, Kind.FURTHER_INTEREST, Kind.INTEREST_BACK})
_OF_A_PART = f"({', '.join(str(int(kind)) for kind in sorted(_OF_A_YEAR))})"
# Net changes by value date; what is valued before `since` comes as one row without a day. Carry-over moves
# nothing in total, and is left out of the current_year pocket because each 1 January does it anyhow.
_CHANGES = Lookup(
    "SELECT c.book_id, CASE WHEN c.effective_on < c.since THEN NULL ELSE c.effective_on END AS day,"
    f" SUM(CASE WHEN c.kind = {int(Kind.CARRY_OVER)} THEN 0 ELSE c.cy END), SUM(c.cy + c.co),"
    # a year that a transfer or a division cut short, and that goes on because the money came back
    f" MAX(CASE WHEN c.kind IN {_OF_A_PART} AND c.effective_on >= c.since THEN 1 END)"
    " FROM (SELECT e.book_id, e.effective_on, e.kind, given.since AS since,"
    " e.current_year_after - LAG(e.current_year_after, 1, 0) OVER w AS cy,"
    " e.carried_over_after - LAG(e.carried_over_after, 1, 0) OVER w AS co"
    # the first of them stands for all before it, by the balances that it carries
    f" FROM {{given}} JOIN entry e ON e.book_id = given.book_id AND e.seq >= {LAST_BEFORE}"
    " WINDOW w AS (PARTITION BY e.book_id ORDER BY e.seq)) c GROUP BY 1, 2",
    [
        _E.book_id, column("day", Date), _E.current_year_after, _E.carried_over_after,
        column("in_part", Integer),
    ],
    FROM_THE_START,
    book_id="big",
    since="date",
    recorded_from="date",
)  # fmt: skip
_LAST_MOVED = Lookup(
    "SELECT c.book_id, MAX(c.effective_on) FROM (SELECT e.book_id, e.effective_on,"
    " e.current_year_after - LAG(e.current_year_after, 1, 0) OVER w AS cy,"
    " e.carried_over_after - LAG(e.carried_over_after, 1, 0) OVER w AS co"
    " FROM {given} JOIN entry e ON e.book_id = given.book_id"
    " WINDOW w AS (PARTITION BY e.book_id ORDER BY e.seq)) c"
    " WHERE c.cy <> 0 OR c.co <> 0 GROUP BY c.book_id",
    [_E.book_id, _E.effective_on],
    book_id="big",
)
_PARTS = Lookup(
    "SELECT e.book_id, e.period, e.detail FROM {given} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.kind IN {_OF_A_PART} AND e.period >= given.year",
    [_E.book_id, _E.period, _E.detail],
    book_id="big",
    year="int",
)

# of carried_over and of current_year, what the entries of a year were rounded from
Numerators = tuple[int, int]


class Changes:
    """The net changes of some books by value date since the last posted interest."""

    __slots__ = ("by_book", "posted")

    def __init__(self) -> None:
        # per book: the first day asked for, the sum of all before it, the net changes from it on
        self.by_book: dict[int, tuple[date, int, list[DayChange]]] = {}
        # per book and year: what was posted of a year that is not posted as a whole
        self.posted: dict[tuple[int, int], Numerators] = {}

    def note_posted(self, book_id: int, year: int, detail: str | None) -> None:
        """Let an entry of interest count as posted of its year."""
        told = unpack(detail)
        carried, current = self.posted.get((book_id, year), (0, 0))
        self.posted[book_id, year] = (
            carried + int(told["carried_over_numerator"]),
            current + int(told["current_year_numerator"]),
        )


def _read(connection: Connection, asked: Asked, desk: Desk) -> Changes:
    found = Changes()
    since_of = {
        # of an account on its way elsewhere the last year may go on, should its money come back
        book.book_id: date(book.interest_year + (book.stage == Stage.ACTIVE), 1, 1)
        for book in (desk.books[book_id] for book_id in own_books(asked, desk))
    }
    for book_id, since in since_of.items():
        found.by_book[book_id] = (since, 0, [])
    asked_since = [(book_id, day.isoformat(), recorded_from(day)) for book_id, day in since_of.items()]
    in_part: set[int] = set()
    for book_id, day, current_year, total, has_part in _CHANGES.run(connection, asked_since):
        if has_part:
            in_part.add(book_id)
        since, before, days = found.by_book[book_id]
        if day is None:
            found.by_book[book_id] = (since, before + int(total), days)
        else:
            days.append(DayChange(day, int(current_year), int(total)))
    for book_id, year, detail in _PARTS.run(
        connection, [(book_id, since_of[book_id].year) for book_id in sorted(in_part)]
    ):
        found.note_posted(book_id, year, detail)
    return found


def _follow(found: Changes, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    """Let the changes of a book include an entry of this very batch."""
    book_id = receipt.book_id
    if receipt.kind is Kind.OPENING:
        # opened by this batch: nobody can have read its changes
        found.by_book.setdefault(book_id, (date(receipt.effective_on.year, 1, 1), 0, []))
    if book_id not in found.by_book:
        return
    if receipt.kind in _OF_A_YEAR:
        found.note_posted(book_id, receipt.period or 0, receipt.detail)
    since, before, days = found.by_book[book_id]
    current_year = total = 0
    for source, target, fen, _party in receipt.transfers:
        total += (fen if target in POCKETS else 0) - (fen if source in POCKETS else 0)
        current_year += (fen if target == Side.CURRENT_YEAR else 0) - (
            fen if source == Side.CURRENT_YEAR else 0
        )
    if receipt.effective_on < since:
        found.by_book[book_id] = (since, before + total, days)
    else:
        inside = 0 if receipt.kind is Kind.CARRY_OVER else current_year
        days.append(DayChange(receipt.effective_on, inside, total))


# the net changes by value date of every year whose interest is not posted
CHANGES: Need[Changes] = Need("the changes by value date", _read, follow=_follow)

# by book; none of one in which money never moved
LastMoved = dict[int, date]


def _read_last(connection: Connection, asked: Asked, desk: Desk) -> LastMoved:
    books = own_books(asked, desk)
    return dict(tuple(row) for row in _LAST_MOVED.run(connection, [(book_id,) for book_id in books]))


def _follow_last(found: LastMoved, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    if receipt.transfers:
        day = receipt.effective_on
        found[receipt.book_id] = max(found.get(receipt.book_id, day), day)


# The last value date on which money moved: a payout comes no earlier. It takes the whole life to know it,
# and is asked for once in a life.
LAST_MOVED: Need[LastMoved] = Need("the last value date of money", _read_last, follow=_follow_last)


def post_interest(desk: Desk, book: Book, through: date, *, valued_on: date) -> int:
    """Add the interest of every year still owed, up to the day `through`; the fen of all of it.

    A whole year's interest is valued 31 December; that of a year cut short is valued `valued_on`, the day
    of the payout. Of a year of which a part was posted, for a transfer that came to nothing, it is the rest.
    A year before the last that earned nothing leaves no entry; the last always does, which is
    what makes it posted. Needs the book's changes on the desk. Raises Refused(rates_missing).
    """
    policy = desk.policy(book.area)
    since, before, known = desk.of(CHANGES).by_book[book.book_id]
    days = list(known)
    total = 0
    for year in range(book.interest_year + 1, through.year + 1):
        first = max(date(year, 1, 1), book.opened_on)
        last = min(date(year, 12, 31), through)
        opening = before + sum(change.total_fen for change in days if change.day.year < year)
        if since.year > year:
            raise AssertionError("the changes were read for a later year")
        earned = _interest(policy, opening, [c for c in days if c.day.year == year], first, last)
        part = desk.of(CHANGES).posted.get((book.book_id, year))
        if part is not None:
            earned = rest_of(earned, part)
        amount = earned.carried_over_fen + earned.current_year_fen
        if amount or year == through.year:
            whole = last == date(year, 12, 31)
            kind = Kind.INTEREST if part is None else Kind.FURTHER_INTEREST
            draft = _post_year(book, kind, year, earned, last if whole else valued_on)
            if amount:
                days.append(DayChange(draft.effective_on, 0, amount))
        book.interest_year = year
        total += amount
    return total


def _interest(
    policy: Policy, opening_fen: int, changes: list[DayChange], first: date, last: date
) -> Interest:
    try:
        return year_interest(opening_fen, changes, first=first, last=last, policy=policy)
    except MissingParameter as missing:
        raise Refused(RefusalCode.RATES_MISSING, parameter=missing.name, day=missing.day) from missing


def _post_year(book: Book, kind: Kind, year: int, earned: Interest, effective_on: date) -> Draft:
    book.roll_to(effective_on.year)
    parts = (earned.carried_over_fen, earned.current_year_fen)
    return book.add(
        Draft(
            kind,
            effective_on,
            tuple((int(Side.FUND_INTEREST), int(Side.CARRIED_OVER), fen, None) for fen in parts if fen),
            period=year,
            detail=pack(
                carried_over=earned.carried_over_fen,
                current_year=earned.current_year_fen,
                carried_over_numerator=str(earned.carried_over_numerator),
                current_year_numerator=str(earned.current_year_numerator),
            ),
        )
    )
