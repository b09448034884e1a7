"""One person asks at the window, by telephone and online, has a paper checked, and complains about a look."""

from __future__ import annotations

import base64
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import jwt
import pikepdf
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.chart.channels import AccessChannel
from ledger.verify import verify
from tests.support.api_client import TODAY, bearer, key, running, spending
from tests.support.care_client import new_patient, on
from tests.support.inquiry_client import auditor, own
from tests.support.people import KEYRING
from tests.support.window_client import card_no, new_card

NAME = "司马𬭚"
CODE = "480215"


class Offices:
    """Everybody who has a part in it, each with a token of their own."""

    def __init__(self, client: TestClient, keys: Path) -> None:
        self.client = client
        self._keys = keys
        self._events: str | None = None

    def _by(self, actor: str, channel: AccessChannel, purpose: str) -> dict[str, str]:
        return bearer(self._keys, purpose, channel=channel, actor=actor)

    def window(self, purpose: str = "own_request", actor: str = "clerk-1") -> dict[str, str]:
        return self._by(actor, AccessChannel.WINDOW, purpose)

    def telephone(self) -> dict[str, str]:
        return self._by("voice-machine", AccessChannel.PHONE, "own_request")

    def person(self, number: str) -> dict[str, str]:
        return own(self.client, self._keys, number)

    def auditor(self) -> dict[str, str]:
        return auditor(self._keys)

    def told(self) -> list[tuple[str, str]]:
        """What other systems have been told since they asked last: kinds, with the account."""
        found: list[tuple[str, str]] = []
        while True:
            query = {"limit": 100} | ({"cursor": self._events} if self._events else {})
            page = self.client.get("/v1/events", params=query).json()
            found += [(one["kind"], one["account_no"]) for one in page["items"]]
            if not page["next_cursor"] or not page["items"]:
                return found
            self._events = page["next_cursor"]


@pytest.fixture
def client(engine: Engine, tmp_path: Path) -> Any:
    with running(engine, tmp_path) as client:
        yield client


