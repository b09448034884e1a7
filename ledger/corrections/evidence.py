"""What a run that was killed had posted: told by the entries in the books, and not by what it meant to do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.members import LineKind
from ledger.corrections.lines import Corrected
from ledger.refusals import RefusalCode

PLANNED, POSTED, LEFT = "planned", "posted", "left"
_N, _E, _A = tables.correction_line.c, tables.entry.c, tables.assessment_line.c
_KINDS = {
    Corrected.CONTRIBUTION: (Kind.ADJUSTMENT,),
    Corrected.RETIREE_CREDIT: (Kind.RETIREE_CORRECTION, Kind.RETIREE_CREDIT),
    Corrected.INTEREST: (Kind.INTEREST_CORRECTION,),
}


def tell_planned(connection: Connection, name: str, reason: str) -> None:
    """Say of each line that a killed run had planned, and that is right by now, whether that run posted it.

    One that somebody else has put right meanwhile is left, with `nothing_to_correct`.
    """
    correction = tables.correction.c
    with connection.begin():
        asked_at = connection.scalar(select(correction.asked_at).where(correction.name == name))
        planned = connection.execute(
            select(_N.account_id, _N.employer_id, _N.period, _N.what, _N.before_fen, _N.after_fen,
                   _N.employer_before_fen, _N.employer_after_fen)
            .where(_N.name == name, _N.state == PLANNED)
        ).all()  # fmt: skip
        for line in planned:
            posted = asked_at is not None and _is_posted(connection, line, reason, asked_at)
            told = (
                {"state": POSTED} if posted else {"state": LEFT, "code": RefusalCode.NOTHING_TO_CORRECT.value}
            )
            connection.execute(
                update(tables.correction_line)
                .where(
                    _N.name == name,
                    _N.account_id == line.account_id,
                    _N.employer_id == line.employer_id,
                    _N.period == line.period,
                    _N.what == line.what,
                )
                .values(**told)
            )


def _is_posted(connection: Connection, line: Any, reason: str, since: datetime) -> bool:
    """Whether an entry since then says that it corrects that month or year for this reason."""
    what = Corrected(line.what)
    account_id, employer_id, period = line.account_id, line.employer_id, line.period
    query = select(_E.kind, _E.detail).where(
        _E.book_id == (employer_id or account_id),
        _E.kind.in_([int(kind) for kind in _KINDS[what]]),
        _E.period == period,
        _E.recorded_at >= since,
    )
    if what is Corrected.CONTRIBUTION:
        query = query.join_from(
            tables.entry, tables.assessment_line, (_A.book_id == _E.book_id) & (_A.seq == _E.seq)
        ).where(
            _A.account_id == account_id,
            _A.kind == int(LineKind.ADJUSTED),
            _A.employee == line.after_fen - line.before_fen,
            _A.employer == line.employer_after_fen - line.employer_before_fen,
        )
    for kind, detail in connection.execute(query):
        told = unpack(detail)
        # the credit of a month that never had one says no reason: nobody else credits it twice
        if kind == Kind.RETIREE_CREDIT or reason in (told.get("reason"), told.get("correction")):
            return True
    return False
