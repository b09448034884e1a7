"""Money that is over squares the late fees of its employer before any of it goes back (R11, R16)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from ledger.book.state import Book
from ledger.contributions.late_fees import fee_owed
from ledger.contributions.levies import LevyLine, debts_of
from ledger.contributions.month import Month
from ledger.posting import Desk


class Squared(NamedTuple):
    """Fees that were squared, in fen, and the lines of the months that the entry does not note itself."""

    fen: int = 0
    lines: tuple[LevyLine, ...] = ()


NOTHING_SQUARED: Final = Squared()


def square_fees(desk: Desk, book: Book, months: Sequence[Month], fen: int, on: date) -> Squared:
    """Pay late fees of an employer, as they stand on a day, out of `fen` that are over.

    `months` are those that the entry is about: they come first, and note their fees themselves. Then come
    all others of which nothing but a fee is owed, the oldest first. Where principal is open the fee still
    grows, and a payment clears principal first (K4).

    MissingParameter when a day that costs something has no rate.
    """
    policy, debts = desk.policy(book.area), debts_of(book)
    noted = {month.period: month for month in months}
    left, lines = fen, []
    for period in (*noted, *(period for period in debts.open_periods() if period not in noted)):
        if not left:
            break
        month = noted.get(period)
        levy = debts.levy(period) if month is None else month.levy
        if not levy.principal or (month is None and levy.unpaid):
            continue
        fee = min(left, max(fee_owed(policy, period, levy, on), 0))
        if fee and month is not None:
            month.change(fee_paid=fee)
        elif fee:
            lines.append(LevyLine(period, on, fee_paid=fee))
        left -= fee
    return Squared(fen - left, tuple(lines))
