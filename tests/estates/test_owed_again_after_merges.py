"""What is owed again of an account that went into another one: an instalment, what was set off, or what came
back of an advance is taken back in its own book, and the account that stays has the money and owes (R2, R47).
"""

from __future__ import annotations

from datetime import date
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import Freeze
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.care.case_reports import third_party_case
from ledger.care.entry_reversals import ReverseEntry
from ledger.care.third_party import OpenCase, PayAdvance, RecordRecovery
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.estates.owed_reports import debts_of
from ledger.estates.undoing import UndoEstate
from ledger.owed.demands import DemandBack, PayInstalment, SetOffDemand
from ledger.owed.reports import demand as demand_of
from ledger.owed.state import Demand
from ledger.posting import Command, Posted, Receipt
from ledger.refusals import Refused
from ledger.transfers.exits import PayExit
from ledger.transfers.going_out import RequestTransfer
from tests.care.test_third_party import SIXTY
from tests.estates.test_taken_back_after_merges import TODAY, Three, reverse
from tests.support.approvals import asks_nobody
from tests.support.people import World, noon
from tests.support.stories import Heir, entries, estate, moves

NEXT_YEAR = date(2027, 1, 9)


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return asks_nobody(World(sound_engine, now=noon(TODAY)))


class Demanded:
    """60.00 demanded of the third account: 25.00 paid by bank, 35.00 set off; then all three become one."""

    def __init__(self, world: World) -> None:
        self.world, self.three = world, Three(world)
        account = self.three.third
        self.demand = world.one(DemandBack(account, 6_000, "too much", "paper"))
        self.paid = world.one(self.instalment(2_500))
        self.set_off = world.one(SetOffDemand(account, self.demand.seq))
        self.three.merge()
        self.whole = self.three.balances()[0]

    def instalment(self, fen: int) -> PayInstalment:
        return PayInstalment(self.three.third, self.demand.seq, fen, TODAY, self.world.ref("i"))

    @property
    def state(self) -> Demand:
        with self.world.engine.connect() as connection:
            return demand_of(connection, self.three.third, self.demand.seq).demand

    def debts(self) -> list[tuple[str, int, int]]:
        """What the account that stays owes: of what, in which book, how much."""
        return owed_by(self.world, self.three.first)


def owed_by(world: World, account: int) -> list[tuple[str, int, int]]:
    with world.engine.connect() as connection:
        found = debts_of(connection, account, world.policies)
    return [(one.debt.what, one.entry[0], one.still_owed) for one in found]


def refused_items(world: World, command: Command) -> list[tuple[str, str]]:
    [no] = world.post(command)
    assert isinstance(no, Refused)
    return [(one["what"], one["name"]) for one in no.facts["items"]]


# -- demands -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", [TODAY, NEXT_YEAR])
def test_an_instalment_is_taken_back_and_paid_as_it_was_meant(world: World, when: date) -> None:
    of = Demanded(world)
    assert (of.debts(), of.state.still_owed) == ([], 0)
    back = world.one(reverse(of.paid), today=when)
    assert back.transfers == ((int(Side.RECEIVABLE), int(Side.BANK), 2_500, of.three.third),)
    assert of.state.still_owed == 2_500
    assert of.debts() == [("demand", of.three.third, 2_500)]
    assert of.three.balances() == [of.whole, 0, 0]
    assert world.refusal(reverse(of.paid), today=when) == "already_reversed"
    world.one(of.instalment(1_500), today=when)
    # the rest comes out of the account that stays
    done = world.one(SetOffDemand(of.three.third, of.demand.seq), today=when)
    assert unpack(done.detail)["still_owed"] == 0
    assert of.three.balances() == [of.whole - 1_000, 0, 0]
    told = [entries(world.engine, book, Kind.MERGE_BACK) for book in of.three.accounts]
    assert [len(one) for one in told] == [1, 0, 1]
    assert of.debts() == []


