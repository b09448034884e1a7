"""The days of an institution, as sums and as single bills, and what commands ask for of them (R34)."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, column
from sqlalchemy.types import BigInteger, Integer

from ledger import tables
from ledger.chart.care import Channel
from ledger.database.lookups import Lookup
from ledger.institutions.agreed import read_agreed
from ledger.posting import Desk, Need
from ledger.posting.needs import Asked

_S = tables.settlement.c


class DayTotals(NamedTuple):
    """What the lines of a day add up to. `bills` counts lines: a reversal is one more line, not one less."""

    bills: int
    total: int
    fund: int
    account: int


class DayLine(NamedTuple):
    """What one line says: the whole bill, what of it all funds paid, and what the account paid."""

    message_id: str
    total: int
    fund: int
    account: int

    @property
    def takes_back(self) -> bool:
        """Whether it is a reversal: its first amount that is not zero is below zero."""
        return (self.total, self.fund, self.account) < (0, 0, 0)

    def mirrored(self) -> DayLine:
        """The line that takes this one back."""
        return DayLine(self.message_id, -self.total, -self.fund, -self.account)


# A reversal is a row of its own, on the day it was posted; what the person's relatives paid is not `account`.
_TOTALS = Lookup(
    "SELECT s.institution_id, s.settled_on, COUNT(*), SUM(s.total),"
    " SUM(s.pooled_pay + s.large_pay), SUM(s.account_pay) FROM {given} JOIN settlement s"
    " ON s.institution_id = given.book_id AND s.settled_on >= given.first AND s.settled_on <= given.last"
    f" WHERE s.channel = {int(Channel.NETWORK)} GROUP BY s.institution_id, s.settled_on",
    [
        _S.institution_id,
        _S.settled_on,
        column("bills", Integer),
        column("total", BigInteger),
        column("fund", BigInteger),
        column("account", BigInteger),
    ],
    book_id="big",
    first="date",
    last="date",
)
_LINES = Lookup(
    "SELECT s.institution_id, s.settled_on, e.source_ref, s.total, s.pooled_pay + s.large_pay AS fund,"
    " s.account_pay FROM {given}"
    " JOIN settlement s ON s.institution_id = given.book_id AND s.settled_on = given.day"
    " JOIN entry e ON e.book_id = s.book_id AND e.seq = COALESCE(s.reverses_seq, s.seq)"
    f" WHERE s.channel = {int(Channel.NETWORK)} ORDER BY s.book_id, s.seq",
    [
        _S.institution_id,
        _S.settled_on,
        tables.entry.c.source_ref,
        _S.total,
        column("fund", BigInteger),
        _S.account_pay,
    ],
    book_id="big",
    day="date",
)

# what we have of the days of institutions, by book and day
Totals = dict[int, dict[date, DayTotals]]
# and the bills of one day
Bills = dict[tuple[int, date], list[DayLine]]


def _spans(asked: Asked) -> list[tuple[int, str, str]]:
    """(book, first day, last day) of those who asked; a book that nothing was written in may have bills."""
    return list(
        dict.fromkeys(
            (book_id, *(day.isoformat() for day in command.days))
            for book_id, command in asked
            if command.days is not None
        )
    )


def _read_totals(connection: Connection, asked: Asked, desk: Desk) -> Totals:
    spans = _spans(asked)
    read_agreed(connection, spans, desk)
    found: Totals = {}
    for book_id, day, bills, total, fund, account in _TOTALS.run(connection, spans):
        totals = found.setdefault(book_id, {})
        totals[day] = DayTotals(int(bills), int(total), int(fund), int(account))
    return found


def _read_bills(connection: Connection, asked: Asked, _desk: Desk) -> Bills:
    found: Bills = {}
    days = [(book_id, first) for book_id, first, _last in _spans(asked)]
    for book_id, day, source_ref, total, fund, account in _LINES.run(connection, days):
        _code, _, message_id = source_ref.partition("/")
        found.setdefault((book_id, day), []).append(DayLine(message_id, total, fund, account))
    return found


# what we have of the days `days`, and what was agreed on for them
DAYS: Need[Totals] = Need("the days of an institution", _read_totals)
# the bills of the one day
DAY_LINES: Need[Bills] = Need("the bills of a day", _read_bills)
