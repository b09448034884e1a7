"""Group commit: what arrives while the last batch commits, and at once with it, becomes the next batch.

One thread per process posts; handlers hand a command over and await its outcome. Nothing waits when only one
call is there. An outcome is given back only after COMMIT, and a caller who hangs up does not undo a command.
A thread that dies answers whoever waits, and says so to whoever can end the process.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from ledger.database.engines import for_posting
from ledger.database.purposes import POSTING, Purpose
from ledger.measures import COUNTS, Histogram
from ledger.policy import Policy
from ledger.posting import Command, Outcome, Unavailable, Unknown
from ledger.posting.desk import Reveal, Seal
from ledger.posting.way_in import leave, post
from ledger.refusals import Refused

SINGLES_MAX = 256
WAITING_MAX = 8192
# of which one caller has half at most, so that it does not turn away all others
SHARE_MAX = WAITING_MAX // 2
# and with so few waiting a caller is never turned away for what the others have waiting
FEW = 64
# how long the first command of a batch waits while each turn of the event loop brings another: no turn is
# begun after it
GATHERING_SECONDS_MAX = 0.01

_log = logging.getLogger(__name__)


class Overloaded(Exception):
    """More commands wait than one process, or one caller, should have. The caller tries again later."""


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
    """The one writer of a process. `clock` gives now and the area's day, read once for each batch.

    `purpose` says how long its statements may take. `on_death` is called, in the thread, when it ends by a
    fault that it does not know: a writer that is dead takes nothing more, and only a new process helps.
    """

    def __init__(
        self,
        engine: Engine,
        policies: Mapping[int, Policy],
        clock: Callable[[], tuple[datetime, date]],
        reveal: Reveal | None = None,
        *,
        seal: Seal | None = None,
        purpose: Purpose = POSTING,
        on_death: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._purpose = purpose
        self._on_death = on_death
        self._policies = policies
        self._clock = clock
        self._reveal = reveal
        self._seal = seal
        self._singles: deque[_Job] = deque()
        self._chunks: deque[_Job] = deque()
        # each is counted by one thread alone
        self._handed_over = 0
        self._answered = 0
        # the same by caller
        self._handed_over_by: Counter[str] = Counter()
        self._answered_by: Counter[str] = Counter()
        # what the thread has taken and not answered
        self._in_hand: list[_Job] = []
        # how many commands were posted together, how long that took, and how long its COMMIT
        self.posted_together = Histogram(COUNTS)
        self.posting_seconds = Histogram()
        self.commit_seconds = Histogram()
        # how many commands were refused, by code
        self.refusals: Counter[str] = Counter()
        self._arrived = threading.Event()
        # the loop that looks whether more commands come
        self._gathering: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._dead = False
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

    @property
    def is_dead(self) -> bool:
        """Whether the thread ended by a fault."""
        return self._dead

    async def post(self, command: Command) -> Outcome:
        """Post one command in the next batch. Raises Overloaded, Stopped."""
        return (await self._hand_over(self._singles, [command], atomic=False))[0]

    async def post_chunk(self, commands: Sequence[Command], *, atomic: bool = False) -> list[Outcome]:
        """Post some commands as a batch of their own: a chunk of a bulk, or a group that stands together."""
        return await self._hand_over(self._chunks, commands, atomic=atomic)

    def _hand_over(
        self, queue: deque[_Job], commands: Sequence[Command], *, atomic: bool
    ) -> asyncio.Future[list[Outcome]]:
        if self._stopping or self._dead:
            raise Stopped
        # all that are handed over as one come from one caller
        caller, count = commands[0].caller, len(commands)
        its_own = self._handed_over_by[caller] - self._answered_by[caller] + count
        if its_own > SHARE_MAX or (its_own > FEW and self.waiting + count > WAITING_MAX):
            raise Overloaded
        self._handed_over += count
        self._handed_over_by[caller] += count
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Outcome]] = loop.create_future()
        queue.append(_Job(commands, atomic, future, loop))
        if self._dead:
            # it died just now, and may have looked for whoever waits before
            raise Stopped
        if self._gathering is not loop:
            self._gathering = loop
            loop.call_soon(self._gather, loop, 0, time.monotonic() + GATHERING_SECONDS_MAX)
        return future

    def _gather(self, loop: asyncio.AbstractEventLoop, seen: int, until: float) -> None:
        """Wake the thread once a turn of the loop has brought no further command.

        Woken by the first of them, or by the first turn of a loop that has more to read, it would post what
        comes at once in many small batches, and each costs the processor as much again as ten commands.
        """
        waiting = len(self._singles)
        # a chunk is a batch already
        if seen < waiting < SINGLES_MAX and not self._chunks and time.monotonic() < until:
            loop.call_soon(self._gather, loop, waiting, until)
            return
        self._gathering = None
        self._arrived.set()

    # -- the thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        engine = for_posting(self._engine, self._purpose)
        connection: Connection | None = None
        try:
            chunk_next = False
            while True:
                # those of before are answered: nothing of them is kept while none come
                jobs = self._in_hand = []
                if not self._stopping:
                    self._arrived.wait()
                    self._arrived.clear()
                jobs = self._in_hand = self._take(chunk_next)
                if not jobs:
                    if self._stopping:
                        return
                    continue
                # single commands and chunks in turn, so that neither starves the other
                chunk_next = not chunk_next
                connection = connection or self._connect(engine)
                if connection is None:
                    gone = Unavailable("the database could not be reached")
                    self._answer([(job, [gone] * len(job.commands)) for job in jobs])
                else:
                    self._post(connection, jobs)
        except BaseException as fault:  # noqa: BLE001  nothing that a command brings: the thread ends, and says so
            self._die(fault)
        finally:
            if connection is not None:
                connection.close()
            if engine is not self._engine:
                engine.dispose()

    def _die(self, fault: BaseException) -> None:
        """Answer everybody: of what was in hand nobody knows what became of it, the rest was not begun."""
        self._dead = True
        _log.critical("the writer has died", exc_info=fault)
        unsure = Unknown("the writer died")
        self._answer([(job, [unsure] * len(job.commands)) for job in self._in_hand])
        waiting = [queue.popleft() for queue in (self._singles, self._chunks) for _ in range(len(queue))]
        gone = Unavailable("the writer died")
        self._answer([(job, [gone] * len(job.commands)) for job in waiting])
        self._on_death()

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
        most = 1 if queue is self._chunks else SINGLES_MAX
        taken = [queue.popleft() for _ in range(min(len(queue), most))]
        if self._singles or self._chunks:
            # the rest was waiting as long
            self._arrived.set()
        return taken

    def _post(self, connection: Connection, jobs: list[_Job]) -> None:
        commands = (
            jobs[0].commands if len(jobs) == 1 else [command for job in jobs for command in job.commands]
        )
        began = time.perf_counter()
        try:
            now, today = self._clock()
            outcomes = post(
                connection,
                commands,
                now,
                today,
                self._policies,
                atomic=jobs[0].atomic,
                reveal=self._reveal,
                seal=self._seal,
                committed=self.commit_seconds.observe,
                clock=self._clock,
            )
        except Exception as fault:  # noqa: BLE001  a bug of one command: it is given to whoever asked, never dropped
            self._after_fault(connection, jobs, fault)
            return
        answers: list[tuple[_Job, list[Outcome]]] = []
        place = 0
        for job in jobs:
            answers.append((job, outcomes[place : place + len(job.commands)]))
            place += len(job.commands)
        self.posted_together.observe(len(commands))
        self.posting_seconds.observe(time.perf_counter() - began)
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                self.refusals[outcome.code.value] += 1
        self._answer(answers)

    def _after_fault(self, connection: Connection, jobs: list[_Job], fault: Exception) -> None:
        """A decision broke: its neighbours are posted one by one, the culprit gets the fault."""
        leave(connection)
        if len(jobs) > 1:
            for job in jobs:
                self._post(connection, [job])
            return
        _log.error("a command broke its batch", exc_info=fault)
        job = jobs[0]
        self._count_answered(job)
        _tell(job.loop, _fail, job.future, fault)

    def _answer(self, answers: list[tuple[_Job, list[Outcome]]]) -> None:
        """One wake-up for the whole batch, or one for each loop that handed over a part of it."""
        for job, _outcomes in answers:
            self._count_answered(job)
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Job, list[Outcome]]]] = {}
        for job, outcomes in answers:
            by_loop.setdefault(job.loop, []).append((job, outcomes))
        for loop, its_own in by_loop.items():
            _tell(loop, _resolve, its_own)

    def _count_answered(self, job: _Job) -> None:
        self._answered += len(job.commands)
        self._answered_by[job.commands[0].caller] += len(job.commands)


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
