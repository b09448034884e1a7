"""`keys rotate`: all that is sealed under the newest key, killed wherever chance wants it, beside traffic."""

from __future__ import annotations

import itertools
import json
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, LargeBinary, event, select, text, update
from sqlalchemy.exc import DBAPIError

from ledger import tables
from ledger.approvals.waiting import find as find_request
from ledger.approvals.waiting import opened as opened_request
from ledger.database.engines import connect, is_postgresql
from ledger.documents.handing_out import keep
from ledger.operations import resealing
from ledger.operations.cli import tell
from ledger.operations.resealing import count_left, keys_in_use, rotate
from ledger.operations.sealed_columns import SEALED_COLUMNS
from ledger.people.sealing import KeysDiffer, check_keys, record_keys, recorded_names, retire_keys
from ledger.vault import HEADER_BYTES, KeyMissingError, Keyring, KeyringError, carried, carrying, key_named
from ledger.verify import verify
from tests.operations.test_cli import Answer, run  # noqa: F401  a fixture
from tests.support.api_client import NOW, key, open_account, running
from tests.support.documents_client import content, printed
from tests.support.people import DOCUMENT_KEY, INDEX_KEY, KEYRING, SEAL_KEY, SomeoneFactory, World, write_keys
from tests.support.sealed_life import Lived, live

NEW_KEY = b"n" * 32
ROUNDS = 5
BOTH = Keyring({1: SEAL_KEY, 2: NEW_KEY}, INDEX_KEY, {1: DOCUMENT_KEY})
NEW = Keyring({2: NEW_KEY}, INDEX_KEY, {1: DOCUMENT_KEY})
# what looks sealed by its type, and is none: digests, heads, signatures
DIGESTS = {
    "digest", "head", "seal", "person", "code_digest", "signature", "sha256", "fingerprint", "request_digest",
    "name_digest", "content",
    # beside a digest, so that nothing can be guessed from it
    "salt",
    # the name of a key
    "ref",
}  # fmt: skip


@pytest.fixture
def lived(fresh_engine: Engine, tmp_path: Path) -> Lived:
    return live(fresh_engine, tmp_path)


def values(engine: Engine) -> Iterator[tuple[str, bytes, bytes]]:
    """(column, sealed value with the key that lies beside it, its context) of all that is sealed."""
    with engine.connect() as connection:
        keys = {
            bytes(ref): wrapped
            for ref, wrapped in connection.execute(
                select(tables.person_key.c.ref, tables.person_key.c.wrapped)
            )
        }
        for one in SEALED_COLUMNS:
            if one.holds_keys:
                continue
            for row in connection.execute(select(one.table)).mappings():
                plain = resealing.plain_row(row)
                if (sealed := plain[one.name]) is not None:
                    value = carrying(keys.get(key_named(sealed) or b""), sealed)
                    yield f"{one.table.name}.{one.name}", value, one.context(plain)


def plain_texts(engine: Engine, keyring: Keyring) -> list[tuple[str, bytes]]:
    found = [(name, keyring.open_bytes(sealed, context)) for name, sealed, context in values(engine)]
    return sorted(one for one in found if not one[0].startswith("approval"))


# -- the list ------------------------------------------------------------------------------------------------


def test_every_sealed_column_is_in_the_list() -> None:
    """A new column of bytes is a digest, or it is sealed anew."""
    found = {
        (table.name, column.name)
        for table in tables.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary) and column.name not in DIGESTS
    }
    assert found == {(one.table.name, one.name) for one in SEALED_COLUMNS}


def test_every_sealed_column_says_whose_its_rows_are() -> None:
    """`keys erase` goes by it. What waits is gone through value by value; the others are nobody's."""
    nobodys = {(one.table.name, one.name) for one in SEALED_COLUMNS if one.whose is None}
    assert nobodys == {("approval", "intent_sealed"), ("person_key", "wrapped"), ("webhook", "secret_sealed")}
    by_table = {(one.table.name, one.whose) for one in SEALED_COLUMNS}
    assert len(by_table) == len({name for name, _whose in by_table}), "the columns of a row are one person's"


def test_something_stands_in_each_and_opens_as_the_list_says(fresh_engine: Engine, lived: Lived) -> None:
    assert lived
    found = set()
    for name, sealed, context in values(fresh_engine):
        assert KEYRING.open_bytes(sealed, context)
        found.add(name)
    assert found == {f"{one.table.name}.{one.name}" for one in SEALED_COLUMNS if not one.holds_keys}


