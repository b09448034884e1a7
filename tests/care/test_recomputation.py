"""A year of care computed again: the order of care, what is known late, who gets the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.care.benefits import Parts, benefit, care_table, payable, payers
from ledger.care.counters import NOTHING_USED, Accumulator
from ledger.care.recomputation import Division, Facts, Part, Year, divide, recompute
from ledger.care.rows import Circumstances, FilingRow, SettlementRow
from ledger.chart.care import CareTable, CareType, Channel, Coverage, Cut, Filing
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.people.membership import Enrolment
from ledger.policy import RATE_SCALE, Policy, load_policies
from tests.care.test_benefits import area, fen

POLICY = load_policies()["990100"]
HOME, AWAY = 990100, 990200
HOSPITAL = 9_000_000_000_001
YEAR = 2025
LAST = date(YEAR, 12, 31)
IN_TIME, TOO_LATE = date(2026, 3, 31), date(2026, 4, 1)
OUTPATIENT, INPATIENT, PHARMACY = CareType.OUTPATIENT, CareType.INPATIENT, CareType.PHARMACY
ACTIVE, RETIRED = MemberClass.ACTIVE, MemberClass.RETIRED
ALL_YEAR = (Enrolment(1, ACTIVE, None, date(2020, 1, 1), None),)


def facts(
    *,
    enrolments: Sequence[Enrolment] = ALL_YEAR,
    filings: Sequence[tuple[int, date, FilingRow]] = (),
    resident: bool = False,
) -> Facts:
    return Facts(resident, HOME, enrolments, filings, {HOSPITAL: AWAY})


def filed(
    filing: Filing = Filing.REFERRED,
    recorded_on: date = IN_TIME,
    first: date = date(YEAR, 1, 1),
    last: date | None = LAST,
    place: int | None = AWAY,
) -> tuple[int, date, FilingRow]:
    return (50, recorded_on, FilingRow(filing, first, last, place, None))


class Rows:
    """A year's rows by entry, settled one after the other with the counters as they are by then."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.rows: dict[int, SettlementRow] = {}
        self.used = NOTHING_USED
        # what came back to relatives, by bill
        self.returned: dict[int, int] = {}

    def add(self, row: SettlementRow) -> int:
        seq = 10 + len(self.rows)
        self.rows[seq] = row
        self.used = self.used.add(row)
        return seq

    def bill(
        self,
        in_scope: int,
        day: date,
        care_type: CareType = OUTPATIENT,
        *,
        level: int = 3,
        own_expense: int = 0,
        account: int = 0,
        relatives: int = 0,
        hospital_share: int = 0,
        share: int = 0,
        member_class: MemberClass = ACTIVE,
        coverage: Coverage = Coverage.COVERED,
        filing: Filing = Filing.NONE,
        cut: Cut = Cut.NONE,
    ) -> int:
        """Settle a bill; `account` and `relatives` are what is there to pay it with."""
        admission = 0
        if care_type is INPATIENT and coverage is Coverage.COVERED:
            admission = self.used.admissions + 1
        told = Circumstances(care_type, day, level, member_class, coverage, filing, cut, admission)
        table = care_table(self.policy, care_type, day, coverage)
        parts = Parts(in_scope + own_expense, own_expense, 0, 0, in_scope)
        paid = benefit(self.policy, table, told, in_scope, share, self.used.used(table))
        most = payable(self.policy, parts, paid, day, hospital_share, share)
        personal = parts.total - paid.fund_sum - hospital_share
        own, (given,), cash = payers(personal, most, account, (relatives,))
        amounts = (*parts, paid.excluded, paid.deductible, paid.ratio, paid.pooled_pay, paid.large_pay)
        return self.add(
            SettlementRow(
                Channel.NETWORK, table, care_type, day, HOSPITAL, day, level, member_class, coverage, filing,
                cut, admission, account + relatives > 0, *amounts, 0, own, given, cash, hospital_share,
                min(paid.own_burden, personal), cause_share=share or None,
            )
        )  # fmt: skip

    def reverse(self, seq: int) -> int:
        return self.add(self.rows[seq].mirrored(seq, LAST))

    def year(self, known: Facts | None = None) -> Year:
        return recompute(self.policy, YEAR, self.rows, known or facts(), self.returned)

    def settle(self, known: Facts | None = None, owed: int = 0) -> Division:
        """Settle the year: its differences are rows from here on."""
        found = self.year(known)
        division = divide(found, owed)
        back, aid = division.to_account, division.to_relatives
        left = aid
        for bill, fen_of_bill in found.aid_back:
            part_of_bill = min(left, fen_of_bill)
            self.returned[bill] = self.returned.get(bill, 0) + part_of_bill
            left -= part_of_bill
        for part in found.parts():
            funds = part.pooled + part.large + part.top_up
            to_aid = min(aid, max(funds, 0))
            aid -= to_aid
            taken = min(back, max(funds, 0) - to_aid)
            back -= taken
            self.add(
                SettlementRow(
                    Channel.ANNUAL, part.care_table, OUTPATIENT, LAST, None, LAST, 1, ACTIVE,
                    Coverage.COVERED, Filing.NONE, Cut.NONE, 0, True, 0, 0, 0, 0, 0, 0, part.deductible, 0,
                    part.pooled, part.large, part.top_up, -taken, -to_aid, taken + to_aid - funds, 0,
                    part.own_burden,
                )
            )  # fmt: skip
        return division


