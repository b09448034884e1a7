"""A division that is undone never was: its year earns on, also for the days without money (R58, K5)."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.interest_corrections import CorrectInterest
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.book.detail import unpack
from ledger.care.reports import stored_policy
from ledger.estates.undoing import UndoEstate
from ledger.inquiry.interest_working import InterestWorking, interest_working
from ledger.inquiry.statements import AccountStatement, statement
from ledger.posting import Posted, Receipt
from ledger.refusals import RefusalCode, Refused
from ledger.reports import look
from ledger.transfers.going_out import RejectTransfer, RequestTransfer, SendTransfer
from ledger.verify import verify
from tests.accounts.test_interest_corrections import with_rate
from tests.support.approvals import asks_nobody
from tests.support.people import AREA, World
from tests.support.stories import Heir, confirming, pockets, row

START = date(2026, 1, 1)
DIED = date(2026, 4, 2)
PAID = date(2026, 4, 20)
PASSED_OVER = {RefusalCode.ACCOUNT_CLOSED, RefusalCode.PERIOD_CLOSED}


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return asks_nobody(World(sound_engine))


def opened(world: World) -> int:
    """A life with money in both pockets, and a month's credit before the death."""
    book = world.open(opened_on=START, opening=(1_234_567, 87_654_321), today=START)
    world.one(Contribute(book, 16_003, 202603, date(2026, 3, 9), world.ref()), today=date(2026, 3, 9))
    return book


def died(world: World, book: int, day: date = DIED) -> Receipt:
    return world.one(ReportDeath(book, day, "certificate"), today=day)


def divided(world: World, book: int, day: date, *heirs: Heir, today: date | None = None) -> Receipt:
    named = heirs or (Heir("spouse", "王五"), Heir("child", "王六"))
    return world.one(confirming(world, book, named, day), today=today or day)


def undone(world: World, book: int, death: Receipt, day: date) -> Receipt:
    return world.one(UndoEstate(book, death.seq, "in error", "paper"), today=day)


def withdrawn(world: World, book: int, day: date) -> Receipt:
    return world.one(WithdrawDeath(book, "a namesake", "registry 7"), today=day)


def same(world: World, book: int, twin: int, today: date) -> None:
    assert pockets(world.engine, book, today) == pockets(world.engine, twin, today)
    ours, theirs = row(world.engine, book), row(world.engine, twin)
    assert (ours.interest_year, ours.stage) == (theirs.interest_year, theirs.stage)


def stated(world: World, book: int, year: int, version: int | None = None) -> AccountStatement:
    with look(world.engine) as connection:
        return statement(connection, book, year, date(2031, 1, 1), version)


def worked(world: World, book: int, year: int, today: date = date(2031, 1, 1)) -> InterestWorking:
    with look(world.engine) as connection:
        stored = lambda version: stored_policy(connection, version)  # noqa: E731  # one line, used once
        return interest_working(connection, book, year, today, world.policies, stored)


WAYS: dict[str, tuple[date, date, date]] = {
    "within the year": (PAID, date(2026, 7, 10), date(2026, 8, 1)),
    "at once": (PAID, PAID, PAID),
    "on the first day of a year": (date(2027, 1, 1), date(2027, 2, 3), date(2027, 3, 4)),
    "on the last day of a year": (date(2026, 12, 31), date(2027, 2, 3), date(2027, 3, 4)),
    "undone in the next year": (PAID, date(2027, 2, 3), date(2027, 3, 4)),
    "withdrawn in the next year": (PAID, date(2026, 7, 10), date(2027, 3, 4)),
    "two year ends while it was closed": (PAID, date(2028, 2, 3), date(2028, 3, 4)),
    "two year ends while it was open": (PAID, date(2026, 7, 10), date(2028, 3, 4)),
}


@pytest.mark.parametrize("way", WAYS)
def test_after_undo_and_withdrawal_it_earns_what_a_twin_earns(world: World, way: str) -> None:
    paid, back, alive = WAYS[way]
    book, twin = opened(world), opened(world)
    death = died(world, book)
    ends(world, 2026, paid.year, book, twin)
    before = pockets(world.engine, book, paid)
    divided(world, book, paid)
    ends(world, paid.year, back.year, book, twin)
    undone(world, book, death, back)
    # nothing is of this year yet: the account stands in the year of the division
    assert [str(one) for one in verify(world.engine).findings] == []
    if back.year == paid.year:
        assert pockets(world.engine, book, back) == before
    ends(world, back.year, alive.year, book, twin)
    withdrawn(world, book, alive)
    ends(world, alive.year, alive.year + 1, book, twin)
    same(world, book, twin, date(alive.year + 1, 1, 6))
    for year in range(2026, alive.year + 1):
        ours, theirs = worked(world, book, year), worked(world, twin, year)
        assert (ours.rows, ours.total_fen, ours.last) == (theirs.rows, theirs.total_fen, theirs.last)
        told, others = stated(world, book, year), stated(world, twin, year)
        assert (told.interest, told.told.pockets) == (others.interest, others.told.pockets)
        assert told.told.opening_fen == others.told.opening_fen
        assert told.told.closing_fen == others.told.closing_fen


def ends(world: World, first: int, until: int, *books: int) -> None:
    """The ends of some years, which pass accounts over that are closed."""
    for year in range(first, until):
        for book in books:
            outcome = world.post(PostInterest(book, year), today=date(year + 1, 1, 1))[0]
            assert isinstance(outcome, Posted) or (
                isinstance(outcome, Refused) and outcome.code in PASSED_OVER
            )


