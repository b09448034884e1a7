"""One installation, opened: its database, its policies and its keys. What every door begins with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, Text, column, inspect, select, table
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from ledger.clock import Clock, now_and_today
from ledger.database.cluster import in_cluster, is_distributed
from ledger.database.engines import (
    OtherDatabase,
    connect,
    connect_once,
    for_posting,
    is_postgresql,
    reading,
)
from ledger.database.purposes import RUN, VERIFY, Purpose
from ledger.people import compared_names, whose
from ledger.people.sealing import are_recorded, check_keys, is_sealed, record_keys, recorded_names
from ledger.policy import PACKAGED_POLICIES, Policy, load_policies
from ledger.posting import Failed, Unknown
from ledger.posting.in_force import outdated_areas, policy_versions
from ledger.posting.registers import open_registers
from ledger.settings import SQLITE_FILE, Settings, SettingsError
from ledger.vault import KeyExposedError, Keyring, KeyringError, have_keys, is_document_file
from ledger.verify.registered import REGISTERS

# a wheel brings them along; in the repository they stand beside the package
_PACKAGED = Path(__file__).resolve().parents[1] / "migrations"
MIGRATIONS = _PACKAGED if _PACKAGED.is_dir() else _PACKAGED.parents[1] / "migrations"
PUT_BACK = "the database has people or knows its keys: put back the key directory that belongs to it"
_VERSION = table("alembic_version", column("version_num", Text))


class NotReady(Exception):
    """The installation cannot be opened. The message tells the operator what to do."""


class WrongCall(NotReady):
    """A command was called with what cannot be. The message says what to call it with."""

    def __init__(self, problem: str, code: str = "usage") -> None:
        """`code` is the refusal's, where what was given has one."""
        super().__init__(problem)
        self.code = code


class OldPolicies(NotReady):
    """Policy files are older than what is in force: nothing is posted by them."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What commands need: where to post, by which rules, under which keys."""

    engine: Engine
    policies: dict[int, Policy]
    keyring: Keyring
    settings: Settings


def open_ledger(settings: Settings, purpose: Purpose = RUN) -> Opened:
    """Open an installation to post: its database is there and migrated, keys and policies belong to it.

    Raises NotReady (database), KeyringError and KeysDiffer (keys), PolicyError and OldPolicies (policies).
    New keys and new policies are written down: the policies are in force from now on.
    """
    opened = open_with_keys(settings, purpose)
    with _let_go_on_failure(opened.engine):
        with _reachable():
            outdated = _outdated(opened)
        if outdated:
            raise OldPolicies(_too_old(sorted(outdated), settings))
    return opened


@contextmanager
def _let_go_on_failure(engine: Engine) -> Iterator[None]:
    """Dispose of an engine that nobody will get."""
    with ExitStack() as on_failure:
        on_failure.callback(engine.dispose)
        yield
        on_failure.pop_all()


def _outdated(opened: Opened) -> frozenset[int]:
    """The areas of which another policy is in force; one that nobody has seen is put in force.

    Only reads where it can: what is opened beside a long posting must not wait for it on SQLite.
    """
    now = now_and_today()[0]
    with reading(opened.engine) as connection:
        versions = policy_versions(connection, opened.policies, now, create=False)
        if all(versions.values()):
            with connection.begin():
                return outdated_areas(connection, versions)
    with opened.engine.connect() as connection:
        versions = policy_versions(connection, opened.policies, now)
        with connection.begin():
            return outdated_areas(connection, versions)


def _too_old(areas: Sequence[int], settings: Settings) -> str:
    named = [f"{area:06d}" for area in areas]
    return (
        f"another policy of area {', '.join(named)} is in force than the file in"
        f" {settings.policies or PACKAGED_POLICIES} has: put the newest file there, or, if this one shall"
        f" hold again, say `python -m ledger policies --put-in-force {named[0]}`"
    )


def open_with_keys(settings: Settings, purpose: Purpose = RUN) -> Opened:
    """The same whatever policies are in force, and nothing about them is written down."""
    policies = {int(area): policy for area, policy in load_policies(settings.policies).items()}
    keyring = load_keys(settings)
    engine = connect_ready(settings, purpose)
    with _let_go_on_failure(engine), _reachable():
        _record_keys(engine, keyring)
    return Opened(engine, policies, keyring, settings)


def _record_keys(engine: Engine, keyring: Keyring) -> None:
    with reading(engine) as connection, connection.begin():
        if are_recorded(connection, keyring):
            return
    with engine.connect() as connection:
        record_keys(connection, keyring, now_and_today()[0])


