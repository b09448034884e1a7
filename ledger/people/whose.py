"""Books of an older version come to say whose they are: once, by an entry of its own in each.

What was written down since says so itself (`ledger.posting.identities`). One run goes over everybody of whom
no entry said anything yet; killed and started again it goes on. Once it has ended it is never made again, so
that whoever is put in later without an entry stays without one, and is found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from ledger import tables
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.numbers import OPENING_SEQ
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.database.lookups import Lookup
from ledger.people import compared_names
from ledger.policy import Policy, load_policy
from ledger.posting import TARGET, AlreadyThere, BookRef, Command, Desk, Need, Posted, batches, post
from ledger.posting.identities import FORMAT
from ledger.posting.needs import Asked
from ledger.posting.outcomes import Failed, IdentityState, NumberMoved, Outcome, Unknown
from ledger.refusals import Refused

KIND: Final = "identities"
_CHUNK: Final = 500
_CALLER: Final = "ledger"
_B, _E, _I, _R = tables.book.c, tables.entry.c, tables.identity.c, tables.identity_entry.c
_S, _M = tables.shared_number.c, tables.account_merge.c
_F, _P = tables.policy_in_force.c, tables.policy.c
_KNOWN = Lookup(
    "SELECT i.person_id, i.digest, i.role, i.name_digest, i.nth FROM {given}"
    " JOIN identity i ON i.person_id = given.person_id ORDER BY i.person_id, i.digest",
    [_I.person_id, _I.digest, _I.role, _I.name_digest, _I.nth],
    person_id="big",
)
_SAID = Lookup(
    "SELECT r.digest, max(r.nth) FROM {given} JOIN identity_entry r ON r.digest = given.digest"
    " GROUP BY r.digest",
    [_R.digest, _R.nth],
    digest="bytes",
)
# kinds whose entries name people who may have no book
_NAMING: Final = (Kind.ESTATE, Kind.ESTATE_CLAIMANTS, Kind.ESTATE_DISPUTE)

# of people, the digests of their numbers
Numbers = dict[int, tuple[bytes, ...]]


def _read(connection: Connection, asked: Asked, desk: Desk) -> Numbers:
    people = {person for _book_id, command in asked for person in command.people}
    found: defaultdict[int, list[bytes]] = defaultdict(list)
    unsaid: list[tuple[bytes]] = []
    for person, told, role, name, nth in _KNOWN.run(connection, [(person,) for person in sorted(people)]):
        digest = bytes(told)
        found[person].append(digest)
        desk.identities[digest] = IdentityState(person, role, bytes(name), nth)
        if nth is None:
            unsaid.append((digest,))
    for told, nth in _SAID.run(connection, unsaid):
        # said before its name's digest was made anew, by a newer rule
        digest = bytes(told)
        desk.identities[digest] = desk.identities[digest]._replace(nth=nth)
    desk.unsaid |= {digest for (digest,) in unsaid}
    return {person: tuple(found[person]) for person in people}


NUMBERS_KNOWN: Need[Numbers] = Need("the numbers of people, said or not", _read)


@dataclass(eq=False)
class SayWhose(Command):
    """Let a book say whose numbers are: of its holder all, of other people those of which no entry has."""

    verb = "identity"
    says_whose = True
    needs = frozenset({TARGET, NUMBERS_KNOWN})

    book: BookRef
    people: tuple[int, ...]
    caller: str = _CALLER
    actor: str = _CALLER
    target_seq: int | None = OPENING_SEQ

    def content(self) -> str:
        return ",".join(map(str, self.people))

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        numbers = {
            digest: desk.identities[digest]
            for person in self.people
            for digest in desk.of(NUMBERS_KNOWN)[person]
            if person == book.person_id or (digest in desk.unsaid and digest not in desk.moved)
        }
        if not numbers:
            opening = desk.target(OPENING_SEQ)
            if opening is None:
                raise AssertionError("a book begins with its opening")
            raise AlreadyThere(opening)
        # in the year that the book stands in: what it says moves no money into another one
        noted_on = min(max(desk.today, book.opened_on), date(book.open_year, 12, 31))
        book.add(Draft(Kind.IDENTITY, noted_on, detail=pack(format=FORMAT), keyed=True))
        # each leads where it did; whatever is moved, the entry says whose it is
        desk.moved |= {
            digest: NumberMoved(state.person_id, state.role)
            for digest, state in numbers.items()
            if digest in desk.unsaid and digest not in desk.moved
        }


def is_due(connection: Connection) -> bool:
    """Whether the run has not ended yet."""
    batch = batches.find(connection, _name())
    return batch is None or batch.state != batches.FINISHED


def say_whose(connection: Connection, now: datetime, today: date) -> int:
    """Let the books say whose they are; how many entries were written. Outside a transaction.

    Raises Unknown when the database went away, and Failed when it does not take an entry: the run is then
    started again, and goes on. Refused for a book of an area without a policy.
    """
    batch = batches.begin(connection, _name(), KIND, now)
    with connection.begin():
        policies = _policies(connection)

    def tally(connection: Connection, outcomes: Sequence[object]) -> None:
        batches.tally(connection, batch, sum(isinstance(one, Posted) and one.created for one in outcomes), 0)

    written = 0
    for commands in _all_unsaid(connection):
        outcomes = post(connection, commands, now, today, policies, beside=tally)
        written += sum(map(_is_written, outcomes))
        batches.save(connection, batch, now, tallied=True)
    batch.state = batches.FINISHED
    batches.save(connection, batch, now, tallied=True)
    return written


def holders_said(connection: Connection, first: int, last: int) -> dict[int, set[int]]:
    """By book, whose its opening says that it is, or what was written in place of that.

    Whose account went into another one before is said by the entry that let it go there.
    """
    said: defaultdict[int, set[int]] = defaultdict(set)
    by_entries = (
        select(_R.book_id, _R.seq, _R.person_id)
        .join(tables.entry, (_E.book_id == _R.book_id) & (_E.seq == _R.seq))
        .where(_R.book_id.between(first, last))
        .where((_R.seq == OPENING_SEQ) | (_E.kind == int(Kind.IDENTITY)))
        .order_by(_R.book_id, _R.seq)
    )
    merged = select(_M.book_id, _M.person_id).where(_M.book_id.between(first, last))
    first_said: dict[int, int] = {}
    for book_id, seq, person_id in connection.execute(by_entries):
        # whoever comes to be known in it later is not its holder
        if first_said.setdefault(book_id, seq) == seq:
            said[book_id].add(person_id)
    for book_id, person_id in connection.execute(merged):
        said[book_id].add(person_id)
    return said


def _name() -> str:
    # a newer rule of comparing makes digests of names anew, and then each of them is said once more
    return f"{KIND}-{FORMAT}-{compared_names.RULE}"


def _is_written(outcome: Outcome) -> bool:
    if isinstance(outcome, Posted):
        return outcome.created
    if isinstance(outcome, Unknown | Failed | Refused):
        raise outcome
    raise AssertionError("nobody is asked for a second person")


def _policies(connection: Connection) -> dict[int, Policy]:
    """The policies in force, as they are stored."""
    query = (
        select(_F.area, _P.content)
        .join_from(tables.policy_in_force, tables.policy, _P.version == _F.version)
        .order_by(_F.number)
    )
    return {
        area: load_policy(content, "stored policy", complete=False)
        for area, content in connection.execute(query)
    }


def _all_unsaid(connection: Connection) -> Iterator[list[Command]]:
    """The commands of the books of which there is something to say, some at a time.

    First of the people who have books, which say it themselves; whoever has none is named by a book.
    """
    after = -(2**63)
    books = (
        select(_B.book_id, _B.person_id)
        .where(_B.person_id.is_not(None), _B.book_id > bindparam("after"))
        .order_by(_B.book_id)
        .limit(_CHUNK)
    )
    while True:
        with connection.begin():
            some = connection.execute(books, {"after": after}).all()
            said = holders_said(connection, some[0].book_id, some[-1].book_id) if some else {}
            people = sorted({person for _book_id, person in some})
            unsaid = {
                person
                for person, _digest, _role, _name, nth in _KNOWN.run(connection, [(one,) for one in people])
                if nth is None
            }
        if not some:
            break
        after = some[-1].book_id
        yield [
            SayWhose(book_id, (person,))
            for book_id, person in some
            if person in unsaid or person not in said.get(book_id, ())
        ]
    with connection.begin():
        without = set(connection.scalars(select(_I.person_id).where(_I.nth.is_(None)).distinct()))
        named = sorted(_named_by_books(connection, without).items())
    for start in range(0, len(named), _CHUNK):
        yield [SayWhose(book_id, (person,)) for person, book_id in named[start : start + _CHUNK]]


def _named_by_books(connection: Connection, people: set[int]) -> dict[int, int]:
    """Of people without a book one that names them: as an heir, or as who shared a number."""
    if not people:
        return {}
    found: dict[int, int] = {}
    shared = select(_S.book_id, _S.other_person_id).order_by(_S.book_id, _S.seq)
    for book_id, person in connection.execute(shared):
        if person in people:
            found.setdefault(person, book_id)
    naming = (
        select(_E.book_id, _E.detail)
        .where(_E.kind.in_([int(kind) for kind in _NAMING]))
        .order_by(_E.book_id, _E.seq)
        .execution_options(yield_per=_CHUNK)
    )
    for book_id, detail in connection.execute(naming):
        for number in _numbers_in(unpack(detail)):
            if number in people:
                found.setdefault(number, book_id)
    return found


def _numbers_in(told: Any) -> Iterator[int]:
    """Every whole number of a detail: people are among them, and no other number is one of theirs."""
    if isinstance(told, int):
        yield told
    elif isinstance(told, dict | list):
        for one in told.values() if isinstance(told, dict) else told:
            yield from _numbers_in(one)
