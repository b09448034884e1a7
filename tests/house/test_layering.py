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

LEAVES = "money months shares clock refusals vault settings"

HOUSE: dict[str, str] = {
    **dict.fromkeys(LEAVES.split(), LEAVES),
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
    if home not in HOUSE:
        return
    allowed = {home, *HOUSE[home].split()}
    wrong = [
        f"{file}:{line}: {home} imports {target}"
        for line, target in reached(file)
        if row_of(target) in HOUSE and row_of(target) not in allowed
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
