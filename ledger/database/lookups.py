"""Reading many things in one statement, by values bound as one text."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, Table, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from ledger.database.bounded import BoundedConnection
from ledger.database.direct import Answer, Direct, RoundTrip
from ledger.database.engines import is_postgresql

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


class Lookup:
    """A SELECT over rows that are handed over: `{given}` in its text is a table of them.

    `columns` names each column of `given` and its type: big, int, small, text or bytes. `{in_given}` stands
    for a condition on the first of them, `{lock}` for the locking clause, `{>=}` and `{<}` compare texts
    character by character, whatever the language of the database. `returns` are the table columns
    that the SELECT yields, in order: they give back dates and instants as such on both databases.
    """

    def __init__(self, sql: str, returns: Sequence[ColumnElement[Any]], /, **columns: str) -> None:
        self._names = tuple(columns)
        self._types = tuple(columns.values())
        casts = [f"CAST(:given_{name} AS {_PG_TYPES[kind]}[])" for name, kind in columns.items()]
        self._postgresql = Direct(
            sql.replace("{given}", f"unnest({', '.join(casts)}) AS given({', '.join(columns)})")
            .replace("{in_given}", f"= ANY({casts[0]})")
            .replace("{lock}", " FOR NO KEY UPDATE")
            .replace("{>=}", "~>=~")
            .replace("{<}", "~<~"),
            returns,
        )
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
            .replace("{>=}", ">=")
            .replace("{<}", "<")
        ).columns(*returns)

    def run(
        self, connection: Connection, rows: Sequence[tuple[Any, ...]], **parameters: Any
    ) -> Sequence[Any]:
        """The rows found, as sequences without names; none are asked for when none are given."""
        if not rows:
            return []
        if is_postgresql(connection):
            there = _asked_ahead(connection)
            if there and not parameters and (found := there.pop(self, None)) is not None and found[0] == rows:
                return found[1].rows
            return self._postgresql.all(connection, self._given(rows, parameters))
        plain = [[item.hex() if isinstance(item, bytes) else item for item in row] for row in rows]
        return connection.execute(self._sqlite, {"given": json.dumps(plain)} | parameters).all()

    def ask(self, trip: RoundTrip, rows: Sequence[tuple[Any, ...]]) -> Answer:
        """Ask the same in a round trip with others, on PostgreSQL."""
        return trip.ask(self._postgresql, self._given(rows, {}))

    def _given(self, rows: Sequence[tuple[Any, ...]], parameters: Mapping[str, Any]) -> dict[str, Any]:
        columns = zip(self._names, self._types, zip(*rows, strict=True), strict=True)
        arrays: dict[str, Any] = {
            f"given_{name}": array_literal(_PG_TYPES[kind], column) for name, kind, column in columns
        }
        return arrays | dict(parameters) if parameters else arrays


Ask = tuple[Lookup, Sequence[tuple[Any, ...]]]
"""A question that somebody is going to put: a lookup and its rows."""


@contextmanager
def asked_ahead(connection: Connection, asks: Iterable[Ask]) -> Iterator[None]:
    """Ask what is going to be asked in here, all in one round trip and in this order.

    The first `run` of each of these lookups is answered by it, if it gives the same rows; any other asks
    anew. Where statements are not sent together nothing is asked.
    """
    trip = RoundTrip(connection)
    if not trip.goes_together:
        yield
        return
    there = _asked_ahead(connection)
    try:
        for lookup, rows in asks:
            if rows:
                there[lookup] = (rows, lookup.ask(trip, rows))
        trip.send()
        yield
    finally:
        there.clear()


def _asked_ahead(connection: Connection) -> dict[object, tuple[Sequence[Any], Answer]]:
    driver: BoundedConnection = connection.connection.driver_connection  # type: ignore[assignment]  # ours
    return driver.asked_ahead


def insert_or_leave(connection: Connection, table: Table) -> Executable:
    """INSERT … ON CONFLICT DO NOTHING, for stakes and reference rows that may stand there already."""
    if is_postgresql(connection):
        return postgresql_insert(table).on_conflict_do_nothing()
    return sqlite_insert(table).on_conflict_do_nothing()
