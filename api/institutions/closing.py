"""An institution ends, is merged into another one, or goes on after all."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field
from pydantic_core import to_json

from api.http.answers import Answer
from api.http.declaring import posting
from api.http.fields import Day, Strict, Words, example
from api.http.posting import key_of, respond, take
from api.http.routes import LedgerRoute
from api.http.state import caller_of
from api.institutions.institutions import TAG, NewCode, institution_of
from ledger import EndInstitution, MergeInstitution, Posted, RefusalCode, Refused, ReopenInstitution
from ledger.book.detail import unpack

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
DRY_RUN = "Only in the answer of a dry run: true"
DOCUMENT = "notice (2026) 15"


class InstitutionEnd(Strict):
    """The last day of an institution, and the document that proves it."""

    model_config = example(to="2026-06-30", document=DOCUMENT)

    last: Day = Field(alias="to")
    document: Words


class InstitutionMerger(Strict):
    """The institution that it is merged into, and the first day on which there is only that one."""

    model_config = example(into="H0102", **{"from": "2026-07-01"}, document=DOCUMENT)

    into: NewCode
    first: Day = Field(alias="from")
    document: Words


class InstitutionReopening(Strict):
    """The day from which an institution goes on, and the document that proves it."""

    model_config = example(**{"from": "2026-09-01"}, document=DOCUMENT)

    first: Day = Field(alias="from")
    document: Words


class InstitutionEndAnswer(Answer):
    """The end of an institution, or that it goes on, by its entry."""

    entry: str = Field(examples=["I483920174650K-9"])
    institution: str = Field(examples=["H0101"])
    ended: bool
    last: date | None = Field(None, alias="to", description="Its last day, where it ends")
    first: date | None = Field(None, alias="from", description="From when on it is merged, or goes on")
    into: str | None = Field(None, description="The institution that took its place", examples=["H0102"])
    document: str
    dry_run: bool | None = Field(None, description=DRY_RUN)


@posting(
    router,
    "/v1/institutions/{institution}/end",
    EndInstitution,
    scope="institutions:write",
    tag=TAG,
    summary="End an institution: its last day",
    answer=InstitutionEndAnswer,
    names={"last": "to"},
)
async def end(institution: str, body: InstitutionEnd, request: Request) -> Response:
    """Its contracts end with it. Bills of days up to it are settled, compared and cleared as ever."""
    key = key_of(request)
    who = caller_of(request)
    named = await institution_of(request, institution)
    command = EndInstitution(
        named.party_id, named.code, named.area, body.last, body.document, who.caller, who.actor, key
    )
    done = await take(request, command)
    since = date.fromisoformat(unpack(done.receipt.detail)["from"])
    return _answer(request, named.code, done, to=(since - timedelta(days=1)).isoformat())


@posting(
    router,
    "/v1/institutions/{institution}/merger",
    MergeInstitution,
    scope="institutions:write",
    tag=TAG,
    summary="Merge an institution into another one",
    answer=InstitutionEndAnswer,
    names={"valid_from": "from"},
)
async def merge(institution: str, body: InstitutionMerger, request: Request) -> Response:
    """Bills of later days under its code are refused, and the refusal names the other one."""
    key = key_of(request)
    who = caller_of(request)
    named = await institution_of(request, institution)
    try:
        other = await institution_of(request, body.into)
    except Refused as refused:
        refused.at = "into"
        raise
    command = MergeInstitution(
        named.party_id, named.code, named.area, other.code, body.first, body.document,
        who.caller, who.actor, key,
    )  # fmt: skip
    done = await take(request, command)
    told = unpack(done.receipt.detail)
    return _answer(request, named.code, done, **{"from": told["from"], "into": told["successor"]})


@posting(
    router,
    "/v1/institutions/{institution}/reopening",
    ReopenInstitution,
    scope="institutions:write",
    tag=TAG,
    summary="Let an institution go on that had ended",
    answer=InstitutionEndAnswer,
    names={"valid_from": "from"},
)
async def reopen(institution: str, body: InstitutionReopening, request: Request) -> Response:
    """Its contracts count again from that day on."""
    key = key_of(request)
    who = caller_of(request)
    named = await institution_of(request, institution)
    command = ReopenInstitution(
        named.party_id, named.code, body.first, body.document, who.caller, who.actor, key
    )
    done = await take(request, command)
    return _answer(request, named.code, done, **{"from": unpack(done.receipt.detail)["from"]})


def _answer(request: Request, code: str, done: Posted, **days: str) -> Response:
    told = unpack(done.receipt.detail)
    answer: dict[str, Any] = {"entry": done.receipt.name, "institution": code, "ended": told["ended"]}
    answer |= {**days, "document": told["document"]}
    return respond(request, to_json(answer).decode(), done)
