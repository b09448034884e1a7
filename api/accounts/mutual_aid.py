"""Mutual aid: quotas that an account gives to relatives, what was paid of them, and a relative's premium."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field, StringConstraints
from pydantic_core import to_json

from api.http.answers import Answer, ReceiptAnswer, yuan
from api.http.declaring import By, posting, posts
from api.http.fields import Amount, IdText, SourceRef, Strict, Whole, Words
from api.http.listing import json_answer
from api.http.posting import entry_of, key_of, respond, take
from api.http.receipts import target_name
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import caller_of, patient_of, state_of
from ledger import BookRef, EndQuota, GiveQuota, PayPremium, Posted, RefusalCode, Refused, persons, reports
from ledger.accounts.mutual_aid import RANK_MAX
from ledger.book.detail import unpack
from ledger.book.numbers import entry_name
from ledger.care import reports as care
from ledger.chart.channels import FieldGroup
from ledger.money import format_yuan
from ledger.people.id_numbers import mask_id_number

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "mutual aid"
CONSENTS_MAX = 10
Side = Annotated[Literal["given", "received"], Query(description="Given by this account, or to its holder")]
# whether somebody is a relative is for the command to say
Relation = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=32),
    Field(description="What the recipient is to the donor", examples=["child"]),
]


class NewQuota(Strict):
    """Money that is reserved for a relative. The call states that both consents lie with the agency."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "recipient": "119999201201010017",
                    "relation": "child",
                    "amount": "500.00",
                    "rank": 1,
                    "consents": ["consent 2026-118-a", "consent 2026-118-b"],
                }
            ]
        }
    )

    recipient: IdText
    relation: Relation
    amount: Amount
    rank: Whole = Field(ge=1, le=RANK_MAX, description="Donors of one person pay in this order")
    consents: list[SourceRef] = Field(default_factory=list, max_length=CONSENTS_MAX)


class QuotaEnd(Strict):
    """Why a quota is ended."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "asked for by the donor"}]})

    reason: Words | None = None


class NewPremium(Strict):
    """A relative's premium of the resident scheme for a year."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "recipient": "119999201201010017",
                    "relation": "child",
                    "amount": "400.00",
                    "year": 2027,
                    "source_ref": "premium-2027-118",
                }
            ]
        }
    )

    recipient: IdText
    relation: Relation
    amount: Amount
    year: Whole = Field(ge=2000, le=2999)
    source_ref: SourceRef


class QuotaAnswer(Answer):
    """A quota as it was given."""

    quota: str = Field(examples=["P483920174650K-17"])
    account: str = Field(description="The donor's", examples=["P483920174650K"])
    recipient: str | None = Field(description="Masked", examples=["119*************17"])
    relation: str
    amount: str = yuan("What was given")
    remaining: str = yuan("What of it is left")
    rank: int
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class QuotaItem(Answer):
    """A quota as it stands."""

    quota: str = Field(examples=["P483920174650K-17"])
    donor: str | None = Field(description="Masked", examples=["119*************15"])
    recipient: str | None = Field(description="Masked", examples=["119*************17"])
    relation: str
    amount: str = yuan("What was given")
    remaining: str = yuan("What of it is left")
    rank: int
    given_on: date
    ended: bool
    reversed_by: str | None = Field(description="The entry that took it back, where it was given wrongly")


class QuotaList(Answer):
    """Quotas by rank, those that were ended too."""

    items: list[QuotaItem]


class QuotaEndAnswer(Answer):
    """A quota that was ended."""

    quota: str
    entry: str
    returned: str = yuan("What of it was left, and is the donor's again")
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class QuotaUseItem(Answer):
    """What was paid of a quota at one time. Neither whom it treated, nor where, nor for what."""

    paid_on: date
    amount: str = yuan("What was paid")
    institution_kind: Literal["hospital", "clinic", "pharmacy"]
    returned_on: date | None = Field(description="The day on which the money came back, if it did")


class QuotaUseList(Answer):
    """What was paid of a quota, oldest first."""

    items: list[QuotaUseItem]


@posting(
    router,
    "/v1/accounts/{account}/quotas",
    GiveQuota,
    scope="mutual-aid:write",
    tag=TAG,
    summary="Reserve money of the account for a relative",
    answer=QuotaAnswer,
    refusals=OF_ACCOUNT,
    names={"id_number": "recipient"},
)
async def give_quota(account: str, body: NewQuota, request: Request) -> Response:
    """The donor cannot use it until it is ended; the relative draws on it after the own account."""
    key = key_of(request)
    state, who = state_of(request), caller_of(request)
    ref = state.ref(account)
    recipient, resident = patient_of(state, body.recipient)
    command = GiveQuota(
        ref,
        recipient,
        (recipient, resident),
        body.relation,
        body.amount,
        body.rank,
        tuple(body.consents),
        who.caller,
        who.actor,
        key,
    )
    done = await take(request, command)
    receipt = done.receipt
    told = unpack(receipt.detail)
    masked = await state.glance(lambda connection: _masked(request, connection, {told["recipient"]}))
    amount = format_yuan(receipt.reserved_change or 0)
    answer = {
        "quota": receipt.name,
        "account": receipt.account_no,
        "recipient": masked.get(told["recipient"]),
        "relation": told["relation"],
        "amount": amount,
        "remaining": amount,
        "rank": told["rank"],
    }
    return respond(request, to_json(answer).decode(), done)