def test_what_is_recorded_of_people_is_sealed_with_keys_of_their_own(
    fresh_engine: Engine, lived: Lived
) -> None:
    """By every way in that a life takes: none of it would outlive the key of its person."""
    assert lived
    of_people = {f"{one.table.name}.{one.name}" for one in SEALED_COLUMNS if one.for_people}
    carried_along = [carried(value) for name, value, _context in values(fresh_engine) if name in of_people]
    assert None not in carried_along
    assert len({one.ref for one in carried_along if one is not None}) > 3, "each has one"


# -- rotated -------------------------------------------------------------------------------------------------


def _listen(engine: Engine, step: Callable[[], object]) -> None:
    def told(*_what: object) -> None:
        step()

    for name in ("before_cursor_execute", "commit"):
        event.listen(engine, name, told)


def killed(url: str, at: int) -> bool:
    """Let it go on in a process that kills itself before that step; whether it came to it."""
    pid = os.fork()
    if pid == 0:
        try:
            engine = connect(url)
            steps = itertools.count(1)
            _listen(engine, lambda: next(steps) == at and os.kill(os.getpid(), signal.SIGKILL))
            with engine.connect() as connection:
                rotate(connection, BOTH)
        except BaseException:  # noqa: BLE001  the process ends here, whatever it was
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _pid, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.slow
def test_rotated_beside_traffic_and_killed(
    fresh_engine: Engine, fresh_url: str, lived: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "_TOGETHER", 3)
    chance = Random(7)
    before = plain_texts(fresh_engine, KEYRING)
    assert verify(fresh_engine, keyring=KEYRING).clean
    world = World(fresh_engine)
    kills = 0
    for _ in range(ROUNDS):
        # posted by a service that was restarted, and by one that was not
        for world.keyring in (KEYRING, BOTH):
            world.open(SomeoneFactory())
        fresh_engine.dispose()
        kills += killed(fresh_url, chance.randrange(20, 90))
        told = verify(fresh_engine, keyring=BOTH)
        assert told.clean, told.findings
    assert kills > 2
    world.keyring = KEYRING
    world.open(SomeoneFactory())
    with fresh_engine.connect() as connection:
        assert count_left(connection, BOTH) > 0
        done = rotate(connection, BOTH)
        assert done == (0, {})
        with connection.begin():
            assert keys_in_use(connection) == ("seal-2.key",)
    after = plain_texts(fresh_engine, NEW)
    assert set(before) <= set(after), "every value opens with the new key alone, as it was"
    for _name, sealed, context in values(fresh_engine):
        assert sealed[:HEADER_BYTES] in {BOTH.header, BOTH.wrapped_header}
        with pytest.raises(KeyringError):
            KEYRING.open_bytes(sealed, context)
    for keyring in (BOTH, NEW):
        told = verify(fresh_engine, keyring=keyring)
        assert told.clean, told.findings
    # what waits can be approved by whoever has the new key alone
    with fresh_engine.connect() as connection, connection.begin():
        command = opened_request(connection, NEW, find_request(connection, lived.approval))
        [stake] = command.persons
        assert NEW.open(stake.number_sealed or b"", b"identity.number|" + stake.digest)
        assert NEW.open(stake.name_sealed, b"identity.name|" + stake.digest)


def test_again_it_finds_nothing(fresh_engine: Engine, lived: Lived) -> None:
    assert lived
    with fresh_engine.connect() as connection:
        assert rotate(connection, BOTH) == (0, {})
        held = list(values(fresh_engine))
        assert rotate(connection, BOTH) == (0, {})
    assert list(values(fresh_engine)) == held, "nothing is sealed twice"


def test_what_does_not_open_is_left_and_told(fresh_engine: Engine, lived: Lived) -> None:
    assert lived
    with fresh_engine.begin() as connection:
        wrong = KEYRING.seal("x", b"elsewhere")
        i = tables.identity.c
        numbered = select(i.digest).where(i.number_sealed.is_not(None)).limit(1)
        digest = connection.scalar(numbered)
        changed = update(tables.identity).where(tables.identity.c.digest == digest)
        connection.execute(changed.values(name_sealed=wrong))
    with fresh_engine.connect() as connection:
        done = rotate(connection, BOTH)
    assert done.broken == {"identity": 1}
    assert done.left == 1
    with fresh_engine.connect() as connection, connection.begin():
        assert keys_in_use(connection) == ("seal-1.key", "seal-2.key")


