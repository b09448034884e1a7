"""The report of a death (R53): what was set aside, and what should not have come, goes back; and the
correction of the day on which it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from ledger.accounts.death_facts import DEATH_FACTS, DeathFacts, standing
from ledger.accounts.debits_after import DEBITS_AFTER, debits_after
from ledger.accounts.interest_history import HISTORY
from ledger.accounts.judged_interest import judge_anew
from ledger.accounts.late_credits import (
    GONE,
    LATE_CREDITS,
    Given,
    books_to_lock,
    give_again,
    give_back,
    owed_of,
    payers_needs,
    straight_gone,
)
from ledger.accounts.leaving import TRANSFERS, cancel_request
from ledger.accounts.quotas import QUOTAS, REOPENED, end_given_to, end_quotas
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.table import DIED_ON
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Verb
from ledger.months import period_of
from ledger.people.births import BIRTHS, birth_before
from ledger.people.merged import MERGED_IN, merged_in
from ledger.posting import BookRef, Command, Desk, WiderLocks
from ledger.refusals import RefusalCode, Refused


@dataclass(eq=False)
class ReportDeath(Command):
    """Record that the person died on `died_on`, with what proves it.

    What was reserved for relatives is free again, and so is what relatives had reserved for the person. What
    was credited for months after the death goes back to the fund, or to its payer. What was taken out after
    that day is named, and keeps the estate open.
    """

    verb = Verb.DEATH
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        # reported before
        RefusalCode.ACCOUNT_DECEASED,
        # a day to come, or before birth
        RefusalCode.PERIOD_INVALID,
    )
    needs = frozenset({
        QUOTAS, REOPENED, BIRTHS, DEATH_FACTS, LATE_CREDITS, DEBITS_AFTER, TRANSFERS, MERGED_IN, HISTORY,
    })  # fmt: skip
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
        self.needs = self.needs | payers_needs()

    def content(self) -> str:
        return f"{self.died_on}|{self.evidence}"

    @property
    def alive_on(self) -> date:  # type: ignore[override]  # computed, where the base has a default
        return self.died_on

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        desk.allow(Verb.DEATH)
        birth = birth_before(desk, self, book, self.died_on)
        DIED_ON.admit(self.died_on, desk.today, "died_on", birth=birth)
        after = period_of(self.died_on)
        donors = _lock(desk, book, after)
        facts: dict[str, Any] = {"died_on": self.died_on.isoformat(), "evidence": self.evidence}
        # says that quotas for the dead end with the report, which they did not always
        facts["freed"] = len(donors)
        # valued on the day of death itself, so that an estate paid after it is never before a value date
        effective_on, fact_on = book.value_date(max(self.died_on, book.opened_on), desk.today)
        book.roll_to(effective_on.year)
        cancel_request(book, effective_on, "death")
        if book.stage != Stage.ACTIVE:
            facts["stage"] = int(book.stage)
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
        end_quotas(desk, book, effective_on, "death")
        book.stage = Stage.DECEASED
        book.died_on = self.died_on
        if aid := end_given_to(desk, donors, "death of the recipient"):
            facts["aid"] = aid
        months: list[Any] = []
        went = give_back(desk, book, after, months)
        judge_anew(desk, book, death.seq)
        facts |= what_went(went, months)
        if debits := what_came_after(desk, book, self.died_on):
            facts["debits"] = debits
        death.detail = pack(**facts, **what_is_left(book, death), last=book.last_seq)


@dataclass(eq=False)
class CorrectDeath(Command):
    """Record that the person, whose death stands, died on another day, with the document that says so.

    An earlier day takes more credits back; of a later one those of months to the new day come again. Which
    debits came after the death follows from the new day.
    """

    verb = Verb.DEATH_CORRECTION
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_NOT_DECEASED,
        # a day to come, before birth, or the one that is known
        RefusalCode.PERIOD_INVALID,
    )
    needs = frozenset({BIRTHS, DEATH_FACTS, LATE_CREDITS, GONE, DEBITS_AFTER, MERGED_IN, HISTORY})
    debits = True

    book: BookRef
    died_on: date
    document: str
    caller: str = ""
    actor: str = ""
    key: str | None = None
    found_seqs: tuple[int, ...] = ()
    effective_on: date | None = None

    def __post_init__(self) -> None:
        self.effective_on = self.died_on
        self.needs = self.needs | payers_needs()

    def content(self) -> str:
        return f"{self.died_on}|{self.document}"

    @property
    def alive_on(self) -> date:  # type: ignore[override]  # computed, where the base has a default
        return self.died_on

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        desk.allow(Verb.DEATH_CORRECTION)
        known = standing(desk, book.book_id)
        if known is None or book.died_on is None:
            raise Refused(RefusalCode.ACCOUNT_NOT_DECEASED)
        reported = known.reported.seq
        if self.asked_about(reported) != (reported,):
            # asked for of a report that was withdrawn since
            raise Refused(RefusalCode.ACCOUNT_NOT_DECEASED)
        birth = birth_before(desk, self, book, self.died_on)
        DIED_ON.admit(self.died_on, desk.today, "died_on", birth=birth)
        if self.died_on == book.died_on:
            raise Refused(RefusalCode.PERIOD_INVALID, at="died_on")
        after = period_of(self.died_on)
        again = [month for month in known.months if month[2] <= after]
        if missing := books_to_lock(desk, book, after=after, again=again):
            raise WiderLocks(missing)
        facts: dict[str, Any] = {
            "died_on": self.died_on.isoformat(), "was": book.died_on.isoformat(), "document": self.document,
        }  # fmt: skip
        effective_on, fact_on = book.value_date(max(self.died_on, book.opened_on), desk.today)
        used_since = book.last_seq != known.last_seq
        book.roll_to(effective_on.year)
        correction = book.add(
            Draft(
                Kind.DEATH_CORRECTION,
                effective_on,
                fact_on=fact_on,
                target_seq=known.latest.seq,
                detail=pack(**facts),
                keyed=True,
            )
        )
        owed = owed_before(desk, book, known)
        book.died_on = self.died_on
        months: list[Any] = []
        went = give_back(desk, book, after, months)
        came = give_again(desk, book, straight_gone(desk, book, after), again, used_since=used_since)
        judge_anew(desk, book, correction.seq)
        facts |= what_went(went, months) | what_came(came, again)
        facts["still_owed"] = owed + sum(one.owed for one in went) - sum(one.owed for one in came)
        if debits := what_came_after(desk, book, self.died_on):
            facts["debits"] = debits
        correction.detail = pack(**facts, **what_is_left(book, correction), last=book.last_seq)


def what_went(went: Iterable[Given], months: list[Any]) -> dict[str, Any]:
    """What a fact of a death keeps about what it took back."""
    went = list(went)
    returned, receivable = sum(one.fen for one in went), sum(one.owed for one in went)
    facts: dict[str, Any] = {}
    if returned or receivable:
        facts |= {"returned": returned, "receivable": receivable, "back": _by_month(went)}
    if months:
        facts["months"] = months
    return facts


def what_came(came: Iterable[Given], months: list[Any]) -> dict[str, Any]:
    """What a fact of a death keeps about what came again."""
    facts: dict[str, Any] = {}
    if by_month := _by_month(came):
        facts["again"] = by_month
    if months:
        facts["months_again"] = [month[:2] for month in months]
    return facts


def what_is_left(book: Book, fact: Draft) -> dict[str, Any]:
    """The pockets after all that a fact of a death brought with it, in fen: its answer tells them."""
    left = [book.current_year, book.carried_over]
    return {} if left == [fact.current_year_after, fact.carried_over_after] else {"pockets": left}


def _by_month(given: Iterable[Given]) -> list[list[int]]:
    sums: dict[int, int] = {}
    for one in given:
        sums[one.period] = sums.get(one.period, 0) + one.fen
    return [[period, fen] for period, fen in sorted(sums.items())]


def what_came_after(desk: Desk, book: Book, died_on: date) -> list[list[int]]:
    """What a fact of a death keeps about debits after it: each by entry and amount, and by its book too where
    that is an account that went into this one.
    """
    found: list[list[int]] = []
    for book_id in (book.book_id, *merged_in(desk, book.book_id)):
        whose = [] if book_id == book.book_id else [book_id]
        found += [[one.seq, one.fen, *whose] for one in debits_after(desk, book_id, died_on)]
    return found


def owed_before(desk: Desk, book: Book, known: DeathFacts) -> int:
    """What the person owes by now of the months that the facts of the death took back, in fen."""
    of_months: int = sum(month[4] for month in known.months)
    return sum(map(owed_of, straight_gone(desk, book))) + of_months


def _lock(desk: Desk, book: Book, after: int) -> list[tuple[Book, int]]:
    """The relatives who have reserved money for this person, each with the quota; their books are locked, and
    those of the payers of what has to go back.
    """
    given = desk.of(QUOTAS).get(book.person_id or 0, [])
    unlocked = {donor_id for _rank, donor_id, _seq in given} - desk.books.keys()
    unlocked.update(books_to_lock(desk, book, after=after))
    if unlocked:
        raise WiderLocks(sorted(unlocked))
    donors = [(desk.other(donor_id), seq) for _rank, donor_id, seq in given]
    return [(donor, seq) for donor, seq in donors if donor is not None]
