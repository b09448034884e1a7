"""What nobody has inherited for a year goes to the State, or to the pooled fund (R57, Q10, CC1160)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from ledger.accounts.leaving import pay_unclaimed
from ledger.accounts.owed_interest import CHANGES, LAST_MOVED
from ledger.book.state import Book
from ledger.bounds.table import UNCLAIMED_ON
from ledger.chart.matrix import Stage, Verb
from ledger.estates.case import ESTATE_CASE, case_named
from ledger.estates.division import check_asked_of, check_undisputed, make_ready
from ledger.estates.open_items import OPEN_ITEMS
from ledger.estates.owed import OWED
from ledger.posting import BookRef, Command, Desk
from ledger.refusals import RefusalCode, Refused


@dataclass(eq=False)
class PayUnclaimedEstate(Command):
    """Pay an estate that was held for a year to whom the area says, and close the account.

    It is an estate like others: interest and debts come first, later money goes the same way, and it is
    taken back as others are when an heir is found after all.
    """

    verb: ClassVar[Verb | str] = "estate_unclaimed"
    refused_with = (
        RefusalCode.ESTATE_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_NOT_DECEASED,
        # the year is not over, or `paid_on` lies before a value date or after today
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.OPEN_ITEMS,
        RefusalCode.HEIRS_DISPUTED,
        # somebody takes something, or nobody was asked for
        RefusalCode.ESTATE_NOT_HELD,
    )
    needs = frozenset({CHANGES, LAST_MOVED, OWED, OPEN_ITEMS, ESTATE_CASE})

    book: BookRef
    death_seq: int
    paid_on: date
    document: str
    caller: str = ""
    actor: str = ""
    key: str | None = None
    found_seqs: tuple[int, ...] = ()

    def content(self) -> str:
        return f"{self.death_seq}|{self.paid_on}|{self.document!a}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        case = case_named(desk, book, self.death_seq)
        desk.allow(Verb.ESTATE)
        if book.died_on is None:
            raise Refused(RefusalCode.ACCOUNT_NOT_DECEASED)
        held_since = case.held_since
        if held_since is not None:
            UNCLAIMED_ON.admit(self.paid_on, desk.today, "paid_on", held=held_since)
        facts = make_ready(desk, book, self.paid_on)
        check_undisputed(case)
        # nobody was named anew meanwhile, unless nobody again
        check_asked_of(self, case, are_same=held_since is not None)
        if held_since is None:
            raise Refused(RefusalCode.ESTATE_NOT_HELD)
        pay_unclaimed(
            book,
            desk.policy(book.area).estates.unclaimed_to_on(book.died_on),
            self.paid_on,
            facts={"death": case.death_seq, "document": self.document, **facts},
            keyed=True,
        )
        book.stage = Stage.CLOSED
