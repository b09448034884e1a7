"""What goes to PostgreSQL's driver at once is what SQLAlchemy would have made of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sqlalchemy import (
    BigInteger,
    Connection,
    Date,
    Engine,
    LargeBinary,
    bindparam,
    column,
    event,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError

from ledger import tables
from ledger.database.direct import Direct
from ledger.database.engines import at_a_glance, glancing
from ledger.database.faults import Trouble, trouble
from ledger.tables.base import Instant

pytestmark = pytest.mark.postgres

ROW = Direct(
    "SELECT CAST(:number AS bigint), CAST(:day AS date), CAST(:instant AS timestamptz), CAST(:raw AS bytea)"
    " WHERE 'a%' LIKE 'a%'",
    [
        column("number", BigInteger),
        column("day", Date),
        column("instant", Instant),
        column("raw", LargeBinary),
    ],
)
GIVEN = {"number": "7", "day": "2026-03-01", "instant": "2026-03-01T08:00:00+08:00", "raw": b"\x00'"}
MADE = (7, date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC), b"\x00'")


def test_values_are_those_of_the_columns_whichever_way(engine: Engine) -> None:
    heard: list[str] = []
    with engine.connect() as connection:
        with connection.begin():
            [row] = ROW.all(connection, GIVEN)
            assert tuple(row) == MADE
            assert row[2].tzinfo is UTC
            event.listen(connection, "before_cursor_execute", lambda *told: heard.append(told[2]))
            [listened] = ROW.all(connection, GIVEN)
        assert tuple(listened) == MADE
        assert len(heard) == 1
    with engine.connect() as connection:
        # outside a transaction SQLAlchemy begins one, and knows of it
        [begun] = ROW.all(connection, GIVEN)
        assert tuple(begun) == MADE
        assert connection.in_transaction()


def test_a_fault_is_sqlalchemys_and_shows_no_value(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(DBAPIError) as told, connection.begin():
        ROW.all(connection, GIVEN | {"number": "110101199003070003"} | {"day": "secret"})
    assert trouble(told.value) is None
    assert not told.value.connection_invalidated
    assert "secret" not in str(told.value)
    assert "110101" not in str(told.value)


def test_a_lost_connection_leaves_the_pool(engine: Engine) -> None:
    end = Direct("SELECT pg_terminate_backend(pg_backend_pid())", [column("gone")])
    with engine.connect() as connection, pytest.raises(DBAPIError) as told, connection.begin():
        end.all(connection, {})
    assert trouble(told.value) is Trouble.LOST
    assert told.value.connection_invalidated
    with engine.connect() as connection, connection.begin():
        assert len(ROW.all(connection, GIVEN)) == 1
    with engine.connect() as connection, pytest.raises(DBAPIError) as told, connection.begin():
        Direct("DO $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); END $$").run(connection, {})
    assert told.value.connection_invalidated


def test_a_select_is_sent_with_its_own_values_and_what_it_is_asked_with(engine: Engine) -> None:
    agent = tables.agent.c
    statement = select(agent.name, bindparam("at", type_=Instant).label("at"), agent.agent_id + 1).where(
        agent.name == bindparam("name"), agent.agent_id > 0
    )
    asked = {"name": "clerk%s", "at": datetime(2026, 3, 1, 8, tzinfo=timezone(timedelta(hours=8)))}
    heard: list[str] = []
    with engine.begin() as connection:
        connection.execute(tables.agent.insert().values(agent_id=7, name="clerk%s"))
        [found] = Direct(statement).all(connection, asked)
        event.listen(connection, "before_cursor_execute", lambda *told: heard.append(told[2]))
        [listened] = Direct(statement).all(connection, asked)
        assert tuple(found) == tuple(listened) == ("clerk%s", datetime(2026, 3, 1, tzinfo=UTC), 8)
        assert found[1].tzinfo is UTC
        assert len(heard) == 1


def test_instants_are_in_utc_wherever_the_session_is(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("SET TimeZone = 'Asia/Shanghai'")
        [row] = ROW.all(connection, GIVEN)
        assert tuple(row) == MADE
        assert row[2].tzinfo is UTC


def test_a_glance_sends_its_statement_alone_and_no_transaction_is_begun(engine: Engine) -> None:
    with glancing(engine) as connection:
        [row] = ROW.all(connection, GIVEN)
        assert tuple(row) == MADE
        assert not connection.in_transaction()
        # each statement sees what was committed before it
        with engine.begin() as other:
            other.execute(tables.agent.insert().values(agent_id=8, name="late"))
        late = Direct(select(tables.agent.c.agent_id).where(tables.agent.c.name == bindparam("name")))
        assert [tuple(one) for one in late.all(connection, {"name": "late"})] == [(8,)]


def test_a_glance_leaves_nothing_begun_whoever_sends_its_statements(engine: Engine) -> None:
    def by_sqlalchemy(connection: Connection) -> int:
        number = connection.execute(text("SELECT 1")).scalar_one()
        assert connection.in_transaction(), "SQLAlchemy has begun one"
        return int(number)

    with glancing(engine) as connection:
        assert [tuple(row) for row in at_a_glance(connection, lambda one: ROW.all(one, GIVEN))] == [MADE]
        assert at_a_glance(connection, by_sqlalchemy) == 1
        assert not connection.in_transaction()
        with pytest.raises(DBAPIError):
            at_a_glance(connection, lambda one: one.execute(text("SELECT 1 / 0")))
        assert not connection.in_transaction()
        # a glance that a fault ended takes nothing away from the next one
        assert [tuple(row) for row in at_a_glance(connection, lambda one: ROW.all(one, GIVEN))] == [MADE]
