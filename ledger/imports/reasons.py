"""Why a line was refused, in a sentence for whoever has to correct it. No sentence holds a comma."""

from __future__ import annotations

from typing import Final

from ledger.refusals import RefusalCode

# in the list of rejected lines: a line that met a bug or a constraint, see the log
INTERNAL_ERROR: Final = "internal_error"


def reason(code: str) -> str:
    """The sentence of a code as it stands in a list of rejected lines."""
    if code == INTERNAL_ERROR:
        return "The line met a fault of the service: see its log"
    return RefusalCode(code).words.reason
