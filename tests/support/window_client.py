"""Those who ask, over HTTP: cards that they show, codes that they set, and what was recorded of them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import Engine, select

from ledger import tables

_cards = itertools.count(1)
Headers = Mapping[str, str]


def card_no() -> str:
    """The number of a card that nobody has had before."""
    return f"K{next(_cards):08d}"


def new_card(client: TestClient, account: str, number: str | None = None, **more: Any) -> Any:
    """A card of somebody; what was answered."""
    body = {"card_no": number or card_no(), "issued_on": "2026-01-05", "ends_on": "2036-01-04"} | more
    return client.post(f"/v1/accounts/{account}/cards", json=body)


def lookup(client: TestClient, headers: Headers | None = None, **body: Any) -> Any:
    """A look-up at the window, by an ID card unless something else is said."""
    return client.post("/v1/people/lookup", json={"credential": "id_card"} | body, headers=headers)


def said(answer: Any) -> tuple[int, str]:
    """Status and code of a no."""
    problem = answer.json()
    return answer.status_code, problem.get("code", "")


def without_id(answer: Any) -> dict[str, Any]:
    """A no but for the request's own name."""
    problem: dict[str, Any] = answer.json()
    assert problem.pop("request_id")
    return {"status": answer.status_code, "type": answer.headers["content-type"], **problem}


def recorded(engine: Engine) -> list[Any]:
    """Every row of the read log, in order."""
    log = tables.read_log
    with engine.begin() as connection:
        return list(connection.execute(select(log).order_by(log.c.chain_id, log.c.seq)).all())
