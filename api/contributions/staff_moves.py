"""Staff that goes on with another employer, and an employer that is merged into another one."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field, StringConstraints
from pydantic_core import to_json

from api.contributions.bodies import CODE_EXAMPLE, CreditCode
from api.contributions.employers import TAG, employer_of, take_of_employer
from api.http.answers import Answer, yuan
from api.http.declaring import posting
from api.http.fields import Day, Strict, Words, example
from api.http.posting import key_of, respond, wants_dry_run
from api.http.routes import OF_ID_NUMBER, LedgerRoute
from api.http.state import caller_of, state_of
from ledger import MergeEmployer, MoveStaff, RefusalCode, Refused, persons
from ledger.book.detail import unpack
from ledger.contributions.arrears_reports import owed_in_all
from ledger.contributions.employers import Employer
from ledger.contributions.staff import going_on_from
from ledger.contributions.staff_moves import MOVED_AT_ONCE
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
DRY_RUN = "Only in the answer of a dry run: true"
ENTRY = "E483920174650K-4"
Account = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=64)]


class NewStaffMove(Strict):
    """Who goes on with the employer `to`: `people` by ID number or account number, or `all`."""

    model_config = example(
        to=CODE_EXAMPLE, **{"from": "2026-07-01"}, people=["P483920174650K"], document="agreement (2026) 3"
    )

    to: CreditCode
    first: Day = Field(alias="from")
    people: list[Account] | None = Field(None, min_length=1, max_length=MOVED_AT_ONCE)
    everybody: bool = Field(False, alias="all", strict=True)
    document: Words


class NewMerger(Strict):
    """The employer that it is merged `into`, and the first day on which there is only that one."""

    model_config = example(into=CODE_EXAMPLE, **{"from": "2026-07-01"}, document="registry (2026) 3")

    into: CreditCode
    first: Day = Field(alias="from")
    document: Words


class StaffMoveAnswer(Answer):
    """How many people went on with the other employer, by the entry that recorded it."""

    move: str = Field(examples=[ENTRY])
    employer: str = Field(examples=[CODE_EXAMPLE])
    to: str = Field(examples=[CODE_EXAMPLE])
    first: date = Field(alias="from")
    moved: int
    document: str
    dry_run: bool | None = Field(None, description=DRY_RUN)


class MergerAnswer(Answer):
    """The merger of an employer by its entry; it is closed, and what it owes is paid as before."""

    merger: str = Field(examples=[ENTRY])
    employer: str = Field(examples=[CODE_EXAMPLE])
    into: str = Field(examples=[CODE_EXAMPLE])
    first: date = Field(alias="from")
    closed_on: date
    moved: int
    still_owed: str = yuan("What it owes for all its months, without late fees")
    document: str
    dry_run: bool | None = Field(None, description=DRY_RUN)


@posting(
    router,
    "/v1/employers/{employer}/staff-moves",
    MoveStaff,
    scope="contributions:act",
    tag=TAG,
    summary="Let people of an employer's staff go on with another one",
    answer=StaffMoveAnswer,
    refusals=(R.CREDIT_CODE_INVALID, R.ID_NUMBER_SHARED, *OF_ID_NUMBER),
    names={"valid_from": "from"},
)
async def move_staff(employer: str, body: NewStaffMove, request: Request) -> Response:
    """All of them or nobody; of more than 1,000 at a time, and sent again it goes on with the rest."""
    key = key_of(request)
    who = caller_of(request)
    found, other = await employer_of(request, employer), await _other(request, body.to, "to")
    if (body.people is None) is not body.everybody:
        raise Refused(R.SHAPE_INVALID, at="people")
    before = 0
    if body.everybody:
        people, before = await _all_but_last(request, found, other, body)
    else:
        people = _named(request, body.people or [])
    command = MoveStaff(
        found.book_id, other.book_id, body.first, people, body.document, body.everybody, before,
        False, who.caller, who.actor, key,
    )  # fmt: skip
    done = await take_of_employer(request, command)
    told = unpack(done.receipt.detail)
    answer = {
        "move": done.receipt.name,
        "employer": found.credit_code,
        "to": other.credit_code,
        "from": told["from"],
        "moved": told["moved"],
        "document": told["document"],
    }
    return respond(request, to_json(answer).decode(), done)


@posting(
    router,
    "/v1/employers/{employer}/merger",
    MergeEmployer,
    scope="contributions:act",
    tag=TAG,
    summary="Merge an employer into another one",
    answer=MergerAnswer,
    refusals=(R.CREDIT_CODE_INVALID,),
    names={"valid_from": "from", "to": "into"},
)
async def merge(employer: str, body: NewMerger, request: Request) -> Response:
    """Its staff goes on with the other one, and it is closed the day before. What it owes stays its own."""
    key = key_of(request)
    who = caller_of(request)
    found, other = await employer_of(request, employer), await _other(request, body.into, "into")
    people, before = await _all_but_last(request, found, other, body)
    command = MergeEmployer(
        found.book_id, other.book_id, body.first, people, body.document, before, who.caller, who.actor, key
    )
    done = await take_of_employer(request, command)
    told = unpack(done.receipt.detail)
    owed = await state_of(request).glance(lambda connection: owed_in_all(connection, found.book_id))
    answer = {
        "merger": done.receipt.name,
        "employer": found.credit_code,
        "into": other.credit_code,
        "from": told["from"],
        "closed_on": date.fromordinal(date.fromisoformat(told["from"]).toordinal() - 1).isoformat(),
        "moved": told["moved"],
        "still_owed": format_yuan(owed),
        "document": told["document"],
    }
    return respond(request, to_json(answer).decode(), done)


async def _other(request: Request, credit_code: str, at: str) -> Employer:
    try:
        return await employer_of(request, credit_code)
    except Refused as refused:
        refused.at = at
        raise


def _named(request: Request, people: list[str]) -> tuple[Any, ...]:
    state = state_of(request)
    found = []
    for place, text in enumerate(people):
        try:
            found.append(persons.account_ref(text, state.keyring, state.clock()[1]))
        except Refused as refused:
            refused.at = f"people/{place}"
            raise
    return tuple(found)


async def _all_but_last(
    request: Request, found: Employer, other: Employer, body: NewStaffMove | NewMerger
) -> tuple[tuple[int, ...], int]:
    """The last of those registered on the day or later, and how many were moved before them.

    Whoever was moved is not registered any more, so a call that was cut short is completed by the next one.
    """
    state, who = state_of(request), caller_of(request)
    moved = 0
    while True:
        staff = await state.glance(
            lambda connection: going_on_from(connection, found.book_id, body.first, limit=MOVED_AT_ONCE + 1)
        )
        people = tuple(staff)
        if len(people) <= MOVED_AT_ONCE or wants_dry_run(request):
            return people[:MOVED_AT_ONCE], moved
        chunk = MoveStaff(
            found.book_id, other.book_id, body.first, people[:MOVED_AT_ONCE], body.document, True, 0,
            isinstance(body, NewMerger), who.caller, who.actor,
        )  # fmt: skip
        await take_of_employer(request, chunk)
        moved += MOVED_AT_ONCE
