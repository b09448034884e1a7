"""The keys, and what they protect: personal data at rest is sealed, and found again by a keyed digest.

A key directory holds `seal-<id>.key` (AES-256-GCM keys, id 1 to 65535) and `index.key` (HMAC-SHA-256), each
file 32 bytes in base64 that nobody but its owner may read. All seal keys open; the one with the highest id
seals. To rotate, put a file with a higher id beside the others on every machine, then restart; `keys rotate`
seals anew what was sealed before. The index key cannot be rotated without computing every digest anew.

`document-<id>.key` (Ed25519, id 1 to 65535) signs what is printed; the one with the highest id signs, and the
public half of each is published for as long as documents name it. To rotate, put a file with a higher id
beside the others on every machine, then restart. An installation without one prints nothing.

A fingerprint says which key a file holds and nothing else about it: a keyed digest over a fixed text.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger.vault.faults import KeyMissingError, KeyringError
from ledger.vault.key_files import (
    FIRST_DOCUMENT_FILE,
    INDEX_FILE,
    KEY_ID_MAX,
    KeyPlace,
    document_file,
    make_missing_keys,
    read_keys,
    seal_file,
)
from ledger.vault.person_keys import Carried, PersonKey, carried, refuse_erased
from ledger.vault.sealing import (
    AES,
    BY_FORM,
    FORMS,
    FORMS_WRAPPED,
    HEADER_BYTES,
    KEY_BYTES,
    KEY_ID_BYTES,
    REF_BYTES,
    Opener,
    Suite,
    decrypted,
    encrypted,
    suite_named,
)

# under what the key of a person is sealed
_PERSON_KEY: Final = b"person_key|"


class Keyring:
    """The keys of one installation. Safe to share between threads; shows only key ids."""

    __slots__ = (
        "_current_id",
        "_fingerprints",
        "_keyed",
        "_last",
        "_openers",
        "_seal_keys",
        "_signing",
        "_suite",
        "signing_file",
    )

    def __init__(
        self,
        seal_keys: Mapping[int, bytes],
        index_key: bytes,
        document_keys: Mapping[int, bytes] | None = None,
        suite: Suite = AES,
    ) -> None:
        """Take seal keys by id, the index key, and the keys that sign documents by id, 32 bytes each.

        `suite` seals from now on, and is what people are found by; what another one sealed is opened too.
        `load` and `create` are the usual doors.
        """
        documents = document_keys or {}
        if not seal_keys or not all(1 <= key_id <= KEY_ID_MAX for key_id in (*seal_keys, *documents)):
            raise KeyringError("at least one seal key is needed, with an id from 1 to 65535")
        if any(len(key) != KEY_BYTES for key in (*seal_keys.values(), index_key, *documents.values())):
            raise KeyringError("a key must be 32 bytes long")
        self._suite = suite
        self._seal_keys = dict(seal_keys)
        # each made when it is needed: not every machine can do every cipher
        self._openers: dict[tuple[str, int], Opener] = {}
        self._last: tuple[tuple[str, bytes], Opener | None] = (("", b""), None)
        self._current_id = max(seal_keys)
        # The key is taken in once. And not hmac.digest: that lets other threads run meanwhile, and may then
        # wait a hundred times as long as it worked until it is its turn again.
        self._keyed = hmac.new(index_key, digestmod=suite.hash)
        # the newest first: it signs
        self._signing = {
            _thumbprint(key): key
            for key in (
                Ed25519PrivateKey.from_private_bytes(documents[one]) for one in sorted(documents)[::-1]
            )
        }
        self.signing_file = document_file(max(documents)) if documents else None
        named = {seal_file(key_id): key for key_id, key in seal_keys.items()} | {INDEX_FILE: index_key}
        named |= {document_file(key_id): key for key_id, key in documents.items()}
        self._fingerprints = {name: _fingerprint(name, key) for name, key in named.items()}
        # nobody is found by the digests of another hash: to the database it is another key
        self._fingerprints[INDEX_FILE] = _fingerprint(INDEX_FILE, index_key, suite.hash)

    @classmethod
    def load(cls, place: KeyPlace | Path) -> Keyring:
        """Read all keys of a place, or a directory; KeyringError names what is missing or malformed."""
        where = KeyPlace(place) if isinstance(place, Path) else place
        suite = suite_named(where.ciphers)
        return cls(*read_keys(where), suite)

    @classmethod
    def create(cls, place: KeyPlace | Path) -> Keyring:
        """Make what is missing (directory 0700, files 0600), then load. What is there is never replaced."""
        make_missing_keys(place if isinstance(place, Path) else place.directory)
        return cls.load(place)

    # -- what is sealed --------------------------------------------------------------------------------------

    def seal(self, plain: str, context: bytes) -> bytes:
        """Encrypt a text for storage. It opens only under the same context (table, column, row of it)."""
        return self.seal_bytes(_encode(plain), context)

    def seal_bytes(self, plain: bytes, context: bytes) -> bytes:
        """The same of bytes."""
        return encrypted(self._opener(self._suite, self._current_id), self.header, plain, context)

    @property
    def header(self) -> bytes:
        """The first bytes of what is sealed from now on: they name the form and the key."""
        return self._suite.form + self._key_id

    @property
    def wrapped_header(self) -> bytes:
        """The first bytes of the keys of people, as they are kept from now on."""
        return self._suite.wrapped + self._key_id

    @property
    def _key_id(self) -> bytes:
        return self._current_id.to_bytes(KEY_ID_BYTES, "big")

    def seal_anew(self, sealed: bytes, context: bytes) -> bytes:
        """What was sealed, under the key that seals now. Raises KeyringError for what does not open."""
        return self.seal_bytes(self.open_bytes(sealed, context), context)

    def open(self, sealed: bytes, context: bytes) -> str:
        """Decrypt what `seal` made; KeyringError for another context, a changed byte or an unknown key.

        What was sealed for a person has to carry that key in front of it: else it was erased, and raises
        KeyErasedError.
        """
        try:
            return self.open_bytes(sealed, context).decode("utf-8")
        except UnicodeDecodeError:
            # the original error carries all of it, and would take it into a log
            raise KeyringError("what was sealed is no text") from None

    def open_bytes(self, sealed: bytes, context: bytes) -> bytes:
        """The same of bytes."""
        if sealed[:1] in FORMS and len(sealed) >= HEADER_BYTES:
            return decrypted(self._sealing_key(sealed), sealed, HEADER_BYTES, context)
        refuse_erased(sealed)
        one = carried(sealed)
        if one is None:
            raise KeyringError("the sealed value has an unknown form")
        return decrypted(self._cipher_of(one, BY_FORM[one.sealed[:1]]), one.sealed, 1 + REF_BYTES, context)

    def _cipher_of(self, one: Carried, suite: Suite) -> Opener:
        """The key that a value carries. The last one is kept: a name comes with a number."""
        wanted = (suite.name, one.wrapped)
        held, last = self._last
        if last is None or held != wanted:
            last = suite.cipher(self._unwrapped(one))
            self._last = (wanted, last)
        return last

    def _sealing_key(self, sealed: bytes) -> Opener:
        """The key of the installation that a value names."""
        suite = BY_FORM.get(sealed[:1])
        if suite is None:
            raise KeyringError("the sealed value has an unknown form")
        key_id = int.from_bytes(sealed[1:HEADER_BYTES], "big")
        if key_id not in self._seal_keys:
            raise KeyMissingError("the sealed value names a key that is not here")
        return self._opener(suite, key_id)

    def _opener(self, suite: Suite, key_id: int) -> Opener:
        cipher = self._openers.get((suite.name, key_id))
        if cipher is None:
            cipher = self._openers[suite.name, key_id] = suite.cipher(self._seal_keys[key_id])
        return cipher

    # -- what is sealed for one person -----------------------------------------------------------------------

    def person_key(self) -> PersonKey:
        """A key for a person whom nobody knows yet."""
        ref, key = os.urandom(REF_BYTES), os.urandom(KEY_BYTES)
        return PersonKey(ref, self._wrap(ref, key), self._suite.cipher(key))

    def key_of(self, value: bytes) -> PersonKey | None:
        """The key that a value carries; None for one that is sealed under the installation's own.

        Raises KeyErasedError where the key is gone.
        """
        refuse_erased(value)
        one = carried(value)
        if one is None:
            return None
        return PersonKey(one.ref, one.wrapped, self._cipher_of(one, BY_FORM[one.wrapped[:1]]))

    def wrap_anew(self, ref: bytes, wrapped: bytes) -> bytes:
        """The key of a person, sealed under the key that seals now. Raises KeyringError."""
        return self._wrap(ref, self._unwrapped(Carried(ref, wrapped, b"")))

    def _wrap(self, ref: bytes, key: bytes) -> bytes:
        return encrypted(
            self._opener(self._suite, self._current_id), self.wrapped_header, key, _PERSON_KEY + ref
        )

    def _unwrapped(self, one: Carried) -> bytes:
        return decrypted(self._sealing_key(one.wrapped), one.wrapped, HEADER_BYTES, _PERSON_KEY + one.ref)

    # -- what is signed --------------------------------------------------------------------------------------

    @property
    def signing(self) -> str | None:
        """The name (RFC 7638) of the key that signs documents from now on; None where there is none."""
        return next(iter(self._signing), None)

    def sign(self, content: bytes) -> bytes:
        """The Ed25519 signature of the key that signs documents. Raises KeyringError where there is none."""
        name = self.signing
        if name is None:
            raise KeyringError(f"{FIRST_DOCUMENT_FILE}: missing; `keys` makes it")
        return self._signing[name].sign(content)

    @property
    def document_keys(self) -> Mapping[str, bytes]:
        """The public half of each key that signs or signed documents, by its name, the newest first."""
        return {name: _public(key) for name, key in self._signing.items()}

    # -- what is found ---------------------------------------------------------------------------------------

    def digest(self, kind: str, value: str) -> bytes:
        """The 32-byte keyed digest (HMAC-SHA-256 or HMAC-SM3) by which a value of a kind is found.

        The caller normalises the value first: equal texts give equal digests, nothing else does.
        """
        named, said = _encode(kind), _encode(value)
        # With the lengths in front, no kind and value can be cut differently into the same bytes.
        message = b"".join((len(named).to_bytes(8, "big"), named, len(said).to_bytes(8, "big"), said))
        keyed = self._keyed.copy()
        keyed.update(message)
        return keyed.digest()

    @property
    def fingerprints(self) -> Mapping[str, bytes]:
        """The 32-byte fingerprint of every key by the name of its file."""
        return self._fingerprints

    @property
    def sealing(self) -> str:
        """The name of the file of the key that seals from now on."""
        return seal_file(self._current_id)

    def __repr__(self) -> str:
        return f"Keyring(current={self._current_id}, ids={sorted(self._seal_keys)})"

    def __reduce__(self) -> str:
        # A pickle would carry the keys to wherever it is written.
        raise TypeError("a keyring is not copied or pickled; load it again")


def base64url(raw: bytes) -> str:
    """Base64 as JSON Web Keys and Signatures have it: for URLs, without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def ed25519_jwk(public: bytes) -> dict[str, str]:
    """What defines a public Ed25519 key as a JSON Web Key (RFC 8037)."""
    return {"crv": "Ed25519", "kty": "OKP", "x": base64url(public)}


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _thumbprint(key: Ed25519PrivateKey) -> str:
    """RFC 7638: a key's name is the digest of what defines it."""
    defined = json.dumps(ed25519_jwk(_public(key)), sort_keys=True, separators=(",", ":"))
    return base64url(hashlib.sha256(defined.encode()).digest())


def sealed_with(sealed: bytes) -> str:
    """The name of the file of the key that a sealed value names. Raises KeyringError when it is none."""
    key_id = int.from_bytes(sealed[1:HEADER_BYTES], "big")
    if len(sealed) < HEADER_BYTES or sealed[:1] not in FORMS | FORMS_WRAPPED or not key_id:
        raise KeyringError("the sealed value has an unknown form")
    return seal_file(key_id)


def _fingerprint(name: str, key: bytes, by: str = AES.hash) -> bytes:
    # no digest of a value begins like this: those begin with a length in eight bytes
    return hmac.digest(key, f"fingerprint of the ledger's {name}".encode(), by)


def _encode(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        # The original error carries the whole text, and would take it into a log.
        raise KeyringError("the text is not valid Unicode") from None
