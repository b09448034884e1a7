"""Who owes the fund does not leave with the money: exits and transfers name the debt (R16, R51, R52)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.verify import verify
from tests.support.api_client import contribute, running
from tests.support.debt_client import bounce, of_a_bounced_payment, of_an_estate_that_was_undone, spend
from tests.support.employer_client import hire, new_employer, owe, pay, refusal
from tests.support.transfer_client import exit_answer, out_body, post, reject, request_out, send_answer


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client
    assert [str(one) for one in verify(engine).findings] == []


@pytest.mark.parametrize("owing", [of_a_bounced_payment, of_an_estate_that_was_undone])
def test_who_owes_the_fund_does_not_leave_with_the_money(client: TestClient, owing: Any) -> None:
    person, of_what = owing(client)
    contribute(client, person, "500.00", period="2026-05", effective_on="2026-05-20")
    account = client.get(f"/v1/accounts/{person}").json()["account_no"]
    for answer in (post(client, "/v1/transfers", out_body(person)), exit_answer(client, person)):
        assert refusal(answer) == (409, "open_items")
        assert answer.json()["facts"]["items"] == [{"what": "debt", "name": of_what, "where": account}]


def test_a_payment_that_bounces_on_the_way_stops_the_money(client: TestClient) -> None:
    person, employer = hire(client), new_employer(client)
    owe(client, employer, "2026-03", {person: "8000.00"})
    payment = pay(client, employer, "2026-03", "760.00", "2026-04-10")["receipt"]
    spend(client, person, "100.00")
    transfer = request_out(client, person)
    bounce(client, payment)
    assert refusal(send_answer(client, transfer)) == (409, "open_items")
    assert reject(client, transfer)["status"] == "rejected"
