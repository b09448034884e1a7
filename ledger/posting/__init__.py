"""The one writer of the book.

`post` takes many commands and is the only code that writes books. It takes the stakes, locks the books in id
order, reads everything else after the locks, asks each command for its own pure decision, writes all that
was accepted in a few set-based statements and commits once. It knows none of the verbs.

A refused command leaves nothing, gives back its stakes, and does not disturb its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ledger.database.engines import is_lost, is_overtaken, is_transient
from ledger.policy import Policy
from ledger.posting.agents import agent_ids, policy_versions
from ledger.posting.command import Command
from ledger.posting.decide import Attempt, decide_all
from ledger.posting.desk import Desk
from ledger.posting.needs import Look, Need
from ledger.posting.one_look import decide_at_a_look
from ledger.posting.outcomes import (
    AlreadyThere,
    BookRef,
    Failed,
    Institution,
    Outcome,
    Person,
    PersonStake,
    Posted,
    Receipt,
    Unavailable,
    Unknown,
    WiderLocks,
)
from ledger.posting.reads import TARGET, lock_books, read_books, read_needs, read_open, read_seen
from ledger.posting.stakes import (
    StakesContended,
    free_stakes,
    give_back,
    holding_digest,
    names_given,
    resolve,
    scheme_ref,
    stake_books,
    stake_persons,
    stake_things,
)
from ledger.posting.writes import write_batch
from ledger.refusals import Refused

__all__ = [
    "TARGET",
    "AlreadyThere",
    "BookRef",
    "Command",
    "Desk",
    "Failed",
    "Institution",
    "Look",
    "Need",
    "Outcome",
    "Person",
    "PersonStake",
    "Posted",
    "Receipt",
    "Unavailable",
    "Unknown",
    "WiderLocks",
    "decide_at_a_look",
    "holding_digest",
    "post",
    "rehearse",
    "scheme_ref",
]

TRIES_MAX = 3
# how often one command may find that it needs more books, once those before it are settled
WIDENINGS_MAX = 2
# and a group, or a rehearsal, whose commands are decided anew each time
WIDENINGS_TOGETHER_MAX = 20


def _overtaken() -> Unavailable:
    """Others keep changing the books that a command asks for, or what it stakes."""
    return Unavailable("what this command needs kept changing")


def _widenings(commands: Sequence[Command]) -> int:
    """How often commands that are decided together may ask for wider locks."""
    return min(WIDENINGS_MAX * len(commands), WIDENINGS_TOGETHER_MAX)


def post(
    connection: Connection,
    commands: Sequence[Command],
    now: datetime,
    today: date,
    policies: Mapping[int, Policy],
    *,
    atomic: bool = False,
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

    Deadlocks, serialization failures and lock timeouts are tried again, three times in all. Any other fault
    of the database rolls back and posts the commands one by one, so that only the culprit is `Failed` (a
    group fails whole). A connection lost before COMMIT was sent is tried again; one lost after it makes every
    outcome `Unknown`.
    """
    if not commands:
        return []
    pending = list(range(len(commands)))
    extra: list[tuple[BookRef, ...]] = [()] * len(commands)
    outcomes: list[Outcome | None] = [None] * len(commands)
    left = _widenings(commands) if atomic else WIDENINGS_MAX
    while left >= 0:
        attempt = [commands[place] for place in pending]
        wider = [ref for place in pending for ref in extra[place]]
        found = _post_tried(connection, attempt, now, today, policies, atomic, wider)
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
        # whoever was decided may have changed what the others need
        left = WIDENINGS_MAX if len(still) < len(pending) else left - 1
        pending = still
    for place in pending:
        outcomes[place] = _overtaken()
    return [outcome for outcome in outcomes if outcome is not None]


