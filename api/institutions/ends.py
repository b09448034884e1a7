"""Ending a contract of an institution, or a suspension of its contracts."""

from __future__ import annotations

from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field
from pydantic_core import to_json

from api.http.answers import Answer
from api.http.declaring import posting
from api.http.fields import End
from api.http.posting import entry_of, key_of, respond, take
from api.http.receipts import target_name
from api.http.routes import LedgerRoute
from api.http.state import caller_of, state_of
from api.institutions.institutions import TAG
from ledger import EndContract, EndSuspension, Posted, RefusalCode, Refused
from ledger.book.detail import unpack
from ledger.institutions.registry import code_of

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
DRY_RUN = "Only in the answer of a dry run: true"


class _EndAnswer(Answer):
    """An end, by the entry that recorded it."""

    end: str = Field(examples=["I483920174650K-9"])
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    reason: str


class ContractEndAnswer(_EndAnswer):
    """A contract with its last day, by the entry that recorded the end."""

    contract: str = Field(examples=["I483920174650K-2"])
    dry_run: bool | None = Field(None, description=DRY_RUN)


class SuspensionEndAnswer(_EndAnswer):
    """A suspension with its last day, by the entry that recorded the end."""

    suspension: str = Field(examples=["I483920174650K-3"])
    dry_run: bool | None = Field(None, description=DRY_RUN)


@posting(
    router,
    "/v1/contracts/{contract}/end",
    EndContract,
    scope="institutions:write",
    tag=TAG,
    summary="End a contract: its last day",
    answer=ContractEndAnswer,
    names={"valid_to": "to"},
)
async def end_contract(contract: str, body: End, request: Request) -> Response:
    """The day may lie ahead, and is not after the contract's own last day. What was settled stands."""
    key = key_of(request)
    who = caller_of(request)
    place = entry_of(contract, R.CONTRACT_NOT_FOUND)
    code = await _code(request, place, R.CONTRACT_NOT_FOUND)
    command = EndContract(place[0], code, place[1], body.last, body.reason, who.caller, who.actor, key)
    return _answer(request, "contract", await take(request, command))


@posting(
    router,
    "/v1/suspensions/{suspension}/end",
    EndSuspension,
    scope="institutions:write",
    tag=TAG,
    summary="End a suspension: its last day",
    answer=SuspensionEndAnswer,
    names={"valid_to": "to"},
)
async def end_suspension(suspension: str, body: End, request: Request) -> Response:
    """From the day after on the contracts count again. The day may lie ahead."""
    key = key_of(request)
    who = caller_of(request)
    place = entry_of(suspension, R.SUSPENSION_NOT_FOUND)
    code = await _code(request, place, R.SUSPENSION_NOT_FOUND)
    command = EndSuspension(place[0], code, place[1], body.last, body.reason, who.caller, who.actor, key)
    return _answer(request, "suspension", await take(request, command))


async def _code(request: Request, place: tuple[int, int], missing: RefusalCode) -> str:
    """The code of the institution in whose book the entry stands. Raises Refused(missing)."""
    state = state_of(request)
    code = await state.glance(lambda connection: code_of(connection, place[0]))
    if code is None:
        raise Refused(missing, at="target_seq")
    return code


def _answer(request: Request, what: str, done: Posted) -> Response:
    told = unpack(done.receipt.detail)
    answer: dict[str, Any] = {what: target_name(done.receipt), "end": done.receipt.name}
    answer |= {name: told[name] for name in ("from", "to", "reason")}
    return respond(request, to_json(answer).decode(), done)
