"""Nobody reads an ID number or a name in a log or a problem document."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.http.asgi import Door
from api.http.logs import JsonLine, RequestLines
from api.main import bare_app
from tests.support.api_client import AREA, contribute, id_number, key, open_account, running, spending

NAME = "司马相如"


@pytest.fixture(scope="module")
def lines() -> list[dict[str, object]]:
    return []


@pytest.fixture(scope="module")
def client(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory, lines: list[dict[str, object]]
) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api"), log=lines.append) as client:
        yield client


def test_problems_and_logs_hold_no_person(
    client: TestClient, lines: list[dict[str, object]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    number = id_number()
    open_account(client, id_number=number, name=NAME)
    contribute(client, number)
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")
    answers = []
    for shown in (number, wrong, number[:15], f" {number} ", number + "9"):
        answers += [
            client.get(f"/v1/accounts/{shown}{path}")
            for path in ("", "/balance", "/balance?as_of=2099-01-01", "/entries?cursor=x", "/no", "/death")
        ]
        answers += [
            client.post(f"/v1/accounts/{shown}/spendings", json=body, headers=key())
            for body in (
                spending(amount="99999.00"),
                spending(institution=number),
                spending(source_ref=NAME * 99),
                {number: NAME},
            )
        ]
        answers.append(client.get(f"/v1/entries/{shown}-1"))
        answers.append(client.get(f"/v1/batches/{shown}"))
        answers.append(client.get(f"/{shown}"))
        answers.append(client.request("DELETE", f"/v1/accounts/{shown}"))
        answers.append(client.request(number, f"/v1/accounts/{shown}"))
        answers.append(client.get(f"/v1/accounts?{shown}={NAME}"))
        answers += [
            client.post("/v1/accounts", json=body, headers=key())
            for body in (
                {"id_number": shown, "name": NAME + "x", "area": AREA, "opened_on": "2026-01-05"},
                {"id_number": shown, "name": NAME, "area": AREA, "opened_on": "2026-01-06"},
                {"id_number": shown, "name": [NAME], "area": shown, "opened_on": NAME},
            )
        ]
        answers.append(client.post("/v1/accounts/lookup", json={"account": [shown]}))
        answers.append(client.post("/v1/bulk", json={"commands": [{"verb": shown, shown: NAME}]}))
    refused = [answer for answer in answers if answer.status_code >= 400]
    assert len(refused) > 50
    for answer in [*refused, *(a for a in answers if a.request.url.path == "/v1/bulk")]:
        for secret in (number, wrong, number[:15], NAME):
            assert secret not in answer.text
            assert secret not in str(answer.headers)
    logged = json.dumps(lines, ensure_ascii=False) + caplog.text
    # the test client's own log of what it sends is none of ours
    ours = "\n".join(line for line in logged.splitlines() if "HTTP Request" not in line)
    for secret in (number, wrong, number[:15], NAME):
        assert secret not in ours


def test_a_request_is_one_line_with_the_template(client: TestClient, lines: list[dict[str, object]]) -> None:
    number = open_account(client)["account_no"]
    lines.clear()
    answer = client.get(f"/v1/accounts/{number}/balance")
    client.get("/nowhere/at/all")
    client.get("/livez")
    assert [(line["method"], line["route"], line["status"], line["caller"]) for line in lines] == [
        ("GET", "/v1/accounts/{account}/balance", 200, "tests"),
        ("GET", "none", 404, None),
        ("GET", "/livez", 200, None),
    ]
    assert [line["code"] for line in lines] == [None, "route_not_found", None]
    assert [line["actor"] for line in lines] == ["clerk-7", None, None]
    assert lines[0]["request_id"] == answer.headers["X-Request-Id"]
    assert set(lines[0]) == {*("request_id", "method", "route", "status", "code", "ms", "caller", "actor")}


def test_a_fault_is_logged_masked(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    number = id_number()
    account = open_account(client)["account_no"]

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError(f"a row of {number}")

    monkeypatch.setattr("api.accounts.accounts.reports.balance", broken)
    answer = client.get(f"/v1/accounts/{account}/balance")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert number not in answer.text
    record = next(record for record in caplog.records if record.name == "api.fault")
    line = json.loads(JsonLine().format(record))
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert "RuntimeError" in line["fault"]
    assert number not in json.dumps(line)


def test_any_line_of_the_log_is_masked() -> None:
    number = id_number()
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "person %s", (number,), None)
    assert number not in JsonLine().format(record)


def test_lines_are_written_together() -> None:
    writes: list[bytes] = []
    told = asyncio.Event()

    class Stream(io.BytesIO):
        def write(self, some: Any) -> int:
            writes.append(bytes(some))
            told.set()
            return len(some)

    async def two_requests() -> None:
        written = RequestLines(Stream())
        written.write({"status": 200})
        written.write({"status": 201})
        assert writes == []
        async with asyncio.timeout(60):
            await told.wait()

    asyncio.run(two_requests())
    [together] = writes
    assert [json.loads(line)["status"] for line in together.splitlines()] == [200, 201]


def test_the_door_is_the_only_middleware() -> None:
    """BaseHTTPMiddleware costs 300 µs a request."""
    assert [one.cls for one in bare_app().user_middleware] == [Door]


def test_answers_show_people_masked(client: TestClient) -> None:
    opened = open_account(client, name=NAME)
    shown = client.get(f"/v1/accounts/{opened['number']}")
    assert opened["number"] not in shown.text
    assert NAME not in shown.text
    assert shown.json()["name"] == "司***"
