"""Manual claims: handed in with papers, decided once, paid by the fund to a bank account (R41)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.care.case_reports import ClaimView, claim, open_claims
from ledger.care.manual_claims import EVIDENCE, DecideClaim, SubmitClaim, claimed_bill, still_missing
from ledger.care.rows import BillLine, Cause
from ledger.care.taking_back import ReverseSettlement
from ledger.care.third_party import OpenCase, PayAdvance
from ledger.chart.care import CauseKind, Channel, Coverage, Filing
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.institutions.registry import Suspend
from ledger.people.enrolments import Enrol
from ledger.policy import RATE_SCALE
from ledger.posting import Posted, Receipt
from ledger.refusals import RefusalCode, Refused
from ledger.verify import verify
from tests.support.clinic import CARE_DAY, Clinic, Settled
from tests.support.people import AREA, World

R = RefusalCode
POOLED, LARGE, BANK = int(Side.POOLED_FUND), int(Side.LARGE_FUND), int(Side.BANK)
ALL = frozenset(EVIDENCE)


@dataclass
class Claims:
    """A world with a hospital of level 2, and claims for its bills."""

    world: World
    clinic: Clinic
    hospital: str

    def submission(
        self,
        patient: int,
        amount: str = "2000.00",
        *,
        evidence: frozenset[str] = ALL,
        received_on: date = date(2026, 11, 2),
        hospital: str | None = None,
        key: str | None = None,
        **bill: Any,
    ) -> SubmitClaim:
        code = hospital or self.hospital
        told: dict[str, Any] = {"bill_no": self.world.ref("bill"), "use_account": False} | bill
        made = self.clinic.bill([("A", amount)], **told)
        party = self.clinic.parties[code]
        return SubmitClaim(patient, None, code, party, made, received_on, evidence, key=key)

    def submit(self, patient: int, *args: Any, **more: Any) -> Receipt:
        return self.world.one(self.submission(patient, *args, **more))

    def view(self, made: Receipt) -> ClaimView:
        with self.world.engine.connect() as connection, connection.begin():
            return claim(connection, made.book_id, made.seq)

    def decision(self, made: Receipt, approve: bool = True, **more: Any) -> DecideClaim:
        view = self.view(made)
        return DecideClaim(made.book_id, made.seq, view.institution, view.row, approve, "checked", **more)

    def approve(self, made: Receipt, **more: Any) -> Settled:
        return self.clinic.settled(self.world.posted(self.decision(made, **more)))

    def reject(self, made: Receipt) -> Receipt:
        return self.world.one(self.decision(made, approve=False))

    def refused(self, patient: int, *args: Any, **more: Any) -> RefusalCode:
        return self.world.refusal(self.submission(patient, *args, **more))

    def has_used(self, patient: int, fund: str) -> None:
        """Use up the deductible of the year, and so much of the pooled fund at level 1."""
        code = self.clinic.institution(level=1)
        self.clinic.settle(code, patient, [("A", fund)], use_account=False)


@pytest.fixture(scope="module", autouse=True)
def consistent(engine: Engine) -> Iterator[None]:
    """Whatever these tests did, the books are consistent afterwards."""
    yield
    assert verify(engine).findings == []


@pytest.fixture
def claims(engine: Engine) -> Claims:
    world = World(engine)
    clinic = Clinic(world)
    return Claims(world, clinic, clinic.institution(level=2))


def test_e46_the_deductible_is_met_and_240_were_used(claims: Claims) -> None:
    patient = claims.clinic.patient("500.00")
    # at level 1, 80 % of what is above 600.00 of this: 240.00 of the pooled fund
    claims.has_used(patient, "900.00")
    used = claims.clinic.accumulator(patient)
    assert (used.outpatient_deductible, used.outpatient_pooled) == (60_000, 24_000)

    made = claims.submit(patient)
    assert made.kind is Kind.MANUAL_CLAIM
    assert not made.transfers
    assert claims.clinic.accumulator(patient) == used

    paid = claims.approve(made)
    assert paid.receipt.kind is Kind.CLAIM_DECISION
    assert paid.receipt.target_seq == made.seq
    assert paid.receipt.transfers == ((POOLED, BANK, 140_000, None),)
    row = paid.row
    assert (row.channel, row.pooled_pay, row.cash_pay) == (Channel.MANUAL, 140_000, 60_000)
    assert (row.account_pay, row.mutual_pay, row.use_account) == (0, 0, False)
    assert row.settled_on == claims.world.today
    # never account money (R21), and the year counts it like any bill
    assert claims.clinic.balance(patient) == 50_000
    assert claims.clinic.accumulator(patient).outpatient_pooled == 164_000


def test_both_funds_pay_what_is_theirs(claims: Claims) -> None:
    patient = claims.world.open()
    made = claims.submit(patient, "400000.00", care_type="inpatient")
    paid = claims.approve(made)
    assert (paid.row.pooled_pay, paid.row.admission) == (30_000_000, 1)
    assert paid.receipt.transfers == (
        (POOLED, BANK, 30_000_000, None),
        (LARGE, BANK, paid.row.large_pay, None),
    )
    assert paid.row.large_pay > 0
    assert claims.clinic.accumulator(patient).admissions == 1


@pytest.mark.parametrize("who", ["deductible", "resident"])
def test_a_claim_may_come_to_nothing(claims: Claims, who: str) -> None:
    patient = claims.clinic.resident() if who == "resident" else claims.world.open()
    paid = claims.approve(claims.submit(patient, "100.00"))
    assert not paid.receipt.transfers
    assert (paid.row.pooled_pay, paid.row.cash_pay) == (0, 10_000)
    assert paid.row.coverage is (Coverage.RESIDENT if who == "resident" else Coverage.COVERED)


def test_a_claim_goes_by_what_is_known_when_it_is_decided(claims: Claims) -> None:
    patient = claims.world.open()
    made = claims.submit(patient)
    # meanwhile the deductible was used up
    claims.has_used(patient, "600.00")
    assert claims.approve(made).row.deductible == 0


def test_what_was_handed_in_is_what_is_decided(claims: Claims) -> None:
    patient = claims.world.open()
    code = claims.clinic.institution(level=3, area=990200)
    made = claims.submit(
        patient,
        "2000.00",
        hospital=code,
        filing="referred",
        cause=Cause(CauseKind.THIRD_PARTY, RATE_SCALE // 4),
        hospital_share=12_345,
        care_type="inpatient",
    )
    view = claims.view(made)
    bill = claimed_bill(view.row, view.detail)
    assert bill.filing is Filing.REFERRED
    assert bill.lines == (BillLine("X0001", "A", 200_000),)
    row = claims.approve(made).row
    assert (row.excluded, row.hospital_share, row.filing) == (50_000, 12_345, Filing.REFERRED)


# -- the papers --------------------------------------------------------------------------------------------


def test_what_is_missing_may_come_with_the_decision(claims: Claims) -> None:
    made = claims.submit(claims.world.open(), evidence=frozenset({"records", "invoice"}))
    assert claims.view(made).evidence == ["invoice", "records"]
    with pytest.raises(Refused) as refused:
        claims.approve(made, evidence=frozenset({"diagnosis"}))
    assert refused.value.code is R.EVIDENCE_MISSING
    assert refused.value.facts == {"missing": ["fee_list"]}
    claims.approve(made, evidence=frozenset({"diagnosis", "fee_list"}))
    assert sorted(claims.view(made).evidence) == sorted(EVIDENCE)


def test_a_claim_without_papers_may_be_rejected(claims: Claims) -> None:
    made = claims.submit(claims.world.open(), evidence=frozenset())
    rejected = claims.reject(made)
    assert not rejected.transfers
    assert claims.view(made).decided["approved"] is False


@pytest.mark.parametrize("word", EVIDENCE)
def test_every_paper_is_wanted(word: str) -> None:
    assert still_missing(ALL - {word}) == [word]


@pytest.mark.parametrize(
    "wrong",
    [{"bill_no": None}, {"bill_no": ""}, {"use_account": True}, {"evidence": frozenset({"receipt"})}],
    ids=["no number", "empty number", "account", "paper"],
)
def test_what_no_claim_can_be_is_a_bug_of_the_caller(claims: Claims, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a claim has a bill number"):
        claims.submission(1, **wrong)


def test_the_row_of_another_claim_is_a_bug_of_the_caller(claims: Claims) -> None:
    made = claims.submit(claims.world.open())
    command = claims.decision(made)
    command.claim = command.claim._replace(total=1)
    with pytest.raises(AssertionError, match="vouches"):
        claims.world.one(command)


# -- the deadlines -----------------------------------------------------------------------------------------


def test_a_claim_is_handed_in_within_a_year_and_decided_within_thirty_working_days(claims: Claims) -> None:
    care_date, patient = date(2025, 11, 10), claims.world.open()
    last = care_date + timedelta(days=366)
    assert last <= claims.world.today
    made = claims.submit(patient, day=care_date, received_on=last)
    assert claims.view(made).row.received_on == last
    # Wednesday 11 November and six weeks
    assert last == date(2026, 11, 11)
    assert claims.view(made).row.decide_by == date(2026, 12, 23)
    late = last + timedelta(days=1)
    assert claims.refused(patient, day=care_date, received_on=late) == R.CLAIM_TOO_LATE


def test_holidays_give_a_claim_more_days_and_worked_weekends_fewer(claims: Claims) -> None:
    received = date(2026, 9, 18)
    made = claims.submit(claims.world.open(), day=date(2026, 9, 10), received_on=received)
    # 25 September and the week from 1 October are off, Sunday the 20th and Saturday the 10th are worked
    assert claims.view(made).row.decide_by == date(2026, 11, 5)


def test_the_days_of_a_claim_have_an_order(claims: Claims) -> None:
    patient, today = claims.world.open(), claims.world.today
    assert claims.refused(patient, received_on=today + timedelta(days=1)) == R.PERIOD_INVALID
    assert claims.refused(patient, received_on=CARE_DAY - timedelta(days=1)) == R.PERIOD_INVALID
    tomorrow = today + timedelta(days=1)
    assert claims.refused(patient, day=tomorrow, received_on=tomorrow) == R.PERIOD_INVALID
    claims.submit(patient, received_on=CARE_DAY)


def test_the_most_urgent_claims_come_first_page_by_page(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    clinic = Clinic(world)
    claims = Claims(world, clinic, clinic.institution(level=2))
    patient, other = world.open(), world.open()
    days = [date(2026, 11, day) for day in (9, 2, 2, 5, 2)]
    made = [
        claims.submit(book, received_on=day) for book, day in zip([patient, other] * 3, days, strict=False)
    ]
    decided = claims.submit(patient, received_on=date(2026, 11, 1))
    claims.reject(decided)
    order = sorted(made, key=lambda one: (claims.view(one).row.decide_by, one.book_id, one.seq))

    def pages(due_by: date, limit: int) -> list[tuple[int, int]]:
        found: list[ClaimView] = []
        with fresh_engine.connect() as connection, connection.begin():
            while True:
                last = found[-1] if found else None
                after = None if last is None else (last.row.decide_by, last.book_id, last.seq)
                page = open_claims(connection, due_by, after, limit)
                if not page:
                    return [(one.book_id, one.seq) for one in found]
                found += page

    everything = [(one.book_id, one.seq) for one in order]
    for limit in (1, 2, 10):
        assert pages(date.max, limit) == everything
    assert pages(claims.view(order[3]).row.decide_by, 2) == everything[:4]
    assert pages(date(2026, 11, 30), 2) == []


# -- each bill once ----------------------------------------------------------------------------------------


def test_a_bill_is_paid_on_paper_or_over_the_network(claims: Claims) -> None:
    patient, other = claims.world.open(), claims.world.open()
    claims.clinic.settle(claims.hospital, patient, [("A", "10.00")], bill_no="B-1")
    assert claims.refused(patient, bill_no="B-1") == R.DUPLICATE_BENEFIT
    # not by somebody else either; at another institution it is another bill
    assert claims.refused(other, bill_no="B-1") == R.DUPLICATE_BENEFIT
    claims.submit(other, bill_no="B-1", hospital=claims.clinic.institution(level=2))

    claims.submit(patient, bill_no="B-2")
    for book in (patient, other):
        assert claims.refused(book, bill_no="B-2") == R.DUPLICATE_BENEFIT
        refused = claims.clinic.refused(claims.hospital, book, [("A", "10.00")], bill_no="B-2")
        assert refused is R.DUPLICATE_BILL


def test_two_claims_for_one_bill_in_one_batch(claims: Claims) -> None:
    first, second = (claims.submission(claims.world.open(), bill_no="B-3") for _ in range(2))
    outcomes = claims.world.post(first, second)
    assert isinstance(outcomes[0], Posted)
    assert isinstance(outcomes[1], Refused)
    assert outcomes[1].code is R.DUPLICATE_BENEFIT


def test_a_rejected_claim_lets_go_of_its_bill(claims: Claims) -> None:
    patient = claims.world.open()
    rejected = claims.submit(patient, bill_no="B-4")
    claims.reject(rejected)
    again = claims.submit(patient, bill_no="B-4")
    claims.approve(again)
    assert claims.refused(patient, bill_no="B-4") == R.DUPLICATE_BENEFIT
    assert claims.clinic.refused(claims.hospital, patient, [("A", "1.00")], bill_no="B-4") is R.DUPLICATE_BILL


def test_a_refused_claim_keeps_no_number(claims: Claims) -> None:
    patient = claims.world.open()
    assert claims.refused(patient, bill_no="B-5", injury=True) == R.CAUSE_REQUIRED
    settled = claims.clinic.settle(claims.hospital, patient, [("A", "10.00")], bill_no="B-5")
    assert settled.row.bill_no == "B-5"


def test_a_reversed_bill_may_be_claimed(claims: Claims) -> None:
    patient = claims.world.open()
    settled = claims.clinic.settle(claims.hospital, patient, [("A", "10.00")], bill_no="B-6")
    claims.clinic.reverse(settled)
    claims.approve(claims.submit(patient, bill_no="B-6"))
    assert (
        claims.clinic.refused(claims.hospital, patient, [("A", "10.00")], bill_no="B-6") == R.DUPLICATE_BILL
    )


# -- the decision ------------------------------------------------------------------------------------------


def test_a_claim_is_decided_once(claims: Claims) -> None:
    for approve in (True, False):
        made = claims.submit(claims.world.open())
        first = claims.world.posted(claims.decision(made, approve, key="k"))
        assert claims.world.posted(claims.decision(made, approve, key="k")).receipt == first.receipt
        for again in (True, False):
            assert claims.world.refusal(claims.decision(made, again)) == R.CLAIM_DECIDED


def test_there_is_no_decision_without_a_claim(claims: Claims) -> None:
    made = claims.submit(claims.world.open())
    for seq in (1, 999):
        command = claims.decision(made)
        command.target_seq = seq
        assert claims.world.refusal(command) == R.CLAIM_NOT_FOUND
    with claims.world.engine.connect() as connection, connection.begin(), pytest.raises(Refused) as refused:
        claim(connection, made.book_id, 1)
    assert refused.value.code is R.CLAIM_NOT_FOUND


def test_a_paid_claim_is_not_reversed(claims: Claims) -> None:
    paid = claims.approve(claims.submit(claims.world.open()))
    reversal = ReverseSettlement(paid.receipt.book_id, paid.receipt.seq, "mistake")
    assert claims.world.refusal(reversal) == R.NOT_REVERSIBLE


def test_what_a_third_party_bears_of_a_claim_may_be_advanced(claims: Claims) -> None:
    cause = Cause(CauseKind.THIRD_PARTY, RATE_SCALE // 2)
    made = claims.submit(claims.world.open(), "10000.00", care_type="inpatient", cause=cause)
    paid = claims.approve(made)
    case = claims.world.one(OpenCase(made.book_id, paid.receipt.seq))
    advance = claims.world.one(PayAdvance(made.book_id, case.seq, "person", "the driver fled"))
    row = paid.row
    whole = (1_000_000 - row.deductible) * row.ratio // RATE_SCALE
    assert advance.amount_fen == whole - row.pooled_pay == 500_000 * row.ratio // RATE_SCALE


# -- who and where -----------------------------------------------------------------------------------------


def test_an_institution_has_to_be_designated_on_the_day_of_care(claims: Claims) -> None:
    clinic, patient = claims.clinic, claims.world.open()
    bare = clinic.institution(level=2, contract=None)
    assert claims.refused(patient, hospital=bare) == R.NOT_DESIGNATED
    suspended = clinic.institution(level=2)
    party = clinic.parties[suspended]
    claims.world.one(Suspend(party, suspended, AREA, CARE_DAY, CARE_DAY, "audit"))
    assert claims.refused(patient, hospital=suspended) == R.CONTRACT_SUSPENDED
    unknown = claims.submission(patient)
    assert claims.world.refusal(replace(unknown, institution="NOSUCH")) == R.INSTITUTION_UNKNOWN


def test_bills_that_could_never_be_paid_are_refused_at_once(claims: Claims) -> None:
    patient = claims.world.open()
    bill = claims.submission(patient).bill
    wrong = {
        R.AMOUNT_INVALID: replace(bill, lines=()),
        R.AMOUNT_MISMATCH: replace(bill, total=bill.lines[0].amount + 1),
        R.ITEM_NOT_ELIGIBLE: replace(bill, lines=(BillLine("FIT01", "A", 100),)),
        R.FILING_NOT_APPLICABLE: replace(bill, filing=Filing.EMERGENCY),
        R.CAUSE_REQUIRED: replace(bill, injury=True),
    }
    for code, other in wrong.items():
        assert claims.world.refusal(replace(claims.submission(patient), bill=other)) == code


def test_a_person_claims_for_the_days_of_life_and_enrolment(claims: Claims) -> None:
    world = claims.world
    dead = world.open()
    world.one(ReportDeath(dead, CARE_DAY, "certificate"))
    assert claims.refused(dead, day=CARE_DAY + timedelta(days=1)) == R.ACCOUNT_DECEASED
    paid = claims.approve(claims.submit(dead))
    assert paid.row.pooled_pay > 0
    enrolled = world.open()
    world.one(Enrol(enrolled, MemberClass.ACTIVE, None, CARE_DAY, None))
    before = claims.approve(claims.submit(enrolled, day=CARE_DAY - timedelta(days=1)))
    assert (before.row.pooled_pay, before.row.coverage) == (0, Coverage.PAUSED)
    claims.submit(enrolled)


def test_a_claim_is_one_however_often_it_is_sent(claims: Claims) -> None:
    command = claims.submission(claims.world.open(), key="k")
    first = claims.world.posted(command)
    again = claims.world.posted(command)
    assert (again.replayed, again.receipt) == (True, first.receipt)
    other = replace(command, received_on=CARE_DAY)
    assert claims.world.refusal(other) == R.IDEMPOTENCY_KEY_REUSED
