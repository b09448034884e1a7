"""An employer is closed, and opened again."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.contributions.answers import ClosureAnswer
from api.contributions.bodies import NewClosure
from api.contributions.employers import TAG, employer_of, take_of_employer
from api.http.declaring import posting
from api.http.posting import key_of, respond
from api.http.routes import LedgerRoute
from api.http.state import caller_of, state_of
from ledger import CloseEmployer, RefusalCode, ReopenEmployer
from ledger.book.detail import unpack
from ledger.contributions.arrears_reports import owed_in_all
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode


@posting(
    router,
    "/v1/employers/{employer}/closure",
    CloseEmployer,
    scope="contributions:act",
    tag=TAG,
    summary="Close an employer",
    answer=ClosureAnswer,
    refusals=(R.CREDIT_CODE_INVALID,),
)
async def close(employer: str, body: NewClosure, request: Request) -> Response:
    """Runs of estimates and reports leave it out from then on. What it owes is owed and paid as before."""
    return await _take(request, employer, CloseEmployer, body, "closed")


@posting(
    router,
    "/v1/employers/{employer}/reopening",
    ReopenEmployer,
    scope="contributions:act",
    tag=TAG,
    summary="Open an employer again",
    answer=ClosureAnswer,
    refusals=(R.CREDIT_CODE_INVALID,),
)
async def reopen(employer: str, body: NewClosure, request: Request) -> Response:
    """Runs and reports look at it again; months that went by meanwhile are undeclared like others."""
    return await _take(request, employer, ReopenEmployer, body, "open")


async def _take(
    request: Request,
    employer: str,
    command: type[CloseEmployer] | type[ReopenEmployer],
    body: NewClosure,
    state: str,
) -> Response:
    key = key_of(request)
    who = caller_of(request)
    found = await employer_of(request, employer)
    done = await take_of_employer(
        request, command(found.book_id, body.on, body.document, who.caller, who.actor, key)
    )
    told = unpack(done.receipt.detail)
    answer = {
        "entry": done.receipt.name,
        "employer": found.credit_code,
        "state": state,
        "on": told["on"],
        "document": told["document"],
    }
    owed = await state_of(request).glance(lambda connection: owed_in_all(connection, found.book_id))
    if owed and state == "closed":
        answer["still_owed"] = format_yuan(owed)
    return respond(request, to_json(answer).decode(), done)
