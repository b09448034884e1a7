"""The table of long runs, from which commands and routes are made, and employers' lists from files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.accounts.year_end import YEAR_END
from ledger.care.annual_settlements import ANNUAL_SETTLEMENT
from ledger.clock import now_and_today
from ledger.contributions.estimates import ESTIMATES
from ledger.contributions.retirees import OLDER_RETIREE_CREDITS, RETIREE_CREDITS
from ledger.imports.list_door import ListDoor
from ledger.money import format_yuan
from ledger.months import parse_period
from ledger.operations import progress
from ledger.operations.cli import (
    Answer,
    By,
    Data,
    command,
    control_totals,
    problem_of,
    require_area,
    warn,
    who_asks,
)
from ledger.operations.installation import WrongCall, at_work
from ledger.operations.left_out import named
from ledger.operations.places import place_for
from ledger.policy import Policy
from ledger.posting import batches
from ledger.posting.batches import Batch
from ledger.posting.left_out import left_out_of
from ledger.posting.runs import Run
from ledger.refusals import RefusalCode, Refused
from ledger.settings import Settings, tune_process

Month = Annotated[str, typer.Argument(help="Such as 2026-09.")]
Area = Annotated[int, typer.Option(min=0, max=999_999, help="The area's code, six digits.")]


@dataclass(frozen=True, slots=True)
class LongRun:
    """A run as it is asked for: the operator's command is called as its kind."""

    run: Run
    # what it does, in the words of the command's help
    help: str
    # what a bar or a line of the log calls it
    title: str
    # how the command takes its period, and what the answer calls it
    command: Callable[[LongRun], Callable[..., Answer]]
    period: str
    # whether the answer says that none was refused
    tells_refused: bool = False
    # the same run for a period that is taken only when it is asked for expressly, with --yes-older
    older: Run | None = None

    @property
    def kind(self) -> str:
        return self.run.kind

    def asked_for(self, *, older: bool) -> Run:
        """The run, or the one that takes older periods too, where there is one."""
        return self.older if older and self.older is not None else self.run


def perform(
    asked: LongRun,
    period: int,
    area: int,
    settings: Settings,
    begun: Callable[[], None] = lambda: None,
    *,
    older: bool = False,
) -> Answer:
    """Do a run from its beginning to its end; the operator's answer. `begun` is called once it is under way.

    `older` takes a period that is else too long ago. Raises Refused; NotReady, also as GoesOn and NoPlace.
    """
    tune_process()
    run = asked.asked_for(older=older)
    name = run.batch_name(period, area)
    with at_work(settings) as (opened, connection):
        # what cannot be is refused whatever else goes on
        _check(asked, period, area, opened.policies, older=older)
        with (
            place_for(connection, name, settings.runs_max),
            progress.shown(f"{asked.title} {run.written(period)}") as report,
        ):
            before = batches.find(connection, name)
            batch = run.run(
                connection, period, area, now_and_today, opened.policies, progress=report, begun=begun
            )
        left_out = named(connection, left_out_of(batch.detail))
    return _answer(asked, batch, before, period, area, left_out)


def _check(asked: LongRun, period: int, area: int, policies: Mapping[int, Policy], *, older: bool) -> None:
    """See that a run can be. Raises Refused, and WrongCall for an area that there is none of."""
    require_area(area, policies, "--area")
    today = now_and_today()[1]
    try:
        asked.asked_for(older=older).check(period, area, today, policies)
    except Refused as refused:
        if older or asked.older is None or refused.code is not RefusalCode.PERIOD_INVALID:
            raise
        # raises for what is no month to be credited at all
        asked.older.check(period, area, today, policies)
        refused.facts["problem"] = f"{problem_of(refused)}: a month of more than a year ago wants --yes-older"
        raise


def _answer(
    asked: LongRun,
    batch: Batch,
    before: Batch | None,
    period: int,
    area: int,
    left_out: list[dict[str, str]],
) -> Answer:
    """What a run did, and what all runs of its batch did."""
    done = batch.done - (before.done if before else 0)
    fen = batch.amount_fen - (before.amount_fen if before else 0)
    said: dict[str, Any] = {
        "batch": batch.batch_id,
        asked.period: period if asked.period == "year" else asked.run.written(period),
        "area": f"{area:06d}",
        "state": batch.state,
        "posted": done,
        "amount": format_yuan(fen),
        "posted_in_all": batch.done,
        "amount_in_all": format_yuan(batch.amount_fen),
    }
    if asked.tells_refused or batch.refused:
        said["refused"] = batch.refused
    if left_out:
        said["left_out"] = left_out
        first = left_out[0]
        warn(f"{asked.title}: {batch.refused} left out, the first {first['book']}: {first['code']}")
    return said, batch.state == batches.FINISHED and not batch.refused


