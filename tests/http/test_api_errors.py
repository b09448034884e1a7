"""Bad input: every kind of it gets a clear code, nothing is posted, and nothing of it is told back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from api.http.asgi import BODY_MAX, BULK_BODY_MAX
from api.http.errors import answer_to, problem_document
from api.http.problems import DoorCode
from ledger import Failed, Overloaded, RefusalCode, Stopped, Unavailable, Unknown
from tests.support.api_client import AREA, contribute, id_number, key, open_account, running, spending
from tests.support.care_client import new_institution

ROOT = Path(__file__).resolve().parents[2]
SENTINEL = "QQQsentinelQQQ"


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client


@pytest.fixture(scope="module")
def account(client: TestClient) -> str:
    number = str(open_account(client)["account_no"])
    contribute(client, number)
    return number


def refusal(answer: Any) -> tuple[int, str]:
    """Status and code of a problem; its form is looked at on the way."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"/problems/{problem['code'].replace('_', '-')}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert SENTINEL not in answer.text
    return answer.status_code, problem["code"]


def raw(client: TestClient, path: str, body: bytes, **headers: str) -> Any:
    sent = {"content-type": "application/json"} | key() | headers
    return client.post(path, content=body, headers=sent)


# -- the table of codes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", RefusalCode)
def test_statuses_follow_the_rule_of_the_issue(code: RefusalCode) -> None:
    if code.endswith("_not_found"):
        assert code.words.status == 404
    elif code in {"decider_asked", "own_case", "same_person"}:
        # for the person who acts, whatever the token says
        assert code.words.status == 403
    elif code in {"json_malformed", "idempotency_key_missing", "idempotency_key_invalid"}:
        assert code.words.status == 400
    elif code in {"mandate_ended", "inquiry_locked", "factor_wrong"}:
        # who asks is not the one who may
        assert code.words.status == 403
    elif code.startswith(("account_", "hold_", "duplicate_")) or code in {
        *("insufficient_balance", "already_reversed", "not_reversible", "period_closed", "period_after_end"),
        *("open_items", "opening_differs"),
        # states too
        *(
            "freeze_ended",
            "year_not_over",
            "retention_not_over",
            "rates_missing",
            "alias_conflict",
            "group_refused",
        ),
        *("employer_differs", "already_confirmed", "already_declared", "nothing_assessed", "no_last_month"),
        *("no_good_line", "enrolment_ended", "enrolment_differs", "suspense_exceeded"),
        "cap_exceeded",
        *("institution_differs", "contract_overlaps", "cancelled_before_arrival", "message_corrected"),
        *(
            "not_last",
            "nothing_to_correct",
            "reversal_window_passed",
            "quote_stale",
            "visit_settled",
            "visit_ended",
        ),
        *("estimates_exhausted", "filing_differs", "filing_ended", "contract_ended", "suspension_ended"),
        *("institution_ended", "institution_not_ended"),
        *("employer_closed", "employer_not_closed", "nobody_enrolled"),
        *(
            "quota_ended",
            "quota_too_high",
            "premium_not_owed",
            "donor_paused",
            "not_reconciled",
            "already_cleared",
        ),
        *("clearing_ended", "clearing_paid", "claim_decided", "already_advanced", "nothing_advanced"),
        *("set_off_not_allowed", "card_in_use", "card_differs"),
        *("heirs_disputed", "estate_not_confirmed", "estate_not_held"),
        *("estate_paid_out", "payout_state", "nothing_payable"),
        *("retiree", "transfer_state", "demand_paid", "amount_differs"),
        *("agency_request_decided", "agency_request_undecided", "agency_request_rejected"),
        *(
            "agency_request_answered",
            "approval_decided",
            "approval_rejected",
            "approval_expired",
            "approval_needed",
            "webhook_in_use",
            "merge_order",
            "id_number_shared",
            "correction_overlaps",
            "case_answered",
            "case_not_answered",
            "statement_not_sealed",
            "document_damaged",
            "document_not_kept",
        ),
    }:
        assert code.words.status == 409
    else:
        assert code.words.status == 422


