"""A place to work at: a long run is done once at a time, and only some of them at once, on one database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from ledger.database.locks import LocksLost, locks
from ledger.operations.installation import NotReady

# PostgreSQL may notice only after a moment that a process was killed
TRIES, SECONDS_BETWEEN = 11, 0.1


class GoesOn(NotReady):
    """The same run goes on already, in another process."""


class NoPlace(NotReady):
    """As many long runs go on as may at once."""


@contextmanager
def _in_words(name: str) -> Iterator[None]:
    try:
        yield
    except LocksLost as lost:
        raise NotReady(f"{name}: {lost}, and another process may go on by now") from lost


@contextmanager
def place_for(connection: Connection, name: str, places: int) -> Iterator[None]:
    """The right to do the run of that name, as one of at most so many, over this connection.

    Raises GoesOn, NoPlace; NotReady when it was lost with the connection. Whoever is killed gives it back.
    """
    with _in_words(name), locks(connection) as take:
        for left in reversed(range(TRIES)):
            if take(name):
                break
            if not left:
                raise GoesOn(f"{name} goes on already")
            time.sleep(SECONDS_BETWEEN)
        if not any(take(f"place-{number}") for number in range(places)):
            raise NoPlace(
                f"{places} long runs go on, and no more may at once (LEDGER_RUNS_MAX):"
                " start it again when one of them has ended"
            )
        yield
