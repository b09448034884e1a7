"""What posting reads beside the books: documents, keys, entries, institutions, and what commands ask for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, column

from ledger import tables
from ledger.book.chain import TransferLine
from ledger.book.state import Book
from ledger.chart.kinds import ANSWERED_BY_SOURCE, BOOKED_AGAIN, Kind
from ledger.database.lookups import Ask, Lookup
from ledger.posting.book_reads import read_books, read_days
from ledger.posting.command import Command
from ledger.posting.desk import Desk
from ledger.posting.institutions import institutions_named, read_institutions
from ledger.posting.needs import Asked, Need
from ledger.posting.outcomes import Answered, Posted, Receipt, Sourced

# the columns of a receipt, in the order of its fields (kind and transfers apart)
RECEIPT_COLUMNS = (
    "book_id",
    "seq",
    "kind",
    "period",
    "effective_on",
    "fact_on",
    "recorded_at",
    "current_year_after",
    "carried_over_after",
    "held_change",
    "reserved_change",
    "expires_at",
    "target_seq",
    "source_ref",
    "detail",
    "policy_version",
    "caller",
    "actor",
)
_E = tables.entry.c
ENTRY_FIELDS = ", ".join(f"e.{name}" for name in RECEIPT_COLUMNS)
ENTRY_RETURNS = [_E[name] for name in RECEIPT_COLUMNS]


# book, caller, key, kind and source_ref by which an entry may be found
SeenBy = tuple[int, int, str | None, int | None, str | None]


class _Seen(NamedTuple):
    """An entry that was found by a key or by a document."""

    by_key: bool
    key: str
    request_digest: bytes | None
    book_id: int
    seq: int
    kind: int
    # none of one that was found by its key and came without a document
    source_ref: Any
    # all of its RECEIPT_COLUMNS
    entry: list[Any]


_SOURCE_REF = RECEIPT_COLUMNS.index("source_ref")


def _seen(row: Sequence[Any]) -> _Seen:
    by_key, key, digest, *entry = row
    book_id, seq, kind = entry[:3]
    return _Seen(bool(by_key), key, digest, book_id, seq, kind, entry[_SOURCE_REF], entry)


# Both questions in one statement: which of these keys, and which of these documents, are in the book.
_SEEN = Lookup(
    f"SELECT 1 AS by_key, e.idempotency_key, e.request_digest, {ENTRY_FIELDS} FROM {{given}} JOIN entry e"
    " ON e.book_id = given.book_id AND e.caller = given.caller AND e.idempotency_key = given.key"
    f" UNION ALL SELECT 0, e.idempotency_key, e.request_digest, {ENTRY_FIELDS} FROM {{given}} JOIN entry e"
    " ON e.book_id = given.book_id AND e.kind = given.kind AND e.source_ref = given.source_ref",
    [column("by_key", Integer), _E.idempotency_key, _E.request_digest, *ENTRY_RETURNS],
    book_id="big",
    caller="int",
    key="text",
    kind="small",
    source_ref="text",
)
_ENTRIES = Lookup(
    f"SELECT {ENTRY_FIELDS} FROM {{given}} JOIN entry e ON e.book_id = given.book_id AND e.seq = given.seq",
    ENTRY_RETURNS,
    book_id="big",
    seq="int",
)
_TRANSFERS = Lookup(
    "SELECT t.book_id, t.seq, t.from_side, t.to_side, t.amount_fen, t.party_id FROM {given} JOIN transfer t"
    " ON t.book_id = given.book_id AND t.seq = given.seq ORDER BY t.book_id, t.seq, t.line",
    [
        tables.transfer.c[name]
        for name in ("book_id", "seq", "from_side", "to_side", "amount_fen", "party_id")
    ],
    book_id="big",
    seq="int",
)
_ACTED = Lookup(
    "SELECT e.book_id, e.target_seq, e.kind FROM {given} JOIN entry e"
    " ON e.book_id = given.book_id AND e.target_seq = given.seq",
    [_E.book_id, _E.target_seq, _E.kind],
    book_id="big",
    seq="int",
)
_ACTING = Lookup(
    f"SELECT {ENTRY_FIELDS} FROM {{given}} JOIN entry e"
    " ON e.book_id = given.book_id AND e.target_seq = given.seq",
    ENTRY_RETURNS,
    book_id="big",
    seq="int",
)


def receipts(connection: Connection, rows: Iterable[Sequence[Any]]) -> list[Receipt]:
    """Entries, each by its RECEIPT_COLUMNS, as receipts with their transfers.

    The transfers are read beside them: one range scan more, never a join.
    """
    rows = list(rows)
    moves: dict[tuple[int, int], list[TransferLine]] = {}
    # two commands of a batch may ask for one entry
    wanted = list(dict.fromkeys((book_id, seq) for book_id, seq, *_rest in rows))
    for book_id, seq, source, target, fen, party in _TRANSFERS.run(connection, wanted):
        moves.setdefault((book_id, seq), []).append((source, target, fen, party))
    return [
        Receipt._make((book_id, seq, Kind(kind), *rest, tuple(moves.get((book_id, seq), ()))))
        for book_id, seq, kind, *rest in rows
    ]


def read_entries(connection: Connection, names: Sequence[tuple[int, int]]) -> list[Receipt]:
    """Entries by (book, seq); those that do not exist are missing from the answer."""
    return receipts(connection, _ENTRIES.run(connection, list(dict.fromkeys(names))))


def read_acted(connection: Connection, names: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Kind]:
    """What already acted on each of these entries."""
    return {(book_id, seq): Kind(kind) for book_id, seq, kind in _ACTED.run(connection, names)}


def read_seen(
    connection: Connection,
    asked: Sequence[SeenBy],
    names: Mapping[int, str],
    desk: Desk,
    once: Collection[tuple[int, int, str | None]] = (),
) -> None:
    """The first answers of keys that were used before, and the documents that made an entry already.

    `asked` are (book, caller, key, kind, source_ref), `once` the documents (book, kind, source_ref) that are
    not booked again with the same content. A replay is answered before any rule is applied to it.
    """
    rows = list(map(_seen, _SEEN.run(connection, asked)))
    documents = [row for row in rows if not row.by_key and row.source_ref is not None]
    _read_documents(connection, documents, desk)
    if once and desk.taken_back:
        _read_reversed(connection, documents, once, desk)
    _read_sourced(
        connection, [row for row in rows if not row.by_key and row.kind in ANSWERED_BY_SOURCE], desk
    )
    keyed = [row for row in rows if row.by_key]
    for row, receipt in zip(keyed, receipts(connection, [row.entry for row in keyed]), strict=True):
        place = (receipt.book_id, names[receipt.caller], row.key)
        desk.keys[place] = Answered(bytes(row.request_digest or b""), Posted(receipt, replayed=True))


def _read_documents(connection: Connection, rows: Sequence[_Seen], desk: Desk) -> None:
    """The documents that stand; one whose entry was reversed may come again."""
    reversible = [(row.book_id, row.seq) for row in rows if row.kind in BOOKED_AGAIN]
    read_given_again(connection, reversible, desk)
    for row in rows:
        place = (row.book_id, row.kind, row.source_ref)
        reversal = _reversal_of(row, desk) if row.kind in BOOKED_AGAIN else None
        if reversal is None:
            desk.sources.add(place)
        else:
            desk.taken_back[place] = max(reversal.seq, desk.taken_back.get(place, 0))


def _reversal_of(row: _Seen, desk: Desk) -> Receipt | None:
    """What reversed an entry; what the report of a death took back is not reversed."""
    acted = desk.acted_in_turn(row.book_id, row.seq)
    return acted[-1] if len(acted) % 2 and acted[-1].kind is Kind.REVERSAL else None


def _read_reversed(
    connection: Connection, rows: Sequence[_Seen], once: Collection[tuple[int, int, str | None]], desk: Desk
) -> None:
    """The entries that documents made which were taken back, by what was booked."""
    gone = [
        row
        for row in rows
        if (row.book_id, row.kind, row.source_ref) in once
        and row.request_digest is not None
        and _reversal_of(row, desk) is not None
    ]
    for row, receipt in zip(gone, receipts(connection, [row.entry for row in gone]), strict=True):
        desk.reversed_once[row.book_id, row.kind, row.source_ref, bytes(row.request_digest or b"")] = receipt


def _read_sourced(connection: Connection, rows: Sequence[_Seen], desk: Desk) -> None:
    """The entries of documents that are their own key, and what acted on them."""
    for row, receipt in zip(rows, receipts(connection, [row.entry for row in rows]), strict=True):
        digest = None if row.request_digest is None else bytes(row.request_digest)
        desk.sourced[receipt.book_id, receipt.kind, receipt.source_ref or ""] = Sourced(digest, receipt)
    read_acting(connection, [(row.book_id, row.seq) for row in rows], desk)


def read_acting(connection: Connection, names: Sequence[tuple[int, int]], desk: Desk) -> None:
    """The entry that acted on each of these."""
    for receipt in receipts(connection, _ACTING.run(connection, names)):
        if receipt.target_seq is not None:
            desk.acting[receipt.book_id, receipt.target_seq] = receipt
            desk.acted[receipt.book_id, receipt.target_seq] = receipt.kind


def read_given_again(connection: Connection, names: Sequence[tuple[int, int]], desk: Desk) -> None:
    """What acted on each of these, and where that took a credit back for a death, what gave it again, and so
    on, for `desk.acted_in_turn`.
    """
    while names:
        read_acting(connection, names, desk)
        back = [
            (book_id, acting.seq)
            for book_id, acting in _acting_on(names, desk)
            if acting.kind is Kind.CREDIT_BACK
        ]
        read_acting(connection, back, desk)
        names = [(book_id, again.seq) for book_id, again in _acting_on(back, desk)]


def _acting_on(names: Sequence[tuple[int, int]], desk: Desk) -> list[tuple[int, Receipt]]:
    return [(place[0], acting) for place in names if (acting := desk.acting.get(place)) is not None]


def _read_target(connection: Connection, asked: Asked, desk: Desk) -> bool:
    places = [
        (book_id, command.target_seq)
        for book_id, command in asked
        if book_id in desk.books and command.target_seq is not None
    ]
    read_targets(connection, places, desk)
    return True


# the entry that a command acts on, with its transfers, and what already acted on it
TARGET: Need[bool] = Need("the entry that it acts on", _read_target, first=True)


def read_targets(connection: Connection, places: Sequence[tuple[int, int]], desk: Desk) -> None:
    """Entries by (book, seq) and what acted on them, for `desk.target` and `desk.acted_on`."""
    if places:
        for receipt in read_entries(connection, places):
            desk.targets[receipt.book_id, receipt.seq] = receipt
        desk.acted.update(read_acted(connection, places))


def read_needs(connection: Connection, commands: Sequence[tuple[int, Command]], desk: Desk) -> None:
    """What the commands asked for beside books and keys: each need is read once for all who asked."""
    codes, asked = _needed(commands)
    # by book, the first year that a debit dated back is coming to
    dated_back: dict[int, int] = {}
    for book_id, command in commands:
        if command.debits:
            year = _year_dated_back(command, desk.books.get(book_id), desk.today)
            if year is not None:
                dated_back[book_id] = min(year, dated_back.get(book_id, year))
    read_institutions(connection, codes, desk)
    read_days(connection, [desk.books[book_id] for book_id in dated_back], dated_back)
    if asked:
        _read_asked(connection, asked, desk)


_Asked = Mapping[Need[Any], list[tuple[int, Command]]]


def _needed(commands: Sequence[tuple[int, Command]]) -> tuple[set[str], _Asked]:
    """The institutions that commands name, and who asks for each need."""
    codes: set[str] = set()
    asked: dict[Need[Any], list[tuple[int, Command]]] = {}
    for book_id, command in commands:
        if command.institution is not None:
            codes.add(command.institution)
        for need in command.needs:
            asked.setdefault(need, []).append((book_id, command))
    return codes, asked


def asks_of_needs(commands: Sequence[tuple[int, Command]], desk: Desk) -> list[Ask]:
    """What `read_needs` is going to ask, as far as that is known before the books are locked."""
    codes, asked = _needed(commands)
    asks = [institutions_named(codes)]
    for need in sorted(asked, key=attrgetter("place")):
        asks += need.asks(asked[need], desk)
    return asks


def ask_of_seen(asked: Sequence[SeenBy]) -> Ask:
    """What `read_seen` is going to ask."""
    return _SEEN, asked


def _year_dated_back(command: Command, book: Book | None, today: date) -> int | None:
    """The year in which a debit is valued that comes after its day; None for one that is valued today.

    So is a debit of a year whose interest is posted.
    """
    day = command.effective_on
    if book is None or day is None or day >= today or day.year <= book.interest_year:
        return None
    return day.year


def _read_asked(connection: Connection, asked: _Asked, desk: Desk) -> None:
    looked = False
    for need in sorted(asked, key=attrgetter("place")):
        if not looked and not need.first:
            looked = True
            _look_at_named(connection, asked, desk)
        if not need.is_idle(desk):
            desk.found[need] = need.read(connection, asked[need], desk)


def _look_at_named(connection: Connection, asked: _Asked, desk: Desk) -> None:
    """Read without a lock the accounts that commands only look at."""
    commands = {id(command): (book_id, command) for all_who in asked.values() for book_id, command in all_who}
    unlocked = {
        account
        for book_id, command in commands.values()
        for account in command.looks_at(desk, book_id)
        if account not in desk.books
    }
    if unlocked:
        desk.named = read_books(connection, unlocked)
