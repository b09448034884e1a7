"""A document whose entry was reversed is taken again, and again after that; one that stands is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from ledger.accounts.contributing import Contribute
from ledger.accounts.holds import Capture, Hold
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.posting import Command, Posted
from ledger.refusals import Refused
from ledger.verify import verify
from tests.support.people import World
from tests.support.stories import row


@pytest.fixture
def world(fresh_engine: Engine) -> World:
    return World(fresh_engine)


def spend(world: World, account: int, ref: str = "bill-1", **more: object) -> Spend:
    command = Spend(account, 500, world.today, "H0001", ref)
    vars(command).update(more)
    return command


def credit(world: World, account: int, ref: str = "paper-1") -> Contribute:
    return Contribute(account, 500, 202611, world.today, ref)


@pytest.mark.parametrize("make", [spend, credit])
def test_a_document_comes_again_once_it_was_reversed(world: World, make: object) -> None:
    account = world.open(opening=(5_000, 0))
    first = world.one(make(world, account))
    assert world.refusal(make(world, account)) == "duplicate_source_ref"
    for _ in range(3):
        back = world.one(Reverse(account, first.seq, "by mistake"))
        again = world.one(make(world, account))
        assert (again.source_ref, again.target_seq) == (first.source_ref, back.seq)
        assert world.refusal(make(world, account)) == "duplicate_source_ref"
        # the first one stays reversed, and its reversal is none that can be reversed
        assert world.refusal(Reverse(account, first.seq, "again")) == "already_reversed"
        assert world.refusal(Reverse(account, back.seq, "again")) == "not_reversible"
        first = again
    assert verify(world.engine).findings == []


def test_of_a_document_that_was_never_booked_nothing_is_said(world: World) -> None:
    account = world.open(opening=(5_000, 0))
    first = world.one(spend(world, account, "bill-1"))
    world.one(Reverse(account, first.seq, "by mistake"))
    assert world.one(spend(world, account, "bill-2")).target_seq is None
    # a spending's document is none of a contribution's
    assert world.one(credit(world, account, "bill-1")).target_seq is None


def test_a_captured_document_comes_again_with_another_hold(world: World) -> None:
    account = world.open(opening=(5_000, 0))

    def captured() -> Capture:
        until = world.now + timedelta(days=1)
        hold = world.one(Hold(account, 500, until, "H0001", world.ref()))
        return Capture(account, hold.seq, 400, world.today, "bill-1")

    first = world.one(captured())
    assert world.refusal(captured()) == "duplicate_source_ref"
    world.one(Reverse(account, first.seq, "by mistake"))
    world.one(captured())
    assert world.refusal(captured()) == "duplicate_source_ref"
    assert verify(world.engine).findings == []


def said(world: World, *commands: Command, atomic: bool = False) -> list[str]:
    return [
        "posted" if isinstance(outcome, Posted) else outcome.code.value
        for outcome in world.post(*commands, atomic=atomic)
        if isinstance(outcome, Posted | Refused)
    ]


@pytest.mark.parametrize("atomic", [False, True])
def test_all_of_it_in_one_batch(world: World, atomic: bool) -> None:
    account = world.open(opening=(5_000, 0))
    commands = (
        spend(world, account),
        # the second entry is the turn of the year
        Reverse(account, 3, "by mistake"),
        spend(world, account),
        Reverse(account, 5, "by mistake"),
        spend(world, account),
    )
    assert said(world, *commands, atomic=atomic) == ["posted"] * 5
    assert said(world, spend(world, account)) == ["duplicate_source_ref"]
    assert row(world.engine, account).carried_over == 4_500
    assert verify(world.engine).findings == []


def test_the_key_tells_what_was_answered_first(world: World) -> None:
    """The same request under its own key is the first answer again, also after the reversal."""
    account = world.open(opening=(5_000, 0))
    command = spend(world, account, key="k-1")
    first = world.one(command)
    world.one(Reverse(account, first.seq, "by mistake"))
    again = world.posted(command)
    assert (again.replayed, again.receipt.seq) == (True, first.seq)
    assert world.one(spend(world, account, key="k-2")).seq == first.seq + 2
