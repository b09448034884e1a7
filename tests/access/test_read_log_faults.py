"""Without a recorded read nothing leaves, whatever befalls the log; and once it is back, service goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, func, select, text

from api.http import listing
from ledger import tables
from ledger.access.read_log import ReadLog
from ledger.book.numbers import book_id_of
from ledger.database.engines import connect, is_postgresql
from ledger.verify import verify
from tests.database.test_faults import running_again
from tests.support.api_client import contribute, key, open_account, running
from tests.support.inquiry_client import auditor, own
from tests.support.people import KEYRING
from tests.support.units import credit_code

CSV = {"Accept": "text/csv"}


@pytest.fixture
def client(fresh_engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    with running(fresh_engine, tmp_path) as client:
        yield client


@pytest.fixture
def account(client: TestClient) -> str:
    number = str(open_account(client)["account_no"])
    contribute(client, number)
    return number


def rows(engine: Engine, account: str) -> list[int]:
    """How many items were recorded of an account, answer by answer."""
    log = tables.read_log.c
    query = select(log["items"]).where(log.book_id == book_id_of(account)).order_by(log.chain_id, log.seq)
    with engine.connect() as connection:
        return list(connection.scalars(query))


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


UNAVAILABLE = 503, "read_log_unavailable"


@contextmanager
def refusing(engine: Engine, when: str = "", sqlstate: str = "53100") -> Iterator[None]:
    """Let rows of the log meet a fault: on PostgreSQL by its SQLSTATE, here that of a full disk."""
    condition = f" WHEN ({when})" if when else ""
    if is_postgresql(engine):
        raises = f"$$ BEGIN RAISE EXCEPTION 'met' USING ERRCODE = '{sqlstate}'; END $$"
        _run(engine, f"CREATE FUNCTION met() RETURNS trigger LANGUAGE plpgsql AS {raises}")
        _run(
            engine,
            f"CREATE TRIGGER met BEFORE INSERT ON read_log FOR EACH ROW{condition} EXECUTE FUNCTION met()",
        )
    else:
        stop = "BEGIN SELECT RAISE(ABORT, 'met'); END"
        _run(engine, f"CREATE TRIGGER met BEFORE INSERT ON read_log{condition} {stop}")
    try:
        yield
    finally:
        _run(engine, "DROP FUNCTION met() CASCADE" if is_postgresql(engine) else "DROP TRIGGER met")


def _run(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize("sqlstate", ["53100", "23514", "42501", "XX000"])
def test_the_log_takes_no_row(client: TestClient, fresh_engine: Engine, account: str, sqlstate: str) -> None:
    """Full, a row that breaks a rule, no right to write, a fault within: whatever it is, nothing is shown."""
    paths = ("", "/balance", "/entries", "/explain", "/payments", "/settlements")
    with refusing(fresh_engine, sqlstate=sqlstate):
        for path in paths:
            answer = client.get(f"/v1/accounts/{account}{path}")
            assert told(answer) == UNAVAILABLE, path
            assert answer.headers["retry-after"] == "1"
            assert account not in answer.text
        # a refusal shows something too
        spend = {
            "amount": "9999999.00",
            "effective_on": "2026-04-02",
            "institution": "H0001",
            "source_ref": "s",
        }
        dry = client.post(f"/v1/accounts/{account}/spendings?dry_run=true", json=spend)
        assert told(dry) == UNAVAILABLE
        assert told(client.get(f"/v1/accounts/{account}/payments", headers=CSV)) == UNAVAILABLE
    assert rows(fresh_engine, account) == []
    for path in paths:
        assert client.get(f"/v1/accounts/{account}{path}").status_code == 200
    assert len(rows(fresh_engine, account)) == len(paths)
    assert verify(fresh_engine, keyring=KEYRING).clean


@pytest.mark.parametrize("table", ["read_log", "read_log_chain"])
def test_the_table_is_gone(client: TestClient, fresh_engine: Engine, account: str, table: str) -> None:
    path = f"/v1/accounts/{account}/balance"
    assert client.get(path).status_code == 200
    _run(fresh_engine, f"ALTER TABLE {table} RENAME TO elsewhere")
    assert told(client.get(path)) == UNAVAILABLE
    assert told(client.get(path)) == UNAVAILABLE
    _run(fresh_engine, f"ALTER TABLE elsewhere RENAME TO {table}")
    assert client.get(path).status_code == 200
    assert rows(fresh_engine, account) == [1, 1]
    assert verify(fresh_engine, keyring=KEYRING).clean


def test_who_asks_for_the_log_that_is_gone(client: TestClient, fresh_engine: Engine, tmp_path: Path) -> None:
    keys: Path = client.app.state.ledger.settings.jwks_file.parent  # type: ignore[attr-defined]  # its state
    me = own(client, keys, open_account(client)["number"])
    asks = [
        ("/v1/me/access-log", me),
        ("/v1/read-log", auditor(keys)),
        ("/v1/read-log/findings", auditor(keys)),
    ]
    asks += [("/v1/me/export", me), ("/v1/me/cases", me), ("/v1/me/documents", me)]
    assert {client.get(path, headers=headers).status_code for path, headers in asks} == {200}
    _run(fresh_engine, "ALTER TABLE read_log RENAME TO elsewhere")
    answers = {path: client.get(path, headers=headers) for path, headers in asks}
    _run(fresh_engine, "ALTER TABLE elsewhere RENAME TO read_log")
    # a list without cases shows nobody
    assert answers.pop("/v1/me/cases").json()["items"] == []
    assert {path: told(answer) for path, answer in answers.items()} == dict.fromkeys(answers, UNAVAILABLE)
    assert {client.get(path, headers=headers).status_code for path, headers in asks} == {200}


@pytest.mark.sqlite
@pytest.mark.parametrize("pragma", ["max_page_count = 1", "query_only = 1"])
def test_sqlite_without_room_or_that_only_reads(tmp_path: Path, fresh_url: str, pragma: str) -> None:
    engine = connect(fresh_url)
    with running(engine, tmp_path) as client:
        account = str(open_account(client)["account_no"])
    limited = connect(fresh_url)
    event.listen(limited, "connect", lambda connection, _record: connection.execute(f"PRAGMA {pragma}"))
    path = f"/v1/accounts/{account}/balance"
    with running_again(limited, tmp_path) as client:
        answers = [client.get(path) for _ in range(200)]
    good = sum(answer.status_code == 200 for answer in answers)
    assert {told(answer) for answer in answers if answer.status_code != 200} == {UNAVAILABLE}
    # what fits into pages that are there is taken
    assert len(rows(engine, account)) == good
    with running_again(connect(fresh_url), tmp_path) as client:
        assert client.get(path).status_code == 200
    assert len(rows(engine, account)) == good + 1


@pytest.mark.postgres
def test_the_database_is_cut_off_while_the_log_writes(
    client: TestClient, fresh_engine: Engine, account: str
) -> None:
    path = f"/v1/accounts/{account}/balance"
    assert client.get(path).status_code == 200
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(client.get(path)))
    with fresh_engine.connect() as lock, fresh_engine.connect() as killer:
        lock.execute(text("LOCK TABLE read_log IN ACCESS EXCLUSIVE MODE"))
        asking.start()
        cut = text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        # it waits at last, for three seconds
        while asking.is_alive() and not killer.execute(cut).all():
            killer.rollback()
        asking.join()
    assert told(answers[0]) == UNAVAILABLE
    assert client.get(path).status_code == 200
    assert rows(fresh_engine, account) == [1, 1]
    assert verify(fresh_engine, keyring=KEYRING).clean


def test_the_thread_is_dead(fresh_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = threading.Event()
    with running(fresh_engine, tmp_path, on_death=dead.set) as client:
        account = str(open_account(client)["account_no"])
        monkeypatch.setattr(ReadLog, "_write", _fault)
        path = f"/v1/accounts/{account}/balance"
        assert told(client.get(path)) == UNAVAILABLE
        # a fault that it does not know is its end, and the process is started again
        assert dead.wait(30)
        monkeypatch.undo()
        assert told(client.get(path)) == UNAVAILABLE
        assert told(client.get("/readyz")) == (503, "not_ready")
        # who posts is not held up
        contribute(client, account)
    assert rows(fresh_engine, account) == []


def _fault(*_: object) -> None:
    raise ZeroDivisionError


def test_too_many_that_wait_are_turned_away(
    client: TestClient, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.access.read_log.WAITING_MAX", 0)
    assert told(client.get(f"/v1/accounts/{account}/balance")) == UNAVAILABLE
    monkeypatch.undo()
    assert client.get(f"/v1/accounts/{account}/balance").status_code == 200


def test_a_page_of_a_csv_that_is_not_recorded_does_not_leave(
    client: TestClient, fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "CSV_PAGE", 2)
    unit = {"credit_code": credit_code(), "name": "某厂", "area": "990100"}
    assert client.post("/v1/employers", json=unit, headers=key()).status_code == 201
    enrolment = {"member_class": "active", "employer": unit["credit_code"], "from": "2026-02-01"}
    staff = []
    for _ in range(5):
        staff.append(str(open_account(client)["account_no"]))
        path = f"/v1/accounts/{staff[-1]}/enrolments"
        assert client.post(path, json=enrolment, headers=key()).status_code == 201
    # months too late: pages of two, two and one
    path = "/v1/reports/overdue-registrations"
    whole = client.get(path, headers=CSV).text
    lines = whole.splitlines()
    assert len(lines) == 1 + len(staff)

    def recorded() -> list[int]:
        return sorted(len(rows(fresh_engine, account)) for account in staff)

    assert recorded() == [1] * 5
    last = next(account for account in staff if account in lines[-1])
    with refusing(fresh_engine, f"NEW.book_id = {book_id_of(last)}"):
        cut = client.get(path, headers=CSV).text
    assert cut.splitlines() == lines[:5]
    assert recorded() == [1, 2, 2, 2, 2]
    first = next(account for account in staff if account in lines[1])
    with refusing(fresh_engine, f"NEW.book_id = {book_id_of(first)}"):
        assert told(client.get(path, headers=CSV)) == UNAVAILABLE
    assert client.get(path, headers=CSV).text == whole
    assert verify(fresh_engine, keyring=KEYRING).clean


def test_who_waits_when_the_log_stops_is_recorded(fresh_engine: Engine, tmp_path: Path) -> None:
    with running(fresh_engine, tmp_path) as client:
        account = str(open_account(client)["account_no"])
        log = client.app.state.ledger.read_log  # type: ignore[attr-defined]  # Starlette's app
        assert client.get(f"/v1/accounts/{account}/balance").status_code == 200
        log.stop()
        assert told(client.get(f"/v1/accounts/{account}/balance")) == UNAVAILABLE
    assert rows(fresh_engine, account) == [1]
    with fresh_engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.read_log_chain)) == 1
