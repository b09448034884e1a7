"""Shares of estates that go to a bank: ordered, reviewed by somebody else, paid, sent back (R57, R68)."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError, to_json

from api.http.answers import Answer, yuan
from api.http.declaring import posting
from api.http.fields import IdText, Name, Nothing, SealedWords, SourceRef, Strict, Words, example
from api.http.listing import LIMIT_DEFAULT, Cursor, Cursors, Limit, json_answer
from api.http.posting import entry_of, key_of, respond, take
from api.http.routes import LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import State, caller_of, state_of
from ledger import OrderPayout, RecordPayout, RefusalCode, Refused, ReturnPayout, ReviewPayout, persons
from ledger.book.detail import unpack
from ledger.book.numbers import entry_name
from ledger.chart.payouts import PayoutWord
from ledger.estates.payout_reports import (
    BankDetails,
    PayoutSeen,
    concerned,
    open_details,
    payouts,
    seal_details,
)
from ledger.estates.reports import estate_seen
from ledger.inquiry.watched import numbers_of_staff
from ledger.money import format_yuan
from ledger.people.id_numbers import mask_name, parse_id_number
from ledger.texts import normalise_name, says_cash

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "closure"
StateWord = Literal["waiting", "reviewed", "paid", "replaced", "returned"]

_match_account = re.compile(r"[0-9]{8,32}").fullmatch


def _bank_account(value: object) -> str:
    digits = re.sub(r"[ -]", "", value) if isinstance(value, str) else ""
    if _match_account(digits) is None:
        raise PydanticCustomError(R.SHAPE_INVALID.value, "8 to 32 digits, blanks and hyphens between them")
    return digits


def _bank(value: str) -> str:
    if says_cash(value):
        raise PydanticCustomError(R.CASH_FORBIDDEN.value, "account money is never paid as cash")
    return value


BankAccount = Annotated[
    str,
    BeforeValidator(_bank_account),
    WithJsonSchema({
        "type": "string",
        "pattern": "^[0-9]{8,32}$",
        "description": "Digits; blanks and hyphens are left out. It stands whole in no answer",
        "examples": ["6200000000000000000"],
    }),
]  # fmt: skip
Bank = Annotated[
    SealedWords, BeforeValidator(lambda value: _bank(value) if isinstance(value, str) else value)
]


class NewPayout(Strict):
    """To which bank a share is paid, and the document of it. A number tells heirs of one name apart."""

    model_config = example(
        name="李四",
        account_holder="李四",
        bank="Example bank, branch 9999",
        bank_account="6200000000000000000",
        document="payment form 7",
    )

    name: Name
    id_number: IdText | None = None
    account_holder: Name
    bank: Bank
    bank_account: BankAccount
    document: SealedWords


class PayoutDone(Strict):
    """The bank's paper of the payment."""

    model_config = example(source_ref="bank-2026-118")

    source_ref: SourceRef


class PayoutBack(Strict):
    """The bank's paper of what it sent back, and why it did."""

    model_config = example(reason="account closed", source_ref="bank-2026-131")

    reason: Words
    source_ref: SourceRef


class PayoutState(Answer):
    """An order, and how far it is."""

    payout: str = Field(examples=["P483920174650K-21"])
    state: StateWord
    estate: str | None = Field(None, description="The entry of the death")
    amount: str | None = Field(
        None, description="What is paid, in yuan: all that the heir still has to get", examples=["333.34"]
    )


class PayoutItem(Answer):
    """An order as it stands; people and the bank account are masked."""

    payout: str = Field(examples=["P483920174650K-21"])
    state: StateWord
    estate: str
    name: str | None = Field(description="Null once it was erased", examples=["李*"])
    amount: str = yuan("What is paid")
    account_holder: str | None = Field(description="Null once it was erased", examples=["李*"])
    bank: str | None = Field(description="Null once it was erased")
    bank_account: str | None = Field(description="Null once it was erased", examples=["***************0000"])
    ordered_on: date
    ordered_by: str
    reviewed_by: str | None
    source_ref: str | None


class PayoutPage(Answer):
    """Orders by account."""

    items: list[PayoutItem]
    next_cursor: str | None


@posting(
    router,
    "/v1/estates/{estate}/payouts",
    OrderPayout,
    scope="accounts:write",
    tag=TAG,
    summary="Order an heir's share to be paid to a bank",
    answer=PayoutState,
    names={"person": "name"},
)
async def order(estate: str, body: NewPayout, request: Request) -> Response:
    """All that the heir still has to get. Another order takes the place of one that was not paid."""
    key = key_of(request)
    state, who = state_of(request), caller_of(request)
    book_id, seq = entry_of(estate, R.ESTATE_NOT_FOUND)
    person = await state.read(lambda connection: _heir(connection, state, (book_id, seq), body))
    details = BankDetails(body.account_holder, body.bank, body.bank_account, body.document)
    sealed = seal_details(details, state.keyring)
    command = OrderPayout(book_id, seq, person, sealed, who.caller, who.actor, key)
    done = await take(request, command)
    told = unpack(done.receipt.detail)
    answer = {
        "payout": done.receipt.name,
        "state": "waiting",
        "estate": entry_name(book_id, told["death"]),
        "amount": format_yuan(told["amount"]),
    }
    return respond(request, to_json(answer).decode(), done)


