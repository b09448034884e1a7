"""`python -m ledger correct`: a mass correction of any size, shown or posted, with a file of every line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from ledger.book.numbers import account_no
from ledger.chart.members import MemberClass
from ledger.clock import now_and_today
from ledger.contributions import employers
from ledger.corrections.asked import Correction, CorrectionKind, RightWage
from ledger.corrections.evidence import LEFT, PLANNED
from ledger.corrections.lines import Corrected, CorrectionLine
from ledger.corrections.months import area_of
from ledger.corrections.performing import Shown, kept_by, lines_after, perform, preview
from ledger.corrections.plan import Planner
from ledger.csv_out import BYTE_ORDER_MARK
from ledger.id_forms import holds_id_number
from ledger.imports.lists import ListLine, read_list
from ledger.money import format_yuan, parse_yuan
from ledger.months import format_period, period_of
from ledger.operations import progress
from ledger.operations.cli import Answer, By, Data, command, who_asks
from ledger.operations.installation import WrongCall, at_work
from ledger.operations.places import place_for
from ledger.people import persons
from ledger.policy import Policy
from ledger.refusals import RefusalCode, Refused
from ledger.reports import find_book
from ledger.settings import Settings, tune_process
from ledger.texts import parse_day
from ledger.vault import Keyring

LINES_A_PAGE = 1_000
_CLASSES = {one.word: one for one in MemberClass if one is not MemberClass.RESIDENT}
_WANTS = (
    "either --area and --parameter, or --account and --member-class, or --employer and --list;"
    " a class is one of " + ", ".join(_CLASSES)
)
_COLUMNS = ("account", "employer", "period", "what", "before", "after", "employer_before", "employer_after",
            "state", "code")  # fmt: skip


@command("correct")
def correct(
    first: Annotated[str, typer.Argument(metavar="FROM", help="The first day that was wrong.")],
    last: Annotated[str, typer.Argument(metavar="TO", help="The last one.")],
    reason: Annotated[str, typer.Option(help="Why: it stands in every entry.")],
    area: Annotated[int | None, typer.Option(min=0, max=999_999, help="Of a parameter.")] = None,
    parameter: Annotated[str | None, typer.Option(help="Its name in the policy file.")] = None,
    account: Annotated[str | None, typer.Option(help="Whose class was wrong.")] = None,
    member_class: Annotated[str | None, typer.Option(help="What it was in truth.")] = None,
    employer: Annotated[str | None, typer.Option(help="Whose list was wrong.")] = None,
    wages: Annotated[
        Path | None, typer.Option("--list", help="What it should have said: a list as it is handed in.")
    ] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Post what is wrong.")] = False,
    lines: Annotated[
        Path | None, typer.Option(help="Write every line to this CSV: what is wrong, or what became of it.")
    ] = None,
    by: By = None,
    data: Data = None,
) -> Answer:
    """Show what a wrong parameter, class or list has made, and with --confirm put it right.

    Safe to run again after any interruption: it posts what is still wrong.
    """
    tune_process()
    settings = Settings.load(data)
    if holds_id_number(reason):
        raise Refused(RefusalCode.PERSONAL_DATA_IN_TEXT, at="reason")
    days, actor = (_day(first, "FROM"), _day(last, "TO")), who_asks(by)
    with at_work(settings) as (opened, connection):
        today = now_and_today()[1]
        ref = None if account is None else persons.account_ref(account, opened.keyring, today)
        if employer is not None or wages is not None:
            if employer is None or wages is None:
                raise WrongCall(_WANTS)
            if any(one is not None for one in (area, parameter, account, member_class)):
                raise WrongCall(_WANTS)
            about = _of_list(connection, opened.keyring, days, reason, employer, wages)
        else:
            with connection.begin():
                account_id = None if ref is None else find_book(connection, ref)
                about = _asked(connection, days, reason, area, parameter, account_id, member_class)
        policies: Mapping[int, Policy] = opened.policies
        about.refuse_impossible(policies, today)
        name = about.name(policies[about.area])
        planner = Planner(
            connection=connection,
            correction=about,
            policy=policies[about.area],
            this_month=period_of(today),
            reveal=persons.number_opener(opened.keyring),
            caller="corrections",
            actor=actor,
        )
        if not confirm:
            told = preview(planner, name, lines_max=0)
            if lines is not None:
                _write(connection, lines, _shown(planner))
            return _answer(told), True
        with place_for(connection, name, settings.runs_max), progress.shown("corrections") as report:
            told = perform(planner, name, now_and_today, policies, progress=lambda done: report(done, done))
        if lines is not None:
            _write(connection, lines, _kept(connection, name))
    return _answer(told), True


def _day(text: str, which: str) -> date:
    day = parse_day(text)
    if day is None:
        raise WrongCall(f"{which} is a day such as 2026-01-01", RefusalCode.PERIOD_INVALID.value)
    return day


def _asked(
    connection: Connection,
    days: tuple[date, date],
    reason: str,
    area: int | None,
    parameter: str | None,
    account_id: int | None,
    member_class: str | None,
) -> Correction:
    about = partial(Correction, first=days[0], last=days[1], reason=reason)
    if area is not None and parameter is not None and account_id is None and member_class is None:
        return about(kind=CorrectionKind.PARAMETER, area=area, parameter=parameter)
    classes = _CLASSES
    if account_id is not None and member_class in classes and area is None and parameter is None:
        return about(
            kind=CorrectionKind.CLASS,
            area=area_of(connection, account_id),
            account_id=account_id,
            member_class=classes[member_class or ""],
        )
    raise WrongCall(_WANTS)


def _of_list(
    connection: Connection,
    keyring: Keyring,
    days: tuple[date, date],
    reason: str,
    credit_code: str,
    path: Path,
) -> Correction:
    """What a list should have said, from a file as employers hand it in, of any length.

    A line that cannot be taken is told by its number, and nothing is corrected: half a list is another list.
    Raises Refused, WrongCall.
    """
    try:
        with closing(path.open("rb")) as file:
            lines = list(read_list(file))
    except OSError as error:
        raise WrongCall(f"{path} cannot be read: {error.strerror}") from None
    if not lines:
        raise WrongCall(f"{path} has no line", RefusalCode.FILE_INVALID.value)
    with connection.begin():
        employer = employers.find(connection, credit_code)
        right = [_right_wage(connection, keyring, line) for line in lines]
    seen: set[int | None] = set()
    for one in right:
        if one.account_id in seen:
            raise WrongCall(f"line {one.line} says somebody again", RefusalCode.DUPLICATE_LINE.value)
        seen.add(one.account_id)
    return Correction(
        kind=CorrectionKind.LIST,
        area=employer.area,
        first=days[0],
        last=days[1],
        reason=reason,
        employer_id=employer.book_id,
        wages=tuple(right),
    )


def _right_wage(connection: Connection, keyring: Keyring, line: ListLine) -> RightWage:
    try:
        if line.form is not None:
            raise Refused(line.form)
        ref = persons.account_ref(line.id_number, keyring, now_and_today()[1])
        return RightWage(line.line, find_book(connection, ref), parse_yuan(line.wage))
    except Refused as refused:
        raise WrongCall(f"line {line.line} cannot be taken", refused.code.value) from None


def _answer(shown: Shown) -> dict[str, object]:
    what_became = {} if shown.posted is None else {"posted": shown.posted, "left": shown.left}
    return {
        "correction": shown.name,
        "state": "shown" if shown.posted is None else "posted",
        "people": shown.people,
        "more": format_yuan(shown.more),
        "less": format_yuan(shown.less),
        "lines": shown.line_count,
        **what_became,
    }


Told = tuple[CorrectionLine, str]


def _shown(planner: Planner) -> Iterator[list[Told]]:
    """What is still wrong, step by step, as it would be posted or left."""
    for step in replace(planner, kept=kept_by(planner)).steps():
        yield [(line, PLANNED if line.code is None else LEFT) for line in step.lines]


def _kept(connection: Connection, name: str) -> Iterator[list[Told]]:
    """Every line of a correction that was posted, page by page."""
    after = None
    while True:
        with connection.begin():
            page = lines_after(connection, name, after, LINES_A_PAGE)
        yield page
        if len(page) < LINES_A_PAGE:
            return
        last = page[-1][0]
        after = (last.account_id, last.employer_id, last.period, last.what.value)


def _write(connection: Connection, path: Path, pages: Iterator[list[Told]]) -> None:
    """Every line of a correction, for the letters. Accounts by number: nothing says who they are."""
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(BYTE_ORDER_MARK)
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            for page in pages:
                with connection.begin():
                    codes = employers.codes_of(connection, {line.employer_id for line, _state in page})
                writer.writerows(_cells(line, state, codes) for line, state in page)
    except OSError as error:
        raise WrongCall(f"{path} cannot be written: {error.strerror}") from None


def _cells(line: CorrectionLine, state: str, codes: Mapping[int, str]) -> list[str]:
    amounts = (line.before, line.after, line.employer_before, line.employer_after)
    return [
        account_no(line.account_id),
        codes.get(line.employer_id, ""),
        str(line.period) if line.what is Corrected.INTEREST else format_period(line.period),
        line.what.value,
        *map(format_yuan, amounts),
        state,
        line.code or "",
    ]
