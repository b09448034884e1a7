"""The check of the whole: everything in the books is derived again and compared with what stands there.

    verdict = verify(engine)
    for finding in verdict.findings: print(finding)

INVARIANTS are functions that look at a range of books and yield findings; ACROSS look at what belongs to no
book. Each range is read in one snapshot, so it can run beside the service, and with as much memory as the
largest book of the range needs.

What only somebody could do who rewrites a book from a point to its end, with every digest, or takes away its
last entries and mends the row, or takes away a person with account and stake, leaves a consistent ledger
behind and is not found here. Seals, which put the heads on record elsewhere, are for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, Select, Table, func, select

from ledger import tables
from ledger.reports import look
from ledger.vault import Keyring
from ledger.verify.across import (
    accounts_are_staked_once,
    people_are_known,
    policies_are_what_they_were,
    stakes_name_a_book,
    totals_agree,
)
from ledger.verify.aid import aid_clears, aid_stands_in_both_books, quotas_follow_from_their_entries
from ledger.verify.approvals import approvals_are_of_two, what_asks_for_two_was_approved
from ledger.verify.beside import contracts_follow_their_entry, rows_follow_their_entry
from ledger.verify.books import books_follow_from_their_entries
from ledger.verify.care import (
    cases_follow_from_their_entries,
    counters_follow_from_their_rows,
    settlements_move_what_they_say,
)
from ledger.verify.contributions import (
    assessments_are_paid_or_owed_or_adjusted,
    closures_follow_from_their_entries,
    months_are_those_of_their_persons,
    months_follow_from_their_lines,
    persons_follow_from_their_lines,
)
from ledger.verify.credits import (
    accounts_have_what_was_paid,
    books_without_a_person_are_of_employers,
    lines_are_in_the_accounts,
    money_in_is_somewhere,
)
from ledger.verify.declared import sent_numbers_are_their_persons
from ledger.verify.documents import documents_are_as_written
from ledger.verify.erased import (
    count_erased,
    keys_are_erased_by_entries,
    keys_are_erased_in_the_book_of_their_holder,
    keys_of_people_are_there,
)
from ledger.verify.estates import (
    aid_came_back_by_a_statement,
    estates_set_off_what_was_owed,
    nothing_is_reserved_for_the_dead,
)
from ledger.verify.events import events_are_those_of_the_books
from ledger.verify.finding import Finding
from ledger.verify.heirs import estates_reach_the_heirs, shares_go_back_by_an_undoing
from ledger.verify.identities import (
    accounts_are_whose_they_say,
    entries_say_whose_numbers_are,
    everybody_is_known_by_an_entry,
    numbers_are_whose_entries_say,
)
from ledger.verify.institutions import (
    books_of_institutions_are_known,
    days_follow_from_their_entries,
    messages_and_bills_are_staked,
    months_are_those_of_their_bills,
    nothing_else_is_staked,
)
from ledger.verify.leaving import (
    demands_follow_from_their_entries,
    transfers_follow_from_their_entries,
)
from ledger.verify.merges import (
    credits_went_back_after_a_death,
    merges_stand_in_both_books,
    numbers_went_along,
    what_is_called_back_stands_in_both_books,
)
from ledger.verify.news import news_is_of_what_happened
from ledger.verify.owing import debts_are_demanded_once
from ledger.verify.payouts import payouts_follow_the_estate
from ledger.verify.people import (
    facts_are_what_they_are_compared_by,
    numbers_are_in_force_by_their_days,
    shared_numbers_find_who_shared_them,
)
from ledger.verify.pockets import account_money_went_back_to_its_pockets
from ledger.verify.read_log import reads_follow_each_other
from ledger.verify.readable import UNREADABLE, values_are_such_as_could_be_written
from ledger.verify.registered import rows_are_those_that_were_registered
from ledger.verify.registers import (
    bills_go_by_the_day_of_care,
    mergers_make_no_circle,
    registers_say_what_their_entries_say,
)
from ledger.verify.schema import guards_are_what_they_should_be
from ledger.verify.sealed import sealed_values_are_what_they_are_compared_by
from ledger.verify.taken_over import what_estates_took_over_stands_in_both_books
from ledger.verify.twins import people_are_there_once

__all__ = ["ACROSS", "INVARIANTS", "Finding", "Verdict", "verify"]

Invariant = Callable[[Connection, int, int], Iterator[Finding]]

# each for the books from the first to the last number, both included
INVARIANTS: tuple[Invariant, ...] = (
    books_follow_from_their_entries,
    estates_reach_the_heirs,
    shares_go_back_by_an_undoing,
    payouts_follow_the_estate,
    people_are_known,
    entries_say_whose_numbers_are,
    accounts_are_whose_they_say,
    numbers_are_whose_entries_say,
    accounts_are_staked_once,
    totals_agree,
    books_without_a_person_are_of_employers,
    rows_follow_their_entry,
    months_follow_from_their_lines,
    persons_follow_from_their_lines,
    months_are_those_of_their_persons,
    assessments_are_paid_or_owed_or_adjusted,
    closures_follow_from_their_entries,
    money_in_is_somewhere,
    lines_are_in_the_accounts,
    accounts_have_what_was_paid,
    contracts_follow_their_entry,
    settlements_move_what_they_say,
    counters_follow_from_their_rows,
    cases_follow_from_their_entries,
    quotas_follow_from_their_entries,
    aid_stands_in_both_books,
    aid_came_back_by_a_statement,
    account_money_went_back_to_its_pockets,
    nothing_is_reserved_for_the_dead,
    estates_set_off_what_was_owed,
    what_estates_took_over_stands_in_both_books,
    transfers_follow_from_their_entries,
    demands_follow_from_their_entries,
    debts_are_demanded_once,
    books_of_institutions_are_known,
    messages_and_bills_are_staked,
    days_follow_from_their_entries,
    months_are_those_of_their_bills,
    approvals_are_of_two,
    what_asks_for_two_was_approved,
    registers_say_what_their_entries_say,
    bills_go_by_the_day_of_care,
    numbers_are_in_force_by_their_days,
    shared_numbers_find_who_shared_them,
    merges_stand_in_both_books,
    numbers_went_along,
    what_is_called_back_stands_in_both_books,
    credits_went_back_after_a_death,
    keys_are_erased_by_entries,
)
# once, for all the books asked for
ACROSS: tuple[Invariant, ...] = (
    policies_are_what_they_were,
    rows_are_those_that_were_registered,
    stakes_name_a_book,
    everybody_is_known_by_an_entry,
    keys_of_people_are_there,
    keys_are_erased_in_the_book_of_their_holder,
    nothing_else_is_staked,
    aid_clears,
    events_are_those_of_the_books,
    news_is_of_what_happened,
    mergers_make_no_circle,
)

CHUNK = 2_000
FINDINGS_MAX = 1_000
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


@dataclass(slots=True)
class Verdict:
    """What was looked at, and what is wrong: the first FINDINGS_MAX findings, and how many there are."""

    books: int = 0
    entries: int = 0
    findings: list[Finding] = field(default_factory=list)
    findings_total: int = 0
    # how many people nobody can name any more
    erased: int = 0

    @property
    def clean(self) -> bool:
        return self.findings_total == 0

    def add(self, found: Iterable[Finding]) -> None:
        for finding in found:
            self.findings_total += 1
            if len(self.findings) < FINDINGS_MAX:
                self.findings.append(finding)


def verify(
    engine: Engine,
    *,
    keyring: Keyring | None = None,
    first: int | None = None,
    last: int | None = None,
    chunk: int = CHUNK,
    progress: Callable[[int, int], None] | None = None,
) -> Verdict:
    """Check the books from number `first` to `last` (default: all), `chunk` at a time, in ascending order.

    With the keys it also opens who is known and finds those who are there twice; without, it cannot.
    `progress` is told how many books are done and how many there are. Holds no lock: what is posted
    meanwhile is seen or not, a book at a time as a whole.
    """
    start, end = _LOWEST if first is None else first, _HIGHEST if last is None else last
    verdict = Verdict()
    with look(engine) as connection:
        values = values_are_such_as_could_be_written(connection)
        verdict.add(values)
        if any(one.code == UNREADABLE for one in values):
            return verdict
        total = _count(connection, tables.book, start, end)
        for across in ACROSS:
            verdict.add(across(connection, start, end))
        verdict.erased = count_erased(connection)
        verdict.add(guards_are_what_they_should_be(connection))
        verdict.add(reads_follow_each_other(connection, keyring))
        verdict.add(documents_are_as_written(connection, keyring))
        if keyring is not None:
            verdict.add(people_are_there_once(connection, keyring, start, end))
            verdict.add(facts_are_what_they_are_compared_by(connection, keyring, start, end))
            verdict.add(sent_numbers_are_their_persons(connection, keyring, start, end))
            verdict.add(sealed_values_are_what_they_are_compared_by(connection, keyring, start, end))
    while start <= end:
        with look(engine) as connection:
            numbers: list[int] = list(connection.scalars(_next(start, end, chunk)))
            # the last range goes to the very end, so that entries without a book are seen too
            until = numbers[-1] if len(numbers) == chunk else end
            for invariant in INVARIANTS:
                verdict.add(invariant(connection, start, until))
            verdict.entries += _count(connection, tables.entry, start, until)
        verdict.books += len(numbers)
        if progress is not None:
            progress(verdict.books, max(total, verdict.books))
        start = until + 1
    return verdict


def _next(start: int, end: int, chunk: int) -> Select[tuple[int]]:
    book_id = tables.book.c.book_id
    return select(book_id).where(book_id.between(start, end)).order_by(book_id).limit(chunk)


def _count(connection: Connection, table: Table, start: int, end: int) -> int:
    counted = select(func.count()).select_from(table).where(table.c.book_id.between(start, end))
    return connection.scalar(counted) or 0
