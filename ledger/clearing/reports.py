"""What an institution and the agency agree on and pay: days, reconciliations, clearings (R34).

Nothing here names a patient: a line is a message id and amounts. Amounts are integer fen.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select, tuple_

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.care import Channel, ClearingState
from ledger.chart.kinds import Kind
from ledger.clearing.comparing import Difference, DifferenceKind
from ledger.clearing.days import DayLine, DayTotals
from ledger.institutions.agreed import ReconciledDay
from ledger.months import month_bounds
from ledger.posting import Receipt
from ledger.reports.pages import entries

_S = tables.settlement.c
_FUND = _S.pooled_pay + _S.large_pay
NO_TOTALS = DayTotals(0, 0, 0, 0)
# more than an institution's book will ever have of a kind
ALL = 1_000_000


def unbalanced(
    first: date, last: date, days: Mapping[date, ReconciledDay], totals: Mapping[date, DayTotals]
) -> list[date]:
    """The days that keep a month from being cleared, in order.

    A day is balanced when both sides agreed on just what is there now, or when nothing ever was.
    """
    asked = sorted(day for day in days.keys() | totals.keys() if first <= day <= last)
    return [day for day in asked if day_state(days.get(day), totals.get(day, NO_TOTALS)) != "balanced"]


def day_state(known: ReconciledDay | None, now: DayTotals) -> str:
    """`balanced`, `different`, `changed` since it was balanced, or `open`: never reconciled."""
    if known is None:
        return "open"
    if not known.balanced:
        return "different"
    return "balanced" if (known.bills, known.total, known.fund, known.account) == now else "changed"


# -- the lines of a day ------------------------------------------------------------------------------------

Place = tuple[int, int]
_BILL = tables.entry.alias("bill")
_LINES = (
    select(_S.book_id, _S.seq, _BILL.c.source_ref, _S.total, _FUND.label("fund"), _S.account_pay)
    .select_from(
        tables.settlement.join(
            _BILL,
            (_BILL.c.book_id == _S.book_id) & (_BILL.c.seq == func.coalesce(_S.reverses_seq, _S.seq)),
        )
    )
    .where(_S.channel == int(Channel.NETWORK))
    .order_by(_S.book_id, _S.seq)
)


def day_lines(
    connection: Connection, book_id: int, day: date, *, after: Place = (0, 0), limit: int
) -> list[tuple[Place, DayLine]]:
    """At most `limit` lines of an institution's day, each with its place; a reversal is below zero."""
    found = connection.execute(
        _LINES.where(
            _S.institution_id == book_id, _S.settled_on == day, tuple_(_S.book_id, _S.seq) > tuple_(*after)
        ).limit(limit)
    )
    return [
        ((row.book_id, row.seq), DayLine(_message(row.source_ref), row.total, row.fund, row.account_pay))
        for row in found
    ]


def _message(source_ref: str) -> str:
    return source_ref.partition("/")[2]


# -- reconciliations ---------------------------------------------------------------------------------------


class Reconciliation(NamedTuple):
    """One comparison of a day, as its entry has it.

    `found` is how many differences there were, None when no lines were compared; `differences` are the first
    of them.
    """

    seq: int
    name: str
    recorded_at: datetime
    day: date
    balanced: bool
    ours: DayTotals
    theirs: DayTotals
    found: int | None
    differences: tuple[Difference, ...]


def reconciliation_of(receipt: Receipt) -> Reconciliation:
    """What the entry of a reconciliation says."""
    told = unpack(receipt.detail)
    return Reconciliation(
        receipt.seq,
        receipt.name,
        receipt.recorded_at,
        date.fromisoformat(told["day"]),
        told["balanced"],
        DayTotals._make(told["ours"]),
        DayTotals._make(told["theirs"]),
        told.get("found"),
        tuple(_difference(*one) for one in told.get("differences", ())),
    )


def _difference(kind: str, message_id: str, ours: list[int] | None, theirs: list[int] | None) -> Difference:
    our = None if ours is None else DayLine(message_id, *ours)
    their = None if theirs is None else DayLine(message_id, *theirs)
    nothing = DayLine(message_id, 0, 0, 0)
    here, there = our or nothing, their or nothing
    return Difference(
        DifferenceKind(kind),
        message_id,
        our,
        their,
        here.total - there.total,
        here.fund - there.fund,
        here.account - there.account,
    )


