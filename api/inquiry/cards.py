"""Social-security cards over HTTP: written down at the window, and reported lost."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError, to_json

from api.http.answers import Answer
from api.http.fields import Day, Strict, Words, day_text, example
from api.http.routes import JSON, OF_ACCOUNT, LedgerRoute, describe
from api.http.state import caller_of, state_of
from ledger import RefusalCode, reports
from ledger.book.numbers import account_no
from ledger.inquiry import cards
from ledger.inquiry.asking import Clerk, account_of
from ledger.inquiry.cards import NUMBER_MAX, NUMBER_MIN, Card, read_card_no

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "inquiry"


def _card_no(value: object) -> str:
    number = read_card_no(value) if isinstance(value, str) else None
    if number is None:
        wanted = f"{NUMBER_MIN} to {NUMBER_MAX} letters and digits, blanks and hyphens between them"
        raise PydanticCustomError(R.SHAPE_INVALID.value, wanted)
    return number


CardNo = Annotated[
    str,
    BeforeValidator(_card_no),
    WithJsonSchema({
        "type": "string",
        "pattern": f"^[0-9A-Za-z]{{{NUMBER_MIN},{NUMBER_MAX}}}$",
        "description": "Letters and digits; full-width ones, small letters, blanks and hyphens are folded."
        " It stands in no answer",
        "examples": ["A12345678"],
    }),
]  # fmt: skip


class NewCard(Strict):
    """A card as it is printed; without `ends_on` it has no last day."""

    model_config = example(card_no="A12345678", issued_on="2026-01-05", ends_on="2036-01-04")

    card_no: CardNo
    issued_on: Day
    ends_on: Day | None = None


class LostCard(Strict):
    """Why a card is not to be used any more."""

    model_config = example(reason="lost on the bus")

    reason: Words


class CardAnswer(Answer):
    """A card by the name that stands for it; its number is not told."""

    card: str = Field(description="Chosen at random: it tells nothing", examples=["KXWDNTBZQRLMFHGVCPSJ"])
    account_no: str = Field(examples=["P483920174650K"])
    issued_on: date
    ends_on: date | None
    status: Literal["valid", "ended", "lost"]
    lost_on: date | None


@router.post(
    "/v1/accounts/{account}/cards",
    **describe(
        tag=TAG,
        summary="Write a person's social-security card down",
        answer=CardAnswer,
        status=201,
        refusals=(*OF_ACCOUNT, R.CARD_IN_USE, R.PERIOD_INVALID, R.CARD_DIFFERS),
        body=True,
    ),
)
async def record_card(account: str, body: NewCard, request: Request) -> Response:
    """The same card again for the same person changes nothing; one that was lost stays lost."""
    state = state_of(request)
    ref, by = state.ref(account), clerk_of(request)

    def work() -> dict[str, Any]:
        with state.engine.connect() as connection:
            with connection.begin():
                book_id = reports.find_book(connection, ref)
            card = cards.record_card(
                connection,
                state.keyring,
                book_id,
                body.card_no,
                issued_on=body.issued_on,
                ends_on=body.ends_on,
                by=by,
            )
            return _card_json(card, book_id, by.today)

    return Response(to_json(await state.run(work)), 201, media_type=JSON)


@router.post(
    "/v1/cards/{card}/lost",
    **describe(
        tag=TAG,
        summary="Report a card lost: from now on nobody is found by it",
        answer=CardAnswer,
        status=201,
        refusals=(R.CARD_NOT_FOUND, R.ACCOUNT_NOT_FOUND),
        body=True,
    ),
)
async def lose_card(card: str, body: LostCard, request: Request) -> Response:
    """Said again it stays as it was said first. There is no way back: a new card has a new number."""
    state = state_of(request)
    by = clerk_of(request)

    def work() -> dict[str, Any]:
        with state.engine.connect() as connection:
            lost = cards.record_loss(connection, card, body.reason, by)
            with connection.begin():
                return _card_json(lost, account_of(connection, lost.person_id), by.today)

    return Response(to_json(await state.run(work)), 201, media_type=JSON)


def clerk_of(request: Request) -> Clerk:
    """Who writes something down, and when."""
    caller = caller_of(request)
    return Clerk(caller.caller, caller.actor, *state_of(request).clock())


def _card_json(card: Card, book_id: int, today: date) -> dict[str, Any]:
    return {
        "card": card.name,
        "account_no": account_no(book_id),
        "issued_on": card.issued_on.isoformat(),
        "ends_on": day_text(card.ends_on),
        "status": card.status(today),
        "lost_on": day_text(card.lost_on),
    }
