"""What is published against a version that we pin is found, and a list that knows little says so."""

from __future__ import annotations

import datetime as dt
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from tests import audit
from tests.audit import VENDORED, Left, Unreadable, against, covers, pinned, read, understood
from tests.sbom import PROJECT, runtime

TODAY = dt.date(2026, 11, 30)

pytestmark = [pytest.mark.sqlite]


def affected(name: str, *events: dict[str, str], versions: Sequence[str] = ()) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}] if events else []
    return {"package": {"ecosystem": "PyPI", "name": name}, "ranges": ranges, "versions": list(versions)}


def advisory(identifier: str, *of: dict[str, Any], **more: str) -> dict[str, Any]:
    return {"id": identifier, "modified": "2026-11-29T00:00:00Z", "affected": list(of), **more}


def listed(folder: Path, *advisories: dict[str, Any], as_of: str = "2026-11-29") -> Path:
    file = folder / "advisories.json"
    file.write_text(json.dumps({"as_of": as_of, "advisories": advisories}), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        pytest.param(
            [{"introduced": "0"}, {"fixed": "1.4.2"}],
            ["0.0.1", "1.4.2rc1", "1.4.1"],
            ["1.4.2", "2"],
            id="from 0",
        ),
        pytest.param([{"introduced": "1.2"}], ["1.2", "1.2.0", "9"], ["1.1.9"], id="not fixed yet"),
        pytest.param(
            [{"introduced": "1.2"}, {"last_affected": "1.4"}],
            ["1.2", "1.4.0"],
            ["1.4.0.post1", "1.5"],
            id="the last",
        ),
        # 1.10 is newer than 1.9, however it is sorted as a text; and the order in the list says nothing
        pytest.param(
            [{"fixed": "1.10"}, {"introduced": "1.9"}], ["1.9.9"], ["1.10", "1.8", "1.11"], id="as versions"
        ),
        pytest.param(
            [{"introduced": "1"}, {"fixed": "2"}, {"introduced": "3"}, {"fixed": "4"}],
            ["1.5", "3.0"],
            ["0.9", "2.0", "4"],
            id="two stretches",
        ),
        pytest.param(
            [{"introduced": "1"}, {"fixed": "2"}, {"introduced": "2"}, {"fixed": "3"}],
            ["2"],
            ["3"],
            id="again",
        ),
        pytest.param(
            [{"introduced": "2"}, {"last_affected": "2"}], ["2.0"], ["1.9", "2.0.1"], id="one alone"
        ),
    ],
)
def test_a_range_covers_what_it_says(
    events: list[dict[str, str]], inside: list[str], outside: list[str]
) -> None:
    one = affected("starlette", *events)
    assert [version for version in inside if not covers(one, Version(version))] == []
    assert [version for version in outside if covers(one, Version(version))] == []


