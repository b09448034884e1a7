"""`seal`, `verify --since` and `witness`, as an operator and somebody with a kept checkpoint run them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.accounts.spending import Spend
from ledger.database.engines import connect
from ledger.seals.notes import Verifier, read_checkpoint
from tests.operations.test_drill import run
from tests.seals.written import written
from tests.support.people import World
from tests.support.workers import put_keys
from tests.verify.tampering import run as change
from tests.verify.tampering import with_every_right


@pytest.fixture
def world(tmp_path: Path, fresh_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A ledger of a few books in an installation of its own: the keys that a World seals with, as files."""
    for name in [name for name in os.environ if name.startswith("LEDGER_")]:
        monkeypatch.delenv(name)
    put_keys(tmp_path / "data")
    monkeypatch.setenv("LEDGER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    for module in ("ledger.operations.seals", "ledger.__main__"):
        monkeypatch.setattr(f"{module}.tune_process", lambda: None)
    engine = connect(fresh_url)
    world = World(engine)
    for _ in range(3):
        world.open(opening=(0, 100_000))
    yield world
    engine.dispose()


def counted(world: World) -> tuple[int, int]:
    with world.engine.connect() as connection:
        books, entries = (
            connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in ("book", "entry")
        )
    return books, entries


def spend(world: World) -> None:
    with world.engine.connect() as connection:
        book = connection.exec_driver_sql("SELECT max(book_id) FROM book WHERE last_seq > 0").scalar_one()
    world.one(Spend(book, 100, world.today, "H0001", world.ref()))


def test_a_ledger_is_sealed_held_against_what_was_kept_and_witnessed(world: World, tmp_path: Path) -> None:
    data, state = tmp_path / "data", tmp_path / "witness"
    seals = data / "seals"
    # three accounts, and the registers of policies, callers and institutions
    books, entries = counted(world)
    assert books == 3 + 3
    assert run("seal") == (
        0, {"size": 1, "added": True, "books": books, "entries": entries, "seals": str(seals)}, ""
    )  # fmt: skip
    assert run("seal")[1]["added"] is False
    kept, key = tmp_path / "kept", tmp_path / "key"
    shutil.copy(seals / "checkpoint", kept)
    shutil.copy(seals / "key", key)
    witnessing = ("witness", "--state", state, "--seals", seals, "--key", key)
    code, said, _ = run(*witnessing)
    assert (code, said["size"], said["before"], said["ok"]) == (0, 1, None, True)
    spend(world)
    assert run("seal")[1]["size"] == 2
    code, said, _ = run("verify", "--since", kept, "--key", key)
    assert code == 0
    assert said == {
        "kept": 1, "size": 2, "books": books, "entries_since": 1, "findings": [], "findings_total": 0,
        "ok": True,
    }  # fmt: skip
    code, said, _ = run(*witnessing)
    assert (code, said["size"], said["before"]) == (0, 2, 1)
    signed = (state / "checkpoint").read_bytes()
    read_checkpoint(signed, Verifier.parse(key.read_text()))[1].check(
        Verifier.parse((state / "key").read_text())
    )
    assert run("verify")[1]["ok"], "and the whole is as it was"


def test_what_was_changed_behind_the_ledger_ends_with_one_and_is_named(world: World, tmp_path: Path) -> None:
    run("seal")
    kept = tmp_path / "data" / "seals" / "checkpoint"
    with with_every_right(world.engine) as connection:
        change(connection, "UPDATE entry SET digest = :d WHERE seq = 1", d=bytes(32))
    code, said, stderr = run("verify", "--since", kept)
    assert (code, said["ok"], said["findings_total"]) == (1, False, 3)
    assert {finding["code"] for finding in said["findings"]} == {"sealed_entry_changed"}
    assert "is another entry than was sealed" in stderr
    spend_refused = run("seal")
    assert spend_refused[0] == 0, "nothing new was written, and nothing is added"
    assert spend_refused[1]["added"] is False


def test_the_key_of_the_log_is_never_made_a_second_time(world: World, tmp_path: Path) -> None:
    run("seal")
    key = tmp_path / "data" / "keys" / "day-log.key"
    assert key.stat().st_mode & 0o077 == 0
    key.unlink()
    spend(world)
    code, said, _ = run("seal")
    assert (code, said["code"]) == (2, "keys_invalid")
    assert "put it back" in said["problem"]
    assert not key.exists()


def test_a_witness_that_is_shown_an_older_log_says_no_and_ends_with_one(world: World, tmp_path: Path) -> None:
    seals, older = tmp_path / "data" / "seals", tmp_path / "older"
    run("seal")
    shutil.copytree(seals, older)
    spend(world)
    run("seal")
    witnessing = ("witness", "--state", tmp_path / "witness", "--key", seals / "key", "--seals")
    assert run(*witnessing, seals)[0] == 0
    code, said, stderr = run(*witnessing, older)
    assert (code, said) == (1, {"ok": False, "problem": "the log has 1 entries, and had 2"})
    assert "had 2" in stderr


def test_a_proof_is_checked_where_there_is_no_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("LEDGER_")]:
        monkeypatch.delenv(name)
    made = written(tmp_path / "data", books=5)
    monkeypatch.chdir(tmp_path)
    proof, key, witness = (tmp_path / name for name in ("proof.json", "log", "witness-key"))
    proof.write_bytes(made.prove(4))
    key.write_text(made.key)
    check = ("proof", "check", proof, "--key", key)
    assert run(*check) == (0, {"ok": True}, "")
    witness.write_text(made.witnessed(tmp_path / "witness"))
    assert run(*check, "--witness", witness)[1] == {
        "ok": False,
        "findings": [
            {"code": "signature_missing", "where": "checkpoint", "what": "a witness has not signed it"}
        ],
    }
    proof.write_bytes(made.prove(4))
    assert run(*check)[0] == 1, "what nobody was told the key of"
    assert run(*check, "--witness", witness) == (0, {"ok": True}, "")
    proof.write_bytes(made.prove(4).replace(b'"year":2025', b'"year":2024'))
    code, said, stderr = run(*check, "--witness", witness)
    assert (code, said["ok"], said["findings"][0]["code"]) == (1, False, "statement_wrong")
    assert stderr.startswith("ledger: statement.year: ")
    assert stderr.count("\n") == 1
    for gone in (("proof", "check", tmp_path / "none", "--key", key), (*check[:4], tmp_path)):
        code, said, stderr = run(*gone)
        assert (code, said["findings"][0]["code"]) == (1, "file_unreadable")
    key.write_bytes(b"\xff")
    assert run(*check)[1]["findings"][0]["code"] == "key_malformed"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("check",),
        ("check", "x"),
        ("check", "--key", "x"),
        ("make", "x", "--key", "x"),
        ("x", "--key", "x"),
    ],
)
def test_a_check_that_names_not_what_it_needs_is_a_wrong_call(arguments: tuple[str, ...]) -> None:
    code, said, _ = run("proof", *arguments)
    assert (code, said["code"]) == (2, "usage")


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--since", "no-such-file"),
        ("verify", "--since", "seals"),
        ("verify", "--since", "pipe"),
        ("verify", "--since", "seals/checkpoint", "--key", "no-such-file"),
        # what stands there is no key
        ("verify", "--since", "seals/checkpoint", "--key", "seals/key"),
        ("witness", "--state", "w", "--seals", "seals", "--key", "seals/key"),
        ("witness", "--state", "w", "--seals", "no-such-folder", "--key", "seals/key"),
        ("witness", "--state", "w", "--seals", "seals", "--key", "no-such-file"),
    ],
)
def test_what_is_not_there_is_a_wrong_call_and_told_in_a_line(
    world: World, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("seal")
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    (tmp_path / "seals").mkdir()
    for name in ("checkpoint", "key"):
        (tmp_path / "seals" / name).write_bytes(b"")
    code, said, stderr = run(*arguments)
    assert (code, said["code"]) == (2, "usage")
    assert stderr.count("\n") == 1


def test_a_key_without_a_checkpoint_to_check_is_a_wrong_call(world: World) -> None:
    code, said, _ = run("verify", "--key", "x")
    assert (code, said["code"]) == (2, "usage")


@pytest.mark.sqlite
def test_what_cannot_be_read_is_told_and_seals_nothing(world: World, tmp_path: Path) -> None:
    """SQLite keeps a text where a number belongs: no command ends in a traceback over it."""
    assert run("seal")[0] == 0
    seals = tmp_path / "data/seals"
    kept = shutil.copy(seals / "checkpoint", tmp_path / "kept")
    with with_every_right(world.engine) as connection:
        change(connection, "UPDATE book SET last_seq = 'x' WHERE book_id = (SELECT max(book_id) FROM book)")
    before = (seals / "checkpoint").read_bytes()
    for command in ("seal", "heads"):
        code, said, _ = run(command)
        assert (code, said["code"]) == (1, "not_ready")
        assert said["problem"].startswith("book.last_seq: ")
    assert (seals / "checkpoint").read_bytes() == before
    code, said, _ = run("verify", "--since", kept)
    assert code == 1
    assert [(one["code"], one["where"]) for one in said["findings"]] == [
        ("value_unreadable", "book.last_seq")
    ]
    code, said, _ = run("verify")
    assert (code, said["findings"][0]["code"]) == (1, "value_unreadable")
