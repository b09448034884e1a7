"""Single entries: looked at, and reversed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from api.accounts.answers import EntryAnswer, ReversalReceipt
from api.accounts.bodies import Reversal
from api.http.listing import json_answer
from api.http.posting import entry_of, key_of, post_and_answer
from api.http.receipts import entry_json, with_more
from api.http.routes import LedgerRoute, describe
from api.http.state import caller_of, state_of
from ledger import RefusalCode, Reverse, reports

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode


@router.get(
    "/v1/entries/{entry}",
    **describe(
        tag="entries",
        summary="One entry with its transfers, its rule, and what acted on it",
        answer=EntryAnswer,
        refusals=(R.ENTRY_NOT_FOUND,),
    ),
)
async def entry(entry: str, request: Request) -> Response:
    """An entry is named by its account and its number there: `P483920174650K-17`."""
    book_id, seq = entry_of(entry, R.ENTRY_NOT_FOUND)

    def look(connection: Any) -> str:
        view = reports.entry(connection, book_id, seq)
        more = {
            "acted_on_by": None if view.acted_on_by is None else view.acted_on_by.name,
            "reversed_by": view.reversed_by,
            "rule": view.rule,
            "policy_hash": view.policy_hash,
            "caller": view.caller,
            "actor": view.actor,
            "digest": view.digest,
        }
        return with_more(entry_json(view.receipt), more)

    return json_answer(await state_of(request).read(look))


@router.post(
    "/v1/entries/{entry}/reversal",
    **describe(
        tag="entries",
        summary="Reverse an entry, once and mirrored",
        answer=ReversalReceipt,
        status=201,
        refusals=(
            R.ENTRY_NOT_FOUND,
            R.ACCOUNT_NOT_FOUND,
            R.PERIOD_INVALID,
            R.ALREADY_REVERSED,
            R.NOT_REVERSIBLE,
            R.INSUFFICIENT_BALANCE,
        ),
        body=True,
        posting=True,
        key=True,
    ),
)
async def reverse(entry: str, body: Reversal, request: Request) -> Response:
    """Back into the pockets it came from, after a year end into carried_over, after closing to the heirs."""
    key = key_of(request)
    book_id, seq = entry_of(entry, R.ENTRY_NOT_FOUND)
    who = caller_of(request)
    command = Reverse(book_id, seq, body.reason, body.effective_on, who.caller, who.actor, key)
    return await post_and_answer(request, command)
