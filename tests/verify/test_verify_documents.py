"""What `verify` says of documents when somebody with every right on the database has been at them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from ledger.documents.handing_out import keep
from ledger.verify.documents import documents_are_as_written
from tests.support.api_client import NOW, contribute, open_account, running
from tests.support.documents_client import printed
from tests.support.people import KEYRING
from tests.verify.tampering import TOLD, tampering

SPAN = {"from": "2026-01-05", "to": "2026-11-21"}


@pytest.fixture
def client(fresh_engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    with running(fresh_engine, tmp_path) as client:
        yield client


@pytest.fixture
def made(client: TestClient, fresh_engine: Engine) -> list[Any]:
    """Three documents, whose bytes are kept."""
    account = open_account(client)["account_no"]
    contribute(client, account)
    made = [printed(client, f"/v1/accounts/{account}", kind="account_list", **SPAN) for _ in range(3)]
    with fresh_engine.connect() as connection:
        assert keep(connection, KEYRING, NOW).kept == 3
    return made


def said(connection: Any, keyring: Any = KEYRING) -> list[tuple[str, str]]:
    findings = list(documents_are_as_written(connection, keyring))
    assert {one.code for one in findings} <= {"document_broken"}
    TOLD.update(one.what for one in findings)
    return [(one.where, one.what) for one in findings]


def test_documents_that_stand_are_clean(fresh_engine: Engine, made: list[Any]) -> None:
    with tampering(fresh_engine) as connection:
        assert said(connection) == []


@pytest.mark.parametrize("change", ["totals = '{}'", "pages = 7", "sha256 = seal", "rests_on = '{}'"])
def test_a_row_that_was_changed_is_found(fresh_engine: Engine, made: list[Any], change: str) -> None:
    at = {"name": made[1]["document"]}
    with tampering(fresh_engine) as connection:
        connection.execute(text(f"UPDATE document SET {change} WHERE name = :name"), at)
        assert said(connection) == [(f"document {made[1]['serial']}", "its row is not as it was written")]
        # without the keys nobody can tell
        assert said(connection, None) == []


def test_other_bytes_are_found(fresh_engine: Engine, made: list[Any]) -> None:
    at = {"name": made[1]["document"], "other": made[2]["document"]}
    foreign = "(SELECT content_sealed FROM document_content WHERE name = :other)"
    with tampering(fresh_engine) as connection:
        connection.execute(
            text(f"UPDATE document_content SET content_sealed = {foreign} WHERE name = :name"), at
        )
        assert said(connection) == [(f"document {made[1]['serial']}", "other bytes were kept of it")]
