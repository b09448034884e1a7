"""A backup brought back and held against the heads that were written down before it was made."""

from __future__ import annotations

import base64
import gzip
import json
import os
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url
from typer.testing import CliRunner

from ledger.__main__ import app
from ledger.accounts.spending import Spend
from ledger.book.numbers import account_no, has_account, new_book_id
from ledger.chart.parties import Party
from ledger.chart.registers import Register
from ledger.database.engines import connect, reading
from ledger.operations.heads import HeadsProblem, compare, read_heads
from ledger.operations.restoring import SQLITE_MAGIC
from ledger.posting.registers import open_registers
from ledger.verify.registered import REGISTERS
from tests.support.people import World
from tests.support.postgres import find_bin_directory

Makes = Callable[[bool], str]
ACCOUNTS = 5
# and the registers', which `migrate` opens
BOOKS = ACCOUNTS + len(Register)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys that a World seals with, as files; the client programs of PostgreSQL on the PATH."""
    for name in [name for name in os.environ if name.startswith("LEDGER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("ledger.operations.drill.tune_process", lambda: None)
    keys = tmp_path / "data" / "keys"
    keys.mkdir(parents=True, mode=0o700)
    for name, key in (("seal-1.key", bytes(range(32))), ("index.key", bytes(range(32, 64)))):
        (keys / name).write_bytes(base64.b64encode(key))
        (keys / name).chmod(0o600)
    monkeypatch.setenv("LEDGER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", f"{find_bin_directory()}:{os.environ['PATH']}")


@pytest.fixture
def world(environment: None, fresh_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    engine = connect(fresh_url)
    world = World(engine)
    with engine.connect() as connection:
        open_registers(connection, REGISTERS, world.now)
    for _ in range(ACCOUNTS):
        world.open(opening=(0, 100_000))
    yield world
    engine.dispose()


@pytest.fixture
def target(new_database: Any, database_leg: str, tmp_path: Path) -> Iterator[str]:
    """Where to restore into: an empty database, or the name of a file that is not there."""
    if database_leg == "sqlite":
        yield f"sqlite:///{tmp_path / 'restored.db'}"
        return
    url = new_database(False)
    yield url
    new_database.drop(url)


def run(*arguments: object) -> tuple[int, dict[str, Any], str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, json.loads(done.stdout), done.stderr


def heads_of(tmp_path: Path) -> Path:
    done = CliRunner().invoke(app, ["heads"])
    assert done.exit_code == 0, done.stderr
    file = tmp_path / "heads.json"
    file.write_text(done.stdout)
    return file


def back_up(engine: Engine, to: Path, *options: str) -> Path:
    """A backup as the documents tell operators to make one."""
    if engine.dialect.name == "sqlite":
        with (
            closing(sqlite3.connect(str(engine.url.database))) as source,
            closing(sqlite3.connect(to)) as copy,
        ):
            source.backup(copy)
        return to
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    options = options or ("--format=custom",)
    command = [str(find_bin_directory() / "pg_dump"), "--dbname", url, *options, "--file", str(to)]
    subprocess.run(command, check=True, capture_output=True)
    return to


def spend(world: World, book: int, fen: int = 100) -> None:
    world.one(Spend(book, fen, world.today, "H0001", world.ref()))


def books(engine: Engine) -> list[int]:
    """The accounts."""
    with reading(engine) as connection:
        found = connection.exec_driver_sql("SELECT book_id FROM book ORDER BY book_id").scalars()
        return [book_id for book_id in found if has_account(book_id)]


# -- what is whole -----------------------------------------------------------------------------------------


def test_a_backup_comes_back_whole(world: World, target: str, tmp_path: Path) -> None:
    heads = heads_of(tmp_path)
    first = books(world.engine)[0]
    spend(world, first)
    spend(world, first)
    world.open()
    backup = back_up(world.engine, tmp_path / "backup")
    code, said, _ = run("drill", "--backup", backup, "--into", target, "--heads", heads)
    assert (code, said["ok"], said["keys"], said["findings_total"]) == (0, True, "ok", 0)
    assert said["books"] == BOOKS + 1
    # the account, and the register of runs: of the two that `migrate` did with the copy, both ends are told
    assert said["heads"] == {
        "books": BOOKS, "same": BOOKS - 2, "newer": 2, "entries_newer": 2 + 4, "new_books": 1,
        "missing": 0, "different": 0, "examples": [],
    }  # fmt: skip
    assert said["revision"]["backup"] == said["revision"]["now"]
    assert set(said["seconds"]) == {"restore", "migrate", "verify", "heads", "all"}


def test_the_heads_are_one_object(world: World, tmp_path: Path) -> None:
    told = json.loads(heads_of(tmp_path).read_text())
    assert (told["format"], told["books"], len(told["heads"])) == (1, BOOKS, BOOKS)
    accounts = [(seq, len(digest)) for number, seq, digest in told["heads"] if number[0] == "P"]
    assert accounts == [(1, 64)] * ACCOUNTS
    assert told["entries"] == sum(seq for _number, seq, _digest in told["heads"])


def test_an_empty_ledger_has_heads_too(
    environment: None, fresh_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = fresh_engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("LEDGER_DATABASE_URL", url)
    heads = heads_of(tmp_path)
    assert json.loads(heads.read_text())["heads"] == []
    with reading(fresh_engine) as connection:
        assert compare(connection, read_heads(heads)).whole


@pytest.mark.slow
def test_a_backup_made_under_load_is_whole(world: World, target: str, tmp_path: Path) -> None:
    accounts = books(world.engine)
    done = threading.Event()
    posted: list[int] = []

    def post_on() -> None:
        while not done.is_set():
            spend(world, accounts[len(posted) % ACCOUNTS], 1)
            posted.append(1)

    poster = threading.Thread(target=post_on)
    poster.start()
    try:
        while len(posted) < 3:
            done.wait(0.01)
        heads = heads_of(tmp_path)
        before = len(posted)
        while len(posted) < before + 3:
            done.wait(0.01)
        backup = back_up(world.engine, tmp_path / "backup")
    finally:
        done.set()
        poster.join()
    code, said, err = run("drill", "--backup", backup, "--into", target, "--heads", heads)
    assert (code, said["ok"]) == (0, True), err
    assert said["heads"]["missing"] == said["heads"]["different"] == 0
    assert said["heads"]["entries_newer"] >= 2


@pytest.mark.postgres
@pytest.mark.parametrize("form", ["plain", "packed", "tar", "directory"])
def test_every_form_of_a_dump_comes_back(world: World, target: str, tmp_path: Path, form: str) -> None:
    backup = tmp_path / "backup"
    back_up(world.engine, backup, f"--format={'plain' if form == 'packed' else form}")
    if form == "packed":
        (tmp_path / "backup.gz").write_bytes(gzip.compress(backup.read_bytes()))
        backup = tmp_path / "backup.gz"
    code, said, err = run("drill", "--backup", backup, "--into", target)
    assert (code, said.get("books")) == (0, BOOKS), err
    assert said["heads"] is None


# -- what is not -------------------------------------------------------------------------------------------


def test_an_older_backup_lacks_entries(world: World, target: str, tmp_path: Path) -> None:
    backup = back_up(world.engine, tmp_path / "backup")
    first = books(world.engine)[0]
    spend(world, first)
    world.open()
    heads = heads_of(tmp_path)
    code, said, err = run("drill", "--backup", backup, "--into", target, "--heads", heads)
    assert (code, said["ok"]) == (1, False)
    assert (said["heads"]["missing"], said["heads"]["same"], said["heads"]["new_books"]) == (2, BOOKS - 2, 0)
    assert len(said["heads"]["examples"]) == 2
    assert "2 are not whole" in err


def test_another_history_is_seen(world: World, tmp_path: Path) -> None:
    heads = heads_of(tmp_path)
    told = heads.read_text().splitlines(keepends=True)
    told[2] = told[2][:-67] + ("0" if told[2][-67] != "0" else "1") + told[2][-66:]
    heads.write_text("".join(told))
    for longer in (False, True):
        if longer:
            for book in books(world.engine):
                spend(world, book)
        with reading(world.engine) as connection:
            found = compare(connection, read_heads(heads))
        assert (found.different, found.missing, found.whole) == (1, 0, False)
        # the third of the books is that of a register, and no account
        assert (found.same, found.newer) == ((len(Register) - 1, ACCOUNTS) if longer else (BOOKS - 1, 0))


@pytest.mark.parametrize("spoil", ["cut", "empty", "other", "number", "binary"])
def test_heads_that_cannot_be_read(world: World, tmp_path: Path, spoil: str) -> None:
    heads = heads_of(tmp_path)
    text = heads.read_text()
    lines = text.splitlines(keepends=True)
    heads.write_bytes(
        {
            "cut": "".join(lines[:-2]).encode(),
            "empty": b"",
            "other": b'{"books": 1}\n',
            "number": text.replace(lines[1][2:16], "P0000000000000").encode(),
            "binary": bytes(range(256)),
        }[spoil]
    )
    with reading(world.engine) as connection, pytest.raises(HeadsProblem, match=r"heads\.json: "):
        compare(connection, read_heads(heads))


@pytest.mark.parametrize(
    "line",
    [
        "[null, 3, {digest}]", "[5, 3, {digest}]", "[{book}, [], {digest}]", "[{book}, null, {digest}]",
        "[{book}, 1e999, {digest}]", "[{book}, 1.0, {digest}]", '[{book}, "3", {digest}]',
        "[{book}, true, {digest}]", "[{book}, 3, 5]", "[{book}, 3, null]", "[{book}, 3, []]",
        '[{book}, 3, "x"]', "[{book}, 3]", "[{book}, 3, {digest}, 4]", "[]", "[[[]]]", '["P", 3, {digest}]',
        "[" * 990, "[{book}, 0, {digest}]", "[{book}, -1, {digest}]", "[{book}, 2147483648, {digest}]",
        f"[{{book}}, -{'9' * 30}, {{digest}}]", f"[{{book}}, {'9' * 30}, {{digest}}]",
    ],
)  # fmt: skip
@pytest.mark.sqlite
def test_a_head_that_is_none_is_said_in_one_line(tmp_path: Path, line: str) -> None:
    book, digest = f'"{account_no(new_book_id(Party.PERSON))}"', f'"{"ab" * 32}"'
    file = tmp_path / "heads.json"
    head = '{"format": 1, "heads": [\n'
    file.write_text(f'{head}[{book}, 3, {digest}]\n], "books": 1}}\n')
    assert [one.seq for one in read_heads(file)] == [3]
    said = line.replace("{book}", book).replace("{digest}", digest)
    file.write_text(f'{head}{said}\n], "books": 1}}\n')
    with pytest.raises(HeadsProblem, match="not made by"):
        list(read_heads(file))


def test_nothing_is_overwritten(world: World, fresh_url: str, tmp_path: Path) -> None:
    backup = back_up(world.engine, tmp_path / "backup")
    spend(world, books(world.engine)[0])
    before = heads_of(tmp_path).read_text()
    code, said, _ = run("drill", "--backup", backup, "--into", fresh_url)
    assert (code, said["code"]) == (1, "not_ready")
    assert "overwrites nothing" in said["problem"]
    assert heads_of(tmp_path).read_text().split('"taken_at"')[0] == before.split('"taken_at"')[0]


@pytest.mark.slow
@pytest.mark.parametrize("spoil", ["cut", "text", "packed and cut", "empty", "plain and cut", "other kind"])
def test_what_is_no_backup_is_said_in_one_line(
    world: World, target: str, database_leg: str, tmp_path: Path, spoil: str
) -> None:
    backup = tmp_path / "backup"
    plain = ("--format=plain",) if "plain" in spoil or "packed" in spoil else ()
    whole = back_up(world.engine, tmp_path / "whole", *plain).read_bytes()
    if spoil in {"cut", "plain and cut"}:
        backup.write_bytes(whole[: len(whole) * 2 // 3])
    elif spoil == "packed and cut":
        backup.write_bytes(gzip.compress(whole)[:-100])
    elif spoil == "other kind":
        backup.write_bytes(b"PGDMP" if database_leg == "sqlite" else SQLITE_MAGIC)
    else:
        backup.write_bytes(b"" if spoil == "empty" else b"no backup\n" * 100)
    code, said, err = run("drill", "--backup", backup, "--into", target)
    assert (code, said["code"]) == (1, "not_ready")
    assert err.count("\n") == 2, err
    # nothing of it is kept: the whole one goes into the same place
    (tmp_path / "again").write_bytes(whole)
    assert run("drill", "--backup", tmp_path / "again", "--into", target)[0] == 0


@pytest.mark.sqlite
def test_a_database_in_use_is_no_backup(world: World, target: str, tmp_path: Path) -> None:
    backup = back_up(world.engine, tmp_path / "backup")
    (tmp_path / "backup-wal").touch()
    code, said, _ = run("drill", "--backup", backup, "--into", target)
    assert (code, "in use" in said["problem"]) == (1, True)


@pytest.mark.parametrize(
    "into", ["mysql://h/d", "no url", "sqlite://", "postgresql+psycopg://h", "postgresql://h:port/d"]
)
def test_a_target_that_is_none(environment: None, tmp_path: Path, into: str) -> None:
    (tmp_path / "backup").write_bytes(SQLITE_MAGIC)
    code, said, _ = run("drill", "--backup", tmp_path / "backup", "--into", into)
    assert (code, said["code"], said["problem"].startswith("--into is")) == (2, "usage", True)


@pytest.mark.parametrize("what", ["no backup", "no heads", "cut heads", "other heads", "a folder of heads"])
def test_what_is_no_drill_is_said_before_anything_is_done(
    world: World, target: str, tmp_path: Path, what: str
) -> None:
    backup, heads = back_up(world.engine, tmp_path / "backup"), heads_of(tmp_path)
    if what == "no backup":
        backup = tmp_path / "nothing"
    elif what == "cut heads":
        heads.write_text(heads.read_text()[:-100])
    elif what == "other heads":
        heads.write_text("{}")
    else:
        heads = tmp_path if "folder" in what else tmp_path / "nothing"
    call = ("drill", "--into", target, "--backup")
    code, said, err = run(*call, backup, "--heads", heads)
    assert (code, said["code"], err.count("\n")) == (2, "usage", 1), err
    assert ("--backup" if what == "no backup" else "--heads") in said["problem"]
    # nothing was restored: the whole one goes into the same place
    assert run(*call, tmp_path / "backup")[0] == 0


@pytest.mark.postgres
def test_a_password_stands_in_no_argument(
    environment: None, tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "pg_restore"
    program.write_text('#!/bin/sh\necho "error: $PGPASSWORD in the environment, arguments: $*" >&2; exit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (tmp_path / "backup").write_bytes(b"PGDMP")
    into = make_url(target).set(password="secret%41").render_as_string(hide_password=False)
    _, said, err = run("drill", "--backup", tmp_path / "backup", "--into", into)
    assert "error: secret%41 in the environment" in said["problem"]
    assert "secret" not in err.split("arguments:")[1]
