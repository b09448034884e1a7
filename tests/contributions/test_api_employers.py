"""Employers and enrolments over HTTP, what employers are charged and reproached, and whom a token reaches."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.accounts.answers import ReversalReceipt
from api.contributions.answers import (
    CaseStepAnswer,
    DeclarationAnswer,
    EmployerAnswer,
    EnrolmentAnswer,
    EstimateAnswer,
)
from api.contributions.bodies import NewEnrolment, NewStep
from api.http.reach import LINES_NAME_EMPLOYERS, OWN_CASES
from api.http.security import SCOPE_OF
from ledger.access.tokens import AUDIENCE, ISSUER, SCOPES, TokenError, mint
from ledger.book.numbers import account_no
from ledger.chart.members import MemberClass
from ledger.chart.parties import Party
from ledger.contributions import employers
from ledger.contributions.supervision import Step
from ledger.verify import verify
from tests.support.api_client import AREA, NOW, id_number, key, open_account, running, token
from tests.support.employer_client import (
    NAME,
    balance,
    declare,
    employer_body,
    hire,
    new_employer,
    owe,
    pay,
    ref,
    refusal,
    rows,
    taken,
    wages,
)
from tests.support.units import credit_code


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


@pytest.fixture
def employer(client: TestClient) -> str:
    return new_employer(client)


# -- registering -----------------------------------------------------------------------------------------


def test_an_employer_is_registered_once(client: TestClient) -> None:
    body, once = employer_body(), key()
    first = client.post("/v1/employers", json=body, headers=once)
    assert taken(first, EmployerAnswer) == body | {"employer": body["credit_code"], "created": True}

    again = client.post("/v1/employers", json=body, headers=once)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"

    same = body | {"credit_code": f" {body['credit_code'].lower()}", "name": "示例制造 有限公司"}
    other_key = client.post("/v1/employers", json=same, headers=key())
    assert taken(other_key, EmployerAnswer, 200) == first.json() | {"created": False}
    assert "Idempotent-Replayed" not in other_key.headers


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"name": "另一家公司"}, (409, "employer_differs")),
        ({"credit_code": "919999990000000011"}, (422, "credit_code_invalid")),
        ({"credit_code": ""}, (422, "credit_code_invalid")),
        ({"credit_code": "9" * 65}, (422, "shape_invalid")),
        ({"credit_code": 91}, (422, "shape_invalid")),
        ({"name": " . "}, (422, "name_invalid")),
        ({"name": ""}, (422, "shape_invalid")),
        ({"area": "990199"}, (422, "area_unknown")),
        ({"area": "990199", "credit_code": "x"}, (422, "area_unknown")),
        ({"owner": "x"}, (422, "unknown_field")),
    ],
    ids=str,
)
@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_an_employer_that_cannot_be(
    client: TestClient, engine: Engine, change: dict[str, Any], refused: tuple[int, str], query: str
) -> None:
    body = employer_body()
    taken(client.post("/v1/employers", json=body, headers=key()), EmployerAnswer)
    before = rows(engine)
    assert refusal(client.post(f"/v1/employers{query}", json=body | change, headers=key())) == refused
    assert rows(engine) == before


def test_a_registration_that_was_killed_half_way_is_completed(client: TestClient, engine: Engine) -> None:
    body = employer_body()
    with engine.connect() as connection:
        employers.enter(connection, body["credit_code"], NAME, int(AREA), NOW)
    number = hire(client)
    path = f"/v1/employers/{body['credit_code']}/declarations"
    listed = {"period": "2026-03", "lines": wages({number: "8000.00"})}
    assert refusal(client.post(path, json=listed, headers=key())) == (404, "employer_not_found")
    answer = client.post("/v1/employers", json=body, headers=key())
    assert taken(answer, EmployerAnswer)["created"] is True
    taken(client.post(path, json=listed, headers=key()), DeclarationAnswer)


def test_a_dry_run_registers_nobody(client: TestClient, engine: Engine, employer: str) -> None:
    before = rows(engine)
    body = employer_body()
    answer = client.post("/v1/employers?dry_run=true", json=body)
    assert taken(answer, EmployerAnswer, 200) == body | {
        "employer": body["credit_code"],
        "created": True,
        "dry_run": True,
    }
    again = client.post("/v1/employers?dry_run=true", json=body | {"credit_code": employer})
    assert taken(again, EmployerAnswer, 200)["created"] is False
    assert rows(engine) == before
    assert refusal(client.get(f"/v1/employers/{body['credit_code']}")) == (404, "employer_not_found")


# -- enrolments ------------------------------------------------------------------------------------------


def test_an_enrolment_its_end_and_its_correction(client: TestClient, employer: str) -> None:
    opened = open_account(client)
    path = f"/v1/accounts/{opened['number']}/enrolments"
    body = {"member_class": "active", "employer": employer.lower(), "from": "2026-01-01", "wage": "8000.00"}
    once = key()
    first = client.post(path, json=body, headers=once)
    enrolled = taken(first, EnrolmentAnswer)
    assert enrolled == {
        "enrolment": f"{opened['account_no']}-2",
        "entry": f"{opened['account_no']}-2",
        "account_no": opened["account_no"],
        "member_class": "active",
        "employer": employer,
        "from": "2026-01-01",
        "to": None,
        "wage": "8000.00",
    }
    again = client.post(f"/v1/accounts/{opened['account_no']}/enrolments", json=body, headers=once)
    assert (again.status_code, again.json()) == (201, enrolled)
    assert again.headers["Idempotent-Replayed"] == "true"

    end = f"/v1/enrolments/{enrolled['enrolment']}/end"
    ended = taken(client.post(end, json={"to": "2026-08-31"}, headers=key()), EnrolmentAnswer)
    assert ended == enrolled | {"entry": f"{opened['account_no']}-3", "to": "2026-08-31"}
    assert refusal(client.post(end, json={"to": "2026-09-30"}, headers=key())) == (409, "enrolment_ended")
    corrected = client.post(f"/v1/enrolments/{ended['entry']}/end", json={"to": "2026-07-31"}, headers=key())
    assert taken(corrected, EnrolmentAnswer)["to"] == "2026-07-31"
    shown = client.get(f"/v1/entries/{ended['entry']}").json()["facts"]
    assert shown == {"member_class": "active", "from": "2026-01-01", "to": "2026-08-31", "wage": "8000.00"}


@pytest.mark.parametrize("member_class", ["retired", "flexible", "unemployed"])
def test_an_enrolment_without_employer(client: TestClient, member_class: str) -> None:
    body = {"member_class": member_class, "from": "2026-01-01", "to": "2026-06-30"}
    answer = client.post(f"/v1/accounts/{hire(client)}/enrolments", json=body, headers=key())
    enrolled = taken(answer, EnrolmentAnswer)
    assert (enrolled["member_class"], enrolled["employer"], enrolled["wage"]) == (member_class, None, None)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"member_class": "resident"}, (422, "scheme_no_account")),
        ({"member_class": "ACTIVE"}, (422, "shape_invalid")),
        ({"employer": credit_code()}, (404, "employer_not_found")),
        ({"employer": "919999990000000011"}, (422, "credit_code_invalid")),
        ({"from": "2027-11-23"}, (422, "period_invalid")),
        ({"from": "1989-12-31"}, (422, "period_invalid")),
        ({"to": "2025-12-31"}, (422, "period_invalid")),
        ({"wage": "0.00"}, (422, "wage_invalid")),
        ({"wage": "8000"}, (422, "wage_invalid")),
        ({"wage": "-1.00"}, (422, "wage_invalid")),
        ({"wage": "-1.00", "to": "2025-12-31"}, (422, "period_invalid")),
        ({"wage": 8000}, (422, "amount_invalid")),
        ({"from": None}, (422, "shape_invalid")),
        ({"until": "2026-05-01"}, (422, "unknown_field")),
    ],
    ids=str,
)
def test_an_enrolment_that_cannot_be(
    client: TestClient, engine: Engine, change: dict[str, Any], refused: tuple[int, str]
) -> None:
    path = f"/v1/accounts/{hire(client)}/enrolments"
    before = rows(engine)
    body = {"member_class": "active", "from": "2026-01-01"} | change
    assert refusal(client.post(path, json=body, headers=key())) == refused
    assert rows(engine) == before


def test_enrolments_that_are_not_there(client: TestClient, employer: str) -> None:
    body = {"member_class": "active", "employer": credit_code(), "from": "2026-01-01"}
    unknown = client.post(f"/v1/accounts/{id_number()}/enrolments", json=body, headers=key())
    assert refusal(unknown) == (404, "account_not_found"), "the account comes before the employer"
    account = open_account(client)["account_no"]
    declared = declare(client, employer, "2026-03", {hire(client): "8000.00"})["declaration"]
    for name, code in (
        (f"{account}-1", "enrolment_not_found"),
        (f"{account}-9", "enrolment_not_found"),
        (declared, "enrolment_not_found"),
        ("x", "enrolment_not_found"),
        (f"{account_no(Party.PERSON.first + 5)}-1", "account_not_found"),
    ):
        answer = client.post(f"/v1/enrolments/{name}/end", json={"to": "2026-05-31"}, headers=key())
        assert refusal(answer) == (404, code), name


def test_an_enrolment_says_what_is_owed(client: TestClient, employer: str) -> None:
    """E07 and E08 as lists: a retiree owes nothing, and who comes later is told so."""
    retired, later, elsewhere, flexible = (hire(client) for _ in range(4))
    other = new_employer(client)
    for person, body in (
        (retired, {"member_class": "retired", "from": "2026-03-01"}),
        (later, {"member_class": "active", "employer": employer, "from": "2026-04-01"}),
        (elsewhere, {"member_class": "active", "employer": other, "from": "2026-01-01"}),
        (flexible, {"member_class": "flexible", "from": "2026-01-01"}),
    ):
        taken(client.post(f"/v1/accounts/{person}/enrolments", json=body, headers=key()), EnrolmentAnswer)
    shown = declare(
        client,
        employer,
        "2026-03",
        {retired: "8000.00", later: "8000.00", elsewhere: "8000.00", flexible: "5073.60"},
    )
    assert [line.get("code") for line in shown["lines"]] == [
        "retiree_pays_no_premium",
        "period_before_enrolment",
        "not_enrolled",
        None,
    ]
    assert (shown["employee_total"], shown["employer_total"]) == ("101.47", "380.52")


def test_the_words_of_the_api_are_those_of_the_book() -> None:
    classes = get_args(NewEnrolment.model_fields["member_class"].annotation)
    assert classes == tuple(member.word for member in MemberClass)
    assert get_args(NewStep.model_fields["step"].annotation) == tuple(step.value for step in Step)


# -- estimates and case steps ----------------------------------------------------------------------------


@pytest.mark.parametrize("bulk", [False, True])
def test_an_estimate_is_taken_back(client: TestClient, employer: str, bulk: bool) -> None:
    """One for a month long ago: its fee is surplus, what it took of a payment waits, nothing is owed."""
    path = f"/v1/employers/{employer}"
    wrong = {"period": "2016-09", "amount": "1000.00"}
    name = taken(client.post(f"{path}/estimates", json=wrong, headers=key()), EstimateAnswer)["estimate"]
    paid = pay(client, employer, None, "1200.00", "2026-11-20")
    assert paid["late_fee"] == "200.00"
    if bulk:
        command = {"verb": "reverse", "entry": name, "reason": "wrong month", "idempotency_key": "back"}
        outcomes = client.post("/v1/bulk", json={"commands": [command]}).json()["outcomes"]
        assert [one["status"] for one in outcomes] == ["posted"], outcomes
    else:
        answer = client.post(f"/v1/entries/{name}/reversal", json={"reason": "wrong month"}, headers=key())
        assert taken(answer, ReversalReceipt)["reverses"] == name
    assert client.get(f"{path}/arrears", params={"on": "2026-11-21"}).json()["items"] == []
    again = client.post(f"/v1/entries/{name}/reversal", json={"reason": "x"}, headers=key())
    assert refusal(again) == (409, "already_reversed")
    for amount, period in (("200.00", None), ("1000.00", "2016-09")):
        body = {"amount": amount, "period": period, "source_ref": f"r-{amount}", "reason": "wrong month"}
        assert client.post(f"{path}/refunds", json=body, headers=key()).status_code == 201


def test_an_estimate_and_the_list_that_settles_it(client: TestClient, employer: str) -> None:
    """E09: last month 12,345.67, charged 13,580.24; the list says 13,000.00, and 580.24 goes back."""
    path = f"/v1/employers/{employer}/estimates"
    fixed = {"period": "2026-03", "amount": "12345.67"}
    assert taken(client.post(path, json=fixed, headers=key()), EstimateAnswer)["last_month"] == "0.00"
    once = key()
    first = client.post(path, json={"period": "2026-04"}, headers=once)
    estimated = taken(first, EstimateAnswer)
    assert {name: estimated[name] for name in ("period", "amount", "last_month")} == {
        "period": "2026-04",
        "amount": "13580.24",
        "last_month": "12345.67",
    }
    again = client.post(path, json={"period": "2026-04", "amount": None}, headers=once)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (estimated, "true")
    for amount in ("0.00", "x", "13580.24"):
        other = client.post(path, json={"period": "2026-04", "amount": amount}, headers=once)
        assert refusal(other) == (422, "idempotency_key_reused")
    declared = client.post(path, json={"period": "2026-04"}, headers=key())
    assert refusal(declared) == (409, "already_declared")

    assert pay(client, employer, "2026-04", "13580.24", "2026-05-10") | {"receipt": ""} == {
        "receipt": "",
        "to_accounts": "0.00",
        "to_pooled_fund": "0.00",
        "late_fee": "0.00",
        "to_suspense": "13580.24",
        "still_owed": "0.00",
    }
    # 13,000.00 is no sum of premiums of ours to the fen; what matters is that the rest goes back
    people = [hire(client) for _ in range(6)]
    confirmed = owe(client, employer, "2026-04", dict.fromkeys(people, "20000.00"))
    assert (confirmed["to_accounts"], confirmed["to_pooled_fund"]) == ("2400.00", "9000.00")
    assert confirmed["returned"] == "2180.24"
    assert balance(client, people[0]) == "400.00"


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"period": "2026-11"}, (422, "period_invalid")),
        ({"period": "2026-13"}, (422, "period_invalid")),
        ({"period": 202603}, (422, "shape_invalid")),
        ({"period": "2026-03"}, (409, "no_last_month")),
        ({"period": "2026-03", "amount": "0.00"}, (422, "amount_invalid")),
        ({"period": "2026-03", "amount": "lots"}, (422, "amount_invalid")),
        ({"period": "2026-03", "amount": 5}, (422, "amount_invalid")),
        ({}, (422, "shape_invalid")),
    ],
    ids=str,
)
def test_an_estimate_that_cannot_be(
    client: TestClient, employer: str, body: dict[str, Any], refused: tuple[int, str]
) -> None:
    answer = client.post(f"/v1/employers/{employer}/estimates", json=body, headers=key())
    assert refusal(answer) == refused


def test_the_steps_of_a_case(client: TestClient, employer: str) -> None:
    path = f"/v1/employers/{employer}/case-steps"
    body = {
        "step": "order_to_pay",
        "taken_on": "2026-05-20",
        "source_ref": "(2026) 44",
        "period": "2026-03",
        "amount": "760.00",
        "note": "handed over",
    }
    once = key()
    recorded = taken(client.post(path, json=body, headers=once), CaseStepAnswer)
    assert recorded == body | {"case_step": recorded["case_step"]}
    again = client.post(path, json=body, headers=once)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (recorded, "true")
    assert refusal(client.post(path, json=body, headers=key())) == (409, "duplicate_source_ref")
    bare = {"step": "bank_inquiry", "taken_on": "2026-05-21", "source_ref": "(2026) 45"}
    shown = taken(client.post(path, json=bare, headers=key()), CaseStepAnswer)
    assert (shown["period"], shown["amount"], shown["note"]) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"step": "ask_nicely"}, (422, "shape_invalid")),
        ({"taken_on": "2026-11-22"}, (422, "period_invalid")),
        ({"period": "2026-12"}, (422, "period_invalid")),
        ({"period": "soon"}, (422, "period_invalid")),
        ({"amount": "0.00"}, (422, "amount_invalid")),
        ({"amount": "a lot"}, (422, "amount_invalid")),
        ({"source_ref": ""}, (422, "shape_invalid")),
        ({"payout": "x"}, (422, "cash_forbidden")),
    ],
    ids=str,
)
def test_a_step_that_cannot_be(
    client: TestClient, employer: str, change: dict[str, Any], refused: tuple[int, str]
) -> None:
    body = {"step": "fine", "taken_on": "2026-05-20", "source_ref": ref()} | change
    answer = client.post(f"/v1/employers/{employer}/case-steps", json=body, headers=key())
    assert refusal(answer) == refused


# -- retirees --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.sqlite
def test_the_credits_of_retirees_run_beside_all_else(fresh_engine: Engine, tmp_path: Path) -> None:
    with running(fresh_engine, tmp_path) as client:
        # over by the fixed clock of this service and by the real one of the run
        person, month = hire(client), "2025-12"
        body = {"member_class": "retired", "from": "2025-01-01"}
        taken(client.post(f"/v1/accounts/{person}/enrolments", json=body, headers=key()), EnrolmentAnswer)
        path = f"/v1/retiree-credits/{month}"
        name = f"retiree-credits-990100-{month}"
        rehearsed = client.post(f"{path}?dry_run=true", json={"area": AREA})
        assert (rehearsed.status_code, rehearsed.json()) == (
            200,
            {"batch": name, "state": "running", "dry_run": True},
        )
        assert client.get(f"/v1/batches/{name}").status_code == 404
        started = client.post(path, json={"area": AREA})
        assert (started.status_code, started.json()) == (202, {"batch": name, "state": "running"})
        assert started.headers["Location"] == f"/v1/batches/{name}"
        for _ in range(3000):
            shown = client.get(f"/v1/batches/{name}").json()
            if shown["state"] != "running":
                break
            time.sleep(0.1)
        assert (shown["state"], shown["kind"], shown["done"]) == ("finished", "retiree-credits", 1)
        assert balance(client, person) == shown["amount"] != "0.00"


@pytest.mark.parametrize(
    ("period", "body", "refused"),
    [
        ("2026-12", {"area": AREA}, (422, "period_invalid")),
        ("2026-13", {"area": AREA}, (422, "period_invalid")),
        ("202609", {"area": AREA}, (422, "period_invalid")),
        ("2026-09", {"area": "990199"}, (422, "area_unknown")),
        ("2026-09", {"area": "99"}, (422, "shape_invalid")),
        ("2026-09", {}, (422, "shape_invalid")),
    ],
)
def test_credits_of_retirees_that_cannot_be(
    client: TestClient, period: str, body: dict[str, Any], refused: tuple[int, str]
) -> None:
    assert refusal(client.post(f"/v1/retiree-credits/{period}", json=body)) == refused


# -- a token of one employer -----------------------------------------------------------------------------


# what a token of an employer may hold
HELD = tuple(scope for scope in SCOPES if scope != "contributions:act")


def bound(folder: Path, employer: str, scopes: Sequence[str] = HELD) -> dict[str, str]:
    now = datetime.now(UTC)
    made = mint(folder / "keys", scopes, "portal", "hr-1", now, timedelta(hours=1), employer=employer)
    return key() | {"Authorization": f"Bearer {made}"}


def test_a_token_of_an_employer_reaches_that_employer(
    client: TestClient, folder: Path, employer: str
) -> None:
    number = hire(client)
    headers = bound(folder, employer.lower())
    body = {"period": "2026-03", "lines": wages({number: "8000.00"})}
    path = f"/v1/employers/{employer.lower()}/declarations"
    declared = taken(client.post(path, json=body, headers=headers), DeclarationAnswer)["declaration"]
    in_csv = client.post(
        f"{path}?period=2026-04",
        content=f"id_number,wage\n{number},8000.00\n",
        headers=bound(folder, employer) | {"Content-Type": "text/csv"},
    )
    taken(in_csv, DeclarationAnswer)
    answer = client.post(
        f"/v1/declarations/{declared.lower()}/confirm", json={}, headers=bound(folder, employer)
    )
    assert answer.status_code == 201
    too_little = client.post(path, json=body, headers=bound(folder, employer, ["receipts:write"]))
    assert refusal(too_little) == (403, "scope_missing")


def test_a_token_of_an_employer_reaches_nothing_else(client: TestClient, folder: Path, employer: str) -> None:
    number = hire(client)
    theirs = declare(client, employer, "2026-03", {number: "8000.00"})["declaration"]
    own = new_employer(client)
    filled = {
        "account": number,
        "employer": employer,
        "declaration": theirs,
        "year": "2025",
        "period": "2026-03",
        "area": AREA,
    }
    asked = 0
    for (method, template), scope in SCOPE_OF.items():
        # of the files that name employers only its own lines are taken
        # and of cases its own are shown: tests/cases
        if not scope or (method, template) in LINES_NAME_EMPLOYERS | OWN_CASES:
            continue
        path = template
        for name in path.split("{")[1:]:
            what = name.partition("}")[0]
            path = path.replace(f"{{{what}}}", filled.get(what, f"{theirs[:14]}-1"))
        headers = bound(folder, own)
        answer = client.request(method, path, headers=headers, json={} if method == "POST" else None)
        assert refusal(answer) == (403, "scope_missing"), template
        assert answer.json()["facts"] == {"scope": scope}
        asked += 1
    assert asked > 30
    for nobody in ("x", f"{account_no(Party.EMPLOYER.first + 5)}-1", f"{theirs[:14]}-x"):
        answer = client.post(f"/v1/declarations/{nobody}/confirm", json={}, headers=bound(folder, own))
        assert refusal(answer) == (403, "scope_missing")
    answer = client.post("/v1/employers/x/declarations", json={}, headers=bound(folder, own))
    assert refusal(answer) == (403, "scope_missing")
    files = client.post(
        f"/v1/employers/{employer}/declarations?period=2026-03",
        content="id_number,wage\n",
        headers=bound(folder, own) | {"Content-Type": "text/csv"},
    )
    assert refusal(files) == (403, "scope_missing")


def test_a_token_of_an_employer_does_not_act_for_the_agency(
    client: TestClient, folder: Path, employer: str
) -> None:
    """It would take a paid wage back, set its own estimate, close its own case and pay itself."""
    number = hire(client)
    declared = declare(client, employer, "2026-06", {number: "8000.00"})["declaration"]
    own = f"/v1/employers/{employer}"
    acts = {
        "estimates": {"period": "2026-07", "amount": "0.01"},
        "adjustments": {"period": "2026-06", "reason": "x", "lines": wages({number: "0.00"})},
        "case-steps": {"step": "closed", "on": "2026-11-21", "document": "x"},
        "refunds": {"amount": "0.01", "source_ref": "x", "reason": "x"},
    }
    for act, body in acts.items():
        refused = client.post(f"{own}/{act}", json=body, headers=bound(folder, employer))
        assert refusal(refused) == (403, "scope_missing"), act
        assert refused.json()["facts"] == {"scope": "contributions:act"}
        # who holds `employers:write` and is bound to nobody does not do them either
        unbound = {"Authorization": f"Bearer {token(folder / 'keys', HELD)}"}
        assert refusal(client.post(f"{own}/{act}", json=body, headers=key() | unbound))[0] == 403
        # the agency does
        acting = {"Authorization": f"Bearer {token(folder / 'keys', ['contributions:act'])}"}
        done = client.post(f"{own}/{act}?dry_run=true", json=body, headers=acting)
        assert done.status_code not in {401, 403}, done.text
    confirmed = client.post(
        f"/v1/declarations/{declared}/confirm", json={}, headers=bound(folder, employer, ["employers:write"])
    )
    assert confirmed.status_code == 201


@pytest.mark.parametrize("scopes", [SCOPES, ["contributions:act"], ["employers:read", "contributions:act"]])
def test_a_token_of_an_employer_that_says_it_acts_is_none(
    client: TestClient, folder: Path, employer: str, scopes: Sequence[str]
) -> None:
    headers = bound(folder, employer, scopes)
    for method, path, body in (
        ("GET", f"/v1/employers/{employer}", None),
        ("POST", f"/v1/employers/{employer}/case-steps", {}),
        ("POST", f"/v1/employers/{employer}/declarations", {}),
    ):
        answer = client.request(method, path, json=body, headers=headers)
        assert refusal(answer) == (401, "token_invalid")


# of the routes that post what is an employer's: the ones that it calls itself
ITS_OWN = {
    ("POST", "/v1/employers/{employer}/declarations"),
    ("POST", "/v1/declarations/{declaration}/confirm"),
}
# what is printed of it is a read
PRINTED = ("POST", "/v1/employers/{employer}/documents")


def test_whatever_else_is_posted_of_an_employer_is_the_agencys() -> None:
    named = {route for route in SCOPE_OF if "{employer}" in route[1] or "{declaration}" in route[1]}
    posted = {route for route in named if route[0] != "GET"} - {PRINTED}
    assert {route for route in posted if SCOPE_OF[route] != "contributions:act"} == ITS_OWN
    assert {SCOPE_OF[route] for route in ITS_OWN} == {"employers:write"}
    assert {SCOPE_OF[route] for route in named - posted} == {"employers:read"}


def test_a_claim_that_names_no_employer_makes_no_token(client: TestClient, folder: Path) -> None:
    private = load_pem_private_key((folder / "keys" / "token-signing.pem").read_bytes(), password=None)
    now = int(datetime.now(UTC).timestamp())
    rights = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "client_id": "b", "scope": "reports:read"}
    for claim in ("919999990000000011", "", None, 7, ["x"], True):
        bearer = jwt.encode(
            rights | {"iat": now, "exp": now + 60, "employer": claim}, private, algorithm="EdDSA"
        )
        answer = client.get("/v1/reports/trial-balance", headers={"Authorization": f"Bearer {bearer}"})
        assert refusal(answer) == (401, "token_invalid"), claim
    with pytest.raises(TokenError, match="credit code"):
        mint(folder / "keys", SCOPES, "a", "b", datetime.now(UTC), timedelta(hours=1), employer="x")


def test_a_token_without_the_claim_is_bound_to_nobody(
    client: TestClient, folder: Path, employer: str
) -> None:
    headers = key() | {"Authorization": f"Bearer {token(folder / 'keys', ['employers:write'])}"}
    body = {"period": "2026-03", "lines": wages({hire(client): "8000.00"})}
    path = f"/v1/employers/{employer}/declarations"
    answer = client.post(path, json=body, headers=headers)
    assert answer.status_code == 201
    taken(answer, DeclarationAnswer)


def test_what_was_written_here_adds_up(client: TestClient, engine: Engine) -> None:
    """After all the tests above: every balance, chain and debt follows from the entries."""
    found = verify(engine)
    assert found.clean, found.findings