def load_keys(settings: Settings) -> Keyring:
    """The keys that the settings name. Raises KeyringError, with the directory and what to do."""
    directory = settings.keys_directory
    try:
        return Keyring.load(settings.key_place)
    except KeyExposedError as error:
        raise KeyringError(f"keys in {directory}: {error}") from None
    except KeyringError as error:
        raise KeyringError(f"keys in {directory}: {error} ({_how_to_have_keys(settings)})") from None


def _how_to_have_keys(settings: Settings) -> str:
    """What to do about keys that are missing or no keys. New ones open nothing that is there."""
    named = "LEDGER_KEYS names the directory"
    sealed = database_is_sealed(settings)
    if sealed:
        return f"{named}; {PUT_BACK}"
    is_new = sealed is not None and not have_keys(settings.key_place)
    return f"{named}; `keys` makes new ones" if is_new else named


def database_is_sealed(settings: Settings) -> bool | None:
    """Whether the database has people or fingerprints of keys; None when it cannot be asked."""
    return _asked(settings, is_sealed)


def database_knows_document_key(settings: Settings) -> bool | None:
    """Whether the database knows a key that signs documents; None when it cannot be asked."""
    return _asked(settings, lambda connection: any(map(is_document_file, recorded_names(connection))))


def _asked(settings: Settings, ask: Callable[[Connection], bool]) -> bool | None:
    try:
        url = settings.url
        if settings.is_sqlite_file and not (settings.data / SQLITE_FILE).exists():
            return False
        with _reachable():
            engine = connect_once(url)
            try:
                with reading(engine) as connection, connection.begin():
                    return ask(connection)
            finally:
                engine.dispose()
    except (NotReady, SettingsError):
        return None


def open_to_look(settings: Settings, purpose: Purpose = RUN) -> tuple[Engine, Keyring | None]:
    """A migrated database to look at, and the keys that belong to it; None where nothing needs them yet.

    Raises NotReady, KeyringError, KeysDiffer; writes nothing.
    """
    engine = connect_ready(settings, purpose)
    with _let_go_on_failure(engine), _reachable():
        keyring = _keys_to_look_with(settings, engine)
    return engine, keyring


def open_to_verify(settings: Settings, keys: bool | None = None) -> tuple[Engine, Keyring | None]:
    """The same, with statements that may take as long as a check of the whole.

    `keys` says whether they must be there, or are left alone; None takes those that belong to the database.
    """
    if keys is False:
        return connect_ready(settings, VERIFY), None
    if keys:
        # said here, before an hour of looking
        load_keys(settings)
    return open_to_look(settings, VERIFY)


def _keys_to_look_with(settings: Settings, engine: Engine) -> Keyring | None:
    """The keys, checked; None where there are neither keys nor people."""
    with reading(engine) as connection, connection.begin():
        if not have_keys(settings.key_place) and not is_sealed(connection):
            return None
        keyring = load_keys(settings)
        check_keys(connection, keyring)
        return keyring


@contextmanager
def at_work(settings: Settings) -> Iterator[tuple[Opened, Connection]]:
    """An installation opened for one command of the operator, with a connection to post over."""
    opened = open_ledger(settings)
    try:
        with in_words(), connection_to_post(opened.engine) as connection:
            yield opened, connection
    finally:
        opened.engine.dispose()


@contextmanager
def connection_to_post(engine: Engine) -> Iterator[Connection]:
    """One connection for posting many commands, on an engine that is made for it."""
    posting = for_posting(engine)
    try:
        with posting.connect() as connection:
            yield connection
    finally:
        if posting is not engine:
            posting.dispose()


def connect_ready(settings: Settings, purpose: Purpose = RUN) -> Engine:
    """An engine on the migrated database; NotReady when it is missing, unreachable or of another version.

    Raises SettingsError when nothing names a database, or what names one is none.
    """
    url = settings.url
    if settings.is_sqlite_file and not settings.data.is_dir():
        told = "is no directory" if settings.data.exists() else "is not there"
        raise SettingsError(f"{settings.data} {told} (--data, LEDGER_DATA)")
    if settings.is_sqlite_file and not (settings.data / SQLITE_FILE).exists():
        # SQLite would make an empty file in its place
        raise NotReady(f"no database in {settings.data}: run `python -m ledger migrate` or `demo` first")
    with _reachable():
        engine = connect(url, purpose=purpose)
        with _let_go_on_failure(engine):
            current, head = schema_revision(engine), head_revision()
            if current != head:
                stands = "has no tables" if current is None else f"stands at {current}"
                raise NotReady(
                    f"the database {stands}, this program needs {head}: run `python -m ledger migrate`"
                )
            _check_cluster(engine)
    return engine


