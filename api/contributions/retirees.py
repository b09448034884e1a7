"""The monthly credit of retirees: a long run in a process of its own, started from here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.contributions.bodies import RetireeCredits
from api.http.fields import Period, month_text
from api.http.posting import key_of
from api.http.routes import LedgerRoute, describe
from api.http.runs import start_run
from api.http.state import state_of
from api.operations.answers import BatchStarted
from ledger import RefusalCode, Refused, retirees

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode


@router.post(
    "/v1/retiree-credits/{period}",
    **describe(
        tag="batches",
        summary="Credit a month to every retiree of an area, out of the pooled fund",
        answer=BatchStarted,
        status=202,
        refusals=(R.AREA_UNKNOWN, R.PERIOD_INVALID, R.RATES_MISSING),
        body=True,
        posting=True,
        key=False,
    ),
)
async def credit(period: Annotated[Period, Path()], body: RetireeCredits, request: Request) -> Response:
    """Goes on beside all other work. Started again, it credits those who have not had the month."""
    key_of(request, required=False)
    state = state_of(request)
    if period is None:
        raise Refused(R.PERIOD_INVALID, at="period")
    retirees.check(period, body.area, state.clock()[1], state.policies)
    arguments = ("retiree-credits", month_text(period), "--area", str(body.area))
    return await start_run(request, retirees.batch_name(period, body.area), retirees.CALLER, arguments)
