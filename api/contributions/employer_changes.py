"""What is said of an employer from a day on, and all that was said of it."""

from __future__ import annotations

from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field
from pydantic_core import to_json

from api.contributions.bodies import CODE_EXAMPLE
from api.contributions.employers import OF_EMPLOYER, TAG, employer_of, take_of_employer
from api.http.answers import Answer
from api.http.declaring import posting
from api.http.fields import Area, Day, EmployerName, Strict, Words, example
from api.http.listing import UntilDay, json_answer
from api.http.posting import key_of, respond
from api.http.routes import LedgerRoute, describe
from api.http.state import caller_of, state_of
from ledger import ChangeEmployer, RefusalCode, employers
from ledger.book.detail import unpack
from ledger.book.numbers import entry_name
from ledger.contributions.employer_changes import EmployerChange, changes_of_employer

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
DRY_RUN = "Only in the answer of a dry run: true"
FIRST = "The first day of it"
ENTRY = "E483920174650K-4"


class NewEmployerChange(Strict):
    """What is said of an employer from a day on; what is left out stays as it was. One thing at least."""

    model_config = example(**{"from": "2026-07-01"}, name="示例新纺织有限公司", document="notice (2026) 15")

    first: Day = Field(alias="from")
    name: EmployerName | None = None
    area: Area | None = None
    document: Words


class EmployerChangeAnswer(Answer):
    """What was said, by the entry that recorded it."""

    change: str = Field(examples=[ENTRY])
    employer: str = Field(examples=[CODE_EXAMPLE])
    first: date = Field(alias="from", description=FIRST)
    name: str | None = Field(description="Null: nothing was said of it")
    area: str | None = Field(examples=["990100"])
    document: str
    dry_run: bool | None = Field(None, description=DRY_RUN)


class EmployerChangeItem(Answer):
    """One thing that was said."""

    change: str = Field(examples=[ENTRY])
    first: date = Field(alias="from", description=FIRST)
    name: str | None
    area: str | None = Field(examples=["990100"])
    successor: str | None = Field(description="The employer it was merged into", examples=[CODE_EXAMPLE])


class EmployerChangesAnswer(Answer):
    """All that was said of an employer, in the order of the days; of one day the last word counts."""

    employer: str = Field(examples=[CODE_EXAMPLE])
    items: list[EmployerChangeItem]


@posting(
    router,
    "/v1/employers/{employer}/changes",
    ChangeEmployer,
    scope="contributions:act",
    tag=TAG,
    summary="Record what an employer is called, or where it is, from a day on",
    answer=EmployerChangeAnswer,
    refusals=(R.CREDIT_CODE_INVALID,),
    names={"valid_from": "from"},
    also={200: "Just that was said before for that day; or a dry run"},
)
async def change(employer: str, body: NewEmployerChange, request: Request) -> Response:
    """The credit code stays. What was printed or reported of days before has the name of those days."""
    key = key_of(request)
    who = caller_of(request)
    found = await employer_of(request, employer)
    command = ChangeEmployer(
        found.book_id, body.first, body.document, body.name, body.area, who.caller, who.actor, key
    )
    done = await take_of_employer(request, command)
    told = unpack(done.receipt.detail)
    answer = {
        "change": done.receipt.name,
        "employer": found.credit_code,
        "from": told["from"],
        "name": told.get("name"),
        "area": _area(told.get("area")),
        "document": told["document"],
    }
    return respond(request, to_json(answer).decode(), done, status=201 if done.created else 200)


@router.get(
    "/v1/employers/{employer}/changes",
    **describe(
        tag=TAG,
        summary="What was said of an employer since it was registered",
        answer=EmployerChangesAnswer,
        refusals=OF_EMPLOYER,
    ),
)
async def changes(employer: str, request: Request, on: UntilDay = None) -> Response:
    """In the order of the days. An employer that is as it was registered has none."""

    def look(connection: Any) -> dict[str, Any]:
        found = employers.find(connection, employer)
        said = [
            one
            for one in changes_of_employer(connection, found.book_id)
            if on is None or one.valid_from <= on
        ]
        names = employers.by_book(connection, {one.successor for one in said if one.successor is not None})
        return {
            "employer": found.credit_code,
            "items": [
                _item(found.book_id, one)
                | {"successor": None if one.successor is None else names[one.successor].credit_code}
                for one in said
            ],
        }

    return json_answer(await state_of(request).read(look))


def _item(book_id: int, one: EmployerChange) -> dict[str, Any]:
    return {
        "change": entry_name(book_id, one.seq),
        "from": one.valid_from.isoformat(),
        "name": one.name,
        "area": _area(one.area),
    }


def _area(area: int | None) -> str | None:
    return None if area is None else f"{area:06d}"
