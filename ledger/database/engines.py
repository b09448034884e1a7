"""Engines, and everything that differs between PostgreSQL and SQLite. The only file that knows a dialect.

Posting hands over many rows in one piece. On PostgreSQL every column goes as one array literal that SQL
casts (a list given to the driver would double the client's CPU); on SQLite a JSON text stands for the rows
of a lookup, and writes are `executemany`.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
)
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from ledger.database import cluster
from ledger.database.bounded import BoundedConnection
from ledger.database.purposes import RUN, SCHEMA, Purpose

T = TypeVar("T")
BUSY_TIMEOUT_MS = 10_000
POOL_SIZE = 10
# how long a thread waits for a connection that others of its process have
POOL_SECONDS_MAX = 5
# one generic plan per statement; a lock that is not had within ten seconds is tried again by posting
PG_OPTIONS = "-c plan_cache_mode=force_generic_plan -c TimeZone=UTC -c lock_timeout=10s -c jit=off"
# Posting looks up a few hundred rows by key, in tables of any size. A plan made while the tables were still
# empty would scan them, and is kept: so these connections are told that an index is always right.
PG_POSTING = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
# A cable that was cut is noticed in half a minute on either side: by the client, which connects anew, and by
# the server, which then lets go of what the client had locked.
_KEEPALIVE = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4}
CONNECT_SECONDS_MAX = 5
UNSENT_SECONDS_MAX = 30
_PG_KEEPALIVE = (
    " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4"
    f" -c tcp_user_timeout={UNSENT_SECONDS_MAX}s"
)

# data exceptions: the message's own first line quotes the value that was at fault
_QUOTES_A_VALUE = "22"


class OtherDatabase(ArgumentError):
    """A URL that names no PostgreSQL and no file of SQLite. The message does not show it."""

    def __init__(self) -> None:
        super().__init__("write postgresql+psycopg://user@host/name or sqlite:////path/file")


def database_url(url: str | URL) -> URL:
    """A URL read, if it is that of a database that this program works on. Raises OtherDatabase."""
    try:
        parsed = make_url(url)
        driver = parsed.get_driver_name()
    # a port that is no number is a ValueError, an unknown database one that names a missing module
    except (ArgumentError, ValueError):
        raise OtherDatabase from None
    kind = parsed.get_backend_name()
    if kind == "postgresql" and driver == "psycopg" and cluster.is_marked_soundly(parsed):
        return parsed
    if kind == "sqlite" and driver == "pysqlite" and parsed.database not in {None, "", ":memory:"}:
        return parsed
    raise OtherDatabase


def connect(url: str | URL, *, pool_size: int = POOL_SIZE, purpose: Purpose = RUN) -> Engine:
    """An engine for a database URL (`postgresql+psycopg://…` or `sqlite:///file`).

    `purpose` says how long one statement may take on PostgreSQL.
    """
    return _connect(url, pool_size, PG_OPTIONS, purpose)


def for_purpose(engine: Engine, purpose: Purpose, *, pool_size: int = POOL_SIZE) -> Engine:
    """An engine over the same database for reading with other limits.

    On SQLite it is the same engine. Whoever asked for it disposes of it.
    """
    return _connect(engine.url, pool_size, PG_OPTIONS, purpose) if is_postgresql(engine) else engine


def for_posting(engine: Engine, purpose: Purpose = RUN) -> Engine:
    """An engine over the same database for whoever posts: the writer, files, the year end.

    On SQLite it is the same engine. Whoever asked for it disposes of it.
    """
    if not is_postgresql(engine):
        return engine
    return _connect(engine.url, 1, f"{PG_OPTIONS} {PG_POSTING}", purpose)


def _connect(url: str | URL, pool_size: int, pg_options: str, purpose: Purpose) -> Engine:
    parsed = database_url(url)
    if parsed.get_backend_name() == "sqlite":
        waiting = {"isolation_level": None, "timeout": BUSY_TIMEOUT_MS / 1000}
        engine = _without_values(create_engine(parsed, connect_args=waiting, hide_parameters=True))
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    if cluster.is_marked(parsed):
        # of one name said twice the last is meant
        pg_options = f"{pg_options} {cluster.PG_OPTIONS}"
    engine = create_engine(
        parsed,
        connect_args={"prepare_threshold": 1, **_limits(parsed, purpose, pg_options)},
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_SECONDS_MAX,
        pool_pre_ping=False,
        hide_parameters=True,
    )
    return _bounded(_without_values(engine), purpose)


def connect_for(engine: Engine, purpose: Purpose) -> Connection:
    """A connection of an engine of `for_posting` for one who writes by single statements.

    On PostgreSQL each statement is a transaction by itself. On SQLite it waits no longer than the purpose
    says, is its own, and does not go back into the pool.
    """
    connection = engine.connect()
    if is_postgresql(engine):
        with ExitStack() as unless_set:
            unless_set.callback(connection.close)
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            unless_set.pop_all()
    else:
        # once it is detached nothing names the driver's own connection any more
        driver: Any = connection.connection.driver_connection
        connection.detach()
        # not through SQLAlchemy, which would begin a transaction first, and wait for it
        driver.execute(f"PRAGMA busy_timeout = {purpose.statement_seconds * 1000}")
    return connection


@contextmanager
def with_transactions(connection: Connection) -> Iterator[Connection]:
    """The connection, for a while with transactions where each of its statements is one by itself.

    Not another one of its engine: who writes by single statements has the pool to itself, and it is empty.
    """
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        yield connection
        return
    connection.execution_options(isolation_level=connection.default_isolation_level)
    try:
        yield connection
    finally:
        connection.execution_options(isolation_level="AUTOCOMMIT")


def connect_once(url: str) -> Engine:
    """An engine without a pool, for work that comes and goes (migrations, a single look).

    It waits as long as a migration takes, but not for a machine that is not there.
    """
    parsed = database_url(url)
    if parsed.get_backend_name() == "sqlite":
        return connect(parsed)
    limits = _limits(parsed, SCHEMA, "")
    engine = create_engine(parsed, poolclass=NullPool, connect_args=limits, hide_parameters=True)
    return _bounded(_without_values(engine), SCHEMA)


def _limits(url: URL, purpose: Purpose, pg_options: str) -> dict[str, Any]:
    """What libpq is told of waiting. What the URL itself says of connecting goes before."""
    limits: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS_MAX,
        "tcp_user_timeout": UNSENT_SECONDS_MAX * 1000,
        **_KEEPALIVE,
    }
    limits = {name: value for name, value in limits.items() if name not in url.query}
    # what a client locked that went without a word is free again when it has said nothing for as long
    options = (
        f"{pg_options}{_PG_KEEPALIVE} -c statement_timeout={purpose.statement_seconds}s"
        f" -c idle_in_transaction_session_timeout={purpose.statement_seconds}s"
    )
    said = url.query.get("options")
    return limits | {"options": f"{options} {said}" if isinstance(said, str) else options}


def _bounded(engine: Engine, purpose: Purpose) -> Engine:
    """Let each of the engine's connections give up waiting for a server that says nothing any more."""

    def open_bounded(_dialect: Any, _record: Any, arguments: Any, named: Any) -> BoundedConnection:
        cluster.without_mark(named)
        connection = BoundedConnection.connect(*arguments, **named)
        connection.answer_seconds = purpose.answer_seconds
        return connection

    event.listen(engine, "do_connect", open_bounded)
    return engine


