"""Long runs that a request starts."""

from __future__ import annotations

import logging

from fastapi import Request, Response
from pydantic_core import to_json

from api.http.errors import Declined
from api.http.listing import json_answer
from api.http.posting import wants_dry_run
from api.http.problems import DoorCode
from api.http.routes import JSON
from api.http.state import State, state_of
from ledger import batches, reading
from ledger.operations.starting import Begun, NotStarted
from ledger.posting.runs import Run

BATCH_NAME_MAX = 200
_log = logging.getLogger(__name__)
# a run takes minutes
RETRY_SECONDS = "60"


async def start_run(request: Request, run: Run, period: int, area: int, *, older: bool = False) -> Response:
    """Start a run, unless it goes on already; the answer. Raises Refused as its `check` does.

    `older` says that it is the run for older periods.
    """
    state = state_of(request)
    run.check(period, area, state.clock()[1], state.policies)
    name = run.batch_name(period, area)
    answer = {"batch": name, "state": batches.RUNNING}
    if wants_dry_run(request):
        return json_answer(answer | {"dry_run": True})
    # a database that is gone is told as such, before a process finds it out
    await state.run(lambda: _look(state, name))
    try:
        more = {"older": True} if older else {}
        begun = await state.runs.start(run, period, area, **more)
    except NotStarted as fault:
        # why stands in its output; the caller may ask again
        _log.error("%s", fault)
        raise Declined(DoorCode.NOT_READY, {"Retry-After": RETRY_SECONDS}) from fault
    if begun is Begun.NO_PLACE:
        raise Declined(DoorCode.OVERLOADED, {"Retry-After": RETRY_SECONDS}, runs_max=state.runs.runs_max)
    return Response(to_json(answer), 202, {"Location": f"/v1/batches/{name}"}, media_type=JSON)


def _look(state: State, name: str) -> None:
    with reading(state.engine) as connection:
        batches.find(connection, name)
