"""GET /v1/policies/{area}: what an area's rules are on a day, and where each comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.operations.policies import PolicyAnswer
from ledger.policy import UNITS, load_policies
from ledger.policy.calendar import CALENDAR_UNITS
from ledger.policy.cases import CASES_UNITS
from ledger.policy.estates import ESTATES_UNITS
from ledger.policy.findings import FINDINGS_UNITS
from ledger.policy.transfers import TRANSFERS_UNITS
from tests.policy.test_policy import ALWAYS, LEFT_OUT, OF_TWO
from tests.support.api_client import TODAY, running

POLICY = load_policies()["990100"]


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client


def rules(client: TestClient, query: str = "") -> Any:
    answer = client.get(f"/v1/policies/990100{query}")
    assert answer.status_code == 200, answer.text
    PolicyAnswer.model_validate(answer.json())
    return answer.json()


def parameter(shown: Any, name: str) -> Any:
    (found,) = [one for one in shown["parameters"] if one["name"] == name]
    return found


def test_the_rules_of_today(client: TestClient) -> None:
    shown = rules(client)
    assert {key: shown[key] for key in ("area", "name", "on", "version", "missing")} == {
        "area": "990100",
        "name": "示例市",
        "on": TODAY.isoformat(),
        "version": POLICY.hash,
        "missing": [],
    }
    assert [one["name"] for one in shown["parameters"]] == [
        *UNITS,
        *ALWAYS,
        *CALENDAR_UNITS,
        *CASES_UNITS,
        *OF_TWO,
        *TRANSFERS_UNITS,
        *ESTATES_UNITS,
        *FINDINGS_UNITS,
    ]
    assert parameter(shown, "contributions.average_wage") == {
        "name": "contributions.average_wage",
        "unit": "yuan_per_month",
        "value": "8456.00",
        "from": "2026-07-01",
        "until": "2027-06-30",
        "source": "Invented for the example area: average monthly wage, base year 2026/27",
    }
    assert parameter(shown, "contributions.employee_rate")["until"] is None


@pytest.mark.parametrize(
    ("day", "value", "first", "last"),
    [
        ("2025-06-30", "7833.00", "2000-01-01", "2025-06-30"),
        ("2026-06-30", "8120.00", "2025-07-01", "2026-06-30"),
        ("2026-07-01", "8456.00", "2026-07-01", "2027-06-30"),
    ],
)
def test_the_rules_of_a_day(client: TestClient, day: str, value: str, first: str, last: str) -> None:
    shown = rules(client, f"?on={day}")
    wage = parameter(shown, "contributions.average_wage")
    assert (shown["on"], wage["value"], wage["from"], wage["until"]) == (day, value, first, last)


def test_what_is_not_known_is_missing_and_not_made_up(client: TestClient) -> None:
    shown = rules(client, "?on=2027-07-01")
    assert shown["missing"] == ["contributions.average_wage"]
    assert len(shown["parameters"]) == len([*UNITS, *LEFT_OUT]) - 1
    for day in ("1999-12-31", "0001-01-01"):
        shown = rules(client, f"?on={day}")
        assert (shown["parameters"], shown["missing"]) == ([], list(UNITS))
    assert rules(client, "?on=9999-12-31")["missing"] == ["contributions.average_wage"]


@pytest.mark.parametrize("area", ["990200", "99010", "9901000", "abcdef", "９９０１００", "-90100"])
def test_an_area_that_there_is_not(client: TestClient, area: str) -> None:
    answer = client.get(f"/v1/policies/{area}")
    assert (answer.status_code, answer.json()["code"]) == (422, "area_unknown")
    assert area not in answer.text


@pytest.mark.parametrize("query", ["on=2026-02-30", "on=2026-07", "on=", "on=today", "on=20260701"])
def test_a_day_that_there_is_not(client: TestClient, query: str) -> None:
    answer = client.get(f"/v1/policies/990100?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "shape_invalid")


def test_an_unknown_query_key(client: TestClient) -> None:
    answer = client.get("/v1/policies/990100?day=2026-07-01")
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_field")
