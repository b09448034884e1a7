"""The log of days as files that any web server can carry, in the open format of C2SP: tlog-tiles.

Entries lie 256 to a file, each with its length in two bytes before it; hashes lie 256 to a file on every
level, each the root over 256 of the level below. What is not full yet lies beside it with its number. Files
that are full never change, and the checkpoint is written last: until then nobody looks for the new ones.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ledger.seals.merkle import HASH_BYTES, STRIDE, leaf_hash, root_of
from ledger.seals.notes import NOTE_BYTES_MAX, NoteProblem

TILE: Final = STRIDE
_LENGTH_BYTES: Final = 2
ENTRY_BYTES_MAX: Final = 256**_LENGTH_BYTES - 1
CHECKPOINT: Final = "checkpoint"
KEY: Final = "key"
_STEP: Final = 1000
_LOCK: Final = "lock"


def tile_path(kind: str, number: int, width: int) -> str:
    """The path of a file: `tile/0/x001/234` for the 1,234th, with `.p/5` behind where it has five alone."""
    high, low = divmod(number, _STEP)
    path = f"{low:03d}"
    while high:
        high, low = divmod(high, _STEP)
        path = f"x{low:03d}/{path}"
    return f"tile/{kind}/{path}" + (f".p/{width}" if width < TILE else "")


def levels(hashes: Sequence[bytes]) -> list[Sequence[bytes]]:
    """The leaf hashes, and above them, as long as 256 are full, the roots over these."""
    found = [hashes]
    while len(found[-1]) >= TILE:
        below = found[-1]
        found.append([root_of(below[at : at + TILE]) for at in range(0, len(below) - TILE + 1, TILE)])
    return found


def read_entries(folder: Path, size: int) -> list[bytes]:
    """The first so many entries of the log. Raises NoteProblem where one is not there, or cut."""
    entries: list[bytes] = []
    for number in range((size + TILE - 1) // TILE):
        entries += _entries_of(folder, number, min(TILE, size - number * TILE))
    return entries


def read_last_entry(folder: Path, size: int) -> bytes:
    """The last entry of a log with so many. Raises NoteProblem."""
    number, before = divmod(size - 1, TILE)
    return _entries_of(folder, number, before + 1)[-1]


def _entries_of(folder: Path, number: int, wanted: int) -> list[bytes]:
    found = _bundle(_content(folder, "entries", number, wanted))
    if len(found) < wanted:
        raise NoteProblem(f"{tile_path('entries', number, wanted)}: cut")
    return found[:wanted]


def read_hashes(folder: Path, size: int, level: int, first: int, count: int) -> list[bytes]:
    """Some hashes of a level of a log of a size, which lie in one tile. Raises NoteProblem."""
    number, place = divmod(first, TILE)
    wanted = min(TILE, size // STRIDE**level - number * TILE)
    content = _content(folder, str(level), number, wanted)
    hashes = [content[at : at + HASH_BYTES] for at in range(0, wanted * HASH_BYTES, HASH_BYTES)]
    if len(content) % HASH_BYTES or len(hashes[-1]) < HASH_BYTES:
        raise NoteProblem(f"{tile_path(str(level), number, wanted)}: cut")
    return hashes[place : place + count]


def _content(folder: Path, kind: str, number: int, wanted: int) -> bytes:
    # a file that is full by now has those of one that is not
    for path in (tile_path(kind, number, wanted), tile_path(kind, number, TILE)):
        try:
            return (folder / path).read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise NoteProblem(f"{path}: {error.strerror}") from None
    raise NoteProblem(f"{tile_path(kind, number, wanted)}: missing")


def _bundle(content: bytes) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while at + _LENGTH_BYTES <= len(content):
        end = at + _LENGTH_BYTES + int.from_bytes(content[at : at + _LENGTH_BYTES], "big")
        if end > len(content):
            break
        found.append(content[at + _LENGTH_BYTES : end])
        at = end
    return found


def hashes_of(entries: Sequence[bytes]) -> list[bytes]:
    """The leaf hashes of entries."""
    return [leaf_hash(entry) for entry in entries]


def write_tiles(folder: Path, entries: Sequence[bytes], known: int) -> None:
    """Write what changed since the log had so many entries, and have it on the disk."""
    changed: dict[str, bytes] = {}
    for number in range(known // TILE, (len(entries) + TILE - 1) // TILE):
        some = entries[number * TILE : (number + 1) * TILE]
        bundle = b"".join(len(one).to_bytes(_LENGTH_BYTES, "big") + one for one in some)
        changed[tile_path("entries", number, len(some))] = bundle
    before = [len(level) for level in levels(hashes_of(entries[:known]))]
    for place, level in enumerate(levels(hashes_of(entries))):
        first = (before[place] if place < len(before) else 0) // TILE
        for number in range(first, (len(level) + TILE - 1) // TILE):
            some = level[number * TILE : (number + 1) * TILE]
            changed[tile_path(str(place), number, len(some))] = b"".join(some)
    for path, content in changed.items():
        write_whole(folder / path, content)


def write_whole(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file so that it is there with all its content or as it was before, also after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    put_in_place(beside, path)


def put_in_place(beside: Path, path: Path) -> None:
    """Give a file that is on the disk its name, for good."""
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def alone(folder: Path, busy: Exception) -> Iterator[None]:
    """Have nobody else at work in a folder meanwhile. Raises `busy` when somebody is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        yield
    finally:
        os.close(descriptor)


def read_note_file(path: Path) -> bytes:
    """The content of a checkpoint or key. Raises NoteProblem."""
    try:
        with path.open("rb") as file:
            return file.read(NOTE_BYTES_MAX + 1)
    except OSError as error:
        raise NoteProblem(f"{path.name}: {error.strerror}") from None


def read_key_file(path: Path) -> str:
    """The text of a verifier key. Raises NoteProblem."""
    try:
        return read_note_file(path).decode()
    except UnicodeDecodeError:
        raise NoteProblem(f"{path.name}: no verifier key") from None
