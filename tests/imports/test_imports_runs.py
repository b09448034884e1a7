"""Long files: killed, run twice at once, posted by several processes, and always the same book."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, select, update

from ledger import imports, tables
from ledger.book.numbers import account_no
from ledger.clock import now_and_today
from ledger.database.engines import connect, reading
from ledger.imports import Importer, ImportProblem, Summary
from ledger.imports.file_lines import FileLine
from ledger.imports.processes import Processes
from ledger.imports.rows import LineReader
from ledger.imports.under_way import FileUnderWay
from ledger.posting import batches
from ledger.posting.way_in import post
from ledger.verify import verify
from tests.support.office import (
    ACCOUNTS,
    CONTRIBUTIONS,
    Office,
    clone,
    command_line,
    contribution,
    counts,
    drop,
    finish,
    timeless,
    undisturbed_import,
)
from tests.support.people import KEYRING, NOW, SomeoneFactory, World, id_number, write_keys
from tests.support.second_numbers import add_alias

MONTHS = ("2026-01", "2026-02", "2026-03", "2026-04", "2026-05")
FEN = 16_000


class Killed(BaseException):
    """Stands in for the end of the process."""


@pytest.fixture
def office(engine: Engine, tmp_path: Path) -> Office:
    return Office(engine, tmp_path)


def batch_of(office: Office, summary: Summary) -> batches.Batch:
    with office.world.engine.connect() as connection:
        batch = batches.find(connection, summary.batch_id)
    assert batch is not None
    return batch


def lines_of(office: Office, summary: Summary) -> list[tuple[int, str]]:
    """The refused lines that are written down in the database."""
    with office.world.engine.connect() as connection:
        return [(one.line, one.code) for one in batches.refused_lines(connection, summary.batch_id)]


def kill_at(monkeypatch: pytest.MonkeyPatch, chunk: int, *, after: bool) -> None:
    """Let the process end before, or after, it posts a chunk."""
    calls = 0

    def dying(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == chunk and not after:
            raise Killed
        outcomes = post(*args, **more)
        if calls == chunk:
            raise Killed
        return outcomes

    monkeypatch.setattr("ledger.imports.chunks.post", dying)


# -- where a run goes on -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before posting", "after posting"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "dos"])
def test_a_run_goes_on_at_its_bookmark(
    office: Office, monkeypatch: pytest.MonkeyPatch, end: str, *, after: bool
) -> None:
    account = office.account()
    lines = [contribution(account, f"字{n}") for n in range(3500)]
    lines[100] = lines[1500] = lines[3000] = "bad"
    file = office.file(CONTRIBUTIONS, lines, "utf-8-sig", end)
    with monkeypatch.context() as patch:
        kill_at(patch, 3, after=after)
        with pytest.raises(Killed):
            office.run(file)
    looked: list[int] = []
    command = LineReader.command

    def looking(rows: LineReader, line: FileLine) -> Any:
        looked.append(line.number)
        return command(rows, line)

    monkeypatch.setattr(LineReader, "command", looking)
    summary = office.run(file)
    # line 1 is the header; two blocks of a thousand lines were done and written down
    assert looked == list(range(2002, 3502))
    already = 1998 + (1000 if after else 0)
    assert counts(summary) == (3500, 3497 - already, already, 3)
    assert (summary.amount_fen, summary.agrees) == (3497 * FEN, True)
    assert office.rejected(summary) == [(number, "shape_invalid") for number in (102, 1502, 3002)]
    assert lines_of(office, summary) == office.rejected(summary)
    assert office.balance(account) == 3497 * FEN
    batch = batch_of(office, summary)
    assert (batch.state, batch.bookmark, batch.done, batch.refused) == ("finished", 3501, 3497, 3)


def test_a_run_that_ends_before_its_last_word_is_only_finished(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = office.account()
    file = office.file(CONTRIBUTIONS, ["bad", *(contribution(account, f"c{n}") for n in range(1999))])

    def dying(_going: FileUnderWay) -> Summary:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(FileUnderWay, "finish", dying)
        with pytest.raises(Killed):
            office.run(file)
    monkeypatch.setattr("ledger.imports.chunks.post", lambda *_args, **_more: pytest.fail("nothing is left"))
    summary = office.run(file)
    assert counts(summary) == (2000, 0, 1999, 1)
    assert (summary.already_fen, office.rejected(summary)) == (1999 * FEN, [(2, "shape_invalid")])
    assert batch_of(office, summary).state == "finished"


def test_a_batch_that_does_not_tell_one_story_is_not_believed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = office.account()
    file = office.file(CONTRIBUTIONS, ["bad", *(contribution(account, f"c{n}") for n in range(1999))])
    for breaking in (
        delete(tables.batch_line),
        update(tables.batch).values(detail=None),
    ):
        with monkeypatch.context() as patch:
            kill_at(patch, 2, after=False)
            with pytest.raises(Killed):
                office.run(file)
        with office.world.engine.connect() as connection, connection.begin():
            connection.execute(breaking)
        summary = office.run(file)
        assert summary.lines == 2000, "all of it was looked at again"
        assert lines_of(office, summary) == office.rejected(summary) == [(2, "shape_invalid")]
        assert office.balance(account) == 1999 * FEN


def test_a_finished_file_is_looked_at_anew(office: Office) -> None:
    someone = SomeoneFactory()
    known = office.account()
    lines = [contribution(someone.id_number, "c1"), contribution(known, "c1"), "bad"]
    file = office.file(CONTRIBUTIONS, lines)
    first = office.run(file)
    assert lines_of(office, first) == [(2, "account_not_found"), (4, "shape_invalid")]
    office.world.open(someone)
    second = office.run(file)
    assert counts(second) == (3, 1, 1, 1)
    assert lines_of(office, second) == office.rejected(second) == [(4, "shape_invalid")]


def test_another_runs_word_on_later_lines_is_taken_back(office: Office) -> None:
    summary = office.run(office.file(CONTRIBUTIONS, ["bad"] * 3))
    batch = batch_of(office, summary)
    with office.world.engine.connect() as connection:
        batch.bookmark = 3
        batches.advance(connection, batch, NOW, 2, [batches.RefusedLine(3, "account_closed", "account")])
    assert lines_of(office, summary) == [(2, "shape_invalid"), (3, "account_closed")]
    with office.world.engine.connect() as connection:
        assert batches.refused_lines(connection, summary.batch_id, after=2, limit=5) == [
            (3, "account_closed", "account")
        ]
        assert len(batches.refused_lines(connection, summary.batch_id, limit=1)) == 1


# -- the same lines otherwise ------------------------------------------------------------------------------


def test_the_same_lines_in_another_order_credit_nothing_twice(office: Office) -> None:
    account = office.account()
    lines = [contribution(account, f"c{n}") for n in range(5)]
    office.run(office.file(CONTRIBUTIONS, lines))
    summary = office.run(office.file(CONTRIBUTIONS, lines[::-1]))
    assert counts(summary) == (5, 0, 5, 0)
    assert summary.ok
    assert office.balance(account) == 5 * FEN


def test_a_document_counts_once_within_a_file_and_between_files(office: Office) -> None:
    account, other = office.account(), office.account()
    twice = [contribution(account, "c1"), contribution(other, "c1"), contribution(account, "c1", "9.00")]
    first = office.run(office.file(CONTRIBUTIONS, twice))
    assert office.rejected(first) == [(4, "duplicate_source_ref")]
    again = office.run(office.file(CONTRIBUTIONS, [contribution(account, "c2"), contribution(account, "c1")]))
    assert counts(again) == (2, 1, 1, 0)
    other_day = contribution(account, "c1").replace("2026-04-15", "2026-04-16")
    assert office.rejected(office.run(office.file(CONTRIBUTIONS, [other_day]))) == [
        (2, "duplicate_source_ref")
    ]
    assert (office.balance(account), office.balance(other)) == (2 * FEN, FEN)


# -- several processes --------------------------------------------------------------------------------------


@pytest.fixture
def always_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "PROCESSES_FROM_BYTES", 0)


def by_processes(office: Office, file: Path, processes: int = 2) -> Summary:
    with office.world.engine.connect() as connection:
        importer = Importer(
            connection, office.world.keyring, office.world.policies, now_and_today, processes=processes
        )
        return importer.run(file)


def mixed_names(world: World) -> list[str]:
    """Lines that name twenty people by account number, by ID number and by a second ID number, in turn."""
    people = [SomeoneFactory() for _ in range(20)]
    names: list[tuple[str, ...]] = []
    for someone in people:
        number, second = account_no(world.open(someone)), SomeoneFactory().id_number
        with world.engine.connect() as connection:
            add_alias(
                connection, KEYRING, known_as=someone.id_number, also=second, now=NOW, today=world.today
            )
        names.append((number, someone.id_number, second))
    lines = [contribution(names[n * 7 % 20][n % 3], f"c{n}", f"{n % 90 + 1}.00") for n in range(4500)]
    # a document twice under two names: which of the two is taken hangs on the order
    lines += [contribution(names[0][place % 3], "same", f"{place + 1}.00") for place in range(9)]
    return [*lines, "bad", contribution(id_number(7), "c", "1.00"), contribution("nobody", "c", "1.00")]


@pytest.mark.postgres
@pytest.mark.usefixtures("always_processes")
def test_a_book_is_the_same_whatever_the_number_of_processes(fresh_url: str, tmp_path: Path) -> None:
    engine = connect(fresh_url)
    world = World(engine)
    lines = mixed_names(world)
    engine.dispose()
    found: list[tuple[Any, ...]] = []
    for processes in (1, 2, 3):
        url = clone(fresh_url, f"by_{processes}")
        copy = connect(url)
        office = Office(copy, tmp_path)
        file = office.file(CONTRIBUTIONS, lines)
        summary = by_processes(office, file, processes)
        assert verify(copy).clean
        found.append(
            (counts(summary), summary.amount_fen, office.rejected(summary), lines_of(office, summary))
        )
        copy.dispose()
        found[-1] += (timeless(url),)
        drop(url)
    assert found[0] == found[1] == found[2]
    assert found[0][0] == (4512, 4501, 0, 11)


@pytest.mark.postgres
@pytest.mark.usefixtures("always_processes")
def test_accounts_and_spendings_go_by_processes_too(office: Office) -> None:
    people = [SomeoneFactory() for _ in range(2500)]
    header = f"{ACCOUNTS},opening_current_year,opening_carried_over,opening_source_ref"
    lines = [f"{one.id_number},{one.name},990100,2026-01-01,0.00,10.00,OLD" for one in people]
    opened = by_processes(office, office.file(header, [*lines, lines[0]]))
    assert counts(opened) == (2501, 2500, 1, 0)
    spent = by_processes(office, office.file(
        "account,source_ref,institution,effective_on,amount",
        [f"{one.id_number},s{place},H0001,2026-05-01,6.00" for one in people for place in range(2)],
    ))  # fmt: skip
    assert counts(spent) == (5000, 2500, 0, 2500)
    # the first of each was paid, the second was too much: in the order of the file
    assert [number for number, _code in office.rejected(spent)] == list(range(3, 5002, 2))


@pytest.mark.postgres
@pytest.mark.usefixtures("always_processes")
def test_a_process_that_dies_ends_the_run_and_the_next_goes_on(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = office.account()
    file = office.file(CONTRIBUTIONS, [contribution(account, f"c{n}") for n in range(9000)])
    take = FileUnderWay.take

    def killing(going: FileUnderWay, block: Any) -> None:
        take(going, block)
        for process in started[-1]._processes:
            process.kill()

    started: list[Processes] = []
    begin = Processes.__init__
    with monkeypatch.context() as patch:
        patch.setattr(Processes, "__init__", lambda self, *args: started.append(self) or begin(self, *args))
        patch.setattr(FileUnderWay, "take", killing)
        with pytest.raises(ImportProblem, match="a process that posts has ended"):
            by_processes(office, file)
    assert not list(office.folder.glob("*rejected*"))
    summary = by_processes(office, file)
    assert (summary.lines, summary.posted + summary.already, summary.refused) == (9000, 9000, 0)
    assert summary.already >= 2000
    assert office.balance(account) == 9000 * FEN


@pytest.mark.postgres
@pytest.mark.usefixtures("always_processes")
def test_what_a_process_meets_is_said_by_the_import(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    file = office.file(CONTRIBUTIONS, [contribution(office.account(), "c")])
    begin = Processes.__init__

    def elsewhere(self: Processes, ways: int, url: Any, *more: Any) -> None:
        begin(self, ways, url.set(database="nowhere"), *more)

    monkeypatch.setattr(Processes, "__init__", elsewhere)
    with pytest.raises(ImportProblem, match=r"database cannot be used .*go on"):
        by_processes(office, file)


# -- killed, and twice at once --------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """Opened accounts, the keys of their people, and their contributions for five months, and for one."""

    template: str
    keys: Path
    people: int
    file: Path
    month: Path

    @property
    def lines(self) -> int:
        return self.people * len(MONTHS)


@pytest.fixture(scope="module")
def scene(
    database_leg: str, new_database: Callable[[bool], str], tmp_path_factory: pytest.TempPathFactory
) -> Scene:
    folder = tmp_path_factory.mktemp("long")
    people = 6_000 if database_leg == "postgresql" else 3_000
    numbers = [id_number(n, prefix="129999") for n in range(people)]
    accounts = folder / "accounts.csv"
    accounts.write_text(f"{ACCOUNTS}\n" + "".join(f"{number},王伟,990100,2026-01-01\n" for number in numbers))
    file, one_month = folder / "contributions.csv", folder / "month.csv"
    for path, months in ((file, MONTHS), (one_month, MONTHS[:1])):
        with path.open("w") as lines:
            lines.write(f"{CONTRIBUTIONS}\n")
            # now and then a line that is refused
            lines.writelines(
                f"{number},{month}/{n},{month},2026-06-15,{'160.00' if n % 1000 else 'nothing'}\n"
                for month in months
                for n, number in enumerate(numbers)
            )
    write_keys(folder / "keys")
    template = new_database(True)
    finish(command_line(template, folder / "keys", "import", accounts))
    return Scene(template, folder / "keys", people, file, one_month)


@pytest.fixture
def copy(scene: Scene) -> Iterator[Callable[[str], str]]:
    """Makes copies of the scene's database."""
    made: list[str] = []

    def make(name: str) -> str:
        made.append(clone(scene.template, name))
        return made[-1]

    yield make
    for url in made:
        drop(url)


