"""Written requests of other agencies: asked, decided by a reviewer, answered once (R63)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError, to_json

from api.http.answers import Answer
from api.http.deadlines import takes_long
from api.http.errors import Declined
from api.http.fields import NUMBERLESS, EmployerName, IdText, Strict, Words, example
from api.http.listing import LIMIT_DEFAULT, Cursor, Cursors, Limit, json_answer
from api.http.problems import DoorCode
from api.http.receipts import instant
from api.http.routes import OF_ID_NUMBER, LedgerRoute, describe
from api.http.shown import Shown, shown_by
from api.http.state import State, caller_of, state_of
from api.inquiry.agency_answers import GrantedPerson, person_json
from ledger import RefusalCode, Refused, reports
from ledger.access.channels import ASKABLE, purposes
from ledger.chart.channels import NOTHING, AccessChannel, FieldGroup
from ledger.inquiry import agency_requests
from ledger.people.id_numbers import mask_id_number, mask_in_text
from ledger.texts import TEXT_PATTERN, read_text

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG: Final = "other agencies"
_GROUPS: Final = {group.words[0]: group for group in FieldGroup if group in ASKABLE}
GroupWord = Literal["identity_masked", "identity_full", "balance", "entries", "payments", "care_amounts"]
StateWord = Literal["open", "approved", "rejected", "answered"]


def read_legal_basis(value: object) -> str | None:
    """The law and article, or the document; None where nothing stands."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    text = read_text(value, agency_requests.LEGAL_BASIS_MAX) if isinstance(value, str) else None
    if text is None:
        wanted = f"1 to {agency_requests.LEGAL_BASIS_MAX} characters that can be printed"
        raise PydanticCustomError(R.SHAPE_INVALID.value, wanted)
    return text


LegalBasis = Annotated[
    str | None,
    BeforeValidator(read_legal_basis),
    NUMBERLESS,
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": agency_requests.LEGAL_BASIS_MAX,
            "pattern": TEXT_PATTERN,
        }
    ),
]
PurposeWord = Annotated[str, Field(max_length=40, description="A purpose of the channel `agency`")]


class NewAgencyRequest(Strict):
    """Who asks, what for and by which law, of whom, and which groups of fields."""

    model_config = example(
        agency="示例市某区人民法院",
        purpose="court_order",
        legal_basis="《民事诉讼法》第二百五十三条,(2026)示01执118号",
        persons=["119999198503140015"],
        fields=["identity_masked", "balance"],
    )

    agency: EmployerName
    purpose: PurposeWord
    legal_basis: LegalBasis = None
    persons: Annotated[list[IdText], Field(min_length=1, max_length=agency_requests.PERSONS_MAX)]
    fields: Annotated[list[GroupWord], Field(min_length=1, max_length=len(_GROUPS))]


class AgencyDecision(Strict):
    """Whether the request is granted, and why."""

    model_config = example(approve=True, reason="complete, and within the order")

    approve: bool
    reason: Words


class NewAgencyRequestAnswer(Answer):
    """The request that was written down."""

    request: str = Field(examples=["5f0c9a1be27d3346a80e"])
    state: Literal["open"]


class AgencyRequestItem(Answer):
    """A request as it stands. Whom it is about is shown by itself."""

    request: str = Field(examples=["5f0c9a1be27d3346a80e"])
    state: StateWord
    agency: str
    purpose: str
    legal_basis: str
    fields: list[GroupWord]
    persons: int = Field(description="How many")
    asked_at: datetime
    asked_by: str
    reason: str | None = Field(description="Of the decision")
    decided_at: datetime | None
    decided_by: str | None
    answered_at: datetime | None


class AgencyRequestPage(Answer):
    """Requests in the order in which they were asked."""

    items: list[AgencyRequestItem]
    next_cursor: str | None


class AgencyRequestView(AgencyRequestItem):
    """A request, and whom it is about."""

    id_numbers: list[str | None] = Field(
        description="Masked; null of a person who was erased since", examples=[["119*************15"]]
    )


class AgencyRequestAnswer(Answer):
    """The one answer to a granted request."""

    request: str = Field(examples=["5f0c9a1be27d3346a80e"])
    agency: str
    purpose: str
    legal_basis: str
    fields: list[GroupWord]
    answered_at: datetime
    persons: list[GrantedPerson]


