"""The peer: django-hordak, a ledger for Django, in an environment of its own that is made at run time.

It moves an amount between two accounts, which is the nearest it has to a spend. It has no idempotency, no
chain and no policy; it has Django's ORM, which is what the comparison is about.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.fill import libpq
from bench.plan import OUT, ROOT
from bench.process import Worker
from bench.rounds import Measure
from tests.support.postgres import Server

CALLERS = 64
# one process of Python threads would measure its lock
PROCESSES = 2
_PACKAGES = ("django-hordak", "psycopg[binary]")
_VENV = OUT / "peer-venv"


class PeerMissing(Exception):
    """The peer could not be installed or started here. The message says why."""


class Peer:
    """django-hordak on the same server."""

    def __init__(self, server: Server) -> None:
        python = _install()
        conninfo = libpq(server.create_database("hordak"))
        self._workers: list[Worker] = []
        prepared = subprocess.run(
            [python, "-m", "bench.hordak_peer", conninfo, "prepare"],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        if prepared.returncode != 0:
            raise PeerMissing(prepared.stderr[-1500:])
        self.versions = prepared.stdout.strip().splitlines()[-1]
        self._workers = [
            Worker("bench.hordak_peer", conninfo, "work", python=python) for _ in range(PROCESSES)
        ]

    def transfers(self, seconds: float) -> Measure:
        def ask(worker: Worker) -> Measure:
            return worker.ask(callers=CALLERS // PROCESSES, seconds=seconds)

        with ThreadPoolExecutor(PROCESSES) as pool:
            answers = list(pool.map(ask, self._workers))
        return {
            "rate": round(sum(answer["rate"] for answer in answers), 1),
            "p50_us": max(answer["p50_us"] for answer in answers),
            "p99_us": max(answer["p99_us"] for answer in answers),
            "count": sum(answer["count"] for answer in answers),
        }

    def close(self) -> None:
        for worker in self._workers:
            worker.close()


def _install() -> Path:
    python = _VENV / "bin/python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", _VENV], check=True, capture_output=True, text=True)
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *_PACKAGES],
            check=True,
            capture_output=True,
            text=True,
        )
    except subprocess.CalledProcessError as error:
        raise PeerMissing(f"{error.cmd[-1]} could not be installed: {str(error.stderr)[-800:]}") from error
    return python
