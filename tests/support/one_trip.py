"""A client of the app whose requests go to its event loop once, and their answers come back whole.

Starlette's own transport goes there and back eight times for each, which is most of what a small request
takes. What a test sees is the same; what only stands on the wire is tried with `tests.support.wire`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from fastapi.testclient import TestClient
from httpx2 import BaseTransport, ByteStream, Request, Response

_PORTS = {"http": 80, "https": 443}


def in_one_trip(client: TestClient) -> None:
    """Let a client that is entered send its requests so. Faults of the app are 500, as `running` has them."""
    client._transport = _InOneTrip(client)


class _InOneTrip(BaseTransport):
    def __init__(self, client: TestClient) -> None:
        self._client = client

    def handle_request(self, request: Request) -> Response:
        portal = self._client.portal
        if portal is None:
            raise RuntimeError("the client is not entered")
        call = _Call(request.read())
        portal.call(call.run, self._client.app, self._scope(request))
        return Response(
            call.status or 500, headers=call.headers, stream=ByteStream(call.body), request=request
        )

    def _scope(self, request: Request) -> dict[str, Any]:
        url = request.url
        return {
            "type": "http",
            "http_version": "1.1",
            "method": request.method,
            "path": unquote(url.path),
            "raw_path": url.raw_path.partition(b"?")[0],
            "root_path": "",
            "scheme": url.scheme,
            "query_string": url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": ("testclient", 50_000),
            "server": [url.host, url.port or _PORTS[url.scheme]],
            "extensions": {"http.response.debug": {}, "http.response.trailers": {}},
            "state": self._client.app_state.copy(),
        }


class _Call:
    """One request and what is answered to it, in the event loop of the app."""

    def __init__(self, sent: bytes) -> None:
        self._sent: bytes | None = sent
        self._is_answered = asyncio.Event()
        self._method = ""
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def run(self, app: Any, scope: dict[str, Any]) -> None:
        self._method = scope["method"]
        # the app has told of its fault already: who is served sees an answer, or none
        with suppress(Exception):
            await app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if self._sent is None:
            await self._is_answered.wait()
            return {"type": "http.disconnect"}
        sent, self._sent = self._sent, None
        return {"type": "http.request", "body": sent}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            assert self.status is None, "an answer begins once"
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            assert self.status is not None, "an answer begins with its head"
            assert not self._is_answered.is_set(), "an answer ends once"
            if self._method != "HEAD":
                self.body += bytes(message.get("body", b""))
            if not message.get("more_body", False):
                self._is_answered.set()
