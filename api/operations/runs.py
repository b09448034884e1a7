"""Long runs: the routes that start one, each made from the table of runs, and how far one is."""

# no `annotations` from the future: those of a route that is made in a function are read when it is made

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api.http.fields import Period, Year
from api.http.listing import json_answer
from api.http.posting import key_of
from api.http.receipts import instant
from api.http.routes import LedgerRoute, describe
from api.http.runs import BATCH_NAME_MAX, start_run
from api.http.state import State, state_of
from api.operations.answers import BatchAnswer, BatchStarted
from api.operations.bodies import AnnualSettlements, RetireeCredits, YearEnd
from ledger import RefusalCode, Refused, batches, reading
from ledger.money import format_yuan
from ledger.operations.left_out import named
from ledger.operations.runs import RUNS
from ledger.posting.left_out import left_out_of

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "batches"

Starts = Callable[..., Coroutine[Any, Any, Response]]
Body = type[YearEnd] | type[RetireeCredits] | type[AnnualSettlements]


def _for_a_year(kind: str, model: Body) -> Starts:
    async def start(
        year: Annotated[Year, Path()],
        body: model,  # type: ignore[valid-type]  # read when the route is made
        request: Request,
    ) -> Response:
        return await _start(kind, year, body, request)

    return start


def _for_a_month(kind: str, model: Body) -> Starts:
    async def start(
        period: Annotated[Period, Path()],
        body: model,  # type: ignore[valid-type]  # read when the route is made
        request: Request,
    ) -> Response:
        if period is None:
            raise Refused(R.PERIOD_INVALID, at="period")
        return await _start(kind, period, body, request)

    return start


async def _start(kind: str, period: int, body: Any, request: Request) -> Response:
    key_of(request, required=False)
    older = isinstance(body, RetireeCredits) and body.older
    return await start_run(request, RUNS[kind].asked_for(older=older), period, body.area, older=older)


def _add(
    kind: str,
    path: str,
    starts: Callable[[str, Body], Starts],
    body: Body,
    *,
    name: str,
    summary: str,
    description: str,
    tag: str = TAG,
) -> None:
    described = describe(
        tag=tag,
        summary=summary,
        answer=BatchStarted,
        status=202,
        refusals=RUNS[kind].run.refused_with,
        body=True,
        posting=True,
        key=False,
    )
    # callers' generated clients know the operation by its name
    router.post(path, name=name, description=description, **described)(starts(kind, body))


_add(
    "year-end",
    "/v1/year-ends/{year}",
    _for_a_year,
    YearEnd,
    name="end_year",
    summary="Post the interest of a finished year to every account of an area",
    description="Goes on beside all other work. Started again, it posts what is still owed, if anything.",
)
_add(
    "retiree-credits",
    "/v1/retiree-credits/{period}",
    _for_a_month,
    RetireeCredits,
    name="credit",
    summary="Credit a month to every retiree of an area, out of the pooled fund",
    description="Goes on beside all other work. Started again, it credits those who have not had the month."
    " A month of more than a year ago is `period_invalid` unless `older` is true.",
)
_add(
    "annual-settlement",
    "/v1/annual-settlements/{year}",
    _for_a_year,
    AnnualSettlements,
    name="settle_area",
    summary="Settle a finished year of care of everybody of an area",
    description="Goes on beside all other work."
    " Started again, it settles what has changed since, if anything.",
    tag="annual settlements",
)


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
        left_out = named(connection, left_out_of(found.detail))
    told = {"left_out": left_out} if left_out else {}
    return told | {
        "batch": found.batch_id,
        "kind": found.kind,
        "state": found.state,
        "started_at": instant(found.started_at),
        "updated_at": instant(found.updated_at),
        "done": found.done,
        "refused": found.refused,
        "amount": format_yuan(found.amount_fen),
        "reason": found.reason,
    }
