"""The files that keys lie in: which there are, how they are read, and how those that are missing are made.

A key directory holds `seal-<id>.key` (id 1 to 65535), `index.key` and `document-<id>.key`, each 32 bytes in
base64 that nobody but its owner may read. In place of the directory a command may say them.
"""

from __future__ import annotations

import base64
import os
import re
import select
import shlex
import signal
import stat
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.vault.faults import KeyExposedError, KeyringError
from ledger.vault.sealing import AES, KEY_BYTES

INDEX_FILE: Final = "index.key"
FIRST_SEAL_FILE: Final = "seal-1.key"
FIRST_DOCUMENT_FILE: Final = "document-1.key"
DOCUMENT_FILES: Final = "document-*.key"
KEY_ID_MAX: Final = 65535
# what nobody but the owner of a key file may have
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_FILE_BYTES_MAX: Final = 4096
_COMMAND_SECONDS: Final = 30
# how often it is looked whether one that says nothing has ended
_LOOK_SECONDS: Final = 0.05
# four bytes in three, and the names: room for some ten thousand keys
_SAID_BYTES_MAX: Final = 1 << 20
_match_key_file = re.compile(r"(?:seal|document)-([1-9][0-9]{0,4})\.key").fullmatch


class KeyPlace(NamedTuple):
    """Where an installation has its keys from, and which ciphers it works with."""

    directory: Path
    # prints the keys, in place of the files: of a hardware module, or of a service that keeps keys
    command: str | None = None
    ciphers: str = AES.name


class KeyFiles(NamedTuple):
    """The keys of an installation as they were read."""

    seal_keys: dict[int, bytes]
    index_key: bytes
    document_keys: dict[int, bytes]


def seal_file(key_id: int) -> str:
    """The name of the file of a seal key."""
    return f"seal-{key_id}.key"


def is_seal_file(name: str) -> bool:
    """Whether the file of a seal key is called so."""
    return name.startswith("seal-")


def is_document_file(name: str) -> bool:
    """Whether the file of a key that signs documents is called so."""
    return name.startswith("document-")


def document_file(key_id: int) -> str:
    """The name of the file of a key that signs documents."""
    return f"document-{key_id}.key"


def read_keys(place: KeyPlace) -> KeyFiles:
    """The keys of an installation. Raises KeyringError, which names what is missing or malformed."""
    return _read_key_files(place.directory) if place.command is None else _said_by(place.command)


def _said_by(command: str) -> KeyFiles:
    """What a command prints: a line for each key, the name of its file and the key in base64.

    What it says besides is not shown: it might be a key.
    """
    try:
        printed = _printed_by(shlex.split(command))
    except (OSError, ValueError, IndexError) as error:
        raise KeyringError(f"LEDGER_KEYS_COMMAND: cannot be run ({type(error).__name__})") from None
    try:
        said = printed.decode()
    except UnicodeDecodeError:
        raise KeyringError("LEDGER_KEYS_COMMAND: it prints what is no text") from None
    found: dict[str, bytes] = {}
    for number, line in enumerate(said.splitlines(), start=1):
        name, _blank, key = line.strip().partition(" ")
        if name in found or not (name == INDEX_FILE or _is_key_file(name)):
            raise KeyringError(f"LEDGER_KEYS_COMMAND: line {number} names no key, or one for the second time")
        found[name] = _decoded(name, key)
    if INDEX_FILE not in found:
        raise KeyringError(f"LEDGER_KEYS_COMMAND: it says no {INDEX_FILE}")
    keys = KeyFiles({}, found.pop(INDEX_FILE), {})
    for name, value in found.items():
        numbered = keys.seal_keys if is_seal_file(name) else keys.document_keys
        numbered[_number_in(name)] = value
    if not keys.seal_keys:
        raise KeyringError(f"LEDGER_KEYS_COMMAND: it says no {FIRST_SEAL_FILE}, and no other seal key")
    return keys


