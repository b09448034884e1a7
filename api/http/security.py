"""Who calls: bearer tokens, and what they let their bearer do.

A token names the calling system (`client_id`, part of every idempotency key) and the person who acts
(`sub`). A verified token is remembered by its digest until it expires, or the keys change: verifying one
costs as much as the rest of a request. Why one was refused stands in the log and not in the answer.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import jwt

from api.http.errors import Declined
from api.http.problems import DoorCode
from api.http.scopes import ACTS, OPEN, SCOPE_OF
from ledger import Refused
from ledger.access.jwks import JwksFile, KeysMissing, parse_jwks
from ledger.access.revoked import RevokedFile
from ledger.access.tokens import AUDIENCE, ISSUER, is_institution_code
from ledger.chart.channels import CHANNEL_OF, AccessChannel
from ledger.contributions.credit_codes import parse_credit_code
from ledger.id_forms import holds_id_number
from ledger.settings import TOKEN_HOURS_MAX_MAX, TOKEN_SKEW_SECONDS
from ledger.texts import actor_as_compared, is_agent_name

_match_digest = re.compile(r"[0-9a-f]{64}").fullmatch
REMEMBERED_MAX: Final = 10_000
TOKEN_CHARACTERS_MAX: Final = 8_192


class Caller(NamedTuple):
    """Who calls, as the token says it."""

    caller: str
    actor: str
    scopes: frozenset[str]
    # the credit code of the one employer that the token reaches; None: it is bound to none
    employer: str | None = None
    # the code of the one institution that the token reaches; None: it is bound to none
    institution: str | None = None
    # the digest of the ID number of the one person who the token is for; None: it is bound to none
    person: bytes | None = None
    # through which channel that comes in which is asked
    channel: AccessChannel = AccessChannel.SYSTEM

    @property
    def is_bound(self) -> bool:
        """Whether the token reaches one employer, institution or person only."""
        return self.employer is not None or self.institution is not None or self.person is not None

    @property
    def bound_to(self) -> str | None:
        """To what the token is bound, as the read log names it."""
        if self.person is not None:
            return "person"
        if self.employer is not None:
            return f"employer {self.employer}"
        return None if self.institution is None else f"institution {self.institution}"

    def need(self, scope: str) -> None:
        """Raise Declined when the token lacks a scope."""
        if scope not in self.scopes:
            raise lacking(scope)


def lacking(scope: str) -> Declined:
    """What is answered to a token that does not reach as far as it is used."""
    return Declined(
        DoorCode.SCOPE_MISSING,
        {"WWW-Authenticate": f'Bearer realm="ledger", error="insufficient_scope", scope="{scope}"'},
        scope=scope,
    )


__all__ = ["OPEN", "SCOPE_OF", "Caller", "Declined", "KeysMissing", "TokenRefused", "Verifier", "lacking"]


class TokenRefused(Declined):
    """A token that is not taken. `why` is one of the words below, or one with the name of a claim."""

    def __init__(self, why: str) -> None:
        super().__init__(DoorCode.TOKEN_INVALID)
        self.why = why


# the first that fits: the library's errors are classes below each other
_WHY: Final[tuple[tuple[type[Exception], str], ...]] = (
    (jwt.ExpiredSignatureError, "expired"),
    (jwt.ImmatureSignatureError, "not_yet_valid"),
    (jwt.InvalidAudienceError, "wrong_audience"),
    (jwt.InvalidIssuerError, "wrong_issuer"),
    (jwt.InvalidAlgorithmError, "wrong_algorithm"),
    (jwt.InvalidSignatureError, "wrong_signature"),
)
_match_missing = re.compile(r'Token is missing the "(exp|iat|sub|aud|iss|client_id)" claim').fullmatch
_TYPES_OF_ACCESS: Final = frozenset({"jwt", "at+jwt"})
# with these another key may still fit
_OF_THE_KEY: Final = (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError)


def _why(error: Exception) -> str:
    # one of those that we ask for, no word of the token's
    if missing := _match_missing(str(error)):
        return f"without_{missing[1]}"
    return next((why for kind, why in _WHY if isinstance(error, kind)), "malformed")


class Verifier:
    """Verifies bearer tokens against the public keys of a JWKS: a dict, or a file that may change."""

    def __init__(
        self,
        jwks: Mapping[str, Any] | JwksFile,
        clock: Callable[[], float] = time.time,
        *,
        issuer: str = ISSUER,
        audience: str = AUDIENCE,
        hours_max: int = TOKEN_HOURS_MAX_MAX,
        skew_seconds: int = TOKEN_SKEW_SECONDS,
        revoked: RevokedFile | None = None,
    ) -> None:
        """What a token must name as `iss` and `aud`, how long it may live from `iat` to `exp`, how far the
        clock that it was made by may be off, and which are taken back.
        """
        self._file = jwks if isinstance(jwks, JwksFile) else None
        self._keys = jwks.keys if isinstance(jwks, JwksFile) else parse_jwks(jwks)
        self._clock = clock
        self._issuer, self._audience = issuer, audience
        self._seconds_max = hours_max * 3600
        self._skew = skew_seconds
        self._revoked = revoked
        self._remembered: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    @classmethod
    def load(
        cls, jwks: Path, revoked: Path | None = None, *, must_be_there: bool = False, **rules: Any
    ) -> Verifier:
        """Read the JWKS file, and the one of revoked tokens, if it is there or must be.

        Raises KeysMissing and RevokedUnreadable: the service does not start.
        """
        taken_back = None if revoked is None else RevokedFile(revoked, must_be_there=must_be_there)
        return cls(JwksFile(jwks), revoked=taken_back, **rules)

    def check(self, authorization: str | None) -> Caller:
        """The caller behind an Authorization header. Raises Declined (401)."""
        if authorization is None:
            raise Declined(DoorCode.TOKEN_MISSING)
        scheme, _, token = authorization.strip(" \t").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Declined(DoorCode.TOKEN_MISSING)
        if len(token) > TOKEN_CHARACTERS_MAX or not token.isascii():
            raise TokenRefused("malformed")
        if self._file is not None and self._file.has_changed():
            self._keys = self._file.keys
            # some were verified by keys that are gone
            self._remembered.clear()
        if self._revoked is not None and self._revoked.has_changed():
            self._remembered.clear()
        digest = sha256(token.encode()).digest()
        remembered = self._remembered.get(digest)
        if remembered is not None and self._clock() < remembered[0]:
            return remembered[1]
        expires, caller = self._verify(token)
        self._remembered[digest] = (expires, caller)
        if len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return caller

    def _verify(self, token: str) -> tuple[float, Caller]:
        try:
            head = jwt.get_unverified_header(token)
            if not _is_for_access(head.get("typ")):
                raise TokenRefused("wrong_type")
            rights = self._rights(token, head.get("kid"))
            issued, expires = float(rights["iat"]), float(rights["exp"])
        # a number that is none, or none that a machine counts to
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise TokenRefused(_why(error)) from None
        if expires - issued > self._seconds_max:
            raise TokenRefused("lives_too_long")
        if self._revoked is not None and self._revoked.content.has(rights):
            raise TokenRefused("revoked")
        return expires + self._skew, _caller(rights)

    def _rights(self, token: str, named: str | None) -> Mapping[str, Any]:
        """What a token says that one of the keys has signed. Raises TokenRefused, or the library's errors."""
        refused: Exception | None = None
        for key in self._keys:
            if named is not None and key.key_id is not None and key.key_id != named:
                continue
            try:
                rights: Mapping[str, Any] = jwt.decode(
                    token,
                    key,
                    algorithms=[key.algorithm_name],
                    audience=self._audience,
                    issuer=self._issuer,
                    leeway=self._skew,
                    options={"require": ["exp", "iat", "sub", "aud", "iss", "client_id"]},
                )
            except _OF_THE_KEY as error:
                refused = error
                continue
            return rights
        if refused is None:
            raise TokenRefused("unknown_kid")
        raise refused


