"""No command that holds an ID number in a text is decided: the book and all beside it keep none in clear.

The rule sits here, so that no door can forget it, and behind the replays: what was posted before there was
the rule is answered as it was. Doors look too, because they know the place in the request.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from ledger.id_forms import holds_id_number, none_holds_id_number
from ledger.posting.command import Command
from ledger.refusals import RefusalCode, Refused

NO_TEXTS: Final = frozenset(
    {"caller", "actor", "institution", "code", "into", "credit_code", "claim", "rank", "key"}
)
"""Fields of commands that hold no text of the sender's: who sends, codes that have a form of their own, what
was read of the database, and by what heirs are put in order. The key is looked at by itself."""

# the texts that a value holds, each with the way there
_Reader = Callable[[Any], Iterator[tuple[str, str]]]
# adds the texts that a value holds to those that were found
_Gather = Callable[[Any, list[str | None]], None]


def refuse_id_numbers(command: Command) -> None:
    """Raise Refused(personal_data_in_text) for a command with an ID number in its key or a text."""
    of: Any = type(command)
    gather = _of_fields(of)
    texts = [_key(command)]
    if gather is not None:
        gather(command, texts)
    # of a bill with ten lines that is a tenth of looking at each
    if not none_holds_id_number(texts):
        _refuse_the_first(command, of)


def _key(command: Command) -> str | None:
    return None if "key" in command.made_texts else command.key


def _refuse_the_first(command: Command, of: Any) -> None:
    """Raise for the first that holds one, in the order of the fields, if any does."""
    key = _key(command)
    if key is not None and holds_id_number(key):
        raise Refused(RefusalCode.PERSONAL_DATA_IN_TEXT, at="idempotency_key")
    for name, read in _readers(of):
        value = getattr(command, name)
        if value is None:
            continue
        for way, text in read(value):
            if holds_id_number(text):
                raise Refused(RefusalCode.PERSONAL_DATA_IN_TEXT, at=name + way)


# -- all texts at once ---------------------------------------------------------------


def _gatherer(hint: Any) -> _Gather | None:
    """What adds all texts of a value of a type to some, in whatever order; None where it holds none.

    It does what the readers below do, without the way there, and with as few calls as may be.
    """
    if _has_fields(hint):
        return _of_fields(hint)
    parts = [one for one in get_args(hint) if one is not types.NoneType]
    if get_origin(hint) in {Union, types.UnionType} and len(parts) == 1:
        return _gatherer(parts[0])
    if get_origin(hint) in {tuple, list, frozenset, Sequence} and parts[1:] in ([], [Ellipsis]):
        return _of_each(parts[0])
    read = _reader(hint)
    return None if read is None else lambda value, into: into.extend([text for _way, text in read(value)])


def _of_each(hint: Any) -> _Gather | None:
    if hint is str:
        return lambda value, into: into.extend(value)
    plain, others = _parts_of(hint) if _has_fields(hint) else ((), ())
    if plain and not others:
        # ten lines of a bill without a call for each
        texts: Callable[[Any], Any] = attrgetter(*plain)
        if len(plain) == 1:
            return lambda value, into: into.extend(map(texts, value))
        return lambda value, into: into.extend(chain.from_iterable(map(texts, value)))
    inner = _gatherer(hint)
    if inner is None:
        return None

    def gather(value: Any, into: list[str | None]) -> None:
        for one in value:
            inner(one, into)

    return gather


@cache
def _of_fields(of: type) -> _Gather | None:
    plain, others = _parts_of(of)
    if not plain and not others:
        return None
    if len(plain) == 1 and not others:
        [name] = plain
        return lambda value, into: into.append(getattr(value, name))
    # of one name it would not be a tuple
    texts: Callable[[Any], tuple[str | None, ...]] = (
        attrgetter(*plain, *plain) if plain else lambda _value: ()
    )

    def gather(value: Any, into: list[str | None]) -> None:
        into.extend(texts(value)[: len(plain)])
        for name, deeper in others:
            held = getattr(value, name)
            if held is not None:
                deeper(held, into)

    return gather


def _has_fields(hint: Any) -> bool:
    return isinstance(hint, type) and (is_dataclass(hint) or hasattr(hint, "_fields"))


def _parts_of(of: type) -> tuple[tuple[str, ...], tuple[tuple[str, _Gather], ...]]:
    """The fields that are texts, and those that hold some."""
    hints, found = get_type_hints(of), _readers(of)
    plain = tuple(name for name, _read in found if hints[name] in {str, str | None})
    others = tuple(
        (name, deeper)
        for name, _read in found
        if name not in plain and (deeper := _gatherer(hints[name])) is not None
    )
    return plain, others


# -- each, and the way there -----------------------------------------------------------


@cache
def _readers(of: type) -> tuple[tuple[str, _Reader], ...]:
    """What reads the texts of each field that may hold any."""
    hints = get_type_hints(of)
    names = [one.name for one in fields(of)] if is_dataclass(of) else list(getattr(of, "_fields", ()))
    # a part of a command makes none
    none = NO_TEXTS | getattr(of, "made_texts", frozenset())
    found = [(name, _reader(hints[name])) for name in names if name in hints and name not in none]
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
