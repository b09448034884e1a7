"""Institutions over HTTP: registered once, their contracts, and the days on which these rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.care.settlement_answers import CorrectionAnswer
from api.institutions.institutions import ContractAnswer, InstitutionAnswer, InstitutionView, SuspensionAnswer
from ledger.verify import verify
from tests.support.api_client import AREA, key, running
from tests.support.care_client import (
    NAME,
    SERVICES,
    bill,
    bound,
    code,
    correct,
    institution_body,
    message,
    new_institution,
    new_patient,
    send,
    settle,
)
from tests.support.employer_client import refusal, rows, taken

LINE = [("A", "10.00")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


def seen(client: TestClient, institution: str) -> Any:
    return taken(client.get(f"/v1/institutions/{institution}"), InstitutionView, 200)


def without_names(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Contracts or suspensions without the entries that recorded them, which there are."""
    names = [one.pop("contract", None) or one.pop("suspension") for one in items]
    assert all(names), items
    return items


def contract(client: TestClient, institution: str, first: str, last: str | None, **more: Any) -> Any:
    """The plain answer to a contract."""
    body = {"from": first, "to": last, "services": ["outpatient"]} | more
    return client.post(f"/v1/institutions/{institution}/contracts", json=body, headers=key())


def suspend(client: TestClient, institution: str, first: str, last: str | None) -> Any:
    """The plain answer to a suspension."""
    body = {"from": first, "to": last, "reason": "inspection"}
    return client.post(f"/v1/institutions/{institution}/suspensions", json=body, headers=key())


def test_an_institution_is_registered_once(client: TestClient) -> None:
    body, header = institution_body(kind="clinic", level=1), key()
    first = client.post("/v1/institutions", json=body, headers=header)
    told = {"institution": body["code"], "name": NAME, "kind": "clinic", "level": 1, "area": AREA}
    assert taken(first, InstitutionAnswer) == told | {"created": True}
    replayed = client.post("/v1/institutions", json=body, headers=header)
    assert (replayed.status_code, replayed.text) == (201, first.text)
    assert replayed.headers["Idempotent-Replayed"] == "true"
    again = client.post("/v1/institutions", json=body, headers=key())
    assert taken(again, InstitutionAnswer, 200) == told | {"created": False}
    for change in ({"name": "另一家"}, {"kind": "hospital"}, {"level": 2}, {"area": "990200"}):
        answer = client.post("/v1/institutions", json=body | change, headers=key())
        assert refusal(answer) == (409, "institution_differs")
        dry = client.post("/v1/institutions", json=body | change, params={"dry_run": "true"})
        assert refusal(dry) == (409, "institution_differs")
    assert seen(client, body["code"]) == told | {"contracts": [], "suspensions": []}


def test_a_dry_run_writes_nothing(client: TestClient, engine: Engine) -> None:
    there, new = new_institution(client), institution_body()
    before = rows(engine)
    for path, body in (
        ("/v1/institutions", new),
        (f"/v1/institutions/{there}/suspensions", {"from": "2026-01-01", "reason": "x"}),
    ):
        answer = client.post(path, json=body, params={"dry_run": "true"})
        assert (answer.status_code, answer.json()["dry_run"]) == (200, True), answer.text
    answer = contract(client, there, "1999-01-01", "1999-12-31")
    assert answer.status_code == 201
    assert rows(engine) != before
    assert refusal(client.get(f"/v1/institutions/{new['code']}")) == (422, "institution_unknown")


def test_an_institution_of_an_area_without_a_policy(client: TestClient) -> None:
    far = new_institution(client, area="110000")
    assert seen(client, far)["area"] == "110000"
    assert settle(client, far, new_patient(client), LINE)["total"] == "10.00"


