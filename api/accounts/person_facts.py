"""The person's file over HTTP: another name, another ID number, where to be reached; and the file itself."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.http.answers import ReceiptAnswer, yuan
from api.http.declaring import By, by_of, posting, posts
from api.http.fields import Day, IdText, Name, SealedWords, Strict, Words, example
from api.http.posting import post_and_answer, respond, take, wants_dry_run
from api.http.receipts import receipt_json
from api.http.routes import OF_ACCOUNT, OF_ID_NUMBER, LedgerRoute
from api.http.shown import shown_by
from ledger import (
    ChangeName,
    ChangeNumber,
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


@posts(
    router,
    "/v1/accounts/{account}/names",
    scope="accounts:write",
    tag=TAG,
    summary="Record that the person is called otherwise from a day on",
    answer=PersonReceipt,
    refusals=OF_ACCOUNT,
    names={"valid_from": "from"},
    bulk="name_change",
)
def change_name(account: str, body: NewName, by: By) -> ChangeName:
    """Every name on record finds the account, and each is the name of its time."""
    name = persons.new_name(body.name, by.state.keyring)
    return ChangeName(by.ref(account), name, body.first, body.document, *by.sent_by)


@posts(
    router,
    "/v1/accounts/{account}/contacts",
    scope="accounts:write",
    tag=TAG,
    summary="Record where the person is to be reached from a day on",
    answer=PersonReceipt,
    refusals=OF_ACCOUNT,
    names={"valid_from": "from"},
    bulk="contact",
)
def record_contact(account: str, body: NewContact, by: By) -> RecordContact:
    """Those before stay on record. They are kept sealed and shown masked."""
    phone, address = (
        None if text is None else persons.new_contact(what, text, by.state.keyring)
        for what, text in ((PersonFact.PHONE, body.phone), (PersonFact.ADDRESS, body.address))
    )
    return RecordContact(by.ref(account), phone, address, body.first, body.document, *by.sent_by)


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
    """With the name that the person was written down by, which is looked up."""
    ref = by.ref(account)
    book_id = reports.find_book(by.connection, ref)
    now, today = by.state.clock()
    person_id = reports.account(by.connection, book_id, now=now, today=today).person_id
    name = first_name(by.connection, by.state.keyring, person_id or 0) or ""
    stake, parsed = persons.stake_by_number(body.id_number, name, by.state.keyring, by.today)
    sealed = persons.seal_fact(PersonFact.NUMBER, parsed.number, stake.digest, by.state.keyring).sealed
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
    by = by_of(request)
    command = await by.state.read(
        lambda connection: _new_number(account, body, by._replace(connection=connection))
    )
    return await post_and_answer(request, command)
