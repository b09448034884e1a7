"""Processes of the bench: each party runs in one of its own, so that nobody pays for measuring another.

A worker is started once, says that it is ready, and then answers one JSON line with one JSON line.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.plan import ROOT, BenchFailed

Answer = dict[str, Any]


def rss_mb(pid: int | None = None) -> float:
    """Resident memory of a process now, in MB."""
    return _status_mb(pid, "VmRSS")


def peak_rss_mb(pid: int | None = None) -> float:
    """The most resident memory that a process ever had, in MB."""
    return _status_mb(pid, "VmHWM")


def children(pid: int | None = None) -> list[int]:
    """The processes that a process has started and that still run."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid or 'self'}/task").glob("*/children"):
        found += map(int, thread.read_text(encoding="utf-8").split())
    return found


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, in user and kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status_mb(pid: int | None, field: str) -> float:
    status = Path(f"/proc/{pid or 'self'}/status")
    if not status.exists():
        return float("nan")
    for line in status.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{field}:"):
            return round(int(line.split()[1]) / 1024, 1)
    return float("nan")


class Worker:
    """A module of the bench running in its own process."""

    def __init__(self, module: str, *arguments: str, python: str | Path = sys.executable) -> None:
        self.module = module
        self._process = subprocess.Popen(
            [python, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self._read()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, **question: Any) -> Answer:
        """Let it do one thing and wait for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Answer:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchFailed(f"{self.module} ended with {self._process.wait()}")
        answer: Answer = json.loads(line)
        if "error" in answer:
            raise BenchFailed(f"{self.module}: {answer['error']}")
        return answer

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


def serve(answer: Callable[[Answer], Answer]) -> None:
    """The worker's side: ready, then an answer for each question until stdin closes."""
    _say({"ready": True})
    for line in sys.stdin:
        try:
            _say(answer(json.loads(line)))
        except Exception:  # noqa: BLE001  the parent shows it and fails the bench
            _say({"error": traceback.format_exc()})


def _say(answer: Answer) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
