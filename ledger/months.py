"""Months as integers (YYYYMM) and the days they span. Pure."""

from __future__ import annotations

from datetime import date, timedelta

from ledger.refusals import RefusalCode, Refused


def first_day(period: int) -> date:
    """The first day of a month given as YYYYMM. ValueError for a month that there is not."""
    return date(period // 100, period % 100, 1)


def next_period(period: int) -> int:
    """The month after a month, both as YYYYMM."""
    return period + 1 if period % 100 < 12 else period + 89


def previous_period(period: int) -> int:
    """The month before a month, both as YYYYMM."""
    return period - 1 if period % 100 > 1 else period - 89


ENROLLED_FIRST = date(1990, 1, 1)


# A change is known a while ahead; further off it is a slip of the year.
AHEAD = timedelta(days=366)


def month_bounds(period: int) -> tuple[date, date]:
    """The first and the last day of a month YYYYMM."""
    year, month = divmod(period, 100)
    following = date(year + month // 12, month % 12 + 1, 1)
    return date(year, month, 1), following - timedelta(days=1)


def check_days(first: date, last: date | None, today: date) -> None:
    """Raise Refused(period_invalid) for days that cannot be those of an enrolment."""
    latest = today + AHEAD
    if not ENROLLED_FIRST <= first <= latest or (last is not None and not first <= last <= latest):
        raise Refused(RefusalCode.PERIOD_INVALID, earliest=ENROLLED_FIRST, latest=latest)