def test_a_document_that_is_not_sound_is_not_made_sound(fresh_engine: Engine, lived: Lived) -> None:
    """The digest over its row is made anew only where it was right."""
    assert lived
    forged = update(tables.document).values(purpose="forged")
    with fresh_engine.begin() as connection:
        without_triggers(connection, "document")
        connection.execute(forged)
    with fresh_engine.connect() as connection:
        done = rotate(connection, BOTH)
    assert (done.left, done.broken) == (1, {"document": 1})
    # and the trigger that was in the way is missed too
    codes = {one[0] for one in verify(fresh_engine, keyring=BOTH).findings}
    assert codes == {"document_broken", "schema_wrong"}


def without_triggers(connection: Any, table: str) -> None:
    if is_postgresql(connection):
        connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    else:
        connection.execute(text(f"DROP TRIGGER {table}_no_update"))


# -- and nothing else is changed ----------------------------------------------------------------------------


RESEALED = sorted({one.table.name for one in SEALED_COLUMNS if not one.for_people} & set(tables.APPEND_ONLY))


@pytest.mark.parametrize("name", RESEALED)
def test_only_a_newer_seal_is_let_through(fresh_engine: Engine, lived: Lived, name: str) -> None:
    assert lived
    table = tables.metadata.tables[name]
    sealed = [one for one in SEALED_COLUMNS if one.table is table]
    others = [column for column in table.columns if column.name not in {one.name for one in sealed}]
    with fresh_engine.connect() as connection:
        rows = [resealing.plain_row(row) for row in connection.execute(select(table)).mappings()]
    row = next(one for one in rows if all(one[column.name] is not None for column in sealed))
    key = [column == row[column.name] for column in table.primary_key.columns]
    newer = {one.name: BOTH.seal_anew(row[one.name], one.context(row)) for one in sealed}
    older = {one.name: KEYRING.seal_anew(row[one.name], one.context(row)) for one in sealed}
    if name == "document":
        newer |= {"seal": b"s" * 32}
        others = [column for column in others if column.name != "seal"]

    def changes(values: dict[str, Any]) -> bool:
        with fresh_engine.connect() as connection:
            transaction = connection.begin()
            told = ""
            try:
                connection.execute(update(table).where(*key).values(values))
            except DBAPIError as error:
                told = str(error)
            transaction.rollback()
        return not told.count("refused: the book is append-only")

    assert changes(newer)
    assert not changes({others[0].name: row[others[0].name]}), "not even what changes nothing"
    assert not changes(older), "not under the same key again"
    assert not changes(dict.fromkeys(newer, b"\x01\x00")), "not to what names no key"
    assert not changes({one: b"\x07" + value[1:] for one, value in newer.items()}), "not in another form"
    for column in others:
        held = row[column.name]
        anything = f"{held}x" if isinstance(held, str) else b"d" * 32 if isinstance(held, bytes) else None
        if isinstance(held, int) and not isinstance(held, bool):
            anything = held + 1  # type: ignore[assignment]  # what stands in such a column
        if anything != held:
            assert not changes(newer | {column.name: anything}), column.name
    with fresh_engine.begin() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(table.delete())


# -- the files of keys --------------------------------------------------------------------------------------


def test_a_key_that_seals_nothing_may_be_taken_away(fresh_engine: Engine, lived: Lived) -> None:
    assert lived
    with fresh_engine.connect() as connection:
        record_keys(connection, KEYRING, NOW)
        record_keys(connection, BOTH, NOW)
        with connection.begin(), pytest.raises(KeysDiffer, match=r"seal-1\.key is missing"):
            check_keys(connection, NEW)
        assert rotate(connection, BOTH).left == 0
        with connection.begin():
            assert retire_keys(connection, BOTH, NOW) == ("seal-1.key",)
            assert retire_keys(connection, BOTH, NOW) == ("seal-1.key",)
        with connection.begin():
            assert recorded_names(connection) == ("document-1.key", "index.key", "seal-1.key", "seal-2.key")
            for keyring in (NEW, BOTH):
                check_keys(connection, keyring)
            for wrong, told in (
                (Keyring({1: b"o" * 32, 2: NEW_KEY}, INDEX_KEY, {1: DOCUMENT_KEY}), "seal-1.key is another"),
                (KEYRING, "seal-2.key is missing"),
                (Keyring({2: b"o" * 32}, INDEX_KEY, {1: DOCUMENT_KEY}), "seal-2.key is another"),
            ):
                with pytest.raises(KeysDiffer, match=told):
                    check_keys(connection, wrong)
        record_keys(connection, NEW, NOW)


