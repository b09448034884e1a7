"""What a bound of days and months is: its edges, and how a day is held against them. Pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from ledger.months import format_period, is_period, months_between, period_of
from ledger.refusals import RefusalCode, Refused

SINCE: Final = date(1990, 1, 1)
"""There were no personal medical accounts before: an older day is a slip, and would owe interest since."""

# how far before its month money may be valued, in months
BEFORE_ITS_MONTH: Final = 12


class Edge(NamedTuple):
    """A day that is counted from, and how far from it. `of` is the name under which `admit` is given it."""

    of: str
    months: int = 0
    years: int = 0

    def day(self, known: Mapping[str, date | None]) -> date | None:
        """The day itself; None where the day that it counts from does not exist or is not known."""
        start = known[self.of]
        if start is None:
            return None
        year, month = divmod(start.year * 12 + start.month - 1 + self.months + 12 * self.years, 12)
        if not date.min.year <= year <= date.max.year:
            return date.min if year < date.min.year else date.max
        return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One row. Of several earliest edges the latest counts, of several latest the earliest.

    `sent` are the places where it comes in: "POST /v1/accounts opened_on", "bulk open opened_on",
    "file accounts opened_on", "command year-end YEAR".
    """

    earliest: tuple[Edge, ...] = ()
    latest: tuple[Edge, ...] = ()
    rule: str
    sent: tuple[str, ...]
    # of a bound that another rule keeps: what it refuses with
    code: RefusalCode = RefusalCode.PERIOD_INVALID

    def span(self, today: date, **known: date | None) -> tuple[date, date]:
        """The earliest and the latest day, both inclusive. KeyError for an edge that nothing was said of."""
        there = {"since": SINCE, "today": today, **known}
        first = [day for edge in self.earliest if (day := edge.day(there)) is not None]
        last = [day for edge in self.latest if (day := edge.day(there)) is not None]
        return max(first, default=date.min), min(last, default=date.max)

    def admit(self, day: date, today: date, at: str, **known: date | None) -> None:
        """Raise Refused(period_invalid) for a day outside; `at` names the field, the facts are the edges."""
        earliest, latest = self.span(today, **known)
        if not earliest <= day <= latest:
            raise Refused(RefusalCode.PERIOD_INVALID, at=at, **_told(earliest, latest))

    def admit_month(self, period: int | None, today: date, at: str, **known: date | None) -> int:
        """The month YYYYMM. Raises Refused(period_invalid) for none, and for one outside.

        A month is inside when the month of an edge is: the first one may have begun before its edge.
        """
        earliest, latest = self.span(today, **known)
        if period is None or not is_period(period) or not period_of(earliest) <= period <= period_of(latest):
            raise Refused(
                RefusalCode.PERIOD_INVALID,
                at=at,
                earliest=format_period(period_of(earliest)),
                latest=format_period(period_of(latest)),
            )
        return period

    def admit_year(self, year: int, today: date, at: str, **known: date | None) -> None:
        """The same for a whole year: it is inside when a day of it is."""
        earliest, latest = self.span(today, **known)
        if not earliest.year <= year <= latest.year:
            raise Refused(RefusalCode.PERIOD_INVALID, at=at, earliest=earliest.year, latest=latest.year)


def _told(earliest: date, latest: date) -> dict[str, date]:
    """The edges as facts of a refusal: those that there are.

    Where the last day lies before the first no day is right yet: only the first is told, as it will come.
    """
    if latest < earliest:
        return {"earliest": earliest}
    told = {"earliest": earliest, "latest": latest}
    return {name: day for name, day in told.items() if day not in {date.min, date.max}}


def before_its_month(day: date, period: int) -> bool:
    """Whether a day lies too far before a month (YYYYMM) for money to be valued on it."""
    return months_between(period_of(day), period) > BEFORE_ITS_MONTH
