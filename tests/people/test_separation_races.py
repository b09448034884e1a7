"""Two at once, on PostgreSQL, while two people of one number are told apart."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from ledger.people.persons import digest_of_number
from ledger.verify import verify
from tests.people.test_person_races import at_once, code, renumber
from tests.support.approvals import asks_nobody
from tests.support.people import Someone, SomeoneFactory, World
from tests.support.separations import separation

pytestmark = pytest.mark.postgres

TURNS = 8


@pytest.fixture
def world(engine: Engine) -> World:
    return asks_nobody(World(engine))


def test_two_who_are_told_apart_by_one_new_number_are_one_person_or_refused(world: World) -> None:
    """Of one name they are one person; of two names the number is that of one."""
    for _turn in range(TURNS):
        books = [world.open(SomeoneFactory(name="张三")) for _ in range(2)]
        number = SomeoneFactory().id_number
        commands = [
            separation(world, book, Someone(number, name))
            for book, name in zip(books, ("李四", "王五"), strict=True)
        ]
        assert sorted(map(code, at_once(world, commands))) == ["Posted", "alias_conflict"]
    assert verify(world.engine, keyring=world.keyring).findings == []


def test_of_two_of_one_name_one_is_told_apart(world: World) -> None:
    for _turn in range(TURNS):
        book = world.open(SomeoneFactory(name="张三"))
        commands = [separation(world, book, Someone(SomeoneFactory().id_number, "李四")) for _ in range(2)]
        assert sorted(map(code, at_once(world, commands))) == ["Posted", "id_mismatch"]
    assert verify(world.engine, keyring=world.keyring).findings == []


def test_a_number_that_is_handed_over_is_not_taken_back_at_once(world: World) -> None:
    for _turn in range(TURNS):
        holder = SomeoneFactory(name="张三")
        book = world.open(holder)
        world.one(renumber(world, book, holder, SomeoneFactory().id_number))
        handed = separation(world, book, Someone(holder.id_number, "李四"))
        back = renumber(world, book, holder, holder.id_number)
        found = list(map(code, at_once(world, [handed, back])))
        # the holder's own again first: on one day the later word counts, and the number is in force
        assert found in (["Posted", "alias_conflict"], ["alias_conflict", "Posted"])
    assert verify(world.engine, keyring=world.keyring).findings == []


def test_who_opens_by_the_shared_number_at_once_is_known_or_not_yet(world: World) -> None:
    for _turn in range(TURNS):
        holder = SomeoneFactory(name="张三")
        book = world.open(holder)
        other = Someone(SomeoneFactory().id_number, "李四")
        opening = world.opening(Someone(holder.id_number, other.name))
        found = list(map(code, at_once(world, [separation(world, book, other), opening])))
        assert found in (["Posted", "Posted"], ["Posted", "account_exists_other_person"])
        assert world.one(world.opening(other)).book_id != book
    assert verify(world.engine, keyring=world.keyring).findings == []


def test_in_one_batch_it_is_as_one_after_the_other(world: World) -> None:
    holder = SomeoneFactory(name="张三")
    book, other = world.open(holder), Someone(SomeoneFactory().id_number, "李四")
    shared = digest_of_number(holder.id_number, world.keyring)
    commands = [
        separation(world, book, other),
        separation(world, book, Someone(SomeoneFactory().id_number, other.name), shared=shared),
        world.opening(Someone(holder.id_number, other.name)),
    ]
    outcomes = world.post(*commands)
    assert list(map(code, outcomes)) == ["Posted", "id_mismatch", "Posted"]
    assert verify(world.engine, keyring=world.keyring).findings == []
