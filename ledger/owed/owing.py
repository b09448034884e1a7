"""What a person owes the fund for certain and nobody has demanded yet, and by what it is known (R16).

What of it a demand took over is the demand's, so that nothing is owed twice. What a third party has paid is
no debt of this kind: it is returned by the recoveries of its case (R47). Amounts in fen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.book.detail import unpack
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.owed import DebtKind
from ledger.chart.sides import Side
from ledger.clock import day_of
from ledger.database.lookups import Lookup
from ledger.owed.state import DEMAND_STATE, DebtKey, demanded_before, read_demands, taken_over
from ledger.posting import Desk, Need
from ledger.posting.merges import came_into
from ledger.posting.needs import Asked, own_books

_E, _T, _A = tables.entry.c, tables.transfer.c, tables.assessment.c
# the entry that is a year's statement is the last of its settlement, and has its sums
_YEARS = Lookup(
    "SELECT e.book_id, e.period, e.seq, e.recorded_at, e.detail FROM {given} JOIN entry e"
    f" ON e.book_id = given.book_id AND e.kind = {int(Kind.ANNUAL_SETTLEMENT)} ORDER BY e.book_id, e.seq",
    [_E.book_id, _E.period, _E.seq, _E.recorded_at, _E.detail],
    book_id="big",
)
# what an employer got back and the account no longer had
_MONTHS = Lookup(
    "SELECT a.account_id, a.book_id, a.period, -a.suspended FROM {given} JOIN assessment a"
    " ON a.account_id = given.book_id AND a.suspended < 0 ORDER BY a.account_id, a.period, a.book_id",
    [_A.account_id, _A.book_id, _A.period, _A.suspended],
    book_id="big",
)
# and the entries of the employer that made it owed
_OF_MONTHS = Lookup(
    "SELECT t.party_id, e.book_id, e.period, e.seq, e.recorded_at FROM {given} JOIN entry e"
    " ON e.book_id = given.employer_id AND e.period = given.period"
    f" AND e.kind IN ({int(Kind.ADJUSTMENT)}, {int(Kind.CREDIT_SHORTFALL)})"
    " JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq AND t.party_id = given.book_id"
    f" AND t.from_side = {int(Side.RECEIVABLE)} ORDER BY e.book_id, e.seq",
    [_T.party_id, _E.book_id, _E.period, _E.seq, _E.recorded_at],
    book_id="big",
    employer_id="big",
    period="int",
)
_CREDITS = Lookup(
    "SELECT e.book_id, coalesce(e.target_seq, e.seq), e.seq, e.recorded_at, t.amount_fen FROM {given}"
    " JOIN entry e ON e.book_id = given.book_id"
    f" AND e.kind IN ({int(Kind.CREDIT_BACK)}, {int(Kind.RETIREE_CORRECTION)}, {int(Kind.REVERSAL)})"
    " JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq"
    f" AND t.from_side = {int(Side.RECEIVABLE)}"
    # of reversals those of credits alone
    f" AND t.to_side IN ({int(Side.POOLED_FUND)}, {int(Side.COLLECTION_CLEARING)})"
    # but for those that came again, because the death was another day's
    " WHERE NOT EXISTS (SELECT 1 FROM entry x WHERE x.book_id = e.book_id AND x.target_seq = e.seq)"
    " ORDER BY e.book_id, e.seq",
    [_E.book_id, _E.target_seq, _E.seq, _E.recorded_at, _T.amount_fen],
    book_id="big",
)
# what of a share that went back the account no longer had
_SHARES_BACK = Lookup(
    "SELECT e.book_id, e.seq, e.recorded_at, t.amount_fen FROM {given} JOIN entry e"
    f" ON e.book_id = given.book_id AND e.kind = {int(Kind.INHERITANCE_BACK)}"
    " JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq"
    f" AND t.from_side = {int(Side.RECEIVABLE)} ORDER BY e.book_id, e.seq",
    [_E.book_id, _E.seq, _E.recorded_at, _T.amount_fen],
    book_id="big",
)


class Debt(NamedTuple):
    """Something owed for certain: what, by which facts it is known, and how much.

    Of what may be demanded, `key` is what a demand keeps of it, `entry` the (book, seq) that made it owed,
    and `since` the day on which that was recorded.
    """

    what: str
    known_by: dict[str, int]
    owed: int
    key: DebtKey | None = None
    entry: tuple[int, int] | None = None
    since: date | None = None


# by book, in the order in which an estate sets them off; with what demands took over since
Debts = dict[int, list[Debt]]


def read_debts(connection: Connection, books: Iterable[int]) -> Debts:
    """What the persons of these books owe, and what of that demands took over as well."""
    found: Debts = {book_id: [] for book_id in books}
    # what is owed of an account that went into another one is owed by the holder of that one
    merged = came_into(connection, found)
    whose = {one: book_id for book_id in found for one in (book_id, *merged.get(book_id, ()))}
    every = [(one,) for one in whose]
    years: dict[tuple[int, int], tuple[int, int, date]] = {}
    for book_id, year, seq, at, detail in _YEARS.run(connection, every):
        if (owed := unpack(detail).get("still_owed")) is not None:
            years[book_id, year] = owed, seq, day_of(at)
    for (book_id, year), (owed, seq, since) in sorted(years.items()):
        if owed:
            key = DebtKey(DebtKind.ANNUAL_SETTLEMENT, book_id, year)
            debt = _debt(key, {"year": year}, owed, (book_id, seq), since)
            found[whose[book_id]].append(_of(book_id, whose, debt))
    _read_months(connection, whose, found)
    for one, credit_seq, seq, at, owed in _CREDITS.run(connection, every):
        key = DebtKey(DebtKind.LATE_CREDIT, one, credit_seq)
        debt = _debt(key, {"credit": credit_seq}, owed, (one, seq), day_of(at))
        found[whose[one]].append(_of(one, whose, debt))
    for book_id, seq, at, owed in _SHARES_BACK.run(connection, every):
        key = DebtKey(DebtKind.INHERITANCE, book_id, seq)
        debt = _debt(key, {"entry": seq}, owed, (book_id, seq), day_of(at))
        found[whose[book_id]].append(_of(book_id, whose, debt))
    _leave_demanded(connection, merged, found)
    return found


def _of(account: int, whose: Mapping[int, int], debt: Debt) -> Debt:
    """A debt as its debtor has it: one of an account that went into theirs tells that account beside."""
    if whose[account] == account:
        return debt
    key = debt.key
    if key is not None and key.kind is DebtKind.CONTRIBUTION:
        key = key._replace(account=account)
    return debt._replace(known_by=debt.known_by | {"account": account}, key=key)


def _leave_demanded(connection: Connection, merged: Mapping[int, tuple[int, ...]], found: Debts) -> None:
    """Take out of debts of accounts that went into another one what was demanded in their own books."""
    debtors = [one for one, debts in found.items() if any("account" in debt.known_by for debt in debts)]
    demands = read_demands(connection, {book_id for one in debtors for book_id in merged[one]})
    for debtor in debtors:
        for place, debt in enumerate(found[debtor]):
            if debt.key is not None:
                before = demanded_before(demands, merged[debtor], debt.key)
                found[debtor][place] = debt._replace(owed=debt.owed - before)


def _read_months(connection: Connection, whose: Mapping[int, int], found: Debts) -> None:
    months = {
        (account, employer_id, period): int(owed)
        for account, employer_id, period, owed in _MONTHS.run(connection, [(one,) for one in whose])
    }
    made: dict[tuple[int, int, int], tuple[int, date]] = {}
    for book_id, employer_id, period, seq, at in _OF_MONTHS.run(connection, list(months)) if months else ():
        # the last one: what it made owed was settled before, or is owed beside it
        made[book_id, employer_id, period] = seq, day_of(at)
    for (book_id, employer_id, period), owed in months.items():
        key = DebtKey(DebtKind.CONTRIBUTION, employer_id, period)
        seq, since = made[book_id, employer_id, period]
        known_by = {"employer": employer_id, "period": period}
        debt = _debt(key, known_by, owed, (employer_id, seq), since)
        found[whose[book_id]].append(_of(book_id, whose, debt))


def _debt(key: DebtKey, known_by: dict[str, int], owed: int, entry: tuple[int, int], since: date) -> Debt:
    return Debt(key.kind.word, known_by, owed, key, entry, since)


def not_demanded(book: Book, debts: Iterable[Debt]) -> list[Debt]:
    """Debts of a book as far as no demand took them over."""
    demands = book.of(DEMAND_STATE).rows.values()
    left = [
        debt if debt.key is None else debt._replace(owed=debt.owed - taken_over(demands, debt.key))
        for debt in debts
    ]
    return [debt for debt in left if debt.owed > 0]


def _read(connection: Connection, asked: Asked, desk: Desk) -> Debts:
    from_debts = [(book_id, one) for book_id, one in asked if getattr(one, "debt", None) is not None]
    return read_debts(connection, own_books(from_debts, desk)) if from_debts else {}


# what persons owe from whom a debt is demanded
OWING: Need[Debts] = Need("debts of persons", _read)
