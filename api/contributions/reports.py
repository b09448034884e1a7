"""An employer's right to ask: its debts, its payments, and what was paid for its staff.

Never what stands in an account, never the account's number, and never a whole ID number.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from api.contributions.employers import end_json
from api.contributions.report_answers import (
    ArrearList,
    CaseStepPage,
    EmployerMonthPage,
    EmployerStandingAnswer,
    ReceivedPage,
    StaffMonthPage,
)
from api.http.fields import (
    Day,
    MonthText,
    day_text,
    month_of,
    month_text,
    yuan_text,
)
from api.http.listing import (
    LIMIT_DEFAULT,
    Cursor,
    Listing,
    Page,
    PageLimit,
    answer_pages,
    answer_whole,
    json_answer,
    with_csv,
)
from api.http.receipts import instant
from api.http.routes import LedgerRoute, describe
from api.http.state import state_of
from ledger import Kind, Receipt, RefusalCode, employers, persons, reports
from ledger.book.detail import unpack
from ledger.book.numbers import entry_name
from ledger.contributions import arrears_reports
from ledger.contributions import reports as contribution_reports
from ledger.contributions.closed_days import ends_on
from ledger.contributions.credit_codes import parse_credit_code
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG: Final = "contributions"
OnDay = Annotated[Day | None, Query(description="The day as of which it is shown; default today")]
OF_EMPLOYER: Final = (R.CREDIT_CODE_INVALID, R.EMPLOYER_NOT_FOUND)


def _book_of(connection: Any, credit_code: str) -> int:
    return employers.find(connection, credit_code).book_id


@router.get(
    "/v1/employers/{employer}",
    **describe(
        tag=TAG,
        summary="An employer, and what of its money waits in suspense",
        answer=EmployerStandingAnswer,
        refusals=OF_EMPLOYER,
    ),
)
async def employer(employer: str, request: Request, on: OnDay = None) -> Response:
    """By its unified social credit code. What it is, is that of the day `on`; the money is today's."""
    day = on or state_of(request).clock()[1]

    def look(connection: Any) -> dict[str, Any]:
        found = employers.find(connection, employer, day)
        shown = contribution_reports.standing(connection, found.book_id)
        end = ends_on(connection, {found.book_id}, day).get(found.book_id)
        owed = {} if end is None else {"still_owed": arrears_reports.owed_in_all(connection, found.book_id)}
        return {
            "credit_code": found.credit_code,
            "name": found.name,
            "area": f"{found.area:06d}",
            "state": "open" if end is None else "closed" if end.into is None else "merged",
            **end_json(end),
            **{name: format_yuan(fen) for name, fen in owed.items()},
            "surplus": format_yuan(shown.surplus_fen),
            "waiting": format_yuan(shown.waiting_fen),
            "to_forward": format_yuan(shown.forward_fen),
        }

    return json_answer(await state_of(request).read(look))


_ARREARS = Listing(
    {
        "period": "费款所属期",
        "due_on": "缴费截止日",
        "principal": "欠缴本金",
        "late_fee": "滞纳金",
        "late_fee_uncapped": "未封顶滞纳金",
    }
)


@router.get(
    "/v1/employers/{employer}/arrears",
    **with_csv(
        describe(
            tag=TAG,
            summary="The months an employer is in arrears with on a day",
            answer=ArrearList,
            refusals=(*OF_EMPLOYER, R.AREA_UNKNOWN),
        )
    ),
)
async def arrears(
    employer: str,
    request: Request,
    on: Annotated[Day | None, Query(description="At the end of which day; default today")] = None,
) -> Response:
    """The day may lie back, or ahead: then nothing more is paid until it. The due date itself is in time.

    Of a month that the area has no figures for only the principal is known: the rest of it is null.
    """
    state = state_of(request)
    day = state.clock()[1] if on is None else on
    code = parse_credit_code(employer)

    def look(connection: Any) -> list[dict[str, Any]]:
        book_id = _book_of(connection, code)
        return [
            {
                "period": month_text(one.period),
                "due_on": day_text(one.due_on),
                "principal": format_yuan(one.principal_fen),
                "late_fee": yuan_text(one.late_fee_fen),
                "late_fee_uncapped": yuan_text(one.uncapped_fee_fen),
            }
            for one in arrears_reports.arrears(connection, book_id, day, state.policies)
        ]

    return await answer_whole(request, _ARREARS, f"arrears-{code}-{day}", look)


