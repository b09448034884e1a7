"""The lines of the log: the request's own id, who asked, why it was refused, and no ID number."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.http.logs import FLUSH_SECONDS, log_to_stderr
from api.http.request_ids import request_id_of
from ledger.access.tokens import mint
from ledger.version import VERSION
from tests.support.api_client import id_number, key, open_account, running, spending

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def client(engine: Engine, tmp_path: Path, lines: list[dict[str, Any]]) -> Iterator[TestClient]:
    with running(engine, tmp_path, log=lines.append) as client:
        yield client


def test_a_refusal_says_its_code_and_who_asked(client: TestClient, lines: list[dict[str, Any]]) -> None:
    number = str(open_account(client)["account_no"])
    lines.clear()
    client.post(f"/v1/accounts/{number}/spendings", json=spending(), headers=key())
    client.get("/v1/accounts/A0", headers={"Authorization": ""})
    client.get("/livez")
    assert [(line["code"], line["caller"], line["actor"]) for line in lines] == [
        ("insufficient_balance", "tests", "clerk-7"),
        ("token_missing", None, None),
        (None, None, None),
    ]


def test_what_looks_like_an_id_number_in_a_name_is_masked(
    client: TestClient, lines: list[dict[str, Any]], tmp_path: Path
) -> None:
    """One with a slip: by a good one nobody is called (`unfit_sub`)."""
    good = id_number()
    number = f"{good[:-1]}{'2' if good[-1] != '2' else '3'}"
    now = datetime.now(UTC)
    token = mint(tmp_path / "keys", ["reports:read"], f"sys-{number}", number, now, timedelta(hours=1))
    client.get("/v1/reports/trial-balance", headers={"Authorization": f"Bearer {token}"})
    assert number not in json.dumps(lines)
    masked = f"{number[:3]}{'*' * 13}{number[-2:]}"
    assert (lines[-1]["caller"], lines[-1]["actor"]) == (f"sys-{masked}", masked)
    apart = f"{number[:6]}-{number[6:14]}-{number[14:]}"
    token = mint(tmp_path / "keys", ["reports:read"], f"sys {apart}", apart, now, timedelta(hours=1))
    client.get("/v1/reports/trial-balance", headers={"Authorization": f"Bearer {token}"})
    masked = f"{number[:3]}{'*' * 15}{number[-2:]}"
    assert (lines[-1]["caller"], lines[-1]["actor"]) == (f"sys {masked}", masked)


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"X-Request-ID": "his-2026-000123"}, "his-2026-000123"),
        ({"X-Request-ID": "0b6f1c5e-8f0a-4b4c-9d57-6a1de2a3f7c4"}, "0b6f1c5e-8f0a-4b4c-9d57-6a1de2a3f7c4"),
        ({"X-Request-ID": "a" * 64}, "a" * 64),
        ({"traceparent": PARENT}, TRACE),
        # the one made for requests goes before
        ({"traceparent": PARENT, "X-Request-ID": "his-2026-000123"}, "his-2026-000123"),
        ({"traceparent": PARENT, "X-Request-ID": "no good"}, TRACE),
    ],
)
def test_the_callers_own_id_is_kept(
    client: TestClient, lines: list[dict[str, Any]], headers: dict[str, str], wanted: str
) -> None:
    answer = client.get("/v1/accounts/A0", headers=headers)
    assert answer.headers["X-Request-Id"] == wanted
    assert answer.json()["request_id"] == wanted
    assert lines[-1]["request_id"] == wanted


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Request-ID": ""},
        {"X-Request-ID": "short"},
        {"X-Request-ID": "a" * 65},
        {"X-Request-ID": "with blank in it"},
        {"X-Request-ID": 'quote"quote"'},
        {"X-Request-ID": "-begins-with-a-dash"},
        {"X-Request-ID": "line\tline\tline"},
        {"X-Request-ID": "<script>alert(1)</script>"},
        {"X-Request-ID": "张三张三张三张三".encode().decode("latin-1")},
        # an ID number, however it is written
        {"X-Request-ID": "119999195001010017"},
        {"X-Request-ID": "11999919500101001X"},
        {"X-Request-ID": "119999-19500101-0017"},
        {"X-Request-ID": "req-119999.1950.0101.0017"},
        {"X-Request-ID": "119999500101001"},
        {"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"},
        {"traceparent": f"00-{TRACE.upper()}-00f067aa0ba902b7-01"},
        {"traceparent": f"00-{TRACE}-00f067aa0ba902b7"},
        {"traceparent": f"00-11999919500101001700000000000000-{'1' * 16}-01"},
        {"traceparent": TRACE},
    ],
)
def test_another_id_is_made_where_the_callers_is_not_sound(
    client: TestClient, lines: list[dict[str, Any]], headers: dict[str, str]
) -> None:
    answer = client.get("/livez", headers={name: text.encode("latin-1") for name, text in headers.items()})
    made = answer.headers["X-Request-Id"]
    assert len(made) == 24
    assert int(made, 16) >= 0
    assert lines[-1]["request_id"] == made


def test_no_header_is_no_id() -> None:
    assert request_id_of({b"host": b"x"}) is None


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> io.TextIOWrapper:
    """What goes to stderr."""
    stream = io.TextIOWrapper(io.BytesIO(), write_through=True)
    # pytest sets sys.stderr itself when the test begins
    monkeypatch.setattr("api.http.logs.sys", SimpleNamespace(stderr=stream))
    return stream


def lines_of(said: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.buffer.getvalue().decode().splitlines()]


def test_everything_that_a_process_says_is_a_line_of_json(said: io.TextIOWrapper) -> None:
    logging.getLogger("uvicorn.error").handlers = [logging.StreamHandler(said)]
    log_to_stderr("info")
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    logging.getLogger("anything.else").warning("of 119999195001010017")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("of 119999195001010017", stacklevel=1)

    def ends() -> None:
        raise ValueError("of 119999195001010017")

    thread = threading.Thread(target=ends, name="some-thread")
    thread.start()
    thread.join()
    lines = lines_of(said)
    assert [line["level"] for line in lines] == ["info", "warning", "warning", "critical"]
    assert [line["logger"] for line in lines] == [
        *("uvicorn.error", "anything.else", "py.warnings", "api.thread"),
    ]
    assert "some-thread" in lines[3]["event"]
    assert "ValueError" in lines[3]["fault"]
    assert "119999195001010017" not in said.buffer.getvalue().decode()  # type: ignore[attr-defined]  # a wrapper over bytes


@pytest.mark.parametrize(
    ("level", "told"),
    [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)],
)
def test_the_level_says_what_is_told(said: io.TextIOWrapper, level: str, told: int) -> None:
    log_to_stderr(level)
    one = logging.getLogger("some.part")
    for severity in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        one.log(severity, "x")
    assert len(lines_of(said)) == told


@pytest.mark.parametrize(("level", "told"), [("info", True), ("warning", False), ("error", False)])
def test_requests_are_told_from_info_on(
    engine: Engine, tmp_path: Path, said: io.TextIOWrapper, level: str, told: bool
) -> None:
    with running(engine, tmp_path, log=log_to_stderr(level)) as client:
        client.get("/livez")
        # written together, when a tenth of a second is over
        client.portal.call(until_flushed)  # type: ignore[union-attr]  # there while it runs
    requests = [line for line in lines_of(said) if line["event"] == "request"]
    assert bool(requests) == told


async def until_flushed() -> None:
    await asyncio.sleep(2 * FLUSH_SECONDS)


def test_a_probe_says_the_version(client: TestClient) -> None:
    for path in ("/livez", "/readyz"):
        assert client.get(path).json() == {"status": "ok", "version": VERSION}
    assert VERSION != "unknown"
