"""Files through every door: the command line and HTTP on one installation, CSV and XLSX, told alike.

    doors = FileDoors(engine, url, folder, client, monkeypatch)
    told = doors.send("upload XLSX", "contributions", ["account", …], [[…], …])
    assert (told.lines, told.posted, told.refused) == …

Which doors a kind has is said in tests/imports/test_every_door.py.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient
from openpyxl import Workbook
from typer.testing import CliRunner

from ledger.__main__ import app
from ledger.csv_out import csv_line
from tests.support.api_client import NOW, TODAY, contribute, key, open_account
from tests.support.approval_client import approve, listed
from tests.support.transfer_client import request_out, send_answer

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
OF_IMPORTS = ("command line CSV", "command line XLSX", "upload CSV", "upload XLSX")
Cells = Sequence[Sequence[object]]


class Refusal(NamedTuple):
    """A line that was not taken; its column where the door tells it."""

    line: int
    code: str
    column: str | None


class Told(NamedTuple):
    """What a door said of a file. `code` is why the file as a whole was refused."""

    posted: int
    already: int
    refused: tuple[Refusal, ...]
    code: str | None = None
    problem: str = ""
    # all that was said, on every channel
    said: str = ""
    # lines that wait for a second person, or would
    waiting: int = 0


def csv_of(rows: Cells) -> bytes:
    return "".join(csv_line([str(cell) for cell in row]) for row in rows).encode()


def xlsx_of(rows: Cells) -> bytes:
    """A workbook of these cells: a text as text, a day as a date cell, a number as a number."""
    book, out = Workbook(), io.BytesIO()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    book.save(out)
    return out.getvalue()


def before_the_examples(client: TestClient) -> None:
    """Those of whom the documents say that they are there: who moves away, and whose money was sent."""
    for number in ("119999198806060012", "319999199208080023"):
        contribute(
            client, open_account(client, id_number=number, name="王五", opened_on="2026-01-01")["number"]
        )
    sent = request_out(client, "319999199208080023", insured_from="2026-06-01")
    assert send_answer(client, sent, "2026-06-20", source_ref="BANK-4").status_code == 201


class FileDoors:
    """One installation, and everything that takes files of it."""

    def __init__(self, client: TestClient, url: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.client = client
        self.folder = folder
        self.number = 0
        for name in [name for name in os.environ if name.startswith("LEDGER_")]:
            patch.delenv(name)
        patch.setenv("LEDGER_DATABASE_URL", url)
        patch.setenv("LEDGER_DATA", str(folder))
        for module in ("ledger.__main__", "ledger.operations.runs"):
            patch.setattr(f"{module}.tune_process", lambda: None)
            patch.setattr(f"{module}.now_and_today", lambda: (NOW, TODAY))

    def send(self, door: str, kind: str, rows: Cells, *, preview: bool = False) -> Told:
        """Send a file of these rows, its heading first; as days the rows may hold dates."""
        content = xlsx_of(rows) if door.endswith("XLSX") else csv_of(rows)
        return self.send_bytes(door, kind, content, preview=preview)

    def send_bytes(self, door: str, kind: str, content: bytes, *, preview: bool = False) -> Told:
        way: dict[str, Callable[..., Told]] = {"command line": self._imported, "upload": self._uploaded}
        return way[door.rpartition(" ")[0]](kind, content, preview=preview)

    def command(self, *arguments: object) -> tuple[int, dict[str, Any], str]:
        """What a command ends with and says: its code, its answer, and all of its words."""
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        said: dict[str, Any] = json.loads(result.stdout)
        return result.exit_code, said, result.stdout + result.stderr

    def file(self, content: bytes, name: str = "file.csv") -> Path:
        self.number += 1
        path = self.folder / f"{self.number}-{name}"
        path.write_bytes(content)
        return path

    def _imported(self, kind: str, content: bytes, *, preview: bool) -> Told:
        code, said, words = self.command(
            "import", kind, self.file(content), *(["--preview"] if preview else [])
        )
        if "code" in said:
            assert code == 1
            return Told(0, 0, (), said["code"], said.get("problem", ""), words)
        refused: list[Refusal] = []
        if said["rejected_file"] is not None:
            listed = Path(said["rejected_file"]).read_text(encoding="utf-8")
            refused = [
                Refusal(int(row["line"]), row["code"], row["column"] or None)
                for row in csv.DictReader(io.StringIO(listed, newline=""))
            ]
        assert (code, said["refused"]) == (int(bool(refused)), len(refused))
        return Told(said["posted"], said["already"], tuple(refused), said=words, waiting=said["waiting"])

    def _uploaded(self, kind: str, content: bytes, *, preview: bool) -> Told:
        path = f"/v1/imports/{kind}?preview={str(preview).lower()}"
        answer = self.client.post(path, files={"file": ("file", content)})
        said = answer.json()
        if answer.status_code != 200:
            assert answer.status_code == 422, answer.text
            return Told(0, 0, (), said["code"], said.get("detail", "") + str(said.get("facts")), answer.text)
        refused = tuple(Refusal(row["line"], row["code"], row["column"]) for row in said["rejected"])
        assert said["refused"] == len(refused)
        if not preview:
            self._are_listed(said["batch"], refused)
        waiting = said["waiting"]
        return Told(said["posted"], said["already"], refused, said=answer.text, waiting=waiting)

    def approve_all(self) -> None:
        """Let somebody else approve all that waits."""
        for one in listed(self.client, "waiting"):
            done = approve(self.client, self.folder / "keys", one["approval"])
            assert done.status_code == 201, done.text

    def _are_listed(self, batch: str, refused: Sequence[Refusal]) -> None:
        """The lines that were refused are those that the batch lists, with their columns."""
        listed = self.client.get(f"/v1/batches/{batch}/rejected?limit=500").json()["items"]
        assert [(row["line"], row["code"], row["column"]) for row in listed] == list(refused)

    def declared(
        self, door: str, employer: str, month: str, rows: Cells, *more: object, confirm: bool = True
    ) -> Told:
        """An employer's own list of a month, by `declare` or over HTTP."""
        xlsx = door.endswith("XLSX")
        content = xlsx_of(rows) if xlsx else csv_of(rows)
        if door.startswith("declare "):
            flags = ["--confirm"] if confirm else []
            _code, said, words = self.command("declare", employer, month, self.file(content), *flags, *more)
            if "code" in said:
                return Told(0, 0, (), said["code"], said.get("problem", ""), words)
            return Told(said["good"], said["already"], (), said=words)
        path = f"/v1/employers/{employer}/declarations?period={month}{''.join(f'&{one}' for one in more)}"
        media = {"Content-Type": XLSX if xlsx else "text/csv"}
        answer = self.client.post(path, content=content, headers=key() | media)
        said = answer.json()
        if answer.status_code not in {200, 201}:
            return Told(0, 0, (), said["code"], str(said.get("facts")) + said.get("detail", ""), answer.text)
        if confirm and said["status"] == "preview":
            done = self.client.post(f"/v1/declarations/{said['declaration']}/confirm", headers=key())
            assert done.status_code == 201, done.text
        there = [line for line in said["lines"] if "already" in line]
        refused = tuple(Refusal(line["line"], line["code"], None) for line in said["lines"] if "code" in line)
        return Told(len(said["lines"]) - len(there) - len(refused), len(there), refused, said=answer.text)


def as_day(text: str) -> date:
    """A day, or the first one of a month: as a spreadsheet keeps either."""
    return date.fromisoformat(text if text.count("-") == 2 else f"{text}-01")
