"""What posting writes: the chain's digests, then books, entries and transfers, in a few statements."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from ledger import tables
from ledger.book.chain import canonical, digest, microseconds
from ledger.book.state import Book, Draft
from ledger.database.writers import BookWriter, RowWriter
from ledger.posting.load import BOOK_COLUMNS
from ledger.posting.write_care import write_care_rows, write_care_state

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
_LEVY_LINES = RowWriter(tables.levy_line)
_ASSESSMENT_LINES = RowWriter(tables.assessment_line)
_DECLARED_LINES = RowWriter(tables.declared_line)
_ENROLMENTS = RowWriter(tables.enrolment)
_LEVIES = RowWriter(tables.levy, replace=True)
_ASSESSMENTS = RowWriter(tables.assessment, replace=True)
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
    beside: list[tuple[int, Draft]] = []
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
                if draft.rows is not None:
                    beside.append((book_id, draft))
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
    changed = [books[book_id] for book_id in sorted(touched)]
    if beside:
        _write_rows(connection, beside)
        write_care_rows(connection, beside)
        _write_debts(connection, changed)
    write_care_state(connection, changed)


def _write_rows(connection: Connection, beside: list[tuple[int, Draft]]) -> None:
    """What entries write beside themselves: each row names the entry it belongs to."""
    levies: list[tuple[Any, ...]] = []
    assessed: list[tuple[Any, ...]] = []
    declared: list[tuple[Any, ...]] = []
    enrolments: list[tuple[Any, ...]] = []
    for book_id, draft in beside:
        rows = draft.rows
        if rows is None:
            continue
        seq = draft.seq
        levies += [(book_id, *one[2:], seq, one.period, one.on_day) for one in rows.levy]
        assessed += [
            (book_id, one.account_id, *one[3:], seq, number, one.period, int(one.kind))
            for number, one in enumerate(rows.assessment, start=1)
        ]
        declared += [
            (
                book_id, one.account_id, one.wage, one.base, one.employee, one.employer, seq, one.line,
                one.code, one.number_sealed,
            )
            for one in rows.declared
        ]  # fmt: skip
        if rows.enrolment is not None:
            one_row = rows.enrolment
            enrolments.append((
                book_id, one_row.employer_id, one_row.wage, seq, one_row.replaces_seq, one_row.valid_from,
                one_row.valid_to, one_row.member_class, one_row.subsidy_group,
            ))  # fmt: skip
    _LEVY_LINES.write(connection, levies)
    _ASSESSMENT_LINES.write(connection, assessed)
    _DECLARED_LINES.write(connection, declared)
    _ENROLMENTS.write(connection, enrolments)


def _write_debts(connection: Connection, books: list[Book]) -> None:
    """The state rows of every month and person that the batch changed."""
    levies: list[tuple[Any, ...]] = []
    assessments: list[tuple[Any, ...]] = []
    for book in books:
        debts = book.debts
        if debts is None:
            continue
        for place in debts.touched:
            if isinstance(place, int):
                levies.append((book.book_id, *debts.levies[place].amounts, place))
            else:
                period, account_id = place
                row = debts.rows[place]
                assessments.append((book.book_id, account_id, *row[:6], period, row.paid_on))
    _LEVIES.write(connection, sorted(levies))
    _ASSESSMENTS.write(connection, sorted(assessments, key=lambda row: (row[0], row[8], row[1])))


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