def _without_values(engine: Engine) -> Engine:
    """An engine whose errors show no value that was sent.

    SQLAlchemy hides the parameters themselves. PostgreSQL's own message quotes them again behind DETAIL and
    CONTEXT ("Failing row contains …"), and of a value that it cannot read in its first line already. SQLite's
    driver quotes a text whose bytes are none.
    """
    event.listen(engine, "handle_error", _hide_values)
    return engine


def _hide_values(context: ExceptionContext) -> None:
    fault, told = context.original_exception, context.sqlalchemy_exception
    code = getattr(fault, "sqlstate", None)
    said = str(fault)
    if code is None:
        shown = said.partition(" with text ")[0]
        if shown == said:
            return
    elif code.startswith(_QUOTES_A_VALUE):
        shown = f"{type(fault).__name__} ({code})"
    else:
        shown = said.partition("\n")[0]
    fault.args = (shown,)
    if told is not None and told.args:
        told.args = (str(told.args[0]).replace(said, shown), *told.args[1:])


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
    connection.create_function("is_utf8", 1, _is_utf8, deterministic=True)


def _is_utf8(content: bytes | None) -> bool:
    try:
        return content is None or content.decode("utf-8") is not None
    except UnicodeDecodeError:
        return False


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


def at_a_glance(connection: Connection, look: Callable[[Connection], T]) -> T:
    """Run single statements on a connection of `glancing`.

    On PostgreSQL nothing is begun: SQLAlchemy would begin and end what no database hears of, which takes it
    as long as a short look.
    """
    if not is_postgresql(connection):
        with connection.begin():
            return look(connection)
    try:
        return look(connection)
    finally:
        # one that SQLAlchemy runs itself begins it all the same
        if connection.in_transaction():
            connection.rollback()


def is_postgresql(bind: Engine | Connection) -> bool:
    return bind.dialect.name == "postgresql"
