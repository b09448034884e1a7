"""One table of a refusal's words: a new refusal is one row in one file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from api.http.problems import DoorCode
from ledger.refusals import PRECEDENCE, RefusalCode, Worded

ROOT = Path(__file__).resolve().parents[2]
TABLE = "ledger/refusals/codes.py"
FILES = sorted(
    file.relative_to(ROOT).as_posix()
    for folder in ("ledger", "api")
    for file in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("code", [*RefusalCode, *DoorCode])
def test_every_row_is_complete(code: Worded) -> None:
    assert code.words.code == code.value == code.name.lower()
    assert 400 <= code.words.status < 600
    assert code.words.title[0].isupper()
    assert code.words.title.isascii()
    assert code.words.detail.endswith("。")
    assert code.words.reason[0].isupper()


def test_the_order_of_the_table_is_the_precedence() -> None:
    assert list(PRECEDENCE) == list(RefusalCode)
    assert sorted(PRECEDENCE.values()) == list(range(len(RefusalCode)))


def tables_of_codes(source: str) -> list[int]:
    """The lines where a dict is keyed by codes: another place that a new refusal would have to be told."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Dict) and any(_is_code(key) for key in node.keys))
        or (isinstance(node, ast.DictComp) and any("RefusalCode" in ast.dump(one) for one in node.generators))
    ]


def _is_code(key: ast.expr | None) -> bool:
    return isinstance(key, ast.Attribute) and key.attr in RefusalCode.__members__


def nameless(source: str) -> list[int]:
    """The lines where something is refused because of what came later, without saying what that is."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and any(isinstance(one, ast.Attribute) and one.attr == "NOT_LAST" for one in node.args)
        and "entries" not in {said.arg for said in node.keywords}
    ]


def test_what_stands_in_the_way_is_named() -> None:
    found = {file: nameless((ROOT / file).read_text(encoding="utf-8")) for file in FILES}
    assert {file: lines for file, lines in found.items() if lines} == {}
    assert nameless("raise Refused(R.NOT_LAST)\nraise Refused(R.NOT_LAST, months=[])") == [1, 2]
    assert nameless("raise Refused(R.NOT_LAST, entries=[name])") == []


@pytest.mark.parametrize("file", FILES)
def test_no_second_table_is_kept(file: str) -> None:
    found = tables_of_codes((ROOT / file).read_text(encoding="utf-8"))
    # the table's own order, made from it
    assert len(found) == (1 if file == TABLE else 0), f"{file}: a table of refusals in lines {found}"


def test_a_second_table_would_be_seen() -> None:
    assert tables_of_codes('WORDS = {R.AMOUNT_INVALID: "no amount"}') == [1]
    assert tables_of_codes("RANK = {code: 0 for code in RefusalCode}") == [1]
    assert tables_of_codes('KINDS = {Kind.SPEND: "spend"}') == []
