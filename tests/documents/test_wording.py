"""Printed Chinese has Chinese signs: every constant of the sheets, and what they put together."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import documents
from ledger.refusals import RefusalCode

FILES = sorted(Path(next(iter(documents.__path__))).glob("*.py"))
_chinese = re.compile(r"[\u4e00-\u9fff]")
_half_width = re.compile(r"[,;:!?()]")


def printed_constants(file: Path) -> Iterator[str]:
    """Every text of a module but its docstrings; of an f-string the whole, an X for what is put in."""
    inside: set[int] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inside.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_printed_texts_have_full_width_signs(file: Path) -> None:
    for text in filter(_chinese.search, printed_constants(file)):
        assert _half_width.search(text) is None, text
        # one word for what is checked by, and nothing that only some forms have
        assert "验证码" not in text
        assert "扫描" not in text
        assert "二维码" not in text


def test_there_are_printed_texts_to_look_at() -> None:
    texts = {text for file in FILES for text in printed_constants(file) if _chinese.search(text)}
    assert len(texts) > 100
    assert any("法律依据：" in text for text in texts)


def test_a_refused_code_is_called_as_on_the_paper() -> None:
    assert "核验码" in RefusalCode.VERIFICATION_CODE_INVALID.words.detail
