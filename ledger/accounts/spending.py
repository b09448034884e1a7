"""Spending (R18, R20, R21): to a designated institution, never below zero, never as cash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.accounts.caps import SPENT, check_caps
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.chart.sides import Side
from ledger.money import FEN_MAX
from ledger.months import format_day
from ledger.policy import PocketOrder
from ledger.posting import BookRef, Command, Desk
from ledger.refusals import RefusalCode, Refused


@dataclass(eq=False)
class Spend(Command):
    """Pay `amount_fen` to an institution; with `take_available` only what is there, the rest is cash."""

    verb = Verb.SPENDING
    source_kind = Kind.SPENDING
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        # valued after the day of death
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.ACCOUNT_FROZEN,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.INSTITUTION_UNKNOWN,
        RefusalCode.NOT_DESIGNATED,
        RefusalCode.CONTRACT_SUSPENDED,
        RefusalCode.DUPLICATE_SOURCE_REF,
        RefusalCode.AMOUNT_INVALID,
        # where the area has a cap
        RefusalCode.CAP_EXCEEDED,
        # never with `take_available`
        RefusalCode.INSUFFICIENT_BALANCE,
    )
    debits = True
    needs = frozenset({SPENT})

    book: BookRef
    amount_fen: int | None
    effective_on: date
    institution: str
    source_ref: str
    take_available: bool = False
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        what = f"{self.amount_fen}|{format_day(self.effective_on)}|{self.take_available}"
        return f"{what}|{self.institution}|{self.source_ref}"

    def decide(self, desk: Desk) -> None:
        book = desk.book
        desk.allow(Verb.SPENDING, day=self.effective_on)
        effective_on, fact_on = book.value_date(self.effective_on, desk.today)
        institution = desk.designated(self.institution, self.effective_on)
        reversal_seq = desk.require_new_source(Kind.SPENDING, self.source_ref)
        if self.amount_fen is None or not 0 < self.amount_fen <= FEN_MAX:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen")
        paid = min(self.amount_fen, book.available)
        rest = self.amount_fen - paid
        asked = paid if self.take_available else self.amount_fen
        check_caps(desk, self, self.effective_on, institution.party_id, asked)
        if rest and not self.take_available:
            raise Refused(RefusalCode.INSUFFICIENT_BALANCE, at="amount_fen")
        # the care date picks the rule, not the day of posting (K9)
        order = desk.policy(book.area).pocket_order.on(self.effective_on)
        book.debit(
            Draft(
                Kind.SPENDING,
                effective_on,
                fact_on=fact_on,
                target_seq=reversal_seq,
                source_ref=self.source_ref,
                detail=pack(cash_rest=rest) if rest else None,
                keyed=True,
            ),
            paid,
            Side.INSTITUTION_PAYABLE,
            institution.party_id,
            current_year_first=order is PocketOrder.CURRENT_YEAR_FIRST,
        )