def wait_for(url: str, batch_id: str, bookmark: int, process: subprocess.Popen[str]) -> None:
    engine = connect(url)
    until = time.monotonic() + 300
    try:
        while time.monotonic() < until and process.poll() is None:
            with reading(engine) as connection:
                batch = batches.find(connection, batch_id)
            if batch is not None and batch.state == batches.RUNNING and batch.bookmark >= bookmark:
                return
            time.sleep(0.005)
    finally:
        engine.dispose()


def kill_tree(process: subprocess.Popen[str]) -> None:
    """SIGKILL to a process and to those it has started, which cannot finish what they are at."""
    started = [
        int(pid)
        for listed in Path(f"/proc/{process.pid}/task").glob("*/children")
        for pid in listed.read_text().split()
    ]
    process.kill()
    for pid in started:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
def test_killed_in_the_middle_the_book_is_that_of_an_undisturbed_run(
    scene: Scene, copy: Callable[[str], str]
) -> None:
    undisturbed, killed = copy("undisturbed"), copy("killed")
    expected = undisturbed_import(undisturbed, scene.keys, scene.file)
    assert (expected.lines, expected.refused) == (scene.lines, scene.lines // 1000)
    deaths = 0
    for how, tenths in ((subprocess.Popen.kill, 2), (kill_tree, 5)):
        process = command_line(killed, scene.keys, "import", scene.file)
        wait_for(killed, expected.batch_id, scene.lines * tenths // 10, process)
        how(process)
        process.communicate(timeout=120)
        deaths += process.returncode == -signal.SIGKILL
    assert deaths == 2, "a run came to its end before it was killed"
    process = command_line(killed, scene.keys, "import", scene.file)
    said = ended(process)
    assert said["already"] >= scene.lines * 5 // 10 - expected.refused
    assert (said["lines"], said["refused"]) == (expected.lines, expected.refused)
    assert said["posted"] + said["already"] == expected.posted
    assert said["totals_agree"]
    chains = timeless(killed)
    assert chains == timeless(undisturbed)
    engine = connect(killed)
    try:
        # and with the times it has: of a tenth of the books, for all of them take as long as an import
        assert verify(engine, last=sorted(chains)[len(chains) // 10]).clean
        with engine.connect() as connection:
            batch = batches.find(connection, expected.batch_id)
            refused = batches.refused_lines(connection, expected.batch_id)
    finally:
        engine.dispose()
    assert batch is not None
    assert (batch.state, batch.done, batch.refused) == ("finished", expected.posted, expected.refused)
    # the first, 1,001st, … line of each month, behind the header
    assert refused == [(number * 1000 + 2, "amount_invalid", "amount") for number in range(expected.refused)]


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What an import answered that had refused lines."""
    out, err = process.communicate(timeout=600)
    assert process.returncode == 1, err
    said: dict[str, Any] = json.loads(out)
    assert "refused" in said, said
    return said


@pytest.mark.slow
def test_two_runs_of_a_file_at_once_credit_once(
    scene: Scene, copy: Callable[[str], str], tmp_path: Path
) -> None:
    url = copy("twice")
    processes = []
    for place in ("one", "other"):
        (tmp_path / place).mkdir()
        processes.append(command_line(url, scene.keys, "import", scene.month, "--rejected", tmp_path / place))
    both = [ended(process) for process in processes]
    good = scene.people - scene.people // 1000
    for said in both:
        assert (said["lines"], said["posted"] + said["already"]) == (scene.people, good)
        assert said["totals_agree"]
    assert sum(said["posted"] for said in both) == good
    engine = connect(url)
    try:
        assert verify(engine).clean
        with engine.connect() as connection, connection.begin():
            entries, fen = connection.execute(
                select(func.count(), func.sum(tables.transfer.c.amount_fen)).select_from(tables.transfer)
            ).one()
    finally:
        engine.dispose()
    assert (entries, int(fen)) == (good, good * FEN)
