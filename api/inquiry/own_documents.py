"""Documents that a person prints online or at a kiosk, and all that were printed of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from api.http.listing import LIMIT_DEFAULT, Cursor, Cursors, PageLimit, json_answer
from api.http.routes import LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import state_of
from api.inquiry.document_answers import DocumentAnswer, NewDocument, OwnDocuments, item_json
from api.inquiry.documents import OF_BYTES, OF_CARE, OF_PRINTS, describe_bytes, hand_out, show_again
from api.inquiry.me import NOBODY, TAG, person_of
from ledger import RefusalCode, Refused
from ledger.documents.drafting import Drafted, Printer, draft_of_account
from ledger.documents.issuing import IssuedDocument, documents_listed, find_of, listed
from ledger.inquiry.holders import Holder, holder_of, insured_book

router = APIRouter(route_class=LedgerRoute)


@router.post(
    "/v1/me/documents",
    **describe(
        tag=TAG,
        summary="Print a document of one's own",
        answer=DocumentAnswer,
        status=201,
        refusals=(*NOBODY, *OF_PRINTS, *OF_CARE),
        body=True,
    ),
)
async def print_own(body: NewDocument, request: Request) -> Response:
    """As `/v1/accounts/{account}/documents`; of a person without an account what a resident has."""
    person, asked = person_of(request), body.asked

    def draft(connection: Any, printer: Printer) -> Drafted:
        return draft_of_account(connection, printer, insured_book(connection, person), asked)

    return await hand_out(request, draft, asked, body.form)


@router.get(
    "/v1/me/documents",
    **describe(
        tag=TAG,
        summary="The documents that were printed of the person, the latest first",
        answer=OwnDocuments,
        refusals=NOBODY,
    ),
)
async def own_documents(
    request: Request, limit: PageLimit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Response:
    """By whomever they were printed, but for what is withheld until a day.

    Verification codes are not kept: they stand on the documents.
    """
    state, person = state_of(request), person_of(request)
    today = state.clock()[1]
    cursors = Cursors(state.keyring, f"documents|{person.hex()}")
    before = None
    if cursor is not None:
        at, name = cursors.read(cursor)
        before = (datetime.fromisoformat(at), str(name))

    def look(connection: Any) -> list[IssuedDocument]:
        books = _own_books(connection, person)
        found = documents_listed(connection, books, before, limit + 1, state.policies, today)
        shown_by(request).of(books[0], items=min(len(found), limit))
        return found

    found = await state.read(look)
    page = found[:limit]
    following = None
    if len(found) > limit:
        following = cursors.write([page[-1].issued_at.isoformat(), page[-1].name])
    return json_answer({"items": [item_json(one) for one in page], "next_cursor": following})


@router.get(
    "/v1/me/documents/{document}",
    **describe_bytes(
        tag=TAG,
        summary="A document of one's own as it was handed out, byte by byte",
        refusals=(*NOBODY, *OF_BYTES),
    ),
)
async def own_document_again(document: str, request: Request) -> Response:
    """As `/v1/documents/{document}`; somebody else's is as unknown as none."""
    state, person = state_of(request), person_of(request)

    def look(connection: Any) -> IssuedDocument:
        found = find_of(connection, document, _own_books(connection, person))
        if not listed(connection, [found], state.policies, state.clock()[1]):
            raise Refused(RefusalCode.DOCUMENT_NOT_FOUND, at="document")
        return found

    return await show_again(request, look)


def _own_books(connection: Any, person: bytes) -> tuple[int, ...]:
    """Every book of the person. Raises Refused(account_not_found)."""
    holder: Holder = holder_of(connection, person)
    if not holder.books:
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="book")
    return holder.books
