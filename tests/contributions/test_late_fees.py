"""What being late costs: the worked examples as a table, and a slow count of days beside the fast one."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.contributions.late_fees import NO_FEE, LateFee, due_on, late_fee
from ledger.policy import (
    RATE_SCALE,
    Dated,
    DatedLine,
    DueShift,
    LateFeeCap,
    MissingParameter,
    Policy,
    load_policies,
)

EXAMPLE_AREA = load_policies()["990100"]
ONE_DAY = timedelta(days=1)


def fen(yuan: str) -> int:
    """An amount as the examples write it, "10,000.00" or "-4,000.00", in fen."""
    whole, _, cents = yuan.replace(",", "").partition(".")
    assert len(cents) == 2
    return int(whole + cents)


def dated(name: str, *values: tuple[date, Any]) -> Dated[Any]:
    """A parameter of these values, each from its day."""
    ends = [first - ONE_DAY for first, _ in values[1:]] + [None]
    return Dated(
        name,
        tuple(
            DatedLine(first, last, value, "a unit", "a test")
            for (first, value), last in zip(values, ends, strict=True)
        ),
    )


CAPPED = replace(EXAMPLE_AREA, late_fee_cap=dated("late_fee.cap", (date(2000, 1, 1), LateFeeCap.PRINCIPAL)))
SHIFTED = replace(
    EXAMPLE_AREA, due_shift=dated("contributions.due_shift", (date(2000, 1, 1), DueShift.NEXT_WEEKDAY))
)


def fee(
    principal: str, due: str, payments: list[tuple[str, str]], on: str, policy: Policy = EXAMPLE_AREA
) -> LateFee:
    """The late fee of an example as it is written."""
    received = [(date.fromisoformat(day), fen(yuan)) for day, yuan in payments]
    return late_fee(policy, date.fromisoformat(due), fen(principal), received, date.fromisoformat(on))


# -- the worked examples, in yuan ------------------------------------------------------------------------

# principal, due, [(received, of the principal)], asked on; fee
FEES = {
    "E11 a day late": ("760.00", "2026-07-15", [("2026-07-16", "760.00")], "2026-07-16", "0.38"),
    "E11 in time": ("760.00", "2026-07-15", [("2026-07-15", "760.00")], "2026-07-16", "0.00"),
    "E12 77 days": ("7,600.00", "2026-07-15", [("2026-09-30", "7,600.00")], "2026-09-30", "292.60"),
    "E13 33 days, rounded": ("462.84", "2026-07-15", [("2026-08-17", "462.84")], "2026-08-17", "7.64"),
    "E14 the first payment": (
        "10,000.00",
        "2026-03-15",
        [("2026-04-14", "4,000.00")],
        "2026-04-14",
        "150.00",
    ),
    "E14 both payments": (
        "10,000.00",
        "2026-03-15",
        [("2026-04-14", "4,000.00"), ("2026-05-29", "6,000.00")],
        "2026-05-29",
        "285.00",
    ),
    "E15 2,192 days": ("1,000.00", "2020-01-15", [("2026-01-15", "1,000.00")], "2026-01-15", "1,096.00"),
    "E16 over a rate change": ("1,000.00", "2011-06-15", [("2011-07-10", "1,000.00")], "2011-07-10", "35.00"),
    "the due date itself": ("760.00", "2026-07-15", [], "2026-07-15", "0.00"),
    "before it is due": ("760.00", "2026-07-15", [], "2026-06-01", "0.00"),
    "not paid yet": ("760.00", "2026-07-15", [], "2026-07-16", "0.38"),
    "paid long before": ("760.00", "2026-07-15", [("2026-06-20", "760.00")], "2026-12-31", "0.00"),
    "paid in part in time": (
        "10,000.00",
        "2026-07-15",
        [("2026-07-01", "3,000.00"), ("2026-07-15", "3,000.00")],
        "2026-07-25",
        "20.00",
    ),
    "nothing more once paid": ("760.00", "2026-07-15", [("2026-07-16", "760.00")], "2030-01-01", "0.38"),
    "a payment after the day asked": (
        "10,000.00",
        "2026-03-15",
        [("2026-04-14", "4,000.00"), ("2026-05-29", "6,000.00")],
        "2026-05-28",
        "282.00",  # 150.00 and 44 days of 6,000.00
    ),
    "the last day of the old rate": ("1,000.00", "2011-06-15", [], "2011-06-30", "30.00"),
    "the first day of the new rate": ("1,000.00", "2011-06-30", [], "2011-07-01", "0.50"),
    # 0.38 twice, not 0.76: an amount is rounded once for each payment
    "two payments, two roundings": (
        "1,519.00",
        "2026-07-15",
        [("2026-07-16", "759.00"), ("2026-07-17", "760.00")],
        "2026-07-17",
        "1.14",  # 0.7595 and 0.38
    ),
    "two payments on a day are one": (
        "1,519.00",
        "2026-07-15",
        [("2026-07-17", "759.00"), ("2026-07-17", "760.00")],
        "2026-07-17",
        "1.52",  # 1.519
    ),
    "a refund is unpaid again from the next day": (
        "1,000.00",
        "2026-07-15",
        [("2026-07-10", "1,000.00"), ("2026-07-20", "-400.00")],
        "2026-07-30",
        "2.00",  # 10 days of 400.00
    ),
    "paid too much": (
        "1,000.00",
        "2026-07-15",
        [("2026-07-16", "1,500.00"), ("2026-07-20", "-400.00")],
        "2026-07-30",
        "0.50",
    ),
    "nothing owed": ("0.00", "2026-07-15", [], "2030-01-01", "0.00"),
    "owed the other way": ("-50.00", "2026-07-15", [], "2030-01-01", "0.00"),
    "half a fen goes up": ("10.00", "2026-07-15", [], "2026-07-16", "0.01"),
    "less than half a fen": ("9.99", "2026-07-15", [], "2026-07-16", "0.00"),
}


@pytest.mark.parametrize(("principal", "due", "payments", "on", "expected"), FEES.values(), ids=FEES.keys())
def test_late_fee(principal: str, due: str, payments: list[tuple[str, str]], on: str, expected: str) -> None:
    assert fee(principal, due, payments, on) == LateFee(fen(expected), fen(expected))
    assert fee(principal, due, payments[::-1], on) == LateFee(fen(expected), fen(expected))


# principal, due, payments, asked on; fee under the cap, fee without
CAPS = {
    "E15 capped": (
        "1,000.00",
        "2020-01-15",
        [("2026-01-15", "1,000.00")],
        "2026-01-15",
        "1,000.00",
        "1,096.00",
    ),
    "below the cap": ("1,000.00", "2020-01-15", [], "2020-01-16", "0.50", "0.50"),
    "the cap is what was unpaid when it was due": (
        "1,000.00",
        "2020-01-15",
        [("2020-01-15", "900.00")],
        "2026-01-15",
        "100.00",
        "109.60",
    ),
    "a later payment does not lower the cap": (
        "1,000.00",
        "2020-01-15",
        [("2025-01-15", "900.00")],
        "2026-01-15",
        "931.75",  # 1,827 days of 1,000.00 are 913.50, 365 days of 100.00 are 18.25
        "931.75",
    ),
    "nothing was unpaid when it was due": (
        "1,000.00",
        "2020-01-15",
        [("2020-01-15", "1,000.00"), ("2020-01-20", "-400.00")],
        "2020-01-30",
        "0.00",
        "2.00",
    ),
}


@pytest.mark.parametrize(
    ("principal", "due", "payments", "on", "capped", "uncapped"), CAPS.values(), ids=CAPS.keys()
)
def test_the_cap_of_an_area(
    principal: str, due: str, payments: list[tuple[str, str]], on: str, capped: str, uncapped: str
) -> None:
    assert fee(principal, due, payments, on, CAPPED) == LateFee(fen(capped), fen(uncapped))
    assert fee(principal, due, payments, on) == LateFee(fen(uncapped), fen(uncapped))


def test_the_cap_is_the_rule_of_the_due_date() -> None:
    since_2021 = dated(
        "late_fee.cap", (date(2000, 1, 1), LateFeeCap.NONE), (date(2021, 1, 1), LateFeeCap.PRINCIPAL)
    )
    policy = replace(EXAMPLE_AREA, late_fee_cap=since_2021)
    assert fee("1,000.00", "2020-12-31", [], "2030-01-01", policy).fee_fen > fen("1,000.00")
    assert fee("1,000.00", "2021-01-01", [], "2030-01-01", policy).fee_fen == fen("1,000.00")


def test_a_day_without_a_rate_is_missing_only_when_it_costs_something() -> None:
    with pytest.raises(MissingParameter) as missing:
        fee("1,000.00", "1999-12-15", [], "2000-02-01")
    assert str(missing.value.day) == "1999-12-16"
    assert fee("1,000.00", "1999-12-15", [("1999-12-15", "1,000.00")], "2000-02-01") == NO_FEE
    assert fee("1,000.00", "1999-12-15", [], "1999-12-15") == NO_FEE


# -- when a month is due ---------------------------------------------------------------------------------

# month; due in the example area; due where weekends shift
DUE = {
    "a Wednesday": (202603, "2026-04-15", "2026-04-15"),
    "a Saturday": (202507, "2025-08-15", "2025-08-15"),
    "a Saturday indeed": (202510, "2025-11-15", "2025-11-17"),
    "a Sunday": (202601, "2026-02-15", "2026-02-16"),
    "a Friday": (202604, "2026-05-15", "2026-05-15"),
    "a Monday": (202505, "2025-06-15", "2025-06-16"),
    "over the year's end": (202612, "2027-01-15", "2027-01-15"),
}


@pytest.mark.parametrize(("period", "due", "shifted"), DUE.values(), ids=DUE.keys())
def test_a_month_is_due_in_the_next(period: int, due: str, shifted: str) -> None:
    assert due_on(EXAMPLE_AREA, period) == date.fromisoformat(due)
    assert due_on(SHIFTED, period) == date.fromisoformat(shifted)


def test_the_due_day_is_the_rule_of_the_months_first_day() -> None:
    changing = dated("contributions.due_day", (date(2000, 1, 1), 15), (date(2026, 3, 2), 28))
    policy = replace(EXAMPLE_AREA, due_day=changing)
    assert due_on(policy, 202603) == date(2026, 4, 15)
    assert due_on(policy, 202604) == date(2026, 5, 28)
    with pytest.raises(MissingParameter):
        due_on(policy, 199912)


@given(st.integers(2000, 2100), st.integers(1, 12), st.integers(1, 28))
def test_a_shifted_due_day_is_never_a_weekend_nor_far(year: int, of_year: int, day: int) -> None:
    period = year * 100 + of_year
    policy = replace(SHIFTED, due_day=dated("contributions.due_day", (date(2000, 1, 1), day)))
    plain = due_on(replace(policy, due_shift=EXAMPLE_AREA.due_shift), period)
    shifted = due_on(policy, period)
    assert plain.day == day
    assert shifted.weekday() < 5
    assert timedelta(0) <= shifted - plain <= timedelta(days=2)
    assert shifted == plain or plain.weekday() >= 5


# -- any payments ----------------------------------------------------------------------------------------

DUE_DATE = date(2011, 6, 15)  # two weeks before the rate changes
days = st.integers(-20, 60).map(lambda number: DUE_DATE + timedelta(days=number))
principals = st.integers(0, 10**7)
payments = st.lists(st.tuples(days, st.integers(-(10**6), 5 * 10**6)), max_size=6)


def slowly(policy: Policy, principal_fen: int, received: list[tuple[date, int]], on: date) -> int:
    """The uncapped fee, one day after another: each day's cost, collected up to the next payment."""
    total, collected = 0, Fraction(0)
    paydays = {day for day, _ in received}
    day = DUE_DATE + ONE_DAY
    while day <= on:
        unpaid = principal_fen - sum(amount for paid, amount in received if paid < day)
        if unpaid > 0:
            collected += Fraction(unpaid * policy.late_fee_rate.on(day), RATE_SCALE)
        if day in paydays or day == on:
            total += (collected + Fraction(1, 2)).__floor__()
            collected = Fraction(0)
        day += ONE_DAY
    return total


