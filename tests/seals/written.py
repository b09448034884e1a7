"""A log of days that no database stands behind: rows of as many accounts as a test wants, sealed as ours are.

made = written(tmp_path, books=300, days=4)
content = made.prove(7)             the proof of the account at the eighth place
problems(content, made.key) == []
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.chart.parties import Party
from ledger.seals.kept import BALANCES, BOOKS, RowsOf, SealedBalance, SealedBook, Writing
from ledger.seals.merkle import Keeping, leaf_hash, root_of
from ledger.seals.notes import Checkpoint, Note, Signer
from ledger.seals.proving import prove
from ledger.seals.sealing import Log
from ledger.seals.tiles import hashes_of, write_tiles, write_whole
from ledger.seals.witness import witness
from tests.support.people import KEYRING

YEAR = 2025
NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@dataclass
class Written:
    """Such a log, and by which key it is known."""

    log: Log
    signer: Signer
    books: list[int]

    @property
    def key(self) -> str:
        return f"{self.signer.verifier}\n"

    def prove(self, place: int = 0) -> bytes:
        return prove(self.log, KEYRING, self.books[place], YEAR)

    def witnessed(self, state: Path) -> str:
        """Have a witness sign the checkpoint, and put what it shows where proofs take it from; its key."""
        witness(state, self.log.folder, self.key, NOW)
        there = self.log.witnesses / state.name
        there.mkdir(parents=True, exist_ok=True)
        for name in ("checkpoint", "key"):
            (there / name).write_bytes((state / name).read_bytes())
        return (state / "key").read_text()


def written(folder: Path, books: int, days: int = 1, name: str = "ledger-test") -> Written:
    """Seal so many accounts, of which every third has not finished a year, as the last of so many days."""
    log = Log(folder)
    numbers = [Party.PERSON.first + 7 * place + 1 for place in range(books)]
    rows = [
        SealedBook(number, place % 40 + 1, sha256(b"%d" % number).digest())
        for place, number in enumerate(numbers)
    ]
    balances = [
        SealedBalance(number, YEAR, 100 * place - 5) for place, number in enumerate(numbers) if place % 3 != 2
    ]
    day: dict[str, Any] = {"sums": {}}
    for of, kept in ((BOOKS, rows), (BALANCES, balances)):
        day |= {of.name: len(kept), f"{of.name}_root": _keep(log, of, days, kept).hex()}
    entries = [json.dumps({"day": number}).encode() for number in range(days - 1)]
    sealing(log, [*entries, json.dumps(day, separators=(",", ":")).encode()], name)
    return Written(log, Signer(name, PRIVATE), numbers)


def _keep(log: Log, of: RowsOf[Any], size: int, rows: list[Any]) -> bytes:
    tree = Keeping()
    with Writing(log.kept.whole(of, size)) as file:
        for row in rows:
            file.add(of, row)
            tree.add(leaf_hash(of.leaf(KEYRING, row)))
        file.keep()
    log.kept.keep_roots(of, size, tree)
    return tree.root()


def sealing(log: Log, entries: list[bytes], name: str) -> None:
    """Publish these days, signed."""
    signer = Signer(name, PRIVATE)
    write_tiles(log.folder, entries, 0)
    checkpoint = Checkpoint(name, len(entries), root_of(hashes_of(entries)))
    write_whole(log.folder / "key", f"{signer.verifier}\n".encode())
    note = Note(checkpoint.text, [signer.line(checkpoint.text)])
    write_whole(log.folder / "checkpoint", str(note).encode())
