"""Receipts and refunds over HTTP: what is paid where, to the fen, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.contributions.answers import PaymentAnswer, RefundAnswer
from ledger.verify import verify
from tests.support.api_client import key, open_account, running
from tests.support.employer_client import (
    adjust,
    balance,
    declare,
    hire,
    new_employer,
    owe,
    pay,
    receipt_body,
    ref,
    refusal,
    rows,
    taken,
)
from tests.support.units import credit_code


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client


@pytest.fixture
def employer(client: TestClient) -> str:
    return new_employer(client)


def went(paid: Any) -> tuple[str, ...]:
    """To accounts, to the pooled fund, late fee, to suspense; still owed."""
    names = ("to_accounts", "to_pooled_fund", "late_fee", "to_suspense", "still_owed")
    return tuple(paid[name] for name in names)


def test_a_month_is_paid_late(client: TestClient, employer: str) -> None:
    """E11, E17: 760.00 due on 2026-07-15 and paid the day after costs 0.38, and the account has 160.00."""
    person = hire(client)
    owe(client, employer, "2026-06", {person: "8000.00"})
    paid = pay(client, employer, "2026-06", "760.38", "2026-07-16")
    assert went(paid) == ("160.00", "600.00", "0.38", "0.00", "0.00")
    assert paid["receipt"].startswith("E")
    (entry,) = client.get(f"/v1/accounts/{person}/entries?kind=contribution").json()["items"]
    assert (entry["amount"], entry["effective_on"], entry["period"]) == ("160.00", "2026-07-16", "2026-06")
    shown = client.get(f"/v1/entries/{paid['receipt']}").json()
    assert shown["facts"] == {
        "amount": "760.38",
        "late_fee": "0.38",
        "still_owed": "0.00",
        "to_accounts": "160.00",
        "to_pooled_fund": "600.00",
        "to_suspense": "0.00",
    }


def test_a_month_is_paid_on_the_last_day(client: TestClient, employer: str) -> None:
    """E11: nothing is added on 2026-07-15."""
    owe(client, employer, "2026-06", {hire(client): "8000.00"})
    assert went(pay(client, employer, "2026-06", "760.00", "2026-07-15")) == (
        *("160.00", "600.00", "0.00", "0.00", "0.00"),
    )


def test_ten_people_pay_late(client: TestClient, employer: str) -> None:
    """E12: 7,600.00 due on 2026-07-15, paid on 2026-09-30, 77 days: 292.60."""
    owe(client, employer, "2026-06", {hire(client): "8000.00" for _ in range(10)})
    paid = pay(client, employer, None, "7892.60", "2026-09-30")
    assert went(paid) == ("1600.00", "6000.00", "292.60", "0.00", "0.00")


def test_a_part_is_spread_in_proportion_and_the_fee_runs_on_the_rest(
    client: TestClient, employer: str
) -> None:
    """1.00 over ten people: 0.02 and 0.08 each. The fee on the rest: 7,599.00 · 0.0005 · 77 = 292.5615."""
    people = [hire(client) for _ in range(10)]
    owe(client, employer, "2026-06", dict.fromkeys(people, "8000.00"))
    part = pay(client, employer, "2026-06", "1.00", "2026-07-15")
    assert went(part) == ("0.20", "0.80", "0.00", "0.00", "7599.00")
    assert {balance(client, person) for person in people} == {"0.02"}
    paid = pay(client, employer, None, "8000.00", "2026-09-30")
    assert went(paid) == ("1599.80", "5999.20", "292.56", "108.44", "0.00")


def test_principal_before_late_fee_and_the_oldest_month_first(client: TestClient, employer: str) -> None:
    person = hire(client)
    for period in ("2026-04", "2026-05", "2026-06"):
        owe(client, employer, period, {person: "8000.00"})
    part = pay(client, employer, "2026-06", "380.00", "2026-07-16")
    assert went(part) == ("80.00", "300.00", "0.00", "0.00", "380.38")
    # April is 62 days late, May 31: 760 · 0.0005 · 62 and · 31
    oldest = pay(client, employer, None, "1555.00", "2026-07-16")
    assert went(oldest) == ("320.00", "1200.00", "35.00", "0.00", "380.72")
    assert balance(client, person) == "400.00"


def test_money_that_comes_before_its_list_waits(client: TestClient, employer: str) -> None:
    person = hire(client)
    assert went(pay(client, employer, "2026-03", "800.00", "2026-04-10")) == (
        *("0.00", "0.00", "0.00", "800.00", "0.00"),
    )
    confirmed = owe(client, employer, "2026-03", {person: "8000.00"})
    told = {name: confirmed[name] for name in ("to_accounts", "to_pooled_fund", "returned")}
    assert told == {"to_accounts": "160.00", "to_pooled_fund": "600.00", "returned": "40.00"}
    assert balance(client, person) == "160.00"


def test_a_receipt_is_answered_twice_and_booked_once(
    client: TestClient, engine: Engine, employer: str
) -> None:
    person = hire(client)
    owe(client, employer, "2026-03", {person: "8000.00"})
    body, once = receipt_body(employer, "2026-03", "760.00", "2026-04-10"), key()
    first = client.post("/v1/receipts", json=body, headers=once)
    paid = taken(first, PaymentAnswer)
    before = rows(engine)
    again = client.post("/v1/receipts", json=body | {"employer": employer.lower()}, headers=once)
    assert (again.status_code, again.json()) == (201, paid)
    assert again.headers["Idempotent-Replayed"] == "true"
    reused = client.post("/v1/receipts", json=body | {"amount": "761.00"}, headers=once)
    assert refusal(reused) == (422, "idempotency_key_reused")
    assert refusal(client.post("/v1/receipts", json=body, headers=key())) == (409, "duplicate_source_ref")
    assert rows(engine) == before
    assert balance(client, person) == "160.00"


def test_a_receipt_without_period_says_nothing_or_null(client: TestClient, employer: str) -> None:
    owe(client, employer, "2026-03", {hire(client): "8000.00"})
    body, once = receipt_body(employer, None, "760.00", "2026-04-10"), key()
    said = taken(client.post("/v1/receipts", json=body, headers=once), PaymentAnswer)
    body.pop("period")
    again = client.post("/v1/receipts", json=body, headers=once)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (said, "true")
    for period in ("soon", "2026-13", ""):
        other = client.post("/v1/receipts", json=body | {"period": period}, headers=once)
        assert refusal(other) == (422, "idempotency_key_reused"), "what is no month is not the oldest"


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"employer": credit_code()}, (404, "employer_not_found")),
        ({"employer": "919999990000000011"}, (422, "credit_code_invalid")),
        ({"period": "2026-12"}, (422, "period_invalid")),
        ({"period": "2026-13"}, (422, "period_invalid")),
        ({"period": "1989-12"}, (422, "period_invalid")),
        ({"period": 202603}, (422, "shape_invalid")),
        ({"received_on": "2026-11-22"}, (422, "period_invalid")),
        ({"received_on": "2026-02-30"}, (422, "shape_invalid")),
        ({"amount": "0.00"}, (422, "amount_invalid")),
        ({"amount": "760"}, (422, "amount_invalid")),
        ({"amount": "-760.00"}, (422, "amount_invalid")),
        ({"amount": 760.0}, (422, "amount_invalid")),
        ({"amount": None}, (422, "amount_invalid")),
        ({"source_ref": ""}, (422, "shape_invalid")),
        ({"to_bank": "x"}, (422, "cash_forbidden")),
        ({"note": "x"}, (422, "unknown_field")),
    ],
    ids=str,
)
@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_a_receipt_that_cannot_be(
    client: TestClient,
    engine: Engine,
    employer: str,
    change: dict[str, Any],
    refused: tuple[int, str],
    query: str,
) -> None:
    before = rows(engine)
    body = receipt_body(employer, "2026-03", "760.00", "2026-04-10") | change
    assert refusal(client.post(f"/v1/receipts{query}", json=body, headers=key())) == refused
    assert rows(engine) == before


def test_a_receipt_wants_a_key(client: TestClient, employer: str) -> None:
    body = receipt_body(employer, "2026-03", "760.00", "2026-04-10")
    assert refusal(client.post("/v1/receipts", json=body)) == (400, "idempotency_key_missing")


def test_a_dry_run_books_nothing(client: TestClient, engine: Engine, employer: str) -> None:
    person = hire(client)
    owe(client, employer, "2026-03", {person: "8000.00"})
    body = receipt_body(employer, "2026-03", "760.00", "2026-04-10")
    before = rows(engine)
    rehearsed = taken(client.post("/v1/receipts?dry_run=true", json=body), PaymentAnswer, 200)
    assert rows(engine) == before
    assert (went(rehearsed), rehearsed["dry_run"]) == (("160.00", "600.00", "0.00", "0.00", "0.00"), True)
    paid = taken(client.post("/v1/receipts", json=body, headers=key()), PaymentAnswer)
    assert paid | {"dry_run": True} == rehearsed


# -- refunds ---------------------------------------------------------------------------------------------


def test_what_was_paid_beyond_all_debts_goes_back(client: TestClient, engine: Engine, employer: str) -> None:
    owe(client, employer, "2026-03", {hire(client): "8000.00"})
    assert went(pay(client, employer, None, "800.00", "2026-04-10"))[3] == "40.00"
    path = f"/v1/employers/{employer}/refunds"
    body = {"amount": "30.00", "source_ref": ref(), "reason": "paid twice"}
    before = rows(engine)
    rehearsed = taken(client.post(f"{path}?dry_run=true", json=body), RefundAnswer, 200)
    assert rows(engine) == before
    once = key()
    done = taken(client.post(path, json=body, headers=once), RefundAnswer)
    assert done | {"dry_run": True} == rehearsed
    assert done["amount"] == "30.00"
    again = client.post(path, json=body, headers=once)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (done, "true")
    assert refusal(client.post(path, json=body, headers=key())) == (409, "duplicate_source_ref")
    too_much = client.post(path, json=body | {"amount": "10.01", "source_ref": ref()}, headers=key())
    assert refusal(too_much) == (409, "suspense_exceeded")
    assert too_much.json()["facts"] == {"surplus": "10.00"}
    nothing = client.post(path, json=body | {"amount": "0.00", "source_ref": ref()}, headers=key())
    assert refusal(nothing) == (422, "amount_invalid")
    unknown = client.post(f"/v1/employers/{credit_code()}/refunds", json=body, headers=key())
    assert refusal(unknown) == (404, "employer_not_found")


# -- a year corrected ------------------------------------------------------------------------------------


def test_a_base_is_corrected_for_twelve_months(client: TestClient, employer: str) -> None:
    """E10: from 8,000 to 8,500 over twelve months: account + 120.00, pooled fund + 450.00."""
    person = hire(client)
    months = ["2025-12", *(f"2026-{number:02d}" for number in range(1, 12))]
    for period in months:
        owe(client, employer, period, {person: "8000.00"})
        paid = pay(client, employer, period, "760.00", f"{period}-21")
        assert went(paid) == ("160.00", "600.00", "0.00", "0.00", "0.00")
    assert balance(client, person) == "1920.00"
    pooled = 0
    for period in months:
        corrected = adjust(client, employer, period, {person: "8500.00"})
        assert (corrected["employee_total"], corrected["employer_total"]) == ("10.00", "37.50")
        (line,) = corrected["lines"]
        assert line == {
            "line": 1,
            "id_number": person,
            "base": "8500.00",
            "employee_part": "10.00",
            "employer_part": "37.50",
        }
        paid = pay(client, employer, period, "47.50", f"{period}-21")
        assert went(paid) == ("10.00", "37.50", "0.00", "0.00", "0.00")
        pooled += 3750
    assert (balance(client, person), pooled) == ("2040.00", 45000)


def test_too_much_goes_back_as_far_as_it_is_there(client: TestClient, employer: str) -> None:
    opened = open_account(client, opened_on="2020-01-01")
    person = str(opened["number"])
    owe(client, employer, "2026-03", {person: "8000.00"})
    pay(client, employer, "2026-03", "760.00", "2026-04-10")
    spent = client.post(
        f"/v1/accounts/{person}/spendings",
        json={
            "amount": "100.00",
            "effective_on": "2026-05-01",
            "institution": "H0001",
            "source_ref": "b-1",
        },
        headers=key(),
    )
    assert spent.status_code == 201
    corrected = adjust(client, employer, "2026-03", {person: "0.00"})
    assert corrected | {"adjustment": ""} == {
        "adjustment": "",
        "period": "2026-03",
        "employee_total": "-160.00",
        "employer_total": "-600.00",
        "returned": "760.00",
        "receivable": "100.00",
        "lines": [
            {
                "line": 1,
                "id_number": person,
                "base": "0.00",
                "employee_part": "-160.00",
                "employer_part": "-600.00",
            }
        ],
    }
    assert balance(client, person) == "0.00"
    declared = declare(client, employer, "2026-03", {person: "8000.00"})
    assert declared["lines"] == [{"line": 1, "code": "duplicate_period"}]


def test_what_was_written_here_adds_up(client: TestClient, engine: Engine) -> None:
    """After all the tests above: every balance, chain and debt follows from the entries."""
    found = verify(engine)
    assert found.clean, found.findings
