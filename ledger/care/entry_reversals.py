"""Reversing an entry of any kind that may be: money in and out as `accounts.reversals` has it, and of care
the decision about a manual claim (R41) and what came back of an advance (R47).

What care needs beside is asked for once the entry is seen to be one of its kinds: the reversal of a spending
reads what it always did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection

from ledger import tables
from ledger.accounts.called_back import judged_where_it_is, that_has_it
from ledger.accounts.inheritance import hand_on
from ledger.accounts.reversals import Reverse
from ledger.book.beside import rows_digest
from ledger.book.chain import TransferLine
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.numbers import entry_name
from ledger.book.state import Book
from ledger.bounds.table import REVERSED_ON
from ledger.care.alike import ALIKE, is_alike
from ledger.care.bills import Bill
from ledger.care.cases import CASE_STATE
from ledger.care.decisions import HANDED_IN, about
from ledger.care.facts_taken_back import NEEDS_OF, check_nothing_hangs, last_of, take_back
from ledger.care.manual_claims import claimed_bill
from ledger.care.reads import ACCUMULATORS, CASES, SETTLEMENTS
from ledger.care.stakes import bill_stake
from ledger.care.taking_back import check_bill_may_go, row_of
from ledger.chart.kinds import REVERSIBLE_FACTS, REVERSIBLE_OF_CARE, Kind
from ledger.chart.matrix import Stage, Verb
from ledger.chart.sides import POCKETS, Side
from ledger.database.lookups import Lookup
from ledger.owed.demands import is_of_a_demand, reverse
from ledger.owed.state import DEMANDS, DONE_OF_DEMANDS
from ledger.posting import Desk, Need, Receipt, WiderLocks
from ledger.posting.needs import Asked
from ledger.posting.reads import read_targets
from ledger.refusals import RefusalCode, Refused

_E = tables.entry.c
_LATER = Lookup(
    "SELECT e.book_id, e.seq, e.detail FROM {given} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.seq > given.seq AND e.kind = {int(Kind.RECOVERY)} WHERE NOT EXISTS"
    " (SELECT 1 FROM entry r WHERE r.book_id = e.book_id AND r.target_seq = e.seq)",
    [_E.book_id, _E.seq, _E.detail],
    book_id="big",
    seq="int",
)

# by book and entry, the case of each recovery that stands
Recoveries = dict[int, dict[int, int]]


def _read(connection: Connection, asked: Asked, desk: Desk) -> Recoveries:
    places = [
        (book_id, command.target_seq)
        for book_id, command in asked
        if (book_id, command.target_seq) in desk.targets
    ]
    found: Recoveries = {}
    for book_id, seq, detail in _LATER.run(connection, places):
        found.setdefault(book_id, {})[seq] = unpack(detail)["case"]
    read_targets(connection, [(book_id, seq - 1) for book_id, seq in places], desk)
    return found


def _follow(found: Recoveries, _desk: Desk, receipt: Receipt, _beside: Sequence[Any]) -> None:
    of_book = found.setdefault(receipt.book_id, {})
    if receipt.kind is Kind.RECOVERY:
        of_book[receipt.seq] = unpack(receipt.detail)["case"]
    elif receipt.kind is Kind.REVERSAL:
        of_book.pop(receipt.target_seq or 0, None)


# of a recovery: those after it, and the entry before it, by which a set-off took the money out of the account
LATER_RECOVERIES: Need[Recoveries] = Need("later recoveries", _read, follow=_follow)


@dataclass(eq=False)
class ReverseEntry(Reverse):
    """Reverse the entry `target_seq` of a book.

    The decision about a claim: what the funds paid comes back from the bank, the counters of the year are as
    they were before it, and the claim is received again, with all its papers, under its number, to be decided
    by the day by which it had to be. A recovery: what came back of the advance goes out again by the way it
    came, into the pockets or to the bank, and the document may be booked again.

    Neither is open to a closed account, where nothing could follow: its claim could not be decided, and what
    would be due again nobody would owe. Of an account that went into another one a claim is decided in its
    own book, while its holder lives, and what is due again is owed by that holder.
    """

    refused_with = (
        RefusalCode.ENTRY_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        # before the original's value date or after today
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        # the bill of a rejected claim was settled, or handed in again, since
        RefusalCode.DUPLICATE_BENEFIT,
        RefusalCode.ALREADY_REVERSED,
        RefusalCode.NOT_REVERSIBLE,
        # a visit with a bill
        RefusalCode.VISIT_SETTLED,
        # months or credits hang on an enrolment; a later admission went by the bill, a later recovery by this
        # one; or the bill itself was taken back
        RefusalCode.NOT_LAST,
        RefusalCode.REVERSAL_WINDOW_PASSED,
        # an advance on the bill
        RefusalCode.OPEN_ITEMS,
        # a credit whose money is gone, of somebody who lives and is here
        RefusalCode.INSUFFICIENT_BALANCE,
    )

    def __post_init__(self) -> None:
        # of a rejected claim, once it is known: its number has to be free again
        self.stakes: tuple[bytes, ...] = ()
        self.institution_id: int | None = None
        self.bill: Bill | None = None

    def decide(self, desk: Desk) -> None:
        original = desk.target(self.target_seq)
        if original is not None and original.kind in REVERSIBLE_FACTS:
            self._ask_for(desk, *NEEDS_OF[original.kind])
            self._forget(desk, original)
        elif original is not None and is_of_a_demand(original):
            self._ask_for(desk, DEMANDS, DONE_OF_DEMANDS)
            desk.allow(Verb.REVERSAL)
            reverse(desk, original, self.effective_on or desk.today, self.reason)
        elif original is None or original.kind not in REVERSIBLE_OF_CARE:
            super().decide(desk)
        elif original.kind is Kind.RECOVERY:
            self._ask_for(desk, CASES, SETTLEMENTS, LATER_RECOVERIES)
            self._give_back(desk, original)
        elif unpack(original.detail)["approved"]:
            self._ask_for(desk, ACCUMULATORS, CASES, SETTLEMENTS)
            self._take_back(desk, original)
        else:
            self._ask_for(desk, HANDED_IN)
            self._reopen(desk, original)

    def _day(self, desk: Desk, original: Receipt) -> tuple[date, date | None]:
        """The value date, and the old date that it keeps. Raises Refused, also where it is reversed."""
        day = self.effective_on or desk.today
        REVERSED_ON.admit(day, desk.today, "effective_on", original=original.effective_on)
        book: Book = desk.book
        dates = book.value_date(day, desk.today)
        if desk.acted_on(original.seq) is not None:
            raise Refused(RefusalCode.ALREADY_REVERSED)
        return dates

    def _forget(self, desk: Desk, original: Receipt) -> None:
        """What was recorded wrongly is as if it had never been."""
        desk.allow(Verb.REVERSAL)
        day = self.effective_on or desk.today
        REVERSED_ON.admit(day, desk.today, "effective_on", original=original.effective_on)
        book: Book = desk.book
        dates = book.value_date(day, desk.today)
        last = last_of(desk, original)
        check_nothing_hangs(desk, original, last)
        take_back(desk, original, last, dates, self.reason)

    def _add(self, desk: Desk, original: Receipt, dates: tuple[date, date | None], **more: Any) -> None:
        """The mirror of the entry that was named."""
        book: Book = desk.book
        effective_on, fact_on = dates
        if book.late_year(effective_on) is None:
            book.roll_to(effective_on.year)
        beside = more.pop("beside", ())
        facts = {"rows": rows_digest(beside)} if beside else {}
        book.add(
            Draft(
                Kind.REVERSAL,
                effective_on,
                _turned(original),
                fact_on=fact_on,
                target_seq=original.seq,
                detail=pack(reason=self.reason, **facts),
                keyed=True,
                beside=beside,
            )
        )

    # -- a decision --------------------------------------------------------------------------------------

    def _take_back(self, desk: Desk, original: Receipt) -> None:
        """An approved claim is received again, as if nothing had been paid for it."""
        with judged_where_it_is(desk):
            desk.allow(Verb.CARE_CASE)
        dates = self._day(desk, original)
        row = row_of(desk, original)
        check_bill_may_go(desk, original, row)
        # the number of its bill stays the claim's own
        self._add(desk, original, dates, beside=(row.mirrored(original.seq, dates[0]),))

    def _reopen(self, desk: Desk, original: Receipt) -> None:
        """A rejected claim is received again, if its bill was not settled or handed in otherwise since."""
        with judged_where_it_is(desk):
            desk.allow(Verb.CARE_CASE)
        dates = self._day(desk, original)
        row, detail = desk.of(HANDED_IN)[original.book_id, about(original)]
        if self.bill is None:
            self.bill, self.institution_id = claimed_bill(row, detail), row.institution_id
            self.stakes = (bill_stake(row.institution_id, row.care_date.year, row.bill_no),)
            self.also_need(ALIKE)
            raise WiderLocks(())
        if not desk.is_free(self.stakes[0]):
            raise Refused(RefusalCode.DUPLICATE_BENEFIT)
        if not unpack(detail).get("again") and is_alike(desk, self):
            raise Refused(RefusalCode.DUPLICATE_BENEFIT)
        self._add(desk, original, dates)

    # -- a recovery --------------------------------------------------------------------------------------

    def _give_back(self, desk: Desk, original: Receipt) -> None:
        """What came back of an advance is due, or outstanding, again."""
        book: Book = desk.book
        told = unpack(original.detail)
        case_seq, returned, set_off = told["case"], told["returned"], told["set_off"]
        if told["due"] and that_has_it(desk, book) is None:
            # the estate was divided by what was due, and nobody is left to owe it
            raise Refused(RefusalCode.ACCOUNT_CLOSED)
        desk.allow(Verb.REVERSAL)
        dates = self._day(desk, original)
        case = book.of(CASE_STATE).rows[case_seq]
        self._check_is_last(desk, original, case.settlement_seq, case_seq)
        if set_off:
            self._into_the_pockets(desk, original, dates)
        self._add(desk, original, dates)
        book.of(CASE_STATE).set(
            case_seq,
            case._replace(
                paid=case.paid - told["paid"],
                returned=case.returned - returned,
                set_off=case.set_off - set_off,
            ),
        )

    def _check_is_last(self, desk: Desk, original: Receipt, bill_seq: int, case_seq: int) -> None:
        later = desk.of(LATER_RECOVERIES).get(original.book_id, {})
        # what is due of a case is what all that was paid makes it, less what came back before
        seqs = {seq for seq, case in later.items() if seq > original.seq and case == case_seq}
        if unpack(original.detail)["due"]:
            # the bill was taken back because nothing of the advance was outstanding
            rows = desk.of(SETTLEMENTS).get(original.book_id, {})
            seqs |= {seq for seq, row in rows.items() if row.reverses_seq == bill_seq}
        if seqs:
            names = [entry_name(original.book_id, seq) for seq in sorted(seqs)]
            raise Refused(RefusalCode.NOT_LAST, entries=names)

    def _into_the_pockets(self, desk: Desk, original: Receipt, dates: tuple[date, date | None]) -> None:
        """The entry of the set-off stands right before that of its recovery, and goes back with it."""
        book: Book = desk.book
        taken = desk.target(original.seq - 1)
        if taken is None or taken.kind is not Kind.SET_OFF:
            raise AssertionError("a set-off has its entry")
        effective_on, fact_on = dates
        moved = {source: fen for source, _target, fen, _party in taken.transfers if source in POCKETS}
        draft = Draft(
            Kind.REVERSAL,
            effective_on,
            fact_on=fact_on,
            target_seq=taken.seq,
            detail=pack(case=unpack(taken.detail)["case"]),
        )
        book.restore(
            draft,
            (moved.get(Side.CURRENT_YEAR, 0), moved.get(Side.CARRIED_OVER, 0)),
            Side.POOLED_FUND,
            None,
            same_year=effective_on.year == taken.effective_on.year,
        )
        if book.stage == Stage.CLOSED:
            hand_on(desk, book, draft)


def _turned(original: Receipt) -> tuple[TransferLine, ...]:
    return tuple((target, source, fen, party) for source, target, fen, party in original.transfers)
