"""What a person owes, in one place, and how it is demanded, set off and paid (R16, R67)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.verify import verify
from tests.support.api_client import TODAY, contribute, running
from tests.support.debt_client import (
    bounce,
    debts,
    demand_debt,
    demand_debt_answer,
    of_a_bounced_payment,
    of_a_month,
    of_an_estate_that_was_undone,
)
from tests.support.employer_client import adjust, balance, pay, refusal
from tests.support.estate_client import die, divide, heir
from tests.support.estate_client import undo as undo_estate
from tests.support.transfer_client import (
    acknowledge,
    demand,
    exit_answer,
    instalment,
    leave,
    post,
    request_out,
    send,
    set_off,
    supplement,
    supplement_answer,
)

OWING = [of_a_bounced_payment, of_an_estate_that_was_undone]


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Whatever the tests of this module do, the book is right after it."""
    with running(engine, tmp_path_factory.mktemp("debts")) as client:
        yield client
    assert [str(one) for one in verify(engine).findings] == []


def undo(client: TestClient, entry: str) -> Any:
    return post(client, f"/v1/entries/{entry}/reversal", {"reason": "wrong"})


@pytest.mark.parametrize("owing", OWING)
def test_what_somebody_owes_stands_in_one_place(client: TestClient, owing: Any) -> None:
    person, what = owing(client)
    name = demand(client, person, "7.00")
    owed, demanded = debts(client, person)
    amount = {"contribution": "100.00", "inheritance": "300.00"}[what]
    assert (owed["what"], owed["amount"], owed["demanded"], owed["still_owed"]) == (
        *(what, amount, "0.00", amount),
    )
    assert client.get(f"/v1/entries/{owed['entry']}").status_code == 200
    assert (owed["since"], owed["debt"]) == ("2026-11-21", owed["entry"])
    assert (demanded["what"], demanded["entry"], demanded["still_owed"]) == ("demand", name, "7.00")
    assert demanded["debt"] is None
    if what == "contribution":
        assert owed["period"] == "2026-03"


@pytest.mark.parametrize("owing", OWING)
def test_a_debt_is_demanded_set_off_and_paid_and_then_lets_go(client: TestClient, owing: Any) -> None:
    person, _what = owing(client)
    contribute(client, person, "60.00", period="2026-05", effective_on="2026-05-20")
    [debt] = debts(client, person)
    name = demand_debt(client, person, debt)
    [left] = debts(client, person)
    assert (left["what"], left["entry"], left["still_owed"]) == ("demand", name, debt["amount"])
    taken = set_off(client, name)
    assert (taken["set_off"], balance(client, person)) == ("60.00", "0.00")
    assert instalment(client, name, taken["still_owed"])["still_owed"] == "0.00"
    assert debts(client, person) == []
    contribute(client, person, "5.00", period="2026-06", effective_on="2026-11-21")
    done = leave(client, person)
    assert Decimal(done["amount"]) - Decimal(done["interest"]) == Decimal("5.00")


def test_a_part_of_a_debt_is_demanded_and_the_rest_stays(client: TestClient) -> None:
    person, _employer = of_a_month(client)
    [debt] = debts(client, person)
    name = demand_debt(client, person, debt, "40.00")
    rest, demanded = debts(client, person)
    assert (rest["amount"], rest["demanded"], rest["still_owed"]) == ("100.00", "40.00", "60.00")
    assert demanded["entry"] == name
    for amount in ("60.01", "0.00"):
        answer = demand_debt_answer(client, person, debt["debt"], amount)
        assert refusal(answer) == (422, "amount_invalid")
    items = exit_answer(client, person).json()["facts"]["items"]
    assert [(one["what"], one["name"]) for one in items] == [("demand", name), ("debt", "contribution")]


def test_a_demand_that_is_withdrawn_gives_the_debt_back(client: TestClient) -> None:
    person, _employer = of_a_month(client)
    [debt] = debts(client, person)
    name = demand_debt(client, person, debt)
    assert refusal(demand_debt_answer(client, person, debt["debt"], "1.00")) == (404, "debt_not_found")
    assert undo(client, name).status_code == 201
    assert debts(client, person) == [debt]
    assert demand_debt(client, person, debt) != name


@pytest.mark.parametrize("demanded", ["100.00", "30.00"])
def test_a_month_that_is_paid_again_clears_only_what_was_not_demanded(
    client: TestClient, demanded: str
) -> None:
    """The account has 100.00 of the month; 160.00 come again, and what was demanded is paid by the person."""
    person, employer = of_a_month(client)
    [debt] = debts(client, person)
    demand_debt(client, person, debt, demanded)
    pay(client, employer, "2026-03", "760.00", "2026-06-10")
    assert balance(client, person) == {"100.00": "160.00", "30.00": "90.00"}[demanded]
    [left] = debts(client, person)
    assert (left["what"], left["still_owed"]) == ("demand", demanded)


