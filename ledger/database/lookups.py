"""Reading many things in one statement, by values bound as one text."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Protocol

from sqlalchemy import CTE, ColumnElement, Connection, Executable, Select, Table, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from ledger.database.bounded import BoundedConnection
from ledger.database.cluster import in_cluster, pruned
from ledger.database.direct import Answer, Direct, RoundTrip
from ledger.database.engines import is_postgresql
from ledger.months import format_day

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
    if pg_type == "date":
        return [one if isinstance(one, str) else format_day(one) for one in values]
    return map(str, values)


AS_IT_IS: Final[Mapping[str, str]] = MappingProxyType({})


class Lookup:
    """A SELECT over rows that are handed over: `{given}` in its text is a table of them.

    `columns` names each column of `given` and its type: big, int, small, text or bytes. `{in_given}` stands
    for a condition on the first of them, `{lock}` for the locking clause, `{>=}` and `{<}` compare texts
    character by character, whatever the language of the database. `returns` are the table columns
    that the SELECT yields, in order: they give back dates and instants as such on both databases.
    `spread_as` are parts of the text that a cluster does not take, and what stands there instead.
    """

    def __init__(
        self,
        sql: str,
        returns: Sequence[ColumnElement[Any]],
        spread_as: Mapping[str, str] = AS_IT_IS,
        /,
        **columns: str,
    ) -> None:
        # how many columns it yields
        self.width = len(returns)
        self._names = tuple(columns)
        self._types = tuple(columns.values())
        self._given_as = tuple(f"given_{name}" for name in columns)
        self._sql, self._returns = sql, returns
        casts = [f"CAST(:given_{name} AS {_PG_TYPES[kind]}[])" for name, kind in columns.items()]
        on_postgresql = _on_postgresql(
            sql, f"unnest({', '.join(casts)}) AS given({', '.join(columns)})", f"= ANY({casts[0]})"
        )
        self._postgresql = Direct(on_postgresql, returns)
        self.sql = self._postgresql.sql
        on_cluster = on_postgresql
        for part, other in spread_as.items():
            on_cluster = on_cluster.replace(part, other)
        spread = pruned(on_cluster, {name: _PG_TYPES[kind] for name, kind in columns.items()})
        self._cluster = Direct(spread, returns) if spread != on_postgresql else self._postgresql
        self.sql_in_cluster = self._cluster.sql
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
            if not parameters and (answer := answered_ahead(connection, self, rows)) is not None:
                return answer.rows
            statement, given = self._asking(connection, rows)
            return statement.all(connection, given | parameters if parameters else given)
        plain = [[item.hex() if isinstance(item, bytes) else item for item in row] for row in rows]
        return connection.execute(self._sqlite, {"given": json.dumps(plain)} | parameters).all()

    def ask(self, trip: RoundTrip, rows: Sequence[tuple[Any, ...]]) -> Answer:
        """Ask the same in a round trip with others, on PostgreSQL."""
        return trip.ask(*self._asking(trip.connection, rows))

    @cached_property
    def of_one(self) -> Direct:
        """The same for one row, whose values go over as they are.

        Most who post are alone in their batch. An array is made here, read there and laid out as a table:
        without any, a single spend takes PostgreSQL about a seventh less.
        """
        casts = {name: f"CAST(:given_{name} AS {_PG_TYPES[kind]})" for name, kind in self._columns}
        given = ", ".join(f"{cast} AS {name}" for name, cast in casts.items())
        return Direct(
            _on_postgresql(self._sql, f"(SELECT {given}) AS given", f"= {next(iter(casts.values()))}"),
            self._returns,
        )

    @property
    def _columns(self) -> Iterable[tuple[str, str]]:
        return zip(self._names, self._types, strict=True)

    def _asking(
        self, connection: Connection, rows: Sequence[tuple[Any, ...]]
    ) -> tuple[Direct, dict[str, Any]]:
        """The statement that asks for these rows, and its values."""
        spread = in_cluster(connection)
        if len(rows) == 1 and not spread:
            return self.of_one, dict(zip(self._given_as, rows[0], strict=True))
        columns = zip(self._given_as, self._types, zip(*rows, strict=True), strict=True)
        arrays = {name: array_literal(_PG_TYPES[kind], column) for name, kind, column in columns}
        return self._cluster if spread else self._postgresql, arrays


def _on_postgresql(sql: str, given: str, in_given: str) -> str:
    return (
        sql.replace("{given}", given)
        .replace("{in_given}", in_given)
        .replace("{lock}", " FOR NO KEY UPDATE")
        .replace("{>=}", "~>=~")
        .replace("{<}", "~<~")
    )


class Askable(Protocol):
    """What is asked by rows: a lookup, or what says which rows of keys are new."""

    def ask(self, trip: RoundTrip, rows: Sequence[tuple[Any, ...]]) -> Answer:
        """Ask in a round trip with others, on PostgreSQL."""


Ask = tuple[Lookup, Sequence[tuple[Any, ...]]]
"""A question that somebody is going to put: a lookup and its rows."""


@contextmanager
def asked_ahead(
    connection: Connection, asks: Iterable[tuple[Askable, Sequence[tuple[Any, ...]]]]
) -> Iterator[bool]:
    """Ask what is going to be asked in here, all in one round trip and in this order.

    The first `run` of each of these lookups is answered by it, if it gives the same rows, and of one that is
    asked several times the next by the next; any other asks anew. Where statements are not sent together
    nothing is asked. Yields whether it was.
    """
    trip = RoundTrip(connection)
    if not trip.goes_together:
        yield False
        return
    there = _asked_ahead(connection)
    try:
        for lookup, rows in asks:
            if rows:
                there.setdefault(lookup, []).append((rows, lookup.ask(trip, rows)))
        trip.send()
        yield True
    finally:
        there.clear()


def answered_ahead(connection: Connection, asker: Askable, rows: Sequence[tuple[Any, ...]]) -> Answer | None:
    """The answer that is there already, where just this is asked of it next; else None: it is to be asked."""
    found = _asked_ahead(connection).get(asker)
    if not found:
        return None
    asked, answer = found.pop(0)
    return answer if asked == rows else None


def _asked_ahead(connection: Connection) -> dict[object, list[tuple[Sequence[Any], Answer]]]:
    driver: BoundedConnection = connection.connection.driver_connection  # type: ignore[assignment]  # ours
    return driver.asked_ahead


class Apart:
    """A lookup that joins what lies apart in a cluster, and is two looks there.

    `whole` is how one machine reads it. In a cluster `first` reads rows, and `then` those that stand beside
    them: its first column is what the column `on` of the first look's rows says, counted from 0. `outer`
    keeps rows that nothing stands beside. What was joined on is left out where `shown` is false.
    """

    def __init__(
        self, whole: Lookup, first: Lookup, then: Lookup, *, on: int, outer: bool = False, shown: bool = True
    ) -> None:
        self._whole, self._first, self._then = whole, first, then
        # how it is read in a cluster
        self.looks = (first, then)
        self._on = on
        self._outer, self._shown = outer, shown

    def run(
        self, connection: Connection, rows: Sequence[tuple[Any, ...]], **parameters: Any
    ) -> Sequence[Any]:
        """The rows found, as those of a lookup."""
        if not in_cluster(connection):
            return self._whole.run(connection, rows, **parameters)
        on = self._on
        found = self._first.run(connection, rows, **parameters)
        keys = sorted({one[on] for one in found if one[on] is not None})
        beside: dict[Any, list[Sequence[Any]]] = {}
        for key, *more in self._then.run(connection, [(key,) for key in keys], **parameters):
            beside.setdefault(key, []).append(more)
        none = [(None,) * (self._then.width - 1)] if self._outer else []
        left_out = slice(on, on if self._shown else on + 1)
        joined: list[Any] = []
        for one in found:
            shown = list(one)
            del shown[left_out]
            joined.extend((*shown, *more) for more in beside.get(one[on], none))
        return joined


def read_first(query: Select[Any], name: str) -> CTE:
    """A part of a statement that is read before the rest, by itself: so what lies apart may be joined to it.

    Its conditions are all its own: none comes to it from the join.
    """
    return query.cte(name).prefix_with("MATERIALIZED", dialect="postgresql")


def insert_or_leave(connection: Connection, table: Table) -> Executable:
    """INSERT … ON CONFLICT DO NOTHING, for stakes and reference rows that may stand there already."""
    if is_postgresql(connection):
        return postgresql_insert(table).on_conflict_do_nothing()
    return sqlite_insert(table).on_conflict_do_nothing()