def _post_tried(
    connection: Connection,
    commands: Sequence[Command],
    now: datetime,
    today: date,
    policies: Mapping[int, Policy],
    atomic: bool,
    wider: Sequence[BookRef],
) -> list[Outcome | WiderLocks]:
    """One batch, tried again where that helps."""
    for turn in range(1, TRIES_MAX + 1):
        committing = False
        try:
            agents = agent_ids(connection, _agent_names(commands))
            versions = policy_versions(connection, policies, now)
            attempt = Attempt(commands, Desk(now, today, policies), versions, agents)
            transaction = connection.begin()
            try:
                _decide_and_write(connection, attempt, atomic, wider)
                if attempt.decided:
                    committing = True
                    transaction.commit()
            finally:
                if transaction.is_active:
                    transaction.rollback()
        except StakesContended:
            _leave(connection)
            if turn < TRIES_MAX:
                continue
            return [_overtaken() for _ in commands]
        except DBAPIError as error:
            _leave(connection)
            if committing and is_lost(error):
                return [Unknown("the connection was lost while the batch was committed") for _ in commands]
            if turn < TRIES_MAX and (is_transient(error) or is_lost(error) or is_overtaken(error)):
                continue
            if len(commands) > 1 and not atomic and not is_lost(error):
                return [
                    outcome
                    for command in commands
                    for outcome in _post_tried(connection, [command], now, today, policies, False, wider)
                ]
            failure: Failed | Unavailable = Failed("the database did not take this command")
            if is_lost(error):
                failure = Unavailable("the database could not be reached")
            failure.__cause__ = error
            return [failure for _ in commands]
        return attempt.outcomes
    raise AssertionError("the last attempt returns or fails")


def _leave(connection: Connection) -> None:
    """Make the connection fit for the next batch; a dead one is had anew at the next begin."""
    # Asked for always: after a lost connection the transaction is no longer active, and still in the way.
    try:
        connection.rollback()
    except DBAPIError:
        connection.invalidate()
        connection.rollback()


def _agent_names(commands: Sequence[Command]) -> set[str]:
    names = {command.caller for command in commands}
    names.update(command.actor for command in commands)
    return names


def _decide_and_write(
    connection: Connection, attempt: Attempt, atomic: bool, wider: Sequence[BookRef]
) -> None:
    desk, commands = attempt.desk, attempt.commands
    fresh = stake_persons(connection, commands, desk.now)
    _resolve(connection, attempt, wider)
    fresh_books = stake_books(connection, commands, desk)
    _find_books(attempt)
    stake_things(connection, commands, attempt.ids, desk)
    _follow_stakes(attempt)
    mine = set(desk.fresh_stakes)
    desk.books = lock_books(connection, _wanted(attempt, wider))
    _read(connection, attempt)
    decide_all(attempt, atomic)
    unused = mine - {digest for command in attempt.accepted for digest in command.stakes}
    free_stakes(connection, unused | desk.freed)
    if unused and not atomic:
        _ask_neighbours(attempt, unused)
    if fresh or fresh_books:
        give_back(connection, attempt.accepted, fresh, desk, fresh_books)
        if not atomic:
            _ask_again(attempt, fresh)
    write_batch(connection, desk.books, attempt.new_books, attempt.decided, desk.now)


def _find_books(attempt: Attempt) -> None:
    """The book of each command, which for somebody without an account is the one named second."""
    attempt.ids = [_book_of(attempt.desk, command) for command in attempt.commands]


def _book_of(desk: Desk, command: Command) -> int | None:
    book_id = _id_of(desk, command.book)
    if book_id is None and command.else_book is not None:
        return _id_of(desk, command.else_book)
    return book_id


def _id_of(desk: Desk, ref: BookRef) -> int | None:
    return desk.ids.get(ref) if isinstance(ref, bytes) else ref


def _follow_stakes(attempt: Attempt) -> None:
    """A command about something that was staked belongs to the book that holds the stake."""
    for place, command in enumerate(attempt.commands):
        if command.follows_stake is not None:
            attempt.ids[place] = attempt.desk.stakes.get(command.stakes[0], attempt.ids[place])
        elif command.else_book is not None and command.stakes:
            # what came while there was no account is answered where it stands
            other = _id_of(attempt.desk, command.else_book)
            if other is not None and attempt.desk.stakes.get(command.stakes[0]) == other:
                attempt.ids[place] = other


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


