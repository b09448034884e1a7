"""`python -m ledger doctor`: the settings in force, and whether each thing that they name will do.

Writes nothing. A check that needs what another one did not find is not passed over: it has failed too.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine, func, select

from ledger import tables
from ledger.access.jwks import read_jwks
from ledger.accounts.holds import books_with_holds_due
from ledger.chart.parties import Party
from ledger.clock import now_and_today
from ledger.database.engines import connect, database_url, is_postgresql, reading
from ledger.database.facts import journal_mode, missing_rights, server_facts, sqlite_path
from ledger.database.purposes import REPORTS
from ledger.operations import checks
from ledger.operations.checks import Unsound
from ledger.operations.cli import PROBLEMS, Answer, Data, command
from ledger.operations.figures import HOLDS_COUNTED_MAX, VERIFY, look
from ledger.operations.installation import (
    PUT_BACK,
    database_knows_document_key,
    head_revision,
    in_words,
    schema_revision,
)
from ledger.operations.resealing import keys_in_use
from ledger.operations.rights import rights_needed
from ledger.people.id_numbers import mask_in_text
from ledger.people.sealing import check_keys, is_sealed
from ledger.policy import PACKAGED_POLICIES, load_policies
from ledger.posting import batches
from ledger.settings import SQLITE_FILE, Settings
from ledger.vault import Keyring, is_seal_file

KEY_FILES: Final = ("seal-*.key", "index.key", "document-*.key", "token-signing.pem")
MOUNTS: Final = Path("/proc/self/mounts")
HIDDEN: Final = "***"
NO_KEYS: Final = "not looked at: there are no keys"
# that of `serve`
LOG_LEVEL: Final = "info"


class Checked(NamedTuple):
    """What one check came to."""

    name: str
    ok: bool
    detail: str


@dataclass(slots=True)
class Examination:
    """Checks as they are made, in order."""

    findings: list[Checked] = field(default_factory=list)

    def check(self, name: str, judge: Callable[[], str]) -> bool:
        """Make one check; whether it is passed."""
        try:
            with in_words():
                found = Checked(name, True, judge())
        except Unsound as unsound:
            found = Checked(name, False, str(unsound))
        except tuple(PROBLEMS) as problem:
            found = Checked(name, False, str(problem))
        except OSError as error:
            found = Checked(name, False, f"{error.filename or name}: {error.strerror}")
        self.findings.append(found)
        return found.ok


@command("doctor")
def doctor(data: Data = None) -> Answer:
    """Show the settings in force and check each: database, keys, policies, disk, clock, what runs left."""
    examination = Examination()
    shown: dict[str, str] = {}

    def settings_in_force() -> str:
        shown.update(without_secrets(Settings.load(data)))
        return "read"

    if examination.check("settings", settings_in_force):
        examine(Settings.load(data), examination)
    findings = examination.findings
    well = all(found.ok for found in findings)
    width = max(len(found.name) for found in findings)
    for found in findings:
        line = f"{'ok ' if found.ok else 'BAD'}  {found.name:<{width}}  {found.detail}"
        sys.stderr.write(f"{mask_in_text(line)}\n")
    return {"settings": shown, "checks": [found._asdict() for found in findings], "ok": well}, well


def without_secrets(settings: Settings) -> dict[str, str]:
    """The settings as environment variables, without what is secret. Raises SettingsError, OtherDatabase."""
    url = database_url(settings.url)
    # libpq takes a password among the parameters too
    secret = {name: HIDDEN for name in url.query if "password" in name.lower()}
    shown = url.update_query_dict(secret).render_as_string(hide_password=True)
    # a command may have been given what opens a store of keys
    hidden = {} if settings.keys_command is None else {"LEDGER_KEYS_COMMAND": HIDDEN}
    return (
        settings.environment()
        | hidden
        | {
            "LEDGER_DATABASE_URL": shown,
            "LEDGER_POLICIES": str(settings.policies or PACKAGED_POLICIES),
            "LEDGER_LOG_LEVEL": settings.log_level or LOG_LEVEL,
        }
    )


def examine(settings: Settings, examination: Examination) -> None:
    """Make all checks of an installation."""
    check, (_now, today) = examination.check, now_and_today()
    keyrings: list[Keyring] = []

    def keys() -> str:
        keyrings.append(Keyring.load(settings.key_place))
        return f"in {settings.keys_directory}" if settings.keys_command is None else "said by a command"

    check("data_directory", lambda: _writable(settings.data))
    check("disk_space", lambda: checks.free_space(shutil.disk_usage(settings.data).free, settings.data))
    check("keys", keys)
    check("document_key", lambda: _signs(keyrings[0] if keyrings else None, settings))
    check("public_url", lambda: checks.public_url(settings.check_url))
    check("key_files", lambda: checks.mode_of_keys(_key_files(settings.keys_directory)))
    check("jwks", lambda: _public_keys(settings.jwks_file))
    check("policies", lambda: checks.policies_today(load_policies(settings.policies), today))
    engines: list[Engine] = []

    def database() -> str:
        if settings.is_sqlite_file and not (settings.data / SQLITE_FILE).exists():
            raise Unsound(f"no database in {settings.data}: run `python -m ledger migrate`")
        engines.append(connect(settings.url, purpose=REPORTS))
        with _looking(engines[0]) as connection:
            connection.scalar(select(1))
        return f"{engines[0].dialect.name} is reached"

    try:
        reached = check("database", database)
        of_database = _of_database(keyrings[0] if keyrings else None)
        if engines:
            of_database |= _of_postgresql(settings) if is_postgresql(engines[0]) else _of_sqlite()
        if not reached:
            check("of_database", _not_reached)
            return
        for name, judge in of_database.items():
            check(name, partial(_judged, judge, engines[0]))
    finally:
        for engine in engines:
            engine.dispose()


def _signs(keyring: Keyring | None, settings: Settings) -> str:
    is_lacking = keyring is not None and keyring.signing_file is None
    known = bool(is_lacking and database_knows_document_key(settings))
    return checks.document_key(keyring, is_known=known)


Judge = Callable[[Connection], str]


def _judged(judge: Judge, engine: Engine) -> str:
    # a transaction each: what one of them met is not in the way of the others
    with _looking(engine) as connection:
        return judge(connection)


def _not_reached() -> str:
    raise Unsound("what is asked of the database is not looked at: it is not reached")


@contextmanager
def _looking(engine: Engine) -> Iterator[Connection]:
    with reading(engine) as connection, connection.begin():
        yield connection


def _of_database(keyring: Keyring | None) -> dict[str, Judge]:
    """What is asked of every database."""

    def schema(connection: Connection) -> str:
        return checks.schema(schema_revision(connection.engine), head_revision())

    def keys(connection: Connection) -> str:
        if keyring is None:
            raise Unsound(f"there are no keys here; {PUT_BACK}" if is_sealed(connection) else NO_KEYS)
        return keys_belong(connection, keyring)

    def verify(connection: Connection) -> str:
        now = datetime.now(UTC)
        entry, registers = tables.entry.c, Party.REGISTER
        of_parties = ~entry.book_id.between(registers.first, registers.last)
        is_empty = connection.scalar(select(entry.seq).where(of_parties).limit(1)) is None
        return checks.last_verify(look(connection, now, now.timestamp()), now, is_empty=is_empty)

    def runs(connection: Connection) -> str:
        batch = tables.batch.c
        named = select(batch.batch_id).where(batch.kind != VERIFY).order_by(batch.batch_id)
        silent = batch.updated_at < datetime.now(UTC) - checks.SILENT_FOR
        return checks.runs(
            connection.scalars(named.where(batch.state == batches.FAILED)).all(),
            connection.scalars(named.where(batch.state == batches.RUNNING, silent)).all(),
        )

    def holds(connection: Connection) -> str:
        due = books_with_holds_due(datetime.now(UTC) - checks.HOLDS_DUE_FOR).limit(HOLDS_COUNTED_MAX)
        return checks.holds(len(connection.scalars(due).all()))

    def events(connection: Connection) -> str:
        now, webhook = datetime.now(UTC), tables.webhook.c
        since = now - checks.WEBHOOK_FAILS_FOR
        failing = (
            select(webhook.name)
            .where(
                webhook.ended_at.is_(None),
                webhook.tries > 0,
                func.coalesce(webhook.taken_at, webhook.recorded_at) < since,
            )
            .order_by(webhook.name)
        )
        recorded_at = tables.outbox.c.recorded_at
        oldest = connection.scalar(select(recorded_at).order_by(recorded_at).limit(1))
        return checks.events(oldest, connection.scalars(failing).all(), now)

    return {
        "schema": schema, "keys_of_database": keys, "verify": verify, "runs": runs, "holds": holds,
        "events": events,
    }  # fmt: skip


def keys_belong(connection: Connection, keyring: Keyring) -> str:
    """The keys are those that the database was sealed with; of older ones, whether they seal something."""
    check_keys(connection, keyring)
    told = "they are those that the database was sealed with"
    older = [name for name in keyring.fingerprints if is_seal_file(name) and name != keyring.sealing]
    if not older:
        return told
    used = keys_in_use(connection)
    lost = [name for name in used if name not in keyring.fingerprints]
    if lost:
        raise Unsound(f"something is sealed with {', '.join(lost)}, which is not here; {PUT_BACK}")
    still = [name for name in sorted(older) if name in used]
    told += "".join(f"; {name} seals nothing any more" for name in sorted(older) if name not in used)
    return told + (f"; something is sealed with {', '.join(still)} still: `keys rotate`" if still else "")


def _of_postgresql(settings: Settings) -> dict[str, Judge]:
    def clock(connection: Connection) -> str:
        # the first question may have to make the connection
        connection.scalar(select(1))
        before = datetime.now(UTC)
        theirs = server_facts(connection).now
        return checks.clock(theirs, before, datetime.now(UTC))

    return {
        "server_version": lambda connection: checks.server_version(server_facts(connection)),
        "synchronous_commit": lambda connection: checks.durable_commit(server_facts(connection)),
        "fsync": lambda connection: checks.durable_files(server_facts(connection)),
        "encoding": lambda connection: checks.encoding(server_facts(connection)),
        "clock": clock,
        "connections": lambda connection: checks.connections(server_facts(connection), settings),
        "rights": lambda connection: checks.rights(missing_rights(connection, rights_needed())),
    }


def _of_sqlite() -> dict[str, Judge]:
    def space(connection: Connection) -> str:
        path = sqlite_path(connection)
        # as much again, which a backup and the journal take
        least = max(checks.FREE_BYTES_LEAST, path.stat().st_size)
        return checks.free_space(shutil.disk_usage(path.parent).free, path.parent, least)

    return {
        "journal": lambda connection: checks.journal(journal_mode(connection)),
        "database_space": space,
        "one_machine": lambda connection: checks.one_machine(
            sqlite_path(connection).resolve(), MOUNTS.read_text() if MOUNTS.exists() else ""
        ),
    }


def _writable(directory: Path) -> str:
    if not directory.is_dir():
        raise Unsound(f"no directory {directory}")
    try:
        with tempfile.TemporaryFile(dir=directory):
            return f"{directory} can be written to"
    except OSError as error:
        raise Unsound(f"{directory} cannot be written to: {error.strerror}") from None


def _key_files(directory: Path) -> list[Path]:
    return [file for pattern in KEY_FILES for file in directory.glob(pattern)]


def _public_keys(file: Path) -> str:
    read_jwks(file)
    return f"{file} has keys"
