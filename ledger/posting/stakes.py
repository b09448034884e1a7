"""Stakes: what is unique beyond one book. Taken first, in key order; given back when nobody needed them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Text, bindparam, column

from ledger import tables
from ledger.chart.matrix import Stage
from ledger.chart.sides import POCKETS
from ledger.database.cluster import in_cluster
from ledger.database.engines import is_postgresql
from ledger.database.lookups import Lookup, insert_or_leave
from ledger.database.writers import KeyWriter
from ledger.posting.command import Command
from ledger.posting.desk import Desk
from ledger.posting.holdings import (
    ACCOUNT,
    HOLDINGS,
    Held,
    books_held,
    holding_digest,
    look_for_more,
    scheme_ref,
)
from ledger.posting.merges import survivor
from ledger.posting.outcomes import BookRef, IdentityState, NumberMoved, Person, PersonStake
from ledger.vault import at_rest

_POCKETS = ", ".join(str(int(side)) for side in sorted(POCKETS))
_PERSONS = Lookup(
    "SELECT i.digest, i.person_id, i.role, i.name_digest, i.nth FROM {given}"
    " JOIN identity i ON i.digest = given.digest",
    [tables.identity.c[name] for name in ("digest", "person_id", "role", "name_digest", "nth")],
    digest="bytes",
)
# the same with the first book of each under a scheme, where all lies on one machine
_PERSONS_HOLDING = Lookup(
    "SELECT i.digest, i.person_id, i.role, i.name_digest, i.nth, given.scheme, c.book_id, b.stage"
    " FROM {given} JOIN identity i ON i.digest = given.digest"
    " LEFT JOIN claim c ON c.digest = sha256(convert_to(given.scheme || '|' || i.person_id || '|1', 'UTF8'))"
    " LEFT JOIN book b ON b.book_id = c.book_id",
    [
        *(tables.identity.c[name] for name in ("digest", "person_id", "role", "name_digest", "nth")),
        column("scheme", Text),
        tables.claim.c.book_id,
        tables.book.c.stage,
    ],
    digest="bytes",
    scheme="text",
)
_STAKES = KeyWriter(tables.claim)
_MOVE = (
    tables.identity.update()
    .where(tables.identity.c.digest == bindparam("moving"))
    .values(person_id=bindparam("to_person"), role=bindparam("to_role"), nth=bindparam("to_nth"))
)
# the number with the name: both are sealed with the key of whose it is now
_MOVE_BY_NAME = _MOVE.values(
    number_sealed=bindparam("as_number"), name_sealed=bindparam("as_name"), name_digest=bindparam("as_digest")
)
_SHARED = Lookup(
    "SELECT s.digest, s.person_id, s.other_person_id FROM {given}"
    " JOIN shared_number s ON s.digest = given.digest",
    [tables.shared_number.c[name] for name in ("digest", "person_id", "other_person_id")],
    digest="bytes",
)
# the role of the number that is in force
IN_FORCE = 1
# of a keyed digest
DIGEST_BYTES = 32
_NUMBERS_TAKEN = Lookup(
    "SELECT book_id FROM book WHERE book_id {in_given}", [tables.book.c.book_id], book_id="big"
)


# The last day of accounts that their holders left alive: when the money went. None of those who died, or have
# it still; what came later acts on another entry, and followed the money.
_LEFT = Lookup(
    "SELECT b.book_id, coalesce((SELECT MAX(e.effective_on) FROM entry e JOIN transfer t"
    " ON t.book_id = e.book_id AND t.seq = e.seq AND"
    f" (t.from_side IN ({_POCKETS}) OR t.to_side IN ({_POCKETS}))"
    " WHERE e.book_id = b.book_id AND e.target_seq IS NULL), b.opened_on) FROM {given}"
    " JOIN book b ON b.book_id = given.book_id"
    f" AND b.stage = {int(Stage.CLOSED)} AND b.died_on IS NULL",
    [tables.book.c.book_id, tables.entry.c.effective_on],
    book_id="big",
)


def number_in(ref: bytes) -> bytes:
    """The digest of the ID number in a reference, of whatever scheme."""
    return ref[-DIGEST_BYTES:]


def _person_of(ref: bytes) -> tuple[bytes, bytes]:
    """The scheme and the person's digest behind a reference."""
    return ref[:-DIGEST_BYTES] or ACCOUNT, number_in(ref)