def test_contracts_say_where_a_bill_is_settled(client: TestClient) -> None:
    made, patient = new_institution(client, services=()), new_patient(client)
    assert refusal(send(client, bill(made, patient, LINE))) == (422, "not_designated")
    first = contract(client, made, "2026-01-01", "2026-06-30", services=["chronic", "outpatient"])
    told = {"institution": made, "from": "2026-01-01", "to": "2026-06-30"}
    answer = taken(first, ContractAnswer)
    assert answer.items() >= told.items()
    # in the order in which care types are named, however they were sent
    assert answer["services"] == ["outpatient", "chronic"]
    for day, care_type, code_or_none in (
        ("2025-12-31", "outpatient", "not_designated"),
        ("2026-01-01", "outpatient", None),
        ("2026-06-30", "chronic", None),
        ("2026-06-30", "inpatient", "not_designated"),
        ("2026-07-01", "outpatient", "not_designated"),
    ):
        sent = send(client, bill(made, patient, LINE, care_date=day, care_type=care_type))
        assert (sent.status_code == 201) if code_or_none is None else refusal(sent) == (422, code_or_none)
    assert refusal(contract(client, made, "2026-06-30", None)) == (409, "contract_overlaps")
    assert refusal(contract(client, made, "2027-01-01", "2026-12-31")) == (422, "period_invalid")
    taken(contract(client, made, "2026-07-01", None, services=list(SERVICES)), ContractAnswer)
    assert without_names(seen(client, made)["contracts"]) == [
        {"from": "2026-01-01", "to": "2026-06-30", "services": ["outpatient", "chronic"]},
        {"from": "2026-07-01", "to": None, "services": list(SERVICES)},
    ]


def test_a_contract_rests(client: TestClient) -> None:
    made, patient = new_institution(client), new_patient(client)
    first = suspend(client, made, "2026-03-01", "2026-03-31")
    told = taken(first, SuspensionAnswer)
    assert told.items() >= {"institution": made, "from": "2026-03-01", "to": "2026-03-31"}.items()
    for day, refused in (
        ("2026-02-28", False),
        ("2026-03-01", True),
        ("2026-03-31", True),
        ("2026-04-01", False),
    ):
        sent = send(client, bill(made, patient, LINE, care_date=day))
        assert (refusal(sent) == (422, "contract_suspended")) if refused else sent.status_code == 201
    assert refusal(suspend(client, made, "2026-03-31", None)) == (409, "contract_overlaps")
    taken(suspend(client, made, "2026-06-01", None), SuspensionAnswer)
    assert without_names(seen(client, made)["suspensions"]) == [
        {"from": "2026-03-01", "to": "2026-03-31"},
        {"from": "2026-06-01", "to": None},
    ]


def test_a_reference_institution_has_its_book_opened_by_what_is_first_written(client: TestClient) -> None:
    assert settle(client, "H0001", new_patient(client), LINE)["total"] == "10.00"
    assert taken(correct(client, "H0001", message()), CorrectionAnswer)["result"] == "never_seen"
    taken(suspend(client, "P0001", "2026-03-01", "2026-03-02"), SuspensionAnswer)
    assert refusal(contract(client, "P0001", "2026-01-01", None)) == (409, "contract_overlaps")


@pytest.mark.parametrize(
    ("change", "code_wanted"),
    [
        ({"code": ""}, "shape_invalid"),
        ({"code": "H/1"}, "shape_invalid"),
        ({"code": "H 1"}, "shape_invalid"),
        ({"code": "医院"}, "shape_invalid"),
        ({"code": "H" * 33}, "shape_invalid"),
        ({"code": "cash"}, "cash_forbidden"),
        ({"kind": "spa"}, "shape_invalid"),
        ({"level": 0}, "shape_invalid"),
        ({"level": 4}, "shape_invalid"),
        ({"level": "3"}, "shape_invalid"),
        ({"level": True}, "shape_invalid"),
        ({"area": "9901"}, "shape_invalid"),
        ({"name": " "}, "shape_invalid"),
        ({"beds": 300}, "unknown_field"),
    ],
    ids=str,
)
def test_what_is_no_institution(client: TestClient, change: dict[str, Any], code_wanted: str) -> None:
    answer = client.post("/v1/institutions", json=institution_body() | change, headers=key())
    assert refusal(answer) == (422, code_wanted)


@pytest.mark.parametrize(
    "change",
    [{"services": []}, {"services": ["dental"]}, {"from": "2026-02-30"}, {"to": ""}, {"until": None}],
    ids=str,
)
def test_what_is_no_contract(client: TestClient, change: dict[str, Any]) -> None:
    answer = contract(client, new_institution(client, services=()), "2026-01-01", None, **change)
    assert refusal(answer)[1] in {"shape_invalid", "unknown_field", "care_type_unknown"}


def test_an_institution_that_there_is_not(client: TestClient) -> None:
    nowhere, unknown = code(), (422, "institution_unknown")
    assert refusal(client.get(f"/v1/institutions/{nowhere}")) == unknown
    assert refusal(contract(client, nowhere, "2026-01-01", None)) == unknown
    assert refusal(suspend(client, nowhere, "2026-01-01", None)) == unknown
    # and once it is there, it is found
    client.post("/v1/institutions", json=institution_body(code=nowhere), headers=key())
    assert contract(client, nowhere, "2026-01-01", None).status_code == 201


