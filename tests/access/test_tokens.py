"""Tokens of our own making, and the settings that both doors read."""

import base64
import json
import stat
from datetime import UTC, datetime, timedelta
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import jwt
import pytest

from ledger.access.tokens import (
    AUDIENCE,
    ISSUER,
    JWKS_FILE,
    SCOPES,
    SIGNING_FILE,
    TokenError,
    create_signing_key,
    is_institution_code,
    mint,
    write_token,
)
from ledger.settings import Settings, SettingsError


def now() -> datetime:
    """Not when the run began: a token may have ended since."""
    return datetime.now(UTC)


HOUR = timedelta(hours=1)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def public_key(directory: Path) -> jwt.PyJWK:
    [key] = json.loads((directory / JWKS_FILE).read_text())["keys"]
    assert "d" not in key, "the private half is public"
    return jwt.PyJWK(key)


def decode(token: str, directory: Path) -> dict[str, Any]:
    rights: dict[str, Any] = jwt.decode(
        token,
        public_key(directory),
        algorithms=["EdDSA"],
        audience=AUDIENCE,
        issuer=ISSUER,
        options={"require": ["exp", "iat", "sub", "aud", "iss", "client_id", "jti"]},
    )
    return rights


def test_a_token_says_who_calls_who_acts_and_what_they_may(tmp_path: Path) -> None:
    create_signing_key(tmp_path)
    token = mint(tmp_path, ["accounts:read", "admin", "admin"], "hospital-system", "clerk-7", now(), HOUR)
    rights = decode(token, tmp_path)
    assert (rights["client_id"], rights["sub"]) == ("hospital-system", "clerk-7")
    assert rights["scope"] == "accounts:read admin"
    assert rights["exp"] - rights["iat"] == 3600
    assert jwt.get_unverified_header(token) == {
        "alg": "EdDSA", "typ": "at+jwt", "kid": public_key(tmp_path).key_id
    }  # fmt: skip


def test_the_key_is_private_and_never_made_anew(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    create_signing_key(keys)
    before = {name: (keys / name).read_bytes() for name in (SIGNING_FILE, JWKS_FILE)}
    assert (mode(keys), mode(keys / SIGNING_FILE), mode(keys / JWKS_FILE)) == (0o700, 0o600, 0o644)
    token = mint(keys, SCOPES, "a", "b", now(), HOUR)
    create_signing_key(keys)
    assert {name: (keys / name).read_bytes() for name in before} == before
    (keys / JWKS_FILE).unlink()
    create_signing_key(keys)
    decode(token, keys)
    assert sorted(path.name for path in keys.iterdir()) == [JWKS_FILE, SIGNING_FILE], "a draft was left"


def test_two_first_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPool(8) as pool:
        pool.map(create_signing_key, [tmp_path] * 8)
    assert decode(mint(tmp_path, SCOPES, "a", "b", now(), HOUR), tmp_path)["sub"] == "b"
    assert sorted(path.name for path in tmp_path.iterdir()) == [JWKS_FILE, SIGNING_FILE], "a draft was left"


def test_a_jwks_of_somebody_else_is_kept_and_complained_about(tmp_path: Path) -> None:
    (tmp_path / JWKS_FILE).write_text('{"keys": []}')
    with pytest.raises(TokenError, match="public half"):
        create_signing_key(tmp_path)
    assert (tmp_path / JWKS_FILE).read_text() == '{"keys": []}'


@pytest.mark.parametrize(
    ("scopes", "caller", "lifetime"),
    [
        (["accounts:everything"], "a", HOUR),
        ([], "a", HOUR),
        (["admin"], "", HOUR),
        (["admin"], "a", timedelta(0)),
    ],
)
def test_no_token_is_made_for(tmp_path: Path, scopes: list[str], caller: str, lifetime: timedelta) -> None:
    create_signing_key(tmp_path)
    with pytest.raises(TokenError):
        mint(tmp_path, scopes, caller, "b", now(), lifetime)


def test_a_token_is_bound_to_one_institution(tmp_path: Path) -> None:
    create_signing_key(tmp_path)
    for code in ("H0001", "h", "x" * 64, "!~", "12-34.5"):
        made = mint(tmp_path, SCOPES, "a", "b", now(), HOUR, institution=code)
        assert decode(made, tmp_path)["institution"] == code
    rights = decode(mint(tmp_path, SCOPES, "a", "b", now(), HOUR), tmp_path)
    assert not {"employer", "institution"} & set(rights)


@pytest.mark.parametrize("code", ["", "x" * 65, "a/b", "a b", "H0001\n", "医院", "\x7f"])
def test_a_token_is_bound_to_no_such_institution(tmp_path: Path, code: str) -> None:
    create_signing_key(tmp_path)
    assert not is_institution_code(code)
    with pytest.raises(TokenError, match="1 to 64 visible ASCII characters without /"):
        mint(tmp_path, SCOPES, "a", "b", now(), HOUR, institution=code)


def test_a_token_is_not_bound_twice(tmp_path: Path) -> None:
    create_signing_key(tmp_path)
    with pytest.raises(TokenError, match="to one of them"):
        mint(tmp_path, SCOPES, "a", "b", now(), HOUR, employer="91999999000000001K", institution="H0001")


def test_without_a_signing_key_there_are_no_tokens(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="identity provider"):
        mint(tmp_path, SCOPES, "a", "b", now(), HOUR)
    (tmp_path / SIGNING_FILE).write_text("nonsense")
    (tmp_path / SIGNING_FILE).chmod(0o644)
    with pytest.raises(TokenError, match="others than its owner may read it"):
        mint(tmp_path, SCOPES, "a", "b", now(), HOUR)
    (tmp_path / SIGNING_FILE).chmod(0o600)
    with pytest.raises(TokenError, match="not a private key"):
        mint(tmp_path, SCOPES, "a", "b", now(), HOUR)


def test_a_token_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("older, and open to all")
    path.chmod(0o644)
    write_token(path, "newer")
    assert (path.read_text(), mode(path)) == ("newer\n", 0o600)


# -- settings ------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ["DATA", "DATABASE_URL", "KEYS", "JWKS", "POLICIES", "DEMO", "HOST", "PORT"]:
        monkeypatch.delenv(f"LEDGER_{name}", raising=False)


def test_settings_follow_the_data_directory(tmp_path: Path) -> None:
    settings = Settings.load(tmp_path)
    assert settings.url == f"sqlite:///{tmp_path}/ledger.db"
    assert (settings.keys_directory, settings.jwks_file) == (tmp_path / "keys", tmp_path / "keys/jwks.json")
    assert (settings.demo, settings.host, settings.port) == (False, "127.0.0.1", 8000)


def test_the_environment_wins_over_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", "postgresql+psycopg://u:geheim@h/d")
    monkeypatch.setenv("LEDGER_KEYS", "/etc/ledger/keys")
    monkeypatch.setenv("LEDGER_DATA", "/nowhere")
    settings = Settings.load(tmp_path)
    assert settings.data == tmp_path, "--data wins over LEDGER_DATA"
    assert settings.url == "postgresql+psycopg://u:geheim@h/d"
    assert settings.jwks_file == Path("/etc/ledger/keys/jwks.json")
    assert "geheim" not in repr(settings)


def test_settings_reach_another_process_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.load(tmp_path, demo=True, port=0, policies=tmp_path, database_url="sqlite:///x.db")
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    there = Settings.load()
    assert there.environment() == settings.environment()
    assert (there.url, there.demo, there.policies) == ("sqlite:///x.db", True, tmp_path)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "ledger.example"])
