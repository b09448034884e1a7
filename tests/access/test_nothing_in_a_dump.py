"""A dump, the file of SQLite and every log: no number, name, telephone or word of anybody stands there."""

from __future__ import annotations

import json
import logging
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from ledger import tables
from ledger.database.engines import is_postgresql
from ledger.operations.scanning import scan_texts
from tests.support.postgres import find_bin_directory
from tests.support.sealed_life import live


def dumped(engine: Engine, folder: Path) -> bytes:
    """All that somebody has who has a dump of the database, or its file."""
    if not is_postgresql(engine):
        engine.dispose()
        file = Path(str(engine.url.database))
        return b"".join(one.read_bytes() for one in sorted(file.parent.glob(f"{file.name}*")))
    out = folder / "dump.sql"
    where = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run(
        [str(find_bin_directory() / "pg_dump"), "--dbname", where, "--file", str(out)],
        check=True, capture_output=True,
    )  # fmt: skip
    return out.read_bytes()


def standing_in(secrets: frozenset[str], held: bytes) -> list[str]:
    """Which of them stand there, as text in either encoding of an index, escaped, or as bytes in hex."""
    told = held.lower()
    found = []
    for secret in secrets:
        plain = secret.encode()
        forms = (
            plain, plain.hex().encode(), secret.encode("utf-16-le"), secret.encode("gb18030"),
            json.dumps(secret).strip('"').encode(), secret.replace(" ", "").encode(),
        )  # fmt: skip
        if any(form.lower() in told for form in forms):
            found.append(secret)
    return found


def test_nothing_of_anybody_stands_in_a_dump_or_a_log(
    fresh_engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    lines: list[Any] = []
    lived = live(fresh_engine, tmp_path, lines.append)
    held = dumped(fresh_engine, tmp_path)
    # that it is the whole of it
    for name in ("entry", "identity", "inquiry_case_answer", "document_content", "estate_payout"):
        assert name.encode() in held
    assert standing_in(lived.secrets, held) == []
    # the client's own log of what it sends is none of ours
    ours = [line for line in caplog.text.splitlines() if "HTTP Request" not in line]
    logged = "\n".join([*ours, *(json.dumps(line, ensure_ascii=False) for line in lines)])
    assert len(lines) > 20
    assert standing_in(lived.secrets, logged.encode()) == []
    with fresh_engine.connect() as connection:
        assert list(scan_texts(connection)) == []


def test_what_would_stand_there_is_seen(fresh_engine: Engine, tmp_path: Path) -> None:
    with fresh_engine.begin() as connection:
        row = {"agent_id": 1, "name": "欧阳静姝 119999198503140015"}
        connection.execute(insert(tables.agent), row)
    held = dumped(fresh_engine, tmp_path)
    secrets = frozenset(("欧阳静姝", "119999198503140015", "司马静姝"))
    assert sorted(standing_in(secrets, held)) == ["119999198503140015", "欧阳静姝"]
