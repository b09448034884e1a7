"""What stands in a request that waits, for who has to decide it: whom it goes to, and what it is (R68)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.approvals.approvals import ApprovalView
from ledger.book.numbers import book_id_of
from ledger.policy.approvals import ASKABLE
from ledger.posting import Command
from tests.support import estate_client as estates
from tests.support.api_client import id_number, key, open_account
from tests.support.approval_client import approve, listed, waiting
from tests.support.case_client import opened
from tests.support.employer_client import taken
from tests.support.window_client import recorded


def view(client: TestClient, name: str) -> Any:
    return taken(client.get(f"/v1/approvals/{name}"), ApprovalView, 200)


def pair(client: TestClient) -> tuple[Any, Any]:
    """The older account and the younger one of one person."""
    return open_account(client, opened_on="2020-01-01"), open_account(client, opened_on="2021-01-01")


def merging(client: TestClient, younger: str, into: str) -> str:
    body = {"into": into, "document": "finding 118"}
    return waiting(client.post(f"/v1/accounts/{younger}/merge", json=body, headers=key()))


@pytest.mark.parametrize("named_by", ["account_no", "number"])
def test_of_a_merger_the_account_it_goes_into(
    client: TestClient, keys: Path, engine: Engine, named_by: str
) -> None:
    older, younger = pair(client)
    name = merging(client, younger["account_no"], older[named_by])
    before = len(recorded(engine))
    answer = client.get(f"/v1/approvals/{name}")
    intent = taken(answer, ApprovalView, 200)["intent"]
    assert (intent["into"], intent["others"]) == (older["account_no"], [older["account_no"]])
    assert older["number"] not in answer.text
    # something of that account was shown, which is recorded
    assert book_id_of(older["account_no"]) in {one.book_id for one in recorded(engine)[before:]}
    assert approve(client, keys, name).status_code == 201
    assert view(client, name)["intent"]["into"] == older["account_no"]


def test_of_an_estate_the_accounts_of_the_heirs_who_have_one(client: TestClient) -> None:
    opening = {"current_year": "0.00", "carried_over": "120000.00", "source_ref": "old"}
    account, child = open_account(client, opening=opening)["account_no"], open_account(client, name="李四")
    estates.die(client, account)
    heirs = [estates.heir(child["number"], name="李四"), {"name": "王五", "relation": "spouse"}]
    name = waiting(estates.ask(client, account, heirs, confirm=True))
    shown = view(client, name)
    assert shown["intent"]["others"] == [child["account_no"]]
    assert shown["persons"] == ["李*", "王*"]


def test_of_claimants_too(client: TestClient) -> None:
    opening = {"current_year": "0.00", "carried_over": "120000.00", "source_ref": "old"}
    account, child = open_account(client, opening=opening)["account_no"], open_account(client, name="李四")
    estates.die(client, account)
    named = [
        estates.claimant("李四", id_number=child["number"]), estates.claimant("王五", relation="spouse"),
    ]  # fmt: skip
    name = waiting(estates.claim(client, account, named, confirm=True))
    assert view(client, name)["intent"]["others"] == [child["account_no"]]


def test_of_what_is_about_one_account_none(client: TestClient) -> None:
    account = open_account(client)["account_no"]
    body = {"amount": "100000.00", "period": "2026-03", "effective_on": "2026-03-20", "source_ref": "one"}
    path = f"/v1/accounts/{account}/contributions"
    name = waiting(client.post(path, json=body, headers=key()))
    assert not {"into", "others", "named"} & set(view(client, name)["intent"])


# -- what is done ------------------------------------------------------------------------------------------


def said_of(client: TestClient, name: str) -> tuple[str, str]:
    """Verb and act of what waits: the worklist and the single read say the same."""
    item = next(one for one in listed(client, "waiting") if one["approval"] == name)
    shown = view(client, name)
    assert {word: shown[word] for word in item} == item
    return item["verb"], item["act"]


def test_a_separation_is_told_from_a_number(client: TestClient) -> None:
    account = open_account(client)["account_no"]
    body = {"id_number": id_number(), "from": "2026-11-20", "document": "d", "reason": "reissued"}
    number = waiting(client.post(f"/v1/accounts/{account}/id-numbers", json=body, headers=key()))
    case = opened(client, about={"account": account})
    body = {"id_number": id_number(), "name": "李四", "case": case, "document": "d"}
    separation = waiting(client.post(f"/v1/accounts/{account}/separation", json=body, headers=key()))
    assert said_of(client, number) == ("id_number", "id_number")
    assert said_of(client, separation) == ("id_number", "separation")


def test_what_else_waits_is_called_by_its_verb(client: TestClient) -> None:
    older, younger = pair(client)
    assert said_of(client, merging(client, younger["account_no"], older["account_no"])) == ("merge", "merge")


def test_every_act_that_may_wait_has_one_word() -> None:
    """By verb that an area may ask two people for: the acts that it covers."""
    acts: dict[str, set[str]] = {}
    commands = [Command]
    while commands:
        one = commands.pop()
        commands += one.__subclasses__()
        if one.word in ASKABLE and one.__module__.startswith("ledger."):
            acts.setdefault(one.word, set()).add(one.act)
    assert acts.pop("id_number") == {"id_number", "separation"}
    assert all(words == {verb} for verb, words in acts.items())
    assert set(acts) == set(ASKABLE) - {"id_number"}
