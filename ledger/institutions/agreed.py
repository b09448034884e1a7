"""What was agreed on with an institution for a day, and what may still change it."""

from __future__ import annotations

from datetime import date

from ledger.book.beside.care_state import Care
from ledger.chart.care import ClearingState
from ledger.posting import Desk
from ledger.refusals import RefusalCode, Refused


def repaired_day(desk: Desk, institution_id: int, day: date) -> date:
    """The unbalanced day that a posting puts right: it counts there, and not on the day of posting (R34).

    Raises Refused(period_invalid) for a day that no reconciliation found different, or of a cleared month.
    """
    book = desk.other(institution_id)
    care = None if book is None else book.care
    known = None if care is None else care.days.get(day)
    if care is None or known is None or known.balanced or _is_cleared(care, day):
        raise Refused(RefusalCode.PERIOD_INVALID, latest=desk.today)
    return day


def _is_cleared(care: Care, day: date) -> bool:
    clearing = care.clearings.get(day.year * 100 + day.month)
    return clearing is not None and clearing.state is not ClearingState.ENDED
