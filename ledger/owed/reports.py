"""Demands as they stand, for whoever follows them up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, select, tuple_

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.owed import DebtKind
from ledger.owed.state import Demand
from ledger.refusals import RefusalCode, Refused

_D, _E = tables.demand.c, tables.entry.c
_OPEN = _D.set_off + _D.paid + _D.to_estate + _D.withdrawn < _D.amount


class DemandView(NamedTuple):
    """A demand, and what its entry says of it."""

    book_id: int
    seq: int
    demand: Demand
    reason: str
    document: str

    @property
    def debt(self) -> DebtKind | None:
        """What the person owed before, where the demand took that over."""
        return None if self.demand.debt is None else self.demand.debt.kind


def _select() -> Select[Any]:
    return select(_D.book_id, _D.seq, _E.detail, *(_D[name] for name in Demand._fields)).join_from(
        tables.demand, tables.entry, (_E.book_id == _D.book_id) & (_E.seq == _D.seq)
    )


def _view(row: Sequence[Any]) -> DemandView:
    book_id, seq, detail, *values = row
    told = unpack(detail)
    return DemandView(book_id, seq, Demand._make(values), told["reason"], told["document"])


def demand(connection: Connection, book_id: int, seq: int) -> DemandView:
    """One demand. Raises Refused(demand_not_found)."""
    row = connection.execute(_select().where(_D.book_id == book_id, _D.seq == seq)).one_or_none()
    if row is None:
        raise Refused(RefusalCode.DEMAND_NOT_FOUND, at="target_seq")
    return _view(row)


def demands_of(connection: Connection, book_id: int) -> list[DemandView]:
    """All demands of an account, in their order."""
    return [_view(row) for row in connection.execute(_select().where(_D.book_id == book_id).order_by(_D.seq))]


def open_demands(connection: Connection, after: tuple[int, int] | None, limit: int) -> list[DemandView]:
    """At most `limit` demands of which something is owed, by account and number, after the last page."""
    query = _select().where(_OPEN).order_by(_D.book_id, _D.seq).limit(limit)
    if after is not None:
        query = query.where(tuple_(_D.book_id, _D.seq) > tuple_(*after))
    return [_view(row) for row in connection.execute(query)]
