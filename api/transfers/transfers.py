"""Transfers to and from other agencies (R51)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.http.declaring import By, by_of, posting
from api.http.errors import Fault, ShapeRefused
from api.http.posting import entry_of, key_of, respond, take
from api.http.routes import OF_ACCOUNT, LedgerRoute
from api.http.state import caller_of, state_of
from api.transfers.answers import (
    CompletedTransfer,
    SupplementAnswer,
    TransferAnswer,
)
from api.transfers.bodies import Completion, NewTransfer, Supplement, TransferRejection
from ledger import (
    AcknowledgeTransfer,
    AnnounceTransfer,
    Command,
    CreditTransfer,
    Posted,
    RefusalCode,
    Refused,
    RejectTransfer,
    ReleaseSuspended,
    RequestTransfer,
    SendTransfer,
    SupplementTransfer,
)
from ledger.book.detail import unpack
from ledger.book.numbers import entry_name
from ledger.chart.transfers import Direction, TransferStatus
from ledger.money import format_yuan
from ledger.months import format_period
from ledger.transfers import reports, suspended

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "transfers"
S = TransferStatus
_SHEET = ("current_year", "carried_over", "interest", "amount")


def place_of(transfer: str) -> tuple[int, int]:
    """The book and number behind a transfer. Raises Refused(transfer_not_found)."""
    return entry_of(transfer, R.TRANSFER_NOT_FOUND)


async def _take(request: Request, command: Command) -> Posted:
    """Post a command about a transfer; the book of another name is missing like the transfer."""
    try:
        return await take(request, command)
    except Refused as refused:
        if refused.code is R.ACCOUNT_NOT_FOUND:
            raise Refused(R.TRANSFER_NOT_FOUND, at="target_seq") from None
        raise


def _json(book_id: int, seq: int, direction: Direction, status: S, **more: Any) -> str:
    facts = {"transfer": entry_name(book_id, seq), "direction": direction.word, "status": status.word}
    return to_json(facts | more).decode()


def _wrong(field: str, wanted: str) -> ShapeRefused:
    return ShapeRefused([Fault(R.SHAPE_INVALID, "body", f"/{field}", wanted)])


def _only(field: str, is_well: bool, wanted: str) -> None:
    if not is_well:
        raise _wrong(field, wanted)


# -- asked for, or announced ---------------------------------------------------------------------------------


def _new(body: NewTransfer, by: By) -> Command:
    sheet, insured_from = body.sheet, body.insured_from
    if body.direction == "out":
        _only("sheet", sheet is None, "nothing: the sheet is made here")
        if insured_from is None:
            raise _wrong("insured_from", "the day since when the person is insured there")
        book = by.ref(body.account)
        return RequestTransfer(book, body.other_agency, insured_from, body.document, *by.sent_by)
    _only("insured_from", insured_from is None, "nothing: the person is insured here")
    if sheet is None:
        raise _wrong("sheet", "what the other agency says of the money")
    book = by.ref(body.account)
    return AnnounceTransfer(
        book,
        body.other_agency,
        body.document,
        sheet.current_year,
        sheet.carried_over,
        sheet.interest,
        sheet.amount,
        *by.sent_by,
    )


@posting(
    router,
    "/v1/transfers",
    RequestTransfer,
    scope="accounts:write",
    tag=TAG,
    summary="Ask for a transfer to another agency, or announce one that comes",
    answer=TransferAnswer,
    refusals=OF_ACCOUNT,
    refusals_after=(R.AMOUNT_INVALID, R.AMOUNT_MISMATCH),
    names={"book": "account"},
    make=_new,
    bulk="transfer",
)
async def new_transfer(body: NewTransfer, request: Request) -> Response:
    """Out: nothing new is taken from then on, and mutual aid ends both ways. In: the parts are the whole."""
    done = await take(request, _new(body, by_of(request)))
    receipt = done.receipt
    direction = Direction[unpack(receipt.detail)["direction"].upper()]
    status = S.REQUESTED if direction is Direction.OUT else S.ANNOUNCED
    return respond(request, _json(receipt.book_id, receipt.seq, direction, status), done)


# -- the money ---------------------------------------------------------------------------------------------


async def _direction(request: Request, book_id: int, seq: int) -> Direction:
    return await state_of(request).glance(lambda connection: reports.direction_of(connection, book_id, seq))


def _complete(transfer: str, body: Completion, by: By, direction: Direction | None = None) -> Command:
    """Which way the transfer goes is said by the day that is given, where nobody has looked."""
    book_id, seq = place_of(transfer)
    given = body.model_fields_set
    if direction is None:
        direction = Direction.IN if body.paid_on is None else Direction.OUT
    if direction is Direction.OUT:
        for name in ("received_on", "amount"):
            _only(name, name not in given, "nothing: it is the whole balance that goes")
        if body.paid_on is None:
            raise _wrong("paid_on", "the day on which the money was sent")
        return SendTransfer(book_id, seq, body.paid_on, body.source_ref, *by.sent_by)
    _only("paid_on", "paid_on" not in given, "nothing: the money comes")
    if body.received_on is None or "amount" not in given:
        name = "amount" if body.received_on is not None else "received_on"
        raise _wrong(name, "when the money came, and how much")
    return CreditTransfer(book_id, seq, body.received_on, body.amount, body.source_ref, *by.sent_by)


@posting(
    router,
    "/v1/transfers/{transfer}/complete",
    SendTransfer,
    scope="accounts:write",
    tag=TAG,
    summary="Send the money of a transfer, or credit money that has come",
    answer=CompletedTransfer,
    refusals_after=(
        R.ACCOUNT_CLOSED,
        R.ACCOUNT_TRANSFERRING,
        R.ACCOUNT_DECEASED,
        R.AMOUNT_INVALID,
        R.AMOUNT_DIFFERS,
    ),
    names={"book": "transfer", "target_seq": "transfer"},
    make=_complete,
    bulk="transfer_complete",
)
async def complete(transfer: str, body: Completion, request: Request) -> Response:
    """Out: the whole balance with interest to the day before. In: what the sheet says, into carried_over."""
    by = by_of(request)
    book_id, seq = place_of(transfer)
    direction = await _direction(request, book_id, seq)
    receipt = (done := await _take(request, _complete(transfer, body, by, direction))).receipt
    if direction is Direction.IN:
        amount = format_yuan(receipt.amount_fen)
        answer = _json(book_id, seq, direction, S.CREDITED, amount=amount, sheet=None)
    else:
        told = unpack(receipt.detail)
        sheet = {name: format_yuan(told[name]) for name in _SHEET}
        answer = _json(book_id, seq, direction, S.SENT, amount=sheet["amount"], sheet=sheet)
    return respond(request, answer, done)


def _who(request: Request) -> tuple[str, str]:
    who = caller_of(request)
    return who.caller, who.actor


# -- how it ends ---------------------------------------------------------------------------------------------


def _acknowledge(transfer: str, by: By) -> AcknowledgeTransfer:
    book_id, seq = place_of(transfer)
    return AcknowledgeTransfer(book_id, seq, *by.sent_by)


def _reject(transfer: str, body: TransferRejection, by: By) -> RejectTransfer:
    book_id, seq = place_of(transfer)
    return RejectTransfer(book_id, seq, body.reason, *by.sent_by)


@posting(
    router,
    "/v1/transfers/{transfer}/acknowledge",
    AcknowledgeTransfer,
    scope="accounts:write",
    tag=TAG,
    summary="Record that the other agency has the money, which closes the account",
    answer=TransferAnswer,
    names={"book": "transfer", "target_seq": "transfer"},
    make=_acknowledge,
    bulk="transfer_acknowledge",
)
async def acknowledge(transfer: str, request: Request) -> Response:
    """What came to the account since the money was sent waits to be sent after it."""
    book_id, seq = place_of(transfer)
    done = await _take(request, _acknowledge(transfer, by_of(request)))
    return respond(request, _json(book_id, seq, Direction.OUT, S.ACKNOWLEDGED), done)


@posting(
    router,
    "/v1/transfers/{transfer}/reject",
    RejectTransfer,
    scope="accounts:write",
    tag=TAG,
    summary="End a transfer that comes to nothing; money that was sent comes back",
    answer=TransferAnswer,
    names={"book": "transfer", "target_seq": "transfer"},
    make=_reject,
    bulk="transfer_reject",
)
async def reject(transfer: str, body: TransferRejection, request: Request) -> Response:
    """The account is as it was before; mutual aid that ended is given anew. To send again, ask again."""
    by = by_of(request)
    book_id, seq = place_of(transfer)
    direction = await _direction(request, book_id, seq)
    done = await _take(request, _reject(transfer, body, by))
    return respond(request, _json(book_id, seq, direction, S.REJECTED), done)


@posting(
    router,
    "/v1/transfers/{transfer}/supplements",
    SupplementTransfer,
    scope="accounts:write",
    tag=TAG,
    summary="Let arrears, or what came back to the account, follow the money of a transfer",
    answer=SupplementAnswer,
    names={"book": "transfer", "target_seq": "transfer"},
)
async def supplement(transfer: str, body: Supplement, request: Request) -> Response:
    """Out: what waits in suspense of an employer's month goes from there, other arrears from the collector;
    without a month what came back to the account. In: credited as the rest.
    """
    key = key_of(request)
    book_id, seq = place_of(transfer)
    direction = await _direction(request, book_id, seq)
    period, sent_by = body.period, (*_who(request), key)
    employer = None
    if direction is Direction.OUT and period is not None:
        employer = await state_of(request).glance(
            lambda connection: suspended.suspended_at(connection, book_id, period, body.source_ref)
        )
    command: Command
    if employer is not None and period is not None:
        command = ReleaseSuspended(
            employer, book_id, period, body.amount, body.source_ref, *sent_by, seq, body.received_on
        )
    else:
        command = SupplementTransfer(
            book_id, seq, body.amount, period, body.received_on, body.source_ref, direction, *sent_by
        )
    receipt = (done := await _take(request, command)).receipt
    answer = {
        "transfer": entry_name(book_id, seq),
        "supplement": receipt.name,
        "amount": format_yuan(receipt.amount_fen),
        "period": None if period is None else format_period(period),
    }
    return respond(request, to_json(answer).decode(), done)