def test_a_problem_tells_amounts_in_yuan_and_days_in_iso() -> None:
    document = problem_document(
        RefusalCode.INSUFFICIENT_BALANCE, "r", {"available_fen": 1250, "latest": date(2026, 3, 1), "n": 3}
    )
    assert document["facts"] == {"available": "12.50", "latest": "2026-03-01", "n": 3}


# codes that no call can lead to, and why
UNREACHED = {
    RefusalCode.FILE_INVALID: "files come through the command line",
    RefusalCode.ALIAS_CONFLICT: "second ID numbers are added by the operator",
    RefusalCode.RETENTION_NOT_OVER: "people are erased by the operator",
    RefusalCode.PERIOD_CLOSED: "tells the year end's own run that an account is done",
}


def test_every_code_is_reached_or_explained() -> None:
    tests = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_api*.py"))
    for code in {*RefusalCode, *DoorCode} - set(UNREACHED):
        assert f'"{code.value}"' in tests, f"no test of the API names {code.value}"


# -- the body as such ------------------------------------------------------------------------------------


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"not json",
        b'{"amount": NaN}',
        b'{"amount": Infinity}',
        b'{"amount": -Infinity}',
        b'{"amount": "1.00", "amount": "2.00"}',
        b'{"a": {"b": 1, "b": 2}}',
        b"\xff\xfe{}",
        '{"source_ref": "中"}'.encode("gbk"),
        "{}".encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"amount": ' + b"9" * 5_000 + b"}",
        b'{"amount": "1.00"} {}',
        b"'{}'",
    ],
)
def test_broken_json(client: TestClient, account: str, body: bytes) -> None:
    for path in (f"/v1/accounts/{account}/spendings", "/v1/accounts", "/v1/bulk", "/v1/year-ends/2025"):
        assert refusal(raw(client, path, body)) == (400, "json_malformed")


@pytest.mark.sqlite
@pytest.mark.parametrize("body", [b"[]", b'"x"', b"1", b"null", b"true", b""])
def test_json_that_is_no_object(client: TestClient, account: str, body: bytes) -> None:
    for path in (f"/v1/accounts/{account}/spendings", "/v1/accounts", "/v1/bulk", "/v1/year-ends/2025"):
        assert refusal(raw(client, path, body)) == (422, "shape_invalid")


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
        "application/jsonx",
        "application/json; charset=gbk",
    ],
)
def test_another_content_type(client: TestClient, account: str, content_type: str) -> None:
    for path in (f"/v1/accounts/{account}/spendings", "/v1/year-ends/2025"):
        answer = raw(client, path, b"{}", **{"content-type": content_type})
        assert refusal(answer) == (415, "media_type_unsupported")


