"""How far each book and each chain of the read log was, and what each balance, at every seal: kept apart from
what is published.

Of each seal there is what changed since the one before, and of the newest the whole, all by the number of
the book, with the roots over every 256 of them, so that a row and the way from it to the root are found
without reading the rest. The roots in the log cover it: whoever changes a row here changes a root. It names
books, so it is the installation's own, as the salts are that hide what stands in a published proof.
"""

from __future__ import annotations

import heapq
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Generic, NamedTuple, Self, TypeVar

from ledger.seals.merkle import HASH_BYTES, STRIDE, Keeping, leaf_hash, path_among
from ledger.seals.notes import NoteProblem
from ledger.seals.tiles import levels, put_in_place, write_whole
from ledger.vault import Keyring

SALT_BYTES: Final = 16


class SealedBook(NamedTuple):
    """How far a book was: its last entry and the digest of that."""

    book_id: int
    seq: int
    head: bytes


class SealedBalance(NamedTuple):
    """What an account held at the end of its last finished year, in fen."""

    book_id: int
    year: int
    fen: int


class SealedReads(NamedTuple):
    """How far a chain of the read log was: its last read and the digest of that."""

    chain_id: int
    seq: int
    head: bytes

    @property
    def book_id(self) -> int:
        """What it is kept by, as the others are by their book."""
        return self.chain_id


RowT = TypeVar("RowT", bound="SealedBook | SealedBalance | SealedReads")


class RowsOf(Generic[RowT]):
    """A kind of rows: how one is kept, and how it is a leaf of its tree."""

    def __init__(self, name: str, form: str, row: Callable[..., RowT], salted_by: int) -> None:
        self.name = name
        self.form = struct.Struct(form)
        self.row = row
        self._salted_by = salted_by

    def leaf(self, keyring: Keyring, row: RowT) -> bytes:
        """A salt that nobody else knows, and the row, numbers with the big end first."""
        return self.salt(keyring, row) + self.form.pack(*row)

    def salt(self, keyring: Keyring, row: RowT) -> bytes:
        """The same every day for what the row is about, so that it needs no place of its own."""
        about = "|".join(map(str, row[: self._salted_by]))
        return keyring.digest(f"seal-{self.name}", about)[:SALT_BYTES]


# signed, as the database has them: what stands there in a damaged book is kept too
BOOKS: Final = RowsOf("books", ">qi32s", SealedBook, salted_by=1)
BALANCES: Final = RowsOf("balances", ">qhq", SealedBalance, salted_by=2)
READS: Final = RowsOf("reads", ">qi32s", SealedReads, salted_by=1)


