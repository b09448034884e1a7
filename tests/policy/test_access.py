"""What an area says of reading: purposes by channel, and what is withheld for how long."""

from __future__ import annotations

from datetime import date

import pytest

from ledger.access.channels import purposes
from ledger.chart.channels import AccessChannel
from ledger.inquiry.looks import limits_on
from ledger.policy import PolicyError, load_policies, load_policy
from ledger.policy.access import parse_purposes, parse_withheld
from ledger.policy.findings import NOTHING_SAID

POLICY = load_policies()["990100"]
DAY = date(2026, 3, 1)
# what the example area says, and what holds where an area says nothing
EXAMPLE = {
    "window": {"own_request", "proxy_request", "complaint", "court_order", "estate"},
    "phone": {"own_request"},
    "online": {"own_request"},
    "kiosk": {"own_request"},
    "employer": {"own_request"},
    "institution": {"care"},
    "agency": {"court_order", "estate"},
    "audit": {"audit"},
    "system": set[str](),
}


def without_access() -> str:
    """The example area's file without what it says of reading."""
    return POLICY.text.partition("\n# What each channel may look at")[0]


@pytest.mark.parametrize("channel", AccessChannel)
def test_an_area_that_says_nothing_has_what_the_example_says(channel: AccessChannel) -> None:
    silent = load_policy(without_access(), "990100.toml")
    for policy in (POLICY, silent):
        assert set(policy.access.purposes_on(channel.word, DAY)) == EXAMPLE[channel.word]
        assert policy.access.withheld_on(DAY) == {"court_order": 180, "estate": 3660}
        assert purposes([policy], channel, DAY) == EXAMPLE[channel.word]
        assert policy.access.many_on(DAY) == (50, 10)
        assert policy.access.settled_within_on(DAY) == 30
        assert policy.findings.on(DAY) == NOTHING_SAID.on(DAY)


def test_a_purpose_holds_from_its_day() -> None:
    later = (
        without_access()
        + """
[[parameter]]
name = "access.purposes.phone"
unit = "purposes"
value = "none"
from = 2026-01-01
until = 2026-01-31
source = "s"

[[parameter]]
name = "access.purposes.phone"
unit = "purposes"
value = "own_request complaint"
from = 2026-02-01
source = "s"
"""
    )
    access = load_policy(later, "990100.toml").access
    told = [access.purposes_on("phone", date(2026, month, 1)) for month in (1, 2)]
    assert told == [(), ("own_request", "complaint")]
    # before it says anything, what is usual
    assert access.purposes_on("phone", date(2025, 12, 31)) == ("own_request",)


FOUND = (
    ("access.many_people", "people", 9999),
    ("access.many_people_minutes", "minutes", 1440),
    ("access.settled_within_days", "days", 366),
)


def with_value(name: str, unit: str, value: str, since: str = "2026-02-01") -> str:
    """The file of an area that says nothing else of reading."""
    line = f'name = "{name}"\nunit = "{unit}"\nvalue = "{value}"\nfrom = {since}\nsource = "s"\n'
    return f"{without_access()}\n[[parameter]]\n{line}"


@pytest.mark.parametrize(("name", "unit", "most"), FOUND)
def test_what_is_found_holds_from_its_day(name: str, unit: str, most: int) -> None:
    for value in (1, most):
        access = load_policy(with_value(name, unit, str(value)), "990100.toml").access
        before, since = (
            (*access.many_on(day), access.settled_within_on(day))
            for day in (date(2026, 1, 31), date(2026, 2, 1))
        )
        assert before == (50, 10, 30)
        place = ("people", "minutes", "days").index(unit)
        assert since == (*before[:place], value, *before[place + 1 :])
    for wrong in ("0", str(most + 1), "-1", "01", "1.5", "none", " 1"):
        with pytest.raises(PolicyError, match="whole number"):
            load_policy(with_value(name, unit, wrong), "990100.toml")


def test_of_several_areas_the_strictest_finds() -> None:
    few, slow, soon = (
        load_policy(with_value(name, unit, value), "990100.toml")
        for (name, unit, _), value in zip(FOUND, ("7", "60", "5"), strict=True)
    )
    assert limits_on([POLICY, few, slow, soon], DAY) == (7, 60, 5)
    assert limits_on([POLICY], DAY) == (50, 10, 30)


def test_of_several_areas_one_that_has_it_is_enough() -> None:
    other = load_policy(POLICY.text.replace('value = "care"', 'value = "audit"'), "990100.toml")
    assert purposes([POLICY, other], AccessChannel.INSTITUTION, DAY) == {"care", "audit"}


@pytest.mark.parametrize("value", ["", " ", "a  b", "a a", "A", "a,b", "1a", "a-b", "x" * 41, "own_request "])
def test_purposes_are_words(value: str) -> None:
    with pytest.raises(ValueError, match="purposes are"):
        parse_purposes(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "court_order",
        "court_order:0",
        "court_order:-1",
        "a:1 a:2",
        "a:1,b:2",
        "a:3661",
        "a:1  b:2",
        "a: 1",
    ],
)
def test_what_is_withheld_has_days(value: str) -> None:
    with pytest.raises(ValueError, match="what is withheld"):
        parse_withheld(value)


def test_what_is_taken() -> None:
    assert parse_purposes("none") == ()
    assert parse_purposes("care audit") == ("care", "audit")
    assert parse_withheld("none") == {}
    assert parse_withheld("court_order:1 estate:3660") == {"court_order": 1, "estate": 3660}
