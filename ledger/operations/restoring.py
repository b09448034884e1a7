"""Bringing a backup back: a dump into PostgreSQL, a copy of a file into SQLite. Nothing is overwritten."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tempfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final

from sqlalchemy import inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ledger.database.engines import connect_once, reading
from ledger.operations.installation import NotReady, WrongCall, in_words

SQLITE_MAGIC: Final = b"SQLite format 3\0"
_CUSTOM_MAGIC: Final = b"PGDMP"
_GZIP_MAGIC: Final = b"\x1f\x8b"
_TAR_MAGIC: Final = b"ustar"
_TAR_MAGIC_AT: Final = 257
_HEAD_BYTES: Final = 512
_CHUNK_BYTES: Final = 1 << 20
# the last line that pg_dump writes
_COMPLETE: Final = b"PostgreSQL database dump complete"
_TAIL_BYTES: Final = 400
_PROBLEM_MAX: Final = 200
_CONNECT_SECONDS: Final = "10"

Source = IO[bytes] | gzip.GzipFile


def target_of(into: str) -> URL:
    """The URL of a database that a drill may fill. Raises WrongCall for what is none."""
    try:
        url = make_url(into)
        url.get_backend_name()
    # a port that is no number is a ValueError
    except (ArgumentError, ValueError):
        raise WrongCall("--into is not a database URL that this program knows") from None
    if url.get_backend_name() not in {"postgresql", "sqlite"} or not url.database:
        raise WrongCall("--into is postgresql+psycopg://user@host/name or sqlite:////path/file")
    return url


def restore(backup: Path, into: URL) -> None:
    """Bring a backup back: of pg_dump in any of its forms into PostgreSQL, a copy of a file into SQLite.

    The database must be there and empty (a SQLite file must not be there). Raises NotReady.
    """
    head = b"" if backup.is_dir() else _first_bytes(backup)
    is_sqlite = head.startswith(SQLITE_MAGIC)
    if is_sqlite != (into.get_backend_name() == "sqlite"):
        raise NotReady("a backup of SQLite goes into SQLite, one of PostgreSQL into PostgreSQL")
    if is_sqlite:
        _restore_sqlite(backup, into)
        return
    _hold_empty(into)
    quiet = ("--no-owner", "--no-privileges", "--exit-on-error")
    if backup.is_dir():
        _run(into, "pg_restore", *quiet, str(backup))
    elif head.startswith(_CUSTOM_MAGIC) or head[_TAR_MAGIC_AT:].startswith(_TAR_MAGIC):
        _run(into, "pg_restore", *quiet, "--single-transaction", str(backup))
    else:
        _run_sql(into, backup, packed=head.startswith(_GZIP_MAGIC))


def require_backup(backup: Path) -> None:
    """See that there is something to bring back. Raises WrongCall."""
    try:
        if not backup.is_dir():
            backup.open("rb").close()
    except OSError as error:
        raise WrongCall(f"{backup}: {error.strerror} (--backup)") from None


def _first_bytes(backup: Path) -> bytes:
    try:
        with backup.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError as error:
        raise NotReady(f"{backup}: {error.strerror}") from None


def _restore_sqlite(backup: Path, into: URL) -> None:
    target = Path(str(into.database))
    if target.exists():
        raise NotReady(f"{target}: is there already; a drill overwrites nothing")
    if backup.with_name(f"{backup.name}-wal").exists():
        raise NotReady(f"{backup.name}: a database in use, and no backup; make one with `.backup`")
    with ExitStack() as on_failure:
        for end in ("", "-wal", "-shm"):
            on_failure.callback(Path(f"{target}{end}").unlink, missing_ok=True)
        with in_words():
            shutil.copyfile(backup, target)
            target.chmod(0o600)
            _check_sqlite(backup, into)
        on_failure.pop_all()


def _check_sqlite(backup: Path, into: URL) -> None:
    engine = connect_once(into.render_as_string(hide_password=False))
    try:
        with reading(engine) as connection:
            said = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
    finally:
        engine.dispose()
    if said != "ok":
        raise NotReady(f"{backup.name}: SQLite finds it damaged")


def _hold_empty(into: URL) -> None:
    with in_words():
        engine = connect_once(into.render_as_string(hide_password=False))
        try:
            with engine.connect() as connection:
                there = inspect(connection).get_table_names()
        finally:
            engine.dispose()
    if there:
        raise NotReady("the database of --into has tables; a drill overwrites nothing: make an empty one")


def _run_sql(into: URL, backup: Path, *, packed: bool) -> None:
    """A dump as SQL through psql, in one transaction: of one that is cut, nothing is kept."""
    options = ("-X", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-f", "-")
    if packed:
        with gzip.open(backup, "rb") as unpacked:
            _run(into, "psql", *options, source=unpacked)
    else:
        with backup.open("rb") as plain:
            _run(into, "psql", *options, source=plain)


def _run(into: URL, program: str, *arguments: str, source: Source | None = None) -> None:
    """One of PostgreSQL's own programs against a database; its password goes where no `ps` shows it."""
    found = shutil.which(program)
    if found is None:
        raise NotReady(f"{program} is not on the PATH: install the client programs of PostgreSQL")
    plain = into.set(drivername="postgresql", password=None).render_as_string()
    environment = os.environ | {"PGCONNECT_TIMEOUT": _CONNECT_SECONDS}
    if into.password is not None:
        environment["PGPASSWORD"] = str(into.password)
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(
            [found, "--dbname", plain, *arguments],
            stdin=subprocess.DEVNULL if source is None else subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment,
        ) as process:
            if source is not None and process.stdin is not None:
                _feed(process, process.stdin, source)
        if process.returncode:
            errors.seek(0)
            said = errors.read(_CHUNK_BYTES).decode(errors="replace").splitlines()
            first = next((line for line in said if "error" in line.lower()), said[0] if said else "")
            raise NotReady(f"{program} could not restore it: {first.strip()[:_PROBLEM_MAX]}")


def _feed(process: subprocess.Popen[bytes], pipe: IO[bytes], source: Source) -> None:
    """Hand a dump over to its last line: of one that is cut, what came so far would be kept."""
    tail = b""
    try:
        while chunk := source.read(_CHUNK_BYTES):
            pipe.write(chunk)
            tail = (tail + chunk)[-_TAIL_BYTES:]
    except BrokenPipeError:
        return  # it has ended by itself, and says why
    except (EOFError, zlib.error, gzip.BadGzipFile):
        process.kill()
        raise NotReady("the backup is cut or damaged") from None
    if _COMPLETE not in tail:
        process.kill()
        raise NotReady("the backup is cut, or not made by pg_dump")
