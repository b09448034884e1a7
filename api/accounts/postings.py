"""Money in and out of an account: contributions, spendings, holds."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.accounts.answers import HoldReceipt, SpendingReceipt
from api.accounts.bodies import Contribution, NewHold, Spending
from api.http.answers import ReceiptAnswer
from api.http.posting import key_of, post_and_answer
from api.http.routes import JSON, OF_ACCOUNT, LedgerRoute, describe
from api.http.state import caller_of, state_of
from ledger import Contribute, Hold, RefusalCode, Spend

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "postings"


@router.post(
    "/v1/accounts/{account}/spendings",
    **describe(
        tag=TAG,
        summary="Pay a designated institution from the account",
        answer=SpendingReceipt,
        status=201,
        refusals=(
            *OF_ACCOUNT,
            R.ACCOUNT_CLOSED,
            R.ACCOUNT_DECEASED,
            R.ACCOUNT_FROZEN,
            R.ACCOUNT_TRANSFERRING,
            R.PERIOD_INVALID,
            R.INSTITUTION_UNKNOWN,
            R.NOT_DESIGNATED,
            R.DUPLICATE_SOURCE_REF,
            R.AMOUNT_INVALID,
            R.INSUFFICIENT_BALANCE,
        ),
        body=True,
        posting=True,
        key=True,
    ),
)
async def spend(account: str, body: Spending, request: Request) -> Response:
    """The exact amount, or a refusal; with `take_available` what is there, and the rest is cash."""
    key = key_of(request)
    who = caller_of(request)
    command = Spend(
        state_of(request).ref(account),
        body.amount,
        body.effective_on,
        body.institution,
        body.source_ref,
        body.take_available,
        who.caller,
        who.actor,
        key,
    )
    return await post_and_answer(request, command)


@router.post(
    "/v1/accounts/{account}/contributions",
    **describe(
        tag=TAG,
        summary="Credit a contribution that has arrived",
        answer=ReceiptAnswer,
        status=201,
        refusals=(
            *OF_ACCOUNT,
            R.ACCOUNT_CLOSED,
            R.ACCOUNT_TRANSFERRING,
            R.PERIOD_INVALID,
            R.PERIOD_AFTER_END,
            R.DUPLICATE_SOURCE_REF,
            R.AMOUNT_INVALID,
        ),
        body=True,
        posting=True,
        key=True,
    ),
)
async def contribute(account: str, body: Contribution, request: Request) -> Response:
    """Any number for a month, each with a source document of its own."""
    key = key_of(request)
    who = caller_of(request)
    command = Contribute(
        state_of(request).ref(account),
        body.amount,
        body.period,
        body.effective_on,
        body.source_ref,
        who.caller,
        who.actor,
        key,
    )
    return await post_and_answer(request, command)


@router.post(
    "/v1/accounts/{account}/holds",
    **describe(
        tag=TAG,
        summary="Set money aside until a settlement",
        answer=HoldReceipt,
        status=201,
        refusals=(
            *OF_ACCOUNT,
            R.ACCOUNT_CLOSED,
            R.ACCOUNT_DECEASED,
            R.ACCOUNT_FROZEN,
            R.ACCOUNT_TRANSFERRING,
            R.PERIOD_INVALID,
            R.INSTITUTION_UNKNOWN,
            R.NOT_DESIGNATED,
            R.DUPLICATE_SOURCE_REF,
            R.AMOUNT_INVALID,
            R.INSUFFICIENT_BALANCE,
        ),
        body=True,
        posting=True,
        key=True,
    ),
)
async def hold(account: str, body: NewHold, request: Request) -> Response:
    """It is captured, released, or expires by itself."""
    key = key_of(request)
    who = caller_of(request)
    command = Hold(
        state_of(request).ref(account),
        body.amount,
        body.expires_at,
        body.institution,
        body.source_ref,
        who.caller,
        who.actor,
        key,
    )
    return await post_and_answer(request, command)


noop_router = APIRouter(route_class=LedgerRoute)
# as many bytes as the receipt of a spending
NOTHING_DONE = b'{"entry":"","note":"' + b"." * 330 + b'"}'


@noop_router.post(
    "/v1/noop",
    **describe(
        tag=TAG,
        summary="Does nothing: the bench's measure",
        answer=ReceiptAnswer,
        status=201,
        body=True,
        key=True,
    ),
)
async def noop(body: Spending, request: Request) -> Response:  # noqa: ARG001  read, and that is all
    """The token is checked, the body read, and nothing done: what HTTP alone costs."""
    key_of(request)
    return Response(NOTHING_DONE, 201, media_type=JSON)
