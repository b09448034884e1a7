"""Medical care as it stands: settled bills, yearly counters, quotas and their uses, visits, filings.

Also the institutions with their contracts, and the policies by which bills were settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Integer, Row, Select, Text, bindparam, cast, null, select

from ledger import tables
from ledger.accounts.quotas import Quota
from ledger.book.detail import unpack
from ledger.care.counters import Accumulator
from ledger.care.reads import settlement_row
from ledger.care.rows import FilingRow, SettlementRow
from ledger.chart.care import CARE_WORDS, CareType, Filing
from ledger.chart.kinds import Kind
from ledger.policy import Policy, load_policy
from ledger.posting.taken_back import taken_back
from ledger.refusals import RefusalCode, Refused

_B, _E, _S = tables.book.c, tables.entry.c, tables.settlement.c
_A, _F, _I, _Q = tables.accumulator.c, tables.filing.c, tables.institution.c, tables.quota.c
_BOOK = bindparam("book_id", type_=BigInteger)
_SEQ = bindparam("seq", type_=Integer)
# what acted on an entry: reversed it, or ended it
_ACTING = tables.entry.alias("acting")
_IS_ACTING = (_ACTING.c.book_id == _E.book_id) & (_ACTING.c.target_seq == _E.seq)
_REVERSAL = tables.settlement.alias("reversal")
_FACTS = (
    _E.book_id,
    _E.seq,
    _E.kind,
    _E.effective_on,
    _E.source_ref,
    _E.policy_version,
    _I.code,
    _REVERSAL.c.seq.label("reversed_by"),
)


class Settled(NamedTuple):
    """An entry that settled a bill, took one back, or settled a year's difference; `row` has its amounts."""

    book_id: int
    seq: int
    kind: Kind
    value_date: date
    # of what came as a message: the institution's code and the message's name, "H0001/m-1"
    source_ref: str | None
    policy_version: int
    institution: str | None
    reversed_by: int | None
    row: SettlementRow

    @property
    def message_id(self) -> str | None:
        return None if self.source_ref is None else self.source_ref.partition("/")[2]


def _settlements(*, with_lines: bool) -> Select[Any]:
    columns = [
        cast(null(), Text).label(name) if name == "lines" and not with_lines else _S[name]
        for name in SettlementRow._fields
    ]
    return (
        select(*_FACTS, *columns)
        .select_from(
            tables.settlement.join(tables.entry, (_E.book_id == _S.book_id) & (_E.seq == _S.seq))
            .outerjoin(tables.institution, _I.party_id == _S.institution_id)
            .outerjoin(_REVERSAL, (_REVERSAL.c.book_id == _S.book_id) & (_REVERSAL.c.reverses_seq == _S.seq))
        )
        .where(_S.book_id == _BOOK)
    )


_ONE = _settlements(with_lines=True).where(_S.seq == _SEQ)
_PAGES = {
    with_lines: _settlements(with_lines=with_lines)
    .where(_S.seq > bindparam("after", type_=Integer))
    .order_by(_S.seq)
    .limit(bindparam("limit", type_=Integer))
    for with_lines in (False, True)
}


def _settled(found: Row[Any]) -> Settled:
    return Settled(
        found.book_id,
        found.seq,
        Kind(found.kind),
        found.effective_on,
        found.source_ref,
        found.policy_version,
        found.code,
        found.reversed_by,
        settlement_row(found[len(_FACTS) :]),
    )


def settled(connection: Connection, book_id: int, seq: int) -> Settled:
    """What an entry settled or took back, with its lines. Raises Refused(settlement_not_found)."""
    found = connection.execute(_ONE, {"book_id": book_id, "seq": seq}).one_or_none()
    if found is None:
        raise Refused(RefusalCode.SETTLEMENT_NOT_FOUND, at="target_seq")
    return _settled(found)


def settlements(
    connection: Connection, book_id: int, after: int, limit: int, *, with_lines: bool = False
) -> list[Settled]:
    """At most `limit` of a person's settlements after an entry, in order; without their lines unless asked.

    Reversals and yearly differences are among them, so that the amounts of all add up to what was paid.
    """
    rows = connection.execute(_PAGES[with_lines], {"book_id": book_id, "after": after, "limit": limit})
    return [_settled(row) for row in rows]


def stored_policy(connection: Connection, version: int) -> Policy:
    """A policy as it was when entries named its version. What was not known then has no value in it."""
    table = tables.policy.c
    text = connection.execute(select(table.content).where(table.version == version)).scalar_one()
    return load_policy(text, f"policy version {version}", complete=False)


