"""Lists as CSV: nothing that a spreadsheet would run, and one language in one file."""

from __future__ import annotations

import csv
import importlib
import io
import pkgutil
import re
from typing import get_args

import pytest

import api
from api.care.claims import EvidenceWord
from api.http.csv_words import WORDS
from api.http.listing import CHINESE, ENGLISH, Listing
from api.institutions.clearings import StateWord
from ledger.chart.care import CareType, Channel
from ledger.chart.members import MemberClass
from ledger.contributions.supervision import Step
from ledger.csv_out import csv_line, safe_cell
from ledger.unseen import IS_DIRECTION, UNSEEN
from tests.support.openapi import DOCUMENT

DANGEROUS = [
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u3000=1", "\xa0=1",
    "\u200b=1", "\ufeff=1",
    "＝1+1", "＋1", "－1+1", "＠SUM(A1)", "﹢1", "﹣1+1", "﹦1", "﹫x", "\u22121+1", " ＝1", "\t",
    "\u2061\u2065 \U000e0001@x",
    '=HYPERLINK("x")',
    "=cmd|' /C calc'!A0", "- 1", "-", "+", "@", "=",
]  # fmt: skip
HARMLESS = [
    "",
    "张三",
    "A-1",
    "1+1",
    "-5",
    "-0.05",
    "12.50",
    "2026-03-01",
    "a=b",
    "某单位（北京）",
    " 空格",
    "x\n=1",
]


@pytest.mark.parametrize("text", DANGEROUS)
def test_what_a_spreadsheet_would_run_is_shown(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    ((cell,),) = csv.reader(io.StringIO(csv_line([text], "\r\n"), newline=""))
    assert cell == f"'{text}"


@pytest.mark.parametrize(
    "unseen", sorted({chr(end) for one in (*UNSEEN, *IS_DIRECTION) for end in one}), ids=ascii
)
def test_what_nobody_sees_before_it_makes_it_not_harmless(unseen: str) -> None:
    assert safe_cell(f"{unseen}=1") == f"'{unseen}=1"


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_none_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text


def listings() -> dict[str, Listing]:
    """Every list that the API writes as CSV."""
    found = {}
    for module in pkgutil.walk_packages(api.__path__, "api."):
        if not module.name.endswith("__main__"):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, Listing):
                    found[f"{module.name}.{name}"] = value
    return found


def test_headings_are_of_one_language() -> None:
    assert len(listings()) > 12
    for name, listing in listings().items():
        chinese, english = listing.heading(CHINESE), listing.heading(ENGLISH)
        assert not re.search(r"[a-z]{3}", chinese), name
        assert english.isascii() or english[1:].isascii(), name
        assert chinese.startswith("\ufeff"), "spreadsheets would read GBK"


def test_every_word_of_a_list_has_a_chinese_one() -> None:
    told = {
        "state": {*get_args(StateWord), "balanced", "different", "changed", "open",
                  "received", "awaiting_proof", "approved", "rejected"},
        "care_type": {one.word for one in CareType},
        "channel": {one.word for one in Channel},
        "evidence": set(get_args(EvidenceWord)),
        "missing": set(get_args(EvidenceWord)),
        "kind": {"contribution", "retiree_credit"},
        "member_class": {one.word for one in MemberClass},
        "step": {one.value for one in Step},
        "result": {"balanced", "different"},
    }  # fmt: skip
    assert set(WORDS) == set(told)
    for column, words in told.items():
        assert words <= set(WORDS[column]), column
    # columns of words, and no list has others: what else stands there are numbers, days, names and codes
    wordy = {"state", "care_type", "channel", "evidence", "missing", "kind", "step", "result"}
    assert wordy <= {column for listing in listings().values() for column in listing.columns}


def test_a_line_is_of_the_language_of_its_heading() -> None:
    listing = Listing({"state": "状态", "open": "是否", "evidence": "材料", "name": "姓名"})
    item = {"state": "paid", "open": True, "evidence": ["invoice", "records"], "name": "paid"}
    assert listing.lines([item]) == "已拨付,是,票据 病历,paid\r\n"
    assert listing.lines([item], ENGLISH) == "paid,yes,invoice records,paid\r\n"


def test_every_list_takes_the_language() -> None:
    paths = DOCUMENT["paths"]
    lists = [
        route
        for one in paths.values()
        for route in one.values()
        for told in [[set(answer.get("content", {})) for answer in route.get("responses", {}).values()]]
        # a document is in the form and the language in which it was handed out
        if any("text/csv" in kinds and "application/pdf" not in kinds for kinds in told)
    ]
    assert len(lists) >= 14
    for route in lists:
        assert "language" in {parameter["name"] for parameter in route["parameters"]}, route["operationId"]
