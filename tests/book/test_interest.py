"""Interest of a year (K5, R48) to the fen: the worked examples as tables, and a slow oracle day by day."""

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from math import floor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.book.interest import INTEREST_DENOMINATOR, DayChange, Interest, year_interest
from ledger.policy import RATE_SCALE, UNITS, MissingParameter, Policy, load_policies, load_policy

EXAMPLE_AREA = load_policies()["990100"]


def fen(yuan: str) -> int:
    """An amount as the examples write it, "1,921.60", in fen."""
    whole, _, cents = yuan.replace(",", "").partition(".")
    assert len(cents) == 2
    return int(whole + cents)


def on(day: str, pocket: str, yuan: str) -> DayChange:
    """One change, as a clerk writes it: date, "current_year" or "carried_over", signed amount."""
    change = fen(yuan)
    assert pocket in ("current_year", "carried_over")
    return DayChange(date.fromisoformat(day), change if pocket == "current_year" else 0, change)


def monthly(year: int, day: int, yuan: str, *, months: int = 12) -> list[DayChange]:
    """The same credit to current_year on one day of each month."""
    return [on(f"{year}-{month:02}-{day:02}", "current_year", yuan) for month in range(1, months + 1)]


def interest(
    opening: str, changes: Sequence[DayChange], first: str, last: str, policy: Policy = EXAMPLE_AREA
) -> tuple[int, int]:
    """Interest in fen: (carried_over, current_year)."""
    result = year_interest(
        fen(opening), changes, first=date.fromisoformat(first), last=date.fromisoformat(last), policy=policy
    )
    return result.carried_over_fen, result.current_year_fen


WORKED_EXAMPLES: dict[str, tuple[str, list[DayChange], str, str, str, str]] = {
    # carried over on 1 January, changes, first day, last day, interest of carried_over, of current_year
    "E18": ("10,000.00", [], "2025-01-01", "2025-12-31", "111.53", "0.00"),
    "E19: the rate falls on 1 July": ("10,000.00", [], "2026-01-01", "2026-12-31", "88.53", "0.00"),
    "E20": ("0.00", monthly(2026, 15, "160.00"), "2026-01-01", "2026-12-31", "0.00", "1.60"),
    "E21, first year": (
        "5,000.00",
        [*monthly(2025, 20, "160.00"), on("2025-06-10", "current_year", "-300.00")],
        "2025-01-01",
        "2025-12-31",
        "55.76",
        "2.75",
    ),
    "E21, second year": (
        "6,678.51",
        [
            *monthly(2026, 20, "160.00"),
            on("2026-03-05", "current_year", "-320.00"),
            on("2026-03-05", "carried_over", "-680.00"),
        ],
        "2026-01-01",
        "2026-12-31",
        "54.41",
        "1.01",
    ),
    "E22: closed on 20 August": ("5,000.00", [], "2026-01-01", "2026-08-19", "32.17", "0.00"),
    "E23, current_year first": (
        "2,000.00",
        [on("2026-01-01", "current_year", "500.00"), on("2026-04-01", "current_year", "-400.00")],
        "2026-01-01",
        "2026-12-31",
        "17.71",
        "0.58",
    ),
    "E23, carried_over first": (
        "2,000.00",
        [on("2026-01-01", "current_year", "500.00"), on("2026-04-01", "carried_over", "-400.00")],
        "2026-01-01",
        "2026-12-31",
        "15.26",
        "1.14",
    ),
    "E24: one yuan": ("1.00", [], "2025-01-01", "2025-12-31", "0.01", "0.00"),
    "E57: death, payout on 20 October": (
        "8,000.00",
        monthly(2026, 15, "160.00", months=8),
        "2026-01-01",
        "2026-10-19",
        "60.28",
        "1.23",
    ),
    "E58: transfer out on 10 April": (
        "3,000.00",
        monthly(2026, 20, "160.00", months=3),
        "2026-01-01",
        "2026-04-09",
        "9.08",
        "0.23",
    ),
    "E61, first year: a visit on 20 December": (
        "1,000.00",
        [*monthly(2025, 20, "160.00"), on("2025-12-20", "current_year", "-300.00")],
        "2025-01-01",
        "2025-12-31",
        "11.15",
        "3.32",
    ),
    "E61, second year: the visit is reversed": (
        "2,634.47",
        [on("2026-02-10", "carried_over", "300.00")],
        "2026-01-01",
        "2026-12-31",
        "25.61",
        "0.00",
    ),
}


