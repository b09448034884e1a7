"""No text, reference, key or name of a file takes an ID number: each kind of file, each of its columns."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from ledger.imports import KINDS
from ledger.imports.columns import Holds
from ledger.imports.examples import EXAMPLES
from tests.imports.test_every_door import ASKED_OF_TWO
from tests.support.api_client import running
from tests.support.file_doors import FileDoors, Refusal, before_the_examples
from tests.support.old_rows import as_before_numbers_were_refused
from tests.support.people import SomeoneFactory

CODE = "personal_data_in_text"
WRITTEN = ("119999198503140015", "No.119999-19850314-0015", "119999850314001", "119999 19850314 0015")
TEXTS = {Holds.TEXT, Holds.KEY, Holds.NAME}
# by these something is looked for that is there, as it was written down; what is not there is not found
LOOKED_FOR = {("acknowledgements", "remittance"), ("rejections", "remittance"), ("arrivals", "sheet")}


# one text in the book
TOLD_AS = {("deaths", "document"): "evidence"}


def texts_of(kind: str) -> list[tuple[str, Holds]]:
    """The columns of a kind that hold texts."""
    columns = [(one.name, one.holds) for one in KINDS[kind].columns if one.holds in TEXTS]
    return [one for one in columns if (kind, one[0]) not in LOOKED_FOR]


def rows(kind: str, **more: str) -> list[list[str]]:
    line = EXAMPLES[kind] | more
    return [list(line), list(line.values())]


def test_each_column_of_each_kind(
    fresh_engine: Engine, fresh_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(fresh_engine, tmp_path) as client:
        doors = FileDoors(client, fresh_url, tmp_path, monkeypatch)
        before_the_examples(client)
        for kind in EXAMPLES:
            whole = dict.fromkeys([*EXAMPLES[kind], *(name for name, _holds in texts_of(kind))], "")
            lines, expected = [list(whole)], []
            for column, holds in texts_of(kind):
                for written in WRITTEN:
                    text = written.replace(" ", "-") if holds is Holds.KEY else written
                    lines.append(list((whole | EXAMPLES[kind] | {column: text}).values()))
                    told_as = TOLD_AS.get((kind, column), column)
                    expected.append(Refusal(len(lines), CODE, told_as))
            for door, preview in (("upload CSV", True), ("command line XLSX", False), ("upload CSV", False)):
                told = doors.send(door, kind, lines, preview=preview)
                assert told.refused == tuple(expected), (kind, door)
                assert "850314" not in told.said
            good = doors.send("upload CSV", kind, rows(kind))
            assert good.posted + good.waiting == 1, (kind, good)
            assert good.waiting == int(kind in ASKED_OF_TWO)
        listed = "".join(path.read_text() for path in tmp_path.glob("*.rejected.csv"))
        assert CODE in listed
        assert "850314" not in listed, "not even to whoever sent it"


def test_a_line_on_record_is_already_there(
    fresh_engine: Engine, fresh_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(fresh_engine, tmp_path) as client:
        doors = FileDoors(client, fresh_url, tmp_path, monkeypatch)
        person = SomeoneFactory()
        accounts = rows("accounts", id_number=person.id_number, name=person.name)
        assert doors.send("upload CSV", "accounts", accounts).posted == 1
        lines = rows("contributions", account=person.id_number, source_ref="levy 119999198503140015")
        with as_before_numbers_were_refused():
            assert doors.send("upload CSV", "contributions", lines).posted == 1
        again = doors.send("upload XLSX", "contributions", lines)
        assert (again.already, again.refused) == (1, ())
