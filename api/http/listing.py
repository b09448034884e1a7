"""Lists: as JSON, page by page, or as CSV, whole and for a spreadsheet; the Accept header says which.

The CSV is what spreadsheets of this country open rightly: UTF-8 with its mark (without it they read GBK),
lines that end in CRLF, Chinese headings and words, and no cell that they would take for a formula. With
`language=en` headings and words are those of the JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from fastapi import Query, Request, Response
from pydantic import BeforeValidator, Field
from pydantic_core import to_json
from starlette.responses import StreamingResponse

from api.http.csv_words import WORDS, YES_AND_NO
from api.http.deadlines import takes_long
from api.http.errors import Fault, ShapeRefused
from api.http.fields import Day, read_count
from api.http.opaque import given_back, handed_out
from api.http.routes import JSON
from api.http.shown import shown_by
from api.http.state import state_of
from ledger import Keyring, RefusalCode
from ledger.csv_out import BYTE_ORDER_MARK, csv_line

Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before")]


UntilDay = Annotated[Day | None, Query(description="Only what holds from a day up to this one; default all")]


LIMIT_DEFAULT = 50


LIMIT_MAX = 500


Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX), BeforeValidator(read_count)]
PageLimit = Annotated[Limit, Query(description="Items of a page; a CSV has them all")]
YesOrNo = Literal["true", "false"]


def json_answer(body: dict[str, Any] | str, headers: dict[str, str] | None = None) -> Response:
    """A good answer: an object, or one that is JSON already."""
    return Response(body if isinstance(body, str) else to_json(body), 200, headers, media_type=JSON)


CSV = "text/csv"
CSV_PAGE = 500
VARY = {"Vary": "Accept"}
ENGLISH, CHINESE = "en", "zh"
LANGUAGE: dict[str, Any] = {
    "name": "language",
    "in": "query",
    "required": False,
    "description": "Of a CSV: Chinese headings and words, or those of the JSON",
    "schema": {"type": "string", "enum": [CHINESE, ENGLISH], "default": CHINESE},
}
# where a page ended: what the next one begins after
Key = Any
Page = Sequence[tuple[Key, dict[str, Any]]]
PageAfter = Callable[[Any, Key, int], Page]
Whose = Callable[[Key], int | None]


class Listing(NamedTuple):
    """How a list is written as CSV: its columns, each a member of the items and a heading.

    A member that is said only where there is something to say is an empty cell elsewhere.
    """

    columns: Mapping[str, str]
    # Chinese words of this list alone, by the column
    words: Mapping[str, Mapping[str, str]] = WORDS

    def heading(self, language: str = CHINESE) -> str:
        headings = self.columns.values() if language == CHINESE else self.columns
        return f"{BYTE_ORDER_MARK}{csv_line(headings, END)}"

    def lines(self, items: Iterable[Mapping[str, Any]], language: str = CHINESE) -> str:
        return "".join(
            csv_line(
                (_told(item.get(name), self.words.get(name, {}), language) for name in self.columns), END
            )
            for item in items
        )


END = "\r\n"


def _told(value: object, words: Mapping[str, str], language: str) -> object:
    """What stands in the cell of a column: the API's word, or the Chinese one."""
    if isinstance(value, bool):
        yes, no = YES_AND_NO[language]
        return yes if value else no
    if isinstance(value, list):
        return " ".join(str(_told(one, words, language)) for one in value)
    if language == CHINESE and isinstance(value, str):
        return words.get(value, value)
    return value


def language_of(request: Request) -> str:
    """In which language a CSV is asked for. Raises ShapeRefused for another."""
    language = request.query_params.get("language", CHINESE)
    if language not in {CHINESE, ENGLISH}:
        raise ShapeRefused([Fault(RefusalCode.SHAPE_INVALID, "query", "language", "zh or en")])
    return language


def wants_csv(request: Request) -> bool:
    """Whether CSV is asked for, and not JSON at least as much. Whoever names neither gets JSON.

    Raises ShapeRefused for a language that is none, whether it would be used or not.
    """
    language_of(request)
    return rather_than_json(request, CSV)


def rather_than_json(request: Request, wanted: str) -> bool:
    """Whether the Accept header weighs a media type above JSON."""
    weights: dict[str, int] = {}
    for part in ",".join(request.headers.getlist("accept")).lower().split(","):
        media_type, *parameters = (one.strip() for one in part.split(";"))
        weights[media_type] = max(weights.get(media_type, 0), _weight(parameters))
    return weights.get(wanted, 0) > weights.get(JSON, 0)


