"""Telling others of what is no entry: written down in the caller's transaction, so it is told if that stands.

What is an entry needs nothing of this: posting names all that it wrote in the outbox.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from ledger import tables
from ledger.chart.events import EventKind
from ledger.database.lookups import insert_or_leave


def tell(connection: Connection, kind: EventKind, book_id: int, ref: str, at: datetime) -> None:
    """Tell of what happened `at` an instant about a book, once the transaction that is open is committed.

    `ref` tells it from all else of its kind about that book (the serial number of a document) and is shown to
    nobody. The same told again is one event.
    """
    row = {"kind": int(kind), "ref": ref, "book_id": book_id, "at": at}
    connection.execute(insert_or_leave(connection, tables.notice), row)
