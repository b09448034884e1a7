"""What became of what waits for a second person: numbers that are stored (R68)."""

from enum import IntEnum


class ApprovalState(IntEnum):
    """As it stands in its row. That its time is over is seen by the clock, and stored nowhere."""

    WAITING = 1
    APPROVED = 2
    REJECTED = 3