def stake_persons(
    connection: Connection, commands: Sequence[Command], now: datetime
) -> dict[bytes, PersonStake]:
    """Write down every person that a command needs known, in key order; those that were new, by digest."""
    wanted: dict[bytes, PersonStake] = {}
    for command in commands:
        for person in command.persons:
            wanted.setdefault(person.digest, person)
    if not wanted:
        return {}
    proposed = {digest: secrets.randbits(62) for digest in wanted}
    connection.execute(
        insert_or_leave(connection, tables.identity),
        [
            {
                "digest": digest,
                "person_id": proposed[digest],
                "recorded_at": now,
                "role": 1,
                # without the key that they carry: that is kept once a command is accepted
                "number_sealed": None
                if (number := wanted[digest].number_sealed) is None
                else at_rest(number),
                "name_sealed": at_rest(wanted[digest].name_sealed),
                "name_digest": wanted[digest].name_digest,
                # the entry of the first command that is accepted says so
                "nth": 1,
            }
            for digest in sorted(wanted)
        ],
    )
    found = _PERSONS.run(connection, [(digest,) for digest in wanted])
    return {
        bytes(digest): wanted[bytes(digest)]
        for digest, person_id, *_rest in found
        if person_id == proposed[bytes(digest)]
    }


def move_persons(
    connection: Connection, moved: Mapping[bytes, NumberMoved], states: Mapping[bytes, IdentityState]
) -> None:
    """Let digests lead to another person, or be another number of the same; in key order.

    `states` are those that the entries of the batch say.
    """
    plain: list[dict[str, Any]] = []
    named: list[dict[str, Any]] = []
    for digest, to in sorted(moved.items()):
        move = {
            "moving": digest,
            "to_person": to.person_id,
            "to_role": to.role,
            "to_nth": states[digest].nth,
        }
        if to.named is None:
            plain.append(move)
        else:
            number = to.named.number_sealed
            named.append(
                move
                | {
                    "as_number": None if number is None else at_rest(number),
                    "as_name": at_rest(to.named.name_sealed),
                    "as_digest": to.named.name_digest,
                }
            )
    for statement, moves in ((_MOVE, plain), (_MOVE_BY_NAME, named)):
        if moves:
            connection.execute(statement, moves)


def shared_among(connection: Connection, digests: Iterable[bytes]) -> set[bytes]:
    """Those of the digests that are of numbers which two people shared (R4).

    Two whose accounts became one since are one person, and share nothing.
    """
    rows = _SHARED.run(connection, [(digest,) for digest in sorted(digests)])
    return {bytes(one) for one, *two in rows if len({survivor(connection, person) for person in two}) > 1}


def names_given(command: Command) -> dict[bytes, set[bytes]]:
    """The name digests that a command gives to each person it names; one command may name one twice."""
    names: dict[bytes, set[bytes]] = {}
    for person in command.persons:
        names.setdefault(person.digest, set()).add(person.name_digest)
    return names


def resolve(connection: Connection, refs: Iterable[BookRef], desk: Desk) -> None:
    """Find the persons behind digests, and the book of each: the one not closed, else the latest."""
    asked = {ref: _person_of(ref) for ref in refs if isinstance(ref, bytes) and ref not in desk.ids}
    if is_postgresql(connection) and not in_cluster(connection):
        all_held = _persons_holding(connection, set(asked.values()), desk)
    else:
        unknown = {digest for _scheme, digest in asked.values() if digest not in desk.persons}
        _know(connection, _PERSONS.run(connection, [(digest,) for digest in unknown]), desk)
        looking = {
            (scheme, desk.persons[digest].person_id)
            for scheme, digest in asked.values()
            if digest in desk.persons
        }
        all_held = books_held(connection, looking)
    desk.held.update({holder: len(held) for holder, held in all_held.items()})
    books = {holder: held[-1] for holder, held in all_held.items()}
    for ref, (scheme, digest) in asked.items():
        person = desk.persons.get(digest)
        if person is not None and (scheme, person.person_id) in books:
            desk.ids[ref] = books[scheme, person.person_id]


