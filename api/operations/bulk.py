"""Many commands in one call, each with an outcome of its own.

A command that cannot be read is a refused outcome like any other. What can be read goes to the writer in
chunks of 1,000, one being posted while the next is read; the next waits until it is known what became of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json
from starlette.types import Scope

from api.http.deadlines import is_late
from api.http.errors import Fault, code_of_trouble, errors_json, faults_of_refusal
from api.http.posting import wants_dry_run
from api.http.problems import Code, DoorCode
from api.http.receipts import receipt_json
from api.http.routes import JSON, LedgerRoute, describe
from api.http.security import Caller
from api.http.shown import shown_by
from api.http.state import State, caller_of, state_of
from api.operations.answers import BulkAnswer
from api.operations.bodies import Bulk
from api.operations.bulk_commands import LOOKING, MISSING, PLACES, READERS, Unreadable, read_command
from ledger import (
    Command,
    Outcome,
    Overloaded,
    Posted,
    RefusalCode,
    Refused,
    Stopped,
    Unavailable,
    Unknown,
    Waiting,
)

COMMANDS_MAX = 10_000
ATOMIC_MAX = 1_000
CHUNK = 1_000

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
# one place in the answer: a command to post, or why it cannot be one
Place = Command | Unreadable


@router.post(
    "/v1/bulk",
    **describe(
        tag="bulk",
        summary="Post up to 10,000 commands, together or each by itself",
        answer=BulkAnswer,
        refusals=(R.BULK_TOO_LARGE,),
        body=True,
        posting=True,
    ),
)
async def bulk(body: Bulk, request: Request) -> Response:
    """Needs no Idempotency-Key: every command has its own. A token needs the scope of each verb, too.

    Commands are posted in their order, by the thousand, and each has an outcome: `posted`, `waiting` (for a
    second person), `refused`, `unknown` (it may have been posted) or `failed` (it was not). After a thousand
    that failed or is unknown nothing more is posted, and the rest is `failed`. Send what is `unknown` or
    `failed` again, in the same order and with the same keys: what was posted is answered, and not posted
    twice. 503 says that nothing was.
    """
    if len(body.commands) > (ATOMIC_MAX if body.atomic else COMMANDS_MAX):
        limit = ATOMIC_MAX if body.atomic else COMMANDS_MAX
        raise Refused(R.BULK_TOO_LARGE, commands_max=limit)
    who = caller_of(request)
    for scope in sorted(_scopes(body.commands)):
        who.need(scope)
    if wants_dry_run(request):
        written = [await _rehearse(request, who, body.commands, atomic=body.atomic)]
    elif body.atomic:
        written = [await _post_group(request, who, body.commands)]
    else:
        written = await _post_chunks(request, who, body.commands)
    outcomes = ",".join(part for part in written if part)
    more = ',"dry_run":true' if wants_dry_run(request) else ""
    return Response(f'{{"outcomes":[{outcomes}]{more}}}', media_type=JSON)


def _scopes(items: Sequence[Any]) -> set[str]:
    """The scopes of the verbs that are asked for."""
    verbs = {item["verb"] for item in items if isinstance(item, dict) and isinstance(item.get("verb"), str)}
    return {READERS[verb].declared.scope for verb in verbs if verb in READERS}


async def _post_chunks(request: Request, who: Caller, items: Sequence[Any]) -> list[str]:
    """Chunk after chunk; the next is read while one is posted, and handed over when that one is.

    Where one was not posted, or nobody knows, those after it are not: a command may rest on any before it.
    Raises Overloaded, Stopped when that was the first, and is cancelled when its time is over before that.
    """
    state, scope = state_of(request), request.scope
    written: list[str] = []
    stopped: Exception | None = None
    handed_over = False
    following: asyncio.Task[list[Place]] | None = None
    try:
        for start in range(0, len(items), CHUNK):
            try:
                places = await (following or _reading(state, who, items, start))
            except Exception as fault:
                if not handed_over:
                    raise
                written.append(",".join([_failed(fault)] * (len(items) - start)))
                break
            following = _reading(state, who, items, start + CHUNK) if start + CHUNK < len(items) else None
            commands = [place for place in places if isinstance(place, Command)]
            outcomes: Sequence[Outcome | Exception] = [stopped] * len(commands) if stopped else ()
            if commands and stopped is None:
                first, handed_over = not handed_over, True
                outcomes = await _post_chunk(state, commands, scope, first=first)
                shown_by(request).of_outcomes(zip(commands, outcomes, strict=True))
                stopped = _stopping(outcomes)
            written.append(await asyncio.to_thread(_write, places, outcomes, start))
    except asyncio.CancelledError:
        if not handed_over or not is_late(scope):
            raise
        _go_on()
        # the call is over time while the next chunk is read: what became of those before it has to be told
        left = len(items) - CHUNK * len(written)
        written.append(",".join([_failed(_NotReached(DoorCode.DEADLINE))] * left))
    finally:
        if following is not None:
            following.cancel()
    return written


def _reading(state: State, who: Caller, items: Sequence[Any], start: int) -> asyncio.Task[list[Place]]:
    return asyncio.ensure_future(_read_in_a_thread(state, who, items[start : start + CHUNK]))


async def _read_in_a_thread(state: State, who: Caller, items: Sequence[Any]) -> list[Place]:
    """The places of some items; with a look at the book where one of them asks for it."""
    verbs = {verb for item in items if isinstance(item, dict) and isinstance(verb := item.get("verb"), str)}
    if verbs & LOOKING:
        return await state.report(partial(_read, state, who, items))
    return await asyncio.to_thread(_read, state, who, items)


async def _post_chunk(
    state: State, commands: Sequence[Command], scope: Scope, *, first: bool
) -> Sequence[Outcome | Exception]:
    """One chunk's outcomes. Raises Overloaded, Stopped for the first: then the whole call is sent again."""
    try:
        return await state.writer.post_chunk(commands)
    except (Overloaded, Stopped) as full:
        if first:
            raise
        return [full] * len(commands)
    except asyncio.CancelledError:
        if not is_late(scope):
            raise
        _go_on()
        # what was handed over is posted all the same, only nobody waits for it
        return [_OverTime()] * len(commands)
    except Exception as fault:  # noqa: BLE001  the chunks before it are posted, and have to be told
        return [fault] * len(commands)


