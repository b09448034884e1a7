"""Money from employers: receipts of the collector, and what goes back."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.contributions.answers import PaymentAnswer, PaymentReversalAnswer, RefundAnswer
from api.contributions.bodies import NewPaymentReversal, NewReceipt, NewRefund
from api.contributions.employers import TAG, employer_of, take_of_employer
from api.http.declaring import posting
from api.http.fields import month_text
from api.http.posting import entry_of, key_of, respond
from api.http.receipts import target_name
from api.http.routes import LedgerRoute
from api.http.state import caller_of, state_of
from ledger import ReceivePayment, RefundSurplus, RefusalCode, Refused, ReversePayment
from ledger.book.detail import unpack
from ledger.money import format_yuan
from ledger.people.persons import number_opener

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
_AMOUNTS = ("to_accounts", "to_pooled_fund", "late_fee", "to_suspense", "still_owed")
_BACK = ("amount", "from_accounts", "from_pooled_fund", "late_fee_back", "from_suspense", "receivable")


@posting(
    router,
    "/v1/receipts",
    ReceivePayment,
    scope="receipts:write",
    tag=TAG,
    summary="Take money that the collector hands over for an employer",
    answer=PaymentAnswer,
    refusals=(R.CREDIT_CODE_INVALID,),
    names={"book": "employer"},
)
async def receive(body: NewReceipt, request: Request) -> Response:
    """It pays principal before late fee, its own month first, then the oldest; the rest waits in suspense."""
    key = key_of(request)
    state, who = state_of(request), caller_of(request)
    employer = await employer_of(request, body.employer)
    done = await take_of_employer(
        request,
        ReceivePayment(
            employer.book_id,
            body.amount,
            body.period,
            body.received_on,
            body.source_ref,
            number_opener(state.keyring),
            who.caller,
            who.actor,
            key,
        ),
    )
    told = unpack(done.receipt.detail)
    answer: dict[str, Any] = {"receipt": done.receipt.name}
    answer |= {name: format_yuan(told[name]) for name in _AMOUNTS}
    if receivable := told.get("receivable"):
        answer["receivable"] = format_yuan(receivable)
    if left_out := told.get("left_out"):
        answer["left_out"] = [month_text(period) for period in left_out]
    return respond(request, to_json(answer).decode(), done)


@posting(
    router,
    "/v1/payments/{payment}/reversal",
    ReversePayment,
    scope="contributions:act",
    tag=TAG,
    summary="Take a whole payment of an employer back, as when it bounced",
    answer=PaymentReversalAnswer,
    # what is named is no employer's
    not_here=(R.EMPLOYER_NOT_FOUND,),
)
async def reverse_payment(payment: str, body: NewPaymentReversal, request: Request) -> Response:
    """Its months are owed again, with their late fees; its document may be booked again.

    What it brought leaves the accounts. What of it was spent since is a receivable from the person. Refused
    while what it brought has gone on: the `entries` that come after it are named.
    """
    key = key_of(request)
    who = caller_of(request)
    book_id, seq = entry_of(payment, R.ENTRY_NOT_FOUND)
    try:
        done = await take_of_employer(
            request, ReversePayment(book_id, seq, body.reason, who.caller, who.actor, key)
        )
    except Refused as refused:
        if refused.code is R.EMPLOYER_NOT_FOUND:
            raise Refused(R.ENTRY_NOT_FOUND, at="target_seq") from None
        raise
    told = unpack(done.receipt.detail)
    answer: dict[str, Any] = {"reversal": done.receipt.name, "payment": target_name(done.receipt)}
    answer |= {name: format_yuan(told[name]) for name in _BACK}
    return respond(request, to_json(answer).decode(), done)


@posting(
    router,
    "/v1/employers/{employer}/refunds",
    RefundSurplus,
    scope="contributions:act",
    tag=TAG,
    summary="Pay back what an employer paid beyond all debts",
    answer=RefundAnswer,
    refusals=(R.CREDIT_CODE_INVALID,),
)
async def refund(employer: str, body: NewRefund, request: Request) -> Response:
    """Out of what was paid beyond all debts; with a `period`, of what waits for a list that never came."""
    key = key_of(request)
    who = caller_of(request)
    found = await employer_of(request, employer)
    command = RefundSurplus(
        found.book_id, body.amount, body.source_ref, body.reason, body.period, who.caller, who.actor, key
    )
    done = await take_of_employer(request, command)
    told = unpack(done.receipt.detail)
    late_fee = told.get("late_fee", 0)
    answer = {"refund": done.receipt.name, "amount": format_yuan(done.receipt.amount_fen - late_fee)}
    if late_fee:
        answer["late_fee"] = format_yuan(late_fee)
    return respond(request, to_json(answer).decode(), done)
