"""The operator's door: `python -m ledger …`. Each command ends with one JSON object on stdout.

What goes wrong is one line on stderr and an exit code that is not zero; what is refused says its code in the
JSON too. Everything works beside a running service.
"""

from __future__ import annotations

import gc
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from ledger.access.tokens import channel_of, check_bound, mint, person_digest
from ledger.accounts.holds import sweep as sweep_holds
from ledger.bounds.table import SAMPLED_ON
from ledger.chart.channels import CHANNEL_OF, AccessChannel
from ledger.clock import now_and_today
from ledger.imports import KINDS, PROCESSES, Importer, ImportProblem
from ledger.imports.examples import help_text
from ledger.imports.summary import Summary
from ledger.institutions.examples import EXAMPLE_INSTITUTIONS
from ledger.operations import (
    corrections,  # noqa: F401  its command joins the app
    demo,
    distribution,  # noqa: F401  its command joins the app
    doctor,  # noqa: F401  its commands join the app
    documents,  # noqa: F401  its command joins the app
    drill,  # noqa: F401  its commands join the app
    events,  # noqa: F401  its command joins the app
    installation,
    keys,  # noqa: F401  its command joins the app
    policies,  # noqa: F401  its command joins the app
    progress,
    rights,  # noqa: F401  its command joins the app
    runs,  # noqa: F401  its commands join the app
    scanning,  # noqa: F401  its command joins the app
    seals,
    serving,
)
from ledger.operations import sample as samples
from ledger.operations.cli import (
    Answer,
    By,
    Data,
    DataOfDemo,
    app,
    command,
    control_totals,
    fail,
    problem_of,
    warn,
    who_asks,
)
from ledger.operations.figures import wrote_down_verified
from ledger.operations.installation import NotReady, WrongCall, at_work, in_words
from ledger.refusals import RefusalCode, Refused
from ledger.settings import WORKERS_MAX, Settings, SettingsError, tune_process
from ledger.vault import Keyring

PEOPLE_DEFAULT = 200
SHAPE_INVALID = RefusalCode.SHAPE_INVALID.value


@command("demo")
def demo_(
    data: DataOfDemo = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    people: Annotated[
        int, typer.Option(min=0, max=samples.PEOPLE_MAX, help="How many people a first start loads.")
    ] = PEOPLE_DEFAULT,
) -> None:
    """Serve on this machine only, from one directory: keys, database, sample people, token."""
    settings = Settings.load(data, demo=True, host="127.0.0.1", port=port)
    tune_process()

    def announce(address: str) -> None:
        print(f"serving on {address} (its pages: {address}/docs)")
        print(f"token in   {demo.token_file(settings)}", flush=True)

    with serving.listen(settings) as taken:
        settings = demo.checked_at(settings, serving.address_of(taken))
        for line in demo.prepare(settings, people, now_and_today, progress.shown):
            warn(line)
        if not serving.run(settings, taken, announce, "warning"):
            raise NotReady("the service did not start")


@command("serve")
def serve(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on; or LEDGER_HOST.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Or LEDGER_PORT.")] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=WORKERS_MAX, help="How many processes serve; or LEDGER_WORKERS, else 1."),
    ] = None,
) -> None:
    """Serve with the keys and the database that the settings name."""
    settings = Settings.load(data, host=host, port=port, workers=workers)
    if settings.demo:
        demo.make_keys(settings)
    serving.check(settings)
    with serving.listen(settings) as taken:
        if not serving.run(
            settings, taken, lambda address: print(f"serving on {address}", flush=True), "info"
        ):
            raise NotReady("the service did not start")


@command("migrate")
def migrate(data: Data = None) -> Answer:
    """Bring the database to the newest schema."""
    settings = Settings.load(data)
    done = installation.migrate(settings)
    if not done.keys:
        warn(
            f"no keys are written down as the database's: there are none in {settings.keys_directory}; make"
            " them with `python -m ledger keys`, and the first command that posts, or `migrate`, writes them"
            " down"
        )
    return done._asdict() | {"changed": done.before != done.after}, True


