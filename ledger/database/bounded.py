"""A connection to PostgreSQL that does not wait for ever.

`statement_timeout` is the server's promise, and keepalives are the kernel's. A server that is frozen keeps
neither, and a firewall between that swallows everything may answer for it: so the client has a limit of its
own.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from psycopg import Connection, Cursor, OperationalError
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus

# how often a wait looks for signals, as psycopg has it
_INTERVAL_SECONDS = 0.1


class BoundedConnection(Connection[Any]):
    """Closes itself when the answer to one statement takes longer than `answer_seconds`."""

    answer_seconds: float | None = None

    @cached_property
    def cursor_kept(self) -> Cursor[Any]:
        """A cursor for statements that are sent one after the other: to make one costs a third of sending."""
        return self.cursor(binary=True)

    def wait(self, gen: PQGen[RV], interval: float = _INTERVAL_SECONDS, timeout: float | None = None) -> RV:
        """As psycopg's own, with a limit. Raises OperationalError; the connection is closed then."""
        try:
            return super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
        except OperationalError:
            # an error that the server told ends the statement; one that still goes on had no answer
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise
