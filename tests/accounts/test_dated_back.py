"""A debit dated back takes the pockets as they stood on its value date, and later days follow (K5, K6)."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from ledger import tables
from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.holds import Capture, Hold
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.posting import Receipt
from ledger.reports import balance
from ledger.verify import verify
from tests.support.chance import seeds
from tests.support.people import AREA, World, noon
from tests.support.stories import entries, fen, moves, row, yuan
from tests.whole.test_random_histories import pockets_in

CY, CO = 1, 2


@pytest.fixture
def world(fresh_engine: Engine) -> World:
    return World(fresh_engine, now=noon(date(2025, 12, 1)))


def opened(world: World, current: str = "100.00", carried: str = "5,000.00") -> int:
    return world.open(opened_on=date(2025, 1, 1), opening=(fen(current), fen(carried)))


def came_in(world: World, account: int, amount: str, day: date) -> Receipt:
    month = day.year * 100 + day.month
    return world.one(Contribute(account, fen(amount), month, day, world.ref()))


def spent(world: World, account: int, amount: str, day: date) -> Receipt:
    return world.one(Spend(account, fen(amount), day, "H0001", world.ref()))


def stood(world: World, account: int, day: date) -> tuple[str, str]:
    """The pockets at the end of a day, as they are known now."""
    with world.engine.connect() as connection:
        there = balance(connection, account, as_of=day, now=world.now, today=world.today)
    return yuan(there.current_year), yuan(there.carried_over)


def is_clean(world: World) -> None:
    assert not verify(world.engine).findings


def interest_of(world: World, account: int, year: int) -> str:
    receipt = world.one(PostInterest(account, year), today=date(year + 1, 1, 5))
    return yuan(receipt.amount_fen)


def test_the_pockets_of_the_value_date_pay(world: World) -> None:
    account = opened(world)
    came_in(world, account, "900.00", date(2025, 7, 4))
    spent(world, account, "600.00", date(2025, 3, 5))
    assert stood(world, account, date(2025, 3, 4)) == ("100.00", "5,000.00")
    assert stood(world, account, date(2025, 3, 6)) == ("0.00", "4,500.00")
    assert stood(world, account, date(2025, 7, 4)) == ("900.00", "4,500.00")
    assert interest_of(world, account, 2025) == "52.80"
    is_clean(world)


def days(world: World, account: int, *which: date) -> list[tuple[str, str]]:
    return [stood(world, account, day) for day in which]


def test_what_was_spent_since_comes_out_of_the_other_pocket(world: World) -> None:
    account = opened(world)
    spent(world, account, "100.00", date(2025, 4, 1))
    came_in(world, account, "900.00", date(2025, 7, 4))
    late = spent(world, account, "600.00", date(2025, 3, 5))
    # the day had both pockets, and the debit of April finds the first one empty by then
    assert days(world, account, date(2025, 3, 5), date(2025, 3, 31)) == [("0.00", "4,500.00")] * 2
    assert days(world, account, date(2025, 4, 1), date(2025, 7, 3)) == [("0.00", "4,400.00")] * 2
    assert days(world, account, date(2025, 7, 4), world.today) == [("900.00", "4,400.00")] * 2
    moved, paid = entries(world.engine, account)[-2:]
    assert (moved.kind, moved.effective_on) == (Kind.RECLASSIFICATION, date(2025, 4, 1))
    assert unpack(moved.detail) == {"debit": late.name}
    assert paid.seq == late.seq
    assert moves(world.engine, account, late.seq) == [(CY, 12, 100_00), (CO, 12, 500_00)]
    is_clean(world)


def test_a_day_on_which_too_much_was_spent_is_below_zero_until_money_comes(world: World) -> None:
    account = opened(world, "100.00", "200.00")
    spent(world, account, "300.00", date(2025, 4, 1))
    came_in(world, account, "900.00", date(2025, 7, 4))
    spent(world, account, "250.00", date(2025, 3, 5))
    assert days(world, account, date(2025, 3, 5)) == [("0.00", "50.00")]
    assert days(world, account, date(2025, 4, 1)) == [("-100.00", "-150.00")]
    assert days(world, account, date(2025, 7, 4), world.today) == [("650.00", "0.00")] * 2
    is_clean(world)


def test_a_year_carried_over_pays_alike(world: World) -> None:
    """The same story told in January comes to the same pockets and the same interest."""
    world.now = noon(date(2026, 1, 20))
    account = opened(world)
    came_in(world, account, "900.00", date(2025, 7, 4))
    came_in(world, account, "10.00", date(2026, 1, 3))
    spent(world, account, "600.00", date(2025, 3, 5))
    assert days(world, account, date(2025, 3, 6)) == [("0.00", "4,500.00")]
    assert days(world, account, date(2025, 12, 31)) == [("900.00", "4,500.00")]
    assert days(world, account, date(2026, 1, 2), date(2026, 1, 3)) == [
        ("0.00", "5,400.00"),
        ("10.00", "5,400.00"),
    ]
    assert interest_of(world, account, 2025) == "52.80"
    is_clean(world)


def test_carried_over_money_of_last_year_that_was_spent_since(world: World) -> None:
    """What January's pocket no longer holds comes out of this year's, from the day on which it was spent."""
    world.now = noon(date(2026, 6, 1))
    account = opened(world, "100.00", "500.00")
    came_in(world, account, "400.00", date(2026, 2, 1))
    spent(world, account, "900.00", date(2026, 3, 1))
    spent(world, account, "80.00", date(2025, 11, 11))
    assert days(world, account, date(2025, 11, 11)) == [("20.00", "500.00")]
    assert days(world, account, date(2026, 1, 1)) == [("0.00", "520.00")]
    assert days(world, account, date(2026, 2, 1)) == [("400.00", "520.00")]
    assert days(world, account, date(2026, 3, 1)) == [("0.00", "20.00")]
    assert (row(world.engine, account).current_year, row(world.engine, account).carried_over) == (0, 20_00)
    is_clean(world)


def test_carried_over_first_takes_that_first(world: World) -> None:
    world.policies = {AREA: pockets_in("carried_over_first")}
    account = opened(world, "100.00", "50.00")
    came_in(world, account, "900.00", date(2025, 7, 4))
    spent(world, account, "120.00", date(2025, 3, 5))
    assert days(world, account, date(2025, 3, 5), world.today) == [("30.00", "0.00"), ("930.00", "0.00")]
    is_clean(world)


def test_a_hold_captured_for_an_earlier_day(world: World) -> None:
    account = opened(world)
    came_in(world, account, "900.00", date(2025, 7, 4))
    hold = world.one(Hold(account, fen("700.00"), noon(date(2025, 12, 20)), "H0001", world.ref()))
    world.one(Capture(account, hold.seq, fen("600.00"), date(2025, 3, 5), world.ref()))
    assert days(world, account, date(2025, 3, 6), world.today) == [
        ("0.00", "4,500.00"),
        ("900.00", "4,500.00"),
    ]
    is_clean(world)


def test_a_contribution_taken_back_as_of_an_earlier_day(world: World) -> None:
    account = opened(world, "0.00", "5,000.00")
    wrong = came_in(world, account, "300.00", date(2025, 3, 1))
    spent(world, account, "250.00", date(2025, 5, 1))
    came_in(world, account, "70.00", date(2025, 6, 1))
    world.one(Reverse(account, wrong.seq, "not theirs", date(2025, 3, 10)))
    assert days(world, account, date(2025, 3, 9), date(2025, 3, 10)) == [
        ("300.00", "5,000.00"),
        ("0.00", "5,000.00"),
    ]
    assert days(world, account, date(2025, 5, 1), date(2025, 6, 1)) == [
        ("0.00", "4,750.00"),
        ("70.00", "4,750.00"),
    ]
    is_clean(world)


def test_a_credit_after_a_death_goes_back_out_of_the_pockets_of_its_day(fresh_engine: Engine) -> None:
    """It was spent as this year's money; without it the older money would have been."""
    world = World(fresh_engine, now=noon(date(2026, 3, 1)))
    account = opened(world, "0.00")
    # the year of the death is closed, and the credit belongs to the next one
    world.one(PostInterest(account, 2025))
    stands = stood(world, account, date(2026, 1, 9))
    came_in(world, account, "1,000.00", date(2026, 1, 10))
    spent(world, account, "1,000.00", date(2026, 2, 20))
    world.one(ReportDeath(account, date(2025, 12, 15), "certificate"))
    assert days(world, account, date(2026, 1, 9), date(2026, 1, 10), date(2026, 2, 19)) == [stands] * 3
    assert stood(world, account, date(2026, 2, 20))[0] == "0.00"
    is_clean(world)


