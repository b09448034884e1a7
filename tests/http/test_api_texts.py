"""One thing written in two ways is one thing, and what cannot be a name is none: at every door of HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from tests.support.api_client import AREA, id_number, key, open_account, running
from tests.support.employer_client import refusal

WAYS = ["B1 ", "\u3000B1", "B1\u00a0", "B\u200b1", "\uff22\uff11", "\ufeffB1", "B1\u2060", "\tB1"]
OPENING = {"current_year": "0.00", "carried_over": "10.00", "source_ref": "o"}
DAMAGED = ["王?", "王？", "王□", "王\ufffd", "<b>王</b>", "王*", "王\ue000", "·"]


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("service")) as client:
        yield client


@pytest.mark.parametrize("way", WAYS, ids=ascii)
def test_a_document_is_one_however_it_is_written(client: TestClient, way: str) -> None:
    account = open_account(client, opened_on="2026-01-01")["number"]
    paid = {"amount": "100.00", "period": "2026-03", "effective_on": "2026-04-10"}
    spent = {"amount": "1.00", "effective_on": "2026-04-11", "institution": "H0001"}
    for what, body in (("contributions", paid), ("spendings", spent)):
        where = f"/v1/accounts/{account}/{what}"
        first = client.post(where, json=body | {"source_ref": "B1"}, headers=key())
        assert first.status_code == 201
        assert first.json()["source_ref"] == "B1"
        again = client.post(where, json=body | {"source_ref": way}, headers=key())
        assert refusal(again) == (409, "duplicate_source_ref")


def test_the_same_request_written_in_another_way_is_the_same(client: TestClient) -> None:
    account = open_account(client, opened_on="2026-01-01")["number"]
    body = {"amount": "1.00", "period": "2026-03", "effective_on": "2026-04-10", "source_ref": "B1"}
    headers = key()
    where = f"/v1/accounts/{account}/contributions"
    first = client.post(where, json=body, headers=headers)
    again = client.post(where, json=body | {"source_ref": "\uff22\uff11 "}, headers=headers)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.json() == first.json()


@pytest.mark.parametrize("way", ["H0001 ", "\uff280001", "\u200bH0001"], ids=ascii)
def test_an_institution_is_one_however_it_is_written(client: TestClient, way: str) -> None:
    account = open_account(client, opened_on="2026-01-01", opening=OPENING)["number"]
    body = {"amount": "1.00", "effective_on": "2026-04-11", "institution": way, "source_ref": "s"}
    answer = client.post(f"/v1/accounts/{account}/spendings", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    for cash in ("CASH", "\uff23\uff21\uff33\uff28", "cash\u00a0"):
        answer = client.post(
            f"/v1/accounts/{account}/spendings", json=body | {"institution": cash}, headers=key()
        )
        assert refusal(answer) == (422, "cash_forbidden")


@pytest.mark.parametrize("name", DAMAGED, ids=ascii)
def test_what_cannot_be_a_name_is_refused_at_every_door(client: TestClient, name: str) -> None:
    account = open_account(client, opened_on="2026-01-01")["number"]
    heirs: dict[str, Any] = {
        "paid_on": "2026-11-21", "confirm": False, "heirs": [{"name": name, "relation": "spouse"}]
    }  # fmt: skip
    doors: list[tuple[str, dict[str, Any], str]] = [
        (
            "/v1/accounts",
            {"id_number": id_number(), "name": name, "area": AREA, "opened_on": "2026-01-01"},
            "/name",
        ),
        ("/v1/employers", {"credit_code": "91999999123456789T", "name": name, "area": AREA}, "/name"),
        (
            "/v1/residents",
            {"id_number": id_number(), "name": name, "area": AREA, "from": "2026-01-01"},
            "/name",
        ),
        (
            "/v1/institutions",
            {"code": "Z9", "name": name, "kind": "hospital", "level": 1, "area": AREA},
            "/name",
        ),
        (f"/v1/accounts/{account}/estate", heirs, "/heirs/0/name"),
    ]
    for where, body, pointer in doors:
        answer = client.post(where, json=body, headers=key())
        assert refusal(answer) == (422, "name_invalid"), where
        [error] = answer.json()["errors"]
        assert error["pointer"] == pointer
        assert name not in answer.text


def test_a_long_name_and_one_with_another_dot(client: TestClient) -> None:
    number = id_number()
    body = {"id_number": number, "name": "艾力·买买提" * 30, "area": AREA, "opened_on": "2026-01-01"}
    first = client.post("/v1/accounts", json=body, headers=key())
    assert first.status_code == 201
    for dot in "。●˙-—－‐.":
        again = client.post(
            "/v1/accounts", json=body | {"name": body["name"].replace("·", dot)}, headers=key()
        )
        assert again.status_code == 200, (dot, again.text)
        assert again.json()["account_no"] == first.json()["account_no"]
