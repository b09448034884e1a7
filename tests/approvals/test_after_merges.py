"""What waits for a second person, or is announced, while its account goes into another one (R2, R51, R68)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import Engine

from ledger.approvals import waiting
from ledger.approvals.deciding import reject
from ledger.approvals.waiting import ApprovalWord
from ledger.book.detail import unpack
from ledger.book.numbers import approval_name, entry_name
from ledger.chart.approvals import ApprovalState
from ledger.estates.merging import MergeAccounts
from ledger.inquiry.asking import Clerk
from ledger.owed.demands import DemandBack, PayInstalment
from ledger.posting import Command, Outcome, Posted
from ledger.refusals import RefusalCode, Refused
from ledger.transfers.coming_in import AnnounceTransfer, CreditTransfer
from ledger.transfers.exits import PayExit
from ledger.transfers.going_out import RejectTransfer, RequestTransfer
from tests.support.approvals import LARGE, approved, by_two, large, waits
from tests.support.people import SomeoneFactory, World
from tests.support.stories import row

R = RefusalCode


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return World(sound_engine)


def pair(world: World) -> tuple[int, int]:
    """The older account and the younger one of one person."""
    older, younger = (SomeoneFactory(name="张三") for _ in range(2))
    return world.open(older, opened_on=date(2020, 1, 1)), world.open(younger, opened_on=date(2021, 1, 1))


def merging(world: World, younger: int, older: int) -> MergeAccounts:
    return MergeAccounts(younger, older, "finding 118", key=world.ref("merge"))


def code(outcome: Outcome) -> RefusalCode:
    assert isinstance(outcome, Refused), outcome
    return outcome.code


def balances(world: World, *books: int) -> list[int]:
    rows = [row(world.engine, book) for book in books]
    return [one.current_year + one.carried_over for one in rows]


def test_what_waits_on_the_younger_account_is_refused_cleanly_and_asked_for_anew(world: World) -> None:
    older, younger = pair(world)
    sent = large(world, younger)
    asked = waits(world, sent)
    by_two(world, merging(world, younger, older))
    # it was about an account that takes nothing more: no approval can be given, however often it is tried
    for _ in range(2):
        assert code(approved(world, asked)) is R.ACCOUNT_CLOSED
    assert balances(world, older, younger) == [0, 0]
    # sent again, under whatever key, it waits where it leads to, and once
    anew = waits(world, replace(sent))
    assert anew.book_id == older
    assert isinstance(approved(world, anew), Posted)
    assert balances(world, older, younger) == [LARGE, 0]
    assert code(approved(world, asked)) is R.ACCOUNT_CLOSED
    assert balances(world, older, younger) == [LARGE, 0]


def test_what_waits_on_the_younger_account_may_be_rejected(world: World) -> None:
    older, younger = pair(world)
    asked = waits(world, large(world, younger))
    by_two(world, merging(world, younger, older))
    name = approval_name(asked.book_id, asked.number)
    with world.engine.connect() as connection:
        done = reject(connection, name, "merged", Clerk("test", "chief", world.now, world.today))
        assert done.word(world.now) is ApprovalWord.REJECTED
        assert waiting.find(connection, name).state is ApprovalState.REJECTED


def test_two_mergers_that_wait_are_one(world: World) -> None:
    older, younger = pair(world)
    asked = [waits(world, merging(world, younger, older)) for _ in range(2)]
    assert isinstance(approved(world, asked[0]), Posted)
    assert code(approved(world, asked[1])) is R.ACCOUNT_CLOSED


def test_what_waits_on_the_account_that_stays_goes_on(world: World) -> None:
    older, younger = pair(world)
    asked = waits(world, large(world, older))
    by_two(world, merging(world, younger, older))
    assert isinstance(approved(world, asked), Posted)
    assert balances(world, older, younger) == [LARGE, 0]


def test_a_transfer_that_is_announced_holds_up_the_merger_and_is_named(world: World) -> None:
    older, younger = pair(world)
    announced = world.one(AnnounceTransfer(younger, "330100", "sheet 7", 100, 200, 0, 300))
    [refused] = world.post(merging(world, younger, older))
    assert code(refused) is R.OPEN_ITEMS
    assert isinstance(refused, Refused)
    name = entry_name(younger, announced.seq)
    assert refused.facts["items"] == [{"what": "transfer", "name": name, "where": "330100"}]
    # one for the account that stays holds up nothing
    world.one(AnnounceTransfer(older, "330200", "sheet 8", 0, 50, 0, 50))
    world.one(CreditTransfer(younger, announced.seq, world.today, 300, "bank-1"))
    by_two(world, merging(world, younger, older))
    assert balances(world, older, younger) == [300, 0]


def test_one_that_came_to_nothing_holds_it_up_no_more(world: World) -> None:
    older, younger = pair(world)
    announced = world.one(AnnounceTransfer(younger, "330100", "sheet 7", 100, 200, 0, 300))
    asked: Command = merging(world, younger, older)
    assert code(world.post(asked)[0]) is R.OPEN_ITEMS
    world.one(RejectTransfer(younger, announced.seq, "never sent"))
    by_two(world, merging(world, younger, older))
    late = CreditTransfer(younger, announced.seq, world.today, 300, "bank-1")
    assert world.refusal(late) is R.ACCOUNT_CLOSED


def test_one_that_is_announced_after_the_merger_was_asked_for_is_seen_when_it_is_approved(
    world: World,
) -> None:
    older, younger = pair(world)
    asked = waits(world, merging(world, younger, older))
    world.one(AnnounceTransfer(younger, "330100", "sheet 7", 100, 200, 0, 300))
    assert code(approved(world, asked)) is R.OPEN_ITEMS


@pytest.mark.parametrize("which", [0, 1])
def test_a_transfer_out_that_is_asked_for_refuses_it(world: World, which: int) -> None:
    older, younger = pair(world)
    asked = world.one(RequestTransfer((older, younger)[which], "330100", world.today, "paper"))
    assert world.refusal(merging(world, younger, older)) is R.ACCOUNT_TRANSFERRING
    world.one(RejectTransfer((older, younger)[which], asked.seq, "stays"))
    by_two(world, merging(world, younger, older))


def test_an_exit_that_waits_on_the_younger_account_is_refused_cleanly(world: World) -> None:
    older, younger = pair(world)
    asked = waits(world, PayExit(younger, "settled_abroad", "visa", world.today, key=world.ref("exit")))
    by_two(world, merging(world, younger, older))
    assert code(approved(world, asked)) is R.ACCOUNT_CLOSED


def test_what_is_about_an_entry_of_the_younger_account_is_about_none_of_the_other(world: World) -> None:
    """Both have a demand under one number: what is paid of the one is nothing of the other."""
    older, younger = pair(world)
    demands = [DemandBack(book, 1_500, "paid twice", world.ref("paper")) for book in (older, younger)]
    [seq] = {world.one(demand).seq for demand in demands}
    world.one(PayInstalment(younger, seq, 1_500, world.today, "bank-1"))
    by_two(world, merging(world, younger, older))
    assert world.refusal(PayInstalment(younger, seq, 700, world.today, "bank-2")) is R.DEMAND_PAID
    told = world.one(PayInstalment(older, seq, 1_500, world.today, "bank-3"))
    assert unpack(told.detail)["still_owed"] == 0
