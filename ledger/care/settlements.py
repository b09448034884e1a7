"""Settling a patient's bill (R18–R29): the funds, the own account, relatives, and the rest is cash (K3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from operator import attrgetter
from typing import Any, NamedTuple

from ledger.accounts.caps import SPENT, check_caps
from ledger.accounts.quotas import GIVEN, QUOTAS, Quota
from ledger.book.beside import rows_digest
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.numbers import is_institution
from ledger.book.state import Book
from ledger.care.adjudication import (
    adjudicate,
    check_care_date,
    check_cause,
    check_filing,
    circumstances,
    insured,
)
from ledger.care.alike import ALIKE, is_alike
from ledger.care.benefits import payers
from ledger.care.bills import Bill
from ledger.care.counters import used_in
from ledger.care.reads import ACCUMULATORS, FILINGS, SETTLEMENTS
from ledger.care.rows import SettlementRow
from ledger.care.stakes import bill_stake, message_stake
from ledger.care.visit_named import check_known, check_open, check_theirs, require_open
from ledger.chart.care import CareType, Channel, Coverage
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Status, Verb
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.institutions.agreed import AGREED, repaired_day
from ledger.people.births import BIRTHS
from ledger.people.enrolled import ELSEWHERE, ENROLMENTS
from ledger.policy import PocketOrder, Policy
from ledger.posting import TARGET, BookRef, Command, Desk, Institution, Need, WiderLocks
from ledger.refusals import RefusalCode, Refused

# what every bill is worked out from
_ALWAYS: frozenset[Need[Any]] = frozenset({ACCUMULATORS, QUOTAS, ENROLMENTS, BIRTHS, SPENT})
_AIDING = frozenset({Status.ACTIVE, Status.PAUSED})


class Quoted(NamedTuple):
    """What a pre-settlement had come to, and until when it may be settled by (R23, R24)."""

    digest: bytes
    expires_at: datetime


# what a quote promises of the row that a bill would write, in the order in which its digest has it
_promised = attrgetter(
    "total", "own_expense", "over_limit", "pre_self_pay", "in_scope", "excluded", "deductible", "ratio",
    "pooled_pay", "large_pay", "top_up_pay", "account_pay", "mutual_pay", "cash_pay", "hospital_share",
    "own_burden", "care_table",
)  # fmt: skip


@dataclass(eq=False)
class Settle(Command):
    """Settle one bill of a patient at a designated institution.

    `book` is the patient's account, `else_book` the resident's book of a patient who has none. The message
    id is the idempotency key. With `quoting` it is a pre-settlement: rehearsed, never posted, and it stakes
    no message. A bill is settled once: by its number in a year of care, and by what is in it (see `alike`).

    The funds pay by the rules of the care date, then the own account as far as it goes, then relatives by
    rank, both only with `use_account`; the rest is cash. The value date is the day of posting.
    """

    verb = Verb.SETTLEMENT
    source_kind = Kind.SETTLEMENT
    refused_with = (
        RefusalCode.SHAPE_INVALID,
        RefusalCode.LINE_CLASS_UNKNOWN,
        RefusalCode.VISIT_NOT_FOUND,
        RefusalCode.FILING_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        # care after death
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.ACCOUNT_FROZEN,
        # care to come, before 1990 or before birth
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.INSTITUTION_UNKNOWN,
        RefusalCode.NOT_DESIGNATED,
        RefusalCode.CONTRACT_SUSPENDED,
        RefusalCode.FILING_NOT_APPLICABLE,
        RefusalCode.VISIT_MISMATCH,
        RefusalCode.VISIT_SETTLED,
        RefusalCode.VISIT_ENDED,
        RefusalCode.CAUSE_REQUIRED,
        RefusalCode.AMOUNT_INVALID,
        RefusalCode.AMOUNT_MISMATCH,
        RefusalCode.ITEM_NOT_ELIGIBLE,
        RefusalCode.MSGID_CONFLICT,
        RefusalCode.DUPLICATE_BILL,
        RefusalCode.CANCELLED_BEFORE_ARRIVAL,
        RefusalCode.MESSAGE_CORRECTED,
        RefusalCode.QUOTE_STALE,
        # where the area has a cap for what the account pays
        RefusalCode.CAP_EXCEEDED,
    )
    keyed_by_source = True
    made_texts = frozenset({"key", "source_ref"})
    book: BookRef
    else_book: BookRef | None
    institution: str
    institution_id: int
    message_id: str
    bill: Bill
    visit: tuple[int, int] | None = None
    # a day that a reconciliation found different, and that this bill was missing on
    repairs: date | None = None
    quoted: Quoted | None = None
    quoting: bool = False
    caller: str = ""
    actor: str = ""
    key: str | None = None
    source_ref: str | None = None
    target_seq: int | None = None
    stakes: tuple[bytes, ...] = ()
    others: tuple[BookRef, ...] = ()
    days: tuple[date, date] | None = None
    # known to be outside the person's area: then what is on file is read at once
    outside: bool = False
    # sent by a system that reaches this institution alone
    bound: bool = False

    def __post_init__(self) -> None:
        self._needs = self._needed()
        self.target_seq = None if self.visit is None else self.visit[1]
        self._number: bytes | None = None
        if self.bill.bill_no is not None:
            self._number = bill_stake(self.institution_id, self.bill.care_date.year, self.bill.bill_no)
        if self.repairs is not None:
            # what was agreed on for the day must not change meanwhile
            self.others = (self.institution_id,)
            self.days = (self.repairs, self.repairs)
        numbers = () if self._number is None else (self._number,)
        if self.quoting:
            self.stakes = numbers
            return
        self.source_ref = self.key = f"{self.institution}/{self.message_id}"
        self.stakes = (message_stake(self.institution, self.message_id), *numbers)

    @property
    def needs(self) -> frozenset[Need[Any]]:  # type: ignore[override]  # what is read depends on the bill
        return self._needs

    def also_need(self, need: Need[Any]) -> None:
        self._needs |= {need}

    def _needed(self) -> frozenset[Need[Any]]:
        needs: frozenset[Need[Any]] = _ALWAYS
        if not self.bill.again:
            needs |= {ALIKE}
        # a quote reads all by one look, so that it costs it nothing to ask
        inpatient = self.bill.care_type is CareType.INPATIENT
        if inpatient or self.outside or self.quoting or self.bill.filing is not None:
            needs |= {FILINGS}
        if self.visit is not None:
            needs |= {TARGET, SETTLEMENTS}
        if self.repairs is not None:
            needs |= {AGREED}
        return needs

    def content(self) -> str:
        return f"{self.institution}|{self.visit or ''}|{self.repairs or ''}|{self.bill.content()}"

    @property
    def alive_on(self) -> date:  # type: ignore[override]  # computed, where the base has a default
        return self.bill.care_date

    def result_digest(self, row: SettlementRow) -> bytes:
        """What a quote promises: this bill of this person comes to these amounts."""
        whose = self.book.hex() if isinstance(self.book, bytes) else self.book
        amounts = "|".join(map(str, _promised(row)))
        return sha256(f"{whose}|{self.content()}|{amounts}".encode()).digest()[:16]

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        if self.bound:
            # who may not know of it learns of a closed account by nothing else that is wrong either
            require_open(desk)
        self._check_message(desk)
        check_known(desk, self.visit, self.institution_id if self.bound else None)
        check_filing(desk, self.institution, self.bill)
        desk.allow(Verb.SETTLEMENT, day=self.bill.care_date)
        check_care_date(desk, self, self.bill.care_date)
        policy = desk.policy(book.area)
        bill = self.bill
        settled_on = desk.today
        if self.repairs is not None:
            settled_on = repaired_day(desk, self.institution_id, self.repairs)
        known = insured(desk, policy, bill.care_date, look_elsewhere=ELSEWHERE in self._needs)
        institution = desk.designated(self.institution, bill.care_date, bill.care_type.word)
        self._know_enough(known, outside=institution.area != book.area)
        told = circumstances(desk, policy, institution, bill, known)
        check_theirs(desk, self.visit, institution.party_id)
        self._check_duplicates(desk)
        if self.quoted is not None and desk.now > self.quoted.expires_at:
            raise Refused(RefusalCode.QUOTE_STALE, at="quote")
        check_open(desk, self.visit, bill.care_type)
        check_cause(bill)
        found = adjudicate(policy, used_in(book, bill.care_date.year), bill, told)
        order = policy.pocket_order.on(bill.care_date)
        paid = _Paid(desk, book, institution, order is PocketOrder.CURRENT_YEAR_FIRST)
        if bill.use_account:
            paid.share_out(found.personal, found.payable)
        row = found.row(
            bill,
            Channel.NETWORK,
            institution.party_id,
            settled_on,
            paid.own,
            sum(paid.donors.values()),
            self.target_seq,
        )
        if self.quoted is not None and self.quoted.digest != self.result_digest(row):
            raise Refused(RefusalCode.QUOTE_STALE, at="quote")
        check_caps(desk, self, bill.care_date, institution.party_id, paid.own)
        paid.write(row, self.source_ref, again=bill.again)

    def _know_enough(self, known: tuple[MemberClass, Coverage], *, outside: bool) -> None:
        """Have read what few bills go by, and have it decided again: what is on file outside the area, and
        whether who seems to wait was insured elsewhere.
        """
        _class, coverage = known
        waits = coverage is Coverage.WAITING and ELSEWHERE not in self._needs
        if waits or (outside and FILINGS not in self._needs):
            self._needs |= {ELSEWHERE, FILINGS}
            raise WiderLocks(())

    def _check_message(self, desk: Desk) -> None:
        """The message must not be somebody else's, nor one that was taken back before it came (R25, R30)."""
        if self.quoting:
            return
        holder = desk.stakes[self.stakes[0]]
        if holder != desk.book.book_id and not is_institution(holder):
            raise Refused(RefusalCode.MSGID_CONFLICT, at="message_id")

    def _check_duplicates(self, desk: Desk) -> None:
        # in the order of the refusals: a bill settled before, a message taken back before it came
        if self._number is not None and not desk.is_free(self._number):
            raise Refused(RefusalCode.DUPLICATE_BILL, at="bill_no")
        if not self.bill.again and is_alike(desk, self):
            raise Refused(RefusalCode.DUPLICATE_BILL, at="lines")
        if self.quoting:
            return
        if is_institution(desk.stakes[self.stakes[0]]):
            raise Refused(RefusalCode.CANCELLED_BEFORE_ARRIVAL, at="message_id")


