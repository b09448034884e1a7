"""`python -m ledger documents keep`: keep the bytes of documents before what makes them changes."""

from __future__ import annotations

from typing import Annotated

import typer

from ledger.clock import now_and_today
from ledger.documents.handing_out import keep
from ledger.operations import progress
from ledger.operations.cli import Answer, Data, command, warn
from ledger.operations.installation import WrongCall, in_words, open_with_keys
from ledger.settings import Settings


@command("documents")
def documents(
    what: Annotated[str, typer.Argument(metavar="keep", help="Keep the bytes of all that can be made now.")],
    data: Data = None,
) -> Answer:
    """Keep the bytes of every document handed out, before an upgrade that may draw them otherwise.

    Safe to run again, after any interruption, and beside the service.
    """
    if what != "keep":
        raise WrongCall("documents keep is all that there is")
    opened = open_with_keys(Settings.load(data))
    try:
        with (
            in_words(),
            progress.shown("documents") as report,
            opened.engine.connect() as connection,
        ):
            done = keep(connection, opened.keyring, now_and_today()[0], report)
    finally:
        opened.engine.dispose()
    if done.broken:
        warn(f"{len(done.broken)} documents could not be made as they were handed out")
    return done._asdict() | {"ok": not done.broken}, not done.broken
