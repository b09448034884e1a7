"""Employers: registering one, and finding the one that a path or body names."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.contributions.answers import EmployerAnswer
from api.contributions.bodies import NewEmployer
from api.http.declaring import posting
from api.http.posting import key_of, posted, respond, take, wants_dry_run
from api.http.routes import LedgerRoute
from api.http.state import State, caller_of, state_of
from ledger import Command, Posted, RefusalCode, Refused, RegisterEmployer, employers
from ledger.book.numbers import new_book_id
from ledger.chart.parties import Party
from ledger.contributions.closed_days import EmployerEnd
from ledger.contributions.credit_codes import parse_credit_code
from ledger.contributions.employers import Employer

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "employers"
# what a path or body that names an employer may lead to
OF_EMPLOYER: Final = (R.EMPLOYER_NOT_FOUND, R.CREDIT_CODE_INVALID)


@posting(
    router,
    "/v1/employers",
    RegisterEmployer,
    scope="employers:write",
    tag=TAG,
    summary="Register an employer by its credit code",
    answer=EmployerAnswer,
    also={200: "The employer was there already, registered just so; or a dry run"},
    refusals=(R.AREA_UNKNOWN, R.CREDIT_CODE_INVALID, R.EMPLOYER_DIFFERS),
)
async def register(body: NewEmployer, request: Request) -> Response:
    """One for each credit code. Asked for again, the same employer is the answer."""
    key = key_of(request)
    state, who = state_of(request), caller_of(request)
    # before anything is written: a reference row of an area that there is not would stay
    if body.area not in state.policies:
        raise Refused(R.AREA_UNKNOWN, at="area")
    if wants_dry_run(request):
        employer = await state.glance(lambda connection: _would_be(connection, body, state.clock()[1]))
    else:
        employer = await state.run(lambda: _entered(state, body))
    done = await take(
        request,
        RegisterEmployer(employer.book_id, employer.credit_code, employer.area, who.caller, who.actor, key),
    )
    shown = await state.glance(lambda connection: _as_it_is(connection, employer, state.clock()[1]))
    answer = {
        "employer": employer.credit_code,
        "credit_code": employer.credit_code,
        "name": shown.name,
        "area": f"{shown.area:06d}",
        "created": done.created,
    }
    return respond(request, to_json(answer).decode(), done, status=201 if done.created else 200)


def _entered(state: State, body: NewEmployer) -> Employer:
    """The employer as written down. A call killed after this is completed by the next one like it."""
    with state.engine.connect() as connection:
        return employers.enter(connection, body.credit_code, body.name, body.area, *state.clock())


def _as_it_is(connection: Any, employer: Employer, today: date) -> Employer:
    """The employer as it is today; of a rehearsal it may not be there."""
    return employers.by_book(connection, {employer.book_id}, today).get(employer.book_id, employer)


def _would_be(connection: Any, body: NewEmployer, today: date) -> Employer:
    """The employer that is there, or would be. Raises credit_code_invalid, employer_differs."""
    code = parse_credit_code(body.credit_code)
    try:
        there = employers.find(connection, code)
    except Refused as refused:
        if refused.code is not R.EMPLOYER_NOT_FOUND:
            raise
        return Employer(code, new_book_id(Party.EMPLOYER), body.name, body.area)
    employers.check_same(connection, there, body.name, body.area, today)
    return there


def end_json(end: EmployerEnd | None) -> dict[str, str]:
    """Of an employer that is closed on a day its last day, and what took its place; else nothing."""
    if end is None:
        return {}
    told = {"closed_on": end.closed_on.isoformat()}
    return told if end.into is None else told | {"into": end.into}


async def employer_of(request: Request, credit_code: str) -> Employer:
    """The employer that a path or body names: it never changes its book. Raises OF_EMPLOYER."""
    return await state_of(request).glance(lambda connection: employers.find(connection, credit_code))


async def take_of_employer(
    request: Request, command: Command, missing: RefusalCode = R.EMPLOYER_NOT_FOUND
) -> Posted:
    """Post a command on an employer's book; one that was written down and not opened is not there yet."""
    state = state_of(request)
    try:
        if wants_dry_run(request):
            return await take(request, command)
        # a list by itself: a batch of many would hold its locks for long
        return posted((await state.office.post_chunk([command]))[0])
    except Refused as refused:
        # not that of a person whom the command names
        if refused.code is R.ACCOUNT_NOT_FOUND and not refused.at.startswith("people"):
            raise Refused(missing, at=refused.at) from None
        raise
