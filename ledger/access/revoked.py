"""Tokens that are taken back before they end: a file that says which, looked at while the service runs.

    {"revoked": [{"jti": "8sJ2pQ"}, {"sub": "clerk-17", "before": "2026-11-29T12:00:00Z"}]}

Each says one of `jti`, `sub` and `client_id`, as tokens name them. With `before`, those are meant that were
issued before that instant: whoever gets a new one goes on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ledger.access.watched_files import WatchedFile, read_small

NAMES: Final = ("jti", "sub", "client_id")
_FOR_EVER: Final = float("inf")
_WANTED: Final = 'wanted is {"revoked": [{"jti"|"sub"|"client_id": …, "before": an instant or nothing}, …]}'


class RevokedUnreadable(Exception):
    """The file of revoked tokens says nothing that could be followed. The message names the file."""


class Revocations:
    """Which tokens are taken back."""

    __slots__ = ("_before",)

    def __init__(self, before: Mapping[tuple[str, str], float]) -> None:
        """By what a token names, and as what: those issued before so many seconds since 1970 are meant."""
        self._before = before

    def __len__(self) -> int:
        return len(self._before)

    def has(self, rights: Mapping[str, Any]) -> bool:
        """Whether a token with these rights is taken back."""
        if not self._before:
            return False
        issued = float(rights["iat"])
        return any(
            isinstance(value := rights.get(name), str)
            and issued < self._before.get((name, value), float("-inf"))
            for name in NAMES
        )


NONE: Final = Revocations({})


def parse_revoked(told: object) -> Revocations:
    """What such a file says. Raises ValueError, which shows nothing of it."""
    if not isinstance(told, dict) or set(told) != {"revoked"} or not isinstance(told["revoked"], list):
        raise ValueError(_WANTED)
    before: dict[tuple[str, str], float] = {}
    for one in told["revoked"]:
        named = [name for name in NAMES if name in one] if isinstance(one, dict) else []
        if len(named) != 1 or set(one) - {"before", *named} or not isinstance(one[named[0]], str):
            raise ValueError(_WANTED)
        place = (named[0], one[named[0]])
        # said twice, the later one counts
        before[place] = max(before.get(place, float("-inf")), _seconds(one.get("before")))
    return Revocations(before)


def _seconds(instant: object) -> float:
    if instant is None:
        return _FOR_EVER
    try:
        read = datetime.fromisoformat(instant)  # type: ignore[arg-type]  # what is no text is refused
    except (TypeError, ValueError):
        raise ValueError(_WANTED) from None
    if read.tzinfo is None:
        raise ValueError("`before` is an instant with its offset, such as 2026-11-29T12:00:00Z")
    return read.timestamp()


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose members have a name each: of two the second would take the first one back unsaid."""
    found = dict(members)
    if len(found) < len(members):
        raise ValueError(_WANTED)
    return found


def read_revoked(path: Path, *, must_be_there: bool) -> Revocations:
    """The revoked tokens of a file. Raises RevokedUnreadable.

    One that nobody named need not be there: then none is.
    """
    try:
        return parse_revoked(json.loads(read_small(path), object_pairs_hook=_once))
    except FileNotFoundError:
        if must_be_there:
            raise RevokedUnreadable(f"{path}: no such file (LEDGER_REVOKED)") from None
        return NONE
    except OSError as error:
        raise RevokedUnreadable(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RevokedUnreadable(f"{path}: no JSON") from None
    except RecursionError:
        raise RevokedUnreadable(f"{path}: {_WANTED}") from None
    except json.JSONDecodeError:
        raise RevokedUnreadable(f"{path}: no JSON") from None
    except ValueError as error:
        raise RevokedUnreadable(f"{path}: {error}") from None


class RevokedFile(WatchedFile[Revocations]):
    """The file of revoked tokens, and which those are."""

    def __init__(
        self, path: Path, clock: Callable[[], float] = time.monotonic, *, must_be_there: bool = False
    ) -> None:
        """Read it for the first time. Raises RevokedUnreadable."""
        super().__init__(
            path,
            lambda file: read_revoked(file, must_be_there=must_be_there),
            RevokedUnreadable,
            "the file of revoked tokens",
            clock,
        )
