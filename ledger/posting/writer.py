"""Group commit: what arrives while the last batch commits becomes the next batch.

One thread per process posts; handlers hand a command over and await its outcome. Nothing waits when only one
call is there. An outcome is given back only after COMMIT, and a caller who hangs up does not undo a command.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from ledger.database.engines import for_posting
from ledger.policy import Policy
from ledger.posting import Command, Outcome, Unavailable
from ledger.posting.way_in import post

SINGLES_MAX = 256
WAITING_MAX = 4096

_log = logging.getLogger(__name__)


class Overloaded(Exception):
    """More commands are waiting than one process should promise to post. The caller tries again later."""


class Stopped(Exception):
    """The writer is shutting down and takes nothing more."""


@dataclass(slots=True)
class _Job:
    """What is posted as one: a single command, or one chunk of a bulk."""

    commands: Sequence[Command]
    atomic: bool
    future: asyncio.Future[list[Outcome]]
    loop: asyncio.AbstractEventLoop


class Writer:
    """The one writer of a process. `clock` gives now and the area's day, read once for each batch."""

    def __init__(
        self,
        engine: Engine,
        policies: Mapping[int, Policy],
        clock: Callable[[], tuple[datetime, date]],
    ) -> None:
        self._engine = engine
        self._policies = policies
        self._clock = clock
        self._singles: deque[_Job] = deque()
        self._chunks: deque[_Job] = deque()
        # each is counted by one thread alone
        self._handed_over = 0
        self._answered = 0
        self._arrived = threading.Event()
        self._waking: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Post what is waiting, then end. Blocks until the thread is gone."""
        self._stopping = True
        self._arrived.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def waiting(self) -> int:
        """How many commands wait or are being posted."""
        return self._handed_over - self._answered

    async def post(self, command: Command) -> Outcome:
        """Post one command in the next batch. Raises Overloaded, Stopped."""
        return (await self._hand_over(self._singles, [command], atomic=False))[0]

    async def post_chunk(self, commands: Sequence[Command], *, atomic: bool = False) -> list[Outcome]:
        """Post some commands as a batch of their own: a chunk of a bulk, or a group that stands together."""
        return await self._hand_over(self._chunks, commands, atomic=atomic)

    def _hand_over(
        self, queue: deque[_Job], commands: Sequence[Command], *, atomic: bool
    ) -> asyncio.Future[list[Outcome]]:
        if self._stopping:
            raise Stopped
        if self.waiting + len(commands) > WAITING_MAX:
            raise Overloaded
        self._handed_over += len(commands)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Outcome]] = loop.create_future()
        queue.append(_Job(commands, atomic, future, loop))
        # Woken once the loop has let every caller of this turn hand over: woken by the first of them, the
        # thread would take a part of the batch and post it in two.
        if self._waking is not loop:
            self._waking = loop
            loop.call_soon(self._wake)
        return future

    def _wake(self) -> None:
        self._waking = None
        self._arrived.set()

    # -- the thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        engine = for_posting(self._engine)
        connection: Connection | None = None
        try:
            chunk_next = False
            while True:
                jobs = self._take(chunk_next)
                if not jobs:
                    if self._stopping:
                        return
                    self._arrived.wait()
                    self._arrived.clear()
                    continue
                # single commands and chunks in turn, so that neither starves the other
                chunk_next = not chunk_next
                connection = connection or self._connect(engine)
                if connection is None:
                    gone = Unavailable("the database could not be reached")
                    self._answer([(job, [gone] * len(job.commands)) for job in jobs])
                else:
                    self._post(connection, jobs)
        finally:
            if connection is not None:
                connection.close()
            if engine is not self._engine:
                engine.dispose()

    @staticmethod
    def _connect(engine: Engine) -> Connection | None:
        """The one connection of this thread; None while there is no database, and asked for again."""
        try:
            return engine.connect()
        except DBAPIError as error:
            _log.warning("the writer has no database", exc_info=error)
            return None

    def _take(self, chunk_next: bool) -> list[_Job]:
        first, second = (self._chunks, self._singles) if chunk_next else (self._singles, self._chunks)
        queue = first or second
        if queue is self._chunks:
            return [queue.popleft()] if queue else []
        return [queue.popleft() for _ in range(min(len(queue), SINGLES_MAX))]

    def _post(self, connection: Connection, jobs: list[_Job]) -> None:
        commands = (
            jobs[0].commands if len(jobs) == 1 else [command for job in jobs for command in job.commands]
        )
        now, today = self._clock()
        try:
            outcomes = post(connection, commands, now, today, self._policies, atomic=jobs[0].atomic)
        except Exception as fault:  # noqa: BLE001  a bug of one command: it is given to whoever asked, never dropped
            self._after_fault(connection, jobs, fault)
            return
        answers: list[tuple[_Job, list[Outcome]]] = []
        place = 0
        for job in jobs:
            answers.append((job, outcomes[place : place + len(job.commands)]))
            place += len(job.commands)
        self._answer(answers)

    def _after_fault(self, connection: Connection, jobs: list[_Job], fault: Exception) -> None:
        """A decision broke: its neighbours are posted one by one, the culprit gets the fault."""
        connection.rollback()
        if len(jobs) > 1:
            for job in jobs:
                self._post(connection, [job])
            return
        _log.error("a command broke its batch", exc_info=fault)
        job = jobs[0]
        self._answered += len(job.commands)
        _tell(job.loop, _fail, job.future, fault)

    def _answer(self, answers: list[tuple[_Job, list[Outcome]]]) -> None:
        """One wake-up for the whole batch, or one for each loop that handed over a part of it."""
        self._answered += sum(len(outcomes) for _, outcomes in answers)
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Job, list[Outcome]]]] = {}
        for job, outcomes in answers:
            by_loop.setdefault(job.loop, []).append((job, outcomes))
        for loop, its_own in by_loop.items():
            _tell(loop, _resolve, its_own)


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *arguments: object) -> None:
    try:
        loop.call_soon_threadsafe(callback, *arguments)
    except RuntimeError:
        # The loop is closed: whoever asked has gone, and the same key tells what became of the command.
        _log.warning("nobody waits for the outcome any more")


def _resolve(answers: list[tuple[_Job, list[Outcome]]]) -> None:
    for job, outcomes in answers:
        if not job.future.done():
            job.future.set_result(outcomes)


def _fail(future: asyncio.Future[list[Outcome]], fault: Exception) -> None:
    if not future.done():
        future.set_exception(fault)
