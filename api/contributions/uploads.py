"""Employers' lists that come as a file: the route that takes them, and what its query says about them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, NamedTuple

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.contributions.bodies import LINES_MAX, Control
from api.contributions.list_lines import Row
from api.http.errors import Fault, ShapeRefused
from api.http.fields import read_count, read_period, read_total
from api.http.places import Places
from api.http.routes import LedgerRoute, StrictRequest
from api.http.shown import recorded
from ledger import RefusalCode, Refused, read_list
from ledger.money import AMOUNT_PATTERN, parse_yuan

R = RefusalCode
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MEDIA: Final[Mapping[str, Literal["csv", "xlsx"]]] = {
    "text/csv": "csv",
    "application/csv": "csv",
    XLSX: "xlsx",
}
PERIOD, LINES, WAGES, INCLUDE_HIDDEN = "period", "lines", "wages", "include_hidden"
_WITH_FILES = "Only with a file; JSON says it in the body"
QUERY: Final[list[dict[str, Any]]] = [
    {
        "name": PERIOD,
        "in": "query",
        "required": False,
        "description": f"The month of the list. {_WITH_FILES}",
        # the pattern is left out: what is no month is refused as period_invalid, as in a body
        "schema": {"type": "string", "maxLength": 7},
        "example": "2026-03",
    },
    {
        "name": LINES,
        "in": "query",
        "required": False,
        "description": f"Control total: how many lines. {_WITH_FILES}",
        "schema": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    },
    {
        "name": WAGES,
        "in": "query",
        "required": False,
        "description": f"Control total: what the wages come to. {_WITH_FILES}",
        "schema": {"type": "string", "pattern": AMOUNT_PATTERN},
    },
    {
        "name": INCLUDE_HIDDEN,
        "in": "query",
        "required": False,
        "description": f"Hidden or filtered rows, hidden columns and cells count. {_WITH_FILES}",
        "schema": {"type": "boolean", "default": False},
    },
]
_FILE_WORDS = "A line of headings, then a line for each person: `id_number,wage` or `证件号码,工资`"
CONTENT: Final[dict[str, Any]] = {
    "text/csv": {"schema": {"type": "string", "description": f"CSV, UTF-8 or GB18030. {_FILE_WORDS}"}},
    "application/csv": {"schema": {"type": "string", "description": "The same"}},
    XLSX: {
        "schema": {
            "type": "string",
            "format": "binary",
            "description": f"A workbook; the one sheet with a list counts. {_FILE_WORDS}",
        }
    },
}


class Upload(NamedTuple):
    """A file as it was sent."""

    media: Literal["csv", "xlsx"]
    content: bytes


class FileRequest(StrictRequest):
    """A request whose body may be a file: it is handed over as an Upload, and not read as JSON."""

    async def json(self) -> Any:
        media = MEDIA.get(self.headers.get("content-type", "").partition(";")[0].strip().lower())
        return await super().json() if media is None else Upload(media, await self.body())


class FileRoute(LedgerRoute):
    """A route that takes JSON as all others do, and beside it files, which go to `take_file`."""

    request_class = FileRequest

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # what JSON says in the body, the query says of a file
        in_query = {name: name for name in (PERIOD, LINES, WAGES)}
        in_path = [str(field.alias) for field in self.dependant.path_params]
        names = {"control/lines": LINES, "control/wages": WAGES}
        places = Places(None, in_path, in_query, names)
        self.app = _file_or(self._guard(), self.take_file, self.app, places)

    async def take_file(self, request: Request, upload: Upload) -> Response:
        """Answer a file; token, scope and query keys have been looked at."""
        raise NotImplementedError  # each of the routes says how


def _file_or(
    guard: Callable[[Scope, Receive], Awaitable[StrictRequest]],
    take_file: Callable[[Request, Upload], Awaitable[Response]],
    otherwise: ASGIApp,
    places: Places,
) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_file(scope):
            await otherwise(scope, receive, send)
            return
        request = await guard(scope, receive)
        scope["ledger.places"] = places
        response = await recorded(scope, take_file(request, await request.json()))
        await response(scope, receive, send)

    return app


def _is_file(scope: Scope) -> bool:
    return any(
        name == b"content-type" and value.decode("latin-1").partition(";")[0].strip().lower() in MEDIA
        for name, value in scope["headers"]
    )


def asked(request: Request) -> tuple[int | None, Control | None]:
    """Month and control totals as the query says them; None for a month that is none. Raises Refused."""
    query = request.query_params
    if PERIOD not in query:
        raise Refused(
            R.SHAPE_INVALID, at=PERIOD, problem="a file comes with its month in the query: period=2026-03"
        )
    lines = wages = None
    if LINES in query:
        try:
            lines = read_count(query[LINES])
        except ValueError:
            fault = Fault(R.SHAPE_INVALID, "query", LINES, "a number of lines")
            raise ShapeRefused([fault]) from None
    if WAGES in query:
        wages = read_total(query[WAGES])
    return read_period(query[PERIOD]), Control.model_construct(lines=lines, wages=wages)


def refuse_query(request: Request) -> None:
    """Raise Refused when the query says what the body says: two answers to one question are none."""
    if not {PERIOD, LINES, WAGES, INCLUDE_HIDDEN}.isdisjoint(request.query_params):
        raise Refused(R.SHAPE_INVALID, problem="with JSON, month and control totals stand in the body")


async def rows_of(upload: Upload, request: Request) -> list[Row]:
    """The lines of a file. Raises Refused: file_invalid, cash_forbidden, hidden_rows."""
    include_hidden = _flag(request.query_params.get(INCLUDE_HIDDEN, "false"))
    # others are answered meanwhile
    return await asyncio.to_thread(_rows, upload, include_hidden)


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ShapeRefused([Fault(R.SHAPE_INVALID, "query", INCLUDE_HIDDEN, "true or false")])
    return text == "true"


def _rows(upload: Upload, include_hidden: bool) -> list[Row]:
    rows: list[Row] = []
    for line in read_list(io.BytesIO(upload.content), upload.media, include_hidden=include_hidden):
        if len(rows) == LINES_MAX:
            raise Refused(R.FILE_INVALID, problem=f"the list has more than {LINES_MAX} lines")
        # a wage that is none is judged with the person, who comes before it
        code = None if line.form is R.WAGE_INVALID else line.form
        rows.append(Row(line.line, line.id_number, parse_yuan(line.wage) if line.wage else None, code))
    return rows
