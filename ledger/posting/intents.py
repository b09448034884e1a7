"""A command as a text, and back: what waits for a second person is kept whole (R68).

One codec over the fields of dataclasses and named tuples. Each value that JSON has no form for says what it
is; a class is found again by its name, among commands and what their fields are declared to hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from fractions import Fraction
from typing import Any, get_args, get_type_hints

from ledger.posting.command import Command


def write_command(command: Command) -> bytes:
    """The canonical text of a command. TypeError for a field that is no plain value."""
    return as_written(_written(command))


def as_written(document: Any) -> bytes:
    """The JSON of a command as the one text that it has."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def read_command(plain: bytes) -> Command:
    """The command that a text says. ValueError for one that no command wrote."""
    document = json.loads(plain)
    found: Command = _read(document, dict(_held_by(_root(document))))
    return found


def read_act(plain: bytes) -> str:
    """What the command does that a text says. ValueError for one that no command wrote."""
    return _root(json.loads(plain)).act


def bytes_in(document: Any) -> Iterator[bytes]:
    """What of the JSON of a command is bytes: digests, and what is sealed."""
    if isinstance(document, dict):
        if isinstance(document.get("bytes"), str):
            yield bytes.fromhex(document["bytes"])
        for one in document.values():
            yield from bytes_in(one)
    elif isinstance(document, list):
        for one in document:
            yield from bytes_in(one)


def with_bytes(document: Any, change: Callable[[bytes], bytes]) -> Any:
    """The JSON of a command with something else in the place of each of them."""
    if isinstance(document, list):
        return [with_bytes(one, change) for one in document]
    if not isinstance(document, dict):
        return document
    if document.keys() == {"bytes"} and isinstance(document["bytes"], str):
        return {"bytes": change(bytes.fromhex(document["bytes"])).hex()}
    return {name: with_bytes(one, change) for name, one in document.items()}


def _root(document: Any) -> type[Command]:
    root = _commands().get(document.get("of", "")) if isinstance(document, dict) else None
    if root is None:
        raise ValueError("what waits is no command that there is")
    return root


def _written(value: Any) -> Any:
    # a member of an enumeration may be a number or a text as well
    if isinstance(value, Enum):
        return {"one of": type(value).__name__, "name": value.name}
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, datetime):
        return {"instant": value.isoformat()}
    if isinstance(value, date):
        return {"day": value.isoformat()}
    if isinstance(value, Fraction):
        return {"fraction": str(value)}
    if is_dataclass(value) and not isinstance(value, type):
        held = {one.name: getattr(value, one.name) for one in fields(value) if one.init}
        return {"of": type(value).__name__, "fields": {name: _written(one) for name, one in held.items()}}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        named = zip(value._fields, value, strict=True)
        return {"of": type(value).__name__, "fields": {name: _written(one) for name, one in named}}
    if isinstance(value, tuple | list):
        return {type(value).__name__: [_written(one) for one in value]}
    if isinstance(value, frozenset):
        return {"set": sorted((_written(one) for one in value), key=json.dumps)}
    raise TypeError(f"{type(value).__name__} cannot wait for a second person")


def _read(value: Any, classes: dict[str, type]) -> Any:
    if not isinstance(value, dict):
        return value
    match value:
        case {"of": str(name), "fields": dict(held)}:
            made = classes[name]
            return made(**{field: _read(one, classes) for field, one in held.items()})
        case {"one of": str(name), "name": str(member)}:
            return classes[name][member]  # type: ignore[index]  # an enumeration
        case {"bytes": str(text)}:
            return bytes.fromhex(text)
        case {"instant": str(text)}:
            return datetime.fromisoformat(text)
        case {"day": str(text)}:
            return date.fromisoformat(text)
        case {"fraction": str(text)}:
            return Fraction(text)
        case {"tuple": list(parts)}:
            return tuple(_read(one, classes) for one in parts)
        case {"list": list(parts)}:
            return [_read(one, classes) for one in parts]
        case {"set": list(parts)}:
            return frozenset(_read(one, classes) for one in parts)
    raise ValueError("what waits holds a value of no known form")


def _commands() -> dict[str, type[Command]]:
    """Every command that there is, by its name, which is one command's alone."""
    found: dict[str, type[Command]] = {}
    waiting: list[type[Command]] = [Command]
    while waiting:
        one = waiting.pop()
        found[one.__name__] = one
        waiting.extend(one.__subclasses__())
    return found


def _held_by(of: type) -> Iterator[tuple[str, type]]:
    """A class, and those that its fields are declared to hold, however deep."""
    seen: set[type] = set()
    waiting: list[Any] = [of]
    while waiting:
        hint = waiting.pop()
        waiting.extend(get_args(hint))
        if not isinstance(hint, type) or hint in seen:
            continue
        seen.add(hint)
        if issubclass(hint, Enum) or is_dataclass(hint) or hasattr(hint, "_fields"):
            yield hint.__name__, hint
            if not issubclass(hint, Enum):
                told = get_type_hints(hint)
                waiting.extend(told[name] for name in _names(hint) if name in told)


def _names(of: Any) -> list[str]:
    return [one.name for one in fields(of)] if is_dataclass(of) else list(of._fields)
