"""Enrolments: what a person is to the employee scheme, from when, and at which employer."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.contributions.answers import EnrolmentAnswer
from api.contributions.bodies import EnrolmentEnd, NewEnrolment
from api.contributions.employers import OF_EMPLOYER
from api.http.declaring import posting
from api.http.posting import entry_of, key_of, respond, take
from api.http.receipts import target_name
from api.http.routes import OF_ACCOUNT, LedgerRoute
from api.http.state import caller_of, state_of
from ledger import (
    BookRef,
    EndEnrolment,
    Enrol,
    Posted,
    RefusalCode,
    employers,
    reports,
)
from ledger.book.detail import unpack
from ledger.chart.members import MemberClass
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "enrolments"


@posting(
    router,
    "/v1/accounts/{account}/enrolments",
    Enrol,
    scope="accounts:write",
    tag=TAG,
    summary="Enrol a person, or change the member class",
    answer=EnrolmentAnswer,
    refusals=(*OF_ACCOUNT, *OF_EMPLOYER),
    names={"valid_from": "from", "valid_to": "to"},
)
async def enrol(account: str, body: NewEnrolment, request: Request) -> Response:
    """The latest word on a month counts. An account without any enrolment is active."""
    key = key_of(request)
    state, who = state_of(request), caller_of(request)
    ref = state.ref(account)
    employer_id = None
    if body.employer is not None:
        code = body.employer
        employer_id = await state.read(lambda connection: _employer_id(connection, ref, code))
    command = Enrol(
        ref,
        MemberClass[body.member_class.upper()],
        employer_id,
        body.first,
        body.last,
        body.wage,
        who.caller,
        who.actor,
        key,
    )
    done = await take(request, command)
    # the same under another key is answered as it was then
    done.replayed = done.replayed or not done.created
    return await _answer(request, done)


def _employer_id(connection: Any, ref: BookRef, credit_code: str) -> int:
    """The employer's book. Whether there is the account comes first. Raises Refused."""
    reports.find_book(connection, ref)
    return employers.find(connection, credit_code).book_id


@posting(
    router,
    "/v1/enrolments/{enrolment}/end",
    EndEnrolment,
    scope="accounts:write",
    tag=TAG,
    summary="End an enrolment",
    answer=EnrolmentAnswer,
    refusals_after=(R.ACCOUNT_NOT_FOUND,),
    names={"valid_to": "to"},
)
async def end_enrolment(enrolment: str, body: EnrolmentEnd, request: Request) -> Response:
    """The last day is part of it. A wrong day is corrected by ending the `entry` of the answer anew."""
    key = key_of(request)
    book_id, seq = entry_of(enrolment, R.ENROLMENT_NOT_FOUND)
    who = caller_of(request)
    command = EndEnrolment(book_id, seq, body.last, who.caller, who.actor, key)
    return await _answer(request, await take(request, command))


async def _answer(request: Request, done: Posted) -> Response:
    """The enrolment as its entry tells it."""
    told = unpack(done.receipt.detail)
    code = None
    if "employer" in told:
        book_id = told["employer"]
        found = await state_of(request).glance(lambda connection: employers.by_book(connection, {book_id}))
        code = found[book_id].credit_code
    answer = {
        "enrolment": target_name(done.receipt) or done.receipt.name,
        "entry": done.receipt.name,
        "account_no": done.receipt.account_no,
        "member_class": told["member_class"],
        "employer": code,
        "from": told["from"],
        "to": told.get("to"),
        "wage": format_yuan(told["wage"]) if "wage" in told else None,
    }
    return respond(request, to_json(answer).decode(), done)
