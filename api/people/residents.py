"""Residents: insured without an account, their premium subsidised by group."""

from __future__ import annotations

from datetime import date
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field
from pydantic_core import to_json

from api.http.answers import Answer
from api.http.declaring import posting
from api.http.fields import Area, Day, IdText, Name, Strict
from api.http.posting import key_of, respond, take
from api.http.routes import OF_ID_NUMBER, LedgerRoute
from api.http.state import caller_of, state_of
from ledger import EnrolResident, RefusalCode, persons, resident_ref
from ledger.book.detail import unpack
from ledger.book.numbers import new_book_id
from ledger.chart.parties import Party
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
CANDIDATES = 4
Group = Literal["minimum_living", "severely_disabled", "low_income_elderly", "minor"]


class NewResident(Strict):
    """A person, and the group whose subsidy is paid for them, if any."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id_number": "329999201906010040",
                    "name": "李小明",
                    "area": "990100",
                    "group": "minor",
                    "from": "2026-01-01",
                }
            ]
        }
    )

    id_number: IdText
    name: Name
    area: Area
    group: Group | None = None
    first: Day = Field(alias="from")
    last: Day | None = Field(None, alias="to")


class ResidentAnswer(Answer):
    """An enrolment as a resident: what the person pays for a year, and what is paid for them."""

    enrolment: str = Field(examples=["R483920174650K-2"])
    resident_no: str = Field(examples=["R483920174650K"])
    group: str | None
    first: date = Field(alias="from")
    last: date | None = Field(alias="to")
    premium: str = Field(examples=["400.00"])
    own_part: str = Field(examples=["200.00"])
    subsidy: str = Field(examples=["200.00"])
    dry_run: bool | None = Field(None, description="True: nothing was written")


@posting(
    router,
    "/v1/residents",
    EnrolResident,
    scope="accounts:write",
    tag="enrolments",
    summary="Enrol a resident, or change the subsidy group",
    answer=ResidentAnswer,
    refusals=(R.AREA_UNKNOWN, *OF_ID_NUMBER),
    names={"valid_from": "from", "valid_to": "to"},
)
async def enrol(body: NewResident, request: Request) -> Response:
    """A resident has no account; the latest word on a day counts."""
    key = key_of(request)
    state, who = state_of(request), caller_of(request)
    stake, _ = persons.stake_by_number(body.id_number, body.name, state.keyring, state.clock()[1])
    command = EnrolResident(
        resident_ref(stake.digest),
        (stake,),
        tuple(new_book_id(Party.RESIDENT) for _ in range(CANDIDATES)),
        body.area,
        body.group,
        body.first,
        body.last,
        who.caller,
        who.actor,
        key,
    )
    done = await take(request, command)
    # the same under another key is answered as it was then
    done.replayed = done.replayed or not done.created
    told = unpack(done.receipt.detail)
    answer = {
        "enrolment": done.receipt.name,
        "resident_no": done.receipt.account_no,
        "group": told.get("group"),
        "from": told["from"],
        "to": told.get("to"),
        "premium": format_yuan(told["premium"]),
        "own_part": format_yuan(told["own_part"]),
        "subsidy": format_yuan(told["subsidy"]),
    }
    return respond(request, to_json(answer).decode(), done)
