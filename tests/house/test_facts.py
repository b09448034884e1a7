"""What a refusal tells beside its code: money always in yuan, at every door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.http.errors import problem_document
from ledger.money import in_yuan
from ledger.operations.cli import fail, problem_of
from ledger.posting.left_out import LeftOut
from ledger.refusals import RefusalCode, Refused

ROOT = Path(__file__).resolve().parents[2]
REFUSING = frozenset({"Refused", "Declined", "ShapeRefused"})
# what the words of a call are beside its facts
NO_FACTS = frozenset({"at", "headers"})
NO_MONEY = frozenset({
    "cells", "closed_on", "columns", "commands_max", "correction", "day", "days", "days_in_all", "days_max",
    "earliest",
    "files_max", "group", "header", "in_a_row", "items", "latest", "lines", "lines_max", "missing", "over_on",
    "parameter", "problem", "rows", "runs_max", "scope", "sealed_year", "services", "successor", "year",
    "entries", "months", "state",
})  # fmt: skip
"""Facts that are days, months, names, numbers of something and words. Of a new one it is said here."""


def facts_said(source: str) -> Iterator[tuple[int, str, ast.expr]]:
    """Line, name and value of every fact of every refusal that a source makes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _name(node.func) in {*REFUSING, "lacking"}:
            for word in node.keywords:
                if word.arg is not None and word.arg not in NO_FACTS:
                    yield node.lineno, word.arg, word.value


def _name(called: ast.expr) -> str:
    return (
        called.attr
        if isinstance(called, ast.Attribute)
        else called.id
        if isinstance(called, ast.Name)
        else ""
    )


def is_told_as_money(name: str, value: ast.expr) -> bool:
    """Whether a fact is either no money, or an amount that is told in yuan."""
    in_words = isinstance(value, ast.Call) and _name(value.func) == "format_yuan"
    return name.endswith("_fen") or in_words or name in NO_MONEY


def test_every_fact_that_is_money_is_told_as_money() -> None:
    found = [
        (file.relative_to(ROOT).as_posix(), line, name)
        for folder in ("ledger", "api")
        for file in sorted((ROOT / folder).rglob("*.py"))
        for line, name, value in facts_said(file.read_text(encoding="utf-8"))
        if not is_told_as_money(name, value)
    ]
    assert found == []


def test_the_walk_sees_every_fact() -> None:
    said = {
        name
        for folder in ("ledger", "api")
        for file in (ROOT / folder).rglob("*.py")
        for _line, name, _value in facts_said(file.read_text(encoding="utf-8"))
    }
    assert said >= {"available_fen", "owed_fen", "surplus_fen", "wages_fen", "amount"}
    # a name that nothing has any more is no excuse for a new one
    assert said >= NO_MONEY


@pytest.mark.parametrize(("fen", "yuan"), [(9_800, "98.00"), (0, "0.00"), (1, "0.01"), (-5, "-0.05")])
def test_an_amount_is_told_in_yuan_at_every_door(fen: int, yuan: str) -> None:
    refused = Refused(RefusalCode.QUOTA_TOO_HIGH, at="amount_fen", available_fen=fen)
    wanted = {"available": yuan}
    assert in_yuan(refused.facts) == wanted
    assert problem_document(refused.code, "", refused.facts)["facts"] == wanted
    said, _well = fail(refused.code.value, problem_of(refused), refused.facts)
    assert said == {"code": "quota_too_high", **wanted}
    assert problem_of(refused).endswith(f"(available {yuan})")
    left_out = LeftOut()
    left_out.add(1, refused.code.value, refused.facts)
    assert left_out.books[0].facts == wanted
