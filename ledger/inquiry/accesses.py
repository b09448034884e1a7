"""Who looked at a person's data, as the read log has it: for the person, and for auditors (R65).

The newest look stands first, so that a look which is taken meanwhile moves no page. The person is not shown
what must be withheld until a day: the search of a court, and that of an estate which is not divided yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, literal, or_, select, text, tuple_, union

from ledger import tables
from ledger.access.read_log import log_is_there
from ledger.book.numbers import parse_entry_name
from ledger.chart.channels import AccessChannel, FieldGroup
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.clock import day_of
from ledger.policy import Policy
from ledger.tables.access import UNUSUAL, USUAL_PURPOSES

ESTATE: Final = "estate"
"""The purpose of whoever looks for an estate; its reference is the name of the death's entry."""

_AT_ONCE: Final = 500
_L, _A = tables.read_log.c, tables.agent.c
_B, _E, _D = tables.book.c, tables.entry.c, tables.document.c


class Place(NamedTuple):
    """Where a look stands in the log: a list goes by it, the newest first."""

    at: datetime
    chain_id: int
    seq: int


class Access(NamedTuple):
    """One look at a person's data. `book_id` is None for one at a person who was known by number alone."""

    place: Place
    actor: str
    channel: AccessChannel
    purpose: str | None
    ref: str | None
    fields: FieldGroup
    document: str | None
    book_id: int | None
    person: bytes | None


class Sought(NamedTuple):
    """Which looks are asked for; of everybody, by everybody, ever, where nothing is said."""

    books: tuple[int, ...] = ()
    digests: tuple[bytes, ...] = ()
    of_everybody: bool = False
    actor: str | None = None
    since: datetime | None = None
    # not this instant itself
    until: datetime | None = None


_COLUMNS = (
    _L.at, _L.chain_id, _L.seq, _L.actor, _L.channel, _L.purpose, _L.ref, _L.fields, _L.document, _L.book_id,
    _L.person,
)  # fmt: skip


@log_is_there()
def accesses(connection: Connection, sought: Sought, after: Place | None, limit: int) -> list[Access]:
    """At most `limit` looks behind a place, the newest first. Raises ReadLogUnavailable."""
    conditions = _conditions(sought, after)
    # each by an index of its own: of a person who is looked at rarely the log is not walked from its end
    whose: list[ColumnElement[bool] | None] = [_L.book_id == book_id for book_id in sought.books]
    whose += [_L.person == digest for digest in sought.digests]
    if sought.of_everybody:
        whose = [None]
    if not whose:
        return []
    parts = [_newest(select(*_COLUMNS), _L, one, conditions, limit).subquery() for one in whose]
    found = union(*(select(part) for part in parts)).subquery("found")
    query = select(found, _A.name).join(_A.name.table, _A.agent_id == found.c.actor)
    rows = connection.execute(_newest(query, found.c, None, (), limit))
    return [_access(row) for row in rows]


def accesses_for(
    connection: Connection, purposes: Iterable[str], after: Place | None, limit: int
) -> list[Access]:
    """At most `limit` looks behind a place that were taken for one of some purposes, the oldest first."""
    words = sorted(purposes)
    query = (
        select(*_COLUMNS, _A.name).join(_A.name.table, _A.agent_id == _L.actor).where(_L.purpose.in_(words))
    )
    if not USUAL_PURPOSES & set(words):
        # in these words the index says it, which has only such looks
        query = query.where(text(UNUSUAL))
    if after is not None:
        place = tuple_(literal(after.at, tables.Instant), after.chain_id, after.seq)
        query = query.where(tuple_(_L.at, _L.chain_id, _L.seq) > place)
    rows = connection.execute(query.order_by(_L.at, _L.chain_id, _L.seq).limit(limit))
    return [_access(row) for row in rows]


def _newest(
    query: Select[Any],
    columns: Any,
    whose: ColumnElement[bool] | None,
    conditions: Sequence[ColumnElement[bool]],
    limit: int,
) -> Select[Any]:
    where = conditions if whose is None else (whose, *conditions)
    order = (columns.at.desc(), columns.chain_id.desc(), columns.seq.desc())
    return query.where(*where).order_by(*order).limit(limit)


def _conditions(sought: Sought, after: Place | None) -> list[ColumnElement[bool]]:
    """What all rows of a list fulfil."""
    conditions: list[ColumnElement[bool]] = []
    if sought.actor is not None:
        conditions.append(_L.actor.in_(select(_A.agent_id).where(_A.name == sought.actor)))
    if sought.since is not None:
        conditions.append(_L.at >= sought.since)
    if sought.until is not None:
        conditions.append(_L.at < sought.until)
    if after is not None:
        later = and_(_L.chain_id == after.chain_id, _L.seq < after.seq)
        conditions += [
            _L.at <= after.at,
            or_(_L.at < after.at, _L.chain_id < after.chain_id, later),
        ]
    return conditions


def _access(row: Any) -> Access:
    return Access(
        Place(row.at, row.chain_id, row.seq),
        row.name,
        AccessChannel(row.channel),
        row.purpose,
        row.ref,
        FieldGroup(row.fields),
        row.document,
        row.book_id,
        None if row.person is None else bytes(row.person),
    )


