"""Who is sent events: addresses that an administrator registered, each with a secret of its own.

The secret is shown once and kept sealed. Of one address one webhook is in use at a time.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, select

from ledger import tables
from ledger.chart.events import EVENT_WORDS, EventKind
from ledger.chart.registers import Register
from ledger.events.addresses import read_url
from ledger.events.feed import last_position, take_in_until
from ledger.events.signing import new_secret
from ledger.posting.agents import agent_ids
from ledger.posting.registers import RegisterBook, RegisterKind, RegisterTable
from ledger.refusals import RefusalCode, Refused
from ledger.vault import Keyring

# letters without vowels: no word, and no number of anybody
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH: Final = 16
_match_name = re.compile(rf"[{_LETTERS}]{{{_LENGTH}}}").fullmatch
_W = tables.webhook.c
WEBHOOK = RegisterTable(
    "webhook",
    ("name",),
    # how far it is changes with every message; its secret is sealed anew with every key, to its name alone
    ("name", "url", "kinds", "recorded_at", "caller", "actor", "ended_at"),
)
WEBHOOKS = RegisterKind(Register.WEBHOOKS, (WEBHOOK,))
"""Where events are sent."""


class RegisteredBy(NamedTuple):
    """The calling system, the person who acts, and when."""

    caller: str
    actor: str
    at: datetime


class Webhook(NamedTuple):
    """An address that events are sent to, and how far that is. `kinds` is None where it is sent all."""

    name: str
    url: str
    kinds: tuple[str, ...] | None
    registered_at: datetime
    ended_at: datetime | None
    # the last event that was taken, or that it is not sent
    position: int
    # how often the message that is due was sent in vain; what came of the last try, and when
    tries: int
    result: str | None
    tried_at: datetime | None
    next_at: datetime | None
    # when it took something last
    taken_at: datetime | None

    @property
    def wanted(self) -> frozenset[EventKind]:
        """The kinds that it is sent."""
        return frozenset(EventKind if self.kinds is None else (EVENT_WORDS[word] for word in self.kinds))


def register_webhook(
    connection: Connection, keyring: Keyring, url: str, kinds: Iterable[EventKind] | None, by: RegisteredBy
) -> tuple[Webhook, str]:
    """Have what happens from now on be sent to an address; and the secret, which nobody is told again.

    Raises WrongUrl, and Refused(webhook_in_use) where the address is sent events already.
    """
    # one receiver in two spellings would be sent everything twice
    url = read_url(url).geturl()
    name = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    secret = new_secret()
    agents = agent_ids(connection, {by.caller, by.actor}, by.at)
    words = None if kinds is None else " ".join(kind.word for kind in sorted(set(kinds)))
    # what waits for its place happened before
    take_in_until(connection, by.at)
    with connection.begin():
        register = RegisterBook(connection, WEBHOOKS, by.at)
        in_use = select(_W.name).where(_W.url == url, _W.ended_at.is_(None))
        if connection.scalar(in_use) is not None:
            raise Refused(RefusalCode.WEBHOOK_IN_USE, at="url")
        row = {
            "name": name,
            "url": url,
            "kinds": words,
            "secret_sealed": keyring.seal(secret, context(name)),
            "position": last_position(connection),
            "tries": 0,
            "recorded_at": by.at,
            "caller": agents[by.caller],
            "actor": agents[by.actor],
            "ended_at": None,
        }
        register.enter(WEBHOOK, row)
        register.write()
        return _there(connection, name), secret


def end_webhook(connection: Connection, name: str, at: datetime) -> Webhook:
    """Have nothing more be sent to it. Said again it stays as at first. Raises Refused(webhook_not_found)."""
    with connection.begin():
        if _match_name(name) is None or _find(connection, name) is None:
            raise Refused(RefusalCode.WEBHOOK_NOT_FOUND, at="webhook")
        register = RegisterBook(connection, WEBHOOKS, at)
        end = tables.webhook.update().where(_W.name == name, _W.ended_at.is_(None))
        if connection.execute(end.values(ended_at=at, sending=None, next_at=None)).rowcount:
            register.record(WEBHOOK, WEBHOOK.one(connection, name))
            register.write()
        return _there(connection, name)


def webhooks(connection: Connection, after: tuple[datetime, str] | None, limit: int) -> list[Webhook]:
    """At most `limit` webhooks behind one, in the order in which they were registered; the ended ones too."""
    query = select(tables.webhook).order_by(_W.recorded_at, _W.name).limit(limit)
    if after is not None:
        at, name = after
        query = query.where((_W.recorded_at > at) | ((_W.recorded_at == at) & (_W.name > name)))
    return [_webhook(row) for row in connection.execute(query)]


def secret_of(connection: Connection, keyring: Keyring, name: str) -> str:
    """The secret of a webhook that is there, opened."""
    sealed = connection.execute(select(_W.secret_sealed).where(_W.name == name)).scalar_one()
    return keyring.open(bytes(sealed), context(name))


def context(name: str) -> bytes:
    """Under what the secret of a webhook is sealed."""
    return b"webhook.secret|" + name.encode()


def _there(connection: Connection, name: str) -> Webhook:
    found = _find(connection, name)
    if found is None:
        raise AssertionError("a webhook is never taken away")
    return found


def _find(connection: Connection, name: str) -> Webhook | None:
    row = connection.execute(select(tables.webhook).where(_W.name == name)).one_or_none()
    return None if row is None else _webhook(row)


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(
        row.name,
        row.url,
        None if row.kinds is None else tuple(row.kinds.split()),
        row.recorded_at,
        row.ended_at,
        row.position,
        row.tries,
        row.result,
        row.tried_at,
        row.next_at,
        row.taken_at,
    )
