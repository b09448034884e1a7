"""What a caller may send before anybody knows who calls, on the wire and against the served process."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote_to_bytes

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.http.connection import HEAD_BYTES_MAX, HEADERS_MAX, PIPELINED_MAX, WASTED_MAX, Connection, _written
from tests.support.api_client import open_account, running, spending
from tests.support.service import Service
from tests.support.wire import answer, answers, called, everything, head, served

SPEND = json.dumps(spending()).encode()


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client


@pytest.fixture(scope="module")
def port(client: TestClient) -> Iterator[int]:
    with served(client.app) as port:
        yield port


class Hurried(Connection):
    """A connection that waits for nobody."""

    RECEIVE_SECONDS = 0.2
    LINGER_SECONDS = 0.2


@pytest.fixture(scope="module")
def hurried(client: TestClient) -> Iterator[int]:
    with served(client.app, Hurried) as port:
        yield port


def code(text: bytes) -> tuple[int, str]:
    """Status and code of the one problem that was answered."""
    ((status, body),) = answers(text)
    problem = json.loads(body)
    assert (problem["status"], len(problem["request_id"])) == (status, 24)
    return status, problem["code"]


def told(port: int, sent: bytes) -> tuple[int, str]:
    """What is answered to something after which the connection is ended."""
    with called(port) as caller:
        # the service may have heard enough
        with suppress(ConnectionError):
            caller.sendall(sent)
        return code(everything(caller))


# -- answers ----------------------------------------------------------------------------------------------


class Noting(Connection):
    """A connection that keeps what is written, piece by piece."""

    pieces: ClassVar[list[bytes]] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.transport = _Noted(transport)  # type: ignore[assignment]  # stands for one


class _Noted:
    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def write(self, data: bytes) -> None:
        Noting.pieces.append(bytes(data))
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


async def _app(scope: Any, _receive: Any, send: Any) -> None:
    """Answers as its path says: a value of a header, and the parts of the body."""
    value, length, *parts = scope["path"][1:].split(",")
    headers = [(b"x-value", unquote_to_bytes(value))]
    if length:
        headers.append((b"content-length", length.encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number, part in enumerate(parts, start=1):
        await send({"type": "http.response.body", "body": part.encode(), "more_body": number < len(parts)})


@pytest.fixture(scope="module")
def noting() -> Iterator[int]:
    with served(_app, Noting) as port:
        yield port


def pieces(port: int, path: str, method: str = "GET") -> list[bytes]:
    """What is written of the answer to a request that is the last of its connection."""
    Noting.pieces.clear()
    with called(port) as caller:
        caller.sendall(head(path, method) + b"\r\n")
        caller.shutdown(socket.SHUT_WR)
        everything(caller)
    return list(Noting.pieces)


def test_an_answer_is_written_in_one_piece(noting: int) -> None:
    [whole] = pieces(noting, "/v,4,body")
    assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
    assert whole.endswith(b"\r\nx-value: v\r\ncontent-length: 4\r\n\r\nbody")
    assert whole.count(b"date: ") == 1


def test_an_answer_in_parts_is_written_as_it_comes(noting: int) -> None:
    assert [piece.endswith(b"\r\n\r\n") or piece for piece in pieces(noting, "/v,4,bo,dy")] == [
        True,
        b"bo",
        b"dy",
    ]
    # of a length that nobody knows beforehand
    first, *more = pieces(noting, "/v,,bo,dy")
    assert b"transfer-encoding: chunked" in first
    assert b"".join(more) == b"2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"


def test_an_answer_without_its_body_is_its_head(noting: int) -> None:
    assert b"".join(pieces(noting, "/v,4,body", "HEAD")).endswith(b"content-length: 4\r\n\r\n")


@pytest.mark.parametrize(("length", "written"), [("3", []), ("5", [b"body"])])
def test_a_body_that_is_not_as_long_as_it_says_ends_the_connection(
    noting: int, length: str, written: list[bytes]
) -> None:
    assert pieces(noting, f"/v,{length},body")[1:] == written


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\nb", b"a\rb", b"a\0b", b"a\x7fb", b"\r\n"])
def test_no_value_of_a_header_begins_another(value: bytes) -> None:
    assert _written(200, [(b"x", value)], b"") is None
    assert _written(200, [(b"x", b"a\tb \xe9")], b"") is not None


# -- headers -------------------------------------------------------------------------------------------------


def many(count: int) -> dict[str, str]:
    return {f"x_{number}": "v" for number in range(count - 1)}  # and `host`


def test_as_many_headers_as_are_taken(port: int) -> None:
    with called(port) as caller:
        for _ in range(3):  # each request is counted by itself
            caller.sendall(head("/livez", **many(HEADERS_MAX)) + b"\r\n")
            assert answer(caller)[0] == 200
        caller.sendall(head("/livez", **many(HEADERS_MAX + 1)) + b"\r\n")
        assert code(everything(caller)) == (431, "headers_too_large")


def test_as_large_a_head_as_is_taken(port: int) -> None:
    small = len(head("/livez", x="")) - len("GET  HTTP/1.1\r\n")
    with called(port) as caller:
        caller.sendall(head("/livez", x="v" * (HEAD_BYTES_MAX - small)) + b"\r\n")
        assert answer(caller)[0] == 200
        caller.sendall(head("/livez", x="v" * (HEAD_BYTES_MAX - small + 1)) + b"\r\n")
        assert code(everything(caller)) == (431, "headers_too_large")


def test_a_head_that_comes_in_bits_is_whole(port: int) -> None:
    whole = head("/livez", **many(20)) + b"\r\n"
    with called(port) as caller:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(whole), 7):
            caller.sendall(whole[start : start + 7])
        assert answer(caller)[0] == 200


@pytest.mark.parametrize(
    ("endless", "wanted"),
    [
        (b"GET /livez HTTP/1.1\r\n" + b"a:\r\n" * 50_000, (431, "headers_too_large")),
        (b"GET /livez HTTP/1.1\r\n" + b"a: b\r\n" * (HEADERS_MAX + 2), (431, "headers_too_large")),
        (b"GET /livez HTTP/1.1\r\na: " + b"b" * 200_000, (431, "headers_too_large")),
        (b"GET /livez HTTP/1.1\r\n" + b"a" * 200_000, (431, "headers_too_large")),
        (b"GET /" + b"a" * 200_000, (414, "path_too_large")),
        (b"GET /?" + b"a=1&" * 50_000 + b" HTTP/1.1\r\n", (414, "path_too_large")),
        (b"\r\n" * 100_000, (431, "headers_too_large")),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", (400, "request_refused")),
        (b"GET /livez HTTP/1.1\r\na b c\r\n\r\n", (400, "request_refused")),
        (b"GET /livez HTTP/1.1\r\ncontent-length: x\r\n\r\n", (400, "request_refused")),
        (
            b"POST /v1/bulk HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            (400, "request_refused"),
        ),
        (b"GET /\xff HTTP/1.1\r\n\r\n", (400, "request_refused")),
    ],
    ids=range(12),
)
def test_what_has_no_end_is_refused_before_it(port: int, endless: bytes, wanted: tuple[int, str]) -> None:
    assert told(port, endless) == wanted


def test_a_long_path_that_is_taken_is_like_any_other(port: int) -> None:
    with called(port) as caller:
        caller.sendall(head(f"/v1/{'a' * 10_000}") + b"\r\n")
        assert answer(caller)[0] == 404


# -- beside header and body ----------------------------------------------------------------------------------


def chunked(account: str, **headers: str) -> bytes:
    return (
        head(
            f"/v1/accounts/{account}/spendings?dry_run=true",
            "POST",
            content_type="application/json",
            transfer_encoding="chunked",
            **headers,
        )
        + b"\r\n"
    )


def test_a_trailer_is_no_header(client: TestClient, port: int) -> None:
    account = open_account(client)["account_no"]
    bearer = client.headers["Authorization"]
    body = b"%x\r\n%b\r\n0\r\n" % (len(SPEND), SPEND)
    with called(port) as caller:
        sent = chunked(account) + body + f"authorization: {bearer}\r\n\r\n".encode()
        caller.sendall(sent)
        assert answer(caller)[0] == 401
        caller.sendall(chunked(account, authorization=bearer) + body + b"a: b\r\n\r\n")
        assert json.loads(answer(caller)[1])["code"] == "insufficient_balance"


@pytest.mark.parametrize(
    "endless",
    [
        b"1;" + b"a" * 200_000,
        b"1\r\n{\r\n0\r\n" + b"a:\r\n" * 50_000,
        b"1\r\n{\r\n0\r\na: " + b"b" * 200_000,
        b"0" * 200_000,
    ],
    ids=["an extension", "trailers", "a trailer", "a length"],
)
def test_what_stands_beside_a_body_has_an_end(client: TestClient, port: int, endless: bytes) -> None:
    sent = chunked("x", authorization=client.headers["Authorization"]) + endless
    assert told(port, sent)[0] in {400, 431}


def test_a_body_of_many_chunks_is_read(client: TestClient, port: int) -> None:
    account = open_account(client)["account_no"]
    bearer = client.headers["Authorization"]
    bits = b"".join(b"1;x=y\r\n%c\r\n" % byte for byte in b" " * 30_000 + SPEND) + b"0\r\n\r\n"
    with called(port) as caller:
        caller.sendall(chunked(account, authorization=bearer) + bits)
        assert json.loads(answer(caller)[1])["code"] == "insufficient_balance"


def test_a_caller_who_was_told_no_is_not_listened_to_for_ever(port: int) -> None:
    announced = head("/v1/bulk", "POST", content_type="application/json", content_length=str(16 << 20))
    sent = 0
    with called(port) as caller:
        caller.sendall(announced + b"\r\n")
        assert answer(caller)[0] == 401
        with suppress(ConnectionError):
            while sent < 16 << 20:
                sent += caller.send(b" " * 65536)
    assert WASTED_MAX < sent < 16 << 20


def test_another_protocol_is_not_spoken(client: TestClient, port: int) -> None:
    asks = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2_settings": "AAMAAABkAAQAAP"}
    with called(port) as caller:
        # what stands behind it is not lost
        caller.sendall(head("/livez", **asks) + b"\r\n" + head("/nowhere", connection="close") + b"\r\n")
        assert [status for status, _ in answers(everything(caller))] == [200, 404]
    # its body would be taken for something else
    hidden = head("/livez") + b"\r\n"
    more = {"content_type": "application/json", "content_length": str(len(hidden))}
    bearer = client.headers["Authorization"]
    sent = head("/v1/accounts", "POST", **asks, **more, authorization=bearer) + b"\r\n" + hidden
    assert told(port, sent) == (400, "request_refused")


# -- one after another ---------------------------------------------------------------------------------------


def test_requests_sent_ahead_are_answered_in_order(port: int) -> None:
    asked = [(f"/{'livez' if number % 3 else 'nowhere'}", 200 if number % 3 else 404) for number in range(20)]
    with called(port) as caller:
        caller.sendall(b"".join(head(path) + b"\r\n" for path, _ in asked[:-1]))
        caller.sendall(head(asked[-1][0], connection="close") + b"\r\n")
        assert [status for status, _ in answers(everything(caller))] == [status for _, status in asked]


class Held:
    """An app whose first call waits until it is let go; its connections."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.made: list[Connection] = []
        self.at_work = threading.Event()
        self._gate = asyncio.Event()
        held = self

        class Watched(Connection):
            def connection_made(self, transport: Any) -> None:
                held.made.append(self)
                super().connection_made(transport)

        self.connection = Watched

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun.append(scope["path"])
        self.at_work.set()
        await self._gate.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    def on_loop(self, work: Callable[[], Any]) -> Any:
        answered: Future[Any] = Future()
        self.made[0].loop.call_soon_threadsafe(lambda: answered.set_result(work()))
        return answered.result(30)

    def until(self, is_so: Callable[[Connection], bool]) -> None:
        """Until something is so of the connection."""
        for _ in range(10_000):
            if self.on_loop(lambda: is_so(self.made[0])):
                return
            time.sleep(0.001)
        raise AssertionError("it never was so")

    def let_go(self) -> None:
        self.on_loop(self._gate.set)


