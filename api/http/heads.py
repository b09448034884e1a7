"""What a head says twice, or in a coding that nobody reads here: neither is left to chance (RFC 9110, 9112).

Callers' heads are in order, so one is only looked at when it has more fields than names, or names a coding.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from starlette.types import Scope

from api.http.errors import Declined
from api.http.problems import DoorCode

CODINGS: Final = (b"transfer-encoding", b"content-encoding")
BLANKS: Final = b" \t"
"""What may stand around the value of a field, and is no part of it."""

# of two, others on the way may have taken the other one
_ONCE: Final = (b"authorization", b"host", b"content-length", b"transfer-encoding")


def look_at_head(scope: Scope) -> None:
    """Raise Declined (400) for a head that is none, and note in the scope what its route has to refuse."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    count = Counter(name for name, _value in headers)
    twice = {name for name, number in count.items() if number > 1}
    for name in _ONCE:
        if name in twice:
            raise Declined(DoorCode.REQUEST_REFUSED, header=name.decode())
    for name, value in headers:
        said = value.strip(BLANKS).lower()
        if name == b"transfer-encoding" and said != b"chunked":
            raise Declined(DoorCode.REQUEST_REFUSED, header=name.decode())
        if name == b"content-encoding" and said not in {b"", b"identity"}:
            scope["ledger.unreadable"] = True
    if b"content-type" in twice:
        scope["ledger.unreadable"] = True
    scope["ledger.twice"] = twice


def said(scope: Scope, name: bytes) -> str | None:
    """What the head of a request says under a name; of what stands there twice, the last."""
    value: bytes | None = scope["ledger.head"].get(name)
    return None if value is None else value.decode("latin-1")


def check_readable(scope: Scope) -> None:
    """Raise Declined (415) for a body that is compressed, or of two kinds."""
    if "ledger.unreadable" in scope:
        raise Declined(DoorCode.MEDIA_TYPE_UNSUPPORTED)
