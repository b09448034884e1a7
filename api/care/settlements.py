"""Settling bills: pre-settlement, settlement, correction of a message, reversal, and reading one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.care.bills import BillFields, FilingWord
from api.care.quotes import open_quote, seal_quote
from api.care.settlement_answers import (
    CorrectionAnswer,
    QuoteAnswer,
    SettlementAnswer,
    SettlementView,
    TakenBack,
    bill_json,
    correction_json,
    policy_at,
    settlement_json,
    taken_back_json,
    view_json,
)
from api.http.beyond import told_alike
from api.http.declaring import posting
from api.http.fields import Day, IdText, InstitutionCode, Strict, Visible, Words, example
from api.http.listing import json_answer
from api.http.places import told_as
from api.http.posting import entry_of, institutions_key_of, posted, respond, take, wants_dry_run
from api.http.problems import DoorCode
from api.http.receipts import instant, with_more
from api.http.routes import JSON, OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import caller_of, patient_of, state_of
from api.institutions.institutions import institution_of
from ledger import (
    CorrectMessage,
    Policy,
    Posted,
    Quoted,
    RefusalCode,
    Refused,
    ReverseSettlement,
    Settle,
    quote_minutes,
)
from ledger.care import reports as care
from ledger.care.counters import SETTLEMENT_ROW, used_in
from ledger.chart.care import FILING_WORDS, Channel

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "settlements"
# what a message may be refused for, beside its bill: a quote is asked for without one
_OF_MESSAGE: Final = frozenset({
    R.MSGID_CONFLICT, R.CANCELLED_BEFORE_ARRIVAL, R.MESSAGE_CORRECTED, R.QUOTE_STALE,
})  # fmt: skip
# what the door itself may refuse of a bill; cause_unknown is said instead of cause_required
_OF_DOOR: Final = (R.CARE_TYPE_UNKNOWN, R.LINE_CLASS_UNKNOWN, *OF_ACCOUNT, DoorCode.TOO_MANY_REQUESTS)
_OF_SETTLING: Final = (*_OF_DOOR, *Settle.refused_with, R.CAUSE_UNKNOWN)
_OF_QUOTING: Final = tuple(code for code in _OF_SETTLING if code not in _OF_MESSAGE)


class NewSettlement(BillFields):
    """A patient's bill. `message_id` is its idempotency key; `bill_no` is the institution's own number of it.

    `filing` is said of care outside the area of the account, and only there. `repairs` is a day that a
    reconciliation found different, and that this bill was missing on.
    """

    model_config = example(
        institution="H0001",
        message_id="m-20260310-000017",
        id_number="119999198503140015",
        care_type="outpatient",
        care_date="2026-03-10",
        use_account=True,
        quote=None,
        lines=[
            {"item": "X0001", "class": "A", "amount": "700.00"},
            {
                "item": "X0002",
                "class": "B",
                "amount": "200.00",
                "over_limit": "0.00",
                "self_pay_ratio": "0.10",
            },
            {"item": "X0003", "class": "C", "amount": "100.00"},
        ],
        bill_no="2026-0310-17",
    )

    institution: InstitutionCode
    message_id: Visible
    id_number: IdText
    use_account: bool = Field(True, description="Whether the own account and relatives may pay")
    quote: str | None = Field(None, max_length=256, description="Of the pre-settlement")
    filing: FilingWord | None = None
    bill_no: Visible | None = None
    visit: str | None = Field(None, max_length=64)
    repairs: Day | None = None


class Correction(Strict):
    """The message that its sender takes back, whether it has arrived or not."""

    model_config = example(institution="H0001", message_id="m-20260310-000017")

    institution: InstitutionCode
    message_id: Visible


class SettlementReversal(Strict):
    """Why a bill is taken back. `repairs` is a day that a reconciliation found different."""

    model_config = example(reason="wrong patient")

    reason: Words
    repairs: Day | None = None


class _WentBy(NamedTuple):
    """By what a bill was decided: the policy, how many rows the year's counters had, and when that was."""

    policy: Policy
    accumulator_version: int
    now: datetime


