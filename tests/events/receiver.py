"""A receiver of webhooks on this machine, for tests: it keeps what it is sent, and answers as it is told to.

It checks signatures by a few lines of its own, and takes nothing from the code that signs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Message(NamedTuple):
    """What came: how it was called, when it says it was sent, and what it says."""

    name: str
    stamp: int
    signature: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def items(self) -> list[Any]:
        return list(json.loads(self.body)["data"]["items"])

    def is_signed_with(self, secret: str) -> bool:
        """As the public scheme says, with what `openssl dgst -sha256 -mac hmac` would compute."""
        key = base64.b64decode(secret.split("_", 1)[1])
        text = self.name.encode() + b"." + str(self.stamp).encode() + b"." + self.body
        wanted = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        return [one for one in self.signature.split(" ") if one == f"v1,{wanted}"] != []


class Receiver:
    """`answer` is asked for the status of each message."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.answer: Callable[[Message], int] = lambda _message: 204
        self.location = ""
        # what the handler does instead of answering
        self.instead: Callable[[Any], None] | None = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                message = Message(
                    self.headers["webhook-id"],
                    int(self.headers["webhook-timestamp"]),
                    self.headers["webhook-signature"],
                    self.path,
                    {name.lower(): value for name, value in self.headers.items()},
                    body,
                )
                receiver.messages.append(message)
                if receiver.instead is not None:
                    receiver.instead(self)
                    return
                self.send_response(receiver.answer(message))
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/events"

    @contextmanager
    def listening(self) -> Iterator[Receiver]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    @property
    def items(self) -> list[Any]:
        """The events of all messages, in the order in which they came."""
        return [item for message in self.messages for item in message.items]
