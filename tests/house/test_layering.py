"""The house: who may import whom, and how large a room may grow.

One row a folder, from the ground up. A folder imports from the rows that its own row names, which all stand
above it here, so no circle of folders can be written down; a module that lies directly in `ledger/` or `api/`
has a row of its own. Files are held to be free of circles too, inside a folder as well.
"""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 79
DRAWERS = {"utils", "util", "helpers", "common", "managers", "services", "repositories"}

LEAVES = (
    "addresses bounds id_forms money months texts unseen shares clock csv_out refusals vault settings"
    " measures version"
)
GROUND = f"{LEAVES} chart policy"
STORED = f"{GROUND} database tables book"
CORE = f"{STORED} posting"
WINGS = "people institutions accounts contributions owed care estates transfers clearing"

HOUSE: dict[str, str] = {
    # what a row names may be imported; leaves import each other and nothing else of ours
    **dict.fromkeys(LEAVES.split(), LEAVES),
    "chart": LEAVES,
    "policy": f"{LEAVES} chart",
    "database": LEAVES,
    "book": GROUND,
    "tables": GROUND,
    "posting": STORED,
    "reports": CORE,
    "people": CORE,
    "institutions": CORE,
    "accounts": f"{CORE} people institutions",
    "contributions": f"{CORE} people institutions accounts",
    "owed": f"{CORE} accounts",
    "care": f"{CORE} people institutions accounts owed reports",
    "estates": f"{CORE} people institutions accounts contributions owed care",
    "transfers": f"{CORE} people accounts contributions owed estates",
    "corrections": f"{CORE} people accounts contributions",
    "clearing": f"{CORE} institutions care reports",
    "access": f"{CORE} people contributions",
    "events": f"{CORE} contributions",
    "inquiry": f"{CORE} {WINGS} reports access events",
    "printing": LEAVES,
    "documents": f"{CORE} {WINGS} reports access events inquiry printing",
    "cases": f"{CORE} {WINGS} reports access inquiry documents",
    "approvals": f"{CORE} {WINGS} reports access inquiry",
    "imports": f"{CORE} people accounts contributions transfers reports",
    "verify": f"{CORE} {WINGS} reports access events inquiry documents",
    "seals": f"{CORE} verify",
    "operations": f"{CORE} {WINGS} corrections reports access events inquiry documents cases imports"
    " verify seals",
    # the face, which other programs import, and the operator's door
    "ledger": f"{CORE} {WINGS} reports imports",
    "__main__": f"{GROUND} {WINGS} reports access imports verify operations",
    "api": "",
    "api/http": f"ledger {LEAVES} chart policy book posting {WINGS} reports access operations",
    "api/accounts": f"api/http ledger {GROUND} book accounts people care estates reports inquiry",
    "api/transfers": f"api/http ledger {GROUND} book owed transfers estates reports",
    "api/operations": f"api/http api/accounts api/transfers ledger {GROUND} database book posting corrections"
    f" {WINGS} reports operations imports",
    "api/contributions": f"api/http api/operations ledger {GROUND} book people contributions reports",
    "api/people": f"api/http api/contributions ledger {GROUND} book people contributions reports",
    "api/institutions": f"api/http ledger {GROUND} book institutions care clearing reports",
    "api/care": f"api/http api/operations api/institutions ledger {GROUND} book people care reports",
    "api/inquiry": f"api/http api/accounts api/contributions api/people api/care ledger {GROUND} book {WINGS}"
    " reports access events inquiry documents printing cases seals",
    "api/approvals": f"api/http ledger {GROUND} book people reports inquiry approvals",
    "api/openapi": "api/http api/operations access",
    "api/docs": "api/openapi",
    "api/main": "api/docs api/http api/operations api/accounts api/contributions api/people api/institutions"
    " api/care api/transfers api/inquiry api/approvals ledger settings operations",
    "api/__main__": "api/main api/openapi",
}

# Packages of others, and the only places that may import them.
ONLY_IN = {
    "fastapi": {"api"},
    "starlette": {"api"},
    "pydantic": {"api"},
    "sqlalchemy": {"ledger"},
    "sqlalchemy.dialects": {"database"},
    "psycopg": {"database"},
    "sqlite3": {"database"},
}

FILES = sorted(
    file.relative_to(ROOT).as_posix()
    for folder in ("ledger", "api")
    for file in (ROOT / folder).rglob("*.py")
)


def row_of(file: str) -> str:
    """`ledger/posting/write.py` lies in posting, `api/care/bills.py` in api/care, the face in ledger."""
    top, *rest = Path(file).with_suffix("").parts
    if rest[0] == "__init__":
        return top
    return rest[0] if top == "ledger" else f"{top}/{rest[0]}"


@functools.cache
def module_file(dotted: str) -> str | None:
    """The file of a module of this project, if there is one of that name."""
    path = Path(*dotted.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if (ROOT / file).exists():
            return file.as_posix()
    return None


@functools.cache
def imports(file: str) -> tuple[tuple[int, str], ...]:
    """(line, dotted name) of all that a file imports, also inside functions or for type checking only."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: write the import in full, not relative"
            assert node.module is not None
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return tuple(found)


def reached(file: str) -> Iterator[tuple[int, str]]:
    """(line, file of this project) for every import of ours. `ledger.Receipt` reaches the face."""
    for line, imported in imports(file):
        if imported.split(".")[0] in {"ledger", "api"}:
            target = module_file(imported) or module_file(imported.rpartition(".")[0])
            assert target is not None, f"{file}:{line}: {imported} is nowhere"
            yield line, target


@pytest.mark.parametrize("file", FILES)
def test_imports_point_one_way(file: str) -> None:
    home = row_of(file)
    assert home in HOUSE, f"{file} lies in no row: say what {home} may import (HOUSE)"
    allowed = {home, *HOUSE[home].split()}
    wrong = [
        f"{file}:{line}: {home} imports {target}"
        for line, target in reached(file)
        if row_of(target) not in allowed
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", FILES)
def test_packages_stay_where_they_belong(file: str) -> None:
    places = {row_of(file), Path(file).parts[0]}
    wrong = [
        f"{file}:{line}: {imported} belongs in {', '.join(sorted(allowed))} only"
        for line, imported in imports(file)
        for package, allowed in ONLY_IN.items()
        if f"{imported}.".startswith(f"{package}.") and not places & allowed
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", FILES)
def test_rooms_stay_small(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    lines = len(text.splitlines())
    assert lines <= MODULE_LINES_MAX, f"{file} has {lines} lines: make it a folder of the same name"
    long = [
        f"{file}:{node.lineno}: {node.name} has {length} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not long, "\n".join(long)


@pytest.mark.parametrize("file", FILES)
def test_no_drawers(file: str) -> None:
    names = {part.lower() for part in Path(file).with_suffix("").parts}
    assert not names & DRAWERS, f"{file}: name it after what it does"


def test_a_row_names_rows_above_it() -> None:
    rows = list(HOUSE)
    wrong = {
        row: below
        for place, row in enumerate(rows)
        if (below := {name for name in HOUSE[row].split() if name not in rows[:place]} - set(LEAVES.split()))
    }
    assert not wrong
    assert {row_of(file) for file in FILES} == set(rows), "a row without a file, or a file without a row"


def test_no_files_import_each_other_in_a_circle() -> None:
    arrows = {file: {target for _line, target in reached(file) if target != file} for file in FILES}
    while free := {file for file, targets in arrows.items() if not targets}:
        arrows = {file: targets - free for file, targets in arrows.items() if file not in free}
    assert not arrows, f"a circle runs through {sorted(arrows)}"
