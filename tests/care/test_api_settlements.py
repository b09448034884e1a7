"""Bills over HTTP: what they come to, quotes, repeats, corrections, reversals, visits, who sees what."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Engine

from api.care.bills import BillFields, BillLineFields
from api.care.filings import FilingAnswer, FilingList, SettlementPage, YearCounters
from api.care.settlement_answers import CorrectionAnswer, SettlementAnswer, SettlementView, TakenBack
from api.care.visits import VisitEndAnswer, VisitView
from ledger.book.numbers import account_no, new_book_id
from ledger.care.rows import BillLine
from ledger.chart.parties import Party
from ledger.id_forms import holds_id_number
from ledger.operations.scanning import scan_texts
from ledger.verify import verify
from tests.support.api_client import AREA, TODAY, key, open_account, running
from tests.support.care_client import (
    CARE_DAY,
    bill,
    bound,
    contract,
    correct,
    lines,
    message,
    new_institution,
    new_patient,
    on,
    quote,
    reverse,
    rule,
    send,
    settle,
    shown,
    visit,
)
from tests.support.employer_client import refusal, rows, taken

E26 = [("A", "700.00"), ("B", "200.00"), ("C", "100.00")]
NOBODY = "119999194901018885"


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


def amounts(settled: Any, *names: str) -> list[str]:
    return [settled[name] for name in names]


# -- the worked examples -------------------------------------------------------------------------------------


def test_e26_and_e27_a_year_of_an_active_person(client: TestClient, hospital: str) -> None:
    patient = new_patient(client, "500.00")
    first = settle(client, hospital, patient, E26)
    assert amounts(first, "total", "own_expense", "pre_self_pay", "over_limit", "in_scope") == [
        *("1000.00", "100.00", "20.00", "0.00", "880.00")
    ]
    assert amounts(first, "deductible", "ratio", "pooled_pay", "large_pay") == [
        *("600.00", "0.6000", "168.00", "0.00")
    ]
    assert amounts(first, "account_pay", "mutual_pay", "cash_pay", "hospital_share") == [
        *("500.00", "0.00", "332.00", "0.00")
    ]
    clinic = new_institution(client, level=1, kind="clinic")
    second = settle(client, clinic, patient, [("A", "300.00")])
    assert amounts(second, "deductible", "pooled_pay", "account_pay", "cash_pay") == [
        *("0.00", "240.00", "0.00", "60.00")
    ]
    counters = taken(client.get(f"/v1/accounts/{patient}/accumulators/2026"), YearCounters, 200)
    assert counters == counters | {
        "year": 2026,
        "version": 2,
        "outpatient_deductible": "600.00",
        "outpatient_pooled": "408.00",
        "admissions": 0,
    }


@pytest.mark.parametrize(
    ("balance", "use_account", "own_expense", "account", "cash"),
    [
        ("2000.00", False, "no", "0.00", "832.00"),
        ("2000.00", True, "no", "732.00", "100.00"),
        ("2000.00", True, "yes", "832.00", "0.00"),
    ],
    ids=["account not used", "class C in cash", "class C from the account"],
)
def test_e35_how_much_the_own_account_pays(
    client: TestClient,
    hospital: str,
    balance: str,
    use_account: bool,
    own_expense: str,
    account: str,
    cash: str,
) -> None:
    patient = new_patient(client, balance)
    with rule(client, account__own_expense=own_expense):
        settled = settle(client, hospital, patient, E26, use_account=use_account)
    assert amounts(settled, "pooled_pay", "account_pay", "cash_pay") == ["168.00", account, cash]


def test_e36_what_is_held_is_not_there(client: TestClient, hospital: str) -> None:
    patient = new_patient(client, "500.00")
    hold = {"amount": "120.00", "expires_at": "2026-12-01T00:00:00Z", "institution": "H0001"}
    path = f"/v1/accounts/{patient}/holds"
    held = client.post(path, json=hold | {"source_ref": "h"}, headers=key())
    assert held.status_code == 201
    settled = settle(client, hospital, patient, [("A", "450.00")])
    assert amounts(settled, "account_pay", "cash_pay") == ["380.00", "70.00"]


def test_e63_one_message_sent_three_times(client: TestClient, hospital: str) -> None:
    patient = new_patient(client, "500.00")
    body = bill(hospital, patient, E26)
    first, *again = (send(client, body) for _ in range(3))
    assert first.status_code == 201
    assert "Idempotent-Replayed" not in first.headers
    for answer in again:
        assert (answer.status_code, answer.text) == (201, first.text)
        assert answer.headers["Idempotent-Replayed"] == "true"
    assert refusal(send(client, body | {"lines": lines(("A", "700.01"))})) == (422, "msgid_conflict")
    assert shown(client, patient)["balance"] == "0.00"
    listed = client.get(f"/v1/accounts/{patient}/settlements").json()["items"]
    assert [item["settlement"] for item in listed] == [first.json()["settlement"]]


def test_e64_a_correction_arrives_before_its_original(client: TestClient, hospital: str) -> None:
    patient = new_patient(client, "500.00")
    body = bill(hospital, patient, E26)
    undone = correct(client, hospital, body["message_id"])
    told = taken(undone, CorrectionAnswer)
    assert (told["result"], told["settlement"]) == ("never_seen", None)
    assert refusal(send(client, body)) == (409, "cancelled_before_arrival")
    assert shown(client, patient)["balance"] == "500.00"
    again = correct(client, hospital, body["message_id"])
    assert (again.status_code, again.text) == (201, undone.text)
    assert again.headers["Idempotent-Replayed"] == "true"


# -- why -----------------------------------------------------------------------------------------------------


def test_every_amount_carries_its_reason(client: TestClient, hospital: str) -> None:
    cause = {"kind": "third_party", "share": "0.60"}
    settled = settle(client, hospital, new_patient(client), [("A", "10000.00")], cause=cause)
    explained = {reason["amount"] for reason in settled["explain"]}
    said = {name for name, value in settled.items() if name != "explain" and isinstance(value, str)}
    assert explained == said - {"settlement", "account", "coverage", "value_date", "care_date"}
    ratio = next(reason for reason in settled["explain"] if reason["amount"] == "ratio")
    assert (ratio["rule"], ratio["parameter"], ratio["value"]) == (
        *("R39", "outpatient.ratio.active.level_3", "0.60"),
    )
    assert amounts(settled, "in_scope", "excluded") == ["10000.00", "6000.00"]


def test_a_repeat_is_explained_by_the_policy_of_then(client: TestClient, hospital: str) -> None:
    body = bill(hospital, new_patient(client), E26)
    with rule(client, outpatient__ratio__active__level_3="0.55"):
        first = send(client, body)
        assert first.json()["ratio"] == "0.5500"
    again = send(client, body)
    assert (again.text, again.headers["Idempotent-Replayed"]) == (first.text, "true")
    seen = client.get(f"/v1/settlements/{first.json()['settlement']}").json()
    assert seen["explain"] == first.json()["explain"]


def test_what_is_not_covered_says_why(client: TestClient, hospital: str) -> None:
    patient = new_patient(client, "50.00")
    enrolled = {"member_class": "active", "from": "2025-01-01", "to": "2025-12-31"}
    assert client.post(f"/v1/accounts/{patient}/enrolments", json=enrolled, headers=key()).status_code == 201
    settled = settle(client, hospital, patient, [("A", "80.00")])
    assert amounts(settled, "coverage", "pooled_pay", "account_pay", "cash_pay") == [
        *("paused", "0.00", "50.00", "30.00")
    ]
    assert {"amount": "pooled_pay", "rule": "R28", "parameter": None, "value": "paused", "source": None} in (
        settled["explain"]
    )


# -- quotes --------------------------------------------------------------------------------------------------


OF_A_QUOTE = {"quote", "expires_at", "policy_version", "accumulator_version"}


def test_a_quote_writes_nothing_and_is_what_the_settlement_comes_to(
    client: TestClient, engine: Engine, hospital: str
) -> None:
    patient = new_patient(client, "500.00")
    body = bill(hospital, patient, E26)
    before = rows(engine)
    quoted = quote(client, body)
    assert rows(engine) == before
    assert (quoted["settlement"], quoted["expires_at"]) == (None, "2026-11-21T04:30:00Z")
    assert quoted["accumulator_version"] == 0
    state: Any = client.app.state.ledger  # type: ignore[attr-defined]  # Starlette's app
    assert quoted["policy_version"] == state.policies[int(AREA)].hash
    settled = taken(send(client, body | {"quote": quoted["quote"]}), SettlementAnswer)
    assert {name: settled[name] for name in quoted.keys() - OF_A_QUOTE - {"settlement"}} == {
        name: quoted[name] for name in quoted.keys() - OF_A_QUOTE - {"settlement"}
    }
    assert quote(client, bill(hospital, patient, E26))["accumulator_version"] == 1


def test_a_quote_that_no_longer_holds_is_stale(client: TestClient, hospital: str) -> None:
    patient = new_patient(client, "500.00")
    body = bill(hospital, patient, E26)
    held = quote(client, body)["quote"]
    other = bill(hospital, patient, [("A", "1000.00")], quote=held)
    assert refusal(send(client, other)) == (409, "quote_stale")
    for minutes, stale in ((30, False), (31, True)):
        with on(client, TODAY, minutes=minutes):
            answer = send(client, body | {"quote": held, "message_id": message()}, params={"dry_run": "true"})
        assert answer.status_code == (409 if stale else 200)
    settle(client, hospital, patient, [("A", "10.00")])
    # the deductible has been used in part meanwhile
    assert refusal(send(client, body | {"quote": held})) == (409, "quote_stale")
    assert send(client, body | {"quote": quote(client, body)["quote"]}).status_code == 201


@pytest.mark.parametrize("held", ["", "x", "bm9uZQ==", "A" * 56, "医"])
@pytest.mark.parametrize("path", ["/v1/settlements", "/v1/settlements/quote"])
def test_a_quote_of_somebody_else_is_none(client: TestClient, hospital: str, held: str, path: str) -> None:
    body = bill(hospital, new_patient(client), E26, quote=held)
    answer = client.post(path, json=body)
    assert refusal(answer) == (422, "shape_invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/quote"]


# -- repeats, corrections, reversals -------------------------------------------------------------------------


def test_a_message_is_one_for_all_patients_and_senders(client: TestClient, hospital: str) -> None:
    body = bill(hospital, new_patient(client), E26)
    taken(send(client, body), SettlementAnswer)
    assert refusal(send(client, body | {"id_number": new_patient(client)})) == (422, "msgid_conflict")
    # another institution has messages of its own
    taken(send(client, body | {"institution": new_institution(client)}), SettlementAnswer)


def test_a_bill_is_settled_once_under_whatever_message(client: TestClient, hospital: str) -> None:
    body = bill(hospital, new_patient(client), E26, bill_no="2026-17")
    first = taken(send(client, body), SettlementAnswer)["settlement"]
    assert refusal(send(client, body | {"message_id": message()})) == (409, "duplicate_bill")
    reverse(client, first)
    taken(send(client, body | {"message_id": message()}), SettlementAnswer)


def test_a_message_that_was_taken_back_stays_so(client: TestClient, hospital: str) -> None:
    patient = new_patient(client, "500.00")
    body = bill(hospital, patient, E26)
    settled = taken(send(client, body), SettlementAnswer)
    told = taken(correct(client, hospital, body["message_id"]), CorrectionAnswer)
    assert (told["result"], told["settlement"]) == ("reversed", settled["settlement"])
    assert shown(client, patient)["balance"] == "500.00"
    assert refusal(send(client, body)) == (409, "message_corrected")
    again = correct(client, hospital, body["message_id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == told


def test_what_is_said_to_be_filed_has_to_be_on_file_where_the_area_asks_for_it(client: TestClient) -> None:
    away, patient = new_institution(client, level=1, area="990300"), new_patient(client)
    said = {"filing": "referred"}
    assert settle(client, away, patient, E26, **said)["ratio"] == "0.7000"
    with rule(client, filing__must_be_on_file__referred="yes"):
        refused = send(client, bill(away, patient, E26, **said))
        assert refusal(refused) == (404, "filing_not_found")
        assert [one["pointer"] for one in refused.json()["errors"]] == ["/filing"]
        assert settle(client, away, patient, E26)["ratio"] == "0.6000"
        filed = {"kind": "referred", "from": CARE_DAY, "area": "990300", "evidence": "x"}
        made = client.post(f"/v1/accounts/{patient}/filings", json=filed, headers=key())
        assert made.status_code == 201, made.text
        for more in (said, {}):
            assert settle(client, away, patient, E26, **more)["ratio"] == "0.7000"


def test_a_reversal_gives_back_what_each_had_paid(client: TestClient, hospital: str) -> None:
    patient = new_patient(client, "500.00")
    settled = settle(client, hospital, patient, E26)["settlement"]
    path, again = f"/v1/settlements/{settled}/reversal", key()
    first = client.post(path, json={"reason": "wrong patient"}, headers=again)
    told = taken(first, TakenBack)
    assert amounts(told, "settlement", "total", "pooled_pay", "account_pay", "cash_pay") == [
        *(settled, "1000.00", "168.00", "500.00", "332.00")
    ]
    replayed = client.post(path, json={"reason": "wrong patient"}, headers=again)
    assert (replayed.text, replayed.headers["Idempotent-Replayed"]) == (first.text, "true")
    assert refusal(client.post(path, json={"reason": "x"}, headers=again)) == (422, "idempotency_key_reused")
    assert refusal(client.post(path, json={"reason": "x"}, headers=key())) == (409, "already_reversed")
    assert refusal(client.post(path, json={"reason": "x"})) == (400, "idempotency_key_missing")
    assert refusal(client.get(f"/v1/settlements/{told['reversal']}")) == (404, "settlement_not_found")
    back = f"/v1/settlements/{told['reversal']}/reversal"
    assert refusal(client.post(back, json={"reason": "x"}, headers=key())) == (404, "settlement_not_found")
    assert shown(client, patient)["balance"] == "500.00"
    counters = client.get(f"/v1/accounts/{patient}/accumulators/2026").json()
    assert (counters["version"], counters["outpatient_deductible"]) == (2, "0.00")
    seen = taken(client.get(f"/v1/settlements/{settled}"), SettlementView, 200)
    assert seen["reversed_by"] == told["reversal"]


def test_the_order_of_admissions_and_the_window_hold_a_reversal_up(client: TestClient, hospital: str) -> None:
    patient = new_patient(client)
    first, later = (
        settle(client, hospital, patient, [("A", "2000.00")], care_type="inpatient")["settlement"]
        for _ in range(2)
    )
    body, path = {"reason": "test"}, "/v1/settlements/{}/reversal"
    early = client.post(path.format(first), json=body, headers=key())
    assert (*refusal(early), early.json()["facts"]) == (409, "not_last", {"entries": [later]})
    with on(client, date(2027, 11, 23)):
        late = client.post(path.format(later), json=body, headers=key())
    assert refusal(late) == (409, "reversal_window_passed")
    assert late.json()["facts"] == {"days_max": 366}
    reverse(client, later)
    reverse(client, first)


@pytest.mark.parametrize("name", ["x", "P000000000000-1", "{account}-1", "{account}-99", "{nobody}-2"])
def test_a_settlement_that_there_is_not(client: TestClient, name: str) -> None:
    account = open_account(client)["account_no"]
    name = name.format(account=account, nobody=account_no(new_book_id(Party.PERSON)))
    path = f"/v1/settlements/{name}"
    assert refusal(client.get(path)) == (404, "settlement_not_found")
    answer = client.post(f"{path}/reversal", json={"reason": "x"}, headers=key())
    assert refusal(answer) == (404, "settlement_not_found")


def test_a_dry_run_writes_nothing(client: TestClient, engine: Engine, hospital: str) -> None:
    patient = new_patient(client, "500.00")
    standing = settle(client, hospital, patient, E26)["settlement"]
    one = visit(client, hospital, patient)
    calls = {
        "/v1/settlements": bill(hospital, patient, E26, bill_no="dry"),
        "/v1/settlements/correction": {"institution": hospital, "message_id": message()},
        f"/v1/settlements/{standing}/reversal": {"reason": "x"},
        "/v1/visits": {
            "institution": hospital,
            "id_number": patient,
            "care_type": "outpatient",
            "from": CARE_DAY,
        },
        f"/v1/visits/{one}/end": {},
        f"/v1/accounts/{patient}/filings": {"kind": "long_term", "from": "2026-01-01"},
    }
    before = rows(engine)
    for path, body in calls.items():
        answer = client.post(path, json=body, params={"dry_run": "true"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["dry_run"] is True
    assert rows(engine) == before


# -- bad input -----------------------------------------------------------------------------------------------

A = {"item": "X1", "class": "A", "amount": "10.00"}
B = {"item": "X2", "class": "B", "amount": "10.00", "self_pay_ratio": "0.10"}
SHAPES: dict[str, tuple[dict[str, Any], str, str]] = {
    "a field that is not known": ({"diagnosis": "J11"}, "unknown_field", "/diagnosis"),
    "one in a line": ({"lines": [A | {"code": "x"}]}, "unknown_field", "/lines/0/code"),
    "one in the cause": ({"cause": {"kind": "abroad", "why": "x"}}, "unknown_field", "/cause/why"),
    "a kind of care": ({"care_type": "dental"}, "care_type_unknown", "/care_type"),
    "a class": ({"lines": [A, A | {"class": "D"}]}, "line_class_unknown", "/lines/1/class"),
    "a cause": ({"cause": {"kind": "bad luck"}}, "shape_invalid", "/cause/kind"),
    "a filing": ({"filing": "maybe"}, "shape_invalid", "/filing"),
    "a day": ({"care_date": "2026-02-30"}, "shape_invalid", "/care_date"),
    "no lines": ({"lines": []}, "shape_invalid", "/lines"),
    "too many lines": ({"lines": [A] * 20_001}, "shape_invalid", "/lines"),
    "lines that are none": ({"lines": "X1"}, "shape_invalid", "/lines"),
    "a line that is none": ({"lines": [A, ["X1"]]}, "shape_invalid", "/lines/1"),
    "a line without an amount": (
        {"lines": [{"item": "x", "class": "A"}]},
        "shape_invalid",
        "/lines/0/amount",
    ),
    "an item without a name": ({"lines": [A | {"item": ""}]}, "shape_invalid", "/lines/0/item"),
    "an item with a long name": ({"lines": [A | {"item": "x" * 65}]}, "shape_invalid", "/lines/0/item"),
    "an item that cannot be printed": ({"lines": [A | {"item": "a\nb"}]}, "shape_invalid", "/lines/0/item"),
    "a share above one": (
        {"lines": [B | {"self_pay_ratio": "1.01"}]},
        "shape_invalid",
        "/lines/0/self_pay_ratio",
    ),
    "a share below nothing": (
        {"lines": [B | {"self_pay_ratio": "-0.1"}]},
        "shape_invalid",
        "/lines/0/self_pay_ratio",
    ),
    "a share as a number": (
        {"lines": [B | {"self_pay_ratio": 1}]},
        "shape_invalid",
        "/lines/0/self_pay_ratio",
    ),
    "a share with five decimals": (
        {"lines": [B | {"self_pay_ratio": "0.12345"}]},
        "shape_invalid",
        "/lines/0/self_pay_ratio",
    ),
    "a cause's share": ({"cause": {"kind": "abroad", "share": "60%"}}, "shape_invalid", "/cause/share"),
    "an amount as a number": ({"lines": [A | {"amount": 10}]}, "amount_invalid", "/lines/0/amount"),
    "a message with a blank": ({"message_id": "m 1"}, "shape_invalid", "/message_id"),
    "a long message": ({"message_id": "m" * 65}, "shape_invalid", "/message_id"),
    "no message": ({"message_id": ""}, "shape_invalid", "/message_id"),
    "a bill number": ({"bill_no": "号"}, "shape_invalid", "/bill_no"),
    "a choice": ({"use_account": "yes"}, "shape_invalid", "/use_account"),
    "a place for cash": ({"bank_account": "6222"}, "cash_forbidden", ""),
}


@pytest.mark.parametrize("path", ["/v1/settlements", "/v1/settlements/quote"])
@pytest.mark.parametrize(("change", "code", "pointer"), SHAPES.values(), ids=SHAPES)
def test_the_wrong_shape(
    client: TestClient, hospital: str, path: str, change: dict[str, Any], code: str, pointer: str
) -> None:
    answer = client.post(path, json=bill(hospital, NOBODY, E26) | change)
    assert refusal(answer) == (422, code)
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


Refusing = Callable[[TestClient, str, dict[str, Any]], dict[str, Any]]
"""What makes a good bill a bad one, given the client, the hospital and the bill."""


def _suspended(client: TestClient, hospital: str, good: dict[str, Any]) -> dict[str, Any]:
    resting = new_institution(client)
    body = {"from": "2026-03-01", "to": "2026-03-31", "reason": "inspection"}
    assert client.post(f"/v1/institutions/{resting}/suspensions", json=body, headers=key()).status_code == 201
    return {"institution": resting}


def _dead(client: TestClient, hospital: str, good: dict[str, Any]) -> dict[str, Any]:
    body = {"died_on": "2026-03-09", "evidence": "x"}
    path = f"/v1/accounts/{good['id_number']}/death"
    assert client.post(path, json=body, headers=key()).status_code == 201
    return {}


def _closed(client: TestClient, hospital: str, good: dict[str, Any]) -> dict[str, Any]:
    _dead(client, hospital, good)
    estate = {"heirs": [{"name": "李四", "relation": "spouse"}], "paid_on": "2026-11-21", "confirm": True}
    answer = client.post(f"/v1/accounts/{good['id_number']}/estate", json=estate, headers=key())
    assert answer.status_code in {200, 201}, answer.text
    return {}


def _frozen(client: TestClient, hospital: str, good: dict[str, Any]) -> dict[str, Any]:
    order = {"authority": "court", "document": "1", "from": "2026-01-01"}
    path = f"/v1/accounts/{good['id_number']}/freezes"
    assert client.post(path, json=order, headers=key()).status_code == 201
    return {}


def _visit_of_another(client: TestClient, hospital: str, good: dict[str, Any]) -> dict[str, Any]:
    return {"visit": visit(client, hospital, new_patient(client))}


def _visit_elsewhere(client: TestClient, hospital: str, good: dict[str, Any]) -> dict[str, Any]:
    return {"visit": visit(client, new_institution(client), good["id_number"])}


def _visit_ended(client: TestClient, hospital: str, good: dict[str, Any]) -> dict[str, Any]:
    name = visit(client, hospital, good["id_number"])
    answer = client.post(f"/v1/visits/{name}/end", headers=key())
    taken(answer, VisitEndAnswer)
    assert refusal(client.post(f"/v1/visits/{name}/end", json={}, headers=key())) == (409, "visit_ended")
    return {"visit": name}


def _visit_settled(client: TestClient, hospital: str, good: dict[str, Any]) -> dict[str, Any]:
    name = visit(client, hospital, good["id_number"])
    settle(client, hospital, good["id_number"], E26, care_type="inpatient", visit=name)
    assert refusal(client.post(f"/v1/visits/{name}/end", headers=key())) == (409, "visit_settled")
    return {"visit": name, "care_type": "inpatient"}


def _not_a_visit(client: TestClient, hospital: str, good: dict[str, Any]) -> dict[str, Any]:
    account = client.get(f"/v1/accounts/{good['id_number']}").json()["account_no"]
    return {"visit": f"{account}-1"}


def plain(**change: Any) -> Refusing:
    """A bill that is bad whoever sends it."""
    return lambda _client, _hospital, _good: change


BAD: dict[str, tuple[Refusing, int, str]] = {
    "nobody": (plain(id_number=NOBODY), 404, "account_not_found"),
    "no ID number": (plain(id_number="x"), 422, "id_format"),
    "a wrong check digit": (plain(id_number=NOBODY[:-1] + "7"), 422, "id_checksum"),
    "nobody at an unknown institution": (
        plain(id_number=NOBODY, institution="H9999"),
        404,
        "account_not_found",
    ),
    "an unknown institution": (plain(institution="H9999"), 422, "institution_unknown"),
    "no contract for such care": (
        lambda client, _hospital, _good: {"institution": new_institution(client, services=["pharmacy"])},
        422,
        "not_designated",
    ),
    "a contract that rests": (_suspended, 422, "contract_suspended"),
    "care to come": (plain(care_date="2026-11-22"), 422, "period_invalid"),
    "care after death": (_dead, 409, "account_deceased"),
    "a closed account": (_closed, 409, "account_closed"),
    "a frozen account": (_frozen, 409, "account_frozen"),
    "a filing for care inside the area": (plain(filing="referred"), 422, "filing_not_applicable"),
    "a visit that is none": (plain(visit="x"), 404, "visit_not_found"),
    "an entry that is no visit": (_not_a_visit, 404, "visit_not_found"),
    "somebody else's visit": (_visit_of_another, 422, "visit_mismatch"),
    "a visit at another institution": (_visit_elsewhere, 422, "visit_mismatch"),
    "a visit that was ended": (_visit_ended, 409, "visit_ended"),
    "a visit that was settled": (_visit_settled, 409, "visit_settled"),
    "an injury without a cause": (plain(injury=True), 422, "cause_required"),
    "an injury whose cause nobody knows": (plain(cause={"kind": "unknown"}), 422, "cause_unknown"),
    "a line of nothing": (plain(lines=lines(("A", "0.00"))), 422, "amount_invalid"),
    "a line below nothing": (plain(lines=lines(("A", "5.00"), ("A", "-1.00"))), 422, "amount_invalid"),
    "an amount that is none": (plain(lines=lines(("A", "1,000.00"))), 422, "amount_invalid"),
    "a limit that is none": (plain(lines=lines(("A", "5.00", "1"))), 422, "amount_invalid"),
    "a total that is none": (plain(total="x"), 422, "amount_invalid"),
    "a hospital share that is none": (plain(hospital_share="-1.00"), 422, "amount_invalid"),
    "lines that do not add up": (plain(total="999.99"), 422, "amount_mismatch"),
    "above the limit of more than the line": (
        plain(lines=lines(("A", "5.00", "5.01"))),
        422,
        "amount_mismatch",
    ),
    "a hospital share above the bill": (plain(hospital_share="9999.00"), 422, "amount_mismatch"),
    "what is no medicine": (
        plain(lines=[{"item": "fit-7", "class": "A", "amount": "10.00"}]),
        422,
        "item_not_eligible",
    ),
    "a day that is not to be repaired": (plain(repairs="2026-03-10"), 422, "period_invalid"),
}


@pytest.mark.parametrize(("make", "status", "code"), BAD.values(), ids=BAD)
def test_a_bill_that_is_refused(
    client: TestClient, engine: Engine, hospital: str, make: Refusing, status: int, code: str
) -> None:
    patient = new_patient(client, "500.00")
    good = bill(hospital, patient, E26, bill_no=message())
    bad = good | make(client, hospital, good)
    before = rows(engine)
    answers = [send(client, bad), send(client, bad, params={"dry_run": "true"})]
    if "repairs" not in bad:
        answers.append(client.post("/v1/settlements/quote", json=bad))
    for answer in answers:
        assert refusal(answer) == (status, code), answer.text
        for secret in (patient, bad["id_number"], "fit-7"):
            assert secret == "x" or secret not in answer.text
    assert rows(engine) == before
    if good["id_number"] == bad["id_number"] and not code.startswith(("account_", "period_before")):
        # neither the message nor the number of the bill was used up
        taken(send(client, good), SettlementAnswer)


def test_numbers_that_the_area_has_not_decided(client: TestClient) -> None:
    old = new_institution(client, services=())
    contract(client, old, **{"from": "1990-01-01"})
    body = bill(old, new_patient(client), E26, care_date="1999-12-31")
    assert refusal(send(client, body)) == (409, "rates_missing")


def test_a_code_and_a_message_side_by_side_are_no_id_number(client: TestClient, engine: Engine) -> None:
    """An institution's code may be digits, and its messages may be counted."""
    patient, code = new_patient(client, "500.00"), new_institution(client, code="3301000012")
    # the first five stand behind the code as the rest of an old ID number would
    body = bill(code, patient, [("A", "70.00")], message_id="31567")
    assert holds_id_number(f"{code}/31567")
    settled = client.post("/v1/settlements", json=body)
    assert settled.status_code == 201, settled.text
    corrected = client.post("/v1/settlements/correction", json={"institution": code, "message_id": "31567"})
    assert corrected.status_code == 201, corrected.text
    unseen = client.post("/v1/settlements/correction", json={"institution": code, "message_id": "31568"})
    assert unseen.status_code == 201, unseen.text
    with engine.connect() as connection:
        assert not list(scan_texts(connection))
    # what somebody has written is looked at as before
    for path in ("/v1/settlements", "/v1/settlements/correction"):
        wrong = (body if path == "/v1/settlements" else {"institution": code}) | {
            "message_id": "119999198503140015"
        }
        answer = client.post(path, json=wrong)
        assert refusal(answer) == (422, "personal_data_in_text")
        assert [one["pointer"] for one in answer.json()["errors"]] == ["/message_id"]


