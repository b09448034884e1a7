"""The short way from the one middleware to a route is the way that the app itself would take."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.responses import StreamingResponse
from starlette.routing import Match

from api.http.asgi import Door
from api.http.errors import Declined
from api.http.problems import DoorCode
from api.http.routes import LedgerRoute
from api.http.straight import Straight
from api.main import bare_app

APP = bare_app()
ROUTES = [route for route in APP.routes if isinstance(route, LedgerRoute)]


def scope_of(method: str, path: str, **more: Any) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "root_path": "", "headers": []} | more


def taken(scope: dict[str, Any]) -> object:
    """The route that the short way takes; None where it leaves that to the app."""
    left: Any = object()
    coming: Any = Straight(APP.routes, lambda *_: left)(scope, None, None)  # type: ignore[arg-type]  # not called
    if coming is left:
        return None
    coming.close()
    return scope["route"]


def first_full(scope: dict[str, Any]) -> tuple[object, object]:
    """The route that the app would take, and what it reads in the path."""
    for route in APP.routes:
        match, child = route.matches(scope)
        if match is Match.FULL:
            return route, child["path_params"]
    raise AssertionError(scope["path"])


def test_every_route_is_found_as_the_app_finds_it() -> None:
    assert len(ROUTES) > 200
    for route in ROUTES:
        path = "/".join("a.b-1" if part.startswith("{") else part for part in route.path_format.split("/"))
        for method in route.methods:
            scope = scope_of(method, path)
            wanted, said = first_full(scope_of(method, path))
            assert taken(scope) is wanted
            assert scope["path_params"] == said


@pytest.mark.parametrize(
    "scope",
    [
        scope_of("DELETE", "/v1/bulk"),
        scope_of("HEAD", "/v1/accounts/x"),
        scope_of("GET", "/v1/nothing"),
        scope_of("GET", ""),
        scope_of("GET", "/v1"),
        scope_of("POST", "/v1/bulk/"),
        scope_of("POST", "/v1//bulk"),
        scope_of("GET", "/v1/accounts//balance"),
        scope_of("GET", "/docs"),
        scope_of("GET", "/static/docs.js"),
        # behind a proxy that names its own part of the path
        scope_of("POST", "/ledger/v1/bulk", root_path="/ledger"),
        {"type": "lifespan"},
    ],
    ids=lambda scope: f"{scope.get('method')} {scope.get('path')}",
)
def test_what_has_no_route_of_ours_is_left_to_the_app(scope: dict[str, Any]) -> None:
    assert taken(scope) is None


def test_a_no_that_comes_when_the_answer_has_begun_is_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    async def some() -> Any:
        yield "half an answer"
        raise Declined(DoorCode.READ_LOG_UNAVAILABLE)

    lines: list[dict[str, object]] = []
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        raise AssertionError

    door = Door(StreamingResponse(some()), lines.append)
    with caplog.at_level(logging.ERROR, "api.fault"):
        asyncio.run(door(scope_of("GET", "/v1/x"), receive, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert (lines[0]["status"], lines[0]["code"]) == (200, "internal_error")
    assert [record.name for record in caplog.records] == ["api.fault"]
