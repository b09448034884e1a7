"""Paid out at once, where there is no other way for the money (R52)."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.http.approved import answers_as
from api.http.declaring import By, by_of, posting
from api.http.posting import respond, take
from api.http.routes import OF_ACCOUNT, LedgerRoute
from api.transfers.answers import ExitAnswer
from api.transfers.bodies import NewExit
from ledger import PayExit, Posted
from ledger.book.detail import unpack
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)


def _exit(account: str, body: NewExit, by: By) -> PayExit:
    return PayExit(by.ref(account), body.case, body.document, body.paid_on, *by.sent_by)


@posting(
    router,
    "/v1/accounts/{account}/exits",
    PayExit,
    scope="accounts:write",
    tag="transfers",
    summary="Pay somebody out at once, and close the account",
    answer=ExitAnswer,
    refusals=OF_ACCOUNT,
    make=_exit,
    bulk="exit",
)
async def exit_(account: str, body: NewExit, request: Request) -> Response:
    """The whole balance with interest to the day before, to a payout order; in cases that the area offers."""
    command = _exit(account, body, by_of(request))
    return await _paid(request, command, await take(request, command))


@answers_as(PayExit)
async def _paid(request: Request, _command: PayExit, done: Posted) -> Response:
    receipt = done.receipt
    told = unpack(receipt.detail)
    answer = {
        "exit": receipt.name,
        "case": told["case"],
        "amount": format_yuan(told["amount"]),
        "interest": format_yuan(told["interest"]),
    }
    return respond(request, to_json(answer).decode(), done)
