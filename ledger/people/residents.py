"""Residents: insured without an account, with a premium that is subsidised by group (R3, R69)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.book.beside import rows_digest
from ledger.book.chain import genesis
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.table import ENDS_ON, ENROLLED_FROM
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.members import MemberClass
from ledger.people.births import remember_birth
from ledger.people.deaths import died_on
from ledger.people.enrolled import ENROLMENTS, RESIDENT, already_there
from ledger.people.membership import Enrolment, EnrolmentRow
from ledger.people.resident_premiums import ResidentPremium, is_of_age_for, resident_premium
from ledger.people.shared_numbers import check_whose
from ledger.posting import TARGET, AlreadyThere, BookRef, Command, Desk, PersonStake, scheme_ref
from ledger.refusals import RefusalCode, Refused

# A resident's book has no pockets and earns no interest: no year of it is ever owed any.
_NO_INTEREST = 9999


def resident_ref(digest: bytes) -> bytes:
    """How a command names the resident's book of a person, and not the account."""
    return scheme_ref(digest, RESIDENT)


@dataclass(eq=False)
class EnrolResident(Command):
    """Record that a person is a resident from a day on, in a subsidy group or in none.

    `book` is `resident_ref` of the keyed digest of the ID number: the person's book without an account,
    which the first enrolment opens. The latest word on a day counts. The entry keeps what the person pays
    for a year and what is paid for them, by the rules of the first day. A group that goes by age is held
    against `born_on`, the birth date in the ID number.
    """

    verb = "enrol_resident"
    refused_with = (
        # no such group
        RefusalCode.SHAPE_INVALID,
        # not of the group's age
        RefusalCode.ID_MISMATCH,
        # another name behind the number
        RefusalCode.ACCOUNT_EXISTS_OTHER_PERSON,
        # a first day after the death, which the person's account says
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        # the same with another last day
        RefusalCode.ENROLMENT_DIFFERS,
    )
    needs = frozenset({TARGET, ENROLMENTS})
    opens = True

    book: bytes
    persons: tuple[PersonStake, ...]
    candidates: tuple[int, ...]
    area: int
    group: str | None
    valid_from: date
    valid_to: date | None = None
    caller: str = ""
    actor: str = ""
    key: str | None = None
    # the enrolment that is there, once it was found
    target_seq: int | None = None
    others: tuple[BookRef, ...] = ()

    def __post_init__(self) -> None:
        # the person's account: a death that is reported at the same time must be known
        self.others = (self.persons[0].digest,)

    def content(self) -> str:
        return (
            f"{self.persons[0].name_digest.hex()}|{self.area}|{self.group or ''}|{self.valid_from}"
            f"|{self.valid_to or ''}"
        )

    def decide(self, desk: Desk) -> None:
        policy = desk.policy(self.area)
        birth = self.persons[0].born_on
        if birth is not None and not is_of_age_for(self.group, birth, self.valid_from):
            raise Refused(RefusalCode.ID_MISMATCH, at="group")
        person = desk.persons[self.persons[0].digest]
        check_whose(desk, self, self.persons[0])
        death = died_on(desk, self.others)
        if death is not None and self.valid_from > death:
            raise Refused(RefusalCode.ACCOUNT_DECEASED)
        ENROLLED_FROM.admit(self.valid_from, desk.today, "valid_from", birth=birth)
        if self.valid_to is not None:
            ENDS_ON.admit(self.valid_to, desk.today, "valid_to", beginning=self.valid_from)
        if self.group is not None and self.group not in policy.resident_subsidies:
            raise Refused(RefusalCode.SHAPE_INVALID, at="group", group="no such subsidy group")
        premium = resident_premium(policy, self.valid_from, self.group)
        if desk.book is None:
            self._open(desk, person.person_id)
        else:
            sought = Enrolment(0, MemberClass.RESIDENT, None, self.valid_from, self.valid_to, self.group)
            there = already_there(desk, self, sought)
            if there is not None:
                raise AlreadyThere(there)
        desk.book.add(self._entry(desk.today, premium))

    def _open(self, desk: Desk, person_id: int) -> None:
        book_id, today = desk.ids[self.book], desk.today
        remember_birth(desk, book_id, self.persons[0].born_on)
        desk.book = desk.working[book_id] = Book(
            book_id, 0, 0, 0, 0, person_id, 0, self.area, today, None,
            today.year, _NO_INTEREST, 0, Stage.ACTIVE, genesis(book_id),
        )  # fmt: skip
        desk.book.add(Draft(Kind.OPENING, today, detail=pack(area=self.area)))

    def _entry(self, today: date, premium: ResidentPremium) -> Draft:
        row = EnrolmentRow(
            int(MemberClass.RESIDENT), None, None, self.valid_from, self.valid_to, None, self.group
        )
        beside = (row,)
        facts: dict[str, object] = {"from": self.valid_from.isoformat()}
        if self.valid_to is not None:
            facts["to"] = self.valid_to.isoformat()
        if self.group is not None:
            facts["group"] = self.group
        return Draft(
            Kind.ENROLMENT,
            today,
            keyed=True,
            beside=beside,
            detail=pack(
                **facts,
                member_class=MemberClass.RESIDENT.word,
                premium=premium.premium_fen,
                own_part=premium.own_fen,
                subsidy=premium.subsidy_fen,
                rows=rows_digest(beside),
            ),
        )
