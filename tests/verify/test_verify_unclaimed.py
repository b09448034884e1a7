"""The check of the whole finds what is forged about an estate that nobody inherited."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.book.numbers import entry_name
from ledger.chart.kinds import Kind
from ledger.estates.claimants import NameClaimants
from ledger.estates.unclaimed import PayUnclaimedEstate
from tests.support.approvals import asks_nobody
from tests.support.people import World
from tests.support.stories import entries
from tests.verify.tampering import chain_anew, found, rewritten, run, tampering

START, DIED, HELD, OVER = date(2025, 1, 1), date(2025, 3, 1), date(2025, 3, 2), date(2026, 3, 2)


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


@pytest.fixture
def book(world: World) -> int:
    """Nobody inherited it, it went to the pooled fund, and a spending came back later."""
    asks_nobody(world)
    book = world.open(opened_on=START, today=START)
    world.one(Contribute(book, 10_000, 202501, START, world.ref("c")), today=START)
    spent = world.one(Spend(book, 700, DIED, "H0001", world.ref("s")), today=DIED)
    death = world.one(ReportDeath(book, DIED, "certificate"), today=HELD)
    world.one(NameClaimants(book, (), (), HELD), today=HELD)
    world.one(PayUnclaimedEstate(book, death.seq, OVER, "notice"), today=OVER)
    world.one(Reverse(book, spent.seq, "never was"), today=OVER)
    return book


def said(world: World, book: int, change: Callable[[Any, list[int]], None]) -> set[tuple[str, str, str]]:
    """What is found once the two estate entries were changed."""
    seqs = [one.seq for one in entries(world.engine, book, Kind.ESTATE)]
    assert len(seqs) == 2
    with tampering(world.engine) as connection:
        change(connection, seqs)
        chain_anew(connection, book)
        return {(one.code, one.where, one.what) for one in found(connection)}


def test_it_is_clean_as_it_is(world: World, book: int) -> None:
    assert said(world, book, lambda _connection, _seqs: None) == set()


def test_money_that_went_to_another_side(world: World, book: int) -> None:
    def change(connection: Any, seqs: list[int]) -> None:
        rewritten(connection, book, seqs[0], lambda facts: facts.update(unclaimed_to="state"))
        rewritten(connection, book, seqs[1], lambda facts: facts.update(unclaimed_to="state"))

    told = said(world, book, change)
    assert {what for _code, _where, what in told} == {"it did not go whole to whom it says"}
    assert {code for code, _where, _what in told} == {"estate_wrong"}


def test_later_money_that_went_elsewhere(world: World, book: int) -> None:
    def change(connection: Any, seqs: list[int]) -> None:
        rewritten(connection, book, seqs[1], lambda facts: facts.update(unclaimed_to="state"))

    _, later = [one.seq for one in entries(world.engine, book, Kind.ESTATE)]
    wanted = ("estate_wrong", entry_name(book, later), "later money went elsewhere than the estate")
    assert said(world, book, change) == {wanted}


def test_somebody_who_was_named_before_it(world: World, book: int) -> None:
    [named] = [one.seq for one in entries(world.engine, book, Kind.ESTATE_CLAIMANTS)]

    def change(connection: Any, _seqs: list[int]) -> None:
        rewritten(connection, book, named, lambda facts: facts.update(pays=True))

    first, _ = [one.seq for one in entries(world.engine, book, Kind.ESTATE)]
    assert said(world, book, change) == {("estate_wrong", entry_name(book, first), "somebody inherits it")}


def test_money_of_the_state_that_is_nobodys(world: World, book: int) -> None:
    def change(connection: Any, seqs: list[int]) -> None:
        for seq in seqs:
            rewritten(connection, book, seq, lambda facts: facts.pop("unclaimed_to"))
        run(connection, "UPDATE transfer SET to_side = 14 WHERE book_id = :b AND to_side = 11", b=book)

    assert "money of an estate belongs to nobody" in {what for _, _, what in said(world, book, change)}
