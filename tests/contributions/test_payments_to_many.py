"""A payment's accounts are locked before it is decided, so that it is decided once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.contributions.declarations import Confirm
from ledger.contributions.payments import ReceivePayment
from ledger.people.sealed import SEALED_NUMBERS
from ledger.posting import Command, Desk, way_in
from ledger.verify import verify
from tests.support.people import SomeoneFactory, World, noon
from tests.support.units import Unit

WAGE = 800_000


class Tries:
    """How often payments were decided, and which books were locked for them, in the order of the tries."""

    def __init__(self) -> None:
        self.decided = 0
        self.locked: list[set[int]] = []


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tries]:
    found = Tries()
    decide, lock = ReceivePayment.decide, way_in.lock_books

    def counted(command: ReceivePayment, desk: Desk) -> None:
        found.decided += 1
        decide(command, desk)

    def noted(connection: Any, ids: Any) -> Any:
        found.locked.append(set(ids))
        return lock(connection, ids)

    monkeypatch.setattr(ReceivePayment, "decide", counted)
    monkeypatch.setattr(way_in, "lock_books", noted)
    return found


@pytest.fixture
def world(fresh_engine: Engine) -> World:
    return World(fresh_engine, now=noon(date(2026, 4, 10)))


def test_a_payment_is_decided_once_however_many_it_credits(world: World, tries: Tries) -> None:
    unit = Unit(world)
    staff = [unit.hire() for _ in range(5)]
    unit.declare(202603, dict.fromkeys(staff, WAGE))
    tries.locked.clear()
    unit.pay(5 * 76_000, world.today, 202603)
    assert (tries.decided, tries.locked) == (1, [{unit.book, *staff}])
    assert [unit.balance(person) for person in staff] == [16_000] * 5
    assert verify(world.engine).findings == []


def test_whoever_the_money_does_not_reach_is_not_locked(world: World, tries: Tries) -> None:
    """The month that it names comes first, then the oldest, until it is spent."""
    unit = Unit(world)
    people = {period: unit.hire() for period in (202601, 202602, 202603)}
    for period, person in people.items():
        unit.declare(period, {person: WAGE})
    tries.locked.clear()
    unit.pay(70_000, world.today, 202603)
    unit.pay(7_000, world.today, 202603)
    assert tries.locked == [{unit.book, people[202603]}, {unit.book, people[202601], people[202603]}]
    assert tries.decided == 2


def test_two_payments_of_a_batch_are_decided_once_each(world: World, tries: Tries) -> None:
    units = [Unit(world), Unit(world)]
    staff = [unit.hire() for unit in units]
    for unit, person in zip(units, staff, strict=True):
        unit.declare(202603, {person: WAGE})
    payments: list[Command] = [unit.payment(76_000, world.today, 202603) for unit in units]
    world.post(*payments)
    assert tries.decided == 2
    assert [unit.balance(person) for unit, person in zip(units, staff, strict=True)] == [16_000] * 2


def test_what_cannot_be_foreseen_is_locked_when_it_is_found(world: World, tries: Tries) -> None:
    """By the same batch: the list of the month is confirmed before its money comes."""
    unit = Unit(world)
    person = unit.hire()
    listed = unit.preview(202603, {person: WAGE})
    world.post(Confirm(unit.book, listed.seq, unit.reveal), unit.payment(76_000, world.today, 202603))
    assert tries.decided == 2
    assert unit.balance(person) == 16_000
    assert verify(world.engine).findings == []


@pytest.fixture
def numbers_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many accounts' ID numbers were read, each time that they were."""
    found: list[int] = []
    read = SEALED_NUMBERS.read

    def noted(connection: Any, asked: Any, desk: Desk) -> Any:
        numbers = read(connection, asked, desk)
        found.append(len(numbers))
        return numbers

    monkeypatch.setattr(SEALED_NUMBERS, "read", noted)
    return found


def test_id_numbers_are_read_only_where_two_may_tie_for_a_fen(
    world: World, tries: Tries, numbers_read: list[int]
) -> None:
    unit = Unit(world)
    staff = [unit.hire() for _ in range(3)]
    for period in (202602, 202603):
        unit.declare(period, dict.fromkeys(staff, WAGE))
    numbers_read.clear()
    unit.pay(3 * 76_000, world.today, 202603)
    assert (tries.decided, numbers_read) == (1, []), "paid in full, nobody ties"
    unit.pay(4, world.today, 202602)
    assert (tries.decided, numbers_read) == (2, [3]), "foreseen, and decided once"
    assert sum(unit.balance(person) for person in staff) >= 3 * 16_000
    assert verify(world.engine).findings == []


def test_a_tie_that_was_not_foreseen_is_decided_by_the_numbers_all_the_same(
    world: World, tries: Tries, numbers_read: list[int]
) -> None:
    """The money would reach all of both months, but for the late fees, which leave a part of the second."""
    unit = Unit(world)
    people = sorted((SomeoneFactory() for _ in range(3)), key=lambda one: one.id_number)
    staff = [unit.hire(one) for one in people]
    for period in (202601, 202602):
        unit.declare(period, dict.fromkeys(staff, WAGE))
    numbers_read.clear()
    unit.pay(2 * 3 * 76_000 + 4, world.today, 202601)
    assert (tries.decided, numbers_read) == (2, [3])
    paid = [unit.balance(person) for person in staff]
    assert 3 * 16_000 < sum(paid) < 2 * 3 * 16_000
    assert paid == sorted(paid, reverse=True), "a fen that is left is that of the first number"
    assert paid[0] == paid[2] + 1, "and one is left"
    assert verify(world.engine).findings == []
