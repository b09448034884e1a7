"""A posting route is declared once: path, scope, summary, answer, and the command it makes.

    @posts(router, "/v1/accounts/{account}/spendings", scope="postings:write", …)
    def spend(account: str, body: Spending, by: By) -> Spend:
        "What the document says of it."
        return Spend(by.ref(account), body.amount, …)

The route, its place in the document with everything it may be refused with, and the verb of a bulk follow
from it. Where the answer is more than a receipt, `@posting` declares a route whose handler is written out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cache
from typing import Any, NamedTuple, NotRequired, TypedDict, TypeVar, Unpack, get_type_hints

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api.http.places import told_as
from api.http.posting import key_of, post_and_answer
from api.http.problems import Code
from api.http.routes import describe
from api.http.security import Caller
from api.http.state import State, caller_of, state_of
from ledger import BookRef, Command, persons
from ledger.policy.approvals import ASKABLE

Handler = TypeVar("Handler", bound=Callable[..., Any])
Make = Callable[..., Command]


class By(NamedTuple):
    """What a command is made of beside the fields of its request: who sends it, when, and under which key."""

    state: State
    who: Caller
    today: date
    key: str | None
    # where the book has to be looked at before there is a command: the connection that reads
    connection: Any = None

    def ref(self, account: str) -> BookRef:
        """The account that a path or body names. Raises Refused."""
        return persons.account_ref(account, self.state.keyring, self.today)

    @property
    def sent_by(self) -> tuple[str, str, str | None]:
        """Caller, actor and key: the last fields of every command."""
        return self.who.caller, self.who.actor, self.key


def by_of(request: Request) -> By:
    """What a call says beside its fields. Raises Refused for its key."""
    key = key_of(request)
    state = state_of(request)
    return By(state, caller_of(request), state.clock()[1], key)


class Declared(NamedTuple):
    """One posting route, as declared."""

    path: str
    scope: str
    command: type[Command]
    not_here: tuple[Code, ...]
    names: Mapping[str, str]
    # empty: no bulk has it
    bulk: str
    make: Make | None

    @property
    def body(self) -> type[BaseModel] | None:
        """The model of the body; None where the path says all."""
        return None if self.make is None else _body_of(self.make)

    @property
    def named(self) -> str | None:
        """What the path names: an account, or the thing that is acted on."""
        return next((part[1:-1] for part in self.path.split("/") if part.startswith("{")), None)


@cache
def _body_of(make: Make) -> type[BaseModel] | None:
    # a bulk asks for each of its commands, and hints are read slowly
    hint = get_type_hints(make).get("body")
    return hint if isinstance(hint, type) and issubclass(hint, BaseModel) else None


class Said(TypedDict):
    """What a declaration says."""

    scope: str
    tag: str
    summary: str
    answer: type[BaseModel]
    # other statuses with the same answer
    also: NotRequired[dict[int, str]]
    # what the door itself may say no to: in the document it stands before the command's own codes, or after
    refusals: NotRequired[Iterable[Code]]
    refusals_after: NotRequired[Iterable[Code]]
    # those of the command's own that this route never meets: it looks first, or says it otherwise
    not_here: NotRequired[tuple[Code, ...]]
    # fields of the command that are called otherwise in the request
    names: NotRequired[Mapping[str, str]]
    # the verb of a bulk
    bulk: NotRequired[str]


def posting(
    router: APIRouter, path: str, command: type[Command], make: Make | None = None, **said: Unpack[Said]
) -> Callable[[Handler], Handler]:
    """Declare a posting route whose handler is written out. `make` makes the command of a bulk."""
    not_here = said.get("not_here", ())
    names = said.get("names", {})
    declared = Declared(path, said["scope"], command, not_here, names, said.get("bulk", ""), make)
    own = (code for code in command.refused_with if code not in not_here)
    described = describe(
        tag=said["tag"],
        summary=said["summary"],
        answer=said["answer"],
        status=201,
        also=said.get("also"),
        refusals=(*said.get("refusals", ()), *own, *said.get("refusals_after", ())),
        body=True,
        posting=True,
        key=True,
        waits=command.word in ASKABLE,
    )

    def declare(handler: Handler) -> Handler:
        handler.declared = declared  # type: ignore[attr-defined]  # whoever reads the routes looks for it there
        route: Handler = router.post(path, **described)(told_as(**names)(handler))
        return route

    return declare


def posts(router: APIRouter, path: str, **said: Unpack[Said]) -> Callable[[Make], Callable[..., Any]]:
    """Declare a posting route that answers with the receipt of the command which the function makes."""

    def declare(make: Make) -> Callable[..., Any]:
        command = get_type_hints(make)["return"]
        return posting(router, path, command, make=make, **said)(_handler(make))

    return declare


def _handler(make: Make) -> Callable[..., Any]:
    """What FastAPI calls: the function with the request in place of `by`."""

    async def handle(*, request: Request, **given: Any) -> Response:
        return await post_and_answer(request, make(**given, by=by_of(request)))

    hints = get_type_hints(make, include_extras=True)
    taken = [
        one.replace(annotation=hints[one.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for one in inspect.signature(make).parameters.values()
        if one.name != "by"
    ]
    request = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    handle.__signature__ = inspect.Signature([*taken, request])  # type: ignore[attr-defined]  # FastAPI reads it
    handle.__name__, handle.__doc__, handle.__module__ = make.__name__, make.__doc__, make.__module__
    return handle
