"""What a payment of an employer has brought, and what came after it: read for taking it back whole."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.chart.kinds import Kind
from ledger.chart.members import LineKind
from ledger.contributions.cleared import PaidFor, with_cleared
from ledger.contributions.levies import NOTHING_ASSESSED, Assessment, debts_of
from ledger.contributions.reads import keep_rows, read_levies
from ledger.contributions.sent_back import PersonMonth, SentBack, sent_of_the_dead
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Need
from ledger.posting.needs import Asked

_L, _A, _E = tables.levy_line.c, tables.assessment_line.c, tables.entry.c
# what an entry of an employer changed about money: what is owed stays as it is
MONEY = ("employee_paid", "employer_paid", "waiting", "surplus", "forward", "fee_paid")
_LEVY_LINES = Lookup(
    "SELECT l.book_id, l.seq, e.kind, l.on_day, l.period, "
    + ", ".join(f"l.{name}" for name in MONEY)
    + " FROM {given} JOIN levy_line l ON l.book_id = given.book_id AND l.seq >= given.seq"
    " JOIN entry e ON e.book_id = l.book_id AND e.seq = l.seq ORDER BY l.book_id, l.seq, l.period",
    [_L.book_id, _L.seq, _E.kind, _L.on_day, _L.period, *(_L[name] for name in MONEY)],
    book_id="big",
    seq="int",
)
# what it paid for persons, and what later entries spread of the money of its day that waited for a list
_PAID_LINES = Lookup(
    "SELECT a.book_id, a.seq, a.account_id, a.period, a.employee_paid, a.employer_paid, a.suspended,"
    " a.paid_on FROM {given} JOIN assessment_line a ON a.book_id = given.book_id AND a.seq >= given.seq"
    f" AND a.kind = {int(LineKind.PAID)} AND a.paid_on = given.day ORDER BY a.book_id, a.seq, a.line",
    [
        *(_A.book_id, _A.seq, _A.account_id, _A.period),
        *(_A.employee_paid, _A.employer_paid, _A.suspended, _A.paid_on),
    ],
    book_id="big",
    seq="int",
    day="date",
)
_CREDITS = Lookup(
    "SELECT e.book_id, e.source_ref, e.seq, e.effective_on, x.seq, x.kind FROM {given}"
    f" JOIN entry e ON e.book_id = given.book_id AND e.kind = {int(Kind.CONTRIBUTION)}"
    " AND e.source_ref = given.ref LEFT JOIN entry x ON x.book_id = e.book_id AND x.target_seq = e.seq",
    [_E.book_id, _E.source_ref, _E.seq, _E.effective_on, _E.target_seq, _E.kind],
    book_id="big",
    ref="text",
)


class Changed(NamedTuple):
    """What one entry changed about a month, in fen."""

    seq: int
    kind: int
    on_day: date
    period: int
    employee_paid: int
    employer_paid: int
    waiting: int
    surplus: int
    forward: int
    fee_paid: int


class CreditedBy(NamedTuple):
    seq: int
    effective_on: date
    acted_on_by: int | None
    acting_kind: int | None

    @property
    def is_taken_back(self) -> bool:
        """Whether it went back to its payer before; money of a closed account that went on is still paid."""
        return self.acting_kind in {Kind.REFUND_TO_PAYER, Kind.REVERSAL}


class PaidBy:
    """What a payment, and every later entry, changed; who was credited by what source, in which account; and
    what the reports of deaths have sent back of it. `last_seq` is the employer's last entry that is in it.
    """

    __slots__ = ("changes", "credits", "last_seq", "paid", "sent")

    def __init__(self, last_seq: int) -> None:
        self.last_seq = last_seq
        self.changes: list[Changed] = []
        self.paid: list[PaidFor] = []
        self.credits: dict[tuple[int, str], CreditedBy] = {}
        self.sent: dict[PersonMonth, SentBack] = {}


def _read(connection: Connection, asked: Asked, desk: Desk) -> dict[tuple[int, int], PaidBy]:
    found: dict[tuple[int, int], PaidBy] = {}
    days: dict[tuple[int, int], date] = {}
    for book_id, command in asked:
        target = desk.targets.get((book_id, command.target_seq))
        if target is not None and target.kind is Kind.PAYMENT:
            found[book_id, target.seq] = PaidBy(desk.books[book_id].last_seq)
            days[book_id, target.seq] = target.effective_on
    for (book_id, seq), day in days.items():
        one = found[book_id, seq]
        changed = _LEVY_LINES.run(connection, [(book_id, seq)])
        one.changes = [Changed._make(values) for _book, *values in changed]
        lines = _PAID_LINES.run(connection, [(book_id, seq, day.isoformat())])
        one.paid = with_cleared(connection, book_id, [PaidFor(*values) for _book, *values in lines])
        months = {(book_id, line.period) for line in one.paid}
        months |= {(book_id, change.period) for change in one.changes if change.seq == seq}
        read_levies(connection, desk, [book_id], months)
        keep_rows(connection, desk, {(book_id, line.period, line.account_id) for line in one.paid})
        sources = [(line.account_id, ref) for line in one.paid for ref in line.refs(book_id)]
        for account_id, ref, *credit in _CREDITS.run(connection, sources):
            one.credits[account_id, ref] = CreditedBy._make(credit)
        rows = debts_of(desk.books[book_id]).assessments.rows
        # of what is demanded as well: then nothing was sent back, and nothing is found
        gone = {
            (line.account_id, line.period)
            for line in one.paid
            if has_gone(
                row := rows.get((line.period, line.account_id), NOTHING_ASSESSED), line, row.suspended
            )
        }
        if gone:
            one.sent = sent_of_the_dead(connection, book_id, gone)
    return found


def has_gone(row: Assessment, line: PaidFor, waits: int) -> bool:
    """Whether less of a person's month is paid than was paid by a line, or less than that `waits`."""
    return (
        row.employee_paid < line.employee
        or row.employer_paid < line.employer
        or (line.waits > 0 and waits < line.waits)
    )


# of a payment that is taken back
BROUGHT: Need[dict[tuple[int, int], PaidBy]] = Need("what a payment brought", _read)
