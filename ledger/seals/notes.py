"""Signed notes and checkpoints, in the open formats of C2SP: signed-note, tlog-checkpoint, tlog-cosignature.

A note is a text and below it lines of signatures, each by a key with a name. A checkpoint is a note about a
log: its name, how many entries it has, and the root over them. A cosignature says besides when a witness saw
the checkpoint.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ED25519: Final = 1
COSIGNATURE: Final = 4
_SIGNATURE_BYTES: Final = 64
_TIME_BYTES: Final = 8
_ID_BYTES: Final = 4
# far above what a checkpoint with its cosignatures has
NOTE_BYTES_MAX: Final = 64_000
_match_name = re.compile(r"[^\s+]{1,255}").fullmatch
_match_size = re.compile(r"0|[1-9][0-9]{0,18}").fullmatch
_match_line = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})").fullmatch


class NoteProblem(Exception):
    """A note, a checkpoint or a key that cannot be read, or was not signed by whom it says. In a line."""


class Verifier(NamedTuple):
    """The public half of a key, as it is published: `name+id+key`."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """By which a signature names its key."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        key = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Read what `str` writes. Raises NoteProblem."""
        name, _, rest = text.strip().partition("+")
        key_id, _, key = rest.partition("+")
        try:
            content = base64.b64decode(key, validate=True)
        except (binascii.Error, ValueError):
            content = b""
        if len(content) != 1 + 32 or content[0] not in (ED25519, COSIGNATURE) or _match_name(name) is None:
            raise NoteProblem("no verifier key: name+id+key in one line is wanted")
        found = cls(name, content[0], content[1:])
        if found.key_id.hex() != key_id:
            raise NoteProblem("the id of the verifier key is not that of its name and key")
        return found


class Signer:
    """A key that signs notes under a name; of a witness with the time."""

    def __init__(self, name: str, private: Ed25519PrivateKey, kind: int = ED25519) -> None:
        if _match_name(name) is None:
            raise NoteProblem("the name of a key has no blanks and no +")
        self._private = private
        self.verifier = Verifier(
            name, kind, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        )

    def line(self, text: str, at: datetime | None = None) -> str:
        """The line that signs a text; `at` is when a witness saw it."""
        signature = self._private.sign(_signed(self.verifier, text, _seconds(at)))
        seen = b"" if self.verifier.kind == ED25519 else _seconds(at).to_bytes(_TIME_BYTES, "big")
        content = base64.b64encode(self.verifier.key_id + seen + signature).decode()
        return f"— {self.verifier.name} {content}\n"


def named_after(what: str, private: Ed25519PrivateKey) -> str:
    """A name for a key that no other key has."""
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"{what}-{sha256(public).hexdigest()[:12]}"


def _seconds(at: datetime | None) -> int:
    return 0 if at is None else int(at.timestamp())


def _signed(verifier: Verifier, text: str, seconds: int) -> bytes:
    if verifier.kind == COSIGNATURE:
        return f"cosignature/v1\ntime {seconds}\n{text}".encode()
    return text.encode()


class Note(NamedTuple):
    """A text, which ends with a line, and the lines that sign it."""

    text: str
    lines: Sequence[str]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(self.lines)}"

    @classmethod
    def parse(cls, content: bytes) -> Note:
        """Read a note; whether anybody signed it is for `check` to say. Raises NoteProblem."""
        try:
            note = content.decode()
        except UnicodeDecodeError:
            note = ""
        text, parted, lines = note.rpartition("\n\n")
        signed = lines.split("\n")
        if len(content) > NOTE_BYTES_MAX or not parted or signed[-1] or len(signed) == 1:
            raise NoteProblem("no signed note: a text, an empty line, and lines of signatures are wanted")
        if any(sign < " " and sign != "\n" for sign in note) or not all(map(_match_line, signed[:-1])):
            raise NoteProblem("no signed note: a line of a signature is none")
        return cls(f"{text}\n", [f"{line}\n" for line in signed[:-1]])

    def check(self, verifier: Verifier) -> None:
        """Raise NoteProblem unless this key signed it. Lines of others are passed over."""
        for line in self.lines:
            match = _match_line(line.rstrip("\n"))
            if match is None or match[1] != verifier.name:
                continue
            content = _decoded(match[2])
            if content[:_ID_BYTES] == verifier.key_id:
                _check_signature(verifier, self.text, content[_ID_BYTES:])
                return
        raise NoteProblem(f"{verifier.name} has not signed it")


def _decoded(text: str) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    # the last character has bits that say nothing, and may have them in one way only
    return content if base64.b64encode(content).decode() == text else b""


def _check_signature(verifier: Verifier, text: str, content: bytes) -> None:
    time_bytes = _TIME_BYTES if verifier.kind == COSIGNATURE else 0
    if len(content) == time_bytes + _SIGNATURE_BYTES:
        seconds = int.from_bytes(content[:time_bytes], "big")
        signed = _signed(verifier, text, seconds)
        try:
            Ed25519PublicKey.from_public_bytes(verifier.public).verify(content[time_bytes:], signed)
        except InvalidSignature:
            pass
        else:
            return
    raise NoteProblem(f"the signature of {verifier.name} is not of this text")


class Checkpoint(NamedTuple):
    """What a log is: its name, how many entries it has, and the root over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a note. Lines after the third are extensions, and say nothing here.

        Raises NoteProblem.
        """
        lines = text.split("\n")
        if len(lines) < 4 or not lines[0] or _match_size(lines[1]) is None:
            raise NoteProblem("no checkpoint: a name, a size and a root are wanted")
        root = _decoded(lines[2])
        if len(root) != 32:
            raise NoteProblem("no checkpoint: the root is not 32 bytes in base64")
        return cls(lines[0], int(lines[1]), root)


def read_checkpoint(content: bytes, verifier: Verifier) -> tuple[Checkpoint, Note]:
    """The checkpoint of a log that this key signed, which has the log's name. Raises NoteProblem."""
    note = Note.parse(content)
    note.check(verifier)
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != verifier.name:
        raise NoteProblem("the checkpoint is of another log than its key")
    return checkpoint, note