def _weight(parameters: Iterable[str]) -> int:
    """The q of a media type in thousandths; one that cannot be read weighs nothing."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            match = re.fullmatch(r"([01])(?:\.([0-9]{0,3}))?", value.strip())
            return 0 if match is None else int(match[1] + (match[2] or "").ljust(3, "0"))
    return 1000


class Cursors:
    """The cursors of one list: where the page before ended. Only our own are taken, and none can be read.

    The list of an employer's staff goes by account, and an employer is not told the account's number.
    """

    def __init__(self, keyring: Keyring, place: str) -> None:
        """`place` is the list with its filters."""
        self._cipher = AESSIV(keyring.digest("cursor", "key"))
        self._place = [place.encode()]

    def write(self, key: Key) -> str:
        return handed_out(self._cipher.encrypt(json.dumps(key).encode(), self._place))

    def read(self, cursor: str) -> Key:
        """What the page begins after. Raises ShapeRefused."""
        try:
            return json.loads(self._cipher.decrypt(given_back(cursor), self._place))
        except (ValueError, InvalidTag):
            fault = Fault(RefusalCode.SHAPE_INVALID, "query", "cursor", "a cursor of this very list")
            raise ShapeRefused([fault]) from None


async def answer_pages(
    request: Request,
    listing: Listing,
    name: str,
    place: str,
    page_after: PageAfter,
    cursor: str | None,
    limit: int,
    whose: Whose | None = None,
) -> Response:
    """A page of a list as JSON; or as CSV all of it from the cursor on, whatever the limit.

    `page_after` reads at most that many items after a key, which is None at the beginning. `name` is that
    of the CSV file, and names nobody. `whose` is the book of the person that an item shows, by its key.
    """
    state = state_of(request)
    if whose is not None:
        shown_by(request).to_come()
    cursors = Cursors(state.keyring, place)
    after = None if cursor is None else cursors.read(cursor)
    language = language_of(request)
    if wants_csv(request):
        takes_long(request.scope)
        first = await state.report(_behind(page_after, after, CSV_PAGE))
        _show(request, first, whose)
        return _csv_answer(name, _pages(request, listing, first, page_after, language, whose))
    found = await state.readers_for(request).read(_behind(page_after, after, limit + 1))
    more = len(found) > limit
    _show(request, found[:limit], whose)
    return json_answer(
        {
            "items": [item for _, item in found[:limit]],
            "next_cursor": cursors.write(found[limit - 1][0]) if more else None,
        },
        VARY,
    )


def _behind(page_after: PageAfter, after: Key, limit: int) -> Callable[[Any], Page]:
    return lambda connection: page_after(connection, after, limit)


def _show(request: Request, page: Page, whose: Whose | None) -> None:
    if whose is not None:
        shown_by(request).of_each(whose(key) for key, _item in page)


async def _pages(
    request: Request,
    listing: Listing,
    page: Page,
    page_after: PageAfter,
    language: str,
    whose: Whose | None,
) -> AsyncIterator[str]:
    state = state_of(request)
    yield listing.heading(language)
    while page:
        yield listing.lines((item for _, item in page), language)
        if len(page) < CSV_PAGE:
            return
        page = await state.report(_behind(page_after, page[-1][0], CSV_PAGE))
        _show(request, page, whose)
        await shown_by(request).record()


async def answer_whole(
    request: Request, listing: Listing, name: str, items: Callable[[Any], list[dict[str, Any]]]
) -> Response:
    """A list that is never long: all of it, as JSON or as CSV."""
    language = language_of(request)
    found = await state_of(request).readers_for(request).read(items)
    if not wants_csv(request):
        return json_answer({"items": found}, VARY)
    return _csv_answer(name, _at_once(listing.heading(language) + listing.lines(found, language)))


async def _at_once(text: str) -> AsyncIterator[str]:
    yield text


def _csv_answer(name: str, text: AsyncIterator[str]) -> Response:
    headers = VARY | {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(text, 200, headers, media_type=f"{CSV}; charset=utf-8")


def with_csv(described: dict[str, Any]) -> dict[str, Any]:
    """The same description of a route, which answers CSV too."""
    described["responses"][described["status_code"]] = {
        "description": "The list; as CSV when `Accept` asks for `text/csv`",
        "content": {CSV: {"schema": {"type": "string"}}},
    }
    more = described.get("openapi_extra") or {}
    described["openapi_extra"] = more | {"parameters": [*more.get("parameters", ()), LANGUAGE]}
    return described
