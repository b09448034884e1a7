"""Keys that a command says, and the ciphers of the settings: AES and SHA-256, or SM4 and SM3."""
# ruff: noqa: F811  the fixture that stands in test_cli is an argument here

from __future__ import annotations

import base64
import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from ledger import tables
from ledger.accounts.spending import Spend
from ledger.operations.resealing import count_left, rotate
from ledger.people.persons import known
from ledger.people.sealing import KeysDiffer, check_keys, record_keys
from ledger.settings import Settings, SettingsError
from ledger.vault import KeyPlace, Keyring, KeyringError, key_files
from ledger.vault.sealing import AES, SM4_SM3
from ledger.verify import verify
from tests.operations.test_cli import Answer, run  # noqa: F401  a fixture
from tests.support.people import DOCUMENT_KEY, INDEX_KEY, KEYRING, SEAL_KEY, World

OF_SM = Keyring({1: SEAL_KEY}, INDEX_KEY, {1: DOCUMENT_KEY}, SM4_SM3)


# -- ciphers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", [AES, SM4_SM3], ids=lambda suite: suite.name)
def test_what_is_sealed_opens_by_either_and_nowhere_else(suite: object) -> None:
    ours = KEYRING if suite is AES else OF_SM
    sealed = ours.seal("张三", b"here")
    for keyring in (KEYRING, OF_SM):
        assert keyring.open(sealed, b"here") == "张三"
        with pytest.raises(KeyringError, match="belongs elsewhere"):
            keyring.open(sealed, b"there")
        for place in range(len(sealed)):
            changed = bytes([*sealed[:place], sealed[place] ^ 1, *sealed[place + 1 :]])
            with pytest.raises(KeyringError):
                keyring.open(changed, b"here")
    own = ours.person_key()
    value = own.carry("李四", b"here")
    assert OF_SM.open(value, b"here") == KEYRING.open(value, b"here") == "李四"


def test_sm4_gcm_is_that_of_the_standard() -> None:
    """RFC 8998, appendix A.1, under the key that it gives."""
    cipher = SM4_SM3.cipher(bytes(32))
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    cipher._key = key  # type: ignore[attr-defined]  # the vector's own, which no 32 bytes are known to make
    nonce = bytes.fromhex("00001234567800000000abcd")
    added = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    plain = bytes.fromhex("aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
                          "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa")  # fmt: skip
    sealed = cipher.encrypt(nonce, plain, added)
    assert sealed.hex() == (
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
        "83de3541e4c2b58177e065a9bf7b62ec"
    )
    assert cipher.decrypt(nonce, sealed, added) == plain


def test_a_ledger_under_sm_is_worked_on_and_checked(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    world.keyring = OF_SM
    with fresh_engine.connect() as connection:
        record_keys(connection, OF_SM, world.now)
    book = world.open(opening=(0, 5_000))
    world.one(Spend(book, 100, world.today, "H0001", world.ref("s")))
    told = verify(fresh_engine, keyring=OF_SM)
    assert told.findings == []
    with fresh_engine.connect() as connection:
        forms = {bytes(one)[:1] for one in connection.scalars(select(tables.identity.c.name_sealed))}
        assert forms == {SM4_SM3.for_person}
        # nobody would be found by the digests of the other hash
        with pytest.raises(KeysDiffer, match=r"index\.key is another key"):
            check_keys(connection, KEYRING)


def test_what_was_sealed_by_aes_goes_over_to_sm_and_not_back(fresh_engine: Engine) -> None:
    """People stay found by the hash that the ledger began with; the ciphers are changed by `rotate`."""
    world = World(fresh_engine)
    world.open()
    over = Keyring({1: SEAL_KEY}, INDEX_KEY, {1: DOCUMENT_KEY}, AES._replace(
        name="sm for aes", cipher=SM4_SM3.cipher, form=SM4_SM3.form, for_person=SM4_SM3.for_person,
        wrapped=SM4_SM3.wrapped,
    ))  # fmt: skip
    with fresh_engine.connect() as connection:
        assert count_left(connection, over) > 0
        assert rotate(connection, over) == (0, {})
        people = list(connection.scalars(select(tables.identity.c.person_id)))
        names = {one.name for one in known(connection, KEYRING, people).values()}
        connection.rollback()
    assert None not in names
    assert verify(fresh_engine, keyring=over).findings == []
    with fresh_engine.connect() as connection, pytest.raises(Exception, match="append-only"):
        rotate(connection, KEYRING)


def test_a_cipher_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_CIPHERS", "des")
    with pytest.raises(SettingsError, match="LEDGER_CIPHERS: one of aes, sm"):
        Settings.load(Path("x"))
    with pytest.raises(KeyringError, match="one of aes, sm"):
        Keyring.load(KeyPlace(Path("x"), "true", "des"))


# -- a command -----------------------------------------------------------------------------------------------


def says(*lines: str, then: str = "") -> str:
    """A command that prints these lines."""
    program = f"print({chr(10).join(lines)!r}); {then}"
    return shlex.join([sys.executable, "-c", program])


def line(name: str, key: bytes) -> str:
    return f"{name} {base64.b64encode(key).decode()}"


INDEX, SEAL, SIGN = (
    line("index.key", INDEX_KEY),
    line("seal-1.key", SEAL_KEY),
    line("document-1.key", DOCUMENT_KEY),
)
LONG = line("seal-3.key", b"x" * 33)


@pytest.mark.slow
def test_a_command_says_the_keys() -> None:
    said = Keyring.load(KeyPlace(Path("nowhere"), says(SEAL, INDEX, SIGN)))
    assert said.fingerprints == KEYRING.fingerprints
    assert said.open(KEYRING.seal("x", b"c"), b"c") == "x"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "told"),
    [
        (says(SEAL, INDEX, then="raise SystemExit(3)"), "it ended with 3"),
        (says(SEAL), "it says no index.key"),
        (says(INDEX), "it says no seal-1.key"),
        (says(INDEX, SEAL, SEAL), "line 3 names no key, or one for the second time"),
        (says(INDEX, SEAL, "password x"), "line 3 names no key"),
        (says(INDEX, SEAL, "seal-2.key x"), "seal-2.key: not base64"),
        (says(INDEX, SEAL, LONG), "seal-3.key: must hold 32 bytes"),
        (says(INDEX, SEAL, line("seal-70001.key", SEAL_KEY)), "line 3 names no key"),
        (says(INDEX, SEAL, then="import os; os.write(1, bytes([255]))"), "it prints what is no text"),
        ("/nowhere/at-all", "cannot be run"),
        ('"', "cannot be run"),
    ],
)
def test_what_it_says_wrong_is_named_without_a_word_of_it(command: str, told: str) -> None:
    with pytest.raises(KeyringError, match=told) as wrong:
        Keyring.load(KeyPlace(Path("nowhere"), command))
    assert base64.b64encode(SEAL_KEY).decode() not in str(wrong.value)