def accumulator(connection: Connection, book_id: int, year: int) -> Accumulator:
    """The counters of a person's year of care; nothing counted where nothing was settled."""
    query = select(*(_A[name] for name in Accumulator._fields)).where(_A.book_id == book_id, _A.year == year)
    found = connection.execute(query).one_or_none()
    return Accumulator() if found is None else Accumulator._make(found)


# -- mutual aid ----------------------------------------------------------------------------------------------


class QuotaView(NamedTuple):
    """A quota by the entry that gave it, and both people."""

    book_id: int
    seq: int
    given_on: date
    donor_id: int | None
    quota: Quota
    # the entry that took it back
    reversed_by: int | None = None


class QuotaUse(NamedTuple):
    """What a donor is told of a use (R38): the day, the amount in fen, what kind of institution it was."""

    value_date: date
    amount: int
    institution_kind: str
    # the day on which the money came back
    returned_on: date | None


_QUOTAS = (
    select(_Q.book_id, _Q.seq, _E.effective_on, _B.person_id, *(_Q[name] for name in Quota._fields))
    .select_from(
        tables.quota.join(tables.entry, (_E.book_id == _Q.book_id) & (_E.seq == _Q.seq)).join(
            tables.book, _B.book_id == _Q.book_id
        )
    )
    .order_by(_Q.rank, _E.recorded_at, _Q.book_id, _Q.seq)
)
_GIVEN = _QUOTAS.where(_Q.book_id == _BOOK)
_RECEIVED = _QUOTAS.where(
    _Q.recipient_id == select(_B.person_id).where(_B.book_id == _BOOK).correlate(None).scalar_subquery()
)
_RECEIVED_BY = _QUOTAS.where(_Q.recipient_id == bindparam("person_id", type_=BigInteger))
_USES = (
    select(_E.effective_on, _E.reserved_change, _E.detail, _ACTING.c.effective_on.label("returned_on"))
    .select_from(tables.entry.outerjoin(_ACTING, _IS_ACTING))
    .where(_E.book_id == _BOOK, _E.kind == int(Kind.MUTUAL_AID), _E.seq > _SEQ)
    .order_by(_E.seq)
)


def quotas_given(connection: Connection, book_id: int) -> list[QuotaView]:
    """The quotas that an account has given, by rank, those that were ended too."""
    return _quota_views(connection, connection.execute(_GIVEN, {"book_id": book_id}))


def quotas_received(connection: Connection, book_id: int) -> list[QuotaView]:
    """The quotas that were given to the holder of an account, by rank, those that were ended too."""
    return _quota_views(connection, connection.execute(_RECEIVED, {"book_id": book_id}))


def quotas_received_by(connection: Connection, person_id: int) -> list[QuotaView]:
    """The same by the person's number, for somebody who has no account."""
    return _quota_views(connection, connection.execute(_RECEIVED_BY, {"person_id": person_id}))


def _quota_views(connection: Connection, rows: Any) -> list[QuotaView]:
    found = [
        QuotaView(book_id, seq, given_on, donor_id, Quota._make(quota))
        for book_id, seq, given_on, donor_id, *quota in rows
    ]
    # only one that has ended may have been taken back
    donors = {one.book_id for one in found if one.quota.ended}
    back = {book_id: taken_back(connection, book_id) for book_id in sorted(donors)}
    return [one._replace(reversed_by=back.get(one.book_id, {}).get(one.seq)) for one in found]


def quota_uses(connection: Connection, book_id: int, seq: int) -> list[QuotaUse]:
    """What was paid from a quota, oldest first. Raises Refused(quota_not_found)."""
    if not connection.execute(select(_Q.seq).where(_Q.book_id == book_id, _Q.seq == seq)).all():
        raise Refused(RefusalCode.QUOTA_NOT_FOUND, at="target_seq")
    uses = []
    for day, change, detail, returned_on in connection.execute(_USES, {"book_id": book_id, "seq": seq}):
        told = unpack(detail)
        if told["quota"] == seq:
            uses.append(QuotaUse(day, -change, told["institution_kind"], returned_on))
    return uses


# -- visits and filings --------------------------------------------------------------------------------------


class Visit(NamedTuple):
    """A registered visit by its entry; `settled_by` are the entries of its bills that were not taken back."""

    book_id: int
    seq: int
    institution: str
    care_type: CareType
    begins_on: date
    # the day as of which the registration was taken back, and why
    ended_on: date | None
    reason: str | None
    settled_by: tuple[int, ...]
    # the entry that took it back, as if it had never been
    reversed_by: int | None = None


class Filed(NamedTuple):
    """What was filed, by its entry and the day it was recorded."""

    seq: int
    recorded_on: date
    institution: str | None
    evidence: str | None
    row: FilingRow
    # the entry that took it back
    reversed_by: int | None = None