def _know(connection: Connection, rows: Iterable[Sequence[Any]], desk: Desk) -> None:
    """Put the persons behind digests on the desk: digest, person, role, name and count of each."""
    aliases: set[bytes] = set()
    for found, person_id, role, name, nth in rows:
        digest, name_digest = bytes(found), bytes(name)
        if digest not in desk.persons:
            desk.persons[digest] = Person(person_id, name_digest)
            desk.identities[digest] = IdentityState(person_id, role, name_digest, nth)
            if role != IN_FORCE:
                aliases.add(digest)
    if aliases:
        desk.aliases |= aliases
        desk.shared |= shared_among(connection, aliases)


def _persons_holding(connection: Connection, asked: Iterable[tuple[bytes, bytes]], desk: Desk) -> Held:
    """The persons behind (scheme, digest), put on the desk, and their books. Most have one, which is read
    with them: a posting by ID number waits once for both.
    """
    rows = _PERSONS_HOLDING.run(connection, [(digest, scheme.decode()) for scheme, digest in asked])
    known = [(digest, person_id, role, name, nth) for digest, person_id, role, name, nth, *_held in rows]
    _know(connection, known, desk)
    books: Held = {}
    closed: set[tuple[bytes, int]] = set()
    for _digest, person_id, _role, _name, _nth, scheme, book_id, stage in rows:
        if book_id is not None:
            holder = scheme.encode(), person_id
            books[holder] = [book_id]
            if stage == Stage.CLOSED:
                closed.add(holder)
    look_for_more(connection, closed, 2, books)
    return books


def let_open_again(connection: Connection, commands: Sequence[Command], desk: Desk) -> None:
    """Let those be without an account who left theirs alive, by a transfer or a payout, and open one on a
    later day (R2, R58): that one stays closed for ever, and a new one stands under the same number.
    """
    openers = [
        command
        for command in commands
        if command.opens_on is not None and isinstance(command.book, bytes) and command.book in desk.ids
    ]
    accounts = {desk.ids[_ref(command)] for command in openers}
    left = dict(_LEFT.run(connection, [(book_id,) for book_id in sorted(accounts)])) if accounts else {}
    for command in openers:
        book_id = desk.ids.get(_ref(command))
        if book_id in left and command.opens_on is not None and command.opens_on > left[book_id]:
            for ref in [ref for ref, known in desk.ids.items() if known == book_id]:
                del desk.ids[ref]


def stake_books(connection: Connection, commands: Sequence[Command], desk: Desk) -> set[bytes]:
    """Stake an account for everybody who has none and is about to get one; the stakes that were new."""
    openers: dict[bytes, Command] = {}
    for command in commands:
        if command.opens and isinstance(command.book, bytes) and command.book not in desk.ids:
            openers.setdefault(_next_holding(command, desk), command)
    if not openers:
        return set()
    numbers = [(number,) for command in openers.values() for number in command.candidates]
    taken = {book_id for (book_id,) in _NUMBERS_TAKEN.run(connection, numbers)}
    proposed: dict[bytes, int] = {}
    for digest in sorted(openers):
        number = next(number for number in openers[digest].candidates if number not in taken)
        taken.add(number)
        proposed[digest] = number
    connection.execute(
        insert_or_leave(connection, tables.claim),
        [{"digest": digest, "book_id": number} for digest, number in proposed.items()],
    )
    fresh: set[bytes] = set()
    for digest, book_id, _stage in HOLDINGS.run(connection, [(digest,) for digest in openers]):
        key = bytes(digest)
        if book_id == proposed[key]:
            fresh.add(key)
        scheme, person_digest = _person_of(_ref(openers[key]))
        person_id = desk.persons[person_digest].person_id
        for other, person in desk.persons.items():
            if person.person_id == person_id:
                desk.ids[scheme_ref(other, scheme)] = book_id
    return fresh