@dataclass(eq=False)
class _Settling(Settle):
    """A settlement that keeps what it was decided by: its answer tells."""

    went_by: _WentBy | None = None

    def decide(self, desk: Any) -> None:
        # before the bill itself is counted
        version = used_in(desk.book, self.bill.care_date.year).version
        super().decide(desk)
        self.went_by = _WentBy(desk.policy(desk.book.area), version, desk.now)


# -- settling ------------------------------------------------------------------------------------------------


async def _decided(request: Request, body: NewSettlement, *, quoting: bool) -> tuple[_Settling, Posted]:
    """A bill posted, or rehearsed for a quote. Raises ShapeRefused, and Refused for all of _OF_SETTLING."""
    state, who = state_of(request), caller_of(request)
    quoted = None if body.quote is None else open_quote(body.quote, state.keyring)
    book, else_book = patient_of(state, body.id_number)
    only_asks = quoting or wants_dry_run(request)
    found = await _institution(request, body.institution)
    party, area = found or (None, None)
    command = _Settling(
        book,
        else_book,
        body.institution,
        party or 0,
        body.message_id,
        body.bill(
            use_account=body.use_account,
            filing=None if body.filing is None else FILING_WORDS[body.filing],
            bill_no=body.bill_no,
        ),
        None if body.visit is None else entry_of(body.visit, R.VISIT_NOT_FOUND),
        body.repairs,
        None if quoting else quoted,
        # an institution that nobody knows: what else is wrong and stands before that is said first
        quoting or party is None,
        who.caller,
        who.actor,
        outside=area is not None and area not in state.policies,
        bound=who.is_bound,
    )
    try:
        with told_alike(request, book, at="book", only_asks=only_asks):
            if command.quoting:
                done = posted(await state.presettle(command, shown_by(request).of_outcome))
            else:
                done = await take(request, command)
    except Refused as refused:
        if body.cause_is_unknown and refused.code is R.CAUSE_REQUIRED:
            raise Refused(R.CAUSE_UNKNOWN, at="cause/kind") from None
        raise
    if party is None:
        raise Refused(R.INSTITUTION_UNKNOWN, at="institution")
    return command, done


async def _institution(request: Request, code: str) -> tuple[int, int] | None:
    """The book and the area of an institution; None for one that nobody knows."""
    try:
        found = await institution_of(request, code)
    except Refused:
        return None
    return found.party_id, found.area


@router.post(
    "/v1/settlements",
    **describe(
        tag=TAG,
        summary="Settle a patient's bill",
        answer=SettlementAnswer,
        status=201,
        refusals=_OF_SETTLING,
        body=True,
        posting=True,
    ),
)
@told_as(book="id_number", target_seq="visit", source_ref="message_id")
async def settle(body: NewSettlement, request: Request) -> Response:
    """The same message again gets the first answer; Idempotency-Key is not looked at."""
    command, done = await _decided(request, body, quoting=False)
    receipt, row, went_by = done.receipt, done.row(SETTLEMENT_ROW), command.went_by
    if row is not None and went_by is not None:
        # an institution learns the number of an account by a bill that stands in it
        is_hidden = caller_of(request).is_bound and wants_dry_run(request)
        book_id, seq = (None, None) if is_hidden else (receipt.book_id, receipt.seq)
        text = bill_json(went_by.policy, row, book_id, seq, receipt.effective_on)
    else:
        state = state_of(request)

        def look(connection: Any) -> str:
            found = care.settled(connection, receipt.book_id, receipt.seq)
            return settlement_json(policy_at(connection, state, found.policy_version), found)

        text = await state.glance(look)
    return respond(request, text, done)


