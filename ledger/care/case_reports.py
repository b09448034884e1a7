"""Third-party cases and manual claims as they stand, for whoever decides about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Date, Integer, Select, bindparam, literal_column, or_, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.care.cases import ThirdPartyCase
from ledger.care.decisions import decided_by, read_decisions
from ledger.care.rows import ClaimRow
from ledger.chart.care import CareType
from ledger.refusals import RefusalCode, Refused

_E, _K, _M = tables.entry.c, tables.third_party_case.c, tables.manual_claim.c
_FIRST = tables.entry.alias("first")
_F = _FIRST.c
_STANDS = literal_column(decided_by("manual_claim"), Integer)
_BOOK = bindparam("book_id", type_=BigInteger)
_SEQ = bindparam("seq", type_=Integer)


def third_party_case(connection: Connection, book_id: int, seq: int) -> ThirdPartyCase:
    """The case that an entry opened. Raises Refused(case_not_found)."""
    query = select(*(_K[name] for name in ThirdPartyCase._fields)).where(_K.book_id == book_id, _K.seq == seq)
    found = connection.execute(query).one_or_none()
    if found is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND, at="target_seq")
    return ThirdPartyCase._make(found)


class ClaimView(NamedTuple):
    """A claim as it was handed in, and what was decided; `detail` and `decision` are what the entries say.

    `brought` are the papers that came with decisions which were taken back.
    """

    book_id: int
    seq: int
    row: ClaimRow
    policy_version: int
    detail: str | None
    decided_seq: int | None
    decision: str | None
    brought: tuple[str, ...] = ()

    @property
    def institution(self) -> str:
        """The code of the institution."""
        return str(unpack(self.detail)["institution"])

    @property
    def evidence(self) -> list[str]:
        """The papers that are there: with the claim, and with its decisions."""
        there = unpack(self.detail)["evidence"]
        return list(dict.fromkeys((*there, *self.brought, *self.decided.get("evidence", ()))))

    @property
    def decided(self) -> dict[str, Any]:
        """What the decision says; nothing before there is one."""
        return unpack(self.decision)


def _select() -> Select[Any]:
    beside = tables.manual_claim.join(tables.entry, (_E.book_id == _M.book_id) & (_E.seq == _M.seq))
    return select(
        _M.book_id,
        _M.seq,
        _E.policy_version,
        _E.detail,
        _F.seq.label("first"),
        *(_M[name] for name in ClaimRow._fields),
    ).select_from(beside.outerjoin(_FIRST, (_F.book_id == _M.book_id) & (_F.target_seq == _M.seq)))


_ONE = _select().where(_M.book_id == _BOOK, _M.seq == _SEQ)
_AFTER = bindparam("after", type_=Date)
# Undecided only, so the decided ones of before are passed over; those are few, and have a short index.
_OPEN = (
    _select()
    .where(
        _STANDS.is_(None),
        _M.decide_by <= bindparam("due_by", type_=Date),
        _M.decide_by >= _AFTER,
        or_(
            _M.decide_by > _AFTER,
            _M.book_id > _BOOK,
            (_M.book_id == _BOOK) & (_M.seq > _SEQ),
        ),
    )
    .order_by(_M.decide_by, _M.book_id, _M.seq)
    .limit(bindparam("limit", type_=Integer))
)


def _views(connection: Connection, found: Sequence[Sequence[Any]]) -> list[ClaimView]:
    once = [(book_id, seq) for book_id, seq, _version, _detail, first, *_row in found if first is not None]
    decisions = read_decisions(connection, once)
    views: list[ClaimView] = []
    for book_id, seq, policy_version, detail, first, *row in found:
        claim = ClaimRow._make(row)
        claim = claim._replace(care_type=CareType(claim.care_type))
        told = decisions.get((book_id, seq), ())
        stands = next((one for one in reversed(told) if one.reversed_by is None), None)
        decided_seq, decision = (None, None) if stands is None else (stands.seq, stands.detail)
        again = told if first != decided_seq else ()
        brought = tuple(word for one in again for word in one.evidence)
        views.append(ClaimView(book_id, seq, claim, policy_version, detail, decided_seq, decision, brought))
    return views


def claim(connection: Connection, book_id: int, seq: int) -> ClaimView:
    """The claim that an entry handed in. Raises Refused(claim_not_found)."""
    found = connection.execute(_ONE, {"book_id": book_id, "seq": seq}).one_or_none()
    if found is None:
        raise Refused(RefusalCode.CLAIM_NOT_FOUND, at="target_seq")
    [view] = _views(connection, [found])
    return view


def open_claims(
    connection: Connection, due_by: date, after: tuple[date, int, int] | None, limit: int
) -> list[ClaimView]:
    """At most `limit` undecided claims to be decided by `due_by`, the most urgent first.

    The next page is after (day to decide by, book, entry) of the last one.
    """
    day, book_id, seq = after or (date.min, 0, 0)
    rows = connection.execute(
        _OPEN, {"due_by": due_by, "after": day, "book_id": book_id, "seq": seq, "limit": limit}
    )
    return _views(connection, rows.all())
