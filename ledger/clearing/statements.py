"""What the agency owes an institution: the statement of a month (R34). Nothing here names a patient.

It is read from three places, none of which is every transfer of the book: the settled bills of a month by
institution and day (an index), clearings and payments in the institution's own book, and advances by the few
third-party cases there are. What single spendings and captures came to is in no index by institution: it is
a line of its own, read only when it is asked for, and reads every transfer. Amounts are integer fen.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, case, func, select

from ledger import tables
from ledger.chart.care import ClearingState
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.clearing.days import DayTotals
from ledger.clearing.reports import ALL, NO_TOTALS, MonthCleared, by_day, clearings, day_state
from ledger.institutions.agreed import ReconciledDay
from ledger.months import month_bounds

_S, _E, _T = tables.settlement.c, tables.entry.c, tables.transfer.c


class StatementDay(NamedTuple):
    """One day of a statement; `state` as `day_state` has it."""

    day: date
    totals: DayTotals
    mutual: int
    state: str


class Statement(NamedTuple):
    """What the agency owes an institution for a month.

    `owed` is what fund, accounts and relatives pay of the month's lines, `advances` what was advanced to the
    institution in the month (R46), `paid` what was paid for the month's clearing, and `carried` what the
    clearings of earlier months left open: what is not paid yet, and what reversals made of a month that
    nothing could be paid for. `single` is what spendings and captures in the month came to, None when it was
    not asked for; it is no part of `owes`, since no clearing covers it.
    """

    period: int
    days: tuple[StatementDay, ...]
    totals: DayTotals
    mutual: int
    advances: int
    carried: int
    clearing: MonthCleared | None
    single: int | None

    @property
    def owed(self) -> int:
        return self.totals.fund + self.totals.account + self.mutual

    @property
    def paid(self) -> int:
        return 0 if self.clearing is None else self.clearing.paid_fen

    @property
    def owes(self) -> int:
        return self.owed + self.advances + self.carried - self.paid


def statement(connection: Connection, book_id: int, period: int, *, single: bool = False) -> Statement:
    """The statement of an institution's month (YYYYMM), with nothing about patients."""
    first, last = month_bounds(period)
    sums = by_day(connection, book_id, first, last)
    known = _reconciled(connection, book_id, first, last)
    days = tuple(
        StatementDay(day, totals, mutual, day_state(known.get(day), totals))
        for day in sorted(sums.keys() | known.keys())
        for totals, mutual in [sums.get(day, (NO_TOTALS, 0))]
    )
    standing = [
        one
        for one in clearings(connection, book_id, limit=ALL)
        if one.state is not ClearingState.ENDED and one.period <= period
    ]
    return Statement(
        period,
        days,
        DayTotals(*(sum(getattr(day.totals, name) for day in days) for name in DayTotals._fields)),
        sum(day.mutual for day in days),
        _advances(connection, book_id, first, last),
        sum(one.left_open for one in standing if one.period < period),
        next((one for one in standing if one.period == period), None),
        _single(connection, book_id, first, last) if single else None,
    )


def _reconciled(connection: Connection, book_id: int, first: date, last: date) -> dict[date, ReconciledDay]:
    table = tables.reconciled_day.c
    found = connection.execute(
        select(table.day, *(table[name] for name in ReconciledDay._fields)).where(
            table.book_id == book_id, table.day.between(first, last)
        )
    )
    return {day: ReconciledDay._make(as_compared) for day, *as_compared in found}


_MOVES = tables.transfer.join(tables.entry, (_E.book_id == _T.book_id) & (_E.seq == _T.seq))
_PAYABLE = int(Side.INSTITUTION_PAYABLE)


def _advances(connection: Connection, book_id: int, first: date, last: date) -> int:
    """What of third-party cases was advanced to the institution itself: found by its cases, of few books."""
    one = tables.third_party_case.c
    patients = (
        select(one.book_id)
        .select_from(
            tables.third_party_case.join(
                tables.settlement, (_S.book_id == one.book_id) & (_S.seq == one.settlement_seq)
            )
        )
        .where(one.advance > 0, _S.institution_id == book_id)
    )
    return _sum(
        connection.scalar(
            select(func.sum(_T.amount_fen))
            .select_from(_MOVES)
            .where(
                _T.book_id.in_(patients),
                _E.kind == int(Kind.ADVANCE),
                _E.effective_on.between(first, last),
                _T.to_side == _PAYABLE,
                _T.party_id == book_id,
            )
        )
    )


def _single(connection: Connection, book_id: int, first: date, last: date) -> int:
    """What spendings and captures came to, less their reversals. Reads every transfer."""
    of_a_bill = (
        select(_S.seq).where(_S.book_id == _E.book_id, _S.seq == _E.seq).correlate(tables.entry).exists()
    )
    return _sum(
        connection.scalar(
            select(func.sum(case((_T.to_side == _PAYABLE, _T.amount_fen), else_=-_T.amount_fen)))
            .select_from(_MOVES)
            .where(
                _T.party_id == book_id,
                (_T.to_side == _PAYABLE) | (_T.from_side == _PAYABLE),
                _E.kind.in_([int(Kind.SPENDING), int(Kind.CAPTURE), int(Kind.REVERSAL)]),
                _E.effective_on.between(first, last),
                ~of_a_bill,
            )
        )
    )


def _sum(found: Any) -> int:
    return 0 if found is None else int(found)
