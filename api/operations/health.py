"""Whether the process lives, and whether it can work."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from api.http.errors import Declined
from api.http.listing import json_answer
from api.http.problems import DoorCode
from api.http.routes import LedgerRoute, describe
from api.http.state import State, state_of
from api.operations.answers import Health
from ledger import reading
from ledger.operations.installation import head_revision, schema_revision
from ledger.people.sealing import are_other_keys
from ledger.posting.in_force import outdated_areas, policy_versions
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
        summary="The database is reached, and has the schema, the keys and the policies of this program",
        answer=Health,
        refusals=(DoorCode.NOT_READY, DoorCode.KEYS_DIFFER, DoorCode.POLICY_OUTDATED),
        open_to_all=True,
    ),
)
async def readyz(request: Request) -> Response:
    """503 while it has not, within two seconds."""
    state = state_of(request)
    against = await state.probe.ask(lambda engine: _stands_against(state, engine))
    dead = state.read_log.is_dead or any(writer.is_dead for writer in state.writers.values())
    if against is None and dead:
        against = DoorCode.NOT_READY
    if against is not None:
        raise Declined(against)
    return json_answer({"status": "ok", "version": VERSION})


def _stands_against(state: State, engine: Any) -> DoorCode | None:
    """Why nothing should be sent here."""
    if schema_revision(engine) != head_revision():
        return DoorCode.NOT_READY
    with reading(engine) as connection:
        versions = policy_versions(connection, state.policies, state.clock()[0], create=False)
        with connection.begin():
            # another database may have been restored under the running service
            if are_other_keys(connection, state.keyring):
                return DoorCode.KEYS_DIFFER
            # who wants to post is better sent to a process that has the policy in force
            if outdated_areas(connection, versions):
                return DoorCode.POLICY_OUTDATED
    return None
