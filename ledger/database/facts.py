"""What a database server says of itself, for whoever checks an installation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, text

_SERVER = text("""
SELECT CAST(current_setting('server_version_num') AS integer), current_setting('synchronous_commit'),
       current_setting('fsync'), current_setting('server_encoding'), clock_timestamp(),
       CAST(current_setting('max_connections') AS integer),
       CAST(current_setting('superuser_reserved_connections') AS integer)
         + CAST(coalesce(current_setting('reserved_connections', true), '0') AS integer),
       (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user),
       (SELECT datconnlimit FROM pg_database WHERE datname = current_database())
""")
_MISSING = text("""
SELECT wanted.name, wanted.privilege
FROM unnest(CAST(:names AS text[]), CAST(:privileges AS text[])) AS wanted (name, privilege)
WHERE NOT coalesce(has_table_privilege(to_regclass(wanted.name), wanted.privilege), false)
ORDER BY 1, 2
""")


class ServerFacts(NamedTuple):
    """PostgreSQL, as the session of the service sees it. `version` is as in 150004; a limit of -1 is none."""

    version: int
    synchronous_commit: str
    fsync: str
    encoding: str
    now: datetime
    connections_max: int
    connections_reserved: int
    role_limit: int
    database_limit: int


def server_facts(connection: Connection) -> ServerFacts:
    """Ask PostgreSQL, inside a transaction."""
    return ServerFacts._make(connection.execute(_SERVER).one())


def missing_rights(connection: Connection, wanted: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of tables and privileges on them those that the role of the session does not have. On PostgreSQL."""
    pairs = list(wanted)
    asked = {"names": [name for name, _ in pairs], "privileges": [privilege for _, privilege in pairs]}
    return [(name, privilege) for name, privilege in connection.execute(_MISSING, asked)]


def journal_mode(connection: Connection) -> str:
    """How SQLite keeps what is not yet in the file; `wal` lets others read meanwhile."""
    return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())


def sqlite_path(connection: Connection) -> Path:
    """The file of an SQLite database."""
    return Path(connection.engine.url.database or ":memory:").absolute()
