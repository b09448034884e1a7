"""The route that the bench measures HTTP by: judged like every other, and only where the bench serves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from bench import noop
from tests.support.api_client import key, running, spending, token


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder, first=(noop.router,)) as client:
        yield client


def test_it_reads_and_does_nothing(client: TestClient) -> None:
    assert client.post(noop.PATH, json=spending(), headers=key()).status_code == 201
    assert client.post(noop.PATH, json=spending(amount=1), headers=key()).status_code == 422
    assert client.post(noop.PATH, json=spending()).status_code == 400


def test_it_asks_for_a_token_with_its_scope(client: TestClient, folder: Path) -> None:
    assert client.post(noop.PATH, json=spending(), headers=key() | {"Authorization": ""}).status_code == 401
    other = {"Authorization": f"Bearer {token(folder / 'keys', ['accounts:read'])}"}
    assert client.post(noop.PATH, json=spending(), headers=key() | other).status_code == 403


def test_the_service_has_no_such_route(engine: Engine, tmp_path: Path) -> None:
    with running(engine, tmp_path) as client:
        assert client.post(noop.PATH, json=spending(), headers=key()).status_code == 404
