"""The house: who may import whom, and how large a room may grow.

A module lives in one room. A room imports the rooms named in its row and nothing else of the project.
A folder `ledger/posting/` is the module `posting`, with all its files.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 79
DRAWERS = {"utils", "util", "helpers", "common", "managers", "services", "repositories"}


@dataclass(frozen=True)
class Room:
    modules: frozenset[str]
    may_import: frozenset[str]  # rooms; its own name: the modules may import each other


def room(modules: str, may_import: str) -> Room:
    return Room(frozenset(modules.split()), frozenset(may_import.split()))


# From the bottom to the doors.
HOUSE = {
    # needs no database to be tested
    "rules": room(
        "money identity shares interest policy premiums late_fees spreading chart refusals vault book chain"
        " clock detail debts membership care benefits entitlement explaining"
        " recovering reconciling yearly",
        may_import="rules",
    ),
    "settings": room("settings tokens", may_import="rules settings"),
    "storage": room("tables database", may_import="rules storage"),
    # the one writer of the book knows none of the verbs
    "posting": room("posting", may_import="rules storage"),
    # what several verbs do with a desk full of books
    "shared": room(
        "owed_interest inheritance crediting assessing settling quotas institution_books",
        may_import="rules posting shared",
    ),
    # database, policies and keys of one installation, as its settings name them
    "installation": room("installation", may_import="rules settings storage posting"),
    # look at the book, and never write it
    "reading": room("reports verify persons reference", may_import="rules storage posting reading"),
    "writing": room("writer batches", may_import="rules storage posting reading"),
    # do not import each other: shared arithmetic moves down into `rules`
    "verbs": room(
        "accounts contributions spending holds freezes reversals year_end closure"
        " employers enrolments declarations payments estimates adjustments supervision retirees residents"
        " settlements settlement_reversals mutual_aid visits filings institutions third_party manual_claims"
        " annual_settlements reconciliations clearings",
        may_import="rules storage posting shared reading writing",
    ),
    "files": room("sample imports", may_import="rules storage posting shared reading writing verbs files"),
    # `ledger/__init__.py`, what the doors and other programs import
    "face": room(
        "ledger", may_import="rules settings storage installation posting shared reading writing verbs files"
    ),
    "operator": room(
        "__main__ commands runs demo serving progress",
        may_import="rules settings installation reading writing verbs files face operator",
    ),
    "api": room("api", may_import="rules settings installation reading writing verbs face api"),
}

# Packages of others, and the only places that may import them.
ONLY_IN = {
    "fastapi": {"api"},
    "starlette": {"api"},
    "pydantic": {"api"},
    "sqlalchemy": {"storage", "installation", "posting", "reading", "writing", "verbs", "files"},
    "sqlalchemy.dialects": {"database"},
    "psycopg": {"database"},
    "sqlite3": {"database"},
}

FILES = sorted(
    file.relative_to(ROOT).as_posix()
    for folder in ("ledger", "api")
    for file in (ROOT / folder).rglob("*.py")
)


def module_of(file: str) -> str:
    """`ledger/posting/plan.py` belongs to posting, `ledger/__init__.py` is the face, all of api is api."""
    parts = Path(file).with_suffix("").parts
    if parts[0] == "api":
        return "api"
    return "ledger" if parts[1] == "__init__" else parts[1]


def room_of(module: str) -> str:
    rooms = [name for name, room in HOUSE.items() if module in room.modules]
    assert rooms, f"ledger/{module}.py is new: say in which room it lives (HOUSE in tests/test_layering.py)"
    assert len(rooms) == 1, f"{module} lives in two rooms: {rooms}"
    return rooms[0]


def imports(file: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of all that a file imports, also inside functions or for type checking only."""
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: write the import in full, not relative"
            assert node.module is not None
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def ours(imported: str) -> str | None:
    """The module of this project that a dotted name reaches, if any. `ledger.Receipt` reaches the face."""
    top, *rest = imported.split(".")
    if top == "api":
        return "api"
    if top != "ledger":
        return None
    is_module = rest and (
        (ROOT / "ledger" / f"{rest[0]}.py").exists() or (ROOT / "ledger" / rest[0]).is_dir()
    )
    return rest[0] if is_module else "ledger"


@pytest.mark.parametrize("file", FILES)
def test_imports_point_one_way(file: str) -> None:
    module = module_of(file)
    home = room_of(module)
    wrong = []
    for line, imported in imports(file):
        target = ours(imported)
        if target is None or target == module:
            continue
        if room_of(target) not in HOUSE[home].may_import:
            wrong.append(f"{file}:{line}: {module} ({home}) imports {imported} ({room_of(target)})")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", FILES)
def test_packages_stay_where_they_belong(file: str) -> None:
    module = module_of(file)
    places = {module, room_of(module)}
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


def test_every_room_may_only_import_rooms() -> None:
    named = {name for room in HOUSE.values() for name in room.may_import}
    assert named <= set(HOUSE)
