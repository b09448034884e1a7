"""The API as it is served, on a port of this machine: for what only stands on the wire.

with served(app) as port:               uvicorn in a thread, with the connections that `serve` uses
    with called(port) as caller:        a plain socket
        caller.sendall(head("/livez") + b"\\r\\n")
        status, headers, body = answer(caller)
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from ledger.operations.serving import CONNECTION

# a test that waits so long has failed
PATIENCE = 30.0


@contextmanager
def served(app: Any, connection: Any = CONNECTION) -> Iterator[int]:
    """Serve an app that is at work already; the port."""
    config = uvicorn.Config(
        app, http=connection, loop="uvloop", ws="none", lifespan="off", log_config=None, access_log=False
    )
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(64)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()


@contextmanager
def called(port: int) -> Iterator[socket.socket]:
    """A connection of a caller."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as caller:
        yield caller


def head(path: str, method: str = "GET", **headers: str) -> bytes:
    """The head of a request without the empty line that ends it."""
    lines = [f"{method} {path} HTTP/1.1", "host: here"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "".join(f"{line}\r\n" for line in lines).encode()


def everything(caller: socket.socket) -> bytes:
    """All that the service says until it ends the connection."""
    parts = []
    try:
        while part := caller.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def answers(text: bytes) -> list[tuple[int, bytes]]:
    """Status and body of each answer that stands in what a service said; all have a length."""
    found = []
    while text:
        first, _, text = text.partition(b"\r\n\r\n")
        lines = first.split(b"\r\n")
        named = dict(line.lower().split(b": ", 1) for line in lines[1:])
        length = int(named.get(b"content-length", b"0"))
        found.append((int(lines[0].split(b" ")[1]), text[:length]))
        text = text[length:]
    return found


def answer(caller: socket.socket) -> tuple[int, bytes]:
    """The next answer; the connection stays open."""
    got = b""
    while True:
        part = caller.recv(65536)
        assert part, f"the service ended the connection after {got!r}"
        got += part
        whole, ended, body = got.partition(b"\r\n\r\n")
        if not ended:
            continue
        named = dict(line.lower().split(b": ", 1) for line in whole.split(b"\r\n")[1:])
        if len(body) >= int(named.get(b"content-length", b"0")):
            return answers(got)[0]
