"""`python -m ledger keys`: make keys that are missing; by `rotate` all is sealed under the newest one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ledger.clock import now_and_today
from ledger.operations import demo, installation, progress, resealing
from ledger.operations.cli import Answer, By, Data, command, warn, who_asks
from ledger.operations.erasing import erase
from ledger.operations.installation import WrongCall, in_words, open_with_keys
from ledger.people.sealing import retire_keys
from ledger.settings import Settings
from ledger.vault import Keyring, KeyringError, are_whole, have_document_key


class WithKeys(StrEnum):
    """What is done with keys."""

    ROTATE = "rotate"
    ERASE = "erase"


@command("keys")
def keys(
    what: Annotated[
        WithKeys | None,
        typer.Argument(
            help="rotate: seal everything anew under the newest key. erase: destroy that of a person."
        ),
    ] = None,
    account: Annotated[
        str | None, typer.Argument(help="With erase: the closed account, by its number.")
    ] = None,
    document: Annotated[
        str | None, typer.Option(metavar="REF", help="With erase: the document that says so.")
    ] = None,
    by: By = None,
    data: Data = None,
    signing: Annotated[
        bool, typer.Option("--signing", help="Also a key that `token` signs with, and its jwks.json: to try.")
    ] = False,
) -> Answer:
    """Make the keys that are missing; what is there is kept. Back them up, apart from the database.

    None are made where the database of the settings has people: what is there opens with its own keys alone.
    With `rotate` none are made at all: what is sealed under an older key is sealed anew under the one with
    the highest number. That may be killed and started again, and goes on beside the service. With `erase`
    nobody knows any more whose a closed account was, once that was kept long enough: it cannot be undone.
    """
    settings = Settings.load(data)
    if what is WithKeys.ERASE:
        if signing or account is None or document is None:
            raise WrongCall("`keys erase ACCOUNT --document REF` names the account and the document")
        return erase(settings, account, document, who_asks(by))
    if account is not None or document is not None:
        raise WrongCall("an account and a document are named with erase alone")
    if what is WithKeys.ROTATE:
        if signing:
            raise WrongCall("--signing makes a key, and rotate makes none")
        return rotate(settings)
    if settings.keys_command is not None:
        raise WrongCall("LEDGER_KEYS_COMMAND says the keys: they are made where it has them from")
    directory = settings.keys_directory
    before = {file.name for file in directory.iterdir()} if directory.is_dir() else set()
    if not are_whole(directory) and installation.database_is_sealed(settings):
        raise KeyringError(
            f"no keys are made in {directory}: {installation.PUT_BACK}; for another database name that"
            " one by --data or LEDGER_DATABASE_URL"
        )
    if not have_document_key(directory) and installation.database_knows_document_key(settings):
        raise KeyringError(
            f"no key that signs documents is made in {directory}: the database knows one; put it back"
        )
    if signing:
        demo.make_keys(settings)
    else:
        Keyring.create(settings.key_place)
    made = sorted({file.name for file in directory.iterdir()} - before)
    return {"keys": str(directory), "made": made}, True


def rotate(settings: Settings) -> Answer:
    """Seal everything anew under the newest key; what is `left` is sealed under an older one."""
    opened = open_with_keys(settings)
    keyring = opened.keyring
    try:
        with in_words(), progress.shown("sealed values") as report, opened.engine.connect() as connection:
            done = resealing.rotate(connection, keyring, report)
            retired: tuple[str, ...] = ()
            if not done.left:
                with connection.begin():
                    retired = retire_keys(connection, keyring, now_and_today()[0])
    finally:
        opened.engine.dispose()
    for table, count in sorted(done.broken.items()):
        warn(f"{count} rows of {table} do not open, and are as they were: `verify` names what it can")
    if retired:
        warn(
            f"{', '.join(retired)}: seals nothing any more; once all that serves was restarted with the newer"
            " one, keep it with the backups from before, elsewhere"
        )
    sealing = [name for name in keyring.fingerprints if name.startswith("seal-")]
    if len(sealing) == 1:
        warn(f"{sealing[0]} is the only key that seals: to rotate, put the next one beside it first")
    return {"left": done.left}, not done.left
