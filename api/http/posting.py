"""How a posting call runs: key and dry_run are read, the writer posts, the first answer is given again."""

from __future__ import annotations

from fastapi import Request, Response

from api.http.heads import said
from api.http.on_record import REPLAYED
from api.http.receipts import receipt_json, with_more
from api.http.routes import JSON
from api.http.shown import shown_by
from api.http.state import caller_of, state_of
from ledger import Command, Failed, Outcome, Posted, RefusalCode, Refused, Unknown, Waiting
from ledger.book.numbers import parse_entry_name
from ledger.texts import is_key


def plain_key(text: str) -> str:
    """A key as it is kept: without the double quotes that it may stand in. Raises Refused."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if not is_key(text):
        raise Refused(RefusalCode.IDEMPOTENCY_KEY_INVALID, at="idempotency_key")
    return text


def wants_dry_run(request: Request) -> bool:
    """Whether the call asks only what would happen."""
    # the route has seen to it that it is true or false
    return bool(request.scope["query_string"]) and request.query_params.get("dry_run") == "true"


def key_of(request: Request, *, required: bool = True) -> str | None:
    """The idempotency key of a call. Raises Refused; a dry run needs none, since it changes nothing."""
    text = said(request.scope, b"idempotency-key")
    if text is not None:
        if b"idempotency-key" in request.scope.get("ledger.twice", ()):
            raise Refused(RefusalCode.IDEMPOTENCY_KEY_INVALID, at="idempotency_key")
        return plain_key(text.strip(" \t"))
    if required and not wants_dry_run(request):
        raise Refused(RefusalCode.IDEMPOTENCY_KEY_MISSING, at="idempotency_key")
    return None


def institutions_key_of(request: Request) -> str | None:
    """The idempotency key of a call that posts to the book of a patient, as it is kept. Raises Refused.

    Many institutions post there, and several may call by one system. The key of a token that is bound to one
    counts for that one alone: another's key would tell that it had posted something by it. No code and no
    other key has a blank in it, so that no two are kept alike.
    """
    key, institution = key_of(request), caller_of(request).institution
    return key if key is None or institution is None else f"{institution}: {key}"


def entry_of(text: str, missing: RefusalCode) -> tuple[int, int]:
    """The book and number behind the name of an entry, hold or freeze. Raises Refused(missing)."""
    place = parse_entry_name(text)
    if place is None:
        raise Refused(missing, at="target_seq")
    return place


def posted(outcome: Outcome) -> Posted:
    """The outcome of a command that was taken; any other is raised."""
    if isinstance(outcome, Posted):
        return outcome
    if isinstance(outcome, Waiting | Refused | Unknown | Failed):
        raise outcome
    raise TypeError("an outcome is posted, waiting, refused, failed or unknown")


async def take(request: Request, command: Command) -> Posted:
    """Post a command, or rehearse it when the call asks for that."""
    state = state_of(request)
    if wants_dry_run(request):
        return await rehearsed(request, command)
    outcome = await state.writer.post(command)
    if not (isinstance(outcome, Posted) and outcome.created):
        shown_by(request).of_outcome(command, outcome)
    return posted(outcome)


async def rehearsed(request: Request, command: Command) -> Posted:
    """What would become of a command. Raises Refused. Either way it tells of whose book it names."""
    [outcome] = await state_of(request).rehearse([command])
    shown_by(request).of_outcome(command, outcome)
    return posted(outcome)


def respond(request: Request, body: str, done: Posted, *, status: int = 201) -> Response:
    """The answer to a posting that was taken; `body` is a JSON object."""
    if wants_dry_run(request):
        body, status = with_more(body, {"dry_run": True} | asks_json(done)), 200
    return Response(body, status, REPLAYED if done.replayed else None, media_type=JSON)


def asks_json(done: Posted) -> dict[str, str]:
    """What a rehearsal says of a command that would wait for a second person."""
    return {"approval": "needed"} if done.asks else {}


async def post_and_answer(request: Request, command: Command) -> Response:
    """Post a command and answer with its receipt."""
    done = await take(request, command)
    # the same under another key is answered as it was then
    done.replayed = done.replayed or not done.created
    return respond(request, receipt_json(done.receipt), done)
