"""What an identity provider names, how its keys change under way, and why a token was refused."""

from __future__ import annotations

import base64
import json
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.http.security import TokenRefused, Verifier
from ledger.access import jwks as jwks_module
from ledger.access import watched_files
from ledger.access.jwks import JwksFile, KeysMissing
from ledger.access.revoked import RevokedFile, RevokedUnreadable, read_revoked
from ledger.access.watched_files import LOOK_SECONDS
from ledger.settings import TOKEN_NAME
from tests.support.api_client import running

NOW = datetime.now(UTC)


class Provider:
    """An identity provider: its keys by their names, and a file that it writes."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.keys: dict[str, Ed25519PrivateKey] = {}

    def makes(self, name: str) -> None:
        self.keys[name] = Ed25519PrivateKey.generate()

    def text(self, *names: str) -> str:
        keys = []
        for name in names:
            x = (
                base64.urlsafe_b64encode(self.keys[name].public_key().public_bytes_raw())
                .rstrip(b"=")
                .decode()
            )
            keys.append({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": name, "use": "sig"})
        return json.dumps({"keys": keys})

    def publishes(self, *names: str) -> None:
        """As a provider's client does it: another file in the place of the old one."""
        draft = self.file.with_suffix(".new")
        draft.write_text(self.text(*names))
        draft.replace(self.file)

    def token(self, name: str, **more: Any) -> str:
        rights = {
            "iss": TOKEN_NAME, "aud": TOKEN_NAME, "sub": "clerk", "client_id": "tests",
            "scope": "reports:read", "iat": int(NOW.timestamp()),
            # NOW is when the run began
            "exp": int((NOW + timedelta(hours=12)).timestamp()), **more,
        }  # fmt: skip
        rights = {right: value for right, value in rights.items() if value is not None}
        return jwt.encode(rights, self.keys[name], algorithm="EdDSA", headers={"kid": name})


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    made = Provider(tmp_path / "jwks.json")
    for name in ("first", "second", "third"):
        made.makes(name)
    made.publishes("first")
    return made


class Watch:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float = LOOK_SECONDS) -> None:
        self.now += seconds


def why(verifier: Verifier, bearer: str) -> str:
    """Why a token is refused; nothing when it is taken."""
    try:
        verifier.check(f"Bearer {bearer}")
    except TokenRefused as refused:
        return refused.why
    return ""


# -- the file changes ----------------------------------------------------------------------------------------


def test_keys_come_and_go_without_a_restart(provider: Provider) -> None:
    watch = Watch()
    verifier = Verifier(JwksFile(provider.file, watch))
    old, new = provider.token("first"), provider.token("second")
    assert (why(verifier, old), why(verifier, new)) == ("", "unknown_kid")
    provider.publishes("first", "second")
    watch.passes()
    assert (why(verifier, old), why(verifier, new)) == ("", "")
    # what was remembered under a key goes with the key
    provider.publishes("second")
    watch.passes()
    assert (why(verifier, old), why(verifier, new)) == ("unknown_kid", "")