def test_content_types_that_are_json(client: TestClient, account: str) -> None:
    body = json.dumps(spending(amount="0.01")).encode()
    for content_type in ("application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'):
        answer = raw(
            client, f"/v1/accounts/{account}/spendings?dry_run=true", body, **{"content-type": content_type}
        )
        assert answer.status_code == 200


def test_a_body_that_is_too_large(client: TestClient, account: str) -> None:
    path = f"/v1/accounts/{account}/spendings"
    assert refusal(raw(client, path, b" " * (BODY_MAX + 1))) == (413, "body_too_large")
    chunks = (b" " * 65536 for _ in range(BODY_MAX // 65536 + 1))
    chunked = client.post(path, content=chunks, headers=key() | {"content-type": "application/json"})
    assert refusal(chunked) == (413, "body_too_large")
    assert refusal(raw(client, "/v1/bulk", b" " * (BULK_BODY_MAX + 1))) == (413, "body_too_large")
    # just the right size is read
    body = json.dumps(spending(amount="0.01")).encode()
    fits = raw(client, f"{path}?dry_run=true", body + b" " * (BODY_MAX - len(body)))
    assert fits.status_code == 200


# -- fields ----------------------------------------------------------------------------------------------

WRONG_SPENDINGS: list[tuple[dict[str, Any], str]] = [
    ({"amount": 12.5}, "amount_invalid"),
    ({"amount": 12}, "amount_invalid"),
    ({"amount": None}, "amount_invalid"),
    ({"amount": True}, "amount_invalid"),
    ({"amount": ["1.00"]}, "amount_invalid"),
    ({"amount": "0.00"}, "amount_invalid"),
    ({"amount": "-1.00"}, "amount_invalid"),
    ({"amount": "+1.00"}, "amount_invalid"),
    ({"amount": "1"}, "amount_invalid"),
    ({"amount": "1.0"}, "amount_invalid"),
    ({"amount": "1.000"}, "amount_invalid"),
    ({"amount": "1e2"}, "amount_invalid"),
    ({"amount": "1,00"}, "amount_invalid"),
    ({"amount": " 1.00"}, "amount_invalid"),
    ({"amount": "1.00\n"}, "amount_invalid"),
    ({"amount": "١.00"}, "amount_invalid"),
    ({"amount": "NaN"}, "amount_invalid"),
    ({"amount": "10000000000.01"}, "amount_invalid"),
    ({"amount": "9" * 1_000}, "amount_invalid"),
    ({"amount": SENTINEL}, "amount_invalid"),
    ({"effective_on": "2026-02-30"}, "shape_invalid"),
    ({"effective_on": "20260201"}, "shape_invalid"),
    ({"effective_on": "2026-2-1"}, "shape_invalid"),
    ({"effective_on": "2026-W06-1"}, "shape_invalid"),
    ({"effective_on": "2026-02-01T00:00:00"}, "shape_invalid"),
    ({"effective_on": "２０２６-02-01"}, "shape_invalid"),
    ({"effective_on": 20260201}, "shape_invalid"),
    ({"effective_on": 0}, "shape_invalid"),
    ({"effective_on": SENTINEL}, "shape_invalid"),
    ({"effective_on": "2026-11-22"}, "period_invalid"),
    ({"effective_on": "2026-01-04"}, "period_invalid"),
    ({"effective_on": "0001-01-01"}, "period_invalid"),
    ({"effective_on": "9999-12-31"}, "period_invalid"),
    ({"institution": 1}, "shape_invalid"),
    ({"institution": ""}, "shape_invalid"),
    ({"institution": "x" * 33}, "shape_invalid"),
    ({"institution": SENTINEL}, "institution_unknown"),
    ({"institution": "CASH"}, "cash_forbidden"),
    ({"institution": "cash"}, "cash_forbidden"),
    ({"institution": "Atm"}, "cash_forbidden"),
    ({"source_ref": None}, "shape_invalid"),
    ({"source_ref": ""}, "shape_invalid"),
    ({"source_ref": " "}, "shape_invalid"),
    ({"source_ref": "x" * 65}, "shape_invalid"),
    ({"source_ref": "x\ny"}, "shape_invalid"),
    ({"source_ref": "x\x00y"}, "shape_invalid"),
    ({"source_ref": "x\u202ey"}, "shape_invalid"),
    ({"source_ref": "\ud800"}, "shape_invalid"),
    ({"source_ref": SENTINEL * 50_000}, "shape_invalid"),
    ({"take_available": "true"}, "shape_invalid"),
    ({"take_available": 1}, "shape_invalid"),
    ({SENTINEL: 1}, "unknown_field"),
    ({"dry_run": True}, "unknown_field"),
    ({"cash": 1}, "cash_forbidden"),
    ({"toBankAccount": SENTINEL}, "cash_forbidden"),
    ({"IBAN": None}, "cash_forbidden"),
    ({"x-payee-name": SENTINEL}, "cash_forbidden"),
    ({"withdrawal": 1}, "cash_forbidden"),
    ({"payout_to": 1}, "cash_forbidden"),
    ({"transfer_to": 1}, "cash_forbidden"),
    ({"ｃａｓｈ": 1}, "cash_forbidden"),
    ({"extra": {"deep": [{"cash_back": 1}]}}, "cash_forbidden"),
    # several things at once: the first in the order of precedence
    ({"extra": 1, "amount": 1, "effective_on": 1}, "unknown_field"),
    ({"amount": 1, "effective_on": 1}, "amount_invalid"),
    ({"amount": "x", "effective_on": "2026-11-22"}, "period_invalid"),
    ({"amount": "x", "institution": "H9999"}, "institution_unknown"),
    ({"cash": 1, "extra": 1, "amount": 1}, "cash_forbidden"),
    ({"institution": "ATM", "extra": 1, "amount": 1}, "cash_forbidden"),
]


@pytest.mark.parametrize(("change", "code"), WRONG_SPENDINGS)
def test_wrong_fields(client: TestClient, account: str, change: dict[str, Any], code: str) -> None:
    body = json.dumps(spending() | change).encode()
    answer = raw(client, f"/v1/accounts/{account}/spendings", body)
    assert refusal(answer) == (422, code)
    if code == "shape_invalid":
        assert answer.json()["errors"][0]["pointer"] == f"/{next(iter(change))}"
    # the same command in a bulk is refused with the same code, and the call is not
    item = {"verb": "spend", "account": account, "idempotency_key": "k", **spending(), **change}
    bulk = raw(client, "/v1/bulk", json.dumps({"commands": [item]}).encode())
    assert bulk.json()["outcomes"][0]["code"] == code
    assert SENTINEL not in bulk.text


@pytest.mark.sqlite
@pytest.mark.parametrize("field", ["amount", "effective_on", "institution", "source_ref"])
def test_missing_fields(client: TestClient, account: str, field: str) -> None:
    body = {name: value for name, value in spending().items() if name != field}
    answer = client.post(f"/v1/accounts/{account}/spendings", json=body, headers=key())
    assert refusal(answer) == (422, "shape_invalid")
    assert answer.json()["errors"] == [{"pointer": f"/{field}", "in": "body", "detail": "Field required"}]


def test_nothing_wrong_was_posted(client: TestClient, account: str) -> None:
    """After all of the above."""
    assert client.get(f"/v1/accounts/{account}").json()["last_seq"] == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"period": "2026-13"}, "period_invalid"),
        ({"period": "2026-3"}, "period_invalid"),
        ({"period": "2026-12"}, "period_invalid"),
        ({"period": "0000-01"}, "period_invalid"),
        ({"period": 202603}, "shape_invalid"),
        ({"period": SENTINEL}, "period_invalid"),
    ],
)
def test_wrong_periods(client: TestClient, account: str, change: dict[str, Any], code: str) -> None:
    body = {"amount": "1.00", "period": "2026-03", "effective_on": "2026-03-20", "source_ref": "x"} | change
    answer = client.post(f"/v1/accounts/{account}/contributions", json=body, headers=key())
    assert refusal(answer) == (422, code)


