"""What is wrong with a call, or with what it names, is told in one line that says what to change."""
# ruff: noqa: F811  the fixtures that stand in test_cli are arguments here

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine

from ledger.__main__ import app
from ledger.access.tokens import create_signing_key
from ledger.policy import load_policies
from tests.operations.test_cli import ROOT, Answer, data, ready, run  # noqa: F401  fixtures

# fifteen digits in a row, as a digest has them now and then
DIGITS = "152ebdaf97bfe5ec60ec486152334901572ebdaf97bfe5ec60ec486152334907"


@pytest.fixture
def installed(
    run: Callable[..., Answer], ready: Engine, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A whole installation that the environment names, and a folder to work in."""
    create_signing_key(data / "keys")
    monkeypatch.chdir(tmp_path)
    return data


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_digests_of_policies_are_told_whole(
    run: Callable[..., Answer], installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {one["area"]: one["file"] for one in run("policies").json["areas"]}
    shipped = load_policies(None)
    assert told == {area: policy.hash for area, policy in shipped.items()}
    # whatever the shipped ones come to
    monkeypatch.setattr(
        "ledger.operations.installation.load_policies",
        lambda _folder: {area: replace(policy, hash=DIGITS) for area, policy in shipped.items()},
    )
    assert {one["file"] for one in run("policies").json["areas"]} == {DIGITS}


# -- addresses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_that_is_taken_names_what_says_it(
    run: Callable[..., Answer], installed: Path, taken: int, command: str
) -> None:
    answer = run(command, "--port", taken)
    assert (answer.code, answer.json["code"]) == (1, "not_ready")
    assert answer.err.count("\n") == 1
    assert f"127.0.0.1:{taken}: Address already in use; --port or LEDGER_PORT" in answer.err


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_of_metrics_that_is_taken_names_its_setting(
    run: Callable[..., Answer],
    installed: Path,
    taken: int,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    workers: int,
) -> None:
    monkeypatch.setenv("LEDGER_METRICS_ADDRESS", f"127.0.0.1:{taken}")
    monkeypatch.setenv("LEDGER_WORKERS", str(workers))
    answer = run(command, "--port", 0, *(("--people", 0) if command == "demo" else ()))
    assert (answer.code, answer.json["code"]) == (1, "not_ready")
    assert answer.err.count("\n") == 1
    assert f"127.0.0.1:{taken}: Address already in use; LEDGER_METRICS_ADDRESS" in answer.err


# -- calls ---------------------------------------------------------------------------------------------------

COMPANY = "91999999000000001K"
PERSON, WRONG_DIGIT = "119999198503140015", "119999198503140016"
WRONG: dict[str, tuple[tuple[str, ...], str, str]] = {
    "no file": (("import", "nofile.csv"), "usage", "nofile.csv: No such file"),
    "a folder": (("import", "folder"), "usage", "folder: not a regular file"),
    "no file, previewed": (("import", "nofile.csv", "--preview"), "usage", "nofile.csv: No such file"),
    "no kind": (("import", "contribution", "file.csv"), "usage", "contribution: No such file"),
    "the second is none": (("import", "file.csv", "nofile.csv"), "usage", "nofile.csv: No such file"),
    "no place for the list": (("import", "file.csv", "--rejected", "nowhere"), "usage", "nowhere: no dir"),
    "no total": (("import", "file.csv", "--total", "much"), "amount_invalid", "--total is an amount"),
    "totals of two": (("import", "file.csv", "file.csv", "--lines", "2"), "shape_invalid", "of one file"),
    "no actor": (("import", "file.csv", "--actor", ""), "shape_invalid", "--by"),
    "a number as actor": (
        ("import", "file.csv", "--by", "clerk 119999-19850314-0015"),
        "shape_invalid",
        "--by says no ID number",
    ),
    "no list": (("declare", COMPANY, "2026-09", "nofile.csv"), "usage", "nofile.csv: No such file"),
    "a folder as list": (("declare", COMPANY, "2026-09", "folder"), "usage", "folder: Is a directory"),
    "month 13": (("retiree-credits", "2026-13", "--area", "990100"), "period_invalid", "as in 2026-09"),
    "no month": (("estimates", "September", "--area", "990100"), "period_invalid", "as in 2026-09"),
    "a list's month": (("declare", COMPANY, "2026-00", "file.csv"), "period_invalid", "as in 2026-09"),
    "area of a run": (("year-end", "2024", "--area", "990199"), "area_unknown", "area 990199"),
    "area of a month": (("retiree-credits", "2026-09", "--area", "12"), "area_unknown", "--area: no"),
    "area of care": (("annual-settlement", "--year", "2024", "--area", "1"), "area_unknown", "area 000001"),
    "area of lists": (("estimates", "2026-09", "--area", "990199"), "area_unknown", "those of 990100"),
    "area put in force": (("policies", "--put-in-force", "123"), "area_unknown", "--put-in-force: no"),
    "a scope": (("token", "--scope", "account:read"), "usage", "accounts:read"),
    "no scope": (("token", "--scope", " "), "usage", "accounts:read"),
    "no employer": (("token", "--scope", "admin", "--employer", "x"), "usage", "credit code"),
    "no channel": (("token", "--scope", "admin", "--channel", "door"), "usage", "window phone online kiosk"),
    "a channel in capitals": (("token", "--scope", "admin", "--channel", "Window"), "usage", "a channel is"),
    "an empty channel": (("token", "--scope", "admin", "--channel", ""), "usage", "a channel is one of"),
    "no person": (("token", "--scope", "admin", "--person", ""), "usage", "a valid ID number: id_"),
    "a wrong digit": (("token", "--scope", "admin", "--person", WRONG_DIGIT), "usage", "id_checksum"),
    "a person's account": (("token", "--scope", "admin", "--person", "P483920174650K"), "usage", "ID number"),
    "two bindings": (
        ("token", "--scope", "admin", "--person", PERSON, "--employer", COMPANY),
        "usage",
        "to one of them",
    ),
    "two others": (
        ("token", "--scope", "admin", "--person", PERSON, "--institution", "H1"),
        "usage",
        "to one of them",
    ),
    "an employer's channel": (
        ("token", "--scope", "admin", "--channel", "employer"),
        "usage",
        "to an employer",
    ),
    "another binding": (
        ("token", "--scope", "admin", "--channel", "institution", "--employer", COMPANY),
        "usage",
        "bound to an institution",
    ),
    "an act of the agency": (
        ("token", "--scope", "employers:read contributions:act", "--employer", COMPANY),
        "usage",
        "the agency's alone, and in no token that is bound to somebody: contributions:act",
    ),
    "a payment to oneself": (
        ("token", "--scope", "clearings:pay settlements:read admin", "--institution", "H0001"),
        "usage",
        "bound to somebody: admin clearings:pay",
    ),
    "an administrator of one": (
        ("token", "--scope", "admin", "--employer", COMPANY),
        "usage",
        "bound to some",
    ),
    "an administrator's own": (
        ("token", "--scope", "admin", "--person", PERSON),
        "usage",
        "bound to somebody",
    ),
    "no folder for samples": (("sample", "--people", "0", "--out", "file.csv"), "usage", "--out"),
    "an address that is none": (("drill", "--backup", "file.csv", "--into", "x"), "usage", "--into is"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_call_is_no_failure(
    run: Callable[..., Answer], installed: Path, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.csv").write_text("id_number,name,area,opened_on\n")
    call, code, says = WRONG[what]
    if what.endswith("list") or what == "no list":
        monkeypatch.setattr("ledger.imports.list_door.find", lambda *_asked: SimpleNamespace(book_id=1))
    answer = run(*call)
    assert (answer.code, answer.json["code"]) == (2, code), answer.err
    assert answer.err == f"ledger: {code}: {answer.json['problem']}\n"
    assert says in answer.err
    assert PERSON not in answer.err
    assert WRONG_DIGIT not in answer.err


@pytest.mark.parametrize("command", [("verify",), ("heads",), ("sweep",)])
def test_a_data_directory_that_is_not_there(
    run: Callable[..., Answer],
    installed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str],
) -> None:
    monkeypatch.delenv("LEDGER_DATABASE_URL")
    monkeypatch.setenv("LEDGER_KEYS", str(installed / "keys"))
    answer = run(*command, "--data", tmp_path / "nowhere")
    assert (answer.code, answer.json["code"]) == (2, "settings_invalid")
    assert f"{tmp_path / 'nowhere'} is not there (--data, LEDGER_DATA)" in answer.err
    # and one that is there and empty wants to be migrated
    (tmp_path / "empty").mkdir()
    empty = run(*command, "--data", tmp_path / "empty")
    assert (empty.code, empty.json["code"]) == (1, "not_ready")


def test_a_month_long_ago_names_the_option(run: Callable[..., Answer], installed: Path) -> None:
    call = ("retiree-credits", "2016-11", "--area", "990100")
    answer = run(*call)
    assert (answer.code, answer.json["code"]) == (1, "period_invalid")
    assert "--yes-older" in answer.err
    assert run(*call, "--yes-older").code == 0
    for never in ("1980-01", "2999-01"):
        assert "--yes-older" not in run("retiree-credits", never, "--area", "990100").err


def test_help_says_where_the_data_lies(run: Callable[..., Answer]) -> None:
    """The demo's directory is nobody's default but the demo's."""
    for command in app.registered_commands:
        # as it is wrapped, at hyphens too
        told = "".join(run(command.name, "--help").out.split())
        assert ("demo-data" in told) == (command.name in {"demo", "sample"}), command.name
        # a witness runs elsewhere, and has no installation; a proof is checked anywhere
        assert ("LEDGER_DATA" in told) == (command.name not in {"witness", "proof"}), command.name


def test_a_sample_says_which_institutions_it_names(run: Callable[..., Answer], tmp_path: Path) -> None:
    said = run("sample", "--people", 20, "--out", tmp_path).json
    lines = (tmp_path / "spendings.csv").read_text().splitlines()[1:]
    assert {line.split(",")[2] for line in lines} <= set(said["institutions"])
    told = run("sample", "--help").out
    assert all(code in told for code in said["institutions"])


@pytest.mark.slow
@pytest.mark.sqlite
def test_make_alone_lists_what_it_does() -> None:
    make = shutil.which("make")
    assert make is not None
    done = subprocess.run(
        [make, "--silent"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    told = [line.split(":")[0] for line in done.stdout.splitlines()]
    phony = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY"))
    assert {f"make {name}" for name in phony.split()[1:] if name != "moved"} == set(told)
