"""A deadline for every call, readers apart from each other, and a probe that waits for nobody."""

from __future__ import annotations

import ast
import asyncio
import inspect
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.http import readers as readers_module
from api.http.deadlines import LONG, Deadlines, is_long
from api.http.security import SCOPE_OF
from api.http.state import LOOKING, REPORTING
from api.main import bare_app
from ledger import Overloaded
from tests.support.api_client import contribute, key, open_account, running, spending
from tests.support.employer_client import new_employer

DEADLINE_SECONDS = 2
# whoever waits in vain is let go, and the test fails
SECONDS_MAX = 60


class Gate:
    """Threads that come here wait until it opens."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._here = threading.Semaphore(0)

    def __call__(self, *_: Any, **__: Any) -> Any:
        self._here.release()
        assert self._open.wait(SECONDS_MAX)
        raise ValueError("nobody waits for this any more")

    def wait_for(self, threads: int) -> None:
        for _ in range(threads):
            assert self._here.acquire(timeout=SECONDS_MAX)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


@pytest.fixture
def client(fresh_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("LEDGER_DEADLINE_SECONDS", str(DEADLINE_SECONDS))
    with running(fresh_engine, tmp_path) as client:
        yield client


@pytest.fixture
def account(client: TestClient) -> str:
    number = str(open_account(client)["account_no"])
    contribute(client, number)
    return number


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as callers:
        yield callers


def told(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


def test_a_read_that_hangs_is_answered_at_its_deadline(
    client: TestClient, account: str, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.accounts.accounts.reports.balance", gate)
    answer = client.get(f"/v1/accounts/{account}/balance")
    assert told(answer) == (503, "deadline")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "Idempotency-Key" in answer.json()["detail"]


def test_a_posting_at_its_deadline_is_told_by_its_key_later(
    client: TestClient, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = client.app.state.ledger.writer  # type: ignore[attr-defined]  # Starlette's app
    going_on = threading.Event()
    clock = writer._clock

    def held_up() -> Any:
        assert going_on.wait(SECONDS_MAX)
        return clock()

    monkeypatch.setattr(writer, "_clock", held_up)
    body, headers = spending(), key()
    path = f"/v1/accounts/{account}/spendings"
    assert told(client.post(path, json=body, headers=headers)) == (503, "deadline")
    going_on.set()
    # it was posted all the same, and once
    answer = client.post(path, json=body, headers=headers)
    assert answer.status_code == 201
    assert answer.headers["idempotent-replayed"] == "true"
    balances = (client.get(f"/v1/accounts/{account}/balance") for _ in range(10))
    # on a busy machine that has a deadline too
    answer = next(one for one in balances if one.status_code == 200)
    assert answer.json()["balance"] == "987.50"


def test_a_call_that_is_answered_in_time_is_left_alone(client: TestClient, account: str) -> None:
    for _ in range(20):
        assert client.get(f"/v1/accounts/{account}/balance").status_code == 200
    assert client.app.state.metrics._deadlines.under_way == 0  # type: ignore[attr-defined]  # Starlette's app


def test_every_long_route_is_a_route() -> None:
    assert set(SCOPE_OF) >= LONG
    # what stands in front of a counter is none
    assert ("POST", "/v1/accounts/{account}/spendings") not in LONG
    assert ("POST", "/v1/settlements") not in LONG
    assert ("GET", "/v1/accounts/{account}/entries") not in LONG


ROUTES: dict[tuple[str, str], Any] = {
    (method, route.path): route.endpoint
    for route in bare_app().routes
    if hasattr(route, "endpoint")
    for method in sorted(getattr(route, "methods", None) or ())
    if (method, getattr(route, "path", "")) in SCOPE_OF
}
# a CSV is read by them whatever the route, and says so itself
BY_ITSELF = {"answer_pages", "answer_whole"}


def reached(endpoint: Any) -> set[str]:
    """What is asked of the state by a route and by the functions of the API that it calls."""
    waiting, read, asked = [endpoint], set(), set()
    while waiting:
        function = inspect.unwrap(waiting.pop())
        if function in read:
            continue
        read.add(function)
        names = set()
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
            if isinstance(node, ast.Attribute):
                asked.add(node.attr)
            if isinstance(node, ast.Name):
                names.add(node.id)
        known = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
        waiting += [
            known[name]
            for name in names - BY_ITSELF
            if isinstance(known.get(name), FunctionType) and known[name].__module__.startswith("api.")
        ]
    return asked


def test_the_walk_reaches_what_routes_call() -> None:
    assert set(ROUTES) >= LONG
    assert "report" in reached(ROUTES["GET", "/v1/reports/trial-balance"])
    assert "report" in reached(ROUTES["GET", "/v1/declarations/{declaration}"])
    assert "office" in reached(ROUTES["POST", "/v1/employers/{employer}/closure"])
    assert not reached(ROUTES["POST", "/v1/accounts/{account}/spendings"]) & {"report", "office"}


@pytest.mark.parametrize("route", sorted(ROUTES), ids=" ".join)
def test_what_waits_for_reports_or_for_the_office_may_take_long(route: tuple[str, str]) -> None:
    """Behind a report, and behind a list of an employer, everybody waits as long as that takes."""
    if reached(ROUTES[route]) & {"report", "office"}:
        assert route in LONG


@pytest.mark.parametrize(
    "path",
    [
        "/v1/employers/{employer}/arrears",
        "/v1/employers/{employer}/payments",
        "/v1/employers/{employer}/payments/2026-03",
        "/v1/employers/{employer}/receipts",
        "/v1/employers/{employer}/case-steps",
        "/v1/claims",
        "/v1/reports/undeclared?period=2026-03",
    ],
)
def test_a_list_that_may_be_long_keeps_nobody_at_a_counter_waiting(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    path = path.format(employer=new_employer(client))

    async def turned_away(_: Any) -> None:
        raise Overloaded

    looks = client.app.state.ledger.readers["looks"]  # type: ignore[attr-defined]  # Starlette's app
    monkeypatch.setattr(looks, "run", turned_away)
    answer = client.get(path)
    assert answer.status_code == 200, answer.text


def test_a_csv_of_any_list_has_the_time_of_a_report(client: TestClient, account: str) -> None:
    scopes: list[Any] = []
    state = client.app.state.ledger  # type: ignore[attr-defined]  # Starlette's app
    deadlines = client.app.state.metrics._deadlines  # type: ignore[attr-defined]  # Starlette's app
    real = state.report

    async def seen(look: Any) -> Any:
        scopes.extend(deadlines._under_way.values())
        return await real(look)

    state.report = seen
    path = f"/v1/accounts/{account}/settlements"
    assert client.get(path).status_code == 200
    assert scopes == []
    assert client.get(path, headers={"Accept": "text/csv"}).status_code == 200
    assert [is_long(scope) for scope in scopes] == [True]


def test_a_long_route_has_more_time_and_an_answer_that_has_begun_is_not_cut() -> None:
    scopes: dict[str, dict[str, Any]] = {
        "short": {"method": "GET", "ledger.template": "/v1/accounts/{account}/balance"},
        "unknown": {"method": "GET"},
        "long": {"method": "POST", "ledger.template": "/v1/bulk"},
        "begun": {"method": "GET", "ledger.template": "/livez", "ledger.answering": True},
    }
    ended: list[str] = []

    async def call(deadlines: Deadlines, name: str, began: float) -> None:
        scope: dict[str, Any] = scopes[name]
        scope["ledger.began"] = began
        deadlines.begin(scope)
        try:
            await asyncio.sleep(SECONDS_MAX)
        except asyncio.CancelledError:
            if scope.get("ledger.late"):
                ended.append(name)

    async def all_at_once() -> None:
        deadlines = Deadlines(2)
        loop = asyncio.get_running_loop()
        began = time.monotonic() - 3
        tasks = [loop.create_task(call(deadlines, name, began)) for name in scopes]
        await asyncio.sleep(0)
        deadlines._sweep(loop)
        await asyncio.wait(tasks, timeout=0.1)
        assert sorted(ended) == ["short", "unknown"]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)

    asyncio.run(all_at_once())


def ask(client: TestClient, callers: ThreadPoolExecutor, path: str, count: int) -> list[Future[Any]]:
    return [callers.submit(client.get, path) for _ in range(count)]


def test_reports_keep_nobody_at_a_counter_waiting(
    client: TestClient,
    account: str,
    gate: Gate,
    callers: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.operations.trial_balance.reports.trial_balance", gate)
    waiting = ask(client, callers, "/v1/reports/trial-balance", REPORTING + 2)
    gate.wait_for(REPORTING)
    assert client.get(f"/v1/accounts/{account}/balance").status_code == 200
    gate.open()
    assert {told(one.result()) for one in waiting} == {(500, "internal_error")}


def test_the_probe_answers_while_every_reader_is_busy(
    client: TestClient,
    account: str,
    gate: Gate,
    callers: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.accounts.accounts.reports.balance", gate)
    waiting = ask(client, callers, f"/v1/accounts/{account}/balance", LOOKING + 3)
    gate.wait_for(LOOKING)
    assert client.get("/readyz").status_code == 200
    assert {told(one.result()) for one in waiting} == {(503, "deadline")}


def test_a_probe_that_hangs_is_unavailable_and_asks_once(
    client: TestClient, gate: Gate, callers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.operations.health.schema_revision", gate)
    answers = [one.result() for one in ask(client, callers, "/readyz", 5)]
    assert {told(answer) for answer in answers} == {(503, "database_unavailable")}
    assert {answer.headers["retry-after"] for answer in answers} == {"1"}
    gate.wait_for(1)
    assert not gate._here.acquire(blocking=False)
    monkeypatch.undo()
    gate.open()
    # the one that hung may just end
    until = 50
    while client.get("/readyz").status_code != 200:
        until -= 1
        assert until


def test_a_service_whose_writer_has_died_is_not_ready(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.app.state.ledger.office, "_dead", True)  # type: ignore[attr-defined]  # Starlette's app
    assert told(client.get("/readyz")) == (503, "not_ready")


def test_a_service_whose_read_log_has_died_is_not_ready(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.app.state.ledger.read_log, "_dead", True)  # type: ignore[attr-defined]  # Starlette's app
    assert told(client.get("/readyz")) == (503, "not_ready")


def test_more_than_can_be_read_is_turned_away(
    client: TestClient,
    account: str,
    gate: Gate,
    callers: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readers_module, "WAITING_MAX", LOOKING)
    monkeypatch.setattr("api.accounts.accounts.reports.balance", gate)
    waiting = ask(client, callers, f"/v1/accounts/{account}/balance", LOOKING)
    gate.wait_for(LOOKING)
    assert told(client.get(f"/v1/accounts/{account}/balance")) == (503, "overloaded")
    gate.open()
    assert {told(one.result()) for one in waiting} == {(500, "internal_error")}


# -- a bulk ----------------------------------------------------------------------------------------------


def test_of_a_bulk_at_its_deadline_every_command_is_told(
    client: TestClient, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = client.app.state.ledger.writer  # type: ignore[attr-defined]  # Starlette's app
    real, handed = writer.post_chunk, []

    async def second_hangs(commands: Any, **more: Any) -> Any:
        handed.append(len(commands))
        if len(handed) == 2:
            await asyncio.Event().wait()
        return await real(commands, **more)

    monkeypatch.setattr(writer, "post_chunk", second_hangs)
    monkeypatch.setattr("api.http.deadlines.LONG_FACTOR", 2)
    items = [
        {"verb": "spend", "account": account, "idempotency_key": f"k{n}", **spending(source_ref=f"b{n}")}
        for n in range(2_100)
    ]
    answer = client.post("/v1/bulk", json={"commands": items})
    assert answer.status_code == 200, answer.text
    outcomes = [(one["status"], one.get("code")) for one in answer.json()["outcomes"]]
    assert handed == [1_000, 1_000]
    assert {status for status, _code in outcomes[:1_000]} <= {"posted", "refused"}
    assert outcomes[1_000:2_000] == [("unknown", "deadline")] * 1_000
    assert outcomes[2_000:] == [("failed", "deadline")] * 100


def test_a_bulk_of_which_nothing_was_handed_over_in_time_is_a_503(
    client: TestClient, account: str, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.operations.bulk._read", gate)
    monkeypatch.setattr("api.http.deadlines.LONG_FACTOR", 1)
    item = {"verb": "spend", "account": account, "idempotency_key": "k", **spending()}
    assert told(client.post("/v1/bulk", json={"commands": [item]})) == (503, "deadline")