_VISIT = (
    select(_E.detail, _ACTING.c.effective_on.label("ended_on"), _ACTING.c.detail.label("ended"))
    .select_from(tables.entry.outerjoin(_ACTING, _IS_ACTING))
    .where(_E.book_id == _BOOK, _E.seq == _SEQ, _E.kind == int(Kind.VISIT))
)
_BILLS = (
    select(_S.seq)
    .select_from(
        tables.settlement.outerjoin(
            _REVERSAL, (_REVERSAL.c.book_id == _S.book_id) & (_REVERSAL.c.reverses_seq == _S.seq)
        )
    )
    .where(_S.book_id == _BOOK, _S.visit_seq == _SEQ, _S.reverses_seq.is_(None), _REVERSAL.c.seq.is_(None))
    .order_by(_S.seq)
)
_FILED = (
    select(_E.seq, _E.effective_on, _I.code, _E.detail, *(_F[name] for name in FilingRow._fields))
    .select_from(
        tables.filing.join(tables.entry, (_E.book_id == _F.book_id) & (_E.seq == _F.seq)).outerjoin(
            tables.institution, _I.party_id == _F.institution_id
        )
    )
    .where(_F.book_id == _BOOK)
    .order_by(_F.seq)
)


def visit(connection: Connection, book_id: int, seq: int) -> Visit:
    """A visit, and what became of it. Raises Refused(visit_not_found)."""
    at = {"book_id": book_id, "seq": seq}
    found = connection.execute(_VISIT, at).one_or_none()
    if found is None:
        raise Refused(RefusalCode.VISIT_NOT_FOUND, at="target_seq")
    told, ended = unpack(found.detail), unpack(found.ended)
    return Visit(
        book_id,
        seq,
        told["institution"],
        CARE_WORDS[told["care_type"]],
        date.fromisoformat(told["begins_on"]),
        date.fromisoformat(ended["to"]) if "to" in ended else found.ended_on,
        ended.get("reason"),
        tuple(connection.scalars(_BILLS, at)),
        taken_back(connection, book_id).get(seq) if found.ended_on is not None else None,
    )


def filings(connection: Connection, book_id: int) -> list[Filed]:
    """What was filed for a person, oldest first; what was ended has the last day that its end says."""
    found: dict[int, Filed] = {}
    for seq, day, code, detail, *values in connection.execute(_FILED, {"book_id": book_id}):
        row = _filing(values)
        if row.replaces_seq is not None:
            found[row.replaces_seq] = found[row.replaces_seq]._replace(row=row)
        else:
            found[seq] = Filed(seq, day, code, unpack(detail).get("evidence"), row)
    back = taken_back(connection, book_id) if found else {}
    return [one._replace(reversed_by=back.get(one.seq)) for one in found.values()]


def _filing(values: Sequence[Any]) -> FilingRow:
    row = FilingRow._make(values)
    return row._replace(filing=Filing(row.filing))


# -- institutions --------------------------------------------------------------------------------------------


class Contracted(NamedTuple):
    """A contract of an institution: some kinds of care, from a day to a day (None: open)."""

    valid_from: date
    valid_to: date | None
    services: tuple[str, ...]
    # the entry that recorded it; None where it was written down without a book
    entry: tuple[int, int] | None


class Suspended(NamedTuple):
    """Days on which an institution's contracts rest, by the entry that said so (None: open)."""

    valid_from: date
    valid_to: date | None
    entry: tuple[int, int] | None


def contracts(connection: Connection, code: str) -> list[Contracted]:
    """The contracts of an institution, oldest first."""
    table = tables.contract.c
    query = select(table.valid_from, table.valid_to, table.services).where(table.code == code)
    recorded = _recorded(connection, code, Kind.CONTRACT)
    return [
        Contracted(first, last, tuple(services.split(",")), recorded.get(first))
        for first, last, services in connection.execute(query.order_by(table.valid_from))
    ]


def suspensions(connection: Connection, code: str) -> list[Suspended]:
    """The days on which an institution's contracts rest, oldest first."""
    table = tables.suspension.c
    query = select(table.valid_from, table.valid_to).where(table.code == code).order_by(table.valid_from)
    recorded = _recorded(connection, code, Kind.SUSPENSION)
    return [Suspended(first, last, recorded.get(first)) for first, last in connection.execute(query)]


def _recorded(connection: Connection, code: str, kind: Kind) -> dict[date, tuple[int, int]]:
    """The entries of an institution's book that recorded something of a kind, by its first day."""
    query = (
        select(_E.book_id, _E.seq, _E.detail)
        .join_from(tables.institution, tables.entry, _E.book_id == _I.party_id)
        .where(_I.code == code, _E.kind == int(kind))
    )
    return {
        date.fromisoformat(unpack(detail)["from"]): (book_id, seq)
        for book_id, seq, detail in connection.execute(query)
    }
