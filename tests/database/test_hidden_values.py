"""What a failing statement says: never a value that was sent, whichever engine it failed on."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, Engine, bindparam, text
from sqlalchemy.exc import DBAPIError, StatementError

from ledger import tables
from ledger.database.engines import connect, connect_once, for_posting
from tests.house.test_schema import GOOD

SECRET = "119999198503140015"

ENGINES: tuple[Callable[[str], Engine], ...] = (
    connect,
    connect_once,
    lambda url: for_posting(connect(url)),
)


def told(connection: Connection, statement: object, parameters: dict[str, object]) -> str:
    """All that a log would keep of the fault that a statement meets."""
    with pytest.raises(StatementError) as caught, connection.begin():
        connection.execute(statement, parameters)  # type: ignore[call-overload]  # any statement
    record = logging.LogRecord("x", 40, "x", 1, "fault", None, caught._excinfo)
    fault = caught.value
    return "\n".join([
        str(fault), repr(fault), repr(fault.orig), logging.Formatter().format(record),
        *traceback.format_exception(fault),
    ])  # fmt: skip


@pytest.mark.parametrize("make", ENGINES, ids=["connect", "once", "posting"])
def test_no_engine_tells_what_was_sent(fresh_url: str, make: Callable[[str], Engine]) -> None:
    engine = make(fresh_url)
    try:
        with engine.connect() as connection:
            wrong = {**GOOD["institution"], "name": SECRET, "kind": "bank"}
            said = told(connection, tables.institution.insert(), wrong)
            assert SECRET not in said
            assert "ck_institution_kind_known" in said or "kind_known" in said, "what was broken is told"
            twice = {**GOOD["agent"], "name": SECRET}
            with connection.begin():
                connection.execute(tables.agent.insert(), twice)
            assert SECRET not in told(connection, tables.agent.insert(), twice | {"agent_id": 902})
            nowhere = text("SELECT :secret FROM nowhere")
            said = told(connection, nowhere, {"secret": SECRET})
            assert "nowhere" in said
            assert SECRET not in said
            # an instant without its offset fails before the database is asked
            naive = {**GOOD["policy"], "content": SECRET, "recorded_at": "no instant"}
            assert SECRET not in told(connection, tables.policy.insert(), naive)
    finally:
        engine.dispose()


@pytest.mark.postgres
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT CAST(CAST(:secret AS text) AS date)",
        "SELECT CAST(CAST(:secret AS text) AS int[])",
        "SELECT CAST(CAST(:secret AS text) AS int)",
        "SELECT CAST(:secret AS text)::jsonb",
        "SELECT unnest(CAST('{' || :secret AS bigint[]))",
    ],
)
def test_the_database_does_not_quote_it_back(engine: Engine, sql: str) -> None:
    with engine.connect() as connection:
        statement = text(sql).bindparams(bindparam("secret"))
        said = told(connection, statement, {"secret": f"{SECRET}\nand more of {SECRET}"})
        assert SECRET not in said


def test_the_code_of_a_fault_stays(engine: Engine) -> None:
    """What posting goes by: the constraint's name, and the database's own code."""
    with engine.connect() as connection, pytest.raises(DBAPIError) as caught, connection.begin():
        connection.execute(tables.agent.insert(), [GOOD["agent"], GOOD["agent"]])
    orig = caught.value.orig
    if engine.dialect.name == "postgresql":
        assert getattr(orig, "sqlstate", None) == "23505"
        assert getattr(orig, "diag").constraint_name == "pk_agent"  # noqa: B009  psycopg's, not typed
    assert "agent" in str(orig)
