"""The service as a process of its own, as an operator runs it, for tests that kill it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

START_SECONDS_MAX = 120


class Gone(Exception):
    """No answer came: the request may or may not have been taken."""


class Service:
    """`python -m ledger demo` over a data directory, and a database if one is named."""

    def __init__(self, data: Path, database_url: str | None = None, people: int = 0) -> None:
        self.data = data
        self.people = people
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")
        }
        if database_url is not None:
            self.environment["LEDGER_DATABASE_URL"] = database_url
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the operator's door beside the service."""
        return subprocess.run(
            [sys.executable, "-m", "ledger", *arguments, "--data", str(self.data)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def start(self) -> None:
        """Start, and wait until it says that it is ready."""
        log = (self.data.parent / f"{self.data.name}.log").open("ab")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "ledger", "demo", "--data", str(self.data)),
                *("--port", str(self.port), "--people", str(self.people)),
            ],
            env=self.environment,
            stdout=log,
            stderr=log,
        )
        log.close()
        self.wait_ready()

    def wait_ready(self) -> None:
        until = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < until:
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(
                    f"the service ended with {self.process.returncode}: {self.log()[-2000:]}"
                )
            try:
                if self.call("GET", "/readyz")[0] == 200:
                    return
            except Gone:
                time.sleep(0.05)
        raise AssertionError(f"the service is not ready: {self.log()[-2000:]}")

    def log(self) -> str:
        file = self.data.parent / f"{self.data.name}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def kill(self) -> None:
        """SIGKILL: no goodbye, nothing is flushed."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(60)
            self.process = None

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
            self.process = None

    def call(
        self, method: str, path: str, body: Any = None, key: str | None = None, *, seconds: float = 120
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """One request on a connection of its own; raises Gone when no whole answer came in time."""
        headers = {"Content-Type": "application/json"}
        token = self.data / "token"
        if token.exists():
            headers["Authorization"] = f"Bearer {token.read_text().strip()}"
        if key is not None:
            headers["Idempotency-Key"] = key
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Gone from error
        finally:
            connection.close()
        return answer.status, json.loads(content) if content else {}, dict(answer.getheaders())
