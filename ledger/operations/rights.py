"""`python -m ledger grant`: a database role for each who works with the ledger, and what it may do.

The owner migrates, and is nobody who serves. Whoever serves writes and takes back nothing; who seals or
checks reads; who makes reports of their own reads what names nobody.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import typer

from ledger import tables
from ledger.database.engines import connect_once, is_postgresql
from ledger.database.rights import OwnsAll, grant, make_role
from ledger.operations.cli import Answer, Data, command
from ledger.operations.installation import NotReady, WrongCall, head_revision, in_words, schema_revision
from ledger.operations.sealed_columns import SEALED_COLUMNS
from ledger.settings import Settings

# DELETE is for stakes that are taken back, and for files that are looked at again
DELETED_FROM: Final = ("claim", "identity", "batch_line", "outbox", "notice")
# keys of people are sealed anew and erased by whoever owns the ledger, as nobody who serves can
CHANGED_BY_THE_OWNER: Final = frozenset({"person_key"})
_VERSION: Final = ("alembic_version", "SELECT")
# who looked at whom, who is who, and what is kept of those who ask
_OF_PEOPLE: Final = frozenset({
    "identity_entry", "read_log", "read_log_chain", "staff", "account_flag", "phone_guess", "call_back_code",
    "shared_number", "account_merge",
}) | {one.table.name for one in SEALED_COLUMNS}  # fmt: skip


class DatabaseRole(StrEnum):
    """Who a database role is for."""

    WRITER = "writer"
    READER = "reader"
    SEALER = "sealer"
    AUDITOR = "auditor"


def rights_needed() -> list[tuple[str, str]]:
    """Tables, and what the serving role must be allowed on them. It owns nothing."""
    needed = [_VERSION]
    for name in sorted(tables.metadata.tables):
        needed += [(name, "SELECT"), (name, "INSERT")]
        if name not in tables.APPEND_ONLY and name not in CHANGED_BY_THE_OWNER:
            needed.append((name, "UPDATE"))
    return needed + [(name, "DELETE") for name in DELETED_FROM]


def rights_of(role: DatabaseRole) -> list[tuple[str, str]]:
    """What a role may do: (table, privilege)."""
    if role is DatabaseRole.WRITER:
        return rights_needed()
    hidden = _OF_PEOPLE if role is DatabaseRole.READER else frozenset()
    return [_VERSION, *((name, "SELECT") for name in sorted(tables.metadata.tables) if name not in hidden)]


@command("grant")
def grant_(
    role: Annotated[
        str, typer.Argument(metavar="ROLE", help="The database role; it is made where it is not there.")
    ],
    kind: Annotated[
        DatabaseRole,
        typer.Option("--as", help="Who it is for: who serves, reads, seals, or checks."),
    ],
    data: Data = None,
) -> Answer:
    """Let a database role do what it is for and nothing else; said again after each upgrade, as the owner."""
    if not role.strip() or "\0" in role:
        raise WrongCall("ROLE is the name of a database role")
    settings = Settings.load(data)
    with in_words():
        engine = connect_once(settings.url)
        try:
            if not is_postgresql(engine):
                raise NotReady("an SQLite file has no roles: who may read the file may do everything")
            if schema_revision(engine) != head_revision():
                raise NotReady("the schema is not the newest: run `python -m ledger migrate` first")
            wanted = rights_of(kind)
            try:
                with engine.begin() as connection:
                    made = make_role(connection, role)
                    grant(connection, role, wanted, temporary=kind is DatabaseRole.AUDITOR)
            except OwnsAll:
                raise NotReady("the role owns the tables, or may do everything: give another one") from None
        finally:
            engine.dispose()
    return {"role": role, "as": kind.value, "made": made, "rights": len(wanted)}, True
