"""What the service runs on is what it declares: nothing more is imported, nothing is declared for nothing."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from tests.house.test_layering import FILES, ROOT, imports

OURS = {"ledger", "api"}
# declared, and found by others than by an import of ours
FOUND_BY_OTHERS = {
    "uvloop": "uvicorn, by the name that serving gives it",
    "psycopg": "sqlalchemy, by the URL of the database",
    "manimgx-fonts-cjk": "ledger/printing/fonts.py, as the folder where its font lies",
    "tzdata": "zoneinfo, where the system has no zone files",
}
# imported, and never without the package that is declared
COMES_WITH = {"starlette": "fastapi", "pydantic-core": "pydantic"}


def plain(name: str) -> str:
    """The name of a package as registries compare it, without extras and versions."""
    found = re.match(r"[A-Za-z0-9._-]+", name)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {plain(one) for one in project["dependencies"]}


def imported() -> dict[str, str]:
    """Every package of others that the service imports, and one of the files that do."""
    tops = {
        name.split(".")[0]: file
        for file in FILES
        for _line, name in imports(file)
        if name.split(".")[0] not in OURS | sys.stdlib_module_names
    }
    homes = packages_distributions()
    return {plain(homes[top][0]): file for top, file in tops.items()}


def test_what_is_imported_is_declared() -> None:
    undeclared = {
        name: file for name, file in imported().items() if COMES_WITH.get(name, name) not in declared()
    }
    assert not undeclared


def test_what_is_declared_is_used() -> None:
    assert declared() - set(imported()) - set(FOUND_BY_OTHERS) == set()


def test_no_reason_outlives_its_package() -> None:
    assert set(FOUND_BY_OTHERS) <= declared()
    assert set(COMES_WITH) <= set(imported())
