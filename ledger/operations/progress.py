"""How far a long run is: a bar on stderr for somebody who looks, a line now and then for a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 5.0

Report = Callable[[int, int], None]


@contextmanager
def shown(title: str) -> Iterator[Report]:
    """Yields what a run calls with (done, of)."""
    if not sys.stderr.isatty():
        yield _lines(title)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=max(total, 1))


def _lines(title: str) -> Report:
    next_line = time.monotonic() + SECONDS_BETWEEN_LINES

    def report(done: int, total: int) -> None:
        nonlocal next_line
        if time.monotonic() >= next_line:
            next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            sys.stderr.write(f"{title}: {100 * done // max(total, 1)} %\n")
            sys.stderr.flush()

    return report
