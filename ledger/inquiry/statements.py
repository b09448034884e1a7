"""A year of an account on one page (R50): what there was, what came, what went, what is left, by version.

By value dates, but for a fact that came too late for its year: that stands in the year of its old day, and in
the opening of the year in which it was booked. A turn of the year and a reclassification move money between
the pockets only, and are no income and no spending.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, literal_column, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.bounds.looks import STATED_YEAR
from ledger.chart.kinds import Kind
from ledger.chart.members import LineKind
from ledger.contributions.credited import credited
from ledger.database.direct import Direct
from ledger.inquiry.year_versions import (
    INTERESTS,
    AccountYear,
    BookedEntry,
    KindSum,
    StatedInterest,
    StatedMonth,
    account_year,
    canonical_statement,
    statement_digest,
)
from ledger.refusals import RefusalCode, Refused

__all__ = [
    "AccountStatement",
    "AccountYear",
    "KindSum",
    "booked",
    "posted_interest",
    "statement",
    "year_statement",
]

_B, _E = tables.book.c, tables.entry.c
_LINE, _EMPLOYER = tables.assessment_line.c, tables.employer.c
_BOOKED = Direct(
    select(
        _E.seq, _E.kind, _E.effective_on, _E.fact_on, _E.period, _E.recorded_at, _E.current_year_after,
        _E.carried_over_after,
    )
    .where(_E.book_id == bindparam("book_id"))
    .order_by(_E.seq)
)  # fmt: skip


class AccountStatement(NamedTuple):
    """A version of the statement of a year. `digest` is None while nothing has ended the year."""

    year: int
    told: AccountYear
    interest: StatedInterest
    months: tuple[StatedMonth, ...]
    canonical: str
    digest: bytes | None


def booked(connection: Connection, book_id: int) -> list[BookedEntry]:
    """What every entry of a book did to its pockets, in order."""
    found: list[BookedEntry] = []
    current = carried = 0
    for seq, kind, effective_on, fact_on, period, recorded_at, after, carried_after in _BOOKED.all(
        connection, {"book_id": book_id}
    ):
        found.append(
            BookedEntry(
                seq, Kind(kind), effective_on, fact_on, period, recorded_at,
                after - current, carried_after - carried, not (after or carried_after),
            )
        )  # fmt: skip
        current, carried = after, carried_after
    return found


def require_stated(connection: Connection, book_id: int, year: int, today: date) -> date:
    """The day on which an account was opened that has a statement of a year, be it of one under way.

    Raises Refused(account_not_found), and Refused(period_invalid) for a year before the account or to come.
    """
    opened_on: date | None = connection.scalar(select(_B.opened_on).where(_B.book_id == book_id))
    if opened_on is None:
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="book")
    STATED_YEAR.admit_year(year, today, "year", opening=opened_on)
    return opened_on


def year_statement(
    connection: Connection, book_id: int, year: int, today: date, version: int | None = None
) -> AccountYear:
    """The year of an account as a version says it, without one the newest; of a year under way what was.

    Raises as `require_stated`, and Refused(statement_not_found) for a version that there is not.
    """
    opened_on = require_stated(connection, book_id, year, today)
    told = account_year(booked(connection, book_id), year, opened_on, today, version)
    if told is None:
        raise Refused(RefusalCode.STATEMENT_NOT_FOUND, at="version")
    return told


def statement(
    connection: Connection, book_id: int, year: int, today: date, version: int | None = None
) -> AccountStatement:
    """The statement of a year with its interest, its months and its digest. Raises as `year_statement`."""
    told = year_statement(connection, book_id, year, today, version)
    interest = _interest(connection, book_id, year, told)
    months = _months(connection, book_id, year, told)
    if told.version is None:
        return AccountStatement(year, told, interest, months, "", None)
    chain = connection.scalar(select(_E.digest).where(_E.book_id == book_id, _E.seq == told.last_seq)) or b""
    canonical = canonical_statement(book_id, told, chain, interest, months)
    return AccountStatement(year, told, interest, months, canonical, statement_digest(canonical))


def _interest(connection: Connection, book_id: int, year: int, told: AccountYear) -> StatedInterest:
    if told.earned_to is None:
        return StatedInterest()
    days = (told.earned_to - told.first).days + 1
    return StatedInterest(*posted_interest(connection, book_id, year, told.last_seq), days)


def posted_interest(connection: Connection, book_id: int, year: int, up_to: int) -> tuple[int, int]:
    """The interest of a year as posted up to an entry, of carried_over and of current_year, in fen."""
    details = connection.scalars(
        select(_E.detail).where(
            _E.book_id == book_id,
            _E.kind.in_([*map(int, INTERESTS), int(Kind.INTEREST_BACK)]),
            _E.period == year,
            _E.seq <= up_to,
        )
    )
    parts = [unpack(detail) for detail in details]
    return sum(one["carried_over"] for one in parts), sum(one["current_year"] for one in parts)


# -- the months ----------------------------------------------------------------------------------------------


def _months(connection: Connection, book_id: int, year: int, told: AccountYear) -> tuple[StatedMonth, ...]:
    first, last = year * 100 + 1, year * 100 + 12
    came = {
        source: one.fen
        for source, one in credited(connection, book_id, first, last, told.last_seq).items()
        if one.fen
    }
    employers = {employer for _period, _kind, employer in came if employer is not None}
    names = _names(connection, employers)
    bases = _bases(connection, book_id, employers, first, last, told.as_known)
    found: list[StatedMonth] = []
    for (period, kind, employer), fen in came.items():
        code, name = names.get(employer, (None, None))
        base = bases.get((employer, period))
        found.append(StatedMonth(period, kind, employer, code, name, base, fen))
    return tuple(sorted(found, key=lambda one: (one.period, one.employer_id or 0, one.kind)))


def _names(connection: Connection, employers: set[int]) -> dict[int | None, tuple[str | None, str | None]]:
    if not employers:
        return {}
    rows = connection.execute(
        select(_EMPLOYER.book_id, _EMPLOYER.credit_code, _EMPLOYER.name).where(
            _EMPLOYER.book_id.in_(employers)
        )
    )
    return {book_id: (code, name) for book_id, code, name in rows}


def _bases(
    connection: Connection,
    account_id: int,
    employers: set[int],
    first: int,
    last: int,
    as_known: datetime | None,
) -> dict[tuple[int | None, int], int]:
    """The bases of an account's months, by employer and month, as they were known at an instant.

    Two statements, each by an index of its own: there is one for what was assessed, and one for adjustments.
    """
    found: dict[tuple[int | None, int], int] = {}
    if not employers or as_known is None:
        return found
    for kind in (LineKind.ASSESSED, LineKind.ADJUSTED):
        rows = connection.execute(
            select(_LINE.book_id, _LINE.period, _LINE.base)
            .select_from(
                tables.assessment_line.join(
                    tables.entry, (_E.book_id == _LINE.book_id) & (_E.seq == _LINE.seq)
                )
            )
            .where(
                _LINE.account_id == account_id,
                _LINE.book_id.in_(employers),
                _LINE.period.between(first, last),
                _LINE.kind == literal_column(str(int(kind))),
                _E.recorded_at <= as_known,
            )
            .order_by(_LINE.book_id, _LINE.seq)
        )
        found.update({(book_id, period): base for book_id, period, base in rows})
    return found
