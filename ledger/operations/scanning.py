"""`python -m ledger scan`: ID numbers that stand in texts from before they were refused there.

Every text column of every table is looked through, as the tables themselves say which there are: a new one
cannot be forgotten. What is sealed is bytes, and no text. Of what is found the place is told, and the number
masked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, Connection, String, Table, and_, func, or_, select, tuple_

from ledger import tables
from ledger.book.numbers import account_no, entry_name
from ledger.chart.kinds import Kind
from ledger.database.engines import reading
from ledger.database.purposes import VERIFY
from ledger.id_forms import OLD_LENGTH, id_number_in
from ledger.operations import progress
from ledger.operations.cli import Answer, Data, command, warn
from ledger.operations.installation import in_words, open_to_look
from ledger.people.id_numbers import mask_id_number
from ledger.settings import Settings

LISTED_MAX: Final = 1_000
"""How many places are listed; all are counted."""
_TOGETHER: Final = 5_000
_CODES: Final = {
    "employer": ("credit_code",), "institution": ("code",), "contract": ("code",), "suspension": ("code",),
}  # fmt: skip
"""Columns of codes of firms and institutions, which have a form of their own and are no persons' numbers."""
_OF_MESSAGES: Final = frozenset({int(Kind.SETTLEMENT), int(Kind.CORRECTION)})
"""Kinds of entries whose document and key are an institution's code, a slash, and its name of a message."""


class FoundNumber(NamedTuple):
    """A text that holds an ID number: where it stands, and the first number in it, masked."""

    table: str
    place: str
    column: str
    masked: str


def text_columns() -> dict[Table, list[Column[Any]]]:
    """The columns of every table that hold texts."""
    found: dict[Table, list[Column[Any]]] = {}
    for table in tables.metadata.sorted_tables:
        columns = [
            column
            for column in table.columns
            if isinstance(column.type, String) and column.name not in _CODES.get(table.name, ())
        ]
        if columns:
            found[table] = columns
    return found


def scan_texts(
    connection: Connection, report: Callable[[int, int], None] | None = None
) -> Iterator[FoundNumber]:
    """Every text that holds an ID number, a chunk of rows in memory. Outside a transaction.

    Each chunk is a look of its own, so that it keeps nobody waiting and may take as long as it takes.
    """
    by_table = text_columns()
    for place, (table, columns) in enumerate(by_table.items()):
        if report is not None:
            report(place, len(by_table))
        yield from _in_table(connection, table, columns)
    if report is not None:
        report(len(by_table), len(by_table))


def _in_table(connection: Connection, table: Table, columns: Sequence[Column[Any]]) -> Iterator[FoundNumber]:
    key = list(table.primary_key.columns)
    of_messages = _OF_MESSAGES if table is tables.entry else frozenset()
    names = dict.fromkeys(
        [column.name for column in (*key, *columns, *([table.c.kind] if of_messages else ()))]
    )
    long_enough = [func.length(column) >= OLD_LENGTH for column in columns]
    query = select(*(table.c[name] for name in names)).where(or_(*long_enough)).order_by(*key)
    after: tuple[Any, ...] | None = None
    while True:
        within = query.limit(_TOGETHER)
        if after is not None:
            within = within.where(tuple_(*key) > after if len(key) > 1 else and_(key[0] > after[0]))
        with connection.begin():
            rows = connection.execute(within).mappings().all()
        for row in rows:
            for column in columns:
                number = _number_in(row[column.name], two=bool(of_messages) and row["kind"] in of_messages)
                if number is not None:
                    yield FoundNumber(table.name, _place(key, row), column.name, mask_id_number(number))
        if len(rows) < _TOGETHER:
            return
        after = tuple(rows[-1][column.name] for column in key)


def _number_in(text: str | None, *, two: bool) -> str | None:
    """The first number in a text; in one that was made of two, in either of them and not in both together."""
    if text is None:
        return None
    if not two:
        return id_number_in(text)
    code, _, message = text.partition("/")
    return id_number_in(code) or id_number_in(message)


def _place(key: Sequence[Column[Any]], row: Any) -> str:
    """The place of a row as the project names it: an entry, a book, else its key; no number in clear."""
    told = {column.name: row[column.name] for column in key}
    parts: list[str] = []
    book_id = told.pop("book_id", None)
    if book_id is not None:
        seq = told.pop("seq", None)
        parts.append(account_no(book_id) if seq is None else entry_name(book_id, seq))
    for value in told.values():
        number = id_number_in(value) if isinstance(value, str) else None
        parts.append(str(value) if number is None else mask_id_number(number))
    return " ".join(parts)


@command("scan")
def scan(data: Data = None) -> Answer:
    """List the texts that hold ID numbers, from before those were refused; ends with 1 when there are any."""
    engine, _keyring = open_to_look(Settings.load(data), VERIFY)
    found_total = 0
    listed: list[dict[str, str]] = []
    try:
        with in_words(), progress.shown("tables") as report, reading(engine) as connection:
            for found in scan_texts(connection, report):
                found_total += 1
                if found_total <= LISTED_MAX:
                    listed.append(found._asdict())
    finally:
        engine.dispose()
    if found_total > LISTED_MAX:
        warn(f"the first {LISTED_MAX} of {found_total} are listed")
    return {"found_total": found_total, "entries": listed}, not found_total
