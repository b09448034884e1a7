"""Mutual aid over HTTP: quotas, who pays in what order, what a donor may see, and relatives' premiums."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.accounts.mutual_aid import QuotaAnswer, QuotaEndAnswer, QuotaList, QuotaUseList
from api.http.answers import ReceiptAnswer
from ledger.book.numbers import account_no, new_book_id
from ledger.chart.parties import Party
from ledger.people.id_numbers import mask_id_number
from ledger.verify import verify
from tests.support.api_client import id_number, key, running
from tests.support.care_client import (
    end,
    give,
    new_institution,
    new_patient,
    new_resident,
    reverse,
    rule,
    settle,
    shown,
)
from tests.support.employer_client import refusal, rows, taken


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


@pytest.fixture(scope="module")
def hospital(client: TestClient) -> str:
    """Of level 3."""
    return new_institution(client)


def remaining(client: TestClient, donor: str) -> list[str]:
    listed = taken(client.get(f"/v1/accounts/{donor}/quotas"), QuotaList, 200)
    return [item["remaining"] for item in listed["items"]]


def paid(settled: Any) -> list[str]:
    return [settled[name] for name in ("account_pay", "mutual_pay", "cash_pay")]


# -- the worked examples -------------------------------------------------------------------------------------


def test_e37_a_resident_uses_a_relatives_money(client: TestClient, hospital: str) -> None:
    donor, child = new_patient(client, "1000.00"), new_resident(client, id_number())
    give(client, donor, child, "150.00")
    settled = settle(client, hospital, child, [("A", "200.00")])
    assert paid(settled) == ["0.00", "150.00", "50.00"]
    assert (settled["account"], settled["coverage"]) == (None, "resident")
    assert shown(client, donor)["balance"] == "850.00"
    assert remaining(client, donor) == ["0.00"]


def test_e38_the_own_account_first_then_donors_by_rank(client: TestClient, hospital: str) -> None:
    patient = new_patient(client, "40.00")
    first, second = new_patient(client, "1000.00"), new_patient(client, "1000.00")
    # the later rank is given first
    give(client, second, patient, "500.00", rank=2)
    give(client, first, patient, "100.00", rank=1)
    settled = settle(client, hospital, patient, [("A", "300.00")])
    assert paid(settled) == ["40.00", "260.00", "0.00"]
    assert [*remaining(client, first), *remaining(client, second)] == ["0.00", "340.00"]
    back = reverse(client, settled["settlement"])
    assert paid(back) == paid(settled)
    assert [*remaining(client, first), *remaining(client, second)] == ["100.00", "500.00"]
    assert [shown(client, one)["balance"] for one in (patient, first, second)] == [
        *("40.00", "1000.00", "1000.00")
    ]
    settled = settle(client, hospital, patient, [("A", "200.00")])
    assert paid(settled) == ["40.00", "160.00", "0.00"]
    assert [*remaining(client, first), *remaining(client, second)] == ["0.00", "440.00"]


def test_e39_what_is_reserved_is_not_the_donors(client: TestClient, hospital: str) -> None:
    donor, relative = new_patient(client, "1000.00"), new_patient(client)
    give(client, donor, relative, "300.00")
    smaller = give(client, donor, relative, "200.00", rank=2)
    settled = settle(client, hospital, donor, [("A", "600.00")])
    assert paid(settled) == ["500.00", "0.00", "100.00"]
    assert shown(client, donor)["available"] == "0.00"
    ended = end(client, smaller["quota"])
    assert (ended["quota"], ended["returned"]) == (smaller["quota"], "200.00")
    assert shown(client, donor)["available"] == "200.00"


def test_e40_a_relatives_premium(client: TestClient) -> None:
    payer, relative = new_patient(client, "1000.00"), new_resident(client, id_number())
    body = premium(relative)
    first = client.post(f"/v1/accounts/{payer}/premiums", json=body, headers=key())
    receipt = taken(first, ReceiptAnswer)
    assert (receipt["kind"], receipt["amount"], receipt["balance"]) == ("premium", "400.00", "600.00")


def premium(recipient: str, **more: Any) -> dict[str, Any]:
    return {
        "recipient": recipient,
        "relation": "child",
        "amount": "400.00",
        "year": 2027,
        "source_ref": f"premium-{recipient[-6:]}",
    } | more


# -- quotas --------------------------------------------------------------------------------------------------


def test_a_quota_is_given_once_and_told_masked(client: TestClient) -> None:
    donor, recipient = new_patient(client, "500.00"), new_patient(client)
    body = {
        "recipient": recipient,
        "relation": "parent",
        "amount": "100.00",
        "rank": 3,
        "consents": ["a", "b"],
    }
    path, header = f"/v1/accounts/{donor}/quotas", key()
    first = client.post(path, json=body, headers=header)
    told = taken(first, QuotaAnswer)
    assert (
        told.items()
        >= {
            "recipient": mask_id_number(recipient),
            "relation": "parent",
            "amount": "100.00",
            "remaining": "100.00",
            "rank": 3,
        }.items()
    )
    assert told["quota"].startswith(told["account"])
    assert recipient not in first.text
    again = client.post(path, json=body, headers=header)
    assert (again.text, again.headers["Idempotent-Replayed"]) == (first.text, "true")
    other = client.post(path, json=body | {"rank": 4}, headers=header)
    assert refusal(other) == (422, "idempotency_key_reused")
    given = client.get(path).json()["items"]
    received = client.get(f"/v1/accounts/{recipient}/quotas", params={"side": "received"})
    assert taken(received, QuotaList, 200)["items"] == given
    assert (given[0]["donor"], given[0]["ended"]) == (mask_id_number(donor), False)
    assert client.get(f"/v1/accounts/{recipient}/quotas").json()["items"] == []
    end(client, told["quota"])
    assert client.get(path).json()["items"][0] == given[0] | {"remaining": "0.00", "ended": True}
    assert refusal(client.get(path, params={"side": "both"})) == (422, "shape_invalid")


def test_quotas_go_both_ways_and_want_the_account_used(client: TestClient, hospital: str) -> None:
    one, other = new_patient(client, "100.00"), new_patient(client, "100.00")
    give(client, one, other, "60.00", relation="spouse")
    give(client, other, one, "60.00", relation="spouse")
    settled = settle(client, hospital, one, [("A", "90.00")])
    assert paid(settled) == ["40.00", "50.00", "0.00"]
    settled = settle(client, hospital, other, [("A", "90.00")], use_account=False)
    assert paid(settled) == ["0.00", "0.00", "90.00"]


BAD_QUOTAS: dict[str, tuple[dict[str, Any], int, str]] = {
    "no relative": ({"relation": "neighbour"}, 422, "not_relative"),
    "a cousin": ({"relation": "cousin"}, 422, "not_relative"),
    "nothing": ({"amount": "0.00"}, 422, "amount_invalid"),
    "below nothing": ({"amount": "-1.00"}, 422, "amount_invalid"),
    "more than there is": ({"amount": "500.01"}, 409, "quota_too_high"),
    "a rank before the first": ({"rank": 0}, 422, "shape_invalid"),
    "a rank beyond the last": ({"rank": 100}, 422, "shape_invalid"),
    "a rank as text": ({"rank": "1"}, 422, "shape_invalid"),
    "no ID number": ({"recipient": "x"}, 422, "id_format"),
    "too many consents": ({"consents": ["x"] * 11}, 422, "shape_invalid"),
    "an unknown field": ({"note": "x"}, 422, "unknown_field"),
}


@pytest.mark.parametrize(("change", "status", "code"), BAD_QUOTAS.values(), ids=BAD_QUOTAS)
def test_a_quota_that_is_refused(
    client: TestClient, engine: Engine, change: dict[str, Any], status: int, code: str
) -> None:
    donor, recipient = new_patient(client, "500.00"), new_patient(client)
    good = {"recipient": recipient, "relation": "child", "amount": "100.00", "rank": 1}
    before = rows(engine)
    answer = client.post(f"/v1/accounts/{donor}/quotas", json=good | change, headers=key())
    assert refusal(answer) == (status, code)
    assert recipient not in answer.text
    assert rows(engine) == before


def test_a_quota_that_is_too_high_is_told_what_there_is(client: TestClient) -> None:
    donor, recipient = new_patient(client, "98.00"), new_patient(client)
    body = {"recipient": recipient, "relation": "child", "amount": "98.01", "rank": 1}
    answer = client.post(f"/v1/accounts/{donor}/quotas", json=body, headers=key())
    assert refusal(answer) == (409, "quota_too_high")
    assert answer.json()["facts"] == {"available": "98.00"}


def test_who_may_not_give_or_receive(client: TestClient) -> None:
    donor, relative = new_patient(client, "500.00"), new_patient(client)
    path = f"/v1/accounts/{donor}/quotas"
    good = {"recipient": relative, "relation": "child", "amount": "100.00", "rank": 1}
    assert refusal(client.post(path, json=good | {"recipient": donor}, headers=key())) == (422, "quota_self")
    stranger = client.post(path, json=good | {"recipient": id_number()}, headers=key())
    assert refusal(stranger) == (422, "recipient_not_insured")
    nobody = client.post(f"/v1/accounts/{id_number()}/quotas", json=good, headers=key())
    assert refusal(nobody) == (404, "account_not_found")
    enrolled = {"member_class": "active", "from": "2026-01-01", "to": "2026-06-30"}
    assert client.post(f"/v1/accounts/{donor}/enrolments", json=enrolled, headers=key()).status_code == 201
    assert refusal(client.post(path, json=good, headers=key())) == (409, "donor_paused")


def test_the_end_of_a_quota(client: TestClient) -> None:
    donor, relative = new_patient(client, "500.00"), new_patient(client)
    quota = give(client, donor, relative, "100.00")["quota"]
    path, header = f"/v1/quotas/{quota}/end", key()
    first = client.post(path, json={"reason": "asked for"}, headers=header)
    taken(first, QuotaEndAnswer)
    assert client.post(path, json={"reason": "asked for"}, headers=header).text == first.text
    assert refusal(client.post(path, json={}, headers=key())) == (409, "quota_ended")
    for nothing in ("x", f"{quota.split('-')[0]}-1", f"{account_no(new_book_id(Party.PERSON))}-2"):
        missing = (404, "quota_not_found")
        assert refusal(client.post(f"/v1/quotas/{nothing}/end", json={}, headers=key())) == missing
        assert refusal(client.get(f"/v1/quotas/{nothing}/uses")) == missing


def test_a_donor_sees_no_more_than_the_day_the_amount_and_the_kind(client: TestClient) -> None:
    pharmacy = new_institution(client, kind="pharmacy", level=1)
    donor, patient = new_patient(client, "500.00"), new_patient(client)
    quota = give(client, donor, patient, "100.00")["quota"]
    other = give(client, donor, new_patient(client), "50.00")["quota"]
    kept = settle(client, pharmacy, patient, [("A", "30.00")], care_type="pharmacy")
    gone = settle(client, pharmacy, patient, [("A", "20.00")], care_type="pharmacy")
    reverse(client, gone["settlement"])
    answer = client.get(f"/v1/quotas/{quota}/uses")
    use = {"paid_on": "2026-11-21", "institution_kind": "pharmacy", "returned_on": None}
    assert taken(answer, QuotaUseList, 200)["items"] == [
        use | {"amount": "30.00"},
        use | {"amount": "20.00", "returned_on": "2026-11-21"},
    ]
    assert client.get(f"/v1/quotas/{other}/uses").json() == {"items": []}
    # nor do the entries of the donor's account say more
    entries = client.get(f"/v1/accounts/{donor}/entries")
    assert [item["kind"] for item in entries.json()["items"]].count("mutual_aid") == 2
    one = client.get(f"/v1/entries/{entries.json()['items'][-1]['entry']}")
    for text in (answer.text, entries.text, one.text):
        for secret in (patient, kept["account"], kept["settlement"], pharmacy, "X0001", "示例医院"):
            assert secret not in text


def test_a_dry_run_writes_nothing(client: TestClient, engine: Engine) -> None:
    donor, relative = new_patient(client, "500.00"), new_patient(client)
    quota = give(client, donor, relative, "100.00")["quota"]
    child = new_resident(client, id_number())
    before = rows(engine)
    body = {"recipient": relative, "relation": "child", "amount": "10.00", "rank": 1}
    for path, sent in (
        (f"/v1/accounts/{donor}/quotas", body),
        (f"/v1/quotas/{quota}/end", {}),
        (f"/v1/accounts/{donor}/premiums", premium(child)),
    ):
        answer = client.post(path, json=sent, params={"dry_run": "true"})
        assert (answer.status_code, answer.json()["dry_run"]) == (200, True), answer.text
    assert rows(engine) == before


# -- premiums ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"relation": "friend"}, 422, "not_relative"),
        ({"amount": "0.00"}, 422, "amount_invalid"),
        ({"amount": "1000.01"}, 409, "insufficient_balance"),
        ({"amount": "400.01"}, 409, "premium_not_owed"),
        ({"year": 2028}, 422, "period_invalid"),
        ({"year": 2999}, 422, "period_invalid"),
        ({"year": 2025}, 409, "premium_not_owed"),
        ({"year": 27}, 422, "shape_invalid"),
        ({"year": "2027"}, 422, "shape_invalid"),
        ({"bank_account": "6222"}, 422, "cash_forbidden"),
    ],
    ids=str,
)
def test_a_premium_that_is_refused(
    client: TestClient, change: dict[str, Any], status: int, code: str
) -> None:
    payer, relative = new_patient(client, "1000.00"), new_resident(client, id_number())
    answer = client.post(f"/v1/accounts/{payer}/premiums", json=premium(relative, **change), headers=key())
    assert refusal(answer) == (status, code)


def test_whose_premium_and_where(client: TestClient) -> None:
    payer, relative = new_patient(client, "1000.00"), new_resident(client, id_number())
    path = f"/v1/accounts/{payer}/premiums"
    stranger = client.post(path, json=premium(id_number()), headers=key())
    assert refusal(stranger) == (422, "recipient_not_insured")
    assert refusal(client.post(path, json=premium(payer), headers=key())) == (422, "quota_self")
    with rule(client, mutual_aid__resident_premium="no"):
        refused = client.post(path, json=premium(relative), headers=key())
    assert refusal(refused)[1] == "verb_not_offered"
    taken(client.post(path, json=premium(relative), headers=key()), ReceiptAnswer)
    twice = client.post(path, json=premium(relative), headers=key())
    assert refusal(twice) == (409, "duplicate_source_ref")


def test_a_premium_is_taken_back_and_paid_again(client: TestClient) -> None:
    payer, relative = new_patient(client, "1000.00"), new_resident(client, id_number())
    path, body = f"/v1/accounts/{payer}/premiums", premium(relative)
    paid = taken(client.post(path, json=body, headers=key()), ReceiptAnswer)
    more = client.post(path, json=body | {"source_ref": "another", "amount": "0.01"}, headers=key())
    assert (refusal(more), more.json()["facts"]) == ((409, "premium_not_owed"), {"owed": "0.00"})
    back = client.post(f"/v1/entries/{paid['entry']}/reversal", json={"reason": "wrong child"}, headers=key())
    told = back.json()
    assert (back.status_code, told["balance"], told["reverses"]) == (201, "1000.00", paid["entry"]), told
    again = taken(client.post(path, json=body, headers=key()), ReceiptAnswer)
    assert (again["amount"], again["balance"]) == ("400.00", "600.00")


def test_what_was_written_here_adds_up(client: TestClient, engine: Engine) -> None:
    """After all the tests above: every balance, counter and quota follows from the entries."""
    found = verify(engine)
    assert found.clean, found.findings
