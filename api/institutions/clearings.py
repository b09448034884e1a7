"""Clearing a month with an institution: fixed, taken back, paid; and the statement of what is owed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field
from pydantic_core import to_json

from api.http.answers import Answer, Month, yuan
from api.http.declaring import posting
from api.http.fields import Nothing, Period, SourceRef, Strict, example, month_text
from api.http.listing import (
    LIMIT_DEFAULT,
    Cursor,
    Listing,
    Page,
    PageLimit,
    answer_pages,
    with_csv,
)
from api.http.posting import entry_of, key_of, respond
from api.http.receipts import instant
from api.http.routes import LedgerRoute, describe
from api.http.state import caller_of, state_of
from api.institutions.institutions import institution_of
from api.institutions.reconciliations import TAG, SideTotals, take_alone, totals_json
from ledger import Clear, Command, EndClearing, PayInstitution, Posted, RefusalCode, Refused
from ledger.clearing import reports
from ledger.clearing.days import DayTotals
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
_NONE_READ: Final = reports.Aided(0, 0)
StateWord = Literal["cleared", "ended", "paid"]


class NewClearing(Strict):
    """A month that is over."""

    model_config = example(month="2026-03")

    month: Period


class NewPayment(Strict):
    """The order to the bank by which the agency pays."""

    model_config = example(source_ref="order-20260410-17")

    source_ref: SourceRef


class ClearingItem(SideTotals):
    """A month as it was cleared, and what became of it."""

    clearing: str = Field(examples=["I483920174650K-12"])
    month: Month
    state: StateWord
    mutual: str = yuan("What relatives paid of its bills")
    owed: str = yuan("Fund, accounts and relatives together; below zero where reversals outweigh")
    payment: str | None = Field(description="The entry that paid it")
    paid: str = yuan("What that moved")
    source_ref: str | None = Field(description="The order to the bank")
    recorded_at: datetime


class ClearingAnswer(ClearingItem):
    """A month that was just cleared."""

    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class ClearingPage(Answer):
    """Clearings in the order in which they were made, ended ones too."""

    items: list[ClearingItem]
    next_cursor: str | None


class ClearingEndAnswer(Answer):
    """A clearing that was taken back, by the entry that did it."""

    clearing: str = Field(examples=["I483920174650K-12"])
    state: StateWord
    end: str = Field(examples=["I483920174650K-13"])
    month: Month
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class InstitutionPaymentAnswer(Answer):
    """A clearing that was paid, by the entry that did it."""

    clearing: str = Field(examples=["I483920174650K-12"])
    state: StateWord
    payment: str = Field(examples=["I483920174650K-13"])
    month: Month
    amount: str = yuan("What was paid; nothing where nothing is owed")
    source_ref: str
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


# -- clearing ----------------------------------------------------------------------------------------------


@posting(
    router,
    "/v1/institutions/{institution}/clearings",
    Clear,
    scope="clearings:write",
    tag=TAG,
    summary="Clear a month with an institution",
    answer=ClearingAnswer,
    refusals=(R.INSTITUTION_UNKNOWN,),
    names={"cleared": "month"},
)
async def clear(institution: str, body: NewClearing, request: Request) -> Response:
    """Every day with a line, or that was ever compared, must be balanced with what is there now."""
    key = key_of(request)
    state, who = state_of(request), caller_of(request)
    found = await institution_of(request, institution)
    month = body.month
    aided = _NONE_READ
    if month is not None:
        aided = await state.glance(lambda connection: reports.aided(connection, found.party_id, month))
    command = Clear(found.party_id, found.code, found.area, month, aided, who.caller, who.actor, key)
    done = await take_alone(request, command)
    return respond(request, to_json(clearing_json(reports.clearing_of(done.receipt))).decode(), done)


def clearing_json(one: reports.MonthCleared) -> dict[str, Any]:
    return {
        "clearing": one.name,
        "month": month_text(one.period),
        "state": one.state.word,
        **totals_json(DayTotals(one.bills, one.total, one.fund, one.account)),
        "mutual": format_yuan(one.mutual),
        "owed": format_yuan(one.owed),
        "payment": one.payment,
        "paid": format_yuan(one.paid_fen),
        "source_ref": one.source_ref,
        "recorded_at": instant(one.recorded_at),
    }


@posting(
    router,
    "/v1/clearings/{clearing}/end",
    EndClearing,
    scope="clearings:write",
    tag=TAG,
    summary="Take a clearing back before it is paid",
    answer=ClearingEndAnswer,
)
async def end_clearing(clearing: str, request: Request, body: Nothing | None = None) -> Response:  # noqa: ARG001  read, to refuse what is not empty
    """The month's days may then be compared and repaired again, and the month cleared anew."""
    key = key_of(request)
    who = caller_of(request)
    place = entry_of(clearing, R.CLEARING_NOT_FOUND)
    done = await _act(request, EndClearing(*place, who.caller, who.actor, key))
    answer = {
        "clearing": clearing,
        "state": "ended",
        "end": done.receipt.name,
        "month": month_text(done.receipt.period or 0),
    }
    return respond(request, to_json(answer).decode(), done)


