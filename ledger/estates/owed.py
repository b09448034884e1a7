"""What a dead person owes for certain, and setting it off before the estate is divided (R16, R47, R54).

What a third party paid and the person has not returned, what annual settlements claimed back, and what was
booked as a receivable because the account no longer had it. Amounts in fen.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.accounts.inheritance import out_of_pockets
from ledger.book.chain import TransferLine
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.care.cases import CASE_STATE, ThirdPartyCase
from ledger.care.recovering import to_return
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.database.lookups import Lookup
from ledger.owed.state import DEMAND_STATE, Demand
from ledger.people.merged import came_into
from ledger.policy import PocketOrder
from ledger.posting import Desk, Need
from ledger.posting.needs import Asked, own_books

_E, _S, _I, _A = tables.entry.c, tables.settlement.c, tables.institution.c, tables.assessment.c
_C, _T = tables.third_party_case.c, tables.transfer.c
_CASES = Lookup(
    f"SELECT c.book_id, c.seq, {', '.join(f'c.{name}' for name in ThirdPartyCase._fields)},"
    " s.care_date, i.code FROM {given} JOIN third_party_case c ON c.book_id = given.book_id"
    " JOIN settlement s ON s.book_id = c.book_id AND s.seq = c.settlement_seq"
    " JOIN institution i ON i.party_id = s.institution_id ORDER BY c.book_id, c.seq",
    [
        _C.book_id,
        _C.seq,
        *(_C[name] for name in ThirdPartyCase._fields),
        _S.care_date,
        _I.code,
    ],
    book_id="big",
)
# the entry that is a year's statement is the last of its settlement, and has its sums
_YEARS = Lookup(
    "SELECT e.book_id, e.period, e.seq, e.detail FROM {given} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.kind = {int(Kind.ANNUAL_SETTLEMENT)} ORDER BY e.book_id, e.seq",
    [_E.book_id, _E.period, _E.seq, _E.detail],
    book_id="big",
)
# what an employer got back and the account no longer had
_MONTHS = Lookup(
    "SELECT a.account_id, a.book_id, a.period, -a.suspended FROM {given} JOIN assessment a"
    " ON a.account_id = given.book_id AND a.suspended < 0 ORDER BY a.account_id, a.period, a.book_id",
    [_A.account_id, _A.book_id, _A.period, _A.suspended],
    book_id="big",
)
_CREDITS = Lookup(
    "SELECT e.book_id, coalesce(e.target_seq, e.seq), t.amount_fen FROM {given}"
    " JOIN entry e ON e.book_id = given.book_id"
    f" AND e.kind IN ({int(Kind.CREDIT_BACK)}, {int(Kind.RETIREE_CORRECTION)}, {int(Kind.REVERSAL)})"
    " JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq"
    f" AND t.from_side = {int(Side.RECEIVABLE)}"
    # of reversals those of credits alone
    f" AND t.to_side IN ({int(Side.POOLED_FUND)}, {int(Side.COLLECTION_CLEARING)})"
    # but for those that came again, because the death was another day's
    " WHERE NOT EXISTS (SELECT 1 FROM entry x WHERE x.book_id = e.book_id AND x.target_seq = e.seq)"
    " ORDER BY e.book_id, e.seq",
    [_E.book_id, _E.target_seq, _T.amount_fen],
    book_id="big",
)
# what of a share that went back the account no longer had
_SHARES_BACK = Lookup(
    "SELECT e.book_id, e.seq, t.amount_fen FROM {given} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.kind = {int(Kind.INHERITANCE_BACK)} JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq"
    f" AND t.from_side = {int(Side.RECEIVABLE)} ORDER BY e.book_id, e.seq",
    [_E.book_id, _E.seq, _T.amount_fen],
    book_id="big",
)


_D = tables.demand.c
# what was demanded and is not paid back
_DEMANDED = Lookup(
    f"SELECT d.book_id, d.seq, {', '.join(f'd.{name}' for name in Demand._fields)} FROM {{given}}"
    " JOIN demand d ON d.book_id = given.book_id ORDER BY d.book_id, d.seq",
    [_D.book_id, _D.seq, *(_D[name] for name in Demand._fields)],
    book_id="big",
)


class CaseOfDead(NamedTuple):
    """A case of a third party, with the care date and the institution of its bill."""

    seq: int
    case: ThirdPartyCase
    care_date: date
    institution: str

    def due(self, desk: Desk, area: int) -> int:
        """What the person owes of the advance because the third party has paid."""
        case = self.case
        if not case.advance:
            return 0
        rule = desk.policy(area).care.recovery.on(self.care_date)
        return to_return(rule, case.advance, case.excluded, case.paid) - case.returned - case.set_off

    def is_open(self, desk: Desk, area: int) -> bool:
        """Whether part of the advance still waits for the third party."""
        return self.case.receivable > self.due(desk, area)


class Debt(NamedTuple):
    """Something owed for certain: what, by which facts it is known, and how much."""

    what: str
    known_by: dict[str, int]
    owed: int


class Owed:
    """What was read of some books about what their persons owe."""

    __slots__ = ("cases", "others")

    def __init__(self) -> None:
        self.cases: dict[int, list[CaseOfDead]] = {}
        self.others: dict[int, list[Debt]] = {}

    def debts_of(self, desk: Desk, book: Book) -> list[Debt]:
        """All that a person owes for certain, in the order in which it is set off."""
        cases = [
            Debt("third_party", {"case": one.seq}, due)
            for one in self.cases.get(book.book_id, ())
            if (due := one.due(desk, book.area))
        ]
        return cases + self.others.get(book.book_id, [])


def _read(connection: Connection, asked: Asked, desk: Desk) -> Owed:
    found = Owed()
    ids = [(book_id,) for book_id in own_books(asked, desk)]
    for (book_id,) in ids:
        desk.books[book_id].put(CASE_STATE)
        desk.books[book_id].put(DEMAND_STATE)
        found.others[book_id] = []
    for book_id, seq, *case, care_date, code in _CASES.run(connection, ids):
        known = ThirdPartyCase._make(case)
        desk.books[book_id].of(CASE_STATE).rows[seq] = known
        found.cases.setdefault(book_id, []).append(CaseOfDead(seq, known, care_date, code))
    years: dict[tuple[int, int], int] = {}
    for book_id, year, _seq, detail in _YEARS.run(connection, ids):
        if (owed := unpack(detail).get("still_owed")) is not None:
            years[book_id, year] = owed
    for (book_id, year), owed in sorted(years.items()):
        if owed:
            found.others[book_id].append(Debt("annual_settlement", {"year": year}, owed))
    # what is owed of an account that went into another one is owed by the holder of that one
    merged = came_into(connection, (book_id for (book_id,) in ids))
    whose = {one: book_id for (book_id,) in ids for one in (book_id, *merged.get(book_id, ()))}
    every = [(one,) for one in whose]
    for one, employer_id, period, owed in _MONTHS.run(connection, every):
        known_by = {"employer": employer_id, "period": period} | _of_another(one, whose)
        found.others[whose[one]].append(Debt("contribution", known_by, int(owed)))
    for one, credit_seq, owed in _CREDITS.run(connection, every):
        known_by = {"credit": credit_seq} | _of_another(one, whose)
        found.others[whose[one]].append(Debt("late_credit", known_by, owed))
    for book_id, seq, owed in _SHARES_BACK.run(connection, ids):
        found.others[book_id].append(Debt("inheritance", {"entry": seq}, owed))
    for book_id, seq, *values in _DEMANDED.run(connection, ids):
        demand = Demand._make(values)
        desk.books[book_id].of(DEMAND_STATE).rows[seq] = demand
        if demand.still_owed:
            found.others[book_id].append(Debt("demand", {"demand": seq}, demand.still_owed))
    return found


def _of_another(book_id: int, whose: Mapping[int, int]) -> dict[str, int]:
    """By which account a debt is known beside, where it is one that went into the debtor's."""
    return {} if whose[book_id] == book_id else {"account": book_id}


