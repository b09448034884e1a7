"""Whether the process lives, and whether it can work."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.http.errors import Declined
from api.http.listing import json_answer
from api.http.problems import DoorCode
from api.http.routes import LedgerRoute, describe
from api.http.state import state_of
from api.operations.answers import Health
from ledger.operations.installation import head_revision, schema_revision
from ledger.version import VERSION

router = APIRouter(route_class=LedgerRoute)
TAG = "health"


@router.get(
    "/livez",
    **describe(tag=TAG, summary="The process answers", answer=Health, open_to_all=True),
)
async def livez(request: Request) -> Response:  # noqa: ARG001  as every handler is called
    """Says nothing about the database."""
    return json_answer({"status": "ok", "version": VERSION})


@router.get(
    "/readyz",
    **describe(
        tag=TAG,
        summary="The database is reached, and has the schema of this program",
        answer=Health,
        refusals=(DoorCode.NOT_READY,),
        open_to_all=True,
    ),
)
async def readyz(request: Request) -> Response:
    """503 while it is not, within two seconds."""
    state = state_of(request)
    if not await state.probe.ask(lambda engine: schema_revision(engine) == head_revision()):
        raise Declined(DoorCode.NOT_READY)
    if any(writer.is_dead for writer in state.writers.values()):
        raise Declined(DoorCode.NOT_READY)
    return json_answer({"status": "ok", "version": VERSION})