def test_the_key_of_a_settlement_is_its_message(client: TestClient, hospital: str) -> None:
    patient, header = new_patient(client), key()
    first, second = (send(client, bill(hospital, patient, E26), headers=header) for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.json()["settlement"] != second.json()["settlement"]


# -- lines are read in two ways, and both say the same -------------------------------------------------------

_WORDS = st.sampled_from(
    ["A", "B", "C", "D", "", "X1", "0", "1", "0.10", "0.00", "1.00", "10.00", "-1.00", "1.0"]
)
_VALUES: st.SearchStrategy[Any] = st.one_of(
    _WORDS,
    st.text(max_size=3),
    st.sampled_from(["药", " x", "x ", "a\tb", "\u2028", "\xa0x", "x" * 65, None, 1, []]),
)
_LINES = st.fixed_dictionaries(
    {"item": _VALUES, "class": _VALUES, "amount": _VALUES},
    optional={"over_limit": _VALUES, "self_pay_ratio": _VALUES, "more": _VALUES},
)
_BY_MODEL = TypeAdapter(list[BillLineFields])


@pytest.mark.slow
@given(sent=st.lists(st.one_of(_LINES, _VALUES), min_size=1, max_size=3))
def test_lines_are_read_as_their_model_reads_them(sent: list[Any]) -> None:
    fields = {"care_type": "outpatient", "care_date": CARE_DAY, "lines": sent}
    try:
        wanted: Any = tuple(line.line() for line in _BY_MODEL.validate_python(sent))
    except ValidationError as error:
        wanted = [(("lines", *one["loc"]), one["type"]) for one in error.errors()]
    found: Any
    try:
        found = BillFields.model_validate(fields).bill().lines
    except ValidationError as error:
        found = [(one["loc"], one["type"]) for one in error.errors()]
    assert found == wanted


def test_a_good_line_does_not_go_through_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: BillLineFields) -> BillLine:
        raise AssertionError("a model for every line is slow")

    monkeypatch.setattr(BillLineFields, "line", fail)
    sent = lines(*E26)
    read = BillFields.model_validate({"care_type": "chronic", "care_date": CARE_DAY, "lines": sent})
    assert [line.amount for line in read.bill().lines] == [70_000, 20_000, 10_000]


