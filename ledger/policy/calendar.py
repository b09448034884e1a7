"""The working days of an area: public holidays, and the weekend days that are worked for them, year by year.

A year that nobody has said anything of yet has Monday to Friday, and no holidays.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from ledger.policy.dated import ONE_DAY, Dated, DatedLine

HOLIDAYS: Final = "calendar.holidays"
WORKED: Final = "calendar.worked_weekend_days"
CALENDAR_UNITS: dict[str, str] = {HOLIDAYS: "days_of_year", WORKED: "days_of_year"}

_SATURDAY: Final = 5
# any leap year: every day of a year is one of its days
_LEAP: Final = 2000

MonthDay = tuple[int, int]
"""A month and a day of it."""

_match_days = re.compile(r"([0-9]{2})-([0-9]{2})(?:\.\.([0-9]{2})-([0-9]{2}))?").fullmatch


@dataclass(frozen=True, slots=True, eq=False)
class WorkCalendar:
    """Which days are worked. A year that has no line of its own has Monday to Friday."""

    holidays: Dated[tuple[MonthDay, ...]]
    worked: Dated[tuple[MonthDay, ...]]
    # the days of those lines
    days_off: frozenset[date]
    days_worked: frozenset[date]

    @property
    def years(self) -> frozenset[int]:
        """The years of which it is known."""
        return frozenset(line.valid_from.year for line in self.holidays.lines)

    def is_working_day(self, day: date) -> bool:
        """Whether a day is worked."""
        if day.weekday() < _SATURDAY:
            return day not in self.days_off
        return day in self.days_worked

    def working_day_after(self, day: date, days: int) -> date:
        """The day that is so many working days later; none at all is the day itself.

        A negative number is a bug of the caller: ValueError.
        """
        if days < 0:
            raise ValueError("days must not be negative")
        while days:
            day += ONE_DAY
            days -= self.is_working_day(day)
        return day

    def unknown_years(self, first: date, last: date) -> list[int]:
        """The years from one day to another of which no holidays are known."""
        known = self.years
        return [year for year in range(first.year, last.year + 1) if year not in known]


def days_of(line: DatedLine[tuple[MonthDay, ...]]) -> list[date]:
    """The days of a line, which holds for one calendar year. Raises ValueError when it does not."""
    year = line.valid_from.year
    if (line.valid_from, line.valid_until) != (date(year, 1, 1), date(year, 12, 31)):
        raise ValueError("a calendar holds from 1 January until 31 December of one year: say both")
    try:
        return [date(year, month, day) for month, day in line.value]
    except ValueError:
        raise ValueError(f"{year} has no 29 February") from None


def check_worked(worked: Iterable[date], holidays: Iterable[date], years: Iterable[int]) -> None:
    """ValueError unless what is worked are weekend days of known years, and no holidays."""
    off, known = set(holidays), set(years)
    for day in worked:
        if day.weekday() < _SATURDAY:
            raise ValueError(f"{day} is no Saturday or Sunday")
        if day in off:
            raise ValueError(f"{day} is a holiday")
        if day.year not in known:
            raise ValueError(f"the holidays of {day.year} are not there")


def parse_days_of_year(value: str) -> tuple[MonthDay, ...]:
    """Days such as "01-01 02-15..02-23", in order and each once; "none" is none. Raises ValueError."""
    if value == "none":
        return ()
    found: list[MonthDay] = []
    for part in value.split(" "):
        first, last = _span(part)
        if last < first or (found and (first.month, first.day) <= found[-1]):
            raise ValueError(f"days stand in their order, and each once: not {part}")
        while first <= last:
            found.append((first.month, first.day))
            first += ONE_DAY
    return tuple(found)


def _span(part: str) -> tuple[date, date]:
    match = _match_days(part)
    try:
        if match is not None:
            first = date(_LEAP, int(match[1]), int(match[2]))
            return first, first if match[3] is None else date(_LEAP, int(match[3]), int(match[4]))
    except ValueError:
        pass
    raise ValueError('days of a year are "none", or as "01-01 02-15..02-23"')
