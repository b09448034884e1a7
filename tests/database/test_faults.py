"""Faults of the database: which are nobody's doing, and what a caller is told of them, at a real one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree

from api.http.security import Verifier
from api.main import create_app
from ledger.access.tokens import SCOPES, mint
from ledger.database.bounded import BoundedConnection
from ledger.database.engines import connect, connect_once, for_posting, for_purpose
from ledger.database.faults import Trouble, is_overtaken, trouble
from ledger.database.purposes import LOOKS, POSTING, PURPOSES, RUN, SCHEMA, Purpose
from ledger.operations.installation import Opened
from ledger.policy import load_policies
from ledger.settings import Settings
from ledger.vault import Keyring
from tests.support.api_client import (
    ACTOR,
    CALLER,
    NOW,
    TODAY,
    contribute,
    key,
    open_account,
    running,
    spending,
)
from tests.support.units import credit_code

PASSING = {
    # SQLSTATE → what it is, and the code that a posting is answered with
    "53000": (Trouble.UNABLE, "database_unavailable"),  # insufficient_resources
    "53100": (Trouble.UNABLE, "database_unavailable"),  # disk_full
    "53200": (Trouble.UNABLE, "database_unavailable"),  # out_of_memory
    "53300": (Trouble.UNABLE, "database_unavailable"),  # too_many_connections
    "53400": (Trouble.UNABLE, "database_unavailable"),  # configuration_limit_exceeded
    "25006": (Trouble.UNABLE, "database_unavailable"),  # read_only_sql_transaction
    "58000": (Trouble.UNABLE, "database_unavailable"),  # system_error
    "58030": (Trouble.UNABLE, "database_unavailable"),  # io_error
    "57P01": (Trouble.LOST, "database_unavailable"),  # admin_shutdown
    "57P02": (Trouble.LOST, "database_unavailable"),  # crash_shutdown: crash recovery follows
    "57P03": (Trouble.LOST, "database_unavailable"),  # cannot_connect_now: starting up
    "57P05": (Trouble.LOST, "database_unavailable"),  # idle_session_timeout
    "08000": (Trouble.LOST, "database_unavailable"),  # connection_exception
    "08006": (Trouble.LOST, "database_unavailable"),  # connection_failure
    "25P03": (Trouble.LOST, "database_unavailable"),  # idle_in_transaction_session_timeout
    "40001": (Trouble.BUSY, "database_unavailable"),  # serialization_failure
    "40P01": (Trouble.BUSY, "database_unavailable"),  # deadlock_detected
    "55P03": (Trouble.BUSY, "database_unavailable"),  # lock_not_available
    "57014": (Trouble.SLOW, "database_unavailable"),  # query_canceled
}
OURS = ("22003", "23505", "23514", "40002", "42501", "42703", "55000", "XX000", "XX001", "P0001")


def raised(sqlstate: str) -> DBAPIError:
    kind = psycopg.errors.lookup(sqlstate)
    return DBAPIError.instance("SELECT", {}, kind("x"), psycopg.Error)  # type: ignore[return-value]  # a DBAPIError, as SQLAlchemy makes it


@pytest.mark.parametrize("sqlstate", PASSING)
def test_what_passes_is_known_by_its_sqlstate(sqlstate: str) -> None:
    assert trouble(raised(sqlstate)) is PASSING[sqlstate][0]


@pytest.mark.parametrize("sqlstate", [code for code in OURS if code != "P0001"])
def test_what_a_statement_did_is_a_fault_of_ours(sqlstate: str) -> None:
    assert trouble(raised(sqlstate)) is None


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (sqlite3.SQLITE_FULL, Trouble.UNABLE),
        (sqlite3.SQLITE_READONLY, Trouble.UNABLE),
        (sqlite3.SQLITE_READONLY_DBMOVED, Trouble.UNABLE),
        (sqlite3.SQLITE_IOERR, Trouble.UNABLE),
        (sqlite3.SQLITE_IOERR_FSYNC, Trouble.UNABLE),
        (sqlite3.SQLITE_CANTOPEN, Trouble.UNABLE),
        (sqlite3.SQLITE_BUSY, Trouble.BUSY),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Trouble.BUSY),
        (sqlite3.SQLITE_LOCKED, Trouble.BUSY),
        (sqlite3.SQLITE_CONSTRAINT_CHECK, None),
        (sqlite3.SQLITE_CORRUPT, None),
        (sqlite3.SQLITE_ERROR, None),
    ],
)
def test_sqlite_is_told_by_its_result_code(code: int, what: Trouble | None) -> None:
    fault = sqlite3.OperationalError("x")
    fault.sqlite_errorcode = code
    wrapped = DBAPIError.instance("SELECT", {}, fault, sqlite3.Error)
    assert trouble(wrapped) is what


@pytest.mark.parametrize(
    ("sqlstate", "constraint", "overtaken"),
    [
        ("23505", "pk_book", True),
        # as a worker of a cluster says it, which has no name of it beside the words
        ("23505", "pk_book_102009", True),
        ("23505", "pk_book_of_another", False),
        ("23505", "uq_entry_key_102041", False),
        ("23503", "pk_book", False),
    ],
)
def test_a_book_that_somebody_else_opened_is_tried_again(
    sqlstate: str, constraint: str, overtaken: bool
) -> None:
    said = psycopg.errors.lookup(sqlstate)(f'duplicate key value violates unique constraint "{constraint}"')
    error = DBAPIError.instance("INSERT", {}, said, psycopg.Error)
    assert is_overtaken(error) is overtaken  # type: ignore[arg-type]  # a DBAPIError, as SQLAlchemy makes it


@pytest.mark.parametrize(
    ("sqlstate", "said", "what"),
    [
        ("XX000", "server closed the connection unexpectedly", Trouble.LOST),
        ("XX000", "could not receive data from server: Connection reset by peer", Trouble.LOST),
        ("XX000", "could not send data to server: Broken pipe", Trouble.LOST),
        ("XX000", "failure on connection marked as essential: worker-1:5432", Trouble.LOST),
        ("XX000", "cache lookup failed for type 17", None),
        ("P0001", "server closed the connection unexpectedly", None),
    ],
)
def test_a_worker_of_a_cluster_that_went_away_is_lost(sqlstate: str, said: str, what: Trouble | None) -> None:
    fault = psycopg.errors.lookup(sqlstate)(said)
    assert trouble(DBAPIError.instance("COMMIT", {}, fault, psycopg.Error)) is what


def test_what_is_no_fault_of_a_database() -> None:
    assert trouble(ValueError("x")) is None
    assert trouble(None) is None
    # no connection was free in time
    assert trouble(NoneFree("x")) is Trouble.BUSY
    # nothing could be reached: the driver has no code for that
    assert trouble(DBAPIError.instance("", {}, psycopg.OperationalError("x"), psycopg.Error)) is Trouble.LOST


# -- at the database -------------------------------------------------------------------------------------


@pytest.fixture
def client(fresh_engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    with running(fresh_engine, tmp_path) as client:
        yield client


@contextmanager
def raising(engine: Engine, sqlstate: str) -> Iterator[None]:
    """Let every entry that is written meet a fault of that SQLSTATE."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION met() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN RAISE EXCEPTION 'met' USING ERRCODE = '{sqlstate}'; END $$"
            )
        )
        connection.execute(
            text("CREATE TRIGGER met BEFORE INSERT ON entry FOR EACH STATEMENT EXECUTE FUNCTION met()")
        )
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP FUNCTION met() CASCADE"))


