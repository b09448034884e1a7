"""What is said of an institution from a day on, and all that was said of it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BeforeValidator, Field
from pydantic_core import to_json

from api.http.answers import Answer
from api.http.declaring import posting
from api.http.fields import Area, Day, Name, Strict, Words, example
from api.http.listing import UntilDay, json_answer
from api.http.posting import key_of, respond, take
from api.http.routes import LedgerRoute, describe
from api.http.state import caller_of, state_of
from api.institutions.institutions import TAG, Kind, institution_of
from ledger import ChangeInstitution, RefusalCode
from ledger.book.detail import unpack
from ledger.book.numbers import entry_name
from ledger.institutions import registry
from ledger.institutions.changes import SAID
from ledger.institutions.on_a_day import changes_of

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
DRY_RUN = "Only in the answer of a dry run: true"
FIRST = "The first day of it"


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a level is a number")  # noqa: TRY004  # what the shape of a body is refused by
    return value


Level = Annotated[Literal[1, 2, 3], BeforeValidator(_no_truth)]


class InstitutionChange(Strict):
    """What is said of an institution from a day on; what is left out stays as it was. One thing at least."""

    model_config = example(**{"from": "2026-07-01"}, level=3, document="notice (2026) 15")

    first: Day = Field(alias="from")
    name: Name | None = None
    level: Level | None = None
    kind: Kind | None = None
    area: Area | None = None
    document: Words


class _Said(Answer):
    first: date = Field(alias="from", description=FIRST)
    name: str | None = Field(description="Null: nothing was said of it")
    level: int | None
    kind: Kind | None
    area: str | None = Field(examples=["990100"])


class InstitutionChangeAnswer(_Said):
    """What was said, by the entry that recorded it."""

    change: str = Field(examples=["I483920174650K-4"])
    institution: str = Field(examples=["H0101"])
    document: str
    dry_run: bool | None = Field(None, description=DRY_RUN)


class InstitutionChangeItem(_Said):
    """One thing that was said."""

    change: str = Field(examples=["I483920174650K-4"])
    ended: bool | None = Field(description="True: there is no such institution from that day on")
    successor: str | None = Field(description="The institution that took its place", examples=["H0102"])


class InstitutionChangesAnswer(Answer):
    """All that was said of an institution, in the order of the days; of one day the last word counts."""

    institution: str = Field(examples=["H0101"])
    items: list[InstitutionChangeItem]


@posting(
    router,
    "/v1/institutions/{institution}/changes",
    ChangeInstitution,
    scope="institutions:write",
    tag=TAG,
    summary="Record what an institution is called, or is, from a day on",
    answer=InstitutionChangeAnswer,
    refusals=(R.AREA_UNKNOWN,),
    names={"valid_from": "from"},
    also={200: "Just that was said before for that day; or a dry run"},
)
async def change(institution: str, body: InstitutionChange, request: Request) -> Response:
    """A bill goes by the day of its care. What bills go by is not changed into days that were agreed on."""
    key = key_of(request)
    who = caller_of(request)
    named = await institution_of(request, institution)
    command = ChangeInstitution(
        named.party_id,
        named.code,
        named.area,
        body.first,
        body.document,
        body.name,
        body.kind,
        body.level,
        body.area,
        who.caller,
        who.actor,
        key,
    )
    done = await take(request, command)
    told = unpack(done.receipt.detail)
    said = {name: told.get(name) for name in SAID}
    answer = {"change": done.receipt.name, "institution": named.code, "from": told["from"], **_json(said)}
    return respond(
        request,
        to_json(answer | {"document": told["document"]}).decode(),
        done,
        status=201 if done.created else 200,
    )


@router.get(
    "/v1/institutions/{institution}/changes",
    **describe(
        tag=TAG,
        summary="What was said of an institution since it was registered",
        answer=InstitutionChangesAnswer,
        refusals=(R.INSTITUTION_UNKNOWN,),
    ),
)
async def changes(institution: str, request: Request, on: UntilDay = None) -> Response:
    """In the order of the days. An institution that is as it was registered has none."""

    def look(connection: Any) -> dict[str, Any]:
        found = registry.find(connection, institution)
        items = [
            _item(found.party_id, one)
            for one in changes_of(connection, found.party_id)
            if on is None or one.valid_from <= on
        ]
        return {"institution": found.code, "items": items}

    return json_answer(await state_of(request).read(look))


def _item(party_id: int, one: Any) -> dict[str, Any]:
    return {
        "change": entry_name(party_id, one.seq),
        "from": one.valid_from.isoformat(),
        **_json(one._asdict()),
        "ended": one.ended,
        "successor": one.successor,
    }


def _json(said: dict[str, Any]) -> dict[str, Any]:
    shown = {name: said[name] for name in SAID}
    return shown | {"area": None if said["area"] is None else f"{said['area']:06d}"}
