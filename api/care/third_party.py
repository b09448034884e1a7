"""Third-party cases: opening one, the advance of the fund, and what comes back of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field
from pydantic_core import to_json

from api.care.settlement_answers import Reason, policy_at
from api.http.answers import Answer, yuan
from api.http.declaring import posting
from api.http.fields import Amount, Day, SourceRef, Strict, Words, example
from api.http.listing import json_answer
from api.http.posting import entry_of, key_of, respond, take
from api.http.routes import LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import State, caller_of, state_of
from ledger import (
    Command,
    OpenCase,
    PayAdvance,
    Policy,
    Posted,
    Receipt,
    RecordRecovery,
    RefusalCode,
    Refused,
)
from ledger.book.detail import unpack
from ledger.book.numbers import entry_name
from ledger.care import case_reports as cases
from ledger.care import reports as care
from ledger.care.cases import ThirdPartyCase
from ledger.care.explaining import Because, because
from ledger.chart.care import CauseKind
from ledger.money import format_yuan
from ledger.policy import Dated, MissingParameter

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "third-party cases"

CauseWord = Literal["work_injury", "third_party", "public_health", "abroad"]
PaidTo = Literal["person", "institution"]
Means = Literal["bank", "set_off"]
# of a bill, what makes the amount that the funds pay
_OF_THE_FUNDS: Final = frozenset({"deductible", "ratio", "pooled_pay", "large_pay"})


class NewCase(Strict):
    """The settled bill that somebody else has to bear a part of."""

    model_config = example(settlement="P483920174650K-18", evidence="accident report 2026-77")

    settlement: str = Field(min_length=1, max_length=64)
    evidence: Words | None = None


class NewAdvance(Strict):
    """The written application: why the third party does not pay. Paid to whoever has paid the institution."""

    model_config = example(paid_to="person", application="the driver is not known")

    paid_to: PaidTo
    application: Words


class NewRecovery(Strict):
    """What the third party has paid to the person this time, and how what is due of it comes back.

    Without `received_on` it was today. With an amount of 0.00 what is outstanding is collected.
    """

    model_config = example(
        paid="3000.00", received_on="2026-09-01", means="bank", source_ref="insurer-2026-77"
    )

    paid: Amount
    received_on: Day | None = None
    means: Means
    source_ref: SourceRef


class CaseAnswer(Answer):
    """A case as it stands; `receivable` is what of the advance has not come back."""

    case: str = Field(examples=["P483920174650K-19"])
    settlement: str = Field(examples=["P483920174650K-18"])
    kind: CauseWord
    excluded: str = yuan("Of the bill's part in scope: what goes with the cause")
    advance: str = yuan("What the fund has advanced of that")
    paid: str = yuan("What the third party has paid so far")
    returned: str = yuan("What of the advance came back by bank")
    set_off: str = yuan("What of it was taken out of the account")
    receivable: str = yuan("The rest of the advance")
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class AdvanceAnswer(Answer):
    """An advance: what the policy pays on the whole bill less what it paid on the person's part."""

    entry: str = Field(examples=["P483920174650K-20"])
    case: str
    settlement: str
    whole: str = yuan("What the policy pays on all that is in scope")
    borne: str = yuan("What it paid on the part that the person bears")
    advance: str = yuan("The difference, at most what was excluded")
    receivable: str = yuan("What the person has to return of what the third party pays")
    paid_to: PaidTo
    value_date: date
    explain: list[Reason]
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class RecoveryAnswer(Answer):
    """What came back this time."""

    recovery: str = Field(examples=["P483920174650K-21"])
    case: str
    paid: str = yuan("What the third party has paid this time")
    due: str = yuan("What had to come back by now, and had not")
    returned: str = yuan("What of that came by bank")
    set_off: str = yuan("What of that was taken out of the account")
    receivable: str = yuan("What of the advance has not come back")
    received_on: date
    means: Means
    value_date: date
    explain: list[Reason]
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


async def _take(request: Request, command: Command, missing: RefusalCode) -> Posted:
    """Post a command about an entry; the book of another name is missing like the entry."""
    try:
        return await take(request, command)
    except Refused as refused:
        if refused.code is R.ACCOUNT_NOT_FOUND:
            raise Refused(missing, at=refused.at) from None
        raise


# -- the case ------------------------------------------------------------------------------------------------


def case_json(book_id: int, seq: int, one: ThirdPartyCase) -> str:
    """A case as it stands."""
    return to_json(
        {
            "case": entry_name(book_id, seq),
            "settlement": entry_name(book_id, one.settlement_seq),
            "kind": CauseKind(one.kind).word,
            **{
                name: format_yuan(getattr(one, name))
                for name in ("excluded", "advance", "paid", "returned", "set_off", "receivable")
            },
        }
    ).decode()


def _opened(receipt: Receipt) -> ThirdPartyCase:
    """A case as its entry opened it."""
    told = unpack(receipt.detail)
    return ThirdPartyCase(told["settlement"], CauseKind[told["cause"].upper()], told["excluded"])