class _Paid:
    """Who pays what is left to the person, and the entries that say so. Amounts in fen."""

    def __init__(self, desk: Desk, book: Book, institution: Institution, current_year_first: bool) -> None:
        self.desk = desk
        self.book = book
        self.institution = institution
        self.current_year_first = current_year_first
        self.own = 0
        # by donor's book and quota
        self.donors: dict[tuple[int, int], int] = {}

    def share_out(self, personal: int, most: int) -> None:
        """The own account first, then relatives by rank (R37)."""
        own = max(self.book.available, 0)
        quotas = self._quotas() if most > own else []
        found = payers(personal, most, own, [quota.remaining for _place, quota in quotas])
        self.own = found.own_account
        self.donors = {place: fen for (place, _quota), fen in zip(quotas, found.donors, strict=True) if fen}

    def _quotas(self) -> list[tuple[tuple[int, int], Quota]]:
        """The quotas that may pay for this person, by rank; their donors have to be locked."""
        desk = self.desk
        given = desk.of(QUOTAS).get(self.book.person_id or 0, [])
        unlocked = sorted({donor_id for _rank, donor_id, _seq in given} - desk.books.keys())
        if unlocked:
            raise WiderLocks(unlocked)
        found = []
        for _rank, donor_id, seq in given:
            donor = desk.other(donor_id)
            if donor is None or not _AIDING.issuperset(donor.statuses(desk.today)):
                continue
            quota = donor.of(GIVEN).rows[seq]
            if quota.remaining and not quota.ended:
                found.append(((donor_id, seq), quota))
        return found

    def write(self, row: SettlementRow, source_ref: str | None, *, again: bool) -> None:
        """The donors' entries first: the patient's entry names them, so that a reversal finds them."""
        desk, book, party = self.desk, self.book, self.institution.party_id
        seq = self._seq_to_come()
        aid = [
            self._take(donor_id, quota_seq, fen, seq) for (donor_id, quota_seq), fen in self.donors.items()
        ]
        mutual = sum(self.donors.values())
        funds = (
            (Side.POOLED_FUND, row.pooled_pay),
            (Side.LARGE_FUND, row.large_pay),
            (Side.MUTUAL_AID_CLEARING, mutual),
        )
        also = tuple((int(side), int(Side.INSTITUTION_PAYABLE), fen, party) for side, fen in funds if fen)
        beside = (row,)
        facts: dict[str, object] = {"aid": aid} if aid else {}
        if again:
            facts["again"] = True
        book.debit(
            Draft(
                Kind.SETTLEMENT,
                desk.today,
                source_ref=source_ref,
                detail=pack(**facts, rows=rows_digest(beside)),
                keyed=True,
                beside=beside,
            ),
            self.own,
            Side.INSTITUTION_PAYABLE,
            party,
            current_year_first=self.current_year_first,
            also=also,
        )

    def _seq_to_come(self) -> int:
        """The number that the settlement will have; the turn of a year is an entry before it."""
        self.book.roll_to(self.desk.today.year)
        return self.book.last_seq + 1

    def _take(self, donor_id: int, quota_seq: int, fen: int, settlement_seq: int) -> list[int]:
        """One donor pays: [book, entry, quota, from current_year, from carried_over]."""
        desk = self.desk
        donor = desk.other(donor_id)
        if donor is None:
            raise AssertionError("the donors were locked")
        quotas = donor.of(GIVEN)
        quota = quotas.rows[quota_seq]
        quotas.set(quota_seq, quota._replace(remaining=quota.remaining - fen))
        draft = donor.debit(
            Draft(
                Kind.MUTUAL_AID,
                max(desk.today, donor.opened_on),
                reserved_change=-fen,
                # what the donor may see of it: date and amount of the entry, kind of institution (R38)
                detail=pack(
                    quota=quota_seq,
                    institution_kind=self.institution.kind,
                    settlement=[self.book.book_id, settlement_seq],
                ),
            ),
            fen,
            Side.MUTUAL_AID_CLEARING,
            self.book.book_id,
            current_year_first=self.current_year_first,
        )
        taken = {source: moved for source, _target, moved, _party in draft.transfers}
        return [
            donor_id,
            draft.seq,
            quota_seq,
            taken.get(Side.CURRENT_YEAR, 0),
            taken.get(Side.CARRIED_OVER, 0),
        ]


def quote_minutes(policy: Policy, bill: Bill) -> int:
    """How long a quote for a bill is good for."""
    return policy.care.quote_minutes.on(bill.care_date)
