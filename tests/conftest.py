"""One leg of the tests: SQLite or PostgreSQL, with the schema that the migrations build.

`--database=sqlite` (the default) or `--database=postgresql` says which; LEDGER_TEST_DATABASE does the same.
A test that asks for none of the database fixtures runs in the sqlite leg only; one marked `postgres` in the
postgresql leg only, one marked `sqlite` in the sqlite leg only; all others in both.

    engine            the module's own migrated database. Quick; the module's tests share it, so each opens
                      people and accounts of its own and expects nothing of tables it did not fill
    fresh_engine      the test's own migrated database: for sums over everything, races, verify after a fault
    fresh_url         the same as a URL, for a test that starts the service or the command line
    empty_url         the URL of a database without any table, for tests of the migrations
    postgres_to_kill  a durable PostgreSQL of the test's own, `kill()` and `start()` it (mark: postgres);
                      `migrate(postgres_to_kill.create_database("ledger"))` puts a schema there
    database_leg      "sqlite" or "postgresql"
"""

import itertools
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import Engine

from tests.check import migrate
from tests.support import chance  # noqa: F401  registers the profiles of hypothesis
from tests.support.postgres import Databases, Server, server_for_tests

LEGS = ("sqlite", "postgresql")
DATABASE_FIXTURE = "database_leg"  # whatever needs a database needs this one
TEMPLATE = f"ledger_template_{os.getpid()}"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("ledger")
    default = os.environ.get("LEDGER_TEST_DATABASE", "sqlite")
    group.addoption(
        "--database", choices=LEGS, default=default, help="which leg to run (default: %(default)s)"
    )
    group.addoption("--report", metavar="FILE", help="write what became of the tests to FILE, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile("fixed")
    if config.getoption("--database") not in LEGS:  # argparse does not check a default
        raise pytest.UsageError(f"LEDGER_TEST_DATABASE must be one of {', '.join(LEGS)}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what belongs to the other leg."""
    leg = config.getoption("--database")
    here: list[pytest.Item] = []
    elsewhere: list[pytest.Item] = []
    for item in items:
        (here if leg in _legs(item) else elsewhere).append(item)
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = here


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


@pytest.fixture(scope="session")
def database_leg(request: pytest.FixtureRequest) -> str:
    """The leg that runs."""
    return str(request.config.getoption("--database"))


@pytest.fixture(scope="session")
def new_database(
    database_leg: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[bool], str]]:
    """Makes a database and returns its URL: `new_database(True)` with the schema, `(False)` without."""
    folder = tmp_path_factory.mktemp("databases")
    makes = _sqlite_files(folder) if database_leg == "sqlite" else _postgres_databases(server_for_tests())
    yield next(makes)
    makes.close()


@pytest.fixture(scope="module")
def engine(new_database: Callable[[bool], str]) -> Iterator[Engine]:
    """An engine on the module's own migrated database."""
    yield from _connected(new_database(True))


@pytest.fixture
def fresh_url(new_database: Callable[[bool], str]) -> str:
    """The URL of the test's own migrated database."""
    return new_database(True)


@pytest.fixture
def fresh_engine(fresh_url: str) -> Iterator[Engine]:
    """An engine on the test's own migrated database."""
    yield from _connected(fresh_url)


@pytest.fixture
def empty_url(new_database: Callable[[bool], str]) -> str:
    """The URL of a database without any table."""
    return new_database(False)


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


def _sqlite_files(folder: Path) -> Generator[Callable[[bool], str], None, None]:
    template = folder / "template.db"
    migrate(f"sqlite:///{template}")
    numbers = itertools.count(1)

    def make(migrated: bool) -> str:
        file = folder / f"{next(numbers)}.db"
        if migrated:
            shutil.copyfile(template, file)
        return f"sqlite:///{file}"

    yield make


def _postgres_databases(server: Databases) -> Generator[Callable[[bool], str], None, None]:
    made: list[str] = []

    def make(migrated: bool) -> str:
        made.append(f"ledger_test_{os.getpid()}_{len(made) + 1}")
        return server.create_database(made[-1], TEMPLATE if migrated else "template0")

    try:
        migrate(server.create_database(TEMPLATE))
        yield make
    finally:
        if isinstance(server, Server):
            server.stop()
        else:
            for name in [*made, TEMPLATE]:
                server.drop_database(name)
