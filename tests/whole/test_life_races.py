"""Everything that can happen to one account at once, on PostgreSQL: an allowed order, and no money lost.

A spending, a hold that runs out, a credit that comes late, a reversal, a death, its estate with claimants, an
estate that is taken back, a payment that bounces: each on a connection of its own, all let go at one moment.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from random import Random

import pytest
from sqlalchemy import Engine, func, select

from ledger import tables
from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import EndFreeze, Freeze
from ledger.accounts.holds import Capture, Expire, Hold
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.mutual_aid import EndQuota, GiveQuota
from ledger.accounts.spending import Spend
from ledger.care.entry_reversals import ReverseEntry
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.sides import POCKETS
from ledger.contributions.payment_reversals import ReversePayment
from ledger.estates.claimants import ConfirmEstate
from ledger.estates.undoing import UndoEstate
from ledger.people.residents import resident_ref
from ledger.posting import Command, Outcome, Posted, Waiting
from ledger.posting.outcomes import Unavailable
from ledger.refusals import Refused
from ledger.transfers.going_out import RequestTransfer
from tests.support.approvals import revived
from tests.support.chance import SEED
from tests.support.clinic import Clinic
from tests.support.people import SomeoneFactory, World
from tests.support.stories import Heir, entries, estate, row
from tests.support.units import Unit
from tests.whole.test_life_histories import law
from tests.whole.test_races import at_once

pytestmark = pytest.mark.postgres

ROUNDS = range(12)
MONTH = 202603
WAGE, OWN, OWED = 800_000, 16_000, 76_000


@pytest.fixture
def clinic(sound_engine: Engine) -> Clinic:
    return Clinic(World(sound_engine))


def each(world: World, commands: list[Command], dice: Random) -> dict[str, Outcome]:
    """Each command on a connection of its own, in an order of chance; by its own name what became of it."""
    dice.shuffle(commands)
    found = [answers[0] for answers in at_once(world, [[one] for one in commands])]
    # whom others kept overtaking sends the same again, as a caller does who is answered 503
    found = [
        world.post(command)[0] if isinstance(one, Unavailable) else one
        for one, command in zip(found, commands, strict=True)
    ]
    assert all(isinstance(one, Posted | Refused | Waiting) for one in found), found
    return {
        f"{type(command).__name__} {place}": one
        for place, (command, one) in enumerate(zip(commands, found, strict=True))
    }


def moved(world: World, book: int) -> int:
    """What all transfers of a book have left in its pockets, in fen."""
    t = tables.transfer.c
    with world.engine.connect() as connection:
        came, went = (
            connection.scalar(
                select(func.coalesce(func.sum(t.amount_fen), 0)).where(t.book_id == book, side.in_(POCKETS))
            )
            for side in (t.to_side, t.from_side)
        )
    return int(came or 0) - int(went or 0)


@pytest.mark.parametrize("round_", ROUNDS)
def test_everything_at_once_on_one_account(round_: int, clinic: Clinic) -> None:
    world, dice = clinic.world, Random(SEED + round_)
    someone, heir, relative = (SomeoneFactory() for _ in range(3))
    book = world.open(someone, opening=(50_000, 10_000))
    hers = world.open(heir)
    clinic.resident(relative)
    unit = Unit(world)
    unit.know(book, someone)
    unit.declare(MONTH, {book: WAGE})
    payment = world.one(unit.payment(OWED, world.today, MONTH))
    credit = world.one(Contribute(book, 700, MONTH, world.today, world.ref("c")))
    spent = world.one(Spend(book, 900, world.today, "H0001", world.ref("s")))
    hold = world.one(Hold(book, 5_000, world.now + timedelta(hours=1), "H0001", world.ref("h")))
    freeze = world.one(Freeze(book, "court", "paper", world.today - timedelta(days=9), None))
    world.one(EndFreeze(book, freeze.seq, "over"))
    digest = clinic.digest(relative)
    died = world.today - timedelta(days=1)
    world.now += timedelta(hours=2)
    claimants, stakes = law(world, book, [heir], "spouse")
    commands: list[Command] = [
        *(Spend(book, 20_000, died, "H0001", world.ref("s"), take_available=True) for _ in range(3)),
        Expire(book),
        Capture(book, hold.seq, 4_000, died, world.ref("cap")),
        *(Contribute(book, 1_300, MONTH, world.today, world.ref("late")) for _ in range(2)),
        ReverseEntry(book, credit.seq, "wrong"),
        ReverseEntry(book, spent.seq, "wrong"),
        ReverseEntry(book, freeze.seq, "wrong"),
        ReversePayment(unit.book, payment.seq, "bounced"),
        GiveQuota(book, digest, (digest, resident_ref(digest)), "child", 3_000, 1),
        ReportDeath(book, died, "certificate"),
        ConfirmEstate(book, claimants, stakes, world.today),
        estate(world, book, [Heir("child", "王五")], world.today),
        Spend(hers, 1_000, world.today, "H0001", world.ref("s"), take_available=True),
    ]
    outcomes = each(world, commands, dice)
    stands = row(world.engine, book)
    assert stands.current_year + stands.carried_over == moved(world, book)
    assert min(stands.current_year, stands.carried_over, stands.held, stands.reserved) >= 0
    told = Counter(type(one).__name__ for one in outcomes.values())
    assert told["Waiting"] == 0
    # whatever the order, the death is reported once and the payment is back
    assert len(entries(world.engine, book, Kind.DEATH)) == 1
    assert isinstance(_of(outcomes, "ReversePayment"), Posted)
    closed = [name for name in ("ConfirmEstate", "DivideEstate") if isinstance(_of(outcomes, name), Posted)]
    assert len(closed) <= 1
    assert (stands.stage == Stage.CLOSED) is bool(closed)
    if closed:
        assert stands.current_year + stands.carried_over == 0


def _of(outcomes: dict[str, Outcome], name: str) -> Outcome:
    [found] = [one for told, one in outcomes.items() if told.split()[0] == name]
    return found


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_death_that_was_none_at_once_with_its_estate_and_a_transfer(round_: int, clinic: Clinic) -> None:
    """Divided, or alive again; what was credited after the death is there again, or with the heirs."""
    world, dice = clinic.world, Random(SEED + round_)
    someone, relative, heir = (SomeoneFactory() for _ in range(3))
    book = world.open(someone, opening=(20_000, 30_000))
    hers = world.open(relative, opening=(10_000, 0))
    world.open(heir)
    unit = Unit(world)
    unit.know(book, someone)
    unit.declare(202607, {book: WAGE})
    unit.pay(OWED, world.today, 202607)
    clinic.give(book, relative, "30.00")
    clinic.give(hers, someone, "20.00")
    spent = world.one(Spend(book, 900, world.today, "H0001", world.ref("s")))
    hold = world.one(Hold(book, 5_000, world.now + timedelta(hours=1), "H0001", world.ref("h")))
    died = date(2026, 6, 20)
    world.one(ReportDeath(book, died, "certificate"))
    # what was spent after that day is no open item any more
    world.one(ReverseEntry(book, spent.seq, "of another person"))
    world.now += timedelta(hours=2)
    [asked] = world.post(WithdrawDeath(book, "a namesake", "registry", key=world.ref("alive")))
    assert isinstance(asked, Waiting), asked
    claimants, stakes = law(world, book, [heir], "child")
    commands: list[Command] = [
        revived(world, asked, "chief"),
        revived(world, asked, "other chief"),
        CorrectDeath(book, date(2026, 8, 1), "judgment"),
        ConfirmEstate(book, claimants, stakes, world.today),
        RequestTransfer(book, "330100", world.today, "paper"),
        Expire(book),
        Capture(book, hold.seq, 4_000, died, world.ref("cap")),
        *(Contribute(book, 1_300, 202605, world.today, world.ref("late")) for _ in range(2)),
        *(Spend(book, 2_000, world.today, "H0001", world.ref("s"), take_available=True) for _ in range(3)),
        EndQuota(hers, 2),
    ]
    outcomes = each(world, commands, dice)
    for one in (book, hers):
        stands = row(world.engine, one)
        assert stands.current_year + stands.carried_over == moved(world, one)
        assert min(stands.current_year, stands.carried_over, stands.reserved, stands.held) >= 0
    stands = row(world.engine, book)
    alive = entries(world.engine, book, Kind.DEATH_WITHDRAWAL)
    divided = isinstance(_of(outcomes, "ConfirmEstate"), Posted)
    assert (len(alive), divided) in [(1, False), (0, True), (0, False)]
    if divided:
        assert stands.stage == Stage.CLOSED
    elif alive:
        assert stands.stage in {Stage.ACTIVE, Stage.TRANSFERRING}
        assert stands.died_on is None
        assert unit.of(book, 202607).employee_paid == OWN


@pytest.mark.parametrize("round_", ROUNDS)
def test_an_estate_is_undone_while_the_heir_spends_and_more_comes(round_: int, clinic: Clinic) -> None:
    """What was paid comes back from the heir's account, or is owed by the heir, whoever was quicker."""
    world, dice = clinic.world, Random(SEED + round_)
    heirs = [SomeoneFactory() for _ in range(2)]
    theirs = [world.open(one) for one in heirs]
    book = world.open(opening=(10_001, 0))
    spent = world.one(Spend(book, 2_001, world.today, "H0001", world.ref("s")))
    death = world.one(ReportDeath(book, world.today, "certificate"))
    claimants, stakes = law(world, book, heirs, "child")
    world.one(ConfirmEstate(book, claimants, stakes, world.today))
    [asked] = world.post(UndoEstate(book, death.seq, "in error", "paper", key=world.ref("undo")))
    assert isinstance(asked, Waiting)
    commands: list[Command] = [
        revived(world, asked, "chief"),
        revived(world, asked, "other chief"),
        ReverseEntry(book, spent.seq, "wrong"),
        *(Spend(one, 3_000, world.today, "H0001", world.ref("s"), take_available=True) for one in theirs),
        *(Contribute(one, 500, MONTH, world.today, world.ref("c")) for one in theirs),
        ConfirmEstate(book, claimants, stakes, world.today),
    ]
    each(world, commands, dice)
    undone = entries(world.engine, book, Kind.ESTATE_UNDO)
    assert len(undone) == 1
    for one in (book, *theirs):
        stands = row(world.engine, one)
        assert stands.current_year + stands.carried_over == moved(world, one) >= 0
