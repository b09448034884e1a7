"""Two people over HTTP, for tests: what waits, and a second clerk who decides it.

waiting(answer)                     the approval's name, of a 202
approve(client, keys, name)         by somebody else; the plain answer
by_two(client, answer)              an answer as it is, or where it is a 202 what a second person gets
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from api.http.answers import WaitingAnswer
from tests.support.api_client import bearer
from tests.support.case_client import today
from tests.support.employer_client import taken

SECOND = "chief-1"
LARGE = "100000.00"


@contextmanager
def later(client: TestClient, day: date) -> Iterator[None]:
    """The app, and what posts in it, on another day at noon."""
    app: Any = client.app
    writer = app.state.ledger.writer
    before = writer._clock
    with today(client, day):
        writer._clock = app.state.ledger.clock
        try:
            yield
        finally:
            writer._clock = before


def waiting(answer: Any) -> str:
    """The name under which what was asked for waits."""
    told = taken(answer, WaitingAnswer, 202)
    assert told == {"approval": told["approval"], "state": "waiting"}
    return str(told["approval"])


def second(keys: Path, actor: str = SECOND, **more: Any) -> dict[str, Any]:
    """The headers of somebody who decides."""
    return bearer(keys, actor=actor, **more)


def approve(client: TestClient, keys: Path, name: str, actor: str = SECOND, **more: Any) -> Any:
    """What is answered to who approves."""
    headers = second(keys, actor, **more.pop("token", {}))
    return client.post(f"/v1/approvals/{name}/approve", headers=headers, **more)


def by_two(client: TestClient, answer: Any) -> Any:
    """An answer as it is; what a second person gets who approves, where it says that it waits for one."""
    if answer.status_code != 202:
        return answer
    app: Any = client.app
    return approve(client, app.state.ledger.settings.keys, waiting(answer))


def reject(client: TestClient, keys: Path, name: str, actor: str = SECOND, reason: str = "金额有误") -> Any:
    """What is answered to who rejects."""
    body = {"reason": reason}
    return client.post(f"/v1/approvals/{name}/reject", json=body, headers=second(keys, actor))


def listed(client: TestClient, state: str | None = None, limit: int = 50) -> list[Any]:
    """Every item of the worklist, page by page."""
    items: list[Any] = []
    query: dict[str, Any] = {"limit": limit} | ({} if state is None else {"state": state})
    while True:
        answer = client.get("/v1/approvals", params=query)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            return items
        query["cursor"] = answer.json()["next_cursor"]
