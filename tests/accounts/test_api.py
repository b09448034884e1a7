"""Every route, on its good day: the status, its shape, and what follows from it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from api.docs import STATIC
from ledger.version import VERSION
from tests.support.api_client import AREA, contribute, id_number, key, open_account, running, spending
from tests.support.care_client import contract, new_institution, without

RECEIPT = {
    "entry", "account_no", "seq", "kind", "amount", "effective_on", "recorded_at", "balance", "current_year",
    "carried_over", "period", "fact_on", "source_ref", "policy_version",
}  # fmt: skip
ACCOUNT = {
    "account_no", "status", "opened_on", "area", "name", "id_number", "names", "id_numbers", "died_on",
    "last_seq",
}  # fmt: skip


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client


@pytest.fixture
def account(client: TestClient) -> str:
    """An account with 1,000 yuan of this year."""
    number = str(open_account(client)["account_no"])
    contribute(client, number)
    return number


def post(client: TestClient, path: str, body: Any = None, **more: Any) -> Any:
    """A posting that is taken; its answer."""
    answer = client.post(path, json=body, headers=key() | more)
    assert answer.status_code == 201, answer.text
    return answer.json()


def balance(client: TestClient, account: str, query: str = "") -> Any:
    answer = client.get(f"/v1/accounts/{account}/balance{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


# -- accounts --------------------------------------------------------------------------------------------


def test_opening_an_account(client: TestClient) -> None:
    number = id_number()
    body = {"id_number": number, "name": "欧阳 小明", "area": AREA, "opened_on": "2026-01-05"}
    first_key = key()
    first = client.post("/v1/accounts", json=body, headers=first_key)
    assert first.status_code == 201
    opened = first.json()
    assert set(opened) == ACCOUNT
    assert opened["status"] == "active"
    assert opened["opened_on"] == "2026-01-05"
    assert opened["area"] == AREA
    assert opened["name"] == "欧****"
    assert opened["id_number"] == number[:3] + "*" * 13 + number[-2:]

    again = client.post("/v1/accounts", json=body, headers=first_key)
    assert (again.status_code, again.json()) == (201, opened)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers

    other_key = client.post("/v1/accounts", json=body | {"name": "欧阳小明", "area": 990100}, headers=key())
    assert (other_key.status_code, other_key.json()["account_no"]) == (200, opened["account_no"])


def test_opening_with_what_an_earlier_system_hands_over(client: TestClient) -> None:
    brought = {"current_year": "120.00", "carried_over": "3400.50", "source_ref": "old-1"}
    opened = open_account(client, opening=brought, sex=None, birth_date=None)
    shown = balance(client, opened["account_no"])
    assert (shown["current_year"], shown["carried_over"]) == ("120.00", "3400.50")


def test_declared_sex_is_held_against_the_number(client: TestClient) -> None:
    number = id_number()
    sex = "2" if int(number[16]) % 2 else "1"
    body = {"id_number": number, "name": "张三", "area": AREA, "opened_on": "2026-01-05", "sex": sex}
    answer = client.post("/v1/accounts", json=body, headers=key())
    assert (answer.status_code, answer.json()["code"]) == (422, "id_mismatch")


def test_an_account_by_account_number_id_number_and_lookup(client: TestClient) -> None:
    opened = open_account(client)
    expected = {name: opened[name] for name in ACCOUNT}
    for name in (opened["account_no"], opened["number"], opened["account_no"].lower()):
        answer = client.get(f"/v1/accounts/{name}")
        assert (answer.status_code, answer.json()) == (200, expected)
        assert answer.headers["ETag"] == '"1"'
        assert answer.headers["Cache-Control"] == "no-store"
        assert client.post("/v1/accounts/lookup", json={"account": name}).json() == expected


# -- money in and out ------------------------------------------------------------------------------------


def test_a_contribution(client: TestClient) -> None:
    number = open_account(client)["account_no"]
    receipt = contribute(client, number, "160.00")
    assert set(receipt) == RECEIPT
    assert receipt["entry"] == f"{number}-2"
    assert receipt["kind"] == "contribution"
    assert receipt["period"] == "2026-03"
    assert receipt["amount"] == receipt["balance"] == receipt["current_year"] == "160.00"


def test_a_spending_and_its_replay(client: TestClient, account: str) -> None:
    body, once = spending(amount="42.50"), key()
    first = client.post(f"/v1/accounts/{account}/spendings", json=body, headers=once)
    assert first.status_code == 201
    receipt = first.json()
    assert set(receipt) == RECEIPT | {"account_paid", "cash_rest"}
    assert (receipt["account_paid"], receipt["cash_rest"], receipt["balance"]) == ("42.50", "0.00", "957.50")
    quoted = {"Idempotency-Key": f'"{once["Idempotency-Key"]}"'}
    for headers in (once, quoted):
        again = client.post(f"/v1/accounts/{account}/spendings", json=body, headers=headers)
        assert (again.status_code, again.json()) == (201, receipt)
        assert again.headers["Idempotent-Replayed"] == "true"
    other = client.post(f"/v1/accounts/{account}/spendings", json=body | {"amount": "42.51"}, headers=once)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_key_counts_for_the_caller_and_the_book(client: TestClient) -> None:
    first, second = (open_account(client)["account_no"] for _ in range(2))
    one_key, body = key(), {"amount": "1.00", "period": "2026-03", "effective_on": "2026-03-20"}
    answers = [
        client.post(
            f"/v1/accounts/{number}/contributions", json=body | {"source_ref": "one"}, headers=one_key
        )
        for number in (first, second, first)
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert ["Idempotent-Replayed" in answer.headers for answer in answers] == [False, False, True]
    assert answers[0].json() == answers[2].json()
    assert answers[0].json()["account_no"] != answers[1].json()["account_no"]


def test_a_replay_by_id_number_is_the_same_request(client: TestClient) -> None:
    opened = open_account(client)
    contribute(client, opened["account_no"])
    body, once = spending(), key()
    first = client.post(f"/v1/accounts/{opened['number']}/spendings", json=body, headers=once)
    again = client.post(f"/v1/accounts/{opened['account_no']}/spendings", json=body, headers=once)
    assert first.json() == again.json()


def test_spending_what_there_is(client: TestClient, account: str) -> None:
    receipt = post(
        client, f"/v1/accounts/{account}/spendings", spending(amount="1200.00", take_available=True)
    )
    assert (receipt["account_paid"], receipt["cash_rest"]) == ("1000.00", "200.00")
    refused = client.post(f"/v1/accounts/{account}/spendings", json=spending(), headers=key())
    assert (refused.status_code, refused.json()["code"]) == (409, "insufficient_balance")


def test_a_hold_captured_in_part(client: TestClient, account: str) -> None:
    body = {
        "amount": "500.00",
        "expires_at": "2026-11-25T18:00:00+08:00",
        "institution": "H0001",
        "source_ref": "h-1",
    }
    held = post(client, f"/v1/accounts/{account}/holds", body)
    assert set(held) == RECEIPT | {"hold", "expires_at"}
    assert (held["hold"], held["expires_at"]) == (held["entry"], "2026-11-25T10:00:00Z")
    assert balance(client, account)["available"] == "500.00"
    captured = post(
        client,
        f"/v1/holds/{held['hold']}/capture",
        {"amount": "480.00", "effective_on": "2026-11-21", "source_ref": "s-1"},
    )
    assert set(captured) == RECEIPT | {"hold", "account_paid", "released"}
    assert (captured["account_paid"], captured["released"]) == ("480.00", "20.00")
    again = client.post(f"/v1/holds/{held['hold']}/release", headers=key())
    assert (again.status_code, again.json()["code"]) == (409, "hold_not_open")


@pytest.mark.parametrize("body", [None, {}])
def test_a_hold_released(client: TestClient, account: str, body: Any) -> None:
    held = post(
        client,
        f"/v1/accounts/{account}/holds",
        {"amount": "1.00", "expires_at": "2026-11-22T00:00:00Z", "institution": "P0001", "source_ref": "h"},
    )
    released = client.post(f"/v1/holds/{held['hold']}/release", json=body, headers=key())
    assert released.status_code == 201
    assert released.json()["hold"] == held["hold"]
    assert balance(client, account)["held"] == "0.00"


def test_a_reversal(client: TestClient, account: str) -> None:
    spent = post(client, f"/v1/accounts/{account}/spendings", spending())
    path = f"/v1/entries/{spent['entry']}"
    reversed_ = post(client, f"{path}/reversal", {"reason": "booked twice", "effective_on": "2026-05-01"})
    assert set(reversed_) == RECEIPT | {"reverses"}
    assert (reversed_["reverses"], reversed_["balance"]) == (spent["entry"], "1000.00")
    again = client.post(f"{path}/reversal", json={"reason": "x"}, headers=key())
    assert (again.status_code, again.json()["code"]) == (409, "already_reversed")
    shown = client.get(path).json()
    assert shown["reversed_by"] == shown["acted_on_by"] == reversed_["entry"]
    assert shown["transfers"] == [{"from": "current_year", "to": "institution_payable", "amount": "12.50"}]
    assert (shown["caller"], shown["actor"]) == ("tests", "clerk-7")
    assert client.get(f"/v1/entries/{reversed_['entry']}").json()["target"] == spent["entry"]


def test_freezes(client: TestClient, account: str) -> None:
    body = {"scope": "debit", "authority": "court", "document": "118", "from": "2026-06-01", "to": None}
    frozen = post(client, f"/v1/accounts/{account}/freezes", body)
    assert set(frozen) == RECEIPT | {"freeze"}
    assert client.get(f"/v1/accounts/{account}").json()["status"] == "frozen"
    refused = client.post(f"/v1/accounts/{account}/spendings", json=spending(), headers=key())
    assert (refused.status_code, refused.json()["code"]) == (409, "account_frozen")
    ended = post(client, f"/v1/freezes/{frozen['freeze']}/end", {"reason": "lifted"})
    assert ended["freeze"] == frozen["freeze"]
    assert client.get(f"/v1/accounts/{account}").json()["status"] == "active"
    listed = client.get(f"/v1/accounts/{account}/freezes").json()["items"]
    assert [(one["freeze"], one["ended_by"]) for one in listed] == [(frozen["freeze"], ended["entry"])]
    assert {name: listed[0][name] for name in body} == body


# -- dry run ---------------------------------------------------------------------------------------------


def test_a_dry_run_answers_the_same_and_writes_nothing(client: TestClient, account: str) -> None:
    body = spending()
    path = f"/v1/accounts/{account}/spendings"
    rehearsed = client.post(f"{path}?dry_run=true", json=body)
    assert rehearsed.status_code == 200
    assert rehearsed.json()["dry_run"] is True
    assert balance(client, account)["balance"] == "1000.00"
    posted = client.post(f"{path}?dry_run=false", json=body, headers=key()).json()
    differ = {"recorded_at", "dry_run"}
    assert {k: v for k, v in rehearsed.json().items() if k not in differ} == {
        k: v for k, v in posted.items() if k not in differ
    }
    refused = client.post(f"{path}?dry_run=true", json=spending(amount="5000.00"))
    assert (refused.status_code, refused.json()["code"]) == (409, "insufficient_balance")


def test_a_dry_run_of_an_opening_leaves_no_person(client: TestClient) -> None:
    number = id_number()
    body = {"id_number": number, "name": "张三", "area": AREA, "opened_on": "2026-01-05"}
    answer = client.post("/v1/accounts?dry_run=true", json=body)
    assert (answer.status_code, answer.json()["dry_run"]) == (200, True)
    assert client.get(f"/v1/accounts/{number}").json()["code"] == "account_not_found"


# -- the end of an account -------------------------------------------------------------------------------


def test_an_estate_is_shown_then_divided(client: TestClient, account: str) -> None:
    heir = open_account(client, name="王五")
    death = post(
        client, f"/v1/accounts/{account}/death", {"died_on": "2026-09-02", "evidence": "certificate"}
    )
    assert death["died_on"] == "2026-09-02"
    path = f"/v1/accounts/{account}/estate"
    body: dict[str, Any] = {
        "heirs": [
            {"name": "李四", "relation": "spouse", "share": "1/3"},
            {"id_number": heir["number"], "relation": "child", "share": "1/3"},
            {"id_number": id_number(), "name": "赵六", "relation": "child", "share": "1/3"},
        ],
        "paid_on": "2026-11-21",
        "confirm": False,
    }
    shown = client.post(path, json=body)
    assert shown.status_code == 200
    estate = shown.json()
    assert set(estate) == {"balance", "interest", "set_off", "estate", "shares"}
    assert estate["balance"] == "1000.00"
    assert [share["paid_to"] for share in estate["shares"]] == ["payout", "account", "payout"]
    assert [share["name"] for share in estate["shares"]] == ["李四", "王*", "赵六"]
    parts = sum(round(float(share["amount"]) * 100) for share in estate["shares"])
    assert parts == round(float(estate["estate"]) * 100)
    assert client.get(f"/v1/accounts/{account}").json()["status"] == "deceased"

    missing = client.post(path, json=body | {"confirm": True})
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_missing")
    once = key()
    confirmed = client.post(path, json=body | {"confirm": True}, headers=once)
    assert confirmed.status_code == 201
    assert {name: confirmed.json()[name] for name in estate} == estate
    kinds = [receipt["kind"] for receipt in confirmed.json()["receipts"]]
    assert kinds == ["estate", "inheritance"]
    again = client.post(path, json=body | {"confirm": True}, headers=once)
    assert (again.status_code, again.json()) == (201, confirmed.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert client.get(f"/v1/accounts/{account}").json()["status"] == "closed"
    got = client.get(f"/v1/accounts/{heir['account_no']}/entries?kind=inheritance").json()["items"]
    assert [entry["amount"] for entry in got] == [estate["shares"][1]["amount"]]


@pytest.mark.parametrize(
    ("shares", "code"),
    [
        (["1/2", "1/3"], "shares_invalid"),
        (["1/2", None], "shares_invalid"),
        (["0.5", "0.50"], None),
        (["1", "0"], "shares_invalid"),
        (["half", "1/2"], "shares_invalid"),
        ([0.5, 0.5], "shares_invalid"),
    ],
)
def test_shares(client: TestClient, account: str, shares: list[Any], code: str | None) -> None:
    heirs = [
        {"name": name, "relation": "child", "share": share}
        for name, share in zip(("李四", "王五"), shares, strict=True)
    ]
    body = {"heirs": heirs, "paid_on": "2026-11-21"}
    path = f"/v1/accounts/{account}/estate"
    if all(isinstance(share, str | None) for share in shares):
        alive = client.post(path, json=body)
        assert alive.json()["code"] == "account_not_deceased", "what comes before the shares is told first"
    post(client, f"/v1/accounts/{account}/death", {"died_on": "2026-11-20", "evidence": "x"})
    answer = client.post(path, json=body)
    assert answer.json().get("code") == code
    assert answer.status_code == (200 if code is None else 422)


def test_a_heir_without_any_name(client: TestClient, account: str) -> None:
    post(client, f"/v1/accounts/{account}/death", {"died_on": "2026-11-20", "evidence": "x"})
    for heir in ({"relation": "child"}, {"relation": "child", "id_number": id_number()}):
        answer = client.post(
            f"/v1/accounts/{account}/estate", json={"heirs": [heir], "paid_on": "2026-11-21"}
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "shape_invalid")
    none = client.post(f"/v1/accounts/{account}/estate", json={"heirs": [], "paid_on": "2026-11-21"})
    assert (none.status_code, none.json()["code"]) == (422, "shares_invalid")


# -- reads -----------------------------------------------------------------------------------------------


def test_the_balance_on_a_day_and_as_known(client: TestClient, account: str) -> None:
    now = balance(client, account)
    assert now == {
        "current_year": "1000.00",
        "carried_over": "0.00",
        "balance": "1000.00",
        "held": "0.00",
        "reserved": "0.00",
        "available": "1000.00",
        "as_of": "2026-11-21",
        "as_known": "2026-11-21T04:00:00Z",
    }
    assert balance(client, account, "?as_of=2026-03-19")["balance"] == "0.00"
    assert balance(client, account, "?as_known=2026-11-21T11:59:59%2B08:00")["balance"] == "0.00"
    to_come = client.get(f"/v1/accounts/{account}/balance?as_of=2026-11-22")
    assert (to_come.status_code, to_come.json()["code"]) == (422, "period_invalid")
    assert to_come.json()["facts"] == {"latest": "2026-11-21"}


@pytest.mark.postgres
def test_a_lost_connection_is_had_anew(client: TestClient, engine: Engine, account: str) -> None:
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    for _ in range(8):
        balance(client, account)
    with engine.connect() as connection:
        connection.execute(text(others))
        connection.rollback()
    for _ in range(8):
        assert balance(client, account)["balance"] == "1000.00"
        assert (
            client.post(f"/v1/accounts/{account}/spendings?dry_run=true", json=spending()).status_code == 200
        )
    post(client, f"/v1/accounts/{account}/spendings", spending())


def test_entries_page_by_page(client: TestClient, account: str) -> None:
    for day in (1, 2, 3, 4, 5):
        contribute(client, account, "1.00", effective_on=f"2026-04-0{day}", period="2026-04")
    path = f"/v1/accounts/{account}/entries"
    everything = client.get(path).json()
    assert [entry["seq"] for entry in everything["items"]] == [1, 2, 3, 4, 5, 6, 7]
    assert everything["next_cursor"] is None
    seen, cursor = [], None
    while True:
        page = client.get(path, params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == everything["items"]
    april = client.get(f"{path}?from=2026-04-02&to=2026-04-04&kind=contribution").json()["items"]
    assert [entry["effective_on"] for entry in april] == ["2026-04-02", "2026-04-03", "2026-04-04"]
    assert client.get(f"{path}?kind=interest").json()["items"] == []
    first = client.get(f"{path}?limit=2").json()["next_cursor"]
    for query in (f"cursor={first}&kind=opening", "cursor=x", "cursor=AAAAAAAAAAAAAAAA", f"cursor={first}="):
        answer = client.get(f"{path}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, "shape_invalid"), query


def test_explain_adds_up(client: TestClient, account: str) -> None:
    post(client, f"/v1/accounts/{account}/spendings", spending(amount="12.34"))
    explained = client.get(f"/v1/accounts/{account}/explain").json()
    assert explained["balance"] == "987.66"
    assert [(line["kind"], line["amount"], line["rule"]) for line in explained["lines"]] == [
        ("contribution", "1000.00", "R8"),
        ("spending", "-12.34", "R20, K6"),
    ]


def test_the_trial_balance_balances(client: TestClient, account: str) -> None:
    for query in ("", "?on=2026-11-21"):
        totals = client.get(f"/v1/reports/trial-balance{query}").json()["cumulative"]
        assert sum(round(float(side["net"]) * 100) for side in totals) == 0
        assert {side["side"] for side in totals} >= {"current_year", "collection_clearing"}
    for day in ("2026-11-22", "0001-01-01", "9999-12-31"):
        answer = client.get(f"/v1/reports/trial-balance?on={day}")
        assert (answer.status_code, answer.json()["code"]) == (422, "period_invalid")


# -- bulk ------------------------------------------------------------------------------------------------


def levy(account: str, number: int, **more: Any) -> dict[str, Any]:
    return {
        "verb": "contribute",
        "account": account,
        "idempotency_key": f"{account}-{number}",
        "amount": "1.00",
        "period": "2026-03",
        "effective_on": "2026-03-20",
        "source_ref": f"levy-{number}",
        **more,
    }


def test_bulk_of_mixed_commands(client: TestClient) -> None:
    opened = open_account(client)
    number = opened["account_no"]
    hold = {
        "verb": "hold",
        "account": number,
        "idempotency_key": "h",
        "amount": "1.00",
        "expires_at": "2026-11-22T00:00:00Z",
        "institution": "H0001",
        "source_ref": "h",
    }
    commands = [
        {
            "verb": "open",
            "idempotency_key": "o",
            "id_number": id_number(),
            "name": "钱七",
            "area": AREA,
            "opened_on": "2026-02-01",
        },
        levy(number, 1, amount="100.00"),
        levy(opened["number"], 1, amount="100.00", idempotency_key=f"{number}-1"),
        {"verb": "spend", "account": number, "idempotency_key": "s", **spending(amount="30.00")},
        {"verb": "spend", "account": number, "idempotency_key": "t", **spending(amount="99.00")},
        hold,
        {"verb": "release", "hold": f"{number}-4", "idempotency_key": "r"},
        {"verb": "reverse", "entry": f"{number}-3", "idempotency_key": "v", "reason": "x"},
        {
            "verb": "freeze",
            "account": number,
            "idempotency_key": "f",
            "authority": "a",
            "document": "d",
            "from": "2026-01-01",
        },
        {"verb": "end_freeze", "freeze": f"{number}-7", "idempotency_key": "e", "reason": "x"},
        {
            "verb": "death",
            "account": number,
            "idempotency_key": "d",
            "died_on": "2026-11-20",
            "evidence": "e",
        },
        levy(number, 2, amount=1.5),
        levy(number, 3, amount="1.5"),
        levy(number, 4, iban="DE02"),
        levy(number, 5, note="x"),
        levy(number, 6, idempotency_key=None),
        levy(number, 7, idempotency_key="a b"),
        levy("P000000000000Z", 8),
        {"verb": "fly"},
        {"verb": "fly", "payee": "x"},
        {"verb": ["spend"]},
        "spend",
        None,
    ]
    answer = client.post("/v1/bulk", json={"commands": commands})
    assert answer.status_code == 200, answer.text
    outcomes = answer.json()["outcomes"]
    told = [
        (outcome["receipt"]["kind"], outcome["replayed"])
        if outcome["status"] == "posted"
        else outcome["code"]
        for outcome in outcomes
    ]
    assert told == [
        ("opening", False),
        ("contribution", False),
        ("contribution", True),
        ("spending", False),
        "insufficient_balance",
        ("hold", False),
        ("release", False),
        ("reversal", False),
        ("freeze", False),
        ("freeze_end", False),
        ("death", False),
        "amount_invalid",
        "amount_invalid",
        "cash_forbidden",
        "unknown_field",
        "idempotency_key_missing",
        "idempotency_key_invalid",
        "account_not_found",
        "shape_invalid",
        "cash_forbidden",
        "shape_invalid",
        "shape_invalid",
        "shape_invalid",
    ]
    assert outcomes[11]["errors"][0]["pointer"] == "/commands/11/amount"


def test_bulk_in_chunks_keeps_the_order(client: TestClient) -> None:
    number = open_account(client)["account_no"]
    commands: list[Any] = [levy(number, place) for place in range(2500)]
    commands[1200] = {"verb": "contribute"}
    outcomes = client.post("/v1/bulk", json={"commands": commands}).json()["outcomes"]
    assert [place for place, outcome in enumerate(outcomes) if outcome["status"] != "posted"] == [1200]
    sources = [outcome["receipt"]["source_ref"] for outcome in outcomes if outcome["status"] == "posted"]
    assert sources == [f"levy-{place}" for place in range(2500) if place != 1200]
    assert balance(client, number)["balance"] == "2499.00"


def test_an_atomic_group_is_posted_whole_or_not_at_all(client: TestClient) -> None:
    number = open_account(client)["account_no"]
    good = [levy(number, 1), levy(number, 2)]
    for bad in (levy(number, 3, amount="0.00"), levy(number, 3, bank="x"), {"verb": "contribute"}):
        answer = client.post("/v1/bulk", json={"atomic": True, "commands": [*good, bad]}).json()
        codes = [(outcome["status"], outcome["code"]) for outcome in answer["outcomes"]]
        assert codes[:2] == [("refused", "group_refused")] * 2
        assert codes[2][0] == "refused"
        assert codes[2][1] != "group_refused"
    assert balance(client, number)["balance"] == "0.00"
    answer = client.post("/v1/bulk", json={"atomic": True, "commands": good}).json()
    assert [outcome["status"] for outcome in answer["outcomes"]] == ["posted", "posted"]


def test_bulk_too_large(client: TestClient) -> None:
    for atomic, most in ((True, 1_000), (False, 10_000)):
        answer = client.post("/v1/bulk", json={"atomic": atomic, "commands": [{}] * (most + 1)})
        assert (answer.status_code, answer.json()["code"]) == (422, "bulk_too_large")
        assert answer.json()["facts"] == {"commands_max": most}
    for atomic in (True, False):
        assert client.post("/v1/bulk", json={"atomic": atomic, "commands": []}).json() == {"outcomes": []}


def test_bulk_dry_run(client: TestClient) -> None:
    number = open_account(client)["account_no"]
    commands = [levy(number, 1), {"verb": "spend", "account": number, "idempotency_key": "s", **spending()}]
    answer = client.post("/v1/bulk?dry_run=true", json={"commands": commands}).json()
    assert answer["dry_run"] is True
    assert [outcome["status"] for outcome in answer["outcomes"]] == ["posted", "refused"]
    assert balance(client, number)["balance"] == "0.00"


# -- long runs, health, documentation --------------------------------------------------------------------


@pytest.mark.slow
def test_a_year_end(client: TestClient) -> None:
    number = open_account(client, opened_on="2025-01-01")["account_no"]
    contribute(client, number, period="2025-01", effective_on="2025-01-01")
    rehearsed = client.post("/v1/year-ends/2025?dry_run=true", json={"area": AREA})
    assert rehearsed.status_code == 200
    started = client.post("/v1/year-ends/2025", json={"area": AREA}, headers=key())
    assert (started.status_code, started.json()) == (
        202,
        {"batch": f"year-end-{AREA}-2025", "state": "running"},
    )
    path = started.headers["Location"]
    deadline = time.monotonic() + 300
    while (batch := client.get(path).json())["state"] == "running" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert batch["state"] == "finished"
    posted = client.get(f"/v1/accounts/{number}/entries?kind=interest").json()["items"]
    assert [entry["period"] for entry in posted] == ["2025"]


@pytest.mark.parametrize(
    ("year", "area", "status", "code"),
    [
        ("2026", AREA, 409, "year_not_over"),
        ("2025", "110000", 422, "area_unknown"),
        ("1989", AREA, 409, "rates_missing"),
        ("0", AREA, 422, "shape_invalid"),
        ("20x5", AREA, 422, "shape_invalid"),
        ("99999", AREA, 422, "shape_invalid"),
    ],
)
def test_a_year_end_that_cannot_be(client: TestClient, year: str, area: str, status: int, code: str) -> None:
    answer = client.post(f"/v1/year-ends/{year}", json={"area": area})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("name", ["year-end-990100-1999", "x", "%00", "一", "x" * 300])
def test_no_such_batch(client: TestClient, name: str) -> None:
    answer = client.get(f"/v1/batches/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "batch_not_found")


def test_health(client: TestClient) -> None:
    for path in ("/livez", "/readyz"):
        assert client.get(path).json() == {"status": "ok", "version": VERSION}


def test_not_ready_with_another_schema(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.operations.health.head_revision", lambda: "another")
    monkeypatch.setattr("api.http.probe.ANSWER_SECONDS", 60)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize(
    ("looks", "found", "code"),
    [("are_other_keys", True, "keys_differ"), ("outdated_areas", {990100}, "policy_outdated")],
)
def test_not_ready_with_other_keys_or_an_older_policy(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, looks: str, found: object, code: str
) -> None:
    monkeypatch.setattr(f"api.operations.health.{looks}", lambda *_told: found)
    # on a machine that has other things to do
    monkeypatch.setattr("api.http.probe.ANSWER_SECONDS", 60)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert answer.headers["Retry-After"]


def test_the_documentation_needs_no_internet(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert "//" not in page.text.replace("<!doctype", "")
    for name in (
        "vendor/swagger-ui-bundle.js",
        "vendor/swagger-ui.css",
        "vendor/favicon-32x32.png",
        "docs.js",
    ):
        assert f"/static/{name}" in page.text
        assert client.get(f"/static/{name}").status_code == 200
    assert client.get("/openapi.json").json()["openapi"].startswith("3.1")


def test_vendored_files_are_what_npm_gave() -> None:
    vendor = STATIC / "vendor"
    listed = dict(
        reversed(line.split("  "))
        for line in (vendor / "SHA256SUMS").read_text().splitlines()
        if not line.startswith("#")
    )
    there = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in Path(vendor).iterdir()
        if file.name != "SHA256SUMS"
    }
    assert there == listed


def test_every_answer_has_an_id_and_careful_headers(client: TestClient) -> None:
    ids = set()
    for path in ("/livez", "/v1/accounts/x", "/nowhere", "/docs"):
        answer = client.get(path)
        ids.add(answer.headers["X-Request-Id"])
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert len(ids) == 4


# -- what else may refuse a debit ----------------------------------------------------------------------------


def test_a_spending_and_a_hold_meet_what_else_may_refuse_them(client: TestClient) -> None:
    """An institution's contract may rest, and the area may have no rule for an old day."""
    number = str(open_account(client, opened_on="2000-01-01")["account_no"])
    hospital = new_institution(client, services=())
    contract(client, hospital, **{"from": "1990-01-01"})
    rests = {"from": "2026-11-01", "reason": "x"}
    assert (
        client.post(f"/v1/institutions/{hospital}/suspensions", json=rests, headers=key()).status_code == 201
    )
    contribute(client, number)

    def refused(path: str, body: dict[str, Any]) -> tuple[int, str]:
        answer = client.post(f"/v1/accounts/{number}/{path}", json=body, headers=key())
        return answer.status_code, answer.json()["code"]

    spent = spending(institution=hospital, effective_on="2026-11-20")
    assert refused("spendings", spent) == (422, "contract_suspended")
    with without(client, "spending.pocket_order", until="2025-12-31"):
        assert refused("spendings", spent | {"effective_on": "2025-01-01"}) == (409, "rates_missing")
    held = {
        "amount": "1.00",
        "expires_at": "2026-11-22T00:00:00Z",
        "institution": hospital,
        "source_ref": "h",
    }
    assert refused("holds", held) == (422, "contract_suspended")
