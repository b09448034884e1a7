"""Manual claims: handing one in, deciding it, and the list of those that wait."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from pydantic_core import to_json

from api.care.bills import BillFields, FilingWord
from api.care.settlement_answers import BillAnswer, bill_json, policy_at, settlement_json
from api.http.answers import Answer, yuan
from api.http.declaring import posting
from api.http.fields import CareWord, Day, IdText, InstitutionCode, Strict, Visible, Words, example
from api.http.listing import (
    LIMIT_DEFAULT,
    Cursor,
    Listing,
    Page,
    PageLimit,
    answer_pages,
    json_answer,
    with_csv,
)
from api.http.posting import entry_of, key_of, rehearsed, respond, take
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import State, caller_of, patient_of, state_of
from api.institutions.institutions import institution_of
from ledger import DecideClaim, Posted, RefusalCode, Refused, SubmitClaim
from ledger.book.detail import unpack
from ledger.book.numbers import account_no, entry_name, has_account
from ledger.care import case_reports as cases
from ledger.care import reports as care
from ledger.care.counters import CLAIM_ROW, SETTLEMENT_ROW
from ledger.care.manual_claims import still_missing
from ledger.care.rows import ClaimRow
from ledger.chart.care import FILING_WORDS
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "manual claims"

EvidenceWord = Literal["invoice", "fee_list", "diagnosis", "records"]
ClaimState = Literal["received", "awaiting_proof", "approved", "rejected"]
Evidence = Annotated[list[EvidenceWord], Field(max_length=4, description="The papers that are there")]


class NewClaim(BillFields):
    """A bill that no network settled, with its papers. `bill_no` is the institution's own number of it.

    Without `received_on` it was handed in today. `filing` is said of care outside the area of the account.
    """

    model_config = example(
        institution="H0001",
        id_number="119999198503140015",
        care_type="outpatient",
        care_date="2026-03-10",
        bill_no="2026-0310-17",
        lines=[{"item": "X0001", "class": "A", "amount": "700.00"}],
        evidence=["invoice", "fee_list", "diagnosis", "records"],
        received_on="2026-04-01",
    )

    institution: InstitutionCode
    id_number: IdText
    bill_no: Visible
    filing: FilingWord | None = None
    evidence: Evidence
    received_on: Day | None = None


class Decision(Strict):
    """Whether a claim is paid, and why; `evidence` is what came in since it was handed in."""

    model_config = example(approve=True, reason="complete", evidence=["records"])

    approve: bool
    reason: Words
    evidence: Evidence = Field(default=[])


class ClaimItem(Answer):
    """A claim as it was handed in. What is missing of the papers may come with the decision."""

    claim: str = Field(examples=["P483920174650K-22"])
    account: str | None = Field(description="Null for a resident without an account")
    state: ClaimState
    institution: str
    bill_no: str
    care_type: CareWord
    care_date: date
    total: str = yuan("All lines")
    received_on: date
    decide_by: date
    evidence: list[EvidenceWord]
    missing: list[EvidenceWord]


class ClaimAnswer(ClaimItem):
    """A claim that was handed in."""

    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class ClaimView(ClaimItem):
    """A claim, and what was decided."""

    decision: str | None = Field(examples=["P483920174650K-23"])
    reason: str | None
    settlement: str | None = Field(description="What the decision settled; null unless it was approved")


class ClaimPage(Answer):
    """Undecided claims, the most urgent first."""

    items: list[ClaimItem]
    next_cursor: str | None


class DecisionAnswer(Answer):
    """What was decided; `bill` is what an approved claim comes to: its funds pay to the bank account."""

    claim: str = Field(examples=["P483920174650K-22"])
    decision: str = Field(examples=["P483920174650K-23"])
    state: Literal["approved", "rejected"]
    reason: str
    value_date: date
    bill: BillAnswer | None
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


# -- handing in ----------------------------------------------------------------------------------------------


def claim_json(view: cases.ClaimView) -> dict[str, Any]:
    """A claim with where it stands."""
    row: ClaimRow = view.row
    missing = still_missing(frozenset(view.evidence))
    if view.decided_seq is None:
        state = "awaiting_proof" if missing else "received"
    else:
        state = "approved" if view.decided["approved"] else "rejected"
    return {
        "claim": entry_name(view.book_id, view.seq),
        "account": account_no(view.book_id) if has_account(view.book_id) else None,
        "state": state,
        "institution": view.institution,
        "bill_no": row.bill_no,
        "care_type": row.care_type.word,
        "care_date": row.care_date.isoformat(),
        "total": format_yuan(row.total),
        "received_on": row.received_on.isoformat(),
        "decide_by": row.decide_by.isoformat(),
        "evidence": view.evidence,
        "missing": missing,
    }


@posting(
    router,
    "/v1/claims",
    SubmitClaim,
    scope="care:write",
    tag=TAG,
    summary="Hand in a bill that no network settled",
    answer=ClaimAnswer,
    refusals=(*OF_ACCOUNT, R.CARE_TYPE_UNKNOWN),
    # said instead of cause_required where the cause is declared to be unknown
    refusals_after=(R.CAUSE_UNKNOWN,),
    names={"book": "id_number"},
)
async def submit(body: NewClaim, request: Request) -> Response:
    """Each bill is paid once: over the network, or by one claim. The account pays none of it."""
    key = key_of(request)
    done = await _submitted(request, body, key)
    receipt, row = done.receipt, done.row(CLAIM_ROW)
    if row is not None:
        view = cases.ClaimView(
            receipt.book_id, receipt.seq, row, receipt.policy_version, receipt.detail, None, None
        )
    else:
        # the first answer: before anything was decided
        found = await state_of(request).glance(
            lambda connection: cases.claim(connection, receipt.book_id, receipt.seq)
        )
        view = found._replace(decided_seq=None, decision=None)
    return respond(request, to_json(claim_json(view)).decode(), done)


async def _submitted(request: Request, body: NewClaim, key: str | None) -> Posted:
    state, who = state_of(request), caller_of(request)
    book, else_book = patient_of(state, body.id_number)
    try:
        party = (await institution_of(request, body.institution)).party_id
    except Refused:
        # what else is wrong and stands before that is said first
        party = None
    command = SubmitClaim(
        book,
        else_book,
        body.institution,
        party or 0,
        body.bill(
            use_account=False,
            filing=None if body.filing is None else FILING_WORDS[body.filing],
            bill_no=body.bill_no,
        ),
        body.received_on or state.clock()[1],
        frozenset(body.evidence),
        who.caller,
        who.actor,
        key,
    )
    try:
        if party is not None:
            return await take(request, command)
        await rehearsed(request, command)
    except Refused as refused:
        if body.cause_is_unknown and refused.code is R.CAUSE_REQUIRED:
            raise Refused(R.CAUSE_UNKNOWN, at="cause/kind") from None
        raise
    raise Refused(R.INSTITUTION_UNKNOWN, at="institution")


# -- deciding ------------------------------------------------------------------------------------------------


@posting(
    router,
    "/v1/claims/{claim}/decision",
    DecideClaim,
    scope="care:write",
    tag=TAG,
    summary="Pay a claim, or reject it",
    answer=DecisionAnswer,
)
async def decide(claim: str, body: Decision, request: Request) -> Response:
    """What is approved is settled by what is known now. What the funds pay goes to the bank account."""
    key = key_of(request)
    book_id, seq = entry_of(claim, R.CLAIM_NOT_FOUND)
    state, who = state_of(request), caller_of(request)
    view = await state.glance(lambda connection: cases.claim(connection, book_id, seq))
    command = DecideClaim(
        book_id,
        seq,
        view.institution,
        view.row,
        body.approve,
        body.reason,
        frozenset(body.evidence),
        who.caller,
        who.actor,
        key,
    )
    done = await take(request, command)
    receipt = done.receipt
    told = unpack(receipt.detail)
    answer = {
        "claim": entry_name(book_id, seq),
        "decision": receipt.name,
        "state": "approved" if told["approved"] else "rejected",
        "reason": told["reason"],
        "value_date": receipt.effective_on.isoformat(),
    }
    bill = await _bill_json(state, done, view) if told["approved"] else "null"
    text = to_json(answer).decode()
    return respond(request, f'{text[:-1]},"bill":{bill}}}', done)


async def _bill_json(state: State, done: Posted, view: cases.ClaimView) -> str:
    """What an approved claim comes to, of its decision or as it was answered first."""
    receipt, row = done.receipt, done.row(SETTLEMENT_ROW)

    def look(connection: Any) -> str:
        # a rehearsal with a policy that was never posted by has no version of it
        policy = policy_at(connection, state, receipt.policy_version or view.policy_version)
        if row is None:
            return settlement_json(policy, care.settled(connection, receipt.book_id, receipt.seq))
        return bill_json(policy, row, receipt.book_id, receipt.seq, receipt.effective_on)

    return await state.glance(look)


# -- looking -------------------------------------------------------------------------------------------------


@router.get(
    "/v1/claims/{claim}",
    **describe(
        tag=TAG, summary="A claim, and what was decided", answer=ClaimView, refusals=(R.CLAIM_NOT_FOUND,)
    ),
)
async def claim(claim: str, request: Request) -> Response:
    """What was settled is read by the name of the settlement."""
    book_id, seq = entry_of(claim, R.CLAIM_NOT_FOUND)
    view = await state_of(request).glance(lambda connection: cases.claim(connection, book_id, seq))
    shown_by(request).of(book_id)
    decision = None if view.decided_seq is None else entry_name(book_id, view.decided_seq)
    decided = view.decided
    more = {
        "decision": decision,
        "reason": decided.get("reason"),
        "settlement": decision if decided.get("approved") else None,
    }
    return json_answer(claim_json(view) | more)


_OPEN = Listing(
    {
        "claim": "申请编号",
        "account": "个人账户号",
        "state": "状态",
        "institution": "定点医药机构",
        "bill_no": "单据号",
        "care_type": "就医类别",
        "care_date": "就医日期",
        "total": "总费用",
        "received_on": "收件日期",
        "decide_by": "办结期限",
        "evidence": "已有材料",
        "missing": "缺少材料",
    }
)


@router.get(
    "/v1/claims",
    **with_csv(describe(tag=TAG, summary="Undecided claims, the most urgent first", answer=ClaimPage)),
)
async def open_claims(
    request: Request,
    due_by: Annotated[Day | None, Query(description="Only those to be decided by this day")] = None,
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """By the day on which they have to be decided."""
    until = due_by or date.max

    def page(connection: Any, after: list[Any] | None, limit: int) -> Page:
        last = None
        if after is not None:
            day, book_id, seq = after
            last = (date.fromisoformat(day), int(book_id), int(seq))
        return [
            ([one.row.decide_by.isoformat(), one.book_id, one.seq], claim_json(one))
            for one in cases.open_claims(connection, until, last, limit)
        ]

    place = f"claims|{until}"
    return await answer_pages(request, _OPEN, "claims", place, page, cursor, limit, lambda key: key[1])
