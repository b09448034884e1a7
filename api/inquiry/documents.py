"""Documents of accounts and employers: printed, and handed out again, the same for ever (R60, R70)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.http.errors import Declined
from api.http.places import told_as
from api.http.problems import Code, DoorCode
from api.http.routes import JSON, OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import Shown, shown_by
from api.http.state import caller_of, state_of
from api.inquiry.document_answers import DocumentAnswer, NewDocument, NewUnitDocument, handed_out_json
from ledger import RefusalCode, employers
from ledger.chart.channels import FieldGroup
from ledger.contributions.credit_codes import parse_credit_code
from ledger.documents.asked import Asked
from ledger.documents.drafting import Drafted, Printer, draft_of_account, draft_of_employer, fields_of
from ledger.documents.handing_out import MEDIA_TYPES, content_of, kept_content
from ledger.documents.issuing import (
    Drawn,
    HandedOut,
    IssuedDocument,
    PrintedBy,
    draw,
    find,
    find_of,
    named,
    write_down,
)
from ledger.documents.length import draft_short, is_long_again
from ledger.inquiry.asking import Clerk
from ledger.inquiry.holders import book_named
from ledger.printing.sheet import Form

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG: Final = "documents"
OF_PRINTS: Final[tuple[Code, ...]] = (R.PERIOD_INVALID, R.DOCUMENT_TOO_LONG, DoorCode.DOCUMENT_KEY_MISSING)
OF_CARE: Final[tuple[Code, ...]] = (R.SETTLEMENT_NOT_FOUND, R.ANNUAL_SETTLEMENT_NOT_FOUND)
OF_BYTES: Final[tuple[Code, ...]] = (R.DOCUMENT_NOT_FOUND, R.DOCUMENT_DAMAGED, R.DOCUMENT_NOT_KEPT)
# any of these, whatever the form was: the bytes are not described as JSON
_ANY_FORM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The bytes that were handed out",
        "content": {
            media_type.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
            for media_type in MEDIA_TYPES.values()
        },
    }
}


def describe_bytes(**said: Any) -> dict[str, Any]:
    """The keyword arguments of a route that answers with the bytes of a document, in whatever form."""
    told = describe(answer=DocumentAnswer, **said)
    return told | {
        "response_model": None,
        "response_class": Response,
        "responses": told["responses"] | _ANY_FORM,
    }


Draft = Callable[[Any, Printer], Drafted]
Find = Callable[[Any], IssuedDocument]


@router.post(
    "/v1/accounts/{account}/documents",
    **describe(
        tag=TAG,
        summary="Print a document of an account",
        answer=DocumentAnswer,
        status=201,
        refusals=(*OF_ACCOUNT, *OF_PRINTS, *OF_CARE),
        body=True,
    ),
)
@told_as(book="account")
async def print_of_account(account: str, body: NewDocument, request: Request) -> Response:
    """A print is a read: it is recorded with its serial number before the answer.

    By the ID number of a person without an account, what a resident has.
    """
    ref, asked = state_of(request).ref(account), body.asked

    def draft(connection: Any, printer: Printer) -> Drafted:
        return draft_of_account(connection, printer, book_named(connection, ref), asked)

    return await hand_out(request, draft, asked, body.form)


@router.post(
    "/v1/employers/{employer}/documents",
    **describe(
        tag=TAG,
        summary="Print a document of an employer",
        answer=DocumentAnswer,
        status=201,
        refusals=(R.CREDIT_CODE_INVALID, R.EMPLOYER_NOT_FOUND, *OF_PRINTS),
        body=True,
    ),
)
async def print_of_employer(employer: str, body: NewUnitDocument, request: Request) -> Response:
    """What the employer paid, or whom it has registered. Each person shown is recorded."""
    code, asked = parse_credit_code(employer), body.asked

    def draft(connection: Any, printer: Printer) -> Drafted:
        return draft_of_employer(connection, printer, employers.find(connection, code, printer.today), asked)

    return await hand_out(request, draft, asked, body.form)


@router.get(
    "/v1/documents/{document}",
    **describe_bytes(tag=TAG, summary="A document as it was handed out, byte by byte", refusals=OF_BYTES),
)
async def document_again(document: str, request: Request) -> Response:
    """The same for ever, or not at all. An employer's token reaches its own."""
    return await show_again(request, lambda connection: find(connection, document))