@given(principals, payments, days)
def test_the_fast_count_is_the_slow_one(principal: int, received: list[tuple[date, int]], on: date) -> None:
    found = late_fee(EXAMPLE_AREA, DUE_DATE, principal, received, on)
    assert found.uncapped_fen == slowly(EXAMPLE_AREA, principal, received, on)
    assert found.fee_fen == found.uncapped_fen
    capped = late_fee(CAPPED, DUE_DATE, principal, received, on)
    unpaid = max(0, principal - sum(amount for day, amount in received if day <= DUE_DATE))
    assert capped == LateFee(min(found.uncapped_fen, unpaid), found.uncapped_fen)


@given(principals, payments, days, days)
def test_a_fee_never_falls(principal: int, received: list[tuple[date, int]], one: date, other: date) -> None:
    for policy in (EXAMPLE_AREA, CAPPED):
        earlier, later = (late_fee(policy, DUE_DATE, principal, received, on) for on in sorted((one, other)))
        assert earlier.fee_fen <= later.fee_fen
        assert earlier.uncapped_fen <= later.uncapped_fen


@given(principals, principals, days)
def test_who_owes_more_pays_no_less(one: int, other: int, on: date) -> None:
    less, more = (
        late_fee(EXAMPLE_AREA, DUE_DATE, principal, [], on).fee_fen for principal in sorted((one, other))
    )
    assert less <= more