def test_versions_named_one_by_one_count_beside_ranges_and_commits_alone_say_all() -> None:
    named = affected("starlette", {"introduced": "0"}, {"fixed": "1"}, versions=["2.1", "not-a-version"])
    assert [version for version in ("0.9", "1", "2.1.0", "2.2") if covers(named, Version(version))] == [
        "0.9",
        "2.1.0",
    ]
    commits = {**affected("starlette"), "ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}
    assert covers(commits, Version("2.1"))
    assert not covers(affected("starlette", versions=["2.0"]), Version("2.1"))


def test_it_is_about_packages_of_ours_by_any_writing_of_their_names_and_not_about_what_was_withdrawn() -> (
    None
):
    everything = [{"introduced": "0"}]
    found = against(
        {"pyjwt": Version("2.15.1"), "typing-extensions": Version("4")},
        [
            advisory("A", affected("PyJWT", *everything)),
            advisory("B", affected("Typing.Extensions", *everything)),
            advisory("C", affected("pyjwt", *everything), withdrawn="2026-11-01T00:00:00Z"),
            advisory(
                "D", {**affected("pyjwt", *everything), "package": {"ecosystem": "npm", "name": "pyjwt"}}
            ),
            advisory("E", affected("pyjwt-extra", *everything)),
            advisory("F", affected("pyjwt", *everything, {"fixed": "2.15.1"})),
        ],
    )
    assert set(found) == {("pyjwt", "A"), ("typing-extensions", "B")}


def test_what_an_installation_gets_is_asked_and_nothing_is_published_against_it() -> None:
    assert pinned().keys() == runtime().keys() - {PROJECT}
    _as_of, advisories = read(VENDORED)
    assert set(against(pinned(), advisories)) == set()


def test_every_advisory_that_lies_here_is_about_a_package_that_is_pinned_and_finds_its_older_versions() -> (
    None
):
    _as_of, advisories = read(VENDORED)
    assert len({one["id"] for one in advisories}) == len(advisories)
    for one in advisories:
        [of] = one["affected"]
        name = of["package"]["name"]
        [events] = [each["events"] for each in of["ranges"]]
        first = next(event["introduced"] for event in events if "introduced" in event)
        # what a lower one of our pins would get
        assert name in pinned(), one["id"]
        assert set(against({name: Version(first)}, [one])) == {(name, one["id"])}


def test_what_is_found_ends_with_1_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = listed(tmp_path, advisory("PYSEC-0000-1", affected("starlette", {"introduced": "0"})))
    assert audit.audit(None, file, TODAY) == 1
    told = capsys.readouterr().out
    assert f"FOUND  starlette {pinned()['starlette']}: PYSEC-0000-1" in told
    assert "1 found" in told
    assert "days ago" not in told


def test_what_was_left_for_a_reason_is_told_and_found_again_after_its_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = listed(tmp_path, advisory("PYSEC-0000-1", affected("starlette", {"introduced": "0"})))
    monkeypatch.setattr(
        audit, "LEFT", {("starlette", "PYSEC-0000-1"): Left("no file is served by it", TODAY)}
    )
    assert audit.audit(None, file, TODAY) == 0
    assert "left   starlette" in (told := capsys.readouterr().out)
    assert "no file is served by it" in told
    assert audit.audit(None, file, TODAY + dt.timedelta(days=1)) == 1


def test_an_old_list_says_that_it_proves_little_and_one_that_lists_nothing_proves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = advisory("PYSEC-0000-1", affected("starlette", {"introduced": "0"}, {"fixed": "0.1"}))
    assert audit.audit(None, listed(tmp_path, other, as_of="2025-11-30"), TODAY) == 0
    assert "365 days ago: of what was published since it knows nothing, and proves little" in (
        capsys.readouterr().out
    )
    assert audit.audit(None, listed(tmp_path), TODAY) == 2
    assert "lists nothing" in capsys.readouterr().err
    assert audit.audit(None, tmp_path / "none.json", TODAY) == 2
    broken = advisory("PYSEC-0000-1", affected("starlette", {"introduced": "no version"}))
    assert audit.audit(None, listed(tmp_path, broken), TODAY) == 2


def test_a_list_that_somebody_brought_is_read_as_osv_publishes_it(tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for identifier in ("PYSEC-0000-1", "PYSEC-0000-2"):
            one = advisory(identifier, affected("starlette", {"introduced": "0"}))
            archive.writestr(f"{identifier}.json", json.dumps(one))
    as_of, advisories = read(file)
    assert as_of == dt.date(2026, 11, 29)
    assert {one["id"] for one in advisories} == {"PYSEC-0000-1", "PYSEC-0000-2"}
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(Unreadable, match="no list of advisories"):
        read(file)


def test_what_pip_audit_could_not_look_up_is_asked_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # its words of version 2.10.1, which ends with 0 here: "no known vulnerabilities found"
    skipped = {"name": "starlette", "skip_reason": "Dependency not found on PyPI and could not be audited"}
    asked = {"name": "Fast.API", "version": "0.165.0", "vulns": [{"id": "PYSEC-0000-3", "fix_versions": []}]}
    said = json.dumps({"dependencies": [skipped, asked], "fixes": []})
    assert understood(said) == ({"fast-api"}, {("fast-api", "PYSEC-0000-3")})
    # a machine without a network: nothing at all
    assert understood("") == understood("null") == understood("[1]") == (set(), set())
    file = listed(
        tmp_path,
        advisory("PYSEC-0000-1", affected("starlette", {"introduced": "0"})),
        advisory("PYSEC-0000-2", affected("fastapi", {"introduced": "0"})),
    )
    said = json.dumps({"dependencies": [skipped, {**asked, "name": "fastapi"}], "fixes": []})
    assert audit.audit(said, file, TODAY) == 1
    told = capsys.readouterr().out
    assert "pip-audit: 1 of them looked up" in told
    assert "PYSEC-0000-1" in told
    assert "PYSEC-0000-3" in told
    # of what was looked up the file has no say: it is older
    assert "PYSEC-0000-2" not in told


@pytest.mark.slow
def test_pip_audit_is_asked_about_every_pin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pip-audit"
    program.write_text('#!/bin/sh\nfor pins in "$@"; do :; done\ncat "$pins"\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    said = audit.asked({"fastapi": Version("0.165.0"), "pyjwt": Version("2.15.1")})
    assert said == "fastapi==0.165.0\npyjwt==2.15.1\n"
    program.unlink()
    assert audit.asked({"fastapi": Version("0.165.0")}) is None