def statuses(said: bytes) -> list[int]:
    return [status for status, _ in answers(said)]


def test_of_too_many_requests_sent_ahead_the_first_are_answered() -> None:
    app = Held()
    with served(app, app.connection) as port, called(port) as caller:
        sent = (head("/livez") + b"\r\n") * (PIPELINED_MAX + 200)
        caller.sendall(sent)
        assert app.at_work.wait(30)
        app.until(lambda one: one._deaf)
        assert len(app.made[0].pipeline) == PIPELINED_MAX
        assert app.begun == ["/livez"]
        app.let_go()
        assert statuses(everything(caller)) == [200] * (PIPELINED_MAX + 1)
        assert len(app.begun) == PIPELINED_MAX + 1


def test_who_sends_far_too_much_ahead_is_answered_what_was_taken() -> None:
    app = Held()
    with served(app, app.connection) as port, called(port) as caller:
        flood = (head("/livez") + b"\r\n") * (4 * WASTED_MAX // 40)
        sending = threading.Thread(target=send_all, args=(caller, flood), daemon=True)
        sending.start()
        assert app.at_work.wait(30)
        app.until(lambda one: one._deaf)
        app.let_go()
        assert statuses(everything(caller)) == [200] * (PIPELINED_MAX + 1)
        sending.join(30)
        # what came meanwhile was not kept, and no more of it was read than is thrown away
        assert app.made[0]._wasted < 2 * WASTED_MAX


def test_who_floods_and_reads_late_gets_all_that_was_answered() -> None:
    app = Held()
    with served(app, app.connection) as port, socket.socket() as caller:
        # the answers do not fit: those behind wait with the service until somebody reads
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        caller.connect(("127.0.0.1", port))
        flood = (head("/livez") + b"\r\n") * (4 * WASTED_MAX // 40)
        sending = threading.Thread(target=send_all, args=(caller, flood), daemon=True)
        sending.start()
        assert app.at_work.wait(30)
        app.let_go()
        app.until(lambda one: one._is_over and one._wasted > WASTED_MAX)
        assert statuses(everything(caller)) == [200] * (PIPELINED_MAX + 1)
        sending.join(30)


def test_who_floods_behind_an_answer_that_it_reads_late_is_told_it_whole_and_let_go() -> None:
    """The answer does not fit into the network when too much has come, and is given before the end."""
    body = b"x" * (32 << 20)
    made: list[Connection] = []

    class Watched(Connection):
        def connection_made(self, transport: Any) -> None:
            made.append(self)
            super().connection_made(transport)

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        length = str(len(body)).encode()
        headers = [(b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    with served(app, Watched) as port, called(port) as caller:
        flood = head("/", "POST", content_length=str(64 << 20)) + b"\r\n" + b"y" * (32 << 20)
        sending = threading.Thread(target=send_all, args=(caller, flood), daemon=True)
        sending.start()
        for _ in range(10_000):
            if made and made[0]._wasted > WASTED_MAX:
                break
            time.sleep(0.001)
        assert made[0]._wasted > WASTED_MAX
        said = everything(caller)
        assert said.partition(b"\r\n\r\n")[2] == body
        sending.join(30)
        assert not sending.is_alive()


def send_all(caller: socket.socket, sent: bytes) -> None:
    with suppress(OSError):
        caller.sendall(sent)


@pytest.mark.parametrize(
    ("behind", "told"),
    [
        (b"\x16\x03\x01\x02", [400]),
        (head("/b") + b"a b c\r\n\r\n", [400]),
        (head("/b", **{f"x_{number}": "v" for number in range(HEADERS_MAX)}) + b"\r\n", [431]),
        (head("/b", "POST", transfer_encoding="chunked") + b"\r\nzz\r\n", [400]),
        (head("/b") + b"\r\n" + head("/c", "POST", transfer_encoding="chunked") + b"\r\nzz\r\n", [200, 400]),
    ],
    ids=["no request", "a broken head", "a large head", "a broken body", "a broken body behind another"],
)
def test_who_is_worked_for_is_answered_before_what_is_wrong_behind_it(behind: bytes, told: list[int]) -> None:
    app = Held()
    with served(app, app.connection) as port, called(port) as caller:
        caller.sendall(head("/a") + b"\r\n")
        assert app.at_work.wait(30)
        caller.sendall(behind)
        if told == [200, 400]:
            # nothing is read behind one that waits
            app.until(lambda one: bool(one.pipeline))
        else:
            app.until(lambda one: one._deaf)
        app.let_go()
        assert statuses(everything(caller)) == [200, *told]
    assert app.begun == ["/a", "/b"][: len(told)]


def test_five_hundred_requests_at_once_are_not_cut_without_a_word(port: int) -> None:
    with called(port) as caller:
        caller.sendall((head("/livez") + b"\r\n") * 500)
        told = statuses(everything(caller))
    assert set(told) == {200}
    assert PIPELINED_MAX < len(told) < 500


# -- what does not come to its end -------------------------------------------------------------------------

JSON_HEAD = {"content_type": "application/json", "content_length": "100"}


def halves(authorization: str) -> dict[str, tuple[bytes, list[int]]]:
    """What is sent of a request, and the statuses that are answered before the connection is ended."""
    bearer = {"authorization": authorization}
    to_accounts = "/v1/accounts"
    return {
        "nothing": (b"", []),
        "an empty line": (b"\r\n", []),
        "half a line": (b"GET /li", [408]),
        "a line": (b"GET /livez HTTP/1.1\r\n", [408]),
        "some headers": (head("/livez"), [408]),
        "no body": (head(to_accounts, "POST", **JSON_HEAD, **bearer) + b"\r\n", [408]),
        "half a body": (head(to_accounts, "POST", **JSON_HEAD, **bearer) + b'\r\n{"id_nu', [408]),
        "half a chunk": (chunked("x", **bearer) + b'64\r\n{"id_nu', [408]),
        "no last chunk": (chunked("x", **bearer) + b"2\r\n{}\r\n", [408]),
        "half a trailer": (chunked("x", **bearer) + b"2\r\n{}\r\n0\r\na: b\r\n", [408]),
        "half a body of nobody": (head(to_accounts, "POST", **JSON_HEAD) + b'\r\n{"id_nu', [401]),
        "half of the next": (head("/livez") + b"\r\n" + head("/livez"), [200, 408]),
        "an empty line after": (head("/livez") + b"\r\n\r\n", [200]),
    }


@pytest.mark.parametrize("half", halves(""))
def test_half_a_request_is_waited_for_so_long(client: TestClient, hurried: int, half: str) -> None:
    sent, wanted = halves(client.headers["Authorization"])[half]
    with called(hurried) as caller:
        caller.sendall(sent)
        got = answers(everything(caller))
    assert [status for status, _ in got] == wanted
    if wanted[-1:] == [408]:
        assert json.loads(got[-1][1])["code"] == "request_timeout"


@pytest.mark.parametrize(
    ("half", "told"),
    # what drops after nothing is no method of HTTP
    [("nothing", [400]), ("some headers", [408]), ("half a body", [408]), ("no last chunk", [408]),
     ("an empty line", [])],
)  # fmt: skip
def test_a_byte_now_and_then_does_not_help(
    client: TestClient, hurried: int, half: str, told: list[int]
) -> None:
    drop = b"1\r\n \r\n" if half == "no last chunk" else b"\r\n" if half == "an empty line" else b"x"
    over = threading.Event()
    with called(hurried) as caller:
        caller.sendall(halves(client.headers["Authorization"])[half][0])

        def drip() -> None:
            with suppress(OSError):
                while not over.wait(0.02):
                    caller.send(drop)

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            said = everything(caller)
        finally:
            over.set()
            dripping.join()
    assert [status for status, _ in answers(said)] == told


def test_who_is_worked_for_is_not_cut_off() -> None:
    """A request that is whole takes as long as it takes, also when the next one stands behind it."""
    release: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    waited = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        event = asyncio.Event()
        release.append((asyncio.get_running_loop(), event))
        await event.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    class Watched(Hurried):
        def _waited(self) -> None:
            super()._waited()
            waited.set()

    with served(app, Watched) as port, called(port) as caller:
        caller.sendall(head("/a") + b"\r\n" + head("/b"))
        # its time is over once, and nothing is ended
        assert waited.wait(30)
        release[0][0].call_soon_threadsafe(release[0][1].set)
        assert answer(caller)[0] == 200


def test_who_waits_for_a_body_is_told_that_it_will_not_come() -> None:
    got: list[str] = []
    told = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request":
            got.append(message["type"])
        got.append(message["type"])
        told.set()

    class Patient(Hurried):
        LINGER_SECONDS = 60.0

    with served(app, Patient) as port, called(port) as caller:
        caller.sendall(head("/a", "POST", content_length="9") + b"\r\n1234")
        assert told.wait(30)
        assert got[-1] == "http.disconnect"
        assert code(everything(caller)) == (408, "request_timeout")


def test_others_are_served_while_some_are_half_sent(client: TestClient, port: int) -> None:
    with called(port) as first, called(port) as second, called(port) as third:
        first.sendall(b"GET /li")
        second.sendall(halves(client.headers["Authorization"])["half a body"][0])
        third.sendall(head("/livez") + b"\r\n")
        assert answer(third)[0] == 200


def test_a_long_body_has_more_time(client: TestClient) -> None:
    """Its clock goes on with every byte of it: nobody needs a fast line."""

    class Soon(Connection):
        RECEIVE_SECONDS = 0.1

        def _waited(self) -> None:
            super()._waited()
            looked.set()

    looked = threading.Event()
    bearer = client.headers["Authorization"]
    body = b" " * 900_000 + b"{}"
    sent = head(
        "/v1/accounts",
        "POST",
        content_type="application/json",
        content_length=str(len(body)),
        authorization=bearer,
    )
    with served(client.app, Soon) as port, called(port) as caller:
        caller.sendall(sent + b"\r\n" + body[:-1])
        assert looked.wait(30)
        caller.sendall(body[-1:])
        assert answer(caller)[0] == 422


# -- the served process ------------------------------------------------------------------------------------

FLOOD = 200 << 20
FLOODERS = 8
GROWTH_MAX = 30 << 20


def resident(process_id: int) -> int:
    """What a process has in memory, in bytes."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def flood(port: int, lines: bytes) -> int:
    """Send what has no end on one connection after another; how often that was refused."""
    sent = refused = 0
    while sent < FLOOD // FLOODERS:
        with called(port) as caller:
            try:
                caller.sendall(b"GET /livez HTTP/1.1\r\na: b")
                while sent < FLOOD // FLOODERS:
                    sent += caller.send(lines)
            except ConnectionError:
                refused += 1
    return refused


@pytest.mark.slow
@pytest.mark.sqlite
@pytest.mark.parametrize("lines", [b"a:\r\n" * 16_384, b"x" * 65_536], ids=["short lines", "one line"])
def test_memory_is_flat_whatever_is_sent(tmp_path: Path, lines: bytes) -> None:
    service = Service(tmp_path / "data")
    service.start()
    try:
        process = service.process
        assert process is not None
        assert service.call("GET", "/livez")[0] == 200
        before = resident(process.pid)
        with ThreadPoolExecutor(FLOODERS) as flooders:
            flooding = [flooders.submit(flood, service.port, lines) for _ in range(FLOODERS)]
            while not all(one.done() for one in flooding):
                assert service.call("GET", "/livez")[0] == 200  # others are served
        assert all(one.result() for one in flooding)
        assert resident(process.pid) - before < GROWTH_MAX
        assert service.call("GET", "/readyz")[0] == 200
        assert "Traceback" not in service.log()
    finally:
        service.stop()
