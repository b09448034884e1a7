"""What an account had that went into another one, taken back: its own rows stand in its book, and the money
comes from, or goes to, the account that stays (R2, R16, R31).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.holds import Capture, Hold
from ledger.accounts.mutual_aid import EndQuota, GiveQuota, PayPremium
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.care.counters import CLAIM_ROW
from ledger.care.entry_reversals import ReverseEntry
from ledger.care.filings import RecordFiling
from ledger.care.manual_claims import EVIDENCE, DecideClaim, SubmitClaim
from ledger.care.taking_back import ReverseSettlement
from ledger.care.visits import RegisterVisit
from ledger.chart.care import CareType, Filing
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.contributions.declarations import Confirm
from ledger.contributions.payment_reversals import ReversePayment
from ledger.contributions.retirees import CreditRetiree
from ledger.estates.merging import MergeAccounts
from ledger.people.enrolments import Enrol
from ledger.people.residents import resident_ref
from ledger.posting import Command, Receipt
from ledger.refusals import Refused
from ledger.transfers.going_out import RequestTransfer
from tests.support.approvals import asks_nobody
from tests.support.clinic import Clinic
from tests.support.people import SomeoneFactory, World, noon
from tests.support.stories import Heir, entries, estate, moves, row
from tests.support.units import Unit
from tests.whole.test_settlement_histories import ELSEWHERE

OPENED = date(2026, 1, 1)
TODAY = date(2026, 11, 21)
WAGE = 800_000
# of a month with that wage: the account's part, and both
PART, WHOLE = 16_000, 76_000


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return asks_nobody(World(sound_engine, now=noon(TODAY)))


class Three:
    """One person: 500.00 in each of three accounts, of which the youngest goes into the second, that into the
    first.
    """

    def __init__(self, world: World) -> None:
        self.world, self.clinic, self.unit = world, Clinic(world), Unit(world)
        self.someone = [SomeoneFactory(name="张三") for _ in range(3)]
        self.accounts = [world.open(one, opened_on=OPENED, opening=(0, 50_000)) for one in self.someone]
        for account, one in zip(self.accounts, self.someone, strict=True):
            self.unit.know(account, one)
        self.first, self.second, self.third = self.accounts
        self.code = self.clinic.institution()
        # the claim that `_decision` decides, and its row
        self.claimed: tuple[Receipt, Any] | None = None

    def merge(self, **when: Any) -> None:
        self.world.one(MergeAccounts(self.third, self.second, "finding 1"), **when)
        self.world.one(MergeAccounts(self.second, self.first, "finding 2"), **when)

    def balances(self) -> list[int]:
        return [self.unit.balance(account) for account in self.accounts]

    def interest(self) -> int:
        """What the accounts had earned when they went into another, in fen."""
        engine = self.world.engine
        posted = [(book, one.seq) for book in self.accounts for one in entries(engine, book, Kind.INTEREST)]
        return sum(fen for place in posted for *_sides, fen in moves(engine, *place))


def reverse(done: Receipt) -> Command:
    return ReverseEntry(done.book_id, done.seq, "entered wrongly")


def _contribution(t: Three) -> Receipt:
    return t.world.one(Contribute(t.third, 4_000, 202611, TODAY, t.world.ref("c")))


def _retiree(t: Three) -> Receipt:
    t.world.one(Enrol(t.third, MemberClass.RETIRED, None, OPENED, None))
    return t.world.one(CreditRetiree(t.third, 202611))


def _spending(t: Three) -> Receipt:
    return t.world.one(Spend(t.third, 4_000, TODAY, "H0001", t.world.ref("s")))


def _capture(t: Three) -> Receipt:
    ends = t.world.now + timedelta(days=2)
    hold = t.world.one(Hold(t.third, 4_000, ends, "H0001", t.world.ref("h")))
    return t.world.one(Capture(t.third, hold.seq, 3_000, TODAY, t.world.ref("k")))


def _premium(t: Three) -> Receipt:
    resident = SomeoneFactory()
    t.clinic.resident(resident)
    digest = t.clinic.digest(resident)
    named = (digest, resident_ref(digest))
    return t.world.one(PayPremium(t.third, digest, named, "child", 1_000, 2026, t.world.ref("p")))


def _quota(t: Three) -> Receipt:
    relative = SomeoneFactory()
    t.world.open(relative, opened_on=OPENED)
    digest = t.clinic.digest(relative)
    done = t.world.one(GiveQuota(t.third, digest, (digest, resident_ref(digest)), "child", 2_000, 1))
    t.world.one(EndQuota(t.third, done.seq))
    return done


def _enrolment(t: Three) -> Receipt:
    return t.world.one(Enrol(t.third, MemberClass.FLEXIBLE, None, date(2026, 11, 1), None))


def _filing(t: Three) -> Receipt:
    return t.world.one(RecordFiling(t.third, Filing.LONG_TERM, date(2026, 11, 1), None, ELSEWHERE))


def _visit(t: Three) -> Receipt:
    return t.world.one(RegisterVisit(t.third, None, t.code, CareType.OUTPATIENT, TODAY))


def _bill(t: Three) -> Receipt:
    return t.clinic.settle(t.code, t.third, [("A", "350.00"), ("B", "120.00")], day=TODAY).receipt


def _decision(t: Three, approve: bool = True) -> Receipt:
    bill = t.clinic.bill([("A", "900.00")], day=TODAY, use_account=False)
    party = t.clinic.parties[t.code]
    claimed = t.world.posted(SubmitClaim(t.third, None, t.code, party, bill, TODAY, frozenset(EVIDENCE)))
    told = claimed.row(CLAIM_ROW)
    t.claimed = claimed.receipt, told
    return t.world.one(DecideClaim(t.third, claimed.receipt.seq, t.code, told, approve, "seen"))


def _rejection(t: Three) -> Receipt:
    return _decision(t, approve=False)


def _reverse_bill(done: Receipt) -> Command:
    return ReverseSettlement(done.book_id, done.seq, "entered wrongly")


WAYS: dict[str, tuple[Callable[[Three], Receipt], Callable[[Receipt], Command]]] = {
    "contribution": (_contribution, reverse),
    "retiree_credit": (_retiree, reverse),
    "spending": (_spending, reverse),
    "capture": (_capture, reverse),
    "premium": (_premium, reverse),
    "quota": (_quota, reverse),
    "enrolment": (_enrolment, reverse),
    "filing": (_filing, reverse),
    "visit": (_visit, reverse),
    "settlement": (_bill, _reverse_bill),
    "claim_decision": (_decision, reverse),
    "rejection": (_rejection, reverse),
}


@pytest.mark.parametrize("when", ["the same day", "the next year"])
@pytest.mark.parametrize("way", sorted(WAYS))
def test_what_the_younger_one_had_is_taken_back(world: World, way: str, when: str) -> None:
    do, undo = WAYS[way]
    three, never = Three(world), Three(world)
    done = do(three)
    three.merge()
    never.merge()
    day = {} if when == "the same day" else {"today": date(2027, 1, 9)}
    world.one(undo(done), **day)
    assert three.balances()[1:] == [0, 0]
    # but for what it had earned until the merger
    left = [one.balances()[0] - one.interest() for one in (three, never)]
    assert left == [150_000, 150_000]
    assert world.refusal(undo(done), **day) == "already_reversed"
    told = [one.kind for one in entries(world.engine, three.third)]
    assert told.count(Kind.REVERSAL) == 1
    assert (told.count(Kind.MERGE_BACK) == 1) == (way in {"contribution", "retiree_credit"})


def test_a_credit_whose_money_is_gone_is_refused_as_ever(world: World) -> None:
    three = Three(world)
    done = _contribution(three)
    three.merge()
    world.one(Spend(three.first, three.balances()[0] - 3_999, TODAY, "H0001", "s"))
    assert world.refusal(reverse(done)) == "insufficient_balance"
    assert three.balances() == [3_999, 0, 0]
    # of heirs nobody asks it: it is owed
    world.one(ReportDeath(three.first, TODAY, "certificate"))
    world.one(estate(world, three.first, [Heir("child", "王五")], TODAY))
    assert unpack(world.one(reverse(done)).detail)["receivable"] == 4_000


def test_a_claim_that_is_received_again_is_decided_in_its_own_book(world: World) -> None:
    three = Three(world)
    done = _decision(three)
    three.merge()
    before = three.clinic.accumulator(three.third)._replace(version=0)
    assert three.claimed is not None
    claim, claim_row = three.claimed
    decide = DecideClaim(three.third, claim.seq, three.code, claim_row, True, "seen again")
    assert world.refusal(decide) == "claim_decided"
    world.one(reverse(done))
    # what is open of it holds up what the account that stays would do
    [refused] = world.post(RequestTransfer(three.first, "330100", TODAY, "paper"))
    assert isinstance(refused, Refused)
    assert [(item["what"], item["where"]) for item in refused.facts["items"]] == [("claim", three.code)]
    world.one(decide)
    assert three.clinic.accumulator(three.third)._replace(version=0) == before
    world.one(RequestTransfer(three.first, "330100", TODAY, "paper"))


# -- of employers --------------------------------------------------------------------------------------------


def paid(three: Three, world: World) -> Receipt:
    """A month of the third account, listed with somebody else's and paid on the tenth."""
    other = three.unit.hire(opened_on=OPENED)
    day = date(2026, 10, 10)
    three.unit.declare(202609, {three.third: WAGE, other: WAGE}, today=day)
    return world.one(three.unit.payment(2 * WHOLE, day, 202609), today=day)


