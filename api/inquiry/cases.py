"""Questions, complaints, objections and reports about units: opened, listed, answered, closed (R64, art. 4).

A person and an employer reach the same routes for what is their own, and no further.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request, Response
from pydantic_core import to_json

from api.http.beyond import name_strangers
from api.http.errors import Declined
from api.http.listing import LIMIT_DEFAULT, Cursor, Cursors, Limit, YesOrNo, json_answer
from api.http.problems import DoorCode
from api.http.routes import JSON, OF_ACCOUNT, LedgerRoute, describe
from api.http.security import Caller
from api.http.shown import preview, shown_by
from api.http.state import State, caller_of, state_of
from api.inquiry.case_bodies import CaseAboutBody, KindWord, NewCaseBody, NewOwnCaseBody
from api.inquiry.case_views import (
    CaseOpenedAnswer,
    InquiryCasePage,
    InquiryCaseView,
    StateWord,
    item_json,
    state_json,
    unpaid_json,
    view_json,
)
from ledger import BookRef, RefusalCode, Refused, employers
from ledger.cases import cases, opening, subjects
from ledger.cases.cases import Case, CaseState, Filter, Sight
from ledger.cases.opening import NewCase
from ledger.cases.subjects import Subject
from ledger.cases.unpaid import UnpaidMonth, unpaid_of_person, unpaid_of_unit
from ledger.chart.cases import KIND_OF, CaseKind
from ledger.chart.channels import CHANNEL_OF, AccessChannel, FieldGroup
from ledger.inquiry.asking import Clerk
from ledger.inquiry.holders import holder_of
from ledger.policy import Policy

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "cases"
OF_ABOUT = (
    *OF_ACCOUNT,
    R.EMPLOYER_NOT_FOUND,
    R.CREDIT_CODE_INVALID,
    R.ENTRY_NOT_FOUND,
    R.DOCUMENT_NOT_FOUND,
    R.AREA_UNKNOWN,
    R.CASE_NOT_FOUND,
    R.CASE_NOT_ANSWERED,
    DoorCode.TOO_MANY_REQUESTS,
)
# who asks through another channel is bound to whom it is
_AGENCY = frozenset({AccessChannel.SYSTEM, AccessChannel.WINDOW, AccessChannel.PHONE, AccessChannel.AUDIT})


class Asking(NamedTuple):
    """Who asks: what they may name, what they see, and the books that are their own."""

    within: frozenset[int] | None
    sight: Sight | None
    books: tuple[int, ...] = ()
    person: bytes | None = None

    @property
    def is_agency(self) -> bool:
        """Whether the agency itself asks, which sees all."""
        return self.sight is None


def asking(connection: Any, state: State, caller: Caller) -> Asking:
    """What a token reaches of cases. Raises Declined for one that is nobody's."""
    today = state.clock()[1]
    if caller.person is not None:
        holder = holder_of(connection, caller.person)
        books = holder.books
        hidden = cases.hidden_documents(connection, books, state.policies, today)
        return Asking(frozenset(books), Sight(books, holder.digests, hidden=hidden), books, caller.person)
    if caller.employer is not None:
        try:
            books = (employers.find(connection, caller.employer).book_id,)
        except Refused:
            return Asking(frozenset(), Sight(()))
        hidden = cases.hidden_documents(connection, books, state.policies, today)
        # what others report about it is not its to see
        return Asking(frozenset(books), Sight(books, channel=AccessChannel.EMPLOYER, hidden=hidden), books)
    if caller.channel not in _AGENCY:
        raise Declined(DoorCode.CHANNEL_NOT_ALLOWED)
    return Asking(None, None)


# -- opening -----------------------------------------------------------------------------------------------


class Wanted(NamedTuple):
    """A case that may be opened: by whose rules, and what its unit has not paid."""

    asker: Asking
    new: NewCase
    policy: Policy
    unpaid: list[UnpaidMonth] | None


