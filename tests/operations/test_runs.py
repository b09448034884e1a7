"""Long runs: from one table, once at a time, not too many at once, and told why when one fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import OperationalError

from api.main import bare_app
from api.operations.answers import BatchStarted
from ledger import tables
from ledger.accounts import year_end
from ledger.accounts.year_end import YEAR_END
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.clock import now_and_today
from ledger.database.locks import locks
from ledger.operations import starting
from ledger.operations.cli import app
from ledger.operations.installation import NotReady
from ledger.operations.output import LEFT_OUT, KeptOutput, last_line, open_output
from ledger.operations.places import GoesOn, NoPlace, place_for
from ledger.operations.runs import RUNS
from ledger.operations.starting import NotStarted
from ledger.people.enrolments import Enrol
from ledger.posting import Posted, batches
from ledger.posting.left_out import left_out_of
from ledger.settings import Settings
from ledger.verify import verify
from tests.support.api_client import AREA, running
from tests.support.office import command_line
from tests.support.old_rows import as_before_the_bounds
from tests.support.people import World, id_number, noon, write_keys

YEAR = now_and_today()[1].year - 1
NAME = f"year-end-{AREA}-{YEAR}"
PATH = f"/v1/year-ends/{YEAR}"
WAIT_SECONDS_MAX = 90


def until(what: Callable[[], Any]) -> Any:
    """What comes true at last, asked for again and again."""
    end = time.monotonic() + WAIT_SECONDS_MAX
    while not (found := what()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)
    return found


def people(engine: Engine, number: int, *, opened_on: date = date(YEAR, 1, 1)) -> World:
    """A world of accounts that are owed the interest of last year."""
    world = World(engine, now=noon(date(YEAR + 1, 1, 9)))
    opened = world.post(
        *(world.opening(opened_on=opened_on, opening=(0, 1_000_000), today=opened_on) for _ in range(number))
    )
    assert all(isinstance(one, Posted) for one in opened)
    return world


def interest_entries(engine: Engine) -> int:
    entry = tables.entry.c
    with engine.connect() as connection:
        query = select(func.count()).where(entry.kind == int(Kind.INTEREST), entry.period == YEAR)
        return connection.scalar(query) or 0


def ended(client: TestClient, name: str = NAME) -> dict[str, Any]:
    """A batch that is not running any more."""

    def look() -> dict[str, Any] | None:
        answer = client.get(f"/v1/batches/{name}")
        assert answer.status_code == 200
        told: dict[str, Any] = answer.json()
        return None if told["state"] == "running" else told

    told: dict[str, Any] = until(look)
    return told


def start(client: TestClient) -> tuple[int, dict[str, Any]]:
    answer = client.post(PATH, json={"area": AREA})
    return answer.status_code, answer.json()


# -- one table -------------------------------------------------------------------------------------------


def test_every_run_is_a_command_and_whatever_starts_a_batch_is_a_run() -> None:
    commands = {command.name for command in app.registered_commands}
    assert set(RUNS) <= commands
    routes = [
        route
        for route in bare_app().router.routes
        if isinstance(route, APIRoute) and route.response_model is BatchStarted
    ]
    assert {route.path for route in routes} == {
        "/v1/year-ends/{year}",
        "/v1/retiree-credits/{period}",
        "/v1/annual-settlements/{year}",
    }


@pytest.mark.parametrize(
    ("kind", "period", "name"),
    [
        ("year-end", 2025, "year-end-990100-2025"),
        ("retiree-credits", 202509, "retiree-credits-990100-2025-09"),
        ("estimates", 202512, "estimates-990100-2025-12"),
        ("annual-settlement", 2025, "annual-settlement-990100-2025"),
    ],
)
def test_a_batch_is_named_by_its_work(kind: str, period: int, name: str) -> None:
    assert RUNS[kind].run.batch_name(period, 990100) == name


# -- the loop --------------------------------------------------------------------------------------------


def test_what_ends_a_run_early_stands_in_its_batch(
    fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = people(fresh_engine, 1)

    def broken(*_arguments: object) -> None:
        raise KeyError(id_number(1))

    def run() -> Any:
        with fresh_engine.connect() as connection:
            return YEAR_END.run(connection, YEAR, int(AREA), lambda: (world.now, world.today), world.policies)

    def batch() -> batches.Batch:
        with fresh_engine.connect() as connection:
            found = batches.find(connection, NAME)
        assert found is not None
        return found

    with monkeypatch.context() as patch:
        patch.setattr(year_end, "_next", broken)
        with pytest.raises(KeyError):
            run()
    assert (batch().state, batch().reason) == ("failed", "KeyError"), "its name, and nothing of what it held"
    assert run().state == "finished"
    assert (batch().state, batch().reason, batch().done) == ("finished", None, 1)


def test_a_book_that_is_left_out_is_named_and_keeps_nobody_else_waiting(fresh_engine: Engine) -> None:
    world = people(fresh_engine, 3)
    with as_before_the_bounds():
        bad = world.open(opened_on=date(1999, 1, 1))
    for _ in range(2):
        with fresh_engine.connect() as connection:
            YEAR_END.run(connection, YEAR, int(AREA), lambda: (world.now, world.today), world.policies)
            batch = batches.find(connection, NAME)
        assert batch is not None
        # a book that is refused again is not two books
        assert (batch.state, batch.done, batch.refused, batch.reason) == ("finished", 3, 1, None)
        assert left_out_of(batch.detail) == [
            (bad, "rates_missing", {"parameter": "interest.demand", "day": "1999-01-01"})
        ]


# -- locks and places ------------------------------------------------------------------------------------


def test_a_lock_is_held_by_one_and_free_again_after(fresh_engine: Engine) -> None:
    with fresh_engine.connect() as one, fresh_engine.connect() as other:
        with locks(one) as take, locks(other) as take_too:
            assert take("a")
            assert not take_too("a")
            assert take_too("b")
        with locks(other) as take_too:
            assert take_too("a")


def test_a_run_is_done_once_however_many_come_at_the_same_time(fresh_engine: Engine) -> None:
    callers = 5
    together, answered = threading.Barrier(callers), threading.Barrier(callers)
    came: list[str] = []

    def call() -> None:
        with fresh_engine.connect() as connection:
            together.wait()
            try:
                with place_for(connection, NAME, 2):
                    came.append("in")
                    answered.wait()
            except GoesOn:
                came.append("goes on")
                answered.wait()

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came) == ["goes on"] * (callers - 1) + ["in"]


def test_so_many_and_no_more_work_at_once(fresh_engine: Engine) -> None:
    with (
        fresh_engine.connect() as a,
        fresh_engine.connect() as b,
        fresh_engine.connect() as c,
        place_for(a, "a", 2),
    ):
        with place_for(b, "b", 2):
            with pytest.raises(NoPlace, match="LEDGER_RUNS_MAX"), place_for(c, "c", 2):
                pytest.fail("a third")
            # whoever found no place holds nothing back
            with locks(c) as take:
                assert take("c")
        with place_for(c, "c", 2):
            pass


@pytest.mark.slow
def test_a_process_that_is_killed_gives_all_back(fresh_url: str, fresh_engine: Engine) -> None:
    holding = (
        "import sys, time\n"
        "from ledger.database.engines import connect\n"
        "from ledger.operations.places import place_for\n"
        "with connect(sys.argv[1]).connect() as connection, place_for(connection, 'a', 1):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", holding, fresh_url], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with fresh_engine.connect() as connection:
            with pytest.raises(NoPlace), place_for(connection, "b", 1):
                pytest.fail("there is one place only")
            process.kill()
            process.wait()

            def is_free() -> bool:
                try:
                    with place_for(connection, "a", 1):
                        return True
                except (GoesOn, NoPlace):
                    return False

            until(is_free)


@pytest.mark.postgres
def test_whoever_loses_the_connection_does_not_go_on_without_locks(
    fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Posting tries again when the connection was lost, and SQLAlchemy opens a new one: not here."""
    world = people(fresh_engine, 4)
    monkeypatch.setattr(year_end, "CHUNK", 2)

    pick, picked = year_end._next, []

    def cut_off(*arguments: Any) -> list[int]:
        picked.append(pick(*arguments))
        if len(picked) == 2:
            with fresh_engine.connect() as other, other.begin():
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        return picked[-1]

    monkeypatch.setattr(year_end, "_next", cut_off)
    with fresh_engine.connect() as connection:
        with connection.begin():
            pid = connection.scalar(text("SELECT pg_backend_pid()"))
        with pytest.raises(NotReady, match="was lost"), place_for(connection, NAME, 2):
            YEAR_END.run(connection, YEAR, int(AREA), lambda: (world.now, world.today), world.policies)
    assert interest_entries(fresh_engine) == 2
    with fresh_engine.connect() as connection, place_for(connection, NAME, 2):
        assert (
            YEAR_END.run(connection, YEAR, int(AREA), lambda: (world.now, world.today), world.policies).state
            == batches.FINISHED
        )
    assert interest_entries(fresh_engine) == 4


