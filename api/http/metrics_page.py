"""Where `/metrics` is served: with the service, or by a thread of its own on an address of its own.

It asks for no token, as whoever collects metrics has none, and holds nothing of persons.
"""

from __future__ import annotations

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6
from typing import Any, Final

from fastapi import FastAPI, Request
from starlette.responses import Response

from api.http.deadlines import Deadlines
from api.http.exposition import CONTENT_TYPE
from api.http.metrics import RequestCounts, page

PATH: Final = "/metrics"
# a collector that says nothing more is let go
SILENCE_SECONDS: Final = 10


class MetricsPage:
    """The page of one app. `start` and `stop` go with the app's own."""

    def __init__(self, state: Any, counts: RequestCounts, deadlines: Deadlines) -> None:
        self._state = state
        self._counts = counts
        self._deadlines = deadlines
        self._server: ThreadingHTTPServer | None = None

    def text(self) -> str:
        return page(self._state, self._counts, self._deadlines.under_way)

    def add_to(self, app: FastAPI) -> None:
        """Serve the page with the app, unless a setting names another address."""
        if self._state.settings.metrics_socket is not None:
            return

        async def metrics(request: Request) -> Response:
            request.scope["ledger.template"] = PATH
            return Response(self.text(), media_type=CONTENT_TYPE)

        app.add_route(PATH, metrics, methods=["GET"], include_in_schema=False)

    def start(self) -> None:
        """Serve the page on the address that a setting names. Raises OSError when it is taken."""
        address = self._state.settings.metrics_socket
        if address is None:
            return
        self._server = _server(address, self.text)
        # looked for often, so that stopping takes no time
        threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="ledger-metrics", daemon=True
        ).start()

    @property
    def port(self) -> int | None:
        """The port of the address of its own, once it is served there."""
        return None if self._server is None else self._server.server_address[1]

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def _server(address: tuple[str, int], text: Any) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        timeout = SILENCE_SECONDS
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != PATH:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            body = text().encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def version_string(self) -> str:
            return "ledger"

        def log_message(self, *_said: object) -> None:
            """The lines of the log are those of callers."""

    class Server(ThreadingHTTPServer):
        address_family = AF_INET6 if ":" in address[0] else AF_INET
        daemon_threads = True

    return Server(address, Handler)
