"""A witness: a small program on another machine that remembers the log, and signs what only grew.

It keeps the last checkpoint that it signed, and signs another one only when the log of now begins with that
of then. So whoever shows two logs to two people needs the witness to have forgotten; and it does not begin
anew where it has signed before, goes on from nothing that it has not signed itself, and signs one at a time.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.seals.merkle import consistency_path, is_consistent, root_of
from ledger.seals.notes import (
    COSIGNATURE,
    Checkpoint,
    Note,
    NoteProblem,
    Signer,
    Verifier,
    named_after,
    read_checkpoint,
)
from ledger.seals.tiles import (
    CHECKPOINT,
    KEY,
    alone,
    hashes_of,
    put_in_place,
    read_entries,
    read_key_file,
    read_note_file,
    write_whole,
)
from ledger.vault import signing_key

PRIVATE: Final = "witness.key"
# what the key is called until it has signed once: cut off before, it begins again
_FIRST: Final = "witness.key.first"


class Inconsistent(Exception):
    """What is shown is not the log that was signed before, or an older one of it. In a line."""


class Witnessed(NamedTuple):
    """What was signed: the log, how many entries it has, and how many it had before; None at first."""

    origin: str
    size: int
    before: int | None


def witness(state: Path, seals: Path, key: str, now: datetime) -> Witnessed:
    """Sign the checkpoint in `seals`, if the log only grew; it is then `checkpoint` in `state`.

    Raises Inconsistent, NoteProblem for what cannot be read or is not signed by the log's key, KeyringError.
    """
    verifier = Verifier.parse(key)
    checkpoint, note = read_checkpoint(read_note_file(seals / CHECKPOINT), verifier)
    hashes = hashes_of(read_entries(seals, checkpoint.size))
    if root_of(hashes) != checkpoint.root:
        raise Inconsistent("the entries that are published are not those of the checkpoint")
    # of two at once neither would know of what the other signs
    with alone(state, Inconsistent("another process signs for this witness: run it again")):
        before = _before(state, verifier)
        if before is not None:
            _hold_to(before, checkpoint, hashes)
        # the key only now: who is shown a wrong log at first has begun nothing
        signer = _signer(state, make=before is None)
        signed = Note(note.text, [*_of_log(note, verifier), signer.line(note.text, now)])
        write_whole(state / KEY, f"{signer.verifier}\n".encode())
        write_whole(state / CHECKPOINT, str(signed).encode())
        if not (state / PRIVATE).exists():
            put_in_place(state / _FIRST, state / PRIVATE)
    return Witnessed(checkpoint.origin, checkpoint.size, None if before is None else before.size)


def _before(state: Path, verifier: Verifier) -> Checkpoint | None:
    """What it signed last. Raises Inconsistent where it has signed and has forgotten what."""
    if (state / CHECKPOINT).exists():
        checkpoint, note = read_checkpoint(read_note_file(state / CHECKPOINT), verifier)
        try:
            note.check(_signer(state, make=False).verifier)
        except NoteProblem:
            raise Inconsistent(
                "the checkpoint in the state of this witness is not one that it has signed: put its own back"
            ) from None
        return checkpoint
    is_cut_off = (state / _FIRST).exists() and not (state / PRIVATE).exists()
    if not is_cut_off and ((state / KEY).exists() or (state / PRIVATE).exists()):
        raise Inconsistent(
            "the state of this witness is lost: put its checkpoint back, or begin another witness"
        )
    return None


def _signer(state: Path, *, make: bool) -> Signer:
    """What it signs with. Raises KeyringError where the key is gone and none is to be made."""
    is_first = not (state / PRIVATE).exists() and (make or (state / _FIRST).exists())
    private = signing_key(state / (_FIRST if is_first else PRIVATE), make=make)
    return Signer(_name_of(state, private), private, COSIGNATURE)


def _hold_to(before: Checkpoint, now: Checkpoint, hashes: list[bytes]) -> None:
    if now.size < before.size:
        raise Inconsistent(f"the log has {now.size} entries, and had {before.size}")
    if before.size and not is_consistent(
        before.size, now.size, consistency_path(before.size, hashes), before.root, now.root
    ):
        raise Inconsistent(f"the log does not begin with the {before.size} entries that were signed")


def _of_log(note: Note, verifier: Verifier) -> list[str]:
    """The lines of the log's own key: of those of others a witness says nothing."""
    return [line for line in note.lines if line.startswith(f"— {verifier.name} ")]


def _name_of(state: Path, private: Ed25519PrivateKey) -> str:
    """The name under which it signs, which stays: as its key says, or one made of it at first."""
    if (state / KEY).exists():
        return Verifier.parse(read_key_file(state / KEY)).name
    return named_after("witness", private)
