"""CSV as spreadsheets open it rightly: no cell that they would run, and quotes where they belong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ledger.unseen import IS_DIRECTION, UNSEEN

BYTE_ORDER_MARK: Final = "\ufeff"
"""Without it spreadsheets of this country read GBK."""

# What makes a spreadsheet run a cell instead of showing it, also in the full-width and small forms, which
# some take for the plain ones. Blanks before it, of any kind, and what nobody sees do not make it harmless:
# whatever reads the file next may take them away.
_BEFORE: Final = "".join(f"{chr(first)}-{chr(last)}" for first, last in (*UNSEEN, *IS_DIRECTION))
_match_formula = re.compile(
    f"[\\s{_BEFORE}]*[=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212]|[\t\r\n]"
).match
_match_number = re.compile(r"-?[0-9]+(\.[0-9]+)?").fullmatch


def safe_cell(value: object) -> str:
    """What stands in a cell: nothing for None, and an apostrophe before what would be run."""
    if value is None:
        return ""
    text = str(value)
    return f"'{text}" if _match_formula(text) and not _match_number(text) else text


def csv_line(cells: Iterable[object], end: str = "\n") -> str:
    """One line of CSV."""
    return ",".join(_quoted(safe_cell(cell)) for cell in cells) + end


def _quoted(text: str) -> str:
    if any(character in text for character in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
