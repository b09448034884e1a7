"""Which months may follow a transfer: those in which the person was insured by who sends it (R51)."""

from __future__ import annotations

from datetime import date, timedelta

from ledger.accounts.leaving import TRANSFER_STATE, TransferCase, under_way
from ledger.book.state import Book
from ledger.bounds.table import SUPPLEMENT_MONTH
from ledger.chart.matrix import Stage
from ledger.chart.transfers import MOVED, Direction, TransferStatus
from ledger.people.enrolled import ENROLMENTS
from ledger.posting import Desk
from ledger.transfers.asked import ASKED


def sent_on(case: TransferCase) -> date | None:
    """When the money moved that something may follow; None where nothing follows, or nothing has moved."""
    return case.moved_on if case.status in MOVED else None


def followed(account: Book) -> tuple[int, TransferCase] | None:
    """The transfer out with which, or after which, money of the account goes; None where it stays."""
    found = under_way(account)
    if found is not None or account.stage != Stage.CLOSED:
        return found
    arrived = [
        (seq, case)
        for seq, case in account.of(TRANSFER_STATE).rows.items()
        if case.status == TransferStatus.ACKNOWLEDGED
    ]
    return arrived[-1] if arrived else None


def admit_month(
    desk: Desk, account: Book, period: int | None, goes_with: tuple[int, TransferCase] | None
) -> int:
    """The month of what goes with a transfer, or stays when there is none. Raises Refused(period_invalid).

    Out, it is one in which the person was insured here, and not one of the other agency. In, it is over
    before the person came.
    """
    insured = left = sent = None
    if goes_with is not None:
        seq, case = goes_with
        sent = sent_on(case)
        if case.direction == Direction.OUT:
            enrolled = [one.first for one in desk.of(ENROLMENTS).get(account.book_id, ())]
            insured = min([account.opened_on, *enrolled])
            elsewhere = date.fromisoformat(desk.of(ASKED)[account.book_id, seq].told["insured_from"])
            # of a month that is parted, the first part was here
            left = elsewhere - timedelta(days=1)
    return SUPPLEMENT_MONTH.admit_month(period, desk.today, "period", insured=insured, left=left, sent=sent)
