"""The look-up at the window: the card reader gives a number, and the clerk sees whose it is, masked.

Also the digest by which the agency's own login binds a token to a person.
"""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field

from api.http.answers import Answer, StatusWord
from api.http.errors import Fault, ShapeRefused
from api.http.fields import Day, IdText, Name, SourceRef, Strict, example
from api.http.listing import json_answer
from api.http.routes import OF_ACCOUNT, OF_ID_NUMBER, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import State, state_of
from api.inquiry.cards import TAG, CardNo
from ledger import RefusalCode, Refused, persons, reports
from ledger.bounds.table import MANDATE_UNTIL
from ledger.inquiry.asking import account_of
from ledger.inquiry.cards import valid_card
from ledger.people.id_numbers import mask_in_text, parse_id_number

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode


class Proxy(Strict):
    """Who came instead, and the written mandate that lets them; `until` is its last day."""

    model_config = example(
        id_number="119999198503140015", name="李四", mandate_ref="WT-2026-118", until="2026-12-31"
    )

    id_number: IdText
    name: Name
    mandate_ref: SourceRef
    until: Day


class PersonLookup(Strict):
    """What was shown at the window: an ID number or a card, and by a proxy also the mandate."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"id_number": "119999198503140015", "credential": "id_card"},
                {"card_no": "A12345678", "credential": "social_card"},
            ]
        }
    )

    id_number: IdText | None = None
    card_no: CardNo | None = None
    credential: Literal["id_card", "social_card", "proxy"]
    proxy: Proxy | None = Field(None, description="With the credential `proxy`, and only with it")

    def check(self) -> None:
        """Raise ShapeRefused unless it has one number, and a mandate just where a proxy came."""
        faults = []
        if (self.id_number is None) == (self.card_no is None):
            faults.append(Fault(R.SHAPE_INVALID, "body", "/card_no", "either id_number or card_no"))
        if (self.credential == "proxy") != (self.proxy is not None):
            wanted = "a mandate with the credential proxy, and with no other"
            faults.append(Fault(R.SHAPE_INVALID, "body", "/proxy", wanted))
        if faults:
            raise ShapeRefused(faults)


class PersonFound(Answer):
    """Whose it is, masked."""

    account_no: str = Field(examples=["P483920174650K"])
    status: StatusWord
    name: str | None
    id_number: str | None


class PersonNumber(Strict):
    """An ID number."""

    model_config = example(id_number="119999198503140015")

    id_number: IdText


class PersonDigest(Answer):
    """What a token says as its claim `person`."""

    person: str = Field(pattern="^[0-9a-f]{64}$")


@router.post(
    "/v1/people/lookup",
    **describe(
        tag=TAG,
        summary="Whose an ID card or a social-security card is",
        answer=PersonFound,
        refusals=(*OF_ACCOUNT, R.MANDATE_ENDED, R.PERIOD_INVALID),
        body=True,
    ),
)
async def lookup(body: PersonLookup, request: Request) -> Response:
    """Unknown, lost, ended and somebody else's are answered alike, with account_not_found."""
    body.check()
    state = state_of(request)
    if body.proxy is not None:
        _admit(body.proxy, request)
    today = state.clock()[1]
    digest = None if body.id_number is None else _digest(state, body.id_number)

    def look(connection: Any) -> dict[str, Any]:
        if digest is not None:
            book_id = reports.find_book(connection, digest)
        else:
            card = valid_card(connection, state.keyring, body.card_no or "", today)
            if card is None:
                raise Refused(R.ACCOUNT_NOT_FOUND)
            book_id = account_of(connection, card.person_id)
        shown_by(request).of(book_id)
        return _found(connection, state, book_id)

    return json_answer(await state.read(look))


@router.post(
    "/v1/people/digests",
    **describe(
        tag=TAG,
        summary="The digest of an ID number that binds a token to a person",
        answer=PersonDigest,
        refusals=OF_ID_NUMBER,
        body=True,
    ),
)
async def digests(body: PersonNumber, request: Request) -> Response:
    """Whether there is such a person is not looked at, and not told."""
    digest = _digest(state_of(request), body.id_number)
    shown_by(request).of_person(digest)
    return json_answer({"person": digest.hex()})


def _digest(state: State, id_number: str) -> bytes:
    return persons.number_digest(parse_id_number(id_number, state.clock()[1]), state.keyring)


def _admit(proxy: Proxy, request: Request) -> None:
    """Let a proxy ask, and record who it is. Raises Refused for a mandate that is over."""
    state = state_of(request)
    today = state.clock()[1]
    try:
        who = _digest(state, proxy.id_number)
    except Refused as refused:
        refused.at = "proxy/id_number"
        raise
    if proxy.until < today:
        raise Refused(R.MANDATE_ENDED, at="proxy/until")
    MANDATE_UNTIL.admit(proxy.until, today, "proxy/until")
    # the digest, as no ID number stands in the log
    shown_by(request).also_for(f"proxy {who.hex()}, mandate {mask_in_text(proxy.mandate_ref)}")


def _found(connection: Any, state: State, book_id: int) -> dict[str, Any]:
    now, today = state.clock()
    account = reports.account(connection, book_id, now=now, today=today)
    known = persons.known(
        connection, state.keyring, () if account.person_id is None else (account.person_id,)
    )
    person = known.get(account.person_id or 0)
    return {
        "account_no": account.account_no,
        "status": account.status.value,
        "name": None if person is None else person.masked_name,
        "id_number": None if person is None else person.masked_number,
    }
