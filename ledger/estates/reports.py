"""An estate as it stands: who claims, how it was or would be divided, and what was set off first."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.estates.case import EstateCase, read_cases
from ledger.refusals import RefusalCode, Refused

_E = tables.entry.c
# what says how it was divided, or would be
_SAYS = (Kind.ESTATE_CLAIMANTS, Kind.ESTATE_DISPUTE, Kind.ESTATE_AGREEMENT)


class EstateSeen(NamedTuple):
    """An estate. `lines` are the claimants, each with `person` and `paid_to`; amounts in fen."""

    state: str
    amount: int
    set_off: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    amounts: list[int]
    # who signed for all, by the place among the lines
    commitment: dict[str, Any] | None = None


def estate_seen(connection: Connection, book_id: int, death_seq: int) -> EstateSeen:
    """The estate of that death. Raises Refused(estate_not_found)."""
    cases = {book_id: EstateCase()}
    read_cases(connection, cases)
    case = cases[book_id]
    if case.death_seq != death_seq:
        raise Refused(RefusalCode.ESTATE_NOT_FOUND, at="estate")
    if case.estate_seq is not None:
        told = _detail(connection, book_id, case.estate_seq)
        lines = told["heirs"]
        amounts = [line["amount"] for line in lines]
        return EstateSeen(
            case.state(pays=True),
            sum(amounts),
            told.get("set_off", []),
            lines,
            amounts,
            told.get("commitment"),
        )
    last = connection.scalar(
        select(_E.seq)
        .where(_E.book_id == book_id, _E.seq > death_seq, _E.kind.in_([int(kind) for kind in _SAYS]))
        .order_by(_E.seq.desc())
        .limit(1)
    )
    told = {} if last is None else _detail(connection, book_id, last)
    amounts = told.get("shown", [])
    return EstateSeen(
        case.state(pays=case.pays),
        told.get("amount", 0),
        told.get("set_off", []),
        told.get("claimants", []),
        amounts,
        told.get("commitment"),
    )


def _detail(connection: Connection, book_id: int, seq: int) -> dict[str, Any]:
    return unpack(connection.scalar(select(_E.detail).where(_E.book_id == book_id, _E.seq == seq)))
