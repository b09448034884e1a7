"""What is said of an employer from a day on: reads, reports and prints have the name of the day (R5, K9)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.contributions.answers import EmployerAnswer
from api.contributions.employer_changes import EmployerChangeAnswer, EmployerChangesAnswer
from api.contributions.report_answers import EmployerStandingAnswer
from ledger.verify import verify
from tests.support.api_client import AREA, key, running
from tests.support.documents_client import YEAR, of
from tests.support.employer_client import employer_body, hire, new_employer, owe, refusal, rows, taken

NEW, NEWER = "示例新纺织有限公司", "示例控股集团"
DAY = "2026-04-01"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


def change(client: TestClient, at: str, day: str = DAY, **said: Any) -> Any:
    """The plain answer to a change."""
    headers = said.pop("headers", None) or key()
    body = {"from": day, "document": "notice (2026) 15"} | said
    return client.post(f"/v1/employers/{at}/changes", json=body, headers=headers)


def seen(client: TestClient, code: str, on: str | None = None) -> tuple[str, str]:
    params = {} if on is None else {"on": on}
    read = taken(client.get(f"/v1/employers/{code}", params=params), EmployerStandingAnswer, 200)
    return read["name"], read["area"]


def test_it_is_called_otherwise_from_a_day_on(client: TestClient, engine: Engine) -> None:
    body = employer_body()
    code = body["credit_code"]
    taken(client.post("/v1/employers", json=body, headers=key()), EmployerAnswer)
    header = key()
    first = change(client, code, name=NEW, headers=header)
    told = taken(first, EmployerChangeAnswer)
    assert told.pop("change").startswith("E")
    assert told == {
        "employer": code, "from": DAY, "name": NEW, "area": None, "document": "notice (2026) 15",
    }  # fmt: skip
    assert [seen(client, code, day)[0] for day in ("2026-03-31", DAY, None)] == [body["name"], NEW, NEW]
    before = rows(engine)
    again = change(client, code, name=NEW)
    assert (again.status_code, again.json()) == (200, first.json())
    replayed = change(client, code, name=NEW, headers=header)
    assert (replayed.status_code, replayed.headers["Idempotent-Replayed"]) == (201, "true")
    assert rows(engine) == before
    for name in (body["name"], NEW):
        same = client.post("/v1/employers", json=body | {"name": name}, headers=key())
        told = taken(same, EmployerAnswer, 200)
        assert (told["name"], told["created"]) == (NEW, False)
        dry = client.post("/v1/employers", json=body | {"name": name}, params={"dry_run": "true"})
        assert (dry.status_code, dry.json()["name"]) == (200, NEW)
    differs = client.post("/v1/employers", json=body | {"name": "别家"}, headers=key())
    assert refusal(differs) == (409, "employer_differs")
    listed = taken(client.get(f"/v1/employers/{code}/changes"), EmployerChangesAnswer, 200)
    assert [(one["from"], one["name"], one["successor"]) for one in listed["items"]] == [(DAY, NEW, None)]
    assert verify(engine).findings == []


def test_reports_and_prints_have_the_name_of_the_day(client: TestClient) -> None:
    code, person = new_employer(client), hire(client)
    old = seen(client, code)[0]
    enrolled = {"member_class": "active", "employer": code, "from": "2026-01-01"}
    path = f"/v1/accounts/{person}/enrolments"
    assert client.post(path, json=enrolled, headers=key()).status_code == 201
    for period in ("2026-03", "2026-04", "2026-05"):
        owe(client, code, period, {person: "8000.00"})
    taken(change(client, code, name=NEW), EmployerChangeAnswer)
    taken(change(client, code, "2026-05-02", name=NEWER), EmployerChangeAnswer)
    months = client.get(f"/v1/accounts/{person}/payments").json()["items"]
    names = {one["period"]: one["employer_name"] for one in months}
    # a month has the name of its first day
    assert names == {"2026-03": old, "2026-04": NEW, "2026-05": NEW}
    for on, name in (("2026-04-20", NEW), ("2026-06-20", NEWER)):
        report = client.get("/v1/reports/arrears", params={"on": on, "limit": 500}).json()["items"]
        assert {one["name"] for one in report if one["employer"] == code} == {name}
    for whose, kind, more in (
        (f"/v1/employers/{code}", "payment_list", YEAR),
        (f"/v1/accounts/{person}", "insured_proof", {}),
    ):
        shown = str(of(client, whose, kind=kind, **more))
        # that of the day of printing
        assert (NEWER in shown, old in shown) == (True, False), kind


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_in_whatever_order_they_are_recorded_the_days_say_what_it_is(
    client: TestClient, order: tuple[int, ...]
) -> None:
    code = new_employer(client)
    first = seen(client, code)[0]
    facts = [("2026-02-01", "一"), ("2026-03-01", "二"), ("2026-12-01", "三")]
    for place in order:
        day, name = facts[place]
        taken(change(client, code, day, name=name), EmployerChangeAnswer)
    days = ("2026-01-31", "2026-02-28", "2026-03-01", None, "2026-12-01")
    assert [seen(client, code, day)[0] for day in days] == [first, "一", "二", "二", "三"]


def test_what_is_no_change(client: TestClient, engine: Engine) -> None:
    code = new_employer(client)
    before = rows(engine)
    for said, expected in (
        ({}, (422, "shape_invalid")),
        ({"name": None, "area": None}, (422, "shape_invalid")),
        ({"level": 3}, (422, "unknown_field")),
        ({"kind": "hospital"}, (422, "unknown_field")),
        # an area that keeps no accounts here
        ({"area": "990200"}, (422, "area_unknown")),
        ({"area": "110000"}, (422, "area_unknown")),
        ({"name": "x", "document": ""}, (422, "shape_invalid")),
    ):
        assert refusal(change(client, code, **said)) == expected, said
    assert refusal(change(client, code, "1989-12-31", name="x")) == (422, "period_invalid")
    assert refusal(change(client, code, "2027-11-22", name="x")) == (422, "period_invalid")
    assert refusal(change(client, "919999990000000011", name="x"))[1] in {
        "employer_not_found", "credit_code_invalid",
    }  # fmt: skip
    assert rows(engine) == before
    taken(change(client, code, area=AREA), EmployerChangeAnswer)
    assert seen(client, code, DAY)[1] == AREA
