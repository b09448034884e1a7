"""Requests with an ID number in a text or key: refused, unless they are on record from before the rule.

What has an ID number where none belongs is refused before anything is looked for. Of a command that may have
been posted before there was the rule the first answer is given again, and nothing else: posting decides
nothing that holds one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

from fastapi import Response
from pydantic import BaseModel, ValidationError
from starlette.types import Scope

from api.http.errors import Fault, ShapeRefused, faults_of_body
from api.http.fields import ON_RECORD
from api.http.heads import said
from ledger import RefusalCode, Refused
from ledger.id_forms import holds_id_number

REPLAYED = {"Idempotent-Replayed": "true"}
ON_RECORD_FAULTS = "ledger.on_record"
"""Where the scope of a request keeps what is wrong with its key, if it may be on record."""
_CODE = RefusalCode.PERSONAL_DATA_IN_TEXT


def faults_of_key(key: str | None, place: str, pointer: str) -> list[Fault]:
    """What is wrong with a key that holds an ID number."""
    if key is None or not holds_id_number(key):
        return []
    return [Fault(_CODE, place, pointer, "a key without an ID number in it")]


def check_key(scope: Scope, *, may_be_on_record: bool) -> None:
    """Raise ShapeRefused for a key that holds an ID number; of what may be on record it is kept for later."""
    key = said(scope, b"idempotency-key")
    if key is not None and holds_id_number(key):
        faults = faults_of_key(key, "header", "Idempotency-Key")
        if not may_be_on_record:
            raise ShapeRefused(faults)
        scope[ON_RECORD_FAULTS] = faults


def read_body(model: type[BaseModel], value: Any, *, may_be_on_record: bool) -> tuple[Any, list[Fault]]:
    """A body, and what is wrong with it though it may be on record. Raises ShapeRefused for all else."""
    try:
        return model.model_validate(value), []
    except ValidationError as error:
        faults = faults_of_body(error, value)
    if may_be_on_record and all(fault.code is _CODE for fault in faults):
        try:
            return model.model_validate(value, context=ON_RECORD), faults
        except ValidationError:
            pass  # what posting would not see is refused whatever is on record
    raise ShapeRefused(faults)


async def first_answer_alone(answering: Awaitable[Response], faults: list[Fault]) -> Response:
    """The first answer to a request that is on record. Raises ShapeRefused where there is none.

    What may be tried again, and what waits for a second person, is raised as it is.
    """
    try:
        response = await answering
    except Refused:
        raise ShapeRefused(faults) from None
    told: Mapping[str, str] = response.headers
    if any(told.get(name) != value for name, value in REPLAYED.items()):
        raise ShapeRefused(faults)
    return response
