"""The call-back code over HTTP: set at the window, never told again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import StringConstraints
from pydantic_core import to_json

from api.http.answers import Answer
from api.http.fields import Strict, example
from api.http.routes import JSON, OF_ACCOUNT, LedgerRoute, describe
from api.http.state import state_of
from api.inquiry.cards import TAG, clerk_of
from ledger import reports
from ledger.book.numbers import account_no
from ledger.inquiry.call_back import CODE_PATTERN, set_code

router = APIRouter(route_class=LedgerRoute)


class CallBackCode(Strict):
    """What the person will say by telephone."""

    model_config = example(code="480215")

    # ASCII: pydantic's patterns know no other digits, and no line break before the end
    code: Annotated[str, StringConstraints(strict=True, min_length=4, max_length=8, pattern=CODE_PATTERN)]


class CallBackCodeAnswer(Answer):
    """The account that has a new code."""

    account_no: str


@router.post(
    "/v1/accounts/{account}/call-back-code",
    **describe(
        tag=TAG,
        summary="Set the code that a person says by telephone",
        answer=CallBackCodeAnswer,
        status=201,
        refusals=OF_ACCOUNT,
        body=True,
    ),
)
async def set_call_back_code(account: str, body: CallBackCode, request: Request) -> Response:
    """A new one takes the place of the old one. It is kept as a keyed digest, and told to nobody."""
    state = state_of(request)
    ref, by = state.ref(account), clerk_of(request)

    def work() -> dict[str, str]:
        with state.engine.connect() as connection:
            with connection.begin():
                book_id = reports.find_book(connection, ref)
            set_code(connection, state.keyring, book_id, body.code, by)
            return {"account_no": account_no(book_id)}

    return Response(to_json(await state.run(work)), 201, media_type=JSON)
