"""Callers who take their time: who says nothing, drips, or reads nothing of its answer holds nothing that
others wait for, and is let go. Nothing here waits for a clock: the connections say what becomes of them.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from api.docs import add_docs
from api.http import metrics_page
from api.http.asgi import Door
from api.http.connection import Connection
from api.http.deadlines import is_long
from api.http.metrics_page import CONNECTIONS_MAX, PATH
from api.operations.uploads import COMING_MAX
from tests.support.api_client import contribute, key, open_account, running, spending, token
from tests.support.wire import PATIENCE, answer, called, everything, head, served

CALLERS = 200
# of them
READS_NOTHING = 10
FOREVER = 3_600.0


class Seen(Connection):
    """A connection that says when it is full of what nobody reads, when no more, and when it ends."""

    RECEIVE_SECONDS = SEND_SECONDS = FOREVER
    LINGER_SECONDS = 0.1

    made: list[Seen]
    full: threading.Semaphore
    unhurried: threading.Semaphore
    ended: threading.Semaphore

    def connection_made(self, transport: Any) -> None:
        self.made.append(self)
        super().connection_made(transport)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.full.release()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._ending is None:
            self.unhurried.release()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.ended.release()


def kind(**seconds: float) -> type[Seen]:
    """Connections that a test can ask for, with waits of its own."""
    counted = {name: threading.Semaphore(0) for name in ("full", "unhurried", "ended")}
    return type("Kind", (Seen,), {"made": []} | counted | seconds)


def reached(what: threading.Semaphore, times: int = 1) -> None:
    for _ in range(times):
        assert what.acquire(timeout=PATIENCE)


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch, running(engine, tmp_path_factory.mktemp("api")) as client:
        # as long as the document of the API is, which takes seconds to make
        patch.setattr("api.docs.document", lambda _app: {"openapi": "x" * 1_500_000})
        yield client


@pytest.fixture(scope="module")
def account(client: TestClient) -> str:
    number = str(open_account(client)["account_no"])
    contribute(client, number)
    return number


def narrow(port: int, on_end: ExitStack) -> socket.socket:
    """A caller with little room for what it does not read."""
    caller = socket.socket()
    on_end.callback(caller.close)
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    caller.settimeout(PATIENCE)
    caller.connect(("127.0.0.1", port))
    return caller


# -- who reads nothing -----------------------------------------------------------------------------------


class Endless:
    """An app whose answer never ends, and which says when nobody asks it for more."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.written = 0
        self.lines: list[dict[str, object]] = []
        self.app = Door(self._answer, self.lines.append)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        async def parts() -> AsyncIterator[bytes]:
            try:
                while True:
                    self.written += 1
                    yield b"x" * 65_536
                    # as where the next page is read
                    await asyncio.sleep(0)
            finally:
                self.over.set()

        await StreamingResponse(parts())(scope, receive, send)


def test_who_reads_nothing_of_an_answer_is_dropped_and_what_made_it_ends() -> None:
    made, seen = Endless(), kind(SEND_SECONDS=0.1)
    with served(made.app, seen) as port, ExitStack() as on_end:
        caller = narrow(port, on_end)
        caller.sendall(head("/a") + b"\r\n")
        reached(seen.full)
        reached(seen.ended)
        assert made.over.wait(PATIENCE)
    assert made.written < 1_000, "no more was made than goes on the way"


def test_who_reads_on_is_not_dropped() -> None:
    made, seen = Endless(), kind(SEND_SECONDS=FOREVER)
    with served(made.app, seen) as port, ExitStack() as on_end:
        caller = narrow(port, on_end)
        caller.sendall(head("/a") + b"\r\n")
        reached(seen.full)
        [connection] = seen.made
        assert connection._ending is not None
        assert any(caller.recv(65_536) and seen.unhurried.acquire(blocking=False) for _ in range(10_000))
        assert not connection.transport.is_closing()


def test_answers_to_what_was_sent_ahead_are_not_heaped_up_for_who_reads_none(client: TestClient) -> None:
    """The document of the API is long: of eight only as much is written as goes on the way."""
    seen = kind(SEND_SECONDS=0.1)
    with served(client.app, seen) as port, ExitStack() as on_end:
        caller = narrow(port, on_end)
        caller.sendall((head("/openapi.json") + b"\r\n") * 8)
        reached(seen.full)
        reached(seen.ended)
        [connection] = seen.made
        assert len(connection.pipeline) > 0, "those behind it were not answered"


# -- two hundred of them ---------------------------------------------------------------------------------


