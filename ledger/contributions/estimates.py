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
from ledger.chart.matrix import Verb
from ledger.chart.sides import Side
from ledger.contributions.closures import CLOSURES, closed_on
from ledger.contributions.declared_months import DECLARED_MONTH, has_nobody, is_closed, was_declared
from ledger.contributions.levies import NO_PERIOD, Debts, LevyLine, debts_of
from ledger.contributions.month import employer_book
from ledger.contributions.premiums import estimate
from ledger.contributions.reads import DEBTS
from ledger.database.cluster import in_cluster
from ledger.money import FEN_MAX
from ledger.months import first_day, format_period, next_period, previous_period
from ledger.policy import Policy, figures_since
from ledger.posting import TARGET, BookRef, Command, Desk
from ledger.posting.runs import Chunks, Run
from ledger.refusals import RefusalCode, Refused

CHUNK = 1000
CALLER = "estimates"


@dataclass(eq=False)
class Estimate(Command):
    """Charge an employer for a month that is over and was not declared.

    Without `amount_fen` it is last month's amount times the area's share; with it, what the agency fixed. By
    last month it is estimated as often in a row as the area says; a list in between, also a nil one, starts
    anew.
    It is charged to the unit as a whole; what is paid for it waits in suspense until the list comes. Refused
    with period_invalid (a month that is not over), already_declared (by a nil list too), employer_closed (a
    month that begins after its last day), nobody_enrolled, no_last_month,
    estimates_exhausted, amount_invalid.
    """

    verb = "estimate"
    refused_with = (
        RefusalCode.EMPLOYER_NOT_FOUND,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.ALREADY_DECLARED,
        RefusalCode.EMPLOYER_CLOSED,
        RefusalCode.NOBODY_ENROLLED,
        RefusalCode.NO_LAST_MONTH,
        RefusalCode.ESTIMATES_EXHAUSTED,
        RefusalCode.AMOUNT_INVALID,
    )
    needs = frozenset({DEBTS, CLOSURES, DECLARED_MONTH})

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
        seen = desk.of(DECLARED_MONTH)[book.book_id, period]
        if debts.levy(period).principal or debts.levy(period).listed or seen.declared:
            raise Refused(RefusalCode.ALREADY_DECLARED, at="period")
        last_day = closed_on(book)
        if last_day is not None and first_day(period) > last_day:
            raise Refused(RefusalCode.EMPLOYER_CLOSED, at="period", closed_on=last_day)
        if seen.nobody:
            raise Refused(RefusalCode.NOBODY_ENROLLED, at="period")
        fen = self.amount_fen
        last = 0
        if fen is None:
            last = debts.levy(previous_period(period)).principal
            if not last:
                raise Refused(RefusalCode.NO_LAST_MONTH, at="period")
            in_a_row = desk.policy(book.area).estimates_in_a_row_on(first_day(period))
            if _estimated_around(debts, period) >= in_a_row:
                raise Refused(RefusalCode.ESTIMATES_EXHAUSTED, at="period", in_a_row=in_a_row)
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


def _estimated_around(debts: Debts, period: int) -> int:
    """How many months in a row are estimated right before the month, and right after it."""
    count = 0
    for step in (previous_period, next_period):
        month = step(period)
        while debts.is_estimated(month):
            count, month = count + 1, step(month)
    return count


@dataclass(eq=False)
class ReverseEstimate(Command):
    """Take the estimate `target_seq` of an employer's book back: its month is not owed by it any more.

    The late fee that was paid of it becomes surplus. What was paid of the estimate itself waits for the list
    of the month as before, and goes back by a refund of the month. What its list has ended is gone.
    """

    verb = Verb.REVERSAL
    refused_with = (
        RefusalCode.EMPLOYER_NOT_FOUND,
        RefusalCode.ENTRY_NOT_FOUND,
        # before the estimate's value date or after today
        RefusalCode.PERIOD_INVALID,
        RefusalCode.ALREADY_DECLARED,
        RefusalCode.ALREADY_REVERSED,
        RefusalCode.NOT_REVERSIBLE,
    )
    needs = frozenset({TARGET, DEBTS})

    book: BookRef
    target_seq: int
    reason: str
    effective_on: date | None = None
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.target_seq}|{self.effective_on or ''}|{self.reason}"

    def decide(self, desk: Desk) -> None:
        book = employer_book(desk)
        original = desk.target(self.target_seq)
        if original is None:
            raise Refused(RefusalCode.ENTRY_NOT_FOUND, at="target_seq")
        day = self.effective_on or desk.today
        if not original.effective_on <= day <= desk.today:
            raise Refused(
                RefusalCode.PERIOD_INVALID,
                at="effective_on",
                earliest=original.effective_on,
                latest=desk.today,
            )
        if desk.acted_on(self.target_seq) is Kind.REVERSAL:
            raise Refused(RefusalCode.ALREADY_REVERSED)
        if original.kind is not Kind.ESTIMATE or original.period is None:
            raise Refused(RefusalCode.NOT_REVERSIBLE)
        levy = debts_of(book).levy(original.period)
        if not levy.estimated:
            raise Refused(RefusalCode.ALREADY_DECLARED)
        # nothing is owed for the month now, so no fee either
        fee = levy.fee_paid
        beside = [LevyLine(original.period, day, estimated=-levy.estimated, fee_paid=-fee)]
        if fee:
            beside.insert(0, LevyLine(NO_PERIOD, day, surplus=fee))
        book.add(
            Draft(
                Kind.REVERSAL,
                day,
                ((int(Side.POOLED_FUND), int(Side.SUSPENSE), fee, None),) if fee else (),
                period=original.period,
                target_seq=self.target_seq,
                keyed=True,
                beside=tuple(beside),
                detail=pack(
                    reason=self.reason,
                    estimated=levy.estimated,
                    late_fee_back=fee,
                    rows=rows_digest(beside),
                ),
            )
        )


def check(period: int, area: int, today: date, policies: Mapping[int, Policy]) -> None:
    """Raise the refusal of a run that cannot be: area_unknown, period_invalid (a month that is not over)."""
    policy = policies.get(area)
    if policy is None:
        raise Refused(RefusalCode.AREA_UNKNOWN, at="area")
    ESTIMATED_MONTH.admit_month(period, today, "period", figures=figures_since(policy))


def _undeclared(connection: Connection, period: int, area: int, after: int, limit: int | None) -> list[int]:
    """Employers' books that owed the month before, and have neither list nor estimate for this one.

    Left out are those that were declared as nil, with nobody left, and closed ones.
    """
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
            ~was_declared(last.c.book_id, period),
            ~is_closed(last.c.book_id),
            ~has_nobody(last.c.book_id, period, spread=in_cluster(connection)),
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
    # the list came since the chunk was picked, or it was closed or left
    passed_over=frozenset(
        {RefusalCode.ALREADY_DECLARED, RefusalCode.EMPLOYER_CLOSED, RefusalCode.NOBODY_ENROLLED}
    ),
)
"""The estimates of an area for a month that is over, of every employer that has declared nothing for it."""