# -- what is read --------------------------------------------------------------------------------------------


def test_one_settlement_as_it_stands(client: TestClient, hospital: str) -> None:
    patient = new_patient(client)
    name = visit(client, hospital, patient)
    cause = {"kind": "third_party", "share": "0.60"}
    texts = [("A", "10000.00"), ("B", "100.00", "20.00", "0.25")]
    body = bill(
        hospital, patient, texts, care_type="inpatient", visit=name, cause=cause, injury=True, bill_no="z/1"
    )
    settled = taken(send(client, body), SettlementAnswer)
    seen = taken(client.get(f"/v1/settlements/{settled['settlement']}"), SettlementView, 200)
    assert seen.items() >= settled.items()
    more = {
        "channel": "network",
        "institution": hospital,
        "message_id": body["message_id"],
        "bill_no": "z/1",
        "visit": name,
        "care_type": "inpatient",
        "cause": "third_party",
        "cause_share": "0.6000",
        "settled_on": TODAY.isoformat(),
        "reversed_by": None,
    }
    assert seen.items() >= more.items()
    assert seen["lines"][1] == {
        "item": "X0002",
        "class": "B",
        "amount": "100.00",
        "over_limit": "20.00",
        "self_pay_ratio": "0.2500",
    }


def test_a_persons_settlements_page_by_page(client: TestClient, hospital: str) -> None:
    patient = new_patient(client)
    names = [settle(client, hospital, patient, [("A", "10.00")])["settlement"] for _ in range(3)]
    back = reverse(client, names[0])["reversal"]
    path = f"/v1/accounts/{patient}/settlements"
    items: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = taken(client.get(path, params=params), SettlementPage, 200)
        items += page["items"]
        cursor = page["next_cursor"]
    assert [item["settlement"] for item in items] == [*names, back]
    assert (items[0]["reversed_by"], items[3]["reverses"], items[3]["total"]) == (back, names[0], "-10.00")
    other = client.get(f"/v1/accounts/{new_patient(client)}/settlements").json()
    assert other == {"items": [], "next_cursor": None}
    assert refusal(client.get(path, params={"cursor": "x"})) == (422, "shape_invalid")
    listed = client.get(path, headers={"Accept": "text/csv"})
    assert listed.text.count("\r\n") == 5
    assert refusal(client.get(f"/v1/accounts/{NOBODY}/settlements")) == (404, "account_not_found")
    assert refusal(client.get(f"/v1/accounts/{NOBODY}/accumulators/2026")) == (404, "account_not_found")


