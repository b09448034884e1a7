"""The one way in: many commands are decided, written and committed together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ledger.clock import Clock
from ledger.database.direct import RoundTrip
from ledger.database.faults import Trouble, is_overtaken, is_transient, trouble
from ledger.database.lookups import Ask, asked_ahead
from ledger.policy import Policy
from ledger.posting.agents import agent_ids
from ledger.posting.approvals import write_approvals
from ledger.posting.attempt import (
    WIDENINGS_MAX,
    Attempt,
    agent_names,
    asks_of,
    find_books,
    follow_stakes,
    overtaken,
    read_all,
    resolve_books,
    wanted,
    widenings,
)
from ledger.posting.book_reads import lock_books, locks_of
from ledger.posting.command import Command
from ledger.posting.decide import decide_all
from ledger.posting.desk import Desk, Reveal, Seal
from ledger.posting.in_force import outdated_areas, policy_versions
from ledger.posting.kept_keys import keep_keys
from ledger.posting.outcomes import BookRef, Failed, Outcome, Unavailable, Unknown, WiderLocks
from ledger.posting.stakes import (
    LOOKS_MAX,
    StakesContended,
    asks_of_stakes,
    free_stakes,
    give_back,
    let_open_again,
    move_persons,
    names_given,
    stake_books,
    stake_persons,
    stake_things,
)
from ledger.posting.writes import write_batch
from ledger.refusals import Refused

TRIES_MAX = 3


# writes what goes with the entries of a batch, by what became of its commands
Beside = Callable[[Connection, Sequence[Outcome | WiderLocks]], None]


def _nobody_asks(_seconds: float) -> None:
    """Who is told how long a commit took, when nobody asked."""


def _nothing_beside(_connection: Connection, _outcomes: Sequence[Outcome | WiderLocks]) -> None:
    """What is committed with a batch, when there is nothing but its entries."""


def post(
    connection: Connection,
    commands: Sequence[Command],
    now: datetime,
    today: date,
    policies: Mapping[int, Policy],
    *,
    atomic: bool = False,
    reveal: Reveal | None = None,
    seal: Seal | None = None,
    committed: Callable[[float], None] = _nobody_asks,
    beside: Beside = _nothing_beside,
    clock: Clock | None = None,
) -> list[Outcome]:
    """Post the commands and commit; one outcome for each, in order.

    Parameters
    ----------
    connection
        Outside a transaction; it is committed, or rolled back when everything was refused.
    now, today
        The instant of recording, and the area's day on which it falls.
    policies
        The policy of each area by its number.
    atomic
        One refusal undoes all: the innocent are then refused with `group_refused`.
    reveal
        Opens sealed ID numbers, for decisions that ask for somebody's birth.
    seal
        Seals what waits for a second person. Where whoever posts has no keys, nothing can wait: what an area
        asks a second person for is then refused with `approval_needed`.
    committed
        Is told after each COMMIT how many seconds it took, with what was written right before it.
    beside
        Is called before each COMMIT with what the commands of that batch came to, for what has to be written
        in the same transaction. A batch that is tried again calls it again; one that writes nothing does not.
    clock
        Gives now and the day anew once the books are locked. Whoever waits for others records what it writes
        later than they do, and not as of before: who asked meanwhile what was known then was told all of it.

    Deadlocks, serialization failures, lock and statement timeouts are tried again, three times in all. A
    fault of the database that is none of a command's doing (`faults.Trouble`) makes outcomes `Unavailable`;
    any other rolls back and posts the commands one by one, so that only the culprit is `Failed` (a group
    fails whole). A connection lost before COMMIT was sent is tried again; one lost after it makes every
    outcome `Unknown`.
    """
    if not commands:
        return []
    pending = list(range(len(commands)))
    extra: list[tuple[BookRef, ...]] = [()] * len(commands)
    outcomes: list[Outcome | None] = [None] * len(commands)
    left = widenings(commands) if atomic else WIDENINGS_MAX
    while left >= 0:
        attempt = [commands[place] for place in pending]
        wider = [ref for place in pending for ref in extra[place]]
        found = _post_tried(
            connection, attempt, now, today, policies, atomic, wider, reveal, seal, committed, beside, clock
        )
        still: list[int] = []
        for place, outcome in zip(pending, found, strict=True):
            if isinstance(outcome, WiderLocks):
                extra[place] = extra[place] + outcome.books
                still.append(place)
            else:
                outcomes[place] = outcome
        if atomic and still:
            still = pending
        if not still:
            return [outcome for outcome in outcomes if outcome is not None]
        # whoever was decided may have changed what the others need, and who is led on needs what is there
        led = any(isinstance(outcome, WiderLocks) and outcome.leads_on for outcome in found)
        left = WIDENINGS_MAX if len(still) < len(pending) else left - (not led)
        pending = still
    for place in pending:
        outcomes[place] = overtaken()
    return [outcome for outcome in outcomes if outcome is not None]


def _post_tried(
    connection: Connection,
    commands: Sequence[Command],
    now: datetime,
    today: date,
    policies: Mapping[int, Policy],
    atomic: bool,
    wider: Sequence[BookRef],
    reveal: Reveal | None,
    seal: Seal | None,
    committed: Callable[[float], None],
    beside: Beside,
    clock: Clock | None,
) -> list[Outcome | WiderLocks]:
    """One batch, tried again where that helps."""
    for turn in range(1, TRIES_MAX + 1):
        writing: RoundTrip | None = None
        try:
            agents = agent_ids(connection, agent_names(commands), now)
            versions = policy_versions(connection, policies, now)
            desk = Desk(now, today, policies, reveal)
            attempt = Attempt(commands, desk, versions, agents, seal=seal, clock=clock)
            transaction = connection.begin()
            try:
                # whoever was misled by a stake takes them first, and then locks
                _decide(connection, attempt, atomic, wider, together=turn == 1)
                if attempt.decided or attempt.asked:
                    writing = _write(connection, attempt)
                    beside(connection, attempt.outcomes)
                    began = time.perf_counter()
                    writing.commit(transaction)
                    committed(time.perf_counter() - began)
            finally:
                if transaction.is_active:
                    transaction.rollback()
        except StakesContended:
            leave(connection)
            if turn < TRIES_MAX:
                continue
            return [overtaken() for _ in commands]
        except DBAPIError as error:
            leave(connection)
            what = trouble(error)
            if writing is not None and writing.is_committing and what in _UNSURE:
                return [Unknown("the database was lost while the batch was committed") for _ in commands]
            if turn < TRIES_MAX and (is_transient(error) or what is Trouble.LOST or is_overtaken(error)):
                continue
            if len(commands) > 1 and not atomic and what not in _UNSURE:
                return [
                    outcome
                    for command in commands
                    for outcome in _post_tried(
                        connection,
                        [command],
                        now,
                        today,
                        policies,
                        False,
                        wider,
                        reveal,
                        seal,
                        committed,
                        beside,
                        clock,
                    )
                ]
            failure: Failed | Unavailable = Failed("the database did not take this command")
            if what is not None:
                failure = Unavailable(_UNAVAILABLE[what])
            failure.__cause__ = error
            return [failure for _ in commands]
        return attempt.outcomes
    raise AssertionError("the last attempt returns or fails")


# a COMMIT that ends like this may have been carried out
_UNSURE = frozenset({Trouble.LOST, Trouble.UNABLE})
_UNAVAILABLE = {
    Trouble.BUSY: "others were in the way",
    Trouble.SLOW: "the database took too long",
    Trouble.LOST: "the database could not be reached",
    Trouble.UNABLE: "the database cannot be written",
}


def leave(connection: Connection) -> None:
    """Make the connection fit for the next batch; a dead one is had anew at the next begin."""
    # Asked for always: after a lost connection the transaction is no longer active, and still in the way.
    try:
        connection.rollback()
    except DBAPIError:
        connection.invalidate()
        connection.rollback()


def _decide(
    connection: Connection, attempt: Attempt, atomic: bool, wider: Sequence[BookRef], *, together: bool
) -> None:
    """Decide with everything locked and read. `together` takes stakes and locks in one round trip, by the
    guess that no stake leads to another book; raises StakesContended where one does.
    """
    desk, commands = attempt.desk, attempt.commands
    attempt.fresh = stake_persons(connection, commands, desk.now)
    fresh = set(attempt.fresh)
    desk.fresh_persons = set(fresh)
    resolve_books(connection, attempt, wider)
    let_open_again(connection, commands, desk)
    fresh_books = stake_books(connection, commands, desk)
    find_books(attempt)
    following = [command for command in commands if command.follows_stake is not None]
    stakes = asks_of_stakes(commands, attempt.ids) if together and not following else []
    if stakes:
        books = wanted(attempt, wider)
        with asked_ahead(connection, [*stakes, *_locks_and_reads(connection, attempt, books)]) as is_locked:
            # with books locked nobody waits for a stake: one that was let go meanwhile is for the next try
            _stake(connection, attempt, 1 if is_locked else LOOKS_MAX)
            if is_locked and wanted(attempt, wider) != books:
                raise StakesContended("what is staked belongs to another book")
            books = wanted(attempt, wider)
            _lock_and_read(connection, attempt, books)
    else:
        _stake(connection, attempt)
        books = wanted(attempt, wider)
        with asked_ahead(connection, _locks_and_reads(connection, attempt, books)):
            _lock_and_read(connection, attempt, books)
    mine = set(desk.fresh_stakes)
    decide_all(attempt, atomic)
    unused = mine - {digest for command in attempt.accepted for digest in command.stakes}
    free_stakes(connection, unused | desk.freed)
    if unused and not atomic:
        _ask_neighbours(attempt, unused)
    if fresh or fresh_books:
        give_back(connection, attempt.accepted, fresh, desk, fresh_books)
        if not atomic:
            _ask_again(attempt, fresh)


def _stake(connection: Connection, attempt: Attempt, looks: int = LOOKS_MAX) -> None:
    stake_things(connection, attempt.commands, attempt.ids, attempt.desk, looks=looks)
    follow_stakes(attempt)


def _locks_and_reads(connection: Connection, attempt: Attempt, books: Iterable[int]) -> list[Ask]:
    return [*locks_of(connection, books), *asks_of(attempt)]


def _lock_and_read(connection: Connection, attempt: Attempt, books: Iterable[int]) -> None:
    attempt.desk.books, newest = lock_books(connection, books)
    attempt.desk.now = _now_that_they_are_locked(attempt)
    attempt.outdated = outdated_areas(connection, attempt.versions, newest)
    read_all(connection, attempt)


def _now_that_they_are_locked(attempt: Attempt) -> datetime:
    desk = attempt.desk
    if attempt.clock is None:
        return desk.now
    now, today = attempt.clock()
    # across midnight it stays the instant of before: one entry is of one day, that of its rules
    return max(now, desk.now) if today == desk.today else desk.now


def _write(connection: Connection, attempt: Attempt) -> RoundTrip:
    """Write what was decided; what can go together with COMMIT waits for it."""
    desk = attempt.desk
    trip = RoundTrip(connection)
    if attempt.decided:
        move_persons(connection, desk.moved, desk.identities)
        keep_keys(trip, attempt)
        write_batch(trip, desk.books, attempt.new_books, attempt.decided, desk.now)
    if attempt.asked or attempt.given:
        # what was approved is written down with the entry that it became
        trip.send()
        write_approvals(connection, attempt.asked, attempt.given, desk, attempt.seal)
    return trip


def _ask_neighbours(attempt: Attempt, unused: set[bytes]) -> None:
    """Who was refused because a neighbour held a stake, and was refused itself, is asked again without it."""
    for place, command in enumerate(attempt.commands):
        held = [digest for digest in command.stakes if digest in unused]
        if isinstance(attempt.outcomes[place], Refused) and any(
            attempt.desk.stakes[digest] != attempt.ids[place] for digest in held
        ):
            attempt.outcomes[place] = WiderLocks(())


def _ask_again(attempt: Attempt, fresh: set[bytes]) -> None:
    """Who was refused by the name that a refused neighbour gave to somebody new is asked again without it."""
    unnamed = fresh - {person.digest for command in attempt.accepted for person in command.persons}
    for place, command in enumerate(attempt.commands):
        if isinstance(attempt.outcomes[place], Refused) and any(
            attempt.desk.persons[digest].name_digest not in names
            for digest, names in names_given(command).items()
            if digest in unnamed
        ):
            attempt.outcomes[place] = WiderLocks(())
