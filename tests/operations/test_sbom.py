"""The list of what the service is made of is whole, and says the versions that are pinned."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.sbom import PROJECT, bill_of_materials

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.sqlite]


def test_every_package_of_an_installation_is_on_the_list_as_it_is_pinned() -> None:
    told = json.loads(bill_of_materials())
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.6")
    assert told["metadata"]["component"]["name"] == PROJECT
    versions = {one["name"]: one["version"] for one in told["components"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    assert declared <= versions.keys()
    # what tests and checks alone want is no part of it
    others = {canonicalize_name(Requirement(line).name) for line in project["optional-dependencies"]["dev"]}
    assert not others & versions.keys()
    pins = dict(
        re.findall(
            r"^([\w.-]+)==([^\s;]+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    pinned = {canonicalize_name(name): version for name, version in pins.items()}
    assert {name: pinned.get(name) for name in versions} == versions
    # and what asks for what is said by the names on the list
    refs = {one["bom-ref"] for one in (*told["components"], told["metadata"]["component"])}
    asked = {one["ref"]: set(one.get("dependsOn", ())) for one in told["dependencies"]}
    assert asked.keys() == refs
    assert set().union(*asked.values()) <= refs
    [root] = refs - {one["bom-ref"] for one in told["components"]}
    assert {ref.partition("==")[0] for ref in asked[root]} == declared
