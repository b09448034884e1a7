"""`verify` finds what was changed about the sealed ID numbers that lines of lists were handed in with."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from sqlalchemy import Connection, Engine

from ledger.book.numbers import entry_name
from ledger.contributions.declarations import Declare
from ledger.people.persons import open_sent, seal_sent
from ledger.verify import verify
from ledger.verify.declared import sent_numbers_are_their_persons
from tests.support.people import KEYRING, SomeoneFactory, World
from tests.support.units import Unit
from tests.verify.tampering import TOLD, found, rewritten, run, tampering

WAGE = 800_000


class Lists(NamedTuple):
    """Two lists of one employer, with the numbers of two people as they were typed."""

    world: World
    unit: Unit
    first: int
    second: int
    # as sealed on line 1, for the first and for the second of them
    numbers: tuple[bytes, bytes]


@pytest.fixture(scope="module")
def lists(engine: Engine) -> Lists:
    world = World(engine)
    unit = Unit(world)
    people = [SomeoneFactory() for _ in range(2)]
    accounts = [unit.hire(one) for one in people]
    sealed = [seal_sent(f" {one.id_number}", unit.book, 1, KEYRING) for one in people]
    handed_in = []
    for period, account, number in zip((202601, 202602), accounts, sealed, strict=True):
        (line,) = unit.lines({account: WAGE})
        handed_in.append(world.one(Declare(unit.book, period, (line._replace(number_sealed=number),))).seq)
    return Lists(world, unit, *handed_in, (sealed[0], sealed[1]))


def said(lists: Lists, connection: Connection) -> set[tuple[str, str]]:
    """What is found of sealed numbers with the keys, and of which list."""
    book = lists.unit.book
    names = {entry_name(book, lists.first): "1", entry_name(book, lists.second): "2"}
    findings = list(sent_numbers_are_their_persons(connection, KEYRING, book, book))
    TOLD.update(one.what for one in findings)
    return {(one.code, names[one.where.partition(" ")[0]]) for one in findings}


def forget(lists: Lists, connection: Connection) -> None:
    """Let both lists be of a version that said nothing of their sealed numbers."""
    for seq in (lists.first, lists.second):
        rewritten(connection, lists.unit.book, seq, lambda facts: facts.pop("numbers"))


def overwrite(lists: Lists, connection: Connection, seq: int, sealed: bytes | None) -> None:
    run(
        connection,
        "UPDATE declared_line SET number_sealed = :n WHERE book_id = :b AND seq = :s",
        n=sealed,
        b=lists.unit.book,
        s=seq,
    )


def test_lists_as_they_were_handed_in_are_right(lists: Lists) -> None:
    assert verify(lists.world.engine, keyring=KEYRING).findings == []
    with tampering(lists.world.engine) as connection:
        forget(lists, connection)
        assert said(lists, connection) == set()


def test_a_number_overwritten_is_found(lists: Lists) -> None:
    with tampering(lists.world.engine) as connection:
        overwrite(lists, connection, lists.first, b"\x00" * 40)
        assert said(lists, connection) == {("sent_number_does_not_open", "1")}


def test_numbers_exchanged_between_lists_are_found(lists: Lists) -> None:
    """Both open where they stand: they are sealed for the line of the employer, and not of the list."""
    with tampering(lists.world.engine) as connection:
        overwrite(lists, connection, lists.first, lists.numbers[1])
        overwrite(lists, connection, lists.second, lists.numbers[0])
        assert said(lists, connection) == {("sent_number_wrong", "1"), ("sent_number_wrong", "2")}
        # and of lists that say nothing of theirs
        forget(lists, connection)
        assert said(lists, connection) == {("sent_number_wrong", "1"), ("sent_number_wrong", "2")}


def test_a_number_taken_away_or_put_there_is_found(lists: Lists) -> None:
    with tampering(lists.world.engine) as connection:
        overwrite(lists, connection, lists.second, None)
        assert said(lists, connection) == {("sent_numbers_wrong", "2")}
        overwrite(lists, connection, lists.second, seal_sent("no number", lists.unit.book, 1, KEYRING))
        assert said(lists, connection) == {("sent_number_wrong", "2")}


def test_the_number_of_somebody_else_sealed_anew_is_found(lists: Lists) -> None:
    """By somebody who has the keys."""
    other = SomeoneFactory()
    lists.world.open(other)
    with tampering(lists.world.engine) as connection:
        overwrite(lists, connection, lists.first, seal_sent(other.id_number, lists.unit.book, 1, KEYRING))
        assert said(lists, connection) == {("sent_number_wrong", "1")}
        TOLD.update(one.what for one in found(connection))
    # by the check of the whole as well
    with lists.world.engine.connect() as connection, connection.begin():
        assert said(lists, connection) == set()


def test_the_same_number_sealed_anew_is_right(lists: Lists) -> None:
    """As `keys rotate` does it."""
    with tampering(lists.world.engine) as connection:
        number = open_sent(lists.numbers[0], lists.unit.book, 1, KEYRING)
        overwrite(lists, connection, lists.first, seal_sent(number, lists.unit.book, 1, KEYRING))
        assert said(lists, connection) == set()
