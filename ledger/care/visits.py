"""Visits: a patient is registered at an institution before anything is settled there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection

from ledger import tables
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.bounds.care import CARE_DATE, VISIT_ENDED_ON
from ledger.care.counters import SETTLEMENT_ROW
from ledger.care.reads import SETTLEMENTS
from ledger.care.rows import standing
from ledger.chart.care import CareType
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.database.lookups import Lookup
from ledger.people.births import BIRTHS, birth_before
from ledger.posting import TARGET, AlreadyThere, BookRef, Command, Desk, Need, Receipt
from ledger.posting.needs import Asked, own_books
from ledger.posting.reads import read_entries
from ledger.refusals import RefusalCode, Refused

IS_OPEN: Final = (
    "NOT EXISTS (SELECT 1 FROM entry x WHERE x.book_id = e.book_id AND x.target_seq = e.seq)"
    " AND NOT EXISTS (SELECT 1 FROM settlement s WHERE s.book_id = e.book_id AND s.visit_seq = e.seq"
    " AND s.reverses_seq IS NULL AND NOT EXISTS (SELECT 1 FROM settlement r"
    " WHERE r.book_id = s.book_id AND r.reverses_seq = s.seq))"
)
"""SQL: whether the visit that the entry `e` registered was not taken back and has no bill that stands."""

# by account, the registrations that were neither taken back nor settled, each by its number
OpenVisits = dict[int, dict[int, Receipt]]

_OPEN = Lookup(
    "SELECT e.book_id, e.seq FROM {given} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.kind = {int(Kind.VISIT)} WHERE {IS_OPEN} ORDER BY e.book_id, e.seq",
    [tables.entry.c.book_id, tables.entry.c.seq],
    book_id="big",
)


def _read(connection: Connection, asked: Asked, desk: Desk) -> OpenVisits:
    found: OpenVisits = {}
    places = _OPEN.run(connection, [(book_id,) for book_id in own_books(asked, desk)])
    for receipt in read_entries(connection, [(book_id, seq) for book_id, seq in places]):
        found.setdefault(receipt.book_id, {})[receipt.seq] = receipt
    return found


def _follow(found: OpenVisits, _desk: object, receipt: Receipt, beside: Sequence[Any]) -> None:
    here = found.setdefault(receipt.book_id, {})
    if receipt.kind is Kind.VISIT:
        here[receipt.seq] = receipt
    elif receipt.kind in {Kind.VISIT_END, Kind.REVERSAL} and receipt.target_seq is not None:
        here.pop(receipt.target_seq, None)
    for row in SETTLEMENT_ROW.among(beside):
        if row.visit_seq is not None:
            here.pop(row.visit_seq, None)


OPEN_VISITS: Need[OpenVisits] = Need("open visits", _read, follow=_follow)


@dataclass(eq=False)
class RegisterVisit(Command):
    """Register that a person comes to an institution for care, from a day on.

    Sent again (institution, kind of care, day), under whatever key, it is answered with the visit that is
    open: neither taken back nor settled.
    """

    verb = "register_visit"
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        # a day after death
        RefusalCode.ACCOUNT_DECEASED,
        # a day to come, before 1990 or before birth
        RefusalCode.PERIOD_INVALID,
        RefusalCode.INSTITUTION_UNKNOWN,
        RefusalCode.NOT_DESIGNATED,
        RefusalCode.CONTRACT_SUSPENDED,
    )

    needs = frozenset({OPEN_VISITS, BIRTHS})

    book: BookRef
    else_book: BookRef | None
    institution: str
    care_type: CareType
    begins_on: date
    caller: str = ""
    actor: str = ""
    key: str | None = None
    # sent by a system that reaches this institution alone
    bound: bool = False

    def content(self) -> str:
        return f"{self.institution}|{self.care_type.word}|{self.begins_on}"

    @property
    def alive_on(self) -> date:  # type: ignore[override]  # computed, where the base has a default
        return self.begins_on

    def decide(self, desk: Desk) -> None:
        # of a closed account nothing else is said: who is bound learns of it no more than that there is none
        desk.allow(Verb.CARE_CASE, day=self.begins_on)
        birth = birth_before(desk, self, desk.book, self.begins_on)
        CARE_DATE.admit(self.begins_on, desk.today, "begins_on", birth=birth)
        institution = desk.designated(self.institution, self.begins_on, self.care_type.word)
        book = desk.book
        detail = pack(
            institution=institution.code,
            party=institution.party_id,
            care_type=self.care_type.word,
            begins_on=self.begins_on.isoformat(),
        )
        for visit in desk.of(OPEN_VISITS).get(book.book_id, {}).values():
            if visit.detail == detail:
                raise AlreadyThere(visit)
        book.roll_to(desk.today.year)
        book.add(Draft(Kind.VISIT, desk.today, detail=detail, keyed=True))


@dataclass(eq=False)
class EndVisit(Command):
    """Take the registration `target_seq` back as of the day `to` (None: today).

    No bill of it is settled from then on. A visit with a settled bill stays. What is neither settled nor
    taken back keeps the estate of the patient open.
    """

    verb = "end_visit"
    refused_with = (
        RefusalCode.VISIT_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        # before it began, or a day to come
        RefusalCode.PERIOD_INVALID,
        RefusalCode.VISIT_SETTLED,
        RefusalCode.VISIT_ENDED,
    )
    needs = frozenset({TARGET, SETTLEMENTS})

    book: BookRef
    target_seq: int
    caller: str = ""
    actor: str = ""
    key: str | None = None
    to: date | None = None
    reason: str = ""

    def content(self) -> str:
        # without them it is the request that it was before it had them
        told = f"|{self.to or ''}|{self.reason}" if self.to or self.reason else ""
        return f"{self.target_seq}{told}"

    def decide(self, desk: Desk) -> None:
        book = desk.book
        visit = desk.target(self.target_seq)
        if visit is None or visit.kind is not Kind.VISIT:
            raise Refused(RefusalCode.VISIT_NOT_FOUND, at="target_seq")
        desk.allow(Verb.RELEASE)
        begins_on = date.fromisoformat(unpack(visit.detail)["begins_on"])
        to = self.to or desk.today
        VISIT_ENDED_ON.admit(to, desk.today, "to", visit=begins_on)
        bills = standing(desk.of(SETTLEMENTS).get(book.book_id, {})).values()
        if any(bill.visit_seq == self.target_seq for bill in bills):
            raise Refused(RefusalCode.VISIT_SETTLED)
        if desk.acted_on(self.target_seq) is not None:
            raise Refused(RefusalCode.VISIT_ENDED)
        book.roll_to(desk.today.year)
        facts = {"to": to.isoformat()} | ({"reason": self.reason} if self.reason else {})
        book.add(
            Draft(Kind.VISIT_END, desk.today, target_seq=self.target_seq, detail=pack(**facts), keyed=True)
        )