_MONTHS = Listing(
    {
        "period": "费款所属期",
        "employer": "统一社会信用代码",
        "base": "缴费基数",
        "assessed": "应缴金额",
        "estimated": "是否核定",
        "paid": "实缴金额",
        "paid_on": "到账日期",
        "owed": "欠缴金额",
        "late_fee_paid": "已缴滞纳金",
    }
)


@router.get(
    "/v1/employers/{employer}/payments",
    **with_csv(
        describe(
            tag=TAG,
            summary="What an employer was assessed and paid, month by month",
            answer=EmployerMonthPage,
            refusals=(*OF_EMPLOYER, R.PERIOD_INVALID),
        )
    ),
)
async def employer_payments(
    employer: str,
    request: Request,
    period: Annotated[MonthText | None, Query(description="Only this month")] = None,
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """The latest month last. What waits for a list that is to come counts as paid."""
    code = parse_credit_code(employer)
    month = None if period is None else month_of(period)

    def page(connection: Any, after: int | None, limit: int) -> Page:
        book_id = _book_of(connection, code)
        found = contribution_reports.months(connection, book_id, period=month, after=after or 0, limit=limit)
        return [(one.period, _month_json(code, one)) for one in found]

    place = f"payments|{code}|{month}"
    return await answer_pages(request, _MONTHS, f"payments-{code}", place, page, cursor, limit)


def _month_json(code: str, month: contribution_reports.MonthPaid) -> dict[str, Any]:
    return {
        "period": month_text(month.period),
        "employer": code,
        "base": yuan_text(month.base_fen),
        "assessed": format_yuan(month.assessed_fen),
        "estimated": month.estimated,
        "paid": format_yuan(month.paid_fen),
        "paid_on": day_text(month.paid_on),
        "owed": format_yuan(month.owed_fen),
        "late_fee_paid": format_yuan(month.late_fee_paid_fen),
    }


_STAFF = Listing(
    {
        "id_number": "证件号码",
        "name": "姓名",
        "base": "缴费基数",
        "employee_part": "个人缴费",
        "employer_part": "单位缴费",
        "assessed": "应缴金额",
        "paid": "实缴金额",
        "paid_on": "到账日期",
        "owed": "欠缴金额",
    }
)


@router.get(
    "/v1/employers/{employer}/payments/{period}",
    **with_csv(
        describe(
            tag=TAG,
            summary="What was assessed and paid for an employer's staff in a month",
            answer=StaffMonthPage,
            refusals=(*OF_EMPLOYER, R.PERIOD_INVALID),
        )
    ),
)
async def staff_payments(
    employer: str,
    period: MonthText,
    request: Request,
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """Only those whom this employer declared for the month. Names and ID numbers are masked."""
    state = state_of(request)
    code, month = parse_credit_code(employer), month_of(period)

    def page(connection: Any, after: int | None, limit: int) -> Page:
        book_id = _book_of(connection, code)
        found = contribution_reports.staff(connection, book_id, month, after=after or 0, limit=limit)
        people = persons.known(connection, state.keyring, [one.person_id for one in found if one.person_id])
        return [(one.account_id, _staff_json(one, people.get(one.person_id or 0))) for one in found]

    name, place = f"staff-{code}-{month_text(month)}", f"staff|{code}|{month}"
    return await answer_pages(
        request, _STAFF, name, place, page, cursor, limit, lambda account_id: account_id
    )


def _staff_json(one: contribution_reports.StaffPaid, person: persons.Known | None) -> dict[str, Any]:
    return {
        "id_number": None if person is None else person.masked_number,
        "name": None if person is None else person.masked_name,
        "base": format_yuan(one.base_fen),
        "employee_part": format_yuan(one.employee_fen),
        "employer_part": format_yuan(one.employer_fen),
        "assessed": format_yuan(one.assessed_fen),
        "paid": format_yuan(one.paid_fen),
        "paid_on": day_text(one.paid_on),
        "owed": format_yuan(one.owed_fen),
    }


_PAYMENTS = Listing(
    {
        "receipt": "记账条目",
        "period": "费款所属期",
        "amount": "到账金额",
        "received_on": "到账日期",
        "source_ref": "来源单据",
        "to_accounts": "划入个人账户",
        "to_pooled_fund": "划入统筹基金",
        "late_fee": "滞纳金",
        "to_suspense": "暂存",
        "receivable": "冲抵个人应收",
        "reversed_by": "被冲销",
    }
)


@router.get(
    "/v1/employers/{employer}/receipts",
    **with_csv(
        describe(
            tag=TAG,
            summary="The payments of an employer, and where each went",
            answer=ReceivedPage,
            refusals=OF_EMPLOYER,
        )
    ),
)
async def receipts(
    employer: str, request: Request, limit: PageLimit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Response:
    """In the order in which they were recorded."""
    code = parse_credit_code(employer)

    def page(connection: Any, after: int | None, limit: int) -> Page:
        found = _entries(connection, code, Kind.PAYMENT, after, limit)
        back = contribution_reports.taken_back_of(connection, found[0].book_id) if found else {}
        return [(one.seq, _payment_json(one, back.get(one.seq))) for one in found]

    name, place = f"receipts-{code}", f"receipts|{code}"
    return await answer_pages(request, _PAYMENTS, name, place, page, cursor, limit)


def _entries(connection: Any, code: str, kind: Kind, after: int | None, limit: int) -> list[Receipt]:
    book_id = _book_of(connection, code)
    return reports.entries(connection, book_id, kind=kind, after_seq=after or 0, limit=limit)


def _payment_json(entry: Receipt, back: int | None) -> dict[str, Any]:
    told = unpack(entry.detail)
    return {
        "receipt": entry_name(entry.book_id, entry.seq),
        "period": None if entry.period is None else month_text(entry.period),
        "amount": format_yuan(told["amount"]),
        "received_on": entry.effective_on.isoformat(),
        "source_ref": entry.source_ref,
        "to_accounts": format_yuan(told["to_accounts"]),
        "to_pooled_fund": format_yuan(told["to_pooled_fund"]),
        "late_fee": format_yuan(told["late_fee"]),
        "to_suspense": format_yuan(told["to_suspense"]),
        "receivable": format_yuan(told.get("receivable", 0)),
        "reversed_by": None if back is None else entry_name(entry.book_id, back),
    }


_STEPS = Listing(
    {
        "case_step": "记账条目",
        "step": "措施",
        "taken_on": "日期",
        "period": "费款所属期",
        "amount": "金额",
        "source_ref": "文书号",
        "note": "备注",
        "recorded_at": "登记时间",
    }
)


@router.get(
    "/v1/employers/{employer}/case-steps",
    **with_csv(
        describe(
            tag=TAG,
            summary="What was done about an employer that did not register or pay",
            answer=CaseStepPage,
            refusals=OF_EMPLOYER,
        )
    ),
)
async def case_steps(
    employer: str, request: Request, limit: PageLimit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Response:
    """In the order in which the steps were recorded."""
    code = parse_credit_code(employer)

    def page(connection: Any, after: int | None, limit: int) -> Page:
        found = _entries(connection, code, Kind.CASE_STEP, after, limit)
        return [(one.seq, _step_json(one)) for one in found]

    name, place = f"case-steps-{code}", f"case-steps|{code}"
    return await answer_pages(request, _STEPS, name, place, page, cursor, limit)


def _step_json(entry: Receipt) -> dict[str, Any]:
    told = unpack(entry.detail)
    return {
        "case_step": entry_name(entry.book_id, entry.seq),
        "step": told["step"],
        "taken_on": told["taken_on"],
        "period": None if entry.period is None else month_text(entry.period),
        "amount": yuan_text(told.get("amount")),
        "source_ref": entry.source_ref,
        "note": told.get("note"),
        "recorded_at": instant(entry.recorded_at),
    }
