"""The public keys that tokens are verified with: a JWKS file, read as a whole or not at all.

The provider changes its keys without asking, so the file is looked at again while the service runs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import jwt

from ledger.access.watched_files import WatchedFile, read_small

# which algorithm a key of a kind signs with: the key decides, never the token's own header
ALGORITHMS: Final = {"OKP": "EdDSA", "RSA": "RS256"}
# the private parts of a key have no business in a JWKS of public keys
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})


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
        keys = parse_jwks(json.loads(read_small(path)))
    except OSError as error:
        raise KeysMissing(f"{path}: {error.strerror}; {wanted}") from None
    except (ValueError, TypeError, AttributeError, RecursionError, jwt.PyJWTError):
        raise KeysMissing(f"{path} is not a readable JWKS file; {wanted}") from None
    if not keys:
        raise KeysMissing(f"{path} has no EdDSA or RS256 key; {wanted}")
    return keys


class JwksFile(WatchedFile[list[jwt.PyJWK]]):
    """A JWKS file and the keys in it, as they were when it was last whole."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read it for the first time. Raises KeysMissing."""
        super().__init__(path, read_jwks, KeysMissing, "the JWKS file", clock)

    @property
    def keys(self) -> list[jwt.PyJWK]:
        """The keys."""
        return self.content