@posting(
    router,
    "/v1/third-party-cases",
    OpenCase,
    scope="care:write",
    tag=TAG,
    summary="Open the case of a settled bill that somebody else has to bear a part of",
    answer=CaseAnswer,
    also={200: "The bill has a case: this one"},
    names={"book": "settlement", "target_seq": "settlement"},
)
async def open_case(body: NewCase, request: Request) -> Response:
    """Of a bill that was settled with a cause. A bill whose cause is unknown is not settled (R45)."""
    key = key_of(request)
    book_id, seq = entry_of(body.settlement, R.SETTLEMENT_NOT_FOUND)
    who = caller_of(request)
    command = OpenCase(book_id, seq, body.evidence or "", who.caller, who.actor, key)
    done = await _take(request, command, R.SETTLEMENT_NOT_FOUND)
    receipt = done.receipt
    if done.created:
        stands = _opened(receipt)
    else:
        stands = await state_of(request).glance(
            lambda connection: cases.third_party_case(connection, book_id, receipt.seq)
        )
    answer = case_json(book_id, receipt.seq, stands)
    return respond(request, answer, done, status=201 if done.created else 200)


@router.get(
    "/v1/third-party-cases/{case}",
    **describe(tag=TAG, summary="A case as it stands", answer=CaseAnswer, refusals=(R.CASE_NOT_FOUND,)),
)
async def third_party_case(case: str, request: Request) -> Response:
    """What was advanced, what the third party has paid, and what came back."""
    book_id, seq = entry_of(case, R.CASE_NOT_FOUND)
    found = await state_of(request).glance(
        lambda connection: cases.third_party_case(connection, book_id, seq)
    )
    shown_by(request).of(book_id)
    return json_answer(case_json(book_id, seq, found))


# -- the advance ---------------------------------------------------------------------------------------------


def _bill_of(connection: Any, state: State, receipt: Receipt, case_seq: int) -> tuple[care.Settled, Policy]:
    """The bill of a case, and the policy by which an entry of the case went."""
    case = cases.third_party_case(connection, receipt.book_id, case_seq)
    bill = care.settled(connection, receipt.book_id, case.settlement_seq)
    # a rehearsal with a policy that was never posted by has no version of it
    return bill, policy_at(connection, state, receipt.policy_version or bill.policy_version)


def _reasons(reasons: Sequence[Because]) -> list[dict[str, Any]]:
    return [reason._asdict() for reason in reasons]


def _named(amount: str, rule: str, parameter: Dated[Any], day: date) -> Because:
    """The reason of an amount, with the policy's line of the day; a stored policy may have none."""
    try:
        line = parameter.line_on(day)
    except MissingParameter:
        return Because(amount, rule, parameter.name)
    return Because(amount, rule, parameter.name, line.written, line.source)


@posting(
    router,
    "/v1/third-party-cases/{case}/advance",
    PayAdvance,
    scope="care:write",
    tag=TAG,
    summary="Advance what the fund pays where a third party does not",
    answer=AdvanceAnswer,
)
async def advance(case: str, body: NewAdvance, request: Request) -> Response:
    """Out of the pooled fund, also when the person has paid the institution. No counter of a year moves."""
    key = key_of(request)
    book_id, seq = entry_of(case, R.CASE_NOT_FOUND)
    state, who = state_of(request), caller_of(request)
    command = PayAdvance(book_id, seq, body.paid_to, body.application, who.caller, who.actor, key)
    receipt = (done := await _take(request, command, R.CASE_NOT_FOUND)).receipt
    told = unpack(receipt.detail)
    bill, policy = await state.read(lambda connection: _bill_of(connection, state, receipt, seq))
    whole = [
        reason._replace(amount="whole")
        for reason in because(policy, bill.row)
        if reason.amount in _OF_THE_FUNDS
    ]
    answer = {
        "entry": receipt.name,
        "case": entry_name(book_id, seq),
        "settlement": entry_name(book_id, told["settlement"]),
        "whole": format_yuan(told["whole"]),
        "borne": format_yuan(told["borne"]),
        "advance": format_yuan(receipt.amount_fen),
        "receivable": format_yuan(receipt.amount_fen),
        "paid_to": told["paid_to"],
        "value_date": receipt.effective_on.isoformat(),
        "explain": _reasons([*whole, Because("borne", "R39"), Because("advance", "K11")]),
    }
    return respond(request, to_json(answer).decode(), done)


# -- what comes back -----------------------------------------------------------------------------------------


@posting(
    router,
    "/v1/third-party-cases/{case}/recoveries",
    RecordRecovery,
    scope="care:write",
    tag=TAG,
    summary="Record what a third party has paid, and what comes back of the advance",
    answer=RecoveryAnswer,
)
async def recover(case: str, body: NewRecovery, request: Request) -> Response:
    """By bank all that is due has come in; a set-off takes what is available, and the rest stays due."""
    key = key_of(request)
    book_id, seq = entry_of(case, R.CASE_NOT_FOUND)
    state, who = state_of(request), caller_of(request)
    command = RecordRecovery(
        book_id,
        seq,
        body.paid,
        body.received_on or state.clock()[1],
        body.means,
        body.source_ref,
        who.caller,
        who.actor,
        key,
    )
    receipt = (done := await _take(request, command, R.CASE_NOT_FOUND)).receipt
    told = unpack(receipt.detail)
    bill, policy = await state.read(lambda connection: _bill_of(connection, state, receipt, seq))
    explain = [_named("due", "R47", policy.care.recovery, bill.row.care_date)]
    if told["means"] == "set_off":
        explain.append(_named("set_off", "R67", policy.care.set_off, receipt.effective_on))
    answer = {
        "recovery": receipt.name,
        "case": entry_name(book_id, seq),
        **{name: format_yuan(told[name]) for name in ("paid", "due", "returned", "set_off", "receivable")},
        "received_on": told["received_on"],
        "means": told["means"],
        "value_date": receipt.effective_on.isoformat(),
        "explain": _reasons(explain),
    }
    return respond(request, to_json(answer).decode(), done)
