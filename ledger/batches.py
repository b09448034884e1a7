"""Long runs: a row that says what is done, so that a rerun goes on where the last one ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from ledger import tables
from ledger.database import insert_or_leave

RUNNING = "running"
FINISHED = "finished"
FAILED = "failed"


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
    detail: str | None = None


_COLUMNS = tuple(tables.batch.columns)


def find(connection: Connection, batch_id: str) -> Batch | None:
    """The batch of that name."""
    with connection.begin():
        row = connection.execute(select(*_COLUMNS).where(tables.batch.c.batch_id == batch_id)).one_or_none()
    return None if row is None else Batch(*row)


def claim(
    connection: Connection, batch_id: str, kind: str, now: datetime, detail: str | None = None
) -> Batch:
    """The batch of that name, made when there is none; one that had failed or finished runs again."""
    with connection.begin():
        connection.execute(
            insert_or_leave(connection, tables.batch),
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
    batch = find(connection, batch_id)
    if batch is None:
        raise AssertionError("the batch was just written")
    return batch


def save(connection: Connection, batch: Batch, now: datetime) -> None:
    """Write down how far the run is. The book is what counts: a bookmark too low only repeats a look."""
    batch.updated_at = now
    with connection.begin():
        connection.execute(
            update(tables.batch)
            .where(tables.batch.c.batch_id == batch.batch_id)
            .values(
                state=batch.state,
                updated_at=now,
                bookmark=batch.bookmark,
                done=batch.done,
                refused=batch.refused,
                amount_fen=batch.amount_fen,
                detail=batch.detail,
            )
        )
