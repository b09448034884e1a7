"""Making a proof: what the last seal holds of an account, for somebody who trusts nobody of ours.

A proof is about the newest day of the log, whatever was written since: the book goes on, and what was sealed
of it stays true. It is made of what lies under `seals/` and `sealed/` alone, looked into and not read whole,
and it is checked, by the program that is handed out for it, before it leaves.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ledger.book.numbers import account_no
from ledger.money import format_yuan
from ledger.refusals import RefusalCode, Refused
from ledger.seals.kept import BALANCES, BOOKS, KeptTree, RowsOf, RowT
from ledger.seals.merkle import path_among
from ledger.seals.notes import COSIGNATURE, Note, NoteProblem, Verifier, read_checkpoint
from ledger.seals.proof_check import encoded, problems, statement_digest
from ledger.seals.sealing import Log
from ledger.seals.tiles import (
    CHECKPOINT,
    KEY,
    read_hashes,
    read_key_file,
    read_last_entry,
    read_note_file,
)
from ledger.vault import Keyring

WITNESSES_MAX: Final = 8
"""How many cosignatures a proof carries at most: each is 140 bytes of it."""
# a seal that ends meanwhile lets go of the rows of the one before; two in a row do not
_TRIES: Final = 3


class _Cosigned(NamedTuple):
    """A witness that signed the checkpoint too, and its line."""

    verifier: Verifier
    line: str


def prove(log: Log, keyring: Keyring, book_id: int, year: int) -> bytes:
    """The proof of what an account held on 31 December by value dates, in the bytes that are answered.

    Raises Refused(statement_not_sealed) where the last seal says nothing of that year of the account, and
    NoteProblem where the log or what is kept beside it is not whole.
    """
    for _ in range(_TRIES):
        try:
            # where nothing was sealed both are missing
            if (log.folder / CHECKPOINT).exists() or log.begun.exists():
                return _made(log, keyring, book_id, year)
            raise Refused(RefusalCode.STATEMENT_NOT_SEALED, at="year")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise NoteProblem(f"what was sealed: {error.strerror}") from None
    raise NoteProblem("the rows of the newest seal are missing, or their roots")


def _made(log: Log, keyring: Keyring, book_id: int, year: int) -> bytes:
    verifier = log.verifier()
    checkpoint, note = read_checkpoint(read_note_file(log.folder / CHECKPOINT), verifier)
    size = checkpoint.size
    entry = read_last_entry(log.folder, size) if size else b"{}"
    if not _says_all(entry):
        raise Refused(RefusalCode.STATEMENT_NOT_SEALED, at="year")
    with log.kept.tree(BOOKS, size, keyring) as books, log.kept.tree(BALANCES, size, keyring) as balances:
        book, balance = books.find(book_id), balances.find(book_id)
        if book is None or balance is None:
            raise Refused(RefusalCode.STATEMENT_NOT_SEALED, at="year")
        if balance[1].year != year:
            # an account has one sealed year, its last finished one
            raise Refused(RefusalCode.STATEMENT_NOT_SEALED, at="year", sealed_year=balance[1].year)
        parts = _part(books, BOOKS, keyring, *book), _part(balances, BALANCES, keyring, *balance)
    row = book[1]
    said: dict[str, Any] = {
        "account_no": account_no(book_id),
        "year": year,
        "entries": row.seq,
        "closing": format_yuan(balance[1].fen),
    }
    cosigned = list(_cosignatures(log, note))
    leaf, salt, *rest = parts[0].items()
    content = encoded(
        {
            "statement": said | {"digest": statement_digest(said, row.head).hex()},
            "checkpoint": str(Note(note.text, [*_of_log(note, verifier), *(one.line for one in cosigned)])),
            "day": _day(log, entry, size),
            "book": dict((leaf, salt, ("head", row.head.hex()), *rest)),
            "balance": parts[1],
        }
    )
    found = problems(content, str(verifier), [str(one.verifier) for one in cosigned])
    if found:
        # the files are not of one installation, or were changed: a proof that does not hold helps nobody
        raise NoteProblem(f"what was sealed does not prove itself: {found[0].code} at {found[0].where}")
    return content


def _says_all(entry: bytes) -> bool:
    """Whether a day says how many balances it is over: the first ones did not."""
    try:
        day: object = json.loads(entry)
    except (ValueError, RecursionError):
        day = None
    # nothing has held it to the checkpoint yet: it may be any JSON
    if not isinstance(day, dict):
        raise NoteProblem("the last entry of the log is cut")
    return "balances" in day


def _day(log: Log, entry: bytes, size: int) -> Mapping[str, Any]:
    def hashes(level: int, first: int, count: int) -> Sequence[bytes]:
        return read_hashes(log.folder, size, level, first, count)

    return {
        "entry": base64.b64encode(entry).decode(),
        "index": size - 1,
        "size": size,
        "path": [hashed.hex() for hashed in path_among(size - 1, size, hashes)],
    }


def _part(
    tree: KeptTree[RowT], of: RowsOf[RowT], keyring: Keyring, place: int, row: RowT
) -> Mapping[str, Any]:
    return {
        "leaf": of.leaf(keyring, row).hex(),
        "salt": of.salt(keyring, row).hex(),
        "index": place,
        "size": tree.size,
        "path": [hashed.hex() for hashed in tree.path(place)],
    }


def _of_log(note: Note, verifier: Verifier) -> list[str]:
    return [line for line in note.lines if line.startswith(f"— {verifier.name} ")]


def _cosignatures(log: Log, note: Note) -> Iterator[_Cosigned]:
    """The lines of witnesses that signed this very checkpoint, by their names; older ones are passed over."""
    found: dict[str, _Cosigned] = {}
    for folder in sorted(log.witnesses.iterdir()) if log.witnesses.is_dir() else ():
        try:
            verifier = Verifier.parse(read_key_file(folder / KEY))
            signed = Note.parse(read_note_file(folder / CHECKPOINT))
            signed.check(verifier)
        except NoteProblem:
            # on its way here, or none: the next one counts
            continue
        if verifier.kind == COSIGNATURE and signed.text == note.text:
            [line, *_] = _of_log(signed, verifier)
            found[verifier.name] = _Cosigned(verifier, line)
    yield from [found[name] for name in sorted(found)[:WITNESSES_MAX]]
