"""Whoever is enrolled in the account that goes into another one goes on in that one (R2, R5)."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine, select

from ledger import tables
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.contributions.retirees import CreditRetiree
from ledger.estates.merging import MergeAccounts
from ledger.people.enrolled import read_enrolments
from ledger.people.enrolments import EndEnrolment, Enrol
from ledger.people.membership import Enrolment
from ledger.posting import Posted
from tests.estates.test_taken_back_after_merges import OPENED, PART, TODAY, WAGE, WHOLE, Three
from tests.support.approvals import asks_nobody
from tests.support.people import World, noon
from tests.support.stories import entries

NEXT = date(2026, 12, 20)


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return asks_nobody(World(sound_engine, now=noon(TODAY)))


def enrolled(world: World, account: int) -> list[Enrolment]:
    """By which words, without their numbers."""
    with world.engine.connect() as connection:
        return [one._replace(seq=0) for one in read_enrolments(connection, [account]).get(account, ())]


def test_who_is_enrolled_goes_on_in_the_account_that_stays(world: World) -> None:
    three = Three(world)
    employer = three.unit.book
    world.one(Enrol(three.third, MemberClass.ACTIVE, employer, date(2026, 2, 1), None, WAGE))
    world.one(Enrol(three.third, MemberClass.FLEXIBLE, None, date(2026, 1, 1), date(2026, 1, 31)))
    before = enrolled(world, three.third)
    three.merge()
    # what has ended is no matter of the other account
    going_on = [Enrolment(0, MemberClass.ACTIVE, employer, date(2026, 2, 1), None)]
    assert [enrolled(world, one) for one in (three.first, three.second)] == [going_on, going_on]
    assert enrolled(world, three.third) == before
    with world.engine.connect() as connection:
        wage = select(tables.enrolment.c.wage).where(tables.enrolment.c.book_id == three.first)
        assert connection.scalars(wage).all() == [WAGE]
    # its employer's list is assessed for the account that stays, and its months are paid there
    balance = three.balances()[0]
    three.unit.declare(202611, {three.first: WAGE}, today=NEXT)
    world.one(three.unit.payment(WHOLE, NEXT, 202611), today=NEXT)
    assert three.balances() == [balance + PART, 0, 0]
    # it is ended there by its own name, and the same again is that one
    [own] = entries(world.engine, three.first, Kind.ENROLMENT)
    [again] = world.post(Enrol(three.first, MemberClass.ACTIVE, employer, date(2026, 2, 1), None, WAGE))
    assert isinstance(again, Posted)
    assert (again.created, again.receipt.seq) == (False, own.seq)
    world.one(EndEnrolment(three.first, own.seq, date(2026, 11, 30)))
    assert [one.last for one in enrolled(world, three.first)] == [date(2026, 11, 30)]


def test_a_retiree_is_credited_on(world: World) -> None:
    three = Three(world)
    world.one(Enrol(three.third, MemberClass.RETIRED, None, OPENED, None))
    world.one(CreditRetiree(three.third, 202611))
    three.merge()
    before = three.balances()[0]
    assert world.refusal(CreditRetiree(three.first, 202611)) == "duplicate_source_ref"
    world.one(CreditRetiree(three.first, 202612), today=NEXT)
    assert three.balances()[0] == before + 11_000


@pytest.mark.parametrize("member_class", [MemberClass.RETIRED, MemberClass.FLEXIBLE])
def test_whoever_is_enrolled_in_the_account_that_stays_keeps_that(
    world: World, member_class: MemberClass
) -> None:
    """Which of two words counts is for a clerk to say."""
    three = Three(world)
    world.one(Enrol(three.first, member_class, None, date(2026, 3, 1), None))
    world.one(Enrol(three.third, MemberClass.ACTIVE, three.unit.book, date(2026, 2, 1), None))
    three.merge()
    assert enrolled(world, three.first) == [Enrolment(0, member_class, None, date(2026, 3, 1), None)]


def test_what_had_ended_in_the_account_that_stays_is_no_word(world: World) -> None:
    three = Three(world)
    world.one(Enrol(three.first, MemberClass.ACTIVE, three.unit.book, OPENED, date(2026, 1, 31)))
    world.one(Enrol(three.third, MemberClass.FLEXIBLE, None, date(2026, 2, 1), date(2026, 12, 31)))
    three.merge()
    assert [(one.member_class, one.last) for one in enrolled(world, three.first)] == [
        (MemberClass.ACTIVE, date(2026, 1, 31)),
        (MemberClass.FLEXIBLE, date(2026, 12, 31)),
    ]


def test_in_one_batch_with_what_comes_before_it(world: World) -> None:
    three = Three(world)
    found = world.post(
        Enrol(three.third, MemberClass.FLEXIBLE, None, date(2026, 2, 1), None, WAGE),
        Spend(three.third, 100, TODAY, "H0001", "s"),
        MergeAccounts(three.third, three.second, "finding"),
    )
    assert all(isinstance(one, Posted) for one in found)
    [word] = enrolled(world, three.second)
    assert (word.member_class, word.first) == (MemberClass.FLEXIBLE, date(2026, 2, 1))
    [entry] = entries(world.engine, three.second, Kind.ENROLMENT)
    assert unpack(entry.detail)["wage"] == WAGE
