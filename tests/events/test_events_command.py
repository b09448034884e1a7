"""The operator's command: `events sweep` and `events deliver`."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from ledger.clock import now_and_today
from ledger.database.locks import locks
from ledger.events.webhooks import RegisteredBy, register_webhook
from tests.events.receiver import Receiver
from tests.events.test_feed import waiting
from tests.operations.test_cli import ROOT, Answer, data, ready, run  # noqa: F401  fixtures
from tests.support.feed import everything
from tests.support.people import World


def test_a_sweep_tells_once_and_takes_in_what_nobody_reads(
    run: Callable[..., Answer],  # noqa: F811  a fixture
    ready: Engine,  # noqa: F811  a fixture
) -> None:
    World(ready).open()
    answer = run("events", "sweep")
    assert (answer.code, answer.json["unit_did_not_pay"]) == (0, 0)
    assert waiting(ready) == 0
    assert len(everything(ready)) == 1
    assert run("events", "sweep").json == answer.json
    assert answer.json["as_of"] == now_and_today()[1].isoformat()


@pytest.mark.parametrize(("days", "code"), [(-1, None), (0, None), (1, "period_invalid")])
def test_a_day_that_is_swept_has_begun(
    run: Callable[..., Answer],  # noqa: F811  a fixture
    ready: Engine,  # noqa: F811  a fixture
    days: int,
    code: str | None,
) -> None:
    day = now_and_today()[1] + timedelta(days)
    answer = run("events", "sweep", "--as-of", day)
    assert answer.json.get("code") == code
    assert answer.code == (0 if code is None else 1)


@pytest.mark.parametrize(("day", "code"), [("1990-01-01", None), ("1989-12-31", "period_invalid")])
def test_a_day_before_there_were_accounts(
    run: Callable[..., Answer],  # noqa: F811  a fixture
    ready: Engine,  # noqa: F811  a fixture
    day: str,
    code: str | None,
) -> None:
    assert run("events", "sweep", "--as-of", day).json.get("code") == code


@pytest.mark.parametrize(
    "arguments", [(), ("x",), ("sweep", "--as-of", "x"), ("sweep", "--as-of", "2026-02-30")]
)
def test_a_wrong_call(run: Callable[..., Answer], arguments: tuple[str, ...]) -> None:  # noqa: F811  a fixture
    answer = run("events", *arguments)
    assert (answer.code, answer.json["code"]) == (2, "usage")


def test_webhooks_are_sent_until_nothing_is_due(
    run: Callable[..., Answer],  # noqa: F811  a fixture
    ready: Engine,  # noqa: F811  a fixture
) -> None:
    world = World(ready)
    with Receiver().listening() as receiver:
        register(world, receiver.url)
        world.open()
        assert run("events", "deliver", "--once").json == {"taken": 1, "refused": 0}
        assert run("events", "deliver", "--once").json == {"taken": 0, "refused": 0}
        assert [one["kind"] for one in receiver.items] == ["account_opened"]


def register(world: World, url: str) -> str:
    by = RegisteredBy("c", "a", datetime.now(UTC))
    with world.engine.connect() as connection:
        return register_webhook(connection, world.keyring, url, None, by)[1]


def test_one_delivers_at_a_time(
    run: Callable[..., Answer],  # noqa: F811  a fixture
    ready: Engine,  # noqa: F811  a fixture
) -> None:
    with ready.connect() as connection, locks(connection) as take:
        assert take("events-deliver")
        answer = run("events", "deliver", "--once")
        assert (answer.code, answer.json["code"]) == (1, "not_ready")
    assert run("events", "deliver", "--once").code == 0


@pytest.mark.slow
def test_a_deliverer_ends_when_it_is_asked_to(ready: Engine) -> None:  # noqa: F811  a fixture
    """And one that is killed is followed by another, which goes on."""
    world = World(ready)
    with Receiver().listening() as receiver:
        secret = register(world, receiver.url)
        for turn, ending in enumerate((signal.SIGKILL, signal.SIGTERM), start=1):
            process = subprocess.Popen(
                [sys.executable, "-m", "ledger", "events", "deliver"],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            try:
                world.open()
                wait_for(receiver, turn, process)
                process.send_signal(ending)
                out, err = process.communicate(timeout=60)
            finally:
                process.kill()
                process.wait()
            if ending is signal.SIGTERM:
                assert (process.returncode, err) == (0, "")
                assert out.count("\n") == 1
        assert all(one.is_signed_with(secret) for one in receiver.messages)
        names = {one["event"] for one in receiver.items}
        assert len(names) == 2
        assert len(receiver.messages) <= 3


def wait_for(receiver: Receiver, events: int, process: subprocess.Popen[str]) -> None:
    """Wait until so many came, repeats apart, for as long as whoever sends them is alive."""
    until = time.monotonic() + 60
    while len({one["event"] for one in receiver.items}) < events:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)
