"""What is read, at one moment of the book, for what a document says. Pure data; amounts in fen."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from ledger.care.annual_reports import YearStatement
from ledger.care.reports import Settled
from ledger.chart.care import CareType
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Status
from ledger.chart.members import MemberClass
from ledger.documents.asked import Span
from ledger.inquiry.statements import AccountYear


class Issue(NamedTuple):
    """How one document is called and checked, who hands it out, and when."""

    serial: str
    verification_code: str
    check_address: str
    issued_at: datetime


class Insured(NamedTuple):
    """The person that a document is about, by one of their books. The ID number is as it is shown."""

    account_no: str
    name: str | None
    id_number: str | None
    # 1 male, 2 female
    sex: int | None
    status: Status
    area: str
    # the employer that has the person enrolled today
    unit: str | None


class Unit(NamedTuple):
    """The employer that a document is about."""

    credit_code: str
    name: str
    area: str


class AccountLine(NamedTuple):
    """One entry that moved money of an account; below zero it went out."""

    seq: int
    name: str
    day: date
    kind: Kind
    fen: int
    period: int | None = None
    # the old day of a fact that came late
    fact_on: date | None = None
    source_ref: str | None = None
    care: CareType | None = None
    # code and name
    institution: tuple[str, str] | None = None
    # of what a donor sees: the kind of the institution and nothing else (R38)
    institution_kind: str | None = None
    reverses: str | None = None
    reversed_by: str | None = None
    reversed_on: date | None = None


class PaidMonth(NamedTuple):
    """A person's month at one employer, or what came without one. Both parts are what was paid of them."""

    period: int
    kind: Kind
    employer: str | None
    employer_name: str | None
    base_fen: int | None
    own_fen: int
    unit_fen: int
    owed_fen: int
    paid_on: date | None
    to_account_fen: int

    @property
    def paid_fen(self) -> int:
        return self.own_fen + self.unit_fen

    @property
    def is_without_unit(self) -> bool:
        """Whether it came without an employer: neither a base nor the unit's part is known of it."""
        return self.kind is Kind.CONTRIBUTION and self.employer is None

    @property
    def is_paid(self) -> bool:
        """Whether the month counts as one that was paid: something was, and nothing is owed."""
        return self.kind is Kind.CONTRIBUTION and self.paid_fen > 0 and self.owed_fen <= 0

    @property
    def is_insured(self) -> bool:
        """Whether the person was insured in it: a retiree is without paying (R13)."""
        return self.is_paid or (self.kind is Kind.RETIREE_CREDIT and self.to_account_fen > 0)


class UnitMonth(NamedTuple):
    """A month of an employer as it stands; both parts are what was paid of them."""

    period: int
    base_fen: int | None
    assessed_fen: int
    own_fen: int
    unit_fen: int
    # paid before the list came
    waiting_fen: int
    late_fee_fen: int
    paid_on: date | None
    estimated: bool

    @property
    def owed_fen(self) -> int:
        return max(self.assessed_fen - self.own_fen - self.unit_fen - self.waiting_fen, 0)


class StaffLine(NamedTuple):
    """Somebody whom an employer has registered. The ID number is as it is shown."""

    account_id: int
    name: str | None
    id_number: str | None
    member_class: MemberClass
    first: date
    last: date | None
    wage_fen: int | None


class AccountMoves(NamedTuple):
    """What moved in an account in some days, and what there was before."""

    span: Span
    opening_fen: int
    lines: tuple[AccountLine, ...]


class StatedYear(NamedTuple):
    """A year of an account on one page, with its months."""

    year: int
    told: AccountYear
    months: tuple[PaidMonth, ...]
    # of the version that is printed, in hex
    digest: str | None = None


class SheetOfBill(NamedTuple):
    """A settled bill, its institution, and what took it back."""

    told: Settled
    institution_name: str | None
    reversed_by: str | None
    reversed_on: date | None


class BillReversed(NamedTuple):
    """A bill that was taken back after its year was settled: its name, by what, and when."""

    name: str
    reversed_by: str
    reversed_on: date


class SheetOfYear(NamedTuple):
    """The annual settlement of a year, and which of its bills do not stand any more."""

    told: YearStatement
    reversed: tuple[BillReversed, ...]
