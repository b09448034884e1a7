"""Caps over HTTP: what a caller is told, by whatever door, and what is recorded of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select

from ledger import tables
from ledger.chart.channels import AccessChannel
from ledger.policy import load_policy
from ledger.verify import verify
from tests.accounts.test_caps import line
from tests.support.api_client import AREA, TODAY, bearer, key, running, spending
from tests.support.care_client import bill, new_institution, new_patient, send
from tests.support.people import KEYRING, hold

DAY = TODAY.isoformat()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("caps")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client, capped(client):
        yield client
    assert verify(engine, keyring=KEYRING).clean


@contextmanager
def capped(client: Any) -> Iterator[None]:
    """Let an account pay 150.00 a day, and 100.00 at one institution."""
    state = client.app.state.ledger
    policy = state.policies[int(AREA)]
    more = line("cap_account_day", "150.00") + line("cap_account_institution_day", "100.00")
    state.policies[int(AREA)] = load_policy(policy.text + more, "changed")
    hold(state.engine, state.policies)
    try:
        yield
    finally:
        state.policies[int(AREA)] = policy
        hold(state.engine, state.policies)


def spend(client: TestClient, person: str, amount: str, **more: Any) -> Any:
    body = spending(amount=amount, effective_on=DAY, **more)
    return client.post(f"/v1/accounts/{person}/spendings", json=body, headers=key())


def told(answer: Any) -> tuple[int, str, dict[str, Any]]:
    body = answer.json()
    return answer.status_code, body["code"], body["facts"]


OF_ONE = {"cap": "account_institution_day", "limit": "100.00", "spent": "60.00"}


def test_a_caller_is_told_the_cap_and_what_was_spent(client: TestClient) -> None:
    person = new_patient(client, "1000.00")
    assert spend(client, person, "60.00").status_code == 201
    refused = spend(client, person, "40.01")
    assert told(refused) == (409, "cap_exceeded", OF_ONE)
    [error] = refused.json()["errors"]
    assert (error["in"], error["pointer"]) == ("body", "/amount")
    # the same by a dry run, which writes nothing
    body = spending(amount="40.01", effective_on=DAY)
    path = f"/v1/accounts/{person}/spendings"
    assert told(client.post(path, json=body, params={"dry_run": "true"})) == (409, "cap_exceeded", OF_ONE)
    assert spend(client, person, "40.00").status_code == 201
    assert told(spend(client, person, "50.01", institution=new_institution(client))) == (
        409,
        "cap_exceeded",
        {"cap": "account_day", "limit": "150.00", "spent": "100.00"},
    )


def test_a_bulk_adds_up(client: TestClient) -> None:
    person = new_patient(client, "1000.00")
    said = {"verb": "spend", "account": person}
    commands = [
        said | spending(amount="40.00", effective_on=DAY) | {"idempotency_key": f"cap-{number}"}
        for number in range(3)
    ]
    outcomes = client.post("/v1/bulk", json={"commands": commands, "atomic": False}).json()["outcomes"]
    assert [one.get("code") for one in outcomes] == [None, None, "cap_exceeded"]


def test_a_quote_and_a_bill(client: TestClient) -> None:
    person, hospital = new_patient(client, "1000.00"), new_institution(client)
    fits = bill(hospital, person, [("A", "100.00")], care_date=DAY)
    over = bill(hospital, person, [("A", "100.01")], care_date=DAY)
    of_nothing = {"cap": "account_institution_day", "limit": "100.00", "spent": "0.00"}
    assert client.post("/v1/settlements/quote", json=fits).status_code == 201
    assert told(client.post("/v1/settlements/quote", json=over)) == (409, "cap_exceeded", of_nothing)
    assert told(send(client, over)) == (409, "cap_exceeded", of_nothing)
    # without the account it is settled
    assert send(client, over | {"use_account": False}).status_code == 201
    assert send(client, fits).status_code == 201


def test_an_institution_is_not_told_what_was_spent_elsewhere(
    client: TestClient, folder: Path, engine: Engine
) -> None:
    person, hospital = new_patient(client, "1000.00"), new_institution(client)
    assert spend(client, person, "100.00").status_code == 201
    own = bearer(folder / "keys", channel=AccessChannel.INSTITUTION, institution=hospital, actor="his")
    over = bill(hospital, person, [("A", "50.01")], care_date=DAY)
    answer = client.post("/v1/settlements", json=over, headers=own)
    assert told(answer) == (409, "cap_exceeded", {"cap": "account_day", "limit": "150.00"})
    # and that it was told so much is recorded
    log = tables.read_log.c
    with engine.connect() as connection:
        read = connection.scalars(select(log["items"]).where(log.bound_to == f"institution {hospital}")).all()
    assert read == [1]
