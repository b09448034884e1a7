"""Bills of which somebody else bears a share. Pure."""

from __future__ import annotations

from typing import NamedTuple

from ledger.book.beside import StateKind


class ThirdPartyCase(NamedTuple):
    """A settled bill of which somebody else bears a share (R44–R47). `advance` is also the receivable."""

    settlement_seq: int
    kind: int
    # of the bill's in-scope part: what the cause takes off
    excluded: int
    advance: int = 0
    # what the third party has paid so far, and what of the advance came back by bank and by set-off
    paid: int = 0
    returned: int = 0
    set_off: int = 0

    @property
    def receivable(self) -> int:
        return self.advance - self.returned - self.set_off


# by the entry that opened it
CASE_STATE: StateKind[int, ThirdPartyCase] = StateKind("third_party_case", ("seq",), ThirdPartyCase)
