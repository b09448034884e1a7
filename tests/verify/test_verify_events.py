"""What `verify` says of the feed when somebody with every right on the database has been at it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine

from ledger.accounts.spending import Spend
from ledger.book.numbers import entry_name
from ledger.verify.events import events_are_those_of_the_books
from tests.support.feed import taken_in
from tests.support.people import World
from tests.verify.tampering import TOLD, run, tampering

_ALL = (-(2**63), 2**63 - 1)


@pytest.fixture(scope="module")
def world(engine: Engine) -> World:
    return World(engine)


@pytest.fixture(scope="module")
def account(world: World) -> int:
    """An account with four entries that are told, and one that is in the outbox."""
    account = world.open(opening=(0, 1_000))
    for _ in range(3):
        spend(world, account)
    taken_in(world.engine)
    spend(world, account)
    return account


def spend(world: World, account: int, days: int = 0) -> int:
    return world.one(
        Spend(account, 1, world.today, "H0001", world.ref("s")), now=world.now + timedelta(days)
    ).seq


def said(connection: Connection) -> list[tuple[str, str, str]]:
    findings = list(events_are_those_of_the_books(connection, *_ALL))
    TOLD.update(one.what for one in findings)
    return [(one.code, one.where, one.what) for one in findings]


def test_what_is_told_or_waits_is_in_order(world: World, account: int) -> None:
    assert account
    with world.engine.connect() as connection, connection.begin():
        assert said(connection) == []


def test_a_row_of_the_outbox_that_was_taken_away(world: World, account: int) -> None:
    with tampering(world.engine) as connection:
        run(connection, "DELETE FROM outbox")
        assert said(connection) == [("event_missing", entry_name(account, 5), "nobody was told of it")]


@pytest.mark.parametrize("change", ["seqs = '{x}'", "seqs = '{1,2,3,4,5,6}'", "books = ''"])
def test_a_row_of_the_outbox_that_says_nothing(world: World, account: int, change: str) -> None:
    with tampering(world.engine) as connection:
        run(connection, f"UPDATE outbox SET {change}")
        assert said(connection) == [("event_missing", entry_name(account, 5), "nobody was told of it")]


def test_an_event_that_was_taken_away(world: World, account: int) -> None:
    with tampering(world.engine) as connection:
        run(connection, "DELETE FROM event WHERE book_id = :book AND seq = 3", book=account)
        assert said(connection) == [
            ("event_missing", "feed", "of 4 events 3 are there"),
            ("event_missing", entry_name(account, 3), "nobody was told of it"),
        ]


@pytest.mark.parametrize("change", ["kind = 4", "seq = 99", "at = '2026-01-01 00:00:00.000000'"])
def test_an_event_that_says_something_else(world: World, account: int, change: str) -> None:
    with tampering(world.engine) as connection:
        run(connection, f"UPDATE event SET {change} WHERE book_id = :book AND seq = 4", book=account)
        named = entry_name(account, 99 if "seq" in change else 4)
        assert said(connection)[0] == ("event_wrong", "event 4", f"{named} says something else")


@pytest.mark.parametrize(("one", "other"), [(1, 2), (1, 4), (2, 4)])
def test_events_of_a_book_that_were_turned_round(world: World, account: int, one: int, other: int) -> None:
    with tampering(world.engine) as connection:
        for before, after in ((one, 99), (other, one), (99, other)):
            run(
                connection,
                f"UPDATE event SET position = {after} WHERE book_id = :book AND position = {before}",
                book=account,
            )
        assert {found[:2] for found in said(connection)} <= {
            ("event_wrong", f"event {place}") for place in range(one + 1, other + 1)
        }
        assert said(connection)[-1][2] == "it stands before an earlier entry of its book"


def test_what_was_written_before_there_was_a_feed_is_not_told(world: World, account: int) -> None:
    """Of a book that was never told of, until a day after the feed began; of any other one from there on."""
    with tampering(world.engine) as connection:
        run(
            connection,
            "DELETE FROM outbox",
            "DELETE FROM event WHERE book_id = :book AND seq < 4",
            book=account,
        )
        run(connection, "UPDATE event SET position = 1")
        assert said(connection) == [("event_missing", entry_name(account, 5), "nobody was told of it")]
        run(connection, "DELETE FROM event")
        assert said(connection) == []


@pytest.mark.parametrize(("days", "missed"), [(1, False), (2, True)])
def test_a_book_that_was_never_told_of(fresh_engine: Engine, days: int, missed: bool) -> None:
    world = World(fresh_engine)
    world.open()
    taken_in(world.engine)
    other = world.open(now=world.now + timedelta(days))
    with tampering(world.engine) as connection:
        run(connection, "DELETE FROM outbox")
        wanted = [("event_missing", entry_name(other, 1), "nobody was told of it")]
        assert said(connection) == (wanted if missed else [])
