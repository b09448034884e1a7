"""One attempt at some commands: whose books they are about, and what has to be read for them."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from ledger.chart.matrix import Stage
from ledger.clock import Clock
from ledger.database.lookups import Ask
from ledger.posting.approvals import AskedFor, GivenTo, read_intents
from ledger.posting.book_reads import read_open
from ledger.posting.command import Command
from ledger.posting.desk import Desk, Seal
from ledger.posting.merges import CAME_FROM, WENT_INTO
from ledger.posting.needs import Foresee
from ledger.posting.outcomes import BookRef, Outcome, PersonStake, Unavailable, WiderLocks
from ledger.posting.reads import SeenBy, ask_of_seen, asks_of_needs, read_needs, read_seen
from ledger.posting.stakes import resolve
from ledger.posting.writes import Decided

# how often one command may find that it needs more books, once those before it are settled
WIDENINGS_MAX = 2


# and a group, or a rehearsal, whose commands are decided anew each time
WIDENINGS_TOGETHER_MAX = 20


def overtaken() -> Unavailable:
    """Others keep changing the books that a command asks for, or what it stakes."""
    return Unavailable("what this command needs kept changing")


def widenings(commands: Sequence[Command]) -> int:
    """How often commands that are decided together may ask for wider locks."""
    return min(WIDENINGS_MAX * len(commands), WIDENINGS_TOGETHER_MAX)


def agent_names(commands: Sequence[Command]) -> set[str]:
    names = {command.caller for command in commands}
    names.update(command.actor for command in commands)
    for command in commands:
        if command.approval is not None:
            names.update((command.approval.by, command.approval.through))
    return names


def find_books(attempt: Attempt) -> None:
    """The book of each command, which for somebody without an account is the one named second."""
    attempt.ids = [_book_of(attempt.desk, command) for command in attempt.commands]


def _book_of(desk: Desk, command: Command) -> int | None:
    book_id = _id_of(desk, command.book)
    if book_id is None and command.else_book is not None:
        return _id_of(desk, command.else_book)
    return book_id


def _id_of(desk: Desk, ref: BookRef) -> int | None:
    return desk.ids.get(ref) if isinstance(ref, bytes) else ref


def follow_stakes(attempt: Attempt) -> None:
    """A command about something that was staked belongs to the book that holds the stake."""
    for place, command in enumerate(attempt.commands):
        if command.follows_stake is not None:
            attempt.ids[place] = attempt.desk.stakes.get(command.stakes[0], attempt.ids[place])
        elif command.else_book is not None and command.stakes:
            # what came while there was no account is answered where it stands
            other = _id_of(attempt.desk, command.else_book)
            if other is not None and attempt.desk.stakes.get(command.stakes[0]) == other:
                attempt.ids[place] = other


def resolve_books(connection: Connection, attempt: Attempt, wider: Sequence[BookRef]) -> None:
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
    if not wider:
        _foresee(connection, attempt)


def _foresee(connection: Connection, attempt: Attempt) -> None:
    """Have the books locked at once that commands say they will write."""
    asked: dict[Foresee, list[tuple[int, Command]]] = {}
    for command in attempt.commands:
        foresees = type(command).foresees
        if foresees is not None and (book_id := _book_of(attempt.desk, command)) is not None:
            asked.setdefault(foresees, []).append((book_id, command))
    for foresees, who in asked.items():
        attempt.foreseen.update(foresees(connection, who))


def wanted(attempt: Attempt, wider: Sequence[BookRef]) -> set[int]:
    ids = {book_id for book_id in attempt.ids if book_id is not None} | attempt.foreseen
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


def read_all(connection: Connection, attempt: Attempt) -> None:
    """Everything that is read after the locks, keys first."""
    desk = attempt.desk
    there = _commands_there(attempt)
    _follow_merges(connection, there, desk)
    asked = _seen_by(attempt, desk.books)
    if desk.came_from:
        asked += [
            (before, caller, key, kind, source_ref)
            for book_id, caller, key, kind, source_ref in asked
            for before in desk.came_from.get(book_id, ())
        ]
    asked += _followed(attempt, desk.books)
    once = {
        (book_id, int(command.source_kind), command.source_ref)
        for book_id, command in there
        if command.booked_once and command.source_kind is not None and command.source_ref is not None
    }
    names = {attempt.agents[name]: name for name in agent_names(attempt.commands)}
    read_seen(connection, asked, names, desk, once)
    read_open(connection, desk.books.values())
    read_intents(connection, there, desk)
    read_needs(connection, there, desk)


def asks_of(attempt: Attempt) -> list[Ask]:
    """What `read_all` is going to ask of most batches, before anything is known of their books."""
    there = _commands_there(attempt)
    books = {book_id for book_id, _command in there}
    seen = ask_of_seen(_seen_by(attempt, books) + _followed(attempt, books))
    return [seen, *asks_of_needs(there, attempt.desk)]


def _commands_there(attempt: Attempt) -> list[tuple[int, Command]]:
    """The commands whose book is known, with it."""
    return [
        (book_id, command)
        for book_id, command in zip(attempt.ids, attempt.commands, strict=True)
        if book_id is not None
    ]


def _seen_by(attempt: Attempt, books: Container[int]) -> list[SeenBy]:
    """By which key and which document each command may have been seen in one of these books."""
    return [
        (book_id, attempt.agents[command.caller], command.key, command.source_kind, command.source_ref)
        for book_id, command in _commands_there(attempt)
        if book_id in books and (command.key is not None or command.source_ref is not None)
    ]


def _followed(attempt: Attempt, books: Container[int]) -> list[SeenBy]:
    """By which document the entry that a command's stake leads to may have been seen."""
    return [
        (book_id, attempt.agents[command.caller], None, command.follows_stake, command.source_ref)
        for book_id, command in _commands_there(attempt)
        if command.follows_stake is not None and book_id in books
    ]


