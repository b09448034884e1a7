"""PostgreSQL goes at each round trip of a posting: before it came there, or when it did all and said nothing.

What was not sent to be committed is tried again by itself. Of what was, nobody knows; the same key tells.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text

from ledger.accounts.contributing import Contribute
from ledger.accounts.spending import Spend
from ledger.chart.members import MemberClass
from ledger.database import round_trips
from ledger.people.enrolments import Enrol
from ledger.posting import Command, Posted, Unknown
from ledger.verify import verify
from tests.support.clinic import Clinic
from tests.support.people import SomeoneFactory, World

pytestmark = pytest.mark.postgres

Case = Callable[[World], tuple[int, Command]]


def a_spending(world: World) -> tuple[int, Command]:
    account = world.open(opening=(0, 10_000))
    return account, Spend(account, 900, world.today, "H0001", world.ref("s"))


def a_contribution(world: World) -> tuple[int, Command]:
    account = world.open()
    return account, Contribute(account, 700, 202611, world.today, world.ref("c"))


def a_bill(world: World) -> tuple[int, Command]:
    """By an ID number, with stakes, counters and much that is read for it."""
    clinic, someone = Clinic(world), SomeoneFactory()
    account = world.open(someone, opening=(0, 50_000))
    world.one(Enrol(account, MemberClass.FLEXIBLE, None, date(2026, 1, 1), None))
    code = clinic.institution()
    return account, clinic.command(code, clinic.digest(someone), clinic.bill([("A", "10.00")]))


CASES: dict[str, Case] = {"a spending": a_spending, "a contribution": a_contribution, "a bill": a_bill}


class Lost:
    """Counts the round trips of a posting, and takes the database away at one of them."""

    def __init__(self, at: int | None, *, done: bool) -> None:
        self.at = at
        self.done = done
        self.trips = 0
        self.committing = False
        self._run = round_trips.Trips.run

    def run(self, trips: Any, statements: Any, *, commit: bool = False) -> Any:
        self.trips += 1
        if self.trips != self.at:
            return self._run(trips, statements, commit=commit)
        self.committing = commit
        driver = trips._driver
        if self.done:
            self._run(trips, statements, commit=commit)
        driver.pgconn.finish()
        raise psycopg.OperationalError("the server closed the connection unexpectedly")


def entries_of(engine: Engine, account: int, reference: str | None) -> int:
    with engine.connect() as connection:
        asked = {"book": account, "reference": reference}
        query = text("SELECT count(*) FROM entry WHERE book_id = :book AND source_ref = :reference")
        return int(connection.scalar(query, asked) or 0)


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None, bool], Lost]:
    def take(at: int | None, done: bool) -> Lost:
        one = Lost(at, done=done)

        def run(trips: Any, statements: Any, *, commit: bool = False) -> Any:
            return one.run(trips, statements, commit=commit)

        monkeypatch.setattr(round_trips.Trips, "run", run)
        return one

    return take


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("done", [False, True], ids=["before it came there", "after it was done"])
def test_a_posting_that_loses_its_database_is_posted_once_or_can_be_asked_for(
    fresh_engine: Engine, name: str, done: bool, lost: Callable[[int | None, bool], Lost]
) -> None:
    world = World(fresh_engine)
    whole = lost(None, False)
    account, command = CASES[name](world)
    before = whole.trips
    [outcome] = world.post(command)
    assert isinstance(outcome, Posted)
    steps = whole.trips - before
    assert steps >= 2
    seen_unknown = 0
    for step in range(1, steps + 1):
        account, command = CASES[name](world)
        command.key = f"{name} {step}"
        one = lost(step, done)
        [outcome] = world.post(command)
        there = entries_of(fresh_engine, account, command.source_ref)
        if one.committing:
            seen_unknown += 1
            assert isinstance(outcome, Unknown)
            assert there == (1 if done else 0)
        else:
            assert isinstance(outcome, Posted), f"at {step} of {steps}"
            assert there == 1
        # the same again tells, whatever was told before
        lost(None, False)
        [again] = world.post(command)
        assert isinstance(again, Posted)
        assert again.replayed == (there == 1)
        assert entries_of(fresh_engine, account, command.source_ref) == 1
    assert seen_unknown == 1
    assert verify(fresh_engine).findings == []
