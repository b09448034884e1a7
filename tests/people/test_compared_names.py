"""Digests of names that an older rule made: found, and made by the rule of today."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from ledger import tables
from ledger.database.engines import connect
from ledger.people.compared_names import _PAGE, KIND, RULE, digest_anew, is_due
from ledger.people.persons import name_digest
from ledger.posting import batches
from ledger.refusals import RefusalCode
from tests.operations.test_cli import Answer, run  # noqa: F401  a fixture
from tests.support.people import KEYRING, NOW, Someone, World, id_number, write_keys

DOTTED = "艾力·买买提"
HYPHENED = "艾力-买买提"


def digests(engine: Engine) -> set[bytes]:
    with engine.connect() as connection:
        return set(connection.scalars(select(tables.identity.c.name_digest)))


def by_the_old_rule(engine: Engine, name: str) -> bytes:
    """Give every person the digest of a name that folded no hyphen."""
    old = KEYRING.digest("name", name)
    with engine.begin() as connection:
        connection.execute(update(tables.identity).values(name_digest=old, nth=None))
    return old


def test_who_was_written_down_by_the_old_rule_is_found_by_the_new(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    someone = Someone(id_number(7), HYPHENED)
    book = world.open(someone)
    old = by_the_old_rule(fresh_engine, HYPHENED)
    # the same person under another form of the dot is another one by then
    other = world.opening(Someone(someone.id_number, DOTTED))
    assert world.refusal(other) == RefusalCode.ACCOUNT_EXISTS_OTHER_PERSON
    with fresh_engine.connect() as connection:
        assert is_due(connection)
        assert digest_anew(connection, KEYRING, NOW) == 1
        assert not is_due(connection)
    assert digests(fresh_engine) == {name_digest(DOTTED, KEYRING)} != {old}
    assert world.one(world.opening(Someone(someone.id_number, DOTTED))).book_id == book


def test_it_goes_over_everybody_and_writes_what_differs(
    fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.people.compared_names._PAGE", _PAGE.limit(2))
    world = World(fresh_engine)
    for number in range(7):
        world.open(Someone(id_number(number + 1), f"张{number}"))
    before = digests(fresh_engine)
    with fresh_engine.begin() as connection:
        first = connection.scalar(
            select(tables.identity.c.digest).order_by(tables.identity.c.digest).limit(1)
        )
        connection.execute(
            update(tables.identity)
            .where(tables.identity.c.digest != first)
            .values(name_digest=b"0" * 32, nth=None)
        )
    with fresh_engine.connect() as connection:
        assert digest_anew(connection, KEYRING, NOW) == 6
        batch = batches.find(connection, f"{KIND}-{RULE}")
        assert batch is not None
        assert (batch.state, batch.done) == (batches.FINISHED, 6)
        assert digest_anew(connection, KEYRING, NOW) == 0
    assert digests(fresh_engine) == before


def test_migrate_makes_them_anew(
    run: Callable[..., Answer],  # noqa: F811  the fixture
    fresh_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = connect(fresh_url)
    World(engine).open(Someone(id_number(9), HYPHENED))
    by_the_old_rule(engine, HYPHENED)
    write_keys(tmp_path / "keys")
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    monkeypatch.setenv("LEDGER_KEYS", str(tmp_path / "keys"))
    assert run("migrate").json["changed"] is False
    assert digests(engine) == {name_digest(DOTTED, KEYRING)}
    engine.dispose()
