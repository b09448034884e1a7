"""The end of an account: a death is reported, the estate is shown and then divided."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.accounts.answers import DeathReceipt, DeathWithdrawalReceipt, EstateAnswer
from api.accounts.bodies import Death, DeathCorrection, DeathWithdrawal, Estate, Heir
from api.http.approved import answers_as
from api.http.declaring import By, posts
from api.http.errors import Fault, ShapeRefused
from api.http.listing import json_answer
from api.http.posting import asks_json, entry_of, key_of, rehearsed, respond, take, wants_dry_run
from api.http.receipts import receipt_json
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import preview, shown_by
from api.http.state import State, caller_of, state_of
from ledger import (
    PRECEDENCE,
    BookRef,
    CorrectDeath,
    DivideEstate,
    HeirShare,
    PersonStake,
    Posted,
    Receipt,
    RefusalCode,
    Refused,
    ReportDeath,
    WithdrawDeath,
    persons,
    reports,
)
from ledger.book.detail import unpack
from ledger.book.numbers import account_no, book_id_of, entry_name
from ledger.chart.channels import FieldGroup
from ledger.money import format_yuan
from ledger.months import format_period
from ledger.people.id_numbers import birth_date_in, mask_name, parse_id_number
from ledger.people.shared_numbers import own_number
from ledger.shares import HeirRank, heir_rank, parse_weights
from ledger.texts import normalise_name
from ledger.vault import is_erased

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
G = FieldGroup
TAG = "closure"


@posts(
    router,
    "/v1/accounts/{account}/death",
    scope="accounts:write",
    tag=TAG,
    summary="Report the death of the account holder",
    answer=DeathReceipt,
    refusals=OF_ACCOUNT,
    bulk="death",
)
def death(account: str, body: Death, by: By) -> ReportDeath:
    """From then on only what lies before the day of death is taken."""
    return ReportDeath(by.ref(account), body.died_on, body.evidence, *by.sent_by)


@posts(
    router,
    "/v1/accounts/{account}/death/correction",
    scope="accounts:write",
    tag=TAG,
    summary="Correct the day of a death that was reported",
    answer=DeathReceipt,
    refusals=OF_ACCOUNT,
    bulk="death_correction",
)
def death_correction(account: str, body: DeathCorrection, by: By) -> CorrectDeath:
    """Both facts stay. Credits and debits are judged by the corrected day."""
    return CorrectDeath(by.ref(account), body.died_on, body.document, *by.sent_by)


@posts(
    router,
    "/v1/accounts/{account}/death/withdrawal",
    scope="accounts:write",
    tag=TAG,
    summary="Withdraw a death that was reported by mistake",
    answer=DeathWithdrawalReceipt,
    refusals=OF_ACCOUNT,
    bulk="death_withdrawal",
)
def death_withdrawal(account: str, body: DeathWithdrawal, by: By) -> WithdrawDeath:
    """Both facts stay. What the report ended is there again where its terms still hold."""
    return WithdrawDeath(by.ref(account), body.reason, body.document, *by.sent_by)


@router.post(
    "/v1/accounts/{account}/estate",
    **describe(
        tag=TAG,
        summary="Divide the balance among the heirs: shown first, then confirmed",
        answer=EstateAnswer,
        status=201,
        also={200: "What would be divided; nothing was written"},
        refusals=(*OF_ACCOUNT, *DivideEstate.refused_with),
        body=True,
        posting=True,
        key=False,
        waits=True,
    ),
)
async def estate(account: str, body: Estate, request: Request) -> Response:
    """With `confirm` it is final, needs an Idempotency-Key, and closes the account for ever."""
    key = key_of(request, required=body.confirm)
    if not body.confirm:
        preview(request)
    state, who = state_of(request), caller_of(request)
    ref = state.ref(account)
    book_id, heirs = await state.read(
        lambda connection: _heirs(connection, state, ref, body.heirs, body.paid_on)
    )
    weights, wrong = _weights(body.heirs)
    command = DivideEstate(
        book_id,
        tuple(
            HeirShare(
                heir.stake.digest,
                heir.by_number,
                given.relation,
                weight,
                heir.rank(given.relation),
                heir.is_told_by_us,
            )
            for heir, given, weight in zip(heirs, body.heirs, weights, strict=True)
        ),
        tuple(heir.stake for heir in heirs),
        body.paid_on,
        who.caller,
        who.actor,
        key,
    )
    if wrong is not None:
        raise await _first_refusal(request, command, wrong)
    if not body.confirm:
        done = await rehearsed(request, command)
        _tell(request, done, heirs, G.ENTRIES)
        return json_answer(_estate_json(done.receipt, heirs) | _dry(request) | asks_json(done))
    return await _divided(request, await take(request, command), heirs)


async def _divided(request: Request, done: Posted, heirs: list[_Named]) -> Response:
    """The answer to an estate that is divided, or would be."""
    state = state_of(request)
    _tell(request, done, heirs, G.BALANCE | G.ENTRIES)
    answer = to_json(_estate_json(done.receipt, heirs)).decode()
    receipts = ",".join(map(receipt_json, await receipts_of(state, done)))
    return respond(request, f'{answer[:-1]},"receipts":[{receipts}]}}', done)


@answers_as(DivideEstate)
async def _approved(request: Request, command: DivideEstate, done: Posted) -> Response:
    """The same to the second person: the heirs as the request named them."""
    keyring = state_of(request).keyring
    heirs = []
    for share, stake in zip(command.heirs, command.persons, strict=True):
        # none of who was erased while it waited
        sealed = stake.name_sealed
        name = None if is_erased(sealed) else persons.open_name(sealed, stake.digest, keyring)
        shown = mask_name(name) if name is not None and share.is_told_by_us else name
        heirs.append(_Named(stake, None, None, shown, share.is_told_by_us))
    return await _divided(request, done, heirs)


class _Named(NamedTuple):
    """A heir as the request names them, found or to be written down; `shown` is the name in the answer."""

    stake: PersonStake
    # the ID number, where the heir is known by it, and the birth date that it says
    number: str | None
    birth: date | None
    shown: str | None
    # whether that name is what the ledger knows, and not what the request says
    is_told_by_us: bool = False

    @property
    def by_number(self) -> bool:
        return self.number is not None

    def rank(self, relation: str) -> HeirRank:
        return heir_rank(relation, self.birth, self.number)


def _heirs(
    connection: Any, state: State, ref: BookRef, given: list[Heir], paid_on: date
) -> tuple[int, list[_Named]]:
    """The book, and every heir as a person. Raises account_not_found, id_* refusals, or a wrong shape."""
    book_id = reports.find_book(connection, ref)
    namesakes: dict[str, int] = {}
    heirs: list[_Named] = []
    for place, heir in enumerate(given):
        if heir.id_number is None:
            # known by name alone, and only as the n-th heir of that name of this account
            name = heir.name or ""
            nth = namesakes[normalise_name(name)] = namesakes.get(normalise_name(name), 0) + 1
            stake = persons.stake_by_name(name, f"{account_no(book_id)}|{nth}", state.keyring)
            heirs.append(_Named(stake, None, None, name))
            continue
        try:
            heirs.append(_by_number(connection, state, heir, paid_on, place))
        except Refused as refused:
            refused.at = f"heirs/{place}/id_number"
            raise
    return book_id, heirs


def _by_number(connection: Any, state: State, heir: Heir, paid_on: date, place: int) -> _Named:
    name, id_number = heir.name, heir.id_number or ""
    id_number = own_number(connection, state.keyring, parse_id_number(id_number, state.clock()[1]), name)
    person = _known(connection, state, id_number, paid_on)
    known = name or (person and person.name)
    if not known:
        wanted = "the name of a heir whom the ledger does not know"
        raise ShapeRefused([Fault(R.SHAPE_INVALID, "body", f"/heirs/{place}/name", wanted)])
    stake, parsed = persons.stake_by_number(id_number, known, state.keyring, state.clock()[1])
    # by age and number of the one in force, whichever the request says (K7)
    number = parsed.number if person is None or person.number is None else person.number
    born = birth_date_in(number)
    return _Named(stake, number, born, name or mask_name(known), name is None)


def _known(connection: Any, state: State, id_number: str, on: date) -> persons.Known | None:
    person_id = persons.number_of(connection, persons.digest_of_number(id_number, state.keyring))
    if person_id is None:
        return None
    return persons.known(connection, state.keyring, [person_id], on=on).get(person_id)


def _weights(heirs: list[Heir]) -> tuple[list[Fraction], Refused | None]:
    """The shares; and when they are wrong, equal ones to see what else is."""
    try:
        return parse_weights([heir.share for heir in heirs]), None
    except Refused as wrong:
        return [Fraction(1, len(heirs) or 1)] * len(heirs), wrong


def _tell(request: Request, done: Posted, heirs: list[_Named], credited: FieldGroup) -> None:
    """Record of which heirs the answer tells something that the call did not say."""
    shown = shown_by(request)
    for heir, line in zip(heirs, unpack(done.receipt.detail)["heirs"], strict=True):
        if heir.is_told_by_us:
            shown.of_person(heir.stake.digest, fields=G.IDENTITY_MASKED)
        if "entry" in line:
            shown.of_each([book_id_of(line["entry"].partition("-")[0])], credited)


async def _first_refusal(request: Request, command: DivideEstate, wrong: Refused) -> Refused:
    """What the command is refused with: the shares, unless something that comes before them is wrong too."""
    if command.heirs:
        outcome = (await state_of(request).rehearse([command]))[0]
        if isinstance(outcome, Refused) and PRECEDENCE[outcome.code] < PRECEDENCE[wrong.code]:
            shown_by(request).of_outcome(command, outcome)
            return outcome
    return wrong


def _estate_json(receipt: Receipt, heirs: list[_Named]) -> dict[str, Any]:
    """The answer, from what the entry itself keeps, so that it is the same whenever it is asked for."""
    detail = unpack(receipt.detail)
    owed = detail.get("set_off", [])
    divided = detail["balance"] + detail["interest"] - sum(line["amount"] for line in owed)
    return {
        "balance": format_yuan(detail["balance"]),
        "interest": format_yuan(detail["interest"]),
        "set_off": [debt_json(receipt.book_id, line) for line in owed],
        "estate": format_yuan(divided),
        "shares": [
            {"name": heir.shown, "amount": format_yuan(line["amount"]), "paid_to": line["paid_to"]}
            for heir, line in zip(heirs, detail["heirs"], strict=True)
        ],
    }


def debt_json(book_id: int, line: dict[str, Any]) -> dict[str, str]:
    """A debt that was set off, named by what it is owed on: a case, a year, an employer's month, a credit."""
    if line["what"] == "annual_settlement":
        of = f"{account_no(line['account'])}/" if "account" in line else ""
        name = f"{of}{line['year']}"
    elif line["what"] == "contribution":
        name = f"{account_no(line['employer'])}/{format_period(line['period'])}"
    else:
        # by the entry of a case, of a credit, of a demand, or of a share that went back
        known_by = ("case", "credit", "demand", "entry")
        name = entry_name(line.get("account", book_id), next(line[key] for key in known_by if key in line))
    return {
        "what": line["what"],
        "name": name,
        "owed": format_yuan(line["owed"]),
        "amount": format_yuan(line["amount"]),
    }


def _dry(request: Request) -> dict[str, Any]:
    return {"dry_run": True} if wants_dry_run(request) else {}


async def receipts_of(state: State, done: Posted) -> list[Receipt]:
    """The receipt of the estate, and those of the heirs' accounts that got a part of it."""
    lines = unpack(done.receipt.detail)["heirs"]
    # a heir whose part is nothing has the account named there, and no entry in it
    names = list(dict.fromkeys(line["entry"] for line in lines if "-" in line.get("entry", "")))
    here = {receipt.name: receipt for receipt in done.others}
    missing = [name for name in names if name not in here]
    if missing:

        def look(connection: Any) -> list[Receipt]:
            places = [entry_of(name, R.ENTRY_NOT_FOUND) for name in missing]
            return [reports.entry(connection, *place).receipt for place in places]

        here |= {receipt.name: receipt for receipt in await state.read(look)}
    return [done.receipt, *(here[name] for name in names)]