def _follow_merges(connection: Connection, there: Sequence[tuple[int, Command]], desk: Desk) -> None:
    """Of accounts that are closed, where they went; of those named by a number not in force, what came."""
    closed = {book.book_id for book in desk.books.values() if book.stage == Stage.CLOSED}
    if closed:
        named = closed.intersection([book_id for book_id, _command in there])
        desk.went_into = dict(
            tuple(row) for row in WENT_INTO.run(connection, [(one,) for one in sorted(named)])
        )
    if desk.aliases:
        named = {book_id for book_id, command in there if command.book in desk.aliases}
        for book_id, before in CAME_FROM.run(connection, [(one,) for one in sorted(named)]):
            desk.came_from.setdefault(book_id, []).append(before)


@dataclass(slots=True)
class Attempt:
    """One attempt at some commands: what was decided so far."""

    commands: Sequence[Command]
    desk: Desk
    versions: Mapping[int, int]
    agents: Mapping[str, int]
    ids: list[int | None] = field(default_factory=list)
    outcomes: list[Outcome | WiderLocks] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    accepted: list[Command] = field(default_factory=list)
    # what is locked beside the books that commands name
    foreseen: set[int] = field(default_factory=set)
    new_books: set[int] = field(default_factory=set)
    # people who were written down for it
    fresh: Mapping[bytes, PersonStake] = field(default_factory=dict)
    # the areas of which a newer policy is in force than the one that is decided by
    outdated: frozenset[int] = frozenset()
    # seals what waits for a second person; None where nothing can wait
    seal: Seal | None = None
    # gives now and the day once the books are locked; None: it is the instant of before
    clock: Clock | None = None
    rehearsing: bool = False
    # a group, of which all or nothing is posted
    together: bool = False
    # what waits from now on, and what was approved and is posted
    asked: list[AskedFor] = field(default_factory=list)
    given: list[GivenTo] = field(default_factory=list)
