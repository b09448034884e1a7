"""The heads of all books, written down at one moment: what a restored backup is held against.

A head is a digest over everything that a book says up to its last entry. Kept apart from the backup, the
heads tell whether what came back is the same book, how much newer it is, and what of it is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from sqlalchemy import Connection, func, select, tuple_

from ledger import tables
from ledger.book.numbers import SEQ_MAX, account_no, book_id_of

FORMAT: Final = 1
EXAMPLES_MAX: Final = 20
_CHUNK: Final = 1_000
# a line is shorter by far; one that is longer is not of such a file
_LINE_MAX: Final = 1_000
_LINE_END: Final = "\n"

_BOOK, _ENTRY = tables.book.c, tables.entry.c


class HeadsProblem(Exception):
    """A file of heads that cannot be read, in one line."""


class Head(NamedTuple):
    """How far a book was: its last entry and the digest of that."""

    book_id: int
    seq: int
    digest: bytes


@dataclass(slots=True)
class Compared:
    """What became of the books whose heads were written down; examples are their numbers."""

    books: int = 0
    same: int = 0
    # the same up to the head, and with entries after it
    newer: int = 0
    entries_newer: int = 0
    # not in the heads at all: opened since
    new_books: int = 0
    # gone, or ending before the head
    missing: int = 0
    # another entry stands where the head was
    different: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return not self.missing and not self.different


def write_heads(connection: Connection, file: TextIO, revision: str, now: datetime) -> int:
    """Write the head of every book as one JSON object, a book a line; how many there are.

    In bounded memory and one snapshot, in the order of the books' numbers.
    """
    file.write(f'{{"format": {FORMAT}, "revision": {json.dumps(revision)}, "heads": [\n')
    query = select(_BOOK.book_id, _BOOK.last_seq, _BOOK.head).order_by(_BOOK.book_id)
    books = entries = 0
    with connection.begin():
        for book_id, seq, digest in connection.execution_options(yield_per=_CHUNK).execute(query):
            line = json.dumps([account_no(book_id), seq, digest.hex()])
            file.write(f",\n{line}" if books else line)
            books += 1
            entries += seq
    end = {"books": books, "entries": entries, "taken_at": now.isoformat()}
    file.write(f"{_LINE_END if books else ''}], {json.dumps(end)[1:]}\n")
    return books


def read_heads(path: Path) -> Iterator[Head]:
    """The heads of a file, a line at a time. Raises HeadsProblem, also when the file was cut."""
    books = 0
    try:
        with path.open(encoding="ascii") as file:
            if not file.readline(_LINE_MAX).startswith(f'{{"format": {FORMAT}, '):
                raise HeadsProblem(f"{path.name}: not made by `python -m ledger heads`")
            while (line := file.readline(_LINE_MAX)).startswith("["):
                yield _head(line.rstrip("\n").removesuffix(","))
                books += 1
            end = json.loads("{" + line.removeprefix("], ")) if line.startswith("], ") else {}
    except OSError as error:
        raise HeadsProblem(f"{path.name}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise HeadsProblem(f"{path.name}: not made by `python -m ledger heads`") from None
    if end.get("books") != books:
        raise HeadsProblem(f"{path.name}: cut, its end is missing")


def _head(line: str) -> Head:
    match json.loads(line):
        # 1 and true are one to Python
        case [str(number), int(seq), str(digest)] if seq is not True and seq is not False:
            # a book begins with its first entry, and no database takes a number that is longer
            book_id = book_id_of(number) if 1 <= seq <= SEQ_MAX else None
        case _:
            book_id, seq, digest = None, 0, ""
    if book_id is None:
        raise ValueError("no head of a book")
    return Head(book_id, seq, bytes.fromhex(digest))


def compare(connection: Connection, heads: Iterator[Head]) -> Compared:
    """Hold the books of a database against heads that were written down. Raises HeadsProblem."""
    found = Compared()
    known = 0
    with connection.begin():
        while chunk := {head.book_id: head for head in islice(heads, _CHUNK)}:
            query = select(_BOOK.book_id, _BOOK.last_seq, _BOOK.head).where(_BOOK.book_id.in_(chunk))
            stands = {
                book_id: Head(book_id, seq, digest) for book_id, seq, digest in connection.execute(query)
            }
            known += len(stands)
            _compare(connection, chunk, stands, found)
        there = connection.scalar(select(func.count()).select_from(tables.book)) or 0
    found.new_books = there - known
    return found


def _compare(
    connection: Connection, written: Mapping[int, Head], stands: Mapping[int, Head], found: Compared
) -> None:
    """Judge the books of a chunk of heads."""
    longer = {head for head in written.values() if _seq(stands, head) > head.seq}
    digests = _digests(connection, longer)
    for head in written.values():
        found.books += 1
        seq = _seq(stands, head)
        if seq < head.seq:
            found.missing += 1
        elif digests.get(head.book_id, stands[head.book_id].digest) != head.digest:
            found.different += 1
        elif seq == head.seq:
            found.same += 1
            continue
        else:
            found.newer += 1
            found.entries_newer += seq - head.seq
            continue
        if len(found.examples) < EXAMPLES_MAX:
            found.examples.append(account_no(head.book_id))


def _seq(stands: Mapping[int, Head], head: Head) -> int:
    """The last entry of the book that stands now; 0 when there is none."""
    return stands[head.book_id].seq if head.book_id in stands else 0


def _digests(connection: Connection, heads: Iterable[Head]) -> dict[int, bytes]:
    """The digests of the entries that were heads, by book."""
    places = [(head.book_id, head.seq) for head in heads]
    query = select(_ENTRY.book_id, _ENTRY.digest).where(tuple_(_ENTRY.book_id, _ENTRY.seq).in_(places))
    return {row.book_id: row.digest for row in connection.execute(query)} if places else {}
