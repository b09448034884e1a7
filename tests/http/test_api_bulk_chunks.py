"""The chunks of a long bulk: posted in order, each command told, and nothing behind what went wrong."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from api.operations import bulk
from ledger import Failed, Overloaded, RefusalCode, Refused, Stopped, Unknown
from ledger.posting import Unavailable
from ledger.posting import writer as writing
from ledger.posting.way_in import post
from tests.support.api_client import contribute, open_account, running, spending

# a tenth of what it is: of as many as there are `tests/operations/test_workers.py` sends more than one
CHUNK = 100


@pytest.fixture(scope="module", autouse=True)
def small_chunks() -> Iterator[None]:
    assert bulk.CHUNK == 10 * CHUNK
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bulk, "CHUNK", CHUNK)
        yield


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(engine, tmp_path_factory.mktemp("api")) as client:
        yield client


@pytest.fixture
def account(client: TestClient) -> str:
    number = str(open_account(client)["account_no"])
    contribute(client, number, "2500.00")
    return number


class Gone(OperationalError):
    """A lost connection."""

    def __init__(self) -> None:
        super().__init__("SELECT", {}, Exception("gone"), connection_invalidated=True)


def gone() -> Failed:
    fault = Failed("x")
    fault.__cause__ = Gone()
    return fault


def spends(account: str, count: int) -> list[dict[str, Any]]:
    """So many spendings of 1.00, each with a key and a document of its own."""
    return [
        {
            "verb": "spend",
            "account": account,
            "idempotency_key": f"chunk-{number}",
            **spending(amount="1.00", source_ref=f"chunk-{number}"),
        }
        for number in range(count)
    ]


def sent(client: TestClient, commands: Sequence[Any], query: str = "") -> Any:
    return client.post(f"/v1/bulk{query}", json={"commands": commands})


def told(answer: Any) -> list[tuple[str, str | None]]:
    """Status and code of each outcome, in order."""
    assert answer.status_code == 200, answer.text
    return [(one["status"], one.get("code")) for one in answer.json()["outcomes"]]


def balance(client: TestClient, account: str) -> str:
    return str(client.get(f"/v1/accounts/{account}/balance").json()["balance"])


@pytest.fixture
def second(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[int]]:
    """Let the second chunk come to something else; the sizes of the chunks that were handed over."""
    state = client.app.state.ledger  # type: ignore[attr-defined]  # Starlette's app
    real = state.writer.post_chunk

    def becomes(what: Any) -> list[int]:
        handed: list[int] = []

        async def post_chunk(commands: Any, **more: Any) -> Any:
            handed.append(len(commands))
            if len(handed) != 2:
                return await real(commands, **more)
            # later than the chunks behind it would be posted
            await asyncio.sleep(0)
            if isinstance(what, Overloaded | Stopped | ValueError | Gone):
                raise what
            return [what] * len(commands) if isinstance(what, Exception) else await what(real, commands)

        monkeypatch.setattr(state.writer, "post_chunk", post_chunk)
        return handed

    return becomes


POSTED = ("posted", None)


@pytest.mark.parametrize(
    ("fault", "outcome", "behind"),
    [
        (Overloaded(), ("failed", "overloaded"), ("failed", "overloaded")),
        (Stopped(), ("failed", "overloaded"), ("failed", "overloaded")),
        (Unknown("x"), ("unknown", "outcome_unknown"), ("failed", "database_unavailable")),
        (Unavailable("x"), ("failed", "database_unavailable"), ("failed", "database_unavailable")),
        (Failed("x"), ("failed", "internal_error"), ("failed", "internal_error")),
        (gone(), ("failed", "database_unavailable"), ("failed", "database_unavailable")),
        (Gone(), ("failed", "database_unavailable"), ("failed", "database_unavailable")),
        (ValueError("x"), ("failed", "internal_error"), ("failed", "internal_error")),
    ],
    ids=["overloaded", "stopped", "unknown", "unavailable", "failed", "gone", "lost", "a bug"],
)
def test_nothing_is_posted_behind_a_chunk_that_was_not(
    client: TestClient,
    account: str,
    second: Callable[[Any], list[int]],
    fault: Exception,
    outcome: tuple[str, str],
    behind: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handed = second(fault)
    commands = spends(account, 220)
    commands[210] = {"verb": "spend"}  # what cannot be read is refused wherever it stands
    found = told(sent(client, commands))
    assert found[:CHUNK] == [POSTED] * CHUNK
    assert found[CHUNK : 2 * CHUNK] == [outcome] * CHUNK
    assert found[2 * CHUNK : 210] == [behind] * 10
    assert found[210] == ("refused", "shape_invalid")
    assert found[211:] == [behind] * 9
    assert handed == [CHUNK, CHUNK]
    assert balance(client, account) == "2400.00"
    # the same sent again posts what is left, and nothing twice
    monkeypatch.undo()
    again = sent(client, commands)
    assert told(again) == [POSTED] * 210 + [("refused", "shape_invalid")] + [POSTED] * 9
    assert sum(one.get("replayed", False) for one in again.json()["outcomes"]) == CHUNK
    assert balance(client, account) == "2281.00"


def test_some_that_were_not_posted_stop_nothing(
    client: TestClient, account: str, second: Callable[[Any], list[int]]
) -> None:
    async def some_fail(real: Any, commands: Any) -> Any:
        return [Failed("x"), Refused(RefusalCode.ACCOUNT_FROZEN), *await real(commands[2:])]

    handed = second(some_fail)
    found = told(sent(client, spends(account, 201)))
    assert handed == [CHUNK, CHUNK, 1]
    assert found[CHUNK : CHUNK + 2] == [("failed", "internal_error"), ("refused", "account_frozen")]
    assert [one for one in found if one != POSTED] == found[CHUNK : CHUNK + 2]


def test_some_that_are_unknown_stop_the_rest(
    client: TestClient, account: str, second: Callable[[Any], list[int]]
) -> None:
    async def some_unknown(real: Any, commands: Any) -> Any:
        return [*await real(commands[:-1]), Unknown("x")]

    handed = second(some_unknown)
    found = told(sent(client, spends(account, 201)))
    assert handed == [CHUNK, CHUNK]
    assert found[-2:] == [("unknown", "outcome_unknown"), ("failed", "database_unavailable")]


def test_a_chunk_waits_until_the_one_before_is_posted(
    client: TestClient, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a later chunk would have a place and the first has none."""
    state = client.app.state.ledger  # type: ignore[attr-defined]  # Starlette's app
    real, under_way, most = state.writer.post_chunk, [0], [0]

    async def counted(commands: Any, **more: Any) -> Any:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        try:
            return await real(commands, **more)
        finally:
            under_way[0] -= 1

    monkeypatch.setattr(state.writer, "post_chunk", counted)
    found = sent(client, spends(account, 210)).json()["outcomes"]
    assert most == [1]
    numbers = [one["receipt"]["seq"] for one in found]
    assert numbers == sorted(numbers)


