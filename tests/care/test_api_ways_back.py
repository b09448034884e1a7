"""The way back of a decision about a claim, and of a recovery, over HTTP, as of any entry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.accounts.answers import ReversalReceipt
from api.care.claims import DecisionAnswer
from api.care.settlement_answers import SettlementAnswer
from api.care.third_party import RecoveryAnswer
from ledger.book.numbers import entry_name
from ledger.chart.parties import Party
from tests.care.test_api_cases import advanced, case_of, claim_of, claimed, decide, post, recover
from tests.support.api_client import key, running, token
from tests.support.care_client import bill, new_institution, new_patient, reverse, send, shown
from tests.support.employer_client import refusal, taken


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


@pytest.fixture(scope="module")
def hospital(client: TestClient) -> str:
    return new_institution(client, level=3)


def take_back(client: TestClient, entry: str, **more: Any) -> Any:
    return post(client, f"/v1/entries/{entry}/reversal", {"reason": "paid by mistake"}, **more)


def test_a_decision_is_taken_back_and_the_claim_is_received_again(client: TestClient) -> None:
    patient, hospital = new_patient(client, "500.00"), new_institution(client, level=2)
    claim = claimed(client, hospital, patient, bill_no="B-47")
    received = claim_of(client, claim)
    of_decision = key()
    body = {"approve": True, "reason": "checked"}
    decided = post(client, f"/v1/claims/{claim}/decision", body, headers=of_decision)
    decision = taken(decided, DecisionAnswer)["decision"]

    dry = taken(take_back(client, decision, params={"dry_run": "true"}), ReversalReceipt, 200)
    assert (dry["dry_run"], dry["reverses"]) == (True, decision)
    assert claim_of(client, claim)["state"] == "approved"

    of_reversal = key()
    answer = take_back(client, decision, headers=of_reversal)
    back = taken(answer, ReversalReceipt)
    assert (back["kind"], back["reverses"], back["amount"]) == ("reversal", decision, "980.00")
    assert back["balance"] == "500.00"
    again = take_back(client, decision, headers=of_reversal)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == answer.json()
    assert refusal(take_back(client, decision)) == (409, "already_reversed")

    assert claim_of(client, claim) == received
    entry = client.get(f"/v1/entries/{back['entry']}").json()
    assert entry["transfers"] == [{"from": "bank", "to": "pooled_fund", "amount": "980.00"}]
    assert (entry["rule"], entry["facts"]) == ("R31, R32, K6", {"reason": "paid by mistake"})
    assert client.get(f"/v1/entries/{decision}").json()["reversed_by"] == back["entry"]
    settlement = client.get(f"/v1/settlements/{decision}").json()
    assert settlement["reversed_by"] == back["entry"]
    # its number stays taken, and the first answer is told again
    taken_bill = bill(hospital, patient, [("A", "2000.00")], bill_no="B-47")
    assert refusal(send(client, taken_bill)) == (409, "duplicate_bill")
    replayed = post(client, f"/v1/claims/{claim}/decision", body, headers=of_decision)
    assert replayed.headers["Idempotent-Replayed"] == "true"
    assert replayed.json() == decided.json()
    assert claim_of(client, claim)["state"] == "received"

    second = taken(decide(client, claim), DecisionAnswer)
    assert (second["claim"], second["state"], second["bill"]["pooled_pay"]) == (claim, "approved", "980.00")
    assert second["decision"] not in {decision, back["entry"]}
    shown_now = claim_of(client, claim)
    assert (shown_now["state"], shown_now["decision"]) == ("approved", second["decision"])
    assert shown_now["settlement"] == second["decision"]
    assert refusal(decide(client, claim)) == (409, "claim_decided")


def test_a_rejection_is_taken_back_unless_its_bill_was_settled_since(client: TestClient) -> None:
    patient, hospital = new_patient(client), new_institution(client, level=2)
    claim = claimed(client, hospital, patient, bill_no="B-48", evidence=["invoice"])
    rejected = taken(decide(client, claim, approve=False), DecisionAnswer)["decision"]
    sent = bill(hospital, patient, [("A", "2000.00")], bill_no="B-48")
    settled = taken(send(client, sent), SettlementAnswer)["settlement"]
    assert refusal(take_back(client, rejected)) == (409, "duplicate_benefit")
    reverse(client, settled)
    taken(take_back(client, rejected), ReversalReceipt)
    found = claim_of(client, claim)
    assert (found["state"], found["missing"]) == ("awaiting_proof", ["fee_list", "diagnosis", "records"])


def test_a_recovery_is_taken_back_and_its_document_booked_again(client: TestClient, hospital: str) -> None:
    patient = new_patient(client, "100.00")
    case = advanced(client, hospital, patient)
    before = case_of(client, case)
    first = taken(recover(client, case, "3000.00", source_ref="insurer-9"), RecoveryAnswer)["recovery"]
    off = taken(recover(client, case, "1000.00", means="set_off"), RecoveryAnswer)["recovery"]
    assert shown(client, patient)["balance"] == "0.00"
    answer = take_back(client, first)
    assert (*refusal(answer), answer.json()["facts"]) == (409, "not_last", {"entries": [off]})
    assert answer.json()["title"] == "Something later depends on it: that goes back first"
    of_reversal = key()
    done = take_back(client, off, headers=of_reversal)
    assert (taken(done, ReversalReceipt)["reverses"], done.json()["balance"]) == (off, "100.00")
    assert take_back(client, off, headers=of_reversal).json() == done.json()
    back = taken(take_back(client, first), ReversalReceipt)
    assert (back["amount"], back["balance"]) == ("2640.00", "100.00")
    assert case_of(client, case) == before
    again = taken(recover(client, case, "300.00", source_ref="insurer-9"), RecoveryAnswer)
    assert (again["returned"], again["receivable"]) == ("264.00", "5016.00")


def test_ways_back_go_in_a_bulk_too(client: TestClient, hospital: str) -> None:
    patient = new_patient(client)
    decision = taken(decide(client, claimed(client, hospital, patient)), DecisionAnswer)["decision"]
    recovery = taken(recover(client, advanced(client, hospital, patient)), RecoveryAnswer)["recovery"]
    account = decision.partition("-")[0]
    nobody = entry_name(Party.EMPLOYER.first, 3)
    commands = [
        {"verb": "reverse", "entry": entry, "reason": "test", "idempotency_key": f"b-{number}-{account}"}
        for number, entry in enumerate((decision, recovery, decision, f"{account}-1", nobody))
    ]
    answer = client.post("/v1/bulk", json={"commands": commands}, headers=key())
    assert answer.status_code == 200
    told = [one.get("code", one["status"]) for one in answer.json()["outcomes"]]
    assert told == ["posted", "posted", "already_reversed", "not_reversible", "account_not_found"]


def test_a_way_back_wants_the_scope_of_reversals(client: TestClient, folder: Path, hospital: str) -> None:
    claim = claimed(client, hospital, new_patient(client))
    decision = taken(decide(client, claim), DecisionAnswer)["decision"]
    scopes = ["care:write", "postings:write", "settlements:write"]
    headers = key() | {"Authorization": f"Bearer {token(folder / 'keys', scopes)}"}
    answer = take_back(client, decision, headers=headers)
    assert refusal(answer) == (403, "scope_missing")
