"""Whether what stands in a database can be read at all, and is what its CHECKs let in.

PostgreSQL lets nothing into a column that is not of its type. SQLite keeps whatever it is given, also where a
number or a day belongs; who reads that would end with whatever the first line to meet it makes of it. A CHECK
is asked when a row is written, and by whom it was taken away meanwhile nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Connection,
    Date,
    Integer,
    LargeBinary,
    Table,
    Text,
    func,
    select,
    text,
)
from sqlalchemy.types import TypeEngine

from ledger.database.engines import is_postgresql


class Unreadable(NamedTuple):
    """A column, and in how many rows of its table something stands in it that cannot be read as its type."""

    table: str
    column: str
    rows: int

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


def unreadable(connection: Connection, tables: Iterable[Table]) -> list[Unreadable]:
    """The columns in which something stands that they cannot hold: one pass over each of the tables."""
    if is_postgresql(connection):
        return []
    found: list[Unreadable] = []
    for table in tables:
        names = [column.name for column in table.columns]
        sums = ", ".join(
            f'total("{column.name}" IS NOT NULL AND NOT ({_is_read(column.name, column.type)}))'
            for column in table.columns
        )
        (counts,) = connection.exec_driver_sql(f'SELECT {sums} FROM "{table.name}"').all()
        found += [
            Unreadable(table.name, name, int(count))
            for name, count in zip(names, counts, strict=True)
            if count
        ]
    return found


# what a CHECK is called that says which numbers or words there are: another one means nothing to who reads it
_OF_A_WORD: Final = "_known"


class RefusedRows(NamedTuple):
    """A CHECK, and how many rows of its table it would not let in."""

    table: str
    check: str
    rows: int

    def __str__(self) -> str:
        return f"{self.table}.{self.check}"


def refused_rows(connection: Connection, tables: Iterable[Table], *, of_words: bool) -> list[RefusedRows]:
    """The CHECKs of tables that rows which are there do not keep: those of words, or all others."""
    found: list[RefusedRows] = []
    for table in tables:
        checks = sorted(
            (str(one.name), str(one.sqltext))
            for one in table.constraints
            if isinstance(one, CheckConstraint) and str(one.name).endswith(_OF_A_WORD) is of_words
        )
        if not checks:
            continue
        broken = [func.count().filter(text(f"NOT ({said})")) for _name, said in checks]
        (counts,) = connection.execute(select(*broken).select_from(table)).all()
        found += [
            RefusedRows(table.name, name, count)
            for (name, _said), count in zip(checks, counts, strict=True)
            if count
        ]
    return found


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
