"""The core is open: what posts and holds books names no noun of the wings, so a new one stays in its own.

`ledger/posting/` and `ledger/book/` import nothing of the wings below, and no identifier and no string of
theirs is made of the nouns below. What they import from `ledger.chart` is free: there every number that is
stored has its name.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.test_layering import FILES, ROOT, reached, row_of

CORE = [file for file in FILES if row_of(file) in {"posting", "book"}]
WINGS = {"people", "contributions", "care", "clearing"}
NOUNS = (
    "levy", "levies", "assessment", "declared", "enrolment", "accumulator", "quota", "settlement", "filing",
    "visit", "resident", "third party", "clearing", "reconciled", "reconciliation", "premium", "benefit",
    "retiree", "declaration", "adjudication", "late fee", "manual claim", "annual settlement",
)  # fmt: skip
# what they were called when posting had to know them
GONE = {"Needs", "Care", "Rows", "PersonClaim", "ClaimWriter"}


def nouns_in(text: str) -> set[str]:
    """The nouns that a name or a text is made of, however it is written."""
    told = "".join(character for character in text.lower() if character.isalnum())
    return {noun for noun in NOUNS if noun.replace(" ", "") in told}


def docstrings(tree: ast.AST) -> set[int]:
    """The nodes that are docstrings: prose may say what a noun is called."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                found.add(id(first.value))
    return found


def of_chart(tree: ast.AST) -> set[str]:
    """The names that a file imports from `ledger.chart`."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ledger.chart")
        for alias in node.names
    }


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of every identifier and every string that is no docstring."""
    prose, chart = docstrings(tree), of_chart(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in chart:
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            if not (isinstance(node.value, ast.Name) and node.value.id in chart):
                yield node.lineno, node.attr
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.keyword):
            yield node.value.lineno, node.arg or ""
        elif isinstance(node, ast.alias):
            if (node.asname or node.name) not in chart:
                yield node.lineno, f"{node.name} {node.asname or ''}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


@pytest.mark.parametrize("file", CORE)
def test_the_core_imports_no_wing(file: str) -> None:
    wrong = [f"{file}:{line}: {target}" for line, target in reached(file) if row_of(target) in WINGS]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", CORE)
def test_the_core_names_no_noun_of_a_wing(file: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    wrong = [
        f"{file}:{line}: {text!r} is made of {', '.join(sorted(found))}"
        for line, text in names(tree)
        if (found := nouns_in(text))
    ]
    assert not wrong, "\n".join(wrong)


def test_the_bags_of_everything_are_gone() -> None:
    classes = {
        node.name: file
        for file in FILES
        if Path(file).parts[0] == "ledger"
        for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    assert not GONE & classes.keys(), {name: classes[name] for name in GONE & classes.keys()}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from ledger.chart.kinds import Kind\nx = Kind.SETTLEMENT", set()),
        ('"""Prose may say settlement."""', set()),
        ("desk.settled_quotas", {"quota"}),
        ("def f(late_fee): ...", {"late fee"}),
        ('x = "SELECT 1 FROM third_party_case"', {"third party"}),
        ("class AnnualSettlement: ...", {"annual settlement", "settlement"}),
        ("f(reconciled=1)", {"reconciled"}),
        ("from x import levy as y", {"levy"}),
    ],
)
def test_the_nouns_are_found_however_they_are_written(code: str, found: set[str]) -> None:
    assert {noun for _line, text in names(ast.parse(code)) for noun in nouns_in(text)} == found
