"""The table of doors and kinds of file: complete, and each kind's example goes through each of its doors."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from sqlalchemy import Engine
from typer.testing import CliRunner

from ledger.__main__ import app
from ledger.imports import KINDS
from ledger.imports.columns import EMPLOYERS_LIST, LIST, chinese_heading, fold_heading
from ledger.imports.examples import EXAMPLES, example_text
from ledger.verify import verify
from tests.support.api_client import running
from tests.support.file_doors import FileDoors, Told, before_the_examples
from tests.support.openapi import DOCUMENT

ROOT: Final = Path(__file__).resolve().parents[2]

IMPORTED: Final = (
    "upload CSV",
    "upload XLSX",
    "command line CSV",
    "command line XLSX",
    "template CSV",
    "template XLSX",
    "example in Chinese",
    "help",
)
"""The doors of every kind of import; the example of docs/files.md goes through them as it stands there."""
DECLARED: Final = (
    "declarations CSV",
    "declarations XLSX",
    "declare CSV",
    "declare XLSX",
    "example in Chinese",
)
"""Those of an employer's own list, whose employer and month are said beside it."""

DOORS: Final[dict[str, tuple[str, ...]]] = {
    "accounts": IMPORTED,
    "employers": IMPORTED,
    "enrolments": IMPORTED,
    "declarations": IMPORTED,
    LIST: DECLARED,
    "receipts": IMPORTED,
    "contributions": IMPORTED,
    "spendings": IMPORTED,
    "names": IMPORTED,
    "numbers": IMPORTED,
    "deaths": IMPORTED,
    "transfers": IMPORTED,
    "remittances": IMPORTED,
    "acknowledgements": IMPORTED,
    "rejections": IMPORTED,
    "announcements": IMPORTED,
    "arrivals": IMPORTED,
}
"""Every kind, in the order in which the examples can be taken, and its doors."""

ASKED_OF_TWO: Final = frozenset({"numbers"})
"""Whose lines wait for a second person in the example area."""

_EXAMPLE = re.compile(r"^### (\w+)\n.*?```csv\n(.*?)```\n\nIn Chinese: `([^`]*)`", re.MULTILINE | re.DOTALL)


def shown() -> dict[str, tuple[str, str]]:
    """Of each kind the example of docs/files.md, and its headings in Chinese."""
    text = (ROOT / "docs/files.md").read_text(encoding="utf-8")
    return {kind: (example, chinese) for kind, example, chinese in _EXAMPLE.findall(text)}


# -- complete ----------------------------------------------------------------------------------------------


def takes_files() -> Iterator[str]:
    """Every route that takes a file, and every form that is given out."""
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            if any(media != "application/json" for media in content):
                yield f"{method.upper()} {path}"
            if path.endswith("/template"):
                yield f"{method.upper()} {path}"


def file_commands() -> Iterator[str]:
    """Every command that is given a file to read."""
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        if any(one.param_type_name == "argument" and one.name.startswith("file") for one in command.params):
            yield name


def test_every_kind_and_every_door_stands_in_the_table() -> None:
    assert set(DOORS) == {*KINDS, LIST}
    assert list(shown()) == list(DOORS), "docs/files.md shows each kind, in the order of the table"
    assert [kind for kind in DOORS if kind != LIST] == list(EXAMPLES)
    for kind in KINDS:
        assert DOORS[kind] == IMPORTED
    routes = {f"POST /v1/imports/{kind}" for kind in KINDS}
    routes |= {f"GET /v1/imports/{kind}/template" for kind in KINDS}
    assert set(takes_files()) == routes | {"POST /v1/employers/{employer}/declarations"}
    # a proof is a file that is checked, and nothing of it is taken in
    assert set(file_commands()) == {"import", "declare", "proof"}


