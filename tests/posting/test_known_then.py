"""What was known at an instant stays so: who waits for a book records what it writes after the wait."""

from __future__ import annotations

import threading
import time
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from ledger.accounts.contributing import Contribute
from ledger.accounts.spending import Spend
from ledger.clock import day_of
from ledger.posting import Outcome, Posted
from ledger.posting.way_in import post
from ledger.reports import balance
from ledger.verify import verify
from tests.support.people import NOW, World
from tests.support.stories import row

HOUR = timedelta(hours=1)
SECONDS_MAX = 60


class Hand:
    """A clock that stands where it was put."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> tuple[datetime, date]:
        return self.now, day_of(self.now)


@pytest.fixture
def world(fresh_engine: Engine) -> World:
    return World(fresh_engine)


def spent(world: World, account: int, clock: Hand, began: datetime = NOW) -> Outcome:
    command = Spend(account, 40, world.today, "H0001", world.ref(), caller="test", actor="tester")
    with world.engine.connect() as connection:
        return post(connection, [command], began, day_of(began), world.policies, clock=clock)[0]


def with_money(world: World) -> int:
    account = world.open(now=NOW - HOUR)
    world.one(Contribute(account, 100, 202611, world.today, world.ref()), now=NOW - HOUR)
    return account


@pytest.mark.parametrize(
    ("passed", "recorded"),
    [
        (HOUR, HOUR),
        (timedelta(0), timedelta(0)),
        # set back meanwhile
        (-HOUR / 2, timedelta(0)),
        # another day: the rules of the one on which it was begun were asked
        (timedelta(days=1), timedelta(0)),
    ],
    ids=str,
)
def test_it_is_recorded_when_the_book_is_had(world: World, passed: timedelta, recorded: timedelta) -> None:
    account = with_money(world)
    outcome = spent(world, account, Hand(NOW + passed))
    assert isinstance(outcome, Posted)
    assert outcome.receipt.recorded_at == NOW + recorded
    assert row(world.engine, account).recorded_at == NOW + recorded
    assert verify(world.engine).findings == []


@pytest.mark.postgres
def test_who_asked_while_somebody_waited_is_told_the_same_afterwards(world: World) -> None:
    account, clock = with_money(world), Hand(NOW)
    outcomes: list[Outcome] = []
    waiting = threading.Thread(target=lambda: outcomes.append(spent(world, account, clock)))
    with world.engine.connect() as holder:
        holder.execute(text("SELECT FROM book WHERE book_id = :book FOR UPDATE"), {"book": account})
        waiting.start()
        wait_for_a_lock(world.engine)
        clock.now = NOW + HOUR / 2
        assert known(world, account) == 100
        clock.now = NOW + HOUR
        holder.rollback()
    waiting.join()
    assert [type(one) for one in outcomes] == [Posted]
    assert row(world.engine, account).current_year == 60
    assert known(world, account) == 100


def known(world: World, account: int) -> int:
    """What the account had half an hour from now, as far as it was known then."""
    then = NOW + HOUR / 2
    with world.engine.connect() as connection:
        return balance(connection, account, as_known=then, now=NOW + 5 * HOUR, today=world.today).balance


def wait_for_a_lock(engine: Engine) -> None:
    """Return once somebody waits for a lock in this database."""
    asked = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    until = time.monotonic() + SECONDS_MAX
    with engine.connect() as connection:
        while not connection.scalar(asked):
            connection.rollback()
            assert time.monotonic() < until
