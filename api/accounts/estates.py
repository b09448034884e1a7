"""Estates in full: who named, what the heirs dispute and agree on, the division, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.accounts.closure import debt_json, receipts_of
from api.accounts.estate_bodies import (
    Claimant,
    EstateState,
    NewAgreement,
    NewDispute,
    NewEstate,
    Unclaimed,
    Undoing,
)
from api.http.approved import answers_as
from api.http.declaring import By, by_of, posting
from api.http.listing import json_answer
from api.http.places import told_as
from api.http.posting import entry_of, key_of, respond, take, wants_dry_run
from api.http.receipts import receipt_json
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import preview, shown_by
from api.http.state import State, caller_of, state_of
from ledger import (
    AgreeOnEstate,
    ConfirmEstate,
    DisputeEstate,
    Kind,
    NameClaimants,
    NamedClaimant,
    PayUnclaimedEstate,
    PersonStake,
    Posted,
    Receipt,
    RefusalCode,
    Refused,
    UndoEstate,
    persons,
    reports,
)
from ledger.accounts.inheritance import TO_ACCOUNT
from ledger.book.detail import unpack
from ledger.book.numbers import account_no, book_id_of, entry_name
from ledger.chart.channels import FieldGroup
from ledger.estates.claimants import Commitment
from ledger.estates.reports import EstateSeen, estate_seen
from ledger.money import format_yuan
from ledger.people.id_numbers import parse_id_number
from ledger.people.shared_numbers import own_number
from ledger.shares import heir_rank
from ledger.texts import normalise_name
from ledger.vault import is_erased

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
G = FieldGroup
TAG = "closure"


@router.post(
    "/v1/estates",
    **describe(
        tag=TAG,
        summary="Say who claims an estate and see its division, then confirm it",
        answer=EstateState,
        status=201,
        also={200: "How it would be divided; who named is kept until others are named"},
        refusals=(*OF_ACCOUNT, *ConfirmEstate.refused_with),
        body=True,
        posting=True,
        key=False,
        waits=True,
    ),
)
@told_as(book="account")
async def name_claimants(body: NewEstate, request: Request) -> Response:
    """With `confirm` it is final, needs an Idempotency-Key, and closes the account. Nobody: it is held."""
    key = key_of(request, required=body.confirm)
    if not body.confirm:
        preview(request)
    state, who = state_of(request), caller_of(request)
    ref = persons.account_ref(body.account, state.keyring, state.clock()[1])
    book_id, numbers = await state.read(
        lambda connection: (reports.find_book(connection, ref), _numbers(connection, state, body.claimants))
    )
    named, stakes = _named(state, book_id, body.claimants, numbers)
    makes = ConfirmEstate if body.confirm else NameClaimants
    signed = body.commitment
    command = makes(
        book_id,
        named,
        stakes,
        body.paid_on,
        who.caller,
        who.actor,
        key,
        commitment=None
        if signed is None
        else Commitment(persons.name_digest(signed.signed_by, state.keyring), signed.document),
    )
    if not body.confirm and not wants_dry_run(request):
        # it keeps who named the estate: whether it may be shown comes before that
        shown_by(request).of(book_id)
        await shown_by(request).record()
    done = await take(request, command)
    if not body.confirm:
        _tell_of_accounts(request, named, done.receipt)
    names = [claimant.name for claimant in body.claimants]
    return await _as_named(request, done, names, status=201 if body.confirm else 200)


async def _as_named(request: Request, done: Posted, names: Sequence[str | None], *, status: int) -> Response:
    """The answer to claimants who were named, and to an estate that was confirmed."""
    answer = _answer(done.receipt, names)
    if done.receipt.kind is Kind.ESTATE:
        _tell(request, done.receipt)
        text = to_json(answer).decode()
        receipts = ",".join(map(receipt_json, await receipts_of(state_of(request), done)))
        return respond(request, f'{text[:-1]},"receipts":[{receipts}]}}', done)
    return respond(request, to_json(answer).decode(), done, status=status)


@answers_as(ConfirmEstate)
async def _approved(request: Request, command: ConfirmEstate, done: Posted) -> Response:
    """The same to the second person: the claimants as the request named them."""
    keyring = state_of(request).keyring
    sealed = {stake.digest: stake.name_sealed for stake in command.persons}
    # none of who was erased while it waited
    names = [
        None if is_erased(sealed[one.digest]) else persons.open_name(sealed[one.digest], one.digest, keyring)
        for one in command.claimants
    ]
    return await _as_named(request, done, names, status=201)


@router.get(
    "/v1/estates/{estate}",
    **describe(
        tag=TAG,
        summary="An estate as it stands",
        answer=EstateState,
        refusals=(R.ESTATE_NOT_FOUND,),
    ),
)
async def read_estate(estate: str, request: Request) -> Response:
    """How it was divided, or would be by what was said last."""
    state = state_of(request)
    place = entry_of(estate, R.ESTATE_NOT_FOUND)

    def look(connection: Any) -> tuple[EstateSeen, list[str | None]]:
        seen = estate_seen(connection, *place)
        return seen, _names(connection, state, [line["person"] for line in seen.lines])

    seen, names = await state.read(look)
    shown_by(request).of(place[0])
    return json_answer({
        "estate": estate,
        "state": seen.state,
        "amount": format_yuan(seen.amount),
        "set_off": [debt_json(place[0], line) for line in seen.set_off],
        "shares": _shares(names, seen.amounts, seen.lines),
        "commitment": _commitment(seen.commitment, names),
        "unclaimed_to": seen.unclaimed_to,
    })  # fmt: skip


@posting(
    router,
    "/v1/estates/{estate}/disputes",
    DisputeEstate,
    scope="accounts:write",
    tag=TAG,
    summary="Record a dispute: nothing is paid",
    answer=EstateState,
)
async def dispute(estate: str, body: NewDispute, request: Request) -> Response:
    """Until the heirs agree, the estate is `heirs_disputed`."""
    key = key_of(request)
    state, who = state_of(request), caller_of(request)
    book_id, seq = entry_of(estate, R.ESTATE_NOT_FOUND)
    by = persons.stake_by_name(body.by, f"{account_no(book_id)}|1", state.keyring)
    command = DisputeEstate(book_id, seq, (by,), body.document, who.caller, who.actor, key)
    return await _said(request, await take(request, command))


@posting(
    router,
    "/v1/estates/{estate}/agreement",
    AgreeOnEstate,
    scope="accounts:write",
    tag=TAG,
    summary="Record what the heirs agreed on",
    answer=EstateState,
)
async def agree(estate: str, body: NewAgreement, request: Request) -> Response:
    """It ends a dispute, and stands while those who claim are the same."""
    key = key_of(request)
    state, who = state_of(request), caller_of(request)
    book_id, seq = entry_of(estate, R.ESTATE_NOT_FOUND)
    shares = tuple((persons.name_digest(one.name, state.keyring), one.share) for one in body.shares)
    command = AgreeOnEstate(book_id, seq, shares, body.document, who.caller, who.actor, key)
    return await _said(request, await take(request, command))


def _undo(estate: str, body: Undoing, by: By) -> UndoEstate:
    book_id, seq = entry_of(estate, R.ESTATE_NOT_FOUND)
    return UndoEstate(book_id, seq, body.reason, body.document, *by.sent_by)


@posting(
    router,
    "/v1/estates/{estate}/undo",
    UndoEstate,
    scope="accounts:write",
    tag=TAG,
    summary="Take a division back that was confirmed in error",
    answer=EstateState,
    make=_undo,
    bulk="estate_undo",
)
async def undo(estate: str, body: Undoing, request: Request) -> Response:
    """What heirs were credited comes back while it is there, else they owe it; payouts are cancelled."""
    return await _said(request, await take(request, _undo(estate, body, by_of(request))))


@answers_as(UndoEstate)
async def _undone(request: Request, _command: UndoEstate, done: Posted) -> Response:
    return await _said(request, done)


@posting(
    router,
    "/v1/estates/{estate}/unclaimed",
    PayUnclaimedEstate,
    scope="accounts:write",
    tag=TAG,
    summary="Pay what nobody has inherited for a year to the State or the pooled fund",
    answer=EstateState,
)
async def unclaimed(estate: str, body: Unclaimed, request: Request) -> Response:
    """The area says to which of them. It closes the account, and is undone as other estates are."""
    key = key_of(request)
    who = caller_of(request)
    book_id, seq = entry_of(estate, R.ESTATE_NOT_FOUND)
    command = PayUnclaimedEstate(book_id, seq, body.paid_on, body.document, who.caller, who.actor, key)
    done = await take(request, command)
    return await _paid_unclaimed(request, command, done)


@answers_as(PayUnclaimedEstate)
async def _paid_unclaimed(request: Request, _command: PayUnclaimedEstate, done: Posted) -> Response:
    return respond(request, to_json(_answer(done.receipt, ())).decode(), done)


def _numbers(connection: Any, state: State, given: Sequence[Claimant]) -> list[str | None]:
    """The ID number of each claimant who has one: of two who shared one, that of who is called so.

    Raises the id_* refusals.
    """
    today, numbers = state.clock()[1], list[str | None]()
    for place, one in enumerate(given):
        if one.id_number is None:
            numbers.append(None)
            continue
        try:
            parsed = parse_id_number(one.id_number, today)
            numbers.append(own_number(connection, state.keyring, parsed, one.name))
        except Refused as refused:
            refused.at = f"claimants/{place}/id_number"
            raise
    return numbers


def _named(
    state: State, book_id: int, given: Sequence[Claimant], numbers: Sequence[str | None]
) -> tuple[tuple[NamedClaimant, ...], tuple[PersonStake, ...]]:
    """Every claimant as the ledger finds them by `numbers`, and each person once.

    Who is named without a number is the one of that name with a number, or known by name alone and only of
    this account.
    """
    today = state.clock()[1]
    found: dict[bytes, PersonStake] = {}
    named: list[NamedClaimant] = []
    numbered: dict[str, str] = {}
    for one, number in zip(given, numbers, strict=True):
        if number is not None:
            numbered.setdefault(normalise_name(one.name), number)
    for place, (one, said) in enumerate(zip(given, numbers, strict=True)):
        number = said or numbered.get(normalise_name(one.name))
        known: str | None = None
        birth = one.born_on
        if number is None:
            stake = persons.stake_by_name(one.name, f"{account_no(book_id)}|1", state.keyring)
        else:
            stake, parsed = persons.stake_by_number(number, one.name, state.keyring, today)
            known, birth = parsed.number, parsed.birth_date
            if one.born_on not in {None, birth}:
                raise Refused(R.ID_MISMATCH, at=f"claimants/{place}/born_on")
        found.setdefault(stake.digest, stake)
        named.append(
            NamedClaimant(
                stake.digest,
                stake.name_digest,
                known is not None,
                one.relation,
                one.title,
                heir_rank(one.relation, birth, known),
                one.share,
                one.born_on,
                None if one.represents is None else persons.name_digest(one.represents, state.keyring),
                one.accepted_on,
                one.notified_on,
                one.waived_on,
                one.disqualified_by,
                one.unborn,
                one.document,
            )
        )
    return tuple(named), tuple(found.values())


async def _said(request: Request, done: Posted) -> Response:
    """The answer to what was said of an estate, from its entry."""
    state = state_of(request)
    lines = unpack(done.receipt.detail)["claimants"]
    people = [line["person"] for line in lines]
    names = await state.read(lambda connection: _names(connection, state, people))
    return respond(request, to_json(_answer(done.receipt, names)).decode(), done)


def _names(connection: Any, state: State, people: Sequence[int]) -> list[str | None]:
    known = persons.known(connection, state.keyring, people)
    return [known[person].name for person in people]


def _answer(receipt: Receipt, names: Sequence[str | None]) -> dict[str, Any]:
    """The answer, from what the entry itself keeps, so that it is the same whenever it is asked for."""
    detail = unpack(receipt.detail)
    if receipt.kind is Kind.ESTATE:
        lines = detail["heirs"]
        amount, shown, state = receipt.amount_fen, [line["amount"] for line in lines], "confirmed"
    else:
        lines, amount, shown, state = (detail[name] for name in ("claimants", "amount", "shown", "state"))
    answer: dict[str, Any] = {
        "estate": entry_name(receipt.book_id, detail["death"]),
        "state": state,
        "amount": format_yuan(amount),
        "set_off": [debt_json(receipt.book_id, line) for line in detail.get("set_off", ())],
        "shares": _shares(names, shown, lines),
    }
    if (signed := _commitment(detail.get("commitment"), names)) is not None:
        answer["commitment"] = signed
    if "unclaimed_to" in detail:
        answer["unclaimed_to"] = detail["unclaimed_to"]
    if receipt.kind is Kind.ESTATE_UNDO:
        answer["receivable"] = format_yuan(detail["receivable"])
    return answer


def _commitment(told: dict[str, Any] | None, names: Sequence[str | None]) -> dict[str, str | None] | None:
    """Who signed for all, by the name of that claimant."""
    return None if told is None else {"signed_by": names[told["by"]], "document": told["document"]}


def _shares(
    names: Sequence[str | None], amounts: Sequence[int], lines: Sequence[dict[str, Any]]
) -> list[dict[str, str | None]]:
    # before anybody was named, there is nothing to share
    return [
        {"name": name, "amount": format_yuan(fen), "paid_to": line["paid_to"]}
        for name, fen, line in zip(names, amounts, lines, strict=True)
    ]


def _tell_of_accounts(request: Request, named: Sequence[NamedClaimant], receipt: Receipt) -> None:
    """Record of which claimants the answer tells that they have an account."""
    for one, line in zip(named, unpack(receipt.detail)["claimants"], strict=True):
        if line["paid_to"] == TO_ACCOUNT:
            shown_by(request).of_person(one.digest, fields=G.ENTRIES)


def _tell(request: Request, receipt: Receipt) -> None:
    """Record of which heirs the answer tells something that the call did not say."""
    shown = shown_by(request)
    credited = G.ENTRIES if wants_dry_run(request) else G.BALANCE | G.ENTRIES
    for line in unpack(receipt.detail)["heirs"]:
        if "entry" in line:
            shown.of_each([book_id_of(line["entry"].partition("-")[0])], credited)
