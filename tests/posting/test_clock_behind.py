"""A clock that was set back: no book runs backwards, and what was known when stays right."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from ledger.accounts.contributing import Contribute
from ledger.accounts.spending import Spend
from ledger.posting import clock_behind
from ledger.reports import balance
from ledger.verify import verify
from tests.support.people import NOW, World
from tests.support.stories import entries, row

HOUR = timedelta(hours=1)
A_MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def world(fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(clock_behind._Behind, "told_until", None)
    return World(fresh_engine)


def put(world: World, account: int, fen: int = 100) -> Contribute:
    return Contribute(account, fen, 202611, world.today, world.ref())


def spend(world: World, account: int, fen: int = 100) -> Spend:
    return Spend(account, fen, world.today, "H0001", world.ref())


def known(world: World, account: int, when: timedelta) -> int:
    with world.engine.connect() as connection:
        later = NOW + 5 * HOUR
        return balance(connection, account, as_known=NOW + when, now=later, today=world.today).balance


def test_no_book_runs_backwards(world: World) -> None:
    account, other = world.open(), world.open()
    world.one(put(world, account))
    there = world.one(put(world, account), now=NOW + HOUR / 2)
    back = world.one(spend(world, account), now=NOW - HOUR / 2)
    assert there.recorded_at == NOW + HOUR / 2
    assert back.recorded_at == there.recorded_at + A_MICROSECOND
    # a book that nobody wrote to since is written to at the time it is
    assert world.one(put(world, other), now=NOW + HOUR / 4).recorded_at == NOW + HOUR / 4
    instants = [one.recorded_at for one in entries(world.engine, account)]
    assert instants == sorted(instants)
    assert row(world.engine, account).recorded_at == instants[-1]
    assert verify(world.engine).findings == []


def test_what_was_known_is_never_below_zero(world: World) -> None:
    account = world.open()
    world.one(put(world, account))
    world.one(spend(world, account), now=NOW - HOUR)
    # what was known when the spend was posted stays what it was
    assert [known(world, account, when) for when in (-HOUR, timedelta(0))] == [0, 100]
    assert [known(world, account, when) for when in (A_MICROSECOND, HOUR / 2)] == [0, 0]
    world.one(put(world, account), now=NOW + HOUR)
    assert [known(world, account, when) for when in (HOUR / 2, HOUR)] == [0, 100]


def test_the_receipt_says_what_the_book_says(world: World) -> None:
    account = world.open()
    world.one(put(world, account))
    command = spend(world, account)
    command.key = "k"
    first = world.one(command, now=NOW - HOUR)
    again = world.posted(command, now=NOW - HOUR)
    assert again.replayed
    assert again.receipt == first
    assert first.recorded_at == NOW + A_MICROSECOND


def test_one_batch_with_books_before_and_behind(world: World) -> None:
    ahead, usual = world.open(), world.open()
    world.one(put(world, ahead), now=NOW + HOUR)
    later = NOW + HOUR / 2
    outcomes = world.post(
        spend(world, ahead, 40), put(world, usual), spend(world, ahead, 60), spend(world, usual), now=later
    )
    after = [NOW + HOUR + A_MICROSECOND * n for n in (1, 2)]
    assert [one.receipt.recorded_at for one in outcomes] == [after[0], later, after[1], later]
    assert row(world.engine, usual).recorded_at == later
    assert (row(world.engine, ahead).current_year, row(world.engine, usual).current_year) == (0, 0)
    assert verify(world.engine).findings == []


def test_it_is_said_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    account, other = world.open(), world.open()
    caplog.set_level(logging.WARNING, "ledger")
    world.one(put(world, account), now=NOW + HOUR / 2)
    world.one(put(world, other), now=NOW + HOUR)
    assert caplog.messages == []
    for minutes in range(3):
        world.one(put(world, account), now=NOW + timedelta(minutes=minutes))
        world.one(put(world, other), now=NOW + timedelta(minutes=minutes))
    [said] = caplog.messages
    assert "1800 s behind" in said
    # once it has caught up, the next time is told anew
    world.one(put(world, account), now=NOW + 2 * HOUR)
    world.one(put(world, account), now=NOW + HOUR * 3 / 2)
    assert len(caplog.messages) == 2


def test_clocks_that_differ_a_little_are_not_worth_a_word(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    account = world.open()
    caplog.set_level(logging.WARNING, "ledger")
    world.one(put(world, account), now=NOW + timedelta(milliseconds=900))
    recorded_at = world.one(put(world, account), now=NOW).recorded_at
    assert recorded_at == NOW + timedelta(milliseconds=900) + A_MICROSECOND
    assert caplog.messages == []


def test_a_book_that_the_version_before_wrote_to(world: World) -> None:
    """It has no instant in its row: the last entry has."""
    account = world.open()
    world.one(put(world, account), now=NOW + HOUR)
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE book SET recorded_at = NULL"))
    assert world.one(spend(world, account), now=NOW).recorded_at == NOW + HOUR + A_MICROSECOND
    assert row(world.engine, account).recorded_at == NOW + HOUR + A_MICROSECOND
