"""What the bench chooses among: a run of it is no part of the tests."""

from __future__ import annotations

from sqlalchemy import Engine, select

from bench.fill import accounts_of
from ledger import tables
from tests.support.clinic import Clinic
from tests.support.people import World


def test_it_spends_from_people_alone(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    Clinic(world).institution()
    people = {world.open() for _ in range(3)}
    with fresh_engine.connect() as connection:
        assert set(accounts_of(connection)) == people
        books = set(connection.scalars(select(tables.book.c.book_id)))
    assert books > people, "institutions and registers have books, too"
