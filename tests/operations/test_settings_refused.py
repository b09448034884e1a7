"""What is wrong with a setting or a call is said at the start: one line, one JSON object, exit code 2."""
# ruff: noqa: F811  the fixtures that stand in test_cli are arguments here

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ledger.access.tokens import create_signing_key
from ledger.clock import now_and_today
from ledger.operations import demo
from ledger.operations.cli import app
from ledger.settings import DEFAULT_DATA, Settings
from tests.operations.test_cli import ROOT, Answer, run  # noqa: F401  a fixture
from tests.support.people import write_keys

YEAR = now_and_today()[1].year
# every command, with what it asks for; those that post, and serving, and looking
CALLS: dict[str, tuple[str, ...]] = {
    "migrate": (),
    "serve": ("--port", "0"),
    "import": ("none.csv",),
    "declare": ("91999999000000001K", "2026-09", "none.csv"),
    "year-end": ("2024", "--area", "990100"),
    "retiree-credits": ("2026-09", "--area", "990100"),
    "correct": (
        "2026-07-01",
        "2026-09-30",
        "--reason",
        "x",
        "--area",
        "990100",
        "--parameter",
        "retirees.monthly_credit",
    ),
    "annual-settlement": ("--year", "2024", "--area", "990100"),
    "estimates": ("2026-09", "--area", "990100"),
    "sweep": (),
    "events": ("sweep",),
    "verify": (),
    "seal": (),
    "scan": (),
    "policies": (),
    "documents": ("keep",),
    "keys": (),
    "heads": (),
    "drill": ("--backup", "none.dump", "--into", "sqlite:///restored.db"),
    "token": ("--scope", "admin"),
    "demo": ("--port", "0", "--people", "0"),
    "sample": ("--people", "0"),
}
# the demo makes its own, and a sample is written anywhere; keys are made where none are yet
OF_AN_INSTALLATION = [name for name in CALLS if name not in {"demo", "sample", "keys"}]
OF_A_DATABASE = [name for name in OF_AN_INSTALLATION if name not in {"token", "drill"}]


