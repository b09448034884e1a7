"""Every command of the documents is run as it stands there, one session a document, by a shell.

A block marked `sh` is run; `console` needs root, another machine or a package index, or runs tests itself,
and shows a prompt. Three things differ from what a reader does: port 8000 is a free one, the demo has few
people, and of `make` only `demo` is done: that the others are there is looked up, as they take minutes.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
from sqlalchemy import make_url

from ledger.__main__ import app
from ledger.access.tokens import SCOPES
from tests.operations.test_doctor import OF, OF_ALL
from tests.support.postgres import Server, find_bin_directory

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SECONDS_MAX = 300
RUN = "sh"
# what a block may be marked as, beside those that are run
LOOKED_AT = {"console", "ini", "yaml", "nginx", "dockerfile", "toml", "json", "csv", "text", ""}
# the programs of a `console` block: each is root's, or wants a network or several machines, or runs tests
ROOTS = {
    "psql", "export",
    "useradd", "python3", "python", "/opt/ledger/bin/pip", "systemctl", "apt-get", "make", ".venv/bin/python",
}  # fmt: skip

pytestmark = pytest.mark.slow


class Block(NamedTuple):
    language: str
    line: int
    text: str


def blocks(document: Path) -> Iterator[Block]:
    """The fenced blocks of a document, in order."""
    lines = iter(enumerate(document.read_text(encoding="utf-8").splitlines(), start=1))
    for number, line in lines:
        if fence := re.fullmatch(r"\s*```(\w*)", line):
            inside = []
            for _, text in lines:
                if text.strip() == "```":
                    break
                inside.append(text)
            yield Block(fence[1], number, "\n".join(inside) + "\n")


def session(document: Path, port: int) -> str:
    """All that a document says to run, as one script that tells where it is."""
    said = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for block in blocks(document):
        if block.language == RUN:
            said += [f"echo '--- {document.name}:{block.line}' >&2", block.text]
    return "\n".join(said).replace(":8000", f":{port}").replace("--port 8000", f"--port {port}")


def of(language: str) -> list[Path]:
    return [one for one in DOCUMENTS if any(block.language == language for block in blocks(one))]


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """What a reader has on the PATH: python, make, and the client programs of PostgreSQL."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (folder / "make").write_text(f"""#!/bin/sh
case "$1" in
demo) python -m ledger demo --people 5 --port "$DOCUMENTS_PORT" &
  ready="http://127.0.0.1:$DOCUMENTS_PORT/readyz"
  until curl --silent --fail --output /dev/null "$ready"; do sleep 0.1; done ;;
*) exec {shutil.which("make")} --dry-run --directory {ROOT} "$@" >/dev/null ;;
esac
""")
    for program in folder.iterdir():
        program.chmod(0o755)
    for client in ("psql", "createdb", "createuser", "dropdb", "pg_dump", "pg_restore"):
        (folder / client).symlink_to(find_bin_directory() / client)
    return folder


@pytest.mark.postgres
@pytest.mark.parametrize("document", of(RUN), ids=lambda one: one.name)
def test_what_a_document_says_works(document: Path, tools: Path, tmp_path: Path) -> None:
    where = tmp_path / "reader"
    where.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Server() as server:
        url = make_url(server.url("postgres"))
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("LEDGER_", "PG"))}
        said = tmp_path / "said"
        with said.open("wb") as output:
            shell = subprocess.Popen(
                ["bash", "-c", session(document, port)],
                cwd=where,
                env=clean
                | {
                    "PATH": f"{tools}:{os.environ['PATH']}",
                    "PGHOST": str(url.query["host"]),
                    "PGUSER": "postgres",
                    "DOCUMENTS_PORT": str(port),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            code = shell.wait(SECONDS_MAX)
        finally:
            # what it has started ends with it
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
    assert code == 0, said.read_text(errors="replace")[-4000:]


@pytest.mark.sqlite
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: one.name)
def test_a_block_is_run_or_says_why_it_is_not(document: Path) -> None:
    for block in blocks(document):
        assert block.language in {RUN, *LOOKED_AT}, f"{document.name}:{block.line}"
        if block.language == "console":
            for line in block.text.splitlines():
                program = line.removeprefix("# ").removeprefix("$ ").split()[0]
                assert line[:2] in {"# ", "$ "}, f"{document.name}:{block.line}"
                assert program in ROOTS, f"{document.name}:{block.line}: {program}"
        elif not block.language:
            # a command without a mark would be run by nobody
            assert "python -m ledger" not in block.text, f"{document.name}:{block.line}"


@pytest.mark.sqlite
def test_every_command_stands_in_the_table_of_operations_and_no_other() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = text[text.index("## Commands") : text.index("## Long runs")]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    told = {
        name
        for row in rows
        for name in re.findall(r"`(?:python -m ledger )?([a-z][a-z-]+)", row.split("|")[1])
    }
    assert told == {command.name for command in app.registered_commands}


@pytest.mark.sqlite
def test_every_scope_stands_in_operations_and_no_other() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    told = re.search(r"`scope` is a list out of `([^`]+)`", text)
    assert told is not None
    assert sorted(told[1].split()) == sorted(SCOPES)


@pytest.mark.sqlite
def test_every_check_of_the_doctor_stands_in_operations() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = text[text.index("## The doctor") : text.index("## Keys")]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    told = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])}
    assert told == {*OF_ALL, *(name for names in OF.values() for name in names), "of_database"}


@pytest.mark.sqlite
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: one.name)
def test_the_calls_in_prose_are_calls(document: Path) -> None:
    """A command that stands in a sentence or a table takes what it is given there."""
    takes = typer.main.get_command(app)
    for call in re.findall(r"`python -m ledger ([^`]+)`", document.read_text(encoding="utf-8")):
        name, *words = shlex.split(call)
        if name.startswith("--") or "--help" in words:
            continue
        assert name in takes.commands, call  # type: ignore[attr-defined]  # a group has them
        if words and words != ["…"]:
            given = {"FILE…": "none", "FILE": "none", "CODE": "none", "URL": "none", "AREA": "990100"}
            command = takes.commands[name]  # type: ignore[attr-defined]  # the same
            command.make_context(name, [given.get(word, word) for word in words], resilient_parsing=False)


@pytest.mark.sqlite
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: one.name)
def test_a_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        file, _, place = target.partition("#")
        if "://" in target:
            continue
        there = document.parent / file if file else document
        assert there.exists(), target
        if place:
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert place in {re.sub(r"[^\w\- ]", "", one).lower().replace(" ", "-") for one in headings}, (
                target
            )
