"""Tokens and scopes: one table says what each route asks for, and it is held complete."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from starlette.routing import Route

from api.http.errors import Declined
from api.http.reach import is_own_data
from api.http.security import OPEN, SCOPE_OF, KeysMissing, Verifier
from api.http.shows import ONLY_THROUGH
from api.main import bare_app
from ledger.access.tokens import AUDIENCE, ISSUER, SCOPES, create_signing_key
from ledger.chart.channels import AccessChannel
from tests.support.api_client import contribute, key, open_account, running, spending, token

ROUTES = sorted(SCOPE_OF)
# what the scope alone does not let in to
FOR_AUDITORS = {("GET", "/v1/read-log"), ("GET", "/v1/read-log/findings"), ("GET", "/v1/reports/findings")}
GUARDED = [route for route in ROUTES if SCOPE_OF[route] != OPEN]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with running(engine, folder) as client:
        yield client


@pytest.fixture(scope="module")
def keys(client: TestClient, folder: Path) -> Path:
    """The directory of the keys, once the client has made them."""
    return folder / "keys"


def call(client: TestClient, route: tuple[str, str], bearer: str | None, **more: str) -> Any:
    """Call a route with something in its path and an empty object as body."""
    method, path = route
    path = path.replace("{year}", "2025").replace("{period}", "2026-09").replace("{area}", "990100")
    path = re.sub(r"\{\w+\}", "P000000000000Z-1", path)
    headers = {"Authorization": "" if bearer is None else f"Bearer {bearer}"} | more
    client_headers = {name: value for name, value in client.headers.items() if name != "authorization"}
    with_body = {"json": {}} if method == "POST" else {}
    if bearer is None:
        headers = {}
    request = client.build_request(method, path, headers=client_headers | headers, **with_body)
    if bearer is None and "authorization" in request.headers:
        del request.headers["authorization"]
    return client.send(request)


# -- the table -------------------------------------------------------------------------------------------


def test_every_route_stands_in_the_table() -> None:
    app = bare_app()
    there = {
        (method, route.path)
        for route in app.router.routes
        if isinstance(route, APIRoute | Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert there == set(SCOPE_OF)
    assert set(SCOPE_OF.values()) == {OPEN, *SCOPES}
    assert {path for (_, path), scope in SCOPE_OF.items() if scope == OPEN} == {
        *("/livez", "/readyz", "/docs", "/openapi.json", "/v1/checks/{code}", "/v1/document-keys")
    }


@pytest.mark.sqlite
@pytest.mark.parametrize("route", GUARDED, ids=" ".join)
def test_a_route_is_refused_to_every_other_scope(
    client: TestClient, keys: Path, route: tuple[str, str]
) -> None:
    needed = SCOPE_OF[route]
    others = [scope for scope in SCOPES if scope != needed]
    for scopes in ([others[0]], others):
        answer = call(client, route, token(keys, scopes))
        assert answer.status_code == 403
        assert answer.json()["code"] == "scope_missing"
        assert answer.json()["facts"] == {"scope": needed}
        assert f'error="insufficient_scope", scope="{needed}"' in answer.headers["WWW-Authenticate"]
    # what is a person's own asks for that person, what is for auditors and the telephone for them
    person = bytes(32) if is_own_data(route[1]) else None
    channel, purpose = AccessChannel.SYSTEM, "none"
    if route in FOR_AUDITORS:
        channel, purpose = AccessChannel.AUDIT, "audit"
    elif AccessChannel.SYSTEM not in ONLY_THROUGH.get(route, AccessChannel):
        channel, purpose = AccessChannel.PHONE, "own_request"
    if channel is not AccessChannel.SYSTEM:
        assert call(client, route, token(keys, [needed])).json()["code"] == "channel_not_allowed"
    let_in = token(keys, [needed], person=person, channel=channel)
    answer = call(client, route, let_in, Purpose=purpose)
    # somebody unknown who calls is not told more than that
    assert answer.status_code not in {401, 403} or answer.json()["code"] == "factor_wrong"


@pytest.mark.sqlite
@pytest.mark.parametrize("route", GUARDED, ids=" ".join)
def test_a_route_wants_a_token_before_it_reads_anything(client: TestClient, route: tuple[str, str]) -> None:
    for bearer in (None, "x", "x.y.z"):
        answer = call(client, route, bearer)
        assert answer.status_code == 401
        assert answer.json()["code"] == ("token_missing" if bearer is None else "token_invalid")
        assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="ledger"')


@pytest.mark.sqlite
@pytest.mark.parametrize("header", ["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "token"])
def test_other_schemes(client: TestClient, header: str) -> None:
    answer = client.get("/v1/reports/trial-balance", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")


def test_open_routes_ask_for_nothing(client: TestClient) -> None:
    for route in set(ROUTES) - set(GUARDED):
        # what stands in the path is no verification code, and a token is not asked for
        wanted = 422 if route[1] == "/v1/checks/{code}" else 200
        assert call(client, route, None).status_code == wanted


def test_a_bulk_needs_the_scope_of_each_verb(client: TestClient, keys: Path) -> None:
    number = open_account(client)["account_no"]
    commands = {
        "spend": ("postings:write", {"account": number}),
        "reverse": ("postings:reverse", {"entry": f"{number}-1"}),
        "open": ("accounts:write", {}),
        "freeze": ("accounts:write", {"account": number}),
    }
    for verb, (scope, named) in commands.items():
        body = {"commands": [{"verb": verb, **named}]}
        for scopes, status in ((["bulk:write"], 403), (["bulk:write", scope], 200), ([scope], 403)):
            headers = {"Authorization": f"Bearer {token(keys, scopes)}"}
            answer = client.post("/v1/bulk", json=body, headers=headers)
            assert answer.status_code == status
            if scopes == ["bulk:write"]:
                assert answer.json()["facts"] == {"scope": scope}


# -- tokens ----------------------------------------------------------------------------------------------


def rights(**more: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "clerk",
        "client_id": "tests",
        "scope": "reports:read",
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(minutes=5)).timestamp()),
    }
    return {name: value for name, value in (good | more).items() if value is not None}


def ago(seconds: int) -> int:
    return int((datetime.now(UTC) - timedelta(seconds=seconds)).timestamp())


def signing_key(keys: Path) -> Any:
    return load_pem_private_key((keys / "token-signing.pem").read_bytes(), password=None)


def ask(client: TestClient, bearer: str) -> int:
    return client.get("/v1/reports/trial-balance", headers={"Authorization": f"Bearer {bearer}"}).status_code


def test_a_good_token(client: TestClient, keys: Path) -> None:
    bearer = jwt.encode(rights(), signing_key(keys), algorithm="EdDSA")
    assert [ask(client, bearer), ask(client, bearer)] == [200, 200]
    # within the leeway
    assert ask(client, jwt.encode(rights(exp=ago(20)), signing_key(keys), algorithm="EdDSA")) == 200


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "somebody-else"},
        {"aud": "another-service"},
        {"aud": None},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 129},
        {"sub": "a\nb"},
        {"client_id": None},
        {"client_id": 7},
        {"client_id": ""},
        {"client_id": "  "},
        {"sub": " \u3000"},
        {"iat": None},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 0},
        {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"scope": ["reports:read"]},
    ],
    ids=str,
)
def test_wrong_claims(client: TestClient, keys: Path, wrong: dict[str, Any]) -> None:
    if isinstance(wrong.get("client_id"), int) or wrong.get("exp") == "soon":
        bearer = _signed(keys, rights(**wrong))
    else:
        bearer = jwt.encode(rights(**wrong), signing_key(keys), algorithm="EdDSA")
    assert ask(client, bearer) == 401


def _signed(keys: Path, payload: dict[str, Any]) -> str:
    """A token that the library would not make."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "EdDSA", "typ": "JWT"}, payload)
    ]
    signed = b".".join(parts)
    signature = base64.urlsafe_b64encode(signing_key(keys).sign(signed)).rstrip(b"=")
    return (signed + b"." + signature).decode()


