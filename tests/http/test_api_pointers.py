"""Every posting route, and each date, amount and code of it: a refusal says which field it was."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.imports import KINDS
from ledger.money import AMOUNT_PATTERN
from tests.support import care_client
from tests.support.api_client import AREA, contribute, id_number, key, open_account, running, spending
from tests.support.care_client import CARE_DAY
from tests.support.employer_client import hire, new_employer, owe, pay, wages
from tests.support.estate_client import BANK, held_for_a_year, paying_estate
from tests.support.inquiry_client import who_is_let_in
from tests.support.openapi import DOCUMENT
from tests.support.transfer_client import announce, demand, reject, request_out, send
from tests.support.units import credit_code

POSTED = {
    path: operation["post"]
    for path, operation in DOCUMENT["paths"].items()
    if "post" in operation and "requestBody" in operation["post"]
}
# what is written outside the book, which knows no dry run
BESIDE = {
    "/v1/staff",
    "/v1/accounts/{account}/flags",
    "/v1/agency-requests",
    "/v1/agency-requests/{agency_request}/decision",
    "/v1/approvals/{approval}/reject",
    "/v1/accounts/{account}/cards",
    "/v1/cards/{card}/lost",
    "/v1/accounts/{account}/call-back-code",
    "/v1/webhooks",
    "/v1/webhooks/{webhook}/end",
    "/v1/cases",
    "/v1/cases/{case}/take",
    "/v1/cases/{case}/answer",
    "/v1/cases/{case}/close",
    "/v1/me/cases",
    "/v1/me/cases/{case}/close",
}
# read by their own tests: a bulk below, files, and a look-up posts nothing
NOT_WALKED = {
    "/v1/bulk",
    "/v1/accounts/lookup",
    *(f"/v1/imports/{kind}" for kind in KINDS),
    # nothing is posted, so there is no dry run: tests/inquiry tries them
    "/v1/people/lookup",
    "/v1/people/digests",
    "/v1/phone/inquiries",
    # the same: tests/documents
    "/v1/accounts/{account}/documents",
    "/v1/employers/{employer}/documents",
    "/v1/me/documents",
    *BESIDE,
}
# what only auditors are let in to
FOR_AUDITORS = {"/v1/read-log/findings", "/v1/reports/findings"}
SIGNED = "^-?"


# -- a world in which every route takes something ------------------------------------------------------------


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client


def post(client: TestClient, path: str, body: Any) -> Any:
    answer = client.post(path, json=body, headers=key())
    assert answer.status_code in {200, 201, 202}, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def let_in(client: TestClient) -> Callable[[str], dict[str, str]]:
    return who_is_let_in(client, open_account(client)["number"])


@pytest.fixture(scope="module")
def there(client: TestClient) -> dict[str, str]:
    """Something real for every name in a path or body."""
    account = str(open_account(client)["account_no"])
    contribute(client, account)
    base = f"/v1/accounts/{account}"
    employer = new_employer(client)
    worker = hire(client)
    hospital, patient = care_client.new_institution(client), care_client.new_patient(client, "900.00")
    hurt = {"injury": True, "cause": {"kind": "third_party", "share": "0.5"}}
    settled = care_client.settle(client, hospital, patient, [("A", "900.00")], **hurt)["settlement"]
    case = post(client, "/v1/third-party-cases", {"settlement": settled})["case"]
    advanced = post(
        client,
        "/v1/third-party-cases",
        {
            "settlement": care_client.settle(client, hospital, patient, [("A", "900.00")], **hurt)[
                "settlement"
            ]
        },
    )["case"]
    post(client, f"/v1/third-party-cases/{advanced}/advance", {"paid_to": "person", "application": "gone"})
    died = str(open_account(client)["account_no"])
    post(client, f"/v1/accounts/{died}/death", {"died_on": "2026-10-01", "evidence": "x"})
    claimed = {"account": died, "paid_on": "2026-11-21", "claimants": [HEIR], "confirm": False}
    estate = post(client, "/v1/estates", claimed)["estate"]
    divided = str(open_account(client)["account_no"])
    post(client, f"/v1/accounts/{divided}/death", {"died_on": "2026-10-01", "evidence": "x"})
    confirmed = post(client, "/v1/estates", claimed | {"account": divided, "confirm": True})["estate"]
    abandoned, nobodys = held_for_a_year(client)
    paying = paying_estate(client)
    hold = {"amount": "5.00", "expires_at": "2026-11-22T00:00:00Z", "institution": "H0001", "source_ref": "h"}
    claim = CLAIM | {"institution": hospital, "id_number": patient, "bill_no": "decided"}
    quiet = care_client.new_institution(client)
    post(client, f"/v1/institutions/{quiet}/reconciliations", COMPARED)
    rests = care_client.new_institution(client, services=())
    over = care_client.new_institution(client)
    post(client, f"/v1/institutions/{over}/end", {"to": "2026-10-01", "document": "x"})
    closed = new_employer(client)
    post(client, f"/v1/employers/{closed}/closure", {"on": "2026-04-30", "document": "x"})
    declared = owe(client, employer, "2026-03", {worker: "8000.00"})["declaration"]
    return {
        "account": account,
        "died": died,
        "estate": estate,
        "divided": divided,
        "confirmed": confirmed,
        "abandoned": abandoned,
        "nobodys": nobodys,
        "heirless": paying.account,
        "paying": paying.estate,
        "payout": paying.waiting,
        "reviewed": paying.reviewed,
        "paid_out": paying.paid,
        "younger": str(open_account(client, opened_on="2026-02-05")["account_no"]),
        "patient": patient,
        "relative": care_client.new_patient(client),
        "resident": care_client.new_resident(client, id_number()),
        "worker": worker,
        "employer": employer,
        "closed": closed,
        "another": new_employer(client),
        "over": over,
        "declaration": declared,
        "payment": pay(client, employer, "2026-02", "1.00", "2026-04-10")["receipt"],
        "enrolment": post(
            client,
            f"{base}/enrolments",
            {"member_class": "active", "employer": employer, "from": "2026-01-01"},
        )["enrolment"],
        "institution": hospital,
        "quiet": quiet,
        "settlement": settled,
        "case": case,
        "advanced": advanced,
        "inquiry": post(
            client,
            "/v1/cases",
            {"kind": "complaint", "channel": "window", "about": {"account": account}, "text": "两人同号"},
        )["case"],
        "visit": care_client.visit(client, hospital, patient),
        "contract": care_client.contract(client, rests, **{"from": "2026-01-01"})["contract"],
        "suspension": post(client, f"/v1/institutions/{rests}/suspensions", FROM)["suspension"],
        "filing": post(client, f"/v1/accounts/{patient}/filings", {"kind": "emergency", "from": CARE_DAY})[
            "filing"
        ],
        "quota": care_client.give(client, patient, care_client.new_patient(client), "5.00")["quota"],
        "claim": post(client, "/v1/claims", claim)["claim"],
        "clearing": post(client, f"/v1/institutions/{quiet}/clearings", {"month": "2026-09"})["clearing"],
        "entry": post(client, f"{base}/spendings", spending())["entry"],
        "hold": post(client, f"{base}/holds", hold)["hold"],
        "freeze": post(client, f"{base}/freezes", {"authority": "a", "document": "d", "from": "2026-12-01"})[
            "freeze"
        ],
        "agency_request": post(client, "/v1/agency-requests", ASKED | {"persons": [worker]})["request"],
        "approval": post(client, f"{base}/contributions", LARGE)["approval"],
        "correction": post(
            client,
            "/v1/corrections",
            {
                "kind": "parameter",
                "reason": "x",
                "from": "2026-01-01",
                "to": "2026-01-31",
                "confirm": True,
                "area": AREA,
                "parameter": "contributions.average_wage",
            },
        )["correction"],
        "card": post(client, f"{base}/cards", {"card_no": "POINTED0", "issued_on": "2026-01-05"})["card"],
        "document": post(
            client, f"/v1/employers/{employer}/documents", {"kind": "staff_list", "format": "json"}
        )["document"],
        "webhook": post(client, "/v1/webhooks", {"url": "https://pointed.example/"})["webhook"],
        "transfer": request_out(client, mover := hire(client)),
        "mover": mover,
        "announced": announce(client, worker, {**SHEET}),
        "sent": sent_out(client, sender := hire(client)),
        "sender": sender,
        "demand": demand(client, worker, "5.00"),
        "waits_for": waits_for(client, employer),
        "year": "2025",
        "period": "2026-10",
    }


def sent_out(client: TestClient, person: str) -> str:
    """A transfer whose money was sent."""
    name = request_out(client, person)
    send(client, name, "2026-11-20")
    return name


def waits_for(client: TestClient, employer: str) -> str:
    """Somebody for whom money of an employer waits, after a transfer that came to nothing."""
    person = hire(client)
    owe(client, employer, "2026-05", {person: "8000.00"})
    name = request_out(client, person)
    pay(client, employer, "2026-05", "760.00", "2026-06-10")
    reject(client, name)
    return person


SHEET = {"current_year": "1.00", "carried_over": "2.00", "interest": "0.00", "amount": "3.00"}
FROM = {"from": "2026-12-01", "reason": "x"}
LARGE = {
    "amount": "100000.00", "period": "2026-03", "effective_on": "2026-03-20", "source_ref": "large",
}  # fmt: skip
HEIR = {
    "name": "李四", "relation": "child", "title": "law", "share": "1", "born_on": "1990-01-01",
    "accepted_on": "2026-11-01", "notified_on": "2026-11-01", "waived_on": None,
}  # fmt: skip


def born_as_numbered(number: str) -> dict[str, str]:
    """An ID number, and the birthday that it says."""
    return {"id_number": number, "born_on": f"{number[6:10]}-{number[10:12]}-{number[12:14]}"}


COMPARED = {"day": "2026-10-10", "count": 0, "total": "0.00", "fund": "0.00", "account": "0.00"}
CLAIM = {
    "care_type": "outpatient",
    "care_date": CARE_DAY,
    "lines": [{"item": "X1", "class": "A", "amount": "700.00"}],
    "evidence": ["invoice"],
    "received_on": "2026-04-01",
    "injury": True,
    "cause": {"kind": "third_party", "share": "0.5"},
}
ASKED = {"agency": "a", "purpose": "court_order", "legal_basis": "l", "fields": ["balance"]}
LINE = {"item": "X1", "class": "B", "amount": "70.00", "over_limit": "0.00", "self_pay_ratio": "0.10"}
HURT = {"injury": True, "cause": {"kind": "third_party", "share": "0.5"}}


def bodies(there: dict[str, str]) -> dict[str, dict[str, Any]]:
    """A body for every route that it takes; a new one for each call."""
    bill = {
        "institution": there["institution"],
        "message_id": "pointed",
        "id_number": there["patient"],
        "care_type": "outpatient",
        "care_date": CARE_DAY,
        "lines": [LINE, LINE | {"amount": "30.00"}],
        **HURT,
    }
    relative = {"recipient": there["relative"], "relation": "child", "amount": "1.00"}
    good: dict[str, dict[str, Any]] = {
        "/v1/accounts": {
            "id_number": id_number(),
            "name": "张三",
            "area": AREA,
            "opened_on": "2026-01-05",
            "opening": {"current_year": "1.00", "carried_over": "1.00", "source_ref": "o"},
        },
        "/v1/accounts/{account}/contributions": {
            "amount": "1.00",
            "period": "2026-03",
            "effective_on": "2026-03-20",
            "source_ref": "p",
        },
        "/v1/accounts/{account}/spendings": spending(),
        "/v1/accounts/{account}/holds": {
            "amount": "5.00",
            "expires_at": "2026-11-22T00:00:00Z",
            "institution": "H0001",
            "source_ref": "p",
        },
        "/v1/holds/{hold}/capture": {"amount": "1.00", "effective_on": "2026-11-21", "source_ref": "p"},
        "/v1/holds/{hold}/release": {},
        "/v1/entries/{entry}/reversal": {"reason": "x", "effective_on": "2026-11-20"},
        "/v1/accounts/{account}/interest/corrections": {"from": 2024, "to": 2025, "reason": "x"},
        "/v1/accounts/{account}/freezes": {"authority": "a", "document": "d", "from": "2026-12-01"},
        "/v1/freezes/{freeze}/end": {"reason": "x"},
        "/v1/accounts/{account}/names": {"name": "李四", "from": "2026-03-01", "document": "d"},
        "/v1/accounts/{account}/id-numbers": {
            "id_number": id_number(),
            "from": "2026-03-01",
            "document": "d",
            "reason": "corrected",
        },
        "/v1/accounts/{account}/separation": {
            "case": there["inquiry"],
            "id_number": id_number(),
            "name": "李四",
            "document": "d",
        },
        "/v1/accounts/{account}/contacts": {
            "phone": "01099990000",
            "address": "x",
            "from": "2026-03-01",
            "document": "d",
        },
        "/v1/accounts/{account}/merge": {"into": there["account"], "document": "d"},
        "/v1/accounts/{account}/death": {"died_on": "2026-11-01", "evidence": "x"},
        "/v1/accounts/{account}/death/withdrawal": {"reason": "x", "document": "x"},
        "/v1/accounts/{account}/death/correction": {"died_on": "2026-10-30", "document": "x"},
        "/v1/accounts/{account}/estate": {
            "heirs": [{"id_number": id_number(), "name": "李四", "relation": "child", "share": "1"}],
            "paid_on": "2026-11-20",
            "confirm": True,
        },
        "/v1/estates": {
            "account": there["died"],
            "paid_on": "2026-11-21",
            "claimants": [HEIR | born_as_numbered(id_number())],
            "commitment": {"signed_by": "李四", "document": "x"},
            "confirm": True,
        },
        "/v1/estates/{estate}/disputes": {"by": "李四", "document": "x"},
        "/v1/estates/{estate}/agreement": {"shares": [{"name": "李四", "share": "1"}], "document": "x"},
        "/v1/estates/{estate}/undo": {"reason": "x", "document": "x"},
        "/v1/estates/{estate}/payouts": BANK | {"name": "丙"},
        "/v1/payouts/{payout}/review": {},
        "/v1/payouts/{payout}/paid": {"source_ref": "bank-1"},
        "/v1/payouts/{payout}/returned": {"reason": "x", "source_ref": "bank-2"},
        "/v1/estates/{estate}/unclaimed": {"paid_on": "2026-11-20", "document": "x"},
        "/v1/transfers": {
            "account": there["account"],
            "direction": "in",
            "other_agency": "330100",
            "document": "x",
            "sheet": {**SHEET},
        },
        "/v1/transfers/{transfer}/complete": {"paid_on": "2026-11-20", "source_ref": "p"},
        "/v1/transfers/{transfer}/reject": {"reason": "x"},
        "/v1/transfers/{transfer}/supplements": {
            "amount": "1.00",
            "period": "2026-03",
            "received_on": "2026-11-20",
            "source_ref": "p",
        },
        "/v1/accounts/{account}/exits": {
            "case": "settled_abroad",
            "document": "x",
            "paid_on": "2026-11-21",
        },
        "/v1/accounts/{account}/demands": {"amount": "1.00", "reason": "x", "document": "x"},
        "/v1/demands/{demand}/instalments": {
            "amount": "1.00",
            "paid_on": "2026-11-20",
            "source_ref": "p",
        },
        "/v1/accounts/{account}/releases": {
            "employer": there["employer"],
            "period": "2026-05",
            "amount": "1.00",
            "source_ref": "p",
        },
        "/v1/accounts/{account}/quotas": relative | {"rank": 1},
        "/v1/quotas/{quota}/end": {},
        "/v1/accounts/{account}/premiums": relative
        | {"recipient": there["resident"], "year": 2027, "source_ref": "p"},
        "/v1/accounts/{account}/enrolments": {
            "member_class": "active",
            "employer": there["employer"],
            "from": "2026-01-01",
            "wage": "8000.00",
        },
        "/v1/enrolments/{enrolment}/end": {"to": "2026-11-01"},
        "/v1/residents": {"id_number": id_number(), "name": "李四", "area": AREA, "from": "2026-01-01"},
        "/v1/employers": {"credit_code": credit_code(), "name": "示例制造", "area": AREA},
        "/v1/employers/{employer}/declarations": {
            "period": "2026-04",
            "lines": wages({there["worker"]: "8000.00"}),
            "control": {"lines": 1, "wages": "8000.00"},
        },
        "/v1/declarations/{declaration}/confirm": {},
        "/v1/employers/{employer}/estimates": {"period": "2026-04", "amount": "5.00"},
        "/v1/employers/{employer}/adjustments": {
            "period": "2026-03",
            "reason": "x",
            "lines": wages({there["worker"]: "8000.00"}),
        },
        "/v1/employers/{employer}/case-steps": {
            "step": "fine",
            "taken_on": "2026-05-20",
            "source_ref": "p",
            "period": "2026-03",
            "amount": "1.00",
        },
        "/v1/employers/{employer}/closure": {"on": "2026-04-30", "document": "x"},
        "/v1/employers/{employer}/reopening": {"on": "2026-04-30", "document": "x"},
        "/v1/employers/{employer}/refunds": {"amount": "1.00", "source_ref": "p", "reason": "x"},
        "/v1/payments/{payment}/reversal": {"reason": "x"},
        "/v1/receipts": {
            "employer": there["employer"],
            "period": "2026-03",
            "amount": "1.00",
            "received_on": "2026-04-10",
            "source_ref": "p",
        },
        "/v1/institutions": care_client.institution_body(),
        "/v1/employers/{employer}/staff-moves": {
            "to": there["another"],
            "from": "2026-04-01",
            "people": [there["account"]],
            "all": False,
            "document": "x",
        },
        "/v1/employers/{employer}/merger": {"into": there["another"], "from": "2026-04-01", "document": "x"},
        "/v1/employers/{employer}/changes": {"from": "2026-04-01", "name": "新名", "document": "x"},
        "/v1/institutions/{institution}/changes": {
            "from": "2026-12-01",
            "name": "新名",
            "level": 2,
            "kind": "hospital",
            "area": "990100",
            "document": "x",
        },
        "/v1/institutions/{institution}/end": {"to": "2026-12-01", "document": "x"},
        "/v1/institutions/{institution}/merger": {"into": "H0001", "from": "2026-12-01", "document": "x"},
        "/v1/institutions/{institution}/reopening": {"from": "2026-12-01", "document": "x"},
        "/v1/institutions/{institution}/contracts": {
            "from": "1995-01-01",
            "to": "1995-12-31",
            "services": ["inpatient"],
        },
        "/v1/institutions/{institution}/suspensions": {"from": "2026-12-01", "reason": "x"},
        "/v1/contracts/{contract}/end": {"to": "2026-12-31", "reason": "x"},
        "/v1/suspensions/{suspension}/end": {"to": "2026-12-31", "reason": "x"},
        "/v1/filings/{filing}/end": {"to": "2026-12-31", "reason": "x"},
        "/v1/institutions/{institution}/reconciliations": COMPARED
        | {"count": 1, "lines": [{"message_id": "m", "total": "0.00", "fund": "0.00", "account": "0.00"}]},
        "/v1/institutions/{institution}/clearings": {"month": "2026-08"},
        "/v1/clearings/{clearing}/end": {},
        "/v1/clearings/{clearing}/payment": {"source_ref": "p"},
        "/v1/settlements": bill | {"bill_no": "pointed"},
        "/v1/settlements/quote": bill,
        "/v1/settlements/correction": {"institution": there["institution"], "message_id": "none"},
        "/v1/settlements/{settlement}/reversal": {"reason": "x"},
        "/v1/visits": {
            "institution": there["institution"],
            "id_number": there["patient"],
            "care_type": "inpatient",
            "from": CARE_DAY,
        },
        "/v1/visits/{visit}/end": {},
        "/v1/accounts/{account}/filings": {"kind": "long_term", "from": "2026-03-01", "area": "990200"},
        "/v1/third-party-cases": {"settlement": there["settlement"]},
        "/v1/third-party-cases/{case}/advance": {"paid_to": "person", "application": "gone"},
        "/v1/third-party-cases/{case}/recoveries": {
            "paid": "1.00",
            "received_on": "2026-09-01",
            "means": "bank",
            "source_ref": "p",
        },
        "/v1/claims": CLAIM
        | {"institution": there["institution"], "id_number": there["patient"], "bill_no": "pointed"},
        "/v1/claims/{claim}/decision": {"approve": False, "reason": "x"},
        "/v1/approvals/{approval}/approve": {},
        "/v1/approvals/{approval}/reject": {"reason": "x"},
        "/v1/corrections": {
            "kind": "list",
            "reason": "x",
            "from": "2026-03-01",
            "to": "2026-03-31",
            "employer": there["employer"],
            "lines": wages({there["worker"]: "8000.00"}),
        },
        "/v1/agency-requests": ASKED | {"persons": [there["worker"]]},
        "/v1/agency-requests/{agency_request}/decision": {"approve": True, "reason": "x"},
        "/v1/cases": {"kind": "question", "text": "?", "about": {"account": there["account"]}},
        "/v1/cases/{case}/answer": {"outcome": "answered", "text": "!", "evidence": []},
        "/v1/me/cases": {"kind": "question", "text": "?"},
        "/v1/staff": {"actor": "clerk-7", "id_number": id_number()},
        "/v1/accounts/{account}/flags": {"reason": "x"},
        "/v1/annual-settlements/{year}": {"area": AREA},
        "/v1/annual-settlements/{year}/{account}": {},
        "/v1/year-ends/{year}": {"area": AREA},
        "/v1/retiree-credits/{period}": {"area": AREA},
        "/v1/accounts/{account}/cards": {"card_no": "POINTED1", "issued_on": "2026-01-05"},
        "/v1/cards/{card}/lost": {"reason": "x"},
        "/v1/accounts/{account}/call-back-code": {"code": "1234"},
    }
    return copy.deepcopy(good)


# what stands for a name of a path where it is not the thing of that name
INSTEAD = {
    "/v1/employers/{employer}/reopening": {"employer": "closed"},
    "/v1/institutions/{institution}/reopening": {"institution": "over"},
    "/v1/accounts/{account}/estate": {"account": "died"},
    "/v1/estates/{estate}/undo": {"estate": "confirmed"},
    "/v1/estates/{estate}/unclaimed": {"estate": "nobodys"},
    "/v1/estates/{estate}/payouts": {"estate": "paying"},
    "/v1/payouts/{payout}/paid": {"payout": "reviewed"},
    "/v1/payouts/{payout}/returned": {"payout": "paid_out"},
    "/v1/accounts/{account}/death/withdrawal": {"account": "died"},
    "/v1/accounts/{account}/death/correction": {"account": "died"},
    "/v1/accounts/{account}/merge": {"account": "younger"},
    "/v1/transfers/{transfer}/supplements": {"transfer": "sent"},
    "/v1/accounts/{account}/exits": {"account": "relative"},
    "/v1/accounts/{account}/releases": {"account": "waits_for"},
    "/v1/accounts/{account}/quotas": {"account": "patient"},
    "/v1/accounts/{account}/premiums": {"account": "patient"},
    "/v1/third-party-cases/{case}/recoveries": {"case": "advanced"},
    "/v1/annual-settlements/{year}/{account}": {"account": "patient"},
}


def call(client: TestClient, path: str, names: dict[str, str], body: dict[str, Any]) -> Any:
    """A dry run of a route. A settlement's quote is one by itself."""
    query = "" if path.endswith("/quote") else "?dry_run=true"
    return client.post(path.format(**names) + query, json=body, headers=key())


