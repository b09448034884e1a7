"""Whom the findings for auditors look out for: staff, and flagged accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field, StringConstraints
from pydantic_core import to_json

from api.http.answers import Answer
from api.http.fields import NUMBERLESS, IdText, Strict, Words, example
from api.http.places import told_as
from api.http.routes import JSON, OF_ACCOUNT, OF_ID_NUMBER, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import State, caller_of, state_of
from ledger import reports
from ledger.book.numbers import account_no
from ledger.inquiry import watched
from ledger.inquiry.watched import SaidBy
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import number_digest
from ledger.texts import AGENT_NAME_MAX, PROSE_PATTERN

router = APIRouter(route_class=LedgerRoute)
TAG = "audit"


class NewStaff(Strict):
    """Whose ID number it is that acts by a name, as `sub` of tokens has it."""

    model_config = example(actor="clerk-7", id_number="119999198503140015")

    actor: Annotated[
        str,
        StringConstraints(strict=True, min_length=1, max_length=AGENT_NAME_MAX, pattern=PROSE_PATTERN),
        NUMBERLESS,
    ]
    id_number: IdText


class NewFlag(Strict):
    """Why every look at an account is to be found."""

    model_config = example(reason="known to everybody")

    reason: Words


class StaffAnswer(Answer):
    """A member of staff as registered; of the number only a digest is kept."""

    actor: str = Field(examples=["clerk-7"])


class FlagAnswer(Answer):
    """A flag of an account."""

    account_no: str = Field(examples=["P483920174650K"])
    reason: str
    flagged_at: datetime = Field(description="When this was first said")


@router.post(
    "/v1/staff",
    **describe(
        tag=TAG,
        summary="Register whose number it is that acts by a name",
        answer=StaffAnswer,
        status=201,
        refusals=OF_ID_NUMBER,
        body=True,
    ),
)
async def staff(body: NewStaff, request: Request) -> Response:
    """The same again changes nothing; another number of the same name is one more."""
    state = state_of(request)
    digest = number_digest(parse_id_number(body.id_number, state.clock()[1]), state.keyring)
    by = _said_by(request, state)

    def write() -> None:
        with state.engine.connect() as connection:
            watched.register_staff(connection, body.actor, digest, by)

    await state.run(write)
    return _created({"actor": body.actor})


@router.post(
    "/v1/accounts/{account}/flags",
    **describe(
        tag=TAG,
        summary="Have every look at an account be found",
        answer=FlagAnswer,
        status=201,
        refusals=OF_ACCOUNT,
        body=True,
    ),
)
@told_as(book="account")
async def flag(account: str, body: NewFlag, request: Request) -> Response:
    """The same again changes nothing; another reason is another flag."""
    state = state_of(request)
    ref, by = state.ref(account), _said_by(request, state)
    book_id = await state.read(lambda connection: reports.find_book(connection, ref))
    shown_by(request).of(book_id)

    def write() -> datetime:
        with state.engine.connect() as connection:
            return watched.flag(connection, book_id, body.reason, by)

    since = await state.run(write)
    return _created({"account_no": account_no(book_id), "reason": body.reason, "flagged_at": since})


def _said_by(request: Request, state: State) -> SaidBy:
    who = caller_of(request)
    return SaidBy(who.caller, who.actor, state.clock()[0])


def _created(body: dict[str, object]) -> Response:
    return Response(to_json(body), 201, media_type=JSON)
