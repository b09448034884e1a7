"""What waits is about what stood when it was asked for, and about nothing that came after (R68)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.chart.matrix import Stage
from ledger.estates.claimants import NameClaimants
from ledger.estates.undoing import UndoEstate
from ledger.posting import Command, Outcome, Posted, Receipt
from ledger.refusals import RefusalCode, Refused
from ledger.verify import verify
from tests.support.approvals import approved, by_two, waits
from tests.support.people import SomeoneFactory, World
from tests.support.stories import Heir, claims, confirming, row

R = RefusalCode
OPENED, DIED, AGAIN = date(2026, 1, 5), date(2026, 6, 15), date(2026, 11, 20)
# of which the example area asks two people
LARGE = (0, 20_000_000)
SPOUSE, CHILD = Heir("spouse", "王五"), Heir("child", "李四")


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    world = World(engine)
    yield world
    assert verify(engine).findings == []


def keyed(world: World, command: Command) -> Command:
    command.key = world.ref("asked")
    return command


def die(world: World, book: int, on: date = DIED) -> Receipt:
    return world.one(ReportDeath(book, on, "certificate", key=world.ref("death")))


def withdrawal(world: World, book: int) -> WithdrawDeath:
    return WithdrawDeath(book, "a namesake", "registry 7", key=world.ref("withdrawal"))


def undoing(world: World, book: int, death: Receipt) -> UndoEstate:
    return UndoEstate(book, death.seq, "in error", "paper", key=world.ref("undo"))


def name(world: World, book: int, heirs: Sequence[Heir]) -> Receipt:
    named, stakes = claims(world, book, heirs)
    return world.one(NameClaimants(book, tuple(named), tuple(stakes), world.today))


def code(outcome: Outcome) -> RefusalCode:
    assert isinstance(outcome, Refused), outcome
    return outcome.code


def test_a_withdrawal_is_of_the_report_that_there_was(world: World) -> None:
    book = world.open(opened_on=OPENED)
    die(world, book)
    first, other = (waits(world, withdrawal(world, book)) for _ in range(2))
    assert isinstance(approved(world, first), Posted)
    assert code(approved(world, other)) is R.ACCOUNT_NOT_DECEASED
    die(world, book, AGAIN)
    assert code(approved(world, other)) is R.ACCOUNT_NOT_DECEASED
    assert row(world.engine, book).stage == Stage.DECEASED
    # and of that one it can be asked for
    assert by_two(world, withdrawal(world, book)).target_seq is not None


def test_a_withdrawal_stands_though_the_day_was_corrected(world: World) -> None:
    book = world.open(opened_on=OPENED)
    die(world, book)
    asked = waits(world, withdrawal(world, book))
    world.one(CorrectDeath(book, AGAIN, "certificate", key=world.ref("correction")))
    assert isinstance(approved(world, asked), Posted)


def test_an_undoing_is_of_the_division_that_there_was(world: World) -> None:
    book = world.open(opened_on=OPENED, opening=(10_000, 0))
    death = die(world, book)
    one, two = SomeoneFactory(), SomeoneFactory()
    accounts = [world.open(heir, opened_on=OPENED) for heir in (one, two)]
    world.one(keyed(world, confirming(world, book, [Heir("child", one)], world.today)))
    first, other = (waits(world, undoing(world, book, death)) for _ in range(2))
    assert isinstance(approved(world, first), Posted)
    world.one(keyed(world, confirming(world, book, [Heir("child", two)], world.today)))
    assert code(approved(world, other)) is R.ESTATE_NOT_CONFIRMED
    assert [row(world.engine, heir).carried_over > 0 for heir in accounts] == [False, True]