def _masked(
    request: Request, connection: Any, people: set[int], own: Collection[int | None] = ()
) -> dict[int, str]:
    """The masked ID numbers of people, by their person number. They are shown, so they are recorded.

    But for those whose list it is, of whom it is recorded already.
    """
    keyring = state_of(request).keyring
    found: dict[int, str] = {}
    for one in persons.known(connection, keyring, people).values():
        if one.number is not None:
            found[one.person_id] = mask_id_number(one.number)
            if one.person_id in own:
                continue
            digest = persons.digest_of_number(one.number, keyring)
            shown_by(request).of_person(digest, fields=FieldGroup.IDENTITY_MASKED)
    return found


@posting(
    router,
    "/v1/quotas/{quota}/end",
    EndQuota,
    scope="mutual-aid:write",
    tag=TAG,
    summary="End a quota",
    answer=QuotaEndAnswer,
)
async def end_quota(quota: str, body: QuotaEnd, request: Request) -> Response:
    """What of it is left is the donor's again. What was paid of it stands."""
    key = key_of(request)
    who = caller_of(request)
    book_id, seq = entry_of(quota, R.QUOTA_NOT_FOUND)
    done = await _of_quota(request, EndQuota(book_id, seq, body.reason or "", who.caller, who.actor, key))
    answer = {
        "quota": target_name(done.receipt),
        "entry": done.receipt.name,
        "returned": format_yuan(-(done.receipt.reserved_change or 0)),
    }
    return respond(request, to_json(answer).decode(), done)


async def _of_quota(request: Request, command: EndQuota) -> Posted:
    try:
        return await take(request, command)
    except Refused as refused:
        if refused.code is R.ACCOUNT_NOT_FOUND:
            raise Refused(R.QUOTA_NOT_FOUND, at=refused.at) from None
        raise


@router.get(
    "/v1/accounts/{account}/quotas",
    **describe(
        tag=TAG,
        summary="The quotas that a person has given, or received",
        answer=QuotaList,
        refusals=OF_ACCOUNT,
    ),
)
async def quotas(
    account: str,
    request: Request,
    side: Side = "given",
) -> Response:
    """By rank. Those that were ended are among them."""
    return await show_quotas(request, state_of(request).ref(account), side)


async def show_quotas(request: Request, ref: BookRef, side: str) -> Response:
    """The quotas that a person has given, or received. Raises Refused."""
    state = state_of(request)

    def look(connection: Any) -> dict[str, Any]:
        book_id = reports.find_book(connection, ref)
        of_side = care.quotas_given if side == "given" else care.quotas_received
        found = of_side(connection, book_id)
        shown_by(request).of(book_id, items=len(found))
        if side == "received":
            # each is the donor's, and stands in the donor's book
            shown_by(request).of_each(one.book_id for one in found)
        own = {one.donor_id if side == "given" else one.quota.recipient_id for one in found}
        return {"items": quotas_json(request, connection, found, own)}

    return json_answer(await state.read(look))


def quotas_json(
    request: Request, connection: Any, found: Sequence[care.QuotaView], own: Collection[int | None]
) -> list[dict[str, Any]]:
    """Quotas as they stand; both people by their masked numbers, of which `own` is whose list it is."""
    people = {one.quota.recipient_id for one in found} | {one.donor_id for one in found if one.donor_id}
    masked = _masked(request, connection, people, own)
    return [
        {
            "quota": entry_name(one.book_id, one.seq),
            "donor": masked.get(one.donor_id or 0),
            "recipient": masked.get(one.quota.recipient_id),
            "relation": one.quota.relation,
            "amount": format_yuan(one.quota.amount),
            "remaining": format_yuan(one.quota.remaining),
            "rank": one.quota.rank,
            "given_on": one.given_on.isoformat(),
            "ended": one.quota.ended,
            "reversed_by": None if one.reversed_by is None else entry_name(one.book_id, one.reversed_by),
        }
        for one in found
    ]


@router.get(
    "/v1/quotas/{quota}/uses",
    **describe(
        tag=TAG,
        summary="What was paid of a quota, as its donor may see it",
        answer=QuotaUseList,
        refusals=(R.QUOTA_NOT_FOUND,),
    ),
)
async def quota_uses(quota: str, request: Request) -> Response:
    """The day, the amount and the kind of institution; nothing of the patient, the illness or the bill."""
    book_id, seq = entry_of(quota, R.QUOTA_NOT_FOUND)

    def look(connection: Any) -> dict[str, Any]:
        found = care.quota_uses(connection, book_id, seq)
        shown_by(request).of(book_id, items=len(found))
        return {
            "items": [
                {
                    "paid_on": one.value_date.isoformat(),
                    "amount": format_yuan(one.amount),
                    "institution_kind": one.institution_kind,
                    "returned_on": None if one.returned_on is None else one.returned_on.isoformat(),
                }
                for one in found
            ]
        }

    return json_answer(await state_of(request).read(look))


@posts(
    router,
    "/v1/accounts/{account}/premiums",
    scope="mutual-aid:write",
    tag=TAG,
    summary="Pay a relative's premium of the resident scheme from the account",
    answer=ReceiptAnswer,
    refusals=OF_ACCOUNT,
    names={"id_number": "recipient"},
)
def pay_premium(account: str, body: NewPremium, by: By) -> PayPremium:
    """The exact amount, or a refusal. It goes to the collector, never to a person."""
    ref = by.ref(account)
    recipient, resident = patient_of(by.state, body.recipient)
    return PayPremium(
        ref,
        recipient,
        (recipient, resident),
        body.relation,
        body.amount,
        body.year,
        body.source_ref,
        *by.sent_by,
    )
