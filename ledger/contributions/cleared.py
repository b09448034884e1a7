"""What a person owes of a month, because the account no longer had what went back, cleared once the month is
paid again: the account has had that part, and is never credited above the assessment (R9, R16)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.accounts.inheritance import ESTATE
from ledger.book.detail import unpack
from ledger.book.numbers import entry_name
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.owed import DebtKind
from ledger.contributions.levies import ASSESSMENTS
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Need, Receipt
from ledger.posting.needs import Asked

_E, _T = tables.entry.c, tables.transfer.c
_CLEARED = Lookup(
    "SELECT e.book_id, e.source_ref, t.party_id, t.amount_fen FROM {given}"
    f" JOIN entry e ON e.book_id = given.book_id AND e.kind = {int(Kind.CREDIT_SHORTFALL)}"
    " AND e.source_ref = given.ref JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq",
    [_E.book_id, _E.source_ref, _T.party_id, _T.amount_fen],
    book_id="big",
    ref="text",
)
_D = tables.demand.c
_DEMANDED = Lookup(
    "SELECT d.debt_book, d.debt_number, given.book_id, d.amount - d.withdrawn FROM {given} JOIN demand d"
    # of an account that went into another one what was demanded in the book of that, too
    " ON (d.book_id = given.book_id AND d.debt_account IS NULL OR d.debt_account = given.book_id)"
    f" AND d.debt_kind = {int(DebtKind.CONTRIBUTION)}"
    " AND d.debt_book = given.employer_id AND d.debt_number = given.period",
    [_D.debt_book, _D.debt_number, _D.book_id, _D.amount],
    book_id="big",
    employer_id="big",
    period="int",
)


class PaidFor(NamedTuple):
    """What was paid for one person of the money of a day, by the entry that spread it."""

    seq: int
    account_id: int
    period: int
    employee: int
    employer: int
    suspended: int
    paid_on: date
    # what of `suspended` cleared what the person owed; the rest of it waits
    cleared: int = 0

    @property
    def waits(self) -> int:
        return self.suspended - self.cleared

    def refs(self, book_id: int) -> tuple[str, str]:
        """What the credit may name as its source: a list names the day too."""
        name = entry_name(book_id, self.seq)
        return f"{name}/{self.period}", cleared_ref(name, self.period, self.paid_on)


def cleared_ref(name: str, period: int, received_on: date) -> str:
    """What the entry names as its source that cleared what persons owed: the entry that brought the money."""
    return f"{name}/{period}/{received_on}"


def with_cleared(connection: Connection, book_id: int, paid: Sequence[PaidFor]) -> list[PaidFor]:
    """The lines, with what of each cleared a debt instead of waiting in suspense."""
    refs = {line.refs(book_id)[1] for line in paid if line.suspended}
    found = _CLEARED.run(connection, [(book_id, ref) for ref in sorted(refs)]) if refs else ()
    cleared = {(ref, account_id): fen for _book, ref, account_id, fen in found}
    return [line._replace(cleared=cleared.get((line.refs(book_id)[1], line.account_id), 0)) for line in paid]


# by employer, month and account, in fen
Demanded = dict[tuple[int, int, int], int]


def _read(connection: Connection, _asked: Asked, desk: Desk) -> Demanded:
    months = [
        (account_id, employer_id, period)
        for employer_id, book in desk.books.items()
        if (rows := book.states.get(ASSESSMENTS)) is not None
        for (period, account_id), row in rows.rows.items()
        if row.suspended
    ]
    found: Demanded = {}
    # of nearly every month nobody owes anything, and nothing is asked
    rows_of = _DEMANDED.run(connection, sorted(months)) if months else ()
    for employer_id, period, account_id, fen in rows_of:
        month = (employer_id, period, account_id)
        found[month] = found.get(month, 0) + int(fen)
    return found


def _follow(found: Demanded, desk: Desk, receipt: Receipt, _beside: object) -> None:
    demand = receipt
    if receipt.kind is Kind.REVERSAL and receipt.target_seq is not None:
        demand = desk.targets.get((receipt.book_id, receipt.target_seq), receipt)
    if demand.kind is not Kind.DEMAND:
        return
    told = unpack(demand.detail)
    kind, employer_id, period, *account = told.get("debt", (0, 0, 0))
    if kind == DebtKind.CONTRIBUTION:
        month = (employer_id, period, account[0] if account else receipt.book_id)
        fen = told["amount"] if demand is receipt else -told["amount"]
        found[month] = found.get(month, 0) + fen


# what of the months on the books of employers was demanded from those who owe it; read after all months
DEMANDED: Need[Demanded] = Need("what was demanded of months", _read, follow=_follow)


def waits_of_month(desk: Desk, employer_id: int, period: int, account_id: int, suspended: int) -> int:
    """What waits in suspense for one person of a month: beside what is demanded, which is below zero."""
    return max(suspended + desk.of(DEMANDED).get((employer_id, period, account_id), 0), 0)


def owed_of_month(desk: Desk, account: Book, employer_id: int, period: int, owed: int) -> int:
    """What of `owed` is to be cleared: not what a demand has taken over, which is paid there; of a closed
    account not what its estate has taken over, which takes the rest itself out of what comes.
    """
    owed -= desk.of(DEMANDED).get((employer_id, period, account.book_id), 0)
    estates = desk.of(ESTATE)
    divided = estates.get(account.book_id) if account.stage == Stage.CLOSED else None
    whose = None
    if divided is not None and divided.onward:
        # of one that went into another, by the estate of that one
        divided, whose = estates.get(divided.onward[-1]), account.book_id
    if divided is not None and divided.estate.kind is Kind.ESTATE:
        for line in unpack(divided.estate.detail).get("set_off", ()):
            known_by = (line.get("employer"), line.get("period"), line.get("account"))
            if known_by == (employer_id, period, whose):
                owed -= line["owed"]
    return max(owed, 0)
