"""A person's right to ask: who paid what for which month, and how the person was enrolled."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.contributions.report_answers import EnrolmentList, PersonMonthList
from api.contributions.reports import TAG
from api.http.fields import MonthText, day_text, month_of, month_text, yuan_text
from api.http.listing import Listing, answer_whole, json_answer, with_csv
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import state_of
from ledger import BookRef, RefusalCode, reports
from ledger.book.numbers import entry_name
from ledger.contributions import reports as contribution_reports
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode

FirstMonth = Annotated[MonthText | None, Query(alias="from", description="Months from this one")]
LastMonth = Annotated[MonthText | None, Query(alias="to", description="Months up to this one")]
_PERSON = Listing(
    {
        "period": "费款所属期",
        "kind": "类型",
        "employer": "统一社会信用代码",
        "employer_name": "单位名称",
        "base": "缴费基数",
        "employee_part": "个人缴费",
        "employer_part": "单位缴费",
        "assessed": "应缴金额",
        "paid": "实缴金额",
        "paid_on": "到账日期",
        "owed": "欠缴金额",
        "to_account": "划入个人账户",
    }
)


@router.get(
    "/v1/accounts/{account}/payments",
    **with_csv(
        describe(
            tag=TAG,
            summary="For every month: whether, when, by whom and on what base was paid, and what is owed",
            answer=PersonMonthList,
            refusals=(*OF_ACCOUNT, R.PERIOD_INVALID),
        )
    ),
)
async def person_payments(
    account: str,
    request: Request,
    first: FirstMonth = None,
    last: LastMonth = None,
) -> Response:
    """A row for each month and employer, the latest last; what came without an employer is a row too."""
    return await show_payments(request, state_of(request).ref(account), first, last)


async def show_payments(request: Request, ref: BookRef, first: str | None, last: str | None) -> Response:
    """A person's months, as JSON or CSV. Raises Refused."""
    state = state_of(request)
    months = {
        name: month_of(text, name) for name, text in (("first", first), ("last", last)) if text is not None
    }

    def look(connection: Any) -> list[dict[str, Any]]:
        book_id = reports.find_book(connection, ref)
        items = months_json(connection, book_id, **months)
        shown_by(request).of(book_id, items=len(items))
        return items

    return await answer_whole(request, _PERSON, f"payment-list-{state.clock()[1]}", look)


def months_json(connection: Any, book_id: int, **span: int) -> list[dict[str, Any]]:
    """A person's months, from `first` to `last` (YYYYMM) where these are said."""
    return [
        {
            "period": month_text(month.period),
            "kind": month.kind.word,
            "employer": month.employer,
            "employer_name": month.employer_name,
            "base": yuan_text(month.base_fen),
            "employee_part": yuan_text(month.employee_fen),
            "employer_part": yuan_text(month.employer_fen),
            "assessed": format_yuan(month.assessed_fen),
            "paid": format_yuan(month.paid_fen),
            "paid_on": day_text(month.paid_on),
            "owed": format_yuan(month.owed_fen),
            "to_account": format_yuan(month.to_account_fen),
        }
        for month in contribution_reports.person_months(connection, book_id, **span)
    ]


@router.get(
    "/v1/accounts/{account}/enrolments",
    **describe(
        tag=TAG,
        summary="A person's enrolments, in the order in which they were recorded",
        answer=EnrolmentList,
        refusals=OF_ACCOUNT,
    ),
)
async def enrolments(account: str, request: Request) -> Response:
    """The end of an enrolment is recorded as one that takes its place."""
    state = state_of(request)
    ref = state.ref(account)

    def look(connection: Any) -> dict[str, Any]:
        book_id = reports.find_book(connection, ref)
        items = enrolments_json(connection, book_id, state.clock()[1])
        shown_by(request).of(book_id, items=len(items))
        return {"items": items}

    return json_answer(await state.read(look))


def enrolments_json(connection: Any, book_id: int, today: date) -> list[dict[str, Any]]:
    """A person's enrolments, in the order in which they were recorded."""
    return [
        {
            "enrolment": entry_name(book_id, one.seq),
            "member_class": one.member_class.word,
            "employer": one.employer,
            "wage": yuan_text(one.wage_fen),
            "from": one.first.isoformat(),
            "to": day_text(one.last),
            "status": one.status(today),
            "recorded_on": one.recorded_on.isoformat(),
            "replaced_by": None if one.replaced_by is None else entry_name(book_id, one.replaced_by),
            "reversed_by": None if one.reversed_by is None else entry_name(book_id, one.reversed_by),
        }
        for one in contribution_reports.enrolments(connection, book_id)
    ]
