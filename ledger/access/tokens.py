"""Tokens of our own making, for the demo and for trying things on one machine.

A production service is given the JWKS file of the agency's identity provider and makes no tokens. Here an
Ed25519 key signs them: `token-signing.pem` (0600) beside `jwks.json`, the public half that the service reads.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeGuard

import jwt
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from ledger.chart.channels import CHANNEL_OF, AccessChannel
from ledger.contributions.credit_codes import parse_credit_code
from ledger.id_forms import holds_id_number
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import number_digest
from ledger.refusals import Refused
from ledger.settings import TOKEN_NAME
from ledger.vault import Keyring, KeyringError, read_private

ISSUER: Final = TOKEN_NAME
AUDIENCE: Final = TOKEN_NAME
ALGORITHM: Final = "EdDSA"
SIGNING_FILE: Final = "token-signing.pem"
JWKS_FILE: Final = "jwks.json"
SCOPES: Final = (
    "accounts:read",
    "accounts:write",
    "postings:write",
    "postings:reverse",
    "bulk:write",
    "employers:read",
    "employers:write",
    "contributions:act",
    "receipts:write",
    "institutions:read",
    "institutions:write",
    "settlements:read",
    "settlements:write",
    "mutual-aid:read",
    "mutual-aid:write",
    "care:read",
    "care:write",
    "clearings:read",
    "clearings:write",
    "clearings:pay",
    "people:digest",
    "events:read",
    "cases:write",
    "cases:read",
    "cases:answer",
    "approvals:decide",
    "reports:read",
    "agency-requests:ask",
    "agency-requests:decide",
    "admin",
)
AGENCY_SCOPES: Final = frozenset({
    "contributions:act", "institutions:write", "clearings:pay", "cases:answer", "approvals:decide", "admin",
})  # fmt: skip
"""Acts of the agency towards an employer or an institution: nobody does them to itself."""

# it stands in paths: no slash
_match_institution = re.compile(r"[!-.0-~]{1,64}").fullmatch


class TokenError(Exception):
    """A token cannot be made. The message names a file or a scope, never a key."""


class WrongToken(TokenError):
    """Nobody makes a token like the one that was asked for: the asking has to be put right."""


def create_signing_key(directory: Path) -> None:
    """Make the signing key and its JWKS where they are missing. What is there is never replaced.

    Raises TokenError when the jwks.json that is there does not have the key: tokens signed here would not
    be taken.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (directory / SIGNING_FILE).exists():
            pem = Ed25519PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            )
            _write_new(directory / SIGNING_FILE, pem, 0o600)
        public = _public_jwk(_signing_key(directory))
        if not (directory / JWKS_FILE).exists():
            text = json.dumps({"keys": [public]}, indent=2) + "\n"
            _write_new(directory / JWKS_FILE, text.encode(), 0o644)
        known = json.loads((directory / JWKS_FILE).read_bytes())
    except OSError as error:
        raise TokenError(f"{directory}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise TokenError(f"{directory / JWKS_FILE}: not JSON") from None
    keys = known.get("keys") if isinstance(known, dict) else None
    if not isinstance(keys, list) or not any(
        isinstance(key, dict) and key.get("x") == public["x"] for key in keys
    ):
        raise TokenError(f"{directory / JWKS_FILE} does not have the public half of {SIGNING_FILE}")


def mint(
    directory: Path,
    scopes: Iterable[str],
    caller: str,
    actor: str,
    now: datetime,
    lifetime: timedelta,
    *,
    employer: str | None = None,
    institution: str | None = None,
    person: bytes | None = None,
    channel: AccessChannel = AccessChannel.SYSTEM,
    issuer: str = ISSUER,
    audience: str = AUDIENCE,
) -> str:
    """A signed token: `caller` is the system that calls, `actor` the person who acts. Raises TokenError.

    With `employer`, a credit code, it reaches nothing but what is that employer's; with `institution`, a
    code, nothing but what is that institution's; with `person`, the digest of an ID number, nothing but what
    is that person's own. It is bound to one of the three at most. `channel` is the way that a question comes
    in; that of an employer or an institution is bound to one.
    """
    wanted = tuple(dict.fromkeys(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise WrongToken(
            f"scopes are some of: {' '.join(SCOPES)}" + (f"; not {unknown[0]}" if unknown else "")
        )
    if not caller or not actor:
        raise WrongToken("a token names its caller and its actor")
    if holds_id_number(caller) or holds_id_number(actor):
        raise WrongToken(
            "a caller and an actor are named by what is no ID number: it stands in the book for ever"
        )
    if lifetime <= timedelta(0):
        raise WrongToken("a token lives longer than nothing")
    key = _signing_key(directory)
    rights: dict[str, object] = {
        "iss": issuer,
        "aud": audience,
        "sub": actor,
        "client_id": caller,
        "scope": " ".join(wanted),
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
        "jti": secrets.token_urlsafe(12),
    }
    if sum(one is not None for one in (employer, institution, person)) > 1:
        raise WrongToken("a token is bound to an employer, to an institution or to a person: to one of them")
    bound = {AccessChannel.EMPLOYER: employer, AccessChannel.INSTITUTION: institution}
    if channel in bound and bound[channel] is None:
        raise WrongToken(f"a token of the channel {channel.word} is bound to an {channel.word}")
    if channel is not AccessChannel.SYSTEM:
        rights["channel"] = channel.word
    if person is not None:
        rights["person"] = person.hex()
    if employer is not None:
        try:
            rights["employer"] = parse_credit_code(employer)
        except Refused:
            raise WrongToken("a token is bound to an employer by a valid credit code") from None
    if institution is not None:
        if not is_institution_code(institution):
            raise WrongToken(
                "a token is bound to an institution by its code: 1 to 64 visible ASCII characters without /"
            )
        rights["institution"] = institution
    header = {"typ": "at+jwt", "kid": _public_jwk(key)["kid"]}
    return jwt.encode(rights, key, algorithm=ALGORITHM, headers=header)


def check_bound(scopes: Iterable[str]) -> None:
    """Raise WrongToken where a token that is bound to somebody would hold what is the agency's to do.

    The service lets no such token do it either; here whoever gives tokens out learns of the slip at once.
    """
    acts = sorted(AGENCY_SCOPES.intersection(scopes))
    if acts:
        raise WrongToken(f"the agency's alone, and in no token that is bound to somebody: {' '.join(acts)}")


def is_institution_code(text: object) -> TypeGuard[str]:
    """Whether a token may be bound to an institution by this: 1 to 64 visible ASCII characters without /."""
    return isinstance(text, str) and _match_institution(text) is not None


def channel_of(word: str) -> AccessChannel:
    """The channel of a token, by its word. Raises WrongToken."""
    if word not in CHANNEL_OF:
        raise WrongToken(f"a channel is one of: {' '.join(CHANNEL_OF)}")
    return CHANNEL_OF[word]


def person_digest(id_number: str, keyring: Keyring, today: date) -> bytes:
    """What a token of a person is bound to: the number itself stands nowhere in it. Raises WrongToken."""
    try:
        return number_digest(parse_id_number(id_number, today), keyring)
    except Refused as refused:
        raise WrongToken(f"a token is bound to a person by a valid ID number: {refused.code}") from None


def write_token(path: Path, token: str) -> None:
    """Put a token into a file that only its owner reads; an older one is replaced in one step."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        _write_draft(draft, token.encode() + b"\n", 0o600)
        draft.replace(path)
    except OSError as error:
        raise TokenError(f"{path}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)


def _signing_key(directory: Path) -> Ed25519PrivateKey:
    path = directory / SIGNING_FILE
    try:
        key = load_pem_private_key(read_private(path), password=None)
    except KeyringError as error:
        raise TokenError(f"{directory}: {error}") from None
    except FileNotFoundError:
        raise TokenError(
            f"no {SIGNING_FILE} in {directory}: tokens come from your identity provider"
        ) from None
    except OSError as error:
        raise TokenError(f"{path}: {error.strerror}") from None
    # the last: a key that is too short for the kind that it says it is of
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError):
        raise TokenError(f"{path}: not a private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise TokenError(f"{path}: not an Ed25519 key")
    return key


def _public_jwk(key: Ed25519PrivateKey) -> dict[str, Any]:
    x = _base64url(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    required = {"crv": "Ed25519", "kty": "OKP", "x": x}
    # RFC 7638: the key's name is the digest of what defines it
    thumbprint = sha256(json.dumps(required, sort_keys=True, separators=(",", ":")).encode()).digest()
    return required | {"use": "sig", "alg": ALGORITHM, "kid": _base64url(thumbprint)}


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that appears whole or not at all; if another process was first, keep what it wrote."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        _write_draft(draft, content, mode)
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)


def _write_draft(draft: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