def posting(client: TestClient, account: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    return client.post(f"/v1/accounts/{account}/spendings", json=body, headers=headers)


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.postgres
def test_a_posting_that_meets_a_passing_fault_is_503_and_may_be_sent_again(
    client: TestClient, fresh_engine: Engine
) -> None:
    account = str(open_account(client)["account_no"])
    contribute(client, account)
    for sqlstate, (_what, code) in PASSING.items():
        body, headers = spending(amount="1.00"), key()
        with raising(fresh_engine, sqlstate):
            answer = posting(client, account, body, headers)
            assert told(answer) == (503, code), sqlstate
            assert answer.headers["retry-after"] == "1"
            item = {"verb": "spend", "account": account, "idempotency_key": "b", **spending()}
            bulk = client.post("/v1/bulk", json={"commands": [item, {**item, "idempotency_key": "c"}]})
            assert bulk.json()["outcomes"] == [{"status": "failed", "code": code}] * 2, sqlstate
        assert posting(client, account, body, headers).status_code == 201, sqlstate
    balance = client.get(f"/v1/accounts/{account}/balance").json()["balance"]
    assert balance == f"{1000 - len(PASSING)}.00"


@pytest.mark.postgres
@pytest.mark.parametrize("sqlstate", ["23514", "XX000", "P0001"])
def test_a_fault_of_ours_stays_one(client: TestClient, fresh_engine: Engine, sqlstate: str) -> None:
    account = str(open_account(client)["account_no"])
    contribute(client, account)
    with raising(fresh_engine, sqlstate):
        assert told(posting(client, account, spending(), key())) == (500, "internal_error")


@pytest.mark.postgres
def test_a_database_that_only_reads(client: TestClient, fresh_engine: Engine) -> None:
    account = str(open_account(client)["account_no"])
    contribute(client, account)
    body, headers = spending(), key()
    name = fresh_engine.url.database
    with admin(fresh_engine) as server:
        server.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
        cut_off(server, name)
        # the connections that are had anew read only
        assert told(posting(client, account, body, headers)) == (503, "database_unavailable")
        # what cannot be recorded is not shown
        assert told(client.get(f"/v1/accounts/{account}/balance")) == (503, "read_log_unavailable")
        assert told(client.post("/v1/employers", json=employer(), headers=key())) == (
            503,
            "database_unavailable",
        )
        server.execute(text(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'))
        cut_off(server, name)
    assert posting(client, account, body, headers).status_code == 201


@pytest.mark.postgres
def test_a_database_that_lets_nobody_in(client: TestClient, fresh_engine: Engine) -> None:
    account = str(open_account(client)["account_no"])
    contribute(client, account)
    body, headers = spending(), key()
    name = fresh_engine.url.database
    with admin(fresh_engine) as server:
        server.execute(text(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false'))
        cut_off(server, name)
        assert told(posting(client, account, body, headers)) == (503, "database_unavailable")
        assert told(client.get(f"/v1/accounts/{account}/balance")) == (503, "database_unavailable")
        assert told(client.get("/readyz")) == (503, "database_unavailable")
        server.execute(text(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true'))
    assert client.get("/readyz").status_code == 200
    assert posting(client, account, body, headers).status_code == 201


def employer() -> dict[str, str]:
    return {"credit_code": credit_code(), "name": "某厂", "area": "990100"}


@contextmanager
def admin(engine: Engine) -> Iterator[Any]:
    server = create_engine(engine.url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        yield connection
    server.dispose()


def cut_off(server: Any, name: str | None) -> None:
    """End the connections to a database, as a restart does."""
    server.execute(
        text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
    )


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "pragma",
    ["max_page_count = 1", "query_only = 1"],  # no page more than there are: the disk is full
)
def test_sqlite_without_room_or_that_only_reads(tmp_path: Path, fresh_url: str, pragma: str) -> None:
    engine = connect(fresh_url)
    with running(engine, tmp_path) as client:
        account = str(open_account(client)["account_no"])
        contribute(client, account, "1000.00")
    limited = connect(fresh_url)
    event.listen(limited, "connect", lambda connection, _record: connection.execute(f"PRAGMA {pragma}"))
    sent = [(spending(amount="0.01", source_ref="r" * 60 + str(n)), key()) for n in range(60)]
    with running_again(limited, tmp_path) as client:
        answers = [posting(client, account, body, headers) for body, headers in sent]
        statuses = {answer.status_code for answer in answers}
        # what fits into pages that are there is taken
        assert statuses <= {201, 503}
        assert 503 in statuses
        assert {told(answer)[1] for answer in answers if answer.status_code == 503} <= {
            "database_unavailable",
            "outcome_unknown",
        }
        # what cannot be recorded is not shown
        shown = client.get(f"/v1/accounts/{account}/balance")
        assert shown.status_code == 200 or told(shown) == (503, "read_log_unavailable")
    with running_again(connect(fresh_url), tmp_path) as client:
        for body, headers in sent:
            assert posting(client, account, body, headers).status_code == 201
        assert client.get(f"/v1/accounts/{account}/balance").json()["balance"] == "999.40"


@contextmanager
def running_again(engine: Engine, folder: Path) -> Iterator[TestClient]:
    """A service over a database and keys that are there already."""
    keys = folder / "keys"
    policies = {int(area): policy for area, policy in load_policies().items()}
    opened = Opened(engine, policies, Keyring.load(keys), Settings.load(folder, keys=keys))
    app = create_app(opened, Verifier.load(keys / "jwks.json"), clock=lambda: (NOW, TODAY))
    token = mint(keys, SCOPES, CALLER, ACTOR, datetime.now(UTC), timedelta(hours=1))
    with TestClient(app, raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


# -- limits of connections -------------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.parametrize("purpose", PURPOSES, ids=lambda purpose: purpose.name)
def test_every_engine_has_its_limits(fresh_engine: Engine, purpose: Purpose) -> None:
    for engine in (
        connect(fresh_engine.url, purpose=purpose),
        for_purpose(fresh_engine, purpose),
        for_posting(fresh_engine, purpose),
    ):
        with engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, BoundedConnection)
            assert raw.answer_seconds == purpose.answer_seconds
            said = raw.info.get_parameters()
            assert (said["connect_timeout"], said["keepalives"], said["keepalives_idle"]) == ("5", "1", "10")
            assert said["tcp_user_timeout"] == "30000"
            seconds = f"{purpose.statement_seconds}s"
            shown = {
                name: connection.scalar(text(f"SELECT setting::int FROM pg_settings WHERE name = '{name}'"))
                for name in ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout")
            }
            assert shown == {
                "statement_timeout": int(seconds[:-1]) * 1000,
                "idle_in_transaction_session_timeout": int(seconds[:-1]) * 1000,
                "lock_timeout": 10_000,
            }
        engine.dispose()


@pytest.mark.postgres
def test_the_engine_of_migrations_waits_as_long_as_they_take(fresh_engine: Engine) -> None:
    engine = connect_once(fresh_engine.url.render_as_string(hide_password=False))
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert isinstance(raw, BoundedConnection)
        assert raw.answer_seconds is SCHEMA.answer_seconds is None
        assert raw.info.get_parameters()["connect_timeout"] == "5"
        assert connection.scalar(text("SHOW statement_timeout")) == "0"
    engine.dispose()


@pytest.mark.postgres
def test_what_the_url_says_of_connecting_goes_before(fresh_engine: Engine) -> None:
    said = {"connect_timeout": "7", "keepalives_idle": "33", "options": "-c work_mem=1MB"}
    engine = connect(fresh_engine.url.update_query_dict(said))
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        parameters = raw.info.get_parameters()
        assert (parameters["connect_timeout"], parameters["keepalives_idle"]) == ("7", "33")
        assert connection.scalar(text("SHOW work_mem")) == "1MB"
        assert connection.scalar(text("SHOW TimeZone")) == "UTC"
        assert connection.scalar(text("SHOW statement_timeout")) == "10min"
    engine.dispose()


@pytest.mark.postgres
def test_a_statement_that_takes_too_long_is_ended(fresh_engine: Engine) -> None:
    engine = connect(fresh_engine.url, purpose=Purpose("short", 1))
    with engine.connect() as connection, pytest.raises(DBAPIError) as fault:
        connection.execute(text("SELECT pg_sleep(30)"))
    assert trouble(fault.value) is Trouble.SLOW
    engine.dispose()


@pytest.mark.postgres
def test_a_server_that_says_nothing_loses_the_connection(fresh_engine: Engine) -> None:
    """The client's own limit, where the server does not keep its promise."""
    engine = connect(fresh_engine.url, purpose=RUN)
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert isinstance(raw, BoundedConnection)
        raw.answer_seconds = 0.3
        with pytest.raises(DBAPIError) as fault:
            connection.execute(text("SELECT pg_sleep(30)"))
        assert trouble(fault.value) is Trouble.LOST
        assert raw.closed
        connection.rollback()
        # the next one is another, with the limit of its engine
        assert connection.scalar(text("SELECT 1")) == 1
        again = connection.connection.driver_connection
        assert isinstance(again, BoundedConnection)
        assert again.answer_seconds == RUN.answer_seconds
    engine.dispose()


@pytest.mark.postgres
def test_a_wrong_statement_does_not_cost_the_connection(fresh_engine: Engine) -> None:
    with fresh_engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        with pytest.raises(DBAPIError):
            connection.execute(text("SELECT 1 / 0"))
        assert not raw.closed


def test_posting_has_less_time_than_a_run_and_looks_less_than_a_report() -> None:
    seconds = {purpose.name: purpose.statement_seconds for purpose in PURPOSES}
    assert seconds["probe"] < seconds["looks"] < seconds["posting"] < seconds["reports"] < seconds["run"]
    # a lock that is not had in ten seconds is told before the statement is ended
    assert POSTING.statement_seconds > 10
    assert LOOKS.answer_seconds == LOOKS.statement_seconds + 3


def test_a_url_is_that_of_a_database(tmp_path: Path) -> None:
    # on SQLite every purpose has the same engine
    engine = connect(f"sqlite:///{tmp_path / 'l.db'}")
    assert for_purpose(engine, LOOKS) is engine
    assert for_posting(engine, POSTING) is engine
    assert make_url(str(engine.url)).get_backend_name() == "sqlite"
    engine.dispose()