def reconciliations(
    connection: Connection, book_id: int, *, after_seq: int = 0, limit: int
) -> list[Reconciliation]:
    """At most `limit` comparisons of an institution in the order in which they were made."""
    found = entries(connection, book_id, kind=Kind.RECONCILIATION, after_seq=after_seq, limit=limit)
    return [reconciliation_of(receipt) for receipt in found]


# -- clearings ---------------------------------------------------------------------------------------------


class MonthCleared(NamedTuple):
    """A month that was cleared: the sums over its lines, and what the agency owes for them.

    `owed` is fund, account and relatives together; it is below zero where reversals outweigh. `payment` is
    the entry that paid it, `paid_fen` what that moved.
    """

    seq: int
    name: str
    recorded_at: datetime
    period: int
    state: ClearingState
    bills: int
    total: int
    fund: int
    account: int
    mutual: int
    owed: int
    payment: str | None = None
    paid_fen: int = 0
    source_ref: str | None = None

    @property
    def left_open(self) -> int:
        """What of it stays owed: all until it is paid, then what no payment could cover."""
        return 0 if self.state is ClearingState.ENDED else self.owed - self.paid_fen


def clearing_of(receipt: Receipt, acting: Receipt | None = None) -> MonthCleared:
    """What the entry of a clearing says, and what the entry that acted on it made of it."""
    told = unpack(receipt.detail)
    state, payment = ClearingState.CLEARED, None
    if acting is not None and acting.kind is Kind.CLEARING_END:
        state = ClearingState.ENDED
    elif acting is not None:
        state, payment = ClearingState.PAID, acting
    return MonthCleared(
        receipt.seq,
        receipt.name,
        receipt.recorded_at,
        receipt.period or 0,
        state,
        *(told[name] for name in ("bills", "total", "fund", "account", "mutual", "owed")),
        *(() if payment is None else (payment.name, payment.amount_fen, payment.source_ref)),
    )


def clearings(connection: Connection, book_id: int, *, after_seq: int = 0, limit: int) -> list[MonthCleared]:
    """At most `limit` clearings of an institution in the order in which they were made, ended ones too."""
    found = entries(connection, book_id, kind=Kind.CLEARING, after_seq=after_seq, limit=limit)
    acting = _acting(connection, book_id, found)
    return [clearing_of(receipt, acting.get(receipt.seq)) for receipt in found]


def _acting(connection: Connection, book_id: int, found: list[Receipt]) -> dict[int, Receipt]:
    """The ends and payments of some clearings, by the clearing."""
    if not found:
        return {}
    # whatever acts on a clearing stands behind it in the same book, which is not a long one
    since = found[0].seq
    wanted = {receipt.seq for receipt in found}
    return {
        receipt.target_seq: receipt
        for kind in (Kind.CLEARING_END, Kind.INSTITUTION_PAYMENT)
        for receipt in entries(connection, book_id, kind=kind, after_seq=since, limit=ALL)
        if receipt.target_seq in wanted
    }


class Aided(NamedTuple):
    """What relatives paid of a month's lines, and how many lines those were.

    Lines are only ever added: where their number is the same, so is what relatives paid of them.
    """

    bills: int
    fen: int


def aided(connection: Connection, book_id: int, period: int) -> Aided:
    """What relatives paid of an institution's lines of a month (YYYYMM)."""
    days = by_day(connection, book_id, *month_bounds(period))
    return Aided(
        sum(totals.bills for totals, _mutual in days.values()),
        sum(mutual for _totals, mutual in days.values()),
    )


def by_day(
    connection: Connection, book_id: int, first: date, last: date
) -> dict[date, tuple[DayTotals, int]]:
    """What the lines of each day come to, and what relatives paid of them."""
    found = connection.execute(
        select(
            _S.settled_on,
            func.count(),
            func.sum(_S.total),
            func.sum(_FUND),
            func.sum(_S.account_pay),
            func.sum(_S.mutual_pay),
        )
        .where(
            _S.institution_id == book_id,
            _S.settled_on.between(first, last),
            _S.channel == int(Channel.NETWORK),
        )
        .group_by(_S.settled_on)
    )
    return {
        day: (DayTotals(bills, int(total), int(fund), int(account)), int(mutual))
        for day, bills, total, fund, account, mutual in found
    }