def test_it_comes_back_to_the_pockets_that_it_came_from(world: World) -> None:
    account = opened(world)
    came_in(world, account, "900.00", date(2025, 7, 4))
    late = spent(world, account, "600.00", date(2025, 3, 5))
    back = world.one(Reverse(account, late.seq, "wrong person"))
    assert moves(world.engine, account, back.seq) == [(12, CY, 100_00), (12, CO, 500_00)]
    assert days(world, account, world.today) == [("1,000.00", "5,000.00")]
    is_clean(world)


def test_after_a_year_end_it_comes_back_to_carried_over(world: World) -> None:
    account = opened(world)
    late = spent(world, account, "600.00", date(2025, 3, 5))
    world.now = noon(date(2026, 2, 1))
    back = world.one(Reverse(account, late.seq, "wrong person"))
    assert moves(world.engine, account, back.seq) == [(12, CO, 600_00)]
    is_clean(world)


def test_commands_of_one_batch_see_each_other(world: World) -> None:
    account = opened(world)
    commands = (
        Contribute(account, fen("900.00"), 202507, date(2025, 7, 4), world.ref()),
        Spend(account, fen("100.00"), date(2025, 4, 1), "H0001", world.ref()),
        Spend(account, fen("600.00"), date(2025, 3, 5), "H0001", world.ref()),
    )
    world.post(*commands)
    assert days(world, account, date(2025, 3, 6), date(2025, 4, 1), world.today) == [
        ("0.00", "4,500.00"),
        ("0.00", "4,400.00"),
        ("900.00", "4,400.00"),
    ]
    is_clean(world)