BROKEN = {
    "empty": "",
    "begun": "{",
    "half": '{"keys": [{"kty": "OKP", "crv": "Ed2',
    "without keys": '{"keys": []}',
    "a list": "[]",
    "a number": '{"keys": 7}',
    "a zero": "\x00",
    "a short key": '{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "short", "kid": "first"}]}',
    "deep": "[" * 100_000,
    "numbers": '{"keys": [7]}',
    "a strange kind": '{"keys": [{"kty": ["OKP"]}]}',
    "no UTF-8": "\udcff",
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_leaves_the_keys_of_before(
    provider: Provider, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch()
    verifier = Verifier(JwksFile(provider.file, watch))
    provider.file.write_text(broken, encoding="utf-8", errors="surrogateescape")
    with caplog.at_level(logging.INFO):
        for _look in range(3):
            watch.passes()
            assert why(verifier, provider.token("first")) == ""
    [record] = caplog.records
    assert (record.levelname, "what it held before counts on" in record.getMessage()) == ("WARNING", True)
    # finished by whoever was writing it
    provider.file.write_text(provider.text("second"))
    watch.passes()
    assert why(verifier, provider.token("second")) == ""
    assert why(verifier, provider.token("first")) == "unknown_kid"


def test_a_file_that_goes_and_comes_back(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch()
    verifier = Verifier(JwksFile(provider.file, watch))
    provider.file.unlink()
    for _look in range(3):
        watch.passes()
        assert why(verifier, provider.token("first")) == ""
    assert len(caplog.records) == 1
    provider.publishes("third")
    watch.passes()
    assert why(verifier, provider.token("third")) == ""


def test_the_disk_is_asked_once_a_second(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    stats, reads = [0], [0]
    stat, read = watched_files._stamp, watched_files.read_small

    def counted_stat(path: Path) -> tuple[int, ...]:
        stats[0] += 1
        return stat(path)

    def counted_read(path: Path) -> bytes:
        reads[0] += 1
        return read(path)

    verifier = Verifier(JwksFile(provider.file, watch))
    monkeypatch.setattr(watched_files, "_stamp", counted_stat)
    monkeypatch.setattr(jwks_module, "read_small", counted_read)
    for number in range(1_280):
        # half of them unknown, as in an attack
        why(verifier, provider.token("first") if number % 2 else "x.y.z")
        watch.passes(LOOK_SECONDS / 128)
    assert (stats[0], reads[0]) == (9, 0)
    provider.file.write_text("{")
    for _number in range(384):
        why(verifier, "x.y.z")
        watch.passes(LOOK_SECONDS / 128)
    assert (stats[0], reads[0]) == (12, 1), "what is broken is read once"


def test_the_same_size_at_another_time_is_another_file(provider: Provider) -> None:
    """Written over in place: neither its name nor its length is another."""
    provider.keys["later"], provider.keys["first"] = provider.keys["first"], Ed25519PrivateKey.generate()
    before = provider.file.stat()
    watch = Watch()
    verifier = Verifier(JwksFile(provider.file, watch))
    provider.file.write_text(provider.text("first"))
    os.utime(provider.file, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))
    assert provider.file.stat().st_size == before.st_size
    watch.passes()
    assert why(verifier, provider.token("first")) == ""


@pytest.mark.parametrize("what", ["hostname", "folder", "pipe", "nothing", "endless", "large"])
def test_what_is_no_jwks_is_one_line(tmp_path: Path, what: str) -> None:
    file = tmp_path / what
    if what == "hostname":
        file.write_text("some-host\n")
    elif what == "folder":
        file.mkdir()
    elif what == "pipe":
        os.mkfifo(file)
    elif what == "endless":
        file = Path("/dev/zero")
    elif what == "large":
        file.write_text('{"keys": []}' + " " * (1 << 20))
    with pytest.raises(KeysMissing, match="as a JWKS, or name the file by LEDGER_JWKS") as missing:
        Verifier.load(file)
    assert str(file) in str(missing.value)
    assert "\n" not in str(missing.value)


# -- what it asks of a token ---------------------------------------------------------------------------------


def test_issuer_and_audience_are_settings(provider: Provider) -> None:
    theirs = {"iss": "https://id.example/realms/agency", "aud": "ledger"}
    verifier = Verifier(JwksFile(provider.file), issuer=theirs["iss"], audience=theirs["aud"])
    assert why(verifier, provider.token("first", **theirs)) == ""
    assert why(verifier, provider.token("first", **theirs | {"aud": ["other", "ledger"]})) == ""
    assert why(verifier, provider.token("first", **theirs | {"iss": TOKEN_NAME})) == "wrong_issuer"
    assert why(verifier, provider.token("first", **theirs | {"aud": TOKEN_NAME})) == "wrong_audience"
    assert why(verifier, provider.token("first", **theirs | {"iss": f"{theirs['iss']}/"})) == "wrong_issuer"
    assert why(Verifier(JwksFile(provider.file)), provider.token("first")) == ""
    assert why(Verifier(JwksFile(provider.file)), provider.token("first", **theirs)) == "wrong_issuer"


def test_clocks_may_be_off_as_far_as_the_settings_say(provider: Provider) -> None:
    born = int(datetime.now(UTC).timestamp())
    exact, wide = (Verifier(JwksFile(provider.file), skew_seconds=seconds) for seconds in (0, 300))
    ended, early = provider.token("first", exp=born - 120), provider.token("first", iat=born + 120)
    assert (why(exact, ended), why(exact, early)) == ("expired", "not_yet_valid")
    assert (why(wide, ended), why(wide, early)) == ("", "")
    assert why(wide, provider.token("first", exp=born - 600)) == "expired"


@pytest.mark.parametrize("right", ["sub", "client_id"])
def test_nobody_acts_by_an_id_number(provider: Provider, right: str) -> None:
    """Who called and who acted stands in the book, in clear and for ever."""
    verifier = Verifier(JwksFile(provider.file))
    for name in ("119999198503140015", "clerk 119999 19850314 0015"):
        assert why(verifier, provider.token("first", **{right: name})) == f"unfit_{right}"
    assert why(verifier, provider.token("first", **{right: "119999"})) == ""


# -- taken back ----------------------------------------------------------------------------------------------


def takes_back(file: Path, *which: dict[str, str]) -> None:
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps({"revoked": which}))
    draft.replace(file)


def test_tokens_are_taken_back_without_a_restart(provider: Provider, tmp_path: Path) -> None:
    """By what they name; by an instant those issued before it. What was remembered counts no more."""
    file, watch = tmp_path / "revoked.json", Watch()
    verifier = Verifier(JwksFile(provider.file, watch), revoked=RevokedFile(file, watch))
    born = int(NOW.timestamp())
    lost, other = provider.token("first", jti="lost"), provider.token("first", jti="other", sub="clerk-17")
    older = provider.token("first", client_id="till-4", iat=born - 60)
    newer = provider.token("first", client_id="till-4", iat=born)
    tokens = (lost, other, older, newer)
    assert [why(verifier, one) for one in tokens] == ["", "", "", ""]
    takes_back(file, {"jti": "lost"})
    watch.passes()
    assert [why(verifier, one) for one in tokens] == ["revoked", "", "", ""]
    instant = datetime.fromtimestamp(born, UTC).isoformat()
    takes_back(file, {"jti": "lost"}, {"sub": "clerk-17"}, {"client_id": "till-4", "before": instant})
    watch.passes()
    assert [why(verifier, one) for one in tokens] == ["revoked", "revoked", "revoked", ""]
    # a name of one kind is none of another
    takes_back(file, {"jti": "clerk-17"}, {"sub": "till-4"}, {"client_id": "lost"})
    watch.passes()
    assert [why(verifier, one) for one in tokens] == ["", "", "", ""]


WRONG = {
    "empty": "",
    "begun": '{"revoked": [{"jti":',
    "a list": "[]",
    "another member": '{"revoked": [], "until": 1}',
    "no list": '{"revoked": {"jti": "x"}}',
    "nothing named": '{"revoked": [{}]}',
    "said twice": '{"revoked": [{"jti": "x"}], "revoked": []}',
    "two named": '{"revoked": [{"jti": "x", "sub": "y"}]}',
    "another name": '{"revoked": [{"scope": "admin"}]}',
    "a number": '{"revoked": [{"jti": 7}]}',
    "a day": '{"revoked": [{"sub": "x", "before": "yesterday"}]}',
    "no offset": '{"revoked": [{"sub": "x", "before": "2026-11-29T12:00:00"}]}',
    "an instant that is a number": '{"revoked": [{"sub": "x", "before": 1}]}',
    "deep": "[" * 100_000,
    "no UTF-8": "\udcff",
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_list_gives_nothing_back(
    provider: Provider, tmp_path: Path, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    file, watch = tmp_path / "revoked.json", Watch()
    takes_back(file, {"jti": "secret-name"})
    verifier = Verifier(JwksFile(provider.file, watch), revoked=RevokedFile(file, watch))
    token = provider.token("first", jti="secret-name")
    for broken in (lambda: file.write_text(wrong, encoding="utf-8", errors="surrogateescape"), file.unlink):
        broken()
        with caplog.at_level(logging.INFO):
            for _look in range(2):
                watch.passes()
                assert why(verifier, token) == "revoked"
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "secret-name" not in caplog.text
    file.write_text(wrong, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(RevokedUnreadable, match=r"revoked\.json"):
        read_revoked(file, must_be_there=False)


def test_a_list_that_a_setting_names_must_be_there(tmp_path: Path) -> None:
    assert len(read_revoked(tmp_path / "none.json", must_be_there=False)) == 0
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(RevokedUnreadable):
            read_revoked(path, must_be_there=True)


def test_a_token_lives_no_longer_than_allowed(provider: Provider) -> None:
    verifier = Verifier(JwksFile(provider.file), hours_max=2)
    born = int(NOW.timestamp())
    assert why(verifier, provider.token("first", iat=born, exp=born + 2 * 3600)) == ""
    assert why(verifier, provider.token("first", iat=born, exp=born + 2 * 3600 + 1)) == "lives_too_long"
    # nor does it help to have been made long ago
    assert why(verifier, provider.token("first", iat=born - 3600, exp=born + 3601)) == "lives_too_long"
    assert why(verifier, provider.token("first", iat=0)) == "lives_too_long"
    year = Verifier(JwksFile(provider.file))
    assert why(year, provider.token("first", iat=born, exp=born + 366 * 86400)) == ""
    assert why(year, provider.token("first", iat=born, exp=born + 366 * 86400 + 1)) == "lives_too_long"


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"exp": int(NOW.timestamp()) - 60}, "expired"),
    ({"nbf": int(NOW.timestamp()) + 6000}, "not_yet_valid"),
    ({"iat": int(NOW.timestamp()) + 6000, "exp": int(NOW.timestamp()) + 9000}, "not_yet_valid"),
    ({"iss": "somebody"}, "wrong_issuer"),
    ({"iss": None}, "without_iss"),
    ({"aud": "another"}, "wrong_audience"),
    ({"aud": None}, "without_aud"),
    ({"client_id": None}, "without_client_id"),
    ({"sub": None}, "without_sub"),
    ({"iat": None}, "without_iat"),
    ({"exp": None}, "without_exp"),
    ({"client_id": ""}, "unfit_client_id"),
    ({"sub": "a\nb"}, "unfit_sub"),
    ({"scope": ["reports:read"]}, "unfit_scope"),
    ({"employer": "x"}, "unfit_employer"),
    ({"employer": 7}, "unfit_employer"),
    ({"institution": "H/1"}, "unfit_institution"),
    *(({"employer": wrong}, "unfit_employer") for wrong in ([], {}, True, 1.5, "")),
    *(({"institution": wrong}, "unfit_institution") for wrong in ([], {}, True, 7, "")),
    ({"employer": "91999999000000001K", "institution": "H0001"}, "bound_twice"),
    *(({"channel": wrong}, "unfit_channel") for wrong in ("", "Window", "WINDOW", "windows", " window", "w")),
    *(
        ({"channel": wrong}, "unfit_channel")
        for wrong in (1, 0, True, 1.0, [], ["window"], {}, {"window": 1})
    ),
    *(({"person": wrong}, "unfit_person") for wrong in ("", "a" * 63, "a" * 65, "A" * 64, "g" * 64)),
    *(({"person": wrong}, "unfit_person") for wrong in (" " + "a" * 63, "a" * 64 + "\n", "\uff11" * 64)),
    *(({"person": wrong}, "unfit_person") for wrong in (7, True, [], ["a" * 64], {}, "119999198503140015")),
    ({"person": "a" * 64, "institution": "H0001"}, "bound_twice"),
    ({"person": "a" * 64, "employer": "91999999000000001K"}, "bound_twice"),
    ({"channel": "employer"}, "bound_to_nobody"),
    ({"channel": "employer", "institution": "H0001"}, "bound_to_nobody"),
    ({"channel": "employer", "person": "a" * 64}, "bound_to_nobody"),
    ({"channel": "institution"}, "bound_to_nobody"),
    ({"channel": "institution", "employer": "91999999000000001K"}, "bound_to_nobody"),
)


@pytest.mark.parametrize(
    ("wrong", "reason"), REFUSED, ids=[f"{reason}-{place}" for place, (_, reason) in enumerate(REFUSED)]
)
def test_why_a_token_is_refused(provider: Provider, wrong: dict[str, Any], reason: str) -> None:
    assert why(Verifier(JwksFile(provider.file)), provider.token("first", **wrong)) == reason


@pytest.mark.parametrize("number", ["1e999", "NaN", "-Infinity", '"12"', "[]", "1e400", "null", "true"])
@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
def test_numbers_that_are_none(provider: Provider, claim: str, number: str) -> None:
    """Signed by the provider, and still no reason to fall over."""
    born = int(datetime.now(UTC).timestamp())
    rights = json.dumps({
        "iss": TOKEN_NAME, "aud": TOKEN_NAME, "sub": "clerk", "client_id": "tests",
        "iat": born, "exp": born + 900, claim: 0,
    }).replace(f'"{claim}": 0', f'"{claim}": {number}')  # fmt: skip
    parts = [
        base64.urlsafe_b64encode(part.encode()).rstrip(b"=")
        for part in ('{"alg": "EdDSA", "typ": "JWT", "kid": "first"}', rights)
    ]
    signed = b".".join(parts)
    signature = base64.urlsafe_b64encode(provider.keys["first"].sign(signed)).rstrip(b"=")
    refused = why(Verifier(JwksFile(provider.file)), (signed + b"." + signature).decode())
    assert refused or claim == "nbf"


def test_tokens_of_others(provider: Provider) -> None:
    verifier = Verifier(JwksFile(provider.file))
    provider.keys["first"] = Ed25519PrivateKey.generate()
    assert why(verifier, provider.token("first")) == "wrong_signature"
    assert why(verifier, provider.token("second")) == "unknown_kid"
    assert why(verifier, "x.y.z") == "malformed"
    assert why(verifier, "一" * 10) == "malformed"
    assert why(verifier, "x" * 9_000) == "malformed"


def signed(provider: Provider, head: dict[str, Any], rights: str, name: str = "first") -> str:
    """A token of the provider with a head and rights as they are written."""
    parts = [base64.urlsafe_b64encode(one.encode()).rstrip(b"=") for one in (json.dumps(head), rights)]
    content = b".".join(parts)
    signature = base64.urlsafe_b64encode(provider.keys[name].sign(content)).rstrip(b"=")
    return (content + b"." + signature).decode()


HEAD = {"alg": "EdDSA", "typ": "JWT", "kid": "first"}


def told_rights(**more: Any) -> str:
    # not NOW: a run may take longer than the token lives
    born = int(datetime.now(UTC).timestamp())
    return json.dumps({
        "iss": TOKEN_NAME, "aud": TOKEN_NAME, "sub": "clerk", "client_id": "tests", "iat": born,
        "exp": born + 900, **more,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        *(({"kid": kid}, "unknown_kid") for kid in (
            "../../../../dev/null", "/etc/passwd", "first/../second", "first\u0000", "FIRST", "first ", "",
            "' OR '1'='1", "https://pointed.example/jwks", "second", "k" * 1_000,
        )),
        *(({"kid": kid}, "malformed") for kid in (1, ["first"], {"kid": "first"}, True)),
        # what has to be understood and is not is no token (RFC 7515 4.1.11)
        *(({"crit": crit}, "malformed") for crit in (["exp"], ["x"], [], "x", [1], None)),
        ({"crit": ["b64"], "b64": False}, "malformed"),
        *(({"alg": alg}, "wrong_algorithm") for alg in (
            "none", "None", "NONE", "HS256", "RS256", "ES256", "eddsa", None, ["EdDSA"], "", 7,
        )),
        # signed for something else than access
        *(({"typ": typ}, "wrong_type") for typ in (
            "logout+jwt", "dpop+jwt", "secevent+jwt", "id_token", "application/logout+jwt", "at+jwt ", "", 7,
            ["JWT"], False, "application/application/jwt",
        )),
    ],
    ids=repr,
)  # fmt: skip
def test_a_head_that_asks_for_something_else(provider: Provider, head: dict[str, Any], reason: str) -> None:
    """Signed by the provider with its own key, and still refused: the key decides, no word of the token."""
    verifier = Verifier(JwksFile(provider.file))
    assert why(verifier, signed(provider, HEAD, told_rights())) == ""
    assert why(verifier, signed(provider, HEAD | head, told_rights())) == reason


@pytest.mark.parametrize(
    "typ", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/JWT", None]
)
def test_the_type_of_a_token_for_access(provider: Provider, typ: str | None) -> None:
    head = {name: said for name, said in (HEAD | {"typ": typ}).items() if said is not None}
    assert why(Verifier(JwksFile(provider.file)), signed(provider, head, told_rights())) == ""


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_comes_with_the_token_is_nobodys(provider: Provider, name: str) -> None:
    stranger = Ed25519PrivateKey.generate()
    raw = base64.urlsafe_b64encode(stranger.public_key().public_bytes_raw()).rstrip(b"=").decode()
    own = {"kty": "OKP", "crv": "Ed25519", "x": raw, "kid": "first"}
    brought: dict[str, Any] = {
        "jwk": own,
        "jku": "https://pointed.example/jwks",
        "x5u": "file:///x",
        "x5c": [raw],
    }
    provider.keys["stranger"] = stranger
    token = signed(provider, HEAD | {name: brought[name]}, told_rights(), "stranger")
    assert why(Verifier(JwksFile(provider.file)), token) == "wrong_signature"


def test_of_a_right_that_is_said_twice_the_last_counts(provider: Provider) -> None:
    """As RFC 7519 (4) allows: what is refused when said once is refused behind anything else."""
    verifier = Verifier(JwksFile(provider.file))
    for right, last, reason in (
        ("exp", int(NOW.timestamp()) - 900, "expired"),
        ("aud", "another", "wrong_audience"),
        ("iss", "another", "wrong_issuer"),
        ("sub", "", "unfit_sub"),
        ("scope", ["admin"], "unfit_scope"),
    ):
        twice = told_rights()[:-1] + f', "{right}": {json.dumps(last)}}}'
        assert why(verifier, signed(provider, HEAD, twice)) == reason
    scoped = told_rights(scope="admin")[:-1] + ', "scope": "accounts:read"}'
    caller = verifier.check(f"Bearer {signed(provider, HEAD, scoped)}")
    assert caller.scopes == {"accounts:read"}


def test_a_token_that_is_large_is_not_even_read(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = Verifier(JwksFile(provider.file))
    large = signed(provider, HEAD, told_rights(more="x" * 100_000))
    nested = signed(
        provider, HEAD, told_rights(more="x")[:-1] + ', "deep": ' + "[" * 3_000 + "]" * 3_000 + "}"
    )
    assert len(nested) > 8_000
    assert why(verifier, nested[:8_000]) == "malformed"
    monkeypatch.setattr("api.http.security.jwt", None)
    assert why(verifier, large) == "malformed"
    assert why(verifier, "." * 100_000) == "malformed"


# -- in the log, and nowhere else ----------------------------------------------------------------------------


@pytest.fixture
def log() -> list[dict[str, object]]:
    return []


@pytest.fixture
def client(engine: Engine, tmp_path: Path, log: list[dict[str, object]]) -> Iterator[TestClient]:
    with running(engine, tmp_path, log=log.append) as client:
        yield client


@pytest.mark.sqlite
def test_the_log_says_why_and_never_what(
    client: TestClient, provider: Provider, log: list[dict[str, object]], caplog: pytest.LogCaptureFixture
) -> None:
    client.app.state.ledger.verifier = Verifier(JwksFile(provider.file))  # type: ignore[attr-defined]  # FastAPI's
    for wrong, reason in REFUSED:
        secret = "the-actor-of-this-token"
        bearer = provider.token("first", **{"sub": secret} | wrong)
        answer = client.get("/v1/reports/trial-balance", headers={"Authorization": f"Bearer {bearer}"})
        assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
        assert log[-1]["token_refused"] == reason
        # neither the token nor a part of it, nor what stands in it; and the caller is not told why
        said = json.dumps(log) + caplog.text + answer.text + str(answer.headers)
        for part in (*bearer.split("."), secret):
            assert part not in said
        assert reason not in answer.text + str(answer.headers)
    good = client.get(
        "/v1/reports/trial-balance", headers={"Authorization": f"Bearer {provider.token('first')}"}
    )
    assert good.status_code == 200
    assert "token_refused" not in log[-1]
    client.get("/v1/reports/trial-balance", headers={"Authorization": ""})
    assert "token_refused" not in log[-1], "there was none"
