"""What is sent to be run by somebody else, in each column of each kind of file: a text, or refused."""

from __future__ import annotations

import csv
import io
import logging
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

from api.http.logs import JsonLine
from ledger.imports.examples import EXAMPLES
from tests.http.test_api_injection import MARK, NO_TEXT, RUN
from tests.imports.test_numbers_in_texts import texts_of
from tests.support.api_client import running
from tests.support.file_doors import FileDoors, before_the_examples, xlsx_of

pytestmark = pytest.mark.slow

# of what a workbook cannot hold openpyxl makes none
IN_A_WORKBOOK = {name for name, text in NO_TEXT.items() if not {"\x1b", "\x07", "\x00"} & set(text)}


def as_csv(rows: list[list[str]]) -> bytes:
    """Nothing guarded: as somebody writes it who means harm."""
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_each_column_takes_a_text_or_refuses_it(
    fresh_engine: Engine,
    fresh_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    said: list[str] = []
    with running(fresh_engine, tmp_path, log=lambda line: said.append(str(line))) as client:
        doors = FileDoors(client, fresh_url, tmp_path, monkeypatch)
        before_the_examples(client)
        tables = inspect(fresh_engine).get_table_names()
        whole = (
            dict.fromkeys([*EXAMPLES[kind], *(name for name, _holds in texts_of(kind))], "") | EXAMPLES[kind]
        )
        for column, _holds in texts_of(kind):
            for name, text in (RUN | NO_TEXT).items():
                rows = [list(whole), list((whole | {column: text}).values())]
                told = [doors.send_bytes("upload CSV", kind, as_csv(rows), preview=True)]
                if name in RUN or name in IN_A_WORKBOOK:
                    # what begins with = is a formula there, and not a text of that look
                    book = doors.send_bytes("upload XLSX", kind, xlsx_of(_plain(rows)), preview=True)
                    codes = {refused.code for refused in book.refused}
                    assert "formula_in_cell" in codes or not text.startswith("="), (column, name)
                    told.append(book)
                for one in told:
                    assert one.code is None or one.code == "file_invalid", (column, name, one)
                    if name in NO_TEXT:
                        assert (one.posted, one.waiting) == (0, 0), (column, name)
                        assert one.refused or one.code, (column, name)
                    assert MARK not in one.said, "not even to whoever sent it"
        assert inspect(fresh_engine).get_table_names() == tables
    lines = [*said, *map(JsonLine().format, caplog.records)]
    assert not [line for line in lines if MARK in line or "\n" in line]
    listed = "".join(path.read_text() for path in tmp_path.glob("*.rejected.csv"))
    assert MARK not in listed


def _plain(rows: list[list[str]]) -> list[list[object]]:
    return [list(row) for row in rows]


def test_the_log_is_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    """A line of a log that somebody sent ends nothing."""
    logging.getLogger("some.part").warning("of %s", NO_TEXT["a line of a log"])
    [line] = map(JsonLine().format, caplog.records)
    assert "\n" not in line
    assert "\\n" in line
