"""What happened, for other systems: the feed that they read on, and the webhooks that they are sent it by."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import unquote

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError, to_json

from api.http.answers import Answer
from api.http.fields import NUMBERLESS, Nothing, Strict, example
from api.http.listing import LIMIT_DEFAULT, Cursor, Cursors, PageLimit, json_answer
from api.http.routes import JSON, LedgerRoute, describe
from api.http.state import State, caller_of, state_of
from ledger import RefusalCode
from ledger.addresses import WrongUrl
from ledger.chart.events import EVENT_WORDS
from ledger.events.addresses import URL_MAX, read_url
from ledger.events.feed import Event, events_after, something_waits, take_in
from ledger.events.telling import as_told
from ledger.events.webhooks import RegisteredBy, Webhook, end_webhook, register_webhook, webhooks
from ledger.id_forms import holds_id_number

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "events"
PASSES_MAX: Final = 20
"""How often one call gives positions to what was committed: where more waits, the next call goes on."""


def _url(text: str) -> str:
    try:
        read_url(text)
    except WrongUrl as wrong:
        raise PydanticCustomError(R.SHAPE_INVALID.value, str(wrong)) from None
    # as it stands it is looked at like every text
    if holds_id_number(unquote(text)):
        raise PydanticCustomError(R.PERSONAL_DATA_IN_TEXT.value, "an address without an ID number in it")
    return text


def _kind(text: str) -> str:
    if text not in EVENT_WORDS:
        raise PydanticCustomError(R.SHAPE_INVALID.value, "a kind of event")
    return text


Url = Annotated[
    str,
    StringConstraints(strict=True),
    AfterValidator(_url),
    NUMBERLESS,
    WithJsonSchema({
        "type": "string",
        "format": "uri",
        "maxLength": URL_MAX,
        "description": "`https`, or `http` on this machine itself; without credentials and fragment",
        "examples": ["https://receiver.example/events"],
    }),
]  # fmt: skip
KindName = Annotated[
    str,
    StringConstraints(strict=True),
    AfterValidator(_kind),
    WithJsonSchema({"type": "string", "enum": list(EVENT_WORDS)}),
]


class NewWebhook(Strict):
    """Where events are to be sent, and which; without `kinds` all of them."""

    model_config = example(url="https://receiver.example/events", kinds=["unit_did_not_pay"])

    url: Url
    kinds: Annotated[list[KindName], Field(min_length=1, max_length=len(EVENT_WORDS))] | None = None


class EventItem(Answer):
    """Something that happened. The only thing in it that is a person's is the account number."""

    event: str = Field(description="The name of the event: the same in every delivery", examples=["E1024"])
    kind: KindName = Field(examples=["contribution_arrived"])
    account_no: str = Field(examples=["P483920174650K"])
    entry: str | None = Field(
        description="The entry that it is; null for what is none", examples=["P483920174650K-7"]
    )
    at: datetime


class EventPage(Answer):
    """A page of the feed. `next_cursor` always stands there: what happens later is read from it on."""

    items: list[EventItem]
    next_cursor: str


class WebhookItem(Answer):
    """An address that events are sent to, and how that goes."""

    webhook: str = Field(examples=["BCDFGHJKLMNPQRST"])
    url: str
    kinds: list[KindName] | None = Field(description="Null: all kinds")
    registered_at: datetime
    ended_at: datetime | None
    taken_at: datetime | None = Field(description="When it took a message last")
    tries: int = Field(description="How often the message that is due was sent in vain")
    result: str | None = Field(
        description="What came of the last message: its status, `timeout`, `tls`, `unreachable`, `cut_off`"
    )
    tried_at: datetime | None
    next_try_at: datetime | None


class WebhookMade(WebhookItem):
    """The same when it was registered, with its secret, which is never shown again."""

    secret: str = Field(description="What messages are signed with", examples=["whsec_…"])


class WebhookPage(Answer):
    """A page of webhooks."""

    items: list[WebhookItem]
    next_cursor: str | None


