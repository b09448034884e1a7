"""Debts of accounts that went into others, and those of the dead after their estate (R2, R16)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.verify import verify
from tests.support.api_client import contribute, key, running
from tests.support.approval_client import by_two
from tests.support.debt_client import bounce, debts, demand_debt, demand_debt_answer, spend
from tests.support.employer_client import balance, hire, new_employer, owe, pay, refusal
from tests.support.estate_client import claimant, confirmed, die, undo
from tests.support.people import KEYRING
from tests.support.transfer_client import demand, exit_answer, instalment, post, set_off


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Whatever the tests of this module do, the book is right after it."""
    with running(engine, tmp_path_factory.mktemp("merged-debts")) as client:
        yield client
    assert [str(one) for one in verify(engine, keyring=KEYRING).findings] == []


def merge(client: TestClient, younger: str, older: str) -> None:
    body = {"into": older, "document": "d"}
    done = by_two(client, client.post(f"/v1/accounts/{younger}/merge", json=body, headers=key()))
    assert done.status_code == 201, done.text


def open_demands(client: TestClient) -> Any:
    return client.get("/v1/demands", params={"limit": 500}).json()["items"]


def two(client: TestClient) -> tuple[str, str]:
    return hire(client), hire(client, opened_on="2020-02-01")


def of_a_merged_month(client: TestClient) -> tuple[str, str]:
    """Somebody who owes 99.81 of a month that the account had which went into theirs; and the employer."""
    (older, younger), employer = two(client), new_employer(client)
    owe(client, employer, "2026-03", {younger: "8000.00"})
    payment = pay(client, employer, "2026-03", "760.00", "2026-04-10")["receipt"]
    merge(client, younger, older)
    spend(client, older, "100.00")
    assert bounce(client, payment)["receivable"] == "99.81"
    return older, employer


def test_a_month_that_the_merged_account_had_is_told(client: TestClient) -> None:
    person, _employer = of_a_merged_month(client)
    [debt] = debts(client, person)
    assert (debt["what"], debt["period"], debt["still_owed"]) == ("contribution", "2026-03", "99.81")


def test_what_was_demanded_before_the_merge_is_not_owed_again(client: TestClient) -> None:
    (older, younger), employer = two(client), new_employer(client)
    owe(client, employer, "2026-03", {younger: "8000.00"})
    payment = pay(client, employer, "2026-03", "760.00", "2026-04-10")["receipt"]
    spend(client, younger, "100.00")
    bounce(client, payment)
    [debt] = debts(client, younger)
    instalment(client, demand_debt(client, younger, debt), "100.00")
    merge(client, younger, older)
    assert debts(client, older) == []
    contribute(client, older, "5.00", period="2026-06", effective_on="2026-11-21")
    assert exit_answer(client, older).status_code == 201


def test_such_a_month_is_demanded_and_set_off_and_lets_go(client: TestClient) -> None:
    person, employer = of_a_merged_month(client)
    contribute(client, person, "500.00", period="2026-05", effective_on="2026-05-20")
    [debt] = debts(client, person)
    assert refusal(demand_debt_answer(client, person, debt["debt"], "100.01")) == (422, "amount_invalid")
    demand_debt(client, person, debt, "30.00")
    [rest, _demand] = debts(client, person)
    assert (rest["demanded"], rest["still_owed"]) == ("30.00", "69.81")
    name = demand_debt(client, person, rest)
    assert set_off(client, name)["still_owed"] == "0.00"
    # what was demanded is paid there: the whole part of the month comes to the account
    before = Decimal(balance(client, person))
    pay(client, employer, "2026-03", "760.00", "2026-06-10")
    assert Decimal(balance(client, person)) - before == Decimal("160.00")


def test_one_that_has_no_debt_but_the_demand_leaves(client: TestClient) -> None:
    person, _employer = of_a_merged_month(client)
    contribute(client, person, "500.00", period="2026-05", effective_on="2026-05-20")
    assert refusal(exit_answer(client, person)) == (409, "open_items")
    [debt] = debts(client, person)
    name = demand_debt(client, person, debt)
    taken = set_off(client, name)
    assert taken["still_owed"] == "0.00"
    assert exit_answer(client, person).status_code == 201


def test_such_a_demand_that_is_withdrawn_leaves_the_debt(client: TestClient) -> None:
    person, employer = of_a_merged_month(client)
    [debt] = debts(client, person)
    name = demand_debt(client, person, debt)
    assert [one["what"] for one in debts(client, person)] == ["demand"]
    assert post(client, f"/v1/entries/{name}/reversal", {"reason": "wrong"}).status_code == 201
    assert debts(client, person) == [debt]
    # and the money that comes clears it
    pay(client, employer, "2026-03", "760.00", "2026-06-10")
    assert debts(client, person) == []
    assert balance(client, person) == "60.19"


