"""Lists over all employers for a supervisor, and the refused lines of a file."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.contributions.employers import end_json
from api.contributions.report_answers import (
    EmployerArrearsPage,
    OverdueRegistrationPage,
    RejectedLinePage,
    UndeclaredPage,
)
from api.http.fields import Area, Day, MonthText, day_text, month_of, month_text, yuan_text
from api.http.listing import (
    CHINESE,
    LIMIT_DEFAULT,
    Cursor,
    Listing,
    Page,
    PageLimit,
    answer_pages,
    language_of,
    wants_csv,
    with_csv,
)
from api.http.problems import Code, DoorCode
from api.http.routes import LedgerRoute, describe
from api.http.runs import BATCH_NAME_MAX
from api.http.state import State, state_of
from api.operations.imports import chinese_column
from ledger import RefusalCode, Refused, batches
from ledger.book.numbers import account_no, entry_name
from ledger.bounds.looks import REPORTED_MONTH
from ledger.contributions import arrears_reports
from ledger.money import format_yuan
from ledger.months import period_of, previous_period

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "reports"
RULED = (R.AREA_UNKNOWN,)

AreaFilter = Annotated[Area | None, Query(description="Only employers of this area; default all")]


def _known(state: State, area: int | None) -> None:
    if area is not None and area not in state.policies:
        raise Refused(R.AREA_UNKNOWN, at="area")


_ARREARS = Listing(
    {
        "employer": "统一社会信用代码",
        "name": "单位名称",
        "periods": "费款所属期",
        "principal": "欠缴本金",
        "late_fee": "滞纳金",
        "left_out": "未计滞纳金的所属期",
        "closed_on": "终止日期",
        "into": "并入单位",
    }
)


@router.get(
    "/v1/reports/arrears",
    **with_csv(
        describe(
            tag=TAG,
            summary="All employers that are in arrears on a day",
            answer=EmployerArrearsPage,
            refusals=RULED,
        )
    ),
)
async def employers_in_arrears(
    request: Request,
    area: AreaFilter = None,
    on: Annotated[Day | None, Query(description="At the end of which day; default today")] = None,
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """By credit code. The day may lie back, or ahead: then nothing more is paid until it.

    A month that the area has no figures for has no late fee: it is named in `left_out`.
    """
    state = state_of(request)
    _known(state, area)
    day = state.clock()[1] if on is None else on

    def page(connection: Any, after: str | None, limit: int) -> Page:
        found = arrears_reports.employers_in_arrears(
            connection, day, state.policies, area=area, after=after or "", limit=limit
        )
        return [(one.credit_code, _arrears_json(one)) for one in found]

    place = f"in-arrears|{area}|{day}"
    return await answer_pages(request, _ARREARS, f"arrears-{day}", place, page, cursor, limit)


def _arrears_json(one: arrears_reports.EmployerArrears) -> dict[str, Any]:
    left_out = [month_text(period) for period in one.left_out]
    return ({"left_out": left_out} if left_out else {}) | {
        "employer": one.credit_code,
        "name": one.name,
        **end_json(one.end),
        "periods": [month_text(month.period) for month in one.months],
        "principal": format_yuan(one.principal_fen),
        "late_fee": format_yuan(one.late_fee_fen),
    }


_OVERDUE = Listing(
    {
        "account_no": "个人账户号",
        "enrolment": "登记条目",
        "employer": "统一社会信用代码",
        "employer_name": "单位名称",
        "from": "参保日期",
        "due_on": "登记截止日",
        "recorded_on": "登记日期",
        "days_late": "逾期天数",
    }
)


@router.get(
    "/v1/reports/overdue-registrations",
    **with_csv(
        describe(
            tag=TAG,
            summary="Employees who were enrolled later than the area allows",
            answer=OverdueRegistrationPage,
            refusals=RULED,
        )
    ),
)
async def overdue_registrations(
    request: Request,
    area: AreaFilter = None,
    on: Annotated[Day | None, Query(description="As recorded by the end of it; default today")] = None,
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """The days that count are those of the policy on the day on which the enrolment begins.

    Where the area had no such rule yet, `due_on` is null.
    """
    state = state_of(request)
    _known(state, area)
    day = state.clock()[1] if on is None else on

    def page(connection: Any, after: list[int] | None, limit: int) -> Page:
        found = arrears_reports.overdue_registrations(
            connection,
            day,
            state.policies,
            area=area,
            after=(0, 0) if after is None else (after[0], after[1]),
            limit=limit,
        )
        return [((one.account_id, one.seq), _overdue_json(one)) for one in found]

    place = f"overdue|{area}|{day}"
    name = f"overdue-registrations-{day}"
    return await answer_pages(request, _OVERDUE, name, place, page, cursor, limit, lambda key: key[0])


def _overdue_json(one: arrears_reports.OverdueRegistration) -> dict[str, Any]:
    return {
        "account_no": account_no(one.account_id),
        "enrolment": entry_name(one.account_id, one.seq),
        "employer": one.employer,
        "employer_name": one.employer_name,
        "from": one.first.isoformat(),
        "due_on": day_text(one.due_on),
        "recorded_on": one.recorded_on.isoformat(),
        "days_late": one.days_late,
    }


_UNDECLARED = Listing(
    {
        "employer": "统一社会信用代码",
        "name": "单位名称",
        "period": "费款所属期",
        "last_month": "上月应缴金额",
        "estimate": "核定金额",
    }
)


@router.get(
    "/v1/reports/undeclared",
    **with_csv(
        describe(
            tag=TAG,
            summary="Employers that owed for the month before and have not declared this one",
            answer=UndeclaredPage,
            refusals=(R.PERIOD_INVALID, *RULED),
        )
    ),
)
async def undeclared(
    request: Request,
    area: AreaFilter = None,
    period: Annotated[MonthText | None, Query(description="Default: last month")] = None,
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """By credit code. A month that was estimated is no longer in the list."""
    state = state_of(request)
    _known(state, area)
    today = state.clock()[1]
    latest = period_of(today)
    month = previous_period(latest) if period is None else month_of(period)
    REPORTED_MONTH.admit_month(month, today, "period")

    def page(connection: Any, after: str | None, limit: int) -> Page:
        found = arrears_reports.undeclared(
            connection, month, state.policies, area=area, after=after or "", limit=limit
        )
        return [(one.credit_code, _undeclared_json(month, one)) for one in found]

    name, place = f"undeclared-{month_text(month)}", f"undeclared|{area}|{month}"
    return await answer_pages(request, _UNDECLARED, name, place, page, cursor, limit)


def _undeclared_json(month: int, one: arrears_reports.Undeclared) -> dict[str, Any]:
    return {
        "employer": one.credit_code,
        "name": one.name,
        "period": month_text(month),
        "last_month": format_yuan(one.last_month_fen),
        "estimate": yuan_text(one.estimate_fen),
    }


_REJECTED = Listing({"line": "行号", "code": "代码", "reason": "原因", "column": "列"})


@router.get(
    "/v1/batches/{batch}/rejected",
    **with_csv(
        describe(
            tag="batches",
            summary="The lines of a file that were refused, and why",
            answer=RejectedLinePage,
            refusals=(R.BATCH_NOT_FOUND,),
        )
    ),
)
async def rejected(
    batch: str, request: Request, limit: PageLimit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Response:
    """What the lines said is not kept: they are to be found in the file by their number."""
    if not (batch.isascii() and batch.isprintable() and len(batch) <= BATCH_NAME_MAX):
        raise Refused(R.BATCH_NOT_FOUND, at="batch")

    chinese = wants_csv(request) and language_of(request) == CHINESE

    def page(connection: Any, after: int | None, limit: int) -> Page:
        found = arrears_reports.rejected_lines(connection, batch, after=after or 0, limit=limit)
        return [(one.line, _rejected_json(batch, one, chinese=chinese)) for one in found]

    return await answer_pages(request, _REJECTED, "rejected-lines", f"rejected|{batch}", page, cursor, limit)


def _rejected_json(batch: str, refused: batches.RefusedLine, *, chinese: bool) -> dict[str, Any]:
    words = _code(refused.code).words
    column = refused.column
    if chinese and column is not None:
        column = chinese_column(batch, column)
    return {
        "line": refused.line,
        "code": refused.code,
        "reason": words.detail if chinese else words.title,
        "column": column,
    }


def _code(text: str) -> Code:
    """The code of a refused line; a line may also have met a fault of the service."""
    try:
        return RefusalCode(text)
    except ValueError:
        return DoorCode(text)
