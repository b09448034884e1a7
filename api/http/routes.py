"""A route of this API: the token first, then the body read strictly, then FastAPI's own parsing.

FastAPI would read and judge a body before it asks who sent it. And what every posting route takes beside
path and body (Idempotency-Key, dry_run) is read by hand and only described here: each parameter that
FastAPI solves costs a posting a tenth of its time. Routes of reads leave their parameters to FastAPI.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, ClassVar, get_args

from fastapi import Request, Response
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.answers import WaitingAnswer
from api.http.deadlines import await_body, has_body
from api.http.errors import PROBLEM_JSON, Declined
from api.http.heads import check_readable, said
from api.http.on_record import ON_RECORD_FAULTS, check_key, first_answer_alone, read_body
from api.http.places import Places
from api.http.problems import Code, DoorCode
from api.http.query import asked_of, check_query
from api.http.reach import NAMED_IN_BODY, is_own_data, stay_within, stay_within_body
from api.http.security import OPEN, SCOPE_OF
from api.http.shown import let_in, recorded
from api.http.shows import READS_BY_POST, SHOWN_BY
from api.http.state import caller_of, state_of
from api.http.strict_json import read_json
from ledger import RefusalCode
from ledger.chart.channels import FieldGroup

JSON = "application/json"
LARGE = 1 << 16
PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}
DRY_RUN = {
    "name": "dry_run",
    "in": "query",
    "required": False,
    "description": "Answer what would happen (with status 200), and write nothing",
    "schema": {"type": "boolean", "default": False},
}
_KEY_COUNTS = (
    "The same key gives the first answer again. It counts for the caller (`client_id` of the token) and the"
    " book that is posted to: the same key of another system, or for another account, is another request"
)
KEY_WORDS = {True: f"{_KEY_COUNTS}. Required, except for a dry run", False: _KEY_COUNTS}
KEY_SCHEMA = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRequest(Request):
    """A request whose body is JSON in the strict sense, and is read once."""

    _value: Any = None
    _read = False

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            check_readable(self.scope)
            parts = []
            more = True
            await_body(self.scope)
            while more:
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                parts.append(message.get("body", b""))
                more = message.get("more_body", False)
            has_body(self.scope)
            self._body = b"".join(parts)
        return self._body

    async def json(self) -> Any:
        if not self._read:
            body = await self.body()
            if body:
                if not _is_json(said(self.scope, b"content-type") or ""):
                    raise Declined(DoorCode.MEDIA_TYPE_UNSUPPORTED)
                if len(body) > LARGE:
                    # others are answered meanwhile
                    self._value = await asyncio.to_thread(read_json, body)
                else:
                    self._value = read_json(body)
            self._read = True
        return self._value


def _is_json(content_type: str) -> bool:
    if content_type == JSON:
        return True
    media_type, _, parameters = content_type.lower().partition(";")
    charset = parameters.strip().replace('"', "")
    return media_type.strip() == JSON and charset in {"", "charset=utf-8"}


class LedgerRoute(APIRoute):
    """Asks for the token and its scope, and refuses unknown query keys, before anything is parsed.

    A call that has a path, and a body or a query, is then answered by hand, in a third of the time that
    FastAPI takes for it; all others are left to FastAPI, and so is a query that is wrong. The OpenAPI
    document is FastAPI's for all.
    """

    request_class = StrictRequest
    # which scope a method and path ask for
    scope_of: ClassVar[Mapping[tuple[str, str], str]] = SCOPE_OF
    # and which groups of fields their answers show of persons
    shown_by: ClassVar[Mapping[tuple[str, str], FieldGroup]] = SHOWN_BY

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        takes = self.dependant
        model = self._body_model()
        by_hand = (
            (model is None or (isinstance(model, type) and issubclass(model, BaseModel)))
            and not (takes.header_params or takes.cookie_params or takes.dependencies)
            and all(field.field_info.annotation is str for field in takes.path_params)
        )
        # so that it answers outside the layers, too, that FastAPI lays around all routes
        self.app: ASGIApp = AsyncExitStackMiddleware(self.app)
        if by_hand:
            self.app = _by_hand(self._guard(by_hand=True), self.endpoint, model, self.app, takes.query_params)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        # every route that stands before the right one is asked, and FastAPI takes its time to say no
        if not scope.get("root_path") and self.path_regex.match(scope["path"]) is None:
            return Match.NONE, {}
        return super().matches(scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in (self.methods or ()):
            there = sorted(method for method, path in self.scope_of if path == self.path_format)
            raise HTTPException(405, headers={"Allow": ", ".join(there)})
        await self.app(scope, receive, send)

    def get_route_handler(self) -> Handler:
        guard, inner = self._guard(), super().get_route_handler()

        async def handle(request: Request) -> Response:
            known = await guard(request.scope, request.receive)
            return await recorded(known.scope, inner(known))

        return handle

    def _body_model(self) -> Any:
        return None if self.body_field is None else self.body_field.field_info.annotation

    def _places(self) -> Places:
        """Where the request has the fields that a refusal may name."""
        takes, model = self.dependant, self._body_model()
        # of a body that may be left out, the one that may be there
        fields = next(
            (
                one
                for one in (model, *get_args(model))
                if isinstance(one, type) and issubclass(one, BaseModel)
            ),
            None,
        )
        return Places(
            fields,
            [str(field.alias) for field in takes.path_params],
            {field.name: str(field.alias) for field in takes.query_params},
            getattr(self.endpoint, "told_as", None),
        )

    def _guard(self, *, by_hand: bool = False) -> Callable[[Scope, Receive], Awaitable[StrictRequest]]:
        """What comes before anything is parsed: the request, or what refuses it."""
        template, places = self.path_format, self._places()
        route = next(iter(self.methods or ())), template
        needed, asks = self.scope_of[route], (self.scope_of[route], self.shown_by[route])
        only_reads = route[0] == "GET" or route in READS_BY_POST
        body_says_whose, is_own = route in NAMED_IN_BODY, is_own_data(template)
        takes_body = self.body_field is not None
        parameters = (self.openapi_extra or {}).get("parameters", ())
        takes_key = any(parameter["name"] == "Idempotency-Key" for parameter in parameters)
        may_be_on_record = by_hand and hasattr(self.endpoint, "declared")
        known = {str(field.alias) for field in self.dependant.query_params} | {
            parameter["name"] for parameter in parameters if parameter["in"] == "query"
        }

        async def guard(scope: Scope, receive: Receive) -> StrictRequest:
            request = self.request_class(scope, receive)
            scope["ledger.template"] = template
            scope["ledger.places"] = places
            if needed != OPEN:
                caller = state_of(request).verifier.check(said(scope, b"authorization"))
                caller.need(needed)
                if caller.is_bound or is_own:
                    await stay_within(request, caller, needed)
                scope["ledger.caller"] = caller
                let_in(request, caller, asks, only_reads=only_reads)
            body = await request.json() if takes_body else None
            if body_says_whose:
                stay_within_body(caller_of(request), needed, body)
            if scope["query_string"]:
                check_query(request.query_params, known, body)
            if takes_key:
                check_key(scope, may_be_on_record=may_be_on_record)
            return request

        return guard


def _by_hand(
    guard: Callable[[Scope, Receive], Awaitable[StrictRequest]],
    endpoint: Callable[..., Awaitable[Response]],
    model: type[BaseModel] | None,
    otherwise: ASGIApp,
    query_fields: Sequence[Any],
) -> ASGIApp:
    posts = hasattr(endpoint, "declared")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        has_query = bool(query_fields and scope["query_string"])
        if has_query and model is not None:
            await otherwise(scope, receive, send)
            return
        request = await guard(scope, receive)
        faults = scope.get(ON_RECORD_FAULTS, [])
        if model is None:
            asked = asked_of(request.query_params, query_fields) if has_query else {}
            if asked is None:
                await otherwise(scope, receive, send)
                return
            answering = endpoint(**scope["path_params"], **asked, request=request)
        else:
            body, of_body = read_body(model, await request.json(), may_be_on_record=posts)
            faults += of_body
            answering = endpoint(**scope["path_params"], body=body, request=request)
        if faults:
            answering = first_answer_alone(answering, faults)
        response = await recorded(scope, answering)
        await response(scope, receive, send)

    return app


# -- what the OpenAPI document says of a route -------------------------------------------------------------

_ALWAYS: tuple[Code, ...] = (
    RefusalCode.UNKNOWN_FIELD,
    RefusalCode.SHAPE_INVALID,
    DoorCode.INTERNAL_ERROR,
    DoorCode.DATABASE_UNAVAILABLE,
    DoorCode.DEADLINE,
    DoorCode.OVERLOADED,
    DoorCode.KEYS_DIFFER,
)
_TOKEN: tuple[Code, ...] = (
    DoorCode.TOKEN_MISSING,
    DoorCode.TOKEN_INVALID,
    DoorCode.SCOPE_MISSING,
    DoorCode.CHANNEL_NOT_ALLOWED,
    DoorCode.PURPOSE_MISSING,
    DoorCode.PURPOSE_NOT_ALLOWED,
    DoorCode.READ_LOG_UNAVAILABLE,
)
_BODY: tuple[Code, ...] = (
    RefusalCode.JSON_MALFORMED,
    RefusalCode.PERSONAL_DATA_IN_TEXT,
    RefusalCode.CASH_FORBIDDEN,
    DoorCode.BODY_TOO_LARGE,
    DoorCode.MEDIA_TYPE_UNSUPPORTED,
)
_POSTING: tuple[Code, ...] = (DoorCode.OUTCOME_UNKNOWN, DoorCode.POLICY_OUTDATED)
_WAITING: tuple[Code, ...] = (RefusalCode.APPROVAL_REJECTED, RefusalCode.APPROVAL_EXPIRED)
_KEY: tuple[Code, ...] = (
    RefusalCode.IDEMPOTENCY_KEY_MISSING,
    RefusalCode.IDEMPOTENCY_KEY_INVALID,
    RefusalCode.IDEMPOTENCY_KEY_REUSED,
    RefusalCode.PERSONAL_DATA_IN_TEXT,
)
# what an ID number may be refused for
OF_ID_NUMBER: tuple[Code, ...] = (
    RefusalCode.ID_FORMAT,
    RefusalCode.ID_PREFIX,
    RefusalCode.ID_BIRTHDATE,
    RefusalCode.ID_FUTURE,
    RefusalCode.ID_CHECKSUM,
)
# what a path or body that names an account may lead to
OF_ACCOUNT: tuple[Code, ...] = (
    RefusalCode.ACCOUNT_NOT_FOUND,
    RefusalCode.ID_NUMBER_SHARED,
    *OF_ID_NUMBER,
)


def problems(codes: Iterable[Code]) -> dict[int | str, dict[str, Any]]:
    """The problem answers of a route, by status, each with the codes it may carry."""
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(code.words.status, []).append(code.value)
    return {
        status: {
            "description": f"Problem: {', '.join(f'`{code}`' for code in codes_here)}",
            "content": {PROBLEM_JSON: {"schema": PROBLEM_REF}},
        }
        for status, codes_here in sorted(by_status.items())
    }


def describe(
    *,
    tag: str,
    summary: str,
    answer: type[BaseModel],
    status: int = 200,
    refusals: Iterable[Code] = (),
    also: dict[int, str] | None = None,
    body: bool = False,
    posting: bool = False,
    key: bool | None = None,
    open_to_all: bool = False,
    waits: bool = False,
) -> dict[str, Any]:
    """The keyword arguments of a route's decorator.

    `also` names other statuses with the same answer. `posting` routes take `dry_run`. `key` says whether
    Idempotency-Key is required (True), taken (False), or not looked at (None). `waits` says that an area may
    ask for a second person.
    """
    codes = [*_ALWAYS, *(() if open_to_all else _TOKEN), *refusals]
    parameters: list[dict[str, Any]] = []
    more = dict(also or {})
    if body:
        codes += _BODY
    if posting:
        codes += _POSTING
        parameters.append(DRY_RUN)
        more.setdefault(200, "What a dry run says would happen")
    if key is not None:
        codes += _KEY
        parameters.append({
            "name": "Idempotency-Key",
            "in": "header",
            # a dry run does without, and JSON Schema cannot say so
            "required": False,
            "description": KEY_WORDS[key],
            "schema": KEY_SCHEMA,
        })  # fmt: skip
    responses: dict[int | str, dict[str, Any]] = {
        other: {"model": answer, "description": text} for other, text in more.items() if other != status
    }
    if waits:
        codes += _WAITING
        responses[202] = {"model": WaitingAnswer, "description": "It waits for a second person"}
    return {
        "tags": [tag],
        "summary": summary,
        "status_code": status,
        "response_model": answer,
        "responses": responses | problems(codes),
        "openapi_extra": {"parameters": parameters} if parameters else None,
    }