def day_of(month: int, day: int = 10) -> date:
    return date(YEAR, month, day)


# -- the worked examples ---------------------------------------------------------------------------------


def test_e47_the_yearly_top_up() -> None:
    rows = Rows()
    rows.bill(fen("31,234.56"), day_of(3))
    year = rows.year()
    assert year.after.own_burden == fen("21,234.56")
    assert year.parts() == (Part(CareTable.NONE, top_up=fen("3,740.74")),)
    assert divide(year, 0) == Division(0, 0, fen("3,740.74"), 0, 0)


@pytest.mark.parametrize(
    ("filing", "more"),
    [(Filing.REFERRED, "1,910.00"), (Filing.EMERGENCY, "1,910.00"), (Filing.LONG_TERM, "3,820.00")],
    ids=["referred", "emergency", "long term"],
)
def test_e48_a_filing_that_came_late(filing: Filing, more: str) -> None:
    rows = Rows()
    rows.bill(fen("20,000.00"), day_of(6), INPATIENT, cut=Cut.OUT_OF_AREA)
    year = rows.year(facts(filings=[filed(filing)]))
    assert year.bills[0].was.pooled_pay == fen("12,988.00")
    assert year.bills[0].reasons == ("filing",)
    assert year.parts() == (Part(CareTable.INPATIENT, pooled=fen(more), own_burden=-fen(more)),)
    assert divide(year, 0).to_bank == fen(more)


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(facts(filings=[filed(recorded_on=TOO_LATE)]), id="after the deadline"),
        pytest.param(facts(filings=[filed(first=day_of(6, 11))]), id="from the day after"),
        pytest.param(facts(filings=[filed(last=day_of(6, 9))]), id="until the day before"),
        pytest.param(facts(filings=[filed(place=990300)]), id="for another area"),
        pytest.param(facts(filings=[filed(place=HOME)]), id="for the own area"),
        pytest.param(facts(filings=[filed()])._replace(areas={}), id="in an area that is not known"),
    ],
)
def test_a_filing_that_is_not_for_the_bill_does_not_count(known: Facts) -> None:
    rows = Rows()
    rows.bill(fen("20,000.00"), day_of(6), INPATIENT, cut=Cut.OUT_OF_AREA)
    assert not rows.year(known).differs


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(filed(place=None), id="for any area"),
        pytest.param(filed(first=day_of(6), last=day_of(6)), id="for the very day"),
        pytest.param(filed(last=None), id="without an end"),
        pytest.param(filed(recorded_on=IN_TIME), id="on the last day"),
    ],
)
def test_a_filing_that_is_for_the_bill_counts(one: tuple[int, date, FilingRow]) -> None:
    rows = Rows()
    rows.bill(fen("20,000.00"), day_of(6), INPATIENT, cut=Cut.OUT_OF_AREA)
    assert divide(rows.year(facts(filings=[one])), 0).to_bank == fen("1,910.00")