# -- the operator's command ------------------------------------------------------------------------------


@pytest.fixture
def operator(fresh_url: str, tmp_path: Path) -> Callable[..., tuple[int, dict[str, Any], str]]:
    """Runs a command in a process of its own: its exit code, its JSON, and what it said beside."""
    write_keys(tmp_path / "keys")

    def call(*arguments: str) -> tuple[int, dict[str, Any], str]:
        process = command_line(fresh_url, tmp_path / "keys", *arguments)
        out, err = process.communicate(timeout=WAIT_SECONDS_MAX)
        return process.returncode, json.loads(out), err

    return call


@pytest.mark.slow
def test_a_command_waits_for_nobody(
    operator: Callable[..., tuple[int, dict[str, Any], str]], fresh_engine: Engine
) -> None:
    people(fresh_engine, 1)
    command = ("year-end", str(YEAR), "--area", AREA)
    with fresh_engine.connect() as connection, locks(connection) as take:
        assert take("place-0")
        assert take("place-1")
        code, said, err = operator(*command)
        assert (code, said["code"]) == (1, "not_ready")
        assert err.count("\n") == 1
        assert "LEDGER_RUNS_MAX" in err
        # what cannot be is refused all the same
        assert operator("year-end", str(YEAR + 1), "--area", AREA)[1]["code"] == "year_not_over"
    with fresh_engine.connect() as connection, locks(connection) as take:
        assert take(NAME)
        code, said, err = operator(*command)
        assert (code, said["code"], said["problem"]) == (1, "not_ready", f"{NAME} goes on already")
    assert interest_entries(fresh_engine) == 0
    assert operator(*command)[1]["posted"] == 1


