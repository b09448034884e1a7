"""Reads of a day tell whether an employer or an institution is there on it, and what took its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.contributions.employer_changes import EmployerChangesAnswer
from api.contributions.report_answers import EmployerArrearsPage, EmployerStandingAnswer
from api.institutions.changes import InstitutionChangesAnswer
from api.institutions.institutions import InstitutionView
from ledger.verify import verify
from tests.support.api_client import key, running
from tests.support.care_client import new_institution
from tests.support.employer_client import hire, new_employer, owe, pay, taken

LAST, FIRST = "2026-06-30", "2026-07-01"
PROOF = {"document": "notice (2026) 15"}


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def verified(engine: Engine) -> Iterator[None]:
    yield
    assert [str(one) for one in verify(engine).findings] == []


def post(client: TestClient, path: str, **body: Any) -> None:
    answer = client.post(f"/v1/{path}", json=PROOF | body, headers=key())
    assert answer.status_code == 201, answer.text


def employer(client: TestClient, code: str, on: str | None = None) -> dict[str, Any]:
    params = {} if on is None else {"on": on}
    shown = taken(client.get(f"/v1/employers/{code}", params=params), EmployerStandingAnswer, 200)
    return {name: shown[name] for name in ("state", "closed_on", "into", "still_owed") if name in shown}


def institution(client: TestClient, code: str, on: str | None = None) -> dict[str, Any]:
    params = {} if on is None else {"on": on}
    shown: dict[str, Any] = taken(client.get(f"/v1/institutions/{code}", params=params), InstitutionView, 200)
    names = ("state", "closed_on", "into", "ended", "successor")
    told = {name: shown[name] for name in names if name in shown}
    in_force = [one["in_force"] for one in shown["contracts"] if "in_force" in one]
    return told | ({"in_force": in_force} if in_force else {})


def test_an_employer_is_shown_as_it_is_on_a_day(client: TestClient) -> None:
    code = new_employer(client)
    assert employer(client, code) == {"state": "open"}
    post(client, f"employers/{code}/closure", on=LAST)
    closed = {"state": "closed", "closed_on": LAST, "still_owed": "0.00"}
    assert [employer(client, code, day) for day in (LAST, FIRST, None)] == [{"state": "open"}, closed, closed]
    post(client, f"employers/{code}/reopening", on="2026-09-01")
    shown = [employer(client, code, day) for day in (LAST, FIRST, "2026-08-31", "2026-09-01", None)]
    # what it was on these days does not change by its going on
    assert shown == [{"state": "open"}, closed, closed, {"state": "open"}, {"state": "open"}]
    post(client, f"employers/{code}/closure", on="2026-05-31")
    earlier = closed | {"closed_on": "2026-05-31"}
    assert [employer(client, code, day) for day in ("2026-05-31", "2026-06-01", FIRST, None)] == [
        {"state": "open"}, earlier, earlier, earlier,
    ]  # fmt: skip


def test_a_merged_employer_names_what_took_its_place(client: TestClient) -> None:
    one, other, last = (new_employer(client) for _ in range(3))
    post(client, f"employers/{one}/merger", into=other, **{"from": FIRST})
    merged = {"state": "merged", "closed_on": LAST, "into": other, "still_owed": "0.00"}
    assert [employer(client, one, day) for day in (LAST, FIRST, None)] == [{"state": "open"}, merged, merged]
    # each names the next one, also where that one has gone on to another
    post(client, f"employers/{other}/merger", into=last, **{"from": "2026-09-01"})
    assert employer(client, one) == merged
    assert employer(client, other, "2026-08-31") == {"state": "open"}
    assert employer(client, other)["into"] == last
    post(client, f"employers/{one}/reopening", on="2026-10-01")
    assert [employer(client, one, day)["state"] for day in (FIRST, "2026-10-01")] == ["merged", "open"]
    post(client, f"employers/{one}/closure", on="2026-10-31")
    assert employer(client, one) == {"state": "closed", "closed_on": "2026-10-31", "still_owed": "0.00"}
    assert employer(client, one, FIRST) == merged


def test_lists_of_a_day_say_what_an_employer_is_on_it(client: TestClient) -> None:
    one, other = new_employer(client), new_employer(client)
    person = hire(client)
    owe(client, one, "2026-03", {person: "8000.00"})
    post(client, f"employers/{one}/changes", name="新名", **{"from": "2026-05-01"})
    post(client, f"employers/{one}/merger", into=other, **{"from": FIRST})

    names = ("name", "closed_on", "into")

    def listed(day: str) -> dict[str, Any]:
        page = taken(
            client.get("/v1/reports/arrears", params={"on": day, "limit": 500}), EmployerArrearsPage, 200
        )
        [item] = [item for item in page["items"] if item["employer"] == one]
        return {name: item[name] for name in names if name in item}

    assert listed(LAST) == {"name": "新名"}
    assert listed(FIRST) == {"name": "新名", "closed_on": LAST, "into": other}
    assert employer(client, one)["still_owed"] == "760.00"
    text = client.get("/v1/reports/arrears", params={"on": FIRST}, headers={"Accept": "text/csv"}).text
    [line] = [line for line in text.splitlines() if line.startswith(one)]
    assert line.endswith(f",{LAST},{other}")
    path = f"/v1/employers/{one}/changes"
    said = {
        day: [
            (item["from"], item["name"], item["successor"])
            for item in taken(client.get(path, params={"on": day}), EmployerChangesAnswer, 200)["items"]
        ]
        for day in ("2026-04-30", LAST, FIRST)
    }
    named, merged = ("2026-05-01", "新名", None), (FIRST, None, other)
    assert said == {"2026-04-30": [], LAST: [named], FIRST: [named, merged]}
    assert len(client.get(path).json()["items"]) == 2
    pay(client, one, "2026-03", "760.00", "2026-08-10")
    assert employer(client, one)["still_owed"] == "0.00"


def test_an_institution_is_shown_as_it_is_on_a_day(client: TestClient) -> None:
    one, other = new_institution(client), new_institution(client)
    there = {"state": "open", "in_force": [True]}
    # without a day it is told as it was registered
    assert institution(client, one) == {}
    post(client, f"institutions/{one}/merger", into=other, **{"from": FIRST})
    merged = {
        "state": "merged", "closed_on": LAST, "into": other, "ended": True, "successor": other,
        "in_force": [False],
    }  # fmt: skip
    assert [institution(client, one, day) for day in (LAST, FIRST)] == [there, merged]
    assert institution(client, one) == {name: told for name, told in merged.items() if name != "in_force"}
    post(client, f"institutions/{one}/reopening", **{"from": "2026-09-01"})
    days = (LAST, FIRST, "2026-08-31", "2026-09-01")
    assert [institution(client, one, day) for day in days] == [there, merged, merged, there]
    post(client, f"institutions/{one}/end", to="2026-10-31")
    ended = {"state": "closed", "closed_on": "2026-10-31", "ended": True, "in_force": [False]}
    assert [institution(client, one, day) for day in ("2026-10-31", "2026-11-01")] == [there, ended]
    path = f"/v1/institutions/{one}/changes"
    counts = [
        len(taken(client.get(path, params={"on": day}), InstitutionChangesAnswer, 200)["items"])
        for day in (LAST, FIRST, "2026-09-01", "2026-11-01")
    ]
    assert counts == [0, 1, 2, 3]


def test_what_was_in_force_on_a_day_is_said(client: TestClient) -> None:
    code = new_institution(client)
    rests = {"from": "2026-03-01", "to": "2026-03-31", "reason": "inspection"}
    answer = client.post(f"/v1/institutions/{code}/suspensions", json=rests, headers=key())
    assert answer.status_code == 201, answer.text

    def shown(day: str) -> tuple[list[bool], list[bool]]:
        view = taken(client.get(f"/v1/institutions/{code}", params={"on": day}), InstitutionView, 200)
        return tuple([one["in_force"] for one in view[name]] for name in ("contracts", "suspensions"))

    first = client.get(f"/v1/institutions/{code}").json()["contracts"][0]["from"]
    assert shown("2026-02-28") == ([first <= "2026-02-28"], [False])
    assert shown("2026-03-31") == ([False], [True])
    assert shown("2026-04-01") == ([True], [False])
    assert shown("1999-01-01") == ([False], [False])


@pytest.mark.parametrize("path", ["employers/{employer}", "institutions/{institution}"])
def test_a_day_that_is_none_is_refused(client: TestClient, path: str) -> None:
    at = path.format(employer=new_employer(client), institution=new_institution(client))
    for more in ("", "/changes"):
        answer = client.get(f"/v1/{at}{more}", params={"on": "2026-02-30"})
        assert (answer.status_code, answer.json()["code"]) == (422, "shape_invalid")