def test_503_says_that_nothing_was_posted(
    client: TestClient, account: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The writer has place for less than a chunk, and for the last one: that is not posted either."""
    monkeypatch.setattr(writing, "WAITING_MAX", CHUNK - 1)
    before = balance(client, account)
    with caplog.at_level(logging.WARNING):
        answer = sent(client, spends(account, 110))
        gc.collect()
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert answer.headers["Retry-After"]
    assert not caplog.records
    assert balance(client, account) == before
    monkeypatch.undo()
    assert told(sent(client, spends(account, 110))) == [POSTED] * 110


def test_a_connection_lost_at_the_commit_of_a_chunk(
    client: TestClient, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was posted, and nobody knew: what is behind it is not, and the same call tells."""
    batches: list[int] = []

    def lost(connection: Any, commands: Any, *more: Any, **named: Any) -> Any:
        batches.append(len(commands))
        outcomes = post(connection, commands, *more, **named)
        return [Unknown("x")] * len(commands) if len(batches) == 2 else outcomes

    monkeypatch.setattr(writing, "post", lost)
    found = told(sent(client, spends(account, 210)))
    assert found == (
        [POSTED] * CHUNK
        + [("unknown", "outcome_unknown")] * CHUNK
        + [("failed", "database_unavailable")] * 10
    )
    assert batches == [CHUNK, CHUNK]
    monkeypatch.undo()
    assert told(sent(client, spends(account, 210))) == [POSTED] * 210
    assert balance(client, account) == "2290.00"


@pytest.mark.parametrize("commands", [[], [{"verb": "none"}] * (CHUNK + 1)], ids=["none", "nothing to post"])
def test_a_bulk_with_nothing_to_post(client: TestClient, commands: list[Any]) -> None:
    assert told(sent(client, commands)) == [("refused", "shape_invalid")] * len(commands)


def test_a_group_is_all_or_nothing(client: TestClient, account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"commands": spends(account, CHUNK), "atomic": True}
    monkeypatch.setattr(writing, "WAITING_MAX", CHUNK - 1)
    answer = client.post("/v1/bulk", json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    monkeypatch.undo()
    refused = {"commands": [*spends(account, CHUNK - 1), spends(account, 1)[0] | {"amount": "9.99"}]}
    found = told(client.post("/v1/bulk", json=refused | {"atomic": True}))
    assert found[:-1] == [("refused", "group_refused")] * (CHUNK - 1)
    assert balance(client, account) == "2500.00"
    assert told(client.post("/v1/bulk", json=body)) == [POSTED] * CHUNK