def test_an_account_opened_by_the_same_batch(world: World) -> None:
    opening = world.opening(opened_on=date(2025, 1, 1), opening=(fen("100.00"), fen("5,000.00")))
    digest = opening.book
    world.post(
        opening,
        Contribute(digest, fen("900.00"), 202507, date(2025, 7, 4), world.ref()),
        Spend(digest, fen("600.00"), date(2025, 3, 5), "H0001", world.ref()),
    )
    [account] = {one.book_id for one in _all_entries(world) if one.source_ref}
    assert stood(world, account, date(2025, 3, 6)) == ("0.00", "4,500.00")
    is_clean(world)


def test_a_debit_of_today_reads_nothing_more(world: World) -> None:
    account = opened(world)

    def asks(day: date) -> int:
        asked: list[str] = []
        event.listen(world.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
        spent(world, account, "1.00", day)
        return sum("SUM(CASE" in statement for statement in asked)

    assert asks(world.today) == 0
    assert asks(date(2025, 11, 30)) == 1


def _all_entries(world: World) -> list[Any]:
    with world.engine.connect() as connection:
        return list(connection.execute(select(tables.entry)))


# -- undone --------------------------------------------------------------------------------------------------


def an_account(world: World, year: int = 2025) -> int:
    """5,000.00 from before, 1,000.00 that came in and were spent."""
    account = world.open(opened_on=date(year, 1, 1), opening=(0, fen("5,000.00")))
    came_in(world, account, "1,000.00", date(year, 2, 1))
    spent(world, account, "1,000.00", date(year, 3, 1))
    return account


YEAR_2025 = [date(2025, 2, 9), date(2025, 2, 10), date(2025, 3, 1), date(2025, 12, 1)]


@pytest.mark.parametrize("what", ["spending", "capture"])
def test_undone_as_of_its_day_nothing_is_left_of_it(world: World, what: str) -> None:
    never, account = an_account(world), an_account(world)
    if what == "spending":
        late = spent(world, account, "1,000.00", date(2025, 2, 10))
    else:
        hold = world.one(Hold(account, fen("1,000.00"), noon(date(2025, 12, 20)), "H0001", world.ref()))
        late = world.one(Capture(account, hold.seq, fen("1,000.00"), date(2025, 2, 10), world.ref()))
    back = world.one(Reverse(account, late.seq, "mistake", date(2025, 2, 10)))
    assert days(world, account, *YEAR_2025) == days(world, never, *YEAR_2025)
    moved = entries(world.engine, account)[-1]
    assert (moved.kind, moved.effective_on) == (Kind.RECLASSIFICATION, date(2025, 3, 1))
    assert unpack(moved.detail) == {"reversal": back.name}
    assert [interest_of(world, one, 2025) for one in (never, account)] == ["56.03", "56.03"]
    is_clean(world)


def test_undone_today_it_comes_back_to_the_pocket_that_bears_it_by_now(world: World) -> None:
    never, account = an_account(world), an_account(world)
    late = spent(world, account, "1,000.00", date(2025, 2, 10))
    world.one(Reverse(account, late.seq, "mistake"))
    assert days(world, account, world.today) == days(world, never, world.today) == [("0.00", "5,000.00")]
    is_clean(world)


def test_a_year_end_between_makes_no_difference(world: World) -> None:
    never, account = an_account(world), an_account(world)
    world.now = noon(date(2026, 6, 1))
    for one in (never, account):
        came_in(world, one, "50.00", date(2026, 2, 1))
        spent(world, one, "4,900.00", date(2026, 3, 1))
    late = spent(world, account, "100.00", date(2025, 2, 10))
    world.one(Reverse(account, late.seq, "mistake", date(2025, 2, 10)))
    which = [*YEAR_2025, date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1), world.today]
    assert days(world, account, *which) == days(world, never, *which)
    rows = [row(world.engine, one) for one in (never, account)]
    assert len({(one.current_year, one.carried_over) for one in rows}) == 1
    assert len({interest_of(world, one, 2025) for one in (never, account)}) == 1
    is_clean(world)


