"""Demands and exits over HTTP (R52, R67, E66)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.verify import verify
from tests.support.api_client import TODAY, contribute, key, open_account, running, spending
from tests.support.employer_client import balance, refusal
from tests.support.estate_client import amounts, die, divide, heir
from tests.support.estate_client import undo as undo_estate
from tests.support.transfer_client import (
    demand,
    document,
    exit_answer,
    instalment,
    instalment_answer,
    leave,
    post,
    set_off,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demands")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    """Whatever the tests of this module do, the book is right after it."""
    with running(engine, folder) as client:
        yield client
    assert verify(engine).findings == []


def rich(client: TestClient, amount: str = "1000.00") -> str:
    """The ID number of somebody with so much since today: no interest comes on it."""
    person = str(open_account(client, opened_on="2026-01-05")["number"])
    contribute(client, person, amount, period="2026-11", effective_on=TODAY.isoformat())
    return person


def demands(client: TestClient, person: str) -> Any:
    return client.get(f"/v1/accounts/{person}/demands").json()["items"]


def status_of(client: TestClient, person: str) -> str:
    return str(client.get(f"/v1/accounts/{person}").json()["status"])


def undo(client: TestClient, entry: str) -> Any:
    return post(client, f"/v1/entries/{entry}/reversal", {"reason": "wrong"})


# -- demands -------------------------------------------------------------------------------------------------


def test_the_worked_example_of_a_demand(client: TestClient) -> None:
    """E66: overpaid 1,500.00, account 1,000.00: set off to nothing, 500.00 by instalments."""
    person = rich(client)
    name = demand(client, person, "1500.00")
    taken = set_off(client, name)
    assert (taken["set_off"], taken["still_owed"], taken["amount"]) == ("1000.00", "500.00", "1000.00")
    assert balance(client, person) == "0.00"
    for amount, left in (("300.00", "200.00"), ("200.00", "0.00")):
        paid = instalment(client, name, amount)
        assert (paid["set_off"], paid["still_owed"]) == ("1000.00", left)
    [stands] = demands(client, person)
    assert (stands["paid"], stands["set_off"], stands["still_owed"]) == ("500.00", "1000.00", "0.00")


def test_never_more_than_is_owed(client: TestClient) -> None:
    name = demand(client, rich(client), "100.00")
    for amount in ("100.01", "0.00", "-1.00"):
        assert refusal(instalment_answer(client, name, amount)) == (422, "amount_invalid")
    instalment(client, name, "100.00")
    assert refusal(instalment_answer(client, name, "0.01")) == (409, "demand_paid")
    assert refusal(post(client, f"/v1/demands/{name}/set-off")) == (409, "demand_paid")


def test_a_set_off_leaves_what_is_held(client: TestClient) -> None:
    person = rich(client)
    hold = {
        "amount": "900.00", "expires_at": "2026-12-01T18:00:00+08:00", "institution": "H0001",
        "source_ref": document(),
    }  # fmt: skip
    assert post(client, f"/v1/accounts/{person}/holds", hold).status_code == 201
    name = demand(client, person, "1500.00")
    assert set_off(client, name)["set_off"] == "100.00"
    assert refusal(post(client, f"/v1/demands/{name}/set-off")) == (409, "insufficient_balance")


def test_a_document_counts_once_until_it_is_taken_back(client: TestClient) -> None:
    name, ref = demand(client, rich(client), "100.00"), document()
    first = instalment(client, name, "40.00", source_ref=ref)
    answer = instalment_answer(client, name, "40.00", source_ref=ref)
    assert refusal(answer) == (409, "duplicate_source_ref")
    assert undo(client, first["entry"]).status_code == 201
    assert instalment(client, name, "40.00", source_ref=ref)["still_owed"] == "60.00"


def test_the_same_request_is_answered_as_it_was(client: TestClient) -> None:
    name, same = demand(client, rich(client), "1500.00"), key()
    first = post(client, f"/v1/demands/{name}/set-off", None, same)
    instalment(client, name, "1.00")
    again = post(client, f"/v1/demands/{name}/set-off", {}, same)
    assert (again.status_code, again.json()) == (201, first.json())


def test_each_act_has_its_way_back(client: TestClient) -> None:
    person = rich(client)
    name = demand(client, person, "1500.00")
    taken, paid = set_off(client, name), instalment(client, name, "300.00")
    # of another demand nothing stands in the way
    instalment(client, demand(client, person, "1.00"), "0.50")
    for left in ([taken["entry"], paid["entry"]], [paid["entry"]]):
        refused = undo(client, name)
        assert (*refusal(refused), refused.json()["facts"]) == (409, "not_last", {"entries": left})
        assert undo(client, left[0]).status_code == 201
    assert balance(client, person) == "1000.00"
    assert refusal(undo(client, paid["entry"])) == (409, "already_reversed")
    assert undo(client, name).status_code == 201
    stands = next(one for one in demands(client, person) if one["demand"] == name)
    assert (stands["still_owed"], stands["withdrawn"]) == ("0.00", "1500.00")


def test_a_withdrawn_demand_is_not_said_to_be_paid(client: TestClient) -> None:
    name = demand(client, rich(client), "100.00")
    assert client.get(f"/v1/demands/{name}").json()["status"] == "open"
    assert undo(client, name).status_code == 201
    assert refusal(post(client, f"/v1/demands/{name}/set-off")) == (409, "already_reversed")
    assert refusal(instalment_answer(client, name, "1.00")) == (409, "already_reversed")
    assert client.get(f"/v1/demands/{name}").json()["status"] == "withdrawn"


def test_a_paid_demand_is_settled_until_its_payment_is_taken_back(client: TestClient) -> None:
    name = demand(client, rich(client), "100.00")
    paid = instalment(client, name, "100.00")
    assert client.get(f"/v1/demands/{name}").json()["status"] == "settled"
    assert undo(client, paid["entry"]).status_code == 201
    assert client.get(f"/v1/demands/{name}").json()["status"] == "open"


def test_an_open_demand_is_set_off_before_the_estate(client: TestClient) -> None:
    """E54: 1,000.00 less 200.00, in three."""
    person = rich(client)
    name = demand(client, person, "200.00")
    die(client, person)
    estate = divide(client, person, [heir() for _ in range(3)])
    assert [(one["what"], one["name"], one["amount"]) for one in estate["set_off"]] == [
        ("demand", name, "200.00")
    ]
    assert amounts(estate) == ["266.67", "266.67", "266.66"]
    [stands] = demands(client, person)
    assert (stands["to_estate"], stands["still_owed"]) == ("200.00", "0.00")
    assert refusal(instalment_answer(client, name, "1.00")) == (409, "account_closed")


def test_what_an_undone_estate_had_set_off_is_owed_again(client: TestClient) -> None:
    person = rich(client)
    demand(client, person, "200.00")
    died = die(client, person)
    divide(client, person, [heir()])
    undo_estate(client, died["entry"])
    [stands] = demands(client, person)
    assert (stands["to_estate"], stands["still_owed"]) == ("0.00", "200.00")
    again = divide(client, person, [heir()])
    assert [(one["what"], one["amount"]) for one in again["set_off"]] == [("demand", "200.00")]


def test_what_the_estate_does_not_hold_is_taken_from_what_comes_later(client: TestClient) -> None:
    person = rich(client, "100.00")
    body = spending(source_ref=document(), effective_on=TODAY.isoformat())
    spent = post(client, f"/v1/accounts/{person}/spendings", body).json()
    name = demand(client, person, "150.00")
    set_off(client, name)
    die(client, person, TODAY.isoformat())
    estate = divide(client, person, [heir()])
    assert [(one["owed"], one["amount"]) for one in estate["set_off"]] == [("62.50", "0.00")]
    assert undo(client, spent["entry"]).status_code == 201
    assert balance(client, person) == "0.00"


def test_open_demands_are_listed_with_their_age(client: TestClient) -> None:
    settled, owed = (demand(client, rich(client), "10.00") for _ in range(2))
    instalment(client, settled, "10.00")
    items = client.get("/v1/demands", params={"limit": 500}).json()["items"]
    names = {one["demand"]: one for one in items}
    assert owed in names
    assert settled not in names
    assert (names[owed]["age_days"], names[owed]["reason"]) == (0, "paid twice")
    assert client.get(f"/v1/demands/{settled}").json()["paid"] == "10.00"
    assert owed in client.get("/v1/demands", headers={"Accept": "text/csv"}).text


def test_a_demand_that_there_is_not(client: TestClient) -> None:
    entry = client.get(f"/v1/accounts/{rich(client)}/entries").json()["items"][0]["entry"]
    for name in (entry, "P483920174650K-1", "nonsense"):
        assert refusal(post(client, f"/v1/demands/{name}/set-off")) == (404, "demand_not_found")
        assert refusal(instalment_answer(client, name, "1.00")) == (404, "demand_not_found")
        assert refusal(client.get(f"/v1/demands/{name}")) == (404, "demand_not_found")


def test_a_frozen_account_is_not_set_off(client: TestClient) -> None:
    person = rich(client)
    name = demand(client, person, "10.00")
    freeze = {"authority": "court", "document": "7", "from": "2026-06-01"}
    assert post(client, f"/v1/accounts/{person}/freezes", freeze).status_code == 201
    assert refusal(post(client, f"/v1/demands/{name}/set-off")) == (409, "account_frozen")
    assert instalment(client, name, "10.00")["still_owed"] == "0.00"


@pytest.mark.parametrize("day", ["2026-11-22", "1989-12-31"])
def test_an_instalment_on_a_day_that_cannot_be(client: TestClient, day: str) -> None:
    name = demand(client, rich(client), "10.00")
    assert refusal(instalment_answer(client, name, "1.00", paid_on=day)) == (422, "period_invalid")


# -- exits ---------------------------------------------------------------------------------------------------


def test_who_settles_abroad_is_paid_out_with_interest(client: TestClient) -> None:
    """E22: 5,000.00 of earlier years, closed 2026-08-20: interest 32.17."""
    opening = {"current_year": "0.00", "carried_over": "5000.00", "source_ref": document()}
    person = str(open_account(client, opened_on="2026-01-01", opening=opening)["number"])
    done = leave(client, person, "2026-08-20")
    assert (done["amount"], done["interest"]) == ("5032.17", "32.17")
    assert (status_of(client, person), balance(client, person)) == ("closed", "0.00")
    assert refusal(exit_answer(client, person)) == (409, "account_closed")


@pytest.mark.parametrize("case", ["voluntary_exit", "retiree_resettled"])
def test_a_case_that_the_area_does_not_offer(client: TestClient, case: str) -> None:
    assert refusal(exit_answer(client, rich(client), case=case)) == (422, "verb_not_offered")


def test_what_is_open_keeps_somebody_here(client: TestClient) -> None:
    person = rich(client)
    name = demand(client, person, "10.00")
    answer = exit_answer(client, person)
    assert refusal(answer) == (409, "open_items")
    assert [(one["what"], one["name"]) for one in answer.json()["facts"]["items"]] == [("demand", name)]
    instalment(client, name, "10.00")
    assert leave(client, person)["amount"] == "1000.00"


@pytest.mark.parametrize("day", ["2026-11-20", "2026-11-22"])
def test_an_exit_on_a_day_that_cannot_be(client: TestClient, day: str) -> None:
    assert refusal(exit_answer(client, rich(client), day)) == (422, "period_invalid")


def test_a_case_that_is_none(client: TestClient) -> None:
    assert refusal(exit_answer(client, rich(client), case="bored")) == (422, "shape_invalid")


def test_what_is_reversed_later_is_paid_out_too(client: TestClient) -> None:
    person = rich(client)
    body = spending(source_ref=document(), effective_on=TODAY.isoformat())
    spent = post(client, f"/v1/accounts/{person}/spendings", body).json()
    leave(client, person)
    assert undo(client, spent["entry"]).status_code == 201
    assert balance(client, person) == "0.00"
    entries = client.get(f"/v1/accounts/{person}/entries?limit=100").json()["items"]
    last = next(one for one in entries if one["kind"] == "exit" and one["target"] is not None)
    assert last["amount"] == "12.50"
    assert [move["to"] for move in last["transfers"]] == ["exit_payable"]
