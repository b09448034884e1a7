"""The general ledger: what moved between the sides of all books, on a day and up to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, case, func, select

from ledger import tables
from ledger.chart.sides import Side
from ledger.clock import AREA_ZONE
from ledger.reports.history import end_of
from ledger.tables import Instant

_E, _T = tables.entry.c, tables.transfer.c
_OVERALL = select(_T.from_side, _T.to_side, func.sum(_T.amount_fen)).group_by(_T.from_side, _T.to_side)
_UP_TO_A_DAY = (
    select(
        _T.from_side,
        _T.to_side,
        func.sum(_T.amount_fen),
        func.sum(case((_E.recorded_at >= bindparam("day_begins", type_=Instant), _T.amount_fen), else_=0)),
    )
    .select_from(tables.transfer.join(tables.entry))
    .where(_E.recorded_at <= bindparam("day_ends", type_=Instant))
    .group_by(_T.from_side, _T.to_side)
)


class SideTotal(NamedTuple):
    """What left a side (debit) and what came to it (credit), in fen; `net_fen` is what it stands for.

    The nets of the two pockets are what the agency owes its members.
    """

    side: Side
    debit_fen: int
    credit_fen: int
    net_fen: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """The totals by side, of entries recorded on the area's day `on` and of all up to its end.

    Debits and credits of each list are equal, because every transfer stands once on both sides. Without a
    day, `cumulative` is everything and `day` is empty.
    """

    on: date | None
    day: tuple[SideTotal, ...]
    cumulative: tuple[SideTotal, ...]


def trial_balance(connection: Connection, on: date | None = None) -> TrialBalance:
    """The trial balance of a recorded day, or of everything. Reads every transfer: not for a hot path."""
    if on is None:
        return TrialBalance(None, (), _sides((a, b, int(fen)) for a, b, fen in connection.execute(_OVERALL)))
    begins = datetime.combine(on, time.min, AREA_ZONE)
    rows = connection.execute(_UP_TO_A_DAY, {"day_begins": begins, "day_ends": end_of(on)}).all()
    return TrialBalance(
        on,
        _sides((a, b, int(fen)) for a, b, _, fen in rows),
        _sides((a, b, int(fen)) for a, b, fen, _ in rows),
    )


def _sides(moves: Iterable[tuple[int, int, int]]) -> tuple[SideTotal, ...]:
    paid: dict[int, int] = {}
    got: dict[int, int] = {}
    for source, target, fen in moves:
        if fen:
            paid[source] = paid.get(source, 0) + fen
            got[target] = got.get(target, 0) + fen
    return tuple(
        SideTotal(Side(side), debit, credit, credit - debit)
        for side in sorted(paid.keys() | got.keys())
        for debit, credit in [(paid.get(side, 0), got.get(side, 0))]
    )