def test_the_demo_serves_on_this_machine_only(tmp_path: Path, host: str) -> None:
    assert not Settings.load(tmp_path, host=host).is_loopback
    with pytest.raises(SettingsError, match="loopback"):
        Settings.load(tmp_path, demo=True, host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_is(tmp_path: Path, host: str) -> None:
    assert Settings.load(tmp_path, demo=True, host=host).is_loopback


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LEDGER_PORT", "geheim"),
        ("LEDGER_PORT", "65536"),
        ("LEDGER_RUNS_MAX", "geheim"),
        ("LEDGER_RUNS_MAX", "0"),
        ("LEDGER_RUNS_MAX", "33"),
        ("LEDGER_RUNS_MAX", "9" * 5000),
    ],
)
def test_a_setting_that_cannot_be_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as caught:
        Settings.load()
    assert value == "0" or value not in str(caught.value)


def test_how_many_runs_go_on_at_once_is_told_to_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().runs_max == 2
    monkeypatch.setenv("LEDGER_RUNS_MAX", "5")
    assert Settings.load().environment()["LEDGER_RUNS_MAX"] == "5"


@pytest.mark.parametrize("kind", [b"\x2b\x30\x70", b"\x2b\x65\x6f"], ids=["nobody knows", "with longer keys"])
def test_a_key_of_another_kind_is_none(tmp_path: Path, kind: bytes) -> None:
    create_signing_key(tmp_path)
    lines = (tmp_path / SIGNING_FILE).read_text().splitlines()
    # 1.3.101.112 is Ed25519, 1.3.48.112 nothing, and 1.3.101.111 X448
    other = base64.b64decode("".join(lines[1:-1])).replace(b"\x2b\x65\x70", kind)
    (tmp_path / SIGNING_FILE).write_text(f"{lines[0]}\n{base64.b64encode(other).decode()}\n{lines[-1]}\n")
    for work in (lambda: create_signing_key(tmp_path), lambda: mint(tmp_path, SCOPES, "a", "b", now(), HOUR)):
        with pytest.raises(TokenError, match="not a private key"):
            work()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"keys":' + b"[" * 100_000, b"1" * 5_000]
)
def test_a_jwks_that_is_none_is_complained_about(tmp_path: Path, content: bytes) -> None:
    create_signing_key(tmp_path)
    (tmp_path / JWKS_FILE).write_bytes(content)
    with pytest.raises(TokenError, match="not JSON"):
        create_signing_key(tmp_path)
    assert (tmp_path / JWKS_FILE).read_bytes() == content
