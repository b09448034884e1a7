"""A nil list, and an employer that is closed and opened again, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.contributions.answers import ClosureAnswer, ConfirmationAnswer, DeclarationAnswer, EstimateAnswer
from ledger.verify import verify
from tests.support.api_client import key, open_account, running
from tests.support.employer_client import new_employer, refusal, taken


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client
    assert [str(one) for one in verify(engine).findings] == []


@pytest.fixture
def employer(client: TestClient) -> str:
    return new_employer(client)


def post(client: TestClient, employer: str, what: str, body: Any, header: Any = None) -> Any:
    return client.post(f"/v1/employers/{employer}/{what}", json=body, headers=header or key())


def test_a_nil_list_sets_the_estimate_to_nothing(client: TestClient, employer: str) -> None:
    fixed = {"period": "2026-03", "amount": "100.00"}
    taken(post(client, employer, "estimates", fixed), EstimateAnswer)
    shown = taken(
        post(client, employer, "declarations", {"period": "2026-03", "lines": []}), DeclarationAnswer
    )
    assert (shown["status"], shown["lines"], shown["employee_total"]) == ("preview", [], "0.00")
    path = f"/v1/declarations/{shown['declaration']}/confirm"
    confirmed = taken(client.post(path, headers=key()), ConfirmationAnswer)
    assert (confirmed["status"], confirmed["lines"], confirmed["returned"]) == ("confirmed", [], "0.00")
    arrears = client.get(f"/v1/employers/{employer}/arrears", params={"on": "2026-11-21"})
    assert arrears.json()["items"] == []
    assert refusal(post(client, employer, "estimates", fixed)) == (409, "already_declared")
    control = {"period": "2026-04", "lines": [], "control": {"lines": 1}}
    assert refusal(post(client, employer, "declarations", control)) == (422, "totals_differ")


def test_an_employer_is_closed_and_opened_again(client: TestClient, employer: str) -> None:
    body, once = {"on": "2026-03-31", "document": "deregistration"}, key()
    first = post(client, employer, "closure", body, once)
    told = taken(first, ClosureAnswer)
    assert told == {"entry": told["entry"], "employer": employer, "state": "closed", **body}
    again = post(client, employer, "closure", body, once)
    assert (again.text, again.headers["Idempotent-Replayed"]) == (first.text, "true")
    assert refusal(post(client, employer, "closure", body)) == (409, "employer_closed")
    fixed = {"period": "2026-04", "amount": "100.00"}
    assert refusal(post(client, employer, "estimates", fixed)) == (409, "employer_closed")
    assert post(client, employer, "estimates", fixed | {"period": "2026-03"}).status_code == 201
    assert refusal(post(client, employer, "reopening", body | {"on": "2026-03-30"})) == (
        422,
        "period_invalid",
    )
    opened = taken(post(client, employer, "reopening", body), ClosureAnswer)
    assert opened["state"] == "open"
    assert refusal(post(client, employer, "reopening", body)) == (409, "employer_not_closed")
    assert post(client, employer, "estimates", fixed).status_code == 201


@pytest.mark.parametrize("what", ["closure", "reopening"])
@pytest.mark.parametrize(
    "body", [{}, {"on": "2026-03-31"}, {"document": "x"}, {"on": "x", "document": "x"}, {"on": None}]
)
def test_what_is_no_closure(client: TestClient, employer: str, what: str, body: Any) -> None:
    assert post(client, employer, what, body).status_code == 422
    assert client.post(f"/v1/employers/nobody/{what}", json={}, headers=key()).status_code == 422


def test_nobody_is_left(client: TestClient, employer: str) -> None:
    account = open_account(client)["account_no"]
    enrolment = {"member_class": "active", "employer": employer, "from": "2026-01-01", "to": "2026-03-31"}
    assert client.post(f"/v1/accounts/{account}/enrolments", json=enrolment, headers=key()).status_code == 201
    fixed = {"period": "2026-04", "amount": "100.00"}
    assert refusal(post(client, employer, "estimates", fixed)) == (409, "nobody_enrolled")


def test_nobody_begins_with_an_employer_that_is_closed(client: TestClient, employer: str) -> None:
    end = {"on": "2026-03-31", "document": "deregistration"}
    account = open_account(client)["account_no"]

    def enrol(first: str) -> Any:
        body = {"member_class": "active", "employer": employer, "from": first}
        return client.post(f"/v1/accounts/{account}/enrolments", json=body, headers=key())

    later = enrol("2026-06-01")
    assert later.status_code == 201
    taken(post(client, employer, "closure", end), ClosureAnswer)
    answer = enrol("2026-04-01")
    assert refusal(answer) == (409, "employer_closed")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/employer"]
    # what was there before stays there, and late words on days before it are taken
    assert enrol("2026-06-01").json()["enrolment"] == later.json()["enrolment"]
    assert enrol("2026-03-31").status_code == 201
    taken(post(client, employer, "reopening", end), ClosureAnswer)
    assert enrol("2026-04-01").status_code == 201