def test_a_visit_from_its_registration_to_its_bill(client: TestClient, hospital: str) -> None:
    patient = new_patient(client)
    name = visit(client, hospital, patient, "outpatient")
    settled = settle(client, hospital, patient, E26, visit=name)["settlement"]
    seen = taken(client.get(f"/v1/visits/{name}"), VisitView, 200)
    assert (seen["institution"], seen["care_type"], seen["from"]) == (hospital, "outpatient", CARE_DAY)
    assert (seen["settlements"], seen["ended_on"]) == ([settled], None)
    reverse(client, settled)
    ended = taken(client.post(f"/v1/visits/{name}/end", headers=key()), VisitEndAnswer)
    assert ended == {"visit": name, "ended_on": TODAY.isoformat(), "reason": None}
    seen = client.get(f"/v1/visits/{name}").json()
    assert (seen["settlements"], seen["ended_on"]) == ([], TODAY.isoformat())
    for nothing in ("x", f"{account_no(new_book_id(Party.PERSON))}-2"):
        assert refusal(client.get(f"/v1/visits/{nothing}")) == (404, "visit_not_found")
        assert refusal(client.post(f"/v1/visits/{nothing}/end", headers=key())) == (404, "visit_not_found")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"id_number": NOBODY}, 404, "account_not_found"),
        ({"institution": "H9999"}, 422, "institution_unknown"),
        ({"from": "2026-11-22"}, 422, "period_invalid"),
        ({"care_type": "dental"}, 422, "care_type_unknown"),
        ({"ward": "3"}, 422, "unknown_field"),
    ],
    ids=["nobody", "an unknown institution", "a day to come", "a kind of care", "an unknown field"],
)
def test_a_visit_that_is_refused(
    client: TestClient, hospital: str, change: dict[str, str], status: int, code: str
) -> None:
    good = {"institution": hospital, "id_number": new_patient(client), "care_type": "inpatient"}
    answer = client.post("/v1/visits", json=good | {"from": CARE_DAY} | change, headers=key())
    assert refusal(answer) == (status, code)


# -- outside the area ----------------------------------------------------------------------------------------


def test_filings_for_care_elsewhere(client: TestClient) -> None:
    patient = new_patient(client)
    path = f"/v1/accounts/{patient}/filings"
    body = {"kind": "long_term", "from": "2026-01-01", "area": "990200", "evidence": "residence permit"}
    filed = taken(client.post(path, json=body, headers=key()), FilingAnswer)
    listed = taken(client.get(path), FilingList, 200)["items"]
    assert [one["filing"] for one in listed] == [filed["filing"]]
    assert listed[0].pop("reversed_by") is None
    assert listed[0].items() <= filed.items()
    inside = client.post(path, json=body | {"area": AREA}, headers=key())
    assert refusal(inside) == (422, "filing_not_applicable")
    assert refusal(client.post(path, json=body | {"kind": "none"}, headers=key())) == (422, "shape_invalid")
    backwards = client.post(path, json=body | {"to": "2025-12-31"}, headers=key())
    assert refusal(backwards) == (422, "period_invalid")
    # E33: what was filed decides the points, and the message of another area says it
    far = new_institution(client, area="990200")
    ratios = [
        settle(client, far, new_patient(client), [("A", "20900.00")], care_type="inpatient", filing=filing)[
            "ratio"
        ]
        for filing in ("long_term", "referred", "emergency", "none", None)
    ]
    assert ratios == ["0.8800", "0.7800", "0.7800", "0.6800", "0.6800"]


