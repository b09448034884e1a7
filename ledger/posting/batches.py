"""Batches: the row that says how far a long run or a file is, what came of it, and why it failed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from ledger import tables
from ledger.chart.registers import Register
from ledger.database.writers import RowWriter
from ledger.posting.registers import RegisterBook, RegisterKind, RegisterRow, RegisterTable

RUNNING = "running"
FINISHED = "finished"
FAILED = "failed"
LINES_A_PAGE = 10_000


@dataclass(slots=True)
class Batch:
    """One run of a bulk verb. `bookmark` is the last book or line done; `amount_fen` is what it moved."""

    batch_id: str
    kind: str
    state: str
    started_at: datetime
    updated_at: datetime
    bookmark: int = 0
    done: int = 0
    refused: int = 0
    amount_fen: int = 0
    # of a file what its summary counts, of a run the books that it left out
    detail: str | None = None
    # why it failed, in one line; of a run that goes on or has finished, None
    reason: str | None = None


class RefusedLine(NamedTuple):
    """A line of a file that was refused: its number, why, and which column is to blame, if it is one."""

    line: int
    code: str
    column: str | None = None


class _BatchTable(RegisterTable):
    """Batches, each with a digest over its refused lines; of one under way only what it is.

    How far it is changes with every chunk, and is told again by the books when it is run again.
    """

    def __init__(self) -> None:
        # when it was looked at last changes with every look
        covered = [name for name in _BATCH if name != "updated_at"]
        super().__init__("batch", ("batch_id",), (*covered, "lines"))

    def rows(self, connection: Connection) -> Iterator[RegisterRow]:
        query = select(*_COLUMNS).order_by(tables.batch.c.batch_id)
        for row in connection.execute(query).mappings().all():
            yield self.as_covered(connection, row)

    def one(self, connection: Connection, batch_id: str) -> RegisterRow:
        """The row of a batch as it stands."""
        query = select(*_COLUMNS).where(tables.batch.c.batch_id == batch_id)
        return self.as_covered(connection, connection.execute(query).mappings().one())

    def as_covered(self, connection: Connection, row: RegisterRow) -> RegisterRow:
        if row["state"] == RUNNING:
            return {name: row[name] if name in _OF_RUNNING else None for name in _BATCH} | {"lines": None}
        return {**row, "lines": _digest_of_lines(connection, row["batch_id"])}


def _digest_of_lines(connection: Connection, batch_id: str) -> str:
    """SHA-256 over the refused lines of a batch, in their order."""
    lines = tables.batch_line.c
    query = select(lines.line, lines.code, lines.field).where(lines.batch_id == batch_id)
    told = sha256()
    for line in connection.execute(query.order_by(lines.line).execution_options(yield_per=LINES_A_PAGE)):
        told.update(f"{json.dumps(list(line), ensure_ascii=False)}\n".encode())
    return told.hexdigest()


_COLUMNS = tuple(tables.batch.columns)
_BATCH = tuple(column.name for column in _COLUMNS)
_OF_RUNNING = frozenset({"batch_id", "kind", "state", "started_at"})
BATCH = _BatchTable()
BATCHES = RegisterKind(Register.BATCHES, (BATCH,))
"""What runs and files came to, and which lines they refused."""
_LINES = RowWriter(tables.batch_line, replace=True)


def find(connection: Connection, batch_id: str) -> Batch | None:
    """The batch of that name."""
    with connection.begin():
        row = connection.execute(select(*_COLUMNS).where(tables.batch.c.batch_id == batch_id)).one_or_none()
    return None if row is None else Batch(*row)


def take(connection: Connection, batch_id: str, kind: str, now: datetime, detail: str | None = None) -> Batch:
    """The batch of that name, made when there is none; one that is there already stays as it is."""
    if find(connection, batch_id) is None:
        with connection.begin():
            register = RegisterBook(connection, BATCHES, now)
            # whoever had the register before us may have made it
            there = select(tables.batch.c.batch_id).where(tables.batch.c.batch_id == batch_id)
            if connection.scalar(there) is None:
                connection.execute(
                    insert(tables.batch),
                    {
                        "batch_id": batch_id,
                        "kind": kind,
                        "state": RUNNING,
                        "started_at": now,
                        "updated_at": now,
                        "bookmark": 0,
                        "done": 0,
                        "refused": 0,
                        "amount_fen": 0,
                        "detail": detail,
                    },
                )
                register.record(BATCH, BATCH.one(connection, batch_id))
            register.write()
    batch = find(connection, batch_id)
    if batch is None:
        raise AssertionError("the batch was just written")
    return batch


def begin(connection: Connection, batch_id: str, kind: str, now: datetime) -> Batch:
    """The batch of that name, under way from its beginning; what earlier runs did stays counted.

    What they refused does not: it is asked for again, and refused again.
    """
    batch = take(connection, batch_id, kind, now)
    batch.state, batch.reason, batch.detail = RUNNING, None, None
    batch.bookmark = batch.refused = 0
    # another run of the same work may be counting on
    save(connection, batch, now, tallied=True)
    return batch


def save(connection: Connection, batch: Batch, now: datetime, *, tallied: bool = False) -> None:
    """Write down how far the run is. The book is what counts: a bookmark too low only repeats a look.

    Of a run that is `tallied` with its entries, what is done stands there already.
    """
    batch.updated_at = now
    with connection.begin(), _recorded(connection, batch, now):
        _update(connection, batch, tallied=tallied)


def tally(connection: Connection, batch: Batch, done: int, amount_fen: int) -> None:
    """Count on what a run does, in the transaction that commits it: of a killed one nothing is uncounted."""
    table = tables.batch.c
    connection.execute(
        update(tables.batch)
        .where(table.batch_id == batch.batch_id)
        .values(done=table.done + done, amount_fen=table.amount_fen + amount_fen)
    )


def advance(
    connection: Connection, batch: Batch, now: datetime, since: int, refused: Sequence[RefusedLine]
) -> None:
    """Write down that the lines after `since`, up to the bookmark, are done, and which of them were refused.

    What another run of the same work wrote down of these lines, and of later ones, goes: row and lines always
    tell one story.
    """
    batch.updated_at = now
    lines = tables.batch_line.c
    with connection.begin(), _recorded(connection, batch, now):
        _update(connection, batch)
        connection.execute(
            delete(tables.batch_line).where(lines.batch_id == batch.batch_id, lines.line > since)
        )
        _LINES.write(connection, [(batch.batch_id, *line) for line in refused])


def restart(connection: Connection, batch: Batch, now: datetime) -> None:
    """Begin a batch anew: nothing of it is done, and no line is refused."""
    batch.state, batch.detail, batch.reason = RUNNING, None, None
    batch.bookmark = batch.done = batch.refused = batch.amount_fen = 0
    advance(connection, batch, now, 0, ())


def refused_lines(
    connection: Connection, batch_id: str, *, after: int = 0, limit: int = LINES_A_PAGE
) -> list[RefusedLine]:
    """The refused lines of a batch behind a line: a page of them, in order."""
    lines = tables.batch_line.c
    query = select(lines.line, lines.code, lines.field).where(lines.batch_id == batch_id, lines.line > after)
    with connection.begin():
        return list(map(RefusedLine._make, connection.execute(query.order_by(lines.line).limit(limit))))


def count_refused(connection: Connection, batch: Batch) -> int:
    """How many refused lines are written down up to the bookmark; a whole batch says so itself."""
    lines = tables.batch_line.c
    with connection.begin():
        return (
            connection.scalar(
                select(func.count()).where(lines.batch_id == batch.batch_id, lines.line <= batch.bookmark)
            )
            or 0
        )


@contextmanager
def _recorded(connection: Connection, batch: Batch, now: datetime) -> Iterator[None]:
    """Let the register say what becomes of a batch that is begun again, or has ended.

    Not how far it is: an entry for every chunk would be as many as the file has thousands of lines, each
    under the lock of one book for all runs, and say nothing that its end does not say.
    """
    state = select(tables.batch.c.state).where(tables.batch.c.batch_id == batch.batch_id)
    # another run of the same work may be ending it at this moment
    stands = connection.scalar(state.with_for_update())
    if batch.state == RUNNING == stands:
        yield
        return
    register = RegisterBook(connection, BATCHES, now)
    before = BATCH.digest(BATCH.one(connection, batch.batch_id))
    yield
    row = BATCH.one(connection, batch.batch_id)
    # the same file once more is the same work, and comes to the same
    if BATCH.digest(row) != before:
        register.record(BATCH, row)
    register.write()


def _update(connection: Connection, batch: Batch, *, tallied: bool = False) -> None:
    counted = {} if tallied else {"done": batch.done, "amount_fen": batch.amount_fen}
    connection.execute(
        update(tables.batch)
        .where(tables.batch.c.batch_id == batch.batch_id)
        .values(
            state=batch.state,
            updated_at=batch.updated_at,
            bookmark=batch.bookmark,
            refused=batch.refused,
            detail=batch.detail,
            reason=batch.reason,
            **counted,
        )
    )
