"""Freezes: an authority's order, and its end."""

from __future__ import annotations

from fastapi import APIRouter

from api.accounts.answers import FreezeReceipt
from api.accounts.bodies import FreezeEnd, NewFreeze
from api.http.declaring import By, posts
from api.http.posting import entry_of
from api.http.routes import OF_ACCOUNT, LedgerRoute
from ledger import EndFreeze, Freeze, RefusalCode

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "freezes"


@posts(
    router,
    "/v1/accounts/{account}/freezes",
    scope="accounts:write",
    tag=TAG,
    summary="Freeze debits of an account",
    answer=FreezeReceipt,
    refusals=OF_ACCOUNT,
    bulk="freeze",
)
def freeze(account: str, body: NewFreeze, by: By) -> Freeze:
    """Stops new spends and holds; several may stand at once. `to` null means until it is ended."""
    return Freeze(
        by.ref(account), body.authority, body.document, body.first, body.last, body.scope, *by.sent_by
    )


@posts(
    router,
    "/v1/freezes/{freeze}/end",
    scope="accounts:write",
    tag=TAG,
    summary="End a freeze",
    answer=FreezeReceipt,
    refusals_after=(R.ACCOUNT_NOT_FOUND,),
    bulk="end_freeze",
)
def end_freeze(freeze: str, body: FreezeEnd, by: By) -> EndFreeze:
    """Other freezes of the account stay in force."""
    book_id, seq = entry_of(freeze, R.FREEZE_NOT_FOUND)
    return EndFreeze(book_id, seq, body.reason, *by.sent_by)