def rehearse(
    connection: Connection,
    commands: Sequence[Command],
    now: datetime,
    today: date,
    policies: Mapping[int, Policy],
    *,
    atomic: bool = False,
) -> list[Outcome]:
    """Decide without posting: a dry run. Locks nothing, stakes nothing, writes nothing.

    `connection` is one for reading. The receipts show the numbers that the entries would have got.
    """
    agents = agent_ids(connection, _agent_names(commands), create=False)
    versions = policy_versions(connection, policies, now, create=False)
    attempt = Attempt(commands, Desk(now, today, policies), versions, agents)
    wider: list[BookRef] = []
    for _widening in range(_widenings(commands) + 1):
        attempt = Attempt(commands, Desk(now, today, policies), versions, agents)
        desk = attempt.desk
        with connection.begin():
            _resolve(connection, attempt, wider)
            for command in commands:
                # somebody who is not known yet gets a number nobody has, for the length of the rehearsal
                for place, person in enumerate(command.persons, start=1):
                    desk.persons.setdefault(person.digest, Person(-place, person.name_digest))
                if command.opens and isinstance(command.book, bytes):
                    desk.ids.setdefault(command.book, command.candidates[0])
            _find_books(attempt)
            stake_things(connection, commands, attempt.ids, desk, take=False)
            _follow_stakes(attempt)
            desk.books = read_books(connection, _wanted(attempt, wider))
            _read(connection, attempt)
        decide_all(attempt, atomic)
        more = [
            ref for outcome in attempt.outcomes if isinstance(outcome, WiderLocks) for ref in outcome.books
        ]
        if not more:
            return [outcome for outcome in attempt.outcomes if not isinstance(outcome, WiderLocks)]
        wider += more
    return [_overtaken() for _ in commands]


def _resolve(connection: Connection, attempt: Attempt, wider: Sequence[BookRef]) -> None:
    refs: list[BookRef] = list(wider)
    for command in attempt.commands:
        if isinstance(command.book, bytes):
            refs.append(command.book)
        if isinstance(command.else_book, bytes):
            refs.append(command.else_book)
        refs.extend(command.others)
        refs.extend(command.named)
        refs.extend(person.digest for person in command.persons)
    if refs:
        resolve(connection, refs, attempt.desk)


def _wanted(attempt: Attempt, wider: Sequence[BookRef]) -> set[int]:
    ids = {book_id for book_id in attempt.ids if book_id is not None}
    for command in attempt.commands:
        for ref in command.others:
            book_id = attempt.desk.ids.get(ref) if isinstance(ref, bytes) else ref
            if book_id is not None:
                ids.add(book_id)
    for ref in wider:
        book_id = attempt.desk.ids.get(ref) if isinstance(ref, bytes) else ref
        if book_id is not None:
            ids.add(book_id)
    return ids


def _read(connection: Connection, attempt: Attempt) -> None:
    """Everything that is read after the locks, keys first."""
    desk, agents = attempt.desk, attempt.agents
    there = [
        (book_id, command)
        for book_id, command in zip(attempt.ids, attempt.commands, strict=True)
        if book_id is not None
    ]
    asked = [
        (book_id, agents[command.caller], command.key, command.source_kind, command.source_ref)
        for book_id, command in there
        if book_id in desk.books and (command.key is not None or command.source_ref is not None)
    ]
    asked += [
        (book_id, agents[command.caller], None, command.follows_stake, command.source_ref)
        for book_id, command in there
        if command.follows_stake is not None and book_id in desk.books
    ]
    read_seen(connection, asked, {agents[name]: name for name in _agent_names(attempt.commands)}, desk)
    read_open(connection, desk.books.values())
    read_needs(connection, there, desk)