def names_of(path: str, there: dict[str, str]) -> dict[str, str]:
    return there | {name: there[stands] for name, stands in INSTEAD.get(path, {}).items()}


def test_every_posting_route_is_walked(client: TestClient, there: dict[str, str]) -> None:
    assert set(bodies(there)) | NOT_WALKED == set(POSTED)


# so that what is refused below is refused for the one thing that was changed
@pytest.mark.parametrize("path", sorted(set(POSTED) - NOT_WALKED))
def test_what_is_right_is_taken(client: TestClient, there: dict[str, str], path: str) -> None:
    answer = call(client, path, names_of(path, there), bodies(there)[path])
    if path in REFUSED_AS_IT_IS:
        assert answer.json()["code"] == REFUSED_AS_IT_IS[path]
    else:
        assert answer.status_code in {200, 201}, answer.text


# what cannot be taken without undoing what other routes need
REFUSED_AS_IT_IS = {
    "/v1/declarations/{declaration}/confirm": "already_confirmed",
    "/v1/employers/{employer}/refunds": "suspense_exceeded",
    # no interest of the account is posted yet
    "/v1/accounts/{account}/interest/corrections": "period_invalid",
    "/v1/annual-settlements/{year}/{account}": "annual_settlement_not_found",
    # nobody approves what they asked for
    "/v1/approvals/{approval}/approve": "same_person",
}


