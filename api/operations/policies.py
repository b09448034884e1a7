"""What an area's rules are on a day, and where each comes from."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.http.answers import Answer
from api.http.fields import Day, read_area
from api.http.listing import json_answer
from api.http.routes import LedgerRoute, describe
from api.http.state import state_of
from ledger import RefusalCode, Refused
from ledger.policy import ParameterLine, in_force

router = APIRouter(route_class=LedgerRoute)


class ParameterItem(Answer):
    """One parameter as it holds on the day."""

    name: str = Field(examples=["contributions.employee_rate"])
    unit: str = Field(examples=["of_base"])
    value: str = Field(description="As the policy file has it", examples=["0.02"])
    first: date = Field(alias="from", description="The first day it holds")
    last: date | None = Field(alias="until", description="The last day it holds; null: no end is known")
    source: str = Field(description="Where the value comes from")


class PolicyAnswer(Answer):
    """The rules of an area on a day."""

    area: str = Field(examples=["990100"])
    name: str
    on: date
    version: str = Field(description="SHA-256 of the policy file, in hex: entries name it as policy_hash")
    parameters: list[ParameterItem]
    missing: list[str] = Field(description="Parameters that have no value on the day")


@router.get(
    "/v1/policies/{area}",
    **describe(
        tag="reports",
        summary="The rules of an area on a day, with their sources",
        answer=PolicyAnswer,
        refusals=(RefusalCode.AREA_UNKNOWN,),
    ),
)
async def policy(
    area: str,
    request: Request,
    on: Annotated[Day | None, Query(description="The day of care or the month owed; default today")] = None,
) -> Response:
    """A month is judged by the rules of its first day. Days to come are answered as far as they are known."""
    state = state_of(request)
    try:
        found = state.policies[read_area(area)]
    except (KeyError, ValueError):
        raise Refused(RefusalCode.AREA_UNKNOWN, at="area") from None
    day = state.clock()[1] if on is None else on
    lines, missing = in_force(found, day)
    return json_answer(
        {
            "area": found.area,
            "name": found.name,
            "on": day.isoformat(),
            "version": found.hash,
            "parameters": [_parameter(line) for line in lines],
            "missing": missing,
        }
    )


def _parameter(line: ParameterLine) -> dict[str, Any]:
    return {
        "name": line.name,
        "unit": line.unit,
        "value": line.value,
        "from": line.valid_from.isoformat(),
        "until": None if line.valid_until is None else line.valid_until.isoformat(),
        "source": line.source,
    }