async def open_case(request: Request, body: NewOwnCaseBody) -> Response:
    """Open a case for whoever asks."""
    body.check()
    state, caller = state_of(request), caller_of(request)
    channel = channel_of(caller, body)
    kind = KIND_OF[body.kind]
    tells_months = kind is CaseKind.UNIT_SUPERVISION and channel is not AccessChannel.PHONE
    if tells_months:
        # as whoever reads them: with a purpose
        preview(request)
    now, today = state.clock()
    by = Clerk(caller.caller, caller.actor, now, today)

    def look(connection: Any) -> Wanted:
        asker = asking(connection, state, caller)
        subject = _subject(connection, state, body, asker)
        if channel is AccessChannel.EMPLOYER and not subject.is_employers:
            raise Declined(DoorCode.CHANNEL_NOT_ALLOWED)
        policy = state.policies.get(subjects.area_of(connection, subject.book_id))
        if policy is None:
            raise Refused(R.AREA_UNKNOWN)
        new = NewCase(kind, channel, subject, body.text, body.reply_to, asker.person, body.objects_to)
        return Wanted(asker, new, policy, _unpaid(connection, state, kind, subject, asker))

    try:
        wanted = await state.read(look)
    except Refused as refused:
        if caller.is_bound and refused.code is R.ACCOUNT_NOT_FOUND and body.about is not None:
            name_strangers(request, [_account(state, body.about)])
        raise
    if tells_months:
        # recorded first: of what cannot be recorded there is no case
        _tell_of_months(request, wanted)
        await shown_by(request).record()

    def write() -> Case:
        with state.engine.connect() as connection:
            return opening.open_case(
                connection,
                state.keyring,
                wanted.new,
                wanted.policy,
                wanted.unpaid or (),
                by,
                wanted.asker.sight,
            )

    told = state_json(await state.run(write))
    if tells_months:
        told["unpaid_months"] = unpaid_json(wanted.unpaid or ())
    return Response(to_json(told), 201, media_type=JSON)


def _tell_of_months(request: Request, wanted: Wanted) -> None:
    """What a person's months show is a read, whatever else the call does; those of a unit are nobody's."""
    new = wanted.new
    whose = new.person if new.subject.is_employers else new.subject.book_id
    shown_by(request).of_each([whose])


def channel_of(caller: Caller, body: NewOwnCaseBody) -> AccessChannel:
    """The channel through which a case comes and is answered: the token's, or what a system says.

    Raises Declined for another one.
    """
    said = None if body.channel is None else CHANNEL_OF[body.channel]
    own = caller.channel
    if own is AccessChannel.SYSTEM:
        if caller.employer is not None:
            own = AccessChannel.EMPLOYER
        elif said is not None and not (caller.person is not None and said is AccessChannel.EMPLOYER):
            own = said
    if said not in {None, own, caller.channel}:
        raise Declined(DoorCode.CHANNEL_NOT_ALLOWED)
    if own is AccessChannel.EMPLOYER and body.kind == "unit_supervision":
        raise Declined(DoorCode.CHANNEL_NOT_ALLOWED)
    return own


def _subject(connection: Any, state: State, body: NewOwnCaseBody, asker: Asking) -> Subject:
    about = body.about
    if about is None:
        return subjects.of_account(connection, asker.person or b"", asker.within)
    if about.account is not None:
        return subjects.of_account(connection, _account(state, about), asker.within)
    if about.employer is not None:
        # whoever works somewhere may say so, also whom the unit never registered
        within = None if asker.person is not None else asker.within
        return subjects.of_employer(connection, about.employer, within)
    if about.entry is not None:
        return subjects.of_entry(connection, about.entry, asker.within)
    today = state.clock()[1]
    return subjects.of_document(connection, about.document or "", asker.within, state.policies, today)


def _account(state: State, about: CaseAboutBody) -> Any:
    try:
        return state.ref(about.account or "")
    except Refused as refused:
        refused.at = "about/account"
        raise


def _unpaid(
    connection: Any, state: State, kind: CaseKind, subject: Subject, asker: Asking
) -> list[UnpaidMonth] | None:
    """Of a report about a unit: what it has not paid, as far as it is the asker's to see."""
    if kind is not CaseKind.UNIT_SUPERVISION:
        return None
    today = state.clock()[1]
    if not subject.is_employers:
        return unpaid_of_person(connection, subject.book_id, state.policies, today)
    unit = employers.by_book(connection, {subject.book_id}, today)[subject.book_id]
    if asker.person is None:
        return unpaid_of_unit(connection, unit, state.policies, today)
    if not asker.books:
        return []
    # of somebody who had an account before, what is now
    return unpaid_of_person(connection, asker.books[0], state.policies, today, unit)


@router.post(
    "/v1/cases",
    **describe(
        tag=TAG,
        summary="Open a case: a question, a complaint, an objection, a report that a unit does not pay",
        answer=CaseOpenedAnswer,
        status=201,
        refusals=OF_ABOUT,
        body=True,
    ),
)
async def new_case(body: NewCaseBody, request: Request) -> Response:
    """What the same caller says again while the case is open is that case."""
    return await open_case(request, body)


# -- looking -----------------------------------------------------------------------------------------------


