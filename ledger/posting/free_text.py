"""No command that holds an ID number in a text is decided: the book and all beside it keep none in clear.

The rule sits here, so that no door can forget it, and behind the replays: what was posted before there was
the rule is answered as it was. Doors look too, because they know the place in the request.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from ledger.id_forms import holds_id_number
from ledger.posting.command import Command
from ledger.refusals import RefusalCode, Refused

NO_TEXTS: Final = frozenset(
    {"caller", "actor", "institution", "code", "into", "credit_code", "claim", "rank", "key"}
)
"""Fields of commands that hold no text of the sender's: who sends, codes that have a form of their own, what
was read of the database, and by what heirs are put in order. The key is looked at by itself."""

# the texts that a value holds, each with the way there
_Reader = Callable[[Any], Iterator[tuple[str, str]]]


def refuse_id_numbers(command: Command) -> None:
    """Raise Refused(personal_data_in_text) for a command with an ID number in its key or a text."""
    if command.key is not None and holds_id_number(command.key):
        raise Refused(RefusalCode.PERSONAL_DATA_IN_TEXT, at="idempotency_key")
    of: Any = type(command)
    plain, others = _fields_of(of)
    # most commands have texts alone, and short ones
    for name in plain:
        text = getattr(command, name)
        if text is not None and holds_id_number(text):
            raise Refused(RefusalCode.PERSONAL_DATA_IN_TEXT, at=name)
    for name, read in others:
        value = getattr(command, name)
        if value is None:
            continue
        for way, text in read(value):
            if holds_id_number(text):
                raise Refused(RefusalCode.PERSONAL_DATA_IN_TEXT, at=name + way)


@cache
def _fields_of(of: type) -> tuple[tuple[str, ...], tuple[tuple[str, _Reader], ...]]:
    """The fields of a command that are texts, and those that hold some."""
    hints = get_type_hints(of)
    found = _readers(of)
    plain = tuple(name for name, _read in found if hints[name] in {str, str | None})
    return plain, tuple((name, read) for name, read in found if name not in plain)


@cache
def _readers(of: type) -> tuple[tuple[str, _Reader], ...]:
    """What reads the texts of each field that may hold any."""
    hints = get_type_hints(of)
    names = [one.name for one in fields(of)] if is_dataclass(of) else list(getattr(of, "_fields", ()))
    found = [(name, _reader(hints[name])) for name in names if name in hints and name not in NO_TEXTS]
    return tuple((name, read) for name, read in found if read is not None)


def _reader(hint: Any) -> _Reader | None:
    if hint is str:
        return _itself
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        held = [read for one in get_args(hint) if (read := _reader(one)) is not None]
        return held[0] if held else None
    if origin in {tuple, list, frozenset, Sequence}:
        parts = [_reader(one) for one in get_args(hint) if one is not Ellipsis]
        inner = next((one for one in parts if one is not None), None)
        return None if inner is None else _each(inner)
    if isinstance(hint, type) and (is_dataclass(hint) or hasattr(hint, "_fields")):
        inside = _readers(hint)
        return _fields(inside) if inside else None
    return None


def _itself(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield "", value


def _each(inner: _Reader) -> _Reader:
    def read(value: Any) -> Iterator[tuple[str, str]]:
        for place, one in enumerate(value):
            for way, text in inner(one):
                yield f"/{place}{way}", text

    return read


def _fields(inside: tuple[tuple[str, _Reader], ...]) -> _Reader:
    def read(value: Any) -> Iterator[tuple[str, str]]:
        for name, inner in inside:
            one = getattr(value, name, None)
            if one is not None:
                for way, text in inner(one):
                    yield f"/{name}{way}", text

    return read