def test_a_demanded_month_that_bounces_again_is_owed_beside_its_demand(client: TestClient) -> None:
    person, employer = of_a_month(client)
    name = demand_debt(client, person, debts(client, person)[0])
    payment = pay(client, employer, "2026-03", "760.00", "2026-06-10")["receipt"]
    set_off(client, name)
    assert balance(client, person) == "60.00"
    assert bounce(client, payment)["receivable"] == "100.00"
    [owed] = debts(client, person)
    assert (owed["what"], owed["amount"], owed["demanded"], owed["still_owed"]) == (
        *("contribution", "200.00", "100.00", "100.00"),
    )


def test_what_an_estate_sets_off_of_a_demanded_debt_is_owed_once(client: TestClient) -> None:
    person, _employer = of_a_month(client)
    contribute(client, person, "500.00", period="2026-05", effective_on="2026-05-20")
    name = demand_debt(client, person, debts(client, person)[0], "40.00")
    died = die(client, person)
    assert refusal(demand_debt_answer(client, person, debts(client, person)[0]["debt"], "1.00")) == (
        409,
        "account_deceased",
    )
    estate = divide(client, person, [heir()])
    assert [(one["what"], one["amount"]) for one in estate["set_off"]] == [
        ("contribution", "60.00"),
        ("demand", "40.00"),
    ]
    assert debts(client, person) == []
    undo_estate(client, died["entry"])
    assert [one["still_owed"] for one in debts(client, person)] == ["60.00", "40.00"]
    assert client.get(f"/v1/demands/{name}").json()["debt"] == "contribution"


@pytest.mark.parametrize("owing", OWING)
def test_what_is_demanded_and_partly_paid_is_the_estates_to_the_fen(client: TestClient, owing: Any) -> None:
    person, what = owing(client)
    contribute(client, person, "50.00", period="2026-05", effective_on="2026-11-21")
    [debt] = debts(client, person)
    name = demand_debt(client, person, debt, "90.00")
    instalment(client, name, "20.00")
    die(client, person, "2026-11-21")
    estate = divide(client, person, [heir()])
    rest = {"contribution": "10.00", "inheritance": "210.00"}[what]
    assert [(one["what"], one["owed"]) for one in estate["set_off"]] == [(what, rest), ("demand", "70.00")]


@pytest.mark.parametrize("named", ["nonsense", "P483920174650K-1", "own"])
def test_a_debt_that_there_is_not(client: TestClient, named: str) -> None:
    person, _employer = of_a_month(client)
    if named == "own":
        named = client.get(f"/v1/accounts/{person}/entries").json()["items"][0]["entry"]
    assert refusal(demand_debt_answer(client, person, named, "1.00")) == (404, "debt_not_found")


def test_nobody_pays_the_debt_of_another(client: TestClient) -> None:
    person, _employer = of_a_month(client)
    other, _employer = of_a_month(client)
    [debt] = debts(client, person)
    assert refusal(demand_debt_answer(client, other, debt["debt"], "1.00")) == (404, "debt_not_found")


def gone_and_paid_again(client: TestClient) -> tuple[str, str, str, str]:
    """Who owed 100.00 of a month, paid them by a demand and was transferred; then the month is paid again."""
    person, employer = of_a_month(client)
    name = demand_debt(client, person, debts(client, person)[0])
    instalment(client, name, "100.00")
    transfer = request_out(client, person)
    send(client, transfer)
    acknowledge(client, transfer)
    payment = pay(client, employer, "2026-03", "760.00", "2026-06-10")["receipt"]
    return person, employer, transfer, payment


def waiting(client: TestClient, employer: str) -> list[str]:
    items = client.get("/v1/suspended", params={"employer": employer}).json()["items"]
    return [one["amount"] for one in items]


def test_all_of_a_demanded_month_that_waits_is_seen_and_sent_after(client: TestClient) -> None:
    """160.00 come for somebody who left; what of the month was paid by a demand hides nothing of them."""
    _person, employer, transfer, _payment = gone_and_paid_again(client)
    assert waiting(client, employer) == ["160.00"]
    answer = supplement_answer(client, transfer, "160.01", received_on=TODAY.isoformat())
    assert answer.json()["facts"]["waiting"] == "160.00"
    supplement(client, transfer, "160.00", received_on=TODAY.isoformat())
    assert waiting(client, employer) == []


def test_all_of_a_demanded_month_that_waits_goes_back(client: TestClient) -> None:
    _person, employer, _transfer, payment = gone_and_paid_again(client)
    assert bounce(client, payment)["receivable"] == "0.00"
    assert waiting(client, employer) == []


def test_a_demanded_month_that_waits_is_taken_off_the_list(client: TestClient) -> None:
    person, employer, _transfer, _payment = gone_and_paid_again(client)
    adjust(client, employer, "2026-03", {person: "0.00"})
    assert waiting(client, employer) == []
