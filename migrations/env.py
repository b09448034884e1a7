"""How alembic meets the database. Run by `alembic …`, by `python -m ledger migrate` and by the tests.

The database is, in this order: `config.attributes["connection"]` (used as it is, the caller owns its
transaction and keeps other migrators away), `config.attributes["url"]`, `LEDGER_DATABASE_URL`, alembic.ini.
"""

import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from logging.config import fileConfig
from typing import Any, Literal

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, text

from ledger.database.cluster import prepare_to_change
from ledger.database.engines import connect
from ledger.database.purposes import SCHEMA
from ledger.tables import metadata

# One migrator at a time. The number is "ledger" in ASCII, so that pg_locks shows whose lock it is.
MIGRATION_LOCK = int.from_bytes(b"ledger")
# How long a second migrator waits for the first, and how often it looks.
MIGRATION_LOCK_SECONDS = 120
MIGRATION_LOOK_SECONDS = 0.2
# A statement that waits for a table longer than this gives up, before everybody queues behind it.
LOCK_TIMEOUT = "5s"
# One that works longer is no migration but a long run, and belongs into the command line.
STATEMENT_TIMEOUT = "300s"

config = context.config

# Only for the `alembic` command: a program that calls alembic has logging of its own.
if config.config_file_name is not None and config.cmd_opts is not None:
    fileConfig(config.config_file_name, disable_existing_loggers=False)


def database_url() -> str:
    """The database to migrate."""
    named = config.attributes.get("url") or os.environ.get("LEDGER_DATABASE_URL")
    return str(named or config.get_main_option("sqlalchemy.url"))


def render_item(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """A type of our own as what it is in the database: migrations import nothing from ledger."""
    if kind == "type" and type(item).__module__.startswith("ledger."):
        return f"sa.{item.impl!r}"
    return False


def configure(**how: Any) -> None:
    """What is the same with and without a live database."""
    context.configure(
        target_metadata=metadata,
        autogenerate_plugins=["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
        compare_type=True,
        render_item=render_item,
        transactional_ddl=True,  # SQLite can, once the driver does not commit by itself
        **how,
    )


@contextmanager
def connected() -> Iterator[Connection]:
    """A connection of our own, with the guards of its database."""
    engine = connect(database_url(), purpose=SCHEMA)
    try:
        with engine.connect() as connection:
            guard = guarded_sqlite if connection.dialect.name == "sqlite" else guarded_postgresql
            with guard(connection):
                yield connection
    finally:
        engine.dispose()


@contextmanager
def guarded_postgresql(connection: Connection) -> Iterator[None]:
    """Alone, and never in the way for long."""
    limit = text(
        "SELECT set_config('lock_timeout', :lock, false), set_config('statement_timeout', :statement, false)"
    )
    connection.execute(limit, {"lock": LOCK_TIMEOUT, "statement": STATEMENT_TIMEOUT})
    connection.commit()
    wait_for_turn(connection)
    prepare_to_change(connection)
    connection.commit()
    yield  # the lock goes with the connection, which `connected` closes for good


def wait_for_turn(connection: Connection) -> None:
    """Have the migrators' lock, for as long as the connection stands.

    Who waits for it looks again and again, and has no transaction meanwhile: whoever makes an index beside
    everything else (CONCURRENTLY) waits for all transactions, and the two would wait for each other.
    """
    until = time.monotonic() + MIGRATION_LOCK_SECONDS
    mine = text("SELECT pg_try_advisory_lock(:lock)")
    while not connection.scalar(mine, {"lock": MIGRATION_LOCK}):
        connection.commit()
        if time.monotonic() > until:
            raise CommandError(f"another migrator has been at work for {MIGRATION_LOCK_SECONDS} seconds")
        time.sleep(MIGRATION_LOOK_SECONDS)
    connection.commit()


@contextmanager
def guarded_sqlite(connection: Connection) -> Iterator[None]:
    """Foreign keys rest while tables are rebuilt, since dropping the old table would delete what points at it."""
    driver: Any = connection.connection.driver_connection  # the pragma does nothing inside a transaction
    driver.execute("PRAGMA foreign_keys = OFF")
    yield  # `connected` closes it for good, nobody gets it with foreign keys off


def migrate(connection: Connection) -> None:
    """Run what is asked, in one transaction."""
    configure(connection=connection, render_as_batch=connection.dialect.name == "sqlite")
    with context.begin_transaction(), warnings.catch_warnings():
        # SQLite does not tell what an index over an expression is, and so it is compared on PostgreSQL alone
        warnings.filterwarnings("ignore", ".*expression-based index")
        context.run_migrations()
        if connection.dialect.name == "sqlite":
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise RuntimeError(f"rows that would point at nothing, so nothing was migrated: {broken[:5]}")


def print_sql() -> None:
    """`alembic upgrade --sql`: what would be done, for people who run DDL by hand."""
    configure(url=database_url(), literal_binds=True, dialect_opts={"paramstyle": "named"})
    with context.begin_transaction():
        context.run_migrations()


given = config.attributes.get("connection")
if context.is_offline_mode():
    print_sql()
elif given is not None:
    migrate(given)
else:
    with connected() as own:
        migrate(own)
