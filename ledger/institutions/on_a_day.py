"""Institutions as they are on a day: the register keeps the first state, the changes what was said since."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ColumnElement, Connection, func, select

from ledger import tables
from ledger.posting import Change

_I, _G = tables.institution.c, tables.institution_change.c


def name_on(day: date | ColumnElement[date]) -> ColumnElement[str]:
    """The name of an institution on a day, for statements that read its row."""
    newest = (
        select(_G.name)
        .where(_G.book_id == _I.party_id, _G.name.is_not(None), _G.valid_from <= day)
        .order_by(_G.valid_from.desc(), _G.seq.desc())
        .limit(1)
        .correlate_except(tables.institution_change)
        .scalar_subquery()
    )
    return func.coalesce(newest, _I.name).label("name")


def changes_of(connection: Connection, party_id: int) -> list[Change]:
    """What was said of an institution, in the order of the days."""
    rows = connection.execute(
        select(*(_G[name] for name in Change._fields))
        .where(_G.book_id == party_id)
        .order_by(_G.valid_from, _G.seq)
    )
    return [Change._make(row) for row in rows]