# -- started over HTTP -----------------------------------------------------------------------------------


@pytest.fixture
def client(fresh_engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    with running(fresh_engine, tmp_path) as client:
        yield client


@pytest.fixture
def other(fresh_engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    """Another service on the same database."""
    with running(fresh_engine, tmp_path / "other") as other:
        yield other


def output(folder: Path) -> str:
    return (folder / "runs" / f"{NAME}.log").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_run_keeps_what_it_says(client: TestClient, fresh_engine: Engine, tmp_path: Path) -> None:
    people(fresh_engine, 2)
    assert start(client) == (202, {"batch": NAME, "state": "running"})
    told = ended(client)
    assert (told["state"], told["done"], told["reason"]) == ("finished", 2, None)
    said = until(lambda: output(tmp_path))
    assert (json.loads(said)["batch"], json.loads(said)["posted"]) == (NAME, 2)
    assert (tmp_path / "runs" / f"{NAME}.log").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_run_names_whom_it_leaves_out(client: TestClient, fresh_engine: Engine, tmp_path: Path) -> None:
    with as_before_the_bounds():
        people(fresh_engine, 1, opened_on=date(1999, 1, 1))
    for _ in range(2):
        assert start(client)[0] == 202
        told = ended(client)
        assert (told["state"], told["refused"], told["reason"]) == ("finished", 1, None)
        (left_out,) = told["left_out"]
        assert (left_out["code"], left_out["day"]) == ("rates_missing", "1999-01-01")
        said = until(lambda: '"left_out"' in output(tmp_path) and output(tmp_path))
        # the second run's, in place of the first one's
        assert said.count("ledger: year end: 1 left out") == 1
        assert json.loads(said.splitlines()[-1])["left_out"] == [left_out]


@pytest.mark.slow
def test_an_older_month_is_asked_for_expressly(client: TestClient, fresh_engine: Engine) -> None:
    world = people(fresh_engine, 1, opened_on=date(2016, 1, 1))
    with fresh_engine.connect() as connection:
        (account,) = connection.scalars(
            select(tables.book.c.book_id).where(tables.book.c.interest_year < 9999)
        )
    world.one(Enrol(account, MemberClass.RETIRED, None, date(2016, 1, 1), None))
    path = "/v1/retiree-credits/2016-11"
    refused = client.post(path, json={"area": AREA})
    assert (refused.status_code, refused.json()["code"]) == (422, "period_invalid")
    assert refused.json()["errors"][0]["pointer"] == "period"
    assert client.post(path, json={"area": AREA, "older": True}).status_code == 202
    told = ended(client, "retiree-credits-990100-2016-11")
    assert (told["state"], told["done"], told["amount"]) == ("finished", 1, "110.00")


@pytest.mark.slow
def test_a_run_that_goes_on_is_not_started_again(client: TestClient, fresh_engine: Engine) -> None:
    people(fresh_engine, 1)
    with fresh_engine.connect() as connection, locks(connection) as take:
        # as another service does, whose run has not come far
        assert take(NAME)
        assert start(client) == (202, {"batch": NAME, "state": "running"})
    assert client.get(f"/v1/batches/{NAME}").status_code == 404
    assert interest_entries(fresh_engine) == 0
    assert start(client)[0] == 202
    assert ended(client)["done"] == 1


@pytest.mark.slow
def test_no_more_runs_than_there_are_places(client: TestClient, fresh_engine: Engine) -> None:
    people(fresh_engine, 1)
    with fresh_engine.connect() as connection, locks(connection) as take:
        assert take("place-0")
        assert take("place-1")
        answer = client.post(PATH, json={"area": AREA})
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
        assert answer.json()["facts"] == {"runs_max": 2}
        assert answer.headers["Retry-After"] == "60"
        assert client.get(f"/v1/batches/{NAME}").status_code == 404, "nothing was begun"
        assert client.post(f"{PATH}?dry_run=true", json={"area": AREA}).status_code == 200
    assert start(client)[0] == 202
    assert ended(client)["state"] == "finished"


CROWD = 2_000


@pytest.mark.slow
def test_killed_in_the_middle_it_says_so_and_goes_on_when_started_again(
    client: TestClient,
    other: TestClient,
    fresh_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    people(fresh_engine, CROWD)
    processes: list[subprocess.Popen[bytes]] = []

    class Seen(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            processes.append(self)
            # a stopped process would hold its locks for ever
            request.addfinalizer(self.kill)

    monkeypatch.setattr(starting.subprocess, "Popen", Seen)
    assert start(client)[0] == 202
    (process,) = processes
    until(lambda: client.get(f"/v1/batches/{NAME}").json()["done"])
    os.kill(process.pid, signal.SIGSTOP)
    assert client.get(f"/v1/batches/{NAME}").json()["state"] == "running", "it was over before it was stopped"
    # asked for once more, of this service and of another one on the same database
    assert start(client) == (202, {"batch": NAME, "state": "running"})
    assert len(processes) == 1
    assert start(other) == (202, {"batch": NAME, "state": "running"})
    assert [one.poll() for one in processes] == [None, 0]
    os.kill(process.pid, signal.SIGKILL)
    told = ended(client)
    assert (told["state"], told["reason"]) == ("failed", "it was ended by signal 9")
    done = interest_entries(fresh_engine)
    assert 0 < done < CROWD
    assert start(client)[0] == 202
    told = ended(client)
    assert (told["state"], told["reason"]) == ("finished", None)
    assert interest_entries(fresh_engine) == CROWD
    assert verify(fresh_engine, last=1000).clean


@pytest.mark.slow
def test_two_services_start_a_run_once(client: TestClient, other: TestClient, fresh_engine: Engine) -> None:
    """Both at the same moment: whichever comes second finds it under way, or finds nothing left to do."""
    people(fresh_engine, 20)
    answers: list[tuple[int, dict[str, Any]]] = []
    threads = [threading.Thread(target=lambda one=one: answers.append(start(one))) for one in (client, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [(202, {"batch": NAME, "state": "running"})] * 2
    told = ended(other)
    assert (told["state"], told["done"], told["reason"]) == ("finished", 20, None)
    assert interest_entries(fresh_engine) == 20


# -- kept output -----------------------------------------------------------------------------------------


def kept(folder: Path, bytes_max: int) -> KeptOutput:
    return KeptOutput(open_output(folder, "x"), bytes_max)


def text_of(folder: Path) -> str:
    return (folder / "runs/x.log").read_text(encoding="utf-8")


def test_no_id_number_is_kept(tmp_path: Path) -> None:
    number, out = id_number(7), kept(tmp_path, 1000)
    # in pieces, as a stack trace is written
    for piece in ("KeyError: '", number[:9], number[9:], "'\n", f"last {number}"):
        out.write(piece)
    out.close()
    assert number not in text_of(tmp_path)
    assert text_of(tmp_path).splitlines() == [
        f"KeyError: '{number[:3]}{'*' * 13}{number[-2:]}'",
        f"last {number[:3]}{'*' * 13}{number[-2:]}",
    ]


def test_of_much_output_the_newest_is_kept(tmp_path: Path) -> None:
    out = kept(tmp_path, 1000)
    for number in range(500):
        out.write(f"line {number}\n")
        assert len(text_of(tmp_path).encode()) <= 1000
    out.write("x" * 5000)
    out.write("the end\n")
    out.close()
    said = text_of(tmp_path)
    assert len(said.encode()) <= 1000
    assert said.startswith(LEFT_OUT)
    assert said.endswith("the end\n")


def test_what_came_before_stays_until_a_run_begins_anew(tmp_path: Path) -> None:
    first = kept(tmp_path, 1000)
    first.write("first\n")
    second = kept(tmp_path, 1000)
    second.write("second\n")
    assert text_of(tmp_path) == "first\nsecond\n"
    second.begin_anew()
    second.write("third\n")
    assert text_of(tmp_path) == "third\n"


def test_what_cannot_be_kept_ends_no_run(tmp_path: Path) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        out = KeptOutput(os.dup(full.fileno()))
        assert out.write("no room for it\n") == len("no room for it\n")
        out.write("nor for this")
        out.close()
    assert last_line(tmp_path, "x") == ""
    again = kept(tmp_path, 1000)
    again.write("first\nlast words\n\n")
    assert last_line(tmp_path, "x") == "last words"


def test_a_run_that_did_not_begin_may_be_asked_for_again(
    client: TestClient, fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(fresh_engine, 1)

    async def not_started(*_asked: object) -> None:
        raise NotStarted("it ended with code 1")

    monkeypatch.setattr(starting.Starter, "start", not_started)
    answer = client.post(PATH, json={"area": AREA})
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert answer.headers["Retry-After"] == "60"


def test_a_database_that_comes_back_is_told_why_a_run_failed(
    fresh_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run failed because the database went away, so the first try to say so fails too."""
    with fresh_engine.connect() as connection:
        batches.begin(connection, NAME, "year-end", now_and_today()[0])
    settings = Settings.load(tmp_path, demo=True)
    starter = starting.Starter(fresh_engine, settings, now_and_today)
    out = KeptOutput(open_output(tmp_path, NAME))
    out.write("the database cannot be used\n")
    tries: list[str] = []
    mark = starting.Starter._mark_failed

    def gone_at_first(self: starting.Starter, *told: Any) -> None:
        tries.append(told[2])
        if len(tries) == 1:
            raise OperationalError("SELECT 1", {}, Exception("gone"))
        mark(self, *told)

    monkeypatch.setattr(starting.Starter, "_mark_failed", gone_at_first)
    monkeypatch.setattr(starting, "AGAIN_SECONDS", 0)

    class Ended:
        def wait(self) -> int:
            return 1

    starter._see_off(NAME, Ended())  # type: ignore[arg-type]  # as much of a process as it looks at
    with fresh_engine.connect() as connection:
        batch = batches.find(connection, NAME)
    assert batch is not None
    assert (batch.state, batch.reason) == (
        "failed",
        "it ended with code 1: the database cannot be used",
    )
    assert len(tries) == 2
    starter.stop()
