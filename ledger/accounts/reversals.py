"""Reversing an entry (R31–R33): once, mirrored, back into the pockets it came from; after a year end, and for
a closed account, where the money belongs by then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from ledger.accounts.inheritance import ESTATE, hand_on
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.table import REVERSED_ON
from ledger.chart.kinds import CREDITS, REVERSIBLE, Kind
from ledger.chart.matrix import Stage, Verb
from ledger.chart.sides import POCKETS, Side
from ledger.posting import TARGET, BookRef, Command, Desk, Receipt
from ledger.refusals import RefusalCode, Refused


@dataclass(eq=False)
class Reverse(Command):
    """Reverse the entry `target_seq` of a book."""

    verb = Verb.REVERSAL
    refused_with: ClassVar[tuple[RefusalCode, ...]] = (
        RefusalCode.ENTRY_NOT_FOUND,
        # before the original's value date or after today
        RefusalCode.PERIOD_INVALID,
        RefusalCode.ALREADY_REVERSED,
        RefusalCode.NOT_REVERSIBLE,
        # a credit whose money is gone
        RefusalCode.INSUFFICIENT_BALANCE,
    )
    needs = frozenset({TARGET, ESTATE})
    debits = True

    book: BookRef
    target_seq: int
    reason: str
    effective_on: date | None = None
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.target_seq}|{self.effective_on or ''}|{self.reason}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        original = desk.target(self.target_seq)
        if original is None:
            raise Refused(RefusalCode.ENTRY_NOT_FOUND, at="target_seq")
        desk.allow(Verb.REVERSAL)
        day = self.effective_on or desk.today
        REVERSED_ON.admit(day, desk.today, "effective_on", original=original.effective_on)
        effective_on, fact_on = book.value_date(day, desk.today)
        if desk.acted_on(self.target_seq) is Kind.REVERSAL:
            raise Refused(RefusalCode.ALREADY_REVERSED)
        if original.kind not in REVERSIBLE or _from_an_employer(original):
            raise Refused(RefusalCode.NOT_REVERSIBLE)
        if desk.acted_on(self.target_seq) is Kind.CREDIT_BACK:
            # the report of a death took it back already
            raise Refused(RefusalCode.ALREADY_REVERSED)
        draft = Draft(
            Kind.REVERSAL,
            effective_on,
            period=original.period,
            fact_on=fact_on,
            target_seq=self.target_seq,
            detail=pack(reason=self.reason),
            keyed=True,
        )
        same_year = effective_on.year == original.effective_on.year
        if original.kind in CREDITS:
            _take_back(book, draft, original, same_year)
        else:
            _give_back(book, draft, original, same_year)
        if book.stage == Stage.CLOSED:
            hand_on(desk, book, draft)


def _from_an_employer(original: Receipt) -> bool:
    """Whether an employer's payment brought it: then a correction of what was assessed takes it back."""
    return original.kind is Kind.CONTRIBUTION and any(party is not None for *_, party in original.transfers)


def _take_back(book: Book, draft: Draft, original: Receipt, same_year: bool) -> None:
    """A credit goes back where it came from: out of its pocket, which after a year end is carried_over."""
    if original.amount_fen > book.available:
        raise Refused(RefusalCode.INSUFFICIENT_BALANCE)
    [(source, _pocket, _fen, party)] = original.transfers
    book.debit(draft, original.amount_fen, Side(source), party, current_year_first=same_year)


def _give_back(book: Book, draft: Draft, original: Receipt, same_year: bool) -> None:
    """A debit comes back from where it went to, an institution or the collector."""
    current = sum(fen for source, _, fen, _ in original.transfers if source == Side.CURRENT_YEAR)
    carried = sum(fen for source, _, fen, _ in original.transfers if source == Side.CARRIED_OVER)
    went = [(target, party) for source, target, _, party in original.transfers if source in POCKETS]
    # what moved nothing, as when the account was empty and all of it was cash, comes back as nothing
    target, party = went[0] if went else (Side.INSTITUTION_PAYABLE, None)
    book.restore(draft, (current, carried), Side(target), party, same_year=same_year)
