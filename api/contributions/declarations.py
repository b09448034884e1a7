"""What an employer owes: its monthly list, shown and then confirmed, and the correction of one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.contributions.answers import AdjustmentAnswer, ConfirmationAnswer, DeclarationAnswer
from api.contributions.bodies import Control, Declaration, NewAdjustment
from api.contributions.employers import OF_EMPLOYER, TAG, employer_of, take_of_employer
from api.contributions.list_lines import (
    Row,
    as_declared,
    assessed_json,
    check_totals,
    declared_json,
    rows_of_json,
)
from api.contributions.uploads import CONTENT, QUERY, FileRoute, Upload, asked, refuse_query, rows_of
from api.http.beyond import name_strangers, own_lists
from api.http.declaring import posting
from api.http.fields import Nothing, month_text
from api.http.posting import entry_of, key_of, respond, wants_dry_run
from api.http.problems import DoorCode
from api.http.routes import LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import State, caller_of, state_of
from ledger import Adjust, Confirm, Declare, Receipt, RefusalCode, Refused, require_nil_said
from ledger.book.detail import unpack
from ledger.book.numbers import entry_name, party_of
from ledger.chart.channels import FieldGroup
from ledger.chart.members import LineKind
from ledger.chart.parties import Party
from ledger.contributions import reports as contribution_reports
from ledger.contributions.beyond_staff import strangers_of
from ledger.contributions.brought import numbers_there
from ledger.contributions.declarations import ListView, list_view, told_of, whom_it_shows
from ledger.contributions.levies import ASSESSMENT_LINE, DECLARED_LINE, AssessmentLine
from ledger.contributions.list_reports import adjusted_lines, declared_lines
from ledger.money import format_yuan
from ledger.people.id_numbers import mask_id_number
from ledger.people.persons import number_opener

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
G = FieldGroup


# -- the list of a month -----------------------------------------------------------------------------------


async def declare(employer: str, body: Declaration, request: Request) -> Response:
    """Nothing is owed by it yet. A line that cannot be taken has a code, and disturbs no other.

    The same list comes as CSV or XLSX, with its month in the query. In one list the first line of a person
    counts. A line that a confirmed list has brought just so is `already` there, in the list that it names;
    when all of them are, in whatever order, the answer is that list, with 200, and nothing is written. Of who
    is not of its staff an employer's own token is told `not_yours`.
    """
    key = key_of(request)
    refuse_query(request)
    rows = await asyncio.to_thread(rows_of_json, body.lines)
    return await _declare(request, employer, body.period, rows, body.control, key)


class _ListRoute(FileRoute):
    """The route of the lists."""

    async def take_file(self, request: Request, upload: Upload) -> Response:
        key = key_of(request)
        period, control = asked(request)
        rows = await rows_of(upload, request)
        if not rows:
            # with totals of another list it is refused for these
            said = control is not None and (control.lines is not None or control.wages is not None)
            require_nil_said(said=said)
        return await _declare(request, request.path_params["employer"], period, rows, control, key)


async def _declare(
    request: Request,
    employer: str,
    period: int | None,
    sent: Sequence[Row],
    control: Control | None,
    key: str | None,
) -> Response:
    check_totals(sent, control)
    state, who = state_of(request), caller_of(request)
    book_id = (await employer_of(request, employer)).book_id
    lines = await state.readers_for(request).glance(
        lambda connection: as_declared(connection, state, book_id, sent)
    )
    naming = own_lists(request)
    own = None if naming is None else naming.of(only_asks=wants_dry_run(request))
    command = Declare(book_id, period, lines, (), who.caller, who.actor, key, own)
    try:
        done = await take_of_employer(request, command)
    except Refused as refused:
        if refused.code is R.NOT_YOURS:
            # too many of them: it says so
            name_strangers(request, command.strangers or ())
        raise
    receipt = done.receipt
    lines_told = done.rows(DECLARED_LINE)

    def look(connection: Any) -> str:
        shown = declared_lines(connection, book_id, receipt.seq) if lines_told is None else lines_told
        if naming is not None:
            naming.name(strangers_of(command, shown))
        view = list_view(receipt.period or 0, shown, None, numbers_there(done, shown))
        # only a confirmed list is there
        view = view._replace(confirmed=not done.created)
        shown_by(request).of_each(told_of(lines, shown))
        return to_json(_list_json(connection, state, (book_id, receipt.seq), view)).decode()

    return respond(request, await state.report(look), done, status=201 if done.created else 200)


def _described_with_files() -> dict[str, Any]:
    described = describe(
        tag=TAG,
        summary="Hand in the list of a month and see what would be assessed",
        answer=DeclarationAnswer,
        status=201,
        also={200: "A confirmed list that says all of it, which is the answer; or a dry run"},
        refusals=(
            *OF_EMPLOYER, *Declare.refused_with, R.FILE_INVALID, R.HIDDEN_ROWS, R.TOTALS_DIFFER,
            DoorCode.TOO_MANY_REQUESTS,
        ),
        body=True,
        posting=True,
        key=True,
    )  # fmt: skip
    more = described["openapi_extra"]
    more["parameters"] += QUERY
    more["requestBody"] = {"content": CONTENT}
    return described


router.add_api_route(
    "/v1/employers/{employer}/declarations",
    declare,
    methods=["POST"],
    route_class_override=_ListRoute,
    **_described_with_files(),
)


@posting(
    router,
    "/v1/declarations/{declaration}/confirm",
    Confirm,
    scope="employers:write",
    tag=TAG,
    summary="Confirm a list: from now on its lines are owed",
    answer=ConfirmationAnswer,
    not_here=(R.EMPLOYER_NOT_FOUND,),
)
async def confirm(declaration: str, request: Request, body: Nothing | None = None) -> Response:  # noqa: ARG001  read, to refuse what is not empty
    """What was paid before the list came is spread over its persons; an estimate of the month ends."""
    key = key_of(request)
    state, who = state_of(request), caller_of(request)
    book_id, seq = entry_of(declaration, R.DECLARATION_NOT_FOUND)
    if party_of(book_id) is not Party.EMPLOYER:
        raise Refused(R.DECLARATION_NOT_FOUND, at="target_seq")
    command = Confirm(book_id, seq, number_opener(state.keyring), who.caller, who.actor, key, who.is_bound)
    done = await take_of_employer(request, command, R.DECLARATION_NOT_FOUND)

    def look(connection: Any) -> str:
        found = contribution_reports.declaration(connection, book_id, seq)
        view = list_view(found.period, found.lines, done.receipt.detail, found.there)
        answer = _list_json(connection, state, (book_id, seq), view)
        shown = shown_by(request)
        full = G.IDENTITY_FULL
        if wants_dry_run(request) and not shown.may_have(full):
            for line in answer["lines"]:
                if line.get("id_number") is not None:
                    line["id_number"] = mask_id_number(line["id_number"])
            full = G.IDENTITY_MASKED
        shown.of_each(whom_it_shows(view.lines), shown.fields | full)
        told = unpack(done.receipt.detail)
        names = ("to_accounts", "to_pooled_fund", "returned", "late_fee", "receivable")
        lines = answer.pop("lines")
        answer |= {name: format_yuan(told[name]) for name in names if name in told}
        return to_json(answer | {"lines": lines}).decode()

    return respond(request, await state.report(look), done)


def _list_json(connection: Any, state: State, place: tuple[int, int], view: ListView) -> dict[str, Any]:
    """A list as it stands in the book; a line that an earlier one had brought names that one."""
    return {
        "declaration": entry_name(*place),
        "status": "confirmed" if view.confirmed else "preview",
        "period": month_text(view.period),
        "employee_total": format_yuan(view.employee_total),
        "employer_total": format_yuan(view.employer_total),
        "lines": declared_json(connection, state, place[0], view),
    }


# -- corrections -------------------------------------------------------------------------------------------


@posting(
    router,
    "/v1/employers/{employer}/adjustments",
    Adjust,
    scope="contributions:act",
    tag=TAG,
    summary="Correct the wages of a month that was assessed",
    answer=AdjustmentAnswer,
    refusals=(R.CREDIT_CODE_INVALID,),
)
async def adjust(employer: str, body: NewAdjustment, request: Request) -> Response:
    """Each line is the difference to what was assessed. What was paid beyond it goes back to the payer."""
    key = key_of(request)
    state, who = state_of(request), caller_of(request)
    book_id = (await employer_of(request, employer)).book_id
    rows = rows_of_json(body.lines, zero=True)
    lines = await state.readers_for(request).glance(
        lambda connection: as_declared(connection, state, book_id, rows)
    )
    command = Adjust(
        book_id,
        body.period,
        lines,
        body.reason,
        number_opener(state.keyring),
        (),
        who.caller,
        who.actor,
        key,
    )
    done = await take_of_employer(request, command)
    written = done.rows(ASSESSMENT_LINE)
    if written is not None:
        changes = [line for line in written if line.kind is LineKind.ADJUSTED]
    else:
        seq = done.receipt.seq
        changes = await state.readers_for(request).glance(
            lambda connection: adjusted_lines(connection, book_id, seq)
        )
    refused = unpack(done.receipt.detail)["refused"]
    shown_by(request).of_each(
        [
            *(change.account_id for change in changes),
            *(
                line.person
                for line in lines
                if refused.get(str(line.line), R.ACCOUNT_NOT_FOUND) != R.ACCOUNT_NOT_FOUND
            ),
        ]
    )
    return respond(request, to_json(_adjustment(done.receipt, rows, changes)).decode(), done)


def _adjustment(receipt: Receipt, rows: Sequence[Row], changes: Sequence[AssessmentLine]) -> dict[str, Any]:
    """A correction. Its changes stand in the order of those lines that were not refused."""
    told = unpack(receipt.detail)
    refused = told["refused"]
    following = iter(changes)
    lines = []
    for row in rows:
        code = refused.get(str(row.line))
        if code is not None:
            lines.append({"line": row.line, "code": code})
        else:
            change = next(following)
            due = (change.base or 0, change.employee, change.employer)
            lines.append(assessed_json(row.line, row.id_number, due))
    return {
        "adjustment": receipt.name,
        "period": month_text(receipt.period or 0),
        "employee_total": format_yuan(told["employee"]),
        "employer_total": format_yuan(told["employer"]),
        "returned": format_yuan(told["returned"]),
        **({"late_fee": format_yuan(told["late_fee"])} if "late_fee" in told else {}),
        "receivable": format_yuan(told["receivable"]),
        "lines": lines,
    }
