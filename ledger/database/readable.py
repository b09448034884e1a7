"""Whether what stands in a database can be read at all, and is what its CHECKs let in.

PostgreSQL lets nothing into a column that is not of its type. SQLite keeps whatever it is given, also where a
number or a day belongs; who reads that would end with whatever the first line to meet it makes of it. A CHECK
is asked when a row is written, and by whom it was taken away meanwhile nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Connection,
    Date,
    Executable,
    Integer,
    LargeBinary,
    Table,
    Text,
    func,
    select,
    text,
)
from sqlalchemy.types import TypeEngine

from ledger.database.cluster import is_distributed
from ledger.database.engines import is_postgresql


class OutOfPlace(NamedTuple):
    """A column or a CHECK of a table, and how many of its rows hold what that does not let in."""

    table: str
    name: str
    rows: int

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"

    @property
    def is_word(self) -> bool:
        """Whether it is a CHECK of the words that there are: another one means nothing to who reads it."""
        return self.name.endswith("_known")


def with_rows(connection: Connection, tables: Sequence[Table]) -> list[Table]:
    """Those of the tables that have a row; of a spread database all, whose machines would each be asked."""
    if is_postgresql(connection) and is_distributed(connection):
        return list(tables)
    looks = ", ".join(f'EXISTS (SELECT 1 FROM "{table.name}")' for table in tables)
    has_row = connection.exec_driver_sql(f"SELECT {looks}").one()
    return [table for table, found in zip(tables, has_row, strict=True) if found]


def unreadable(connection: Connection, tables: Iterable[Table]) -> list[OutOfPlace]:
    """The columns in which something stands that they cannot hold: one pass over each of the tables."""
    if is_postgresql(connection):
        return []
    found: list[OutOfPlace] = []
    for table in tables:
        (counts,) = connection.exec_driver_sql(_unread(table)).all()
        found += [
            OutOfPlace(table.name, column.name, int(count))
            for column, count in zip(table.columns, counts, strict=True)
            if count
        ]
    return found


@cache
def _unread(table: Table) -> str:
    """How many values of each column cannot be read."""
    sums = ", ".join(
        f'total("{column.name}" IS NOT NULL AND NOT ({_is_read(column.name, column.type)}))'
        for column in table.columns
    )
    return f'SELECT {sums} FROM "{table.name}"'


def refused_rows(connection: Connection, tables: Iterable[Table]) -> list[OutOfPlace]:
    """The CHECKs that rows which are there do not keep: one pass over each of the tables."""
    found: list[OutOfPlace] = []
    for table in tables:
        names, counting = _unkept(table)
        if not names:
            continue
        (counts,) = connection.execute(counting).all()
        found += [
            OutOfPlace(table.name, name, count) for name, count in zip(names, counts, strict=True) if count
        ]
    return found


@cache
def _unkept(table: Table) -> tuple[tuple[str, ...], Executable]:
    """The names of a table's CHECKs, and how many rows do not keep each."""
    checks = sorted(
        (str(one.name), str(one.sqltext)) for one in table.constraints if isinstance(one, CheckConstraint)
    )
    broken = [func.count().filter(text(f"NOT ({said})")) for _name, said in checks]
    return tuple(name for name, _said in checks), select(*broken).select_from(table)


def _is_read(name: str, kind: TypeEngine[object]) -> str:
    """The condition under which a value is read, in the words of SQLite."""
    said = f'"{name}"'
    if isinstance(kind, Boolean):
        return f"typeof({said}) = 'integer' AND {said} IN (0, 1)"
    if isinstance(kind, Integer):
        return f"typeof({said}) = 'integer'"
    if isinstance(kind, LargeBinary):
        return f"typeof({said}) = 'blob'"
    if isinstance(kind, Text):
        # who reads other bytes is told them in the error; most texts are plain, and Python need not look
        is_text = f"({said} NOT GLOB '*[^ -~]*' OR is_utf8(CAST({said} AS BLOB)))"
        return f"typeof({said}) = 'text' AND {is_text}"
    # by way of its number a day that there is not becomes another one, or none
    day = f"substr({said}, 1, 10)"
    is_day = f"typeof({said}) = 'text' AND {said} >= '0001' AND ifnull(date(julianday({day})) = {day}, 0)"
    if isinstance(kind, Date):
        return f"{is_day} AND length({said}) = 10"
    # an instant, to the second or finer
    clock, rest = f"substr({said}, 12, 8)", f"substr({said}, 20)"
    finer = " OR ".join(f"{rest} GLOB '.{'[0-9]' * digits}'" for digits in (3, 6))
    return f"{is_day} AND ifnull(time({clock}) = {clock}, 0) AND ({rest} = '' OR {finer})"