def test_what_the_bill_had_stays_when_it_is_better() -> None:
    rows = Rows()
    rows.bill(fen("20,000.00"), day_of(6), INPATIENT, cut=Cut.OUT_OF_AREA, filing=Filing.LONG_TERM)
    assert not rows.year(facts(filings=[filed(Filing.EMERGENCY)])).differs


@pytest.mark.parametrize(
    ("filing", "place", "counts"),
    [
        (Filing.REFERRED, HOME, True), (Filing.EMERGENCY, None, True), (Filing.REFERRED, AWAY, False),
        (Filing.LONG_TERM, None, False),
    ],
)  # fmt: skip
def test_a_referral_inside_the_area(filing: Filing, place: int | None, counts: bool) -> None:
    rows = Rows(area(referral_required=True))
    rows.bill(fen("20,000.00"), day_of(6), INPATIENT, cut=Cut.NO_REFERRAL)
    year = rows.year(facts(filings=[filed(filing, place=place)]))
    assert year.bills[0].now.cut is (Cut.NONE if counts else Cut.NO_REFERRAL)
    # a tenth of 19,100.00
    assert divide(year, 0).to_bank == (fen("1,910.00") if counts else 0)


# -- the order of care -----------------------------------------------------------------------------------


def test_bills_go_in_the_order_of_care_and_not_of_posting() -> None:
    rows = Rows()
    rows.bill(fen("1,000.00"), day_of(5), level=1)
    rows.bill(fen("1,000.00"), day_of(3), level=3)
    # as posted: 0.80 × (1,000 − 600) + 0.60 × 1,000; in the order of care 0.60 × 400 + 0.80 × 1,000
    assert rows.used.outpatient_pooled == fen("920.00")
    year = rows.year()
    assert [bill.now.pooled_pay for bill in year.bills] == [fen("240.00"), fen("800.00")]
    assert [bill.reasons for bill in year.bills] == [("order",), ("order",)]
    assert year.parts() == (Part(CareTable.OUTPATIENT, pooled=12_000, own_burden=-12_000),)


def test_bills_of_a_day_go_in_the_order_of_posting() -> None:
    rows = Rows()
    rows.bill(fen("1,000.00"), day_of(5), level=1)
    rows.bill(fen("1,000.00"), day_of(5), level=3)
    assert not rows.year().differs


def test_the_second_admission_is_the_second_in_the_order_of_care() -> None:
    rows = Rows()
    rows.bill(fen("1,000.00"), day_of(9), INPATIENT, level=3)
    rows.bill(fen("1,000.00"), day_of(2), INPATIENT, level=1)
    year = rows.year()
    assert [(bill.now.admission, bill.now.deductible) for bill in year.bills] == [
        (1, fen("300.00")),
        (2, fen("450.00")),
    ]
    assert "admission" in year.bills[0].reasons
    assert year.after.admissions == 2


def test_a_reversed_bill_leaves_its_deductible_to_the_next() -> None:
    rows = Rows()
    first = rows.bill(fen("1,000.00"), day_of(2))
    rows.bill(fen("1,000.00"), day_of(3))
    rows.reverse(first)
    year = rows.year()
    assert [bill.now.deductible for bill in year.bills] == [fen("600.00")]
    # 600.00 was paid of it, and 240.00 is due
    assert year.parts()[0] == Part(CareTable.OUTPATIENT, fen("600.00"), -fen("360.00"), 0, 0, fen("360.00"))
    assert divide(year, 0) == Division(0, 0, 0, 0, fen("360.00"))


# -- what is known of the person -------------------------------------------------------------------------


