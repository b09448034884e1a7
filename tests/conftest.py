"""One leg of the tests: SQLite or PostgreSQL, with the schema that the migrations build.

`--database=sqlite` (the default) or `--database=postgresql` says which; LEDGER_TEST_DATABASE does the same.
A test that asks for none of the database fixtures runs in the sqlite leg only; one marked `postgres` in the
postgresql leg only, one marked `sqlite` in the sqlite leg only; all others in both.

    engine            the module's own migrated database. Quick; the module's tests share it, so each opens
                      people and accounts of its own and expects nothing of tables it did not fill
    sound_engine      the same, and `verify` finds nothing wrong with it after the module's last test
    fresh_engine      the test's own migrated database: for sums over everything, races, verify after a fault
    fresh_url         the same as a URL, for a test that starts the service or the command line
    empty_url         the URL of a database without any table, for tests of the migrations
    postgres_to_kill  a durable PostgreSQL of the test's own, `kill()` and `start()` it (mark: postgres);
                      `migrate(postgres_to_kill.create_database("ledger"))` puts a schema there
    database_leg      "sqlite" or "postgresql"

`--fast` leaves out of the sqlite leg what is marked `slow`: whatever starts a process or tries hundreds of
cases through the whole. What is left needs no database server either, takes less than a minute all in all
(`python -m tests --fast`), and is refused a process: a test that starts one wants the mark.
"""

import functools
import gc
import itertools
import json
import logging
import os
import shutil
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import settings
from sqlalchemy import Engine

from tests.check import migrate
from tests.support import chance  # noqa: F401  registers the profiles of hypothesis
from tests.support.memory import memory_folder
from tests.support.postgres import Databases, Server, server_for_tests

LEGS = ("sqlite", "postgresql")
DATABASE_FIXTURE = "database_leg"  # whatever needs a database needs this one
STARTS_A_PROCESS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"})
# what is taken by one run as a whole: the last test of it looks at what all others were told
TAKEN_WHOLE = ("tests/verify/",)
TEMPLATE = f"ledger_template_{os.getpid()}"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("ledger")
    default = os.environ.get("LEDGER_TEST_DATABASE", "sqlite")
    group.addoption(
        "--database", choices=LEGS, default=default, help="which leg to run (default: %(default)s)"
    )
    group.addoption(
        "--fast", action="store_true", help="leave out what is slow, starts a process or needs a server"
    )
    group.addoption(
        "--shared",
        metavar="FOLDER",
        help="leave out the modules that others take in FOLDER: for runs side by side",
    )
    group.addoption("--report", metavar="FILE", help="write what became of the tests to FILE, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile("fixed")
    if config.getoption("--database") not in LEGS:  # argparse does not check a default
        raise pytest.UsageError(f"LEDGER_TEST_DATABASE must be one of {', '.join(LEGS)}")
    if config.getoption("--fast") and config.getoption("--database") != "sqlite":
        raise pytest.UsageError("--fast is a part of the sqlite leg")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what belongs to the other leg, and with --fast what is slow."""
    leg, fast = config.getoption("--database"), config.getoption("--fast")
    here: list[pytest.Item] = []
    elsewhere: list[pytest.Item] = []
    for item in items:
        wanted = leg in _legs(item) and not (fast and item.get_closest_marker("slow"))
        (here if wanted else elsewhere).append(item)
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = here


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """As pytest's own, over the modules that no other run has taken."""
    if session.config.getoption("--fast"):
        sys.addaudithook(_refuse_processes)
    folder = session.config.getoption("--shared")
    if folder is None or session.testsfailed or session.config.option.collectonly:
        return None
    ours = (item for item in session.items if _take(Path(folder), item.nodeid.partition("::")[0]))
    item = next(ours, None)
    while item is not None:
        following = next(ours, None)  # what both need is kept: of two modules, the database server
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


def _refuse_processes(event: str, _arguments: tuple[Any, ...]) -> None:
    if event in STARTS_A_PROCESS:
        raise RuntimeError(f"no process in the fast part ({event}): mark the test `slow`")


def pytest_collection_finish() -> None:
    """What was imported stays, and tests leave little: the collector looks rarely (a fifth of the time)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@functools.cache
def _take(folder: Path, module: str) -> bool:
    """Take a module, and say whether it is ours."""
    whole = next((one for one in TAKEN_WHOLE if module.startswith(one)), None)
    if whole is not None and module != whole:
        return _take(folder, whole)
    try:
        (folder / module.replace("/", " ")).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _legs(item: pytest.Item) -> tuple[str, ...]:
    if item.get_closest_marker("postgres"):
        return ("postgresql",)
    if item.get_closest_marker("sqlite"):
        return ("sqlite",)
    return LEGS if DATABASE_FIXTURE in getattr(item, "fixturenames", ()) else ("sqlite",)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Tell `python -m tests` what happened."""
    if file := config.getoption("--report"):
        stats: dict[str, list[Any]] = terminalreporter.stats
        counts = {name: len(reports) for name, reports in stats.items() if name}
        failed = [report.nodeid for name in ("failed", "error") for report in stats.get(name, ())]
        seconds: Counter[str] = Counter()
        for report in itertools.chain.from_iterable(stats.values()):
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid] += report.duration
        told = {"counts": counts, "failed": failed, "seconds": seconds}
        Path(file).write_text(json.dumps(told), encoding="utf-8")


