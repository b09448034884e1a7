"""Working days: holidays and worked weekend days of a year, and the day by which something is due."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.policy import PolicyError, WorkCalendar, load_policies, load_policy
from ledger.policy.calendar import parse_days_of_year

DAY = timedelta(days=1)
POLICY = load_policies()["990100"]
CALENDAR = POLICY.calendar
DAYS = st.dates(date(2024, 6, 1), date(2027, 6, 30))
NONE_KNOWN = load_policy(
    "[[parameter]]".join(part for part in POLICY.text.split("[[parameter]]") if '"calendar.' not in part),
    "990100.toml",
).calendar


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-02-13", 0, "2026-02-13"),
        ("2026-02-13", 1, "2026-02-14"),
        ("2026-02-13", 2, "2026-02-24"),
        ("2026-02-14", 1, "2026-02-24"),
        ("2026-02-15", 1, "2026-02-24"),
        ("2026-02-23", 1, "2026-02-24"),
        ("2026-02-24", 4, "2026-02-28"),
        ("2026-02-27", 1, "2026-02-28"),
        ("2026-02-27", 2, "2026-03-02"),
        ("2026-02-12", 5, "2026-02-26"),
        # the first week of a year, with a Sunday that is worked
        ("2025-12-31", 1, "2026-01-04"),
        ("2026-09-18", 1, "2026-09-20"),
        ("2026-09-30", 1, "2026-10-08"),
        ("2026-09-30", 3, "2026-10-10"),
        # a week later nobody knows the holidays yet
        ("2026-12-31", 1, "2027-01-01"),
    ],
)
def test_working_days_of_the_example_area(start: str, days: int, end: str) -> None:
    assert CALENDAR.working_day_after(day(start), days) == day(end)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-11-02", 0, "2026-11-02"),
        ("2026-11-02", 1, "2026-11-03"),
        ("2026-11-06", 1, "2026-11-09"),
        ("2026-11-07", 0, "2026-11-07"),
        ("2026-11-07", 1, "2026-11-09"),
        ("2026-11-08", 1, "2026-11-09"),
        ("2026-11-08", 5, "2026-11-13"),
        ("2026-11-08", 6, "2026-11-16"),
        ("2026-11-02", 30, "2026-12-14"),
        ("2026-02-13", 1, "2026-02-16"),
    ],
)
def test_without_a_calendar_monday_to_friday_are_worked(start: str, days: int, end: str) -> None:
    assert NONE_KNOWN.working_day_after(day(start), days) == day(end)


@given(DAYS, st.integers(1, 300), st.sampled_from([CALENDAR, NONE_KNOWN]))
@example(date(2026, 11, 7), 5, NONE_KNOWN)
@example(date(2026, 2, 14), 1, CALENDAR)
def test_what_is_due_is_a_working_day_after_so_many(start: date, days: int, calendar: WorkCalendar) -> None:
    end = calendar.working_day_after(start, days)
    assert calendar.is_working_day(end)
    between = [start + n * DAY for n in range(1, (end - start).days + 1)]
    assert sum(map(calendar.is_working_day, between)) == days


@given(DAYS, st.integers(0, 60), st.integers(0, 60))
def test_days_after_days_are_their_sum(start: date, first: int, then: int) -> None:
    once = CALENDAR.working_day_after(start, first + then)
    assert CALENDAR.working_day_after(CALENDAR.working_day_after(start, first), then) == once


@given(DAYS)
def test_a_holiday_is_never_worked(one: date) -> None:
    if one in CALENDAR.days_off:
        assert not CALENDAR.is_working_day(one)
    elif one in CALENDAR.days_worked:
        assert CALENDAR.is_working_day(one)
    else:
        assert CALENDAR.is_working_day(one) == (one.weekday() < 5)


def test_negative_working_days_are_a_bug() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        CALENDAR.working_day_after(date(2026, 1, 1), -1)


def test_years_that_nobody_has_said_anything_of_are_named() -> None:
    assert CALENDAR.years == {2025, 2026}
    assert CALENDAR.unknown_years(day("2026-01-01"), day("2026-12-31")) == []
    assert CALENDAR.unknown_years(day("2026-12-31"), day("2027-01-01")) == [2027]
    assert CALENDAR.unknown_years(day("2024-12-31"), day("2028-01-01")) == [2024, 2027, 2028]


def test_the_example_area_works_on_so_many_days_a_year() -> None:
    # 2026: 261 days from Monday to Friday, 19 of them holidays, and six days of weekends worked
    worked = [one for n in range(365) if CALENDAR.is_working_day(one := day("2026-01-01") + n * DAY)]
    assert len(worked) == 261 - 19 + 6
    assert len(CALENDAR.days_worked) == 5 + 6


# -- files -------------------------------------------------------------------------------------------------


def lines(*said: tuple[str, str, str, str | None]) -> str:
    """The file of the example area with another calendar."""
    kept = [part for part in POLICY.text.split("[[parameter]]") if 'name = "calendar.' not in part]
    more = [
        f'\nname = "calendar.{name}"\nunit = "days_of_year"\nvalue = "{value}"\nfrom = {since}\n'
        + (f"until = {until}\n" if until else "")
        + 'source = "s"\n\n'
        for name, value, since, until in said
    ]
    return "[[parameter]]".join([*kept, *more])


YEAR = ("2028-01-01", "2028-12-31")


def test_a_file_without_a_calendar_is_taken() -> None:
    calendar = load_policy(lines(), "990100.toml").calendar
    assert not calendar.days_off | calendar.days_worked
    assert not calendar.years


def test_a_year_may_have_no_holidays_at_all() -> None:
    calendar = load_policy(lines(("holidays", "none", *YEAR)), "990100.toml").calendar
    assert calendar.years == {2028}
    assert calendar.is_working_day(day("2028-01-03"))


def test_a_leap_day_is_a_day() -> None:
    text = lines(("holidays", "02-28..03-01", *YEAR))
    assert load_policy(text, "990100.toml").calendar.days_off == {
        day("2028-02-28"), day("2028-02-29"), day("2028-03-01")
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([("holidays", "02-29", "2027-01-01", "2027-12-31")], "2027 has no 29 February"),
        ([("holidays", "02-28..03-01", "2027-01-01", "2027-12-31")], "2027 has no 29 February"),
        ([("holidays", "01-01", "2028-01-01", None)], "from 1 January until 31 December"),
        ([("holidays", "01-01", "2028-01-01", "2029-12-31")], "from 1 January until 31 December"),
        ([("holidays", "01-01", "2028-01-02", "2028-12-31")], "from 1 January until 31 December"),
        ([("worked_weekend_days", "none", "2028-01-01", "2028-12-30")], "from 1 January until 31 December"),
        # 3 January 2028 is a Monday, 2 January a Sunday
        ([("holidays", "01-01", *YEAR), ("worked_weekend_days", "01-03", *YEAR)], "no Saturday or Sunday"),
        ([("holidays", "01-02", *YEAR), ("worked_weekend_days", "01-02", *YEAR)], "is a holiday"),
        ([("worked_weekend_days", "01-02", *YEAR)], "the holidays of 2028 are not there"),
        ([("holidays", "01-01", "2028-01-01", "2028-12-31"),
          ("holidays", "01-01", "2030-01-01", "2030-12-31")], "gap"),
    ],
)  # fmt: skip
def test_a_calendar_is_one_of_its_year(said: list[tuple[str, str, str, str | None]], why: str) -> None:
    with pytest.raises(PolicyError, match=why) as error:
        load_policy(lines(*said), "990100.toml")
    assert "calendar." in str(error.value)


@pytest.mark.parametrize(
    "value",
    ["", " ", "1-1", "01-1", "13-01", "04-31", "00-10", "01-01,01-02", "01-01  01-02", "01-02 01-01",
     "01-01 ", "01-01 01-01", "01-03..01-01", "01-01..01-03 01-03", "01-01..", "2026-01-01", "NONE",
     "01-01..01-02..01-03", "\uff10\uff11-01"],
)  # fmt: skip
def test_days_of_a_year_are_written_one_way(value: str) -> None:
    with pytest.raises(ValueError, match="days"):
        parse_days_of_year(value)


def test_days_that_are_taken() -> None:
    assert parse_days_of_year("none") == ()
    assert parse_days_of_year("01-31..02-02 12-31") == ((1, 31), (2, 1), (2, 2), (12, 31))
    assert parse_days_of_year("01-01..01-01") == ((1, 1),)


# -- cases -------------------------------------------------------------------------------------------------


def test_days_of_cases_hold_from_their_day() -> None:
    assert [POLICY.cases.days_on(kind, day("2026-03-02")) for kind in POLICY.cases.days] == [5, 15, 20, 20]
    kept = [part for part in POLICY.text.split("[[parameter]]") if 'name = "cases.' not in part]
    bare = "[[parameter]]".join(kept)
    said = load_policy(bare, "990100.toml").cases
    assert [said.days_on(kind, day("2026-03-02")) for kind in said.days] == [5, 15, 20, 20]
    line = '\nname = "cases.question_days"\nunit = "working_days"\nvalue = "{}"\nfrom = 2026-03-02\n'
    line += 'source = "s"\n'
    later = load_policy(f"{bare}\n[[parameter]]{line.format(2)}", "990100.toml").cases
    assert [later.days_on("question", day(text)) for text in ("2026-03-01", "2026-03-02")] == [5, 2]
    for wrong in ("0", "251", "-1", "05", "none", "2.5"):
        with pytest.raises(PolicyError, match="whole number"):
            load_policy(f"{bare}\n[[parameter]]{line.format(wrong)}", "990100.toml")
    with pytest.raises(KeyError):
        later.days_on("wish", day("2026-03-02"))
