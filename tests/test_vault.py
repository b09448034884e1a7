"""Sealing, digests, and the key files."""

import base64
import copy
import hashlib
import hmac
import os
import pickle
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.vault import Keyring, KeyringError, sealed_with

KEY_1, KEY_2, INDEX = b"1" * 32, b"2" * 32, b"i" * 32
KEYRING = Keyring({1: KEY_1}, INDEX)
ROTATED = Keyring({1: KEY_1, 2: KEY_2}, INDEX)
CONTEXT = b"person/id_number/4711"
VALID_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def write_key(directory: Path, name: str, key: bytes, mode: int = 0o600) -> None:
    (directory / name).write_bytes(base64.b64encode(key) + b"\n")
    (directory / name).chmod(mode)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@given(VALID_TEXT, st.binary(max_size=40))
def test_sealed_text_opens_again(plain: str, context: bytes) -> None:
    sealed = KEYRING.seal(plain, context)
    assert KEYRING.open(sealed, context) == plain
    assert len(sealed) == 3 + 12 + len(plain.encode()) + 16


def test_sealed_text_is_not_readable_and_never_twice_the_same() -> None:
    first, second = (KEYRING.seal("119999198503140015", CONTEXT) for _ in range(2))
    assert first[:3] == second[:3] == b"\x01\x00\x01"
    assert first[3:15] != second[3:15]
    assert b"1199991985" not in first


def test_other_context_does_not_open() -> None:
    sealed = KEYRING.seal("name", CONTEXT)
    with pytest.raises(KeyringError, match="belongs elsewhere"):
        KEYRING.open(sealed, b"person/id_number/4712")


@given(st.data())
def test_changed_bit_does_not_open(data: st.DataObject) -> None:
    sealed = bytearray(ROTATED.seal("some name", CONTEXT))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(KeyringError):
        ROTATED.open(bytes(sealed), CONTEXT)


@pytest.mark.parametrize("length", [0, 1, 3, 15, 30], ids=lambda length: f"{length}_bytes")
def test_truncated_value_does_not_open(length: int) -> None:
    with pytest.raises(KeyringError, match="unknown form"):
        KEYRING.open(KEYRING.seal("", CONTEXT)[:length], CONTEXT)


def test_newest_key_seals_and_older_keys_still_open() -> None:
    old = KEYRING.seal("old", CONTEXT)
    new = ROTATED.seal("new", CONTEXT)
    assert new[1:3] == b"\x00\x02"
    assert ROTATED.open(old, CONTEXT) == "old"
    with pytest.raises(KeyringError, match="not here"):
        KEYRING.open(new, CONTEXT)


def test_key_of_the_same_id_but_other_content_does_not_open() -> None:
    with pytest.raises(KeyringError, match="was changed"):
        Keyring({1: KEY_2}, INDEX).open(KEYRING.seal("name", CONTEXT), CONTEXT)


def test_digest_is_the_documented_one() -> None:
    message = b"\0\0\0\0\0\0\0\x02id" + b"\0\0\0\0\0\0\0\x03abc"
    assert KEYRING.digest("id", "abc") == hmac.new(INDEX, message, hashlib.sha256).digest()


def test_digest_depends_on_the_index_key_alone() -> None:
    assert ROTATED.digest("id", "abc") == KEYRING.digest("id", "abc")
    assert Keyring({1: KEY_1}, KEY_2).digest("id", "abc") != KEYRING.digest("id", "abc")


