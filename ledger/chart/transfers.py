"""The words of transfers, and of other ways out of the scheme (R51, R52)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Direction(IntEnum):
    """Which way the money goes. The numbers are stored."""

    OUT = 1
    IN = 2

    @property
    def word(self) -> str:
        """As callers see it."""
        return self.name.lower()


class TransferStatus(IntEnum):
    """How far a transfer has come. The numbers are stored."""

    # of one out
    REQUESTED = 1
    SENT = 2
    ACKNOWLEDGED = 3
    # of both
    REJECTED = 4
    CANCELLED = 5
    # of one in
    ANNOUNCED = 6
    CREDITED = 7

    @property
    def word(self) -> str:
        """As callers see it."""
        return self.name.lower()


STATUS_WORDS: Final[dict[str, TransferStatus]] = {one.word: one for one in TransferStatus}

# of which something is to be done yet
UNDER_WAY: Final = frozenset({TransferStatus.REQUESTED, TransferStatus.SENT, TransferStatus.ANNOUNCED})
# whose money has moved
MOVED: Final = frozenset({TransferStatus.SENT, TransferStatus.ACKNOWLEDGED, TransferStatus.CREDITED})

# why somebody is paid out at once (R52): an area offers those that it names
EXIT_CASES: Final = ("settled_abroad", "transfer_impossible", "voluntary_exit", "retiree_resettled")
