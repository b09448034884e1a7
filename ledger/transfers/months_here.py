"""Which months may follow a transfer: those in which the person was insured by who sends it (R51)."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import Connection

from ledger import tables
from ledger.accounts.leaving import TRANSFER_STATE, TransferCase, under_way
from ledger.book.detail import unpack
from ledger.book.state import Book
from ledger.bounds.table import SUPPLEMENT_MONTH
from ledger.chart.matrix import Stage
from ledger.chart.transfers import MOVED, Direction, TransferStatus
from ledger.database.lookups import Lookup
from ledger.people.enrolled import ENROLMENTS
from ledger.posting import Desk, Need
from ledger.posting.needs import Asked

# by book and number: since when the person is insured elsewhere, of each transfer out
InsuredElsewhere = dict[tuple[int, int], date]

_E = tables.entry.c
_OUT = Lookup(
    "SELECT c.book_id, c.seq, e.detail FROM {given} JOIN transfer_case c ON c.book_id = given.book_id"
    f" AND c.direction = {int(Direction.OUT)}"
    " JOIN entry e ON e.book_id = c.book_id AND e.seq = c.seq",
    [_E.book_id, _E.seq, _E.detail],
    book_id="big",
)


def _read(connection: Connection, _asked: Asked, desk: Desk) -> InsuredElsewhere:
    rows = _OUT.run(connection, [(book_id,) for book_id in sorted(desk.books)])
    return {
        (book_id, seq): date.fromisoformat(unpack(detail)["insured_from"]) for book_id, seq, detail in rows
    }


# of every book that is locked
INSURED_ELSEWHERE: Need[InsuredElsewhere] = Need("since when insured elsewhere", _read)


def sent_on(case: TransferCase) -> date | None:
    """When the money moved that something may follow; None where nothing follows, or nothing has moved."""
    return case.moved_on if case.status in MOVED else None


def followed(account: Book) -> tuple[int, TransferCase] | None:
    """The transfer out with which, or after which, money of the account goes; None where it stays."""
    found = under_way(account)
    if found is not None or account.stage != Stage.CLOSED:
        return found
    cases = account.of(TRANSFER_STATE).rows.items()
    return next((one for one in reversed(cases) if one[1].status == TransferStatus.ACKNOWLEDGED), None)


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
            elsewhere = desk.of(INSURED_ELSEWHERE)[account.book_id, seq]
            # of a month that is parted, the first part was here
            left = elsewhere - timedelta(days=1)
    return SUPPLEMENT_MONTH.admit_month(period, desk.today, "period", insured=insured, left=left, sent=sent)
