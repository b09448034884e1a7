"""The database's own limit: pgbench, TPC-B-like and simple-update, on the same server."""

import re
import subprocess

from bench.fill import libpq
from bench.plan import BenchFailed
from bench.rounds import Measure
from tests.support.postgres import Server

SCALE = 50
FLAGS = ("-c", "32", "-j", "2", "-M", "prepared")
ALONE = ("-c", "1", "-j", "1", "-M", "prepared")
_DATABASE = "pgbench"


class Pgbench:
    """pgbench with a database of its own."""

    def __init__(self, server: Server) -> None:
        self._program = str(server.bin_directory / "pgbench")
        self._database = libpq(server.create_database(_DATABASE))
        self._run("-i", "-q", "-s", str(SCALE))

    def tpcb(self, seconds: float) -> Measure:
        return self._measure(seconds, *FLAGS)

    def tpcb_alone(self, seconds: float) -> Measure:
        """The same by one client."""
        return self._measure(seconds, *ALONE)

    def simple_update(self, seconds: float) -> Measure:
        return self._measure(seconds, *FLAGS, "-N")

    def _measure(self, seconds: float, *flags: str) -> Measure:
        # the tables were vacuumed when they were made; -n keeps each round from doing it again
        written = self._run("-n", *flags, "-T", str(max(1, round(seconds))))
        rate = re.search(r"tps = ([\d.]+)", written)
        average = re.search(r"latency average = ([\d.]+) ms", written)
        failed = re.search(r"number of failed transactions: (\d+)", written)
        if rate is None or average is None:
            raise BenchFailed(f"pgbench wrote no rate:\n{written}")
        return {
            "rate": round(float(rate[1]), 1),
            "mean_us": round(float(average[1]) * 1000, 1),
            "errors": int(failed[1]) if failed else 0,
            "first_error": "failed transactions",
        }

    def _run(self, *flags: str) -> str:
        done = subprocess.run(
            [self._program, *flags, self._database], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise BenchFailed(f"pgbench ended with {done.returncode}:\n{done.stderr}")
        return done.stdout
