"""The working of the interest of one account's year: as it was posted, or as it is so far (K5, R48)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.interest import DayChange, Interest, year_interest
from ledger.book.interest_rows import InterestRow, interest_rows
from ledger.bounds.looks import STATED_YEAR
from ledger.chart.kinds import Kind
from ledger.inquiry.statements import booked, posted_interest
from ledger.inquiry.year_versions import INTERESTS, BookedEntry, account_year
from ledger.policy import MissingParameter, Policy
from ledger.refusals import RefusalCode, Refused

_B, _E = tables.book.c, tables.entry.c


class InterestWorking(NamedTuple):
    """The interest of a year with its rows, pocket by pocket. `posted` is the entry's seq; None: not yet."""

    basis: int
    first: date
    last: date
    carried_over_fen: int
    current_year_fen: int
    rows: tuple[InterestRow, ...]
    posted: int | None

    @property
    def total_fen(self) -> int:
        return self.carried_over_fen + self.current_year_fen


def interest_working(
    connection: Connection,
    book_id: int,
    year: int,
    today: date,
    policies: Mapping[int, Policy],
    stored: Callable[[int], Policy],
) -> InterestWorking:
    """The working of a year: once posted as it was, by the policy of its entry; before, through yesterday.

    `stored` gives the policy of a version that entries name. Raises Refused: account_not_found,
    period_invalid for a year before the account or to come, rates_missing.
    """
    row = connection.execute(select(_B.opened_on, _B.area).where(_B.book_id == book_id)).one_or_none()
    if row is None:
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="book")
    opened_on, area = row
    STATED_YEAR.admit_year(year, today, "year", opening=opened_on)
    entries = booked(connection, book_id)
    known, posted, earned_to = _as_posted(entries, year, opened_on, today)
    policy = policies.get(area)
    if posted is not None:
        policy = stored(
            connection.execute(
                select(_E.policy_version).where(_E.book_id == book_id, _E.seq == posted)
            ).scalar_one()
        )
    if policy is None:
        raise Refused(RefusalCode.AREA_UNKNOWN, at="area")
    first = max(date(year, 1, 1), opened_on)
    try:
        worked = _worked(known, year, first, earned_to, policy, posted)
    except MissingParameter as missing:
        raise Refused(RefusalCode.RATES_MISSING, parameter=missing.name, day=missing.day) from missing
    if posted is not None and any(one.kind in INTERESTS and one.period == year for one in known):
        # posted in parts, each rounded
        carried_over, current_year = posted_interest(connection, book_id, year, posted)
        worked = worked._replace(carried_over_fen=carried_over, current_year_fen=current_year)
    return worked


def _as_posted(
    entries: list[BookedEntry], year: int, opened_on: date, today: date
) -> tuple[list[BookedEntry], int | None, date]:
    """What the interest of a year is worked out from: the entries known, its own if any, the last day."""
    told = account_year(entries, year, opened_on, today)
    if told is None or told.earned_to is None:
        # of a day that is not over nobody knows the balance at its end
        return entries, None, min(date(year, 12, 31), today - timedelta(days=1))
    own = [
        place
        for place, one in enumerate(entries)
        if one.kind in INTERESTS and (one.period or 0) >= year and one.seq <= (told.ended_seq or 0)
    ]
    if not own:
        return [one for one in entries if one.seq <= (told.ended_seq or 0)], None, told.earned_to
    place = own[-1]
    return entries[:place], entries[place].seq, told.earned_to


def _worked(
    known: list[BookedEntry], year: int, first: date, last: date, policy: Policy, posted: int | None
) -> InterestWorking:
    opening = sum(one.fen for one in known if one.effective_on.year < year)
    changes = [
        DayChange(one.effective_on, 0 if one.kind is Kind.CARRY_OVER else one.current_fen, one.fen)
        for one in known
        if one.effective_on.year == year
    ]
    last = max(last, first - timedelta(days=1))
    earned: Interest = year_interest(opening, changes, first=first, last=last, policy=policy)
    rows = (
        () if last < first else tuple(interest_rows(opening, changes, first=first, last=last, policy=policy))
    )
    basis = policy.day_basis.on(max(first, last))
    return InterestWorking(basis, first, last, earned.carried_over_fen, earned.current_year_fen, rows, posted)