def _go_on() -> None:
    """Let this task answer, though it was cancelled."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


class _OverTime(Unknown):
    """A command that was handed over, and of which nobody knows by now what became."""

    code = DoorCode.DEADLINE


class _NotReached(Exception):
    """A command that was not handed over, because of what became of one before it."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.value)
        self.code = code


def _stopping(outcomes: Sequence[Outcome | Exception]) -> Exception | None:
    """What is told of every command after a chunk, when none of them may be posted any more."""
    left = [outcome for outcome in outcomes if not isinstance(outcome, Posted | Waiting | Refused)]
    if any(map(_is_unknown, left)):
        late = isinstance(left[0], _OverTime)
        return _NotReached(DoorCode.DEADLINE if late else DoorCode.DATABASE_UNAVAILABLE)
    # a few that the database did not take are like refused ones; all of them are no chance
    return _NotReached(_code(left[0])) if left and len(left) == len(outcomes) else None


async def _post_group(request: Request, who: Caller, items: Sequence[Any]) -> str:
    """All or nothing. One command that cannot be read refuses the group before it is posted."""
    state = state_of(request)
    places = await _read_in_a_thread(state, who, items)
    if any(isinstance(place, Unreadable) for place in places):
        return _write_refused_group(places)
    if not places:
        return ""
    commands = [place for place in places if isinstance(place, Command)]
    outcomes = await state.writer.post_chunk(commands, atomic=True)
    shown_by(request).of_outcomes(zip(commands, outcomes, strict=True))
    return _write(places, outcomes)


async def _rehearse(request: Request, who: Caller, items: Sequence[Any], *, atomic: bool) -> str:
    state, shown = state_of(request), shown_by(request)
    # where none can be rehearsed it shows nobody
    shown.of_each(())
    places = await _read_in_a_thread(state, who, items)
    if atomic and any(isinstance(place, Unreadable) for place in places):
        return _write_refused_group(places)
    commands = [place for place in places if isinstance(place, Command)]
    outcomes = await state.rehearse(commands, atomic=atomic) if commands else []
    shown.of_outcomes(zip(commands, outcomes, strict=True))
    return _write(places, outcomes)


def _read(state: State, who: Caller, items: Sequence[Any], connection: Any = None) -> list[Place]:
    today = state.clock()[1]
    return [read_command(state, who, today, item, connection) for item in items]


# -- outcomes ----------------------------------------------------------------------------------------------


def _write(places: Sequence[Place], outcomes: Sequence[Outcome | Exception], start: int = 0) -> str:
    """The outcomes of commands, of which the first stands at `start` in the call."""
    following = iter(outcomes)
    return ",".join(
        [
            outcome_json(place if isinstance(place, Unreadable) else next(following), place, number)
            for number, place in enumerate(places, start)
        ]
    )


def _write_refused_group(places: Sequence[Place]) -> str:
    innocent = Refused(R.GROUP_REFUSED)
    return _write(places, [innocent for place in places if not isinstance(place, Unreadable)])


def outcome_json(outcome: Outcome | Exception, place: Place, number: int) -> str:
    """What became of one command, the `number`-th of the call."""
    if isinstance(outcome, Posted):
        replayed = "true" if outcome.replayed else "false"
        asks = ',"approval":"needed"' if outcome.asks else ""
        receipt = receipt_json(outcome.receipt)
        return f'{{"status":"posted","replayed":{replayed},"receipt":{receipt}{asks}}}'
    if isinstance(outcome, Waiting):
        return f'{{"status":"waiting","approval":"{outcome.name}"}}'
    if isinstance(outcome, Refused):
        if outcome.code is R.ACCOUNT_NOT_FOUND and isinstance(place, Command) and type(place) in MISSING:
            outcome = Refused(MISSING[type(place)], at="target_seq")
        faults = _faults(outcome, place, number)
        refused = {"status": "refused", "code": outcome.code.value}
        return to_json(refused | {"errors": errors_json(faults)} if faults else refused).decode()
    if _is_unknown(outcome):
        return f'{{"status":"unknown","code":"{_code(outcome).value}"}}'
    return _failed(outcome)


def _is_unknown(outcome: Outcome | Exception) -> bool:
    """Whether a command may have been posted; of one that never reached the database it is known."""
    return isinstance(outcome, Unknown) and not isinstance(outcome, Unavailable)


def _failed(fault: Exception) -> str:
    return f'{{"status":"failed","code":"{_code(fault).value}"}}'


def _faults(refused: Refused, place: Place, number: int) -> list[Fault]:
    """What was wrong with a command, told from the root of the call."""
    if isinstance(refused, Unreadable):
        found = refused.faults
    elif isinstance(place, Command):
        found = faults_of_refusal(refused, PLACES[type(place)])
    else:
        return []
    return [fault._replace(pointer=f"/commands/{number}{fault.pointer}") for fault in found]


def _code(fault: Exception) -> Code:
    if isinstance(fault, _NotReached | _OverTime):
        return fault.code
    return code_of_trouble(fault) or DoorCode.INTERNAL_ERROR
