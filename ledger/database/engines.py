"""Engines, and everything that differs between PostgreSQL and SQLite. The only file that knows a dialect.

Posting hands over many rows in one piece. On PostgreSQL every column goes as one array literal that SQL
casts (a list given to the driver would double the client's CPU); on SQLite a JSON text stands for the rows
of a lookup, and writes are `executemany`.
"""

import sqlite3

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import NullPool

BUSY_TIMEOUT_MS = 10_000
POOL_SIZE = 10
# one generic plan per statement; a lock that is not had within ten seconds is tried again by posting
PG_OPTIONS = "-c plan_cache_mode=force_generic_plan -c TimeZone=UTC -c lock_timeout=10s -c jit=off"
# Posting looks up a few hundred rows by key, in tables of any size. A plan made while the tables were still
# empty would scan them, and is kept: so these connections are told that an index is always right. When their
# machine is gone, what they have locked is free after two minutes.
PG_POSTING = (
    "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
    " -c tcp_keepalives_idle=60 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=6"
)


def connect(url: str | URL, *, pool_size: int = POOL_SIZE) -> Engine:
    """An engine for a database URL (`postgresql+psycopg://…` or `sqlite:///file`)."""
    return _connect(url, pool_size, PG_OPTIONS)


def for_posting(engine: Engine) -> Engine:
    """An engine over the same database for whoever posts: the writer, files, the year end.

    On SQLite it is the same engine. Whoever asked for it disposes of it.
    """
    if not is_postgresql(engine):
        return engine
    return _connect(engine.url, 1, f"{PG_OPTIONS} {PG_POSTING}")


def _connect(url: str | URL, pool_size: int, pg_options: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        waiting = {"isolation_level": None, "timeout": BUSY_TIMEOUT_MS / 1000}
        engine = create_engine(parsed, connect_args=waiting)
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    return create_engine(
        parsed,
        connect_args={"prepare_threshold": 1, "options": pg_options},
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=False,
    )


def connect_once(url: str) -> Engine:
    """An engine without a pool, for work that comes and goes (migrations, a single look)."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return connect(url)
    return create_engine(url, poolclass=NullPool)


def _sqlite_connect(connection: sqlite3.Connection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    # without it INSERT OR REPLACE deletes a row and no trigger hears of it
    cursor.execute("PRAGMA recursive_triggers = ON")
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.close()
    connection.create_function("from_hex", 1, bytes.fromhex, deterministic=True)


def _sqlite_begin(connection: Connection) -> None:
    # a reader asks for a plain BEGIN, so that it never waits for the writer
    deferred = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if deferred else "BEGIN IMMEDIATE")


def reading(engine: Engine) -> Connection:
    """A connection for one read: on PostgreSQL all its statements see one snapshot, nothing is ever locked.

    `READ ONLY` is the database's own promise that a dry run or a report writes nothing.
    """
    if is_postgresql(engine):
        return engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine.connect().execution_options(reading=True)


def glancing(engine: Engine) -> Connection:
    """A connection for single statements that read: each sees its own moment, and none waits for BEGIN."""
    if is_postgresql(engine):
        return engine.connect().execution_options(isolation_level="AUTOCOMMIT", postgresql_readonly=True)
    return engine.connect().execution_options(reading=True)


def is_postgresql(bind: Engine | Connection) -> bool:
    return bind.dialect.name == "postgresql"


def is_transient(error: DBAPIError) -> bool:
    """Whether the batch may simply be posted again: deadlock, serialization, lock timeout, SQLite busy."""
    code = getattr(error.orig, "sqlstate", None)
    if code is not None:
        return code in {"40001", "40P01", "55P03"}
    return isinstance(error.orig, sqlite3.OperationalError) and "locked" in str(error.orig)


def is_overtaken(error: DBAPIError) -> bool:
    """Whether somebody else opened the same book a moment before: the next try finds it."""
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "constraint_name", None) == "pk_book"


def is_lost(error: DBAPIError) -> bool:
    """Whether the database itself is gone or going: it refused the connection, dropped it, or shuts down."""
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        return False
    code = getattr(error.orig, "sqlstate", None)
    if code is None:
        return isinstance(error, InterfaceError | OperationalError)
    return str(code).startswith(("08", "57P"))


# -- rows handed over in one piece -----------------------------------------------------------------------


# -- writing the book ------------------------------------------------------------------------------------
