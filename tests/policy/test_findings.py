"""What an area says of the findings in the book: dated, each by itself, and within its bounds."""

from __future__ import annotations

from datetime import date

import pytest

from ledger.policy import PolicyError, load_policies, load_policy
from ledger.policy.findings import NOTHING_SAID, FindingLimits

POLICY = load_policies()["990100"]
DAY = date(2026, 3, 1)
USUAL = FindingLimits(10, 5, 500_00, 400_00, 2, 30, 30, 1)
SILENT = POLICY.text.partition("\n# What auditors are shown of the book")[0]


def said(name: str, unit: str, value: str) -> str:
    """A file that says one of them, for the year 2026 alone."""
    line = f'[[parameter]]\nname = "findings.{name}"\nunit = "{unit}"\nvalue = "{value}"\n'
    return f'{SILENT}\n{line}from = 2026-01-01\nuntil = 2026-12-31\nsource = "s"\n'


@pytest.mark.parametrize(
    ("name", "unit", "value", "field", "is_then"),
    [
        ("many_accounts", "accounts", "3", "accounts", 3),
        ("many_accounts_minutes", "minutes", "60", "minutes", 60),
        ("split_limit", "yuan", "300.01", "split_fen", 300_01),
        # a part of a fen more is needed
        ("split_share", "of_limit", "0.333333", "split_least", 166_67),
        ("split_share", "of_limit", "1", "split_least", 500_00),
        ("split_payments", "payments", "5", "split_payments", 5),
        ("exit_days", "days", "366", "exit_days", 366),
        ("one_hand_days", "days", "1", "hand_days", 1),
        ("approved_minutes", "minutes", "1440", "approved_minutes", 1440),
    ],
)
def test_each_holds_on_its_days_and_else_what_is_usual(
    name: str, unit: str, value: str, field: str, is_then: int
) -> None:
    findings = load_policy(said(name, unit, value), "990100.toml").findings
    for day in (date(2026, 1, 1), date(2026, 12, 31)):
        assert getattr(findings.on(day), field) == is_then
    for day in (date(2025, 12, 31), date(2027, 1, 1)):
        assert findings.on(day) == NOTHING_SAID.on(day) == USUAL
    others = {one for one in USUAL._fields if one not in {field, "split_least"}}
    assert {getattr(findings.on(DAY), one) == getattr(USUAL, one) for one in others} == {True}


@pytest.mark.parametrize(
    ("name", "unit", "value"),
    [
        ("many_accounts", "accounts", "0"),
        ("many_accounts_minutes", "minutes", "1441"),
        ("split_limit", "yuan", "0.00"),
        ("split_limit", "yuan", "500"),
        ("split_share", "of_limit", "1.01"),
        # one payment is not split
        ("split_payments", "payments", "1"),
        ("exit_days", "days", "367"),
        ("one_hand_days", "days", "0"),
        ("approved_minutes", "minutes", "0"),
    ],
)
def test_what_is_beyond_its_bounds(name: str, unit: str, value: str) -> None:
    with pytest.raises(PolicyError, match=f"findings.{name} from 2026-01-01"):
        load_policy(said(name, unit, value), "990100.toml")


def test_the_shipped_area() -> None:
    assert POLICY.findings.on(DAY) == USUAL
