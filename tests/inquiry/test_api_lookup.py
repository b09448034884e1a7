"""The look-up at the window: four fields, masked; what is not found is not found for no reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.book.numbers import book_id_of
from ledger.chart.channels import AccessChannel, FieldGroup
from tests.support.api_client import bearer, id_number, key, open_account, running
from tests.support.care_client import new_resident
from tests.support.old_rows import as_before_numbers_were_refused
from tests.support.window_client import card_no, lookup, new_card, recorded, said, without_id

UNTIL = "2026-12-31"


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


def proxy(**more: Any) -> dict[str, Any]:
    return {"id_number": id_number(), "name": "李四", "mandate_ref": "WT-2026-118", "until": UNTIL} | more


def test_it_answers_four_fields_masked(client: TestClient) -> None:
    account = open_account(client, name="司马相如")
    number = account["number"]
    answer = lookup(client, id_number=number)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "account_no": account["account_no"],
        "status": "active",
        "name": "司***",
        "id_number": f"{number[:3]}*************{number[-2:]}",
    }


def test_a_typed_number_may_have_blanks_around_it(client: TestClient) -> None:
    account = open_account(client)
    found = lookup(client, id_number=f"  {account['number']}\u3000").json()
    assert found["account_no"] == account["account_no"]
    assert lookup(client, id_number=account["number"].lower()).json() == found
    inside = f"{account['number'][:6]} {account['number'][6:]}"
    refused = lookup(client, id_number=inside)
    assert said(refused) == (422, "id_format")
    assert inside not in refused.text


def test_rare_characters_are_masked_like_others(client: TestClient) -> None:
    account = open_account(client, name="𠮷𫟹")
    assert lookup(client, id_number=account["number"]).json()["name"] == "𠮷*"


def test_nothing_is_told_of_why_nobody_is_found(client: TestClient) -> None:
    account = open_account(client)["account_no"]
    lost, ended = card_no(), card_no()
    card = new_card(client, account, lost).json()["card"]
    assert client.post(f"/v1/cards/{card}/lost", json={"reason": "x"}).status_code == 201
    # its last day was yesterday
    assert new_card(client, account, ended, ends_on="2026-11-20").status_code == 201
    resident = id_number()
    new_resident(client, resident)
    noes = [
        lookup(client, id_number=id_number()),
        lookup(client, id_number=resident),
        lookup(client, card_no=card_no(), credential="social_card"),
        lookup(client, card_no=lost, credential="social_card"),
        lookup(client, card_no=ended, credential="social_card"),
        lookup(client, card_no=lost, credential="proxy", proxy=proxy()),
    ]
    assert [said(no) for no in noes] == [(404, "account_not_found")] * len(noes)
    assert all(without_id(no) == without_id(noes[0]) for no in noes)
    # and on its last day a card finds its holder
    today = card_no()
    new_card(client, account, today, ends_on="2026-11-21")
    assert lookup(client, card_no=today, credential="social_card").json()["account_no"] == account


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/card_no"),
        ({"id_number": "119999198503140015", "card_no": "K12345"}, "/card_no"),
        ({"id_number": None, "card_no": None}, "/card_no"),
        ({"id_number": "119999198503140015", "credential": "passport"}, "/credential"),
        ({"id_number": "119999198503140015", "credential": None}, "/credential"),
        ({"id_number": "119999198503140015", "credential": "proxy"}, "/proxy"),
        ({"id_number": "119999198503140015", "credential": "proxy", "proxy": None}, "/proxy"),
        ({"id_number": "119999198503140015", "credential": "proxy", "proxy": {}}, "/proxy/id_number"),
        ({"id_number": "119999198503140015", "proxy": {"name": "x"}}, "/proxy/id_number"),
        ({"card_no": "x", "credential": "social_card"}, "/card_no"),
        ({"id_number": 119999198503140015}, "/id_number"),
    ],
)
def test_the_shape_of_a_look_up(client: TestClient, body: dict[str, Any], pointer: str) -> None:
    refused = lookup(client, **body)
    assert said(refused) == (422, "shape_invalid")
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert "119999198503140015" not in refused.text


def test_a_mandate_beside_another_credential_is_a_contradiction(client: TestClient) -> None:
    account = open_account(client)
    assert said(lookup(client, id_number=account["number"], proxy=proxy())) == (422, "shape_invalid")


def test_a_mandate_is_in_force_on_its_last_day_and_not_after(client: TestClient) -> None:
    number = open_account(client)["number"]

    def by_proxy(**more: Any) -> Any:
        return lookup(client, id_number=number, credential="proxy", proxy=proxy(**more))

    assert by_proxy(until="2026-11-21").status_code == 200
    for over in ("2026-11-20", "0001-01-01"):
        refused = by_proxy(until=over)
        assert said(refused) == (403, "mandate_ended")
        assert refused.json()["errors"][0]["pointer"] == "/proxy/until"
    # whether there is such a person is not told to whoever has no mandate
    nobody = lookup(client, id_number=id_number(), credential="proxy", proxy=proxy(until="2026-11-20"))
    assert said(nobody) == (403, "mandate_ended")
    wrong = by_proxy(id_number="119999198503140010")
    assert said(wrong) == (422, "id_checksum")
    assert wrong.json()["errors"][0]["pointer"] == "/proxy/id_number"
    for name in ("<b>李四</b>", "李?", "\ue000", "李□"):
        refused = by_proxy(name=name)
        assert said(refused) == (422, "name_invalid")
        assert name not in refused.text
    for ref in ("", " ", "x" * 65, "x\u202e"):
        assert said(by_proxy(mandate_ref=ref)) == (422, "shape_invalid")


def test_a_look_up_is_a_read_and_its_proxy_is_recorded(
    client: TestClient, engine: Engine, folder: Path, lines: list[dict[str, object]]
) -> None:
    account = open_account(client)
    book = book_id_of(account["account_no"])
    window = bearer(folder / "keys", "proxy_request; ref=counter 3", channel=AccessChannel.WINDOW)
    silent = bearer(folder / "keys", channel=AccessChannel.WINDOW)
    assert said(lookup(client, silent, id_number=account["number"])) == (403, "purpose_missing")
    who = proxy()
    answer = lookup(client, window, id_number=account["number"], credential="proxy", proxy=who)
    assert answer.status_code == 200
    # by a system, which gives no reference
    mandate = who | {"mandate_ref": who["id_number"]}
    with as_before_numbers_were_refused():
        lookup(client, id_number=account["number"], credential="proxy", proxy=mandate)
    rows = [row for row in recorded(engine) if row.book_id == book]
    assert [(row.channel, row.purpose, FieldGroup(row.fields)) for row in rows] == [
        (AccessChannel.WINDOW, "proxy_request", FieldGroup.IDENTITY_MASKED),
        (AccessChannel.SYSTEM, None, FieldGroup.IDENTITY_MASKED),
    ]
    digest = client.post("/v1/people/digests", json={"id_number": who["id_number"]}).json()["person"]
    assert rows[0].ref == f"counter 3; proxy {digest}, mandate WT-2026-118"
    assert rows[1].ref.startswith(f"proxy {digest}, mandate 119***")
    for number in (who["id_number"], account["number"]):
        assert number not in repr(recorded(engine))
        assert number not in repr(lines)


def test_nobody_unseen_looks_anybody_up(client: TestClient, folder: Path) -> None:
    number = open_account(client)["number"]
    for channel in (AccessChannel.PHONE, AccessChannel.ONLINE, AccessChannel.KIOSK, AccessChannel.AGENCY):
        headers = bearer(folder / "keys", "own_request", channel=channel)
        assert said(lookup(client, headers, id_number=number)) == (403, "channel_not_allowed")


def test_the_digest_is_what_a_token_is_bound_by(client: TestClient, engine: Engine, folder: Path) -> None:
    number = open_account(client)["number"]
    answer = client.post("/v1/people/digests", json={"id_number": f" {number} "})
    assert answer.json().keys() == {"person"}
    person = answer.json()["person"]
    assert (len(person), int(person, 16) > 0, number in answer.text) == (64, True, False)
    last = recorded(engine)[-1]
    assert (bytes(last.person).hex(), last.book_id, last.role) == (person, None, "people:digest")
    # of nobody too: it does not tell who is there
    nobody = client.post("/v1/people/digests", json={"id_number": id_number()})
    assert (nobody.status_code, nobody.json()["person"] == person) == (200, False)
    wrong = client.post("/v1/people/digests", json={"id_number": "119999198503140010"})
    assert said(wrong) == (422, "id_checksum")
    assert said(client.post("/v1/people/digests", json={})) == (422, "shape_invalid")
    clerk = bearer(folder / "keys", scopes=["accounts:read", "accounts:write", "admin"])
    refused = client.post("/v1/people/digests", json={"id_number": number}, headers=clerk)
    assert (said(refused), refused.json()["facts"]) == ((403, "scope_missing"), {"scope": "people:digest"})


def test_a_card_of_somebody_who_died_still_says_whose_it_is(client: TestClient) -> None:
    account = open_account(client)
    number = card_no()
    new_card(client, account["account_no"], number)
    path = f"/v1/accounts/{account['account_no']}"
    died = client.post(f"{path}/death", json={"died_on": "2026-11-01", "evidence": "x"}, headers=key())
    assert died.status_code == 201
    assert lookup(client, card_no=number, credential="social_card").json()["status"] == "deceased"
