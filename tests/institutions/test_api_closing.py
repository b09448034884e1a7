"""Institutions that end, are merged into others, and go on after all (R18)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.institutions.closing import InstitutionEndAnswer
from ledger.verify import verify
from tests.support.api_client import key, running
from tests.support.care_client import bill, new_institution, new_patient, quote, send, settle
from tests.support.employer_client import refusal, rows, taken

LAST, AFTER = "2026-06-30", "2026-07-01"
LINE = [("A", "1000.00")]
PROOF = {"document": "notice (2026) 15"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


def act(client: TestClient, institution: str, what: str, body: dict[str, Any], **more: Any) -> Any:
    headers = more.pop("headers", None) or key()
    return client.post(f"/v1/institutions/{institution}/{what}", json=PROOF | body, headers=headers, **more)


def try_bill(client: TestClient, institution: str, day: str) -> Any:
    return send(client, bill(institution, new_patient(client), LINE, care_date=day))


def test_an_institution_ends_and_goes_on(client: TestClient, engine: Engine) -> None:
    made, header = new_institution(client), key()
    told = taken(act(client, made, "end", {"to": LAST}, headers=header), InstitutionEndAnswer)
    assert told.pop("entry").startswith("I")
    assert told == {"institution": made, "ended": True, "to": LAST, **PROOF}
    replayed = act(client, made, "end", {"to": LAST}, headers=header)
    assert (replayed.status_code, replayed.headers["Idempotent-Replayed"]) == (201, "true")
    assert refusal(act(client, made, "end", {"to": LAST})) == (409, "institution_ended")
    settle(client, made, new_patient(client), LINE, care_date=LAST)
    answer = try_bill(client, made, AFTER)
    assert refusal(answer) == (422, "not_designated")
    assert "successor" not in (answer.json().get("facts") or {})
    # a day on which both sides agree, of a bill of before
    body = {"day": "2026-11-21", "count": 1, "total": "1000.00", "fund": "240.00", "account": "0.00"}
    assert act(client, made, "reconciliations", {}, headers=key()).status_code == 422
    compared = client.post(f"/v1/institutions/{made}/reconciliations", json=body, headers=key())
    assert compared.json()["result"] == "balanced", compared.text
    early = act(client, made, "reopening", {"from": LAST})
    assert refusal(early) == (422, "period_invalid")
    taken(act(client, made, "reopening", {"from": "2026-09-01"}), InstitutionEndAnswer)
    assert refusal(act(client, made, "reopening", {"from": "2026-09-01"})) == (409, "institution_not_ended")
    for day, status in ((LAST, 201), ("2026-08-31", 422), ("2026-09-01", 201)):
        assert try_bill(client, made, day).status_code == status
    read = client.get(f"/v1/institutions/{made}", params={"on": "2026-08-01"}).json()
    assert read["ended"] is True
    assert "ended" not in client.get(f"/v1/institutions/{made}").json()
    assert verify(engine).findings == []


def test_an_institution_is_merged_into_another_one(client: TestClient, engine: Engine) -> None:
    old, new = new_institution(client), new_institution(client)
    told = taken(act(client, old, "merger", {"into": new, "from": AFTER}), InstitutionEndAnswer)
    assert (told["ended"], told["from"], told["into"]) == (True, AFTER, new)
    settle(client, old, new_patient(client), LINE, care_date=LAST)
    answer = try_bill(client, old, AFTER)
    assert refusal(answer) == (422, "not_designated")
    assert answer.json()["facts"] == {"successor": new}
    asked = bill(old, new_patient(client), LINE, care_date=AFTER)
    refused = client.post("/v1/settlements/quote", json=asked)
    assert (refusal(refused), refused.json()["facts"]) == ((422, "not_designated"), {"successor": new})
    assert quote(client, asked | {"institution": new})["pooled_pay"] == "240.00"
    read = client.get(f"/v1/institutions/{old}").json()
    assert (read["ended"], read["successor"]) == (True, new)
    assert verify(engine).findings == []


def test_an_ended_institution_takes_nobodys_place(client: TestClient, engine: Engine) -> None:
    one, other, third, gone = (new_institution(client) for _ in range(4))
    taken(act(client, one, "merger", {"into": other, "from": "2026-05-01"}), InstitutionEndAnswer)
    taken(act(client, other, "merger", {"into": third, "from": "2026-07-01"}), InstitutionEndAnswer)
    taken(act(client, gone, "end", {"to": LAST}), InstitutionEndAnswer)
    before = rows(engine)
    # neither later nor earlier, nor round a corner
    for first in ("2026-04-01", "2026-05-01", "2026-08-01"):
        for institution, into in ((third, one), (third, other), (third, gone)):
            answer = act(client, institution, "merger", {"into": into, "from": first})
            assert refusal(answer) == (409, "institution_ended")
            assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/into"]
    assert rows(engine) == before
    # one that goes on again does
    taken(act(client, gone, "reopening", {"from": "2026-08-01"}), InstitutionEndAnswer)
    taken(act(client, third, "merger", {"into": gone, "from": "2026-08-01"}), InstitutionEndAnswer)
    assert verify(engine).findings == []


def test_neither_of_two_is_in_the_place_of_the_other_one(client: TestClient, engine: Engine) -> None:
    one, other = new_institution(client), new_institution(client)
    taken(act(client, one, "merger", {"into": other, "from": AFTER}), InstitutionEndAnswer)
    taken(act(client, one, "reopening", {"from": "2026-09-01"}), InstitutionEndAnswer)
    before = rows(engine)
    for day in ("2026-05-01", AFTER, "2026-08-31"):
        # in July and August the other one is in its place
        answer = act(client, other, "merger", {"into": one, "from": day})
        assert refusal(answer) == (409, "institution_ended"), day
        assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/into"]
    assert rows(engine) == before
    taken(act(client, other, "merger", {"into": one, "from": "2026-09-01"}), InstitutionEndAnswer)
    assert verify(engine).findings == []


def test_what_is_no_end(client: TestClient, engine: Engine) -> None:
    made, other = new_institution(client), new_institution(client)
    before = rows(engine)
    assert refusal(act(client, made, "reopening", {"from": AFTER})) == (409, "institution_not_ended")
    assert refusal(act(client, made, "merger", {"into": made, "from": AFTER})) == (422, "shape_invalid")
    assert refusal(act(client, made, "merger", {"into": "NONE1", "from": AFTER})) == (
        422,
        "institution_unknown",
    )
    assert refusal(act(client, made, "merger", {"into": other, "from": "1989-12-31"}))[1] == "period_invalid"
    assert refusal(act(client, made, "end", {"to": "2027-11-22"})) == (422, "period_invalid")
    assert refusal(act(client, "NONE1", "end", {"to": LAST})) == (422, "institution_unknown")
    for what, body in (
        ("end", {"to": LAST}),
        ("merger", {"into": other, "from": AFTER}),
    ):
        dry = act(client, made, what, body, params={"dry_run": "true"})
        assert (dry.status_code, dry.json()["dry_run"]) == (200, True)
    assert rows(engine) == before
