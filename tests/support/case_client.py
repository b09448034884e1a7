"""Cases over HTTP, for tests: opened by somebody, answered by somebody else.

case = opened(client, about={"account": number})       by the client's own token, a system's
answered(client, keys, case)                           by another clerk at the window
with today(client, date(2026, 11, 28)): …
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from api.inquiry.case_views import CaseOpenedAnswer, CaseStateAnswer, InquiryCasePage, InquiryCaseView
from ledger.chart.channels import AccessChannel
from tests.support.api_client import bearer
from tests.support.employer_client import taken

_texts = itertools.count(1)
Headers = Mapping[str, Any] | None


def said() -> str:
    """A text that nobody has said before."""
    return f"第{next(_texts)}问：我的缴费为什么没有到账？"


def case_body(**more: Any) -> dict[str, Any]:
    return {"kind": "question", "channel": "window", "text": said(), "reply_to": "13900000000", **more}


def ask(client: TestClient, headers: Headers = None, path: str = "/v1/cases", **more: Any) -> Any:
    """What is answered to a new case."""
    return client.post(path, json=case_body(**more), headers=headers)


def opened(client: TestClient, headers: Headers = None, path: str = "/v1/cases", **more: Any) -> str:
    """The name of a case that was just opened."""
    return str(taken(ask(client, headers, path, **more), CaseOpenedAnswer)["case"])


def answer_body(**more: Any) -> dict[str, Any]:
    return {"outcome": "answered", "text": "已到账。", "evidence": ["回单 118"], **more}


def clerk(keys: Path, actor: str = "clerk-9", purpose: str = "complaint", **more: Any) -> dict[str, Any]:
    """The headers of somebody at the window."""
    return bearer(keys, purpose, channel=AccessChannel.WINDOW, actor=actor, **more)


def give_answer(client: TestClient, headers: Headers, case: str, **more: Any) -> Any:
    return client.post(f"/v1/cases/{case}/answer", json=answer_body(**more), headers=headers)


def answered(client: TestClient, keys: Path, case: str, **more: Any) -> Any:
    """A case that somebody else has answered at the window."""
    return taken(give_answer(client, clerk(keys), case, **more), CaseStateAnswer)


def view(client: TestClient, case: str, headers: Headers = None, path: str = "/v1/cases") -> Any:
    return taken(client.get(f"{path}/{case}", headers=headers), InquiryCaseView, 200)


def listed(client: TestClient, headers: Headers = None, path: str = "/v1/cases", **query: Any) -> list[Any]:
    """Every case of a list, page by page."""
    items: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        answer = client.get(path, params=query | cursor, headers=headers)
        page = taken(answer, InquiryCasePage, 200)
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = {"cursor": page["next_cursor"]}


@contextmanager
def today(client: TestClient, day: date) -> Iterator[None]:
    """The app on another day, at noon."""
    app: Any = client.app
    state = app.state.ledger
    before = state.clock
    state.clock = lambda: (datetime.combine(day, time(4), UTC), day)
    try:
        yield
    finally:
        state.clock = before
