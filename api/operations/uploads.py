"""Files that come over HTTP: one at a time of a caller, a few at work at once, each in a thread of its own.

A file that is still coming has no place at work: who sends slowly keeps nobody else's file waiting.
"""

from __future__ import annotations

import asyncio
import csv
import logging
import shutil
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from api.http.errors import Declined
from api.http.multipart import Form
from api.http.problems import DoorCode
from api.http.security import Caller
from api.http.state import State
from ledger import PolicyOutdated, batches
from ledger.contributions.beyond_staff import OwnLists
from ledger.imports import ControlTotals, Importer, ImportProblem
from ledger.imports.chunks import Told
from ledger.operations.installation import connection_to_post

AT_ONCE: Final = 2
# files that are there or still coming: so many times their size is what they take of the disk
COMING_MAX: Final = 8
# how long a caller waits for the end of a file; after that it is told to ask for the batch
WAIT_SECONDS: Final = 30.0
SPARE_SECONDS: Final = 2.0
REJECTED_TOLD: Final = 1000
RETRY_SECONDS: Final = "5"
_WHY_STOPPED: Final = {
    DoorCode.TOO_MANY_REQUESTS: "it names too many people beyond the staff; leave them out, or go on later",
    DoorCode.READ_LOG_UNAVAILABLE: "whom it names beyond the staff could not be recorded; send it again",
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller asks for with a file."""

    kind: str
    form: Form
    totals: ControlTotals
    preview: bool
    include_hidden: bool
    caller: Caller
    # told, of a preview, each command and what would become of it
    told: Told
    # of an employer that sends its own lists
    own_lists: OwnLists | None = None


class Uploads:
    """The files under way in this process."""

    def __init__(self) -> None:
        # whose files are coming or at work; those whose files are at work
        self._callers: set[str] = set()
        self._at_work: set[str] = set()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(AT_ONCE, "ledger-upload")
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Let the block that is being posted end, and no more of the file: sent again, it goes on."""
        self._stopping.set()
        self._threads.shutdown()

    def take(self, caller: Caller) -> Path:
        """A folder for a file of a caller. Raises Declined (503) while another of its files is under way, and
        where there is no place for one more.
        """
        name = _name(caller)
        with self._lock:
            if name in self._callers or len(self._callers) >= COMING_MAX or len(self._at_work) >= AT_ONCE:
                raise _no_place()
            self._callers.add(name)
        return Path(tempfile.mkdtemp(prefix="ledger-upload-"))

    def begin(self, caller: Caller) -> None:
        """The file of a caller is there, and takes a place at work. Raises Declined (503) for want of one."""
        with self._lock:
            if len(self._at_work) >= AT_ONCE:
                raise _no_place()
            self._at_work.add(_name(caller))

    def let_go(self, caller: Caller, folder: Path) -> None:
        """Throw away what was sent, and let the caller send another."""
        shutil.rmtree(folder, ignore_errors=True)
        with self._lock:
            self._callers.discard(_name(caller))
            self._at_work.discard(_name(caller))

    async def run(
        self, state: State, asked: Asked, folder: Path, seconds_left: float
    ) -> tuple[dict[str, Any], bool]:
        """Import a file that has begun, or preview it: what became of it, and whether it has come to its end.

        Raises Refused; Declined (503) when the database is gone; PolicyOutdated. Lets go of the
        folder when it is done.
        """
        begun: list[str] = []
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, self._work, state, asked, folder, begun
        )
        # whoever waits too long is told that there is no answer, and not which batch to ask for
        seconds = max(0.0, min(WAIT_SECONDS, seconds_left - SPARE_SECONDS))
        done, _waiting = await asyncio.wait({work}, timeout=None if asked.preview else seconds)
        if not done and begun:
            # nobody waits for it any more: what goes wrong stands in the batch and in the log
            work.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            return {"batch": begun[0], "state": batches.RUNNING}, False
        return await work, True

    def _work(self, state: State, asked: Asked, folder: Path, begun: list[str]) -> dict[str, Any]:
        try:
            with connection_to_post(state.engine) as connection:
                importer = Importer(
                    connection,
                    state.keyring,
                    state.policies,
                    state.clock,
                    asked.caller.actor,
                    progress=self._go_on,
                    rejected_directory=folder,
                    include_hidden=asked.include_hidden,
                    caller=asked.caller.caller,
                    only_employer=asked.caller.employer,
                    begun=begun.append,
                    told=asked.told,
                    own_lists=asked.own_lists,
                )
                act = importer.preview if asked.preview else importer.run
                with _in_words(state, connection, begun):
                    summary = act(asked.form.file, asked.kind, asked.totals)
            said = summary.as_json()
            del said["rejected_file"], said["waiting_file"]
            return said | {
                "state": None if asked.preview else batches.FINISHED,
                "rejected": _rejected(summary.rejected_file),
            }
        finally:
            self.let_go(asked.caller, folder)

    def _go_on(self, _done: int, _all: int) -> None:
        if self._stopping.is_set():
            raise ImportProblem("the service was stopped; send the file again to go on")


def _name(caller: Caller) -> str:
    return f"{caller.caller}|{caller.employer or ''}"


def _no_place() -> Declined:
    return Declined(DoorCode.OVERLOADED, {"Retry-After": RETRY_SECONDS}, files_max=AT_ONCE)


@contextmanager
def _in_words(state: State, connection: Any, begun: list[str]) -> Iterator[None]:
    """Write down why a file that had begun did not come to its end, and tell the caller to send it again."""
    try:
        yield
    except ImportProblem as problem:
        _log.warning("a file that was sent did not come to its end: %s", problem)
        _write_down(state, connection, begun, str(problem))
        if isinstance(problem.__cause__, PolicyOutdated):
            raise problem.__cause__ from None
        raise Declined(DoorCode.NOT_READY, {"Retry-After": RETRY_SECONDS}) from problem
    except Declined as no:
        # of whom an employer's own lists name beyond its staff
        _write_down(state, connection, begun, _WHY_STOPPED[no.code])
        raise


def _write_down(state: State, connection: Any, begun: list[str], why: str) -> None:
    if not begun or connection.invalidated:
        return
    batch = batches.find(connection, begun[0])
    if batch is not None and batch.state == batches.RUNNING:
        batch.state, batch.reason = batches.FAILED, why
        batches.save(connection, batch, state.clock()[0])


def _rejected(listed: Path | None) -> list[dict[str, Any]]:
    """The first of the lines that were refused. What stood in them is not told: the caller has the file."""
    if listed is None:
        return []
    with listed.open(encoding="utf-8", newline="") as file:
        return [
            {
                "line": int(row["line"]),
                "code": row["code"],
                "reason": row["reason"],
                "column": row["column"] or None,
                "expected": row["expected"] or None,
            }
            for row in islice(csv.DictReader(file), REJECTED_TOLD)
        ]
