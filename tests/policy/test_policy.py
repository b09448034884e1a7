"""The policy file: what it may say, what is refused at load, and what it answers for a day."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.policy import (
    CARE_CLASSES,
    CARE_LEVELS,
    OPTIONAL_UNITS,
    PACKAGED_POLICIES,
    RATE_SCALE,
    SUBSIDY_GROUPS,
    UNITS,
    Dated,
    DueShift,
    LateFeeCap,
    MissingParameter,
    PartPayment,
    PocketOrder,
    Policy,
    PolicyError,
    Recovery,
    in_force,
    load_policies,
    load_policy,
    parse_rate,
)
from ledger.policy.access import ACCESS_UNITS
from ledger.policy.approvals import APPROVAL_UNITS
from ledger.policy.calendar import CALENDAR_UNITS
from ledger.policy.care import CHRONIC_UNITS, ON_FILE_UNITS
from ledger.policy.cases import CASES_UNITS
from ledger.policy.estates import ESTATES_UNITS
from ledger.policy.findings import FINDINGS_UNITS
from ledger.policy.parameters import ESTIMATES_IN_A_ROW, TAKEN_BACK_FROM
from ledger.policy.spending import CAPS_UNITS
from ledger.policy.transfers import TRANSFERS_UNITS

AREA = '[area]\ncode = "990100"\nname = "示例市"\n'


def line(name: str, value: str, valid_from: str = "2000-01-01", until: str | None = None) -> str:
    """One [[parameter]] as the file has it, with the right unit and some source."""
    rows = [
        "[[parameter]]",
        f'name = "{name}"',
        f'unit = "{(UNITS | OPTIONAL_UNITS)[name]}"',
        f'value = "{value}"',
        f"from = {valid_from}",
        'source = "a test"',
    ]
    if until is not None:
        rows.append(f"until = {until}")
    return "\n".join(rows) + "\n"


# A good value for each parameter, different wherever it can be from those of the shipped area.
GOOD = {
    "interest.demand": "0.0035",
    "interest.three_month": "0.0110",
    "interest.day_basis": "360",
    "spending.pocket_order": "current_year_first",
    "holds.days_max": "30",
    "contributions.average_wage": "7000.01",
    "contributions.floor_share": "0.50",
    "contributions.cap_share": "2.50",
    "contributions.employee_rate": "0.021",
    "contributions.employer_rate": "0.08",
    "contributions.flexible_rate": "0.10",
    "contributions.flexible_account_rate": "0.025",
    "contributions.due_day": "10",
    "contributions.due_shift": "next_weekday",
    "contributions.part_payment": "employee_first",
    "contributions.estimate_share": "1.20",
    "late_fee.daily_rate": "0.0004",
    "late_fee.cap": "principal",
    "retirees.monthly_credit": "0.00",
    "unemployment.base_share": "0.70",
    "unemployment.account_credit": "no",
    "residents.premium": "380.55",
    "residents.subsidy_share.minimum_living": "0.90",
    "residents.subsidy_share.severely_disabled": "0.80",
    "residents.subsidy_share.low_income_elderly": "0.333",
    "residents.subsidy_share.minor": "0",
    "registration.days": "45",
    "outpatient.ratio.active.level_1": "0.81",
    "outpatient.ratio.active.level_2": "0.71",
    "outpatient.ratio.active.level_3": "0.61",
    "outpatient.ratio.retired.level_1": "0.86",
    "outpatient.ratio.retired.level_2": "0.76",
    "outpatient.ratio.retired.level_3": "0.66",
    "outpatient.deductible.active": "500.50",
    "outpatient.deductible.retired": "0.00",
    "outpatient.cap.active": "9000.00",
    "outpatient.cap.retired": "11000.00",
    "inpatient.ratio.active.level_1": "0.94",
    "inpatient.ratio.active.level_2": "0.91",
    "inpatient.ratio.active.level_3": "0.87",
    "inpatient.ratio.retired.level_1": "1.00",
    "inpatient.ratio.retired.level_2": "0.96",
    "inpatient.ratio.retired.level_3": "0.92",
    "inpatient.deductible.active.level_1": "310.00",
    "inpatient.deductible.active.level_2": "610.00",
    "inpatient.deductible.active.level_3": "910.00",
    "inpatient.deductible.retired.level_1": "210.00",
    "inpatient.deductible.retired.level_2": "510.00",
    "inpatient.deductible.retired.level_3": "810.00",
    "inpatient.cap.active": "290000.00",
    "inpatient.cap.retired": "310000.00",
    "inpatient.second_admission_factor": "0.40",
    "large_fund.ratio.level_1": "0.89",
    "large_fund.ratio.level_2": "0.88",
    "large_fund.ratio.level_3": "0.87",
    "large_fund.cap": "390000.00",
    "top_up.threshold": "14000.00",
    "top_up.ratio": "0.55",
    "out_of_area.points.long_term": "0.01",
    "out_of_area.points.referred": "0.08",
    "out_of_area.points.emergency": "0.05",
    "out_of_area.points.none": "0.15",
    "referral.required": "yes",
    "referral.points": "0.12",
    "pharmacy.pooled": "yes",
    "account.own_expense": "yes",
    "account.items_refused": "none",
    "waiting.gap_months": "2",
    "waiting.months": "4",
    "settlement.quote_minutes": "15",
    "settlement.reversal_days": "180",
    "filing.late_days": "0",
    "claims.submit_days": "700",
    "claims.decide_days": "20",
    "article_30.recovery": "fund_first",
    "article_30.set_off": "no",
    "mutual_aid.paused_donor": "yes",
    "mutual_aid.resident_premium": "no",
}
GOOD_CHRONIC = {
    "chronic.ratio.active.level_1": "0.82",
    "chronic.ratio.active.level_2": "0.72",
    "chronic.ratio.active.level_3": "0.62",
    "chronic.ratio.retired.level_1": "0.87",
    "chronic.ratio.retired.level_2": "0.77",
    "chronic.ratio.retired.level_3": "0.67",
    "chronic.deductible.active": "100.00",
    "chronic.deductible.retired": "90.00",
    "chronic.cap.active": "5000.00",
    "chronic.cap.retired": "6000.00",
}


def area_with(parameter: str, *lines: str) -> str:
    """A whole file, with these lines for one parameter and good ones for all others."""
    others = "".join(line(name, value) for name, value in GOOD.items() if name != parameter)
    return AREA + "".join(lines) + others


OTHERS = area_with("interest.demand").removeprefix(AREA)
DEMAND = line("interest.demand", "0.0035")


def demand(*lines: str) -> Dated[int]:
    return load_policy(area_with("interest.demand", *lines), "test.toml").interest_demand


# The shipped example area


def test_the_shipped_area_loads_with_its_figures() -> None:
    policies = load_policies()
    assert list(policies) == ["990100"]
    policy = policies["990100"]
    assert (policy.area, policy.name) == ("990100", "示例市")
    assert policy.interest_demand.on(date(2026, 6, 30)) == 350_000  # 0.35 %
    assert policy.interest_demand.on(date(2026, 7, 1)) == 100_000
    assert policy.interest_three_month.on(date(2026, 6, 30)) == 1_100_000
    assert policy.interest_three_month.on(date(2026, 7, 1)) == 650_000
    assert policy.day_basis.on(date(2026, 1, 1)) == 360
    assert policy.pocket_order.on(date(2026, 1, 1)) is PocketOrder.CURRENT_YEAR_FIRST
    assert policy.hold_days_max.on(date(2026, 1, 1)) == 366


def test_the_hash_is_over_the_bytes_of_the_file_and_the_text_loads_again() -> None:
    policy = load_policies()["990100"]
    assert policy.hash == sha256((PACKAGED_POLICIES / "990100.toml").read_bytes()).hexdigest()
    again = load_policy(policy.text, "stored")
    assert again.hash == policy.hash
    assert again.parameters == policy.parameters


def test_line_ends_are_kept_for_the_hash(tmp_path: Path) -> None:
    content = (AREA + DEMAND + OTHERS).replace("\n", "\r\n").encode()
    (tmp_path / "990100.toml").write_bytes(content)
    assert load_policies(tmp_path)["990100"].hash == sha256(content).hexdigest()


def test_every_line_can_be_shown_as_it_stands_in_the_file() -> None:
    policy = load_policies()["990100"]
    rates = [row for row in policy.parameters if row.name == "interest.demand"]
    assert [(row.value, row.unit, row.valid_from, row.valid_until) for row in rates] == [
        ("0.0035", "per_year", date(2000, 1, 1), None),
        ("0.0010", "per_year", date(2026, 7, 1), None),
    ]
    assert all("example area" in row.source for row in policy.parameters)


def dated_in(value: object) -> Iterator[Dated[object]]:
    """Every parameter in a field of a policy, however deep it lies."""
    if isinstance(value, Dated):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from dated_in(one)
    elif is_dataclass(value):
        for field in fields(value):
            yield from dated_in(getattr(value, field.name))


def dated_fields(policy: Policy) -> dict[str, Dated[object]]:
    """Every parameter of a policy by its name in the file."""
    found = list(dated_in(policy))
    by_name = {dated.name: dated for dated in found}
    assert len(by_name) == len(found), "two fields of one parameter"
    return by_name


# what an area may leave out and the example area has on every day
ALWAYS = [*ON_FILE_UNITS, ESTIMATES_IN_A_ROW, TAKEN_BACK_FROM, *ACCESS_UNITS]
# a verb of which an area says nothing asks for no second person: the example area says something of these
OF_TWO = [
    *(f"approvals.{verb}" for verb in ("contribution", "death_withdrawal", "estate", "estate_unclaimed")),
    *(f"approvals.{verb}" for verb in ("estate_undo", "exit", "id_number", "merge")),
    "approvals.days",
]
LEFT_OUT = [*ALWAYS, *CASES_UNITS, *OF_TWO, *TRANSFERS_UNITS, *ESTATES_UNITS, *FINDINGS_UNITS]


def test_every_parameter_has_a_field_of_its_own() -> None:
    policy = load_policies()["990100"]
    assert sorted(dated_fields(policy)) == sorted(UNITS | OPTIONAL_UNITS)
    assert sorted(GOOD) == sorted(UNITS)
    optional = {*GOOD_CHRONIC, *LEFT_OUT, *CALENDAR_UNITS, *APPROVAL_UNITS, *CAPS_UNITS}
    assert sorted(optional) == sorted(OPTIONAL_UNITS)
    assert tuple(policy.resident_subsidies) == SUBSIDY_GROUPS


SHIPPED = {
    "average wage before July 2025": ("average_wage", "2025-06-30", 783_300),
    "average wage of 2025/26": ("average_wage", "2025-07-01", 812_000),
    "average wage to the end of June": ("average_wage", "2026-06-30", 812_000),
    "average wage of 2026/27": ("average_wage", "2026-07-01", 845_600),
    "floor": ("base_floor", "2026-03-01", 60_000_000),
    "cap": ("base_cap", "2026-03-01", 300_000_000),
    "employee": ("employee_rate", "2026-03-01", 2_000_000),
    "employer": ("employer_rate", "2026-03-01", 7_500_000),
    "flexible": ("flexible_rate", "2026-03-01", 9_500_000),
    "flexible, of it to the account": ("flexible_account_rate", "2026-03-01", 2_000_000),
    "due day": ("due_day", "2026-03-01", 15),
    "due day on a weekend": ("due_shift", "2026-03-01", DueShift.NONE),
    "part payment": ("part_payment", "2026-03-01", PartPayment.PRO_RATA),
    "estimate": ("estimate_share", "2026-03-01", 110_000_000),
    "estimates in a row": ("estimates_in_a_row", "2026-03-01", 3),
    "late fee until June 2011": ("late_fee_rate", "2011-06-30", 200_000),
    "late fee from July 2011": ("late_fee_rate", "2011-07-01", 50_000),
    "late fee cap": ("late_fee_cap", "2026-03-01", LateFeeCap.NONE),
    "retiree credit": ("retiree_credit", "2026-03-01", 11_000),
    "unemployed": ("unemployment_base", "2026-03-01", 60_000_000),
    "unemployed, account credited": ("unemployment_account", "2026-03-01", True),
    "resident premium": ("resident_premium", "2026-03-01", 40_000),
    "registration": ("registration_days", "2026-03-01", 30),
}


@pytest.mark.parametrize(("field", "day", "value"), SHIPPED.values(), ids=SHIPPED.keys())
def test_the_shipped_area_says_of_contributions(field: str, day: str, value: object) -> None:
    assert getattr(load_policies()["990100"], field).on(date.fromisoformat(day)) == value


def test_the_shipped_area_subsidises_four_groups() -> None:
    shares = load_policies()["990100"].resident_subsidies
    assert {group: share.on(date(2026, 1, 1)) for group, share in shares.items()} == {
        "minimum_living": RATE_SCALE,
        "severely_disabled": RATE_SCALE,
        "low_income_elderly": RATE_SCALE // 2,
        "minor": RATE_SCALE // 2,
    }


# table, class; ratios by level in per cent, deductible and cap in fen
SHIPPED_TABLES = {
    "outpatient, at work": ("outpatient", "active", [80, 70, 60], [60_000], 1_000_000),
    "outpatient, retired": ("outpatient", "retired", [85, 75, 65], [40_000], 1_200_000),
    "inpatient, at work": ("inpatient", "active", [95, 92, 88], [30_000, 60_000, 90_000], 30_000_000),
    "inpatient, retired": ("inpatient", "retired", [98, 95, 91], [30_000, 60_000, 90_000], 30_000_000),
}


@pytest.mark.parametrize(
    ("table", "care_class", "ratios", "deductibles", "cap"),
    SHIPPED_TABLES.values(),
    ids=SHIPPED_TABLES.keys(),
)
def test_the_tables_of_the_shipped_area(
    table: str, care_class: str, ratios: list[int], deductibles: list[int], cap: int
) -> None:
    found = {name: dated.on(date(2026, 3, 1)) for name, dated in dated_fields_of_care().items()}
    assert [found[f"{table}.ratio.{care_class}.level_{level}"] for level in CARE_LEVELS] == [
        per_cent * RATE_SCALE // 100 for per_cent in ratios
    ]
    by_level = [f".level_{level}" for level in CARE_LEVELS] if len(deductibles) > 1 else [""]
    assert [found[f"{table}.deductible.{care_class}{level}"] for level in by_level] == deductibles
    assert found[f"{table}.cap.{care_class}"] == cap


def dated_fields_of_care() -> dict[str, Dated[object]]:
    care = load_policies()["990100"].care
    return {dated.name: dated for dated in dated_in(care) if dated.lines}


SHIPPED_CARE = {
    "inpatient.second_admission_factor": 50_000_000,
    "large_fund.ratio.level_1": 90_000_000,
    "large_fund.ratio.level_2": 90_000_000,
    "large_fund.ratio.level_3": 90_000_000,
    "large_fund.cap": 40_000_000,
    "top_up.threshold": 1_500_000,
    "top_up.ratio": 60_000_000,
    "out_of_area.points.long_term": 0,
    "out_of_area.points.referred": 10_000_000,
    "out_of_area.points.emergency": 10_000_000,
    "out_of_area.points.none": 20_000_000,
    "referral.required": False,
    "referral.points": 10_000_000,
    "pharmacy.pooled": False,
    "account.own_expense": False,
    "account.items_refused": ("FIT", "WEL", "PUB"),
    "waiting.gap_months": 3,
    "waiting.months": 6,
    "settlement.quote_minutes": 30,
    "settlement.reversal_days": 366,
    "filing.late_days": 90,
    "claims.submit_days": 366,
    "claims.decide_days": 30,
    "article_30.recovery": Recovery.PRO_RATA,
    "article_30.set_off": True,
    "mutual_aid.paused_donor": False,
    "mutual_aid.resident_premium": True,
}


@pytest.mark.parametrize(("name", "value"), SHIPPED_CARE.items(), ids=SHIPPED_CARE.keys())
def test_the_shipped_area_says_of_care(name: str, value: object) -> None:
    assert dated_fields_of_care()[name].on(date(2026, 3, 1)) == value


def test_the_tables_of_care_are_asked_by_class_and_level() -> None:
    care = load_policy(area_with("") + chronic(), "990100.toml").care
    day = date(2026, 3, 1)
    for care_class in CARE_CLASSES:
        for level in CARE_LEVELS:
            cell = (care_class, level)
            assert care.outpatient.ratio[cell].name == f"outpatient.ratio.{care_class}.level_{level}"
            assert care.chronic.ratio[cell].name == f"chronic.ratio.{care_class}.level_{level}"
            assert care.inpatient.ratio[cell].name == f"inpatient.ratio.{care_class}.level_{level}"
            assert care.inpatient.deductible[cell].name == f"inpatient.deductible.{care_class}.level_{level}"
            assert care.large_ratio[level].name == f"large_fund.ratio.level_{level}"
        assert care.chronic.deductible[care_class].on(day) == (10_000 if care_class == "active" else 9_000)
    for filing, points in care.out_of_area_points.items():
        assert points.name == f"out_of_area.points.{filing}"


# Chronic care, which an area may leave to the outpatient table


def chronic(valid_from: str = "2000-01-01", until: str | None = None, without: str = "") -> str:
    return "".join(
        line(name, value, valid_from, until) for name, value in GOOD_CHRONIC.items() if name != without
    )


def test_an_area_without_chronic_parameters_lacks_nothing() -> None:
    policy = load_policies()["990100"]
    assert not policy.care.has_chronic(date(2026, 3, 1))
    assert in_force(policy, date(2026, 3, 1)).missing == []
    with pytest.raises(MissingParameter, match=r"chronic\.cap\.active has no value on 2026-03-01"):
        policy.care.chronic.cap["active"].on(date(2026, 3, 1))


def test_chronic_parameters_hold_for_their_days() -> None:
    policy = load_policy(area_with("") + chronic("2025-01-01", "2025-12-31"), "990100.toml")
    held = [policy.care.has_chronic(date.fromisoformat(day)) for day in ("2024-12-31", "2025-01-01")]
    assert held == [False, True]
    held = [policy.care.has_chronic(date.fromisoformat(day)) for day in ("2025-12-31", "2026-01-01")]
    assert held == [True, False]
    lines, missing = in_force(policy, date(2025, 6, 1))
    assert [row.name for row in lines] == [*UNITS, *CHRONIC_UNITS]
    assert missing == []
    lines, missing = in_force(policy, date(2026, 1, 1))
    assert [row.name for row in lines] == list(UNITS)
    assert missing == []


@pytest.mark.parametrize("complete", [True, False], ids=["in use", "stored"])
@pytest.mark.parametrize("parameter", CHRONIC_UNITS)
def test_chronic_parameters_are_there_together(parameter: str, complete: bool) -> None:
    there = next(name for name in CHRONIC_UNITS if name != parameter)
    with pytest.raises(PolicyError) as error:
        load_policy(area_with("") + chronic(without=parameter), "990100.toml", complete=complete)
    problem = f"{parameter}: missing parameter: {there} is there, and needs it"
    assert str(error.value) == f"990100.toml: {problem}"


@pytest.mark.parametrize(
    ("valid_from", "until"), [("2000-01-02", None), ("2000-01-01", "2026-12-31")], ids=["later", "shorter"]
)
def test_chronic_parameters_hold_on_the_same_days(valid_from: str, until: str | None) -> None:
    last = "chronic.cap.retired"
    text = area_with("") + chronic(without=last) + line(last, "1.00", valid_from, until)
    with pytest.raises(PolicyError) as error:
        load_policy(text, "990100.toml")
    problem = f"{last} from {valid_from}: holds on other days than chronic.ratio.active.level_1"
    assert str(error.value) == f"990100.toml: {problem}"


def test_one_chronic_parameter_may_change_within_the_days_of_all() -> None:
    cap = "chronic.cap.active"
    text = area_with("") + chronic(without=cap) + line(cap, "1.00") + line(cap, "2.00", "2026-01-01")
    caps = load_policy(text, "990100.toml").care.chronic.cap["active"]
    assert [caps.on(date(2025, 12, 31)), caps.on(date(2026, 1, 1))] == [100, 200]


def test_the_next_average_wage_of_the_shipped_area_is_not_known_yet() -> None:
    wage = load_policies()["990100"].average_wage
    assert wage.on(date(2027, 6, 30)) == 845_600
    with pytest.raises(MissingParameter, match=r"contributions\.average_wage has no value on 2027-07-01"):
        wage.on(date(2027, 7, 1))


def test_another_area_loads_the_same_way() -> None:
    policy = load_policy(area_with("").replace("990100", "990200"), "990200.toml")
    found = dated_fields(policy)
    values = {name: found[name].on(date(2026, 1, 1)) for name in UNITS}
    assert policy.area == "990200"
    assert values == {
        "interest.demand": 350_000,
        "interest.three_month": 1_100_000,
        "interest.day_basis": 360,
        "spending.pocket_order": PocketOrder.CURRENT_YEAR_FIRST,
        "holds.days_max": 30,
        "contributions.average_wage": 700_001,
        "contributions.floor_share": 50_000_000,
        "contributions.cap_share": 250_000_000,
        "contributions.employee_rate": 2_100_000,
        "contributions.employer_rate": 8_000_000,
        "contributions.flexible_rate": 10_000_000,
        "contributions.flexible_account_rate": 2_500_000,
        "contributions.due_day": 10,
        "contributions.due_shift": DueShift.NEXT_WEEKDAY,
        "contributions.part_payment": PartPayment.EMPLOYEE_FIRST,
        "contributions.estimate_share": 120_000_000,
        "late_fee.daily_rate": 40_000,
        "late_fee.cap": LateFeeCap.PRINCIPAL,
        "retirees.monthly_credit": 0,
        "unemployment.base_share": 70_000_000,
        "unemployment.account_credit": False,
        "residents.premium": 38_055,
        "residents.subsidy_share.minimum_living": 90_000_000,
        "residents.subsidy_share.severely_disabled": 80_000_000,
        "residents.subsidy_share.low_income_elderly": 33_300_000,
        "residents.subsidy_share.minor": 0,
        "registration.days": 45,
        "outpatient.ratio.active.level_1": 81_000_000,
        "outpatient.ratio.active.level_2": 71_000_000,
        "outpatient.ratio.active.level_3": 61_000_000,
        "outpatient.ratio.retired.level_1": 86_000_000,
        "outpatient.ratio.retired.level_2": 76_000_000,
        "outpatient.ratio.retired.level_3": 66_000_000,
        "outpatient.deductible.active": 50_050,
        "outpatient.deductible.retired": 0,
        "outpatient.cap.active": 900_000,
        "outpatient.cap.retired": 1_100_000,
        "inpatient.ratio.active.level_1": 94_000_000,
        "inpatient.ratio.active.level_2": 91_000_000,
        "inpatient.ratio.active.level_3": 87_000_000,
        "inpatient.ratio.retired.level_1": RATE_SCALE,
        "inpatient.ratio.retired.level_2": 96_000_000,
        "inpatient.ratio.retired.level_3": 92_000_000,
        "inpatient.deductible.active.level_1": 31_000,
        "inpatient.deductible.active.level_2": 61_000,
        "inpatient.deductible.active.level_3": 91_000,
        "inpatient.deductible.retired.level_1": 21_000,
        "inpatient.deductible.retired.level_2": 51_000,
        "inpatient.deductible.retired.level_3": 81_000,
        "inpatient.cap.active": 29_000_000,
        "inpatient.cap.retired": 31_000_000,
        "inpatient.second_admission_factor": 40_000_000,
        "large_fund.ratio.level_1": 89_000_000,
        "large_fund.ratio.level_2": 88_000_000,
        "large_fund.ratio.level_3": 87_000_000,
        "large_fund.cap": 39_000_000,
        "top_up.threshold": 1_400_000,
        "top_up.ratio": 55_000_000,
        "out_of_area.points.long_term": 1_000_000,
        "out_of_area.points.referred": 8_000_000,
        "out_of_area.points.emergency": 5_000_000,
        "out_of_area.points.none": 15_000_000,
        "referral.required": True,
        "referral.points": 12_000_000,
        "pharmacy.pooled": True,
        "account.own_expense": True,
        "account.items_refused": (),
        "waiting.gap_months": 2,
        "waiting.months": 4,
        "settlement.quote_minutes": 15,
        "settlement.reversal_days": 180,
        "filing.late_days": 0,
        "claims.submit_days": 700,
        "claims.decide_days": 20,
        "article_30.recovery": Recovery.FUND_FIRST,
        "article_30.set_off": False,
        "mutual_aid.paused_donor": True,
        "mutual_aid.resident_premium": False,
    }


# Values on a day


def test_a_value_holds_from_its_day_to_the_eve_of_the_next() -> None:
    rate = demand(
        line("interest.demand", "0.0035", "2020-01-01"),
        line("interest.demand", "0.0010", "2026-07-01"),
        line("interest.demand", "0.0005", "2027-01-01", until="2027-12-31"),
    )
    assert rate.on(date(2020, 1, 1)) == 350_000
    assert rate.on(date(2026, 6, 30)) == 350_000
    assert rate.on(date(2026, 7, 1)) == 100_000
    assert rate.on(date(2026, 12, 31)) == 100_000
    assert rate.on(date(2027, 1, 1)) == 50_000
    assert rate.on(date(2027, 12, 31)) == 50_000
    assert [kept.valid_until for kept in rate.lines] == [
        date(2026, 6, 30),
        date(2026, 12, 31),
        date(2027, 12, 31),
    ]


def test_a_day_has_a_line_with_what_the_file_says() -> None:
    rate = demand(
        line("interest.demand", "0.0035", "2020-01-01"),
        line("interest.demand", "0.00100", "2026-07-01", until="2027-12-31"),
    )
    held = rate.line_on(date(2026, 7, 1))
    assert (held.value, held.written, held.source) == (100_000, "0.00100", "a test")
    assert (held.valid_from, held.valid_until) == (date(2026, 7, 1), date(2027, 12, 31))
    assert rate.line_on(date(2026, 6, 30)).written == "0.0035"
    with pytest.raises(MissingParameter, match=r"interest\.demand has no value on 2028-01-01"):
        rate.line_on(date(2028, 1, 1))
    days = [date(2019, 12, 31), date(2020, 1, 1), date(2027, 12, 31), date(2028, 1, 1)]
    assert [rate.holds_on(day) for day in days] == [False, True, True, False]


@pytest.mark.parametrize("day", [date(2019, 12, 31), date(2028, 1, 1)])
def test_a_day_outside_is_missing_by_name_and_day(day: date) -> None:
    rate = demand(line("interest.demand", "0.0035", "2020-01-01", until="2027-12-31"))
    with pytest.raises(MissingParameter) as missing:
        rate.on(day)
    assert (missing.value.name, missing.value.day) == ("interest.demand", day)
    assert str(missing.value) == f"interest.demand has no value on {day}"


def test_bands_cover_the_span_and_are_cut_where_the_value_changes() -> None:
    rate = demand(
        line("interest.demand", "0.0035", "2020-01-01", until="2026-06-30"),
        line("interest.demand", "0.0010", "2026-07-01"),
        line("interest.demand", "0.0005", "2027-01-01", until="2027-12-31"),
    )
    assert rate.bands(date(2026, 1, 1), date(2027, 1, 1)) == [
        (date(2026, 1, 1), date(2026, 6, 30), 350_000),
        (date(2026, 7, 1), date(2026, 12, 31), 100_000),
        (date(2027, 1, 1), date(2027, 1, 1), 50_000),
    ]
    # spans that end, begin or lie on a boundary
    assert rate.bands(date(2026, 1, 1), date(2026, 6, 30)) == [(date(2026, 1, 1), date(2026, 6, 30), 350_000)]
    assert rate.bands(date(2026, 7, 1), date(2026, 7, 2)) == [(date(2026, 7, 1), date(2026, 7, 2), 100_000)]
    assert rate.bands(date(2026, 6, 30), date(2026, 6, 30)) == [
        (date(2026, 6, 30), date(2026, 6, 30), 350_000)
    ]
    assert rate.bands(date(2026, 7, 1), date(2026, 6, 30)) == []


@pytest.mark.parametrize(
    ("first", "last", "uncovered"),
    [
        (date(2019, 12, 1), date(2020, 3, 1), date(2019, 12, 1)),
        (date(2018, 1, 1), date(2019, 1, 1), date(2018, 1, 1)),
        (date(2027, 12, 1), date(2028, 3, 1), date(2028, 1, 1)),
        (date(2028, 5, 1), date(2028, 5, 1), date(2028, 5, 1)),
    ],
)
def test_bands_name_the_first_day_without_a_value(first: date, last: date, uncovered: date) -> None:
    rate = demand(line("interest.demand", "0.0035", "2020-01-01", until="2027-12-31"))
    with pytest.raises(MissingParameter, match=f"interest.demand has no value on {uncovered}"):
        rate.bands(first, last)


@pytest.mark.parametrize(
    ("text", "scaled"), [("0", 0), ("0.0", 0), ("0.5", 50_000_000), ("0.0110", 1_100_000), ("0.00000001", 1)]
)
def test_a_rate_is_an_exact_integer(text: str, scaled: int) -> None:
    assert RATE_SCALE == 100_000_000
    assert parse_rate(text) == scaled


@pytest.mark.parametrize(
    "text",
    [
        "1.10",
        "1",
        "-0.01",
        "+0.01",
        ".01",
        "0.",
        "0.000000001",
        "1e-3",
        "0,01",
        " 0.01",
        "0.01\n",
        "0.\u0660\u0661",
    ],
)
def test_a_rate_outside_or_unclear_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match="a rate is a fraction of one"):
        parse_rate(text)


def test_the_options_of_an_area() -> None:
    text = AREA + DEMAND + OTHERS
    text = text.replace('"360"', '"365"').replace("current_year_first", "carried_over_first")
    policy = load_policy(text, "test.toml")
    assert policy.day_basis.on(date(2026, 1, 1)) == 365
    assert policy.pocket_order.on(date(2026, 1, 1)) is PocketOrder.CARRIED_OVER_FIRST


# What is refused at load: the file, the parameter and the date are named


IN_2026 = line("interest.demand", "0.0010", "2026-07-01")

BAD_LINES = {
    "duplicate": (
        DEMAND + line("interest.demand", "0.0040"),
        "interest.demand from 2000-01-01: two lines from the same day",
    ),
    "not sorted": (
        IN_2026 + DEMAND,
        "interest.demand from 2000-01-01: not sorted: stands after the line from 2026-07-01",
    ),
    "overlap": (
        line("interest.demand", "0.0035", until="2026-07-01") + IN_2026,
        "interest.demand from 2026-07-01: overlap: the line before it holds until 2026-07-01",
    ),
    "gap": (
        line("interest.demand", "0.0035", until="2026-06-29") + IN_2026,
        "interest.demand from 2026-07-01: gap: the line before it holds until 2026-06-29",
    ),
    "ends before it begins": (
        line("interest.demand", "0.0010", "2026-07-01", until="2026-06-30"),
        "interest.demand from 2026-07-01: until 2026-06-30 is before from",
    ),
    "missing parameter": ("", "interest.demand: missing parameter"),
    "unknown parameter": (
        DEMAND.replace("interest.demand", "interest.demnad"),
        "interest.demnad from 2000-01-01: unknown parameter",
    ),
    "unknown key": (DEMAND + "till = 2026-06-30\n", "interest.demand from 2000-01-01: unknown key till"),
    "wrong unit": (
        DEMAND.replace("per_year", "per_cent"),
        "interest.demand from 2000-01-01: unit must be per_year, not per_cent",
    ),
    "no unit": (
        DEMAND.replace('unit = "per_year"', ""),
        "interest.demand from 2000-01-01: unit is missing",
    ),
    "no source": (
        DEMAND.replace('source = "a test"', ""),
        "interest.demand from 2000-01-01: source is missing",
    ),
    "empty source": (DEMAND.replace("a test", ""), "interest.demand from 2000-01-01: source is missing"),
    "blank source": (DEMAND.replace("a test", "  "), "interest.demand from 2000-01-01: source is missing"),
    "no value": (
        DEMAND.replace('value = "0.0035"', ""),
        "interest.demand from 2000-01-01: value is missing",
    ),
    "float value": (
        DEMAND.replace('"0.0035"', "0.0035"),
        'interest.demand from 2000-01-01: value must be a string, as value = "…", not float',
    ),
    "integer value": (
        DEMAND.replace('"0.0035"', "0"),
        'interest.demand from 2000-01-01: value must be a string, as value = "…", not int',
    ),
    "bad rate": (
        DEMAND.replace("0.0035", "0.35 %"),
        (
            'interest.demand from 2000-01-01: bad value "0.35 %": '
            'a rate is a fraction of one, as "0.0110", with at most 8 decimals'
        ),
    ),
    "from with a time": (
        DEMAND.replace("2000-01-01", "2000-01-01T00:00:00"),
        "interest.demand: from must be there and be a date, as 2026-07-01",
    ),
    "from as a string": (
        DEMAND.replace("2000-01-01", '"2000-01-01"'),
        "interest.demand: from must be there and be a date, as 2026-07-01",
    ),
    "no from": (
        DEMAND.replace("from = 2000-01-01", ""),
        "interest.demand: from must be there and be a date, as 2026-07-01",
    ),
    "until as a string": (
        DEMAND + 'until = "2026-06-30"\n',
        "interest.demand from 2000-01-01: until must be a date, as 2026-06-30",
    ),
    "no name": (DEMAND.replace('name = "interest.demand"', ""), "a [[parameter]] has no name"),
}


@pytest.mark.parametrize(("lines", "problem"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_line_is_refused_by_file_parameter_and_date(lines: str, problem: str) -> None:
    with pytest.raises(PolicyError) as error:
        load_policy(AREA + lines + OTHERS, "990100.toml")
    assert str(error.value) == f"990100.toml: {problem}"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            '"360"',
            '"364"',
            'interest.day_basis from 2000-01-01: bad value "364": the day basis is "360" or "365"',
        ),
        (
            "current_year_first",
            "cy_first",
            (
                'spending.pocket_order from 2000-01-01: bad value "cy_first": '
                'the order is "current_year_first" or "carried_over_first"'
            ),
        ),
        (
            '"30"',
            '"0"',
            'holds.days_max from 2000-01-01: bad value "0": days are a whole number from "1" to "9999"',
        ),
    ],
)
def test_a_bad_choice_is_refused(old: str, new: str, problem: str) -> None:
    with pytest.raises(PolicyError) as error:
        load_policy((AREA + DEMAND + OTHERS).replace(old, new), "990100.toml")
    assert str(error.value) == f"990100.toml: {problem}"


@pytest.mark.parametrize("parameter", UNITS)
def test_every_parameter_must_be_there(parameter: str) -> None:
    with pytest.raises(PolicyError) as error:
        load_policy(area_with(parameter), "990100.toml")
    assert str(error.value) == f"990100.toml: {parameter}: missing parameter"


@pytest.mark.parametrize("parameter", UNITS)
def test_a_stored_version_may_lack_what_was_not_known_yet(parameter: str) -> None:
    policy = load_policy(area_with(parameter), "stored", complete=False)
    found = dated_fields(policy)
    for name in UNITS:
        dated = found[name]
        if name != parameter:
            assert dated.on(date(2026, 1, 1)) is not None
            continue
        with pytest.raises(MissingParameter, match=f"{parameter} has no value on 2026-01-01"):
            dated.on(date(2026, 1, 1))


def test_a_stored_version_is_checked_all_the_same() -> None:
    with pytest.raises(PolicyError, match=r"^stored: late_fee\.cap from 2000-01-01: bad value"):
        load_policy(AREA + line("late_fee.cap", "half"), "stored", complete=False)


RATE = 'a rate is a fraction of one, as "0.0110", with at most 8 decimals'
SHARE = 'a share is from "0" to "1", as "0.50", with at most 8 decimals'
MULTIPLE = 'a multiple is more than 0 and less than 10, as "0.60" or "3.00", with at most 8 decimals'
AMOUNT = 'an amount is yuan with two decimals, as "8120.00"'
PREFIXES = 'item prefixes are "none", or in capitals, each once, between commas, as "FIT,WEL"'
DUE_DAY = 'the due day is a day of the month from "1" to "28"'

BAD_VALUES = [
    ("contributions.average_wage", "8120", AMOUNT),
    ("contributions.average_wage", "8,120.00", AMOUNT),
    ("contributions.average_wage", "-8120.00", AMOUNT),
    ("contributions.average_wage", "8120.00 yuan", AMOUNT),
    ("contributions.average_wage", "\uff18120.00", AMOUNT),
    ("contributions.average_wage", "0.00", "an average wage is more than zero"),
    ("contributions.floor_share", "60", MULTIPLE),
    ("contributions.floor_share", "60%", MULTIPLE),
    ("contributions.floor_share", "0.00", MULTIPLE),
    ("contributions.floor_share", "-0.60", MULTIPLE),
    ("contributions.cap_share", "300", MULTIPLE),
    ("contributions.cap_share", "10.00", MULTIPLE),
    ("contributions.cap_share", "3.", MULTIPLE),
    ("contributions.cap_share", "3.000000001", MULTIPLE),
    ("contributions.employee_rate", "2", RATE),
    ("contributions.employer_rate", "7.5", RATE),
    ("contributions.flexible_rate", "1.00", RATE),
    ("contributions.flexible_account_rate", "-0.02", RATE),
    ("contributions.due_day", "0", DUE_DAY),
    ("contributions.due_day", "29", DUE_DAY),
    ("contributions.due_day", "05", DUE_DAY),
    ("contributions.due_day", "15th", DUE_DAY),
    ("contributions.due_shift", "yes", 'the shift is "none" or "next_weekday"'),
    ("contributions.part_payment", "", None),
    (
        "contributions.part_payment",
        "employer_first",
        'the way is "pro_rata", "employee_first" or "full_month"',
    ),
    ("contributions.estimate_share", "110", MULTIPLE),
    ("late_fee.daily_rate", "0.05 %", RATE),
    ("late_fee.cap", "arrears", 'the cap is "none" or "principal"'),
    ("retirees.monthly_credit", "110", AMOUNT),
    ("unemployment.base_share", "60", MULTIPLE),
    ("unemployment.account_credit", "true", 'a switch is "yes" or "no"'),
    ("residents.premium", "400.0", AMOUNT),
    ("residents.subsidy_share.minor", "1.01", SHARE),
    ("residents.subsidy_share.minor", "50", SHARE),
    ("registration.days", "0", 'days are a whole number from "1" to "9999"'),
    ("registration.days", "010", 'days are a whole number from "1" to "9999"'),
    ("outpatient.ratio.active.level_1", "80", SHARE),
    ("inpatient.ratio.retired.level_3", "1.01", SHARE),
    ("outpatient.deductible.active", "600", AMOUNT),
    ("inpatient.deductible.active.level_2", "-600.00", AMOUNT),
    ("inpatient.cap.active", "300000", AMOUNT),
    ("inpatient.second_admission_factor", "2.00", SHARE),
    ("large_fund.ratio.level_1", "90 %", SHARE),
    ("large_fund.cap", "400000", AMOUNT),
    ("top_up.ratio", "60", SHARE),
    ("out_of_area.points.none", "20", RATE),
    ("out_of_area.points.referred", "-0.10", RATE),
    ("referral.points", "1.00", RATE),
    ("referral.required", "off", 'a switch is "yes" or "no"'),
    ("account.items_refused", "", None),
    ("account.items_refused", "FIT,", PREFIXES),
    ("account.items_refused", "FIT, WEL", PREFIXES),
    ("account.items_refused", "FIT,FIT", PREFIXES),
    ("account.items_refused", "fit", PREFIXES),
    ("account.items_refused", "none,FIT", PREFIXES),
    ("account.items_refused", "FITNESS-AND-WELLNESS", PREFIXES),
    ("waiting.gap_months", "13", 'months are a whole number from "0" to "12"'),
    ("waiting.months", "7", 'months are a whole number from "0" to "6"'),
    ("waiting.months", "06", 'months are a whole number from "0" to "6"'),
    ("settlement.quote_minutes", "0", 'minutes are a whole number from "1" to "1440"'),
    ("settlement.quote_minutes", "1441", 'minutes are a whole number from "1" to "1440"'),
    ("settlement.reversal_days", "0", 'days are a whole number from "1" to "9999"'),
    ("filing.late_days", "-1", 'days are a whole number from "0" to "9999"'),
    ("claims.decide_days", "10000", 'days are a whole number from "1" to "9999"'),
    ("article_30.recovery", "half", 'the recovery is "pro_rata", "person_first" or "fund_first"'),
    ("article_30.set_off", "1", 'a switch is "yes" or "no"'),
]


@pytest.mark.parametrize(
    ("parameter", "value", "wanted"), BAD_VALUES, ids=[f"{name} {value}" for name, value, _ in BAD_VALUES]
)
def test_a_bad_value_is_refused_by_file_parameter_and_date(
    parameter: str, value: str, wanted: str | None
) -> None:
    """The bad line is the second one, so that it is its own date which is named."""
    good = line(parameter, GOOD[parameter])
    with pytest.raises(PolicyError) as error:
        load_policy(area_with(parameter, good, line(parameter, value, "2026-07-01")), "990100.toml")
    problem = "value is missing" if wanted is None else f'bad value "{value}": {wanted}'
    assert str(error.value) == f"990100.toml: {parameter} from 2026-07-01: {problem}"


def test_a_group_that_is_not_known_is_refused() -> None:
    text = area_with("").replace("subsidy_share.minor", "subsidy_share.miner")
    with pytest.raises(PolicyError) as error:
        load_policy(text, "990100.toml")
    assert str(error.value) == "990100.toml: residents.subsidy_share.miner from 2000-01-01: unknown parameter"


FLOOR, CAP = "contributions.floor_share", "contributions.cap_share"
TO_ACCOUNT, FLEXIBLE = "contributions.flexible_account_rate", "contributions.flexible_rate"

BETWEEN = {
    "floor above cap": (FLOOR, CAP, [line(FLOOR, "2.51")], "2000-01-01"),
    "floor raised above cap": (
        FLOOR,
        CAP,
        [line(FLOOR, "0.60"), line(FLOOR, "3.00", "2026-07-01")],
        "2026-07-01",
    ),
    "account above premium": (TO_ACCOUNT, FLEXIBLE, [line(TO_ACCOUNT, "0.11")], "2000-01-01"),
    "premium lowered below account": (
        TO_ACCOUNT,
        FLEXIBLE,
        [line(FLEXIBLE, "0.10"), line(FLEXIBLE, "0.02", "2026-07-01"), line(FLEXIBLE, "0.10", "2026-08-01")],
        "2026-07-01",
    ),
    "only while both have a value": (
        FLOOR,
        CAP,
        [line(FLOOR, "3.00", "1999-01-01", until="2005-12-31")],
        "2000-01-01",
    ),
}


@pytest.mark.parametrize(("low", "high", "lines", "day"), BETWEEN.values(), ids=BETWEEN.keys())
def test_parameters_that_contradict_each_other_are_refused(
    low: str, high: str, lines: list[str], day: str
) -> None:
    changed = high if high in lines[0] else low
    with pytest.raises(PolicyError) as error:
        load_policy(area_with(changed, *lines), "990100.toml")
    assert str(error.value) == f"990100.toml: {low} from {day}: more than {high} on that day"


def test_a_bound_may_be_met_and_days_without_a_value_contradict_nothing() -> None:
    day = date(2020, 6, 1)
    met = load_policy(area_with(FLOOR, line(FLOOR, "2.50")), "990100.toml")
    assert met.base_floor.on(day) == met.base_cap.on(day)
    met = load_policy(area_with(TO_ACCOUNT, line(TO_ACCOUNT, "0.10")), "990100.toml")
    assert met.flexible_account_rate.on(day) == met.flexible_rate.on(day)
    ended = line(CAP, "2.50", until="2020-12-31")
    floor = line(FLOOR, "0.60") + line(FLOOR, "9.00", "2021-01-01")
    apart = load_policy(area_with(CAP, ended).replace(line(FLOOR, "0.50"), floor), "990100.toml")
    assert apart.base_floor.on(date(2021, 1, 1)) > apart.base_cap.on(date(2020, 12, 31))


# What holds on a day, for showing


def shown(day: str) -> dict[str, tuple[str, str, str | None]]:
    lines, _ = in_force(load_policies()["990100"], date.fromisoformat(day))
    return {
        row.name: (row.value, str(row.valid_from), None if row.valid_until is None else str(row.valid_until))
        for row in lines
    }


def test_what_holds_on_a_day_is_shown_with_its_first_and_last_day() -> None:
    wage, rate = "contributions.average_wage", "late_fee.daily_rate"
    assert shown("2025-06-30")[wage] == ("7833.00", "2000-01-01", "2025-06-30")
    assert shown("2026-03-01")[wage] == ("8120.00", "2025-07-01", "2026-06-30")
    assert shown("2026-07-01")[wage] == ("8456.00", "2026-07-01", "2027-06-30")
    assert shown("2026-03-01")[rate] == ("0.0005", "2011-07-01", None)
    last = [*CASES_UNITS, *OF_TWO, *TRANSFERS_UNITS, *ESTATES_UNITS, *FINDINGS_UNITS]
    assert list(shown("2026-03-01")) == [*UNITS, *ALWAYS, *CALENDAR_UNITS, *last]


@pytest.mark.parametrize(
    ("day", "missing"),
    [
        ("1999-12-31", list(UNITS)),
        ("2000-01-01", []),
        ("2027-06-30", []),
        ("2027-07-01", ["contributions.average_wage"]),
    ],
)
def test_what_has_no_value_on_a_day_is_named(day: str, missing: list[str]) -> None:
    lines, found = in_force(load_policies()["990100"], date.fromisoformat(day))
    assert found == missing
    there = [*UNITS, *LEFT_OUT] if missing != list(UNITS) else []
    assert [row.name for row in lines] == [name for name in there if name not in missing]


@given(st.dates(date(1999, 1, 1), date(2029, 1, 1)))
@example(date.max)
@example(date.min)
def test_what_is_shown_is_what_is_used(day: date) -> None:
    policy = load_policies()["990100"]
    dated = dated_fields(policy)
    lines, missing = in_force(policy, day)
    for row in lines:
        used = next(kept for kept in reversed(dated[row.name].lines) if kept.valid_from <= day)
        assert (row.valid_from, row.valid_until) == (used.valid_from, used.valid_until)
        assert (row.unit, row.source) == (used.unit, used.source)
        if row.valid_until is not None and row.valid_until < date.max:
            following = in_force(policy, row.valid_until + timedelta(days=1))
            assert row not in following.lines
    for name in missing:
        with pytest.raises(MissingParameter, match=name):
            dated[name].on(day)


# Whole files


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[area\n", "not TOML"),
        ("a = " + "[" * 20_000, "not TOML: maximum recursion depth"),
        ("a = " + "{a = " * 20_000, "not TOML: maximum recursion depth"),
        (AREA, r"no \[\[parameter\]\] lines"),
        (AREA + "parameter = [1]\n", r"\[area\] must hold code and name, and nothing else"),
        ("parameter = [1]\n" + AREA, r"a parameter is written as \[\[parameter\]\]"),
        (DEMAND, r"\[area\] must hold code and name"),
        ('[area]\ncode = "990100"\n' + DEMAND, r"\[area\] must hold code and name"),
        (AREA.replace('"990100"', "990100") + DEMAND, "area code must be a string of six digits"),
        (AREA.replace("990100", "9901") + DEMAND, "area code must be a string of six digits"),
        (AREA.replace("示例市", " ") + DEMAND, "area name is empty"),
        (AREA + DEMAND.replace("[[parameter]]", "[[parameters]]"), "unknown section parameters"),
    ],
)
def test_a_bad_file_is_refused(text: str, problem: str) -> None:
    with pytest.raises(PolicyError, match=rf"^990100\.toml: {problem}"):
        load_policy(text, "990100.toml")


def test_a_folder_gives_every_area_by_its_code(tmp_path: Path) -> None:
    for code in ("990200", "990100"):
        text = AREA.replace("990100", code) + DEMAND + OTHERS
        (tmp_path / f"{code}.toml").write_text(text, encoding="utf-8")
    assert [(code, policy.area) for code, policy in load_policies(tmp_path).items()] == [
        ("990100", "990100"),
        ("990200", "990200"),
    ]


def test_a_file_is_named_after_its_area(tmp_path: Path) -> None:
    (tmp_path / "990200.toml").write_text(AREA + DEMAND + OTHERS, encoding="utf-8")
    with pytest.raises(
        PolicyError, match=r"^990200\.toml: holds area 990100, so its name must be 990100\.toml"
    ):
        load_policies(tmp_path)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "990100.toml").write_bytes((AREA + DEMAND + OTHERS).encode("gb18030"))
    with pytest.raises(PolicyError, match=r"^990100\.toml: not UTF-8"):
        load_policies(tmp_path)


def test_a_folder_without_policies_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no policy files"):
        load_policies(tmp_path / "elsewhere")
