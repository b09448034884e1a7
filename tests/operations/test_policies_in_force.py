"""One policy of an area is in force: two processes with different files never post alternately."""
# ruff: noqa: F811  the fixtures that stand in test_cli are arguments here

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

from ledger import tables
from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import Freeze
from ledger.accounts.spending import Spend
from ledger.database.engines import connect, glancing, reading
from ledger.imports import Importer
from ledger.operations.installation import OldPolicies, open_ledger
from ledger.policy import PACKAGED_POLICIES, Policy, load_policies, load_policy
from ledger.posting import (
    Command,
    Outcome,
    PolicyOutdated,
    Posted,
    decide_at_a_look,
    post,
    rehearse,
)  # fmt: skip
from ledger.posting.in_force import in_force, put_in_force
from ledger.posting.writer import Writer
from ledger.refusals import RefusalCode, Refused
from tests.operations.test_cli import Answer, run  # noqa: F401  a fixture
from tests.support.api_client import contribute, key, open_account, opened, running, spending
from tests.support.people import AREA, NOW, SomeoneFactory, World, write_keys
from tests.support.service import Service

TEXT = (PACKAGED_POLICIES / f"{AREA}.toml").read_text(encoding="utf-8")
TODAY = date(2026, 11, 21)


def another(number: int) -> Policy:
    """The example area by another file: the same numbers, and a remark."""
    return load_policy(f"{TEXT}\n# file {number}\n", "another")


OLD, NEW = {AREA: load_policy(TEXT, "old")}, {AREA: another(1)}


class Office:
    """A process with a policy file of its own, over an engine of its own."""

    def __init__(self, url: str, world: World, policies: Mapping[int, Policy]) -> None:
        self.engine = connect(url)
        self.world = world
        self.policies = policies

    def post(self, *commands: Command, atomic: bool = False) -> list[Outcome]:
        self._fill(commands)
        with self.engine.connect() as connection:
            return post(connection, commands, NOW, TODAY, self.policies, atomic=atomic)

    def rehearse(self, *commands: Command) -> list[Outcome]:
        self._fill(commands)
        with reading(self.engine) as connection:
            return rehearse(connection, commands, NOW, TODAY, self.policies)

    @staticmethod
    def _fill(commands: tuple[Command, ...]) -> None:
        for command in commands:
            command.caller = command.caller or "test"
            command.actor = command.actor or "tester"


@pytest.fixture
def world(fresh_engine: Engine) -> World:
    return World(fresh_engine)


@pytest.fixture
def offices(fresh_url: str, world: World) -> Iterator[tuple[Office, Office]]:
    made = Office(fresh_url, world, OLD), Office(fresh_url, world, NEW)
    yield made
    for office in made:
        office.engine.dispose()


def put_in(world: World, book: int, **more: Any) -> Contribute:
    return Contribute(book, 100, 202603, TODAY, world.ref(), **more)


def versions(world: World) -> list[str]:
    """The files that the entries were posted by, in the order of posting."""
    entry, policy = tables.entry.c, tables.policy.c
    query = (
        select(policy.hash)
        .join_from(tables.entry, tables.policy, policy.version == entry.policy_version)
        .order_by(entry.book_id, entry.seq)
    )
    with world.engine.connect() as connection:
        return list(connection.scalars(query))


def entries(world: World) -> int:
    with world.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(tables.entry)) or 0


def test_who_is_older_posts_nothing_more(world: World, offices: tuple[Office, Office]) -> None:
    older, newer = offices
    [opened_] = older.post(world.opening(opening=(0, 10_000)))
    assert isinstance(opened_, Posted)
    book = opened_.receipt.book_id
    first = put_in(world, book, key="k-1")
    assert isinstance(older.post(first)[0], Posted)
    assert isinstance(newer.post(put_in(world, book))[0], Posted)
    before = entries(world)
    for command in (
        put_in(world, book),
        Spend(book, 10, TODAY, "H0001", world.ref()),
        Freeze(book, "court", "2026-7", TODAY, None, world.ref()),
        world.opening(),
        # what would be refused by any policy
        Spend(book, 10**9, TODAY, "H0001", world.ref()),
    ):
        [outcome] = older.post(command)
        assert isinstance(outcome, PolicyOutdated), command
        assert outcome.area == AREA
        [tried] = older.rehearse(command)
        assert isinstance(tried, PolicyOutdated), command
    assert entries(world) == before
    # what was answered once is answered again, by whatever policy
    first.key = "k-1"
    [again] = older.post(first)
    assert isinstance(again, Posted)
    assert again.replayed
    assert isinstance(newer.post(put_in(world, book))[0], Posted)
    assert versions(world) == [OLD[AREA].hash] * 2 + [NEW[AREA].hash] * 2