@router.get(
    "/v1/employers/{employer}/documents/{document}",
    **describe_bytes(
        tag=TAG,
        summary="A document of an employer as it was handed out, byte by byte",
        refusals=(R.CREDIT_CODE_INVALID, R.EMPLOYER_NOT_FOUND, *OF_BYTES),
    ),
)
async def unit_document_again(employer: str, document: str, request: Request) -> Response:
    """As `/v1/documents/{document}`; of another employer's there is none here."""
    code = parse_credit_code(employer)

    def look(connection: Any) -> IssuedDocument:
        return find_of(connection, document, (employers.find(connection, code).book_id,))

    return await show_again(request, look)


# -- printing ------------------------------------------------------------------------------------------------


async def hand_out(request: Request, draft: Draft, asked: Asked, form: Form) -> Response:
    """Draft, draw, record, write down, answer. Raises Refused, Declined."""
    state, shown, who = state_of(request), shown_by(request), caller_of(request)
    _may_be_shown(shown, fields_of(asked))
    if state.keyring.signing is None:
        raise Declined(DoorCode.DOCUMENT_KEY_MISSING)
    now, today = state.clock()
    printer = Printer(state.keyring, state.policies, now, today)
    called = named(state.settings.check_url, now)

    def make(drafted: Drafted) -> tuple[Drafted, Drawn]:
        return drafted, draw(state.keyring, drafted, called.issue, form)

    short = await state.report(lambda connection: draft_short(partial(draft, connection), printer))
    if short is None:
        drafted, made = await state.read_and_draw_long(
            request, lambda connection: draft(connection, printer), make
        )
    else:
        drafted, made = await state.draw(request, lambda: make(short))
    _tell(shown, drafted, called.issue.serial)
    # recorded first: of what cannot be recorded there is no document
    await shown.record()

    def write() -> HandedOut:
        by = PrintedBy(Clerk(who.caller, who.actor, now, today), shown.asker.purpose, shown.asker.ref)
        with state.engine.connect() as connection:
            return write_down(connection, printer, drafted, called, made, by)

    return Response(to_json(handed_out_json(await state.run(write))), 201, media_type=JSON)


def _may_be_shown(shown: Shown, fields: FieldGroup) -> None:
    """Raise Declined where the channel does not see what a document of the kind shows."""
    if not shown.may_have(fields):
        raise Declined(DoorCode.CHANNEL_NOT_ALLOWED)


def _tell(shown: Shown, drafted: Drafted, serial: str) -> None:
    if drafted.rests_on.people:
        shown.of(*drafted.rests_on.people, fields=drafted.fields, document=serial)
    else:
        shown.of(drafted.book_id, items=drafted.items, fields=drafted.fields, document=serial)


# -- again ---------------------------------------------------------------------------------------------------


async def show_again(request: Request, find_it: Find) -> Response:
    """The bytes of a document that was handed out. Raises Refused, Declined."""
    state, shown = state_of(request), shown_by(request)

    def look(connection: Any) -> tuple[IssuedDocument, bytes | None]:
        found = find_it(connection)
        return found, kept_content(connection, found.name)

    found, kept = await state.report(look)
    _may_be_shown(shown, found.shows)
    # what was kept is not drawn
    is_long = kept is None and is_long_again(found)
    content = await state.draw(request, lambda: content_of(state.keyring, found, kept), is_long=is_long)
    people = found.rests.people
    if people:
        shown.of(*people, fields=found.shows, document=found.serial)
    else:
        shown.of(found.book_id, items=found.items, fields=found.shows, document=found.serial)
    headers = {"Content-Disposition": f'attachment; filename="{found.serial}.{found.form}"'}
    if found.form == Form.HTML.value:
        # nobody loads what draws a page before one is there
        from ledger.printing.html_view import policy_of

        headers = {"Content-Security-Policy": f"{policy_of(content)}; frame-ancestors 'none'"}
    return Response(content, 200, headers, media_type=MEDIA_TYPES[Form(found.form)])
