"""What was recorded until further notice is ended over HTTP: contracts, suspensions, filings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.care.filings import FilingAnswer, FilingEndAnswer, FilingList
from api.institutions.ends import ContractEndAnswer, SuspensionEndAnswer
from api.institutions.institutions import InstitutionView, SuspensionAnswer
from ledger.verify import verify
from tests.support.api_client import key, running
from tests.support.care_client import (
    bill,
    contract,
    institution_body,
    new_institution,
    new_patient,
    send,
    settle,
)
from tests.support.employer_client import refusal, taken

LINE = [("A", "1000.00")]
WORDS = {"to": "2026-03-31", "reason": "gone"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


def end(client: TestClient, what: str, name: str, header: Any = None, **more: Any) -> Any:
    """The plain answer to an end."""
    return client.post(f"/v1/{what}/{name}/end", json=WORDS | more, headers=header or key())


def suspended(client: TestClient, institution: str, first: str, last: str | None = None) -> str:
    body = {"from": first, "to": last, "reason": "inspection"}
    answer = client.post(f"/v1/institutions/{institution}/suspensions", json=body, headers=key())
    return str(taken(answer, SuspensionAnswer)["suspension"])


def sent(client: TestClient, institution: str, patient: str, day: str) -> Any:
    return send(client, bill(institution, patient, LINE, care_date=day))


def test_a_contract_is_ended_and_another_follows(client: TestClient, engine: Engine) -> None:
    made = str(client.post("/v1/institutions", json=institution_body(), headers=key()).json()["institution"])
    name = contract(client, made)["contract"]
    patient = new_patient(client)
    settled = settle(client, made, patient, LINE, care_date="2026-04-01")
    header = key()
    first = end(client, "contracts", name, header)
    told = taken(first, ContractEndAnswer)
    assert told == {"contract": name, "end": told["end"], "from": "2000-01-01", **WORDS}
    again = end(client, "contracts", name, header)
    assert (again.text, again.headers["Idempotent-Replayed"]) == (first.text, "true")
    assert refusal(end(client, "contracts", name)) == (409, "contract_ended")
    assert sent(client, made, patient, "2026-03-31").status_code == 201
    assert refusal(sent(client, made, patient, "2026-04-01")) == (422, "not_designated")
    # what was settled stands, and may still be taken back
    back = {"reason": "wrong person"}
    taken_back = client.post(f"/v1/settlements/{settled['settlement']}/reversal", json=back, headers=key())
    assert taken_back.status_code == 201
    contract(client, made, **{"from": "2026-04-01"})
    assert sent(client, made, patient, "2026-04-01").status_code == 201
    seen = taken(client.get(f"/v1/institutions/{made}"), InstitutionView, 200)["contracts"]
    assert [(one["from"], one["to"]) for one in seen] == [("2000-01-01", "2026-03-31"), ("2026-04-01", None)]
    assert seen[0]["contract"] == name
    assert [str(one) for one in verify(engine).findings] == []


def test_a_suspension_is_ended(client: TestClient, engine: Engine) -> None:
    made, patient = new_institution(client), new_patient(client)
    name = suspended(client, made, "2026-03-10")
    assert refusal(sent(client, made, patient, "2026-04-01")) == (422, "contract_suspended")
    told = taken(end(client, "suspensions", name), SuspensionEndAnswer)
    assert told == {"suspension": name, "end": told["end"], "from": "2026-03-10", **WORDS}
    assert refusal(sent(client, made, patient, "2026-03-31")) == (422, "contract_suspended")
    assert sent(client, made, patient, "2026-04-01").status_code == 201
    assert refusal(end(client, "suspensions", name)) == (409, "suspension_ended")
    later = suspended(client, made, "2026-04-02")
    seen = taken(client.get(f"/v1/institutions/{made}"), InstitutionView, 200)["suspensions"]
    assert seen == [
        {"suspension": name, "from": "2026-03-10", "to": "2026-03-31"},
        {"suspension": later, "from": "2026-04-02", "to": None},
    ]
    assert [str(one) for one in verify(engine).findings] == []


def filed(client: TestClient, patient: str, **more: Any) -> Any:
    body = {"kind": "long_term", "from": "2026-01-01", "area": "990200"} | more
    return client.post(f"/v1/accounts/{patient}/filings", json=body, headers=key())


def test_a_filing_is_ended(client: TestClient, engine: Engine) -> None:
    patient = new_patient(client)
    name = taken(filed(client, patient), FilingAnswer)["filing"]
    told = taken(end(client, "filings", name), FilingEndAnswer)
    assert told == {
        "filing": name, "end": told["end"], "kind": "long_term", "from": "2026-01-01", **WORDS,
    }  # fmt: skip
    listed = taken(client.get(f"/v1/accounts/{patient}/filings"), FilingList, 200)["items"]
    assert [(one["filing"], one["to"]) for one in listed] == [(name, "2026-03-31")]
    assert refusal(end(client, "filings", name)) == (409, "filing_ended")
    assert refusal(end(client, "filings", told["end"])) == (404, "filing_not_found")
    assert [str(one) for one in verify(engine).findings] == []


# what is ended, what begins on the first of March and ends anyway on its last day
def thing(client: TestClient, what: str, last: str | None = "2026-03-31") -> str:
    if what == "filings":
        body = {"from": "2026-03-01", "to": last}
        return str(taken(filed(client, new_patient(client), **body), FilingAnswer)["filing"])
    made = new_institution(client, services=())
    if what == "suspensions":
        return suspended(client, made, "2026-03-01", last)
    return str(contract(client, made, **{"from": "2026-03-01", "to": last})["contract"])


EVERY = ("contracts", "suspensions", "filings")


@pytest.mark.parametrize("what", EVERY)
@pytest.mark.parametrize(
    ("day", "status"),
    [("2026-02-28", 422), ("2026-03-01", 201), ("2026-03-31", 201), ("2026-04-01", 422), ("2999-01-01", 422)],
)
def test_an_end_is_within_what_it_ends(client: TestClient, what: str, day: str, status: int) -> None:
    answer = end(client, what, thing(client, what), to=day)
    assert answer.status_code == status, answer.text
    if status == 422:
        assert (answer.json()["code"], [one["pointer"] for one in answer.json()["errors"]]) == (
            "period_invalid",
            ["/to"],
        )


@pytest.mark.parametrize("what", EVERY)
def test_an_end_may_lie_ahead(client: TestClient, what: str) -> None:
    assert end(client, what, thing(client, what, None), to="2027-01-31").status_code == 201


@pytest.mark.parametrize("what", EVERY)
def test_a_dry_run_ends_nothing(client: TestClient, what: str) -> None:
    name = thing(client, what)
    tried = client.post(f"/v1/{what}/{name}/end?dry_run=true", json=WORDS)
    assert (tried.status_code, tried.json()["dry_run"]) == (200, True)
    assert end(client, what, name).status_code == 201


@pytest.mark.parametrize(
    ("what", "missing"),
    [
        ("contracts", "contract_not_found"),
        ("suspensions", "suspension_not_found"),
        ("filings", "filing_not_found"),
    ],
)
def test_what_is_not_there_is_not_ended(client: TestClient, what: str, missing: str) -> None:
    other = thing(client, EVERY[EVERY.index(what) - 1])
    for name in ("nothing", "P000000000001U-2", "I000000000001-2", other, other.partition("-")[0] + "-1"):
        assert refusal(end(client, what, name)) == (404, missing), name


@pytest.mark.parametrize("what", EVERY)
@pytest.mark.parametrize("body", [{}, {"to": None}, {"reason": ""}, {"to": "2026-02-30"}, {"more": 1}])
def test_an_end_says_a_day_and_a_reason(client: TestClient, what: str, body: dict[str, Any]) -> None:
    sent = WORDS | body if body else {}
    answer = client.post(f"/v1/{what}/{thing(client, what)}/end", json=sent, headers=key())
    assert answer.status_code == 422, answer.text
