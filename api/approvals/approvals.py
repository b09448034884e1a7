"""The worklist of what needs a second person (R68): looked at, approved, rejected."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from pydantic_core import to_json

from api.approvals.intents import books_named, intent_json, numbers_json, persons_json
from api.http.answers import Answer, yuan
from api.http.approved import answer_to_act
from api.http.fields import Nothing, Strict, Words, example
from api.http.listing import LIMIT_DEFAULT, Cursor, Cursors, Limit, json_answer
from api.http.posting import take
from api.http.receipts import instant
from api.http.routes import JSON, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import State, caller_of, state_of
from ledger import Command, RefusalCode
from ledger.approvals import deciding, waiting
from ledger.approvals.waiting import ApprovalWord, WaitingAct
from ledger.book.numbers import account_no, entry_name
from ledger.inquiry.asking import Clerk
from ledger.money import format_yuan
from ledger.people.id_numbers import mask_in_text
from ledger.vault import Keyring

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG: Final = "approvals"
StateWord = Literal["waiting", "approved", "rejected", "expired"]
_OF_DECIDING = (R.APPROVAL_NOT_FOUND, R.SAME_PERSON, R.APPROVAL_DECIDED, R.APPROVAL_EXPIRED)


class Rejection(Strict):
    """Why not."""

    model_config = example(reason="the document names another amount")

    reason: Words


class ApprovalItem(Answer):
    """What waits, or waited. What it is about stands in it alone."""

    approval: str = Field(examples=["P483920174650K-A1"])
    state: StateWord
    verb: str = Field(
        description="For what the area asks two people, by its policy's word", examples=["id_number"]
    )
    act: str = Field(
        description="What is done; mostly the word of `verb`, which may cover several",
        examples=["separation"],
    )
    asked_by: str
    asked_at: datetime
    expires_at: datetime


class ApprovalPage(Answer):
    """What waits, or waited, by when its time is over."""

    items: list[ApprovalItem]
    next_cursor: str | None


class ApprovalView(ApprovalItem):
    """What was asked for, and what became of it."""

    account: str = Field(examples=["P483920174650K"])
    amount: str | None = yuan("How much it is about; null of what moves nothing")
    asked_through: str = Field(description="The system through which it was asked for")
    intent: dict[str, Any] = Field(
        description="The request, by the fields of its command; accounts that it names by their numbers",
        examples=[{"amount": "120000.00", "period": "2026-03", "effective_on": "2026-03-20"}],
    )
    persons: list[str] = Field(description="Those whom the request names, masked", examples=[["李*"]])
    numbers: list[str] = Field(
        description="The ID numbers that it names, masked", examples=[["119*************15"]]
    )
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None = Field(description="Of a rejection")
    entry: str | None = Field(description="What was posted, once it was approved")


class ApprovalRejected(Answer):
    """What was rejected."""

    approval: str = Field(examples=["P483920174650K-A1"])
    state: Literal["rejected"]


class ActAnswer(Answer):
    """What the act itself would have answered: mostly the receipt of its entry."""

    model_config = Answer.model_config | {"extra": "allow"}


def _item(act: WaitingAct, keyring: Keyring, now: datetime) -> dict[str, Any]:
    return {
        "approval": act.name,
        "state": act.word(now).value,
        "verb": act.verb,
        "act": waiting.what_is_done(keyring, act),
        "asked_by": act.asked_by,
        "asked_at": instant(act.asked_at),
        "expires_at": instant(act.expires_at),
    }


@router.get(
    "/v1/approvals",
    **describe(tag=TAG, summary="What needs a second person, page by page", answer=ApprovalPage),
)
async def listed(
    request: Request,
    state: Annotated[StateWord | None, Query(description="Only those of this state")] = None,
    limit: Annotated[Limit, Query()] = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """By when their time is over; whom each is about, and how much, is shown by itself."""
    ledger = state_of(request)
    cursors = Cursors(ledger.keyring, f"approvals|{state}")
    after = None
    if cursor is not None:
        at, book_id, number = cursors.read(cursor)
        after = (datetime.fromisoformat(at), int(book_id), int(number))
    now = ledger.clock()[0]
    wanted = None if state is None else ApprovalWord(state)
    found = await ledger.read(
        lambda connection: waiting.acts(connection, wanted, now, after=after, limit=limit + 1)
    )
    page = found[:limit]
    following = None
    if len(found) > limit:
        last = page[-1]
        following = cursors.write([last.expires_at.isoformat(), last.book_id, last.number])
    return json_answer({"items": [_item(one, ledger.keyring, now) for one in page], "next_cursor": following})


@router.get(
    "/v1/approvals/{approval}",
    **describe(
        tag=TAG,
        summary="What somebody asked for that needs a second person",
        answer=ApprovalView,
        refusals=(R.APPROVAL_NOT_FOUND,),
    ),
)
async def one(approval: str, request: Request) -> Response:
    """Names and numbers of people are masked in it."""
    state = state_of(request)

    def look(connection: Any) -> dict[str, Any]:
        act = waiting.find(connection, approval)
        command = waiting.opened(connection, state.keyring, act)
        shown = shown_by(request)
        named = books_named(command, connection)
        shown.of(act.book_id, *named.values())
        for person in command.persons:
            shown.of_person(person.digest)
        return _item(act, state.keyring, state.clock()[0]) | {
            "account": account_no(act.book_id),
            "amount": None if act.amount_fen is None else format_yuan(act.amount_fen),
            "asked_through": act.asked_through,
            "intent": intent_json(command, named),
            "persons": persons_json(command, state.keyring),
            "numbers": numbers_json(command, state.keyring),
            "decided_at": None if act.decided_at is None else instant(act.decided_at),
            "decided_by": act.decided_by,
            "reason": act.reason,
            "entry": None if act.entry_seq is None else entry_name(act.book_id, act.entry_seq),
        }

    return json_answer(await state.read(look))


@router.post(
    "/v1/approvals/{approval}/approve",
    **describe(
        tag=TAG,
        summary="Approve what somebody else asked for: it is posted now",
        answer=ActAnswer,
        status=201,
        refusals=_OF_DECIDING,
        body=True,
        posting=True,
    ),
)
async def approve(approval: str, request: Request, body: Nothing | None = None) -> Response:  # noqa: ARG001  read, to refuse what is not empty
    """Answered as the act itself, and refused as it: then it goes on waiting until its time is over.

    Never by who asked, nor by the holder of the account or a relative on record. Approved again by the same
    person it is answered as it was.
    """
    state, who = state_of(request), caller_of(request)

    def look(connection: Any) -> Command:
        act, command = _asked(connection, state, approval, (who.actor, who.caller))
        deciding.check_second_person(connection, act, command, who.actor, who.person)
        return command

    command = await state.read(look)
    return await answer_to_act(request, command, await take(request, command))


@router.post(
    "/v1/approvals/{approval}/reject",
    **describe(
        tag=TAG,
        summary="Reject what somebody else asked for",
        answer=ApprovalRejected,
        status=201,
        refusals=_OF_DECIDING,
        body=True,
    ),
)
async def reject(approval: str, body: Rejection, request: Request) -> Response:
    """Once, and by the same people who may approve it. Its key is not taken again."""
    state, who = state_of(request), caller_of(request)
    by = Clerk(who.caller, who.actor, *state.clock())
    # whatever is typed into a text: numbers of people stand nowhere plain
    reason = mask_in_text(body.reason)

    def look(connection: Any) -> None:
        act, command = _asked(connection, state, approval)
        deciding.check_second_person(connection, act, command, who.actor, who.person)

    def write() -> WaitingAct:
        with state.engine.connect() as connection:
            return deciding.reject(connection, approval, reason, by)

    await state.read(look)
    act = await state.run(write)
    return Response(to_json({"approval": act.name, "state": "rejected"}), 201, media_type=JSON)


def _asked(
    connection: Any, state: State, name: str, by: tuple[str, str] | None = None
) -> tuple[WaitingAct, Command]:
    act = waiting.find(connection, name)
    return act, waiting.opened(connection, state.keyring, act, by)
