"""The year end: a long run in a process of its own, started from here, and looked at as a batch."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api.http.fields import Year
from api.http.listing import json_answer
from api.http.posting import key_of
from api.http.receipts import instant
from api.http.routes import LedgerRoute, describe
from api.http.runs import BATCH_NAME_MAX, start_run
from api.http.state import State, state_of
from api.operations.answers import BatchAnswer, BatchStarted
from api.operations.bodies import YearEnd
from ledger import RefusalCode, Refused, batches, reading, year_end
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "batches"


@router.post(
    "/v1/year-ends/{year}",
    **describe(
        tag=TAG,
        summary="Post the interest of a finished year to every account of an area",
        answer=BatchStarted,
        status=202,
        refusals=(R.AREA_UNKNOWN, R.YEAR_NOT_OVER, R.RATES_MISSING),
        body=True,
        posting=True,
        key=False,
    ),
)
async def end_year(year: Annotated[Year, Path()], body: YearEnd, request: Request) -> Response:
    """Goes on beside all other work. Started again, it posts what is still owed, if anything."""
    key_of(request, required=False)
    state = state_of(request)
    year_end.check(year, body.area, state.clock()[1], state.policies)
    arguments = ("year-end", str(year), "--area", str(body.area))
    return await start_run(request, year_end.batch_name(year, body.area), year_end.CALLER, arguments)


@router.get(
    "/v1/batches/{batch}",
    **describe(tag=TAG, summary="How far a long run is", answer=BatchAnswer, refusals=(R.BATCH_NOT_FOUND,)),
)
async def batch(batch: str, request: Request) -> Response:
    """A batch is named by its work: `year-end-990100-2025`."""
    if not (batch.isascii() and batch.isprintable() and len(batch) <= BATCH_NAME_MAX):
        raise Refused(R.BATCH_NOT_FOUND, at="batch")
    state = state_of(request)
    return json_answer(await state.run(lambda: _batch_json(state, batch)))


def _batch_json(state: State, name: str) -> dict[str, Any]:
    with reading(state.engine) as connection:
        found = batches.find(connection, name)
    if found is None:
        raise Refused(R.BATCH_NOT_FOUND, at="batch")
    return {
        "batch": found.batch_id,
        "kind": found.kind,
        "state": found.state,
        "started_at": instant(found.started_at),
        "updated_at": instant(found.updated_at),
        "done": found.done,
        "refused": found.refused,
        "amount": format_yuan(found.amount_fen),
    }
