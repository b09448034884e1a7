"""A transfer that was announced holds up whatever would close the account, and can always be ended (R51)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.estates import open_items as items_of_estates
from ledger.verify import verify
from tests.support.api_client import TODAY, key, open_account, running
from tests.support.approval_client import by_two
from tests.support.employer_client import balance, refusal
from tests.support.estate_client import ask, claim, claimant, die, divide, heir, open_items
from tests.support.transfer_client import (
    acknowledge,
    announce,
    come,
    come_answer,
    exit_answer,
    out_body,
    post,
    reject,
    send_answer,
    sheet_body,
    supplement_answer,
    view,
)

SHEET = sheet_body("0.00", "5.00", "0.00", "5.00")


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder: Path = tmp_path_factory.mktemp("announced")
    with running(engine, folder) as client:
        yield client
    assert [str(one) for one in verify(engine).findings] == []


def person_of(client: TestClient, opened_on: str = "2026-02-01") -> str:
    return str(open_account(client, opened_on=opened_on)["number"])


def expecting(client: TestClient) -> tuple[str, str]:
    """Somebody of whom another agency sends 5.00, and the name of that transfer."""
    person = person_of(client)
    return person, announce(client, person, SHEET)


def estate(client: TestClient, person: str) -> Any:
    die(client, person)
    return ask(client, person, [heir()], confirm=True)


def long_estate(client: TestClient, person: str) -> Any:
    die(client, person)
    return claim(client, person, [claimant("张三", id_number=person_of(client))], confirm=True)


def merge(client: TestClient, person: str) -> Any:
    into = person_of(client, "2026-01-05")
    body = {"into": into, "document": "finding 118"}
    return by_two(client, post(client, f"/v1/accounts/{person}/merge", body))


def request_answer(client: TestClient, person: str) -> Any:
    return post(client, "/v1/transfers", out_body(person))


WAYS: dict[str, Callable[[TestClient, str], Any]] = {
    "estate": estate,
    "estate in full": long_estate,
    "exit": exit_answer,
    "merge": merge,
    "transfer out": request_answer,
}


@pytest.mark.parametrize("way", WAYS)
def test_what_closes_an_account_waits_for_an_announced_transfer(client: TestClient, way: str) -> None:
    person, name = expecting(client)
    answer = WAYS[way](client, person)
    assert refusal(answer) == (409, "open_items")
    assert answer.json()["facts"]["items"] == [{"what": "transfer", "name": name, "where": "330100"}]
    assert view(client, name)["status"] == "announced"


@pytest.mark.parametrize("ended", ["credited", "rejected"])
@pytest.mark.parametrize("way", [way for way in WAYS if "estate" not in way])
def test_it_goes_on_once_the_transfer_is_ended(client: TestClient, way: str, ended: str) -> None:
    person, name = expecting(client)
    if ended == "credited":
        come(client, name, "5.00", "2026-05-04")
    else:
        assert reject(client, name)["status"] == "rejected"
    assert WAYS[way](client, person).status_code == 201
    assert view(client, name)["status"] == ended


def test_who_dies_before_the_money_has_come_leaves_an_estate_once_it_is_rejected(client: TestClient) -> None:
    person, name = expecting(client)
    die(client, person)
    assert open_items(client, person) == [("transfer", name, "330100")]
    assert refusal(come_answer(client, name, "5.00", "2026-05-04")) == (409, "account_deceased")
    assert reject(client, name)["status"] == "rejected"
    assert divide(client, person, [heir()])["balance"] == "0.00"


def test_an_account_that_others_go_into_waits_for_nothing(client: TestClient) -> None:
    older = person_of(client, "2026-01-05")
    name = announce(client, older, SHEET)
    body = {"into": older, "document": "finding 7"}
    answer = by_two(client, post(client, f"/v1/accounts/{person_of(client)}/merge", body))
    assert answer.status_code == 201, answer.text
    assert come(client, name, "5.00", "2026-05-04")["status"] == "credited"
    assert balance(client, older) == "5.00"


@pytest.mark.parametrize("first", ["announced", "rejected"])
def test_in_one_group_each_act_knows_of_the_one_before(client: TestClient, first: str) -> None:
    person = person_of(client)
    if first == "announced":
        before = {"verb": "transfer", "account": person, "direction": "in", "other_agency": "330100",
                  "sheet": SHEET, "document": "sheet 118"}  # fmt: skip
    else:
        name = announce(client, person, SHEET)
        before = {"verb": "transfer_reject", "transfer": name, "reason": "never sent"}
    group = [before, {"verb": "transfer", **out_body(person)}]
    commands = [one | key_of_line() for one in group]
    answer = client.post("/v1/bulk", json={"commands": commands, "atomic": True})
    assert answer.status_code == 200, answer.text
    told = [one.get("code") for one in answer.json()["outcomes"]]
    assert told == (["group_refused", "open_items"] if first == "announced" else [None, None])


def key_of_line() -> dict[str, str]:
    return {"idempotency_key": key()["Idempotency-Key"]}


class _Nothing:
    """In the place of the look-up of transfers that hold up: there are none."""

    def run(self, _connection: Any, _books: Any) -> list[Any]:
        return []


@pytest.mark.parametrize("way", ["exit", "merge", "estate", "transfer out"])
def test_one_whose_account_was_closed_all_the_same_can_be_ended(
    client: TestClient, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions before did not ask for it: such a ledger has it announced for ever."""
    person, name = expecting(client)
    with monkeypatch.context() as before:
        before.setattr(items_of_estates, "_TRANSFERS", _Nothing())
        answer = WAYS[way](client, person)
        assert answer.status_code == 201, answer.text
        if way == "transfer out":
            sent = answer.json()["transfer"]
            assert send_answer(client, sent).status_code == 201
            acknowledge(client, sent)
    assert refusal(come_answer(client, name, "5.00", "2026-05-04")) == (409, "account_closed")
    assert reject(client, name)["status"] == "rejected"
    stands = view(client, name)
    assert (stands["status"], stands["ended_on"]) == ("rejected", TODAY.isoformat())
    body = {"reason": "again"}
    assert refusal(post(client, f"/v1/transfers/{name}/reject", body)) == (409, "transfer_state")


def test_the_money_of_one_transfer_never_ends_that_of_another_account(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are the second entry of their accounts, of which one has gone into the other."""
    older, (younger, name) = person_of(client, "2026-01-05"), expecting(client)
    other = announce(client, older, SHEET)
    assert other.rpartition("-")[2] == name.rpartition("-")[2]
    with monkeypatch.context() as before:
        before.setattr(items_of_estates, "_TRANSFERS", _Nothing())
        merged = post(client, f"/v1/accounts/{younger}/merge", {"into": older, "document": "finding 7"})
        assert by_two(client, merged).status_code == 201
    assert refusal(come_answer(client, name, "5.00", "2026-05-04")) == (409, "account_closed")
    assert view(client, other)["status"] == "announced"
    come(client, other, "5.00", "2026-05-04")


def test_what_follows_the_money_of_an_account_that_went_into_another_is_announced_there(
    client: TestClient,
) -> None:
    older, (younger, name) = person_of(client, "2026-01-05"), expecting(client)
    other = announce(client, older, SHEET)
    for one in (name, other):
        come(client, one, "5.00", "2026-05-04")
    merged = post(client, f"/v1/accounts/{younger}/merge", {"into": older, "document": "finding 7"})
    assert by_two(client, merged).status_code == 201
    more = supplement_answer(client, name, "1.00", received_on="2026-06-01")
    assert refusal(more) == (409, "account_closed")
    assert view(client, other)["supplements"] == "0.00"
