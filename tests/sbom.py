"""What the service is made of: a CycloneDX list of every package that an installation gets, for `make sbom`.

    python -m tests.sbom FILE

The packages are those that the project declares and what those declare, as they are installed here, which is
as constraints.txt pins them. Nothing that tests or checks alone want is among them.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = "medical-account-ledger"
LICENSE_CHARACTERS_MAX = 80


def requirements(name: str, extras: frozenset[str] = frozenset()) -> Iterator[tuple[str, frozenset[str]]]:
    """What a package asks for here, with these extras of it."""
    for line in importlib.metadata.requires(name) or ():
        one = Requirement(line)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras or {""}):
            yield one.name, frozenset(one.extras)


def runtime() -> dict[str, set[str]]:
    """Every package that the service declares, and what those declare, by what each asks for itself."""
    found: dict[str, set[str]] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = {(PROJECT, frozenset[str]())}
    while waiting:
        one = waiting.pop()
        seen.add(one)
        asked = set(requirements(*one))
        names = {canonicalize_name(name) for name, _extras in asked}
        found.setdefault(canonicalize_name(one[0]), set()).update(names)
        waiting |= asked - seen
    return found


def component(name: str) -> Component:
    """A package as the list has it: its version as installed, and its licence where it says one in a word."""
    told = importlib.metadata.metadata(name).json
    version = importlib.metadata.version(name)
    licence = str(told.get("license_expression") or told.get("license") or "")
    purl = None if name == PROJECT else PackageURL("pypi", None, name, version)
    return Component(
        name=name,
        version=version,
        type=ComponentType.APPLICATION if name == PROJECT else ComponentType.LIBRARY,
        bom_ref=f"{name}=={version}",
        purl=purl,
        licenses=[DisjunctiveLicense(name=licence)]
        if licence and len(licence) <= LICENSE_CHARACTERS_MAX
        else None,
    )


def bill_of_materials() -> str:
    """The list as CycloneDX 1.6 in JSON."""
    asked = runtime()
    components = {name: component(name) for name in sorted(asked)}
    bom = Bom()
    bom.metadata.component = components[PROJECT]
    bom.components.update(one for name, one in components.items() if name != PROJECT)
    for name, one in components.items():
        bom.register_dependency(one, [components[other] for other in sorted(asked[name])])
    text: str = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)
    return text


def main() -> None:
    [file] = map(Path, sys.argv[1:])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{bill_of_materials()}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
