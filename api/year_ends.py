"""The year end: a long run in a process of its own, started from here, and looked at as a batch."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BeforeValidator, Field
from pydantic_core import to_json

from api.accounts import json_answer
from api.answers import BatchAnswer, BatchStarted
from api.fields import read_count
from api.posting import key_of, wants_dry_run
from api.receipts import instant
from api.routes import JSON, LedgerRoute, describe
from api.schemas import YearEnd
from api.state import State, state_of
from ledger import RefusalCode, Refused, batches, reading, year_end
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "batches"
BATCH_NAME_MAX = 200
_log = logging.getLogger("api.year_end")

Year = Annotated[int, Field(ge=1900, le=2999), BeforeValidator(read_count)]


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


async def start_run(request: Request, name: str, kind: str, arguments: Sequence[str]) -> Response:
    """Start the operator's command `arguments` as the batch `name`, unless it runs already; the answer."""
    state = state_of(request)
    answer = {"batch": name, "state": batches.RUNNING}
    if wants_dry_run(request):
        return json_answer(answer | {"dry_run": True})
    # the batch is there before the answer is, so that it can be asked for at once
    await state.run(lambda: _claim(state, name, kind))
    if name not in state.runs:
        state.runs.add(name)
        threading.Thread(target=_run, args=(state, name, arguments), name=name, daemon=True).start()
    return Response(to_json(answer), 202, {"Location": f"/v1/batches/{name}"}, media_type=JSON)


def _claim(state: State, name: str, kind: str) -> None:
    with state.engine.connect() as connection:
        batches.claim(connection, name, kind, state.clock()[0])


def _run(state: State, name: str, arguments: Sequence[str]) -> None:
    """One run in a process of its own: it outlives this one, and a killed one is simply started again."""
    try:
        # not asyncio's: that one kills its children when the loop ends
        process = subprocess.Popen(
            [sys.executable, "-m", "ledger", *arguments],
            env=os.environ | state.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        code = process.wait()
        if code != 0:
            _log.error("the run %s ended with code %d", name, code)
            _mark_failed(state, name)
    finally:
        state.runs.discard(name)


def _mark_failed(state: State, name: str) -> None:
    with state.engine.connect() as connection:
        batch = batches.find(connection, name)
        if batch is not None and batch.state == batches.RUNNING:
            batch.state = batches.FAILED
            batches.save(connection, batch, state.clock()[0])


@router.get(
    "/v1/batches/{batch}",
    **describe(tag=TAG, summary="How far a long run is", answer=BatchAnswer, refusals=(R.BATCH_NOT_FOUND,)),
)
async def batch(batch: str, request: Request) -> Response:
    """A batch is named by its work: `year-end-990100-2025`."""
    if not (batch.isascii() and batch.isprintable() and len(batch) <= BATCH_NAME_MAX):
        raise Refused(R.BATCH_NOT_FOUND)
    state = state_of(request)
    return json_answer(await state.run(lambda: _batch_json(state, batch)))


def _batch_json(state: State, name: str) -> dict[str, Any]:
    with reading(state.engine) as connection:
        found = batches.find(connection, name)
    if found is None:
        raise Refused(R.BATCH_NOT_FOUND)
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
