"""Books of an older version come to say whose they are: by one run, which can be killed, and is made once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text

from ledger import tables
from ledger.accounts.closure import ReportDeath
from ledger.book.numbers import new_book_id
from ledger.chart.kinds import Kind
from ledger.chart.parties import Party
from ledger.database.engines import connect
from ledger.estates.merging import MergeAccounts
from ledger.people import whose
from ledger.people.persons import stake_by_number
from ledger.people.residents import EnrolResident, resident_ref
from ledger.people.whose import is_due, say_whose
from ledger.posting.identities import WHOSE
from ledger.verify import verify
from tests.operations.test_cli import Answer, run  # noqa: F401  a fixture
from tests.support.approvals import asks_nobody
from tests.support.people import AREA, KEYRING, NOW, SomeoneFactory, World, write_keys
from tests.support.second_numbers import write_second_number
from tests.support.separations import separation
from tests.support.stories import Heir, estate
from tests.verify.tampering import rewritten, with_every_right

TODAY = date(2026, 11, 21)


def a_full_house(engine: Engine) -> World:
    """People with an account, with two numbers, known as heirs alone, merged, told apart, and a resident."""
    world = asks_nobody(World(engine))
    holder, also, heir, resident = (SomeoneFactory() for _ in range(4))
    world.open(holder, opening=(0, 5_000))
    dead = world.open(opening=(0, 900))
    world.one(ReportDeath(dead, date(2026, 3, 3), "certificate"))
    world.one(estate(world, dead, [Heir("child", heir), Heir("child", "王五"), Heir("child", holder)], TODAY))
    older, younger = world.open(SomeoneFactory(name="张三")), world.open(SomeoneFactory(name="张三"))
    world.one(MergeAccounts(younger, older, "d"))
    world.one(separation(world, world.open(), SomeoneFactory(name="李四")))
    stake, _ = stake_by_number(resident.id_number, resident.name, KEYRING, TODAY)
    candidates = tuple(new_book_id(Party.RESIDENT) for _ in range(4))
    world.one(EnrolResident(resident_ref(stake.digest), (stake,), candidates, AREA, None, date(2026, 1, 1)))
    # a person with two books
    world.open(resident)
    assert verify(engine, keyring=KEYRING).findings == []
    with engine.connect() as connection:
        told = {"known_as": holder.id_number, "also": also.id_number, "now": NOW, "today": TODAY}
        write_second_number(connection, KEYRING, **told)
    return world


def as_an_older_version_left_it(engine: Engine) -> None:
    """Take away what entries say of whose numbers are, as if none had ever said it."""
    entry = tables.entry.c
    with with_every_right(engine) as connection:
        connection.execute(text("DELETE FROM identity_entry"))
        connection.execute(text("UPDATE identity SET nth = NULL"))
        saying = select(entry.book_id, entry.seq).where(entry.detail.like(f'%"{WHOSE}"%'))
        for book_id, seq in connection.execute(saying).all():
            rewritten(connection, book_id, seq, lambda facts: facts.pop(WHOSE))


def unsaid(engine: Engine) -> int:
    with engine.connect() as connection:
        counted = select(func.count()).select_from(tables.identity).where(tables.identity.c.nth.is_(None))
        return connection.scalar(counted) or 0


def entries_of_it(engine: Engine) -> int:
    with engine.connect() as connection:
        counted = select(func.count()).where(tables.entry.c.kind == int(Kind.IDENTITY))
        return connection.scalar(counted) or 0


def test_every_book_says_whose_it_is(fresh_engine: Engine) -> None:
    a_full_house(fresh_engine)
    as_an_older_version_left_it(fresh_engine)
    assert {one.code for one in verify(fresh_engine).findings} == {"identity_not_said", "holder_wrong"}
    with fresh_engine.connect() as connection:
        assert is_due(connection)
        written = say_whose(connection, NOW, TODAY)
        assert not is_due(connection)
    assert (written, unsaid(fresh_engine)) == (entries_of_it(fresh_engine), 0)
    assert written > 0
    assert verify(fresh_engine, keyring=KEYRING).findings == []
    with fresh_engine.connect() as connection:
        assert say_whose(connection, NOW, TODAY) == 0
    assert entries_of_it(fresh_engine) == written


def test_killed_it_goes_on(fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each of its steps in turn: what was said is not said again."""
    a_full_house(fresh_engine)
    as_an_older_version_left_it(fresh_engine)
    monkeypatch.setattr(whose, "_CHUNK", 1)
    post, steps = whose.post, 0

    def then_killed(*given: Any, **named: Any) -> Any:
        nonlocal steps
        outcomes = post(*given, **named)
        if given[1]:
            steps += 1
            raise KeyboardInterrupt
        return outcomes

    monkeypatch.setattr(whose, "post", then_killed)
    with fresh_engine.connect() as connection:
        while is_due(connection):
            try:
                say_whose(connection, NOW, TODAY)
            except KeyboardInterrupt:
                continue
    assert steps == entries_of_it(fresh_engine) > 3
    with fresh_engine.connect() as connection:
        counted = select(tables.batch.c.done).where(tables.batch.c.kind == whose.KIND)
        assert connection.scalar(counted) == steps, "what was posted is counted with it"
    assert unsaid(fresh_engine) == 0
    assert verify(fresh_engine, keyring=KEYRING).findings == []


def test_migrate_makes_the_run_once_and_says_nothing_of_who_is_put_in_later(
    run: Callable[..., Answer],  # noqa: F811  the fixture
    fresh_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = connect(fresh_url)
    world = World(engine)
    someone, forged = SomeoneFactory(), SomeoneFactory()
    world.open(someone)
    as_an_older_version_left_it(engine)
    write_keys(tmp_path / "keys")
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    monkeypatch.setenv("LEDGER_KEYS", str(tmp_path / "keys"))
    run("migrate")
    assert (unsaid(engine), verify(engine, keyring=KEYRING).findings) == (0, [])
    with engine.connect() as connection:
        told = {"known_as": someone.id_number, "also": forged.id_number, "now": NOW, "today": TODAY}
        write_second_number(connection, KEYRING, **told)
    run("migrate")
    assert unsaid(engine) == 1
    assert [one.code for one in verify(engine).findings] == ["identity_not_said"]
    engine.dispose()
