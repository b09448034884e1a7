"""One message: never longer than its time, whatever is not done, and taken only by a whole answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ledger.events import sending
from ledger.events.sending import send, was_taken
from tests.events.receiver import Receiver

HEADERS = {"webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": "v1,"}


@contextmanager
def listening(does: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of who does something with the first connection, and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                try:
                    does(connection)
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(30)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "WHOLE_SECONDS", 0.3)


@pytest.mark.usefixtures("short")
def test_a_look_up_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    found = threading.Event()

    def looks(*_arguments: Any, **_more: Any) -> list[Any]:
        if not found.wait(20):
            waited_out.append(True)
        return []

    waited_out: list[bool] = []
    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", looks)
        assert send("http://localhost:9/", HEADERS, b"{}") == "timeout"
    assert not waited_out
    found.set()


@pytest.mark.usefixtures("short")
def test_hands_that_are_shaken_byte_by_byte_are_let_go() -> None:
    said_all: list[bool] = []

    def drip(connection: socket.socket) -> None:
        # a record of TLS that says it is long
        for byte in b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xf0" + bytes(60):
            connection.sendall(bytes([byte]))
            done.wait(0.05)
        said_all.append(True)

    done = threading.Event()
    with listening(drip) as port:
        assert send(f"https://127.0.0.1:{port}/", HEADERS, b"{}") == "timeout"
        assert not said_all
        done.set()


@pytest.mark.usefixtures("short")
def test_a_receiver_that_does_not_read_is_let_go() -> None:
    def reads_nothing(connection: socket.socket) -> None:
        while connection.recv(1) and not done.wait(0.05):
            pass

    done = threading.Event()
    with listening(reads_nothing) as port:
        assert send(f"http://127.0.0.1:{port}/", HEADERS, bytes(20_000_000)) == "timeout"
        done.set()


def test_a_name_that_no_host_has() -> None:
    assert send("https://h..example/", HEADERS, b"{}") == "unreachable"
    assert send("https://" + "a." * 20 + "invalid/", HEADERS, b"{}") == "unreachable"


@pytest.mark.parametrize(
    ("said", "result"),
    [
        (b"", "cut_off"),
        (b"HTTP/1.1 200", "cut_off"),
        (b"HTTP/1.1 200 OK\r\n", "cut_off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", "cut_off"),
        (b"HTTP/1.1 200 OK\r\n\r", "cut_off"),
        (b"HTTP/1.1 20\r\n\r\n", "cut_off"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "cut_off"),
        (b"HTTP/2 200\r\n\r\n", "cut_off"),
        (b"200 OK\r\n\r\n", "cut_off"),
        (b"\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "cut_off"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "cut_off"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", "cut_off"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200", "cut_off"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 503 no\r\n\r\n", "503"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "101"),
        (b"HTTP/1.1 204\r\n\r\n", "204"),
        (b"HTTP/1.0 200 OK\nX: y\n\n", "200"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nless", "200"),
    ],
)
def test_only_a_whole_head_is_an_answer(said: bytes, result: str) -> None:
    def says(connection: socket.socket) -> None:
        read = b""
        while not read.endswith(b"{}"):
            read += connection.recv(65_536)
        # in two parts, wherever they fall
        connection.sendall(said[: len(said) // 2])
        connection.sendall(said[len(said) // 2 :])
        # who listens has read all before the line is closed
        connection.shutdown(socket.SHUT_WR)

    with listening(says) as port:
        came = send(f"http://127.0.0.1:{port}/", HEADERS, b"{}")
    assert came == result
    assert was_taken(came) is came.startswith("20")


def test_what_is_said() -> None:
    with Receiver().listening() as receiver:
        assert send(receiver.url.replace("/events", "?a=1"), HEADERS, b'{"x":1}') == "204"
    [message] = receiver.messages
    assert (message.path, message.body) == ("/?a=1", b'{"x":1}')
    assert message.headers["host"] == receiver.url.split("/")[2]
    assert message.headers["connection"] == "close"