def test_undone_by_the_batch_that_made_it(world: World) -> None:
    never, account = an_account(world), an_account(world)
    last = row(world.engine, account).last_seq
    world.post(
        Spend(account, fen("1,000.00"), date(2025, 2, 10), "H0001", world.ref()),
        Reverse(account, last + 2, "mistake", date(2025, 2, 10)),
    )
    assert entries(world.engine, account)[-1].kind == Kind.RECLASSIFICATION
    assert days(world, account, *YEAR_2025) == days(world, never, *YEAR_2025)
    is_clean(world)


def test_a_reversal_of_a_debit_of_its_day_reads_nothing_more(world: World) -> None:
    account = opened(world)

    def asks(day: date) -> int:
        made = spent(world, account, "1.00", day)
        asked: list[str] = []
        event.listen(world.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
        world.one(Reverse(account, made.seq, "mistake"))
        return sum("x.kind NOT IN" in statement for statement in asked)

    assert asks(world.today) == 0
    assert asks(date(2025, 11, 30)) == 1


@pytest.mark.random
@pytest.mark.parametrize("seed", seeds(12))
def test_one_debit_undone_among_many_at_random(world: World, seed: int) -> None:
    chance = Random(seed)
    never, account = opened(world, "100.00", "500.00"), opened(world, "100.00", "500.00")

    def some(*whose: int) -> None:
        today = world.today
        day = max(today - timedelta(days=chance.choice((0, 0, 20, 90, 300))), date(2025, 1, 1))
        amount = f"{chance.randint(1, 120)}.00"
        pays = chance.random() < 0.5
        for one in whose:
            if pays:
                world.one(Spend(one, fen(amount), day, "H0001", world.ref()))
            else:
                came_in(world, one, amount, max(day, today - timedelta(days=60)))

    world.now = noon(date(2025, 3, 1))
    for _ in range(8):
        world.now += timedelta(days=chance.choice((1, 20, 60, 90)))
        some(never, account)
    day = max(world.today - timedelta(days=chance.choice((10, 90, 400))), date(2025, 1, 1))
    with world.engine.connect() as connection:
        left = balance(connection, account, now=world.now, today=world.today).available
    if left < 1_00:
        return
    late = world.one(Spend(account, chance.randint(1_00, left), day, "H0001", world.ref()))
    world.one(Reverse(account, late.seq, "mistake", day))
    which = sorted({one.effective_on for one in entries(world.engine, account)} | {world.today})
    assert days(world, account, *which) == days(world, never, *which)
    # and whatever comes then comes to both alike
    for _ in range(4):
        world.now += timedelta(days=chance.choice((1, 20)))
        some(never, account)
    assert days(world, account, *which, world.today) == days(world, never, *which, world.today)
    assert len({interest_of(world, one, 2025) for one in (never, account)}) == 1
    is_clean(world)
