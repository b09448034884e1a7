"""What docs/files.md and the help show is imported, kind by kind, as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import Engine
from typer.testing import CliRunner

from ledger.__main__ import app
from ledger.imports import KINDS
from ledger.imports.columns import fold_heading
from ledger.imports.examples import EXAMPLES, example_text
from ledger.verify import verify
from tests.support.office import Office, counts

DOC = Path(__file__).resolve().parents[2] / "docs/files.md"
_EXAMPLE = re.compile(r"^### (\w+)\n.*?```csv\n(.*?)```\n\nIn Chinese: `([^`]*)`", re.MULTILINE | re.DOTALL)


def shown() -> dict[str, tuple[str, str]]:
    """Of each kind the example, and its headings in Chinese."""
    return {
        kind: (text, chinese) for kind, text, chinese in _EXAMPLE.findall(DOC.read_text(encoding="utf-8"))
    }


def test_every_example_is_imported_in_its_order(fresh_engine: Engine, tmp_path: Path) -> None:
    office = Office(fresh_engine, tmp_path)
    assert list(shown()) == list(EXAMPLES)
    assert set(shown()) == set(KINDS)
    for kind, (text, chinese) in shown().items():
        first = office.run(office.raw(text.encode()))
        assert (first.kind, counts(first)) == (kind, (1, 1, 0, 0))
        _heading, _, lines = text.partition("\n")
        again = office.run(office.raw(f"{chinese}\n{lines}".encode("gb18030")))
        assert (again.kind, counts(again)) == (kind, (1, 0, 1, 0)), "the same line, with the other headings"
    assert verify(fresh_engine).clean


def test_the_document_shows_what_the_help_and_the_forms_show() -> None:
    assert {kind: text for kind, (text, _chinese) in shown().items()} == {
        kind: example_text(kind) for kind in EXAMPLES
    }
    told = CliRunner().invoke(app, ["import", "--help"], env={"COLUMNS": "200"}).stdout
    for kind in EXAMPLES:
        for line in example_text(kind).splitlines():
            assert f"  {line}\n" in told, kind


def test_every_heading_means_one_column_of_its_kind() -> None:
    for kind in KINDS.values():
        for column in kind.columns:
            for word in (column.name, *column.words):
                assert kind.by_heading[fold_heading(word)] == column.name
                assert kind.by_heading[fold_heading(f"* {word.upper()}（元）")] == column.name
