"""Months as integers (YYYYMM), the days they span, and how both are written. Pure."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date
from functools import lru_cache
from typing import Final

PERIOD_PATTERN: Final = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
"""The form of a month, anchored, as the OpenAPI document publishes it. There is no year 0000."""

_match_period = re.compile(PERIOD_PATTERN).fullmatch


def parse_period(text: str) -> int | None:
    """A month such as "2026-03" as YYYYMM; None for a text that is none."""
    if _match_period(text) is None or text.startswith("0000"):
        return None
    return int(text[:4] + text[5:])


def format_period(period: int) -> str:
    """Write a month given as YYYYMM: 202603 is "2026-03"."""
    return f"{period // 100:04d}-{period % 100:02d}"


def format_period_zh(period: int) -> str:
    """The same as Chinese papers write it: 202603 is "2026年3月"."""
    return f"{period // 100}年{period % 100}月"


@lru_cache(maxsize=4096)
def format_day(day: date) -> str:
    """Write a day as ISO 8601 does: 2026-03-31. A few days are written over and over, and each slowly."""
    return day.isoformat()


def year_of_period(period: int) -> int:
    """The year of a month YYYYMM."""
    return period // 100


def format_year(year: int) -> str:
    """Write a year: 2026 is "2026", and 101 is "0101"."""
    return f"{year:04d}"


def is_period(period: int) -> bool:
    """Whether a number is a month as YYYYMM."""
    return 1 <= period % 100 <= 12


def period_of(day: date) -> int:
    """The month of a day, as YYYYMM."""
    return day.year * 100 + day.month


def first_day(period: int) -> date:
    """The first day of a month given as YYYYMM. ValueError for a month that there is not."""
    return date(period // 100, period % 100, 1)


def next_period(period: int) -> int:
    """The month after a month, both as YYYYMM."""
    return period + 1 if period % 100 < 12 else period + 89


def previous_period(period: int) -> int:
    """The month before a month, both as YYYYMM."""
    return period - 1 if period % 100 > 1 else period - 89


def months_between(period: int, later: int) -> int:
    """How many months a month (YYYYMM) comes before a later one; less than nothing when it comes after."""
    return 12 * (later // 100 - period // 100) + later % 100 - period % 100


def last_periods(count: int, period: int) -> list[int]:
    """So many months up to a month and with it, the earliest first, as YYYYMM."""
    periods: list[int] = []
    for _ in range(count):
        periods.append(period)
        period = previous_period(period)
    return periods[::-1]


def month_bounds(period: int) -> tuple[date, date]:
    """The first and the last day of a month YYYYMM."""
    year, month = divmod(period, 100)
    # not by the first day of the month after, which December 9999 does not have
    return date(year, month, 1), date(year, month, monthrange(year, month)[1])


def months_after(day: date, months: int) -> date:
    """The first day after so many calendar months that begin on `day`.

    Where that month has no such day, it is the first of the next one: half a year from 31 August ends with
    February.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    try:
        return day.replace(year=year, month=month + 1)
    except ValueError:
        # months without such a day are never the last of a year
        return date(year, month + 2, 1)
