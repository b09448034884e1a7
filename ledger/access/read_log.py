"""The read log: before an answer shows a person's data, who asked and why is recorded and committed.

All who read at one moment share a commit. Who has just read writes in the thread that read, for all others
who wait there too: to wake another thread would cost a balance as much as reading it. What is left to be
recorded after that is handed over to a thread of the log. Each process has a chain of its own, and another
one each day, after a fault, and after a start: so no process waits for another, and what became of a commit
that was cut off never has to be asked.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoneFree

from ledger import tables
from ledger.access.reads import LoggedRead, Read, first_head, next_head, seal_of
from ledger.database.engines import connect_for, for_posting
from ledger.database.faults import Trouble, table_is_gone, trouble
from ledger.database.purposes import READ_LOG
from ledger.database.writers import ChainWriter
from ledger.measures import Histogram
from ledger.posting.agents import agent_ids
from ledger.vault import Keyring

WAITING_MAX: Final = 20_000
# rows of one commit
TOGETHER_MAX: Final = 4_096
_TRIES_MAX: Final = 20

_C = tables.read_log_chain.c
_ROWS = ChainWriter(tables.read_log, tables.read_log_chain)
_log = logging.getLogger(__name__)


class ReadLogUnavailable(Exception):
    """A read could not be recorded: nothing may be shown. Nor may the log, where it is not there."""


@contextmanager
def log_is_there() -> Iterator[None]:
    """Read the log. Raises ReadLogUnavailable where it is not there."""
    try:
        yield
    except DBAPIError as error:
        if table_is_gone(error):
            raise ReadLogUnavailable("it is not there") from error
        raise


# what a database may answer that cannot take a record now
_REFUSED: Final = (DBAPIError, NoneFree, ReadLogUnavailable)


@dataclass(slots=True)
class _Chain:
    """Where the chain stands that this process writes."""

    chain_id: int
    day: date
    seq: int
    head: bytes


@dataclass(slots=True)
class _Job:
    reads: Sequence[Read]
    future: asyncio.Future[None]
    loop: asyncio.AbstractEventLoop


@dataclass(slots=True)
class _Here:
    """Reads that wait in the thread that read."""

    reads: Sequence[Read]
    is_done: bool = False
    fault: Exception | None = None


class ReadLog:
    """The read log as one process writes it. `clock` gives now and the area's day.

    `on_death` is called when it meets a fault that it does not know: it takes nothing more then.
    """

    def __init__(
        self,
        engine: Engine,
        keyring: Keyring,
        clock: Callable[[], tuple[datetime, date]],
        on_death: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = for_posting(engine, READ_LOG)
        self._is_shared = self._engine is engine
        self._keyring = keyring
        self._clock = clock
        self._on_death = on_death
        self._chain: _Chain | None = None
        self._jobs: deque[_Job] = deque()
        # who holds it writes behind the chain
        self._turn = threading.Lock()
        self._here: deque[_Here] = deque()
        self._connection_here: Connection | None = None
        self._waiting = 0
        self._arrived = threading.Event()
        self._waking: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._dead = False
        self.commit_seconds = Histogram()
        self._thread = threading.Thread(target=self._run, name="ledger-read-log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Record what is waiting, then end. Blocks until the thread is gone."""
        self._stopping = True
        self._arrived.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._turn:
            if self._connection_here is not None:
                self._connection_here.close()
                self._connection_here = None
        if not self._is_shared:
            self._engine.dispose()

    @property
    def is_dead(self) -> bool:
        """Whether a fault has ended it."""
        return self._dead

    @property
    def waiting(self) -> int:
        """How many reads wait to be recorded."""
        return self._waiting

    async def record(self, reads: Sequence[Read]) -> None:
        """Record some reads; they are committed when this returns. Raises ReadLogUnavailable."""
        if not reads:
            return
        if self._stopping or self._dead or self._waiting + len(reads) > WAITING_MAX:
            raise ReadLogUnavailable("it takes nothing more")
        loop = asyncio.get_running_loop()
        job = _Job(reads, loop.create_future(), loop)
        self._waiting += len(reads)
        self._jobs.append(job)
        # woken once the loop has let all of this turn hand over, so that they share a commit
        if self._waking is not loop:
            self._waking = loop
            loop.call_soon(self._wake)
        try:
            await job.future
        finally:
            self._waiting -= len(reads)

    def _wake(self) -> None:
        self._waking = None
        self._arrived.set()

    # -- in the threads that read ------------------------------------------------------------------------

    def record_here(self, reads: Sequence[Read]) -> None:
        """Record some reads in this thread, which waits. Raises ReadLogUnavailable."""
        if not reads:
            return
        if self._stopping or self._dead or self._waiting + len(reads) > WAITING_MAX:
            raise ReadLogUnavailable("it takes nothing more")
        mine = _Here(reads)
        self._here.append(mine)
        with self._turn:
            # whoever had the turn before may have written these as well
            if not mine.is_done and self._here:
                self._write_here([self._here.popleft() for _ in range(len(self._here))])
        # not told to be written is not written: whoever took it along may have been cut off
        if mine.fault is not None or not mine.is_done:
            raise ReadLogUnavailable("it was not taken") from mine.fault

    def _write_here(self, jobs: list[_Here]) -> None:
        fault: Exception | None = None
        try:
            reads = [read for job in jobs for read in job.reads]
            connection, self._connection_here = self._connection_here, None
            self._connection_here = self._write_on(connection, reads)
        except _REFUSED as error:
            _log.warning("reads could not be recorded", exc_info=error)
            fault = error
        except Exception as error:  # noqa: BLE001  nothing that a read brings: nothing more is recorded, and that is said
            fault = error
            self._die(error, [])
        for job in jobs:
            job.is_done, job.fault = True, fault

    # -- the thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        connection: Connection | None = None
        jobs: list[_Job] = []
        try:
            while True:
                jobs = self._take()
                if not jobs:
                    if self._stopping:
                        return
                    self._arrived.wait()
                    self._arrived.clear()
                    continue
                try:
                    with self._turn:
                        connection = self._write_on(connection, [read for job in jobs for read in job.reads])
                except _REFUSED as error:
                    _log.warning("reads could not be recorded", exc_info=error)
                    connection = None
                    self._answer(jobs, ReadLogUnavailable("the database did not take it"))
                else:
                    self._answer(jobs, None)
        except BaseException as fault:  # noqa: BLE001  nothing that a read brings: the thread ends, and says so
            self._die(fault, jobs)
        finally:
            if connection is not None:
                connection.close()

    def _take(self) -> list[_Job]:
        taken: list[_Job] = []
        rows = 0
        while self._jobs and rows < TOGETHER_MAX:
            taken.append(self._jobs.popleft())
            rows += len(taken[-1].reads)
        return taken

    def _die(self, fault: BaseException, jobs: list[_Job]) -> None:
        self._dead = True
        _log.critical("the read log has died", exc_info=fault)
        waiting = [self._jobs.popleft() for _ in range(len(self._jobs))]
        self._answer([*jobs, *waiting], ReadLogUnavailable("it has died"))
        self._on_death()

    @staticmethod
    def _answer(jobs: list[_Job], fault: ReadLogUnavailable | None) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
        for job in jobs:
            by_loop.setdefault(job.loop, []).append(job.future)
        for loop, futures in by_loop.items():
            try:
                loop.call_soon_threadsafe(_resolve, futures, fault)
            except RuntimeError:
                # the loop is closed, and whoever asked has gone
                _log.warning("nobody waits for a read to be recorded any more")

    def _write_on(self, connection: Connection | None, reads: list[Read]) -> Connection:
        """Write on a connection, or on a new one when there is none, or it was lost since the last time.

        The connection to go on with. What was cut off may have been written; then it stands there twice.
        """
        if connection is not None:
            try:
                self._write_or_close(connection, reads)
            except DBAPIError as error:
                if trouble(error) is not Trouble.LOST:
                    raise
            else:
                return connection
        connection = connect_for(self._engine, READ_LOG)
        self._write_or_close(connection, reads)
        return connection

    def _write_or_close(self, connection: Connection, reads: list[Read]) -> None:
        is_written = False
        try:
            self._write(connection, reads)
            is_written = True
        finally:
            if not is_written:
                # where the chain stands is not known then: the next one begins another
                self._chain = None
                connection.close()

    def _write(self, connection: Connection, reads: list[Read]) -> None:
        now, today = self._clock()
        names = {name for read in reads for name in (read.asker.caller, read.asker.actor)}
        agents = agent_ids(connection, names, now)
        if self._chain is None or self._chain.day != today:
            self._chain = self._begin(connection, now, today)
        chain = self._chain
        seq, head = chain.seq, chain.head
        rows = []
        for read in reads:
            seq += 1
            asker = read.asker
            row = LoggedRead(
                chain.chain_id,
                seq,
                now,
                agents[asker.caller],
                agents[asker.actor],
                asker.role,
                asker.bound_to,
                int(asker.channel),
                asker.purpose,
                asker.ref,
                read.book_id,
                read.person,
                int(read.fields),
                read.items,
                read.document,
            )
            head = next_head(head, row)
            rows.append((*row, head))
        seal = seal_of(self._keyring, chain.chain_id, seq, head)
        began = time.perf_counter()
        if not _ROWS.write(connection, rows, (chain.chain_id, chain.seq), (seq, head, seal)):
            raise RuntimeError("the chain of this process stands elsewhere than it wrote")
        self.commit_seconds.observe(time.perf_counter() - began)
        self._chain = _Chain(chain.chain_id, chain.day, seq, head)

    def _begin(self, connection: Connection, now: datetime, today: date) -> _Chain:
        """A chain with the next number. Two processes may want the same one: whoever loses looks again."""
        for _ in range(_TRIES_MAX):
            try:
                with connection.begin():
                    number = (connection.scalar(select(func.max(_C.chain_id))) or 0) + 1
                    head = first_head(number, today, now)
                    connection.execute(
                        insert(tables.read_log_chain).values(
                            chain_id=number,
                            day=today,
                            opened_at=now,
                            last_seq=0,
                            head=head,
                            seal=seal_of(self._keyring, number, 0, head),
                        )
                    )
                return _Chain(number, today, 0, head)
            except IntegrityError:
                continue
        raise ReadLogUnavailable("no number could be had for a chain")


def _resolve(futures: list[asyncio.Future[None]], fault: ReadLogUnavailable | None) -> None:
    for future in futures:
        if future.done():
            continue
        if fault is None:
            future.set_result(None)
        else:
            future.set_exception(fault)
