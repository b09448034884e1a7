"""Paid out at once, because there is no other way for the money (R52)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from ledger.accounts.leaving import whole_balance
from ledger.accounts.owed_interest import CHANGES, LAST_MOVED, post_interest
from ledger.accounts.quotas import QUOTAS, REOPENED
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.table import EXIT_PAID_ON
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Verb
from ledger.chart.sides import Side
from ledger.estates.open_items import OPEN_ITEMS
from ledger.estates.owed import OWED
from ledger.posting import BookRef, Command, Desk
from ledger.refusals import RefusalCode, Refused
from ledger.transfers.finishing import check_finished, end_mutual_aid


@dataclass(eq=False)
class PayExit(Command):
    """Pay the whole balance to a payout order, with the interest of every day before `paid_on`, and close the
    account for ever; `case` is one that the area offers on that day, `document` what proves it.
    """

    verb = Verb.EXIT
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.ACCOUNT_FROZEN,
        # after today, or before a value date of the account
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.OPEN_ITEMS,
        # the area offers no such case
        RefusalCode.VERB_NOT_OFFERED,
    )
    needs = frozenset({QUOTAS, REOPENED, CHANGES, LAST_MOVED, OPEN_ITEMS, OWED})

    book: BookRef
    case: str
    document: str
    paid_on: date
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.case}|{self.paid_on}|{self.document}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        desk.allow(Verb.EXIT)
        moved = desk.of(LAST_MOVED).get(book.book_id, book.opened_on)
        EXIT_PAID_ON.admit(self.paid_on, desk.today, "paid_on", moved=moved)
        interest = post_interest(desk, book, self.paid_on - timedelta(days=1), valued_on=self.paid_on)
        book.roll_to(self.paid_on.year)
        end_mutual_aid(desk, book)
        check_finished(desk, book)
        if self.case not in desk.policy(book.area).transfers.cases_on(self.paid_on):
            raise Refused(RefusalCode.VERB_NOT_OFFERED, at="case")
        facts = {"case": self.case, "document": self.document, "interest": interest}
        amount = book.current_year + book.carried_over
        book.add(
            Draft(
                Kind.EXIT,
                self.paid_on,
                whole_balance(book, Side.EXIT_PAYABLE),
                detail=pack(**facts, amount=amount),
                keyed=True,
            )
        )
        book.stage = Stage.CLOSED
