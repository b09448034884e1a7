"""Bills that a third party has to bear: the case, the advance, and what comes back (R44–R47, K11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.freezes import Freeze
from ledger.accounts.holds import Hold
from ledger.book.detail import unpack
from ledger.care.case_reports import third_party_case
from ledger.care.cases import ThirdPartyCase
from ledger.care.rows import Cause
from ledger.care.taking_back import ReverseSettlement
from ledger.care.third_party import OpenCase, PayAdvance, RecordRecovery
from ledger.chart.care import CauseKind
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.estates.division import DivideEstate, HeirShare
from ledger.money import FEN_MAX, parse_yuan
from ledger.people.persons import stake_by_number
from ledger.policy import RATE_SCALE, Dated, DatedLine, Recovery
from ledger.posting import Posted, Receipt
from ledger.posting.rehearsal import rehearse
from ledger.refusals import RefusalCode
from ledger.shares import heir_rank, parse_weights
from ledger.verify import verify
from tests.contributions.test_contributions import with_parameter
from tests.support.clinic import CARE_DAY, Clinic, Settled
from tests.support.people import AREA, Someone, SomeoneFactory, World, noon

R = RefusalCode
SIXTY = Cause(CauseKind.THIRD_PARTY, RATE_SCALE * 6 // 10)
POOLED, BANK, PAYABLE = int(Side.POOLED_FUND), int(Side.BANK), int(Side.INSTITUTION_PAYABLE)
CURRENT, CARRIED = int(Side.CURRENT_YEAR), int(Side.CARRIED_OVER)


@dataclass
class Cases:
    """A world with a hospital of level 3, and what happens in a case."""

    world: World
    clinic: Clinic
    hospital: str

    def bill(self, patient: int | None = None, amount: str = "10000.00", **more: Any) -> Settled:
        """An inpatient bill of which a third party has to bear 60 %, unless it says otherwise."""
        book = self.world.open() if patient is None else patient
        bill: dict[str, Any] = {"care_type": "inpatient", "cause": SIXTY, "use_account": False} | more
        return self.clinic.settle(self.hospital, book, [("A", amount)], **bill)

    def case(self, settled: Settled, **when: Any) -> Receipt:
        return self.world.one(self.opening(settled), **when)

    def opening(self, settled: Settled) -> OpenCase:
        return OpenCase(settled.receipt.book_id, settled.receipt.seq, "accident report")

    def application(self, case: Receipt, paid_to: str = "person", text: str = "nobody pays") -> PayAdvance:
        return PayAdvance(case.book_id, case.seq, paid_to, text)

    def advance(self, case: Receipt, paid_to: str = "person", **when: Any) -> Receipt:
        return self.world.one(self.application(case, paid_to), **when)

    def advanced(self, patient: int | None = None, **more: Any) -> Receipt:
        """A case in which 5,280.00 were advanced on 6,000.00."""
        case = self.case(self.bill(patient, **more))
        self.advance(case)
        return case

    def recovery(self, case: Receipt, paid: str | None, means: str = "bank", **more: Any) -> RecordRecovery:
        fen = None if paid is None else parse_yuan(paid)
        received_on = more.pop("received_on", self.world.today)
        ref = more.pop("source_ref", None) or self.world.ref("recovery")
        return RecordRecovery(case.book_id, case.seq, fen, received_on, means, ref, **more)

    def recover(self, case: Receipt, paid: str, means: str = "bank", **more: Any) -> dict[str, Any]:
        """What the entry of a recovery says; its transfers are `moves`."""
        done = self.world.posted(self.recovery(case, paid, means, **more))
        told = unpack(done.receipt.detail)
        return told | {"moves": [move for one in (*done.others, done.receipt) for move in one.transfers]}

    def state(self, case: Receipt) -> ThirdPartyCase:
        with self.world.engine.connect() as connection, connection.begin():
            return third_party_case(connection, case.book_id, case.seq)

    def die(self, book: int) -> None:
        self.world.one(ReportDeath(book, self.world.today - timedelta(days=1), "certificate"))

    def divide(self, book: int) -> None:
        """One heir gets what is there, and the account is closed."""
        world = self.world
        heir: Someone = SomeoneFactory()
        claim, parsed = stake_by_number(heir.id_number, heir.name, world.keyring, world.today)
        rank = heir_rank("child", parsed.birth_date, parsed.number)
        share = HeirShare(claim.digest, True, "child", parse_weights([None])[0], rank)
        world.one(DivideEstate(book, (share,), (claim,), world.today))


@pytest.fixture(scope="module", autouse=True)
def consistent(engine: Engine) -> Iterator[None]:
    """Whatever these tests did, the books are consistent afterwards."""
    yield
    assert verify(engine).findings == []


@pytest.fixture
def cases(engine: Engine) -> Cases:
    world = World(engine)
    clinic = Clinic(world)
    return Cases(world, clinic, clinic.institution(level=3))


# -- the worked examples -----------------------------------------------------------------------------------


def test_e42_and_e43_what_is_excluded_and_what_is_advanced(cases: Cases) -> None:
    settled = cases.bill()
    assert (settled.row.excluded, settled.row.pooled_pay) == (600_000, 272_800)
    case = cases.case(settled)
    assert case.kind is Kind.THIRD_PARTY_CASE
    assert not case.transfers
    assert cases.state(case) == ThirdPartyCase(settled.receipt.seq, CauseKind.THIRD_PARTY, 600_000)

    # the institution still waits for the part
    paid = cases.advance(case, "institution")
    assert paid.transfers == ((POOLED, PAYABLE, 528_000, cases.clinic.parties[cases.hospital]),)
    told = unpack(paid.detail)
    assert (told["whole"], told["borne"]) == (800_800, 272_800)
    assert cases.state(case).advance == cases.state(case).receivable == 528_000


@pytest.mark.parametrize(
    ("paid", "returned"),
    [("6000.00", 528_000), ("3000.00", 264_000), ("2000.00", 176_000), ("7000.00", 528_000), ("0.01", 1)],
    ids=str,
)
def test_e44_what_comes_back_of_what_the_third_party_pays(cases: Cases, paid: str, returned: int) -> None:
    case = cases.advanced()
    told = cases.recover(case, paid)
    assert told["moves"] == [(BANK, POOLED, returned, None)]
    assert (told["due"], told["returned"], told["set_off"]) == (returned, returned, 0)
    assert told["receivable"] == cases.state(case).receivable == 528_000 - returned


def test_e45_who_has_paid_the_hospital_applies_in_the_next_year(cases: Cases) -> None:
    december = date(2025, 12, 20)
    settled = cases.bill(day=december, today=december)
    case = cases.case(settled, today=date(2026, 3, 2))
    counters = cases.clinic.accumulator(case.book_id, 2025)
    paid = cases.advance(case, "person", today=date(2026, 3, 2))
    assert paid.transfers == ((POOLED, BANK, 528_000, None),)
    # an advance is no benefit of any year
    assert cases.clinic.accumulator(case.book_id, 2025) == counters
    assert cases.clinic.accumulator(case.book_id, 2026).version == 0


# -- the case ----------------------------------------------------------------------------------------------


def test_a_bill_has_one_case(cases: Cases) -> None:
    settled = cases.bill()
    case = cases.case(settled)
    again = cases.world.posted(cases.opening(settled))
    assert (again.receipt, again.created) == (case, False)
    # also when both come at once, and when the bill comes with them
    other = cases.bill()
    first, second = cases.world.post(cases.opening(other), cases.opening(other))
    assert isinstance(first, Posted)
    assert isinstance(second, Posted)
    assert (first.created, second.created) == (True, False)
    assert first.receipt == second.receipt


@pytest.mark.parametrize(
    ("kind", "share", "advanced"),
    [
        (CauseKind.THIRD_PARTY, RATE_SCALE, True),
        (CauseKind.THIRD_PARTY, 0, False),
        (CauseKind.WORK_INJURY, RATE_SCALE // 2, False),
        (CauseKind.PUBLIC_HEALTH, RATE_SCALE // 2, False),
        (CauseKind.ABROAD, RATE_SCALE // 2, False),
    ],
    ids=["all", "nothing", "work", "public", "abroad"],
)
def test_only_what_a_third_party_bears_is_advanced(
    cases: Cases, kind: CauseKind, share: int, advanced: bool
) -> None:
    case = cases.case(cases.bill(cause=Cause(kind, share)))
    assert cases.state(case).kind == kind
    if advanced:
        assert cases.advance(case).amount_fen == 800_800
    else:
        assert cases.world.refusal(cases.application(case)) == R.NOTHING_ADVANCED


def test_there_is_no_case_of_what_is_no_bill(cases: Cases) -> None:
    settled = cases.bill()
    book, seq = settled.receipt.book_id, settled.receipt.seq
    reversal = cases.clinic.reverse(settled)
    for missing in (1, reversal.seq, 999):
        assert cases.world.refusal(OpenCase(book, missing)) == R.SETTLEMENT_NOT_FOUND
    assert cases.world.refusal(OpenCase(book, seq)) == R.ALREADY_REVERSED
    without = cases.bill(cause=None)
    assert cases.world.refusal(cases.opening(without)) == R.CAUSE_REQUIRED


def test_a_case_is_opened_for_a_frozen_account_and_for_the_dead_and_for_none_that_is_closed(
    cases: Cases,
) -> None:
    frozen = cases.bill()
    cases.world.one(Freeze(frozen.receipt.book_id, "court", "doc", cases.world.today))
    cases.advance(cases.case(frozen))
    dead = cases.bill()
    cases.die(dead.receipt.book_id)
    case = cases.case(dead)
    closed = cases.bill(case.book_id, day=CARE_DAY + timedelta(days=1))
    cases.divide(case.book_id)
    assert cases.world.refusal(cases.opening(closed)) == R.ACCOUNT_CLOSED
    assert cases.world.refusal(cases.application(case)) == R.ACCOUNT_CLOSED


# -- the advance -------------------------------------------------------------------------------------------


def test_an_advance_is_paid_once_and_on_application(cases: Cases) -> None:
    case = cases.case(cases.bill())
    assert cases.world.refusal(PayAdvance(case.book_id, case.seq + 1, "person", "x")) == R.CASE_NOT_FOUND
    assert cases.world.refusal(cases.application(case, text="  ")) == R.EVIDENCE_MISSING
    cases.advance(case)
    assert cases.world.refusal(cases.application(case)) == R.ALREADY_ADVANCED


def test_a_bill_that_was_taken_back_is_not_advanced(cases: Cases) -> None:
    settled = cases.bill()
    case = cases.case(settled)
    cases.clinic.reverse(settled)
    assert cases.world.refusal(cases.application(case)) == R.ALREADY_REVERSED
    # its case is still its case
    assert cases.world.posted(cases.opening(settled)).receipt == case


def test_an_advance_goes_by_what_the_year_had_used_before_the_bill(cases: Cases) -> None:
    """Outpatient care at level 3: half of what is above a deductible of 600.00, up to 10,000.00 a year."""
    patient = cases.world.open()
    taken_back = cases.bill(patient, "400.00", care_type="outpatient", cause=None)
    cases.clinic.reverse(taken_back)
    cases.bill(patient, "500.00", care_type="outpatient", cause=None)
    # another year's counters are none of this one's
    last_year = date(2025, 3, 1)
    cases.bill(patient, "900.00", care_type="outpatient", cause=None, day=last_year)
    settled = cases.bill(patient, "1000.00", care_type="outpatient")
    case = cases.case(settled)
    # and what comes after the bill uses nothing up for it
    cases.bill(patient, "50000.00", care_type="outpatient", cause=None)
    told = unpack(cases.advance(case).detail)
    assert settled.row.deductible == 10_000
    whole = parse_yuan("1000.00") - 10_000
    ratio = settled.row.ratio
    assert told["whole"] == whole * ratio // RATE_SCALE
    assert told["borne"] == (40_000 - 10_000) * ratio // RATE_SCALE == settled.row.pooled_pay


def test_an_advance_is_no_more_than_what_was_excluded(cases: Cases) -> None:
    """Where a bill crosses the cap each fund rounds by itself, and both together may be a fen too much."""
    patient = cases.world.open()
    first = cases.bill(patient, "341808.89", cause=None)
    # 0.18 are left up to the cap; the deductible of a second admission is 450.00
    assert first.row.pooled_pay == 30_000_000 - 18
    settled = cases.bill(patient, "450.22", cause=Cause(CauseKind.THIRD_PARTY, 2_221))
    assert (settled.row.excluded, settled.row.fund_sum) == (1, 18)
    paid = cases.advance(cases.case(settled))
    # 0.18 of the pooled fund, and 90 % of 0.02 of the large one
    assert unpack(paid.detail)["whole"] == 20
    assert paid.amount_fen == 1


def test_where_the_fund_takes_no_part_nothing_is_advanced(cases: Cases) -> None:
    resident = cases.clinic.resident()
    case = cases.case(cases.bill(resident))
    assert cases.state(case).excluded == 600_000
    assert cases.world.refusal(cases.application(case)) == R.NOTHING_ADVANCED


# -- what comes back ---------------------------------------------------------------------------------------


def test_what_is_due_is_worked_out_of_all_that_was_paid(cases: Cases) -> None:
    case = cases.advanced()
    # thirds of a fen round once, on the sum
    returned = [cases.recover(case, "0.55")["returned"] for _ in range(3)]
    assert returned == [48, 49, 48]
    assert sum(returned) == 145  # 1.65 × 0.88 = 1.452
    rest = cases.recover(case, "5998.35")
    assert rest["receivable"] == 0
    assert cases.state(case)[3:] == (528_000, 600_000, 528_000, 0)
    # what the third party pays beyond that is the person's
    assert cases.recover(case, "10.00")["moves"] == []
    assert cases.world.refusal(cases.recovery(case, "0.00")) == R.AMOUNT_INVALID


@pytest.mark.parametrize(
    ("rule", "returned"), [("pro_rata", 176_000), ("person_first", 128_000), ("fund_first", 200_000)]
)
def test_who_comes_first_is_the_areas_to_say(cases: Cases, rule: str, returned: int) -> None:
    case = cases.advanced()
    cases.world.policies = {AREA: with_parameter("article_30.recovery", rule)}
    assert cases.recover(case, "2000.00")["returned"] == returned


def test_the_day_of_care_says_what_is_due_and_the_day_of_the_set_off_whether_it_may_be(cases: Cases) -> None:
    world = cases.world
    case = cases.advanced(world.open(opening=(0, 100_000)))
    policy = world.policies[AREA]
    july = date(2026, 7, 1)

    def changed(name: str, before: object, since: object) -> Dated[Any]:
        lines = (
            DatedLine(date(2000, 1, 1), july - timedelta(days=1), before, "unit", "test"),
            DatedLine(july, None, since, "unit", "test"),
        )
        return Dated(name, lines)

    recovery = changed("article_30.recovery", Recovery.PRO_RATA, Recovery.FUND_FIRST)
    set_off = changed("article_30.set_off", True, False)
    world.policies = {AREA: replace(policy, care=replace(policy.care, recovery=recovery, set_off=set_off))}
    assert cases.recover(case, "1000.00")["due"] == 88_000
    assert world.refusal(cases.recovery(case, "1.00", "set_off")) == R.SET_OFF_NOT_ALLOWED
    june = cases.recovery(case, "1000.00", "set_off", received_on=CARE_DAY)
    assert world.one(june, today=july - timedelta(days=1)).kind is Kind.RECOVERY


def test_a_set_off_takes_what_is_available_and_the_rest_stays_due(cases: Cases) -> None:
    world = cases.world
    patient = world.open(opened_on=date(2026, 1, 1), opening=(30_000, 70_000))
    world.one(Hold(patient, 15_000, noon(world.today + timedelta(days=5)), "H0001", world.ref("hold")))
    relative = SomeoneFactory()
    world.open(relative)
    cases.clinic.give(patient, relative, "50.00")
    case = cases.advanced(patient)

    told = cases.recover(case, "2000.00", "set_off")
    # of 1,000.00 what neither a hold nor a relative has; this year's money first
    assert told["moves"] == [(CURRENT, POOLED, 30_000, None), (CARRIED, POOLED, 50_000, None)]
    assert (told["due"], told["returned"], told["set_off"]) == (176_000, 0, 80_000)
    assert told["receivable"] == 448_000
    assert cases.clinic.balance(patient) == 20_000
    # there is nothing more to be had, and nothing is lost
    assert cases.recover(case, "0.00", "set_off")["moves"] == []
    assert cases.recover(case, "0.00", "bank")["moves"] == [(BANK, POOLED, 96_000, None)]
    assert cases.state(case)[3:] == (528_000, 200_000, 96_000, 80_000)


def test_a_set_off_is_the_areas_to_allow_and_a_debit(cases: Cases) -> None:
    world = cases.world
    allowed = world.policies
    case = cases.advanced(world.open(opening=(0, 100_000)))
    world.policies = {AREA: with_parameter("article_30.set_off", "no")}
    assert world.refusal(cases.recovery(case, "10.00", "set_off")) == R.SET_OFF_NOT_ALLOWED
    assert cases.recover(case, "10.00")["returned"] == 880
    world.policies = allowed
    world.one(Freeze(case.book_id, "court", "doc", world.today, world.today))
    assert world.refusal(cases.recovery(case, "10.00", "set_off")) == R.ACCOUNT_FROZEN
    assert cases.recover(case, "10.00")["returned"] == 880


def test_after_a_death_the_fund_comes_before_the_heirs(cases: Cases) -> None:
    case = cases.advanced(cases.world.open(opening=(0, 100_000)))
    cases.die(case.book_id)
    # all that the third party owed is paid: an advance that is open would keep the estate
    assert cases.recover(case, "6000.00", "set_off")["set_off"] == 100_000
    cases.divide(case.book_id)
    assert cases.world.refusal(cases.recovery(case, "1.00", "set_off")) == R.ACCOUNT_CLOSED
    # what the account did not hold is a receivable of the estate by then, and nothing is due of the case
    assert cases.state(case).set_off == 528_000
    assert cases.world.refusal(cases.recovery(case, "0.00")) == R.AMOUNT_INVALID


def test_a_document_counts_once_whatever_the_means(cases: Cases) -> None:
    case = cases.advanced(cases.world.open(opening=(0, 100_000)))
    cases.recover(case, "100.00", source_ref="insurer/77")
    for means in ("bank", "set_off"):
        again = cases.recovery(case, "100.00", means, source_ref="insurer/77")
        assert cases.world.refusal(again) == R.DUPLICATE_SOURCE_REF
    assert cases.state(case).paid == 10_000


def test_the_same_request_is_one_recovery(cases: Cases) -> None:
    case = cases.advanced(cases.world.open(opening=(0, 100_000)))
    command = cases.recovery(case, "100.00", "set_off", key="k-1")
    first = cases.world.posted(command)
    again = cases.world.posted(command)
    assert again.replayed
    assert again.receipt == first.receipt
    assert first.receipt.balance_fen == 100_000 - 8_800
    assert cases.state(case).paid == 10_000


@pytest.mark.parametrize("paid", [None, "-0.01", "over"])
def test_what_is_no_amount_is_not_recorded(cases: Cases, paid: str | None) -> None:
    case = cases.advanced()
    command = cases.recovery(case, "1.00")
    command.paid_fen = {None: None, "-0.01": -1, "over": FEN_MAX + 1}[paid]
    assert cases.world.refusal(command) == R.AMOUNT_INVALID


def test_what_was_paid_in_all_stays_an_amount(cases: Cases) -> None:
    case = cases.advanced()
    cases.recover(case, "1.00")
    command = cases.recovery(case, "1.00")
    command.paid_fen = FEN_MAX - 99
    assert cases.world.refusal(command) == R.AMOUNT_INVALID


def test_a_recovery_needs_a_case_an_advance_and_a_day(cases: Cases) -> None:
    world = cases.world
    case = cases.case(cases.bill())
    assert world.refusal(cases.recovery(case, "1.00")) == R.NOTHING_ADVANCED
    cases.advance(case)
    for day in (CARE_DAY - timedelta(days=1), world.today + timedelta(days=1)):
        assert world.refusal(cases.recovery(case, "1.00", received_on=day)) == R.PERIOD_INVALID
    assert cases.recover(case, "1.00", received_on=CARE_DAY)["returned"] == 88
    missing = cases.recovery(case, "1.00")
    missing.case_seq = case.seq - 1
    assert world.refusal(missing) == R.CASE_NOT_FOUND


def test_a_bill_is_taken_back_when_its_advance_is(cases: Cases) -> None:
    world = cases.world
    settled = cases.bill()
    case = cases.case(settled)
    cases.advance(case)
    reversal = ReverseSettlement(case.book_id, settled.receipt.seq, "wrong person")
    assert world.refusal(reversal) == R.OPEN_ITEMS
    cases.recover(case, "6000.00")
    assert world.one(reversal).kind is Kind.REVERSAL


def test_all_of_it_in_one_batch(cases: Cases) -> None:
    settled = cases.bill()
    case = cases.case(settled)
    outcomes = cases.world.post(
        cases.application(case), cases.recovery(case, "3000.00"), cases.recovery(case, "3000.00")
    )
    assert all(isinstance(outcome, Posted) for outcome in outcomes)
    assert cases.state(case)[3:] == (528_000, 600_000, 528_000, 0)


def test_a_rehearsal_of_an_advance_pays_nothing(cases: Cases) -> None:
    case = cases.case(cases.bill())
    world = cases.world
    with world.engine.connect() as connection:
        application = cases.application(case)
        application.caller = application.actor = "test"
        (shown,) = rehearse(connection, [application], world.now, world.today, world.policies)
    assert isinstance(shown, Posted)
    assert shown.receipt.amount_fen == 528_000
    assert cases.state(case).advance == 0
