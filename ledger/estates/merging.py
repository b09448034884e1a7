"""One person with two accounts: the one that was opened later goes into the older one, and is closed.

Its money moves by one entry on each side, its ID numbers find the older one from then on, and whatever comes
to it later is handed on. Whoever is enrolled there, and not in the older one, goes on in that one. Its own
entries stay in its book. Two accounts without a name in common are those of two people, and nothing else
tells them apart: the number, and with it sex and birth date, is what was wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.accounts.inheritance import ESTATE, move_into
from ledger.accounts.owed_interest import CHANGES, post_interest
from ledger.accounts.quotas import GIVEN, QUOTAS
from ledger.book.numbers import account_no, entry_name
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Verb
from ledger.chart.person_facts import PersonFact
from ledger.database.lookups import Lookup
from ledger.estates.open_items import OPEN_ITEMS, OpenItem, check_nothing_open, open_debts
from ledger.estates.owed import OWED
from ledger.people.dated import DATED, PERSON_FACT, PersonFactRow, holders_of, in_order
from ledger.people.enrolled import ENROLMENT_ROW, ENROLMENTS, RESIDENT
from ledger.people.enrolments import enrolment_entry
from ledger.people.membership import EnrolmentRow
from ledger.people.merged import MergeRow
from ledger.people.renaming import person_of
from ledger.people.renumbering import NUMBERS, roles_of
from ledger.posting import BookRef, Command, Desk, Need, Receipt, WiderLocks
from ledger.posting.holdings import books_held
from ledger.posting.needs import Asked
from ledger.posting.outcomes import NumberMoved
from ledger.refusals import RefusalCode, Refused

_E, _I, _F, _N = tables.entry.c, tables.identity.c, tables.person_fact.c, tables.enrolment.c
_OPENED = Lookup(
    "SELECT e.book_id, e.recorded_at FROM {given} JOIN entry e ON e.book_id = given.book_id AND e.seq = 1",
    [_E.book_id, _E.recorded_at],
    book_id="big",
)
_FIRST_NAMES = Lookup(
    "SELECT i.person_id, i.name_digest FROM {given} JOIN identity i ON i.person_id = given.person_id",
    [_I.person_id, _I.name_digest],
    person_id="big",
)
_WAGES = Lookup(
    "SELECT n.book_id, n.seq, n.wage FROM {given} JOIN enrolment n ON n.book_id = given.book_id",
    [_N.book_id, _N.seq, _N.wage],
    book_id="big",
)
_ALL_FACTS = Lookup(
    "SELECT n.person_id, n.what, n.valid_from, n.digest, n.sealed FROM {given} JOIN person_fact n"
    " ON n.person_id = given.person_id ORDER BY n.valid_from, n.book_id, n.seq, n.line",
    [_F.person_id, _F.what, _F.valid_from, _F.digest, _F.sealed],
    person_id="big",
)


class TwoAccounts(NamedTuple):
    """What was read of accounts that are to become one, by book or by person."""

    opened_at: dict[int, datetime]
    names: dict[int, set[bytes]]
    facts: dict[int, list[PersonFactRow]]
    # by book and entry, the wage that an enrolment says
    wages: dict[tuple[int, int], int | None]
    # those who have a resident's book too
    residents: frozenset[int]


def _read(connection: Connection, asked: Asked, desk: Desk) -> TwoAccounts:
    persons = [(person,) for person in sorted(holders_of(asked, desk))]
    books = [(book_id,) for book_id in sorted(desk.books)]
    opened = dict(tuple(row) for row in _OPENED.run(connection, books))
    names: dict[int, set[bytes]] = {}
    for person_id, digest in _FIRST_NAMES.run(connection, persons):
        names.setdefault(person_id, set()).add(bytes(digest))
    facts: dict[int, list[PersonFactRow]] = {}
    for person_id, what, since, digest, sealed in _ALL_FACTS.run(connection, persons):
        row = PersonFactRow(person_id, what, since, bytes(digest), bytes(sealed))
        facts.setdefault(person_id, []).append(row)
        if what == PersonFact.NAME:
            names.setdefault(person_id, set()).add(row.digest)
    held = books_held(connection, {(RESIDENT, person) for (person,) in persons})
    wages = {(book_id, seq): wage for book_id, seq, wage in _WAGES.run(connection, books)}
    return TwoAccounts(opened, names, facts, wages, frozenset(person for _scheme, person in held))


def _follow(found: TwoAccounts, _desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    if receipt.kind is Kind.OPENING:
        found.opened_at[receipt.book_id] = receipt.recorded_at
    for enrolment in ENROLMENT_ROW.among(beside):
        found.wages[receipt.book_id, receipt.seq] = enrolment.wage
    for row in PERSON_FACT.among(beside):
        found.facts.setdefault(row.person_id, []).append(row)
        if row.what == PersonFact.NAME:
            found.names.setdefault(row.person_id, set()).add(row.digest)


# of the accounts of those who asked, and of their holders
TWO_ACCOUNTS: Need[TwoAccounts] = Need("two accounts of one person", _read, follow=_follow)


@dataclass(eq=False)
class MergeAccounts(Command):
    """Let this account go into the older account `into` of the same person, and close it.

    First the interest of every year still owed, to the day before, joins `carried_over`; then the pockets are
    added to those of the other, valued today.
    """

    verb = Verb.MERGE
    refused_with = (
        # no name in common
        RefusalCode.ID_MISMATCH,
        # it is the older one, or the same
        RefusalCode.MERGE_ORDER,
        # of either account
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.ACCOUNT_FROZEN,
        # the other one was opened after today
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        # a hold, a quota given or received, a claim, a stay, an advance, a debt, a resident's book, a
        # transfer in that was announced
        RefusalCode.OPEN_ITEMS,
    )
    needs = frozenset({CHANGES, OWED, OPEN_ITEMS, QUOTAS, DATED, NUMBERS, TWO_ACCOUNTS, ESTATE, ENROLMENTS})
    leads_on = False

    book: BookRef
    into: BookRef
    document: str
    caller: str = ""
    actor: str = ""
    key: str | None = None
    others: tuple[BookRef, ...] = ()

    def __post_init__(self) -> None:
        self.others = (self.into,)

    def content(self) -> str:
        into = self.into.hex() if isinstance(self.into, bytes) else str(self.into)
        return f"{into}|{self.document}"

    def looks_at(self, desk: Desk, book_id: int) -> set[int]:  # noqa: ARG002  # it is the same for all books
        into = self.others[0]
        account = desk.ids.get(into) if isinstance(into, bytes) else into
        return set() if account is None else {account}

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        into = self._that_stays(desk)
        found = desk.of(TWO_ACCOUNTS)
        if into is book:
            raise Refused(RefusalCode.MERGE_ORDER, at="into")
        of_both = [found.names.get(person_of(one), set()) for one in (book, into)]
        if book.stage != Stage.CLOSED and not of_both[0] & of_both[1]:
            raise Refused(RefusalCode.ID_MISMATCH, at="into")
        if book.stage != Stage.CLOSED and self._is_older(book, into, found):
            raise Refused(RefusalCode.MERGE_ORDER, at="into")
        desk.allow(Verb.MERGE)
        desk.book = into
        desk.allow(Verb.MERGE)
        desk.book = book
        today = max(desk.today, book.opened_on)
        interest = post_interest(desk, book, today - timedelta(days=1), valued_on=today)
        book.roll_to(today.year)
        self._check_nothing_open(desk, book, found)
        self._enrol(desk, book, into, found)
        merged = MergeRow(into.book_id, person_of(book), person_of(into))
        facts = tuple(row._replace(person_id=person_of(into)) for row in found.facts.get(person_of(book), ()))
        said: dict[str, Any] = {"document": self.document, "interest": interest}
        move_into(desk, book, into, today, beside=merged, facts=facts, said=said, keyed=True)
        book.stage = Stage.CLOSED
        self._move_numbers(desk, person_of(book), person_of(into))

    def _that_stays(self, desk: Desk) -> Book:
        """The other account; where that went into another one itself, the one that it leads to.

        Raises WiderLocks when that is not on the desk yet, to be decided with its holder's names and numbers.
        """
        into = desk.other(self.others[0])
        if into is None:
            raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="into")
        if into.stage == Stage.CLOSED and (onward := desk.of(ESTATE)[into.book_id].onward):
            self.others = (onward[-1],)
            raise WiderLocks(self.others)
        return into

    @staticmethod
    def _is_older(book: Book, into: Book, found: TwoAccounts) -> bool:
        """Of two that were opened on one day the one that was recorded first is the older one."""
        mine, other = ((one.opened_on, found.opened_at[one.book_id]) for one in (book, into))
        return mine < other

    @staticmethod
    def _enrol(desk: Desk, book: Book, into: Book, found: TwoAccounts) -> None:
        """Let what stands of the account go on in the other one, unless something stands there: which of two
        words counts is for a clerk to say.
        """
        known = desk.of(ENROLMENTS)
        own, others = (
            [one for one in known.get(book_id, ()) if one.last is None or one.last >= desk.today]
            for book_id in (book.book_id, into.book_id)
        )
        if others or not own:
            return
        into.roll_to(desk.today.year)
        for one in own:
            wage = found.wages.get((book.book_id, one.seq))
            row = EnrolmentRow(int(one.member_class), one.employer_id, wage, one.first, one.last, None)
            into.add(enrolment_entry(Kind.ENROLMENT, desk.today, row, keyed=False))

    @staticmethod
    def _check_nothing_open(desk: Desk, book: Book, found: TwoAccounts) -> None:
        """Raise Refused(open_items) with what later could not be told from what is the other account's."""
        items: list[OpenItem] = []
        for seq, quota in sorted(book.of(GIVEN).rows.items()):
            if not quota.ended:
                items.append(OpenItem("quota", entry_name(book.book_id, seq), account_no(book.book_id)))
        for _rank, donor_id, seq in desk.of(QUOTAS).get(person_of(book), []):
            items.append(OpenItem("quota", entry_name(donor_id, seq), account_no(donor_id)))
        items += open_debts(desk, book)
        if person_of(book) in found.residents:
            items.append(OpenItem("resident", account_no(book.book_id), ""))
        check_nothing_open(desk, book, items)

    @staticmethod
    def _move_numbers(desk: Desk, person_id: int, into: int) -> None:
        """Every number finds the older account; the newest is in force, else that of the older one."""
        mine, others = desk.of(NUMBERS)[person_id], desk.of(NUMBERS)[into]
        dated = desk.of(DATED)
        known = in_order(one for person in (person_id, into) for one in dated[person, int(PersonFact.NUMBER)])
        roles = roles_of(others | dict.fromkeys(mine, 2), known)
        desk.moved |= {
            digest: NumberMoved(into, role)
            for digest, role in roles.items()
            if digest in mine or others.get(digest) != role
        }
