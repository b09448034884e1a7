"""Lines of files that need a second person (R68): they wait, are counted, and name their approval."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.http.answers import ReceiptAnswer
from tests.support.api_client import open_account
from tests.support.approval_client import approve, listed
from tests.support.employer_client import taken
from tests.support.office import CONTRIBUTIONS, Office, contribution, counts


@pytest.fixture
def office(engine: Engine, tmp_path: Path) -> Office:
    return Office(engine, tmp_path)


def lines(account: str, *amounts: str) -> list[str]:
    return [contribution(account, f"line-{place}", amount) for place, amount in enumerate(amounts)]


def test_a_large_line_waits_and_the_others_are_posted(office: Office, client: TestClient, keys: Path) -> None:
    person = open_account(client)
    file = office.file(CONTRIBUTIONS, lines(person["number"], "10.00", "100000.00", "20.00", "99999.99"))
    summary = office.run(file)
    assert (counts(summary), summary.waiting, summary.waiting_fen) == ((4, 3, 0, 0), 1, 10_000_000)
    assert summary.ok
    name = summary.waiting_lines[0].approval
    told = summary.as_json()
    assert told["waiting_lines"] == [{"line": 3, "approval": name}]
    assert (told["waiting"], told["waiting_amount"], told["totals_agree"]) == (1, "100000.00", True)
    assert office.balance(person["number"]) == 10_002_999

    again = office.run(file)
    assert (counts(again), again.waiting_lines) == ((4, 0, 3, 0), summary.waiting_lines)
    taken(approve(client, keys, name), ReceiptAnswer)
    assert office.balance(person["number"]) == 20_002_999
    assert (counts(office.run(file)), office.run(file).waiting) == ((4, 0, 4, 0), 0)


def test_a_preview_says_that_one_is_needed(office: Office, client: TestClient) -> None:
    person = open_account(client)
    file = office.file(CONTRIBUTIONS, lines(person["number"], "10.00", "100000.00"))
    with office.world.engine.connect() as connection:
        summary = office.importer(connection).preview(file)
    assert (counts(summary), summary.waiting) == ((2, 1, 0, 0), 1)
    assert summary.as_json()["waiting_lines"] == [{"line": 3, "approval": "needed"}]
    assert not [one for one in listed(client) if one["approval"].startswith(person["account_no"])]


def test_over_http(client: TestClient, keys: Path) -> None:
    person = open_account(client)
    content = "\n".join((CONTRIBUTIONS, *lines(person["number"], "10.00", "150000.00"))).encode()
    path = "/v1/imports/contributions"
    before = client.post(f"{path}?preview=true", files={"file": ("file", content)})
    assert before.json()["waiting_lines"] == [{"line": 3, "approval": "needed"}]
    said = client.post(path, files={"file": ("file", content)}).json()
    assert (said["posted"], said["waiting"], said["refused"]) == (1, 1, 0)
    assert said["waiting_amount"] == "150000.00"
    [line] = said["waiting_lines"]
    assert line["line"] == 3
    receipt = taken(approve(client, keys, line["approval"]), ReceiptAnswer)
    assert receipt["amount"] == "150000.00"


def test_a_line_that_was_rejected_is_refused_when_it_comes_again(office: Office, client: TestClient) -> None:
    person = open_account(client)
    file = office.file(CONTRIBUTIONS, lines(person["number"], "100000.00"))
    name = office.run(file).waiting_lines[0].approval
    headers = {"Authorization": client.headers["Authorization"]}
    assert (
        client.post(f"/v1/approvals/{name}/reject", json={"reason": "no"}, headers=headers).status_code == 201
    )
    assert office.rejected(office.run(file)) == [(2, "approval_rejected")]
