"""Why each amount is what it is: every one has a reason, with the policy's number of the day of care."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.care.benefits import care_table
from ledger.care.explaining import Because, because
from ledger.care.rows import SettlementRow
from ledger.chart.care import CareTable, CareType, CauseKind, Channel, Coverage, Cut, Filing
from ledger.chart.members import MemberClass
from ledger.policy import OPTIONAL_UNITS, UNITS, Policy, load_policies, load_policy

EXAMPLE_AREA = load_policies()["990100"]
DAY = date(2026, 3, 1)
# every amount of an answer, in its order; `excluded` and `top_up_pay` are there for some rows only
AMOUNTS = [
    "total", "own_expense", "over_limit", "pre_self_pay", "in_scope", "deductible", "ratio", "pooled_pay",
    "large_pay", "account_pay", "mutual_pay", "cash_pay", "hospital_share",
]  # fmt: skip


def row(
    care_type: CareType = CareType.OUTPATIENT,
    table: CareTable | None = None,
    *,
    care_date: date = DAY,
    level: int = 3,
    member_class: MemberClass = MemberClass.ACTIVE,
    coverage: Coverage = Coverage.COVERED,
    filing: Filing = Filing.NONE,
    cut: Cut = Cut.NONE,
    admission: int = 0,
    use_account: bool = True,
    channel: Channel = Channel.NETWORK,
    cause: CauseKind | None = None,
) -> SettlementRow:
    """A row of a hundred yuan; the amounts explain nothing."""
    if table is None:
        table = care_table(EXAMPLE_AREA, care_type, DAY, coverage)
    return SettlementRow(
        channel=channel,
        care_table=table,
        care_type=care_type,
        care_date=care_date,
        institution_id=1,
        settled_on=DAY,
        level=level,
        member_class=member_class,
        coverage=coverage,
        filing=filing,
        cut=cut,
        admission=admission,
        use_account=use_account,
        total=10_000,
        own_expense=0,
        over_limit=0,
        pre_self_pay=0,
        in_scope=10_000,
        excluded=0,
        deductible=10_000,
        ratio=0,
        pooled_pay=0,
        large_pay=0,
        top_up_pay=0,
        account_pay=0,
        mutual_pay=0,
        cash_pay=10_000,
        hospital_share=0,
        own_burden=10_000,
        cause_kind=cause,
    )


def of(
    amount: str, one: SettlementRow, policy: Policy = EXAMPLE_AREA
) -> list[tuple[str, str | None, str | None]]:
    """The reasons of one amount as (rule, parameter, value)."""
    return [(why.rule, why.parameter, why.value) for why in because(policy, one) if why.amount == amount]


REASONS = {
    "an outpatient deductible": (
        row(),
        "deductible",
        [("R39", "outpatient.deductible.active", "600.00")],
    ),
    "an outpatient ratio": (row(), "ratio", [("R39", "outpatient.ratio.active.level_3", "0.60")]),
    "of a retiree, at level 1": (
        row(member_class=MemberClass.RETIRED, level=1),
        "ratio",
        [("R39", "outpatient.ratio.retired.level_1", "0.85")],
    ),
    "of who pays alone": (
        row(member_class=MemberClass.FLEXIBLE),
        "ratio",
        [("R39", "outpatient.ratio.active.level_3", "0.60")],
    ),
    "the pooled fund and its cap": (
        row(),
        "pooled_pay",
        [("R39", "outpatient.ratio.active.level_3", "0.60"), ("R39", "outpatient.cap.active", "10000.00")],
    ),
    "no large fund": (row(), "large_pay", [("K10", None, None)]),
    "a chronic bill by the outpatient table": (
        row(CareType.CHRONIC),
        "ratio",
        [("R39", "outpatient.ratio.active.level_3", "0.60")],
    ),
    "a first admission": (
        row(CareType.INPATIENT, admission=1),
        "deductible",
        [("R39", "inpatient.deductible.active.level_3", "900.00")],
    ),
    "a later one": (
        row(CareType.INPATIENT, admission=2),
        "deductible",
        [
            ("R39", "inpatient.deductible.active.level_3", "900.00"),
            ("R39", "inpatient.second_admission_factor", "0.50"),
        ],
    ),
    "nothing filed outside the area": (
        row(CareType.INPATIENT, admission=1, cut=Cut.OUT_OF_AREA),
        "ratio",
        [("R39", "inpatient.ratio.active.level_3", "0.88"), ("R40", "out_of_area.points.none", "0.20")],
    ),
    "a long-term resident elsewhere": (
        row(CareType.INPATIENT, admission=1, cut=Cut.OUT_OF_AREA, filing=Filing.LONG_TERM),
        "ratio",
        [("R39", "inpatient.ratio.active.level_3", "0.88"), ("R40", "out_of_area.points.long_term", "0.00")],
    ),
    "no referral": (
        row(CareType.INPATIENT, admission=1, cut=Cut.NO_REFERRAL),
        "ratio",
        [("R39", "inpatient.ratio.active.level_3", "0.88"), ("R40", "referral.points", "0.10")],
    ),
    "the large fund": (
        row(CareType.INPATIENT, admission=1, level=2),
        "large_pay",
        [("K10", "large_fund.ratio.level_2", "0.90"), ("K10", "large_fund.cap", "400000.00")],
    ),
    "paused": (row(coverage=Coverage.PAUSED), "pooled_pay", [("R28", None, "paused")]),
    "a resident": (
        row(coverage=Coverage.RESIDENT, member_class=MemberClass.RESIDENT),
        "pooled_pay",
        [("R29", None, "resident")],
    ),
    "waiting": (
        row(coverage=Coverage.WAITING),
        "pooled_pay",
        [("R43", None, "waiting"), ("R43", "waiting.gap_months", "3"), ("R43", "waiting.months", "6")],
    ),
    "waiting, large fund": (row(coverage=Coverage.WAITING), "large_pay", [("R43", None, None)]),
    "a pharmacy": (row(CareType.PHARMACY), "pooled_pay", [("R39", "pharmacy.pooled", "no")]),
    "a pharmacy, by its coverage": (
        row(CareType.PHARMACY, coverage=Coverage.PHARMACY),
        "pooled_pay",
        [("R39", "pharmacy.pooled", "no")],
    ),
    "a pharmacy while paused": (
        row(CareType.PHARMACY, coverage=Coverage.PAUSED),
        "pooled_pay",
        [("R28", None, "paused")],
    ),
    "the account is not chosen": (row(use_account=False), "account_pay", [("R27", None, None)]),
    "nor are relatives": (row(use_account=False), "mutual_pay", [("R27", None, None)]),
    "relatives": (row(), "mutual_pay", [("R37", None, None)]),
    "the account": (
        row(),
        "account_pay",
        [
            ("R20", None, None),
            ("R27", "account.own_expense", "no"),
            ("K6", "spending.pocket_order", "current_year_first"),
        ],
    ),
    "a declared cause": (row(cause=CauseKind.THIRD_PARTY), "excluded", [("R44", None, None)]),
    "no cause": (row(), "excluded", []),
    "a yearly difference": (
        row(channel=Channel.ANNUAL),
        "top_up_pay",
        [("R42", "top_up.threshold", "15000.00"), ("R42", "top_up.ratio", "0.60")],
    ),
    "a yearly difference of no table": (
        row(table=CareTable.NONE, channel=Channel.ANNUAL),
        "pooled_pay",
        [("R42", None, None)],
    ),
    "no yearly difference": (row(), "top_up_pay", []),
}


@pytest.mark.parametrize(("one", "amount", "reasons"), REASONS.values(), ids=REASONS.keys())
def test_why(one: SettlementRow, amount: str, reasons: list[tuple[str, str | None, str | None]]) -> None:
    assert of(amount, one) == reasons


def test_a_reason_names_its_source() -> None:
    (why,) = [one for one in because(EXAMPLE_AREA, row()) if one.amount == "deductible"]
    assert why == Because(
        "deductible",
        "R39",
        "outpatient.deductible.active",
        "600.00",
        "Invented for the example area: deductible of a year for people at work",
    )


def test_the_number_is_that_of_the_day_of_care() -> None:
    name = "outpatient.deductible.active"
    blocks = EXAMPLE_AREA.text.split("[[parameter]]")
    (old,) = [block for block in blocks if f'"{name}"' in block]
    new = old.replace("600.00", "700.00").replace("2000-01-01", "2026-07-01")
    policy = load_policy(EXAMPLE_AREA.text.replace(old, f"{old}[[parameter]]{new}"), "test.toml")
    for day, value in ((date(2026, 6, 30), "600.00"), (date(2026, 7, 1), "700.00")):
        assert of("deductible", row(care_date=day), policy) == [("R39", name, value)]


def test_a_version_that_lacks_a_parameter_names_it_all_the_same() -> None:
    old = load_policy(
        EXAMPLE_AREA.text.split("# What the pooled fund pays of outpatient")[0], "old", complete=False
    )
    assert of("ratio", row(), old) == [("R39", "outpatient.ratio.active.level_3", None)]
    assert of("pooled_pay", row(CareType.PHARMACY), old) == [("R39", "pharmacy.pooled", None)]
    chronic = row(CareType.CHRONIC, CareTable.CHRONIC)
    assert of("deductible", chronic) == [("R39", "chronic.deductible.active", None)]


ROWS = st.builds(
    row,
    st.sampled_from(CareType),
    st.sampled_from(CareTable),
    level=st.sampled_from([1, 2, 3]),
    member_class=st.sampled_from(MemberClass),
    coverage=st.sampled_from(Coverage),
    filing=st.sampled_from(Filing),
    cut=st.sampled_from(Cut),
    admission=st.integers(0, 3),
    use_account=st.booleans(),
    channel=st.sampled_from(Channel),
    cause=st.one_of(st.none(), st.sampled_from(CauseKind)),
    care_date=st.sampled_from([date(1999, 1, 1), DAY]),
)


@given(ROWS)
def test_every_amount_has_a_reason(one: SettlementRow) -> None:
    reasons = because(EXAMPLE_AREA, one)
    in_order = list(dict.fromkeys(why.amount for why in reasons))
    wanted = list(AMOUNTS)
    if one.cause_kind is not None:
        wanted.insert(wanted.index("deductible"), "excluded")
    if one.channel is Channel.ANNUAL:
        wanted.insert(wanted.index("account_pay"), "top_up_pay")
    assert in_order == wanted
    for why in reasons:
        assert why.parameter is None or why.parameter in UNITS or why.parameter in OPTIONAL_UNITS
        assert (why.source is None) == (why.value is None or why.parameter is None)
    # what a reversal mirrors has the same reasons
    assert because(EXAMPLE_AREA, one.mirrored(1, DAY)) == reasons