@pytest.mark.parametrize(
    ("expires_at", "code"),
    [
        ("2026-11-21T04:00:00Z", "period_invalid"),
        ("2036-11-21T04:00:00Z", "period_invalid"),
        ("9999-12-31T23:59:59-23:59", "shape_invalid"),
        ("0001-01-01T00:00:00+23:59", "shape_invalid"),
        ("2026-11-25T18:00:00", "shape_invalid"),
        ("2026-11-25", "shape_invalid"),
        ("2026-11-25T25:00:00Z", "shape_invalid"),
        ("2026-11-25T18:00:60Z", "shape_invalid"),
        ("2026-11-25 18:00:00Z", "shape_invalid"),
        (1795600000, "shape_invalid"),
    ],
)
def test_wrong_instants(client: TestClient, account: str, expires_at: Any, code: str) -> None:
    body = {"amount": "1.00", "expires_at": expires_at, "institution": "H0001", "source_ref": "x"}
    answer = client.post(f"/v1/accounts/{account}/holds", json=body, headers=key())
    assert refusal(answer) == (422, code)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("119999195003140015X", "id_format"),
        ("ABC", "id_format"),
        ("", "id_format"),
        (SENTINEL * 10_000, "id_format"),
        ("009999195003140015", "id_prefix"),
        ("119999195002300015", "id_birthdate"),
        ("119999209903140015", "id_future"),
        ("119999195003140010", "id_checksum"),
        (119999195003140015, "shape_invalid"),
        ("11999919500314\x0015", "id_format"),
    ],
)
def test_wrong_id_numbers(client: TestClient, number: Any, code: str) -> None:
    body = {"id_number": number, "name": "张三", "area": AREA, "opened_on": "2026-01-05"}
    answer = client.post("/v1/accounts", json=body, headers=key())
    assert refusal(answer) == (422, code)
    if isinstance(number, str) and len(number) == 18:
        assert number not in answer.text
        assert refusal(client.get(f"/v1/accounts/{number}")) == (422, code)
        # the key comes before the identity
        assert refusal(client.post("/v1/accounts", json=body)) == (400, "idempotency_key_missing")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": "·· "}, "name_invalid"),
        ({"name": "王?"}, "name_invalid"),
        ({"name": "x" * 201}, "shape_invalid"),
        ({"name": "\ud800"}, "shape_invalid"),
        ({"area": "99010"}, "shape_invalid"),
        ({"area": 990100.0}, "shape_invalid"),
        ({"area": True}, "shape_invalid"),
        ({"area": "110000"}, "area_unknown"),
        ({"opened_on": "2026-11-22"}, "period_invalid"),
        ({"sex": "3"}, "shape_invalid"),
        ({"sex": 1}, "shape_invalid"),
        ({"birth_date": "1900-01-01"}, "id_mismatch"),
        ({"opening": {"current_year": "1.00", "carried_over": "x", "source_ref": "o"}}, "amount_invalid"),
        ({"opening": {"current_year": 1, "carried_over": "1.00", "source_ref": "o"}}, "amount_invalid"),
        ({"opening": {"current_year": "1.00", "carried_over": "1.00"}}, "shape_invalid"),
        (
            {"opening": {"current_year": "1.00", "carried_over": "1.00", "source_ref": "o", "x": 1}},
            "unknown_field",
        ),
        ({"opening": {"bank": 1}}, "cash_forbidden"),
    ],
)
def test_wrong_openings(client: TestClient, change: dict[str, Any], code: str) -> None:
    body = {"id_number": id_number(), "name": "张三", "area": AREA, "opened_on": "2026-01-05"} | change
    answer = raw(client, "/v1/accounts", json.dumps(body).encode())
    assert refusal(answer) == (422, code)
    assert client.get(f"/v1/accounts/{body['id_number']}").json()["code"] == "account_not_found"


