"""The way back of a decision about a claim: it is received again, and decided anew (R31, R41)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from ledger import tables
from ledger.accounts.closure import ReportDeath
from ledger.accounts.freezes import Freeze
from ledger.book.detail import unpack
from ledger.care.annual_settlements import CloseYear, areas_elsewhere
from ledger.care.case_reports import open_claims
from ledger.care.entry_reversals import ReverseEntry
from ledger.care.manual_claims import DecideClaim, SubmitClaim
from ledger.care.reports import settled as settled_view
from ledger.care.rows import Cause
from ledger.care.taking_back import ReverseSettlement
from ledger.care.third_party import OpenCase, PayAdvance, RecordRecovery
from ledger.chart.care import CauseKind, Channel
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.policy import RATE_SCALE
from ledger.posting import Posted, Receipt
from ledger.posting.rehearsal import rehearse
from ledger.refusals import RefusalCode, Refused
from ledger.verify import verify
from tests.care.test_manual_claims import ALL, Claims
from tests.support.clinic import CARE_DAY, Clinic, Settled
from tests.support.people import AREA, SomeoneFactory, World
from tests.support.stories import Heir, estate

R = RefusalCode
POOLED, LARGE, BANK = int(Side.POOLED_FUND), int(Side.LARGE_FUND), int(Side.BANK)


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


def reversal(entry: Receipt, **more: Any) -> ReverseEntry:
    return ReverseEntry(entry.book_id, entry.seq, "paid by mistake", **more)


def reverse(claims: Claims, entry: Receipt, **when: Any) -> Receipt:
    return claims.world.one(reversal(entry), **when)


def refused(claims: Claims, entry: Receipt, **more: Any) -> RefusalCode:
    return claims.world.refusal(reversal(entry, **more))


def waits(claims: Claims, made: Receipt) -> bool:
    """Whether it stands among the claims that nobody decided."""
    with claims.world.engine.connect() as connection, connection.begin():
        return any(
            (one.book_id, one.seq) == (made.book_id, made.seq)
            for one in open_claims(connection, date.max, None, 10_000)
        )


def die(claims: Claims, patient: int, day: date | None = None) -> None:
    day = day or claims.world.today - timedelta(days=1)
    claims.world.one(ReportDeath(patient, day, "certificate"))


def divide(claims: Claims, patient: int) -> None:
    claims.world.one(estate(claims.world, patient, [Heir("child", SomeoneFactory())], claims.world.today))


# -- an approved claim -------------------------------------------------------------------------------------


def test_e46_an_approved_claim_is_received_again_as_if_nothing_had_been_decided(claims: Claims) -> None:
    patient = claims.clinic.patient("500.00")
    claims.has_used(patient, "900.00")
    used = claims.clinic.accumulator(patient)
    made = claims.submit(patient)
    before = claims.view(made)
    paid = claims.approve(made)
    assert paid.row.pooled_pay == 140_000
    assert claims.clinic.accumulator(patient).outpatient_pooled == 24_000 + 140_000
    assert not waits(claims, made)

    back = reverse(claims, paid.receipt)
    assert (back.kind, back.target_seq) == (Kind.REVERSAL, paid.receipt.seq)
    assert back.transfers == ((BANK, POOLED, 140_000, None),)
    assert unpack(back.detail)["reason"] == "paid by mistake"
    row = claims.clinic.row(back)
    assert (row.channel, row.reverses_seq) == (Channel.MANUAL, paid.receipt.seq)
    assert (row.total, row.pooled_pay, row.cash_pay) == (-200_000, -140_000, -60_000)
    # the account never had to do with it, and the year is where it was
    assert claims.clinic.balance(patient) == 50_000
    assert claims.clinic.accumulator(patient)._replace(version=0) == used._replace(version=0)
    assert claims.view(made) == before
    assert waits(claims, made)
    assert claims.view(made).row.decide_by == before.row.decide_by


def test_both_funds_get_back_what_they_paid(claims: Claims) -> None:
    patient = claims.world.open()
    paid = claims.approve(claims.submit(patient, "400000.00", care_type="inpatient"))
    large = paid.row.large_pay
    assert large > 0
    back = reverse(claims, paid.receipt)
    assert back.transfers == ((BANK, POOLED, 30_000_000, None), (BANK, LARGE, large, None))
    used = claims.clinic.accumulator(patient)
    assert (used.admissions, used.inpatient_pooled, used.large, used.own_burden) == (0, 0, 0, 0)
    # so the next admission is the first again
    assert claims.clinic.settle(claims.hospital, patient, [("A", "50.00")], "inpatient").row.admission == 1


@pytest.mark.parametrize("who", ["deductible", "resident"])
def test_a_decision_that_paid_nothing_goes_back_too(claims: Claims, who: str) -> None:
    patient = claims.clinic.resident() if who == "resident" else claims.world.open()
    made = claims.submit(patient, "100.00")
    paid = claims.approve(made)
    back = reverse(claims, paid.receipt)
    assert back.transfers == ()
    assert claims.clinic.accumulator(patient).outpatient_deductible == 0
    assert waits(claims, made)
    claims.approve(made)


def test_a_claim_may_be_decided_again_and_taken_back_again(claims: Claims) -> None:
    patient = claims.world.open()
    made = claims.submit(patient)
    seen: list[tuple[int, int]] = []
    last = made
    for turn in range(4):
        paid = claims.approve(made)
        assert paid.receipt.target_seq == last.seq
        assert unpack(paid.receipt.detail).get("claim") == (made.seq if turn else None)
        assert claims.view(made).decided_seq == paid.receipt.seq
        seen.append((paid.row.pooled_pay, paid.row.deductible))
        assert claims.world.refusal(claims.decision(made)) == R.CLAIM_DECIDED
        last = reverse(claims, paid.receipt)
        assert claims.view(made).decided_seq is None
    assert len(set(seen)) == 1
    rejected = claims.reject(made)
    assert rejected.target_seq == last.seq
    assert claims.view(made).decided["approved"] is False
    assert not waits(claims, made)
    assert claims.clinic.accumulator(patient).outpatient_pooled == 0


def test_the_second_decision_goes_by_what_is_known_then(claims: Claims) -> None:
    patient = claims.world.open()
    made = claims.submit(patient)
    first = claims.approve(made)
    assert (first.row.deductible, first.row.pooled_pay) == (60_000, 98_000)
    reverse(claims, first.receipt)
    claims.has_used(patient, "600.00")
    again = claims.approve(made)
    assert (again.row.deductible, again.row.pooled_pay) == (0, 140_000)


def test_papers_that_came_with_a_decision_stay(claims: Claims) -> None:
    made = claims.submit(claims.world.open(), evidence=frozenset({"invoice"}))
    brought = ALL - {"invoice"}
    for _ in range(2):
        paid = claims.approve(made, evidence=brought)
        assert sorted(claims.view(made).evidence) == sorted(ALL)
        reverse(claims, paid.receipt)
        assert sorted(claims.view(made).evidence) == sorted(ALL)
        # they need not come again
        brought = frozenset()
    # also those of a decision before a rejection
    reverse(claims, claims.reject(made))
    assert sorted(claims.view(made).evidence) == sorted(ALL)
    claims.approve(made)


def test_the_list_of_those_that_wait_shows_the_papers_that_are_there(claims: Claims) -> None:
    made = claims.submit(claims.world.open(), evidence=frozenset({"invoice"}))
    paid = claims.approve(made, evidence=ALL - {"invoice"})
    reverse(claims, paid.receipt)
    with claims.world.engine.connect() as connection, connection.begin():
        [one] = [
            view
            for view in open_claims(connection, date.max, None, 10_000)
            if (view.book_id, view.seq) == (made.book_id, made.seq)
        ]
    assert sorted(one.evidence) == sorted(ALL)


def test_the_bill_of_a_claim_received_again_stays_taken(claims: Claims) -> None:
    patient = claims.world.open()
    made = claims.submit(patient, bill_no="B-back-1")
    paid = claims.approve(made)
    reverse(claims, paid.receipt)
    assert claims.refused(patient, bill_no="B-back-1") == R.DUPLICATE_BENEFIT
    lines = [("A", "2000.00")]
    assert claims.clinic.refused(claims.hospital, patient, lines, bill_no="B-back-1") is R.DUPLICATE_BILL
    # and what is alike, without a number of its own
    assert claims.clinic.refused(claims.hospital, patient, lines, bill_no=None) is R.DUPLICATE_BILL
    claims.reject(made)
    claims.clinic.settle(claims.hospital, patient, lines, bill_no="B-back-1")


def test_a_settlement_of_a_claim_that_was_taken_back_says_so(claims: Claims) -> None:
    paid = claims.approve(claims.submit(claims.world.open()))
    back = reverse(claims, paid.receipt)
    with claims.world.engine.connect() as connection, connection.begin():
        view = settled_view(connection, paid.receipt.book_id, paid.receipt.seq)
    assert view.reversed_by == back.seq


# -- how often, and by whom --------------------------------------------------------------------------------


def test_a_decision_is_taken_back_once(claims: Claims) -> None:
    for approve in (True, False):
        made = claims.submit(claims.world.open())
        decision = claims.world.posted(claims.decision(made, approve)).receipt
        command = reversal(decision, key="k")
        first = claims.world.posted(command)
        again = claims.world.posted(reversal(decision, key="k"))
        assert (again.replayed, again.receipt) == (True, first.receipt)
        assert refused(claims, decision) == R.ALREADY_REVERSED
        other = replace(command, reason="another")
        assert claims.world.refusal(other) == R.IDEMPOTENCY_KEY_REUSED
        # decided anew, the first one is still done with
        claims.world.one(claims.decision(made))
        assert refused(claims, decision) == R.ALREADY_REVERSED


def test_the_key_of_a_decision_tells_what_it_was_and_decides_nothing_anew(claims: Claims) -> None:
    made = claims.submit(claims.world.open())
    first = claims.world.posted(claims.decision(made, key="d"))
    reverse(claims, first.receipt)
    again = claims.world.posted(claims.decision(made, key="d"))
    assert (again.replayed, again.receipt) == (True, first.receipt)
    assert claims.view(made).decided_seq is None
    assert not claims.world.posted(claims.decision(made, key="e")).replayed


@pytest.mark.parametrize("approve", [True, False])
def test_two_reversals_in_one_batch_are_one(claims: Claims, approve: bool) -> None:
    made = claims.submit(claims.world.open())
    decision = claims.world.posted(claims.decision(made, approve)).receipt
    outcomes = claims.world.post(reversal(decision), reversal(decision))
    assert isinstance(outcomes[0], Posted)
    assert isinstance(outcomes[1], Refused)
    assert outcomes[1].code is R.ALREADY_REVERSED


def test_all_of_it_in_one_group(claims: Claims) -> None:
    """Handed in, decided, taken back and decided again, before anything was committed."""
    patient = claims.world.open()
    command = claims.submission(patient)
    seq = claims.clinic.book(patient).last_seq + 1
    draft = claims.world.posted(claims.submission(claims.world.open(), bill_no=command.bill.bill_no or ""))
    claims.reject(draft.receipt)
    row = claims.view(draft.receipt).row

    def decide(verdict: bool) -> DecideClaim:
        return DecideClaim(patient, seq, command.institution, row, verdict, "checked")

    group = [command, decide(True), ReverseEntry(patient, seq + 1, "no"), decide(False)]
    outcomes = claims.world.post(*group, atomic=True)
    assert [type(one) for one in outcomes] == [Posted] * 4
    made = outcomes[0]
    assert isinstance(made, Posted)
    assert claims.view(made.receipt).decided["approved"] is False
    assert claims.clinic.accumulator(patient).outpatient_pooled == 0


def test_a_dry_run_takes_nothing_back(claims: Claims) -> None:
    for approve in (True, False):
        made = claims.submit(claims.world.open())
        decision = claims.world.posted(claims.decision(made, approve)).receipt
        with claims.world.engine.connect() as connection:
            [outcome] = rehearse(
                connection, [reversal(decision)], claims.world.now, claims.world.today, claims.world.policies
            )
        assert isinstance(outcome, Posted)
        assert outcome.receipt.target_seq == decision.seq
        assert claims.view(made).decided_seq == decision.seq


def test_the_door_of_settlements_does_not_take_a_decision_back(claims: Claims) -> None:
    paid = claims.approve(claims.submit(claims.world.open()))
    back = ReverseSettlement(paid.receipt.book_id, paid.receipt.seq, "mistake")
    assert claims.world.refusal(back) == R.NOT_REVERSIBLE
    network = claims.clinic.settle(claims.hospital, paid.receipt.book_id, [("A", "10.00")])
    assert refused(claims, network.receipt) == R.NOT_REVERSIBLE


# -- when --------------------------------------------------------------------------------------------------


def test_it_is_valued_between_the_decision_and_today(claims: Claims) -> None:
    made = claims.submit(claims.world.open())
    decision = claims.approve(made).receipt
    today = claims.world.today
    later = today + timedelta(days=9)
    for day in (today - timedelta(days=1), later + timedelta(days=1)):
        code = claims.world.refusal(reversal(decision, effective_on=day), today=later)
        assert code == R.PERIOD_INVALID
    back = claims.world.one(reversal(decision, effective_on=today + timedelta(days=2)), today=later)
    assert back.effective_on == today + timedelta(days=2)
    assert claims.clinic.row(back).settled_on == back.effective_on


def test_a_paid_bill_goes_back_as_long_as_any_other(claims: Claims) -> None:
    paid = claims.approve(claims.submit(claims.world.open()))
    last = claims.world.today + timedelta(days=366)
    late = claims.world.refusal(reversal(paid.receipt), today=last + timedelta(days=1))
    assert late == R.REVERSAL_WINDOW_PASSED
    # in another year by then: the counters of the year of care are lowered
    reverse(claims, paid.receipt, today=last)
    assert claims.clinic.accumulator(paid.receipt.book_id).outpatient_pooled == 0


def test_a_later_admission_that_went_by_it_goes_back_first(claims: Claims) -> None:
    patient = claims.world.open()
    paid = claims.approve(claims.submit(patient, "5000.00", care_type="inpatient"))
    later = claims.clinic.settle(claims.hospital, patient, [("A", "4000.00")], "inpatient")
    assert later.row.admission == 2
    assert refused(claims, paid.receipt) == R.NOT_LAST
    claims.clinic.reverse(later)
    reverse(claims, paid.receipt)


def test_a_later_bill_that_used_its_deductible_stands_as_after_any_reversal(claims: Claims) -> None:
    """The next annual settlement puts it right, as it does after the reversal of a bill of the network."""
    world, patient = claims.world, claims.world.open(opened_on=date(2026, 1, 1))
    paid = claims.approve(claims.submit(patient, "1000.00"))
    later = claims.clinic.settle(claims.hospital, patient, [("A", "1000.00")], use_account=False)
    assert (paid.row.deductible, later.row.deductible) == (60_000, 0)
    reverse(claims, paid.receipt)
    used = claims.clinic.accumulator(patient)
    assert (used.outpatient_deductible, used.outpatient_pooled) == (0, later.row.pooled_pay)
    with world.engine.connect() as connection, connection.begin():
        areas = areas_elsewhere(connection, AREA)
    world.one(CloseYear(patient, CARE_DAY.year, areas), today=date(2027, 2, 1))
    used = claims.clinic.accumulator(patient)
    # the whole deductible is the later bill's now: 70 % of 400.00
    assert (used.outpatient_deductible, used.outpatient_pooled) == (60_000, 28_000)


def test_a_decision_of_a_year_that_was_settled_goes_back(claims: Claims) -> None:
    world, patient = claims.world, claims.world.open(opened_on=date(2026, 1, 1))
    made = claims.submit(patient)
    paid = claims.approve(made)
    with world.engine.connect() as connection, connection.begin():
        areas = areas_elsewhere(connection, AREA)
    spring = date(2027, 3, 1)
    world.one(CloseYear(patient, CARE_DAY.year, areas), today=spring)
    reverse(claims, paid.receipt, today=spring)
    world.one(CloseYear(patient, CARE_DAY.year, areas, key="again"), today=spring)
    used = claims.clinic.accumulator(patient)
    assert (used.outpatient_deductible, used.outpatient_pooled, used.top_up) == (0, 0, 0)
    again = claims.clinic.settled(world.posted(claims.decision(made), today=spring))
    assert again.row.pooled_pay == paid.row.pooled_pay


# -- with a third party ------------------------------------------------------------------------------------


def test_an_advance_on_it_comes_back_first(claims: Claims) -> None:
    cause = Cause(CauseKind.THIRD_PARTY, RATE_SCALE // 2)
    world = claims.world
    made = claims.submit(world.open(), "10000.00", care_type="inpatient", cause=cause)
    paid = claims.approve(made)
    case = world.one(OpenCase(made.book_id, paid.receipt.seq))
    world.one(PayAdvance(made.book_id, case.seq, "person", "the driver fled"))
    assert refused(claims, paid.receipt) == R.OPEN_ITEMS
    recovery = world.one(
        RecordRecovery(made.book_id, case.seq, 500_000, world.today, "bank", world.ref("insurer"))
    )
    reverse(claims, paid.receipt)
    # what came back of the advance rests on the bill being gone: it stays
    assert refused(claims, recovery) == R.NOT_LAST
    again = claims.approve(made)
    assert again.row.pooled_pay == paid.row.pooled_pay
    # the case was of the bill that is gone; this one has its own
    assert world.one(OpenCase(made.book_id, again.receipt.seq)).seq != case.seq


# -- after a death -----------------------------------------------------------------------------------------


def test_before_the_estate_a_claim_goes_back_and_keeps_the_estate_open(claims: Claims) -> None:
    patient = claims.clinic.patient("100.00")
    made = claims.submit(patient)
    first = claims.approve(made)
    die(claims, patient)
    back = reverse(claims, first.receipt)
    with pytest.raises(Refused) as kept:
        divide(claims, patient)
    assert kept.value.code is R.OPEN_ITEMS
    assert [one["what"] for one in kept.value.facts["items"]] == ["claim"]  # type: ignore[attr-defined]  # facts
    # a second decision, and its own way back, open and close it as the first did
    second = claims.approve(made)
    assert second.receipt.target_seq == back.seq
    reverse(claims, second.receipt)
    with pytest.raises(Refused):
        divide(claims, patient)
    claims.approve(made)
    divide(claims, patient)


def test_a_closed_account_keeps_its_decisions(claims: Claims) -> None:
    for approve in (True, False):
        patient = claims.clinic.patient("100.00")
        decision = claims.world.one(claims.decision(claims.submit(patient), approve))
        die(claims, patient)
        divide(claims, patient)
        assert refused(claims, decision) == R.ACCOUNT_CLOSED


def test_a_claim_for_care_after_a_death_that_came_late_is_taken_back_and_rejected(claims: Claims) -> None:
    patient = claims.clinic.patient("100.00")
    made = claims.submit(patient)
    paid = claims.approve(made)
    die(claims, patient, CARE_DAY - timedelta(days=1))
    reverse(claims, paid.receipt)
    assert claims.world.refusal(claims.decision(made)) == R.ACCOUNT_DECEASED
    claims.reject(made)
    divide(claims, patient)


def test_a_frozen_account_does_not_keep_a_decision(claims: Claims) -> None:
    made = claims.submit(claims.world.open())
    paid = claims.approve(made)
    today = claims.world.today
    claims.world.one(Freeze(paid.receipt.book_id, "court", "doc", today, today))
    reverse(claims, paid.receipt)
    assert waits(claims, made)


# -- a rejected claim --------------------------------------------------------------------------------------


def test_a_rejected_claim_is_received_again_with_its_number(claims: Claims) -> None:
    patient = claims.world.open()
    made = claims.submit(patient, bill_no="B-back-2")
    rejected = claims.reject(made)
    back = reverse(claims, rejected)
    assert (back.target_seq, back.transfers) == (rejected.seq, ())
    assert waits(claims, made)
    assert claims.refused(patient, bill_no="B-back-2") == R.DUPLICATE_BENEFIT
    assert (
        claims.clinic.refused(claims.hospital, patient, [("A", "1.00")], bill_no="B-back-2")
        is R.DUPLICATE_BILL
    )
    assert claims.approve(made).row.pooled_pay == 98_000


@pytest.mark.parametrize("door", ["network", "paper", "alike", "somebody else"])
def test_not_when_its_bill_was_settled_otherwise_since(claims: Claims, door: str) -> None:
    patient, number = claims.world.open(), f"B-back-3-{door}"
    made = claims.submit(patient, bill_no=number)
    rejected = claims.reject(made)
    lines, clinic = [("A", "2000.00")], claims.clinic
    settled: Settled | None = None
    if door == "paper":
        claims.submit(patient, bill_no=number)
    elif door == "alike":
        settled = clinic.settle(claims.hospital, patient, lines, bill_no=None)
    else:
        whose = patient if door == "network" else claims.world.open()
        settled = clinic.settle(claims.hospital, whose, lines, bill_no=number)
    assert refused(claims, rejected) == R.DUPLICATE_BENEFIT
    assert claims.view(made).decided_seq == rejected.seq
    if settled is not None:
        clinic.reverse(settled)
        reverse(claims, rejected)
        assert waits(claims, made)


def test_a_claim_that_says_it_is_another_one_comes_back_beside_it(claims: Claims) -> None:
    patient = claims.world.open()
    made = claims.submit(patient, again=True)
    rejected = claims.reject(made)
    settled = claims.clinic.settle(claims.hospital, patient, [("A", "2000.00")], bill_no=None)
    reverse(claims, rejected)
    assert waits(claims, made)
    assert (claims.approve(made).row.total, settled.row.total) == (200_000, 200_000)


def test_what_is_received_again_keeps_out_what_is_alike_in_the_same_batch(claims: Claims) -> None:
    for approve in (True, False):
        patient = claims.world.open()
        decision = claims.world.one(claims.decision(claims.submit(patient), approve))
        bill = claims.clinic.bill([("A", "2000.00")], bill_no=None)
        outcomes = claims.world.post(
            reversal(decision), claims.clinic.command(claims.hospital, patient, bill)
        )
        assert isinstance(outcomes[0], Posted)
        assert isinstance(outcomes[1], Refused)
        assert outcomes[1].code is R.DUPLICATE_BILL


def test_an_alike_bill_is_free_once_the_second_decision_rejects(claims: Claims) -> None:
    """Also within one batch: the rejection, and what is let in by it."""
    patient = claims.world.open()
    made = claims.submit(patient)
    reverse(claims, claims.approve(made).receipt)
    bill = claims.clinic.bill([("A", "2000.00")], bill_no=None)
    rejected, settled = claims.world.post(
        claims.decision(made, approve=False), claims.clinic.command(claims.hospital, patient, bill)
    )
    assert isinstance(rejected, Posted)
    assert isinstance(settled, Posted)
    # from then on that keeps the claim out
    assert refused(claims, rejected.receipt) == R.DUPLICATE_BENEFIT


def test_no_number_is_staked_by_a_reversal_that_is_refused(claims: Claims) -> None:
    """What it looked for and did not get is free, or whose it was."""
    patient = claims.world.open()
    rejected = claims.reject(claims.submit(patient, bill_no="B-back-4"))
    claims.clinic.settle(claims.hospital, patient, [("A", "2000.00")], bill_no=None)
    assert refused(claims, rejected) == R.DUPLICATE_BENEFIT
    submission = claims.submission(claims.world.open(), "10.00", bill_no="B-back-4")
    assert isinstance(submission, SubmitClaim)
    claims.world.one(submission)


def test_reasons_cannot_pass_for_what_a_decision_is_about(claims: Claims) -> None:
    patient = claims.world.open()
    made, other = claims.submit(patient), claims.submit(patient, "30.00")
    text = f'","claim":{other.seq},"x":"{{"approved":false,"claim":{other.seq},'
    for target in (made, other):
        command = claims.decision(target, approve=False)
        command.reason = text
        first = claims.world.one(command)
        assert not waits(claims, target)
        claims.world.one(ReverseEntry(patient, first.seq, text))
        assert waits(claims, target)
    claims.reject(made)
    assert claims.view(other).decided_seq is None
    assert waits(claims, other)


def test_nothing_else_is_written(claims: Claims) -> None:
    """One entry a reversal, and one row where a bill was settled."""
    patient = claims.world.open()
    made = claims.submit(patient)
    paid = claims.approve(made).receipt
    before = claims.clinic.book(patient).last_seq
    reverse(claims, paid)
    reverse(claims, claims.reject(made))
    assert claims.clinic.book(patient).last_seq == before + 3
    table = tables.settlement.c
    with claims.world.engine.connect() as connection:
        rows = connection.execute(select(table.seq).where(table.book_id == patient)).all()
    assert len(rows) == 2
