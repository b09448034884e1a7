"""What posting writes: the chain's digests, then books, entries and transfers, in a few statements.

Which entries those were stands in the outbox, written by the same statement: others are told of them later,
and what they mean to whom is not posting's to know.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import Table

from ledger import tables
from ledger.book.beside import RowKind, StateKind, by_kind, rank
from ledger.book.chain import canonical, digest, microseconds
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.database.direct import RoundTrip
from ledger.database.writers import BookWriter, RowWriter
from ledger.posting.book_reads import BOOK_COLUMNS
from ledger.posting.clock_behind import tell_of_a_clock_behind

# the columns of a book that a posting may change
CHANGED = (
    "current_year",
    "carried_over",
    "held",
    "reserved",
    "last_seq",
    "died_on",
    "open_year",
    "interest_year",
    "open_freezes",
    "stage",
    "head",
)
_WRITER = BookWriter(tables.book, tables.entry, tables.transfer, tables.outbox, CHANGED)

# how an entry's command shows in each of its entries: policy version, caller, actor, key, fingerprint
Provenance = tuple[int, int, int, str | None, bytes | None]


class Decided:
    """One accepted command: for every book it wrote in, the drafts it added there."""

    __slots__ = ("drafts", "provenance")

    def __init__(self, drafts: list[tuple[Book, list[Any]]], provenance: Provenance) -> None:
        self.drafts = drafts
        self.provenance = provenance


class _Instant:
    """What is written as recorded at one instant: rows of books, of entries and of transfers."""

    __slots__ = ("books", "entries", "recorded_us", "transfers")

    def __init__(self, recorded_at: datetime) -> None:
        self.recorded_us = microseconds(recorded_at)
        self.books: list[tuple[Any, ...]] = []
        self.entries: list[tuple[Any, ...]] = []
        self.transfers: list[tuple[Any, ...]] = []


def write_batch(
    trip: RoundTrip,
    books: dict[int, Book],
    new_books: set[int],
    decided: Iterable[Decided],
    now: datetime,
) -> None:
    """Write all that was decided, in a round trip. After the digests are made, nothing here may refuse.

    `books` hold their state after the whole batch, and their heads from before it. All is recorded `now`, but
    for what belongs into a book that was written to later than that.
    """
    instants = {now: _Instant(now)}
    touched: set[int] = set()
    beside: list[tuple[int, Draft]] = []
    for one in decided:
        policy_version, caller, actor, key, request_digest = one.provenance
        for copy, drafts in one.drafts:
            book = books[copy.book_id]
            book_id = book.book_id
            touched.add(book_id)
            head = book.head
            # those of one command are of one instant
            at = _at(instants, drafts[0].recorded_at or now)
            for draft in drafts:
                own_key, own_digest = (key, request_digest) if draft.keyed else (None, None)
                expires = draft.expires_at
                head = digest(
                    head,
                    canonical(
                        book_id, draft.seq, draft.kind, draft.period, draft.effective_on, draft.fact_on,
                        at.recorded_us, draft.current_year_after, draft.carried_over_after, draft.held_change,
                        draft.reserved_change, draft.target_seq, policy_version, caller, actor,
                        None if expires is None else microseconds(expires), own_key, own_digest,
                        draft.source_ref, draft.detail, draft.transfers,
                    ),
                )  # fmt: skip
                at.entries.append((
                    book_id, draft.current_year_after, draft.carried_over_after, draft.held_change,
                    draft.reserved_change, expires, draft.seq, draft.period, draft.effective_on,
                    draft.fact_on, caller, actor, draft.target_seq, policy_version, int(draft.kind),
                    own_key, own_digest, draft.source_ref, draft.detail, head,
                ))  # fmt: skip
                for line, (source, target, fen, party) in enumerate(draft.transfers, start=1):
                    at.transfers.append((book_id, fen, party, draft.seq, line, source, target))
                if draft.beside:
                    beside.append((book_id, draft))
            book.head = head
    fresh = sorted(new_books & touched)
    if fresh:
        trip.connection.execute(
            tables.book.insert(),
            [{name: getattr(books[book_id], name) for name in BOOK_COLUMNS} for book_id in fresh],
        )
    for book_id in sorted(touched - new_books):
        _at(instants, books[book_id].recorded_at or now).books.append(_row(books[book_id]))
    for recorded_at, at in sorted(instants.items()):
        _WRITER.write_in(trip, at.books, at.entries, at.transfers, recorded_at)
    if len(instants) > 1:
        tell_of_a_clock_behind(now, max(instants))
    if beside:
        _write_beside(trip, beside)
    _write_states(trip, [books[book_id] for book_id in sorted(touched) if books[book_id].states])


def _at(instants: dict[datetime, _Instant], recorded_at: datetime) -> _Instant:
    found = instants.get(recorded_at)
    if found is None:
        found = instants[recorded_at] = _Instant(recorded_at)
    return found


# puts the values of a row into the order of its table's columns
Pick = Callable[[tuple[Any, ...]], tuple[Any, ...]]


def _pick(table: Table, names: Sequence[str]) -> Pick:
    """For rows whose values are called `names`; of two values of one name the first is taken."""
    return itemgetter(*(names.index(column) for column in table.columns.keys()))  # noqa: SIM118  not a dict


@functools.cache
def _row_writer(kind: RowKind[Any]) -> tuple[RowWriter, Pick]:
    table = tables.metadata.tables[kind.table]
    return RowWriter(table, replace=kind.replaces), _pick(table, (*kind.fields, "book_id", "seq", "line"))


@functools.cache
def _state_writer(kind: StateKind[Any, Any]) -> tuple[RowWriter, Pick]:
    table = tables.metadata.tables[kind.table]
    return RowWriter(table, replace=True), _pick(table, ("book_id", *kind.key, *kind.fields))


def _write_beside(trip: RoundTrip, beside: Iterable[tuple[int, Draft]]) -> None:
    """The rows that entries write beside themselves; each belongs to its entry."""
    found: dict[RowKind[Any], list[tuple[Any, ...]]] = {}
    for book_id, draft in beside:
        for kind, rows in by_kind(draft.beside):
            pick = _row_writer(kind)[1]
            found.setdefault(kind, []).extend(
                pick((*row, book_id, draft.seq, line)) for line, row in enumerate(rows, start=1)
            )
    # what sets a row anew comes after what may have made it in this very batch
    for kind in sorted(found, key=rank):
        _row_writer(kind)[0].write_in(trip, found[kind])


def _write_states(trip: RoundTrip, books: Iterable[Book]) -> None:
    """The state that the batch changed, in the order of its keys."""
    found: dict[StateKind[Any, Any], list[tuple[Any, ...]]] = {}
    for book in books:
        for kind, state in book.states.items():
            if not state.touched:
                continue
            pick = _state_writer(kind)[1]
            found.setdefault(kind, []).extend(
                pick((book.book_id, *(key if isinstance(key, tuple) else (key,)), *state.rows[key]))
                for key in sorted(state.touched)
            )
    for kind, values in found.items():
        _state_writer(kind)[0].write_in(trip, values)


def _row(book: Book) -> tuple[Any, ...]:
    return (
        book.book_id,
        book.current_year,
        book.carried_over,
        book.held,
        book.reserved,
        book.last_seq,
        book.died_on,
        book.open_year,
        book.interest_year,
        book.open_freezes,
        book.stage,
        book.head,
    )