# -- the fields ----------------------------------------------------------------------------------------------


class Field(NamedTuple):
    """A date, an amount or a code somewhere in a body."""

    path: str
    pointer: str
    kind: str


def kind_of(name: str, schema: dict[str, Any]) -> str | None:
    """What a field is, by what the document says of it."""
    patterns = {AMOUNT_PATTERN: "amount", "^[0-9]{6}$": "area", "^[0-9A-Za-z]{18}$": "employer"}
    pattern = schema.get("pattern", "")
    if schema.get("format") in {"date", "date-time"}:
        return str(schema["format"])
    if pattern in patterns:
        return patterns[pattern]
    if pattern.startswith(SIGNED):
        return "amount"
    if pattern.startswith("^[0-9]{4}-"):
        return "month"
    if pattern.startswith("^([0-9]{15}"):
        return "person"
    if name == "institution":
        return "institution"
    return "share" if name == "share" else None


def fields_of(schema: dict[str, Any], pointer: str = "") -> Iterator[tuple[str, str]]:
    """(pointer, kind) of every field below a schema; of lists the first item stands for all."""
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    kind = kind_of(pointer.rsplit("/", 1)[-1], schema)
    if kind is not None:
        yield pointer, kind
        return
    for one in schema.get("anyOf", ()):
        if one.get("type") != "null":
            found = kind_of(pointer.rsplit("/", 1)[-1], schema | one)
            if found is not None:
                yield pointer, found
                return
            yield from fields_of(one, pointer)
    if "items" in schema:
        yield from fields_of(schema["items"], f"{pointer}/0")
    for name, below in schema.get("properties", {}).items():
        yield from fields_of(below, f"{pointer}/{name}")


