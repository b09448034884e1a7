"""What a database role may do with the tables, on PostgreSQL: all that is said, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, text

from ledger.database.cluster import prepare_to_change

_THERE = text("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)")
_SELF = text("SELECT current_user = :role OR rolsuper FROM pg_roles WHERE rolname = :role")
_DATABASE = text("SELECT current_database()")


class OwnsAll(Exception):
    """A role that owns the tables, or is a superuser: nothing can be refused to it."""


def make_role(connection: Connection, role: str) -> bool:
    """Make a role that may log in, as the server's own rules let it; whether it was not there."""
    if connection.scalar(_THERE, {"role": role}):
        return False
    connection.execute(text(f"CREATE ROLE {_quoted(connection, role)} LOGIN"))
    return True


def grant(
    connection: Connection, role: str, rights: Iterable[tuple[str, str]], *, temporary: bool = False
) -> None:
    """Let a role do just this: (table, privilege). Inside a transaction of the owner. Raises OwnsAll.

    `temporary`: it may also make temporary tables, which are gone with its session.
    """
    if connection.scalar(_SELF, {"role": role}):
        raise OwnsAll
    # shards side by side, and then what is whole everywhere, a cluster does not give away in one transaction
    prepare_to_change(connection)
    named = _quoted(connection, role)
    tables: defaultdict[str, list[str]] = defaultdict(list)
    for table, privilege in rights:
        tables[privilege].append(_quoted(connection, table))
    connection.execute(text(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {named}"))
    connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {named}"))
    for privilege, those in tables.items():
        connection.execute(text(f"GRANT {privilege} ON {', '.join(those)} TO {named}"))
    if temporary:
        database = _quoted(connection, str(connection.scalar(_DATABASE)))
        connection.execute(text(f"GRANT TEMPORARY ON DATABASE {database} TO {named}"))


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