class KeptRows:
    """The rows of all seals in one folder, which nobody but its owner reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rows(self, of: RowsOf[RowT], size: int) -> Iterator[RowT]:
        """What stood when the log had so many entries, by the number of the book. Raises NoteProblem."""
        try:
            yield from _read(self.whole(of, size), of)
        except FileNotFoundError:
            # never kept, or let go of by the seal after it, which may come just now: then nothing was read
            yield from self._of_changes(of, size)

    def _of_changes(self, of: RowsOf[RowT], size: int) -> Iterator[RowT]:
        last: int | None = None
        changes = [self._by_age(of, number) for number in range(size)]
        # of one book the latest comes first, and counts
        for _place, row in heapq.merge(*changes, key=itemgetter(0)):
            if row.book_id != last:
                last = row.book_id
                yield row

    def _by_age(self, of: RowsOf[RowT], number: int) -> Iterator[tuple[tuple[int, int], RowT]]:
        path = self.changes(of, number)
        try:
            for row in _read(path, of):
                yield (row.book_id, -number), row
        except FileNotFoundError:
            # an older version kept none of reads; where they were kept their root tells that they are gone
            if of is not READS:
                raise NoteProblem(f"{path.name}: missing") from None

    def whole(self, of: RowsOf[Any], size: int) -> Path:
        """Where all rows of the log with so many entries lie; it may be missing."""
        return self.folder / f"{of.name}-whole-{size}"

    def changes(self, of: RowsOf[Any], number: int) -> Path:
        """Where the rows lie that an entry of the log brought."""
        return self.folder / f"{of.name}-{number}"

    def roots(self, of: RowsOf[Any], size: int) -> Path:
        """Where the roots over every 256 of all rows lie, and over every 256 of these, and so on."""
        return self.folder / f"{of.name}-roots-{size}"

    def keep_roots(self, of: RowsOf[Any], size: int, tree: Keeping) -> None:
        """Have the roots of a tree on the disk: of a million rows 126 KB."""
        content = b"".join(root for level in levels(tree.roots) for root in level)
        write_whole(self.roots(of, size), content, mode=0o600)

    @contextmanager
    def tree(self, of: RowsOf[RowT], size: int, keyring: Keyring) -> Iterator[KeptTree[RowT]]:
        """All rows of the newest seal, to be looked into.

        Raises NoteProblem; FileNotFoundError when a newer seal let go of them, or they are gone.
        """
        with self.whole(of, size).open("rb") as rows, self.roots(of, size).open("rb") as roots:
            yield KeptTree(of, keyring, rows, roots)

    def let_go_of_older(self, size: int) -> None:
        """Take away the whole rows of other sizes: they can be made of the changes."""
        for of in (BOOKS, BALANCES, READS):
            for kind, kept in (("whole", self.whole(of, size)), ("roots", self.roots(of, size))):
                for path in self.folder.glob(f"{of.name}-{kind}-*"):
                    if path.name != kept.name:
                        path.unlink(missing_ok=True)


class KeptTree(Generic[RowT]):
    """All rows of a seal, and the roots above them, in files of which no more is read than is asked for."""

    def __init__(self, of: RowsOf[RowT], keyring: Keyring, rows: BinaryIO, roots: BinaryIO) -> None:
        self._of, self._keyring, self._rows, self._roots = of, keyring, rows, roots
        self.size, rest = divmod(os.fstat(rows.fileno()).st_size, of.form.size)
        # where the roots of each level begin, by how many there are
        self._begins = [0]
        some = self.size // STRIDE
        while some:
            self._begins.append(self._begins[-1] + some)
            some //= STRIDE
        if rest or os.fstat(roots.fileno()).st_size != self._begins[-1] * HASH_BYTES:
            raise NoteProblem(f"{of.name}: the rows or the roots that are kept of them are cut")

    def find(self, book_id: int) -> tuple[int, RowT] | None:
        """The row of a book and its place, by halving; None where there is none."""
        low, high = 0, self.size
        while low < high:
            middle = (low + high) // 2
            [row] = self._some(middle, 1)
            if row.book_id == book_id:
                return middle, row
            if row.book_id < book_id:
                low = middle + 1
            else:
                high = middle
        return None

    def path(self, place: int) -> list[bytes]:
        """What proves that a row stands at its place."""
        return path_among(place, self.size, self._hashes)

    def _hashes(self, level: int, first: int, count: int) -> list[bytes]:
        if level == 0:
            return [leaf_hash(self._of.leaf(self._keyring, row)) for row in self._some(first, count)]
        at = (self._begins[level - 1] + first) * HASH_BYTES
        content = _piece(self._roots, at, count * HASH_BYTES)
        return [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)]

    def _some(self, first: int, count: int) -> list[RowT]:
        length = self._of.form.size
        content = _piece(self._rows, first * length, count * length)
        return [self._of.row(*values) for values in self._of.form.iter_unpack(content)]


def _piece(file: BinaryIO, at: int, length: int) -> bytes:
    content = os.pread(file.fileno(), length, at)
    if len(content) != length:
        raise NoteProblem(f"{Path(file.name).name}: cut")
    return content


def _read(path: Path, of: RowsOf[RowT]) -> Iterator[RowT]:
    """The rows of a file. Raises FileNotFoundError before the first, NoteProblem for what cannot be read."""
    try:
        with path.open("rb") as file:
            while content := file.read(of.form.size * 1024):
                if len(content) % of.form.size:
                    raise NoteProblem(f"{path.name}: cut")
                for values in of.form.iter_unpack(content):
                    yield of.row(*values)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise NoteProblem(f"{path.name}: {error.strerror}") from None


class Beside(Generic[RowT]):
    """Rows by the number of the book, gone through beside the books themselves."""

    def __init__(self, rows: Iterator[RowT]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def before(self, book_id: int) -> list[RowT]:
        """The rows of books with smaller numbers that were not taken. They are passed over."""
        passed: list[RowT] = []
        while self._next is not None and self._next.book_id < book_id:
            passed.append(self._next)
            self._next = next(self._rows, None)
        return passed

    def at(self, book_id: int) -> RowT | None:
        """Take the row of a book; None where there is none."""
        if self._next is None or self._next.book_id != book_id:
            return None
        found, self._next = self._next, next(self._rows, None)
        return found

    def rest(self) -> Iterator[RowT]:
        """The rows that are left."""
        while self._next is not None:
            yield self._next
            self._next = next(self._rows, None)


class Writing:
    """A file of rows on its way: it has its name once it is whole and on the disk, or never."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f"{path.name}.new")
        self._file: BinaryIO

    def __enter__(self) -> Self:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(descriptor, "wb", buffering=1 << 20)
        return self

    def add(self, of: RowsOf[RowT], row: RowT) -> None:
        self._file.write(of.form.pack(*row))

    def keep(self) -> None:
        """Have it on the disk under its name."""
        self._file.flush()
        os.fsync(self._file.fileno())
        put_in_place(self._beside, self._path)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._beside.unlink(missing_ok=True)
