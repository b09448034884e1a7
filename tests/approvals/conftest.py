"""An app over the module's database, and where its keys are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from tests.support.api_client import running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


@pytest.fixture(scope="module")
def keys(client: TestClient, folder: Path) -> Path:
    return folder / "keys"
