"""Figures for those who watch that only the database knows: looked up now and then, beside all else."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ledger import tables
from ledger.accounts.holds import books_with_holds_due
from ledger.database.engines import reading
from ledger.posting import batches

# how old figures may be before somebody who asks makes them be looked up again
AGE_SECONDS_MAX = 30
# more holds than that are not counted: the sweep does not run
HOLDS_COUNTED_MAX = 1_000
VERIFY = "verify"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one look found, and when (`seen_at`, Unix time)."""

    seen_at: float
    # accounts with an open hold whose time is over, HOLDS_COUNTED_MAX at most
    holds_due: int
    # how many batches there are, by kind and state
    runs: dict[tuple[str, str], int] = field(default_factory=dict)
    # when the last check of the whole ended, in Unix time, and whether it found nothing; None: there was none
    verified_at: float | None = None
    verified_clean: bool = False


class Watched:
    """The newest figures. Whoever asks has those that are there, and old ones are looked up meanwhile."""

    def __init__(self, engine: Engine, clock: Callable[[], tuple[datetime, date]]) -> None:
        self._engine = engine
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "ledger-figures")
        self._asked_at = -float(AGE_SECONDS_MAX)
        self._looking = False
        self.newest: Figures | None = None
        self.failed = 0

    def stop(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    def figures(self) -> Figures | None:
        """Those of the last look; None before the first. Waits for nothing."""
        if not self._looking and time.monotonic() - self._asked_at >= AGE_SECONDS_MAX:
            self._asked_at = time.monotonic()
            self._looking = True
            # it is shutting down
            with suppress(RuntimeError):
                self._thread.submit(self._look)
        return self.newest

    def _look(self) -> None:
        try:
            with reading(self._engine) as connection, connection.begin():
                self.newest = look(connection, self._clock()[0], time.time())
        except SQLAlchemyError as error:
            # they stay as old as they are, which is told with them
            self.failed += 1
            _log.warning("the figures could not be looked up: %s", type(error).__name__)
        finally:
            self._looking = False


def look(connection: Connection, now: datetime, seen_at: float) -> Figures:
    """The figures as they are, inside a transaction."""
    batch = tables.batch.c
    counted = select(batch.kind, batch.state, func.count()).group_by(batch.kind, batch.state)
    last = connection.execute(
        select(batch.updated_at, batch.state).where(batch.batch_id == VERIFY)
    ).one_or_none()
    return Figures(
        seen_at,
        len(connection.scalars(books_with_holds_due(now).limit(HOLDS_COUNTED_MAX)).all()),
        {(kind, state): count for kind, state, count in connection.execute(counted)},
        None if last is None else last.updated_at.timestamp(),
        last is not None and last.state == batches.FINISHED,
    )


def wrote_down_verified(engine: Engine, now: datetime, findings: int) -> bool:
    """Write down that the whole was checked, and what came of it, for those who watch.

    False where that cannot be: a standby, a role that only reads, a full disk.
    """
    try:
        with engine.connect() as connection:
            batch = batches.begin(connection, VERIFY, VERIFY, now)
            batch.state = batches.FAILED if findings else batches.FINISHED
            batch.reason = f"{findings} findings" if findings else None
            batches.save(connection, batch, now)
    except DBAPIError:
        return False
    return True