def test_an_opening_that_differs(client: TestClient) -> None:
    body = {"id_number": id_number(), "name": "张三", "area": AREA, "opened_on": "2026-01-05"}
    open_account(client, **body)
    other_name = client.post("/v1/accounts", json=body | {"name": "李四"}, headers=key())
    assert refusal(other_name) == (409, "account_exists_other_person")
    other_day = client.post("/v1/accounts", json=body | {"opened_on": "2026-01-06"}, headers=key())
    assert refusal(other_day) == (409, "opening_differs")


# -- the key, the query, the path ------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["x" * 256, "", '""', "a b", "tab\there", "x" * 1_000, "schl\u00fcssel"])
def test_keys_that_are_none(client: TestClient, account: str, text: str) -> None:
    headers = {"Idempotency-Key": text.encode("latin-1")}
    path = f"/v1/accounts/{account}/spendings"
    for query in ("", "?dry_run=true"):
        answer = client.post(path + query, json=spending(), headers=headers)
        assert refusal(answer) == (400, "idempotency_key_invalid")


def test_a_missing_key_is_told_after_the_shape(client: TestClient, account: str) -> None:
    path = f"/v1/accounts/{account}/spendings"
    assert refusal(client.post(path, json=spending())) == (400, "idempotency_key_missing")
    assert refusal(client.post(path, json=spending(amount=1))) == (422, "amount_invalid")
    unknown = client.post("/v1/accounts/P000000000000Z/spendings", json=spending())
    assert refusal(unknown) == (400, "idempotency_key_missing"), "the key comes before the account"


def test_unknown_query_keys(client: TestClient, account: str) -> None:
    for path in (
        f"/v1/accounts/{account}/spendings?{SENTINEL}=1",
        f"/v1/accounts/{account}/spendings?dryrun=true",
    ):
        assert refusal(client.post(path, json=spending(), headers=key())) == (422, "unknown_field")
    for path in (
        f"/v1/accounts/{account}?expand=1",
        f"/v1/accounts/{account}/balance?on=2026-01-01",
        f"/v1/accounts/{account}/entries?offset=3",
        "/livez?x=1",
    ):
        assert refusal(client.get(path)) == (422, "unknown_field")
    path = f"/v1/accounts/{account}/spendings?payee=x"
    assert refusal(client.post(path, json=spending(), headers=key())) == (422, "cash_forbidden")


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "query",
    [
        "balance?as_of=2026-02-30",
        "balance?as_of=today",
        "balance?as_of=2026-02-01&as_of=2026-02-02",
        "balance?as_known=2026-02-01",
        "balance?as_known=2026-02-01T00:00:00",
        "entries?limit=0",
        "entries?limit=501",
        "entries?limit=-1",
        "entries?limit=5.0",
        "entries?limit=1_0",
        "entries?limit=٣",
        "entries?limit=99999999999999999999",
        "entries?kind=nothing",
        "entries?kind=",
        "entries?from=x",
        "entries?cursor=",
        "entries?cursor=%00",
        f"entries?cursor={SENTINEL}",
        "entries?cursor=%F0%9F%92%A9",
    ],
)
def test_wrong_queries(client: TestClient, account: str, query: str) -> None:
    answer = client.get(f"/v1/accounts/{account}/{query}")
    assert refusal(answer) == (422, "shape_invalid")


def test_a_dry_run_is_true_or_false(client: TestClient, account: str) -> None:
    path = f"/v1/accounts/{account}/spendings?dry_run=1"
    assert refusal(client.post(path, json=spending(), headers=key())) == (422, "shape_invalid")


@pytest.mark.parametrize("name", ["x", "P000000000000Z", "%00", "%F0%9F%92%A9", "-1", SENTINEL, "x" * 5_000])
def test_what_is_not_there(client: TestClient, name: str) -> None:
    for path in ("", "/balance", "/entries", "/explain", "/freezes"):
        assert refusal(client.get(f"/v1/accounts/{name}{path}")) == (404, "account_not_found")
    assert refusal(client.post("/v1/accounts/lookup", json={"account": "none"})) == (404, "account_not_found")
    calls: list[tuple[str, Any, str]] = [
        (f"/v1/accounts/{name}/spendings", spending(), "account_not_found"),
        (f"/v1/accounts/{name}/death", {"died_on": "2026-01-01", "evidence": "x"}, "account_not_found"),
        (
            f"/v1/accounts/{name}/estate",
            {"heirs": [{"name": "x", "relation": "child"}], "paid_on": "2026-11-21"},
            "account_not_found",
        ),
        (f"/v1/entries/{name}/reversal", {"reason": "x"}, "entry_not_found"),
        (f"/v1/holds/{name}/release", {}, "hold_not_found"),
        (
            f"/v1/holds/{name}/capture",
            {"amount": "1.00", "effective_on": "2026-01-01", "source_ref": "x"},
            "hold_not_found",
        ),
        (f"/v1/freezes/{name}/end", {"reason": "x"}, "freeze_not_found"),
    ]
    for path, body, code in calls:
        assert refusal(client.post(path, json=body, headers=key())) == (404, code)
    assert refusal(client.get(f"/v1/entries/{name}")) == (404, "entry_not_found")


def test_entries_that_are_not_there(client: TestClient, account: str) -> None:
    for number in ("0", "01", "99", "2147483648", "x", ""):
        assert refusal(client.get(f"/v1/entries/{account}-{number}")) == (404, "entry_not_found")
    for path, body, code in (
        (f"/v1/entries/{account}-99/reversal", {"reason": "x"}, "entry_not_found"),
        (f"/v1/holds/{account}-2/release", {}, "hold_not_found"),
        (f"/v1/freezes/{account}-2/end", {"reason": "x"}, "freeze_not_found"),
    ):
        assert refusal(client.post(path, json=body, headers=key())) == (404, code)


def test_routes_and_methods_that_are_not_there(client: TestClient, account: str) -> None:
    assert refusal(client.get("/nowhere")) == (404, "route_not_found")
    assert refusal(client.get("/v1/accounts/")) == (404, "route_not_found")
    assert refusal(client.get("/static/none.js")) == (404, "route_not_found")
    answer = client.delete(f"/v1/accounts/{account}")
    assert refusal(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET"
    for path, methods in (("lookup", "POST"), (f"{account}/freezes", "GET, POST")):
        answer = client.put(f"/v1/accounts/{path}", json={})
        assert (*refusal(answer), answer.headers["Allow"]) == (405, "method_not_allowed", methods)


# -- the state of what is acted on -----------------------------------------------------------------------


def test_refusals_of_state(client: TestClient) -> None:
    number = str(open_account(client)["account_no"])
    credit = contribute(client, number, "10.00", source_ref="doc")

    def refused(path: str, body: dict[str, Any]) -> tuple[int, str]:
        return refusal(client.post(path, json=body, headers=key()))

    def taken(path: str, body: dict[str, Any]) -> Any:
        answer = client.post(path, json=body, headers=key())
        assert answer.status_code == 201, answer.text
        return answer.json()

    base = f"/v1/accounts/{number}"
    levy = {"amount": "1.00", "period": "2026-03", "effective_on": "2026-03-20", "source_ref": "doc"}
    assert refused(f"{base}/contributions", levy) == (409, "duplicate_source_ref")
    without_contract = spending(institution=new_institution(client, services=()))
    assert refused(f"{base}/spendings", without_contract) == (422, "not_designated")
    assert refused(f"/v1/entries/{number}-1/reversal", {"reason": "x"}) == (409, "not_reversible")
    hold = taken(
        f"{base}/holds",
        {"amount": "5.00", "expires_at": "2026-11-22T00:00:00Z", "institution": "H0001", "source_ref": "h"},
    )["hold"]
    capture = {"amount": "6.00", "effective_on": "2026-11-21", "source_ref": "c"}
    assert refused(f"/v1/holds/{hold}/capture", capture) == (409, "hold_exceeded")
    reversal = f"/v1/entries/{credit['entry']}/reversal"
    assert refused(reversal, {"reason": "x"}) == (409, "insufficient_balance")
    freeze = taken(f"{base}/freezes", {"authority": "a", "document": "d", "from": "2026-01-01"})["freeze"]
    assert refused(f"{base}/spendings", spending()) == (409, "account_frozen")
    taken(f"/v1/freezes/{freeze}/end", {"reason": "x"})
    assert refused(f"/v1/freezes/{freeze}/end", {"reason": "x"}) == (409, "freeze_ended")
    estate = {"heirs": [{"name": "李四", "relation": "child"}], "paid_on": "2026-11-21", "confirm": True}
    assert refused(f"{base}/estate", estate) == (409, "account_not_deceased")
    taken(f"{base}/death", {"died_on": "2026-11-20", "evidence": "x"})
    assert refused(f"{base}/death", {"died_on": "2026-11-20", "evidence": "x"}) == (409, "account_deceased")
    assert refused(f"{base}/estate", estate) == (409, "open_items")
    late = levy | {"period": "2026-12", "source_ref": "late"}
    assert refused(f"{base}/contributions", late) == (409, "period_after_end")
    taken(f"/v1/holds/{hold}/release", {})
    assert refused(f"/v1/holds/{hold}/release", {}) == (409, "hold_not_open")
    taken(f"{base}/estate", estate)
    assert refused(f"{base}/contributions", levy | {"source_ref": "n"}) == (409, "account_closed")
    assert client.get(base).json()["status"] == "closed"


def test_a_hold_that_has_expired(client: TestClient, account: str) -> None:
    body = {"amount": "1.00", "expires_at": "2026-11-21T05:00:00Z", "institution": "H0001", "source_ref": "e"}
    hold = client.post(f"/v1/accounts/{account}/holds", json=body, headers=key()).json()["hold"]
    state = client.app.state.ledger  # type: ignore[attr-defined]  # Starlette's app
    now, today = state.clock()
    writer_clock = state.writer._clock
    state.writer._clock = lambda: (now + timedelta(hours=2), today)
    try:
        answer = client.post(f"/v1/holds/{hold}/release", json={}, headers=key())
    finally:
        state.writer._clock = writer_clock
    assert refusal(answer) == (409, "hold_expired")


# -- faults ----------------------------------------------------------------------------------------------


class Gone(OperationalError):
    """A lost connection."""

    def __init__(self) -> None:
        super().__init__("SELECT", {}, Exception("gone"), connection_invalidated=True)


def _failed(cause: Exception) -> Failed:
    failure = Failed("x")
    failure.__cause__ = cause
    return failure


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Unknown("x"), 503, "outcome_unknown"),
        (Unavailable("x"), 503, "database_unavailable"),
        (Failed(SENTINEL), 500, "internal_error"),
        (_failed(Gone()), 503, "database_unavailable"),
        (Gone(), 503, "database_unavailable"),
        (Overloaded(), 503, "overloaded"),
        (Stopped(), 503, "overloaded"),
        (ValueError(SENTINEL), 500, "internal_error"),
    ],
)
def test_faults(
    client: TestClient,
    account: str,
    fault: Exception,
    status: int,
    code: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = client.app.state.ledger  # type: ignore[attr-defined]  # Starlette's app

    async def broken(*_: Any, **__: Any) -> Any:
        if isinstance(fault, Unknown | Failed):
            return [fault]
        raise fault

    async def broken_single(_: Any) -> Any:
        return (await broken())[0]

    monkeypatch.setattr(state.writer, "post", broken_single)
    monkeypatch.setattr(state.writer, "post_chunk", broken)
    answer = client.post(f"/v1/accounts/{account}/spendings", json=spending(), headers=key())
    assert refusal(answer) == (status, code)
    assert "Traceback" not in answer.text
    assert ("Retry-After" in answer.headers) == (status == 503)

    item = {"verb": "spend", "account": account, "idempotency_key": "k", **spending()}
    bulk = client.post("/v1/bulk", json={"commands": [item]})
    if isinstance(fault, Overloaded | Stopped):
        assert refusal(bulk) == (503, "overloaded")
    else:
        word = "unknown" if type(fault) is Unknown else "failed"
        assert bulk.json()["outcomes"] == [{"status": word, "code": code}]


def test_a_read_without_a_database(client: TestClient, account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any, **__: Any) -> Any:
        raise Gone

    monkeypatch.setattr("api.accounts.accounts.reports.balance", gone)
    assert refusal(client.get(f"/v1/accounts/{account}/balance")) == (503, "database_unavailable")
    monkeypatch.setattr("api.operations.health.schema_revision", gone)
    assert refusal(client.get("/readyz")) == (503, "database_unavailable")


def test_codes_that_other_statuses_have() -> None:
    """`request_refused` stands for whatever status HTTP may come up with."""
    answer = answer_to(HTTPException(400), {"type": "http"})
    assert json.loads(bytes(answer.body))["code"] == "request_refused"