FIELDS = [
    Field(path, pointer, kind)
    for path, operation in POSTED.items()
    if path not in NOT_WALKED
    for pointer, kind in dict(
        fields_of(operation["requestBody"]["content"]["application/json"]["schema"])
    ).items()
]
WRONG: dict[str, list[Any]] = {
    "date": ["9999-12-31", "1900-01-01"],
    "date-time": ["9999-12-31T00:00:00Z", "2000-01-01T00:00:00Z"],
    "amount": ["x", "9999999999.99", "0.00"],
    "month": ["x", "2999-01"],
    "area": ["000001"],
    "employer": ["x"],
    "person": ["119999195003140010"],
    "institution": ["H9999"],
    "share": ["x"],
}


def changed(body: dict[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """The body with another value at one place."""
    *way, last = [int(part) if part.isdigit() else part for part in pointer[1:].split("/")]
    part: Any = body
    for step in way:
        part = part[step] if isinstance(step, int) else part.setdefault(step, {})
    part[last] = value
    return body


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field.path}{field.pointer}")
def test_a_refusal_says_which_field(client: TestClient, there: dict[str, str], field: Field) -> None:
    told = []
    for value in WRONG[field.kind]:
        body = changed(bodies(there)[field.path], field.pointer, value)
        answer = call(client, field.path, names_of(field.path, there), body)
        if answer.status_code >= 400:
            assert "9999999999.99" not in answer.text
            problem = answer.json()
            errors = problem.get("errors", [])
            told.append((value, problem["code"], [(error["in"], error["pointer"]) for error in errors]))
    named = [one for one in told if one[2] == [("body", field.pointer)]]
    assert named, told
    # one value may clash with another field, which is named then; of what the policy lacks its day is told
    assert all(places or code == "rates_missing" for _value, code, places in told), told


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field.path}{field.pointer}")
def test_a_wrong_shape_says_which_field(client: TestClient, there: dict[str, str], field: Field) -> None:
    body = changed(bodies(there)[field.path], field.pointer, {"not": "this"})
    answer = call(client, field.path, names_of(field.path, there), body)
    assert answer.status_code == 422
    assert field.pointer in [error["pointer"] for error in answer.json()["errors"]]


