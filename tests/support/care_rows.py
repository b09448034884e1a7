"""Rows of the tables of medical care, for test_schema.py: good ones, and what makes each of them wrong.

One bill of 1,000 yuan runs through them: class A 700, B 200 with a tenth of it before, C 100. The fund pays
400, the large fund 100, account 100, relatives 50, the hospital 30, and 320 are cash.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from ledger.chart.care import (
    SIGNED,
    CareTable,
    CareType,
    CauseKind,
    Channel,
    ClearingState,
    Coverage,
    Cut,
    Filing,
)
from ledger.chart.members import MemberClass
from ledger.policy import RATE_SCALE

Row = dict[str, Any]

DAY = date(2026, 3, 1)
BOOK = 16_000_000_000_001
HOSPITAL = 9_000_000_000_001

PARTS = {"own_expense": 8_000, "over_limit": 2_000, "pre_self_pay": 2_000, "in_scope": 88_000}
PAYERS = {
    "pooled_pay": 40_000, "large_pay": 10_000, "top_up_pay": 0, "account_pay": 10_000, "mutual_pay": 5_000,
    "cash_pay": 32_000, "hospital_share": 3_000,
}  # fmt: skip
AMOUNTS = {
    "total": 100_000, **PARTS, **PAYERS, "excluded": 4_000, "deductible": 30_000, "own_burden": 30_000,
}  # fmt: skip
SETTLEMENT: Row = {
    "book_id": BOOK, "institution_id": HOSPITAL, **AMOUNTS, "seq": 5, "ratio": 80_000_000,
    "cause_share": None, "visit_seq": None, "reverses_seq": None, "care_date": DAY, "settled_on": DAY,
    "channel": int(Channel.NETWORK), "care_table": int(CareTable.INPATIENT),
    "care_type": int(CareType.INPATIENT), "level": 3, "member_class": int(MemberClass.ACTIVE),
    "coverage": int(Coverage.COVERED), "filing": int(Filing.NONE), "cut": int(Cut.NONE), "admission": 1,
    "cause_kind": None, "use_account": True, "bill_no": None, "lines": "[]",
}  # fmt: skip
COUNTERS = (
    "outpatient_deductible", "outpatient_pooled", "inpatient_deductible", "inpatient_pooled",
    "chronic_deductible", "chronic_pooled", "large", "top_up", "own_burden",
)  # fmt: skip
SUMS = {"bills": 3, "total": 100_000, "fund": 50_000, "account": 15_000}

GOOD: dict[str, Row] = {
    "settlement": SETTLEMENT,
    "accumulator": {
        "book_id": BOOK, **dict.fromkeys(COUNTERS, 0), "year": 2026, "version": 1, "admissions": 1,
    },
    "quota": {
        "book_id": BOOK, "recipient_id": 2, "amount": 10_000, "remaining": 5_000, "seq": 5, "rank": 1,
        "relation": "child", "ended": False,
    },
    "filing": {
        "book_id": BOOK, "institution_id": None, "seq": 5, "area": None, "valid_from": DAY, "valid_to": None,
        "filing": int(Filing.LONG_TERM), "replaces_seq": None,
    },
    "third_party_case": {
        "book_id": BOOK, "excluded": 4_000, "advance": 4_000, "paid": 2_000, "returned": 2_000, "set_off": 0,
        "seq": 5, "settlement_seq": 4, "kind": int(CauseKind.THIRD_PARTY),
    },
    "manual_claim": {
        "book_id": BOOK, "institution_id": HOSPITAL, "total": 100_000, "seq": 5, "care_date": DAY,
        "received_on": DAY, "decide_by": DAY, "care_type": int(CareType.OUTPATIENT), "bill_no": "F-1",
        "lines": "[]",
    },
    "reconciled_day": {"book_id": BOOK, **SUMS, "seq": 5, "day": DAY, "balanced": True},
    "clearing": {
        "book_id": BOOK, **SUMS, "seq": 5, "period": 202603, "state": int(ClearingState.CLEARED),
    },
    "suspension": {"code": "H9001", "valid_from": DAY, "valid_to": None},
}  # fmt: skip
NEEDS = {
    "accumulator": ["book"],
    "suspension": ["institution"],
    **{
        table: ["book", "entry"]
        for table in (
            "settlement", "quota", "filing", "third_party_case", "manual_claim", "reconciled_day", "clearing",
        )
    },
}  # fmt: skip


# -- what makes a settled bill wrong -----------------------------------------------------------------------


def mirrored(**changes: Any) -> Row:
    """The row that takes the bill of entry 4 back, with some changes."""
    return {name: -fen for name, fen in AMOUNTS.items()} | {"reverses_seq": 4} | changes


def difference(**changes: Any) -> Row:
    """A yearly difference: the fund pays 10 yuan more, which come back to the person."""
    return {
        **dict.fromkeys(SIGNED, 0), "institution_id": None, "channel": int(Channel.ANNUAL),
        "pooled_pay": 1_000, "cash_pay": -1_000, "own_burden": -1_000, **changes,
    }  # fmt: skip


def _moved(name: str, fen: int) -> Row:
    """The bill with one of its amounts at so much; a part or a payer of the same side makes up for it."""
    for side, other in ((PARTS, "own_expense"), (PAYERS, "cash_pay")):
        if name in side:
            make_up = other if name != other else next(one for one in side if one != other)
            excluded = {"excluded": 0} if name == "in_scope" else {}
            return {make_up: side[make_up] + side[name] - fen, name: fen, **excluded}
    return {name: fen}


_NOT_SUMMED = ("excluded", "deductible", "own_burden")
_BELOW_ZERO = [_moved(name, -1) for name in (*PARTS, *PAYERS, *_NOT_SUMMED)]
_ABOVE_ZERO = [
    mirrored(**{other: -fen for other, fen in _moved(name, -1).items()})
    for name in (*PARTS, *PAYERS, *_NOT_SUMMED)
]
# what is left when nothing is paid and nothing was the fund's
_EMPTY = dict.fromkeys(SIGNED, 0)
_NO_LARGE = {"large_pay": 0, "cash_pay": 42_000}
_NO_TABLE = {
    "care_table": int(CareTable.NONE), **_NO_LARGE, "pooled_pay": 0, "cash_pay": 82_000, "deductible": 0,
}  # fmt: skip
_NO_ACCOUNT = {"use_account": False, "account_pay": 0, "mutual_pay": 0, "cash_pay": 47_000}


def _unknown(column: str, numbers: tuple[int, ...]) -> list[Row]:
    return [{column: number} for number in numbers]


WRONG: dict[str, list[Row]] = {
    "ck_settlement_parts_add_up": [
        *({name: fen + 1} for name, fen in PARTS.items()),
        mirrored(in_scope=-88_001),
        # a year changes who pays, not what the bills were
        difference(in_scope=1),
    ],
    "ck_settlement_payers_add_up": [
        *({name: fen + 1} for name, fen in PAYERS.items()),
        mirrored(cash_pay=-32_001),
        difference(cash_pay=-999),
    ],
    "ck_settlement_one_sign": [
        *_BELOW_ZERO,
        *_ABOVE_ZERO,
        _EMPTY,
        {**_EMPTY, "reverses_seq": 4},
        mirrored(reverses_seq=None),
        {"reverses_seq": 4},
        {"channel": int(Channel.MANUAL), "deductible": -1},
    ],
    "ck_settlement_excluded_is_in_scope": [{"excluded": 88_001}, mirrored(excluded=-88_001)],
    "ck_settlement_account_by_choice": [
        {"use_account": False, "account_pay": 0, "cash_pay": 42_000},
        {"use_account": False, "mutual_pay": 0, "cash_pay": 37_000},
        mirrored(use_account=False),
    ],
    "ck_settlement_no_fund_without_a_table": [
        {**_NO_TABLE, "pooled_pay": 1, "cash_pay": 81_999},
        {**_NO_TABLE, "deductible": 1},
        # nor at the end of a year
        difference(care_table=int(CareTable.NONE)),
    ],
    "ck_settlement_large_is_inpatient": [
        {"care_table": int(CareTable.OUTPATIENT)},
        {"care_table": int(CareTable.CHRONIC)},
        mirrored(care_table=int(CareTable.OUTPATIENT)),
    ],
    "ck_settlement_a_year_is_no_bill": [
        difference(total=1, own_expense=1, cash_pay=-999),
        difference(reverses_seq=4),
    ],
    "ck_settlement_reverses_what_is_older": [mirrored(reverses_seq=5), mirrored(reverses_seq=6)],
    "ck_settlement_bills_have_an_institution": [
        {"institution_id": None},
        {"institution_id": None, "channel": int(Channel.MANUAL)},
        mirrored(institution_id=None),
    ],
    "ck_settlement_channel_known": _unknown("channel", (0, 4)),
    "ck_settlement_care_table_known": [{**_NO_LARGE, "care_table": number} for number in (-1, 3, 5)],
    "ck_settlement_care_type_known": _unknown("care_type", (0, 5)),
    "ck_settlement_level_known": _unknown("level", (0, 4)),
    "ck_settlement_member_class_known": _unknown("member_class", (0, 6)),
    "ck_settlement_coverage_known": _unknown("coverage", (0, 6)),
    "ck_settlement_filing_known": _unknown("filing", (-1, 4)),
    "ck_settlement_cut_known": _unknown("cut", (-1, 3)),
    "ck_settlement_cause_kind_known": [{"cause_kind": number, "cause_share": 1} for number in (0, 5)],
    "ck_settlement_cause_has_a_share": [{"cause_kind": int(CauseKind.ABROAD)}, {"cause_share": 1}],
    "ck_settlement_ratio_of_a_whole": [{"ratio": -1}, {"ratio": RATE_SCALE + 1}],
    "ck_settlement_cause_share_of_a_whole": [
        {"cause_kind": int(CauseKind.ABROAD), "cause_share": share} for share in (-1, RATE_SCALE + 1)
    ],
    "ck_accumulator_admissions_not_negative": [{"admissions": -1}],
    "ck_quota_remaining_of_the_amount": [
        {"remaining": -1},
        {"remaining": 10_001},
        {"amount": -1, "remaining": -1},
    ],
    "ck_quota_ended_is_empty": [{"ended": True}, {"ended": True, "remaining": 1}],
    "ck_quota_rank_from_one": [{"rank": 0}, {"rank": -1}],
    "ck_filing_ends_after_it_begins": [{"valid_to": DAY - timedelta(days=1)}],
    "ck_filing_filing_known": _unknown("filing", (0, 4)),
    "ck_third_party_case_not_negative": [{"paid": -1}, {"returned": -1}, {"set_off": -1}, {
        "advance": -1, "returned": -1, "excluded": 0,
    }],
    "ck_third_party_case_never_more_than_the_advance": [
        {"returned": 4_001},
        {"set_off": 2_001},
        {"advance": 0},
    ],
    "ck_third_party_case_advances_what_was_excluded": [{"excluded": 3_999}, {"advance": 4_001}],
    "ck_third_party_case_kind_known": _unknown("kind", (0, 5)),
    "ck_manual_claim_days_in_order": [
        {"received_on": DAY - timedelta(days=1)},
        {"decide_by": DAY - timedelta(days=1)},
    ],
    "ck_manual_claim_care_type_known": _unknown("care_type", (0, 5)),
    "ck_manual_claim_total_positive": [{"total": 0}, {"total": -1}],
    "ck_clearing_state_known": _unknown("state", (0, 4)),
    "ck_suspension_ends_after_it_begins": [{"valid_to": DAY - timedelta(days=1)}],
}  # fmt: skip

# what the CHECKs above must let through
TAKEN: dict[str, tuple[str, Row]] = {
    "a bill taken back": ("settlement", mirrored()),
    "a yearly difference": ("settlement", difference()),
    "a yearly difference to be claimed back": (
        "settlement",
        difference(pooled_pay=-1_000, cash_pay=1_000, own_burden=1_000),
    ),
    "a year that comes to the same": ("settlement", difference(pooled_pay=0, cash_pay=0, own_burden=0)),
    "a year that brings more than was excluded": ("settlement", difference(excluded=-1)),
    "a bill without the fund": ("settlement", _NO_TABLE),
    "a bill without the account": ("settlement", _NO_ACCOUNT),
    "a bill that is all excluded": ("settlement", {"excluded": 88_000}),
    "a bill of the outpatient table": (
        "settlement",
        {**_NO_LARGE, "care_table": int(CareTable.OUTPATIENT), "admission": 0},
    ),
    "a bill with a cause": (
        "settlement",
        {"cause_kind": int(CauseKind.WORK_INJURY), "cause_share": 100_000_000},
    ),
    # a bill can be taken back after its year was settled for less
    "counters below zero": ("accumulator", dict.fromkeys(COUNTERS, -1)),
    "a quota that is ended": ("quota", {"ended": True, "remaining": 0}),
    "a quota that nothing was used of": ("quota", {"remaining": 10_000}),
    "a case without an advance": ("third_party_case", {"advance": 0, "returned": 0}),
    "a case that came back in two ways": ("third_party_case", {"set_off": 2_000}),
    "a day on which both sides agree on less than nothing": (
        "reconciled_day",
        {"total": -1, "fund": -1, "account": 0},
    ),
    "a filing of a day": ("filing", {"valid_to": DAY}),
    "a suspension of a day": ("suspension", {"valid_to": DAY}),
}

# -- what is there once --------------------------------------------------------------------------------------

TWICE: dict[str, tuple[str, Row, Row]] = {
    "a settlement of an entry": ("settlement", {}, {"bill_no": "another"}),
    "a settlement taken back": ("settlement", mirrored(), mirrored(seq=6)),
    "a year of counters": ("accumulator", {}, {"version": 2}),
    "a quota of an entry": ("quota", {}, {"recipient_id": 3}),
    "a filing of an entry": ("filing", {}, {"area": 990200}),
    "a case of an entry": ("third_party_case", {}, {"settlement_seq": 3}),
    "a case of a settlement": ("third_party_case", {}, {"seq": 6}),
    "a claim of an entry": ("manual_claim", {}, {"bill_no": "F-2"}),
    "a day of an institution": ("reconciled_day", {}, {"balanced": False}),
    "a month of an institution": ("clearing", {}, {"state": int(ClearingState.PAID)}),
    "a suspension from a day": ("suspension", {}, {"valid_to": DAY}),
}
ALIKE: dict[str, tuple[str, Row, Row]] = {
    "two bills": ("settlement", {}, {"seq": 6}),
    # unique at its institution is a claim, not a matter of this table
    "two bills of a number": ("settlement", {"bill_no": "B-1"}, {"bill_no": "B-1", "seq": 6}),
    "two bills of a visit": ("settlement", {"visit_seq": 2}, {"visit_seq": 2, "seq": 6}),
    "another settlement taken back": ("settlement", mirrored(), mirrored(reverses_seq=3, seq=6)),
    "another year of counters": ("accumulator", {}, {"year": 2025}),
    "two quotas for one recipient": ("quota", {}, {"seq": 6}),
    "two filings alike": ("filing", {}, {"seq": 6}),
    "the case of another settlement": ("third_party_case", {}, {"settlement_seq": 3, "seq": 6}),
    "two claims alike": ("manual_claim", {}, {"seq": 6}),
    "another day of an institution": ("reconciled_day", {}, {"day": DAY + timedelta(days=1)}),
    "another month of an institution": ("clearing", {}, {"period": 202604}),
    "a suspension from another day": ("suspension", {}, {"valid_from": DAY + timedelta(days=1)}),
}
HANGING: list[tuple[str, Row]] = [
    ("settlement", {"seq": 6}),
    ("accumulator", {"book_id": BOOK + 1}),
    ("quota", {"seq": 6}),
    ("filing", {"seq": 6}),
    ("third_party_case", {"seq": 6}),
    ("manual_claim", {"seq": 6}),
    ("reconciled_day", {"seq": 6}),
    ("clearing", {"seq": 6}),
    ("suspension", {"code": "H9002"}),
]
