"""What a dead person owes for certain, and setting it off before the estate is divided (R16, R47, R54).

What a third party paid and the person has not returned, what annual settlements claimed back, and what was
booked as a receivable because the account no longer had it. Amounts in fen.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.accounts.leaving import out_of_pockets
from ledger.book.chain import TransferLine
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.care.cases import CASE_STATE, ThirdPartyCase
from ledger.care.recovering import to_return
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.database.lookups import Lookup
from ledger.owed.owing import Debt, Debts, not_demanded, read_debts
from ledger.owed.state import DEMAND_STATE, put_demands
from ledger.policy import PocketOrder, Policy
from ledger.posting import Desk, Need
from ledger.posting.needs import Asked, own_books

_C, _S, _I = tables.third_party_case.c, tables.settlement.c, tables.institution.c
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


class CaseOfDead(NamedTuple):
    """A case of a third party, with the care date and the institution of its bill."""

    seq: int
    case: ThirdPartyCase
    care_date: date
    institution: str

    def due(self, policy: Policy) -> int:
        """What the person owes of the advance because the third party has paid."""
        case = self.case
        if not case.advance:
            return 0
        rule = policy.care.recovery.on(self.care_date)
        return to_return(rule, case.advance, case.excluded, case.paid) - case.returned - case.set_off

    def is_open(self, policy: Policy) -> bool:
        """Whether part of the advance still waits for the third party."""
        return self.case.receivable > self.due(policy)


class Owed:
    """What was read of some books about what their persons owe."""

    __slots__ = ("cases", "others")

    def __init__(self) -> None:
        self.cases: dict[int, list[CaseOfDead]] = {}
        # what is no case, with what demands took over of it
        self.others: Debts = {}

    def debts_of(self, desk: Desk, book: Book) -> list[Debt]:
        """All that a person owes for certain, in the order in which it is set off."""
        cases = [
            Debt("third_party", {"case": one.seq}, due)
            for one in self.cases.get(book.book_id, ())
            if (due := one.due(desk.policy(book.area)))
        ]
        if book.book_id not in self.others:
            return cases
        demands = [
            Debt("demand", {"demand": seq}, demand.still_owed)
            for seq, demand in sorted(book.of(DEMAND_STATE).rows.items())
            if demand.still_owed
        ]
        return cases + not_demanded(book, self.others[book.book_id]) + demands


def _read(connection: Connection, asked: Asked, desk: Desk) -> Owed:
    found = Owed()
    books = own_books(asked, desk)
    for book_id in books:
        desk.books[book_id].put(CASE_STATE)
    found.cases = read_cases(connection, books)
    for book_id, cases in found.cases.items():
        desk.books[book_id].of(CASE_STATE).rows.update((one.seq, one.case) for one in cases)
    found.others = read_debts(connection, books)
    put_demands(connection, desk, books)
    return found


def read_cases(connection: Connection, books: Iterable[int]) -> dict[int, list[CaseOfDead]]:
    """The cases of third parties of some books, in their order."""
    found: dict[int, list[CaseOfDead]] = {}
    for book_id, seq, *case, care_date, code in _CASES.run(connection, [(book_id,) for book_id in books]):
        known = ThirdPartyCase._make(case)
        found.setdefault(book_id, []).append(CaseOfDead(seq, known, care_date, code))
    return found


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
