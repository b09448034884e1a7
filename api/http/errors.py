"""One place where a no becomes an answer: RFC 9457 problem documents, and what leads to them.

A problem never holds what the caller sent: of an error in the body it tells the place and what is wanted
there, not what stood there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from api.http.places import Places, may_be_told
from api.http.problems import Code, DoorCode
from ledger import (
    Failed,
    Overloaded,
    PolicyOutdated,
    RefusalCode,
    Refused,
    Stopped,
    Trouble,
    Unavailable,
    Unknown,
    Waiting,
    trouble,
)
from ledger.access.read_log import ReadLogUnavailable
from ledger.money import in_yuan
from ledger.texts import asks_for_cash
from ledger.vault import KeyMissingError

PROBLEM_JSON = "application/problem+json"
ERRORS_MAX = 20
RETRY_AFTER = "1"

_log = logging.getLogger("api.fault")


class Fault(NamedTuple):
    """One thing that is wrong with a request: where (body, query, path, header), and what is wanted there.

    `pointer` is a JSON pointer in a body, and the name of the parameter elsewhere.
    """

    code: RefusalCode
    place: str
    pointer: str
    detail: str


class ShapeRefused(Refused):
    """The request has the wrong shape. Carries every fault that was found; the worst gives the code."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = list(faults)
        super().__init__(worst(self.faults))


class Declined(Exception):
    """A no that only HTTP knows: a token, a scope, a media type, a service that is not there."""

    # what the log is told and the caller is not
    why = ""

    def __init__(self, code: DoorCode, headers: Mapping[str, str] | None = None, **facts: object) -> None:
        super().__init__(code.value)
        self.code = code
        self.headers = headers
        self.facts = facts


# which of several faults names the problem
_SHAPE_ORDER = (
    RefusalCode.JSON_MALFORMED,
    RefusalCode.CASH_FORBIDDEN,
    RefusalCode.UNKNOWN_FIELD,
    RefusalCode.AMOUNT_INVALID,
    RefusalCode.SHAPE_INVALID,
    RefusalCode.NAME_INVALID,
    RefusalCode.PERSONAL_DATA_IN_TEXT,
    RefusalCode.CARE_TYPE_UNKNOWN,
    RefusalCode.LINE_CLASS_UNKNOWN,
    RefusalCode.SHARES_INVALID,
    RefusalCode.IDEMPOTENCY_KEY_MISSING,
    RefusalCode.IDEMPOTENCY_KEY_INVALID,
)


def worst(faults: Iterable[Fault]) -> RefusalCode:
    """The code that names the problem, when several things are wrong."""
    return min((fault.code for fault in faults), key=_SHAPE_ORDER.index)


_BY_ERROR_TYPE = {
    "extra_forbidden": RefusalCode.UNKNOWN_FIELD,
    **{code.value: code for code in _SHAPE_ORDER},
}


def faults_of(errors: Iterable[Mapping[str, Any]], body: object) -> list[Fault]:
    """What pydantic found, as faults. `body` is looked through for fields that smell of cash."""
    faults = []
    errors = list(errors)
    for error in errors:
        place, *path = error["loc"] or ("body",)
        code = _BY_ERROR_TYPE.get(error["type"], RefusalCode.SHAPE_INVALID)
        detail = _detail(error, code)
        if code is RefusalCode.UNKNOWN_FIELD and not may_be_told(str(path[-1])):
            # the name of an unknown field is the caller's: one that might be more than a name is not told
            detail += _which(body, path)
            path = path[:-1]
        pointer = "".join(f"/{part}" for part in path) if place == "body" else "/".join(map(str, path))
        faults.append(Fault(code, str(place), pointer, detail))
    if names_cash(_but_known(errors, body)):
        faults.append(Fault(RefusalCode.CASH_FORBIDDEN, "body", "", "account money is never paid as cash"))
    return faults


def _but_known(errors: Sequence[Mapping[str, Any]], body: object) -> object:
    """A body without the names of its own fields: to ask for a bank is what some are for."""
    if not isinstance(body, dict) or not errors:
        return body
    unknown = {tuple(error["loc"]) for error in errors if error["type"] == "extra_forbidden"}
    return [{name: value} if ("body", name) in unknown else value for name, value in body.items()]


