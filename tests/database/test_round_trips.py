"""Statements that go to PostgreSQL together: their answers and faults, and a server that goes meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal

import psycopg
import pytest
from sqlalchemy import BigInteger, Connection, Engine, Text, column, event, text
from sqlalchemy.exc import DBAPIError

from ledger.database import direct, round_trips
from ledger.database.bounded import BoundedConnection
from ledger.database.direct import Direct, RoundTrip
from ledger.database.engines import connect, glancing, reading
from ledger.database.faults import Trouble, trouble
from ledger.database.lookups import Lookup, asked_ahead
from ledger.database.round_trips import as_texts

pytestmark = pytest.mark.postgres

NUMBER = Direct("SELECT CAST(:number AS bigint)", [column("number", BigInteger)])
BACKEND = Direct("SELECT pg_backend_pid()", [column("pid", BigInteger)])
PUT = Direct("INSERT INTO put (number) VALUES (CAST(:number AS bigint))")
DIVIDE = Direct("SELECT 1 / CAST(:by AS bigint)", [column("number", BigInteger)])
END = Direct("SELECT pg_terminate_backend(pg_backend_pid())", [column("gone")])
DOUBLED = Lookup(
    "SELECT given.n, given.n * 2 FROM {given}",
    [column("n", BigInteger), column("twice", BigInteger)],
    n="big",
)


@pytest.fixture
def own(fresh_url: str) -> Iterator[Engine]:
    """A database of the test's own, with a table whose rows are counted at the end of a transaction."""
    engine = connect(fresh_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE put (number bigint UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
    yield engine
    engine.dispose()


def there(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return [number for (number,) in connection.execute(text("SELECT number FROM put ORDER BY number"))]


def driver_of(connection: Connection) -> BoundedConnection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, BoundedConnection)
    return driver


def fails(
    connection: Connection, *asked: tuple[Direct, dict[str, object]], commit: bool = True
) -> tuple[DBAPIError, RoundTrip]:
    """Ask these together in a transaction, and commit; the fault, and what was sent."""
    trips: list[RoundTrip] = []

    def tried() -> None:
        with connection.begin() as transaction:
            trips.append(RoundTrip(connection))
            for statement, given in asked:
                trips[0].ask(statement, given)
            if commit:
                trips[0].commit(transaction)
            else:
                trips[0].send()

    with pytest.raises(DBAPIError) as told:
        tried()
    return told.value, trips[0]


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many statements went in each round trip, while the test lasts."""
    sent: list[int] = []
    run = round_trips.Trips.run

    def counted(self: round_trips.Trips, statements: list[round_trips.Sent], **how: bool) -> object:
        sent.append(len(statements))
        return run(self, statements, **how)

    monkeypatch.setattr(round_trips.Trips, "run", counted)
    return sent


def test_what_is_asked_together_goes_in_one_trip_and_is_answered_in_order(
    own: Engine, trips: list[int]
) -> None:
    with own.connect() as connection, connection.begin() as transaction:
        trip = RoundTrip(connection)
        answers = [trip.ask(NUMBER, {"number": number}) for number in (7, 8)]
        trip.ask(PUT, {"number": 1})
        answers.append(trip.ask(NUMBER, {"number": None}))
        assert [answer.rows for answer in answers] == [(), (), ()], "nothing was sent yet"
        trip.send()
        assert [answer.rows for answer in answers] == [[(7,)], [(8,)], [(None,)]]
        trip.ask(PUT, {"number": 2})
        trip.commit(transaction)
    assert trips == [4, 1]
    assert there(own) == [1, 2]


def test_a_transaction_begins_with_the_first_trip_and_as_the_connection_says(own: Engine) -> None:
    level = Direct(
        "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only'),"
        " statement_timestamp() = transaction_timestamp()",
        [column("level"), column("only"), column("begun")],
    )
    with own.connect() as connection, connection.begin():
        [(said, only, _)] = level.all(connection, {})
        assert (said, only) == ("read committed", "off")
        # and goes on with the next one, whoever sends it
        first = connection.scalar(text("SELECT now()"))
        [(_, _, is_first)] = level.all(connection, {})
        assert not is_first
        assert connection.scalar(text("SELECT now()")) == first
    with reading(own) as connection, connection.begin():
        [(said, only, _)] = level.all(connection, {})
        assert (said, only) == ("repeatable read", "on")
    with glancing(own) as connection:
        level.all(connection, {})
        assert driver_of(connection).info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_a_fault_stops_what_comes_after_it_and_nothing_of_it_stays(own: Engine) -> None:
    with own.connect() as connection:
        told, trip = fails(connection, (PUT, {"number": 1}), (DIVIDE, {"by": 0}), (PUT, {"number": 2}))
        assert not trip.is_committing, "COMMIT was never carried out"
        assert getattr(told.orig, "sqlstate", None) == "22012"
        assert "1 / " in (told.statement or ""), "it is told of the statement that failed"
        assert not told.connection_invalidated
        # the same connection goes on, with what it had prepared
        with connection.begin() as transaction:
            trip = RoundTrip(connection)
            trip.ask(PUT, {"number": 3})
            trip.commit(transaction)
    assert there(own) == [3]


def test_a_fault_of_the_commit_itself_is_told_and_may_be_either(own: Engine) -> None:
    with own.connect() as connection:
        told, trip = fails(connection, (PUT, {"number": 1}), (PUT, {"number": 1}))
    assert getattr(told.orig, "sqlstate", None) == "23505"
    assert trip.is_committing
    assert there(own) == []


def test_a_commit_that_ends_in_rollback_is_a_fault(own: Engine) -> None:
    with own.connect() as connection:
        transaction = connection.begin()
        with pytest.raises(DBAPIError):
            DIVIDE.all(connection, {"by": 0})
        with pytest.raises(DBAPIError) as told:
            RoundTrip(connection).commit(transaction)
    assert isinstance(told.value.orig, round_trips.NotCommitted)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_server_that_goes_at_a_statement_is_lost_before_the_commit(own: Engine, place: int) -> None:
    asked: list[tuple[Direct, dict[str, object]]] = [(PUT, {"number": number}) for number in range(3)]
    asked.insert(place, (END, {}))
    with own.connect() as connection:
        told, _trip = fails(connection, *asked)
    assert trouble(told) is Trouble.LOST
    assert told.connection_invalidated
    assert there(own) == []
    with own.begin() as connection:
        assert NUMBER.all(connection, {"number": 1}) == [(1,)]


@pytest.mark.parametrize("committing", [False, True])
def test_a_server_that_is_gone_before_anything_was_answered(own: Engine, committing: bool) -> None:
    with own.connect() as connection:
        with connection.begin():
            [(pid,)] = BACKEND.all(connection, {})
        with own.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})
        told, trip = fails(connection, (PUT, {"number": 1}), commit=committing)
    assert trouble(told) is Trouble.LOST
    assert told.connection_invalidated
    # told so or not, nobody can say
    assert committing or not trip.is_committing
    assert there(own) == []


def test_a_trip_that_is_broken_off_closes_the_connection(
    own: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_generator: object) -> None:
        raise KeyboardInterrupt

    with own.connect() as connection:
        driver = driver_of(connection)
        connection.begin()
        with monkeypatch.context() as patch:
            patch.setattr(driver, "wait", broken)
            with pytest.raises(KeyboardInterrupt):
                NUMBER.all(connection, {"number": 1})
        assert driver.closed, "its answers would be taken for those of the next"
        connection.invalidate()
    with own.connect() as connection, connection.begin():
        assert NUMBER.all(connection, {"number": 1}) == [(1,)]


def test_answers_larger_than_all_buffers_come_whole(own: Engine) -> None:
    length = Direct("SELECT CAST(:it AS text), length(CAST(:it AS text))", [column("it"), column("length")])
    long = "个" * 2_000_000
    with own.connect() as connection, connection.begin():
        trip = RoundTrip(connection)
        answers = [trip.ask(length, {"it": long}) for _ in range(4)]
        trip.send()
    assert [answer.rows for answer in answers] == [[(long, 2_000_000)]] * 4


def test_what_is_prepared_stays_over_a_rollback_and_is_prepared_anew_when_it_is_gone(own: Engine) -> None:
    names = Direct(
        "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'ledger%'", [column("n", BigInteger)]
    )
    with own.connect() as connection:
        with connection.begin() as transaction:
            NUMBER.all(connection, {"number": 1})
            [(before,)] = names.all(connection, {})
            transaction.rollback()
        with connection.begin():
            assert names.all(connection, {}) == [(before,)]
        # what makes psycopg let go of all of them
        for end in ("DISCARD PLANS", "DEALLOCATE ALL"):
            with connection.begin():
                connection.exec_driver_sql(end)
            driver_of(connection).trips.forget()
            with connection.begin():
                assert NUMBER.all(connection, {"number": 5}) == [(5,)]


def test_a_name_that_the_server_forgot_is_told_once(own: Engine) -> None:
    with own.connect() as connection:
        with connection.begin():
            NUMBER.all(connection, {"number": 1})
            driver_of(connection).pgconn.exec_(b"DEALLOCATE ALL")
        with pytest.raises(DBAPIError) as told, connection.begin():
            NUMBER.all(connection, {"number": 1})
        assert getattr(told.value.orig, "sqlstate", None) == "26000"
        with connection.begin():
            assert NUMBER.all(connection, {"number": 2}) == [(2,)]


def test_a_connection_that_prepared_many_sends_the_rest_as_it_is(
    own: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(round_trips, "PREPARED_MAX", 2)
    with own.connect() as connection, connection.begin():
        for number in range(4):
            one = Direct(f"SELECT CAST(:number AS bigint) + {number}", [column("number", BigInteger)])
            assert one.all(connection, {"number": 1}) == [(1 + number,)]
        count = text("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'ledger%'")
        assert connection.scalar(count) == 2


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", "{1,2}'\\\"个"),
        ("bytea", b"\x00\xff\\"),
        ("boolean", True),
        ("boolean", False),
        ("bigint", -(2**63)),
        ("numeric", Decimal("12.30")),
        ("date", date(2026, 3, 1)),
        ("time", time(8, 30)),
        ("timestamptz", datetime(2026, 3, 1, 8, 0, 0, 7, tzinfo=UTC)),
        ("text", None),
    ],
)
def test_a_value_arrives_as_it_was_sent(own: Engine, kind: str, value: object) -> None:
    one = Direct(f"SELECT CAST(:value AS {kind})", [column("value")])
    with own.connect() as connection, connection.begin():
        assert one.all(connection, {"value": value}) == [(value,)]


def test_a_text_with_nul_is_refused_and_not_cut(own: Engine) -> None:
    one = Direct("SELECT CAST(:value AS text)", [column("value", Text)])
    with own.connect() as connection, pytest.raises(DBAPIError) as told, connection.begin():
        one.all(connection, {"value": "a\0secret"})
    assert isinstance(told.value.orig, psycopg.DataError)
    assert "secret" not in str(told.value)
    with pytest.raises(TypeError, match="list"):
        as_texts([[1]], "utf-8")


def test_whoever_listens_hears_each_statement_and_the_commit_before_it_is_done(own: Engine) -> None:
    heard: list[str] = []
    event.listen(own, "before_cursor_execute", lambda *told: heard.append(told[2].split(" ", 1)[0]))
    event.listen(own, "commit", lambda _connection: heard.append(f"commit, there {there(own)}"))
    with own.connect() as connection, connection.begin() as transaction:
        trip = RoundTrip(connection)
        assert not trip.goes_together
        trip.ask(PUT, {"number": 1})
        answer = trip.ask(NUMBER, {"number": 2})
        assert [tuple(row) for row in answer.rows] == [(2,)]
        trip.commit(transaction)
    assert heard[:2] == ["INSERT", "SELECT"]
    assert "commit, there []" in heard
    assert there(own) == [1]


def test_who_hears_only_of_commits_hears_before_it_is_done(own: Engine) -> None:
    seen: list[list[int]] = []
    other = connect(own.url)
    event.listen(own, "commit", lambda _connection: seen.append(there(other)))
    with own.connect() as connection, connection.begin() as transaction:
        trip = RoundTrip(connection)
        trip.ask(PUT, {"number": 1})
        trip.commit(transaction)
    other.dispose()
    assert seen[0] == []
    assert there(own) == [1]


def test_what_was_asked_ahead_is_the_answer_to_the_same_question_once(own: Engine, trips: list[int]) -> None:
    with own.connect() as connection, connection.begin():
        with asked_ahead(connection, [(DOUBLED, [(1,), (2,)])]):
            assert trips == [1]
            assert DOUBLED.run(connection, [(1,), (2,)]) == [(1, 2), (2, 4)]
            assert trips == [1]
            # a second time it may have changed
            assert DOUBLED.run(connection, [(1,), (2,)]) == [(1, 2), (2, 4)]
            assert trips == [1, 1]
        with asked_ahead(connection, [(DOUBLED, [(1,)])]):
            assert DOUBLED.run(connection, [(3,)]) == [(3, 6)]
            assert trips == [1, 1, 1, 1]
        with asked_ahead(connection, [(DOUBLED, [(1,)]), (DOUBLED, [])]):
            pass
        assert DOUBLED.run(connection, [(1,)]) == [(1, 2)], "nothing of it is left"
        assert trips == [1, 1, 1, 1, 1, 1]


def test_the_texts_of_statements_name_values_by_number() -> None:
    assert Direct("SELECT :b || :a || :b", [column("it")]).sent({"a": "1", "b": "%"}, "utf-8") == (
        b"SELECT $1 || $2 || $1",
        [b"%", b"1"],
    )
    assert direct.POSTGRESQL.paramstyle == "pyformat"
