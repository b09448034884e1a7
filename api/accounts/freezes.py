"""Freezes: an authority's order, and its end."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.accounts.answers import FreezeReceipt
from api.accounts.bodies import FreezeEnd, NewFreeze
from api.http.posting import entry_of, key_of, post_and_answer
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.state import caller_of, state_of
from ledger import EndFreeze, Freeze, RefusalCode

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "freezes"


@router.post(
    "/v1/accounts/{account}/freezes",
    **describe(
        tag=TAG,
        summary="Freeze debits of an account",
        answer=FreezeReceipt,
        status=201,
        refusals=(*OF_ACCOUNT, R.ACCOUNT_CLOSED, R.PERIOD_INVALID),
        body=True,
        posting=True,
        key=True,
    ),
)
async def freeze(account: str, body: NewFreeze, request: Request) -> Response:
    """Stops new spends and holds; several may stand at once. `to` null means until it is ended."""
    key = key_of(request)
    who = caller_of(request)
    command = Freeze(
        state_of(request).ref(account),
        body.authority,
        body.document,
        body.first,
        body.last,
        body.scope,
        who.caller,
        who.actor,
        key,
    )
    return await post_and_answer(request, command)


@router.post(
    "/v1/freezes/{freeze}/end",
    **describe(
        tag=TAG,
        summary="End a freeze",
        answer=FreezeReceipt,
        status=201,
        refusals=(R.FREEZE_NOT_FOUND, R.ACCOUNT_NOT_FOUND, R.ACCOUNT_CLOSED, R.FREEZE_ENDED),
        body=True,
        posting=True,
        key=True,
    ),
)
async def end_freeze(freeze: str, body: FreezeEnd, request: Request) -> Response:
    """Other freezes of the account stay in force."""
    key = key_of(request)
    book_id, seq = entry_of(freeze, R.FREEZE_NOT_FOUND)
    who = caller_of(request)
    return await post_and_answer(request, EndFreeze(book_id, seq, body.reason, who.caller, who.actor, key))