def test_an_expired_token(client: TestClient, keys: Path) -> None:
    assert ask(client, jwt.encode(rights(exp=ago(40)), signing_key(keys), algorithm="EdDSA")) == 401


@pytest.mark.parametrize("between", ["\t", "\n", "\u2003", "\u3000", "\x85", "\x1c", ","], ids=ascii)
def test_scopes_are_parted_by_blanks_alone(client: TestClient, keys: Path, between: str) -> None:
    """What a provider gave as one scope, whatever stands in it, is not two."""
    scope = f"accounts:read{between}reports:read"
    assert ask(client, jwt.encode(rights(scope=scope), signing_key(keys), algorithm="EdDSA")) == 403
    scope = " accounts:read  reports:read "
    assert ask(client, jwt.encode(rights(scope=scope), signing_key(keys), algorithm="EdDSA")) == 200


def test_a_token_without_scope_may_nothing(client: TestClient, keys: Path) -> None:
    for scope in (None, "", "reports:reader"):
        bearer = jwt.encode(rights(scope=scope), signing_key(keys), algorithm="EdDSA")
        assert ask(client, bearer) == 403


def test_a_remembered_token_expires(keys: Path) -> None:
    now = datetime.now(UTC).timestamp()
    clock = [now]
    verifier = Verifier(json.loads((keys / "jwks.json").read_text()), lambda: clock[0])
    bearer = "Bearer " + jwt.encode(rights(exp=int(now) + 1), signing_key(keys), algorithm="EdDSA")
    assert verifier.check(bearer) is verifier.check(bearer)
    clock[0] = now + 40
    # no longer remembered: verified anew, and by the clock of the library it is still good
    assert verifier.check(bearer) is not None
    assert verifier.check(bearer) == verifier.check(bearer)
    assert len(verifier._remembered) == 1


