"""What the funds pay of a bill, and who may pay the rest: the worked examples, and what holds for all."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.care.benefits import (
    Benefit,
    Parts,
    add_up,
    benefit,
    care_table,
    check_items,
    payable,
    payers,
    points,
    top_up,
)
from ledger.care.rows import BillLine, Circumstances, Used
from ledger.chart.care import CareTable, CareType, Coverage, Cut, Filing
from ledger.chart.members import MemberClass
from ledger.money import FEN_MAX
from ledger.policy import RATE_SCALE, Dated, DatedLine, MissingParameter, Policy, YearlyTable, load_policies
from ledger.refusals import RefusalCode, Refused

EXAMPLE_AREA = load_policies()["990100"]
DAY = date(2026, 3, 1)
ACTIVE, RETIRED = MemberClass.ACTIVE, MemberClass.RETIRED
OUTPATIENT, INPATIENT = CareType.OUTPATIENT, CareType.INPATIENT


def fen(yuan: str) -> int:
    """An amount as the examples write it, "24,360.00", in fen."""
    whole, _, cents = yuan.replace(",", "").partition(".")
    assert len(cents) == 2
    return int(whole + cents)


def always(name: str, value: Any) -> Dated[Any]:
    """A parameter that never had another value."""
    return Dated(name, (DatedLine(date(1900, 1, 1), None, value, "a unit", "a test"),))


def area(**values: Any) -> Policy:
    """The example area with some fields of its care decided otherwise, for all days."""
    changed = {field: always(field, value) for field, value in values.items()}
    return replace(EXAMPLE_AREA, care=replace(EXAMPLE_AREA.care, **changed))


def half_up(exact: Fraction) -> int:
    """The rounding of K2 for what is not negative, worked out in another way."""
    return (exact + Fraction(1, 2)).__floor__()


def a(amount: str, over_limit: str = "0.00") -> BillLine:
    return BillLine("DRUG-A", "A", fen(amount), fen(over_limit))


def b(amount: str, share: int = 10, over_limit: str = "0.00") -> BillLine:
    """A line of class B; the personal share in per cent."""
    return BillLine("DRUG-B", "B", fen(amount), fen(over_limit), share * RATE_SCALE // 100)


def c(amount: str, over_limit: str = "0.00") -> BillLine:
    return BillLine("DRUG-C", "C", fen(amount), fen(over_limit))


def circumstances(
    care_type: CareType = OUTPATIENT,
    level: int = 3,
    member_class: MemberClass = ACTIVE,
    *,
    filing: Filing = Filing.NONE,
    cut: Cut = Cut.NONE,
    admission: int | None = None,
    day: date = DAY,
) -> Circumstances:
    if admission is None:
        admission = 1 if care_type is INPATIENT else 0
    return Circumstances(care_type, day, level, member_class, Coverage.COVERED, filing, cut, admission)


# -- the worked examples, in yuan ------------------------------------------------------------------------


class Case(NamedTuple):
    """A bill and what was used before it; what the funds and then the payers come to."""

    at: Circumstances
    lines: list[BillLine]
    in_scope: str
    deductible: str
    pooled: str
    account: str
    cash: str
    # available to the person who pays
    available: str = "0.00"
    used: Used = Used()
    large: str = "0.00"
    share: int = 0
    policy: Policy = EXAMPLE_AREA


E26 = [a("700.00"), b("200.00"), c("100.00")]
E33 = [a("20,000.00")]
L3 = circumstances()
L3_RETIRED = circumstances(member_class=RETIRED)
MET = Used(deductible=fen("600.00"))
OUT = {filing: circumstances(INPATIENT, filing=filing, cut=Cut.OUT_OF_AREA) for filing in Filing}

CASES = {
    "E26 the first bill of a year": Case(
        L3, E26, "880.00", "600.00", "168.00", "500.00", "332.00", available="500.00"
    ),
    "E27 the next one, at level 1": Case(
        circumstances(level=1), [a("300.00")], "300.00", "0.00", "240.00", "0.00", "60.00", used=MET
    ),
    "E28 a retiree": Case(
        L3_RETIRED, [a("123.45")], "123.45", "0.00", "80.24", "0.00", "43.21", used=Used(fen("400.00"))
    ),
    "E28 a tie goes up": Case(
        L3_RETIRED, [a("100.10")], "100.10", "0.00", "65.07", "0.00", "35.03", used=Used(fen("400.00"))
    ),
    "E29 what remains of the deductible": Case(
        circumstances(level=2, member_class=RETIRED),
        [a("180.37")],
        "180.37",
        "50.00",
        "97.78",
        "82.59",
        "0.00",
        available="100.00",
        used=Used(fen("350.00")),
    ),
    "E30 what remains of the cap": Case(
        circumstances(level=2),
        [a("500.00")],
        "500.00",
        "0.00",
        "50.00",
        "450.00",
        "0.00",
        available="1,000.00",
        used=Used(fen("600.00"), fen("9,950.00")),
    ),
    "E31 an admission": Case(
        circumstances(INPATIENT),
        [c("2,345.60"), b("32,103.00"), a("11,230.30", "120.00")],
        "40,003.00",
        "900.00",
        "34,410.64",
        "6,000.00",
        "5,268.26",
        available="6,000.00",
    ),
    "E32 the second admission of a retiree": Case(
        circumstances(INPATIENT, 2, RETIRED, admission=2),
        [a("12,000.00")],
        "12,000.00",
        "300.00",
        "11,115.00",
        "0.00",
        "885.00",
    ),
    "E33 long-term residents": Case(
        OUT[Filing.LONG_TERM], E33, "20,000.00", "900.00", "16,808.00", "0.00", "3,192.00"
    ),
    "E33 referred": Case(OUT[Filing.REFERRED], E33, "20,000.00", "900.00", "14,898.00", "0.00", "5,102.00"),
    "E33 an emergency": Case(
        OUT[Filing.EMERGENCY], E33, "20,000.00", "900.00", "14,898.00", "0.00", "5,102.00"
    ),
    "E33 nothing filed": Case(OUT[Filing.NONE], E33, "20,000.00", "900.00", "12,988.00", "0.00", "7,012.00"),
    "E34 a pharmacy": Case(
        circumstances(CareType.PHARMACY),
        [a("86.50")],
        "86.50",
        "0.00",
        "0.00",
        "80.00",
        "6.50",
        available="80.00",
    ),
    "E35 the account is not chosen": Case(L3, E26, "880.00", "600.00", "168.00", "0.00", "832.00"),
    "E35 a full account": Case(
        L3, E26, "880.00", "600.00", "168.00", "732.00", "100.00", available="2,000.00"
    ),
    "E35 own expense allowed": Case(
        L3,
        E26,
        "880.00",
        "600.00",
        "168.00",
        "832.00",
        "0.00",
        available="2,000.00",
        policy=area(account_own_expense=True),
    ),
    "E36 what is held is not available": Case(
        L3, [a("450.00")], "450.00", "450.00", "0.00", "380.00", "70.00", available="380.00"
    ),
    "E41 over the cap, second admission": Case(
        circumstances(INPATIENT, admission=2),
        [a("30,000.00")],
        "30,000.00",
        "450.00",
        "2,000.00",
        "3,450.46",
        "0.00",
        available="5,000.00",
        used=Used(pooled=fen("298,000.00")),
        large="24,549.54",
    ),
    "E42 a third party is liable": Case(
        circumstances(INPATIENT),
        [a("10,000.00")],
        "10,000.00",
        "900.00",
        "2,728.00",
        "1,272.00",
        "6,000.00",
        available="9,000.00",
        share=60 * RATE_SCALE // 100,
    ),
    "E46 a manual claim": Case(
        circumstances(level=2),
        [a("2,000.00")],
        "2,000.00",
        "0.00",
        "1,400.00",
        "0.00",
        "600.00",
        used=Used(fen("600.00"), fen("240.00")),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_worked_example(case: Case) -> None:
    parts = add_up(case.lines)
    table = care_table(case.policy, case.at.care_type, DAY, case.at.coverage)
    paid = benefit(case.policy, table, case.at, parts.in_scope, case.share, case.used)
    assert parts.in_scope == fen(case.in_scope)
    assert (paid.deductible, paid.pooled_pay, paid.large_pay) == (
        fen(case.deductible),
        fen(case.pooled),
        fen(case.large),
    )
    personal = parts.total - paid.fund_sum
    most = payable(case.policy, parts, paid, DAY, 0, case.share)
    rest = payers(personal, most, fen(case.available), ())
    assert (rest.own_account, rest.cash) == (fen(case.account), fen(case.cash))
    assert paid.fund_sum + rest.own_account + rest.cash == parts.total


def test_e31_names_every_part_of_the_bill() -> None:
    parts = add_up(CASES["E31 an admission"].lines, fen("45,678.90"))
    assert parts == Parts(fen("45,678.90"), fen("2,345.60"), fen("120.00"), fen("3,210.30"), fen("40,003.00"))


# owed, own account, donors by rank; what each of them pays, and cash
PAYERS = {
    "E37 a resident with one donor": ("200.00", "0.00", ["150.00"], "0.00", ["150.00"], "50.00"),
    "E38 own account, then donors": (
        "300.00",
        "40.00",
        ["100.00", "500.00"],
        "40.00",
        ["100.00", "160.00"],
        "0.00",
    ),
    "E38 after the reversal": (
        "200.00",
        "40.00",
        ["100.00", "500.00"],
        "40.00",
        ["100.00", "60.00"],
        "0.00",
    ),
    "E39 a donor's own bill": ("600.00", "500.00", [], "500.00", [], "100.00"),
    "E62 two at once": ("80.00", "20.00", [], "20.00", [], "60.00"),
}


@pytest.mark.parametrize(
    ("owed", "own", "donors", "account", "given_by", "cash"), PAYERS.values(), ids=PAYERS.keys()
)
def test_who_pays_in_which_order(
    owed: str, own: str, donors: list[str], account: str, given_by: list[str], cash: str
) -> None:
    rest = payers(fen(owed), fen(owed), fen(own), [fen(one) for one in donors])
    assert rest == (fen(account), tuple(fen(one) for one in given_by), fen(cash))


def test_e43_an_advance_is_what_a_whole_bill_gets_more() -> None:
    at = circumstances(INPATIENT)
    whole = benefit(EXAMPLE_AREA, CareTable.INPATIENT, at, fen("10,000.00"), 0, Used())
    part = benefit(EXAMPLE_AREA, CareTable.INPATIENT, at, fen("10,000.00"), 60 * RATE_SCALE // 100, Used())
    assert whole.fund_sum - part.fund_sum == fen("5,280.00")


def test_e48_a_late_referral_is_worth_its_points() -> None:
    paid = [
        benefit(EXAMPLE_AREA, CareTable.INPATIENT, OUT[filing], fen("20,000.00"), 0, Used()).pooled_pay
        for filing in (Filing.NONE, Filing.REFERRED)
    ]
    assert paid[1] - paid[0] == fen("1,910.00")


@pytest.mark.parametrize(
    ("burden", "paid"),
    [
        ("21,234.56", "3,740.74"),  # E47
        ("15,000.00", "0.00"),
        ("14,999.99", "0.00"),
        ("15,000.01", "0.01"),
        ("0.00", "0.00"),
    ],
)
def test_a_top_up(burden: str, paid: str) -> None:
    assert top_up(EXAMPLE_AREA, DAY, fen(burden)) == fen(paid)


# -- the bill ------------------------------------------------------------------------------------------


def test_the_share_of_class_b_is_rounded_once_for_the_bill() -> None:
    # each line alone is 0.3 fen and rounds to nothing; three of them are 0.9
    lines = [b("0.03"), b("0.03"), b("0.03")]
    assert add_up(lines).pre_self_pay == 1
    assert add_up(lines[:1]).pre_self_pay == 0


def test_class_a_has_no_share_and_class_c_no_limit() -> None:
    whole = BillLine("X", "A", 10_000, 1_000, RATE_SCALE)
    assert add_up([whole]) == Parts(10_000, 0, 1_000, 0, 9_000)
    assert add_up([c("100.00", "40.00")]) == Parts(10_000, 10_000, 0, 0, 0)
    assert add_up([b("100.00", 50, "20.00")]) == Parts(10_000, 0, 2_000, 4_000, 4_000)


BAD_BILLS: dict[str, tuple[list[BillLine], int | None, RefusalCode]] = {
    "no lines": ([], None, RefusalCode.AMOUNT_INVALID),
    "a bill of nothing": ([BillLine("X", "A", 0), c("0.00")], None, RefusalCode.AMOUNT_INVALID),
    "above the limit of nothing": ([a("2.00"), BillLine("X", "A", 0, 1)], None, RefusalCode.AMOUNT_MISMATCH),
    "a negative line": ([a("2.00"), BillLine("X", "A", -1)], None, RefusalCode.AMOUNT_INVALID),
    "a line above all": ([BillLine("X", "A", FEN_MAX + 1)], None, RefusalCode.AMOUNT_INVALID),
    "a sum above all": ([BillLine("X", "A", FEN_MAX), a("0.01")], None, RefusalCode.AMOUNT_INVALID),
    "a limit above the line": ([a("2.00", "2.01")], None, RefusalCode.AMOUNT_MISMATCH),
    "a limit above a line of class C": ([c("2.00", "2.01")], None, RefusalCode.AMOUNT_MISMATCH),
    "a negative limit": ([BillLine("X", "A", 100, -1)], None, RefusalCode.AMOUNT_MISMATCH),
    "another total": ([a("2.00")], 201, RefusalCode.AMOUNT_MISMATCH),
    "the amount comes before its sum": (
        [a("2.00", "2.01"), BillLine("X", "A", -1)],
        None,
        RefusalCode.AMOUNT_INVALID,
    ),
    "another class": ([BillLine("X", "D", 100)], None, RefusalCode.LINE_CLASS_UNKNOWN),
    "a share above one": ([BillLine("X", "B", 100, 0, RATE_SCALE + 1)], None, RefusalCode.SHAPE_INVALID),
    "a negative share": ([BillLine("X", "B", 100, 0, -1)], None, RefusalCode.SHAPE_INVALID),
}


@pytest.mark.parametrize(("lines", "declared", "code"), BAD_BILLS.values(), ids=BAD_BILLS.keys())
def test_a_bad_bill_is_refused(lines: list[BillLine], declared: int | None, code: RefusalCode) -> None:
    with pytest.raises(Refused) as refused:
        add_up(lines, declared)
    assert refused.value.code is code


def test_a_line_of_nothing_is_a_line() -> None:
    # what is handed out free of charge stands on the list, wherever it stands
    nothing = BillLine("X", "B", 0, 0, RATE_SCALE)
    assert add_up([nothing, a("2.00"), nothing], 200) == add_up([a("2.00")])


def test_the_largest_bill_there_is() -> None:
    assert add_up([BillLine("X", "A", FEN_MAX)], FEN_MAX).in_scope == FEN_MAX


@pytest.mark.parametrize("item", ["FIT", "FIT-001", "WELLNESS", "PUB9", "pub9", "Fit"])
def test_an_item_that_nobody_here_pays(item: str) -> None:
    with pytest.raises(Refused) as refused:
        check_items(EXAMPLE_AREA, DAY, [a("1.00"), BillLine(item, "C", 100)])
    assert refused.value.code is RefusalCode.ITEM_NOT_ELIGIBLE


@pytest.mark.parametrize("item", ["FI", "XFIT", "WE-L", "", "DRUG"])
def test_an_item_that_only_looks_like_it(item: str) -> None:
    check_items(EXAMPLE_AREA, DAY, [BillLine(item, "A", 100)])


def test_an_area_that_refuses_no_item() -> None:
    check_items(area(items_refused=()), DAY, [BillLine("FIT", "A", 100)])


# -- the table -----------------------------------------------------------------------------------------

WITH_PHARMACY = area(pharmacy_pooled=True)
OWN_CHRONIC = YearlyTable(
    {
        (name, level): always("ratio", RATE_SCALE // 2)
        for name in ("active", "retired")
        for level in (1, 2, 3)
    },
    {name: always("deductible", 10_000) for name in ("active", "retired")},
    {name: always("cap", 50_000) for name in ("active", "retired")},
)
WITH_CHRONIC = replace(EXAMPLE_AREA, care=replace(EXAMPLE_AREA.care, chronic=OWN_CHRONIC))

TABLES = {
    "outpatient": (EXAMPLE_AREA, OUTPATIENT, CareTable.OUTPATIENT),
    "inpatient": (EXAMPLE_AREA, INPATIENT, CareTable.INPATIENT),
    "pharmacy": (EXAMPLE_AREA, CareType.PHARMACY, CareTable.NONE),
    "pharmacy, where it is pooled": (WITH_PHARMACY, CareType.PHARMACY, CareTable.OUTPATIENT),
    "chronic": (EXAMPLE_AREA, CareType.CHRONIC, CareTable.OUTPATIENT),
    "chronic, with a table": (WITH_CHRONIC, CareType.CHRONIC, CareTable.CHRONIC),
}


@pytest.mark.parametrize(("policy", "care_type", "table"), TABLES.values(), ids=TABLES.keys())
def test_which_table(policy: Policy, care_type: CareType, table: CareTable) -> None:
    assert care_table(policy, care_type, DAY, Coverage.COVERED) is table
    for coverage in set(Coverage) - {Coverage.COVERED}:
        assert care_table(policy, care_type, DAY, coverage) is CareTable.NONE


def test_chronic_care_by_its_own_table() -> None:
    at = circumstances(CareType.CHRONIC)
    paid = benefit(WITH_CHRONIC, CareTable.CHRONIC, at, 60_000, 0, Used(4_000, 30_000))
    assert paid == Benefit(0, 6_000, RATE_SCALE // 2, 20_000, 0, 40_000)


# -- the funds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member_class", "pooled"),
    [
        (MemberClass.ACTIVE, 24_000),
        (MemberClass.FLEXIBLE, 24_000),
        (MemberClass.UNEMPLOYED, 24_000),
        (MemberClass.RETIRED, 39_000),
    ],
)
def test_which_class(member_class: MemberClass, pooled: int) -> None:
    at = circumstances(member_class=member_class)
    assert benefit(EXAMPLE_AREA, CareTable.OUTPATIENT, at, 100_000, 0, Used()).pooled_pay == pooled


def test_by_no_table_nothing_is_paid_and_nothing_counts() -> None:
    paid = benefit(EXAMPLE_AREA, CareTable.NONE, L3, 10_000, RATE_SCALE // 4, Used())
    assert paid == Benefit(2_500, 0, 0, 0, 0, 0)
    # a resident has no class of the tables, and is not asked for one
    resident = circumstances(member_class=MemberClass.RESIDENT)
    assert benefit(EXAMPLE_AREA, CareTable.NONE, resident, 10_000, 0, Used()) == Benefit(0, 0, 0, 0, 0, 0)


def test_the_part_that_goes_with_a_cause_rounds_up_at_the_half() -> None:
    paid = benefit(EXAMPLE_AREA, CareTable.INPATIENT, circumstances(INPATIENT), 5, RATE_SCALE // 2, Used())
    assert (paid.excluded, paid.deductible) == (3, 2)


def test_a_cause_for_all_of_it_leaves_nothing_to_the_funds() -> None:
    paid = benefit(EXAMPLE_AREA, CareTable.INPATIENT, circumstances(INPATIENT), 10_000, RATE_SCALE, Used())
    assert paid == Benefit(10_000, 0, 88_000_000, 0, 0, 0)


ABOVE_THE_CAP = {
    # used of pooled and large; deductible, pooled, large of 10,000.00 at level 1 (95 %, then 90 %)
    "just below": (29_078_500, 0, 921_500, 0),
    "the last fen": (29_078_501, 0, 921_499, 1),
    "nothing left of the cap": (30_000_000, 0, 0, 873_000),
    "more used than there is": (30_000_001, 0, 0, 873_000),
    "the large fund's cap as well": (30_000_000, 39_999_900, 0, 100),
    "nothing left at all": (30_000_000, 40_000_000, 0, 0),
    "more than nothing": (30_000_000, 40_000_001, 0, 0),
}


@pytest.mark.parametrize(
    ("used_pooled", "used_large", "pooled", "large"), ABOVE_THE_CAP.values(), ids=ABOVE_THE_CAP.keys()
)
def test_above_the_cap(used_pooled: int, used_large: int, pooled: int, large: int) -> None:
    at = circumstances(INPATIENT, 1)
    used = Used(pooled=used_pooled, large=used_large)
    paid = benefit(EXAMPLE_AREA, CareTable.INPATIENT, at, 1_000_000, 0, used)
    assert (paid.deductible, paid.pooled_pay, paid.large_pay) == (30_000, pooled, large)
    assert paid.own_burden == 1_000_000 - pooled - large


def test_outpatient_care_has_no_large_fund() -> None:
    used = Used(fen("600.00"), fen("10,000.00"))
    paid = benefit(EXAMPLE_AREA, CareTable.OUTPATIENT, L3, 10_000, 0, used)
    assert (paid.pooled_pay, paid.large_pay, paid.own_burden) == (0, 0, 10_000)


def test_points_come_off_the_pooled_ratio_alone() -> None:
    at = OUT[Filing.NONE]
    assert points(EXAMPLE_AREA, at) == 20_000_000
    paid = benefit(EXAMPLE_AREA, CareTable.INPATIENT, at, 1_000_000, 0, Used(pooled=fen("300,000.00")))
    assert (paid.ratio, paid.pooled_pay, paid.large_pay) == (68_000_000, 0, 819_000)


def test_a_missing_referral_has_points_of_its_own() -> None:
    policy = area(referral_points=7_000_000)
    at = circumstances(INPATIENT, cut=Cut.NO_REFERRAL)
    paid = benefit(policy, CareTable.INPATIENT, at, 1_000_000, 0, Used())
    assert (paid.ratio, paid.pooled_pay) == (81_000_000, 737_100)


def test_more_points_than_ratio_are_a_ratio_of_nothing() -> None:
    policy = area(referral_points=99_000_000)
    at = circumstances(INPATIENT, cut=Cut.NO_REFERRAL)
    paid = benefit(policy, CareTable.INPATIENT, at, 1_000_000, 0, Used())
    assert (paid.ratio, paid.pooled_pay, paid.large_pay) == (0, 0, 0)
    full = benefit(policy, CareTable.INPATIENT, at, 1_000_000, 0, Used(pooled=fen("300,000.00")))
    assert (full.ratio, full.pooled_pay, full.large_pay) == (0, 0, 819_000)


@pytest.mark.parametrize(("admission", "deductible"), [(0, 90_000), (1, 90_000), (2, 45_000), (9, 45_000)])
def test_the_deductible_of_an_admission(admission: int, deductible: int) -> None:
    at = circumstances(INPATIENT, admission=admission)
    # what the year used of it counts for nothing
    paid = benefit(EXAMPLE_AREA, CareTable.INPATIENT, at, 1_000_000, 0, Used(deductible=90_000))
    assert paid.deductible == deductible


def test_a_part_of_a_deductible_rounds_up_at_the_half() -> None:
    policy = area()
    table = replace(policy.care.inpatient, second_admission_factor=always("factor", 5_000_005))
    policy = replace(policy, care=replace(policy.care, inpatient=table))
    at = circumstances(INPATIENT, admission=2)
    paid = benefit(policy, CareTable.INPATIENT, at, 1_000_000, 0, Used())
    assert paid.deductible == half_up(Fraction(90_000 * 5_000_005, RATE_SCALE)) == 4_500


def test_a_day_without_figures_is_missing() -> None:
    at = circumstances(day=date(1999, 12, 31))
    with pytest.raises(MissingParameter, match=r"outpatient\.deductible\.active has no value on 1999-12-31"):
        benefit(EXAMPLE_AREA, CareTable.OUTPATIENT, at, 1, 0, Used())


# -- who pays the rest -----------------------------------------------------------------------------------

E26_PARTS = add_up(E26)
E26_PAID = benefit(EXAMPLE_AREA, CareTable.OUTPATIENT, L3, E26_PARTS.in_scope, 0, Used())
ALLOWED = area(account_own_expense=True)
HALF = RATE_SCALE // 2


def test_what_is_above_a_limit_is_as_outside_the_catalogue() -> None:
    parts = add_up([a("100.00", "30.00")])
    paid = benefit(EXAMPLE_AREA, CareTable.OUTPATIENT, L3, parts.in_scope, 0, Used())
    assert payable(EXAMPLE_AREA, parts, paid, DAY, 0, 0) == 7_000
    assert payable(ALLOWED, parts, paid, DAY, 0, 0) == 10_000


@pytest.mark.parametrize(
    ("policy", "hospital_share", "most"),
    [
        # E26 leaves 832.00, of which 100.00 are outside the catalogue
        (EXAMPLE_AREA, 0, 73_200),
        (EXAMPLE_AREA, 4_000, 73_200),
        (EXAMPLE_AREA, 10_000, 73_200),
        (EXAMPLE_AREA, 10_001, 73_199),
        (EXAMPLE_AREA, 83_200, 0),
        (ALLOWED, 0, 83_200),
        (ALLOWED, 4_000, 79_200),
    ],
    ids=["none", "a part", "all of it", "a fen more", "everything", "allowed", "allowed, a part"],
)
def test_what_the_hospital_bears(policy: Policy, hospital_share: int, most: int) -> None:
    assert payable(policy, E26_PARTS, E26_PAID, DAY, hospital_share, 0) == most


@pytest.mark.parametrize(
    ("hospital_share", "code"), [(83_201, RefusalCode.AMOUNT_MISMATCH), (-1, RefusalCode.AMOUNT_INVALID)]
)
def test_what_the_hospital_cannot_bear(hospital_share: int, code: RefusalCode) -> None:
    with pytest.raises(Refused) as refused:
        payable(EXAMPLE_AREA, E26_PARTS, E26_PAID, DAY, hospital_share, 0)
    assert refused.value.code is code


def test_the_account_pays_nothing_that_goes_with_a_cause() -> None:
    # half of 880.00 in scope goes, and half of 20.00 of class B; the rest is all deductible
    paid = benefit(EXAMPLE_AREA, CareTable.OUTPATIENT, L3, E26_PARTS.in_scope, HALF, Used())
    assert payable(EXAMPLE_AREA, E26_PARTS, paid, DAY, 0, HALF) == 45_000
    assert payable(ALLOWED, E26_PARTS, paid, DAY, 0, HALF) == 50_000
    for policy in (EXAMPLE_AREA, ALLOWED):
        paid = benefit(policy, CareTable.OUTPATIENT, L3, E26_PARTS.in_scope, RATE_SCALE, Used())
        assert payable(policy, E26_PARTS, paid, DAY, 0, RATE_SCALE) == 0


# -- what holds for every bill -------------------------------------------------------------------------

AMOUNTS = st.integers(1, 50_000_000)
SHARES = st.one_of(st.sampled_from([0, HALF, RATE_SCALE]), st.integers(0, RATE_SCALE))


@st.composite
def bills(draw: st.DrawFn) -> list[BillLine]:
    lines = []
    for _ in range(draw(st.integers(1, 6))):
        amount = draw(AMOUNTS)
        above = draw(st.one_of(st.just(0), st.integers(0, amount)))
        lines.append(BillLine("X", draw(st.sampled_from("ABC")), amount, above, draw(SHARES)))
    return lines


@st.composite
def circumstances_of(draw: st.DrawFn) -> tuple[Policy, CareTable, Circumstances]:
    policy = area(
        referral_points=draw(SHARES) % RATE_SCALE,
        account_own_expense=draw(st.booleans()),
        large_cap=draw(st.sampled_from([0, 1, 100_000, 40_000_000])),
        pharmacy_pooled=draw(st.booleans()),
    )
    policy = replace(policy, care=replace(policy.care, chronic=OWN_CHRONIC))
    care_type = draw(st.sampled_from(CareType))
    at = circumstances(
        care_type,
        draw(st.sampled_from([1, 2, 3])),
        draw(st.sampled_from([ACTIVE, RETIRED, MemberClass.FLEXIBLE])),
        filing=draw(st.sampled_from(Filing)),
        cut=draw(st.sampled_from(Cut)),
        admission=draw(st.integers(1, 3)) if care_type is INPATIENT else 0,
    )
    return policy, care_table(policy, care_type, DAY, draw(st.sampled_from(Coverage))), at


USED = st.builds(
    Used,
    st.integers(0, 100_000),
    st.one_of(st.integers(0, 1_300_000), st.integers(29_000_000, 30_100_000)),
    st.integers(0, 40_100_000),
)


@given(bills())
def test_the_parts_of_a_bill_add_up(lines: list[BillLine]) -> None:
    parts = add_up(lines)
    assert parts.total == sum(line.amount for line in lines) == sum(parts[1:])
    assert min(parts) >= 0
    exact = sum(
        Fraction((line.amount - line.over_limit) * line.self_pay_ratio, RATE_SCALE)
        for line in lines
        if line.line_class == "B"
    )
    assert parts.pre_self_pay == half_up(Fraction(exact))
    assert add_up(lines[::-1], parts.total) == parts


@given(circumstances_of(), st.integers(0, 100_000_000), SHARES, USED)
def test_the_funds_pay_no_more_than_there_is(
    given_by: tuple[Policy, CareTable, Circumstances], in_scope: int, share: int, used: Used
) -> None:
    policy, table, at = given_by
    paid = benefit(policy, table, at, in_scope, share, used)
    base = in_scope - paid.excluded
    assert min(paid) >= 0
    assert paid.deductible + paid.fund_sum <= base
    if table is CareTable.NONE:
        assert paid[1:] == (0, 0, 0, 0, 0)
        return
    assert paid.own_burden == base - paid.fund_sum
    assert paid.large_pay == 0 or table is CareTable.INPATIENT
    kind = {
        CareTable.OUTPATIENT: policy.care.outpatient,
        CareTable.CHRONIC: policy.care.chronic,
        CareTable.INPATIENT: policy.care.inpatient,
    }[table]
    care_class = "retired" if at.member_class is RETIRED else "active"
    assert paid.pooled_pay == 0 or used.pooled + paid.pooled_pay <= kind.cap[care_class].on(DAY)
    assert paid.large_pay == 0 or used.large + paid.large_pay <= policy.care.large_cap.on(DAY)


@given(circumstances_of(), st.integers(0, 100_000_000), st.integers(0, 1_000_000), USED)
def test_a_larger_bill_is_never_paid_less(
    given_by: tuple[Policy, CareTable, Circumstances], in_scope: int, more: int, used: Used
) -> None:
    policy, table, at = given_by
    small = benefit(policy, table, at, in_scope, 0, used)
    large = benefit(policy, table, at, in_scope + more, 0, used)
    assert small.deductible <= large.deductible
    assert small.pooled_pay <= large.pooled_pay
    assert small.large_pay <= large.large_pay


@given(circumstances_of(), st.integers(0, 100_000_000), USED, st.integers(0, 100_000))
def test_who_has_used_more_is_never_paid_more_by_the_pooled_fund(
    given_by: tuple[Policy, CareTable, Circumstances], in_scope: int, used: Used, more: int
) -> None:
    policy, table, at = given_by
    before = benefit(policy, table, at, in_scope, 0, used)
    after = benefit(policy, table, at, in_scope, 0, used._replace(pooled=used.pooled + more))
    assert after.pooled_pay <= before.pooled_pay


@given(
    st.sampled_from([1, 2, 3]),
    st.sampled_from([ACTIVE, RETIRED]),
    st.integers(0, 5_000_000),
    st.integers(0, 5_000_000),
    USED,
)
@example(3, ACTIVE, 60_001, 2, Used())
def test_splitting_a_bill_never_pays_more_than_the_cap(
    level: int, member_class: MemberClass, first: int, second: int, used: Used
) -> None:
    at = circumstances(level=level, member_class=member_class)
    whole = benefit(EXAMPLE_AREA, CareTable.OUTPATIENT, at, first + second, 0, used)
    one = benefit(EXAMPLE_AREA, CareTable.OUTPATIENT, at, first, 0, used)
    then = Used(used.deductible + one.deductible, used.pooled + one.pooled_pay)
    two = benefit(EXAMPLE_AREA, CareTable.OUTPATIENT, at, second, 0, then)
    cap = fen("12,000.00") if member_class is RETIRED else fen("10,000.00")
    assert one.deductible + two.deductible == whole.deductible
    assert one.pooled_pay + two.pooled_pay <= max(cap - used.pooled, 0)
    # rounding each of two is all the difference there is
    assert abs(one.pooled_pay + two.pooled_pay - whole.pooled_pay) <= 1


@given(circumstances_of(), bills(), SHARES, USED, SHARES, AMOUNTS, st.lists(AMOUNTS, max_size=3))
def test_whoever_pays_it_is_the_whole_bill(
    given_by: tuple[Policy, CareTable, Circumstances],
    lines: list[BillLine],
    share: int,
    used: Used,
    hospital: int,
    own: int,
    donors: list[int],
) -> None:
    policy, table, at = given_by
    parts = add_up(lines)
    paid = benefit(policy, table, at, parts.in_scope, share, used)
    hospital_share = (parts.total - paid.fund_sum) * hospital // RATE_SCALE
    most = payable(policy, parts, paid, DAY, hospital_share, share)
    personal = parts.total - paid.fund_sum - hospital_share
    assert 0 <= most <= personal
    outside = parts.own_expense + parts.over_limit
    if not policy.care.account_own_expense.on(DAY):
        assert most <= parts.total - paid.fund_sum - outside - paid.excluded
    rest = payers(personal, most, own, donors)
    assert paid.fund_sum + hospital_share + rest.own_account + sum(rest.donors) + rest.cash == parts.total
    assert min(rest.own_account, rest.cash, *rest.donors, 0) == 0
    assert rest.own_account + sum(rest.donors) == min(most, own + sum(donors))
    assert rest.own_account == min(own, most)
