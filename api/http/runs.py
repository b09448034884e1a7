"""Long runs that a request starts."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence

from fastapi import Request, Response
from pydantic_core import to_json

from api.http.listing import json_answer
from api.http.posting import wants_dry_run
from api.http.routes import JSON
from api.http.state import State, state_of
from ledger import batches

BATCH_NAME_MAX = 200


_log = logging.getLogger("api.year_end")


async def start_run(request: Request, name: str, kind: str, arguments: Sequence[str]) -> Response:
    """Start the operator's command `arguments` as the batch `name`, unless it runs already; the answer."""
    state = state_of(request)
    answer = {"batch": name, "state": batches.RUNNING}
    if wants_dry_run(request):
        return json_answer(answer | {"dry_run": True})
    # the batch is there before the answer is, so that it can be asked for at once
    await state.run(lambda: _take(state, name, kind))
    if name not in state.runs:
        state.runs.add(name)
        threading.Thread(target=_run, args=(state, name, arguments), name=name, daemon=True).start()
    return Response(to_json(answer), 202, {"Location": f"/v1/batches/{name}"}, media_type=JSON)


def _take(state: State, name: str, kind: str) -> None:
    with state.engine.connect() as connection:
        batches.take(connection, name, kind, state.clock()[0])


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
