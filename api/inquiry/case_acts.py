"""What the agency does about a case: looks into it, answers it once, says that the answer was told (R64)."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.http.fields import Nothing
from api.http.routes import JSON, LedgerRoute, describe
from api.http.state import caller_of, state_of
from api.inquiry.case_bodies import CaseAnswerBody
from api.inquiry.case_views import CaseStateAnswer, state_json
from api.inquiry.cases import TAG, asking
from ledger import RefusalCode
from ledger.cases import answers
from ledger.cases.answers import CaseDecision
from ledger.cases.cases import Case
from ledger.chart.cases import OUTCOME_OF
from ledger.inquiry.asking import Clerk
from ledger.people.id_numbers import mask_in_text

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode


def clerk_of(request: Request) -> Clerk:
    """Who acts, and when."""
    caller = caller_of(request)
    return Clerk(caller.caller, caller.actor, *state_of(request).clock())


@router.post(
    "/v1/cases/{case}/take",
    **describe(
        tag=TAG,
        summary="Say that one looks into a case",
        answer=CaseStateAnswer,
        status=201,
        refusals=(R.CASE_NOT_FOUND, R.CASE_ANSWERED),
        body=True,
    ),
)
async def take(case: str, request: Request, body: Nothing | None = None) -> Response:  # noqa: ARG001  read, to refuse what is not empty
    """The first who says so has it; another may answer it all the same."""
    state, by = state_of(request), clerk_of(request)

    def write() -> Case:
        with state.engine.connect() as connection:
            return answers.take(connection, case, by)

    return Response(to_json(state_json(await state.run(write))), 201, media_type=JSON)


@router.post(
    "/v1/cases/{case}/answer",
    **describe(
        tag=TAG,
        summary="Answer a case",
        answer=CaseStateAnswer,
        status=201,
        refusals=(
            R.CASE_NOT_FOUND,
            R.OWN_CASE,
            R.ENTRY_NOT_FOUND,
            R.CORRECTION_TOO_EARLY,
            R.CASE_ANSWERED,
        ),
        body=True,
    ),
)
async def answer(case: str, body: CaseAnswerBody, request: Request) -> Response:
    """Once, and never by who opened it. The same again by the same changes nothing."""
    state, by = state_of(request), clerk_of(request)
    # whatever is typed into a text: numbers of people stand nowhere plain
    decision = CaseDecision(
        OUTCOME_OF[body.outcome],
        mask_in_text(body.text),
        tuple(mask_in_text(paper) for paper in body.evidence),
        tuple(body.corrections),
    )

    def write() -> Case:
        with state.engine.connect() as connection:
            return answers.answer(connection, state.keyring, case, decision, by)

    return Response(to_json(state_json(await state.run(write))), 201, media_type=JSON)


@router.post(
    "/v1/cases/{case}/close",
    **describe(
        tag=TAG,
        summary="Say that the answer was told, through the channel of the case",
        answer=CaseStateAnswer,
        status=201,
        refusals=(R.CASE_NOT_FOUND, R.CASE_NOT_ANSWERED),
        body=True,
    ),
)
async def close(case: str, request: Request, body: Nothing | None = None) -> Response:  # noqa: ARG001  read, to refuse what is not empty
    """Said again it stays as at first."""
    return await close_case(request, case)


async def close_case(request: Request, name: str) -> Response:
    """Close a case that the caller sees. Raises Refused."""
    state, caller, by = state_of(request), caller_of(request), clerk_of(request)
    asker = await state.read(lambda connection: asking(connection, state, caller))

    def write() -> Case:
        with state.engine.connect() as connection:
            return answers.close(connection, name, by, asker.sight)

    return Response(to_json(state_json(await state.run(write))), 201, media_type=JSON)
