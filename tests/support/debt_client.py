"""People who owe the fund, over HTTP, for tests.

person, what = of_a_bounced_payment(client)
[debt] = debts(client, person)
name = demand_debt(client, person, debt)
"""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from api.transfers.answers import DebtList, NewDemandAnswer
from tests.support.api_client import contribute, key, open_account, spending
from tests.support.employer_client import hire, new_employer, owe, pay, taken
from tests.support.estate_client import claimant, confirmed, die, undo
from tests.support.transfer_client import document, post


def spend(client: TestClient, person: str, amount: str) -> None:
    spent = spending() | {"amount": amount}
    assert client.post(f"/v1/accounts/{person}/spendings", json=spent, headers=key()).status_code == 201


def bounce(client: TestClient, payment: str) -> Any:
    answer = client.post(f"/v1/payments/{payment}/reversal", json={"reason": "bounced"}, headers=key())
    assert answer.status_code == 201, answer.text
    return answer.json()


def of_a_bounced_payment(client: TestClient) -> tuple[str, str]:
    """Somebody who owes 100.00 of a month, and has 60.00 of it less than nothing in the account."""
    person, _employer = of_a_month(client)
    return person, "contribution"


def of_a_month(client: TestClient) -> tuple[str, str]:
    """The same, with the employer."""
    person, employer = hire(client), new_employer(client)
    owe(client, employer, "2026-03", {person: "8000.00"})
    payment = pay(client, employer, "2026-03", "760.00", "2026-04-10")["receipt"]
    spend(client, person, "100.00")
    assert bounce(client, payment)["receivable"] == "100.00"
    return person, employer


def of_an_estate_that_was_undone(client: TestClient) -> tuple[str, str]:
    """Somebody who owes 300.00 that were inherited and spent."""
    dead, person = str(open_account(client)["number"]), hire(client)
    contribute(client, dead, "300.00")
    die(client, dead)
    estate = confirmed(client, dead, [claimant("张三", id_number=person)])["estate"]
    spend(client, person, "300.00")
    undo(client, estate)
    return person, "inheritance"


def debts(client: TestClient, person: str) -> Any:
    return taken(client.get(f"/v1/accounts/{person}/debts"), DebtList, 200)["items"]


def demand_debt_answer(client: TestClient, person: str, debt: str, amount: str) -> Any:
    body = {"amount": amount, "reason": "not paid back", "document": document(), "debt": debt}
    return post(client, f"/v1/accounts/{person}/demands", body)


def demand_debt(client: TestClient, person: str, debt: Any, amount: str | None = None) -> str:
    """Demand what a debt says, or so much of it; the name of the demand."""
    answer = demand_debt_answer(client, person, debt["debt"], amount or debt["still_owed"])
    return str(taken(answer, NewDemandAnswer)["demand"])
