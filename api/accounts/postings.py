"""Money in and out of an account: contributions, spendings, holds."""

from __future__ import annotations

from fastapi import APIRouter

from api.accounts.answers import HoldReceipt, SpendingReceipt
from api.accounts.bodies import Contribution, NewHold, Spending
from api.http.answers import ReceiptAnswer
from api.http.declaring import By, posts
from api.http.routes import OF_ACCOUNT, LedgerRoute
from ledger import Contribute, Hold, RefusalCode, Spend

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "postings"


@posts(
    router,
    "/v1/accounts/{account}/spendings",
    scope="postings:write",
    tag=TAG,
    summary="Pay a designated institution from the account",
    answer=SpendingReceipt,
    refusals=OF_ACCOUNT,
    bulk="spend",
)
def spend(account: str, body: Spending, by: By) -> Spend:
    """The exact amount, or a refusal; with `take_available` what is there, and the rest is cash."""
    return Spend(
        by.ref(account),
        body.amount,
        body.effective_on,
        body.institution,
        body.source_ref,
        body.take_available,
        *by.sent_by,
    )


@posts(
    router,
    "/v1/accounts/{account}/contributions",
    scope="postings:write",
    tag=TAG,
    summary="Credit a contribution that has arrived",
    answer=ReceiptAnswer,
    refusals=OF_ACCOUNT,
    bulk="contribute",
)
def contribute(account: str, body: Contribution, by: By) -> Contribute:
    """Any number for a month, each with a source document of its own."""
    return Contribute(
        by.ref(account), body.amount, body.period, body.effective_on, body.source_ref, *by.sent_by
    )


@posts(
    router,
    "/v1/accounts/{account}/holds",
    scope="postings:write",
    tag=TAG,
    summary="Set money aside until a settlement",
    answer=HoldReceipt,
    refusals=OF_ACCOUNT,
    bulk="hold",
)
def hold(account: str, body: NewHold, by: By) -> Hold:
    """It is captured, released, or expires by itself."""
    return Hold(by.ref(account), body.amount, body.expires_at, body.institution, body.source_ref, *by.sent_by)