@given(principals, payments, days, st.integers(0, RATE_SCALE - 1), st.lists(days, max_size=3, unique=True))
def test_a_line_that_repeats_the_rate_changes_nothing(
    principal: int, received: list[tuple[date, int]], on: date, rate: int, cuts: list[date]
) -> None:
    lines = [(first, rate) for first in sorted([date(2000, 1, 1), *cuts])]
    whole = replace(EXAMPLE_AREA, late_fee_rate=dated("late_fee.daily_rate", lines[0]))
    cut = replace(EXAMPLE_AREA, late_fee_rate=dated("late_fee.daily_rate", *lines))
    assert late_fee(whole, DUE_DATE, principal, received, on) == late_fee(
        cut, DUE_DATE, principal, received, on
    )


@given(principals, st.integers(0, 60))
def test_over_a_rate_change_the_days_of_each_rate_add_up(principal: int, late_days: int) -> None:
    """Rounded once, at the end: the two stretches by themselves may differ from it by a rounding."""
    on, change = DUE_DATE + timedelta(days=late_days), date(2011, 7, 1)
    before = sum(
        DUE_DATE < day < change for day in (DUE_DATE + timedelta(days=n) for n in range(61)) if day <= on
    )
    exact = principal * (before * Fraction(2, 1000) + (late_days - before) * Fraction(5, 10_000))
    assert late_fee(EXAMPLE_AREA, DUE_DATE, principal, [], on).fee_fen == (exact + Fraction(1, 2)).__floor__()


def test_twenty_years_are_a_few_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counted(name: str) -> Any:
        looked_up = getattr(Dated, name)

        def look_up(self: Dated[Any], *days: date) -> Any:
            asked.append(f"{self.name} {name}")
            return looked_up(self, *days)

        return look_up

    for name in ("bands", "on"):
        monkeypatch.setattr(Dated, name, counted(name))
    assert fee("1,000.00", "2001-01-15", [], "2021-01-15").fee_fen > 0
    assert asked == ["late_fee.daily_rate bands", "late_fee.cap on"]