def test_neighbours_of_a_batch_are_judged_each_for_itself(
    world: World, offices: tuple[Office, Office]
) -> None:
    older, newer = offices
    older.post(world.opening())
    newer.post(world.opening())
    stranger, known = SomeoneFactory(), SomeoneFactory()
    [there] = newer.post(world.opening(known))
    assert isinstance(there, Posted)
    first, second, third = older.post(
        put_in(world, 16_000_000_000_123), put_in(world, there.receipt.book_id), world.opening(stranger)
    )
    assert isinstance(first, Refused)
    assert first.code is RefusalCode.ACCOUNT_NOT_FOUND
    assert isinstance(second, PolicyOutdated)
    assert isinstance(third, PolicyOutdated)
    # the stake of whoever could not be opened is free again
    assert isinstance(newer.post(world.opening(stranger))[0], Posted)
    group = older.post(put_in(world, there.receipt.book_id), put_in(world, 16_000_000_000_123), atomic=True)
    assert [type(outcome) for outcome in group] == [PolicyOutdated, PolicyOutdated]


def test_a_file_that_comes_back_is_not_newer(world: World, offices: tuple[Office, Office]) -> None:
    """The order is that of the first use: whoever restarts with the old file is still older."""
    older, newer = offices
    older.post(world.opening())
    newer.post(world.opening())
    again = Office(str(older.engine.url.render_as_string(hide_password=False)), world, OLD)
    assert isinstance(again.post(world.opening())[0], PolicyOutdated)
    # until somebody says that it shall hold again: then the other one is the older
    with world.engine.connect() as connection:
        put_in_force(connection, AREA, OLD[AREA], NOW)
        put_in_force(connection, AREA, OLD[AREA], NOW)
    assert isinstance(again.post(world.opening())[0], Posted)
    assert isinstance(older.post(world.opening())[0], Posted), "without a restart"
    assert isinstance(newer.post(world.opening())[0], PolicyOutdated)
    with world.engine.connect() as connection:
        assert in_force(connection)[AREA][0] == OLD[AREA].hash
        table = tables.policy_in_force.c
        rows = connection.execute(select(table.number, table.version).order_by(table.number)).all()
    assert [tuple(row) for row in rows] == [(1, 1), (2, 2), (3, 1)], "what was in force and when stays known"
    again.engine.dispose()


def test_another_area_is_not_concerned(world: World, fresh_url: str) -> None:
    text = TEXT.replace('"990100"', '"990200"')
    elsewhere = {990200: load_policy(text, "elsewhere")}
    both = Office(fresh_url, world, {**OLD, **elsewhere})
    newer = Office(fresh_url, world, {**NEW, **elsewhere})
    both.post(world.opening(area=990200))
    newer.post(world.opening())
    assert isinstance(both.post(world.opening())[0], PolicyOutdated)
    assert isinstance(both.post(world.opening(area=990200))[0], Posted)
    assert isinstance(newer.post(world.opening(area=990200))[0], Posted)
    for office in (both, newer):
        office.engine.dispose()


def test_two_new_files_at_once_leave_one_in_force(world: World, fresh_url: str) -> None:
    offices = [Office(fresh_url, world, {AREA: another(number)}) for number in range(2, 5)]

    async def all_at_once() -> list[list[Outcome]]:
        tasks = [asyncio.to_thread(office.post, world.opening()) for office in offices for _ in range(3)]
        return await asyncio.gather(*tasks)

    asyncio.run(all_at_once())
    taken = [isinstance(office.post(world.opening())[0], Posted) for office in offices]
    assert taken.count(True) == 1
    with world.engine.connect() as connection:
        there = in_force(connection)[AREA][0]
    assert there == offices[taken.index(True)].policies[AREA].hash
    for office in offices:
        office.engine.dispose()


def test_the_hot_path_has_no_statement_more(world: World, offices: tuple[Office, Office]) -> None:
    """What is in force is read with the lock of the book; only a change is looked at by itself."""
    older, newer = offices
    [there] = older.post(world.opening(opening=(0, 1_000)))
    assert isinstance(there, Posted)
    book = there.receipt.book_id
    older.post(put_in(world, book))
    sent: list[str] = []
    event.listen(older.engine, "before_cursor_execute", lambda *told: sent.append(told[2]))
    older.post(put_in(world, book))
    [asked] = [statement for statement in sent if "policy_in_force" in statement]
    assert "FROM book WHERE" in asked, "read with the book itself"
    assert not any("FROM policy " in f"{statement} " for statement in sent)
    quiet = len(sent)
    newer.post(world.opening())
    sent.clear()
    older.post(put_in(world, book))
    assert sum("policy_in_force" in statement for statement in sent) == 2, "once more after a change"
    sent.clear()
    older.post(put_in(world, book))
    assert sum("policy_in_force" in statement for statement in sent) == 1
    assert len(sent) <= quiet


