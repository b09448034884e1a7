"""Some lines at a time: posted, or rehearsed, over one connection, and what became of each counted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ledger.book.detail import unpack
from ledger.clock import Clock
from ledger.imports.already import as_booked
from ledger.imports.columns import KINDS
from ledger.imports.faults import blamed
from ledger.imports.reasons import INTERNAL_ERROR
from ledger.imports.rejected import ImportProblem
from ledger.imports.summary import DEATHS, NEEDED, Rejected, Tally, WaitingLine
from ledger.policy import Policy
from ledger.posting import Command, Failed, Outcome, PolicyOutdated, Posted, Unknown, Waiting
from ledger.posting.desk import Reveal, Seal
from ledger.posting.rehearsal import rehearse
from ledger.posting.way_in import post
from ledger.refusals import Refused

UNKNOWN_TRIES_MAX = 3
FAULTS_MAX = 10
_log = logging.getLogger(__name__)

Told = Callable[[Sequence[Command], Sequence[Outcome]], None]


@dataclass(slots=True)
class Chunk:
    """Some lines on their way: their commands, and the number and amount in fen of each."""

    commands: list[Command] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.commands)


@dataclass(slots=True)
class Poster:
    """Posts chunks over one connection, which is outside a transaction; or decides them without posting.

    `post` raises ImportProblem when the database cannot be used, or when too many lines meet a bug; what is
    posted by then stays.
    """

    connection: Connection
    policies: Mapping[int, Policy]
    clock: Clock
    rehearsing: bool = False
    kind: str = "contributions"
    faults: int = 0
    reveal: Reveal | None = None
    # told what would become of commands that are only rehearsed
    told: Told | None = None
    # seals what waits for a second person
    seal: Seal | None = None

    def post(self, chunk: Chunk) -> Tally:
        tally = Tally()
        outcomes = self._with_what_is_there(chunk.commands)
        for (number, fen), outcome in zip(chunk.places, outcomes, strict=True):
            if isinstance(outcome, Waiting):
                tally.waiting_fen += fen
                tally.waiting.append(WaitingLine(number, outcome.name))
            elif isinstance(outcome, Posted) and outcome.asks:
                # only rehearsed: it would wait
                tally.waiting_fen += fen
                tally.waiting.append(WaitingLine(number, NEEDED))
            elif isinstance(outcome, Posted):
                kind = KINDS[self.kind]
                moved = outcome.receipt.amount_fen
                # a line that names no amount comes to what it moved, one that only tells of money to that
                _count(tally, outcome, fen if kind.amounts else moved, moved if kind.moves else fen)
                if self.kind == DEATHS:
                    _count_death(tally, outcome)
            else:
                tally.refused_fen += fen
                tally.rejected.append(
                    blamed(KINDS[self.kind], number, outcome, fen)
                    if isinstance(outcome, Refused)
                    else Rejected(number, INTERNAL_ERROR)
                )
        return tally

    def _with_what_is_there(self, commands: Sequence[Command]) -> list[Outcome]:
        """Post a chunk, but for what the book says already."""
        try:
            return as_booked(self.connection, commands, self._post(commands), self.clock(), self.policies)
        except SQLAlchemyError as error:
            raise database_problem(error) from error

    def _post(self, commands: Sequence[Command]) -> list[Outcome]:
        """Post a chunk; again when its fate is unknown, which its keys make safe."""
        act = rehearse if self.rehearsing else partial(post, seal=self.seal, clock=self.clock)
        outcomes: list[Outcome] = []
        for _attempt in range(UNKNOWN_TRIES_MAX):
            now, today = self.clock()
            try:
                outcomes = act(self.connection, commands, now, today, self.policies, reveal=self.reveal)
            except SQLAlchemyError as error:
                raise database_problem(error) from error
            except Exception as fault:  # noqa: BLE001  a bug that one line met must not hold up the others
                return self._after_fault(commands, fault)
            for outcome in outcomes:
                if isinstance(outcome, PolicyOutdated):
                    raise outdated_problem(outcome) from outcome
            if not any(isinstance(outcome, Unknown) for outcome in outcomes):
                break
        if self.told is not None and self.rehearsing:
            self.told(commands, outcomes)
        for outcome in outcomes:
            if isinstance(outcome, Unknown):
                raise database_problem(outcome.__cause__ or outcome) from outcome
        return outcomes

    def _after_fault(self, commands: Sequence[Command], fault: Exception) -> list[Outcome]:
        if self.connection.in_transaction():
            self.connection.rollback()
        if len(commands) > 1:
            return [outcome for command in commands for outcome in self._post([command])]
        _log.error("a line broke its chunk", exc_info=fault)
        self.faults += 1
        if self.faults > FAULTS_MAX:
            raise ImportProblem("too many lines met a bug, see the log; nothing of them is posted") from fault
        failure = Failed("this line met a bug")
        failure.__cause__ = fault
        return [failure]


def outdated_problem(outdated: PolicyOutdated) -> ImportProblem:
    """That these policy files are older than what is in force; no line is to blame."""
    return ImportProblem(
        f"{outdated}; put the newest policy file in its place and import the file again to go on"
    )


def database_problem(error: BaseException) -> ImportProblem:
    """What the database said, in one line and without what was sent to it."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()
    return ImportProblem(
        f"the database cannot be used ({said[0] if said else type(error).__name__});"
        " import the file again to go on"
    )


def _count(tally: Tally, outcome: Posted, named_fen: int, done_fen: int) -> None:
    tally.amount_fen += named_fen
    tally.cash_rest_fen += unpack(outcome.receipt.detail).get("cash_rest", 0)
    if outcome.replayed or not outcome.created:
        tally.already += 1
        tally.already_fen += done_fen
    else:
        tally.posted += 1
        tally.posted_fen += done_fen


def _count_death(tally: Tally, outcome: Posted) -> None:
    """Add what the report took back, of its payers too, and what of it could not be taken any more."""
    told = unpack(outcome.receipt.detail)
    tally.taken_back_fen += sum(fen for _period, fen in told.get("back", ()))
    tally.still_owed_fen += told.get("receivable", 0)
