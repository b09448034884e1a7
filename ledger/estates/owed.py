"""What a dead person owes for certain, and setting it off before the estate is divided (R16, R47, R54).

What a third party paid and the person has not returned, what annual settlements claimed back, and what was
booked as a receivable because the account no longer had it. What is owed again of an account that went into
this one stands in that one's book, and an entry there says that the estate took it over. Amounts in fen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.accounts.leaving import out_of_pockets
from ledger.book.chain import TransferLine
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.care.cases import CASE_STATE, ThirdPartyCase
from ledger.care.recovering import to_return
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.database.lookups import Lookup
from ledger.owed.owing import Debt, Debts, not_demanded, read_debts
from ledger.owed.state import DEMAND_STATE, Demand, put_demands, read_demands
from ledger.policy import PocketOrder, Policy
from ledger.posting import Desk, Need, Receipt, WiderLocks
from ledger.posting.merges import came_into
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

    __slots__ = ("cases", "demands", "merged", "others")

    def __init__(self) -> None:
        self.cases: dict[int, list[CaseOfDead]] = {}
        # what is no case, with what demands took over of it
        self.others: Debts = {}
        # the accounts that went into each of the books, and the demands of those
        self.merged: dict[int, tuple[int, ...]] = {}
        self.demands: dict[int, dict[int, Demand]] = {}

    def cases_of(self, desk: Desk, book_id: int) -> Iterator[tuple[int, CaseOfDead]]:
        """The cases of an account and of those that went into it, each with the account whose it is."""
        for one in (book_id, *self.merged.get(book_id, ())):
            book = desk.look_at(one)
            state = None if book is None else book.states.get(CASE_STATE)
            for case in self.cases.get(one, ()):
                # as it stands after those before it in the batch
                known = case.case if state is None else state.rows.get(case.seq, case.case)
                yield one, case._replace(case=known)

    def debts_of(self, desk: Desk, book: Book) -> list[Debt]:
        """All that a person owes for certain, in the order in which it is set off."""
        policy, own = desk.policy(book.area), book.book_id
        cases = [
            Debt("third_party", _known_by(own, account, case=one.seq), due)
            for account, one in self.cases_of(desk, own)
            if (due := one.due(policy))
        ]
        if own not in self.others:
            return cases
        demands = [
            Debt("demand", _known_by(own, account, demand=seq), demand.still_owed)
            for account, seq, demand in self._demands_of(desk, book)
            if demand.still_owed
        ]
        return cases + not_demanded(book, self.others[own]) + demands

    def _demands_of(self, desk: Desk, book: Book) -> Iterator[tuple[int, int, Demand]]:
        for seq, demand in sorted(book.of(DEMAND_STATE).rows.items()):
            yield book.book_id, seq, demand
        for one in self.merged.get(book.book_id, ()):
            other = desk.look_at(one)
            state = None if other is None else other.states.get(DEMAND_STATE)
            for seq, demand in sorted((self.demands.get(one, {}) if state is None else state.rows).items()):
                yield one, seq, demand


def _known_by(own: int, account: int, **known_by: int) -> dict[str, int]:
    """By what a debt is known; of an account that went into the debtor's, with that one."""
    return known_by if account == own else known_by | {"account": account}


def _read(connection: Connection, asked: Asked, desk: Desk) -> Owed:
    found = Owed()
    books = own_books(asked, desk)
    found.merged = came_into(connection, books)
    merged = {one for before in found.merged.values() for one in before}
    found.cases = read_cases(connection, {*books, *merged})
    # those that are locked are changed beside their books
    locked = [book_id for book_id in {*books, *merged} if book_id in desk.books]
    for book_id in locked:
        cases = desk.books[book_id].put(CASE_STATE)
        cases.rows.update((one.seq, one.case) for one in found.cases.get(book_id, ()))
    found.others = read_debts(connection, books)
    put_demands(connection, desk, locked)
    found.demands = read_demands(connection, merged - desk.books.keys())
    return found


