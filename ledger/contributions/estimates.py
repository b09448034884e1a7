"""A month that was not declared: last month's amount and a tenth, until the list comes (R10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, and_, func, select

from ledger import tables
from ledger.book.beside import rows_digest
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.bounds.table import ESTIMATED_MONTH
from ledger.chart.kinds import Kind
from ledger.contributions.levies import LevyLine, debts_of
from ledger.contributions.month import employer_book
from ledger.contributions.premiums import estimate
from ledger.contributions.reads import DEBTS
from ledger.money import FEN_MAX
from ledger.months import format_period, previous_period
from ledger.policy import Policy, figures_since
from ledger.posting import BookRef, Command, Desk
from ledger.posting.runs import Chunks, Run
from ledger.refusals import RefusalCode, Refused

CHUNK = 1000
CALLER = "estimates"


@dataclass(eq=False)
class Estimate(Command):
    """Charge an employer for a month that is over and was not declared.

    Without `amount_fen` it is last month's amount times the area's share; with it, what the agency fixed.
    It is charged to the unit as a whole; what is paid for it waits in suspense until the list comes. Refused
    with period_invalid (a month that is not over), already_declared, no_last_month, amount_invalid.
    """

    verb = "estimate"
    refused_with = (
        RefusalCode.EMPLOYER_NOT_FOUND,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.ALREADY_DECLARED,
        RefusalCode.NO_LAST_MONTH,
        RefusalCode.AMOUNT_INVALID,
    )
    needs = frozenset({DEBTS})

    book: BookRef
    period: int | None
    amount_fen: int | None = None
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.period}|{self.amount_fen or ''}"

    def decide(self, desk: Desk) -> None:
        book = employer_book(desk)
        figures = figures_since(desk.policy(book.area))
        period = ESTIMATED_MONTH.admit_month(self.period, desk.today, "period", figures=figures)
        debts = debts_of(book)
        if debts.levy(period).principal or debts.levy(period).listed:
            raise Refused(RefusalCode.ALREADY_DECLARED, at="period")
        fen = self.amount_fen
        last = 0
        if fen is None:
            last = debts.levy(previous_period(period)).principal
            if not last:
                raise Refused(RefusalCode.NO_LAST_MONTH, at="period")
            fen = estimate(desk.policy(book.area), period, last)
        if not 0 < fen <= FEN_MAX:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen")
        beside = (LevyLine(period, desk.today, estimated=fen),)
        book.add(
            Draft(
                Kind.ESTIMATE,
                desk.today,
                period=period,
                keyed=True,
                beside=beside,
                detail=pack(estimated=fen, last_month=last, rows=rows_digest(beside)),
            )
        )


def check(period: int, area: int, today: date, policies: Mapping[int, Policy]) -> None:
    """Raise the refusal of a run that cannot be: area_unknown, period_invalid (a month that is not over)."""
    policy = policies.get(area)
    if policy is None:
        raise Refused(RefusalCode.AREA_UNKNOWN, at="area")
    ESTIMATED_MONTH.admit_month(period, today, "period", figures=figures_since(policy))


def _undeclared(connection: Connection, period: int, area: int, after: int, limit: int | None) -> list[int]:
    """Employers' books that owed the month before, and have neither list nor estimate for this one."""
    last, this = tables.levy.alias("last"), tables.levy.alias("this")
    query = (
        select(last.c.book_id)
        .join(tables.book, tables.book.c.book_id == last.c.book_id)
        .outerjoin(this, and_(this.c.book_id == last.c.book_id, this.c.period == period))
        .where(
            tables.book.c.area == area,
            last.c.period == previous_period(period),
            last.c.book_id > after,
            last.c.estimated + last.c.employee + last.c.employer > 0,
            func.coalesce(this.c.estimated + this.c.employee + this.c.employer, 0) == 0,
        )
        .order_by(last.c.book_id)
        .limit(limit)
    )
    with connection.begin():
        return list(connection.scalars(query))


def _chunks(connection: Connection, period: int, area: int) -> Chunks:
    return Chunks(
        len(_undeclared(connection, period, area, 0, None)),
        lambda after: {
            book_id: Estimate(book_id, period, None, CALLER, CALLER)
            for book_id in _undeclared(connection, period, area, after, CHUNK)
        },
    )


ESTIMATES = Run(
    kind=CALLER,
    written=format_period,
    check=check,
    refused_with=(RefusalCode.AREA_UNKNOWN, RefusalCode.PERIOD_INVALID),
    chunks=_chunks,
    moved=lambda done: int(unpack(done.receipt.detail)["estimated"]),
    # the list came since the chunk was picked
    passed_over=frozenset({RefusalCode.ALREADY_DECLARED}),
)
"""The estimates of an area for a month that is over, of every employer that has declared nothing for it."""