@pytest.mark.parametrize("when", [TODAY, NEXT_YEAR])
def test_what_was_set_off_comes_to_the_account_that_stays_and_is_owed(world: World, when: date) -> None:
    of = Demanded(world)
    world.one(reverse(of.set_off), today=when)
    assert of.three.balances() == [of.whole + 3_500, 0, 0]
    assert of.debts() == [("demand", of.three.third, 3_500)]
    # it is taken as far as it is there
    world.one(Spend(of.three.first, of.whole + 2_500, when, "H0001", "s"), today=when)
    done = world.one(SetOffDemand(of.three.third, of.demand.seq), today=when)
    assert unpack(done.detail)["still_owed"] == 2_500
    assert of.three.balances() == [0, 0, 0]
    again = SetOffDemand(of.three.third, of.demand.seq)
    assert world.refusal(again, today=when) == "insufficient_balance"
    # and that goes back as the first one did
    world.one(reverse(done), today=when)
    assert of.three.balances() == [1_000, 0, 0]
    assert of.state.still_owed == 3_500


def test_the_demand_itself_is_withdrawn_once_nothing_was_paid_of_it(world: World) -> None:
    of = Demanded(world)
    world.one(reverse(of.set_off))
    [no] = world.post(reverse(of.demand))
    assert isinstance(no, Refused)
    assert (no.code, no.facts["entries"]) == ("not_last", [of.paid.name])
    world.one(reverse(of.paid))
    world.one(reverse(of.demand))
    assert (of.state.status, of.debts()) == ("withdrawn", [])
    assert world.refusal(of.instalment(1)) == "already_reversed"
    assert of.three.balances() == [of.whole + 3_500, 0, 0]


def test_what_is_owed_of_it_keeps_the_account_that_stays(world: World) -> None:
    of = Demanded(world)
    world.one(reverse(of.paid))
    asked = RequestTransfer(of.three.first, "330100", TODAY, "paper")
    assert [what for what, _name in refused_items(world, asked)] == ["debt"]
    leaves = PayExit(of.three.first, "settled_abroad", "paper", TODAY)
    assert [what for what, _name in refused_items(world, leaves)] == ["debt"]
    world.one(of.instalment(2_500))
    world.one(asked)


def test_a_frozen_account_gives_nothing_and_gets(world: World) -> None:
    of = Demanded(world)
    world.one(Freeze(of.three.first, "court", "paper", TODAY, None))
    world.one(reverse(of.set_off))
    assert of.three.balances() == [of.whole + 3_500, 0, 0]
    assert world.refusal(SetOffDemand(of.three.third, of.demand.seq)) == "account_frozen"
    world.one(of.instalment(3_500))


@pytest.mark.parametrize("spent", [False, True])
def test_the_estate_of_the_account_that_stays_sets_it_off(world: World, spent: bool) -> None:
    of = Demanded(world)
    if spent:
        world.one(Spend(of.three.first, of.whole - 1_000, TODAY, "H0001", "s"))
    world.one(reverse(of.paid))
    died = world.one(ReportDeath(of.three.first, TODAY, "certificate"))
    divided = unpack(world.one(estate(world, of.three.first, [Heir("child", "王五")], TODAY)).detail)
    there = 1_000 + divided["interest"] if spent else 2_500
    [line] = divided["set_off"]
    assert (line["what"], line["account"], line["demand"]) == ("demand", of.three.third, of.demand.seq)
    assert (line["owed"], line["amount"]) == (2_500, there)
    # the estate owes it since: of the account nothing more is paid or taken back
    assert (of.state.still_owed, of.state.to_estate) == (0, 2_500)
    assert world.refusal(of.instalment(1)) == "account_closed"
    assert world.refusal(reverse(of.set_off)) == "account_closed"
    # undone, it is owed again, and what was taken is there again
    world.one(UndoEstate(of.three.first, died.seq, "in error", "paper"))
    assert of.state.still_owed == 2_500
    assert of.three.balances() == [1_000 if spent else of.whole, 0, 0]
    world.one(of.instalment(500))
    again = unpack(world.one(estate(world, of.three.first, [Heir("child", "王五")], TODAY)).detail)
    assert [one["owed"] for one in again["set_off"]] == [2_000]


