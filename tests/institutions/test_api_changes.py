"""What is said of an institution from a day on: bills go by the day of care, reads show a day (R18, K9)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.care.annual_answers import AnnualStatementAnswer
from api.institutions.changes import InstitutionChangeAnswer, InstitutionChangesAnswer
from api.institutions.institutions import InstitutionAnswer, InstitutionView
from api.institutions.reconciliations import ReconciliationAnswer
from ledger.verify import verify
from tests.support.api_client import AREA, key, running
from tests.support.care_client import (
    NAME,
    bill,
    institution_body,
    new_institution,
    new_patient,
    quote,
    send,
    settle,
)
from tests.support.employer_client import refusal, rows, taken

RISES = "2026-03-10"
BEFORE = "2026-03-09"
LINE = [("A", "1000.00")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


def change(client: TestClient, at: str, day: str = RISES, **said: Any) -> Any:
    """The plain answer to a change."""
    headers = said.pop("headers", None) or key()
    body = {"from": day, "document": "notice (2026) 15"} | said
    return client.post(f"/v1/institutions/{at}/changes", json=body, headers=headers)


def seen(client: TestClient, code: str, on: str | None = None) -> dict[str, Any]:
    params = {} if on is None else {"on": on}
    read = taken(client.get(f"/v1/institutions/{code}", params=params), InstitutionView, 200)
    return {name: read[name] for name in ("name", "kind", "level", "area")}


def said(client: TestClient, code: str) -> list[dict[str, Any]]:
    read = taken(client.get(f"/v1/institutions/{code}/changes"), InstitutionChangesAnswer, 200)
    assert read["institution"] == code
    return list(read["items"])


def year_of(client: TestClient, patient: str, status: int = 201) -> Any:
    answer = client.post(f"/v1/annual-settlements/2026/{patient}", json={}, headers=key())
    return taken(answer, AnnualStatementAnswer, status)


def pooled(settled: dict[str, Any]) -> str:
    return str(settled["pooled_pay"])


def test_a_hospital_that_rises_a_level(client: TestClient, engine: Engine) -> None:
    hospital = new_institution(client, level=2)
    told = taken(change(client, hospital, level=3), InstitutionChangeAnswer)
    assert told.pop("change").startswith("I")
    assert told == {
        "institution": hospital, "from": RISES, "level": 3, "name": None, "kind": None, "area": None,
        "document": "notice (2026) 15",
    }  # fmt: skip
    one, other = new_patient(client), new_patient(client)
    # (1,000.00 − 600.00) × 70 % at level 2, × 60 % at level 3
    assert pooled(settle(client, hospital, one, LINE, care_date=BEFORE)) == "280.00"
    assert pooled(settle(client, hospital, other, LINE, care_date=RISES)) == "240.00"
    # (10,000.00 − 600.00) × 92 %, and (10,000.00 − 900.00) × 88 %
    beds = [("A", "10000.00")]
    for day, due in ((BEFORE, "8648.00"), (RISES, "8008.00")):
        patient = new_patient(client)
        asked = bill(hospital, patient, beds, care_type="inpatient", care_date=day)
        promised = quote(client, asked)
        assert pooled(promised) == due
        assert pooled(settle(client, hospital, patient, beds, care_type="inpatient", care_date=day)) == due
    # nothing came out otherwise, so the year has no difference
    assert year_of(client, one)["difference"]["total"] == "0.00"
    for day, level in ((None, 3), (BEFORE, 2), (RISES, 3), ("1990-01-01", 2), ("2030-01-01", 3)):
        assert seen(client, hospital, day)["level"] == level
    assert verify(engine).findings == []


def test_a_rise_that_is_heard_of_late_is_put_right_by_the_annual_settlement(
    client: TestClient, engine: Engine
) -> None:
    hospital, patient = new_institution(client, level=2), new_patient(client)
    settle(client, hospital, patient, LINE, care_date=BEFORE, use_account=False)
    late = settle(client, hospital, patient, [("A", "500.00")], care_date=RISES, use_account=False)
    assert pooled(late) == "350.00"
    assert year_of(client, patient)["difference"]["total"] == "0.00"
    taken(change(client, hospital, level=3), InstitutionChangeAnswer)
    told = year_of(client, patient)
    assert told["difference"]["total"] == "-50.00"
    assert told["payments"]["claimed_back"] == "50.00"
    first, second = told["bills"]
    assert (first["changed"], first["level"]) == ([], 2)
    assert (second["changed"], second["level"]) == (["level"], 3)
    assert (second["was"]["ratio"], second["now"]["ratio"]) == ("0.7000", "0.6000")
    assert client.get(f"/v1/annual-settlements/2026/{patient}").json() == told
    # and back again, by a word that is recorded later for the same day
    taken(change(client, hospital, level=2, document="correction"), InstitutionChangeAnswer)
    assert year_of(client, patient)["payments"]["forgiven"] == "50.00"
    assert verify(engine).findings == []


def test_days_that_were_agreed_on_are_not_changed(client: TestClient) -> None:
    hospital, patient = new_institution(client, level=2), new_patient(client)
    settle(client, hospital, patient, LINE, care_date=RISES, use_account=False)
    # what was settled today, on which both sides agree
    nothing = {"count": 0, "total": "0.00", "fund": "0.00", "account": "0.00"}
    today = nothing | {"day": "2026-11-21", "count": 1, "total": "1000.00", "fund": "280.00"}
    path = f"/v1/institutions/{hospital}/reconciliations"
    different = client.post(path, json=nothing | {"day": "2026-11-21"}, headers=key())
    assert taken(different, ReconciliationAnswer)["result"] != "balanced"
    # a day that was found different is not agreed on
    taken(change(client, hospital, "2026-11-22", level=3), InstitutionChangeAnswer)
    assert taken(client.post(path, json=today, headers=key()), ReconciliationAnswer)["result"] == "balanced"
    for day in (RISES, "2026-11-21"):
        for what in ({"level": 3}, {"kind": "clinic"}, {"area": "990200"}, {"level": 3, "name": "新"}):
            answer = change(client, hospital, day, **what)
            assert refusal(answer) == (409, "period_closed"), (day, what)
            assert answer.json()["facts"]["earliest"] == "2026-11-22"
        # what it is already makes no bill another one
        taken(change(client, hospital, day, level=2), InstitutionChangeAnswer)
        taken(change(client, hospital, day, name="人民医院"), InstitutionChangeAnswer)
    taken(change(client, hospital, "2026-11-22", level=1), InstitutionChangeAnswer)
    assert seen(client, hospital, "2026-11-21") == {
        "name": "人民医院", "kind": "hospital", "level": 2, "area": AREA,
    }  # fmt: skip
    assert seen(client, hospital, "2026-11-22")["level"] == 1


def test_it_is_registered_again_as_it_was_or_as_it_is(client: TestClient) -> None:
    body = institution_body(level=2)
    taken(client.post("/v1/institutions", json=body, headers=key()), InstitutionAnswer)
    taken(change(client, body["code"], name="人民医院", level=3), InstitutionChangeAnswer)
    taken(change(client, body["code"], "2027-01-01", name="将来医院"), InstitutionChangeAnswer)
    for as_told in ({}, {"name": "人民医院"}, {"level": 3}, {"name": "人民医院", "level": 3}):
        again = client.post("/v1/institutions", json=body | as_told, headers=key())
        told = taken(again, InstitutionAnswer, 200)
        assert (told["name"], told["level"], told["created"]) == ("人民医院", 3, False)
    for otherwise in ({"name": "别家"}, {"level": 1}, {"kind": "clinic"}, {"name": "将来医院"}):
        again = client.post("/v1/institutions", json=body | otherwise, headers=key())
        assert refusal(again) == (409, "institution_differs"), otherwise


def test_the_same_change_is_there_already(client: TestClient, engine: Engine) -> None:
    hospital, header = new_institution(client, level=1), key()
    first = change(client, hospital, level=2, headers=header)
    before = rows(engine)
    replayed = change(client, hospital, level=2, headers=header)
    assert (replayed.status_code, replayed.text) == (201, first.text)
    again = change(client, hospital, level=2)
    assert (again.status_code, again.json()) == (200, first.json())
    assert rows(engine) == before
    reused = change(client, hospital, level=3, headers=header)
    assert refusal(reused) == (422, "idempotency_key_reused")
    # of one day what was recorded last
    taken(change(client, hospital, level=3), InstitutionChangeAnswer)
    assert seen(client, hospital, RISES)["level"] == 3
    taken(change(client, hospital, level=2), InstitutionChangeAnswer)
    assert seen(client, hospital, RISES)["level"] == 2
    assert [one["level"] for one in said(client, hospital)] == [2, 3, 2]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_in_whatever_order_they_are_recorded_the_days_say_what_it_is(
    client: TestClient, order: tuple[int, ...]
) -> None:
    facts: list[tuple[str, dict[str, Any]]] = [
        ("2026-02-01", {"level": 3}),
        ("2026-03-01", {"level": 2, "name": "二"}),
        ("2026-04-01", {"kind": "clinic", "level": 1}),
        ("2026-05-01", {"name": "三", "level": 2}),
    ]
    made = new_institution(client, level=2)
    for place in order:
        day, what = facts[place]
        taken(change(client, made, day, **what), InstitutionChangeAnswer)
    expected = [
        ("2026-01-31", (NAME, "hospital", 2)),
        ("2026-02-28", (NAME, "hospital", 3)),
        ("2026-03-31", ("二", "hospital", 2)),
        ("2026-04-30", ("二", "clinic", 1)),
        ("2026-05-01", ("三", "clinic", 2)),
    ]
    for day, state in expected:
        shown = seen(client, made, day)
        assert (shown["name"], shown["kind"], shown["level"]) == state
    assert [one["from"] for one in said(client, made)] == [day for day, _what in facts]


def test_an_institution_that_moves_to_another_area(client: TestClient) -> None:
    hospital = new_institution(client, level=3)
    taken(change(client, hospital, area="990200"), InstitutionChangeAnswer)
    inside = settle(client, hospital, new_patient(client), LINE, care_date=BEFORE)
    outside = settle(client, hospital, new_patient(client), LINE, care_date=RISES)
    # 60 %, and 20 points off outside the area
    assert (pooled(inside), pooled(outside)) == ("240.00", "160.00")
    assert (seen(client, hospital, BEFORE)["area"], seen(client, hospital)["area"]) == (AREA, "990200")


def test_what_is_no_change(client: TestClient, engine: Engine) -> None:
    hospital = new_institution(client, level=2)
    before = rows(engine)
    for body, expected in (
        ({}, (422, "shape_invalid")),
        ({"level": None}, (422, "shape_invalid")),
        ({"level": 4}, (422, "shape_invalid")),
        ({"level": 0}, (422, "shape_invalid")),
        ({"level": "3"}, (422, "shape_invalid")),
        ({"level": True}, (422, "shape_invalid")),
        ({"kind": "temple"}, (422, "shape_invalid")),
        ({"name": ""}, (422, "name_invalid")),
        ({"area": "000000"}, (422, "area_unknown")),
        ({"code": "X"}, (422, "unknown_field")),
        # it has a contract for inpatient care
        ({"kind": "pharmacy"}, (422, "shape_invalid")),
        ({"level": 3, "document": ""}, (422, "shape_invalid")),
    ):
        assert refusal(change(client, hospital, **body))[0] == expected[0], body
    for day, wanted in (
        ("1989-12-31", (422, "period_invalid")),
        ("2027-11-22", (422, "period_invalid")),
        ("2026-02-30", (422, "shape_invalid")),
    ):
        assert refusal(change(client, hospital, day, level=3)) == wanted
    assert refusal(change(client, "NOBODY", level=3)) == (422, "institution_unknown")
    dry = client.post(
        f"/v1/institutions/{hospital}/changes",
        json={"from": RISES, "level": 3, "document": "x"},
        params={"dry_run": "true"},
    )
    assert (dry.status_code, dry.json()["dry_run"]) == (200, True)
    assert rows(engine) == before
    # before its registration and within a year ahead are days like others
    taken(change(client, hospital, "1990-01-01", level=1), InstitutionChangeAnswer)
    taken(change(client, hospital, "2027-11-21", level=3), InstitutionChangeAnswer)
    assert (seen(client, hospital)["level"], seen(client, hospital, "2027-11-21")["level"]) == (1, 3)
    assert refusal(client.get(f"/v1/institutions/{hospital}?on=2026-02-30")) == (422, "shape_invalid")
    assert refusal(send(client, bill(hospital, new_patient(client), LINE, care_date="2027-11-21")))[0] == 422
