"""The id of a request: the one that its caller gave it, when it may stand in answers and logs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from api.http.heads import BLANKS
from ledger.people.id_numbers import may_hold_id_number

SOUND: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{7,63}")
# W3C Trace Context: version, trace, span, flags
_TRACEPARENT: Final = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_NOBODYS: Final = b"0" * 32


def request_id_of(headers: Mapping[bytes, bytes]) -> str | None:
    """What X-Request-ID says, else the trace of traceparent; None when neither is sound."""
    given = headers.get(b"x-request-id")
    if given is not None and SOUND.fullmatch(given := given.strip(BLANKS)) and _names_nobody(given):
        return given.decode()
    parent = headers.get(b"traceparent")
    if parent is not None and (found := _TRACEPARENT.fullmatch(parent.strip(BLANKS))):
        trace = found[1]
        if trace != _NOBODYS and _names_nobody(trace):
            return trace.decode()
    return None


def _names_nobody(value: bytes) -> bool:
    """Whether nothing in it could be an ID number, however it is written."""
    return not may_hold_id_number(value.translate(None, b"-._:").decode())
