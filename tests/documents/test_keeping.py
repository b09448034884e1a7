"""`python -m ledger documents keep`, as an operator says it before an upgrade."""
# ruff: noqa: F811  the fixtures that stand in test_cli are arguments here

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from tests.operations.test_cli import Answer, run  # noqa: F401  a fixture
from tests.support.api_client import contribute, open_account, running
from tests.support.documents_client import content, printed
from tests.verify.tampering import with_every_right

SPAN = {"from": "2026-01-05", "to": "2026-11-21"}


@pytest.fixture
def service(
    fresh_engine: Engine, fresh_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    with running(fresh_engine, tmp_path) as client:
        monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
        monkeypatch.setenv("LEDGER_DATA", str(tmp_path))
        yield client


def made_of(client: TestClient) -> Any:
    account = open_account(client)["account_no"]
    contribute(client, account)
    return printed(client, f"/v1/accounts/{account}", kind="account_list", **SPAN)


def test_bytes_are_kept_once(
    run: Callable[..., Answer], service: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [made_of(service) for _ in range(3)]
    first = [content(service, one) for one in made]
    done = run("documents", "keep")
    assert (done.code, done.json) == (0, {"kept": 3, "already": 0, "broken": [], "ok": True})
    monkeypatch.setattr("ledger.documents.issuing.made_by", lambda _form: "json-2")
    assert [content(service, one) for one in made] == first
    again = run("documents", "keep")
    assert (again.code, again.json) == (0, {"kept": 0, "already": 3, "broken": [], "ok": True})


def test_what_cannot_be_kept_is_named(
    run: Callable[..., Answer], service: TestClient, fresh_engine: Engine
) -> None:
    good, bad = made_of(service), made_of(service)
    with with_every_right(fresh_engine) as connection:
        connection.exec_driver_sql(f"UPDATE document SET pages = 9 WHERE name = '{bad['document']}'")
    done = run("documents", "keep")
    assert (done.code, done.json) == (1, {"kept": 1, "already": 0, "broken": [bad["serial"]], "ok": False})
    assert "1 documents could not be made" in done.err
    assert content(service, good)


@pytest.mark.parametrize("what", ["drop", "Keep", ""])
def test_there_is_nothing_else_to_do_with_documents(
    run: Callable[..., Answer], service: TestClient, what: str
) -> None:
    done = run("documents", what)
    assert (done.code, done.json["code"]) == (2, "usage")
