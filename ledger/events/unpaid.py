"""Units that declared a month and did not pay it by its due day (R11, R17): told to them and to their staff.

The unit's own book gets an event for each such month, and so does the account of everybody whose month on
the list is not paid in full. A month that was estimated for want of a list names nobody, so the unit alone is
told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.numbers import account_no
from ledger.chart.events import EventKind
from ledger.contributions.arrears_reports import CHUNK, employers_in_arrears
from ledger.events.feed import News, tell_once
from ledger.months import format_period
from ledger.policy import Policy

_TOGETHER: Final = 1_000
_A, _EMPLOYER = tables.assessment.c, tables.employer.c


def tell_unpaid(
    connection: Connection,
    on: date,
    policies: Mapping[int, Policy],
    now: datetime,
) -> int:
    """Tell of every month that is overdue at the end of a day with principal unpaid; how many events are new.

    Each month once for the unit and once for a person, however often this is asked for, and whatever is paid
    and owed again later. Some hundred employers at a time, in transactions of their own: what was cut off
    goes on where it was.
    """
    told, after = 0, ""
    while True:
        with connection.begin():
            found = employers_in_arrears(connection, on, policies, after=after, limit=CHUNK)
            months = [
                (one.credit_code, month.period)
                for one in found
                for month in one.months
                if month.principal_fen
            ]
            news = list(_news(connection, months, now))
        for start in range(0, len(news), _TOGETHER):
            told += tell_once(connection, news[start : start + _TOGETHER])
        if len(found) < CHUNK:
            return told
        after = found[-1].credit_code


def _news(connection: Connection, months: Sequence[tuple[str, int]], now: datetime) -> Iterator[News]:
    codes = sorted({code for code, _period in months})
    query = select(_EMPLOYER.credit_code, _EMPLOYER.book_id).where(_EMPLOYER.credit_code.in_(codes))
    books: dict[str, int] = {row.credit_code: row.book_id for row in connection.execute(query)}
    for code, period in months:
        # months of one unit in two of its books there are none of: it has one
        ref = f"{account_no(books[code])}|{format_period(period)}"
        for book_id in (books[code], *_unpaid_staff(connection, books[code], period)):
            yield News(EventKind.UNIT_DID_NOT_PAY, ref, book_id, now)


def _unpaid_staff(connection: Connection, book_id: int, period: int) -> Sequence[int]:
    """The accounts on a unit's list of a month for which something is unpaid."""
    return connection.scalars(
        select(_A.account_id)
        .where(
            _A.book_id == book_id,
            _A.period == period,
            _A.employee + _A.employer > _A.employee_paid + _A.employer_paid,
        )
        .order_by(_A.account_id)
    ).all()
