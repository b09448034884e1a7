"""Statements that go to PostgreSQL together, and the answers that come back together: one round trip.

The client waits once, not once for each statement. It is libpq's pipeline mode; psycopg's own, which makes a
cursor and a queue for each statement, took as much CPU as going one by one. Statements are prepared by us,
for good: psycopg would let go of all of them at every ROLLBACK.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any, Final, NamedTuple

from psycopg import Connection, DataError, Error, IsolationLevel, OperationalError
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Wait

# a connection that has prepared so many sends what is new to it as it is
PREPARED_MAX: Final = 500
_COMMIT: Final = b"COMMIT"
_ROLLBACK: Final = b"ROLLBACK"

Sent = tuple[bytes, Sequence[bytes | None]]
"""A statement with values as `$1`, and these as text."""
Rows = list[tuple[Any, ...]]
# 26000 the name is not known, 0A000 what it was prepared for has another form by now
_NAME_IS_GONE: Final = frozenset({"26000", "0A000"})


class _Asked(NamedTuple):
    """What an answer belongs to: the statement at a place, or one of ours, which may prepare under a name."""

    place: int | None
    sql: bytes
    name: bytes | None


class NotCommitted(OperationalError):
    """PostgreSQL answered COMMIT with ROLLBACK: the transaction had failed before."""


class StatementFailed(Exception):
    """PostgreSQL refused a statement of a round trip, the `place`-th of those sent; it is None for COMMIT.

    None of what came after it was carried out, COMMIT neither. `fault` is the driver's error.
    """

    def __init__(self, place: int | None, fault: Error) -> None:
        super().__init__(place)
        self.place = place
        self.fault = fault


def as_texts(values: Iterable[Any], encoding: str) -> list[bytes | None]:
    """Values as PostgreSQL reads them. Raises psycopg.DataError for U+0000 in a text, TypeError for what has
    no text.
    """
    texts: list[bytes | None] = []
    for value in values:
        # nearly all that posting sends is one of these three: one pass, without a call for each
        if value is None:
            texts.append(None)
        elif type(value) is int:
            texts.append(b"%d" % value)
        elif isinstance(value, str):
            text = value.encode(encoding)
            if 0 in text:
                # libpq would end it there
                raise DataError("a text for PostgreSQL has no U+0000")
            texts.append(text)
        else:
            texts.append(_as_text(value))
    return texts


def _as_text(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return b"\\x%b" % bytes(value).hex().encode()
    if isinstance(value, date | time):
        return value.isoformat().encode()
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, Decimal):
        return str(value).encode()
    raise TypeError(f"no text is made of {type(value).__name__}")


class Trips:
    """The round trips of one connection, which begin its transaction where it has to be begun."""

    def __init__(self, driver: Connection[Any]) -> None:
        self._driver = driver
        self._names: dict[bytes, bytes] = {}
        self._numbers = itertools.count(1)
        self._transformer = Transformer(driver)
        self.encoding = driver.info.encoding

    def forget(self) -> None:
        """Somebody let go of all that was prepared. The next ones have names that were never used."""
        self._names.clear()

    def run(self, statements: Sequence[Sent], *, commit: bool = False) -> list[Rows]:
        """Send these, and wait for all answers; with `commit` the transaction is over and done then.

        Raises StatementFailed for what PostgreSQL refused, psycopg.OperationalError when the connection is
        lost: then it is closed, and nobody knows how far it came.
        """
        begin = self._begin()
        return self._send(() if begin is None else (begin,), statements, (_COMMIT,) if commit else ())

    def roll_back(self) -> None:
        """End the transaction, if there is one. Raises what `run` raises."""
        if self._driver.pgconn.transaction_status != TransactionStatus.IDLE:
            self._send((_ROLLBACK,), (), ())

    def _send(
        self, before: Sequence[bytes], statements: Sequence[Sent], after: Sequence[bytes]
    ) -> list[Rows]:
        asked, results = self._exchange(before, statements, after)
        rows: list[Rows] = []
        # what comes after an error is not carried out, and has no answer
        for (place, sql, name), result in zip(asked, results, strict=False):
            status = result.status
            if status == ExecStatus.FATAL_ERROR:
                fault = error_from_result(result, self.encoding)
                if fault.sqlstate in _NAME_IS_GONE:
                    self.forget()
                raise StatementFailed(place, fault)
            if name is not None:
                self._names[sql] = name
            elif place is not None:
                rows.append(self._rows(result) if status == ExecStatus.TUPLES_OK else [])
            elif sql is _COMMIT and result.command_status == _ROLLBACK:
                raise StatementFailed(None, NotCommitted("the transaction had failed before its COMMIT"))
        return rows

    def _exchange(
        self, before: Sequence[bytes], statements: Sequence[Sent], after: Sequence[bytes]
    ) -> tuple[list[_Asked], list[PGresult]]:
        """What was asked, and the answers in the same order up to the first error."""
        pgconn = self._driver.pgconn
        asked: list[_Asked] = []
        preparing: dict[bytes, bytes] = {}
        are_read = False
        try:
            pgconn.enter_pipeline_mode()
            for sql in before:
                pgconn.send_query_params(sql, None)
                asked.append(_Asked(None, sql, None))
            for place, (sql, values) in enumerate(statements):
                name = self._names.get(sql) or preparing.get(sql)
                if name is None and len(self._names) + len(preparing) < PREPARED_MAX:
                    name = preparing[sql] = b"ledger_%d" % next(self._numbers)
                    pgconn.send_prepare(name, sql)
                    asked.append(_Asked(None, sql, name))
                if name is None:
                    pgconn.send_query_params(sql, values, result_format=Format.BINARY)
                else:
                    pgconn.send_query_prepared(name, values, result_format=Format.BINARY)
                asked.append(_Asked(place, sql, None))
            for sql in after:
                pgconn.send_query_params(sql, None)
                asked.append(_Asked(None, sql, None))
            pgconn.pipeline_sync()
            answers = self._driver.wait(_answers(pgconn))
            if pgconn.status == ConnStatus.OK:
                pgconn.exit_pipeline_mode()
            are_read = True
        finally:
            if not are_read:
                # whoever used it next would take the answers that are left for its own
                pgconn.finish()
        return asked, answers

    def _begin(self) -> bytes | None:
        """What begins a transaction of this connection; None where one was begun or is not wanted."""
        driver = self._driver
        if driver.autocommit or driver.pgconn.transaction_status != TransactionStatus.IDLE:
            return None
        words = ["BEGIN"]
        if driver.isolation_level is not None:
            words.append(f"ISOLATION LEVEL {IsolationLevel(driver.isolation_level).name.replace('_', ' ')}")
        if driver.read_only is not None:
            words.append("READ ONLY" if driver.read_only else "READ WRITE")
        if driver.deferrable is not None:
            words.append("DEFERRABLE" if driver.deferrable else "NOT DEFERRABLE")
        return " ".join(words).encode()

    def _rows(self, result: PGresult) -> Rows:
        count = result.ntuples
        if not count:
            return []
        self._transformer.set_pgresult(result, format=Format.BINARY)
        return self._transformer.load_rows(0, count, tuple)


def _answers(pgconn: PGconn) -> PQGen[list[PGresult]]:
    """One answer to each statement up to the first that failed, read while the rest is still being sent."""
    while pgconn.flush():
        yield Wait.RW
        pgconn.consume_input()
    found: list[PGresult] = []
    while True:
        while pgconn.is_busy():
            yield Wait.R
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            if pgconn.status != ConnStatus.OK:
                raise OperationalError("the connection was lost")
            continue
        if result.status == ExecStatus.PIPELINE_SYNC:
            return found
        if result.status != ExecStatus.PIPELINE_ABORTED:
            found.append(result)
        if pgconn.status != ConnStatus.OK:
            # told why, and closed: no sync comes any more
            return found
