"""Money that waits in suspense, with its age: for a person, a month's list, or its payer (R15, R16)."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, exists, func, literal, null, or_, select, tuple_, union_all

from ledger import tables
from ledger.chart.kinds import Kind
from ledger.chart.members import LineKind
from ledger.chart.owed import DebtKind
from ledger.database.lookups import read_first

_A, _L, _V, _N = tables.assessment.c, tables.levy.c, tables.levy_line.c, tables.assessment_line.c
_E, _D = tables.entry.c, tables.demand.c
# what the money waits for
FOR_PERSON, FOR_LIST, FOR_PAYER = "person", "list", "payer"


class SuspendedMoney(NamedTuple):
    """Fen that wait: of which employer and month (0: of no month), for whom, and since when."""

    employer_id: int
    period: int
    account_id: int | None
    waits_for: str
    fen: int
    since: date


def suspended(
    connection: Connection,
    *,
    employer_id: int | None,
    account_id: int | None,
    period: int | None,
    after: tuple[int, int, int, str] | None,
    limit: int,
) -> list[SuspendedMoney]:
    """At most `limit` of all that waits, by employer, month and account, after the last of the page before.

    `employer_id`, `account_id` and `period` leave out all others.
    """
    since_paid = (
        select(func.max(_N.paid_on))
        .where(
            _N.book_id == _A.book_id,
            _N.account_id == _A.account_id,
            _N.period == _A.period,
            _N.kind == int(LineKind.PAID),
            _N.suspended > 0,
        )
        .scalar_subquery()
    )
    since_come = (
        select(func.max(_V.on_day))
        .where(_V.book_id == _L.book_id, _V.period == _L.period, or_(_V.waiting > 0, _V.surplus > 0))
        .scalar_subquery()
    )
    # of an account that went into another one it was demanded in the book of that
    debtor = func.coalesce(_D.debt_account, _D.book_id)
    of_months = select(
        _D.debt_book.label("book_id"),
        _D.debt_number,
        debtor.label("debtor"),
        (_D.amount - _D.withdrawn).label("fen"),
    ).where(_D.debt_kind == int(DebtKind.CONTRIBUTION))
    for its, wanted in ((_D.debt_book, employer_id), (debtor, account_id), (_D.debt_number, period)):
        if wanted is not None:
            of_months = of_months.where(its == wanted)
    demands = read_first(of_months, "demands").c
    # below zero stands what is demanded of somebody, beside what waits
    is_of_month = and_(
        demands.book_id == _A.book_id,
        demands.debt_number == _A.period,
        demands.debtor == _A.account_id,
    )
    demanded = select(func.coalesce(func.sum(demands.fen), 0)).where(is_of_month).scalar_subquery()
    is_demanded = exists().where(is_of_month)
    waits = _A.suspended + demanded
    parts: list[Any] = [
        select(
            _A.book_id.label("employer"),
            _A.period.label("month"),
            _A.account_id.label("account"),
            literal(FOR_PERSON).label("waits_for"),
            waits.label("fen"),
            since_paid.label("since"),
        ).where(or_(_A.suspended > 0, (_A.employee_paid > 0) & is_demanded & (waits > 0)))
    ]
    if account_id is None:
        parts += [
            select(_L.book_id, _L.period, null(), literal(word), fen, since_come).where(fen > 0)
            for word, fen in ((FOR_LIST, _L.waiting), (FOR_PAYER, _L.surplus))
        ]
    every = union_all(*parts).subquery()
    rank = func.coalesce(every.c.account, 0)
    query = select(every).order_by(every.c.employer, every.c.month, rank, every.c.waits_for).limit(limit)
    for column, wanted in (("employer", employer_id), ("account", account_id), ("month", period)):
        if wanted is not None:
            query = query.where(every.c[column] == wanted)
    if after is not None:
        query = query.where(tuple_(every.c.employer, every.c.month, rank, every.c.waits_for) > tuple_(*after))
    return [
        SuspendedMoney(employer, month, account, word, int(fen), since)
        for employer, month, account, word, fen, since in connection.execute(query)
        if since is not None
    ]


def suspended_at(connection: Connection, account_id: int, period: int, source_ref: str) -> int | None:
    """The employer who paid for somebody's month money that had to wait; None when none did, or when the
    document was booked as money of nobody's month.

    It stays the same once the money has gone on, so that a request that is sent again finds the same book.
    """
    booked = exists().where(
        _E.book_id == account_id, _E.kind == int(Kind.TRANSFER_SUPPLEMENT), _E.source_ref == source_ref
    )
    found: int | None = connection.scalar(
        select(func.min(_N.book_id))
        .join_from(
            tables.assessment,
            tables.assessment_line,
            (_N.book_id == _A.book_id) & (_N.account_id == _A.account_id) & (_N.period == _A.period),
        )
        .where(
            _A.account_id == account_id,
            _A.period == period,
            _N.kind == int(LineKind.PAID),
            _N.suspended > 0,
            ~booked,
        )
    )
    return found
