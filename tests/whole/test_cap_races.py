"""A cap under many callers at once, on PostgreSQL: however they come, no more than it is paid on a day."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.holds import Capture, Hold
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.database.engines import connect
from ledger.posting import Command, Posted
from ledger.verify import verify
from tests.accounts.test_caps import area_with, line
from tests.support.clinic import Clinic
from tests.support.people import AREA, World, noon
from tests.support.stories import pockets
from tests.whole.test_races import at_once, run, told, words, writers

pytestmark = pytest.mark.postgres

DAY = date(2026, 11, 21)
EACH, ENOUGH_FOR, CALLERS, OPENED_WITH = 1_30, 23, 64, 1_000_00
CAP = EACH * ENOUGH_FOR


@pytest.fixture
def world(engine: Engine) -> World:
    """At most so much a day that 23 of 64 are paid."""
    world = World(engine)
    world.policies = {AREA: area_with(line("cap_account_day", f"{CAP // 100}.{CAP % 100:02d}"))}
    return world


def spends(world: World, account: int) -> list[Command]:
    return [told(Spend(account, EACH, DAY, "H0001", world.ref("s"))) for _ in range(CALLERS)]


def paid(world: World, account: int) -> int:
    """What the account has paid and did not get back."""
    return OPENED_WITH - sum(pockets(world.engine, account, DAY))


@pytest.mark.parametrize("processes", [1, 3])
def test_of_64_callers_as_many_are_paid_as_the_cap_lets(processes: int, world: World) -> None:
    account = world.open(opening=(OPENED_WITH, 0))
    sent = spends(world, account)

    async def story() -> None:
        with writers(world, processes) as several:
            outcomes = await asyncio.gather(
                *[several[place % processes].post(one) for place, one in enumerate(sent)]
            )
        assert words(outcomes) == {"posted": ENOUGH_FOR, "cap_exceeded": CALLERS - ENOUGH_FOR}

    run(story)
    assert paid(world, account) == CAP


def test_of_64_connections_as_many_are_paid_as_the_cap_lets(world: World) -> None:
    account = world.open(opening=(OPENED_WITH, 0))
    pooled = connect(world.engine.url.render_as_string(hide_password=False), pool_size=32)
    other = World(pooled)
    other.policies = world.policies
    try:
        calls = [[one] for one in spends(world, account)]
        outcomes = [answers[0] for answers in at_once(other, calls)]
    finally:
        pooled.dispose()
    assert words(outcomes) == {"posted": ENOUGH_FOR, "cap_exceeded": CALLERS - ENOUGH_FOR}
    assert paid(world, account) == CAP


def test_spendings_captures_bills_and_reversals_at_once(world: World) -> None:
    clinic = Clinic(world)
    hospital, account = clinic.institution(), world.open(opening=(OPENED_WITH, 0), opened_on=date(2026, 1, 1))
    before = world.one(Spend(account, CAP, DAY, "H0001", world.ref("s")))
    holds = [
        world.one(Hold(account, EACH, noon(date(2026, 11, 28)), "H0001", world.ref("h"))) for _ in range(16)
    ]
    calls: list[list[Command]] = [[Reverse(account, before.seq, "wrong")]]
    for hold in holds:
        bill = clinic.bill([("A", "1.30")], day=DAY)
        calls += [
            [Capture(account, hold.seq, EACH, DAY, world.ref("c"))],
            [Spend(account, EACH, DAY, "P0001", world.ref("s"))],
            [clinic.command(hospital, account, bill)],
        ]
    answers: list[Any] = [outcome for outcomes in at_once(world, calls) for outcome in outcomes]
    told_ = words(answers)
    # the reversal is taken, and what came after it up to the cap
    assert isinstance(answers[0], Posted)
    assert set(told_) <= {"posted", "cap_exceeded"}
    assert paid(world, account) == (told_["posted"] - 1) * EACH <= CAP
    # what is left of the day is paid by whoever comes next, and no more
    left = (CAP - paid(world, account)) // EACH
    again = world.post(*(Spend(account, EACH, DAY, "H0001", world.ref("s")) for _ in range(left + 1)))
    assert words(again) == {"posted": left, "cap_exceeded": 1} if left else {"cap_exceeded": 1}
    assert paid(world, account) == CAP
    assert verify(world.engine).clean
