"""What the ledger holds of a person's care beside bills: for the one who asks for everything."""

from __future__ import annotations

from sqlalchemy import Connection, select

from ledger import tables
from ledger.care import case_reports, reports
from ledger.care.cases import ThirdPartyCase
from ledger.care.counters import Accumulator
from ledger.chart.kinds import Kind

_E, _K, _M, _A = tables.entry.c, tables.third_party_case.c, tables.manual_claim.c, tables.accumulator.c


def visits_of(connection: Connection, book_id: int) -> list[reports.Visit]:
    """Every visit that was registered, oldest first."""
    query = select(_E.seq).where(_E.book_id == book_id, _E.kind == int(Kind.VISIT)).order_by(_E.seq)
    return [reports.visit(connection, book_id, seq) for seq in connection.scalars(query).all()]


def claims_of(connection: Connection, book_id: int) -> list[case_reports.ClaimView]:
    """Every bill that was handed in on paper, oldest first."""
    query = select(_M.seq).where(_M.book_id == book_id).order_by(_M.seq)
    return [case_reports.claim(connection, book_id, seq) for seq in connection.scalars(query).all()]


def cases_of(connection: Connection, book_id: int) -> list[tuple[int, ThirdPartyCase]]:
    """Every case of a third party, oldest first, with the entry that opened it."""
    query = select(_K.seq).where(_K.book_id == book_id).order_by(_K.seq)
    found = connection.scalars(query).all()
    return [(seq, case_reports.third_party_case(connection, book_id, seq)) for seq in found]


def years_of_care(connection: Connection, book_id: int) -> dict[int, Accumulator]:
    """The counters of every year in which something was settled."""
    columns = [_A[name] for name in Accumulator._fields]
    rows = connection.execute(select(_A.year, *columns).where(_A.book_id == book_id).order_by(_A.year))
    return {year: Accumulator._make(counted) for year, *counted in rows}
