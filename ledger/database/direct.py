"""Statements that the driver runs itself: those of posting, and of the reads that many wait for.

Going through SQLAlchemy's execution costs as much again as psycopg does (about 35 of 85 µs a statement, and
more for each row), and one settlement alone has twelve of them. So what these send goes to the driver at
once, as many as can be asked together in one round trip, and comes back binary. Connection, pool and errors
stay SQLAlchemy's; of the transaction it knows when it begins and ends, and what it sends of its own is a part
of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import psycopg
from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Select,
    Transaction,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlalchemy.types import TypeEngine

from ledger.database.bounded import BoundedConnection
from ledger.database.round_trips import Rows, Sent, StatementFailed, as_texts

POSTGRESQL: Dialect = psycopg_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's, untyped
# the same with values as $1, as they go over the wire
_NUMBERED: Dialect = psycopg_dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # the same
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
        compiled = self._statement.compile(dialect=_NUMBERED)
        self.sql = str(compiled)
        self._sent = self.sql.encode()
        self._names: Sequence[str] = compiled.positiontup or ()
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
        trip = RoundTrip(connection)
        answer = trip.ask(self, parameters)
        trip.send()
        return answer.rows

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> None:
        """Run what yields nothing. Raises what SQLAlchemy raises."""
        self.all(connection, parameters)

    def alone(self, connection: Connection, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """As SQLAlchemy runs it."""
        result = connection.execute(self._statement, parameters)
        return result.all() if result.returns_rows else ()

    def sent(self, parameters: Mapping[str, Any], encoding: str) -> Sent:
        """As it goes over the wire. Raises psycopg.DataError for a value that cannot."""
        given = self._given(parameters)
        return self._sent, as_texts([given[name] for name in self._names], encoding)

    def made(self, rows: Rows, driver: BoundedConnection) -> Sequence[Sequence[Any]]:
        """The rows with the values that the columns' types say."""
        if not self._out or (self._only_instants and driver.pgconn.parameter_status(b"TimeZone") == _UTC):
            return rows
        return [self._made(row) for row in rows]

    def fail(self, connection: Connection, fault: psycopg.Error) -> NoReturn:
        """Raise what SQLAlchemy raises for this fault of the driver."""
        _fail(connection, fault, self.sql)

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


class Answer:
    """What a statement of a round trip yields: there once it was sent."""

    __slots__ = ("rows",)

    def __init__(self) -> None:
        self.rows: Sequence[Sequence[Any]] = ()


class RoundTrip:
    """Statements that are asked together, in this order, each seeing what was committed when it begins.

    Where they cannot be sent together (on SQLite, and where somebody listens to what SQLAlchemy sends) each
    is run when it is asked.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._driver = _driver(connection)
        self._asked: list[tuple[Direct, Sent, Answer]] = []
        # from when COMMIT is sent until it is known that it was not carried out
        self.is_committing = False

    @property
    def goes_together(self) -> bool:
        """Whether the statements wait until they are sent."""
        return self._driver is not None

    def ask(self, statement: Direct, parameters: Mapping[str, Any]) -> Answer:
        """Ask one more. Raises what SQLAlchemy raises."""
        answer = Answer()
        if self._driver is None:
            answer.rows = statement.alone(self.connection, parameters)
            return answer
        try:
            self._asked.append((statement, statement.sent(parameters, self._driver.trips.encoding), answer))
        except psycopg.Error as fault:
            statement.fail(self.connection, fault)
        return answer

    def send(self) -> None:
        """Send what was asked, and wait for the answers. Raises what SQLAlchemy raises."""
        if self._driver is not None and self._asked:
            self._send(self._driver, commit=False)

    def commit(self, transaction: Transaction) -> None:
        """The same, and commit: in the same round trip, unless somebody listens to that.

        Raises what SQLAlchemy raises; `is_committing` tells then whether it may have been committed.
        """
        if self._driver is None or self.connection.dispatch.commit:
            self.send()
            self.is_committing = True
        else:
            self.is_committing = True
            self._send(self._driver, commit=True)
        transaction.commit()

    def _send(self, driver: BoundedConnection, *, commit: bool) -> None:
        asked, self._asked = self._asked, []
        try:
            found = driver.trips.run([sent for _statement, sent, _answer in asked], commit=commit)
        except StatementFailed as failed:
            if failed.place is not None:
                self.is_committing = False
                asked[failed.place][0].fail(self.connection, failed.fault)
            _fail(self.connection, failed.fault, "COMMIT")
        except psycopg.Error as fault:
            _fail(self.connection, fault, asked[0][1][0].decode() if asked else "COMMIT")
        for (statement, _sent, answer), rows in zip(asked, found, strict=True):
            answer.rows = statement.made(rows, driver)


def write_to_sqlite(connection: Connection, sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run what yields nothing once for each row, with values as `?`. Raises what SQLAlchemy raises."""
    if not connection.in_transaction() or connection.dispatch.before_cursor_execute:
        connection.exec_driver_sql(sql, list(map(tuple, rows)))
        return
    # also of a connection that is its own and belongs to no pool
    driver: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]  # SQLite's
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
