"""The log: one JSON object a line on stderr, and no ID number in it whoever wrote the line."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, BinaryIO, Final

from pydantic_core import to_json

from ledger.people.id_numbers import mask_in_text

FLUSH_SECONDS: Final = 0.1
NAMES_REMEMBERED: Final = 10_000

Log = Callable[[dict[str, object]], None]
"""Takes what is said of one request."""

_requests = logging.getLogger("api.request")
_threads = logging.getLogger("api.thread")


@lru_cache(maxsize=NAMES_REMEMBERED)
def masked(caller: str, actor: str) -> tuple[str, str]:
    """The names of a caller and of who acts, without an ID number in them."""
    return mask_in_text(caller), mask_in_text(actor)


def log_request(line: dict[str, object]) -> None:
    """One request as a record of the logger `api.request`."""
    _requests.info("%s", line)


class RequestLines:
    """Writes the lines of many requests at once: logging each by itself costs half as much as answering it.

    A process that is killed takes the lines of its last tenth of a second with it.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: list[bytes] = []
        # the second of the line before, as it is written: writing it costs more than the look at the clock
        self._second, self._written = 0, ""

    def write(self, line: dict[str, object]) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)
        self._waiting.append(to_json({"at": self._now(), "event": "request"} | line))

    def _now(self) -> str:
        second, rest = divmod(time.time_ns(), 10**9)
        if second != self._second:
            self._second, self._written = second, f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"
        return f"{self._written}.{rest // 1000:06d}+00:00"

    def _flush(self) -> None:
        lines, self._waiting = self._waiting, []
        self._stream.write(b"\n".join(lines) + b"\n")
        self._stream.flush()


class JsonLine(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "event": mask_in_text(record.getMessage()),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if request_id := getattr(record, "request_id", None):
            line["request_id"] = request_id
        if record.exc_info:
            line["fault"] = mask_in_text(self.formatException(record.exc_info))
        return to_json(line).decode()


def log_to_stderr(level: str) -> Log:
    """Let everything that the process says be such lines, from that level on; what takes those of requests.

    For the served app; a test keeps its own logging.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error"):
        # the server's own handlers write plain text, and its lines come through the root as well
        server = logging.getLogger(name)
        server.handlers, server.propagate = [], True
    # the server's own lines hold the path
    logging.getLogger("uvicorn.access").disabled = True
    logging.captureWarnings(capture=True)
    threading.excepthook = _log_of_thread
    if root.isEnabledFor(logging.INFO):
        return RequestLines(sys.stderr.buffer).write
    return lambda _line: None


def _log_of_thread(ended: threading.ExceptHookArgs) -> None:
    """A thread that ended by a fault says so in a line like every other."""
    if ended.exc_value is not None:
        name = ended.thread.name if ended.thread is not None else "a thread"
        _threads.critical("%s has ended", name, exc_info=ended.exc_value)
