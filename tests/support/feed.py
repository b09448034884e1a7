"""The feed in tests: all that is committed gets its place, and what it says then."""

from __future__ import annotations

from sqlalchemy import Engine

from ledger.events.feed import Event, events_after, take_in


def taken_in(engine: Engine) -> None:
    """All that is committed has its position."""
    with engine.connect() as connection:
        while take_in(connection):
            pass


def everything(engine: Engine, limit: int = 1_000) -> list[Event]:
    """Every event, read page by page from the beginning."""
    found: list[Event] = []
    with engine.connect() as connection, connection.begin():
        while page := events_after(connection, found[-1].position if found else 0, limit):
            found += page
    return found