# -- whom a token reaches ------------------------------------------------------------------------------------


def test_an_institution_sees_only_its_own(client: TestClient, folder: Path, hospital: str) -> None:
    patient = new_patient(client)
    other = new_institution(client)
    names = {sender: settle(client, sender, patient, E26)["settlement"] for sender in (hospital, other)}
    visits = {sender: visit(client, sender, patient) for sender in (hospital, other)}
    forbidden = (403, "scope_missing")

    def ask(method: str, path: str, body: Any = None) -> Any:
        return client.request(method, path, headers=bound(folder, hospital), json=body)

    assert ask("GET", f"/v1/settlements/{names[hospital]}").status_code == 200
    assert ask("GET", f"/v1/visits/{visits[hospital]}").status_code == 200
    assert refusal(ask("GET", f"/v1/settlements/{names[other]}")) == forbidden
    assert refusal(ask("GET", f"/v1/visits/{visits[other]}")) == forbidden
    for sender, reached in ((hospital, True), (other, False)):
        arriving = {"institution": sender, "id_number": patient, "care_type": "inpatient", "from": CARE_DAY}
        tombstone = {"institution": sender, "message_id": message()}
        for path, body in {
            "/v1/settlements": bill(sender, patient, E26),
            "/v1/settlements/quote": bill(sender, patient, E26),
            "/v1/settlements/correction": tombstone,
            "/v1/visits": arriving,
        }.items():
            answer = ask("POST", path, body)
            assert answer.status_code == (201 if reached else 403), answer.text
    for path, body in (
        (f"/v1/settlements/{names[other]}/reversal", {"reason": "x"}),
        (f"/v1/visits/{visits[other]}/end", {}),
    ):
        assert refusal(ask("POST", path, body)) == forbidden
    for path in (f"/v1/accounts/{patient}/settlements", f"/v1/accounts/{patient}/filings"):
        assert refusal(ask("GET", path)) == forbidden
    # a body that names no institution, or two, is one of no shape for anybody
    unnamed = bill(hospital, patient, E26)
    del unnamed["institution"]
    assert refusal(ask("POST", "/v1/settlements", unnamed)) == (422, "shape_invalid")
    twice = json.dumps(bill(hospital, patient, E26))[:-1] + f', "institution": "{other}"}}'
    headers = bound(folder, hospital) | {"content-type": "application/json"}
    answer = client.post("/v1/settlements", content=twice, headers=headers)
    assert refusal(answer) == (400, "json_malformed")
    assert ask("POST", f"/v1/settlements/{names[hospital]}/reversal", {"reason": "x"}).status_code == 201


def test_an_unknown_sender_has_nothing_to_take_back(client: TestClient) -> None:
    assert refusal(correct(client, "H9999", "m-1")) == (422, "institution_unknown")


def test_what_was_written_here_adds_up(client: TestClient, engine: Engine) -> None:
    """After all the tests above: every balance, counter and quota follows from the entries."""
    found = verify(engine)
    assert found.clean, found.findings
