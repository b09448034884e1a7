"""What a seal reads of the ledger: how far its books are, what their entries moved, what years ended with.

Read page by page inside one snapshot, in memory that does not grow with the books.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Connection, CursorResult, case, column, extract, func, select

from ledger import tables
from ledger.book.chain import TransferLine
from ledger.book.numbers import has_account
from ledger.chart.sides import POCKETS
from ledger.database.engines import is_postgresql
from ledger.database.lookups import Lookup
from ledger.database.readable import OutOfPlace, unreadable
from ledger.seals.kept import SealedBalance, SealedBook, SealedReads
from ledger.verify.walk import WalkedEntry

PAGE: Final = 1_000
_B, _E, _T = tables.book.c, tables.entry.c, tables.transfer.c
_L, _C = tables.read_log.c, tables.read_log_chain.c
_POCKETS: Final = ", ".join(str(int(side)) for side in sorted(POCKETS))

_DIGESTS = Lookup(
    "SELECT e.book_id, e.digest FROM {given} JOIN entry e ON e.book_id = given.book_id AND e.seq = given.seq",
    [_E.book_id, _E.digest],
    book_id="big",
    seq="int",
)
_HEADS_OF_READS = Lookup(
    "SELECT l.chain_id, l.head FROM {given}"
    " JOIN read_log l ON l.chain_id = given.chain_id AND l.seq = given.seq",
    [_L.chain_id, _L.head],
    chain_id="int",
    seq="int",
)
_MOVED = Lookup(
    "SELECT t.from_side, t.to_side, SUM(t.amount_fen) FROM {given} JOIN transfer t"
    " ON t.book_id = given.book_id AND t.seq > given.after GROUP BY t.from_side, t.to_side",
    [_T.from_side, _T.to_side, column("fen", BigInteger)],
    book_id="big",
    after="int",
)
_CLOSING = Lookup(
    f"SELECT e.book_id, SUM(CASE WHEN t.to_side IN ({_POCKETS}) THEN t.amount_fen ELSE 0 END"
    f" - CASE WHEN t.from_side IN ({_POCKETS}) THEN t.amount_fen ELSE 0 END)"
    " FROM {given} JOIN entry e ON e.book_id = given.book_id AND e.effective_on <= given.last"
    " JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq GROUP BY e.book_id",
    [_E.book_id, column("fen", BigInteger)],
    book_id="big",
    last="date",
)
_STORED: Final = tuple(name for name in WalkedEntry._fields if name != "transfers")
_SINCE = Lookup(
    f"SELECT {', '.join(f'e.{name}' for name in _STORED)} FROM {{given}} JOIN entry e"
    " ON e.book_id = given.book_id AND e.seq > given.after ORDER BY e.book_id, e.seq",
    [_E[name] for name in _STORED],
    book_id="big",
    after="int",
)
_MOVES_SINCE = Lookup(
    "SELECT t.book_id, t.seq, t.from_side, t.to_side, t.amount_fen, t.party_id FROM {given} JOIN transfer t"
    " ON t.book_id = given.book_id AND t.seq > given.after ORDER BY t.book_id, t.seq, t.line",
    [_T[name] for name in ("book_id", "seq", "from_side", "to_side", "amount_fen", "party_id")],
    book_id="big",
    after="int",
)


# The same of all that is there. Account by account their entries lie scattered, and to fetch them would take
# three times as long as to go over the tables and sort what they come to.
_ALL_MOVED = select(_T.from_side, _T.to_side, func.sum(_T.amount_fen)).group_by(_T.from_side, _T.to_side)
_ALL_CLOSING = (
    select(
        _B.book_id,
        func.sum(case((_T.to_side.in_(POCKETS), _T.amount_fen), else_=0))
        - func.sum(case((_T.from_side.in_(POCKETS), _T.amount_fen), else_=0)),
    )
    .join(
        tables.entry,
        (_E.book_id == _B.book_id) & (extract("year", _E.effective_on) <= _B.interest_year),
    )
    .join(tables.transfer, (_T.book_id == _E.book_id) & (_T.seq == _E.seq))
    .where(_B.interest_year >= extract("year", _B.opened_on))
    .group_by(_B.book_id)
    .order_by(_B.book_id)
    .execution_options(yield_per=PAGE)
)
# so many are sorted at once, in some 2 GB of files of the database
SORTED_AT_ONCE: Final = 10_000_000


class StandingBook(NamedTuple):
    """A book as it stands, and the last year that it has finished; None where there is none."""

    book_id: int
    seq: int
    head: bytes
    finished: int | None


def not_readable(connection: Connection) -> list[OutOfPlace]:
    """What of all that a seal reads cannot be read."""
    read = (tables.book, tables.entry, tables.transfer, tables.read_log, tables.read_log_chain)
    return unreadable(connection, read)


def how_many(connection: Connection) -> int:
    """How many books there are."""
    return connection.scalar(select(func.count()).select_from(tables.book)) or 0


def standing(connection: Connection) -> Iterator[list[StandingBook]]:
    """All books by their numbers, a page at a time."""
    query = select(_B.book_id, _B.last_seq, _B.head, _B.interest_year, _B.opened_on).order_by(_B.book_id)
    after: int | None = None
    while True:
        asked = query if after is None else query.where(_B.book_id > after)
        rows = connection.execute(asked.limit(PAGE)).all()
        if not rows:
            return
        yield [
            StandingBook(book_id, seq, bytes(head), _finished(book_id, year, opened_on))
            for book_id, seq, head, year, opened_on in rows
        ]
        after = rows[-1][0]


def _finished(book_id: int, interest_year: int, opened_on: date) -> int | None:
    return interest_year if has_account(book_id) and interest_year >= opened_on.year else None


def digests(connection: Connection, places: Sequence[tuple[int, int]]) -> Mapping[int, bytes]:
    """By book the digest of the entry at a place; of what is not there nothing."""
    return {book_id: bytes(found) for book_id, found in _DIGESTS.run(connection, places)}


def moved_since(connection: Connection, since: Sequence[tuple[int, int]]) -> Mapping[int, int]:
    """By side what entries behind (book, number) brought it, in fen."""
    return _by_side(_MOVED.run(connection, since))


def moved(connection: Connection) -> Mapping[int, int]:
    """By side what all entries that there are brought it, in fen."""
    return _by_side(connection.execute(_ALL_MOVED))


def _by_side(rows: Iterable[Sequence[int]]) -> Mapping[int, int]:
    sums: dict[int, int] = {}
    for source, target, fen in rows:
        sums[source] = sums.get(source, 0) - int(fen)
        sums[target] = sums.get(target, 0) + int(fen)
    return sums


def balances(connection: Connection, books: Sequence[StandingBook]) -> list[SealedBalance]:
    """What accounts held at the end of the last year that they finished, by their numbers."""
    years = {book.book_id: book.finished for book in books if book.finished is not None}
    asked = [(book_id, date(year, 12, 31).isoformat()) for book_id, year in years.items()]
    found = {book_id: int(fen) for book_id, fen in _CLOSING.run(connection, asked)}
    return [SealedBalance(book_id, year, found.get(book_id, 0)) for book_id, year in years.items()]


class AllBalances:
    """The same of all accounts, for whoever goes through all books by their numbers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        books, entries = connection.execute(select(func.count(), func.sum(_B.last_seq))).one()
        # of the books, in the order in which they come
        self._at_once = max(books * SORTED_AT_ONCE // max(entries or 0, 1), PAGE)
        self._left = 0
        self._rows: CursorResult[int, int] | None = None
        self._next: Sequence[int] | None = None
        if is_postgresql(connection):
            # all rows are wanted: PostgreSQL takes it that of a cursor few are, and fetches what comes first
            connection.execute(select(func.set_config("cursor_tuple_fraction", "1", True)))

    def of(self, books: Sequence[StandingBook]) -> list[SealedBalance]:
        """Those of some books, which are the ones that follow on all that were asked for before."""
        found: list[SealedBalance] = []
        for book in books:
            if not self._left:
                self._ask_from(book.book_id)
            self._left -= 1
            fen = 0
            if self._next is not None and self._next[0] == book.book_id:
                fen, self._next = int(self._next[1]), self._fetch()
            if book.finished is not None:
                found.append(SealedBalance(book.book_id, book.finished, fen))
        return found

    def close(self) -> None:
        """Let go of what was not asked for."""
        if self._rows is not None:
            self._rows.close()

    def _ask_from(self, first: int) -> None:
        self.close()
        self._left = self._at_once
        end = (
            select(_B.book_id).where(_B.book_id >= first).order_by(_B.book_id).offset(self._at_once).limit(1)
        )
        behind = self._connection.scalar(end)
        asked = _ALL_CLOSING.where(_B.book_id >= first)
        self._rows = self._connection.execute(asked if behind is None else asked.where(_B.book_id < behind))
        self._next = self._fetch()

    def _fetch(self) -> Sequence[int] | None:
        return None if self._rows is None else self._rows.fetchone()


def chains_of_reads(connection: Connection) -> list[SealedReads]:
    """How far each chain of the read log is that has a read: one for each process and day."""
    query = select(_C.chain_id, _C.last_seq, _C.head).where(_C.last_seq > 0).order_by(_C.chain_id)
    rows = connection.execute(query)
    return [SealedReads(chain_id, seq, bytes(head)) for chain_id, seq, head in rows]


def heads_of_reads(connection: Connection, places: Sequence[tuple[int, int]]) -> Mapping[int, bytes]:
    """By chain the digest of the read at a place; of what is not there nothing."""
    found: dict[int, bytes] = {}
    for start in range(0, len(places), PAGE):
        rows = _HEADS_OF_READS.run(connection, places[start : start + PAGE])
        found.update((chain_id, bytes(head)) for chain_id, head in rows)
    return found


class ChainBroken(NamedTuple):
    """The first entry of a book whose digest is not what its content makes; 0 where the book's end is not."""

    book_id: int
    seq: int


def follow(
    connection: Connection, since: Sequence[SealedBook], heads: Mapping[int, bytes]
) -> tuple[int, list[ChainBroken]]:
    """Make the chains of some books anew behind these heads, up to those that the books have.

    How many entries that were, and where one is not what the entry before it makes of it.
    """
    asked = [(book.book_id, book.seq) for book in since]
    moves: dict[tuple[int, int], list[TransferLine]] = {}
    for book_id, seq, source, target, fen, party in _MOVES_SINCE.run(connection, asked):
        moves.setdefault((book_id, seq), []).append((source, target, fen, party))
    at = {book.book_id: (book.seq, book.head) for book in since}
    broken: dict[int, ChainBroken] = {}
    entries = 0
    for book_id, seq, *stored in _SINCE.run(connection, asked):
        entries += 1
        line = WalkedEntry._make((book_id, seq, *stored, tuple(moves.get((book_id, seq), ()))))
        before, head = at[book_id]
        at[book_id] = seq, line.digest
        if seq != before + 1 or line.digest_behind(head) != line.digest:
            broken.setdefault(book_id, ChainBroken(book_id, seq))
    for book_id, head in heads.items():
        if at[book_id][1] != head:
            broken.setdefault(book_id, ChainBroken(book_id, 0))
    return entries, list(broken.values())