def test_nobody_owes_it_whose_money_is_with_heirs(world: World) -> None:
    of = Demanded(world)
    world.one(ReportDeath(of.three.first, TODAY, "certificate"))
    world.one(estate(world, of.three.first, [Heir("child", "王五")], TODAY))
    for command in (reverse(of.paid), reverse(of.set_off), of.instalment(1)):
        assert world.refusal(command) == "account_closed"


# -- advances ------------------------------------------------------------------------------------------------


def opened_case(three: Three) -> OpenCase:
    """The case of a bill of the third account, of which a third party has to bear 6,000.00."""
    clinic = three.clinic
    bill: dict[str, Any] = {"care_type": "inpatient", "cause": SIXTY, "use_account": False, "day": TODAY}
    settled = clinic.settle(clinic.institution(level=3), three.third, [("A", "10000.00")], **bill)
    return OpenCase(three.third, settled.receipt.seq, "accident report")


class Advanced:
    """5,280.00 advanced on a bill of the third account, of which 880.00 came back for each 1,000.00 that the
    third party paid; after the last of it all three become one.
    """

    def __init__(self, world: World, *means: str) -> None:
        self.world, self.three = world, Three(world)
        account = self.three.third
        self.case = world.one(opened_case(self.three))
        world.one(PayAdvance(account, self.case.seq, "person", "nobody pays"))
        self.done: list[Receipt] = []
        for one in means:
            self.done.append(world.one(self.recovery(30_000, one)))
        self.done.append(world.one(self.recovery(600_000 - 30_000 * len(means), "bank")))
        self.three.merge()
        self.whole = self.three.balances()[0]

    def recovery(self, fen: int, means: str) -> RecordRecovery:
        return RecordRecovery(self.three.third, self.case.seq, fen, TODAY, means, self.world.ref("r"))

    @property
    def state(self) -> Any:
        with self.world.engine.connect() as connection, connection.begin():
            return third_party_case(connection, self.three.third, self.case.seq)


@pytest.mark.parametrize("when", [TODAY, NEXT_YEAR])
def test_a_recovery_is_taken_back_and_recorded_as_it_was_meant(world: World, when: date) -> None:
    of = Advanced(world, "set_off")
    assert of.state.receivable == 0
    world.one(reverse(of.done[1]), today=when)
    assert (of.state.receivable, of.three.balances()) == (501_600, [of.whole, 0, 0])
    # what was set off before it comes to the account that stays: 264.00 of 300.00
    world.one(reverse(of.done[0]), today=when)
    assert (of.state.receivable, of.three.balances()) == (528_000, [of.whole + 26_400, 0, 0])
    assert owed_by(world, of.three.first) == []
    told = unpack(world.one(of.recovery(100_000, "set_off"), today=when).detail)
    assert (told["due"], told["set_off"]) == (88_000, 88_000)
    assert of.three.balances() == [of.whole + 26_400 - 88_000, 0, 0]
    # out of the account that stays nothing is left but its own
    assert len(entries(world.engine, of.three.first, Kind.MERGE_BACK)) == 1


def test_an_advance_that_is_open_again_keeps_the_account_that_stays(world: World) -> None:
    of = Advanced(world)
    world.one(reverse(of.done[0]))
    asked = RequestTransfer(of.three.first, "330100", TODAY, "paper")
    assert refused_items(world, asked) == [("advance", of.case.name)]
    world.one(ReportDeath(of.three.first, TODAY, "certificate"))
    divided = estate(world, of.three.first, [Heir("child", "王五")], TODAY)
    assert refused_items(world, divided) == [("advance", of.case.name)]
    world.one(of.recovery(600_000, "bank"))
    world.one(divided)
    # what the estate went by stays
    recovery = entries(world.engine, of.three.third, Kind.RECOVERY)[-1]
    assert world.refusal(ReverseEntry(of.three.third, recovery.seq, "late")) == "account_closed"


