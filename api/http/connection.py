"""One connection of a caller: uvicorn's, with bounds on what is taken in before anybody knows who calls.

    at most 64 headers, and 32 KiB of head in all          431 headers_too_large (414 for a path of that size)
    a request that is not whole 15 seconds after it began  408 request_timeout, and the connection is closed

A body has a second more for every 16 KiB of it that came. Requests before one that is refused are answered
first. What is neither header nor body (trailers, what extends a chunk) is bounded like a head and never
looked at; what a caller sends ahead of its answers, and after a no, is bounded too. What is over a bound is
not kept: the memory that a connection takes does not depend on what is sent to it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Sequence
from typing import Any, Final

import httptools
from pydantic_core import to_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from api.http.errors import PROBLEM_JSON, problem_document
from api.http.problems import DoorCode

HEADERS_MAX: Final = 64
HEAD_BYTES_MAX: Final = 32 << 10
# what the parser is given at once: so much more than a bound may come before it is seen
PIECE_BYTES: Final = 16 << 10
# requests that wait for those before them on one connection
PIPELINED_MAX: Final = 32
# what is read and thrown away of a caller who was answered already, or told no
WASTED_MAX: Final = 1 << 20
BODY_BYTES_A_SECOND: Final = 16 << 10

# an answer that is longer is not copied to stand behind its head
ONE_PIECE_MAX: Final = 64 << 10
# what else would say where a body ends, or that the connection does
_DECIDES: Final = frozenset({b"transfer-encoding", b"connection"})
# what a value may hold, as uvicorn has it
_READABLE: Final = bytes([byte for byte in range(256) if byte == 9 or (byte > 31 and byte != 127)])

_SAYS_BODY: Final = (b"content-length", b"transfer-encoding")
_BETWEEN_NAME_AND_VALUE: Final = 4
_log = logging.getLogger(__name__)


class _Bounded(Exception):
    """A bound was met inside the parser, which stops at it."""

    def __init__(self, code: DoorCode | None) -> None:
        super().__init__()
        self.code = code


class Connection(HttpToolsProtocol):
    """What uvicorn makes of every connection: `http="api.http.connection:Connection"`."""

    # seconds from the first byte of a request to its last
    RECEIVE_SECONDS = 15.0
    # how long a caller who reads nothing of its answer is waited for
    SEND_SECONDS = 60.0
    # how long a caller who was told no is listened to, so that the answer reaches it before the end
    LINGER_SECONDS = 2.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.headers = []
        # what was given to the parser since something came of it, at least
        self._unused = 0
        self._piece = 0
        # inside a request, and inside its body
        self._begun = self._in_body = False
        self._body_bytes = self._wasted = 0
        # nothing more is taken from this caller, and what it is told when those before are answered
        self._deaf = self._is_over = False
        self._last_word: DoorCode | None = None
        self._since = self.loop.time()
        self._receiving: asyncio.TimerHandle | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_waiting()
        if self._ending is not None:
            self._ending.cancel()

    # -- what comes in -------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            self._waste(len(data))
            return
        self._unset_keepalive_if_required()
        if len(data) <= PIECE_BYTES:
            taken = self._feed(data)
        else:
            whole = memoryview(data)
            taken = all(
                self._feed(whole[start : start + PIECE_BYTES]) for start in range(0, len(data), PIECE_BYTES)
            )
        if not taken:
            return
        if self._begun or self._is_idle():
            if self._receiving is None:
                self._wait_for_request()
        elif self._receiving is not None:
            self._stop_waiting()

    def _feed(self, piece: bytes | memoryview) -> bool:
        """Give the parser more; whether anything after it is wanted."""
        self._piece = len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as asked:
            # no other protocol is spoken here, and a caller may ask for one: its request is answered as it is
            if rest := piece[asked.args[0] :]:
                return self._feed(rest)
        except httptools.HttpParserError as fault:
            bound = fault.__context__
            self._refuse(bound.code if isinstance(bound, _Bounded) else DoorCode.REQUEST_REFUSED)
            return False
        self._unused += self._piece
        # a piece may be counted that began with the end of a body
        if len(self.headers) > HEADERS_MAX or self._unused > HEAD_BYTES_MAX + PIECE_BYTES:
            self._refuse(self._too_large())
            return False
        return True

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun = True
        self._body_bytes = 0

    def on_headers_complete(self) -> None:
        if len(self.headers) > HEADERS_MAX or (
            self._unused + self._piece > HEAD_BYTES_MAX and self._head_bytes() > HEAD_BYTES_MAX
        ):
            raise _Bounded(self._too_large())
        if len(self.pipeline) >= PIPELINED_MAX:
            raise _Bounded(None)
        if self.parser.should_upgrade() and any(name in _SAYS_BODY for name, _ in self.headers):
            # the parser would take the body for the other protocol, or for the next request
            raise _Bounded(DoorCode.REQUEST_REFUSED)
        super().on_headers_complete()
        self._in_body = True
        # those of a trailer: they are counted like others, and are no headers of the request
        self.headers = []
        self._unused = 0

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, InOnePiece(cycle, app))  # type: ignore[arg-type]  # as in Starlette

    def on_body(self, body: bytes) -> None:
        self._unused = 0
        self._body_bytes += len(body)
        if self.cycle.response_complete:
            self._waste(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._begun = self._in_body = False
        self._unused = 0

    def _waste(self, count: int) -> None:
        self._wasted += count
        if self._wasted <= WASTED_MAX:
            return
        # what it sends from now on stays with it
        self.flow.pause_reading()
        if not self._deaf:
            # it was answered while its body came, and hears no more; but what it was told may be on its way
            # yet, and an end at once would take that back from the network
            self._deaf = self._is_over = True
            if not self.flow.write_paused:
                self._end_in(self.LINGER_SECONDS)

    def _head_bytes(self) -> int:
        fields = sum(len(name) + len(value) + _BETWEEN_NAME_AND_VALUE for name, value in self.headers)
        return len(self.url) + fields

    def _too_large(self) -> DoorCode:
        in_url = not self._in_body and self._begun and len(self.url) > HEAD_BYTES_MAX
        return DoorCode.PATH_TOO_LARGE if in_url else DoorCode.HEADERS_TOO_LARGE

    # -- how long it may take ------------------------------------------------------------------------------

    def _is_idle(self) -> bool:
        last: RequestResponseCycle | None = self.cycle
        return not self.pipeline and (last is None or last.response_complete)

    def _wait_for_request(self) -> None:
        self._since = self.loop.time()
        self._receiving = self.loop.call_later(self.RECEIVE_SECONDS, self._waited)

    def _stop_waiting(self) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
            self._receiving = None

    def _waited(self) -> None:
        """The time of a request is over, unless it is ours that passed or its body was long."""
        self._receiving = None
        if self.transport.is_closing():
            return
        if self.flow.read_paused or self.pipeline or (not self._in_body and not self._is_idle()):
            # it was not listened to, or those before it are at work
            self._wait_for_request()
            return
        more = 0.0 if self._is_idle() else self._body_bytes / BODY_BYTES_A_SECOND
        left = self._since + self.RECEIVE_SECONDS + more - self.loop.time()
        if left > 0:
            self._receiving = self.loop.call_later(left, self._waited)
            return
        self._refuse(DoorCode.REQUEST_TIMEOUT if self._begun else None, "nothing was asked for in time")

    def pause_writing(self) -> None:
        super().pause_writing()
        self._end_in(self.SEND_SECONDS)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._ending is None or self.transport.is_closing():
            return
        if self._is_over:
            self._end_in(self.LINGER_SECONDS)
        else:
            self._ending.cancel()
            self._ending = None

    def on_response_complete(self) -> None:
        was_last = self._deaf and not self.pipeline
        super().on_response_complete()
        if self.transport.is_closing():
            self._end_in(self.SEND_SECONDS)
        elif was_last:
            self._end(self._last_word)
        elif self._wasted > WASTED_MAX:
            self.flow.pause_reading()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._end_in(self.SEND_SECONDS)

    # -- the end -------------------------------------------------------------------------------------------

    def _refuse(self, code: DoorCode | None, why: str = "more was sent than is taken") -> None:
        """Say no, where nobody has answered yet, and hear nothing more; `why` is told to the log."""
        self._deaf = True
        self._stop_waiting()
        if self.transport.is_closing():
            return
        _log.warning("a connection was ended: %s", why if code is None else code)
        if self.pipeline or not (self._in_body or self._is_idle()):
            # those before it are at work, and are answered first
            self._last_word = code
            if self._in_body:
                # of the last of them half the body is there: it has not begun, and never will
                self.pipeline.popleft()
            return
        if self._in_body:
            answered = self.cycle.response_started
            # whoever waits for the rest of the body is told that it will not come
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        else:
            answered = False
        self._end(None if answered else code)

    def _end(self, code: DoorCode | None) -> None:
        """Say the last word, if there is one, and let the caller go."""
        self._is_over = True
        if code is not None:
            self.transport.write(_answer(code, self.server_state.default_headers))
        # a reset would take the answer from a caller who still sends: it is listened to a little longer
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._end_in(self.LINGER_SECONDS)

    def _end_in(self, seconds: float) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._ending = self.loop.call_later(seconds, self.transport.abort)


class InOnePiece:
    """An app whose answers go out in one piece, head and body, where both are there at once.

    uvicorn writes them apart, and looks at each header by itself. Whatever is out of the ordinary is left to
    it: a body that comes in parts or is long, a length that is wrong, a connection that ends.
    """

    def __init__(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:
        self._cycle = cycle
        self._app = app
        # said, and not written yet; and how long it says that the body is
        self._head: Message | None = None
        self._length: bytes | None = None

    # no coroutine of its own: each that is waited for is paid for
    def __call__(self, scope: Scope, receive: Receive, _send: Send) -> Awaitable[None]:
        return self._app(scope, receive, self._send)

    async def _send(self, message: Message) -> None:
        cycle = self._cycle
        head, self._head = self._head, None
        if head is None:
            if not cycle.response_started and cycle.keep_alive and cycle.scope["method"] != "HEAD":
                self._length = _length(message["headers"])
            if self._length is None:
                await cycle.send(message)  # type: ignore[arg-type]  # as in Starlette
            else:
                self._head = message
            return
        body: bytes = message.get("body", b"")
        written = None
        is_whole = self._length == b"%d" % len(body) and len(body) <= ONE_PIECE_MAX
        self._length = None
        if is_whole and not message.get("more_body") and not cycle.flow.write_paused:
            written = _written(head["status"], [*cycle.default_headers, *head["headers"]], body)
        if written is None:
            await cycle.send(head)  # type: ignore[arg-type]  # as in Starlette
            await cycle.send(message)  # type: ignore[arg-type]  # as in Starlette
        elif not cycle.disconnected:
            cycle.response_started = cycle.response_complete = True
            cycle.transport.write(written)
            cycle.message_event.set()
            cycle.on_response()


def _length(headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
    """How long a head says that its body is; None where it says anything else of where that ends."""
    names = dict(headers)
    return names.get(b"content-length") if _DECIDES.isdisjoint(names) else None


def _written(status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bytes | None:
    """A whole answer as it goes over the wire; None where that has to be looked at more closely."""
    head = b"".join([b"%b: %b\r\n" % pair for pair in headers])
    # what ends each line is all that may not be read: nothing in a value begins one
    if head.translate(None, _READABLE) != b"\r\n" * len(headers):
        return None
    return b"%b%b\r\n%b" % (STATUS_LINE[status], head, body)


def _answer(code: DoorCode, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    """A problem as it goes over the wire, for a request that no route has seen."""
    request_id = f"{random.getrandbits(96):024x}"
    body = to_json(problem_document(code, request_id))
    headers: list[tuple[bytes, bytes]] = [
        *default_headers,
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-request-id", request_id.encode()),
        (b"connection", b"close"),
    ]
    lines: list[Any] = [STATUS_LINE[code.words.status], *(b"%b: %b\r\n" % pair for pair in headers)]
    return b"".join([*lines, b"\r\n", body])