@pytest.mark.parametrize("spent", [0, 150_000])
def test_a_payment_of_its_month_bounces_and_is_paid_again(world: World, spent: int) -> None:
    three = Three(world)
    payment = paid(three, world)
    three.merge()
    whole = three.unit.balance(three.first)
    if spent:
        world.one(Spend(three.first, spent, TODAY, "H0001", "s"))
    done = world.one(ReversePayment(three.unit.book, payment.seq, "bounced"))
    there = min(whole - spent, PART)
    told = unpack(done.detail)
    assert (told["from_accounts"], told["receivable"]) == (there + PART, PART - there)
    assert three.balances() == [whole - spent - there, 0, 0]
    assert three.unit.of(three.third, 202609).suspended == there - PART
    world.one(three.unit.payment(2 * WHOLE, TODAY, 202609))
    # what was owed is cleared first
    assert three.balances() == [whole - spent, 0, 0]
    assert three.unit.of(three.third, 202609).suspended == 0


@pytest.mark.parametrize("wage", [0, 700_000])
@pytest.mark.parametrize("spent", [0, 155_000])
def test_its_month_is_corrected_by_whichever_number(world: World, wage: int, spent: int) -> None:
    three = Three(world)
    paid(three, world)
    three.merge()
    whole = three.unit.balance(three.first)
    if spent:
        world.one(Spend(three.first, spent, TODAY, "H0001", "s"))
    back = PART - wage * 2 // 100
    there = min(back, whole - spent)
    for account in (three.third, three.first):
        # by the number that it was assessed under, and then by the other one: there is nothing more to do
        told = three.unit.adjust(202609, {account: wage})
        if account == three.third:
            assert told["receivable"] == back - there
    assert three.balances() == [whole - spent - there, 0, 0]
    assert three.unit.of(three.third, 202609).employee_paid == PART - back
    assert three.unit.of(three.third, 202609).suspended == there - back
    assert three.unit.left_on(Side.RECEIVABLE) == there - back


