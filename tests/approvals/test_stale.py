"""What waits is about what stood when it was asked for, and about nothing that came after (R68)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.book.detail import unpack
from ledger.chart.matrix import Stage
from ledger.estates.claimants import NameClaimants
from ledger.estates.disputes import AgreeOnEstate, DisputeEstate
from ledger.estates.undoing import UndoEstate
from ledger.people.persons import stake_by_name
from ledger.posting import Command, Outcome, Posted, Receipt
from ledger.refusals import RefusalCode, Refused
from tests.support.approvals import approved, by_two, waits
from tests.support.people import SomeoneFactory, World
from tests.support.stories import Heir, claims, confirming, estate, row

R = RefusalCode
OPENED, DIED, AGAIN = date(2026, 1, 5), date(2026, 6, 15), date(2026, 11, 20)
# of which the example area asks two people
LARGE = (0, 20_000_000)
SPOUSE, CHILD = Heir("spouse", "王五"), Heir("child", "李四")


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return World(sound_engine)


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


def confirmation(world: World, book: int, heirs: Sequence[Heir] = (SPOUSE, CHILD)) -> Command:
    return keyed(world, confirming(world, book, heirs, world.today))


def short(world: World, book: int, heirs: Sequence[Heir] = (SPOUSE, CHILD)) -> Command:
    return keyed(world, estate(world, book, heirs, world.today))


@pytest.mark.parametrize("asking", [confirmation, short])
def test_an_estate_is_not_paid_to_those_who_were_replaced_meanwhile(
    world: World, asking: Callable[[World, int], Command]
) -> None:
    book = world.open(opened_on=OPENED, opening=LARGE)
    die(world, book)
    name(world, book, [SPOUSE, CHILD])
    asked = waits(world, asking(world, book))
    name(world, book, [CHILD])
    assert code(approved(world, asked)) is R.HEIRS_DISPUTED
    assert row(world.engine, book).stage == Stage.DECEASED


def test_an_estate_is_paid_though_the_same_were_named_again(world: World) -> None:
    book = world.open(opened_on=OPENED, opening=LARGE)
    die(world, book)
    name(world, book, [CHILD])
    asked = waits(world, confirmation(world, book))
    name(world, book, [SPOUSE, CHILD])
    assert isinstance(approved(world, asked), Posted)


def test_an_estate_that_waited_through_a_dispute_is_paid_as_was_agreed(world: World) -> None:
    book = world.open(opened_on=OPENED, opening=LARGE)
    death = die(world, book)
    name(world, book, [SPOUSE, CHILD])
    asked = waits(world, confirmation(world, book))
    by = stake_by_name("王五", f"{book}|1", world.keyring)
    world.one(DisputeEstate(book, death.seq, (by,), "letter"))
    assert code(approved(world, asked)) is R.HEIRS_DISPUTED
    named, _stakes = claims(world, book, [SPOUSE, CHILD])
    shares = tuple((one.name_digest, share) for one, share in zip(named, ("0.9", "0.1"), strict=True))
    world.one(AgreeOnEstate(book, death.seq, shares, "agreement"))
    done = approved(world, asked)
    assert isinstance(done, Posted)
    first, second = (line["amount"] for line in unpack(done.receipt.detail)["heirs"])
    assert first + second == done.receipt.amount_fen
    # nine to one, to the fen
    assert abs(first - 9 * second) < 10


@pytest.mark.parametrize("asking", [confirmation, short])
def test_an_estate_that_was_undone_meanwhile_is_not_paid_again(
    world: World, asking: Callable[[World, int], Command]
) -> None:
    book = world.open(opened_on=OPENED, opening=LARGE)
    death = die(world, book)
    first, other = (waits(world, asking(world, book)) for _ in range(2))
    assert isinstance(approved(world, first), Posted)
    by_two(world, undoing(world, book, death))
    assert code(approved(world, other)) is R.HEIRS_DISPUTED
    # asked for anew it is
    assert by_two(world, asking(world, book)).amount_fen >= sum(LARGE)


@pytest.mark.parametrize("asking", [confirmation, short])
def test_an_estate_is_of_the_death_that_there_was(
    world: World, asking: Callable[[World, int], Command]
) -> None:
    book = world.open(opened_on=OPENED, opening=LARGE)
    die(world, book)
    asked = waits(world, asking(world, book))
    by_two(world, withdrawal(world, book))
    die(world, book, AGAIN)
    assert code(approved(world, asked)) is R.ACCOUNT_NOT_DECEASED
