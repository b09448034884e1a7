"""What the running app holds: the engine, the one writer, the readers, and what is handed to commands."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from functools import partial
from typing import Any, TypeVar

from fastapi import Request

from api.http.errors import database_is_gone
from api.http.security import Caller, Verifier
from ledger import (
    BookRef,
    Command,
    Outcome,
    Policy,
    Writer,
    decide_at_a_look,
    glancing,
    now_and_today,
    persons,
    reading,
    rehearse,
    resident_ref,
)
from ledger.institutions.registry import Registered
from ledger.operations.installation import Opened
from ledger.operations.starting import Starter
from ledger.people.id_numbers import parse_id_number


def patient_of(state: State, id_number: str) -> tuple[bytes, bytes]:
    """What the account of a person is found by, and the resident's book of one who has no account.

    Raises the id_* refusals.
    """
    parsed = parse_id_number(id_number, state.clock()[1])
    digest = persons.number_digest(parsed, state.keyring)
    return digest, resident_ref(digest)


READERS = 4
T = TypeVar("T")
Clock = Callable[[], tuple[datetime, date]]
Opener = Callable[[Any], Any]


class State:
    """The ledger at work behind one app."""

    def __init__(self, opened: Opened, verifier: Verifier, clock: Clock = now_and_today) -> None:
        self.engine = opened.engine
        self.policies = opened.policies
        self.keyring = opened.keyring
        self.verifier = verifier
        self.clock = clock
        # what never changes once it is there: institutions by code, policies by the version entries name
        self.institutions: dict[str, Registered] = {}
        self.stored_policies: dict[int, Policy] = {}
        self._settings = opened.settings
        self.runs = Starter(self.engine, self._settings, clock)
        self.writer = Writer(self.engine, self.policies, clock)
        # what employers send may take seconds, and nobody at a counter should wait for it
        self.office = Writer(self.engine, self.policies, clock)
        self._threads = ThreadPoolExecutor(READERS, "ledger-reader")
        self._mine = threading.local()
        self._opened: list[Any] = []

    def start(self) -> None:
        """A writer and readers that were stopped do not start again: they are made anew."""
        self._threads = ThreadPoolExecutor(READERS, "ledger-reader")
        self._mine = threading.local()
        self.runs = Starter(self.engine, self._settings, self.clock)
        self.writer = Writer(self.engine, self.policies, self.clock)
        self.office = Writer(self.engine, self.policies, self.clock)
        self.writer.start()
        self.office.start()

    def stop(self) -> None:
        """Post what waits, then let go of everything."""
        self.runs.stop()
        self.writer.stop()
        self.office.stop()
        self._threads.shutdown()
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self.engine.dispose()

    def ref(self, account: str) -> BookRef:
        """The account that a path or body names. Raises Refused."""
        return persons.account_ref(account, self.keyring, self.clock()[1])

    # -- reading: a few threads, each with a connection of its own ----------------------------------------

    async def read(self, look: Callable[[Any], T]) -> T:
        """Run one look in a reader thread, inside one read transaction: all it sees is of one moment."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._look, look, reading)

    async def glance(self, look: Callable[[Any], T]) -> T:
        """The same without a transaction, which saves two trips to the database.

        For a look of one statement, or at entries alone, which never change.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._look, look, glancing)

    def _look(self, look: Callable[[Any], T], how: Opener) -> T:
        return self._again_when_lost(partial(self._look_once, look, how))

    def _look_once(self, look: Callable[[Any], T], how: Opener) -> T:
        connection = self._connection(how)
        with connection.begin():
            return look(connection)

    def _again_when_lost(self, work: Callable[[], T]) -> T:
        """Run what only reads; when the connection was lost, once more on a new one."""
        try:
            return work()
        except Exception as error:
            if not database_is_gone(error):
                raise
            # not left to reconnect by itself: it would come back without being read-only
            for connection in self._mine.connections.values():
                self._opened.remove(connection)
                connection.close()
            self._mine.connections = {}
            return work()

    def _connection(self, how: Opener) -> Any:
        """This thread's own connection of a kind."""
        connections: dict[Opener, Any] = self._mine.__dict__.setdefault("connections", {})
        connection = connections.get(how)
        if connection is None:
            connection = connections[how] = how(self.engine)
            self._opened.append(connection)
        return connection

    async def rehearse(self, commands: Sequence[Command], *, atomic: bool = False) -> list[Outcome]:
        """What would become of some commands. Writes nothing."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(self._rehearse, commands, atomic))

    def _rehearse(self, commands: Sequence[Command], atomic: bool) -> list[Outcome]:
        def once() -> list[Outcome]:
            now, today = self.clock()
            return rehearse(self._connection(reading), commands, now, today, self.policies, atomic=atomic)

        return self._again_when_lost(once)

    async def presettle(self, command: Command) -> Outcome:
        """What would become of one bill: by one look where that is enough, else rehearsed."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._presettle, command)

    def _presettle(self, command: Command) -> Outcome:
        def once() -> Outcome | None:
            now, today = self.clock()
            return decide_at_a_look(self._connection(glancing), command, now, today, self.policies)

        seen = self._again_when_lost(once)
        return self._rehearse([command], False)[0] if seen is None else seen

    async def run(self, work: Callable[[], T]) -> T:
        """Run something that blocks in a thread of the same few."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def state_of(request: Request) -> State:
    """The state behind the app that a request came to."""
    state: State = request.scope["app"].state.ledger
    return state


def caller_of(request: Request) -> Caller:
    """Who calls; the route has asked for a token."""
    caller: Caller = request.scope["ledger.caller"]
    return caller