@pytest.mark.postgres
def test_a_quote_by_one_look_is_not_given_by_an_older_policy(
    world: World, offices: tuple[Office, Office]
) -> None:
    older, newer = offices
    someone = SomeoneFactory()
    [there] = older.post(world.opening(someone, opening=(0, 1_000)))
    assert isinstance(there, Posted)
    command = world.opening(someone).book
    quoted = Spend(command, 10, TODAY, "H0001", world.ref())
    quoted.caller, quoted.actor = "test", "tester"
    with glancing(older.engine) as connection:
        seen = decide_at_a_look(connection, quoted, NOW, TODAY, OLD)
        assert isinstance(seen, Posted)
        newer.post(world.opening())
        assert isinstance(decide_at_a_look(connection, quoted, NOW, TODAY, OLD), PolicyOutdated)
        assert isinstance(decide_at_a_look(connection, quoted, NOW, TODAY, NEW), Posted)


def test_two_writers(world: World, fresh_url: str) -> None:
    """As two services are: each with a writer, one with a newer file. What follows is by the newer."""
    engines = [connect(fresh_url), connect(fresh_url)]
    writers = [
        Writer(engine, policies, lambda: (NOW, TODAY))
        for engine, policies in zip(engines, (OLD, NEW), strict=True)
    ]
    book = world.open()
    for writer in writers:
        writer.start()

    async def alternately() -> list[Outcome]:
        outcomes = []
        for turn in range(12):
            command = put_in(world, book)
            command.caller, command.actor = "test", "tester"
            outcomes.append(await writers[0 if turn < 3 else turn % 2].post(command))
        return outcomes

    outcomes = asyncio.run(alternately())
    for writer in writers:
        writer.stop()
    for engine in engines:
        engine.dispose()
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Posted] * 4 + [PolicyOutdated, Posted] * 4
    assert versions(world) == [OLD[AREA].hash] * 4 + [NEW[AREA].hash] * 5


# -- over HTTP and on the command line -----------------------------------------------------------------------


def test_a_service_says_so(fresh_engine: Engine, tmp_path: Path) -> None:
    with running(fresh_engine, tmp_path) as client:
        account = open_account(client)["account_no"]
        contribute(client, account)
        assert client.get("/readyz").status_code == 200
        with fresh_engine.connect() as connection:
            put_in_force(connection, AREA, another(9), NOW)
        path = f"/v1/accounts/{account}/spendings"
        answer = client.post(path, json=spending(), headers=key())
        assert (answer.status_code, answer.json()["code"]) == (503, "policy_outdated")
        assert answer.headers["Retry-After"]
        assert answer.json()["facts"] == {"area": "990100"}
        dry = client.post(f"{path}?dry_run=true", json=spending(), headers=key())
        assert (dry.status_code, dry.json()["code"]) == (503, "policy_outdated")
        verb = {"verb": "spend", "account": account, "idempotency_key": "b-1", **spending()}
        bulk = client.post("/v1/bulk", json={"commands": [verb]})
        assert bulk.json()["outcomes"] == [{"status": "failed", "code": "policy_outdated"}], bulk.text
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["code"]) == (503, "policy_outdated")
        # it still answers what it reads
        assert client.get(f"/v1/accounts/{account}/balance").json()["balance"] == "1000.00"
        with fresh_engine.connect() as connection:
            put_in_force(connection, AREA, load_policies()["990100"], NOW)
        assert client.post(path, json=spending(), headers=key()).status_code == 201
        assert client.get("/readyz").status_code == 200