# -- what the person is shown --------------------------------------------------------------------------------


class Withholding(NamedTuple):
    """By what is judged which looks are not shown yet: the areas' policies, and the day.

    `areas` are those of the books that were looked at; a look at somebody without one is withheld as long as
    any area withholds it.
    """

    policies: Mapping[int, Policy]
    areas: Mapping[int, int]
    today: date

    def days(self, access: Access) -> int:
        """For how many days a look is withheld; 0 where it never was."""
        looked_on = day_of(access.place.at)
        own = self.policies.get(self.areas.get(access.book_id or 0, 0))
        policies = self.policies.values() if own is None else (own,)
        purpose = access.purpose or ""
        return max((one.access.withheld_on(looked_on).get(purpose, 0) for one in policies), default=0)

    def is_over(self, access: Access, *, divided: bool) -> bool:
        """Whether a look may be shown: its days are over, or the estate that it was for is divided."""
        days = self.days(access)
        if self.today >= day_of(access.place.at) + timedelta(days):
            return True
        return access.purpose == ESTATE and divided


def withholding(
    connection: Connection, books: Collection[int], policies: Mapping[int, Policy], today: date
) -> Withholding:
    """By what is judged which looks at these books are not shown yet."""
    rows = connection.execute(select(_B.book_id, _B.area).where(_B.book_id.in_(books)))
    return Withholding(policies, {row.book_id: row.area for row in rows}, today)


def accesses_shown(
    connection: Connection,
    sought: Sought,
    after: Place | None,
    limit: int,
    policies: Mapping[int, Policy],
    today: date,
) -> list[Access]:
    """The same as the person is shown it. What is withheld leaves no gap: a page is full without it."""
    rule = withholding(connection, sought.books, policies, today)
    shown: list[Access] = []
    while len(shown) < limit:
        looks = accesses(connection, sought, after, _AT_ONCE)
        divided = divided_deaths(connection, looks)
        shown += [one for one in looks if rule.is_over(one, divided=death_of(one) in divided)]
        if len(looks) < _AT_ONCE:
            break
        after = looks[-1].place
    return _without_withheld_documents(connection, shown[:limit], policies, today)


def _without_withheld_documents(
    connection: Connection, shown: list[Access], policies: Mapping[int, Policy], today: date
) -> list[Access]:
    """Some looks: of one at a document that is withheld itself, whatever it was for, not which it was."""
    serials = {one.document for one in shown if one.document is not None}
    if not serials:
        return shown
    printed = documents_withheld(connection, _D.serial.in_(serials), policies, today)
    withheld = {one.serial for one in printed}
    return [one._replace(document=None) if one.document in withheld else one for one in shown]


class Print(NamedTuple):
    """A document as far as it says from when on the person may know of it."""

    name: str
    serial: str
    issued_at: datetime
    purpose: str | None
    ref: str | None
    book_id: int


def documents_withheld(
    connection: Connection, which: ColumnElement[bool], policies: Mapping[int, Policy], today: date
) -> list[Print]:
    """Of the documents that fulfil a condition those of which the person is not to know yet."""
    words = sorted({word for policy in policies.values() for word in policy.access.withheld_ever()})
    columns = (_D.name, _D.serial, _D.issued_at, _D.purpose, _D.ref, _D.book_id)
    rows = connection.execute(select(*columns).where(_D.purpose.in_(words), which))
    prints = [Print(*row) for row in rows]
    may_be_known = set(prints_shown(connection, prints, policies, today)) if prints else set()
    return [one for one in prints if one not in may_be_known]


def prints_shown(
    connection: Connection, prints: Sequence[Print], policies: Mapping[int, Policy], today: date
) -> list[Print]:
    """Of some documents those of which the person may know: as of the look that was taken to print them."""
    looks = [
        Access(
            Place(one.issued_at, 0, 0), "", AccessChannel.SYSTEM, one.purpose, one.ref,
            FieldGroup.IDENTITY_MASKED, one.serial, one.book_id, None,
        )
        for one in prints
    ]  # fmt: skip
    rule = withholding(connection, {one.book_id for one in prints}, policies, today)
    divided = divided_deaths(connection, looks)
    return [
        one
        for one, look in zip(prints, looks, strict=True)
        if rule.is_over(look, divided=death_of(look) in divided)
    ]


def death_of(access: Access) -> tuple[int, int] | None:
    """The entry that a search for an estate names."""
    if access.purpose != ESTATE or access.ref is None:
        return None
    return parse_entry_name(access.ref)


def divided_deaths(connection: Connection, looks: Iterable[Access]) -> set[tuple[int, int] | None]:
    """Of the deaths that looks were taken for, those whose estate is divided."""
    named = {place for one in looks if (place := death_of(one)) is not None}
    if not named:
        return set()
    query = (
        select(_E.book_id, _E.seq)
        .join_from(tables.entry, tables.book, _B.book_id == _E.book_id)
        .where(
            _E.book_id.in_({book_id for book_id, _seq in named}),
            _E.kind == int(Kind.DEATH),
            _B.stage == int(Stage.CLOSED),
        )
    )
    return {(book_id, seq) for book_id, seq in connection.execute(query)}
