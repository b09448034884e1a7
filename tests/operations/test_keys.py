"""The keys belong to the database: with others nothing works, and what was done with others is found."""
# ruff: noqa: F811  the fixtures that stand in test_cli are arguments here

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from ledger import tables
from ledger.access.tokens import create_signing_key
from ledger.database.engines import connect
from ledger.people import persons
from ledger.people.sealing import KeysDiffer, are_other_keys, check_keys, record_keys
from ledger.vault import Keyring
from ledger.verify import verify
from tests.operations.test_cli import Answer, run  # noqa: F401  a fixture
from tests.support.api_client import running
from tests.support.people import (
    DOCUMENT_KEY,
    INDEX_KEY,
    KEYRING,
    SEAL_KEY,
    Someone,
    SomeoneFactory,
    World,
    write_keys,
)
from tests.support.second_numbers import add_alias

NOW = datetime(2026, 11, 28, 4, 0, tzinfo=UTC)
OTHER, THIRD = b"o" * 32, b"t" * 32
# what is in the key directory, and what is said of it
WRONG: dict[str, tuple[dict[str, bytes], str]] = {
    "all others": ({"index": OTHER, "seal_1": OTHER}, "index.key is another key"),
    "another index key": ({"index": OTHER, "seal_1": SEAL_KEY}, "index.key is another key"),
    "another sealing key": ({"seal_1": OTHER}, "seal-1.key is another key"),
    "the two changed about": ({"index": SEAL_KEY, "seal_1": INDEX_KEY}, "index.key is another key"),
    "the sealing key renamed": ({"seal_2": SEAL_KEY}, "seal-1.key is missing"),
    "a new one instead": ({"seal_2": OTHER}, "seal-1.key is missing"),
}
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("migrate",),
    ("serve", "--port", "0"),
    ("import", "none.csv"),
    ("import", "none.csv", "--preview"),
    ("declare", "91999999000000001K", "2026-09", "none.csv"),
    ("year-end", "2024", "--area", "990100"),
    ("retiree-credits", "2026-09", "--area", "990100"),
    ("annual-settlement", "--year", "2024", "--area", "990100"),
    ("estimates", "2026-09", "--area", "990100"),
    ("sweep",),
    ("verify",),
    ("demo", "--port", "0", "--people", "0"),
)


def recorded(engine: Engine) -> dict[str, bytes]:
    with engine.connect() as connection:
        table = tables.key_fingerprint.c
        return {name: bytes(told) for name, told in connection.execute(select(table.name, table.fingerprint))}