@command("token")
def token(
    scope: Annotated[
        str, typer.Option(help='Scopes with blanks between them: "accounts:read reports:read".')
    ],
    data: Data = None,
    caller: Annotated[str, typer.Option(help="The system that calls.")] = "local",
    actor: Annotated[str, typer.Option(help="The person who acts.")] = "operator",
    hours: Annotated[int, typer.Option(min=1, max=24 * 366, help="How long it is valid.")] = 12,
    employer: Annotated[
        str | None, typer.Option(metavar="CODE", help="Bind it to the employer with this credit code.")
    ] = None,
    institution: Annotated[
        str | None, typer.Option(metavar="CODE", help="Bind it to the institution with this code.")
    ] = None,
    person: Annotated[
        str | None, typer.Option(metavar="ID_NUMBER", help="Bind it to the person with this number.")
    ] = None,
    channel: Annotated[
        str, typer.Option(help=f"The way that questions come in: {', '.join(CHANNEL_OF)}.")
    ] = AccessChannel.SYSTEM.word,
) -> None:
    """Print a bearer token signed with the key of the data directory."""
    settings = Settings.load(data)
    if hours > settings.token_hours_max:
        raise SettingsError(
            f"--hours {hours}: no token may live longer than {settings.token_hours_max}"
            " hours (LEDGER_TOKEN_HOURS_MAX)"
        )
    now, today = now_and_today()
    whose = None
    if person is not None:
        whose = person_digest(person, Keyring.load(settings.key_place), today)
    scopes, lifetime = scope.split(), timedelta(hours=hours)
    made = mint(
        settings.keys_directory,
        scopes,
        caller,
        actor,
        now,
        lifetime,
        employer=employer,
        institution=institution,
        person=whose,
        channel=channel_of(channel),
        issuer=settings.token_issuer,
        audience=settings.token_audience,
    )
    if (employer, institution, whose) != (None, None, None):
        check_bound(scopes)
    print(made)


def _warn_of(file: Path, summary: Summary) -> None:
    """Say beside the answer what whoever imports should look at."""
    if summary.rejected_file is not None:
        warn(f"{file}: {summary.refused} lines were refused, see {summary.rejected_file}")
    if summary.waiting:
        where = "" if summary.waiting_file is None else f", see {summary.waiting_file}"
        said = "would wait" if summary.preview else "wait"
        warn(f"{file}: {summary.waiting} lines {said} for a second person{where}")
    if summary.passed_over:
        warn(f"{file}: columns that were passed over: {', '.join(summary.passed_over)}")
    hidden = (summary.hidden_rows, summary.hidden_columns, summary.hidden_cells)
    if any(hidden):
        names = ("rows", "columns", "cells")
        told = ", ".join(f"{name} {one or 'none'}" for name, one in zip(names, hidden, strict=True))
        warn(f"{file}: what was hidden was counted: {told}")
    if not summary.agrees:
        warn(f"{file}: the totals of the file and of the receipts differ")


@command("import", epilog=help_text())
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(help="Files in the order of their import; a first word such as contributions says what"
                       " they must be, else their headings tell."),
    ],
    data: Data = None,
    by: By = None,
    rejected: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where rejected lines are listed; else beside it.")
    ] = None,
    lines: Annotated[
        int | None, typer.Option(min=0, help="How many lines the one file must have, without its header.")
    ] = None,
    total: Annotated[
        str | None, typer.Option(metavar="YUAN", help="What its amounts must come to, such as 123.45.")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Check every line and post nothing.")
    ] = False,
    include_hidden: Annotated[
        bool, typer.Option("--include-hidden", help="Hidden or filtered rows of a workbook count too.")
    ] = False,
) -> Answer:  # fmt: skip
    """Post CSV or XLSX files of any kind. Safe to run again, in any order and after any interruption."""
    kind = None
    if len(files) > 1 and str(files[0]) in KINDS and not files[0].exists():
        kind, files = str(files[0]), files[1:]
    actor = who_asks(by)
    totals = control_totals(lines, total)
    if totals.given and len(files) > 1:
        raise WrongCall("--lines and --total are those of one file", SHAPE_INVALID)
    settings = Settings.load(data)
    tune_process()
    said: list[dict[str, object]] = []
    well = True
    with at_work(settings) as (opened, connection):
        importer = Importer(
            connection,
            opened.keyring,
            opened.policies,
            now_and_today,
            actor,
            rejected_directory=rejected,
            processes=PROCESSES,
            keys=settings.key_place,
            include_hidden=include_hidden,
        )
        importer.require(files)
        import_one = importer.preview if preview else importer.run
        for file in files:
            try:
                with progress.shown(file.name) as importer.progress:
                    summary = import_one(file, kind, totals)
            except (Refused, ImportProblem) as error:
                if len(files) == 1:
                    raise
                said.append({"file": str(file)} | _failed_file(error))
                well = False
                break  # the files after it may need what it would have brought
            said.append({"file": str(file)} | summary.as_json())
            well = well and summary.ok
            _warn_of(file, summary)
    return (said[0] if len(files) == 1 else {"files": said, "ok": well}), well


