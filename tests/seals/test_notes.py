"""Signed notes, checkpoints and tiles, as other programs write and read them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.seals.merkle import root_of
from ledger.seals.notes import (
    COSIGNATURE,
    NOTE_BYTES_MAX,
    Checkpoint,
    Note,
    NoteProblem,
    Signer,
    Verifier,
    named_after,
    read_checkpoint,
)
from ledger.seals.tiles import TILE, hashes_of, levels, read_entries, tile_path, write_tiles

# the example by which implementations of signed notes are compared
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBw"
    "JnAM=\n"
)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)


def checkpoint(size: int = 3, name: str = "log.example") -> tuple[Checkpoint, Signer, bytes]:
    signer = Signer(name, KEY)
    made = Checkpoint(name, size, bytes(32))
    return made, signer, str(Note(made.text, [signer.line(made.text)])).encode()


def test_a_note_of_others_is_read_and_its_signature_holds() -> None:
    verifier = Verifier.parse(NEUMANN + "\n")
    note = Note.parse(NOTE.encode())
    note.check(verifier)
    assert str(verifier) == NEUMANN
    assert str(note) == NOTE
    with pytest.raises(NoteProblem, match="not of this text"):
        Note.parse(NOTE.replace("answer", "anwser").encode()).check(verifier)


@pytest.mark.parametrize(
    "key",
    ["", "a", "a+b", "a+00000000+AQ==", NEUMANN.replace("c74f", "c74e"), NEUMANN.replace("Peter", "Pe ter")],
)
def test_what_is_no_verifier_key_is_refused(key: str) -> None:
    with pytest.raises(NoteProblem):
        Verifier.parse(key)


def test_every_byte_of_a_checkpoint_counts() -> None:
    made, signer, content = checkpoint()
    assert read_checkpoint(content, signer.verifier)[0] == made
    for place in range(len(content)):
        for other in (content[place] ^ 1, content[place] ^ 0x20):
            changed = content[:place] + bytes([other]) + content[place + 1 :]
            with pytest.raises(NoteProblem):
                read_checkpoint(changed, signer.verifier)
        with pytest.raises(NoteProblem):
            read_checkpoint(content[:place], signer.verifier)


def test_bits_of_a_signature_that_say_nothing_are_held_to_be_none() -> None:
    _made, signer, content = checkpoint()
    text = content.decode()
    assert text.endswith("=\n")
    odd = f"{text[:-3]}{chr(ord(text[-3]) + 1)}=\n"
    line = odd.rsplit(" ", 1)[1].strip()
    assert base64.b64decode(line) == base64.b64decode(text.rsplit(" ", 1)[1].strip())
    with pytest.raises(NoteProblem, match="has not signed"):
        read_checkpoint(odd.encode(), signer.verifier)


@pytest.mark.parametrize(
    "text",
    [
        "log.example\n3\n",
        "log.example\n03\nAAAA\n",
        "log.example\n-1\nAAAA\n",
        "log.example\n3\nAAAA\n",
        "\n3\n",
    ],
)
def test_what_is_signed_and_no_checkpoint_is_refused(text: str) -> None:
    signer = Signer("log.example", KEY)
    with pytest.raises(NoteProblem, match="checkpoint"):
        read_checkpoint(str(Note(text, [signer.line(text)])).encode(), signer.verifier)


def test_a_checkpoint_of_another_log_is_refused_though_the_key_signed_it() -> None:
    signer = Signer("log.example", KEY)
    text = Checkpoint("other.example", 3, bytes(32)).text
    with pytest.raises(NoteProblem, match="another log"):
        read_checkpoint(str(Note(text, [signer.line(text)])).encode(), signer.verifier)


def test_a_note_that_is_too_long_or_no_text_is_refused() -> None:
    _made, signer, content = checkpoint()
    for wrong in (b"", b"\xff" + content, b"x" * NOTE_BYTES_MAX + content, content.replace(b"\n\n", b"\n")):
        with pytest.raises(NoteProblem):
            read_checkpoint(wrong, signer.verifier)


def test_a_cosignature_says_when_and_holds_for_nobody_else() -> None:
    made, signer, content = checkpoint()
    witness = Signer("witness.example", Ed25519PrivateKey.from_private_bytes(bytes(32)), COSIGNATURE)
    note = Note.parse(content)
    both = Note(note.text, [*note.lines, witness.line(note.text, NOW)])
    for verifier in (signer.verifier, witness.verifier):
        Note.parse(str(both).encode()).check(verifier)
    assert read_checkpoint(str(both).encode(), signer.verifier)[0] == made
    with pytest.raises(NoteProblem, match="has not signed"):
        both.check(Verifier("witness.example", COSIGNATURE, bytes(32)))
    # the time is signed with it
    later = witness.line(note.text, NOW.replace(year=2027)).split()[2]
    mixed = Note(note.text, [both.lines[1].replace(both.lines[1].split()[2][:20], later[:20])])
    with pytest.raises(NoteProblem, match="not of this text"):
        mixed.check(witness.verifier)


def test_a_name_is_its_keys_and_has_no_blank() -> None:
    assert named_after("ledger", KEY) == named_after("ledger", KEY)
    assert named_after("ledger", KEY) != named_after("ledger", Ed25519PrivateKey.generate())
    with pytest.raises(NoteProblem):
        Signer("two words", KEY)


# -- tiles -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "width", "path"),
    [
        (0, TILE, "tile/0/000"),
        (0, 5, "tile/0/000.p/5"),
        (1_234_067, TILE, "tile/0/x001/x234/067"),
        (1_000, 1, "tile/0/x001/000.p/1"),
    ],
)
def test_a_tile_lies_where_others_look_for_it(number: int, width: int, path: str) -> None:
    assert tile_path("0", number, width) == path


def test_what_is_written_bit_by_bit_is_read_as_a_whole_and_never_changes_once_full(tmp_path: Path) -> None:
    entries = [b"day %d" % day for day in range(600)]
    full: dict[Path, bytes] = {}
    for known, size in ((0, 1), (1, 255), (255, 256), (256, 257), (257, 600)):
        write_tiles(tmp_path, entries[:size], known)
        assert read_entries(tmp_path, size) == entries[:size]
        assert read_entries(tmp_path, 1) == entries[:1], "who has an older checkpoint finds its entries"
        for path, content in full.items():
            assert path.read_bytes() == content
        full |= {
            path: path.read_bytes()
            for path in tmp_path.rglob("*")
            if path.is_file() and ".p/" not in path.as_posix()
        }
    assert (tmp_path / "tile/0/001").read_bytes() == b"".join(hashes_of(entries)[256:512])
    assert (tmp_path / "tile/1/000.p/2").read_bytes() == b"".join(levels(hashes_of(entries))[1])
    assert root_of(levels(hashes_of(entries[:512]))[1]) == root_of(hashes_of(entries[:512]))


def test_entries_that_are_missing_or_cut_are_told(tmp_path: Path) -> None:
    write_tiles(tmp_path, [b"one", b"two"], 0)
    with pytest.raises(NoteProblem, match="missing"):
        read_entries(tmp_path, 3)
    bundle = tmp_path / "tile/entries/000.p/2"
    bundle.write_bytes(bundle.read_bytes()[:-1])
    with pytest.raises(NoteProblem, match="cut"):
        read_entries(tmp_path, 2)
