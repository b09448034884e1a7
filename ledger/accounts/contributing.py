"""Crediting a contribution (R8, R15): money that has arrived, for a period, into current_year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.book.draft import Draft
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.chart.sides import Side
from ledger.money import FEN_MAX
from ledger.months import period_of
from ledger.posting import BookRef, Command, Desk
from ledger.refusals import RefusalCode, Refused


@dataclass(eq=False)
class Contribute(Command):
    """Credit `amount_fen` for the month `period` (YYYYMM, None when it was no month)."""

    verb = Verb.CONTRIBUTION
    source_kind = Kind.CONTRIBUTION
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        # no month, a month to come, a value date before the opening or after today
        RefusalCode.PERIOD_INVALID,
        # a month after the month of death
        RefusalCode.PERIOD_AFTER_END,
        RefusalCode.DUPLICATE_SOURCE_REF,
        RefusalCode.AMOUNT_INVALID,
    )

    book: BookRef
    amount_fen: int | None
    period: int | None
    effective_on: date
    source_ref: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.amount_fen}|{self.period}|{self.effective_on}|{self.source_ref}"

    def decide(self, desk: Desk) -> None:
        book = desk.book
        desk.allow(Verb.CONTRIBUTION, period=self.period)
        if self.period is None or self.period > period_of(desk.today):
            raise Refused(RefusalCode.PERIOD_INVALID, at="period")
        effective_on, fact_on = book.value_date(self.effective_on, desk.today)
        reversal_seq = desk.require_new_source(Kind.CONTRIBUTION, self.source_ref)
        if self.amount_fen is None or not 0 < self.amount_fen <= FEN_MAX:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen")
        book.credit(
            Draft(
                Kind.CONTRIBUTION,
                effective_on,
                period=self.period,
                fact_on=fact_on,
                target_seq=reversal_seq,
                source_ref=self.source_ref,
                keyed=True,
            ),
            self.amount_fen,
            Side.COLLECTION_CLEARING,
            None,
        )
