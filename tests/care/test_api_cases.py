"""Third-party cases and manual claims over HTTP: what is answered, and every refusal of theirs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.care.claims import ClaimAnswer, ClaimPage, ClaimView, DecisionAnswer
from api.care.settlement_answers import SettlementView
from api.care.third_party import AdvanceAnswer, CaseAnswer, RecoveryAnswer
from tests.contributions.test_contributions import with_parameter
from tests.support.api_client import AREA, id_number, key, open_account, running, token
from tests.support.care_client import (
    CARE_DAY,
    LineText,
    bill,
    bound,
    lines,
    new_institution,
    new_patient,
    new_resident,
    reverse,
    send,
    settle,
    shown,
)
from tests.support.employer_client import refusal, taken
from tests.support.people import hold

ALL = ["invoice", "fee_list", "diagnosis", "records"]
SIXTY = {"kind": "third_party", "share": "0.60"}
_bills = itertools.count(1)
_refs = itertools.count(1)


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


def post(client: TestClient, path: str, body: dict[str, Any], **more: Any) -> Any:
    return client.post(path, json=body, headers=more.pop("headers", None) or key(), **more)


# -- third-party cases ---------------------------------------------------------------------------------------


def accident(client: TestClient, hospital: str, patient: str, **more: Any) -> str:
    """An inpatient bill of 10,000.00 of which a third party has to bear 60 %."""
    told = {"care_type": "inpatient", "cause": SIXTY, "use_account": False} | more
    return str(settle(client, hospital, patient, [("A", "10000.00")], **told)["settlement"])


def new_case(client: TestClient, settlement: str) -> str:
    body = {"settlement": settlement, "evidence": "accident report"}
    return str(taken(post(client, "/v1/third-party-cases", body), CaseAnswer)["case"])


def apply(client: TestClient, case: str, **more: Any) -> Any:
    body = {"paid_to": "person", "application": "the driver is not known"} | more
    return post(client, f"/v1/third-party-cases/{case}/advance", body)


def recovery(paid: str = "3000.00", **more: Any) -> dict[str, Any]:
    return {"paid": paid, "means": "bank", "source_ref": f"insurer-{next(_refs)}"} | more


def recover(client: TestClient, case: str, *args: Any, **more: Any) -> Any:
    return post(client, f"/v1/third-party-cases/{case}/recoveries", recovery(*args, **more))


def advanced(client: TestClient, hospital: str, patient: str) -> str:
    case = new_case(client, accident(client, hospital, patient))
    taken(apply(client, case), AdvanceAnswer)
    return case


def case_of(client: TestClient, case: str) -> Any:
    return taken(client.get(f"/v1/third-party-cases/{case}"), CaseAnswer, 200)


def test_e43_to_e45_a_case_from_beginning_to_end(client: TestClient, hospital: str) -> None:
    patient = new_patient(client, "100.00")
    settlement = accident(client, hospital, patient)
    opening = {"settlement": settlement, "evidence": "accident report"}
    made = post(client, "/v1/third-party-cases", opening)
    assert made.status_code == 201
    case = made.json()["case"]
    nothing = dict.fromkeys(("advance", "paid", "returned", "set_off", "receivable"), "0.00")
    whole = {"case": case, "settlement": settlement, "kind": "third_party", "excluded": "6000.00"}
    assert taken(made, CaseAnswer) == whole | nothing

    answer = taken(apply(client, case), AdvanceAnswer)
    assert (answer["whole"], answer["borne"], answer["advance"]) == ("8008.00", "2728.00", "5280.00")
    assert answer["receivable"] == "5280.00"
    said = [(one["amount"], one["rule"], one["parameter"]) for one in answer["explain"]]
    assert ("whole", "R39", "inpatient.ratio.active.level_3") in said
    assert said[-2:] == [("borne", "R39", None), ("advance", "K11", None)]

    # asked for again, it is the same case as it stands
    again = post(client, "/v1/third-party-cases", opening)
    assert again.status_code == 200
    assert taken(again, CaseAnswer, 200) == case_of(client, case)
    assert again.json()["receivable"] == "5280.00"

    back = taken(recover(client, case, "3000.00", received_on="2026-09-01"), RecoveryAnswer)
    assert (back["due"], back["returned"], back["set_off"]) == ("2640.00", "2640.00", "0.00")
    assert (back["receivable"], back["received_on"], back["paid"]) == ("2640.00", "2026-09-01", "3000.00")
    assert back["explain"] == [
        {
            "amount": "due",
            "rule": "R47",
            "parameter": "article_30.recovery",
            "value": "pro_rata",
            "source": back["explain"][0]["source"],
        }
    ]
    off = taken(recover(client, case, "1000.00", means="set_off"), RecoveryAnswer)
    assert (off["due"], off["returned"], off["set_off"]) == ("880.00", "0.00", "100.00")
    assert [one["rule"] for one in off["explain"]] == ["R47", "R67"]
    assert shown(client, patient)["balance"] == "0.00"
    assert case_of(client, case) == whole | {
        "advance": "5280.00",
        "paid": "4000.00",
        "returned": "2640.00",
        "set_off": "100.00",
        "receivable": "2540.00",
    }


def test_an_advance_may_go_to_the_institution(client: TestClient, hospital: str) -> None:
    case = new_case(client, accident(client, hospital, new_patient(client)))
    answer = taken(apply(client, case, paid_to="institution"), AdvanceAnswer)
    entry = client.get(f"/v1/entries/{answer['entry']}").json()
    assert entry["transfers"] == [{"from": "pooled_fund", "to": "institution_payable", "amount": "5280.00"}]
    assert entry["rule"] == "R46"


def test_a_dry_run_of_each_step_writes_nothing(client: TestClient, hospital: str) -> None:
    dry = {"params": {"dry_run": "true"}}
    settlement = accident(client, hospital, new_patient(client))
    shown_first = post(client, "/v1/third-party-cases", {"settlement": settlement}, **dry)
    assert taken(shown_first, CaseAnswer, 200)["dry_run"] is True
    case = new_case(client, settlement)
    body = {"paid_to": "person", "application": "nobody pays"}
    answer = post(client, f"/v1/third-party-cases/{case}/advance", body, **dry)
    assert taken(answer, AdvanceAnswer, 200)["advance"] == "5280.00"
    assert case_of(client, case)["advance"] == "0.00"
    apply(client, case)
    path = f"/v1/third-party-cases/{case}/recoveries"
    assert taken(post(client, path, recovery(), **dry), RecoveryAnswer, 200)["due"] == "2640.00"
    assert case_of(client, case)["paid"] == "0.00"


def test_the_same_key_gives_the_first_answer(client: TestClient, hospital: str) -> None:
    patient = new_patient(client)
    opening, of_case = {"settlement": accident(client, hospital, patient)}, key()
    first = post(client, "/v1/third-party-cases", opening, headers=of_case)
    case = first.json()["case"]
    of_advance, body = key(), {"paid_to": "person", "application": "nobody pays"}
    path = f"/v1/third-party-cases/{case}"
    paid = post(client, f"{path}/advance", body, headers=of_advance)
    of_recovery, back = key(), recovery()
    came = post(client, f"{path}/recoveries", back, headers=of_recovery)
    for again, before in (
        (post(client, "/v1/third-party-cases", opening, headers=of_case), first),
        (post(client, f"{path}/advance", body, headers=of_advance), paid),
        (post(client, f"{path}/recoveries", back, headers=of_recovery), came),
    ):
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.json() == before.json()
    assert case_of(client, case)["paid"] == "3000.00"


def test_what_is_not_there_has_no_case(client: TestClient, hospital: str) -> None:
    patient = new_patient(client)
    account = open_account(client)["account_no"]
    for name in ("nonsense", f"{account}-1", f"{account}-77", "P483920174650K-3"):
        answer = post(client, "/v1/third-party-cases", {"settlement": name})
        assert refusal(answer) == (404, "settlement_not_found")
        assert refusal(client.get(f"/v1/third-party-cases/{name}")) == (404, "case_not_found")
        assert refusal(apply(client, name)) == (404, "case_not_found")
        assert refusal(recover(client, name)) == (404, "case_not_found")
    plain = settle(client, hospital, patient, [("A", "10.00")])["settlement"]
    assert refusal(post(client, "/v1/third-party-cases", {"settlement": plain})) == (422, "cause_required")
    reverse(client, plain)
    assert refusal(post(client, "/v1/third-party-cases", {"settlement": plain})) == (409, "already_reversed")


def test_what_is_refused_about_a_case(client: TestClient, hospital: str) -> None:
    case = new_case(client, accident(client, hospital, new_patient(client)))
    assert refusal(recover(client, case)) == (409, "nothing_advanced")
    apply(client, case)
    assert refusal(apply(client, case)) == (409, "already_advanced")
    assert refusal(recover(client, case, received_on="2026-11-22")) == (422, "period_invalid")
    assert refusal(recover(client, case, received_on="2026-03-09")) == (422, "period_invalid")
    assert refusal(recover(client, case, "-1.00")) == (422, "amount_invalid")
    assert refusal(recover(client, case, "0.00")) == (422, "amount_invalid")
    assert refusal(recover(client, case, "1")) == (422, "amount_invalid")
    taken(recover(client, case, source_ref="once"), RecoveryAnswer)
    again = recover(client, case, source_ref="once", means="set_off")
    assert refusal(again) == (409, "duplicate_source_ref")
    work = accident(client, hospital, new_patient(client), cause={"kind": "work_injury", "share": "1"})
    assert refusal(apply(client, new_case(client, work))) == (409, "nothing_advanced")


def test_a_death_before_the_care_ends_what_is_done_about_its_bill(client: TestClient, hospital: str) -> None:
    """It may be reported after the bill was settled."""
    patient = new_patient(client)
    settlement, other = (accident(client, hospital, patient) for _ in range(2))
    case = new_case(client, settlement)
    death = {"died_on": "2026-01-02", "evidence": "x"}
    assert client.post(f"/v1/accounts/{patient}/death", json=death, headers=key()).status_code == 201
    assert refusal(apply(client, case)) == (409, "account_deceased")
    opened = client.post("/v1/third-party-cases", json={"settlement": other}, headers=key())
    assert refusal(opened) == (409, "account_deceased")


def test_the_account_has_a_say_in_a_set_off(client: TestClient, hospital: str) -> None:
    patient = new_patient(client, "100.00")
    case = advanced(client, hospital, patient)
    order = {"authority": "court", "document": "2026-7", "from": "2026-11-01", "to": None}
    post(client, f"/v1/accounts/{patient}/freezes", order)
    assert refusal(recover(client, case, means="set_off")) == (409, "account_frozen")
    taken(recover(client, case), RecoveryAnswer)


def test_a_bill_with_an_open_advance_is_not_reversed(client: TestClient, hospital: str) -> None:
    settlement = accident(client, hospital, new_patient(client))
    apply(client, new_case(client, settlement))
    answer = post(client, f"/v1/settlements/{settlement}/reversal", {"reason": "test"})
    assert refusal(answer) == (409, "open_items")


@pytest.mark.parametrize(
    "wrong", [{"paid_to": "driver"}, {"application": ""}, {"application": 7}, {"paid_to": None}], ids=str
)
def test_an_application_of_the_wrong_shape(client: TestClient, wrong: dict[str, Any]) -> None:
    assert refusal(apply(client, "P483920174650K-3", **wrong)) == (422, "shape_invalid")


def test_an_area_may_forbid_the_set_off(
    client: TestClient, hospital: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = advanced(client, hospital, new_patient(client, "100.00"))
    state = client.app.state.ledger  # type: ignore[attr-defined]  # Starlette's app
    policies = {**state.policies, int(AREA): with_parameter("article_30.set_off", "no")}
    # the writer has its own name for them
    monkeypatch.setattr(state.writer, "_policies", policies)
    hold(state.engine, policies)
    try:
        assert refusal(recover(client, case, means="set_off")) == (409, "set_off_not_allowed")
    finally:
        hold(state.engine, state.policies)


# -- manual claims -------------------------------------------------------------------------------------------


def claim_body(institution: str, patient: str, texts: list[LineText], **more: Any) -> dict[str, Any]:
    body = {
        "institution": institution,
        "id_number": patient,
        "care_type": "outpatient",
        "care_date": CARE_DAY,
        "bill_no": f"B-{next(_bills)}",
        "lines": lines(*texts),
        "evidence": ALL,
        "received_on": "2026-11-02",
    }
    return body | more


def submit(client: TestClient, institution: str, patient: str, **more: Any) -> Any:
    """The plain answer to a claim of 2,000.00."""
    return post(client, "/v1/claims", claim_body(institution, patient, [("A", "2000.00")], **more))


def claimed(client: TestClient, *args: Any, **more: Any) -> str:
    return str(taken(submit(client, *args, **more), ClaimAnswer)["claim"])


def decide(client: TestClient, claim: str, approve: bool = True, **more: Any) -> Any:
    return post(client, f"/v1/claims/{claim}/decision", {"approve": approve, "reason": "checked"} | more)


def claim_of(client: TestClient, claim: str) -> Any:
    return taken(client.get(f"/v1/claims/{claim}"), ClaimView, 200)


def test_e46_a_claim_from_beginning_to_end(client: TestClient) -> None:
    patient = new_patient(client, "500.00")
    clinic, hospital = new_institution(client, level=1), new_institution(client, level=2)
    settle(client, clinic, patient, [("A", "900.00")], use_account=False)

    made = taken(submit(client, hospital, patient, bill_no="B-46"), ClaimAnswer)
    claim = made["claim"]
    assert made == {
        "claim": claim,
        "account": claim.partition("-")[0],
        "state": "received",
        "institution": hospital,
        "bill_no": "B-46",
        "care_type": "outpatient",
        "care_date": CARE_DAY,
        "total": "2000.00",
        "received_on": "2026-11-02",
        # Monday 2 November and six weeks
        "decide_by": "2026-12-14",
        "evidence": ALL,
        "missing": [],
    }
    undecided = {"decision": None, "reason": None, "settlement": None}
    assert claim_of(client, claim) == made | undecided

    answer = taken(decide(client, claim), DecisionAnswer)
    decision = answer["decision"]
    assert (answer["state"], answer["claim"], answer["reason"]) == ("approved", claim, "checked")
    paid = answer["bill"]
    assert (paid["settlement"], paid["pooled_pay"], paid["cash_pay"]) == (decision, "1400.00", "600.00")
    assert (paid["account_pay"], paid["mutual_pay"]) == ("0.00", "0.00")
    assert {"pooled_pay", "account_pay", "cash_pay"} <= {one["amount"] for one in paid["explain"]}
    entry = client.get(f"/v1/entries/{decision}").json()
    assert entry["transfers"] == [{"from": "pooled_fund", "to": "bank", "amount": "1400.00"}]
    assert shown(client, patient)["balance"] == "500.00"

    assert claim_of(client, claim) == made | {
        "state": "approved",
        "decision": decision,
        "reason": "checked",
        "settlement": decision,
    }
    view = taken(client.get(f"/v1/settlements/{decision}"), SettlementView, 200)
    assert (view["channel"], view["bill_no"], view["message_id"]) == ("manual", "B-46", None)
    assert view["pooled_pay"] == "1400.00"

    # paid on paper, it is not settled over the network
    over_network = send(client, bill(hospital, patient, [("A", "2000.00")], bill_no="B-46"))
    assert refusal(over_network) == (409, "duplicate_bill")
    reversal = post(client, f"/v1/settlements/{decision}/reversal", {"reason": "test"})
    assert refusal(reversal) == (409, "not_reversible")


def test_a_rejected_claim_may_be_handed_in_again(client: TestClient, hospital: str) -> None:
    patient = new_patient(client)
    claim = claimed(client, hospital, patient, bill_no="B-again", evidence=["invoice"])
    assert claim_of(client, claim)["state"] == "awaiting_proof"
    assert refusal(submit(client, hospital, patient, bill_no="B-again")) == (409, "duplicate_benefit")
    missing = decide(client, claim)
    assert refusal(missing) == (422, "evidence_missing")
    assert missing.json()["facts"] == {"missing": ALL[1:]}
    answer = taken(decide(client, claim, approve=False), DecisionAnswer)
    assert (answer["state"], answer["bill"]) == ("rejected", None)
    shown_after = claim_of(client, claim)
    assert (shown_after["state"], shown_after["settlement"]) == ("rejected", None)
    assert shown_after["decision"] == answer["decision"]
    assert refusal(decide(client, claim)) == (409, "claim_decided")

    again = claimed(client, hospital, patient, bill_no="B-again", evidence=["invoice"])
    taken(decide(client, again, evidence=ALL[1:]), DecisionAnswer)
    assert claim_of(client, again)["missing"] == []


def test_a_resident_may_claim_and_gets_nothing(client: TestClient, hospital: str) -> None:
    patient = new_resident(client, id_number())
    made = taken(submit(client, hospital, patient), ClaimAnswer)
    assert made["account"] is None
    answer = taken(decide(client, made["claim"]), DecisionAnswer)
    assert (answer["bill"]["pooled_pay"], answer["bill"]["coverage"]) == ("0.00", "resident")
    assert answer["bill"]["account"] is None


def test_the_same_key_gives_the_first_answer_to_a_claim(client: TestClient, hospital: str) -> None:
    body = claim_body(hospital, new_patient(client), [("A", "2000.00")], evidence=ALL[:3])
    of_claim, of_decision = key(), key()
    first = post(client, "/v1/claims", body, headers=of_claim)
    path = f"/v1/claims/{first.json()['claim']}/decision"
    told = {"approve": True, "reason": "checked", "evidence": ["records"]}
    decided = post(client, path, told, headers=of_decision)
    for again, before in (
        (post(client, "/v1/claims", body, headers=of_claim), first),
        (post(client, path, told, headers=of_decision), decided),
    ):
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.json() == before.json()


def test_a_dry_run_takes_no_number_and_pays_nothing(client: TestClient, hospital: str) -> None:
    dry = {"params": {"dry_run": "true"}}
    body = claim_body(hospital, new_patient(client), [("A", "2000.00")])
    assert taken(post(client, "/v1/claims", body, **dry), ClaimAnswer, 200)["dry_run"] is True
    claim = taken(post(client, "/v1/claims", body), ClaimAnswer)["claim"]
    told = {"approve": True, "reason": "checked"}
    shown_first = taken(post(client, f"/v1/claims/{claim}/decision", told, **dry), DecisionAnswer, 200)
    assert shown_first["bill"]["total"] == "2000.00"
    assert claim_of(client, claim)["state"] == "received"


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("id_checksum", {"id_number": "119999198503140018"}),
        ("account_not_found", {"id_number": "119999198503140015"}),
        ("period_invalid", {"received_on": "2026-11-22"}),
        ("period_invalid", {"received_on": "2026-03-09"}),
        ("institution_unknown", {"institution": "NOSUCH"}),
        ("not_designated", {"care_type": "chronic"}),
        ("filing_not_applicable", {"filing": "emergency"}),
        ("cause_required", {"injury": True}),
        ("cause_unknown", {"cause": {"kind": "unknown"}}),
        ("claim_too_late", {"care_date": "2025-03-10"}),
        ("amount_invalid", {"lines": lines(("A", "0.00"))}),
        ("amount_mismatch", {"total": "2000.01"}),
        ("item_not_eligible", {"lines": [{"item": "FIT1", "class": "A", "amount": "1.00"}]}),
        ("shape_invalid", {"evidence": ["receipt"]}),
        ("shape_invalid", {"bill_no": None}),
        ("unknown_field", {"use_account": True}),
    ],
)
def test_what_is_refused_of_a_claim(client: TestClient, code: str, more: dict[str, Any]) -> None:
    clinic = new_institution(client, level=1, services=("outpatient",))
    body = claim_body(clinic, new_patient(client), [("A", "2000.00")]) | more
    assert refusal(post(client, "/v1/claims", body))[1] == code


def test_what_stands_before_an_unknown_institution_is_said_first(client: TestClient) -> None:
    nobody = submit(client, "NOSUCH", "119999198503140015")
    assert refusal(nobody) == (404, "account_not_found")
    early = submit(client, "NOSUCH", new_patient(client), received_on="2026-03-09")
    assert refusal(early) == (422, "period_invalid")


def test_there_is_no_claim_of_another_name(client: TestClient) -> None:
    account = open_account(client)["account_no"]
    for name in ("nonsense", f"{account}-1", "P483920174650K-3"):
        assert refusal(client.get(f"/v1/claims/{name}")) == (404, "claim_not_found")
        assert refusal(decide(client, name)) == (404, "claim_not_found")


def test_open_claims_by_the_day_they_are_due(client: TestClient) -> None:
    hospital = new_institution(client, level=2)
    patient = new_patient(client)
    days = ("2026-03-12", "2026-03-10", "2026-03-11")
    made = {day: claimed(client, hospital, patient, received_on=day) for day in days}
    decided = claimed(client, hospital, patient, received_on="2026-03-10")
    decide(client, decided, approve=False)
    # nothing else in these tests was received so early
    until = claim_of(client, made["2026-03-12"])["decide_by"]
    found, cursor = [], None
    while True:
        asked = {"due_by": until, "limit": "1"} | ({} if cursor is None else {"cursor": cursor})
        page = taken(client.get("/v1/claims", params=asked), ClaimPage, 200)
        found += [one["claim"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [made[day] for day in sorted(days)]
    table = client.get("/v1/claims", params={"due_by": until}, headers={"Accept": "text/csv"})
    rows = table.text.splitlines()
    assert rows[0].startswith("\ufeff申请编号,")
    assert len(rows) == 1 + len(days)
    assert rows[1].split(",")[2] == "已受理"


# -- scopes --------------------------------------------------------------------------------------------------


def test_cases_and_claims_are_the_agencys(client: TestClient, folder: Path, hospital: str) -> None:
    patient = new_patient(client)
    settlement = accident(client, hospital, patient)
    own = bound(folder, hospital)
    body = claim_body(hospital, patient, [("A", "10.00")])
    for answer in (
        post(client, "/v1/third-party-cases", {"settlement": settlement}, headers=own),
        post(client, "/v1/claims", body, headers=own),
        client.get("/v1/claims", headers=own),
    ):
        assert refusal(answer) == (403, "scope_missing")
    reading = key() | {"Authorization": f"Bearer {token(folder / 'keys', ['care:read'])}"}
    assert client.get("/v1/claims", headers=reading).status_code == 200
    assert refusal(post(client, "/v1/claims", body, headers=reading)) == (403, "scope_missing")