def _for_a_year(asked: LongRun) -> Callable[..., Answer]:
    def perform_it(
        year: Annotated[int, typer.Argument(min=1900, max=9998)], area: Area, data: Data = None
    ) -> Answer:
        return perform(asked, year, area, Settings.load(data))

    return perform_it


def _for_a_year_of_care(asked: LongRun) -> Callable[..., Answer]:
    def perform_it(
        year: Annotated[int, typer.Option(min=1900, max=2999, help="The year of care.")],
        area: Area,
        data: Data = None,
    ) -> Answer:
        return perform(asked, year, area, Settings.load(data))

    return perform_it


def _for_a_month(asked: LongRun) -> Callable[..., Answer]:
    def perform_it(month: Month, area: Area, data: Data = None) -> Answer:
        return perform(asked, _period(month), area, Settings.load(data))

    return perform_it


def _for_a_month_or_an_older_one(asked: LongRun) -> Callable[..., Answer]:
    def perform_it(
        month: Month,
        area: Area,
        yes_older: Annotated[
            bool, typer.Option("--yes-older", help="Also a month of more than a year ago.")
        ] = False,
        data: Data = None,
    ) -> Answer:
        return perform(asked, _period(month), area, Settings.load(data), older=yes_older)

    return perform_it


def _period(month: str) -> int:
    period = parse_period(month)
    if period is None:
        raise WrongCall("a month is written as in 2026-09", RefusalCode.PERIOD_INVALID.value)
    return period


RUNS: dict[str, LongRun] = {
    asked.kind: asked
    for asked in (
        LongRun(
            YEAR_END,
            "Post the interest of a finished year to every account that is still owed it.",
            "year end",
            _for_a_year,
            "year",
        ),
        LongRun(
            RETIREE_CREDITS,
            "Credit a month, out of the pooled fund, to every retiree who has not had it.",
            "retirees",
            _for_a_month_or_an_older_one,
            "period",
            older=OLDER_RETIREE_CREDITS,
        ),
        LongRun(
            ANNUAL_SETTLEMENT,
            "Settle a finished year of care of everybody, as far as it differs from what was settled so far.",
            "annual settlement",
            _for_a_year_of_care,
            "year",
            tells_refused=True,
        ),
        LongRun(
            ESTIMATES,
            "Charge every employer that has not declared a finished month"
            " with last month's amount and a tenth.",
            "estimates",
            _for_a_month,
            "period",
        ),
    )
}
"""Every long run, by its kind."""

for _asked in RUNS.values():
    _performing = _asked.command(_asked)
    _performing.__doc__ = _asked.help
    command(_asked.kind)(_performing)


@command("declare")
def declare(
    employer: Annotated[str, typer.Argument(help="The credit code.")],
    month: Month,
    file: Annotated[Path, typer.Argument(help="A list as CSV or XLSX: id_number, wage.")],
    confirm: Annotated[bool, typer.Option("--confirm", help="Owe the good lines from now on.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Write nothing at all.")] = False,
    include_hidden: Annotated[
        bool, typer.Option("--include-hidden", help="Hidden or filtered rows of a workbook count too.")
    ] = False,
    lines: Annotated[
        int | None,
        typer.Option(min=0, help="How many lines it must have; 0 makes one without any a nil list."),
    ] = None,
    total: Annotated[
        str | None, typer.Option(metavar="YUAN", help="What its wages must come to, such as 8000.00.")
    ] = None,
    data: Data = None,
    by: By = None,
) -> Answer:
    """Hand in an employer's list of a month. Safe to run again; refused lines are listed beside the file."""
    period, totals, actor = _period(month), control_totals(lines, total), who_asks(by)
    with at_work(Settings.load(data)) as (opened, connection):
        door = ListDoor(connection, opened.keyring, opened.policies, now_and_today, actor)
        told = door.hand_in(
            employer,
            period,
            file,
            confirm=confirm,
            preview=preview,
            include_hidden=include_hidden,
            totals=totals,
        )
    if told["refused"]:
        warn(f"{file}: {told['refused']} lines were refused, see {told['rejected_file']}")
    return told, not told["refused"]
