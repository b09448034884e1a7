"""A person's own cases: opened, looked at, and said to be told."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.http.fields import Nothing
from api.http.listing import LIMIT_DEFAULT, Cursor, Limit
from api.http.routes import LedgerRoute, describe
from api.inquiry.case_acts import close_case
from api.inquiry.case_bodies import NewOwnCaseBody
from api.inquiry.case_views import (
    CaseOpenedAnswer,
    CaseStateAnswer,
    InquiryCasePage,
    InquiryCaseView,
    StateWord,
)
from api.inquiry.cases import OF_ABOUT, list_cases, open_case, show_case
from ledger import RefusalCode
from ledger.cases.cases import CaseState, Filter

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "me"


@router.post(
    "/v1/me/cases",
    **describe(
        tag=TAG,
        summary="Ask, complain, object, or report a unit",
        answer=CaseOpenedAnswer,
        status=201,
        refusals=OF_ABOUT,
        body=True,
    ),
)
async def new_own_case(body: NewOwnCaseBody, request: Request) -> Response:
    """Without `about` it is about the person's account. As `/v1/cases` otherwise."""
    return await open_case(request, body)


@router.get(
    "/v1/me/cases",
    **describe(
        tag=TAG, summary="The person's cases, by the day on which they are due", answer=InquiryCasePage
    ),
)
async def own_cases(
    request: Request,
    state: Annotated[StateWord | None, Query(description="Only those of this state")] = None,
    limit: Annotated[Limit, Query()] = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """Those that the person opened, and those about what is the person's own."""
    wanted = Filter(None if state is None else CaseState(state))
    return await list_cases(request, wanted, limit, cursor)


@router.get(
    "/v1/me/cases/{case}",
    **describe(
        tag=TAG,
        summary="A case of the person, with its answer",
        answer=InquiryCaseView,
        refusals=(R.CASE_NOT_FOUND,),
    ),
)
async def own_case(case: str, request: Request) -> Response:
    """Somebody else's is not there."""
    return await show_case(request, case)


@router.post(
    "/v1/me/cases/{case}/close",
    **describe(
        tag=TAG,
        summary="Say that one was told the answer",
        answer=CaseStateAnswer,
        status=201,
        refusals=(R.CASE_NOT_FOUND, R.CASE_NOT_ANSWERED),
        body=True,
    ),
)
async def close_own(case: str, request: Request, body: Nothing | None = None) -> Response:  # noqa: ARG001  read, to refuse what is not empty
    """Said again it stays as at first."""
    return await close_case(request, case)