@given(st.tuples(VALID_TEXT, VALID_TEXT), st.tuples(VALID_TEXT, VALID_TEXT))
def test_digests_are_equal_only_for_the_same_kind_and_value(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    assert (KEYRING.digest(*first) == KEYRING.digest(*second)) == (first == second)


@given(VALID_TEXT, VALID_TEXT)
def test_kind_and_value_cannot_be_cut_differently(kind: str, value: str) -> None:
    assert KEYRING.digest(kind, "x" + value) != KEYRING.digest(kind + "x", value)


@pytest.mark.parametrize("act", ["seal", "digest"])
def test_text_that_is_not_unicode_is_refused_without_showing_it(act: str) -> None:
    with pytest.raises(KeyringError) as refused:
        KEYRING.seal("secret\ud800", CONTEXT) if act == "seal" else KEYRING.digest("id", "secret\ud800")
    assert "secret" not in repr(refused.value)
    assert refused.value.__suppress_context__


def test_keyring_shows_only_ids() -> None:
    assert repr(ROTATED) == str(ROTATED) == "Keyring(current=2, ids=[1, 2])"


@pytest.mark.parametrize("copying", [pickle.dumps, copy.copy, copy.deepcopy])
def test_keyring_is_not_copied(copying: object) -> None:
    assert callable(copying)
    with pytest.raises(TypeError, match="not copied"):
        copying(KEYRING)


@pytest.mark.parametrize(
    ("seal_keys", "index_key"),
    [
        pytest.param({}, INDEX, id="no_seal_key"),
        pytest.param({0: KEY_1}, INDEX, id="id_zero"),
        pytest.param({65_536: KEY_1}, INDEX, id="id_too_high"),
        pytest.param({1: b"1" * 16}, INDEX, id="short_seal_key"),
        pytest.param({1: KEY_1}, b"", id="empty_index_key"),
    ],
)
def test_unfit_keys_are_refused(seal_keys: dict[int, bytes], index_key: bytes) -> None:
    with pytest.raises(KeyringError):
        Keyring(seal_keys, index_key)


def test_created_keys_are_private_and_found_again(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "keys"
    created = Keyring.create(directory)
    assert sorted(path.name for path in directory.iterdir()) == ["document-1.key", "index.key", "seal-1.key"]
    assert mode(directory) == 0o700
    assert {mode(path) for path in directory.iterdir()} == {0o600}
    loaded = Keyring.load(directory)
    assert loaded.open(created.seal("name", CONTEXT), CONTEXT) == "name"
    assert loaded.digest("id", "1") == created.digest("id", "1")


def test_created_keys_are_random(tmp_path: Path) -> None:
    Keyring.create(tmp_path / "a")
    Keyring.create(tmp_path / "b")
    assert len({path.read_bytes() for path in tmp_path.glob("*/*.key")}) == 6


def test_creating_never_replaces_a_key(tmp_path: Path) -> None:
    write_key(tmp_path, "seal-7.key", KEY_1)
    write_key(tmp_path, "index.key", INDEX)
    before = (tmp_path / "seal-7.key").read_bytes()
    index = (tmp_path / "index.key").read_bytes()
    Keyring.create(tmp_path)
    Keyring.create(tmp_path)
    assert (tmp_path / "seal-7.key").read_bytes() == before
    assert (tmp_path / "index.key").read_bytes() == index
    assert not (tmp_path / "seal-1.key").exists()


def test_a_lost_index_key_is_not_silently_made_anew(tmp_path: Path) -> None:
    write_key(tmp_path, "seal-1.key", KEY_1)
    with pytest.raises(KeyringError, match=r"^index\.key: missing, though there are seal keys: restore it$"):
        Keyring.create(tmp_path)
    assert not (tmp_path / "index.key").exists()


def test_creating_beside_another_process_keeps_the_first_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def link_late(draft: Path, path: Path) -> None:
        write_key(path.parent, path.name, INDEX if path.name == "index.key" else KEY_1)
        link(draft, path)

    monkeypatch.setattr(os, "link", link_late)
    created = Keyring.create(tmp_path)
    assert created.digest("id", "1") == KEYRING.digest("id", "1")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["document-1.key", "index.key", "seal-1.key"]


def test_malformed_key_is_not_replaced_but_named(tmp_path: Path) -> None:
    write_key(tmp_path, "index.key", INDEX)
    (tmp_path / "seal-1.key").write_text("")
    (tmp_path / "seal-1.key").chmod(0o600)
    with pytest.raises(KeyringError, match=r"^seal-1\.key: must hold 32 bytes"):
        Keyring.create(tmp_path)
    assert (tmp_path / "seal-1.key").read_text() == ""


def test_key_directory_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("")
    with pytest.raises(KeyringError, match=r"^keys: cannot be made"):
        Keyring.create(tmp_path / "keys")


def test_key_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(KeyringError, match=r"^index\.key: cannot be written \(Operation not permitted\)$"):
        Keyring.create(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("seal-1.key", None, r"^seal-1\.key: missing"),
        ("index.key", None, r"^index\.key: missing$"),
        ("seal-1.key", "c2hvcnQ=", r"^seal-1\.key: must hold 32 bytes"),
        ("index.key", "c2hvcnQ=", r"^index\.key: must hold 32 bytes"),
        ("index.key", "*not base64*", r"^index\.key: not base64$"),
        ("index.key", "*" + base64.b64encode(KEY_2).decode(), r"^index\.key: not base64$"),
        ("seal-0.key", "c2hvcnQ=", r"^seal-0\.key: the key id"),
        ("seal-02.key", "c2hvcnQ=", r"^seal-02\.key: the key id"),
        ("seal-65536.key", "c2hvcnQ=", r"^seal-65536\.key: the key id"),
        ("seal-a.key", "c2hvcnQ=", r"^seal-a\.key: the key id"),
    ],
)
def test_unfit_key_file_is_named_without_its_content(
    tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    write_key(tmp_path, "seal-1.key", KEY_1)
    write_key(tmp_path, "index.key", INDEX)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    with pytest.raises(KeyringError, match=message) as refused:
        Keyring.load(tmp_path)
    assert content is None or content not in str(refused.value)


def test_unreadable_key_file_is_named(tmp_path: Path) -> None:
    write_key(tmp_path, "seal-1.key", KEY_1)
    (tmp_path / "index.key").mkdir()
    with pytest.raises(KeyringError, match=r"^index\.key: cannot be read"):
        Keyring.load(tmp_path)


def test_key_from_another_tool_loads(tmp_path: Path) -> None:
    write_key(tmp_path, "seal-65535.key", KEY_1)
    (tmp_path / "index.key").write_bytes(base64.b64encode(INDEX))
    (tmp_path / "index.key").chmod(0o400)
    (tmp_path / "notes.txt").write_text("not a key")
    assert repr(Keyring.load(tmp_path)) == "Keyring(current=65535, ids=[65535])"


@pytest.mark.parametrize("name", ["index.key", "seal-1.key"])
@pytest.mark.parametrize("open_to", [0o644, 0o640, 0o604, 0o602, 0o660, 0o777, 0o601])
def test_a_key_that_others_may_read_is_not_taken(tmp_path: Path, name: str, open_to: int) -> None:
    write_key(tmp_path, "seal-1.key", KEY_1)
    write_key(tmp_path, "index.key", INDEX)
    Keyring.load(tmp_path)
    (tmp_path / name).chmod(open_to)
    with pytest.raises(KeyringError, match=rf"^{name}: others than its owner may read it .*chmod 600"):
        Keyring.load(tmp_path)


def test_a_pipe_in_the_place_of_a_key_keeps_nobody_waiting(tmp_path: Path) -> None:
    write_key(tmp_path, "seal-1.key", KEY_1)
    os.mkfifo(tmp_path / "index.key", 0o600)
    with pytest.raises(KeyringError, match=r"^index\.key: not a file"):
        Keyring.load(tmp_path)


def test_a_fingerprint_is_of_one_key_in_one_file(tmp_path: Path) -> None:
    prints = Keyring({1: KEY_1, 2: KEY_2}, INDEX).fingerprints
    assert set(prints) == {"index.key", "seal-1.key", "seal-2.key"}
    assert len({*prints.values(), KEY_1, KEY_2, INDEX}) == 6, "all differ, and none is a key"
    assert {len(one) for one in prints.values()} == {32}
    again = Keyring({1: KEY_1, 2: KEY_2}, INDEX).fingerprints
    assert again == prints
    swapped = Keyring({1: KEY_2, 2: KEY_1}, KEY_1).fingerprints
    assert not set(swapped.values()) & set(prints.values()), "the same key under another name is another"
    assert ROTATED.sealing == "seal-2.key"
    assert sealed_with(KEYRING.seal("x", CONTEXT)) == "seal-1.key"
    for wrong in (b"", b"\x01\x00", b"\x02\x00\x01", b"\x01\x00\x00"):
        with pytest.raises(KeyringError, match="unknown form"):
            sealed_with(wrong)


@pytest.mark.parametrize("length", [0, 1, 3, 30, 79])
@pytest.mark.parametrize("form", [b"\x00", b"\x07", b"\xff", b"\x01", b"\x02"])
def test_a_key_of_a_person_that_was_damaged_is_told(form: bytes, length: int) -> None:
    """Sealing anew counts what does not open, and goes on: whatever the first byte became."""
    key = KEYRING.person_key()
    with pytest.raises(KeyringError):
        KEYRING.wrap_anew(key.ref, (form + key.wrapped[1:])[:length])


def test_what_opens_and_is_no_text_is_told_without_it() -> None:
    for sealed in (KEYRING.seal_bytes(b"\xff119999198503140015", CONTEXT), b""):
        with pytest.raises(KeyringError) as told:
            KEYRING.open(sealed, CONTEXT)
        assert "1199991985" not in repr(told.value.__cause__) + repr(told.value)
        assert told.value.__cause__ is None
        assert told.value.__suppress_context__ or told.value.__context__ is None
