"""Threads that read: a few for each purpose, each with connections of its own, and with a bounded queue.

What a counter waits for has threads apart from reports, so that a report keeps nobody at a counter waiting.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple, TypeVar

from api.http.errors import database_is_gone
from ledger import Overloaded, at_a_glance, glancing, reading

# more than this cannot be read before whoever asked has gone
WAITING_MAX: Final = 2_000
# a connection that was lost at once was stale; one that was silent for long is not tried again
STALE_SECONDS: Final = 1.0

_NOTHING: Final = object()

S = TypeVar("S")
T = TypeVar("T")
# what a request wants done, in the thread that read for it, before what was read is handed over
AFTER_LOOK: ContextVar[Callable[[], None] | None] = ContextVar("after_look", default=None)
Opener = Callable[[Any], Any]


class _Job(NamedTuple):
    """Something to be done in one of the threads, and who waits for it."""

    work: Callable[[], Any]
    after: Callable[[], None] | None
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Readers:
    """`count` threads that read from `engine`; more than `asked_max` at once are not waited for."""

    def __init__(self, engine: Any, count: int, name: str, asked_max: int | None = None) -> None:
        self.engine = engine
        self._asked_max = asked_max
        self._count, self._name = count, name
        self._threads: list[threading.Thread] = []
        # what is to be done; None ends a thread
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._mine = threading.local()
        self._opened: list[Any] = []
        # looks that were asked for and have no answer; looks that threads are at
        self._asked = 0
        self._at_work: set[object] = set()

    @property
    def active(self) -> int:
        """How many threads read just now."""
        return len(self._at_work)

    @property
    def waiting(self) -> int:
        """How many looks wait for a thread."""
        return max(self._asked - len(self._at_work), 0)

    def stop(self) -> None:
        """Let those end that read, turn away who waits, and let go of the connections."""
        while not self._jobs.empty():
            # a thread may be before
            with suppress(Empty):
                job = self._jobs.get_nowait()
                if job is not None:
                    _tell(job.loop, job.future.cancel)
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    async def read(self, look: Callable[[Any], T]) -> T:
        """Run one look inside one read transaction: all it sees is of one moment. Raises Overloaded."""
        return await self.run(partial(self._look, look, reading))

    async def glance(self, look: Callable[[Any], T]) -> T:
        """The same without a transaction, which saves two trips to the database.

        For a look of one statement, or at entries alone, which never change.
        """
        return await self.run(partial(self._look, look, glancing))

    async def read_and(self, look: Callable[[Any], S], work: Callable[[S], T]) -> T:
        """Run one look as `read` does, and in the same turn what is made of it. Raises Overloaded."""
        return await self.run(lambda: work(self._look(look, reading)))

    async def glance_and(self, look: Callable[[Any], S], make: Callable[[S], T]) -> T:
        """Run one look as `glance` does, and make something of it. Raises Overloaded.

        It is made here, in the event loop, while the thread does what is to be done after the look: both are
        done when this returns, and `make` may touch nothing that the other one does.
        """
        loop = asyncio.get_running_loop()
        seen: asyncio.Future[Any] = loop.create_future()

        def work() -> None:
            _tell(loop, _resolve, seen, self._look(look, glancing))

        done = self._hand_over(work)
        # a look that failed has shown nothing
        done.add_done_callback(lambda _done: _resolve(seen, _NOTHING))
        try:
            found = await seen
            made = None if found is _NOTHING else make(found)
            await done
        finally:
            # nothing to what is done; of whoever gave up waiting nobody waits any more
            done.cancel()
        return made  # type: ignore[return-value]  # where there was nothing, `done` has raised why

    async def run(self, work: Callable[[], T]) -> T:
        """Run what blocks in one of the threads. Raises Overloaded."""
        done: T = await self._hand_over(work)
        return done

    def _hand_over(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        if self._asked >= (WAITING_MAX if self._asked_max is None else self._asked_max):
            raise Overloaded
        if self._asked >= len(self._threads) < self._count:
            self._start_one()
        self._asked += 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        future.add_done_callback(self._left)
        # not by an executor: its futures, and those that wait for them, cost as much as a short look
        self._jobs.put(_Job(work, AFTER_LOOK.get(), future, loop))
        return future

    def _left(self, future: asyncio.Future[Any]) -> None:
        # one that was answered is counted when it is, before anybody sees the answer
        if future.cancelled():
            self._asked -= 1

    def _answer(self, give: Callable[[asyncio.Future[Any], Any], None], job: _Job, what: object) -> None:
        if not job.future.done():
            self._asked -= 1
            give(job.future, what)

    def _start_one(self) -> None:
        """All that there are have something to do."""
        name = f"ledger-{self._name}_{len(self._threads)}"
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    # -- in a thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            # who has gone meanwhile wants nothing that was not begun
            if not job.future.cancelled():
                try:
                    done = self._work(job.work, job.after)
                except BaseException as fault:  # noqa: BLE001  it is the fault of whoever asked, and is given to it
                    _tell(job.loop, self._answer, _fail, job, fault)
                else:
                    _tell(job.loop, self._answer, _resolve, job, done)

    def _work(self, work: Callable[[], T], after: Callable[[], None] | None) -> T:
        self._at_work.add(work)
        try:
            done = work()
            if after is not None:
                after()
            return done
        finally:
            self._at_work.discard(work)

    def _look(self, look: Callable[[Any], T], how: Opener) -> T:
        return self.again_when_lost(partial(self._look_once, look, how))

    def _look_once(self, look: Callable[[Any], T], how: Opener) -> T:
        connection = self.connection(how)
        if how is glancing:
            return at_a_glance(connection, look)
        with connection.begin():
            return look(connection)

    def again_when_lost(self, work: Callable[[], T]) -> T:
        """Run what only reads; when the connection was lost, once more on a new one."""
        began = time.monotonic()
        try:
            return work()
        except Exception as error:
            if not database_is_gone(error):
                raise
            # not left to reconnect by itself: it would come back without being read-only
            for connection in self._connections().values():
                self._opened.remove(connection)
                connection.close()
            self._connections().clear()
            if time.monotonic() - began > STALE_SECONDS:
                raise
            return work()

    def connection(self, how: Opener) -> Any:
        """This thread's own connection of a kind."""
        connections = self._connections()
        connection = connections.get(how)
        if connection is None:
            connection = connections[how] = how(self.engine)
            self._opened.append(connection)
        return connection

    def _connections(self) -> dict[Opener, Any]:
        connections: dict[Opener, Any] = self._mine.__dict__.setdefault("connections", {})
        return connections


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *arguments: object) -> None:
    # a loop that is closed has nobody who waits any more
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(callback, *arguments)


def _resolve(future: asyncio.Future[Any], done: object) -> None:
    if not future.done():
        future.set_result(done)


def _fail(future: asyncio.Future[Any], fault: BaseException) -> None:
    if not future.done():
        future.set_exception(fault)