def _failed_file(error: Refused | ImportProblem) -> dict[str, object]:
    if isinstance(error, Refused):
        said, _well = fail(error.code.value, problem_of(error), error.facts)
    else:
        said, _well = fail("not_ready", str(error), {"problem": str(error)})
    return said


@command("verify")
def verify(
    data: Data = None,
    since: Annotated[
        Path | None,
        typer.Option("--since", metavar="FILE", help="A checkpoint that was kept, to hold it against."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="The log's key, if kept too; else DATA/seals/key."),
    ] = None,
    with_keys: Annotated[
        bool | None,
        typer.Option(
            "--keys/--no-keys", help="Open what is sealed too, or leave it; else if there are keys."
        ),
    ] = None,
) -> Answer:
    """Re-derive every balance, chain and total, and name the first fault.

    With --since it tells what of the sealed past was cut off or written anew, and follows the chains since.
    """
    from ledger.verify import verify as verify_all

    settings = Settings.load(data)
    if since is not None:
        if with_keys is not None:
            raise WrongCall("--keys and --no-keys are of the check of the whole, and not of --since")
        return _verify_since(settings, since, key)
    if key is not None:
        raise WrongCall("--key is the key of the checkpoint that --since names")
    engine, keyring = installation.open_to_verify(settings, with_keys)
    tune_process()
    try:
        with in_words(), progress.shown("verify") as report:
            summary = verify_all(engine, keyring=keyring, progress=report)
        if not wrote_down_verified(engine, now_and_today()[0], summary.findings_total):
            warn("when this verify ended is not written down: the database only reads, or has no room")
    finally:
        engine.dispose()
    if not summary.clean:
        warn(f"first of {summary.findings_total} faults: {summary.findings[0]}")
    return {
        "books": summary.books,
        "entries": summary.entries,
        "erased": summary.erased,
        "findings": [finding._asdict() for finding in summary.findings],
        "findings_total": summary.findings_total,
        "ok": summary.clean,
    }, summary.clean


def _verify_since(settings: Settings, since: Path, key: Path | None) -> Answer:
    tune_process()
    held = seals.held_since(settings, since, key)
    if held.findings:
        warn(f"first of {held.findings_total} faults: {held.findings[0]}")
    clean = not held.findings_total
    findings = [finding._asdict() for finding in held.findings]
    return held._asdict() | {"findings": findings, "ok": clean}, clean


@command("sample")
def sample(
    data: DataOfDemo = None,
    people: Annotated[int, typer.Option(min=0, max=samples.PEOPLE_MAX)] = PEOPLE_DEFAULT,
    seed: Annotated[int, typer.Option(help="The same seed on the same day gives the same files.")] = 1,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Else <data>/sample-SEED-N.")] = None,
    today: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As if written on that day.")
    ] = None,
) -> Answer:
    """Write input files for people who do not exist.

    Their spendings name the institutions H0001 and P0001, which the demo has; elsewhere they are registered
    first (docs/files.md).
    """
    directory = out if out is not None else Settings.load(data).data / f"sample-{seed}-{people}"
    if directory.exists() and not directory.is_dir():
        raise WrongCall(f"{directory}: is no directory (--out)")
    day: date = now_and_today()[1] if today is None else today.date()
    SAMPLED_ON.admit(day, day, "today")
    with progress.shown("sample files") as report:
        lines = samples.write_sample(directory, people, seed, day, report)
    return {"out": str(directory), "people": people, "seed": seed, "today": day, "lines": lines} | {
        "institutions": [one.code for one in EXAMPLE_INSTITUTIONS]
    }, True


@command("sweep")
def sweep(data: Data = None) -> Answer:
    """Write the expiry of holds whose time is over, on accounts that nothing has touched since."""
    with at_work(Settings.load(data)) as (opened, connection):
        expired = sweep_holds(connection, now_and_today, opened.policies)
    return {"expired": expired}, True


if __name__ == "__main__":
    # as in `ledger/__init__.py`, of what has come since
    gc.freeze()
    app(prog_name="python -m ledger")
