"""For which months somebody was insured, without a gap, and how that is said in words. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from ledger.months import format_period_zh, next_period, year_of_period


class InsuredPeriod(NamedTuple):
    """Months (YYYYMM) without a gap between them, both inclusive."""

    first: int
    last: int

    @property
    def words(self) -> str:
        """As readers of such papers look for it: 2025年7月至2025年11月; of one month both are the same."""
        return f"{format_period_zh(self.first)}至{format_period_zh(self.last)}"


def unbroken_periods(months: Iterable[int]) -> list[InsuredPeriod]:
    """Months, in any order, as periods without a gap, the earliest first."""
    found: list[InsuredPeriod] = []
    for month in sorted(set(months)):
        if found and next_period(found[-1].last) == month:
            found[-1] = found[-1]._replace(last=month)
        else:
            found.append(InsuredPeriod(month, month))
    return found


def last_unbroken(months: Iterable[int]) -> InsuredPeriod | None:
    """The last of them; None without any month."""
    periods = unbroken_periods(months)
    return periods[-1] if periods else None


def months_by_year(months: Iterable[int]) -> list[tuple[int, int]]:
    """How many different months each year has, from the first year to the last, those without one too."""
    counted = Counter(map(year_of_period, set(months)))
    if not counted:
        return []
    return [(year, counted[year]) for year in range(min(counted), max(counted) + 1)]
