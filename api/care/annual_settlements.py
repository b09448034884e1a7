"""The annual settlement of one person, and its statement to read or print."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BeforeValidator, ConfigDict, Field
from pydantic_core import to_json

from api.care.annual_answers import AnnualStatementAnswer, statement_json
from api.care.annual_statement import STYLE_DIGEST, statement_html
from api.care.settlement_answers import policy_at
from api.http.fields import Strict, read_count
from api.http.listing import json_answer, rather_than_json
from api.http.places import told_as
from api.http.posting import key_of, respond, take
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import State, caller_of, state_of
from ledger import (
    BookRef,
    CloseYear,
    RefusalCode,
    Refused,
    annual_settlements,
    persons,
    reports,
    resident_ref,
)
from ledger.book.numbers import account_no, book_id_of
from ledger.care.annual_reports import YearStatement, last_statement, statement_of

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "annual settlements"
HTML = "text/html"
VARY = {"Vary": "Accept"}
# the page brings its own style, and nothing else
_ALLOWED = f"style-src 'sha256-{STYLE_DIGEST}'"
PAGE_POLICY = {"Content-Security-Policy": f"default-src 'none'; {_ALLOWED}; frame-ancestors 'none'"}

Year = Annotated[int, Field(ge=1900, le=2999), BeforeValidator(read_count)]


class YearSettlement(Strict):
    """Nothing beside the year and the person in the path."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


@router.post(
    "/v1/annual-settlements/{year}/{account}",
    **describe(
        tag=TAG,
        summary="Settle a year of care of one person",
        answer=AnnualStatementAnswer,
        status=201,
        also={200: "Nothing has changed since the last statement, which is the answer; or a dry run"},
        refusals=(*OF_ACCOUNT, *CloseYear.refused_with),
        body=True,
        posting=True,
        key=True,
    ),
)
@told_as(book="account")
async def settle_person(
    year: Annotated[Year, Path()],
    account: str,
    body: YearSettlement,  # noqa: ARG001  read strictly, and empty
    request: Request,
) -> Response:
    """A year that still goes on may be settled too. `account` is an account number or an ID number."""
    key = key_of(request)
    state, who = state_of(request), caller_of(request)
    book, else_book = _person(state, account)
    areas = await state.glance(annual_settlements.areas_elsewhere)
    done = await take(
        request, CloseYear(book, year, areas, else_book, caller=who.caller, actor=who.actor, key=key)
    )

    def look(connection: Any) -> dict[str, Any]:
        return _told(connection, state, statement_of(connection, done.receipt, year))

    told = to_json(await state.read(look)).decode()
    return respond(request, told, done, status=201 if done.created else 200)


def _described() -> dict[str, Any]:
    described = describe(
        tag=TAG,
        summary="The statement of a person's year, to read or to print",
        answer=AnnualStatementAnswer,
        refusals=(*OF_ACCOUNT, R.ANNUAL_SETTLEMENT_NOT_FOUND),
    )
    described["responses"][200] = {
        "description": "The latest statement; as a page to print when `Accept` asks for `text/html`",
        "content": {HTML: {"schema": {"type": "string"}}},
    }
    return described


@router.get("/v1/annual-settlements/{year}/{account}", **_described())
@told_as(book="account")
async def statement(year: Annotated[Year, Path()], account: str, request: Request) -> Response:
    """As it was settled: what came after is in the next one. Without diagnosis and items."""
    state = state_of(request)
    book, else_book = _person(state, account)

    def look(connection: Any) -> dict[str, Any]:
        book_id = _find(connection, book, else_book)
        shown_by(request).of(book_id)
        return _told(connection, state, last_statement(connection, book_id, year))

    told = await state.read(look)
    if not rather_than_json(request, HTML):
        return json_answer(told, VARY)
    policy = state.policies.get(int(told["area"]))
    page = statement_html(told, "" if policy is None else policy.name)
    return Response(page, 200, VARY | PAGE_POLICY, media_type=HTML)


def _person(state: State, text: str) -> tuple[BookRef, BookRef | None]:
    """The book that a path names, and that of a resident when it is not there. Raises Refused."""
    book_id = book_id_of(text)
    if book_id is not None and account_no(book_id).startswith("R"):
        return book_id, None
    ref = state.ref(text)
    return ref, resident_ref(ref) if isinstance(ref, bytes) else None


def _find(connection: Any, book: BookRef, else_book: BookRef | None) -> int:
    try:
        return reports.find_book(connection, book)
    except Refused:
        if else_book is None:
            raise
    return reports.find_book(connection, else_book)


def _told(connection: Any, state: State, found: YearStatement) -> dict[str, Any]:
    people = () if found.person_id is None else (found.person_id,)
    person = persons.known(connection, state.keyring, people).get(found.person_id or 0)
    policy = policy_at(connection, state, found.receipt.policy_version)
    return statement_json(policy, found, person)
