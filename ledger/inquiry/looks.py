"""What the findings for auditors are made of: looks, who is whose relative, what was settled."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, select

from ledger import tables
from ledger.access.read_log import log_is_there
from ledger.book.chain import EPOCH
from ledger.book.detail import unpack
from ledger.book.numbers import parse_entry_name
from ledger.chart.channels import AccessChannel, FieldGroup
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.person_facts import PersonFact
from ledger.clock import AREA_ZONE
from ledger.database.lookups import Lookup
from ledger.inquiry.findings import AuditFinding, Circle, Findings, Limits, LookedAt, LookOut, Whose
from ledger.people.persons import name_digest
from ledger.policy import Policy
from ledger.posting import Desk
from ledger.posting.stakes import resolve
from ledger.vault import Keyring

_L, _A, _S, _F = tables.read_log.c, tables.agent.c, tables.staff.c, tables.account_flag.c
_B, _E, _Q = tables.book.c, tables.entry.c, tables.quota.c
_INSTITUTION: Final = "institution "
_PERSON: Final = "person"
# of a token of the institution itself: such a look is at what it has settled
_OF_ITS_OWN: Final = "settlements:read"
_AT_ONCE: Final = 2_000
# what an institution is paid from an account without a bill
_PAID: Final = (int(Kind.SPENDING), int(Kind.CAPTURE))

_PERSONS = Lookup(
    "SELECT i.digest, i.person_id FROM {given} JOIN identity i ON i.digest = given.digest",
    [tables.identity.c.digest, tables.identity.c.person_id],
    digest="bytes",
)
_NUMBERS = Lookup(
    "SELECT i.person_id, i.digest FROM {given} JOIN identity i ON i.person_id = given.person_id",
    [tables.identity.c.person_id, tables.identity.c.digest],
    person_id="big",
)
_BOOKS = Lookup(
    "SELECT b.person_id, b.book_id FROM {given} JOIN book b ON b.person_id = given.person_id",
    [_B.person_id, _B.book_id],
    person_id="big",
)
_NAMESAKES = Lookup(
    "SELECT i.name_digest, i.person_id FROM {given} JOIN identity i ON i.name_digest = given.name"
    # and by a name that came later
    " UNION SELECT n.digest, n.person_id FROM {given} JOIN person_fact n ON n.digest = given.name"
    f" AND n.what = {int(PersonFact.NAME)}",
    [tables.identity.c.name_digest, tables.identity.c.person_id],
    name="bytes",
)


@log_is_there()
def find(
    connection: Connection, keyring: Keyring, policies: Iterable[Policy], first: date, last: date
) -> list[AuditFinding]:
    """What is found in the looks of some days, by when it began. Holds what it shows, not what it reads.

    Raises ReadLogUnavailable.
    """
    limits = limits_on(policies, last)
    since, until = _begins(first), _begins(last + timedelta(days=1))
    watched = _watched(connection, keyring, since, until)
    settled = _Settled(connection, limits.days)
    findings = Findings(watched, limits, since, settled.follow)
    looks = _looks(connection, since - timedelta(minutes=limits.minutes), until)
    while some := list(islice(looks, _AT_ONCE)):
        for look in _by_book(connection, some):
            findings.add(look)
    return findings.all()


def limits_on(policies: Iterable[Policy], day: date) -> Limits:
    """What the policy says on a day; of an installation with several areas the strictest."""
    many = [policy.access.many_on(day) for policy in policies]
    days = [policy.access.settled_within_on(day) for policy in policies]
    return Limits(min(people for people, _ in many), max(minutes for _, minutes in many), min(days))


def _begins(day: date) -> datetime:
    return datetime.combine(day, time(), AREA_ZONE)


def _looks(connection: Connection, since: datetime, until: datetime) -> Iterator[LookedAt]:
    columns = (
        _L.at, _A.name, _L.channel, _L.purpose, _L.ref, _L.role, _L.bound_to,
        _L.book_id, _L.person, _L.fields,
    )  # fmt: skip
    query = (
        select(*columns)
        .join(tables.agent, _A.agent_id == _L.actor)
        .where(_L.at >= since, _L.at < until)
        .order_by(_L.at, _L.chain_id, _L.seq)
    )
    channels = {int(channel): channel for channel in AccessChannel}
    for at, actor, channel, purpose, ref, role, bound_to, book_id, person, fields in connection.execute(
        query.execution_options(yield_per=_AT_ONCE)
    ):
        bound = bound_to or ""
        institution = bound.removeprefix(_INSTITUTION) if bound.startswith(_INSTITUTION) else None
        yield LookedAt(
            at,
            actor,
            channels[channel],
            purpose,
            ref,
            role,
            institution,
            bound == _PERSON,
            book_id,
            None if person is None else bytes(person),
            FieldGroup(fields),
        )


def _by_book(connection: Connection, looks: Sequence[LookedAt]) -> Iterator[LookedAt]:
    """The same looks, those at somebody who was named by a number by the book that the person has.

    So that nobody is two people.
    """
    desk = Desk(EPOCH, EPOCH.date(), {})
    resolve(connection, {look.person for look in looks if look.person is not None}, desk)
    for look in looks:
        book_id = None if look.person is None else desk.ids.get(look.person)
        yield look if book_id is None else look._replace(book_id=book_id)


# -- whom to look out for ----------------------------------------------------------------------------------


def _watched(connection: Connection, keyring: Keyring, since: datetime, until: datetime) -> LookOut:
    numbers: dict[str, set[bytes]] = defaultdict(set)
    for name, person in connection.execute(select(_S.name, _S.person)):
        numbers[name].add(bytes(person))
    flags: dict[int, list[str]] = defaultdict(list)
    for book_id, reason in connection.execute(select(_F.book_id, _F.reason).order_by(_F.recorded_at)):
        flags[book_id].append(reason)
    people = _People(connection, since, until)
    circles = people.circles(numbers)
    staff = frozenset[Whose]().union(*(circle.own for circle in circles.values()))
    return LookOut(circles, staff, _namesakes(connection, keyring, numbers, since, until), flags)


def _namesakes(
    connection: Connection, keyring: Keyring, registered: Mapping[str, Any], since: datetime, until: datetime
) -> dict[str, set[int]]:
    """Of those who acted and are not registered: the books of people who are called as they are."""
    acted = (
        select(_A.name)
        .where(_A.agent_id.in_(select(_L.actor).where(_L.at >= since, _L.at < until)))
        .order_by(_A.name)
    )
    by_digest: dict[bytes, list[str]] = defaultdict(list)
    for name in connection.scalars(acted):
        if name not in registered:
            by_digest[name_digest(name, keyring)].append(name)
    named: dict[int, set[str]] = defaultdict(set)
    for digest, person_id in _NAMESAKES.run(connection, [(digest,) for digest in sorted(by_digest)]):
        named[person_id].update(by_digest[bytes(digest)])
    found: dict[str, set[int]] = defaultdict(set)
    for person_id, book_id in _BOOKS.run(connection, [(person_id,) for person_id in sorted(named)]):
        for name in named[person_id]:
            found[name].add(book_id)
    return found


class _People:
    """Who is behind the numbers of staff, and who is related to them: by mutual aid, or by an estate."""

    def __init__(self, connection: Connection, since: datetime, until: datetime) -> None:
        self._connection = connection
        self._since, self._until = since, until

    def circles(self, numbers: Mapping[str, set[bytes]]) -> dict[str, Circle]:
        digests = {digest for some in numbers.values() for digest in some}
        rows = _PERSONS.run(self._connection, [(digest,) for digest in sorted(digests)])
        person_of = {bytes(digest): int(person) for digest, person in rows}
        persons = set(person_of.values())
        own = self._whose(persons)
        related = self._related(persons, own)
        relatives = self._whose({one for some in related.values() for one in some})
        circles = {}
        for name, known in numbers.items():
            here = {person_of[digest] for digest in known if digest in person_of}
            mine = set[Whose](known).union(*(own[person] for person in here))
            theirs = set[Whose]().union(
                *(relatives[other] for person in here for other in related[person] - here)
            )
            circles[name] = Circle(mine, theirs - mine)
        return circles

    def _whose(self, persons: set[int]) -> dict[int, set[Whose]]:
        """The books and the digests of people."""
        found: dict[int, set[Whose]] = {person: set() for person in persons}
        asked = [(person,) for person in sorted(persons)]
        for person, book_id in _BOOKS.run(self._connection, asked):
            found[person].add(book_id)
        for person, digest in _NUMBERS.run(self._connection, asked):
            found[person].add(bytes(digest))
        return found

    def _related(self, persons: set[int], own: Mapping[int, set[Whose]]) -> dict[int, set[int]]:
        related: dict[int, set[int]] = {person: set() for person in persons}
        books = {book: person for person, some in own.items() for book in some if isinstance(book, int)}
        gives = select(_Q.book_id, _Q.recipient_id).where(_Q.book_id.in_(sorted(books)))
        for book_id, recipient in self._connection.execute(gives):
            related[books[book_id]].add(recipient)
        receives = (
            select(_Q.recipient_id, _B.person_id)
            .join(tables.book, _B.book_id == _Q.book_id)
            .where(_Q.recipient_id.in_(sorted(persons)))
        )
        for recipient, donor in self._connection.execute(receives):
            related[recipient].add(donor)
        for heirs in self._estates(sorted(books)):
            for person in heirs & persons:
                related[person] |= heirs - {person}
        return related

    def _estates(self, books: Sequence[int]) -> Iterator[set[int]]:
        """Of each estate that may concern staff: the dead person and the heirs.

        Those that paid into an account of theirs, and those of closed accounts that somebody registered
        looked at: an heir who was paid by order has no entry that tells of it.
        """
        inherited = select(_E.source_ref).where(_E.book_id.in_(books), _E.kind == int(Kind.INHERITANCE))
        places = [parse_entry_name(ref or "") for ref in self._connection.scalars(inherited)]
        looked_at = (
            select(_L.book_id)
            .join(tables.agent, _A.agent_id == _L.actor)
            .where(_L.at >= self._since, _L.at < self._until, _A.name.in_(select(_S.name)))
        )
        closed = select(_B.book_id).where(
            _B.stage == int(Stage.CLOSED),
            _B.book_id.in_(looked_at) | _B.book_id.in_([place[0] for place in places if place is not None]),
        )
        estates = (
            select(_B.person_id, _E.detail)
            .join(tables.book, _B.book_id == _E.book_id)
            .where(_E.book_id.in_(closed), _E.kind == int(Kind.ESTATE))
        )
        for dead, detail in self._connection.execute(estates):
            yield {dead, *(line["person"] for line in unpack(detail)["heirs"])}


# -- what an institution settled ---------------------------------------------------------------------------


class _Settled:
    """Whether a settlement of the same institution for the same person follows a look."""

    def __init__(self, connection: Connection, days: int) -> None:
        self._connection = connection
        self._span = timedelta(days=days)
        self._parties: dict[str | None, int | None] = {}

    def follow(self, looks: Sequence[LookedAt]) -> Iterator[bool]:
        """For each look whether one does; what the institution looks up of its own bills may come before."""
        if not looks:
            return
        since, until = looks[0].at - self._span, looks[-1].at + self._span
        there = self._recorded({look.book_id for look in looks if look.book_id is not None}, since, until)
        for look in looks:
            times = there.get((self._party(look.institution), look.book_id), [])
            begins = look.at - self._span if look.role == _OF_ITS_OWN else look.at
            place = bisect_left(times, begins)
            yield place < len(times) and times[place] <= look.at + self._span

    def _party(self, code: str | None) -> int | None:
        if code not in self._parties:
            table = tables.institution.c
            query = select(table.party_id).where(table.code == code)
            self._parties[code] = self._connection.scalar(query)
        return self._parties[code]

    def _recorded(
        self, books: set[int], since: datetime, until: datetime
    ) -> dict[tuple[int | None, int | None], list[datetime]]:
        """By institution and book, when a bill was settled or something paid from the account, in order."""
        bill, moved = tables.settlement.c, tables.transfer.c
        settled = select(bill.institution_id, bill.book_id, _E.recorded_at).join(
            tables.entry, (_E.book_id == bill.book_id) & (_E.seq == bill.seq)
        )
        paid = select(moved.party_id, moved.book_id, _E.recorded_at).join(
            tables.entry, (_E.book_id == moved.book_id) & (_E.seq == moved.seq)
        )
        when = _E.recorded_at.between(since, until)
        found: dict[tuple[int | None, int | None], list[datetime]] = defaultdict(list)
        asked = sorted(books)
        for start in range(0, len(asked), _AT_ONCE):
            some = asked[start : start + _AT_ONCE]
            for query in (
                settled.where(bill.book_id.in_(some), bill.reverses_seq.is_(None), when),
                paid.where(moved.book_id.in_(some), _E.kind.in_(_PAID), when),
            ):
                for party, book_id, at in self._connection.execute(query):
                    found[party, book_id].append(at)
        for times in found.values():
            times.sort()
        return found