def slow(client: TestClient, account: str) -> list[bytes]:
    """What is sent by those who say nothing, half a head, half the body of a posting and of a bulk."""
    bearer = {"authorization": client.headers["Authorization"]}
    as_json = {"content_type": "application/json", "content_length": "100", **bearer}
    spend = head(f"/v1/accounts/{account}/spendings", "POST", **as_json, **_keyed()) + b'\r\n{"amount"'
    bulk = head("/v1/bulk", "POST", **as_json) + b'\r\n{"commands": ['
    return [b"", head("/v1/accounts", **bearer)[:-1], spend, bulk]


def half_a_file(client: TestClient, caller: str) -> bytes:
    """A file of one of several systems, of which the end does not come."""
    keys = client.app.state.ledger.settings.jwks_file.parent  # type: ignore[attr-defined]  # Starlette's app
    told = {"content_type": "multipart/form-data; boundary=b", "content_length": "100000"}
    return (
        head(
            "/v1/imports/contributions", "POST", **told, authorization=f"Bearer {token(keys, caller=caller)}"
        )
        + b'\r\n--b\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\naccount,'
    )


def _keyed() -> dict[str, str]:
    return {"idempotency_key": key()["Idempotency-Key"]}


def at_work(client: TestClient) -> dict[str, int]:
    """What is at work or waited for, in every thread that reads or writes."""
    state = client.app.state.ledger  # type: ignore[attr-defined]  # Starlette's app
    held = {name: one.active + one.waiting for name, one in state.readers.items()}
    return held | {"checked out": client.app.state.ledger.engine.pool.checkedout()}  # type: ignore[attr-defined]  # of it


def ask(port: int, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} | headers)
        said = connection.getresponse()
        return said.status, json.loads(said.read())
    finally:
        connection.close()


def test_two_hundred_slow_callers_hold_nothing_that_others_wait_for(client: TestClient, account: str) -> None:
    seen = kind()
    bearer = {"Authorization": client.headers["Authorization"]}
    entries, spendings = f"/v1/accounts/{account}/entries", f"/v1/accounts/{account}/spendings"
    with served(client.app, seen) as port, ExitStack() as on_end:
        # whatever threads and connections answering takes are there
        assert ask(port, "GET", entries, bearer)[0] == 200
        assert ask(port, "POST", spendings, bearer | key(), json.dumps(spending()).encode())[0] == 201
        held, threads = at_work(client), threading.active_count()
        ways = slow(client, account)
        sent = [half_a_file(client, f"system-{number}") for number in range(COMING_MAX - 1)]
        sent += [ways[number % len(ways)] for number in range(CALLERS - READS_NOTHING - len(sent))]
        for one in sent:
            on_end.enter_context(called(port)).sendall(one)
        for _ in range(READS_NOTHING):
            narrow(port, on_end).sendall((head("/openapi.json") + b"\r\n") * 8)
        reached(seen.full, READS_NOTHING)
        # each of them has been heard: so many calls wait for the rest of their bodies
        waiting = client.app.state.metrics._deadlines  # type: ignore[attr-defined]  # Starlette's app
        with_bodies = sum(one.startswith(b"POST") for one in sent)
        until(seen, lambda: waiting.under_way >= with_bodies)
        assert (at_work(client), threading.active_count()) == (held, threads)
        # and others are served: looked at, posted, read from a file
        assert ask(port, "GET", entries, bearer)[0] == 200
        body = json.dumps(spending(source_ref="x")).encode()
        status, receipt = ask(port, "POST", spendings, bearer | key(), body)
        assert (status, receipt["source_ref"]) == (201, "x")
        form = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        form += (
            f"account,source_ref,period,effective_on,amount\r\n{account},f,2026-03,2026-04-10,1.00".encode()
        )
        as_form = {"Content-Type": "multipart/form-data; boundary=b"}
        status, told = ask(
            port, "POST", "/v1/imports/contributions", bearer | as_form, form + b"\r\n--b--\r\n"
        )
        assert (status, told["posted"]) == (200, 1), told
        assert ask(port, "GET", "/readyz", {})[0] == 200
        assert not any(one.transport.is_closing() for one in seen.made[2 : CALLERS + 2])


