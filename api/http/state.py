"""What the running app holds: the engine, the one writer, the readers, and what is handed to commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from fastapi import Request

from api.http.deadlines import is_long
from api.http.leaving import while_there
from api.http.per_address import PerAddress
from api.http.probe import Probe
from api.http.readers import Readers
from api.http.security import Caller, Verifier
from api.http.strangers import Strangers
from ledger import (
    LOOKS,
    OFFICE,
    POSTING,
    PROBE,
    REPORTS,
    BookRef,
    Clock,
    Command,
    Outcome,
    Policy,
    Purpose,
    Writer,
    decide_at_a_look,
    for_purpose,
    glancing,
    now_and_today,
    persons,
    reading,
    rehearse,
    resident_ref,
)
from ledger.access.read_log import ReadLog
from ledger.institutions.registry import Registered
from ledger.operations.figures import Watched
from ledger.operations.installation import Opened
from ledger.operations.starting import Starter
from ledger.people.id_numbers import parse_id_number
from ledger.posting.writer_by_machine import by_name, writer_for
from ledger.settings import Settings


def patient_of(state: State, id_number: str) -> tuple[bytes, bytes]:
    """What the account of a person is found by, and the resident's book of one who has no account.

    Raises the id_* refusals.
    """
    parsed = parse_id_number(id_number, state.clock()[1])
    digest = persons.number_digest(parsed, state.keyring)
    return digest, resident_ref(digest)


# how many verification codes one address may ask for
CHECKS_A_MINUTE = 60
# how many people beyond its reach a caller may name that is bound to somebody
STRANGERS_A_MINUTE = 60
LOOKING = 4
REPORTING = 2
DRAWING = 2
# at work and waiting: one more would have its answer too late
LONG_DRAWINGS_MAX = 6
S = TypeVar("S")
T = TypeVar("T")


class State:
    """The ledger at work behind one app.

    `on_death` is called when a writer has died, after which the process can only be started again.
    """

    def __init__(
        self,
        opened: Opened,
        verifier: Verifier,
        clock: Clock = now_and_today,
        on_death: Callable[[], None] = lambda: None,
    ) -> None:
        self._opened = opened
        self._on_death = on_death
        self.policies = opened.policies
        self.keyring = opened.keyring
        self.verifier = verifier
        self.clock = clock
        # what never changes once it is there: institutions by code, policies by the version entries name
        self.institutions: dict[str, Registered] = {}
        self.stored_policies: dict[int, Policy] = {}
        # who may ask openly, how often
        self.checks = PerAddress(CHECKS_A_MINUTE)
        # and who is bound to somebody, about whom else
        self.strangers = Strangers(STRANGERS_A_MINUTE)
        self._reveal = persons.number_opener(self.keyring)
        self._make()

    def _make(self) -> None:
        engine = self._opened.engine
        self.engine = for_purpose(engine, LOOKS)
        self._engines = [self.engine, for_purpose(engine, REPORTS), for_purpose(engine, PROBE, pool_size=1)]
        self.runs = Starter(self.engine, self._opened.settings, self.clock)
        self.writer = self._writer(POSTING)
        # what employers send may take seconds, and nobody at a counter should wait for it
        self.office = self._writer(OFFICE)
        self.read_log = ReadLog(self._opened.engine, self.keyring, self.clock, self._on_death)
        self._looking = Readers(self.engine, LOOKING, "looking")
        self._reporting = Readers(self._engines[1], REPORTING, "reporting")
        # long documents one after another: one alone has its memory, and short ones go by
        self._drawing = Readers(self.engine, DRAWING, "drawing")
        self._drawing_long = Readers(self._engines[1], 1, "drawing-long", LONG_DRAWINGS_MAX)
        self.probe = Probe(self._engines[2])
        self.figures = Watched(self._engines[2], self.clock)

    def _writer(self, purpose: Purpose) -> Writer:
        return writer_for(
            self._opened.engine,
            self.policies,
            self.clock,
            self._reveal,
            seal=self.keyring.seal_bytes,
            purpose=purpose,
            on_death=self._on_death,
        )

    def start(self) -> None:
        """A writer and readers that were stopped do not start again: they are made anew."""
        self._make()
        self.writer.start()
        self.office.start()
        self.read_log.start()

    def stop(self) -> None:
        """Post what waits, then let go of everything."""
        self.runs.stop()
        self.writer.stop()
        self.office.stop()
        self._looking.stop()
        self._reporting.stop()
        self._drawing.stop()
        self._drawing_long.stop()
        self.read_log.stop()
        self.probe.stop()
        self.figures.stop()
        for engine in (*self._engines, self._opened.engine):
            engine.dispose()

    @property
    def settings(self) -> Settings:
        return self._opened.settings

    @property
    def readers(self) -> dict[str, Readers]:
        """The threads that read or draw, by what they are for."""
        return {
            "looks": self._looking,
            "reports": self._reporting,
            "drawings": self._drawing,
            "long_drawings": self._drawing_long,
        }

    @property
    def writers(self) -> dict[str, Writer]:
        """The threads that post, by what they are for."""
        return by_name("counter", self.writer) | by_name("office", self.office)

    def ref(self, account: str) -> BookRef:
        """The account that a path or body names. Raises Refused."""
        return persons.account_ref(account, self.keyring, self.clock()[1])

    # -- reading: a few threads, each with a connection of its own ----------------------------------------

    def readers_for(self, request: Request) -> Readers:
        """The threads that read for a request: those of reports, where its route may take long."""
        return self._reporting if is_long(request.scope) else self._looking

    async def read(self, look: Callable[[Any], T]) -> T:
        """Run one look in a reader thread, inside one read transaction: all it sees is of one moment."""
        return await self._looking.read(look)

    async def report(self, look: Callable[[Any], T]) -> T:
        """The same for a look that may take long."""
        return await self._reporting.read(look)

    async def glance(self, look: Callable[[Any], T]) -> T:
        """The same as `read` without a transaction, which saves two trips to the database.

        For a look of one statement, or at entries alone, which never change.
        """
        return await self._looking.glance(look)

    async def glance_and(self, look: Callable[[Any], S], make: Callable[[S], T]) -> T:
        """The same, and what is made of it in the event loop, while the thread records the look."""
        return await self._looking.glance_and(look, make)

    async def draw(self, request: Request, work: Callable[[], T], *, is_long: bool = False) -> T:
        """Draw a document, long ones one after another. Raises Overloaded where too many wait for that.

        ClientDisconnect when who asked has gone meanwhile: what was not begun is then not drawn.
        """
        threads = self._drawing_long if is_long else self._drawing
        return await while_there(request, threads.run(work))

    async def read_and_draw_long(
        self, request: Request, look: Callable[[Any], S], work: Callable[[S], T]
    ) -> T:
        """The same of a long document that is read in its turn too: who waits holds nothing in memory."""
        return await while_there(request, self._drawing_long.read_and(look, work))

    async def rehearse(self, commands: Sequence[Command], *, atomic: bool = False) -> list[Outcome]:
        """What would become of some commands. Writes nothing."""
        readers = self._looking if len(commands) == 1 else self._reporting
        return await readers.run(partial(self._rehearse, readers, commands, atomic))

    def _rehearse(self, readers: Readers, commands: Sequence[Command], atomic: bool) -> list[Outcome]:
        def once() -> list[Outcome]:
            now, today = self.clock()
            return rehearse(
                readers.connection(reading),
                commands,
                now,
                today,
                self.policies,
                atomic=atomic,
                reveal=self._reveal,
            )

        return readers.again_when_lost(once)

    async def presettle(self, command: Command, tell: Callable[[Command, Outcome], None]) -> Outcome:
        """What would become of one bill: by one look where that is enough, else rehearsed.

        `tell` is told of it in the thread that looked, so that the look is recorded there.
        """
        return await self._looking.run(partial(self._presettle, self._looking, command, tell))

    def _presettle(
        self, readers: Readers, command: Command, tell: Callable[[Command, Outcome], None]
    ) -> Outcome:
        def once() -> Outcome | None:
            now, today = self.clock()
            return decide_at_a_look(readers.connection(glancing), command, now, today, self.policies)

        seen = readers.again_when_lost(once)
        outcome = self._rehearse(readers, [command], False)[0] if seen is None else seen
        tell(command, outcome)
        return outcome

    async def run(self, work: Callable[[], T]) -> T:
        """Run something that blocks in a thread of the same few."""
        return await self._looking.run(work)


def state_of(request: Request) -> State:
    """The state behind the app that a request came to."""
    state: State = request.scope["app"].state.ledger
    return state


def caller_of(request: Request) -> Caller:
    """Who calls; the route has asked for a token."""
    caller: Caller = request.scope["ledger.caller"]
    return caller