def _which(body: object, path: Sequence[Any]) -> str:
    """Which member of its object a field is, where its name is not told."""
    part: Any = body
    for step in path[:-1]:
        if isinstance(part, dict):
            part = part.get(step)
        else:
            part = part[step] if isinstance(part, list) and step in range(len(part)) else None
    members = list(part) if isinstance(part, dict) else []
    return f": number {members.index(path[-1]) + 1} of its object" if path[-1] in members else ""


def faults_of_refusal(refused: Refused, places: Places | None) -> list[Fault]:
    """The field that a decision refused, as a fault; none where it names none that the request has."""
    place = places.of(refused.at) if refused.at and places is not None else None
    return [] if place is None else [Fault(refused.code, *place, refused.code.words.title)]


def faults_of_body(error: ValidationError, body: object) -> list[Fault]:
    """What is wrong with a body."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return faults_of([one | {"loc": ("body", *one["loc"])} for one in found], body)


def _detail(error: Mapping[str, Any], code: RefusalCode) -> str:
    if code is RefusalCode.UNKNOWN_FIELD:
        return "a field that is not known"
    # pydantic's own words say what is wanted; only those of errors that quote the input are left out
    return (
        str(error["msg"])
        if error["type"] in _QUIET_ERRORS or code is not RefusalCode.SHAPE_INVALID
        else "is not valid"
    )


_QUIET_ERRORS = frozenset({
    "missing", "string_type", "string_too_long", "string_too_short", "string_pattern_mismatch", "int_type",
    "bool_type", "list_type", "model_attributes_type", "dict_type", "literal_error", "greater_than_equal",
    "less_than_equal", "string_unicode", "shape_invalid", "model_type", "int_parsing", "bool_parsing",
    "too_long", "too_short",
})  # fmt: skip


def names_cash(body: object) -> bool:
    """Whether any field, however deep, has a name that asks for cash or a bank transfer (R21)."""
    waiting = [body]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            for name, value in part.items():
                if asks_for_cash(name):
                    return True
                waiting.append(value)
        elif isinstance(part, list):
            waiting.extend(part)
    return False


# -- problem documents -----------------------------------------------------------------------------------


def problem_document(
    code: Code,
    request_id: str,
    facts: Mapping[str, object] | None = None,
    faults: Iterable[Fault] = (),
) -> dict[str, Any]:
    """The body of a problem answer."""
    words = code.words
    document: dict[str, Any] = {
        "type": f"/problems/{code.value.replace('_', '-')}",
        "title": words.title,
        "status": words.status,
        "detail": words.detail,
        "code": code.value,
        "request_id": request_id,
    }
    if facts:
        document["facts"] = {
            name: fact.isoformat() if isinstance(fact, date) else fact
            for name, fact in in_yuan(facts).items()
        }
    errors = errors_json(faults)
    if errors:
        document["errors"] = errors
    return document


def errors_json(faults: Iterable[Fault]) -> list[dict[str, str]]:
    """Faults as a problem tells them."""
    told = [{"pointer": fault.pointer, "in": fault.place, "detail": fault.detail} for fault in faults]
    return told[:ERRORS_MAX]


def problem(
    code: Code,
    scope: Scope,
    facts: Mapping[str, object] | None = None,
    faults: Iterable[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem answer."""
    document = problem_document(code, scope.get("ledger.request_id", ""), facts, faults)
    scope["ledger.code"] = code.value
    more = dict(headers or {})
    if document["status"] == 503:
        more.setdefault("Retry-After", RETRY_AFTER)
    if document["status"] == 401:
        error = "" if code is DoorCode.TOKEN_MISSING else ', error="invalid_token"'
        more.setdefault("WWW-Authenticate", f'Bearer realm="ledger"{error}')
    return Response(to_json(document), document["status"], more, media_type=PROBLEM_JSON)


