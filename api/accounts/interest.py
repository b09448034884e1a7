"""The interest of an account: what was posted by wrong rates is corrected, year by year."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field
from pydantic_core import to_json

from api.http.answers import Answer, yuan
from api.http.declaring import posting
from api.http.fields import Strict, Words, Year, example
from api.http.posting import key_of, respond, take
from api.http.routes import OF_ACCOUNT, LedgerRoute
from api.http.state import caller_of, state_of
from ledger import CorrectInterest
from ledger.book.detail import unpack
from ledger.book.numbers import account_no, entry_name
from ledger.money import format_yuan
from ledger.months import format_year

router = APIRouter(route_class=LedgerRoute)


class InterestCorrection(Strict):
    """The years whose interest was posted by wrong rates, and why it is corrected."""

    model_config = example(**{"from": 2024, "to": 2025, "reason": "rates of 2024 announced late"})

    first: Year = Field(alias="from")
    last: Year = Field(alias="to")
    reason: Words


class CorrectedYear(Answer):
    """What of a year was posted, by its entry; below zero it was too much."""

    year: str = Field(examples=["2024"])
    amount: str = yuan("The difference that was posted; with a minus what was taken back")
    entry: str = Field(examples=["P483920174650K-17"])


class InterestCorrectionAnswer(Answer):
    """The differences that were posted, oldest year first; years that were right are not among them."""

    account: str = Field(examples=["P483920174650K"])
    amount: str = yuan("All of them together")
    years: list[CorrectedYear]
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


@posting(
    router,
    "/v1/accounts/{account}/interest/corrections",
    CorrectInterest,
    scope="accounts:write",
    tag="accounts",
    summary="Correct interest that was posted by wrong rates",
    answer=InterestCorrectionAnswer,
    refusals=OF_ACCOUNT,
    names={"first": "from", "last": "to"},
)
async def correct_interest(account: str, body: InterestCorrection, request: Request) -> Response:
    """By the rates in force now. Each year has an entry of its own, valued today; later years grow with it.

    What is too much is taken as far as it is there. Of a closed account what is too little goes to the heirs.
    """
    key = key_of(request)
    who = caller_of(request)
    command = CorrectInterest(
        state_of(request).ref(account), body.first, body.last, body.reason, who.caller, who.actor, key
    )
    done = await take(request, command)
    book_id, years = done.receipt.book_id, unpack(done.receipt.detail)["years"]
    answer: dict[str, Any] = {
        "account": account_no(book_id),
        "amount": format_yuan(sum(fen for _year, fen, _seq in years)),
        "years": [
            {"year": format_year(year), "amount": format_yuan(fen), "entry": entry_name(book_id, seq)}
            for year, fen, seq in years
        ],
    }
    return respond(request, to_json(answer).decode(), done)
