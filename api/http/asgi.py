"""What every request passes on its way in and every answer on its way out, as one plain ASGI middleware.

It gives the request its id (the caller's own, where it is sound), holds bodies to their limit and the call to
its deadline, sets the headers that keep browsers careful, turns whatever nobody expected into a problem
document, counts, and writes one log line: with the route's template, never the path (an ID number may stand
in it), and never a body.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.deadlines import Deadlines
from api.http.errors import answer_to, cut_short, problem
from api.http.heads import BLANKS, CODINGS, look_at_head
from api.http.logs import Log, masked
from api.http.metrics import RequestCounts
from api.http.problems import DoorCode
from api.http.request_ids import request_id_of

BODY_MAX: Final = 1 << 20
# a length of more digits is more than is taken anywhere
_LENGTH_DIGITS: Final = 10
BULK_BODY_MAX: Final = 16 << 20
# a bill of 20,000 lines
BILL_BODY_MAX: Final = 8 << 20
BULK_PATH: Final = "/v1/bulk"
# a file as large as the reader takes, and what is around it in a form
FILE_BODY_MAX: Final = (64 << 20) + (64 << 10)
FILE_PATHS: Final = "/v1/imports/"
BILL_PATHS: Final = frozenset({"/v1/settlements", "/v1/settlements/quote", "/v1/claims"})
# an employer's list has up to 100,000 lines, an institution's day up to 10,000
LIST_PATHS: Final = (("/v1/employers/", "/declarations"), ("/v1/institutions/", "/reconciliations"))
REQUEST_ID: Final = b"x-request-id"

Header = tuple[bytes, bytes]

_NO_SNIFF: Final = (b"x-content-type-options", b"nosniff")
_NO_REFERRER: Final = (b"referrer-policy", b"no-referrer")
_NO_FRAME: Final = (b"x-frame-options", b"DENY")
_API_HEADERS: Final = (
    _NO_SNIFF,
    (b"cache-control", b"no-store"),
    _NO_REFERRER,
    _NO_FRAME,
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
# the documentation pages bring their own script and style, and nothing from elsewhere
_PAGE_HEADERS: Final = (
    _NO_SNIFF,
    _NO_REFERRER,
    _NO_FRAME,
    (
        b"content-security-policy",
        b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    ),
)
_NAMES: Final = frozenset(name for name, _value in (*_API_HEADERS, *_PAGE_HEADERS))
_PAGES: Final = ("/docs", "/static/")


class Door:
    """The one middleware of the app. Without deadlines and counts it does without them."""

    def __init__(
        self, app: ASGIApp, log: Log, deadlines: Deadlines | None = None, counts: RequestCounts | None = None
    ) -> None:
        self._app = app
        self._log = log
        self._deadlines = deadlines or Deadlines(float("inf"))
        self._counts = counts or RequestCounts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = scope["ledger.began"] = time.monotonic()
        # not os.urandom: a system call lets the writer thread in, and the next request waits for it
        sent: dict[bytes, bytes] = dict(scope["headers"])
        scope["ledger.head"] = sent
        request_id = request_id_of(sent) or f"{random.getrandbits(96):024x}"
        scope["ledger.request_id"] = request_id
        path: str = scope["path"]
        headers: tuple[Header, ...] = _PAGE_HEADERS if path.startswith(_PAGES) else _API_HEADERS
        status = 0

        async def send_out(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                scope["ledger.answering"] = True
                own: list[Header] = message["headers"]
                ours = headers
                if not _NAMES.isdisjoint([name for name, _value in own]):
                    # a page that is an answer says itself what it may show
                    names = {name for name, _value in own}
                    ours = tuple([(name, value) for name, value in headers if name not in names])
                message["headers"] = [*own, (REQUEST_ID, request_id.encode()), *ours]
            await send(message)

        task = self._deadlines.begin(scope)
        try:
            if len(sent) != len(scope["headers"]) or CODINGS[0] in sent or CODINGS[1] in sent:
                look_at_head(scope)
            limited = _limited(sent, receive, path)
            await self._app(scope, limited, send_out)
        except ClientDisconnect:
            pass  # nobody is there to be told, and a command that was handed over is posted all the same
        except asyncio.CancelledError:
            if not scope.get("ledger.late"):
                raise
            task.uncancel()
            await problem(DoorCode.DEADLINE, scope)(scope, receive, send_out)
        except Exception as fault:  # noqa: BLE001  whatever nobody expected is a problem document, and is logged there
            if status == 0:
                await answer_to(fault, scope)(scope, receive, send_out)
            else:
                cut_short(fault, scope)
        finally:
            self._deadlines.end(task)
            self._tell(scope, status, time.monotonic() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = scope.get("ledger.template", "none")
        code, why = scope.get("ledger.code"), scope.get("ledger.why")
        who = scope.get("ledger.caller")
        caller, actor = (None, None) if who is None else masked(who.caller, who.actor)
        self._counts.seen(method, route, status, seconds, code, caller)
        self._log(
            {
                "request_id": scope["ledger.request_id"],
                "method": method,
                "route": route,
                "status": status,
                "code": code,
                "ms": round(seconds * 1000, 2),
                "caller": caller,
                "actor": actor,
                **({} if why is None else {"token_refused": why}),
            }
        )


def _body_max(path: str) -> int:
    """How many bytes a body may have there: more where many things come in one call."""
    if path in BILL_PATHS:
        return BILL_BODY_MAX
    if path.startswith(FILE_PATHS):
        return FILE_BODY_MAX
    if path == BULK_PATH or any(path.startswith(first) and path.endswith(last) for first, last in LIST_PATHS):
        return BULK_BODY_MAX
    return BODY_MAX


def _limited(headers: Mapping[bytes, bytes], receive: Receive, path: str) -> Receive:
    """A `receive` that gives no more bytes than are taken there. Raises HTTPException(413), at once where it
    can."""
    length = headers.get(b"content-length")
    if length is not None:
        # the server holds the body to the length that was announced
        length = length.strip(BLANKS)
        # zeros before it say nothing, however many: of so many digits Python reads no number (4,300)
        said = length.lstrip(b"0") or b"0"
        if length.isdigit() and len(said) <= _LENGTH_DIGITS:
            announced = int(said)
            if announced <= BODY_MAX or announced <= _body_max(path):
                return receive
        raise HTTPException(413)
    limit = _body_max(path)
    got = 0

    async def counted() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > limit:
            raise HTTPException(413)
        return message

    return counted


_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
