"""Sealing: how far everything is goes into the log of days, as one entry that is signed and published."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from ledger.chart.sides import Side
from ledger.seals.kept import (
    BALANCES,
    BOOKS,
    READS,
    Beside,
    KeptRows,
    RowsOf,
    RowT,
    SealedBook,
    SealedReads,
    Writing,
)
from ledger.seals.looking import (
    AllBalances,
    StandingBook,
    balances,
    chains_of_reads,
    digests,
    heads_of_reads,
    how_many,
    moved,
    moved_since,
    not_readable,
    standing,
)
from ledger.seals.merkle import EMPTY_ROOT, Growing, Keeping, leaf_hash, root_of
from ledger.seals.notes import Checkpoint, Note, NoteProblem, Signer, Verifier, read_checkpoint
from ledger.seals.tiles import (
    CHECKPOINT,
    KEY,
    alone,
    hashes_of,
    read_entries,
    read_key_file,
    read_note_file,
    write_tiles,
    write_whole,
)
from ledger.vault import Keyring
from ledger.verify.finding import book_name

SEALS: Final = "seals"
SEALED: Final = "sealed"
WITNESSES: Final = "witnesses"
# there once a day was published: without it a checkpoint that is missing is the first one to come
_BEGUN: Final = "begun"


class SealProblem(Exception):
    """Nothing was sealed, and why, in one line."""


class SealedDay(NamedTuple):
    """What a run came to: the entries of the log now, and whether this run added one."""

    size: int
    added: bool
    books: int
    entries: int


@dataclass(slots=True)
class _Day:
    """What one snapshot of the ledger comes to."""

    books: int = 0
    entries: int = 0
    changed: int = 0
    books_root: bytes = b""
    balances: int = 0
    balances_root: bytes = b""
    reads: int = 0
    reads_root: bytes = b""
    sums: dict[str, int] | None = None


class Log:
    """The log of days of an installation, as its files say it is."""

    def __init__(self, data: Path) -> None:
        self.folder = data / SEALS
        self.kept = KeptRows(data / SEALED)

    @property
    def begun(self) -> Path:
        """The file that says that a day was published."""
        return self.kept.folder / _BEGUN

    @property
    def witnesses(self) -> Path:
        """Where `checkpoint` and `key` of each witness lie, in a folder of its own, once fetched."""
        return self.folder / WITNESSES

    def verifier(self) -> Verifier:
        """The key by which it is known. Raises NoteProblem."""
        return Verifier.parse(read_key_file(self.folder / KEY))

    def read(self, verifier: Verifier) -> tuple[Checkpoint, list[bytes]]:
        """Its checkpoint and its entries, held against each other. Raises NoteProblem."""
        checkpoint, _note = read_checkpoint(read_note_file(self.folder / CHECKPOINT), verifier)
        entries = read_entries(self.folder, checkpoint.size)
        if root_of(hashes_of(entries)) != checkpoint.root:
            raise NoteProblem("the entries of the log are not those that its checkpoint was signed over")
        return checkpoint, entries


def seal(
    connection: Connection,
    keyring: Keyring,
    log: Log,
    signer: Signer,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> SealedDay:
    """Add a day to the log, unless nothing was written since the last one.

    `connection` reads one snapshot. Raises SealProblem, also when what was sealed before is no longer there;
    NoteProblem when the log itself is not whole.
    """
    with alone(log.kept.folder, SealProblem("another process is sealing")):
        entries: list[bytes] = []
        if (log.folder / CHECKPOINT).exists():
            entries = log.read(signer.verifier)[1]
            log.begun.touch(mode=0o600)
        elif log.begun.exists():
            raise SealProblem(f"{SEALS}/{CHECKPOINT} is missing, and days were sealed: put it back")
        before: Mapping[str, Any] = json.loads(entries[-1]) if entries else {"sums": {}}
        size = len(entries)
        with ExitStack() as stack:
            writing = {
                (of.name, whole): stack.enter_context(
                    Writing(log.kept.whole(of, size + 1) if whole else log.kept.changes(of, size))
                )
                for of in (BOOKS, BALANCES, READS)
                for whole in (True, False)
            }
            with connection.begin():
                if broken := not_readable(connection):
                    raise SealProblem(f"{broken[0]}: not all of it can be read; see what `verify` says")
                reading = _Reading(connection, keyring, log.kept, size, writing, before)
                day = reading.day(progress)
            if entries and not day.changed:
                return SealedDay(size, False, day.books, day.entries)
            for one in writing.values():
                one.keep()
            for of, tree in (
                (BOOKS, reading.books_tree),
                (BALANCES, reading.balances_tree),
                (READS, reading.reads_tree),
            ):
                log.kept.keep_roots(of, size + 1, tree)
        entries.append(_entry_of(day))
        write_tiles(log.folder, entries, size)
        checkpoint = Checkpoint(signer.verifier.name, len(entries), root_of(hashes_of(entries)))
        note = Note(checkpoint.text, [signer.line(checkpoint.text)])
        write_whole(log.folder / KEY, f"{signer.verifier}\n".encode())
        write_whole(log.folder / CHECKPOINT, str(note).encode())
        log.begun.touch(mode=0o600)
        log.kept.let_go_of_older(len(entries))
    return SealedDay(len(entries), True, day.books, day.entries)


def _entry_of(day: _Day) -> bytes:
    """A day as the log has it."""
    said = {
        "books_root": day.books_root.hex(),
        "balances_root": day.balances_root.hex(),
        "reads_root": day.reads_root.hex(),
        "books": day.books,
        "balances": day.balances,
        "entries": day.entries,
        "reads": day.reads,
        "sums": day.sums or {},
    }
    return json.dumps(said, separators=(",", ":")).encode()


class _Reading:
    """One snapshot, gone through beside what was sealed before."""

    def __init__(
        self,
        connection: Connection,
        keyring: Keyring,
        kept: KeptRows,
        size: int,
        writing: Mapping[tuple[str, bool], Writing],
        before: Mapping[str, Any],
    ) -> None:
        self._connection, self._keyring, self._writing = connection, keyring, writing
        self._books = Beside(kept.rows(BOOKS, size))
        self._balances = Beside(kept.rows(BALANCES, size))
        self._reads = Beside(self._as_sealed(kept, size, before.get("reads_root")))
        # what was kept of the books and balances of the last day, as it is gone through
        self._was = {of.name: Keeping() for of in (BOOKS, BALANCES)}
        self._before = before
        self._sums = dict(before["sums"])
        self._is_first = not size
        # while the books of the first day are gone through, of which everything is asked, and so all at once
        self._all_balances: AllBalances | None = None
        self.books_tree, self.balances_tree, self.reads_tree = Keeping(), Keeping(), Keeping()

    def day(self, progress: Callable[[int, int], None]) -> _Day:
        day, of = _Day(), how_many(self._connection)
        with ExitStack() as asked:
            if self._is_first:
                self._add_up(moved(self._connection))
                self._all_balances = asked.enter_context(closing(AllBalances(self._connection)))
            for page in standing(self._connection):
                day.changed += self._take(page)
                day.books += len(page)
                day.entries += sum(book.seq for book in page)
                progress(day.books, of)
        for gone in self._books.rest():
            raise _gone(gone)
        for passed in self._balances.rest():
            self._was[BALANCES.name].add(self._leaf(BALANCES, passed))
        self._hold_roots()
        day.books_root, day.balances_root = self.books_tree.root(), self.balances_tree.root()
        day.balances = self.balances_tree.size
        day.reads = self._take_reads()
        day.reads_root = self.reads_tree.root()
        day.sums = {name: self._sums[name] for name in sorted(self._sums)}
        return day

    def _take(self, page: list[StandingBook]) -> int:
        """Take a page of books beside what was sealed of them; how many are new or went on."""
        books: list[tuple[StandingBook, SealedBook | None]] = []
        for book in page:
            for gone in self._books.before(book.book_id):
                raise _gone(gone)
            sealed = self._books.at(book.book_id)
            if sealed is not None and sealed.seq == book.seq and sealed.head != book.head:
                raise _rewritten(sealed)
            books.append((book, sealed))
        went_on = [(book, sealed) for book, sealed in books if sealed is None or sealed.seq != book.seq]
        self._hold_sealed([sealed for _book, sealed in went_on if sealed is not None])
        if self._all_balances is None:
            since = [(book.book_id, 0 if sealed is None else sealed.seq) for book, sealed in went_on]
            self._add_up(moved_since(self._connection, since))
            found = balances(self._connection, [book for book, _sealed in went_on])
        else:
            found = self._all_balances.of([book for book, _sealed in went_on])
        fresh = {one.book_id: one for one in found}
        for book, sealed in books:
            row = SealedBook(book.book_id, book.seq, book.head)
            self._put(BOOKS, self.books_tree, row, sealed)
            for passed in self._balances.before(book.book_id):
                self._was[BALANCES.name].add(self._leaf(BALANCES, passed))
            known = self._balances.at(book.book_id)
            balance = fresh.get(book.book_id, known)
            if balance is not None:
                self._put(BALANCES, self.balances_tree, balance, known)
        return len(went_on)

    def _add_up(self, by_side: Mapping[int, int]) -> None:
        for side, fen in by_side.items():
            name = Side(side).name.lower()
            self._sums[name] = self._sums.get(name, 0) + fen

    def _hold_roots(self) -> None:
        """What was kept of the last day must be what its roots were made of. Raises NoteProblem."""
        for name, tree in self._was.items():
            if tree.root().hex() != self._before.get(f"{name}_root", EMPTY_ROOT.hex()):
                raise _not_as_sealed(name)

    def _as_sealed(self, kept: KeptRows, size: int, root: str | None) -> Iterator[SealedReads]:
        """How far the read log was, as the last day says. Raises NoteProblem for what is not that.

        That files of it are missing is no sign by itself: an older version kept none, and its days no root.
        """
        # one for each process and day
        rows = list(kept.rows(READS, size))
        tree = Growing()
        for row in rows:
            tree.add(leaf_hash(READS.leaf(self._keyring, row)))
        if root is not None and tree.root().hex() != root:
            raise _not_as_sealed(READS.name)
        return iter(rows)

    def _take_reads(self) -> int:
        """Take how far the read log is; how many reads that are. What was sealed of it must be there."""
        reads = 0
        went_on: list[SealedReads] = []
        for chain in chains_of_reads(self._connection):
            for gone in self._reads.before(chain.chain_id):
                raise _reads_gone(gone)
            sealed = self._reads.at(chain.chain_id)
            if sealed is not None and sealed != chain:
                went_on.append(sealed)
            self._put(READS, self.reads_tree, chain, sealed)
            reads += chain.seq
        for gone in self._reads.rest():
            raise _reads_gone(gone)
        heads = heads_of_reads(self._connection, [(one.chain_id, one.seq) for one in went_on])
        for one in went_on:
            if heads.get(one.chain_id) != one.head:
                raise _reads_gone(one)
        return reads

    def _hold_sealed(self, sealed: list[SealedBook]) -> None:
        found = digests(self._connection, [(one.book_id, one.seq) for one in sealed])
        for one in sealed:
            if one.book_id not in found:
                raise _gone(one)
            if found[one.book_id] != one.head:
                raise _rewritten(one)

    def _put(self, of: RowsOf[RowT], tree: Keeping, row: RowT, sealed: RowT | None) -> None:
        """A row of today; `sealed` is what was kept in its place."""
        hashed = self._leaf(of, row)
        tree.add(hashed)
        self._writing[of.name, True].add(of, row)
        if row != sealed:
            self._writing[of.name, False].add(of, row)
        if sealed is not None and of.name in self._was:
            self._was[of.name].add(hashed if row == sealed else self._leaf(of, sealed))

    def _leaf(self, of: RowsOf[RowT], row: RowT) -> bytes:
        return leaf_hash(of.leaf(self._keyring, row))


def _not_as_sealed(name: str) -> NoteProblem:
    return NoteProblem(f"{SEALED}/{name}-*: not what the last {name}_root was made of: put it back")


def _gone(sealed: SealedBook) -> SealProblem:
    return SealProblem(
        f"{book_name(sealed.book_id)} no longer has its entry {sealed.seq}, which was sealed: nothing is"
        " sealed until `verify --since` is clean"
    )


def _reads_gone(sealed: SealedReads) -> SealProblem:
    return SealProblem(
        f"the read log has another read {sealed.chain_id}-{sealed.seq} than was sealed, or none: nothing is"
        " sealed until `verify --since` is clean"
    )


def _rewritten(sealed: SealedBook) -> SealProblem:
    return SealProblem(
        f"{book_name(sealed.book_id)} has another entry {sealed.seq} than was sealed: nothing is sealed"
        " until `verify --since` is clean"
    )
