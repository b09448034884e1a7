"""What becomes of a hold: captured, or released."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.accounts.answers import CaptureReceipt, ReleaseReceipt
from api.accounts.bodies import Capturing
from api.http.fields import Nothing
from api.http.posting import entry_of, key_of, post_and_answer
from api.http.routes import LedgerRoute, describe
from api.http.state import caller_of
from ledger import Capture, RefusalCode, Release

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "postings"


@router.post(
    "/v1/holds/{hold}/capture",
    **describe(
        tag=TAG,
        summary="Pay out of a hold; the rest of it is released",
        answer=CaptureReceipt,
        status=201,
        refusals=(
            R.HOLD_NOT_FOUND,
            R.ACCOUNT_NOT_FOUND,
            R.ACCOUNT_CLOSED,
            R.ACCOUNT_DECEASED,
            R.ACCOUNT_TRANSFERRING,
            R.PERIOD_INVALID,
            R.DUPLICATE_SOURCE_REF,
            R.HOLD_NOT_OPEN,
            R.HOLD_EXPIRED,
            R.AMOUNT_INVALID,
            R.HOLD_EXCEEDED,
        ),
        body=True,
        posting=True,
        key=True,
    ),
)
async def capture(hold: str, body: Capturing, request: Request) -> Response:
    """A freeze does not stop the capture of an older hold."""
    key = key_of(request)
    book_id, seq = entry_of(hold, R.HOLD_NOT_FOUND)
    who = caller_of(request)
    command = Capture(
        book_id, seq, body.amount, body.effective_on, body.source_ref, who.caller, who.actor, key
    )
    return await post_and_answer(request, command)


@router.post(
    "/v1/holds/{hold}/release",
    **describe(
        tag=TAG,
        summary="Let a hold go",
        answer=ReleaseReceipt,
        status=201,
        refusals=(
            R.HOLD_NOT_FOUND,
            R.ACCOUNT_NOT_FOUND,
            R.ACCOUNT_CLOSED,
            R.HOLD_NOT_OPEN,
            R.HOLD_EXPIRED,
        ),
        body=True,
        posting=True,
        key=True,
    ),
)
async def release(hold: str, request: Request, body: Nothing | None = None) -> Response:  # noqa: ARG001  read, to refuse what is not empty
    """All of it becomes available again. The body is empty, or an empty object."""
    key = key_of(request)
    book_id, seq = entry_of(hold, R.HOLD_NOT_FOUND)
    who = caller_of(request)
    return await post_and_answer(request, Release(book_id, seq, who.caller, who.actor, key))
