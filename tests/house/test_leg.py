"""The leg runs on the database that it names, with the schema that the migrations build."""

import pytest
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from tests.check import alembic_config

VERSION_OF = {
    "sqlite": "SELECT sqlite_version()",
    "postgresql": "SELECT current_setting('server_version')",
}
OLDEST = {"sqlite": 3, "postgresql": 15}


def test_the_leg_runs_on_the_dialect_it_names(engine: Engine, database_leg: str) -> None:
    assert engine.dialect.name == database_leg
    with engine.connect() as connection:
        version = connection.execute(text(VERSION_OF[database_leg])).scalar_one()
    assert int(version.split(".")[0]) >= OLDEST[database_leg]


def test_the_schema_is_that_of_the_newest_migration(engine: Engine) -> None:
    heads = ScriptDirectory.from_config(alembic_config("")).get_heads()
    assert len(heads) == 1, "two migrations were written beside each other: put one after the other"
    with engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_heads() == tuple(heads)


@pytest.mark.sqlite
def test_sqlite_holds_foreign_keys_and_keeps_readers_apart_from_the_writer(engine: Engine) -> None:
    with engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("foreign_keys", "journal_mode", "recursive_triggers")
        }
    assert pragmas == {"foreign_keys": 1, "journal_mode": "wal", "recursive_triggers": 1}


def test_a_fresh_database_is_nobody_elses(engine: Engine, fresh_engine: Engine) -> None:
    assert fresh_engine.url != engine.url