def test_what_is_owed_of_its_month_is_set_off_by_the_estate_and_not_cleared_again(world: World) -> None:
    three = Three(world)
    payment = paid(three, world)
    three.merge()
    whole = three.unit.balance(three.first)
    world.one(Spend(three.first, whole, TODAY, "H0001", "s"))
    world.one(ReversePayment(three.unit.book, payment.seq, "bounced"))
    world.one(Contribute(three.first, 20_000, 202611, TODAY, "c"))
    world.one(ReportDeath(three.first, TODAY, "certificate"))
    done = unpack(world.one(estate(world, three.first, [Heir("child", "王五")], TODAY)).detail)
    assert [(line["what"], line["account"], line["amount"]) for line in done["set_off"]] == [
        ("contribution", three.third, PART)
    ]
    # the heirs get what is paid for the month again: it was set off
    world.one(three.unit.payment(2 * WHOLE, TODAY, 202609))
    [_, again] = entries(world.engine, three.first, Kind.ESTATE)
    assert unpack(again.detail)["heirs"][0]["amount"] == PART
    assert row(world.engine, three.first).current_year == 0


@pytest.mark.parametrize("number", [0, 1, 2])
def test_its_month_is_assessed_once_under_whatever_number(world: World, number: int) -> None:
    three = Three(world)
    paid(three, world)
    listed = three.unit.preview(202609, {three.accounts[number]: WAGE}, today=TODAY)
    three.merge()
    before = three.balances()
    # one that was handed in before, and one after the merger
    for declared in (listed, three.unit.preview(202609, {three.accounts[number]: WAGE})):
        refused = world.refusal(Confirm(three.unit.book, declared.seq, three.unit.reveal))
        assert refused in {"no_good_line", "already_confirmed"}
    later = three.unit.preview(202609, {three.accounts[number]: WAGE + 100_000})
    assert world.refusal(Confirm(three.unit.book, later.seq, three.unit.reveal)) == "no_good_line"
    assert three.balances() == before
    # another month is assessed under the account that stays
    three.unit.declare(202610, {three.accounts[number]: WAGE})
    three.unit.pay(WHOLE, TODAY, 202610)
    assert three.balances() == [before[0] + PART, 0, 0]


def test_its_month_as_a_retiree_is_credited_once(world: World) -> None:
    three = Three(world)
    done = _retiree(three)
    three.merge()
    world.one(Enrol(three.first, MemberClass.RETIRED, None, OPENED, None))
    before = three.balances()
    assert world.refusal(CreditRetiree(three.first, 202611)) == "duplicate_source_ref"
    assert three.balances() == before
    world.one(CreditRetiree(three.first, 202610))
    # once that one was taken back, the account that stays has it
    world.one(reverse(done))
    world.one(CreditRetiree(three.first, 202611))
    assert three.balances()[0] == before[0] + 11_000
