"""Reads of the book: an account, its balance on any day as known at any instant, its entries, and the totals.

    with look(engine) as connection:
        book_id = find_book(connection, ref)
        shown = balance(connection, book_id, now=now, today=today)

Every function runs inside the read transaction that `look` opens, so what several of them say in one `look`
is one moment of the book. Nothing here writes or locks. Amounts are integer fen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from ledger.database.engines import reading
from ledger.reports.accounts import AccountView, FreezeView, HoldView, account, find_book, freezes
from ledger.reports.balances import Balance, balance
from ledger.reports.explained import RULES, ExplainLine, explain
from ledger.reports.pages import Acted, EntryView, entries, entry
from ledger.reports.totals import SideTotal, TrialBalance, trial_balance

__all__ = [
    "RULES",
    "AccountView",
    "Acted",
    "Balance",
    "EntryView",
    "ExplainLine",
    "FreezeView",
    "HoldView",
    "SideTotal",
    "TrialBalance",
    "account",
    "balance",
    "entries",
    "entry",
    "explain",
    "find_book",
    "freezes",
    "look",
    "trial_balance",
]


@contextmanager
def look(engine: Engine) -> Iterator[Connection]:
    """A connection inside a read-only transaction: one consistent snapshot, given up at the end."""
    with reading(engine) as connection, connection.begin():
        yield connection