@pytest.mark.parametrize("name", WORKED_EXAMPLES)
def test_worked_example(name: str) -> None:
    opening, changes, first, last, carried_over, current_year = WORKED_EXAMPLES[name]
    assert interest(opening, changes, first, last) == (fen(carried_over), fen(current_year))


def closing(opening: str, changes: Sequence[DayChange], year: int) -> int:
    """What is carried into the next year, in fen: all money of the year with its interest."""
    earned = interest(opening, changes, f"{year}-01-01", f"{year}-12-31")
    return fen(opening) + sum(change.total_fen for change in changes) + sum(earned)


@pytest.mark.parametrize(
    ("name", "year", "carried"),
    [
        ("E20", 2026, "1,921.60"),
        ("E21, first year", 2025, "6,678.51"),
        ("E21, second year", 2026, "7,653.93"),
        ("E61, first year: a visit on 20 December", 2025, "2,634.47"),
        ("E61, second year: the visit is reversed", 2026, "2,960.08"),
    ],
)
def test_what_an_example_carries_into_the_next_year(name: str, year: int, carried: str) -> None:
    opening, changes, *_ = WORKED_EXAMPLES[name]
    assert closing(opening, changes, year) == fen(carried)


def test_e57_and_e58_pay_out_everything_with_interest() -> None:
    for name, paid in (
        ("E57: death, payout on 20 October", "9,341.51"),
        ("E58: transfer out on 10 April", "3,489.31"),
    ):
        opening, changes, first, last, *_ = WORKED_EXAMPLES[name]
        earned = interest(opening, changes, first, last)
        assert fen(opening) + sum(change.total_fen for change in changes) + sum(earned) == fen(paid)


def test_e61_without_the_visit_ends_forty_fen_higher() -> None:
    carried = closing("1,000.00", monthly(2025, 20, "160.00"), 2025)
    with_interest = year_interest(
        carried, [], first=date(2026, 1, 1), last=date(2026, 12, 31), policy=EXAMPLE_AREA
    )
    assert carried + with_interest.carried_over_fen == fen("2,960.48")


# The area's choices


def area_with(*, demand: str = "0.0035", three_month: str = "0.0110", day_basis: str = "360") -> Policy:
    """An area whose rates and day basis never change."""
    return policy_of(
        {
            "interest.demand": [(date(2000, 1, 1), demand)],
            "interest.three_month": [(date(2000, 1, 1), three_month)],
            "interest.day_basis": [(date(2000, 1, 1), day_basis)],
        }
    )


def policy_of(lines: dict[str, list[tuple[date, str]]], *, until: date | None = None) -> Policy:
    """A policy of these dated values; `until` ends the last line of each rate."""
    always = date(2000, 1, 1)
    lines = {
        **lines,
        "spending.pocket_order": [(always, "current_year_first")],
        "holds.days_max": [(always, "30")],
    }
    text = '[area]\ncode = "990100"\nname = "test"\n'
    for name, values in lines.items():
        for index, (valid_from, value) in enumerate(values):
            text += f'[[parameter]]\nname = "{name}"\nunit = "{UNITS[name]}"\nsource = "a test"\n'
            text += f'value = "{value}"\nfrom = {valid_from}\n'
            if until is not None and index == len(values) - 1 and name.startswith("interest."):
                text += f"until = {until}\n"
    return load_policy(text, "test.toml", complete=False)


def test_e18_over_365_days() -> None:
    basis_365 = area_with(day_basis="365")
    assert interest("10,000.00", [], "2025-01-01", "2025-12-31", basis_365) == (fen("110.00"), 0)


def test_e24_a_leap_year_has_366_days() -> None:
    assert interest("10,000.00", [], "2028-01-01", "2028-12-31") == (fen("66.08"), 0)
    assert interest("10,000.00", [], "2027-01-01", "2027-12-31") == (fen("65.90"), 0)


def test_the_day_basis_may_change_within_a_year() -> None:
    changed = policy_of(
        {
            "interest.demand": [(date(2000, 1, 1), "0.0010")],
            "interest.three_month": [(date(2000, 1, 1), "0.0065")],
            "interest.day_basis": [(date(2000, 1, 1), "360"), (date(2028, 7, 1), "365")],
        }
    )
    # 65.00 a year: 182 days over 360 and 184 days over 365 are 32.861… + 32.767…
    assert interest("10,000.00", [], "2028-01-01", "2028-12-31", changed) == (fen("65.63"), 0)