async def list_cases(request: Request, wanted: Filter, limit: int, cursor: str | None) -> Response:
    """A page of the cases that the caller sees."""
    state, caller = state_of(request), caller_of(request)
    today = state.clock()[1]
    asks = caller.employer if caller.person is None else caller.person.hex()
    cursors = Cursors(state.keyring, f"cases|{asks}|{'|'.join(map(str, wanted))}")
    after: tuple[date, str] | None = None
    if cursor is not None:
        due_on, name = cursors.read(cursor)
        after = date.fromisoformat(due_on), str(name)

    def look(connection: Any) -> tuple[list[Case], bool]:
        asker = asking(connection, state, caller)
        found = cases.cases(connection, wanted, today, sight=asker.sight, after=after, limit=limit + 1)
        shown = shown_by(request)
        shown.of_each([])
        if asker.person is not None and found:
            whose: BookRef = asker.books[0] if asker.books else asker.person
            shown.of_ref(whose, len(found[:limit]), FieldGroup.IDENTITY_MASKED)
        return found, asker.is_agency

    found, to_agency = await state.read(look)
    page = found[:limit]
    following = None
    if len(found) > limit:
        following = cursors.write([page[-1].due_on.isoformat(), page[-1].name])
    items = [item_json(one, today, to_agency=to_agency) for one in page]
    return json_answer({"items": items, "next_cursor": following})


def whose_case(case: Case, caller: Caller) -> int | bytes | None:
    """Of which person a case tells: whose account it is about, or who reports a unit."""
    if not case.subject.is_employers:
        return case.subject.book_id
    return case.person if caller.person is None else caller.person


async def show_case(request: Request, name: str) -> Response:
    """A case that the caller sees. Raises Refused."""
    state, caller = state_of(request), caller_of(request)

    def look(connection: Any) -> dict[str, Any]:
        asker = asking(connection, state, caller)
        found = cases.find(connection, name, asker.sight)
        is_report = found.kind is CaseKind.UNIT_SUPERVISION
        fields = FieldGroup.IDENTITY_MASKED | (FieldGroup.PAYMENTS if is_report else FieldGroup(0))
        shown_by(request).of_each([whose_case(found, caller)], fields)
        return _view(connection, state, found, asker)

    return json_answer(await state.read(look))


def own_cases(connection: Any, state: State, caller: Caller) -> list[dict[str, Any]]:
    """All cases that the caller sees, each with its texts."""
    asker = asking(connection, state, caller)
    found = cases.cases(connection, Filter(), state.clock()[1], sight=asker.sight)
    return [_view(connection, state, one, asker) for one in found]


def _view(connection: Any, state: State, case: Case, asker: Asking) -> dict[str, Any]:
    is_report = case.kind is CaseKind.UNIT_SUPERVISION
    return view_json(
        case,
        state.keyring,
        state.clock()[1],
        corrections=cases.corrections_of(connection, case.name),
        unpaid=_unpaid(connection, state, case.kind, case.subject, asker),
        then=cases.months_then(connection, case.name) if is_report else None,
        to_agency=asker.is_agency,
        whole=asker.person is not None,
    )


@router.get(
    "/v1/cases",
    **describe(tag=TAG, summary="Cases, by the day on which they are to be answered", answer=InquiryCasePage),
)
async def listed(
    request: Request,
    state: Annotated[StateWord | None, Query(description="Only those of this state")] = None,
    kind: Annotated[KindWord | None, Query(description="Only those of this kind")] = None,
    overdue: Annotated[YesOrNo | None, Query(description="Open or answered after their day, or not")] = None,
    taken: Annotated[YesOrNo | None, Query(description="Whether somebody looks into them")] = None,
    limit: Annotated[Limit, Query()] = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """The worklist: whom a case is about stands in the case. To a person and an employer it is their own."""
    if caller_of(request).person is not None:
        # of a person it tells: it is asked for with a purpose, as at the other door
        preview(request, FieldGroup.IDENTITY_MASKED)
    wanted = Filter(
        None if state is None else CaseState(state),
        None if kind is None else KIND_OF[kind],
        None if overdue is None else overdue == "true",
        None if taken is None else taken == "true",
    )
    return await list_cases(request, wanted, limit, cursor)


@router.get(
    "/v1/cases/{case}",
    **describe(
        tag=TAG,
        summary="A case with its texts, and what its unit has not paid",
        answer=InquiryCaseView,
        refusals=(R.CASE_NOT_FOUND,),
    ),
)
async def one(case: str, request: Request) -> Response:
    """Somebody else's is not there."""
    return await show_case(request, case)
