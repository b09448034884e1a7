"""The restore drill: a backup brought back into an empty database, and proven to be the ledger it was."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer

from ledger import tables
from ledger.clock import now_and_today
from ledger.database.engines import reading
from ledger.database.purposes import VERIFY
from ledger.database.readable import unreadable
from ledger.operations import progress
from ledger.operations.cli import Answer, Data, command, warn
from ledger.operations.heads import Compared, HeadsProblem, compare, read_heads, write_heads
from ledger.operations.installation import (
    NotReady,
    WrongCall,
    head_revision,
    in_words,
    load_keys,
    migrate,
    open_to_look,
    open_with_keys,
)
from ledger.operations.restoring import require_backup, restore, target_of
from ledger.settings import Settings, tune_process
from ledger.verify import Verdict, verify


@dataclass(slots=True)
class Clocked:
    """How many seconds each step took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        warn(f"drill: {name}")
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 1)


def drill(settings: Settings, backup: Path, into: str, heads: Path | None) -> Answer:
    """Restore a backup, open it with the installation's keys, verify it and hold it against heads.

    Raises WrongCall before anything is done, NotReady when it cannot be restored or opened; never touches a
    database that has tables.
    """
    url = target_of(into)
    # before hours are spent on what could not be opened
    load_keys(settings)
    require_backup(backup)
    if heads is not None:
        _require_heads(heads)
    restored = replace(settings, database_url=url.render_as_string(hide_password=False))
    took = Clocked()
    with took.step("restore"):
        restore(backup, url)
    with took.step("migrate"):
        before, after, _keys = migrate(restored)
        if before is None:
            raise NotReady(f"{backup.name}: restored, and there is no ledger in it")
    # refused with keys that are not the backup's
    opened = open_with_keys(restored, VERIFY)
    compared = None
    try:
        with in_words(), took.step("verify"), progress.shown("verify") as report:
            verdict = verify(opened.engine, keyring=opened.keyring, progress=report)
        if heads is not None:
            with in_words(), took.step("heads"), reading(opened.engine) as connection:
                compared = compare(connection, read_heads(heads))
    except HeadsProblem as problem:
        raise NotReady(str(problem)) from None
    finally:
        opened.engine.dispose()
    return _answer(verdict, compared, before, after, took.seconds)


def _require_heads(heads: Path) -> None:
    """Read heads to their end. Raises WrongCall for what is none."""
    try:
        for _head in read_heads(heads):
            pass
    except HeadsProblem as problem:
        raise WrongCall(f"{problem} (--heads)") from None


def _answer(
    verdict: Verdict, compared: Compared | None, before: str, after: str, seconds: Mapping[str, float]
) -> Answer:
    well = verdict.clean and (compared is None or compared.whole)
    if not verdict.clean:
        warn(f"first of {verdict.findings_total} faults: {verdict.findings[0]}")
    if compared is not None and not compared.whole:
        warn(f"of {compared.books} books {compared.missing} are not whole, {compared.different} are others")
    return {
        "revision": {"backup": before, "now": after},
        "keys": "ok",
        "books": verdict.books,
        "entries": verdict.entries,
        "findings_total": verdict.findings_total,
        "heads": None if compared is None else _told(compared),
        "seconds": dict(seconds) | {"all": round(sum(seconds.values()), 1)},
        "ok": well,
    }, well


def _told(compared: Compared) -> dict[str, object]:
    return {
        "books": compared.books,
        "same": compared.same,
        "newer": compared.newer,
        "entries_newer": compared.entries_newer,
        "new_books": compared.new_books,
        "missing": compared.missing,
        "different": compared.different,
        "examples": compared.examples,
    }


@command("heads")
def heads_(data: Data = None) -> None:
    """Print how far every book is, to be kept apart from a backup: `heads > heads.json`, then the backup."""
    engine, _keyring = open_to_look(Settings.load(data))
    try:
        with in_words(), reading(engine) as connection:
            with connection.begin():
                broken = unreadable(connection, [tables.book])
            if broken:
                raise NotReady(f"{broken[0]}: not all of it can be read; see what `verify` says")
            books = write_heads(connection, sys.stdout, head_revision(), now_and_today()[0])
    finally:
        engine.dispose()
    warn(f"{books} heads")


@command("drill")
def drill_(
    backup: Annotated[Path, typer.Option(help="A dump of pg_dump, or a copy of an SQLite file.")],
    into: Annotated[str, typer.Option(metavar="URL", help="An empty database to restore into.")],
    heads: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What `heads` printed before the backup was made.")
    ] = None,
    data: Data = None,
) -> Answer:
    """Restore a backup into an empty database, prove it whole, and say how long that took."""
    settings = Settings.load(data)
    tune_process()
    return drill(settings, backup, into, heads)