# -- beside the body -----------------------------------------------------------------------------------------

NAMES = [
    (path, parameter["name"])
    for path, operation in POSTED.items()
    for parameter in operation.get("parameters", ())
    if parameter["in"] == "path" and path not in NOT_WALKED
]


def places(answer: Any) -> list[tuple[str, str]]:
    return [(error["in"], error["pointer"]) for error in answer.json().get("errors", ())]


@pytest.mark.parametrize(("path", "name"), NAMES)
def test_a_refusal_says_which_name_of_the_path(
    client: TestClient, there: dict[str, str], path: str, name: str
) -> None:
    answer = call(client, path, names_of(path, there) | {name: "x"}, bodies(there)[path])
    assert answer.status_code in {404, 422}
    assert places(answer) == [("path", name)]


@pytest.mark.parametrize(
    ("path", "code", "place"),
    [
        ("/v1/accounts/{account}/balance?as_of=2099-01-01", "period_invalid", "as_of"),
        ("/v1/accounts/{account}/balance?as_known=2099-01-01T00:00:00Z", "period_invalid", "as_known"),
        ("/v1/accounts/{account}/explain?as_of=2099-01-01", "period_invalid", "as_of"),
        ("/v1/accounts/{account}/entries?from=x", "shape_invalid", "from"),
        ("/v1/accounts/{account}/entries?limit=x", "shape_invalid", "limit"),
        ("/v1/accounts/{account}/entries?cursor=x", "shape_invalid", "cursor"),
        ("/v1/accounts/{account}/payments?from=x", "period_invalid", "from"),
        ("/v1/accounts/{account}/payments?to=x", "period_invalid", "to"),
        ("/v1/employers/{employer}/payments?period=x", "period_invalid", "period"),
        ("/v1/institutions/{institution}/statement?month=x", "period_invalid", "month"),
        ("/v1/institutions/{institution}/statement?month=2099-01", "period_invalid", "month"),
        ("/v1/reports/trial-balance?on=2099-01-01", "period_invalid", "on"),
        ("/v1/accounts/{account}?forgotten=1", "unknown_field", "forgotten"),
    ],
)
def test_a_refusal_says_which_key_of_the_query(
    client: TestClient, there: dict[str, str], path: str, code: str, place: str
) -> None:
    answer = client.get(path.format(**there))
    assert (answer.json()["code"], places(answer)) == (code, [("query", place)])


