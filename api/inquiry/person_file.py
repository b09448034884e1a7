"""The person's file at the window: every name and number, where to be reached, and the cards; masked."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.accounts.names import NameItem, NumberItem, names_json, numbers_json
from api.http.answers import Answer
from api.http.fields import day_text
from api.http.listing import json_answer
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import state_of
from ledger import reports
from ledger.inquiry.cards import cards_of
from ledger.people.id_numbers import mask_id_number
from ledger.people.person_file import file_of

router = APIRouter(route_class=LedgerRoute)
TAG = "accounts"


class PhoneItem(Answer):
    """A telephone number, masked, and the day from which it counts."""

    phone: str = Field(examples=["0*********0"])
    first: date = Field(alias="from")


class AddressItem(Answer):
    """An address, of which the beginning is shown, and the day from which it counts."""

    address: str = Field(examples=["Cou***"])
    first: date = Field(alias="from")


class CardItem(Answer):
    """A card by the name that stands for it."""

    card: str = Field(examples=["KXWDNTBZQRLMFHGVCPSJ"])
    issued_on: date
    ends_on: date | None
    status: Literal["valid", "ended", "lost"]


class PersonFileAnswer(Answer):
    """All that is on record of the person, each oldest first; what is sealed is masked."""

    account_no: str = Field(examples=["P483920174650K"])
    names: list[NameItem]
    id_numbers: list[NumberItem]
    phones: list[PhoneItem]
    addresses: list[AddressItem]
    cards: list[CardItem]


@router.get(
    "/v1/accounts/{account}/person",
    **describe(
        tag=TAG,
        summary="The person's file: names, ID numbers, where to be reached, cards",
        answer=PersonFileAnswer,
        refusals=OF_ACCOUNT,
    ),
)
async def person_file(account: str, request: Request) -> Response:
    """Each oldest first, masked."""
    state = state_of(request)
    ref = state.ref(account)

    def look(connection: Any) -> dict[str, Any]:
        book_id = reports.find_book(connection, ref)
        now, today = state.clock()
        shown = reports.account(connection, book_id, now=now, today=today)
        shown_by(request).of(book_id)
        person_id = shown.person_id or 0
        found = file_of(connection, state.keyring, person_id)
        return {
            "account_no": shown.account_no,
            "names": names_json(found, shown.opened_on),
            "id_numbers": numbers_json(found),
            "phones": [
                {"phone": mask_id_number(one.text), "from": day_text(one.since)}
                for one in (() if found is None else found.phones)
            ],
            "addresses": [
                {"address": f"{one.text[:3]}***", "from": day_text(one.since)}
                for one in (() if found is None else found.addresses)
            ],
            "cards": [
                {
                    "card": card.name,
                    "issued_on": card.issued_on.isoformat(),
                    "ends_on": day_text(card.ends_on),
                    "status": card.status(today),
                }
                for card in cards_of(connection, person_id)
            ],
        }

    return json_answer(await state.read(look))