def test_every_command_is_tried() -> None:
    # what the doctor finds wrong is told among its checks, and has tests of its own; so has what spreads a
    # database or gives rights on one, which these have not; a witness has neither settings nor a database,
    # and neither has a proof
    assert set(CALLS) | {"doctor", "distribute", "grant", "witness", "proof"} == {
        command.name for command in app.registered_commands
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole installation in one directory, and one of a demo beside it: each test has copies of its own."""
    folder = tmp_path_factory.mktemp("made")
    write_keys(folder / "data/keys")
    create_signing_key(folder / "data/keys")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("LEDGER_")]:
            patch.delenv(name)
        assert CliRunner().invoke(app, ["migrate", "--data", str(folder / "data")]).exit_code == 0
        settings = Settings.load(folder / DEFAULT_DATA, demo=True)
        demo.prepare(settings, 0, now_and_today, lambda _name: pytest.fail("nobody was asked for"))
    return folder


@pytest.fixture
def there(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A whole installation in one directory, which is not named yet."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(made / "data", tmp_path / "data"))


def refused(answer: Answer, code: str) -> str:
    """The one line of a refusal at the start."""
    assert (answer.code, answer.json["code"]) == (2, code), answer.err
    assert answer.err.count("\n") == 1
    assert answer.err == f"ledger: {code}: {answer.json['problem']}\n"
    return str(answer.json["problem"])


@pytest.mark.parametrize("command", OF_AN_INSTALLATION)
def test_nobody_takes_the_demos_data_unasked(
    run: Callable[..., Answer], made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    # it lies right there
    shutil.copytree(made / DEFAULT_DATA, tmp_path / DEFAULT_DATA)
    assert "--data DIR" in refused(run(command, *CALLS[command]), "settings_invalid")
    if command != "token":
        # a database alone says nothing about its keys
        monkeypatch.setenv("LEDGER_DATABASE_URL", f"sqlite:///{tmp_path}/demo-data/ledger.db")
        assert "LEDGER_KEYS" in refused(run(command, *CALLS[command]), "settings_invalid")
        monkeypatch.delenv("LEDGER_DATABASE_URL")
    if command in {"migrate", "sweep", "verify", "policies", "token"}:
        assert run(command, *CALLS[command], "--data", DEFAULT_DATA).code == 0
        monkeypatch.setenv("LEDGER_KEYS", str(tmp_path / DEFAULT_DATA / "keys"))
        monkeypatch.setenv("LEDGER_DATABASE_URL", f"sqlite:///{tmp_path}/demo-data/ledger.db")
        assert run(command, *CALLS[command]).code == 0


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("LEDGER_DATABSE_URL", "LEDGER_DATABASE_URL"),
        ("LEDGER_DATABASE", "LEDGER_DATABASE_URL"),
        ("LEDGER_KEY", "LEDGER_KEYS"),
        ("LEDGER_JWKS_FILE", "LEDGER_JWKS"),
        ("LEDGER_POLICY", "LEDGER_POLICIES"),
        ("LEDGER_TOKEN_ISSUSER", "LEDGER_TOKEN_ISSUER"),
        ("LEDGER_RUN_MAX", "LEDGER_RUNS_MAX"),
        ("LEDGER_data", "LEDGER_DATA"),
        ("LEDGER_", "LEDGER_"),
        ("LEDGER_UNSAID", "LEDGER_"),
        # what a container platform sets for a service of that name
        ("LEDGER_SERVICE_PORT", "LEDGER_"),
        ("LEDGER_A\nB", "LEDGER_"),
    ],
)
def test_a_name_that_is_no_setting(
    run: Callable[..., Answer], there: Path, monkeypatch: pytest.MonkeyPatch, name: str, nearest: str
) -> None:
    for value in ("x", ""):
        monkeypatch.setenv(name, value)
        for command, arguments in CALLS.items():
            said = refused(run(command, *arguments, "--data", there), "settings_invalid")
            assert f"the nearest is {nearest}" in said, command
            if "\n" not in name:
                assert said.startswith(f"{name} is no setting")


def test_what_the_tests_are_told_is_no_fault(
    run: Callable[..., Answer], there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_TEST_DATABASE", "sqlite")
    monkeypatch.setenv("LEDGERS", "many")
    assert run("verify", "--data", there).code == 0


@pytest.mark.parametrize(
    "url",
    ["mysql://u:geheim@h/d", "mysql+pymysql://u:geheim@h/d", "oracle://u:geheim@h/d", "nonsense",
     "postgres://u:geheim@h/d", "postgresql+asyncpg://u:geheim@h/d", "postgresql+psycopg2://u:geheim@h/d",
     "postgresql+psycopg://u:geheim@h:port/d", "sqlite://", "sqlite:///:memory:", "sqlite+aiosqlite:///geheim",
     "mssql+pyodbc://u:geheim@h/d", "http://u:geheim@h/d", "/var/lib/geheim.db"],
)  # fmt: skip
def test_a_database_of_another_kind(
    run: Callable[..., Answer], there: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", url)
    for command in (*OF_A_DATABASE, "demo"):
        said = refused(run(command, *CALLS[command], "--data", there), "settings_invalid")
        assert "postgresql+psycopg://user@host/name or sqlite:////path/file" in said, command
        assert "geheim" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [("LEDGER_PORT", "http"), ("LEDGER_PORT", "tcp://10.0.0.1:8000"),
     ("LEDGER_RUNS_MAX", "0"), ("LEDGER_TOKEN_HOURS_MAX", "0"), ("LEDGER_TOKEN_HOURS_MAX", "9999"),
     ("LEDGER_TOKEN_HOURS_MAX", "-1"), ("LEDGER_DEMO", "perhaps")],
)  # fmt: skip
def test_a_value_that_cannot_be(
    run: Callable[..., Answer], there: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    for command, arguments in CALLS.items():
        if not (command == "demo" and name in {"LEDGER_PORT", "LEDGER_DEMO"}):
            said = refused(run(command, *arguments, "--data", there), "settings_invalid")
            assert said.startswith(f"{name}: "), command
            assert value not in said or value == "0"


def test_a_data_directory_that_is_a_file(run: Callable[..., Answer], there: Path) -> None:
    file = there / "file"
    file.write_text("")
    assert "is no directory" in refused(run("migrate", "--data", file), "settings_invalid")
    for command in OF_AN_INSTALLATION:
        assert run(command, *CALLS[command], "--data", file).code in {1, 2}, command


@pytest.mark.parametrize("name", ["index.key", "seal-1.key"])
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_may_read(run: Callable[..., Answer], there: Path, name: str, mode: int) -> None:
    (there / "keys" / name).chmod(mode)
    for command in (*OF_A_DATABASE, "demo"):
        said = refused(run(command, *CALLS[command], "--data", there), "keys_invalid")
        assert f"chmod 600 {there / 'keys' / name}" in said, command
    assert run("token", "--scope", "admin", "--data", there).code == 0, "it has a key of its own"


def test_a_signing_key_that_others_may_read(run: Callable[..., Answer], there: Path) -> None:
    (there / "keys/token-signing.pem").chmod(0o644)
    answer = run("token", "--scope", "admin", "--data", there)
    assert "chmod 600" in refused(answer, "keys_invalid")


@pytest.mark.parametrize("content", ["", "no base64!", "c2hvcnQ=", None])
def test_keys_that_are_none(run: Callable[..., Answer], there: Path, content: str | None) -> None:
    file = there / "keys/index.key"
    file.unlink()
    if content is None:
        file.mkdir()
    else:
        file.touch(mode=0o600)
        file.write_text(content)
    for command in (*OF_A_DATABASE, "demo"):
        assert "index.key" in refused(run(command, *CALLS[command], "--data", there), "keys_invalid"), command


@pytest.mark.parametrize("what", ["/etc/hostname", "/nowhere/at/all", "/tmp", "/dev/zero"])
def test_what_is_no_jwks(
    run: Callable[..., Answer], there: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setenv("LEDGER_JWKS", what)
    said = refused(run("serve", "--port", "0", "--data", there), "jwks_invalid")
    assert said.startswith(what)
    assert "LEDGER_JWKS" in said


def test_a_list_of_revoked_tokens_that_is_none(
    run: Callable[..., Answer], there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_REVOKED", str(there / "nowhere"))
    said = refused(run("serve", "--port", "0", "--data", there), "revoked_invalid")
    assert said.startswith(str(there / "nowhere"))
    monkeypatch.delenv("LEDGER_REVOKED")
    (there / "keys" / "revoked.json").write_text("{}")
    assert "revoked.json" in refused(run("serve", "--port", "0", "--data", there), "revoked_invalid")


@pytest.mark.parametrize("what", ["nowhere", "empty", "nonsense", "folder", "latin"])
def test_policies_that_are_none(
    run: Callable[..., Answer], there: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str
) -> None:
    folder = tmp_path / "policies"
    if what != "nowhere":
        folder.mkdir()
    if what == "nonsense":
        (folder / "990100.toml").write_text("nonsense")
    elif what == "folder":
        (folder / "990100.toml").mkdir()
    elif what == "latin":
        (folder / "990100.toml").write_bytes(b"\xff")
    monkeypatch.setenv("LEDGER_POLICIES", str(folder))
    for command in OF_A_DATABASE:
        if command not in {"migrate", "verify", "seal", "scan", "heads"}:
            assert refused(run(command, *CALLS[command], "--data", there), "policy_invalid")


@pytest.mark.parametrize(
    "call",
    [(), ("nonsense",), ("verify", "--nope"), ("verify", "now"), ("year-end",),
     ("year-end", "soon", "--area", "1"), ("year-end", "2024"),
     ("year-end", "2024", "--area", "9999999"), ("year-end", "99999", "--area", "990100"),
     ("annual-settlement", "2025", "--area", "990100"), ("import",), ("import", "x.csv", "--lines", "many"),
     ("token",), ("serve", "--port", "x"), ("demo", "--people", "-1"), ("sample", "--today", "soon"),
     ("policies", "--put-in-force", "x"), ("--version-of-what",)],
    ids=" ".join,
)  # fmt: skip
def test_a_wrong_call(run: Callable[..., Answer], there: Path, call: tuple[str, ...]) -> None:
    said = refused(run(*call), "usage")
    assert said.endswith("--help`")


def test_help_is_no_fault(run: Callable[..., Answer]) -> None:
    for call in (("--help",), *((command, "--help") for command in CALLS)):
        answer = run(*call)
        assert (answer.code, answer.err) == (0, "")


@pytest.mark.parametrize(
    ("call", "code", "says"),
    [(("year-end", str(YEAR), "--area", "990100"), "year_not_over", f"year {YEAR}, over_on {YEAR + 1}-01-01"),
     (("annual-settlement", "--year", str(YEAR), "--area", "990100"), "year_not_over", f"year {YEAR}"),
     (("retiree-credits", "2999-01", "--area", "990100"), "period_invalid", "The period or date cannot be")],
)  # fmt: skip
def test_a_refusal_says_what_it_refuses(
    run: Callable[..., Answer], there: Path, call: tuple[str, ...], code: str, says: str
) -> None:
    answer = run(*call, "--data", there)
    assert (answer.code, answer.json["code"]) == (1, code)
    assert answer.err.count("\n") == 1
    assert says in answer.err


def test_a_token_lives_no_longer_than_the_settings_say(
    run: Callable[..., Answer], there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_TOKEN_HOURS_MAX", "2")
    assert run("token", "--scope", "admin", "--hours", 2, "--data", there).code == 0
    call = ("token", "--scope", "admin", "--hours", 3, "--data", there)
    assert "LEDGER_TOKEN_HOURS_MAX" in refused(run(*call), "settings_invalid")


def test_settings_reach_another_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("LEDGER_")]:
        monkeypatch.delenv(name)
    said = Settings.load(
        tmp_path, token_issuer="https://id.example", token_audience="ledger", token_hours_max=9
    )
    for name, value in said.environment().items():
        monkeypatch.setenv(name, value)
    there = Settings.load()
    same = [field.name for field in fields(Settings) if field.name not in {"keys", "jwks"}]
    assert [getattr(there, name) for name in same] == [getattr(said, name) for name in same]
    assert (there.keys_directory, there.jwks_file) == (said.keys_directory, said.jwks_file)


@pytest.mark.slow
def test_the_door_itself_ends_with_two(tmp_path: Path) -> None:
    """As a shell sees it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    for call, more in ((["verify"], {}), (["verify"], {"LEDGER_KEY": "x"}), ([], {}), (["year-end"], {})):
        done = subprocess.run(
            [sys.executable, "-m", "ledger", *call],
            cwd=tmp_path,
            env=clean | more | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert json.loads(done.stdout)["problem"]
        assert done.stderr.count("\n") == 1
