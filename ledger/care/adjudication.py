"""What a bill comes to for a patient: shared by settlements, manual claims and the yearly recomputation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.book.numbers import has_account
from ledger.book.state import Book
from ledger.bounds.care import CARE_DATE
from ledger.care.benefits import (
    Benefit,
    Parts,
    add_up,
    benefit,
    best_filing,
    care_table,
    check_items,
    filings_of,
    payable,
)
from ledger.care.bills import Bill
from ledger.care.counters import Accumulator, used_in
from ledger.care.reads import FILINGS
from ledger.care.rows import Circumstances, SettlementRow
from ledger.chart.care import CareTable, CareType, Channel, Coverage, Cut, Filing
from ledger.chart.members import MemberClass
from ledger.people.births import birth_before
from ledger.people.enrolled import ELSEWHERE, ENROLMENTS
from ledger.people.entitlement import entitlement
from ledger.policy import RATE_SCALE, Policy
from ledger.posting import Command, Desk, Institution
from ledger.refusals import RefusalCode, Refused

# inside the area a hospital of this level or above asks for a referral, where the policy wants one
REFERRAL_FROM_LEVEL = 2


@dataclass(frozen=True, slots=True)
class Adjudicated:
    """What the funds pay of a bill, and what the person's account and relatives may pay of the rest."""

    parts: Parts
    benefit: Benefit
    table: CareTable
    circumstances: Circumstances
    # what is left to the person, and what of it account and relatives may pay
    personal: int
    payable: int

    def row(
        self,
        bill: Bill,
        channel: Channel,
        institution_id: int,
        settled_on: date,
        account_pay: int = 0,
        mutual_pay: int = 0,
        visit_seq: int | None = None,
    ) -> SettlementRow:
        """The row that settles the bill; what nobody else pays is cash."""
        parts, paid, told = self.parts, self.benefit, self.circumstances
        cause = bill.cause
        return SettlementRow(
            channel,
            self.table,
            told.care_type,
            told.care_date,
            institution_id,
            settled_on,
            told.level,
            told.member_class,
            told.coverage,
            told.filing,
            told.cut,
            told.admission,
            bill.use_account,
            parts.total,
            parts.own_expense,
            parts.over_limit,
            parts.pre_self_pay,
            parts.in_scope,
            paid.excluded,
            paid.deductible,
            paid.ratio,
            paid.pooled_pay,
            paid.large_pay,
            0,
            account_pay,
            mutual_pay,
            self.personal - account_pay - mutual_pay,
            bill.hospital_share,
            min(paid.own_burden, self.personal),
            visit_seq,
            None,
            None if cause is None else cause.kind,
            None if cause is None else cause.share,
            bill.bill_no,
            bill.document,
        )


def check_care_date(desk: Desk, command: Command, day: date) -> None:
    """Raise Refused(period_invalid) for care to come, before 1990, or before the patient was born."""
    book: Book = desk.book
    if not book.opened_on <= day <= desk.today:
        birth = birth_before(desk, command, book, day)
        CARE_DATE.admit(day, desk.today, "care_date", birth=birth)


def check_cause(bill: Bill) -> None:
    """Raise Refused(cause_required) for an injury without a declared cause (R45)."""
    if bill.injury and bill.cause is None:
        raise Refused(RefusalCode.CAUSE_REQUIRED, at="cause")


def insured(desk: Desk, policy: Policy, day: date, *, look_elsewhere: bool) -> tuple[MemberClass, Coverage]:
    """What the person is to the scheme on a day of care.

    `look_elsewhere` says that ELSEWHERE was asked for: who seems to wait may have been insured in another
    scheme meanwhile (R43).
    """
    book: Book = desk.book
    enrolments = desk.of(ENROLMENTS).get(book.book_id, ())
    elsewhere = desk.of(ELSEWHERE).get(book.book_id, ()) if look_elsewhere else ()
    return entitlement(
        policy,
        enrolments,
        day,
        resident=not has_account(book.book_id),
        opened_on=book.opened_on,
        elsewhere=elsewhere,
    )