def said(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def attached(pdf: Path) -> Any:
    """The one file inside a PDF: the same data, signed."""
    with pikepdf.open(pdf) as paper:
        (attachment,) = paper.attachments.values()
        return json.loads(attachment.get_file().read_bytes())


def decoded(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def verified(signed: Any, keys: Any) -> Any:
    """The data that was signed, by what the installation publishes and nothing else."""
    (key_of,) = (one for one in keys["keys"] if one["kid"] == decoded(signed["protected"])["kid"])
    compact = ".".join((signed["protected"], signed["payload"], signed["signature"]))
    jwt.PyJWS().decode(compact, jwt.PyJWK(key_of).key, algorithms=["EdDSA"])
    return decoded(signed["payload"])


def looks(client: TestClient, headers: dict[str, str]) -> list[Any]:
    return list(said(client.get("/v1/me/access-log", headers=headers))["items"])


def test_a_person_asks(client: TestClient, engine: Engine, tmp_path: Path) -> None:
    offices = Offices(client, tmp_path / "keys")
    number, card = new_patient(client, "1000.00", name=NAME), card_no()
    account = said(client.get(f"/v1/accounts/{number}"))["account_no"]
    assert new_card(client, account, card).status_code == 201
    bill = client.post(f"/v1/accounts/{account}/spendings", json=spending(amount="123.45"), headers=key())
    spent = said(bill, 201)["entry"]
    assert offices.told()[-2:] == [("contribution_arrived", account), ("spending", account)]

    # at the window, by the card; a code is set for the telephone
    window = offices.window()
    found = said(
        client.post("/v1/people/lookup", json={"card_no": card, "credential": "social_card"}, headers=window)
    )
    assert (found["account_no"], found["id_number"] == number, NAME in found["name"]) == (
        account,
        False,
        False,
    )
    code_path = f"/v1/accounts/{account}/call-back-code"
    assert client.post(code_path, json={"code": CODE}, headers=window).status_code == 201

    # by telephone
    inquiry = {"name": NAME, "id_number": number, "ask": "balance"}
    factor = {"kind": "call_back_code", "value": CODE}
    spoken = said(
        client.post("/v1/phone/inquiries", json=inquiry | {"factor": factor}, headers=offices.telephone())
    )
    assert "八百七十六元五角五分" in spoken["speak"]

    # online
    me = offices.person(number)
    assert said(client.get("/v1/me/balance", headers=me))["balance"] == "876.55"

    # a paper is printed, at the window
    wanted = {"kind": "account_list", "from": "2026-01-01", "to": TODAY.isoformat(), "format": "pdf"}
    printed = said(client.post(f"/v1/accounts/{account}/documents", json=wanted, headers=window), 201)
    paper = tmp_path / "list.pdf"
    paper.write_bytes(client.get(f"/v1/documents/{printed['document']}", headers=window).content)
    assert ("document_issued", account) in offices.told()
    assert [one["document"] for one in said(client.get("/v1/me/documents", headers=me))["items"]] == [
        printed["document"]
    ]

    # and checked by somebody who has the paper and no token
    nobody = {"Authorization": ""}
    data = verified(attached(paper), said(client.get("/v1/document-keys", headers=nobody)))
    check = f"/v1/checks/{data['verification_code']}"
    genuine = said(client.get(check, headers=nobody))
    assert (genuine["genuine"], genuine["kind"], genuine["state"]) == (True, "account_list", "unchanged")
    assert genuine["totals"]["closing"] == "876.55"
    assert NAME not in json.dumps(genuine, ensure_ascii=False)
    slip = data["verification_code"][1] + data["verification_code"][0] + data["verification_code"][2:]
    if slip != data["verification_code"]:
        refused = client.get(f"/v1/checks/{slip}", headers=nobody)
        assert (refused.status_code, refused.json()["code"]) == (422, "verification_code_invalid")

    # somebody looked who should not have; the court's look is not shown before its day
    curious = offices.window("complaint; ref=none", actor="clerk-6")
    assert client.get(f"/v1/accounts/{number}/entries", headers=curious).status_code == 200
    court = offices.window("court_order; ref=118")
    assert client.get(f"/v1/accounts/{number}/balance", headers=court).status_code == 200
    seen = looks(client, me)
    assert [one["purpose"] for one in seen].count("complaint") == 1
    assert "court_order" not in {one["purpose"] for one in seen}
    assert printed["serial"] in {one["document"] for one in seen}

    # a complaint, answered in time by somebody else, who found the clerk in the log
    complaint = {
        "kind": "complaint",
        "channel": "online",
        "about": {"account": account},
        "text": "谁为了投诉查看了我的账户？我没有投诉。",
        "reply_to": "online",
    }
    opened = said(client.post("/v1/cases", json=complaint, headers=me), 201)
    due_on = date.fromisoformat(opened["due_on"])
    assert opened["state"] == "open"
    assert due_on > TODAY
    log = said(client.get("/v1/read-log", params={"account": account}, headers=offices.auditor()))["items"]
    assert [one["actor"] for one in log if one["purpose"] == "complaint"] == ["clerk-6"]
    with on(client, due_on):
        answered = {"outcome": "upheld", "text": "该次查询没有依据，已处理。", "evidence": ["clerk-6"]}
        reviewer = offices.window("complaint", actor="reviewer-1")
        case = f"/v1/cases/{opened['case']}"
        assert (
            said(client.post(f"{case}/answer", json=answered, headers=reviewer), 201)["state"] == "answered"
        )
        told = said(client.get(case, headers=me))
        assert (told["state"], told["outcome"]) == ("answered", "upheld")
        assert told["answered_at"][:10] <= opened["due_on"]

    # what was on the paper is taken back, and whoever checks it is told so
    back = client.post(f"/v1/entries/{spent}/reversal", json={"reason": "wrong person"}, headers=key())
    assert back.status_code == 201, back.text
    corrected = said(client.get(check, headers=nobody))
    assert (corrected["genuine"], corrected["state"]) == (True, "corrected")
    assert corrected["corrected_on"] == TODAY.isoformat()
    assert ("reversal", account) in offices.told()

    # the court's look is shown on its day
    with on(client, TODAY + timedelta(days=180)):
        assert "court_order" in {one["purpose"] for one in looks(client, me)}

    assert verify(engine, keyring=KEYRING).findings == []
