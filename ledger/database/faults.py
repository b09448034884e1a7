"""What a fault of the database means for whoever asked: tried again, at once or later, or a bug.

PostgreSQL's faults are told apart by SQLSTATE, of which the longest beginning counts; SQLite's by its result
code.
"""

from __future__ import annotations

import re
import sqlite3
from enum import Enum
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoneFree


class Trouble(Enum):
    """What is wrong with a database that did nothing wrong with the statement."""

    # somebody was in the way: the same again at once may well go through
    BUSY = "busy"
    # a statement took longer than it may
    SLOW = "slow"
    # the connection is gone, or could not be had: the database stops, starts, is not there
    LOST = "lost"
    # it is there and cannot work: the disk is full, it only reads, it has too many connections
    UNABLE = "unable"


BY_SQLSTATE: Final = {
    "08": Trouble.LOST,  # connection exception
    "25006": Trouble.UNABLE,  # read_only_sql_transaction: a standby, or default_transaction_read_only
    "25P03": Trouble.LOST,  # idle_in_transaction_session_timeout
    "25P04": Trouble.LOST,  # transaction_timeout
    "40": Trouble.BUSY,  # serialization_failure, deadlock_detected, …
    "53": Trouble.UNABLE,  # insufficient_resources: disk_full, out_of_memory, too_many_connections
    "55P03": Trouble.BUSY,  # lock_not_available
    "57014": Trouble.SLOW,  # query_canceled: statement_timeout
    "57P": Trouble.LOST,  # admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped, …
    "58": Trouble.UNABLE,  # system_error, io_error
}
"""SQLSTATE or its beginning → trouble. Every other one is a fault of ours."""
# it says that a constraint did not hold at the end, which is a fault of ours
_NOT_BUSY: Final = frozenset({"40002"})

BY_SQLITE: Final = {
    sqlite3.SQLITE_BUSY: Trouble.BUSY,
    sqlite3.SQLITE_LOCKED: Trouble.BUSY,
    sqlite3.SQLITE_INTERRUPT: Trouble.SLOW,
    sqlite3.SQLITE_FULL: Trouble.UNABLE,
    sqlite3.SQLITE_IOERR: Trouble.UNABLE,
    sqlite3.SQLITE_READONLY: Trouble.UNABLE,
    sqlite3.SQLITE_CANTOPEN: Trouble.UNABLE,
    sqlite3.SQLITE_NOMEM: Trouble.UNABLE,
    sqlite3.SQLITE_PERM: Trouble.UNABLE,
    sqlite3.SQLITE_PROTOCOL: Trouble.BUSY,
}
"""SQLite's primary result code → trouble."""
_PRIMARY: Final = 0xFF
_UNIQUE_VIOLATION: Final = "23505"
_KEY_OF_BOOKS: Final = re.compile(r"\bpk_book(_\d+)?\b")
_INTERNAL: Final = "XX000"
# What the coordinator of a cluster says of a worker that went away in the middle of a statement, or of a
# commit: in the words of its driver, which has no SQLSTATE for it.
_WORKER_LOST: Final = re.compile(
    r"server closed the connection unexpectedly|could not (?:receive data from|send data to) server"
    r"|no connection to the server|connection not open|failure on connection marked as essential"
)
# undefined_table, insufficient_privilege
_NO_TABLE: Final = frozenset({"42P01", "42501"})


def trouble(error: object) -> Trouble | None:
    """What is wrong with the database; None when it is there and well, and did not like the statement."""
    if isinstance(error, NoneFree):
        # no connection was free in the pool
        return Trouble.BUSY
    if not isinstance(error, DBAPIError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        return BY_SQLITE.get(getattr(error.orig, "sqlite_errorcode", -1) & _PRIMARY)
    code = getattr(error.orig, "sqlstate", None)
    if code is not None and (found := _of_sqlstate(str(code))) is not None:
        return found
    if code == _INTERNAL and _WORKER_LOST.search(str(error.orig)) is not None:
        return Trouble.LOST
    if error.connection_invalidated:
        return Trouble.LOST
    if code is None and isinstance(error, InterfaceError | OperationalError):
        return Trouble.LOST
    return None


def _of_sqlstate(code: str) -> Trouble | None:
    if code in _NOT_BUSY:
        return None
    for length in (5, 3, 2):
        if (found := BY_SQLSTATE.get(code[:length])) is not None:
            return found
    return None


def table_is_gone(error: DBAPIError) -> bool:
    """Whether a table is not there, or not ours to read."""
    if isinstance(error.orig, sqlite3.Error):
        # SQLite has no code of its own for it
        return "no such table" in str(error.orig)
    return getattr(error.orig, "sqlstate", None) in _NO_TABLE


def is_transient(error: DBAPIError) -> bool:
    """Whether the batch may simply be posted again at once: deadlock, serialization, lock or time run out."""
    return trouble(error) in {Trouble.BUSY, Trouble.SLOW}


def is_overtaken(error: DBAPIError) -> bool:
    """Whether somebody else opened the same book a moment before: the next try finds it."""
    # a cluster does not pass on the constraint's name by itself, and calls it by its shard: pk_book_102009
    code = getattr(error.orig, "sqlstate", None)
    return code == _UNIQUE_VIOLATION and _KEY_OF_BOOKS.search(str(error.orig)) is not None


def is_lost(error: DBAPIError) -> bool:
    """Whether the database itself is gone or going: it refused the connection, dropped it, or shuts down."""
    return trouble(error) is Trouble.LOST
