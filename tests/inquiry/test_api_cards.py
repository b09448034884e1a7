"""Social-security cards: whose one is, that it was lost, and that its number stands nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select

from ledger import tables
from ledger.chart.channels import AccessChannel
from tests.support.api_client import bearer, key, open_account, running
from tests.support.window_client import card_no, lookup, new_card, said

FIELDS = {"card", "account_no", "issued_on", "ends_on", "status", "lost_on"}


@pytest.fixture(scope="module")
def lines() -> list[dict[str, object]]:
    return []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path, lines: list[dict[str, object]]) -> Iterator[TestClient]:
    with running(engine, folder, log=lines.append) as client:
        yield client


def lose(client: TestClient, card: str, reason: str = "lost on the bus") -> Any:
    return client.post(f"/v1/cards/{card}/lost", json={"reason": reason})


def by_card(client: TestClient, number: str) -> Any:
    return lookup(client, card_no=number, credential="social_card")


def test_a_card_is_written_down_and_finds_its_holder(client: TestClient) -> None:
    account = open_account(client)
    number = card_no()
    answer = new_card(client, account["account_no"], number)
    assert answer.status_code == 201, answer.text
    card = answer.json()
    assert card.keys() == FIELDS
    assert (card["account_no"], card["status"], card["lost_on"]) == (account["account_no"], "valid", None)
    assert (card["issued_on"], card["ends_on"]) == ("2026-01-05", "2036-01-04")
    # the name tells nothing, and holds no digit
    assert re.fullmatch("[A-Z]{20}", card["card"])
    assert number not in answer.text
    assert by_card(client, number).json()["account_no"] == account["account_no"]


def test_the_same_card_again_is_harmless_and_other_days_are_not(client: TestClient) -> None:
    account = open_account(client)
    number = card_no()
    first = new_card(client, account["account_no"], number)
    again = new_card(client, account["number"], number)
    assert (again.status_code, again.json()) == (201, first.json())
    for other in ({"issued_on": "2026-01-06"}, {"ends_on": None}, {"ends_on": "2036-01-05"}):
        refused = new_card(client, account["account_no"], number, **other)
        assert said(refused) == (409, "card_differs")
        assert [error["pointer"] for error in refused.json()["errors"]] == [f"/{next(iter(other))}"]


def test_a_card_of_somebody_else_is_in_use_also_when_it_was_lost(client: TestClient) -> None:
    mine, yours = (open_account(client)["account_no"] for _ in range(2))
    number = card_no()
    card = new_card(client, mine, number).json()["card"]
    assert said(new_card(client, yours, number)) == (409, "card_in_use")
    # before its days are looked at: whose it is counts first
    assert said(new_card(client, yours, number, issued_on="2999-01-01")) == (409, "card_in_use")
    assert lose(client, card).status_code == 201
    assert said(new_card(client, yours, number)) == (409, "card_in_use")


@pytest.mark.parametrize(
    "typed", ["k 9876 0001", "Ｋ９８７６０００１", " K9876-0001 ", "k\u20119876\u00a00001", "K98760001\u200b"]
)
def test_a_card_number_has_one_form(client: TestClient, typed: str) -> None:
    found = by_card(client, "K98760001")
    if found.status_code == 404:
        assert new_card(client, open_account(client)["account_no"], "K98760001").status_code == 201
        found = by_card(client, "K98760001")
    assert by_card(client, typed).json() == found.json()
    other = open_account(client)["account_no"]
    assert said(new_card(client, other, typed)) == (409, "card_in_use")


@pytest.mark.parametrize(
    "wrong",
    [
        *("", " ", "123", "A" * 33, "A" * 65, "K1234<b>", "K12\0345", "K1234?", "社保卡1234", "K12.345"),
        *(
            123456,
            None,
            ["K12345"],
            "K1234\n5\r",
            "K12345;--",
            "K12345/../x",
            "٣٤٥٦٧",
            "-----",
            "K12345\u202e",
        ),
    ],
)
def test_what_is_no_card_number(client: TestClient, wrong: object) -> None:
    account = open_account(client)["account_no"]
    body = {"card_no": wrong, "issued_on": "2026-01-05"}
    refused = client.post(f"/v1/accounts/{account}/cards", json=body)
    assert said(refused) == (422, "shape_invalid")
    [error] = refused.json()["errors"]
    assert error["pointer"] == "/card_no"
    assert not isinstance(wrong, str) or len(wrong) < 4 or wrong not in refused.text


def test_half_a_character_is_no_card_number(client: TestClient) -> None:
    account = open_account(client)["account_no"]
    refused = client.post(
        f"/v1/accounts/{account}/cards",
        content=b'{"card_no": "\\ud800KKKK", "issued_on": "2026-01-05"}',
        headers={"content-type": "application/json"},
    )
    assert refused.status_code in {400, 422}


def test_a_lost_card_stays_lost(client: TestClient) -> None:
    account = open_account(client)["account_no"]
    number = card_no()
    card = new_card(client, account, number).json()["card"]
    lost = lose(client, card)
    assert (lost.status_code, lost.json()["status"], lost.json()["lost_on"]) == (201, "lost", "2026-11-21")
    assert lose(client, card, "found, and lost again").json() == lost.json()
    assert said(by_card(client, number)) == (404, "account_not_found")
    again = new_card(client, account, number)
    assert (again.status_code, again.json()["status"]) == (201, "lost")
    assert said(by_card(client, number)) == (404, "account_not_found")


@pytest.mark.parametrize(
    "name", ["x", "B" * 20, "b" * 20, "%00", "A" * 21, "119999198503140015", "%F0%9F%92%A9"]
)
def test_a_card_that_there_is_not(client: TestClient, name: str) -> None:
    refused = lose(client, name)
    assert said(refused) == (404, "card_not_found")
    assert [(error["in"], error["pointer"]) for error in refused.json()["errors"]] == [("path", "card")]


def test_the_reason_of_a_loss_is_told(client: TestClient) -> None:
    card = new_card(client, open_account(client)["account_no"]).json()["card"]
    for wrong in ({}, {"reason": ""}, {"reason": " x"}, {"reason": "x\u202e"}, {"reason": "x" * 257}):
        assert said(client.post(f"/v1/cards/{card}/lost", json=wrong)) == (422, "shape_invalid")


def test_a_card_is_of_a_living_person(client: TestClient) -> None:
    account = open_account(client)["account_no"]
    died = {"died_on": "2026-10-01", "evidence": "x"}
    path = f"/v1/accounts/{account}/death"
    assert client.post(path, json=died, headers=key()).status_code == 201
    refused = new_card(client, account, issued_on="2026-10-02")
    assert said(refused) == (422, "period_invalid")
    assert refused.json()["facts"]["latest"] == "2026-10-01"
    assert new_card(client, account, issued_on="2026-10-01").status_code == 201


def test_an_account_that_there_is_not(client: TestClient) -> None:
    for name in ("P000000000000Z", "119999198503140015"):
        refused = new_card(client, name)
        assert said(refused) == (404, "account_not_found")
        assert [(error["in"], error["pointer"]) for error in refused.json()["errors"]] == [
            ("path", "account")
        ]


def test_a_card_is_written_down_at_the_window(client: TestClient, folder: Path) -> None:
    account = open_account(client)["account_no"]
    number = card_no()
    keys = folder / "keys"
    made = {"card_no": number, "issued_on": "2026-01-05", "ends_on": None}
    for channel in (AccessChannel.PHONE, AccessChannel.ONLINE, AccessChannel.KIOSK, AccessChannel.AUDIT):
        headers = bearer(keys, "own_request", channel=channel)
        answer = client.post(f"/v1/accounts/{account}/cards", json=made, headers=headers)
        assert said(answer) == (403, "channel_not_allowed")
        assert said(client.post("/v1/cards/x/lost", json={"reason": "x"}, headers=headers)) == (
            *(403, "channel_not_allowed"),
        )
    reader = bearer(keys, channel=AccessChannel.WINDOW, scopes=["accounts:read"])
    assert said(client.post(f"/v1/accounts/{account}/cards", json=made, headers=reader)) == (
        *(403, "scope_missing"),
    )
    # it asks for no purpose: its row is its record
    window = bearer(keys, channel=AccessChannel.WINDOW, actor="clerk-9")
    assert client.post(f"/v1/accounts/{account}/cards", json=made, headers=window).status_code == 201


def test_who_wrote_a_card_down_is_kept_and_its_number_sealed(
    client: TestClient, engine: Engine, lines: list[dict[str, object]]
) -> None:
    number = "ZZTOP00042"
    card = new_card(client, open_account(client)["account_no"], number).json()["card"]
    lose(client, card)
    with engine.begin() as connection:
        row = connection.execute(
            select(tables.card, tables.agent.c.name.label("who"))
            .join(tables.agent, tables.agent.c.agent_id == tables.card.c.actor)
            .where(tables.card.c.name == card)
        ).one()
    assert row.who == "clerk-7"
    assert number.encode() not in bytes(row.number_sealed) + bytes(row.digest)
    assert number not in repr(lines)
    # the name of a card stands in a path, and a path with a name of anything is not logged whole
    assert not [line for line in lines if number in str(line)]


def test_two_at_once_have_one_card(client: TestClient, engine: Engine) -> None:
    accounts = [open_account(client)["account_no"] for _ in range(4)]
    number = card_no()
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda account: new_card(client, account, number), accounts))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {answer.json().get("code") for answer in answers if answer.status_code == 409} == {"card_in_use"}
    # and the same four times for one
    number = card_no()
    with engine.begin() as connection:
        before = connection.scalar(select(func.count()).select_from(tables.card)) or 0
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: new_card(client, accounts[0], number), range(4)))
    assert len({answer.text for answer in answers}) == 1
    with engine.begin() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.card)) == before + 1
