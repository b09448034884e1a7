"""What a bill is held to at once: an account that is open, and the visit that it names (R23, R25)."""

from __future__ import annotations

from ledger.book.detail import unpack
from ledger.care.reads import SETTLEMENTS
from ledger.care.rows import standing
from ledger.chart.care import CareType
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.posting import Desk
from ledger.refusals import RefusalCode, Refused

Place = tuple[int, int]
"""The book and the number of the entry that registered a visit."""


def require_open(desk: Desk) -> None:
    """Raise Refused(account_closed), before anything else is judged."""
    if desk.book.stage == Stage.CLOSED:
        raise Refused(RefusalCode.ACCOUNT_CLOSED)


def check_known(desk: Desk, visit: Place | None, only_of: int | None) -> None:
    """Raise Refused(visit_not_found) for a visit of this patient that there is not.

    `only_of` is the institution that asks, where it asks for itself: what is another's is not there for it.
    """
    if visit is None or (visit[0] != desk.book.book_id and only_of is None):
        return
    found = desk.target(visit[1]) if visit[0] == desk.book.book_id else None
    is_known = found is not None and found.kind is Kind.VISIT
    if found is None or not is_known or (only_of is not None and unpack(found.detail)["party"] != only_of):
        raise Refused(RefusalCode.VISIT_NOT_FOUND, at="visit")


def check_theirs(desk: Desk, visit: Place | None, party: int) -> None:
    """Raise Refused(visit_mismatch) for a visit of somebody else, or at another institution."""
    if visit is None:
        return
    book_id, seq = visit
    found = desk.target(seq)
    if book_id != desk.book.book_id or found is None or unpack(found.detail)["party"] != party:
        raise Refused(RefusalCode.VISIT_MISMATCH, at="visit")


def check_open(desk: Desk, visit: Place | None, care_type: CareType) -> None:
    """Raise Refused: an inpatient visit is settled once, and none that was taken back."""
    if visit is None:
        return
    book_id, seq = visit
    if care_type is CareType.INPATIENT and any(
        row.visit_seq == seq for row in standing(desk.of(SETTLEMENTS).get(book_id, {})).values()
    ):
        raise Refused(RefusalCode.VISIT_SETTLED, at="visit")
    if desk.acted_on(seq) in {Kind.VISIT_END, Kind.REVERSAL}:
        raise Refused(RefusalCode.VISIT_ENDED, at="visit")