@router.get("/v1/events", **describe(tag=TAG, summary="What happened, in order", answer=EventPage))
async def events(request: Request, cursor: Cursor = None, limit: PageLimit = LIMIT_DEFAULT) -> Response:
    """From the beginning, or on from a cursor, which never passes a posting that is still in flight."""
    state = state_of(request)
    cursors = Cursors(state.keyring, "events")
    after = 0 if cursor is None else cursors.read(cursor)
    page, waits = await state.read(
        lambda connection: (events_after(connection, after, limit), something_waits(connection))
    )
    if len(page) < limit and waits:
        page = await state.run(lambda: _with_what_waits(state, after, limit))
    return json_answer(
        {
            "items": [as_told(one) for one in page],
            "next_cursor": cursors.write(page[-1].position if page else after),
        }
    )


def _with_what_waits(state: State, after: int, limit: int) -> list[Event]:
    """The same page, once what is committed by now has its positions."""
    page: list[Event] = []
    with state.engine.connect() as connection:
        for _ in range(PASSES_MAX):
            more = take_in(connection)
            with connection.begin():
                page = events_after(connection, after, limit)
            if len(page) == limit or not more:
                break
    return page


@router.post(
    "/v1/webhooks",
    **describe(
        tag=TAG,
        summary="Have events be sent to an address",
        answer=WebhookMade,
        status=201,
        refusals=(R.WEBHOOK_IN_USE,),
        body=True,
    ),
)
async def register(body: NewWebhook, request: Request) -> Response:
    """What happens from now on, in order, signed, and again until it is taken."""
    state, who = state_of(request), caller_of(request)
    by = RegisteredBy(who.caller, who.actor, state.clock()[0])
    kinds = None if body.kinds is None else [EVENT_WORDS[word] for word in body.kinds]

    def write() -> tuple[Webhook, str]:
        with state.engine.connect() as connection:
            return register_webhook(connection, state.keyring, body.url, kinds, by)

    made, secret = await state.run(write)
    return Response(to_json(_told(made) | {"secret": secret}), 201, media_type=JSON)


@router.get("/v1/webhooks", **describe(tag=TAG, summary="Who is sent events", answer=WebhookPage))
async def listed(request: Request, cursor: Cursor = None, limit: PageLimit = LIMIT_DEFAULT) -> Response:
    """In the order in which they were registered, the ended ones too. No secret is among them."""
    state = state_of(request)
    cursors = Cursors(state.keyring, "webhooks")
    after: tuple[datetime, str] | None = None
    if cursor is not None:
        at, name = cursors.read(cursor)
        after = datetime.fromisoformat(at), name
    found = await state.read(lambda connection: webhooks(connection, after, limit + 1))
    more, found = len(found) > limit, found[:limit]
    return json_answer(
        {
            "items": [_told(one) for one in found],
            "next_cursor": cursors.write((found[-1].registered_at.isoformat(), found[-1].name))
            if more
            else None,
        }
    )


@router.post(
    "/v1/webhooks/{webhook}/end",
    **describe(
        tag=TAG,
        summary="Send nothing more to an address",
        answer=WebhookItem,
        status=201,
        refusals=(R.WEBHOOK_NOT_FOUND,),
        body=True,
    ),
)
async def end(webhook: str, request: Request, body: Nothing | None = None) -> Response:  # noqa: ARG001  read, to refuse what is not empty
    """The same again changes nothing. A message that is being sent at this moment may still arrive."""
    state = state_of(request)

    def write() -> Webhook:
        with state.engine.connect() as connection:
            return end_webhook(connection, webhook, state.clock()[0])

    ended = await state.run(write)
    return Response(to_json(_told(ended)), 201, media_type=JSON)


def _told(one: Webhook) -> dict[str, Any]:
    return {
        "webhook": one.name,
        "url": one.url,
        "kinds": one.kinds,
        "registered_at": one.registered_at,
        "ended_at": one.ended_at,
        "taken_at": one.taken_at,
        "tries": one.tries,
        "result": one.result,
        "tried_at": one.tried_at,
        "next_try_at": one.next_at,
    }
