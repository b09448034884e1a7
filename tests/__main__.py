"""`make test`: every test on SQLite, then on PostgreSQL. `python -m tests [pytest arguments]`.

Two runs of pytest, `--database=sqlite` and `--database=postgresql` (tests/conftest.py tells which test
belongs where). The last two lines are the result:

    sqlite: N passed, 0 failed
    postgresql: N passed, 0 failed

Errors count as failed, and so do a run that broke off and one without a test. Skipped tests are counted as
neither, and said before. Without a PostgreSQL the run fails; at home, that is without CI in the environment,
LEDGER_TEST_SKIP_POSTGRES=1 lets it pass.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.support.postgres import PostgresMissing, server_for_tests

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Leg:
    """What came of one run."""

    database: str
    passed: int
    failed: int
    skipped: int = 0

    @property
    def good(self) -> bool:
        return self.passed > 0 and self.failed == 0

    def __str__(self) -> str:
        return f"{self.database}: {self.passed} passed, {self.failed} failed"


def run_leg(database: str, arguments: list[str]) -> Leg:
    """Run pytest, its output going where ours goes, and count."""
    print(f"=== {database}", flush=True)
    with tempfile.TemporaryDirectory(prefix="ledger-leg-") as folder:
        file = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pytest", f"--database={database}", f"--report={file}", *arguments]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        report = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    counts: dict[str, int] = report.get("counts", {})
    failed = sum(counts.get(outcome, 0) for outcome in ("failed", "error", "subtests failed"))
    if code != 0:
        failed = max(
            failed, 1
        )  # broken off, not collected, no test at all, or a warning where none is allowed
    skipped = sum(counts.get(outcome, 0) for outcome in ("skipped", "xfailed", "subtests skipped"))
    return Leg(database, counts.get("passed", 0), failed, skipped)


def postgres_problem() -> str | None:
    """Why there is no PostgreSQL to test on, or None."""
    try:
        server_for_tests().stop()
    except (PostgresMissing, RuntimeError, OSError) as error:
        return str(error)
    return None


def main() -> int:
    arguments = sys.argv[1:]
    legs = [run_leg("sqlite", arguments)]
    problem = postgres_problem()
    excused = False
    if problem is None:
        legs.append(run_leg("postgresql", arguments))
    else:
        excused = os.environ.get("LEDGER_TEST_SKIP_POSTGRES") == "1" and not os.environ.get("CI")
        legs.append(Leg("postgresql", 0, 0 if excused else 1))
    print()
    if problem is not None:
        print(f"not run on PostgreSQL: {problem}")
        if not excused:
            print("which fails; at home LEDGER_TEST_SKIP_POSTGRES=1 leaves PostgreSQL out")
    for leg in legs:
        if leg.skipped:
            print(f"{leg.database}: {leg.skipped} skipped")
    print(*legs, sep="\n", flush=True)
    return 0 if legs[0].good and (legs[1].good or excused) else 1


if __name__ == "__main__":
    sys.exit(main())