def test_a_refusal_says_which_header(client: TestClient, there: dict[str, str]) -> None:
    path = f"/v1/accounts/{there['account']}/spendings"
    for headers in ({}, {"Idempotency-Key": " "}):
        answer = client.post(path, json=spending(), headers=headers)
        assert places(answer) == [("header", "Idempotency-Key")]


def test_a_file_says_its_month_in_the_query(client: TestClient, there: dict[str, str]) -> None:
    path = f"/v1/employers/{there['employer']}/declarations"
    content = f"id_number,wage\n{there['worker']},8000.00\n".encode()

    def sent(query: str) -> list[tuple[str, str]]:
        return places(
            client.post(path + query, content=content, headers=key() | {"Content-Type": "text/csv"})
        )

    assert sent("") == sent("?period=2099-01") == [("query", "period")]
    assert sent("?period=2026-04&lines=2") == [("query", "lines")]
    assert sent("?period=2026-04&wages=1.00") == [("query", "wages")]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("extra", "/extra"),
        ("amount_2", "/amount_2"),
        ("sourceRef", "/sourceRef"),
        # what might be more than a name
        ("Extra", ""),
        ("extra-field", ""),
        ("张三", ""),
        ("x" * 65, ""),
        ("119999198503140015", ""),
        ("n119999198503140015", ""),
        ("born_19850314", ""),
        # digits apart are digits too
        ("a1199_9919_8503_1400_15", ""),
        ("tel_138_0013_8000", ""),
        ("zhang_san_1985", ""),
        ("extra/~1", ""),
        ("", ""),
    ],
)
def test_an_unknown_field_is_named_when_it_is_just_a_name(
    client: TestClient, there: dict[str, str], name: str, told: str
) -> None:
    path = f"/v1/accounts/{there['account']}/spendings"
    answer = client.post(path, json=spending() | {name: 1}, headers=key())
    assert (answer.json()["code"], places(answer)) == ("unknown_field", [("body", told)])
    below = care_client.bill(there["institution"], there["patient"], [("A", "1.00")])
    below["lines"][0][name] = 1
    answer = client.post("/v1/settlements", json=below, headers=key())
    assert places(answer) == [("body", f"/lines/0{told}")]
    # one that is not told is counted
    place = "" if told else f": number {len(below['lines'][0])} of its object"
    assert answer.json()["errors"][0]["detail"] == f"a field that is not known{place}"


