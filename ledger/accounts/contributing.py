"""Crediting a contribution (R8, R15): money that has arrived, for a period, into current_year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.book.draft import Draft
from ledger.bounds.bound import SINCE, before_its_month
from ledger.bounds.table import CREDITED_MONTH, CREDITED_ON
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.chart.sides import Side
from ledger.money import FEN_MAX
from ledger.months import first_day, format_day, is_period, month_bounds, months_between, period_of
from ledger.people.births import birth_before
from ledger.posting import BookRef, Command, Desk
from ledger.refusals import RefusalCode, Refused

_FIRST_MONTH = period_of(SINCE)


@dataclass(eq=False)
class Contribute(Command):
    """Credit `amount_fen` for the month `period` (YYYYMM, None when it was no month)."""

    verb = Verb.CONTRIBUTION
    source_kind = Kind.CONTRIBUTION
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        # no month, a month to come, before 1990 or before birth; a value date before the opening, after today
        # or more than a year before the month
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
        return f"{self.amount_fen}|{self.period}|{format_day(self.effective_on)}|{self.source_ref}"

    def _month(self, desk: Desk) -> int:
        """The month, which is one of the holder's life. Most are no older than the account."""
        period, opened = self.period, period_of(desk.book.opened_on)
        born = None
        if period is not None and is_period(period):
            if opened <= period <= period_of(desk.today):
                return period
            # of a month that is not long ago nobody asks: it began at most a month before the account
            if period >= _FIRST_MONTH and months_between(period, period_of(self.effective_on)) > 1:
                born = birth_before(desk, self, desk.book, month_bounds(period)[1])
        return CREDITED_MONTH.admit_month(period, desk.today, "period", birth=born)

    def decide(self, desk: Desk) -> None:
        book = desk.book
        desk.allow(Verb.CONTRIBUTION, period=self.period)
        period = self._month(desk)
        effective_on, fact_on = book.value_date(self.effective_on, desk.today)
        if before_its_month(self.effective_on, period):
            CREDITED_ON.admit(
                self.effective_on,
                desk.today,
                "effective_on",
                opening=book.opened_on,
                month=first_day(period),
            )
        reversal_seq = desk.require_new_source(Kind.CONTRIBUTION, self.source_ref)
        if self.amount_fen is None or not 0 < self.amount_fen <= FEN_MAX:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen")
        book.credit(
            Draft(
                Kind.CONTRIBUTION,
                effective_on,
                period=period,
                fact_on=fact_on,
                target_seq=reversal_seq,
                source_ref=self.source_ref,
                keyed=True,
            ),
            self.amount_fen,
            Side.COLLECTION_CLEARING,
            None,
        )
