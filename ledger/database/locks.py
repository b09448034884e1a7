"""Locks between processes on one database, which are free again the moment whoever held them is gone.

On PostgreSQL they are the session's: they last as long as its connection stands. On SQLite, where all are on
one machine, they are the kernel's, on files beside the database.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, event, text

from ledger.database.engines import is_postgresql


class LocksLost(Exception):
    """The connection that held locks was lost, and they with it."""


Take = Callable[[str], bool]
"""Takes the lock of a name, unless somebody holds it; says whether it did. Never waits."""


@contextmanager
def locks(connection: Connection) -> Iterator[Take]:
    """Yields what takes locks for as long as this lasts. The connection stays open, outside a transaction.

    When it is lost it does not come back: each of its transactions raises LocksLost.
    """
    with ExitStack() as held:
        if is_postgresql(connection):
            _stay_with_session(connection, held)
            yield lambda name: _take_advisory(connection, name, held)
        else:
            yield lambda name: _take_file(connection.engine.url.database, name, held)


def _stay_with_session(connection: Connection, held: ExitStack) -> None:
    session = connection.connection.driver_connection

    def same(begun: Connection) -> None:
        # SQLAlchemy would open another one, which holds nothing
        if begun.invalidated or begun.connection.driver_connection is not session:
            raise LocksLost("the connection was lost")

    event.listen(connection, "begin", same)
    held.callback(event.remove, connection, "begin", same)


def wait_for_turn(connection: Connection, name: str, *, shared: bool = False) -> None:
    """Wait inside a transaction until nobody has the lock of this name; have it until the transaction ends.

    Those who have it `shared` have it together. On SQLite whoever may write is alone already: the transaction
    began with BEGIN IMMEDIATE.
    """
    if is_postgresql(connection):
        how = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        connection.execute(text(f"SELECT {how}(:key)"), {"key": _key(name)})


def _key(name: str) -> int:
    # a number of its own for each name; the migrations' lock is none of them
    return int.from_bytes(sha256(f"ledger lock {name}".encode()).digest()[:8], signed=True)


def _take_advisory(connection: Connection, name: str, held: ExitStack) -> bool:
    key = _key(name)
    with connection.begin():
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}):
            return False
    held.callback(_free_advisory, connection, key)
    return True


def _free_advisory(connection: Connection, key: int) -> None:
    # a connection that was lost has taken its locks along
    if connection.invalidated or connection.closed:
        return
    connection.rollback()
    with connection.begin():
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})


def _take_file(database: str | None, name: str, held: ExitStack) -> bool:
    if not database or database == ":memory:":
        # nobody else is there
        return True
    folder = Path(f"{database}-locks")
    folder.mkdir(mode=0o700, exist_ok=True)
    file = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    # never deleted: somebody may just be opening it
    held.callback(os.close, file)
    return True
