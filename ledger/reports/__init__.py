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

from ledger.contributions.arrears_reports import (
    Arrear,
    EmployerArrears,
    OverdueRegistration,
    Undeclared,
    arrears,
    employers_in_arrears,
    overdue_registrations,
    rejected_lines,
    undeclared,
)
from ledger.contributions.reports import (
    DeclarationView,
    EnrolmentView,
    MonthPaid,
    PersonMonth,
    StaffPaid,
    Standing,
    declaration,
    enrolments,
    months,
    person_months,
    persons_of,
    staff,
    standing,
)
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
    "Arrear",
    "Balance",
    "DeclarationView",
    "EmployerArrears",
    "EnrolmentView",
    "EntryView",
    "ExplainLine",
    "FreezeView",
    "HoldView",
    "MonthPaid",
    "OverdueRegistration",
    "PersonMonth",
    "SideTotal",
    "StaffPaid",
    "Standing",
    "TrialBalance",
    "Undeclared",
    "account",
    "arrears",
    "balance",
    "declaration",
    "employers_in_arrears",
    "enrolments",
    "entries",
    "entry",
    "explain",
    "find_book",
    "freezes",
    "look",
    "months",
    "overdue_registrations",
    "person_months",
    "persons_of",
    "rejected_lines",
    "staff",
    "standing",
    "trial_balance",
    "undeclared",
]


@contextmanager
def look(engine: Engine) -> Iterator[Connection]:
    """A connection inside a read-only transaction: one consistent snapshot, given up at the end."""
    with reading(engine) as connection, connection.begin():
        yield connection
