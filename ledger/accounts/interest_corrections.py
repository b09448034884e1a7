"""Interest that was posted by wrong rates: the difference, year by year (K5, R48).

What the years earn by the rates in force now is worked out anew from the entries of the book; what was
posted, and what corrections have posted since, is taken off. The principal of a year is what it would have
been: the differences of the years before it count in it. Nothing else of the past changes: a fact that came
late still earns nothing for years that were posted before it (R32).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, timedelta
from typing import NamedTuple

from ledger.accounts.called_back import fen_there, take_out, that_has_it
from ledger.accounts.inheritance import ESTATE, hand_on, heirs_to_lock
from ledger.accounts.interest_history import HISTORY, OF_A_YEAR, Moved, judged
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.interest import DayChange, Interest, year_interest
from ledger.book.state import Book
from ledger.bounds.table import INTEREST_CORRECTED
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Status
from ledger.chart.sides import Side
from ledger.policy import MissingParameter, Policy
from ledger.posting import BookRef, Command, Desk, WiderLocks
from ledger.refusals import RefusalCode, Refused


class InterestDifference(NamedTuple):
    """What a year earns by the rates in force, and what was posted of it: in fen."""

    year: int
    earned: Interest
    posted: int

    @property
    def right(self) -> int:
        return self.earned.carried_over_fen + self.earned.current_year_fen

    @property
    def fen(self) -> int:
        """What is still to be posted; below zero it is too much."""
        return self.right - self.posted

    def as_posted(self, fen: int, day: date) -> Moved:
        """The correction that posts so much of it."""
        return Moved(int(Kind.INTEREST_CORRECTION), self.year, day, 0, fen)


def interest_differences(
    history: Sequence[Moved],
    years: Sequence[int],
    *,
    opened_on: date,
    paid_out: date | None,
    policy: Policy,
    available: int,
    is_closed: bool,
) -> list[tuple[InterestDifference, int]]:
    """For each of some years whose interest is posted, in order, what the rates in force give and what was
    posted; and the fen that are posted of the difference, with so much available. `paid_out` is the day on
    which the account was closed, which cut its last year short.

    Pure. MissingParameter when a rate or the day basis is missing for a day.
    """
    known, found = list(history), []
    for year in years:
        one = interest_difference(known, year, opened_on=opened_on, paid_out=paid_out, policy=policy)
        fen = payable(one.fen, available, is_closed=is_closed)
        if fen:
            known.append(one.as_posted(fen, date(year, 12, 31)))
            # of a closed account it goes on to the heirs
            available += 0 if is_closed else fen
        found.append((one, fen))
    return found


def payable(fen: int, available: int, *, is_closed: bool) -> int:
    """What of a difference is posted: never more than is available; of the dead nothing is claimed."""
    if fen >= 0:
        return fen
    return 0 if is_closed else -min(-fen, max(available, 0))


def interest_difference(
    history: Sequence[Moved], year: int, *, opened_on: date, paid_out: date | None, policy: Policy
) -> InterestDifference:
    """The same of one year. What corrected the years before it counts in its principal, as if it had been
    posted in time."""
    corrections = [one for one in history if one.kind == Kind.INTEREST_CORRECTION]
    rest = [one for one in history if one.kind != Kind.INTEREST_CORRECTION]
    own = [one for one in rest if one.kind in OF_A_YEAR and one.period == year]
    opening = sum(one.total for one in rest if one.day.year < year)
    opening += sum(one.total for one in corrections if (one.period or 0) < year)
    changes = [
        DayChange(one.day, 0 if one.kind == Kind.CARRY_OVER else one.current_year, one.total)
        for one in rest
        if one.day.year == year and one not in own
    ]
    first, last = max(date(year, 1, 1), opened_on), _last_day(year, own, paid_out)
    earned = year_interest(opening, changes, first=first, last=last, policy=policy)
    corrected = sum(one.total for one in corrections if one.period == year)
    return InterestDifference(year, earned, sum(one.total for one in own) + corrected)


def _last_day(year: int, own: Sequence[Moved], paid_out: date | None) -> date:
    """The last day that earned: 31 December, or the day before the payout that cut the year short."""
    year_end = date(year, 12, 31)
    posted_on = own[-1].day if own else year_end
    if posted_on != year_end or paid_out == posted_on:
        return posted_on - timedelta(days=1)
    return year_end


@dataclass(eq=False)
class CorrectInterest(Command):
    """Post what the interest of the years `first` to `last` is too little or too much by the rates in force.

    One entry a year, valued today, with 31 December of the year as the day of the fact. What is too much is
    taken as far as it is there, from carried_over first; what is not there stays a difference, and is taken
    when the years are corrected again; so does all that a frozen account has too much (R66). Of a closed
    account what is too little goes to the heirs (R33), and what is too much is claimed from nobody. Of one
    that went into another one either is that one's.
    """

    verb = "interest_correction"
    refused_with = (
        # one that was closed without an estate
        RefusalCode.ACCOUNT_CLOSED,
        # it has too much, and is frozen
        RefusalCode.ACCOUNT_FROZEN,
        # a year whose interest is not posted yet, or before the account
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.NOTHING_TO_CORRECT,
    )
    needs = frozenset({HISTORY, ESTATE})

    book: BookRef
    first: int
    last: int
    reason: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    @property
    def interest_from(self) -> int:
        """The first year whose interest is worked out anew; what is none is refused before."""
        return self.first if MINYEAR <= self.first <= MAXYEAR else MINYEAR

    def content(self) -> str:
        return f"{self.first}|{self.last}|{self.reason}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        opening, interest = book.opened_on, date(max(book.interest_year, 1), 12, 31)
        INTEREST_CORRECTED.admit_year(self.first, desk.today, "first", opening=opening, interest=interest)
        later = date(self.first, 1, 1)
        INTEREST_CORRECTED.admit_year(self.last, desk.today, "last", opening=later, interest=interest)
        if book.stage == Stage.CLOSED and book.book_id not in desk.of(ESTATE):
            # it went elsewhere than to heirs
            raise Refused(RefusalCode.ACCOUNT_CLOSED)
        if missing := heirs_to_lock(desk, [book]):
            raise WiderLocks(missing)
        account = that_has_it(desk, book)
        history = judged(desk.of(HISTORY)[book.book_id]).history
        told: list[list[int]] = []
        draft: Draft | None = None
        is_frozen, kept = Status.FROZEN in (account or book).statuses(desk.today), 0
        for year in range(self.first, self.last + 1):
            one = self._difference(desk, book, history, year)
            fen = payable(one.fen, fen_there(desk, book), is_closed=account is None)
            if fen < 0 and is_frozen:
                kept, fen = kept + fen, 0
            if fen:
                draft = self._post(desk, book, one, fen)
                told.append([year, fen, draft.seq])
                history.append(one.as_posted(fen, desk.today))
        if draft is None:
            raise Refused(RefusalCode.ACCOUNT_FROZEN if kept else RefusalCode.NOTHING_TO_CORRECT)
        # the last of them is the receipt, and names all
        frozen = {"frozen": -kept} if kept else {}
        draft.keyed, draft.detail = True, pack(**unpack(draft.detail), years=told, **frozen)

    def _difference(self, desk: Desk, book: Book, history: Sequence[Moved], year: int) -> InterestDifference:
        divided = desk.of(ESTATE).get(book.book_id)
        try:
            return interest_difference(
                history,
                year,
                opened_on=book.opened_on,
                paid_out=None if divided is None else divided.estate.effective_on,
                policy=desk.policy(book.area),
            )
        except MissingParameter as missing:
            raise Refused(RefusalCode.RATES_MISSING, parameter=missing.name, day=missing.day) from missing

    def _post(self, desk: Desk, book: Book, one: InterestDifference, fen: int) -> Draft:
        today, year_end = desk.today, date(one.year, 12, 31)
        # a year that was cut short is corrected before it is over
        fact_on = year_end if year_end < today else None
        draft = Draft(
            Kind.INTEREST_CORRECTION,
            today,
            period=one.year,
            fact_on=fact_on,
            detail=pack(
                reason=self.reason,
                posted=one.posted,
                carried_over=one.earned.carried_over_fen,
                current_year=one.earned.current_year_fen,
                **({"left": one.fen - fen} if one.fen != fen else {}),
            ),
        )
        book.roll_to(today.year)
        if fen < 0:
            return take_out(desk, book, draft, -fen, Side.FUND_INTEREST, None, current_year_first=False)
        draft.transfers = ((int(Side.FUND_INTEREST), int(Side.CARRIED_OVER), fen, None),)
        book.add(draft)
        if book.stage == Stage.CLOSED:
            hand_on(desk, book, draft)
        return draft
