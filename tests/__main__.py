"""`make test`: every test on SQLite and on PostgreSQL, side by side. `python -m tests [pytest arguments]`.

Two runs of pytest that share what is for SQLite and two on PostgreSQL (tests/conftest.py tells which test
belongs where), each a process of its own: tests wait for processes that they start and kill, so two cores
have time for four. When those on SQLite are done, one more helps on PostgreSQL. What they write is shown
one after the other, and all of it, also if one breaks. Then come the ten slowest tests of all, and the last
two lines are the result:

    sqlite: N passed, 0 failed
    postgresql: N passed, 0 failed

Errors count as failed, and so do a run that broke off and one without a test. Skipped tests are counted as
neither, and said before. Without a PostgreSQL the run fails; at home, that is without CI in the environment,
LEDGER_TEST_SKIP_POSTGRES=1 lets it pass. With --fast two runs share what that leaves of SQLite's leg, and
there is neither a run on PostgreSQL nor a line about it.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.support.postgres import PostgresMissing, server_for_tests

ROOT = Path(__file__).resolve().parent.parent
SLOWEST = 10


@dataclass(frozen=True)
class Leg:
    """What came of one leg, or of one run of it."""

    database: str
    passed: int
    failed: int
    skipped: int = 0
    seconds: dict[str, float] = field(default_factory=dict)  # by test

    @property
    def good(self) -> bool:
        return self.passed > 0 and self.failed == 0

    def __add__(self, other: "Leg") -> "Leg":
        return Leg(
            self.database,
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.seconds | other.seconds,
        )

    def __str__(self) -> str:
        return f"{self.database}: {self.passed} passed, {self.failed} failed"


class Run:
    """A pytest that runs. What it writes is kept until it is shown."""

    def __init__(self, name: str, database: str, scratch: Path, arguments: Sequence[str]) -> None:
        self.name = name
        self.database = database
        self._report = scratch / f"{name}.json"
        shared = scratch / database
        shared.mkdir(exist_ok=True)
        told = [f"--database={database}", f"--report={self._report}", f"--shared={shared}"]
        told += ["-o", f"cache_dir=.pytest_cache/{name}"]  # two may not write the same one
        told += [f"--color={'yes' if sys.stdout.isatty() else 'no'}", *arguments]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *told],
            cwd=ROOT,
            # where Python may not keep what it compiles, each process of the run compiles everything anew
            env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,  # ^C is for us, who pass it on once
        )
        self._written: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def _read(self, out: IO[bytes]) -> None:
        while chunk := out.read(1 << 16):
            self._written.put(chunk)
        self._written.put(b"")

    def show(self) -> Leg:
        """Show what was written and what will be, and count."""
        print(f"=== {self.name}", flush=True)
        while chunk := self._written.get():
            _write(chunk)
        code = self.process.wait()
        report: dict[str, Any] = {}
        if self._report.exists():
            report = json.loads(self._report.read_text(encoding="utf-8"))
        counts: dict[str, int] = report.get("counts", {})
        failed = sum(counts.get(outcome, 0) for outcome in ("failed", "error", "subtests failed"))
        if code != 0:
            failed = max(
                failed, 1
            )  # broken off, not collected, no test at all, or a warning where none is allowed
        skipped = sum(counts.get(outcome, 0) for outcome in ("skipped", "xfailed", "subtests skipped"))
        return Leg(self.database, counts.get("passed", 0), failed, skipped, report.get("seconds", {}))

    def end(self) -> None:
        """End it as ^C does, and show what it still had to say."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self._reader.join()
        print(f"\n=== {self.name} ended", flush=True)
        while not self._written.empty():
            _write(self._written.get())


def _write(chunk: bytes) -> None:
    sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def run_fast(runs: list[Run], start: Callable[[str, str], None]) -> list[Leg]:
    """Two runs share the modules."""
    start("sqlite", "sqlite")
    start("sqlite-too", "sqlite")
    return [runs[0].show() + runs[1].show()]


def run_both(runs: list[Run], start: Callable[[str, str], None]) -> tuple[list[Leg], str | None]:
    """Two runs on each; those on SQLite are over sooner, and one more shares what is left."""
    start("sqlite", "sqlite")
    problem = postgres_problem()
    if problem is not None:
        return [runs[0].show()], problem
    start("sqlite-too", "sqlite")
    start("postgresql", "postgresql")
    start("postgresql-too", "postgresql")
    sqlite = runs[0].show() + runs[1].show()
    if any(run.process.poll() is None for run in runs[2:]):
        start("postgresql-three", "postgresql")
    first, *others = (run.show() for run in runs[2:])
    return [sqlite, sum(others, first)], None


def show_slowest(legs: Sequence[Leg]) -> None:
    took = [(seconds, leg.database, test) for leg in legs for test, seconds in leg.seconds.items()]
    if took:
        print(f"the {SLOWEST} slowest:")
    for seconds, database, test in sorted(took, reverse=True)[:SLOWEST]:
        print(f"{seconds:8.2f} s  {database:<10}  {test}")


def postgres_problem() -> str | None:
    """Why there is no PostgreSQL to test on, or None."""
    try:
        server_for_tests().stop()
    except (PostgresMissing, RuntimeError, OSError) as error:
        return str(error)
    return None


def main() -> int:
    arguments = sys.argv[1:]
    for as_ctrl_c in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # SIGINT may have been ignored
        signal.signal(as_ctrl_c, signal.default_int_handler)
    runs: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="ledger-legs-") as scratch:

        def start(name: str, database: str) -> None:
            runs.append(Run(name, database, Path(scratch), arguments))

        try:
            if "--fast" in arguments:
                legs, problem = run_fast(runs, start), None
            else:
                legs, problem = run_both(runs, start)
        except KeyboardInterrupt:
            for run in runs:
                run.end()
            return 130
    excused = os.environ.get("LEDGER_TEST_SKIP_POSTGRES") == "1" and not os.environ.get("CI")
    if problem is not None:
        legs.append(Leg("postgresql", 0, 0 if excused else 1))
    print()
    show_slowest(legs)
    if problem is not None:
        print(f"not run on PostgreSQL: {problem}")
        if not excused:
            print("which fails; at home LEDGER_TEST_SKIP_POSTGRES=1 leaves PostgreSQL out")
    for leg in legs:
        if leg.skipped:
            print(f"{leg.database}: {leg.skipped} skipped")
    print(*legs, sep="\n", flush=True)
    good = [leg.good for leg in legs]
    return 0 if all(good) or (problem is not None and excused and good[0]) else 1


if __name__ == "__main__":
    sys.exit(main())