@pytest.fixture
def there(
    run: Callable[..., Answer], fresh_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path:
    """An installation; the folder of its policy files."""
    folder = tmp_path / "policies"
    shutil.copytree(PACKAGED_POLICIES, folder)
    write_keys(tmp_path / "data/keys")
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    monkeypatch.setenv("LEDGER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LEDGER_POLICIES", str(folder))
    return folder


def test_an_operator_is_told_and_decides(run: Callable[..., Answer], there: Path) -> None:
    file = there / "990100.toml"
    shown = run("policies").json
    assert shown["ok"]
    assert [(one["area"], one["state"], one["in_force"]) for one in shown["areas"]] == [
        ("990100", "new", None)
    ]
    assert run("sweep").code == 0
    [area] = run("policies").json["areas"]
    assert (area["state"], area["file"]) == ("in_force", area["in_force"])
    file.write_text(f"{TEXT}\n# newer\n", encoding="utf-8")
    assert run("policies").json["areas"][0]["state"] == "new"
    assert run("sweep").code == 0
    file.write_text(TEXT, encoding="utf-8")
    for command in (
        ("sweep",),
        ("year-end", "2024", "--area", "990100"),
        ("import", "none.csv"),
        ("declare", "91999999000000001K", "2026-09", "none.csv"),
    ):
        answer = run(*command)
        assert (answer.code, answer.json["code"]) == (2, "policy_outdated"), command
        assert answer.err.count("\n") == 1
        assert "policies --put-in-force 990100" in answer.err
        assert str(there) in answer.err
    shown_again = run("policies")
    assert (shown_again.code, shown_again.json["areas"][0]["state"]) == (1, "outdated")
    assert run("verify").code == 0, "who only looks is not concerned"
    unknown = run("policies", "--put-in-force", "990199")
    assert (unknown.code, unknown.json["code"]) == (2, "area_unknown")
    decided = run("policies", "--put-in-force", "990100")
    assert (decided.code, decided.json["areas"][0]["state"]) == (0, "in_force")
    assert run("sweep").code == 0


def test_an_import_stops_and_blames_no_line(
    run: Callable[..., Answer], there: Path, fresh_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer file is put in force while it runs: the lines are not refused, the file goes on later."""
    engine = connect(fresh_url)
    world = World(engine)
    person = SomeoneFactory()
    world.open(person)
    file = tmp_path / "contributions.csv"
    file.write_text(
        f"account,source_ref,period,effective_on,amount\n{person.id_number},a,2026-01,2026-02-15,9.99\n",
        encoding="utf-8",
    )
    run_one = Importer.run

    def overtaken(self: Importer, *told: Any) -> Any:
        with engine.connect() as connection:
            put_in_force(connection, AREA, another(7), NOW)
        return run_one(self, *told)

    monkeypatch.setattr(Importer, "run", overtaken)
    answer = run("import", file)
    assert answer.code == 1
    assert "a newer policy of area 990100 is in force" in answer.err
    assert not file.with_name("contributions.csv.rejected.csv").exists()
    monkeypatch.setattr(Importer, "run", run_one)
    run("policies", "--put-in-force", "990100")
    again = run("import", file)
    assert (again.code, again.json["posted"]) == (0, 1)
    engine.dispose()


@pytest.mark.slow
def test_two_services_with_different_files(tmp_path: Path, empty_url: str, database_leg: str) -> None:
    url = None if database_leg == "sqlite" else empty_url
    data = tmp_path / "data"
    folders = []
    for name, text in (("one", TEXT), ("two", f"{TEXT}\n# newer\n")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "990100.toml").write_text(text, encoding="utf-8")
        folders.append(folder)
    services = [Service(data, url), Service(data, url)]
    for service, folder in zip(services, folders, strict=True):
        service.environment["LEDGER_POLICIES"] = str(folder)
    first, second = services

    keys = itertools.count(1)

    def open_one(service: Service) -> tuple[int, str]:
        someone = SomeoneFactory()
        body = {"id_number": someone.id_number, "name": someone.name, "area": "990100",
                "opened_on": "2026-01-05"}  # fmt: skip
        status, answer, _ = service.call("POST", "/v1/accounts", body, f"k-{next(keys)}")
        return status, answer.get("code", "")

    try:
        first.start()
        assert open_one(first)[0] == 201
        second.start()
        assert [open_one(first), open_one(second), open_one(first)] == [
            (503, "policy_outdated"), (201, ""), (503, "policy_outdated"),
        ]  # fmt: skip
        assert first.call("GET", "/readyz")[0] == 503
        assert second.call("GET", "/readyz")[0] == 200
        # restarted with its old file it does not start; with the newer one it does
        first.stop()
        with pytest.raises(AssertionError, match="policy_outdated"):
            first.start()
        first.process = None
        shutil.copyfile(folders[1] / "990100.toml", folders[0] / "990100.toml")
        first.start()
        assert [open_one(first)[0], open_one(second)[0]] == [201, 201]
    finally:
        for service in services:
            service.stop()


def test_what_is_opened_puts_its_policies_in_force(fresh_engine: Engine, tmp_path: Path) -> None:
    """At the start, not with the first command: of two that start, the later one is the newer."""
    settings = opened(fresh_engine, tmp_path).settings
    open_ledger(settings).engine.dispose()
    with fresh_engine.connect() as connection:
        with connection.begin():
            assert in_force(connection)[AREA][0] == load_policies()["990100"].hash
        put_in_force(connection, AREA, another(3), NOW)
    with pytest.raises(OldPolicies):
        open_ledger(settings)
