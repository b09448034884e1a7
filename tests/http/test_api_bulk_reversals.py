"""A reversal in a bulk is one of whatever book its entry is in: refused, it is told where, as any command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.book.numbers import entry_name
from ledger.chart.parties import Party
from tests.support.api_client import key, running


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder: Path = tmp_path_factory.mktemp("api")
    with running(engine, folder) as client:
        yield client


@pytest.mark.parametrize("party", [Party.PERSON, Party.EMPLOYER, Party.INSTITUTION, Party.RESIDENT])
def test_a_refused_reversal_of_any_book_is_one_outcome(client: TestClient, party: Party) -> None:
    """Of an employer it is another command, of which a bulk did not know the fields: all of it was 500."""
    command = {
        "verb": "reverse",
        "entry": entry_name(party.first, 3),
        "reason": "test",
        "idempotency_key": f"nobody-{party.first}",
    }
    answer = client.post("/v1/bulk", json={"commands": [command]}, headers=key())
    assert answer.status_code == 200
    [told] = answer.json()["outcomes"]
    assert (told["status"], told["code"]) == ("refused", "account_not_found")
    # each place is told as that of the command itself
    assert told["errors"][0]["pointer"] == "/commands/0/entry"