# what the persons of some books owe, and their cases as state beside the books
OWED: Need[Owed] = Need("what the dead owe", _read)


def set_off(desk: Desk, book: Book, day: date) -> list[dict[str, Any]]:
    """Take what the person owes out of the account, as far as it is there; the lines that the estate keeps.

    What the account does not hold of an advance becomes a receivable as all else is, so that the case itself
    is done with. Of what comes back to the closed account later the rest is taken first.
    """
    order = desk.policy(book.area).pocket_order.on(day)
    current_year_first = order is PocketOrder.CURRENT_YEAR_FIRST
    lines: list[dict[str, Any]] = []
    for number, debt in enumerate(desk.of(OWED).debts_of(desk, book)):
        taken = min(debt.owed, book.current_year + book.carried_over)
        to = Side.RECEIVABLE
        rest: tuple[TransferLine, ...] = ()
        facts: dict[str, int] = {"line": number}
        if "case" in debt.known_by:
            seq = debt.known_by["case"]
            facts["case"] = seq
            to = Side.POOLED_FUND
            if debt.owed > taken:
                left = debt.owed - taken
                rest = ((int(Side.RECEIVABLE), int(to), left, book.book_id),)
            cases = book.of(CASE_STATE)
            case = cases.rows[seq]
            cases.set(seq, case._replace(set_off=case.set_off + debt.owed))
        elif "demand" in debt.known_by:
            seq = facts["demand"] = debt.known_by["demand"]
            demands = book.of(DEMAND_STATE)
            demands.set(seq, demands.rows[seq]._replace(to_estate=debt.owed))
        if taken or rest:
            moves = out_of_pockets(book, taken, to, current_year_first=current_year_first)
            book.add(Draft(Kind.SET_OFF, day, (*moves, *rest), detail=pack(**facts)))
        lines.append({"what": debt.what, **debt.known_by, "owed": debt.owed, "amount": taken})
    return lines
