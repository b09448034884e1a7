"""Transfers looked at: as they stand, listed by their step, and the sheet for the other agency (R51)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.http.listing import (
    LIMIT_DEFAULT,
    Cursor,
    Listing,
    Page,
    PageLimit,
    YesOrNo,
    answer_pages,
    json_answer,
    with_csv,
)
from api.http.posting import entry_of
from api.http.routes import LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import state_of
from api.transfers.answers import SheetView, StatusWord, TransferPage, TransferView
from ledger import RefusalCode, Refused, persons
from ledger.book.numbers import account_no, entry_name
from ledger.chart.transfers import STATUS_WORDS, Direction, TransferStatus
from ledger.money import format_yuan
from ledger.months import format_period
from ledger.transfers import reports

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "transfers"
_SHEET = ("current_year", "carried_over", "interest", "amount")


def view_json(one: reports.TransferView) -> dict[str, Any]:
    """A transfer as it stands."""
    case, asked = one.case, one.asked
    return {
        "transfer": entry_name(one.book_id, one.seq),
        "account_no": account_no(one.book_id),
        "direction": one.direction.word,
        "status": one.status.word,
        "other_agency": asked["other_agency"],
        "insured_from": asked.get("insured_from"),
        **{name: format_yuan(getattr(case, name)) for name in ("amount", "waiting", "supplements")},
        **{
            name: None if (day := getattr(case, name)) is None else day.isoformat()
            for name in ("asked_on", "moved_on", "ended_on")
        },
        "age_days": one.age_days,
        "due_on": None if one.due_on is None else one.due_on.isoformat(),
        "overdue": one.overdue,
    }


_TRANSFERS = Listing(
    {
        "transfer": "转移编号",
        "account_no": "账户编号",
        "direction": "方向",
        "status": "状态",
        "other_agency": "对方经办机构",
        "insured_from": "对方参保日期",
        "amount": "金额",
        "waiting": "待补转金额",
        "supplements": "已补转金额",
        "asked_on": "申请日期",
        "moved_on": "资金日期",
        "ended_on": "办结日期",
        "age_days": "已历天数",
        "due_on": "应办结日期",
        "overdue": "是否逾期",
    }
)


@router.get(
    "/v1/transfers",
    **with_csv(describe(tag=TAG, summary="Transfers at a step, with their age", answer=TransferPage)),
)
async def transfers(
    request: Request,
    status: Annotated[StatusWord | None, Query(description="Only those at this step")] = None,
    overdue: Annotated[YesOrNo | None, Query(description="Whose money should have moved, or not")] = None,
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """Money in transit is what was sent and is neither acknowledged nor rejected. Overdue is what was not
    sent, or not credited, by its day.
    """
    state = state_of(request)
    wanted = None if status is None else STATUS_WORDS[status]
    late = None if overdue is None else overdue == "true"
    today = state.clock()[1]

    def page(connection: Any, after: Any, limit: int) -> Page:
        last = None if after is None else (int(after[0]), int(after[1]))
        found = reports.transfers(connection, wanted, last, limit, state.policies, today, overdue=late)
        return [((one.book_id, one.seq), view_json(one)) for one in found]

    place = f"transfers|{status}" + ("" if overdue is None else f"|{overdue}")
    return await answer_pages(
        request, _TRANSFERS, "transfers", place, page, cursor, limit, lambda key: int(key[0])
    )


@router.get(
    "/v1/transfers/{transfer}",
    **describe(
        tag=TAG, summary="A transfer as it stands", answer=TransferView, refusals=(R.TRANSFER_NOT_FOUND,)
    ),
)
async def transfer(transfer: str, request: Request) -> Response:
    """By the entry that asked for it, or announced it."""
    book_id, seq = entry_of(transfer, R.TRANSFER_NOT_FOUND)
    state = state_of(request)
    found = await state.glance(
        lambda connection: reports.transfer(connection, book_id, seq, state.policies, state.clock()[1])
    )
    shown_by(request).of(book_id)
    return json_answer(view_json(found))


@router.get(
    "/v1/transfers/{transfer}/sheet",
    **describe(
        tag=TAG,
        summary="The information sheet of a transfer out, for the other agency",
        answer=SheetView,
        refusals=(R.TRANSFER_NOT_FOUND, R.TRANSFER_STATE),
    ),
)
async def sheet(transfer: str, request: Request) -> Response:
    """The person, the months that were paid, and the money. Once it was sent."""
    book_id, seq = entry_of(transfer, R.TRANSFER_NOT_FOUND)
    state = state_of(request)

    def look(connection: Any) -> dict[str, Any]:
        view = reports.transfer(connection, book_id, seq, state.policies, state.clock()[1])
        if view.direction is not Direction.OUT or view.case.moved_on is None:
            raise Refused(R.TRANSFER_STATE, state=TransferStatus(view.case.status).word)
        told = reports.sheet(connection, book_id, seq)
        known = persons.known(connection, state.keyring, [told.person_id])[told.person_id]
        return {
            "transfer": entry_name(book_id, seq),
            "account_no": account_no(book_id),
            "name": known.name,
            "id_number": known.number,
            "other_agency": view.asked["other_agency"],
            "insured_from": view.asked["insured_from"],
            "sent_on": view.case.moved_on.isoformat(),
            **{name: format_yuan(told.money[name]) for name in _SHEET},
            "months": [format_period(month) for month in told.months],
        }

    answer = await state.read(look)
    shown_by(request).of(book_id)
    return json_answer(answer)
