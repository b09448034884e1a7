"""Long runs: what one is, and the loop that does it, from the first book of an area to the last.

The books themselves say what is still to do, so a run that was killed is simply started again; one over an
area where nothing is left to do posts nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ledger.clock import Clock
from ledger.database.locks import LocksLost
from ledger.money import in_yuan
from ledger.policy import Policy
from ledger.posting import Command, Failed, Outcome, Posted, Unknown, Waiting, batches
from ledger.posting.batches import Batch
from ledger.posting.left_out import FAULT, LeftOut
from ledger.posting.way_in import post
from ledger.refusals import RefusalCode, Refused

# as many books may meet a fault of the database before the run is taken to have met it
FAULTS_MAX = 10

Policies = Mapping[int, Policy]


def _nobody_listens(*_told: object) -> None:
    """Who is told how far a run is, when nobody asked."""


@dataclass(frozen=True, slots=True)
class Chunks:
    """The books that a run goes over, a chunk at a time in the order of their numbers."""

    # how many books there are, for those who watch
    total: int
    # the commands for the next books after a number, by book; none at the end
    after: Callable[[int], Mapping[int, Command]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One description of a long run over an area, for a year or for a month (YYYYMM): its `period`."""

    # what its batches are called, as a kind and in their names
    kind: str
    # a period as names and callers write it
    written: Callable[[int], str]
    # refuses what cannot be run: period, area, today, policies
    check: Callable[[int, int, date, Policies], None]
    # the refusals that `check` may raise
    refused_with: tuple[RefusalCode, ...]
    chunks: Callable[[Connection, int, int], Chunks]
    # what one book's entries moved, in fen
    moved: Callable[[Posted], int]
    # refusals of books where there is nothing to do, which nobody needs to hear of; others are counted
    passed_over: frozenset[RefusalCode] = frozenset()

    def batch_name(self, period: int, area: int) -> str:
        """The name of the work itself: asked for again, it is the same batch."""
        return f"{self.kind}-{area:06d}-{self.written(period)}"

    def run(
        self,
        connection: Connection,
        period: int,
        area: int,
        clock: Clock,
        policies: Policies,
        *,
        progress: Callable[[int, int], None] = _nobody_listens,
        begun: Callable[[], None] = _nobody_listens,
    ) -> Batch:
        """Do what is still to do in the books of an area.

        `clock` gives now and today, anew for each chunk. `begun` is called once the batch says that the run
        is under way, `progress` after each chunk with how many books are done, and of how many.

        A book that is refused is left out, named in the batch, and holds up no other. Raises Refused as
        `check` does; Unknown when the database went away, Failed when it takes nothing: the run is then
        started again. What ends it early stands in the batch as its reason, if the database still takes it.
        """
        now, today = clock()
        self.check(period, area, today, policies)
        batch = batches.begin(connection, self.batch_name(period, area), self.kind, now)
        begun()
        try:
            self._go(connection, batch, self.chunks(connection, period, area), clock, policies, progress)
        except Exception as fault:
            _end_with(connection, batch, fault, clock()[0])
            raise
        batch.state = batches.FINISHED
        batches.save(connection, batch, clock()[0], tallied=True)
        ended = batches.find(connection, batch.batch_id)
        if ended is None:
            raise AssertionError("the batch was just written")
        return ended

    def _go(
        self,
        connection: Connection,
        batch: Batch,
        chunks: Chunks,
        clock: Clock,
        policies: Policies,
        progress: Callable[[int, int], None],
    ) -> None:
        """Post chunk after chunk.

        It begins at the front and not at the bookmark of a run that was killed: books may have come since,
        and what is done is not asked for again.
        """
        after = seen = 0
        left_out = LeftOut()

        def tally(connection: Connection, outcomes: Sequence[object]) -> None:
            # what is answered with an older entry was counted with it
            done = [one for one in outcomes if isinstance(one, Posted) and one.created]
            batches.tally(connection, batch, len(done), sum(map(self.moved, done)))

        while commands := chunks.after(after):
            now, today = clock()
            outcomes = post(
                connection, list(commands.values()), now, today, policies, beside=tally, clock=clock
            )
            for book_id, outcome in zip(commands, outcomes, strict=True):
                self._count(batch, left_out, book_id, outcome)
            batch.detail = left_out.detail
            batch.bookmark = after = max(commands)
            seen += len(commands)
            batches.save(connection, batch, now, tallied=True)
            progress(seen, chunks.total)

    def _count(self, batch: Batch, left_out: LeftOut, book_id: int, outcome: Outcome) -> None:
        """Count a book that is left out, and name it."""
        if isinstance(outcome, Posted):
            # tallied with its entries
            return
        if isinstance(outcome, Unknown):
            raise outcome
        if isinstance(outcome, Failed):
            left_out.faults += 1
            if left_out.faults > FAULTS_MAX:
                # not one book that is bad, but a database that takes none
                raise outcome
            batch.refused += 1
            left_out.add(book_id, FAULT, {})
        elif isinstance(outcome, Waiting):
            # not with what a run posts: it seals nothing
            raise outcome
        elif outcome.code not in self.passed_over:
            batch.refused += 1
            left_out.add(book_id, outcome.code.value, outcome.facts)


def moved_alike(done: Posted) -> int:
    """What the entries of the receipt's own kind moved, in fen."""
    return done.receipt.amount_fen + sum(
        other.amount_fen for other in done.others if other.kind == done.receipt.kind
    )


def _end_with(connection: Connection, batch: Batch, fault: Exception, now: datetime) -> None:
    """Write down that a run failed, and why. Of a fault that nobody expected the name only: no data."""
    if isinstance(fault, Refused):
        facts = ", ".join(f"{name} {value}" for name, value in in_yuan(fault.facts).items())
        batch.reason = f"{fault.code.value}: {facts}" if facts else fault.code.value
    elif isinstance(fault, Failed | Unknown):
        batch.reason = str(fault)
    else:
        batch.reason = type(fault).__name__
    batch.state = batches.FAILED
    try:
        connection.rollback()
        batches.save(connection, batch, now, tallied=True)
    except (DBAPIError, LocksLost) as gone:
        fault.add_note(f"and that was not written down: {type(gone).__name__}")
