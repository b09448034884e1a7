"""A body that comes slowly: the time of a call begins when its request is whole, and not before."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.http.connection import Connection
from api.http.deadlines import Deadlines
from tests.support.api_client import contribute, id_number, key, open_account, running, spending
from tests.support.wire import answer, called, everything, head, served

SECONDS = 10
LOOKS_MAX = 10_000


class Clock:
    """A monotonic clock that a test sets forward."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def pass_by(self, seconds: float) -> None:
        self._ahead += seconds


class Watched(Connection):
    """A connection that a test can ask for, and that waits as long as the test likes."""

    RECEIVE_SECONDS = 3_600.0
    made: Watched | None = None

    def connection_made(self, transport: Any) -> None:
        Watched.made = self
        super().connection_made(transport)


class Waiting:
    """The calls of a served app that wait for their bodies, and time that passes meanwhile."""

    def __init__(self, client: TestClient, clock: Clock) -> None:
        self._deadlines: Deadlines = client.app.state.metrics._deadlines  # type: ignore[attr-defined]  # Starlette's app
        self._clock = clock

    @property
    def connection(self) -> Watched:
        assert Watched.made is not None
        return Watched.made

    def on_loop(self, work: Callable[[], Any]) -> Any:
        """What some work on the loop of the service answers."""
        answered: Future[Any] = Future()
        self.connection.loop.call_soon_threadsafe(lambda: answered.set_result(work()))
        return answered.result(30)

    def until_one_waits(self) -> None:
        """Until one call has begun: it asks for its body before it lets others work."""
        for _ in range(LOOKS_MAX):
            if Watched.made is not None and self.under_way:
                return
            time.sleep(0.001)
        raise AssertionError("no call has begun")

    def let_pass(self, seconds: float) -> None:
        """So much time passes, and all calls are looked at."""
        self._clock.pass_by(seconds)
        self.on_loop(lambda: self._deadlines._sweep(self.connection.loop))

    @property
    def under_way(self) -> int:
        return int(self.on_loop(lambda: self._deadlines.under_way))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for place in ("api.http.deadlines.time", "api.http.asgi.time"):
        monkeypatch.setattr(place, SimpleNamespace(monotonic=clock.monotonic))
    return clock


@pytest.fixture
def client(
    fresh_engine: Engine, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    monkeypatch.setenv("LEDGER_DEADLINE_SECONDS", str(SECONDS))
    with running(fresh_engine, tmp_path_factory.mktemp("api")) as client:
        yield client


@pytest.fixture
def port(client: TestClient, clock: Clock) -> Iterator[int]:
    Watched.made = None
    with served(client.app, Watched) as port:
        yield port


@pytest.fixture
def account(client: TestClient) -> str:
    number = str(open_account(client)["account_no"])
    contribute(client, number)
    return number


def form(content: str) -> tuple[bytes, str]:
    body = (
        f'--b\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\n{content}\r\n--b--\r\n'
    )
    return body.encode(), "multipart/form-data; boundary=b"


def posts(account: str) -> dict[str, tuple[str, bytes, str, int]]:
    """Path, body, its type, and the status of each way to send a body."""
    opened = {"id_number": id_number(), "name": "张三", "area": "990100", "opened_on": "2026-01-05"}
    item = {"verb": "spend", "account": account, "idempotency_key": "b1", **spending()}
    line = f"{account},slow-1,2026-03,2026-04-10,1.00"
    return {
        "a small body": ("/v1/accounts", json.dumps(opened).encode(), "application/json", 201),
        "a bulk": ("/v1/bulk", json.dumps({"commands": [item]}).encode(), "application/json", 200),
        "beside a query": (
            f"/v1/accounts/{account}/spendings?dry_run=true",
            json.dumps(spending()).encode(),
            "application/json",
            200,
        ),
        "a file": (
            "/v1/imports/contributions",
            *form(f"account,source_ref,period,effective_on,amount\r\n{line}\r\n"),
            200,
        ),
    }


def begin(client: TestClient, path: str, media_type: str, **more: str) -> bytes:
    bearer = client.headers["Authorization"]
    keyed = {"idempotency_key": key()["Idempotency-Key"]}
    return head(path, "POST", content_type=media_type, authorization=bearer, **keyed, **more) + b"\r\n"


@pytest.mark.parametrize("in_chunks", [False, True], ids=["with a length", "in chunks"])
@pytest.mark.parametrize("way", posts(""))
def test_a_body_that_comes_slowly_is_taken(
    client: TestClient, port: int, clock: Clock, account: str, way: str, in_chunks: bool
) -> None:
    path, body, media_type, status = posts(account)[way]
    half = len(body) // 2
    parts = [body[:half], body[half:]]
    if in_chunks:
        more = {"transfer_encoding": "chunked"}
        parts = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts]
        parts[1] += b"0\r\n\r\n"
    else:
        more = {"content_length": str(len(body))}
    waiting = Waiting(client, clock)
    with called(port) as caller:
        caller.sendall(begin(client, path, media_type, **more))
        waiting.until_one_waits()
        for part in parts:
            # six times as long as even a long call has
            waiting.let_pass(SECONDS * 60)
            caller.sendall(part)
        told, said = answer(caller)
    assert told == status, said


@pytest.mark.parametrize("way", posts(""))
def test_a_body_that_never_gets_whole_is_a_request_that_was_not_in_time(
    client: TestClient, port: int, clock: Clock, account: str, way: str
) -> None:
    path, body, media_type, _status = posts(account)[way]
    waiting = Waiting(client, clock)
    with called(port) as caller:
        caller.sendall(begin(client, path, media_type, content_length=str(len(body))) + body[:-1])
        waiting.until_one_waits()
        waiting.let_pass(SECONDS * 60)
        assert waiting.under_way == 1
        waiting.connection.RECEIVE_SECONDS = -3_600.0
        waiting.on_loop(waiting.connection._waited)
        said = everything(caller)
    assert said.startswith(b"HTTP/1.1 408 "), said
    assert b'"code":"request_timeout"' in said
    assert said.count(b"HTTP/1.1") == 1


def test_the_time_of_a_call_begins_when_its_body_is_whole(
    client: TestClient, port: int, clock: Clock, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    async def hangs(*_: Any, **__: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(client.app.state.ledger.writer, "post", hangs)  # type: ignore[attr-defined]  # Starlette's app
    path, body, media_type, _status = posts(account)["a small body"]
    waiting = Waiting(client, clock)
    with called(port) as caller:
        caller.sendall(begin(client, path, media_type, content_length=str(len(body))))
        waiting.until_one_waits()
        waiting.let_pass(SECONDS * 2)
        caller.sendall(body)
        assert begun.wait(30)
        waiting.let_pass(SECONDS * 0.5)
        assert waiting.under_way == 1
        waiting.let_pass(SECONDS)
        status, said = answer(caller)
    assert (status, json.loads(said)["code"]) == (503, "deadline")
