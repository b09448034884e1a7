"""Visits: a patient is registered at an institution before anything is settled there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.bounds.table import CARE_DATE, VISIT_ENDED_ON
from ledger.care.reads import SETTLEMENTS
from ledger.care.rows import standing
from ledger.chart.care import CareType
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.people.births import BIRTHS, birth_before
from ledger.posting import TARGET, BookRef, Command, Desk
from ledger.refusals import RefusalCode, Refused


@dataclass(eq=False)
class RegisterVisit(Command):
    """Register that a person comes to an institution for care, from a day on."""

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

    needs = frozenset({BIRTHS})

    book: BookRef
    else_book: BookRef | None
    institution: str
    care_type: CareType
    begins_on: date
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.institution}|{self.care_type.word}|{self.begins_on}"

    @property
    def alive_on(self) -> date:  # type: ignore[override]  # computed, where the base has a default
        return self.begins_on

    def decide(self, desk: Desk) -> None:
        desk.allow(Verb.CARE_CASE, day=self.begins_on)
        birth = birth_before(desk, self, desk.book, self.begins_on)
        CARE_DATE.admit(self.begins_on, desk.today, "begins_on", birth=birth)
        institution = desk.designated(self.institution, self.begins_on, self.care_type.word)
        book = desk.book
        book.roll_to(desk.today.year)
        book.add(
            Draft(
                Kind.VISIT,
                desk.today,
                detail=pack(
                    institution=institution.code,
                    party=institution.party_id,
                    care_type=self.care_type.word,
                    begins_on=self.begins_on.isoformat(),
                ),
                keyed=True,
            )
        )


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
