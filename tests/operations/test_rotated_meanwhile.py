"""`keys rotate` beside who asks for something that waits: it opens when the older key was taken away."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine

from ledger import tables
from ledger.approvals.waiting import find, opened
from ledger.book.numbers import approval_name
from ledger.chart.person_facts import NumberReason, PersonFact
from ledger.operations.resealing import rotate
from ledger.people.person_keys import key_of_person
from ledger.people.persons import context_of_fact, context_of_name, seal_fact, stake_by_number
from ledger.people.renumbering import ChangeNumber
from ledger.posting import Posted, Waiting
from ledger.vault import KeyErasedError, Keyring
from ledger.verify import verify
from tests.operations.test_rotation import BOTH, NEW
from tests.people.test_erasure import person_of
from tests.support.approvals import approved, waits
from tests.support.people import SomeoneFactory, World


@pytest.fixture
def world(fresh_engine: Engine) -> World:
    return World(fresh_engine)


def asked_for(world: World, book: int, keyring: Keyring) -> ChangeNumber:
    """Another number for somebody, with the person's key as it lies now."""
    with world.engine.connect() as connection:
        own = key_of_person(connection, keyring, person_of(connection, book))
    someone = SomeoneFactory()
    stake, number = stake_by_number(someone.id_number, someone.name, keyring, world.today, key=own)
    sealed = seal_fact(PersonFact.NUMBER, number.number, stake.digest, keyring, own).sealed
    return ChangeNumber(
        book, (stake,), sealed, date(2026, 3, 1), "d", NumberReason.CORRECTED, key=world.ref("k")
    )


def rotated_while_asked(world: World, book: int) -> Waiting:
    """Asked for with the key of before, and written down behind what was sealed anew already."""
    world.keyring = BOTH
    request = asked_for(world, book, BOTH)
    asked: list[Waiting] = []

    def meanwhile(_done: int, _of: int) -> None:
        if not asked:
            asked.append(waits(world, request))

    with world.engine.connect() as connection:
        assert rotate(connection, BOTH, meanwhile) == (0, {})
    return asked[0]


def test_what_is_asked_for_meanwhile_opens_without_the_older_key(world: World) -> None:
    book = world.open()
    waiting = rotated_while_asked(world, book)
    world.keyring = NEW
    with world.engine.connect() as connection, connection.begin():
        command = opened(connection, NEW, find(connection, approval_name(waiting.book_id, waiting.number)))
        [stake] = command.persons
        assert NEW.open(stake.name_sealed, context_of_name(stake.digest))
    assert isinstance(approved(world, waiting), Posted)
    told = verify(world.engine, keyring=NEW)
    assert told.findings == []


def test_it_is_sealed_anew_without_the_older_key(world: World) -> None:
    """By the next rotation, from which the key of before is gone."""
    rotated_while_asked(world, world.open())
    third = Keyring({2: b"n" * 32, 3: b"t" * 32}, bytes(range(32, 64)), {1: bytes(range(64, 96))})
    with world.engine.connect() as connection:
        assert rotate(connection, third) == (0, {})


def test_what_waits_opens_by_no_key_that_was_erased(world: World) -> None:
    """Whatever it carried when it was asked for."""
    book = world.open()
    waiting = waits(world, asked_for(world, book, world.keyring))
    with world.engine.begin() as connection:
        connection.execute(tables.person_key.update().values(wrapped=None, erased_in=book, erased_by=1))
    with world.engine.connect() as connection, connection.begin():
        act = find(connection, approval_name(waiting.book_id, waiting.number))
        command = opened(connection, world.keyring, act)
        assert isinstance(command, ChangeNumber)
        [stake] = command.persons
        context = context_of_fact(PersonFact.NUMBER, stake.digest)
        for sealed, under in ((stake.name_sealed, context_of_name(stake.digest)), (command.sealed, context)):
            with pytest.raises(KeyErasedError):
                world.keyring.open(sealed, under)
