"""`python -m ledger distribute`: a migrated database on a Citus coordinator is spread over its workers."""

from __future__ import annotations

from typing import Annotated

import typer

from ledger.database.cluster import SHARDS_DEFAULT, SHARDS_MAX, CannotDistribute, distribute, tell_workers
from ledger.database.engines import connect_once, is_postgresql
from ledger.operations.cli import Answer, Data, command
from ledger.operations.installation import NotReady, head_revision, in_words, schema_revision
from ledger.settings import Settings


@command("distribute")
def distribute_(
    data: Data = None,
    role: Annotated[
        str | None,
        typer.Option(
            "--role",
            metavar="NAME",
            help="The database role that serves: each worker learns how its sessions are to work.",
        ),
    ] = None,
    shards: Annotated[
        int,
        typer.Option(min=1, max=SHARDS_MAX, help="Into how many parts the books are divided, for good."),
    ] = SHARDS_DEFAULT,
) -> Answer:
    """Spread the tables over the workers of a Citus cluster; what is spread already stays as it is."""
    settings = Settings.load(data)
    with in_words():
        engine = connect_once(settings.url)
        try:
            if not is_postgresql(engine):
                raise NotReady("an SQLite file lies on one machine: nothing was changed")
            if schema_revision(engine) != head_revision():
                raise NotReady("the schema is not the newest: run `python -m ledger migrate` first")
            try:
                with engine.begin() as connection:
                    done = distribute(connection, shards)
                if role is not None:
                    with engine.begin() as connection:
                        tell_workers(connection, role)
            except CannotDistribute as reason:
                raise NotReady(str(reason)) from None
        finally:
            engine.dispose()
    return done._asdict() | {"changed": bool(done.done or done.guarded)}, True
