"""What an area asks a second person for (R68): by verb always, never, or from an amount, from day to day."""

from __future__ import annotations

from datetime import date

import pytest

from ledger.policy import PolicyError, load_policies, load_policy
from ledger.policy.approvals import parse_approval

DAY = date(2026, 11, 21)
TEXT = load_policies()["990100"].text


def line(name: str, value: str, day: str = "2000-01-01") -> str:
    unit = "days" if name == "days" else "approval"
    return (
        f'\n[[parameter]]\nname = "approvals.{name}"\nunit = "{unit}"\nvalue = "{value}"\nfrom = {day}\n'
        'source = "test"\n'
    )


def test_the_example_area_asks_for_what_it_says() -> None:
    policy = load_policies()["990100"].approvals
    assert policy.asking_on(DAY) == {
        "contribution": 10_000_000,
        "estate": 10_000_000,
        **dict.fromkeys(
            ("death_withdrawal", "estate_unclaimed", "estate_undo", "exit", "id_number", "merge"), 0
        ),
    }
    assert policy.days_on(DAY) == 30


def test_an_area_that_says_nothing_asks_for_nobody() -> None:
    without = TEXT[: TEXT.index("# What needs a second person")]
    policy = load_policy(without, "990100.toml").approvals
    assert policy.asking_on(DAY) == {}
    assert policy.days_on(DAY) == 30


def test_it_changes_from_a_day_on() -> None:
    without = TEXT[: TEXT.index("# What needs a second person")]
    more = line("demand", "never") + line("demand", "from 0.01", "2026-11-22") + line("days", "7")
    policy = load_policy(without + more, "990100.toml").approvals
    assert policy.asking_on(DAY) == {}
    assert policy.asking_on(date(2026, 11, 22)) == {"demand": 1}
    assert policy.days_on(DAY) == 7


@pytest.mark.parametrize(
    ("value", "least"), [("always", 0), ("never", None), ("from 0.01", 1), ("from 100000.00", 10_000_000)]
)
def test_what_is_said(value: str, least: int | None) -> None:
    assert parse_approval(value) == least


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yes",
        "Always",
        "100000.00",
        "from",
        "from 0.00",
        "from 1",
        "from 1.000",
        "from -1.00",
        "from  1.00",
    ],
)
def test_what_is_not(value: str) -> None:
    with pytest.raises(ValueError, match=r"always|amount|yuan"):
        parse_approval(value)


@pytest.mark.parametrize("verb", ["spending", "opening", "freeze", "contributions"])
def test_a_verb_that_never_asks_has_no_parameter(verb: str) -> None:
    with pytest.raises(PolicyError, match="unknown parameter"):
        load_policy(TEXT + line(verb, "always"), "990100.toml")