def enrolled(member_class: MemberClass, first: date, last: date | None = None, seq: int = 1) -> Enrolment:
    return Enrolment(seq, member_class, None, first, last)


def test_who_turns_out_to_be_retired_goes_by_that_table() -> None:
    rows = Rows()
    rows.bill(fen("1,000.00"), day_of(6))
    year = rows.year(facts(enrolments=[enrolled(RETIRED, day_of(6, 1))]))
    # 0.65 × (1,000 − 400) after 0.60 × (1,000 − 600)
    assert year.bills[0].reasons == ("member_class",)
    assert year.parts()[0] == Part(CareTable.OUTPATIENT, -fen("200.00"), fen("150.00"), 0, 0, -fen("150.00"))


def test_the_fund_takes_part_after_all_when_the_enrolment_comes_late() -> None:
    rows = Rows()
    rows.bill(fen("1,000.00"), day_of(6), coverage=Coverage.PAUSED)
    year = rows.year()
    assert (year.bills[0].was.care_table, year.bills[0].now.care_table) == (
        CareTable.NONE,
        CareTable.OUTPATIENT,
    )
    assert year.bills[0].reasons == ("coverage",)
    assert year.parts()[0] == Part(CareTable.OUTPATIENT, fen("600.00"), fen("240.00"), 0, 0, fen("760.00"))


@pytest.mark.parametrize(
    ("enrolments", "coverage"),
    [
        ([enrolled(ACTIVE, date(2020, 1, 1), day_of(5, 31))], Coverage.PAUSED),
        ([enrolled(ACTIVE, day_of(7, 1))], Coverage.PAUSED),
        ([enrolled(ACTIVE, date(2020, 1, 1), date(2024, 6, 30)), enrolled(ACTIVE, day_of(5, 1), seq=2)],
         Coverage.WAITING),
    ],
    ids=["ended before", "began after", "waiting"],
)  # fmt: skip
def test_what_the_fund_should_not_have_paid_is_claimed_back(
    enrolments: list[Enrolment], coverage: Coverage
) -> None:
    rows = Rows()
    rows.bill(fen("1,000.00"), day_of(6))
    year = rows.year(facts(enrolments=enrolments))
    assert (year.bills[0].now.coverage, year.after.outpatient_pooled, year.after.own_burden) == (
        coverage,
        0,
        0,
    )
    assert divide(year, 0) == Division(0, 0, 0, 0, fen("240.00"))


def test_a_resident_without_an_account_has_nothing_to_come() -> None:
    rows = Rows()
    rows.bill(fen("50,000.00"), day_of(6), coverage=Coverage.RESIDENT, member_class=MemberClass.RESIDENT)
    year = rows.year(facts(enrolments=(), resident=True))
    assert not year.differs
    assert year.parts() == (Part(CareTable.NONE),)


