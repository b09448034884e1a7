"""What somebody got too much: demanded, set off, paid by instalments (R67)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.http.declaring import By, by_of, posting
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
from api.http.posting import entry_of, respond, take
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import state_of
from api.transfers.answers import DemandList, DemandPage, DemandReceipt, DemandView, NewDemandAnswer
from api.transfers.bodies import NewDemand, NewInstalment
from ledger import Command, DemandBack, PayInstalment, RefusalCode, Refused, SetOffDemand
from ledger import reports as accounts
from ledger.book.detail import unpack
from ledger.book.numbers import account_no, entry_name, parse_entry_name
from ledger.money import format_yuan
from ledger.owed import reports
from ledger.owed.demands import demanded_by

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "demands"
_NAMES = {"book": "demand", "target_seq": "demand"}


def _demand(account: str, body: NewDemand, by: By) -> DemandBack:
    debt = None if body.debt is None else parse_entry_name(body.debt)
    if body.debt is not None and debt is None:
        raise Refused(R.DEBT_NOT_FOUND, at="debt")
    return DemandBack(by.ref(account), body.amount, body.reason, body.document, debt, *by.sent_by)


def _set_off(demand: str, by: By) -> SetOffDemand:
    book_id, seq = entry_of(demand, R.DEMAND_NOT_FOUND)
    return SetOffDemand(book_id, seq, *by.sent_by)


def _instalment(demand: str, body: NewInstalment, by: By) -> PayInstalment:
    book_id, seq = entry_of(demand, R.DEMAND_NOT_FOUND)
    return PayInstalment(book_id, seq, body.amount, body.paid_on, body.source_ref, *by.sent_by)


@posting(
    router,
    "/v1/accounts/{account}/demands",
    DemandBack,
    scope="accounts:write",
    tag=TAG,
    summary="Demand back what somebody got too much",
    answer=NewDemandAnswer,
    refusals=OF_ACCOUNT,
    make=_demand,
    bulk="demand",
)
async def new_demand(account: str, body: NewDemand, request: Request) -> Response:
    """The fund has a claim from then on; it is set off against the account, or paid by instalments."""
    receipt = (done := await take(request, _demand(account, body, by_of(request)))).receipt
    amount = format_yuan(demanded_by(receipt))
    answer = {"demand": receipt.name, "amount": amount, "still_owed": amount}
    return respond(request, to_json(answer).decode(), done)


async def _acted(request: Request, command: Command, demand: str) -> Response:
    try:
        done = await take(request, command)
    except Refused as refused:
        if refused.code is R.ACCOUNT_NOT_FOUND:
            raise Refused(R.DEMAND_NOT_FOUND, at="target_seq") from None
        raise
    receipt = done.receipt
    told = unpack(receipt.detail)
    answer = {
        "demand": entry_name(*entry_of(demand, R.DEMAND_NOT_FOUND)),
        "entry": receipt.name,
        "amount": format_yuan(receipt.amount_fen),
        "set_off": format_yuan(told["set_off"]),
        "still_owed": format_yuan(told["still_owed"]),
    }
    return respond(request, to_json(answer).decode(), done)


@posting(
    router,
    "/v1/demands/{demand}/set-off",
    SetOffDemand,
    scope="accounts:write",
    tag=TAG,
    summary="Set off a demand against the account, as far as there is something",
    answer=DemandReceipt,
    names=_NAMES,
    make=_set_off,
    bulk="set_off",
)
async def set_off(demand: str, request: Request) -> Response:
    """Where the area allows it. Held and reserved money stays, and so does the rest of what is owed."""
    return await _acted(request, _set_off(demand, by_of(request)), demand)


@posting(
    router,
    "/v1/demands/{demand}/instalments",
    PayInstalment,
    scope="accounts:write",
    tag=TAG,
    summary="Record what was paid of a demand",
    answer=DemandReceipt,
    names=_NAMES,
    make=_instalment,
    bulk="instalment",
)
async def instalment(demand: str, body: NewInstalment, request: Request) -> Response:
    """By bank, each by its document; never more than is owed."""
    return await _acted(request, _instalment(demand, body, by_of(request)), demand)


# -- looked at -----------------------------------------------------------------------------------------------


def _json(one: reports.DemandView, today: Any) -> dict[str, Any]:
    stands = one.demand
    amounts = ("amount", "set_off", "paid", "to_estate", "withdrawn", "still_owed")
    return {
        "demand": entry_name(one.book_id, one.seq),
        "account_no": account_no(one.book_id),
        "status": stands.status,
        **{name: format_yuan(getattr(stands, name)) for name in amounts},
        "reason": one.reason,
        "document": one.document,
        "debt": None if one.debt is None else one.debt.word,
        "demanded_on": stands.demanded_on.isoformat(),
        "age_days": (today - stands.demanded_on).days,
    }


@router.get(
    "/v1/accounts/{account}/demands",
    **describe(tag=TAG, summary="The demands of an account", answer=DemandList, refusals=OF_ACCOUNT),
)
async def demands_of(account: str, request: Request) -> Response:
    """In the order in which they were made, settled ones too."""
    state = state_of(request)
    ref, today = state.ref(account), state.clock()[1]

    def look(connection: Any) -> dict[str, Any]:
        book_id = accounts.find_book(connection, ref)
        shown_by(request).of(book_id)
        return {"items": [_json(one, today) for one in reports.demands_of(connection, book_id)]}

    return json_answer(await state.read(look))


_DEMANDS = Listing(
    {
        "demand": "追缴编号",
        "account_no": "账户编号",
        "amount": "追缴金额",
        "set_off": "已抵扣",
        "paid": "已分期缴回",
        "to_estate": "转入遗产清偿",
        "withdrawn": "已撤销",
        "still_owed": "尚欠金额",
        "status": "状态",
        "reason": "原因",
        "document": "文书",
        "debt": "欠款来源",
        "demanded_on": "追缴日期",
        "age_days": "已历天数",
    }
)


@router.get(
    "/v1/demands",
    **with_csv(describe(tag=TAG, summary="Demands of which something is owed", answer=DemandPage)),
)
async def open_demands(request: Request, limit: PageLimit = LIMIT_DEFAULT, cursor: Cursor = None) -> Response:
    """By account, with their age."""
    today = state_of(request).clock()[1]

    def page(connection: Any, after: Any, limit: int) -> Page:
        last = None if after is None else (int(after[0]), int(after[1]))
        found = reports.open_demands(connection, last, limit)
        return [((one.book_id, one.seq), _json(one, today)) for one in found]

    return await answer_pages(
        request, _DEMANDS, "demands", "demands", page, cursor, limit, lambda key: int(key[0])
    )


@router.get(
    "/v1/demands/{demand}",
    **describe(tag=TAG, summary="A demand as it stands", answer=DemandView, refusals=(R.DEMAND_NOT_FOUND,)),
)
async def demand(demand: str, request: Request) -> Response:
    """By the entry that made it."""
    book_id, seq = entry_of(demand, R.DEMAND_NOT_FOUND)
    state = state_of(request)
    found = await state.glance(lambda connection: reports.demand(connection, book_id, seq))
    shown_by(request).of(book_id)
    return json_answer(_json(found, state.clock()[1]))
