"""Single entries: looked at, and reversed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from api.accounts.answers import EntryAnswer, ReversalReceipt
from api.accounts.bodies import Reversal
from api.http.declaring import By, by_of, posting
from api.http.listing import json_answer
from api.http.posting import entry_of, post_and_answer
from api.http.receipts import entry_json, with_more
from api.http.routes import LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import state_of
from ledger import Command, Receipt, RefusalCode, ReverseEntry, ReverseEstimate, reports
from ledger.book.detail import unpack
from ledger.book.numbers import book_id_of, party_of
from ledger.chart.channels import FieldGroup
from ledger.chart.parties import Party

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
        shown_by(request).of(book_id)
        tell_heirs(request, [view.receipt])
        more = {
            "acted_on_by": None if view.acted_on_by is None else view.acted_on_by.name,
            "reversed_by": view.reversed_by,
            "rule": view.rule,
            "policy_hash": view.policy_hash,
            "caller": view.caller,
            "actor": view.actor,
            "approved_by": view.approved_by,
            "digest": view.digest,
        }
        return with_more(entry_json(view.receipt), more)

    return json_answer(await state_of(request).read(look))


def tell_heirs(request: Request, shown: Sequence[Receipt]) -> None:
    """Record of which heirs some entries tell: what an estate gave them stands in it with their account."""
    shown_by(request).of_each(
        (
            book_id_of(str(line.get("entry")).partition("-")[0])
            for one in shown
            if one.detail and '"heirs"' in one.detail
            for line in unpack(one.detail)["heirs"]
        ),
        FieldGroup.ENTRIES,
    )


def _reverse(entry: str, body: Reversal, by: By) -> Command:
    book_id, seq = entry_of(entry, R.ENTRY_NOT_FOUND)
    command = ReverseEstimate if party_of(book_id) is Party.EMPLOYER else ReverseEntry
    return command(book_id, seq, body.reason, body.effective_on, *by.sent_by)


@posting(
    router,
    "/v1/entries/{entry}/reversal",
    ReverseEntry,
    make=_reverse,
    scope="postings:reverse",
    tag="entries",
    summary="Reverse an entry, once and mirrored",
    answer=ReversalReceipt,
    # the last of an estimate: its list has ended it
    refusals_after=(R.ACCOUNT_NOT_FOUND, R.ALREADY_DECLARED),
    bulk="reverse",
)
async def reverse(entry: str, body: Reversal, request: Request) -> Response:
    """Back into the pockets it came from, after a year end into carried_over, after closing to the heirs.

    The decision about a claim: it is received again, and what was paid for it comes back from the bank. A
    recovery, the last one of its case first: what came back of the advance is outstanding again.

    Of an employer an estimate: what it charged is not owed, and the late fee that was paid of it is surplus.
    """
    return await post_and_answer(request, _reverse(entry, body, by_of(request)))
