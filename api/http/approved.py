"""What is answered to who approves: as the act itself would answer. One row a command that answers more.

A route whose answer is more than a receipt says here how its command is answered once a second person has
approved it: `@answers_as(DivideEstate)` above a function of request, command and outcome.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response

from api.http.posting import respond
from api.http.receipts import receipt_json
from ledger import Command, Posted

AnswerOf = Callable[[Request, Any, Posted], Awaitable[Response]]
_ANSWERS: dict[type[Command], AnswerOf] = {}


def answers_as(command: type[Command]) -> Callable[[AnswerOf], AnswerOf]:
    """Declare how a command is answered that a second person has approved."""

    def declare(answer: AnswerOf) -> AnswerOf:
        _ANSWERS[command] = answer
        return answer

    return declare


async def answer_to_act(request: Request, command: Command, done: Posted) -> Response:
    """The answer to an act that a second person has approved."""
    answer = _ANSWERS.get(type(command))
    if answer is not None:
        return await answer(request, command, done)
    done.replayed = done.replayed or not done.created
    return respond(request, receipt_json(done.receipt), done)