@pytest.mark.parametrize("spent", [False, True])
def test_the_estate_sets_off_what_is_due_of_an_advance(world: World, spent: bool) -> None:
    of = Advanced(world)
    world.one(reverse(of.done[0]))
    left = 40_000 if spent else 0
    world.one(Spend(of.three.first, of.whole - left, TODAY, "H0001", "s"))
    # 5,280.00 are due, of which there are 400.00, or nothing
    told = unpack(world.one(of.recovery(600_000, "set_off")).detail)
    assert told["set_off"] == left
    assert owed_by(world, of.three.first) == [("third_party", of.three.third, 528_000 - left)]
    died = world.one(ReportDeath(of.three.first, TODAY, "certificate"))
    divided = unpack(world.one(estate(world, of.three.first, [Heir("child", "王五")], TODAY)).detail)
    [line] = divided["set_off"]
    assert (line["what"], line["account"], line["case"]) == ("third_party", of.three.third, of.case.seq)
    # of which the interest of the year is there
    there = divided["interest"]
    assert 0 < line["amount"] == there
    assert (line["owed"], of.state.receivable) == (528_000 - left, 0)
    # later money pays the rest first
    spending = entries(world.engine, of.three.first, Kind.SPENDING)[-1]
    world.one(ReverseEntry(of.three.first, spending.seq, "another's"))
    places = [(one.book_id, one.seq) for one in entries(world.engine, of.three.first, Kind.SET_OFF)]
    assert [fen for place in places for *_sides, fen in moves(world.engine, *place)] == [
        there, of.whole - left
    ]  # fmt: skip
    world.one(UndoEstate(of.three.first, died.seq, "in error", "paper"))
    assert of.state.receivable == 528_000 - left
    assert of.three.balances() == [of.whole - left, 0, 0]


# -- whatever happens ----------------------------------------------------------------------------------------


class _Twin:
    """One who is to pay 90.00 back, and for whom 5,280.00 were advanced; all of it was paid and recovered."""

    def __init__(self, world: World) -> None:
        self.world, self.three = world, Three(world)
        account = self.three.third
        self.case = world.one(opened_case(self.three))
        world.one(PayAdvance(account, self.case.seq, "person", "nobody pays"))
        self.demand = world.one(DemandBack(account, 9_000, "too much", "paper"))
        self.done: list[Receipt] = []
        for choice, fen in ((0, 4_000), (1, 0), (2, 20_000), (2, 40_001)):
            assert self.step(choice, fen) == "posted"

    def step(self, choice: int, fen: int) -> str:
        account = self.three.third
        command: Command
        if choice == 0:
            command = PayInstalment(account, self.demand.seq, fen, TODAY, self.world.ref("i"))
        elif choice == 1:
            command = SetOffDemand(account, self.demand.seq)
        elif choice == 2:
            means = "bank" if fen % 2 else "set_off"
            paid = 580_000 if fen == 40_001 else fen
            command = RecordRecovery(account, self.case.seq, paid, TODAY, means, self.world.ref("r"))
        else:
            command = reverse(self.done[fen % len(self.done)])
        [outcome] = self.world.post(command)
        if isinstance(outcome, Refused):
            return outcome.code.value
        assert isinstance(outcome, Posted)
        if choice < 3:
            self.done.append(outcome.receipt)
        return "posted"

    @property
    def state(self) -> tuple[Any, ...]:
        account = self.three.third
        with self.world.engine.connect() as connection, connection.begin():
            demand = demand_of(connection, account, self.demand.seq).demand
            case = third_party_case(connection, account, self.case.seq)
        return demand.set_off, demand.paid, demand.still_owed, *case[3:], sum(self.three.balances())


@pytest.mark.random
@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_done_and_taken_back_it_is_as_if_there_had_been_one_account(
    world: World, seed: int
) -> None:
    merged, single = _Twin(world), _Twin(world)
    merged.three.merge()
    # the other one has in one account what that one has in all three
    more = 100_000 + merged.three.interest()
    for account in single.three.accounts[:2]:
        world.one(Spend(account, 50_000, TODAY, "H0001", world.ref("s")))
    world.one(Contribute(single.three.third, more, 202611, TODAY, world.ref("c")))
    random = Random(seed)
    told: list[str] = []
    for _ in range(30):
        step = random.randrange(6), random.choice((0, 1, 2, 3, 37, 2_500, 9_000, 200_000, 40_001))
        told.append(merged.step(*step))
        assert told[-1] == single.step(*step)
        assert merged.state == single.state
        assert merged.three.balances()[1:] == [0, 0]
    assert told.count("posted") > 5
