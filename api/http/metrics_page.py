"""Where `/metrics` is served: with the service, or by a thread of its own on an address of its own.

Each process counts for itself. Of several workers each takes a port of its own, and without such ports there
is no page: callers would read now the one and now the other, and their counters would go back.

It asks for no token, as whoever collects metrics has none, and holds nothing of persons.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6, SHUT_RDWR
from typing import Any, Final

from fastapi import FastAPI, Request
from starlette.responses import Response

from api.http.deadlines import Deadlines
from api.http.exposition import CONTENT_TYPE
from api.http.metrics import RequestCounts, page

PATH: Final = "/metrics"
# a collector that says nothing more is let go
SILENCE_SECONDS: Final = 10
# each has a thread: of more at once those who are there longest are let go
CONNECTIONS_MAX: Final = 16
# how often a worker looks for a port that has become free
AGAIN_SECONDS: Final = 0.5


class MetricsPage:
    """The page of one app. `start` and `stop` go with the app's own."""

    def __init__(self, state: Any, counts: RequestCounts, deadlines: Deadlines) -> None:
        self._state = state
        self._counts = counts
        self._deadlines = deadlines
        self._server: ThreadingHTTPServer | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def text(self) -> str:
        return page(self._state, self._counts, self._deadlines.under_way)

    def add_to(self, app: FastAPI) -> None:
        """Serve the page with the app, unless a setting names another address or others serve beside it."""
        settings = self._state.settings
        if settings.metrics_sockets or settings.workers > 1:
            return

        async def metrics(request: Request) -> Response:
            request.scope["ledger.template"] = PATH
            return Response(self.text(), media_type=CONTENT_TYPE)

        app.add_route(PATH, metrics, methods=["GET"], include_in_schema=False)

    def start(self) -> None:
        """Serve the page where a setting says. Raises OSError when the one address there is is taken."""
        addresses = self._state.settings.metrics_sockets
        if not addresses:
            return
        self._stopping.clear()
        server = _server(addresses[0], self.text) if len(addresses) == 1 else None
        self._server = server
        threading.Thread(
            target=self._serve, args=(server, addresses), name="ledger-metrics", daemon=True
        ).start()

    def _serve(self, server: ThreadingHTTPServer | None, addresses: list[tuple[str, int]]) -> None:
        server = server or self._wait_for_one(addresses)
        if server is not None:
            # looked for often, so that stopping takes no time
            server.serve_forever(0.05)

    def _wait_for_one(self, addresses: list[tuple[str, int]]) -> ThreadingHTTPServer | None:
        """The first of some addresses that is free; None when the page is stopped before there is one."""
        while (server := _first_free(addresses, self.text)) is None:
            # the worker that this one replaces may still have it
            if self._stopping.wait(AGAIN_SECONDS):
                return None
        with self._lock:
            if self._stopping.is_set():
                server.server_close()
                return None
            self._server = server
        return server

    @property
    def port(self) -> int | None:
        """The port of the address of its own, once it is served there."""
        return None if self._server is None else self._server.server_address[1]

    def stop(self) -> None:
        with self._lock:
            self._stopping.set()
            server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


def _first_free(addresses: list[tuple[str, int]], text: Any) -> ThreadingHTTPServer | None:
    for address in addresses:
        with suppress(OSError):
            return _server(address, text)
    return None


def _server(address: tuple[str, int], text: Any) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        timeout = SILENCE_SECONDS
        protocol_version = "HTTP/1.1"
        # head and page are two writes: the second would wait for the first to be acknowledged, 40 ms
        disable_nagle_algorithm = True

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
        # one process an address: newer versions of the library would share it
        allow_reuse_port = False
        # who comes while others are let go waits a moment, and is not sent away
        request_queue_size = 4 * CONNECTIONS_MAX

        def __init__(self, *arguments: Any) -> None:
            # who is connected, the one who is there longest first
            self._there: OrderedDict[Any, None] = OrderedDict()
            self._lock = threading.Lock()
            super().__init__(*arguments)

        def process_request(self, request: Any, client_address: Any) -> None:
            with self._lock:
                self._there[request] = None
                longest = next(iter(self._there)) if len(self._there) > CONNECTIONS_MAX else None
                if longest is not None:
                    del self._there[longest]
                    # its thread hears that nothing more comes, and ends
                    with suppress(OSError):
                        longest.shutdown(SHUT_RDWR)
            super().process_request(request, client_address)

        def shutdown_request(self, request: Any) -> None:
            with self._lock:
                self._there.pop(request, None)
            super().shutdown_request(request)

    return Server(address, Handler)
