"""Engines, and everything that differs between PostgreSQL and SQLite. The only file that knows a dialect.

Posting hands over many rows in one piece. On PostgreSQL every column goes as one array literal that SQL
casts (a list given to the driver would double the client's CPU); on SQLite a JSON text stands for the rows
of a lookup, and writes are `executemany`.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    Executable,
    Table,
    TextClause,
    create_engine,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import dialect as postgresql_dialect
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import NullPool

BUSY_TIMEOUT_MS = 10_000
POOL_SIZE = 10
# one generic plan per statement; a lock that is not had within ten seconds is tried again by posting
PG_OPTIONS = "-c plan_cache_mode=force_generic_plan -c TimeZone=UTC -c lock_timeout=10s -c jit=off"
# Posting looks up a few hundred rows by key, in tables of any size. A plan made while the tables were still
# empty would scan them, and is kept: so these connections are told that an index is always right.
PG_POSTING = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"


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

_PG_TYPES = {
    "big": "bigint",
    "int": "int",
    "small": "smallint",
    "text": "text",
    "bytes": "bytea",
    "date": "date",
}


def array_literal(pg_type: str, values: Sequence[Any]) -> str:
    """One column as a PostgreSQL array literal: `{1,2,NULL}`. The hot path of posting: one pass a column."""
    if None in values:
        there = [value for value in values if value is not None]
        if not there:
            return "{" + "NULL," * (len(values) - 1) + "NULL}"
        literals = iter(_literals(pg_type, there))
        return "{" + ",".join(["NULL" if value is None else next(literals) for value in values]) + "}"
    return "{" + ",".join(_literals(pg_type, values)) + "}"


def _literals(pg_type: str, values: Sequence[Any]) -> Iterable[str]:
    """Each value as an element of an array. Text stands in quotes, so that no content can end it."""
    if pg_type == "text":
        joined = "".join(values)
        if '"' in joined or "\\" in joined:
            values = [one.replace("\\", "\\\\").replace('"', '\\"') for one in values]
        return [f'"{one}"' for one in values]
    if pg_type == "bytea":
        return [f'"\\\\x{value.hex()}"' for value in values]
    if pg_type == "timestamptz":
        return [f'"{value.isoformat()}"' for value in values]
    return map(str, values)


_POSTGRESQL: Dialect = postgresql_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's, untyped


class Lookup:
    """A SELECT over rows that are handed over: `{given}` in its text is a table of them.

    `columns` names each column of `given` and its type: big, int, small, text or bytes. `{in_given}` stands
    for a condition on the first of them, `{lock}` for the locking clause. `returns` are the table columns
    that the SELECT yields, in order: they give back dates and instants as such on both databases.
    """

    def __init__(self, sql: str, returns: Sequence[ColumnElement[Any]], /, **columns: str) -> None:
        self._names = tuple(columns)
        self._types = tuple(columns.values())
        casts = [f"CAST(:given_{name} AS {_PG_TYPES[kind]}[])" for name, kind in columns.items()]
        self._postgresql: Executable = text(
            sql.replace("{given}", f"unnest({', '.join(casts)}) AS given({', '.join(columns)})")
            .replace("{in_given}", f"= ANY({casts[0]})")
            .replace("{lock}", " FOR NO KEY UPDATE")
        ).columns(*returns)
        picks = [
            f"from_hex(json_extract(value, '$[{place}]'))"
            if kind == "bytes"
            else f"json_extract(value, '$[{place}]')"
            for place, kind in enumerate(self._types)
        ]
        named = ", ".join(f"{pick} AS {name}" for pick, name in zip(picks, columns, strict=True))
        # BEGIN IMMEDIATE has locked everything already
        self._sqlite: Executable = text(
            sql.replace("{given}", f"(SELECT {named} FROM json_each(:given)) AS given")
            .replace("{in_given}", f"IN (SELECT {picks[0]} FROM json_each(:given))")
            .replace("{lock}", "")
        ).columns(*returns)

    def run(
        self, connection: Connection, rows: Sequence[tuple[Any, ...]], **parameters: Any
    ) -> Sequence[Any]:
        """The rows found; none are asked for when none are given."""
        if not rows:
            return []
        if is_postgresql(connection):
            arrays = {
                f"given_{name}": array_literal(_PG_TYPES[kind], column)
                for name, kind, column in zip(self._names, self._types, zip(*rows, strict=True), strict=True)
            }
            return connection.execute(self._postgresql, arrays | parameters).all()
        plain = [[item.hex() if isinstance(item, bytes) else item for item in row] for row in rows]
        return connection.execute(self._sqlite, {"given": json.dumps(plain)} | parameters).all()


def insert_or_leave(connection: Connection, table: Table) -> Executable:
    """INSERT … ON CONFLICT DO NOTHING, for claims and reference rows that may stand there already."""
    if is_postgresql(connection):
        return postgresql_insert(table).on_conflict_do_nothing()
    return sqlite_insert(table).on_conflict_do_nothing()


# -- writing the book ------------------------------------------------------------------------------------


def _pg_type(table: Table, name: str) -> str:
    compiled = table.c[name].type.compile(dialect=_POSTGRESQL).lower()
    return {"timestamp with time zone": "timestamptz", "integer": "int"}.get(compiled, compiled)


RECORDED_AT = "recorded_at"


class BookWriter:
    """The statements that write one batch: books updated, entries and transfers inserted.

    On PostgreSQL that is ONE writable CTE; its foreign keys are checked at its end.
    """

    def __init__(self, book: Table, entry: Table, transfer: Table, changed: Sequence[str]) -> None:
        self._tables = (book, entry, transfer)
        # the books' rows: the id first, then what an update sets
        self._columns = (
            ("book_id", *changed),
            # the instant of recording is one for the whole batch, and goes over once
            tuple(name for name in entry.columns.keys() if name != RECORDED_AT),  # noqa: SIM118  not a dict
            tuple(transfer.columns.keys()),
        )
        self._types = tuple(
            tuple(_pg_type(table, name) for name in names)
            for table, names in zip(self._tables, self._columns, strict=True)
        )
        self._postgresql = self._make_postgresql()
        book_columns, entry_columns, transfer_columns = self._columns
        self._sqlite = (
            f"UPDATE book SET {', '.join(f'{name} = ?' for name in book_columns[1:])} WHERE book_id = ?",
            f"INSERT INTO entry ({RECORDED_AT}, {', '.join(entry_columns)})"
            f" VALUES ({', '.join('?' * (len(entry_columns) + 1))})",
            f"INSERT INTO transfer ({', '.join(transfer_columns)})"
            f" VALUES ({', '.join('?' * len(transfer_columns))})",
        )

    def _make_postgresql(self) -> TextClause:
        def given(prefix: str, place: int) -> str:
            casts = ", ".join(
                f"CAST(:{prefix}{number} AS {pg_type}[])" for number, pg_type in enumerate(self._types[place])
            )
            return f"unnest({casts}) AS u({', '.join(self._columns[place])})"

        sets = ", ".join(f"{name} = u.{name}" for name in self._columns[0][1:])
        return text(
            f"WITH b AS (UPDATE book SET {sets} FROM {given('b', 0)} WHERE book.book_id = u.book_id),"
            f" e AS (INSERT INTO entry ({RECORDED_AT}, {', '.join(self._columns[1])})"
            f" SELECT CAST(:{RECORDED_AT} AS timestamptz), u.* FROM {given('e', 1)})"
            f" INSERT INTO transfer ({', '.join(self._columns[2])}) SELECT * FROM {given('t', 2)}"
        )

    def write(
        self,
        connection: Connection,
        books: Sequence[tuple[Any, ...]],
        entries: Sequence[tuple[Any, ...]],
        transfers: Sequence[tuple[Any, ...]],
        recorded_at: datetime,
    ) -> None:
        """Write one batch, recorded at one instant. A batch of nothing writes nothing."""
        if not entries:
            return
        if is_postgresql(connection):
            parameters = {RECORDED_AT: recorded_at.isoformat()}
            for prefix, place, rows in (("b", 0, books), ("e", 1, entries), ("t", 2, transfers)):
                columns = zip(*rows, strict=True) if rows else ((),) * len(self._types[place])
                for number, (pg_type, column) in enumerate(zip(self._types[place], columns, strict=True)):
                    parameters[f"{prefix}{number}"] = array_literal(pg_type, column)
            connection.execute(self._postgresql, parameters)
            return
        update, insert_entry, insert_transfer = self._sqlite
        if books:
            connection.exec_driver_sql(update, [_sqlite_row(row[1:] + row[:1]) for row in books])
        recorded = _sqlite_value(recorded_at)
        connection.exec_driver_sql(insert_entry, [(recorded, *_sqlite_row(row)) for row in entries])
        if transfers:
            connection.exec_driver_sql(insert_transfer, list(transfers))


def _sqlite_row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([_sqlite_value(value) if isinstance(value, date) else value for value in row])


def _sqlite_value(value: date) -> str:
    """Dates and instants as SQLAlchemy's own SQLite types write them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return value.isoformat()


