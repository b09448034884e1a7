"""The next retirees of a run are found in the order of their books, however many there are."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from ledger import tables
from ledger.accounts import year_end
from ledger.chart.members import MemberClass
from ledger.contributions import retirees
from ledger.people.enrolments import Enrol
from tests.support.people import AREA, World

pytestmark = pytest.mark.postgres

MANY = 30_000


def plan_of(connection: Connection, ask: Any) -> str:
    """How the database would go about what is asked, once it is prepared: whatever it is asked with."""
    said: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            said.append(statement)

    event.listen(connection, "before_cursor_execute", hear)
    ask()
    event.remove(connection, "before_cursor_execute", hear)
    [statement] = said
    asked = re.sub(r"%\(\w+\)s", "$1", statement)
    # where a chunk begins is all that is not known before
    assert re.findall(r"%\((\w+)\)s", statement) == ["book_id_1"], statement
    rows = connection.execute(text("EXPLAIN (GENERIC_PLAN, COSTS OFF) " + asked.replace(":", r"\:")))
    return "\n".join(str(line) for (line,) in rows)


def copies(connection: Connection, table: Any, account: int, **instead: str) -> None:
    """So many rows more of a table, each like the first one of an account but for its book."""
    columns = [column.name for column in table.columns]
    values = ", ".join(instead.get(name, f"t.{name}") for name in columns)
    one = f"SELECT * FROM {table.name} WHERE book_id = {account} LIMIT 1"
    connection.execute(
        text(f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT {values} FROM ({one}) t,"
             f" generate_series(1, {MANY}) AS n")
    )  # fmt: skip


def test_a_chunk_is_found_by_the_index_and_not_sorted(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(engine)
    account = world.open(opened_on=date(2020, 1, 1))
    world.one(Enrol(account, MemberClass.RETIRED, None, date(2020, 1, 1), None))
    with engine.connect() as connection, connection.begin() as begun:
        # copies of one account, only to be counted: they are rolled back
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        book_id = "t.book_id + n"
        copies(connection, tables.book, account, book_id=book_id, person_id="t.person_id + n")
        copies(connection, tables.enrolment, account, book_id=book_id)
        copies(
            connection, tables.entry, account, book_id=book_id, idempotency_key="NULL", request_digest="NULL"
        )
        connection.execute(text("ANALYZE book, enrolment, entry"))
        # inside of this one transaction
        monkeypatch.setattr(type(connection), "begin", lambda self: self.begin_nested())
        plans = [
            plan_of(connection, lambda: retirees._next(connection, 202603, AREA, account)),
            plan_of(connection, lambda: year_end._next(connection, 2025, AREA, account)),
        ]
        begun.rollback()
    for plan in plans:
        assert "Sort" not in plan, plan
        assert re.search(r"Index Scan using pk_book|Index Only Scan using pk_book", plan), plan
