"""Taking money back of an account that went into another one (R2, R31): its own entry is taken back in its
own book, and the money comes out of the account that has it since.

By one entry `merge_back` on each side the account that stays gives what it has; right behind it, in the book
that is closed, stands what it was called back for. So every row of the closed book, its months, claims and
counters, goes on to follow from its own entries, and it is empty again after it. What the account that stays
does not have is not there: a receivable, or a refusal, as of an account that never went anywhere (R16).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from ledger.accounts.inheritance import ESTATE
from ledger.accounts.interest_history import is_taken_for_death
from ledger.book.chain import TransferLine
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.numbers import entry_name
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.sides import Side
from ledger.posting import Desk, WiderLocks


def that_has_it(desk: Desk, book: Book) -> Book | None:
    """The account that has the money of a book now: itself, or the one that it went into, all the way.

    None of one whose money was divided, transferred or paid out: heirs have it, and nobody is asked for it
    (R33). The command needs ESTATE. Raises WiderLocks until all the way is locked.
    """
    if book.stage != Stage.CLOSED:
        return book
    divided = desk.of(ESTATE).get(book.book_id)
    if divided is None or not divided.onward:
        return None
    unlocked = [account for account in divided.onward if account not in desk.books]
    if unlocked:
        raise WiderLocks(unlocked)
    last = desk.other(divided.onward[-1])
    return None if last is None or last.stage == Stage.CLOSED else last


def that_stays(desk: Desk, book: Book) -> Book:
    """The account that knows what became of the holder of a book, to look at: it, or the one it went into."""
    divided = desk.of(ESTATE).get(book.book_id) if book.stage == Stage.CLOSED else None
    last = desk.look_at(divided.onward[-1]) if divided is not None and divided.onward else None
    return last or book


def ways_to_lock(desk: Desk, accounts: Iterable[int]) -> set[int]:
    """Where the money of those of some accounts is that went into others, as far as it is not on the desk:
    asked for all at once, as a command may find only so often that it needs more books.
    """
    closed = (one for one in accounts if one in desk.books and desk.books[one].stage == Stage.CLOSED)
    divided = (desk.of(ESTATE).get(one) for one in closed)
    return {account for one in divided if one is not None for account in one.onward} - desk.books.keys()


def fen_there(desk: Desk, book: Book) -> int:
    """What may be taken back of an account, wherever its money is now."""
    account = that_has_it(desk, book)
    return 0 if account is None else max(account.available, 0)


def take_out(
    desk: Desk,
    book: Book,
    draft: Draft,
    fen: int,
    target: Side,
    party: int | None,
    *,
    current_year_first: bool,
    also: tuple[TransferLine, ...] = (),
) -> Draft:
    """Take `fen`, at most what is there, as a debit of `book` itself (`Book.debit`); what is not in it any
    more is called back before.
    """
    account = that_has_it(desk, book)
    if account is book:
        return book.debit(draft, fen, target, party, current_year_first=current_year_first, also=also)
    if book.late_year(draft.effective_on) is None:
        book.roll_to(draft.effective_on.year)
    if fen:
        if account is None:
            raise AssertionError("nothing is taken out of an account whose money is gone")
        _call_back(desk, book, account, fen, draft, current_year_first=current_year_first)
        # all that comes to a closed account and leaves it at once is of no year
        also = ((int(Side.CARRIED_OVER), int(target), fen, party), *also)
    draft.transfers = also
    return book.add(draft)


@contextmanager
def judged_where_it_is(desk: Desk) -> Iterator[None]:
    """Ask of the matrix what the account that has the money lets through: there its holder's life goes on.

    Of one whose money is gone, what the closed account does.
    """
    book: Book = desk.book
    desk.book = that_has_it(desk, book) or book
    try:
        yield
    finally:
        desk.book = book


def _call_back(
    desk: Desk, book: Book, account: Book, fen: int, draft: Draft, *, current_year_first: bool
) -> None:
    day = draft.fact_on or draft.effective_on
    if account.days is None:
        # nobody read how its pockets stood before today
        day = desk.today
    # it has had the money since it came, and no day earlier
    day = max(day, _came_on(desk, book), account.opened_on)
    facts: dict[str, Any] = {"account": book.book_id}
    if is_taken_for_death(draft.kind, draft.detail):
        # it was never the person's: the interest of posted years is judged anew by it, from that day on
        facts["reason"] = "death"
        effective_on, fact_on = account.open_day(day, desk.today)
        # after a year end it is in carried_over
        current_year_first = fact_on is None
    else:
        effective_on, fact_on = account.value_date(day, desk.today)
    clearing, person = Side.TRANSFER_CLEARING, book.person_id
    out = account.debit(
        Draft(Kind.MERGE_BACK, effective_on, fact_on=fact_on, detail=pack(**facts)),
        fen,
        clearing,
        person,
        current_year_first=current_year_first,
    )
    book.add(
        Draft(
            Kind.MERGE_BACK,
            draft.effective_on,
            ((int(clearing), int(Side.CARRIED_OVER), fen, person),),
            fact_on=draft.fact_on,
            source_ref=entry_name(account.book_id, out.seq),
        )
    )


def _came_on(desk: Desk, book: Book) -> date:
    """The day on which what a book had came to the account that has it now."""
    estates = desk.of(ESTATE)
    way = (book.book_id, *estates[book.book_id].onward[:-1])
    return max(estates[one].estate.effective_on for one in way)
