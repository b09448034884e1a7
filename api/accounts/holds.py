"""What becomes of a hold: captured, or released."""

from __future__ import annotations

from fastapi import APIRouter

from api.accounts.answers import CaptureReceipt, ReleaseReceipt
from api.accounts.bodies import Capturing
from api.http.declaring import By, posts
from api.http.fields import Nothing
from api.http.posting import entry_of
from api.http.routes import LedgerRoute
from ledger import Capture, RefusalCode, Release

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "postings"


@posts(
    router,
    "/v1/holds/{hold}/capture",
    scope="postings:write",
    tag=TAG,
    summary="Pay out of a hold; the rest of it is released",
    answer=CaptureReceipt,
    refusals_after=(R.ACCOUNT_NOT_FOUND,),
    bulk="capture",
)
def capture(hold: str, body: Capturing, by: By) -> Capture:
    """A freeze does not stop the capture of an older hold."""
    book_id, seq = entry_of(hold, R.HOLD_NOT_FOUND)
    return Capture(book_id, seq, body.amount, body.effective_on, body.source_ref, *by.sent_by)


@posts(
    router,
    "/v1/holds/{hold}/release",
    scope="postings:write",
    tag=TAG,
    summary="Let a hold go",
    answer=ReleaseReceipt,
    refusals_after=(R.ACCOUNT_NOT_FOUND,),
    bulk="release",
)
def release(hold: str, by: By, body: Nothing | None = None) -> Release:  # noqa: ARG001  read, to refuse what is not empty
    """All of it becomes available again. The body is empty, or an empty object."""
    book_id, seq = entry_of(hold, R.HOLD_NOT_FOUND)
    return Release(book_id, seq, *by.sent_by)
