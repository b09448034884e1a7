"""Books of registers: policies, callers and whatever else decides, so that the chain covers these rows too.

Whoever writes such a row appends an entry to the book of its register, in the transaction that writes the
row. The entry's detail has the table, the key of the row and a digest over its content, so that `verify`
finds a row that was changed, taken away, or never recorded. The entries are written as those of all books
are: under the lock of the book, by `write_batch`.

A book is opened by its first use, or by `migrate`, and then records what was there before. A row that comes
later is recorded by who writes it and by nobody else: so nothing vouches for what others put there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, RowMapping, insert, select

from ledger import tables
from ledger.book.chain import genesis, microseconds
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.bound import SINCE
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.registers import Register
from ledger.clock import day_of
from ledger.database.direct import RoundTrip
from ledger.database.locks import wait_for_turn
from ledger.posting.book_reads import lock_books
from ledger.posting.writes import Decided, write_batch

RegisterRow = Mapping[str, Any] | RowMapping
"""A row by the names of its columns."""

FORMAT: Final = 1
# A register has no pockets and earns no interest, and nobody's policy is behind what it says.
_NO_INTEREST: Final = 9999
_NOBODY: Final = (0, 0, 0, None, None)
_AT_ONCE: Final = 2_000


class RegisterTable:
    """A table whose rows a register vouches for, as its owner declares it.

    Parameters
    ----------
    table
        Its name.
    key
        The columns by which an entry names a row.
    columns
        The columns that the digest covers.
    only
        Which of its rows belong to the register, where not all do.
    """

    def __init__(
        self,
        table: str,
        key: Sequence[str],
        columns: Sequence[str],
        *,
        only: Callable[[RegisterRow], bool] | None = None,
    ) -> None:
        self.table = table
        self.key = tuple(key)
        self.columns = tuple(columns)
        self.only = only

    def rows(self, connection: Connection) -> Iterator[RegisterRow]:
        """The rows that the register vouches for, in the order of their keys."""
        its = tables.metadata.tables[self.table].c
        query = select(*(its[name] for name in self.columns)).order_by(*(its[name] for name in self.key))
        for row in connection.execute(query.execution_options(yield_per=_AT_ONCE)).mappings():
            if self.only is None or self.only(row):
                yield row

    def one(self, connection: Connection, key: str) -> RegisterRow:
        """The row of a key of one column, as it stands."""
        its = tables.metadata.tables[self.table].c
        query = select(*(its[name] for name in self.columns)).where(its[self.key[0]] == key)
        return connection.execute(query).mappings().one()

    def name(self, row: RegisterRow) -> str:
        """What a row is called in its entry."""
        return "/".join(str(_plain(row[name])) for name in self.key)

    def digest(self, row: RegisterRow) -> str:
        """SHA-256 over the content as canonical JSON: instants in microseconds, days as they are written,
        digests in hex.
        """
        told = [_plain(row[name]) for name in self.columns]
        content = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        return sha256(content.encode()).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return microseconds(value)
    if isinstance(value, bytes | memoryview):
        return value.hex()
    return value.isoformat() if isinstance(value, date) else value


class RegisterKind(NamedTuple):
    """A register, and the tables whose rows stand in its book."""

    register: Register
    tables: tuple[RegisterTable, ...]


class RegisterBook:
    """The book of a register, locked until the transaction ends; what is recorded is written by `write`."""

    def __init__(self, connection: Connection, kind: RegisterKind, now: datetime) -> None:
        """Lock it; one that nobody opened yet is opened, and records what is there."""
        self._connection = connection
        self._kind = kind
        self._book, self._now = self._locked(now)

    def _locked(self, now: datetime) -> tuple[Book, datetime]:
        book_id = self._kind.register.book_id
        found = lock_books(self._connection, {book_id})[0].get(book_id)
        if found is None:
            # of two who open it at once the second finds what the first has made
            wait_for_turn(self._connection, f"register-{self._kind.register.word}")
            found = lock_books(self._connection, {book_id})[0].get(book_id)
        if found is not None:
            # no book runs backwards, however the clocks of two machines stand
            return found, max(now, found.recorded_at or now)
        book = Book(
            book_id, 0, 0, 0, 0, None, 0, 0, SINCE, None,
            SINCE.year, _NO_INTEREST, 0, Stage.ACTIVE, genesis(book_id),
        )  # fmt: skip
        book.add(Draft(Kind.OPENING, SINCE, detail=pack(area=0, register=self._kind.register.word)))
        self._book, self._now = book, now
        for one in self._kind.tables:
            for row in one.rows(self._connection):
                self.record(one, row, before=True)
        return book, now

    def enter(self, one: RegisterTable, row: RegisterRow) -> bool:
        """Write a row down, and say so, unless one with its key is there; whether it was written.

        Whoever writes such rows has the lock of the book, so nobody comes between the look and the writing.
        """
        table = tables.metadata.tables[one.table]
        same = [table.c[name] == row[name] for name in one.key]
        if self._connection.execute(select(table.c[one.key[0]]).where(*same)).first() is not None:
            return False
        self._connection.execute(insert(table), dict(row))
        if one.only is None or one.only(row):
            self.record(one, row)
        return True

    def record(self, one: RegisterTable, row: RegisterRow, **beside: Any) -> None:
        """Say what a row holds from now on."""
        told = pack(format=FORMAT, what=one.table, key=one.name(row), row=one.digest(row), **beside)
        self._book.add(Draft(Kind.REGISTER_ROW, day_of(self._now), detail=told))

    def write(self) -> None:
        """Write what was recorded, in the transaction that is under way."""
        book, drafts = self._book, self._book.drafts
        is_new = drafts[0].seq == 1 if drafts else False
        book.recorded_at = self._now
        for start in range(0, len(drafts), _AT_ONCE):
            some = drafts[start : start + _AT_ONCE]
            for draft in some:
                draft.recorded_at = self._now
            trip = RoundTrip(self._connection)
            fresh = {book.book_id} if is_new and start == 0 else set()
            write_batch(trip, {book.book_id: book}, fresh, [Decided([(book, some)], _NOBODY)], self._now)
            trip.send()


def open_registers(connection: Connection, kinds: Iterable[RegisterKind], now: datetime) -> None:
    """Open the books of registers that have none; outside a transaction.

    What an older version had written is recorded then, once: asked again, it changes nothing.
    """
    for kind in kinds:
        with connection.begin():
            RegisterBook(connection, kind, now).write()
