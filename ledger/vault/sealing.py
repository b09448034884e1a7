"""The forms of what is sealed, and what is done to make and to open one.

A sealed value begins with the number of its form. Under a key of the installation it goes on with that key's
number (2 bytes, big end first), a nonce (12) and the ciphertext with its tag (text + 16). What is sealed for
a person names the person's key instead (16 bytes, of chance); that key lies elsewhere, itself sealed under
one of the installation, and what is taken out together with it stands behind it. All that stands in front of
the nonce is authenticated with the context.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM

from ledger.vault.faults import KeyringError

KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 2
HEADER_BYTES: Final = 1 + KEY_ID_BYTES
"""How many bytes of a value sealed under a key of the installation name its form and its key."""
REF_BYTES: Final = 16
"""How many bytes name the key of a person."""
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_SM4_KEY_BYTES: Final = 16
WRAPPED_BYTES: Final = HEADER_BYTES + NONCE_BYTES + KEY_BYTES + TAG_BYTES
"""How long the key of a person is, sealed."""


class Opener(Protocol):
    """A cipher with its key."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """The ciphertext with its tag."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """The plain bytes. Raises InvalidTag."""


class _Sm4Gcm:
    """SM4-GCM (GB/T 32907, RFC 8998): its key has 16 bytes, made of the 32 that there are."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = hmac.new(key, b"SM4-GCM", "sm3").digest()[:_SM4_KEY_BYTES]

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        sealing = Cipher(SM4(self._key), GCM(nonce)).encryptor()
        sealing.authenticate_additional_data(associated_data)
        return sealing.update(data) + sealing.finalize() + sealing.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        body, tag = data[:-TAG_BYTES], data[-TAG_BYTES:]
        opening = Cipher(SM4(self._key), GCM(nonce, tag)).decryptor()
        opening.authenticate_additional_data(associated_data)
        return opening.update(body) + opening.finalize()


class Suite(NamedTuple):
    """A cipher and a hash, and the numbers of the forms that are made with the cipher."""

    name: str
    cipher: Callable[[bytes], Opener]
    # of the keyed digests by which people are found
    hash: str
    # under a key of the installation; for a person; the key of a person
    form: bytes
    for_person: bytes
    wrapped: bytes


AES: Final = Suite("aes", AESGCM, "sha256", b"\x01", b"\x02", b"\x03")
# the numbers of the second are higher: under one key what is sealed goes over to it, and not back
SM4_SM3: Final = Suite("sm", _Sm4Gcm, "sm3", b"\x04", b"\x05", b"\x06")
SUITES: Final = (AES, SM4_SM3)
SUITE_NAMES: Final = tuple(suite.name for suite in SUITES)
BY_FORM: Final = {one: suite for suite in SUITES for one in (suite.form, suite.for_person, suite.wrapped)}
FORMS: Final = frozenset(suite.form for suite in SUITES)
FORMS_FOR_PERSONS: Final = frozenset(suite.for_person for suite in SUITES)
FORMS_WRAPPED: Final = frozenset(suite.wrapped for suite in SUITES)


def suite_named(name: str) -> Suite:
    """The suite of a name. Raises KeyringError where there is none, or this machine cannot do it."""
    found = next((suite for suite in SUITES if suite.name == name), None)
    if found is None:
        raise KeyringError(f"the ciphers are one of {', '.join(SUITE_NAMES)}")
    try:
        hashlib.new(found.hash)
        found.cipher(bytes(KEY_BYTES)).encrypt(bytes(NONCE_BYTES), b"", b"")
    except (ValueError, UnsupportedAlgorithm):
        raise KeyringError(f"this machine's OpenSSL cannot do the ciphers {found.name}") from None
    return found


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
