"""The operator's long runs over all of an area, and employers' lists from files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ledger.accounts import year_end as year_ends
from ledger.care import annual_settlements
from ledger.clock import now_and_today
from ledger.contributions import estimates, retirees
from ledger.imports.list_door import ListDoor
from ledger.money import format_yuan
from ledger.months import parse_period
from ledger.operations import progress
from ledger.operations.cli import Answer, Data, command, warn
from ledger.operations.installation import at_work
from ledger.posting import batches
from ledger.posting.batches import Batch
from ledger.refusals import RefusalCode, Refused
from ledger.settings import Settings, tune_process

Month = Annotated[str, typer.Argument(help="Such as 2026-09.")]
Area = Annotated[int, typer.Option(min=0, max=999_999, help="The area's code, six digits.")]


@command("year-end")
def year_end(
    year: Annotated[int, typer.Argument(min=1900, max=9998)],
    area: Area,
    data: Data = None,
) -> Answer:
    """Post the interest of a finished year to every account that is still owed it."""
    tune_process()
    with at_work(Settings.load(data)) as (opened, connection):
        before = batches.find(connection, year_ends.batch_name(year, area))
        with progress.shown(f"year end {year}") as report:
            batch = year_ends.run(connection, year, area, now_and_today, opened.policies, progress=report)
    return _answer(batch, before, year=year, area=f"{area:06d}")


@command("retiree-credits")
def retiree_credits(
    month: Month,
    area: Area,
    data: Data = None,
) -> Answer:
    """Credit a month, out of the pooled fund, to every retiree who has not had it."""
    period = _period(month)
    tune_process()
    with at_work(Settings.load(data)) as (opened, connection):
        before = batches.find(connection, retirees.batch_name(period, area))
        with progress.shown(f"retirees {month}") as report:
            batch = retirees.run(connection, period, area, now_and_today, opened.policies, progress=report)
    return _answer(batch, before, period=month, area=f"{area:06d}")


@command("annual-settlement")
def annual_settlement(
    year: Annotated[int, typer.Option(min=1900, max=2999, help="The year of care.")],
    area: Area,
    data: Data = None,
) -> Answer:
    """Settle a finished year of care of everybody, as far as it differs from what was settled so far."""
    tune_process()
    with at_work(Settings.load(data)) as (opened, connection):
        before = batches.find(connection, annual_settlements.batch_name(year, area))
        with progress.shown(f"annual settlement {year}") as report:
            batch = annual_settlements.run(
                connection, year, area, now_and_today, opened.policies, progress=report
            )
    said, well = _answer(batch, before, year=year, area=f"{area:06d}")
    return said | {"refused": batch.refused}, well


def _answer(batch: Batch, before: Batch | None, **what: object) -> Answer:
    """What a run did, and what all runs of its batch did."""
    done = batch.done - (before.done if before else 0)
    fen = batch.amount_fen - (before.amount_fen if before else 0)
    return {
        "batch": batch.batch_id,
        **what,
        "state": batch.state,
        "posted": done,
        "amount": format_yuan(fen),
        "posted_in_all": batch.done,
        "amount_in_all": format_yuan(batch.amount_fen),
    }, batch.state == batches.FINISHED


def _period(month: str) -> int:
    period = parse_period(month)
    if period is None:
        raise Refused(RefusalCode.PERIOD_INVALID, problem="a month is written as in 2026-09")
    return period


@command("estimates")
def estimate(month: Month, area: Area, data: Data = None) -> Answer:
    """Charge every employer that has not declared a finished month with last month's amount and a tenth."""
    period = _period(month)
    tune_process()
    with at_work(Settings.load(data)) as (opened, connection):
        before = batches.find(connection, estimates.batch_name(period, area))
        with progress.shown(f"estimates {month}") as report:
            batch = estimates.run(connection, period, area, now_and_today, opened.policies, progress=report)
    return _answer(batch, before, period=month, area=f"{area:06d}")


@command("declare")
def declare(
    employer: Annotated[str, typer.Argument(help="The credit code.")],
    month: Month,
    file: Annotated[Path, typer.Argument(help="A list as CSV or XLSX: id_number, wage.")],
    confirm: Annotated[bool, typer.Option("--confirm", help="Owe the good lines from now on.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Write nothing at all.")] = False,
    data: Data = None,
    actor: Annotated[str, typer.Option(help="The person who hands it in.")] = "import",
) -> Answer:
    """Hand in an employer's list of a month. Safe to run again; refused lines are listed beside the file."""
    period = _period(month)
    with at_work(Settings.load(data)) as (opened, connection):
        door = ListDoor(connection, opened.keyring, opened.policies, now_and_today, actor)
        told = door.hand_in(employer, period, file, confirm=confirm, preview=preview)
    if told["refused"]:
        warn(f"{file}: {told['refused']} lines were refused, see {told['rejected_file']}")
    return told, not told["refused"]