def test_an_institution_reads_only_itself_and_registers_nobody(client: TestClient, folder: Path) -> None:
    own, other = new_institution(client), new_institution(client)
    headers = bound(folder, own)
    assert client.get(f"/v1/institutions/{own}", headers=headers).status_code == 200
    forbidden = (403, "scope_missing")
    assert refusal(client.get(f"/v1/institutions/{other}", headers=headers)) == forbidden
    assert refusal(client.post("/v1/institutions", json=institution_body(), headers=headers)) == forbidden


def test_what_was_written_here_adds_up(client: TestClient, engine: Engine) -> None:
    """After all the tests above: every balance, counter and quota follows from the entries."""
    found = verify(engine)
    assert found.clean, found.findings


# -- what there is not ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("area", ["123456", "000000", "100000", "160100", "114300", "710200"])
def test_an_area_that_there_is_not(client: TestClient, engine: Engine, area: str) -> None:
    before = rows(engine)
    answer = client.post("/v1/institutions", json=institution_body(area=area), headers=key())
    assert refusal(answer) == (422, "area_unknown")
    assert answer.json()["errors"][0]["pointer"] == "/area"
    assert rows(engine) == before, "nothing was written down"


@pytest.mark.parametrize(
    "area",
    ["110000", "110101", "120100", "310115", "339900", "330106", "440300", "469021", "650100", "659001"],
)
def test_an_area_of_the_country(client: TestClient, area: str) -> None:
    assert seen(client, new_institution(client, area=area))["area"] == area


@pytest.mark.parametrize("area", ["123456", "000000"])
def test_a_filing_for_an_area_that_there_is_not(client: TestClient, area: str) -> None:
    body = {"kind": "long_term", "from": "2026-01-01", "area": area}
    answer = client.post(f"/v1/accounts/{new_patient(client)}/filings", json=body, headers=key())
    assert refusal(answer) == (422, "area_unknown")
    assert answer.json()["errors"][0]["pointer"] == "/area"


def test_nobody_lies_in_a_pharmacy(client: TestClient) -> None:
    made = new_institution(client, services=(), kind="pharmacy", level=1)
    path = f"/v1/institutions/{made}/contracts"
    for services in (["inpatient"], ["pharmacy", "inpatient"]):
        answer = client.post(path, json={"from": "2026-01-01", "services": services}, headers=key())
        assert refusal(answer) == (422, "shape_invalid")
        assert answer.json()["errors"][0]["pointer"] == "/services"
    taken(contract(client, made, "2026-01-01", None, services=["pharmacy", "chronic"]), ContractAnswer)
    for kind in ("hospital", "clinic"):
        whole = new_institution(client, services=(), kind=kind, level=1)
        taken(contract(client, whole, "2026-01-01", None, services=list(SERVICES)), ContractAnswer)


@pytest.mark.parametrize(
    "code",
    [
        "..",
        ".",
        "...",
        "-1",
        "-",
        "a-",
        "1.",
        ".a",
        "_",
        "a_b",
        "null",
        "NULL",
        "None",
        "nil",
        "undefined",
        "NaN",
    ],
)
def test_what_is_no_code(client: TestClient, code: str) -> None:
    answer = client.post("/v1/institutions", json=institution_body(code=code), headers=key())
    assert (answer.status_code, answer.json()["code"]) == (422, "shape_invalid")
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/code"]


@pytest.mark.parametrize("code", ["9", "x", "Z.1-b", "a..b", "9" * 32, "NULL1"])
def test_what_is_a_code_and_is_reached_by_it(client: TestClient, code: str) -> None:
    assert client.post("/v1/institutions", json=institution_body(code=code), headers=key()).status_code == 201
    assert client.get(f"/v1/institutions/{code}").json()["institution"] == code


def test_a_code_in_other_letters_is_the_same_institution(client: TestClient) -> None:
    made = institution_body(code="Hq-7a")
    first = client.post("/v1/institutions", json=made, headers=key()).json()
    for written in ("HQ-7A", "hq-7a", "Hq-7a"):
        for params in ({}, {"dry_run": "true"}):
            again = client.post(
                "/v1/institutions", json=made | {"code": written}, headers=key(), params=params
            )
            assert (again.status_code, again.json()["institution"]) == (200, first["institution"])
        other = made | {"code": written, "name": "another hospital"}
        refused = client.post("/v1/institutions", json=other, headers=key())
        assert (refused.status_code, refused.json()["code"]) == (409, "institution_differs")
    assert client.get("/v1/institutions/HQ-7A").status_code == 422