def _follow(found: Owed, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    """Let an account that went into another one in this very batch count there."""
    if receipt.kind is Kind.MERGE and receipt.source_ref is None and receipt.target_seq is None:
        into = unpack(receipt.detail)["into"]
        before = (receipt.book_id, *found.merged.get(receipt.book_id, ()))
        found.merged[into] = (*found.merged.get(into, ()), *before)


def read_cases(connection: Connection, books: Iterable[int]) -> dict[int, list[CaseOfDead]]:
    """The cases of third parties of some books, in their order."""
    found: dict[int, list[CaseOfDead]] = {}
    for book_id, seq, *case, care_date, code in _CASES.run(connection, [(book_id,) for book_id in books]):
        known = ThirdPartyCase._make(case)
        found.setdefault(book_id, []).append(CaseOfDead(seq, known, care_date, code))
    return found


# what the persons of some books owe, and their cases as state beside the books
OWED: Need[Owed] = Need("what the dead owe", _read, follow=_follow)


def set_off(desk: Desk, book: Book, day: date, *, is_shown: bool = False) -> list[dict[str, Any]]:
    """Take what the person owes out of the account, as far as it is there; the lines that the estate keeps.

    What the account does not hold of an advance becomes a receivable as all else is, so that the case itself
    is done with. Of what comes back to the closed account later the rest is taken first. With `is_shown` the
    book is a copy, and no other one is touched; else it raises WiderLocks while an account that went into
    this one, and of which something is owed again, is not on the desk.
    """
    order = desk.policy(book.area).pocket_order.on(day)
    current_year_first = order is PocketOrder.CURRENT_YEAR_FIRST
    lines: list[dict[str, Any]] = []
    debts = desk.of(OWED).debts_of(desk, book)
    elsewhere = {debt.known_by["account"] for debt in debts if _is_elsewhere(debt)}
    if not is_shown and (unlocked := elsewhere - desk.books.keys()):
        raise WiderLocks(sorted(unlocked))
    for number, debt in enumerate(debts):
        taken = min(debt.owed, book.current_year + book.carried_over)
        to = Side.RECEIVABLE
        rest: tuple[TransferLine, ...] = ()
        facts: dict[str, int] = {"line": number}
        line: dict[str, Any] = {"what": debt.what, **debt.known_by, "owed": debt.owed, "amount": taken}
        if _is_elsewhere(debt):
            if not is_shown:
                line["by"] = _leave_to_estate(desk, book, number, debt, day)
        elif "case" in debt.known_by:
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
        lines.append(line)
    return lines


def _is_elsewhere(debt: Debt) -> bool:
    """Whether a demand or a case of another account is owed, which went into this one."""
    return "account" in debt.known_by and not debt.known_by.keys().isdisjoint({"case", "demand"})


def _leave_to_estate(desk: Desk, estate: Book, number: int, debt: Debt, day: date) -> int:
    """Say in the book of an account that went into another one that the estate of that one owes what was owed
    of it; the number of the entry.
    """
    book = desk.other(debt.known_by["account"])
    if book is None:
        raise AssertionError("an account that went into this one was locked")
    if book.late_year(day) is None:
        book.roll_to(day.year)
    facts: dict[str, Any] = {"estate": [estate.book_id, number], "owed": debt.owed}
    moves: tuple[TransferLine, ...] = ()
    if (seq := debt.known_by.get("case")) is not None:
        # the advance is done with, and what is owed of it is a receivable as all else is
        moves = ((int(Side.RECEIVABLE), int(Side.POOLED_FUND), debt.owed, book.book_id),)
        cases = book.of(CASE_STATE)
        cases.set(seq, cases.rows[seq]._replace(set_off=cases.rows[seq].set_off + debt.owed))
        facts["case"] = seq
    else:
        seq = facts["demand"] = debt.known_by["demand"]
        demands = book.of(DEMAND_STATE)
        demands.set(seq, demands.rows[seq]._replace(to_estate=demands.rows[seq].to_estate + debt.owed))
    return book.add(Draft(Kind.SET_OFF, day, moves, detail=pack(**facts))).seq


def owe_again(desk: Desk, lines: Iterable[dict[str, Any]], reason: str) -> None:
    """Take back what an estate that is undone took over of accounts that went into its own.

    `lines` are what it set off. Raises WiderLocks while one of those accounts is not on the desk.
    """
    taken_over = [line for line in lines if "by" in line]
    if unlocked := {line["account"] for line in taken_over} - desk.books.keys():
        raise WiderLocks(sorted(unlocked))
    for line in taken_over:
        book = desk.other(line["account"])
        if book is None:
            raise AssertionError("an account that went into this one was locked")
        moves: tuple[TransferLine, ...] = ()
        if (seq := line.get("case")) is not None:
            moves = ((int(Side.POOLED_FUND), int(Side.RECEIVABLE), line["owed"], book.book_id),)
            cases = book.of(CASE_STATE)
            cases.set(seq, cases.rows[seq]._replace(set_off=cases.rows[seq].set_off - line["owed"]))
        else:
            demands, seq = book.of(DEMAND_STATE), line["demand"]
            demands.set(seq, demands.rows[seq]._replace(to_estate=demands.rows[seq].to_estate - line["owed"]))
        book.roll_to(desk.today.year)
        book.add(Draft(Kind.REVERSAL, desk.today, moves, target_seq=line["by"], detail=pack(reason=reason)))
