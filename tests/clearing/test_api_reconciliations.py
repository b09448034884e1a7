"""Reconciliations, clearings and statements over HTTP: shapes, refusals, limits, and who may do what."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.institutions.clearings import (
    ClearingAnswer,
    ClearingEndAnswer,
    ClearingPage,
    InstitutionPaymentAnswer,
)
from api.institutions.reconciliations import LINES_MAX, LinePage, ReconciliationAnswer, ReconciliationPage
from api.institutions.statements import StatementAnswer
from ledger.access.tokens import SCOPES, mint
from ledger.care.taking_back import CorrectMessage, ReverseSettlement
from ledger.policy import load_policies
from ledger.posting import Posted
from ledger.posting.way_in import post
from tests.support.api_client import NOW, key, running
from tests.support.clinic import Clinic
from tests.support.employer_client import refusal, taken
from tests.support.people import AREA, World, noon

DAY, NEXT = date(2026, 3, 10), date(2026, 3, 11)
_messages = itertools.count(1)
NOTHING = {"count": 0, "total": "0.00", "fund": "0.00", "account": "0.00"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


@pytest.fixture
def clinic(engine: Engine) -> Clinic:
    return Clinic(World(engine, now=NOW))


class Hospital:
    """An institution over HTTP; its bills are posted beneath it, on the days they are of."""

    def __init__(self, client: TestClient, clinic: Clinic) -> None:
        self.client = client
        self.clinic = clinic
        self.code = clinic.institution()
        self.path = f"/v1/institutions/{self.code}"

    @property
    def book(self) -> int:
        return self.clinic.parties[self.code]

    def bill(self, yuan: str = "500.00", account: str = "0.00", day: date = DAY) -> Any:
        patient = self.clinic.patient(account)
        message = f"msg-{next(_messages):05d}"
        return self.clinic.settle(self.code, patient, [("A", yuan)], day=day, today=day, message_id=message)

    def reconcile(self, body: dict[str, Any], **more: Any) -> Any:
        return self.client.post(f"{self.path}/reconciliations", json=body, headers=key(), **more)

    def compare(self, lines: list[dict[str, str]] | None = None, day: date = DAY, **totals: Any) -> Any:
        """Reconcile a day; the answer. Without lines or totals with just what the agency has."""
        body = NOTHING | {"day": day.isoformat()} | totals
        if lines is not None:
            body |= {"lines": lines, "count": len(lines), **{name: total(lines, name) for name in AMOUNTS}}
        return taken(self.reconcile(body), ReconciliationAnswer)

    def agree(self, day: date = DAY) -> Any:
        lines = self.lines(day)
        answer = self.compare(lines, day)
        assert answer["result"] == "balanced"
        return answer

    def lines(self, day: date = DAY) -> list[dict[str, str]]:
        items = taken(self.client.get(f"{self.path}/reconciliations/{day}/lines?limit=500"), LinePage, 200)
        return list(items["items"])

    def clearing(self, month: str = "2026-03", **more: Any) -> Any:
        return self.client.post(f"{self.path}/clearings", json={"month": month}, headers=key(), **more)

    def clear(self, month: str = "2026-03") -> Any:
        return taken(self.clearing(month), ClearingAnswer)

    def statement(self, month: str = "2026-03", more: str = "") -> Any:
        return taken(self.client.get(f"{self.path}/statement?month={month}{more}"), StatementAnswer, 200)


AMOUNTS = ("total", "fund", "account")


def total(lines: list[dict[str, str]], name: str) -> str:
    fen = sum(int(line[name].replace(".", "")) for line in lines)
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


@pytest.fixture
def hospital(client: TestClient, clinic: Clinic) -> Hospital:
    return Hospital(client, clinic)


def act(client: TestClient, clearing: Any, what: str, body: Any = None, headers: Any = None) -> Any:
    name = clearing if isinstance(clearing, str) else clearing["clearing"]
    return client.post(f"/v1/clearings/{name}/{what}", json=body or {}, headers=key() | (headers or {}))


# -- a day -----------------------------------------------------------------------------------------------


def test_e65(hospital: Hospital) -> None:
    """E65: three bills and 1,500.00 on both sides; the account 320.00 here and 300.00 there."""
    for account in ("100.00", "100.00", "120.00"):
        hospital.bill(account=account)
    ours = hospital.lines()
    told: dict[str, Any] = {"count": 3, "total": "1500.00", "fund": "0.00", "account": "300.00"}
    answer = hospital.compare(**told)
    assert (answer["result"], answer["day"], answer["theirs"]) == ("different", "2026-03-10", told)
    assert answer["ours"] == told | {"account": "320.00"}
    assert (answer["differences"], answer["differences_count"]) == (None, None)
    assert answer["reconciliation"].startswith("I")
    wrong = next(line for line in ours if line["account"] == "120.00")
    theirs = [line | {"account": "100.00"} for line in ours]
    answer = hospital.compare(theirs)
    amounts = {name: wrong[name] for name in AMOUNTS}
    assert (answer["result"], answer["differences_count"]) == ("different", 1)
    assert answer["differences"] == [
        {
            "kind": "amount_diff",
            "message_id": wrong["message_id"],
            "ours": amounts,
            "theirs": amounts | {"account": "100.00"},
            "total": "0.00",
            "fund": "0.00",
            "account": "20.00",
        }
    ]


def test_lines_of_one_side_alone_and_their_repair(hospital: Hospital, clinic: Clinic) -> None:
    bill = hospital.bill()
    message = hospital.lines()[0]["message_id"]
    lost = {"message_id": "lost-1", "total": "80.00", "fund": "0.00", "account": "0.00"}
    answer = hospital.compare([lost])
    assert [(one["kind"], one["message_id"], one["total"]) for one in answer["differences"]] == [
        ("institution_only", "lost-1", "-80.00"),
        ("agency_only", message, "500.00"),
    ]
    assert (answer["differences"][0]["ours"], answer["differences"][1]["theirs"]) == (None, None)
    reversal = ReverseSettlement(bill.receipt.book_id, bill.receipt.seq, "not theirs", repairs=DAY)
    clinic.world.one(reversal)
    repair = clinic.command(
        hospital.code, clinic.patient(), clinic.bill([("A", "80.00")]), message_id="lost-1", repairs=DAY
    )
    clinic.world.one(repair)
    answer = hospital.compare([lost])
    assert (answer["result"], answer["differences"]) == ("balanced", [])
    # a reversal is a line below zero, and may be sent as such
    assert {line["total"] for line in hospital.lines()} == {"500.00", "-500.00", "80.00"}
    assert hospital.compare(hospital.lines())["result"] == "balanced"
    assert hospital.compare(count=1, total="80.00")["result"] == "balanced"


def test_the_first_answer_again(hospital: Hospital, clinic: Clinic) -> None:
    hospital.bill()
    lines = hospital.lines()
    body = NOTHING | {"day": "2026-03-10", "lines": []}
    headers = key()
    path = f"{hospital.path}/reconciliations"
    first = hospital.client.post(path, json=body, headers=headers)
    party = hospital.book
    clinic.world.one(CorrectMessage(party, hospital.code, party, lines[0]["message_id"], AREA))
    again = hospital.client.post(path, json=body, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(first.json()["differences"]) == 1
    assert refusal(hospital.client.post(path, json=body | {"lines": None}, headers=headers)) == (
        422,
        "idempotency_key_reused",
    )
    assert refusal(hospital.client.post(path, json=body)) == (400, "idempotency_key_missing")


def test_a_dry_run_writes_nothing(hospital: Hospital) -> None:
    answer = hospital.reconcile(NOTHING | {"day": "2026-03-10"}, params={"dry_run": "true"})
    assert (answer.status_code, answer.json()["dry_run"], answer.json()["result"]) == (200, True, "balanced")
    listed = hospital.client.get(f"{hospital.path}/reconciliations").json()
    assert listed == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        pytest.param({"day": "2026-11-22"}, "period_invalid", id="tomorrow"),
        pytest.param({"total": "1.0"}, "amount_invalid", id="no amount"),
        pytest.param({"fund": "-0.00"}, "amount_invalid", id="no zero below zero"),
        pytest.param({"account": "--1.00"}, "amount_invalid", id="two signs"),
        pytest.param({"account": 1}, "amount_invalid", id="a number"),
        pytest.param({"account": ""}, "amount_invalid", id="nothing"),
        pytest.param({"count": 1, "lines": []}, "amount_mismatch", id="another count"),
        pytest.param({"total": "-1.00", "lines": []}, "amount_mismatch", id="another total"),
        pytest.param({"count": -1}, "shape_invalid", id="less than no line"),
        pytest.param({"count": "1"}, "shape_invalid", id="a count as text"),
        pytest.param({"count": 1.5}, "shape_invalid", id="no whole number"),
        pytest.param({"count": True}, "shape_invalid", id="no number"),
        pytest.param({"day": "2026-02-30"}, "shape_invalid", id="no day"),
        pytest.param({"patients": []}, "unknown_field", id="another field"),
        pytest.param(
            {"count": 1, "lines": [{"message_id": "m", "total": "x", "fund": "0.00", "account": "0.00"}]},
            "amount_invalid",
            id="a line of no amount",
        ),
        pytest.param(
            {"lines": [{"message_id": "m 1", "total": "0.00", "fund": "0.00", "account": "0.00"}]},
            "shape_invalid",
            id="no message id",
        ),
    ],
)
def test_refused_reconciliations(hospital: Hospital, changed: dict[str, Any], code: str) -> None:
    assert refusal(hospital.reconcile(NOTHING | {"day": "2026-03-10"} | changed)) == (422, code)


def test_no_such_institution(client: TestClient) -> None:
    body = NOTHING | {"day": "2026-03-10"}
    path = "/v1/institutions/X9999"
    for answer in (
        client.post(f"{path}/reconciliations", json=body, headers=key()),
        client.post(f"{path}/clearings", json={"month": "2026-03"}, headers=key()),
        client.get(f"{path}/reconciliations"),
        client.get(f"{path}/reconciliations/2026-03-10/lines"),
        client.get(f"{path}/clearings"),
        client.get(f"{path}/statement?month=2026-03"),
    ):
        assert refusal(answer) == (422, "institution_unknown")


# -- lists -----------------------------------------------------------------------------------------------


def test_lists_page_by_page_and_as_csv(hospital: Hospital) -> None:
    for number in range(3):
        hospital.bill(f"{number + 1}0.00")
    compared = [hospital.compare(day=day) for day in (DAY, NEXT, DAY)]
    path = f"{hospital.path}/reconciliations"
    first = taken(hospital.client.get(f"{path}?limit=2"), ReconciliationPage, 200)
    cursor = first["next_cursor"]
    rest = taken(hospital.client.get(f"{path}?limit=2&cursor={cursor}"), ReconciliationPage, 200)
    shown = [*first["items"], *rest["items"]]
    assert rest["next_cursor"] is None
    assert shown == [{name: told for name, told in one.items() if name != "differences"} for one in compared]
    assert [(one["day"], one["result"]) for one in shown] == [
        ("2026-03-10", "different"),
        ("2026-03-11", "balanced"),
        ("2026-03-10", "different"),
    ]
    csv = hospital.client.get(path, headers={"Accept": "text/csv"}).text.split("\r\n")
    assert csv[0].startswith("\ufeff对账条目,对账日期")
    assert csv[1].split(",")[1:8] == ["2026-03-10", "不平", "3", "60.00", "0.00", "0.00", "0"]
    path = f"{path}/2026-03-10/lines"
    pages, cursor = [], ""
    page: Any = None
    for _ in range(3):
        page = taken(hospital.client.get(f"{path}?limit=1{cursor}"), LinePage, 200)
        pages += page["items"]
        cursor = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert pages == hospital.lines()
    csv = hospital.client.get(path, headers={"Accept": "text/csv"}).text.split("\r\n")
    assert csv[1:4] == [",".join(line[name] for name in ("message_id", *AMOUNTS)) for line in pages]
    assert refusal(hospital.client.get(f"{hospital.path}/reconciliations/today/lines")) == (
        422,
        "shape_invalid",
    )


# -- a month ---------------------------------------------------------------------------------------------


def test_a_month_is_cleared_and_paid(hospital: Hospital) -> None:
    hospital.bill("1000.00", "80.00")
    answer = hospital.clearing()
    assert refusal(answer) == (409, "not_reconciled")
    assert answer.json()["facts"] == {"days": ["2026-03-10"], "days_in_all": 1}
    hospital.agree()
    cleared = hospital.clear()
    sums = {"count": 1, "total": "1000.00", "fund": "240.00", "account": "80.00", "mutual": "0.00"}
    assert {name: cleared[name] for name in sums} == sums
    assert (cleared["owed"], cleared["state"], cleared["month"]) == ("320.00", "cleared", "2026-03")
    assert (cleared["payment"], cleared["paid"], cleared["source_ref"]) == (None, "0.00", None)
    assert refusal(hospital.clearing()) == (409, "already_cleared")
    assert refusal(hospital.reconcile(NOTHING | {"day": "2026-03-10"})) == (409, "already_cleared")

    client = hospital.client
    paid = taken(act(client, cleared, "payment", {"source_ref": "order-1"}), InstitutionPaymentAnswer)
    assert (paid["clearing"], paid["state"], paid["amount"]) == (cleared["clearing"], "paid", "320.00")
    assert (paid["month"], paid["source_ref"]) == ("2026-03", "order-1")
    assert refusal(act(client, cleared, "payment", {"source_ref": "order-2"})) == (409, "clearing_paid")
    assert refusal(act(client, cleared, "end")) == (409, "clearing_paid")
    other = hospital.clear("2026-02")
    assert refusal(act(client, other, "payment", {"source_ref": "order-1"})) == (409, "duplicate_source_ref")

    told = hospital.statement()
    assert (told["institution"], told["month"]) == (hospital.code, "2026-03")
    assert {name: told[name] for name in sums} == sums
    assert told["days"] == [{"day": "2026-03-10", **sums, "state": "balanced"}]
    assert (told["owed"], told["paid"], told["owes"], told["carried"]) == ("320.00", "320.00", "0.00", "0.00")
    assert told["clearing"] == cleared | {
        "state": "paid",
        "payment": paid["payment"],
        "paid": "320.00",
        "source_ref": "order-1",
    }


def test_a_clearing_is_taken_back(hospital: Hospital) -> None:
    hospital.bill()
    hospital.agree()
    cleared, client = hospital.clear(), hospital.client
    ended = taken(act(client, cleared, "end"), ClearingEndAnswer)
    assert (ended["clearing"], ended["state"], ended["month"]) == (cleared["clearing"], "ended", "2026-03")
    assert refusal(act(client, cleared, "end")) == (409, "clearing_ended")
    assert refusal(act(client, cleared, "payment", {"source_ref": "o"})) == (409, "clearing_ended")
    again = hospital.clear()
    listed = taken(client.get(f"{hospital.path}/clearings?limit=1"), ClearingPage, 200)
    assert listed["items"] == [cleared | {"state": "ended"}]
    more = client.get(f"{hospital.path}/clearings?cursor={listed['next_cursor']}").json()
    assert more == {"items": [again], "next_cursor": None}
    csv = client.get(f"{hospital.path}/clearings", headers={"Accept": "text/csv"}).text.split("\r\n")
    assert [line.split(",")[1:3] for line in csv[1:3]] == [["2026-03", "已撤销"], ["2026-03", "已清算"]]


@pytest.mark.parametrize("month", ["2026-11", "2027-01", "2026-13", "March"])
def test_months_that_are_not_cleared(hospital: Hospital, month: str) -> None:
    answer = hospital.clearing(month)
    assert refusal(answer) == (422, "period_invalid")
    assert answer.json()["facts"] == {"earliest": "1990-01", "latest": "2026-10"}


def test_no_such_clearing(hospital: Hospital) -> None:
    reconciled = hospital.agree()["reconciliation"]
    for name in (reconciled, "X", "I000000000000-1", f"{reconciled.rpartition('-')[0]}-99"):
        assert refusal(act(hospital.client, name, "end")) == (404, "clearing_not_found")
        pay = act(hospital.client, name, "payment", {"source_ref": "o"})
        assert refusal(pay) == (404, "clearing_not_found")


def test_statements(hospital: Hospital) -> None:
    hospital.bill("30.00", "20.00")
    hospital.bill("10.00", day=NEXT)
    hospital.agree()
    path = f"{hospital.path}/statement"
    told = hospital.statement(more="&single=true")
    assert (told["owes"], told["single"], told["clearing"]) == ("20.00", "0.00", None)
    assert [(day["day"], day["state"]) for day in told["days"]] == [
        ("2026-03-10", "balanced"),
        ("2026-03-11", "open"),
    ]
    assert hospital.statement()["single"] is None
    csv = hospital.client.get(f"{path}?month=2026-03", headers={"Accept": "text/csv"}).text
    assert csv.split("\r\n")[1:3] == [
        "2026-03-10,1,30.00,0.00,20.00,0.00,已平",
        "2026-03-11,1,10.00,0.00,0.00,0.00,未对账",
    ]
    assert hospital.statement("2026-11")["days"] == []
    for query, code in (("month=2026-12", "period_invalid"), ("month=x", "period_invalid")):
        assert refusal(hospital.client.get(f"{path}?{query}")) == (422, code)
    assert refusal(hospital.client.get(f"{path}?single=yes")) == (422, "shape_invalid")
    # without a month it is the last one
    assert hospital.client.get(path).json()["month"] == "2026-10"


READS = ("reconciliations", "reconciliations/2026-03-10/lines", "clearings", "statement?month=2026-03")


# -- who may ---------------------------------------------------------------------------------------------


def bearer(folder: Path, scopes: list[str], institution: str) -> dict[str, str]:
    token = mint(
        folder / "keys", scopes, "his", "cashier", datetime.now(UTC), timedelta(hours=1),
        institution=institution,
    )  # fmt: skip
    return {"Authorization": f"Bearer {token}"}


def test_an_institution_settles_its_own_days_and_pays_nothing(
    hospital: Hospital, folder: Path, clinic: Clinic
) -> None:
    own = bearer(folder, ["clearings:read", "clearings:write"], hospital.code)
    client = hospital.client
    body = NOTHING | {"day": "2026-03-10"}
    other = Hospital(client, clinic)
    for path, status in ((hospital.path, 201), (other.path, 403)):
        assert client.post(f"{path}/reconciliations", json=body, headers=own | key()).status_code == status
        month = {"month": "2026-03"}
        assert client.post(f"{path}/clearings", json=month, headers=own | key()).status_code == status
        for read in READS:
            assert client.get(f"{path}/{read}", headers=own).status_code == (200 if status == 201 else 403)
    [cleared] = client.get(f"{hospital.path}/clearings").json()["items"]
    others = other.clear()
    payment = act(client, cleared, "payment", {"source_ref": "o"}, own)
    assert (refusal(payment), payment.json()["facts"]) == ((403, "scope_missing"), {"scope": "clearings:pay"})
    every = bearer(folder, list(SCOPES), hospital.code)
    assert refusal(act(client, others, "payment", {"source_ref": "o"}, every)) == (403, "scope_missing")
    assert refusal(act(client, others, "end", headers=own)) == (403, "scope_missing")
    assert act(client, cleared, "end", headers=own).status_code == 201


# -- ten thousand lines ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_day_of_ten_thousand_lines_is_one_call(hospital: Hospital, clinic: Clinic) -> None:
    """Five thousand at the agency too. The body is larger than others may be."""
    patients = [clinic.patient() for _ in range(100)]
    bill = clinic.bill([("C", "10.00")], bill_no=None, again=True)
    messages = [f"HIS-{hospital.code}-20260310-window-17-bill-{number:021d}" for number in range(LINES_MAX)]
    commands = [
        clinic.command(hospital.code, patients[place % 100], bill, message_id=message)
        for place, message in enumerate(messages[:5_000])
    ]
    policies = {int(area): policy for area, policy in load_policies().items()}
    with clinic.world.engine.connect() as connection:
        for start in range(0, len(commands), 500):
            outcomes = post(connection, commands[start : start + 500], noon(DAY), DAY, policies)
            assert all(isinstance(one, Posted) for one in outcomes)
    lines = [{"message_id": one, "total": "10.00", "fund": "0.00", "account": "0.00"} for one in messages]
    body = {"day": "2026-03-10", "count": LINES_MAX, "total": "100000.00", "fund": "0.00", "account": "0.00"}
    assert len(json.dumps(body | {"lines": lines})) > 1 << 20
    answer = taken(hospital.reconcile(body | {"lines": lines}), ReconciliationAnswer)
    assert answer["ours"]["count"] == 5_000
    assert (answer["differences_count"], len(answer["differences"])) == (5_000, 1_000)
    assert {one["kind"] for one in answer["differences"]} == {"institution_only"}
    # one line more is refused, and a body that is larger still is not even read
    assert refusal(hospital.reconcile(body | {"lines": [*lines, lines[0]]})) == (422, "shape_invalid")
    large = "x" * (16 << 20)
    assert refusal(hospital.reconcile(body | {"lines": large})) == (413, "body_too_large")
    assert refusal(
        hospital.client.post(f"{hospital.path}/clearings", json={"month": large[: 1 << 20]}, headers=key())
    ) == (413, "body_too_large")
