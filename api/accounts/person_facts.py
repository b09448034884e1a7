"""The person's file over HTTP: another name, another ID number, where to be reached; and the file itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.http.answers import ReceiptAnswer, yuan
from api.http.declaring import By, by_of, posting
from api.http.fields import Day, IdText, Name, SealedWords, Strict, Words, example
from api.http.posting import post_and_answer, respond, take, wants_dry_run
from api.http.receipts import receipt_json
from api.http.routes import OF_ACCOUNT, OF_ID_NUMBER, LedgerRoute
from api.http.shown import shown_by
from ledger import (
    ChangeName,
    ChangeNumber,
    Command,
    MergeAccounts,
    RecordContact,
    RefusalCode,
    Refused,
    persons,
    reports,
)
from ledger.book.detail import unpack
from ledger.chart.person_facts import NumberReason, PersonFact
from ledger.people.person_file import first_name
from ledger.people.person_keys import key_of_person

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "accounts"

_match_phone = re.compile(r"\+?[0-9]{5,20}").fullmatch


def _phone(value: object) -> str:
    digits = re.sub(r"[ -]", "", value) if isinstance(value, str) else ""
    if _match_phone(digits) is None:
        raise PydanticCustomError(R.SHAPE_INVALID.value, "5 to 20 digits, blanks and hyphens between them")
    return digits


Phone = Annotated[
    str,
    BeforeValidator(_phone),
    WithJsonSchema({
        "type": "string",
        "pattern": "^[+]?[0-9]{5,20}$",
        "description": "Digits; blanks and hyphens are left out. It stands whole in no answer",
        "examples": ["01099990000"],
    }),
]  # fmt: skip


class NewName(Strict):
    """A name, the day from which it counts, and the document that says so."""

    model_config = example(name="张三丰", document="Register of names 118", **{"from": "2026-03-01"})

    name: Name
    first: Day = Field(alias="from")
    document: Words


class NewNumber(Strict):
    """An ID number, the day from which it counts, and why there is another one."""

    model_config = example(
        id_number="329999201906010040",
        document="Household register 118",
        reason="corrected",
        **{"from": "2026-03-01"},
    )

    id_number: IdText
    first: Day = Field(alias="from")
    document: Words
    reason: Literal["reissued", "corrected", "upgraded"]


class NewContact(Strict):
    """Where the person is to be reached from a day on: a telephone number, an address, or both."""

    model_config = example(
        phone="01099990000", address="County 9999, no street 1", document="Form 7", **{"from": "2026-03-01"}
    )

    phone: Phone | None = None
    address: SealedWords | None = None
    first: Day = Field(alias="from")
    document: Words


class Merge(Strict):
    """The older account of the same person, by ID number or account number, and the document that says so."""

    model_config = example(into="P483920174650K", document="Finding 118")

    into: Annotated[str, Field(min_length=1, max_length=64)]
    document: Words


class MergeReceipt(ReceiptAnswer):
    """An account that went into another."""

    into: str = Field(description="The account that has its money now", examples=["P483920174650K"])
    interest: str = yuan("Every interest still owed, to the day before")


class PersonReceipt(ReceiptAnswer):
    """What was recorded of the person, and from which day it counts."""

    first: date = Field(alias="from")


def _new_name(account: str, body: NewName, by: By) -> ChangeName:
    """Sealed with the key of the person, which is looked up."""
    book_id, person_id = _holder(account, by)
    key = key_of_person(by.connection, by.state.keyring, person_id)
    name = persons.new_name(body.name, by.state.keyring, key)
    return ChangeName(book_id, name, body.first, body.document, *by.sent_by)


@posting(
    router,
    "/v1/accounts/{account}/names",
    ChangeName,
    scope="accounts:write",
    tag=TAG,
    summary="Record that the person is called otherwise from a day on",
    answer=PersonReceipt,
    refusals=OF_ACCOUNT,
    names={"valid_from": "from"},
    make=_new_name,
    bulk="name_change",
)
async def change_name(account: str, body: NewName, request: Request) -> Response:
    """Every name on record finds the account, and each is the name of its time."""
    return await _look_and_post(request, partial(_new_name, account, body))


def _new_contact(account: str, body: NewContact, by: By) -> RecordContact:
    """Sealed with the key of the person, which is looked up."""
    book_id, person_id = _holder(account, by)
    key = key_of_person(by.connection, by.state.keyring, person_id)
    phone, address = (
        None if text is None else persons.new_contact(what, text, by.state.keyring, key)
        for what, text in ((PersonFact.PHONE, body.phone), (PersonFact.ADDRESS, body.address))
    )
    return RecordContact(book_id, phone, address, body.first, body.document, *by.sent_by)


@posting(
    router,
    "/v1/accounts/{account}/contacts",
    RecordContact,
    scope="accounts:write",
    tag=TAG,
    summary="Record where the person is to be reached from a day on",
    answer=PersonReceipt,
    refusals=OF_ACCOUNT,
    names={"valid_from": "from"},
    make=_new_contact,
    bulk="contact",
)
async def record_contact(account: str, body: NewContact, request: Request) -> Response:
    """Those before stay on record. They are kept sealed and shown masked."""
    return await _look_and_post(request, partial(_new_contact, account, body))


def _holder(account: str, by: By) -> tuple[int, int]:
    """The book that a path names, and whose it is. Raises Refused."""
    book_id = reports.find_book(by.connection, by.ref(account))
    now, today = by.state.clock()
    return book_id, reports.account(by.connection, book_id, now=now, today=today).person_id or 0


async def _look_and_post(request: Request, make: Callable[[By], Command]) -> Response:
    """Make the command of what stands in the book, and post it."""
    by = by_of(request)
    command = await by.state.read(lambda connection: make(by._replace(connection=connection)))
    return await post_and_answer(request, command)


def _merge(account: str, body: Merge, by: By) -> MergeAccounts:
    ref = by.ref(account)
    try:
        into = by.ref(body.into)
    except Refused as refused:
        refused.at = "into"
        raise
    return MergeAccounts(ref, into, body.document, *by.sent_by)


@posting(
    router,
    "/v1/accounts/{account}/merge",
    MergeAccounts,
    scope="accounts:write",
    tag=TAG,
    summary="Let an account go into the older account of the same person",
    answer=MergeReceipt,
    refusals=OF_ACCOUNT,
    make=_merge,
    bulk="merge",
)
async def merge(account: str, body: Merge, request: Request) -> Response:
    """It is closed for ever, its ID numbers find the other one, and its entries are read as before."""
    done = await take(request, _merge(account, body, by_of(request)))
    if wants_dry_run(request):
        shown_by(request).of(unpack(done.receipt.detail)["into"])
    return respond(request, receipt_json(done.receipt), done)


def _new_number(account: str, body: NewNumber, by: By) -> ChangeNumber:
    """With the name that the person was written down by, and the person's key, which are looked up."""
    book_id, person_id = _holder(account, by)
    keyring = by.state.keyring
    name = first_name(by.connection, keyring, person_id) or ""
    own = key_of_person(by.connection, keyring, person_id)
    stake, parsed = persons.stake_by_number(body.id_number, name, keyring, by.today, key=own)
    sealed = persons.seal_fact(PersonFact.NUMBER, parsed.number, stake.digest, keyring, own).sealed
    reason = NumberReason(body.reason)
    return ChangeNumber(book_id, (stake,), sealed, body.first, body.document, reason, *by.sent_by)


@posting(
    router,
    "/v1/accounts/{account}/id-numbers",
    ChangeNumber,
    scope="accounts:write",
    tag=TAG,
    summary="Record that the person has another ID number from a day on",
    answer=PersonReceipt,
    refusals=(*OF_ACCOUNT, *OF_ID_NUMBER),
    names={"valid_from": "from"},
    make=_new_number,
    bulk="id_number",
)
async def change_number(account: str, body: NewNumber, request: Request) -> Response:
    """Every number finds the account for ever; the newest by its day is in force."""
    return await _look_and_post(request, partial(_new_number, account, body))
