"""The keys, and what they protect: personal data at rest is sealed, and found again by a keyed digest.

A key directory holds `seal-<id>.key` (AES-256-GCM keys, id 1 to 65535) and `index.key` (HMAC-SHA-256), each
file 32 bytes in base64 that nobody but its owner may read. All seal keys open; the one with the highest id
seals. To rotate, put a file with a higher id beside the others on every machine, then restart; `keys rotate`
seals anew what was sealed before. The index key cannot be rotated without computing every digest anew.

`document-<id>.key` (Ed25519, id 1 to 65535) signs what is printed; the one with the highest id signs, and the
public half of each is published for as long as documents name it. To rotate, put a file with a higher id
beside the others on every machine, then restart. An installation without one prints nothing.

A fingerprint says which key a file holds and nothing else about it: a keyed digest over a fixed text.

A sealed value is: format number (1 byte), key id (2 bytes, big end first), nonce (12), ciphertext with its
tag (text + 16). The first three bytes and the context are authenticated with it.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY_BYTES: Final = 32
INDEX_FILE: Final = "index.key"
FIRST_SEAL_FILE: Final = "seal-1.key"
FIRST_DOCUMENT_FILE: Final = "document-1.key"
DOCUMENT_FILES: Final = "document-*.key"

_FORMAT: Final = b"\x01"
HEADER_BYTES: Final = 3
"""How many bytes of a sealed value name its form and its key."""
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_KEY_ID_MAX: Final = 65535
# what nobody but the owner of a key file may have
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_FILE_BYTES_MAX: Final = 4096
_match_key_file = re.compile(r"(?:seal|document)-([1-9][0-9]{0,4})\.key").fullmatch


class KeyringError(Exception):
    """A key is missing or malformed, or a sealed value does not open. Never holds a key or a plain text."""


class KeyExposedError(KeyringError):
    """A key file that others may read. It may be the right one: no other is needed."""


class Keyring:
    """The keys of one installation. Safe to share between threads; shows only key ids."""

    __slots__ = ("_current_id", "_fingerprints", "_keyed", "_seal_keys", "_signing", "signing_file")

    def __init__(
        self,
        seal_keys: Mapping[int, bytes],
        index_key: bytes,
        document_keys: Mapping[int, bytes] | None = None,
    ) -> None:
        """Take seal keys by id, the index key, and the keys that sign documents by id, 32 bytes each.

        `load` and `create` are the usual doors.
        """
        documents = document_keys or {}
        if not seal_keys or not all(1 <= key_id <= _KEY_ID_MAX for key_id in (*seal_keys, *documents)):
            raise KeyringError("at least one seal key is needed, with an id from 1 to 65535")
        if any(len(key) != KEY_BYTES for key in (*seal_keys.values(), index_key, *documents.values())):
            raise KeyringError("a key must be 32 bytes long")
        self._seal_keys = {key_id: AESGCM(key) for key_id, key in seal_keys.items()}
        self._current_id = max(seal_keys)
        # The key is taken in once. And not hmac.digest: that lets other threads run meanwhile, and may then
        # wait a hundred times as long as it worked until it is its turn again.
        self._keyed = hmac.new(index_key, digestmod=hashlib.sha256)
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

    @classmethod
    def load(cls, directory: Path) -> "Keyring":
        """Read all keys of the directory; KeyringError names the file that is missing or malformed."""
        seal_keys = _read_keys(directory, "seal-*.key")
        if not seal_keys:
            raise KeyringError(f"{FIRST_SEAL_FILE}: missing, and there is no other seal key")
        return cls(seal_keys, _read_key(directory / INDEX_FILE), _read_keys(directory, DOCUMENT_FILES))

    @classmethod
    def create(cls, directory: Path) -> "Keyring":
        """Make what is missing (directory 0700, files 0600), then load. What is there is never replaced."""
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise KeyringError(f"{directory.name}: cannot be made ({error.strerror})") from None
        sealing = any(directory.glob("seal-*.key"))
        if not (directory / INDEX_FILE).exists():
            # The index key is made first of all: seal keys without it mean that it was lost, and a new one
            # would find nobody.
            if sealing:
                raise KeyringError(f"{INDEX_FILE}: missing, though there are seal keys: restore it")
            _write_new_key(directory / INDEX_FILE)
        if not sealing:
            _write_new_key(directory / FIRST_SEAL_FILE)
        if not have_document_key(directory):
            _write_new_key(directory / FIRST_DOCUMENT_FILE)
        return cls.load(directory)

    def seal(self, plain: str, context: bytes) -> bytes:
        """Encrypt a text for storage. It opens only under the same context (table, column, row of it)."""
        return self.seal_bytes(_encode(plain), context)

    def seal_bytes(self, plain: bytes, context: bytes) -> bytes:
        """The same of bytes."""
        header = self.header
        # Random nonces are safe up to about 2**32 values per key, far above what one area stores.
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._seal_keys[self._current_id]
        return header + nonce + cipher.encrypt(nonce, plain, header + context)

    @property
    def header(self) -> bytes:
        """The first bytes of what is sealed from now on: they name the key."""
        return _FORMAT + self._current_id.to_bytes(2, "big")

    def seal_anew(self, sealed: bytes, context: bytes) -> bytes:
        """What was sealed, under the key that seals now. Raises KeyringError for what does not open."""
        return self.seal_bytes(self.open_bytes(sealed, context), context)

    def open(self, sealed: bytes, context: bytes) -> str:
        """Decrypt what `seal` made; KeyringError for another context, a changed byte or an unknown key."""
        return self.open_bytes(sealed, context).decode("utf-8")

    def open_bytes(self, sealed: bytes, context: bytes) -> bytes:
        """The same of bytes."""
        if len(sealed) < HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES or sealed[:1] != _FORMAT:
            raise KeyringError("the sealed value has an unknown form")
        header = sealed[:HEADER_BYTES]
        nonce = sealed[HEADER_BYTES : HEADER_BYTES + _NONCE_BYTES]
        cipher = self._seal_keys.get(int.from_bytes(header[1:], "big"))
        if cipher is None:
            raise KeyringError("the sealed value names a key that is not here")
        try:
            plain = cipher.decrypt(nonce, sealed[HEADER_BYTES + _NONCE_BYTES :], header + context)
        except InvalidTag:
            raise KeyringError("the sealed value was changed, or belongs elsewhere") from None
        return plain

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

    def digest(self, kind: str, value: str) -> bytes:
        """The 32-byte keyed digest (HMAC-SHA-256) by which a value of a kind is found, without its text.

        The caller normalises the value first: equal texts give equal digests, nothing else does.
        """
        parts = (_encode(kind), _encode(value))
        # With the lengths in front, no kind and value can be cut differently into the same bytes.
        message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
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


def seal_file(key_id: int) -> str:
    """The name of the file of a seal key."""
    return f"seal-{key_id}.key"


def is_seal_file(name: str) -> bool:
    """Whether the file of a seal key is called so."""
    return name.startswith("seal-")


def is_document_file(name: str) -> bool:
    """Whether the file of a key that signs documents is called so."""
    return name.startswith("document-")


def document_file(key_id: int) -> str:
    """The name of the file of a key that signs documents."""
    return f"document-{key_id}.key"


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
    if len(sealed) < HEADER_BYTES or sealed[:1] != _FORMAT or not key_id:
        raise KeyringError("the sealed value has an unknown form")
    return seal_file(key_id)


def have_keys(directory: Path) -> bool:
    """Whether anything lies there that is called like a key."""
    return (directory / INDEX_FILE).exists() or any(directory.glob("seal-*.key"))


def are_whole(directory: Path) -> bool:
    """Whether an index key and a sealing key lie there, so that none would be made."""
    return (directory / INDEX_FILE).exists() and any(directory.glob("seal-*.key"))


def have_document_key(directory: Path) -> bool:
    """Whether a key that signs documents lies there, so that none would be made."""
    return any(directory.glob(DOCUMENT_FILES))


def read_private(path: Path) -> bytes:
    """The content of a file that nobody but its owner may read.

    Raises KeyringError when others may, and for what is no file; OSError when it cannot be read.
    """
    # not blocking: what is called like a key may be a pipe
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise KeyringError(f"{path.name}: not a file")
        if mode & _OTHERS:
            raise KeyExposedError(
                f"{path.name}: others than its owner may read it (mode {stat.S_IMODE(mode):03o}):"
                f" chmod 600 {path}"
            )
        return file.read(_FILE_BYTES_MAX)


def signing_key(path: Path, *, make: bool) -> Ed25519PrivateKey:
    """The Ed25519 key of a file of 32 bytes in base64; with `make` it is made where there is none.

    Raises KeyringError when it is missing, malformed, or others may read it.
    """
    if make and not path.exists():
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise KeyringError(f"{path.parent.name}: cannot be made ({error.strerror})") from None
        _write_new_key(path)
    return Ed25519PrivateKey.from_private_bytes(_read_key(path))


def _fingerprint(name: str, key: bytes) -> bytes:
    # no digest of a value begins like this: those begin with a length in eight bytes
    return hmac.digest(key, f"fingerprint of the ledger's {name}".encode(), hashlib.sha256)


def _encode(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        # The original error carries the whole text, and would take it into a log.
        raise KeyringError("the text is not valid Unicode") from None


def _read_keys(directory: Path, pattern: str) -> dict[int, bytes]:
    """All keys whose files are called so, by the number in the name."""
    keys: dict[int, bytes] = {}
    for path in sorted(directory.glob(pattern)):
        found = _match_key_file(path.name)
        if found is None or int(found[1]) > _KEY_ID_MAX:
            raise KeyringError(f"{path.name}: the key id must be 1 to 65535, without leading zeros")
        keys[int(found[1])] = _read_key(path)
    return keys


def _read_key(path: Path) -> bytes:
    try:
        key = base64.b64decode(read_private(path).strip(), validate=True)
    except FileNotFoundError:
        raise KeyringError(f"{path.name}: missing") from None
    except OSError as error:
        raise KeyringError(f"{path.name}: cannot be read ({error.strerror})") from None
    except binascii.Error:
        raise KeyringError(f"{path.name}: not base64") from None
    if len(key) != KEY_BYTES:
        raise KeyringError(f"{path.name}: must hold 32 bytes in base64")
    return key


def _write_new_key(path: Path) -> None:
    """Write a random key under a name nobody has yet; if another process was first, keep its key."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            # A link, unlike a rename, never replaces a file; the key appears whole or not at all.
            os.link(draft, path)
        except FileExistsError:
            return
        finally:
            draft.unlink(missing_ok=True)
        _sync_directory(path.parent)
    except OSError as error:
        raise KeyringError(f"{path.name}: cannot be written ({error.strerror})") from None


def _sync_directory(directory: Path) -> None:
    """Make new names in the directory survive a power cut: data sealed with a lost key is lost."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
