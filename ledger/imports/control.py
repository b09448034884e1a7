"""Control totals: what whoever sent a file says is in it, held against the file before anything is posted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.imports.lines import TextLine
from ledger.imports.rows import FileKind, named_fen
from ledger.money import format_yuan
from ledger.refusals import RefusalCode, Refused


@dataclass(frozen=True, slots=True)
class ControlTotals:
    """How many lines a file has, and what its amounts come to in fen; None was not said."""

    lines: int | None = None
    amount_fen: int | None = None

    @property
    def given(self) -> bool:
        return self.lines is not None or self.amount_fen is not None

    def check(self, lines: Iterable[TextLine], kind: FileKind, columns: tuple[str, ...]) -> None:
        """Count the lines after the header and what they name. Refused (totals_differ) with what is there.

        A line whose amount cannot be read counts as a line of nothing.
        """
        count = fen = 0
        for line in lines:
            if line.text is not None and not line.text.strip():
                continue  # an empty line is no line
            count += 1
            fen += 0 if line.text is None else named_fen(line.text, kind, columns)
        if (self.lines is not None and self.lines != count) or (
            self.amount_fen is not None and self.amount_fen != fen
        ):
            raise Refused(
                RefusalCode.TOTALS_DIFFER,
                problem=f"the file has {count} lines with {format_yuan(fen)} yuan in all; nothing was posted",
                lines=count,
                amount=format_yuan(fen),
            )
