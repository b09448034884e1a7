"""A connection to PostgreSQL that does not wait for ever.

`statement_timeout` is the server's promise, and keepalives are the kernel's. A server that is frozen keeps
neither, and a firewall between that swallows everything may answer for it: so the client has a limit of its
own.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from psycopg import Connection, OperationalError
from psycopg.abc import RV, PQGen
from psycopg.pq import ConnStatus, TransactionStatus

from ledger.database.round_trips import StatementFailed, Trips

# how often a wait looks for signals, as psycopg has it
_INTERVAL_SECONDS = 0.1


class BoundedConnection(Connection[Any]):
    """Closes itself when the answer to a statement, or to a round trip, takes longer than `answer_seconds`.

    PostgreSQL says nothing before the last statement of a trip is done. One of them waits for locks, and in
    the trip that takes stakes as well the one before it: who waits long for both is cut off, and tries again.
    """

    answer_seconds: float | None = None

    @cached_property
    def trips(self) -> Trips:
        """What posting, and reads that many wait for, send."""
        return Trips(self)

    @cached_property
    def asked_ahead(self) -> dict[Any, Any]:
        """Answers that are there before anybody asked for them: see `ledger.database.lookups`."""
        return {}

    def commit(self) -> None:
        """As psycopg's own; what was committed by a round trip waits for nothing."""
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            super().commit()

    def rollback(self) -> None:
        """As psycopg's own, but what was prepared stays so: ROLLBACK takes nothing of it away."""
        if self.pgconn.status != ConnStatus.OK:
            super().rollback()
            return
        try:
            self.trips.roll_back()
        except StatementFailed as failed:
            raise failed.fault from None

    def _deallocate(self, name: bytes | None) -> PQGen[None]:
        # psycopg's: of all that stands prepared in the session, where it is told no name
        if name is None:
            self.trips.forget()
        return super()._deallocate(name)

    def wait(self, gen: PQGen[RV], interval: float = _INTERVAL_SECONDS, timeout: float | None = None) -> RV:
        """As psycopg's own, with a limit. Raises OperationalError; the connection is closed then."""
        try:
            return super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
        except OperationalError:
            # an error that the server told ends the statement; one that still goes on had no answer
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise
