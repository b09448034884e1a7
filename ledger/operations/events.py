"""The operator's commands of events: what a day brings is told, and webhooks are sent what happened."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final

import typer

from ledger.bounds.table import SWEPT_ON
from ledger.clock import now_and_today
from ledger.database.locks import LocksLost, locks
from ledger.events.delivery import Deliverer
from ledger.events.feed import take_in
from ledger.events.unpaid import tell_unpaid
from ledger.inquiry.withheld import tell_withheld_no_longer
from ledger.operations.cli import Answer, Data, command
from ledger.operations.installation import NotReady, at_work
from ledger.operations.places import GoesOn
from ledger.settings import Settings

POLL_SECONDS: Final = 1.0
"""How long a deliverer that has nothing to send waits until it looks again."""

_LOCK: Final = "events-deliver"


class Doing(StrEnum):
    """What is done with events."""

    SWEEP = "sweep"
    DELIVER = "deliver"


@command("events")
def events(
    what: Annotated[Doing, typer.Argument(help="sweep: what a day brings. deliver: send webhooks.")],
    data: Data = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Of sweep: at the end of that day, else of today."),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Of deliver: end when nothing is due any more.")
    ] = False,
) -> Answer:
    """Tell what a day brings (sweep, every day), or send webhooks until it is ended (deliver)."""
    settings = Settings.load(data)
    if what is Doing.SWEEP:
        return sweep(settings, None if as_of is None else as_of.date())
    return deliver(settings, once=once)


def sweep(settings: Settings, as_of: date | None = None) -> Answer:
    """Tell of months that units did not pay and of looks that are withheld no longer; each once.

    Raises Refused(period_invalid) for a day to come.
    """
    now, today = now_and_today()
    day = today if as_of is None else as_of
    SWEPT_ON.admit(day, today, "as_of")
    with at_work(settings) as (opened, connection):
        unpaid = tell_unpaid(connection, day, opened.policies, now)
        shown = tell_withheld_no_longer(connection, day, opened.policies, now)
        # where nobody reads the feed the outbox grows no longer than a day
        while take_in(connection):
            pass
    return {"as_of": day, "unit_did_not_pay": unpaid, "access_withheld_no_longer": shown}, True


def deliver(settings: Settings, *, once: bool = False) -> Answer:
    """Send webhooks what happened, one deliverer on a database at a time, until SIGTERM or SIGINT.

    Raises NotReady where another one is at it, and when the database is gone.
    """
    taken = refused = 0
    with at_work(settings) as (opened, connection), _ended_by_signal() as ended:
        try:
            with locks(connection) as take:
                if not take(_LOCK):
                    raise GoesOn("webhooks are sent by another process already")
                deliverer = Deliverer(connection, opened.keyring, lambda: now_and_today()[0])
                while deliverer.under_way or not ended.is_set():
                    done = deliverer.note() if ended.is_set() else deliverer.round()
                    taken, refused = taken + done.taken, refused + done.refused
                    if done.more:
                        continue
                    if once and not deliverer.under_way:
                        break
                    if deliverer.under_way or not ended.is_set():
                        deliverer.wait(POLL_SECONDS)
        except LocksLost as lost:
            raise NotReady(f"webhooks: {lost}, and another process may send them by now") from lost
    return {"taken": taken, "refused": refused}, True


@contextmanager
def _ended_by_signal() -> Iterator[threading.Event]:
    """An event that is set when the process is asked to end: what is being sent is finished first."""
    ended = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
