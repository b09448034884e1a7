"""What posting writes of medical care: the rows of entries, and the state that they add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table

from ledger import tables
from ledger.book.beside.care_rows import SettlementRow
from ledger.book.beside.care_state import Care
from ledger.book.state import Book, Draft
from ledger.database.writers import RowWriter

# a settlement's columns in the table's order, taken from its row; the other two come from the entry
_SETTLED = tuple(name for name in tables.settlement.columns.keys() if name in SettlementRow._fields)  # noqa: SIM118  not a dict
_settled_values = attrgetter(*_SETTLED)
_SETTLED_AT = tuple(
    _SETTLED.index(name) if name in _SETTLED else {"book_id": -2, "seq": -1}[name]
    for name in tables.settlement.columns.keys()  # noqa: SIM118  not a dict
)
_settled_in_order = itemgetter(*_SETTLED_AT)
_SETTLEMENTS = RowWriter(tables.settlement)


class _Beside(NamedTuple):
    """A kind of row that an entry may write beside itself: its name in Rows, and where it goes."""

    name: str
    writer: RowWriter
    columns: tuple[str, ...]


def _beside(name: str, table: Table) -> _Beside:
    return _Beside(name, RowWriter(table), tuple(table.columns.keys()))


_OTHERS = (
    _beside("filing", tables.filing),
    _beside("claim", tables.manual_claim),
    _beside("contract", tables.contract),
    _beside("suspension", tables.suspension),
)


class _State(NamedTuple):
    """A kind of state: its name in Care, and the values of its row in the table's order."""

    name: str
    writer: RowWriter
    row: Callable[[int, Any, Any], tuple[Any, ...]]


def _state(name: str, table: Table, key: str) -> _State:
    columns = tuple(table.columns.keys())

    def row(book_id: int, place: int | date, state: Any) -> tuple[Any, ...]:
        # one that was ended, and whose key is the entry that made it, has both in its place
        known = {"book_id": book_id, key: place}
        return tuple(known[one] if one in known else getattr(state, one) for one in columns)

    return _State(name, RowWriter(table, replace=True), row)


_STATES = (
    _state("accumulators", tables.accumulator, "year"),
    _state("quotas", tables.quota, "seq"),
    _state("cases", tables.third_party_case, "seq"),
    _state("days", tables.reconciled_day, "day"),
    _state("clearings", tables.clearing, "period"),
)


def write_care_rows(connection: Connection, beside: Iterable[tuple[int, Draft]]) -> None:
    """Each row names the entry it belongs to."""
    settled: list[tuple[Any, ...]] = []
    others: dict[str, list[tuple[Any, ...]]] = {}
    for book_id, draft in beside:
        rows = draft.rows
        if rows is None:
            continue
        if rows.settlement is not None:
            values = (*_settled_values(rows.settlement), book_id, draft.seq)
            settled.append(_settled_in_order(values))
        for one in _OTHERS:
            row = getattr(rows, one.name)
            if row is not None:
                known = {"book_id": book_id, "seq": draft.seq, **row._asdict()}
                others.setdefault(one.name, []).append(tuple(known[name] for name in one.columns))
    _SETTLEMENTS.write(connection, settled)
    for one in _OTHERS:
        _write(connection, one.writer, others.get(one.name, ()))


def write_care_state(connection: Connection, books: Sequence[Book]) -> None:
    """The state rows that the batch changed, in the order of their keys."""
    caring: list[tuple[int, Care]] = [
        (book.book_id, book.care) for book in books if book.care is not None and book.care.touched
    ]
    if not caring:
        return
    for kind in _STATES:
        rows = [
            kind.row(book_id, place, getattr(care, kind.name)[place])
            for book_id, care in caring
            for name, place in sorted(care.touched, key=str)
            if name == kind.name
        ]
        _write(connection, kind.writer, rows)


def _write(connection: Connection, writer: RowWriter, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        writer.write(connection, rows)
