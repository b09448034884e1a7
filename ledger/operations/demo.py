"""The demo: keys, database, token and sample people in one directory. Started again, it keeps them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from ledger.access.tokens import SCOPES, create_signing_key, mint, write_token
from ledger.clock import Clock, now_and_today
from ledger.imports import Importer, Summary
from ledger.institutions.examples import EXAMPLE_INSTITUTIONS, register
from ledger.operations.example_families import tell_of_families
from ledger.operations.installation import Opened, connection_to_post, in_words, migrate, open_ledger
from ledger.operations.sample import FILES, write_sample
from ledger.settings import Settings
from ledger.vault import Keyring

TOKEN_FILE = "token"  # noqa: S105  the name of a file
TOKEN_LIFETIME = timedelta(days=30)
AGENT = "demo"
SEED = 1
IMPORTED = (
    "accounts.csv",
    "contributions.csv",
    "spendings.csv",
    "employers.csv",
    "declarations.csv",
    "receipts.csv",
)

Shown = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]


def make_keys(settings: Settings) -> None:
    """Make the keys that are missing: those of the data, and the one that signs tokens."""
    Keyring.create(settings.key_place)
    create_signing_key(settings.keys_directory)


def prepare(settings: Settings, people: int, clock: Clock, shown: Shown) -> list[str]:
    """Bring the directory to where it can be served; what was written just now, a line each.

    Keys, data and sample files that are there are kept. Without people it is an empty ledger.
    """
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_keys(settings)
    migrate(settings)
    opened = open_ledger(settings)
    try:
        with in_words(), opened.engine.connect() as connection:
            register(connection, EXAMPLE_INSTITUTIONS, now_and_today()[0])
        token = mint(
            settings.keys_directory,
            SCOPES,
            AGENT,
            AGENT,
            clock()[0],
            min(TOKEN_LIFETIME, timedelta(hours=settings.token_hours_max)),
            issuer=settings.token_issuer,
            audience=settings.token_audience,
        )
        write_token(token_file(settings), token)
        return _load_people(opened, people, clock, shown) if people else []
    finally:
        opened.engine.dispose()


def checked_at(settings: Settings, address: str) -> Settings:
    """The settings, with the demo's own address on documents unless another one is set."""
    return settings if settings.public_url is not None else replace(settings, public_url=address)


def token_file(settings: Settings) -> Path:
    return settings.data / TOKEN_FILE


def _load_people(opened: Opened, people: int, clock: Clock, shown: Shown) -> list[str]:
    directory = opened.settings.data / "sample"
    # a directory of an earlier version has the first four alone, and keeps its people as they are
    if not all((directory / name).exists() for name in FILES[:4]):
        with shown("sample files") as report:
            write_sample(directory, people, SEED, clock()[1], report)
    told: list[str] = []
    with in_words(), connection_to_post(opened.engine) as connection:
        importer = Importer(connection, opened.keyring, opened.policies, clock, actor=AGENT)
        for name in IMPORTED:
            if (directory / name).exists() and not importer.is_done(directory / name):
                with shown(name.removesuffix(".csv")) as importer.progress:
                    told.append(_in_words(importer.run(directory / name)))
        with shown("example families"):
            refused = tell_of_families(connection, opened.keyring, opened.policies, clock)
        told += (f"example families: {one} was refused" for one in refused)
    return told


def _in_words(summary: Summary) -> str:
    return (
        f"{summary.kind}: {summary.lines} lines, {summary.posted} posted,"
        f" {summary.already} there already, {summary.refused} refused"
    )