def test_the_leap_day_counts() -> None:
    daily_fen = area_with(demand="0.3600")  # 10.00 earn 0.01 a day
    for year, days in ((2026, 2), (2028, 3)):
        changes = [on(f"{year}-02-28", "current_year", "10.00")]
        assert interest("0.00", changes, f"{year}-01-01", f"{year}-03-01", daily_fen) == (0, days)


def test_a_year_without_rates_is_refused_and_not_guessed() -> None:
    rates = policy_of(
        {
            "interest.demand": [(date(2000, 1, 1), "0.0035")],
            "interest.three_month": [(date(2000, 1, 1), "0.0110")],
            "interest.day_basis": [(date(2000, 1, 1), "360")],
        },
        until=date(2026, 12, 30),
    )
    assert interest("1.00", [], "2026-01-01", "2026-12-30", rates) == (1, 0)
    with pytest.raises(MissingParameter, match=r"interest\.demand has no value on 2026-12-31"):
        interest("1.00", [], "2026-01-01", "2026-12-31", rates)
    with pytest.raises(MissingParameter, match=r"interest\.demand has no value on 1999-01-01"):
        interest("1.00", [], "1999-01-01", "1999-12-31", rates)


# Days, signs, rounding


def test_a_deposit_earns_from_its_day_and_a_withdrawal_no_longer_on_its_own() -> None:
    daily_fen = area_with(demand="0.3600")  # 10.00 earn 0.01 a day
    ten_days = [on("2026-03-01", "current_year", "10.00"), on("2026-03-11", "current_year", "-10.00")]
    assert interest("0.00", ten_days, "2026-01-01", "2026-12-31", daily_fen) == (0, 10)
    same_day = [on("2026-03-01", "current_year", "10.00"), on("2026-03-01", "current_year", "-10.00")]
    assert interest("0.00", same_day, "2026-01-01", "2026-12-31", daily_fen) == (0, 0)


def test_a_year_that_begins_with_the_opening_of_the_account() -> None:
    daily_fen = area_with(demand="0.3600")
    changes = [on("2026-12-30", "current_year", "10.00")]
    assert interest("0.00", changes, "2026-12-30", "2026-12-31", daily_fen) == (0, 2)


def test_a_negative_day_counts_with_its_sign() -> None:
    daily_fen = area_with(demand="0.3600")
    # 10.00 too much was spent for four days, by a late fact with an old value date, then 20.00 came in
    changes = [
        on("2026-12-22", "current_year", "-10.00"),
        on("2026-12-26", "current_year", "20.00"),
    ]
    assert interest("0.00", changes, "2026-01-01", "2026-12-31", daily_fen) == (0, 6 - 4)


@pytest.mark.parametrize(
    ("overdrawn", "other", "earned"),
    [("current_year", "carried_over", (3, 0)), ("carried_over", "current_year", (0, 3))],
)
def test_a_pocket_never_owes_interest_and_takes_none_from_the_other(
    overdrawn: str, other: str, earned: tuple[int, int]
) -> None:
    daily_fen = area_with(demand="0.3600", three_month="0.3600")
    changes = [on("2026-12-31", overdrawn, "-10.00"), on("2026-12-31", other, "30.00")]
    result = year_interest(0, changes, first=date(2026, 1, 1), last=date(2026, 12, 31), policy=daily_fen)
    assert (result.carried_over_fen, result.current_year_fen) == earned
    # the exact sums keep the sign, for the explanation
    exact = {result.carried_over_numerator, result.current_year_numerator}
    assert exact == {-INTEREST_DENOMINATOR, 3 * INTEREST_DENOMINATOR}


def test_half_a_fen_is_rounded_up_and_only_once() -> None:
    daily_fen = area_with(demand="0.3600")
    for yuan, earned in (("4.99", 0), ("5.00", 1), ("14.99", 1), ("15.00", 2)):
        one_day = [on("2026-12-31", "current_year", yuan)]
        assert interest("0.00", one_day, "2026-01-01", "2026-12-31", daily_fen) == (0, earned)
    # three days of 0.4 fen are 1.2 fen: rounded by day they would be nothing
    three_days = [on("2026-12-29", "current_year", "4.00")]
    assert interest("0.00", three_days, "2026-01-01", "2026-12-31", daily_fen) == (0, 1)


def test_what_comes_after_the_last_day_and_the_order_of_changes_do_not_matter() -> None:
    changes = monthly(2026, 15, "160.00")
    until_june = interest("8,000.00", changes[:6], "2026-01-01", "2026-07-14")
    assert interest("8,000.00", changes, "2026-01-01", "2026-07-14") == until_june
    assert interest("8,000.00", changes[::-1], "2026-01-01", "2026-07-14") == until_june


