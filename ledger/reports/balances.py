"""The balance of an account: now, from the row of its book; on a past day, or as known then, by entries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import BigInteger, Connection, bindparam, case, func, select

from ledger import tables
from ledger.bounds.looks import SEEN_ON
from ledger.chart.kinds import Kind
from ledger.database.direct import Direct
from ledger.refusals import RefusalCode, Refused
from ledger.reports.history import HELD_THEN, POCKETS_THEN, end_of, moment
from ledger.tables import Instant

_B, _E = tables.book.c, tables.entry.c
_BOOK = bindparam("book_id", type_=BigInteger)
_CLOSING = tables.entry.alias("closing")
# open holds whose time is over: nothing has written their expiry yet
_OVERDUE = select(func.coalesce(func.sum(_E.held_change), 0)).where(
    _E.book_id == _BOOK,
    _E.kind == int(Kind.HOLD),
    _E.expires_at <= bindparam("now", type_=Instant),
    ~select(_CLOSING.c.seq).where(_CLOSING.c.book_id == _BOOK, _CLOSING.c.target_seq == _E.seq).exists(),
)
# One statement, so that the row and its holds are of one moment; the holds are looked at only when some are.
_ROW = Direct(
    select(
        _B.current_year,
        _B.carried_over,
        _B.held - case((_B.held > 0, _OVERDUE.scalar_subquery()), else_=0),
        _B.reserved,
        _B.open_year,
    ).where(_B.book_id == _BOOK)
)


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's money in fen, at the end of the day `as_of`, as far as known at `as_known`.

    `balance` is the sum of the pockets, `available` what is left of it after holds and quotas. On a past day
    any of them may be below zero, through a debit that was dated back.
    """

    current_year: int
    carried_over: int
    balance: int
    held: int
    reserved: int
    available: int
    as_of: date
    as_known: datetime


def balance(
    connection: Connection,
    book_id: int,
    *,
    as_of: date | None = None,
    as_known: datetime | None = None,
    now: datetime,
    today: date,
) -> Balance:
    """The balance of an account; without a day and an instant, as it stands today and now.

    `as_of` looks at value dates (up to the end of that day), `as_known` at when the entries were recorded;
    each answers without regard to the other. The pockets are shown as if every turn of the year up to
    `as_of` had been posted; holds whose time is over no longer count, whether or not that is written.
    Before the opening everything is zero.

    Raises Refused(account_not_found), and Refused(period_invalid) for a day or an instant to come.
    """
    rows = _ROW.all(connection, {"book_id": book_id, "now": now})
    if not rows:
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="book")
    if as_of is not None and as_of > today:
        SEEN_ON.admit(as_of, today, "as_of")
    if as_known is not None and as_known > now:
        raise Refused(RefusalCode.PERIOD_INVALID, at="as_known", latest=today)
    if as_known is not None or (as_of is not None and as_of < today):
        return _then(connection, book_id, as_of or today, as_known or now, now, today)
    [(current_year, carried_over, held, reserved, open_year)] = rows
    if open_year < today.year:
        current_year, carried_over = 0, current_year + carried_over
    return _balance(current_year, carried_over, int(held), reserved, today, now)


def _then(
    connection: Connection, book_id: int, as_of: date, as_known: datetime, now: datetime, today: date
) -> Balance:
    asked = moment(book_id, as_of, as_known)
    current_year, total, reserved = map(int, connection.execute(POCKETS_THEN, asked).one())
    until = now if as_of == today else end_of(as_of)
    held = int(connection.scalar(HELD_THEN, {**asked, "until": until}) or 0)
    return _balance(current_year, total - current_year, held, reserved, as_of, as_known)


def _balance(
    current_year: int, carried_over: int, held: int, reserved: int, as_of: date, as_known: datetime
) -> Balance:
    total = current_year + carried_over
    return Balance(
        current_year, carried_over, total, held, reserved, total - held - reserved, as_of, as_known
    )
