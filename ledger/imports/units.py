"""Amounts in another unit than yuan, as headings and titles name one: read as yuan they would be wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ledger.imports.spellings import plain

_UNIT: Final = (
    r"(?:人民币)?(?:[十百千万亿]+元?|[角分]|%|thousands?|millions?)"
    r"|(?:美|港|欧|日|澳门|新台)[元币]|usd|us\$|hkd|eur|jpy|mop|twd"
)
_in_parentheses = re.compile(
    rf"[(\[【] *(?:单位 *:? *)?({_UNIT}) *[)\]】]|[/:_ -]({_UNIT})$|({_UNIT})$"
).search
_said_above = re.compile(rf"单位 *: *({_UNIT})(?:[ )\]】,;，。]|$)").search


def unit_of_heading(heading: str) -> str:
    """The unit of a column of amounts, as its heading names it; empty for yuan, or none."""
    found = _in_parentheses(plain(heading).casefold())
    return "" if found is None else next(filter(None, found.groups()), "")


def unit_above(fields: Iterable[str]) -> str:
    """The unit of a whole table, as a title above it says, such as 单位：万元; empty for yuan, or none."""
    for field in fields:
        found = _said_above(plain(field).casefold())
        if found is not None:
            return found[1]
    return ""
