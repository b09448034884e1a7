"""Months of employers after a death: what was paid of them, and what the report of the death took (R15)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Date, column

from ledger import tables
from ledger.accounts.death_facts import standing
from ledger.chart.kinds import Kind
from ledger.chart.members import LineKind
from ledger.chart.sides import Side
from ledger.contributions.levies import ASSESSMENT_LINE, AssessmentLine
from ledger.contributions.reads import read_months
from ledger.contributions.sent_back import SentBack, follow_sent, read_sent
from ledger.database.lookups import Lookup
from ledger.months import period_of
from ledger.people.merged import with_merged
from ledger.posting import Desk, Need, Receipt
from ledger.posting.needs import Asked

_A, _L, _E = tables.assessment.c, tables.assessment_line.c, tables.entry.c
# months that an employer has paid something for
_PAID = Lookup(
    "SELECT a.account_id, a.book_id, a.period FROM {given} JOIN assessment a"
    " ON a.account_id = given.account_id AND a.period > given.period"
    " WHERE a.employee_paid > 0 OR a.employer_paid > 0 ORDER BY a.account_id, a.book_id, a.period",
    [_A.account_id, _A.book_id, _A.period],
    account_id="big",
    period="int",
)
# by value date, what an account has of an employer for a month
_CREDITED = Lookup(
    "SELECT e.book_id, t.party_id, e.period, e.effective_on,"
    f" SUM(CASE t.from_side WHEN {int(Side.COLLECTION_CLEARING)} THEN t.amount_fen ELSE -t.amount_fen END)"
    " FROM {given} JOIN entry e ON e.book_id = given.account_id AND e.period > given.period"
    " JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq AND t.party_id IS NOT NULL"
    f" AND (t.from_side = {int(Side.COLLECTION_CLEARING)} OR t.to_side = {int(Side.COLLECTION_CLEARING)})"
    f" WHERE t.from_side <> {int(Side.RECEIVABLE)} AND t.to_side <> {int(Side.RECEIVABLE)}"
    " GROUP BY e.book_id, t.party_id, e.period, e.effective_on",
    [
        _E.book_id,
        column("employer", BigInteger),
        _E.period,
        column("day", Date),
        column("fen", BigInteger),
    ],
    account_id="big",
    period="int",
)
# what a report did to one person's month: the lines of its entry
_DID = Lookup(
    "SELECT l.book_id, l.seq, e.effective_on, SUM(l.employee), SUM(l.employer), SUM(l.employee_paid),"
    " SUM(l.employer_paid), SUM(l.suspended) FROM {given} JOIN entry e"
    " ON e.book_id = given.book_id AND e.seq = given.seq JOIN assessment_line l"
    " ON l.book_id = e.book_id AND l.seq = e.seq AND l.account_id = given.account_id"
    " GROUP BY l.book_id, l.seq, e.effective_on",
    [_L.book_id, _L.seq, _E.effective_on, *(column(name, BigInteger) for name in "abcde")],
    book_id="big",
    seq="int",
    account_id="big",
)


class _Did(NamedTuple):
    """What a report changed of one person's month, in fen, all of it below zero but what was in suspense."""

    on: date
    employee: int
    employer: int
    employee_paid: int
    employer_paid: int
    suspended: int


class MonthGone(NamedTuple):
    """A month of an employer that a report took: its entry there, the base, the entries of the account."""

    employer_id: int
    seq: int
    period: int
    base: int
    # what of it the account no longer had
    owed: int
    # what of the employer's late fee, now too high, went into suspense
    excess_fee: int
    refunds: list[int]
    # the account, where it is one that went into the dead one's
    account_id: int | None = None


class Late:
    """What was read: by account the months that were paid, and by account, employer and month what came on
    which value date; by entry of an employer and account, what a death changed there, and what of that a
    payment that bounced has counted as brought again.
    """

    __slots__ = ("credited", "did", "paid", "sent")

    def __init__(self) -> None:
        self.paid: dict[int, set[tuple[int, int]]] = {}
        self.credited: dict[tuple[int, int, int], dict[date, int]] = {}
        self.did: dict[tuple[int, int], _Did] = {}
        self.sent: dict[tuple[int, int], SentBack] = {}


def _read(connection: Connection, asked: Asked, desk: Desk) -> Late:
    found = Late()
    wanted: set[tuple[int, int]] = set()
    gone: list[tuple[MonthGone, int]] = []
    for book_id, _command in asked:
        facts = standing(desk, book_id)
        if facts is not None:
            months = (MonthGone(*month) for month in facts.months)
            gone += [(month, month.account_id or book_id) for month in months]
    for book_id, command in with_merged(asked, desk):
        # a withdrawal has no day, and takes nothing back
        day = getattr(command, "died_on", None)
        if day is not None:
            wanted.add((book_id, period_of(day)))
    for account_id, employer_id, period in _PAID.run(connection, sorted(wanted)):
        found.paid.setdefault(account_id, set()).add((employer_id, period))
    for account_id, employer_id, period, day, fen in _CREDITED.run(connection, sorted(wanted)):
        found.credited.setdefault((account_id, employer_id, period), {})[day] = int(fen)
    places = [(month.employer_id, month.seq, account_id) for month, account_id in gone]
    for employer_id, seq, on, *amounts in _DID.run(connection, sorted(places)):
        found.did[employer_id, seq] = _Did(on, *map(int, amounts))
    for employer_id in {month.employer_id for month, _account in gone}:
        there = [(one.seq, account, one.period) for one, account in gone if one.employer_id == employer_id]
        for seq, sent in read_sent(connection, employer_id, there).items():
            found.sent[employer_id, seq] = sent
    rows = {
        (employer_id, period, account_id)
        for account_id, some in found.paid.items()
        for employer_id, period in some
        if employer_id in desk.books
    }
    rows |= {
        (month.employer_id, month.period, account_id)
        for month, account_id in gone
        if month.employer_id in desk.books
    }
    read_months(connection, desk, rows)
    return found


def _follow(found: Late, _desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    """Let a payment, a refund, or a death of this very batch count."""
    if receipt.kind is Kind.ADJUSTMENT:
        found.did[receipt.book_id, receipt.seq] = _summed(receipt.effective_on, ASSESSMENT_LINE.among(beside))
        follow_sent(found.sent, receipt, beside)
    if receipt.period is None:
        return
    for source, target, fen, party in receipt.transfers:
        if party is None or Side.COLLECTION_CLEARING not in {source, target}:
            continue
        if receipt.kind is Kind.CONTRIBUTION:
            found.paid.setdefault(receipt.book_id, set()).add((party, receipt.period))
        came = found.credited.setdefault((receipt.book_id, party, receipt.period), {})
        sign = 1 if source == Side.COLLECTION_CLEARING else -1
        came[receipt.effective_on] = came.get(receipt.effective_on, 0) + sign * fen


def _summed(on: date, lines: Iterable[AssessmentLine]) -> _Did:
    """What the lines of an entry about one person come to. A report's entry is about one person alone, or
    about others whom it spread money to: their lines pay, and are not summed.
    """
    mine = [line for line in lines if line.kind is not LineKind.PAID]
    return _Did(
        on,
        sum(line.employee for line in mine),
        sum(line.employer for line in mine),
        sum(line.employee_paid for line in mine),
        sum(line.employer_paid for line in mine),
        sum(line.suspended for line in mine),
    )


# months after death that employers paid, and those that the report of the death took
LATE_MONTHS: Need[Late] = Need("months after death that employers paid", _read, follow=_follow)
