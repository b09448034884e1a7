"""A month whose payment bounced after its money was spent, paid again: what is owed comes first (R9, R16)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.verify import verify
from tests.support.api_client import contribute, key, running, spending
from tests.support.employer_client import adjust, balance, hire, new_employer, owe, pay
from tests.support.estate_client import die, divide, heir
from tests.support.transfer_client import leave, request_out


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client
    assert [str(one) for one in verify(engine).findings] == []


def spend(client: TestClient, person: str, amount: str) -> None:
    spent = spending() | {"amount": amount}
    assert client.post(f"/v1/accounts/{person}/spendings", json=spent, headers=key()).status_code == 201


def bounce(client: TestClient, payment: str) -> Any:
    answer = client.post(f"/v1/payments/{payment}/reversal", json={"reason": "bounced"}, headers=key())
    assert answer.status_code == 201, answer.text
    return answer.json()


def paid(client: TestClient) -> tuple[str, str, str]:
    """An employer who paid March for one person, and the payment: 160.00 of 760.00 are credited."""
    employer, person = new_employer(client), hire(client)
    owe(client, employer, "2026-03", {person: "8000.00"})
    return employer, person, pay(client, employer, "2026-03", "760.00", "2026-04-10")["receipt"]


def again(client: TestClient, employer: str, period: str | None = "2026-03") -> Any:
    return pay(client, employer, period, "760.00", "2026-04-10")


def test_what_is_owed_of_the_month_is_cleared_first(client: TestClient) -> None:
    employer, person, payment = paid(client)
    spend(client, person, "100.00")
    assert bounce(client, payment)["receivable"] == "100.00"
    told = again(client, employer)
    assert (told["to_accounts"], told["receivable"], told["to_suspense"]) == ("60.00", "100.00", "0.00")
    assert balance(client, person) == "60.00"
    # nothing is owed any more
    leave(client, person)


def test_the_oldest_debt_first_clears_it_as_well(client: TestClient) -> None:
    employer, person, payment = paid(client)
    spend(client, person, "160.00")
    bounce(client, payment)
    told = again(client, employer, None)
    assert (told["to_accounts"], told["receivable"]) == ("0.00", "160.00")
    assert balance(client, person) == "0.00"
    request_out(client, person)


def test_as_often_as_it_bounces(client: TestClient) -> None:
    """A second bounce opens what the second payment cleared."""
    employer, person, payment = paid(client)
    spend(client, person, "100.00")
    bounce(client, payment)
    second = again(client, employer)["receipt"]
    back = bounce(client, second)
    assert (back["amount"], back["from_accounts"], back["receivable"]) == ("760.00", "60.00", "100.00")
    third = again(client, employer)
    assert (third["receivable"], balance(client, person)) == ("100.00", "60.00")
    spend(client, person, "50.00")
    assert bounce(client, third["receipt"])["receivable"] == "150.00"
    assert again(client, employer)["to_accounts"] == "10.00"


def test_a_part_clears_no_more_than_it_is(client: TestClient) -> None:
    """Half of the month by the same parts: 80.00 of the 100.00 that are owed, then the rest."""
    employer, person, payment = paid(client)
    spend(client, person, "100.00")
    bounce(client, payment)
    parts = [pay(client, employer, "2026-03", "380.00", "2026-04-10") for _ in range(2)]
    assert [one.get("receivable") for one in parts] == ["80.00", "20.00"]
    assert [one["to_accounts"] for one in parts] == ["0.00", "60.00"]
    assert bounce(client, parts[0]["receipt"])["receivable"] == "80.00"
    assert balance(client, person) == "60.00"


def test_of_a_month_that_was_too_much_and_is_not(client: TestClient) -> None:
    """Adjusted down and up again: the money that comes for the difference was credited before."""
    employer, person, _payment = paid(client)
    spend(client, person, "160.00")
    adjust(client, employer, "2026-03", {person: "7000.00"})
    adjust(client, employer, "2026-03", {person: "8000.00"})
    told = pay(client, employer, "2026-03", "95.00", "2026-11-20")
    assert (told["to_accounts"], told["receivable"]) == ("0.00", "20.00")
    assert balance(client, person) == "0.00"


def test_bounced_after_the_estate_was_divided(client: TestClient) -> None:
    employer, person, payment = paid(client)
    child = hire(client)
    die(client, person)
    divide(client, person, [heir(child)])
    inherited = balance(client, child)
    assert bounce(client, payment)["receivable"] == "160.00"
    assert again(client, employer)["receivable"] == "160.00"
    assert balance(client, child) == inherited


def test_bounced_before_it_was_divided(client: TestClient) -> None:
    """The estate has paid 50.06 of the 100.00: it takes the rest, and the heirs get what is left."""
    employer, person, payment = paid(client)
    spend(client, person, "100.00")
    bounce(client, payment)
    contribute(client, person, "50.00", period="2026-05", effective_on="2026-11-20")
    child = hire(client)
    die(client, person)
    estate = divide(client, person, [heir(child)])
    assert [(one["owed"], one["amount"]) for one in estate["set_off"]] == [("100.00", "50.06")]
    assert again(client, employer)["to_accounts"] == "160.00"
    assert balance(client, child) == "110.06"


def test_bounced_after_the_person_was_paid_out(client: TestClient) -> None:
    employer, person, payment = paid(client)
    assert leave(client, person)["amount"] == "160.19"
    bounce(client, payment)
    assert again(client, employer)["receivable"] == "160.00"
    kinds = [one["kind"] for one in client.get(f"/v1/accounts/{person}/entries?limit=100").json()["items"]]
    assert kinds.count("exit") == 1
