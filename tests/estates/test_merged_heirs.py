"""Heirs whose account went into an older one of theirs: what was theirs stands there since (R2, R4, R58)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from tests.support.api_client import TODAY, contribute, key, open_account, running, spending
from tests.support.approval_client import by_two
from tests.support.estate_client import claimant, confirmed, die, undo

TO_DAY = TODAY.isoformat()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("merged_heirs")


@pytest.fixture(scope="module")
def client(sound_engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(sound_engine, folder) as client:
        yield client


def opened(client: TestClient, opened_on: str, name: str = "张三") -> tuple[str, str]:
    """(ID number, account number) of somebody."""
    done = open_account(client, opened_on=opened_on, name=name)
    return done["number"], done["account_no"]


def merge(client: TestClient, account: str, into: str) -> Any:
    body = {"into": into, "document": "Finding 118"}
    return by_two(client, client.post(f"/v1/accounts/{account}/merge", json=body, headers=key()))


def merged(client: TestClient, account: str, into: str) -> None:
    answer = merge(client, account, into)
    assert answer.status_code == 201, answer.text


def balance(client: TestClient, account: str) -> str:
    return str(client.get(f"/v1/accounts/{account}/balance").json()["balance"])


def dead(client: TestClient) -> tuple[str, str]:
    """(account, the entry of a spending of 12.50) of somebody dead who leaves 100.00."""
    account = opened(client, "2026-06-01", "李四")[0]
    contribute(client, account, "112.50", effective_on=TO_DAY, period="2026-11")
    body = spending(effective_on=TO_DAY)
    spent = client.post(f"/v1/accounts/{account}/spendings", json=body, headers=key())
    assert spent.status_code == 201, spent.text
    die(client, account, TO_DAY)
    return account, str(spent.json()["entry"])


def pair(client: TestClient) -> tuple[tuple[str, str], tuple[str, str]]:
    """The older account and the younger one of one person."""
    return opened(client, "2026-01-05"), opened(client, "2026-02-05")


def child(number: str) -> dict[str, Any]:
    return claimant("张三", id_number=number)


def test_an_heir_who_was_credited_is_merged(client: TestClient) -> None:
    older, younger = pair(client)
    account, _spent = dead(client)
    confirmed(client, account, [child(younger[0])])
    merged(client, younger[1], older[1])
    assert balance(client, older[1]) == "100.00"


def undone(client: TestClient, estate: str) -> list[tuple[str, str]]:
    """What each of the heirs had got, by where it went, of an estate that is taken back."""
    return [(share["amount"], share["paid_to"]) for share in undo(client, estate)["shares"]]


def test_what_is_undone_comes_back_from_the_account_that_stays(client: TestClient) -> None:
    older, younger = pair(client)
    contribute(client, older[0], "7.00", effective_on=TO_DAY, period="2026-11")
    account, _spent = dead(client)
    estate = confirmed(client, account, [child(younger[0])])["estate"]
    merged(client, younger[1], older[1])
    assert undone(client, estate) == [("100.00", "account")]
    assert (balance(client, older[1]), balance(client, younger[1])) == ("7.00", "0.00")
    assert balance(client, account) == "100.00"
    # divided anew, by the number that leads to the account that stays
    confirmed(client, account, [child(younger[0])])
    assert balance(client, older[1]) == "107.00"


def test_what_is_spent_there_is_owed_there(client: TestClient) -> None:
    first = opened(client, "2026-01-02")
    older, younger = pair(client)
    account, _spent = dead(client)
    estate = confirmed(client, account, [child(younger[0])])["estate"]
    merged(client, younger[1], older[1])
    merged(client, older[1], first[1])
    body = spending(effective_on=TO_DAY)
    assert client.post(f"/v1/accounts/{first[0]}/spendings", json=body, headers=key()).status_code == 201
    undo(client, estate)
    assert (balance(client, first[1]), balance(client, account)) == ("0.00", "100.00")
    entries = client.get(f"/v1/accounts/{first[1]}/entries").json()["items"]
    [back] = [one for one in entries if one["kind"] == "inheritance_back"]
    assert back["amount"] == "100.00"
    # what the account no longer had is set off when it is divided itself
    contribute(client, first[0], "20.00", effective_on=TO_DAY, period="2026-10")
    die(client, first[0], TO_DAY)
    state = confirmed(client, first[1], [claimant("王五")])
    assert [(one["what"], one["amount"]) for one in state["set_off"]] == [("inheritance", "12.50")]
    assert state["amount"] == "7.50"


def test_what_comes_back_to_the_estate_reaches_the_account_that_stays(client: TestClient) -> None:
    older, younger = pair(client)
    account, spent = dead(client)
    estate = confirmed(client, account, [child(younger[0])])["estate"]
    merged(client, younger[1], older[1])
    back = client.post(f"/v1/entries/{spent}/reversal", json={"reason": "x"}, headers=key())
    assert back.status_code == 201, back.text
    assert balance(client, older[1]) == "112.50"
    # both parts, which stand in two accounts' books, come back from the one that stays
    assert undone(client, estate) == [("112.50", "account")]
    assert (balance(client, older[1]), balance(client, account)) == ("0.00", "112.50")


def test_both_accounts_of_one_person_had_been_credited(client: TestClient) -> None:
    older, younger = pair(client)
    account, spent = dead(client)
    estate = confirmed(client, account, [child(younger[0]), child(older[0])])["estate"]
    merged(client, younger[1], older[1])
    back = client.post(f"/v1/entries/{spent}/reversal", json={"reason": "x"}, headers=key())
    assert back.status_code == 201, back.text
    assert balance(client, older[1]) == "112.50"
    assert undone(client, estate) == [("56.25", "account"), ("56.25", "account")]
    assert (balance(client, older[1]), balance(client, account)) == ("0.00", "112.50")


def test_a_third_account_goes_to_the_one_that_stays(client: TestClient) -> None:
    older, younger = pair(client)
    third = opened(client, "2026-03-05")
    contribute(client, third[0], "30.00", effective_on=TO_DAY, period="2026-11")
    merged(client, younger[1], older[1])
    answer = merge(client, third[1], younger[1])
    assert (answer.status_code, answer.json().get("into")) == (201, older[1]), answer.text
    assert balance(client, older[1]) == "30.00"


def test_a_third_account_is_judged_by_the_one_that_stays(client: TestClient) -> None:
    first = opened(client, "2026-01-02")
    older, younger = pair(client)
    merged(client, younger[1], older[1])
    # into itself, by a number that leads to it; and into one that came later
    for account, into in ((older, younger), (first, younger)):
        answer = merge(client, account[1], into[1])
        assert (answer.status_code, answer.json()["code"]) == (409, "merge_order"), answer.text
    other = opened(client, "2026-03-05", "王五")
    answer = merge(client, other[1], younger[1])
    assert (answer.status_code, answer.json()["code"]) == (422, "id_mismatch"), answer.text
