"""The interest of posted years is judged anew by the facts of a death (R15, R48, K5): what a late report took
back had earned for nobody, and what a withdrawal gives again had never been away.

One difference a year. It is what the year earns with those facts on their own days, less what it earns as it
was posted, less what was posted of that before: so a withdrawal posts exactly what the report had posted,
against it, and rates that were wrong are nobody's business here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ledger.accounts.interest_corrections import interest_difference, payable
from ledger.accounts.interest_history import HISTORY, OF_DEATH, Moved, judged, moved_by
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.policy import MissingParameter, Policy
from ledger.posting import Desk


def due_of_death(history: Sequence[Moved], year: int, *, opened_on: date, policy: Policy) -> tuple[int, int]:
    """What a posted year earns more by the facts of deaths, below zero less; and what was posted of it.

    Pure; fen. Raises MissingParameter.
    """
    with_them = judged(history).history
    # what was judged before counted, in the years posted since, from its value date on
    without = [one._replace(kind=int(Kind.REVERSAL)) if one.is_of_death else one for one in history]
    right, was = (
        interest_difference(known, year, opened_on=opened_on, paid_out=None, policy=policy).right
        for known in (with_them, without)
    )
    return right - was, sum(one.total for one in history if one.is_of_death and one.period == year)


def judge_anew(desk: Desk, book: Book, fact_seq: int) -> None:
    """Post what the years whose interest is posted earn more, or less, by the facts of a death so far.

    What is too much is taken as far as it is there. Nothing is posted of years for which the area has no
    rates any more. The command asks for HISTORY, and for the days of what it takes back.
    """
    history = list(desk.of(HISTORY)[book.book_id])
    known = {one.seq for one in history}
    history += [_moved(draft) for draft in book.drafts if draft.seq not in known]
    first = judged(history).first
    if first is None:
        return
    policy = desk.policy(book.area)
    for year in range(first.year, book.interest_year + 1):
        try:
            due, posted = due_of_death(history, year, opened_on=book.opened_on, policy=policy)
        except MissingParameter:
            return
        fen = payable(due - posted, book.available, is_closed=False)
        if fen:
            history.append(_moved(_post(desk, book, year, fact_seq, due, posted, fen)))


def _post(desk: Desk, book: Book, year: int, fact_seq: int, due: int, posted: int, fen: int) -> Draft:
    year_end = date(year, 12, 31)
    effective_on, fact_on = book.open_day(year_end, desk.today)
    left = due - posted - fen
    draft = Draft(
        Kind.INTEREST_CORRECTION,
        effective_on,
        period=year,
        fact_on=fact_on,
        detail=pack(**{OF_DEATH: fact_seq}, due=due, posted=posted, **({"left": left} if left else {})),
    )
    if fen < 0:
        return book.debit(draft, -fen, Side.FUND_INTEREST, None, current_year_first=False)
    if book.late_year(effective_on) is None:
        book.roll_to(effective_on.year)
    draft.transfers = ((int(Side.FUND_INTEREST), int(Side.CARRIED_OVER), fen, None),)
    return book.add(draft)


def _moved(draft: Draft) -> Moved:
    return moved_by(
        draft.kind, draft.period, draft.effective_on, draft.transfers, draft.seq, draft.target_seq,
        draft.fact_on, draft.detail,
    )  # fmt: skip
