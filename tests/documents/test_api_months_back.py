"""Months that were taken back are paid no more, in every answer and on every paper."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.book.numbers import book_id_of
from ledger.contributions.retirees import CreditRetiree
from ledger.months import parse_period
from tests.support.api_client import contribute, key, open_account
from tests.support.documents_client import YEAR, checked, of, printed
from tests.support.people import World


@pytest.fixture(scope="module")
def world(client: TestClient, engine: Engine) -> World:
    return World(engine)


def on_papers(client: TestClient, account: str) -> tuple[Any, Any, Any]:
    """The list, the proof and the year of a person."""
    base = f"/v1/accounts/{account}"
    return (
        of(client, base, kind="payment_list", **YEAR),
        of(client, base, kind="insured_proof"),
        of(client, base, kind="yearly_statement", year=2026),
    )


def paid(client: TestClient, account: str) -> list[tuple[str, str, str]]:
    items = client.get(f"/v1/accounts/{account}/payments").json()["items"]
    return [(one["period"], one["paid"], one["to_account"]) for one in items]


def die(client: TestClient, account: str, day: str) -> None:
    body = {"died_on": day, "evidence": "certificate 1"}
    answer = client.post(f"/v1/accounts/{account}/death", json=body, headers=key())
    assert answer.status_code == 201, answer.text


def retiree(client: TestClient, world: World, *months: str) -> str:
    """A retiree to whom these months were credited."""
    account = str(open_account(client, opened_on="2025-01-01")["account_no"])
    body = {"member_class": "retired", "from": "2026-01-01"}
    answer = client.post(f"/v1/accounts/{account}/enrolments", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    for month in months:
        world.one(CreditRetiree(book_id_of(account) or 0, parse_period(month)))
    return account


@pytest.mark.parametrize("spent", ["0.00", "700.00", "900.00"])
def test_months_after_a_death_are_not_paid(client: TestClient, spent: str) -> None:
    """Also where the money was spent since, and the estate owes a part of it or all."""
    account = str(open_account(client, opened_on="2025-01-01")["account_no"])
    for month in range(1, 10):
        contribute(client, account, "100.00", period=f"2026-0{month}", effective_on=f"2026-0{month}-20")
    if spent != "0.00":
        body = {
            "amount": spent,
            "effective_on": "2026-10-01",
            "institution": "H0001",
            "source_ref": f"b{account}",
        }
        assert client.post(f"/v1/accounts/{account}/spendings", json=body, headers=key()).status_code == 201
    before = printed(client, f"/v1/accounts/{account}", kind="insured_proof")
    die(client, account, "2026-05-10")
    stay = [(f"2026-0{month}", "100.00", "100.00") for month in range(1, 6)]
    assert paid(client, account) == stay
    a_list, proof, year = on_papers(client, account)
    assert [(one["period"], one["paid"], one["to_account"]) for one in a_list["tables"]["months"]] == stay
    assert (a_list["totals"]["paid"], a_list["words"]) == ("500.00", ["本期间已缴费5个月。"])
    assert (proof["head"]["months_paid"], proof["head"]["insured_to"]) == (5, "2026-05")
    assert year["table_totals"]["months"]["paid"] == "500.00"
    assert checked(client, before)["state"] == "corrected"


def test_credits_of_a_retiree_after_the_death_insure_nobody(client: TestClient, world: World) -> None:
    account = retiree(client, world, "2026-09", "2026-10")
    die(client, account, "2026-09-10")
    assert paid(client, account) == [("2026-09", "110.00", "110.00")]
    a_list, proof, _year = on_papers(client, account)
    assert [one["period"] for one in a_list["tables"]["months"]] == ["2026-09"]
    assert proof["head"]["insured_to"] == "2026-09"


def test_a_credit_of_a_retiree_that_was_reversed_leaves_nothing(client: TestClient, world: World) -> None:
    account = retiree(client, world, "2026-08", "2026-09")
    [entry] = [
        one["entry"]
        for one in client.get(f"/v1/accounts/{account}/entries").json()["items"]
        if (one["kind"], one["period"]) == ("retiree_credit", "2026-09")
    ]
    answer = client.post(f"/v1/entries/{entry}/reversal", json={"reason": "x"}, headers=key())
    assert answer.status_code == 201, answer.text
    assert paid(client, account) == [("2026-08", "110.00", "110.00")]
    a_list, proof, year = on_papers(client, account)
    assert [(one["period"], one["to_account"]) for one in a_list["tables"]["months"]] == [
        ("2026-08", "110.00")
    ]
    assert a_list["totals"] == {"employee_part": "0.00", "employer_part": "0.00", "paid": "0.00"}
    assert (proof["head"]["insured_to"], proof["head"]["months_paid"]) == ("2026-08", 0)
    assert year["table_totals"]["months"]["to_account"] == "110.00"


def test_a_month_paid_anew_has_the_day_of_what_stands(client: TestClient) -> None:
    account = str(open_account(client, opened_on="2025-01-01")["account_no"])
    contribute(client, account, "10.00", effective_on="2026-03-20")
    later = contribute(client, account, "20.00", effective_on="2026-04-20")["entry"]
    assert (
        client.post(f"/v1/entries/{later}/reversal", json={"reason": "x"}, headers=key()).status_code == 201
    )
    a_list, *_ = on_papers(client, account)
    [month] = a_list["tables"]["months"]
    assert (month["paid"], month["paid_on"]) == ("10.00", "2026-03-20")