def _check_cluster(engine: Engine) -> None:
    """Refuse a setting that the database belies: half of the processes would lock in another order."""
    if not is_postgresql(engine):
        return
    with reading(engine) as connection, connection.begin():
        spread = is_distributed(connection)
    if spread and not in_cluster(engine):
        raise NotReady("the database is spread over machines: set LEDGER_CLUSTER=citus")
    if in_cluster(engine) and not spread:
        raise NotReady(
            "LEDGER_CLUSTER says that the database is spread, and it is not:"
            " run `python -m ledger distribute`, or unset it"
        )


class Migrated(NamedTuple):
    """The revision of the schema before and after, and the names of the keys that the database knows."""

    before: str | None
    after: str
    keys: tuple[str, ...]


def migrate(settings: Settings) -> Migrated:
    """Bring the database to the newest schema, from any folder. Without keys none are written down yet.

    Raises NotReady; KeyringError and KeysDiffer, and then nothing is changed.
    """
    url = settings.url
    if settings.is_sqlite_file:
        if settings.data.exists() and not settings.data.is_dir():
            raise SettingsError(f"{settings.data} is no directory (--data, LEDGER_DATA)")
        try:
            settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise NotReady(f"{settings.data}: {error.strerror}") from None
    with _reachable():
        engine = connect_once(url)
        try:
            before = schema_revision(engine)
            # before anything is changed: it may be another database than was meant
            keyring = _keys_to_look_with(settings, engine)
            if before != head_revision():
                config = _alembic()
                config.attributes["url"] = url
                command.upgrade(config, "head")
            say_what_was_there(engine, keyring, now_and_today)
            with reading(engine) as connection, connection.begin():
                return Migrated(before, head_revision(), recorded_names(connection))
        finally:
            engine.dispose()


def say_what_was_there(engine: Engine, keyring: Keyring | None, clock: Clock) -> None:
    """Let entries say what an older version left without one; nothing where they say it already.

    The registers say what stands in their tables; then, after the digests of names that it says, every book
    whose it is. Raises Failed and Unknown: started again it goes on.
    """
    with engine.connect() as connection:
        open_registers(connection, REGISTERS, clock()[0])
        if keyring is not None:
            record_keys(connection, keyring, clock()[0])
            if compared_names.is_due(connection):
                compared_names.digest_anew(connection, keyring, clock()[0])
        if whose.is_due(connection):
            whose.say_whose(connection, *clock())


def schema_revision(engine: Engine) -> str | None:
    """The revision that the database stands at; None for one that was never migrated."""
    # alembic's own look logs two lines each time, and a probe asks every few seconds
    with reading(engine) as connection, connection.begin():
        if not inspect(connection).has_table(_VERSION.name):
            return None
        return connection.scalar(select(_VERSION.c.version_num))


@lru_cache(maxsize=1)
def head_revision() -> str:
    """The newest revision that this program knows."""
    if not MIGRATIONS.is_dir():
        raise NotReady(f"no migrations in {MIGRATIONS}: the installation is not whole, install it again")
    head = ScriptDirectory.from_config(_alembic()).get_current_head()
    if head is None:
        raise NotReady(f"no migrations in {MIGRATIONS}")
    return head


def _alembic() -> Config:
    config = Config()
    # alembic reads a percent sign as the beginning of a variable
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


@contextmanager
def in_words() -> Iterator[None]:
    """Turn a fault of the database during a run into one line: NotReady. What is posted stays."""
    with _reachable():
        try:
            yield
        except Unknown as fault:
            raise NotReady(f"{fault}; started again, the command goes on") from fault
        except Failed as fault:
            # a right that is missing, say, and the same again would fail alike
            raise NotReady(f"{fault}: {_first_line(getattr(fault.__cause__, 'orig', fault))}") from fault


@contextmanager
def _reachable() -> Iterator[None]:
    """Turn what a database says that is not there, or not ours, into one line without its URL."""
    try:
        yield
    except OtherDatabase as other:
        raise SettingsError(
            f"LEDGER_DATABASE_URL is not a database URL that this program knows: {other}"
        ) from None
    except ArgumentError:
        raise SettingsError("LEDGER_DATABASE_URL is not a database URL that this program knows") from None
    except CommandError as error:
        raise NotReady(f"the database cannot be migrated: {error}") from None
    except DBAPIError as error:
        raise NotReady(f"the database cannot be used: {_first_line(error.orig)}") from None
    except SQLAlchemyError as error:
        raise NotReady(f"the database cannot be used: {type(error).__name__}") from None


def _first_line(error: object) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
