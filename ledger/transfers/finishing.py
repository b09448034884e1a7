"""What has to be finished before somebody leaves, and what ends by itself with it (R36, R51, R52)."""

from __future__ import annotations

from ledger.accounts.quotas import donors_of, end_given_to, end_quotas
from ledger.book.numbers import entry_name
from ledger.book.state import Book
from ledger.estates.open_items import OpenItem, check_nothing_open, open_debts
from ledger.owed.state import DEMAND_STATE
from ledger.posting import Desk


def end_mutual_aid(desk: Desk, book: Book) -> None:
    """End what the account has reserved for relatives, and what relatives have reserved for its holder."""
    donors = donors_of(desk, book)
    end_quotas(desk, book, desk.today, "the insurance goes elsewhere")
    end_given_to(desk, donors, "the insurance of the recipient goes elsewhere")


def check_finished(desk: Desk, book: Book) -> None:
    """Raise Refused(open_items) with all that is open: what keeps an estate open, demands, and other debts.

    A demand is set off, paid or withdrawn first. Whatever else the holder owes the fund would leave with the
    money: nothing of the account is left to set it off against.
    """
    demands = [
        OpenItem("demand", entry_name(book.book_id, seq), "")
        for seq, demand in sorted(book.of(DEMAND_STATE).rows.items())
        if demand.still_owed
    ]
    check_nothing_open(desk, book, [*demands, *open_debts(desk, book, but="demand")])
