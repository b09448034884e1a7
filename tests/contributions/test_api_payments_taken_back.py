"""A payment that bounced, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.contributions.answers import PaymentReversalAnswer
from ledger.verify import verify
from tests.support.api_client import key, open_account, running, spending
from tests.support.employer_client import balance, hire, new_employer, owe, pay, receipt_body, refusal, taken


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client
    assert [str(one) for one in verify(engine).findings] == []


def bounce(client: TestClient, payment: str, **more: Any) -> Any:
    more.setdefault("headers", key())
    return client.post(f"/v1/payments/{payment}/reversal", json={"reason": "bounced"}, **more)


def test_a_payment_bounces(client: TestClient) -> None:
    employer, person, other = new_employer(client), hire(client), hire(client)
    owe(client, employer, "2026-03", {person: "8000.00", other: "8000.00"})
    before = client.get(f"/v1/employers/{employer}/arrears?on=2026-11-21").json()
    payment = pay(client, employer, None, "1540.00", "2026-05-15")
    spent = spending() | {"amount": "60.00"}
    assert client.post(f"/v1/accounts/{person}/spendings", json=spent, headers=key()).status_code == 201

    dry = taken(bounce(client, payment["receipt"], params={"dry_run": "true"}), PaymentReversalAnswer, 200)
    assert (dry["dry_run"], balance(client, person)) == (True, "100.00")
    once = key()
    answer = bounce(client, payment["receipt"], headers=once)
    back = taken(answer, PaymentReversalAnswer)
    assert back == {
        "reversal": back["reversal"],
        "payment": payment["receipt"],
        "amount": "1540.00",
        "from_accounts": "260.00",
        "from_pooled_fund": "1200.00",
        "late_fee_back": payment["late_fee"],
        "from_suspense": "0.00" if payment["to_suspense"] == "0.00" else payment["to_suspense"],
        "receivable": "60.00",
    }
    again = bounce(client, payment["receipt"], headers=once)
    assert (again.headers["Idempotent-Replayed"], again.json()) == ("true", answer.json())
    assert refusal(bounce(client, payment["receipt"])) == (409, "already_reversed")
    assert (balance(client, person), balance(client, other)) == ("0.00", "0.00")
    assert client.get(f"/v1/employers/{employer}/arrears?on=2026-11-21").json() == before
    assert client.get(f"/v1/entries/{payment['receipt']}").json()["reversed_by"] == back["reversal"]
    listed = client.get(f"/v1/employers/{employer}/receipts").json()["items"]
    assert [one["reversed_by"] for one in listed] == [back["reversal"]]
    (credit,) = client.get(f"/v1/accounts/{other}/entries?kind=contribution").json()["items"]
    (gone,) = client.get(f"/v1/accounts/{other}/entries?kind=refund_to_payer").json()["items"]
    assert gone["target"] == credit["entry"]
    # its document may be booked again
    body = receipt_body(employer, "2026-03", "1520.00", "2026-04-10")
    first = client.post("/v1/receipts", json=body, headers=key()).json()["receipt"]
    bounce(client, first)
    assert client.post("/v1/receipts", json=body, headers=key()).status_code == 201
    listed = client.get(f"/v1/employers/{employer}/receipts").json()["items"]
    assert [one["reversed_by"] is None for one in listed] == [False, False, True]


def test_what_is_no_payment_is_not_found(client: TestClient) -> None:
    account = str(open_account(client)["account_no"])
    for name in (f"{account}-1", "E000000000000X-1", "nonsense"):
        assert refusal(bounce(client, name)) == (404, "entry_not_found"), name


def test_what_came_after_is_named(client: TestClient) -> None:
    employer = new_employer(client)
    payment = pay(client, employer, None, "10.00", "2026-05-15")["receipt"]
    body = {"amount": "1.00", "source_ref": "back", "reason": "too much"}
    refund = client.post(f"/v1/employers/{employer}/refunds", json=body, headers=key()).json()["refund"]
    answer = bounce(client, payment)
    assert refusal(answer) == (409, "not_last")
    assert answer.json()["facts"] == {"entries": [refund]}


def test_of_which_one_person_has_died_since(client: TestClient) -> None:
    """Reported late, the report has sent that part back: the payment goes back whole all the same."""
    """The report has sent that person's part back: the payment goes back whole all the same."""
    employer = new_employer(client)
    dead, other = hire(client), hire(client)
    owe(client, employer, "2026-03", dict.fromkeys((dead, other), "8000.00"))
    payment = pay(client, employer, "2026-03", "1520.00", "2026-04-10")["receipt"]
    body = {"died_on": "2026-02-20", "evidence": "certificate"}
    told = client.post(f"/v1/accounts/{dead}/death", json=body, headers=key()).json()
    assert told["taken_back"] == [{"period": "2026-03", "amount": "160.00"}]
    answer = bounce(client, payment)
    assert (answer.status_code, answer.json()["receivable"]) == (201, "0.00")
    assert answer.json()["amount"] == "1520.00"
    assert (balance(client, dead), balance(client, other)) == ("0.00", "0.00")
    # the month is owed again for the other one alone
    assert pay(client, employer, "2026-03", "760.00", "2026-04-10")["to_accounts"] == "160.00"
    assert (balance(client, dead), balance(client, other)) == ("0.00", "160.00")
