"""Reading JSON strictly: what RFC 8259 leaves to the parser, this one refuses.

NaN and Infinity, two members of one name, another encoding than UTF-8, nesting too deep to read: all of them
are `json_malformed`. A lone surrogate (`"\\ud800"`) is no text, and is refused where a field wants text.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from api.http.errors import Fault, ShapeRefused
from ledger import RefusalCode


class _Unreadable(ValueError):
    """Well formed for the standard library, and still not what we take."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Unreadable("two members of one name")
    return members


def _constant(_name: str) -> NoReturn:
    raise _Unreadable("NaN and Infinity are not JSON")


_decode = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_constant).decode


def read_json(body: bytes) -> Any:
    """The value that a body holds. Raises ShapeRefused(json_malformed)."""
    try:
        return _decode(body.decode("utf-8"))
    except _Unreadable as error:
        detail = str(error)
    except RecursionError:
        detail = "nested too deep"
    except ValueError:  # also what is no UTF-8, and an integer of thousands of digits
        detail = "is not JSON in UTF-8"
    raise ShapeRefused([Fault(RefusalCode.JSON_MALFORMED, "body", "", detail)])
