"""Statements of posting that PostgreSQL's driver runs itself.

Going through SQLAlchemy's execution costs as much again as psycopg does (about 35 of 85 µs a statement), and
one settlement alone has twelve of them. So what every posting sends goes to the driver at once. Connection,
transaction, pool and errors stay SQLAlchemy's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import psycopg
from sqlalchemy import ColumnElement, Connection, Dialect, text
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect

POSTGRESQL: Dialect = psycopg_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's, untyped


class Direct:
    """A statement of PostgreSQL with values as `:name`, and the columns that it yields."""

    def __init__(self, sql: str, returns: Sequence[ColumnElement[Any]] = ()) -> None:
        self._text = text(sql).columns(*returns) if returns else text(sql)
        self._sql = str(text(sql).compile(dialect=POSTGRESQL))
        self._out: list[tuple[int, Callable[[Any], Any]]] = [
            (place, made)
            for place, column in enumerate(returns)
            if (made := _out_of_driver(column)) is not None
        ]

    def all(self, connection: Connection, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """The rows, as tuples. Raises what SQLAlchemy raises."""
        if _heard(connection):
            return connection.execute(self._text, parameters).all()
        try:
            rows = _driver(connection).execute(self._sql, parameters).fetchall()
        except psycopg.Error as fault:
            self._fail(connection, fault)
        if not self._out:
            return rows
        return [self._made(row) for row in rows]

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> None:
        """Run what yields nothing. Raises what SQLAlchemy raises."""
        if _heard(connection):
            connection.execute(self._text, parameters)
            return
        try:
            _driver(connection).execute(self._sql, parameters)
        except psycopg.Error as fault:
            self._fail(connection, fault)

    def _made(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for place, made in self._out:
            values[place] = made(values[place])
        return values

    def _fail(self, connection: Connection, fault: psycopg.Error) -> NoReturn:
        # What every statement of SQLAlchemy ends in: it makes its own error of the driver's, tells whoever
        # hides values, and throws away connections that are gone. It has no public name.
        connection._handle_dbapi_exception(fault, self._sql, None, None, None)


def _heard(connection: Connection) -> bool:
    """Whether SQLAlchemy has to see the statement: to begin the transaction, or for who listens."""
    return not connection.in_transaction() or bool(connection.dispatch.before_cursor_execute)


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]  # psycopg's
    return driver


def _out_of_driver(column: ColumnElement[Any]) -> Callable[[Any], Any] | None:
    """What makes of the driver's value what the column's type says; None where it is that already."""
    kind = column.type
    return kind.dialect_impl(POSTGRESQL).result_processor(POSTGRESQL, None)
