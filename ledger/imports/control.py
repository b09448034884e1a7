"""Control totals: what whoever sent a file says is in it, held against the file before anything is posted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ledger.imports.file_lines import FileLine, is_aside
from ledger.imports.headings import Layout
from ledger.imports.rows import named_fen
from ledger.money import format_yuan
from ledger.refusals import RefusalCode, Refused

_names_somebody: Final = re.compile("[0-9]{9}").search


@dataclass(frozen=True, slots=True)
class ControlTotals:
    """How many lines a file has, and what its amounts come to in fen; None was not said."""

    lines: int | None = None
    amount_fen: int | None = None

    @property
    def given(self) -> bool:
        return self.lines is not None or self.amount_fen is not None

    def check(self, lines: Iterable[FileLine], layout: Layout) -> None:
        """Count the lines after the header and what they name. Refused (totals_differ) with what is there.

        A line whose amount cannot be read counts as a line of nothing.
        """
        count = fen = 0
        for line in lines:
            who = "" if line.row is None else line.row.get(layout.kind.who, "")
            # whoever is somebody has a number, and a total is nobody's
            if _names_somebody(who) is None and is_aside(layout, line):
                continue
            count += 1
            fen += 0 if line.row is None else named_fen(line.row, layout.kind.amounts)
        if (self.lines is not None and self.lines != count) or (
            self.amount_fen is not None and self.amount_fen != fen
        ):
            raise Refused(
                RefusalCode.TOTALS_DIFFER,
                problem=f"the file has {count} lines with {format_yuan(fen)} yuan in all; nothing was posted",
                lines=count,
                amount=format_yuan(fen),
            )


NO_TOTALS: Final = ControlTotals()
"""Nothing was said."""
