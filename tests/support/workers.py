"""The service with workers, as an operator runs it; each worker can be told apart and asked alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.support.people import write_keys
from tests.support.service import Service

WAIT_SECONDS_MAX = 120


def until(what: Callable[[], Any]) -> Any:
    """What comes true at last, asked for again and again."""
    end = time.monotonic() + WAIT_SECONDS_MAX
    while not (found := what()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)
    return found


def free_ports(number: int) -> int:
    """The first of some ports in a row that nobody listens on."""
    while True:
        with ExitStack() as taken:
            first = 0
            try:
                for one in range(number):
                    here = taken.enter_context(socket.socket())
                    here.bind(("127.0.0.1", first + one if first else 0))
                    first = first or here.getsockname()[1]
            except (OSError, OverflowError):
                continue
            return first


def is_free(port: int) -> bool:
    """Whether a service could be started on a port."""
    with socket.socket() as here:
        here.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            here.bind(("127.0.0.1", port))
            here.listen()
        except OSError:
            return False
        return True


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Workers(Service):
    """A service with so many workers, each with a port of its own for its metrics."""

    def __init__(self, data: Path, database_url: str, workers: int = 2, script: Path | None = None) -> None:
        super().__init__(data, database_url)
        self.workers = workers
        self.metrics = free_ports(workers)
        self._script = script
        self.environment |= {
            "LEDGER_WORKERS": str(workers),
            "LEDGER_METRICS_ADDRESS": f"127.0.0.1:{self.metrics}",
            "LEDGER_LOG_LEVEL": "info",
        }

    def share(self, other: Service) -> None:
        """Use the keys of another service."""
        self.environment["LEDGER_KEYS"] = str(other.data / "keys")

    def begin(self) -> subprocess.Popen[bytes]:
        """Start, and wait for nothing."""
        program = ["-m", "ledger"] if self._script is None else [str(self._script)]
        with (self.data.parent / f"{self.data.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, *program, "demo", "--data", str(self.data)),
                    *("--port", str(self.port), "--people", "0"),
                ],
                env=self.environment | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
                stdout=log,
                stderr=log,
            )
        return self.process

    def start(self) -> None:
        """Start, and wait until it says that all workers answer."""
        said = self.log().count("serving on ")
        process = self.begin()
        until(lambda: process.poll() is not None or self.log().count("serving on ") > said)
        assert process.poll() is None, self.log()[-3000:]

    @property
    def pids(self) -> set[int]:
        """The workers that live."""
        assert self.process is not None
        parent = self.process.pid
        found = set()
        for pid in map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split()):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if b"spawn_main" in command and lives(pid):
                found.add(pid)
        return found

    def port_of(self, pid: int) -> int | None:
        """On which port a worker tells its metrics."""
        inodes = set()
        for file in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.add(os.readlink(file))
            except OSError:
                continue
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
            columns = line.split()
            port = int(columns[1].rpartition(":")[2], 16)
            ours = self.metrics <= port < self.metrics + self.workers
            if ours and columns[3] == "0A" and f"socket:[{columns[9]}]" in inodes:
                return port
        return None

    def page(self, port: int) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            text: str = answer.read().decode()
        return text

    @contextmanager
    def only(self, pid: int) -> Iterator[None]:
        """Let one worker alone take connections: the others stand still meanwhile."""
        others = self.pids - {pid}
        for other in others:
            os.kill(other, signal.SIGSTOP)
        try:
            yield
        finally:
            for other in others:
                os.kill(other, signal.SIGCONT)


def put_keys(data: Path) -> None:
    """The keys that every World seals with, as files of a service."""
    write_keys(data / "keys")
