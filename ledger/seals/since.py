"""Holding the ledger against a checkpoint that somebody kept: what was cut off, put back or written anew.

It costs a look at the end of each book and the entries since; the rules of the entries are for `verify`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection

from ledger.book.chain import genesis
from ledger.seals.kept import BALANCES, BOOKS, READS, Beside, RowsOf, RowT, SealedBook
from ledger.seals.looking import (
    StandingBook,
    digests,
    follow,
    heads_of_reads,
    how_many,
    not_readable,
    standing,
)
from ledger.seals.merkle import Growing, leaf_hash, root_of
from ledger.seals.notes import Checkpoint, NoteProblem, Verifier, read_checkpoint
from ledger.seals.sealing import Log
from ledger.seals.tiles import hashes_of
from ledger.vault import Keyring
from ledger.verify.finding import Finding, book_name, line_name

FINDINGS_MAX: Final = 100
_THE_LOG: Final = "seals"


class HeldAgainst(NamedTuple):
    """What came of it: how many days the kept checkpoint has, and the log now; what was looked at."""

    kept: int
    size: int
    books: int
    entries_since: int
    findings: list[Finding]
    findings_total: int


class _Found:
    """Findings, of which the first ones are told."""

    def __init__(self) -> None:
        self.told: list[Finding] = []
        self.total = 0

    def add(self, code: str, where: str, what: str) -> None:
        self.total += 1
        if len(self.told) < FINDINGS_MAX:
            self.told.append(Finding(code, where, what))


def hold_against(
    connection: Connection,
    keyring: Keyring,
    log: Log,
    content: bytes,
    verifier: Verifier,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> HeldAgainst:
    """Hold the ledger against a kept checkpoint. `connection` reads one snapshot.

    Raises NoteProblem when what was kept is no checkpoint of this key.
    """
    kept, _note = read_checkpoint(content, verifier)
    found = _Found()
    entries = _entries(log, verifier, kept, found)
    size = len(entries) if entries is not None else 0
    books = entries_since = 0
    if entries is not None and 0 < kept.size <= size:
        with connection.begin():
            books, entries_since = _hold_books(connection, keyring, log, kept.size, entries, found, progress)
    return HeldAgainst(kept.size, size, books, entries_since, found.told, found.total)


def _entries(log: Log, verifier: Verifier, kept: Checkpoint, found: _Found) -> list[bytes] | None:
    """The entries of the log, if it is whole; what of the kept checkpoint they do not bear out is found."""
    try:
        now, entries = log.read(verifier)
    except NoteProblem as problem:
        found.add("seal_log_broken", _THE_LOG, str(problem))
        return None
    if now.size < kept.size:
        found.add("seal_log_rolled_back", _THE_LOG, f"the log has {now.size} days, and had {kept.size}")
    elif root_of(hashes_of(entries[: kept.size])) != kept.root:
        found.add("seal_log_rewritten", _THE_LOG, f"the first {kept.size} days are not those that were kept")
    return entries


def _hold_books(
    connection: Connection,
    keyring: Keyring,
    log: Log,
    size: int,
    entries: list[bytes],
    found: _Found,
    progress: Callable[[int, int], None],
) -> tuple[int, int]:
    """Hold the books against what was sealed on the last of so many days. How many, and what since."""
    tree = Growing()
    books = entries_since = 0
    if broken := not_readable(connection):
        for one in broken:
            what = f"{one.rows} of its values cannot be read: no book was looked at"
            found.add("value_unreadable", str(one), what)
        return 0, 0
    of = how_many(connection)
    try:
        sealed = Beside(_grown(BOOKS, log.kept.rows(BOOKS, size), keyring, tree))
        for page in standing(connection):
            since: list[SealedBook] = []
            for book in page:
                _missing(sealed.before(book.book_id), found)
                row: SealedBook | None = sealed.at(book.book_id)
                # of a book that was opened since nothing is sealed: its chain is made from the beginning
                since.append(row or SealedBook(book.book_id, 0, genesis(book.book_id)))
            entries_since += _hold_page(connection, page, since, found)
            books += len(page)
            progress(books, of)
        _missing(sealed.rest(), found)
        _hold_root("books_root", tree, entries[size - 1], found)
        tree = Growing()
        for _row in _grown(BALANCES, log.kept.rows(BALANCES, size), keyring, tree):
            pass
        _hold_root("balances_root", tree, entries[size - 1], found)
        _hold_reads(connection, keyring, log, size, entries[size - 1], found)
    except NoteProblem as problem:
        found.add("sealed_rows_broken", _THE_LOG, str(problem))
    return books, entries_since


def _grown(of: RowsOf[RowT], rows: Iterator[RowT], keyring: Keyring, tree: Growing) -> Iterator[RowT]:
    """The rows, each of which becomes a leaf as it is taken."""
    for row in rows:
        tree.add(leaf_hash(of.leaf(keyring, row)))
        yield row


def _hold_page(
    connection: Connection, page: Sequence[StandingBook], since: Sequence[SealedBook], found: _Found
) -> int:
    there = digests(connection, [(row.book_id, row.seq) for row in since if row.seq])
    whole: list[SealedBook] = []
    for row in since:
        if not row.seq or there.get(row.book_id) == row.head:
            whole.append(row)
        elif row.book_id in there:
            what = "is another entry than was sealed"
            found.add("sealed_entry_changed", line_name(row.book_id, row.seq), what)
        else:
            what = "was sealed, and is not there"
            found.add("sealed_entry_missing", line_name(row.book_id, row.seq), what)
    heads = {book.book_id: book.head for book in page}
    entries, broken = follow(connection, whole, {row.book_id: heads[row.book_id] for row in whole})
    for one in broken:
        where = line_name(one.book_id, one.seq) if one.seq else book_name(one.book_id)
        what = "is not what the entries before it make of it" if one.seq else "ends with another head"
        found.add("digest_wrong", where, what)
    return entries


def _hold_reads(
    connection: Connection, keyring: Keyring, log: Log, size: int, entry: bytes, found: _Found
) -> None:
    """Hold the read log against how far it was on that day."""
    if "reads_root" not in json.loads(entry):
        # a day of an older version
        return
    tree = Growing()
    # one for each process and day
    rows = list(_grown(READS, log.kept.rows(READS, size), keyring, tree))
    heads = heads_of_reads(connection, [(row.chain_id, row.seq) for row in rows])
    for row in rows:
        head = heads.get(row.chain_id)
        where = f"read {row.chain_id}-{row.seq}"
        if head is None:
            found.add("sealed_read_missing", where, "was sealed, and is not there")
        elif head != row.head:
            found.add("sealed_read_changed", where, "is another read than was sealed")
    _hold_root("reads_root", tree, entry, found)


def _missing(rows: Iterable[SealedBook], found: _Found) -> None:
    for row in rows:
        found.add("sealed_book_missing", book_name(row.book_id), "was sealed, and is not there")


def _hold_root(name: str, tree: Growing, entry: bytes, found: _Found) -> None:
    if tree.root().hex() != json.loads(entry).get(name):
        what = f"what is kept of the last day is not what its {name} was made of"
        found.add("sealed_rows_changed", _THE_LOG, what)
