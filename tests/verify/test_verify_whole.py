"""Whatever `verify` can say is said in a test of this folder: no rule of it is left that nothing falsifies.

It looks at what they were told, so it runs after them and only where all of them run (see `conftest.py`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ledger.verify
from tests.verify.tampering import TOLD

FOLDER = Path(ledger.verify.__file__).parent
# what these say is held by the tests of keys, which have the keys to say it with, by those of erasing, and by
# those of what an annual settlement gives back
ELSEWHERE = {"twins.py", "erased.py", "pockets.py"}
# texts that are no fault: SQL, and the form in which a finding is shown
NO_FAULT = re.compile(r"SELECT |\(?e\.source_ref|.*: .* \(.*\)$|\S* to \S*$", re.DOTALL)
WORDS_MIN = 3


def faults(file: Path) -> Iterator[tuple[int, str]]:
    """The line and the text of each fault that a file can tell, `*` for what is put in."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    no_text: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            no_text.add(id(node.value))
        elif isinstance(node, ast.Raise):
            # what cannot be, and says so
            no_text.update(map(id, ast.walk(node)))
        elif isinstance(node, ast.JoinedStr):
            no_text.update(map(id, node.values))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values]
            said = "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            said = node.value
        else:
            continue
        if id(node) not in no_text and len(said.split()) >= WORDS_MIN and not NO_FAULT.match(said):
            yield node.lineno, said


def test_the_texts_are_found_where_they_are() -> None:
    said = {text for _, text in faults(FOLDER / "rules.py")}
    assert {"it acts on no entry", "the digest does not follow from the one before and the content"} & said
    assert len(said) > 20


@pytest.mark.slow
@pytest.mark.sqlite
def test_every_fault_was_told() -> None:
    assert TOLD
    told = "\n".join(sorted(TOLD))
    missing = [
        f"{file.name}:{line}: {text}"
        for file in sorted(FOLDER.glob("*.py"))
        if file.name not in ELSEWHERE
        for line, text in faults(file)
        if not re.search(re.escape(text).replace(r"\*", ".*"), told)
    ]
    assert not missing, "\n".join(missing)
