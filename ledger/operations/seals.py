"""The commands about seals: `seal`, `witness`, `proof check`, and what `verify --since` does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from ledger.clock import now_and_today
from ledger.database.engines import reading
from ledger.database.purposes import VERIFY
from ledger.operations import progress
from ledger.operations.cli import Answer, Data, command, warn
from ledger.operations.installation import NotReady, WrongCall, in_words, open_to_look
from ledger.seals.notes import NoteProblem, Signer, Verifier, named_after
from ledger.seals.proof_check import findings
from ledger.seals.sealing import Log, SealProblem, seal
from ledger.seals.since import HeldAgainst, hold_against
from ledger.seals.tiles import KEY, read_key_file, read_note_file
from ledger.seals.witness import Inconsistent, witness
from ledger.settings import Settings, tune_process
from ledger.vault import KeyringError, signing_key

LOG_KEY: Final = "day-log.key"
_NO_KEYS: Final = "there are no keys: `python -m ledger keys` makes those of a new database"


@command("seal")
def seal_(data: Data = None) -> Answer:
    """Add how far every book is to the log of days, and publish its checkpoint under DATA/seals."""
    settings = Settings.load(data)
    log = Log(settings.data)
    engine, keyring = open_to_look(settings, VERIFY)
    tune_process()
    try:
        if keyring is None:
            raise NotReady(_NO_KEYS)
        with in_words(), reading(engine) as connection, progress.shown("seal") as report:
            done = seal(connection, keyring, log, _signer(settings, log), report)
    except (SealProblem, NoteProblem) as problem:
        raise NotReady(str(problem)) from None
    finally:
        engine.dispose()
    return done._asdict() | {"seals": str(log.folder)}, True


def _signer(settings: Settings, log: Log) -> Signer:
    """The key of the log, made with the first seal. Raises KeyringError where it was lost."""
    path = settings.keys_directory / LOG_KEY
    is_first = not (log.folder / KEY).exists() and not log.begun.exists()
    if not is_first and not path.exists():
        raise KeyringError(f"{LOG_KEY}: missing, and the log of days is signed by it: put it back")
    private = signing_key(path, make=is_first)
    name = named_after("ledger", private) if is_first else log.verifier().name
    return Signer(name, private)


def held_since(settings: Settings, kept: Path, key: Path | None) -> HeldAgainst:
    """Hold the ledger against a checkpoint that somebody kept. Raises NotReady for what is none, WrongCall
    for what is not there.
    """
    _named(kept, "--since")
    if key is not None:
        _named(key, "--key")
    log = Log(settings.data)
    engine, keyring = open_to_look(settings, VERIFY)
    try:
        if keyring is None:
            raise NotReady(_NO_KEYS)
        text = read_key_file(log.folder / KEY) if key is None else _given_key(key)
        content = read_note_file(kept)
        with in_words(), reading(engine) as connection, progress.shown("verify") as report:
            return hold_against(connection, keyring, log, content, Verifier.parse(text), report)
    except NoteProblem as problem:
        raise NotReady(str(problem)) from None
    finally:
        engine.dispose()


def _given_key(key: Path) -> str:
    """The text of a verifier key that a call names. Raises WrongCall for what is none, as a checkpoint is."""
    text = read_key_file(key)
    try:
        Verifier.parse(text)
    except NoteProblem as problem:
        raise WrongCall(f"--key: {problem}") from None
    return text


def _named(path: Path, option: str) -> None:
    # 1 is what a finding ends with, and a slip in the call is none; nor is a pipe to be waited for
    if not path.is_file():
        raise WrongCall(f"{option}: there is no such file")


@command("witness")
def witness_(
    state: Annotated[
        Path, typer.Option("--state", metavar="DIR", help="Where this witness remembers what it signed.")
    ],
    seals: Annotated[Path, typer.Option("--seals", metavar="DIR", help="What was published of the log.")],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The log's key, had from elsewhere.")],
) -> Answer:
    """Sign the checkpoint of a log that only grew since this witness signed it before.

    It runs on another machine than the ledger, and needs nothing of it but what is published.
    """
    _named(key, "--key")
    if not seals.is_dir():
        raise WrongCall("--seals: there is no such directory")
    try:
        done = witness(state, seals, _given_key(key), now_and_today()[0])
    except Inconsistent as problem:
        warn(str(problem))
        return {"ok": False, "problem": str(problem)}, False
    except NoteProblem as problem:
        raise NotReady(str(problem)) from None
    return done._asdict() | {"ok": True}, True


@command("proof")
def proof_(
    what: Annotated[str, typer.Argument(metavar="check", help="Check a proof that the service answered.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The proof, byte for byte.")],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The log's key, had from elsewhere.")],
    witness: Annotated[
        list[Path] | None,
        typer.Option("--witness", metavar="FILE", help="The key of a witness, who must have signed too."),
    ] = None,
) -> Answer:
    """Check the proof of a yearly statement. It needs neither an installation nor the network."""
    if what != "check":
        raise WrongCall("proof check is all that there is")
    found = findings(file, key, witness or ())
    if not found:
        return {"ok": True}, True
    warn(f"{found[0]['where']}: {found[0]['what']} ({found[0]['code']})")
    return {"ok": False, "findings": found}, False
