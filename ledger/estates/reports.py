"""An estate as it stands: who claims, how it was or would be divided, and what was set off first."""

from __future__ import annotations

from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, func, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.estates.case import CONFIRMED, EstateCase, read_cases
from ledger.refusals import RefusalCode, Refused

_B, _E, _T = tables.book.c, tables.entry.c, tables.transfer.c
_BOOKS_AT_ONCE: Final = 200
# what says how it was divided, or would be; of several entries of one undoing the last says it
_SAYS = (Kind.ESTATE_CLAIMANTS, Kind.ESTATE_DISPUTE, Kind.ESTATE_AGREEMENT, Kind.ESTATE_UNDO)


class EstateSeen(NamedTuple):
    """An estate. `lines` are the claimants, each with `person` and `paid_to`; amounts in fen."""

    state: str
    amount: int
    set_off: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    amounts: list[int]
    # who signed for all, by the place among the lines
    commitment: dict[str, Any] | None = None
    # who has what nobody inherited
    unclaimed_to: str | None = None


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
        whole = connection.scalar(
            select(func.coalesce(func.sum(_T.amount_fen), 0)).where(
                _T.book_id == book_id, _T.seq == case.estate_seq
            )
        )
        return EstateSeen(
            case.state(pays=True),
            int(whole or 0),
            told.get("set_off", []),
            lines,
            amounts,
            told.get("commitment"),
            told.get("unclaimed_to"),
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


class EstateListed(NamedTuple):
    """An estate in a list. `held_since`: since when it is known that nobody inherits."""

    book_id: int
    death_seq: int
    died_on: date
    state: str
    held_since: date | None


def estates(connection: Connection, state: str | None, after: int | None, limit: int) -> list[EstateListed]:
    """At most `limit` estates in one state, or in any, by account, after that one."""
    query = select(_B.book_id, _B.died_on, _B.stage).where(_B.died_on.is_not(None)).order_by(_B.book_id)
    if state is not None:
        stage = Stage.CLOSED if state == CONFIRMED else Stage.DECEASED
        query = query.where(_B.stage == int(stage))
    found: list[EstateListed] = []
    while len(found) < limit:
        here = query if after is None else query.where(_B.book_id > after)
        rows = connection.execute(here.limit(_BOOKS_AT_ONCE)).all()
        cases = {row.book_id: EstateCase() for row in rows}
        read_cases(connection, cases)
        for book_id, died_on, stage in rows:
            case = cases[book_id]
            # an account that was closed otherwise has no estate
            if case.death_seq is None or (stage == Stage.CLOSED and case.estate_seq is None):
                continue
            word = case.state(pays=case.pays)
            if state in {None, word}:
                found.append(EstateListed(book_id, case.death_seq, died_on, word, case.held_since))
        if len(rows) < _BOOKS_AT_ONCE:
            break
        after = rows[-1].book_id
    return found[:limit]


def _detail(connection: Connection, book_id: int, seq: int) -> dict[str, Any]:
    return unpack(connection.scalar(select(_E.detail).where(_E.book_id == book_id, _E.seq == seq)))