@router.post(
    "/v1/settlements/quote",
    **describe(
        tag=TAG,
        summary="What a bill would come to",
        answer=QuoteAnswer,
        status=201,
        refusals=_OF_QUOTING,
        body=True,
    ),
)
@told_as(book="id_number", target_seq="visit", source_ref="message_id")
async def quote(body: NewSettlement, request: Request) -> Response:
    """A calculation that writes nothing. Its quote holds the settlement to the same amounts for a while.

    An institution's token is shown no account number, and of a closed account no more than of none.
    """
    command, done = await _decided(request, body, quoting=True)
    receipt, row, went_by = done.receipt, done.row(SETTLEMENT_ROW), command.went_by
    if row is None or went_by is None:
        raise AssertionError("what is rehearsed is decided, and has its row")
    minutes = quote_minutes(went_by.policy, command.bill)
    promised = Quoted(command.result_digest(row), went_by.now + timedelta(minutes=minutes))
    account = None if caller_of(request).is_bound else receipt.book_id
    text = bill_json(went_by.policy, row, account, None, receipt.effective_on)
    more = {
        "quote": seal_quote(promised, state_of(request).keyring),
        "expires_at": instant(promised.expires_at),
        "policy_version": went_by.policy.hash,
        "accumulator_version": went_by.accumulator_version,
    }
    return Response(with_more(text, more), 201, media_type=JSON)


# -- taking back ---------------------------------------------------------------------------------------------


@router.post(
    "/v1/settlements/correction",
    **describe(
        tag=TAG,
        summary="Take a message back, whether it has arrived or not",
        answer=CorrectionAnswer,
        status=201,
        refusals=(R.INSTITUTION_UNKNOWN, *CorrectMessage.refused_with),
        body=True,
        posting=True,
    ),
)
async def correct(body: Correction, request: Request) -> Response:
    """What the message settled is reversed; one that was never seen is refused when it comes after all."""
    who = caller_of(request)
    sender = await institution_of(request, body.institution)
    command = CorrectMessage(
        sender.party_id,
        sender.code,
        sender.party_id,
        body.message_id,
        sender.area,
        who.caller,
        who.actor,
    )
    done = await take(request, command)
    # what was undone before is answered as it was then
    done.replayed = done.replayed or not done.created
    return respond(request, correction_json(done.receipt), done)


@posting(
    router,
    "/v1/settlements/{settlement}/reversal",
    ReverseSettlement,
    scope="settlements:write",
    tag=TAG,
    summary="Take a settled bill back, whole",
    answer=TakenBack,
)
async def reverse(settlement: str, body: SettlementReversal, request: Request) -> Response:
    """Pockets, quotas and counters are as they were. A part of a bill is given back by settling it anew."""
    key = institutions_key_of(request)
    state, who = state_of(request), caller_of(request)
    book_id, seq = entry_of(settlement, R.SETTLEMENT_NOT_FOUND)
    command = ReverseSettlement(book_id, seq, body.reason, body.repairs, who.caller, who.actor, key)
    try:
        done = await take(request, command)
    except Refused as refused:
        if refused.code is R.ACCOUNT_NOT_FOUND:
            raise Refused(R.SETTLEMENT_NOT_FOUND, at=refused.at) from None
        raise
    receipt, row = done.receipt, done.row(SETTLEMENT_ROW)
    if row is None:
        found = await state.glance(lambda connection: care.settled(connection, book_id, receipt.seq))
        row = found.row
    return respond(request, taken_back_json(receipt, row), done)


@router.get(
    "/v1/settlements/{settlement}",
    **describe(
        tag=TAG,
        summary="A settled bill",
        answer=SettlementView,
        refusals=(R.SETTLEMENT_NOT_FOUND,),
    ),
)
async def settlement(settlement: str, request: Request) -> Response:
    """With its lines, the reason of every amount by the policy of then, and what took it back."""
    state = state_of(request)
    book_id, seq = entry_of(settlement, R.SETTLEMENT_NOT_FOUND)

    def look(connection: Any) -> str:
        found = care.settled(connection, book_id, seq)
        if found.row.reverses_seq is not None or found.row.channel is Channel.ANNUAL:
            raise Refused(R.SETTLEMENT_NOT_FOUND, at="target_seq")
        shown_by(request).of(book_id)
        return view_json(policy_at(connection, state, found.policy_version), found)

    return json_answer(await state.glance(look))
