"""Good and wrong rows of transfers and demands, for the test of the schema."""

from __future__ import annotations

from datetime import date
from typing import Any

from ledger.chart.transfers import Direction, TransferStatus
from tests.support.care_rows import BOOK

Row = dict[str, Any]
DAY = date(2026, 4, 10)
S = TransferStatus

GOOD: dict[str, Row] = {
    "transfer_case": {
        "book_id": BOOK, "amount": 4_000, "current_year": 1_000, "waiting": 5, "supplements": 7, "seq": 5,
        "asked_on": DAY, "moved_on": DAY, "ended_on": None, "direction": int(Direction.OUT),
        "status": int(S.SENT),
    },
    "demand": {
        "book_id": BOOK, "amount": 4_000, "set_off": 1_000, "paid": 1_000, "to_estate": 1_000, "withdrawn": 0,
        "seq": 5, "demanded_on": DAY,
    },
}  # fmt: skip
NEEDS = {table: ["book", "entry"] for table in GOOD}
_NOTHING_FOLLOWED = {"waiting": 0, "supplements": 0}
WRONG: dict[str, list[Row]] = {
    "ck_transfer_case_not_negative": [{"waiting": -1}, {"supplements": -1}],
    "ck_transfer_case_current_year_is_a_part": [{"current_year": -1}, {"current_year": 4_001}],
    "ck_transfer_case_direction_known": [
        {"direction": number, "waiting": 0, "current_year": 0} for number in (0, 3)
    ],
    "ck_transfer_case_status_known": [
        _NOTHING_FOLLOWED | {"status": 0}, _NOTHING_FOLLOWED | {"status": 8},
    ],
    "ck_transfer_case_nothing_follows_what_did_not_move": [
        {"status": int(S.REQUESTED), "supplements": 0}, {"status": int(S.REJECTED), "waiting": 0},
    ],
    "ck_transfer_case_money_has_its_day": [{"moved_on": None}],
    "ck_transfer_case_only_out_waits": [
        {"direction": int(Direction.IN), "current_year": 0},
        {"direction": int(Direction.IN), "waiting": 0},
    ],
    "ck_demand_not_negative": [
        {"set_off": -1}, {"paid": -1}, {"to_estate": -1},
        {"amount": 0, "set_off": 0, "paid": 0, "to_estate": 0},
    ],
    "ck_demand_never_more_than_demanded": [{"set_off": 2_001}, {"paid": 2_001}, {"to_estate": 2_001}],
    "ck_demand_withdrawn_as_a_whole": [{"withdrawn": 1}],
    "ck_demand_debt_known_wholly": [
        {"debt_kind": 1},
        {"debt_kind": 1, "debt_book": 5},
        {"debt_book": 5, "debt_number": 7},
    ],
    "ck_demand_debt_account_of_a_month": [
        {"debt_account": 5},
        {"debt_kind": 3, "debt_book": 5, "debt_number": 7, "debt_account": 5},
    ],
}  # fmt: skip
TWICE: dict[str, tuple[str, Row, Row]] = {
    "a transfer of an entry": ("transfer_case", {}, {"status": int(S.ACKNOWLEDGED)}),
    "two transfers out under way": ("transfer_case", {}, {"seq": 6}),
    "a demand of an entry": ("demand", {}, {"paid": 0}),
}
ALIKE: dict[str, tuple[str, Row, Row]] = {
    "a transfer out after one that was rejected": (
        "transfer_case", _NOTHING_FOLLOWED | {"status": int(S.REJECTED)}, {"seq": 6},
    ),
    "two demands alike": ("demand", {}, {"seq": 6}),
}  # fmt: skip
HANGING: list[tuple[str, Row]] = [("transfer_case", {"seq": 6}), ("demand", {"seq": 6})]
