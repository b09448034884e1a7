"""Employers that do not declare or do not pay: estimates, and the steps of a case."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.contributions.answers import CaseStepAnswer, EstimateAnswer
from api.contributions.bodies import NewEstimate, NewStep
from api.contributions.employers import TAG, employer_of, take_of_employer
from api.http.declaring import posting
from api.http.fields import month_text
from api.http.posting import key_of, respond
from api.http.routes import LedgerRoute
from api.http.state import caller_of
from ledger import Estimate, RecordStep, RefusalCode
from ledger.book.detail import unpack
from ledger.contributions.supervision import Step
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode


@posting(
    router,
    "/v1/employers/{employer}/estimates",
    Estimate,
    scope="contributions:act",
    tag=TAG,
    summary="Charge an employer for a month that it did not declare",
    answer=EstimateAnswer,
    refusals=(R.CREDIT_CODE_INVALID,),
)
async def estimate(employer: str, body: NewEstimate, request: Request) -> Response:
    """Settled by difference when the list comes; what is paid for it waits until then."""
    key = key_of(request)
    who = caller_of(request)
    found = await employer_of(request, employer)
    command = Estimate(found.book_id, body.period, body.amount, who.caller, who.actor, key)
    done = await take_of_employer(request, command)
    told = unpack(done.receipt.detail)
    answer = {
        "estimate": done.receipt.name,
        "period": month_text(done.receipt.period or 0),
        "amount": format_yuan(told["estimated"]),
        "last_month": format_yuan(told["last_month"]),
    }
    return respond(request, to_json(answer).decode(), done)


@posting(
    router,
    "/v1/employers/{employer}/case-steps",
    RecordStep,
    scope="contributions:act",
    tag=TAG,
    summary="Record a step of a case against an employer",
    answer=CaseStepAnswer,
    refusals=(R.CREDIT_CODE_INVALID,),
)
async def record_step(employer: str, body: NewStep, request: Request) -> Response:
    """It moves no money: what a forced transfer brings in is a receipt like any other."""
    key = key_of(request)
    who = caller_of(request)
    found = await employer_of(request, employer)
    command = RecordStep(
        found.book_id,
        Step(body.step),
        body.taken_on,
        body.source_ref,
        body.period,
        body.amount,
        body.note or "",
        who.caller,
        who.actor,
        key,
    )
    done = await take_of_employer(request, command)
    receipt, told = done.receipt, unpack(done.receipt.detail)
    answer = {
        "case_step": receipt.name,
        "step": told["step"],
        "taken_on": told["taken_on"],
        "source_ref": receipt.source_ref,
        "period": None if receipt.period is None else month_text(receipt.period),
        "amount": format_yuan(told["amount"]) if "amount" in told else None,
        "note": told.get("note"),
    }
    return respond(request, to_json(answer).decode(), done)
