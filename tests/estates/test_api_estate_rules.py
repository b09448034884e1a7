"""What an area says of estates: how long they wait, and who signs for all (R54, Q9)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.policy import load_policy
from ledger.verify import verify
from tests.estates.test_api_estates import FRIEND, MOTHER, SPOUSE, dead
from tests.support.api_client import AREA, key, running
from tests.support.approval_client import by_two
from tests.support.employer_client import refusal
from tests.support.estate_client import amounts, ask, claim, claimed, confirmed, heir, say, undo


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rules")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    """Whatever the tests of this module do, the book is right after it."""
    with running(engine, folder) as client:
        yield client
    assert verify(engine).findings == []


def says(client: TestClient, name: str, old: str, new: str) -> Any:
    """Let the area say something else of estates from now on."""
    policies = client.app.state.ledger.policies  # type: ignore[attr-defined]  # the app of these tests
    before = policies[int(AREA)]
    head, found, rest = before.text.partition(f'name = "estates.{name}"')
    assert found
    there = f'value = "{old}"'
    assert there in rest
    text = head + found + rest.replace(there, f'value = "{new}"', 1)
    policies[int(AREA)] = load_policy(text, f"{AREA}.toml")
    return before


@pytest.fixture
def waits(client: TestClient) -> Iterator[None]:
    before = says(client, "wait_months", "0", "2")
    yield
    client.app.state.ledger.policies[int(AREA)] = before  # type: ignore[attr-defined]  # as above


@pytest.mark.usefixtures("waits")
def test_an_estate_waits_as_long_as_the_area_says(client: TestClient) -> None:
    person = dead(client, "1000.00", "2026-09-22")
    for answer in (
        claim(client, person, [SPOUSE]),
        claim(client, person, [SPOUSE], confirm=True),
        ask(client, person, [heir()]),
        ask(client, person, [heir()], confirm=True),
    ):
        assert refusal(answer) == (422, "period_invalid")
        assert answer.json()["facts"] == {"earliest": "2026-11-22"}
        assert answer.json()["errors"][0]["pointer"] == "/paid_on"
    # two months are over today
    assert amounts(confirmed(client, dead(client, "1000.00", "2026-09-21"), [SPOUSE])) == ["1000.00"]


def test_one_heir_signs_for_all_of_a_small_estate(client: TestClient) -> None:
    person = dead(client, "5000.00")
    signed = {"signed_by": "妻", "document": "commitment 1"}
    shown = claimed(client, person, [SPOUSE, MOTHER], commitment=signed)
    assert (shown["commitment"], amounts(shown)) == (signed, ["2500.00", "2500.00"])
    assert client.get(f"/v1/estates/{shown['estate']}").json()["commitment"] == signed
    # what is disputed is so whoever signed
    assert say(client, shown["estate"], "disputes", by="母", document="letter").status_code == 201
    assert refusal(claim(client, person, [SPOUSE, MOTHER], confirm=True, commitment=signed)) == (
        409, "heirs_disputed",
    )  # fmt: skip
    agreed = [{"name": "妻", "share": "1/2"}, {"name": "母", "share": "1/2"}]
    ended = say(client, shown["estate"], "agreement", shares=agreed, document="d").json()
    assert ended["commitment"] == signed
    done = confirmed(client, person, [SPOUSE, MOTHER], commitment=signed)
    assert done["commitment"] == signed
    assert client.get(f"/v1/estates/{done['estate']}").json()["commitment"] == signed
    undo(client, done["estate"])
    # it was of that division alone
    again = confirmed(client, person, [SPOUSE, MOTHER])
    assert "commitment" not in again
    assert client.get(f"/v1/estates/{done['estate']}").json()["commitment"] is None


@pytest.mark.parametrize("confirm", [False, True])
def test_who_cannot_sign_for_all(client: TestClient, confirm: bool) -> None:
    signed = {"signed_by": "妻", "document": "commitment 1"}
    answer = claim(client, dead(client, "5000.01"), [SPOUSE], confirm=confirm, commitment=signed)
    assert refusal(answer) == (422, "verb_not_offered")
    assert answer.json()["errors"][0]["pointer"] == "/commitment"
    person = dead(client, "4.00")
    waived = SPOUSE | {"waived_on": "2026-11-20"}
    unborn = {"name": "妻", "relation": "child", "unborn": True}
    for claimants in ([MOTHER], [waived, MOTHER], [], [FRIEND, MOTHER], [unborn, MOTHER]):
        answer = claim(client, person, claimants, confirm=confirm, commitment=signed)
        assert refusal(answer) == (422, "shares_invalid")
        assert answer.json()["errors"][0]["pointer"] == "/commitment/signed_by"


def test_the_commitment_is_part_of_the_request(client: TestClient) -> None:
    person = dead(client, "4.00")
    body = {"account": person, "paid_on": "2026-11-21", "claimants": [SPOUSE], "confirm": True}
    headers = key()
    first = client.post("/v1/estates", json=body, headers=headers)
    assert first.status_code == 201
    signed = body | {"commitment": {"signed_by": "妻", "document": "c"}}
    assert refusal(client.post("/v1/estates", json=signed, headers=headers)) == (
        422,
        "idempotency_key_reused",
    )
    assert by_two(client, first).json()["state"] == "confirmed"