def _item(one: agency_requests.AgencyRequest) -> dict[str, Any]:
    return {
        "request": one.name,
        "state": one.state.value,
        "agency": one.agency,
        "purpose": one.purpose,
        "legal_basis": one.legal_basis,
        "fields": one.fields.words,
        "persons": one.persons,
        "asked_at": instant(one.asked_at),
        "asked_by": one.actor,
        "reason": one.reason,
        "decided_at": None if one.decided_at is None else instant(one.decided_at),
        "decided_by": one.decided_by,
        "answered_at": None if one.answered_at is None else instant(one.answered_at),
    }


# -- asking ------------------------------------------------------------------------------------------------


@router.post(
    "/v1/agency-requests",
    **describe(
        tag=TAG,
        summary="Ask in writing for data of some persons, with purpose and legal basis",
        answer=NewAgencyRequestAnswer,
        status=201,
        refusals=(*OF_ID_NUMBER, R.NAME_INVALID, R.NO_LEGAL_BASIS, R.DUPLICATE_LINE),
        body=True,
    ),
)
async def ask(body: NewAgencyRequest, request: Request) -> Response:
    """Of 50 persons at most. A reviewer decides; nothing is shown before."""
    state, who = state_of(request), caller_of(request)
    if body.legal_basis is None:
        raise Refused(R.NO_LEGAL_BASIS, at="legal_basis")
    now, today = state.clock()
    if body.purpose not in purposes(state.policies.values(), AccessChannel.AGENCY, today):
        raise Declined(DoorCode.PURPOSE_NOT_ALLOWED)
    asked = agency_requests.digests_of(body.persons, state.keyring, today)
    # whatever is typed into a text: numbers of people stand nowhere plain
    agency, legal_basis = mask_in_text(body.agency), mask_in_text(body.legal_basis)

    def write() -> str:
        with state.engine.connect() as connection:
            return agency_requests.ask(
                connection,
                state.keyring,
                asked,
                agency=agency,
                purpose=body.purpose,
                legal_basis=legal_basis,
                fields=_union(_GROUPS[word] for word in body.fields),
                caller=who.caller,
                actor=who.actor,
                now=now,
            )

    return Response(
        to_json({"request": await state.run(write), "state": "open"}), 201, media_type="application/json"
    )


def _union(groups: Iterable[FieldGroup]) -> FieldGroup:
    fields = NOTHING
    for group in groups:
        fields |= group
    return fields


# -- reviewing -----------------------------------------------------------------------------------------------


