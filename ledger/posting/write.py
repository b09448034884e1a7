"""What posting writes: the chain's digests, then books, entries and transfers, in a few statements."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from ledger import tables
from ledger.book import Book
from ledger.chain import canonical, digest, microseconds
from ledger.database import BookWriter
from ledger.posting.load import BOOK_COLUMNS

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
_WRITER = BookWriter(tables.book, tables.entry, tables.transfer, CHANGED)

# how an entry's command shows in each of its entries: policy version, caller, actor, key, fingerprint
Provenance = tuple[int, int, int, str | None, bytes | None]


class Decided:
    """One accepted command: for every book it wrote in, the drafts it added there."""

    __slots__ = ("drafts", "provenance")

    def __init__(self, drafts: list[tuple[Book, list[Any]]], provenance: Provenance) -> None:
        self.drafts = drafts
        self.provenance = provenance


def write_batch(
    connection: Connection,
    books: dict[int, Book],
    new_books: set[int],
    decided: Iterable[Decided],
    now: datetime,
) -> None:
    """Write all that was decided. After the digests are made, nothing here may refuse.

    `books` hold their state after the whole batch, and their heads from before it.
    """
    recorded_us = microseconds(now)
    entries: list[tuple[Any, ...]] = []
    transfers: list[tuple[Any, ...]] = []
    touched: set[int] = set()
    for one in decided:
        policy_version, caller, actor, key, request_digest = one.provenance
        for copy, drafts in one.drafts:
            book = books[copy.book_id]
            book_id = book.book_id
            touched.add(book_id)
            head = book.head
            for draft in drafts:
                own_key, own_digest = (key, request_digest) if draft.keyed else (None, None)
                expires = draft.expires_at
                head = digest(
                    head,
                    canonical(
                        book_id, draft.seq, draft.kind, draft.period, draft.effective_on, draft.fact_on,
                        recorded_us, draft.current_year_after, draft.carried_over_after, draft.held_change,
                        draft.reserved_change, draft.target_seq, policy_version, caller, actor,
                        None if expires is None else microseconds(expires), own_key, own_digest,
                        draft.source_ref, draft.detail, draft.transfers,
                    ),
                )  # fmt: skip
                entries.append((
                    book_id, draft.current_year_after, draft.carried_over_after, draft.held_change,
                    draft.reserved_change, expires, draft.seq, draft.period, draft.effective_on,
                    draft.fact_on, caller, actor, draft.target_seq, policy_version, int(draft.kind),
                    own_key, own_digest, draft.source_ref, draft.detail, head,
                ))  # fmt: skip
                for line, (source, target, fen, party) in enumerate(draft.transfers, start=1):
                    transfers.append((book_id, fen, party, draft.seq, line, source, target))
            book.head = head
    fresh = sorted(new_books & touched)
    if fresh:
        connection.execute(
            tables.book.insert(),
            [{name: getattr(books[book_id], name) for name in BOOK_COLUMNS} for book_id in fresh],
        )
    _WRITER.write(
        connection, [_row(books[book_id]) for book_id in sorted(touched - new_books)], entries, transfers, now
    )


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