def test_the_cause_stays_and_no_fund_pays_what_the_hospital_bore() -> None:
    rows = Rows()
    rows.bill(fen("20,000.00"), day_of(6), INPATIENT, cut=Cut.OUT_OF_AREA, share=RATE_SCALE // 2)
    rows.bill(fen("1,000.00"), day_of(7), hospital_share=fen("700.00"))
    year = rows.year(facts(filings=[filed(Filing.LONG_TERM)]))
    assert year.bills[0].now.excluded == fen("10,000.00")
    # 0.88 × (10,000 − 900)
    assert year.bills[0].now.pooled_pay == fen("8,008.00")
    rows.rows[11] = rows.rows[11]._replace(care_date=day_of(8))
    known = facts(enrolments=[enrolled(RETIRED, date(2020, 1, 1))])
    again = rows.year(known).bills[1].now
    # 0.65 × (1,000 − 400) would be 390.00, and 300.00 were the patient's
    assert (again.pooled_pay, again.own_burden, again.cash_pay) == (fen("300.00"), 0, 0)


# -- who gets it -----------------------------------------------------------------------------------------


def order_swapped(**of_first: int) -> Rows:
    """Two bills whose order of care brings 120.00 more than that of posting."""
    rows = Rows()
    rows.bill(fen("1,000.00"), day_of(5), level=1, **of_first)
    rows.bill(fen("1,000.00"), day_of(3), level=3, **of_first)
    return rows


def late_filing(**paid: int) -> tuple[Year, Rows]:
    """E48: 1,910.00 more, of 7,012.00 that were left to the person."""
    rows = Rows()
    rows.bill(fen("20,000.00"), day_of(6), INPATIENT, cut=Cut.OUT_OF_AREA, own_expense=fen("500.00"), **paid)
    return rows.year(facts(filings=[filed()])), rows


@pytest.mark.parametrize(
    ("paid", "to_relatives", "to_account", "to_bank"),
    [
        ({}, "0.00", "0.00", "1,910.00"),
        # what the account paid in scope; class C was cash and stays so
        ({"account": 1_000_000}, "0.00", "1,910.00", "0.00"),
        ({"relatives": 1_000_000}, "1,910.00", "0.00", "0.00"),
        # cash comes after the account, so it is what there is less of
        ({"account": fen("3,000.00")}, "0.00", "0.00", "1,910.00"),
        ({"account": fen("6,000.00")}, "0.00", "898.00", "1,012.00"),
        # and relatives after the account
        ({"account": fen("3,000.00"), "relatives": fen("3,000.00")}, "898.00", "0.00", "1,012.00"),
        ({"account": fen("6,412.00"), "relatives": fen("500.00")}, "500.00", "1,310.00", "100.00"),
    ],
    ids=["cash", "account", "relatives", "mostly cash", "both", "all three", "relatives first"],
)
def test_money_comes_back_to_whom_it_came_from(
    paid: dict[str, int], to_relatives: str, to_account: str, to_bank: str
) -> None:
    year, _rows = late_filing(**paid)
    division = divide(year, 0)
    assert (division.to_relatives, division.to_account, division.to_bank) == (
        fen(to_relatives), fen(to_account), fen(to_bank),
    )  # fmt: skip


def test_what_cash_paid_of_another_bill_does_not_turn_account_money_into_cash() -> None:
    _year, rows = late_filing(account=1_000_000)
    rows.bill(fen("5,000.00"), day_of(8))
    division = divide(rows.year(facts(filings=[filed()])), 0)
    assert (division.to_account, division.to_bank) == (fen("1,910.00"), 0)


def test_what_came_back_to_the_account_does_not_come_back_again() -> None:
    _year, rows = late_filing(account=1_000_000)
    known = facts(filings=[filed()])
    assert rows.settle(known).to_account == fen("1,910.00")
    rows.bill(fen("10,450.00"), day_of(8), INPATIENT, cut=Cut.OUT_OF_AREA)
    assert divide(rows.year(known), 0) == Division(0, 0, fen("1,000.00"), 0, 0)


def test_the_top_up_makes_up_for_cash_first() -> None:
    rows = Rows()
    rows.bill(fen("31,234.56"), day_of(3), account=fen("20,000.00"))
    # 1,234.56 were cash
    assert divide(rows.year(), 0) == Division(fen("2,506.18"), 0, fen("1,234.56"), 0, 0)


def test_what_one_fund_pays_is_set_against_what_the_other_gets_back() -> None:
    rows = Rows()
    rows.bill(fen("31,234.56"), day_of(3))
    rows.bill(fen("20,000.00"), day_of(6), INPATIENT, cut=Cut.OUT_OF_AREA)
    first = rows.settle()
    # 0.60 × (21,234.56 + 7,012.00 − 15,000.00)
    assert first == Division(0, 0, fen("7,947.94"), 0, 0)
    known = facts(filings=[filed()])
    year = rows.year(known)
    assert year.parts() == (
        Part(CareTable.INPATIENT, 0, fen("1,910.00"), 0, -fen("1,146.00"), -fen("1,910.00")),
    )
    second = divide(year, 0)
    assert second == Division(0, fen("1,146.00"), fen("764.00"), 0, 0)
    assert (second.claimed_back, second.forgiven) == (0, 0)


def test_what_was_claimed_back_is_forgiven_before_anything_is_paid() -> None:
    rows = Rows()
    rows.bill(fen("1,000.00"), day_of(6))
    away = facts(enrolments=[enrolled(ACTIVE, day_of(7, 1))])
    first = rows.settle(away)
    assert (first.claimed_back, first.still_owed) == (fen("240.00"), fen("240.00"))
    retired = facts(enrolments=[enrolled(RETIRED, day_of(1, 1))])
    second = rows.settle(retired, first.still_owed)
    # 390.00 are due, of which 240.00 stand against the claim
    assert second == Division(0, fen("240.00"), fen("150.00"), fen("240.00"), 0)
    assert (second.claimed_back, second.forgiven) == (0, fen("240.00"))


def test_account_money_comes_back_before_anything_is_set_against_a_claim() -> None:
    rows = Rows()
    rows.bill(fen("1,000.00"), day_of(6))
    rows.bill(fen("20,000.00"), day_of(8), INPATIENT, cut=Cut.OUT_OF_AREA, account=1_000_000)
    known = facts(enrolments=[enrolled(ACTIVE, day_of(7, 1))], filings=[filed()])
    division = divide(rows.year(known), 0)
    assert division == Division(fen("1,910.00"), 0, 0, 0, fen("240.00"))


def test_tables_are_settled_apart_and_paid_together() -> None:
    rows = order_swapped()
    rows.bill(fen("20,000.00"), day_of(6), INPATIENT, cut=Cut.OUT_OF_AREA, filing=Filing.NONE)
    year = rows.year(facts(filings=[filed()]))
    assert [part.care_table for part in year.parts()] == [CareTable.OUTPATIENT, CareTable.INPATIENT]
    assert year.parts()[0].own_burden == year.parts()[0].top_up == 0
    assert year.parts()[1].flows()[0] == (Side.POOLED_FUND, fen("1,910.00"))


# -- what always holds -----------------------------------------------------------------------------------

MONEY = st.integers(1, 60_000_00)
PURSE = st.sampled_from([0, 0, 5_00, 700_00, 9_000_00, 10**8])
BILLS = st.fixed_dictionaries({
    "in_scope": MONEY,
    "day": st.integers(0, 364).map(lambda days: date(YEAR, 1, 1) + timedelta(days=days)),
    "care_type": st.sampled_from([OUTPATIENT, OUTPATIENT, INPATIENT, PHARMACY, CareType.CHRONIC]),
    "level": st.integers(1, 3),
    "own_expense": st.sampled_from([0, 123_45]),
    "account": PURSE,
    "relatives": PURSE,
    "share": st.sampled_from([0, 0, 0, RATE_SCALE // 3]),
    "coverage": st.sampled_from([Coverage.COVERED] * 4 + [Coverage.PAUSED]),
    "member_class": st.sampled_from([ACTIVE, ACTIVE, RETIRED]),
    "filing": st.sampled_from(list(Filing)),
    "cut": st.sampled_from([Cut.NONE, Cut.OUT_OF_AREA]),
})  # fmt: skip
ENROLLED = st.sampled_from([
    ALL_YEAR,
    (enrolled(RETIRED, date(2020, 1, 1)),),
    (enrolled(ACTIVE, day_of(4, 1)),),
    (enrolled(ACTIVE, date(2020, 1, 1), day_of(8, 31)),),
    (enrolled(ACTIVE, date(2020, 1, 1), day_of(3, 31)), enrolled(RETIRED, day_of(4, 1), seq=2)),
])  # fmt: skip
FILED = st.lists(
    st.builds(
        filed, st.sampled_from([Filing.REFERRED, Filing.LONG_TERM]), place=st.sampled_from([AWAY, None])
    ),
    max_size=1,
)
KNOWN = st.builds(lambda enrolments, filings: facts(enrolments=enrolments, filings=filings), ENROLLED, FILED)
# small caps, so that bills reach them
TIGHT = replace(
    POLICY,
    care=replace(
        area(large_cap=50_000_00, top_up_threshold=1_000_00).care,
        inpatient=replace(
            POLICY.care.inpatient,
            cap={name: area(large_cap=20_000_00).care.large_cap for name in ("active", "retired")},
        ),
    ),
)


@given(st.lists(BILLS, max_size=6), st.lists(st.tuples(KNOWN, st.integers(0, 5)), min_size=1, max_size=3))
def test_however_often_it_is_settled_the_year_comes_to_what_it_comes_to(
    bills: list[dict[str, Any]], rounds: list[tuple[Facts, int]]
) -> None:
    rows = Rows(TIGHT)
    seqs = [rows.bill(**bill) for bill in bills]
    owed = bank = 0
    for known, gone in rounds:
        found = rows.year(known)
        before = rows.used
        division = rows.settle(known, owed)
        assert min(division) >= 0
        # sum of what was settled + difference == what is computed
        moved = sum(fen for part in found.parts() for _side, fen in part.flows())
        paid_out = division.to_bank + division.to_account + division.to_relatives
        assert moved == paid_out + division.forgiven - division.claimed_back
        assert rows.used._replace(version=0, admissions=0) == found.after._replace(version=0, admissions=0)
        assert _funds(rows.used) == _funds(before) + moved
        again = rows.year(known)
        assert not again.differs
        assert divide(again, division.still_owed) == Division(0, 0, 0, *[division.still_owed] * 2)
        owed, bank = division.still_owed, bank + division.to_bank
        if division.to_bank:
            assert bank <= sum(bill.was.cash_pay for bill in found.bills)
        for bill in found.bills:
            assert bill.now.total == sum(getattr(bill.now, name) for name in _PAYERS)
            assert bill.now.account_pay <= bill.was.account_pay
            assert bill.now.mutual_pay <= bill.was.mutual_pay
        if gone < len(seqs):
            rows.reverse(seqs.pop(gone))


_PAYERS = (
    "pooled_pay", "large_pay", "top_up_pay", "account_pay", "mutual_pay", "cash_pay", "hospital_share",
)  # fmt: skip


def _funds(used: Accumulator) -> int:
    return used.outpatient_pooled + used.inpatient_pooled + used.chronic_pooled + used.large + used.top_up


@given(st.lists(BILLS, min_size=1, max_size=6), KNOWN, st.randoms(use_true_random=False))
def test_the_order_of_posting_makes_no_difference(
    bills: list[dict[str, Any]], known: Facts, chance: Any
) -> None:
    """Among bills of different days: what funds paid in the end is the same."""
    by_day = {bill["day"]: bill for bill in bills}
    ends = []
    for _ in range(2):
        rows = Rows(TIGHT)
        shuffled = list(by_day.values())
        chance.shuffle(shuffled)
        for bill in shuffled:
            rows.bill(**bill)
        ends.append(rows.year(known).after._replace(version=0))
    assert ends[0] == ends[1]


@given(st.lists(BILLS, min_size=1, max_size=6))
def test_what_was_settled_in_order_and_rightly_comes_to_the_same(bills: list[dict[str, Any]]) -> None:
    rows = Rows(TIGHT)
    for bill in sorted(bills, key=lambda one: one["day"]):
        rows.bill(**bill | {"coverage": Coverage.COVERED, "member_class": ACTIVE})
    year = rows.year()
    assert [bill.seq for bill in year.bills if bill.is_changed] == []
    assert year.account_back >= 0
    [part] = year.parts()
    assert part == Part(CareTable.NONE, top_up=part.top_up)


@given(st.lists(BILLS, min_size=1, max_size=5), KNOWN)
def test_no_account_money_goes_to_the_bank(bills: list[dict[str, Any]], known: Facts) -> None:
    """Who has paid no cash in scope is paid none."""
    rows = Rows(TIGHT)
    for bill in bills:
        rows.bill(**bill | {"account": 10**9, "share": 0})
    assert rows.settle(known).to_bank == 0
