"""What a month costs: the worked examples as a table, and that the parts always are the whole."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ledger.chart.members import MemberClass
from ledger.contributions.premiums import Premium, contribution_base, estimate, premium
from ledger.money import FEN_MAX
from ledger.people.resident_premiums import ResidentPremium, resident_premium
from ledger.policy import RATE_SCALE, Dated, DatedLine, MissingParameter, Policy, load_policies
from ledger.refusals import RefusalCode, Refused

EXAMPLE_AREA = load_policies()["990100"]
ACTIVE, FLEXIBLE, UNEMPLOYED = MemberClass.ACTIVE, MemberClass.FLEXIBLE, MemberClass.UNEMPLOYED


def fen(yuan: str) -> int:
    """An amount as the examples write it, "24,360.00", in fen."""
    whole, _, cents = yuan.replace(",", "").partition(".")
    assert len(cents) == 2
    return int(whole + cents)


def month(text: str) -> int:
    """A month as the examples write it, "2026-03"."""
    return int(text.replace("-", ""))


def always(name: str, value: Any) -> Dated[Any]:
    """A parameter that never had another value."""
    return Dated(name, (DatedLine(date(1900, 1, 1), None, value, "a unit", "a test"),))


def area(**values: Any) -> Policy:
    """The example area with some fields decided otherwise, for all days."""
    return replace(EXAMPLE_AREA, **{field: always(field, value) for field, value in values.items()})


def half_up(exact: Fraction) -> int:
    """The rounding of K2 for what is not negative, worked out in another way."""
    return (exact + Fraction(1, 2)).__floor__()


# -- the worked examples, in yuan ------------------------------------------------------------------------

# month, class, wage; base, into the account, into the pooled fund
PREMIUMS = {
    "E01 an ordinary wage": ("2026-03", ACTIVE, "8,000.00", "8,000.00", "160.00", "600.00"),
    "E02 below the floor": ("2026-03", ACTIVE, "3,500.00", "4,872.00", "97.44", "365.40"),
    "E03 above the cap": ("2026-03", ACTIVE, "40,000.00", "24,360.00", "487.20", "1,827.00"),
    "E04 both parts round": ("2026-03", ACTIVE, "6,543.21", "6,543.21", "130.86", "490.74"),
    "E05 a tie goes up": ("2026-03", ACTIVE, "5,012.25", "5,012.25", "100.25", "375.92"),
    "E06 the last month of a base year": ("2026-06", ACTIVE, "4,000.00", "4,872.00", "97.44", "365.40"),
    "E06 the first month of the next": ("2026-07", ACTIVE, "4,000.00", "5,073.60", "101.47", "380.52"),
    "E08 a flexible worker": ("2026-07", FLEXIBLE, "4,000.00", "5,073.60", "101.47", "380.52"),
    "E10 before the correction": ("2026-03", ACTIVE, "8,000.00", "8,000.00", "160.00", "600.00"),
    "E10 after the correction": ("2026-03", ACTIVE, "8,500.00", "8,500.00", "170.00", "637.50"),
    "the floor itself": ("2026-03", ACTIVE, "4,872.00", "4,872.00", "97.44", "365.40"),
    "a fen above the floor": ("2026-03", ACTIVE, "4,872.01", "4,872.01", "97.44", "365.40"),
    "the cap itself": ("2026-03", ACTIVE, "24,360.00", "24,360.00", "487.20", "1,827.00"),
    "a fen above the cap": ("2026-03", ACTIVE, "24,360.01", "24,360.00", "487.20", "1,827.00"),
    "the least wage there is": ("2026-03", ACTIVE, "0.01", "4,872.00", "97.44", "365.40"),
    "the largest wage there is": ("2026-07", ACTIVE, "10,000,000,000.00", "25,368.00", "507.36", "1,902.60"),
    "long ago": ("2010-01", ACTIVE, "8,000.00", "8,000.00", "160.00", "600.00"),
    "on benefit": ("2026-03", UNEMPLOYED, "8,000.00", "4,872.00", "97.44", "365.40"),
    "on benefit, no wage": ("2026-07", UNEMPLOYED, "0.00", "5,073.60", "101.47", "380.52"),
    # 9.5 % of 6,543.21 is 621.60495; the account gets 130.8642
    "flexible: the rest is a subtraction": ("2026-03", FLEXIBLE, "6,543.21", "6,543.21", "130.86", "490.74"),
    # 9.5 % of 5,000.30 is 475.0285, 2 % is 100.006 and 7.5 % is 375.0225
    "flexible is not active": ("2026-03", FLEXIBLE, "5,000.30", "5,000.30", "100.01", "375.02"),
    # 9.5 % of 5,000.10 is 475.0095 and rounds up, 2 % is 100.002: 375.01 and not 375.0075 rounded
    "flexible: the whole is rounded first": ("2026-03", FLEXIBLE, "5,000.10", "5,000.10", "100.00", "375.01"),
}


@pytest.mark.parametrize(
    ("period", "member_class", "wage", "base", "account", "pooled"), PREMIUMS.values(), ids=PREMIUMS.keys()
)
def test_premium(
    period: str, member_class: MemberClass, wage: str, base: str, account: str, pooled: str
) -> None:
    found = premium(EXAMPLE_AREA, month(period), fen(wage), member_class)
    assert found == Premium(fen(base), fen(account), fen(pooled))


def test_e08_what_a_flexible_worker_pays() -> None:
    assert premium(EXAMPLE_AREA, 202607, fen("5,073.60"), FLEXIBLE).total_fen == fen("481.99")


def test_e09_a_month_that_was_not_declared() -> None:
    charged = estimate(EXAMPLE_AREA, 202603, fen("12,345.67"))
    assert charged == fen("13,580.24")
    assert charged - fen("13,000.00") == fen("580.24")


def test_e10_a_base_corrected_for_twelve_months() -> None:
    months = [*range(202507, 202513), *range(202601, 202607)]
    before = [premium(EXAMPLE_AREA, period, fen("8,000.00"), ACTIVE) for period in months]
    after = [premium(EXAMPLE_AREA, period, fen("8,500.00"), ACTIVE) for period in months]
    assert sum(part.employee_fen for part in after) - sum(part.employee_fen for part in before) == fen(
        "120.00"
    )
    assert sum(part.employer_fen for part in after) - sum(part.employer_fen for part in before) == fen(
        "450.00"
    )


# group, own part, paid for the person
RESIDENTS = {
    "E40 no group pays in full": (None, "400.00", "0.00"),
    "E40 half-subsidised, old and poor": ("low_income_elderly", "200.00", "200.00"),
    "E40 half-subsidised, a minor": ("minor", "200.00", "200.00"),
    "minimum allowance": ("minimum_living", "0.00", "400.00"),
    "severely disabled": ("severely_disabled", "0.00", "400.00"),
}


@pytest.mark.parametrize(("group", "own", "subsidy"), RESIDENTS.values(), ids=RESIDENTS.keys())
def test_resident_premium(group: str | None, own: str, subsidy: str) -> None:
    found = resident_premium(EXAMPLE_AREA, date(2026, 1, 1), group)
    assert found == ResidentPremium(fen("400.00"), fen(own), fen(subsidy))


# -- options of an area ----------------------------------------------------------------------------------


def test_where_nothing_is_credited_on_benefit_the_whole_is_pooled() -> None:
    found = premium(area(unemployment_account=False), 202603, 0, UNEMPLOYED)
    assert found == Premium(fen("4,872.00"), 0, fen("97.44") + fen("365.40"))


def test_the_base_on_benefit_is_the_areas_own_share() -> None:
    found = premium(area(unemployment_base=RATE_SCALE), 202603, 0, UNEMPLOYED)
    assert found == Premium(fen("8,120.00"), fen("162.40"), fen("609.00"))


def test_a_bound_is_rounded_before_it_is_used() -> None:
    # 60 % of 8,120.01 is 4,872.006, and 55 % of 8,120.10 is 4,466.055
    assert contribution_base(area(average_wage=fen("8,120.01")), 202603, 1) == fen("4,872.01")
    tie = area(average_wage=fen("8,120.10"), base_floor=55_000_000, base_cap=55_000_000)
    assert contribution_base(tie, 202603, 1) == fen("4,466.06")
    assert contribution_base(tie, 202603, FEN_MAX) == fen("4,466.06")


def test_the_estimate_rounds_half_up_once() -> None:
    assert estimate(EXAMPLE_AREA, 202603, 5) == 6
    assert estimate(EXAMPLE_AREA, 202603, 4) == 4
    assert estimate(EXAMPLE_AREA, 202603, 0) == 0
    assert estimate(area(estimate_share=RATE_SCALE), 202603, fen("12,345.67")) == fen("12,345.67")


def test_the_rules_of_the_month_count_from_its_first_day() -> None:
    """A value that changes within a month holds from the next month on (K9)."""
    changing = Dated(
        "contributions.employee_rate",
        (
            DatedLine(date(2000, 1, 1), date(2026, 3, 1), 2_000_000, "of_base", "a test"),
            DatedLine(date(2026, 3, 2), None, 3_000_000, "of_base", "a test"),
        ),
    )
    policy = replace(EXAMPLE_AREA, employee_rate=changing)
    assert premium(policy, 202603, fen("8,000.00"), ACTIVE).employee_fen == fen("160.00")
    assert premium(policy, 202604, fen("8,000.00"), ACTIVE).employee_fen == fen("240.00")


# -- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member_class", "code"),
    [
        (MemberClass.RETIRED, RefusalCode.RETIREE_PAYS_NO_PREMIUM),
        (MemberClass.RESIDENT, RefusalCode.SCHEME_NO_ACCOUNT),
    ],
)
def test_who_owes_no_premium(member_class: MemberClass, code: RefusalCode) -> None:
    for wage_fen in (0, 800_000):  # whatever the wage: it is not what is wrong
        with pytest.raises(Refused) as refused:
            premium(EXAMPLE_AREA, 202603, wage_fen, member_class)
        assert refused.value.code is code


def test_every_class_is_judged() -> None:
    """A class of a later issue has to say here what it pays."""
    assert set(MemberClass) == {ACTIVE, FLEXIBLE, UNEMPLOYED, MemberClass.RETIRED, MemberClass.RESIDENT}


@pytest.mark.parametrize("member_class", [ACTIVE, FLEXIBLE])
@pytest.mark.parametrize("wage_fen", [0, -1, -800_000, FEN_MAX + 1])
def test_a_wage_that_cannot_be(member_class: MemberClass, wage_fen: int) -> None:
    with pytest.raises(Refused) as refused:
        premium(EXAMPLE_AREA, 202603, wage_fen, member_class)
    assert refused.value.code is RefusalCode.WAGE_INVALID
    assert refused.value.facts == {}
    with pytest.raises(Refused):
        contribution_base(EXAMPLE_AREA, 202603, wage_fen)


@pytest.mark.parametrize("member_class", [ACTIVE, FLEXIBLE, UNEMPLOYED])
@pytest.mark.parametrize(("period", "day"), [(202707, "2027-07-01"), (199912, "1999-12-01")])
def test_a_month_without_figures_is_missing_and_not_guessed(
    member_class: MemberClass, period: int, day: str
) -> None:
    for wage_fen in (800_000, 0):  # asked before the wage is judged
        with pytest.raises(MissingParameter) as missing:
            premium(EXAMPLE_AREA, period, wage_fen, member_class)
        assert str(missing.value.day) == day


def test_only_what_a_class_needs_is_asked_for() -> None:
    nothing: Dated[Any] = Dated("contributions.flexible_rate", ())
    policy = replace(EXAMPLE_AREA, flexible_rate=nothing, unemployment_base=nothing, retiree_credit=nothing)
    assert premium(policy, 202603, fen("8,000.00"), ACTIVE).total_fen == fen("760.00")
    for member_class in (FLEXIBLE, UNEMPLOYED):
        with pytest.raises(MissingParameter):
            premium(policy, 202603, fen("8,000.00"), member_class)


def test_other_callers_mistakes() -> None:
    with pytest.raises(ValueError, match="no such subsidy group"):
        resident_premium(EXAMPLE_AREA, date(2026, 1, 1), "miner")
    with pytest.raises(ValueError, match="must not be negative"):
        estimate(EXAMPLE_AREA, 202603, -1)
    with pytest.raises(MissingParameter):
        resident_premium(EXAMPLE_AREA, date(1999, 1, 1), None)


# -- any wage, any rates ---------------------------------------------------------------------------------

wages = st.integers(1, 5_000_000) | st.integers(1, FEN_MAX)
averages = st.integers(1, 3_000_000)
shares = st.integers(1, 10 * RATE_SCALE - 1) | st.sampled_from([60_000_000, 300_000_000])
rates = st.integers(0, RATE_SCALE - 1) | st.sampled_from([2_000_000, 7_500_000, 9_500_000])


@given(wages, averages, shares, shares, rates, rates)
@example(501_225, 812_000, 60_000_000, 300_000_000, 2_000_000, 7_500_000)
def test_the_two_parts_are_exact_shares_of_one_base(
    wage_fen: int, average: int, floor: int, cap: int, employee: int, employer: int
) -> None:
    assume(floor <= cap)
    policy = area(
        average_wage=average, base_floor=floor, base_cap=cap, employee_rate=employee, employer_rate=employer
    )
    found = premium(policy, 202603, wage_fen, ACTIVE)
    low, high = (half_up(Fraction(average * share, RATE_SCALE)) for share in (floor, cap))
    assert found.base_fen == sorted((low, wage_fen, high))[1]
    assert found.base_fen == contribution_base(policy, 202603, wage_fen)
    assert found.employee_fen == half_up(Fraction(found.base_fen * employee, RATE_SCALE))
    assert found.employer_fen == half_up(Fraction(found.base_fen * employer, RATE_SCALE))
    assert found.total_fen == found.employee_fen + found.employer_fen


@given(wages, rates, rates)
@example(507_360, 2_000_000, 9_500_000)
def test_the_parts_of_a_flexible_premium_are_the_whole(wage_fen: int, one: int, other: int) -> None:
    account_rate, rate = sorted((one, other))
    policy = area(flexible_rate=rate, flexible_account_rate=account_rate)
    found = premium(policy, 202603, wage_fen, FLEXIBLE)
    assert found.total_fen == half_up(Fraction(found.base_fen * rate, RATE_SCALE))
    assert found.employee_fen == half_up(Fraction(found.base_fen * account_rate, RATE_SCALE))
    assert found.employer_fen >= 0


@given(averages, shares, rates, rates)
def test_the_switch_moves_money_and_makes_none(
    average: int, share: int, employee: int, employer: int
) -> None:
    terms = {
        "average_wage": average,
        "unemployment_base": share,
        "employee_rate": employee,
        "employer_rate": employer,
    }
    credited = premium(area(**terms, unemployment_account=True), 202603, 0, UNEMPLOYED)
    pooled = premium(area(**terms, unemployment_account=False), 202603, 0, UNEMPLOYED)
    assert credited.base_fen == pooled.base_fen == half_up(Fraction(average * share, RATE_SCALE))
    assert credited.total_fen == pooled.total_fen
    assert pooled.employee_fen == 0


@given(wages, wages, st.sampled_from([ACTIVE, FLEXIBLE]))
def test_who_earns_more_pays_no_less(one: int, other: int, member_class: MemberClass) -> None:
    less, more = (premium(EXAMPLE_AREA, 202603, wage, member_class) for wage in sorted((one, other)))
    assert less.base_fen <= more.base_fen
    assert less.employee_fen <= more.employee_fen
    assert less.total_fen <= more.total_fen


@given(st.integers(0, 10**7), st.integers(0, RATE_SCALE))
@example(1, RATE_SCALE // 2)
def test_own_part_and_subsidy_are_the_premium(premium_fen: int, share: int) -> None:
    policy = replace(area(resident_premium=premium_fen), resident_subsidies={"minor": always("minor", share)})
    found = resident_premium(policy, date(2026, 1, 1), "minor")
    assert found.own_fen + found.subsidy_fen == found.premium_fen == premium_fen
    assert found.subsidy_fen == half_up(Fraction(premium_fen * share, RATE_SCALE))
    assert found.own_fen >= 0