class Makes(Protocol):
    """What `new_database` is."""

    def __call__(self, migrated: bool, /) -> str: ...

    def drop(self, url: str, /) -> None:
        """What is dropped as soon as nobody needs it need not be kept in memory."""


@pytest.fixture(scope="session")
def database_leg(request: pytest.FixtureRequest) -> str:
    """The leg that runs."""
    return str(request.config.getoption("--database"))


@pytest.fixture(scope="session")
def new_database(database_leg: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Makes]:
    """Makes a database and returns its URL: `new_database(True)` with the schema, `(False)` without."""
    if database_leg == "postgresql":
        with _postgres_databases(server_for_tests()) as makes:
            yield makes
    elif memory := memory_folder():
        with tempfile.TemporaryDirectory(prefix="ledger-sqlite-", dir=memory) as folder:
            yield SqliteFiles(Path(folder))
    else:
        yield SqliteFiles(tmp_path_factory.mktemp("databases"))


@pytest.fixture(scope="module")
def engine(new_database: Makes) -> Iterator[Engine]:
    """An engine on the module's own migrated database."""
    url = new_database(True)
    yield from _connected(url)
    new_database.drop(url)


@pytest.fixture(scope="module")
def sound_engine(engine: Engine) -> Iterator[Engine]:
    """`engine`, whose ledger is whole when the module's tests are over: one look for all of them.

    What is found then names its book. To know the test, run it alone.
    """
    yield engine
    from ledger.verify import verify
    from tests.support.people import KEYRING

    assert [str(one) for one in verify(engine, keyring=KEYRING).findings] == []


@pytest.fixture
def fresh_url(new_database: Makes) -> Iterator[str]:
    """The URL of the test's own migrated database."""
    url = new_database(True)
    yield url
    new_database.drop(url)


@pytest.fixture
def fresh_engine(fresh_url: str) -> Iterator[Engine]:
    """An engine on the test's own migrated database."""
    yield from _connected(fresh_url)


@pytest.fixture
def empty_url(new_database: Makes) -> Iterator[str]:
    """The URL of a database without any table."""
    url = new_database(False)
    yield url
    new_database.drop(url)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Whatever serves in this process, or is a command that does, sets up the logging of all of it.

    The tests after it, and which those are depends on what runs, would find it so.
    """
    root, hook = logging.getLogger(), threading.excepthook
    before = list(root.handlers), root.level
    servers = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access")]
    states = [(one.handlers, one.propagate, one.level, one.disabled) for one in servers]
    yield
    logging.captureWarnings(capture=False)
    root.handlers, threading.excepthook = before[0], hook
    root.setLevel(before[1])
    for one, (handlers, propagate, level, disabled) in zip(servers, states, strict=True):
        one.handlers, one.propagate, one.disabled = handlers, propagate, disabled
        one.setLevel(level)


@pytest.fixture
def postgres_to_kill() -> Iterator[Server]:
    """A PostgreSQL that loses nothing it has acknowledged, and that the test may kill."""
    with Server(durable=True) as server:
        yield server


def _connected(url: str) -> Iterator[Engine]:
    from ledger.database.engines import connect

    engine = connect(url)
    yield engine
    engine.dispose()


class SqliteFiles:
    """Databases in files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.db"
        self._numbers = itertools.count(1)
        migrate(f"sqlite:///{self._template}")

    def __call__(self, migrated: bool, /) -> str:
        file = self._folder / f"{next(self._numbers)}.db"
        if migrated:
            shutil.copyfile(self._template, file)
        return f"sqlite:///{file}"

    def drop(self, url: str, /) -> None:
        for end in ("", "-wal", "-shm"):
            Path(f"{url.removeprefix('sqlite:///')}{end}").unlink(missing_ok=True)


class PostgresDatabases:
    """Databases of a server."""

    def __init__(self, server: Databases) -> None:
        self._server = server
        self._made: dict[str, str] = {}
        migrate(server.create_database(TEMPLATE))

    def __call__(self, migrated: bool, /) -> str:
        name = f"ledger_test_{os.getpid()}_{len(self._made) + 1}"
        url = self._server.create_database(name, TEMPLATE if migrated else "template0")
        self._made[url] = name
        return url

    def drop(self, url: str, /) -> None:
        self._server.drop_database(self._made[url])

    def drop_all(self) -> None:
        for name in (*self._made.values(), TEMPLATE):
            self._server.drop_database(name)


@contextmanager
def _postgres_databases(server: Databases) -> Iterator[PostgresDatabases]:
    try:
        databases = PostgresDatabases(server)
        yield databases
        if not isinstance(server, Server):
            databases.drop_all()
    finally:
        server.stop()
