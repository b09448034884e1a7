"""Quotes of pre-settlements: sealed, so that the service need not keep them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from api.http.errors import Fault, ShapeRefused
from api.http.opaque import given_back, handed_out
from ledger import Keyring, Quoted, RefusalCode

_DIGEST_BYTES: Final = 16
_START: Final = datetime.fromtimestamp(0, UTC)
_PLACE: Final = [b"quote"]


@lru_cache(maxsize=8)
def _cipher(keyring: Keyring) -> AESSIV:
    # made once: making it takes longer than sealing a quote
    return AESSIV(keyring.digest("quote", "key"))


def seal_quote(quoted: Quoted, keyring: Keyring) -> str:
    """A quote as it is handed out: nothing can be read from it, and only our own are taken."""
    microseconds = (quoted.expires_at - _START) // timedelta(microseconds=1)
    sealed = _cipher(keyring).encrypt(quoted.digest + microseconds.to_bytes(8, "big"), _PLACE)
    return handed_out(sealed)


def open_quote(quote: str, keyring: Keyring) -> Quoted:
    """What `seal_quote` made. Raises ShapeRefused for what it did not."""
    try:
        raw = _cipher(keyring).decrypt(given_back(quote), _PLACE)
    except (ValueError, InvalidTag):
        fault = Fault(RefusalCode.SHAPE_INVALID, "body", "/quote", "a quote that a pre-settlement has given")
        raise ShapeRefused([fault]) from None
    since = timedelta(microseconds=int.from_bytes(raw[_DIGEST_BYTES:], "big"))
    return Quoted(raw[:_DIGEST_BYTES], _START + since)