def _is_for_access(said: object) -> bool:
    """Whether a token is of the type that is for access (RFC 9068), or says no more than that it is a JWT.

    A provider signs others with the same key, to log somebody out or to prove who holds one: RFC 8725, 3.11.
    """
    return said is None or (
        isinstance(said, str) and said.lower().removeprefix("application/") in _TYPES_OF_ACCESS
    )


def _caller(rights: Mapping[str, Any]) -> Caller:
    caller, actor, scope = rights["client_id"], rights["sub"], rights.get("scope", "")
    for right, name in (("client_id", caller), ("sub", actor)):
        # it is written into the book, in clear and for ever
        if not (isinstance(name, str) and is_agent_name(name) and actor_as_compared(name)):
            raise TokenRefused(f"unfit_{right}")
        if holds_id_number(name):
            raise TokenRefused(f"unfit_{right}")
    if not isinstance(scope, str):
        raise TokenRefused("unfit_scope")
    employer, institution, person = _employer(rights), _institution(rights), _person(rights)
    # what is bound to both would reach what is of both, which is nothing
    if sum(one is not None for one in (employer, institution, person)) > 1:
        raise TokenRefused("bound_twice")
    channel = _channel(rights)
    bound = {AccessChannel.EMPLOYER: employer, AccessChannel.INSTITUTION: institution}
    if channel in bound and bound[channel] is None:
        raise TokenRefused("bound_to_nobody")
    # by blanks alone (RFC 6749): what else would part it makes no two scopes of one that was given
    scopes = frozenset(scope.split(" "))
    # whoever made it confused the agency with an employer: what else it says is not believed either
    if employer is not None and ACTS in scopes:
        raise TokenRefused("bound_and_acting")
    return Caller(caller, actor, scopes, employer, institution, person, channel)


def _channel(rights: Mapping[str, Any]) -> AccessChannel:
    """The channel that a token names; without one it is a system's."""
    if "channel" not in rights:
        return AccessChannel.SYSTEM
    word = rights["channel"]
    if not isinstance(word, str) or word not in CHANNEL_OF:
        raise TokenRefused("unfit_channel")
    return CHANNEL_OF[word]


def _person(rights: Mapping[str, Any]) -> bytes | None:
    """The digest of the ID number of the person who a token is for, or which makes it invalid."""
    if "person" not in rights:
        return None
    digest = rights["person"]
    if not isinstance(digest, str) or _match_digest(digest) is None:
        raise TokenRefused("unfit_person")
    return bytes.fromhex(digest)


def _employer(rights: Mapping[str, Any]) -> str | None:
    """The employer that a token is bound to; a right that cannot be read makes the token invalid."""
    if "employer" not in rights:
        return None
    try:
        return parse_credit_code(rights["employer"])
    except (Refused, AttributeError):
        raise TokenRefused("unfit_employer") from None


def _institution(rights: Mapping[str, Any]) -> str | None:
    """The institution that a token is bound to; a right that cannot be read makes the token invalid."""
    if "institution" not in rights:
        return None
    code = rights["institution"]
    if not is_institution_code(code):
        raise TokenRefused("unfit_institution")
    return code
