"""Freezes: an authority's order, and its end."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from api.accounts.answers import FreezeList, FreezeReceipt
from api.accounts.bodies import FreezeEnd, NewFreeze
from api.http.declaring import By, posts
from api.http.fields import day_text
from api.http.listing import json_answer
from api.http.posting import entry_of
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import state_of
from ledger import EndFreeze, Freeze, RefusalCode, reports

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


@router.get(
    "/v1/accounts/{account}/freezes",
    **describe(
        tag="freezes",
        summary="Every freeze of an account, oldest first",
        answer=FreezeList,
        refusals=OF_ACCOUNT,
    ),
)
async def freezes(account: str, request: Request) -> Response:
    """Those that were ended stand there with what ended them."""
    state = state_of(request)
    ref = state.ref(account)

    def look(connection: Any) -> dict[str, Any]:
        book_id = reports.find_book(connection, ref)
        items = freezes_json(connection, book_id)
        shown_by(request).of(book_id, items=len(items))
        return {"items": items}

    return json_answer(await state.read(look))


def freezes_json(connection: Any, book_id: int) -> list[dict[str, Any]]:
    """Every freeze of an account, oldest first."""
    return [
        {
            "freeze": one.name,
            "scope": one.scope,
            "authority": one.authority,
            "document": one.document,
            "from": one.first.isoformat(),
            "to": day_text(one.last),
            "ended_by": one.ended_by,
            "ended_on": day_text(one.ended_on),
            "reversed_by": one.reversed_by,
        }
        for one in reports.freezes(connection, book_id)
    ]