@posting(
    router,
    "/v1/clearings/{clearing}/payment",
    PayInstitution,
    scope="clearings:pay",
    tag=TAG,
    summary="Pay an institution what a clearing owes",
    answer=InstitutionPaymentAnswer,
)
async def pay(clearing: str, body: NewPayment, request: Request) -> Response:
    """From the agency's payable to its bank, whole. What is below zero moves nothing and is carried."""
    key = key_of(request)
    who = caller_of(request)
    place = entry_of(clearing, R.CLEARING_NOT_FOUND)
    done = await _act(request, PayInstitution(*place, body.source_ref, who.caller, who.actor, key))
    receipt = done.receipt
    answer = {
        "clearing": clearing,
        "state": "paid",
        "payment": receipt.name,
        "month": month_text(receipt.period or 0),
        "amount": format_yuan(receipt.amount_fen),
        "source_ref": receipt.source_ref,
    }
    return respond(request, to_json(answer).decode(), done)


async def _act(request: Request, command: Command) -> Posted:
    """Post what acts on a clearing; in a book that there is not, there is none."""
    try:
        return await take_alone(request, command)
    except Refused as refused:
        if refused.code is R.ACCOUNT_NOT_FOUND:
            raise Refused(R.CLEARING_NOT_FOUND, at=refused.at) from None
        raise


_CLEARINGS = Listing(
    {
        "clearing": "清算条目",
        "month": "清算月份",
        "state": "状态",
        "count": "笔数",
        "total": "医疗费总额",
        "fund": "基金支付",
        "account": "个人账户支付",
        "mutual": "共济支付",
        "owed": "应拨付",
        "payment": "拨付条目",
        "paid": "已拨付",
        "source_ref": "拨付单据",
        "recorded_at": "记录时间",
    }
)


@router.get(
    "/v1/institutions/{institution}/clearings",
    **with_csv(
        describe(
            tag=TAG,
            summary="The months that were cleared with an institution",
            answer=ClearingPage,
            refusals=(R.INSTITUTION_UNKNOWN,),
        )
    ),
)
async def clearings(
    institution: str, request: Request, limit: PageLimit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Response:
    """In the order in which they were made, ended ones too."""
    found = await institution_of(request, institution)

    def page(connection: Any, after: int | None, limit: int) -> Page:
        listed = reports.clearings(connection, found.party_id, after_seq=after or 0, limit=limit)
        return [(one.seq, clearing_json(one)) for one in listed]

    return await answer_pages(
        request, _CLEARINGS, "clearings", f"clearings|{found.party_id}", page, cursor, limit
    )


# -- the statement -----------------------------------------------------------------------------------------