def test_the_command(
    run: Callable[..., Answer],  # noqa: F811  a fixture
    fresh_engine: Engine,
    fresh_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live(fresh_engine, tmp_path)
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    monkeypatch.setenv("LEDGER_DATA", str(tmp_path))
    keys = tmp_path / "keys"
    assert run("sweep").code == 0
    alone = run("keys", "rotate")
    assert alone.json == {"left": 0}, "there is one key, and all is under it"
    assert "seal-1.key is the only key that seals: to rotate, put the next one beside it first" in alone.err
    write_keys(keys, seal_2=NEW_KEY)
    told = key_check(run)
    assert told["ok"]
    assert "something is sealed with seal-1.key still" in told["detail"]
    rotated = run("keys", "rotate")
    assert (rotated.code, rotated.json) == (0, {"left": 0})
    assert "seal-1.key: seals nothing any more; once all that serves was restarted" in rotated.err
    assert "only key" not in rotated.err
    assert "seal-1.key seals nothing any more" in key_check(run)["detail"]
    (keys / "seal-1.key").unlink()
    assert run("sweep").code == 0
    assert run("verify").json["ok"]
    assert key_check(run)["ok"]
    assert run("keys", "rotate", "--signing").code == 2
    assert run("keys", "turn").code == 2


def key_check(run: Callable[..., Answer]) -> dict[str, Any]:  # noqa: F811  no fixture
    checks: list[dict[str, Any]] = run("doctor").json["checks"]
    [found] = [one for one in checks if one["name"] == "keys_of_database"]
    return found


def test_a_process_that_has_not_the_newest_key_says_so_and_decides_nothing(
    fresh_engine: Engine, tmp_path: Path
) -> None:
    """What was sealed anew under it opens for whoever was restarted: a caller comes again."""
    with running(fresh_engine, tmp_path) as client:
        person = open_account(client, name="欧阳静姝")
        account = f"/v1/accounts/{person['account_no']}"
        renamed = {"name": "司马静姝", "from": "2026-03-01", "document": "d"}
        with fresh_engine.connect() as connection:
            assert rotate(connection, BOTH).left == 0
        same = key()
        for ask in (
            lambda: client.post(f"{account}/names", json=renamed, headers=same),
            lambda: client.get(account),
        ):
            answer = ask()
            assert (answer.status_code, answer.json()["code"]) == (503, "keys_differ")
            assert answer.headers["Retry-After"]
    write_keys(tmp_path / "keys", seal_1=SEAL_KEY, seal_2=NEW_KEY)
    with running(fresh_engine, tmp_path) as client:
        assert client.post(f"{account}/names", json=renamed, headers=same).status_code == 201


def test_a_document_that_a_process_has_not_the_key_of_is_not_damaged(
    fresh_engine: Engine, tmp_path: Path
) -> None:
    """Whoever is told that it is would stop everything, and put a row back that is as it was."""
    with running(fresh_engine, tmp_path) as client:
        account = f"/v1/accounts/{open_account(client)['account_no']}"
        kept = printed(client, account, "json", kind="insured_proof")
        with fresh_engine.connect() as connection:
            assert keep(connection, KEYRING, NOW).kept == 1
        made = {
            one["document"]: content(client, one)
            for one in (kept, printed(client, account, "json", kind="insured_proof"))
        }
        with fresh_engine.connect() as connection:
            assert rotate(connection, BOTH).left == 0
            with pytest.raises(KeyMissingError):
                keep(connection, KEYRING, NOW)
        for name in made:
            answer = client.get(f"/v1/documents/{name}")
            assert (answer.status_code, answer.json()["code"]) == (503, "keys_differ")
    write_keys(tmp_path / "keys", seal_1=SEAL_KEY, seal_2=NEW_KEY)
    with running(fresh_engine, tmp_path) as client:
        assert {name: client.get(f"/v1/documents/{name}").content for name in made} == made


def test_a_command_that_began_before_the_key_says_as_the_service_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Webhooks are sent by a command that goes on for weeks; its own keys are not wrong."""

    def send() -> None:
        Keyring({1: SEAL_KEY}, INDEX_KEY).open_bytes(
            Keyring({2: NEW_KEY}, INDEX_KEY).seal_bytes(b"s", b"c"), b"c"
        )

    assert tell(send) == 2
    assert json.loads(capsys.readouterr().out)["code"] == "keys_differ"
