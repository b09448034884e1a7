"""Totals over all books."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.http.fields import Day
from api.http.listing import json_answer
from api.http.routes import LedgerRoute, describe
from api.http.state import state_of
from api.operations.answers import TrialBalanceAnswer
from ledger import RefusalCode, reports
from ledger.bounds.looks import TOTALLED_ON
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)


@router.get(
    "/v1/reports/trial-balance",
    **describe(
        tag="reports",
        summary="Totals by side, of one recorded day and of everything up to it",
        answer=TrialBalanceAnswer,
        refusals=(RefusalCode.PERIOD_INVALID,),
    ),
)
async def trial_balance(
    request: Request,
    on: Annotated[Day | None, Query(description="The day of recording; default everything")] = None,
) -> Response:
    """Debits and credits are equal. What the two pockets stand for is what the agency owes its members."""
    state = state_of(request)
    today = state.clock()[1]
    if on is not None:
        TOTALLED_ON.admit(on, today, "on")

    def look(connection: Any) -> dict[str, Any]:
        shown = reports.trial_balance(connection, on)
        return {
            "on": None if shown.on is None else shown.on.isoformat(),
            "day": _sides(shown.day),
            "cumulative": _sides(shown.cumulative),
        }

    return json_answer(await state.report(look))


def _sides(totals: Iterable[reports.SideTotal]) -> list[dict[str, str]]:
    return [
        {
            "side": total.side.name.lower(),
            "debit": format_yuan(total.debit_fen),
            "credit": format_yuan(total.credit_fen),
            "net": format_yuan(total.net_fen),
        }
        for total in totals
    ]