@posting(
    router,
    "/v1/payouts/{payout}/review",
    ReviewPayout,
    scope="accounts:write",
    tag=TAG,
    summary="Say that the bank details of an order are right",
    answer=PayoutState,
)
async def review(payout: str, body: Nothing, request: Request) -> Response:  # noqa: ARG001  it says nothing
    """By somebody else than who ordered it, who is none of the heirs."""
    key = key_of(request)
    state, who = state_of(request), caller_of(request)
    book_id, seq = entry_of(payout, R.PAYOUT_NOT_FOUND)
    await state.read(lambda connection: _check_reviewer(connection, (book_id, seq), who.actor, who.person))
    command = ReviewPayout(book_id, seq, who.caller, who.actor, key)
    done = await take(request, command)
    return respond(request, to_json({"payout": payout, "state": "reviewed"}).decode(), done)


@posting(
    router,
    "/v1/payouts/{payout}/paid",
    RecordPayout,
    scope="accounts:write",
    tag=TAG,
    summary="Record that a reviewed order was paid",
    answer=PayoutState,
)
async def paid(payout: str, body: PayoutDone, request: Request) -> Response:
    """What was paid is gone: its estate is no longer undone, unless the bank sends it back."""
    key = key_of(request)
    who = caller_of(request)
    book_id, seq = entry_of(payout, R.PAYOUT_NOT_FOUND)
    command = RecordPayout(book_id, seq, body.source_ref, who.caller, who.actor, key)
    done = await take(request, command)
    return respond(request, to_json({"payout": payout, "state": "paid"}).decode(), done)


@posting(
    router,
    "/v1/payouts/{payout}/returned",
    ReturnPayout,
    scope="accounts:write",
    tag=TAG,
    summary="Record that the bank sent back what was paid by an order",
    answer=PayoutState,
)
async def returned(payout: str, body: PayoutBack, request: Request) -> Response:
    """The share is to be paid again, by another order with the details put right."""
    key = key_of(request)
    who = caller_of(request)
    book_id, seq = entry_of(payout, R.PAYOUT_NOT_FOUND)
    command = ReturnPayout(book_id, seq, body.reason, body.source_ref, who.caller, who.actor, key)
    done = await take(request, command)
    return respond(request, to_json({"payout": payout, "state": "returned"}).decode(), done)


@router.get(
    "/v1/payouts",
    **describe(tag=TAG, summary="Orders to pay shares to banks, by their state", answer=PayoutPage),
)
async def listed(
    request: Request,
    state: Annotated[StateWord | None, Query(description="Only those of this state")] = None,
    limit: Annotated[Limit, Query()] = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """What waits for a review, what is to be paid, what was paid. Bank details are masked."""
    ledger = state_of(request)
    cursors = Cursors(ledger.keyring, f"payouts|{state}")
    after = None
    if cursor is not None:
        book_id, seq = cursors.read(cursor)
        after = (int(book_id), int(seq))
    wanted = None if state is None else PayoutWord(state)

    def look(connection: Any) -> tuple[list[dict[str, Any]], Any]:
        found = payouts(connection, wanted, after, limit + 1)
        page = found[:limit]
        known = persons.known(connection, ledger.keyring, [one.person_id for one in page])
        items = [_item(one, known[one.person_id].masked_name, ledger) for one in page]
        shown_by(request).of_each([one.book_id for one in page])
        return items, [page[-1].book_id, page[-1].seq] if len(found) > limit else None

    items, last = await ledger.read(look)
    return json_answer({"items": items, "next_cursor": None if last is None else cursors.write(last)})


def _item(one: PayoutSeen, name: str | None, state: State) -> dict[str, Any]:
    details = open_details(one.details, state.keyring)
    number = None if details is None else details.bank_account
    return {
        "payout": entry_name(one.book_id, one.seq),
        "state": one.state.value,
        "estate": entry_name(one.book_id, one.death_seq),
        "name": name,
        "amount": format_yuan(one.amount),
        "account_holder": None if details is None else mask_name(details.account_holder),
        "bank": None if details is None else details.bank,
        "bank_account": None if number is None else "*" * (len(number) - 4) + number[-4:],
        "ordered_on": one.ordered_on.isoformat(),
        "ordered_by": one.ordered_by,
        "reviewed_by": one.reviewed_by,
        "source_ref": one.source_ref,
    }


def _heir(connection: Any, state: State, place: tuple[int, int], body: NewPayout) -> int | None:
    """Whose share it is, by name and number; None for nobody, and for several of one name."""
    people = {line["person"] for line in estate_seen(connection, *place).lines}
    wanted = None
    if body.id_number is not None:
        parsed = parse_id_number(body.id_number, state.clock()[1])
        wanted = persons.number_of(connection, persons.number_digest(parsed, state.keyring))
    known = persons.known(connection, state.keyring, sorted(people))
    found = [
        person
        for person, one in known.items()
        if one.name is not None
        and normalise_name(one.name) == normalise_name(body.name)
        and (body.id_number is None or person == wanted)
    ]
    return found[0] if len(found) == 1 else None


def _check_reviewer(connection: Any, place: tuple[int, int], actor: str, person: bytes | None) -> None:
    """Raise Refused(same_person) for staff who are heirs of that estate themselves."""
    numbers = numbers_of_staff(connection, actor)
    if person is not None:
        numbers.add(person)
    if numbers:
        own = {persons.number_of(connection, one) for one in numbers}
        if own & concerned(connection, *place):
            raise Refused(R.SAME_PERSON)
