"""What an institution is owed: the statement of a month."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BeforeValidator, Field

from api.http.answers import Month, yuan
from api.http.fields import MonthText, month_of, month_text
from api.http.listing import VARY, Listing, answer_whole, json_answer, wants_csv, with_csv
from api.http.routes import LedgerRoute, describe
from api.http.state import state_of
from api.institutions.clearings import ClearingItem, clearing_json
from api.institutions.institutions import institution_of
from api.institutions.reconciliations import TAG, SideTotals, totals_json
from ledger import RefusalCode
from ledger.bounds.looks import REPORTED_MONTH
from ledger.clearing import statements
from ledger.money import format_yuan
from ledger.months import period_of, previous_period

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode


class StatementDayItem(SideTotals):
    """One day with lines, or that was compared."""

    day: date
    mutual: str = yuan("What relatives paid")
    state: Literal["balanced", "different", "changed", "open"] = Field(
        description="`changed` since it was balanced; `open`: never compared"
    )


class StatementAnswer(SideTotals):
    """What the agency owes an institution for a month. It names no patient."""

    institution: str = Field(examples=["H0101"])
    month: Month
    mutual: str = yuan("What relatives paid of the month's bills")
    owed: str = yuan("Fund, accounts and relatives together")
    advances: str = yuan("Advanced to the institution in third-party cases")
    carried: str = yuan("What the clearings of earlier months left open")
    paid: str = yuan("What was paid for the month's clearing")
    owes: str = yuan("owed + advances + carried - paid")
    single: str | None = Field(
        description="Spendings and captures less their reversals; null unless asked for, no part of `owes`"
    )
    clearing: ClearingItem | None = Field(description="The month's clearing that stands")
    days: list[StatementDayItem]


def _read_flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in {"true", "false"}:
        return value == "true"
    raise ValueError("true or false")


Flag = Annotated[bool, BeforeValidator(_read_flag)]


_STATEMENT = Listing(
    {
        "day": "日期",
        "count": "笔数",
        "total": "医疗费总额",
        "fund": "基金支付",
        "account": "个人账户支付",
        "mutual": "共济支付",
        "state": "对账状态",
    }
)


@router.get(
    "/v1/institutions/{institution}/statement",
    **with_csv(
        describe(
            tag=TAG,
            summary="What the agency owes an institution for a month",
            answer=StatementAnswer,
            refusals=(R.INSTITUTION_UNKNOWN, R.PERIOD_INVALID),
        )
    ),
)
async def statement(
    institution: str,
    request: Request,
    month: Annotated[MonthText | None, Query(description="Default: last month")] = None,
    single: Annotated[
        Flag, Query(description="Also what single spendings and captures came to: reads every transfer")
    ] = False,
) -> Response:
    """Day by day and in sum; as CSV only the days. Advances and payments go by their value date."""
    state = state_of(request)
    found = await institution_of(request, institution)
    today = state.clock()[1]
    latest = period_of(today)
    period = previous_period(latest) if month is None else month_of(month, "month")
    REPORTED_MONTH.admit_month(period, today, "month")

    def look(connection: Any) -> statements.Statement:
        return statements.statement(connection, found.party_id, period, single=single)

    if wants_csv(request):
        name = f"statement-{month_text(period)}"
        return await answer_whole(request, _STATEMENT, name, lambda connection: _days(look(connection)))
    return json_answer({"institution": found.code, **_statement(await state.report(look))}, VARY)


def _statement(one: statements.Statement) -> dict[str, Any]:
    return {
        "month": month_text(one.period),
        **totals_json(one.totals),
        "mutual": format_yuan(one.mutual),
        "owed": format_yuan(one.owed),
        "advances": format_yuan(one.advances),
        "carried": format_yuan(one.carried),
        "paid": format_yuan(one.paid),
        "owes": format_yuan(one.owes),
        "single": None if one.single is None else format_yuan(one.single),
        "clearing": None if one.clearing is None else clearing_json(one.clearing),
        "days": _days(one),
    }


def _days(one: statements.Statement) -> list[dict[str, Any]]:
    return [
        {
            "day": day.day.isoformat(),
            **totals_json(day.totals),
            "mutual": format_yuan(day.mutual),
            "state": day.state,
        }
        for day in one.days
    ]
