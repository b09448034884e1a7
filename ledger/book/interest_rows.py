"""The working of the interest of a year, row by row, as a clerk recomputes it on paper (K5). Pure; fen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from ledger.book.interest import DayChange
from ledger.chart.sides import Side
from ledger.policy import Policy

_ONE_DAY = timedelta(days=1)


class InterestRow(NamedTuple):
    """Days on which a pocket had the same balance at the same rate; both ends included.

    They earn balance x rate x days / basis. The rate is in parts per RATE_SCALE.
    """

    pocket: Side
    first: date
    last: date
    fen: int
    rate: int
    basis: int

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def interest_rows(
    opening_total_fen: int, changes: Sequence[DayChange], *, first: date, last: date, policy: Policy
) -> list[InterestRow]:
    """The rows of each pocket from `first` to `last`, without gap or overlap, asked for as `year_interest`.

    Added up exactly and rounded once, those of a pocket are its interest. Raises MissingParameter.
    """
    rates = {
        Side.CARRIED_OVER: policy.interest_three_month,
        Side.CURRENT_YEAR: policy.interest_demand,
    }
    rows: list[InterestRow] = []
    for pocket, rate in rates.items():
        moved: dict[date, int] = {}
        for change in changes:
            fen = change.current_year_fen
            if pocket is Side.CARRIED_OVER:
                fen = change.total_fen - fen
            if fen and change.day <= last:
                moved[change.day] = moved.get(change.day, 0) + fen
        begins = {band_first for band_first, _last, _value in rate.bands(first, last)}
        begins |= {band_first for band_first, _last, _value in policy.day_basis.bands(first, last)}
        fen = opening_total_fen if pocket is Side.CARRIED_OVER else 0
        days = sorted(begins | {day for day, moves in moved.items() if moves})
        for begin, end in _stretches(days, last):
            fen += moved.get(begin, 0)
            rows.append(InterestRow(pocket, begin, end, fen, rate.on(begin), policy.day_basis.on(begin)))
    return rows


def _stretches(days: Sequence[date], last: date) -> Iterator[tuple[date, date]]:
    for place, day in enumerate(days):
        yield day, days[place + 1] - _ONE_DAY if place + 1 < len(days) else last