def _ref(command: Command) -> bytes:
    if not isinstance(command.book, bytes):
        raise TypeError("an opening names its person by digest")
    return command.book


def _next_holding(command: Command, desk: Desk) -> bytes:
    """What the next book of the person of an opening stakes: the first, or the one after those it left."""
    scheme, digest = _person_of(_ref(command))
    person_id = desk.persons[digest].person_id
    return holding_digest(person_id, desk.held.get((scheme, person_id), 0) + 1, scheme)


# how often a stake that was there, and was let go before it could be read, is tried for anew
LOOKS_MAX = 5


class StakesContended(Exception):
    """Others keep taking and letting go what this batch stakes: it is posted again from the start."""


def stake_things(
    connection: Connection,
    commands: Sequence[Command],
    ids: Sequence[int | None],
    desk: Desk,
    *,
    take: bool = True,
    looks: int = LOOKS_MAX,
) -> None:
    """Stake out what must be unique beyond one book for the book of each command; read who holds the rest.

    What was free is in `desk.fresh_stakes` afterwards. Without `take` (a rehearsal) nothing is written.
    Raises StakesContended when others keep taking it and letting it go, for so many looks.
    """
    wanted = _wanted(commands, ids)
    if not wanted:
        return
    held: dict[bytes, int] = {}
    rest = set(wanted)
    for _look in range(looks):
        if not rest:
            break
        if take:
            # in key order, so that two who want the same things wait and do not deadlock
            rest -= set(_STAKES.write(connection, _in_key_order(wanted, rest)))
        found = {bytes(digest): book_id for digest, book_id, _stage in HOLDINGS.run(connection, _each(rest))}
        held |= found
        # what was there a moment ago and has been let go since is staked after all
        rest = rest - found.keys() if take else set()
    if rest:
        raise StakesContended("what is staked is taken and let go faster than it can be read")
    desk.stakes = wanted | held
    desk.fresh_stakes = wanted.keys() - held.keys()


def asks_of_stakes(
    commands: Sequence[Command], ids: Sequence[int | None]
) -> list[tuple[KeyWriter, Sequence[tuple[bytes, int]]]]:
    """What `stake_things` asks first: it may be sent along with the locks, before which it is taken."""
    wanted = _wanted(commands, ids)
    return [(_STAKES, _in_key_order(wanted, wanted))] if wanted else []


def _wanted(commands: Sequence[Command], ids: Sequence[int | None]) -> dict[bytes, int]:
    """What is staked, and for which book."""
    wanted: dict[bytes, int] = {}
    for command, book_id in zip(commands, ids, strict=True):
        if book_id is not None:
            for digest in command.stakes:
                wanted.setdefault(digest, book_id)
    return wanted


def _in_key_order(wanted: Mapping[bytes, int], digests: Iterable[bytes]) -> list[tuple[bytes, int]]:
    return [(digest, wanted[digest]) for digest in sorted(digests)]


def _each(digests: Iterable[bytes]) -> list[tuple[bytes]]:
    return [(digest,) for digest in digests]


def free_stakes(connection: Connection, digests: Iterable[bytes]) -> None:
    """Let go of stakes: what a reversed bill was called may be used again."""
    gone = sorted(digests)
    if gone:
        connection.execute(tables.claim.delete().where(tables.claim.c.digest.in_(gone)))


def give_back(
    connection: Connection, kept: Sequence[Command], fresh: set[bytes], desk: Desk, fresh_books: set[bytes]
) -> None:
    """Take back the stakes that only refused commands had made."""
    needed = {person.digest for command in kept for person in command.persons}
    unused_books = fresh_books - {
        _next_holding(command, desk) for command in kept if command.opens and isinstance(command.book, bytes)
    }
    for table, unused in ((tables.claim, unused_books), (tables.identity, fresh - needed)):
        if unused:
            connection.execute(table.delete().where(table.c.digest.in_(sorted(unused))))