def objects(part: Any, pointer: str = "") -> Iterator[str]:
    """The pointer of every object in a body."""
    if isinstance(part, dict):
        yield pointer
    for name, below in part.items() if isinstance(part, dict) else enumerate(part):
        if isinstance(below, dict | list):
            yield from objects(below, f"{pointer}/{name}")


@pytest.mark.parametrize("path", sorted(set(POSTED) - NOT_WALKED))
def test_an_unknown_field_is_named_wherever_it_stands(
    client: TestClient, there: dict[str, str], path: str
) -> None:
    for pointer in objects(bodies(there)[path]):
        body = changed(bodies(there)[path], f"{pointer}/forgotten", 1)
        answer = call(client, path, names_of(path, there), body)
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_field")
        assert places(answer) == [("body", f"{pointer}/forgotten")]


GOT = [
    (path, parameter["in"], parameter["name"])
    for path, operations in DOCUMENT["paths"].items()
    if "get" in operations and path not in FOR_AUDITORS
    for parameter in operations["get"].get("parameters", ())
    if parameter["in"] in {"path", "query"}
]


@pytest.mark.parametrize(("path", "place", "name"), GOT)
def test_a_refusal_says_which_part_of_what_is_read(
    client: TestClient,
    there: dict[str, str],
    let_in: Callable[[str], dict[str, str]],
    path: str,
    place: str,
    name: str,
) -> None:
    names = there | {"area": AREA, "day": "2026-10-10", "batch": "none", "year": "2025"}
    for value in ("x", "2099-01-01", "0001-01-01", "9999-12", "0001-01", "0"):
        url = path.format(**names | ({name: value} if place == "path" else {}))
        params = {name: value} if place == "query" else {}
        answer = client.get(url, params=params, headers=let_in(path))
        if answer.status_code >= 400 and answer.json()["code"] != "batch_not_found":
            assert places(answer) == [(place, name)], (value, answer.text)


