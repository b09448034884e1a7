"""The year end (R48, R49): the interest of a finished year, once per account, beside running traffic.

Each account is one command through `post`, in chunks; the books themselves say what is still owed, so a run
that was killed goes on by being started again, and one over a finished year posts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Connection, bindparam, func, literal_column, select

from ledger import tables
from ledger.accounts.owed_interest import CHANGES, post_interest
from ledger.chart.matrix import Stage
from ledger.policy import MissingParameter, Policy
from ledger.posting import BookRef, Command, Desk
from ledger.posting.runs import Chunks, Run, moved_alike
from ledger.refusals import RefusalCode, Refused

# Who spends from an account of a chunk waits for its commit, and all of the same batch with them: with 500
# accounts p99 beside a year end was more than eight times as long. So the chunks are short.
CHUNK = 100
CALLER = "year-end"


@dataclass(eq=False)
class PostInterest(Command):
    """Post the interest of `year`, and of every earlier year still owed, to one account."""

    verb = "interest"
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        # posted already
        RefusalCode.PERIOD_CLOSED,
        RefusalCode.RATES_MISSING,
    )
    needs = frozenset({CHANGES})

    book: BookRef
    year: int
    caller: str = CALLER
    actor: str = CALLER

    def content(self) -> str:
        return f"{self.year}"

    def decide(self, desk: Desk) -> None:
        book = desk.book
        if book.stage == Stage.CLOSED:
            raise Refused(RefusalCode.ACCOUNT_CLOSED)
        if book.interest_year >= self.year:
            raise Refused(RefusalCode.PERIOD_CLOSED)
        last = date(self.year, 12, 31)
        post_interest(desk, book, last, valued_on=last)
        book.drafts[-1].keyed = True


def check(year: int, area: int, today: date, policies: Mapping[int, Policy]) -> None:
    """Raise the refusal of a run that cannot be: area_unknown, year_not_over, rates_missing."""
    policy = policies.get(area)
    if policy is None:
        raise Refused(RefusalCode.AREA_UNKNOWN, at="area")
    if today <= date(year, 12, 31):
        raise Refused(RefusalCode.YEAR_NOT_OVER, at="year", year=year, over_on=date(year + 1, 1, 1))
    first, last = date(year, 1, 1), date(year, 12, 31)
    for parameter in (policy.interest_demand, policy.interest_three_month, policy.day_basis):
        try:
            parameter.bands(first, last)
        except MissingParameter as missing:
            raise Refused(RefusalCode.RATES_MISSING, parameter=missing.name, day=missing.day) from missing


def _owing(year: int, area: int, after: int) -> tuple[ColumnElement[bool], ...]:
    book = tables.book.c
    # written out, so that the plan knows that nearly every book is owed it: else each chunk sorts them all
    return (
        book.area == bindparam("area", area, literal_execute=True),
        book.interest_year < bindparam("year", year, literal_execute=True),
        book.stage != bindparam("closed", int(Stage.CLOSED), literal_execute=True),
        book.opened_on <= bindparam("last", date(year, 12, 31), literal_execute=True),
        book.book_id > after,
    )


def _owed(connection: Connection, year: int, area: int, after: int) -> int:
    with connection.begin():
        count = select(func.count()).select_from(tables.book).where(*_owing(year, area, after))
        return connection.scalar(count) or 0


def _next(connection: Connection, year: int, area: int, after: int) -> list[int]:
    query = (
        select(tables.book.c.book_id)
        .where(*_owing(year, area, after))
        .order_by(tables.book.c.book_id)
        .limit(literal_column(str(CHUNK)))
    )
    with connection.begin():
        return list(connection.scalars(query))


def _chunks(connection: Connection, year: int, area: int) -> Chunks:
    return Chunks(
        _owed(connection, year, area, 0),
        lambda after: {
            book_id: PostInterest(book_id, year) for book_id in _next(connection, year, area, after)
        },
    )


# An account that is owed an earlier year for which there are no rates keeps nobody else waiting. What was
# posted or closed since the chunk was picked is done.
YEAR_END = Run(
    kind=CALLER,
    written=str,
    check=check,
    refused_with=(RefusalCode.AREA_UNKNOWN, RefusalCode.YEAR_NOT_OVER, RefusalCode.RATES_MISSING),
    chunks=_chunks,
    moved=moved_alike,
    passed_over=frozenset({RefusalCode.PERIOD_CLOSED, RefusalCode.ACCOUNT_CLOSED}),
)
"""The year end of an area: the interest of a finished year, to every account that is still owed it."""
