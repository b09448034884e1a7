"""Taking a settled bill back (R30–R33): whole, by mirrored entries, by its name or by its message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ledger.accounts.inheritance import ESTATE, hand_on, heirs_to_lock
from ledger.accounts.quotas import ENDED_QUOTAS, GIVEN, QUOTAS
from ledger.book.beside import rows_digest
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.numbers import entry_name, is_institution
from ledger.book.state import Book
from ledger.care.cases import CASE_STATE
from ledger.care.reads import ACCUMULATORS, CASES, SETTLEMENTS
from ledger.care.relatives import STATEMENTS_SINCE, returned_of_donations, take_from_funds
from ledger.care.rows import SettlementRow, standing
from ledger.care.stakes import bill_stake, message_stake
from ledger.chart.care import CareTable
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Verb
from ledger.chart.sides import POCKETS, Side
from ledger.institutions.agreed import AGREED, AGREED_DAYS, repaired_day
from ledger.institutions.books import institution_book
from ledger.posting import TARGET, AlreadyThere, BookRef, Command, Desk, Receipt, WiderLocks
from ledger.refusals import RefusalCode, Refused

ALL_DAYS = (date.min, date.max)


@dataclass(eq=False)
class ReverseSettlement(Command):
    """Take back the whole bill that the entry `target_seq` settled.

    Pockets, quotas and counters are as they were before it; money that came out of a closed account goes to
    its heirs. After a year end it comes back into carried_over, and last year's counters are lowered.
    """

    verb = "reverse_settlement"
    refused_with = (
        RefusalCode.SETTLEMENT_NOT_FOUND,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.ALREADY_REVERSED,
        # the bill of a manual claim
        RefusalCode.NOT_REVERSIBLE,
        # a later admission of the year went by the one that it takes back
        RefusalCode.NOT_LAST,
        RefusalCode.REVERSAL_WINDOW_PASSED,
        RefusalCode.OPEN_ITEMS,
    )
    needs = frozenset({
        TARGET, SETTLEMENTS, ACCUMULATORS, QUOTAS, ENDED_QUOTAS, ESTATE, CASES,
        AGREED, STATEMENTS_SINCE,
    })  # fmt: skip

    book: BookRef
    target_seq: int
    reason: str
    # a day that a reconciliation found different, and that this puts right
    repairs: date | None = None
    caller: str = ""
    actor: str = ""
    key: str | None = None
    days: tuple[date, date] | None = None

    def __post_init__(self) -> None:
        if self.repairs is not None:
            self.days = (self.repairs, self.repairs)

    def content(self) -> str:
        return f"{self.target_seq}|{self.repairs or ''}|{self.reason}"

    def decide(self, desk: Desk) -> None:
        original = desk.target(self.target_seq)
        if original is not None and original.kind is Kind.CLAIM_DECISION:
            raise Refused(RefusalCode.NOT_REVERSIBLE)
        if original is None or original.kind is not Kind.SETTLEMENT:
            raise Refused(RefusalCode.SETTLEMENT_NOT_FOUND, at="target_seq")
        row = row_of(desk, original)
        settled_on = desk.today
        if self.repairs is not None and row.institution_id is not None:
            if row.institution_id not in desk.books:
                raise WiderLocks([row.institution_id, *_donors_of(original)])
            settled_on = repaired_day(desk, row.institution_id, self.repairs)
            if settled_on < row.settled_on:
                # it would count before the bill that it takes back
                raise Refused(RefusalCode.PERIOD_INVALID, at="repairs", earliest=row.settled_on)
        _take_back(desk, original, row, settled_on, {"reason": self.reason})


@dataclass(eq=False)
class CorrectMessage(Command):
    """Undo whatever an institution's message did, or see to it that it does nothing when it comes.

    `book` is the institution's. A message that settled a bill is reversed; one that was never seen leaves a
    tombstone, and is refused when it arrives after all. Said again, the first answer is given again.
    """

    verb = "correct"
    source_kind = Kind.CORRECTION
    refused_with = (
        RefusalCode.NOT_LAST,
        RefusalCode.REVERSAL_WINDOW_PASSED,
        RefusalCode.OPEN_ITEMS,
        RefusalCode.RATES_MISSING,
    )
    follows_stake = Kind.SETTLEMENT
    opens = True
    made_texts = frozenset({"source_ref"})
    needs = ReverseSettlement.needs

    book: BookRef
    institution: str
    institution_id: int
    message_id: str
    area: int
    caller: str = ""
    actor: str = ""
    key: str | None = None
    source_ref: str | None = None
    stakes: tuple[bytes, ...] = ()
    others: tuple[BookRef, ...] = ()
    days: tuple[date, date] | None = ALL_DAYS

    def __post_init__(self) -> None:
        # which day it counts on depends on what was agreed on, and that must not change meanwhile
        self.others = (self.institution_id,)
        self.source_ref = f"{self.institution}/{self.message_id}"
        self.stakes = (message_stake(self.institution, self.message_id),)

    def content(self) -> str:
        return f"{self.institution}|{self.message_id}"

    def decide(self, desk: Desk) -> None:
        holder = desk.stakes[self.stakes[0]]
        if is_institution(holder):
            self._leave_tombstone(desk, holder)
            return
        known = desk.sourced.get((holder, int(Kind.SETTLEMENT), self.source_ref or ""))
        if known is None:
            # the message came in this very batch, and was refused: it is asked for again without it
            raise WiderLocks(())
        original = known.receipt
        acting = desk.acting.get((holder, original.seq))
        if acting is not None:
            raise AlreadyThere(acting)
        row = row_of(desk, original)
        _take_back(desk, original, row, self._counted_on(desk, row), {"corrected": True})

    def _counted_on(self, desk: Desk, row: SettlementRow) -> date:
        """The day of the message itself, as if that had never been, unless both sides agreed on that day."""
        institution = desk.other(self.institution_id)
        if institution is None:
            return row.settled_on
        agreed = institution.of(AGREED_DAYS).get(row.settled_on)
        return desk.today if agreed is not None and agreed.balanced else row.settled_on

    def _leave_tombstone(self, desk: Desk, holder: int) -> None:
        there = desk.sourced.get((holder, int(Kind.CORRECTION), self.source_ref or ""))
        if there is not None:
            raise AlreadyThere(there.receipt)
        book = institution_book(desk, holder, self.institution, self.area)
        book.add(Draft(Kind.CORRECTION, desk.today, source_ref=self.source_ref, keyed=True))


def row_of(desk: Desk, original: Receipt) -> SettlementRow:
    """What an entry settled."""
    row = desk.of(SETTLEMENTS).get(original.book_id, {}).get(original.seq)
    if row is None:
        raise AssertionError("a settlement has its row")
    return row


def _donors_of(original: Receipt) -> set[int]:
    """The books of the relatives who paid of a bill."""
    return {donor_id for donor_id, *_rest in unpack(original.detail).get("aid", [])}


def _take_back(
    desk: Desk, original: Receipt, row: SettlementRow, settled_on: date, facts: dict[str, Any]
) -> None:
    """Write the mirror of a settlement, and of what its donors paid."""
    book: Book = desk.book
    desk.allow(Verb.REVERSAL)
    if desk.acted_on(original.seq) is not None:
        raise Refused(RefusalCode.ALREADY_REVERSED)
    check_bill_may_go(desk, original, row)
    given = unpack(original.detail).get("aid", [])
    donors = _donors_of(original)
    unlocked = sorted(donors - desk.books.keys()) or heirs_to_lock(
        desk, [book, *(desk.books[donor_id] for donor_id in donors)]
    )
    if unlocked:
        raise WiderLocks(unlocked)
    same_year = original.effective_on.year == desk.today.year
    draft = _mirror(desk, book, original, row.mirrored(original.seq, settled_on), facts, same_year)
    came_back = returned_of_donations(desk.of(STATEMENTS_SINCE).get(book.book_id, {})) if given else {}
    to_funds = 0
    for donor_id, entry_seq, quota_seq, current_year, carried_over in given:
        came = came_back.get((donor_id, entry_seq), 0)
        parts = current_year, carried_over
        _give_back(desk, book, donor_id, entry_seq, quota_seq, parts, came, same_year)
        to_funds += came
    if to_funds:
        take_from_funds(desk, book, row, draft.seq, to_funds)
    if book.stage == Stage.CLOSED:
        hand_on(desk, book, draft)
    if row.bill_no is not None and row.institution_id is not None:
        # a bill that was taken back may be settled anew under its number
        desk.freed.add(bill_stake(row.institution_id, row.care_date.year, row.bill_no))


def check_bill_may_go(desk: Desk, original: Receipt, row: SettlementRow) -> None:
    """Raise Refused where a bill may not be taken back: something rests on it, or it is too late."""
    book: Book = desk.book
    later_stays = [
        entry_name(book.book_id, seq)
        for seq, later in sorted(standing(desk.of(SETTLEMENTS)[book.book_id]).items())
        if seq > original.seq
        and row.care_table is later.care_table is CareTable.INPATIENT
        and later.care_date.year == row.care_date.year
    ]
    if later_stays:
        raise Refused(RefusalCode.NOT_LAST, entries=later_stays)
    if any(
        case.settlement_seq == original.seq and case.receivable for case in book.of(CASE_STATE).rows.values()
    ):
        # the advance on it must come back first
        raise Refused(RefusalCode.OPEN_ITEMS)
    window = timedelta(days=desk.policy(book.area).care.reversal_days.on(row.care_date))
    if desk.today > original.effective_on + window:
        raise Refused(RefusalCode.REVERSAL_WINDOW_PASSED, days_max=window.days)


def _mirror(
    desk: Desk, book: Book, original: Receipt, row: SettlementRow, facts: dict[str, Any], same_year: bool
) -> Draft:
    beside = (row,)
    moved = {source: fen for source, _target, fen, _party in original.transfers if source in POCKETS}
    also = tuple(
        (target, source, fen, party)
        for source, target, fen, party in original.transfers
        if source not in POCKETS
    )
    draft = Draft(
        Kind.REVERSAL,
        desk.today,
        target_seq=original.seq,
        detail=pack(**facts, rows=rows_digest(beside)),
        keyed=True,
        beside=beside,
    )
    parts = (moved.get(Side.CURRENT_YEAR, 0), moved.get(Side.CARRIED_OVER, 0))
    return book.restore(
        draft, parts, Side.INSTITUTION_PAYABLE, row.institution_id, same_year=same_year, also=also
    )


def _give_back(
    desk: Desk,
    patient: Book,
    donor_id: int,
    entry_seq: int,
    quota_seq: int,
    parts: tuple[int, int],
    came_back: int,
    same_year: bool,
) -> None:
    """A donor's money comes back: into the quota while that stands, else free, or to the donor's heirs.

    What an annual settlement gave back of it before does not come a second time; it had come back to the
    pocket that paid last first.
    """
    from_carried = min(parts[1], came_back)
    parts = parts[0] - (came_back - from_carried), parts[1] - from_carried
    donor = desk.other(donor_id)
    if donor is None:
        raise AssertionError("the donors were locked")
    quotas, fen = donor.of(GIVEN), sum(parts)
    quota = quotas.rows[quota_seq]
    reserved = None
    if not quota.ended:
        # never above what was given
        reserved = min(fen, quota.amount - quota.remaining) or None
        quotas.set(quota_seq, quota._replace(remaining=quota.remaining + (reserved or 0)))
    draft = Draft(
        Kind.REVERSAL,
        max(desk.today, donor.opened_on),
        target_seq=entry_seq,
        reserved_change=reserved,
        detail=pack(quota=quota_seq, **({"came_back": came_back} if came_back else {})),
    )
    donor.restore(draft, parts, Side.MUTUAL_AID_CLEARING, patient.book_id, same_year=same_year)
    if donor.stage == Stage.CLOSED:
        hand_on(desk, donor, draft)
