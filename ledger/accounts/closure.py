"""The report of a death (R53): what was set aside, and what should not have come, goes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from ledger.accounts.late_credits import LATE_CREDITS, give_back
from ledger.accounts.quotas import GIVEN, QUOTAS, end_quota, end_quotas
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.table import DIED_ON
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Verb
from ledger.months import period_of
from ledger.people.births import BIRTHS, birth_before
from ledger.posting import BookRef, Command, Desk, WiderLocks
from ledger.refusals import RefusalCode


@dataclass(eq=False)
class ReportDeath(Command):
    """Record that the person died on `died_on`, with what proves it.

    What was reserved for relatives is free again, and so is what relatives had reserved for the person. What
    was credited for months after the death goes back to the fund, or to its payer.
    """

    verb = Verb.DEATH
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        # reported before
        RefusalCode.ACCOUNT_DECEASED,
        # a day to come, or before birth
        RefusalCode.PERIOD_INVALID,
    )
    needs = frozenset({QUOTAS, BIRTHS, LATE_CREDITS})
    debits = True

    book: BookRef
    died_on: date
    evidence: str
    caller: str = ""
    actor: str = ""
    key: str | None = None
    effective_on: date | None = None

    def __post_init__(self) -> None:
        # what goes back lies after it, perhaps in a year that was carried since
        self.effective_on = self.died_on

    def content(self) -> str:
        return f"{self.died_on}|{self.evidence}"

    @property
    def alive_on(self) -> date:  # type: ignore[override]  # computed, where the base has a default
        return self.died_on

    def decide(self, desk: Desk) -> None:
        book = desk.book
        desk.allow(Verb.DEATH)
        birth = birth_before(desk, self, book, self.died_on)
        DIED_ON.admit(self.died_on, desk.today, "died_on", birth=birth)
        facts: dict[str, Any] = {"died_on": self.died_on.isoformat(), "evidence": self.evidence}
        donors = _lock_donors(desk, book)
        # says that quotas for the dead end with the report, which they did not always
        facts["freed"] = len(donors)
        # valued on the day of death itself, so that an estate paid after it is never before a value date
        effective_on, fact_on = book.value_date(max(self.died_on, book.opened_on), desk.today)
        book.roll_to(effective_on.year)
        death = book.add(
            Draft(
                Kind.DEATH,
                effective_on,
                fact_on=fact_on,
                detail=pack(**facts),
                keyed=True,
            )
        )
        # what was reserved for relatives is the estate's
        end_quotas(book, effective_on, "death")
        book.stage = Stage.DECEASED
        book.died_on = self.died_on
        _free_quotas(desk, donors)
        returned, receivable = give_back(desk, book, period_of(self.died_on))
        if returned or receivable:
            facts |= {"returned": returned, "receivable": receivable}
            death.detail = pack(**facts)


def _lock_donors(desk: Desk, book: Book) -> list[tuple[Book, int]]:
    """The relatives who have reserved money for this person, each with the quota; their books are locked."""
    given = desk.of(QUOTAS).get(book.person_id or 0, [])
    unlocked = sorted({donor_id for _rank, donor_id, _seq in given} - desk.books.keys())
    if unlocked:
        raise WiderLocks(unlocked)
    donors = [(desk.other(donor_id), seq) for _rank, donor_id, seq in given]
    return [(donor, seq) for donor, seq in donors if donor is not None]


def _free_quotas(desk: Desk, donors: list[tuple[Book, int]]) -> None:
    """End what relatives had reserved for somebody who has died: nothing more is paid out of it (R36)."""
    for donor, seq in donors:
        if not donor.of(GIVEN).rows[seq].ended:
            day = max(desk.today, donor.opened_on)
            donor.roll_to(day.year)
            end_quota(donor, seq, day, "death of the recipient")