ENDLESS = "while True: print('x' * 10_000)"
# what it has started holds on to what is read from, and outlives it
SILENT = "import subprocess, time; subprocess.Popen(['sleep', '600']); time.sleep(600)"


# it has said all, and what it started goes on in a session of its own and holds on to what is read from
LEFT_BEHIND = """
import subprocess
left = subprocess.Popen(['sleep', '600'], start_new_session=True)
open({pid!r}, 'w').write(str(left.pid))
"""


@pytest.mark.slow
def test_what_a_command_leaves_behind_keeps_nobody_waiting(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    then = f"exec({LEFT_BEHIND.format(pid=str(pid))!r})"
    try:
        said = Keyring.load(KeyPlace(Path("nowhere"), says(SEAL, INDEX, SIGN, then=then)))
        assert said.fingerprints == KEYRING.fingerprints
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("then", "told"), [(ENDLESS, "more than 1048576 bytes"), (SILENT, "no answer in 0.5 seconds")]
)
def test_one_that_does_not_come_to_an_end_is_ended(
    then: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if then is SILENT:
        monkeypatch.setattr(key_files, "_COMMAND_SECONDS", 0.5)
    with pytest.raises(KeyringError, match=told):
        Keyring.load(KeyPlace(Path("nowhere"), shlex.join([sys.executable, "-c", then])))


@pytest.mark.slow
def test_an_installation_without_files(
    run: Callable[..., Answer],
    fresh_engine: Engine,
    fresh_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Opened, checked and rotated by what the command says; the files are made where it has them from."""
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    monkeypatch.setenv("LEDGER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LEDGER_KEYS_COMMAND", says(INDEX, SEAL, SIGN))
    World(fresh_engine).open()
    checked = run("verify")
    assert (checked.code, checked.json["findings"]) == (0, [])
    newer = line("seal-2.key", b"n" * 32)
    monkeypatch.setenv("LEDGER_KEYS_COMMAND", says(INDEX, SEAL, newer, SIGN))
    assert run("keys", "rotate").json == {"left": 0}
    with fresh_engine.connect() as connection:
        wrapped = connection.scalars(text("SELECT wrapped FROM person_key")).all()
    assert {bytes(one)[:3] for one in wrapped} == {b"\x03\x00\x02"}
    looked = run("doctor")
    assert looked.json["settings"]["LEDGER_KEYS_COMMAND"] == "***"
    assert base64.b64encode(SEAL_KEY).decode() not in looked.out + looked.err
    refused = run("keys")
    assert refused.code == 2
    assert "LEDGER_KEYS_COMMAND" in refused.out + refused.err
    assert not (tmp_path / "data" / "keys").exists()
