"""Whoever imports a file at the command line is the one who asks, and approves nothing of it (R68)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from pwd import getpwuid
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.texts import AGENT_NAME_MAX
from ledger.verify import verify
from tests.support.api_client import open_account, running
from tests.support.approval_client import approve, listed, reject
from tests.support.employer_client import balance, refusal
from tests.support.file_doors import FileDoors, csv_of

ME = getpwuid(os.getuid()).pw_name
HEADINGS = ["account", "source_ref", "period", "effective_on", "amount"]


@pytest.fixture(scope="module")
def doors(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileDoors]:
    folder = tmp_path_factory.mktemp("files")
    with running(engine, folder) as client, pytest.MonkeyPatch.context() as patch:
        # what anybody can say of themselves
        for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            patch.setenv(name, "somebody-else")
        yield FileDoors(client, engine.url.render_as_string(hide_password=False), folder, patch)
    assert verify(engine).clean


def large(doors: FileDoors, person: str) -> Path:
    """A file with one credit for which a second person is asked."""
    row = [person, f"L-{person[6:]}", "2026-04", "2026-05-20", "100000.00"]
    return doors.file(csv_of([HEADINGS, row]))


def imported(doors: FileDoors, *options: str) -> tuple[str, str]:
    """A person whose credit was imported and waits, and the approval's name."""
    person = str(open_account(doors.client)["number"])
    code, said, words = doors.command("import", "contributions", large(doors, person), *options)
    assert (code, said["waiting"]) == (0, 1), words
    return person, str(said["waiting_lines"][0]["approval"])


def asked_by(client: TestClient, name: str) -> str:
    return next(str(one["asked_by"]) for one in listed(client, "waiting") if one["approval"] == name)


@pytest.mark.parametrize("options", [(), ("--by", "clerk-7"), ("--actor", "clerk-7")])
def test_whoever_imports_is_known_and_approves_nothing(doors: FileDoors, options: tuple[str, ...]) -> None:
    client, keys = doors.client, doors.folder / "keys"
    person, name = imported(doors, *options)
    who = options[-1] if options else ME
    assert asked_by(client, name) == who
    written = "".join(chr(ord(one) + 0xFEE0) if one.isascii() and one.isalnum() else one for one in who)
    for spelled in (who, who.upper(), f" {who} ", written):
        assert refusal(approve(client, keys, name, actor=spelled)) == (403, "same_person"), spelled
        assert refusal(reject(client, keys, name, actor=spelled)) == (403, "same_person"), spelled
    assert balance(client, person) == "0.00"
    done: Any = approve(client, keys, name, actor="chief-9")
    assert done.status_code == 201, done.text
    assert balance(client, person) == "100000.00"


@pytest.mark.parametrize("wrong", ["", "x" * (AGENT_NAME_MAX + 1), "a\nb", " ", "\u3000"], ids=ascii)
def test_a_name_that_names_nobody_is_a_wrong_call(doors: FileDoors, wrong: str) -> None:
    person = str(open_account(doors.client)["number"])
    for command in (
        ("import", large(doors, person)),
        ("declare", "91999999000000001K", "2026-03", large(doors, person)),
        ("correct", "2026-01-01", "2026-01-31", "--reason", "r", "--account", person),
    ):
        code, said, _words = doors.command(*command, "--by", wrong)
        assert (code, said["code"]) == (2, "shape_invalid"), command
        assert "--by" in said["problem"]


def test_where_nobody_knows_the_user_somebody_says_who_asks(
    doors: FileDoors, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_number: int) -> Any:
        raise KeyError

    monkeypatch.setattr("ledger.operations.cli.getpwuid", nobody)
    person = str(open_account(doors.client)["number"])
    code, said, _words = doors.command("import", large(doors, person))
    assert (code, said["code"], "--by" in said["problem"]) == (2, "shape_invalid", True)
    assert asked_by(doors.client, imported(doors, "--by", "clerk-8")[1]) == "clerk-8"


def test_that_lines_wait_is_said_beside_the_answer(doors: FileDoors) -> None:
    path = large(doors, str(open_account(doors.client)["number"]))
    code, said, words = doors.command("import", path, "--preview")
    assert (code, said["waiting"]) == (0, 1)
    assert "1 lines would wait for a second person" in words
    code, said, words = doors.command("import", path)
    assert (code, said["waiting"]) == (0, 1)
    assert f"1 lines wait for a second person, see {said['waiting_file']}" in words
