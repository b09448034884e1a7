"""The service under HTTP load: served as it is installed, with a real token, and its load client.

The app is the service's own with one route more, `POST /v1/noop`, which checks the token, reads the same
body and does nothing.
"""

import http.client
import os
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import psycopg

from bench.fill import OF_PEOPLE, libpq
from bench.load_client import BULK
from bench.people import id_number
from bench.plan import ACCOUNTS, CALLER, OUT, ROOT, BenchFailed
from bench.process import Worker, children, cpu_seconds, peak_rss_mb
from bench.rounds import Measure
from ledger.access.tokens import SCOPES, create_signing_key, mint
from ledger.book.numbers import account_no
from ledger.clock import now_and_today
from ledger.vault import Keyring

HOST = "127.0.0.1"
# bulk calls that are under way at once, so that one is parsed while the other is posted
BULK_CONNECTIONS = 2
_START_SECONDS_MAX = 180


class Service:
    """One running service on one database, by one process or several, and a client that calls it."""

    def __init__(self, name: str, url: str, workers: int = 1) -> None:
        self._log = (OUT / f"service-{name}.log").open("wb")
        data = OUT / "data"
        keys = data / "keys"
        Keyring.create(keys)
        create_signing_key(keys)
        self._port = _free_port()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.noop"],
            cwd=ROOT,
            env=_environment(url, data)
            | {"LEDGER_HOST": HOST, "LEDGER_PORT": str(self._port), "LEDGER_WORKERS": str(workers)},
            stdout=self._log,
            stderr=self._log,
        )
        self._client: Worker | None = None
        try:
            self._wait_until_ready()
            self._client = Worker("bench.load_client", HOST, str(self._port))
            now, today = now_and_today()
            token = mint(keys, SCOPES, CALLER, CALLER, now, timedelta(hours=6))
            accounts = _accounts(url)
            # whoever is behind the i-th book of a filled ledger
            people = [id_number(i) for i in range(1, len(accounts) + 1)]
            self._client.ask(token=token, accounts=accounts, people=people, day=today.isoformat())
        except BaseException:
            self.close()
            raise

    def load(self, what: str, connections: int, seconds: float) -> Measure:
        """Let the client call for some seconds."""
        assert self._client is not None
        # none of several is looked after while it is measured: those that serve are those that were there
        pids = [self._process.pid, *children(self._process.pid)]
        before, client_before = sum(map(cpu_seconds, pids)), cpu_seconds(self._client.pid)
        measure = self._client.ask(what=what, connections=connections, seconds=seconds)
        each = 1e6 / measure["count"]
        measure["service_cpu_us"] = round((sum(map(cpu_seconds, pids)) - before) * each, 1)
        measure["client_cpu_us"] = round((cpu_seconds(self._client.pid) - client_before) * each, 1)
        measure["service_peak_rss_mb"] = round(sum(map(peak_rss_mb, pids)), 1)
        return measure

    def bulk(self, seconds: float) -> Measure:
        return self.load("bulk", BULK_CONNECTIONS, seconds) | {"by": BULK}

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + _START_SECONDS_MAX
        while time.monotonic() < until and self._process.poll() is None:
            connection = http.client.HTTPConnection(HOST, self._port, timeout=5)
            try:
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                pass
            finally:
                connection.close()
            time.sleep(0.1)
        written = Path(self._log.name).read_text(errors="replace")
        raise BenchFailed(f"the service did not start:\n{written[-3000:]}")


def _environment(url: str, data: Path) -> dict[str, str]:
    """Ours without other LEDGER_ settings, and with the ones of this run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    return {
        **kept,
        "LEDGER_DATABASE_URL": url,
        "LEDGER_DATA": str(data),
        "LEDGER_KEYS": str(data / "keys"),
    }


def _accounts(url: str) -> list[str]:
    """The accounts that are called: all, or so many of them."""
    some = f"SELECT book_id FROM book WHERE {OF_PEOPLE} ORDER BY random() LIMIT %s"
    with psycopg.connect(libpq(url)) as connection:
        return [account_no(book_id) for (book_id,) in connection.execute(some, [ACCOUNTS])]


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        return int(listening.getsockname()[1])
