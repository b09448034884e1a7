"""Every book of a range derived again from its entries, in two streams read side by side."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from itertools import groupby
from operator import attrgetter

from sqlalchemy import Connection, Row, select

from ledger import tables
from ledger.book.chain import TransferLine
from ledger.policy import Policy, PolicyError, load_policy
from ledger.verify.book_rules import BOOK_RULES
from ledger.verify.finding import UNREADABLE, Finding, book_name, line_name
from ledger.verify.rules import ENTRY_RULES
from ledger.verify.walk import Reference, Walk, WalkedEntry

_E, _T, _B = tables.entry.c, tables.transfer.c, tables.book.c
_LINE_COLUMNS = tuple(_E[name] for name in WalkedEntry._fields if name != "transfers")
_MOVE_COLUMNS = (_T.book_id, _T.seq, _T.from_side, _T.to_side, _T.amount_fen, _T.party_id)
_ROWS_AT_ONCE = 2_000

Books = dict[int, "Row[tuple[object, ...]]"]


def books_follow_from_their_entries(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Numbers without gaps, the chain from its beginning to the head, every balance, every rule of rules.py,
    and the row that all this makes. The first fault of a book is its finding: later ones may follow from it.
    """
    books: Books = {
        row.book_id: row
        for row in connection.execute(
            select(tables.book).where(_B.book_id.between(first, last)).order_by(_B.book_id)
        )
    }
    reference = read_reference(connection)
    moves = _Moves(connection, first, last)
    faulty: set[int] = set()
    for book_id, lines in groupby(_lines(connection, first, last, moves), key=attrgetter("book_id")):
        row = books.pop(book_id, None)
        if row is None:
            finding: Finding | None = Finding("book_missing", book_name(book_id), "its entries have no book")
        else:
            finding = _check(Walk.begin(book_id, reference), lines, row)
        if finding is not None:
            faulty.add(book_id)
            yield finding
    for book_id in books:
        faulty.add(book_id)
        yield Finding("entry_missing", line_name(book_id, 1), "is missing, and so are all others")
    for book_id, seq in moves.without_entry:
        if book_id not in faulty:
            faulty.add(book_id)
            yield Finding("transfer_without_entry", line_name(book_id, seq), "has transfers and is not there")


def _check(walk: Walk, lines: Iterator[WalkedEntry], row: Row[tuple[object, ...]]) -> Finding | None:
    """The first fault of a book."""
    for line in lines:
        expected = walk.last_seq + 1
        if line.seq != expected:
            what = f"is missing: the book goes on with entry {line.seq}"
            return Finding("entry_missing", line_name(walk.book_id, expected), what)
        fault = _entry_fault(walk, line)
        if fault is not None:
            return Finding(fault[0], line_name(walk.book_id, line.seq), fault[1])
    if row.last_seq != walk.last_seq:
        if row.last_seq > walk.last_seq:
            what = f"is missing: the account has {row.last_seq} entries"
            return Finding("entry_missing", line_name(walk.book_id, walk.last_seq + 1), what)
        what = f"the account has {row.last_seq} entries, and this is one more"
        return Finding("entry_surplus", line_name(walk.book_id, row.last_seq + 1), what)
    for code, book_rule in BOOK_RULES:
        wrong = book_rule(walk, row)
        if wrong is not None:
            return Finding(code, book_name(walk.book_id), wrong)
    return None


def _entry_fault(walk: Walk, line: WalkedEntry) -> tuple[str, str] | None:
    """The code and text of the first rule that an entry breaks; else the walk goes on past it."""
    code = "detail_unreadable"
    try:
        for code, rule in ENTRY_RULES:
            wrong = rule(walk, line)
            if wrong is not None:
                return code, wrong
        code = "detail_unreadable"
        walk.step(line)
    except UNREADABLE as error:
        return code, f"what it says cannot be read ({type(error).__name__})"
    return None


# -- reading -----------------------------------------------------------------------------------------------


class _Moves:
    """The transfers of a range of books, handed out entry by entry in the order of both streams."""

    def __init__(self, connection: Connection, first: int, last: int) -> None:
        rows = connection.execute(
            select(*_MOVE_COLUMNS)
            .where(_T.book_id.between(first, last))
            .order_by(_T.book_id, _T.seq, _T.line)
            .execution_options(yield_per=_ROWS_AT_ONCE)
        )
        self._rows = iter(rows)
        self._next = next(self._rows, None)
        self.without_entry: list[tuple[int, int]] = []

    def of(self, name: tuple[int, int]) -> tuple[TransferLine, ...]:
        found: list[TransferLine] = []
        row = self._next
        while row is not None:
            book_id, seq, source, target, fen, party = row
            there = (book_id, seq)
            if there > name:
                break
            if there == name:
                found.append((source, target, fen, party))
            else:
                self.without_entry.append(there)
            row = next(self._rows, None)
        self._next = row
        return tuple(found)

    def finish(self) -> None:
        """Whatever is left belongs to no entry."""
        while self._next is not None:
            self.without_entry.append((self._next.book_id, self._next.seq))
            self._next = next(self._rows, None)


def _lines(connection: Connection, first: int, last: int, moves: _Moves) -> Iterator[WalkedEntry]:
    rows = connection.execute(
        select(*_LINE_COLUMNS)
        .where(_E.book_id.between(first, last))
        .order_by(_E.book_id, _E.seq)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    for book_id, seq, *stored in rows:
        yield WalkedEntry._make((book_id, seq, *stored, moves.of((book_id, seq))))
    moves.finish()


def read_reference(connection: Connection) -> Reference:
    """The policies, agents and institutions there are."""
    policies: dict[int, Policy | None] = {}
    areas: dict[int, int] = {}
    table = tables.policy.c
    for version, area, stored_hash, content in connection.execute(
        select(table.version, table.area, table.hash, table.content)
    ):
        policies[version] = stored_policy(stored_hash, content)
        areas[version] = area
    return Reference(
        policies,
        areas,
        frozenset(connection.scalars(select(tables.agent.c.agent_id))),
        frozenset(connection.scalars(select(tables.institution.c.party_id))),
    )


# Kept as the same object, which is what the interest's own cache goes by.
@lru_cache(maxsize=64)
def stored_policy(stored_hash: str, content: str) -> Policy | None:
    """The policy that a row holds; None when it is not the one of its hash, or cannot be read."""
    if sha256(content.encode()).hexdigest() != stored_hash:
        return None
    try:
        return load_policy(content, "stored policy", complete=False)
    except PolicyError:
        return None
