"""Which documents are long: drawing them takes seconds and much memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ledger.chart.documents import DocumentKind
from ledger.documents.drafting import Drafted, Printer
from ledger.documents.issuing import IssuedDocument
from ledger.refusals import RefusalCode, Refused

LINES_SHORT_MAX: Final = 100
"""How many lines a short document has at most: they are on two pages, or three."""

_PAGES_SHORT_MAX: Final = 3
# facts are packed: a hundred lines are seldom more
_FACTS_SHORT_MAX: Final = 16 << 10
# of these the number of items says nothing of the lines
_ITEMS_ARE_NO_LINES: Final = frozenset(
    {DocumentKind.INSURED_PROOF, DocumentKind.YEARLY_STATEMENT, DocumentKind.SETTLEMENT_SHEET}
)


def draft_short(draft: Callable[[Printer], Drafted], printer: Printer) -> Drafted | None:
    """A document that is to be printed, if it is a short one; of a long one not everything is read for that.

    Raises what `draft` raises.
    """
    try:
        drafted = draft(replace(printer, lines_max=LINES_SHORT_MAX))
    except Refused as refused:
        if refused.code is RefusalCode.DOCUMENT_TOO_LONG:
            return None
        raise
    return None if drafted.lines > LINES_SHORT_MAX else drafted


def is_long_again(row: IssuedDocument) -> bool:
    """Whether a document that was handed out is long, when it is made again."""
    return (
        row.pages > _PAGES_SHORT_MAX
        or len(row.facts_sealed) > _FACTS_SHORT_MAX
        or (row.kind not in _ITEMS_ARE_NO_LINES and row.items > LINES_SHORT_MAX)
    )