class RowWriter:
    """Inserts many rows of one table in one statement; with `replace`, a row that is there is set anew."""

    def __init__(self, table: Table, *, replace: bool = False) -> None:
        self._columns = tuple(table.columns.keys())
        self._types = tuple(_pg_type(table, name) for name in self._columns)
        keys = [column.name for column in table.primary_key]
        sets = ", ".join(f"{name} = excluded.{name}" for name in self._columns if name not in keys)
        conflict = f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sets}" if replace else ""
        named = ", ".join(self._columns)
        casts = ", ".join(f"CAST(:c{number} AS {kind}[])" for number, kind in enumerate(self._types))
        self._postgresql = text(f"INSERT INTO {table.name} ({named}) SELECT * FROM unnest({casts}){conflict}")
        marks = ", ".join("?" * len(self._columns))
        self._sqlite = f"INSERT INTO {table.name} ({named}) VALUES ({marks}){conflict}"

    def write(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write rows with a value for each column, in the table's order. No rows write nothing."""
        if not rows:
            return
        if is_postgresql(connection):
            columns = zip(self._types, zip(*rows, strict=True), strict=True)
            parameters = {
                f"c{number}": array_literal(kind, column) for number, (kind, column) in enumerate(columns)
            }
            connection.execute(self._postgresql, parameters)
            return
        connection.exec_driver_sql(self._sqlite, [_sqlite_row(row) for row in rows])


class ClaimWriter:
    """Inserts rows of one table that may stand there already; says which were new."""

    def __init__(self, table: Table) -> None:
        self._columns = tuple(table.columns.keys())
        self._types = tuple(_pg_type(table, name) for name in self._columns)
        [key] = table.primary_key
        named = ", ".join(self._columns)
        casts = ", ".join(f"CAST(:c{number} AS {kind}[])" for number, kind in enumerate(self._types))
        self._postgresql = text(
            f"INSERT INTO {table.name} ({named}) SELECT * FROM unnest({casts})"
            f" ON CONFLICT DO NOTHING RETURNING {key.name}"
        )
        marks = ", ".join("?" * len(self._columns))
        self._sqlite = (
            f"INSERT INTO {table.name} ({named}) VALUES ({marks}) ON CONFLICT DO NOTHING RETURNING {key.name}"
        )

    def write(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[bytes]:
        """The keys of the rows that were not there before, in the order given."""
        if not rows:
            return []
        if is_postgresql(connection):
            arrays = zip(self._types, zip(*rows, strict=True), strict=True)
            parameters = {
                f"c{number}": array_literal(kind, column) for number, (kind, column) in enumerate(arrays)
            }
            return [bytes(key) for (key,) in connection.execute(self._postgresql, parameters)]
        made = (connection.exec_driver_sql(self._sqlite, row).all() for row in rows)
        return [bytes(found[0][0]) for found in made if found]