def test_what_is_remembered_is_bounded(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.http.security.REMEMBERED_MAX", 3)
    verifier = Verifier.load(keys / "jwks.json")
    for number in range(10):
        verifier.check(f"Bearer {token(keys, actor=f'clerk-{number}')}")
    assert len(verifier._remembered) == 3
    with pytest.raises(Declined):
        verifier.check("Bearer " + "x" * 9_000)
    assert len(verifier._remembered) == 3


@pytest.mark.sqlite
def test_tokens_signed_by_nobody(client: TestClient, keys: Path) -> None:
    public = json.loads((keys / "jwks.json").read_text())["keys"][0]
    stranger = jwt.encode(
        rights(), Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": public["kid"]}
    )
    none = jwt.encode(rights(), None, algorithm="none")  # type: ignore[arg-type]  # what an attacker sends
    good = jwt.encode(rights(), signing_key(keys), algorithm="EdDSA")
    head, body, signature = good.split(".")
    other = base64.urlsafe_b64encode(json.dumps(rights(scope="admin")).encode()).rstrip(b"=").decode()
    for bearer in (stranger, none, f"{head}.{other}.{signature}", f"{head}.{body}.", f"{head}.{body}"):
        assert ask(client, bearer) == 401


def test_the_public_key_is_no_shared_secret(client: TestClient, keys: Path) -> None:
    """HS256 over the public key: what a verifier falls for that believes the token's own header."""
    jwk = json.loads((keys / "jwks.json").read_text())["keys"][0]
    raw = base64.urlsafe_b64decode(jwk["x"] + "=")
    for secret in (raw, jwk["x"].encode(), json.dumps(jwk).encode()):
        parts = [
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
            for part in ({"alg": "HS256", "typ": "JWT", "kid": jwk["kid"]}, rights())
        ]
        signed = b".".join(parts)
        signature = base64.urlsafe_b64encode(hmac.digest(secret, signed, hashlib.sha256)).rstrip(b"=")
        assert ask(client, (signed + b"." + signature).decode()) == 401


def test_rs256_keys_of_an_identity_provider(keys: Path) -> None:
    private = generate_private_key(public_exponent=65537, key_size=2048)
    public = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    both = json.loads((keys / "jwks.json").read_text())["keys"] + [public | {"kid": "rsa-1", "use": "sig"}]
    verifier = Verifier({"keys": both})
    for headers in ({"kid": "rsa-1"}, None):
        bearer = jwt.encode(rights(), private, algorithm="RS256", headers=headers)
        assert verifier.check(f"Bearer {bearer}").actor == "clerk"
    for algorithm in ("RS512", "PS256"):
        with pytest.raises(Declined):
            verifier.check(f"Bearer {jwt.encode(rights(), private, algorithm=algorithm)}")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "AAAA"}]}', '{"keys": 1}']
)
def test_a_jwks_file_without_keys(tmp_path: Path, text: str) -> None:
    (tmp_path / "jwks.json").write_text(text)
    for file in ("jwks.json", "none.json"):
        with pytest.raises(KeysMissing, match=r"\.json"):
            Verifier.load(tmp_path / file)


def test_private_parts_of_a_jwks_are_passed_over(tmp_path: Path) -> None:
    create_signing_key(tmp_path)
    jwks = json.loads((tmp_path / "jwks.json").read_text())
    jwks["keys"][0]["d"] = jwks["keys"][0]["x"]
    assert Verifier(jwks).check(f"Bearer {token(tmp_path)}").caller == "tests"


# -- who did it ------------------------------------------------------------------------------------------


def test_caller_and_actor_stand_in_the_entry(client: TestClient, keys: Path) -> None:
    number = open_account(client)["account_no"]
    contribute(client, number)
    body, once = spending(), key()
    entries = []
    for caller, actor in (
        ("hospital-gate", "nurse-1"),
        ("pharmacy-gate", "clerk-2"),
        ("hospital-gate", "nurse-3"),
    ):
        headers = once | {"Authorization": f"Bearer {token(keys, caller=caller, actor=actor)}"}
        answer = client.post(f"/v1/accounts/{number}/spendings", json=body, headers=headers)
        entries.append(answer)
        if caller == "pharmacy-gate":
            # a key belongs to its caller: this is another request, for a document that is booked
            assert answer.json()["code"] == "duplicate_source_ref"
    assert entries[2].json() == entries[0].json()
    shown = client.get(f"/v1/entries/{entries[0].json()['entry']}").json()
    assert (shown["caller"], shown["actor"]) == ("hospital-gate", "nurse-1")
