"""What was done about an employer that did not register or did not pay: recorded, not computed (R6, R11)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.bounds.table import CASE_STEP_ON
from ledger.chart.kinds import Kind
from ledger.contributions.month import employer_book
from ledger.money import FEN_MAX
from ledger.posting import BookRef, Command, Desk
from ledger.refusals import RefusalCode, Refused


class Step(StrEnum):
    """One step of a case."""

    # an employer that was not registered (R6)
    ORDER_TO_REGISTER = "order_to_register"
    PREMIUM_FIXED = "premium_fixed"
    FINE_OF_MANAGERS = "fine_of_managers"
    # an employer that does not pay (R11)
    ORDER_TO_PAY = "order_to_pay"
    BANK_INQUIRY = "bank_inquiry"
    FORCED_TRANSFER = "forced_transfer"
    GUARANTEE = "guarantee"
    INSTALMENT_AGREEMENT = "instalment_agreement"
    COURT_SEIZURE = "court_seizure"
    FINE = "fine"
    # either
    CLOSED = "closed"


@dataclass(eq=False)
class RecordStep(Command):
    """Record one step of a case against an employer, with the document that proves it.

    It moves no money: what a forced transfer brings in is a payment like any other.
    """

    verb = "case_step"
    source_kind = Kind.CASE_STEP
    refused_with = (
        RefusalCode.EMPLOYER_NOT_FOUND,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.DUPLICATE_SOURCE_REF,
        RefusalCode.AMOUNT_INVALID,
    )

    book: BookRef
    step: Step
    taken_on: date
    source_ref: str
    period: int | None = None
    amount_fen: int | None = None
    note: str = ""
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return (
            f"{self.step}|{self.taken_on}|{self.source_ref}|{self.period or ''}|{self.amount_fen or ''}"
            f"|{self.note}"
        )

    def decide(self, desk: Desk) -> None:
        book = employer_book(desk)
        if self.period is not None:
            CASE_STEP_ON.admit_month(self.period, desk.today, "period")
        CASE_STEP_ON.admit(self.taken_on, desk.today, "taken_on")
        desk.require_new_source(Kind.CASE_STEP, self.source_ref)
        if self.amount_fen is not None and not 0 < self.amount_fen <= FEN_MAX:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen")
        facts: dict[str, object] = {"step": self.step.value, "taken_on": self.taken_on.isoformat()}
        if self.amount_fen is not None:
            facts["amount"] = self.amount_fen
        if self.note:
            facts["note"] = self.note
        book.add(
            Draft(
                Kind.CASE_STEP,
                self.taken_on,
                period=self.period,
                source_ref=self.source_ref,
                keyed=True,
                detail=pack(**facts),
            )
        )