def test_a_payout_on_the_first_day_leaves_no_day() -> None:
    for first, last in ((date(2026, 1, 1), date(2025, 12, 31)), (date(2026, 5, 5), date(2026, 5, 4))):
        changes = [DayChange(first, 100_000_00, 100_000_00)]
        result = year_interest(0, changes, first=first, last=last, policy=EXAMPLE_AREA)
        assert result == Interest(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("first", "last"),
    [("2025-12-31", "2026-01-01"), ("2026-05-05", "2026-05-03"), ("2026-01-01", "2025-12-30")],
)
def test_a_span_is_within_one_year(first: str, last: str) -> None:
    with pytest.raises(ValueError, match="no span of one year"):
        interest("0.00", [], first, last)


def test_a_change_before_the_first_day_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="a change on 2026-04-30, before 2026-05-01"):
        interest("0.00", [on("2026-04-30", "current_year", "1.00")], "2026-05-01", "2026-12-31")
    with pytest.raises(ValueError, match="money from before the year, in an account opened on 2026-05-01"):
        interest("1.00", [], "2026-05-01", "2026-12-31")


# The oracle: what K5 says, word by word, one day after the other


def day_by_day(
    opening_total_fen: int, changes: Sequence[DayChange], first: date, last: date, policy: Policy
) -> tuple[int, int, Fraction, Fraction]:
    carried_over = current_year = Fraction(0)
    day = first
    while day <= last:
        current_year_fen = sum(change.current_year_fen for change in changes if change.day <= day)
        total_fen = opening_total_fen + sum(change.total_fen for change in changes if change.day <= day)
        one = RATE_SCALE * policy.day_basis.on(day)
        current_year += current_year_fen * Fraction(policy.interest_demand.on(day), one)
        carried_over += (total_fen - current_year_fen) * Fraction(policy.interest_three_month.on(day), one)
        day += timedelta(days=1)

    def posted(exact: Fraction) -> int:
        return floor(max(exact, Fraction(0)) + Fraction(1, 2))

    return posted(carried_over), posted(current_year), carried_over, current_year


AMOUNTS_FEN = st.integers(-10_000_00, 10_000_00)
RATES = st.integers(0, RATE_SCALE // 20).map(lambda parts: f"0.{parts:08}")


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, list[DayChange], date, date, Policy]:
    """A year of one account, under rates and a day basis that change at any time."""
    new_year = date(draw(st.sampled_from([2025, 2026, 2028])), 1, 1)
    new_years_eve = date(new_year.year, 12, 31)
    days = st.dates(new_year, new_years_eve)
    first = draw(st.just(new_year) | days)
    last = draw(st.just(new_years_eve) | st.dates(first, new_years_eve))
    opening_total_fen = draw(AMOUNTS_FEN) if first == new_year else 0
    changes = draw(
        st.lists(st.builds(DayChange, st.dates(first, new_years_eve), AMOUNTS_FEN, AMOUNTS_FEN), max_size=12)
    )

    def dated(values: st.SearchStrategy[str]) -> list[tuple[date, str]]:
        starts = [date(2000, 1, 1), *sorted(draw(st.sets(days, max_size=3)))]
        return [(start, draw(values)) for start in starts]

    lines = {
        "interest.demand": dated(RATES),
        "interest.three_month": dated(RATES),
        "interest.day_basis": dated(st.sampled_from(["360", "365"])),
    }
    return opening_total_fen, changes, first, last, policy_of(lines)


@given(spans())
@example((fen("1.00"), [], date(2028, 1, 1), date(2028, 12, 31), EXAMPLE_AREA))
@example((0, monthly(2026, 15, "160.00"), date(2026, 1, 1), date(2026, 12, 31), EXAMPLE_AREA))
def test_the_same_as_day_by_day(span: tuple[int, list[DayChange], date, date, Policy]) -> None:
    opening_total_fen, changes, first, last, policy = span
    result = year_interest(opening_total_fen, changes, first=first, last=last, policy=policy)
    assert (
        result.carried_over_fen,
        result.current_year_fen,
        Fraction(result.carried_over_numerator, INTEREST_DENOMINATOR),
        Fraction(result.current_year_numerator, INTEREST_DENOMINATOR),
    ) == day_by_day(opening_total_fen, changes, first, last, policy)
