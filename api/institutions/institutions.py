"""Designated institutions: registering one, its contracts, and the days on which these rest."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import to_json

from api.http.answers import Answer
from api.http.declaring import posting
from api.http.fields import Area, CareWord, Day, Name, Strict, Whole, Words, example, not_cash
from api.http.listing import json_answer
from api.http.posting import key_of, respond, take, wants_dry_run
from api.http.routes import LedgerRoute, describe
from api.http.state import State, caller_of, state_of
from ledger import AddContract, RefusalCode, Refused, RegisterInstitution, Suspend
from ledger.book.numbers import entry_name, new_book_id
from ledger.care import reports as care
from ledger.care.reports import Contracted, Suspended
from ledger.chart.care import CARE_WORDS
from ledger.chart.parties import Party
from ledger.institutions import registry
from ledger.institutions.areas import check_area
from ledger.institutions.on_a_day import changes_of
from ledger.institutions.registry import Registered

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "institutions"
CODE_PATTERN: Final = r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,30}[A-Za-z0-9])?$"
# what programs write where they have nothing
_NOTHING: Final = frozenset({"null", "none", "nil", "undefined", "nan"})

OnDay = Annotated[Day | None, Query(description="The day as of which it is shown; default today")]
Kind = Literal["hospital", "clinic", "pharmacy"]


def _something(code: str) -> str:
    if code.casefold() in _NOTHING:
        raise ValueError("a code that names something")
    return code


# it stands in paths
NewCode = Annotated[
    str,
    StringConstraints(strict=True, pattern=CODE_PATTERN),
    AfterValidator(not_cash),
    AfterValidator(_something),
]


class NewInstitution(Strict):
    """An institution. Its area need not be one whose accounts are kept here."""

    model_config = example(code="H0101", name="示例医院", kind="hospital", level=2, area="990100")

    code: NewCode
    name: Name
    kind: Kind
    level: Whole = Field(ge=1, le=3)
    area: Area


class NewContract(Strict):
    """A contract for some kinds of care, from a day on; without `to` until further notice."""

    model_config = example(**{"from": "2026-01-01"}, to=None, services=["outpatient", "inpatient"])

    first: Day = Field(alias="from")
    last: Day | None = Field(None, alias="to")
    services: list[CareWord] = Field(min_length=1, max_length=len(CARE_WORDS))


class NewSuspension(Strict):
    """Why every contract rests, from a day on; without `to` until further notice."""

    model_config = example(**{"from": "2026-06-01"}, to="2026-06-30", reason="inspection (2026) 7")

    first: Day = Field(alias="from")
    last: Day | None = Field(None, alias="to")
    reason: Words


class InstitutionAnswer(Answer):
    """An institution as registered."""

    institution: str = Field(examples=["H0101"])
    name: str
    kind: Kind
    level: int
    area: str = Field(examples=["990100"])
    created: bool | None = Field(None, description="Whether this call registered it; not said of a read")
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class ContractItem(Answer):
    """A contract."""

    first: date = Field(alias="from")
    last: date | None = Field(alias="to")
    services: list[CareWord]


class ContractAnswer(ContractItem):
    """A contract that was recorded, by its entry."""

    contract: str = Field(examples=["I483920174650K-2"])
    institution: str
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class SuspensionItem(Answer):
    """Days on which every contract rests."""

    first: date = Field(alias="from")
    last: date | None = Field(alias="to")


class ContractView(ContractItem):
    """A contract, and what it is ended by."""

    in_force: bool | None = Field(
        None,
        description="Only with `on`: whether it counts on the day, not of one that is closed or rests",
    )

    contract: str | None = Field(
        description="Null: written down with an example institution", examples=["I483920174650K-2"]
    )


class SuspensionView(SuspensionItem):
    """A suspension, and what it is ended by."""

    in_force: bool | None = Field(None, description="Only with `on`: whether contracts rest by it on the day")

    suspension: str | None = Field(description="The entry that recorded it", examples=["I483920174650K-3"])


class SuspensionAnswer(SuspensionItem):
    """A suspension that was recorded, by its entry."""

    suspension: str = Field(examples=["I483920174650K-3"])
    institution: str
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class InstitutionView(InstitutionAnswer):
    """An institution with its contracts and their suspensions, oldest first."""

    state: Literal["open", "closed", "merged"] | None = Field(
        None, description="With `on`, and of one that is closed: merged is closed, with `into`"
    )
    closed_on: date | None = Field(None, description="Its last day; only where it is closed on the day")
    into: str | None = Field(None, description="Which one took its place", examples=["H0102"])
    ended: bool | None = Field(None, description="True: there is none any more on that day")
    successor: str | None = Field(None, description="The same as `into`", examples=["H0102"])

    contracts: list[ContractView]
    suspensions: list[SuspensionView]


async def institution_of(request: Request, code: str) -> Registered:
    """The institution that a path or body names. Raises Refused(institution_unknown).

    Its code, its book and how it was registered first never change, so what was found is not read again.
    """
    state = state_of(request)
    known = state.institutions.get(code)
    if known is None:
        known = await state.glance(lambda connection: registry.find(connection, code))
        # by its own code: there are too many ways to spell one
        state.institutions[known.code] = known
    return known


@posting(
    router,
    "/v1/institutions",
    RegisterInstitution,
    scope="institutions:write",
    tag=TAG,
    summary="Register an institution by its code",
    answer=InstitutionAnswer,
    also={200: "The institution was there already, registered just so; or a dry run"},
    refusals=(R.INSTITUTION_DIFFERS,),
)
async def register_institution(body: NewInstitution, request: Request) -> Response:
    """One for each code. Asked for again, the same institution is the answer."""
    key = key_of(request)
    state, who = state_of(request), caller_of(request)
    # before it is written down: an institution that is there stays
    check_area(body.area, state.policies)
    asked = Registered(body.code, 0, body.name, body.kind, body.level, body.area)
    if wants_dry_run(request):
        there = await state.glance(lambda connection: _would_be(connection, asked, state.clock()[1]))
    else:
        there = await state.run(lambda: _entered(state, asked))
    done = await take(
        request,
        RegisterInstitution(there.party_id, there.code, there.area, who.caller, who.actor, key),
    )
    shown = await state.glance(lambda connection: _as_it_is(connection, there, state.clock()[1]))
    answer = _institution_json(shown) | {"created": done.created}
    return respond(request, to_json(answer).decode(), done, status=201 if done.created else 200)


def _entered(state: State, asked: Registered) -> Registered:
    """The institution as written down. A call killed after this is completed by the next one like it."""
    with state.engine.connect() as connection:
        return registry.enter(connection, asked, *state.clock())


def _as_it_is(connection: Any, there: Registered, day: date) -> Registered:
    """The institution as it is on a day."""
    return there.as_of(day, changes_of(connection, there.party_id))


def _would_be(connection: Any, asked: Registered, today: date) -> Registered:
    """The institution that is there, or would be. Raises institution_differs."""
    asked = asked._replace(code=registry.code_as_registered(connection, asked.code))
    try:
        there = registry.find(connection, asked.code)
    except Refused:
        return asked._replace(party_id=new_book_id(Party.INSTITUTION))
    registry.check_same(connection, there, asked, today)
    return there


def _institution_json(one: Registered) -> dict[str, Any]:
    return {
        "institution": one.code,
        "name": one.name,
        "kind": one.kind,
        "level": one.level,
        "area": f"{one.area:06d}",
    }


@router.get(
    "/v1/institutions/{institution}",
    **describe(
        tag=TAG,
        summary="An institution with its contracts, and the days on which these rest",
        answer=InstitutionView,
        refusals=(R.INSTITUTION_UNKNOWN,),
    ),
)
async def institution(institution: str, request: Request, on: OnDay = None) -> Response:
    """As it is on a day. A contract or suspension without `to` stands until further notice."""
    day = on or state_of(request).clock()[1]

    def look(connection: Any) -> dict[str, Any]:
        found = registry.find(connection, institution)
        said = changes_of(connection, found.party_id)
        end = _end_json(said, day)
        suspensions = care.suspensions(connection, found.code)
        goes_on = end["state"] == "open" and not any(_holds(one, day) for one in suspensions)

        def in_force(holds: bool) -> dict[str, bool]:
            return {} if on is None else {"in_force": holds}

        return (
            _institution_json(found.as_of(day, said))
            | (end if on is not None or len(end) > 1 else {})
            | {
                "contracts": [
                    {
                        "contract": _name(one.entry),
                        **_days_json(one.valid_from, one.valid_to),
                        "services": one.services,
                        **in_force(goes_on and _holds(one, day)),
                    }
                    for one in care.contracts(connection, found.code)
                ],
                "suspensions": [
                    {
                        "suspension": _name(one.entry),
                        **_days_json(one.valid_from, one.valid_to),
                        **in_force(_holds(one, day)),
                    }
                    for one in suspensions
                ],
            }
        )

    return json_answer(await state_of(request).read(look))


def _holds(one: Contracted | Suspended, day: date) -> bool:
    return one.valid_from <= day and (one.valid_to is None or day <= one.valid_to)


def _end_json(said: list[Any], day: date) -> dict[str, Any]:
    """Whether there is such an institution on the day; of one that is closed what took its place."""
    ends = [one for one in said if one.ended is not None and one.valid_from <= day]
    if not ends or not ends[-1].ended:
        return {"state": "open"}
    last, into = ends[-1].valid_from - timedelta(days=1), ends[-1].successor
    told = {"state": "closed", "closed_on": last.isoformat(), "ended": True}
    return told if into is None else told | {"state": "merged", "into": into, "successor": into}


def _days_json(first: date, last: date | None) -> dict[str, Any]:
    return {"from": first.isoformat(), "to": None if last is None else last.isoformat()}


def _name(entry: tuple[int, int] | None) -> str | None:
    return None if entry is None else entry_name(*entry)


@posting(
    router,
    "/v1/institutions/{institution}/contracts",
    AddContract,
    scope="institutions:write",
    tag=TAG,
    summary="Record a contract of an institution",
    answer=ContractAnswer,
    refusals=(R.CARE_TYPE_UNKNOWN,),
    names={"valid_from": "from", "valid_to": "to"},
)
async def add_contract(institution: str, body: NewContract, request: Request) -> Response:
    """A contract makes an institution of any area designated. Two never hold on one day."""
    key = key_of(request)
    who = caller_of(request)
    named = await institution_of(request, institution)
    services = tuple(word for word in CARE_WORDS if word in body.services)
    command = AddContract(
        named.party_id,
        named.code,
        named.area,
        body.first,
        body.last,
        services,
        who.caller,
        who.actor,
        key,
    )
    done = await take(request, command)
    answer = {
        "contract": done.receipt.name,
        "institution": named.code,
        **_days_json(body.first, body.last),
        "services": services,
    }
    return respond(request, to_json(answer).decode(), done)


@posting(
    router,
    "/v1/institutions/{institution}/suspensions",
    Suspend,
    scope="institutions:write",
    tag=TAG,
    summary="Let every contract of an institution rest",
    answer=SuspensionAnswer,
    names={"valid_from": "from", "valid_to": "to"},
)
async def suspend(institution: str, body: NewSuspension, request: Request) -> Response:
    """Care on these days is not settled there; what was settled stands."""
    key = key_of(request)
    who = caller_of(request)
    named = await institution_of(request, institution)
    command = Suspend(
        named.party_id,
        named.code,
        named.area,
        body.first,
        body.last,
        body.reason,
        who.caller,
        who.actor,
        key,
    )
    done = await take(request, command)
    answer = {
        "suspension": done.receipt.name,
        "institution": named.code,
        **_days_json(body.first, body.last),
    }
    return respond(request, to_json(answer).decode(), done)