def test_two_hundred_slow_callers_are_all_let_go(client: TestClient, account: str) -> None:
    seen = kind(RECEIVE_SECONDS=0.3)
    with served(client.app, seen) as port, ExitStack() as on_end:
        ways = [*slow(client, account), half_a_file(client, "system")]
        callers = [on_end.enter_context(called(port)) for _ in range(CALLERS)]
        for number, caller in enumerate(callers):
            # who was first may be gone before the last one speaks
            with suppress(ConnectionError):
                caller.sendall(ways[number % len(ways)])
        reached(seen.ended, CALLERS)
        said = [everything(caller) for caller in callers]
    # of one system one file comes at a time
    assert {one[:12] for one in said} == {b"", b"HTTP/1.1 408", b"HTTP/1.1 503"}
    # who has said nothing is told nothing
    assert sum(1 for one in said if not one) >= CALLERS // len(ways)
    assert client.app.state.metrics._deadlines.under_way == 0  # type: ignore[attr-defined]  # Starlette's app
    assert not client.app.state.uploads._callers  # type: ignore[attr-defined]  # of it


def until(seen: type[Seen], is_so: Callable[[], bool]) -> None:
    """Until something is so, asked on the loop of the service, between what it does."""
    for _ in range(100_000):
        asked = threading.Event()
        found: list[bool] = []

        def look(found: list[bool] = found, asked: threading.Event = asked) -> None:
            found.append(is_so())
            asked.set()

        seen.made[0].loop.call_soon_threadsafe(look)
        assert asked.wait(PATIENCE)
        if found[0]:
            return
    raise AssertionError("it never was so")


def test_the_document_is_made_once_for_all_who_ask_for_it_at_first(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    asked, go_on = threading.Semaphore(0), threading.Event()

    def document(_app: Any) -> dict[str, str]:
        made.append(1)
        assert go_on.wait(PATIENCE)
        return {"openapi": "3.1.0"}

    class Asked(Connection):
        def on_message_complete(self) -> None:
            super().on_message_complete()
            asked.release()

    monkeypatch.setattr("api.docs.document", document)
    app = FastAPI(openapi_url=None)
    add_docs(app)
    with served(app, Asked) as port, ExitStack() as on_end:
        callers = [on_end.enter_context(called(port)) for _ in range(20)]
        for caller in callers:
            caller.sendall(head("/openapi.json") + b"\r\n")
        reached(asked, len(callers))
        go_on.set()
        assert {answer(caller) for caller in callers} == {(200, b'{"openapi":"3.1.0"}')}
    assert len(made) == 1


def test_the_document_of_the_api_is_made_to_its_end_though_who_asked_first_has_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a machine on which it takes longer than a call may, the next who asks gets it."""
    made: list[int] = []
    at_work, go_on = threading.Event(), threading.Event()

    def document(_app: Any) -> dict[str, str]:
        made.append(1)
        at_work.set()
        assert go_on.wait(PATIENCE)
        return {"openapi": "3.1.0"}

    monkeypatch.setattr("api.docs.document", document)
    app = FastAPI(openapi_url=None)
    add_docs(app)
    [openapi] = (
        route.endpoint for route in app.routes if isinstance(route, Route) and route.path == "/openapi.json"
    )

    async def asked() -> bytes:
        scope = {"type": "http", "method": "GET", "path": "/openapi.json", "headers": []}
        answered: Response = await openapi(Request(scope))
        assert is_long(scope)
        return bytes(answered.body)

    async def one_after_another() -> bytes:
        first = asyncio.create_task(asked())
        assert await asyncio.to_thread(at_work.wait, PATIENCE)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        go_on.set()
        return await asked()

    assert asyncio.run(one_after_another()) == b'{"openapi":"3.1.0"}'
    assert len(made) == 1


# -- the page of metrics on an address of its own --------------------------------------------------------


@pytest.fixture
def page() -> Iterator[int]:
    server = metrics_page._server(("127.0.0.1", 0), lambda: "a 1\n")
    serving = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    serving.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    serving.join(PATIENCE)


def test_slow_collectors_keep_no_other_away_and_hold_few_threads(page: int) -> None:
    before = threading.active_count()
    with ExitStack() as on_end:
        callers = [on_end.enter_context(called(page)) for _ in range(3 * CONNECTIONS_MAX)]
        for caller in callers:
            with suppress(ConnectionError):
                caller.sendall(b"GET /met")
        # those who were there longest are let go for those who come
        let_go = [everything(caller) for caller in callers[:-CONNECTIONS_MAX]]
        assert let_go == [b""] * (2 * CONNECTIONS_MAX)
        with called(page) as caller:
            caller.sendall(head(PATH) + b"\r\n")
            assert answer(caller) == (200, b"a 1\n")
            # and the connection stays for the next time
            caller.sendall(head(PATH) + b"\r\n")
            assert answer(caller) == (200, b"a 1\n")
            assert threading.active_count() <= before + 2 * CONNECTIONS_MAX
