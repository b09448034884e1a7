"""Inquiries by telephone over HTTP: for the voice machine, and the clerk behind it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field, StringConstraints

from api.http.answers import Answer, Month, yuan
from api.http.fields import IdText, Name, Strict, example
from api.http.listing import json_answer
from api.http.routes import OF_ID_NUMBER, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import state_of
from api.inquiry.cards import TAG
from ledger import RefusalCode, Refused, persons
from ledger.chart.channels import NOTHING
from ledger.inquiry.telephone import SPOKEN_MAX, Ask, Caller, Factor, Told, counted_as, inquire
from ledger.people.id_numbers import parse_id_number

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode


class SaidFactor(Strict):
    """What the person says beside name and ID number: one thing more that others do not know."""

    model_config = example(kind="call_back_code", value="480215")

    kind: Literal["call_back_code", "card_last4", "last_payment_month"]
    # what has not the form of a code, or of a month, is a wrong one: no form is told
    value: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=64)] = Field(
        description="The code; the last four of a card; the last month paid, such as 2026-03"
    )


class PhoneInquiry(Strict):
    """Who calls, and what is asked."""

    model_config = example(
        name="张三",
        id_number="119999198503140015",
        factor={"kind": "call_back_code", "value": "480215"},
        ask="balance",
    )

    name: Name
    id_number: IdText
    factor: SaidFactor
    ask: Literal["balance", "last_payment", "months", "status"]


class LastPayment(Answer):
    """The latest month for which a premium came, and how much."""

    period: Month
    amount: str = yuan("What was paid for the month")


class PhoneAnswer(Answer):
    """What is told, and how it is read aloud."""

    answer: str | int | LastPayment | None = Field(
        description="The balance in yuan, the last payment (null: none), the months paid in all, the status"
    )
    speak: str = Field(max_length=SPOKEN_MAX, examples=["您的个人账户余额为一千二百三十四元五角六分。"])


@router.post(
    "/v1/phone/inquiries",
    **describe(
        tag=TAG,
        summary="Answer somebody who calls and shows who they are",
        answer=PhoneAnswer,
        refusals=(R.INQUIRY_LOCKED, R.FACTOR_WRONG, R.NAME_INVALID, *OF_ID_NUMBER),
        body=True,
    ),
)
async def phone_inquiry(body: PhoneInquiry, request: Request) -> Response:
    """An unknown person, a wrong name and a wrong factor are one no. Five in a row lock for a day."""
    state = state_of(request)
    now, today = state.clock()
    given = persons.number_digest(parse_id_number(body.id_number, today), state.keyring)
    person = await state.read(lambda connection: counted_as(connection, state.keyring, given, body.name))
    caller = Caller(person, body.name, Factor(body.factor.kind), body.factor.value)

    def work() -> Told:
        with state.engine.connect() as connection:
            return inquire(connection, state.keyring, caller, Ask(body.ask), now, today)

    shown = shown_by(request)
    try:
        told = await state.run(work)
    except Refused:
        # that somebody tried is recorded too
        shown.of_person(person, items=0, fields=NOTHING)
        raise
    shown.of(told.book_id, fields=told.fields)
    answer: dict[str, Any] = {"answer": told.answer, "speak": told.speak}
    return json_answer(answer)