# -- and open ----------------------------------------------------------------------------------------------


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def _help(doors: FileDoors, kind: str, text: str, _chinese: str) -> Told:
    """The example stands in the help as it is, and is what the templates are made of."""
    told = CliRunner().invoke(app, ["import", "--help"], env={"COLUMNS": "200"}).stdout
    assert text == example_text(kind)
    assert all(f"  {line}\n" in told for line in text.splitlines()), kind
    return doors.send("command line CSV", kind, rows_of(text))


def _template(doors: FileDoors, kind: str, door: str) -> Told:
    xlsx = door.endswith("XLSX")
    told: set[Told] = set()
    for language in ("zh", "en"):
        path = f"/v1/imports/{kind}/template?format={'xlsx' if xlsx else 'csv'}&language={language}"
        form = doors.client.get(path)
        assert form.status_code == 200, form.text
        told.add(doors.send_bytes("upload XLSX", kind, form.content, preview=True)._replace(said=""))
    (one,) = told
    return one


def _in_chinese(doors: FileDoors, kind: str, text: str, chinese: str) -> Told:
    headings, *lines = rows_of(text)
    assert chinese.split(",") == [
        chinese_heading(kind if kind != LIST else "declarations", one) for one in headings
    ]
    content = (chinese + "\n" + text.partition("\n")[2]).encode("gb18030")
    if kind == LIST:
        return doors.declared("declare CSV", *LISTED, [chinese.split(","), *lines])
    return doors.send_bytes("command line CSV", kind, content)


# the employer of the examples, and a month of its own
LISTED: Final = ("91999999000000001K", "2026-04")


def through(doors: FileDoors, door: str, kind: str) -> Told:
    """The example of a kind, sent through a door."""
    text, chinese = shown()[kind]
    ways: dict[str, Callable[[], Told]] = {
        "help": lambda: _help(doors, kind, text, chinese),
        "example in Chinese": lambda: _in_chinese(doors, kind, text, chinese),
        "template CSV": lambda: _template(doors, kind, door),
        "template XLSX": lambda: _template(doors, kind, door),
    }
    if door in ways:
        return ways[door]()
    if kind == LIST:
        return doors.declared(door, *LISTED, rows_of(text))
    rehearsed = doors.send(door, kind, rows_of(text), preview=True)
    sent = doors.send(door, kind, rows_of(text))
    assert rehearsed._replace(said="") == sent._replace(said=""), "a preview says what is posted"
    return sent


def test_each_kind_goes_through_each_of_its_doors(
    fresh_engine: Engine, fresh_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first door posts the example of the documents, and every other one finds it there."""
    with running(fresh_engine, tmp_path) as client:
        doors = FileDoors(client, fresh_url, tmp_path, monkeypatch)
        before_the_examples(client)
        for kind, its_doors in DOORS.items():
            for place, door in enumerate(its_doors):
                told = through(doors, door, kind)
                new = int(place == 0)
                waits = int(new and kind in ASKED_OF_TWO)
                assert told[:4] == (new - waits, 1 - new, (), None), (kind, door, told)
                assert told.waiting == waits
                doors.approve_all()
    assert verify(fresh_engine).clean


def test_every_heading_means_one_column_of_its_kind() -> None:
    for kind in (*KINDS.values(), EMPLOYERS_LIST):
        for column in kind.columns:
            for word in (column.name, *column.words):
                assert kind.by_heading[fold_heading(word)] == column.name
                assert kind.by_heading[fold_heading(f"* {word.upper()}（元）")] == column.name


def test_the_examples_are_of_people_whom_no_other_document_opens() -> None:
    """Files that a reader copies load on the installation that the other documents have made."""
    people = {
        document: set(re.findall(r"[0-9]{17}[0-9X]", (ROOT / document).read_text(encoding="utf-8")))
        for document in ("docs/files.md", "docs/install.md", "README.md")
    }
    assert people["docs/files.md"]
    assert not people["docs/files.md"] & (people["docs/install.md"] | people["README.md"])
