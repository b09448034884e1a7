"""`make fuzz MINUTES=10`: every test with chance in it, over and over, each time from another seed.

    python -m tests.fuzz [--minutes N] [--seed FIRST] [pytest arguments]

These are the tests of hypothesis and the ones marked `random`. Three rounds of four are on SQLite, one on
PostgreSQL, or all where `--database` among the arguments says. A round that is under way when the time is
over ends with the test it is at. What fails is shown with the command that makes it fail again, and left
out of the next rounds.
"""

import argparse
import json
import os
import random
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHOSEN = ["-m", "hypothesis or random"]
ROUNDS = ("sqlite", "sqlite", "postgresql", "sqlite")
UNTIL = "LEDGER_FUZZ_UNTIL"  # when the time is over, for the pytest that we start
SEEDS_MAX = 10**8


def command(seed: int, arguments: list[str]) -> list[str]:
    """What pytest is called with for a seed."""
    return ["-m", "pytest", "--hypothesis-profile=fuzz", f"--hypothesis-seed={seed}", *arguments]


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """This module is a plugin of the pytest it starts: it stops when the time is over."""
    if time.time() >= float(os.environ[UNTIL]):
        item.session.shouldstop = "the time is over"


def play(seed: int, until: float, arguments: list[str]) -> tuple[int, list[str]]:
    """One round: how many tests passed, and which failed."""
    with tempfile.TemporaryDirectory(prefix="ledger-fuzz-") as folder:
        file = Path(folder) / "report.json"
        chosen = ["-p", "tests.fuzz", *CHOSEN, "-q", "--no-header", f"--report={file}"]
        environment = {**os.environ, "LEDGER_TEST_SEED": str(seed), UNTIL: str(until)}
        started = [sys.executable, *command(seed, [*chosen, *arguments])]
        code = subprocess.run(started, cwd=ROOT, env=environment, check=False).returncode
        report = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    failed: list[str] = report.get("failed", [])
    over = code == pytest.ExitCode.INTERRUPTED and time.time() >= until
    if not failed and not over and code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        failed = ["tests"]  # it broke, who knows where
    return report.get("counts", {}).get("passed", 0), failed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of the first round; the next ones follow from it")
    told, arguments = parser.parse_known_args()
    dice = random.Random(told.seed)
    until = time.time() + told.minutes * 60
    rounds = passed = 0
    found: list[str] = []
    while time.time() < until:
        seed = told.seed if told.seed is not None and not rounds else dice.randrange(1, SEEDS_MAX)
        database = [f"--database={ROUNDS[rounds % len(ROUNDS)]}"]
        print(f"--- seed {seed} {' '.join(database)}", flush=True)
        good, failed = play(seed, until, [*database, *arguments])
        rounds, passed = rounds + 1, passed + good
        for test in failed:
            again = shlex.join(["python", *command(seed, [*database, test])])
            found.append(f"LEDGER_TEST_SEED={seed} {again}")
            print(f"FAILED with seed {seed}: {found[-1]}", flush=True)
            arguments.append(f"--deselect={test}")
        if not passed and rounds == len(ROUNDS):
            break
    print(f"\nfuzz: {rounds} rounds, {passed} tests passed, {len(found)} failed")
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
