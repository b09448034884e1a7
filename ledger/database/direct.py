"""Statements that the driver runs itself: those of posting, and of the reads that many wait for.

Going through SQLAlchemy's execution costs as much again as psycopg does (about 35 of 85 µs a statement, and
more for each row), and one settlement alone has twelve of them. So what these send goes to the driver at
once, all on one cursor, and comes back binary. Connection, transaction, pool and errors stay SQLAlchemy's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import psycopg
from sqlalchemy import ColumnElement, Connection, DateTime, Dialect, Select, TypeDecorator, text
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlalchemy.types import TypeEngine

from ledger.database.bounded import BoundedConnection

POSTGRESQL: Dialect = psycopg_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's, untyped
_UTC = b"UTC"


class Direct:
    """A statement: a text with values as `:name` and the columns that it yields, or a SELECT of SQLAlchemy.

    A SELECT reads on both databases; on SQLite SQLAlchemy runs it.
    """

    def __init__(self, sql: str | Select[Any], returns: Sequence[ColumnElement[Any]] = ()) -> None:
        self._statement: Any
        if isinstance(sql, str):
            self._statement = text(sql).columns(*returns) if returns else text(sql)
        else:
            self._statement, returns = sql, list(sql.selected_columns)
        compiled = self._statement.compile(dialect=POSTGRESQL)
        self._sql = str(compiled)
        # values that stand in the statement itself
        self._fixed = {name: one.value for one, name in compiled.bind_names.items() if not one.required}
        self._in: list[tuple[str, Callable[[Any], Any]]] = [
            (name, made)
            for one, name in compiled.bind_names.items()
            if one.required and (made := _into_driver(one.type)) is not None
        ]
        self._out: list[tuple[int, Callable[[Any], Any]]] = [
            (place, made)
            for place, column in enumerate(returns)
            if (made := _out_of_driver(column)) is not None
        ]
        # made of an instant is the same one in UTC, as the driver has it already where the session is in UTC
        self._only_instants = all(_is_instant(returns[place].type) for place, _made in self._out)

    def all(self, connection: Connection, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """The rows, as sequences without names. Raises what SQLAlchemy raises."""
        driver = _driver(connection)
        if driver is None:
            return connection.execute(self._statement, parameters).all()
        try:
            rows = driver.cursor_kept.execute(self._sql, self._given(parameters)).fetchall()
        except psycopg.Error as fault:
            self._fail(connection, fault)
        if not self._out or (self._only_instants and driver.pgconn.parameter_status(b"TimeZone") == _UTC):
            return rows
        return [self._made(row) for row in rows]

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> None:
        """Run what yields nothing. Raises what SQLAlchemy raises."""
        driver = _driver(connection)
        if driver is None:
            connection.execute(self._statement, parameters)
            return
        try:
            driver.cursor_kept.execute(self._sql, self._given(parameters))
        except psycopg.Error as fault:
            self._fail(connection, fault)

    def _given(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self._fixed and not self._in:
            return parameters
        given = {**self._fixed, **parameters}
        for name, made in self._in:
            given[name] = made(given[name])
        return given

    def _made(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for place, made in self._out:
            values[place] = made(values[place])
        return values

    def _fail(self, connection: Connection, fault: psycopg.Error) -> NoReturn:
        _fail(connection, fault, self._sql)


def write_to_sqlite(connection: Connection, sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run what yields nothing once for each row, with values as `?`. Raises what SQLAlchemy raises."""
    if not connection.in_transaction() or connection.dispatch.before_cursor_execute:
        connection.exec_driver_sql(sql, list(map(tuple, rows)))
        return
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]  # SQLite's
    try:
        driver.executemany(sql, rows)
    except sqlite3.Error as fault:
        _fail(connection, fault, sql)


def _fail(connection: Connection, fault: Exception, sql: str) -> NoReturn:
    # What every statement of SQLAlchemy ends in: it makes its own error of the driver's, tells whoever
    # hides values, and throws away connections that are gone. It has no public name.
    connection._handle_dbapi_exception(fault, sql, None, None, None)


def _driver(connection: Connection) -> BoundedConnection | None:
    """The driver's connection, unless SQLAlchemy has to see the statement: that of SQLite, the first one of a
    transaction, which it begins, and all of them for who listens."""
    if connection.dialect.name != "postgresql" or connection.dispatch.before_cursor_execute:
        return None
    driver: BoundedConnection = connection.connection.driver_connection  # type: ignore[assignment]  # ours
    return driver if driver.autocommit or connection.in_transaction() else None


def _into_driver(kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    """What makes a value as the driver takes it; None where it takes the value itself."""
    return kind.dialect_impl(POSTGRESQL).bind_processor(POSTGRESQL)


def _is_instant(kind: TypeEngine[Any]) -> bool:
    return isinstance(kind, TypeDecorator) and isinstance(kind.impl_instance, DateTime)


def _out_of_driver(column: ColumnElement[Any]) -> Callable[[Any], Any] | None:
    """What makes of the driver's value what the column's type says; None where it is that already."""
    kind = column.type
    return kind.dialect_impl(POSTGRESQL).result_processor(POSTGRESQL, None)
