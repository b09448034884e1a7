"""What is written once: the letters of account numbers, months, amounts in yuan, and rows by their names."""

import ast
import functools
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    file.relative_to(ROOT).as_posix()
    for folder in ("ledger", "api")
    for file in (ROOT / folder).rglob("*.py")
)
# what stands for a row of a query or a transfer wherever it stands
ROWS = {"row", "line", "move", "one", "self", "values"}


def is_power_of_letters(node: ast.AST) -> bool:
    """`10**12` and what it comes to."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Pow) and (number(node.left), number(node.right)) == (10, 12)
    return isinstance(node, ast.Constant) and node.value == 10**12


def is_by_hundred(node: ast.AST) -> bool:
    """`period // 100`, `period % 100`, `divmod(period, 100)` and `day.year * 100`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "divmod":
        return number(node.args[1]) == 100
    if not isinstance(node, ast.BinOp) or number(node.right) != 100:
        return False
    if isinstance(node.op, ast.Mult):
        return isinstance(node.left, ast.Attribute) and node.left.attr == "year"
    # a text with a place for a number, as in "%d" % 100, is none
    return isinstance(node.op, ast.FloorDiv | ast.Mod) and not isinstance(node.left, ast.Constant)


def is_by_position(node: ast.AST) -> bool:
    """`row[3]` and `row[2:7]`: what they mean stands where the columns are listed, which is elsewhere."""
    if not (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in ROWS):
        return False
    place = node.slice
    bounds = [place.lower, place.upper] if isinstance(place, ast.Slice) else [place]
    return any(isinstance(number(bound), int) for bound in bounds if bound is not None)


def number(node: ast.expr) -> object:
    """What is written there, when it is a plain number."""
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    return node.value if isinstance(node, ast.Constant) else None


# the rule, where it may be broken, and what to use instead
RULES: dict[str, tuple[Callable[[ast.AST], bool], str, str]] = {
    "letters": (is_power_of_letters, "ledger/chart/parties ledger/money", "ledger.chart.parties.Party"),
    "hundreds": (
        is_by_hundred,
        # a wage rises by so many per cent
        "ledger/months ledger/money ledger/operations/sample",
        "ledger.months, and ledger.money for yuan",
    ),
    "positions": (
        is_by_position,
        # what writes rows of any table cannot name their columns
        "ledger/database/writers",
        "the names of a row, or one line that unpacks it by name",
    ),
}


@functools.cache
def parsed(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_it_stands_in_its_place(rule: str) -> None:
    is_wrong, places, instead = RULES[rule]
    wrong = [
        f"{file}:{node.lineno}: {ast.unparse(node)}: use {instead}"
        for file in FILES
        if not any(file.startswith(place) for place in places.split())
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.expr) and is_wrong(node)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("letters", "book_id // 10**12"),
        ("letters", "book_id < 1_000_000_000_000"),
        ("hundreds", "period // 100"),
        ("hundreds", "divmod(period, 100)"),
        ("hundreds", "day.year * 100 + day.month"),
        ("positions", "row[3]"),
        ("positions", "(*row[13:29], row.table)"),
        ("positions", "row[:-1]"),
    ],
)
def test_a_breach_is_found(rule: str, code: str) -> None:
    is_wrong, _places, _instead = RULES[rule]
    assert any(map(is_wrong, ast.walk(ast.parse(code))))


@pytest.mark.parametrize("code", ["row.total", "row[name]", "row[:length]", "fen * 100", "'%s' % 100"])
def test_what_is_none_is_left_alone(code: str) -> None:
    tree = ast.parse(code)
    assert not any(is_wrong(node) for is_wrong, _, _ in RULES.values() for node in ast.walk(tree))