@pytest.mark.parametrize("atomic", [False, True])
@pytest.mark.parametrize("dry_run", ["", "?dry_run=true"])
def test_a_bulk_says_which_field_of_which_command(
    client: TestClient, there: dict[str, str], atomic: bool, dry_run: str
) -> None:
    spend = {"verb": "spend", "account": there["account"], **spending()}

    def command(**more: Any) -> dict[str, Any]:
        return spend | {"idempotency_key": f"b-{key()['Idempotency-Key']}"} | more

    sent = {
        "/commands/0/effective_on": command(effective_on="2099-01-01"),
        "/commands/1/amount": command(amount="x"),
        "/commands/2/institution": command(institution="H9999"),
        "/commands/3/account": command(account="P000000000000Z"),
        "/commands/4/amount": command(amount=5),
        "/commands/5/extra": command(extra=1),
        "/commands/6/idempotency_key": command(idempotency_key=None),
        "/commands/7/verb": {"verb": "none"},
        "/commands/8/hold": {"verb": "release", "hold": "x", "idempotency_key": "b-hold"},
        "/commands/9/entry": {
            "verb": "reverse",
            "entry": f"{there['account']}-99",
            "reason": "x",
            "idempotency_key": "b-entry",
        },
    }
    commands = list(sent.values())
    if atomic:
        # what cannot be read refuses the group before it is posted, and then nothing else is judged
        commands = [{"verb": "open"} if 4 <= place < 9 else one for place, one in enumerate(commands)]
    answer = client.post(f"/v1/bulk{dry_run}", json={"commands": commands, "atomic": atomic}).json()
    told = [[error["pointer"] for error in one.get("errors", ())] for one in answer["outcomes"]]
    if not atomic:
        assert told == [[pointer] for pointer in sent]
        return
    assert told[0] == told[1] == told[2] == told[9] == []
    assert told[3] == ["/commands/3/account"]
    assert "/commands/4/id_number" in told[4]


def test_a_bulk_counts_through_its_chunks(client: TestClient, there: dict[str, str]) -> None:
    many = [{"verb": "spend"}] * 1_000 + [
        {"verb": "spend", "account": there["account"], "idempotency_key": "far", **spending(amount="x")}
    ]
    outcomes = client.post("/v1/bulk", json={"commands": many}).json()["outcomes"]
    assert [error["pointer"] for error in outcomes[1_000]["errors"]] == ["/commands/1000/amount"]
    assert outcomes[999]["errors"][0]["pointer"].startswith("/commands/999/")
