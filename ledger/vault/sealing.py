"""The forms of what is sealed, and what is done to make and to open one.

A sealed value begins with the number of its form. Under a key of the installation it goes on with that key's
number (2 bytes, big end first), a nonce (12) and the ciphertext with its tag (text + 16). What is sealed for
a person names the person's key instead (16 bytes, of chance); that key lies elsewhere, itself sealed under
one of the installation, and what is taken out together with it stands behind it. All that stands in front of
the nonce is authenticated with the context.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.vault.faults import KeyringError

KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 2
HEADER_BYTES: Final = 1 + KEY_ID_BYTES
"""How many bytes of a value sealed under a key of the installation name its form and its key."""
REF_BYTES: Final = 16
"""How many bytes name the key of a person."""
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
WRAPPED_BYTES: Final = HEADER_BYTES + NONCE_BYTES + KEY_BYTES + TAG_BYTES
"""How long the key of a person is, sealed."""


class Opener(Protocol):
    """A cipher with its key."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """The ciphertext with its tag."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """The plain bytes. Raises InvalidTag."""


class Suite(NamedTuple):
    """A cipher, and the numbers of the forms that are made with it."""

    name: str
    cipher: Callable[[bytes], Opener]
    # under a key of the installation; for a person; the key of a person
    form: bytes
    for_person: bytes
    wrapped: bytes


AES: Final = Suite("aes", AESGCM, b"\x01", b"\x02", b"\x03")
SUITES: Final = (AES,)
BY_FORM: Final = {one: suite for suite in SUITES for one in (suite.form, suite.for_person, suite.wrapped)}
FORMS: Final = frozenset(suite.form for suite in SUITES)
FORMS_FOR_PERSONS: Final = frozenset(suite.for_person for suite in SUITES)
FORMS_WRAPPED: Final = frozenset(suite.wrapped for suite in SUITES)


def encrypted(cipher: Opener, header: bytes, plain: bytes, context: bytes) -> bytes:
    """A sealed value behind its header."""
    # Random nonces are safe up to about 2**32 values per key, far above what one area stores.
    nonce = os.urandom(NONCE_BYTES)
    return header + nonce + cipher.encrypt(nonce, plain, header + context)


def decrypted(cipher: Opener, sealed: bytes, header_bytes: int, context: bytes) -> bytes:
    """What is in a sealed value. Raises KeyringError."""
    header, body = sealed[:header_bytes], sealed[header_bytes:]
    if len(body) < NONCE_BYTES + TAG_BYTES:
        raise KeyringError("the sealed value has an unknown form")
    try:
        return cipher.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], header + context)
    except InvalidTag:
        raise KeyringError("the sealed value was changed, or belongs elsewhere") from None
