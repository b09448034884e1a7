"""Months as integers, how they are written, and the days they span."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.months import (
    first_day,
    format_period,
    is_period,
    last_periods,
    month_bounds,
    months_after,
    months_between,
    next_period,
    parse_period,
    period_of,
    previous_period,
)

days = st.dates(date(1, 2, 1), date(9998, 12, 31))


@pytest.mark.parametrize(
    ("period", "following"), [(202601, 202602), (202611, 202612), (202612, 202701), (199912, 200001)]
)
def test_months_follow_each_other(period: int, following: int) -> None:
    assert next_period(period) == following
    assert previous_period(following) == period
    assert first_day(period) < first_day(following)


@pytest.mark.parametrize("period", [202600, 202613, 12, -202601, 2026])
def test_a_month_that_there_is_not(period: int) -> None:
    with pytest.raises(ValueError, match=r"must be in|out of range"):
        first_day(period)


@pytest.mark.parametrize("period", [202600, 202613, 202699])
def test_a_number_that_is_no_month(period: int) -> None:
    assert not is_period(period)


@pytest.mark.parametrize(
    "text",
    ["", "2026", "2026-00", "2026-13", "2026-3", "202603", "0000-01", "2026-03\n", " 2026-03", "２０２６-03"],
)
def test_texts_that_are_no_month(text: str) -> None:
    assert parse_period(text) is None


@given(days)
def test_a_month_is_read_as_it_is_written(day: date) -> None:
    period = period_of(day)
    assert is_period(period)
    assert parse_period(format_period(period)) == period
    assert format_period(period) == day.isoformat()[:7]


@given(days)
def test_a_day_lies_in_its_month(day: date) -> None:
    period = period_of(day)
    first, last = month_bounds(period)
    assert first == first_day(period)
    assert first <= day <= last
    assert last + timedelta(days=1) == first_day(next_period(period))
    assert period_of(first - timedelta(days=1)) == previous_period(period)


def test_the_last_months_up_to_one() -> None:
    assert last_periods(4, 202602) == [202511, 202512, 202601, 202602]
    assert last_periods(0, 202602) == []


@pytest.mark.parametrize(
    ("first", "months", "after"),
    [
        ("2026-01-01", 3, "2026-04-01"),
        ("2026-10-15", 3, "2027-01-15"),
        ("2026-12-31", 12, "2027-12-31"),
        ("2026-08-31", 6, "2027-03-01"),
        ("2026-08-29", 6, "2027-03-01"),
        ("2027-08-29", 6, "2028-02-29"),
        ("2027-08-30", 6, "2028-03-01"),
        ("2028-02-29", 12, "2029-03-01"),
        ("2028-02-29", 48, "2032-02-29"),
        ("2026-05-31", 1, "2026-07-01"),
        ("2026-10-31", 1, "2026-12-01"),
        ("2026-05-31", 0, "2026-05-31"),
    ],
)
def test_months_after_a_day(first: str, months: int, after: str) -> None:
    assert months_after(date.fromisoformat(first), months) == date.fromisoformat(after)


def test_the_last_month_of_the_calendar_has_its_days() -> None:
    assert month_bounds(999912) == (date(9999, 12, 1), date(9999, 12, 31))
    assert month_bounds(202402) == (date(2024, 2, 1), date(2024, 2, 29))


def test_how_many_months_lie_between_two() -> None:
    assert months_between(202601, 202601) == 0
    assert months_between(202512, 202601) == 1
    assert months_between(202601, 202512) == -1
    assert months_between(199001, 202611) == 36 * 12 + 10
