"""What is published against the packages that an installation gets, for `make audit`.

    python -m tests.audit [--offline] [--advisories FILE]

Asked is `pip-audit`, where it is installed; it reads no file where there is no network. What it could not
look up, and all with `--offline`, is held against advisories in a file, in the form of the OSV schema: the
short list of tests/fixtures, or one that somebody brought: a `.json` like it, or a `.zip` with one advisory a
file, as OSV publishes them for PyPI. Ends with 1 where something is found, with 2 where nothing was asked.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tests.sbom import PROJECT, runtime

ROOT = Path(__file__).resolve().parent.parent
VENDORED: Final = ROOT / "tests/fixtures/advisories.json"
# a list that is older knows nothing of what was published in a quarter
OLD_DAYS: Final = 90
PIP_AUDIT_SECONDS: Final = 300

# an advisory as published
Advisory = Mapping[str, Any]


class Left(NamedTuple):
    """Why something that was found is left as it is, and until when: after that day it is a finding again."""

    reason: str
    until: dt.date


LEFT: Final[Mapping[tuple[str, str], Left]] = {}
"""What was looked at and does not touch us, by package and identifier of the advisory."""


class Unreadable(Exception):
    """What was given cannot be read as a list of advisories."""


def pinned() -> dict[str, Version]:
    """The packages that an installation gets, and their versions by constraints.txt."""
    pins = re.findall(
        r"^([\w.-]+)==([^\s;]+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    versions = {canonicalize_name(name): Version(version) for name, version in pins}
    return {name: versions[name] for name in sorted(runtime()) if name != PROJECT}


# -- the file ------------------------------------------------------------------------------------------


def read(file: Path) -> tuple[dt.date, list[Advisory]]:
    """The advisories of a file, and the day up to which it knows what was published."""
    try:
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as archive:
                advisories = [json.loads(archive.read(name)) for name in archive.namelist()]
            return max(_day(one["modified"]) for one in advisories), advisories
        told = json.loads(file.read_bytes())
        if not told["advisories"]:
            raise Unreadable(f"{file} lists nothing")
        return _day(told["as_of"]), told["advisories"]
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile) as fault:
        raise Unreadable(f"{file} is no list of advisories: {type(fault).__name__}") from None


def _day(text: str) -> dt.date:
    return dt.date.fromisoformat(text[:10])


def against(packages: Mapping[str, Version], advisories: Sequence[Advisory]) -> Iterator[tuple[str, str]]:
    """Package and identifier of each advisory that covers the version of one of the packages."""
    for advisory in advisories:
        if "withdrawn" in advisory:
            continue
        for affected in advisory.get("affected", ()):
            package = affected.get("package", {})
            name = canonicalize_name(package.get("name", ""))
            if package.get("ecosystem") == "PyPI" and name in packages and covers(affected, packages[name]):
                yield name, advisory["id"]


def covers(affected: Mapping[str, Any], version: Version) -> bool:
    """Whether a version is among those that an advisory names, one by one or from which to which.

    Ranges of commits are no versions. One that has nothing else says all: who could say that ours is not?
    """
    ranges = [one["events"] for one in affected.get("ranges", ()) if one["type"] == "ECOSYSTEM"]
    named = affected.get("versions", ())
    if not ranges and not named:
        return True
    return any(_is(version, one) for one in named) or any(_within(events, version) for events in ranges)


def _is(version: Version, text: str) -> bool:
    try:
        return Version(text) == version
    except InvalidVersion:
        # older than the rule of how a version is written: none of ours is
        return False


def _within(events: Sequence[Mapping[str, str]], version: Version) -> bool:
    """As the schema has it: events in the order of their versions, and the last one before ours counts."""

    def place(event: Mapping[str, str]) -> tuple[bool, Version, int]:
        [(what, at)] = event.items()
        # what is affected last is affected itself; at one version the end of a range comes before the next
        return (at != "0", Version(at), ("fixed", "introduced", "last_affected").index(what))

    is_affected = False
    for event in sorted(events, key=place):
        [(what, at)] = event.items()
        is_before = at == "0" or (
            Version(at) < version if what == "last_affected" else Version(at) <= version
        )
        if is_before:
            is_affected = what == "introduced"
    return is_affected


# -- pip-audit -----------------------------------------------------------------------------------------


def asked(packages: Mapping[str, Version]) -> str | None:
    """What pip-audit says in JSON; None where it is not installed, an empty text where it could not ask."""
    program = shutil.which("pip-audit", path=str(Path(sys.executable).parent)) or shutil.which("pip-audit")
    if program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="ledger-audit-") as folder:
        pins = Path(folder) / "pins.txt"
        pins.write_text(
            "".join(f"{name}=={version}\n" for name, version in packages.items()), encoding="utf-8"
        )
        arguments = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "-f", "json", "-r", str(pins)]
        try:
            done = subprocess.run(
                [program, *arguments], capture_output=True, text=True, check=False, timeout=PIP_AUDIT_SECONDS
            )
        except subprocess.TimeoutExpired:
            return ""
    return done.stdout


def understood(said: str) -> tuple[set[str], set[tuple[str, str]]]:
    """Of what pip-audit said: the packages that it looked up, and what it found.

    It ends with 0 and "no known vulnerabilities" also where it could look up none: that says nothing.
    """
    try:
        told = json.loads(said)["dependencies"]
    except (ValueError, LookupError, TypeError):
        return set(), set()
    looked_up = [one for one in told if "skip_reason" not in one]
    found = {(canonicalize_name(one["name"]), vuln["id"]) for one in looked_up for vuln in one["vulns"]}
    return {canonicalize_name(one["name"]) for one in looked_up}, found


# -- what is told --------------------------------------------------------------------------------------


def audit(said: str | None, file: Path, today: dt.date) -> int:
    """Tell what is found, by pip-audit's answer and by the file, and end with a code."""
    packages = pinned()
    print(f"{len(packages)} packages that an installation gets, as constraints.txt pins them")
    looked_up, found = (set[str](), set[tuple[str, str]]()) if said is None else understood(said)
    if said is not None:
        print(f"pip-audit: {len(looked_up)} of them looked up")
    else:
        print("pip-audit: not asked")
    if rest := {name: version for name, version in packages.items() if name not in looked_up}:
        try:
            as_of, advisories = read(file)
            found |= set(against(rest, advisories))
        except (Unreadable, InvalidVersion) as fault:
            print(f"nothing was asked of the other {len(rest)}: {fault}", file=sys.stderr)
            return 2
        age = (today - as_of).days
        print(f"{len(advisories)} advisories in {file.name} for the other {len(rest)}, as of {as_of}")
        if age > OLD_DAYS:
            print(f"that is {age} days ago: of what was published since it knows nothing, and proves little")
    return _tell(found, packages, today)


def _tell(found: set[tuple[str, str]], packages: Mapping[str, Version], today: dt.date) -> int:
    open_ones = 0
    for name, advisory in sorted(found):
        left = LEFT.get((name, advisory))
        if left is not None and today <= left.until:
            print(f"left   {name} {packages[name]}: {advisory} until {left.until}: {left.reason}")
        else:
            open_ones += 1
            print(f"FOUND  {name} {packages[name]}: {advisory}")
    print(f"{open_ones} found")
    return 1 if open_ones else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.audit")
    parser.add_argument("--offline", action="store_true", help="ask the file alone")
    parser.add_argument(
        "--advisories", type=Path, default=VENDORED, help="a .json or a .zip in the OSV schema"
    )
    options = parser.parse_args()
    said = None if options.offline else asked(pinned())
    return audit(said, options.advisories, dt.datetime.now(dt.UTC).date())


if __name__ == "__main__":
    sys.exit(main())