def test_the_estate_sets_off_the_rest_of_what_was_demanded_of_it(client: TestClient) -> None:
    person, _employer = of_a_merged_month(client)
    [debt] = debts(client, person)
    demand_debt(client, person, debt, "30.00")
    contribute(client, person, "500.00", period="2026-05", effective_on="2026-05-20")
    die(client, person)
    told = confirmed(client, person, [claimant("李四", id_number=hire(client, name="李四"))])
    assert sorted(line["owed"] for line in told["set_off"]) == ["30.00", "69.81"]


def test_a_late_credit_of_the_merged_account_is_known_by_its_entry(client: TestClient) -> None:
    older, younger = two(client)
    contribute(client, younger, "100.00", period="2026-06", effective_on="2026-06-20")
    merge(client, younger, older)
    spend(client, older, "100.00")
    die(client, older, "2026-02-01")
    [debt] = debts(client, older)
    assert (debt["what"], debt["debt"]) == ("late_credit", debt["entry"])
    # what the dead owe their estate sets off
    answer = demand_debt_answer(client, older, debt["debt"], debt["still_owed"])
    assert refusal(answer) == (409, "account_deceased")


def test_an_instalment_that_bounced_is_owed_by_the_account_that_stays(client: TestClient) -> None:
    older, younger = two(client)
    name = demand(client, younger, "60.00")
    paid = instalment(client, name, "60.00")["entry"]
    contribute(client, older, "500.00", period="2026-05", effective_on="2026-05-20")
    merge(client, younger, older)
    assert debts(client, older) == []
    assert post(client, f"/v1/entries/{paid}/reversal", {"reason": "bounced"}).status_code == 201
    [debt] = debts(client, older)
    # by the name of the demand, which goes on as it was
    assert (debt["what"], debt["entry"], debt["still_owed"]) == ("demand", name, "60.00")
    [listed] = [one for one in open_demands(client) if one["demand"] == name]
    assert listed["still_owed"] == "60.00"
    assert refusal(exit_answer(client, older)) == (409, "open_items")
    assert instalment(client, name, "20.00")["still_owed"] == "40.00"
    before = Decimal(balance(client, older))
    assert set_off(client, name)["still_owed"] == "0.00"
    assert Decimal(balance(client, older)) == before - Decimal("40.00")
    assert debts(client, older) == []
    assert exit_answer(client, older).status_code == 201


def test_the_estate_tells_what_it_took_over_of_the_merged_account(client: TestClient) -> None:
    older, younger = two(client)
    name = demand(client, younger, "60.00")
    paid = instalment(client, name, "60.00")["entry"]
    contribute(client, older, "500.00", period="2026-05", effective_on="2026-05-20")
    merge(client, younger, older)
    assert post(client, f"/v1/entries/{paid}/reversal", {"reason": "bounced"}).status_code == 201
    die(client, older)
    told = confirmed(client, older, [claimant("李四", id_number=hire(client, name="李四"))])
    assert [(line["what"], line["name"], line["owed"]) for line in told["set_off"]] == [
        ("demand", name, "60.00")
    ]
    assert client.get(f"/v1/estates/{told['estate']}").json()["set_off"] == told["set_off"]
    assert name not in {one["demand"] for one in open_demands(client)}
    undo(client, told["estate"])
    assert [one["still_owed"] for one in debts(client, older)] == ["60.00"]


def test_what_the_dead_came_to_owe_after_their_estate_is_told(client: TestClient) -> None:
    """A payment bounces after the money went to the heirs; what the estate set off is told no more."""
    person, employer = hire(client), new_employer(client)
    owe(client, employer, "2026-03", {person: "8000.00"})
    owe(client, employer, "2026-04", {person: "8000.00"})
    first = pay(client, employer, "2026-03", "760.00", "2026-04-10")["receipt"]
    second = pay(client, employer, "2026-04", "760.00", "2026-05-10")["receipt"]
    spend(client, person, "300.00")
    bounce(client, second)
    [before] = debts(client, person)
    die(client, person)
    divided = confirmed(client, person, [claimant("李四", id_number=hire(client, name="李四"))])
    assert [line["owed"] for line in divided["set_off"]] == [before["still_owed"]]
    assert debts(client, person) == []
    receivable = bounce(client, first)["receivable"]
    [debt] = debts(client, person)
    assert (debt["period"], debt["still_owed"], debt["debt"]) == ("2026-03", receivable, None)
    undo(client, divided["estate"])
    assert {one["period"] for one in debts(client, person)} == {"2026-03", "2026-04"}
