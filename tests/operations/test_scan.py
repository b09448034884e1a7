"""`scan` finds the ID numbers that stand in texts from before they were refused, wherever that is."""
# ruff: noqa: F811  the fixtures that stand in test_cli are arguments here

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, String

from ledger import tables
from ledger.operations import scanning
from ledger.operations.scanning import FoundNumber, scan_texts, text_columns
from tests.house.test_schema import put
from tests.operations.test_cli import Answer, run  # noqa: F401  a fixture
from tests.support.api_client import key, open_account, running
from tests.support.old_rows import as_before_numbers_were_refused
from tests.support.people import World
from tests.verify.tampering import with_every_right

NUMBER, OLD = "119999198503140015", "119999850314001"


def test_every_text_column_is_looked_through() -> None:
    found = {(table.name, column.name) for table, columns in text_columns().items() for column in columns}
    codes = {
        ("employer", "credit_code"),
        ("institution", "code"),
        ("contract", "code"),
        ("suspension", "code"),
    }
    texts = {
        (table.name, column.name)
        for table in tables.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, String)
    }
    assert found == texts - codes
    assert {("entry", "detail"), ("entry", "source_ref"), ("agent", "name"), ("read_log", "ref")} <= found


@pytest.mark.sqlite
def test_what_stands_in_each_is_found(fresh_engine: Engine) -> None:
    """One row in each table with the number in every one of its texts, whatever CHECKs say to that."""
    put_in: set[tuple[str, str]] = set()
    with with_every_right(fresh_engine) as connection:
        for table, columns in text_columns().items():
            connection.execute(table.delete())
            put(connection, table.name, **{column.name: f"x {NUMBER}" for column in columns})
            put_in |= {(table.name, column.name) for column in columns}
    with fresh_engine.connect() as connection:
        found = list(scan_texts(connection))
    assert {(one.table, one.column) for one in found} == put_in
    assert {one.masked for one in found} == {"119*************15"}
    assert NUMBER not in repr(found)


def test_old_entries_are_listed(
    run: Callable[..., Answer],
    fresh_engine: Engine,
    fresh_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    monkeypatch.setenv("LEDGER_DATA", str(tmp_path))
    body = {"amount": "1.00", "period": "2026-03", "effective_on": "2026-03-20"}
    with running(fresh_engine, tmp_path) as client:
        account = open_account(client)["account_no"]
        clean = run("scan")
        assert (clean.code, clean.json) == (0, {"found_total": 0, "entries": []})
        with as_before_numbers_were_refused():
            where = f"/v1/accounts/{account}/contributions"
            sent = client.post(
                where, json=body | {"source_ref": f"levy {NUMBER}"}, headers={"Idempotency-Key": OLD}
            )
            assert sent.status_code == 201
            spaced = body | {"source_ref": "\uff11\uff11\uff19999 850314 001"}
            assert client.post(where, json=spaced, headers=key()).status_code == 201
            frozen = {"authority": "a", "document": f"d {NUMBER}", "from": "2026-12-01"}
            assert (
                client.post(f"/v1/accounts/{account}/freezes", json=frozen, headers=key()).status_code == 201
            )
    found = run("scan")
    assert found.code == 1
    whole, short = "119*************15", "119**********01"
    assert found.json == {"found_total": 4, "entries": [
        {"table": "entry", "place": f"{account}-2", "column": "idempotency_key", "masked": short},
        {"table": "entry", "place": f"{account}-2", "column": "source_ref", "masked": whole},
        {"table": "entry", "place": f"{account}-3", "column": "source_ref", "masked": short},
        {"table": "entry", "place": f"{account}-4", "column": "detail", "masked": whole},
    ]}  # fmt: skip
    assert NUMBER not in found.out + found.err
    assert "850314" not in found.out + found.err


def test_chunk_by_chunk_and_no_more_than_is_listed(
    run: Callable[..., Answer],
    fresh_engine: Engine,
    fresh_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    monkeypatch.setenv("LEDGER_DATA", str(tmp_path))
    monkeypatch.setattr(scanning, "_TOGETHER", 2)
    with fresh_engine.connect() as connection, connection.begin():
        rows = [{"agent_id": 1000 + number, "name": f"{NUMBER} {number}"} for number in range(7)]
        connection.execute(tables.agent.insert(), rows)
    with fresh_engine.connect() as connection:
        places = [one.place for one in scan_texts(connection)]
    assert places == [str(1000 + number) for number in range(7)]
    monkeypatch.setattr(scanning, "LISTED_MAX", 3)
    (tmp_path / "keys").mkdir()
    told = run("scan")
    assert (told.code, told.json["found_total"], len(told.json["entries"])) == (1, 7, 3)
    assert "the first 3 of 7" in told.err


def test_a_place_holds_no_number(fresh_engine: Engine) -> None:
    with fresh_engine.begin() as connection:
        put(connection, "batch", batch_id=f"import-{NUMBER}")
    with fresh_engine.connect() as connection:
        [found] = scan_texts(connection)
    assert found == FoundNumber("batch", "119*************15", "batch_id", "119*************15")


def test_a_world_holds_none(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    for _ in range(3):
        world.open(opening=(100, 200))
    with fresh_engine.connect() as connection:
        assert list(scan_texts(connection)) == []
