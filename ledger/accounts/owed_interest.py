"""Posting the interest that an account is owed (K5, R48): once per account and year, oldest year first."""

from __future__ import annotations

from datetime import date

from ledger.book.detail import pack
from ledger.book.interest import DayChange, Interest, year_interest
from ledger.book.state import Book, Draft
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.policy import MissingParameter, Policy
from ledger.posting import Desk
from ledger.refusals import RefusalCode, Refused


def post_interest(desk: Desk, book: Book, through: date, *, valued_on: date) -> int:
    """Add the interest of every year still owed, up to the day `through`; the fen of all of it.

    A whole year's interest is valued 31 December; that of a year cut short is valued `valued_on`, the day
    of the payout. A year before the last that earned nothing leaves no entry; the last always does, which is
    what makes it posted. Needs the book's changes on the desk. Raises Refused(rates_missing).
    """
    policy = desk.policy(book.area)
    since, before, known = desk.changes[book.book_id]
    days = list(known)
    total = 0
    for year in range(book.interest_year + 1, through.year + 1):
        first = max(date(year, 1, 1), book.opened_on)
        last = min(date(year, 12, 31), through)
        opening = before + sum(change.total_fen for change in days if change.day.year < year)
        if since.year > year:
            raise AssertionError("the changes were read for a later year")
        earned = _interest(policy, opening, [c for c in days if c.day.year == year], first, last)
        amount = earned.carried_over_fen + earned.current_year_fen
        if amount or year == through.year:
            whole = last == date(year, 12, 31)
            draft = _post_year(book, year, earned, last if whole else valued_on)
            if amount:
                days.append(DayChange(draft.effective_on, 0, amount))
        book.interest_year = year
        total += amount
    return total


def _interest(
    policy: Policy, opening_fen: int, changes: list[DayChange], first: date, last: date
) -> Interest:
    try:
        return year_interest(opening_fen, changes, first=first, last=last, policy=policy)
    except MissingParameter as missing:
        raise Refused(RefusalCode.RATES_MISSING, parameter=missing.name, day=missing.day) from missing


def _post_year(book: Book, year: int, earned: Interest, effective_on: date) -> Draft:
    book.roll_to(effective_on.year)
    parts = (earned.carried_over_fen, earned.current_year_fen)
    return book.add(
        Draft(
            Kind.INTEREST,
            effective_on,
            tuple((int(Side.FUND_INTEREST), int(Side.CARRIED_OVER), fen, None) for fen in parts if fen),
            period=year,
            detail=pack(
                carried_over=earned.carried_over_fen,
                current_year=earned.current_year_fen,
                carried_over_numerator=str(earned.carried_over_numerator),
                current_year_numerator=str(earned.current_year_numerator),
            ),
        )
    )
