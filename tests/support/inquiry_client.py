"""People and auditors who ask over HTTP, for tests.

me = own(client, keys, number)            the headers of somebody who asks for what is their own, online
client.get("/v1/me/balance", headers=me)
client.get("/v1/read-log", headers=auditor(keys))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from api.http.reach import is_own_data
from ledger.access.tokens import person_digest
from ledger.chart.channels import AccessChannel
from ledger.clock import day_of
from tests.support.api_client import TODAY, bearer


def digest(client: TestClient, number: str) -> bytes:
    """What a token of a person is bound to."""
    app: Any = client.app
    return person_digest(number, app.state.ledger.keyring, TODAY)


def own(
    client: TestClient,
    keys: Path,
    number: str,
    channel: AccessChannel = AccessChannel.ONLINE,
    purpose: str | None = "own_request",
    **more: Any,
) -> dict[str, str]:
    """The headers of a person who asks for themselves."""
    return bearer(keys, purpose, channel=channel, person=digest(client, number), **more)


def who_is_let_in(client: TestClient, number: str) -> Callable[[str], dict[str, str]]:
    """By the path of a route, the headers of somebody who is let in: that person, an auditor, a system."""
    app: Any = client.app
    keys: Path = app.state.ledger.settings.jwks_file.parent
    me, audits = own(client, keys, number), auditor(keys)

    def headers(path: str) -> dict[str, str]:
        if is_own_data(path):
            return me
        return audits if path == "/v1/read-log" else {"Authorization": client.headers["Authorization"]}

    return headers


def auditor(keys: Path, purpose: str | None = "audit", **more: Any) -> dict[str, str]:
    """The headers of an auditor."""
    return bearer(keys, purpose, channel=AccessChannel.AUDIT, **more)


@contextmanager
def at(client: Any, now: datetime) -> Iterator[None]:
    """Let it be another moment for the service, its read log too."""
    state = client.app.state.ledger
    places = [(state, "clock"), *((one, "_clock") for one in (state.writer, state.office, state.read_log))]
    before = [getattr(*place) for place in places]
    for place in places:
        setattr(*place, lambda: (now, day_of(now)))
    try:
        yield
    finally:
        for place, clock in zip(places, before, strict=True):
            setattr(*place, clock)
