"""The public keys that tokens are verified with: a JWKS file, read as a whole or not at all.

The provider changes its keys without asking, so the file is looked at again while the service runs.
"""

from __future__ import annotations

import json
import logging
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import jwt

# which algorithm a key of a kind signs with: the key decides, never the token's own header
ALGORITHMS: Final = {"OKP": "EdDSA", "RSA": "RS256"}
BYTES_MAX: Final = 1 << 20
# the file is looked at no oftener, however many tokens come
LOOK_SECONDS: Final = 1.0
# the private parts of a key have no business in a JWKS of public keys
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})


_log = logging.getLogger(__name__)


class KeysMissing(Exception):
    """The JWKS file has no key that tokens could be verified with. The message names the file."""


def parse_jwks(jwks: object) -> list[jwt.PyJWK]:
    """The keys of a JWKS that sign tokens; keys of other kinds, or for encryption, are passed over.

    Raises ValueError, TypeError, AttributeError or jwt.PyJWTError for what is none.
    """
    keys: list[jwt.PyJWK] = []
    for key in jwks.get("keys", ()):  # type: ignore[attr-defined]  # what has no `get` is no JWKS
        algorithm = ALGORITHMS.get(key.get("kty"))
        if algorithm is not None and key.get("use", "sig") == "sig":
            public = {name: value for name, value in key.items() if name not in _PRIVATE}
            keys.append(jwt.PyJWK(public, algorithm))
    return keys


def read_jwks(path: Path) -> list[jwt.PyJWK]:
    """The keys of a JWKS file. Raises KeysMissing, which says what to do and nothing of what stands there."""
    wanted = "put the public keys of your identity provider there as a JWKS, or name the file by LEDGER_JWKS"
    try:
        keys = parse_jwks(json.loads(_content(path)))
    except OSError as error:
        raise KeysMissing(f"{path}: {error.strerror}; {wanted}") from None
    except (ValueError, TypeError, AttributeError, RecursionError, jwt.PyJWTError):
        raise KeysMissing(f"{path} is not a readable JWKS file; {wanted}") from None
    if not keys:
        raise KeysMissing(f"{path} has no EdDSA or RS256 key; {wanted}")
    return keys


class JwksFile:
    """A JWKS file and the keys in it, as they were when it was last whole. `clock` counts seconds."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read it for the first time. Raises KeysMissing."""
        self._path = path
        self._clock = clock
        self._look_at = clock() + LOOK_SECONDS
        self._stamp = _stamp(path)
        self.keys = read_jwks(path)

    def has_changed(self) -> bool:
        """Whether there are other keys now than at the last call. Asks the disk once a second at most.

        A file that is gone, half written or without keys changes nothing: that is said in the log, once.
        """
        now = self._clock()
        if now < self._look_at:
            return False
        self._look_at = now + LOOK_SECONDS
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self.keys = read_jwks(self._path)
        except KeysMissing as missing:
            _log.warning(
                "the JWKS file has changed and was not taken, its keys of before count on: %s", missing
            )
            return False
        _log.info("the JWKS file has changed: it has %d keys now", len(self.keys))
        return True


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes with the file: none of it when there is none."""
    try:
        told = path.stat()
    except OSError:
        return ()
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns


def _content(path: Path) -> bytes:
    # not blocking, and not for ever: the name may be that of a pipe or a device
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("not a file")
        content = file.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise ValueError("too large")
    return content
