"""Manual claims (R41): a bill that no network settled, handed in on paper, decided, and paid by the fund."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from ledger.accounts.called_back import judged_where_it_is
from ledger.accounts.inheritance import ESTATE
from ledger.book.beside import rows_digest
from ledger.book.chain import TransferLine
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.care import HANDED_IN_ON
from ledger.care.adjudication import (
    adjudicate,
    check_care_date,
    check_cause,
    check_filing,
    circumstances,
    insured,
)
from ledger.care.alike import ALIKE, is_alike
from ledger.care.bills import Bill
from ledger.care.counters import used_in
from ledger.care.decisions import DECISIONS
from ledger.care.reads import ACCUMULATORS, FILINGS
from ledger.care.rows import BillLine, Cause, ClaimRow, SettlementRow
from ledger.care.stakes import bill_stake
from ledger.chart.care import CareType, CauseKind, Channel, Filing
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.chart.sides import Side
from ledger.people.births import BIRTHS
from ledger.people.enrolled import ELSEWHERE, ENROLMENTS
from ledger.posting import TARGET, BookRef, Command, Desk
from ledger.refusals import RefusalCode, Refused

# what has to lie with the agency before a claim is paid
EVIDENCE: Final = ("invoice", "fee_list", "diagnosis", "records")


def still_missing(there: frozenset[str]) -> list[str]:
    """The words of EVIDENCE that are not there, in their order."""
    return [word for word in EVIDENCE if word not in there]


@dataclass(eq=False)
class SubmitClaim(Command):
    """Hand in a bill of an institution that was paid by hand; `evidence` are words of EVIDENCE.

    `book` is the patient's account, `else_book` the resident's book of a patient who has none. The bill takes
    its number at the institution: settled over the network it is not taken here, and a bill that is handed in
    here is not settled there; nor is one that is alike (`care.alike`). `bill_no` is required, and the account
    never pays (R21): `use_account` is not.

    The bill is worked out, so that one which could never be paid is refused at once, and paid by nobody yet.
    What is missing of the evidence may come with the decision.
    """

    verb = "submit_claim"
    refused_with = (
        RefusalCode.SHAPE_INVALID,
        RefusalCode.LINE_CLASS_UNKNOWN,
        RefusalCode.FILING_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        # care after death
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.INSTITUTION_UNKNOWN,
        RefusalCode.NOT_DESIGNATED,
        RefusalCode.CONTRACT_SUSPENDED,
        RefusalCode.FILING_NOT_APPLICABLE,
        RefusalCode.DUPLICATE_BENEFIT,
        RefusalCode.CAUSE_REQUIRED,
        RefusalCode.CLAIM_TOO_LATE,
        RefusalCode.AMOUNT_INVALID,
        RefusalCode.AMOUNT_MISMATCH,
        RefusalCode.ITEM_NOT_ELIGIBLE,
    )
    needs = frozenset({ACCUMULATORS, ALIKE, ENROLMENTS, ELSEWHERE, FILINGS, BIRTHS})

    book: BookRef
    else_book: BookRef | None
    institution: str
    institution_id: int
    bill: Bill
    received_on: date
    evidence: frozenset[str]
    caller: str = ""
    actor: str = ""
    key: str | None = None
    stakes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not self.bill.bill_no or self.bill.use_account or self.evidence - set(EVIDENCE):
            raise ValueError("a claim has a bill number, no use of the account, and known evidence")
        self.stakes = (bill_stake(self.institution_id, self.bill.care_date.year, self.bill.bill_no),)

    def content(self) -> str:
        evidence = ",".join(sorted(self.evidence))
        return f"{self.institution}|{self.bill.content()}|{self.received_on}|{evidence}"

    @property
    def alive_on(self) -> date:  # type: ignore[override]  # computed, where the base has a default
        return self.bill.care_date

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        bill = self.bill
        check_filing(desk, self.institution, bill)
        desk.allow(Verb.CARE_CASE, day=bill.care_date)
        check_care_date(desk, self, bill.care_date)
        HANDED_IN_ON.admit(self.received_on, desk.today, "received_on", care=bill.care_date)
        policy = desk.policy(book.area)
        known = insured(desk, policy, bill.care_date, look_elsewhere=True)
        submit_days = policy.care.claim_submit_days.on(bill.care_date)
        decide_days = policy.care.claim_decide_days.on(bill.care_date)
        decide_by = policy.calendar.working_day_after(self.received_on, decide_days)
        institution = desk.designated(self.institution, bill.care_date, bill.care_type.word)
        told = circumstances(desk, policy, institution, bill, known)
        if not desk.is_free(self.stakes[0]):
            raise Refused(RefusalCode.DUPLICATE_BENEFIT, at="bill_no")
        if not bill.again and is_alike(desk, self):
            raise Refused(RefusalCode.DUPLICATE_BENEFIT, at="lines")
        check_cause(bill)
        if self.received_on > bill.care_date + timedelta(days=submit_days):
            raise Refused(RefusalCode.CLAIM_TOO_LATE, at="received_on", days_max=submit_days)
        total = adjudicate(policy, used_in(book, bill.care_date.year), bill, told).parts.total
        row = ClaimRow(
            institution.party_id,
            bill.care_type,
            bill.care_date,
            self.received_on,
            decide_by,
            total,
            bill.bill_no or "",
            bill.document,
        )
        book.roll_to(desk.today.year)
        facts = _facts(bill, self.institution, self.evidence)
        book.add(
            Draft(
                Kind.MANUAL_CLAIM,
                desk.today,
                keyed=True,
                beside=(row,),
                detail=pack(**facts, rows=rows_digest((row,))),
            )
        )


def _facts(bill: Bill, institution: str, evidence: frozenset[str]) -> dict[str, Any]:
    """What the row of a claim does not say of its bill."""
    facts: dict[str, Any] = {
        "institution": institution,
        "evidence": [word for word in EVIDENCE if word in evidence],
    }
    if bill.filing is not None:
        facts["filing"] = bill.filing.word
    if bill.cause is not None:
        facts["cause"] = [int(bill.cause.kind), bill.cause.share]
    if bill.hospital_share:
        facts["hospital_share"] = bill.hospital_share
    if bill.again:
        facts["again"] = True
    return facts


def claimed_bill(row: ClaimRow, detail: str | None) -> Bill:
    """The bill of a claim, of its row and of what its entry says."""
    told = unpack(detail)
    cause = told.get("cause")
    filing = told.get("filing")
    return Bill(
        CareType(row.care_type),
        row.care_date,
        tuple(BillLine(*line) for line in json.loads(row.lines)),
        use_account=False,
        filing=None if filing is None else Filing[filing.upper()],
        cause=None if cause is None else Cause(CauseKind(cause[0]), cause[1]),
        hospital_share=told.get("hospital_share", 0),
        bill_no=row.bill_no,
    )


@dataclass(eq=False)
class DecideClaim(Command):
    """Pay the claim `target_seq`, or reject it; both with a reason.

    `claim` is its row and `institution` the code, as they were read: neither ever changes, and the entry
    vouches for the row. `evidence` is what came in since. A paid claim is settled like a bill, by what is
    known now, and counts in the year; what the funds pay goes to the person's bank account, and that may be
    nothing. A rejected one lets go of the number of its bill.

    A claim whose decision was taken back is decided anew. The papers that came with that decision are there.
    """

    verb = "decide_claim"
    refused_with = (
        RefusalCode.CLAIM_NOT_FOUND,
        RefusalCode.FILING_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.RATES_MISSING,
        RefusalCode.FILING_NOT_APPLICABLE,
        RefusalCode.CLAIM_DECIDED,
        # of an approval
        RefusalCode.EVIDENCE_MISSING,
        RefusalCode.AMOUNT_MISMATCH,
        # by what is known now
        RefusalCode.ITEM_NOT_ELIGIBLE,
    )
    needs = frozenset({TARGET, DECISIONS, ACCUMULATORS, ENROLMENTS, ELSEWHERE, FILINGS, ESTATE})

    book: BookRef
    target_seq: int
    institution: str
    claim: ClaimRow
    approve: bool
    reason: str
    evidence: frozenset[str] = frozenset()
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        evidence = ",".join(sorted(self.evidence))
        return f"{self.target_seq}|{self.approve}|{evidence}|{self.reason}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        entry = desk.target(self.target_seq)
        if entry is None or entry.kind is not Kind.MANUAL_CLAIM:
            raise Refused(RefusalCode.CLAIM_NOT_FOUND, at="target_seq")
        told = unpack(entry.detail)
        if told["rows"] != rows_digest((self.claim,)) or told["institution"] != self.institution:
            raise AssertionError("what was read of a claim is what its entry vouches for")
        if self.approve:
            check_filing(desk, self.institution, claimed_bill(self.claim, entry.detail))
        # a claim for care after the death, which was reported since, can only be rejected
        with judged_where_it_is(desk):
            desk.allow(Verb.CARE_CASE, day=self.claim.care_date if self.approve else None)
        before = desk.of(DECISIONS).get((book.book_id, self.target_seq), [])
        if before and before[-1].reversed_by is None:
            raise Refused(RefusalCode.CLAIM_DECIDED)
        facts: dict[str, Any] = {"approved": self.approve, "reason": self.reason}
        if before:
            facts["claim"] = self.target_seq
        acts_on = before[-1].reversed_by if before else self.target_seq
        if self.evidence:
            facts["evidence"] = [word for word in EVIDENCE if word in self.evidence]
        book.roll_to(desk.today.year)
        if not self.approve:
            of_year = self.claim.care_date.year
            desk.freed.add(bill_stake(self.claim.institution_id, of_year, self.claim.bill_no))
            self._add(desk, acts_on, facts)
            return
        brought = {word for one in before for word in one.evidence}
        missing = still_missing(self.evidence | brought | set(told["evidence"]))
        if missing:
            raise Refused(RefusalCode.EVIDENCE_MISSING, at="evidence", missing=missing)
        row = self._settled(desk, claimed_bill(self.claim, entry.detail))
        self._add(desk, acts_on, facts | {"rows": rows_digest((row,))}, row)

    def _settled(self, desk: Desk, bill: Bill) -> SettlementRow:
        book: Book = desk.book
        policy = desk.policy(book.area)
        institution = desk.institutions[self.institution].as_of(bill.care_date)
        known = insured(desk, policy, bill.care_date, look_elsewhere=True)
        told = circumstances(desk, policy, institution, bill, known)
        found = adjudicate(policy, used_in(book, bill.care_date.year), bill, told)
        return found.row(bill, Channel.MANUAL, institution.party_id, desk.today)

    def _add(
        self, desk: Desk, acts_on: int | None, facts: dict[str, Any], row: SettlementRow | None = None
    ) -> None:
        paid: tuple[TransferLine, ...] = ()
        if row is not None:
            funds = ((Side.POOLED_FUND, row.pooled_pay), (Side.LARGE_FUND, row.large_pay))
            paid = tuple((int(side), int(Side.BANK), fen, None) for side, fen in funds if fen)
        desk.book.add(
            Draft(
                Kind.CLAIM_DECISION,
                desk.today,
                paid,
                target_seq=acts_on,
                detail=pack(**facts),
                keyed=True,
                beside=() if row is None else (row,),
            )
        )
