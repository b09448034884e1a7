"""A single credit is reversed after its holder has died, moved, or left for good: what the account no longer
has is a receivable, because nobody will ever put it there again (R16, R31)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.contributing import Contribute
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.care.entry_reversals import ReverseEntry
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.contributions.retirees import CreditRetiree
from ledger.estates.undoing import UndoEstate
from ledger.people.enrolments import Enrol
from ledger.posting import Command, Receipt
from ledger.refusals import RefusalCode
from ledger.transfers.going_out import RequestTransfer
from tests.contributions.test_payments_of_the_gone import (
    came_back,
    died,
    divided,
    divided_and_undone,
    left,
    lives,
    sent,
    transferred,
)
from tests.support.approvals import asks_nobody
from tests.support.people import World, noon
from tests.support.stories import Heir, entries, estate, moves, row

R = RefusalCode
OPENED, MONTH = date(2026, 1, 1), 202603


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return asks_nobody(World(sound_engine, now=noon(date(2026, 11, 21))))


def straight(world: World) -> Receipt:
    book = world.open(opened_on=OPENED, today=OPENED)
    return world.one(Contribute(book, 12_345, MONTH, date(2026, 4, 10), "paper 1"))


def retired(world: World) -> Receipt:
    book = world.open(opened_on=OPENED, today=OPENED)
    world.one(Enrol(book, MemberClass.RETIRED, None, OPENED, None), today=OPENED)
    return world.one(CreditRetiree(book, MONTH))


def back(credit: Receipt) -> Command:
    return ReverseEntry(credit.book_id, credit.seq, "wrong person")


def balance(world: World, book: int) -> int:
    found = row(world.engine, book)
    return int(found.current_year + found.carried_over)


def spent(world: World, credit: Receipt, fen: int) -> None:
    world.one(Spend(credit.book_id, fen, date(2026, 5, 2), "H0001", world.ref("s")))


@pytest.mark.parametrize("make", [straight, retired])
@pytest.mark.parametrize("go", [divided, left])
def test_of_a_closed_account_all_of_it_is_owed(world: World, make: Any, go: Callable[..., Any]) -> None:
    credit = make(world)
    book, source = credit.book_id, Side(credit.transfers[0][0])
    go(world, book)
    done = world.one(back(credit))
    assert moves(world.engine, book, done.seq) == [(Side.RECEIVABLE, source, credit.amount_fen)]
    assert (unpack(done.detail)["receivable"], balance(world, book)) == (credit.amount_fen, 0)
    assert world.refusal(back(credit)) == R.ALREADY_REVERSED


@pytest.mark.parametrize("go", [transferred, sent])
def test_of_somebody_insured_elsewhere_it_is_owed(world: World, go: Callable[..., Any]) -> None:
    credit = straight(world)
    go(world, credit.book_id)
    done = world.one(back(credit))
    assert unpack(done.detail)["receivable"] == credit.amount_fen


def test_what_came_back_is_taken_as_ever(world: World) -> None:
    credit = straight(world)
    came_back(world, credit.book_id)
    assert "receivable" not in unpack(world.one(back(credit)).detail)


def test_the_living_are_asked_for_all_of_it(world: World) -> None:
    credit = straight(world)
    spent(world, credit, 45)
    assert world.refusal(back(credit)) == R.INSUFFICIENT_BALANCE


@pytest.mark.parametrize("make", [straight, retired])
def test_of_the_dead_it_is_set_off_in_the_estate(world: World, make: Any) -> None:
    """100.00 come afterwards, of which the estate first pays what is owed."""
    credit = make(world)
    book = credit.book_id
    spent(world, credit, 45)
    died(world, book)
    done = world.one(back(credit))
    assert (unpack(done.detail)["receivable"], balance(world, book)) == (45, 0)
    world.one(Contribute(book, 10_000, 202604, date(2026, 5, 10), "paper 2"))
    told = unpack(world.one(estate(world, book, [Heir("child", "王五")], world.today)).detail)
    assert [(line["owed"], line["amount"]) for line in told["set_off"]] == [(45, 45)]


def test_after_a_division_that_was_undone_it_is_set_off_in_the_next(world: World) -> None:
    credit = straight(world)
    book = credit.book_id
    world.one(Contribute(book, 5_000, 202604, date(2026, 5, 10), "paper 2"))
    divided(world, book)
    world.one(back(credit))
    death = entries(world.engine, book, Kind.DEATH)[-1].seq
    world.one(UndoEstate(book, death, "in error", "paper", key="undo"))
    told = unpack(world.one(estate(world, book, [Heir("child", "王五")], world.today)).detail)
    assert [(line["owed"], line["amount"]) for line in told["set_off"]] == [(12_345, 12_345)]


def test_who_lives_after_all_owes_it(world: World) -> None:
    """And it holds up whoever leaves, as any debt."""
    credit = straight(world)
    book = credit.book_id
    spent(world, credit, 45)
    died(world, book)
    world.one(back(credit))
    lives(world, book)
    assert world.refusal(RequestTransfer(book, "330100", world.today, "paper")) == R.OPEN_ITEMS


def test_an_undone_division_gives_what_was_there(world: World) -> None:
    credit = straight(world)
    divided_and_undone(world, credit.book_id)
    assert "receivable" not in unpack(world.one(back(credit)).detail)