def answer_to(error: Exception, scope: Scope) -> Response:
    """The answer to anything that was raised."""
    if isinstance(error, ShapeRefused):
        return problem(error.code, scope, error.facts, error.faults)
    if isinstance(error, Waiting):
        # no problem: it is answered when a second person has decided
        told = {"approval": error.name, "state": "waiting"}
        return Response(to_json(told), 202, media_type="application/json")
    if isinstance(error, Refused):
        faults = faults_of_refusal(error, scope.get("ledger.places"))
        return problem(error.code, scope, error.facts, faults)
    if isinstance(error, Declined):
        if error.why:
            scope["ledger.why"] = error.why
        return problem(error.code, scope, error.facts, headers=error.headers)
    if isinstance(error, RequestValidationError):
        return answer_to(ShapeRefused(faults_of(error.errors(), error.body)), scope)
    if isinstance(error, HTTPException):
        code = _BY_STATUS.get(error.status_code, DoorCode.REQUEST_REFUSED)
        return problem(code, scope, headers=error.headers)
    if isinstance(error, PolicyOutdated):
        return problem(DoorCode.POLICY_OUTDATED, scope, {"area": f"{error.area:06d}"})
    if (passing := code_of_trouble(error)) is not None:
        return problem(passing, scope)
    _log.error("fault", exc_info=error, extra={"request_id": scope.get("ledger.request_id", "")})
    return problem(DoorCode.INTERNAL_ERROR, scope)


_BY_STATUS = {
    404: DoorCode.ROUTE_NOT_FOUND,
    405: DoorCode.METHOD_NOT_ALLOWED,
    413: DoorCode.BODY_TOO_LARGE,
    415: DoorCode.MEDIA_TYPE_UNSUPPORTED,
}


def code_of_trouble(error: BaseException) -> DoorCode | None:
    """What is told of a fault that is nobody's fault and will pass; None for any other."""
    if isinstance(error, PolicyOutdated):
        return DoorCode.POLICY_OUTDATED
    if isinstance(error, ReadLogUnavailable):
        return DoorCode.READ_LOG_UNAVAILABLE
    if isinstance(error.__cause__ if isinstance(error, Failed) else error, KeyMissingError):
        return DoorCode.KEYS_DIFFER
    if isinstance(error, Unavailable):
        return DoorCode.DATABASE_UNAVAILABLE
    if isinstance(error, Unknown):
        return DoorCode.OUTCOME_UNKNOWN
    if isinstance(error, Overloaded | Stopped):
        return DoorCode.OVERLOADED
    what = trouble(error.__cause__ if isinstance(error, Failed) else error)
    return None if what is None else _BY_TROUBLE[what]


_BY_TROUBLE = {
    Trouble.BUSY: DoorCode.DATABASE_UNAVAILABLE,
    Trouble.SLOW: DoorCode.DEADLINE,
    Trouble.LOST: DoorCode.DATABASE_UNAVAILABLE,
    Trouble.UNABLE: DoorCode.DATABASE_UNAVAILABLE,
}


def database_is_gone(error: BaseException) -> bool:
    """Whether a fault means that the database is not there, rather than that it did not like something."""
    return trouble(error) is Trouble.LOST


def add_handlers(app: FastAPI) -> None:
    """Let every expected no of the app go through `answer_to`. What nobody expects is caught further out."""

    async def handle(request: Request, error: Exception) -> Response:
        return answer_to(error, request.scope)

    for kind in _EXPECTED:
        app.add_exception_handler(kind, handle)


_EXPECTED = (
    Waiting,
    Refused,
    Declined,
    RequestValidationError,
    HTTPException,
    Unknown,
    Failed,
    Overloaded,
    Stopped,
    ReadLogUnavailable,
)


def cut_short(error: Exception, scope: Scope) -> None:
    """Note a fault that came when half an answer was out: the caller can be told no more."""
    if isinstance(error, _EXPECTED):
        # a no is no fault, but here nobody hears it
        broken = RuntimeError("an answer that had begun was not ended")
        broken.__cause__ = error
        error = broken
    answer_to(error, scope)
