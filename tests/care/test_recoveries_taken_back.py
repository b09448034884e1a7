"""The way back of what came back of an advance (R31, R47): the case is as it was, the last one first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.freezes import Freeze
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.care.cases import ThirdPartyCase
from ledger.care.entry_reversals import ReverseEntry
from ledger.care.taking_back import ReverseSettlement
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.policy import Recovery
from ledger.posting import Posted, Receipt
from ledger.refusals import RefusalCode, Refused
from ledger.verify import verify
from tests.care.test_third_party import Cases
from tests.contributions.test_contributions import with_parameter
from tests.support.clinic import Clinic
from tests.support.people import AREA, World

R = RefusalCode
POOLED, BANK = int(Side.POOLED_FUND), int(Side.BANK)
CURRENT, CARRIED = int(Side.CURRENT_YEAR), int(Side.CARRIED_OVER)


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


def recovered(cases: Cases, case: Receipt, paid: str, means: str = "bank", **more: Any) -> Receipt:
    return cases.world.one(cases.recovery(case, paid, means, **more))


def reversal(entry: Receipt, **more: Any) -> ReverseEntry:
    return ReverseEntry(entry.book_id, entry.seq, "of another case", **more)


def reverse(cases: Cases, entry: Receipt, **when: Any) -> Posted:
    return cases.world.posted(reversal(entry), **when)


def refused(cases: Cases, entry: Receipt, **when: Any) -> RefusalCode:
    return cases.world.refusal(reversal(entry), **when)


def named_before(cases: Cases, entry: Receipt) -> list[str]:
    """What has to go back before this one."""
    no = cases.world.post(reversal(entry))[0]
    assert isinstance(no, Refused)
    assert (no.code, no.facts.keys()) == (R.NOT_LAST, {"entries"})
    return no.facts["entries"]  # type: ignore[no-any-return]  # facts are whatever a refusal says


def account(cases: Cases) -> int:
    return cases.world.open(opened_on=date(2026, 1, 1), opening=(30_000, 70_000))


# -- the worked examples -----------------------------------------------------------------------------------


def test_e44_what_came_back_by_bank_goes_out_again(cases: Cases) -> None:
    case = cases.advanced()
    before = cases.state(case)
    recovery = recovered(cases, case, "3000.00")
    assert cases.state(case)[3:] == (528_000, 300_000, 264_000, 0)
    back = reverse(cases, recovery)
    assert back.receipt.transfers == ((POOLED, BANK, 264_000, None),)
    assert (back.receipt.kind, back.receipt.target_seq, back.others) == (Kind.REVERSAL, recovery.seq, ())
    assert cases.state(case) == before
    # and it may be recorded as it was meant
    assert cases.recover(case, "300.00")["returned"] == 26_400


def test_a_set_off_goes_back_into_the_pockets_that_it_took(cases: Cases) -> None:
    patient = account(cases)
    case = cases.advanced(patient)
    recovery = recovered(cases, case, "1000.00", "set_off")
    assert cases.state(case)[3:] == (528_000, 100_000, 0, 88_000)
    # 300.00 of this year and 580.00 of what was carried over
    assert (cases.clinic.book(patient).current_year, cases.clinic.book(patient).carried_over) == (0, 12_000)
    back = reverse(cases, recovery)
    [of_set_off] = back.others
    assert (of_set_off.kind, of_set_off.target_seq) == (Kind.REVERSAL, recovery.seq - 1)
    assert of_set_off.transfers == ((POOLED, CURRENT, 30_000, None), (POOLED, CARRIED, 58_000, None))
    assert (back.receipt.transfers, back.receipt.target_seq) == ((), recovery.seq)
    row = cases.clinic.book(patient)
    assert (row.current_year, row.carried_over) == (30_000, 70_000)
    assert cases.state(case)[3:] == (528_000, 0, 0, 0)


def test_after_a_year_end_a_set_off_comes_back_into_what_was_carried_over(cases: Cases) -> None:
    patient = account(cases)
    recovery = recovered(cases, cases.advanced(patient), "1000.00", "set_off")
    reverse(cases, recovery, today=date(2027, 1, 2))
    row = cases.clinic.book(patient)
    assert (row.current_year, row.carried_over) == (0, 100_000)


def test_dated_back_it_counts_from_its_day_on(cases: Cases) -> None:
    patient, today = account(cases), cases.world.today
    recovery = recovered(cases, cases.advanced(patient), "1000.00", "set_off")
    later = today + timedelta(days=20)
    for day in (today - timedelta(days=1), later + timedelta(days=1)):
        assert cases.world.refusal(reversal(recovery, effective_on=day), today=later) == R.PERIOD_INVALID
    back = cases.world.posted(reversal(recovery, effective_on=today + timedelta(days=3)), today=later)
    assert {one.effective_on for one in (back.receipt, *back.others)} == {today + timedelta(days=3)}
    # a day of the year before, when that was carried over already
    patient = account(cases)
    recovery = recovered(cases, cases.advanced(patient), "1000.00", "set_off")
    spring = date(2027, 2, 1)
    cases.world.one(Spend(patient, 100, spring, "H0001", cases.world.ref("s")), today=spring)
    cases.world.one(reversal(recovery, effective_on=date(2026, 12, 30)), today=spring)
    row = cases.clinic.book(patient)
    assert (row.current_year, row.carried_over) == (0, 99_900)


@pytest.mark.parametrize("means", ["bank", "set_off"])
def test_what_moved_nothing_goes_back_too(cases: Cases, means: str) -> None:
    """Nothing was there to be set off, or nothing was due yet: what the third party paid is not counted."""
    case = cases.advanced()
    if means == "bank":
        cases.world.policies = {AREA: with_parameter("article_30.recovery", Recovery.PERSON_FIRST.value)}
    recovery = recovered(cases, case, "500.00", means)
    assert recovery.transfers == ()
    assert cases.state(case)[3:] == (528_000, 50_000, 0, 0)
    assert reverse(cases, recovery).others == ()
    assert cases.state(case)[3:] == (528_000, 0, 0, 0)


# -- in which order ----------------------------------------------------------------------------------------


def test_recoveries_of_a_case_go_back_last_first(cases: Cases) -> None:
    patient = account(cases)
    case, other = cases.advanced(patient), cases.case(cases.bill(patient, amount="9000.00"))
    states = [cases.state(case)]
    made: list[Receipt] = []
    for paid, means in (("1000.00", "bank"), ("500.00", "set_off"), ("0.01", "bank"), ("5000.00", "set_off")):
        made.append(recovered(cases, case, paid, means))
        states.append(cases.state(case))
    # what stands of another case is not in the way
    cases.advance(other)
    recovered(cases, other, "10.00")
    while made:
        for place, earlier in enumerate(made[:-1], start=1):
            assert named_before(cases, earlier) == [later.name for later in made[place:]]
        last = made.pop()
        reverse(cases, last)
        states.pop()
        assert cases.state(case) == states[-1]
        assert refused(cases, last) == R.ALREADY_REVERSED
    assert cases.state(other).paid == 1_000


def test_in_one_batch_the_later_one_stands_in_the_way(cases: Cases) -> None:
    case = cases.advanced()
    first = recovered(cases, case, "1000.00")
    outcomes = cases.world.post(cases.recovery(case, "1000.00"), reversal(first))
    assert isinstance(outcomes[0], Posted)
    assert isinstance(outcomes[1], Refused)
    assert outcomes[1].code is R.NOT_LAST
    second = outcomes[0].receipt
    # and out of the way, once it went back before it
    both = cases.world.post(reversal(second), reversal(first))
    assert [type(one) for one in both] == [Posted, Posted]
    assert cases.state(case)[3:] == (528_000, 0, 0, 0)


def test_a_bill_that_was_taken_back_keeps_what_came_back_of_its_advance(cases: Cases) -> None:
    settled = cases.bill()
    case = cases.case(settled)
    cases.advance(case)
    recovery = recovered(cases, case, "6000.00")
    more = recovered(cases, case, "1.00")
    gone = cases.world.one(ReverseSettlement(settled.receipt.book_id, settled.receipt.seq, "wrong"))
    assert named_before(cases, recovery) == [more.name, gone.name]
    # what moved nothing, nothing rests on
    reverse(cases, more)
    assert named_before(cases, recovery) == [gone.name]


def test_an_advance_that_is_outstanding_again_keeps_the_bill(cases: Cases) -> None:
    settled = cases.bill()
    case = cases.case(settled)
    cases.advance(case)
    reverse(cases, recovered(cases, case, "6000.00"))
    taking_back = ReverseSettlement(settled.receipt.book_id, settled.receipt.seq, "wrong")
    assert cases.world.refusal(taking_back) == R.OPEN_ITEMS


# -- how often ---------------------------------------------------------------------------------------------


def test_the_same_request_is_one_reversal(cases: Cases) -> None:
    recovery = recovered(cases, cases.advanced(account(cases)), "100.00", "set_off")
    first = cases.world.posted(reversal(recovery, key="k"))
    again = cases.world.posted(reversal(recovery, key="k"))
    assert (again.replayed, again.receipt) == (True, first.receipt)
    assert refused(cases, recovery) == R.ALREADY_REVERSED


def test_two_reversals_in_one_batch_are_one(cases: Cases) -> None:
    recovery = recovered(cases, cases.advanced(account(cases)), "100.00", "set_off")
    outcomes = cases.world.post(reversal(recovery), reversal(recovery))
    assert isinstance(outcomes[0], Posted)
    assert isinstance(outcomes[1], Refused)
    assert outcomes[1].code is R.ALREADY_REVERSED


def test_the_document_of_a_recovery_that_was_taken_back_is_booked_again(cases: Cases) -> None:
    case = cases.advanced()
    first = recovered(cases, case, "300.00", source_ref="insurer/1")
    assert cases.world.refusal(cases.recovery(case, "3000.00", source_ref="insurer/1")) == (
        R.DUPLICATE_SOURCE_REF
    )
    back = reverse(cases, first)
    second = recovered(cases, case, "3000.00", source_ref="insurer/1")
    assert second.target_seq == back.receipt.seq
    assert cases.state(case)[3:] == (528_000, 300_000, 264_000, 0)
    assert cases.world.refusal(cases.recovery(case, "1.00", source_ref="insurer/1")) == R.DUPLICATE_SOURCE_REF
    # and once more, in one batch
    outcomes = cases.world.post(reversal(second), cases.recovery(case, "30.00", source_ref="insurer/1"))
    assert [type(one) for one in outcomes] == [Posted, Posted]
    assert cases.state(case).paid == 3_000


def test_only_the_recovery_itself_is_named(cases: Cases) -> None:
    """Neither its set-off, nor the case, nor the advance."""
    case = cases.case(cases.bill(account(cases)))
    advance = cases.advance(case)
    recovery = recovered(cases, case, "100.00", "set_off")
    for seq in (recovery.seq - 1, case.seq, advance.seq):
        command = ReverseEntry(recovery.book_id, seq, "wrong")
        assert cases.world.refusal(command) == R.NOT_REVERSIBLE
    assert cases.world.refusal(ReverseEntry(recovery.book_id, 999, "wrong")) == R.ENTRY_NOT_FOUND


# -- frozen, dead, closed ----------------------------------------------------------------------------------


def test_money_comes_back_into_a_frozen_account(cases: Cases) -> None:
    patient = account(cases)
    recovery = recovered(cases, cases.advanced(patient), "100.00", "set_off")
    cases.world.one(Freeze(patient, "court", "doc", cases.world.today, cases.world.today))
    reverse(cases, recovery)
    assert cases.clinic.balance(patient) == 100_000


def test_before_the_estate_an_advance_is_open_again(cases: Cases) -> None:
    case = cases.advanced(account(cases))
    recovery = recovered(cases, case, "6000.00")
    cases.die(case.book_id)
    reverse(cases, recovery)
    with pytest.raises(Refused) as kept:
        cases.divide(case.book_id)
    assert kept.value.code is R.OPEN_ITEMS
    assert [one["what"] for one in kept.value.facts["items"]] == ["advance"]  # type: ignore[attr-defined]  # facts


@pytest.mark.parametrize("means", ["bank", "set_off"])
def test_what_an_estate_went_by_stays(cases: Cases, means: str) -> None:
    case = cases.advanced(account(cases))
    recovery = recovered(cases, case, "6000.00", means)
    cases.die(case.book_id)
    cases.divide(case.book_id)
    assert refused(cases, recovery) == R.ACCOUNT_CLOSED
    # what was recorded after it, and brought nothing back, is a slip that goes back
    more = recovered(cases, case, "5.00")
    assert cases.state(case).paid == 600_500
    reverse(cases, more)
    assert cases.state(case).paid == 600_000


# -- whatever happens --------------------------------------------------------------------------------------


@pytest.mark.random
@pytest.mark.parametrize("rule", [one.value for one in Recovery])
@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_back_and_goes_again_the_case_is_what_stands(
    cases: Cases, rule: str, seed: int
) -> None:
    random = Random(seed)
    cases.world.policies = {AREA: with_parameter("article_30.recovery", rule)}
    patient = account(cases)
    case = cases.advanced(patient)
    stack: list[tuple[Receipt, ThirdPartyCase, tuple[int, int]]] = []

    def pockets() -> tuple[int, int]:
        row = cases.clinic.book(patient)
        return int(row.current_year), int(row.carried_over)

    for _ in range(25):
        if stack and random.random() < 0.45:
            last, state, money = stack.pop()
            reverse(cases, last)
            assert cases.state(case) == state
            assert pockets() == money
            continue
        before = cases.state(case), pockets()
        paid = f"{random.choice((0, 1, 37, 5_000, 250_000)) / 100:.2f}"
        (outcome,) = cases.world.post(cases.recovery(case, paid, random.choice(("bank", "set_off"))))
        if isinstance(outcome, Posted):
            stack.append((outcome.receipt, *before))
            assert unpack(outcome.receipt.detail)["case"] == case.seq
        else:
            assert isinstance(outcome, Refused)
            assert outcome.code is R.AMOUNT_INVALID
    assert len({state for _receipt, state, _money in stack}) == len(stack)