def _printed_by(command: Sequence[str]) -> bytes:
    """What a command prints until it ends well. One that takes too long, or prints without end, is ended.

    Raises OSError, ValueError and IndexError for what cannot be run, KeyringError for the rest.
    """
    ends = time.monotonic() + _COMMAND_SECONDS
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            said = _read_until(process, ends)
            code = process.wait(max(ends - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            raise KeyringError(f"LEDGER_KEYS_COMMAND: no answer in {_COMMAND_SECONDS} seconds") from None
        finally:
            # whatever went wrong: nobody waits for one that goes on
            _end(process)
    if code:
        raise KeyringError(f"LEDGER_KEYS_COMMAND: it ended with {code}")
    return said


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command that goes on, with what it has started, as far as that has not left."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _read_until(process: subprocess.Popen[bytes], ends: float) -> bytes:
    """What a process prints until it has ended, whoever else still holds on to what it prints to.

    Raises KeyringError for too much, subprocess.TimeoutExpired.
    """
    said = bytearray()
    if process.stdout is None:
        raise AssertionError("it prints to us")
    while True:
        # asked before the pipe: what it printed last is there once it has ended
        has_ended = process.poll() is not None
        if select.select([process.stdout], [], [], 0 if has_ended else _LOOK_SECONDS)[0]:
            some = os.read(process.stdout.fileno(), _SAID_BYTES_MAX)
            said += some
            if not some:
                return bytes(said)
        elif has_ended:
            return bytes(said)
        if len(said) > _SAID_BYTES_MAX:
            raise KeyringError(f"LEDGER_KEYS_COMMAND: more than {_SAID_BYTES_MAX} bytes")
        if time.monotonic() > ends:
            raise subprocess.TimeoutExpired(process.args, _COMMAND_SECONDS)


def _read_key_files(directory: Path) -> KeyFiles:
    sealing = _read_keys(directory, "seal-*.key")
    if not sealing:
        raise KeyringError(f"{FIRST_SEAL_FILE}: missing, and there is no other seal key")
    return KeyFiles(sealing, _read_key(directory / INDEX_FILE), _read_keys(directory, DOCUMENT_FILES))


def make_missing_keys(directory: Path) -> None:
    """Make what is missing (directory 0700, files 0600). What is there is never replaced."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise KeyringError(f"{directory.name}: cannot be made ({error.strerror})") from None
    sealing = any(directory.glob("seal-*.key"))
    if not (directory / INDEX_FILE).exists():
        # The index key is made first of all: seal keys without it mean that it was lost, and a new one
        # would find nobody.
        if sealing:
            raise KeyringError(f"{INDEX_FILE}: missing, though there are seal keys: restore it")
        _write_new_key(directory / INDEX_FILE)
    if not sealing:
        _write_new_key(directory / FIRST_SEAL_FILE)
    if not have_document_key(directory):
        _write_new_key(directory / FIRST_DOCUMENT_FILE)


def have_keys(place: KeyPlace) -> bool:
    """Whether anything lies there that is called like a key, or a command is to say them."""
    directory = place.directory
    return place.command is not None or (directory / INDEX_FILE).exists() or any(directory.glob("seal-*.key"))


def are_whole(directory: Path) -> bool:
    """Whether an index key and a sealing key lie there, so that none would be made."""
    return (directory / INDEX_FILE).exists() and any(directory.glob("seal-*.key"))


def have_document_key(directory: Path) -> bool:
    """Whether a key that signs documents lies there, so that none would be made."""
    return any(directory.glob(DOCUMENT_FILES))


def read_private(path: Path) -> bytes:
    """The content of a file that nobody but its owner may read.

    Raises KeyringError when others may, and for what is no file; OSError when it cannot be read.
    """
    # not blocking: what is called like a key may be a pipe
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise KeyringError(f"{path.name}: not a file")
        if mode & _OTHERS:
            raise KeyExposedError(
                f"{path.name}: others than its owner may read it (mode {stat.S_IMODE(mode):03o}):"
                f" chmod 600 {path}"
            )
        return file.read(_FILE_BYTES_MAX)


def signing_key(path: Path, *, make: bool) -> Ed25519PrivateKey:
    """The Ed25519 key of a file of 32 bytes in base64; with `make` it is made where there is none.

    Raises KeyringError when it is missing, malformed, or others may read it.
    """
    if make and not path.exists():
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise KeyringError(f"{path.parent.name}: cannot be made ({error.strerror})") from None
        _write_new_key(path)
    return Ed25519PrivateKey.from_private_bytes(_read_key(path))


def _read_keys(directory: Path, pattern: str) -> dict[int, bytes]:
    """All keys whose files are called so, by the number in the name."""
    keys: dict[int, bytes] = {}
    for path in sorted(directory.glob(pattern)):
        # a file that is called wrong is not even read
        number = _number_in(path.name)
        keys[number] = _read_key(path)
    return keys


def _is_key_file(name: str) -> bool:
    found = _match_key_file(name)
    return found is not None and int(found[1]) <= KEY_ID_MAX


def _number_in(name: str) -> int:
    found = _match_key_file(name)
    if found is None or int(found[1]) > KEY_ID_MAX:
        raise KeyringError(f"{name}: the key id must be 1 to {KEY_ID_MAX}, without leading zeros")
    return int(found[1])


def _read_key(path: Path) -> bytes:
    try:
        text = read_private(path)
    except FileNotFoundError:
        raise KeyringError(f"{path.name}: missing") from None
    except OSError as error:
        raise KeyringError(f"{path.name}: cannot be read ({error.strerror})") from None
    return _decoded(path.name, text)


def _decoded(name: str, text: str | bytes) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        raise KeyringError(f"{name}: not base64") from None
    if len(key) != KEY_BYTES:
        raise KeyringError(f"{name}: must hold {KEY_BYTES} bytes in base64")
    return key


def _write_new_key(path: Path) -> None:
    """Write a random key under a name nobody has yet; if another process was first, keep its key."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            # A link, unlike a rename, never replaces a file; the key appears whole or not at all.
            os.link(draft, path)
        except FileExistsError:
            return
        finally:
            draft.unlink(missing_ok=True)
        _sync_directory(path.parent)
    except OSError as error:
        raise KeyringError(f"{path.name}: cannot be written ({error.strerror})") from None


def _sync_directory(directory: Path) -> None:
    """Make new names in the directory survive a power cut: data sealed with a lost key is lost."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
