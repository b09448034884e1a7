"""Visits: a patient is registered at an institution, and what became of it."""

from __future__ import annotations

from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field
from pydantic_core import to_json

from api.http.answers import Answer
from api.http.beyond import told_alike
from api.http.declaring import posting
from api.http.fields import CareWord, Day, IdText, InstitutionCode, Strict, Words, example
from api.http.listing import json_answer
from api.http.posting import entry_of, institutions_key_of, respond, take, wants_dry_run
from api.http.problems import DoorCode
from api.http.receipts import target_name
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import caller_of, patient_of, state_of
from ledger import EndVisit, RefusalCode, Refused, RegisterVisit
from ledger.book.detail import unpack
from ledger.book.numbers import account_no, entry_name, has_account
from ledger.care import reports as care
from ledger.chart.care import CARE_WORDS

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "settlements"


class NewVisit(Strict):
    """A patient comes to an institution for some care, from a day on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "institution": "H0001",
                    "id_number": "119999198503140015",
                    "care_type": "inpatient",
                    "from": "2026-03-10",
                }
            ]
        }
    )

    institution: InstitutionCode
    id_number: IdText
    care_type: CareWord
    first: Day = Field(alias="from")


class VisitAnswer(Answer):
    """A registered visit. Its name goes with the bills of it."""

    visit: str | None = Field(
        description="Null in a dry run of an institution's token", examples=["P483920174650K-17"]
    )
    account: str | None = Field(
        description="Null for a resident without an account, and in a dry run of an institution's token"
    )
    institution: str
    care_type: CareWord
    first: date = Field(alias="from")
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class VisitView(Answer):
    """A visit, and what became of it."""

    visit: str = Field(examples=["P483920174650K-17"])
    account: str | None
    institution: str
    care_type: CareWord
    first: date = Field(alias="from")
    ended_on: date | None = Field(description="The day as of which the registration was taken back")
    reason: str | None = Field(description="Why it was taken back, where that was said")
    reversed_by: str | None = Field(description="The reversal, where it was registered wrongly")
    settlements: list[str] = Field(description="Its settled bills that were not taken back")


class VisitEnd(Strict):
    """Why a registration is taken back, and as of which day."""

    model_config = example(to="2026-03-12", reason="discharged without a bill")

    to: Day | None = Field(None, description="From the day it began to today, which is what left out means")
    reason: Words | None = None


class VisitEndAnswer(Answer):
    """A registration that was taken back."""

    visit: str
    ended_on: date
    reason: str | None
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


def _account(book_id: int) -> str | None:
    return account_no(book_id) if has_account(book_id) else None


@posting(
    router,
    "/v1/visits",
    RegisterVisit,
    scope="settlements:write",
    tag=TAG,
    summary="Register a patient's visit at an institution",
    answer=VisitAnswer,
    refusals=(R.CARE_TYPE_UNKNOWN, *OF_ACCOUNT, DoorCode.TOO_MANY_REQUESTS),
    names={"book": "id_number", "begins_on": "from"},
)
async def register_visit(body: NewVisit, request: Request) -> Response:
    """A bill may be settled without one; with one it has to be of the same patient and institution."""
    key = institutions_key_of(request)
    state, who = state_of(request), caller_of(request)
    book, else_book = patient_of(state, body.id_number)
    command = RegisterVisit(
        book,
        else_book,
        body.institution,
        CARE_WORDS[body.care_type],
        body.first,
        who.caller,
        who.actor,
        key,
        who.is_bound,
    )
    only_asks = wants_dry_run(request)
    with told_alike(request, book, at="book", only_asks=only_asks):
        done = await take(request, command)
    # the same under another key is answered as it was then
    done.replayed = done.replayed or not done.created
    told = unpack(done.receipt.detail)
    # an institution learns the number of an account by what stands in it
    is_hidden = who.is_bound and only_asks and not done.replayed
    answer = {
        "visit": None if is_hidden else done.receipt.name,
        "account": None if is_hidden else _account(done.receipt.book_id),
        "institution": told["institution"],
        "care_type": told["care_type"],
        "from": told["begins_on"],
    }
    return respond(request, to_json(answer).decode(), done)


@posting(
    router,
    "/v1/visits/{visit}/end",
    EndVisit,
    scope="settlements:write",
    tag=TAG,
    summary="Take the registration of a visit back",
    answer=VisitEndAnswer,
)
async def end_visit(visit: str, request: Request, body: VisitEnd | None = None) -> Response:
    """No bill of it is settled from then on. A visit with a settled bill stays."""
    key = institutions_key_of(request)
    who = caller_of(request)
    book_id, seq = entry_of(visit, R.VISIT_NOT_FOUND)
    told = body or VisitEnd(to=None)
    command = EndVisit(book_id, seq, who.caller, who.actor, key, told.to, told.reason or "")
    try:
        done = await take(request, command)
    except Refused as refused:
        if refused.code is R.ACCOUNT_NOT_FOUND:
            raise Refused(R.VISIT_NOT_FOUND, at=refused.at) from None
        raise
    ended = unpack(done.receipt.detail)
    answer = {
        "visit": target_name(done.receipt),
        # one of before there was a day to say has the day of its entry
        "ended_on": ended.get("to", done.receipt.effective_on.isoformat()),
        "reason": ended.get("reason"),
    }
    return respond(request, to_json(answer).decode(), done)


@router.get(
    "/v1/visits/{visit}",
    **describe(tag=TAG, summary="A visit", answer=VisitView, refusals=(R.VISIT_NOT_FOUND,)),
)
async def visit(visit: str, request: Request) -> Response:
    """With the bills that were settled of it."""
    book_id, seq = entry_of(visit, R.VISIT_NOT_FOUND)

    def look(connection: Any) -> dict[str, Any]:
        found = care.visit(connection, book_id, seq)
        shown_by(request).of(book_id)
        return visit_json(found)

    return json_answer(await state_of(request).read(look))


def visit_json(found: care.Visit) -> dict[str, Any]:
    """A visit, and what became of it."""
    return {
        "visit": entry_name(found.book_id, found.seq),
        "account": _account(found.book_id),
        "institution": found.institution,
        "care_type": found.care_type.word,
        "from": found.begins_on.isoformat(),
        "ended_on": None if found.ended_on is None else found.ended_on.isoformat(),
        "reason": found.reason,
        "reversed_by": None if found.reversed_by is None else entry_name(found.book_id, found.reversed_by),
        "settlements": [entry_name(found.book_id, bill) for bill in found.settled_by],
    }