@router.get(
    "/v1/agency-requests",
    **describe(tag=TAG, summary="Requests of other agencies, page by page", answer=AgencyRequestPage),
)
async def listed(
    request: Request,
    state: Annotated[StateWord | None, Query(description="Only those of this state")] = None,
    limit: Annotated[Limit, Query()] = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """In the order in which they were asked; how many persons each is about, and not whom."""
    ledger = state_of(request)
    cursors = Cursors(ledger.keyring, f"agency-requests|{state}")
    after = None
    if cursor is not None:
        at, name = cursors.read(cursor)
        after = (datetime.fromisoformat(at), str(name))
    wanted = None if state is None else agency_requests.RequestState(state)
    found = await ledger.read(
        lambda connection: agency_requests.requests(connection, wanted, after, limit + 1)
    )
    page = found[:limit]
    following = None
    if len(found) > limit:
        following = cursors.write([page[-1].asked_at.isoformat(), page[-1].name])
    return json_answer({"items": [_item(one) for one in page], "next_cursor": following})


@router.get(
    "/v1/agency-requests/{agency_request}",
    **describe(
        tag=TAG,
        summary="A request of another agency, and whom it is about",
        answer=AgencyRequestView,
        refusals=(R.AGENCY_REQUEST_NOT_FOUND,),
    ),
)
async def one(agency_request: str, request: Request) -> Response:
    """Whether a person has an account is not said."""
    state, shown = state_of(request), shown_by(request)

    def look(connection: Any) -> tuple[dict[str, Any], list[tuple[bytes, int | None]]]:
        found = agency_requests.find(connection, agency_request)
        people = agency_requests.persons_of(connection, found.name)
        numbers = [agency_requests.open_asked(one, found.name, state.keyring) for one in people]
        masked = [None if number is None else mask_id_number(number) for number in numbers]
        told = _item(found) | {"id_numbers": masked}
        return told, [(one.digest, _book_of(connection, one.digest)) for one in people]

    told, people = await state.read(look)
    for digest, book_id in people:
        _tell(shown, digest, book_id, FieldGroup.IDENTITY_MASKED)
    return json_answer(told)


def _book_of(connection: Any, digest: bytes) -> int | None:
    """The account of a person, by the digest of the number; None where there is none."""
    try:
        return reports.find_book(connection, digest)
    except Refused:
        return None


def _tell(shown: Shown, digest: bytes, book_id: int | None, fields: FieldGroup) -> None:
    if book_id is None:
        shown.of_person(digest, fields=fields)
    else:
        shown.of(book_id, fields=fields)


@router.post(
    "/v1/agency-requests/{agency_request}/decision",
    **describe(
        tag=TAG,
        summary="Grant or reject a request of another agency",
        answer=AgencyRequestItem,
        status=201,
        refusals=(R.AGENCY_REQUEST_NOT_FOUND, R.DECIDER_ASKED, R.AGENCY_REQUEST_DECIDED),
        body=True,
    ),
)
async def decide(agency_request: str, body: AgencyDecision, request: Request) -> Response:
    """Once, and never by who asked. What is granted is all that was asked for, or nothing."""
    state, who = state_of(request), caller_of(request)

    def write() -> agency_requests.AgencyRequest:
        with state.engine.connect() as connection:
            return agency_requests.decide(
                connection,
                agency_request,
                approved=body.approve,
                reason=mask_in_text(body.reason),
                caller=who.caller,
                actor=who.actor,
                now=state.clock()[0],
            )

    return Response(to_json(_item(await state.run(write))), 201, media_type="application/json")


# -- answering -----------------------------------------------------------------------------------------------


@router.get(
    "/v1/agency-requests/{agency_request}/answer",
    **describe(
        tag=TAG,
        summary="The answer to a request that was granted: once",
        answer=AgencyRequestAnswer,
        refusals=(
            R.AGENCY_REQUEST_NOT_FOUND,
            R.AGENCY_REQUEST_UNDECIDED,
            R.AGENCY_REQUEST_REJECTED,
            R.AGENCY_REQUEST_ANSWERED,
        ),
    ),
)
async def answer(agency_request: str, request: Request) -> Response:
    """To who asked, for the purpose that was granted. An answer that did not arrive is asked for anew."""
    state, who, shown = state_of(request), caller_of(request), shown_by(request)
    takes_long(request.scope)
    found = await state.read(
        lambda connection: agency_requests.to_answer(connection, agency_request, who.caller, who.actor)
    )
    if shown.asker.purpose not in {None, found.purpose}:
        raise Declined(DoorCode.PURPOSE_NOT_ALLOWED)
    shown.asker = shown.asker._replace(purpose=found.purpose, ref=found.ref)
    people = await state.report(lambda connection: _people(connection, state, found))
    for digest, book_id, _told in people:
        _tell(shown, digest, book_id, NOTHING if book_id is None else found.fields)
    # Recorded first: what cannot be recorded is not shown, and its answer is not used up. Only then the
    # database says which of two who ask at one moment is answered.
    await shown.record()
    now = state.clock()[0]
    await state.run(lambda: _spend(state, found.name, who.caller, who.actor, now))
    return json_answer(
        {
            "request": found.name,
            "agency": found.agency,
            "purpose": found.purpose,
            "legal_basis": found.legal_basis,
            "fields": found.fields.words,
            "answered_at": instant(now),
            "persons": [told for _digest, _book_id, told in people],
        }
    )


def _people(
    connection: Any, state: State, found: agency_requests.AgencyRequest
) -> list[tuple[bytes, int | None, dict[str, Any]]]:
    """Each person of a request: digest, account if there is one, and what is shown."""
    shown = []
    for one in agency_requests.persons_of(connection, found.name):
        book_id = _book_of(connection, one.digest)
        shown.append((one.digest, book_id, person_json(connection, state, one.place, book_id, found.fields)))
    return shown


def _spend(state: State, name: str, caller: str, actor: str, now: datetime) -> None:
    with state.engine.connect() as connection:
        agency_requests.spend(connection, name, caller=caller, actor=actor, now=now)
