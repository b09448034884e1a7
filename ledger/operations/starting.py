"""How a service starts long runs: each in a process of its own, which outlives the service."""

from __future__ import annotations

import asyncio
import logging
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from enum import Enum

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from ledger.database.locks import locks
from ledger.operations import started
from ledger.operations.output import last_line, open_output
from ledger.posting import batches
from ledger.posting.runs import Run
from ledger.settings import Settings

# how long the process of a run may take until it says that the run is under way
BEGIN_SECONDS_MAX = 60
# and how long to end, when it is not
END_SECONDS_MAX = 10
# how long a database may take to let go of what a killed process held, and to come back
FREE_SECONDS_MAX = 300
# how long to wait until it is tried for again
AGAIN_SECONDS = 1

_log = logging.getLogger(__name__)


class NotStarted(Exception):
    """A run did not come as far as to be under way. Its output tells why."""


class Begun(Enum):
    """What became of a run that was asked for."""

    UNDER_WAY = started.UNDER_WAY
    GOES_ON = started.GOES_ON
    NO_PLACE = started.NO_PLACE


class Starter:
    """Starts runs, one after the other, and sees how they end. `clock` gives now."""

    def __init__(
        self, engine: Engine, settings: Settings, clock: Callable[[], tuple[datetime, date]]
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        # those that were started here and go on, each with the thread that waits for its end
        self._going: set[str] = set()
        self._waiting: list[tuple[subprocess.Popen[bytes], threading.Thread]] = []
        self._stopping = threading.Event()
        self._thread = ThreadPoolExecutor(1, "ledger-starter")

    @property
    def runs_max(self) -> int:
        """How many runs may go on at once, wherever they were started."""
        return self._settings.runs_max

    def stop(self) -> None:
        """Start nothing more, and be done with those that have ended. What goes on goes on."""
        self._stopping.set()
        self._thread.shutdown()
        for process, thread in self._waiting:
            if process.returncode is not None:
                thread.join()

    async def start(self, run: Run, period: int, area: int, *, older: bool = False) -> Begun:
        """Start a run, unless it goes on or there is no place for it. Raises NotStarted.

        Once it is under way its batch says so, and can be asked for.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._start, run, period, area, older)

    def _start(self, run: Run, period: int, area: int, older: bool) -> Begun:
        name = run.batch_name(period, area)
        if name in self._going:
            return Begun.GOES_ON
        more = [started.OLDER] if older else []
        process = self._open(name, [run.kind, str(period), str(area), *more])
        word = _word(process)
        if word != started.UNDER_WAY:
            code = _end(process)
            if word in {started.GOES_ON, started.NO_PLACE}:
                return Begun(word)
            raise NotStarted(f"the run {name} did not begin: it ended with code {code}")
        self._going.add(name)
        thread = threading.Thread(target=self._see_off, args=(name, process), name=name, daemon=True)
        self._waiting = [(other, waits) for other, waits in self._waiting if waits.is_alive()]
        self._waiting.append((process, thread))
        thread.start()
        return Begun.UNDER_WAY

    def _open(self, name: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        try:
            output = open_output(self._settings.data, name)
        except OSError as error:
            _log.warning("the output of %s is not kept: %s", name, error.strerror)
            output = os.open(os.devnull, os.O_WRONLY)
        try:
            return subprocess.Popen(
                [sys.executable, "-m", "ledger.operations.started", *arguments],
                env=os.environ | self._settings.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                # a signal for the service is none for the run
                start_new_session=True,
            )
        finally:
            os.close(output)

    def _see_off(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Wait for a run's end; one that could not say itself why it ended is said to have failed."""
        code = process.wait()
        # before anybody can see that it failed, so that it can be started again
        self._going.discard(name)
        if code == 0:
            return
        _log.error("the run %s ended with code %d", name, code)
        if self._stopping.is_set():
            # the engine is let go of
            return
        how = f"it was ended by signal {-code}" if code < 0 else f"it ended with code {code}"
        if code > 0 and (last := last_line(self._settings.data, name)):
            how = f"{how}: {last}"
        until = time.monotonic() + FREE_SECONDS_MAX
        while True:
            try:
                with self._engine.connect() as connection:
                    self._mark_failed(connection, name, how, until)
                return
            except DBAPIError as error:
                # a run may fail because its database went away, which is back in a moment or in a while
                if time.monotonic() >= until or self._stopping.wait(AGAIN_SECONDS):
                    _log.warning("that %s failed could not be written down", name, exc_info=error)
                    return

    def _mark_failed(self, connection: Connection, name: str, how: str, until: float) -> None:
        while time.monotonic() < until and not self._stopping.is_set():
            batch = batches.find(connection, name)
            if batch is None or batch.state != batches.RUNNING:
                return
            with locks(connection) as take:
                # whoever holds it goes on with the run, or is the process that has just gone
                if take(name):
                    batch = batches.find(connection, name)
                    if batch is not None and batch.state == batches.RUNNING:
                        batch.state, batch.reason = batches.FAILED, how
                        batches.save(connection, batch, self._clock()[0])
                    return
            self._stopping.wait(0.1)


def _end(process: subprocess.Popen[bytes]) -> int:
    """Let a process end that does no run; one that does not end by itself is killed."""
    try:
        return process.wait(END_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _word(process: subprocess.Popen[bytes]) -> str:
    """The one word that the process of a run says; nothing when it ends, or takes too long."""
    pipe = process.stdout
    assert pipe is not None  # noqa: S101  it was asked for
    with pipe, selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        return pipe.readline().decode().strip() if selector.select(BEGIN_SECONDS_MAX) else ""