def forget(engine: Engine) -> None:
    """As a database of before: without the table's rows, which no statement of the service takes away."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE key_fingerprint DISABLE TRIGGER USER"))
            connection.execute(text("DELETE FROM key_fingerprint"))
            connection.execute(text("ALTER TABLE key_fingerprint ENABLE TRIGGER USER"))
        else:
            [made] = connection.scalars(
                text("SELECT sql FROM sqlite_master WHERE name = 'key_fingerprint_no_delete'")
            )
            connection.execute(text("DROP TRIGGER key_fingerprint_no_delete"))
            connection.execute(text("DELETE FROM key_fingerprint"))
            connection.exec_driver_sql(made)


@pytest.fixture
def restored(
    run: Callable[..., Answer], fresh_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[World]:
    """A database with people in it, as a dump that was just restored beside some data directory."""
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    monkeypatch.setenv("LEDGER_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    engine = connect(fresh_url)
    world = World(engine)
    world.open(opening=(0, 10_000))
    yield world
    engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False], ids=["with fingerprints", "of an older version"])
@pytest.mark.parametrize("wrong", WRONG)
def test_nothing_works_with_other_keys(
    run: Callable[..., Answer], restored: World, tmp_path: Path, wrong: str, known: bool
) -> None:
    engine = restored.engine
    keys = tmp_path / "data/keys"
    if known:
        with engine.connect() as connection:
            record_keys(connection, KEYRING, NOW)
    there, says = WRONG[wrong]
    write_keys(keys, **there)
    create_signing_key(keys)
    for command in COMMANDS:
        answer = run(*command)
        assert (answer.code, answer.json["code"]) == (2, "keys_differ"), command
        assert answer.err.count("\n") == 1
        assert "put back the key directory" in answer.err
        assert (says if known else "the keys are not those") in answer.err
    assert recorded(engine) == (KEYRING.fingerprints if known else {}), "and nothing was written down"
    # put back as it was
    shutil.rmtree(keys)
    write_keys(keys)
    for command in (("migrate",), ("sweep",), ("verify",)):
        assert run(*command).code == 0, command
    assert recorded(engine) == KEYRING.fingerprints


def test_a_database_with_people_is_not_opened_without_keys(
    run: Callable[..., Answer], restored: World, tmp_path: Path
) -> None:
    for command in COMMANDS:
        if command[0] == "demo":
            continue
        answer = run(*command)
        assert (answer.code, answer.json["code"]) == (2, "keys_invalid"), command
        assert str(tmp_path / "data/keys") in answer.err
    assert recorded(restored.engine) == {}
    # the demo makes keys that are not there, and they are not the database's
    answer = run("demo", "--data", tmp_path / "data", "--port", "0", "--people", 0)
    assert (answer.code, answer.json["code"]) == (2, "keys_differ")


@pytest.mark.parametrize("knows", ["people", "fingerprints", "both"])
def test_lost_keys_are_put_back_and_not_made_anew(
    run: Callable[..., Answer], fresh_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, knows: str
) -> None:
    """With new ones nobody would be found and nothing opened, so nobody is told to make some."""
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    monkeypatch.setenv("LEDGER_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    keys, engine = tmp_path / "data/keys", connect(fresh_url)
    if knows != "fingerprints":
        World(engine).open()
    if knows != "people":
        with engine.connect() as connection:
            record_keys(connection, KEYRING, NOW)
    engine.dispose()
    for there in ((), ("index.key",), ("seal-1.key",)):
        shutil.rmtree(keys, ignore_errors=True)
        if there:
            write_keys(keys)
        for file in keys.glob("*.key"):
            if file.name not in there:
                file.unlink()
        for command in COMMANDS:
            if command[0] != "demo":
                answer = run(*command)
                assert (answer.code, answer.json["code"]) == (2, "keys_invalid"), command
                assert "makes new ones" not in answer.err
                assert "put back the key directory that belongs to it" in answer.err
        for command in (("keys",), ("keys", "--signing")):
            answer = run(*command)
            assert (answer.code, answer.json["code"]) == (2, "keys_invalid")
            assert "put back the key directory that belongs to it" in answer.err
        assert {file.name for file in keys.glob("*")} == set(there), "nothing was made"
    # those that are there and may not be used as they are: no others are needed
    write_keys(keys)
    (keys / "seal-1.key").chmod(0o640)
    exposed = run("sweep")
    assert (exposed.code, exposed.json["code"]) == (2, "keys_invalid")
    assert f"chmod 600 {keys / 'seal-1.key'}" in exposed.err
    assert "put back" not in exposed.err
    (keys / "seal-1.key").chmod(0o600)
    # the database of another installation is none of it
    monkeypatch.delenv("LEDGER_DATABASE_URL")
    assert run("keys", "--data", tmp_path / "other").json["made"] == [
        "document-1.key",
        "index.key",
        "seal-1.key",
    ]
    # and whole ones are looked at by nobody: a key that signs joins them
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    write_keys(keys)
    assert "token-signing.pem" in run("keys", "--signing").json["made"]


def test_new_keys_are_spoken_of_only_where_they_help(
    run: Callable[..., Answer], fresh_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    monkeypatch.setenv("LEDGER_DATA", str(tmp_path))
    keys = tmp_path / "keys"
    assert "`keys` makes new ones" in run("sweep").err
    write_keys(keys)
    (keys / "index.key").chmod(0o644)
    assert "makes new ones" not in run("sweep").err
    (keys / "index.key").unlink()
    assert "makes new ones" not in run("sweep").err
    write_keys(keys)
    (keys / "seal-1.key").write_text("no base64!")
    assert "makes new ones" not in run("sweep").err
    # what cannot be asked may have people
    shutil.rmtree(keys)
    monkeypatch.setenv("LEDGER_DATABASE_URL", "postgresql+psycopg://u@127.0.0.1:1/d")
    assert "makes new ones" not in run("sweep").err
    assert run("keys").code == 0, "the keys come first, before there is a database"


def test_migrating_says_whose_keys_are_written_down(
    run: Callable[..., Answer], empty_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", empty_url)
    monkeypatch.setenv("LEDGER_DATA", str(tmp_path))
    without = run("migrate")
    assert (without.code, without.json["keys"]) == (0, [])
    assert "no keys are written down" in without.err
    assert "python -m ledger keys" in without.err
    assert run("keys").code == 0
    assert run("migrate").json["keys"] == ["document-1.key", "index.key", "seal-1.key"]
    assert run("migrate").err == ""


def test_keys_of_a_fresh_database_are_written_down_once(
    run: Callable[..., Answer], empty_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", empty_url)
    monkeypatch.setenv("LEDGER_DATA", str(tmp_path))
    engine = connect(empty_url)
    assert run("migrate").code == 0
    assert recorded(engine) == {}, "there are no keys yet"
    write_keys(tmp_path / "keys")
    assert run("verify").code == 0
    assert recorded(engine) == {}, "who only looks writes nothing"
    assert run("migrate").code == 0
    assert recorded(engine) == KEYRING.fingerprints
    write_keys(tmp_path / "keys", index=OTHER)
    assert run("migrate").json["code"] == "keys_differ"
    engine.dispose()


def test_a_rotated_key_is_added_and_then_belongs_to_it(
    run: Callable[..., Answer], restored: World, tmp_path: Path
) -> None:
    keys, engine = tmp_path / "data/keys", restored.engine
    write_keys(keys)
    assert run("sweep").code == 0
    write_keys(keys, seal_2=OTHER)
    assert run("verify").code == 0
    assert set(recorded(engine)) == {"document-1.key", "index.key", "seal-1.key"}
    assert run("sweep").code == 0
    rotated = Keyring({1: SEAL_KEY, 2: OTHER}, INDEX_KEY, {1: DOCUMENT_KEY})
    assert recorded(engine) == rotated.fingerprints
    (keys / "seal-2.key").unlink()
    missing = run("sweep")
    assert (missing.code, missing.json["code"]) == (2, "keys_differ")
    assert "seal-2.key is missing" in missing.err
    # another machine that rotated on its own
    write_keys(keys, seal_2=THIRD)
    assert "seal-2.key is another key" in run("sweep").err
    # an older key that never sealed anything is nothing to the database
    write_keys(keys, seal_2=OTHER)
    forget(engine)
    with engine.connect() as connection:
        record_keys(connection, Keyring({1: SEAL_KEY, 2: OTHER, 3: THIRD}, INDEX_KEY), NOW)
    assert set(recorded(engine)) == {"index.key", "seal-1.key", "seal-3.key"}


def test_a_key_that_signs_documents_belongs_to_the_database(
    run: Callable[..., Answer], restored: World, tmp_path: Path
) -> None:
    """As those that seal: a new one is added, an older one stays, and another of the same name is found."""
    keys, engine = tmp_path / "data/keys", restored.engine
    write_keys(keys)
    (keys / "document-1.key").unlink()
    # of before there were documents: it works, and prints nothing until `keys` has made one
    assert run("sweep").code == 0
    assert set(recorded(engine)) == {"index.key", "seal-1.key"}
    assert run("keys").json["made"] == ["document-1.key"]
    assert run("sweep").code == 0
    assert set(recorded(engine)) == {"document-1.key", "index.key", "seal-1.key"}
    # lost, it is not made anew: nobody could verify with the new one what the lost one signed
    first = (keys / "document-1.key").read_bytes()
    (keys / "document-1.key").unlink()
    lost = run("keys")
    assert (lost.code, lost.json["code"]) == (2, "keys_invalid")
    assert "put it back" in lost.err
    assert "document-1.key is missing" in run("sweep").err
    write_keys(keys, document_1=OTHER)
    assert "document-1.key is another key" in run("sweep").err
    (keys / "document-1.key").write_bytes(first)
    write_keys(keys, document_2=OTHER)
    assert run("sweep").code == 0
    assert set(recorded(engine)) == {"document-1.key", "document-2.key", "index.key", "seal-1.key"}


def test_what_was_sealed_by_several_keys_is_proven_for_each(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    world.open()
    world.keyring = Keyring({1: SEAL_KEY, 2: OTHER}, INDEX_KEY)
    world.open()
    good = Keyring({1: SEAL_KEY, 2: OTHER, 3: THIRD}, INDEX_KEY)
    for wrong in (
        Keyring({1: SEAL_KEY, 2: THIRD}, INDEX_KEY),
        Keyring({1: THIRD, 2: OTHER}, INDEX_KEY),
        Keyring({1: SEAL_KEY}, INDEX_KEY),
        Keyring({1: SEAL_KEY, 2: OTHER}, THIRD),
    ):
        with fresh_engine.connect() as connection, pytest.raises(KeysDiffer):
            record_keys(connection, wrong, NOW)
    assert recorded(fresh_engine) == {}
    with fresh_engine.connect() as connection:
        record_keys(connection, good, NOW)
        assert recorded(fresh_engine) == good.fingerprints
        with connection.begin():
            check_keys(connection, good)


def test_a_line_of_a_list_tells_of_its_key(fresh_engine: Engine) -> None:
    """Without any person the index key proves itself by nothing, and the sealing key by what it sealed."""
    from tests.house.test_schema import GOOD, prepared

    with fresh_engine.begin() as connection:
        prepared(connection, "declared_line")
        book = GOOD["declared_line"]["book_id"]
        sealed = persons.seal_sent("119999198503140015", book, 1, KEYRING)
        row = {**GOOD["declared_line"], "number_sealed": sealed}
        connection.execute(tables.declared_line.insert(), row)
    with fresh_engine.connect() as connection:
        with pytest.raises(KeysDiffer, match="line of a list"):
            record_keys(connection, Keyring({1: OTHER}, INDEX_KEY), NOW)
        record_keys(connection, KEYRING, NOW)


def test_of_two_first_starts_with_different_keys_one_has_the_database(fresh_engine: Engine) -> None:
    rings = [
        KEYRING,
        Keyring({1: SEAL_KEY}, OTHER),
        Keyring({1: OTHER}, INDEX_KEY),
        Keyring({2: OTHER}, THIRD),
        KEYRING,
    ]
    start = threading.Barrier(len(rings))
    became: list[bool | None] = [None] * len(rings)

    def begin(place: int) -> None:
        with fresh_engine.connect() as connection:
            start.wait()
            try:
                record_keys(connection, rings[place], NOW)
                became[place] = True
            except KeysDiffer:
                became[place] = False

    threads = [threading.Thread(target=begin, args=(place,)) for place in range(len(rings))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    there = recorded(fresh_engine)
    winners = [ring for ring, had in zip(rings, became, strict=True) if had]
    assert winners, became
    assert all(ring.fingerprints == there for ring in winners), "one set of keys, and nothing of another"
    assert sum(1 for ring in rings if ring.fingerprints == there) == len(winners)


def test_a_running_service_is_not_ready_over_another_database(fresh_engine: Engine, tmp_path: Path) -> None:
    with running(fresh_engine, tmp_path) as client:
        assert client.get("/readyz").status_code == 200
        with fresh_engine.connect() as connection:
            record_keys(connection, KEYRING, NOW)
            assert not are_other_keys(connection, KEYRING)
        assert client.get("/readyz").status_code == 200
        # the key directory is swapped: the service goes on with its own, which are the database's
        write_keys(tmp_path / "keys", index=OTHER)
        assert client.get("/readyz").status_code == 200
        # another database is restored under it
        forget(fresh_engine)
        with fresh_engine.connect() as connection:
            record_keys(connection, Keyring({1: SEAL_KEY}, OTHER), NOW)
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "keys_differ")
        assert answer.headers["Retry-After"]
        assert client.get("/livez").status_code == 200


# -- what happened before it was noticed ---------------------------------------------------------------------


def opened_twice(world: World, someone: Someone, index: bytes = OTHER) -> tuple[int, int]:
    """The same person, opened under the right keys and then under another index key."""
    first = world.open(someone, opened_on=date(2026, 1, 1))
    right, world.keyring = world.keyring, Keyring({1: SEAL_KEY}, index)
    second = world.open(someone, opened_on=date(2026, 1, 1))
    world.keyring = right
    return first, second


def test_verify_finds_who_is_there_twice(run: Callable[..., Answer], restored: World, tmp_path: Path) -> None:
    write_keys(tmp_path / "data/keys")
    assert run("verify").json["ok"]
    # from here on it is known whose keys it has; else the oldest row is asked, and all are equally old
    assert run("migrate").code == 0
    twin, lonely = SomeoneFactory(), SomeoneFactory()
    first, second = opened_twice(restored, twin)
    right, restored.keyring = restored.keyring, Keyring({1: SEAL_KEY}, OTHER)
    lost = restored.open(lonely)
    restored.keyring = right
    answer = run("verify")
    assert (answer.code, answer.json["ok"]) == (1, False)
    names = {book: persons_name(book) for book in (first, second, lost)}
    found = {(one["code"], one["where"]) for one in answer.json["findings"]}
    [pair] = [one for one in answer.json["findings"] if one["code"] == "twin_accounts"]
    assert {pair["where"], pair["what"].rpartition(" ")[2]} == {names[first], names[second]}
    assert found == {
        ("twin_accounts", pair["where"]),
        ("person_not_found", names[second]),
        ("person_not_found", names[lost]),
    }
    assert twin.id_number not in answer.out + answer.err
    assert not verify(restored.engine, keyring=KEYRING, first=lost, last=lost).clean
    book = restored.open(opening=(0, 100))
    assert verify(restored.engine, keyring=KEYRING, first=book, last=book).clean, "others' faults are not its"


def test_verify_finds_twins_of_which_neither_is_found(restored: World) -> None:
    someone = SomeoneFactory()
    right = restored.keyring
    for index in (OTHER, THIRD):
        restored.keyring = Keyring({1: SEAL_KEY}, index)
        restored.open(someone)
    restored.keyring = right
    codes = [finding.code for finding in verify(restored.engine, keyring=KEYRING).findings]
    assert sorted(codes) == ["person_not_found", "person_not_found", "twin_accounts"]


def test_verify_finds_what_was_sealed_with_a_key_that_is_not_here(restored: World) -> None:
    restored.keyring = Keyring({1: OTHER}, INDEX_KEY)
    book = restored.open()
    [finding] = verify(restored.engine, keyring=KEYRING).findings
    assert (finding.code, finding.where) == ("number_does_not_open", persons_name(book))


def test_an_alias_is_no_twin(restored: World) -> None:
    """A second number of the same person (R4) is another number, and the same person."""
    someone, other = SomeoneFactory(), SomeoneFactory()
    restored.open(someone)
    with restored.engine.connect() as connection:
        add_alias(
            connection, KEYRING, known_as=someone.id_number, also=other.id_number,
            now=NOW, today=restored.today,
        )  # fmt: skip
    assert verify(restored.engine, keyring=KEYRING).clean


def persons_name(book: int) -> str:
    from ledger.book.numbers import account_no

    return account_no(book)
