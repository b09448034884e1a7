"""Paying back to an employer what was paid beyond what it owes, and waits in suspense."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.book.beside import rows_digest
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.bounds.table import REFUNDED_MONTH
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.contributions.levies import NO_PERIOD, LevyLine, debts_of
from ledger.contributions.month import (
    employer_book,
)
from ledger.contributions.reads import DEBTS
from ledger.contributions.squaring import square_fees
from ledger.money import FEN_MAX
from ledger.posting import BookRef, Command, Desk
from ledger.refusals import RefusalCode, Refused


@dataclass(eq=False)
class RefundSurplus(Command):
    """Pay back to an employer what waits in suspense for it (R16): what it paid beyond all debts, or, with a
    `period`, what it paid for a month whose list never came. What it owes of late fees by now stays.
    """

    verb = "refund"
    source_kind = Kind.REFUND_TO_PAYER
    refused_with = (
        RefusalCode.EMPLOYER_NOT_FOUND,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.DUPLICATE_SOURCE_REF,
        RefusalCode.AMOUNT_INVALID,
        RefusalCode.RATES_MISSING,
        # more than there is beyond the late fees that are owed
        RefusalCode.SUSPENSE_EXCEEDED,
    )
    needs = frozenset({DEBTS})

    book: BookRef
    amount_fen: int | None
    source_ref: str
    reason: str
    period: int | None = None
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.amount_fen}|{self.period or ''}|{self.source_ref}|{self.reason}"

    def decide(self, desk: Desk) -> None:
        book = employer_book(desk)
        desk.require_new_source(Kind.REFUND_TO_PAYER, self.source_ref)
        if self.amount_fen is None or not 0 < self.amount_fen <= FEN_MAX:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen")
        if self.period is None:
            there = debts_of(book).levy(NO_PERIOD).surplus
        else:
            levy = debts_of(book).levy(REFUNDED_MONTH.admit_month(self.period, desk.today, "period"))
            # what waits for a month that is owed is a payment of it
            there = 0 if levy.principal else levy.waiting
        squared = square_fees(desk, book, (), there, desk.today)
        there -= squared.fen
        if self.amount_fen > there:
            raise Refused(RefusalCode.SUSPENSE_EXCEEDED, at="amount_fen", surplus_fen=there)
        gone = -self.amount_fen - squared.fen
        line = (
            LevyLine(NO_PERIOD, desk.today, surplus=gone)
            if self.period is None
            else LevyLine(self.period, desk.today, waiting=gone)
        )
        moves = ((Side.POOLED_FUND, squared.fen), (Side.BANK, self.amount_fen))
        beside = tuple(sorted((line, *squared.lines)))
        book.add(
            Draft(
                Kind.REFUND_TO_PAYER,
                desk.today,
                tuple((int(Side.SUSPENSE), int(side), fen, None) for side, fen in moves if fen),
                period=self.period,
                source_ref=self.source_ref,
                keyed=True,
                beside=beside,
                detail=pack(
                    reason=self.reason,
                    rows=rows_digest(beside),
                    **({"late_fee": squared.fen} if squared.fen else {}),
                ),
            )
        )
