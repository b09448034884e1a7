"""The proof of a yearly statement: what the last seal holds of the account, to be checked without us."""

from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from api.http.answers import Answer, yuan
from api.http.errors import Declined
from api.http.fields import Year
from api.http.problems import DoorCode
from api.http.routes import JSON, OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import State, state_of
from api.inquiry.me import NOBODY, person_of
from ledger import BookRef, RefusalCode, reports
from ledger.inquiry.statements import require_stated
from ledger.seals.notes import NoteProblem
from ledger.seals.proving import prove
from ledger.seals.sealing import Log

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
PROOF = (R.PERIOD_INVALID, R.STATEMENT_NOT_SEALED, DoorCode.SEALS_UNAVAILABLE)
HEX = r"^([0-9a-f]{2})+$"
_log = logging.getLogger(__name__)


def _hex(description: str) -> Any:
    return Field(description=description, pattern=HEX)


class ProvedStatement(Answer):
    """What is proved, of an account by its number only, as it was when the last seal was made."""

    account_no: str = Field(examples=["P483920174650K"])
    year: int
    entries: int = Field(description="How many entries the book had at the seal")
    closing: str = yuan("What the account held on 31 December, by value dates")
    digest: str = _hex("SHA-256 over all of this and the digest of the last of those entries, in hex")


class ProvedDay(Answer):
    """The newest entry of the log of days, and its place there."""

    entry: str = Field(description="The entry, in base64")
    index: int
    size: int = Field(description="How many days the log has")
    path: list[str] = Field(description="The hashes beside the way to the root, from the leaf on, in hex")


class ProvedBalance(Answer):
    """The balance's leaf in the day's second tree: salt, book, year, fen."""

    leaf: str = _hex("In hex")
    salt: str = _hex("What the leaf begins with, 16 bytes")
    index: int
    size: int = Field(description="How many leaves the tree has")
    path: list[str]


class ProvedBook(Answer):
    """The book's leaf in the day's first tree: salt, book, how many entries, the digest of the last."""

    leaf: str = _hex("In hex")
    salt: str = _hex("What the leaf begins with, 16 bytes")
    head: str = _hex("What the leaf ends with: the digest that the chain has at the last entry")
    index: int
    size: int = Field(description="How many leaves the tree has")
    path: list[str]


class StatementProofAnswer(Answer):
    """A proof that is checked offline, byte for byte as it was answered: docs/seals.md."""

    statement: ProvedStatement
    checkpoint: str = Field(description="The signed checkpoint of the log, with the lines of its witnesses")
    day: ProvedDay
    book: ProvedBook
    balance: ProvedBalance


@router.get(
    "/v1/accounts/{account}/statements/{year}/proof",
    **describe(
        tag="accounts",
        summary="The proof of a yearly statement, by the last seal",
        answer=StatementProofAnswer,
        refusals=(*OF_ACCOUNT, *PROOF),
    ),
)
async def statement_proof(account: str, year: Annotated[Year, Path()], request: Request) -> Response:
    """Of the account's last finished year. What was written since the seal changes nothing in it."""
    return await _proved(request, state_of(request).ref(account), year)


@router.get(
    "/v1/me/statements/{year}/proof",
    **describe(
        tag="me",
        summary="The proof of the person's yearly statement, by the last seal",
        answer=StatementProofAnswer,
        refusals=(*NOBODY, *PROOF),
    ),
)
async def own_statement_proof(year: Annotated[Year, Path()], request: Request) -> Response:
    """As `/v1/accounts/{account}/statements/{year}/proof`."""
    return await _proved(request, person_of(request), year)


async def _proved(request: Request, ref: BookRef, year: int) -> Response:
    state = state_of(request)

    def look(connection: Any) -> int:
        book_id = reports.find_book(connection, ref)
        shown_by(request).of(book_id)
        require_stated(connection, book_id, year, state.clock()[1])
        return book_id

    book_id = await state.read(look)
    return Response(await state.run(lambda: _prove(state, book_id, year)), media_type=JSON)


def _prove(state: State, book_id: int, year: int) -> bytes:
    try:
        return prove(Log(state.settings.data), state.keyring, book_id, year)
    except NoteProblem as problem:
        # it names files and nobody
        _log.warning("no proof could be made: %s", problem)
        raise Declined(DoorCode.SEALS_UNAVAILABLE) from None
