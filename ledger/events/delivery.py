"""Delivering: each webhook is sent what happened in order, in messages, each again until it is taken.

How far a webhook is stands in its row. What is being sent is written down before it is sent, so whoever goes
on after a deliverer that was killed sends the very same message again, under the same name: at least once,
and one message twice at most. Nothing is sent past a message that was not taken. Webhooks do not wait for
each other: while a message is under way its webhook is passed over.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.events import sending
from ledger.events.feed import Event, events_after, last_position, something_waits, take_in
from ledger.events.signing import signed_headers
from ledger.events.telling import as_told, event_name
from ledger.events.under_way import Letter, Send, UnderWay
from ledger.events.webhooks import Webhook, secret_of, webhooks
from ledger.vault import Keyring

MESSAGE_EVENTS: Final = 100
"""How many events a message has at most."""

FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(hours=1)
"""How long after a message that was not taken it is sent again: twice as long each time, up to this."""

_AT_ONCE: Final = 500
_W = tables.webhook.c
_log = logging.getLogger(__name__)


class Round(NamedTuple):
    """What one round did: messages taken and not taken, and whether more can be done at once."""

    taken: int = 0
    refused: int = 0
    more: bool = False


def wait_after(tries: int) -> timedelta:
    """How long a message waits that was sent so often in vain."""
    # more doublings than these are longer than the longest
    doublings = min(tries - 1, 20)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


class Deliverer:
    """Sends webhooks what is due, each of them one message at a time. Whoever has one holds the lock.

    What it reads and writes is in transactions of their own on one connection, none of which is open while
    anything is waited for.
    """

    def __init__(
        self,
        connection: Connection,
        keyring: Keyring,
        clock: Callable[[], datetime],
        send: Send = sending.send,
    ) -> None:
        self._connection, self._keyring, self._clock = connection, keyring, clock
        self._under_way = UnderWay(send)

    @property
    def under_way(self) -> int:
        """How many messages are being sent."""
        return len(self._under_way)

    def round(self) -> Round:
        """Write down what came of messages, and have those be sent that are due. Waits for none of them."""
        done = self.note()
        connection = self._connection
        with connection.begin():
            waits = something_waits(connection)
        more = take_in(connection) if waits else False
        # who took the last message first: those that fail fill no place that one of them needs
        for webhook in sorted(_due(connection, self._clock()), key=attrgetter("tries")):
            if self._under_way.has_place_for(webhook):
                letter = _letter(connection, self._keyring, webhook, self._clock())
                if letter is not None:
                    self._under_way.start(letter)
        return done._replace(more=more or done.more)

    def wait(self, seconds: float) -> None:
        """Wait until something came of a message, at most so long."""
        self._under_way.wait(seconds)

    def note(self) -> Round:
        """Write down what came of messages. Raises what sending one raised."""
        taken = refused = 0
        for letter, result, fault in self._under_way.ended():
            if fault is not None:
                raise fault
            _note(self._connection, letter.webhook, letter.last, result, self._clock())
            if sending.was_taken(result):
                taken += 1
            else:
                refused += 1
        return Round(taken, refused, taken + refused > 0)


def _due(connection: Connection, now: datetime) -> list[Webhook]:
    found: list[Webhook] = []
    with connection.begin():
        while page := webhooks(
            connection, (found[-1].registered_at, found[-1].name) if found else None, _AT_ONCE
        ):
            found += page
    return [one for one in found if one.ended_at is None and (one.next_at is None or one.next_at <= now)]


def _letter(connection: Connection, keyring: Keyring, webhook: Webhook, now: datetime) -> Letter | None:
    """The message that is due, if there is one, signed."""
    with connection.begin():
        told = _message(connection, webhook)
        if not told:
            return None
        secret = secret_of(connection, keyring, webhook.name)
    message = f"{webhook.name}-{told[0].position}-{told[-1].position}"
    body = body_of(told)
    return Letter(webhook, told[-1].position, signed_headers(secret, message, now, body), body)


def _message(connection: Connection, webhook: Webhook) -> list[Event]:
    """What is sent next: the message that was begun, else a new one, which is written down as begun."""
    # what was ended meanwhile is sent nothing more
    row = connection.execute(
        select(_W.position, _W.sending).where(_W.name == webhook.name, _W.ended_at.is_(None))
    ).one_or_none()
    if row is None:
        return []
    if row.sending is not None:
        return events_after(connection, row.position, _AT_ONCE, until=row.sending, kinds=webhook.wanted)
    until = last_position(connection)
    told = events_after(connection, row.position, MESSAGE_EVENTS, until=until, kinds=webhook.wanted)
    if told:
        _write(connection, webhook.name, sending=told[-1].position)
    elif until > row.position:
        # nothing of it is sent to this one
        _write(connection, webhook.name, position=until)
    return told


def body_of(told: list[Event]) -> bytes:
    """The body of a message, the same bytes whenever it is made."""
    items = [as_told(one) for one in told]
    message = {"type": "events", "timestamp": items[-1]["at"], "data": {"items": items}}
    return json.dumps(message, separators=(",", ":")).encode()


def _note(connection: Connection, webhook: Webhook, last: int, result: str, now: datetime) -> None:
    """Write down what came of a message."""
    if sending.was_taken(result):
        said = {"position": last, "sending": None, "tries": 0, "next_at": None, "taken_at": now}
    else:
        tries = webhook.tries + 1
        said = {"tries": tries, "next_at": now + wait_after(tries)}
        # the name of the webhook and no more: an address may have in it what opens it
        _log.warning(
            "webhook %s did not take events up to %s: %s, sent %s times", webhook.name, event_name(last),
            result, tries,
        )  # fmt: skip
    with connection.begin():
        _write(connection, webhook.name, result=result, tried_at=now, **said)


def _write(connection: Connection, name: str, **said: object) -> None:
    # of one that was ended meanwhile nothing is due any more
    connection.execute(tables.webhook.update().where(_W.name == name, _W.ended_at.is_(None)).values(**said))