def test_divided_anew_it_earns_to_the_day_before_the_payout_that_stands(world: World) -> None:
    """The days between are days of the account, as often as it was divided in error (R54, K5)."""
    book, twin = opened(world), opened(world)
    death = died(world, book)
    died(world, twin)
    divided(world, book, PAID)
    undone(world, book, death, date(2026, 5, 11))
    divided(world, book, date(2026, 6, 12))
    undone(world, book, death, date(2026, 9, 13))
    # the newest version is of a year that goes on, and those before it read as they did
    assert stated(world, book, 2026).told.version is None
    assert [stated(world, book, 2026, version).told.last for version in (1, 2)] == [
        PAID,
        date(2026, 6, 12),
    ]
    # also of a day before the one on which it was undone
    found = [divided(world, one, date(2026, 8, 14), today=date(2026, 9, 14)) for one in (book, twin)]
    assert found[0].amount_fen == found[1].amount_fen
    assert unpack(found[0].detail)["interest"] == unpack(found[1].detail)["interest"] > 0
    ours, theirs = worked(world, book, 2026), worked(world, twin, 2026)
    assert (ours.rows, ours.total_fen, ours.last) == (theirs.rows, theirs.total_fen, theirs.last)
    assert ours.last == date(2026, 8, 13)
    told, others = stated(world, book, 2026), stated(world, twin, 2026)
    assert (told.told.version, others.told.version) == (3, 1)
    assert told.told.interest_fen == others.told.interest_fen == ours.total_fen
    assert (told.interest, told.told.last) == (others.interest, others.told.last)


@pytest.mark.parametrize(
    ("later", "back"),
    [
        (PAID, date(2026, 9, 1)),
        (date(2026, 6, 1), date(2026, 9, 1)),
        (date(2026, 6, 1), date(2027, 2, 3)),
        (date(2027, 1, 20), date(2027, 2, 3)),
    ],
)
def test_what_came_since_comes_back_on_its_own_day(world: World, later: date, back: date) -> None:
    """A hospital gives back what it took, after the money had gone; then nobody was dead (R33)."""
    book, twin = opened(world), opened(world)
    spent = [
        world.one(Spend(one, 300_000, date(2026, 3, 20), "H0001", world.ref()), today=date(2026, 3, 20))
        for one in (book, twin)
    ]
    death = died(world, book)
    divided(world, book, PAID)
    ends(world, 2026, later.year, book, twin)
    for one, bill in zip((book, twin), spent, strict=True):
        world.one(Reverse(one, bill.seq, "never was"), today=later)
    ends(world, later.year, back.year, book, twin)
    undone(world, book, death, back)
    withdrawn(world, book, back)
    ends(world, back.year, back.year + 1, book, twin)
    assert sum(pockets(world.engine, book, date(2028, 1, 5))) == sum(
        pockets(world.engine, twin, date(2028, 1, 5))
    )
    assert worked(world, book, back.year).total_fen == worked(world, twin, back.year).total_fen


def test_what_corrected_the_interest_of_a_division_goes_back_with_it(world: World) -> None:
    """It was the difference of a year that was cut short, and the heirs had had it (R33, K5)."""
    book, twin = opened(world), opened(world)
    death = died(world, book)
    right = world.policies
    world.policies = {**right, AREA: with_rate("0.0011")}
    asks_nobody(world)
    divided(world, book, PAID)
    world.policies = right
    corrected = world.one(CorrectInterest(book, 2026, 2026, "wrong rates"), today=date(2026, 6, 1))
    assert corrected.amount_fen > 0
    undone(world, book, death, date(2026, 9, 1))
    withdrawn(world, book, date(2026, 9, 1))
    ends(world, 2026, 2027, book, twin)
    same(world, book, twin, date(2027, 1, 5))
    assert stated(world, book, 2026).interest == stated(world, twin, 2026).interest
    for one in (book, twin):
        again = CorrectInterest(one, 2026, 2026, "wrong rates")
        assert world.refusal(again, today=date(2027, 2, 1)) is RefusalCode.NOTHING_TO_CORRECT
    world.policies = {**right, AREA: with_rate("0.0199")}
    asks_nobody(world)
    found = [
        world.one(CorrectInterest(one, 2026, 2026, "wrong rates"), today=date(2027, 2, 1)).amount_fen
        for one in (book, twin)
    ]
    world.policies = right
    assert found[0] == found[1] > 0


def test_a_year_that_a_transfer_cut_short_before(world: World) -> None:
    """What the transfer posted stays, as in the life of the twin; what the division posted goes back."""
    book, twin = opened(world), opened(world)
    day = date(2026, 3, 20)
    for one in (book, twin):
        asked = world.one(RequestTransfer(one, "330100", day, "paper"), today=day)
        world.one(SendTransfer(one, asked.seq, day, world.ref("sent")), today=day)
        world.one(RejectTransfer(one, asked.seq, "unknown there"), today=date(2026, 3, 25))
    death = died(world, book)
    divided(world, book, PAID)
    undone(world, book, death, date(2026, 9, 1))
    withdrawn(world, book, date(2026, 9, 2))
    ends(world, 2026, 2027, book, twin)
    same(world, book, twin, date(2027, 1, 5))
    ours, theirs = worked(world, book, 2026), worked(world, twin, 2026)
    assert (ours.rows, ours.total_fen) == (theirs.rows, theirs.total_fen)
    assert stated(world, book, 2026).interest == stated(world, twin, 2026).interest