def circumstances(
    desk: Desk,
    policy: Policy,
    institution: Institution,
    bill: Bill,
    known: tuple[MemberClass, Coverage],
) -> Circumstances:
    """By which numbers of the policy a bill goes: class, coverage, filing and admission on the care date.

    `known` is what `insured` says of the care date. Raises Refused(filing_not_applicable) for a filing with
    care inside the area.
    """
    book: Book = desk.book
    member_class, coverage = known
    filing, cut = filed(desk, policy, institution, bill)
    admission = 0
    if bill.care_type is CareType.INPATIENT and coverage is Coverage.COVERED:
        admission = used_in(book, bill.care_date.year).admissions + 1
    return Circumstances(
        bill.care_type, bill.care_date, institution.level, member_class, coverage, filing, cut, admission
    )


def check_filing(desk: Desk, institution: str, bill: Bill) -> None:
    """Raise Refused(filing_not_found) for a filing that is said, is not on file, and has to be (R40).

    Inside the area none may be said at all; that is refused later.
    """
    book: Book = desk.book
    registered, said = desk.institutions.get(institution), bill.filing
    if registered is None or not said:
        return
    where = registered.as_of(bill.care_date)
    if where.area == book.area:
        return
    care = desk.policy(book.area).care
    if care.must_be_on_file(said.word, bill.care_date) and said not in _on_file(desk, bill, where.area):
        raise Refused(RefusalCode.FILING_NOT_FOUND, at="filing")


def filed(desk: Desk, policy: Policy, institution: Institution, bill: Bill) -> tuple[Filing, Cut]:
    """What was filed for the care of a bill, and whether points come off for it (R40).

    Outside the insured's area the message says it, and when it names none, what the agency has on file does;
    inside the area only that counts.
    """
    book: Book = desk.book
    if institution.area != book.area:
        known = [bill.filing] if bill.filing else _on_file(desk, bill, institution.area)
        return best_filing(policy, bill.care_date, known), Cut.OUT_OF_AREA
    if bill.filing is not None:
        raise Refused(RefusalCode.FILING_NOT_APPLICABLE, at="filing")
    if bill.care_type is not CareType.INPATIENT or institution.level < REFERRAL_FROM_LEVEL:
        return Filing.NONE, Cut.NONE
    if not policy.care.referral_required.on(bill.care_date):
        return Filing.NONE, Cut.NONE
    for filing in _on_file(desk, bill, book.area):
        if filing in {Filing.REFERRED, Filing.EMERGENCY}:
            return filing, Cut.NONE
    return Filing.NONE, Cut.NO_REFERRAL


def _on_file(desk: Desk, bill: Bill, area: int) -> list[Filing]:
    """What is on file for the day of a bill and the area of its care."""
    known = desk.of(FILINGS).get(desk.book.book_id, ())
    return filings_of((one.row for one in known), bill.care_date, area)


def adjudicate(policy: Policy, year: Accumulator, bill: Bill, told: Circumstances) -> Adjudicated:
    """What becomes of a bill, after what `year` has used so far.

    Raises Refused: amount_invalid, amount_mismatch, item_not_eligible.
    """
    share = 0 if bill.cause is None else bill.cause.share
    if not 0 <= share <= RATE_SCALE:
        raise Refused(RefusalCode.SHAPE_INVALID, at="cause/share")
    if not bill.lines:
        # a door that cannot read a sum hands over a bill without lines
        wrong = {"total": bill.total or 0, "hospital_share": bill.hospital_share}
        at = next((name for name, fen in wrong.items() if fen < 0), "lines")
        raise Refused(RefusalCode.AMOUNT_INVALID, at=at)
    parts = add_up(bill.lines, bill.total)
    table = care_table(policy, bill.care_type, bill.care_date, told.coverage)
    used = year.used(table)
    paid = benefit(policy, table, told, parts.in_scope, share, used)
    most = payable(policy, parts, paid, bill.care_date, bill.hospital_share, share)
    # the last of all refusals, though it asks for nothing that was worked out
    check_items(policy, bill.care_date, bill.lines)
    personal = parts.total - paid.fund_sum - bill.hospital_share
    return Adjudicated(parts, paid, table, told, personal, most)
