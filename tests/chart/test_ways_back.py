"""Each kind of entry has a way back, and docs/ledger.md says which: one row a kind word."""

from __future__ import annotations

import re
from pathlib import Path

from ledger.chart.kinds import ENDS, REVERSIBLE, REVERSIBLE_FACTS, REVERSIBLE_OF_CARE, Kind

LEDGER = Path(__file__).resolve().parents[2] / "docs" / "ledger.md"
WORDS = ("reversal", "counter-entry", "correction", "ending", "none, because ")
# by one route of entries, with an employer's estimate; two others have a route of their own
OF_ENTRIES = (
    REVERSIBLE | REVERSIBLE_OF_CARE | REVERSIBLE_FACTS | {Kind.ESTIMATE, Kind.DEMAND, Kind.INSTALMENT}
)
AS_A_WHOLE = frozenset({Kind.PAYMENT, Kind.SETTLEMENT})
WITH_ANOTHER = frozenset({Kind.FILING_END, Kind.SET_OFF, Kind.CREDIT_BACK, Kind.MERGE_BACK})
"""Whose way is the reversal of what they stand beside."""


def ways() -> dict[str, str]:
    section = LEDGER.read_text(encoding="utf-8").partition("## Ways back\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
    found = dict(rows)
    assert len(found) == len(rows), "a kind has one row"
    return found


def test_every_kind_has_its_way() -> None:
    told = ways()
    missing = [kind.word for kind in Kind if kind.word not in told]
    assert (missing, sorted(set(told) - {kind.word for kind in Kind})) == ([], [])


def test_a_way_is_one_of_five() -> None:
    assert [kind for kind, way in ways().items() if not way.startswith(WORDS)] == []


def test_what_is_said_to_be_reversed_is_what_the_commands_reverse() -> None:
    told = ways()
    is_reversed = re.compile(r"(ending, or )?reversal")
    reversed_ = {Kind[kind.upper()] for kind, way in told.items() if is_reversed.match(way)}
    assert reversed_ - AS_A_WHOLE - WITH_ANOTHER == OF_ENTRIES
    assert reversed_ >= AS_A_WHOLE


def test_an_end_is_of_something_that_is_reversed() -> None:
    assert set(ENDS.values()) == REVERSIBLE_FACTS
    assert all(end.word.endswith("_end") for end in ENDS)
