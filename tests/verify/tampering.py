"""Changing a book behind the ledger's back, as somebody could who has every right on the database.

`tampering(engine)` gives a connection for which no trigger and no foreign key exists, on SQLite no CHECK,
and takes back at its end all that was done on it; `with_every_right` lets it stand. What `found` finds is
kept in TOLD: `test_verify_whole.py` holds it against what `verify` can say.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, text

from ledger.book.chain import canonical, digest, genesis, microseconds
from ledger.database.engines import is_postgresql
from ledger.verify import ACROSS, INVARIANTS, Finding
from ledger.verify.books import _LINE_COLUMNS

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
# what is about all books together, and follows from what is found in one; and what a register says of the
# same row, which `test_verify_registered.py` looks at
SUMS = frozenset({
    "totals_differ", "aid_not_cleared", "register_changed", "register_missing", "register_unsaid",
})  # fmt: skip
# what was found wrong in this run, word for word
TOLD: set[str] = set()


@contextmanager
def with_every_right(engine: Engine) -> Iterator[Connection]:
    """A connection for which no trigger and no foreign key exists, on SQLite no CHECK; it is committed."""
    with _unguarded(engine) as connection, connection.begin():
        _let_go(connection)
        triggers = _without_triggers(connection)
        yield connection
        for trigger in triggers:
            connection.exec_driver_sql(trigger)


@contextmanager
def tampering(engine: Engine) -> Iterator[Connection]:
    """The same, and at its end all is as it was."""
    with _unguarded(engine) as connection, connection.begin() as transaction:
        _let_go(connection)
        _without_triggers(connection)
        yield connection
        transaction.rollback()


@contextmanager
def _unguarded(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if isinstance(driver, sqlite3.Connection):
            driver.execute("PRAGMA foreign_keys = OFF")
            driver.execute("PRAGMA ignore_check_constraints = ON")
        try:
            yield connection
        finally:
            if isinstance(driver, sqlite3.Connection):
                driver.execute("PRAGMA ignore_check_constraints = OFF")
                driver.execute("PRAGMA foreign_keys = ON")


def _let_go(connection: Connection) -> None:
    if is_postgresql(connection):
        connection.execute(text("SET LOCAL session_replication_role = replica"))


def _without_triggers(connection: Connection) -> list[str]:
    """Take the triggers away, and say how they come back; PostgreSQL has let go of them already."""
    if is_postgresql(connection):
        return []
    master = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    triggers = connection.exec_driver_sql(master).all()
    for name, _ in triggers:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    return [sql for _, sql in triggers]


def let_pass(connection: Connection, *checks: str) -> None:
    """Let a CHECK, such as "book.ck_book_closed_is_empty", not be one; SQLite has let go of all of them."""
    if is_postgresql(connection):
        for check in checks:
            table, _, name = check.partition(".")
            connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))


def run(connection: Connection, *statements: str, **values: object) -> None:
    for statement in statements:
        used = {name: value for name, value in values.items() if f":{name}" in statement}
        connection.execute(text(statement), used)


def found(connection: Connection, first: int = _LOWEST, last: int = _HIGHEST) -> list[Finding]:
    """What `verify` finds, in its order, on a connection that others do not see."""
    findings = [one for rule in (*ACROSS, *INVARIANTS) for one in rule(connection, first, last)]
    TOLD.update(one.what for one in findings)
    return findings


def places(connection: Connection) -> set[tuple[str, str]]:
    """What is found and where, in whatever order."""
    return {(one.code, one.where) for one in found(connection) if one.code not in SUMS}


def chain_anew(connection: Connection, book: int, *, and_the_head: bool = True) -> None:
    """Compute every digest of a book again, as a forger would who knows how."""
    columns = ", ".join(column.name for column in _LINE_COLUMNS)
    rows = connection.execute(
        text(f"SELECT {columns} FROM entry WHERE book_id = :b ORDER BY seq").columns(*_LINE_COLUMNS),
        {"b": book},
    ).all()
    head = genesis(book)
    for row in rows:
        moves = connection.execute(
            text(
                "SELECT from_side, to_side, amount_fen, party_id FROM transfer"
                " WHERE book_id = :b AND seq = :s ORDER BY line"
            ),
            {"b": book, "s": row.seq},
        ).all()
        fields = list(row[:-1])
        fields[6] = microseconds(row.recorded_at)
        fields[11] = None if row.expires_at is None else microseconds(row.expires_at)
        # the columns stand as canonical() takes them, but for when the hold ends
        expires = fields.pop(11)
        fields.insert(15, expires)
        head = digest(head, canonical(*fields, [tuple(move) for move in moves]))
        connection.execute(
            text("UPDATE entry SET digest = :d WHERE book_id = :b AND seq = :s"),
            {"d": head, "b": book, "s": row.seq},
        )
    if and_the_head:
        run(connection, "UPDATE book SET head = :d WHERE book_id = :b", d=head, b=book)


def rewritten(connection: Connection, book: int, seq: int, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the detail of an entry, and chain its book anew."""
    place = "WHERE book_id = :b AND seq = :s"
    facts = json.loads(
        connection.execute(text(f"SELECT detail FROM entry {place}"), {"b": book, "s": seq}).scalar_one()
    )
    change(facts)
    packed = json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    run(connection, f"UPDATE entry SET detail = :d {place}", d=packed, b=book, s=seq)
    chain_anew(connection, book)
