"""Where the fields of a command stand in a request, so that a problem can say which of them was refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel

F = TypeVar("F", bound=Callable[..., Any])

# what a command calls the book and the entry that a path names
_NAMED_BY_PATH = ("book", "target_seq")
_KEY = "Idempotency-Key"
# A name of the caller's that may be told again: what a programmer calls a field, `self_pay` or `selfPay`,
# and nobody's number. Two digits at most, however they stand: a year of birth, a telephone and an ID number
# have more.
_match_name = re.compile(r"(?!(.*[0-9]){3})[a-z][A-Za-z0-9_]{0,63}").fullmatch


class Place(NamedTuple):
    """A place in a request: `pointer` is a JSON pointer in a body, and the name of a parameter elsewhere."""

    where: str
    pointer: str


class Places:
    """The places of one route's fields. Made once, when the route is declared."""

    def __init__(
        self,
        body: type[BaseModel] | None = None,
        path: Iterable[str] = (),
        query: Mapping[str, str] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        """`query` are parameters by the name in code; `names` what a command calls otherwise than callers do.

        A name that no field of the request has is a slip of the declaration: KeyError.
        """
        in_path = list(path)
        self._places = {name: Place("query", told) for name, told in (query or {}).items()}
        self._places |= {name: Place("path", name) for name in in_path}
        fields = {} if body is None else body.model_fields
        for name, field in fields.items():
            place = Place("body", f"/{field.alias or name}")
            self._places |= {name: place, field.alias or name: place}
        self._places.setdefault("idempotency_key", Place("header", _KEY))
        if "employer" in in_path:
            self._places.setdefault("credit_code", Place("path", "employer"))
        if in_path:
            self._places |= dict.fromkeys(_NAMED_BY_PATH, Place("path", in_path[0]))
        self._places |= {name: self._places[told] for name, told in (names or {}).items()}

    def of(self, at: str) -> Place | None:
        """The place of what a refusal names; None when the request has no such field."""
        # an amount is a text in yuan there, and a number of fen in a command
        whole = self._places.get(at)
        if whole is not None:
            return whole
        first, _, rest = at.partition("/")
        place = self._places.get(first.removesuffix("_fen"))
        return place._replace(pointer=f"{place.pointer}/{rest}") if place and rest else place


def told_as(**names: str) -> Callable[[F], F]:
    """Say what the fields of a route's command are called in its request, where that is something else."""

    def mark(endpoint: F) -> F:
        endpoint.told_as = names  # type: ignore[attr-defined]  # LedgerRoute looks for it there
        return endpoint

    return mark


def may_be_told(name: str) -> bool:
    """Whether the name of an unknown field, which is the caller's own, may stand in an answer."""
    return _match_name(name) is not None
