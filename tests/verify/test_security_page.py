"""The page on what finds which change names findings that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODES = frozenset(
    code
    for folder in ("verify", "seals")
    for file in (ROOT / "ledger" / folder).glob("*.py")
    for code in re.findall(r'"([a-z]+(?:_[a-z]+)+)"', file.read_text(encoding="utf-8"))
)
CHANGED = re.compile(r"^\| [^|]+ \|([^|]*)\|([^|]*)\|$", re.MULTILINE)


@pytest.mark.sqlite
def test_every_finding_that_the_page_names_is_one() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    table = page.partition("## What finds which change")[2].partition("\n## ")[0]
    named = {
        code
        for cells in CHANGED.findall(table)
        for cell in cells
        for code in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", cell)
    }
    assert {"identity_differs", "register_changed", "sealed_entry_missing", "schema_wrong"} <= named
    assert named <= CODES
